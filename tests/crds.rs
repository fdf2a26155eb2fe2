//! The definitions of the custom resources.

use sharekeeper::api;

#[test]
fn every_kind_has_a_definition() {
    let kinds: Vec<_> = api::crds().into_iter().map(|crd| crd.spec.names.kind).collect();
    assert_eq!(kinds, api::KINDS);
}
