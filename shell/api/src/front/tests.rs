//! Routing and refusals, each protocol in its own shape.
use expect_test::expect;
use http::Request;
use sekisho_sigv4::Credentials;

use crate::testing::{HERE, REGION, World, credentials};
use crate::{Peer, full};

const JSON: (&str, &str) = ("content-type", "application/json");

fn stranger() -> Credentials {
    Credentials { access_key_id: "AKIAIOSFODNN7STRANGE".to_owned(), ..credentials() }
}

fn forger() -> Credentials {
    Credentials { secret_access_key: sekisho_types::Secret::new(b"guessed".to_vec()), ..credentials() }
}

#[tokio::test]
async fn nothing_is_answered_without_a_signature() {
    let world = World::new();
    let unsigned = |uri: &str, target: Option<&str>| {
        let mut request = Request::builder().method("POST").uri(uri.to_owned()).header("host", "localhost");
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        request.body(full("")).unwrap()
    };
    let lines = [
        world.answer(unsigned("/lake/key", None)).await.line(),
        world.answer(unsigned("/", Some("TrentService.ListKeys"))).await.line(),
        world.answer(unsigned("/", Some("Nobody.ListKeys"))).await.line(),
    ];
    expect![[r#"
        403 <?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message><Resource>/lake/key</Resource><RequestId>ID</RequestId><HostId>ID</HostId></Error>
        400 {"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}
        400 {"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}"#]]
    .assert_eq(&lines.join("\n"));
}

#[tokio::test]
async fn every_service_refuses_strangers_forgers_and_other_regions_in_its_own_words() {
    let world = World::new();
    let mut lines = Vec::new();
    for (service, method, uri) in [
        ("iot", "GET", "/things"),
        ("iotdata", "POST", "/topics/a"),
        ("kms", "POST", "/"),
        ("s3", "GET", "/lake"),
        ("sts", "POST", "/"),
    ] {
        for (region, credentials) in [(REGION, stranger()), (REGION, forger()), ("mars-north-1", credentials())] {
            let request = world.signed(service, region, &credentials, method, uri, &[], b"");
            let answer = world.answer(request).await;
            let line = answer.line();
            // What S3 repeats of the request changes with it.
            let line = line.split("<AWSAccessKeyId>").next().unwrap().to_owned();
            lines.push(format!("{service} {line} {}", answer.header("x-amzn-errortype")));
        }
    }
    expect![[r#"
        iot 403 {"message":"The security token included in the request is invalid."} UnrecognizedClientException:
        iot 403 {"message":"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."} InvalidSignatureException:
        iot 403 {"message":"Credential should be scoped to a valid region, not 'mars-north-1'. "} InvalidSignatureException:
        iotdata 403 {"message":"The security token included in the request is invalid.","traceId":"ID"} ForbiddenException:
        iotdata 403 {"message":"Forbidden","traceId":"ID"} ForbiddenException:
        iotdata 403 {"message":"Forbidden","traceId":"ID"} ForbiddenException:
        kms 400 {"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."} -
        kms 400 {"__type":"InvalidSignatureException","message":"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."} -
        kms 400 {"__type":"InvalidSignatureException","message":"Credential should be scoped to a valid region, not 'mars-north-1'. "} -
        s3 403 <?xml version="1.0" encoding="UTF-8"?><Error><Code>InvalidAccessKeyId</Code><Message>The AWS Access Key Id you provided does not exist in our records.</Message> -
        s3 403 <?xml version="1.0" encoding="UTF-8"?><Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match the signature you provided. Check your key and signing method.</Message> -
        s3 400 <?xml version="1.0" encoding="UTF-8"?><Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the region 'mars-north-1' is wrong; expecting 'eu-north-1'</Message><Region>eu-north-1</Region><Resource>/lake</Resource><RequestId>ID</RequestId><HostId>ID</HostId></Error> -
        sts 403 <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error><RequestId>ID</RequestId></ErrorResponse> -
        sts 403 <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.</Message></Error><RequestId>ID</RequestId></ErrorResponse> -
        sts 403 <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>Credential should be scoped to a valid region, not 'mars-north-1'. </Message></Error><RequestId>ID</RequestId></ErrorResponse> -"#]]
    .assert_eq(&lines.join("\n"));
}

#[tokio::test]
async fn what_is_not_known_or_not_offered_is_refused_by_name() {
    let world = World::new();
    let lines = [
        world.send("iot", "PUT", "/jobs/j", &[JSON], b"{}").await.line(),
        world.send("iot", "GET", "/nowhere", &[], b"").await.line(),
        world.send("iotdata", "GET", "/things/t/jobs", &[], b"").await.line(),
        world.send("iotdevicegateway", "GET", "/nowhere", &[], b"").await.line(),
        world.call("kms", "TrentService.CreateCustomKeyStore", "{}").await.line(),
        world.call("kms", "TrentService.Nothing", "{}").await.line(),
        world.call("kms", "Firehose_20150804.PutRecord", "{}").await.line(),
        world.send("s3", "PATCH", "/lake/key", &[], b"").await.line(),
        world.send("s3", "HEAD", "/lake?torrent", &[], b"").await.line(),
        world.send("dynamodb", "POST", "/", &[("x-amz-target", "DynamoDB_20120810.ListTables")], b"{}").await.line(),
        world.send("sts", "POST", "/", &[], b"Action=GetFederationToken&Version=2011-06-15").await.line(),
        world.send("sts", "POST", "/", &[], b"Action=%3C&Version=2011-06-15").await.line(),
    ];
    expect![[r#"
        501 {"message":"`CreateJob` is not offered by this server yet"}
        404 {"message":"Not Found"}
        501 {"message":"`GetPendingJobExecutions` is not offered by this server yet","traceId":"ID"}
        404 {"message":"Not Found","traceId":"ID"}
        501 {"__type":"NotImplementedException","message":"`CreateCustomKeyStore` is not offered by this server yet"}
        400 {"__type":"UnknownOperationException","message":"The operation is not known to the service"}
        400 {"__type":"UnknownOperationException","message":"The operation is not known to the service"}
        405 <?xml version="1.0" encoding="UTF-8"?><Error><Code>MethodNotAllowed</Code><Message>The specified method is not allowed against this resource.</Message><Method>PATCH</Method><Resource>/lake/key</Resource><RequestId>ID</RequestId><HostId>ID</HostId></Error>
        404
        501 {"__type":"NotImplementedException","message":"The service `dynamodb` is not offered by this server"}
        501 <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Receiver</Type><Code>NotImplemented</Code><Message>`GetFederationToken` is not offered by this server yet</Message></Error><RequestId>ID</RequestId></ErrorResponse>
        400 <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>Could not find operation &lt;</Message></Error><RequestId>ID</RequestId></ErrorResponse>"#]].assert_eq(&lines.join("\n"));
}

#[tokio::test]
async fn what_breaks_the_model_is_refused_in_the_models_words() {
    let world = World::new();
    let long = format!(r#"{{"KeyId":"{}"}}"#, "k".repeat(2049));
    let lines = [
        world.call("kms", "TrentService.DescribeKey", "{}").await.line(),
        world.call("kms", "TrentService.DescribeKey", r#"{"KeyId":""}"#).await.line(),
        world.call("kms", "TrentService.DescribeKey", &long).await.line().replace(&"k".repeat(1024), "k…k"),
        world.call("kms", "TrentService.DescribeKey", r#"{"KeyId":7}"#).await.line(),
        world.call("kms", "TrentService.DescribeKey", "{").await.line(),
        world.call("kms", "TrentService.DescribeKey", "[]").await.line(),
        world.call("kms", "TrentService.CreateKey", r#"{"KeyUsage":"DOORS","Tags":[{"TagKey":"a"}]}"#).await.line(),
        world.call("kms", "TrentService.ListKeys", r#"{"Limit":1001}"#).await.line(),
        world
            .call("firehose", "Firehose_20150804.PutRecord", r#"{"DeliveryStreamName":"a b","Record":{}}"#)
            .await
            .line(),
        world
            .send("iot", "POST", "/things/a%20b", &[JSON], br#"{"attributePayload":{"attributes":{"a":"!"}}}"#)
            .await
            .line(),
        world.send("iot", "GET", "/things?maxResults=0", &[], b"").await.line(),
        world.send("iot", "GET", "/things?maxResults=many", &[], b"").await.line(),
        world.send("iot", "PUT", "/certificates/0?newStatus=ASLEEP", &[], b"").await.line(),
        world.send("iotdata", "POST", "/topics/a?qos=2", &[], b"x").await.line(),
    ];
    expect![[r#"
        400 {"__type":"ValidationException","message":"1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null"}
        400 {"__type":"ValidationException","message":"1 validation error detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1"}
        400 {"__type":"ValidationException","message":"1 validation error detected: Value 'k…k' at 'keyId' failed to satisfy constraint: Member must have length less than or equal to 2048"}
        400 {"__type":"SerializationException","message":"NUMBER_VALUE cannot be converted to String"}
        400 {"__type":"SerializationException","message":"The request body is not a JSON object"}
        400 {"__type":"SerializationException","message":"The request body is not a JSON object"}
        400 {"__type":"ValidationException","message":"2 validation errors detected: Value 'DOORS' at 'keyUsage' failed to satisfy constraint: Member must satisfy enum value set: [SIGN_VERIFY, ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, KEY_AGREEMENT]; Value null at 'tags.1.member.tagValue' failed to satisfy constraint: Member must not be null"}
        400 {"__type":"ValidationException","message":"1 validation error detected: Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000"}
        400 {"__type":"ValidationException","message":"2 validation errors detected: Value 'a b' at 'deliveryStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value null at 'record.data' failed to satisfy constraint: Member must not be null"}
        400 {"message":"2 validation errors detected: Value 'a b' at 'thingName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9:_-]+; Value '!' at 'attributePayload.attributes.a.member' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#=\\[\\]-]*"}
        400 {"message":"1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"}
        400 {"message":"STRING_VALUE cannot be converted to Integer"}
        400 {"message":"2 validation errors detected: Value '0' at 'certificateId' failed to satisfy constraint: Member must have length greater than or equal to 64; Value 'ASLEEP' at 'newStatus' failed to satisfy constraint: Member must satisfy enum value set: [ACTIVE, INACTIVE, REVOKED, PENDING_TRANSFER, REGISTER_INACTIVE, PENDING_ACTIVATION]"}
        400 {"message":"1 validation error detected: Value '2' at 'qos' failed to satisfy constraint: Member must have value less than or equal to 1","traceId":"ID"}"#]].assert_eq(&lines.join("\n"));
}

#[tokio::test]
async fn a_body_has_a_limit_and_an_answer_names_its_request() {
    let world = World::new();
    let large = world.send("iotdata", "POST", "/topics/a", &[], &vec![0; 128 * 1024 + 1]).await;
    expect!["413 RequestEntityTooLargeException:"].assert_eq(&format!(
        "{} {}",
        large.status,
        large.header("x-amzn-errortype")
    ));
    let published = world.send("iotdata", "POST", "/topics/a/b?qos=1", &[], b"hello").await;
    expect![[r#"200 {"message":"OK","traceId":"ID"}"#]].assert_eq(&published.line());
    let (announced, payload) = world.published.0.lock().unwrap().pop().unwrap();
    assert_eq!((announced.topic.as_str(), &payload[..], announced.qos.number()), ("a/b", &b"hello"[..], 1));
    let who = world.send("sts", "POST", "/", &[], b"Action=GetCallerIdentity&Version=2011-06-15").await;
    expect![[r#"200 <GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::000000000000:root</Arn><UserId>000000000000</UserId><Account>000000000000</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></GetCallerIdentityResponse>"#]].assert_eq(&who.line());
}

#[tokio::test]
async fn what_the_tables_offer_the_services_answer() {
    use crate::error::NOT_IMPLEMENTED;
    use crate::{Service, firehose, glue, iot, kms};
    let world = World::new();
    let empty = || serde_json::json!({});
    for service in [Service::Iot, Service::Firehose, Service::Glue, Service::Kms] {
        for operation in service.operations().iter().filter(|operation| operation.offered) {
            let answer = match service {
                Service::Iot => iot::handle(&world.app, operation.name, empty()).await,
                Service::Firehose => firehose::handle(&world.app, operation.name, empty()).await,
                Service::Glue => glue::handle(&world.app, operation.name, empty()).await,
                _ => kms::handle(&world.app, None, operation.name, empty()).await,
            };
            let refused = answer.is_err_and(|error| error.code == NOT_IMPLEMENTED);
            assert!(!refused, "{} {}: remove it from offered.txt or answer it", service.name(), operation.name);
        }
    }
}

#[tokio::test]
async fn plain_http_from_another_machine_is_refused_unless_the_operator_wants_it() {
    let elsewhere = |secure| Peer::new("10.0.0.7:40000".parse().unwrap(), secure);
    let (mut refused, mut world) = (Vec::new(), World::new());
    let request = |world: &World, service: &str| {
        let target: &[_] = &[("x-amz-target", "TrentService.ListKeys")];
        let (method, uri, headers, body): (_, _, &[_], _) = match service {
            "kms" => ("POST", "/", target, "{}"),
            "s3" => ("GET", "/", &[], ""),
            _ => ("GET", "/things", &[], ""),
        };
        world.signed(service, REGION, &credentials(), method, uri, headers, body.as_bytes())
    };
    for service in ["s3", "kms", "iot"] {
        let line = world.answer_from(elsewhere(false), request(&world, service)).await.line();
        refused.push(line.replace("Plain HTTP is answered on the server's own machine only: use https:// on the same port (the server's setting `plain_http` changes that)", "…"));
        assert_eq!(world.answer_from(elsewhere(true), request(&world, service)).await.status, 200);
    }
    expect![[r#"
        403 <?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>…</Message><Resource>/</Resource><RequestId>ID</RequestId><HostId>ID</HostId></Error>
        400 {"__type":"AccessDeniedException","message":"…"}
        403 {"message":"…"}"#]]
    .assert_eq(&refused.join("\n"));

    world.settings(|settings| settings.plain_http_from_anywhere = true);
    assert_eq!(world.answer_from(elsewhere(false), request(&world, "s3")).await.status, 200);
}

#[tokio::test]
async fn a_form_comes_in_as_any_other_request_does() {
    let world = World::new();
    let here =
        "<CreateBucketConfiguration><LocationConstraint>eu-north-1</LocationConstraint></CreateBucketConfiguration>";
    assert_eq!(world.send("s3", "PUT", "/lake", &[], here.as_bytes()).await.status, 200);
    let form = |secure: bool, body: &str| {
        let request = Request::builder().method("POST").uri("/lake").header("host", "localhost:4566");
        let request = request.header("content-type", "multipart/form-data; boundary=x");
        let peer = Peer::new("10.0.0.7:40000".parse().unwrap(), secure);
        (peer, request.body(crate::full(body.to_owned())).unwrap())
    };
    let field =
        |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n");
    let unsigned = format!("{}{}--x--", field("key", "k"), field("file", "body"));
    let mut answers = Vec::new();
    for (secure, body) in [(false, unsigned.as_str()), (true, unsigned.as_str()), (true, "")] {
        let (peer, request) = form(secure, body);
        answers.push(world.answer_from(peer, request).await.line());
    }
    expect![[r#"
        403 <?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Plain HTTP is answered on the server's own machine only: use https:// on the same port (the server's setting `plain_http` changes that)</Message><Resource>/lake</Resource><RequestId>ID</RequestId><HostId>ID</HostId></Error>
        403 <?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message><Resource>/lake</Resource><RequestId>ID</RequestId><HostId>ID</HostId></Error>
        400 <?xml version="1.0" encoding="UTF-8"?><Error><Code>MalformedPOSTRequest</Code><Message>The body of your POST request is not well-formed multipart/form-data.</Message><Resource>/lake</Resource><RequestId>ID</RequestId><HostId>ID</HostId></Error>"#]].assert_eq(&answers.join("\n"));
}

#[tokio::test]
async fn a_customers_key_does_not_cross_a_network_in_the_clear() {
    let mut world = World::new();
    world.settings(|settings| settings.plain_http_from_anywhere = true);
    let here =
        "<CreateBucketConfiguration><LocationConstraint>eu-north-1</LocationConstraint></CreateBucketConfiguration>";
    assert_eq!(world.send("s3", "PUT", "/told", &[], here.as_bytes()).await.status, 200);
    let allowed = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BlockedEncryptionTypes><EncryptionType>NONE</EncryptionType></BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>";
    assert_eq!(world.send("s3", "PUT", "/told?encryption", &[], allowed.as_bytes()).await.status, 200);
    let customer: Vec<(String, String)> = [
        ("algorithm", "AES256"),
        ("key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        ("key-md5", "KYvwGXoFFJ42a2u2GDWhwQ=="),
    ]
    .map(|(name, value)| (format!("x-amz-server-side-encryption-customer-{name}"), value.to_owned()))
    .into();
    let customer: Vec<(&str, &str)> = customer.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let put = || world.signed("s3", REGION, &credentials(), "PUT", "/told/k", &customer, b"x");
    assert_eq!(world.answer(put()).await.line(), "200");
    let address = "10.0.0.7:40000".parse().unwrap();
    let refused = world.answer_from(Peer::new(address, false), put()).await.line();
    assert!(refused.starts_with("400") && refused.contains("must be made over a secure connection"), "{refused}");
    assert_eq!(world.answer_from(Peer::new(address, true), put()).await.line(), "200");
}

#[tokio::test]
async fn who_has_not_shown_who_they_are_makes_room() {
    let world = World::new();
    let devices = Peer { door: crate::Door::Devices, secure: true, ..HERE };
    let unsigned = |method: &str| {
        let request = Request::builder().method(method).uri("/lake/key").header("host", "localhost");
        request.body(full("")).unwrap()
    };
    let signed = |service: &str, credentials: &Credentials, uri: &str| {
        world.signed(service, REGION, credentials, "POST", uri, &[], b"x")
    };
    #[rustfmt::skip] // who                     from     what is asked                                            status  leaves
    let table = [
        ("nobody",                              HERE,    unsigned("GET"),                                         403,    true),
        ("nobody, and a page asks",             devices, unsigned("OPTIONS"),                                     400,    true),
        ("a stranger",                          HERE,    signed("iotdata", &stranger(), "/topics/a"),             403,    true),
        ("a forger",                            devices, signed("iotdata", &forger(), "/topics/a"),               403,    true),
        ("the operator",                        devices, signed("iotdata", &credentials(), "/topics/a"),          200,    false),
        ("the operator, and it is not there",   HERE,    signed("iotdata", &credentials(), "/nowhere"),           404,    false),
    ];
    for (who, peer, request, status, leaves) in table {
        let answer = world.answer_from(peer, request).await;
        assert_eq!(
            (answer.status, answer.header("connection") == "close"),
            (status, leaves),
            "{who}: {}",
            answer.line()
        );
    }
}
