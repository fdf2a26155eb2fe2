//! What readers and writers of policies have in common: who may, what is seen, and how listings are paged.

use serde_json::{Value, json};

use super::document::{Document, texts};
use super::holder::Holder;
use super::subject::account_named;
use crate::aws::caller::{Caller, partition};
use crate::aws::organizations::listing;
use crate::aws::page::{self, Asked, Cut, Page};
use crate::aws::refusal::Refusal;
use crate::aws::rng::Rng;
use crate::aws::settings::PolicyRead;
use crate::aws::world::World;

/// Why an object is closed to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// Nothing in its policy lets a caller of another account in.
    Implicit,
    /// Its policy denies it.
    Explicit,
}

impl Denial {
    /// In IAM's words (IAM User Guide, troubleshoot_access-denied.html \[D]; github.com/jbrt/ec2cryptomatic/issues/26 \[I]).
    pub(crate) fn words(self, caller: &Caller, action: &str, arn: &str) -> String {
        let why = match self {
            Self::Implicit => format!("because no resource-based policy allows the {action} action"),
            Self::Explicit => "with an explicit deny in a resource-based policy".to_owned(),
        };
        format!("User: {} is not authorized to perform: {action} on resource: {arn} {why}", caller.principal)
    }
}

/// A page of a listing that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paging<'a> {
    pub(crate) operation: &'a str,
    /// The members of the token and, if there is one, of the size.
    pub(crate) members: &'a [&'a str],
    pub(crate) token: Option<&'a str>,
    pub(crate) size: Option<i64>,
    pub(crate) default: usize,
    pub(crate) most: i64,
}

impl World {
    /// Whether a caller may do this with an object: in the owning account whatever is not denied, since its administrators
    /// have it by IAM; in others what the policy allows and works across accounts. Keys have rules of their own.
    pub(crate) fn open_to(&self, holder: &Holder, caller: &Caller, operation: &str) -> Result<(), Denial> {
        let (document, subject) = (Document::of(holder), self.subject_of(caller));
        if document.denies(&subject, operation) {
            return Err(Denial::Explicit);
        }
        let across = holder.dialect.across_accounts.contains(&operation);
        let foreign = holder.account != caller.account;
        let may = !foreign || (across && document.allows(&subject, operation));
        may.then_some(()).ok_or(Denial::Implicit)
    }

    /// The moment that the state is of which this reader of a policy sees.
    pub(crate) fn policy_reader(&mut self) -> f64 {
        self.now - self.weather.lags.policy.sample(&mut self.rng)
    }

    /// A policy as a reader of then gets it: as it was put, byte for byte \[X], unless [`PolicyRead`] says otherwise.
    pub(crate) fn read_policy(&mut self, arn: &str, as_of: f64) -> Option<String> {
        let holder = self.holder(arn)?;
        let (seen, region) = (holder.policy_at(as_of).map(ToOwned::to_owned), holder.region.clone());
        if seen != holder.policy {
            self.progress.note("policy of the past");
        }
        match self.settings.policy_read {
            PolicyRead::AsPut => seen,
            PolicyRead::Rewritten => seen.map(|text| rewritten(text, partition(&region), &mut self.rng)),
        }
    }

    /// How the page asked for is to be cut; `out_of_range` gets the bound that the size breaks.
    pub(crate) fn cut(
        &mut self,
        caller: &Caller,
        params: &Value,
        paging: &Paging<'_>,
        out_of_range: impl Fn(&str) -> Refusal,
        not_a_token: impl Fn() -> Refusal,
    ) -> Result<Cut, Refusal> {
        let asked = paging.size.unwrap_or_default();
        let bound = if asked < 1 {
            "greater than or equal to 1".to_owned()
        } else {
            format!("less than or equal to {}", paging.most)
        };
        let size = page::size(paging.size, paging.default, paging.most, |_| out_of_range(&bound))?;
        let listing = listing(paging.operation, &caller.account, &caller.region, params, paging.members);
        let asked = Asked { token: paging.token, size, listing: &listing };
        page::cut(&asked, &self.weather.pages, &mut self.rng).ok_or_else(not_a_token)
    }

    /// A page of rows; its token is there where more may follow.
    pub(crate) fn page_of(&mut self, rows: &str, token: &str, page: Page<Value>) -> Value {
        if page.next.is_some() && page.rows.is_empty() {
            self.progress.note("empty page with a token");
        }
        let mut answer = json!({ rows: page.rows });
        if let (Some(next), Some(answer)) = (page.next, answer.as_object_mut()) {
            answer.insert(token.to_owned(), Value::String(next));
        }
        answer
    }
}

/// As github.com/aws/aws-cli/issues/9456 and hashicorp/terraform-provider-aws/issues/39788 saw it: white space of the
/// service's own, and the principals of a list in any order; an account's digits and a list of one as IAM writes them
/// \[X].
fn rewritten(policy: String, partition: &str, rng: &mut Rng) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(&policy) else {
        return policy;
    };
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.iter_mut().collect(),
        Some(single) => vec![single],
        None => Vec::new(),
    };
    for statement in statements {
        if let Some(principals) = statement.pointer_mut("/Principal/AWS") {
            let mut names = texts(Some(principals));
            for name in &mut names {
                if account_named(name).is_some_and(|account| account == name.as_str()) {
                    *name = format!("arn:{partition}:iam::{name}:root");
                }
            }
            let mut shuffled: Vec<(u64, String)> = names.into_iter().map(|name| (rng.bits(), name)).collect();
            shuffled.sort();
            let mut names: Vec<String> = shuffled.into_iter().map(|(_, name)| name).collect();
            *principals = match names.pop() {
                Some(only) if names.is_empty() => Value::String(only),
                last => json!(names.into_iter().chain(last).collect::<Vec<_>>()),
            };
        }
    }
    serde_json::to_string_pretty(&document).unwrap_or(policy)
}
