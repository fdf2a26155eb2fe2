//! get, list and watch.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::cluster::{Body, Cluster, Served};
use super::kinds::Kind;
use super::render::Form;
use super::request::{Call, Query, Target};
use super::selectors::Selector;
use super::status::{FieldError, FieldErrorType, StatusError};
use super::store::{Key, Objects};
use super::watch::{Subscription, Watcher};

/// A watch without `timeoutSeconds` ends within 30 to 60 minutes (`--min-request-timeout`).
const MIN_WATCH_SECONDS: u64 = 1800;
/// How often the watch cache sends bookmarks.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);

impl Cluster {
    pub(crate) fn get(
        &mut self,
        now: Timestamp,
        call: &Call,
        kind: &Kind,
        target: &Target,
    ) -> Result<Served, StatusError> {
        let found = self.store.get(&kind.resource, &Key::new(&target.namespace, &target.name));
        let object = found.ok_or_else(|| StatusError::not_found(&kind.resource, &target.name))?;
        let form = Form::negotiate(&call.accept, call.query.get("includeObject"));
        Ok(Served::json(form.one(kind, object, true, now)))
    }

    pub(crate) fn list(
        &mut self,
        now: Timestamp,
        call: &Call,
        kind: &Kind,
        target: &Target,
        back: u64,
    ) -> Result<Served, StatusError> {
        let selector = Selector::parse(kind, &target.namespace, &call.query)?;
        let page = Page::parse(&call.query)?;
        let revision = self.revision_to_list(&call.query, &page)?.saturating_sub(back);
        let objects = self.store.at(&kind.resource, revision).ok_or_else(|| page.expired())?;
        let (items, meta) = page.cut(&objects, revision, |o| selector.matches(kind, o), &call.query);
        let form = Form::negotiate(&call.accept, call.query.get("includeObject"));
        Ok(Served::json(form.list(kind, items.into_iter(), meta, now)))
    }

    /// The state to show: the newest, unless an exact one or a page of an older one is wanted.
    fn revision_to_list(&self, query: &Query, page: &Page) -> Result<u64, StatusError> {
        let newest = self.store.revision();
        if let Some((revision, _)) = &page.from {
            return Ok(*revision);
        }
        check_match(query)?;
        let wanted = query.number("resourceVersion")?.unwrap_or_default();
        if wanted > newest {
            return Err(StatusError::too_large_resource_version(wanted, newest));
        }
        let exact = query.get("resourceVersionMatch") == Some("Exact");
        let page_of_that = query.get("resourceVersionMatch").is_none() && page.limit > 0;
        Ok(if wanted > 0 && (exact || page_of_that) { wanted } else { newest })
    }

    pub(crate) fn watch(
        &mut self,
        now: Timestamp,
        call: &Call,
        kind: &Arc<Kind>,
        target: &Target,
    ) -> Result<Served, StatusError> {
        check_initial_events(&call.query)?;
        let mut selector = Selector::parse(kind, &target.namespace, &call.query)?;
        if !target.name.is_empty() {
            selector = selector.named(&target.name);
        }
        let from = call.query.number("resourceVersion")?.unwrap_or_default();
        let form = Form::negotiate(&call.accept, call.query.get("includeObject"));
        self.next_watch += 1;
        let id = self.next_watch;
        let (mut watcher, events) = Watcher::open(id, kind.clone(), selector, form, call.clone());
        self.catch_up(now, &mut watcher, from);
        self.watchers.push(watcher);
        let seconds =
            call.query.number("timeoutSeconds")?.unwrap_or(MIN_WATCH_SECONDS + id * 7 % MIN_WATCH_SECONDS);
        let subscription = Subscription {
            id,
            events,
            timeout: Duration::from_secs(seconds),
            bookmarks: call.query.flag("allowWatchBookmarks").then_some(BOOKMARK_EVERY),
        };
        Ok(Served::new(200, Body::Watch(subscription)))
    }

    /// Sends what the client has not seen: all objects for a streamed list or revision 0, else the events since `from`.
    fn catch_up(&mut self, now: Timestamp, watcher: &mut Watcher, from: u64) {
        let newest = self.store.revision();
        let query = &watcher.opened_by.query;
        let streams_list = query.flag("sendInitialEvents");
        let resource = watcher.kind.resource.clone();
        if from > newest {
            watcher.refuse(&StatusError::too_large_resource_version(from, newest));
        } else if streams_list || (from == 0 && query.get("sendInitialEvents").is_none()) {
            for (_, object) in self.store.all(&resource) {
                if watcher.selector.matches(&watcher.kind, object) {
                    watcher.initial(object, now);
                }
            }
            if streams_list && watcher.opened_by.query.flag("allowWatchBookmarks") {
                watcher.bookmark(newest, true, now);
            }
        } else if from != 0 && from < self.store.compacted() {
            let oldest = self.store.compacted();
            self.weather.note("410");
            watcher.refuse(&StatusError::expired(format!("too old resource version: {from} ({oldest})")));
        } else {
            let from = if from == 0 { newest } else { from };
            for event in self.store.since(&resource, from) {
                watcher.notice(event, &mut self.weather, now);
            }
        }
    }
}

