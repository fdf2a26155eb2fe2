//! YAML and JSON documents that know on which line each field stands.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// A value and the line that it begins on, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    line: u64,
    content: Content,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug, PartialEq)]
struct Key {
    line: u64,
    text: String,
}

/// A file that is neither YAML nor JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Unparsable {
    /// Where it stops making sense, counted from 1.
    pub(super) line: u64,
    /// What the parser says.
    pub(super) message: String,
}

/// The documents of a file, empty ones left out. The whole file or nothing: after a broken line nothing is guessed.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, Unparsable> {
    serde_saphyr::from_multiple(text).map_err(|error| {
        let line = error.location().map_or(1, |location| location.line());
        let message = error.without_snippet().to_string();
        Unparsable { line, message: message.lines().next().unwrap_or_default().to_owned() }
    })
}

impl Node {
    /// The line that it begins on.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The value of a map's field.
    pub(super) fn get(&self, field: &str) -> Option<&Self> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|(key, _)| key.text == field).map(|(_, node)| node),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// The text of a map's field.
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        match &self.get(field)?.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.content {
            Content::List(items) => Some(items),
            Content::Scalar(_) | Content::Map(_) => None,
        }
    }

    /// The value as the apiserver takes it: fields that are null are no fields.
    pub(super) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::value).collect(),
            Content::Map(entries) => {
                let fields = entries.iter().filter(|(_, node)| node.content != Content::Scalar(Value::Null));
                fields.map(|(key, node)| (key.text.clone(), node.value())).collect::<Map<_, _>>().into()
            }
        }
    }

    /// The line of the field at a path such as `spec.targets[0].until`; where the document does not go so far, the line
    /// of the last field on the way that it has.
    pub(super) fn line_of(&self, path: &str) -> u64 {
        let path = path.strip_prefix('.').unwrap_or(path);
        match &self.content {
            _ if path.is_empty() => self.line,
            Content::Map(entries) => {
                // A key may have dots of its own: the longest that fits is meant.
                let fitting = entries.iter().filter_map(|(key, node)| {
                    let rest = path.strip_prefix(key.text.as_str())?;
                    (rest.is_empty() || rest.starts_with(['.', '['])).then_some((key, node, rest))
                });
                let Some((key, node, rest)) = fitting.max_by_key(|(key, ..)| key.text.len()) else {
                    return self.line;
                };
                if rest.is_empty() { key.line } else { node.line_of(rest).max(key.line) }
            }
            Content::List(items) => {
                let index = path.strip_prefix('[').and_then(|rest| rest.split_once(']'));
                let item =
                    index.and_then(|(index, rest)| Some((items.get(index.parse::<usize>().ok()?)?, rest)));
                item.map_or(self.line, |(item, rest)| item.line_of(rest))
            }
            Content::Scalar(_) => self.line,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), content: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), text: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Scalar(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = vec![];
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut map = vec![];
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Content::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "# two documents
kind: Share
spec:
  targets:
  - account: data-prod
    until: 2027-01-31T00:00:00Z
  - {account: \"0123\", reason: ~}
  tags:
    cost.centre: 42
---
kind: Other
spec: {a: true, b: [1, 2.5], c: yes, d: 0o17}
---
";

    #[test]
    fn every_field_has_its_line() {
        let documents = parse(TEXT).unwrap();
        let table = [
            ("", 2),
            ("kind", 2),
            ("spec.targets", 4),
            ("spec.targets[0]", 5),
            ("spec.targets[0].until", 6),
            ("spec.targets[1].account", 7),
            ("spec.tags.cost.centre", 9),
            // What is not there has the line of what should hold it.
            ("spec.targets[0].role", 5),
            ("spec.targets[7]", 5),
            ("spec.tags.cost", 9),
            ("metadata.name", 2),
        ];
        for (path, line) in table {
            assert_eq!(documents[0].line_of(path), line, "{path}");
        }
        assert_eq!(documents[1].line_of("spec.b[1]"), 12);
        assert_eq!(documents[1].line(), 11);
    }

    #[test]
    fn values_are_as_the_apiserver_takes_them() {
        let documents = parse(TEXT).unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(
            documents[0].value()["spec"],
            json!({"targets": [{"account": "data-prod", "until": "2027-01-31T00:00:00Z"}, {"account": "0123"}], "tags": {"cost.centre": 42}})
        );
        assert_eq!(documents[1].value()["spec"], json!({"a": true, "b": [1, 2.5], "c": true, "d": 15}));
        let json = parse("{\"kind\": \"Share\",\n \"spec\": {\n \"account\": \"a\"}}").unwrap();
        assert_eq!(json[0].line_of("spec.account"), 3);
    }

    #[test]
    fn broken_text_names_its_line() {
        for (text, line) in [
            ("a: 1\nb: [1, 2\nc: 3\n", 3),
            ("a: 1\n  b: 2\n", 2),
            ("a: 1\na: 2\n", 2),
            ("a: \"x\n", 1),
            ("a: 1\n---\nb: {\n", 3),
            ("a: *nowhere\n", 1),
        ] {
            let error = parse(text).unwrap_err();
            assert!((line..=line + 1).contains(&error.line), "{text}: {error:?}");
            assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}");
        }
    }
}
