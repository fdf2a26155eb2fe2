//! What is put, refused, read and in force. Each case names its source; `[X]` is an assumption.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{KeyState, NewGrant, NewKey};
use crate::aws::action::Action;
use crate::aws::example::{self, DATA_PROD, NETWORK_PROD, PARTNER, REGION, ROLE};
use crate::aws::sts::Role;
use crate::aws::weather::Lag;
use crate::aws::{Caller, PolicyRead, Refusal, World};

const EPOCH: f64 = 1_800_000_000.0;
const WEB: &str = "222233335555";
const STRANGER: &str = "123456789012";

struct Bench {
    world: World,
    key: String,
    organization: String,
}

impl Bench {
    fn new() -> Self {
        let mut world = example::organization(7, EPOCH);
        let new = NewKey { account: NETWORK_PROD.into(), region: REGION.into(), ..NewKey::default() };
        let key = world.add_key(new);
        let organization = world.directory().organizations.keys().next().cloned().unwrap_or_default();
        Self { world, key, organization }
    }

    fn call(&mut self, account: &str, operation: &str, params: &Value) -> Result<Value, Refusal> {
        self.world.call(&Caller::administrator(account, REGION), "kms", operation, params)
    }

    fn put(&mut self, policy: &str) -> Result<Value, Refusal> {
        let params = json!({"KeyId": self.key, "Policy": policy});
        self.call(NETWORK_PROD, "PutKeyPolicy", &params)
    }

    fn get(&mut self) -> String {
        let params = json!({"KeyId": self.key});
        let answer = self.call(NETWORK_PROD, "GetKeyPolicy", &params).unwrap();
        answer["Policy"].as_str().unwrap().to_owned()
    }

    /// Puts `statements` beside the owner's own, past all checks.
    fn has(&mut self, statements: &Value) {
        let policy = with_own(statements).to_string();
        self.world.kms.keys.get_mut(&self.key).unwrap().holder.policy = Some(policy);
    }

    fn granted(&mut self) -> BTreeSet<String> {
        self.world.policy_grants(EPOCH).into_iter().map(|grant| grant.principal).collect()
    }

    fn reach(&mut self) -> Vec<String> {
        self.world.policy_reach(EPOCH, &self.key.clone()).into_iter().collect()
    }

    fn path(&self, of: &str) -> String {
        let organization = &self.world.directory().organizations[&self.organization];
        let unit = organization.find(of).unwrap();
        format!("{}/{}/", self.organization, organization.line(&unit).join("/"))
    }

    fn unit(&self, of: &str) -> String {
        let organization = &self.world.directory().organizations[&self.organization];
        organization.unit_arn(&organization.find(of).unwrap())
    }
}

fn root(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

fn role(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

fn own() -> Value {
    json!({"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": root(NETWORK_PROD)},
        "Action": "kms:*", "Resource": "*"})
}

fn with_own(statements: &Value) -> Value {
    let mut all = vec![own()];
    all.extend(statements.as_array().unwrap().clone());
    json!({"Version": "2012-10-17", "Statement": all})
}

fn allow(principal: &Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": ["kms:Decrypt", "kms:DescribeKey"], "Resource": "*"})
}

/// `allow` with one member replaced, or taken away by null.
fn but(name: &str, value: Value) -> Value {
    let mut statement = allow(&json!({"AWS": root(DATA_PROD)}));
    let members = statement.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name)
    } else {
        members.insert(name.to_owned(), value)
    };
    json!([statement])
}

fn code(result: Result<Value, Refusal>) -> String {
    result.map_or_else(|refusal| refusal.code, |_| "ok".to_owned())
}

