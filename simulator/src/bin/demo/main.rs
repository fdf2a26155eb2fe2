//! `demo`: the sharing of an example organization, kept by the real controller against a simulated AWS and kube API on
//! this machine, and told as it happens. It reads `crds/` and `examples/` as people would apply them.

#![forbid(unsafe_code)]

mod controller;
mod manifests;
mod people;
mod seen;
mod shares;
mod stage;
mod story;
mod summary;
mod tell;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tell::Teller;

/// Watch sharekeeper keep an example organization's sharing, on this machine, without AWS and without a cluster.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Leave all of it running afterwards, and print how to look around with kubectl and aws.
    #[arg(long)]
    keep: bool,
    /// Folder with the custom resource definitions.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds"))]
    crds: PathBuf,
    /// Folder with the manifests to apply.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"))]
    examples: PathBuf,
    /// The controller to run. Default: `sharekeeper` beside this program.
    #[arg(long)]
    controller: Option<PathBuf>,
}

/// Why the story could not be told to its end.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// A file, a socket or the terminal.
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    /// A file that is no manifest.
    #[error("{path} is no manifest: {reason}")]
    Manifest { path: String, reason: String },
    /// The simulated kube API said no.
    #[error("the kube API refused {what}: {source}")]
    Kube { what: String, source: Box<kube::Error> },
    /// The simulated AWS said no to a person.
    #[error("AWS refused {what}: {message}")]
    Aws { what: String, message: String },
    /// Something did not come in time.
    #[error("waited {} s in vain for this: {waited_for}\n{now}", within.as_secs())]
    Late { waited_for: String, within: Duration, now: String },
    /// The controller is gone.
    #[error("the controller ended by itself ({0})")]
    ControllerEnded(String),
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::Io { what: "cannot write to the terminal".to_owned(), source }
    }
}

/// Lines of the controller's log that are shown when something went wrong.
const LAST_LINES: usize = 25;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut teller = Teller::new();
    let told = run(&arguments, &mut teller).await;
    let Err((error, log)) = told else { return ExitCode::SUCCESS };
    // Nobody is left to tell if the terminal itself is gone.
    let _told = teller.failure(&error.to_string(), &log);
    ExitCode::FAILURE
}

/// The story, or why it broke off and the end of the controller's log.
async fn run(arguments: &Arguments, teller: &mut Teller) -> Result<(), (Error, Vec<String>)> {
    let without_log = |error| (error, Vec::new());
    let stage = stage::Stage::open().await.map_err(without_log)?;
    let crds = manifests::read(&arguments.crds).map_err(without_log)?;
    let examples = manifests::read(&arguments.examples).map_err(without_log)?;
    let log = stage.file("controller.log");
    let mut plot =
        story::Story { stage: &stage, teller, controller: arguments.controller.clone(), log: log.clone() };
    let told = plot.tell(&crds, examples, arguments.keep).await;
    told.map_err(|error| (error, controller::last_lines(&log, LAST_LINES)))
}
