//! Which conditions are understood, and which of them limit who is granted.

use std::{collections::BTreeSet, str::FromStr};

use super::{Condition, Grantee, NotUnderstood, Statement};
use crate::model::AccountId;

/// The conditions of a grant. All of them have to be true.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conditions {
    /// Those whose meaning is known.
    pub understood: BTreeSet<Understood>,
    /// The others. They may limit the grant or not; nothing is built on them.
    pub not_understood: BTreeSet<NotUnderstood>,
}

/// A condition whose meaning is known. It is false where its key is missing from the request, since only operators
/// without negation and without `…IfExists` are understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Understood {
    /// `aws:PrincipalOrgID`: the caller's account is in one of these organizations (`o-…`).
    PrincipalOrganizations(BTreeSet<String>),
    /// `aws:PrincipalOrgPaths`: the caller's account lies at one of these paths. A path begins with a whole organization
    /// id and a slash; `*` and `?` behind that stand for any characters, as in `StringLike`.
    PrincipalPaths(BTreeSet<String>),
    /// `aws:PrincipalAccount` or `kms:CallerAccount`: the caller's account.
    PrincipalAccounts(BTreeSet<AccountId>),
    /// `aws:SourceOwner` or `aws:SourceAccount`: the account for which a service calls. SNS's default policy lets the
    /// topic's owner alone in by `aws:SourceOwner` (SNS guide, "aws:SourceAccount versus aws:SourceOwner"); S3 counts
    /// either as not public (API reference, PublicAccessBlockConfiguration). Other services: \[X\].
    SourceAccounts(BTreeSet<AccountId>),
    /// `kms:ViaService`: the call comes through one of these services, `ec2.eu-west-1.amazonaws.com` for one.
    ViaServices(BTreeSet<String>),
    /// `kms:GrantIsForAWSResource` is true: the grant is made for an AWS service (EBS user guide, share-kms-key).
    GrantForAwsResource,
}

impl Conditions {
    pub(super) fn of(statement: &Statement) -> Self {
        let mut conditions = Self::default();
        for condition in &statement.conditions {
            match judge(condition, &statement.conditions) {
                Ok(understood) => drop(conditions.understood.insert(understood)),
                Err(why) => drop(conditions.not_understood.insert(NotUnderstood::condition(condition, why))),
            }
        }
        let unknown = statement.others.keys().map(|name| NotUnderstood::element(name));
        conditions.not_understood.extend(unknown);
        conditions
    }

    /// Whom `*` stands for under these conditions; everyone if none of them limits it.
    ///
    /// All conditions have to be true, so each alone is a limit: the narrowest kind is taken, and of that the fewest.
    pub(super) fn everyone(&self) -> BTreeSet<Grantee> {
        let limits = self.understood.iter().filter_map(Understood::limit);
        let narrowest = limits.min_by_key(|(width, grantees)| (*width, grantees.len()));
        narrowest.map_or_else(|| [Grantee::Everyone].into(), |(_, grantees)| grantees)
    }

    /// Whether the caller has to be in a named organization.
    pub(super) fn are_of_organization(&self) -> bool {
        let of = |u: &Understood| {
            matches!(u, Understood::PrincipalOrganizations(_) | Understood::PrincipalPaths(_))
        };
        self.understood.iter().any(of)
    }
}

impl Understood {
    /// Whom it lets in of all, after how wide that kind of limit is.
    fn limit(&self) -> Option<(u8, BTreeSet<Grantee>)> {
        Some(match self {
            Self::PrincipalAccounts(ids) => (0, ids.iter().cloned().map(Grantee::Account).collect()),
            Self::PrincipalPaths(paths) => (1, paths.iter().map(|path| below(path)).collect()),
            Self::PrincipalOrganizations(ids) => {
                (2, ids.iter().cloned().map(Grantee::Organization).collect())
            }
            Self::SourceAccounts(ids) => (3, ids.iter().cloned().map(Grantee::Account).collect()),
            Self::ViaServices(_) | Self::GrantForAwsResource => return None,
        })
    }
}

/// `o-…/*` is every account of the organization (global condition keys, `aws:PrincipalOrgPaths`).
fn below(path: &str) -> Grantee {
    match path.split_once('/') {
        Some((organization, "*")) => Grantee::Organization(organization.to_owned()),
        _ => Grantee::OrganizationPath(path.to_owned()),
    }
}

/// How a key's values are compared.
#[derive(Clone, Copy, PartialEq)]
enum Comparison {
    /// The whole text.
    Equal,
    /// `*` and `?` stand for other characters.
    Like,
}

