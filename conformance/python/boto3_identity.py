"""boto3 iot: authorities, certificates, transfers, templates, claims, RegisterThing and bulk registration, each refusal by AWS's
name and status."""
import json
import os
import re
import subprocess
import time
import urllib.request

import boto3
from peers import refused as refused_with_name

iot, s3 = boto3.client("iot"), boto3.client("s3")
ARN = "arn:aws:iot:us-east-1:000000000000"
ROLE = "arn:aws:iam::000000000000:role/provisioning"
NOBODY = "0" * 64
STATUS = {"CertificateStateException": 406, "ResourceNotFoundException": 404, "LimitExceededException": 410} | dict.fromkeys((
    "ResourceAlreadyExistsException", "CertificateConflictException", "DeleteConflictException", "VersionsLimitExceededException",
    "TransferConflictException", "ConflictingResourceUpdateException"), 409)  # everything else: 400


def refused(name, call, **arguments):
    response = refused_with_name(name, call, **arguments)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == STATUS.get(name, 400), response
    assert response["Error"]["Message"], response
    return response


def openssl(arguments):
    subprocess.run(["openssl", *arguments.split(" ")], check=True, capture_output=True)


def text(path):
    with open(path) as file:
        return file.read()


def key(name, curve="prime256v1"):
    openssl(f"ecparam -name {curve} -genkey -noout -out {name}.key")


def ca(name, subject, key_of=None, more="-days 30"):
    """A self-signed CA at NAME.pem, by a key of its own or by another's."""
    if key_of is None:
        key(name)
    openssl(f"req -x509 -new -key {key_of or name}.key -sha256 {more} -subj {subject} -out {name}.pem")
    return text(f"{name}.pem")


def leaf(name, common_name, issuer, issuer_key=None, more="-days 30"):
    """A certificate at NAME.pem, signed by a CA."""
    if not os.path.exists(f"{name}.key"):
        key(name)
    openssl(f"req -new -key {name}.key -subj /O=Example/CN={common_name} -out {name}.csr")
    openssl(f"x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer_key or issuer}.key -CAcreateserial -sha256 {more} -out {name}.pem")
    return text(f"{name}.pem")


# The registration code
early_ca, code = ca("early", "/CN=Early"), "1" * 64
refused("RegistrationCodeValidationException", iot.register_ca_certificate, caCertificate=early_ca, verificationCertificate=leaf("v0", code, "early"))
code = iot.get_registration_code()["registrationCode"]
assert len(code) == 64 and iot.get_registration_code()["registrationCode"] == code
iot.delete_registration_code()
assert iot.get_registration_code()["registrationCode"] != code
old_code, code = code, iot.get_registration_code()["registrationCode"]