/// A principal of a statement, and whether KMS finds it.
#[test]
fn principals_that_do_not_exist_are_refused() {
    let found = [
        (json!({"AWS": DATA_PROD}), "IAM User Guide, Principal"),
        (json!({"AWS": root(DATA_PROD)}), "IAM User Guide, Principal"),
        (json!({"AWS": [root(DATA_PROD), WEB]}), "IAM User Guide, Principal"),
        (json!({"AWS": role(DATA_PROD, ROLE)}), "API_PutKeyPolicy"),
        (
            json!({"AWS": format!("arn:aws:sts::{DATA_PROD}:assumed-role/{ROLE}/any")}),
            "IAM User Guide, Principal",
        ),
        (json!({"AWS": root(PARTNER)}), "outside the organization"),
        (json!({"AWS": root(STRANGER)}), "an account that the world does not know [X]"),
        (json!({"AWS": role(STRANGER, "any")}), "an account that the world does not know [X]"),
        (json!({"AWS": "*"}), "aws-cdk#10403"),
        (json!("*"), "aws-cdk#10403, equivalent"),
        (json!({"Service": "logs.eu-west-1.amazonaws.com"}), "key-policy-services.html"),
    ];
    let missing = [
        (json!({"AWS": role(DATA_PROD, "nobody")}), "lightspin-tech/eks-creation-engine#4"),
        (json!({"AWS": [root(DATA_PROD), role(DATA_PROD, "nobody")]}), "one of a list"),
        (json!({"AWS": format!("arn:aws:iam::{DATA_PROD}:user/nobody")}), "API_PutKeyPolicy"),
        (json!({"AWS": "AROAEXAMPLEEXAMPLE123"}), "kms-policy-error-invalid-principals"),
        (json!({"AWS": "arn:aws:iam::*:root"}), "IAM User Guide: no wildcard in a principal"),
        (json!({"AWS": format!("arn:aws::{DATA_PROD}:root")}), "cloudposse vpc-flow-logs#27"),
        (json!({"AWS": format!("arn:aws-cn:iam::{DATA_PROD}:root")}), "another partition [X]"),
        (json!({"AWS": "22223333444"}), "eleven digits"),
        (json!({"AWS": []}), "API_PutKeyPolicy: one or more principals"),
        (json!({}), "API_PutKeyPolicy: one or more principals"),
    ];
    for (principal, source) in found {
        let mut bench = Bench::new();
        let policy = with_own(&json!([allow(&principal)])).to_string();
        assert_eq!(code(bench.put(&policy)), "ok", "{principal}: {source}");
        assert_eq!(bench.get(), policy, "the bytes are kept [X]");
    }
    for (principal, source) in missing {
        let mut bench = Bench::new();
        let before = bench.get();
        let refusal = bench.put(&with_own(&json!([allow(&principal)])).to_string()).unwrap_err();
        assert_eq!(refusal.code, "MalformedPolicyDocumentException", "{principal}: {source}");
        assert!(refusal.message.contains("invalid principals"), "{principal}: {refusal}");
        assert_eq!(bench.get(), before, "nothing changes");
    }
    let mut bench = Bench::new();
    bench.world.settings.policy_names_unknown_accounts = false;
    let policy = with_own(&json!([allow(&json!({"AWS": STRANGER}))])).to_string();
    assert_eq!(code(bench.put(&policy)), "MalformedPolicyDocumentException");
}

