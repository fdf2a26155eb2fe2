//! Chance from a seed: what the operating system is asked for in this process comes from here.

#![allow(unsafe_code, reason = "the C library's `getrandom` is replaced, for this test binary alone")]

use std::cell::Cell;

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// From now on all chance in this thread follows from `seed`: hash maps, jitter, invocation ids.
pub fn seed(seed: u64) {
    STATE.set(seed ^ 0x9E37_79B9_7F4A_7C15);
    fastrand::seed(seed);
}

/// The next number of splitmix64.
fn next(state: &Cell<u64>) -> u64 {
    let state_now = state.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
    state.set(state_now);
    let mut mixed = state_now;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Takes the place of libc's: the standard library and all crates that draw from the operating system call it.
///
/// # Safety
/// `buffer` points to `length` bytes that may be written, as for libc's.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    STATE.with(|state| {
        for at in 0..length {
            let byte = next(state).to_le_bytes()[0];
            // SAFETY: the caller vouches for `length` bytes from `buffer` on.
            unsafe { buffer.add(at).write(byte) };
        }
    });
    isize::try_from(length).unwrap_or(isize::MAX)
}
