//! Who else sets a field of an object, as its `managedFields` tell.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::{ResourceExt, core::DynamicObject};

/// Who wrote `spec.halt`, and when, in words. Those who apply it write it again whenever they apply.
pub(super) struct Owner {
    /// The field manager's name.
    pub(super) name: String,
    /// `Apply` or `Update`.
    operation: String,
    since: String,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, operation, since } = self;
        write!(f, "{name} ({operation}{since})")
    }
}

/// The managers of `spec.halt`, but for `own`.
pub(super) fn owners(installation: &DynamicObject, own: &str) -> Vec<Owner> {
    let entries = installation.managed_fields().iter().filter(|entry| has_halt(entry));
    let others = entries.filter_map(|entry| Some((entry.manager.clone()?, entry)));
    let others = others.filter(|(name, _)| name != own);
    others
        .map(|(name, entry)| Owner {
            name,
            operation: entry.operation.clone().unwrap_or_else(|| "Update".to_owned()),
            since: entry.time.as_ref().map(|time| format!(" on {}", time.0)).unwrap_or_default(),
        })
        .collect()
}

/// When `spec.halt` was last written, and by whom.
pub(super) fn last(installation: &DynamicObject) -> Option<String> {
    let entries = installation.managed_fields().iter().filter(|entry| has_halt(entry));
    let latest = entries.max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?;
    let time = latest.time.as_ref().map(|time| format!(" on {}", time.0)).unwrap_or_default();
    Some(format!("by {}{time}", latest.manager.as_deref()?))
}

fn has_halt(entry: &ManagedFieldsEntry) -> bool {
    let fields = entry.fields_v1.as_ref();
    entry.subresource.is_none() && fields.is_some_and(|fields| fields.0.pointer("/f:spec/f:halt").is_some())
}
