//! Bodies that are kept before their signature can be checked: whoever knows an access key's id, which is no secret, can send one. There
//! is so much room for them and no more, and they have to come at a pace.
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::body::Body;
use crate::form_data::FIELDS_BYTES_MAX;
use crate::s3_request::{next_data, timed_out};
use crate::{ApiError, Service};

/// What room is counted in.
const KIB: usize = 1024;
/// A body of more bytes is a large one. They have room of their own, so that batches of records do not stand in an operator's way.
const SMALL_BYTES_MAX: usize = 64 * KIB;
/// KiB of small bodies at once. And then: the next waits, see [`WAIT_MAX`].
const SMALL_KIB_MAX: usize = 16 * 1024;
/// KiB of large bodies at once: eight of the largest. And then: the same.
const LARGE_KIB_MAX: usize = 64 * 1024;
/// KiB of forms' fields at once; whoever sends them need not even know an access key's id. And then: the same.
const FORMS_KIB_MAX: usize = 16 * 1024;
/// So long a body waits for room; the connection is not read from meanwhile. And then: 503.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// How fast a body has to come: 32 KiB/s. And then: RequestTimeout. One of 8 MiB is there after four minutes.
const PACE: Pace = Pace { bytes: 640 * KIB, within: Duration::from_secs(20) };
/// And while others wait for its room, as fast as this. And then: 503.
const PACE_IN_A_CROWD: Pace = Pace { bytes: 256 * KIB, within: Duration::from_secs(2) };
/// Memory set aside for a body before it comes, at most; the rest follows what comes.
const BYTES_AT_ONCE: usize = 256 * KIB;

/// Room for bodies whose signature is still to be checked.
#[derive(Debug)]
pub struct UnverifiedBodies {
    small: Room,
    large: Room,
    forms: Room,
}

impl Default for UnverifiedBodies {
    fn default() -> Self {
        Self { small: Room::new(SMALL_KIB_MAX), large: Room::new(LARGE_KIB_MAX), forms: Room::new(FORMS_KIB_MAX) }
    }
}

impl UnverifiedBodies {
    /// Room for the fields of a form, until its signature, which is one of them, is checked.
    pub(crate) async fn form(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        self.forms.take(FIELDS_BYTES_MAX).await
    }

    /// The whole body, and the room it takes until its signature is checked.
    pub(crate) async fn read(
        &self,
        service: Service,
        headers: &HeaderMap,
        mut body: Body,
    ) -> Result<(Bytes, Option<OwnedSemaphorePermit>), ApiError> {
        let bytes_max = service.body_bytes_max();
        let too_large = |max: usize| {
            let message = format!("The request body has more than {max} bytes");
            ApiError::new(413, "RequestEntityTooLargeException", message)
        };
        let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let most = announced.unwrap_or(bytes_max);
        if most > bytes_max {
            return Err(too_large(bytes_max));
        }
        if body.is_end_stream() {
            return Ok((Bytes::new(), None));
        }
        let room = if most > SMALL_BYTES_MAX { &self.large } else { &self.small };
        let permit = room.take(most).await?;
        let mut others = room.waiting.subscribe();
        let (mut pace, mut pace_in_a_crowd) = (Lap::begin(PACE), Lap::begin(PACE_IN_A_CROWD));
        let mut all = BytesMut::with_capacity(announced.unwrap_or(0).min(BYTES_AT_ONCE));
        loop {
            let gives_way = async {
                sleep_until(pace_in_a_crowd.end).await;
                // The sender is there as long as we are.
                let _ = others.wait_for(|waiting| *waiting > 0).await;
            };
            let data = tokio::select! {
                biased;
                data = next_data(&mut body) => data?,
                () = sleep_until(pace.end) => return Err(timed_out()),
                () = gives_way => return Err(ApiError::unavailable("a body came slowly, and others waited for its room")),
            };
            let Some(data) = data else { return Ok((all.freeze(), Some(permit))) };
            if all.len() + data.len() > most {
                return Err(too_large(most));
            }
            all.extend_from_slice(&data);
            pace.came(data.len());
            pace_in_a_crowd.came(data.len());
        }
    }
}

/// Room of one kind.
#[derive(Debug)]
struct Room {
    kib: Arc<Semaphore>,
    waiting: watch::Sender<usize>,
}

impl Room {
    fn new(kib: usize) -> Self {
        Self { kib: Arc::new(Semaphore::new(kib)), waiting: watch::Sender::new(0) }
    }

    /// Room for `bytes`; free again when the answer is dropped. First come, first served.
    async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        if let Ok(permit) = self.kib.clone().try_acquire_many_owned(kib) {
            return Ok(permit);
        }
        let _waits = Waits::begin(&self.waiting);
        match timeout(WAIT_MAX, self.kib.clone().acquire_many_owned(kib)).await {
            Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
            Err(_) => Err(ApiError::unavailable("no room for a body whose signature is still to be checked")),
        }
    }
}

