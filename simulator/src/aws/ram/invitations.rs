//! Invitations: sent to outside accounts and IAM principals, answered, expired, purged (ram.md section 2.3).

use serde_json::{Value, json};

use super::admission::Standing;
use super::input::{Entities, Listing};
use super::model::{
    AssociationStatus, AssociationType, Due, Invitation, InvitationStatus, RowKey, RowNext, ShareState,
};
use super::principal::Principal;
use super::rows;
use super::types;
use crate::aws::caller::Caller;
use crate::aws::refusal::Refusal;
use crate::aws::world::{Wake, World};

const HOUR: f64 = 3600.0;
/// The agenda counts microseconds.
const ROUNDING: f64 = 1e-6;

fn not_found(arn: &str) -> Refusal {
    Refusal::client(
        "ResourceShareInvitationArnNotFoundException",
        format!("Invitation {arn} could not be found."),
    )
}

impl World {
    /// The principals of `entities` that are to be invited; refused over the quota of pending invitations.
    pub(super) fn invited(
        &mut self,
        caller: &Caller,
        state: &ShareState,
        entities: &Entities,
    ) -> Result<Vec<String>, Refusal> {
        let fresh: Vec<String> = entities
            .principals
            .iter()
            .filter(|name| state.live(AssociationType::Principal, name).is_none())
            .cloned()
            .collect();
        let mut invited = Vec::new();
        for name in fresh {
            if matches!(self.standing(&caller.account, state.retain, &name)?, Standing::Invited { .. }) {
                invited.push(name);
            }
        }
        let pending =
            |found: &&Invitation| found.sender == caller.account && found.status == InvitationStatus::Pending;
        let open = self.ram.region(&caller.region).invitations.values().filter(pending).count();
        if !invited.is_empty() && open + invited.len() > self.settings.pending_invitations {
            return Err(Refusal::limit("You have reached the limit of pending resource share invitations."));
        }
        Ok(invited)
    }

    pub(super) fn send_invitations(&mut self, caller: &Caller, share: &str, principals: &[String]) {
        let Some((name, expiry, waiting)) = self.ram.region(&caller.region).shares.get(share).map(|found| {
            let waits = |name: &String| {
                found.state.live(AssociationType::Principal, name).is_some_and(|(_, row)| row.due.is_none())
            };
            let waiting: Vec<String> = principals.iter().filter(|name| waits(name)).cloned().collect();
            (found.state.name.clone(), expiry(&found.state), waiting)
        }) else {
            return;
        };
        for principal in waiting {
            let Some(receiver) =
                Principal::read(&principal).ok().and_then(|found| found.account().map(ToOwned::to_owned))
            else {
                continue;
            };
            let arn = format!(
                "arn:{}:ram:{}:{}:resource-share-invitation/{}",
                caller.partition(),
                caller.region,
                caller.account,
                self.rng.uuid()
            );
            let due = self.now + expiry;
            let invitation = Invitation {
                arn: arn.clone(),
                share: share.to_owned(),
                share_name: name.clone(),
                sender: caller.account.clone(),
                receiver,
                principal,
                sent_at: self.now,
                status: InvitationStatus::Pending,
                due,
            };
            self.wake_at(Some(due), Wake::Invitation(caller.region.clone(), arn.clone()));
            self.ram.region(&caller.region).invitations.insert(arn, invitation);
        }
    }

    /// AcceptResourceShareInvitation and RejectResourceShareInvitation, by the receiving account.
    pub(super) fn answer_invitation(
        &mut self,
        caller: &Caller,
        asked: &Listing,
        answer: InvitationStatus,
    ) -> Result<Value, Refusal> {
        let arn = asked.resource_share_invitation_arn.as_deref().unwrap_or_default();
        let invitation = self.received(caller, arn)?;
        let code = match invitation.status {
            InvitationStatus::Pending => None,
            InvitationStatus::Accepted => Some("ResourceShareInvitationAlreadyAcceptedException"),
            InvitationStatus::Rejected => Some("ResourceShareInvitationAlreadyRejectedException"),
            InvitationStatus::Expired => Some("ResourceShareInvitationExpiredException"),
        };
        if let Some(code) = code {
            return Err(Refusal::client(code, format!("Invitation {arn} has been answered or has expired.")));
        }
        let share = invitation.share.clone();
        let row = RowNext::Become(AssociationStatus::Associated, None);
        let principal = invitation.principal.clone();
        self.close_invitation(&caller.region, arn, answer);
        if answer == InvitationStatus::Accepted {
            let lag = self.weather.lags.association.sample(&mut self.rng);
            self.turn_waiting(&caller.region, &share, &principal, lag, row);
        } else {
            self.drop_waiting(&caller.region, &share, &principal);
        }
        let row = rows::invitation(self.received(caller, arn)?);
        Ok(json!({"resourceShareInvitation": row}))
    }