#[test]
fn a_document_with_any_invalid_part_is_refused() {
    let whole = |change: Value| {
        let mut policy = with_own(&json!([]));
        policy.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        policy.to_string()
    };
    let beside = |statements: Value| with_own(&statements).to_string();
    let malformed = "MalformedPolicyDocumentException";
    let long = "x".repeat(32_768);
    let cases = [
        ("{".to_owned(), malformed, "not JSON"),
        ("[]".to_owned(), malformed, "IAM grammar"),
        (whole(json!({"Version": "2026-01-01"})), malformed, "IAM grammar"),
        (json!({"Statement": [own()]}).to_string(), malformed, "key-policy-overview.html: Version"),
        (whole(json!({"Statement": []})), malformed, "key-policy-overview.html: at least one"),
        (json!({"Version": "2012-10-17"}).to_string(), malformed, "key-policy-overview.html"),
        (whole(json!({"Statement": [7]})), malformed, "IAM grammar"),
        (whole(json!({"Comment": "ours"})), malformed, "IAM grammar"),
        (whole(json!({"Statement": own()})), "ok", "IAM grammar: one statement, no list"),
        (whole(json!({"Version": "2008-10-17"})), "ok", "IAM grammar"),
        (whole(json!({"Id": "key-consolepolicy-3"})), "ok", "IAM grammar"),
        (beside(but("Effect", json!("Permit"))), malformed, "IAM grammar"),
        (beside(but("Principal", Value::Null)), malformed, "API_PutKeyPolicy"),
        (beside(but("Action", Value::Null)), malformed, "analytical-platform#7691"),
        (beside(but("Action", json!([]))), malformed, "analytical-platform#7691"),
        (beside(but("Action", json!("Decrypt"))), malformed, "analytical-platform#7691"),
        (beside(but("Resource", Value::Null)), malformed, "analytical-platform#7691"),
        (
            beside(but("Resource", json!("arn:aws:kms:eu-west-1:111122223333:key/*"))),
            malformed,
            "analytical-platform#7691: only *",
        ),
        (beside(but("Resource", json!(["*"]))), "ok", "IAM grammar"),
        (beside(but("Comment", json!("ours"))), malformed, "IAM grammar"),
        (beside(but("Condition", json!("none"))), malformed, "IAM grammar"),
        (beside(but("Condition", json!({"StringEquals": "x"}))), malformed, "IAM grammar"),
        (beside(but("Sid", json!("With spaces"))), "ok", "key-policy-overview.html"),
        (beside(but("Sid", json!("größer"))), "ok", "API_PutKeyPolicy: Latin-1"),
        (beside(but("Sid", json!("größer ✓"))), "ValidationException", "API_PutKeyPolicy"),
        (String::new(), "ValidationException", "model: one character at least"),
        (beside(but("Sid", json!(long))), "LimitExceededException", "resource-limits.html"),
    ];
    for (policy, expected, source) in cases {
        let mut bench = Bench::new();
        let before = bench.get();
        assert_eq!(code(bench.put(&policy)), expected, "{source}: {policy:.300}");
        assert_eq!(bench.get(), if expected == "ok" { policy } else { before });
    }
}

#[test]
fn the_size_counts_bytes_as_sent() {
    let mut bench = Bench::new();
    let policy = with_own(&json!([])).to_string();
    let padded = policy.clone() + &" ".repeat(32_768 - policy.len());
    assert_eq!(code(bench.put(&padded)), "ok");
    assert_eq!(code(bench.put(&(padded + "\n"))), "LimitExceededException", "[X]");
}

/// API_PutKeyPolicy: "must allow the calling principal to make a subsequent PutKeyPolicy request".
#[test]
fn nobody_locks_itself_out_by_mistake() {
    let deny_root = json!({"Effect": "Deny", "Principal": "*", "Action": "kms:Put*", "Resource": "*"});
    let of_role = |name: &str, action: &str| json!({"Effect": "Allow", "Principal": {"AWS": role(NETWORK_PROD, name)}, "Action": action, "Resource": "*"});
    let conditional = |condition: Value| {
        let mut statement = own();
        statement["Condition"] = condition;
        json!([statement])
    };
    let cases = [
        (json!([allow(&json!({"AWS": root(DATA_PROD)}))]), false, "another account alone"),
        (json!([own(), deny_root]), false, "denied"),
        (json!([of_role(ROLE, "kms:*")]), false, "a role, while a user calls"),
        (
            json!([of_role(ROLE, "kms:*"), {"Effect": "Allow", "Principal": {"AWS":
            format!("arn:aws:iam::{NETWORK_PROD}:user/administrator")}, "Action": "kms:Put*", "Resource": "*"}]),
            true,
            "the user",
        ),
        (
            conditional(json!({"StringEquals": {"aws:PrincipalAccount": NETWORK_PROD}})),
            true,
            "a condition that holds",
        ),
        (
            conditional(json!({"StringEquals": {"aws:PrincipalAccount": DATA_PROD}})),
            false,
            "one that does not",
        ),
        (
            conditional(json!({"StringEquals": {"kms:ViaService": "ec2.eu-west-1.amazonaws.com"}})),
            false,
            "one that a direct call does not meet [X]",
        ),
    ];
    for (statements, may, what) in cases {
        let mut bench = Bench::new();
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let put = bench.put(&policy);
        assert_eq!(put.is_ok(), may, "{what}: {put:?}");
        if let Err(refusal) = put {
            assert_eq!(refusal.code, "MalformedPolicyDocumentException");
            assert!(refusal.message.contains("update the key policy in the future"), "{refusal}");
            let params =
                json!({"KeyId": bench.key, "Policy": policy, "BypassPolicyLockoutSafetyCheck": true});
            assert_eq!(code(bench.call(NETWORK_PROD, "PutKeyPolicy", &params)), "ok", "{what}");
            let again = bench.put(&policy);
            assert_eq!(code(again), "AccessDeniedException", "{what}: it is locked out now");
        }
    }
}

