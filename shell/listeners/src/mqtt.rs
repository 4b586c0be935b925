//! MQTT connections: moves bytes between a transport, the gate and the gateway, and decides nothing.
//!
//! One task a connection, one poll function: look at the signals, hand over what is durable, deliver what waits, read,
//! write, and sleep until one of them wakes us. Acknowledgements gather in the gate and leave in one write.
mod reading;
mod waiting;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use sekisho_gate::{Close, CloseReason, ConnectRequest, Connection, IncomingPublish, Output, Refusal};
use sekisho_journal::{JournalError, Sequence};
use sekisho_workers::{Connected, ConnectionId, Credential, Gateway, KeptWill, Peer, Prelude, Session, Weight};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use self::reading::{close_behind, poll_read};
use self::waiting::Waiting;
use crate::VALIDITY_LOOK_EVERY;
use crate::transport::{Ending, Transport};

/// What all clients together may have sent that is unfinished: packets whose end has not come, and what is behind one that waits. And then:
/// a connection that holds more than [`UNDECODED_SHARE_BYTES`] of it ends, v5 with 0x97.
const UNDECODED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What each may hold however much the others do.
const UNDECODED_SHARE_BYTES: usize = 16 * 1024;
/// Reads in a row before other connections get their turn.
const READS_MAX: usize = 16;
/// And the time: some packets ask for a thousand times the work of others.
const TURN: Duration = Duration::from_millis(2);
/// A connection over WebSocket, let in by a signature, lives so long (AWS IoT Core quotas: "WebSocket connection lifetime").
const WEBSOCKET_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// A connection that is closing has this long to take its last bytes.
const LINGER: Duration = Duration::from_secs(2);
/// And so many bytes of it, on their way when it was closed, are read and thrown away.
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// Serves one connection until it ends.
pub fn serve(transport: impl Transport, peer: Arc<Peer>, gateway: Arc<Gateway>) -> impl Future<Output = ()> {
    let mut pump = Pump::new(transport, peer, gateway);
    // Not made in there, and not moved: there is a copy of everything a future takes to another place.
    async move {
        let close = poll_fn(|context| pump.poll(context)).await;
        pump.end(&close).await;
    }
}

struct Pump<T> {
    transport: T,
    gate: Connection,
    gateway: Arc<Gateway>,
    peer: Arc<Peer>,
    session: Option<Session>,
    /// When the end of the certificate's validity is looked for, or it is time to ask a custom authorizer again.
    valid_until: Option<Instant>,
    will: Option<KeptWill>,
    input: BytesMut,
    waiting: Waiting,
    /// The journal's sequence that the last answer waits for.
    owed: Sequence,
    registered: Sequence,
    timer: Pin<Box<Sleep>>,
    timer_at: Instant,
    closing: Option<(Close, Instant)>,
    /// Accepted since the last look: nobody would wake us for a signal yet.
    fresh: bool,
    /// What comes before its CONNECT is decided on, and that.
    prelude: Option<(JoinHandle<Prelude>, Box<ConnectRequest>)>,
    /// By its CONNECT's place among all.
    id: ConnectionId,
    /// Connections of its client that wait until what that has sent here is read; and these are dropped.
    hearers: Vec<oneshot::Sender<()>>,
    /// The client takes nothing any more. What it has sent before is read all the same, until then at most.
    deaf_until: Option<Instant>,
    /// The turn at hand ends here.
    turn_until: Instant,
    /// It has ended, and the gate may hold more of what the client sent.
    turn_is_over: bool,
    /// A message that waits for room on the disk or among the work of rules, and its connection with it.
    no_room_for: Option<Box<IncomingPublish>>,
    /// What it holds of what its client sent and did not finish.
    undecoded: Weight,
    /// What is written for its client and not sent.
    unsent: Weight,
}

