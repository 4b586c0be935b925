//! Somebody else's S3: moto's server, as a child process.
use std::process::{Child, Command, Stdio};

use crate::{eventually, http_get, root};

/// A running moto. Killed when dropped.
pub struct Moto {
    child: Child,
    authority: String,
}

impl Moto {
    /// Starts one on a port that was free a moment ago.
    pub fn start() -> Self {
        let free =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let child = Command::new(root().join(".venv/bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &free.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto is in the virtual environment that `make peers` makes");
        let authority = free.to_string();
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
