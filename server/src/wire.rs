//! The system, from top to bottom: each part is built from the parts above it.
use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use sekisho_api::App;
use sekisho_audit::AuditLog;
use sekisho_blobs::ObjectStore;
use sekisho_journal::JournalError;
use sekisho_listeners::{
    API_PROTOCOLS, AlpnConfigs, Connections, HTTPS_PROTOCOLS, MQTT_PROTOCOLS, Port, Served, TlsPolicy, WebSockets,
};
use sekisho_remote::RemoteBuckets;
use sekisho_state::{OpenError, OsRandom, State, system_clock};
use sekisho_workers::{
    Authorizers, BulkRegistration, Decisions, DeliveryStreams, Destinations, Functions, Gateway, Issuing, Parts,
    Recovered, Revocation, RsaKeys, Services, run_expiry, run_key_deadlines, run_rule_actions, run_tidings,
};
use tokio::sync::watch;

use crate::admin::{self, Admin};
use crate::config::{Config, ConfigError};
use crate::operator::Operators;
use crate::serve::{Listeners, reachable};
use crate::{admin_token, buckets, credentials, descriptors, issuing_ca, object_store, root_key, tls};

/// How often the journal is looked at: is a snapshot due, can segments go?
const COMPACT_EVERY: Duration = Duration::from_secs(30);
/// How often, while the disk is full.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// S3 looks once a day; here nobody waits that long to see that a rule works.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);

/// A running system.
pub struct System {
    state: Arc<State>,
    gateway: Arc<Gateway>,
    admin: Arc<Admin>,
    stop: watch::Sender<bool>,
    api: tokio::task::JoinHandle<()>,
    devices: Vec<tokio::task::JoinHandle<()>>,
}

