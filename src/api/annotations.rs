//! Annotations by which people and tools speak to the controller.

/// On a Share: read its containers again, now. Any new value asks once; it is acknowledged in
/// `status.lastHandledReconcileAt`.
pub const REQUESTED_AT: &str = "sharekeeper.dev/requestedAt";
/// The same, as Flux's tools write it.
pub const FLUX_REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// On an AccountRegion: release exactly the held removals that have this digest, once.
pub const APPROVE: &str = "sharekeeper.dev/approve";
/// On a Share that is being deleted while AWS is out of reach: let go of it. The value is the Share's UID.
pub const ABANDON: &str = "sharekeeper.dev/abandon";
/// On the Installation: why it is halted, in words, for people. Nothing rests on it.
pub const HALT_REASON: &str = "sharekeeper.dev/haltReason";
