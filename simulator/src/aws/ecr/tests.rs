//! What is put, refused, read and in force. Each case names its source; `[X]` is an assumption.

use serde_json::{Value, json};

use crate::aws::example::{DATA_PROD, NETWORK_PROD, PARTNER, ROLE};
use crate::aws::policy::ObjectKind;
use crate::aws::policy::bench::{Bench, but, code, document, role, root};

fn bench() -> Bench {
    Bench::new(ObjectKind::Repository)
}

fn allow(principal: &Value) -> Value {
    let pull = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
    json!({"Effect": "Allow", "Principal": principal, "Action": pull})
}

fn to_data() -> Value {
    allow(&json!({"AWS": root(DATA_PROD)}))
}

fn app() -> Value {
    json!({"repositoryName": "team/app"})
}

#[test]
fn a_policy_is_put_read_and_deleted() {
    let mut bench = bench();
    let policy = document(&json!([to_data()])).replace(":[", ": \n[");
    let whole = json!({"registryId": NETWORK_PROD, "repositoryName": "team/app", "policyText": policy});
    let none = bench.call(NETWORK_PROD, "GetRepositoryPolicy", &app()).unwrap_err();
    assert_eq!(none.code, "RepositoryPolicyNotFoundException");
    assert_eq!(
        none.message,
        "Repository policy does not exist for the repository with name 'team/app' in the registry with id '111122223333'"
    );
    assert_eq!(bench.put(&policy), Ok(whole.clone()), "model");
    assert_eq!(bench.call(NETWORK_PROD, "GetRepositoryPolicy", &app()), Ok(whole.clone()));
    assert_eq!(bench.call(NETWORK_PROD, "DeleteRepositoryPolicy", &app()), Ok(whole), "model");
    assert_eq!((bench.get(), bench.reach()), (None, Vec::new()));
    let again = bench.call(NETWORK_PROD, "DeleteRepositoryPolicy", &app());
    assert_eq!(code(again), "RepositoryPolicyNotFoundException", "model");
}

#[test]
fn a_document_with_any_invalid_part_is_refused() {
    let one = to_data();
    let of = |statement: Value| document(&json!([statement]));
    let taken = [
        (of(one.clone()), "repository-policy-examples.html"),
        (json!({"Statement": [one]}).to_string(), "IAM grammar: 2008-10-17 where none is named"),
        (of(one.clone()).replace("2012", "2008"), "repository-policy-examples.html"),
        (of(allow(&json!("*"))), "repository-policy-examples.html"),
        (of(allow(&json!({"AWS": role(DATA_PROD)}))), "aws-sdk-go#3921, resolved: the role exists"),
        (of(allow(&json!({"Service": "codebuild.amazonaws.com"}))), "aws-cdk#3583"),
        (of(but(&one, "Action", json!("ecr:*"))), "repository-policy-examples.html"),
        (of(but(&one, "Condition", json!({"IpAddress": {"aws:SourceIp": "54.240.143.0/24"}}))), "examples"),
    ];
    for (policy, source) in taken {
        let mut bench = bench();
        assert_eq!(code(bench.put(&policy)), "ok", "{source}: {policy}");
        assert_eq!(bench.get(), Some(policy));
    }
    let (invalid, unfound) = ("Invalid repository policy provided", "Principal not found");
    let refused = [
        ("{".to_owned(), invalid, "not JSON"),
        (String::new(), invalid, "model: a length of 0 is in range"),
        (document(&json!([])), invalid, "IAM grammar"),
        (of(one.clone()).replace("2012-10-17", "2020-01-01"), invalid, "IAM grammar"),
        (of(but(&one, "Resource", json!("*"))), invalid, "amazon-ecr-user-guide#20"),
        (
            of(but(&one, "Resource", json!("arn:aws:ecr:eu-west-1:111122223333:repository/team/app"))),
            invalid,
            "amazon-ecr-user-guide#20",
        ),
        (of(but(&one, "NotResource", json!("*"))), invalid, "[X]"),
        (
            of(but(&one, "Action", json!("ecr:GetAuthorizationToken"))),
            invalid,
            "cloudposse/terraform-aws-ecr#67",
        ),
        (of(but(&one, "Action", json!(["ecr:PutImage", "s3:GetObject"]))), invalid, "[X]"),
        (of(allow(&json!({"AWS": role(DATA_PROD).replace(ROLE, "new")}))), unfound, "terraform#39064"),
        (of(allow(&json!({"AWS": format!("arn:aws:iam::{DATA_PROD}:*")}))), unfound, "terraform#3924"),
        (of(allow(&json!({"AWS": "AROAEXAMPLEEXAMPLE123"}))), unfound, "modernisation-platform#10129"),
        (
            of(one.clone()) + &" ".repeat(10_240),
            "Member must have length less than or equal to 10240",
            "model: 10,240 characters",
        ),
    ];
    let mut bench = bench();
    bench.put(&of(one.clone())).unwrap();
    for (policy, constraint, source) in refused {
        let refusal = bench.refuses(&policy, source);
        assert_eq!(refusal.code, "InvalidParameterException", "{source}");
        let words = format!("Invalid parameter at 'PolicyText' failed to satisfy constraint: '{constraint}'");
        assert_eq!(refusal.message, words, "{source}: {policy:.300}");
    }
    let longest = of(one);
    let padded = longest.clone() + &" ".repeat(10_240 - longest.len());
    assert_eq!(code(bench.put(&padded)), "ok", "model: 10,240 characters");
}

