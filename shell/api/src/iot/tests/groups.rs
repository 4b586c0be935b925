//! Thing types, thing groups and billing groups as transcripts.
use expect_test::expect;
use sekisho_identity::{DEVICE_CERTIFICATE_NOT_AFTER, DistinguishedName, Lifetime, SigningKey, issue_ca};
use sekisho_registry::RegistryError;
use sekisho_types::Secret;

use super::super::commit;
use super::transcript;
use crate::testing::{NOW, World};

/// Of transcripts in which no certificate occurs.
const NO_ID: &str = "no certificate";

#[tokio::test]
async fn thing_types() {
    let told = transcript(&World::new(), NO_ID, &[
        r#"POST /thing-types/pump {"thingTypeProperties":{"thingTypeDescription":"Pumps (all).","searchableAttributes":["site"]},"tags":[{"Key":"team","Value":"blue"}]}"#,
        r#"POST /thing-types/pump {"thingTypeProperties":{"searchableAttributes":["line"]}}"#,
        r#"POST /thing-types/valve {"thingTypeProperties":{"mqtt5Configuration":{"propagatingAttributes":[{"userPropertyKey":"a","thingAttribute":"b"}]}}}"#,
        "POST /thing-types/valve {}",
        "GET /thing-types/pump",
        "GET /thing-types?maxResults=1",
        "GET /thing-types?thingTypeName=valve",
        r#"PATCH /thing-types/valve {"thingTypeProperties":{"thingTypeDescription":"Valves"}}"#,
        r#"POST /things/pump-7 {"thingTypeName":"pump","attributePayload":{"attributes":{"a":"1","b":"2","c":"3","d":"4"}}}"#,
        r#"PATCH /things/pump-7 {"removeThingType":true}"#,
        "GET /things/pump-7",
        "GET /things?thingTypeName=pump",
        "POST /thing-types/valve/deprecate {}",
        "GET /thing-types/valve",
        r#"POST /things/valve-1 {"thingTypeName":"valve"}"#,
        "DELETE /thing-types/valve",
        "DELETE /thing-types/pump",
        r#"POST /thing-types/valve/deprecate {"undoDeprecate":true}"#,
        "DELETE /thing-types/absent",
        "GET /tags?resourceArn=arn:aws:iot:eu-north-1:000000000000:thingtype/pump",
    ]).await;
    expect![[r#"
        POST /thing-types/pump {"thingTypeProperties":{"thingTypeDescription":"Pumps (all).","searchableAttributes":["site"]},"tags":[{"Key":"team","Value":"blue"}]}
            200 {"thingTypeName":"pump","thingTypeArn":"arn:aws:iot:eu-north-1:000000000000:thingtype/pump","thingTypeId":"UUID"}
        POST /thing-types/pump {"thingTypeProperties":{"searchableAttributes":["line"]}}
            409 {"message":"Thing type pump already exists in account with different properties","resourceId":"UUID","resourceArn":"arn:aws:iot:eu-north-1:000000000000:thingtype/pump"} ResourceAlreadyExistsException
        POST /thing-types/valve {"thingTypeProperties":{"mqtt5Configuration":{"propagatingAttributes":[{"userPropertyKey":"a","thingAttribute":"b"}]}}}
            400 {"message":"mqtt5Configuration: propagating attributes are not supported"} InvalidRequestException
        POST /thing-types/valve {}
            200 {"thingTypeName":"valve","thingTypeArn":"arn:aws:iot:eu-north-1:000000000000:thingtype/valve","thingTypeId":"UUID"}
        GET /thing-types/pump
            200 {"thingTypeName":"pump","thingTypeArn":"arn:aws:iot:eu-north-1:000000000000:thingtype/pump","thingTypeProperties":{"thingTypeDescription":"Pumps (all).","searchableAttributes":["site"]},"thingTypeMetadata":{"deprecated":false,"creationDate":1369353600.0},"thingTypeId":"UUID"}
        GET /thing-types?maxResults=1
            200 {"thingTypes":[{"thingTypeName":"pump","thingTypeArn":"arn:aws:iot:eu-north-1:000000000000:thingtype/pump","thingTypeProperties":{"thingTypeDescription":"Pumps (all).","searchableAttributes":["site"]},"thingTypeMetadata":{"deprecated":false,"creationDate":1369353600.0}}],"nextToken":"cHVtcA"}
        GET /thing-types?thingTypeName=valve
            200 {"thingTypes":[{"thingTypeName":"valve","thingTypeArn":"arn:aws:iot:eu-north-1:000000000000:thingtype/valve","thingTypeProperties":{},"thingTypeMetadata":{"deprecated":false,"creationDate":1369353600.0}}]}
        PATCH /thing-types/valve {"thingTypeProperties":{"thingTypeDescription":"Valves"}}
            200 {}
        POST /things/pump-7 {"thingTypeName":"pump","attributePayload":{"attributes":{"a":"1","b":"2","c":"3","d":"4"}}}
            200 {"thingName":"pump-7","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","thingId":"UUID"}
        PATCH /things/pump-7 {"removeThingType":true}
            400 {"message":"A thing without a thing type can have at most 3 attributes"} InvalidRequestException
        GET /things/pump-7
            200 {"defaultClientId":"pump-7","thingName":"pump-7","thingId":"UUID","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","attributes":{"a":"1","b":"2","c":"3","d":"4"},"version":1,"thingTypeName":"pump"}
        GET /things?thingTypeName=pump
            200 {"things":[{"thingName":"pump-7","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","attributes":{"a":"1","b":"2","c":"3","d":"4"},"version":1,"thingTypeName":"pump"}]}
        POST /thing-types/valve/deprecate {}
            200 {}
        GET /thing-types/valve
            200 {"thingTypeName":"valve","thingTypeArn":"arn:aws:iot:eu-north-1:000000000000:thingtype/valve","thingTypeProperties":{"thingTypeDescription":"Valves"},"thingTypeMetadata":{"deprecated":true,"creationDate":1369353600.0,"deprecationDate":1369353600.0},"thingTypeId":"UUID"}
        POST /things/valve-1 {"thingTypeName":"valve"}
            400 {"message":"Thing type valve is deprecated and cannot be given to a thing"} InvalidRequestException
        DELETE /thing-types/valve
            400 {"message":"Cannot delete thing type valve. Please wait for 5 minutes after deprecation and then retry"} InvalidRequestException
        DELETE /thing-types/pump
            400 {"message":"Cannot delete thing type pump. It must be deprecated first"} InvalidRequestException
        POST /thing-types/valve/deprecate {"undoDeprecate":true}
            200 {}
        DELETE /thing-types/absent
            404 {"message":"Thing type absent not found"} ResourceNotFoundException
        GET /tags?resourceArn=arn:aws:iot:eu-north-1:000000000000:thingtype/pump
            200 {"tags":[{"Key":"team","Value":"blue"}]}
    "#]].assert_eq(&told);
}

#[tokio::test]
async fn thing_groups() {
    let world = World::new();
    let told = transcript(&world, NO_ID, &[
        r#"POST /thing-groups/plant {"thingGroupProperties":{"thingGroupDescription":"The plant","attributePayload":{"attributes":{"site":"a"}}},"tags":[{"Key":"team","Value":"blue"}]}"#,
        r#"POST /thing-groups/hall {"parentGroupName":"plant"}"#,
        r#"POST /thing-groups/hall {}"#,
        r#"POST /thing-groups/line {"parentGroupName":"hall"}"#,
        r#"POST /thing-groups/owner {}"#,
        "GET /thing-groups/plant",
        "GET /thing-groups/line",
        r#"PATCH /thing-groups/plant {"thingGroupProperties":{"attributePayload":{"attributes":{"line":"4"},"merge":true}},"expectedVersion":1}"#,
        r#"PATCH /thing-groups/plant {"thingGroupProperties":{},"expectedVersion":1}"#,
        "GET /thing-groups?maxResults=3",
        "GET /thing-groups?recursive=false",
        "GET /thing-groups?parentGroup=plant&recursive=true&namePrefixFilter=l",
        "POST /things/pump-7 {}",
        r#"PUT /thing-groups/addThingToThingGroup {"thingGroupName":"line","thingName":"pump-7"}"#,
        r#"PUT /thing-groups/addThingToThingGroup {"thingGroupName":"plant","thingName":"pump-7"}"#,
        r#"PUT /thing-groups/addThingToThingGroup {"thingGroupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/owner","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","overrideDynamicGroups":false}"#,
        r#"PUT /thing-groups/addThingToThingGroup {"thingName":"pump-7"}"#,
        "GET /things/pump-7/thing-groups",
        "GET /thing-groups/plant/things?recursive=true",
        "GET /thing-groups/plant/things",
        r#"PUT /thing-groups/updateThingGroupsForThing {"thingName":"pump-7","thingGroupsToAdd":["hall"],"thingGroupsToRemove":["line","owner"]}"#,
        "GET /things/pump-7/thing-groups",
        r#"POST /policies/p {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}"}"#,
        r#"PUT /target-policies/p {"target":"arn:aws:iot:eu-north-1:000000000000:thinggroup/plant"}"#,
        "POST /attached-policies/arn%3Aaws%3Aiot%3Aeu-north-1%3A000000000000%3Athinggroup%2Fhall?recursive=true",
        "POST /attached-policies/arn%3Aaws%3Aiot%3Aeu-north-1%3A000000000000%3Athinggroup%2Fhall",
        "POST /policy-targets/p",
        "GET /policy-principals@x-amzn-iot-policy=p",
        "DELETE /policies/p",
        r#"POST /target-policies/p {"target":"arn:aws:iot:eu-north-1:000000000000:thinggroup/plant"}"#,
        "DELETE /policies/p",
        r#"PUT /thing-groups/removeThingFromThingGroup {"thingGroupName":"hall","thingName":"pump-7"}"#,
        "DELETE /thing-groups/hall",
        "DELETE /thing-groups/line?expectedVersion=2",
        "DELETE /thing-groups/line?expectedVersion=1",
        "DELETE /thing-groups/line",
        "GET /thing-groups/line",
        "GET /tags?resourceArn=arn:aws:iot:eu-north-1:000000000000:thinggroup/plant",
    ]).await;
    expect![[r#"
        POST /thing-groups/plant {"thingGroupProperties":{"thingGroupDescription":"The plant","attributePayload":{"attributes":{"site":"a"}}},"tags":[{"Key":"team","Value":"blue"}]}
            200 {"thingGroupName":"plant","thingGroupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/plant","thingGroupId":"UUID"}
        POST /thing-groups/hall {"parentGroupName":"plant"}
            200 {"thingGroupName":"hall","thingGroupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/hall","thingGroupId":"UUID"}
        POST /thing-groups/hall {}
            409 {"message":"Thing group hall already exists in account with different properties","resourceId":"UUID","resourceArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/hall"} ResourceAlreadyExistsException
        POST /thing-groups/line {"parentGroupName":"hall"}
            200 {"thingGroupName":"line","thingGroupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/line","thingGroupId":"UUID"}
        POST /thing-groups/owner {}
            200 {"thingGroupName":"owner","thingGroupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/owner","thingGroupId":"UUID"}
        GET /thing-groups/plant
            200 {"thingGroupName":"plant","thingGroupId":"UUID","thingGroupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/plant","version":1,"thingGroupProperties":{"thingGroupDescription":"The plant","attributePayload":{"attributes":{"site":"a"}}},"thingGroupMetadata":{"creationDate":1369353600.0}}
        GET /thing-groups/line
            200 {"thingGroupName":"line","thingGroupId":"UUID","thingGroupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/line","version":1,"thingGroupProperties":{},"thingGroupMetadata":{"creationDate":1369353600.0,"parentGroupName":"hall","rootToParentThingGroups":[{"groupName":"plant","groupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/plant"},{"groupName":"hall","groupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/hall"}]}}
        PATCH /thing-groups/plant {"thingGroupProperties":{"attributePayload":{"attributes":{"line":"4"},"merge":true}},"expectedVersion":1}
            200 {"version":2}
        PATCH /thing-groups/plant {"thingGroupProperties":{},"expectedVersion":1}
            409 {"message":"The version for thing group plant does not match the expected version."} VersionConflictException
        GET /thing-groups?maxResults=3
            200 {"thingGroups":[{"groupName":"hall","groupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/hall"},{"groupName":"line","groupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/line"},{"groupName":"owner","groupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/owner"}],"nextToken":"b3duZXI"}
        GET /thing-groups?recursive=false
            200 {"thingGroups":[{"groupName":"owner","groupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/owner"},{"groupName":"plant","groupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/plant"}]}
        GET /thing-groups?parentGroup=plant&recursive=true&namePrefixFilter=l
            200 {"thingGroups":[{"groupName":"line","groupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/line"}]}
        POST /things/pump-7 {}
            200 {"thingName":"pump-7","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","thingId":"UUID"}
        PUT /thing-groups/addThingToThingGroup {"thingGroupName":"line","thingName":"pump-7"}
            200 {}
        PUT /thing-groups/addThingToThingGroup {"thingGroupName":"plant","thingName":"pump-7"}
            400 {"message":"Thing pump-7 cannot be added to thing group plant: it is in line, of the same hierarchy"} InvalidRequestException
        PUT /thing-groups/addThingToThingGroup {"thingGroupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/owner","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","overrideDynamicGroups":false}
            200 {}
        PUT /thing-groups/addThingToThingGroup {"thingName":"pump-7"}
            400 {"message":"Either the name or the ARN of the thinggroup must be given"} InvalidRequestException
        GET /things/pump-7/thing-groups
            200 {"thingGroups":[{"groupName":"line","groupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/line"},{"groupName":"owner","groupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/owner"}]}
        GET /thing-groups/plant/things?recursive=true
            200 {"things":["pump-7"]}
        GET /thing-groups/plant/things
            200 {"things":[]}
        PUT /thing-groups/updateThingGroupsForThing {"thingName":"pump-7","thingGroupsToAdd":["hall"],"thingGroupsToRemove":["line","owner"]}
            200 {}
        GET /things/pump-7/thing-groups
            200 {"thingGroups":[{"groupName":"hall","groupArn":"arn:aws:iot:eu-north-1:000000000000:thinggroup/hall"}]}
        POST /policies/p {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}"}
            200 {"policyName":"p","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/p","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}","policyVersionId":"1"}
        PUT /target-policies/p {"target":"arn:aws:iot:eu-north-1:000000000000:thinggroup/plant"}
            200 {}
        POST /attached-policies/arn%3Aaws%3Aiot%3Aeu-north-1%3A000000000000%3Athinggroup%2Fhall?recursive=true
            200 {"policies":[{"policyName":"p","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/p"}]}
        POST /attached-policies/arn%3Aaws%3Aiot%3Aeu-north-1%3A000000000000%3Athinggroup%2Fhall
            200 {"policies":[]}
        POST /policy-targets/p
            200 {"targets":["arn:aws:iot:eu-north-1:000000000000:thinggroup/plant"]}
        GET /policy-principals@x-amzn-iot-policy=p
            200 {"principals":[]}
        DELETE /policies/p
            409 {"message":"The policy cannot be deleted as the policy is attached to one or more principals (name=p)"} DeleteConflictException
        POST /target-policies/p {"target":"arn:aws:iot:eu-north-1:000000000000:thinggroup/plant"}
            200 {}
        DELETE /policies/p
            200 {}
        PUT /thing-groups/removeThingFromThingGroup {"thingGroupName":"hall","thingName":"pump-7"}
            200 {}
        DELETE /thing-groups/hall
            400 {"message":"Cannot delete thing group : hall when there are still child groups attached to it"} InvalidRequestException
        DELETE /thing-groups/line?expectedVersion=2
            409 {"message":"The version for thing group line does not match the expected version."} VersionConflictException
        DELETE /thing-groups/line?expectedVersion=1
            200 {}
        DELETE /thing-groups/line
            200 {}
        GET /thing-groups/line
            404 {"message":"Thing group line not found"} ResourceNotFoundException
        GET /tags?resourceArn=arn:aws:iot:eu-north-1:000000000000:thinggroup/plant
            200 {"tags":[{"Key":"team","Value":"blue"}]}
    "#]].assert_eq(&told);
}

#[tokio::test]
async fn billing_groups_and_search() {
    let told = transcript(&World::new(), NO_ID, &[
        r#"POST /billing-groups/payer {"billingGroupProperties":{"billingGroupDescription":"Who pays"},"tags":[{"Key":"team","Value":"blue"}]}"#,
        r#"POST /billing-groups/payer {}"#,
        "GET /billing-groups/payer",
        r#"PATCH /billing-groups/payer {"billingGroupProperties":{"billingGroupDescription":"Who paid"},"expectedVersion":1}"#,
        r#"PATCH /billing-groups/payer {"billingGroupProperties":{},"expectedVersion":1}"#,
        "POST /billing-groups/other {}",
        "GET /billing-groups?namePrefixFilter=p",
        r#"POST /things/pump-7 {"billingGroupName":"absent"}"#,
        r#"POST /things/pump-7 {"billingGroupName":"payer","attributePayload":{"attributes":{"site":"a"}}}"#,
        "POST /things/pump-8 {}",
        "GET /things/pump-7",
        r#"PUT /billing-groups/addThingToBillingGroup {"billingGroupName":"payer","thingName":"pump-8"}"#,
        "GET /billing-groups/payer/things?maxResults=1",
        r#"PUT /billing-groups/addThingToBillingGroup {"billingGroupName":"other","thingName":"pump-8"}"#,
        r#"PUT /billing-groups/removeThingFromBillingGroup {"billingGroupName":"other","thingName":"pump-8"}"#,
        "GET /things/pump-8",
        r#"POST /indices/search {"queryString":"attributes.site:a AND thingName:pump*"}"#,
        r#"POST /indices/search {"queryString":"*","maxResults":1}"#,
        r#"POST /indices/search {"queryString":"*","indexName":"AWS_Things","nextToken":"cHVtcC03","queryVersion":"2017-09-30"}"#,
        r#"POST /indices/search {"queryString":"thingName:a OR thingName:b"}"#,
        r#"POST /indices/search {"queryString":"*","indexName":"AWS_ThingGroups"}"#,
        r#"POST /indices/search {"queryString":"*","queryVersion":"2016-01-01"}"#,
        r#"POST /indices/search {"queryString":"*","maxResults":101}"#,
        "DELETE /billing-groups/payer?expectedVersion=1",
        "DELETE /billing-groups/payer",
        "DELETE /billing-groups/payer",
        "GET /billing-groups/payer",
    ]).await;
    expect![[r#"
        POST /billing-groups/payer {"billingGroupProperties":{"billingGroupDescription":"Who pays"},"tags":[{"Key":"team","Value":"blue"}]}
            200 {"billingGroupName":"payer","billingGroupArn":"arn:aws:iot:eu-north-1:000000000000:billinggroup/payer","billingGroupId":"UUID"}
        POST /billing-groups/payer {}
            409 {"message":"Billing group payer already exists in account with different properties","resourceId":"UUID","resourceArn":"arn:aws:iot:eu-north-1:000000000000:billinggroup/payer"} ResourceAlreadyExistsException
        GET /billing-groups/payer
            200 {"billingGroupName":"payer","billingGroupId":"UUID","billingGroupArn":"arn:aws:iot:eu-north-1:000000000000:billinggroup/payer","version":1,"billingGroupProperties":{"billingGroupDescription":"Who pays"},"billingGroupMetadata":{"creationDate":1369353600.0}}
        PATCH /billing-groups/payer {"billingGroupProperties":{"billingGroupDescription":"Who paid"},"expectedVersion":1}
            200 {"version":2}
        PATCH /billing-groups/payer {"billingGroupProperties":{},"expectedVersion":1}
            409 {"message":"The version for billing group payer does not match the expected version."} VersionConflictException
        POST /billing-groups/other {}
            200 {"billingGroupName":"other","billingGroupArn":"arn:aws:iot:eu-north-1:000000000000:billinggroup/other","billingGroupId":"UUID"}
        GET /billing-groups?namePrefixFilter=p
            200 {"billingGroups":[{"groupName":"payer","groupArn":"arn:aws:iot:eu-north-1:000000000000:billinggroup/payer"}]}
        POST /things/pump-7 {"billingGroupName":"absent"}
            404 {"message":"Billing group absent not found"} ResourceNotFoundException
        POST /things/pump-7 {"billingGroupName":"payer","attributePayload":{"attributes":{"site":"a"}}}
            200 {"thingName":"pump-7","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","thingId":"UUID"}
        POST /things/pump-8 {}
            200 {"thingName":"pump-8","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-8","thingId":"UUID"}
        GET /things/pump-7
            200 {"defaultClientId":"pump-7","thingName":"pump-7","thingId":"UUID","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-7","attributes":{"site":"a"},"version":1,"billingGroupName":"payer"}
        PUT /billing-groups/addThingToBillingGroup {"billingGroupName":"payer","thingName":"pump-8"}
            200 {}
        GET /billing-groups/payer/things?maxResults=1
            200 {"things":["pump-7"],"nextToken":"cHVtcC03"}
        PUT /billing-groups/addThingToBillingGroup {"billingGroupName":"other","thingName":"pump-8"}
            200 {}
        PUT /billing-groups/removeThingFromBillingGroup {"billingGroupName":"other","thingName":"pump-8"}
            200 {}
        GET /things/pump-8
            200 {"defaultClientId":"pump-8","thingName":"pump-8","thingId":"UUID","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/pump-8","attributes":{},"version":1}
        POST /indices/search {"queryString":"attributes.site:a AND thingName:pump*"}
            200 {"things":[{"thingName":"pump-7","thingId":"UUID","thingGroupNames":["payer"],"attributes":{"site":"a"}}]}
        POST /indices/search {"queryString":"*","maxResults":1}
            200 {"things":[{"thingName":"pump-7","thingId":"UUID","thingGroupNames":["payer"],"attributes":{"site":"a"}}],"nextToken":"cHVtcC03"}
        POST /indices/search {"queryString":"*","indexName":"AWS_Things","nextToken":"cHVtcC03","queryVersion":"2017-09-30"}
            200 {"things":[{"thingName":"pump-8","thingId":"UUID","thingGroupNames":[],"attributes":{}}]}
        POST /indices/search {"queryString":"thingName:a OR thingName:b"}
            400 {"message":"`OR` is not understood: a query is thingName:, thingTypeName:, thingGroupNames: and attributes.<name>: joined by AND"} InvalidQueryException
        POST /indices/search {"queryString":"*","indexName":"AWS_ThingGroups"}
            404 {"message":"Index AWS_ThingGroups not found"} ResourceNotFoundException
        POST /indices/search {"queryString":"*","queryVersion":"2016-01-01"}
            400 {"message":"queryVersion 2016-01-01 is not supported: it is 2017-09-30"} InvalidQueryException
        POST /indices/search {"queryString":"*","maxResults":101}
            400 {"message":"maxResults 101 is more than 100"} InvalidRequestException
        DELETE /billing-groups/payer?expectedVersion=1
            409 {"message":"The version for billing group payer does not match the expected version."} VersionConflictException
        DELETE /billing-groups/payer
            200 {}
        DELETE /billing-groups/payer
            200 {}
        GET /billing-groups/payer
            404 {"message":"Billing group payer not found"} ResourceNotFoundException
    "#]].assert_eq(&told);
}

#[tokio::test]
async fn principals_by_their_old_and_second_names() {
    let world = World::new();
    let pair = aws_lc_rs::signature::EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING);
    let pkcs8 = Secret::new(pair.unwrap().to_pkcs8v1().unwrap().as_ref().to_vec());
    let (key, name) = (SigningKey::from_pkcs8(&pkcs8).unwrap(), DistinguishedName::common_name("device"));
    let lifetime = Lifetime::until(NOW, DEVICE_CERTIFICATE_NOT_AFTER);
    let mut random = world.app.state.random();
    let der = issue_ca(&key, &name, lifetime, &mut random).unwrap();
    let registered = commit(&world.app, |registry| {
        let (events, certificate) = registry.add_issued_certificate(NOW, &der, true, &mut random)?;
        Ok::<_, RegistryError>((events, certificate.certificate_id.to_string()))
    });
    let id = registered.await.unwrap();
    let told = transcript(&world, &id, &[
        "POST /things/a {}",
        r#"POST /policies/p {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}"}"#,
        "PUT /things/a/principals?thingPrincipalType=EXCLUSIVE_THING@x-amzn-principal=%CERT%",
        r#"PUT /target-policies/p {"target":"%CERT%"}"#,
        "GET /principal-policies@x-amzn-iot-principal=%CERT%",
        "GET /principal-policies@x-amzn-iot-principal=nobody",
        "GET /policy-principals?isAscendingOrder=true@x-amzn-iot-policy=p",
        "GET /policy-principals@x-amzn-iot-policy=q",
        "GET /things/a/principals-v2",
        "GET /things/a/principals-v2?thingPrincipalType=NON_EXCLUSIVE_THING",
        "GET /principals/things-v2@x-amzn-principal=%CERT%",
        "GET /principals/things-v2?thingPrincipalType=NON_EXCLUSIVE_THING@x-amzn-principal=%CERT%",
    ]).await;
    expect![[r#"
        POST /things/a {}
            200 {"thingName":"a","thingArn":"arn:aws:iot:eu-north-1:000000000000:thing/a","thingId":"UUID"}
        POST /policies/p {"policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}"}
            200 {"policyName":"p","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/p","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}","policyVersionId":"1"}
        PUT /things/a/principals?thingPrincipalType=EXCLUSIVE_THING@x-amzn-principal=%CERT%
            200 {}
        PUT /target-policies/p {"target":"%CERT%"}
            200 {}
        GET /principal-policies@x-amzn-iot-principal=%CERT%
            200 {"policies":[{"policyName":"p","policyArn":"arn:aws:iot:eu-north-1:000000000000:policy/p"}]}
        GET /principal-policies@x-amzn-iot-principal=nobody
            400 {"message":"Invalid principal: nobody is not a certificate's ARN"} InvalidRequestException
        GET /policy-principals?isAscendingOrder=true@x-amzn-iot-policy=p
            200 {"principals":["arn:aws:iot:eu-north-1:000000000000:cert/ID"]}
        GET /policy-principals@x-amzn-iot-policy=q
            404 {"message":"Policy q not found"} ResourceNotFoundException
        GET /things/a/principals-v2
            200 {"thingPrincipalObjects":[{"principal":"arn:aws:iot:eu-north-1:000000000000:cert/ID","thingPrincipalType":"EXCLUSIVE_THING"}]}
        GET /things/a/principals-v2?thingPrincipalType=NON_EXCLUSIVE_THING
            200 {"thingPrincipalObjects":[]}
        GET /principals/things-v2@x-amzn-principal=%CERT%
            200 {"principalThingObjects":[{"thingName":"a","thingPrincipalType":"EXCLUSIVE_THING"}]}
        GET /principals/things-v2?thingPrincipalType=NON_EXCLUSIVE_THING@x-amzn-principal=%CERT%
            200 {"principalThingObjects":[]}
    "#]].assert_eq(&told);
}
