use proptest::prelude::*;
use serde_json::Value;

use super::{
    super::{
        Document, Named, PolicyPrincipal, Statement,
        json::{self, Kind, Node},
    },
    samples::{Sample, any_json, noise, policy},
};

const WHOLE: &str = r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}"#;

fn with(fields: &str) -> String {
    format!(r#"{{"Statement":[{{{fields}}}]}}"#)
}

#[test]
fn a_policy_is_read_in_each_of_its_forms() {
    let table = [
        format!(r#"{{"Statement":{WHOLE}}}"#),
        format!(r#"{{"Statement":[{WHOLE}],"Version":"2012-10-17"}}"#),
        format!(r#"{{"Version":"2008-10-17","Id":"x","Statement":[{WHOLE},{WHOLE}]}}"#),
        r#"{"Statement":[]}"#.to_owned(),
        with(r#""Action":["a:B"],"NotPrincipal":{"AWS":["111122223333"]},"Effect":"Deny","Sid":"s""#),
        with(
            r#""NotAction":"a:B","Principal":{"Service":"x.amazonaws.com","Federated":"f"},"Effect":"Allow","NotResource":"*""#,
        ),
        with(r#""\u0041ction":"a:B","Principal":"\u002a","Effect":"\u0041llow""#),
        with(
            r#""Action":"a:B","Principal":"*","Effect":"Allow","Condition":{"Bool":{"aws:x":true},"NumericEquals":{"y":[1,"2"]}}"#,
        ),
        with(r#""Action":"a:B","Principal":"*","Effect":"Allow","Condition":{},"action":{"Effect":null}"#),
    ];
    for text in table {
        let document = Document::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(document.text(), text);
    }
}

#[test]
fn elements_are_read_as_they_are_written() {
    let fields = r#""Sid":"\u0073","Effect":"Allow","Principal":{"AWS":["1","2"],"Service":"s"},"NotAction":"A:b",
        "Resource":["r"],"Condition":{"Bool":{"aws:x":[true,"y",1.50]}},"other":{"b":[1]}"#;
    let document = Document::parse(&with(fields)).unwrap();
    let statement = &document.statements()[0];
    assert_eq!(statement.sid.as_deref(), Some("s"));
    let principal = |kind: &str, text: &str| PolicyPrincipal { kind: kind.into(), text: text.into() };
    let principals = [principal("AWS", "1"), principal("AWS", "2"), principal("Service", "s")];
    assert_eq!(statement.principals, Named::Only(principals.into()));
    assert_eq!(statement.actions, Named::AllBut(["A:b".to_owned()].into()));
    assert_eq!(statement.resources, Some(Named::Only(["r".to_owned()].into())));
    assert_eq!(statement.conditions[0].values, ["1.5".to_owned(), "true".into(), "y".into()].into());
    assert_eq!(statement.others["other"], serde_json::json!({"b": [1]}));
    assert_eq!(statement.text(), &format!("{{{fields}}}"));
}

/// The text, and words that the error has to have.
#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn what_is_not_a_policy_is_refused_in_words() {
    let statement = |fields: &str, words: &'static str| (with(fields), words);
    let text = |text: &str, words: &'static str| (text.to_owned(), words);
    let table = [
        text("", "line 1, column 1: the text ends"),
        text("{", "quotation marks"),
        text("[]", "not a JSON object"),
        text("\u{feff}{}", "line 1, column 1"),
        text("{}", "no element \"Statement\""),
        text("{\"statement\":[]}", "no element \"Statement\""),
        text("{\"Statement\":[]} x", "more text behind"),
        text("{\"Statement\":[],}", "quotation marks"),
        text("{\"Statement\":[,]}", "not a value"),
        text("{\"Statement\":[]\n \"Id\":1}", "line 2, column 2: a comma"),
        text("{\"Statement\":[],\"Id\":\"\\ud800\"}", "not a value"),
        text("{\"Statement\":[],\"Id\":\"", "closing quotation mark"),
        text("{\"Statement\":[],\"Version\":\"2031-01-01\"}", "element Version"),
        text("{\"Statement\":[],\"Version\":2012}", "element Version"),
        text("{\"Statement\":[],\"Statement\":[]}", "twice"),
        text("{\"Statement\":[],\"\\u0053tatement\":[]}", "twice"),
        text("{\"Statement\":\"*\"}", "statement 1: it is not a JSON object"),
        text("{\"Statement\":[[]]}", "statement 1: it is not a JSON object"),
        statement(
            r#""Effect":"Allow","Effect":"Deny","Principal":"*","Action":"a:B""#,
            "\"Effect\" is there twice",
        ),
        statement(
            r#""Sid":"s","effect":"Allow","Principal":"*","Action":"a:B""#,
            r#"statement 1 ("s"), element Effect: it is missing"#,
        ),
        statement(r#""Effect":"allow","Principal":"*","Action":"a:B""#, "neither \"Allow\" nor \"Deny\""),
        statement(r#""Effect":"Allow","Action":"a:B""#, "element Principal: it is missing"),
        statement(r#""Effect":"Allow","Principal":"111122223333","Action":"a:B""#, "element Principal"),
        statement(r#""Effect":"Allow","Principal":["*"],"Action":"a:B""#, "element Principal"),
        statement(r#""Effect":"Allow","Principal":{},"Action":"a:B""#, "names nobody"),
        statement(r#""Effect":"Allow","Principal":{"AWS":[]},"Action":"a:B""#, "names nothing"),
        statement(r#""Effect":"Allow","Principal":{"AWS":111122223333},"Action":"a:B""#, "quotation marks"),
        statement(r#""Effect":"Allow","Principal":{"AWS":"*","AWS":"1"},"Action":"a:B""#, "twice"),
        statement(
            r#""Effect":"Allow","Principal":"*","NotPrincipal":"*","Action":"a:B""#,
            "beside NotPrincipal",
        ),
        statement(r#""Effect":"Allow","Principal":"*""#, "element Action: it is missing"),
        statement(r#""Effect":"Allow","Principal":"*","Action":"a:B","NotAction":"a:B""#, "beside NotAction"),
        statement(r#""Effect":"Allow","Principal":"*","Action":[["a:B"]]"#, "element Action"),
        statement(r#""Sid":1,"Effect":"Allow","Principal":"*","Action":"a:B""#, "element Sid"),
        statement(
            r#""Effect":"Allow","Principal":"*","Action":"a:B","Condition":{"Bool":"x"}"#,
            "element Condition",
        ),
        statement(
            r#""Effect":"Allow","Principal":"*","Action":"a:B","Condition":{"Bool":{"x":null}}"#,
            "element Condition",
        ),
        statement(
            r#""Effect":"Allow","Principal":"*","Action":"a:B","Condition":{"Bool":{"x":1,"x":2}}"#,
            "twice",
        ),
    ];
    for (text, words) in table {
        let error = Document::parse(&text).map(|_| ()).expect_err(&text).to_string();
        assert!(error.contains(words), "{text}\n  {error}\n  should say: {words}");
    }
}

#[test]
fn depth_is_bounded_and_costs_no_stack() {
    for (depth, fits) in [(50, true), (200, false), (200_000, false)] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let text = format!(r#"{{"Statement":[],"Id":{deep}}}"#);
        assert_eq!(Document::parse(&text).is_ok(), fits, "{depth}");
    }
}

#[test]
fn the_empty_document_is_what_parse_reads() {
    let empty = Document::empty();
    assert_eq!(Document::parse(empty.text()).unwrap(), empty);
    assert_eq!(empty.minified_len(), empty.text().len());
}

#[test]
fn ours_are_found_by_prefix_and_denials_are_told() {
    let text = format!(
        r#"{{"Statement":[{WHOLE},{0},{1}]}}"#,
        WHOLE.replace('{', r#"{"Sid":"sk-1","#),
        WHOLE.replace('{', r#"{"Sid":"x-sk-","#)
    );
    let document = Document::parse(&text).unwrap();
    assert_eq!(document.ours("sk-").map(|s| s.sid.as_deref()).collect::<Vec<_>>(), [Some("sk-1")]);
    assert!(!document.has_denies());
    assert!(Document::parse(&text.replacen("Allow", "Deny", 1)).unwrap().has_denies());
}

#[test]
fn size_counts_what_stands_in_texts() {
    for (text, size) in
        [("", 0), ("  { \"a\" : [ 1 , 2 ] }\n", 11), (r#"" a b ""#, 7), (r#" "\" " , "\\" "#, 10)]
    {
        assert_eq!(json::minified_len(text), size, "{text}");
    }
}

/// Every value is found where serde_json finds it.
fn agrees(node: &Node, text: &str) -> bool {
    let value: Value = serde_json::from_str(&text[node.span.clone()]).unwrap();
    match (&node.kind, value) {
        (Kind::Object(members), Value::Object(map)) => {
            members.len() == map.len()
                && members.iter().all(|(name, node)| map.contains_key(name) && agrees(node, text))
        }
        (Kind::List(items), Value::Array(list)) => {
            items.len() == list.len() && items.iter().all(|n| agrees(n, text))
        }
        (Kind::Text(own), Value::String(theirs)) => *own == theirs,
        (Kind::Scalar(own), theirs) => *own == theirs,
        _ => false,
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = Document::parse(&text);
        let _ = json::minified_len(&text);
    }

    #[test]
    fn any_json_is_read_as_serde_json_reads_it(json in any_json(), noise in noise(), at in any::<prop::sample::Index>(), byte in "[\\[\\]{}\",:\\\\ 0a-]?") {
        let mut text = Sample { json, noise }.text();
        prop_assert!(agrees(&json::read(&text).unwrap(), &text));
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        text.insert_str(*at.get(&places), &byte);
        match json::read(&text) {
            Ok(node) => prop_assert!(agrees(&node, &text)),
            Err(error) => prop_assert!(
                error.what.contains("twice") || serde_json::from_str::<Value>(&text).is_err(), "{text}: {error}"
            ),
        }
        let _ = Document::parse(&text);
        let _ = Document::parse(&format!("{{\"Statement\":{text}}}"));
    }

    #[test]
    fn a_policy_is_read_whatever_its_spelling(sample in policy()) {
        let text = sample.text();
        let document = Document::parse(&text).unwrap();
        prop_assert_eq!(document.text(), &text);
        prop_assert_eq!(json::read(&text).map(|node| agrees(&node, &text)), Ok(true));
        let compact = Document::parse(&sample.json.compact()).unwrap();
        prop_assert_eq!(compact.minified_len(), compact.text().len());
        let meanings = |document: &Document| document.statements().iter().map(Statement::normalized).collect::<Vec<_>>();
        prop_assert_eq!(meanings(&document), meanings(&compact));
    }

    #[test]
    fn white_space_has_no_size(sample in policy()) {
        // Odd noise makes spaces and no escapes.
        let noise: Vec<u8> = sample.noise.iter().map(|n| n % 7).collect();
        let spaced = Document::parse(&Sample { noise, ..sample.clone() }.text()).unwrap();
        prop_assert_eq!(spaced.minified_len(), sample.json.compact().len());
    }
}
