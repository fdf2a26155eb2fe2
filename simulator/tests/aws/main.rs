//! The simulated AWS as the real SDKs see it.

mod bench;
mod sharing;
