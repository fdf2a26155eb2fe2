//! What is declared, wherever it stands: in the files of a folder, or in a cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    path::PathBuf,
    sync::Arc,
};

use clap::Args;
use kube::{
    Api, Client, Config, Resource, ResourceExt,
    api::ListParams,
    config::{KubeConfigOptions, KubeconfigError},
    core::DeserializeGuard,
};
use serde::de::DeserializeOwned;

use crate::{
    api::{
        AccountRegion, AccountSet, INSTALLATION, Installation, Organization, Share, SharingPolicy,
        UndeclaredShare,
    },
    cli::plan::manifests::{Manifests, Problem, load},
    controllers::{
        context::{OrganizationView, cell_of},
        share,
    },
    kube::watched::{Guarded, readable},
    model::{Cell, ShareKey},
    plan::record::{Record, Records},
};

/// Objects that one page of a listing holds at most.
const PAGE: u32 = 500;

/// Which cluster is meant.
#[derive(Clone, Debug, Default, Args)]
pub struct ClusterArgs {
    /// The context of the kubeconfig [default: its current one, or the pod's own cluster].
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

impl ClusterArgs {
    /// A client, and the address of the cluster that it speaks to.
    pub(in crate::cli) async fn connect(&self) -> Result<(Client, String), SourceError> {
        let config = match &self.context {
            None => Config::infer().await.map_err(|error| SourceError::Connect(Box::new(error)))?,
            Some(context) => {
                let options =
                    KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
                Config::from_kubeconfig(&options).await.map_err(SourceError::Kubeconfig)?
            }
        };
        let address = config.cluster_url.to_string();
        let client = Client::try_from(config).map_err(|error| SourceError::Connect(Box::new(error)))?;
        Ok((client, address))
    }
}

/// Where a command finds what is declared.
#[derive(Clone, Debug, Default, Args)]
pub struct SourceArgs {
    /// Folders, or files, of manifests that say what is governed and declared; folders with all below them [default: what
    /// is in the cluster of the kubeconfig].
    #[arg(long, value_name = "DIR", conflicts_with = "context")]
    pub manifests: Vec<PathBuf>,
    /// The cluster, where there are no manifests.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

impl SourceArgs {
    /// The source that is asked for. Manifests that name no namespace are in `namespace`.
    pub(in crate::cli) async fn open(&self, namespace: &str) -> Result<Source, SourceError> {
        if self.manifests.is_empty() {
            return Ok(Source::Cluster(self.cluster.connect().await?.0));
        }
        Ok(Source::Manifests { files: self.manifests.clone(), namespace: namespace.to_owned() })
    }
}

/// Where what is declared is read.
#[derive(Clone)]
pub enum Source {
    /// In these files and folders.
    Manifests {
        /// The files and folders.
        files: Vec<PathBuf>,
        /// The namespace of Shares whose manifest names none.
        namespace: String,
    },
    /// In a cluster.
    Cluster(Client),
}

/// Why it is not known what is declared.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The manifests are broken.
    #[error("{}\nNothing was read from AWS.", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Manifests(Vec<Problem>),
    /// The kubeconfig cannot be used.
    #[error("the kubeconfig cannot be used; correct it, or name another with KUBECONFIG")]
    Kubeconfig(#[source] KubeconfigError),
    /// There is no way to a cluster.
    #[error(
        "there is no way to a cluster; set KUBECONFIG, or give --manifests DIR where the command takes it"
    )]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The cluster did not list a kind.
    #[error("the {kind}s in the cluster could not be listed")]
    List {
        /// The kind.
        kind: String,
        /// What the cluster said.
        #[source]
        source: Box<kube::Error>,
    },
    /// Whose marks are ours cannot be told.
    #[error(
        "there is no Installation named {INSTALLATION} in the cluster, so which shares in AWS are ours cannot be told; create it, or \
         name another cluster with --context"
    )]
    NoInstallation,
}

/// The declared objects.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Declared {
    pub(in crate::cli) installation: Installation,
    pub(in crate::cli) organizations: Vec<Organization>,
    pub(in crate::cli) sets: Vec<AccountSet>,
    pub(in crate::cli) policies: Vec<Arc<Guarded<SharingPolicy>>>,
    pub(in crate::cli) shares: Vec<Arc<Guarded<Share>>>,
    /// What is on record of containers that nobody declared.
    pub(in crate::cli) records: Records,
    /// The set that governed each cell when the controller last looked.
    pub(in crate::cli) last: BTreeMap<Cell, String>,
    /// Sets and organizations that cannot be read, each with its reason.
    pub(in crate::cli) unreadable: Vec<String>,
}

