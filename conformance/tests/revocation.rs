//! Revoked means gone, also for a device that says nothing; and so does expired.
use std::time::{Duration, Instant};

use conformance::Server;
use sekisho_client::{ConnectOptions, DeviceTls, MqttDevice, QoS};

/// What is promised is a second; a machine under load may take longer, but not until a timer of the connection (10 s) or the
/// device's next PINGREQ (30 s) happens to wake it.
const GONE_MAX: Duration = Duration::from_secs(5);

#[test]
fn a_device_that_is_silent_after_connect_hears_of_its_revocation() {
    let server = Server::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for n in 0..5 {
        let name = format!("pump-{n}");
        let arn = server.device(&name);
        let read = |suffix: &str| std::fs::read(server.scratch().join(format!("{name}.{suffix}"))).expect("the file");
        let ca = std::fs::read(server.ca()).expect("the CA");
        let tls = DeviceTls::new(&ca, &read("pem"), &read("key")).expect("certificate and key");
        let endpoint = format!("localhost:{}", server.mqtt_port());
        let options = ConnectOptions::new(&name);
        let connected = MqttDevice::connect(&endpoint, &tls, &options);
        let mut device = runtime.block_on(connected).expect("it is let in");
        let id = arn.rsplit('/').next().expect("an id");
        server.aws(&["iot", "update-certificate", "--certificate-id", id, "--new-status", "REVOKED"]);
        let asked = Instant::now();
        runtime.block_on(device.end());
        assert!(asked.elapsed() < GONE_MAX, "{name} was there for {:?}", asked.elapsed());
    }
}

#[test]
fn an_https_connection_that_is_kept_alive_ends_with_its_certificate() {
    let server = Server::start();
    let arn = server.device("pump-7");
    // One request, the connection is kept; then the certificate is revoked, and the other side closes.
    let id = arn.rsplit('/').next().expect("an id");
    let script = format!(
        r#"
        python - <<'PY'
import http.client, os, ssl, subprocess, time
context = ssl.create_default_context(cafile=os.environ["CA"])
context.load_cert_chain("pump-7.pem", "pump-7.key")
connection = http.client.HTTPSConnection("localhost", int(os.environ["HTTPS_PORT"]), context=context, timeout=30)
connection.request("POST", "/topics/shared/a?qos=1", body=b"hello")
print("first", connection.getresponse().read())
subprocess.run(["aws", "iot", "update-certificate", "--certificate-id", "{id}", "--new-status", "REVOKED"], check=True)
print("then", connection.sock.recv(1))
PY
        "#
    );
    let printed = server.bash(&script);
    assert!(printed.contains("first b'{\"message\":\"OK\""), "{printed}");
    assert!(printed.contains("then b''"), "the server ends it: {printed}");
}

#[test]
fn connections_end_with_the_validity_of_their_certificate() {
    let server = Server::start();
    server.device("pump-7"); // and its policy
    server.bash(
        r#"
        printf '%s\n' '[ca]' 'default_ca = own' '[own]' 'database = index.txt' 'serial = serial' 'new_certs_dir = .' \
          'default_md = sha256' 'policy = any' 'x509_extensions = v3' '[any]' 'commonName = supplied' \
          '[v3]' 'basicConstraints = CA:false' > ca.cnf
        touch index.txt; echo 01 > serial
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout brief.key -out brief.csr -subj /CN=brief 2>/dev/null
        openssl ca -batch -config ca.cnf -selfsign -keyfile brief.key -in brief.csr -out brief.pem -notext \
          -enddate $(date -u -d '+30 seconds' +%Y%m%d%H%M%SZ) 2>/dev/null
        ARN=$(aws iot register-certificate-without-ca --certificate-pem file://brief.pem --status ACTIVE --query certificateArn --output text)
        aws iot attach-policy --policy-name devices --target "$ARN"
        "#,
    );
    let read = |file: &str| std::fs::read(server.scratch().join(file)).expect("the file");
    let ca = std::fs::read(server.ca()).expect("the CA");
    let tls = DeviceTls::new(&ca, &read("brief.pem"), &read("brief.key")).expect("certificate and key");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let endpoint = format!("localhost:{}", server.mqtt_port());
    let options = ConnectOptions::new("brief");
    let mut device = runtime.block_on(MqttDevice::connect(&endpoint, &tls, &options)).expect("it is let in");
    runtime.block_on(device.publish("shared/a", "valid", QoS::AtLeastOnce)).expect("it may");
    std::thread::scope(|scope| {
        // Requests that keep the connection alive until the server ends it.
        let https = scope.spawn(|| {
            server.bash(
                r#"
                python - <<'PY'
import http.client, os, ssl, time
context = ssl.create_default_context(cafile=os.environ["CA"])
context.load_cert_chain("brief.pem", "brief.key")
connection = http.client.HTTPSConnection("localhost", int(os.environ["HTTPS_PORT"]), context=context, timeout=60)
connection.connect()
stream = connection.sock
while True:
    connection.request("POST", "/topics/shared/a?qos=1", body=b"hello")
    stream.settimeout(60)
    print(connection.getresponse().read())
    stream.settimeout(4)
    try: print("then", stream.recv(1)); break
    except TimeoutError: pass
PY
                "#,
            )
        });
        runtime.block_on(device.end());
        let printed = https.join().expect("the other peer ends too");
        assert!(printed.contains("{\"message\":\"OK\"") && !printed.contains("Forbidden"), "{printed}");
        assert!(printed.contains("then b''"), "the server ends it: {printed}");
    });
    let why = server.bash("sekisho why brief");
    assert!(why.contains("expired"), "{why}");
}