/// Which `KeyId`s an operation takes, of whom.
#[test]
fn keys_are_found_by_id_and_arn_and_are_their_owners() {
    let mut bench = Bench::new();
    bench.has(&json!([{"Effect": "Allow", "Principal": {"AWS": root(DATA_PROD)}, "Action": "kms:*", "Resource": "*"}]));
    let arn = bench.key.clone();
    let id = arn.rsplit('/').next().unwrap().to_owned();
    let alias = arn.replace(&format!("key/{id}"), "alias/app");
    let other = "00000000-0000-4000-8000-000000000000";
    let missing = arn.replace(&id, other);
    let mut case = |account: &str, operation: &str, key: &str, expected: &str| {
        let policy = with_own(&json!([])).to_string();
        let params = json!({"KeyId": key, "Policy": policy});
        let result = code(bench.call(account, operation, &params));
        assert_eq!(result, expected, "{account} {operation} {key}");
    };
    for operation in ["DescribeKey", "GetKeyPolicy", "ListGrants"] {
        for key in [&arn, &id] {
            case(NETWORK_PROD, operation, key, "ok");
        }
        for key in [alias.as_str(), "alias/app", other, "not-an-id", &missing] {
            case(NETWORK_PROD, operation, key, "NotFoundException");
        }
        case(NETWORK_PROD, operation, &arn.replace("eu-west-1", "eu-west-2"), "NotFoundException");
        case(NETWORK_PROD, operation, "arn:aws:kms:eu-west-1", "InvalidArnException");
        case(PARTNER, operation, &arn, "AccessDeniedException");
    }
    // "Cross-account use: Yes/No" of each operation's page; the policy allows data-prod everything.
    case(DATA_PROD, "DescribeKey", &arn, "ok");
    case(DATA_PROD, "ListGrants", &arn, "ok");
    case(DATA_PROD, "GetKeyPolicy", &arn, "AccessDeniedException");
    case(DATA_PROD, "PutKeyPolicy", &arn, "AccessDeniedException");
    case(NETWORK_PROD, "CreateGrant", &arn, "UnknownOperationException");
    let named = json!({"KeyId": arn, "PolicyName": "other"});
    assert_eq!(code(bench.call(NETWORK_PROD, "GetKeyPolicy", &named)), "NotFoundException");
    assert_eq!(code(bench.call(NETWORK_PROD, "GetKeyPolicy", &json!({}))), "ValidationException");
}

