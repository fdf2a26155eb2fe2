//! Who speaks to the cluster, and their kubeconfig files.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;

use super::certificates::Authority;

/// A user as the API server sees one: a name and groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct User {
    name: String,
    groups: Vec<String>,
}

impl User {
    /// Somebody who may do everything.
    pub(crate) fn admin() -> Self {
        Self::named("admin").in_group("system:masters")
    }

    /// Somebody who may do what RBAC allows them, at first nothing.
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), groups: Vec::new() }
    }

    /// The same user in one more group.
    pub(crate) fn in_group(mut self, group: &str) -> Self {
        self.groups.push(group.to_owned());
        self
    }

    /// A service account, whether or not its object exists: name and groups are what RBAC looks at.
    pub(crate) fn service_account(namespace: &str, name: &str) -> Self {
        Self::named(&format!("system:serviceaccount:{namespace}:{name}"))
            .in_group("system:serviceaccounts")
            .in_group(&format!("system:serviceaccounts:{namespace}"))
    }

    /// The name that audit events show.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// The kubeconfig files made so far: one certificate a user, one file a user and address.
#[derive(Default)]
pub(crate) struct Kubeconfigs {
    certificates: BTreeMap<User, String>,
    files: BTreeMap<(User, SocketAddr), PathBuf>,
}

impl Kubeconfigs {
    /// The file for `user` at `address`, made on first use.
    pub(crate) fn file(&mut self, authority: &Authority, address: SocketAddr, user: &User) -> PathBuf {
        if let Some(file) = self.files.get(&(user.clone(), address)) {
            return file.clone();
        }
        let certificate = self.certificate(authority, user);
        let file = authority.file(&format!("{certificate}-{}.kubeconfig", address.port()));
        fs::write(&file, kubeconfig(authority, address, &certificate).to_string()).unwrap();
        self.files.insert((user.clone(), address), file.clone());
        file
    }

    fn certificate(&mut self, authority: &Authority, user: &User) -> String {
        if let Some(name) = self.certificates.get(user) {
            return name.clone();
        }
        let name = format!("user-{}", self.certificates.len());
        authority.issue_client(&name, &user.name, &user.groups);
        self.certificates.insert(user.clone(), name.clone());
        name
    }
}

fn kubeconfig(authority: &Authority, address: SocketAddr, certificate: &str) -> serde_json::Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
        "clusters": [{"name": "tests", "cluster": {
            "server": format!("https://{address}"),
            "certificate-authority": authority.file("ca.crt"),
        }}],
        "users": [{"name": "tests", "user": {
            "client-certificate": authority.file(&format!("{certificate}.crt")),
            "client-key": authority.file(&format!("{certificate}.key")),
        }}],
    })
}
