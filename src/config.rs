//! The command line and the environment: read once, here.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    api::duration::{self, NotADuration},
    aws::limits::{CellRates, Rate},
    cli::{
        halt::{HaltArgs, ResumeArgs},
        iam::IamArgs,
        import::ImportArgs,
        inventory::InventoryArgs,
    },
    kube::lease,
    telemetry::logging::LogFormat,
};

/// Keeps cross-account AWS sharing exactly as custom resources declare it.
#[derive(Debug, Parser)]
#[command(name = "sharekeeper", version, arg_required_else_help = true)]
pub struct Cli {
    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogArgs,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the definitions of the custom resources, for `kubectl apply --server-side -f -`.
    Crds,
    /// Show what the controller would do if these manifests were applied. It reads AWS and writes nothing.
    ///
    /// Exit codes: 0, AWS is as the manifests declare; 2, it is not: something would be done, is held back, waits or is
    /// refused, or a share is left of a Share that is not among the manifests; 1, the manifests are broken, or something
    /// could not be read, so that the plan is not whole. What others share, and a target whose `until` has passed, do not
    /// count. A check of a pull request can let 0 and 2 pass, or look at `.counts.refused` of `-o json`.
    Plan(PlanArgs),
    /// List every share in AWS of the governed accounts and regions, declared or not. It reads AWS and writes nothing.
    ///
    /// Exit codes: 0, all that was asked for was read; 1, something was not: it is named with its reason, and the rest is
    /// listed all the same.
    Inventory(InventoryArgs),
    /// Write Share manifests for what somebody shared in an account and region, as it is, to be adopted. It reads AWS and
    /// writes nothing to it.
    ///
    /// Exit codes: 0, each share that was asked for is declared as it is, or is a Share's or another installation's already;
    /// 2, one cannot be declared, or would differ once it is adopted, which is said; 1, it could not be read.
    Import(ImportArgs),
    /// Stop every write to AWS, everywhere, at once. Reading and reporting go on.
    Halt(HaltArgs),
    /// Let writing to AWS go on after `sharekeeper halt`.
    Resume(ResumeArgs),
    /// Print the IAM policies that the controller needs, and no more than it needs.
    Iam(IamArgs),
    /// Run the controller until told to end.
    Controller(ControllerArgs),
}

/// What is logged, and how.
#[derive(Clone, Debug, Args)]
pub struct LogArgs {
    /// How the log on standard error is written.
    #[arg(long, value_enum, default_value_t, env = "SHAREKEEPER_LOG_FORMAT", global = true)]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug or trace, or a filter such as `info,sharekeeper=debug`. Audit lines
    /// always are.
    #[arg(long, default_value = "info", env = "RUST_LOG", global = true, value_name = "FILTER")]
    pub log: String,
}

/// How output is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Options of `sharekeeper controller`.
#[derive(Clone, Debug, Args)]
pub struct ControllerArgs {
    /// Where /livez, /readyz and /metrics are served.
    #[arg(long, default_value = "127.0.0.1:8080", env = "SHAREKEEPER_ADMIN_ADDRESS", value_name = "IP:PORT")]
    pub admin_address: SocketAddr,
    /// How leadership is held.
    #[command(flatten)]
    pub lease: LeaseArgs,
    /// How fast AWS is called.
    #[command(flatten)]
    pub rates: RateArgs,
}

