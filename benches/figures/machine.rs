//! What this machine spends.

use std::{fs, time::Duration};

/// Clock ticks a second in `/proc`: 100 on every Linux that we know of (`sysconf(_SC_CLK_TCK)`).
const TICKS: f64 = 100.0;

/// The CPU time of a process so far, all threads, user and system; of this one for `self`.
pub(crate) fn cpu(process: &str) -> Duration {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).expect("figures are taken on Linux");
    let after_name = text.rsplit_once(')').expect("proc(5)").1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    Duration::from_secs_f64(ticks / TICKS)
}

/// The CPU time of a process since it was so much.
pub(crate) fn cpu_since(process: &str, before: Duration) -> Duration {
    cpu(process).saturating_sub(before)
}

/// The most memory that a process ever held resident, in MiB.
pub(crate) fn peak_memory(process: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).expect("figures are taken on Linux");
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).expect("proc(5)");
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Now, for time that passes on this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "what a computation takes is measured in real time, whatever the runtime's clock"
)]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}
