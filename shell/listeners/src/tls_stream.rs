//! TLS over a socket, for many connections that mostly say nothing: one that waits owns no buffer.
//!
//! The library's own stream reads 4 KiB at a time into a buffer that each connection keeps for good; as much as everything else it has.
//! Here bytes are read into one a thread has and decrypted there, and what is kept is what is not whole yet, or not read, or not taken.
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus, WriteTraffic};
use rustls::{CommonState, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::tls_hello::Hello;
use crate::transport::Transport;

/// Bytes read at once: a record of the greatest size, or as many small ones as it has room for.
const READ_BYTES: usize = 18 * 1024;
/// Bytes encrypted at once: four records of the greatest size.
const WRITE_BYTES: usize = 64 * 1024;
/// What a record has more than what it holds (RFC 8446 §5.2, RFC 5246 §6.2.3.3), generously.
const RECORD_BYTES_OVER: usize = 64;
/// A record holds so much (RFC 8446 §5.1).
const RECORD_BYTES_MAX: usize = 16 * 1024;
/// Bytes kept of what is not whole yet, a record or a message of the handshake. And then: the connection ends.
const UNFINISHED_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static CIPHERTEXT_IN: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
    static CIPHERTEXT_OUT: RefCell<Box<[u8]>> = RefCell::new(
        vec![0; WRITE_BYTES + WRITE_BYTES.div_ceil(RECORD_BYTES_MAX) * RECORD_BYTES_OVER].into(),
    );
}

/// A connection whose handshake is done.
pub struct TlsStream {
    socket: TcpStream,
    session: UnbufferedServerConnection,
    server_name: Option<Box<str>>,
    /// Of a record, or of a message of the handshake, that is not whole yet.
    unfinished: Vec<u8>,
    /// Decrypted, and not read yet.
    unread: Kept,
    /// Encrypted, and not taken by the socket yet.
    unsent: Kept,
    /// The client said that nothing more comes.
    is_ended: bool,
    /// We said so.
    has_said_goodbye: bool,
    /// What the client did that ends it.
    failed: Option<rustls::Error>,
}

/// Bytes of which the first are gone already.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    gone: usize,
}

impl Kept {
    fn left(&self) -> &[u8] {
        &self.bytes[self.gone..]
    }

    fn is_empty(&self) -> bool {
        self.gone == self.bytes.len()
    }

    fn take(&mut self, count: usize) {
        self.gone += count;
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

impl TlsStream {
    /// What was agreed on.
    pub fn session(&self) -> &CommonState {
        &self.session
    }

    /// What the client calls us (RFC 6066 §3).
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Under it.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Over `socket`, from the first byte on.
    ///
    /// # Errors
    /// If the handshake fails; the client was told why.
    pub async fn accept(socket: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        Hello::read(socket).await?.into_stream(config).await
    }

    /// As the client has said `received`, and calls us `server_name`.
    pub(crate) async fn begin(
        socket: TcpStream,
        config: Arc<ServerConfig>,
        server_name: Option<Box<str>>,
        mut received: Vec<u8>,
    ) -> io::Result<Self> {
        let mut stream = Self {
            socket,
            session: UnbufferedServerConnection::new(config).map_err(io::Error::other)?,
            server_name,
            unfinished: Vec::new(),
            unread: Kept::default(),
            unsent: Kept::default(),
            is_ended: false,
            has_said_goodbye: false,
            failed: None,
        };
        let done = stream.work(&mut received, &mut ReadBuf::new(&mut []));
        stream.unfinished.extend_from_slice(&received[done..]);
        drop(received); // not kept while the client is waited for
        stream.shake_hands().await?;
        Ok(stream)
    }

    /// The rest of the handshake.
    async fn shake_hands(&mut self) -> io::Result<()> {
        while self.failed.is_none() && self.session.is_handshaking() {
            self.flush().await?;
            poll_fn(|context| self.poll_receive(context, &mut ReadBuf::new(&mut []))).await?;
        }
        let flushed = self.flush().await; // tickets, or an alert
        match &self.failed {
            Some(error) => Err(invalid(error.clone())),
            None => flushed,
        }
    }

    /// Works through what has come: decrypted, it goes `into` the reader's buffer, or is kept. Answers how many bytes are done with.
    fn work(&mut self, received: &mut [u8], into: &mut ReadBuf<'_>) -> usize {
        let mut done = 0;
        loop {
            let UnbufferedStatus { discard, state } = self.session.process_tls_records(&mut received[done..]);
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        let fits = if self.unread.is_empty() { into.remaining().min(record.payload.len()) } else { 0 };
                        into.put_slice(&record.payload[..fits]);
                        self.unread.bytes.extend_from_slice(&record.payload[fits..]);
                        done += record.discard;
                    }
                }
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, &mut self.unsent.bytes),
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(), // it is among what is unsent, and goes first
                Ok(ConnectionState::PeerClosed) => self.is_ended = true,
                Ok(_) => return done + discard, // nothing to do before more comes
                Err(error) if self.failed.is_none() => {
                    self.failed = Some(error);
                    // Nothing more is read. What is left to do is to say why.
                    self.work(&mut [], &mut ReadBuf::new(&mut []));
                    return received.len();
                }
                Err(_) => return done + discard,
            }
            done += discard;
        }
    }

    /// Reads once, and works through it.
    fn poll_receive(&mut self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        CIPHERTEXT_IN.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
            let received = buffer.filled_mut();
            if received.is_empty() {
                let message = "peer closed connection without sending TLS close_notify";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, message)));
            }
            if self.unfinished.is_empty() {
                let done = self.work(received, into);
                self.unfinished.extend_from_slice(&received[done..]);
            } else {
                let mut unfinished = std::mem::take(&mut self.unfinished);
                unfinished.extend_from_slice(received);
                let done = self.work(&mut unfinished, into);
                unfinished.drain(..done);
                if !unfinished.is_empty() {
                    self.unfinished = unfinished;
                }
            }
            if self.unfinished.len() > UNFINISHED_BYTES_MAX {
                let error = io::Error::new(io::ErrorKind::InvalidData, "a message of the handshake over 64 KiB");
                return Poll::Ready(Err(error));
            }
            Poll::Ready(Ok(()))
        })
    }

    /// Hands the socket what is encrypted.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let sent = ready!(Pin::new(&mut self.socket).poll_write(context, self.unsent.left()))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.take(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Encrypts something by `write`, behind what the library has to say first.
    fn encrypt<R>(&mut self, write: impl FnOnce(WriteTraffic<'_, ServerConnectionData>) -> R) -> io::Result<R> {
        self.work(&mut [], &mut ReadBuf::new(&mut []));
        match self.session.process_tls_records(&mut []).state {
            Ok(ConnectionState::WriteTraffic(traffic)) => Ok(write(traffic)),
            Ok(_) => Err(io::ErrorKind::NotConnected.into()),
            Err(error) => Err(invalid(error)),
        }
    }

    fn say_goodbye(&mut self) {
        if std::mem::replace(&mut self.has_said_goodbye, true) || self.failed.is_some() {
            return;
        }
        let mut alert = [0; 2 * RECORD_BYTES_OVER];
        if let Ok(Ok(bytes)) = self.encrypt(|mut traffic| traffic.queue_close_notify(&mut alert)) {
            self.unsent.bytes.extend_from_slice(&alert[..bytes]);
        }
    }
}