/// Somebody waits.
struct Waits<'a>(&'a watch::Sender<usize>);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|waiting| *waiting += 1);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}

/// So many bytes within so long, again and again.
#[derive(Clone, Copy, Debug)]
struct Pace {
    bytes: usize,
    within: Duration,
}

/// Once that.
struct Lap {
    pace: Pace,
    came: usize,
    end: Instant,
}

impl Lap {
    fn begin(pace: Pace) -> Self {
        Self { pace, came: 0, end: Instant::now() + pace.within }
    }

    fn came(&mut self, bytes: usize) {
        self.came += bytes;
        if self.came >= self.pace.bytes {
            *self = Self::begin(self.pace);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::body::{full, pieces};

    /// A body of so many pieces of so many bytes, each so long after the one before.
    fn coming(pieces_: usize, bytes: usize, each: Duration) -> (HeaderMap, Body) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(pieces_ * bytes));
        let body = pieces(pieces_, move |left| async move {
            if left == 0 {
                return Ok(None);
            }
            tokio::time::sleep(each).await;
            Ok(Some((Bytes::from(vec![b'x'; bytes]), left - 1)))
        });
        (headers, body)
    }

    async fn read(bodies: &UnverifiedBodies, (headers, body): (HeaderMap, Body)) -> Result<usize, u16> {
        let read = bodies.read(Service::Firehose, &headers, body).await;
        read.map(|(bytes, _)| bytes.len()).map_err(|error| error.status)
    }

    const MIB: usize = 1024 * KIB;

    #[tokio::test(start_paused = true)]
    async fn a_body_comes_at_a_pace() {
        let bodies = UnverifiedBodies::default();
        let second = Duration::from_secs(1);
        assert_eq!(read(&bodies, coming(200, 40 * KIB, second)).await, Ok(200 * 40 * KIB), "40 KiB/s");
        assert_eq!(read(&bodies, coming(400, 20 * KIB, second)).await, Err(400), "half as fast");
        assert_eq!(read(&bodies, coming(100, 1, second)).await, Err(400), "a byte a second");
        assert_eq!(read(&bodies, coming(19, 1, second)).await, Ok(19), "and few of them");
        let (_, unannounced) = coming(9, MIB, Duration::ZERO);
        assert_eq!(read(&bodies, (HeaderMap::new(), unannounced)).await, Err(413));
        let (headers, _) = coming(1, 1, second);
        assert_eq!(read(&bodies, (headers, full("xx"))).await, Err(413), "more than was announced");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_slow_gives_way_to_who_waits() {
        let bodies = Arc::new(UnverifiedBodies::default());
        let start = |body| {
            let bodies = bodies.clone();
            tokio::spawn(async move { read(&bodies, body).await })
        };
        // All the room there is for large ones, and nobody else wants it.
        let slow: Vec<_> = (0..8).map(|_| start(coming(16, 512 * KIB, Duration::from_secs(5)))).collect();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(slow.iter().all(|body| !body.is_finished()));
        // Small ones have their own.
        assert_eq!(read(&bodies, coming(1, KIB, Duration::ZERO)).await, Ok(KIB));
        let began = Instant::now();
        assert_eq!(read(&bodies, coming(8, MIB, Duration::ZERO)).await, Ok(8 * MIB));
        assert!(began.elapsed() <= PACE_IN_A_CROWD.within * 2, "{:?}", began.elapsed());
        let mut outcomes = Vec::new();
        for body in slow {
            outcomes.push(body.await.unwrap());
        }
        assert!(outcomes.contains(&Err(503)), "{outcomes:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_no_more_room_than_that() {
        let bodies = Arc::new(UnverifiedBodies::default());
        // As fast as it has to be, and for a long time.
        let fast = || coming(32, 256 * KIB, Duration::from_secs(1));
        let kept: Vec<_> = (0..LARGE_KIB_MAX / (8 * KIB))
            .map(|_| {
                let (bodies, (headers, body)) = (bodies.clone(), fast());
                tokio::spawn(async move { bodies.read(Service::Firehose, &headers, body).await.map(|_| ()) })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(bodies.large.kib.available_permits(), 0);
        assert_eq!(read(&bodies, coming(1, MIB, Duration::ZERO)).await, Err(503));
        for body in kept {
            assert!(body.await.unwrap().is_ok());
        }
        assert_eq!(bodies.large.kib.available_permits(), LARGE_KIB_MAX);
        // What is verified, or refused, takes no room any more.
        assert_eq!(read(&bodies, coming(1, MIB, Duration::ZERO)).await, Ok(MIB));
        assert_eq!(*bodies.large.waiting.borrow(), 0);
    }
}
