//! `sekisho provision`: try a template out without making anything, and ask which way in is right.
mod advise; // the questions of docs/provisioning.md
mod rehearse; // the server's side of --dry-run

pub use self::rehearse::Rehearsal;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use http::Method;
use sekisho_client::{AwsClient, Credentials, encode_segment};
use sekisho_identity::PresentedCertificate;
use sekisho_provisioning::{
    CERTIFICATE_ID, CertificateSource, Plan, PolicyPlan, Template, TemplateError, TemplateType, certificate_parameters,
};
use sekisho_types::{AccountId, Region, Tenant};
use serde_json::Value;

use crate::{admin_client, credentials, endpoints};

/// The flags of `sekisho provision`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ProvisionArgs {
    #[command(subcommand)]
    command: Option<ProvisionCommand>,
    /// Print what the template would make for a device, or what is wrong with it; makes nothing
    #[arg(long)]
    dry_run: bool,
    /// The template
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// The device's certificate, PEM
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// A parameter of the template; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// JITP, FLEET_PROVISIONING or REGISTRATION [default: whichever the template fits]
    #[arg(long = "type", value_name = "TYPE")]
    template_type: Option<String>,
    /// The data directory of a running server, to look up what is there already
    #[arg(long, value_name = "DIR", env = "SEKISHO_DATA")]
    data: Option<PathBuf>,
}

#[derive(Subcommand)]
enum ProvisionCommand {
    /// Ask a few questions, and answer with the way in that fits, the reason, and its commands
    Advise(advise::AdviseArgs),
}

/// Does what was asked.
pub async fn run(args: ProvisionArgs) -> Result<()> {
    match args.command {
        Some(ProvisionCommand::Advise(args)) => advise::run(args),
        None if args.dry_run => dry_run(args).await,
        None => bail!("say --dry-run --template FILE, or `advise`"),
    }
}

