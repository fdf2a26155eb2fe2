//! The permission of each resource type in a share.

use super::{Comparison, is_of_type, left};
use crate::{
    model::ResourceType,
    plan::{
        change::{ChangeKind, Difference, PermissionChange},
        desired::Standing,
    },
};

impl Comparison<'_> {
    /// A permission is swapped only once nobody and nothing is left in the share that the swap would reach undeclared.
    pub(super) fn permissions(&self, out: &mut Difference) {
        for change in self.permission_changes() {
            match self.obstacle_to_permission(&change) {
                Some(obstacle) => out
                    .waits
                    .push(format!("the permission for {} is changed once {obstacle}", change.resource_type)),
                None => out.changes.push(ChangeKind::SetPermission(change).because(self.pending)),
            }
        }
    }

    pub(super) fn permission_changes(&self) -> impl Iterator<Item = PermissionChange> {
        self.want.types.iter().chain(self.learned_types()).filter_map(|t| self.permission(t))
    }

    /// The types of what is shared although no ARN tells its type: RAM names them with the permissions attached for them.
    fn learned_types(&self) -> impl Iterator<Item = &String> {
        let untold = self.container.permissions.keys().filter(|t| !ResourceType::is_told(t));
        untold.filter(|t| self.want.granted_resources().any(|arn| is_of_type(arn, t)))
    }

    pub(super) fn obstacle_to_permission(&self, change: &PermissionChange) -> Option<String> {
        let resources = self.unwanted_resources();
        let resource = resources.iter().find(|arn| is_of_type(arn, &change.resource_type));
        let member = self.unwanted_principals().into_iter().next().or_else(|| resource.cloned());
        member.map(|member| left(&member)).or_else(|| self.impossible_version(change))
    }

    /// AWS attaches a permission's default version only (ram.md §1.2): where that one is attached already, another one
    /// that a Share pins cannot be had by asking again.
    fn impossible_version(&self, change: &PermissionChange) -> Option<String> {
        let attached = self.container.permissions.get(&change.resource_type)?;
        let pinned = change.version.as_ref()?;
        let same = change.arn.as_ref() == Some(&attached.arn) && attached.is_default_version;
        (same && attached.version != *pinned).then(|| {
            format!(
                "version {pinned} is the default version of {} in AWS, which is {} now; pin that one or none",
                attached.name(),
                attached.version
            )
        })
    }

    /// One permission a type (ram.md §4). A type's own default is right where the Share names none, whatever its version.
    fn permission(&self, resource_type: &str) -> Option<PermissionChange> {
        let wanted = self.want.permissions.get(resource_type);
        let attached = self.container.permissions.get(resource_type);
        let right = match (wanted, attached) {
            (Some(wanted), Some(attached)) => {
                attached.arn == wanted.arn
                    && wanted.version.as_ref().map_or(attached.is_default_version, |pinned| {
                        // Blank: written a moment ago and not read back yet.
                        attached.version.is_empty() || *pinned == attached.version
                    })
            }
            (Some(_), None) => false,
            (None, Some(attached)) => attached.is_type_default(),
            // RAM attaches the default with the first resource of the type; without one the resource is unusable (T32).
            (None, None) => !self.shares_type(resource_type),
        };
        (!right).then(|| PermissionChange::to(resource_type, wanted))
    }

    /// Whether a permission for the type would reach anything. What is wanted and on its way out gets its permission when
    /// it is added again; what is not wanted must be gone first.
    fn shares_type(&self, resource_type: &str) -> bool {
        self.container.resources.iter().any(|(arn, row)| {
            let wanted = self.want.resources.get(arn) == Some(&Standing::Granted);
            let reached = row.state.is_present() || row.state.may_grant() && !wanted;
            reached && is_of_type(arn, resource_type)
        })
    }
}
