//! What should be in AWS, worked out from the plan's own data: a second opinion, which shares no code with the controller.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    plan::{Account, Manifest, Policy, Resource, Target, Unit},
    scene::{NAMESPACE, OBJECTS, PARTNER},
};

/// A resource and who may use it.
pub type Pair = (&'static str, String);

/// A pair, and the Share that it is granted for.
pub type Grant = (String, Pair);

/// Where everybody is, and what the units are called in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The account's unit.
    pub places: BTreeMap<Account, Unit>,
    /// The unit's ARN.
    pub units: BTreeMap<Unit, String>,
}

/// All that is declared at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The Shares that are in the cluster and are not being deleted.
    pub shares: BTreeMap<String, Manifest>,
    pub policy: Policy,
    pub tree: Tree,
    /// Seconds from the start: what ended by then is not declared any more.
    pub time: u32,
}

/// What a RAM share should be like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Container {
    pub share: String,
    pub outside: bool,
    pub name: String,
    pub tag: Option<String>,
    pub pairs: BTreeSet<Pair>,
    /// Whether resolver rules have the read-only permission.
    pub read_only: bool,
}

impl Resource {
    fn may_leave_the_organization(self) -> bool {
        !matches!(self, Self::Subnet1 | Self::Subnet2)
    }
}

impl Target {
    /// Whether it is outside the organization.
    pub fn is_outside(self) -> bool {
        matches!(self, Self::Outside | Self::Until(_))
    }
}

impl Manifest {
    /// When its access from outside ends, if it does before long.
    pub fn end(&self) -> Option<u32> {
        self.targets.iter().find_map(|target| if let Target::Until(end) = target { Some(*end) } else { None })
    }
}

impl Policy {
    fn allows(self, resource: Resource) -> bool {
        self.lists_and_rules || !matches!(resource, Resource::List | Resource::Rule)
    }

    fn reaches(self, unit: Unit) -> bool {
        unit == Unit::Prod || unit == Unit::Test && self.tests
    }
}

impl Declared {
    /// What Shares declare and the policy allows.
    pub fn grants(&self) -> BTreeSet<Grant> {
        let containers = self.shares.values().flat_map(|share| self.containers(share));
        let of_ram = containers.flat_map(|c| c.pairs.into_iter().map(move |pair| (c.share.clone(), pair)));
        let of_objects = self.shares.values().flat_map(|share| {
            let all = [false, true].into_iter().flat_map(|outside| self.pairs_of(share, outside));
            all.filter(|(resource, _)| OBJECTS.contains(resource)).map(|pair| (share.share.clone(), pair))
        });
        of_ram.chain(of_objects).collect()
    }

    /// The RAM shares that a Share needs: those with something to grant.
    pub fn containers(&self, share: &Manifest) -> Vec<Container> {
        let own = share.name.clone().unwrap_or_else(|| format!("{NAMESPACE}.{}", share.share));
        let of = |outside: bool| Container {
            share: share.share.clone(),
            outside,
            name: if outside { format!("{own}.outside") } else { own.clone() },
            tag: share.tag.clone(),
            pairs: self
                .pairs_of(share, outside)
                .into_iter()
                .filter(|(resource, _)| !OBJECTS.contains(resource))
                .collect(),
            read_only: share.read_only && self.allowed(share).contains(&Resource::Rule),
        };
        [of(false), of(true)].into_iter().filter(|container| !container.pairs.is_empty()).collect()
    }

    fn pairs_of(&self, share: &Manifest, outside: bool) -> BTreeSet<Pair> {
        let principals: Vec<String> = share
            .targets
            .iter()
            .filter(|target| target.is_outside() == outside)
            .filter_map(|target| self.principal(share, *target))
            .collect();
        let resources = self.allowed(share).into_iter().filter(|resource| *resource != Resource::Lost);
        resources
            .flat_map(|resource| principals.iter().map(move |principal| (resource.arn(), principal.clone())))
            .collect()
    }

    fn allowed(&self, share: &Manifest) -> Vec<Resource> {
        share.resources.iter().copied().filter(|resource| self.policy.allows(*resource)).collect()
    }

    /// Who it is in AWS, where it may be shared with.
    fn principal(&self, share: &Manifest, target: Target) -> Option<String> {
        match target {
            Target::Id(account) | Target::Name(account) => {
                self.policy.reaches(self.tree.places[&account]).then(|| account.id().to_owned())
            }
            Target::Unit(unit) => self.policy.reaches(unit).then(|| self.tree.units[&unit].clone()),
            Target::Until(end) if end <= self.time => None,
            Target::Outside | Target::Until(_) => {
                let leaves = self.allowed(share).into_iter().all(Resource::may_leave_the_organization);
                (leaves && self.policy.partner).then(|| PARTNER.to_owned())
            }
            Target::Nobody => None,
        }
    }

    /// Whether all that a Share declares can be granted.
    pub fn is_granted_whole(&self, share: &Manifest) -> bool {
        self.allowed(share).len() == share.resources.len()
            && !share.resources.contains(&Resource::Lost)
            && share.targets.iter().all(|target| self.principal(share, *target).is_some())
    }
}
