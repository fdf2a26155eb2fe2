//! A Share as a manifest that people go over: what is to be filled in and what will differ stands in comments.

use std::fmt::Write;

use serde::Serialize;
use serde_saphyr::{Commented, ser};

use super::{
    declare::{Permission, Spec},
    difference::Forecast,
};
use crate::{
    api::{GROUP, VERSION, share},
    model::{ShareKey, Timestamp},
    plan::observed::Container,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    api_version: String,
    kind: &'static str,
    metadata: Metadata<'a>,
    spec: Fields<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    namespace: &'a str,
}

/// In the order in which people read them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    account: &'a str,
    region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: &'a Option<String>,
    resources: &'a [share::ShareResource],
    targets: Vec<Target<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allow_external: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permissions: Vec<PermissionFields<'a>>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    tags: &'a std::collections::BTreeMap<String, share::TagValue>,
    adopt: &'a share::Adopt,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organizational_unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Commented<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Commented<&'a str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PermissionFields<'a> {
    resource_type: &'a str,
    permission: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

/// The manifest without what is said of it.
pub(super) fn body(key: &ShareKey, spec: &Spec) -> Result<String, ser::Error> {
    let manifest = Manifest {
        api_version: format!("{GROUP}/{VERSION}"),
        kind: "Share",
        metadata: Metadata { name: &key.name, namespace: &key.namespace },
        spec: Fields {
            account: &spec.account,
            region: &spec.region,
            name: &spec.name,
            resources: &spec.resources,
            targets: spec.targets.iter().map(target).collect(),
            allow_external: spec.targets.iter().any(is_outside),
            permissions: spec.permissions.iter().map(permission).collect(),
            tags: &spec.tags,
            adopt: &spec.adopt,
        },
    };
    // A long ARN stays in its line.
    serde_saphyr::to_string_with_options(
        &manifest,
        serde_saphyr::ser_options! { prefer_block_scalars: false },
    )
}

fn is_outside(target: &share::Target) -> bool {
    target.external_account.is_some() || target.external_role.is_some()
}

fn target(target: &share::Target) -> Target<'_> {
    let commented = |text: &str| format!("FILL IN: {text}");
    Target {
        organization: target.organization,
        organizational_unit: target.organizational_unit.as_deref(),
        account: target.account.as_deref(),
        role: target.role.as_deref(),
        service: target.service.as_deref(),
        external_account: target.external_account.as_deref(),
        external_role: target.external_role.as_deref(),
        until: target.until.as_ref().map(|until| {
            Commented(until.0.to_string(), commented("when this access ends; it is revoked then"))
        }),
        reason: target
            .reason
            .as_deref()
            .map(|reason| Commented(reason, commented("for those who review it"))),
    }
}

fn permission(permission: &Permission) -> PermissionFields<'_> {
    PermissionFields {
        resource_type: permission.resource_type,
        permission: &permission.name,
        version: permission.version.as_deref(),
    }
}

/// What is to be known before the manifest is applied, as comments.
pub(super) fn head(container: &Container, notes: &[String], forecast: &Forecast, now: Timestamp) -> String {
    let mut text = String::new();
    let mut say = |indent: &str, words: &str| {
        // Writing into a string cannot fail.
        let _infallible = writeln!(text, "# {indent}{}", one_line(words));
    };
    say("", &format!("{} ({}) as it was on {}.", container.name, container.id, seconds(now)));
    let (refusals, changes) = (&forecast.refusals, &forecast.changes);
    if !container.outside().is_empty() {
        say("", "Before it is applied, a person has to fill in what is marked FILL IN.");
    }
    if notes.is_empty() && refusals.is_empty() && changes.is_empty() {
        say("", "Once it is adopted, nothing but the mark is written.");
    }
    for (title, lines) in [
        ("Not declared here:", notes),
        ("It is not adopted while this is so:", refusals),
        ("Will differ after adoption; it waits until the consent says `force: true`:", changes),
    ] {
        if !lines.is_empty() {
            say("", title);
            lines.iter().for_each(|line| say("  * ", line));
        }
    }
    text
}

/// A time without parts of a second.
pub(super) fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// What AWS lets people write must not end a comment.
pub(super) fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_stays_in_its_line() {
        assert_eq!(one_line("a\nspec: {}\r\u{85}\u{2028}b"), "a spec: {}   b");
    }
}
