use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{Document, Statement},
    samples::{FRESH, SIDS, policy, statement},
};

fn named(sid: &str) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:Decrypt", "Resource": "*"})
}

const NEW: &str = r#"{"Action":"kms:Decrypt","Effect":"Allow","Principal":{"AWS":"111122223333"},"Resource":"*","Sid":"n"}"#;

fn theirs(sid: &str) -> String {
    format!("{{ \"Sid\" : \"{sid}\",\n\"Effect\":\"Allow\" , \"Principal\":\"*\",\"Action\":\"a:B\" }}")
}

/// Before, the Sid, after. `A` to `C` are statements of these Sids, `N` is the new one.
#[test]
fn a_statement_goes_in_at_its_place() {
    let table = [
        (r#"{"Statement":[]}"#, "n", r#"{"Statement":[N]}"#),
        (r#"{"Statement": [ ] , "Id":"x"}"#, "n", r#"{"Statement": [N ] , "Id":"x"}"#),
        (r#"{"Statement":[ A ]}"#, "n", r#"{"Statement":[ A,N ]}"#),
        (r#"{"Statement": A }"#, "n", r#"{"Statement": [A,N] }"#),
        (r#"{"Statement":[A , B ,  C]}"#, "n", r#"{"Statement":[A , B ,  C,N]}"#),
        (r#"{"Statement":[A , B ,  C]}"#, "B", r#"{"Statement":[A , N ,  C]}"#),
        (r#"{"Statement": A }"#, "A", r#"{"Statement": N }"#),
        (r#"{"Statement":[A , B ,  A, C , A ]}"#, "A", r#"{"Statement":[N , B, C ]}"#),
    ];
    for (before, sid, after) in table {
        let spelled = |text: &str| {
            let text = ["A", "B", "C"].iter().fold(text.replace("\"Id\"", "\"id\""), |text, sid| {
                text.split_inclusive([' ', '[', ',', ']'])
                    .map(|part| match part.strip_prefix(sid) {
                        Some(rest) if rest.len() <= 1 => theirs(sid) + rest,
                        _ => part.to_owned(),
                    })
                    .collect()
            });
            text.replace('N', &NEW.replace("\"n\"", &format!("{sid:?}")))
        };
        let document = Document::parse(&spelled(before)).unwrap();
        let edited = document.with_statement(sid, &named(sid)).unwrap();
        assert_eq!(edited.text(), spelled(after), "{before}");
    }
}

/// Before, after.
#[test]
fn a_statement_goes_out_with_its_comma() {
    let (x, y, z) = (theirs("X"), theirs("Y"), theirs("Z"));
    let table = [
        (format!("{{\"Statement\":[ {x} , {y} , {z} ]}}"), Some(format!("{{\"Statement\":[ {y} , {z} ]}}"))),
        (format!("{{\"Statement\":[ {y} , {x} , {z} ]}}"), Some(format!("{{\"Statement\":[ {y} , {z} ]}}"))),
        (format!("{{\"Statement\":[ {y} , {z} , {x} ]}}"), Some(format!("{{\"Statement\":[ {y} , {z} ]}}"))),
        (format!("{{\"Statement\":[ {x} , {y} , {x} ]}}"), Some(format!("{{\"Statement\":[ {y} ]}}"))),
        (format!("{{\"Statement\":[ {y} ]}}"), Some(format!("{{\"Statement\":[ {y} ]}}"))),
        (format!("{{\"Statement\":{y}}}"), Some(format!("{{\"Statement\":{y}}}"))),
        (format!("{{\"Statement\":[ {x} , {x} ]}}"), None),
        (format!("{{\"Statement\":{x}}}"), None),
        ("{\"Statement\":[]}".to_owned(), None),
    ];
    for (before, after) in table {
        let left = Document::parse(&before).unwrap().without("X");
        assert_eq!(left.map(|d| d.text().to_owned()), after, "{before}");
    }
}

#[test]
fn what_cannot_be_found_again_is_not_put_in() {
    let document = Document::empty();
    for bad in [named("other"), json!({"Effect": "Allow"}), json!([]), json!("*")] {
        assert!(document.with_statement("n", &bad).is_err(), "{bad}");
    }
}

fn texts_but<'a>(document: &'a Document, sid: &'a str) -> Vec<&'a str> {
    document.statements().iter().filter(|s| s.sid.as_deref() != Some(sid)).map(Statement::text).collect()
}

/// What stands before and behind the value of `Statement`.
fn around(document: &Document) -> (&str, &str) {
    (&document.text[..document.element.start], &document.text[document.element.end..])
}

proptest! {
    #[test]
    fn an_edit_leaves_the_document_that_its_text_is(sample in policy(), sid in prop::sample::select(&SIDS[..])) {
        let document = Document::parse(&sample.text()).unwrap();
        let edited = document.with_statement(sid, &named(sid)).unwrap();
        prop_assert_eq!(&Document::parse(edited.text()).unwrap(), &edited);
        let twice = edited.with_statement(FRESH, &named(FRESH)).unwrap().with_statement(sid, &named(sid)).unwrap();
        prop_assert_eq!(&Document::parse(twice.text()).unwrap(), &twice);
        if let Some(left) = document.without(sid) {
            prop_assert_eq!(&Document::parse(left.text()).unwrap(), &left);
        }
    }

    #[test]
    fn no_byte_of_the_others_changes(sample in policy(), sid in prop::sample::select(&SIDS[..])) {
        let document = Document::parse(&sample.text()).unwrap();
        let edited = document.with_statement(sid, &named(sid)).unwrap();
        prop_assert_eq!(texts_but(&edited, sid), texts_but(&document, sid));
        prop_assert_eq!(around(&edited), around(&document));
        prop_assert_eq!(edited.ours(sid).filter(|s| s.sid.as_deref() == Some(sid)).count(), 1);
        let left = document.without(sid);
        prop_assert_eq!(left.is_none(), texts_but(&document, sid).is_empty());
        if let Some(left) = left {
            prop_assert_eq!(texts_but(&left, sid), texts_but(&document, sid));
            prop_assert_eq!(around(&left), around(&document));
            prop_assert_eq!(left.statements().len(), texts_but(&document, sid).len());
        }
    }

    #[test]
    fn in_and_out_again_leaves_the_same_bytes(sample in policy(), ours in statement()) {
        let document = Document::parse(&sample.text()).unwrap();
        let mut ours = ours.value();
        ours["Sid"] = FRESH.into();
        let back = document.with_statement(FRESH, &ours).unwrap().without(FRESH);
        let expected = match document.statements() {
            [] => None,
            // The list stays around one statement that was alone.
            [one] if document.single => {
                let (before, behind) = around(&document);
                Some(format!("{before}[{}]{behind}", one.text()))
            }
            _ => Some(document.text().to_owned()),
        };
        prop_assert_eq!(back.map(|d| d.text().to_owned()), expected);
    }

    #[test]
    fn what_went_in_is_what_is_found(sample in policy(), ours in statement()) {
        let mut ours = ours.value();
        ours["Sid"] = FRESH.into();
        let edited = Document::parse(&sample.text()).unwrap().with_statement(FRESH, &ours).unwrap();
        let found: Vec<_> = edited.ours(FRESH).map(Statement::normalized).collect();
        prop_assert_eq!(found, vec![Statement::of(&ours).unwrap().normalized()]);
    }
}
