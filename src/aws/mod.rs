//! How AWS is reached: whose credentials, how fast, for how long, under whose permission to write, and what an error
//! means. Every AWS call of the product is made on clients from [`session::Sessions`] and goes through [`calls::Calls`].

mod assume_role;
mod attempts;
pub mod audit;
pub mod calls;
pub mod clients;
pub mod clock;
mod disposition;
pub mod errors;
pub mod fence;
mod http;
pub mod limits;
pub mod operations;
pub mod paging;
pub mod session;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The lock, also after another thread has panicked while holding it: no state here is left half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
