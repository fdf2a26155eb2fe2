//! The log, on standard error: text for people or JSON for machines.
//!
//! Two rules stand above the filter that the user gives. Audit lines (what is about to be written to AWS, and what came of
//! it) are always logged. Of other crates nothing finer than `debug` is: at `trace` the AWS SDK shows requests before they
//! are signed, external ids and session tokens among them.

use std::io;

use clap::ValueEnum;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, ParseError, filter_fn},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::TryInitError,
};

/// The target of audit lines.
pub const AUDIT: &str = "sharekeeper::audit";

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is none.
    #[error(
        "the log filter `{filter}` is none: write a level (info) or targets with levels (info,sharekeeper=debug)"
    )]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// There is one already.
    #[error("the log was started before")]
    Started(#[from] TryInitError),
}

/// Starts the log of the process, on standard error.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LogError> {
    use tracing_subscriber::util::SubscriberInitExt;
    Ok(subscriber(format, filter, io::stderr)?.try_init()?)
}

/// A subscriber that writes to `writer` what passes the filter and the two rules above.
pub fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    writer: W,
) -> Result<impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let wanted = EnvFilter::builder()
        .parse(filter)
        .map_err(|source| LogError::Filter { filter: filter.to_owned(), source })?;
    let layer = fmt::layer().with_writer(writer).with_ansi(false);
    let layer = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_span_list(false).boxed(),
    };
    let passes = filter_fn(is_audit).or(wanted.and(filter_fn(is_discreet)));
    Ok(tracing_subscriber::registry().with(layer.with_filter(passes)))
}

fn is_audit(about: &Metadata<'_>) -> bool {
    about.target() == AUDIT && *about.level() <= Level::INFO
}

/// Our own, or not so fine that it may show requests as they are sent.
fn is_discreet(about: &Metadata<'_>) -> bool {
    let ours = about.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    ours || *about.level() <= Level::DEBUG
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
    };
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::{
        aws::{
            calls::Unobserved,
            clock::Clock,
            fence,
            limits::CellRates,
            session::{Access, Sessions, Settings},
        },
        model::Cell,
    };

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str, speak: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = subscriber(format, filter, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, speak);
        page.text()
    }

    #[test]
    fn audit_lines_pass_every_filter() {
        for filter in
            ["off", "error", "sharekeeper=off", "sharekeeper::audit=off", "warn,sharekeeper::audit=error"]
        {
            let log = logged(LogFormat::Text, filter, || {
                tracing::info!(target: AUDIT, operation = "CreateResourceShare", "kept");
                tracing::debug!(target: AUDIT, "too fine");
                tracing::info!("dropped");
            });
            assert!(log.contains("kept") && log.contains("CreateResourceShare"), "{filter}: {log}");
            assert!(!log.contains("too fine") && !log.contains("dropped"), "{filter}: {log}");
        }
    }

    #[test]
    fn the_filter_is_obeyed_and_other_crates_never_trace() {
        let log = logged(LogFormat::Text, "warn,sharekeeper=trace,aws_sigv4=trace", || {
            tracing::trace!("ours");
            tracing::trace!(target: "aws_sigv4::http_request::sign", "theirs, fine");
            tracing::debug!(target: "aws_sigv4::http_request::sign", "theirs, coarse");
            tracing::info!(target: "kube_client", "not asked for");
        });
        assert!(log.contains("ours") && log.contains("theirs, coarse"), "{log}");
        assert!(!log.contains("theirs, fine") && !log.contains("not asked for"), "{log}");
    }

    #[test]
    fn json_is_one_object_a_line_with_the_fields_on_top() {
        let log = logged(LogFormat::Json, "info", || {
            tracing::info!(cell = "111122223333.eu-west-1", "planned\nit");
        });
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "planned\nit");
        assert_eq!(lines[0]["cell"], "111122223333.eu-west-1");
        assert_eq!(lines[0]["level"], "INFO");
    }

    #[test]
    fn a_filter_that_is_none_is_told() {
        let error = subscriber(LogFormat::Text, "sharekeeper=loud", io::sink).err().unwrap();
        assert!(error.to_string().contains("sharekeeper=loud"), "{error}");
    }

    /// Answers as STS and RAM do.
    #[derive(Debug)]
    struct Aws;

    impl HttpConnector for Aws {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
            let answer = if body.contains("Action=AssumeRole") {
                assert!(body.contains(EXTERNAL_ID), "the canary is on its way");
                format!(
                    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                     <AccessKeyId>AKIACANARYROLE000000</AccessKeyId><SecretAccessKey>{ROLE_SECRET}</SecretAccessKey>\
                     <SessionToken>{ROLE_TOKEN}</SessionToken><Expiration>2026-01-01T01:00:00Z</Expiration>\
                     </Credentials></AssumeRoleResult></AssumeRoleResponse>"
                )
            } else if body.contains("Action=GetCallerIdentity") {
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                 <Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
                    .to_owned()
            } else {
                "{\"resourceShares\": []}".to_owned()
            };
            HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(answer))))
        }
    }

    const OWN_SECRET: &str = "canary-own-secret-key";
    const OWN_TOKEN: &str = "canary-own-session-token";
    const ROLE_SECRET: &str = "canary-role-secret-key";
    const ROLE_TOKEN: &str = "canary-role-session-token";
    const EXTERNAL_ID: &str = "canary-external-id";

    fn sessions() -> Sessions {
        let clock = Clock::simulated("2026-01-01T00:00:00Z".parse().unwrap());
        let own = Credentials::new("AKIACANARYOWN0000000", OWN_SECRET, Some(OWN_TOKEN.into()), None, "test");
        let base = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client_fn(|_, _| SharedHttpConnector::new(Aws)))
            .credentials_provider(SharedCredentialsProvider::new(own))
            .region(Region::new("eu-west-1"))
            .time_source(clock.clone())
            .build();
        Sessions::new(Settings {
            base,
            clock,
            fence: fence::open(),
            observer: Arc::new(Unobserved),
            rates: CellRates::default(),
            session_name: "sharekeeper-test".into(),
        })
    }

    #[test]
    fn no_secret_is_logged_whatever_the_filter() {
        let cell = Cell { account: "111122223333".parse().unwrap(), region: "eu-west-1".parse().unwrap() };
        let access = Access { role_name: Some("keeper".into()), external_id: Some(EXTERNAL_ID.into()) };
        let log = logged(LogFormat::Json, "trace", || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let sessions = sessions();
                let clients = sessions.cell(&cell, &access).await.unwrap();
                let owner = aws_sdk_ram::types::ResourceOwner::SelfValue;
                clients.ram.get_resource_shares().resource_owner(owner).send().await.unwrap();
                tracing::info!(?access, ?sessions, ?clients, "reached");
            });
        });
        assert!(log.contains("aws_smithy_runtime") && log.contains("keeper"), "the SDK spoke: {log}");
        for secret in [OWN_SECRET, OWN_TOKEN, ROLE_SECRET, ROLE_TOKEN, EXTERNAL_ID] {
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret}");
        }
    }
}
