//! Manifests from a folder, applied as a person would with `kubectl apply --server-side`.

use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, TypeMeta};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::Error;

/// One object of a manifest.
pub(crate) type Manifest = Value;

/// All objects of the folder's `.yaml` files, in the order of their names.
pub(crate) fn read(folder: &Path) -> Result<Vec<Manifest>, Error> {
    let failed = |source| Error::Io { what: format!("cannot read {}", folder.display()), source };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let objects: Vec<Vec<Manifest>> = files.iter().map(|path| read_file(path)).collect::<Result<_, _>>()?;
    Ok(objects.into_iter().flatten().collect())
}

fn read_file(path: &Path) -> Result<Vec<Manifest>, Error> {
    let text = fs::read_to_string(path)
        .map_err(|source| Error::Io { what: format!("cannot read {}", path.display()), source })?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
        .map_err(|error| Error::Manifest { path: path.display().to_string(), reason: error.to_string() })?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// Sets every `until` of the Shares' targets, so that manifests with a fixed date can be shown on any day. Says how many.
pub(crate) fn set_until(manifests: &mut [Manifest], until: Timestamp) -> usize {
    let targets = manifests
        .iter_mut()
        .filter(|manifest| kind(manifest) == "Share")
        .filter_map(|share| share.pointer_mut("/spec/targets")?.as_array_mut())
        .flatten();
    let dated: Vec<&mut Value> = targets.filter_map(|target| target.get_mut("until")).collect();
    let count = dated.len();
    dated.into_iter().for_each(|date| *date = json!(until.to_string()));
    count
}

/// Its kind, such as `Share`.
pub(crate) fn kind(manifest: &Manifest) -> &str {
    text(manifest, "/kind")
}

/// `namespace/name`, or the name of what has no namespace.
pub(crate) fn full_name(object: &Value) -> String {
    match (text(object, "/metadata/namespace"), text(object, "/metadata/name")) {
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}

/// The text at a JSON pointer; empty where there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Applies one object by server-side apply.
pub(crate) async fn apply(client: &Client, manifest: &Manifest) -> Result<(), Error> {
    let what = format!("{} {}", kind(manifest), full_name(manifest));
    let refused = |source| Error::Kube { what: what.clone(), source: Box::new(source) };
    let types =
        TypeMeta { api_version: text(manifest, "/apiVersion").to_owned(), kind: kind(manifest).to_owned() };
    let kind = GroupVersionKind::try_from(&types)
        .map_err(|error| Error::Manifest { path: what.clone(), reason: error.to_string() })?;
    let resource = ApiResource::from_gvk(&kind);
    let api: Api<DynamicObject> = match text(manifest, "/metadata/namespace") {
        "" => Api::all_with(client.clone(), &resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    let name = text(manifest, "/metadata/name");
    api.patch(name, &PatchParams::apply("demo").force(), &Patch::Apply(manifest)).await.map_err(refused)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_dates_of_targets_are_set() {
        let share = json!({"kind": "Share", "spec": {"targets": [{"account": "a"}, {"until": "2001-01-01T00:00:00Z"}]}});
        let other = json!({"kind": "Other", "spec": {"targets": [{"until": "2001-01-01T00:00:00Z"}]}});
        let mut manifests = [share, other.clone()];
        assert_eq!(set_until(&mut manifests, Timestamp::UNIX_EPOCH), 1);
        assert_eq!(
            manifests[0]["spec"]["targets"],
            json!([{"account": "a"}, {"until": "1970-01-01T00:00:00Z"}])
        );
        assert_eq!(manifests[1], other);
    }
}
