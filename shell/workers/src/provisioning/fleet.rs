//! The MQTT provisioning API: a device asks for a certificate, and to be provisioned by a template (developer guide:
//! fleet-provision-api). Answers go to the connection that asked, if it has subscribed to them.
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use sekisho_gate::Delivery;
use sekisho_identity::{Csr, PEM_CERTIFICATE, SubjectPublicKeyInfo, encode_pem};
use sekisho_mqtt::{PublishProperties, QoS, Utf8String};
use sekisho_provisioning::{CERTIFICATE_ID, Template, TemplateType};
use sekisho_registry::{Event, Registry, RegistryError};
use sekisho_state::CommitError;
use sekisho_types::{CertificateId, Random, Timestamp};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use super::hook::{self, HookAnswer};
use super::payload::Format;
use crate::decisions::Decision;
use crate::gateway::{Gateway, Session};
use crate::links::Link;
use crate::peer::Peer;

/// Requests under way at once. And then: the next is rejected as throttled, and its device tries again.
pub const FLEET_CALLS_MAX: usize = 256;

/// Characters of a parameter's value (iot model: RegisterThing).
const PARAMETER_CHARS_MAX: usize = 2_048;

/// Bounds the requests under way.
pub(crate) fn bound() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(FLEET_CALLS_MAX))
}

/// What a topic asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FleetCall {
    CreateKeysAndCertificate,
    CreateCertificateFromCsr,
    RegisterThing { template_name: String },
}

/// A topic of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FleetTopic {
    /// A request.
    Call(FleetCall, Format),
    /// Only the server publishes here.
    Reply,
}

impl FleetTopic {
    /// The part of the API a topic belongs to, if it belongs to it.
    pub(crate) fn parse(topic: &str) -> Option<Self> {
        let rest = topic.strip_prefix("$aws/")?;
        let levels: Vec<&str> = rest.split('/').collect();
        let (call, rest) = match levels.as_slice() {
            ["certificates", "create", rest @ ..] => (FleetCall::CreateKeysAndCertificate, rest),
            ["certificates", "create-from-csr", rest @ ..] => (FleetCall::CreateCertificateFromCsr, rest),
            ["provisioning-templates", template_name, "provision", rest @ ..] => {
                (FleetCall::RegisterThing { template_name: (*template_name).to_owned() }, rest)
            }
            _ => return None,
        };
        match rest {
            [format] => Format::parse(format).map(|format| Self::Call(call, format)),
            [format, "accepted" | "rejected"] => Format::parse(format).map(|_| Self::Reply),
            _ => None,
        }
    }
}

/// Why a request is rejected, in the API's words.
#[derive(Debug)]
struct Rejection {
    status_code: u16,
    error_code: &'static str,
    error_message: String,
}

impl Rejection {
    fn new(status_code: u16, error_code: &'static str, error_message: impl Into<String>) -> Self {
        Self { status_code, error_code, error_message: error_message.into() }
    }

    fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "a provisioning request failed");
        Self::new(500, "InternalServerError", "Internal server error")
    }
}

/// Who asked.
struct Asker {
    link: Arc<Link>,
    client_id: String,
    peer: Arc<Peer>,
}

