//! The Helm chart: what it renders, what it refuses, and what it does on a real API server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod cluster;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use cluster::chart::{self, NAMESPACE, controller, folder, lint, render};
use cluster::{Cluster, Options, User};

/// The least that has to be set.
const LEAST: &str = "{installation: {id: test}}";

/// Every part of the chart switched on, every value set.
const ALL: &str = r#"
installation: {id: test, peers: [other], halt: true, budget: {maxRemovals: 1, maxPercent: 2, minExisting: 3, window: 1d}}
image: {repository: registry.example/sharekeeper, tag: ignored, digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
imagePullSecrets: [{name: pull}]
controller: {logLevel: debug, extraArgs: [--verbose], extraEnv: [{name: EXTRA, value: "1"}]}
aws: {region: eu-west-1}
serviceAccount: {roleArn: "arn:aws:iam::111122223333:role/sharekeeper", annotations: {team: cloud}}
networkPolicy: {enabled: true, metricsFrom: [{podSelector: {}}]}
priorityClassName: system-cluster-critical
podAnnotations: {note: "1"}
podLabels: {tier: control}
nodeSelector: {arch: arm}
tolerations: [{operator: Exists}]
affinity: {nodeAffinity: {}}
topologySpreadConstraints: [{maxSkew: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]
"#;

/// All that the controller may do: `scope group/resource[name]: verbs`.
const CONTROLLER_MAY: &[&str] = &[
    "cluster /namespaces: get",
    "cluster apiextensions.k8s.io/customresourcedefinitions[shares.sharekeeper.dev]: get",
    "cluster events.k8s.io/events: create",
    "cluster sharekeeper.dev/accountregions: create delete list patch watch",
    "cluster sharekeeper.dev/accountregions/status: patch",
    "cluster sharekeeper.dev/accountsets: get list patch watch",
    "cluster sharekeeper.dev/accountsets/status: patch",
    "cluster sharekeeper.dev/installations: list watch",
    "cluster sharekeeper.dev/installations/status: patch",
    "cluster sharekeeper.dev/installations[sharekeeper]: get",
    "cluster sharekeeper.dev/organizations: list watch",
    "cluster sharekeeper.dev/organizations/status: patch",
    "cluster sharekeeper.dev/shares: get list patch watch",
    "cluster sharekeeper.dev/shares/status: patch",
    "cluster sharekeeper.dev/sharingpolicies: list watch",
    "cluster sharekeeper.dev/sharingpolicies/status: patch",
    "cluster sharekeeper.dev/undeclaredshares: create delete get list watch",
    "cluster sharekeeper.dev/undeclaredshares/status: patch",
    "sharekeeper-system coordination.k8s.io/leases: create",
    "sharekeeper-system coordination.k8s.io/leases[sharekeeper]: get update",
];

#[test]
fn helm_has_nothing_to_say_against_it() {
    for values in [LEAST, ALL] {
        lint(values).unwrap();
    }
}

#[test]
fn the_controller_may_do_exactly_this() {
    let granted = permissions_of(&render(LEAST).unwrap(), "sharekeeper");
    assert_eq!(granted.join("\n"), CONTROLLER_MAY.join("\n"));
}

#[test]
fn the_harness_reads_the_same_permissions() {
    let rendered = chart::permissions_granted(&render(LEAST).unwrap());
    let read: BTreeSet<_> =
        rendered.iter().map(|p| format!("{}/{} {}", p.group, p.resource, p.verb)).collect();
    let listed: BTreeSet<_> = CONTROLLER_MAY
        .iter()
        .flat_map(|line| {
            let (object, verbs) = line.split_once(": ").unwrap();
            let object = object.split_once(' ').unwrap().1.split('[').next().unwrap();
            verbs.split(' ').map(move |verb| format!("{object} {verb}"))
        })
        .collect();
    assert_eq!(read, listed);
}

#[test]
fn nobody_but_the_controller_is_bound_to_anything() {
    let objects = render(ALL).unwrap();
    let bindings = objects.iter().filter(|object| kind(object).ends_with("RoleBinding"));
    for subject in bindings.flat_map(|binding| list(&binding["subjects"])) {
        assert_eq!(
            subject,
            &json!({"kind": "ServiceAccount", "name": "sharekeeper", "namespace": NAMESPACE})
        );
    }
}

#[test]
fn no_role_of_people_writes_a_status_or_uses_a_wildcard() {
    let objects = render(ALL).unwrap();
    let roles: Vec<_> = objects.iter().filter(|object| kind(object) == "ClusterRole").collect();
    let names: BTreeSet<_> = roles.iter().map(|role| name(role)).collect();
    let people =
        ["platform", "security", "share-editor", "share-viewer"].map(|role| format!("sharekeeper-{role}"));
    assert!(people.iter().all(|role| names.contains(role.as_str())), "{names:?}");

    for role in roles.into_iter().filter(|role| people.iter().any(|person| person == name(role))) {
        for line in granted("cluster", &role["rules"]).keys() {
            assert!(line.starts_with("cluster sharekeeper.dev/"), "{}: {line}", name(role));
            assert!(!line.contains("/status") && !line.contains('*'), "{}: {line}", name(role));
        }
    }
}

#[test]
fn tenants_see_and_change_shares_and_nothing_else() {
    let objects = render(LEAST).unwrap();
    let role = |wanted: &str| {
        let found = objects.iter().find(|object| kind(object) == "ClusterRole" && name(object) == wanted);
        granted("cluster", &found.unwrap()["rules"])
    };
    let shares = |verbs: &[&str]| {
        BTreeMap::from([(
            "cluster sharekeeper.dev/shares".to_owned(),
            verbs.iter().map(|v| (*v).to_owned()).collect(),
        )])
    };
    assert_eq!(role("sharekeeper-share-viewer"), shares(&["get", "list", "watch"]));
    assert_eq!(role("sharekeeper-share-editor"), shares(&["create", "delete", "patch", "update"]));
}

#[test]
fn the_pod_is_confined() {
    let objects = render(LEAST).unwrap();
    let deployment = only(&objects, "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(
        pod["securityContext"],
        json!({"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
               "seccompProfile": {"type": "RuntimeDefault"}})
    );
    let [container] = list(&pod["containers"]).as_slice() else { panic!("one container") };
    assert_eq!(
        container["securityContext"],
        json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
    );
    for never in ["volumes", "initContainers", "hostNetwork", "hostPID", "hostIPC"] {
        assert_eq!(pod[never], Value::Null, "{never}");
    }
    assert_eq!(container["livenessProbe"]["httpGet"], json!({"path": "/livez", "port": "admin"}));
    assert_eq!(container["readinessProbe"]["httpGet"], json!({"path": "/readyz", "port": "admin"}));
    assert_eq!(container["resources"]["limits"]["memory"], "512Mi");
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert_eq!(container["args"][0], "controller");
}

#[test]
fn every_value_shows_in_what_is_rendered() {
    let objects = render(ALL).unwrap();
    let shown = [
        (
            "Installation",
            "/spec",
            json!({"id": "test", "peers": ["other"], "halt": true,
            "budget": {"maxRemovals": 1, "maxPercent": 2, "minExisting": 3, "window": "1d"}}),
        ),
        (
            "ServiceAccount",
            "/metadata/annotations",
            json!({"team": "cloud",
            "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/sharekeeper"}),
        ),
        ("Deployment", "/spec/template/metadata/annotations", json!({"note": "1"})),
        ("Deployment", "/spec/template/metadata/labels/tier", json!("control")),
        ("Deployment", "/spec/template/spec/imagePullSecrets", json!([{"name": "pull"}])),
        ("Deployment", "/spec/template/spec/priorityClassName", json!("system-cluster-critical")),
        ("Deployment", "/spec/template/spec/nodeSelector", json!({"arch": "arm"})),
        ("Deployment", "/spec/template/spec/tolerations", json!([{"operator": "Exists"}])),
        ("Deployment", "/spec/template/spec/affinity", json!({"nodeAffinity": {}})),
        ("Deployment", "/spec/template/spec/topologySpreadConstraints/0/maxSkew", json!(2)),
        (
            "Deployment",
            "/spec/template/spec/containers/0/image",
            json!(format!("registry.example/sharekeeper@sha256:{}", "0".repeat(64))),
        ),
        ("Deployment", "/spec/template/spec/containers/0/args/5", json!("--verbose")),
        (
            "Deployment",
            "/spec/template/spec/containers/0/env/2",
            json!({"name": "RUST_LOG", "value": "debug"}),
        ),
        (
            "Deployment",
            "/spec/template/spec/containers/0/env/3",
            json!({"name": "AWS_REGION", "value": "eu-west-1"}),
        ),
        ("Deployment", "/spec/template/spec/containers/0/env/4", json!({"name": "EXTRA", "value": "1"})),
        ("NetworkPolicy", "/spec/ingress/0/from", json!([{"podSelector": {}}])),
        ("NetworkPolicy", "/spec/policyTypes", json!(["Ingress", "Egress"])),
        ("PodDisruptionBudget", "/spec/maxUnavailable", json!(1)),
    ];
    for (kind, path, value) in shown {
        assert_eq!(only(&objects, kind).pointer(path), Some(&value), "{kind} {path}");
    }
}

#[test]
fn a_service_monitor_finds_the_port_of_the_pods() {
    let objects =
        render("{installation: {id: test}, serviceMonitor: {enabled: true, labels: {prometheus: main}}}")
            .unwrap();
    let (service, monitor) = (only(&objects, "Service"), only(&objects, "ServiceMonitor"));
    let pod = &only(&objects, "Deployment")["spec"]["template"];
    assert_eq!(service["spec"]["ports"][0]["targetPort"], pod["spec"]["containers"][0]["ports"][0]["name"]);
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
    assert_eq!(monitor["metadata"]["labels"]["prometheus"], "main");
    for selector in [&service["spec"]["selector"], &monitor["spec"]["selector"]["matchLabels"]] {
        for (label, value) in selector.as_object().unwrap() {
            assert_eq!(&pod["metadata"]["labels"][label], value);
            assert_eq!(&service["metadata"]["labels"][label], value);
        }
    }
}

#[test]
fn what_cannot_be_meant_is_refused_in_words() {
    let refused = [
        ("{}", "installation.id: choose an id"),
        ("{installation: {id: Test}}", "/installation/id"),
        ("{installation: {id: test}, replicaz: 2}", "replicaz"),
        ("{installation: {id: test, hallt: true}}", "hallt"),
        ("{installation: {id: test}, replicas: two}", "/replicas"),
        ("{installation: {id: test}, image: {digest: latest}}", "/image/digest"),
        ("{installation: {id: test}, serviceAccount: {roleArn: sharekeeper}}", "/serviceAccount/roleArn"),
        ("{installation: {id: test}, serviceAccount: {create: false}}", "serviceAccount.name"),
    ];
    for (values, words) in refused {
        let refusal = render(values).unwrap_err();
        assert!(refusal.contains(words), "{values}: {refusal}");
    }
}

#[test]
fn the_schema_knows_exactly_the_documented_values() {
    let read = |file: &str| fs::read_to_string(folder().join(file)).unwrap();
    let values: Value = serde_saphyr::from_str(&read("values.yaml")).unwrap();
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let mut documented = BTreeSet::from(["global", "nameOverride", "fullnameOverride"].map(str::to_owned));
    documented.extend(keys(&values));
    assert_eq!(keys(&schema["properties"]), documented);
    assert_same_keys("", &values, &schema);
}

#[test]
fn the_chart_carries_the_generated_definitions() {
    let generated = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crds"));
    assert!(!generated.is_empty(), "crds/ is empty: run `make crds`");
    let carried = files(&folder().join("crds"));
    assert!(carried == generated, "charts/sharekeeper/crds differs from crds: run `make crds`");
}

#[tokio::test]
async fn installed_upgraded_uninstalled_and_installed_again() {
    let cluster = Cluster::start(Options::default()).await;
    let installation = |path: &str| {
        cluster.kubectl(
            &User::admin(),
            &["get", "installation", "sharekeeper", "-o", &format!("jsonpath={{{path}}}")],
            "",
        )
    };
    let definition =
        || cluster.kubectl(&User::admin(), &["get", "crd", "shares.sharekeeper.dev", "-o", "name"], "");

    let notes = cluster.install_chart(LEAST).unwrap();
    assert!(notes.contains("without an AccountSet no account is governed"), "{notes}");
    assert_eq!(installation(".spec.id").unwrap(), "test");

    let notes = cluster.upgrade_chart("{installation: {id: test, halt: true}}").unwrap();
    assert!(notes.contains("This installation is halted"), "{notes}");
    assert_eq!(installation(".spec.halt").unwrap(), "true");

    let older = r#"[{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema/description", "value": "older"}]"#;
    cluster
        .kubectl(
            &User::admin(),
            &["patch", "crd", "shares.sharekeeper.dev", "--type=json", "--patch", older],
            "",
        )
        .unwrap();
    let refusal = cluster.upgrade_chart(LEAST).unwrap_err();
    assert!(refusal.contains("shares.sharekeeper.dev in the cluster differs from this chart's"), "{refusal}");
    cluster.upgrade_chart("{installation: {id: test}, crds: {requireCurrent: false}}").unwrap();
    let definitions = folder().join("crds");
    cluster
        .kubectl(
            &User::admin(),
            &["apply", "--server-side", "--force-conflicts", "-f", definitions.to_str().unwrap()],
            "",
        )
        .unwrap();
    cluster.upgrade_chart(LEAST).unwrap();

    cluster.uninstall_chart().unwrap();
    assert_eq!(installation(".spec.id").unwrap(), "test");
    definition().unwrap();
    let deployments =
        cluster.kubectl(&User::admin(), &["get", "deployments", "-A", "-o", "name"], "").unwrap();
    assert_eq!(deployments, "");

    cluster.install_chart(LEAST).unwrap();
}

#[tokio::test]
async fn the_roles_hold_on_a_real_api_server() {
    let cluster = Cluster::shared().await;
    cluster.install_chart(ALL).unwrap();
    cluster.kubectl(&User::admin(), &["create", "namespace", "team"], "").unwrap();
    cluster
        .kubectl(
            &User::admin(),
            &["create", "rolebinding", "ann", "--clusterrole=edit", "--user=ann", "-n", "team"],
            "",
        )
        .unwrap();

    let controller = cluster.client(&controller()).await;
    for (verb, resource, namespace) in [
        ("list", "shares.sharekeeper.dev", ""),
        ("patch", "shares.sharekeeper.dev/status", "team"),
        ("create", "accountregions.sharekeeper.dev", ""),
        ("create", "leases.coordination.k8s.io", NAMESPACE),
    ] {
        assert!(
            may(&controller, verb, resource, namespace).await,
            "the controller may not {verb} {resource}"
        );
    }
    for (verb, resource, namespace) in [
        ("get", "secrets", NAMESPACE),
        ("list", "pods", NAMESPACE),
        ("create", "shares.sharekeeper.dev", "team"),
        ("update", "leases.coordination.k8s.io", NAMESPACE),
        ("create", "leases.coordination.k8s.io", "team"),
        ("patch", "customresourcedefinitions.apiextensions.k8s.io", ""),
        ("patch", "installations.sharekeeper.dev", ""),
    ] {
        assert!(!may(&controller, verb, resource, namespace).await, "the controller may {verb} {resource}");
    }

    let tenant = cluster.client(&User::named("ann")).await;
    let aggregated = async { while !may(&tenant, "create", "shares.sharekeeper.dev", "team").await {} };
    tokio::time::timeout(Duration::from_mins(1), aggregated).await.expect("edit comes to hold Shares");
    assert!(may(&tenant, "list", "shares.sharekeeper.dev", "team").await);
    for (verb, resource, namespace) in [
        ("patch", "shares.sharekeeper.dev/status", "team"),
        ("update", "shares.sharekeeper.dev/status", "team"),
        ("create", "shares.sharekeeper.dev", "default"),
        ("get", "sharingpolicies.sharekeeper.dev", ""),
        ("patch", "undeclaredshares.sharekeeper.dev", ""),
    ] {
        assert!(!may(&tenant, verb, resource, namespace).await, "a tenant may {verb} {resource}");
    }
}

/// Asks the API server whether this client may; `resource` is `resource.group/subresource`.
async fn may(client: &Client, verb: &str, resource: &str, namespace: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
    let attributes = ResourceAttributes {
        group: Some(group.to_owned()),
        namespace: Some(namespace.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: Some(subresource.to_owned()),
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let reviewed = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
    reviewed.status.is_some_and(|status| status.allowed)
}

/// What all roles bound to a service account grant, one line an object with its verbs.
fn permissions_of(objects: &[Value], account: &str) -> Vec<String> {
    let mut all = BTreeMap::<String, BTreeSet<String>>::new();
    for binding in
        objects.iter().filter(|object| list(&object["subjects"]).iter().any(|s| s["name"] == account))
    {
        let referred = |object: &&Value| {
            object["kind"] == binding["roleRef"]["kind"] && name(object) == binding["roleRef"]["name"]
        };
        let role = objects.iter().find(referred).expect("a binding's role is rendered");
        let scope = binding["metadata"]["namespace"].as_str().unwrap_or("cluster");
        for (line, verbs) in granted(scope, &role["rules"]) {
            all.entry(line).or_default().extend(verbs);
        }
    }
    all.into_iter().map(|(line, verbs)| format!("{line}: {}", Vec::from_iter(verbs).join(" "))).collect()
}

/// The verbs that rules grant, by `scope group/resource[name]`.
fn granted(scope: &str, rules: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut granted = BTreeMap::<String, BTreeSet<String>>::new();
    for rule in list(rules) {
        let names = if rule["resourceNames"].is_null() {
            vec![String::new()]
        } else {
            strings(&rule["resourceNames"]).map(|name| format!("[{name}]")).collect()
        };
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                for name in &names {
                    let line = format!("{scope} {group}/{resource}{name}");
                    granted.entry(line).or_default().extend(strings(&rule["verbs"]));
                }
            }
        }
    }
    granted
}

/// Each object of the values has, in the schema, the same keys and no others.
fn assert_same_keys(path: &str, values: &Value, schema: &Value) {
    for (key, value) in values.as_object().unwrap() {
        let (path, property) = (format!("{path}/{key}"), &schema["properties"][key]);
        assert!(property.is_object(), "{path} is not in the schema");
        if property["properties"].is_object() {
            assert_eq!(property["additionalProperties"], false, "{path}");
            assert!(
                keys(value).is_empty()
                    || keys(value) == keys(&property["properties"])
                    || path == "/resources",
                "{path}"
            );
            assert_same_keys(&path, value, property);
        }
    }
}

fn only<'a>(objects: &'a [Value], wanted: &str) -> &'a Value {
    let found: Vec<_> = objects.iter().filter(|object| kind(object) == wanted).collect();
    let [object] = found.as_slice() else { panic!("{} of {wanted}", found.len()) };
    object
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect()
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    static EMPTY: Vec<Value> = Vec::new();
    value.as_array().unwrap_or(&EMPTY)
}

fn strings(value: &Value) -> impl Iterator<Item = String> {
    list(value).iter().map(|item| item.as_str().unwrap().to_owned())
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}
