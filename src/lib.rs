//! Sharekeeper keeps cross-account AWS sharing exactly as custom resources declare it.
//!
//! For each governed AWS account and region (a cell) one straight line, always the same six steps:
//!
//! ```text
//!  gather ──► resolve ──► observe ──► plan ──► execute ──► report
//!  kube       pure        AWS reads   pure     AWS writes   kube writes
//! ```
//!
//! The floors, an arrow points down only:
//!
//! ```text
//!  6  main.rs cli/                  process: parse, wire, run, stop
//!  5  controllers/                  one folder or file a reconciled kind
//!  4  kube/        aws/             plumbing: client, lease, events | sessions, limits, errors
//!  3  mechanism/<name>/             observe (AWS) · diff (pure) · apply (AWS)
//!  2  plan/        org/             decisions (pure) | the organization tree
//!  1  api/                          custom resources: data, schema, CEL rules
//!  0  model/                        words: AccountId, Region, Arn, Principal, Mark, Cell (pure)
//! ```

pub mod api;
pub mod aws;
pub mod cli;
pub mod controllers;
pub mod kube;
pub mod mechanism;
pub mod model;
pub mod org;
pub mod plan;
