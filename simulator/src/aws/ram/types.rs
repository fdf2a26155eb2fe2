//! The shareable resource types as data: what an ARN looks like and with whom the type may be shared.
//!
//! From mechanisms.md section 4 (the RAM user guide's page of 2025-26); where the older lists of ram.md section 3.1
//! differ, the newer page counts.

const PLAIN: u8 = 0;
/// The ARN has no region; shared in us-east-1 only.
const GLOBAL: u8 = 1;
/// IAM roles and users may be principals.
const IAM: u8 = 2;
/// Accounts outside the organization may be principals.
const OUTSIDE: u8 = 4;
/// Customer managed permissions exist.
const CUSTOM: u8 = 8;
/// Service principals may be principals.
const SERVICE: u8 = 16;
/// Invitations last seven days instead of twelve hours; consumers can leave (ram.md sections 2.3 and 3 \[D]).
const WEEK: u8 = 32;

/// A shareable resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// Type code, such as `ec2:Subnet`.
    pub code: &'static str,
    /// Service in the ARN.
    pub service: &'static str,
    /// How the ARN's resource part begins.
    pub prefix: &'static str,
    flags: u8,
}

impl ResourceType {
    /// ARNs without a region, shared in us-east-1 only.
    pub fn is_global(self) -> bool {
        self.flags & GLOBAL != 0
    }

    /// IAM roles and users may be principals.
    pub fn takes_iam(self) -> bool {
        self.flags & IAM != 0
    }

    /// May leave the organization.
    pub fn goes_outside(self) -> bool {
        self.flags & OUTSIDE != 0
    }

    /// Customer managed permissions exist for it.
    pub fn takes_customer_permissions(self) -> bool {
        self.flags & CUSTOM != 0
    }

    /// Service principals may be principals.
    pub fn takes_services(self) -> bool {
        self.flags & SERVICE != 0
    }

    /// Invitations to shares of only such types last seven days.
    pub fn invites_for_a_week(self) -> bool {
        self.flags & WEEK != 0
    }

    /// Name of the type's AWS managed default permission.
    pub fn default_permission(self) -> String {
        let name = self.code.split_once(':').map_or(self.code, |(_, name)| name);
        let name = match self.code {
            "rds:Cluster" => "RDSCluster".to_owned(),
            "codebuild:Project" | "codebuild:ReportGroup" => format!("CodeBuild{name}"),
            "glue:Catalog" | "glue:Database" | "glue:Table" => format!("Glue{name}"),
            "s3-outposts:Outpost" => "S3Outpost".to_owned(),
            code if code.starts_with("sagemaker:") => {
                let camel: String = name.split('-').map(capital).collect();
                format!("SageMaker{}", camel.trim_start_matches("Sagemaker"))
            }
            _ => name.split('-').map(capital).collect(),
        };
        format!("AWSRAMDefaultPermission{name}")
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// All types, in order of code.
pub fn all() -> impl Iterator<Item = ResourceType> {
    TYPES.iter().map(|&(code, service, prefix, flags)| ResourceType { code, service, prefix, flags })
}

/// The type of that code; upper and lower case are one.
pub fn by_code(code: &str) -> Option<ResourceType> {
    all().find(|found| found.code.eq_ignore_ascii_case(code))
}

/// A resource's ARN, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceArn<'a> {
    /// Region field; may be empty.
    pub region: &'a str,
    /// Account field.
    pub account: &'a str,
    service: &'a str,
    tail: &'a str,
}

impl<'a> ResourceArn<'a> {
    /// `None` for text that is no ARN.
    pub fn read(arn: &'a str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, tail) = (parts.next()?, parts.next()?, parts.next()?);
        let fits = scheme == "arn" && partition.starts_with("aws") && !service.is_empty() && !tail.is_empty();
        fits.then_some(Self { region, account, service, tail })
    }

