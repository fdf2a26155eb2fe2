//! `sharekeeper plan`: what the controller would do if these manifests were applied, by the first four steps of its own
//! line on the files of a folder and on AWS as it is. It reads AWS and writes nothing.
//!
//! Nothing is asked of a cluster, so what only statuses know is missing: the ids that names were pinned to, when outside
//! targets were first declared, tags that an earlier version declared, and whether a difference from AWS is drift.

mod document;
pub mod manifests;
mod narrate;
mod print;
pub mod report;
mod schema;
mod sources;
mod survey;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use aws_config::SdkConfig;

use self::{
    manifests::{Manifests, load},
    report::Report,
};
use super::{Failure, governed::sessions};
use crate::{
    aws::{clock::Clock, session},
    config::{Output, PlanArgs},
};

/// Plans with the credentials that the AWS command line would use, and prints.
///
/// Exits with 0 if AWS is as the manifests declare, 2 if it is not (something would be done, is held, waits or is
/// refused, or a share is left of a Share that is not among them), 1 if the manifests are broken or something could not be
/// read. A target whose `until` has passed is as declared, and what others share does not count.
pub async fn run(args: &PlanArgs) -> Result<ExitCode, Failure> {
    let clock = Clock::system();
    let base = session::default_config(&clock);
    let code = plan(args, base, clock.clone(), &mut io::stdout().lock()).await?;
    Ok(ExitCode::from(code))
}

/// Plans on AWS as `base` reaches it, which is asked for once the manifests are found to be whole; answers the exit code.
/// A reader that has seen enough is no error.
pub async fn plan(
    args: &PlanArgs,
    base: impl Future<Output = SdkConfig>,
    clock: Clock,
    out: &mut impl Write,
) -> Result<u8, Failure> {
    let report = match load(&args.filename, &args.namespace) {
        Ok(manifests) => observe(&manifests, args, base.await, clock).await,
        Err(problems) => Report { problems, ..Report::default() },
    };
    let text = match args.output {
        Output::Text => report.to_string().trim_start().to_owned(),
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&report)?),
    };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(report.exit_code()),
    }
}

async fn observe(manifests: &Manifests, args: &PlanArgs, base: SdkConfig, clock: Clock) -> Report {
    let now = clock.wall_now();
    let sessions = sessions(base, clock, args.rates.into(), &manifests.installation.spec.id, "plan");
    survey::survey(manifests, &sessions, now).await
}
