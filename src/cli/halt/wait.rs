//! Waits until the controller has said of every account and region that it is halted there.

use std::{io::Write, time::Duration};

use kube::{Api, Client, ResourceExt, api::ListParams};
use tokio::time::{Instant, sleep};

use super::{HaltError, bounded};
use crate::{
    api::{
        AccountRegion,
        conditions::{HALTED, is_true},
    },
    kube::watched::Guarded,
};

/// How often the AccountRegions are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Named of those that are waited for in vain.
const NAMED: usize = 10;

/// Waits at most for `limit`. Where nobody acts, since no set governs it or two do, nothing is written anyway.
pub(super) async fn until_halted(
    client: &Client,
    limit: Duration,
    out: &mut impl Write,
) -> Result<(), HaltError> {
    let deadline = Instant::now() + limit;
    let mut told = None;
    loop {
        let (all, open) = look(client).await?;
        if open.is_empty() {
            writeln!(out, "All {all} accounts and regions say that they are halted.")?;
            return Ok(());
        }
        if told != Some(open.len()) {
            writeln!(
                out,
                "Waiting for {} of {all} accounts and regions to say that they are halted.",
                open.len()
            )?;
            out.flush()?;
            told = Some(open.len());
        }
        if Instant::now() + LOOK > deadline {
            let more = open.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let names = open.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
            return Err(HaltError::NotYet { limit, names: names + &more });
        }
        sleep(LOOK).await;
    }
}

/// How many AccountRegions there are, and those that do not say that they are halted.
async fn look(client: &Client) -> Result<(usize, Vec<String>), HaltError> {
    let regions: Api<Guarded<AccountRegion>> = Api::all(client.clone());
    let listed = bounded("the AccountRegions were not listed", regions.list(&ListParams::default())).await?;
    let all = listed.items.len();
    let open = listed.items.iter().filter(|region| !is_halted(region)).map(ResourceExt::name_any);
    Ok((all, open.collect()))
}

fn is_halted(region: &Guarded<AccountRegion>) -> bool {
    let Some(status) = region.0.as_ref().ok().and_then(|region| region.status.as_ref()) else { return false };
    is_true(&status.conditions, HALTED) || status.released.is_some() || status.account_set.is_none()
}
