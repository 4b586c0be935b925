//! How a device gets its identity, and shows it.
use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use sekisho_client::{
    AwsClient, AwsRequest, ConnectOptions, DeviceKey, DeviceTls, KeyKind, LocalServer, MqttDevice, ProtocolVersion,
};
use serde_json::{Value, json};

use super::account::POLICY;
use super::stage::Stage;

/// How much of a certificate id is shown; it is also enough for `sekisho why` to find it.
pub const CERTIFICATE_ID_SHOWN: usize = 12;

/// A device with a certificate.
pub struct Device {
    /// Its MQTT client identifier, and its thing's name.
    pub name: &'static str,
    /// What the registry knows it by.
    pub certificate_id: String,
    endpoint: String,
    version: ProtocolVersion,
    tls: DeviceTls,
    link: Option<MqttDevice>,
}

impl Device {
    /// The server makes key and certificate, and hands both out, once.
    pub async fn with_keys_from_the_server(
        stage: &mut Stage,
        server: &LocalServer,
        aws: &AwsClient,
        name: &'static str,
        version: ProtocolVersion,
    ) -> Result<Self> {
        let path = "/keys-and-certificate?setAsActive=true";
        let issued = aws.iot(Method::POST, path, &Value::Null).await.context("CreateKeysAndCertificate")?;
        let device = Self::new(server, name, version, &issued, text(&issued["keyPair"], "PrivateKey")?.as_bytes())?;
        device.attach(aws, &issued).await?;
        let id = &device.certificate_id[..CERTIFICATE_ID_SHOWN];
        stage.done(name, &format!("CreateKeysAndCertificate: {id}…, an RSA key from the server, handed out once"))?;
        Ok(device)
    }

    /// The device makes the key; only a request that proves it holds it leaves the device.
    pub async fn with_a_key_of_its_own(
        stage: &mut Stage,
        server: &LocalServer,
        aws: &AwsClient,
        name: &'static str,
        version: ProtocolVersion,
    ) -> Result<Self> {
        let key = DeviceKey::generate(KeyKind::P256)?;
        let request = json!({"certificateSigningRequest": key.csr(name)?});
        let path = "/certificates?setAsActive=true";
        let issued = aws.iot(Method::POST, path, &request).await.context("CreateCertificateFromCsr")?;
        let device = Self::new(server, name, version, &issued, key.to_pem().expose())?;
        device.attach(aws, &issued).await?;
        let id = &device.certificate_id[..CERTIFICATE_ID_SHOWN];
        stage.done(name, &format!("CreateCertificateFromCsr: {id}…, a P-256 key that never leaves the device"))?;
        Ok(device)
    }

    /// A device that shows a certificate, whoever issued it.
    pub fn stranger(
        server: &LocalServer,
        name: &'static str,
        certificate_id: String,
        certificate_pem: &str,
        key_pem: &[u8],
    ) -> Result<Self> {
        let tls = DeviceTls::new(&server.ca_pem()?, certificate_pem.as_bytes(), key_pem)?;
        let endpoint = server.endpoints().mqtt.clone();
        Ok(Self { name, certificate_id, endpoint, version: ProtocolVersion::V5, tls, link: None })
    }

    fn new(
        server: &LocalServer,
        name: &'static str,
        version: ProtocolVersion,
        issued: &Value,
        key_pem: &[u8],
    ) -> Result<Self> {
        let certificate_id = text(issued, "certificateId")?.to_owned();
        anyhow::ensure!(certificate_id.len() == 64, "`{certificate_id}` is no certificate id");
        let device = Self::stranger(server, name, certificate_id, text(issued, "certificatePem")?, key_pem)?;
        Ok(Self { version, ..device })
    }

    /// A thing stands for the device, its certificate belongs to the thing, and the policy to the certificate.
    async fn attach(&self, aws: &AwsClient, issued: &Value) -> Result<()> {
        let arn = text(issued, "certificateArn")?;
        aws.iot(Method::POST, &format!("/things/{}", self.name), &Value::Null).await.context("CreateThing")?;
        let attach = AwsRequest {
            signing_name: "iot",
            method: Method::PUT,
            path: &format!("/things/{}/principals", self.name),
            query: "",
            headers: &[("x-amzn-principal", arn)],
            body: Bytes::new(),
        };
        aws.send(&attach).await?.success().context("AttachThingPrincipal")?;
        let target = json!({"target": arn});
        aws.iot(Method::PUT, &format!("/target-policies/{POLICY}"), &target).await.context("AttachPolicy")?;
        Ok(())
    }

    /// Connects, and says what the two sides agreed on.
    pub async fn connect(&mut self, stage: &mut Stage) -> Result<()> {
        let link = self.open().await.with_context(|| format!("`{}` cannot connect", self.name))?;
        let agreed = link.negotiated();
        let mqtt = if self.version == ProtocolVersion::V5 { "MQTT 5" } else { "MQTT 3.1.1" };
        let (tls, group) = (agreed.tls_version.replace("TLSv1_", "TLS 1."), &agreed.key_exchange_group);
        let what = format!("{} connects", self.name);
        stage.done(&what, &format!("{mqtt} · {tls} · {group} · {}", agreed.cipher_suite))?;
        self.link = Some(link);
        Ok(())
    }

    /// A connection of its own.
    pub async fn open(&self) -> Result<MqttDevice, sekisho_client::DeviceError> {
        MqttDevice::connect(&self.endpoint, &self.tls, &ConnectOptions::new(self.name).version(self.version)).await
    }

    /// The connection.
    pub fn link(&mut self) -> Result<&mut MqttDevice> {
        self.link.as_mut().with_context(|| format!("`{}` is not connected", self.name))
    }
}

fn text<'a>(from: &'a Value, member: &str) -> Result<&'a str> {
    from[member].as_str().with_context(|| format!("the answer has no `{member}`"))
}
