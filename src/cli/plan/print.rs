//! A plan as people read it: `+` is made or added, `-` taken away, `~` changed, `!` refused, `?` not known, `.` waits,
//! `*` done with a warning.

use std::fmt::{self, Display, Formatter};

use super::report::{
    Action, CellReport, ChangeReport, ContainerReport, Counts, RefusalStanding, Report, ShareReport,
    UndeclaredReport, Verb, What, Why,
};

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        if !self.problems.is_empty() {
            return writeln!(f, "\n{}; nothing was planned.", number(self.problems.len(), "problem"));
        }
        for organization in &self.organizations {
            if organization.enables_sharing {
                writeln!(f, "~ Organization {}: turn RAM sharing on", organization.name)?;
            }
            if let Some(why) = &organization.unknown {
                writeln!(f, "? Organization {}: {why}", organization.name)?;
            }
        }
        for cell in self.account_regions.iter().filter(|cell| cell.says_anything()) {
            cell.fmt(f)?;
        }
        for refused in &self.refusals {
            writeln!(f, "! {}: {}", refused.object, refused.why)?;
        }
        self.undeclared(f)?;
        if !self.skipped.is_empty() {
            let kinds: Vec<String> =
                self.skipped.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            writeln!(f, "\nOther kinds among the manifests, left aside: {}.", kinds.join(", "))?;
        }
        writeln!(f, "\n{}", self.counts)
    }
}

impl Report {
    fn undeclared(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.counts.undeclared > 0 {
            writeln!(f, "\nShared in AWS, and not declared by these manifests:")?;
        }
        for cell in &self.account_regions {
            for found in &cell.undeclared {
                write!(f, "  {} ({}): ", found.name, found.arn)?;
                writeln!(f, "{}", found.origin_in_words())?;
                found.grants(f)?;
            }
        }
        Ok(())
    }
}

impl CellReport {
    fn says_anything(&self) -> bool {
        self.unknown.is_some() || self.shares.iter().any(ShareReport::says_anything)
    }
}

impl Display for CellReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.account_name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
        writeln!(f, "\n{}{name} {}, governed by AccountSet {}", self.account, self.region, self.account_set)?;
        if let Some(why) = &self.unknown {
            return writeln!(f, "  ? not read: {why}");
        }
        self.shares.iter().filter(|share| share.says_anything()).try_for_each(|share| share.print(self, f))
    }
}

impl ShareReport {
    fn says_anything(&self) -> bool {
        let says = !self.refusals.is_empty() || !self.warnings.is_empty();
        says || self.containers.iter().any(ContainerReport::says_anything)
    }

    fn print(&self, cell: &CellReport, f: &mut Formatter<'_>) -> fmt::Result {
        let place = format!("{}/{}", self.namespace, self.name);
        let telling: Vec<_> = self.containers.iter().filter(|c| c.says_anything()).collect();
        for container in &telling {
            let at = container.arn.clone().unwrap_or_else(|| format!("{} in RAM, new", container.name));
            let outer = if container.side == "outer" { ", for outside the organization" } else { "" };
            let Cell { account, region } = Cell::of(cell);
            writeln!(f, "  {} {place} ({account} {region}, {at}{outer})", container.sign())?;
            container
                .changes
                .iter()
                .filter(|c| !c.is_announced())
                .try_for_each(|c| writeln!(f, "      {c}"))?;
            container.waits.iter().try_for_each(|wait| writeln!(f, "      . {wait}"))?;
        }
        if telling.is_empty() {
            writeln!(f, "    {place}")?;
        }
        for refusal in &self.refusals {
            let what = if refusal.what.is_empty() { "the Share" } else { &refusal.what };
            let sign = match refusal.standing {
                RefusalStanding::Refused => "!",
                RefusalStanding::Undecided => "?",
                RefusalStanding::Ended => "x",
            };
            writeln!(f, "      {sign} {what}: {}", refusal.why)?;
        }
        self.warnings
            .iter()
            .try_for_each(|warning| writeln!(f, "      * {}: {}", warning.what, warning.message))
    }
}

