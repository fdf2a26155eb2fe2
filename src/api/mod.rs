//! Floor 1: the custom resources of `sharekeeper.dev/v1alpha1`, one file a kind: data, schema, rules, printer
//! columns.
//!
//! Who writes what: the security team [`SharingPolicy`], [`Organization`] and [`Installation`]; the platform
//! team [`AccountSet`]; any team [`Share`]; the controller [`AccountRegion`] and [`UndeclaredShare`].

#![expect(unreachable_pub, reason = "KubeSchema copies each struct, with its `pub`, into a function body")]
#![expect(clippy::duplicated_attributes, reason = "each printcolumn has its own `type_` and `priority`")]

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

pub mod account_region;
pub mod account_set;
pub mod annotations;
pub mod budget;
pub mod conditions;
pub mod duration;
pub mod formats;
pub mod installation;
pub mod organization;
pub mod pin;
pub mod reason;
pub mod share;
pub mod share_status;
pub mod sharing_policy;
pub mod undeclared_share;

pub use account_region::AccountRegion;
pub use account_set::AccountSet;
pub use installation::Installation;
pub use organization::Organization;
pub use pin::{Pin, PinKind};
pub use reason::Reason;
pub use share::Share;
pub use sharing_policy::{PrincipalKind, SharingPolicy};
pub use undeclared_share::UndeclaredShare;

/// The API group of all kinds.
pub const GROUP: &str = "sharekeeper.dev";
/// The one served and stored version.
pub const VERSION: &str = "v1alpha1";
/// The name of the one `Installation`.
pub const INSTALLATION: &str = "sharekeeper";
/// The kinds, in the order in which people meet them.
pub const KINDS: [&str; 7] = [
    "Installation",
    "Organization",
    "AccountSet",
    "AccountRegion",
    "SharingPolicy",
    "Share",
    "UndeclaredShare",
];

/// All kinds' definitions as they are installed, in the order of [`KINDS`].
///
/// They are the derived ones with three things taken out: `nullable`, so that the apiserver drops a `null` in
/// a manifest before it applies defaults and rules, and no rule has to tell an empty member from an absent
/// one; defaults in status, which the controller alone writes; line breaks in descriptions.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![
        Installation::crd(),
        Organization::crd(),
        AccountSet::crd(),
        AccountRegion::crd(),
        SharingPolicy::crd(),
        Share::crd(),
        UndeclaredShare::crd(),
    ];
    let versions = crds.iter_mut().flat_map(|crd| crd.spec.versions.iter_mut());
    for schema in versions.filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut()) {
        schema.title = None;
        visit(schema, &|part| {
            part.nullable = None;
            part.description = part.description.take().map(|text| text.replace('\n', " "));
        });
        if let Some(status) = schema.properties.as_mut().and_then(|properties| properties.get_mut("status")) {
            visit(status, &|part| part.default = None);
        }
    }
    crds
}

/// Calls `change` on `schema` and on everything below it.
fn visit(schema: &mut JSONSchemaProps, change: &impl Fn(&mut JSONSchemaProps)) {
    change(schema);
    schema.properties.iter_mut().flat_map(BTreeMap::values_mut).for_each(|part| visit(part, change));
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        visit(items, change);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        visit(values, change);
    }
}
