//! What a client says first, before anybody knows how to answer it.
use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{Accepted, Acceptor, ClientHello};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::TlsStream;

/// Bytes of a ClientHello, its post-quantum key share with it; a greater one takes another read.
const HELLO_BYTES: usize = 4 * 1024;

/// What the client said first.
pub(crate) struct Hello {
    socket: TcpStream,
    accepted: Accepted,
    /// As it came.
    bytes: Vec<u8>,
}

impl Hello {
    /// Reads until it is whole.
    pub(crate) async fn read(mut socket: TcpStream) -> io::Result<Self> {
        let (mut acceptor, mut bytes) = (Acceptor::default(), Vec::with_capacity(HELLO_BYTES));
        loop {
            let before = bytes.len();
            if socket.read_buf(&mut bytes).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof"));
            }
            let mut received = &bytes[before..];
            while !received.is_empty() {
                acceptor.read_tls(&mut received)?;
                match acceptor.accept() {
                    Ok(None) => {}
                    Ok(Some(accepted)) => return Ok(Self { socket, accepted, bytes }),
                    Err((error, mut alert)) => {
                        let mut said = Vec::new();
                        alert.write_all(&mut said)?;
                        let _ = socket.write_all(&said).await;
                        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                    }
                }
            }
        }
    }

    /// What it asks for.
    pub(crate) fn client_hello(&self) -> ClientHello<'_> {
        self.accepted.client_hello()
    }

    /// Goes on with the handshake.
    pub(crate) async fn into_stream(self, config: Arc<ServerConfig>) -> io::Result<TlsStream> {
        let Self { socket, accepted, bytes } = self;
        let server_name = accepted.client_hello().server_name().map(Into::into);
        drop(accepted); // not kept while the client is waited for
        TlsStream::begin(socket, config, server_name, bytes).await
    }
}
