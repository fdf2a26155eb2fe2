//! `simulator serve`: AWS in memory on a loopback port, until it is killed.

#![forbid(unsafe_code)]

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Parser, Subcommand};
use serde_json::json;
use simulator::aws::weather::{Lag, Weather};
use simulator::aws::{self, Clock, Net, World};
use tokio::net::TcpListener;

/// AWS sharing services in memory.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve on loopback; the first line of output is JSON with the ports.
    Serve(Serve),
}

#[derive(Debug, Args)]
struct Serve {
    /// Port of the AWS services (0: any free one).
    #[arg(long, default_value_t = 0)]
    aws_port: u16,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Start without the example organization.
    #[arg(long)]
    empty: bool,
    /// File with the weather as JSON; the flags below change it further.
    #[arg(long)]
    weather: Option<PathBuf>,
    /// Latency of every call, seconds.
    #[arg(long)]
    latency: Option<f64>,
    /// Time that associations and disassociations take, seconds.
    #[arg(long)]
    association_lag: Option<f64>,
    /// How old the state is that reads answer from, seconds.
    #[arg(long)]
    visibility_lag: Option<f64>,
    /// Largest page.
    #[arg(long)]
    page_cap: Option<usize>,
    /// Probability of empty pages.
    #[arg(long)]
    empty_pages: Option<f64>,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read weather from {path}: {reason}")]
    Weather { path: PathBuf, reason: String },
    #[error("cannot serve: {0}")]
    Serve(#[from] std::io::Error),
    #[error("the system's clock is before 1970: {0}")]
    Clock(#[from] std::time::SystemTimeError),
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let Command::Serve(serve) = Arguments::parse().command;
    run(serve).await
}

async fn run(arguments: Serve) -> Result<(), Error> {
    let epoch = wall_clock()?;
    let mut world = if arguments.empty {
        World::new(arguments.seed, epoch)
    } else {
        aws::example::organization(arguments.seed, epoch)
    };
    world.set_weather(arguments.weather()?);
    let net = Net::new(world, Clock::starting_at(epoch));
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.aws_port))).await?;
    let port = listener.local_addr()?.port();
    // The kube API's front is served beside this one, and its port joins the line.
    let mut output = std::io::stdout();
    writeln!(output, "{}", json!({"aws": {"port": port, "url": format!("http://127.0.0.1:{port}")}}))?;
    output.flush()?;
    aws::serve(listener, net).await;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the one place where the simulation starts on real time")]
fn wall_clock() -> Result<f64, std::time::SystemTimeError> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64())
}

impl Serve {
    fn weather(&self) -> Result<Weather, Error> {
        let mut weather = match &self.weather {
            None => Weather::default(),
            Some(path) => {
                let failed = |reason: String| Error::Weather { path: path.clone(), reason };
                let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
                serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?
            }
        };
        if let Some(seconds) = self.latency {
            weather.latency = Lag::Fixed(seconds);
        }
        if let Some(seconds) = self.association_lag {
            weather.lags.association = Lag::Fixed(seconds);
            weather.lags.disassociation = Lag::Fixed(seconds);
        }
        if let Some(seconds) = self.visibility_lag {
            weather.lags.read = Lag::Fixed(seconds);
            weather.lags.list = Lag::Fixed(seconds);
        }
        if self.page_cap.is_some() {
            weather.pages.cap = self.page_cap;
        }
        if let Some(probability) = self.empty_pages {
            weather.pages.empty = probability;
        }
        Ok(weather)
    }
}
