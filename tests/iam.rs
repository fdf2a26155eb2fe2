//! The policies that `sharekeeper iam` prints, evaluated as IAM does: what each allows, and above all what it does not,
//! with requests that do not carry the keys that a condition names (ram.md §6.1).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Parser;
use regex::Regex;
use serde_json::Value;
use sharekeeper::{
    aws::operations::{AllowedBy, Operation, Service},
    cli::iam::{ACTIONS, IamArgs, Role, document},
    model::{Mark, ShareKey, Slot},
};

const INSTALLATION: &str = "prod-1";
const ORGANIZATION: &str = "o-a1b2c3d4e5";
const CONTROLLER: &str = "arn:aws:iam::111122223333:role/controller";
const SHARE: &str = "arn:aws:ram:eu-west-1:222233334444:resource-share/1";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const OBJECTS: [(&str, &str); 4] = [
    ("secretsmanager", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db/main-a1B2c3"),
    ("ecr", "arn:aws:ecr:eu-west-1:111122223333:repository/team/app"),
    ("sns", "arn:aws:sns:eu-west-1:111122223333:alerts"),
    ("sqs", "arn:aws:sqs:eu-west-1:111122223333:orders"),
];
const MARK: &str = "sharekeeper.dev/installation";

#[derive(Parser)]
#[command(no_binary_name = true)]
struct Line {
    #[command(flatten)]
    iam: IamArgs,
}

/// A policy printed with everything said, and these options.
fn policy(role: Role, options: &[&str]) -> Value {
    let mut all = vec!["--installation", INSTALLATION, "--organization", ORGANIZATION];
    all.extend(["--controller-role", CONTROLLER, "--external-id", "s3cret"]);
    all.extend(options);
    document(role, &Line::try_parse_from(all).unwrap().iam).unwrap()
}

/// What a request carries beside its action.
#[derive(Clone, Default)]
struct Request {
    resource: String,
    keys: BTreeMap<String, Vec<String>>,
}

impl Request {
    fn on(resource: &str) -> Self {
        Self { resource: resource.to_owned(), keys: BTreeMap::new() }
    }

    fn with(mut self, key: &str, value: &str) -> Self {
        self.keys.entry(key.to_owned()).or_default().push(value.to_owned());
        self
    }

    /// A request that names these tags.
    fn tagging(self, tags: &[(&str, &str)]) -> Self {
        tags.iter().fold(self, |request, (key, value)| {
            request.with(&format!("aws:RequestTag/{key}"), value).with("aws:TagKeys", key)
        })
    }

    /// About a resource that bears the mark of an installation.
    fn marked(self, installation: &str) -> Self {
        self.with(&format!("aws:ResourceTag/{MARK}"), installation)
    }
}

/// IAM's evaluation of one policy with Allow statements only.
fn allows(policy: &Value, action: &str, request: &Request) -> bool {
    let statements = policy["Statement"].as_array().unwrap();
    statements.iter().any(|statement| {
        assert_eq!(statement["Effect"], "Allow", "the evaluator knows no Deny");
        let named = |field: &str, text: &str| strings(&statement[field]).iter().any(|one| like(one, text));
        let resource = statement.get("Resource").is_none() || named("Resource", &request.resource);
        named("Action", action) && resource && conditions_hold(&statement["Condition"], request)
    })
}

fn conditions_hold(conditions: &Value, request: &Request) -> bool {
    let Some(operators) = conditions.as_object() else { return true };
    operators.iter().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, wanted)| {
            let have = request.keys.get(key).map(Vec::as_slice);
            condition_holds(operator, &strings(wanted), have)
        })
    })
}

/// A key that the request does not carry fails a condition, unless the operator says otherwise: `…IfExists`, `Null`,
/// `ForAllValues:`, and negations.
fn condition_holds(operator: &str, wanted: &[String], have: Option<&[String]>) -> bool {
    if operator == "Null" {
        return wanted == [have.is_none().to_string()];
    }
    if let Some(operator) = operator.strip_suffix("IfExists") {
        return have.is_none() || condition_holds(operator, wanted, have);
    }
    if let Some(operator) = operator.strip_prefix("ForAllValues:") {
        return have.unwrap_or_default().iter().all(|value| value_fits(operator, wanted, value));
    }
    match have {
        None => false,
        Some([value]) => value_fits(operator, wanted, value),
        Some(several) => panic!("{several:?} for {operator}, which takes one value"),
    }
}

