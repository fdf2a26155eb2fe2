//! Policies with odd white space, escapes and unknown fields.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::Value;

/// A JSON value with its members in an order of its own.
#[derive(Clone, Debug)]
pub(super) enum Json {
    Object(Vec<(String, Json)>),
    List(Vec<Json>),
    Text(String),
    Other(String),
}

/// A text and how it is spelled.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) json: Json,
    /// Decides each white space and each escape.
    pub(super) noise: Vec<u8>,
}

impl Sample {
    pub(super) fn text(&self) -> String {
        let mut writer = Spelling { text: String::new(), noise: self.noise.iter().copied().cycle() };
        writer.space();
        writer.write(&self.json);
        writer.space();
        writer.text
    }
}

impl Json {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(super) fn texts(texts: &[&str]) -> Self {
        Self::List(texts.iter().map(|t| Self::text(t)).collect())
    }

    /// Without a space, and escaped only where JSON asks for it.
    pub(super) fn compact(&self) -> String {
        Sample { json: self.clone(), noise: vec![0] }.text()
    }

    pub(super) fn value(&self) -> Value {
        serde_json::from_str(&self.compact()).unwrap()
    }
}

struct Spelling<I> {
    text: String,
    noise: I,
}

impl<I: Iterator<Item = u8>> Spelling<I> {
    fn space(&mut self) {
        let spaces = ["", "", " ", "\n", "\t", "\r\n  ", "    "];
        let at = usize::from(self.noise.next().unwrap_or(0)) % spaces.len();
        self.text.push_str(spaces[at]);
    }

    fn write(&mut self, json: &Json) {
        match json {
            Json::Object(members) => self.between('{', '}', members, |writer, (name, value)| {
                writer.string(name);
                writer.space();
                writer.text.push(':');
                writer.space();
                writer.write(value);
            }),
            Json::List(items) => self.between('[', ']', items, Self::write),
            Json::Text(text) => self.string(text),
            Json::Other(text) => self.text.push_str(text),
        }
    }

    fn between<T>(&mut self, open: char, close: char, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.text.push(open);
        self.space();
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.text.push(',');
                self.space();
            }
            write(self, item);
            self.space();
        }
        self.text.push(close);
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            let escape = self.noise.next().unwrap_or(0) % 8 == 7;
            match c {
                _ if escape => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(self.text, "\\u{unit:04X}").unwrap();
                    }
                }
                '"' | '\\' => self.text.extend(['\\', c]),
                c if c < ' ' => write!(self.text, "\\u{:04x}", c as u32).unwrap(),
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }
}

/// Any JSON, names in an object once.
pub(super) fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        "[ -~é😀\n\"\\\\]{0,8}".prop_map(Json::Text),
        "-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,3})?".prop_map(Json::Other),
        prop::sample::select(vec!["true", "false", "null"]).prop_map(|t| Json::Other(t.to_owned())),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = "[a-z\"\\\\😀{]{0,4}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::List),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|m| Json::Object(m.into_iter().collect())),
        ]
    })
}

pub(super) fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..40)
}

/// `Sid`s that generated statements have; `Fresh` is none of them.
pub(super) const SIDS: [&str; 5] = ["sk-1", "sk-2", "theirs", "a \"b\" \\ {c}", "sk-é😀"];
pub(super) const FRESH: &str = "sk-fresh";

fn principal() -> impl Strategy<Value = (String, Json)> {
    let any = prop::sample::select(vec![
        Json::text("*"),
        Json::Object(vec![("AWS".into(), Json::text("*"))]),
        Json::Object(vec![(
            "AWS".into(),
            Json::texts(&["111122223333", "arn:aws:iam::444455556666:role/r"]),
        )]),
        Json::Object(vec![
            ("Service".into(), Json::text("sns.amazonaws.com")),
            ("AWS".into(), Json::text("arn:aws:iam::111122223333:root")),
        ]),
    ]);
    let name = prop::sample::select(vec!["Principal", "Principal", "Principal", "NotPrincipal"]);
    (name, any).prop_map(|(name, json)| (name.to_owned(), json))
}

