//! What RAM keeps: shares with their rows, how they change by themselves, and what readers see of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a row of a share associates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AssociationType {
    /// Account, organization, unit, IAM principal or service.
    Principal,
    /// A resource ARN.
    Resource,
    /// What a service principal is limited to.
    Source,
}

/// Status of a row (ram.md section 2.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssociationStatus {
    /// Asked for, or waiting for an invitation to be accepted.
    Associating,
    /// In force.
    Associated,
    /// Ended badly; `statusMessage` says why.
    Failed,
    /// On its way out.
    Disassociating,
    /// A ghost.
    Disassociated,
    /// SUSPENDED and whatever AWS invents: only set from outside.
    Other(String),
}

impl AssociationStatus {
    /// The text on the wire.
    pub fn text(&self) -> &str {
        match self {
            Self::Associating => "ASSOCIATING",
            Self::Associated => "ASSOCIATED",
            Self::Failed => "FAILED",
            Self::Disassociating => "DISASSOCIATING",
            Self::Disassociated => "DISASSOCIATED",
            Self::Other(text) => text,
        }
    }

    /// The status of that text.
    pub fn read(text: &str) -> Self {
        let known =
            [Self::Associating, Self::Associated, Self::Failed, Self::Disassociating, Self::Disassociated];
        known.into_iter().find(|status| status.text() == text).unwrap_or_else(|| Self::Other(text.to_owned()))
    }

    /// Neither gone nor going.
    pub(crate) fn is_present(&self) -> bool {
        !matches!(self, Self::Disassociating | Self::Disassociated | Self::Failed)
    }
}

/// Status of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ShareStatus {
    /// Just created.
    Pending,
    /// Says nothing about its associations.
    Active,
    /// Creation failed.
    Failed,
    /// Being deleted.
    Deleting,
    /// A tombstone.
    Deleted,
}

impl ShareStatus {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Failed => "FAILED",
            Self::Deleting => "DELETING",
            Self::Deleted => "DELETED",
        }
    }

    pub(crate) fn is_gone(self) -> bool {
        matches!(self, Self::Deleting | Self::Deleted)
    }
}

/// Feature set of a share or permission (ram.md section 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FeatureSet {
    /// Made by a resource-based policy; read-only in RAM.
    CreatedFromPolicy,
    /// Between the two.
    PromotingToStandard,
    /// Made in RAM, or promoted.
    Standard,
}

impl FeatureSet {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::CreatedFromPolicy => "CREATED_FROM_POLICY",
            Self::PromotingToStandard => "PROMOTING_TO_STANDARD",
            Self::Standard => "STANDARD",
        }
    }
}

/// A change that happens by itself at a time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Due<T> {
    pub(crate) at: f64,
    pub(crate) next: T,
}

/// What a row turns into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowNext {
    Become(AssociationStatus, Option<String>),
    Vanish,
}

/// Key of a row; the number tells a live row from the ghosts of the same entity.
pub(crate) type RowKey = (AssociationType, String, u32);

/// A row of a share.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Association {
    pub(crate) status: AssociationStatus,
    pub(crate) message: Option<String>,
    pub(crate) external: bool,
    pub(crate) created_at: f64,
    pub(crate) updated_at: f64,
    pub(crate) due: Option<Due<RowNext>>,
    /// It was FAILED when it was taken out: on its way out it grants nothing either \[X\].
    pub(crate) failed_before: bool,
}

/// A permission on a share, by resource type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attached {
    pub(crate) arn: String,
    pub(crate) version: u32,
    pub(crate) updated_at: f64,
    /// When it stops being ASSOCIATING.
    pub(crate) in_force_at: f64,
}

/// What becomes of a share by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ShareNext {
    Active,
    Failed(String),
    Deleted,
    Standard,
    Vanish,
}

/// All of a share that may change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShareState {
    pub(crate) name: String,
    pub(crate) allow_external: bool,
    pub(crate) status: ShareStatus,
    pub(crate) message: Option<String>,
    pub(crate) feature_set: FeatureSet,
    pub(crate) retain: bool,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created_at: f64,
    pub(crate) updated_at: f64,
    pub(crate) rows: BTreeMap<RowKey, Association>,
    pub(crate) permissions: BTreeMap<String, Attached>,
    pub(crate) due: Option<Due<ShareNext>>,
}

/// A share: its present state, and the former ones that lagging readers still see.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(crate) arn: String,
    pub(crate) owner: String,
    pub(crate) region: String,
    pub(crate) state: ShareState,
    /// (when it was left, the state; `None` for "did not exist yet").
    former: Vec<(f64, Option<ShareState>)>,
}

impl Share {
    pub(crate) fn new(arn: String, owner: &str, region: &str, state: ShareState, horizon: f64) -> Self {
        let former = if horizon > 0.0 { vec![(state.created_at, None)] } else { Vec::new() };
        Self { arn, owner: owner.to_owned(), region: region.to_owned(), state, former }
    }

