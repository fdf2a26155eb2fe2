//! `sharekeeper halt` and `sharekeeper resume`: the switch that stops every write to AWS, `Installation.spec.halt`.

mod owners;
mod wait;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    core::DynamicObject,
    discovery::ApiResource,
};
use serde_json::{Value, json};

use self::{
    owners::{Owner, last, owners},
    wait::until_halted,
};
use super::{Failure, governed::ClusterArgs};
use crate::{
    api::{
        INSTALLATION, Installation, annotations,
        duration::{self, NotADuration},
    },
    aws::{calls::CALL_TIMEOUT, clock::Clock},
    controllers::halt::STALE,
    model::Timestamp,
};

/// Who wrote it, in `managedFields`.
pub const FIELD_MANAGER: &str = "sharekeeper-halt";

/// The longest that one answer of the cluster is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Options of `sharekeeper halt`.
#[derive(Clone, Debug, Args)]
pub struct HaltArgs {
    /// Why, for those who find it halted: stands in the annotation `sharekeeper.dev/haltReason`.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Wait until the controller says of every account and region that it is halted there.
    #[arg(long)]
    pub wait: bool,
    /// How long that is waited for.
    #[arg(long, default_value = "2m", value_name = "DURATION", value_parser = limit)]
    pub timeout: Duration,
    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Options of `sharekeeper resume`.
#[derive(Clone, Debug, Default, Args)]
pub struct ResumeArgs {
    /// The cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Why it is not known to be halted, or to go on.
#[derive(Debug, thiserror::Error)]
pub enum HaltError {
    /// The cluster refused.
    #[error("{what}")]
    Refused {
        /// What was not done.
        what: &'static str,
        /// What the cluster said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The cluster did not answer.
    #[error("{what}: the cluster did not answer within {} s; whether it took it is not known, so ask again", PATIENCE.as_secs())]
    Silent {
        /// What was not done.
        what: &'static str,
    },
    /// Not everybody has said so.
    #[error(
        "it is halted, and within {} s the controller did not say so of {names}; a controller that runs writes nothing either way, \
         see whether one does and whether it reaches the cluster",
        .limit.as_secs()
    )]
    NotYet {
        /// How long it was waited for.
        limit: Duration,
        /// Those that are missing.
        names: String,
    },
    /// There is nothing that could say that writing may go on.
    #[error(
        "there is no Installation named {INSTALLATION} in the cluster, and without one nothing is written to AWS; create it to go on (the \
         chart does), or name another cluster with --context"
    )]
    NoInstallation,
    /// What was done could not be told.
    #[error("what was done could not be printed")]
    Print(#[from] io::Error),
}

/// Halts the installation of the cluster. Exits with 0 if it is halted then, and with `--wait` if the controller says so.
pub async fn run_halt(args: &HaltArgs) -> Result<ExitCode, Failure> {
    let (client, address) = args.cluster.connect().await?;
    halt(args, &client, &address, &Clock::system(), &mut io::stdout().lock()).await?;
    Ok(ExitCode::SUCCESS)
}

/// Lets the installation of the cluster go on. Exits with 0 if it is not halted then.
pub async fn run_resume(args: &ResumeArgs) -> Result<ExitCode, Failure> {
    let (client, address) = args.cluster.connect().await?;
    resume(&client, &address, &Clock::system(), &mut io::stdout().lock()).await?;
    Ok(ExitCode::SUCCESS)
}

