//! The log, on standard error: text for people or JSON for machines.
//!
//! Two rules stand above the filter that the user gives. Audit lines (what is about to be written to AWS, and what came of
//! it) are always logged. Of other crates nothing finer than `debug` is: at `trace` the AWS SDK shows requests before they
//! are signed, external ids and session tokens among them.

use std::io;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, ParseError, filter_fn},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::TryInitError,
};

use crate::config::LogFormat;

/// The target of audit lines.
pub const AUDIT: &str = "sharekeeper::audit";

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

    use super::*;
    use crate::aws::session::Access;

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
            tracing::info!(cell = "111122223333.eu-west-1", "planned\nit")
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

    #[test]
    fn settings_show_no_external_id() {
        let access = Access { role_name: Some("keeper".into()), external_id: Some("canary".into()) };
        let log = logged(LogFormat::Text, "trace", || tracing::info!(?access, "reached"));
        assert!(log.contains("keeper") && !log.contains("canary"), "{log}");
    }
}
