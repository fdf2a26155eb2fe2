//! The resource types that RAM shares, as data: how an ARN tells its type, and what a type allows.
//!
//! Source: the page "Shareable AWS resources" of 2025-26 (mechanisms.md §4); ARN forms without a model pattern are
//! assumptions \[X\]. The list grows with AWS: a type that is not here is refused with its reason, never guessed.

use std::fmt;

use super::Arn;

/// What RAM says of one resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "one column of the source's table each")]
pub struct ResourceType {
    /// RAM's name: `ec2:TransitGateway`.
    pub name: &'static str,
    /// The ARN's service field.
    service: &'static str,
    /// How the ARN's resource field begins.
    prefix: &'static str,
    /// Roles and users can be principals.
    pub iam: bool,
    /// Accounts outside the organization can be principals.
    pub external: bool,
    /// Service principals can be principals.
    pub service_principals: bool,
    /// A global resource: a blank region in its ARN, shared from [`super::Region::GLOBAL_HOME`] only.
    pub global: bool,
}

impl ResourceType {
    /// The type of the resource that an ARN names; none where this version knows no such type.
    pub fn of(arn: &Arn) -> Option<Self> {
        let candidates =
            TYPES.iter().filter(|t| t.service == arn.service() && arn.resource().starts_with(t.prefix));
        candidates.max_by_key(|t| t.prefix.len()).copied()
    }

    /// The type with RAM's name, compared without case, as the API does (mechanisms.md §4).
    pub fn named(name: &str) -> Option<Self> {
        TYPES.iter().find(|t| t.name.eq_ignore_ascii_case(name)).copied()
    }