#[test]
fn the_state_of_a_key_keeps_nobody_from_its_policy() {
    let mut bench = Bench::new();
    for state in [KeyState::Disabled, KeyState::PendingDeletion, KeyState::Enabled] {
        bench.world.act(Action::SetKeyState { key: bench.key.clone(), state }).unwrap();
        let policy = bench.get();
        assert_eq!(code(bench.put(&policy)), "ok", "key-state.html: {state:?}");
        let params = json!({"KeyId": bench.key});
        let described = bench.call(NETWORK_PROD, "DescribeKey", &params).unwrap();
        assert_eq!(described["KeyMetadata"]["KeyState"], json!(state));
        assert_eq!(described["KeyMetadata"]["Enabled"], json!(state == KeyState::Enabled));
        assert_eq!(described["KeyMetadata"]["DeletionDate"].is_number(), state == KeyState::PendingDeletion);
    }
    bench.world.act(Action::DeleteKey { key: bench.key.clone() }).unwrap();
    assert_eq!(code(bench.put("{}")), "NotFoundException");
}

#[test]
fn the_policy_of_an_aws_managed_key_is_the_services() {
    let mut bench = Bench::new();
    let new = json!({"account": NETWORK_PROD, "region": REGION, "manager": "AWS"});
    let act: Action = serde_json::from_value(json!({"addKey": {"key": new}})).unwrap();
    let answer = bench.world.act(act).unwrap();
    bench.key = answer["key"].as_str().unwrap().to_owned();
    let policy = bench.get();
    assert!(policy.contains("kms:CallerAccount"), "{policy}");
    assert_eq!(code(bench.put(&policy)), "AccessDeniedException", "its policy allows nobody to [X]");
    assert_eq!(bench.granted(), BTreeSet::new());
    bench.has(&json!([]));
    assert_eq!(code(bench.put(&policy)), "UnsupportedOperationException", "[X]");
}

#[test]
fn a_deleted_role_reads_back_as_its_unique_id() {
    let mut bench = Bench::new();
    let theirs = role(DATA_PROD, ROLE);
    let policy = format!(
        r#"{{"Version":"2012-10-17",  "Statement":[{},
  {{"Sid":"Use","Effect":"Allow","Principal":{{"AWS":["{theirs}" , "{}"]}},"Action":"kms:Decrypt","Resource":"*",
   "Condition":{{"ArnLike":{{"aws:PrincipalArn":"{theirs}"}}}}}}]}}"#,
        own(),
        root(WEB)
    );
    assert_eq!(code(bench.put(&policy)), "ok");
    let gone = Action::DeleteRole { account: DATA_PROD.into(), name: ROLE.into() };
    bench.world.act(gone).unwrap();
    let read = bench.get();
    let id = read.split('"').find(|text| text.starts_with("AROA")).unwrap();
    assert_eq!(id.len(), 21);
    assert_eq!(read, policy.replacen(&theirs, id, 1), "a condition keeps the ARN, the rest its bytes");
    assert_eq!(
        code(bench.put(&read)),
        "MalformedPolicyDocumentException",
        "kms-policy-error-invalid-principals"
    );
    // A new role of that name is another principal.
    bench.world.put_role(DATA_PROD, ROLE, Role::default());
    assert_eq!(bench.get(), read);
    assert_eq!(code(bench.put(&policy)), "ok");
}

#[test]
fn readers_lag_and_may_see_the_policy_written_anew() {
    let mut bench = Bench::new();
    let mut weather = bench.world.weather().clone();
    weather.lags.policy = Lag::Fixed(60.0);
    bench.world.set_weather(weather);
    let before = bench.get();
    let policy = with_own(&json!([allow(&json!({"AWS": [root(DATA_PROD), WEB, PARTNER]}))])).to_string();
    assert_eq!(code(bench.put(&policy)), "ok");
    assert_eq!(bench.get(), before, "eventual consistency");
    assert_eq!(bench.granted().len(), 3, "what is in force does not lag");
    assert_eq!(bench.world.happened()["policy of the past"], 1);
    bench.world.advance(EPOCH + 60.0);
    assert_eq!(bench.get(), policy);

    bench.world.settings.policy_read = PolicyRead::Rewritten;
    let reads: BTreeSet<String> = (0..40).map(|_| bench.get()).collect();
    assert!(reads.len() > 3, "aws-cli#9456: {reads:?}");
    for read in reads {
        let read: Value = serde_json::from_str(&read).unwrap();
        let principals: BTreeSet<&str> = read["Statement"][1]["Principal"]["AWS"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p.as_str().unwrap())
            .collect();
        let (data, web, partner) = (root(DATA_PROD), root(WEB), root(PARTNER));
        assert_eq!(principals, BTreeSet::from([data.as_str(), &web, &partner]));
    }
}