impl Gateway {
    /// Takes a request of a connected device; the answer comes when it comes.
    pub(crate) fn fleet(
        self: &Arc<Self>,
        session: &Session,
        topic: &str,
        (call, format): (FleetCall, Format),
        payload: Bytes,
        properties: Option<&PublishProperties>,
    ) {
        let asker = Asker {
            link: session.link().clone(),
            client_id: session.client_id().to_string(),
            peer: session.peer().clone(),
        };
        // MQTT5 §4.10.1: what the requester wrote on its request comes back with the answer.
        let correlation = properties.and_then(|properties| properties.correlation_data.clone());
        let properties =
            correlation.map(|data| PublishProperties { correlation_data: Some(data), ..PublishProperties::default() });
        let (gateway, topic) = (self.clone(), topic.to_owned());
        let permit = asker.link.fleet_calls.clone().try_acquire_owned();
        let permit = permit.and_then(|own| Ok((own, self.fleet_calls.clone().try_acquire_owned()?)));
        tokio::spawn(async move {
            let answer = match permit {
                Ok(_permits) => gateway.answer(&asker, &call, format, &payload).await,
                Err(_) => Err(Rejection::new(429, "Throttled", "Too many requests; try again later").into()),
            };
            let (suffix, body) = match answer {
                Ok(accepted) => ("accepted", accepted),
                Err(Refused { certificate_id, reason, rejection }) => {
                    let reason = format!("`{topic}`: {reason}");
                    let decision = Decision::new(gateway.state.now(), "provision", reason).address(asker.peer.address);
                    let decision = decision.certificate_id(certificate_id).client_id(Some(&asker.client_id));
                    gateway.decisions.record(decision);
                    let Rejection { status_code, error_code, error_message } = rejection;
                    let body = json!({
                        "statusCode": status_code, "errorCode": error_code, "errorMessage": error_message,
                    });
                    ("rejected", body)
                }
            };
            gateway.reply(&asker, &format!("{topic}/{suffix}"), &format.write(&body), properties.as_ref());
        });
    }

    fn reply(&self, asker: &Asker, topic: &str, payload: &[u8], properties: Option<&PublishProperties>) {
        let granted = {
            let broker = self.broker.read().unwrap_or_else(PoisonError::into_inner);
            broker.granted(asker.link.subscriber(), topic)
        };
        // It is for who asks now: a stored session keeps no answer, and so none is acknowledged there.
        let (Some(granted), Ok(topic)) = (granted, Utf8String::copied(topic)) else { return };
        let qos = if asker.link.session().is_some() { QoS::AtMostOnce } else { granted.min(QoS::AtLeastOnce) };
        let delivery = Delivery::new(Instant::now(), &topic, payload, properties, false);
        asker.link.deliver(Arc::new(delivery), qos);
    }

    async fn answer(&self, asker: &Asker, call: &FleetCall, format: Format, payload: &[u8]) -> Result<Value, Refused> {
        let request = format.read(payload).map_err(|error| {
            Rejection::new(400, "InvalidPayload", format!("The payload could not be parsed: {error}"))
        })?;
        match call {
            FleetCall::CreateKeysAndCertificate => {
                asker.claim()?;
                let key = self.issuing.key_pair().await.map_err(Rejection::internal)?;
                let mut answer = self.claimed_certificate(asker, key.subject_public_key_info).await?;
                let private = std::str::from_utf8(key.private_pem.expose()).map_err(Rejection::internal)?;
                answer["privateKey"] = json!(private);
                Ok(answer)
            }
            FleetCall::CreateCertificateFromCsr => {
                let csr = text(&request, "certificateSigningRequest").unwrap_or_default();
                let csr = Csr::parse_pem(csr).map_err(|error| {
                    Rejection::new(400, "InvalidCertificateSigningRequest", format!("Invalid CSR: {error}"))
                })?;
                self.claimed_certificate(asker, csr.subject_public_key_info().clone()).await
            }
            FleetCall::RegisterThing { template_name } => {
                self.register_by_template(asker, template_name, &request).await
            }
        }
    }

    /// Signs and registers a certificate that waits for its device to be provisioned.
    async fn claimed_certificate(&self, asker: &Asker, spki: SubjectPublicKeyInfo) -> Result<Value, Refused> {
        let der = self.issuing.sign(spki).await.map_err(Rejection::internal)?;
        let (now, mut random) = (self.state.now(), self.state.random());
        let token = BASE64_URL_SAFE_NO_PAD.encode(random.array::<96>());
        let (token_sha256, claim) = (sha256(&token), asker.claim()?);
        let committed = self.state.commit(|cores| {
            asker.check_still_let_in(&cores.registry, now)?;
            let added = cores.registry.add_claimed_certificate(now, &der, token_sha256, claim, &mut random);
            let (events, certificate) = added.map_err(|error| match error {
                RegistryError::LimitExceeded(message) => Rejection::new(429, "Throttled", message),
                other => Rejection::internal(other),
            })?;
            Ok::<_, Refused>((events.into_iter().map(Into::into).collect(), certificate))
        });
        let certificate = committed.await.map_err(Refused::of_commit)?;
        Ok(json!({
            "certificateId": certificate.certificate_id,
            "certificatePem": encode_pem(PEM_CERTIFICATE, &certificate.der),
            "certificateOwnershipToken": token,
        }))
    }