impl<T: Transport> Pump<T> {
    fn new(transport: T, peer: Arc<Peer>, gateway: Arc<Gateway>) -> Self {
        let now = Instant::now();
        let mut gate = Connection::new(now, gateway.settings().clone());
        if let Credential::Operator { .. } = peer.credential {
            gate.end_at(now + WEBSOCKET_LIFETIME, CloseReason::WebsocketTtlExpiration);
        }
        let timer_at = gate.poll_timeout().unwrap_or(now + Duration::from_secs(60));
        let (undecoded, unsent) = gateway.weigh_connection();
        Self {
            transport,
            gate,
            gateway,
            peer,
            session: None,
            valid_until: None,
            will: None,
            input: BytesMut::new(),
            waiting: Waiting::new(),
            owed: Sequence(0),
            registered: Sequence(0),
            timer: Box::pin(tokio::time::sleep_until(timer_at.into())),
            timer_at,
            closing: None,
            fresh: false,
            prelude: None,
            id: ConnectionId(0),
            hearers: Vec::new(),
            deaf_until: None,
            turn_until: now,
            turn_is_over: false,
            no_room_for: None,
            undecoded,
            unsent,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Close> {
        let now = Instant::now();
        (self.turn_until, self.turn_is_over) = (now + TURN, false);
        self.look(now, context);
        self.await_prelude(now, context);
        self.hand_over_durable(context);
        self.await_room(now, context);
        for _ in 0..READS_MAX {
            if !self.read(now, context) {
                return self.finish(now, context);
            }
        }
        context.waker().wake_by_ref(); // there is more to read; others first
        self.finish(now, context)
    }

    /// Writes what there is, arms the timer, and says whether the connection is over.
    fn finish(&mut self, now: Instant, context: &mut Context<'_>) -> Poll<Close> {
        self.weigh();
        let unfinished = self.gate.unfinished_bytes() + self.transport.held_bytes();
        if unfinished > UNDECODED_SHARE_BYTES && self.undecoded.total() > UNDECODED_BYTES_MAX {
            self.has_no_room("all clients together have sent as much that is unfinished as they may");
            self.act(now);
        }
        self.deliver(now);
        if self.prelude.is_some() {
            self.await_prelude(now, context); // one that was begun just now has nobody else to poll it
            self.act(now);
        }
        if std::mem::take(&mut self.fresh) {
            // A client that says nothing after CONNECT is to hear of its revocation all the same.
            self.look(now, context);
            self.act(now);
        }
        if self.owed != Sequence(0) {
            let was_read = self.gate.takes_input();
            self.hand_over_durable(context);
            let may_deliver = self.waiting.is_stored() && self.owed == Sequence(0);
            if !was_read && self.gate.takes_input() || may_deliver {
                context.waker().wake_by_ref(); // what the client sent meanwhile, and what waits for it, has its turn
            }
        }
        let held_back = !self.gate.takes_input();
        let mut written = self.write(now, context);
        if held_back && self.gate.takes_input() && self.closing.is_none() {
            // Room was made for packets that the gate holds already: no event of the socket would tell us of them. Nor would one of those
            // behind them, since the socket was not asked while there was no room.
            self.act(now);
            written = self.write(now, context);
            context.waker().wake_by_ref();
        }
        if let Some((close, deadline)) = &self.closing
            && (written || close.reason == CloseReason::ClientInitiatedDisconnect || now >= *deadline)
        {
            return Poll::Ready(close.clone());
        }
        if self.turn_is_over || written && self.waiting.awaits_writing() && self.deaf_until.is_none() {
            context.waker().wake_by_ref(); // others first
        }
        if self.no_room_for.is_some()
            && let Some(session) = &self.session
            && self.gateway.poll_room(context, session).is_ready()
        {
            context.waker().wake_by_ref(); // what was held up in this turn has nobody else to wake it
        }
        self.arm(now, context);
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        self.gate.release_buffers();
        self.weigh();
        if let Some(session) = &self.session {
            session.link().set_behind(self.unsent.bytes() > 0);
        }
        Poll::Pending
    }

    /// What it holds becomes part of what all hold.
    fn weigh(&mut self) {
        let held_up = self.no_room_for.as_ref().map_or(0, |publish| publish.payload.len());
        self.undecoded.set(self.gate.undecoded_bytes() + self.transport.held_bytes() + held_up);
        self.unsent.set(self.gate.unsent_bytes());
    }

    /// Signals from the rest of the server, and deliveries.
    fn look(&mut self, now: Instant, context: &mut Context<'_>) {
        let Some(session) = &mut self.session else { return };
        let (signals, waiting) = session.link().look(context.waker());
        if signals.hear_out {
            self.hearers.retain(|hearer| !hearer.is_closed());
            self.hearers.append(&mut session.link().hearers());
            context.waker().wake_by_ref(); // the socket may have been asked already in this turn
        }
        if signals.deleted {
            self.will = self.will.take().filter(|_| !signals.will_prevented);
            self.gate.disconnect(CloseReason::ApiInitiatedDisconnect);
        } else if signals.taken_over {
            self.gate.disconnect(CloseReason::DuplicateClientId);
        } else if signals.too_slow {
            self.has_no_room("the client left its mailbox full");
        } else if signals.shutdown {
            self.gate.disconnect(CloseReason::ServerInitiatedDisconnect);
        } else if signals.changed && self.gateway.reconsider(session).is_err() {
            self.gate.disconnect(CloseReason::AuthError);
        }
        if signals.stored {
            self.waiting.look_again();
        }
        if waiting || self.waiting.is_stored() {
            self.deliver(now);
        }
    }

    /// Hands the gate what waits, while it takes it.
    fn deliver(&mut self, now: Instant) {
        let Some(session) = self.session.as_mut().filter(|_| self.deaf_until.is_none()) else { return };
        if let Some(owed) = self.waiting.hand_over(now, &self.gateway, session, &mut self.gate) {
            self.owed = self.owed.max(owed);
        }
    }

    fn note_acknowledged(&mut self) {
        if let Some(session) = &self.session {
            self.waiting.note_acknowledged(&self.gateway, session);
        }
    }

    /// The gate's answer waits until `owed` is durable, and we with it.
    fn owes(&mut self, owed: Sequence) -> sekisho_gate::Sequence {
        self.owed = self.owed.max(owed);
        sekisho_gate::Sequence(owed.0)
    }

    /// Releases the answers whose messages are on the disk.
    fn hand_over_durable(&mut self, context: &mut Context<'_>) {
        if self.owed == Sequence(0) {
            return;
        }
        let journal = self.gateway.state().journal();
        match journal.poll_durable(context, self.owed, &mut self.registered) {
            Poll::Ready(Ok(())) => self.owed = Sequence(0),
            Poll::Ready(Err(_)) => self.gate.disconnect(CloseReason::ServerError),
            Poll::Pending => {}
        }
        // Asked afterwards: whoever is ready is not woken any more.
        self.gate.handle_persisted(sekisho_gate::Sequence(journal.durable().0));
    }

    /// Reads once and acts on it; false when there is nothing to read now.
    fn read(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        if self.closing.is_some() {
            return false;
        }
        self.act(now);
        if !self.gate.takes_input() || self.turn_is_over {
            return false;
        }
        if self.no_room_for.is_some() || self.gateway.state().journal().poll_queue_room(context).is_pending() {
            self.gate.handle_not_read(now);
            return false;
        }
        let input = &mut self.input;
        match poll_read(&mut self.transport, context, |read| input.extend_from_slice(read)) {
            Poll::Pending => {
                self.hearers = Vec::new();
                return false;
            }
            Poll::Ready(Ok(0)) => match self.transport.ending() {
                Ending::Lost => self.gate.handle_end_of_stream(),
                Ending::Goodbye => self.gate.handle_goodbye(),
                Ending::Violation(what) => self.gate.handle_transport_violation(what),
            },
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => {
                tracing::debug!(peer = %self.peer.address, error = &error as &dyn std::error::Error, "read failed");
                self.gate.handle_end_of_stream();
            }
        }
        self.act(now);
        if self.owed != Sequence(0) {
            self.hand_over_durable(context);
        }
        self.closing.is_none()
    }

    /// The client asks for more memory than there is for it.
    fn has_no_room(&mut self, explanation: &'static str) {
        if !self.gate.is_closed() {
            let client_id = self.session.as_ref().map(|session| session.client_id().as_str());
            self.gateway.refuse(&self.peer, client_id, "queue", explanation.into());
            self.gate.refuse_more(explanation);
        }
    }

    /// Lets the gate work through the input and does what comes of it.
    fn act(&mut self, now: Instant) {
        self.gate.handle_bytes(now, &mut self.input);
        if self.gate.is_closed() {
            self.no_room_for = None;
        }
        while self.no_room_for.is_none()
            && !self.turn_is_over
            && let Some(output) = self.gate.poll_output()
        {
            if self.follow(now, output).is_err() {
                self.gate.disconnect(CloseReason::ServerError); // what cannot be kept is not told
            }
            self.turn_is_over = Instant::now() >= self.turn_until;
        }
        self.note_acknowledged();
    }

    fn follow(&mut self, now: Instant, output: Output) -> Result<(), JournalError> {
        match (output, &mut self.session) {
            (Output::Close(close), _) => self.closing = Some((close, now + LINGER)),
            (Output::Connect(request), _) => self.begin(now, request),
            (Output::Publish(publish), Some(_)) => self.publish(now, publish),
            (Output::Subscribe(request), Some(session)) => {
                let (outcomes, owed) = self.gateway.subscribe(session, &request);
                if session.link().session().is_some() {
                    self.waiting.look_again(); // retained messages wait there too
                }
                let owed = self.owes(owed);
                self.gate.subscribed(request.packet_identifier, outcomes, owed);
            }
            (Output::Unsubscribe(request), Some(session)) => {
                let (outcomes, owed) = self.gateway.unsubscribe(session, &request)?;
                let owed = self.owes(owed);
                self.gate.unsubscribed(request.packet_identifier, outcomes, owed);
            }
            (Output::Acknowledged(identifier), _) => self.waiting.acknowledged(identifier),
            (Output::Received(identifier), Some(session)) => {
                let owed = self.gateway.received(session, identifier)?;
                let owed = self.owes(owed);
                self.gate.release(identifier, owed);
            }
            (Output::Released(identifier), Some(session)) => {
                let owed = self.gateway.released(session, identifier)?;
                let owed = self.owes(owed);
                self.gate.complete(identifier, owed);
            }
            (_, None) => {} // only who is let in is heard
        }
        Ok(())
    }

    fn publish(&mut self, now: Instant, publish: IncomingPublish) {
        let Some(session) = &mut self.session else { return };
        match (self.gateway.publish(now, session, &publish), publish.packet_identifier) {
            (Ok(owed), Some(packet_identifier)) => {
                let owed = self.owes(owed);
                self.gate.publish_accepted(packet_identifier, owed);
            }
            (Ok(_), None) => {}
            // Better late than sent again, or lost.
            (Err(Refusal::NoRoom), _) => self.no_room_for = Some(Box::new(publish)),
            (Err(refusal), packet_identifier) => self.gate.publish_refused(packet_identifier, refusal),
        }
    }

    /// What found no room, on the disk or among the work of rules, has its turn once there is some.
    fn await_room(&mut self, now: Instant, context: &mut Context<'_>) {
        if self.no_room_for.is_some()
            && !self.gate.is_closed()
            && let Some(session) = &self.session
            && self.gateway.poll_room(context, session).is_ready()
            && let Some(publish) = self.no_room_for.take()
        {
            self.publish(now, *publish);
        }
    }

    /// CONNECT with a certificate nobody has activated: it may be registered, or provisioned, by this very connection. And one for
    /// which a custom authorizer is to speak.
    fn begin(&mut self, now: Instant, request: Box<ConnectRequest>) {
        self.id = self.gateway.links().next_id();
        let looking = match self.transport.presented() {
            Some(presented) if self.gateway.is_first_connection(&self.peer) => {
                let client_id = request.client_id.as_ref().map(ToString::to_string);
                self.gateway.first_connection(&self.peer, client_id, presented.to_vec())
            }
            Some(_) | None if self.gateway.is_to_be_vouched_for(&self.peer) => self.gateway.vouch(&self.peer, &request),
            Some(_) | None => return self.connect(now, request),
        };
        self.prelude = Some((looking, request));
    }

    fn await_prelude(&mut self, now: Instant, context: &mut Context<'_>) {
        let Some((mut prelude, request)) = self.prelude.take() else { return };
        if self.gate.is_closed() {
            return; // nobody waits any more; what was begun goes on by itself
        }
        match Pin::new(&mut prelude).poll(context) {
            Poll::Pending => return self.prelude = Some((prelude, request)),
            Poll::Ready(Ok(Prelude::Retry)) => self.connect(now, request),
            Poll::Ready(Ok(Prelude::Connect)) => self.let_in(now, *request),
            Poll::Ready(Ok(Prelude::Close) | Err(_)) => return self.gate.refuse(Refusal::NotAuthorized),
        }
        context.waker().wake_by_ref(); // the socket has not been asked since CONNECT, nor what may come next
    }

    fn connect(&mut self, now: Instant, request: Box<ConnectRequest>) {
        match request.client_id.as_ref().and_then(|client_id| self.gateway.hear_out_earlier(client_id)) {
            Some(hearing) => self.prelude = Some((hearing, request)),
            None => self.let_in(now, *request),
        }
    }

    fn let_in(&mut self, now: Instant, request: ConnectRequest) {
        match self.gateway.connect(self.id, &self.peer, request) {
            Ok(Connected { session, accepted, owed, will }) => {
                self.will = will;
                self.session = Some(session);
                self.fresh = true;
                if accepted.is_stored {
                    self.waiting.look_again();
                }
                let owed = self.owes(owed);
                self.gate.accept(now, accepted, owed);
                if let Some(lasts) = self.gateway.lasts(&self.peer) {
                    self.gate.end_at(now + lasts, CloseReason::CustomauthTtlExpiration);
                }
                self.look_at_validity(now);
            }
            Err(refusal) => self.gate.refuse(refusal),
        }
    }

    /// A certificate that is not valid any more ends the connection as a revoked one does. What a custom authorizer said is good for
    /// a while, and then it is asked again.
    fn look_at_validity(&mut self, now: Instant) {
        let Some(session) = &mut self.session else { return };
        self.gateway.refresh(session);
        self.valid_until = self.gateway.valid_for(&self.peer).map(|left| now + left.min(VALIDITY_LOOK_EVERY));
        if self.valid_until.is_none() && self.gateway.reconsider(session).is_err() {
            self.gate.disconnect(CloseReason::AuthError);
        }
    }

    /// Writes until everything is written (true) or the socket is full (false).
    fn write(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        if self.deaf_until.is_some() {
            self.gate.outgoing(now).clear();
            return true;
        }
        loop {
            let outgoing = self.gate.outgoing(now);
            if outgoing.is_empty() {
                break;
            }
            match Pin::new(&mut self.transport).poll_write(context, outgoing) {
                Poll::Pending => return false,
                Poll::Ready(Ok(written)) if written > 0 => outgoing.advance(written),
                Poll::Ready(_) => {
                    self.lost(now, context);
                    return true;
                }
            }
        }
        match Pin::new(&mut self.transport).poll_flush(context) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(_)) => {
                self.lost(now, context);
                true
            }
        }
    }

