//! Where each value lies in a JSON text: what lets a policy be edited without moving a byte of the rest.

use std::{collections::BTreeSet, ops::Range};

use serde_json::Value;

use super::Malformed;

/// How deep values may lie in each other. A policy needs six levels.
const DEEPEST: usize = 64;

/// What to do about a text that is not JSON.
const REMEDY: &str = "put a whole JSON policy in its place";

/// A value and where it lies.
pub(super) struct Node {
    /// From its first byte to behind its last.
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// A value.
pub(super) enum Kind {
    /// Its members in the order of the text; no name twice.
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    Text(String),
    /// A number, a boolean or null.
    Scalar(Value),
}

/// Reads a text that is one JSON value (RFC 8259).
///
/// Stricter than that in one thing: a name twice in an object is an error, as IAM has it ("individual elements must
/// not contain multiple instances of the same key").
pub(super) fn read(text: &str) -> Result<Node, Malformed> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(0)?;
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.wrong("there is more text behind the policy")),
    }
}

/// The bytes of a JSON text without the white space between values.
pub(super) fn minified_len(text: &str) -> usize {
    let (mut inside, mut escaped) = (false, false);
    let counts = |byte: &u8| {
        let counts = inside || !is_space(*byte);
        inside ^= *byte == b'"' && !escaped;
        escaped = inside && !escaped && *byte == b'\\';
        counts
    };
    text.as_bytes().iter().copied().filter(counts).count()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

struct Reader<'a> {
    text: &'a str,
    /// Always between two characters: only ASCII and whole texts are stepped over.
    at: usize,
}

impl Reader<'_> {
    /// The next byte behind white space.
    fn peek(&mut self) -> Option<u8> {
        self.at += self.rest().bytes().take_while(|b| is_space(*b)).count();
        self.rest().bytes().next()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Steps over one byte if it comes next.
    fn took(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    fn value(&mut self, depth: usize) -> Result<Node, Malformed> {
        if depth > DEEPEST {
            return Err(self.wrong("values lie too deep in each other"));
        }
        let next = self.peek();
        let start = self.at;
        let kind = match next {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Kind::Text(self.string()?),
            Some(_) => Kind::Scalar(self.scalar()?),
            None => return Err(self.wrong("the text ends where a value has to follow")),
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn object(&mut self, depth: usize) -> Result<Kind, Malformed> {
        self.at += 1;
        let (mut members, mut names) = (vec![], BTreeSet::new());
        let mut more = !self.took(b'}');
        while more {
            let name = self.name()?;
            if !names.insert(name.clone()) {
                return Err(self.wrong(format!("{name:?} is there twice in one element")));
            }
            members.push((name, self.value(depth + 1)?));
            more = self.goes_on(b'}')?;
        }
        Ok(Kind::Object(members))
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Malformed> {
        self.at += 1;
        let mut items = vec![];
        let mut more = !self.took(b']');
        while more {
            items.push(self.value(depth + 1)?);
            more = self.goes_on(b']')?;
        }
        Ok(Kind::List(items))
    }

    /// Whether another item follows, or the end.
    fn goes_on(&mut self, close: u8) -> Result<bool, Malformed> {
        if self.took(b',') {
            return Ok(true);
        }
        if self.took(close) {
            return Ok(false);
        }
        Err(self.wrong(format!("a comma or {:?} is missing", char::from(close))))
    }

    /// A member's name and its colon.
    fn name(&mut self) -> Result<String, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a name in quotation marks is missing"));
        }
        let name = self.string()?;
        if self.took(b':') { Ok(name) } else { Err(self.wrong("a colon is missing")) }
    }

    fn string(&mut self) -> Result<String, Malformed> {
        let mut escaped = false;
        let is_end = |byte: u8| {
            let end = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            end
        };
        let inside = self.rest().bytes().skip(1).position(is_end);
        let Some(inside) = inside else { return Err(self.wrong("a text has no closing quotation mark")) };
        self.decoded(inside + 2)
    }

    fn scalar(&mut self) -> Result<Value, Malformed> {
        let ends = |b: u8| is_space(b) || matches!(b, b',' | b':' | b'[' | b']' | b'{' | b'}' | b'"');
        let length = self.rest().bytes().take_while(|b| !ends(*b)).count();
        self.decoded(length)
    }

    /// The next bytes as serde_json reads them.
    fn decoded<T: serde::de::DeserializeOwned>(&mut self, length: usize) -> Result<T, Malformed> {
        let end = self.at + length;
        let read = self.text.get(self.at..end).and_then(|slice| serde_json::from_str(slice).ok());
        let value = read.ok_or_else(|| self.wrong("this is not a value of JSON"))?;
        self.at = end;
        Ok(value)
    }

    fn wrong(&self, what: impl Into<String>) -> Malformed {
        let before = self.text.get(..self.at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Malformed::new(&format!("line {line}, column {column}"), what, REMEDY)
    }
}
