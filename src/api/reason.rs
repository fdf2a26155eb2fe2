//! The closed list of reasons that conditions and status entries give.

use std::fmt;

/// Declares [`Reason`] from one list, so that its variants, its texts and [`Reason::ALL`] cannot differ.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Why a condition, or an entry in a status, is as it is: one word for machines. Each says what it
        /// means and what to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All reasons, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The reason as it stands in a status.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What it means and what to do, in words.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii_start(),)+
                }
            }
        }
    };
}

reasons! {
    // In order.
    /// All that is declared is in force, read back from AWS. Nothing to do.
    InForce,
    /// All that is declared is allowed. Nothing to do.
    Permitted,
    /// AWS is as it was made. Nothing to do.
    NoDrift,
    /// No invitation is pending. Nothing to do.
    NoneInvited,
    /// The last full read was complete. Nothing to do.
    Complete,
    /// The object is understood and applied. Nothing to do.
    Resolved,
    /// The organization's tree was read completely within three times `refresh`. Nothing to do.
    TreeCurrent,
    /// RAM may share with the organization. Nothing to do.
    SharingEnabled,
    /// Nothing is held. Nothing to do.
    NothingHeld,
    /// Writing to AWS is not halted. Nothing to do.
    NotHalted,

    // On the way.
    /// Changes are being made, or AWS is still working on them. Wait.
    Converging,
    /// An invitation waits for somebody outside to accept it. Ask them to accept it in their account; inside
    /// nobody waits for it.
    InvitationPending,
    /// An invitation was rejected or ran out. Agree with the other side, then request the Share anew
    /// (annotation `sharekeeper.dev/requestedAt`).
    InvitationEnded,
    /// AWS differs from what was applied and is being put right. Find out who changed it.
    DriftCorrected,
    /// AWS differs from what was applied, and a mode forbids to put it right. Undo the change in AWS, or
    /// change the mode.
    DriftReported,
    /// AWS differs from what was applied, and putting it right is held by a budget. Approve the digest on the
    /// AccountRegion.
    DriftHeld,
    /// The object is being deleted and its grants are being taken away. Wait.
    Deleting,
    /// A share that exists is being taken over; nothing but the mark is written until no difference is left.
    /// See `status.plan`.
    Adopting,
    /// Something that nobody declared is being removed. To keep it, declare it in a Share that adopts it.
    Removing,
    /// It waits for another object, or for the first read of AWS. Wait.
    Waiting,

    // By somebody's choice.
    /// The mode is Report: changes are planned and shown, not made. Set the Share's `enforcement` and the
    /// AccountSet's `mode` to Enforce.
    ReportOnly,
    /// The AccountSet's mode is AddOnly: grants are added and none is removed. Set `mode` to Enforce.
    AddOnly,
    /// `suspend` is set on the Share or the AccountSet. Set it to false.
    Suspended,
    /// The Installation is halted. Set `halt` to false.
    Halted,
    /// There is no readable Installation named `sharekeeper`, so everything is halted. Create it, or make it
    /// readable.
    NoInstallation,
    /// The `until` of a target has passed; its access has ended. Remove the target, or set a later `until`.
    Expired,

    // Refused for what is declared.
    /// No AccountSet governs this account and region. Ask the platform team to add it to one.
    NotGoverned,
    /// No SharingPolicy speaks of this namespace and this owner. Ask the security team for one.
    NoPolicy,
    /// Policies speak of this namespace, but none allows this resource, target and permission together. Ask
    /// the security team, or remove it.
    NotPermitted,
    /// A name does not stand in the organization's tree. Correct it, or use the id.
    NameUnknown,
    /// A name stands for more than one account or OU. Use the id.
    NameAmbiguous,
    /// A name now means another id than when it was first resolved. Write the id into the spec: it is
    /// unambiguous.
    NameMoved,
    /// The resource type does not take this kind of target. Use an account, OU or the organization.
    TargetUnsupported,
    /// This resource type cannot be shared, or not outside the organization. Share it another way, or remove
    /// it.
    TypeUnsupported,
    /// This version does not know the resource's type. It is shared only where a SharingPolicy names the resource
    /// and a type of its service; ask the security team, or remove it.
    TypeUnknown,
    /// The resource type does not take the permission that the Share names. Name one of AWS's own for it, or none.
    PermissionUnsupported,
    /// A resource belongs to another account or region than the Share. Declare it in a Share of its own
    /// account and region.
    ResourceElsewhere,
    /// A target declared as inside the organization is outside, or the reverse. Use `externalAccount` or
    /// `externalRole` for what is outside.
    WrongSide,
    /// Two objects claim the same: an account is in two AccountSets, or another Share holds the container.
    /// Remove it from one of them.
    Conflict,
    /// The share to adopt belongs to a living Share, another installation or an AWS service, or has no
    /// consent. See the message; consent is given in the UndeclaredShare.
    AdoptionRefused,
    /// The stored object cannot be read: it was written under another schema. Correct the field that the
    /// message names.
    Invalid,

    // Held for a person.
    /// Removals exceed the budget, and all of them wait. Look at the AccountRegion and approve its digest, or
    /// restore what was taken away.
    RemovalsHeld,
    /// Somebody changes the same thing in AWS again and again, and each time it was put right: now that is done
    /// once in ten minutes. Find out who, in CloudTrail, and agree on one owner.
    Contended,
    /// A decision was made about other grants than are there now. Look again and write the new `evidence`.
    EvidenceChanged,
    /// The cell is no longer selected by an AccountSet while Shares hold grants in it: nothing is written.
    /// Select it again, or delete the Shares.
    Released,

    // Out of reach.
    /// AWS denied a call. Give the role the permission that the message names, or look for a deny in an
    /// organization policy.
    AccessDenied,
    /// AWS throttles this account and region. Wait; if it stays, find who else calls it.
    Throttled,
    /// AWS did not answer, or answered with a fault of its own. Wait.
    Unavailable,
    /// The credentials have expired or are missing. Look at the controller's own identity.
    CredentialsExpired,
    /// The credentials are those of another account than the cell's. Correct the role in the AccountSet's
    /// `access`.
    CredentialsMismatch,
    /// The role cannot be assumed. Correct its trust policy, its name or the external id.
    AssumeRoleFailed,
    /// The account is suspended or closed. Take it out of the AccountSet.
    AccountSuspended,
    /// The region is not enabled in this account. Enable it, or take it out of the AccountSet. It is asked
    /// again every hour.
    RegionDisabled,
    /// A page or a part of what was to be read is missing, so that nothing can be said of absence. Wait.
    Incomplete,

    // The organization.
    /// RAM sharing with the organization is off. Run the command in the message in the management account, or
    /// set `ramSharing: Enable`.
    OrgSharingNotEnabled,
    /// Whether RAM sharing is on cannot be told from a delegated administrator. Look in the management
    /// account.
    SharingUnknown,
    /// The organization's tree could not be read completely for three times `refresh`. No access is widened
    /// by name, OU or membership meanwhile.
    TreeStale,
    /// The tree was never read completely. See the message.
    TreeUnknown,
    /// AWS answered for another organization than `spec.id`. Correct the id or the role.
    OrganizationMismatch,

    // AWS's own refusals.
    /// AWS reports associations as failed; the entries have its own words. See them.
    AssociationFailed,
    /// A quota of AWS is used up. Ask AWS for more, or share less.
    QuotaExceeded,
    /// AWS refused a request as invalid; the message has its own words. Correct what it names.
    InvalidRequest,
    /// A resource's own policy in AWS cannot be read or is refused by AWS as it stands, so nothing is changed in it. Correct the
    /// statement that the message names.
    PolicyInvalid,
    /// The resource is encrypted with a key that AWS manages, which nobody outside its account can use. Encrypt it with a
    /// customer managed key, and share that key with the same targets.
    DefaultKey,
    /// AWS does not know the resource. Correct the ARN, or wait if it was just created.
    ResourceUnknown,
    /// AWS does not know the permission, or not this version. Correct `permissions`.
    PermissionUnknown,
    /// AWS is in a state that does not allow this yet, such as an association still being made. Wait.
    StateTransition,
}

impl Reason {
    /// The reason that a status text names, if this version knows it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_is_what_a_condition_takes() {
        // apimachinery: ^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$, at most 1,024; ours are PascalCase.
        for reason in Reason::ALL {
            let text = reason.to_string();
            assert!(text.starts_with(|c: char| c.is_ascii_uppercase()), "{text}");
            assert!(text.chars().all(|c| c.is_ascii_alphanumeric()) && text.len() <= 40, "{text}");
        }
    }

    #[test]
    fn a_reason_is_read_back_from_its_text_and_nothing_else_is() {
        let texts: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(texts.len(), Reason::ALL.len());
        assert!(Reason::ALL.iter().all(|reason| Reason::parse(reason.as_str()) == Some(*reason)));
        assert_eq!(Reason::parse("inForce"), None);
        assert_eq!(Reason::parse(""), None);
    }
}
