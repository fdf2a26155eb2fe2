//! What policies say of a container that stands in AWS already: whom it lets in that no policy would.

use std::collections::BTreeMap;

use crate::{
    api::Reason,
    model::{Arn, Principal, ResourceType, Timestamp},
    plan::{
        desired::Refusal,
        names::Organization,
        observed::{Container, Row},
        policy::{Policies, Question, Term},
        resolve::Facts,
    },
};

/// Answers for a namespace what its policies say of a container.
pub trait Permits {
    /// The principals with access that no policy of the namespace allows, and why; or why that cannot be told.
    ///
    /// `ends` says when the access of principals outside ends; one without an end is asked about as if it ended now.
    fn refused(
        &self,
        namespace: &str,
        container: &Container,
        ends: &BTreeMap<String, Timestamp>,
    ) -> Result<BTreeMap<Principal, Refusal>, Refusal>;
}

impl Permits for Facts<'_> {
    fn refused(
        &self,
        namespace: &str,
        container: &Container,
        ends: &BTreeMap<String, Timestamp>,
    ) -> Result<BTreeMap<Principal, Refusal>, Refusal> {
        if let Some(doubt) = self.doubt() {
            return Err(Refusal::new(Reason::Waiting, doubt));
        }
        let policies = self.policies.iter().copied();
        let policies = Policies::of(policies, namespace, &self.cell.account, self.set, self.organization);
        let live = container.principals.iter().filter(|(_, row)| row.state.may_grant());
        let refused = live.filter_map(|(principal, row)| {
            let term = row.external.then(|| self.term(ends.get(&principal.to_string())));
            Some((principal.clone(), refusal(&policies, container, principal, term)?))
        });
        Ok(refused.collect())
    }
}

impl Facts<'_> {
    /// Why policies cannot be asked. That there is none at all is no answer: it looks the same as a cluster that is being set up.
    fn doubt(&self) -> Option<&'static str> {
        match self.organization {
            Organization::Unknown => Some("the organization's tree has not been read yet"),
            _ if !self.policies_readable => Some("a SharingPolicy cannot be read"),
            _ if self.policies.is_empty() => Some("there is no SharingPolicy at all"),
            _ => None,
        }
    }

    fn term(&self, end: Option<&Timestamp>) -> Term {
        Term { until: end.copied().unwrap_or(self.now), declared_at: self.now, now: self.now }
    }
}

fn refusal(
    policies: &Policies<'_>,
    container: &Container,
    principal: &Principal,
    outside: Option<Term>,
) -> Option<Refusal> {
    let live = container.resources.iter().filter(|(_, row): &(_, &Row)| row.state.may_grant());
    live.map(|(resource, _)| resource).find_map(|resource| {
        let known = resource.parse::<Arn>().ok().and_then(|arn| Some((ResourceType::of(&arn)?, arn)));
        let Some((resource_type, arn)) = known else {
            return Some(Refusal::new(
                Reason::TypeUnsupported,
                format!("{resource} is of no type that this version knows"),
            ));
        };
        let attached = container.permissions.get(resource_type.name).filter(|a| !a.is_type_default());
        let question = Question {
            resource: &arn,
            resource_type,
            permission: attached.map(|attached| attached.arn.as_str()),
            principal,
            outside,
            targets: 1,
        };
        policies.allow(&question).err()
    })
}

/// No policy speaks: nothing can be told.
#[derive(Clone, Copy, Debug)]
pub struct Unasked;

impl Permits for Unasked {
    fn refused(
        &self,
        _: &str,
        _: &Container,
        _: &BTreeMap<String, Timestamp>,
    ) -> Result<BTreeMap<Principal, Refusal>, Refusal> {
        Err(Refusal::new(Reason::Waiting, "policies were not asked"))
    }
}