    /// Puts a new state in place; readers who lag up to `horizon` seconds still find the old one.
    pub(crate) fn replace(&mut self, now: f64, state: ShareState, horizon: f64) {
        self.former.retain(|(left, _)| *left + horizon > now);
        let old = std::mem::replace(&mut self.state, state);
        if horizon > 0.0 {
            self.former.push((now, Some(old)));
        }
    }

    /// What a reader sees who is at `as_of`; `None` before the share existed.
    pub(crate) fn seen(&self, as_of: f64) -> Option<&ShareState> {
        match self.former.iter().find(|(left, _)| *left > as_of) {
            Some((_, state)) => state.as_ref(),
            None => Some(&self.state),
        }
    }

    /// Whether a reader of that time does not see the present.
    pub(crate) fn has_changed_since(&self, as_of: f64) -> bool {
        self.former.iter().any(|(left, _)| *left > as_of)
    }

    /// When something happens by itself next.
    pub(crate) fn next_due(&self) -> Option<f64> {
        let rows = self.state.rows.values().filter_map(|row| row.due.as_ref().map(|due| due.at));
        rows.chain(self.state.due.as_ref().map(|due| due.at)).min_by(f64::total_cmp)
    }
}

/// How a share changes by itself; the lifetimes come from the settings.
pub(crate) struct Lifetimes {
    pub(crate) tombstone: f64,
    pub(crate) ghost: f64,
}

impl ShareState {
    /// Does what is due at `at`; false: the share is no more.
    pub(crate) fn settle(&mut self, at: f64, lifetimes: &Lifetimes) -> bool {
        for row in self.rows.values_mut() {
            row.settle(at, lifetimes);
        }
        self.rows
            .retain(|_, row| row.due.as_ref().is_none_or(|due| due.at > at || due.next != RowNext::Vanish));
        match self.due.take_if(|due| due.at <= at).map(|due| due.next) {
            Some(ShareNext::Active) => self.status = ShareStatus::Active,
            Some(ShareNext::Failed(message)) => {
                self.status = ShareStatus::Failed;
                self.message = Some(message);
            }
            Some(ShareNext::Standard) => self.feature_set = FeatureSet::Standard,
            Some(ShareNext::Deleted) => {
                self.status = ShareStatus::Deleted;
                self.permissions.clear();
                self.due = Some(Due { at: at + lifetimes.tombstone, next: ShareNext::Vanish });
            }
            Some(ShareNext::Vanish) => return false,
            None => return true,
        }
        self.updated_at = at;
        true
    }

    /// The live row of an entity: the newest that is neither ghost nor failed.
    pub(crate) fn live(&self, kind: AssociationType, entity: &str) -> Option<(&RowKey, &Association)> {
        self.of(kind, entity).rfind(|(_, row)| row.status.is_present())
    }

    /// All rows of an entity, oldest first.
    pub(crate) fn of(
        &self,
        kind: AssociationType,
        entity: &str,
    ) -> impl DoubleEndedIterator<Item = (&RowKey, &Association)> {
        let (from, to) = ((kind, entity.to_owned(), 0), (kind, entity.to_owned(), u32::MAX));
        self.rows.range(from..=to)
    }

    /// Rows of a kind that are neither gone nor going.
    pub(crate) fn present(&self, kind: AssociationType) -> impl Iterator<Item = (&str, &Association)> {
        self.rows
            .iter()
            .filter(move |((of, _, _), row)| *of == kind && row.status.is_present())
            .map(|((_, entity, _), row)| (entity.as_str(), row))
    }

    /// Starts taking a row away.
    pub(crate) fn dismiss(&mut self, key: &RowKey, now: f64, lag: f64) {
        if let Some(row) = self.rows.get_mut(key) {
            row.failed_before = row.status == AssociationStatus::Failed;
            row.status = AssociationStatus::Disassociating;
            row.message = None;
            row.updated_at = now;
            row.due =
                Some(Due { at: now + lag, next: RowNext::Become(AssociationStatus::Disassociated, None) });
        }
    }
}

impl Association {
    fn settle(&mut self, at: f64, lifetimes: &Lifetimes) {
        let Some(due) = self.due.take_if(|due| due.at <= at) else {
            return;
        };
        match due.next {
            RowNext::Become(status, message) => {
                self.updated_at = due.at;
                self.message = message;
                if status == AssociationStatus::Disassociated {
                    self.due = Some(Due { at: due.at + lifetimes.ghost, next: RowNext::Vanish });
                }
                self.status = status;
            }
            RowNext::Vanish => self.due = Some(due),
        }
    }
}

/// Status of an invitation (ram.md section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InvitationStatus {
    /// Waits for an answer.
    Pending,
    /// Accepted.
    Accepted,
    /// Rejected.
    Rejected,
    /// Nobody answered in time, or the sender took it back.
    Expired,
}

/// An invitation to an outside account or IAM principal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invitation {
    pub(crate) arn: String,
    pub(crate) share: String,
    pub(crate) share_name: String,
    pub(crate) sender: String,
    pub(crate) receiver: String,
    /// The principal as associated: account id or IAM ARN.
    pub(crate) principal: String,
    pub(crate) sent_at: f64,
    pub(crate) status: InvitationStatus,
    /// When a pending one expires, any other is purged.
    pub(crate) due: f64,
}
