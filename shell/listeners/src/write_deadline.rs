//! An HTTP client who does not read what it is answered is not waited for.
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

/// A write that gets no further for this long fails, and the connection ends. Whoever reads, however slowly, is waited for: 4 KiB/s keep
/// a download going, see [`UNSENT_BYTES_MAX`].
const WRITE_MAX: Duration = Duration::from_secs(30);

/// Bytes the kernel takes before they can be sent; the socket is written to again when half of them are (tcp(7): TCP_NOTSENT_LOWAT).
/// Without, it takes megabytes for one who does not read, and a slow reader shows no progress for minutes.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 256 * 1024;

/// A connection over `socket`, whose writes have a deadline.
pub fn with_write_deadline<S: AsyncRead + AsyncWrite>(
    stream: S,
    socket: impl FnOnce(&S) -> &TcpStream,
) -> Pin<Box<TimeoutStream<S>>> {
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(socket(&stream)).set_tcp_notsent_lowat(UNSENT_BYTES_MAX) {
        tracing::debug!(error = &error as &dyn std::error::Error, "what waits to be sent is not bounded");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
    within(stream, WRITE_MAX)
}

fn within<S: AsyncRead + AsyncWrite>(stream: S, write_max: Duration) -> Pin<Box<TimeoutStream<S>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(write_max));
    Box::pin(stream)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_reads_is_waited_for_and_who_does_not_is_not() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut server = within(server, WRITE_MAX);
        let sending = tokio::spawn(async move { server.write_all(&[b'x'; 640]).await.map_err(|error| error.kind()) });
        for _ in 0..10 {
            tokio::time::sleep(WRITE_MAX * 9 / 10).await;
            client.read_exact(&mut [0; 64]).await.unwrap();
        }
        assert_eq!(sending.await.unwrap(), Ok(()), "nine times as long as one write may take");

        let (_client, server) = tokio::io::duplex(64);
        let mut server = within(server, WRITE_MAX);
        let began = tokio::time::Instant::now();
        assert_eq!(server.write_all(&[b'x'; 65]).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), WRITE_MAX.as_secs());
    }
}
