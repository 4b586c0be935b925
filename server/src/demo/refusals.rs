//! Who is turned away: a stranger, a device that speaks for another, a device that was revoked. And what the operator is told.
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http::Method;
use sekisho_client::{AwsClient, DeviceError, DeviceKey, KeyKind, LocalServer, QoS};
use sekisho_identity::{DEVICE_CERTIFICATE_SUBJECT, PresentedCertificate};
use sekisho_workers::Decision;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::devices::{CERTIFICATE_ID_SHOWN, Device};
use super::stage::Stage;
use super::telemetry::now_ms;

/// How long the server may leave somebody connected who is not welcome.
const END_MAX: Duration = Duration::from_secs(2);

/// A certificate that looks like the others, but somebody made it at home.
pub async fn unknown(stage: &mut Stage, server: &LocalServer) -> Result<()> {
    let stranger = stranger(server)?;
    let (began, since_ms) = (Instant::now(), now_ms());
    let refused = refused(stranger.open().await.map(drop), "a device with a certificate nobody knows")?;
    stage.done("a self-made certificate", &format!("turned away after {}: {refused}", millis(began)))?;
    why(stage, server, &stranger, "identity", since_ms).await
}

fn stranger(server: &LocalServer) -> Result<Device> {
    let key = DeviceKey::generate(KeyKind::P256)?;
    let certificate = key.self_signed(DEVICE_CERTIFICATE_SUBJECT)?;
    let id = PresentedCertificate::parse_pem(&certificate)?.certificate_id().to_string();
    Device::stranger(server, "pump-8", id, &certificate, key.to_pem().expose())
}

/// A known device, on the topic of another: the rule would select it, the policy does not let it through.
pub async fn outside_its_policy(
    stage: &mut Stage,
    server: &LocalServer,
    mut device: Device,
    other: &Device,
) -> Result<()> {
    let topic = format!("factory/{}/telemetry", other.name);
    let what = format!("`{}` publishing to `{topic}`", device.name);
    let link = device.link()?;
    let (began, since_ms) = (Instant::now(), now_ms());
    let publish = link.publish(&topic, r#"{"temperature": 99}"#, QoS::AtLeastOnce);
    let Ok(outcome) = timeout(END_MAX, publish).await else {
        bail!("{what} is still connected after {} s", END_MAX.as_secs());
    };
    let ended = refused(outcome, &what)?;
    stage.done(
        &format!("{} speaks for {}", device.name, other.name),
        &format!("no PUBACK, but thrown out after {}: {ended}", millis(began)),
    )?;
    why(stage, server, &device, "publish", since_ms).await
}

/// A device whose certificate is revoked while it is connected.
pub async fn revoked(stage: &mut Stage, server: &LocalServer, aws: &AwsClient, mut device: Device) -> Result<()> {
    let path = format!("/certificates/{}?newStatus=REVOKED", device.certificate_id);
    let name = device.name;
    let link = device.link()?;
    let (began, since_ms) = (Instant::now(), now_ms());
    let dropped = async { Ok::<_, anyhow::Error>((timeout(END_MAX, link.end()).await, began.elapsed())) };
    let revoke = async { aws.iot(Method::PUT, &path, &Value::Null).await.context("UpdateCertificate") };
    let (_, (ended, after)) = tokio::try_join!(revoke, dropped)?;
    let Ok(ended) = ended else { bail!("`{name}` is still connected {} s after it was revoked", END_MAX.as_secs()) };
    let ended = refused(Err(ended), "a revoked device")?;
    let after = after.as_secs_f64() * 1000.0;
    stage.done(
        &format!("{name} is revoked"),
        &format!("connection dropped {after:.1} ms after the request was sent: {ended}"),
    )?;
    why(stage, server, &device, "identity", since_ms).await?;
    let since_ms = now_ms();
    let refused = refused(device.open().await.map(drop), "a revoked device")?;
    stage.done(&format!("{name} comes back"), &format!("turned away: {refused}"))?;
    why(stage, server, &device, "identity", since_ms).await
}

/// It must have been refused, by the server.
fn refused(outcome: Result<(), DeviceError>, who: &str) -> Result<DeviceError> {
    match outcome {
        Ok(()) => bail!("{who} was let through"),
        Err(error) if error.is_end() || matches!(error, DeviceError::Tls { .. }) => Ok(error),
        Err(error) => Err(error).with_context(|| format!("{who} was to be refused")),
    }
}

/// What the operator is told about it: the newest record about this certificate must come from `step`.
async fn why(stage: &mut Stage, server: &LocalServer, device: &Device, step: &str, since_ms: i64) -> Result<()> {
    let path = format!("/why?q={}", device.certificate_id);
    // The device may see its end a moment before the operator does.
    let deadline = Instant::now() + END_MAX;
    let newest = loop {
        let (status, body) = server.admin(&path).await.context("the admin port does not answer")?;
        ensure!(status == 200, "GET /why: {status} {body}");
        let found: Vec<Decision> = serde_json::from_str(&body).context("GET /why")?;
        match found.into_iter().next() {
            Some(newest) if newest.time.millis() >= since_ms => break newest,
            _ if Instant::now() < deadline => sleep(Duration::from_millis(5)).await,
            _ => bail!("nothing explains why `{}` was refused", device.name),
        }
    };
    ensure!(
        newest.step == step,
        "`{}` was refused at `{}`, not at `{step}`: {}",
        device.name,
        newest.step,
        newest.reason
    );
    let short = format!("{}…", &device.certificate_id[..CERTIFICATE_ID_SHOWN]);
    stage.detail("why", &format!("{}: {}", newest.step, newest.reason.replace(&device.certificate_id, &short)))?;
    Ok(())
}

fn millis(began: Instant) -> String {
    format!("{:.1} ms", began.elapsed().as_secs_f64() * 1000.0)
}
