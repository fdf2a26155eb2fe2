//! The AWS objects that hold a Share's grants, as its status records them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Arn, Mechanism, ShareKey, Slot};

/// An AWS object that holds grants of a Share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShareContainer {
    /// The way of sharing: `ram`, or `key` for the policy of a KMS key.
    pub mechanism: String,
    /// Of a RAM share: `inner` never lets anybody outside the organization in; `outer` holds the outside targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// The ARN of the object. Of a RAM share unset until its creation was answered or it was found by its mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name in AWS.
    #[serde(default)]
    pub name: String,
    /// Which creation of this container this is, counted from 1. Written before the create is sent, as part
    /// of its client token; it moves on only when the former one is proven gone.
    #[serde(default)]
    pub incarnation: i64,
    /// Whether it exists, as far as is known.
    #[serde(default)]
    pub state: ContainerState,
    /// When its creation was sent. Until AWS is consistent, not being found proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_sent_at: Option<Time>,
    /// The keys of the Share's own tags that were written to it: what is no longer declared of them is removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 80))]
    pub tag_keys: Vec<String>,
    /// It existed before and is being taken over: until no difference is left, or the consent says `force`,
    /// nothing but the mark is written to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopting: bool,
    /// What was put into it last, written before AWS was asked to: AWS may list it late, and whoever takes over after a
    /// crash must know of it. An entry means nothing any more once it is seventy minutes old.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub widened: Vec<Widening>,
    /// What another version wrote and this one does not know: kept as it is.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

impl ShareContainer {
    /// The first entry of a container of which nothing is known.
    pub fn of(slot: &Slot) -> Self {
        Self {
            mechanism: slot.mechanism().to_string(),
            side: slot.side().map(Side::from),
            id: slot.object().map(ToString::to_string),
            name: String::new(),
            incarnation: 1,
            state: ContainerState::Unknown,
            create_sent_at: None,
            tag_keys: vec![],
            adopting: false,
            widened: vec![],
            unknown: BTreeMap::new(),
        }
    }

    /// Which of the Share's containers it is; none where this version does not know the way of sharing.
    pub fn slot(&self) -> Option<Slot> {
        let mechanism = Mechanism::parse(&self.mechanism)?;
        if mechanism == Mechanism::Ram {
            return Some(Slot::from(crate::model::Side::from(self.side.unwrap_or_default())));
        }
        Slot::of(&self.id.as_ref()?.parse().ok()?).filter(|slot| slot.mechanism() == mechanism)
    }

    /// What readings call it, as a container of this Share of this installation.
    pub fn container(&self, installation: &str, share: &ShareKey) -> Option<Arn> {
        match self.slot()?.part(installation, share) {
            Some(part) => part.id(),
            None => self.id.as_ref()?.parse().ok(),
        }
    }

    /// Whether it is this one.
    pub fn is(&self, slot: &Slot) -> bool {
        self.slot().as_ref() == Some(slot)
    }
}

/// Members that were put into a container within one hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Widening {
    /// The beginning of that hour.
    pub at: Time,
    /// The principals, as AWS is given them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub principals: Vec<String>,
    /// The resources' ARNs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub resources: Vec<String>,
}

/// Which of a Share's two containers of a mechanism.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// The one that holds what stays inside the organization.
    #[default]
    Inner,
    /// The one that holds outside targets.
    Outer,
}

/// Whether a container exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ContainerState {
    /// Its creation is about to be sent, or was sent and is not read back yet.
    Creating,
    /// It was read from AWS.
    Present,
    /// Its deletion was sent.
    Deleting,
    /// A complete read showed it gone.
    Gone,
    /// It cannot be told: AWS could not be read, or the word in status is not known to this version.
    #[default]
    #[serde(other)]
    Unknown,
}
