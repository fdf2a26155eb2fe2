//! Liveness: where every world must end, whatever happened on the way.

use std::collections::BTreeSet;

use serde_json::Value;
use simulator::aws::truth::{Grant, LiveShare};

use crate::{
    model::{Container, Declared},
    oracle::{Oracle, condition, is_outer, marked_for},
    plan::Manifest,
    scene::READ_ONLY,
    stage::Stage,
};

/// What is not yet as it is declared, in AWS or in a status; none: all is.
pub fn missing(stage: &Stage, oracle: &Oracle) -> Option<String> {
    let declared = oracle.declared();
    let (wanted, found) = (declared.grants(), oracle.in_force());
    if wanted != found {
        let lacks: Vec<_> = wanted.difference(&found).collect();
        let extra: Vec<_> = found.difference(&wanted).collect();
        return Some(format!("not in force: {lacks:?}; in force and not declared: {extra:?}"));
    }
    let strays = || oracle.missing_of_strays();
    containers(stage, &declared).or_else(|| statuses(stage, &declared)).or_else(strays)
}

fn containers(stage: &Stage, declared: &Declared) -> Option<String> {
    let wanted: BTreeSet<Container> =
        declared.shares.values().flat_map(|share| declared.containers(share)).collect();
    let found = pictures(stage, declared);
    (wanted != found).then(|| {
        let lacks: Vec<_> = wanted.difference(&found).collect();
        let extra: Vec<_> = found.difference(&wanted).collect();
        format!("RAM shares that should be there: {lacks:?}; and should not: {extra:?}")
    })
}

/// Our RAM shares as they are; an inner one that grants nothing may be there or not.
fn pictures(stage: &Stage, declared: &Declared) -> BTreeSet<Container> {
    let mut world = stage.aws.world();
    let now = stage.aws.now();
    let (live, grants) = (world.live_shares(now), world.truth(now));
    let ours = live.into_iter().filter(|share| marked_for(share).is_some());
    ours.filter_map(|share| {
        let of: Vec<&Grant> = grants.iter().filter(|grant| grant.share == share.arn).collect();
        let name = marked_for(&share)?.clone();
        let empty = of.is_empty() && !is_outer(&share) && declared.shares.contains_key(&name);
        (!empty).then(|| picture(&share, name, &of))
    })
    .collect()
}

fn picture(share: &LiveShare, of: String, grants: &[&Grant]) -> Container {
    let rules: Vec<_> = grants.iter().filter(|grant| grant.resource.contains(":resolver-rule/")).collect();
    Container {
        share: of,
        outside: is_outer(share),
        name: share.name.clone(),
        tag: share.tags.get("team").cloned(),
        pairs: grants
            .iter()
            .map(|grant| (crate::oracle::known(&grant.resource), grant.principal.clone()))
            .collect(),
        read_only: !rules.is_empty() && rules.iter().all(|grant| grant.permission.ends_with(READ_ONLY)),
    }
}

fn statuses(stage: &Stage, declared: &Declared) -> Option<String> {
    declared.shares.values().find_map(|manifest| status(stage, declared, manifest))
}

/// What a Share's status does not say truly.
fn status(stage: &Stage, declared: &Declared, manifest: &Manifest) -> Option<String> {
    let name = &manifest.share;
    let Some(object) = stage.share(name) else { return Some(format!("{name} is not in the cluster")) };
    let Some(ready) = condition(&object, "Ready") else { return Some(format!("{name} has no Ready")) };
    let wanted = if declared.is_granted_whole(manifest) { "True" } else { "False" };
    if ready["status"] != wanted || ready["observedGeneration"] != object["metadata"]["generation"] {
        return Some(format!("{name} should be Ready={wanted} and says {ready}"));
    }
    let entries = object["status"]["principals"].as_array().into_iter().flatten();
    let mut silent = entries.filter(|e| text(e, "state") != "InForce" && text(e, "reason").is_empty());
    silent.next().map(|entry| format!("{name} does not say why of {entry}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
