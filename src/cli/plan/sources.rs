//! The files of manifests: what `-f` names, folders with all below them.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// The text of one file, or why it cannot be read.
pub(super) struct Source {
    /// The file, as it was reached.
    pub(super) file: PathBuf,
    /// Its text.
    pub(super) text: io::Result<String>,
}

/// All files in the order of their names. Of a folder those that end in `.yaml`, `.yml` or `.json`, without hidden ones
/// and without the recipes of kustomize, which are no manifests; of what is named itself any; `-` is standard input.
pub(super) fn read(named: &[PathBuf]) -> Vec<Source> {
    let mut sources = vec![];
    for path in named {
        if path == Path::new("-") {
            sources.push(Source { file: "<stdin>".into(), text: io::read_to_string(io::stdin()) });
            continue;
        }
        let mut files = BTreeSet::new();
        match find(path, &mut BTreeSet::new(), &mut files) {
            Ok(()) => {
                let texts = files.into_iter().map(|file| Source { text: fs::read_to_string(&file), file });
                sources.extend(texts);
            }
            Err((file, error)) => sources.push(Source { file, text: Err(error) }),
        }
    }
    sources
}

fn find(
    path: &Path,
    visited: &mut BTreeSet<PathBuf>,
    files: &mut BTreeSet<PathBuf>,
) -> Result<(), (PathBuf, io::Error)> {
    let told = |error| (path.to_owned(), error);
    if !fs::metadata(path).map_err(told)?.is_dir() {
        files.insert(path.to_owned());
        return Ok(());
    }
    // A link may lead back up, or to where another one led.
    let real = fs::canonicalize(path).map_err(told)?;
    let within = path.parent().and_then(|parent| fs::canonicalize(parent).ok());
    if within.is_some_and(|within| within.starts_with(&real)) || !visited.insert(real) {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(told)? {
        let entry = entry.map_err(told)?.path();
        if entry.is_dir() && !is_hidden(&entry) || is_manifest(&entry) {
            find(&entry, visited, files)?;
        }
    }
    Ok(())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let recipe = path.file_stem().is_some_and(|stem| stem == "kustomization");
    matches!(extension, Some("yaml" | "yml" | "json")) && !recipe && !is_hidden(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_with_all_below_them_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("b/.git")).unwrap();
        for name in
            ["b/z.yml", "a.yaml", "c.json", "README.md", "b/.git/x.yaml", ".y.yaml", "kustomization.yaml"]
        {
            fs::write(at(name), name).unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), at("b/up")).unwrap();
        let found = |named: &[PathBuf]| -> Vec<String> {
            read(named)
                .into_iter()
                .map(|source| source.text.unwrap_or_else(|error| error.to_string()))
                .collect()
        };
        assert_eq!(found(&[folder.path().to_owned()]), ["a.yaml", "b/z.yml", "c.json"]);
        assert_eq!(found(&[at("README.md"), at("b")]), ["README.md", "b/z.yml"]);
        assert!(found(&[at("nowhere")])[0].contains("No such file"));
    }
}