    fn received(&self, caller: &Caller, arn: &str) -> Result<&Invitation, Refusal> {
        if !arn.starts_with("arn:") || !arn.contains(":resource-share-invitation/") {
            return Err(Refusal::malformed_arn(arn));
        }
        let found = self.ram.regions.get(&caller.region).and_then(|region| region.invitations.get(arn));
        found.filter(|invitation| invitation.receiver == caller.account).ok_or_else(|| not_found(arn))
    }

    fn close_invitation(&mut self, region: &str, arn: &str, status: InvitationStatus) {
        let due = self.now + self.settings.invitation_purge;
        if let Some(invitation) = self.ram.region(region).invitations.get_mut(arn) {
            invitation.status = status;
            invitation.due = due;
            self.wake_at(Some(due), Wake::Invitation(region.to_owned(), arn.to_owned()));
        }
    }

    /// A pending invitation expires, any other is purged.
    pub(crate) fn settle_invitation(&mut self, region: &str, arn: &str) {
        let now = self.now;
        let Some(invitation) =
            self.ram.region(region).invitations.get(arn).filter(|found| found.due <= now + ROUNDING).cloned()
        else {
            return;
        };
        if invitation.status == InvitationStatus::Pending {
            self.close_invitation(region, arn, InvitationStatus::Expired);
            self.drop_waiting(region, &invitation.share, &invitation.principal);
        } else {
            self.ram.region(region).invitations.remove(arn);
        }
    }

    /// The pending invitations to a share that goes, or to one principal of it, expire.
    pub(super) fn withdraw_invitations(&mut self, region: &str, share: &str, principal: Option<&str>) {
        let pending = |found: &&Invitation| {
            found.share == share
                && found.status == InvitationStatus::Pending
                && principal.is_none_or(|name| name == found.principal)
        };
        let arns: Vec<String> = self
            .ram
            .region(region)
            .invitations
            .values()
            .filter(pending)
            .map(|found| found.arn.clone())
            .collect();
        for arn in arns {
            self.close_invitation(region, &arn, InvitationStatus::Expired);
        }
    }

    fn turn_waiting(&mut self, region: &str, arn: &str, principal: &str, lag: f64, next: RowNext) {
        let at = self.now + lag;
        let Some((mut state, key)) = self.waiting(region, arn, principal) else {
            return;
        };
        if let Some(row) = state.rows.get_mut(&key) {
            row.due = Some(Due { at, next });
        }
        self.commit(region, arn, state);
    }

    /// A rejected or expired invitation: the row is a ghost at once.
    fn drop_waiting(&mut self, region: &str, arn: &str, principal: &str) {
        self.turn_waiting(
            region,
            arn,
            principal,
            0.0,
            RowNext::Become(AssociationStatus::Disassociated, None),
        );
    }

    fn waiting(&self, region: &str, arn: &str, principal: &str) -> Option<(ShareState, RowKey)> {
        let state = &self.ram.regions.get(region)?.shares.get(arn)?.state;
        let (key, row) = state.live(AssociationType::Principal, principal)?;
        (row.status == AssociationStatus::Associating).then(|| (state.clone(), key.clone()))
    }

    pub(super) fn pending_resources(&self, caller: &Caller, arn: &str) -> Result<Vec<String>, Refusal> {
        let invitation = self.received(caller, arn)?;
        match invitation.status {
            InvitationStatus::Rejected => {
                return Err(Refusal::client(
                    "ResourceShareInvitationAlreadyRejectedException",
                    format!("Invitation {arn} was rejected."),
                ));
            }
            InvitationStatus::Expired => {
                return Err(Refusal::client(
                    "ResourceShareInvitationExpiredException",
                    format!("Invitation {arn} has expired."),
                ));
            }
            InvitationStatus::Pending | InvitationStatus::Accepted => {}
        }
        let share =
            self.ram.regions.get(&caller.region).and_then(|region| region.shares.get(&invitation.share));
        Ok(share
            .map(|share| {
                share.state.present(AssociationType::Resource).map(|(arn, _)| arn.to_owned()).collect()
            })
            .unwrap_or_default())
    }
}

/// Seven days if all types of the share are of that list, else twelve hours \[X for mixed and empty shares].
fn expiry(state: &ShareState) -> f64 {
    let mut codes = rows::present_types(state).peekable();
    let week = codes.peek().is_some()
        && codes.all(|code| types::by_code(code).is_some_and(types::ResourceType::invites_for_a_week));
    if week { 7.0 * 24.0 * HOUR } else { 12.0 * HOUR }
}
