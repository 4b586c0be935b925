//! TestAuthorization and GetEffectivePolicies: which policies decide, and what was not known.
use expect_test::expect;
use sekisho_identity::{PEM_CERTIFICATE, decode_pem};

use super::transcript;
use crate::iot::commit;
use crate::testing::{NOW, World};

#[tokio::test]
async fn decisions_name_their_policies() {
    let world = World::new();
    let pem = include_str!("../../../../../core/policy/tests/certificates/guide.pem");
    let der = decode_pem(&[PEM_CERTIFICATE], pem).unwrap().remove(0);
    let added =
        commit(&world.app, |registry| registry.add_issued_certificate(NOW, &der, true, &mut world.app.state.random()));
    let id = added.await.unwrap().certificate_id.to_string();
    let policy = |name: &str, statement: &str| {
        let document = format!(r#"{{"Statement":[{statement}]}}"#).replace('"', "\\\"");
        format!(r#"POST /policies/{name} {{"policyDocument":"{document}"}}"#)
    };
    let arn = "arn:aws:iot:eu-north-1:000000000000";
    let setup = [
        policy(
            "own",
            &format!(
                r#"{{"Effect":"Allow","Action":"iot:*","Resource":["{arn}:client/${{iot:ClientId}}","{arn}:topic/${{iot:Connection.Thing.ThingName}}/*"]}}"#
            ),
        ),
        policy(
            "home",
            r#"{"Effect":"Allow","Action":"iot:Subscribe","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}"#,
        ),
        policy("no", &format!(r#"{{"Effect":"Deny","Action":"iot:Publish","Resource":"{arn}:topic/pump-7/secret"}}"#)),
        "PUT /target-policies/own {\"target\":\"%CERT%\"}".to_owned(),
        "POST /thing-groups/plant {}".to_owned(),
        format!("PUT /target-policies/home {{\"target\":\"{arn}:thinggroup/plant\"}}"),
        "POST /things/pump-7 {}".to_owned(),
        "PUT /thing-groups/addThingToThingGroup {\"thingGroupName\":\"plant\",\"thingName\":\"pump-7\"}".to_owned(),
        "PUT /things/pump-7/principals@x-amzn-principal=%CERT%".to_owned(),
    ];
    let lines: Vec<_> = setup.iter().map(String::as_str).collect();
    let told = transcript(&world, &id, &lines).await;
    assert_eq!(told.lines().filter(|line| line.starts_with("    200")).count(), setup.len(), "{told}");

    let test = |query: &str, infos: &str, more: &str| {
        format!(r#"POST /test-authorization{query} {{"principal":"%CERT%","authInfos":[{infos}]{more}}}"#)
    };
    let info = |action: &str, resources: &[&str]| {
        let resources: Vec<_> = resources.iter().map(|resource| format!("\"{arn}:{resource}\"")).collect();
        format!(r#"{{"actionType":"{action}","resources":[{}]}}"#, resources.join(","))
    };
    let lines = [
        test(
            "?clientId=pump-7",
            &format!("{},{}", info("CONNECT", &["client/pump-7"]), info("PUBLISH", &["topic/pump-7/a", "topic/x"])),
            "",
        ),
        test("?clientId=pump-8", &info("PUBLISH", &["topic/pump-7/a"]), ""),
        test("?clientId=pump-7", &info("SUBSCRIBE", &["topicfilter/x"]), ""),
        test("?clientId=pump-7", &info("PUBLISH", &["topic/pump-7/secret"]), r#","policyNamesToAdd":["no"]"#),
        test("?clientId=pump-7", &info("RECEIVE", &["topic/pump-7/a"]), r#","policyNamesToSkip":["own"]"#),
        format!(
            r#"POST /test-authorization {{"policyNamesToAdd":["no"],"authInfos":[{}]}}"#,
            info("PUBLISH", &["topic/pump-7/secret"])
        ),
        test("", &info("PUBLISH", &["topic/a"]), r#","policyNamesToAdd":["none"]"#),
        test("", r#"{"resources":["*"]}"#, ""),
        test("", r#"{"actionType":"PUBLISH","resources":["topic/a"]}"#, ""),
        test("", r#"{"actionType":"FLY","resources":["*"]}"#, ""),
        test("", "", ""),
        format!(r#"POST /test-authorization {{"authInfos":[{}]}}"#, info("PUBLISH", &["topic/a"])),
        format!(
            r#"POST /test-authorization {{"principal":"{arn}:thinggroup/plant","authInfos":[{}]}}"#,
            info("PUBLISH", &["topic/a"])
        ),
        test("", &info("PUBLISH", &["topic/a"]), r#","cognitoIdentityPoolId":"pool""#),
        r#"POST /effective-policies?thingName=pump-7 {"principal":"%CERT%"}"#.to_owned(),
        "POST /effective-policies?thingName=pump-7 {}".to_owned(),
        "POST /effective-policies {}".to_owned(),
        "POST /effective-policies?thingName=none {}".to_owned(),
        r#"POST /effective-policies {"cognitoIdentityPoolId":"pool"}"#.to_owned(),
    ];
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    expect![[r#"
        POST /test-authorization?clientId=pump-7 {"principal":"%CERT%","authInfos":[{"actionType":"CONNECT","resources":["arn:aws:iot:eu-north-1:000000000000:client/pump-7"]},{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/pump-7/a","arn:aws:iot:eu-north-1:000000000000:topic/x"]}]}
            200 {"authResults":[{"authInfo":{"actionType":"CONNECT","resources":["arn:aws:iot:eu-north-1:000000000000:client/pump-7"]},"allowed":{"policies":[{"policyName":"own","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/own"}]},"denied":{"implicitDeny":{"policies":[{"policyName":"home","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/home"}]},"explicitDeny":{"policies":[]}},"authDecision":"ALLOWED","missingContextValues":[]},{"authInfo":{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/pump-7/a","arn:aws:iot:eu-north-1:000000000000:topic/x"]},"allowed":{"policies":[{"policyName":"own","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/own"}]},"denied":{"implicitDeny":{"policies":[{"policyName":"home","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/home"},{"policyName":"own","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/own"}]},"explicitDeny":{"policies":[]}},"authDecision":"IMPLICIT_DENY","missingContextValues":[]}]}
        POST /test-authorization?clientId=pump-8 {"principal":"%CERT%","authInfos":[{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/pump-7/a"]}]}
            200 {"authResults":[{"authInfo":{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/pump-7/a"]},"allowed":{"policies":[]},"denied":{"implicitDeny":{"policies":[{"policyName":"own","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/own"}]},"explicitDeny":{"policies":[]}},"authDecision":"IMPLICIT_DENY","missingContextValues":["iot:Connection.Thing.ThingName"]}]}
        POST /test-authorization?clientId=pump-7 {"principal":"%CERT%","authInfos":[{"actionType":"SUBSCRIBE","resources":["arn:aws:iot:eu-north-1:000000000000:topicfilter/x"]}]}
            200 {"authResults":[{"authInfo":{"actionType":"SUBSCRIBE","resources":["arn:aws:iot:eu-north-1:000000000000:topicfilter/x"]},"allowed":{"policies":[]},"denied":{"implicitDeny":{"policies":[{"policyName":"home","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/home"},{"policyName":"own","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/own"}]},"explicitDeny":{"policies":[]}},"authDecision":"IMPLICIT_DENY","missingContextValues":["aws:SourceIp"]}]}
        POST /test-authorization?clientId=pump-7 {"principal":"%CERT%","authInfos":[{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/pump-7/secret"]}],"policyNamesToAdd":["no"]}
            200 {"authResults":[{"authInfo":{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/pump-7/secret"]},"allowed":{"policies":[{"policyName":"own","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/own"}]},"denied":{"implicitDeny":{"policies":[{"policyName":"home","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/home"}]},"explicitDeny":{"policies":[{"policyName":"no","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/no"}]}},"authDecision":"EXPLICIT_DENY","missingContextValues":[]}]}
        POST /test-authorization?clientId=pump-7 {"principal":"%CERT%","authInfos":[{"actionType":"RECEIVE","resources":["arn:aws:iot:eu-north-1:000000000000:topic/pump-7/a"]}],"policyNamesToSkip":["own"]}
            200 {"authResults":[{"authInfo":{"actionType":"RECEIVE","resources":["arn:aws:iot:eu-north-1:000000000000:topic/pump-7/a"]},"allowed":{"policies":[]},"denied":{"implicitDeny":{"policies":[{"policyName":"home","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/home"}]},"explicitDeny":{"policies":[]}},"authDecision":"IMPLICIT_DENY","missingContextValues":[]}]}
        POST /test-authorization {"policyNamesToAdd":["no"],"authInfos":[{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/pump-7/secret"]}]}
            200 {"authResults":[{"authInfo":{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/pump-7/secret"]},"allowed":{"policies":[]},"denied":{"implicitDeny":{"policies":[]},"explicitDeny":{"policies":[{"policyName":"no","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/no"}]}},"authDecision":"EXPLICIT_DENY","missingContextValues":[]}]}
        POST /test-authorization {"principal":"%CERT%","authInfos":[{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/a"]}],"policyNamesToAdd":["none"]}
            404 {"message":"Policy none not found"} ResourceNotFoundException
        POST /test-authorization {"principal":"%CERT%","authInfos":[{"resources":["*"]}]}
            400 {"message":"An actionType is needed"} InvalidRequestException
        POST /test-authorization {"principal":"%CERT%","authInfos":[{"actionType":"PUBLISH","resources":["topic/a"]}]}
            400 {"message":"Invalid resource: topic/a is not an ARN"} InvalidRequestException
        POST /test-authorization {"principal":"%CERT%","authInfos":[{"actionType":"FLY","resources":["*"]}]}
            400 {"message":"1 validation error detected: Value 'FLY' at 'authInfos.1.member.actionType' failed to satisfy constraint: Member must satisfy enum value set: [PUBLISH, SUBSCRIBE, RECEIVE, CONNECT]"} InvalidRequestException
        POST /test-authorization {"principal":"%CERT%","authInfos":[]}
            400 {"message":"1 validation error detected: Value '[]' at 'authInfos' failed to satisfy constraint: Member must have length greater than or equal to 1"} InvalidRequestException
        POST /test-authorization {"authInfos":[{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/a"]}]}
            400 {"message":"A principal is needed"} InvalidRequestException
        POST /test-authorization {"principal":"arn:aws:iot:eu-north-1:000000000000:thinggroup/plant","authInfos":[{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/a"]}]}
            400 {"message":"Invalid principal: arn:aws:iot:eu-north-1:000000000000:thinggroup/plant is not a certificate's ARN"} InvalidRequestException
        POST /test-authorization {"principal":"%CERT%","authInfos":[{"actionType":"PUBLISH","resources":["arn:aws:iot:eu-north-1:000000000000:topic/a"]}],"cognitoIdentityPoolId":"pool"}
            400 {"message":"Cognito identities are not offered: pool is no identity pool here"} InvalidRequestException
        POST /effective-policies?thingName=pump-7 {"principal":"%CERT%"}
            200 {"effectivePolicies":[{"policyName":"home","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/home","policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:Subscribe\",\"Resource\":\"*\",\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}}]}"},{"policyName":"own","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/own","policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":[\"arn:aws:iot:eu-north-1:000000000000:client/${iot:ClientId}\",\"arn:aws:iot:eu-north-1:000000000000:topic/${iot:Connection.Thing.ThingName}/*\"]}]}"}]}
        POST /effective-policies?thingName=pump-7 {}
            200 {"effectivePolicies":[{"policyName":"home","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/home","policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:Subscribe\",\"Resource\":\"*\",\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}}]}"}]}
        POST /effective-policies {}
            400 {"message":"Either a principal or a thing name is needed"} InvalidRequestException
        POST /effective-policies?thingName=none {}
            404 {"message":"Thing none not found"} ResourceNotFoundException
        POST /effective-policies {"cognitoIdentityPoolId":"pool"}
            400 {"message":"Cognito identities are not offered: pool is no identity pool here"} InvalidRequestException
    "#]].assert_eq(&transcript(&world, &id, &lines).await);
}
