//! `sharekeeper inventory`: every share in AWS of the governed accounts and regions, declared or not, as AWS lists it now: RAM
//! shares, and what policies of keys, secrets, repositories and queues let others in by.
//! Nothing of it is stored; it reads AWS, and of a cluster what is declared, and writes nothing.

pub mod entry;
mod print;

use std::{
    collections::BTreeSet,
    io::{self, Write},
    process::ExitCode,
};

use aws_config::SdkConfig;
use clap::{Args, ValueEnum};
use futures::{StreamExt, stream};

pub use self::print::Counts;
use self::{
    entry::{CellInventory, Problem, ShareEntry, blank, shares, unread},
    print::Printer,
};
use super::{
    Failure,
    governed::{Governed, Source, SourceArgs, read_all, sessions},
    plan::report::Why,
};
use crate::{
    aws::{
        clock::Clock,
        session::{Sessions, default_config},
    },
    config::RateArgs,
    controllers::share::not_governed,
    model::Cell,
    plan::govern::Governor,
};

/// Options of `sharekeeper inventory`.
#[derive(Clone, Debug, Args)]
pub struct InventoryArgs {
    /// Where it stands what is governed and declared.
    #[command(flatten)]
    pub source: SourceArgs,
    /// The namespace of Shares whose manifest names none.
    #[arg(short, long, default_value = "default", value_name = "NAMESPACE")]
    pub namespace: String,
    /// What is listed.
    #[command(flatten)]
    pub choice: Choice,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// Accounts and regions that are read at once. So many of them are held in memory, and no more.
    #[arg(long, default_value_t = 8, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub at_once: u8,
    /// How fast AWS is called.
    #[command(flatten)]
    pub rates: RateArgs,
}

/// What is listed.
#[derive(Clone, Debug, Default, Args)]
pub struct Choice {
    /// Only accounts and regions that this AccountSet governs; may be given several times.
    #[arg(long = "account-set", value_name = "NAME")]
    pub account_sets: Vec<String>,
    /// Only this account, by its 12 digits or its name; may be given several times.
    #[arg(long = "account", value_name = "ACCOUNT")]
    pub accounts: Vec<String>,
    /// Only this region; may be given several times.
    #[arg(long = "region", value_name = "REGION")]
    pub regions: Vec<String>,
    /// Only what no Share declares.
    #[arg(long)]
    pub undeclared: bool,
    /// Only what lets somebody outside the organization in.
    #[arg(long)]
    pub external: bool,
}

/// How an inventory is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line a share.
    #[default]
    Table,
    /// The same, and below it all that the share holds.
    Wide,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
}

/// Nothing that is governed was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no governed account and region is in {0}; `sharekeeper inventory` without it lists all, and an AccountSet adds more"
)]
pub struct NothingChosen(String);

/// Lists with the credentials that the AWS command line would use, and prints.
///
/// Exits with 0 if every account and region that was asked for was read with all that its set has looked through, 1 if not.
pub async fn run(args: &InventoryArgs) -> Result<ExitCode, Failure> {
    let clock = Clock::system();
    let source = args.source.open(&args.namespace).await?;
    let base = default_config(&clock);
    let code = inventory(args, &source, base, clock.clone(), &mut io::stdout().lock()).await?;
    Ok(ExitCode::from(code))
}

/// Lists what `source` governs on AWS as `base` reaches it, which is asked for once the source was read; answers the exit
/// code. A reader that has seen enough is no error.
pub async fn inventory(
    args: &InventoryArgs,
    source: &Source,
    base: impl Future<Output = SdkConfig>,
    clock: Clock,
    out: &mut impl Write,
) -> Result<u8, Failure> {
    let declared = source.read().await?;
    let now = clock.wall_now();
    let id = declared.installation.spec.id.clone();
    let sessions = sessions(base.await, clock, args.rates.into(), &id, "inventory");
    let governed = Governed::read(declared, &sessions, now).await;
    let cells: Vec<(&Cell, &Governor)> = governed
        .governors
        .iter()
        .filter(|(cell, governor)| args.choice.has(&governed, cell, governor))
        .collect();
    let problems = problems(&governed, &args.choice);
    if let Some(narrowed) = args.choice.narrowed().filter(|_| cells.is_empty() && problems.is_empty()) {
        return Err(NothingChosen(narrowed).into());
    }
    match list(args, &governed, &sessions, &cells, &problems, Printer::new(out, args.output)).await {
        Ok(counts) => Ok(u8::from(counts.unknown + counts.unread + problems.len() > 0)),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(error.into()),
    }
}

