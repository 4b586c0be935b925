//! The server under test, on a directory of its own, and what it costs.
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use sekisho_client::{AwsClient, DeviceTls, LocalServer};
use serde_json::{Value, json};

use crate::process;

/// A running server and its operator.
pub struct Bench {
    pub server: LocalServer,
    pub client: AwsClient,
    directory: tempfile::TempDir,
}

impl Bench {
    pub async fn start(binary: &Path, arguments: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let (data, log) = (directory.path().join("data"), directory.path().join("log"));
        let mut all = vec!["--log", "error"];
        all.extend(arguments);
        let server = LocalServer::start(binary, &data, &log, &all).await?;
        let client = server.aws()?;
        Ok(Self { server, client, directory })
    }

    /// The policy `all` that lets a device do everything.
    pub async fn policy(&self) -> Result<()> {
        let document =
            json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "iot:*", "Resource": "*" } });
        let body = json!({ "policyDocument": document.to_string() });
        self.client.iot(http::Method::POST, "/policies/all", &body).await?;
        Ok(())
    }

    pub fn tls(&self, certificate: &str, key: &[u8]) -> Result<DeviceTls> {
        let ca = std::fs::read(self.server.ca_path())?;
        Ok(DeviceTls::new(&ca, certificate.as_bytes(), key)?)
    }

    /// CPU seconds the server has used, in user and kernel.
    pub fn cpu(&self) -> Result<f64> {
        process::cpu(self.server.process_id())
    }

    /// Resident MiB.
    pub fn resident(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.process_id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
    }

    /// Bytes of the data directory.
    pub fn on_disk(&self) -> u64 {
        fn size(path: &Path) -> u64 {
            std::fs::read_dir(path).into_iter().flatten().flatten().fold(0, |sum, entry| {
                let path = entry.path();
                sum + if path.is_dir() { size(&path) } else { entry.metadata().map_or(0, |found| found.len()) }
            })
        }
        size(self.directory.path())
    }
}

/// The JITP template that makes a thing of the certificate's common name and attaches the policy `all`.
pub fn template() -> Value {
    json!({
        "Parameters": {
            "AWS::IoT::Certificate::CommonName": { "Type": "String" }, "AWS::IoT::Certificate::Id": { "Type": "String" },
        },
        "Resources": {
            "thing": { "Type": "AWS::IoT::Thing", "Properties": { "ThingName": { "Ref": "AWS::IoT::Certificate::CommonName" } } },
            "certificate": { "Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" }, "Status": "ACTIVE" } },
            "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": "all" } },
        },
    })
}

/// Waits a little, for what is asked again and again.
pub async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
