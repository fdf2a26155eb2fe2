//! The story, act by act. Every wait has a condition and a deadline.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use simulator::aws::example;
use simulator::aws::truth::Grant;
use tokio::time::{Instant, interval};

use crate::controller::{self, NAME};
use crate::manifests::{self, Manifest, text};
use crate::people::Administrator;
use crate::seen::Seen;
use crate::shares::Share;
use crate::stage::Stage;
use crate::tell::Teller;
use crate::{Error, summary};

/// The longest that any one thing may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How often AWS is asked whether a change has taken effect.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How long the outside target may have access, in this run.
const ACCESS: Duration = Duration::from_hours(90 * 24);

const TRANSIT_GATEWAY: &str = "network-team/transit-gateway";
const SUBNETS: &str = "network-team/subnets";
const RESOLVER_RULES: &str = "network-team/resolver-rules";
const REFUSED: &str = "network-team/subnets-to-sandbox";
const OUTSIDE: &str = "network-team/settlement-prefixes";
/// The share that somebody made by hand, long ago.
const LEGACY: &str = "partner-prefixes";
/// sandbox-anna.
const SANDBOX: &str = "444400001111";

/// What the story is told with.
pub(crate) struct Story<'a> {
    /// Where it plays.
    pub(crate) stage: &'a Stage,
    /// Who tells it.
    pub(crate) teller: &'a mut Teller,
    /// The controller's program, if not the one beside this.
    pub(crate) controller: Option<PathBuf>,
    /// Where the controller's log goes.
    pub(crate) log: PathBuf,
}

/// One thing that somebody changed behind the controller's back.
struct Tampering {
    share: &'static str,
    /// How `status.drift` names it.
    what: String,
}