    /// All types, in RAM's order of services.
    pub fn all() -> &'static [Self] {
        TYPES
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Flags, in the order of the source's columns.
const IAM: u8 = 1;
const EXT: u8 = 2;
const SP: u8 = 4;
const GLOBAL: u8 = 8;

const fn row(name: &'static str, service: &'static str, prefix: &'static str, flags: u8) -> ResourceType {
    ResourceType {
        name,
        service,
        prefix,
        iam: flags & IAM != 0,
        external: flags & EXT != 0,
        service_principals: flags & SP != 0,
        global: flags & GLOBAL != 0,
    }
}

const TYPES: &[ResourceType] = &[
    row("acm-pca:CertificateAuthority", "acm-pca", "certificate-authority/", IAM | EXT | SP),
    row("apigateway:Domainnames", "apigateway", "/domainnames/", EXT),
    row("appmesh:Mesh", "appmesh", "mesh/", IAM | EXT),
    row("appsync:Apis", "appsync", "apis/", IAM | EXT),
    row("arc-region-switch:Plan", "arc-region-switch", "plan/", IAM | EXT | GLOBAL),
    row("aws-marketplace:Entity", "aws-marketplace", "AWSMarketplace/", IAM | EXT),
    row("backup:BackupVault", "backup", "backup-vault:", IAM | EXT),
    row("bcm-dashboards:dashboard", "bcm-dashboards", "dashboard/", EXT | GLOBAL),
    row("bedrock:CustomModel", "bedrock", "custom-model/", IAM),
    row("billing:billingview", "billing", "billingview/", GLOBAL),
    row("cloudfront:VpcOrigin", "cloudfront", "vpcorigin/", EXT | GLOBAL),
    row("cloudhsm:Backup", "cloudhsm", "backup/", IAM | EXT),
    row("codebuild:Project", "codebuild", "project/", IAM | EXT),
    row("codebuild:ReportGroup", "codebuild", "report-group/", IAM | EXT),
    row("codeconnections:Connection", "codeconnections", "connection/", EXT),
    row("datazone:Domain", "datazone", "domain/", EXT),
    row("ec2:CapacityReservation", "ec2", "capacity-reservation/", EXT),
    row("ec2:CoipPool", "ec2", "coip-pool/", 0),
    row("ec2:DedicatedHost", "ec2", "dedicated-host/", EXT),
    row("ec2:IpamPool", "ec2", "ipam-pool/", IAM | EXT),
    row("ec2:IpamResourceDiscovery", "ec2", "ipam-resource-discovery/", EXT),
    row("ec2:LocalGatewayRouteTable", "ec2", "local-gateway-route-table/", 0),
    row("ec2:PlacementGroup", "ec2", "placement-group/", IAM | EXT),
    row("ec2:PrefixList", "ec2", "prefix-list/", EXT),
    row("ec2:SecurityGroup", "ec2", "security-group/", IAM),
    row("ec2:Subnet", "ec2", "subnet/", 0),
    row("ec2:TrafficMirrorTarget", "ec2", "traffic-mirror-target/", EXT),
    row("ec2:TransitGateway", "ec2", "transit-gateway/", EXT),
    row("ec2:TransitGatewayMulticastDomain", "ec2", "transit-gateway-multicast-domain/", EXT),
    row("ec2:VerifiedAccessGroup", "ec2", "verified-access-group/", IAM | EXT),
    row("elasticloadbalancing:TrustStore", "elasticloadbalancing", "truststore/", IAM | EXT),
    row("fsx:Volume", "fsx", "volume/", IAM | EXT),
    row("glue:Catalog", "glue", "catalog", EXT),
    row("glue:Database", "glue", "database/", EXT),
    row("glue:Table", "glue", "table/", EXT),
    row("imagebuilder:Component", "imagebuilder", "component/", IAM | EXT),
    row("imagebuilder:ContainerRecipe", "imagebuilder", "container-recipe/", IAM | EXT),
    row("imagebuilder:Image", "imagebuilder", "image/", IAM | EXT),
    row("imagebuilder:ImageRecipe", "imagebuilder", "image-recipe/", IAM | EXT),
    row("license-manager:LicenseConfiguration", "license-manager", "license-configuration:", EXT),
    row("mpa:ApprovalTeam", "mpa", "approval-team/", IAM | EXT),
    row("network-firewall:Firewall", "network-firewall", "firewall/", IAM | EXT),
    row("network-firewall:FirewallPolicy", "network-firewall", "firewall-policy/", IAM | EXT),
    row("network-firewall:StatefulRuleGroup", "network-firewall", "stateful-rulegroup/", IAM | EXT),
    row("network-firewall:StatelessRuleGroup", "network-firewall", "stateless-rulegroup/", IAM | EXT),
    row("networkmanager:CoreNetwork", "networkmanager", "core-network/", IAM | EXT | GLOBAL),
    row("odb:CloudExadataInfrastructure", "odb", "cloud-exadata-infrastructure/", 0),
    row("odb:OdbNetwork", "odb", "odb-network/", 0),
    row("outposts:Outpost", "outposts", "outpost/", 0),
    row("outposts:Site", "outposts", "site/", EXT),
    row("rds:Cluster", "rds", "cluster:", EXT),
    row("refactor-spaces:Environment", "refactor-spaces", "environment/", IAM | EXT),
    row("resource-explorer-2:View", "resource-explorer-2", "view/", 0),
    row("resource-groups:Group", "resource-groups", "group/", EXT),
    row("route53-recovery-control:Cluster", "route53-recovery-control", "cluster/", IAM | EXT | GLOBAL),
    row("route53profiles:Profile", "route53profiles", "profile/", IAM | EXT),
    row("route53resolver:FirewallRuleGroup", "route53resolver", "firewall-rule-group/", IAM | EXT),
    row("route53resolver:ResolverQueryLogConfig", "route53resolver", "resolver-query-log-config/", IAM | EXT),
    row("route53resolver:ResolverRule", "route53resolver", "resolver-rule/", EXT),
    row("s3-outposts:Outpost", "s3-outposts", "outpost/", 0),
    row("s3:AccessGrants", "s3", "access-grants/", IAM | EXT | SP),
    row("sagemaker:FeatureGroup", "sagemaker", "feature-group/", IAM | EXT),
    row("sagemaker:Hub", "sagemaker", "hub/", IAM | EXT),
    row("sagemaker:LineageGroup", "sagemaker", "lineage-group/", IAM | EXT),
    row("sagemaker:ModelCard", "sagemaker", "model-card/", IAM | EXT),
    row("sagemaker:model-package-group", "sagemaker", "model-package-group/", IAM | EXT),
    row("sagemaker:PartnerApp", "sagemaker", "partner-app/", IAM | EXT),
    row("sagemaker:Pipeline", "sagemaker", "pipeline/", IAM | EXT),
    row("sagemaker:SagemakerCatalog", "sagemaker", "sagemaker-catalog/", EXT),
    row("servicecatalog:Applications", "servicecatalog", "/applications/", 0),
    row("servicecatalog:AttributeGroups", "servicecatalog", "/attribute-groups/", 0),
    row("servicediscovery:Namespace", "servicediscovery", "namespace/", IAM),
    row("sms-voice:OptOutList", "sms-voice", "opt-out-list/", EXT),
    row("sms-voice:PhoneNumber", "sms-voice", "phone-number/", EXT | SP),
    row("sms-voice:Pool", "sms-voice", "pool/", EXT | SP),
    row("sms-voice:SenderId", "sms-voice", "sender-id/", EXT | SP),
    row("ssm-contacts:Contact", "ssm-contacts", "contact/", IAM | EXT),
    row("ssm-incidents:ResponsePlan", "ssm-incidents", "response-plan/", IAM | EXT),
    row("ssm:Document", "ssm", "document/", IAM | EXT),
    row("ssm:Parameter", "ssm", "parameter/", IAM | EXT),
    row("vpc-lattice:ResourceConfiguration", "vpc-lattice", "resourceconfiguration/", EXT),
    row("vpc-lattice:Service", "vpc-lattice", "service/", EXT),
    row("vpc-lattice:ServiceNetwork", "vpc-lattice", "servicenetwork/", EXT),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_tells_its_type() {
        let table = [
            ("arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-1", Some("ec2:TransitGateway")),
            (
                "arn:aws:ec2:eu-west-1:111122223333:transit-gateway-multicast-domain/d-1",
                Some("ec2:TransitGatewayMulticastDomain"),
            ),
            ("arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-1", Some("ec2:Subnet")),
            ("arn:aws:rds:eu-west-1:111122223333:cluster:db", Some("rds:Cluster")),
            ("arn:aws:networkmanager::111122223333:core-network/cn-1", Some("networkmanager:CoreNetwork")),
            (
                "arn:aws:sagemaker:eu-west-1:111122223333:model-package-group/m",
                Some("sagemaker:model-package-group"),
            ),
            ("arn:aws:ec2:eu-west-1:111122223333:instance/i-1", None),
        ];
        for (arn, expected) in table {
            assert_eq!(ResourceType::of(&arn.parse().unwrap()).map(|t| t.name), expected, "{arn}");
        }
    }

    #[test]
    fn names_are_unique_and_found_without_case() {
        let names: std::collections::BTreeSet<String> = TYPES.iter().map(|t| t.name.to_lowercase()).collect();
        assert_eq!(names.len(), TYPES.len());
        assert_eq!(ResourceType::named("EC2:subnet").map(|t| t.name), Some("ec2:Subnet"));
    }

    #[test]
    fn org_only_types_are_those_of_the_source() {
        let org_only: Vec<&str> = TYPES.iter().filter(|t| !t.external).map(|t| t.name).collect();
        for name in
            ["ec2:Subnet", "ec2:CoipPool", "ec2:SecurityGroup", "resource-explorer-2:View", "odb:OdbNetwork"]
        {
            assert!(org_only.contains(&name), "{name}");
        }
        assert_eq!(org_only.len(), 14);
    }
}
