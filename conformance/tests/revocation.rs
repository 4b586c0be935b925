//! Revoked means gone, also for a device that says nothing.
use std::time::{Duration, Instant};

use conformance::Server;
use sekisho_client::{ConnectOptions, DeviceTls, MqttDevice};

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
