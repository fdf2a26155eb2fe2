//! `meta.k8s.io/v1` Tables, from which `kubectl get` prints.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::{Column, Kind};
use super::object;

/// Rows for `objects`; column definitions only in a list and in a watch's first event.
pub(crate) fn table<'a>(
    kind: &Kind,
    objects: impl Iterator<Item = &'a Value>,
    list_meta: &Value,
    with_columns: bool,
    whole_objects: bool,
    now: Timestamp,
) -> Value {
    let columns = if with_columns { definitions(kind) } else { Value::Null };
    let rows: Vec<Value> = objects.map(|o| row(kind, o, whole_objects, now)).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": list_meta,
        "columnDefinitions": columns, "rows": rows,
    })
}

/// The description of `metadata.name` in the API reference.
const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some \
                    resources may allow a client to request the generation of an appropriate name automatically. \
                    Name is primarily intended for creation idempotence and configuration definition. Cannot be \
                    updated. More info: \
                    https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

fn definitions(kind: &Kind) -> Value {
    let name = json!({
        "name": "Name", "type": "string", "format": "name", "priority": 0,
        "description": NAME,
    });
    let others = kind.columns.iter().map(|c| {
        json!({
            "name": c.name, "type": c.type_, "format": c.format,
            "description": c.description, "priority": c.priority,
        })
    });
    std::iter::once(name).chain(others).collect()
}

fn row(kind: &Kind, object: &Value, whole: bool, now: Timestamp) -> Value {
    let name = Value::from(object::name(object));
    let cells: Value =
        std::iter::once(name).chain(kind.columns.iter().map(|c| cell(c, object, now))).collect();
    let shown = if whole {
        object.clone()
    } else {
        json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": object.get("metadata"),
        })
    };
    json!({"cells": cells, "object": shown})
}

fn cell(column: &Column, object: &Value, now: Timestamp) -> Value {
    let found = column.paths.iter().find_map(|path| path.find(object).first().copied());
    let Some(value) = found else { return Value::Null };
    match (column.type_.as_str(), value) {
        ("date", Value::String(text)) => text
            .parse::<Timestamp>()
            .map_or_else(|_| "<invalid>".to_owned(), |then| age(now.as_second() - then.as_second()))
            .into(),
        ("integer", Value::Number(n)) => n.as_i64().map_or(Value::Null, Value::from),
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) | ("string", Value::String(_)) => {
            value.clone()
        }
        ("string", other) => other.to_string().into(),
        _ => Value::Null,
    }
}

/// A duration in seconds, as people read it: `HumanDuration` of k8s.io/apimachinery `pkg/util/duration`.
fn age(seconds: i64) -> String {
    let (minutes, hours, days, years) =
        (seconds / 60, seconds / 3600, seconds / 86_400, seconds / 31_536_000);
    match () {
        () if seconds < -1 => "<invalid>".to_owned(),
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () if days < 2_920 => two(years, "y", days % 365, "d"),
        () => format!("{years}y"),
    }
}

fn two(large: i64, unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{small_unit}") }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn ages_read_as_kubectl_prints_them() {
        let cases = [
            (-5, "<invalid>"),
            (-1, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_100, "3h5m"),
            (86_400, "24h"),
            (172_800, "2d"),
            (176_400, "2d1h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_288_000, "8y"),
        ];
        for (seconds, text) in cases {
            assert_eq!(age(seconds), text, "{seconds}");
        }
    }
}