    /// The shareable type it belongs to.
    pub fn resource_type(&self) -> Option<ResourceType> {
        all().find(|found| found.service == self.service && self.tail.starts_with(found.prefix))
    }
}

/// Code, ARN service, beginning of the ARN's resource part, flags.
#[rustfmt::skip]
const TYPES: &[(&str, &str, &str, u8)] = &[
    ("acm-pca:CertificateAuthority", "acm-pca", "certificate-authority/", IAM | OUTSIDE | CUSTOM | SERVICE),
    ("apigateway:Domainnames", "apigateway", "/domainnames/", OUTSIDE),
    ("appmesh:Mesh", "appmesh", "mesh/", IAM | OUTSIDE),
    ("appsync:Apis", "appsync", "apis/", IAM | OUTSIDE | CUSTOM),
    ("arc-region-switch:Plan", "arc-region-switch", "plan/", GLOBAL | IAM | OUTSIDE | CUSTOM),
    ("aws-marketplace:Entity", "aws-marketplace", "AWSMarketplace/", IAM | OUTSIDE),
    ("backup:BackupVault", "backup", "backup-vault:", IAM | OUTSIDE | CUSTOM),
    ("bcm-dashboards:dashboard", "bcm-dashboards", "dashboard/", GLOBAL | OUTSIDE | CUSTOM),
    ("bedrock:CustomModel", "bedrock", "custom-model/", IAM | CUSTOM),
    ("billing:billingview", "billing", "billingview/", GLOBAL | CUSTOM),
    ("cloudfront:VpcOrigin", "cloudfront", "vpcorigin/", GLOBAL | OUTSIDE),
    ("cloudhsm:Backup", "cloudhsm", "backup/", IAM | OUTSIDE | CUSTOM),
    ("codebuild:Project", "codebuild", "project/", IAM | OUTSIDE | CUSTOM),
    ("codebuild:ReportGroup", "codebuild", "report-group/", IAM | OUTSIDE | CUSTOM),
    ("codeconnections:Connection", "codeconnections", "connection/", OUTSIDE | CUSTOM),
    ("datazone:Domain", "datazone", "domain/", OUTSIDE),
    ("ec2:CapacityReservation", "ec2", "capacity-reservation/", OUTSIDE | WEEK),
    ("ec2:CoipPool", "ec2", "coip-pool/", WEEK),
    ("ec2:DedicatedHost", "ec2", "dedicated-host/", OUTSIDE | WEEK),
    ("ec2:IpamPool", "ec2", "ipam-pool/", IAM | OUTSIDE | CUSTOM),
    ("ec2:IpamResourceDiscovery", "ec2", "ipam-resource-discovery/", OUTSIDE),
    ("ec2:LocalGatewayRouteTable", "ec2", "local-gateway-route-table/", WEEK),
    ("ec2:PlacementGroup", "ec2", "placement-group/", IAM | OUTSIDE),
    ("ec2:PrefixList", "ec2", "prefix-list/", OUTSIDE | WEEK),
    ("ec2:SecurityGroup", "ec2", "security-group/", IAM | CUSTOM),
    ("ec2:Subnet", "ec2", "subnet/", WEEK),
    ("ec2:TrafficMirrorTarget", "ec2", "traffic-mirror-target/", OUTSIDE | WEEK),
    ("ec2:TransitGateway", "ec2", "transit-gateway/", OUTSIDE | WEEK),
    ("ec2:TransitGatewayMulticastDomain", "ec2", "transit-gateway-multicast-domain/", OUTSIDE | WEEK),
    ("ec2:VerifiedAccessGroup", "ec2", "verified-access-group/", IAM | OUTSIDE),
    ("elasticloadbalancing:TrustStore", "elasticloadbalancing", "truststore/", IAM | OUTSIDE),
    ("fsx:Volume", "fsx", "volume/", IAM | OUTSIDE | CUSTOM),
    ("glue:Catalog", "glue", "catalog", OUTSIDE),
    ("glue:Database", "glue", "database/", OUTSIDE),
    ("glue:Table", "glue", "table/", OUTSIDE),
    ("imagebuilder:Component", "imagebuilder", "component/", IAM | OUTSIDE | CUSTOM),
    ("imagebuilder:ContainerRecipe", "imagebuilder", "container-recipe/", IAM | OUTSIDE | CUSTOM),
    ("imagebuilder:Image", "imagebuilder", "image/", IAM | OUTSIDE | CUSTOM),
    ("imagebuilder:ImageRecipe", "imagebuilder", "image-recipe/", IAM | OUTSIDE | CUSTOM),
    ("license-manager:LicenseConfiguration", "license-manager", "license-configuration:", OUTSIDE | WEEK),
    ("mpa:ApprovalTeam", "mpa", "approval-team/", IAM | OUTSIDE | CUSTOM),
    ("network-firewall:Firewall", "network-firewall", "firewall/", IAM | OUTSIDE),
    ("network-firewall:FirewallPolicy", "network-firewall", "firewall-policy/", IAM | OUTSIDE),
    ("network-firewall:StatefulRuleGroup", "network-firewall", "stateful-rulegroup/", IAM | OUTSIDE),
    ("network-firewall:StatelessRuleGroup", "network-firewall", "stateless-rulegroup/", IAM | OUTSIDE),
    ("networkmanager:CoreNetwork", "networkmanager", "core-network/", GLOBAL | IAM | OUTSIDE),
    ("odb:CloudExadataInfrastructure", "odb", "cloud-exadata-infrastructure/", PLAIN),
    ("odb:OdbNetwork", "odb", "odb-network/", PLAIN),
    ("outposts:Outpost", "outposts", "outpost/", CUSTOM | WEEK),
    ("outposts:Site", "outposts", "site/", OUTSIDE | WEEK),
    ("rds:Cluster", "rds", "cluster:", OUTSIDE | WEEK),
    ("refactor-spaces:Environment", "refactor-spaces", "environment/", IAM | OUTSIDE | CUSTOM),
    ("resource-explorer-2:View", "resource-explorer-2", "view/", PLAIN),
    ("resource-groups:Group", "resource-groups", "group/", OUTSIDE),
    ("route53-recovery-control:Cluster", "route53-recovery-control", "cluster/", GLOBAL | IAM | OUTSIDE | CUSTOM),
    ("route53globalresolver:dns-view", "route53globalresolver", "dns-view/", IAM | OUTSIDE | CUSTOM),
    ("route53profiles:Profile", "route53profiles", "profile/", IAM | OUTSIDE | CUSTOM),
    ("route53resolver:FirewallRuleGroup", "route53resolver", "firewall-rule-group/", IAM | OUTSIDE),
    ("route53resolver:ResolverQueryLogConfig", "route53resolver", "resolver-query-log-config/", IAM | OUTSIDE | CUSTOM),
    ("route53resolver:ResolverRule", "route53resolver", "resolver-rule/", OUTSIDE | WEEK),
    ("s3-outposts:Outpost", "s3-outposts", "outpost/", CUSTOM | WEEK),
    ("s3:AccessGrants", "s3", "access-grants/", IAM | OUTSIDE | CUSTOM | SERVICE),
    ("sagemaker:FeatureGroup", "sagemaker", "feature-group/", IAM | OUTSIDE | CUSTOM),
    ("sagemaker:Hub", "sagemaker", "hub/", IAM | OUTSIDE | CUSTOM),
    ("sagemaker:LineageGroup", "sagemaker", "lineage-group/", IAM | OUTSIDE),
    ("sagemaker:model-package-group", "sagemaker", "model-package-group/", IAM | OUTSIDE | CUSTOM),
    ("sagemaker:ModelCard", "sagemaker", "model-card/", IAM | OUTSIDE),
    ("sagemaker:PartnerApp", "sagemaker", "partner-app/", IAM | OUTSIDE),
    ("sagemaker:Pipeline", "sagemaker", "pipeline/", IAM | OUTSIDE | CUSTOM),
    ("sagemaker:SagemakerCatalog", "sagemaker", "sagemaker-catalog/", OUTSIDE | CUSTOM),
    ("servicecatalog:Applications", "servicecatalog", "/applications/", CUSTOM),
    ("servicecatalog:AttributeGroups", "servicecatalog", "/attribute-groups/", CUSTOM),
    ("servicediscovery:Namespace", "servicediscovery", "namespace/", IAM | CUSTOM),
    ("sms-voice:OptOutList", "sms-voice", "opt-out-list/", OUTSIDE | CUSTOM),
    ("sms-voice:PhoneNumber", "sms-voice", "phone-number/", OUTSIDE | CUSTOM | SERVICE),
    ("sms-voice:Pool", "sms-voice", "pool/", OUTSIDE | CUSTOM | SERVICE),
    ("sms-voice:SenderId", "sms-voice", "sender-id/", OUTSIDE | CUSTOM | SERVICE),
    ("ssm-contacts:Contact", "ssm-contacts", "contact/", IAM | OUTSIDE | CUSTOM),
    ("ssm-incidents:ResponsePlan", "ssm-incidents", "response-plan/", GLOBAL | IAM | OUTSIDE | CUSTOM),
    ("ssm:Document", "ssm", "document/", IAM | OUTSIDE | CUSTOM),
    ("ssm:Parameter", "ssm", "parameter/", IAM | OUTSIDE | CUSTOM),
    ("vpc-lattice:ResourceConfiguration", "vpc-lattice", "resourceconfiguration/", OUTSIDE | CUSTOM),
    ("vpc-lattice:Service", "vpc-lattice", "service/", OUTSIDE | CUSTOM),
    ("vpc-lattice:ServiceNetwork", "vpc-lattice", "servicenetwork/", OUTSIDE | CUSTOM),
];
