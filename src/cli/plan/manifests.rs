//! Manifests: the objects of our kinds in files, each as the apiserver would take it, or all that is wrong with them.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    rc::Rc,
};

use kube::{Resource, ResourceExt};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    document::{self, Node},
    schema::Schema,
    sources,
};
use crate::api::{
    self, AccountSet, GROUP, INSTALLATION, Installation, KINDS, Organization, Share, SharingPolicy, VERSION,
};

/// The kinds that people write and a plan rests on.
const DECLARED: [&str; 5] = ["Installation", "Organization", "AccountSet", "SharingPolicy", "Share"];

/// What a folder declares.
#[derive(Clone, Debug)]
pub struct Manifests {
    /// The one installation.
    pub installation: Installation,
    /// By file and line, as all that follow.
    pub organizations: Vec<Organization>,
    /// What is governed.
    pub sets: Vec<AccountSet>,
    /// What may be shared.
    pub policies: Vec<SharingPolicy>,
    /// What is shared.
    pub shares: Vec<Share>,
    /// How many objects of other kinds were left aside, by kind.
    pub skipped: BTreeMap<String, usize>,
}

/// One thing that is wrong with the manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The file; none where something is missing from all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The line, counted from 1; none where the file could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The object: kind and name, with its namespace if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The field, as `spec.targets[0].until`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

