//! Custom resources as nobody sane would write them, made by walking the schemas.

use serde_json::{Map, Value, json};
use sharekeeper::api;

/// A value in place of another, by the way to it.
#[derive(Clone, Debug)]
pub(crate) struct Mutation {
    way: Vec<String>,
    value: Option<Value>,
}

impl Mutation {
    /// The object with it.
    pub(crate) fn of(&self, object: &Value) -> Value {
        let mut object = object.clone();
        let (last, before) = self.way.split_last().unwrap();
        let mut place = &mut object["spec"];
        for step in before {
            place = match step.parse::<usize>() {
                Ok(index) => &mut place[index],
                Err(_) => &mut place[step.as_str()],
            };
        }
        match (last.parse::<usize>(), &self.value) {
            (Ok(index), Some(value)) => place[index] = value.clone(),
            (Ok(index), None) => drop(place.as_array_mut().unwrap().remove(index)),
            (Err(_), Some(value)) => place[last.as_str()] = value.clone(),
            // What is not there cannot be taken away.
            (Err(_), None) => drop(place.as_object_mut().map(|fields| fields.remove(last))),
        }
        object
    }
}

/// All mutations of the spec of an object of a kind, by the kind's schema.
pub(crate) fn mutations(kind: &str, object: &Value) -> Vec<Mutation> {
    let crds = api::crds();
    let crd = crds.iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let crd = serde_json::to_value(crd).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut all = vec![];
    collect(schema, &object["spec"], &[], &mut all);
    all
}

/// All mutations of a value, and of all in it, by its schema.
fn collect(schema: &Value, value: &Value, way: &[String], out: &mut Vec<Mutation>) {
    let mut put = |value: Option<Value>| out.push(Mutation { way: way.to_vec(), value });
    if !way.is_empty() {
        for other in others(schema, value) {
            put(Some(other));
        }
        put(None);
    }
    let deeper = |step: String| way.iter().cloned().chain([step]).collect::<Vec<_>>();
    if let Some(properties) = schema["properties"].as_object() {
        for (name, below) in properties {
            // What is not there is tried with something plain of its type.
            let there = value.get(name).cloned().unwrap_or_else(|| plain(below));
            collect(below, &there, &deeper(name.clone()), out);
        }
        out.push(Mutation { way: deeper("unheardOf".into()), value: Some(json!("of")) });
    }
    if let Some(first) = value.as_array().and_then(|items| items.first()) {
        collect(&schema["items"], first, &deeper("0".into()), out);
    }
}

fn plain(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("boolean") => json!(true),
        Some("integer") => schema["minimum"].as_i64().unwrap_or(1).into(),
        Some("array") => json!([]),
        Some("object") => Value::Object(Map::new()),
        _ => schema["enum"].as_array().and_then(|all| all.last().cloned()).unwrap_or_else(|| json!("x")),
    }
}

/// Other values in its place: of other types, at and past the bounds, in odd letters, and too many.
fn others(schema: &Value, value: &Value) -> Vec<Value> {
    let mut others = vec![json!(null), json!(1.5), json!([null]), json!({"a": {}})];
    match schema["type"].as_str() {
        Some("boolean") => others.extend([json!("true"), json!(value != &json!(true))]),
        Some("integer") => {
            let bounds = ["minimum", "maximum"].into_iter().filter_map(|key| schema[key].as_i64());
            others.extend(bounds.flat_map(|bound| [json!(bound - 1), json!(bound), json!(bound + 1)]));
            others.extend([json!(i64::MAX), json!(i64::MIN), json!(0), json!(-1), json!("1")]);
        }
        Some("array") => {
            others.push(json!([]));
            let items = value.as_array().cloned().unwrap_or_default();
            if let Some(first) = items.first() {
                others.push(Value::Array([items.clone(), items.clone()].concat()));
                others.push(Value::Array(vec![first.clone(); 1001]));
            }
        }
        Some("object") => others.push(json!({})),
        _ => {
            others.extend(schema["enum"].as_array().into_iter().flatten().cloned());
            let long = "x".repeat(5000);
            let texts = [
                "",
                " ",
                "*",
                "-",
                "0s",
                "9999999h",
                "Root/",
                "arn:aws:",
                "ÿ\u{202e}💥",
                "a\0b",
                "0000-00-00T00:00:00Z",
                "{{.}}",
                "111122223333",
                "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-0a1b2c3d4e5f60001",
                &long,
            ];
            others.extend(texts.map(Value::from));
        }
    }
    others
}