impl Story<'_> {
    /// From the first manifest to the summary; with `keep` it then stays until Ctrl-C.
    pub(crate) async fn tell(
        &mut self,
        crds: &[Manifest],
        examples: Vec<Manifest>,
        keep: bool,
    ) -> Result<(), Error> {
        self.open(crds).await?;
        let running = controller::start(self.stage, self.controller.clone(), &self.log).await?;
        let pid = running.process.id().unwrap_or_default();
        self.teller.happened(&format!("started: sharekeeper controller (process {pid})"))?;
        let mut seen = Seen::watch(&self.stage.client, running.process);
        self.apply(examples, &mut seen).await?;
        self.report_undeclared(&mut seen).await?;
        self.accept(&mut seen).await?;
        self.tamper(&mut seen).await?;
        self.sum_up(&seen)?;
        if keep { self.stay(&running.admin, &running.program).await } else { Ok(()) }
    }

    async fn open(&mut self, crds: &[Manifest]) -> Result<(), Error> {
        self.teller.chapter(
            "sharekeeper, on this machine and in memory: no AWS account and no cluster is touched",
        )?;
        let accounts = example::ACCOUNTS.len();
        let aws = &self.stage.aws_url;
        self.teller
            .happened(&format!("AWS (simulated): an organization of {accounts} accounts, at {aws}"))?;
        for crd in crds {
            manifests::apply(&self.stage.client, crd).await?;
        }
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}});
        manifests::apply(&self.stage.client, &namespace).await?;
        let (kinds, kube) = (crds.len(), &self.stage.kube_url);
        self.teller
            .happened(&format!("kube API (simulated): {kinds} kinds of crds/ installed, at {kube}"))?;
        Ok(())
    }

    async fn apply(&mut self, mut examples: Vec<Manifest>, seen: &mut Seen) -> Result<(), Error> {
        let until = self.stage.opened.checked_add(ACCESS).unwrap_or(self.stage.opened);
        let dated = manifests::set_until(&mut examples, until);
        let began = Instant::now();
        for example in &examples {
            manifests::apply(&self.stage.client, example).await?;
        }
        self.teller.happened(&format!("applied: {} objects of examples/", examples.len()))?;
        if dated > 0 {
            self.teller.detail(&format!(
                "as they stand there, only `until` is set to {until}, so that it lies ahead today"
            ))?;
        }
        self.teller.chapter("What the network team and the platform team declared")?;
        let declared = examples.iter().filter(|example| manifests::kind(example) == "Share").count();
        self.follow_into_force(declared, seen).await?;
        self.teller
            .detail(&format!("all of it {:.1} s after it was applied", began.elapsed().as_secs_f64()))?;
        Ok(())
    }

    /// Tells the end of each Share as it comes: in force, refused, or waiting for somebody outside.
    async fn follow_into_force(&mut self, declared: usize, seen: &mut Seen) -> Result<(), Error> {
        let (stage, teller) = (self.stage, &mut *self.teller);
        let mut told = BTreeSet::new();
        let wait = "each Share in force, refused by policy, or waiting for an invitation to be accepted";
        seen.until(wait, DEADLINE, |known| {
            for (name, share) in known.shares() {
                if let Some(ending) = ending(stage, name, share).filter(|_| !told.contains(name)) {
                    teller.happened(&ending)?;
                    told.insert(name.to_owned());
                }
            }
            Ok((told.len() == declared).then_some(()))
        })
        .await
    }

    async fn report_undeclared(&mut self, seen: &mut Seen) -> Result<(), Error> {
        self.teller.chapter("What nobody declared")?;
        let wait =
            format!("an UndeclaredShare for {LEGACY}, which was shared by hand before sharekeeper came");
        let text = seen
            .until(&wait, DEADLINE, |known| {
                Ok(known.undeclared().find(|found| text(found, "/status/name") == LEGACY).map(undeclared))
            })
            .await?;
        self.teller.happened(&text)?;
        self.teller.detail("it is only reported; AccountSet, field undeclared.action, says so")?;
        Ok(())
    }

    async fn accept(&mut self, seen: &mut Seen) -> Result<(), Error> {
        self.teller.chapter("The partner outside accepts the invitation")?;
        let share = container(seen, OUTSIDE, "outer")?;
        let partner = Administrator::of(example::PARTNER, self.stage);
        if !partner.accept(&share).await? {
            return Err(seen.late("an invitation in the partner's account", Duration::ZERO));
        }
        self.wait_for_aws(seen, "the partner has access", |now| {
            now.iter().any(|grant| grant.share == share && grant.principal == example::PARTNER)
        })
        .await?;
        self.teller.happened(&format!("{} accepts in its own account, and has access", example::PARTNER))?;
        self.request(OUTSIDE).await?;
        let wait = format!("{OUTSIDE} says that the invitation is accepted");
        let done = |share: &Share| share.is_accepted() && share.is_in_force();
        seen.until(&wait, DEADLINE, |known| Ok(known.share(OUTSIDE).filter(|s| done(s)).map(drop))).await?;
        self.teller.happened(&format!("{OUTSIDE}: in force, inside and outside"))?;
        Ok(())
    }

    async fn tamper(&mut self, seen: &mut Seen) -> Result<(), Error> {
        let before = self.truth();
        let subnets = container(seen, SUBNETS, "inner")?;
        let somebody = Administrator::of(example::NETWORK_PROD, self.stage);
        let name = somebody.name_of(&subnets).await?;
        self.teller
            .chapter("Somebody changes things behind its back, in AWS, as administrator of network-prod")?;
        let tamperings = self.change_behind_its_back(seen, &somebody).await?;
        let began = Instant::now();
        for tampering in &tamperings {
            self.request(tampering.share).await?;
        }
        self.teller.happened("a re-read is asked for (annotation sharekeeper.dev/requestedAt), so as not to wait for the resync")?;
        self.follow_corrections(seen, &tamperings).await?;
        self.wait_for_aws(seen, "what is granted is what was granted before", |now| *now == before).await?;
        if somebody.name_of(&subnets).await? != name {
            return Err(seen.late(&format!("the name {name} in AWS"), DEADLINE));
        }
        let took = began.elapsed().as_secs_f64();
        self.teller.detail(&format!(
            "AWS again grants exactly the {} grants of before, under the same names, {took:.1} s after the request",
            before.len()
        ))?;
        Ok(())
    }

    async fn change_behind_its_back(
        &mut self,
        seen: &Seen,
        somebody: &Administrator,
    ) -> Result<[Tampering; 3], Error> {
        somebody.let_in(&container(seen, TRANSIT_GATEWAY, "inner")?, SANDBOX).await?;
        self.teller.happened("lets sandbox-anna into the transit gateway")?;
        somebody.rename(&container(seen, SUBNETS, "inner")?, "old-do-not-use").await?;
        self.teller.happened("renames the share of the subnets to old-do-not-use")?;
        somebody.throw_out(&container(seen, RESOLVER_RULES, "inner")?, example::DATA_PROD).await?;
        self.teller.happened("takes the resolver rules away from data-prod")?;
        self.wait_for_aws(seen, "the changes are in force", |now| {
            let granted = |resource: &str, principal: &str| {
                now.iter().any(|grant| grant.resource.contains(resource) && grant.principal == principal)
            };
            granted(":transit-gateway/", SANDBOX) && !granted(":resolver-rule/", example::DATA_PROD)
        })
        .await?;
        let gateway = seen.known().share(TRANSIT_GATEWAY).map(Share::resource).unwrap_or_default();
        self.teller.happened(&format!(
            "all of that is in force; the transit gateway now reaches {}",
            self.stage.reach(gateway)
        ))?;
        Ok([
            Tampering { share: TRANSIT_GATEWAY, what: format!("principal {SANDBOX}") },
            Tampering { share: SUBNETS, what: "name".to_owned() },
            Tampering { share: RESOLVER_RULES, what: format!("principal {}", example::DATA_PROD) },
        ])
    }

    async fn follow_corrections(&mut self, seen: &mut Seen, tamperings: &[Tampering]) -> Result<(), Error> {
        let teller = &mut *self.teller;
        let mut told = BTreeSet::new();
        seen.until("each change found, put right and read back", DEADLINE, |known| {
            for Tampering { share: name, what } in tamperings {
                let share = known.share(name).filter(|share| share.is_in_force() && !told.contains(name));
                if let Some(line) = share.and_then(|share| share.corrected(what)) {
                    teller.happened(&format!("{name}: drift: {line}"))?;
                    told.insert(*name);
                }
            }
            Ok((told.len() == tamperings.len()).then_some(()))
        })
        .await
    }

    fn sum_up(&mut self, seen: &Seen) -> Result<(), Error> {
        self.teller.chapter("In the end")?;
        self.teller.verbatim(&summary::shares(seen.known()))?;
        self.teller.chapter("What the controller asked of AWS")?;
        let calls = summary::calls(self.stage.net.world().journal().entries());
        self.teller.verbatim(&calls)?;
        let took = self.teller.elapsed().as_secs_f64();
        self.teller.chapter(&format!("Done in {took:.1} s. README.md says where to go from here."))?;
        Ok(())
    }

    /// Leaves all of it running until Ctrl-C.
    async fn stay(&mut self, admin: &str, program: &Path) -> Result<(), Error> {
        let program = program.display();
        let config = self.stage.file("kubeconfig");
        let aws = format!(
            "AWS_ACCESS_KEY_ID=AKIA{} AWS_SECRET_ACCESS_KEY=none aws --endpoint-url {} --region {}",
            example::NETWORK_PROD,
            self.stage.aws_url,
            example::REGION
        );
        let lines = [
            format!("export KUBECONFIG={}", config.display()),
            "kubectl get shares --all-namespaces --output wide".to_owned(),
            "kubectl get accountsets,accountregions,undeclaredshares".to_owned(),
            format!("kubectl get share --namespace network-team {} --output yaml", base(REFUSED)),
            format!("{aws} ram get-resource-shares --resource-owner SELF"),
            format!("{aws} ram list-principals --resource-owner SELF"),
            format!(
                "export AWS_ENDPOINT_URL={} AWS_REGION={} AWS_ACCESS_KEY_ID=AKIA{} AWS_SECRET_ACCESS_KEY=none",
                self.stage.aws_url,
                example::REGION,
                example::TOOLING
            ),
            format!("{program} inventory --undeclared"),
            format!("{program} plan -f examples"),
            format!("{program} halt --reason 'a look around' --wait"),
            format!("{program} resume"),
            format!("curl http://{admin}/metrics"),
            format!("tail -f {}", self.log.display()),
        ];
        self.teller.chapter("It goes on running. Look around, in another terminal:")?;
        self.teller.verbatim(&lines)?;
        self.teller.chapter("Ctrl-C ends it.")?;
        tokio::signal::ctrl_c().await?;
        Ok(())
    }

    /// Asks for a re-read of a Share's containers, as a person does with `kubectl annotate`.
    async fn request(&self, share: &str) -> Result<(), Error> {
        let (namespace, name) = share.split_once('/').unwrap_or(("default", share));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("sharekeeper.dev", "v1alpha1", "Share"));
        let shares: Api<DynamicObject> =
            Api::namespaced_with(self.stage.client.clone(), namespace, &resource);
        let at = self.stage.opened.checked_add(self.teller.elapsed()).unwrap_or(self.stage.opened);
        let annotation =
            json!({"metadata": {"annotations": {"sharekeeper.dev/requestedAt": at.to_string()}}});
        let patched = shares.patch(name, &PatchParams::default(), &Patch::Merge(annotation)).await;
        let refused = |source| Error::Kube { what: format!("to annotate {share}"), source: Box::new(source) };
        patched.map(drop).map_err(refused)
    }

    /// The grants in force in AWS.
    fn truth(&self) -> BTreeSet<Grant> {
        self.stage.net.world().truth(self.stage.net.now())
    }

    /// Waits until the grants in force are as wanted.
    async fn wait_for_aws(
        &self,
        seen: &Seen,
        waited_for: &str,
        wanted: impl Fn(&BTreeSet<Grant>) -> bool,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + DEADLINE;
        let mut asking = interval(ASK_EVERY);
        while !wanted(&self.truth()) {
            if Instant::now() > deadline {
                return Err(seen.late(&format!("AWS: {waited_for}"), DEADLINE));
            }
            asking.tick().await;
        }
        Ok(())
    }
}

