//! A world as data: what is declared and edited, and what goes wrong. It prints, parses, and gives the same world again.

use serde::{Deserialize, Serialize};
use simulator::aws::weather::{AssociationFailure, Fault, Lags, Pages};

/// All of a world but its seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Plan {
    /// What is declared when the controller starts.
    pub shares: Vec<Manifest>,
    /// What the set does with what nobody declares; else it reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removal: Option<Removal>,
    /// RAM shares that somebody has made by hand.
    pub strays: Vec<Stray>,
    /// What people do, in order of time.
    pub edits: Vec<Edit>,
    /// Where the controller dies.
    pub crashes: Vec<Crash>,
    /// What goes wrong on the way to the apiserver.
    pub kube: Vec<KubeTrouble>,
    /// What goes wrong on the way to AWS, and in it.
    pub aws: AwsTrouble,
    /// A second controller that contends for the lease, and when the first one is cut off from the apiserver.
    pub rival: Option<Rival>,
    /// When all trouble ends, seconds from the start.
    pub calm_at: u32,
}

/// What a set does with what nobody declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Removal {
    /// The share is deleted; else its principals are taken out.
    pub delete: bool,
    /// How long it is waited after the second reading, in seconds.
    pub grace: u32,
    /// How many removals a person need not approve in an hour; else any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
}

/// A RAM share that somebody made by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stray {
    pub name: String,
    pub resource: Resource,
    /// An account of the organization; else the partner.
    pub with: Option<Account>,
}

/// What a person decides about a RAM share that nobody declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Choice {
    Keep,
    Remove,
    /// To remove it, about other grants than are there.
    RemoveOthers,
}

/// A Share as a person writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Its name in the cluster.
    pub share: String,
    /// Its name in AWS, where it is not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is shared.
    pub resources: Vec<Resource>,
    /// With whom.
    pub targets: Vec<Target>,
    /// Its tag `team` in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The permission of resolver rules that is not their default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// `suspend` or `enforcement: Report`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<Switch>,
}

/// A tenant's switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Switch {
    Suspend,
    Report,
}

/// The resources of the network account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Resource {
    Gateway,
    Subnet1,
    Subnet2,
    List,
    Rule,
    /// One that AWS does not know.
    Lost,
    /// A KMS key: it has a policy of its own.
    Key,
    /// A secret: it has one while somebody is let in by it.
    Secret,
}

/// The accounts that may be shared with, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Account {
    /// In `Root/Workloads/Prod`.
    Data,
    /// In `Root/Workloads/Prod`.
    Web,
    /// In `Root/Workloads/Test`.
    Test,
    /// In `Root/Security`: no policy allows it.
    Log,
}

/// The units that may be shared with, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    Prod,
    Test,
    Security,
    Sandbox,
}

/// A target of a Share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// By its digits.
    Id(Account),
    /// By its name.
    Name(Account),
    /// By its path.
    Unit(Unit),
    /// The partner outside, for long.
    Outside,
    /// The partner outside, until so many seconds from the start.
    Until(u32),
    /// A name that nobody has.
    Nobody,
}

/// Something that a person does, so many seconds from the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edit {
    pub at: u32,
    pub act: Act,
}

/// What a person does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Act {
    /// Makes or edits a Share.
    Apply(Manifest),
    /// Tries to, and the apiserver refuses.
    Refused(Manifest, Fallacy),
    /// Deletes a Share for good.
    Delete(String),
    /// Deletes a Share; git makes it again as soon as it is gone.
    Recreate(String),
    /// Asks for a reading at once.
    Request(String),
    /// `Installation.spec.halt`.
    Halt(bool),
    /// `AccountSet.spec.suspend`.
    SuspendSet(bool),
    /// `AccountSet.spec.mode`.
    Mode(Mode),
    /// What may be shared.
    Policy(Policy),
    /// Another name for an account, and its own again.
    RenameAccount(Account, bool),
    /// Another name for the account that owns it all, and its own again.
    RenameOwner(bool),
    /// Another name for a unit, and its own again.
    RenameUnit(Unit, bool),
    /// To another unit.
    Move(Account, Unit),
    /// The first account gets another name, and the second one the first one's; or each its own again.
    TakeName(Account, Account, bool),
    /// About the RAM share of that name.
    Decide(String, Choice),
    /// The owner's account is suspended, and active again.
    SuspendOwner(bool),
    /// In AWS, by hand, past the controller.
    Hand(Hand),
    /// All controllers are ended and, so many seconds later, started again, as an update does.
    Restart(u32),
}