    /// The socket takes nothing any more: its client has left, and may have said so.
    fn lost(&mut self, now: Instant, context: &mut Context<'_>) {
        self.deaf_until = Some(now + LINGER);
        self.gate.outgoing(now).clear();
        context.waker().wake_by_ref();
    }

    /// One timer a connection. It is moved only when it fires, not at every packet that moves the deadline.
    fn arm(&mut self, now: Instant, context: &mut Context<'_>) {
        loop {
            let live = [self.gate.poll_timeout(), self.valid_until, self.waiting.turn_at(), self.deaf_until];
            let live = live.into_iter().flatten().min();
            let wanted = self.closing.as_ref().map(|(_, deadline)| *deadline).or(live);
            let Some(wanted) = wanted else { return };
            if wanted < self.timer_at {
                self.timer_at = wanted;
                self.timer.as_mut().reset(wanted.into());
            }
            if self.timer.as_mut().poll(context).is_pending() {
                return;
            }
            if wanted <= now {
                let held_back = !self.gate.takes_input();
                self.gate.handle_timeout(now);
                if self.deaf_until.is_some_and(|until| until <= now) {
                    self.gate.handle_end_of_stream();
                }
                if self.valid_until.is_some_and(|at| at <= now) {
                    self.look_at_validity(now);
                }
                self.act(now);
                let is_their_turn = self.waiting.turn_at().is_some_and(|at| at <= now);
                // What was read just now may wait for the disk, and nobody has registered for that.
                let owes = self.owed != Sequence(0);
                if self.closing.is_some() || is_their_turn || owes || held_back && self.gate.takes_input() {
                    context.waker().wake_by_ref();
                    return;
                }
            }
            self.timer_at = wanted.max(now + Duration::from_millis(1));
            self.timer.as_mut().reset(self.timer_at.into());
        }
    }

