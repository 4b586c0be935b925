//! Bodies of requests and answers.
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Frame, SizeHint};

/// Whatever goes wrong in a body under way.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body of either direction.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body that is already there.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
pub fn empty() -> Body {
    full(Bytes::new())
}

/// A body, and whether it was read to its end.
pub(crate) fn watched(body: Body) -> (Body, Arc<AtomicBool>) {
    let read = Arc::new(AtomicBool::new(body.is_end_stream()));
    (Watched { body, read: read.clone() }.boxed_unsync(), read)
}

struct Watched {
    body: Body,
    read: Arc<AtomicBool>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        if frame.is_none() || this.body.is_end_stream() {
            this.read.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that comes piece by piece: `next` takes the state and gives it back with a piece. `Ok(None)` ends the body; an
/// error cuts the connection, so that the client sees that the rest is missing.
pub fn pieces<S, F, Fut>(state: S, next: F) -> Body
where
    S: Send + 'static,
    F: FnMut(S) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Option<(Bytes, S)>, BodyError>> + Send + 'static,
{
    Pieces { state: Some(state), next, pending: None }.boxed_unsync()
}

struct Pieces<S, F, Fut> {
    state: Option<S>,
    next: F,
    pending: Option<Pin<Box<Fut>>>,
}

impl<S, F, Fut> Unpin for Pieces<S, F, Fut> {}

impl<S, F, Fut> hyper::body::Body for Pieces<S, F, Fut>
where
    F: FnMut(S) -> Fut,
    Fut: Future<Output = Result<Option<(Bytes, S)>, BodyError>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(state) = this.state.take() {
            this.pending = Some(Box::pin((this.next)(state)));
        }
        let Some(pending) = &mut this.pending else { return Poll::Ready(None) };
        let outcome = ready!(pending.as_mut().poll(cx));
        this.pending = None;
        Poll::Ready(match outcome {
            Ok(Some((piece, state))) => {
                this.state = Some(state);
                Some(Ok(Frame::data(piece)))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        })
    }
}
