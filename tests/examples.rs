//! `examples/`: what people copy is taken by the apiserver, complete by itself, and shows what it is there to show.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

#[path = "cel/schema.rs"]
mod schema;

use std::{collections::BTreeMap, fs, path::Path};

use kube::core::cel::{ValidationErrors, Validator, apply_defaults};
use schema::Weight;
use serde_json::Value;
use sharekeeper::api::{self, AccountSet, Organization, Share, SharingPolicy};

/// Every object of the folder with its file's name, in the order in which `kubectl apply -f` takes them.
fn examples() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let objects = |path: &Path| -> Vec<Value> {
        serde_saphyr::from_multiple(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let named = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    files.iter().flat_map(|path| objects(path).into_iter().map(|object| (named(path), object))).collect()
}

fn of_kind<K: serde::de::DeserializeOwned>(kind: &str) -> Vec<K> {
    let all = examples().into_iter().map(|(_, object)| object);
    all.filter(|object| object["kind"] == kind)
        .map(|object| serde_json::from_value(object).unwrap())
        .collect()
}

/// Every kind's schema, as the apiserver gets it.
fn schemas() -> BTreeMap<String, Value> {
    let crds = api::crds().into_iter().map(|crd| serde_json::to_value(crd).unwrap());
    let schema = |crd: &Value| crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    crds.map(|crd| (crd["spec"]["names"]["kind"].as_str().unwrap().to_owned(), schema(&crd))).collect()
}

/// What the apiserver would say about a new object; nothing if it would take it.
fn complaints(schema: &Value, object: &Value) -> Vec<String> {
    let stored = apply_defaults(schema, &schema::without_nulls(object));
    let errors = schema::errors(schema, &stored);
    let blocked = errors.iter().any(|(weight, _)| *weight == Weight::Blocking);
    let broken = if blocked { Ok(()) } else { Validator::new().validate(schema, &stored, None) };
    let broken = broken.err().into_iter().flat_map(ValidationErrors::into_vec).map(|error| error.to_string());
    errors.into_iter().map(|(_, text)| text).chain(broken).collect()
}

#[test]
fn the_apiserver_takes_every_example() {
    let schemas = schemas();
    let mut wrong = Vec::new();
    for (file, object) in examples() {
        let kind = object["kind"].as_str().unwrap();
        let name = &object["metadata"]["name"];
        match schemas.get(kind) {
            Some(schema) => wrong.extend(
                complaints(schema, &object).iter().map(|text| format!("{file}, {kind} {name}: {text}")),
            ),
            None if kind == "Namespace" => {}
            None => wrong.push(format!("{file}: nobody serves kind {kind}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The check itself can fail.
#[test]
fn a_broken_example_would_be_refused() {
    let (_, mut share) = examples().into_iter().find(|(_, object)| object["kind"] == "Share").unwrap();
    share["spec"]["targets"][0]["role"] = "arn:aws:iam::222233334444:role/*".into();
    assert!(!complaints(&schemas()["Share"], &share).is_empty());
    share["spec"]["targets"] = "nobody".into();
    assert!(!complaints(&schemas()["Share"], &share).is_empty());
}

#[test]
fn what_an_example_names_stands_before_it() {
    let mut seen = Vec::new();
    for (file, object) in examples() {
        let namespace = object["metadata"]["namespace"].as_str().map(|name| format!("Namespace {name}"));
        let organization = object["spec"]["organization"].as_str().map(|name| format!("Organization {name}"));
        for needed in namespace.into_iter().chain(organization) {
            assert!(seen.contains(&needed), "{file}: {needed} stands in no example before");
        }
        seen.push(format!(
            "{} {}",
            object["kind"].as_str().unwrap(),
            object["metadata"]["name"].as_str().unwrap()
        ));
    }
    assert!(seen.contains(&format!("Installation {}", api::INSTALLATION)));
    assert!(!of_kind::<Organization>("Organization").is_empty());
    assert!(!of_kind::<AccountSet>("AccountSet").is_empty());
}

#[test]
fn the_examples_show_each_way_to_share() {
    let shares: Vec<Share> = of_kind("Share");
    let shows = |type_: &str, target: &dyn Fn(&api::share::Target) -> bool| {
        shares.iter().any(|share| {
            share.spec.resources.iter().any(|resource| resource.arn.contains(type_))
                && share.spec.targets.iter().any(target)
        })
    };
    assert!(shows(":transit-gateway/", &|target| target.organizational_unit.is_some()));
    assert!(shows(":prefix-list/", &|target| target.organization == Some(true)));
    assert!(shows(":prefix-list/", &|target| target.external_account.is_some() && target.until.is_some()));
    let subnets = shares.iter().find(|share| share.spec.resources[0].arn.contains(":subnet/")).unwrap();
    assert_eq!(subnets.spec.targets.iter().filter(|target| target.account.is_some()).count(), 2);
    let policies: Vec<SharingPolicy> = of_kind("SharingPolicy");
    let outside: Vec<_> = policies.iter().filter_map(|policy| policy.spec.allow.external.as_ref()).collect();
    assert!(outside.iter().any(|external| api::duration::parse(&external.max_duration).is_ok()));
}
