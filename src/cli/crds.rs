//! `sharekeeper crds`: the definitions of the custom resources as YAML.

use std::process::ExitCode;

use super::{Failure, print};
use crate::api;

/// Why a definition could not be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the definition of {kind} as YAML")]
pub struct RenderError {
    kind: String,
    source: serde_saphyr::ser::Error,
}

/// Prints all definitions.
pub fn run() -> Result<ExitCode, Failure> {
    print(&render()?)?;
    Ok(ExitCode::SUCCESS)
}

/// All definitions in one stream of documents, as `kubectl apply --server-side -f -` takes them.
pub fn render() -> Result<String, RenderError> {
    Ok(files()?.into_iter().flat_map(|(_, text)| ["---\n".to_owned(), text]).collect())
}

/// File name and text of each kind's definition, as they stand in `crds/`.
pub fn files() -> Result<Vec<(String, String)>, RenderError> {
    api::crds()
        .into_iter()
        .map(|crd| {
            let names = &crd.spec.names;
            let text = serde_saphyr::to_string(&crd)
                .map_err(|source| RenderError { kind: names.kind.clone(), source })?;
            Ok((format!("{}.yaml", names.plural), text))
        })
        .collect()
}
