//! The control plane as a transcript: what tools ask, what they are told.
use base64::Engine as _;
use expect_test::expect;
use sekisho_identity::{
    DEVICE_CA_SUBJECT, DEVICE_CERTIFICATE_NOT_AFTER, DistinguishedName, Lifetime, PEM_CERTIFICATE, SigningKey,
    encode_pem, issue_ca,
};
use sekisho_registry::{CaRecord, RegistryError};
use sekisho_types::Secret;
use sekisho_workers::{DEVICE_CA_KEY_AAD, RsaKeys};

use crate::testing::{NOW, World};

mod authorization; // which policies decide
mod groups; // thing types, thing groups, billing groups

const JSON: (&str, &str) = ("content-type", "application/json");

/// Sends one line after another: `METHOD uri body`; `%CERT%` is the ARN of an issued certificate, `%ID%` its id.
async fn transcript(world: &World, id: &str, lines: &[&str]) -> String {
    let mut out = String::new();
    for line in lines {
        let mut parts = line.splitn(3, ' ');
        let (method, uri, body) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap_or_default());
        let (uri, header) = uri.split_once('@').map_or((uri, None), |(uri, header)| (uri, header.split_once('=')));
        let arn = format!("arn:aws:iot:eu-north-1:000000000000:cert/{id}");
        let uri = uri.replace("%CERT%", &arn.replace(':', "%3A").replace('/', "%2F")).replace("%ID%", id);
        let body = body.replace("%CERT%", &arn);
        let value = header.map(|(_, value)| value.replace("%CERT%", &arn));
        let mut headers = if body.is_empty() { vec![] } else { vec![JSON] };
        headers.extend(header.zip(value.as_deref()).map(|((name, _), value)| (name, value)));
        let answer = world.send("iot", method, &uri, &headers, body.as_bytes()).await;
        let error = answer.header("x-amzn-errortype").trim_end_matches(':').replace('-', "");
        let said = answer.line().replace(id, "ID");
        out.push_str(&format!("{line}\n    {said} {error}"));
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    // Ids are drawn at random.
    let uuid = regex::Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    let generation = regex::Regex::new(r#""generationId":"[^"]*""#).unwrap();
    generation.replace_all(&uuid.replace_all(&out, "UUID"), "\"generationId\":…").into_owned()
}

/// Gives the account a CA, as the server does at its first start.
async fn with_ca(world: &World) {
    let pair = aws_lc_rs::signature::EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING);
    let pkcs8 = Secret::new(pair.unwrap().to_pkcs8v1().unwrap().as_ref().to_vec());
    let (state, subject) = (&world.app.state, DistinguishedName::organizational_unit(DEVICE_CA_SUBJECT));
    let lifetime = Lifetime::until(NOW, DEVICE_CERTIFICATE_NOT_AFTER);
    let key = SigningKey::from_pkcs8(&pkcs8).unwrap();
    let der = issue_ca(&key, &subject, lifetime, &mut state.random()).unwrap();
    let sealed = state.root_key().seal(DEVICE_CA_KEY_AAD, pkcs8.expose(), &mut state.random());
    let record = CaRecord {
        certificate_pem: encode_pem(PEM_CERTIFICATE, &der),
        sealed_private_key: base64::prelude::BASE64_STANDARD.encode(sealed),
    };
    super::commit(&world.app, |registry| Ok::<_, RegistryError>((registry.set_issuing_ca(record), ()))).await.unwrap();
}

