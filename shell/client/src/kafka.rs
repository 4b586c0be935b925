//! A Kafka producer: TLS and SASL as its properties say, connections that are kept, one record a request.
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use rustls::crypto::aws_lc_rs as provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sekisho_kafka::{
    ANSWER_BYTES_MAX, Address, Answer, ClientProperties, KafkaError, Mechanism, Metadata, Record, Request, Sasl, Scram,
    partition_of,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A record and all that it takes: a connection, who leads, an answer. And then: [`ProduceError::Silent`].
const SEND_MAX: Duration = Duration::from_secs(30);
/// To be connected, by TLS and SASL, and to be told who leads. And then: the next broker is asked.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// A topic nobody knows is asked for so long (ours; Java's `max.block.ms` is 60 s). And then: the record has failed.
const UNKNOWN_TOPIC_MAX: Duration = Duration::from_secs(10);
/// Between two times.
const UNKNOWN_TOPIC_PAUSE: Duration = Duration::from_millis(250);
/// A connection nobody has used for so long is not used again: brokers close theirs after ten minutes.
const KEPT_MAX: Duration = Duration::from_secs(60);
/// Until it is asked again who leads a topic's partitions (`metadata.max.age.ms`).
const METADATA_MAX: Duration = Duration::from_secs(300);
/// Topics whose leaders are known; a record may say which. And then: it is asked each time.
const TOPICS_MAX: usize = 1_000;
/// Connections that are kept for each broker. And then: one is closed after its record.
const IDLE_MAX: usize = 32;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Of one cluster, as somebody.
pub struct KafkaProducer {
    properties: ClientProperties,
    tls: Option<TlsConnector>,
    idle: Mutex<HashMap<Address, Vec<Connection>>>,
    topics: Mutex<HashMap<String, (Instant, Arc<Metadata>)>>,
    /// The partition of the next record without a key.
    next: AtomicUsize,
}

struct Connection {
    stream: Box<dyn Stream>,
    number: i32,
    used: Instant,
}

/// Why a record is not with its broker.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// What is trusted, or shown, cannot be used.
    #[error("{0}")]
    Tls(String),
    /// Nobody there, or not for long.
    #[error("{}:{}: {error}", address.host, address.port)]
    Io {
        /// Who.
        address: Address,
        /// What happened.
        #[source]
        error: io::Error,
    },
    /// Nothing came in time.
    #[error("no answer within {} s", SEND_MAX.as_secs())]
    Silent,
    /// The topic is not so large.
    #[error("the topic `{0}` has no partition {1}")]
    NoPartition(String, i32),
    /// The partition has no leader.
    #[error("nobody leads partition {1} of the topic `{0}`")]
    NoLeader(String, i32),
    /// A broker that is elsewhere, without TLS.
    #[error("the brokers name `{0}`, which is not this machine, and there is no TLS")]
    NotHere(String),
    /// What the broker says.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

impl ProduceError {
    /// The same may do better later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Tls(_) | Self::NoPartition(..) | Self::NotHere(_) => false,
            Self::Io { .. } | Self::Silent | Self::NoLeader(..) => true,
            Self::Kafka(error) => error.is_passing(),
        }
    }

    /// Who leads, or who is connected, may be another by now.
    const fn is_of_place(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Silent | Self::NoLeader(..) | Self::NoPartition(..) => true,
            Self::Kafka(KafkaError::Refused(error)) => error.is_of_leader(),
            _ => false,
        }
    }
}

impl KafkaProducer {
    /// Connects when it is first needed.
    ///
    /// # Errors
    /// [`ProduceError::Tls`]
    pub fn new(properties: ClientProperties) -> Result<Self, ProduceError> {
        let tls = if properties.is_tls { Some(connector(&properties)?) } else { None };
        Ok(Self { properties, tls, idle: Mutex::default(), topics: Mutex::default(), next: AtomicUsize::new(0) })
    }

