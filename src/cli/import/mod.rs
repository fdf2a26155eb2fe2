//! `sharekeeper import`: Share manifests for what somebody shared in an account and region, as it is. It reads AWS, and of a
//! cluster what is declared, and writes nothing to either.

mod declare;
mod difference;
mod document;
mod object_names;
mod output;
mod sort;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use aws_config::SdkConfig;
use clap::Args;
use kube::ResourceExt;

use self::{
    declare::{Style, declare},
    difference::forecast,
    document::{body, head, seconds},
    object_names::object_names,
    output::{Imported, Outcome, Output},
    sort::{Candidate, sort},
};
use super::{
    Failure,
    governed::{Governed, Source, SourceArgs, read, sessions},
    plan::manifests::{Problem, ShareReader},
};
use crate::{
    aws::{clock::Clock, session::default_config},
    config::RateArgs,
    controllers::{account_region::gather::Gathered, share::not_governed},
    model::{AccountId, Cell, Region, ShareKey, Timestamp},
    plan::{desired::Refusal, observed::Unknown, policy::matches},
};

/// How long those outside have access, where nothing else is said.
const DAYS_OUTSIDE: i64 = 90;

/// Options of `sharekeeper import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The account, by its 12 digits or its name. An AccountSet must govern it.
    #[arg(long, value_name = "ACCOUNT")]
    pub account: String,
    /// The region.
    #[arg(long, value_name = "REGION")]
    pub region: Region,
    /// The namespace that the Shares are for.
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: String,
    /// Only shares with this ARN; `*` and `?` are wildcards; may be given several times.
    #[arg(long = "arn", value_name = "PATTERN")]
    pub arns: Vec<String>,
    /// Only shares with this name; `*` and `?` are wildcards; may be given several times.
    #[arg(long = "name", value_name = "PATTERN")]
    pub names: Vec<String>,
    /// Write one file a Share into this folder, and overwrite none [default: all to standard output].
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Write down the commands that consent to the adoption of each share, too.
    #[arg(long)]
    pub consent: bool,
    /// Write ids in place of the names of accounts and the paths of units.
    #[arg(long)]
    pub ids: bool,
    /// Declare the tags of the shares, too: they are then kept as they are now.
    #[arg(long)]
    pub tags: bool,
    /// When the access of those outside the organization ends, such as 2027-01-31 [default: in 90 days].
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// Where it stands what is governed and declared.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How fast AWS is called.
    #[command(flatten)]
    pub rates: RateArgs,
}

/// Why nothing could be imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The account is not known.
    #[error(
        "no organization that was read has an account named {0:?}; write its 12 digits, or see why the organization could not be read: {1}"
    )]
    Account(String, String),
    /// Nobody governs the account and region.
    #[error("{}", .0.message)]
    NotGoverned(Refusal),
    /// AWS could not be read.
    #[error("{cell} could not be read: {}: {}", .unknown.reason, .unknown.message)]
    Unknown {
        /// The account and region.
        cell: Cell,
        /// Why.
        unknown: Unknown,
    },
    /// The access of those outside would have ended before it is declared.
    #[error("--until {0} has passed; write a time to come")]
    Passed(Timestamp),
}

/// Imports with the credentials that the AWS command line would use.
///
/// Exits with 0 if each share that was asked for is declared as it is or belongs to a Share already, 2 if one cannot be, or
/// would differ once it is adopted, 1 if it could not be read.
pub async fn run(args: &ImportArgs) -> Result<ExitCode, Failure> {
    let clock = Clock::system();
    let source = args.source.open(&args.namespace).await?;
    let base = default_config(&clock);
    let (out, err) = (&mut io::stdout().lock(), &mut io::stderr().lock());
    Ok(ExitCode::from(import(args, &source, base, clock.clone(), out, err).await?))
}