    /// Runs the template for the certificate the token stands for.
    async fn register_by_template(
        &self,
        asker: &Asker,
        template_name: &str,
        request: &Map<String, Value>,
    ) -> Result<Value, Refused> {
        let (token, claim) = (ownership_token(request)?, asker.claim()?);
        let given = device_parameters(request)?;
        let now = self.state.now();
        let (template, certificate) = {
            let cores = self.state.read();
            let template =
                cores.registry.provisioning_template(template_name).cloned().map_err(|_| {
                    Rejection::new(404, "ResourceNotFound", format!("Template {template_name} not found"))
                })?;
            let certificate =
                cores.registry.owned_certificate(&token, claim, now).cloned().ok_or_else(invalid_token)?;
            (template, certificate)
        };
        let certificate_id = certificate.certificate_id;
        let of =
            |reason: String, rejection: Rejection| Refused { certificate_id: Some(certificate_id), reason, rejection };
        if template.template_type != TemplateType::FleetProvisioning {
            let reason = "the template is not of type FLEET_PROVISIONING".to_owned();
            return Err(of(reason, Rejection::new(400, "InvalidRequest", "The template cannot be used over MQTT")));
        }
        if !template.enabled {
            let rejection = Rejection::new(400, "TemplateDisabled", format!("Template {template_name} is not enabled"));
            return Err(of("the template is not enabled".into(), rejection));
        }
        let mut parameters = given.clone();
        if let Some(hook) = &template.pre_provisioning_hook {
            let event = json!({
                "claimCertificateId": claim,
                "certificateId": certificate_id,
                "certificatePem": certificate.to_pem(),
                "templateArn": self.state.read().registry.provisioning_template_arn(template_name),
                "clientId": asker.client_id,
                "parameters": given,
            });
            match hook::ask(&self.functions, &hook.target_arn, &event).await {
                HookAnswer::Allow(overrides) => parameters.extend(overrides),
                HookAnswer::Deny(reason) => {
                    return Err(of(reason, Rejection::new(403, "AccessDenied", "Access denied")));
                }
            }
        }
        parameters.insert(CERTIFICATE_ID.to_owned(), certificate_id.to_string());
        let invalid = |reason: String| of(reason.clone(), Rejection::new(400, "InvalidParameters", reason));
        let body = &template.default_version().template_body;
        let parsed =
            Template::parse(body, TemplateType::FleetProvisioning).map_err(|error| invalid(error.to_string()))?;
        let plan = parsed.plan(&parameters, self.state.tenant()).map_err(|error| invalid(error.to_string()))?;
        let (now, mut random) = (self.state.now(), self.state.random());
        let committed = self.state.commit(|cores| {
            // While the hook was asked, the claim may have been revoked, the token used, or the certificate decided about.
            asker.check_still_let_in(&cores.registry, now)?;
            let certificate = cores.registry.owned_certificate(&token, claim, now).ok_or_else(invalid_token)?;
            let provisioned = cores.registry.provision(now, &plan, certificate, &mut random);
            let (mut events, provisioned) = provisioned.map_err(|failure| {
                let reason = failure.to_string();
                let (status_code, error_code) =
                    if failure.conflict { (409, "ResourceConflict") } else { (400, "ResourceRegistrationFailure") };
                of(reason.clone(), Rejection::new(status_code, error_code, reason))
            })?;
            events.push(Event::OwnershipTokenSpent { token_sha256: token.clone() });
            Ok::<_, Refused>((events.into_iter().map(Into::into).collect(), provisioned))
        });
        let provisioned = committed.await.map_err(Refused::of_commit)?;
        let mut answer = json!({ "deviceConfiguration": provisioned.device_configuration });
        if let Some(thing_name) = provisioned.thing_name {
            answer["thingName"] = json!(thing_name);
        }
        Ok(answer)
    }
}

