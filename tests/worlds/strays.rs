//! RAM shares that nobody declares: when they may be removed, how many at once, and how they should end.

use std::collections::{BTreeMap, BTreeSet};

use simulator::aws::truth::LiveShare;

use crate::plan::{Choice, Removal};

/// What is between two readings that confirm each other, at least, in seconds.
const CONFIRMED_AFTER: f64 = 60.0;
/// The window of the set's budget, in seconds.
const WINDOW: f64 = 3600.0;

/// The shares that are not the controller's.
pub struct Strays {
    all: BTreeMap<String, Stray>,
    removal: Option<Removal>,
    /// Since when the set removes nothing.
    pub held_since: Option<f64>,
    /// Somebody has released what was held: from then on no number says anything.
    pub approved: bool,
    /// When the shares that let in the organization's accounts went.
    gone: Vec<f64>,
}

struct Stray {
    name: String,
    made: f64,
    inside: bool,
    decided: Option<(Choice, f64)>,
    live: bool,
}

impl Strays {
    pub fn new(removal: Option<Removal>) -> Self {
        Self { all: BTreeMap::new(), removal, held_since: None, approved: false, gone: vec![] }
    }

    pub fn is_there(&mut self, arn: &str, name: &str, inside: bool, now: f64) {
        let stray = Stray { name: name.to_owned(), made: now, inside, decided: None, live: true };
        self.all.insert(arn.to_owned(), stray);
    }

    pub fn contains(&self, arn: &str) -> bool {
        self.all.contains_key(arn)
    }

    pub fn is_decided(&mut self, arn: &str, choice: Choice, now: f64) {
        if let Some(stray) = self.all.get_mut(arn) {
            stray.decided = Some((choice, now));
        }
    }

    /// Why a write is none that the controller may make.
    ///
    /// What people decide is read live before anything goes, so that it counts however late word of it comes.
    pub fn objection(&self, operation: &str, params: &str, now: f64, late: f64) -> Option<String> {
        let (arn, stray) = self.all.iter().find(|(arn, _)| params.contains(arn.as_str()))?;
        let about = format!("{operation} on {arn} ({})", stray.name);
        let delete = match operation {
            "DeleteResourceShare" => true,
            "DisassociateResourceShare" => false,
            _ => return Some(format!("{about}, which is not ours")),
        };
        let decided = matches!(stray.decided, Some((Choice::Remove, _)));
        let grace = match self.removal {
            _ if decided && delete => 0.0,
            Some(removal) if removal.delete == delete => f64::from(removal.grace),
            _ => return Some(format!("{about}, which nobody has asked for")),
        };
        if now < stray.made + CONFIRMED_AFTER + grace {
            return Some(format!("{about}, which is {:.1} s old: too early", now - stray.made));
        }
        if matches!(stray.decided, Some((Choice::Keep, since)) if now > since + late) {
            return Some(format!("{about}, which is to be kept"));
        }
        self.held_since
            .filter(|since| now > since + late)
            .map(|_| format!("{about}, while the set removes nothing"))
    }

    /// Takes note of what is gone; says where that is more than may go in a window.
    pub fn look(&mut self, live: &[LiveShare], now: f64) -> Option<String> {
        let live: BTreeSet<&String> = live.iter().map(|share| &share.arn).collect();
        for (arn, stray) in self.all.iter_mut().filter(|(_, stray)| stray.live) {
            if !live.contains(arn) {
                stray.live = false;
                self.gone.extend(stray.inside.then_some(now));
            }
        }
        let most = self.removal?.most.filter(|_| !self.approved)?;
        // A window begins before its first removal, so that an hour may reach into two.
        let mut hours = self.gone.iter().enumerate().map(|(n, from)| {
            let within = self.gone.iter().skip(n).filter(|at| **at < from + WINDOW).count();
            (within, if n == 0 { most as usize } else { 2 * most as usize })
        });
        let (within, most) = hours.find(|(within, most)| within > most)?;
        Some(format!("{within} shares were removed within an hour, and {most} may be"))
    }

    /// What is not as it should end.
    pub fn missing(&self, live: &BTreeSet<String>, granting: &BTreeSet<String>) -> Option<String> {
        self.all.iter().find_map(|(arn, stray)| {
            let (there, grants) = (live.contains(arn), granting.contains(arn));
            let name = &stray.name;
            match (stray.decided.map(|(choice, _)| choice), self.removal) {
                (Some(Choice::Remove), _) => there.then(|| format!("{name} should be gone")),
                (Some(Choice::Keep), _) => None,
                (_, Some(removal)) if removal.delete => there.then(|| format!("{name} should be gone")),
                (_, Some(_)) => grants.then(|| format!("{name} should grant nothing")),
                (_, None) => (!there).then(|| format!("{name} should still be there")),
            }
        })
    }
}