#[test]
fn listings_are_whole_however_they_are_cut() {
    let mut bench = Bench::new();
    for _ in 0..6 {
        let new = NewKey { account: NETWORK_PROD.into(), region: REGION.into(), ..NewKey::default() };
        bench.world.add_key(new);
        let key = bench.key.clone();
        let grant = NewGrant {
            grantee: role(DATA_PROD, ROLE),
            operations: vec!["Decrypt".into()],
            ..NewGrant::default()
        };
        bench.world.act(Action::AddKeyGrant { key, grant }).unwrap();
    }
    let elsewhere = NewKey { account: NETWORK_PROD.into(), region: "us-east-1".into(), ..NewKey::default() };
    bench.world.add_key(elsewhere);
    bench.world.add_key(NewKey { account: DATA_PROD.into(), region: REGION.into(), ..NewKey::default() });
    for (operation, member, count) in [("ListKeys", "Keys", 7), ("ListGrants", "Grants", 6)] {
        let (mut rows, mut marker) = (Vec::new(), Value::Null);
        loop {
            let params = json!({"KeyId": bench.key, "Limit": 2, "Marker": marker});
            let answer = bench.call(NETWORK_PROD, operation, &params).unwrap();
            rows.extend(answer[member].as_array().unwrap().clone());
            marker = answer["NextMarker"].clone();
            assert_eq!(answer["Truncated"], json!(!marker.is_null()));
            if marker.is_null() {
                break;
            }
        }
        assert_eq!(rows.len(), count);
        for (limit, expected) in [(0, "ValidationException"), (100, "ok"), (1001, "ValidationException")] {
            let params = json!({"KeyId": bench.key, "Limit": limit});
            assert_eq!(code(bench.call(NETWORK_PROD, operation, &params)), expected, "{operation} {limit}");
        }
        let params = json!({"KeyId": bench.key, "Marker": "elsewhere"});
        assert_eq!(code(bench.call(NETWORK_PROD, operation, &params)), "InvalidMarkerException");
    }
    let params = json!({"KeyId": bench.key, "GranteePrincipal": root(WEB)});
    assert_eq!(bench.call(NETWORK_PROD, "ListGrants", &params).unwrap()["Grants"], json!([]));
}

/// Statements, whom they grant the use of the key, and the accounts of the world that they reach.
type Case<'a> = (Value, Vec<&'a str>, Option<Vec<&'a str>>);