impl Asker {
    /// The certificate it came with. Without one nobody is provisioned: a token is good for whose claim it was given to.
    fn claim(&self) -> Result<CertificateId, Refused> {
        self.peer.certificate_id().ok_or_else(|| Refused {
            certificate_id: None,
            reason: "who asks came without a certificate".to_owned(),
            rejection: Rejection::new(403, "AccessDenied", "Access denied"),
        })
    }

    /// Whether who asked would be let in now: signing and hooks take their time, and a claim may be over by then.
    fn check_still_let_in(&self, registry: &Registry, now: Timestamp) -> Result<(), Refused> {
        registry.identify(self.claim()?, now).map(drop).map_err(|error| Refused {
            certificate_id: None,
            reason: error.to_string(),
            rejection: Rejection::new(403, "AccessDenied", "Access denied"),
        })
    }
}

/// A request that is rejected: whom it concerns, what the operator reads, and what the device does.
struct Refused {
    certificate_id: Option<CertificateId>,
    reason: String,
    rejection: Rejection,
}

impl Refused {
    fn of_commit(error: CommitError<Self>) -> Self {
        match error {
            CommitError::Command(refused) => refused,
            CommitError::Journal(error) => Rejection::internal(error).into(),
        }
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self { certificate_id: None, reason: rejection.error_message.clone(), rejection }
    }
}

fn invalid_token() -> Rejection {
    let text = "Certificate ownership token is invalid or has expired.";
    Rejection::new(400, "InvalidCertificateOwnershipToken", text)
}

/// What is kept of the token in a request.
fn ownership_token(request: &Map<String, Value>) -> Result<String, Rejection> {
    match text(request, "certificateOwnershipToken") {
        None | Some("") => {
            let text = "Certificate ownership token cannot be empty.";
            Err(Rejection::new(400, "InvalidCertificateOwnershipToken", text))
        }
        Some(token) => Ok(sha256(token)),
    }
}

fn text<'a>(request: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    request.get(name)?.as_str()
}

fn device_parameters(request: &Map<String, Value>) -> Result<BTreeMap<String, String>, Rejection> {
    let invalid = || Rejection::new(400, "InvalidParameters", "parameters is not an object of strings");
    let object = match request.get("parameters") {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(object)) => object,
        Some(_) => return Err(invalid()),
    };
    let pair = |(name, value): (&String, &Value)| {
        let value = value.as_str().ok_or_else(invalid)?;
        if value.chars().count() > PARAMETER_CHARS_MAX {
            let message = format!("parameter {name} has more than {PARAMETER_CHARS_MAX} characters");
            return Err(Rejection::new(400, "InvalidParameters", message));
        }
        Ok((name.clone(), value.to_owned()))
    };
    object.iter().map(pair).collect()
}

/// What is kept of a token.
fn sha256(token: &str) -> String {
    digest(&SHA256, token.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn topics_of_the_api() {
        use FleetCall::{CreateCertificateFromCsr, CreateKeysAndCertificate, RegisterThing};
        let register = || RegisterThing { template_name: "t".into() };
        // citation                         topic                                                     what it is
        let table: &[(&str, &str, Option<FleetTopic>)] = &[
            ("fleet-provision-api",         "$aws/certificates/create/json",                          Some(FleetTopic::Call(CreateKeysAndCertificate, Format::Json))),
            ("fleet-provision-api",         "$aws/certificates/create-from-csr/cbor",                 Some(FleetTopic::Call(CreateCertificateFromCsr, Format::Cbor))),
            ("fleet-provision-api",         "$aws/provisioning-templates/t/provision/json",           Some(FleetTopic::Call(register(), Format::Json))),
            ("fleet-provision-api: reply",  "$aws/provisioning-templates/t/provision/json/accepted",  Some(FleetTopic::Reply)),
            ("fleet-provision-api: reply",  "$aws/certificates/create/cbor/rejected",                 Some(FleetTopic::Reply)),
            ("no such format",              "$aws/certificates/create/xml",                           None),
            ("no such reply",               "$aws/certificates/create/json/waiting",                  None),
            ("another topic",               "$aws/things/t/shadow/update",                            None),
            ("not reserved",                "certificates/create/json",                               None),
        ];
        for (citation, topic, expected) in table {
            assert_eq!(FleetTopic::parse(topic), *expected, "{citation}: {topic}");
        }
    }
}