#[tokio::test]
async fn things_policies_and_rules() {
    let world = World::new();
    let told = transcript(&world, &"f".repeat(64), &[
        "GET /endpoint?endpointType=iot:Data-ATS",
        "GET /endpoint?endpointType=iot:Doors",
        r#"POST /things/pump-7 {"attributePayload":{"attributes":{"site":"a"}}}"#,
        r#"POST /things/pump-7 {"attributePayload":{"attributes":{"site":"b"}}}"#,
        "POST /things/pump-8 {}",
        "GET /things/pump-7",
        r#"PATCH /things/pump-7 {"attributePayload":{"attributes":{"site":"b"},"merge":true},"expectedVersion":1}"#,
        r#"PATCH /things/pump-7 {"attributePayload":{"attributes":{"site":"c"}},"expectedVersion":1}"#,
        "GET /things?maxResults=1",
        "GET /things?maxResults=1&nextToken=cHVtcC03",
        "GET /things?attributeName=site&attributeValue=b",
        "DELETE /things/pump-8",
        "GET /things/pump-8",
        r#"POST /policies/p {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[]}","tags":[{"Key":"team","Value":"blue"}]}"#,
        r#"POST /policies/p {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}","tags":[{"Key":"team","Value":"blue"}]}"#,
        r#"POST /policies/q {"policyDocument":"{"}"#,
        r#"POST /policies/p/version?setAsDefault=true {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}"}"#,
        "GET /policies/p/version",
        "GET /policies/p",
        "GET /policies/p/version/1",
        "GET /policies/p/version/9",
        "PATCH /policies/p/version/1",
        "DELETE /policies/p/version/1",
        "DELETE /policies/p/version/2",
        "GET /policies",
        "GET /tags?resourceArn=arn:aws:iot:eu-north-1:000000000000:policy/p",
        r#"POST /untag {"resourceArn":"arn:aws:iot:eu-north-1:000000000000:policy/p","tagKeys":["team"]}"#,
        "DELETE /policies/p",
        "GET /policies/p",
        r#"POST /rules/r@x-amz-tagging=a=1&b=2 {"sql":"SELECT * FROM 'plant/+/oven'","actions":[],"awsIotSqlVersion":"2016-03-23"}"#,
        r#"POST /rules/s {"sql":"SELECT FROM","actions":[]}"#,
        "GET /rules/r",
        "GET /rules/absent",
        "POST /rules/r/disable",
        "GET /rules?topic=plant/7/oven&ruleDisabled=true",
        "GET /rules?topic=plant/7",
        "POST /rules/r/enable",
        r#"PATCH /rules/r {"sql":"SELECT a FROM 'b'","actions":[]}"#,
        "GET /tags?resourceArn=arn:aws:iot:eu-north-1:000000000000:rule/r",
        "DELETE /rules/r",
        "DELETE /rules/r",
    ]).await;
    expect![[r#"
        GET /endpoint?endpointType=iot:Data-ATS
            200 {"endpointAddress":"iot.plant.example"}
        GET /endpoint?endpointType=iot:Doors
            400 {"message":"Endpoint type iot:Doors is not supported"} InvalidRequestException
        POST /things/pump-7 {"attributePayload":{"attributes":{"site":"a"}}}
            200 {"thingName":"pump-7","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","thingId":"UUID"}
        POST /things/pump-7 {"attributePayload":{"attributes":{"site":"b"}}}
            409 {"message":"Thing pump-7 already exists in account with different attributes","resourceId":"UUID","resourceArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7"} ResourceAlreadyExistsException
        POST /things/pump-8 {}
            200 {"thingName":"pump-8","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-8","thingId":"UUID"}
        GET /things/pump-7
            200 {"defaultClientId":"pump-7","thingName":"pump-7","thingId":"UUID","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","attributes":{"site":"a"},"version":1}
        PATCH /things/pump-7 {"attributePayload":{"attributes":{"site":"b"},"merge":true},"expectedVersion":1}
            200 {}
        PATCH /things/pump-7 {"attributePayload":{"attributes":{"site":"c"}},"expectedVersion":1}
            409 {"message":"The version for thing pump-7 does not match the expected version."} VersionConflictException
        GET /things?maxResults=1
            200 {"things":[{"thingName":"pump-7","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","attributes":{"site":"b"},"version":2}],"nextToken":"cHVtcC03"}
        GET /things?maxResults=1&nextToken=cHVtcC03
            200 {"things":[{"thingName":"pump-8","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-8","attributes":{},"version":1}]}
        GET /things?attributeName=site&attributeValue=b
            200 {"things":[{"thingName":"pump-7","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","attributes":{"site":"b"},"version":2}]}
        DELETE /things/pump-8
            200 {}
        GET /things/pump-8
            404 {"message":"Thing pump-8 not found"} ResourceNotFoundException
        POST /policies/p {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[]}","tags":[{"Key":"team","Value":"blue"}]}
            400 {"message":"Statement: empty"} MalformedPolicyException
        POST /policies/p {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}","tags":[{"Key":"team","Value":"blue"}]}
            200 {"policyName":"p","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/p","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}","policyVersionId":"1"}
        POST /policies/q {"policyDocument":"{"}
            400 {"message":"document: EOF while parsing an object at line 1 column 1"} MalformedPolicyException
        POST /policies/p/version?setAsDefault=true {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}"}
            200 {"policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/p","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}","policyVersionId":"2","isDefaultVersion":true}
        GET /policies/p/version
            200 {"policyVersions":[{"versionId":"2","isDefaultVersion":true,"createDate":1369353600.0},{"versionId":"1","isDefaultVersion":false,"createDate":1369353600.0}]}
        GET /policies/p
            200 {"policyName":"p","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/p","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}","defaultVersionId":"2","creationDate":1369353600.0,"lastModifiedDate":1369353600.0,"generationId":…}
        GET /policies/p/version/1
            200 {"policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/p","policyName":"p","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}","policyVersionId":"1","isDefaultVersion":false,"creationDate":1369353600.0,"lastModifiedDate":1369353600.0,"generationId":…}
        GET /policies/p/version/9
            404 {"message":"Policy version 9 of p not found"} ResourceNotFoundException
        PATCH /policies/p/version/1
            200 {}
        DELETE /policies/p/version/1
            409 {"message":"Cannot delete the default version of a policy"} DeleteConflictException
        DELETE /policies/p/version/2
            200 {}
        GET /policies
            200 {"policies":[{"policyName":"p","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/p"}]}
        GET /tags?resourceArn=arn:aws:iot:eu-north-1:000000000000:policy/p
            200 {"tags":[{"Key":"team","Value":"blue"}]}
        POST /untag {"resourceArn":"arn:aws:iot:eu-north-1:000000000000:policy/p","tagKeys":["team"]}
            200 {}
        DELETE /policies/p
            200 {}
        GET /policies/p
            404 {"message":"Policy p not found"} ResourceNotFoundException
        POST /rules/r@x-amz-tagging=a=1&b=2 {"sql":"SELECT * FROM 'plant/+/oven'","actions":[],"awsIotSqlVersion":"2016-03-23"}
            200 {}
        POST /rules/s {"sql":"SELECT FROM","actions":[]}
            400 {"message":"line 1, column 8: expected an expression, found `FROM`"} SqlParseException
        GET /rules/r
            200 {"ruleArn":"arn:aws:iot:eu-north-1:000000000000:rule/r","rule":{"ruleName":"r","createdAt":1369353600.0,"ruleDisabled":false,"awsIotSqlVersion":"2016-03-23","sql":"SELECT * FROM 'plant/+/oven'","actions":[]}}
        GET /rules/absent
            401 {"message":"Access to TopicRule 'absent' was denied"} UnauthorizedException
        POST /rules/r/disable
            200 {}
        GET /rules?topic=plant/7/oven&ruleDisabled=true
            200 {"rules":[{"ruleArn":"arn:aws:iot:eu-north-1:000000000000:rule/r","ruleName":"r","createdAt":1369353600.0,"ruleDisabled":true,"topicPattern":"plant/+/oven"}]}
        GET /rules?topic=plant/7
            200 {"rules":[]}
        POST /rules/r/enable
            200 {}
        PATCH /rules/r {"sql":"SELECT a FROM 'b'","actions":[]}
            200 {}
        GET /tags?resourceArn=arn:aws:iot:eu-north-1:000000000000:rule/r
            200 {"tags":[{"Key":"a","Value":"1"},{"Key":"b","Value":"2"}]}
        DELETE /rules/r
            200 {}
        DELETE /rules/r
            200 {}
    "#]].assert_eq(&told);
}

#[tokio::test]
async fn certificates_from_our_key_and_from_a_csr() {
    let world = World::with(RsaKeys::start().unwrap());
    with_ca(&world).await;
    let made = world.send("iot", "POST", "/keys-and-certificate?setAsActive=true", &[], b"").await;
    let made = made.json();
    let id = made["certificateId"].as_str().unwrap();
    assert!(made["certificatePem"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert!(made["keyPair"]["PrivateKey"].as_str().unwrap().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    assert!(made["keyPair"]["PublicKey"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let allow = r#"POST /policies/p {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}"}"#;
    let told = transcript(
        &world,
        id,
        &[
            allow,
            "POST /things/pump-7 {}",
            r#"PUT /target-policies/p {"target":"%CERT%"}"#,
            "PUT /principal-policies/p@x-amzn-iot-principal=%CERT%",
            "POST /attached-policies/%CERT%",
            "POST /policy-targets/p",
            "PUT /things/pump-7/principals@x-amzn-principal=%CERT%",
            "GET /things/pump-7/principals",
            "GET /principals/things@x-amzn-principal=%CERT%",
            "DELETE /policies/p",
            "DELETE /things/pump-7",
            "DELETE /certificates/%ID%",
            "PUT /certificates/%ID%?newStatus=INACTIVE",
            "PUT /certificates/%ID%?newStatus=PENDING_TRANSFER",
            "DELETE /certificates/%ID%",
            r#"POST /target-policies/p {"target":"%CERT%"}"#,
            "DELETE /things/pump-7/principals@x-amzn-principal=%CERT%",
            "GET /certificates",
            "PUT /certificates/%ID%?newStatus=REVOKED",
            "PUT /certificates/%ID%?newStatus=ACTIVE",
            "DELETE /certificates/%ID%",
            "GET /certificates/%ID%",
            r#"POST /certificates {"certificateSigningRequest":"not one"}"#,
        ],
    )
    .await;
    expect![[r#"
        POST /policies/p {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}"}
            200 {"policyName":"p","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/p","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}","policyVersionId":"1"}
        POST /things/pump-7 {}
            200 {"thingName":"pump-7","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","thingId":"UUID"}
        PUT /target-policies/p {"target":"%CERT%"}
            200 {}
        PUT /principal-policies/p@x-amzn-iot-principal=%CERT%
            200 {}
        POST /attached-policies/%CERT%
            200 {"policies":[{"policyName":"p","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/p"}]}
        POST /policy-targets/p
            200 {"targets":["arn:aws:iot:eu-north-1:000000000000:cert/ID"]}
        PUT /things/pump-7/principals@x-amzn-principal=%CERT%
            200 {}
        GET /things/pump-7/principals
            200 {"principals":["arn:aws:iot:eu-north-1:000000000000:cert/ID"]}
        GET /principals/things@x-amzn-principal=%CERT%
            200 {"things":["pump-7"]}
        DELETE /policies/p
            409 {"message":"The policy cannot be deleted as the policy is attached to one or more principals (name=p)"} DeleteConflictException
        DELETE /things/pump-7
            400 {"message":"Cannot delete. Thing pump-7 is still attached to one or more principals"} InvalidRequestException
        DELETE /certificates/%ID%
            406 {"message":"Certificate must be deactivated (not ACTIVE) before deletion. Id: ID"} CertificateStateException
        PUT /certificates/%ID%?newStatus=INACTIVE
            200 {}
        PUT /certificates/%ID%?newStatus=PENDING_TRANSFER
            400 {"message":"status `PENDING_TRANSFER` cannot be set by an update"} InvalidRequestException
        DELETE /certificates/%ID%
            409 {"message":"Things must be detached before deletion (arn: arn:aws:iot:eu-north-1:000000000000:cert/ID)"} DeleteConflictException
        POST /target-policies/p {"target":"%CERT%"}
            200 {}
        DELETE /things/pump-7/principals@x-amzn-principal=%CERT%
            200 {}
        GET /certificates
            200 {"certificates":[{"certificateArn":"arn:aws:iot:eu-north-1:000000000000:cert/ID","certificateId":"ID","status":"INACTIVE","certificateMode":"DEFAULT","creationDate":1369353600.0}]}
        PUT /certificates/%ID%?newStatus=REVOKED
            200 {}
        PUT /certificates/%ID%?newStatus=ACTIVE
            406 {"message":"a certificate that is `REVOKED` cannot become `ACTIVE`. Id: ID"} CertificateStateException
        DELETE /certificates/%ID%
            200 {}
        GET /certificates/%ID%
            404 {"message":"Certificate ID not found"} ResourceNotFoundException
        POST /certificates {"certificateSigningRequest":"not one"}
            400 {"message":"Invalid CSR: exactly one PEM block labelled CERTIFICATE REQUEST was expected"} InvalidRequestException
    "#]].assert_eq(&told);
}
