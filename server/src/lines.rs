//! An answer that goes on: lines as they come, for as long as somebody reads them.
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use sekisho_workers::Tail;
use tokio::sync::mpsc;

/// Lines between the tail and the socket. Few: what waits is bounded, and counted, by the tail.
const LINES_MAX: usize = 16;

/// A response's body. Dropping it ends what fills it.
pub struct Lines(mpsc::Receiver<Bytes>);

impl Lines {
    /// What a tail has to say.
    pub fn of(tail: Tail) -> Self {
        let (sender, lines) = mpsc::channel(LINES_MAX);
        tokio::spawn(tail.run(sender));
        Self(lines)
    }
}

impl From<mpsc::Receiver<Bytes>> for Lines {
    fn from(lines: mpsc::Receiver<Bytes>) -> Self {
        Self(lines)
    }
}

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
