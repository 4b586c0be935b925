//! What carries MQTT: bytes both ways, and the certificate that was shown on the way.
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A stream of bytes from a client.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    /// The certificate the client showed, DER; `None` where it showed none.
    fn presented(&self) -> Option<&[u8]>;
}

impl Transport for TlsStream<TcpStream> {
    fn presented(&self) -> Option<&[u8]> {
        self.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref)
    }
}

impl Transport for TcpStream {
    fn presented(&self) -> Option<&[u8]> {
        None
    }
}
