//! The clock, the network, and chance.
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use sekisho_gate::Settings;
use sekisho_mqtt::ProtocolVersion;
use sekisho_types::Timestamp;

use crate::client::Client;
use crate::random::Random;
use crate::server::Server;

/// A connection between a client and the server.
struct Wire {
    /// Whose it is, unless he has given it up.
    client: Option<usize>,
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// When the server hears that it has ended.
    lost_at: Option<Duration>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages published and acknowledged.
    pub published: u64,
    /// Messages heard by all subscribers.
    pub heard: u64,
    /// Those that came again.
    pub twice: u64,
    /// How often the server was killed.
    pub crashes: u64,
    /// How often a connection was cut.
    pub cuts: u64,
    /// Connections taken over by their own client.
    pub takeovers: u64,
}

/// Everything.
pub struct World {
    random: Random,
    began: Instant,
    elapsed: Duration,
    server: Server,
    clients: Vec<Client>,
    links: Vec<Option<u64>>,
    wires: BTreeMap<u64, Wire>,
    next_link: u64,
    summary: Summary,
    /// The server is never killed.
    is_spared: bool,
    /// Nothing happens any more but what has to.
    is_calm: bool,
}

impl World {
    /// From a seed. `began` is where its clock starts; which instant that is changes nothing.
    pub fn new(seed: u64, began: Instant) -> Self {
        let versions = [ProtocolVersion::V311, ProtocolVersion::V5];
        let mut clients = Vec::new();
        for n in 0..3 {
            clients.push(Client::new(&format!("publisher-{n}"), versions[n % 2], true, false));
            clients.push(Client::new(&format!("subscriber-{n}"), versions[(n + 1) % 2], true, true));
        }
        clients.push(Client::new("passer-by", ProtocolVersion::V5, false, true));
        let settings = Settings { send_maximum: 5, receive_maximum: 20, ..Settings::mqtt() };
        Self {
            random: Random::new(seed),
            began,
            elapsed: Duration::ZERO,
            server: Server::new(settings),
            links: vec![None; clients.len()],
            clients,
            wires: BTreeMap::new(),
            next_link: 0,
            summary: Summary::default(),
            is_spared: false,
            is_calm: false,
        }
    }

    /// The same with a server that is never killed: then a message of QoS 2 comes once, without exception.
    pub fn without_crashes(self) -> Self {
        Self { is_spared: true, ..self }
    }

    /// Lets time pass; then everybody comes back and hears the rest.
    ///
    /// # Panics
    /// If something does not hold.
    pub fn run(mut self, time: Duration) -> Summary {
        while self.elapsed < time {
            self.step();
        }
        self.is_calm = true;
        let end = self.elapsed + Duration::from_secs(3_600);
        while !self.is_settled() {
            assert!(self.elapsed < end, "everybody is there for an hour, and something is still missing");
            self.step();
        }
        self.summary.heard = self.clients.iter().map(|client| client.messages).sum();
        self.summary.twice = self.clients.iter().map(|client| client.twice).sum();
        self.summary.published = self.clients.iter().flat_map(Client::published).map(|(_, number)| *number).sum();
        self.summary
    }

    fn is_settled(&self) -> bool {
        let published: Vec<(&String, u64)> =
            self.clients.iter().flat_map(Client::published).map(|(topic, number)| (topic, *number)).collect();
        self.clients.iter().all(Client::is_acknowledged)
            && self
                .clients
                .iter()
                .filter(|client| client.hears_all())
                .all(|client| published.iter().all(|(topic, number)| client.heard(topic) == *number))
    }

    fn now(&self) -> (Instant, Timestamp) {
        (self.began + self.elapsed, Timestamp::from_millis(self.elapsed.as_millis() as i64))
    }

    fn step(&mut self) {
        self.elapsed += Duration::from_millis(1 + self.random.below(400));
        if self.random.once_in(2) {
            self.server.disk.sync();
        }
        if !self.is_calm && self.random.once_in(4_000) && !self.is_spared {
            self.crash();
        }
        if self.random.once_in(3_000) {
            self.server.compact();
        }
        let everybody_hears = self.clients.iter().all(Client::is_ready);
        for client in 0..self.clients.len() {
            self.live(client, everybody_hears);
        }
        self.server.tick(self.now());
        for id in self.wires.keys().copied().collect::<Vec<_>>() {
            self.carry(id);
        }
    }

    /// One client does something, or nothing.
    fn live(&mut self, client: usize, everybody_hears: bool) {
        let Some(id) = self.links[client] else {
            if self.is_calm || self.random.once_in(50) {
                self.connect(client);
            }
            return;
        };
        if !self.is_calm {
            if self.random.once_in(3_000) {
                // The way is cut, and one of them hears of it first.
                self.summary.cuts += 1;
                let lost_at = self.elapsed + Duration::from_millis(self.random.below(90_000));
                let wire = self.wires.get_mut(&id).expect("a linked wire");
                (wire.client, wire.lost_at) = (None, Some(lost_at));
                wire.to_client.clear();
                if self.random.once_in(2) {
                    wire.to_server.clear();
                }
                self.links[client] = None;
                return;
            }
            if self.random.once_in(5_000) {
                // It connects again without a word to the older connection.
                self.summary.takeovers += 1;
                self.wires.get_mut(&id).expect("a linked wire").client = None;
                self.connect(client);
                return;
            }
            if self.random.once_in(5_000) {
                self.clients[client].leave();
            }
            if everybody_hears && self.clients[client].publishes() && self.random.once_in(3) {
                let topic = self.random.below(4);
                self.clients[client].publish(topic);
            }
        }
        if self.random.once_in(60) {
            self.clients[client].ping();
        }
        let said = std::mem::take(&mut self.clients[client].output);
        self.wires.get_mut(&id).expect("a linked wire").to_server.extend(said);
    }

    fn connect(&mut self, client: usize) {
        self.next_link += 1;
        let id = self.next_link;
        self.server.open(id, self.now().0);
        let wire = Wire { client: Some(client), to_server: VecDeque::new(), to_client: VecDeque::new(), lost_at: None };
        self.wires.insert(id, wire);
        self.links[client] = Some(id);
        self.clients[client].begin();
    }

    /// Moves what a wire has, some of it, or all.
    fn carry(&mut self, id: u64) {
        let now = self.now();
        let (some, most) = (self.random.below(200) as usize, self.random.below(400) as usize);
        let wire = self.wires.get_mut(&id).expect("it is carried");
        if wire.lost_at.is_some_and(|at| at <= self.elapsed) {
            self.server.lost(id, now);
        }
        if self.server.takes_input(id) {
            let part: Vec<u8> = wire.to_server.drain(..some.min(wire.to_server.len())).collect();
            if !part.is_empty() {
                self.server.handle_bytes(id, now, &part);
            }
        }
        let (written, over) = self.server.outgoing(id, now, most);
        if wire.client.is_some() {
            wire.to_client.extend(written);
        }
        let part: Vec<u8> = wire.to_client.drain(..some.min(wire.to_client.len())).collect();
        let ends = over && wire.to_client.is_empty();
        if let Some(client) = wire.client {
            let goes_on = self.clients[client].handle_bytes(&part, self.summary.crashes > 0);
            if !goes_on || ends {
                self.links[client] = None;
            }
        }
        if ends || wire.client.is_none() && !self.server.knows(id) {
            self.wires.remove(&id);
        }
    }

    fn crash(&mut self) {
        self.summary.crashes += 1;
        let now = self.now().1;
        self.server.crash(now, &mut self.random);
        self.wires.clear();
        self.links.fill(None);
    }
}