/// How leadership is held.
#[derive(Clone, Debug, Args)]
pub struct LeaseArgs {
    /// The namespace of the leadership lease [default: that of the pod or of the kubeconfig's context].
    #[arg(long, env = "SHAREKEEPER_LEASE_NAMESPACE", value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// The name of the leadership lease.
    #[arg(long, default_value = "sharekeeper", env = "SHAREKEEPER_LEASE_NAME", value_name = "NAME")]
    pub lease_name: String,
    /// Who this replica is, such as its pod's name: stands in the lease and in AWS session names [default: the host's
    /// name].
    #[arg(long, env = "SHAREKEEPER_IDENTITY", value_name = "NAME")]
    pub identity: Option<String>,
    /// How long the lease must stand still before another replica takes it; whole seconds.
    #[arg(long, default_value = "15s", env = "SHAREKEEPER_LEASE_DURATION", value_name = "DURATION", value_parser = seconds)]
    pub lease_duration: Duration,
    /// How long the leader may write after its last renewal.
    #[arg(long, default_value = "10s", env = "SHAREKEEPER_LEASE_RENEW_DEADLINE", value_name = "DURATION", value_parser = seconds)]
    pub lease_renew_deadline: Duration,
    /// How often the lease is read or renewed.
    #[arg(long, default_value = "2s", env = "SHAREKEEPER_LEASE_RETRY_PERIOD", value_name = "DURATION", value_parser = seconds)]
    pub lease_retry_period: Duration,
}

/// Timings under which two replicas could both believe to lead, or none could for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the lease's timings must grow: --lease-retry-period ({retry:?}) < --lease-renew-deadline ({renew:?}) < \
     --lease-duration ({lease:?})"
)]
pub struct UnsafeTimings {
    retry: Duration,
    renew: Duration,
    lease: Duration,
}

impl LeaseArgs {
    /// The lease's settings, for a namespace and an identity that have been found out; the identity must be unlike
    /// that of any other process that is or was.
    pub fn settings(&self, namespace: &str, identity: &str) -> Result<lease::Settings, UnsafeTimings> {
        let (retry, renew, lease) = (self.lease_retry_period, self.lease_renew_deadline, self.lease_duration);
        if retry.is_zero() || retry >= renew || renew >= lease {
            return Err(UnsafeTimings { retry, renew, lease });
        }
        Ok(lease::Settings {
            lease_duration: lease,
            renew_deadline: renew,
            retry_period: retry,
            ..lease::Settings::new(namespace, &self.lease_name, identity)
        })
    }
}

/// How fast AWS is called in each account and region. AWS's throttling slows this down by itself.
#[derive(Clone, Copy, Debug, Args)]
pub struct RateArgs {
    /// Reads a second in an account and region, in the long run.
    #[arg(long, default_value_t = CellRates::default().read.per_second, env = "SHAREKEEPER_AWS_READ_RATE",
        value_name = "PER_SECOND", value_parser = per_second)]
    pub aws_read_rate: f64,
    /// Reads that may be made at once after a rest.
    #[arg(long, default_value_t = CellRates::default().read.burst, env = "SHAREKEEPER_AWS_READ_BURST",
        value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub aws_read_burst: u32,
    /// Writes a second in an account and region, in the long run.
    #[arg(long, default_value_t = CellRates::default().write.per_second, env = "SHAREKEEPER_AWS_WRITE_RATE",
        value_name = "PER_SECOND", value_parser = per_second)]
    pub aws_write_rate: f64,
    /// Writes that may be made at once after a rest.
    #[arg(long, default_value_t = CellRates::default().write.burst, env = "SHAREKEEPER_AWS_WRITE_BURST",
        value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub aws_write_burst: u32,
}

impl From<RateArgs> for CellRates {
    fn from(args: RateArgs) -> Self {
        Self {
            read: Rate { burst: args.aws_read_burst, per_second: args.aws_read_rate },
            write: Rate { burst: args.aws_write_burst, per_second: args.aws_write_rate },
        }
    }
}

/// Options of `sharekeeper plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// Folders, or files, of manifests; folders with all below them.
    #[arg(short = 'f', long = "filename", required = true, value_name = "DIR")]
    pub filename: Vec<PathBuf>,
    /// How the plan is printed.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// The namespace of Shares whose manifest names none.
    #[arg(short, long, default_value = "default", value_name = "NAMESPACE")]
    pub namespace: String,
    /// How fast AWS is called.
    #[command(flatten)]
    pub rates: RateArgs,
}

fn seconds(text: &str) -> Result<Duration, NotADuration> {
    duration::parse(text)
}