/// `SetRepositoryPolicy.force` in the model.
#[test]
fn nobody_locks_itself_out_by_mistake() {
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "ecr:SetRepositoryPolicy"});
    let others = but(&deny, "Condition", json!({"StringNotEquals": {"aws:PrincipalAccount": NETWORK_PROD}}));
    for (statement, locks_out) in [(deny, true), (others, false), (to_data(), false)] {
        let mut bench = bench();
        let policy = document(&json!([statement]));
        let expected = if locks_out { "InvalidParameterException" } else { "ok" };
        assert_eq!(code(bench.put(&policy)), expected, "{policy}");
        let params = json!({"repositoryName": "team/app", "policyText": policy, "force": true});
        assert_eq!(bench.code(NETWORK_PROD, "SetRepositoryPolicy", &params), "ok");
        let after = if locks_out { "AccessDeniedException" } else { "ok" };
        assert_eq!(bench.code(NETWORK_PROD, "SetRepositoryPolicy", &params), after, "it is locked out now");
    }
}

#[test]
fn repositories_are_found_in_a_registry_and_open_to_whom_the_policy_lets_in() {
    let mut bench = bench();
    let open = json!(["ecr:GetRepositoryPolicy", "ecr:DescribeRepositories"]);
    bench.has(&json!([but(&to_data(), "Action", open)]));
    let (none, denied) = ("RepositoryNotFoundException", "AccessDeniedException");
    let cases = [
        (NETWORK_PROD, None, "team/app", "ok", "model: the default registry"),
        (NETWORK_PROD, Some(NETWORK_PROD), "team/app", "ok", "model"),
        (NETWORK_PROD, None, "team/none", none, "model"),
        (NETWORK_PROD, Some(DATA_PROD), "team/app", none, "[X]"),
        (DATA_PROD, None, "team/app", none, "its own registry has no such repository"),
        (DATA_PROD, Some(NETWORK_PROD), "team/app", "ok", "the policy lets it in"),
        (PARTNER, Some(NETWORK_PROD), "team/app", denied, "amazon-ecr-login#232"),
        (PARTNER, Some(NETWORK_PROD), "team/none", none, "[X]"),
    ];
    for (account, registry, name, expected, source) in cases {
        let params = json!({"repositoryName": name, "repositoryNames": [name], "registryId": registry});
        for operation in ["GetRepositoryPolicy", "DescribeRepositories"] {
            let found = bench.code(account, operation, &params);
            assert_eq!(found, expected, "{account} {operation} {registry:?} {name}: {source}");
        }
    }
    let theirs = json!({"repositoryName": "team/app", "registryId": NETWORK_PROD, "policyText": "{}"});
    assert_eq!(bench.code(DATA_PROD, "SetRepositoryPolicy", &theirs), denied, "not of what is allowed");
    assert_eq!(
        bench.code(DATA_PROD, "DescribeRepositories", &json!({"registryId": NETWORK_PROD})),
        denied,
        "[X]"
    );
    let missing = bench.call(NETWORK_PROD, "GetRepositoryPolicy", &json!({"repositoryName": "x"}));
    assert_eq!(
        missing.unwrap_err().message,
        "The repository with name 'x' does not exist in the registry with id '111122223333'"
    );
    assert_eq!(bench.code(NETWORK_PROD, "GetRepositoryPolicy", &json!({})), "InvalidParameterException");
    assert_eq!(bench.code(NETWORK_PROD, "ListImages", &app()), "UnknownOperationException");
}

#[test]
fn facts_are_what_a_policy_grants_outside_of_its_account() {
    let named = |name: &str, value: Value| json!([but(&to_data(), name, value)]);
    let cases: [(Value, &[&str]); 7] = [
        (json!([to_data()]), &[DATA_PROD]),
        (json!([allow(&json!({"AWS": [role(DATA_PROD), root(NETWORK_PROD)]}))]), &[&role(DATA_PROD)]),
        (named("Action", json!("ecr:GetAuthorizationToken")), &[]),
        (named("Action", json!("ecr:Batch*")), &[DATA_PROD]),
        (named("Action", json!("secretsmanager:*")), &[]),
        // Kept of old [X]: it is on the repository all the same.
        (named("Resource", json!("arn:aws:ecr:eu-west-1:111122223333:repository/other")), &[DATA_PROD]),
        (json!([to_data(), {"Effect": "Deny", "Principal": "*", "Action": "ecr:*"}]), &[]),
    ];
    Bench::grants(ObjectKind::Repository, &cases);
    bench().reads_lag(&document(&json!([to_data()])));
}

#[test]
fn listings_are_whole_however_they_are_cut() {
    let mut bench = bench();
    bench.has_neighbours(6);
    let rows = bench.list("DescribeRepositories", "repositories", ("nextToken", "maxResults"));
    assert_eq!(rows.len(), 7);
    let app = rows.iter().find(|row| row["repositoryName"] == "team/app").unwrap();
    assert_eq!(app["repositoryArn"], "arn:aws:ecr:eu-west-1:111122223333:repository/team/app");
    assert_eq!(app["repositoryUri"], "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app");
    assert_eq!(app["registryId"], NETWORK_PROD);
    let invalid = "InvalidParameterException";
    for (params, expected) in [
        (json!({"maxResults": 0}), invalid),
        (json!({"maxResults": 1000}), "ok"),
        (json!({"maxResults": 1001}), invalid),
        (json!({"nextToken": "guessed"}), invalid),
        (json!({"repositoryNames": ["team/app"], "maxResults": 5}), invalid),
        (json!({"repositoryNames": ["team/app", "none"]}), "RepositoryNotFoundException"),
    ] {
        assert_eq!(bench.code(NETWORK_PROD, "DescribeRepositories", &params), expected, "model: {params}");
    }
}
