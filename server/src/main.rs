//! The sekisho binary: command line, configuration, and the wiring of the parts.
//!
//! `wire.rs` builds the system from top to bottom; start reading there.
mod account; // the account a command acts in
mod admin; // /healthz, /metrics, /why, and what changes certificate authorities
mod admin_client; // a command to the running server
mod admin_token; // who may do the latter
mod audit; // what lies on the disk, proved
mod bucket; // what is done to a whole bucket
mod buckets; // buckets that another S3 keeps
mod ca; // certificate authorities, by command
mod client; // who is connected or has a session
mod config; // flags over environment over file, checked once
mod credentials; // the root credentials of the account
mod demo; // the main job, played with real parts
mod descriptors; // how many files may be open
mod device; // a device for people without an SDK
mod elsewhere; // what tables of places elsewhere have in common
mod endpoints; // where a running server listens, and `sekisho env`
mod issuing_ca; // the account's own CA
mod limits; // limits said over those of a profile
mod lines; // an answer that goes on
mod object; // objects, encrypted on this side if that is wanted
mod object_store; // where the bodies of objects lie
mod operator; // messages published through the API
mod policy; // what would be decided about a device, without connecting
mod provision; // what a template would make, and which way in is right
mod root_key; // what everything is wrapped under, and what that is
mod rule; // what rules do, and a statement tried out
mod services; // AWS services that rules call
mod serve; // start, ready line, shutdown
mod stream; // what delivery streams hold, and their records as they come
mod text; // sizes, ages and what a device wrote, for a terminal
mod tls; // the certificate devices see
mod whole_file; // a small file, replaced
mod why; // why somebody was refused
mod wire; // the system, top to bottom

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code of a command that could not begin because of what it was told: a setting, a value, a port.
const EXIT_USAGE: u8 = 2;

/// Device identity, MQTT, rules, delivery streams and an encrypted object store, wire-compatible with AWS IoT Core.
#[derive(Parser)]
#[command(name = "sekisho", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<config::Flags>),
    /// Print a commented sekisho.toml with every setting and its default
    Config,
    /// Print the `export AWS_…` lines for the server running on a data directory
    Env(endpoints::EnvFlags),
    /// Say why a device was refused of late
    Why(why::WhyArgs),
    /// Policies: say what a device may do, and which statement decides
    Policy(policy::PolicyArgs),
    /// MQTT clients: who is connected or has a session, what waits for whom; end a connection
    Client(client::ClientArgs),
    /// Rules: what they select and how their actions fare; try a statement out
    Rule(Box<rule::RuleArgs>),
    /// Delivery streams: what they hold, how they fare, their records as they come
    Stream(stream::StreamArgs),
    /// Try a provisioning template out, or ask which way in is right
    Provision(provision::ProvisionArgs),
    /// Prove that what lies on the disk is sealed, say what each KMS key opens, print and prove the record of calls
    Audit(audit::AuditArgs),
    /// Check, with the server stopped, that everything in the data directory opens and belongs to something (as `audit at-rest`)
    Fsck(config::Offline),
    /// Buckets: put all of one under another KMS key
    Bucket(bucket::BucketArgs),
    /// The root key: change what opens it
    RootKey(root_key::RootKeyArgs),
    /// Certificate authorities: revocation lists, and the one devices' certificates are signed by
    Ca(ca::CaArgs),
    /// Objects: get and put them, encrypted before they leave this machine if that is wanted
    Object(Box<object::ObjectArgs>),
    /// Be a device: make keys, connect, publish, subscribe
    Device(device::DeviceArgs),
    /// Play the main job from device to encrypted object, on a server of its own
    Demo(demo::DemoArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Serve(flags) => serve::run(*flags),
        Command::Config => config::print_template(),
        Command::Env(flags) => endpoints::print_env(&flags),
        Command::Audit(args) => audit::run(args),
        Command::Fsck(offline) => audit::at_rest(offline),
        Command::RootKey(args) => root_key::run(args),
        Command::Bucket(args) => runtime().and_then(|runtime| runtime.block_on(bucket::run(args))),
        Command::Why(args) => runtime().and_then(|runtime| runtime.block_on(why::run(args))),
        Command::Policy(args) => match runtime() {
            Ok(runtime) => return runtime.block_on(policy::run(args)),
            Err(error) => Err(error),
        },
        Command::Rule(args) => match runtime() {
            Ok(runtime) => return runtime.block_on(rule::run(*args)),
            Err(error) => Err(error),
        },
        Command::Client(args) => runtime().and_then(|runtime| runtime.block_on(client::run(args))),
        Command::Stream(args) => runtime().and_then(|runtime| runtime.block_on(stream::run(args))),
        Command::Provision(args) => runtime().and_then(|runtime| runtime.block_on(provision::run(args))),
        Command::Ca(args) => runtime().and_then(|runtime| runtime.block_on(ca::run(args))),
        Command::Object(args) => runtime().and_then(|runtime| runtime.block_on(object::run(*args))),
        Command::Device(args) => runtime().and_then(|runtime| runtime.block_on(device::run(args))),
        Command::Demo(args) => runtime().and_then(|runtime| runtime.block_on(demo::run(args))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output (`| head`) has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sekisho: {error:#}");
            let usage = error.downcast_ref::<config::ConfigError>().is_some();
            if usage { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error.downcast_ref::<std::io::Error>().is_some_and(broken)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