/// What the schema refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fallacy {
    Wildcard,
    OtherRegion,
    OtherAccount,
    OutsideUndeclared,
    EndlessOutside,
    TwoKinds,
}

/// `AccountSet.spec.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    Report,
    AddOnly,
    Enforce,
}

/// What the one SharingPolicy allows beside transit gateways in `Root/Workloads/Prod`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Prefix lists and resolver rules too.
    pub lists_and_rules: bool,
    /// `Root/Workloads/Test` too.
    pub tests: bool,
    /// The partner outside too.
    pub partner: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { lists_and_rules: true, tests: true, partner: true }
    }
}

/// An edit in AWS behind the controller's back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Hand {
    /// Lets an account into a Share's inner container.
    Associate(String, Account),
    /// Puts an account out of it.
    Disassociate(String, Account),
    /// Puts a resource into it.
    AddResource(String, Resource),
    /// Takes a resource out of it.
    RemoveResource(String, Resource),
    /// Allows outsiders in it.
    AllowExternal(String),
    /// Another name.
    Rename(String),
    /// Another value of the tag `team`.
    Tag(String),
    /// Takes the mark away.
    Unmark(String),
    /// Deletes it.
    Delete(String),
    /// Makes a share of one's own, named like the container of a Share.
    Foreign(String),
    /// Marks it as another installation's.
    Steal(String),
    /// Puts the policies of the key and the secret back as they were before anybody shared them.
    Wipe,
    /// Lets an account in by all statements of ours in these policies.
    LetIn(Account),
    /// Adds a statement of one's own to these policies.
    Statement(u32),
}

/// The controller dies at a write and is started again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Crash {
    /// Writes to AWS, or to the cluster.
    pub writes: Side,
    /// At which of them, counted from 0 over the whole world.
    pub nth: u32,
    /// Whether the write has its effect.
    pub after: bool,
    /// For so many seconds it is gone.
    pub down: u32,
    /// It then lists the cluster as it was so many revisions ago.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub older: u32,
    /// It sees the cluster so for so many seconds more than usual.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub older_for: u32,
}

/// Where a write goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    Aws,
    Kube,
}

/// Trouble between controller and apiserver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KubeTrouble {
    /// A write of the controller is answered so.
    #[serde(rename_all = "camelCase")]
    Write { skip: u32, times: u32, after: bool, answer: Answer },
    /// The n-th event of each watch of a kind.
    #[serde(rename_all = "camelCase")]
    Event { kind: String, nth: u32, fault: EventFault },
    /// Lists of a kind, or of several with blanks between, fail for so many times.
    #[serde(rename_all = "camelCase")]
    List { kind: String, skip: u32, times: u32 },
    /// Watches of a kind are so many events behind, for a while.
    #[serde(rename_all = "camelCase")]
    Lag { kind: String, events: u32, from: u32, to: u32 },
    /// No connection can be made, and those that are open break.
    #[serde(rename_all = "camelCase")]
    Gone { from: u32, to: u32 },
    /// All history is compacted and all watches get 410.
    #[serde(rename_all = "camelCase")]
    Compact { at: u32 },
}

/// How the apiserver refuses a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    Conflict,
    Throttled,
    Internal,
    Timeout,
    Lost,
    Never,
}

/// What becomes of a watch's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventFault {
    Drop,
    Duplicate,
    Behind(u32),
    End,
    Break,
    Expire,
}

/// Trouble with AWS, from the start until all is calm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AwsTrouble {
    pub lags: Lags,
    pub pages: Pages,
    /// The most seconds that a call is on the wire; what has left arrives, whatever becomes of the sender.
    pub wire: f64,
    pub faults: Vec<Fault>,
    pub failures: Vec<AssociationFailure>,
}

/// Two controllers, of which the one that leads is cut off from the apiserver for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rival {
    pub cut_from: u32,
    pub cut_to: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}