# RegisterCACertificate
root = ca("root", "/O=Example/CN=Root")
ca("other", "/O=Example/CN=Other")
proof = leaf("proof", code, "root")
register_ca = iot.register_ca_certificate
for name, verification in (
        ("RegistrationCodeValidationException", leaf("wrong-name", "pump-7", "root")),
        ("RegistrationCodeValidationException", leaf("old-code", old_code, "root")),
        ("CertificateValidationException", leaf("by-other", code, "other")),
        ("CertificateValidationException", ca("self", f"/CN={code}")),
        ("CertificateValidationException", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("CertificateValidationException", leaf("expired-proof", code, "root", more="-days -1")),
        ("InvalidRequestException", None)):
    given = {} if verification is None else {"verificationCertificate": verification}
    refused(name, register_ca, caCertificate=root, **given)
refused("CertificateValidationException", register_ca, caCertificate="nonsense", verificationCertificate=proof)
refused("CertificateValidationException", register_ca, caCertificate=proof, verificationCertificate=proof)  # it is no CA
openssl("req -x509 -newkey rsa:1024 -nodes -keyout weak.key -days 30 -subj /CN=Weak -out weak.pem")
refused("CertificateValidationException", register_ca, caCertificate=text("weak.pem"), certificateMode="SNI_ONLY")
key("past")
with open("ca.ext", "w") as file:
    file.write("basicConstraints=critical,CA:TRUE\n")
openssl("req -new -key past.key -subj /CN=Past -out past.csr")
openssl("x509 -req -in past.csr -signkey past.key -days -1 -extfile ca.ext -out past.pem")
refused("CertificateValidationException", register_ca, caCertificate=text("past.pem"), certificateMode="SNI_ONLY")
refused("InvalidRequestException", register_ca, caCertificate=root, verificationCertificate=proof, certificateMode="SNI_ONLY")
refused("InvalidRequestException", register_ca, caCertificate=root, verificationCertificate=proof, registrationConfig={"roleArn": ROLE})
refused("ResourceNotFoundException", register_ca, caCertificate=root, verificationCertificate=proof, registrationConfig={"templateName": "absent"})
without_name = {"Resources": {"certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}},
                              "policy": {"Type": "AWS::IoT::Policy", "Properties": {}}}, "Parameters": {"AWS::IoT::Certificate::Id": {"Type": "String"}}}
response = refused("InvalidRequestException", register_ca, caCertificate=root, verificationCertificate=proof,
                   registrationConfig={"templateBody": json.dumps(without_name), "roleArn": ROLE})
assert response["Error"]["Message"] == "Invalid registration template. Neither policyName nor policyDocument is present in the Template.", response

made = register_ca(caCertificate=root, verificationCertificate=proof, tags=[{"Key": "plant", "Value": "north"}])
root_id = made["certificateId"]
assert made["certificateArn"] == f"{ARN}:cacert/{root_id}"
described = iot.describe_ca_certificate(certificateId=root_id)
assert "registrationConfig" not in described
described = described["certificateDescription"]
assert (described["status"], described["autoRegistrationStatus"], described["customerVersion"], described["certificateMode"]) == ("INACTIVE", "DISABLE", 1, "DEFAULT")
assert described["certificatePem"] == root and described["ownedBy"] == "000000000000" and len(described["generationId"]) == 36
response = refused("ResourceAlreadyExistsException", register_ca, caCertificate=root, verificationCertificate=proof)
assert (response["resourceId"], response["resourceArn"]) == (root_id, made["certificateArn"]), response
sni = register_ca(caCertificate=text("other.pem"), certificateMode="SNI_ONLY", setAsActive=True, allowAutoRegistration=True)["certificateId"]
described = iot.describe_ca_certificate(certificateId=sni)["certificateDescription"]
assert (described["status"], described["autoRegistrationStatus"], described["certificateMode"]) == ("ACTIVE", "ENABLE", "SNI_ONLY")

# Ten of one subject; the key may be one and the same
ca("ten0", "/CN=Ten")
ten_proof = leaf("ten-proof", code, "ten0")
tens = []
for n in range(11):
    pem = text("ten0.pem") if n == 0 else ca(f"ten{n}", "/CN=Ten", key_of="ten0")
    if n == 10:
        refused("LimitExceededException", register_ca, caCertificate=pem, verificationCertificate=ten_proof)
    else:
        tens.append(register_ca(caCertificate=pem, verificationCertificate=ten_proof, setAsActive=True)["certificateId"])

# Lists: the newest first unless asked otherwise
every = [root_id, sni, *tens]


def pages(operation, member, **arguments):
    found = [page[member] for page in iot.get_paginator(operation).paginate(**arguments)]
    return [len(page) for page in found], [item["certificateId"] for page in found for item in page]


assert pages("list_ca_certificates", "certificates", pageSize=5, ascendingOrder=True) == ([5, 5, 2], every)
assert pages("list_ca_certificates", "certificates", pageSize=6, ascendingOrder=False) == ([6, 6], every[::-1])
assert pages("list_ca_certificates", "certificates") == ([12], every[::-1])
assert all(item["status"] in ("ACTIVE", "INACTIVE") and item["certificateArn"].endswith(item["certificateId"]) for item in iot.list_ca_certificates()["certificates"])
refused("InvalidRequestException", iot.list_ca_certificates, marker="nonsense")
refused("InvalidRequestException", iot.list_ca_certificates, pageSize=251)

# UpdateCACertificate, DeleteCACertificate
for call in (iot.describe_ca_certificate, iot.update_ca_certificate, iot.delete_ca_certificate):
    refused("ResourceNotFoundException", call, certificateId=NOBODY)
refused("CertificateStateException", iot.delete_ca_certificate, certificateId=sni)
iot.update_ca_certificate(certificateId=tens[9], newStatus="INACTIVE")
assert iot.describe_ca_certificate(certificateId=tens[9])["certificateDescription"]["customerVersion"] == 2
iot.delete_ca_certificate(certificateId=tens.pop())
register_ca(caCertificate=text("ten10.pem"), verificationCertificate=ten_proof)  # there is room again
refused("InvalidRequestException", iot.update_ca_certificate, certificateId=root_id, registrationConfig={"templateBody": "{", "roleArn": ROLE})

# RegisterCertificate
device = leaf("device", "pump-7", "root")
response = refused("CertificateStateException", iot.register_certificate, certificatePem=device)  # its CA is INACTIVE
assert root_id in response["Error"]["Message"], response
iot.update_ca_certificate(certificateId=root_id, newStatus="ACTIVE")
refused("CertificateStateException", iot.register_certificate, certificatePem=device, status="PENDING_ACTIVATION")
refused("CertificateStateException", iot.register_certificate_without_ca, certificatePem=device, status="PENDING_ACTIVATION")
device_id = iot.register_certificate(certificatePem=device)["certificateId"]
described = iot.describe_certificate(certificateId=device_id)["certificateDescription"]
assert (described["status"], described["caCertificateId"], described["certificateMode"], described["transferData"]) == ("INACTIVE", root_id, "DEFAULT", {})
for call in (iot.register_certificate, iot.register_certificate_without_ca):
    response = refused("ResourceAlreadyExistsException", call, certificatePem=device)
    assert (response["resourceId"], response["resourceArn"]) == (device_id, f"{ARN}:cert/{device_id}"), response
ca("stranger", "/CN=Stranger")
for pem in (leaf("stray", "x", "stranger"), leaf("expired", "x", "root", more="-days -1"), "nonsense"):
    refused("CertificateValidationException", iot.register_certificate, certificatePem=pem)
ca("impostor", "/O=Example/CN=Root")
refused("CertificateValidationException", iot.register_certificate, certificatePem=leaf("forged", "x", "impostor"))
twin = leaf("twin", "twin", "ten0")
refused("CertificateConflictException", iot.register_certificate, certificatePem=twin)
twin_id = iot.register_certificate(certificatePem=twin, caCertificatePem=text("ten3.pem"), status="REVOKED")["certificateId"]
assert iot.describe_certificate(certificateId=twin_id)["certificateDescription"]["caCertificateId"] == tens[3]
alone_id = iot.register_certificate_without_ca(certificatePem=text("stray.pem"), status="ACTIVE")["certificateId"]
described = iot.describe_certificate(certificateId=alone_id)["certificateDescription"]
assert (described["status"], described["certificateMode"]) == ("ACTIVE", "SNI_ONLY") and "caCertificateId" not in described

# Lists of certificates
more = [iot.register_certificate(certificatePem=leaf(f"more{n}", f"more{n}", "root"))["certificateId"] for n in range(6)]
of_root = [device_id, *more]
assert pages("list_certificates_by_ca", "certificates", caCertificateId=root_id, pageSize=3, ascendingOrder=True) == ([3, 3, 1], of_root)
assert pages("list_certificates_by_ca", "certificates", caCertificateId=root_id, pageSize=4) == ([4, 3], of_root[::-1])
assert pages("list_certificates_by_ca", "certificates", caCertificateId=sni)[1] == []
everything = [device_id, twin_id, alone_id, *more]
assert pages("list_certificates", "certificates", pageSize=4, ascendingOrder=True) == ([4, 4, 1], everything)
assert pages("list_certificates", "certificates", pageSize=2, ascendingOrder=False) == ([2, 2, 2, 2, 1], everything[::-1])

# Statuses
update = iot.update_certificate
for status in ("ACTIVE", "ACTIVE", "INACTIVE", "ACTIVE"):
    update(certificateId=device_id, newStatus=status)
for status in ("PENDING_ACTIVATION", "PENDING_TRANSFER"):
    refused("InvalidRequestException", update, certificateId=device_id, newStatus=status)
for status in ("ACTIVE", "INACTIVE"):
    refused("CertificateStateException", update, certificateId=twin_id, newStatus=status)
update(certificateId=twin_id, newStatus="REVOKED")
refused("ResourceNotFoundException", update, certificateId=NOBODY, newStatus="ACTIVE")
refused("CertificateStateException", iot.delete_certificate, certificateId=device_id)
refused("ResourceNotFoundException", iot.delete_certificate, certificateId=NOBODY)

# Transfers: the sender's side
transfer = iot.transfer_certificate
refused("ResourceNotFoundException", transfer, certificateId=NOBODY, targetAwsAccount="111111111111")
refused("InvalidRequestException", transfer, certificateId=device_id, targetAwsAccount="000000000000")
refused("CertificateStateException", transfer, certificateId=device_id, targetAwsAccount="111111111111")  # it is ACTIVE
update(certificateId=device_id, newStatus="INACTIVE")
iot.create_thing(thingName="pump-7")
iot.attach_thing_principal(thingName="pump-7", principal=f"{ARN}:cert/{device_id}")
refused("TransferConflictException", transfer, certificateId=device_id, targetAwsAccount="111111111111")
iot.detach_thing_principal(thingName="pump-7", principal=f"{ARN}:cert/{device_id}")
arn = transfer(certificateId=device_id, targetAwsAccount="111111111111", transferMessage="yours")["transferredCertificateArn"]
assert arn == f"arn:aws:iot:us-east-1:111111111111:cert/{device_id}"
described = iot.describe_certificate(certificateId=device_id)["certificateDescription"]
assert described["status"] == "PENDING_TRANSFER" and described["transferData"]["transferMessage"] == "yours"
outgoing = iot.list_outgoing_certificates()["outgoingCertificates"]
assert [(c["certificateId"], c["transferredTo"], c["transferMessage"]) for c in outgoing] == [(device_id, "111111111111", "yours")]
refused("CertificateStateException", update, certificateId=device_id, newStatus="ACTIVE")
refused("CertificateStateException", iot.delete_certificate, certificateId=device_id)
iot.cancel_certificate_transfer(certificateId=device_id)
refused("InvalidRequestException", iot.cancel_certificate_transfer, certificateId=device_id)
described = iot.describe_certificate(certificateId=device_id)["certificateDescription"]
assert (described["status"], described["transferData"]) == ("INACTIVE", {})
assert iot.list_outgoing_certificates()["outgoingCertificates"] == []
for call in (iot.accept_certificate_transfer, iot.reject_certificate_transfer, iot.cancel_certificate_transfer):
    refused("ResourceNotFoundException", call, certificateId=NOBODY)

# Templates
TEMPLATE = json.dumps({
    "Parameters": {"Serial": {"Type": "String"}, "AWS::IoT::Certificate::Id": {"Type": "String"}},
    "Resources": {"thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Serial"}}},
                  "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}}}})
JITP = TEMPLATE.replace("Serial", "AWS::IoT::Certificate::CommonName")
create = iot.create_provisioning_template
common = {"templateBody": TEMPLATE, "provisioningRoleArn": ROLE}
made = create(templateName="fleet", tags=[{"Key": "plant", "Value": "south"}], **common)
assert made == {"templateArn": f"{ARN}:provisioningtemplate/fleet", "templateName": "fleet", "defaultVersionId": 1, "ResponseMetadata": made["ResponseMetadata"]}
described = iot.describe_provisioning_template(templateName="fleet")
assert (described["enabled"], described["type"], described["templateBody"]) == (False, "FLEET_PROVISIONING", TEMPLATE)
refused("ResourceAlreadyExistsException", create, templateName="fleet", **common)
refused("InvalidRequestException", create, templateName="x", templateBody="{}", provisioningRoleArn=ROLE)
refused("InvalidRequestException", create, templateName="no spaces", **common)
refused("InvalidRequestException", create, templateName="x" * 37, **common)
refused("InvalidRequestException", create, templateName="x", templateBody=" " * 10241, provisioningRoleArn=ROLE)
refused("InvalidRequestException", create, templateName="x", templateBody=TEMPLATE, type="JITP", provisioningRoleArn=ROLE)  # `Serial` is of no certificate
hook = {"targetArn": "arn:aws:lambda:us-east-1:000000000000:function:ask"}
refused("InvalidRequestException", create, templateName="x", templateBody=JITP, type="JITP", provisioningRoleArn=ROLE, preProvisioningHook=hook)
create(templateName="jit", templateBody=JITP, type="JITP", provisioningRoleArn=ROLE, enabled=True)
version = iot.create_provisioning_template_version
assert (lambda made: (made["versionId"], made["isDefaultVersion"]))(version(templateName="fleet", templateBody=TEMPLATE)) == (2, False)
for n in (3, 4, 5):
    assert version(templateName="fleet", templateBody=TEMPLATE, setAsDefault=n == 3)["versionId"] == n
refused("VersionsLimitExceededException", version, templateName="fleet", templateBody=TEMPLATE)
refused("InvalidRequestException", version, templateName="fleet", templateBody="{}")
refused("ResourceNotFoundException", version, templateName="absent", templateBody=TEMPLATE)
versions = iot.list_provisioning_template_versions(templateName="fleet")["versions"]
assert [(v["versionId"], v["isDefaultVersion"]) for v in versions] == [(n, n == 3) for n in range(1, 6)]
refused("DeleteConflictException", iot.delete_provisioning_template_version, templateName="fleet", versionId=3)
refused("ResourceNotFoundException", iot.delete_provisioning_template_version, templateName="fleet", versionId=9)
refused("ResourceNotFoundException", iot.describe_provisioning_template_version, templateName="fleet", versionId=9)
refused("DeleteConflictException", iot.delete_provisioning_template, templateName="fleet")
iot.delete_provisioning_template_version(templateName="fleet", versionId=5)
assert version(templateName="fleet", templateBody=TEMPLATE)["versionId"] == 6
refused("ResourceNotFoundException", iot.update_provisioning_template, templateName="fleet", defaultVersionId=5)
iot.update_provisioning_template(templateName="fleet", enabled=True, defaultVersionId=6, preProvisioningHook=hook)
described = iot.describe_provisioning_template(templateName="fleet")
assert (described["defaultVersionId"], described["preProvisioningHook"]) == (6, {"payloadVersion": "2020-04-01", **hook})
iot.update_provisioning_template(templateName="fleet", removePreProvisioningHook=True)
assert "preProvisioningHook" not in iot.describe_provisioning_template(templateName="fleet")
for call in (iot.describe_provisioning_template, iot.update_provisioning_template, iot.delete_provisioning_template, iot.list_provisioning_template_versions):
    refused("ResourceNotFoundException", call, templateName="absent")
refused("InvalidRequestException", iot.update_ca_certificate, certificateId=root_id, registrationConfig={"templateName": "fleet"})  # not JITP
iot.update_ca_certificate(certificateId=root_id, registrationConfig={"templateName": "jit"})
assert iot.describe_ca_certificate(certificateId=root_id)["registrationConfig"] == {"templateName": "jit"}
assert [c["certificateId"] for c in iot.list_ca_certificates(templateName="jit")["certificates"]] == [root_id]
refused("DeleteConflictException", iot.delete_provisioning_template, templateName="jit")
iot.update_ca_certificate(certificateId=root_id, removeAutoRegistration=True)
assert "registrationConfig" not in iot.describe_ca_certificate(certificateId=root_id)
iot.delete_provisioning_template(templateName="jit")
assert [t["templateName"] for t in iot.list_provisioning_templates()["templates"]] == ["fleet"]

# Claims
claim = iot.create_provisioning_claim(templateName="fleet")
assert set(claim) == {"certificateId", "certificatePem", "keyPair", "expiration", "ResponseMetadata"}
assert 240 < claim["expiration"].timestamp() - time.time() <= 301
subject = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=claim["certificatePem"], capture_output=True, text=True, check=True).stdout
assert re.fullmatch("subject=CN = [0-9a-f]{64}\n", subject), subject
assert claim["certificateId"] not in pages("list_certificates", "certificates")[1]
refused("ResourceNotFoundException", iot.describe_certificate, certificateId=claim["certificateId"])
refused("ResourceNotFoundException", iot.create_provisioning_claim, templateName="absent")