fn value_fits(operator: &str, wanted: &[String], value: &str) -> bool {
    match operator {
        "StringEquals" => wanted.iter().any(|one| one == value),
        "StringNotLike" => !wanted.iter().any(|one| like(one, value)),
        "Bool" => wanted.iter().any(|one| one.eq_ignore_ascii_case(value)),
        unknown => panic!("the evaluator does not know {unknown}"),
    }
}

fn like(pattern: &str, text: &str) -> bool {
    let pattern = regex::escape(pattern).replace("\\*", ".*").replace("\\?", ".");
    Regex::new(&format!("^{pattern}$")).unwrap().is_match(text)
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    }
}

fn create(external: Option<&str>) -> Request {
    let request = Request::on("*").tagging(&[(MARK, INSTALLATION), ("team", "network")]);
    external
        .into_iter()
        .fold(request, |request, flag| request.with("ram:RequestedAllowsExternalPrincipals", flag))
}

/// A request of the operation as the controller sends it.
fn as_sent(action: &str) -> Request {
    match action {
        "ram:CreateResourceShare" => create(Some("false")),
        "ram:TagResource" => Request::on(SHARE).marked(INSTALLATION).tagging(&[("team", "network")]),
        "ram:UntagResource" => Request::on(SHARE).marked(INSTALLATION).with("aws:TagKeys", "team"),
        "sts:AssumeRole" => Request::on("arn:aws:iam::222233334444:role/sharekeeper")
            .with("aws:ResourceOrgID", ORGANIZATION)
            .with("aws:PrincipalOrgID", ORGANIZATION)
            .with("sts:ExternalId", "s3cret"),
        "kms:GetKeyPolicy" | "kms:ListKeys" => Request::on(KEY),
        "kms:PutKeyPolicy" => Request::on(KEY).with("kms:BypassPolicyLockoutSafetyCheck", "false"),
        _ => OBJECTS
            .into_iter()
            .find(|(service, _)| action.split(':').next() == Some(service))
            .map_or_else(|| Request::on(SHARE).marked(INSTALLATION), |(_, object)| Request::on(object)),
    }
}

#[test]
fn policies_of_objects_are_changed_on_objects_of_that_kind_alone() {
    let policy = policy(Role::ResourcePolicies, &[]);
    let writes = ACTIONS.iter().filter(|operation| operation.allowed_by == AllowedBy::PolicyWriter);
    for operation in writes {
        for (service, object) in OBJECTS {
            let fits = operation.service.as_str() == service;
            assert_eq!(allows(&policy, &operation.action(), &Request::on(object)), fits, "{object}");
        }
        assert!(!allows(&policy, &operation.action(), &Request::on(KEY)));
    }
}

#[test]
fn each_operation_is_allowed_by_exactly_the_role_that_is_meant_to() {
    let policies = Role::ALL.map(|role| (role, policy(role, &["--enable-sharing"])));
    for operation in ACTIONS {
        let action = operation.action();
        let allowing = policies.iter().filter(|(_, policy)| allows(policy, &action, &as_sent(&action)));
        let allowing: Vec<Role> = allowing.map(|(role, _)| *role).collect();
        let meant = match operation.allowed_by {
            AllowedBy::Reader => vec![Role::Reader],
            AllowedBy::Writer => vec![Role::Writer],
            AllowedBy::Remover => vec![Role::Remover],
            AllowedBy::KeyReader | AllowedBy::KeyWriter => vec![Role::Keys],
            AllowedBy::PolicyReader | AllowedBy::PolicyWriter => vec![Role::ResourcePolicies],
            AllowedBy::Organization | AllowedBy::EnableSharing => vec![Role::Organization],
            // Both ends have to agree.
            AllowedBy::Controller => vec![Role::Controller, Role::Trust],
            AllowedBy::Nobody => vec![],
        };
        assert_eq!(allowing, meant, "{action}");
    }
}

#[test]
fn no_policy_names_an_action_that_is_not_called_nor_a_pattern() {
    let called: BTreeSet<String> = ACTIONS.iter().map(Operation::action).collect();
    for role in Role::ALL {
        for statement in policy(role, &[])["Statement"].as_array().unwrap() {
            for action in strings(&statement["Action"]) {
                assert!(called.contains(&action), "{action} of {role:?}");
            }
        }
    }
    // What RAM does in the caller's name when sharing is turned on, and no more.
    let enabling = policy(Role::Organization, &["--enable-sharing"]);
    let actions = enabling["Statement"].as_array().unwrap().iter().flat_map(|one| strings(&one["Action"]));
    let more: Vec<_> = actions.filter(|action| !called.contains(action)).collect();
    assert_eq!(more, ["organizations:EnableAWSServiceAccess", "iam:CreateServiceLinkedRole"]);
}