/// Builds and starts everything.
pub async fn build(config: &Config, listeners: Listeners) -> Result<System> {
    let figures = sekisho_telemetry::figures()?;
    fs::create_dir_all(&config.data).map_err(|error| unusable(config, &error))?;
    let journal_directory = config.data.join("journal");
    let root_key = root_key::load(config, !journal_directory.exists(), &mut OsRandom)?;

    let mut recovered = Recovered::default();
    let opened = sekisho_state::open(
        &journal_directory,
        config.tenant.clone(),
        root_key,
        config.durability,
        system_clock(),
        &mut |sequence, entry| recovered.handle(sequence, entry),
    );
    let opened = opened.map_err(|error| match error {
        OpenError::Journal(JournalError::InUse { .. } | JournalError::RootKey { .. }) => {
            unusable(config, &error).into()
        }
        other => anyhow::Error::from(other),
    })?;
    if opened.torn {
        tracing::info!("the last write before the last stop was torn; nothing in it had been acknowledged");
    }
    if recovered.unknown() > 0 {
        anyhow::bail!(
            "{} entries of the journal are not ones this version knows; was the directory used by a later one?",
            recovered.unknown()
        );
    }
    if config.audit_mib > 0 {
        let audit = AuditLog::open(&config.data.join("audit"), opened.state.root_key(), config.audit_mib << 20);
        opened.state.record_in(audit.map_err(|error| unusable(config, &error))?);
    }
    let state = Arc::new(opened.state);
    if let Some(audit) = state.audit() {
        tracing::info!(head = %audit.head(), "the record of calls and key uses goes on");
        tokio::spawn(tend(state.clone()));
    }
    no_bucket_is_kept_twice(config, &state)?;
    tls::ensure_server_ca(&state).await?;
    let making = state.clone();
    tokio::spawn(async move {
        if let Err(error) = issuing_ca::ensure(making).await {
            tracing::error!(%error, "there is no CA for device certificates; the next start tries again");
        }
    });
    let credentials = credentials::load_or_create(&config.data, &mut OsRandom)?;
    let certificate = tls::server_certificate(config, state.clone())?;

    let decisions = Arc::new(Decisions::default());
    let objects = object_store::open(config, &state, &decisions, &mut OsRandom)?;
    let remote = Arc::new(RemoteBuckets::new(config.buckets.clone()));
    let functions = Arc::new(Functions::new(config.functions.clone()));
    let api_authority = reachable(listeners.api.local_addr()?).to_string();
    let services = Arc::new(Services::new(config.services.clone(), functions.clone())?);
    let others = authority_for_others(config, &listeners.api)?;
    let destinations = Arc::new(Destinations::new(state.clone(), others, services.clone()));
    let streams =
        sekisho_workers::start_delivery(state.clone(), objects.clone(), remote.clone(), functions.clone(), recovered);
    let issuing = Arc::new(Issuing::new(state.clone(), RsaKeys::start()?));
    let authorizers = Arc::new(Authorizers::new(state.clone(), functions.clone(), config.authorizer_seconds_min));
    let gateway = Arc::new(Gateway::new(Parts {
        profile: config.profile,
        settings: config.limits.clone(),
        session_limits: config.session_limits,
        rule_work_limits: config.rule_work_limits,
        state: state.clone(),
        streams: streams.clone(),
        decisions: decisions.clone(),
        issuing: issuing.clone(),
        functions,
        authorizers: authorizers.clone(),
        admit_first_connection: config.admit_first_connection,
        hostnames: config.hostnames.clone(),
    }));
    let bulk = BulkRegistration::new(state.clone(), objects.clone(), issuing.clone());
    bulk.resume();
    tokio::spawn(run_expiry(state.clone()));
    tokio::spawn(run_key_deadlines(state.clone()));
    let revocation = Arc::new(Revocation::new(state.clone()));
    let (watching, crls) = (revocation.clone(), config.crls.clone());
    tokio::spawn(async move { watching.watch(crls).await });
    tokio::spawn(run_tidings(gateway.clone()));
    tokio::spawn(run_rule_actions(gateway.clone(), objects.clone(), remote, services.clone(), destinations.clone()));
    follow(&state, &gateway, &streams);
    tokio::spawn(gateway.clone().expire_sessions());
    tokio::spawn(compact(state.clone(), streams.clone()));
    tokio::spawn(expire(objects.clone()));

    let descriptors = descriptors::raise();
    let connections = Connections::within(descriptors);
    tracing::debug!(descriptors, connections = connections.most(), "device connections at once");
    let app = Arc::new(App {
        state: state.clone(),
        objects: objects.clone(),
        ingest: Arc::new(Operators { gateway: gateway.clone() }),
        sockets: Some(WebSockets::new(gateway.clone(), connections.clone())),
        streams: streams.clone(),
        issuing,
        authorizers,
        services,
        destinations,
        bulk,
        credentials: HashMap::from([(credentials.access_key_id, credentials.secret_access_key)]),
        settings: sekisho_api::Settings {
            hostnames: config.hostnames.clone(),
            api_authority,
            plain_http_from_anywhere: config.plain_http_from_anywhere,
            limits: config.limits.clone(),
            remote_buckets: config.buckets.iter().map(|bucket| bucket.name.clone()).collect(),
        },
        unverified: sekisho_api::UnverifiedBodies::default(),
        patterns: sekisho_api::Patterns::default(),
    });
    let (stop, mut stopping) = watch::channel(false);
    let tls = sekisho_listeners::config_for_everybody(certificate.clone(), TlsPolicy::default(), API_PROTOCOLS)?;
    let signed = (app.clone(), stopping.clone());
    let api = tokio::spawn(sekisho_api::serve(listeners.api, tls, app, async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    }));

    let policy = config.tls_policy;
    let mqtt = sekisho_listeners::config(certificate.clone(), policy, MQTT_PROTOCOLS)?;
    let https = sekisho_listeners::config(certificate.clone(), policy, HTTPS_PROTOCOLS)?;
    let alpn = AlpnConfigs::new(&certificate, policy)?;
    let mut devices = vec![
        tokio::spawn(sekisho_listeners::serve_mqtt(
            Port { listener: listeners.mqtt, proxied: config.proxied.mqtt },
            mqtt,
            gateway.clone(),
            connections.clone(),
        )),
        tokio::spawn(sekisho_listeners::serve_https(
            Port { listener: listeners.https, proxied: config.proxied.https },
            https,
            gateway.clone(),
            connections.clone(),
        )),
    ];
    if let Some(listener) = listeners.alpn {
        let signed = move |tls, address| -> Served {
            Box::pin(sekisho_api::serve_devices(tls, address, signed.0.clone(), signed.1.clone()))
        };
        devices.push(tokio::spawn(sekisho_listeners::serve_alpn(
            Port { listener, proxied: config.proxied.alpn },
            alpn,
            gateway.clone(),
            connections.clone(),
            signed,
        )));
    }
    if let (Some(listener), Some((_, who))) = (listeners.plain_mqtt, config.plain_mqtt.clone()) {
        let plain = sekisho_listeners::serve_plain_mqtt(listener, who, gateway.clone(), connections);
        devices.push(tokio::spawn(plain));
    }
    let token = admin_token::create(&config.data, &mut OsRandom)?;
    let (ready, state_of_admin) = (AtomicBool::new(false), state.clone());
    let admin = Arc::new(Admin {
        ready,
        figures,
        decisions,
        state: state_of_admin,
        objects,
        gateway: gateway.clone(),
        streams,
        revocation,
        token,
    });
    tokio::spawn(admin::serve(listeners.admin, admin.clone()));
    Ok(System { state, gateway, admin, stop, api, devices })
}

