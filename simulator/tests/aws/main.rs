//! The simulated AWS as the real SDKs see it.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test's preparation fails loudly")]

mod bench;
mod identity;
mod inside;
mod loopback;
mod outside;
mod paging;
mod permissions;
mod repeat;
mod sharing;
mod tokens;
mod tree;
mod troubles;