    /// Sends a record, to the partition that is asked for, or that its key belongs in.
    ///
    /// # Errors
    /// [`ProduceError`]. The record may be there all the same: whoever is in doubt sends it again.
    pub async fn send(&self, topic: &str, partition: Option<i32>, record: &Record<'_>) -> Result<(), ProduceError> {
        let batch = record.batch(self.properties.compression)?;
        let begun = Instant::now();
        let mut is_first = true;
        let sent = async {
            loop {
                match self.send_once(topic, partition, record.key, &batch).await {
                    Err(ProduceError::Kafka(KafkaError::Refused(error)))
                        if error.is_of_topic() && begun.elapsed() < UNKNOWN_TOPIC_MAX =>
                    {
                        self.known_topics().remove(topic);
                        tokio::time::sleep(UNKNOWN_TOPIC_PAUSE).await;
                    }
                    // Another broker leads, or the topic has grown.
                    Err(error) if error.is_of_place() && is_first => {
                        is_first = false;
                        self.known_topics().remove(topic);
                    }
                    other => return other,
                }
            }
        };
        let sent = tokio::time::timeout(SEND_MAX, sent).await.unwrap_or(Err(ProduceError::Silent));
        if sent.as_ref().is_err_and(ProduceError::is_of_place) {
            self.known_topics().remove(topic);
        }
        sent
    }

    async fn send_once(
        &self,
        topic: &str,
        partition: Option<i32>,
        key: Option<&[u8]>,
        batch: &[u8],
    ) -> Result<(), ProduceError> {
        let metadata = self.metadata(topic).await?;
        let partitions = &metadata.topic.partitions;
        let (partition, leader) = match (partition, key) {
            (Some(number), _) => {
                let found = partitions.iter().find(|(found, _)| *found == number).copied();
                found.ok_or_else(|| ProduceError::NoPartition(topic.to_owned(), number))?
            }
            (None, Some(key)) => at(topic, partitions, partition_of(key, partitions.len()))?,
            (None, None) => {
                let led: Vec<_> = partitions.iter().filter(|(_, leader)| *leader >= 0).copied().collect();
                at(topic, &led, self.next.fetch_add(1, Ordering::Relaxed) % led.len().max(1))?
            }
        };
        let broker = metadata.brokers.iter().find(|(number, ..)| *number == leader);
        let (_, host, port) = broker.ok_or_else(|| ProduceError::NoLeader(topic.to_owned(), partition))?;
        let address = Address { host: host.clone(), port: *port };
        let request = Request::Produce { topic, partition, acks: self.properties.acks, batch };
        self.ask(&address, &request).await.map(drop)
    }

    /// Who leads what, from whoever answers first.
    async fn metadata(&self, topic: &str) -> Result<Arc<Metadata>, ProduceError> {
        let known = self.known_topics().get(topic).filter(|(asked, _)| asked.elapsed() < METADATA_MAX).cloned();
        if let Some((_, metadata)) = known {
            return Ok(metadata);
        }
        let mut last = None;
        let all = &self.properties.bootstrap;
        let first = self.next.fetch_add(1, Ordering::Relaxed) % all.len().max(1);
        for address in all[first..].iter().chain(&all[..first]) {
            let asked = tokio::time::timeout(ANSWER_MAX, self.ask(address, &Request::Metadata { topic })).await;
            let silent = || ProduceError::Io { address: address.clone(), error: io::ErrorKind::TimedOut.into() };
            match asked.unwrap_or_else(|_| Err(silent())) {
                Ok(Some(Answer::Metadata(metadata))) => {
                    let metadata = Arc::new(metadata);
                    let mut topics = self.known_topics();
                    topics.retain(|_, (asked, _)| asked.elapsed() < METADATA_MAX);
                    if topics.len() < TOPICS_MAX {
                        topics.insert(topic.to_owned(), (Instant::now(), metadata.clone()));
                    }
                    return Ok(metadata);
                }
                Ok(_) => last = Some(KafkaError::NotAnAnswer.into()),
                Err(error @ ProduceError::Io { .. }) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or(ProduceError::Kafka(KafkaError::NotAnAnswer)))
    }

    async fn ask(&self, address: &Address, request: &Request<'_>) -> Result<Option<Answer>, ProduceError> {
        let kept = self.kept(address);
        let (mut connection, is_kept) = match kept {
            Some(connection) => (connection, true),
            None => (self.connected(address).await?, false),
        };
        let mut answer = connection.ask(address, request).await;
        if is_kept && matches!(answer, Err(ProduceError::Io { .. })) {
            // The others are as old.
            self.idle().remove(address);
            connection = self.connected(address).await?;
            answer = connection.ask(address, request).await;
        }
        // What was read to its end can go on, whatever it said.
        if matches!(answer, Ok(_) | Err(ProduceError::Kafka(KafkaError::Refused(_)))) {
            connection.used = Instant::now();
            let mut idle = self.idle();
            let idle = idle.entry(address.clone()).or_default();
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
        }
        answer
    }

    /// One that was used a moment ago and is open still.
    fn kept(&self, address: &Address) -> Option<Connection> {
        let mut idle = self.idle();
        let kept = idle.get_mut(address)?;
        std::iter::from_fn(|| kept.pop()).find_map(|mut connection| connection.is_open().then_some(connection))
    }

    async fn connected(&self, address: &Address) -> Result<Connection, ProduceError> {
        if self.tls.is_none() && !address.is_here() {
            return Err(ProduceError::NotHere(address.host.clone()));
        }
        // Before there is one more: those nobody has used for long are let go.
        self.idle().retain(|_, kept| {
            kept.retain(|connection| connection.used.elapsed() < KEPT_MAX);
            !kept.is_empty()
        });
        let silent = |_| ProduceError::Io { address: address.clone(), error: io::ErrorKind::TimedOut.into() };
        tokio::time::timeout(ANSWER_MAX, self.connect(address)).await.map_err(silent)?
    }

    async fn connect(&self, address: &Address) -> Result<Connection, ProduceError> {
        let failed = |error| ProduceError::Io { address: address.clone(), error };
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from(address.host.clone());
                let name = name.map_err(|error| failed(io::Error::other(error)))?;
                Box::new(tls.connect(name, stream).await.map_err(failed)?)
            }
        };
        let mut connection = Connection { stream, number: 0, used: Instant::now() };
        if let Some(sasl) = &self.properties.sasl {
            connection.authenticate(address, sasl).await?;
        }
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Address, Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_topics(&self) -> MutexGuard<'_, HashMap<String, (Instant, Arc<Metadata>)>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at(topic: &str, partitions: &[(i32, i32)], at: usize) -> Result<(i32, i32), ProduceError> {
    partitions.get(at).copied().ok_or_else(|| ProduceError::NoLeader(topic.to_owned(), at as i32))
}

