//! Somebody else's S3 and other services: moto's server, as a child process.
use std::process::{Child, Command, Stdio};

use crate::{eventually, free_port, http_get, root};

/// A running moto. Killed when dropped.
pub struct Moto {
    child: Child,
    authority: String,
}

/// A `[[service]]` of `sekisho.toml`, where moto or a server like it listens.
pub fn service(name: &str, endpoint: &str) -> String {
    format!(
        "[[service]]\nname = \"{name}\"\nendpoint = \"{endpoint}\"\nregion = \"eu-west-1\"\naccess_key_id = \"AKID\"\n\
         secret_access_key = \"env:PATH\"\nallow_http = true\n"
    )
}

impl Moto {
    /// The AWS CLI, asking there.
    pub fn aws(&self) -> String {
        format!("aws --endpoint-url {} --region eu-west-1", self.api())
    }

    /// A command that makes a table with this partition key.
    pub fn table(&self, name: &str, key: &str, kind: &str) -> String {
        format!(
            "{} dynamodb create-table --table-name {name} --billing-mode PAY_PER_REQUEST \
             --key-schema AttributeName={key},KeyType=HASH \
             --attribute-definitions AttributeName={key},AttributeType={kind} >/dev/null",
            self.aws()
        )
    }

    /// Starts one on a port that was free a moment ago.
    pub fn start() -> Self {
        let port = free_port().to_string();
        let child = Command::new(root().join(".venv/bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto is in the virtual environment that `make peers` makes");
        let authority = format!("127.0.0.1:{port}");
        eventually("moto answers", || {
            http_get(&authority, "/moto-api/").filter(|answer| answer.starts_with("HTTP/1.1 200"))
        });
        Self { child, authority }
    }

    /// `http://127.0.0.1:<port>`. It takes any credentials.
    pub fn api(&self) -> String {
        format!("http://{}", self.authority)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
