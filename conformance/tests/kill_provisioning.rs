//! Kills at random instants while devices are provisioned: no certificate handed out that the server forgot, no device
//! provisioned by halves.
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conformance::binary;
use http::Method;
use sekisho_client::{AwsClient, ConnectOptions, DeviceKey, DeviceTls, KeyKind, LocalServer, MqttDevice, OwnCa, QoS};
use serde_json::{Value, json};

/// `SEKISHO_KILLS`; few by default, so that the suite stays short.
fn kills() -> u32 {
    std::env::var("SEKISHO_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

/// What the server has said it has done.
#[derive(Default)]
struct Promised {
    /// Certificates handed out, with their PEM.
    certificates: HashMap<String, String>,
    /// Things whose device was let in, or that RegisterThing answered for.
    things: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_handed_out_is_known_and_no_device_is_half_there() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (data, log) = (directory.path().join("data"), directory.path().join("log"));
    let mut server = LocalServer::start(&binary(), &data, &log, &["--log", "error"]).await.expect("a server");
    let client = server.aws().expect("a client");
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}"#;
    let policy = json!({ "policyDocument": document });
    client.iot(Method::POST, "/policies/devices", &policy).await.expect("a policy");
    let ca = Arc::new(OwnCa::new("Factory Root").expect("a CA"));
    let ca_id = ca.register(&client, Some(&jitp())).await.expect("it is registered");
    let fleet = json!({
        "templateName": "fleet", "templateBody": fleet().to_string(), "enabled": true,
        "provisioningRoleArn": "arn:aws:iam::000000000000:role/provisioning",
    });
    client.iot(Method::POST, "/provisioning-templates", &fleet).await.expect("a template");
    let claim =
        client.iot(Method::POST, "/keys-and-certificate?setAsActive=true", &Value::Null).await.expect("a claim");
    let claim = Arc::new((
        text(&claim["certificatePem"]),
        text(&claim["keyPair"]["PrivateKey"]),
        text(&claim["certificateArn"]),
    ));
    let body = json!({ "target": claim.2 });
    client.iot(Method::PUT, "/target-policies/devices", &body).await.expect("it may ask");
    let promised = Arc::new(Mutex::new(Promised::default()));
    let mut seed = u64::from(std::process::id());
    for round in 0..kills() {
        let (endpoint, ca_path) = (server.endpoints().mqtt.clone(), server.ca_path());
        let before = count(&promised);
        let mut load = Vec::new();
        for worker in 0..3 {
            let client = server.aws().expect("a client");
            load.push(tokio::spawn(issue(client, round, worker, promised.clone())));
            let connecting = connect(endpoint.clone(), ca_path.clone(), ca.clone(), round, worker, promised.clone());
            load.push(tokio::spawn(connecting));
        }
        load.push(tokio::spawn(ask(endpoint, ca_path, claim.clone(), round, promised.clone())));
        while count(&promised) < before + 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis(seed >> 33 & 0xff)).await;
        server.kill();
        load.iter().for_each(tokio::task::JoinHandle::abort);
        server.restart().await.expect("it starts again");
    }
    let client = server.aws().expect("a client");
    let (certificates, things) = {
        let promised = promised.lock().unwrap();
        (promised.certificates.clone(), promised.things.clone())
    };
    for (id, pem) in &certificates {
        let found = client.iot(Method::GET, &format!("/certificates/{id}"), &Value::Null).await;
        let found = found.unwrap_or_else(|error| panic!("certificate {id} was handed out and is forgotten: {error}"));
        assert_eq!(found["certificateDescription"]["certificatePem"], *pem);
    }
    for name in &things {
        assert!(whole(&client, name).await, "thing {name} was promised and is not whole");
    }
    let (provisioned, waiting) = every_device(&client, &ca_id).await;
    eprintln!(
        "{} kills: {} certificates handed out, all known; {} devices promised, {provisioned} of the CA whole, {waiting} waiting",
        kills(),
        certificates.len(),
        things.len()
    );
}

fn count(promised: &Mutex<Promised>) -> usize {
    let promised = promised.lock().unwrap();
    promised.certificates.len() + promised.things.len()
}

