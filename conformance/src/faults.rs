//! A proxy that stands before an HTTP server and misbehaves by the seed: errors, connections that end, answers that are lost
//! after the request was carried out, bodies that dribble.
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::PATIENCE;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Carried out and answered.
    None,
    /// 503, and not carried out.
    Unavailable,
    /// 500, and not carried out.
    Internal,
    /// The connection ends when the request has been read.
    Closed,
    /// The connection ends in the middle of the request.
    ClosedInBody,
    /// Carried out; the connection ends without an answer.
    AnswerLost,
    /// Carried out; nothing comes back, for longer than anybody waits.
    AnswerStalls,
    /// Carried out, and answered with 500.
    AnswerWrong,
    /// Carried out; the answer comes in small pieces.
    AnswerDribbles,
    /// The request is read in small pieces; then carried out and answered.
    RequestDribbles,
}

/// In a hundred requests so many, at a severity of 1.
#[rustfmt::skip]
const SHARES: &[(Fault, u64)] = &[
    (Fault::Unavailable, 8), (Fault::Internal, 5), (Fault::Closed, 4), (Fault::ClosedInBody, 4), (Fault::AnswerLost, 7),
    (Fault::AnswerStalls, 2), (Fault::AnswerWrong, 5), (Fault::AnswerDribbles, 3), (Fault::RequestDribbles, 3),
];

/// A running proxy. Its threads end with the process.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    /// How long [`Fault::AnswerStalls`] lasts.
    stall: Duration,
    random: Mutex<u64>,
    seen: Mutex<BTreeMap<Fault, u64>>,
}

impl FaultProxy {
    /// Starts one before `upstream`, a URL such as `http://127.0.0.1:4566`.
    pub fn start(upstream: &str, seed: u64, stall: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let shared = Arc::new(Shared { upstream, stall, random: Mutex::new(seed), seen: Mutex::default() });
        let serving = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let serving = serving.clone();
                // Whoever breaks off breaks off; that is what this is for.
                thread::spawn(move || drop(serving.serve(client)));
            }
        });
        Self { address, shared }
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests met which fate.
    pub fn seen(&self) -> BTreeMap<Fault, u64> {
        self.shared.seen.lock().expect("nobody panics with it").clone()
    }
}

impl Shared {
    /// One request a connection: every answer says that the connection ends.
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        client.set_read_timeout(Some(PATIENCE))?;
        client.set_nodelay(true)?;
        let fault = self.draw();
        let piece = if fault == Fault::RequestDribbles { 512 } else { 64 * 1024 };
        let Some(request) = read_request(&mut client, piece, fault == Fault::ClosedInBody)? else { return Ok(()) };
        *self.seen.lock().expect("nobody panics with it").entry(fault).or_default() += 1;
        match fault {
            Fault::Unavailable => return client.write_all(refusal("503 Slow Down", "SlowDown").as_bytes()),
            Fault::Internal => {
                return client.write_all(refusal("500 Internal Server Error", "InternalError").as_bytes());
            }
            Fault::Closed | Fault::ClosedInBody => return Ok(()),
            Fault::None
            | Fault::AnswerLost
            | Fault::AnswerStalls
            | Fault::AnswerWrong
            | Fault::AnswerDribbles
            | Fault::RequestDribbles => {}
        }
        let mut upstream = TcpStream::connect(&self.upstream)?;
        upstream.set_read_timeout(Some(PATIENCE))?;
        upstream.write_all(&request)?;
        let mut answer = Vec::new();
        upstream.read_to_end(&mut answer)?;
        match fault {
            Fault::AnswerLost => Ok(()),
            Fault::AnswerStalls => {
                thread::sleep(self.stall);
                Ok(())
            }
            Fault::AnswerWrong => client.write_all(refusal("500 Internal Server Error", "InternalError").as_bytes()),
            Fault::AnswerDribbles => answer.chunks(16).try_for_each(|piece| {
                thread::sleep(Duration::from_millis(5));
                client.write_all(piece)
            }),
            _ => client.write_all(&answer),
        }
    }

    fn draw(&self) -> Fault {
        let mut random = self.random.lock().expect("nobody panics with it");
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut drawn = (*random >> 33) % 100;
        for (fault, share) in SHARES {
            if drawn < *share {
                return *fault;
            }
            drawn -= share;
        }
        Fault::None
    }
}

fn refusal(status: &str, code: &str) -> String {
    let body = format!("<Error><Code>{code}</Code><Message>by the seed</Message></Error>");
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Reads a request with `content-length`, told to end the connection after it. None if it ended early, or is to.
fn read_request(client: &mut TcpStream, piece: usize, breaks_off: bool) -> std::io::Result<Option<Vec<u8>>> {
    let (mut request, mut buffer, mut total) = (Vec::new(), vec![0; piece], usize::MAX);
    while request.len() < total {
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return Ok(None);
        }
        request.extend_from_slice(&buffer[..read]);
        if piece < 1024 {
            thread::sleep(Duration::from_micros(200));
        }
        if total == usize::MAX
            && let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            total = end + 4 + length.map_or(0, |length| length.trim().parse().unwrap_or(0));
        }
        if breaks_off && total != usize::MAX && (request.len() >= total / 2) {
            return Ok(Some(Vec::new()));
        }
    }
    let line = request.windows(2).position(|two| two == b"\r\n").unwrap_or_default();
    request.splice(line..line, *b"\r\nconnection: close");
    Ok(Some(request))
}
