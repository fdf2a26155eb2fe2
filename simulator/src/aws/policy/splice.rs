//! The principals of a policy's text where they stand, so that one can be replaced and every other byte kept.

use std::ops::Range;

/// The strings below `Principal` and `NotPrincipal`, each with its place, quotes included. The text is taken for JSON.
pub(super) fn principals(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    // Of every open object and list, whether it is within a principal; and whether the next value is.
    let (mut open, mut within) = (Vec::new(), false);
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let mut end = at + c.len_utf8();
        match c {
            '{' | '[' => open.push(within),
            '}' | ']' => {
                open.pop();
                within = open.last().copied().unwrap_or_default();
            }
            ',' => within = open.last().copied().unwrap_or_default(),
            '"' => {
                end = string_end(text, end);
                let read: Option<String> =
                    text.get(at..end).and_then(|quoted| serde_json::from_str(quoted).ok());
                let is_key = text.get(end..).is_some_and(|rest| rest.trim_start().starts_with(':'));
                match read {
                    Some(key) if is_key => {
                        within |= matches!(key.as_str(), "Principal" | "NotPrincipal");
                    }
                    Some(value) if within => found.push((at..end, value)),
                    _ => {}
                }
            }
            _ => {}
        }
        at = end;
    }
    found
}

/// The text with those principals replaced for which `by` answers another.
pub(super) fn replace(text: &str, by: impl Fn(&str) -> Option<String>) -> String {
    let mut replaced = text.to_owned();
    for (place, principal) in principals(text).into_iter().rev() {
        if let Some(other) = by(&principal) {
            replaced.replace_range(place, &serde_json::Value::String(other).to_string());
        }
    }
    replaced
}

/// Where the string ends whose content starts at `start`, its closing quote included.
fn string_end(text: &str, start: usize) -> usize {
    let mut escaped = false;
    for (at, c) in text.get(start..).unwrap_or_default().char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return start + at + 1,
            _ => {}
        }
    }
    text.len()
}