/// `file:line: kind namespace/name: field: message`, each part where it is known.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{}:{line}: ", file.display())?,
            (Some(file), None) => write!(f, "{}: ", file.display())?,
            (None, _) => {}
        }
        for part in [&self.object, &self.field].into_iter().flatten() {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Reads all manifests; namespaced ones that name no namespace are in `namespace`. Whatever is wrong is told at once.
pub fn load(named: &[PathBuf], namespace: &str) -> Result<Manifests, Vec<Problem>> {
    let mut reader = Reader { namespace, ..Reader::default() };
    for source in sources::read(named) {
        let file: Rc<Path> = source.file.into();
        match source.text.map(|text| document::parse(&text)) {
            Ok(Ok(documents)) => documents.iter().for_each(|document| reader.object(&file, document)),
            Ok(Err(broken)) => reader.problems.push(Problem {
                file: Some(file.to_path_buf()),
                line: Some(broken.line),
                message: broken.message,
                ..Problem::default()
            }),
            Err(error) => reader.problems.push(Problem {
                file: Some(file.to_path_buf()),
                message: format!("cannot be read: {error}"),
                ..Problem::default()
            }),
        }
    }
    reader.finish()
}

/// Reads Shares from texts, each as the apiserver would take it. The schema is made ready once.
#[derive(Default)]
pub(in crate::cli) struct ShareReader(Reader<'static>);

impl ShareReader {
    /// The Shares in a text.
    pub(in crate::cli) fn read(&mut self, text: &str) -> Result<Vec<Share>, Vec<Problem>> {
        let Self(reader) = self;
        let broken = |broken: document::Unparsable| {
            vec![Problem { line: Some(broken.line), message: broken.message, ..Problem::default() }]
        };
        let file: Rc<Path> = PathBuf::from("<text>").into();
        document::parse(text).map_err(broken)?.iter().for_each(|document| reader.object(&file, document));
        let shares = reader.typed();
        reader.objects.clear();
        let problems = std::mem::take(&mut reader.problems);
        if problems.is_empty() { Ok(shares) } else { Err(problems) }
    }
}

#[derive(Default)]
struct Reader<'a> {
    namespace: &'a str,
    schemas: BTreeMap<String, Schema>,
    /// By kind, namespace and name.
    objects: BTreeMap<(String, String, String), Object>,
    skipped: BTreeMap<String, usize>,
    problems: Vec<Problem>,
}

/// An object that is taken, and where it stands.
struct Object {
    place: Place,
    value: Value,
}

#[derive(Clone)]
struct Place {
    file: Rc<Path>,
    node: Node,
    object: String,
}

impl Place {
    fn problem(&self, field: &str, message: impl Into<String>) -> Problem {
        Problem {
            file: Some(self.file.to_path_buf()),
            line: Some(self.node.line_of(field)),
            object: Some(self.object.clone()),
            field: (!field.is_empty()).then(|| field.to_owned()),
            message: message.into(),
        }
    }
}

impl Reader<'_> {
    fn object(&mut self, file: &Rc<Path>, node: &Node) {
        let place =
            |object: &str| Place { file: Rc::clone(file), node: node.clone(), object: object.to_owned() };
        let (Some(version), Some(kind)) = (node.text("apiVersion"), node.text("kind")) else {
            let missing = if node.text("kind").is_none() { "kind" } else { "apiVersion" };
            let problem = place("not a manifest").problem(missing, "is required and missing");
            return self.problems.push(problem);
        };
        if let ("v1", "List", Some(items)) = (version, kind, node.get("items").and_then(Node::items)) {
            return items.iter().for_each(|item| self.object(file, item));
        }
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let ours = group == GROUP;
        if ours && version != VERSION {
            let message = format!("version {version} is unknown here; write {GROUP}/{VERSION}");
            return self.problems.push(place(kind).problem("apiVersion", message));
        }
        if ours && !KINDS.contains(&kind) {
            let message = format!("unknown kind; those of {GROUP} are {}", KINDS.join(", "));
            return self.problems.push(place(kind).problem("kind", message));
        }
        if !ours || !DECLARED.contains(&kind) {
            *self.skipped.entry(kind.to_owned()).or_default() += 1;
            return;
        }
        self.declared(file, node, kind);
    }

    fn declared(&mut self, file: &Rc<Path>, node: &Node, kind: &str) {
        let metadata = node.get("metadata");
        let text = |field: &str| metadata.and_then(|metadata| metadata.text(field)).map(str::to_owned);
        let name = text("name");
        let namespace = if kind == "Share" {
            text("namespace").unwrap_or_else(|| self.namespace.to_owned())
        } else {
            String::new()
        };
        let shown = name.as_deref().unwrap_or("(without a name)");
        let object = if namespace.is_empty() {
            format!("{kind} {shown}")
        } else {
            format!("{kind} {namespace}/{shown}")
        };
        let place = Place { file: Rc::clone(file), node: node.clone(), object };
        let Some(name) = name.filter(|name| is_name(name)) else {
            let message = "is required: lower-case letters, digits, - and .; at most 253 characters";
            return self.problems.push(place.problem("metadata.name", message));
        };
        let value = stored(node.value(), &name, &namespace);
        match self.schema(kind).accept(&value) {
            Ok(value) => self.keep((kind.to_owned(), namespace, name), Object { place, value }),
            Err(findings) => {
                let problems = findings.into_iter().map(|f| place.problem(&f.path, f.message));
                let mut problems: Vec<Problem> = problems.collect();
                problems.sort_by_key(|problem| problem.line);
                self.problems.extend(problems);
            }
        }
    }

    fn keep(&mut self, key: (String, String, String), object: Object) {
        let Some(first) = self.objects.get(&key) else {
            self.objects.insert(key, object);
            return;
        };
        let Place { file, node, .. } = &first.place;
        let message = format!("is declared twice; the first is {}:{}", file.display(), node.line());
        self.problems.push(object.place.problem("metadata.name", message));
    }

    fn schema(&mut self, kind: &str) -> &Schema {
        self.schemas.entry(kind.to_owned()).or_insert_with(|| {
            let crd = api::crds().into_iter().find(|crd| crd.spec.names.kind == kind);
            let version = crd.and_then(|crd| crd.spec.versions.into_iter().next());
            let schema = version.and_then(|version| version.schema?.open_api_v3_schema);
            Schema::new(schema.and_then(|schema| serde_json::to_value(schema).ok()).unwrap_or_default())
        })
    }

    fn finish(mut self) -> Result<Manifests, Vec<Problem>> {
        let installations: Vec<Installation> = self.typed();
        let organizations: Vec<Organization> = self.typed();
        let sets: Vec<AccountSet> = self.typed();
        let policies = self.typed();
        let shares = self.typed();
        self.references(&organizations, &sets);
        let installation = installations.into_iter().find(|found| found.name_any() == INSTALLATION);
        if installation.is_none() && self.problems.is_empty() {
            let message = "no Installation named sharekeeper among the manifests: which shares in AWS are ours cannot be \
                           told; name its file too";
            self.problems.push(Problem { message: message.to_owned(), ..Problem::default() });
        }
        match installation {
            Some(installation) if self.problems.is_empty() => {
                Ok(Manifests { installation, organizations, sets, policies, shares, skipped: self.skipped })
            }
            _ => Err(self.problems),
        }
    }

    /// The objects of a type. What the schema takes the type reads; should it not, that is told like anything else.
    fn typed<K: Resource<DynamicType = ()> + DeserializeOwned>(&mut self) -> Vec<K> {
        let kind = K::kind(&());
        let mut typed = vec![];
        for ((_, _, _), object) in self.objects.iter().filter(|((of, ..), _)| *of == kind) {
            match serde_json::from_value(object.value.clone()) {
                Ok(value) => typed.push(value),
                Err(error) => self.problems.push(object.place.problem("", error.to_string())),
            }
        }
        typed
    }

    /// A set whose organization no manifest declares could be waited for in a cluster, and cannot be planned.
    fn references(&mut self, organizations: &[Organization], sets: &[AccountSet]) {
        for set in sets {
            let Some(named) = &set.spec.organization else { continue };
            if organizations.iter().any(|organization| organization.name_any() == *named) {
                continue;
            }
            let key = ("AccountSet".to_owned(), String::new(), set.name_any());
            let Some(object) = self.objects.get(&key) else { continue };
            let message = format!("no manifest declares Organization {named}; name its file too");
            self.problems.push(object.place.problem("spec.organization", message));
        }
    }
}

/// The object as it would be stored: what the apiserver alone writes is left out.
fn stored(mut value: Value, name: &str, namespace: &str) -> Value {
    let Some(fields) = value.as_object_mut() else { return value };
    fields.remove("status");
    let mut metadata = json!({"name": name});
    if let Some(metadata) = metadata.as_object_mut() {
        if !namespace.is_empty() {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
        let given = fields.get("metadata");
        for word in ["labels", "annotations"] {
            if let Some(words) = given.and_then(|given| given.get(word)) {
                metadata.insert(word.to_owned(), words.clone());
            }
        }
    }
    fields.insert("metadata".to_owned(), metadata);
    value
}

/// RFC 1123, as the apiserver asks of every name.
fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !part.is_empty() && part.chars().all(inner) && !part.starts_with('-') && !part.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(part)
}
