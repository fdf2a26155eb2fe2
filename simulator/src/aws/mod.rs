//! AWS in memory: RAM, Organizations, KMS, Secrets Manager, ECR, SQS, SNS and STS behind one [`World`].
//!
//! The world is plain data: no IO, no clock, no locks. Time is an argument, seconds since the Unix epoch. Equal seeds
//! and equal calls give equal worlds. [`Net`] puts a clock around it and serves it in process to the AWS SDKs
//! ([`connector`]) and on loopback HTTP ([`serve`]).

pub mod action;
mod caller;
mod ecr;
pub mod example;
mod front;
pub mod journal;
pub mod kms;
mod net;
pub mod organizations;
mod page;
pub mod policy;
pub mod ram;
mod refusal;
mod rng;
mod secrets;
mod settings;
mod sns;
mod sqs;
mod strike;
pub mod sts;
pub mod truth;
pub mod weather;
mod wire;
mod world;

pub use caller::{Caller, partition};
pub use front::{admin, connector, serve};
pub use net::{Checkpoint, Clock, Lost, Net, Passage, Point, Stage};
pub use refusal::Refusal;
pub use rng::Rng;
pub use settings::{Blocks, PolicyRead, ResourceGone, Settings, UnknownArn};
pub use world::{Delivery, Fate, World};
