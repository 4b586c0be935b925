//! MQTT over WebSocket (MQTT5 §6, RFC 6455): binary frames carry a stream of bytes, in which a packet may begin and end anywhere.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use sekisho_gate::Settings;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::transport::{Ending, Transport};

/// Bytes a message may have beyond the largest packet: its header, and small packets that go with it. And then: close code 1009.
const BEYOND_A_PACKET: usize = 16 * 1024;
/// Bytes of a frame to the client.
const FRAME_BYTES_MAX: usize = 32 * 1024;
/// Of a control frame of a client's, with its mask (RFC 6455 §5.2).
const CONTROL_HEADER_BYTES: usize = 6;
/// A connection keeps so much to read into.
const READ_BUFFER_BYTES: usize = 1024;

/// A stream that counts what is read from it, headers of frames included.
struct Counted<S> {
    stream: S,
    read_bytes: usize,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, into))?;
        self.read_bytes += into.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A WebSocket as a stream of bytes.
pub struct WebSocket<S> {
    stream: WebSocketStream<Counted<S>>,
    /// The certificate shown in the handshake of TLS, DER.
    presented: Option<Box<[u8]>>,
    /// The rest of the message at hand.
    rest: Bytes,
    ending: Ending,
    /// What we say when we go.
    farewell: CloseCode,
    is_said: bool,
}

