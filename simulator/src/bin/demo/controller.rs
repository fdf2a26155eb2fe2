//! The controller: the built program as a process of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use simulator::aws::example;
use tokio::process::{Child, Command};

use crate::Error;
use crate::stage::{Stage, free_port};

/// Its namespace, and the name of its lease.
pub(crate) const NAME: &str = "sharekeeper";

/// The controller at work.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its process; it ends when this is dropped.
    pub(crate) process: Child,
    /// Its metrics and probes.
    pub(crate) admin: String,
    /// Where its program is.
    pub(crate) program: PathBuf,
}

/// Starts `sharekeeper controller` against the stage, with nothing of this machine's AWS or kube settings in reach.
pub(crate) async fn start(stage: &Stage, program: Option<PathBuf>, log: &Path) -> Result<Running, Error> {
    let program = program.map_or_else(beside_this_program, Ok)?;
    let failed = |source| Error::Io { what: format!("cannot start {}", program.display()), source };
    let output = File::create(log).map_err(failed)?;
    let nothing = stage.file("aws-config");
    File::create(&nothing).map_err(failed)?;
    let admin = format!("127.0.0.1:{}", free_port().await?);
    let process = Command::new(&program)
        .arg("controller")
        .arg(format!("--admin-address={admin}"))
        .arg(format!("--lease-namespace={NAME}"))
        .arg(format!("--lease-name={NAME}"))
        .arg("--identity=demo")
        .env_clear()
        .env("KUBECONFIG", stage.file("kubeconfig"))
        .env("AWS_ENDPOINT_URL", &stage.aws_url)
        .env("AWS_REGION", example::REGION)
        // The simulator reads the account from the key and checks no signature.
        .env("AWS_ACCESS_KEY_ID", format!("AKIA{}", example::TOOLING))
        .env("AWS_SECRET_ACCESS_KEY", "none")
        .env("AWS_CONFIG_FILE", &nothing)
        .env("AWS_SHARED_CREDENTIALS_FILE", &nothing)
        .env("RUST_LOG", "info")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(failed)?)
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    Ok(Running { process, admin, program })
}

fn beside_this_program() -> Result<PathBuf, Error> {
    let failed = |source| Error::Io { what: "cannot tell where this program is".to_owned(), source };
    Ok(std::env::current_exe().map_err(failed)?.with_file_name(NAME))
}

/// The last lines of a log, long ones cut off; none where there is none.
pub(crate) fn last_lines(log: &Path, count: usize) -> Vec<String> {
    /// Longest line that is shown.
    const LONGEST: usize = 400;
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(count))
        .map(|line| line.chars().take(LONGEST).collect())
        .collect()
}
