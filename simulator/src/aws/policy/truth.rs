//! What policies really grant outside of the accounts that own the objects.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::condition::like;
use super::document::{Document, Statement};
use super::holder::Holder;
use super::subject::{Subject, account_named, identity};
use crate::aws::organizations::Organization;
use crate::aws::ram::principal::{Principal, is_account};
use crate::aws::world::World;

/// A grant by an object's policy: this principal outside of the owning account may use this object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyGrant {
    /// Account that owns the object.
    pub owner: String,
    /// Region of the object.
    pub region: String,
    /// ARN of the key, secret, repository, queue or topic.
    pub object: String,
    /// Account id; ARN of a role, user or session; ARN of an organization or unit; `*` for everybody; or, where a path of
    /// `aws:PrincipalOrgPaths` is no unit of today, that path as it is written.
    pub principal: String,
    /// What it may do with the object, such as `Decrypt`, whatever patterns say so.
    pub actions: BTreeSet<String>,
    /// Outside the owner's organization.
    pub external: bool,
    /// The `Sid`s of the statements that allow it something; blank for one without.
    pub sids: BTreeSet<String>,
}

impl World {
    /// All grants by policies of keys, secrets, repositories, queues and topics at `now`, whatever lags readers have and
    /// whatever state an object is in: a disabled key's policy is in force again the moment that somebody enables it.
    ///
    /// A condition about something else than the principal, such as `kms:ViaService`, narrows no principal and counts as
    /// one that may hold. What is denied for certain is left out; of `*`, organizations and units only what is denied to
    /// everybody without a condition. Services, federations and principals that are deleted are granted nothing here.
    pub fn policy_grants(&mut self, now: f64) -> BTreeSet<PolicyGrant> {
        self.advance(now);
        self.holders().flat_map(|holder| self.grants_on(holder)).collect()
    }

    /// The accounts besides the owner's that an object's policy lets use it at `now`, each as a whole or a role in it; exact
    /// also where denies or conditions cut accounts out of an organization. Conditions as in [`World::policy_grants`].
    pub fn policy_reach(&mut self, now: f64, object: &str) -> BTreeSet<String> {
        self.advance(now);
        let Some(holder) = self.holder(object) else {
            return BTreeSet::new();
        };
        let document = Document::of(holder);
        let foreign = self.directory.accounts.keys().filter(|account| **account != holder.account);
        let mut reached: BTreeSet<String> =
            foreign.filter(|account| self.is_usable_from(&document, holder, account)).cloned().collect();
        let facts = self.grants_on(holder);
        reached.extend(facts.iter().filter_map(|fact| account_of(&fact.principal)).map(ToOwned::to_owned));
        reached
    }

    fn is_usable_from(&self, document: &Document, holder: &Holder, account: &str) -> bool {
        let partition = crate::aws::caller::partition(&holder.region);
        let roles = self.roles.keys().filter(|(of, _)| of == account);
        let roles = roles
            .map(|(_, role)| self.subject(account, &format!("arn:{partition}:iam::{account}:role/{role}")));
        let mut subjects = roles.chain([self.root_of(account, &holder.region)]);
        subjects.any(|subject| {
            holder.dialect.across_accounts.iter().any(|action| document.may_allow(&subject, action))
        })
    }

    fn grants_on(&self, holder: &Holder) -> Vec<PolicyGrant> {
        let document = Document::of(holder);
        let mut granted: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
        for statement in document.statements.iter().filter(|statement| statement.allow) {
            for principal in self.granted_by(holder, statement) {
                let actions = holder.dialect.across_accounts.iter().filter(|action| statement.acts(action));
                let left = actions.filter(|action| !self.is_denied(&document, holder, &principal, action));
                let left: Vec<String> = left.map(|action| (*action).to_owned()).collect();
                let (actions, sids) = granted.entry(principal).or_default();
                if !left.is_empty() {
                    sids.insert(statement.sid.clone());
                }
                actions.extend(left);
            }
        }
        granted.retain(|_, (actions, _)| !actions.is_empty());
        let grant =
            |(principal, (actions, sids)): (String, (BTreeSet<String>, BTreeSet<String>))| PolicyGrant {
                owner: holder.account.clone(),
                region: holder.region.clone(),
                object: holder.arn.clone(),
                external: self.is_outside(&holder.account, &principal),
                principal,
                actions,
                sids,
            };
        granted.into_iter().map(grant).collect()
    }

    fn is_denied(&self, document: &Document, holder: &Holder, principal: &str, action: &str) -> bool {
        if document.denies_all(action) {
            return true;
        }
        let Some(account) = account_of(principal) else {
            return false;
        };
        document.denies(&self.subject_named(holder, account, principal), action)
    }

    fn subject_named(&self, holder: &Holder, account: &str, name: &str) -> Subject {
        if is_account(name) { self.root_of(account, &holder.region) } else { self.subject(account, name) }
    }