impl Source {
    /// Reads all that is declared.
    pub(in crate::cli) async fn read(&self) -> Result<Declared, SourceError> {
        match self {
            Self::Manifests { files, namespace } => {
                load(files, namespace).map(|manifests| (&manifests).into()).map_err(SourceError::Manifests)
            }
            Self::Cluster(client) => of_cluster(client).await,
        }
    }
}

impl From<&Manifests> for Declared {
    fn from(manifests: &Manifests) -> Self {
        Self {
            installation: manifests.installation.clone(),
            organizations: manifests.organizations.clone(),
            sets: manifests.sets.clone(),
            policies: manifests.policies.iter().map(guarded).collect(),
            shares: manifests.shares.iter().map(guarded).collect(),
            records: Records::new(),
            last: BTreeMap::new(),
            unreadable: vec![],
        }
    }
}

impl Declared {
    /// The Shares of which it cannot be told what they declare in any cell: unreadable ones, and those whose account has no
    /// id by these views. What bears their mark may be theirs.
    pub(in crate::cli) fn undecided_shares(
        &self,
        views: &BTreeMap<String, OrganizationView>,
    ) -> BTreeSet<ShareKey> {
        let placed = |share: &Share| share::cell(share, views.values().cloned()).is_ok();
        let undecided = self.shares.iter().filter(|share| !share.0.as_ref().is_ok_and(placed));
        let key = |share: &Arc<Guarded<Share>>| ShareKey {
            namespace: share.namespace().unwrap_or_default(),
            name: share.name_any(),
        };
        undecided.map(key).collect()
    }
}

async fn of_cluster(client: &Client) -> Result<Declared, SourceError> {
    let installations = list::<Installation>(client).await?;
    let installation = readable(&installations).find(|found| found.name_any() == INSTALLATION).cloned();
    let organizations = list::<Organization>(client).await?;
    let sets = list::<AccountSet>(client).await?;
    let regions = list::<AccountRegion>(client).await?;
    let undeclared = list::<UndeclaredShare>(client).await?;
    let living = readable(&sets).filter(|set| set.metadata.deletion_timestamp.is_none());
    let last =
        |region: &AccountRegion| Some((cell_of(region)?, region.status.as_ref()?.account_set.clone()?));
    Ok(Declared {
        installation: installation.ok_or(SourceError::NoInstallation)?,
        sets: living.cloned().collect(),
        policies: list(client).await?,
        shares: list(client).await?,
        records: readable(&undeclared).filter_map(Record::of).collect(),
        last: readable(&regions).filter_map(last).collect(),
        unreadable: unreadable(&organizations).chain(unreadable(&sets)).collect(),
        organizations: readable(&organizations).cloned().collect(),
    })
}

fn unreadable<K: Resource<DynamicType = ()>>(objects: &[Arc<Guarded<K>>]) -> impl Iterator<Item = String> {
    objects.iter().filter_map(|object| {
        let error = object.0.as_ref().err()?;
        Some(format!("{} {} cannot be read: {error}; correct it", K::kind(&()), object.name_any()))
    })
}

/// All objects of a kind, in pages, by namespace and name. Field ownership is dropped: it is most of an object.
async fn list<K>(client: &Client) -> Result<Vec<Arc<Guarded<K>>>, SourceError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<Guarded<K>> = Api::all(client.clone());
    let mut params = ListParams::default().limit(PAGE);
    let mut all = vec![];
    loop {
        let page = api.list(&params).await.map_err(|source| SourceError::List {
            kind: K::kind(&()).into_owned(),
            source: Box::new(source),
        })?;
        all.extend(page.items.into_iter().map(|mut object| {
            object.managed_fields_mut().clear();
            Arc::new(object)
        }));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    all.sort_by_key(|object| (object.namespace(), object.name_any()));
    Ok(all)
}

/// An object as a store gives it.
fn guarded<K: Clone>(object: &K) -> Arc<Guarded<K>> {
    Arc::new(DeserializeGuard(Ok(object.clone())))
}