impl WebSocket<TokioIo<Upgraded>> {
    /// What has just been upgraded.
    pub async fn upgraded(upgraded: Upgraded, presented: Option<Box<[u8]>>, settings: &Settings) -> Self {
        Self::new(TokioIo::new(upgraded), presented, settings).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    async fn new(stream: S, presented: Option<Box<[u8]>>, settings: &Settings) -> Self {
        let message_bytes_max = settings.packet_bytes_max as usize + BEYOND_A_PACKET;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(2 * FRAME_BYTES_MAX)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        Self {
            stream: WebSocketStream::from_raw_socket(Counted { stream, read_bytes: 0 }, Role::Server, Some(config))
                .await,
            presented,
            rest: Bytes::new(),
            ending: Ending::Lost,
            farewell: CloseCode::Normal,
            is_said: false,
        }
    }

    /// Nothing is read after this.
    fn violated(&mut self, farewell: CloseCode, what: String) {
        (self.farewell, self.ending) = (farewell, Ending::Violation(what));
    }

    fn failed(&mut self, error: Error) -> io::Result<()> {
        match error {
            Error::Io(error) => return Err(error),
            Error::ConnectionClosed | Error::AlreadyClosed => {}
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {}
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                self.violated(CloseCode::Size, format!("a WebSocket message of {size} bytes, over {max_size}"));
            }
            error => self.violated(CloseCode::Protocol, format!("not as RFC 6455 has it: {error}")),
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_said {
            return Pin::new(self.stream.get_mut()).poll_read(context, into); // heard out, and understood no more
        }
        while self.rest.is_empty() {
            if self.ending != Ending::Lost {
                return Poll::Ready(Ok(()));
            }
            match ready!(Pin::new(&mut self.stream).poll_next(context)) {
                Some(Ok(Message::Binary(bytes))) => {
                    self.rest = bytes;
                    self.stream.get_mut().read_bytes = 0; // what is behind it, in the buffer, is little
                }
                Some(Ok(Message::Ping(payload) | Message::Pong(payload))) => {
                    // The next read answers a ping. It may come amid a message, and is not held.
                    let read_bytes = &mut self.stream.get_mut().read_bytes;
                    *read_bytes = read_bytes.saturating_sub(CONTROL_HEADER_BYTES + payload.len());
                }
                Some(Ok(Message::Frame(_))) => {}
                Some(Ok(Message::Text(_))) => {
                    let what = "a WebSocket text frame: MQTT is in binary frames [MQTT-6.0.0-1]";
                    self.violated(CloseCode::Unsupported, what.to_owned());
                }
                Some(Ok(Message::Close(_))) => self.ending = Ending::Goodbye,
                Some(Err(error)) => return Poll::Ready(self.failed(error)),
                None => return Poll::Ready(Ok(())),
            }
        }
        let taken = self.rest.len().min(into.remaining());
        into.put_slice(&self.rest[..taken]);
        self.rest.advance(taken);
        if self.rest.is_empty() {
            self.rest = Bytes::new(); // it may hold on to a large message
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.stream).poll_ready(context)).map_err(broken)?;
        let frame = &bytes[..bytes.len().min(FRAME_BYTES_MAX)];
        let message = Message::Binary(Bytes::copy_from_slice(frame));
        Pin::new(&mut self.stream).start_send(message).map_err(broken)?;
        Poll::Ready(Ok(frame.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_said {
            ready!(Pin::new(&mut self.stream).poll_ready(context)).map_err(broken)?;
            self.is_said = true;
            let frame = CloseFrame { code: self.farewell, reason: "".into() };
            // If the client went first, this is our answer, which waits already.
            let _ = Pin::new(&mut self.stream).start_send(Message::Close(Some(frame)));
        }
        let _ = ready!(Pin::new(&mut self.stream).poll_flush(context));
        Pin::new(self.stream.get_mut()).poll_shutdown(context)
    }
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::new(io::ErrorKind::BrokenPipe, error),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transport for WebSocket<S> {
    fn presented(&self) -> Option<&[u8]> {
        self.presented.as_deref()
    }

    /// A message whose end has not come, and the rest of the one at hand.
    fn held_bytes(&self) -> usize {
        let most = self.stream.get_config().max_message_size.unwrap_or(usize::MAX);
        self.stream.get_ref().read_bytes.min(most) + self.rest.len()
    }

    fn ending(&mut self) -> Ending {
        self.ending.clone()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A frame of a client's under a mask of nothing, which leaves its payload as it is.
    fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let length = if payload.len() < 126 { vec![0x80 | length[1]] } else { [&[0xFE], &length[..]].concat() };
        [&[0x80 | opcode], &length[..], &[0; 4], payload].concat()
    }

    /// What is asked for and not there yet is read as far as it came.
    async fn pending<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocket<S>) {
        let mut byte = [0];
        let read = std::future::poll_fn(|context| {
            Poll::Ready(Pin::new(&mut *socket).poll_read(context, &mut ReadBuf::new(&mut byte)).is_pending())
        });
        assert!(read.await);
    }

    #[tokio::test]
    async fn a_message_weighs_before_it_is_whole_and_until_it_is_taken() {
        let (mut client, server) = tokio::io::duplex(4096);
        let mut socket = WebSocket::new(server, None, &Settings::default()).await;
        assert_eq!(socket.held_bytes(), 0);
        let message = frame(2, &[7; 1000]);
        client.write_all(&message[..500]).await.unwrap();
        pending(&mut socket).await;
        assert_eq!(socket.held_bytes(), 500);
        client.write_all(&message[500..]).await.unwrap();
        let mut taken = [0; 600];
        socket.read_exact(&mut taken).await.unwrap();
        assert_eq!((taken, socket.held_bytes()), ([7; 600], 400));
        socket.read_exact(&mut taken[..400]).await.unwrap();
        assert_eq!(socket.held_bytes(), 0);
        for _ in 0..100 {
            client.write_all(&frame(9, b"are you there")).await.unwrap();
            pending(&mut socket).await;
            client.read_exact(&mut taken[..15]).await.unwrap(); // the answer
        }
        assert_eq!(socket.held_bytes(), 0, "pings are no messages");
    }

    /// Empty pieces of a message that never ends are counted for no more than a message may have.
    #[tokio::test]
    async fn frames_without_payload_weigh_no_more_than_a_message() {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let settings = Settings::default();
        let mut socket = WebSocket::new(server, None, &settings).await;
        client.write_all(&[0x02, 0x80, 0, 0, 0, 0]).await.unwrap();
        let pieces = [0x00, 0x80, 0, 0, 0, 0].repeat(10_000);
        for _ in 0..10 {
            client.write_all(&pieces).await.unwrap();
            tokio::task::unconstrained(pending(&mut socket)).await; // all of it, whatever others want
        }
        assert_eq!(socket.held_bytes(), settings.packet_bytes_max as usize + BEYOND_A_PACKET);
    }

    /// After our goodbye a client is read, whatever it says, so that it hears it.
    #[tokio::test]
    async fn who_was_told_to_go_is_heard_out() {
        let (mut client, server) = tokio::io::duplex(4096);
        let mut socket = WebSocket::new(server, None, &Settings::default()).await;
        client.write_all(&frame(1, b"text")).await.unwrap();
        assert_eq!(socket.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(matches!(socket.ending(), Ending::Violation(_)));
        socket.shutdown().await.unwrap();
        client.write_all(b"still sending").await.unwrap();
        let mut heard = [0; 13];
        socket.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"still sending");
        let mut said = [0; 4];
        client.read_exact(&mut said).await.unwrap();
        assert_eq!(said, [0x88, 2, 0x03, 0xEB], "1003");
    }
}