/// The end of a Share's way in words, once it is reached.
fn ending(stage: &Stage, name: &str, share: &Share) -> Option<String> {
    let (resources, principals) = (share.tally("resources"), share.tally("principals"));
    if name == REFUSED {
        let permitted = share.condition("Permitted");
        return share
            .is_refused()
            .then(|| format!("{name}: refused, {}: {}", permitted.reason, permitted.message));
    }
    if share.goes_outside() {
        let accepted = share.condition("Accepted");
        return (share.is_invited() && share.is_in_force()).then(|| {
            format!(
                "{name}: in force inside, principals {principals}; outside {}: {}",
                accepted.reason, accepted.message
            )
        });
    }
    share.is_in_force().then(|| {
        let reach = stage.reach(share.resource());
        format!("{name}: in force, resources {resources}, principals {principals}; AWS lets in {reach}")
    })
}

/// An UndeclaredShare in words.
fn undeclared(found: &Value) -> String {
    let status = |member: &str| text(found, &format!("/status/{member}")).to_owned();
    let principals: Vec<&str> = found
        .pointer("/status/principals")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|principal| text(principal, "/id"))
        .collect();
    format!(
        "{} ({}) in {}, shared with {}: {}",
        status("name"),
        status("why"),
        status("account"),
        principals.join(", "),
        status("phase")
    )
}

/// The ARN of the RAM share that holds one side of a Share.
fn container(seen: &Seen, share: &str, side: &str) -> Result<String, Error> {
    let found = seen.known().share(share).and_then(|share| share.container(side));
    found
        .map(ToOwned::to_owned)
        .ok_or_else(|| seen.late(&format!("the {side} RAM share of {share} in its status"), Duration::ZERO))
}

/// A name without its namespace.
fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
