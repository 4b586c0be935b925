//! `cloudwatchAlarm` and `cloudwatchMetric` (CloudWatch API reference: `SetAlarmState`, `PutMetricData`).
use sekisho_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::{Action, Words};
use crate::{Context, Request};

const VERSION: &str = "2010-08-01";
/// Beyond any calendar's year 9999, and far from what milliseconds in 64 bits hold.
const SECONDS_MAX: f64 = 1e12;

/// `cloudwatchAlarm`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudwatchAlarm {
    role_arn: String,
    alarm_name: String,
    state_reason: String,
    state_value: String,
}

/// `cloudwatchMetric`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudwatchMetric {
    role_arn: String,
    metric_namespace: String,
    metric_name: String,
    metric_value: String,
    metric_unit: String,
    /// Seconds since 1970; when the message came, without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric_timestamp: Option<String>,
}

impl Action for CloudwatchAlarm {
    const WORDS: Words = Words {
        action: "CloudwatchAlarmAction",
        doing: "change the state of the CloudWatch alarm",
        kind: "cloudwatchAlarm",
        resource_is: "Alarm",
    };
    const SERVICE: &'static str = "monitoring";

    fn resource(&self) -> &str {
        &self.alarm_name
    }

    fn request(&self, _: &Context<'_>) -> Result<Request, String> {
        let Self { alarm_name, state_reason, state_value, .. } = self;
        let parameters = [("AlarmName", &**alarm_name), ("StateReason", state_reason), ("StateValue", state_value)];
        Ok(Request::query("SetAlarmState", VERSION, &parameters))
    }
}

impl Action for CloudwatchMetric {
    const WORDS: Words = Words {
        action: "CloudwatchMetricAction",
        doing: "put the CloudWatch metric",
        kind: "cloudwatchMetric",
        resource_is: "Metric",
    };
    const SERVICE: &'static str = "monitoring";

    fn resource(&self) -> &str {
        &self.metric_name
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        let Self { metric_namespace, metric_name, metric_value, metric_unit, metric_timestamp, .. } = self;
        if !metric_value.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(format!("`{metric_value}` is no metricValue: it is a number"));
        }
        let at = match metric_timestamp.as_deref() {
            None | Some("") => Some(context.received),
            Some(text) => {
                let seconds =
                    text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && seconds.abs() < SECONDS_MAX);
                seconds.map(|seconds| Timestamp::from_millis((seconds * 1000.0).round() as i64))
            }
        };
        let at = at.and_then(|at| jiff::Timestamp::from_millisecond(at.millis()).ok());
        let at = at.ok_or_else(|| "metricTimestamp is a number of seconds since 1970".to_owned())?.to_string();
        let parameters = [
            ("Namespace", &**metric_namespace),
            ("MetricData.member.1.MetricName", metric_name),
            ("MetricData.member.1.Value", metric_value),
            ("MetricData.member.1.Unit", metric_unit),
            ("MetricData.member.1.Timestamp", &at),
        ];
        Ok(Request::query("PutMetricData", VERSION, &parameters))
    }
}