/// Ways ① and ②, and RegisterThing, one after another until the server is gone.
async fn issue(client: AwsClient, round: u32, worker: u32, promised: Arc<Mutex<Promised>>) {
    let key = DeviceKey::generate(KeyKind::P256).expect("a key");
    for n in 0.. {
        let name = format!("issued-{round}-{worker}-{n}");
        let csr = key.csr(&name).expect("a request");
        let body = json!({ "certificateSigningRequest": csr });
        let Ok(answer) = client.iot(Method::POST, "/certificates?setAsActive=true", &body).await else { return };
        let (id, pem) = (text(&answer["certificateId"]), text(&answer["certificatePem"]));
        promised.lock().unwrap().certificates.insert(id, pem);
        let body = json!({ "templateBody": registration().to_string(), "parameters": { "Name": name, "CSR": csr } });
        let Ok(answer) = client.iot(Method::POST, "/things", &body).await else { return };
        assert!(answer["resourceArns"]["thing"].is_string(), "{answer}");
        promised.lock().unwrap().things.push(name);
    }
}

/// Way ⑤: a device connects, is closed on, connects again.
async fn connect(
    endpoint: String,
    ca_path: PathBuf,
    ca: Arc<OwnCa>,
    round: u32,
    worker: u32,
    promised: Arc<Mutex<Promised>>,
) {
    let Ok(trusted) = std::fs::read(ca_path) else { return };
    let key = DeviceKey::generate(KeyKind::P256).expect("a key");
    for n in 0.. {
        let name = format!("jitp-{round}-{worker}-{n}");
        let certificate = ca.certify(&name, &key).expect("a certificate");
        let tls = DeviceTls::new(&trusted, certificate.as_bytes(), key.to_pem().expose()).expect("a pair");
        let options = ConnectOptions::new(&name);
        assert!(MqttDevice::connect(&endpoint, &tls, &options).await.is_err(), "the first connection is closed");
        let Ok(device) = MqttDevice::connect(&endpoint, &tls, &options).await else { return };
        promised.lock().unwrap().things.push(name);
        let _ = device.disconnect().await;
    }
}

/// Fleet provisioning: a certificate over MQTT, then a thing by a template.
async fn ask(
    endpoint: String,
    ca_path: PathBuf,
    claim: Arc<(String, String, String)>,
    round: u32,
    promised: Arc<Mutex<Promised>>,
) {
    const CREATE: &str = "$aws/certificates/create-from-csr/json";
    const PROVISION: &str = "$aws/provisioning-templates/fleet/provision/json";
    let Ok(trusted) = std::fs::read(ca_path) else { return };
    let tls = DeviceTls::new(&trusted, claim.0.as_bytes(), claim.1.as_bytes()).expect("a pair");
    let Ok(mut device) = MqttDevice::connect(&endpoint, &tls, &ConnectOptions::new("claim")).await else { return };
    for topic in [CREATE, PROVISION] {
        if device.subscribe(&format!("{topic}/+"), QoS::AtLeastOnce).await.is_err() {
            return;
        }
    }
    let key = DeviceKey::generate(KeyKind::P256).expect("a key");
    for n in 0.. {
        let name = format!("fleet-{round}-{n}");
        let request = json!({ "certificateSigningRequest": key.csr(&name).expect("a request") }).to_string();
        let Some(created) = reply(&mut device, CREATE, request).await else { return };
        let (id, pem) = (text(&created["certificateId"]), text(&created["certificatePem"]));
        promised.lock().unwrap().certificates.insert(id, pem);
        let token = &created["certificateOwnershipToken"];
        let request = json!({ "certificateOwnershipToken": token, "parameters": { "Name": name } }).to_string();
        let Some(provisioned) = reply(&mut device, PROVISION, request).await else { return };
        assert_eq!(provisioned["thingName"], name);
        promised.lock().unwrap().things.push(name);
    }
}

/// What the service says on `…/accepted`; `None` if it is gone.
async fn reply(device: &mut MqttDevice, topic: &str, request: String) -> Option<Value> {
    device.publish(topic, request, QoS::AtLeastOnce).await.ok()?;
    let message = device.message().await.ok()?;
    assert_eq!(message.topic.as_str(), format!("{topic}/accepted"), "{}", String::from_utf8_lossy(&message.payload));
    serde_json::from_slice(&message.payload).ok()
}

