//! The resource types that are shared, as data: how an ARN tells its type, and what a type allows.
//!
//! Source: the page "Shareable AWS resources" of 2025-26 (mechanisms.md §4); ARN forms without a model pattern are
//! assumptions \[X\]. The list grows with AWS: a type that is not here is never guessed, and is shared only where a policy
//! names it. Where the older page of 2022-23 (ram.md §3.1) says otherwise, the reading that lets more pass is taken, since
//! AWS refuses what it does not take anyway; those rows are marked \[X\].

use std::fmt;

use super::{Arn, Mechanism, ObjectKind};

/// What is known of one resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "one column of the source's table each")]
pub struct ResourceType {
    /// The kind of object, where it is shared by a policy of its own; none: RAM shares it.
    pub object: Option<ObjectKind>,
    /// RAM's name: `ec2:TransitGateway`; for what RAM does not share, one of the same form. What is before the colon is the ARN's service, in every row of the source.
    pub name: &'static str,
    /// How the ARN's resource field begins, the separator included that an id follows. Blank where the source does not know.
    /// The id is AWS's to judge. [`BARE`]: the field is an id and nothing else.
    pattern: &'static str,
    /// Roles and users can be principals.
    pub iam: bool,
    /// Accounts outside the organization can be principals.
    pub external: bool,
    /// Customer managed permissions can be attached.
    pub customer_permissions: bool,
    /// Service principals can be principals.
    pub service_principals: bool,
    /// From where it is shared.
    pub scope: Scope,
}

/// The access that a Share gives where it names none, of what is shared by a policy of its own.
pub const READ: &str = "Read";

/// Access beyond it.
pub const READ_WRITE: &str = "ReadWrite";

/// In place of a name of access: what is granted is no access that this version knows.
pub const ALTERED: &str = "altered";

/// From which region resources of a type are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// From the region in the ARN.
    Regional,
    /// A blank region in the ARN: shared from [`super::Region::GLOBAL_HOME`] only.
    Global,
    /// A blank region in the ARN, and the source does not say for certain whether it is shared from one region only \[X\].
    Unsaid,
}

impl ResourceType {
    /// The type of the resource that an ARN names; none where this version knows no such type.
    pub fn of(arn: &Arn) -> Option<Self> {
        all().find(|t| t.fits(arn)).copied()
    }

    /// The type with RAM's name, compared without case, as the API does (mechanisms.md §4).
    pub fn named(name: &str) -> Option<Self> {
        all().find(|t| t.is_called(name)).copied()
    }