/// What the client did that TLS forbids.
fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn encode<Data>(mut data: EncodeTlsData<'_, Data>, into: &mut Vec<u8>) {
    let at = into.len();
    if let Err(EncodeError::InsufficientSize(needs)) = data.encode(&mut []) {
        into.resize(at + needs.required_size, 0);
        let _ = data.encode(&mut into[at..]);
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        loop {
            if !stream.unread.is_empty() {
                let count = stream.unread.left().len().min(into.remaining());
                into.put_slice(&stream.unread.left()[..count]);
                stream.unread.take(count);
                return Poll::Ready(Ok(()));
            }
            if into.remaining() == 0 || stream.is_ended {
                return Poll::Ready(Ok(()));
            }
            if let Some(error) = &stream.failed {
                return Poll::Ready(Err(invalid(error.clone())));
            }
            let before = into.filled().len();
            ready!(stream.poll_receive(context, into))?;
            // An alert; the answer to an update of keys goes with what is written next. If that fails, what was received is good all the same.
            let _ = stream.poll_send(context);
            if into.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, plaintext: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        ready!(stream.poll_send(context))?;
        if plaintext.is_empty() {
            return Poll::Ready(Ok(0));
        }
        CIPHERTEXT_OUT.with_borrow_mut(|scratch| {
            let plaintext = &plaintext[..plaintext.len().min(WRITE_BYTES)];
            let encrypted = stream.encrypt(|mut traffic| traffic.encrypt(plaintext, scratch))?;
            let encrypted = encrypted.map_err(io::Error::other)?;
            let mut ciphertext = &scratch[..encrypted];
            while stream.unsent.is_empty() && !ciphertext.is_empty() {
                match Pin::new(&mut stream.socket).poll_write(context, ciphertext) {
                    Poll::Ready(Ok(sent)) if sent > 0 => ciphertext = &ciphertext[sent..],
                    Poll::Ready(Ok(_)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => break,
                }
            }
            stream.unsent.bytes.extend_from_slice(ciphertext);
            Poll::Ready(Ok(plaintext.len()))
        })
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        stream.say_goodbye();
        ready!(stream.poll_send(context))?;
        Pin::new(&mut stream.socket).poll_shutdown(context)
    }
}

impl Transport for TlsStream {
    fn presented(&self) -> Option<&[u8]> {
        self.session.peer_certificates()?.first().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use rustls::ClientConfig;
    use rustls::crypto::aws_lc_rs;
    use rustls_pki_types::{PrivateKeyDer, ServerName};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio_rustls::{TlsConnector, client};

    use super::*;
    use crate::{ServerCertificate, TlsPolicy, config_for_everybody};

    /// Both ends of a connection, in this version of TLS.
    async fn connected(
        version: &'static rustls::SupportedProtocolVersion,
    ) -> (client::TlsStream<TcpStream>, TlsStream) {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let certificate = Arc::new(ServerCertificate::new(vec![cert.der().clone()], key).unwrap());
        let server = config_for_everybody(certificate, TlsPolicy::default(), &[]).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(&[version]).unwrap().with_root_certificates(roots);
        let connector = TlsConnector::from(Arc::new(builder.with_no_client_auth()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connecting = tokio::spawn(async move {
            let socket = TcpStream::connect(address).await.unwrap();
            connector.connect(ServerName::try_from("localhost").unwrap(), socket).await.unwrap()
        });
        let (socket, _) = listener.accept().await.unwrap();
        let hello = Hello::read(socket).await.unwrap();
        assert_eq!(hello.client_hello().server_name(), Some("localhost"));
        let stream = hello.into_stream(server).await.unwrap();
        assert_eq!(stream.server_name(), Some("localhost"));
        (connecting.await.unwrap(), stream)
    }

    /// Megabytes come back as they went, read in pieces of any size, while the client changes its keys; and nothing is left behind.
    #[tokio::test]
    async fn what_is_sent_comes_back() {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let (mut client, mut server) = connected(version).await;
            let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
            let echoing = tokio::spawn(async move {
                let (mut piece, mut at) = (vec![0; 40_000], 0);
                loop {
                    let most = 1 + (at * 7919) % piece.len();
                    let read = server.read(&mut piece[..most]).await.unwrap();
                    if read == 0 {
                        break;
                    }
                    server.write_all(&piece[..read]).await.unwrap();
                    at += read;
                }
                server.flush().await.unwrap();
                let empty = |kept: &Kept| kept.bytes.capacity() == 0;
                assert!(server.unfinished.capacity() == 0 && empty(&server.unread) && empty(&server.unsent));
                server.shutdown().await.unwrap();
            });
            let back = {
                let (mut reading, mut writing) = tokio::io::split(&mut client);
                let write = async {
                    for part in sent.chunks(70_001) {
                        writing.write_all(part).await.unwrap();
                    }
                    writing.shutdown().await.unwrap();
                };
                let mut back = Vec::new();
                let (read, ()) = tokio::join!(reading.read_to_end(&mut back), write);
                read.unwrap();
                back
            };
            assert!(back == sent, "{version:?}");
            echoing.await.unwrap();
        }
        let (mut client, mut server) = connected(&rustls::version::TLS13).await;
        for text in [b"before", b"behind"] {
            client.write_all(text).await.unwrap();
            let mut heard = [0; 6];
            server.read_exact(&mut heard).await.unwrap();
            server.write_all(&heard).await.unwrap();
            client.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, *text);
            client.get_mut().1.refresh_traffic_keys().unwrap();
        }
    }

    /// A client that leaves unread what it was sent resets its connection. What it said before counts.
    #[tokio::test]
    async fn what_was_received_is_good_though_nothing_can_be_sent() {
        let (mut client, mut server) = connected(&rustls::version::TLS13).await;
        std::future::poll_fn(|context| {
            while Pin::new(&mut server).poll_write(context, &[7; 9000]).is_ready() {}
            Poll::Ready(())
        })
        .await;
        assert!(!server.unsent.is_empty());
        client.write_all(b"bye").await.unwrap();
        client.flush().await.unwrap();
        drop(client);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await; // so that it is known
        let mut heard = [0; 3];
        server.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, *b"bye");
        assert!(server.read(&mut heard).await.is_err());
    }

    #[tokio::test]
    async fn how_it_ends_is_told() {
        let (mut client, mut server) = connected(&rustls::version::TLS13).await;
        client.shutdown().await.unwrap();
        assert_eq!(server.read(&mut [0; 9]).await.unwrap(), 0, "close_notify");

        let (client, mut server) = connected(&rustls::version::TLS13).await;
        let mut socket = client.into_inner().0;
        socket.shutdown().await.unwrap(); // of TCP, without a word
        assert_eq!(server.read(&mut [0; 9]).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);

        let (client, mut server) = connected(&rustls::version::TLS13).await;
        let (mut socket, mut session) = client.into_inner();
        socket.write_all(&[0x17, 3, 3, 0, 20]).await.unwrap();
        socket.write_all(&[7; 20]).await.unwrap(); // encrypted by nobody
        assert_eq!(server.read(&mut [0; 9]).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        let _ = server.shutdown().await;
        drop(server);
        let mut told = Vec::new();
        socket.read_to_end(&mut told).await.unwrap();
        session.read_tls(&mut &told[..]).unwrap();
        let alert = session.process_new_packets().unwrap_err();
        assert_eq!(alert, rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac));
    }
}