# Tags
ca_arn, template_arn = f"{ARN}:cacert/{root_id}", f"{ARN}:provisioningtemplate/fleet"
for arn, value in ((ca_arn, "north"), (template_arn, "south")):
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "plant", "Value": value}]
    iot.tag_resource(resourceArn=arn, tags=[{"Key": "hall", "Value": "3"}])
    iot.untag_resource(resourceArn=arn, tagKeys=["plant", "absent"])
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "hall", "Value": "3"}]
refused("ResourceNotFoundException", iot.tag_resource, resourceArn=f"{ARN}:cacert/{NOBODY}", tags=[{"Key": "a", "Value": "b"}])
refused("ResourceNotFoundException", iot.list_tags_for_resource, resourceArn=f"{ARN}:provisioningtemplate/absent")
refused("InvalidRequestException", iot.tag_resource, resourceArn=f"{ARN}:cert/{device_id}", tags=[{"Key": "a", "Value": "b"}])

# RegisterThing
iot.create_policy(policyName="devices", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}))


def template(thing=None, certificate=None, policy=None, **more):
    thing = {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Name"}, **(thing or {})}, **more}
    certificate = {"Type": "AWS::IoT::Certificate", "Properties": certificate or {"CertificateSigningRequest": {"Ref": "CSR"}}}
    policy = {"Type": "AWS::IoT::Policy", "Properties": policy or {"PolicyName": "devices"}}
    parameters = {"Name": {"Type": "String"}, "CSR": {"Type": "String", "Default": text("device.csr")}}
    return json.dumps({"Parameters": parameters, "Resources": {"thing": thing, "certificate": certificate, "policy": policy}})


done = iot.register_thing(templateBody=template(), parameters={"Name": "made"})
subject = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256"], input=done["certificatePem"], capture_output=True, text=True, check=True)
made_id = subject.stdout.split("=")[1].strip().replace(":", "").lower()
assert done["resourceArns"] == {"thing": f"{ARN}:thing/made", "certificate": f"{ARN}:cert/{made_id}", "policy": f"{ARN}:policy/devices"}, done["resourceArns"]
assert iot.describe_certificate(certificateId=made_id)["certificateDescription"]["status"] == "ACTIVE"
for body, parameters in (
        (template(), {}), (template(), {"Name": "no spaces"}), (template(), {"Name": "m", "CSR": "nonsense"}),
        (template(policy={"PolicyName": "absent"}), {"Name": "m"}), (template(policy={"PolicyDocument": "{}"}), {"Name": "m"}),
        (template(thing={"ThingTypeName": "absent"}), {"Name": "m"}), (template(thing={"ThingGroups": ["absent"]}), {"Name": "m"}),
        (template(thing={"BillingGroup": "absent"}), {"Name": "m"}), (template(certificate={"CertificateId": NOBODY}), {"Name": "m"}),
        (template(certificate={"CertificatePem": text("forged.pem")}), {"Name": "m"}),
        (template(thing={"ThingName": {"Fn::Select": ["7", ["a"]]}}), {})):
    refused("ResourceRegistrationFailureException", iot.register_thing, templateBody=body, parameters=parameters)
for body in ("{", "{}", "[]", template(policy={"PolicyName": "a", "PolicyDocument": "{}"}), template(thing={"Colour": "red"}),
             template().replace("AWS::IoT::Thing", "AWS::IoT::Topic"), template(thing={"ThingName": {"Ref": "Undeclared"}})):
    refused("InvalidRequestException", iot.register_thing, templateBody=body, parameters={"Name": "m"})
refused("ConflictingResourceUpdateException", iot.register_thing, parameters={"Name": "made"},
        templateBody=template(thing={"AttributePayload": {"a": "b"}}, OverrideSettings={"AttributePayload": "FAIL"}))
refused("ResourceNotFoundException", iot.describe_thing, thingName="m")  # all or nothing

# Bulk registration
start = iot.start_thing_registration_task
s3.create_bucket(Bucket="factory")
s3.put_object(Bucket="factory", Key="long", Body="".join(json.dumps({"Name": f"long-{n}"}) + "\n" for n in range(20_000)).encode())
s3.put_object(Bucket="factory", Key="mixed", Body=b'{"Name": "m1"}\nnonsense\n{"Name": "no spaces"}\n{"Name": "m2"}\n')
place = {"inputFileBucket": "factory", "roleArn": ROLE}
refused("InvalidRequestException", start, templateBody="{}", inputFileKey="mixed", **place)
for call in (iot.describe_thing_registration_task, iot.stop_thing_registration_task):
    refused("ResourceNotFoundException", call, taskId=NOBODY[:32])
refused("ResourceNotFoundException", iot.list_thing_registration_task_reports, taskId=NOBODY[:32], reportType="ERRORS")
refused("InvalidRequestException", iot.list_thing_registration_tasks, status="Running")


def ended(task):
    for _ in range(600):
        described = iot.describe_thing_registration_task(taskId=task)
        if described["status"] not in ("InProgress", "Cancelling"):
            return described
        time.sleep(0.1)
    raise AssertionError(described)


long = start(templateBody=template(), inputFileKey="long", **place)["taskId"]
refused("LimitExceededException", start, templateBody=template(), inputFileKey="mixed", **place)
assert iot.list_thing_registration_tasks(status="InProgress")["taskIds"] == [long]
iot.stop_thing_registration_task(taskId=long)
stopped = ended(long)
assert stopped["status"] == "Cancelled" and stopped["successCount"] < 20_000 and stopped["percentageProgress"] < 100, stopped
refused("InvalidRequestException", iot.stop_thing_registration_task, taskId=long)

mixed = start(templateBody=template(), inputFileKey="mixed", **place)["taskId"]
described = ended(mixed)
assert (described["status"], described["successCount"], described["failureCount"], described["percentageProgress"]) == ("Completed", 2, 2, 100), described
assert (described["inputFileBucket"], described["inputFileKey"], described["roleArn"]) == ("factory", "mixed", ROLE)


def report(kind):
    links = iot.list_thing_registration_task_reports(taskId=mixed, reportType=kind)
    assert links["reportType"] == kind
    return [json.loads(line) for link in links["resourceLinks"] for line in urllib.request.urlopen(link).read().splitlines()]


results, errors = report("RESULTS"), report("ERRORS")
assert [line["lineNumber"] for line in results] == [1, 4] and [line["lineNumber"] for line in errors] == [2, 3], (results, errors)
assert results[0]["response"]["ResourceArns"]["thing"] == f"{ARN}:thing/m1" and "BEGIN CERTIFICATE" in results[0]["response"]["certificatePem"]
absent = ended(start(templateBody=template(), inputFileKey="absent", **place)["taskId"])
assert absent["status"] == "Failed" and absent["message"], absent
listed = [task for page in iot.get_paginator("list_thing_registration_tasks").paginate(PaginationConfig={"PageSize": 2}) for task in page["taskIds"]]
assert len(listed) == 3 and {long, mixed} < set(listed)
assert iot.list_thing_registration_tasks(status="Completed")["taskIds"] == [mixed]
print("ok")
