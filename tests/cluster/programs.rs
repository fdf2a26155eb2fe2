//! Programs of the cluster as child processes that never outlive the test.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio, id};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

/// The built program `name`; `KUBE_TOOLS_DIR` says where, else `target/kube-tools` of the clone.
///
/// Panics with the words of [`program_in`] where it is missing.
pub(crate) fn program(name: &str) -> PathBuf {
    let directory = env::var_os("KUBE_TOOLS_DIR").map(PathBuf::from);
    let built_here = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/kube-tools");
    program_in(&directory.unwrap_or_else(built_here), name)
}

/// The program `name` in `directory`; panics, saying what to run, where it is missing.
pub(crate) fn program_in(directory: &Path, name: &str) -> PathBuf {
    let program = directory.join(name);
    assert!(program.is_file(), "{} is missing: run `make kube-tools`", program.display());
    program
}

/// A shell that waits for the test process to end, however it ends, and then kills its whole process group.
///
/// It reads from a pipe that only the test process holds: the end of input is the end of the test. So no `Drop` is
/// needed for a cluster that lives in a `static`, and none for a test process that was killed.
pub(crate) struct Guardian {
    shell: Child,
}

impl Guardian {
    /// Starts the guardian; with the programs it also removes `data`.
    pub(crate) fn start(data: &Path) -> Self {
        let shell = Command::new("sh")
            .args(["-c", r#"cat >/dev/null; rm -rf "$0"; kill -KILL 0"#])
            .arg(data)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn();
        Self { shell: shell.expect("sh runs") }
    }

    /// The process group that it kills; programs are started into it.
    pub(crate) fn group(&self) -> i32 {
        self.shell.id().try_into().expect("a process id is positive")
    }

    /// Lets it do its work now.
    pub(crate) fn stop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().expect("the guardian is our child");
    }
}

/// A running program; dropping it kills it.
pub(crate) struct Program {
    name: &'static str,
    log: PathBuf,
    child: Child,
}

impl Program {
    /// Starts `name` in `directory`, with one argument a line and its output in `<name>.log`.
    pub(crate) fn start(name: &'static str, arguments: &str, directory: &Path, guardian: &Guardian) -> Self {
        let log = directory.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let child = Command::new(program(name))
            .args(arguments.lines().map(str::trim))
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(guardian.group())
            .spawn();
        Self { name, log, child: child.unwrap_or_else(|error| panic!("{name}: {error}")) }
    }

    /// Sends it a signal, by name without `SIG`.
    pub(crate) fn signal(&self, signal: &str) {
        let kill = Command::new("sh")
            .args(["-c", r#"kill -"$0" "$1""#, signal, &self.child.id().to_string()])
            .status();
        assert!(kill.expect("sh runs").success(), "{} could not be sent SIG{signal}", self.name);
    }

    /// Panics with the end of its log if it has ended.
    pub(crate) fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            self.fail(&format!("ended with {status}"));
        }
    }

    /// Panics with the end of its log.
    pub(crate) fn fail(&self, what: &str) -> ! {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(15).collect();
        let end: Vec<_> = lines.into_iter().rev().collect();
        panic!("{} {what}; its log ends with\n{}", self.name, end.join("\n"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What a command prints; as an error what it prints when it
/// fails.
pub(crate) fn run(command: &mut Command, input: &str) -> Result<String, String> {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.expect("the program starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).ok();
    let Output { status, stdout, stderr } = child.wait_with_output().expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("the program prints text");
    if status.success() { Ok(text(stdout)) } else { Err(text(stderr)) }
}

/// A new directory for one cluster below Cargo's directory for tests; what ended test processes left is removed.
pub(crate) fn own_directory() -> PathBuf {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clusters");
    remove_leftovers(&parent);
    let directory = parent.join(format!("{}-{}", id(), STARTED.fetch_add(1, Ordering::Relaxed)));
    fs::remove_dir_all(&directory).ok();
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn remove_leftovers(parent: &Path) {
    if !Path::new("/proc/self").exists() {
        return;
    }
    for directory in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = directory.file_name().to_string_lossy().into_owned();
        let lives = name.split('-').next().is_some_and(|process| Path::new("/proc").join(process).exists());
        if !lives {
            fs::remove_dir_all(directory.path()).ok();
        }
    }
}

/// A loopback port that nobody listens on.
///
/// From below the range that systems give to outgoing connections, which could otherwise take it before the program
/// does, or while an API server is down.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let own_range = u16::try_from(id().wrapping_mul(37) % u32::from(COUNT)).expect("below COUNT");
    let free = (0..COUNT).find_map(|_| {
        let port = FIRST + (own_range + TRIED.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|_| port)
    });
    free.expect("a port is free")
}