    async fn end(&mut self, close: &Close) {
        self.weigh();
        self.explain(close);
        if let Some(session) = self.session.take() {
            self.hearers.append(&mut session.link().hearers());
            self.note_acknowledged();
            let left = close.session_expiry_s.map(|expiry_s| (expiry_s, self.waiting.sent()));
            self.gateway.disconnect(&session, left, close.reason);
            if let Some(will) = self.will.take().filter(|_| close.publish_will) {
                self.gateway.will_of(session, will, close.session_expiry_s.unwrap_or(0));
            }
            self.hearers = Vec::new();
        }
        let unread = if close.reason.is_heard_out() { LINGER_BYTES_MAX } else { 0 };
        let _ = tokio::time::timeout(LINGER, close_behind(&mut self.transport, unread)).await;
    }

    fn explain(&self, close: &Close) {
        let client_id = self.session.as_ref().map(|session| session.client_id().as_str());
        if close.reason == CloseReason::ClientError {
            self.gateway.refuse(&self.peer, client_id, "protocol", close.explanation.to_string());
        }
        tracing::debug!(peer = %self.peer.address, client_id, reason = %close.reason, explanation = %close.explanation, "connection ended");
        metrics::counter!("sekisho_disconnects_total", "reason" => close.reason.as_str()).increment(1);
    }
}
