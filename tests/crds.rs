//! The definitions of the custom resources: `crds/` is what the code says, and each rule takes what it should
//! and refuses what it should.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod cel;
#[path = "cel/schema.rs"]
mod schema;

use std::{collections::BTreeMap, env, fs, path::Path};

use cel::Case;
use kube::core::cel::{ValidationErrors, Validator, apply_defaults};
use schema::Weight;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sharekeeper::{api, cli};

/// Every kind's schema, as the apiserver gets it.
fn schemas() -> BTreeMap<String, Value> {
    let schema = |crd: &Value| crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    let crds = api::crds().into_iter().map(|crd| serde_json::to_value(crd).unwrap());
    crds.map(|crd| (crd["spec"]["names"]["kind"].as_str().unwrap().to_owned(), schema(&crd))).collect()
}

/// What the apiserver would say about the case; nothing if it would take it.
fn verdict(schema: &Value, case: &Case) -> Vec<String> {
    let stored = |object: &Value| apply_defaults(schema, &schema::without_nulls(object));
    let object = stored(&case.object);
    let errors = schema::errors(schema, &object);
    let blocked = errors.iter().any(|(weight, _)| *weight == Weight::Blocking);
    let mut texts: Vec<_> = errors.into_iter().map(|(_, text)| text).collect();
    if !blocked {
        let old = case.old.as_ref().map(stored);
        let broken = Validator::new().validate(schema, &object, old.as_ref());
        texts.extend(
            broken.err().into_iter().flat_map(ValidationErrors::into_vec).map(|error| error.to_string()),
        );
    }
    texts
}

/// A rule with the path of the schema that it stands at.
struct Rule {
    path: Vec<String>,
    text: String,
    message: String,
}

fn rules(schema: &Value, path: &[String], found: &mut Vec<Rule>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let text = |word: &str| rule[word].as_str().unwrap_or_default().to_owned();
        found.push(Rule { path: path.to_vec(), text: text("rule"), message: text("message") });
    }
    for (name, part) in schema["properties"].as_object().into_iter().flatten() {
        rules(part, &[path, std::slice::from_ref(name)].concat(), found);
    }
    if schema["items"].is_object() {
        rules(&schema["items"], &[path, &["[]".to_owned()]].concat(), found);
    }
}

fn rules_of(schema: &Value) -> Vec<Rule> {
    let mut found = Vec::new();
    rules(schema, &[], &mut found);
    found
}

/// Whether the object has something at the path, so that a rule there is asked.
fn reaches(object: &Value, path: &[String]) -> bool {
    match path {
        [] => true,
        [first, rest @ ..] if first == "[]" => {
            object.as_array().into_iter().flatten().any(|item| reaches(item, rest))
        }
        [first, rest @ ..] => object.get(first).is_some_and(|part| reaches(part, rest)),
    }
}

/// The object, read into the kind's type and written again.
fn through_the_type(kind: &str, object: &Value) -> serde_json::Result<Value> {
    fn through<K: DeserializeOwned + Serialize>(object: &Value) -> serde_json::Result<Value> {
        serde_json::to_value(K::deserialize(object)?)
    }
    match kind {
        "Installation" => through::<api::Installation>(object),
        "Organization" => through::<api::Organization>(object),
        "AccountSet" => through::<api::AccountSet>(object),
        "AccountRegion" => through::<api::AccountRegion>(object),
        "SharingPolicy" => through::<api::SharingPolicy>(object),
        "Share" => through::<api::Share>(object),
        "UndeclaredShare" => through::<api::UndeclaredShare>(object),
        other => panic!("unknown kind {other}"),
    }
}

#[test]
fn what_the_apiserver_takes_the_types_read_without_loss() {
    let schemas = schemas();
    for case in cel::load().into_iter().filter(|case| case.refused.is_none()) {
        let schema = &schemas[&case.kind];
        let stored = apply_defaults(schema, &schema::without_nulls(&case.object));
        let written = through_the_type(&case.kind, &stored).unwrap();
        assert_eq!(apply_defaults(schema, &written), stored, "{}, {}", case.kind, case.name);
    }
}

/// The types' own defaults, for manifests that no apiserver has seen, are those of the schema.
#[test]
fn the_types_have_the_schemas_defaults() {
    let schemas = schemas();
    for case in cel::load().into_iter().filter(|case| case.refused.is_none()) {
        let manifest = schema::without_nulls(&case.object);
        let written = through_the_type(&case.kind, &manifest).unwrap();
        let stored = apply_defaults(&schemas[&case.kind], &manifest);
        assert_eq!(written, through_the_type(&case.kind, &stored).unwrap(), "{}, {}", case.kind, case.name);
    }
}

#[test]
fn every_kind_has_a_definition() {
    let kinds: Vec<_> = api::crds().into_iter().map(|crd| crd.spec.names.kind).collect();
    assert_eq!(kinds, api::KINDS);
}