    /// The principals of other accounts that a statement allows something.
    fn granted_by(&self, holder: &Holder, statement: &Statement) -> BTreeSet<String> {
        let mut granted = BTreeSet::new();
        for principal in statement.principals() {
            if principal == "*" {
                granted.extend(self.everybody_within(holder, statement));
            } else if let Some(account) = account_named(principal) {
                granted.extend(self.account_within(holder, statement, account));
            } else {
                granted.extend(self.granted_to(holder, statement, principal));
            }
        }
        granted
    }

    /// What the conditions of a statement make of an account: ARNs in it, where they are limited to such.
    fn account_within(&self, holder: &Holder, statement: &Statement, account: &str) -> Vec<String> {
        let Some(arns) = statement.limit("aws:principalarn") else {
            return self.granted_to(holder, statement, account).into_iter().collect();
        };
        let within = |arn: &String| match account_of(arn) {
            Some(of) if of == account => self.granted_to(holder, statement, arn),
            Some(_) => None,
            // Of every account, such as `arn:aws:iam::*:role/backup`.
            None => {
                let may_hold = statement.holds(&self.subject(account, arn)) != Some(false);
                (may_hold && account != holder.account).then(|| account.to_owned())
            }
        };
        arns.iter().filter_map(within).collect()
    }

    /// What the conditions of a statement make of `*`: the narrowest of ARNs, accounts, paths and organizations.
    fn everybody_within(&self, holder: &Holder, statement: &Statement) -> Vec<String> {
        let accounts = ["aws:principalaccount", "aws:sourceowner", "kms:calleraccount"];
        let accounts = accounts.into_iter().find_map(|key| statement.limit(key));
        let named = statement.limit("aws:principalarn").or(accounts);
        if let Some(named) = named {
            let of = |name: &String| match account_of(name) {
                Some(_) => self.granted_to(holder, statement, name),
                None => Some("*".to_owned()),
            };
            return named.iter().filter_map(of).collect();
        }
        let organizations = statement.limit("aws:principalorgid");
        if let Some(paths) = statement.limit("aws:principalorgpaths") {
            let within = |path: &&String| {
                let of = path.split('/').next().unwrap_or_default();
                organizations.is_none_or(|ids| ids.iter().any(|id| like(id, of)))
            };
            return paths.iter().filter(within).map(|path| self.place_at(path)).collect();
        }
        match organizations {
            Some(ids) => ids.iter().map(|id| self.organization_named(id)).collect(),
            None => vec!["*".to_owned()],
        }
    }

    /// An account or an ARN in another account, where it exists and the statement's conditions may hold for it.
    fn granted_to(&self, holder: &Holder, statement: &Statement, name: &str) -> Option<String> {
        let account = account_of(name).filter(|account| *account != holder.account)?;
        let subject = self.subject_named(holder, account, name);
        let exists = name.contains('*') || self.principal_exists(holder, name);
        (exists && statement.holds(&subject) != Some(false)).then(|| name.to_owned())
    }

    fn organization_named(&self, id: &str) -> String {
        match self.directory.organizations.get(id) {
            Some(organization) => organization.arn(),
            None if id.contains(['*', '?']) => "*".to_owned(),
            None => id.to_owned(),
        }
    }

    /// The unit, or for its root the organization, that a path with everything below it stands for today.
    fn place_at(&self, path: &str) -> String {
        let as_written = || path.to_owned();
        let Some(organization) = path
            .split('/')
            .next()
            .and_then(|id| self.directory.organizations.get(id))
            .filter(|_| path.ends_with("/*"))
        else {
            return as_written();
        };
        let id = path.trim_end_matches("/*").rsplit('/').next().unwrap_or_default();
        if id == organization.id || id == organization.root {
            return organization.arn();
        }
        let is_there = like(path, &path_of(organization, id));
        if is_there { organization.unit_arn(id) } else { as_written() }
    }

    fn is_outside(&self, owner: &str, principal: &str) -> bool {
        let own = self.directory.organization_of(owner).map(|organization| organization.id.as_str());
        if let Some(account) = account_of(principal) {
            return !self.directory.same_organization(owner, account);
        }
        match Principal::read(principal) {
            Ok(Principal::Organization { id, .. } | Principal::Unit { organization: id, .. }) => {
                own != Some(&id)
            }
            _ => own.is_none_or(|own| principal.split('/').next() != Some(own)),
        }
    }
}

/// The account of an account id or of an IAM or STS ARN.
fn account_of(principal: &str) -> Option<&str> {
    if is_account(principal) { Some(principal) } else { identity(principal).map(|(account, _)| account) }
}

/// As in `aws:PrincipalOrgPaths` of the accounts in a unit.
fn path_of(organization: &Organization, unit: &str) -> String {
    format!("{}/{}/", organization.id, organization.line(unit).join("/"))
}
