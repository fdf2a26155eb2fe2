//! Each world in a process of its own: no state of one, not even a library's hidden counter, reaches another, so that a
//! world by itself is what it was in a sweep. Processes are forked from one that has done what all need.

#![allow(unsafe_code, reason = "fork, which the standard library does not have")]

use std::{
    io::{PipeReader, Read, Write},
    panic::AssertUnwindSafe,
};

use sharekeeper::mutant::Mutant;
use simulator::kube::Cluster;

use crate::{
    life::{self, Verdict},
    plan::Plan,
    random,
};

mod libc {
    unsafe extern "C" {
        pub(super) fn fork() -> i32;
        pub(super) fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
        pub(super) fn _exit(code: i32) -> !;
        pub(super) fn setrlimit(resource: u32, limit: *const [u64; 2]) -> i32;
        pub(super) fn getrusage(who: i32, usage: *mut [i64; 18]) -> i32;
    }

    /// `RLIMIT_CPU` and `RLIMIT_AS` of Linux.
    pub(super) const CPU: u32 = 0;
    pub(super) const MEMORY: u32 = 9;

    /// `RUSAGE_CHILDREN` of Linux.
    pub(super) const CHILDREN: i32 = -1;
}

/// What a world may take, in seconds of a processor and in bytes: one that runs away is a violation, and must not take
/// the machine with it.
const MOST: [(u32, u64); 2] = [(libc::CPU, 60), (libc::MEMORY, 2 << 30)];

/// Seconds of a processor that ended worlds have taken.
pub fn cpu_of_children() -> f64 {
    let mut usage = [0_i64; 18];
    // SAFETY: `struct rusage` of 64-bit Linux is eighteen numbers of eight bytes, which may be written.
    let read = unsafe { libc::getrusage(libc::CHILDREN, &raw mut usage) };
    assert_eq!(read, 0, "the usage of children can be read");
    // The time in user code and in the kernel, each in seconds and microseconds.
    (usage[0] + usage[2]) as f64 + (usage[1] + usage[3]) as f64 / 1e6
}

/// What all worlds begin with.
pub struct Beginning {
    cluster: Option<Cluster>,
    /// The seeded bug that they run with.
    pub mutant: Option<Mutant>,
}

/// A world in its process.
pub struct Running {
    pub seed: u64,
    process: i32,
    answer: PipeReader,
}

impl Beginning {
    /// Must be made and used while the process has one thread.
    pub fn new() -> Self {
        random::seed(0);
        Self { cluster: Some(crate::stage::cluster()), mutant: None }
    }

    /// Starts a world in a process of its own; `tell` has it print its calls.
    pub fn start(&mut self, seed: u64, plan: &Plan, tell: bool) -> Running {
        let (answer, mut question) = std::io::pipe().expect("pipes");
        // SAFETY: this process has one thread, so the child finds no lock held by another.
        let process = unsafe { libc::fork() };
        assert!(process >= 0, "no further process can be started");
        if process > 0 {
            return Running { seed, process, answer };
        }
        drop(answer);
        for (resource, most) in MOST {
            let limit = [most, most];
            // SAFETY: the limit is two numbers, the soft and the hard one, as the call reads them.
            let set = unsafe { libc::setrlimit(resource, &raw const limit) };
            assert_eq!(set, 0, "limits can be set");
        }
        if let Some(mutant) = self.mutant {
            sharekeeper::mutant::switch_on(mutant);
        }
        let cluster = self.cluster.take().expect("a child lives through one world");
        let verdict = in_a_thread(seed, plan, cluster, tell);
        let written = serde_json::to_writer(&mut question, &verdict).is_ok() && question.flush().is_ok();
        drop(question);
        // SAFETY: ends the child without what the parent has registered to be done at its own end.
        unsafe { libc::_exit(i32::from(!written)) }
    }
}

impl Running {
    /// Waits for the verdict. A process that ends without one is a violation too.
    pub fn verdict(mut self) -> Verdict {
        let mut text = String::new();
        let read = self.answer.read_to_string(&mut text);
        let mut status = 0;
        // SAFETY: `status` may be written; the process is a child that nobody else waits for.
        unsafe { libc::waitpid(self.process, &raw mut status, 0) };
        match (read, serde_json::from_str(&text)) {
            (Ok(_), Ok(verdict)) => verdict,
            _ => Verdict {
                violations: vec![format!("its process ended with status {status}")],
                ..Verdict::default()
            },
        }
    }
}

/// In a thread that has drawn nothing yet: what a thread keeps of chance follows from the seed.
fn in_a_thread(seed: u64, plan: &Plan, cluster: Cluster, tell: bool) -> Verdict {
    let plan = plan.clone();
    let thread = std::thread::Builder::new().stack_size(16 << 20).spawn(move || {
        random::seed(seed);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let world = AssertUnwindSafe(|| runtime.block_on(life::live(seed, &plan, cluster, tell)));
        std::panic::catch_unwind(world)
    });
    match thread.expect("threads").join() {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(panic)) | Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Verdict {
                violations: vec![format!("panicked: {}", text.unwrap_or_default())],
                ..Verdict::default()
            }
        }
    }
}
