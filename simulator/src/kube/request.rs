//! What a request asks for: verb, resource, query; parsed as the apiserver's RequestInfo does.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};

use super::status::{FieldError, FieldErrorType, GroupResource, StatusError};

/// Who asks, put into a request's extensions by the in-process front.
#[derive(Clone, Debug)]
pub struct User(pub String);

/// The verbs of RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are RBAC's own")]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    /// The verb as RBAC spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    /// Whether the verb can change what is stored.
    pub fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

/// The thing a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) version: String,
    pub(crate) resource: GroupResource,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) subresource: String,
}

/// A request, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) path: Vec<String>,
    pub(crate) target: Option<Target>,
    pub(crate) verb: Verb,
    pub(crate) query: Query,
    pub(crate) accept: String,
    pub(crate) content_type: String,
    pub(crate) user: String,
    pub(crate) agent: String,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn parse(request: &http::Request<Bytes>) -> Result<Self, StatusError> {
        let header = |name| {
            let value = request.headers().get(name).and_then(|v| v.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let path: Vec<String> = request
            .uri()
            .path()
            .split('/')
            .filter(|s| !s.is_empty())
            .map(|s| percent_decoded(s, false))
            .collect();
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let target = target(&path);
        let named = target.as_ref().is_some_and(|t| !t.name.is_empty());
        let agent = header(USER_AGENT);
        let user = request.extensions().get::<User>().map_or_else(|| agent.clone(), |u| u.0.clone());
        Ok(Self {
            verb: verb(request.method(), named, &query)?,
            target,
            path,
            accept: header(ACCEPT),
            content_type: header(CONTENT_TYPE),
            user,
            agent,
            body: request.body().clone(),
            query,
        })
    }

    pub(crate) fn dry_run(&self) -> Result<bool, StatusError> {
        match self.query.get("dryRun") {
            None | Some("") => Ok(false),
            Some("All") => Ok(true),
            Some(other) => {
                let options = match self.verb {
                    Verb::Create => "CreateOptions",
                    Verb::Update => "UpdateOptions",
                    Verb::Patch => "PatchOptions",
                    _ => "DeleteOptions",
                };
                let (value, detail) = (serde_json::json!([other]), "supported values: \"All\"");
                let error = FieldError::new(FieldErrorType::NotSupported, "dryRun", Some(value), detail);
                Err(StatusError::invalid_option(options, error))
            }
        }
    }

    /// The field manager: the parameter, else the user agent up to its first slash.
    pub(crate) fn field_manager(&self) -> String {
        match self.query.get("fieldManager") {
            Some(manager) if !manager.is_empty() => manager.to_owned(),
            _ => self.agent.split('/').next().unwrap_or_default().chars().take(128).collect(),
        }
    }

    pub(crate) fn media_type(&self) -> &str {
        self.content_type.split(';').next().unwrap_or_default().trim()
    }
}

fn verb(method: &http::Method, named: bool, query: &Query) -> Result<Verb, StatusError> {
    match *method {
        http::Method::GET if query.flag("watch") => Ok(Verb::Watch),
        http::Method::GET | http::Method::HEAD if named => Ok(Verb::Get),
        http::Method::GET | http::Method::HEAD => Ok(Verb::List),
        http::Method::POST => Ok(Verb::Create),
        http::Method::PUT => Ok(Verb::Update),
        http::Method::PATCH => Ok(Verb::Patch),
        http::Method::DELETE if named => Ok(Verb::Delete),
        http::Method::DELETE => Ok(Verb::DeleteCollection),
        _ => Err(StatusError::method_not_allowed()),
    }
}

/// The resource a path names, if it is below `/api/VERSION` or `/apis/GROUP/VERSION`.
fn target(path: &[String]) -> Option<Target> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let (group, version, rest) = match path.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", _, "status" | "finalize"] => ("", rest),
        ["namespaces", namespace, inner @ ..] if !inner.is_empty() => (*namespace, inner),
        _ => ("", rest),
    };
    let (resource, name, subresource) = match rest {
        [resource] => (*resource, "", ""),
        [resource, name] => (*resource, *name, ""),
        [resource, name, subresource] => (*resource, *name, *subresource),
        _ => return None,
    };
    Some(Target {
        version: version.to_owned(),
        resource: GroupResource::new(group, resource),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: subresource.to_owned(),
    })
}

/// A query string, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|p| !p.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(key, true), percent_decoded(value, true))
        });
        Self(pairs.collect())
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some("true" | "1"))
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, StatusError> {
        match self.get(key) {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                StatusError::bad_request(format!("strconv.ParseUint: parsing {text:?}: invalid syntax"))
            }),
        }
    }
}

fn percent_decoded(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' if plus_is_space => bytes.push(b' '),
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap_or(b'%'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