fn per_second(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.01..=10_000.0).contains(&rate) => Ok(rate),
        _ => Err("write a number between 0.01 and 10000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// `sharekeeper controller` alone.
    #[derive(Debug, Parser)]
    #[command(no_binary_name = true)]
    struct Controller {
        #[command(flatten)]
        log: LogArgs,
        #[command(flatten)]
        controller: ControllerArgs,
    }

    fn controller(args: &[&str]) -> Result<Controller, clap::Error> {
        Controller::try_parse_from(args)
    }

    /// The arguments in the chart's deployment, each template expression given a value.
    fn chart_args() -> Vec<String> {
        let template = include_str!("../charts/sharekeeper/templates/deployment.yaml");
        let lines = template.lines().map(str::trim).skip_while(|line| *line != "args:").skip(1);
        let items =
            lines.take_while(|line| !line.starts_with("env:")).filter_map(|line| line.strip_prefix("- "));
        items
            .map(|item| {
                item.replace("{{ include \"sharekeeper.adminPort\" . }}", "8081")
                    .replace("{{ include \"sharekeeper.lease\" . }}", "keeper")
                    .replace("$(POD_NAMESPACE)", "ops")
                    .replace("$(POD_NAME)", "pod-1")
            })
            .collect()
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        Controller::command().debug_assert();
        let cli = Cli::try_parse_from(["sharekeeper", "crds", "--log-format=json", "--log=debug"]).unwrap();
        assert_eq!((cli.log.log_format, cli.log.log.as_str()), (LogFormat::Json, "debug"));
    }

    #[test]
    fn the_chart_starts_the_controller_with_options_that_exist() {
        let args = chart_args();
        let (command, options) = args.split_first().unwrap();
        assert_eq!(command, "controller");
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        let parsed = controller(&options).unwrap().controller;
        assert_eq!(parsed.admin_address, "0.0.0.0:8081".parse().unwrap());
        assert_eq!(parsed.lease.lease_namespace.as_deref(), Some("ops"));
        assert_eq!(parsed.lease.lease_name, "keeper");
        assert_eq!(parsed.lease.identity.as_deref(), Some("pod-1"));
        assert!(controller(&["--no-such-option"]).is_err());
    }

    #[test]
    fn defaults_are_those_of_the_parts() {
        let parsed = controller(&[]).unwrap().controller;
        assert_eq!(CellRates::from(parsed.rates), CellRates::default());
        let settings = parsed.lease.settings("ns", "me").unwrap();
        assert_eq!(format!("{settings:?}"), format!("{:?}", lease::Settings::new("ns", "sharekeeper", "me")));
    }

    #[test]
    fn rates_and_bursts_reach_their_buckets() {
        let args = ["--aws-read-rate=1.5", "--aws-read-burst=2", "--aws-write-rate=3", "--aws-write-burst=4"];
        let rates = CellRates::from(controller(&args).unwrap().controller.rates);
        assert_eq!(rates.read, Rate { burst: 2, per_second: 1.5 });
        assert_eq!(rates.write, Rate { burst: 4, per_second: 3.0 });
    }

    #[test]
    fn timings_that_could_elect_two_leaders_are_refused() {
        for (args, fits) in [
            (&["--lease-duration=30s", "--lease-renew-deadline=20s", "--lease-retry-period=5s"][..], true),
            (&["--lease-duration=10s"], false),
            (&["--lease-renew-deadline=20s"], false),
            (&["--lease-retry-period=10s"], false),
            (&["--lease-retry-period=0s"], false),
        ] {
            let settings = controller(args).unwrap().controller.lease.settings("ns", "me");
            assert_eq!(settings.is_ok(), fits, "{args:?}: {settings:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in [
            "--admin-address=8080",
            "--aws-read-rate=0",
            "--aws-write-rate=-1",
            "--aws-read-rate=NaN",
            "--aws-write-rate=inf",
            "--aws-read-burst=0",
            "--lease-duration=15",
            "--log-format=xml",
        ] {
            assert!(controller(&[wrong]).is_err(), "{wrong}");
        }
    }
}