    /// All types that RAM shares, in its order of services.
    pub fn of_ram() -> &'static [Self] {
        TYPES
    }

    /// All types.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        all()
    }

    /// Whether it goes by that name: its own or the one of the older page, whatever the case.
    pub fn is_called(&self, name: &str) -> bool {
        let older = OLDER_NAMES.iter().find(|(newer, _)| *newer == self.name).map(|(_, older)| older);
        self.name.eq_ignore_ascii_case(name) || older.is_some_and(|older| older.eq_ignore_ascii_case(name))
    }

    /// Whether an ARN that tells no type may be of the type of this name, in RAM's own words: names cannot be derived from
    /// ARNs, but the service is in both. The name of a type that other ARNs tell is none.
    pub fn may_be(name: &str, arn: &Arn) -> bool {
        let service = name.split_once(':').map(|(service, _)| service);
        service.is_some_and(|service| service.eq_ignore_ascii_case(arn.service())) && !Self::is_told(name)
    }

    /// Whether this version tells the type of that name from ARNs.
    pub fn is_told(name: &str) -> bool {
        Self::named(name).is_some_and(|known| !known.pattern.is_empty())
    }

    /// How it is shared.
    pub fn mechanism(&self) -> Mechanism {
        self.object.map_or(Mechanism::Ram, ObjectKind::mechanism)
    }

    fn fits(&self, arn: &Arn) -> bool {
        let older = OLDER_SERVICES.iter().find(|(_, older)| *older == arn.service());
        let service = older.map_or(arn.service(), |(newer, _)| newer);
        let service = self.name.strip_prefix(service).is_some_and(|rest| rest.starts_with(':'));
        if self.pattern == BARE {
            return service && !arn.resource().is_empty() && !arn.resource().contains(['/', ':']);
        }
        let rest = arn.resource().strip_prefix(self.pattern).filter(|_| !self.pattern.is_empty());
        let with_id = self.pattern.ends_with(['/', ':']);
        let is_rest =
            |rest: &str| if with_id { !rest.is_empty() } else { rest.is_empty() || rest.starts_with('/') };
        service && rest.is_some_and(is_rest)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Names that the older page spells otherwise; which one RAM answers is not known \[X\].
const OLDER_NAMES: [(&str, &str); 2] = [
    ("servicecatalog:Applications", "servicecatalog:Application"),
    ("servicecatalog:AttributeGroups", "servicecatalog:AttributeGroup"),
];

/// Services that ARNs made before a renaming still name otherwise; that RAM counts them to the new type is assumed \[X\].
const OLDER_SERVICES: [(&str, &str); 1] = [("codeconnections", "codestar-connections")];

/// Flags, in the order of the source's columns.
const IAM: u8 = 1;
const EXT: u8 = 2;
const CMP: u8 = 4;
const SP: u8 = 8;
const GLOBAL: u8 = 16;
const UNSAID: u8 = 32;

/// In place of a pattern: an id without a word before it.
const BARE: &str = "*";

fn all() -> impl Iterator<Item = &'static ResourceType> {
    TYPES.iter().chain(OBJECTS)
}

const fn row(name: &'static str, pattern: &'static str, flags: u8) -> ResourceType {
    typed(None, name, pattern, flags)
}

const fn object(kind: ObjectKind, name: &'static str, pattern: &'static str) -> ResourceType {
    typed(Some(kind), name, pattern, IAM | EXT)
}

const fn typed(
    object: Option<ObjectKind>,
    name: &'static str,
    pattern: &'static str,
    flags: u8,
) -> ResourceType {
    ResourceType {
        object,
        name,
        pattern,
        iam: flags & IAM != 0,
        external: flags & EXT != 0,
        customer_permissions: flags & CMP != 0,
        service_principals: flags & SP != 0,
        scope: match flags & (GLOBAL | UNSAID) {
            0 => Scope::Regional,
            GLOBAL => Scope::Global,
            _ => Scope::Unsaid,
        },
    }
}

/// What is shared by its own policy. Principals are accounts, roles and users, an organization and its units by conditions
/// (mechanisms.md §3.4 and §3.7).
const OBJECTS: &[ResourceType] = &[
    object(ObjectKind::Repository, "ecr:Repository", "repository/"),
    object(ObjectKind::Key, "kms:Key", "key/"),
    object(ObjectKind::Secret, "secretsmanager:Secret", "secret:"),
    object(ObjectKind::Topic, "sns:Topic", BARE),
    object(ObjectKind::Queue, "sqs:Queue", BARE),
];

