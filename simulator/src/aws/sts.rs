//! STS: AssumeRole with trust and external id, GetCallerIdentity.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::caller::Caller;
use super::journal::KeyKind;
use super::refusal::Refusal;
use super::world::World;

/// An IAM role as far as assuming and using it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Role {
    /// Who may assume it: account ids (anyone in it), role ARNs or user ARNs.
    pub trusted: BTreeSet<String>,
    /// The external id that the trust policy demands.
    pub external_id: Option<String>,
    /// What its sessions may call, as `service:Operation`; absent: everything.
    pub actions: Option<BTreeSet<String>>,
    /// Longest session in seconds; 0 stands for IAM's default of one hour.
    pub longest_session: u32,
}

/// Credentials given out by AssumeRole.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) account: String,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) secret: String,
    pub(crate) expires_at: f64,
}

pub(crate) type Sessions = BTreeMap<String, Session>;

/// Parameters of AssumeRole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AssumeRole {
    /// ARN of the role.
    pub role_arn: String,
    /// Name of the session.
    pub role_session_name: String,
    /// External id offered.
    pub external_id: Option<String>,
    /// Seconds, as text: the query protocol has no numbers.
    pub duration_seconds: Option<String>,
}

fn validation(message: impl Into<String>) -> Refusal {
    Refusal::client("ValidationError", message)
}

impl World {
    /// Gives a role to an account; replaces one of the same name.
    pub fn put_role(&mut self, account: &str, name: &str, role: Role) {
        self.roles.insert((account.to_owned(), name.to_owned()), role);
    }

    /// Takes a role away; its sessions stay valid, as in AWS, and policies that name it show its unique id.
    pub fn delete_role(&mut self, account: &str, name: &str) {
        if self.roles.remove(&(account.to_owned(), name.to_owned())).is_some() {
            self.forget_role_in_policies(account, name);
        }
    }

    /// Lets all sessions of an account expire at once.
    pub fn expire_sessions(&mut self, account: &str) {
        for session in self.sessions.values_mut().filter(|session| session.account == account) {
            session.expires_at = self.now;
        }
    }

    pub(crate) fn call_sts(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
    ) -> Result<Value, Refusal> {
        match operation {
            "AssumeRole" => {
                let input: AssumeRole =
                    serde_json::from_value(params.clone()).map_err(|error| validation(error.to_string()))?;
                self.assume_role(caller, &input)
            }
            "GetCallerIdentity" => Ok(caller_identity(caller)),
            _ => Err(Refusal::client("InvalidAction", format!("Could not find operation {operation}"))),
        }
    }

    /// AssumeRole: the role's existence, its trust policy, the external id and the durations are checked.
    pub fn assume_role(&mut self, caller: &Caller, input: &AssumeRole) -> Result<Value, Refusal> {
        let (account, name) =
            role_of(&input.role_arn).ok_or_else(|| validation(format!("{} is invalid", input.role_arn)))?;
        check_session_name(&input.role_session_name)?;
        let seconds = self.session_length(caller, &account, &name, input.duration_seconds.as_deref())?;
        if !self.may_assume(caller, &account, &name, input.external_id.as_deref()) {
            let (who, what) = (&caller.principal, &input.role_arn);
            let message =
                format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {what}");
            return Err(Refusal::new(403, "AccessDenied", message));
        }
        let key = format!("ASIA{}", self.rng.letters(16).to_uppercase());
        let session = Session {
            role: name.clone(),
            name: input.role_session_name.clone(),
            token: self.rng.letters(64),
            secret: self.rng.letters(40),
            expires_at: self.now + seconds,
            account: account.clone(),
        };
        let answer = json!({
            "Credentials": {
                "AccessKeyId": key,
                "SecretAccessKey": session.secret,
                "SessionToken": session.token,
                "Expiration": super::wire::iso8601(session.expires_at),
            },
            "AssumedRoleUser": {
                "AssumedRoleId": format!("AROA{:0>17}:{}", name.len(), session.name),
                "Arn": format!("arn:{}:sts::{account}:assumed-role/{name}/{}", caller.partition(), session.name),
            },
        });
        self.sessions.insert(key, session);
        Ok(answer)
    }

    fn may_assume(&self, caller: &Caller, account: &str, name: &str, external_id: Option<&str>) -> bool {
        let Some(role) = self.roles.get(&(account.to_owned(), name.to_owned())) else {
            return false;
        };
        let own_role = caller
            .role
            .as_ref()
            .map(|name| format!("arn:{}:iam::{}:role/{name}", caller.partition(), caller.account));
        let trusted = role.trusted.contains(&caller.account)
            || role.trusted.contains(&caller.principal)
            || own_role.is_some_and(|arn| role.trusted.contains(&arn));
        let open = self.directory.account(account).is_some_and(|account| account.state.is_open());
        trusted && open && role.external_id.as_deref().is_none_or(|wanted| external_id == Some(wanted))
    }

    fn session_length(
        &self,
        caller: &Caller,
        account: &str,
        name: &str,
        asked: Option<&str>,
    ) -> Result<f64, Refusal> {
        let longest =
            match self.roles.get(&(account.to_owned(), name.to_owned())).map(|role| role.longest_session) {
                // Sessions that a session assumes (role chaining) last an hour at most.
                _ if caller.key == KeyKind::Session => 3600,
                None | Some(0) => 3600,
                Some(seconds) => seconds,
            };
        let seconds = match asked {
            None => 3600.min(longest),
            Some(text) => {
                text.parse().map_err(|_| validation(format!("DurationSeconds {text} is not a number")))?
            }
        };
        if (900..=longest).contains(&seconds) {
            Ok(f64::from(seconds))
        } else {
            Err(validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role."))
        }
    }
}

fn caller_identity(caller: &Caller) -> Value {
    let id = match (&caller.role, &caller.session) {
        (Some(role), Some(session)) => format!("AROA{:0>17}:{session}", role.len()),
        _ => format!("AIDA{}", caller.account),
    };
    json!({"UserId": id, "Account": caller.account, "Arn": caller.principal})
}

fn check_session_name(name: &str) -> Result<(), Refusal> {
    let fits = (2..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
    if fits {
        Ok(())
    } else {
        Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )))
    }
}

/// Account and name of a role ARN; a path before the name is part of the name.
fn role_of(arn: &str) -> Option<(String, String)> {
    let mut parts = arn.splitn(6, ':');
    let (_, _, service, _, account, rest) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (service == "iam").then_some(())?;
    Some((account.to_owned(), rest.strip_prefix("role/")?.to_owned()))
}
