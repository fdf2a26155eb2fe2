//! The definitions of the custom resources.

use sharekeeper::{api, cli};

#[test]
fn every_kind_has_a_definition() {
    let kinds: Vec<_> = api::crds().into_iter().map(|crd| crd.spec.names.kind).collect();
    assert_eq!(kinds, api::KINDS);
}

#[test]
fn x() { for (f,t) in cli::crds::files().unwrap() { std::fs::write(format!("crds/{f}"), t).unwrap(); } }