#[test]
fn sharing_is_turned_on_only_by_who_was_told_so() {
    let action = "ram:EnableSharingWithAwsOrganization";
    assert!(!allows(&policy(Role::Organization, &[]), action, &Request::on("*")));
    let service = |name| Request::on("*").with("organizations:ServicePrincipal", name);
    let enabling = policy(Role::Organization, &["--enable-sharing"]);
    assert!(allows(&enabling, "organizations:EnableAWSServiceAccess", &service("ram.amazonaws.com")));
    assert!(!allows(&enabling, "organizations:EnableAWSServiceAccess", &service("sso.amazonaws.com")));
    assert!(!allows(&enabling, "organizations:EnableAWSServiceAccess", &Request::on("*")));
}

#[test]
fn a_share_is_made_only_with_our_mark_and_by_default_only_for_the_inside() {
    let (inside, outside) = (policy(Role::Writer, &[]), policy(Role::Writer, &["--allow-external"]));
    let with_mark = |tags: &[(&str, &str)]| {
        Request::on("*").tagging(tags).with("ram:RequestedAllowsExternalPrincipals", "false")
    };
    for (request, by_default, with_external, why) in [
        (create(Some("false")), true, true, "as it is sent"),
        (create(Some("true")), false, true, "open to the outside"),
        // AWS takes a flag that is left out for true (ram.md §0.7), and the key is then absent.
        (create(None), false, true, "the flag left out"),
        (with_mark(&[]), false, false, "no mark"),
        (with_mark(&[("team", "x")]), false, false, "other tags only"),
        (with_mark(&[(MARK, "prod-2")]), false, false, "somebody else's mark"),
    ] {
        assert_eq!(allows(&inside, "ram:CreateResourceShare", &request), by_default, "{why}");
        assert_eq!(allows(&outside, "ram:CreateResourceShare", &request), with_external, "{why}");
    }
}

#[test]
fn creates_are_judged_alike_whatever_else_their_request_carries() {
    // RAM asks for each principal and each resource of a call apart: keys of the others are absent then (reliability.md
    // §3.2). No condition of ours names one of these keys, so none is missed.
    let writer = policy(Role::Writer, &[]);
    for (key, value) in [
        ("ram:Principal", "222233334444"),
        ("ram:ResourceArn", "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-1"),
        ("ram:RequestedResourceType", "ec2:Subnet"),
    ] {
        assert!(allows(&writer, "ram:CreateResourceShare", &create(Some("false")).with(key, value)), "{key}");
        assert!(!allows(&writer, "ram:CreateResourceShare", &create(Some("true")).with(key, value)), "{key}");
    }
}

#[test]
fn only_what_bears_our_mark_is_changed() {
    let policies = [policy(Role::Writer, &["--allow-external"]), policy(Role::Remover, &[])];
    let changes = ACTIONS.iter().filter(|operation| {
        operation.service == Service::Ram
            && matches!(operation.allowed_by, AllowedBy::Writer | AllowedBy::Remover)
            && operation.name != "CreateResourceShare"
    });
    for operation in changes {
        let action = operation.action();
        let any = |request: &Request| policies.iter().any(|policy| allows(policy, &action, request));
        let tags = |request: Request| match operation.name {
            "TagResource" => request.tagging(&[("team", "network")]),
            "UntagResource" => request.with("aws:TagKeys", "team"),
            _ => request,
        };
        assert!(any(&tags(Request::on(SHARE).marked(INSTALLATION))), "{action} on ours");
        assert!(!any(&tags(Request::on(SHARE).marked("prod-2"))), "{action} on another installation's");
        assert!(!any(&tags(Request::on(SHARE))), "{action} on nobody's");
    }
}

#[test]
fn what_nobody_declared_is_removed_only_where_it_is_asked_for_and_never_anothers() {
    for (options, undeclared) in [(&[][..], false), (&["--remove-undeclared"][..], true)] {
        let remover = policy(Role::Remover, options);
        for action in ["ram:DeleteResourceShare", "ram:DisassociateResourceShare"] {
            let on = |request: Request| allows(&remover, action, &request);
            assert!(on(Request::on(SHARE).marked(INSTALLATION)));
            assert_eq!(on(Request::on(SHARE)), undeclared, "{action} {options:?}");
            assert!(!on(Request::on(SHARE).marked("prod-2")), "{action} {options:?}");
        }
    }
}

