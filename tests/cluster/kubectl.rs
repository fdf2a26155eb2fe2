//! The real `kubectl`, as a user of the cluster.

use std::path::PathBuf;
use std::process::Command;

use super::programs::run;
use super::{Cluster, User, program};

impl Cluster {
    /// What `kubectl` prints for `user` when given `input`; as an error what it prints when it fails.
    pub(crate) fn kubectl(&self, user: &User, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut kubectl = Command::new(program("kubectl"));
        kubectl.env("KUBECACHEDIR", self.discovery_cache());
        run(kubectl.arg("--kubeconfig").arg(self.kubeconfig(user)).args(arguments), input)
    }

    /// Where `kubectl` and `helm` remember which kinds there are: not in the person's home, under an address that
    /// another cluster will have.
    pub(crate) fn discovery_cache(&self) -> PathBuf {
        self.directory.join("discovery")
    }
}