/// Halts, and says what that means. It may be done again and again.
pub async fn halt(
    args: &HaltArgs,
    client: &Client,
    cluster: &str,
    clock: &Clock,
    out: &mut impl Write,
) -> Result<(), HaltError> {
    let switch = Switch::of(client);
    let Some(before) = switch.read().await? else {
        writeln!(
            out,
            "There is no Installation named {INSTALLATION} in {cluster}: nothing is written to AWS without one."
        )?;
        return Ok(());
    };
    let halted = is_halted(&before);
    if !halted || args.reason.is_some() {
        // A reason that stands there from another time would mislead.
        let reason = args.reason.as_ref().map_or(Value::Null, |reason| reason.as_str().into());
        switch.set(true, reason).await?;
    }
    if halted {
        let by = last(&before).map(|by| format!(" ({by})")).unwrap_or_default();
        writeln!(out, "It was halted already{by}: {cluster}")?;
    } else {
        writeln!(out, "Halted on {}: {cluster}", now(clock))?;
    }
    if let Some(reason) =
        args.reason.as_ref().or_else(|| reason_of(&before)).filter(|_| halted || args.reason.is_some())
    {
        writeln!(out, "Reason: {reason}")?;
    }
    writeln!(
        out,
        "From {} s from now on no write to AWS starts, in any account and region; calls that are on their way by then end within {} s. \
         Reading and reporting go on. Nothing is revoked either: access whose `until` passes stays until `sharekeeper resume`.",
        STALE.as_secs(),
        CALL_TIMEOUT.as_secs()
    )?;
    warn(&owners(&before, FIELD_MANAGER), true, out)?;
    out.flush()?;
    if args.wait {
        until_halted(client, args.timeout, out).await?;
    }
    Ok(())
}

/// Lets it go on, and says what that means. It may be done again and again.
pub async fn resume(
    client: &Client,
    cluster: &str,
    clock: &Clock,
    out: &mut impl Write,
) -> Result<(), HaltError> {
    let switch = Switch::of(client);
    let before = switch.read().await?.ok_or(HaltError::NoInstallation)?;
    if !is_halted(&before) {
        writeln!(out, "It was not halted: {cluster}")?;
        return Ok(());
    }
    switch.set(false, Value::Null).await?;
    let by = last(&before).map(|by| format!("; it was halted {by}")).unwrap_or_default();
    let reason = reason_of(&before).map(|reason| format!(", because: {reason}")).unwrap_or_default();
    writeln!(out, "Resumed on {}: {cluster}{by}{reason}", now(clock))?;
    writeln!(
        out,
        "All that was put off is planned anew and done now, as far as modes and budgets let it: edits, corrections of drift, ends of \
         `until`. `kubectl get accountregions` shows it."
    )?;
    warn(&owners(&before, FIELD_MANAGER), false, out)?;
    out.flush()?;
    Ok(())
}

fn warn(owners: &[Owner], to: bool, out: &mut impl Write) -> io::Result<()> {
    if owners.is_empty() {
        return writeln!(
            out,
            "Nobody else has set `spec.halt`; a manifest that names it would set it back when it is applied."
        );
    }
    let names: Vec<String> = owners.iter().map(ToString::to_string).collect();
    writeln!(
        out,
        "Warning: `spec.halt` was set by {} as well, which sets it back when it is applied again: set `halt: {to}` at its source too, or \
         pause it.",
        names.join(" and ")
    )
}

fn now(clock: &Clock) -> Timestamp {
    let now = clock.wall_now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn is_halted(installation: &DynamicObject) -> bool {
    installation.data.pointer("/spec/halt") == Some(&Value::Bool(true))
}

fn reason_of(installation: &DynamicObject) -> Option<&String> {
    installation.metadata.annotations.as_ref()?.get(annotations::HALT_REASON)
}

/// The one Installation, whatever else of it can be read: a spec that is broken elsewhere must not keep it from being halted.
struct Switch(Api<DynamicObject>);

impl Switch {
    fn of(client: &Client) -> Self {
        Self(Api::all_with(client.clone(), &ApiResource::erase::<Installation>(&())))
    }

    async fn read(&self) -> Result<Option<DynamicObject>, HaltError> {
        bounded("the Installation was not read, and nothing was changed", self.0.get_opt(INSTALLATION)).await
    }

    async fn set(&self, halt: bool, reason: Value) -> Result<(), HaltError> {
        let annotations = json!({ annotations::HALT_REASON: reason });
        let patch = json!({"metadata": {"annotations": annotations}, "spec": {"halt": halt}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(patch);
        let written = self.0.patch(INSTALLATION, &params, &patch);
        bounded("the Installation was not written", written).await.map(drop)
    }
}

async fn bounded<T>(
    what: &'static str,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, HaltError> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|source| HaltError::Refused { what, source: Box::new(source) }),
        Err(_elapsed) => Err(HaltError::Silent { what }),
    }
}

fn limit(text: &str) -> Result<Duration, NotADuration> {
    duration::parse(text)
}