/// A streamed list must say that it takes any state not older than now.
fn check_initial_events(query: &Query) -> Result<(), StatusError> {
    let streams = query.get("sendInitialEvents").is_some();
    let detail = match query.get("resourceVersionMatch").filter(|m| !m.is_empty()) {
        Some("NotOlderThan") if streams => return Ok(()),
        None if !streams => return Ok(()),
        _ if streams => "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        _ => "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
    };
    let error = FieldError::new(FieldErrorType::Forbidden, "resourceVersionMatch", None, detail);
    Err(StatusError::invalid_option("ListOptions", error))
}

fn check_match(query: &Query) -> Result<(), StatusError> {
    let field = "resourceVersionMatch";
    let error = match (query.get(field).filter(|m| !m.is_empty()), query.get("resourceVersion")) {
        (None, _) | (Some("NotOlderThan"), Some(_)) => return Ok(()),
        (Some(_), None | Some("")) => FieldError::new(
            FieldErrorType::Forbidden,
            field,
            None,
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (Some("Exact"), Some("0")) => FieldError::new(
            FieldErrorType::Forbidden,
            field,
            None,
            "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
        ),
        (Some("Exact"), Some(_)) => return Ok(()),
        (Some(other), _) => FieldError::new(
            FieldErrorType::NotSupported,
            field,
            Some(other.into()),
            "supported values: \"Exact\", \"NotOlderThan\", \"\"",
        ),
    };
    Err(StatusError::invalid_option("ListOptions", error))
}

/// Which part of a list is wanted.
struct Page {
    limit: usize,
    /// The revision of the first page, and the last key already given.
    from: Option<(u64, Key)>,
}

impl Page {
    fn parse(query: &Query) -> Result<Self, StatusError> {
        let limit = query.number("limit")?.unwrap_or_default();
        let token = query.get("continue").filter(|t| !t.is_empty());
        let invalid = || StatusError::bad_request("continue key is not valid");
        let from = token.map(|t| decode_token(t).ok_or_else(invalid)).transpose()?;
        Ok(Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), from })
    }

    fn expired(&self) -> StatusError {
        StatusError::expired(if self.from.is_some() {
            "The provided continue parameter is too old to display a consistent list result. You can start a new \
             list without the continue parameter."
        } else {
            "The resourceVersion for the provided list is too old."
        })
    }

    /// The objects of this page, and the list's metadata.
    fn cut<'a>(
        &self,
        objects: &'a Objects,
        revision: u64,
        wanted: impl Fn(&Value) -> bool,
        query: &Query,
    ) -> (Vec<&'a Value>, Value) {
        let after = |key: &Key| self.from.as_ref().is_none_or(|(_, last)| key > last);
        let mut all = objects.iter().filter(|(k, o)| after(k) && wanted(o));
        let limit = if self.limit == 0 { usize::MAX } else { self.limit };
        let page: Vec<(&Key, &Value)> = all.by_ref().take(limit).map(|(k, o)| (k, &**o)).collect();
        let left = all.count();
        let mut meta = json!({"resourceVersion": revision.to_string()});
        if let (Some((last, _)), true, Some(meta)) = (page.last(), left > 0, meta.as_object_mut()) {
            meta.insert("continue".into(), encode_token(revision, last).into());
            if query.get("labelSelector").is_none() && query.get("fieldSelector").is_none() {
                meta.insert("remainingItemCount".into(), left.into());
            }
        }
        (page.into_iter().map(|(_, o)| o).collect(), meta)
    }
}

/// Opaque to clients: revision, namespace and name in hexadecimal digits.
fn encode_token(revision: u64, last: &Key) -> String {
    let text = format!("{revision}/{}/{}", last.namespace, last.name);
    super::hex(text.as_bytes())
}

fn decode_token(token: &str) -> Option<(u64, Key)> {
    let digits: Vec<char> = token.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    let text = String::from_utf8(bytes?).ok()?;
    let mut parts = text.splitn(3, '/');
    let revision = parts.next()?.parse().ok()?;
    Some((revision, Key::new(parts.next()?, parts.next()?)))
}
