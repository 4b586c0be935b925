//! What a read goes into; and what is read of a client that is not listened to any more.
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;

use crate::transport::Transport;

/// Bytes read at once: a full record of TLS.
const READ_BYTES: usize = 16 * 1024;

thread_local! {
    /// What a read goes into first, one a thread, so that a connection that waits owns no buffer.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Reads once, and gives what came to `take`: how many bytes that was.
pub(super) fn poll_read(
    transport: &mut impl Transport,
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]),
) -> Poll<io::Result<usize>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(transport).poll_read(context, &mut buffer))?;
        take(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
}

/// Says that there is no more, and reads up to `unread` bytes that were on their way: thrown away, so that what was said arrives.
pub(super) async fn close_behind(transport: &mut impl Transport, mut unread: usize) -> io::Result<()> {
    let mut is_shut = false;
    poll_fn(|context| {
        if !is_shut {
            ready!(Pin::new(&mut *transport).poll_shutdown(context))?;
            is_shut = true;
        }
        while unread > 0 {
            match ready!(poll_read(transport, context, |_| {}))? {
                0 => break,
                read => unread = unread.saturating_sub(read),
            }
        }
        Poll::Ready(Ok(()))
    })
    .await
}