async fn list<W: Write>(
    args: &InventoryArgs,
    governed: &Governed,
    sessions: &Sessions,
    cells: &[(&Cell, &Governor)],
    problems: &[Problem],
    mut printer: Printer<W>,
) -> io::Result<Counts> {
    printer.begin(&governed.declared.installation.spec.id, problems)?;
    let mut counts = Counts::default();
    let inventories = stream::iter(cells).map(|(cell, governor)| look(governed, sessions, cell, governor));
    let mut inventories = inventories.buffered(args.at_once.into());
    while let Some(mut cell) = inventories.next().await {
        counts.add(&cell);
        cell.shares.retain(|share| args.choice.wants(share));
        counts.listed += cell.shares.len();
        printer.cell(&cell)?;
    }
    printer.end(&counts)?;
    Ok(counts)
}

/// One cell, whole, or why it cannot be.
async fn look(governed: &Governed, sessions: &Sessions, cell: &Cell, governor: &Governor) -> CellInventory {
    let Some(gathered) = governed.gather(cell, governor) else {
        let unknown = not_governed(cell, Some(governor)).as_ref().map(Why::from);
        return CellInventory { unknown, ..blank(cell, None) };
    };
    let blank = blank(cell, Some(&gathered));
    let read = read_all(sessions, &gathered).await;
    // There may be thousands of cells, and none is looked at twice.
    sessions.forget(cell);
    match read {
        Ok((listing, unlisted)) => CellInventory {
            shares: shares(&gathered, &listing),
            unread: unread(&listing, &unlisted),
            ..blank
        },
        Err(unknown) => {
            let why = Why { reason: unknown.reason.to_owned(), message: unknown.message };
            CellInventory { unknown: Some(why), ..blank }
        }
    }
}

impl Counts {
    fn add(&mut self, cell: &CellInventory) {
        self.account_regions += 1;
        self.unknown += usize::from(cell.unknown.is_some());
        self.unread += cell.unread.len();
        self.shares += cell.shares.len();
        self.undeclared += cell.shares.iter().filter(|share| share.undeclared.is_some()).count();
        self.external += cell.shares.iter().filter(|share| share.counts.outside > 0).count();
    }
}

impl Choice {
    fn has(&self, governed: &Governed, cell: &Cell, governor: &Governor) -> bool {
        let sets: BTreeSet<&str> = match governor {
            Governor::Set(name) => BTreeSet::from([name.as_str()]),
            Governor::Conflict(names) => names.iter().map(String::as_str).collect(),
        };
        let named = |account: &String| {
            account == cell.account.as_str()
                || governed.trees().any(|tree| tree.account(account).is_ok_and(|id| id == cell.account))
        };
        (self.account_sets.is_empty() || self.account_sets.iter().any(|name| sets.contains(name.as_str())))
            && (self.accounts.is_empty() || self.accounts.iter().any(named))
            && (self.regions.is_empty() || self.regions.iter().any(|region| region == cell.region.as_str()))
    }

    fn wants(&self, share: &ShareEntry) -> bool {
        (!self.undeclared || share.undeclared.is_some()) && (!self.external || share.counts.outside > 0)
    }

    /// The options that narrow the accounts and regions; none where there are none.
    fn narrowed(&self) -> Option<String> {
        let options = [
            ("--account-set", &self.account_sets),
            ("--account", &self.accounts),
            ("--region", &self.regions),
        ];
        let given =
            options.iter().flat_map(|(option, values)| values.iter().map(move |v| format!("{option} {v}")));
        let given: Vec<String> = given.collect();
        (!given.is_empty()).then(|| given.join(" "))
    }
}

/// What may hide accounts and regions: what cannot be read, and names without a meaning.
fn problems(governed: &Governed, choice: &Choice) -> Vec<Problem> {
    let unreadable = governed
        .declared
        .unreadable
        .iter()
        .map(|text| Problem { object: "cluster".to_owned(), message: text.clone() });
    let organizations = governed.organizations.iter().filter_map(|read| {
        let why = Why::from(read.problem.as_ref()?);
        Some(Problem { object: format!("Organization {}", read.name), message: why.to_string() })
    });
    let chosen = |set: &String| choice.account_sets.is_empty() || choice.account_sets.contains(set);
    let sets = governed.selections.iter().filter(|(set, _)| chosen(set)).flat_map(|(set, selection)| {
        selection.problems.iter().map(move |(_, refusal)| Problem {
            object: format!("AccountSet {set}"),
            message: Why::from(refusal).to_string(),
        })
    });
    unreadable.chain(organizations).chain(sets).collect()
}