#[test]
fn facts_are_what_a_policy_grants_outside_of_its_account() {
    let bench = Bench::new();
    let organization = &bench.world.directory().organizations[&bench.organization];
    let (id, arn, top) = (organization.id.clone(), organization.arn(), organization.root.clone());
    let (workloads, prod) = (bench.path("Root/Workloads"), bench.path("Root/Workloads/Prod"));
    let (unit, below) = (bench.unit("Root/Workloads"), bench.unit("Root/Workloads/Prod"));
    let everybody = |conditions: Value| {
        let mut statement = allow(&json!({"AWS": "*"}));
        statement["Condition"] = conditions;
        json!([statement])
    };
    let to = |principal: Value| json!([allow(&principal)]);
    let theirs = role(DATA_PROD, ROLE);
    let in_workloads = [DATA_PROD, WEB, "222233336666", "222233337777", "222233338888"];
    let in_prod = [DATA_PROD, WEB, "222233336666"];
    let session = format!("arn:aws:sts::{DATA_PROD}:assumed-role/{ROLE}/any");
    let cases: Vec<Case<'_>> = vec![
        (json!([]), vec![], Some(vec![])),
        (to(json!({"AWS": root(NETWORK_PROD)})), vec![], Some(vec![])),
        (to(json!({"AWS": role(NETWORK_PROD, ROLE)})), vec![], Some(vec![])),
        (to(json!({"AWS": root(DATA_PROD)})), vec![DATA_PROD], Some(vec![DATA_PROD])),
        (
            to(json!({"AWS": [DATA_PROD, root(WEB), DATA_PROD]})),
            vec![DATA_PROD, WEB],
            Some(vec![DATA_PROD, WEB]),
        ),
        (to(json!({"AWS": theirs})), vec![&theirs], Some(vec![DATA_PROD])),
        (to(json!({"AWS": session})), vec![&session], Some(vec![DATA_PROD])),
        (to(json!({"AWS": STRANGER})), vec![STRANGER], Some(vec![STRANGER])),
        (to(json!({"AWS": "AROAEXAMPLEEXAMPLE123"})), vec![], Some(vec![])),
        (to(json!({"Service": "logs.amazonaws.com"})), vec![], Some(vec![])),
        (to(json!("*")), vec!["*"], None),
        (to(json!({"AWS": "*"})), vec!["*"], None),
        (everybody(json!({"StringEquals": {"aws:PrincipalOrgID": id}})), vec![&arn], None),
        (everybody(json!({"StringLike": {"AWS:principalorgid": id}})), vec![&arn], None),
        (
            everybody(json!({"StringEquals": {"aws:PrincipalOrgID": "o-elsewhere1"}})),
            vec!["o-elsewhere1"],
            Some(vec![]),
        ),
        (everybody(json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}})), vec!["*"], None),
        (everybody(json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": id}})), vec!["*"], None),
        (everybody(json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": id}})), vec!["*"], None),
        (everybody(json!({"StringNotEquals": {"aws:PrincipalOrgID": id}})), vec!["*"], Some(vec![PARTNER])),
        (
            everybody(json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": format!("{workloads}*")},
                "StringEquals": {"aws:PrincipalOrgID": id}})),
            vec![&unit],
            Some(in_workloads.to_vec()),
        ),
        (
            everybody(json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": [format!("{prod}*")]}})),
            vec![&below],
            Some(in_prod.to_vec()),
        ),
        (
            everybody(json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": format!("{id}/{top}/*")}})),
            vec![&arn],
            None,
        ),
        (
            everybody(json!({"ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": workloads}})),
            vec![&workloads],
            Some(vec![]),
        ),
        (
            everybody(json!({"StringEquals": {"aws:PrincipalAccount": [DATA_PROD, NETWORK_PROD]}})),
            vec![DATA_PROD],
            Some(vec![DATA_PROD]),
        ),
        (
            everybody(
                json!({"StringEquals": {"kms:CallerAccount": WEB, "kms:ViaService": "ec2.eu-west-1.amazonaws.com"}}),
            ),
            vec![WEB],
            Some(vec![WEB]),
        ),
        (everybody(json!({"ArnLike": {"aws:PrincipalArn": theirs}})), vec![&theirs], Some(vec![DATA_PROD])),
        (
            json!([{"Effect": "Allow", "Principal": {"AWS": PARTNER}, "Action": "kms:Decrypt", "Resource": "*",
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": id}}}]),
            vec![],
            Some(vec![]),
        ),
        (
            json!([{"Effect": "Allow", "Principal": {"AWS": [DATA_PROD, WEB]}, "Action": "kms:Decrypt", "Resource": "*",
                "Condition": {"ArnEquals": {"aws:PrincipalArn": theirs}}}]),
            vec![&theirs],
            Some(vec![DATA_PROD]),
        ),
        (
            json!([{"Effect": "Allow", "Principal": {"AWS": [DATA_PROD, PARTNER]}, "Action": "kms:Decrypt",
                "Resource": "*", "Condition": {"ArnLike": {"aws:PrincipalArn": format!("arn:aws:iam::*:role/{ROLE}")},
                "StringEquals": {"aws:PrincipalOrgID": id}}}]),
            vec![DATA_PROD],
            Some(vec![DATA_PROD]),
        ),
        // Only what works across accounts is a grant.
        (
            json!([{"Effect": "Allow", "Principal": {"AWS": DATA_PROD}, "Action": "kms:PutKeyPolicy", "Resource": "*"}]),
            vec![],
            Some(vec![]),
        ),
        (
            json!([{"Effect": "Allow", "Principal": {"AWS": DATA_PROD}, "NotAction": "kms:PutKeyPolicy", "Resource": "*"}]),
            vec![DATA_PROD],
            None,
        ),
        (
            json!([{"Effect": "Allow", "NotPrincipal": {"AWS": DATA_PROD}, "Action": "kms:Decrypt", "Resource": "*"}]),
            vec!["*"],
            None,
        ),
        // Statements without effect (API_PutKeyPolicy).
        (
            json!([{"Effect": "Allow", "Principal": {"AWS": DATA_PROD}, "Action": "kms:Decrypt"}]),
            vec![],
            Some(vec![]),
        ),
        (
            json!([{"Effect": "Allow", "Principal": {"AWS": DATA_PROD}, "Resource": "*"}]),
            vec![],
            Some(vec![]),
        ),
        // Denies.
        (
            json!([allow(&json!({"AWS": [DATA_PROD, WEB]})),
                {"Effect": "Deny", "Principal": {"AWS": DATA_PROD}, "Action": "kms:*", "Resource": "*"}]),
            vec![WEB],
            Some(vec![WEB]),
        ),
        (
            json!([allow(&json!({"AWS": [DATA_PROD, PARTNER]})), {"Effect": "Deny", "Principal": "*", "Action": "kms:*",
                "Resource": "*", "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": id}}}]),
            vec![DATA_PROD],
            Some(vec![DATA_PROD]),
        ),
        (
            json!([allow(&json!("*")), {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}]),
            vec![],
            Some(vec![]),
        ),
    ];
    for (statements, facts, accounts) in cases {
        let mut bench = Bench::new();
        bench.has(&statements);
        let facts: BTreeSet<String> = facts.into_iter().map(ToOwned::to_owned).collect();
        assert_eq!(bench.granted(), facts, "{statements}");
        if let Some(accounts) = accounts {
            assert_eq!(bench.reach(), accounts, "{statements}");
        }
    }
}

#[test]
fn facts_follow_the_organization_and_name_actions() {
    let mut bench = Bench::new();
    let (prod, unit) = (bench.path("Root/Workloads/Prod"), bench.unit("Root/Workloads/Prod"));
    let mut statement = allow(&json!("*"));
    statement["Condition"] = json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": format!("{prod}*")}});
    bench.has(&json!([statement, allow(&json!({"AWS": PARTNER}))]));
    let facts: Vec<_> = bench.world.policy_grants(EPOCH).into_iter().collect();
    let short: Vec<(&str, bool)> =
        facts.iter().map(|fact| (fact.principal.as_str(), fact.external)).collect();
    assert_eq!(short, [(PARTNER, true), (unit.as_str(), false)]);
    assert_eq!(facts[0].actions, BTreeSet::from(["Decrypt".to_owned(), "DescribeKey".to_owned()]));
    assert_eq!((facts[0].owner.as_str(), &facts[0].object), (NETWORK_PROD, &bench.key));
    assert!(bench.reach().contains(&WEB.to_owned()));
    bench.world.act(Action::MoveAccount { account: WEB.into(), destination: "Root/Sandbox".into() }).unwrap();
    assert!(!bench.reach().contains(&WEB.to_owned()), "who is moved out loses the key");
    bench.world.act(Action::LeaveOrganization { account: DATA_PROD.into() }).unwrap();
    assert_eq!(bench.reach(), ["222233336666", PARTNER]);
}