const TYPES: &[ResourceType] = &[
    row("acm-pca:CertificateAuthority", "certificate-authority/", IAM | EXT | CMP | SP),
    row("apigateway:Domainnames", "/domainnames/", EXT),
    row("appmesh:Mesh", "mesh/", IAM | EXT),
    row("appsync:Apis", "apis/", IAM | EXT | CMP),
    row("arc-region-switch:Plan", "plan/", IAM | EXT | CMP | GLOBAL),
    row("aws-marketplace:Entity", "AWSMarketplace/", IAM | EXT),
    row("backup:BackupVault", "backup-vault:", IAM | EXT | CMP),
    row("bcm-dashboards:dashboard", "dashboard/", EXT | CMP | GLOBAL),
    row("bedrock:CustomModel", "custom-model/", IAM | CMP),
    row("billing:billingview", "billingview/", CMP | GLOBAL),
    row("cloudfront:VpcOrigin", "vpcorigin/", EXT | GLOBAL),
    row("cloudhsm:Backup", "backup/", IAM | EXT | CMP),
    row("codebuild:Project", "project/", IAM | EXT | CMP),
    row("codebuild:ReportGroup", "report-group/", IAM | EXT | CMP),
    row("codeconnections:Connection", "connection/", EXT | CMP),
    row("datazone:Domain", "domain/", EXT),
    // Capacity Blocks do not go outside; the ARN does not tell them.
    row("ec2:CapacityReservation", "capacity-reservation/", EXT),
    row("ec2:CoipPool", "coip-pool/", 0),
    row("ec2:DedicatedHost", "dedicated-host/", EXT),
    row("ec2:IpamPool", "ipam-pool/", IAM | EXT | CMP | UNSAID),
    row("ec2:IpamResourceDiscovery", "ipam-resource-discovery/", EXT | UNSAID),
    row("ec2:LocalGatewayRouteTable", "local-gateway-route-table/", 0),
    row("ec2:PlacementGroup", "placement-group/", IAM | EXT),
    row("ec2:PrefixList", "prefix-list/", EXT),
    row("ec2:SecurityGroup", "security-group/", IAM | CMP),
    row("ec2:Subnet", "subnet/", 0),
    row("ec2:TrafficMirrorTarget", "traffic-mirror-target/", EXT),
    row("ec2:TransitGateway", "transit-gateway/", EXT),
    row("ec2:TransitGatewayMulticastDomain", "transit-gateway-multicast-domain/", EXT),
    row("ec2:VerifiedAccessGroup", "verified-access-group/", IAM | EXT),
    row("elasticloadbalancing:TrustStore", "truststore/", IAM | EXT),
    row("fsx:Volume", "volume/", IAM | EXT | CMP),
    row("glue:Catalog", "catalog", EXT),
    row("glue:Database", "database/", EXT),
    row("glue:Table", "table/", EXT),
    row("imagebuilder:Component", "component/", IAM | EXT | CMP),
    row("imagebuilder:ContainerRecipe", "container-recipe/", IAM | EXT | CMP),
    row("imagebuilder:Image", "image/", IAM | EXT | CMP),
    row("imagebuilder:ImageRecipe", "image-recipe/", IAM | EXT | CMP),
    row("license-manager:LicenseConfiguration", "license-configuration:", EXT),
    row("mpa:ApprovalTeam", "approval-team/", IAM | EXT | CMP),
    row("network-firewall:Firewall", "firewall/", IAM | EXT),
    row("network-firewall:FirewallPolicy", "firewall-policy/", IAM | EXT),
    row("network-firewall:StatefulRuleGroup", "stateful-rulegroup/", IAM | EXT),
    row("network-firewall:StatelessRuleGroup", "stateless-rulegroup/", IAM | EXT),
    row("networkmanager:CoreNetwork", "core-network/", IAM | EXT | GLOBAL),
    row("odb:CloudExadataInfrastructure", "cloud-exadata-infrastructure/", 0),
    row("odb:OdbNetwork", "odb-network/", 0),
    row("outposts:Outpost", "outpost/", CMP),
    row("outposts:Site", "site/", EXT),
    row("rds:Cluster", "cluster:", EXT),
    row("refactor-spaces:Environment", "environment/", IAM | EXT | CMP),
    // The source: neither roles nor outside; the older page: both. [X]
    row("resource-explorer-2:View", "view/", IAM | EXT),
    row("resource-groups:Group", "group/", EXT),
    row("route53-recovery-control:Cluster", "cluster/", IAM | EXT | CMP | UNSAID),
    // Its ARN is not known.
    row("route53globalresolver:dns-view", "", IAM | EXT | CMP),
    row("route53profiles:Profile", "profile/", IAM | EXT | CMP),
    row("route53resolver:FirewallRuleGroup", "firewall-rule-group/", IAM | EXT),
    row("route53resolver:ResolverQueryLogConfig", "resolver-query-log-config/", IAM | EXT | CMP),
    row("route53resolver:ResolverRule", "resolver-rule/", EXT),
    row("s3-outposts:Outpost", "outpost/", CMP),
    row("s3:AccessGrants", "access-grants/", IAM | EXT | CMP | SP),
    row("sagemaker:FeatureGroup", "feature-group/", IAM | EXT | CMP),
    row("sagemaker:Hub", "hub/", IAM | EXT | CMP),
    row("sagemaker:LineageGroup", "lineage-group/", IAM | EXT),
    row("sagemaker:model-package-group", "model-package-group/", IAM | EXT | CMP),
    row("sagemaker:ModelCard", "model-card/", IAM | EXT),
    row("sagemaker:PartnerApp", "partner-app/", IAM | EXT),
    row("sagemaker:Pipeline", "pipeline/", IAM | EXT | CMP),
    // The source: no roles; the older page: all of sagemaker takes them. [X]
    row("sagemaker:SagemakerCatalog", "sagemaker-catalog/", IAM | EXT | CMP),
    row("servicecatalog:Applications", "/applications/", CMP),
    row("servicecatalog:AttributeGroups", "/attribute-groups/", CMP),
    row("servicediscovery:Namespace", "namespace/", IAM | CMP),
    row("sms-voice:OptOutList", "opt-out-list/", EXT | CMP),
    row("sms-voice:PhoneNumber", "phone-number/", EXT | CMP | SP),
    row("sms-voice:Pool", "pool/", EXT | CMP | SP),
    row("sms-voice:SenderId", "sender-id/", EXT | CMP | SP),
    row("ssm-contacts:Contact", "contact/", IAM | EXT | CMP),
    row("ssm-incidents:ResponsePlan", "response-plan/", IAM | EXT | CMP | UNSAID),
    row("ssm:Document", "document/", IAM | EXT | CMP),
    row("ssm:Parameter", "parameter/", IAM | EXT | CMP),
    row("vpc-lattice:ResourceConfiguration", "resourceconfiguration/", EXT | CMP),
    row("vpc-lattice:Service", "service/", EXT | CMP),
    row("vpc-lattice:ServiceNetwork", "servicenetwork/", EXT | CMP),
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// An ARN of a resource of a type that ARNs tell.
    fn sample(of: &ResourceType) -> Option<Arn> {
        let service = of.name.split(':').next().unwrap();
        let region = if of.scope == Scope::Regional { "eu-west-1" } else { "" };
        let id = if of.pattern.ends_with(['/', ':']) { "some-id/and:more" } else { "" };
        let text = format!("arn:aws:{service}:{region}:111122223333:{}{id}", of.pattern);
        (!of.pattern.is_empty()).then(|| text.parse().unwrap())
    }

    #[test]
    fn each_pattern_tells_its_own_type_and_no_other() {
        for of in all() {
            let Some(arn) = sample(of) else { continue };
            let fitting: Vec<&str> = all().filter(|t| t.fits(&arn)).map(|t| t.name).collect();
            assert_eq!(fitting, [of.name], "{arn}");
            assert!(!ResourceType::may_be(of.name, &arn) && ResourceType::is_told(of.name));
        }
    }

    #[test]
    fn one_type_tells_no_arn_and_each_name_is_one_types_alone() {
        let untold: Vec<&str> = TYPES.iter().filter(|t| sample(t).is_none()).map(|t| t.name).collect();
        assert_eq!(untold, ["route53globalresolver:dns-view"]);
        for of in all() {
            let older = OLDER_NAMES.iter().filter(|(newer, _)| *newer == of.name).map(|(_, older)| *older);
            for name in older.chain([of.name]) {
                for spelling in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
                    let called: Vec<&str> =
                        all().filter(|t| t.is_called(&spelling)).map(|t| t.name).collect();
                    assert_eq!(called, [of.name], "{spelling}");
                }
            }
        }
        let named = |name: &&str| TYPES.iter().any(|t| t.name == *name);
        assert!(OLDER_NAMES.iter().all(|(newer, older)| named(newer) && !named(older)));
    }

    #[test]
    fn an_arn_tells_its_type() {
        let table = [
            ("arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-1", Some("ec2:TransitGateway")),
            (
                "arn:aws:ec2:eu-west-1:111122223333:transit-gateway-multicast-domain/d-1",
                Some("ec2:TransitGatewayMulticastDomain"),
            ),
            ("arn:aws:rds:eu-west-1:111122223333:cluster:db", Some("rds:Cluster")),
            ("arn:aws:networkmanager::111122223333:core-network/cn-1", Some("networkmanager:CoreNetwork")),
            (
                "arn:aws:sagemaker:eu-west-1:111122223333:model-package-group/m",
                Some("sagemaker:model-package-group"),
            ),
            ("arn:aws:glue:eu-west-1:111122223333:catalog", Some("glue:Catalog")),
            (
                "arn:aws:codestar-connections:eu-west-1:111122223333:connection/c-1",
                Some("codeconnections:Connection"),
            ),
            ("arn:aws:ec2:eu-west-1:111122223333:instance/i-1", None),
            // A service of a like name, a kind of a like name, and a kind without a resource.
            ("arn:aws:outposts:eu-west-1:111122223333:outpost/op-1", Some("outposts:Outpost")),
            ("arn:aws:s3-outposts:eu-west-1:111122223333:outpost/op-1", Some("s3-outposts:Outpost")),
            ("arn:aws:s3:eu-west-1:111122223333:outpost/op-1", None),
            ("arn:aws:glue:eu-west-1:111122223333:catalog/nested", Some("glue:Catalog")),
            ("arn:aws:glue:eu-west-1:111122223333:catalogue", None),
            ("arn:aws:ec2:eu-west-1:111122223333:subnet/", None),
        ];
        for (arn, expected) in table {
            assert_eq!(ResourceType::of(&arn.parse().unwrap()).map(|t| t.name), expected, "{arn}");
        }
    }

    #[test]
    fn a_name_may_be_that_of_an_arn_of_its_service_if_no_other_arn_tells_it() {
        let table = [
            ("ec2:Instance", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", true),
            ("EC2:instance", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", true),
            ("ec2:Subnet", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", false),
            ("EC2:SUBNET", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", false),
            ("rds:Instance", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", false),
            ("ec2", "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", false),
            ("servicecatalog:Application", "arn:aws:servicecatalog:eu-west-1:111122223333:thing/t", false),
            (
                "route53globalresolver:dns-view",
                "arn:aws:route53globalresolver::111122223333:dns-view/d-1",
                true,
            ),
        ];
        for (name, arn, expected) in table {
            assert_eq!(ResourceType::may_be(name, &arn.parse().unwrap()), expected, "{name} {arn}");
        }
    }

    /// What both pages of AWS's say is refused early; where they differ, or nothing is said for certain, AWS decides.
    #[test]
    fn only_what_no_source_takes_is_refused() {
        let is = |name: &str| ResourceType::named(name).unwrap();
        let org_only = ["ec2:Subnet", "ec2:CoipPool", "outposts:Outpost", "servicecatalog:Application"];
        assert!(org_only.iter().all(|name| !is(name).external && !is(name).iam));
        let view = is("resource-explorer-2:View");
        assert!(view.external && view.iam && is("sagemaker:SagemakerCatalog").iam);
        let by_scope = TYPES.iter().fold(BTreeMap::<Scope, BTreeSet<&str>>::new(), |mut scopes, t| {
            scopes.entry(t.scope).or_default().insert(t.name);
            scopes
        });
        let unsaid = [
            "ec2:IpamPool",
            "ec2:IpamResourceDiscovery",
            "route53-recovery-control:Cluster",
            "ssm-incidents:ResponsePlan",
        ];
        assert_eq!(by_scope[&Scope::Unsaid], BTreeSet::from(unsaid));
        assert!(by_scope[&Scope::Global].contains("networkmanager:CoreNetwork"));
    }
}