fn judge(condition: &Condition, all: &[Condition]) -> Result<Understood, &'static str> {
    let (operator, key) = (condition.operator.to_ascii_lowercase(), condition.key.to_ascii_lowercase());
    if all
        .iter()
        .filter(|c| c.operator.to_ascii_lowercase() == operator && c.key.to_ascii_lowercase() == key)
        .count()
        > 1
    {
        // Which of them AWS takes is not documented.
        return Err("the same operator and key are there twice, in different case");
    }
    match key.as_str() {
        "aws:principalorgid" => {
            whole(condition, &operator, organization).map(Understood::PrincipalOrganizations)
        }
        "aws:principalorgpaths" => paths(condition, &operator).map(Understood::PrincipalPaths),
        "aws:principalaccount" | "kms:calleraccount" => {
            whole(condition, &operator, parsed).map(Understood::PrincipalAccounts)
        }
        "aws:sourceowner" | "aws:sourceaccount" => {
            whole(condition, &operator, parsed).map(Understood::SourceAccounts)
        }
        "kms:viaservice" => whole(condition, &operator, host).map(Understood::ViaServices),
        "kms:grantisforawsresource" => is_true(condition, &operator),
        _ => Err("this key is not known here"),
    }
}

/// The values of a key that has one value in a request, each of them a whole name.
fn whole<T: Ord>(
    condition: &Condition,
    operator: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<BTreeSet<T>, &'static str> {
    // A name without a wildcard is the same under all three: the names read here have no upper case.
    if !matches!(operator, "stringequals" | "stringlike" | "stringequalsignorecase") {
        return Err(objection(operator));
    }
    values(condition, read)
}

/// A key with several values in a request needs a set operator; of the two only `ForAnyValue` is false without the key.
fn paths(condition: &Condition, operator: &str) -> Result<BTreeSet<String>, &'static str> {
    let comparison = match operator {
        "foranyvalue:stringequals" | "foranyvalue:stringequalsignorecase" => Comparison::Equal,
        "foranyvalue:stringlike" => Comparison::Like,
        _ => return Err(objection(operator)),
    };
    values(condition, |value| path(value, comparison))
}

fn is_true(condition: &Condition, operator: &str) -> Result<Understood, &'static str> {
    match operator {
        "bool" if condition.values.len() == 1 && condition.values.contains("true") => {
            Ok(Understood::GrantForAwsResource)
        }
        "bool" => Err("only the one value true is understood"),
        _ => Err(objection(operator)),
    }
}

/// All values, or none if one of them is not understood: it may match anyone.
fn values<T: Ord>(
    condition: &Condition,
    read: impl Fn(&str) -> Option<T>,
) -> Result<BTreeSet<T>, &'static str> {
    let read: Option<BTreeSet<T>> = condition.values.iter().map(|value| read(value)).collect();
    match read {
        Some(read) if !read.is_empty() => Ok(read),
        Some(_) => Err("it has no value"),
        None => Err("a value is not one whole name: it has a wildcard, a variable or another form"),
    }
}

/// Why an operator is not understood for a key that is known.
fn objection(operator: &str) -> &'static str {
    let objections = [
        ("ifexists", "an IfExists operator is true where the key is missing from a request"),
        ("forallvalues:", "ForAllValues is true where the key is missing from a request"),
        ("not", "a negated operator lets in all whom it does not name"),
    ];
    let found = objections.into_iter().find(|(part, _)| operator.contains(part));
    found.map_or("this operator is not known to limit this key", |(_, why)| why)
}

/// `o-` and lower-case letters and digits (Organizations API reference, Organization, `Id`). No length is asked for.
fn organization(text: &str) -> Option<String> {
    let id = text.strip_prefix("o-")?;
    let whole = !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    whole.then(|| text.to_owned())
}

/// A path whose organization is whole, so that no other organization's account can match.
fn path(text: &str, comparison: Comparison) -> Option<String> {
    let (id, rest) = text.split_once('/')?;
    organization(id)?;
    let fits = |b: u8| {
        b.is_ascii_lowercase()
            || b.is_ascii_digit()
            || matches!(b, b'-' | b'/')
            || comparison == Comparison::Like && matches!(b, b'*' | b'?')
    };
    rest.bytes().all(fits).then(|| text.to_owned())
}

fn host(text: &str) -> Option<String> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    (!text.is_empty() && text.bytes().all(fits)).then(|| text.to_owned())
}

fn parsed(text: &str) -> Option<AccountId> {
    AccountId::from_str(text).ok()
}