/// A thing whose one certificate is ACTIVE and has the policy.
async fn whole(client: &AwsClient, name: &str) -> bool {
    let Ok(principals) = client.iot(Method::GET, &format!("/things/{name}/principals"), &Value::Null).await else {
        return false;
    };
    let [principal] = principals["principals"].as_array().map(Vec::as_slice).unwrap_or_default() else { return false };
    let principal = text(principal);
    let id = principal.rsplit('/').next().unwrap_or_default().to_owned();
    status(client, &id).await == "ACTIVE" && has_policy(client, &principal).await
}

/// Every certificate of the CA is whole, or waits and has nothing; how many of each.
async fn every_device(client: &AwsClient, ca: &str) -> (usize, usize) {
    let (mut provisioned, mut waiting, mut marker) = (0, 0, String::new());
    loop {
        let path = format!("/certificates-by-ca/{ca}?pageSize=250{marker}");
        let page = client.iot(Method::GET, &path, &Value::Null).await.expect("the list");
        for certificate in page["certificates"].as_array().into_iter().flatten() {
            let arn = text(&certificate["certificateArn"]);
            let things = client.send(&principal_things(&arn)).await.expect("an answer").json().expect("JSON");
            let things = things["things"].as_array().map_or(0, Vec::len);
            let policy = has_policy(client, &arn).await;
            match text(&certificate["status"]).as_str() {
                "ACTIVE" if things == 1 && policy => provisioned += 1,
                "PENDING_ACTIVATION" if things == 0 && !policy => waiting += 1,
                other => panic!("{arn} is half provisioned: {other}, {things} things, policy: {policy}"),
            }
        }
        match page["nextMarker"].as_str() {
            Some(next) => marker = format!("&marker={next}"),
            None => return (provisioned, waiting),
        }
    }
}

fn principal_things(arn: &str) -> sekisho_client::AwsRequest<'_> {
    // The principal is a header of this operation; leaked for the length of a test.
    let headers: &'static [(&'static str, &'static str)] =
        Box::leak(Box::new([("x-amzn-principal", &*Box::leak(arn.to_owned().into_boxed_str()))]));
    let (path, query) = ("/principals/things", "");
    sekisho_client::AwsRequest {
        signing_name: "iot",
        method: Method::GET,
        path,
        query,
        headers,
        body: Default::default(),
    }
}

async fn status(client: &AwsClient, id: &str) -> String {
    let found = client.iot(Method::GET, &format!("/certificates/{id}"), &Value::Null).await.unwrap_or_default();
    text(&found["certificateDescription"]["status"])
}

async fn has_policy(client: &AwsClient, arn: &str) -> bool {
    let path = format!("/attached-policies/{}", sekisho_client::encode_segment(arn));
    let attached = client.iot(Method::POST, &path, &Value::Null).await.unwrap_or_default();
    attached["policies"].as_array().is_some_and(|policies| policies.len() == 1)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn jitp() -> Value {
    json!({
        "Parameters": {
            "AWS::IoT::Certificate::CommonName": { "Type": "String" }, "AWS::IoT::Certificate::Id": { "Type": "String" },
        },
        "Resources": {
            "thing": { "Type": "AWS::IoT::Thing", "Properties": { "ThingName": { "Ref": "AWS::IoT::Certificate::CommonName" } } },
            "certificate": { "Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" }, "Status": "ACTIVE" } },
            "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": "devices" } },
        },
    })
}

fn fleet() -> Value {
    json!({
        "Parameters": { "Name": { "Type": "String" }, "AWS::IoT::Certificate::Id": { "Type": "String" } },
        "Resources": {
            "thing": { "Type": "AWS::IoT::Thing", "Properties": { "ThingName": { "Ref": "Name" } } },
            "certificate": { "Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" }, "Status": "ACTIVE" } },
            "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": "devices" } },
        },
    })
}

fn registration() -> Value {
    json!({
        "Parameters": { "Name": { "Type": "String" }, "CSR": { "Type": "String" } },
        "Resources": {
            "thing": { "Type": "AWS::IoT::Thing", "Properties": { "ThingName": { "Ref": "Name" } } },
            "certificate": { "Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateSigningRequest": { "Ref": "CSR" }, "Status": "ACTIVE" } },
            "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": "devices" } },
        },
    })
}
