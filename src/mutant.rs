//! Seeded bugs: what the simulated worlds must catch, so that their silence means something. Only the feature `mutants`,
//! which nothing that ships is built with, can switch one on; without it every question here is a constant `false`.

/// Declares [`Mutant`] from one list, so that variants, names and [`Mutant::ALL`] cannot differ.
macro_rules! mutants {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// A bug that can be switched on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mutant {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name on a command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What is wrong with it.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii_start(),)+
                }
            }
        }
    };
}

mutants! {
    /// A create is sent without its client token.
    DropClientToken = "drop-client-token",
    /// Each attempt of a create takes another client token.
    NewTokenEachTime = "new-token-each-time",
    /// A container is known from the Share's status alone, never by its mark.
    StatusOnly = "status-only",
    /// Passes run before the stores are whole.
    ActBeforeSync = "act-before-sync",
    /// A listing that AWS denies is an empty one.
    DeniedIsEmpty = "denied-is-empty",
    /// A page without entries is the last.
    EmptyPageIsEnd = "empty-page-is-end",
    /// The first page is all there is.
    FirstPageOnly = "first-page-only",
    /// What nobody declares is removed when it is first seen.
    FirstSighting = "first-sighting",
    /// A share of the right name is ours.
    ClaimByName = "claim-by-name",
    /// What is written to need not bear our mark, nor be what was planned on.
    NoOwnerCheck = "no-owner-check",
    /// A principal that was just taken out is put in again with the additions.
    ReAddRevoked = "re-add-revoked",
    /// The halt is not looked at.
    ForgetHalt = "forget-halt",
    /// A Share is Ready as soon as AWS took the writes.
    ReadyBeforeReadBack = "ready-before-read-back",
    /// A budget counts each pass for itself.
    BudgetPerPass = "budget-per-pass",
    /// The fence is asked once, when a pass begins.
    FenceOncePerPass = "fence-once-per-pass",
    /// `suspend` and Report hold ends of `until` and policy's narrowing.
    SwitchHoldsEnds = "switch-holds-ends",
    /// Who declares something is not looked at once more before it is removed.
    NoLastLook = "no-last-look",
    /// A name that comes to mean another id means that one.
    FollowNames = "follow-names",
    /// A principal is put in while a resource that should not be there is still in the share.
    WidenBeforeNarrow = "widen-before-narrow",
    /// What was written is not remembered until a read shows it.
    NoExpectations = "no-expectations",
}

impl Mutant {
    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mutant| mutant.name() == name)
    }
}

#[cfg(feature = "mutants")]
static ACTIVE: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(usize::MAX);

/// Whether a bug is switched on.
#[cfg(feature = "mutants")]
pub fn is(mutant: Mutant) -> bool {
    ACTIVE.load(std::sync::atomic::Ordering::Relaxed) == mutant as usize
}

/// Whether a bug is switched on.
#[cfg(not(feature = "mutants"))]
pub const fn is(_: Mutant) -> bool {
    false
}

/// A number that never came before, for a bug that needs one.
#[cfg(feature = "mutants")]
pub fn fresh() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// A number, for a bug that needs one.
#[cfg(not(feature = "mutants"))]
pub const fn fresh() -> u64 {
    0
}

/// Switches one bug on, in this process and for good.
#[cfg(feature = "mutants")]
pub fn switch_on(mutant: Mutant) {
    ACTIVE.store(mutant as usize, std::sync::atomic::Ordering::Relaxed);
}