impl Connection {
    /// Whether a broker that was silent is silent still: whoever closed it would have said so, and nothing else is waited for.
    fn is_open(&mut self) -> bool {
        let mut byte = [0];
        let mut into = ReadBuf::new(&mut byte);
        let read = Pin::new(&mut *self.stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut into);
        self.used.elapsed() < KEPT_MAX && read.is_pending()
    }

    /// Asks, and waits for the answer if there is one.
    async fn ask(&mut self, address: &Address, request: &Request<'_>) -> Result<Option<Answer>, ProduceError> {
        let failed = |error| ProduceError::Io { address: address.clone(), error };
        self.number = self.number.wrapping_add(1);
        self.stream.write_all(&request.frame(self.number)).await.map_err(failed)?;
        self.stream.flush().await.map_err(failed)?;
        if !request.is_answered() {
            return Ok(None);
        }
        let length = self.stream.read_i32().await.map_err(failed)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= ANSWER_BYTES_MAX);
        let mut frame = vec![0; length.ok_or(KafkaError::NotAnAnswer)?];
        self.stream.read_exact(&mut frame).await.map_err(failed)?;
        Ok(Some(request.read(self.number, &frame)?))
    }

    async fn authenticate(&mut self, address: &Address, sasl: &Sasl) -> Result<(), ProduceError> {
        let Sasl { mechanism, username, password } = sasl;
        self.ask(address, &Request::SaslHandshake { mechanism: mechanism.name() }).await?;
        if *mechanism == Mechanism::Plain {
            let message = format!("\0{username}\0{password}");
            self.say(address, message.as_bytes()).await?;
            return Ok(());
        }
        let mut nonce = [0; 24];
        rand::fill(&mut nonce).map_err(|_| KafkaError::Sasl("there are no random numbers".into()))?;
        let Some(scram) = Scram::new(*mechanism, username, password, nonce) else { return Ok(()) };
        let first = self.say(address, scram.first().as_bytes()).await?;
        let (last, expected) = scram.last(&first)?;
        let shown = self.say(address, last.as_bytes()).await?;
        Ok(expected.check(&shown)?)
    }

    async fn say(&mut self, address: &Address, message: &[u8]) -> Result<Vec<u8>, ProduceError> {
        match self.ask(address, &Request::SaslAuthenticate { message }).await? {
            Some(Answer::Authenticated(answer)) => Ok(answer),
            _ => Err(KafkaError::NotAnAnswer.into()),
        }
    }
}

