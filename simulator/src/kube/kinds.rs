//! The kinds that are served: built in, or told by CustomResourceDefinitions.

use std::sync::Arc;

use serde_json::Value;

use super::fields::Shape;
use super::jsonpath::JsonPath;
use super::object::text;
use super::schema::Schema;
use super::status::GroupResource;

/// A printer column of a kind.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) type_: String,
    pub(crate) format: String,
    pub(crate) description: String,
    pub(crate) priority: i64,
    /// The first that finds something counts.
    pub(crate) paths: Vec<JsonPath>,
}

/// One served version of a resource.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the names are discovery's own")]
pub(crate) struct Kind {
    pub(crate) resource: GroupResource,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) status: bool,
    pub(crate) columns: Vec<Column>,
    pub(crate) selectable: Vec<(String, JsonPath)>,
    pub(crate) schema: Option<Schema>,
    /// How objects merge under server-side apply.
    pub(crate) shape: Shape,
    pub(crate) origin: Origin,
}

/// Who made a kind: their registry strategies differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A CustomResourceDefinition.
    Custom,
    /// Kubernetes.
    BuiltIn,
    /// Kubernetes, and updates without a resourceVersion are taken (`AllowUnconditionalUpdate`).
    Unconditional,
}

impl Kind {
    pub(crate) fn group(&self) -> &str {
        &self.resource.group
    }

    /// `group/version`, or `version` for the core group.
    pub(crate) fn api_version(&self) -> String {
        if self.group().is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group(), self.version)
        }
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.origin == Origin::Custom
    }

    pub(crate) fn has_subresource(&self, name: &str) -> bool {
        match name {
            "" => true,
            "status" => self.status,
            "finalize" => self.resource == namespaces(),
            _ => false,
        }
    }

    fn built_in(group: &str, version: &str, plural: &str, kind: &str, namespaced: bool) -> Self {
        Self {
            resource: GroupResource::new(group, plural),
            version: version.to_owned(),
            kind: kind.to_owned(),
            list_kind: format!("{kind}List"),
            singular: kind.to_lowercase(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced,
            status: false,
            columns: Vec::new(),
            selectable: Vec::new(),
            schema: None,
            shape: Shape::of_object(None),
            origin: Origin::Unconditional,
        }
    }

    fn short(mut self, names: &[&str]) -> Self {
        self.short_names = names.iter().map(|&n| n.to_owned()).collect();
        self
    }

    fn with_status(mut self) -> Self {
        self.status = true;
        self
    }

    fn conditional(mut self) -> Self {
        self.origin = Origin::BuiltIn;
        self
    }

    /// Columns given as (name, JSONPath or several, `|` between).
    fn columns(mut self, columns: &[(&str, &str)]) -> Self {
        self.columns = columns
            .iter()
            .map(|&(name, path)| Column {
                name: name.to_owned(),
                type_: if name == "Age" || name == "Last Seen" { "date" } else { "string" }.to_owned(),
                format: String::new(),
                description: String::new(),
                priority: 0,
                paths: path.split('|').map(JsonPath::parse).collect(),
            })
            .collect();
        self
    }

    fn selectable(mut self, paths: &[&str]) -> Self {
        self.selectable = paths.iter().map(|&p| selectable(p)).collect();
        self
    }
}

fn selectable(path: &str) -> (String, JsonPath) {
    (path.trim_start_matches('.').to_owned(), JsonPath::parse(path))
}

pub(crate) fn namespaces() -> GroupResource {
    GroupResource::new("", "namespaces")
}

pub(crate) fn definitions() -> GroupResource {
    GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions")
}

const AGE: (&str, &str) = ("Age", ".metadata.creationTimestamp");

fn built_ins() -> Vec<Kind> {
    let events = &[
        ".involvedObject.kind",
        ".involvedObject.name",
        ".involvedObject.namespace",
        ".involvedObject.uid",
        ".reason",
        ".type",
    ];
    vec![
        Kind::built_in("", "v1", "namespaces", "Namespace", false)
            .short(&["ns"])
            .with_status()
            .columns(&[("Status", ".status.phase"), AGE])
            .selectable(&[".status.phase"]),
        Kind::built_in("", "v1", "configmaps", "ConfigMap", true).short(&["cm"]).columns(&[AGE]),
        Kind::built_in("", "v1", "serviceaccounts", "ServiceAccount", true).short(&["sa"]).columns(&[AGE]),
        Kind::built_in("", "v1", "events", "Event", true).short(&["ev"]).selectable(events).columns(&[
            ("Last Seen", ".series.lastObservedTime|.lastTimestamp|.eventTime"),
            ("Type", ".type"),
            ("Reason", ".reason"),
            ("Object", ".involvedObject.name"),
            ("Message", ".message"),
        ]),
        Kind::built_in("events.k8s.io", "v1", "events", "Event", true)
            .short(&["ev"])
            .selectable(&[".regarding.kind", ".regarding.name", ".regarding.uid", ".reason", ".type"])
            .columns(&[
                ("Last Seen", ".series.lastObservedTime|.deprecatedLastTimestamp|.eventTime"),
                ("Type", ".type"),
                ("Reason", ".reason"),
                ("Object", ".regarding.name"),
                ("Message", ".note"),
            ]),
        Kind::built_in("coordination.k8s.io", "v1", "leases", "Lease", true)
            .conditional()
            .columns(&[("Holder", ".spec.holderIdentity"), AGE]),
        Kind::built_in(
            "apiextensions.k8s.io",
            "v1",
            "customresourcedefinitions",
            "CustomResourceDefinition",
            false,
        )
        .short(&["crd", "crds"])
        .with_status()
        .conditional()
        .columns(&[("Created At", ".metadata.creationTimestamp")]),
    ]
}

