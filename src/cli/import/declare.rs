//! From a share in AWS to the spec that declares it as it is, with a note for each thing that no Share can say.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{
        share::{self, Adopt, ShareResource, TagValue},
        undeclared_share::Why,
    },
    cli::governed::names::{account_name, unit_path},
    controllers::account_region::gather::Gathered,
    model::{AccountId, Arn, Mechanism, Principal, ResourceType, mark},
    org::Tree,
    plan::{
        names,
        observed::{AttachedPermission, Container, Origin, Row},
        undeclared::Undeclared,
    },
};

/// The most tags that a Share declares.
const MOST_TAGS: usize = 40;
/// Stands where a person has to say why.
pub(super) const REASON: &str = "To be filled in: why this account has access";

/// How much is written, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Ids in place of names.
    pub(super) ids: bool,
    /// The share's tags become the Share's.
    pub(super) tags: bool,
    /// When the access of those outside ends.
    pub(super) until: crate::model::Timestamp,
}

/// A share, declared.
pub(super) struct Declaration {
    pub(super) spec: Spec,
    /// What cannot be declared.
    pub(super) notes: Vec<String>,
}

/// The spec of a Share, without what is as it is by default.
pub(super) struct Spec {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: Option<String>,
    pub(super) resources: Vec<ShareResource>,
    pub(super) targets: Vec<share::Target>,
    pub(super) permissions: Vec<Permission>,
    pub(super) tags: BTreeMap<String, TagValue>,
    pub(super) adopt: Adopt,
}

/// A permission that is not its type's default.
pub(super) struct Permission {
    pub(super) resource_type: &'static str,
    /// Its name, if AWS manages it, else its ARN.
    pub(super) name: String,
    /// The version, if it is not the permission's default one.
    pub(super) version: Option<String>,
}

/// Why a share that no Share declares cannot become one as it is; none where it can.
pub(super) fn obstacle(found: &Undeclared) -> Option<String> {
    let container = &found.container;
    let origin = found.origin.as_ref().map(|origin| format!(" {origin}")).unwrap_or_default();
    if container.mechanism() != Mechanism::Ram {
        return Some(
            "a resource's own policy grants it; name the resource in a Share, then take it out of the policy"
                .to_owned(),
        );
    }
    match (&found.why, &container.origin) {
        (Why::ServiceManaged, Origin::ServiceManaged(feature_set)) => Some(promotion(&container.id, feature_set)),
        (Why::Orphaned | Why::Released, _) => Some(format!(
            "it carries the mark of Share{origin}, which is not there; apply that Share again, and it takes its share back"
        )),
        (Why::Undecided, _) => Some(format!(
            "it carries the mark of Share{origin}, which cannot be read or whose account means nothing; put that Share right, or delete it"
        )),
        (Why::OtherInstallation, _) => {
            let installation = mark::installation_of(&container.tags).unwrap_or_default();
            Some(format!("it belongs to installation {installation}, a peer"))
        }
        _ => mark::installation_of(&container.tags).map(|installation| {
            format!(
                "it carries the mark of installation {installation}, which is not known here; name it in the Installation's \
                 `peers` if it lives, or else take the tags {}* off the share",
                mark::TAG_PREFIX
            )
        }),
    }
}

fn promotion(id: &Arn, feature_set: &str) -> String {
    match feature_set {
        "CREATED_FROM_POLICY" => format!(
            "AWS made it from the policy of a resource ({feature_set}), and it must be promoted first \
             (PromoteResourceShareCreatedFromPolicy): run `aws ram promote-resource-share-created-from-policy --region {} \
             --resource-share-arn {id}`; if AWS answers UnmatchedPolicyPermission, promote its permission before with `aws ram \
             promote-permission-created-from-policy`; then import it again",
            id.region()
        ),
        "PROMOTING_TO_STANDARD" => format!(
            "AWS is promoting it from the policy of a resource ({feature_set}); import it again once that is done"
        ),
        other => format!("AWS manages it (feature set {other}), and nobody else may change it"),
    }
}

/// Declares a share as it is.
pub(super) fn declare(container: &Container, gathered: &Gathered, style: Style) -> Declaration {
    let mut declaring = Declaring { container, gathered, style, notes: vec![] };
    let targets = declaring.targets();
    let spec = Spec {
        account: declaring.account(&gathered.cell.account),
        region: gathered.cell.region.to_string(),
        name: Some(container.name.clone()).filter(|name| !name.is_empty()),
        resources: declaring.resources(),
        targets,
        permissions: declaring.permissions(),
        tags: declaring.tags(),
        adopt: Adopt { arn: container.id.to_string() },
    };
    Declaration { spec, notes: declaring.notes }
}

struct Declaring<'a> {
    container: &'a Container,
    gathered: &'a Gathered,
    style: Style,
    notes: Vec<String>,
}

