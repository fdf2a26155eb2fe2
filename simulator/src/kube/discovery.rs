//! Documents beside the resources: discovery, version, health, OpenAPI.

use super::cluster::{Cluster, Served};
use super::request::Call;
use super::status::StatusError;

impl Cluster {
    pub(crate) fn serve_document(&self, _call: &Call) -> Result<Served, StatusError> {
        Err(StatusError::no_such_path())
    }
}
