//! The simulated AWS as the real SDKs see it.

mod bench;
mod inside;
mod outside;
mod sharing;
