//! Associate and disassociate: principals, resources and sources of a share.

use serde_json::{Value, json};

use super::admission::Standing;
use super::input::Entities;
use super::model::{Association, AssociationStatus, AssociationType, Due, RowKey, RowNext, ShareState};
use super::principal::Principal;
use super::rows;
use super::shares::{IN_FLIGHT, unknown_share};
use super::types;
use crate::aws::caller::Caller;
use crate::aws::refusal::Refusal;
use crate::aws::settings::UnknownArn;
use crate::aws::world::World;

impl World {
    /// AssociateResourceShare: checked as a whole, then every entity gets a row.
    pub fn associate(&mut self, caller: &Caller, input: &Entities) -> Result<Value, Refusal> {
        let mut state = self.changeable(caller, &input.resource_share_arn)?;
        self.admit(caller, &state, input)?;
        self.admit_regional_counts(caller, input)?;
        self.check_transitions(&state, input)?;
        let invited = self.invited(caller, &state, input)?;
        self.attach_defaults(&mut state, &input.resource_arns)?;
        let keys = self.add_rows(caller, &mut state, input);
        self.commit(&caller.region, &input.resource_share_arn, state);
        self.send_invitations(caller, &input.resource_share_arn, &invited);
        self.answer_rows(caller, &input.resource_share_arn, &keys)
    }

    /// DisassociateResourceShare. An entity without a row is unknown \[X: the message is not documented].
    pub fn disassociate(&mut self, caller: &Caller, input: &Entities) -> Result<Value, Refusal> {
        if self.foreign(caller, &input.resource_share_arn) {
            return self.leave(caller, input);
        }
        let mut state = self.changeable(caller, &input.resource_share_arn)?;
        let mut keys = Vec::new();
        for (kind, entity) in input.all() {
            let row = state.of(kind, entity).rfind(|(_, row)| row.status != AssociationStatus::Disassociated);
            let (key, _) = row.ok_or_else(|| {
                Refusal::unknown(format!("{entity} is not associated with the resource share."))
            })?;
            keys.push(key.clone());
        }
        if keys.iter().any(|key| self.in_flight(&state, key)) {
            return Err(Refusal::transition(IN_FLIGHT));
        }
        for key in &keys {
            if state.rows.get(key).is_some_and(|row| row.status != AssociationStatus::Disassociating) {
                let lag = self.weather.lags.disassociation.sample(&mut self.rng);
                state.dismiss(key, self.now, lag);
            }
        }
        let services = state
            .present(AssociationType::Principal)
            .any(|(name, _)| Principal::read(name).is_ok_and(|found| found == Principal::Service));
        if !input.sources.is_empty() && services && state.present(AssociationType::Source).next().is_none() {
            return Err(Refusal::parameter(
                "At least one source must remain when service principals are present.",
            ));
        }
        state.updated_at = self.now;
        self.commit(&caller.region, &input.resource_share_arn, state);
        self.answer_rows(caller, &input.resource_share_arn, &keys)
    }

    /// A consumer leaves a share by disassociating itself: only where it accepted an invitation, and only from types
    /// that support it (ram.md section 3 \[D]).
    fn leave(&mut self, caller: &Caller, input: &Entities) -> Result<Value, Refusal> {
        let arn = &input.resource_share_arn;
        let itself =
            input.principals.iter().all(|name| *name == caller.account) && !input.principals.is_empty();
        let share =
            self.ram.region(&caller.region).shares.get(arn).cloned().ok_or_else(|| unknown_share(arn))?;
        let leavable = rows::present_types(&share.state)
            .all(|code| types::by_code(code).is_some_and(types::ResourceType::invites_for_a_week));
        let own = share.state.live(AssociationType::Principal, &caller.account).map(|(key, _)| key.clone());
        let invited = self.standing(&share.owner, share.state.retain, &caller.account)?;
        let (Some(key), true, true, true, Standing::Invited { .. }) =
            (own, itself, leavable, input.resource_arns.is_empty() && input.sources.is_empty(), invited)
        else {
            return Err(Refusal::not_permitted(
                "You are not permitted to leave this resource share: ask its owner to remove you.",
            ));
        };
        let lag = self.weather.lags.disassociation.sample(&mut self.rng);
        let mut state = share.state.clone();
        state.dismiss(&key, self.now, lag);
        let row = state.rows.get(&key).map(|row| rows::association(&share, &state, &key, row));
        self.commit(&caller.region, arn, state);
        Ok(json!({"resourceShareAssociations": row.into_iter().collect::<Vec<_>>()}))
    }