/// `UPDATE_CRDS=1 cargo test --test crds` writes the folder anew.
#[test]
fn the_folder_is_what_the_code_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let files: BTreeMap<_, _> = cli::crds::files().unwrap().into_iter().collect();
    if env::var_os("UPDATE_CRDS").is_some() {
        for (name, text) in &files {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let there = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let there: BTreeMap<_, _> = there
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(there == files, "crds/ differs from the code: run `make crds` and look at the difference");
}

#[test]
fn what_is_rendered_is_every_file_as_one_stream() {
    let documents = cli::crds::render().unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&documents).unwrap();
    let crds: Vec<_> = api::crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect();
    assert_eq!(documents, crds);
}

#[test]
fn cases_are_taken_and_refused_as_they_say() {
    let schemas = schemas();
    let mut wrong = Vec::new();
    for case in cel::load() {
        let errors = verdict(&schemas[&case.kind], &case);
        let right = match &case.refused {
            None => errors.is_empty(),
            Some(part) => errors.iter().any(|error| error.contains(part)),
        };
        if !right {
            let expected = case.refused.as_deref().unwrap_or("accept");
            wrong.push(format!("{}, {}: expected `{expected}`, got {errors:#?}", case.kind, case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An update is about the change: what is stored must have been good.
#[test]
fn what_cases_replace_was_taken() {
    let schemas = schemas();
    for case in cel::load() {
        let Some(old) = case.old else { continue };
        let before = Case { old: None, object: old, refused: None, kind: case.kind, name: case.name };
        let errors = verdict(&schemas[&before.kind], &before);
        assert!(errors.is_empty(), "{}, {}: {errors:#?}", before.kind, before.name);
    }
}

#[test]
fn every_rule_has_a_case_that_it_takes_and_one_that_it_refuses() {
    let cases = cel::load();
    let mut missing = Vec::new();
    for (kind, schema) in schemas() {
        for Rule { path, text, message } in rules_of(&schema) {
            let cases: Vec<_> = cases.iter().filter(|case| case.kind == kind).collect();
            let transition = text.contains("oldSelf");
            let asked = |case: &Case| {
                reaches(&case.object, &path)
                    && (!transition || case.old.as_ref().is_some_and(|old| reaches(old, &path)))
            };
            if !cases.iter().any(|case| case.refused.is_none() && asked(case)) {
                missing.push(format!("{kind}: no case that passes `{message}` at {path:?}"));
            }
            let refused_by =
                |case: &Case| case.refused.as_ref().is_some_and(|part| message.contains(part.as_str()));
            if !cases.iter().any(|case| refused_by(case)) {
                missing.push(format!("{kind}: no case that is refused by `{message}`"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// So that a message tells the rule that it comes from.
#[test]
fn no_two_rules_of_a_kind_share_a_message_and_each_names_field_and_remedy() {
    for (kind, schema) in schemas() {
        let mut seen = BTreeMap::new();
        for Rule { path, text, message } in rules_of(&schema) {
            assert!(message.len() > 20 && message.contains([';', ':']), "{kind} {path:?}: {message}");
            let former = seen.insert(message.clone(), text.clone()).unwrap_or_else(|| text.clone());
            assert_eq!(former, text, "{kind}: two rules say `{message}`");
        }
    }
}

/// CEL's cost, and a status that fits into etcd, rest on these limits.
#[test]
fn every_list_is_limited_and_in_spec_every_text_and_map() {
    fn unlimited(schema: &Value, path: &str, spec: bool, found: &mut Vec<String>) {
        let has = |word: &str| !schema[word].is_null();
        let limited = match schema["type"].as_str() {
            Some("string") => !spec || has("maxLength") || has("enum") || has("format"),
            Some("array") => has("maxItems"),
            Some("object") => !spec || !has("additionalProperties") || has("maxProperties"),
            Some(_) => true,
            None => false,
        };
        if !limited {
            found.push(path.to_owned());
        }
        for (name, part) in schema["properties"].as_object().into_iter().flatten() {
            unlimited(part, &format!("{path}.{name}"), spec, found);
        }
        for (word, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
            if schema[word].is_object() {
                unlimited(&schema[word], &format!("{path}{mark}"), spec, found);
            }
        }
    }
    let mut found = Vec::new();
    for (kind, schema) in schemas() {
        unlimited(&schema["properties"]["spec"], &format!("{kind}.spec"), true, &mut found);
        unlimited(&schema["properties"]["status"], &format!("{kind}.status"), false, &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_field_is_described_and_none_takes_null_or_a_kubernetes_unknown_format() {
    fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
        let format = schema["format"].as_str().unwrap_or("int64");
        if schema["description"].as_str().is_none_or(str::is_empty)
            || !schema["nullable"].is_null()
            || !["int32", "int64", "date-time"].contains(&format)
        {
            found.push(path.to_owned());
        }
        for (name, part) in schema["properties"].as_object().into_iter().flatten() {
            undescribed(part, &format!("{path}.{name}"), found);
        }
        if schema["items"]["properties"].is_object() {
            undescribed(&schema["items"], &format!("{path}[]"), found);
        }
    }
    let mut found = Vec::new();
    for (kind, schema) in schemas() {
        undescribed(&schema, &kind, &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
}
