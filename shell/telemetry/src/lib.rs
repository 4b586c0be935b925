//! Logs for people and machines, and figures for Prometheus. Holds no opinion about what is worth telling.
//!
//! Nothing secret is ever handed to it: secrets are types whose `Debug` prints `[secret]`, and payloads are not fields.
use std::io::IsTerminal;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The operator's move.
    #[error("`{0}` is not a log filter, such as `info` or `sekisho=debug,info`")]
    Filter(String),
    /// Our move: it was set up twice.
    #[error("telemetry is set up already")]
    Twice,
}

/// Sends `tracing` to standard error: lines for people on a terminal, JSON lines otherwise.
pub fn logs(filter: &str) -> Result<(), TelemetryError> {
    let parsed = EnvFilter::try_new(filter).map_err(|_| TelemetryError::Filter(filter.into()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    let set = if std::io::stderr().is_terminal() {
        builder.with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).with_target(false).try_init()
    };
    set.map_err(|_| TelemetryError::Twice)
}

/// Collects `metrics`; the handle renders them as Prometheus text.
pub fn figures() -> Result<PrometheusHandle, TelemetryError> {
    let builder = PrometheusBuilder::new();
    // Bounds in seconds from a quarter of a millisecond to four seconds, each twice the one before.
    let bounds: Vec<f64> = (0..15).map(|power| 0.00025 * f64::from(1 << power)).collect();
    let builder = builder.set_buckets(&bounds).expect("there are bounds");
    // Sizes in bytes from a kibibyte to a gibibyte, each four times the one before.
    let bounds: Vec<f64> = (0..11).map(|power| 1024.0 * f64::from(1 << (2 * power))).collect();
    let sizes = Matcher::Suffix("_object_bytes".to_owned());
    let builder = builder.set_buckets_for_metric(sizes, &bounds).expect("there are bounds");
    builder.install_recorder().map_err(|_| TelemetryError::Twice)
}
