//! Role aliases and the credentials that a certificate is exchanged for: by curl and by awscrt's provider, used by boto3.
use conformance::Server;

#[test]
fn a_certificate_is_exchanged_for_credentials() {
    let server = Server::start();
    server.device("pump-7");
    server.device("pump-8");
    server.lake(1);
    server.python("role_credentials.py");
}