/// TLS 1.2 or 1.3, to whom the truststore or the system trusts, with the keystore's certificate if there is one.
fn connector(properties: &ClientProperties) -> Result<TlsConnector, ProduceError> {
    let refused = |what: &str| ProduceError::Tls(what.to_owned());
    let certificates = |pem: &str, what: &str| {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        found.ok().filter(|found| !found.is_empty()).ok_or_else(|| refused(what))
    };
    let trusted = match &properties.truststore {
        Some(pem) => certificates(pem, "clientProperties: ssl.truststore: no certificate in PEM")?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(trusted).0 == 0 {
        return Err(refused("clientProperties: ssl.truststore: no authority that can be trusted"));
    }
    let unusable = |error: rustls::Error| ProduceError::Tls(format!("TLS: {error}"));
    let builder = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(unusable)?.with_root_certificates(roots);
    let config = match &properties.keystore {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let chain = certificates(pem, "clientProperties: ssl.keystore: no certificate in PEM")?;
            let key = PrivateKeyDer::from_pem_slice(pem.as_bytes());
            let key = key.map_err(|_| refused("clientProperties: ssl.keystore: no private key in PEM"))?;
            builder.with_client_auth_cert(chain, key).map_err(unusable)?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sekisho_types::Timestamp;
    use tokio::net::TcpListener;

    use super::*;

    fn producer(port: u16) -> KafkaProducer {
        let properties =
            [("bootstrap.servers", format!("127.0.0.1:{port}")), ("security.protocol", "PLAINTEXT".into())];
        let properties: BTreeMap<_, _> = properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        KafkaProducer::new(ClientProperties::read(&properties).unwrap_or_else(|problem| panic!("{problem}"))).unwrap()
    }

    fn record() -> Record<'static> {
        Record { key: None, value: b"{}", headers: Vec::new(), timestamp: Timestamp::from_seconds(1) }
    }

    /// Whoever is there and speaks something else, or nothing.
    #[tokio::test]
    async fn who_is_no_broker_is_given_up() {
        for says in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\0\0\0\x04\0\0\0\x09", b""] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let producer = producer(listener.local_addr().unwrap().port());
            let server = tokio::spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let _ = stream.read(&mut [0; 1024]).await;
                    let _ = stream.write_all(says).await;
                }
            });
            let error = producer.send("t", None, &record()).await.unwrap_err();
            assert!(error.is_passing(), "{error}");
            server.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let producer = producer(listener.local_addr().unwrap().port());
        let error = producer.send("t", None, &record()).await.unwrap_err();
        assert!(matches!(error, ProduceError::Io { .. }) && error.is_passing(), "{error}");
    }

    /// A broker of this machine that sends records, and passwords, to another in the clear.
    #[tokio::test]
    async fn who_is_elsewhere_is_not_reached_without_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let producer = producer(listener.local_addr().unwrap().port());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let asked = stream.read_i32().await.unwrap();
            stream.read_exact(&mut vec![0; asked as usize]).await.unwrap();
            // number 1, throttle; broker 5 at far.example:9092; no cluster id, controller; topic t, partition 0 led by 5
            let told = b"\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x05\0\x0bfar.example\0\0\x23\x84\xff\xff\xff\xff\0\0\0\x05\0\0\0\x01\
                \0\0\0\x01t\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0";
            stream.write_i32(told.len() as i32).await.unwrap();
            stream.write_all(told).await.unwrap();
            stream.read_u8().await
        });
        let error = producer.send("t", None, &record()).await.unwrap_err();
        assert!(matches!(error, ProduceError::NotHere(_)) && !error.is_passing(), "{error}");
        server.abort();
    }

    /// Two brokers, one of which takes connections and says nothing.
    #[tokio::test(start_paused = true)]
    async fn the_next_broker_is_asked_where_one_says_nothing() {
        let (silent, other) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let ports = [&silent, &other].map(|listener| listener.local_addr().unwrap().port());
        let mut producer = producer(ports[0]);
        producer.properties.bootstrap.push(Address { host: "127.0.0.1".into(), port: ports[1] });
        let asked = tokio::spawn(async move { other.accept().await.unwrap().0.read_i32().await });
        let _ = tokio::time::timeout(Duration::from_secs(20), producer.send("t", None, &record())).await;
        assert!(asked.await.unwrap().is_ok_and(|length| length > 0));
    }

    /// A topic that somebody else made smaller, or that has nobody who leads it.
    #[test]
    fn a_partition_that_is_not_there() {
        assert!(matches!(at("t", &[], 0), Err(ProduceError::NoLeader(..))));
        assert_eq!(at("t", &[(4, 1)], 0).unwrap(), (4, 1));
    }
}
