//! Sharekeeper keeps cross-account AWS sharing exactly as custom resources declare it.
//!
//! For each governed AWS account and region (a cell) one straight line, always the same six steps:
//!
//! ```text
//!  gather ──► resolve ──► observe ──► plan ──► execute ──► report
//!  kube       pure        AWS reads   pure     AWS writes   kube writes
//! ```
//!
//! The floors. An arrow points down, or to the right on one floor; plumbing uses the words of floor 0 and nothing of what
//! is decided in between. `tests/architecture.rs` reads this picture and holds the code against it:
//!
//! ```text
//!  6  main.rs config.rs cli/           process: parse, wire, run, stop
//!  5  controllers/ telemetry/          one folder or file a reconciled kind | log, metrics, admin port
//!  4  mechanism/ org/load.rs           a folder a mechanism: observe (AWS), diff (pure), apply (AWS) | reads the tree
//!  3  kube/ aws/                       plumbing: client, lease, events | sessions, limits, errors, paging
//!  2  plan/ org/                       decisions | the organization tree (both pure)
//!  1  api/                             custom resources: data, schema, CEL rules (pure)
//!  0  document/ model/ mutant.rs       resource policies | words: AccountId, Region, Arn, Principal (both pure) | seeded bugs
//! ```

#![forbid(unsafe_code)]

pub mod api;
pub mod aws;
pub mod cli;
pub mod config;
pub mod controllers;
pub mod document;
pub mod kube;
pub mod mechanism;
pub mod model;
pub mod mutant;
pub mod org;
pub mod plan;
pub mod telemetry;