#[test]
fn the_flag_is_never_set_and_an_open_share_never_filled() {
    let writer = policy(Role::Writer, &[]);
    let ours = || Request::on(SHARE).marked(INSTALLATION);
    let update = |flag: &str| ours().with("ram:RequestedAllowsExternalPrincipals", flag);
    assert!(allows(&writer, "ram:UpdateResourceShare", &ours()), "a rename does not carry the key");
    assert!(allows(&writer, "ram:UpdateResourceShare", &update("false")));
    assert!(!allows(&writer, "ram:UpdateResourceShare", &update("true")));
    let add = |flag: &str| ours().with("ram:AllowsExternalPrincipals", flag);
    assert!(allows(&writer, "ram:AssociateResourceShare", &add("false")));
    assert!(!allows(&writer, "ram:AssociateResourceShare", &add("true")));
    let open = policy(Role::Writer, &["--allow-external"]);
    assert!(allows(&open, "ram:UpdateResourceShare", &update("true")));
    assert!(allows(&open, "ram:AssociateResourceShare", &add("true")));
}

#[test]
fn a_mark_is_written_where_none_is_and_never_changed_hands() {
    let writer = policy(Role::Writer, &[]);
    let tag =
        |request: Request, tags: &[(&str, &str)]| allows(&writer, "ram:TagResource", &request.tagging(tags));
    let share = ShareKey { namespace: "team".into(), name: "hub".into() };
    let mark = Mark { installation: INSTALLATION.into(), share, uid: "u".into(), slot: Slot::Inner }.tags();
    let mark: Vec<_> = mark.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert!(tag(Request::on(SHARE), &mark), "claim what bears no mark");
    assert!(tag(Request::on(SHARE).marked(INSTALLATION), &mark), "a new UID");
    assert!(!tag(Request::on(SHARE).marked("prod-2"), &mark), "take from another");
    assert!(!tag(Request::on(SHARE).marked(INSTALLATION), &[(MARK, "prod-2")]), "give away");
    assert!(!tag(Request::on(SHARE), &[("team", "x")]), "tag what is nobody's");
    assert!(!tag(Request::on("arn:aws:ram:eu-west-1:222233334444:permission/p"), &mark), "tag a permission");
    let untag = |keys: &[&str]| {
        let ours = Request::on(SHARE).marked(INSTALLATION);
        let request = keys.iter().fold(ours, |request, key| request.with("aws:TagKeys", key));
        allows(&writer, "ram:UntagResource", &request)
    };
    assert!(untag(&["team", "cost"]));
    assert!(!untag(&[MARK]) && !untag(&["team", "sharekeeper.dev/uid"]));
    assert!(!untag(&[]), "ForAllValues holds for an absent key; Null keeps that out");
}

#[test]
fn a_permission_is_set_on_our_shares_with_any_permission() {
    let writer = policy(Role::Writer, &[]);
    let set = |request: &Request| allows(&writer, "ram:AssociateResourceSharePermission", request);
    assert!(set(&Request::on("arn:aws:ram::aws:permission/AWSRAMDefaultPermissionSubnet")));
    assert!(set(&Request::on("arn:aws:ram:eu-west-1:222233334444:permission/own")));
    assert!(set(&Request::on(SHARE).marked(INSTALLATION)));
    assert!(!set(&Request::on(SHARE)));
}

#[test]
fn only_the_controller_comes_in_and_it_goes_nowhere_else() {
    let trust = policy(Role::Trust, &[]);
    let from = |organization: &str, id: Option<&str>| {
        let request = Request::default().with("aws:PrincipalOrgID", organization);
        id.into_iter().fold(request, |request, id| request.with("sts:ExternalId", id))
    };
    assert_eq!(trust["Statement"][0]["Principal"]["AWS"], CONTROLLER);
    assert!(allows(&trust, "sts:AssumeRole", &from(ORGANIZATION, Some("s3cret"))));
    for (request, why) in [
        (from(ORGANIZATION, None), "no external id"),
        (from(ORGANIZATION, Some("other")), "another external id"),
        (from("o-zzzzzzzzzz", Some("s3cret")), "another organization"),
        (Request::default().with("sts:ExternalId", "s3cret"), "no organization"),
    ] {
        assert!(!allows(&trust, "sts:AssumeRole", &request), "{why}");
    }
    let controller = policy(Role::Controller, &["--role-name=sharekeeper", "--role-name=/ops/tree"]);
    let to = |role: &str, organization: &str| {
        let request = Request::on(&format!("arn:aws:iam::222233334444:role/{role}"));
        allows(&controller, "sts:AssumeRole", &request.with("aws:ResourceOrgID", organization))
    };
    assert!(to("sharekeeper", ORGANIZATION) && to("ops/tree", ORGANIZATION));
    assert!(
        !to("sharekeeper", "o-zzzzzzzzzz")
            && !to("admin", ORGANIZATION)
            && !to("x/sharekeeper", ORGANIZATION)
    );
}

