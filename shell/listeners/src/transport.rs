//! What carries MQTT: bytes both ways, the certificate that was shown on the way, and how it ended.
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A stream of bytes from a client.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    /// The certificate the client showed, DER; `None` where it showed none.
    fn presented(&self) -> Option<&[u8]>;

    /// Bytes it has read and not handed on.
    fn held_bytes(&self) -> usize {
        0
    }

    /// How it ended, asked once nothing more can be read.
    fn ending(&mut self) -> Ending {
        Ending::Lost
    }
}

/// How a transport ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Without a word.
    Lost,
    /// The client said that it goes.
    Goodbye,
    /// The client did with it what must not be done.
    Violation(String),
}

impl Transport for TcpStream {
    fn presented(&self) -> Option<&[u8]> {
        None
    }
}
