//! The `sharekeeper` binary: reads the command line, starts the log, runs the command, says what failed.

#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use sharekeeper::{
    cli::{self, Failure},
    config::{Cli, Command},
    telemetry::logging,
};

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await.unwrap_or_else(|error| {
        let text = cli::with_sources(error.as_ref());
        // Where standard error is gone there is nobody left to tell.
        let _ = writeln!(io::stderr(), "sharekeeper: {text}");
        ExitCode::FAILURE
    })
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    logging::init(cli.log.log_format, &cli.log.log)?;
    match cli.command {
        Command::Crds => cli::crds::run(),
        Command::Plan(args) => cli::plan::run(&args).await,
        Command::Inventory(args) => cli::inventory::run(&args).await,
        Command::Import(args) => cli::import::run(&args).await,
        Command::Halt(args) => cli::halt::run_halt(&args).await,
        Command::Resume(args) => cli::halt::run_resume(&args).await,
        Command::Iam(args) => cli::iam::run(&args),
        Command::Controller(args) => cli::controller::run(args).await,
    }
}
