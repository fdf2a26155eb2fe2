//! What policies say of a container that stands in AWS already: whom it lets in that no policy would.

use std::collections::BTreeMap;

use crate::{
    api::Reason,
    model::{Arn, Principal, ResourceType, Timestamp, resource_type::ALTERED},
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
        let Ok(arn) = resource.parse::<Arn>() else {
            return Some(Refusal::new(Reason::InvalidRequest, format!("{resource} is not an ARN")));
        };
        let resource_type = ResourceType::of(&arn);
        let question = |permission| Question {
            resource: &arn,
            resource_type,
            permission,
            principal,
            outside,
            targets: 1,
        };
        let mut named = beyond_default(container, &arn, resource_type).peekable();
        if named.peek().is_none() {
            return policies.allow(&question(None)).err();
        }
        named.find_map(|permission| policies.allow(&question(Some(permission))).err())
    })
}

/// The permissions beyond its type's default that a resource may be under: which of them is an unknown type's own, no ARN
/// tells.
fn beyond_default<'a>(
    container: &'a Container,
    arn: &'a Arn,
    resource_type: Option<ResourceType>,
) -> impl Iterator<Item = &'a str> {
    let attached = container.permissions.iter().filter(move |(of, attached)| {
        let its_own = match resource_type {
            Some(known) => known.name == of.as_str(),
            None => ResourceType::may_be(of, arn),
        };
        // Of what somebody has altered no policy can say more than of the least.
        its_own && !attached.is_type_default() && attached.arn != ALTERED
    });
    attached.map(|(_, attached)| attached.arn.as_str())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Slot,
        org::tree::tests::tree,
        plan::fixture::{
            ContainerWords, DATA, PolicyWords, SET, TEAM, at, cell, known, ours, permission, policy,
        },
    };

    #[test]
    fn of_an_unknown_type_each_permission_that_may_be_its_own_must_be_allowed() {
        let thing = "arn:aws:newservice:eu-west-1:111122223333:thing/t-1";
        let naming = policy().allowing(|allow| {
            allow.resource_types = vec!["newservice:Thing".into()];
            allow.resources = vec![thing.into()];
            allow.permissions = vec!["AWSRAMPermissionAllowed".into()];
        });
        let aws = |name: &str| permission(&format!("arn:aws:ram::aws:permission/{name}"), "1");
        let plain = ours("hub", &Slot::Inner).to(DATA, "ASSOCIATED").sharing(thing, "ASSOCIATED");
        let allowed = plain.clone().permitting("newservice:A", aws("AWSRAMPermissionAllowed"));
        let another = allowed.clone().permitting("newservice:B", aws("AWSRAMPermissionOther"));
        let elsewhere = allowed.clone().permitting("ec2:Subnet", aws("AWSRAMPermissionOther"));
        let (tree, cell) = (tree(), cell());
        let table = [
            (&plain, &naming, None),
            (&allowed, &naming, None),
            (&another, &naming, Some(Reason::NotPermitted)),
            (&elsewhere, &naming, None),
            (&plain, &policy(), Some(Reason::NotPermitted)),
        ];
        for (container, policy, expected) in table {
            let facts = Facts {
                cell: &cell,
                set: SET,
                organization: known(&tree),
                policies: &[policy],
                policies_readable: true,
                now: at(0),
            };
            let refused = facts.refused(TEAM, container, &BTreeMap::new()).unwrap();
            assert_eq!(refused.values().next().map(|refusal| refusal.reason), expected, "{container:?}");
        }
    }
}
