//! The resource types that this version knows, held against those that RAM lists. Pure.

use std::collections::BTreeSet;

use crate::model::{ResourceType, resource_type::Scope};

/// A resource type as RAM lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Whether RAM shares it from one region only; none where RAM does not say.
    pub global: Option<bool>,
}

/// Where RAM and this version differ. Nothing is refused for it: AWS's page lags behind RAM, and this version behind both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// What RAM lists and this version does not know, in RAM's words.
    pub unknown: BTreeSet<String>,
    /// What this version knows and RAM does not list, perhaps only where it was asked \[X\].
    pub unlisted: BTreeSet<&'static str>,
    /// What RAM shares from one region only and this version from each, or the reverse.
    pub scoped_otherwise: BTreeSet<&'static str>,
}

/// What differs between the types that RAM lists and those of this version.
pub fn compare(listed: &[Listed]) -> Differences {
    let unknown = listed.iter().filter(|l| ResourceType::named(&l.name).is_none());
    let of = |known: &ResourceType| listed.iter().find(|l| known.is_called(&l.name));
    let unlisted = ResourceType::of_ram().iter().filter(|known| of(known).is_none());
    let otherwise = ResourceType::of_ram().iter().filter(|known| {
        let global = of(known).and_then(|l| l.global);
        global.is_some_and(|global| match known.scope {
            Scope::Regional => global,
            Scope::Global => !global,
            Scope::Unsaid => false,
        })
    });
    Differences {
        unknown: unknown.map(|l| l.name.clone()).collect(),
        unlisted: unlisted.map(|known| known.name).collect(),
        scoped_otherwise: otherwise.map(|known| known.name).collect(),
    }
}

/// The names among `named` that neither this version nor RAM knows. `beside`: what RAM lists besides.
pub fn unheard_of<'a>(named: &'a [String], beside: &BTreeSet<String>) -> Vec<&'a str> {
    let heard_of = |name: &str| {
        ResourceType::named(name).is_some() || beside.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    named.iter().map(String::as_str).filter(|name| !heard_of(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What RAM would list if it knew what this version knows.
    fn all() -> Vec<Listed> {
        let one = |t: &ResourceType| Listed {
            name: t.name.to_owned(),
            global: (t.scope != Scope::Unsaid).then_some(t.scope == Scope::Global),
        };
        ResourceType::of_ram().iter().map(one).collect()
    }

    #[test]
    fn each_difference_is_told_by_name() {
        assert_eq!(compare(&all()), Differences::default());
        let mut listed = all();
        listed.retain(|l| l.name != "ec2:Subnet");
        listed.push(Listed { name: "ec2:Instance".into(), global: Some(false) });
        for l in &mut listed {
            match l.name.as_str() {
                // Spellings do not differ.
                "rds:Cluster" => l.name = "RDS:cluster".into(),
                "servicecatalog:Applications" => l.name = "servicecatalog:Application".into(),
                // Of the second of each pair the source does not say it either.
                "ec2:TransitGateway" | "ssm-incidents:ResponsePlan" => l.global = Some(true),
                "networkmanager:CoreNetwork" | "ec2:IpamPool" => l.global = Some(false),
                "cloudfront:VpcOrigin" => l.global = None,
                _ => {}
            }
        }
        let differences = Differences {
            unknown: BTreeSet::from(["ec2:Instance".to_owned()]),
            unlisted: BTreeSet::from(["ec2:Subnet"]),
            scoped_otherwise: BTreeSet::from(["ec2:TransitGateway", "networkmanager:CoreNetwork"]),
        };
        assert_eq!(compare(&listed), differences);
    }

    #[test]
    fn a_name_that_ram_lists_is_heard_of_whatever_its_case() {
        let named = ["EC2:subnet", "ec2:Instance", "ec2:Subnets"].map(str::to_owned);
        assert_eq!(unheard_of(&named, &BTreeSet::new()), ["ec2:Instance", "ec2:Subnets"]);
        assert_eq!(unheard_of(&named, &BTreeSet::from(["EC2:INSTANCE".to_owned()])), ["ec2:Subnets"]);
    }
}
