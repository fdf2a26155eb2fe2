//! The Helm chart, rendered or installed by the `helm` that `make kube-tools` builds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::programs::run;
use super::{Cluster, Permission, User, program};

/// The namespace that the tests render and install the chart for.
pub(crate) const NAMESPACE: &str = "sharekeeper-system";

/// The chart's folder.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/sharekeeper")
}

/// The service account that the chart runs the controller as.
pub(crate) fn controller() -> User {
    User::service_account(NAMESPACE, "sharekeeper")
}

/// The chart's objects with these values (YAML), or Helm's refusal.
pub(crate) fn render(values: &str) -> Result<Vec<Value>, String> {
    let mut template = Command::new(program("helm"));
    template.args(["template", "sharekeeper", "--namespace", NAMESPACE]).arg(folder());
    let objects = run(template.args(["--values", "-"]), values)?;
    Ok(serde_saphyr::from_multiple(&objects).expect("Helm prints YAML"))
}

/// `helm lint --strict` with these values.
pub(crate) fn lint(values: &str) -> Result<String, String> {
    run(
        Command::new(program("helm")).args(["lint", "--strict"]).arg(folder()).args(["--values", "-"]),
        values,
    )
}

/// What rendered objects let the controller do, whatever the namespace and the object's name.
///
/// Compare it with [`Cluster::permissions_used`] to see that nothing is granted that nothing needs.
pub(crate) fn permissions_granted(objects: &[Value]) -> BTreeSet<Permission> {
    let bound = |object: &&Value| object.pointer("/subjects/0/name") == Some(&Value::from("sharekeeper"));
    let bindings = objects.iter().filter(bound);
    let roles = bindings.filter_map(|binding| {
        let is_bound = |role: &&Value| {
            role.get("kind") == binding.pointer("/roleRef/kind")
                && role.pointer("/metadata/name") == binding.pointer("/roleRef/name")
        };
        objects.iter().find(is_bound)
    });
    roles.filter_map(|role| role.get("rules")?.as_array()).flatten().flat_map(permissions_of).collect()
}

fn permissions_of(rule: &Value) -> Vec<Permission> {
    let strings = |key: &str| -> Vec<String> {
        let listed = rule.get(key).and_then(Value::as_array).into_iter().flatten();
        listed.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut permissions = Vec::new();
    for group in strings("apiGroups") {
        for resource in strings("resources") {
            permissions.extend(strings("verbs").into_iter().map(|verb| Permission {
                group: group.clone(),
                resource: resource.clone(),
                verb,
            }));
        }
    }
    permissions
}

impl Cluster {
    /// `helm install`, without waiting for pods, which no kubelet would run.
    pub(crate) fn install_chart(&self, values: &str) -> Result<String, String> {
        run(self.helm("install").arg(folder()).args(["--create-namespace", "--values", "-"]), values)
    }

    /// `helm upgrade` to other values.
    pub(crate) fn upgrade_chart(&self, values: &str) -> Result<String, String> {
        run(self.helm("upgrade").arg(folder()).args(["--values", "-"]), values)
    }

    /// `helm uninstall`.
    pub(crate) fn uninstall_chart(&self) -> Result<String, String> {
        run(&mut self.helm("uninstall"), "")
    }

    fn helm(&self, operation: &str) -> Command {
        let mut helm = Command::new(program("helm"));
        helm.args([operation, "sharekeeper", "--namespace", NAMESPACE, "--kubeconfig"]);
        helm.arg(self.kubeconfig(&User::admin())).env("KUBECACHEDIR", self.discovery_cache());
        helm
    }
}