struct Cell<'a> {
    account: &'a str,
    region: &'a str,
}

impl<'a> Cell<'a> {
    fn of(cell: &'a CellReport) -> Self {
        Self { account: &cell.account, region: &cell.region }
    }
}

impl ContainerReport {
    fn says_anything(&self) -> bool {
        !self.changes.is_empty() || !self.waits.is_empty()
    }

    fn sign(&self) -> &'static str {
        match self.action {
            Action::Make => "+",
            Action::Remove => "-",
            Action::Change => "~",
            Action::Keep => " ",
        }
    }
}

impl ChangeReport {
    /// Said by the container's own line.
    fn is_announced(&self) -> bool {
        self.what == What::Container && self.held.is_none()
    }
}

impl Display for ChangeReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sign = match self.verb {
            Verb::Add => "+",
            Verb::Remove => "-",
            Verb::Set => "~",
        };
        let what = match self.what {
            What::Container => "share",
            What::Principal => "principal",
            What::Resource => "resource",
            What::Name => "name",
            What::AllowExternalPrincipals => "external principals allowed",
            What::Permission => "permission of",
            What::Tag => "tag",
            What::Mark => "mark",
        };
        write!(f, "{sign} {what}")?;
        if let Some(of) = &self.of {
            write!(f, " {of}:")?;
        }
        match &self.before {
            Some(before) => write!(f, " {before} -> {}", self.value)?,
            None => write!(f, " {}", self.value)?,
        }
        let mut notes: Vec<String> = self.declared_as.iter().cloned().collect();
        notes.extend(self.external.then(|| "outside the organization".to_owned()));
        notes.extend(self.until.as_ref().map(|until| format!("until {until}")));
        notes.extend(self.because.map(in_words));
        if !notes.is_empty() {
            write!(f, " ({})", notes.join(", "))?;
        }
        match &self.held {
            Some(held) => write!(f, ", held: {held}"),
            None => Ok(()),
        }
    }
}

fn in_words(because: &str) -> String {
    match because {
        "policy" => "no policy allows it",
        "expired" => "its `until` has passed",
        "tree" => "the organization has changed",
        "claim" => "taken over under this Share's identity",
        other => other,
    }
    .to_owned()
}

impl UndeclaredReport {
    fn origin_in_words(&self) -> String {
        let origin = self.origin.as_deref().unwrap_or("a Share");
        match self.why.as_str() {
            "Orphaned" => format!(
                "made for Share {origin}, which is not among these manifests; deleting that Share revokes this"
            ),
            "Undecided" => {
                format!("perhaps Share {origin}'s, which cannot be read or whose account means nothing")
            }
            "OtherInstallation" => "another installation's".to_owned(),
            "ServiceManaged" => "made by AWS from a resource's own policy".to_owned(),
            _ => "made by somebody else".to_owned(),
        }
    }

    fn grants(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for principal in &self.external_principals {
            writeln!(f, "      principal {principal} (outside the organization)")?;
        }
        for principal in &self.principals {
            writeln!(f, "      principal {principal}")?;
        }
        self.resources.iter().try_for_each(|resource| writeln!(f, "      resource {resource}"))
    }
}

impl Display for Why {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { make, change, remove, held, waiting, refused, undeclared, orphaned, unknown } = *self;
        if make + change + remove + held + waiting + refused + orphaned + unknown == 0 {
            f.write_str("Plan: nothing to do; AWS is as these manifests declare")?;
        } else {
            write!(f, "Plan: {make} to make, {change} to change, {remove} to remove")?;
        }
        for (count, word) in [(held, "held"), (waiting, "waiting")] {
            if count > 0 {
                write!(f, ", {count} {word}")?;
            }
        }
        for (count, words) in [(refused, "refused"), (undeclared, "undeclared"), (unknown, "not read")] {
            if count > 0 {
                write!(f, "; {count} {words}")?;
            }
        }
        f.write_str(".")
    }
}

fn number(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