impl Declaring<'_> {
    fn tree(&self) -> Option<&Tree> {
        self.gathered.organization.as_names().tree()
    }

    fn account(&self, id: &AccountId) -> String {
        let named = self.tree().filter(|_| !self.style.ids).and_then(|tree| account_name(tree, id));
        named.filter(|name| is_name(name)).map_or_else(|| id.to_string(), str::to_owned)
    }

    fn targets(&mut self) -> Vec<share::Target> {
        let there = self.container.principals.iter().filter(|(_, row)| row.state.is_present());
        let mut targets = vec![];
        for (principal, row) in there {
            match self.target(principal, row) {
                Ok(target) => targets.push(target),
                Err(why) => self.notes.push(format!("{principal} is not declared: {why}")),
            }
        }
        self.without_mixed_services(targets)
    }

    fn target(&self, principal: &Principal, row: &Row) -> Result<share::Target, &'static str> {
        let none = share::Target::default();
        Ok(match principal {
            Principal::Account(id) if self.is_inside(id, row) => {
                share::Target { account: Some(self.account(id)), ..none }
            }
            Principal::Account(id) => {
                self.outside(share::Target { external_account: Some(id.to_string()), ..none })
            }
            Principal::Role(arn) | Principal::User(arn) => {
                let account = principal.account().ok_or("its ARN names no account")?;
                if self.is_inside(&account, row) {
                    share::Target { role: Some(arn.to_string()), ..none }
                } else {
                    self.outside(share::Target { external_role: Some(arn.to_string()), ..none })
                }
            }
            Principal::Organization(_) => match self.tree() {
                Some(tree) if tree.as_principal() != *principal => return Err("it is another organization"),
                None if self.organizations() > 1 => {
                    return Err("which organization is the own one is not known");
                }
                _ => share::Target { organization: Some(true), ..none },
            },
            Principal::OrganizationalUnit(_) => {
                share::Target { organizational_unit: Some(self.unit(principal)?), ..none }
            }
            Principal::Service(service) => share::Target { service: Some(service.clone()), ..none },
            Principal::Other(_) => return Err("it is of no kind that this version knows"),
        })
    }

    fn organizations(&self) -> usize {
        let is_one = |principal: &&Principal| matches!(principal, Principal::Organization(_));
        self.container.principals.keys().filter(is_one).count()
    }

    fn outside(&self, target: share::Target) -> share::Target {
        use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
        share::Target { until: Some(Time(self.style.until)), reason: Some(REASON.to_owned()), ..target }
    }

    /// By the tree, as the controller tells it; where that is not known, as AWS says.
    fn is_inside(&self, account: &AccountId, row: &Row) -> bool {
        let organization = self.gathered.organization.as_names();
        names::is_inside(&organization, account, &self.gathered.cell.account).unwrap_or(!row.external)
    }

    fn unit(&self, principal: &Principal) -> Result<String, &'static str> {
        let id = principal.organization_entity().unwrap_or_default();
        let Some(tree) = self.tree() else { return Ok(id.to_owned()) };
        if tree.unit_principal(id).as_ref() != Some(principal) {
            return Err("the organization has no such unit");
        }
        let path = unit_path(tree, id).filter(|_| !self.style.ids);
        Ok(path.unwrap_or_else(|| id.to_owned()))
    }

    /// Services stand alone in a Share.
    fn without_mixed_services(&mut self, targets: Vec<share::Target>) -> Vec<share::Target> {
        if targets.iter().all(|target| target.service.is_some()) {
            return targets;
        }
        let (services, others): (Vec<_>, Vec<_>) =
            targets.into_iter().partition(|target| target.service.is_some());
        self.notes.extend(services.into_iter().filter_map(|target| target.service).map(|service| {
            format!("{service} is not declared: services need a Share, and in AWS a share, of their own")
        }));
        others
    }

    fn resources(&self) -> Vec<ShareResource> {
        let there = self.container.resources.iter().filter(|(_, row)| row.state.is_present());
        there.map(|(arn, _)| ShareResource { arn: arn.clone() }).collect()
    }

    fn permissions(&self) -> Vec<Permission> {
        let there = self.container.resources.iter().filter(|(_, row)| row.state.is_present());
        let types: BTreeSet<&'static str> =
            there.filter_map(|(arn, _)| Some(ResourceType::of(&arn.parse().ok()?)?.name)).collect();
        let attached = types.into_iter().filter_map(|t| Some((t, self.container.permissions.get(t)?)));
        attached
            .filter(|(_, attached)| !attached.is_type_default())
            .map(|(resource_type, attached)| Permission {
                resource_type,
                name: if attached.arn.contains(":ram::aws:permission/") {
                    attached.name().to_owned()
                } else {
                    attached.arn.clone()
                },
                version: pinned(attached),
            })
            .collect()
    }

    fn tags(&mut self) -> BTreeMap<String, TagValue> {
        if !self.style.tags {
            return BTreeMap::new();
        }
        let reserved =
            |key: &str| key.to_lowercase().starts_with("aws:") || key.starts_with(mark::TAG_PREFIX);
        let free = self.container.tags.iter().filter(|(key, _)| !reserved(key));
        let mut tags: BTreeMap<String, TagValue> =
            free.map(|(key, value)| (key.clone(), TagValue(value.clone()))).collect();
        if let Some(first) = tags.keys().nth(MOST_TAGS).cloned() {
            let rest = tags.split_off(&first);
            let keys: Vec<String> = rest.into_keys().collect();
            self.notes.push(format!(
                "a Share declares {MOST_TAGS} tags at most, so these stay as they are and are nobody's: {}",
                keys.join(", ")
            ));
        }
        tags
    }
}

fn pinned(attached: &AttachedPermission) -> Option<String> {
    (!attached.is_default_version && !attached.version.is_empty()).then(|| attached.version.clone())
}

/// Whether the schema takes an account's name: it could not be told from an id otherwise.
fn is_name(name: &str) -> bool {
    !name.starts_with(' ') && !name.ends_with(' ') && !name.chars().all(|c| c.is_ascii_digit())
}