async fn dry_run(args: ProvisionArgs) -> Result<()> {
    let path = args.template.context("which template? --template FILE")?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let (template, template_type) = parse(&text, args.template_type.as_deref())?;
    let mut parameters = BTreeMap::new();
    let mut certificate = None;
    if let Some(path) = &args.cert {
        let pem = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        certificate = Some(pem.clone());
        let presented = PresentedCertificate::parse_pem(&pem).with_context(|| format!("`{}`", path.display()))?;
        parameters = certificate_parameters(presented.certificate_id(), presented.subject());
        if template_type == TemplateType::FleetProvisioning {
            parameters.retain(|name, _| name == CERTIFICATE_ID);
        }
    }
    for pair in &args.parameters {
        let (name, value) = pair.split_once('=').with_context(|| format!("`{pair}` is not NAME=VALUE"))?;
        parameters.insert(name.to_owned(), value.to_owned());
    }
    let there = args.data.as_ref().map(|data| Server::open(data)).transpose()?;
    let tenant = there.as_ref().map_or_else(example_tenant, |server| Ok(server.tenant.clone()))?;
    let as_type = || format!("as a template of type {} (--type says another)", template_type.as_str());
    let plan = template.plan(&parameters, &tenant).with_context(as_type)?;
    let mut lines = describe(&plan, there.as_ref()).await?;
    lines.push(match &args.data {
        Some(data) => {
            let rehearsal = Rehearsal { template: text, template_type, parameters, certificate };
            let answer = admin_client::command(data, "/provision/rehearse", serde_json::to_vec(&rehearsal)?).await;
            String::from_utf8_lossy(&answer.with_context(|| "the server would refuse it".to_owned())?)
                .trim_end()
                .to_owned()
        }
        None => "no server was asked what is there already (--data DIR)".to_owned(),
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} is a template of type {}", path.display(), template_type.as_str())?;
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    Ok(())
}

/// The type asked for, else the first it fits; the first refusal if it fits none.
fn parse(text: &str, asked: Option<&str>) -> Result<(Template, TemplateType)> {
    const ALL: [TemplateType; 3] = [TemplateType::Jitp, TemplateType::FleetProvisioning, TemplateType::Registration];
    let tried = match asked {
        Some(asked) => {
            let found = ALL.into_iter().find(|found| found.as_str() == asked);
            vec![found.with_context(|| format!("`{asked}` is not JITP, FLEET_PROVISIONING or REGISTRATION"))?]
        }
        // What declares a parameter only a certificate gives is meant for certificates.
        None if names_subject(text) => vec![ALL[0], ALL[1], ALL[2]],
        None => vec![ALL[1], ALL[2], ALL[0]],
    };
    let mut refusal: Option<TemplateError> = None;
    for template_type in tried {
        match Template::parse(text, template_type) {
            Ok(template) => return Ok((template, template_type)),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.map_or_else(|| anyhow::anyhow!("no template"), Into::into))
}

/// Whether it names a parameter that a certificate's subject gives.
fn names_subject(text: &str) -> bool {
    text.split("AWS::IoT::Certificate::").skip(1).any(|rest| !rest.starts_with("Id\""))
}

fn example_tenant() -> Result<Tenant> {
    Ok(Tenant { account: AccountId::parse("000000000000")?, region: Region::parse("us-east-1")? })
}

/// What the plan comes to, a line each; an error where something it needs is not there.
async fn describe(plan: &Plan, server: Option<&Server>) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    if let Some(thing) = &plan.thing {
        let exists = is_there(server, &thing.thing_name).await?;
        let verb = if exists == Some(true) { "change" } else { "create" };
        let pairs = thing.attributes.iter().flatten().map(|(name, value)| format!("{name}={value}"));
        let pairs: Vec<_> = pairs.collect();
        let with = if pairs.is_empty() { String::new() } else { format!(" with {}", pairs.join(", ")) };
        lines.push(format!("would {verb} thing `{}`{with}", thing.thing_name));
        for (kind, names) in [
            ("thing type", thing.thing_type_name.as_slice()),
            ("thing group", thing.thing_groups.as_deref().unwrap_or_default()),
            ("billing group", thing.billing_group.as_slice()),
        ] {
            for name in names {
                lines.push(format!("would give it {kind} `{name}`"));
            }
        }
    }
    for policy in &plan.policies {
        match policy {
            PolicyPlan::Existing { policy_name, .. } => {
                lines.push(format!("would attach policy `{policy_name}`"));
            }
            PolicyPlan::Document { policy_name, document, .. } => {
                sekisho_policy::PolicyDocument::parse(document)
                    .with_context(|| "the PolicyDocument is no policy".to_owned())?;
                lines.push(format!("would create and attach policy `{policy_name}`: {document}"));
            }
        }
    }
    let status = if plan.certificate.active { "ACTIVE" } else { "INACTIVE" };
    lines.push(match &plan.certificate.source {
        CertificateSource::Id(id) => format!("would set certificate `{id}` {status}"),
        CertificateSource::Pem { .. } => format!("would register the certificate, {status}"),
        CertificateSource::SigningRequest(_) => format!("would sign a certificate, {status}"),
    });
    for (name, value) in &plan.device_configuration {
        lines.push(format!("would tell the device {name}={value}"));
    }
    Ok(lines)
}

/// Whether a thing is there; `None` where nobody can be asked.
async fn is_there(server: Option<&Server>, thing_name: &str) -> Result<Option<bool>> {
    let Some(server) = server else { return Ok(None) };
    let path = format!("/things/{}", encode_segment(thing_name));
    match server.client.iot(Method::GET, &path, &Value::Null).await {
        Ok(_) => Ok(Some(true)),
        Err(sekisho_client::AwsError::Refused(refused)) if refused.status == 404 => Ok(Some(false)),
        Err(error) => Err(error.into()),
    }
}

/// A running server, asked as its operator.
struct Server {
    client: AwsClient,
    tenant: Tenant,
}

impl Server {
    fn open(data: &Path) -> Result<Self> {
        let endpoints = endpoints::read(data)?;
        let found = credentials::read(&credentials::path(data))?;
        let credentials = Credentials {
            access_key_id: found.access_key_id,
            secret_access_key: found.secret_access_key,
            session_token: None,
        };
        let tenant =
            Tenant { account: AccountId::parse(&endpoints.account)?, region: Region::parse(&endpoints.region)? };
        Ok(Self { client: AwsClient::new(&endpoints.api, &endpoints.region, credentials)?, tenant })
    }
}
