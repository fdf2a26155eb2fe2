//! A real control plane for tests: etcd, kube-apiserver and, if asked for, a few controllers of
//! kube-controller-manager, on loopback, from the programs that `make kube-tools` builds.
//!
//! ```ignore
//! let cluster = Cluster::start(Options { controller_manager: true }).await;
//! let client = cluster.client(&User::admin()).await;
//! let kubeconfig = cluster.kubeconfig(&User::service_account("sharekeeper-system", "sharekeeper"));
//! ```
//!
//! Everybody is known by a client certificate, so any user and any service account can be spoken for without having
//! been announced; RBAC decides what they may do. Nothing outlives the test process, however it ends.
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part of the harness")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test's harness fails by panicking with words"
)]

mod access;
mod audit;
mod certificates;
pub(crate) mod chart;
mod kubectl;
mod programs;
mod proxy;

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

pub(crate) use access::User;
pub(crate) use audit::{AuditEvent, Permission};
pub(crate) use programs::{Guardian, program, program_in};
pub(crate) use proxy::CuttingProxy;

use access::Kubeconfigs;
use certificates::Authority;
use programs::{Program, free_port, own_directory};

/// How long a program may take until it serves, on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(2);

/// What a cluster is made of beyond etcd and the API server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Run the namespace controller and the garbage collector, without which a deleted namespace never goes away, and
    /// the controller that fills aggregated cluster roles.
    pub(crate) controller_manager: bool,
}

/// A running control plane; dropping it stops all its programs.
pub(crate) struct Cluster {
    directory: PathBuf,
    etcd_port: u16,
    port: u16,
    authority: Authority,
    kubeconfigs: Mutex<Kubeconfigs>,
    guardian: Guardian,
    etcd: Option<Program>,
    apiserver: Option<Program>,
    controller_manager: Option<Program>,
}

impl Cluster {
    /// Starts a cluster and waits until it serves.
    ///
    /// Panics, naming `make kube-tools`, where the programs are not built.
    pub(crate) async fn start(options: Options) -> Self {
        let directory = own_directory();
        let authority = Authority::create(&directory);
        let mut cluster = Self {
            guardian: Guardian::start(&directory.join("etcd")),
            etcd_port: free_port(),
            port: free_port(),
            kubeconfigs: Mutex::default(),
            authority,
            directory,
            etcd: None,
            apiserver: None,
            controller_manager: None,
        };
        cluster.start_etcd().await;
        cluster.start_apiserver().await;
        if options.controller_manager {
            cluster.start_controller_manager();
        }
        cluster
    }