    fn answer_rows(&self, caller: &Caller, arn: &str, keys: &[RowKey]) -> Result<Value, Refusal> {
        let share = self.share(caller, arn)?;
        let rows: Vec<Value> = keys
            .iter()
            .filter_map(|key| Some(rows::association(share, &share.state, key, share.state.rows.get(key)?)))
            .collect();
        Ok(json!({"resourceShareAssociations": rows}))
    }

    /// What is on its way out cannot come back yet \[X]; what is there answers its row, or is refused \[X].
    fn check_transitions(&self, state: &ShareState, input: &Entities) -> Result<(), Refusal> {
        for (kind, entity) in input.all() {
            if state.of(kind, entity).any(|(_, row)| row.status == AssociationStatus::Disassociating) {
                return Err(Refusal::transition(
                    "At least one of the associations in the resource share is in DISASSOCIATING status.",
                ));
            }
            if state.live(kind, entity).is_some() && !self.settings.reassociate_answers_row {
                return Err(Refusal::transition(format!(
                    "{entity} is already associated with the resource share."
                )));
            }
        }
        Ok(())
    }

    /// Gives each entity a row, unless it has a live one; answers the keys of all.
    pub(super) fn add_rows(
        &mut self,
        caller: &Caller,
        state: &mut ShareState,
        input: &Entities,
    ) -> Vec<RowKey> {
        let mut keys = Vec::new();
        for (kind, entity) in input.all() {
            if let Some((key, _)) = state.live(kind, entity) {
                keys.push(key.clone());
                continue;
            }
            let key = self.new_key(state, kind, entity);
            let row = self.new_row(caller, state, kind, entity);
            state.rows.insert(key.clone(), row);
            self.ram.region(&caller.region).rows_ever += 1;
            state.updated_at = self.now;
            keys.push(key);
        }
        keys
    }

    /// A FAILED row is used again; ghosts stay beside the new row or make way for it.
    fn new_key(&self, state: &mut ShareState, kind: AssociationType, entity: &str) -> RowKey {
        if let Some((key, row)) = state.of(kind, entity).last() {
            let key = key.clone();
            if row.status == AssociationStatus::Failed {
                return key;
            }
            if !self.settings.ghost_beside_live {
                state.rows.remove(&key);
            }
            return (key.0, key.1, key.2 + 1);
        }
        (kind, entity.to_owned(), 0)
    }

    fn new_row(
        &mut self,
        caller: &Caller,
        state: &ShareState,
        kind: AssociationType,
        entity: &str,
    ) -> Association {
        let standing = match kind {
            AssociationType::Principal => self.standing(&caller.account, state.retain, entity).ok(),
            _ => None,
        };
        let mut row = Association {
            status: AssociationStatus::Associating,
            message: None,
            external: standing.is_some_and(Standing::is_external),
            created_at: self.now,
            updated_at: self.now,
            due: None,
            failed_before: false,
        };
        let at = self.now + self.weather.lags.association.sample(&mut self.rng);
        let mut next = RowNext::Become(AssociationStatus::Associated, None);
        if kind == AssociationType::Resource
            && self.settings.unknown_arn == UnknownArn::Fail
            && !self.ram.resources.contains_key(entity)
        {
            next = RowNext::Become(
                AssociationStatus::Failed,
                Some(format!("Resource {entity} could not be found.")),
            );
        }
        if let Some(failure) = self.weather.failure(&mut self.progress, entity) {
            let message = Some(failure.message.clone());
            if failure.at_once {
                row.status = AssociationStatus::Failed;
                row.message = message;
                return row;
            }
            next = RowNext::Become(AssociationStatus::Failed, message);
        }
        let waits = matches!(standing, Some(Standing::Invited { .. }))
            && !matches!(next, RowNext::Become(AssociationStatus::Failed, _));
        row.due = (!waits).then_some(Due { at, next });
        row
    }

    /// The regional quotas: the same entity in ten shares counts ten times (ram.md section 5).
    pub(super) fn admit_regional_counts(&self, caller: &Caller, input: &Entities) -> Result<(), Refusal> {
        let most = self.settings.associations_per_region;
        for (kind, names) in [
            (AssociationType::Resource, &input.resource_arns),
            (AssociationType::Principal, &input.principals),
        ] {
            let ever = self.ram.regions.get(&caller.region).map_or(0, |region| region.rows_ever);
            if ever + names.len() <= most {
                continue;
            }
            let present: usize = self.owned(caller).map(|share| share.state.present(kind).count()).sum();
            if present + names.len() > most {
                return Err(Refusal::limit("You have reached the limit of associations in this Region."));
            }
        }
        Ok(())
    }
}