fn unusable(config: &Config, error: &dyn std::error::Error) -> ConfigError {
    ConfigError::Data { path: config.data.clone(), problem: error.to_string() }
}

/// A name that means a bucket here and one elsewhere would hide what is here.
fn no_bucket_is_kept_twice(config: &Config, state: &State) -> Result<(), ConfigError> {
    let cores = state.read();
    match config.buckets.iter().find(|bucket| cores.objects.bucket(&bucket.name).is_ok()) {
        Some(bucket) => {
            let problem = "this server keeps a bucket of that name; delete it, or rename the other".into();
            Err(buckets::bad(bucket.name.as_str(), "name", problem))
        }
        None => Ok(()),
    }
}

/// Whoever lives from the state is told of its changes.
fn follow(state: &Arc<State>, gateway: &Arc<Gateway>, streams: &Arc<DeliveryStreams>) {
    let (witness, gateway, streams) = (gateway.clone(), gateway.clone(), streams.clone());
    state.witness(Box::new(move |sequence, event, cores| witness.witness(sequence, event, cores)));
    state.observe(vec![
        Box::new(move |events, cores| streams.follow(events, cores)),
        Box::new(move |events, cores| gateway.follow(events, cores)),
    ]);
}

/// Keeps the record of calls and key uses on the disk, and within its bounds.
async fn tend(state: Arc<State>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let state = state.clone();
        let tended =
            tokio::task::spawn_blocking(move || state.audit().map_or(Ok(()), |audit| audit.tend(state.now()))).await;
        if let Ok(Err(error)) = tended {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the record of calls and key uses could not be tended; it will be tried again");
        }
    }
}

/// Keeps recovery short and the disk tidy.
async fn compact(state: Arc<State>, streams: Arc<DeliveryStreams>) {
    let mut last = Instant::now();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if last.elapsed() < COMPACT_EVERY && !state.journal().is_disk_full() {
            continue;
        }
        last = Instant::now();
        let (state, streams) = (state.clone(), streams.clone());
        let compacted = tokio::task::spawn_blocking(move || state.compact(streams.oldest_pending())).await;
        if let Ok(Err(error)) = compacted {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the journal could not be compacted; it will be tried again"
            );
        }
    }
}

/// Removes what buckets' lifecycle rules say has expired.
async fn expire(objects: Arc<ObjectStore>) {
    loop {
        tokio::time::sleep(EXPIRE_EVERY).await;
        match objects.expire().await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "objects, versions and uploads have expired"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "what has expired could not be removed; it will be tried again");
            }
        }
    }
}

impl System {
    /// `/healthz` says so from now on.
    pub fn ready(&self) {
        self.admin.ready.store(true, Ordering::Release);
    }

    /// Resolves when the disk has refused a write.
    pub fn failed(&self) -> impl Future<Output = ()> + use<> {
        let journal = self.state.journal().clone();
        let audit = self.state.audit().map(AuditLog::failed);
        async move {
            match audit {
                Some(audit) => tokio::select! {
                    () = journal.failed() => {}
                    () = audit => {}
                },
                None => journal.failed().await,
            }
        }
    }

    /// Accepts nobody any more, lets requests under way finish, tells devices, and closes the journal. What delivery streams
    /// hold is in the journal and goes on after the next start.
    pub async fn shut_down(self) {
        self.admin.ready.store(false, Ordering::Release);
        self.devices.iter().for_each(tokio::task::JoinHandle::abort);
        let _ = self.stop.send(true);
        self.gateway.links().shut_down();
        let _ = self.api.await;
        while self.gateway.links().count() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let _ = self.state.settle().await;
        self.state.journal().close();
        if let Some(audit) = self.state.audit() {
            tracing::info!(head = %audit.head(), "the record of calls and key uses ends");
            audit.close();
        }
    }
}

/// Where others reach the API: at the first of the server's names if it listens on all addresses.
fn authority_for_others(config: &Config, api: &tokio::net::TcpListener) -> std::io::Result<String> {
    let address = api.local_addr()?;
    Ok(match config.hostnames.first() {
        Some(name) if address.ip().is_unspecified() => format!("{name}:{}", address.port()),
        _ => address.to_string(),
    })
}
