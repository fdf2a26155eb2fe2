//! A controller as a process of its own, with nothing of this machine's AWS or kube settings in reach.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard},
};

use simulator::aws::example;

/// What a controller is started with.
pub(crate) struct Settings<'s> {
    /// The pod's name: in the lease and in AWS session names.
    pub(crate) identity: &'s str,
    /// Whom it is to the API server.
    pub(crate) kubeconfig: PathBuf,
    /// Where AWS listens.
    pub(crate) aws_url: &'s str,
    /// Where its log is kept.
    pub(crate) folder: &'s Path,
    /// With which it ends at the latest.
    pub(crate) process_group: i32,
}

/// A running controller; it is killed when dropped.
pub(crate) struct Controller {
    identity: String,
    log: PathBuf,
    child: Mutex<Child>,
}

impl Controller {
    /// Starts the program.
    pub(crate) fn start(settings: &Settings<'_>) -> Self {
        let log = settings.folder.join(format!("{}.log", settings.identity));
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let nothing = settings.folder.join("aws-config");
        File::create(&nothing).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_sharekeeper"))
            .arg("controller")
            .arg("--admin-address=127.0.0.1:0")
            .arg(format!("--lease-namespace={}", super::cluster::chart::NAMESPACE))
            .arg("--lease-name=sharekeeper")
            .arg(format!("--identity={}", settings.identity))
            // Soon taken over, and still longer than a busy machine makes a renewal wait.
            .args(["--lease-duration=5s", "--lease-renew-deadline=3s", "--lease-retry-period=1s"])
            .env_clear()
            .env("KUBECONFIG", &settings.kubeconfig)
            .env("AWS_ENDPOINT_URL", settings.aws_url)
            .env("AWS_REGION", example::REGION)
            // The simulator reads the account from the key and checks no signature.
            .env("AWS_ACCESS_KEY_ID", format!("AKIA{}", example::MANAGEMENT))
            .env("AWS_SECRET_ACCESS_KEY", "none")
            .env("AWS_CONFIG_FILE", &nothing)
            .env("AWS_SHARED_CREDENTIALS_FILE", &nothing)
            .env("RUST_LOG", "info")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(settings.process_group)
            .spawn()
            .expect("the controller starts");
        Self { identity: settings.identity.to_owned(), log, child: Mutex::new(child) }
    }

    /// The pod's name that it was given.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Its process id.
    pub(crate) fn process(&self) -> String {
        self.child().id().to_string()
    }

    /// Sends it a signal, by name without `SIG`.
    pub(crate) fn signal(&self, signal: &str) {
        let process = self.process();
        let kill = Command::new("sh").args(["-c", r#"kill -"$0" "$1""#, signal, &process]).status();
        assert!(kill.expect("sh runs").success(), "{} could not be sent SIG{signal}", self.identity);
    }

    /// Ends it without a word, wherever it stands.
    pub(crate) fn kill(&self) {
        let mut child = self.child();
        child.kill().expect("it is our child");
        child.wait().expect("it is our child");
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&self) -> Option<String> {
        self.child().try_wait().expect("it is our child").map(|status| status.to_string())
    }

    /// How many lines of its log contain these words.
    pub(crate) fn said(&self, words: &str) -> usize {
        self.log().lines().filter(|line| line.contains(words)).count()
    }

    /// The last lines of its log.
    pub(crate) fn last_words(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<_> = log.lines().collect();
        let end: Vec<String> = all
            .iter()
            .skip(all.len().saturating_sub(lines))
            .map(|line| line.chars().take(600).collect())
            .collect();
        let end = end.join("\n");
        let state = self.ended().map_or_else(|| "runs".to_owned(), |how| format!("ended with {how}"));
        format!("controller {} {state}; its log ends with\n{end}", self.identity)
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().expect("nobody panics with it")
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let mut child = self.child();
        child.kill().ok();
        child.wait().ok();
    }
}