/// All kinds served, by group, version and plural name.
#[derive(Debug)]
pub(crate) struct Kinds(Vec<Arc<Kind>>);

impl Kinds {
    pub(crate) fn built_in() -> Self {
        Self(built_ins().into_iter().map(Arc::new).collect())
    }

    pub(crate) fn find(&self, resource: &GroupResource, version: &str) -> Option<Arc<Kind>> {
        self.0.iter().find(|k| k.resource == *resource && k.version == version).cloned()
    }

    /// Any served version of a resource.
    pub(crate) fn any(&self, resource: &GroupResource) -> Option<Arc<Kind>> {
        self.0.iter().find(|k| k.resource == *resource).cloned()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.0.iter()
    }

    /// Serves what a definition says from now on, in place of what it said before.
    pub(crate) fn define(&mut self, definition: &Value) {
        self.withdraw(definition);
        self.0.extend(defined(definition).into_iter().map(Arc::new));
    }

    /// Serves the resource of a definition no longer.
    pub(crate) fn withdraw(&mut self, definition: &Value) {
        let resource = defined_resource(definition);
        self.0.retain(|k| k.resource != resource);
    }
}

/// The resource that a CustomResourceDefinition defines.
pub(crate) fn defined_resource(definition: &Value) -> GroupResource {
    GroupResource::new(text(definition, "/spec/group"), text(definition, "/spec/names/plural"))
}

fn defined(definition: &Value) -> Vec<Kind> {
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array);
    let served = versions.into_iter().flatten().filter(|v| v.get("served") == Some(&Value::Bool(true)));
    served.map(|version| defined_version(definition, version)).collect()
}

fn defined_version(definition: &Value, version: &Value) -> Kind {
    let names = definition.pointer("/spec/names").cloned().unwrap_or_default();
    let kind = text(&names, "/kind").to_owned();
    let or = |given: &str, otherwise: String| if given.is_empty() { otherwise } else { given.to_owned() };
    let schema = version.pointer("/schema/openAPIV3Schema");
    let paths = list(version, "/selectableFields");
    Kind {
        resource: defined_resource(definition),
        version: text(version, "/name").to_owned(),
        list_kind: or(text(&names, "/listKind"), format!("{kind}List")),
        singular: or(text(&names, "/singular"), kind.to_lowercase()),
        short_names: strings(&names, "/shortNames"),
        categories: strings(&names, "/categories"),
        namespaced: text(definition, "/spec/scope") == "Namespaced",
        status: version.pointer("/subresources/status").is_some(),
        columns: columns(version),
        selectable: paths.map(|f| selectable(text(f, "/jsonPath"))).collect(),
        shape: Shape::of_object(schema),
        schema: schema.map(Schema::new),
        origin: Origin::Custom,
        kind,
    }
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn strings(value: &Value, pointer: &str) -> Vec<String> {
    list(value, pointer).filter_map(Value::as_str).map(str::to_owned).collect()
}

/// How a column without a description is described.
const COLUMN: &str = "Custom resource definition column (in JSONPath format): ";

/// The columns of a version; without any, the age alone, as the apiserver gives.
fn columns(version: &Value) -> Vec<Column> {
    let columns: Vec<Column> = list(version, "/additionalPrinterColumns")
        .map(|c| Column {
            name: text(c, "/name").to_owned(),
            type_: text(c, "/type").to_owned(),
            format: text(c, "/format").to_owned(),
            description: match text(c, "/description") {
                "" => format!("{COLUMN}{}", text(c, "/jsonPath")),
                description => description.to_owned(),
            },
            priority: c.get("priority").and_then(Value::as_i64).unwrap_or_default(),
            paths: vec![JsonPath::parse(text(c, "/jsonPath"))],
        })
        .collect();
    if !columns.is_empty() {
        return columns;
    }
    vec![Column {
        name: "Age".to_owned(),
        type_: "date".to_owned(),
        format: String::new(),
        description: "CreationTimestamp is a timestamp representing the server time when this object was \
                      created."
            .to_owned(),
        priority: 0,
        paths: vec![JsonPath::parse(AGE.1)],
    }]
}