/// A condition out of the operators, keys and values that decide about organizations and accounts.
pub(super) fn condition() -> impl Strategy<Value = Json> {
    let set = prop::sample::select(vec!["", "", "ForAnyValue:", "ForAllValues:", "forANYvalue:"]);
    let operator = prop::sample::select(vec![
        "StringEquals",
        "stringequals",
        "StringLike",
        "StringEqualsIgnoreCase",
        "StringNotEquals",
        "StringNotLike",
        "StringNotEqualsIgnoreCase",
        "Null",
    ]);
    let exists = prop::sample::select(vec!["", "", "IfExists"]);
    let key = prop::sample::select(vec![
        "aws:PrincipalOrgID",
        "AWS:principalorgid",
        "aws:PrincipalOrgPaths",
        "aws:PrincipalAccount",
        "kms:CallerAccount",
        "aws:PrincipalArn",
        "\u{212a}ms:CallerAccount",
    ]);
    let value = prop::sample::select(vec![
        "o-a",
        "o-b",
        "o-*",
        "o-?",
        "*",
        "O-A",
        "${aws:PrincipalOrgID}",
        "o-a/*",
        "o-a/r-1/ou-1/",
        "o-a/r-1/ou-1/*",
        "o-*/r-1/ou-1/*",
        "*/ou-1/*",
        "111122223333",
        "444455556666",
        "1111*",
        "anonymous",
        "true",
        "false",
        "",
    ]);
    let values = prop::collection::vec(value, 0..3);
    (set, operator, exists, key, values, any::<bool>()).prop_map(|(set, op, exists, key, values, list)| {
        let values = match values.as_slice() {
            [one] if !list => Json::text(one),
            many => Json::texts(many),
        };
        let keys = Json::Object(vec![(key.to_owned(), values)]);
        Json::Object(vec![(format!("{set}{op}{exists}"), keys)])
    })
}

/// One statement with its elements in any order, and a field that no grammar names.
pub(super) fn statement() -> impl Strategy<Value = Json> {
    let sid = prop::option::of(prop::sample::select(SIDS.to_vec()));
    let effect = prop::sample::select(vec!["Allow", "Allow", "Deny"]);
    let action =
        prop::sample::select(vec![Json::text("kms:Decrypt"), Json::texts(&["s3:Get*", "s3:ListBucket"])]);
    let unknown = prop::option::of(any_json());
    let resource = any::<bool>();
    let parts = (sid, effect, principal(), action, prop::option::of(condition()), unknown, resource);
    let fields = parts.prop_map(|(sid, effect, principal, action, condition, unknown, resource)| {
        let mut fields =
            vec![("Effect".to_owned(), Json::text(effect)), principal, ("Action".to_owned(), action)];
        fields.extend(sid.map(|sid| ("Sid".to_owned(), Json::text(sid))));
        fields.extend(condition.map(|condition| ("Condition".to_owned(), condition)));
        fields.extend(unknown.map(|unknown| ("x-Unknown".to_owned(), unknown)));
        fields.extend(resource.then(|| ("Resource".to_owned(), Json::text("*"))));
        fields
    });
    fields.prop_shuffle().prop_map(Json::Object)
}

/// A policy: a list of statements or one alone, among unknown fields.
pub(super) fn policy() -> impl Strategy<Value = Sample> {
    let list = prop::collection::vec(statement(), 0..5).prop_map(Json::List);
    let element = prop_oneof![3 => list, 1 => statement()];
    (element, prop::option::of(any_json()), any::<bool>(), noise()).prop_map(
        |(element, unknown, last, noise)| {
            let mut fields = vec![("Version".to_owned(), Json::text("2012-10-17"))];
            fields.extend(unknown.map(|unknown| ("Id".to_owned(), unknown)));
            fields.insert(if last { fields.len() } else { 0 }, ("Statement".to_owned(), element));
            Sample { json: Json::Object(fields), noise }
        },
    )
}
