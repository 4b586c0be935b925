//! The listener from outside, over a socket.
use sekisho_sigv4::{PayloadToSign, RequestParts, sign};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;
use crate::testing::{NOW, REGION, World, credentials};

fn no_certificate() -> Arc<rustls::ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let nobody = Arc::new(rustls::server::ResolvesServerCertUsingSni::new());
    Arc::new(builder.with_no_client_auth().with_cert_resolver(nobody))
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(end) {
        let mut buffer = [0; 1024];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the connection ended early: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn a_client_may_wait_for_100_continue_and_a_stop_ends_idle_connections() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving =
        tokio::spawn(serve(listener, no_certificate(), world.app.clone(), async move { drop(stopped.await) }));

    let headers: &[(&str, &[u8])] = &[("host", b"localhost")];
    let parts = RequestParts { method: "POST", raw_path: "/topics/a", raw_query: "", headers };
    let added = sign(&parts, &credentials(), REGION, "iotdata", NOW, PayloadToSign::Body(b"hello"));
    let added: String = added.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "POST /topics/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\nexpect: 100-continue\r\n{added}\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_until(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let answer = read_until(&mut stream, "\"}").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"message\":\"OK\""), "{answer}");

    // The connection is idle now, and kept; a stop does not wait for it.
    stop.send(()).unwrap();
    tokio::time::timeout(DRAIN_MAX / 4, serving).await.unwrap().unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}