/// Imports from AWS as `base` reaches it: manifests go to `out` or into files, what people must know goes to `err`, too.
/// Answers the exit code.
pub async fn import(
    args: &ImportArgs,
    source: &Source,
    base: impl Future<Output = SdkConfig>,
    clock: Clock,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<u8, Failure> {
    let now = clock.wall_now();
    if let Some(passed) = args.until.filter(|until| *until <= now) {
        return Err(ImportError::Passed(passed).into());
    }
    let declared = source.read().await?;
    let id = declared.installation.spec.id.clone();
    let sessions = sessions(base.await, clock, args.rates.into(), &id, "import");
    let governed = Governed::read(declared, &sessions, now).await;
    let gathered = gather(args, &governed)?;
    let cell = gathered.cell.clone();
    let listing =
        read(&sessions, &gathered).await.map_err(|unknown| ImportError::Unknown { cell, unknown })?;
    let candidates = sort(&gathered, &listing);
    let taken =
        governed.declared.shares.iter().filter(|share| share.namespace().as_ref() == Some(&args.namespace));
    let taken = taken.map(|share| share.name_any()).collect();
    // Over all that is there, so that a name does not depend on what is asked for.
    let free = candidates.iter().filter(|candidate| candidate.obstacle.is_none());
    let names = object_names(free.map(|c| (&c.container.id, c.container.name.as_str())), &taken);
    let chosen = candidates.iter().filter(|candidate| args.wants(candidate));
    let mut reader = ShareReader::default();
    let imported = chosen.map(|candidate| {
        let key = names
            .get(&candidate.container.id)
            .map(|name| ShareKey { namespace: args.namespace.clone(), name: name.clone() });
        args.one(candidate, key, &gathered, &mut reader)
    });
    let imported: Vec<Imported<'_>> = imported.collect::<Result<_, _>>()?;
    let output = Output { imported: &imported, consent: args.consent, gathered: &gathered };
    match &args.output_dir {
        Some(folder) => output.write_to(folder, err)?,
        None => output.print(out, err)?,
    }
    Ok(output.exit_code())
}

fn gather(args: &ImportArgs, governed: &Governed) -> Result<Gathered, ImportError> {
    let unread = governed.organizations.iter().filter_map(|read| read.problem.as_ref());
    let unread: Vec<String> = unread.map(|refusal| refusal.message.clone()).collect();
    let unknown = || {
        let why = if unread.is_empty() { "all were read".to_owned() } else { unread.join("; ") };
        ImportError::Account(args.account.clone(), why)
    };
    let by_name = || governed.trees().find_map(|tree| tree.account(&args.account).ok());
    let account: AccountId = args.account.parse().ok().or_else(by_name).ok_or_else(unknown)?;
    let cell = Cell { account, region: args.region.clone() };
    let governor = governed.governors.get(&cell);
    if let Some(refusal) = not_governed(&cell, governor) {
        return Err(ImportError::NotGoverned(refusal));
    }
    let gathered = governor.and_then(|governor| governed.gather(&cell, governor));
    gathered.ok_or_else(|| {
        let message = format!("the AccountSet that governs {cell} cannot be read; correct it");
        ImportError::NotGoverned(Refusal::new(crate::api::Reason::NotGoverned, message))
    })
}

impl ImportArgs {
    fn wants(&self, candidate: &Candidate<'_>) -> bool {
        let fits = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, text))
        };
        let container = candidate.container;
        fits(&self.arns, container.id.as_str()) && fits(&self.names, &container.name)
    }

    /// One share: its manifest, or why there is none.
    fn one<'c>(
        &self,
        candidate: &Candidate<'c>,
        key: Option<ShareKey>,
        gathered: &Gathered,
        reader: &mut ShareReader,
    ) -> Result<Imported<'c>, serde_saphyr::ser::Error> {
        let container = candidate.container;
        let none = |why: String, settled| Imported { container, outcome: Outcome::None { why, settled } };
        let key = match (&candidate.obstacle, key) {
            (Some(obstacle), _) => return Ok(none(obstacle.why.clone(), obstacle.settled)),
            (None, Some(key)) => key,
            (None, None) => return Ok(none("it got no name".to_owned(), false)),
        };
        let now = gathered.now;
        let outside =
            Timestamp::from_second(now.as_second() + DAYS_OUTSIDE * 86_400).unwrap_or(Timestamp::MAX);
        let style =
            Style { ids: self.ids, tags: self.tags, until: self.until.unwrap_or_else(|| seconds(outside)) };
        let declaration = declare(container, gathered, style);
        let body = body(&key, &declaration.spec)?;
        // What the apiserver would not take is not handed out.
        let share = match reader.read(&body).map(|mut shares| shares.pop()) {
            Ok(Some(share)) => share,
            Ok(None) => return Ok(none("no Share can declare it".to_owned(), false)),
            Err(problems) => return Ok(none(undeclarable(&problems), false)),
        };
        let forecast = forecast(container, &share, gathered);
        let head = head(container, &declaration.notes, &forecast, now);
        let refusals = forecast.refusals.iter().map(|why| format!("not adopted while this is so: {why}"));
        let changes = forecast.changes.iter().map(|change| format!("will differ once adopted: {change}"));
        let told = declaration.notes.into_iter().chain(refusals).chain(changes).collect();
        Ok(Imported { container, outcome: Outcome::Manifest { key, text: head + &body, told } })
    }
}

fn undeclarable(problems: &[Problem]) -> String {
    let told = |problem: &Problem| {
        format!("{}: {}", problem.field.as_deref().unwrap_or("the manifest"), problem.message)
    };
    let told: Vec<String> = problems.iter().map(told).collect();
    format!("no Share can declare it: {}", told.join("; "))
}

fn namespace(text: &str) -> Result<String, String> {
    let fits = (1..=63).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    if fits { Ok(text.to_owned()) } else { Err("write the name of a namespace: a-z, 0-9 and -".to_owned()) }
}

/// A day, which begins at midnight in UTC, or a time of RFC 3339.
fn moment(text: &str) -> Result<Timestamp, String> {
    let day = format!("{text}T00:00:00Z");
    let read = text.parse().or_else(|_| day.parse::<Timestamp>());
    read.map_err(|_| "write a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests;