    /// The cluster that tests of one binary share, with a controller manager; started by the first that asks, stopped
    /// when the binary ends.
    ///
    /// Tests that use it keep to namespaces and names of their own.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<Cluster> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::start(Options { controller_manager: true })).await
    }

    /// Where the API server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The process group that ends with the cluster, for programs that are to end with it.
    pub(crate) fn process_group(&self) -> i32 {
        self.guardian.group()
    }

    /// A kubeconfig file for `user`, for programs.
    pub(crate) fn kubeconfig(&self, user: &User) -> PathBuf {
        self.kubeconfig_through(self.address(), user)
    }

    /// The same, through a proxy at `address`.
    pub(crate) fn kubeconfig_through(&self, address: SocketAddr, user: &User) -> PathBuf {
        self.kubeconfigs.lock().unwrap().file(&self.authority, address, user)
    }

    /// A client that speaks as `user`. It belongs to the calling test's runtime.
    pub(crate) async fn client(&self, user: &User) -> Client {
        client_of(&self.kubeconfig(user)).await
    }

    /// The same, through a proxy at `address`.
    pub(crate) async fn client_through(&self, address: SocketAddr, user: &User) -> Client {
        client_of(&self.kubeconfig_through(address, user)).await
    }

    /// Kills the API server: open connections break, new ones are refused, the data stays.
    pub(crate) fn stop_apiserver(&mut self) {
        self.apiserver = None;
    }

    /// Starts the API server, at the same address as before, and waits until it serves.
    pub(crate) async fn start_apiserver(&mut self) {
        let arguments = self.apiserver_arguments();
        self.apiserver = Some(Program::start("kube-apiserver", &arguments, &self.directory, &self.guardian));
        let client = self.client(&User::admin()).await;
        let ready = || async {
            let request = http::Request::get("/readyz").body(Vec::new()).unwrap();
            client.request_text(request).await.is_ok()
        };
        wait_for(self.apiserver.as_mut().unwrap(), ready).await;
    }

    /// Freezes the API server: connections stay open and nothing answers.
    pub(crate) fn pause_apiserver(&mut self) {
        self.apiserver.as_ref().expect("the API server was stopped").signal("STOP");
    }

    /// Lets a frozen API server go on.
    pub(crate) fn resume_apiserver(&mut self) {
        self.apiserver.as_ref().expect("the API server was stopped").signal("CONT");
    }

    /// Forgets all revisions before the current one in etcd.
    ///
    /// The API server still serves old revisions from its memory; after `stop_apiserver`, this and `start_apiserver`
    /// a watch from an old resourceVersion is answered with 410 Gone.
    pub(crate) fn compact_etcd(&self) {
        let range = self.ask_etcd("range", r#"{"key":"AA==","count_only":true}"#);
        let revision = range.pointer("/header/revision").and_then(serde_json::Value::as_str);
        let revision = revision.expect("etcd's answer has a revision");
        self.ask_etcd("compaction", &format!(r#"{{"revision":"{revision}","physical":true}}"#));
    }

    /// What was asked of the API server so far, in order, by everybody but its own components.
    pub(crate) fn audit_events(&self) -> Vec<AuditEvent> {
        audit::read(&self.directory.join("audit.log"))
    }

    /// What `user` asked for and was allowed to do so far.
    pub(crate) fn permissions_used(&self, user: &User) -> BTreeSet<Permission> {
        let events = self.audit_events();
        let of_user = events.iter().filter(|event| event.user.username == user.name());
        let allowed = of_user.filter(|event| event.code() != Some(403));
        allowed.filter_map(AuditEvent::permission).collect()
    }

    async fn start_etcd(&mut self) {
        let address = (Ipv4Addr::LOCALHOST, self.etcd_port);
        let (clients, peers) = (self.etcd_url(), format!("http://127.0.0.1:{}", free_port()));
        let arguments = format!(
            "--data-dir=etcd
             --listen-client-urls={clients}
             --advertise-client-urls={clients}
             --listen-peer-urls={peers}
             --initial-advertise-peer-urls={peers}
             --initial-cluster=default={peers}
             --unsafe-no-fsync
             --log-level=warn"
        );
        let mut etcd = Program::start("etcd", &arguments, &self.directory, &self.guardian);
        wait_for(&mut etcd, || async { TcpStream::connect(address).await.is_ok() }).await;
        self.etcd = Some(etcd);
    }

    fn start_controller_manager(&mut self) {
        let user = User::named("system:kube-controller-manager").in_group("system:masters");
        let arguments = format!(
            "--kubeconfig={}
             --controllers=namespace-controller,garbage-collector-controller,clusterrole-aggregation-controller
             --leader-elect=false
             --secure-port=0",
            self.kubeconfig(&user).display()
        );
        let started = Program::start("kube-controller-manager", &arguments, &self.directory, &self.guardian);
        self.controller_manager = Some(started);
    }

    fn apiserver_arguments(&self) -> String {
        fs::write(self.directory.join("audit-policy.yaml"), audit::POLICY).unwrap();
        format!(
            "--etcd-servers={}
             --etcd-compaction-interval=0s
             --bind-address=127.0.0.1
             --advertise-address=127.0.0.1
             --secure-port={}
             --endpoint-reconciler-type=none
             --service-cluster-ip-range=10.0.0.0/24
             --authorization-mode=RBAC
             --tls-cert-file=server.crt
             --tls-private-key-file=server.key
             --client-ca-file=ca.crt
             --service-account-issuer=https://sharekeeper.test
             --service-account-key-file=service-account.key
             --service-account-signing-key-file=service-account.key
             --audit-policy-file=audit-policy.yaml
             --audit-log-path=audit.log
             --audit-log-mode=blocking
             --enable-priority-and-fairness=false
             --profiling=false",
            self.etcd_url(),
            self.port
        )
    }

    fn etcd_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.etcd_port)
    }

    fn ask_etcd(&self, operation: &str, body: &str) -> serde_json::Value {
        let url = format!("{}/v3/kv/{operation}", self.etcd_url());
        let curl =
            Command::new("curl").args(["--silent", "--show-error", "--fail", "--data", body, &url]).output();
        let output = curl.expect("curl runs");
        assert!(output.status.success(), "etcd {operation}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("etcd answers in JSON")
    }
}

impl Drop for Cluster {
    /// The API server first: without etcd it would not end.
    fn drop(&mut self) {
        self.apiserver = None;
        self.controller_manager = None;
        self.etcd = None;
        self.guardian.stop();
        if std::thread::panicking() {
            eprintln!("the cluster's logs are kept in {}", self.directory.display());
        } else {
            fs::remove_dir_all(&self.directory).ok();
        }
    }
}

async fn client_of(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Asks until `ready` says yes; panics with the end of the program's log when it ends or takes too long.
async fn wait_for(program: &mut Program, ready: impl AsyncFn() -> bool) {
    let serving = async {
        while !ready().await {
            program.assert_running();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(START_LIMIT, serving).await.is_err() {
        program.fail("does not serve");
    }
}
