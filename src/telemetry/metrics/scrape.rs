//! Gauges that are computed when they are asked for. Of cells and Shares only who leads knows how they are now.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet},
    metrics::MetricType,
    registry::Unit,
};
use tokio::time::Instant;

use super::{
    World,
    labels::{Observed, Readiness, TypeDifference},
};

/// Reads the world at each scrape.
pub(super) struct Scrape(pub(super) Arc<Mutex<World>>);

#[derive(EncodeLabelSet)]
struct CellLabels {
    cell: String,
}

#[derive(EncodeLabelSet)]
struct ReadinessLabels {
    readiness: Readiness,
}

#[derive(EncodeLabelSet)]
struct ObservedLabels {
    observed: Observed,
}

#[derive(EncodeLabelSet)]
struct TypeLabels {
    difference: TypeDifference,
}

#[derive(EncodeLabelSet)]
struct SideLabels {
    side: &'static str,
}

impl Collector for Scrape {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let world = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let leads = world.leads.as_ref().is_some_and(|leads| leads());
        leader(leads, &mut to)?;
        if !leads {
            return Ok(());
        }
        ages(&world, &mut to)?;
        cells(&world, &mut to)?;
        undeclared(&world, &mut to)?;
        held(&world, &mut to)?;
        shares(&world, &mut to)?;
        types(&world, &mut to)
    }
}

/// One gauge family: a value for each label set.
fn gauge<L: EncodeLabelSet, V: EncodeGaugeValue>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    values: impl IntoIterator<Item = (L, V)>,
) -> Result<(), fmt::Error> {
    let mut family = to.encode_descriptor(name, help, unit, MetricType::Gauge)?;
    values.into_iter().try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
}

fn leader(leads: bool, to: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let help = "Whether this process leads";
    to.encode_descriptor("leader", help, None, MetricType::Gauge)?.encode_gauge(&i64::from(leads))
}

fn ages(world: &World, to: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let now = Instant::now();
    let age = |since: Instant| now.saturating_duration_since(since).as_secs_f64();
    let each =
        world.cells.iter().map(|(cell, state)| (CellLabels { cell: cell.to_string() }, age(state.since)));
    let seconds = Some(&Unit::Seconds);
    let help = "Time since an account region was last observed as a whole, or since it is governed";
    gauge(to, "observation_age", help, seconds, each)?;
    let oldest = world.cells.values().map(|state| age(state.since)).fold(0.0, f64::max);
    let help = "The greatest of these ages; 0 where nothing is governed";
    to.encode_descriptor("observation_age_max", help, seconds, MetricType::Gauge)?.encode_gauge(&oldest)
}

fn cells(world: &World, to: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let each = Observed::ALL.iter().map(|observed| {
        let of_it = world.cells.values().filter(|state| state.observed == *observed);
        (ObservedLabels { observed: *observed }, number(of_it.count()))
    });
    gauge(to, "account_regions", "Account regions that are governed", None, each)
}

fn undeclared(world: &World, to: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let all = || world.cells.values().map(|state| state.undeclared);
    let external = all().map(|found| found.external).sum();
    let inside = all().map(|found| found.inside).sum();
    let each = [("external", external), ("inside", inside)];
    let each = each.map(|(side, found)| (SideLabels { side }, number(found)));
    gauge(to, "undeclared_shares", "Shares in AWS that nobody declared", None, each)
}

fn held(world: &World, to: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let removals = number(world.cells.values().map(|state| state.held).sum());
    let help = "Removals that wait for a person, since they exceed a budget";
    to.encode_descriptor("removals_held", help, None, MetricType::Gauge)?.encode_gauge(&removals)
}

fn shares(world: &World, to: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let each = Readiness::ALL.iter().map(|readiness| {
        let of_it = world.shares.values().filter(|now| *now == readiness);
        (ReadinessLabels { readiness: *readiness }, number(of_it.count()))
    });
    gauge(to, "shares", "Shares, by what their status says", None, each)
}

fn types(world: &World, to: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let Some(counts) = &world.types else { return Ok(()) };
    let each = counts.iter().map(|(difference, n)| (TypeLabels { difference: *difference }, number(*n)));
    let help = "Resource types in which RAM's list and this version differ";
    gauge(to, "resource_types_differing", help, None, each)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}
