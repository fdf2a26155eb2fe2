//! Which of the AWS objects that hold a Share's grants.

use std::fmt;

use super::{Arn, Mechanism, ObjectKind, ShareKey, Side};

/// One of a Share's containers: one of its two RAM shares, or what it grants by itself on one object.
///
/// A RAM share is the Share's alone. An object's own policy or attribute is there anyway and may hold grants of several
/// Shares and of nobody; the Share's container is then its part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The RAM share for principals inside the organization.
    Inner,
    /// The RAM share for declared principals outside it.
    Outer,
    /// What is granted on this object, be it inside or outside.
    Object(Arn),
}

impl Slot {
    /// Both RAM shares.
    pub const RAM: [Self; 2] = [Self::Inner, Self::Outer];

    /// The slot of a resource that is shared by itself; none where RAM shares it, or perhaps does.
    pub fn of(resource: &Arn) -> Option<Self> {
        ObjectKind::of(resource).map(|_| Self::Object(resource.clone()))
    }

    /// Reads a slot as it is displayed.
    pub fn parse(text: &str) -> Option<Self> {
        let object = || Self::of(&text.parse().ok()?);
        Side::parse(text).map(Self::from).or_else(object)
    }

    /// Which RAM share, if it is one.
    pub fn side(&self) -> Option<Side> {
        match self {
            Self::Inner => Some(Side::Inner),
            Self::Outer => Some(Side::Outer),
            Self::Object(_) => None,
        }
    }

    /// The object, if it is one.
    pub fn object(&self) -> Option<&Arn> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// What a Share grants there; none for a RAM share, which is the Share's alone.
    pub fn part(&self, installation: &str, share: &ShareKey) -> Option<Part> {
        let object = self.object()?.clone();
        Some(Part { object, installation: installation.to_owned(), share: share.clone() })
    }

    /// How it is shared.
    pub fn mechanism(&self) -> Mechanism {
        self.object().and_then(ObjectKind::of).map_or(Mechanism::Ram, ObjectKind::mechanism)
    }
}

impl From<Side> for Slot {
    fn from(side: Side) -> Self {
        match side {
            Side::Inner => Self::Inner,
            Side::Outer => Self::Outer,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner => f.write_str(Side::Inner.as_str()),
            Self::Outer => f.write_str(Side::Outer.as_str()),
            Self::Object(arn) => arn.fmt(f),
        }
    }
}

/// What one Share of one installation grants on one object.
///
/// Displayed as the object's ARN with a fragment, which no ARN of AWS's has: `arn:…:key/k-1#us/network-team/hub`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// The object.
    pub object: Arn,
    /// Whose Share.
    pub installation: String,
    /// The Share.
    pub share: ShareKey,
}

impl Part {
    /// Its name among containers; none if the object's ARN is too long for a name of parts of it.
    pub fn id(&self) -> Option<Arn> {
        self.to_string().parse().ok()
    }

    /// The part that a container's name means; none where it means a whole AWS object.
    pub fn parse(id: &Arn) -> Option<Self> {
        let (object, part) = id.as_str().split_once('#')?;
        let mut names = part.splitn(3, '/');
        let mut name = || names.next().filter(|name| !name.is_empty()).map(str::to_owned);
        let (installation, namespace, name) = (name()?, name()?, name()?);
        Some(Self { object: object.parse().ok()?, installation, share: ShareKey { namespace, name } })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}/{}/{}", self.object, self.installation, self.share.namespace, self.share.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn only_what_is_shared_by_itself_is_an_object() {
        let table = [
            (KEY, Some(Mechanism::Key)),
            ("arn:aws:kms:eu-west-1:111122223333:alias/data", None),
            (
                "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db/main-a1B2c3",
                Some(Mechanism::ResourcePolicy),
            ),
            ("arn:aws:ecr:eu-west-1:111122223333:repository/team/app", Some(Mechanism::ResourcePolicy)),
            ("arn:aws:sqs:eu-west-1:111122223333:orders.fifo", Some(Mechanism::ResourcePolicy)),
            ("arn:aws:sqs:eu-west-1:111122223333:orders/x", None),
            ("arn:aws:sns:eu-west-1:111122223333:alerts", Some(Mechanism::ResourcePolicy)),
            // A subscription.
            ("arn:aws:sns:eu-west-1:111122223333:alerts:8a21d249-4329-4871-acc6-7be709c6ea7f", None),
            ("arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-1", None),
            ("arn:aws:ec2:eu-west-1:111122223333:instance/i-1", None),
        ];
        for (arn, mechanism) in table {
            let slot = Slot::of(&arn.parse().unwrap());
            assert_eq!(slot.as_ref().map(Slot::mechanism), mechanism, "{arn}");
            assert_eq!(Slot::parse(arn), slot);
        }
        assert_eq!(Slot::RAM.map(|slot| Slot::parse(&slot.to_string())), Slot::RAM.map(Some));
    }

    #[test]
    fn a_part_survives_its_name_and_a_whole_object_is_none() {
        let share = ShareKey { namespace: "network-team".into(), name: "hub".into() };
        let part = Part { object: KEY.parse().unwrap(), installation: "us".into(), share };
        assert_eq!(Part::parse(&part.id().unwrap()), Some(part));
        for whole in [KEY.to_owned(), format!("{KEY}#us/hub"), format!("{KEY}#us//hub")] {
            assert_eq!(Part::parse(&whole.parse().unwrap()), None, "{whole}");
        }
    }
}