#[test]
fn arns_are_of_the_partition() {
    for role in [Role::Writer, Role::Remover, Role::Controller, Role::Organization] {
        let text = policy(role, &["--partition=aws-cn", "--enable-sharing"]).to_string();
        assert!(!text.contains("arn:aws:"), "{role:?}: {text}");
    }
}

#[test]
fn what_would_let_more_in_is_refused() {
    for wrong in [
        "--controller-role=*",
        "--controller-role=arn:aws:iam::111122223333:root",
        "--controller-role=arn:aws:iam::*:role/controller",
        "--controller-role=arn:aws:iam::111122223333:role/*",
        "--role-name=*",
        "--role-name=",
        "--role-name=${aws:username}",
        "--external-id=*",
        "--external-id=${aws:PrincipalTag/x}",
        "--installation=*",
        "--organization=*",
    ] {
        assert!(Line::try_parse_from([wrong]).is_err(), "{wrong}");
    }
}

/// Every operation that the sources call by name is in the list, and nothing is in it that they do not call.
#[test]
fn the_list_is_what_the_sources_call() {
    let call = Regex::new(
        r#"(?:\.read\(|\.write\(|collect\(|NAME: &str = |from_sdk\(|operation: )"([A-Z][A-Za-z]+)""#,
    );
    let (call, mut called) = (call.unwrap(), BTreeSet::new());
    for folder in ["src/mechanism", "src/org", "src/aws", "src/controllers"] {
        for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap();
            called.extend(call.captures_iter(product).map(|found| found[1].to_owned()));
        }
    }
    let listed: BTreeSet<String> = ACTIONS.iter().map(|operation| operation.name.to_owned()).collect();
    let unlisted: Vec<_> = called.difference(&listed).collect();
    assert!(unlisted.is_empty(), "called and not in aws/operations.rs: {unlisted:?}");
    assert!(called.len() > 15, "the search finds calls: {called:?}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

#[test]
fn names_of_operations_are_not_repeated() {
    let names: BTreeSet<_> = ACTIONS.iter().map(|operation| operation.name).collect();
    assert_eq!(names.len(), ACTIONS.len());
}

fn sharekeeper(args: &[&str]) -> (bool, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_sharekeeper")).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.success(), text(done.stdout), text(done.stderr))
}

#[test]
fn the_command_prints_a_policy_as_iam_takes_it_or_says_what_is_missing() {
    let (fine, out, _) = sharekeeper(&["iam", "--role=remover", "--installation=prod-1", "-o", "json"]);
    assert!(fine);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), policy(Role::Remover, &[]));
    let (fine, out, error) = sharekeeper(&["iam", "--role=writer"]);
    assert!(!fine && out.is_empty());
    assert_eq!(error, "sharekeeper: the writer policy needs --installation; --role prints a single policy\n");
    let whole =
        ["iam", "--installation=prod-1", "--organization", ORGANIZATION, "--controller-role", CONTROLLER];
    let (fine, out, _) = sharekeeper(&whole);
    assert!(fine);
    assert!(Role::ALL.iter().all(|role| out.contains(&format!("# {}: ", role.as_str()))), "{out}");
}

#[test]
fn the_command_line_lists_what_is_there() {
    let (fine, out, _) = sharekeeper(&["--help"]);
    assert!(fine && out.contains("crds") && out.contains("iam"), "{out}");
    let (fine, out, _) = sharekeeper(&["crds"]);
    assert!(fine && out.starts_with("---\n") && out.contains("kind: CustomResourceDefinition"));
    let (fine, _, error) = sharekeeper(&["--log=sharekeeper=loud", "crds"]);
    assert!(!fine && error.contains("sharekeeper=loud") && error.lines().count() == 1, "{error}");
}
