"""Role aliases by boto3, their credentials by curl and awscrt, and what those open: the data planes, and no configuration."""
import datetime
import json
import os
import socket
import subprocess
import threading
import urllib.parse
import urllib.request
from http import client

import boto3
import botocore.exceptions
from awscrt import auth, io
from awscrt import http as crt_http
from botocore.config import Config
from peers import refused

ROLE, ROOT = "arn:aws:iam::000000000000:role/devices/reader", "arn:aws:iam::000000000000:root"
S3 = Config(s3={"addressing_style": "path"}, signature_version="s3v4")
iot, sts = boto3.client("iot"), boto3.client("sts")


def credentials(alias="reader", name="pump-7", thing=None):
    header = ["-H", f"x-amzn-iot-thingname: {thing}"] if thing else []
    done = subprocess.run(["curl", "-s", "--cacert", os.environ["CA"], "--cert", f"{name}.pem", "--key", f"{name}.key", "-w", " %{http_code}", *header,
                           f"https://localhost:{os.environ['HTTPS_PORT']}/role-aliases/{alias}/credentials"], capture_output=True, text=True, check=True)
    body, status = done.stdout.rsplit(" ", 1)
    return int(status), json.loads(body)


def session(found):
    return boto3.Session(found["accessKeyId"], found["secretAccessKey"], found["sessionToken"])


def says(found):
    return found[0], found[1]["message"]


# The aliases
made = iot.create_role_alias(roleAlias="reader", roleArn=ROLE, credentialDurationSeconds=900, tags=[{"Key": "a", "Value": "b"}])
assert made["roleAliasArn"] == "arn:aws:iot:us-east-1:000000000000:rolealias/reader"
refused("ResourceAlreadyExistsException", iot.create_role_alias, roleAlias="reader", roleArn=ROLE)
refused("InvalidRequestException", iot.create_role_alias, roleAlias="other", roleArn="arn:aws:iam::111111111111:role/reader")
refused("InvalidRequestException", iot.create_role_alias, roleAlias="other", roleArn=ROLE, credentialDurationSeconds=43201)
refused("ResourceNotFoundException", iot.describe_role_alias, roleAlias="other")
refused("ResourceNotFoundException", iot.update_role_alias, roleAlias="other")
refused("ResourceNotFoundException", iot.delete_role_alias, roleAlias="other")
iot.create_role_alias(roleAlias="writer", roleArn="arn:aws:iam::000000000000:role/writer")
described = iot.describe_role_alias(roleAlias="writer")["roleAliasDescription"]
assert (described["credentialDurationSeconds"], described["owner"], described["roleArn"]) == (3600, "000000000000", "arn:aws:iam::000000000000:role/writer")
assert iot.list_role_aliases(ascendingOrder=True)["roleAliases"] == ["reader", "writer"]
first = iot.list_role_aliases(pageSize=1)
assert first["roleAliases"] == ["writer"] and iot.list_role_aliases(marker=first["nextMarker"])["roleAliases"] == ["reader"]
assert iot.list_tags_for_resource(resourceArn=made["roleAliasArn"])["tags"] == [{"Key": "a", "Value": "b"}]

# Who may have them: a thing of one's own first, then the policy, then the alias
assert says(credentials()) == (403, "Access Denied")
policy = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "iot:AssumeRoleWithCertificate", "Resource": [made["roleAliasArn"], "arn:aws:iot:us-east-1:000000000000:rolealias/none"]},
    {"Effect": "Allow", "Action": "iot:AssumeRoleWithCertificate", "Resource": "arn:aws:iot:us-east-1:000000000000:rolealias/writer",
     "Condition": {"StringEquals": {"iot:Connection.Thing.ThingName": "pump-7"}}}]}
iot.create_policy(policyName="assume", policyDocument=json.dumps(policy))
pem = open("pump-7.pem").read().strip()
pump7 = next(c for c in iot.list_certificates(pageSize=250)["certificates"]
             if iot.describe_certificate(certificateId=c["certificateId"])["certificateDescription"]["certificatePem"].strip() == pem)
iot.attach_policy(policyName="assume", target=pump7["certificateArn"])
assert says(credentials(name="pump-8")) == (403, "Access Denied")
assert says(credentials("none")) == (404, "Role alias does not exist")
assert says(credentials(thing="pump-7")) == (403, "Invalid thing name passed")
iot.create_thing(thingName="pump-7")
assert says(credentials(thing="pump-7")) == (403, "Invalid thing name passed"), "it is there, and not this certificate's"
iot.attach_thing_principal(thingName="pump-7", principal=pump7["certificateArn"])
assert credentials("writer", thing="pump-7")[0] == 200 and says(credentials("writer")) == (403, "Access Denied")
status, body = credentials(thing="pump-7")
assert status == 200 and set(body) == {"credentials"}, body
found = body["credentials"]
assert set(found) == {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}
assert found["accessKeyId"].startswith("ASIA") and len(found["accessKeyId"]) == 20 and len(found["secretAccessKey"]) == 40
left = datetime.datetime.fromisoformat(found["expiration"].replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)
assert 800 < left.total_seconds() <= 900, left

# Who that is
device = session(found)
identity = device.client("sts").get_caller_identity()
assert identity["Arn"] == f"arn:aws:sts::000000000000:assumed-role/reader/{pump7['certificateId']}", identity
assert identity["UserId"].startswith("AROA") and identity["UserId"].endswith(f":{pump7['certificateId']}")
assert sts.get_caller_identity()["Arn"] == ROOT

# The data planes are open
s3 = device.client("s3", config=S3)
s3.put_object(Bucket="lake", Key="by-device/a", Body=b"x" * 100_000)
assert len(s3.get_object(Bucket="lake", Key="by-device/a")["Body"].read()) == 100_000
assert [o["Key"] for o in s3.list_objects_v2(Bucket="lake", Prefix="by-device/")["Contents"]] == ["by-device/a"]
assert len(urllib.request.urlopen(s3.generate_presigned_url("get_object", {"Bucket": "lake", "Key": "by-device/a"})).read()) == 100_000
form = s3.generate_presigned_post("lake", "by-device/b")
sent = [w for pair in form["fields"].items() for w in ("-F", f"{pair[0]}={pair[1]}")]
subprocess.run(["curl", "-sf", *sent, "-F", "file=@pump-7.pem", form["url"]], check=True)
assert s3.head_object(Bucket="lake", Key="by-device/b")["ContentLength"] == len(open("pump-7.pem").read())
device.client("firehose").put_record(DeliveryStreamName="telemetry", Record={"Data": b"{}\n"})
device.client("iot-data", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).publish(topic="shared/a", qos=1, payload=b"x")
data = device.client("iot-data", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
refused("ForbiddenException", data.publish, topic="forbidden/a", qos=1, payload=b"x")  # as the device itself
refused("ForbiddenException", data.get_thing_shadow, thingName="pump-8")
refused("ForbiddenException", data.list_retained_messages)
# From where it may, too
iot.create_policy(policyName="not-from-here", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Deny", "Action": "iot:Publish", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}}}]}))
iot.attach_policy(policyName="not-from-here", target=pump7["certificateArn"])
refused("ForbiddenException", data.publish, topic="shared/a", qos=1, payload=b"x")
iot.detach_policy(policyName="not-from-here", target=pump7["certificateArn"])
data.publish(topic="shared/a", qos=1, payload=b"x")
kms, own = boto3.client("kms"), device.client("kms")
key = kms.create_key()["KeyMetadata"]["KeyId"]
blob = own.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
assert own.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"

# Configuration is not
refused("AccessDeniedException", device.client("iot").create_thing, thingName="forged")
refused("AccessDeniedException", device.client("iot").list_certificates)
refused("AccessDenied", s3.create_bucket, Bucket="forged")
refused("AccessDenied", s3.put_bucket_policy, Bucket="lake", Policy="{}")
refused("AccessDeniedException", own.create_key)
refused("AccessDeniedException", own.schedule_key_deletion, KeyId=key)
refused("AccessDeniedException", device.client("firehose").delete_delivery_stream, DeliveryStreamName="telemetry")
refused("AccessDeniedException", device.client("glue").get_databases)
refused("ForbiddenException", device.client("iot-data", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).delete_connection, clientId="pump-8")
refused("AccessDenied", device.client("sts").assume_role, RoleArn=ROLE, RoleSessionName="again")

# Policies of buckets and keys know sessions by their role
boto3.client("s3", config=S3).put_bucket_policy(Bucket="lake", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Deny", "Principal": {"AWS": ROLE}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/by-device/b"},
    {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::lake/*",
     "Condition": {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/devices/*"}, "StringEquals": {"aws:PrincipalType": "AssumedRole"}}}]}))
refused("AccessDenied", s3.get_object, Bucket="lake", Key="by-device/b")
refused("AccessDenied", s3.put_object, Bucket="lake", Key="by-device/c", Body=b"")
s3.get_object(Bucket="lake", Key="by-device/a")
boto3.client("s3", config=S3).get_object(Bucket="lake", Key="by-device/b")
boto3.client("s3", config=S3).put_object(Bucket="lake", Key="by-device/c", Body=b"")
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"},
    {"Effect": "Deny", "Principal": {"AWS": ROLE}, "Action": "kms:Decrypt", "Resource": "*"}]}))
refused("AccessDeniedException", own.decrypt, CiphertextBlob=blob)
assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"
# A key that its policy lets nobody use is the role's by a grant
given = kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": ["kms:CreateGrant", "kms:PutKeyPolicy"], "Resource": "*"}]}))["KeyMetadata"]["KeyId"]
refused("AccessDeniedException", own.encrypt, KeyId=given, Plaintext=b"x")
kms.create_grant(KeyId=given, GranteePrincipal=ROLE, Operations=["Encrypt"])
own.encrypt(KeyId=given, Plaintext=b"x")
refused("AccessDeniedException", kms.encrypt, KeyId=given, Plaintext=b"x")

# What is not as it was given out
def with_token(token, **other):
    return session({**found, "sessionToken": token, **other})


refused("InvalidToken", with_token("x" + found["sessionToken"][1:]).client("s3", config=S3).list_objects_v2, Bucket="lake")
refused("InvalidToken", with_token("none").client("s3", config=S3).list_objects_v2, Bucket="lake")
refused("UnrecognizedClientException", with_token("x" * 9000).client("firehose").put_record, DeliveryStreamName="telemetry", Record={"Data": b"x"})
refused("SignatureDoesNotMatch", with_token(found["sessionToken"], secretAccessKey="y" * 40).client("s3", config=S3).list_objects_v2, Bucket="lake")
refused("InvalidAccessKeyId", boto3.Session(found["accessKeyId"], found["secretAccessKey"]).client("s3", config=S3).list_objects_v2, Bucket="lake")
other = credentials("writer", thing="pump-7")[1]["credentials"]
refused("InvalidToken", with_token(other["sessionToken"]).client("s3", config=S3).list_objects_v2, Bucket="lake")
root = boto3.Session().get_credentials()
refused("InvalidClientTokenId", boto3.Session(root.access_key, root.secret_key, found["sessionToken"]).client("sts").get_caller_identity)


# awscrt's provider asks at port 443: through a proxy that knows where that is
def proxy():
    def pump(a, b):
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)

    def serve(client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        upstream = socket.create_connection(("localhost", int(os.environ["HTTPS_PORT"])))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=pump, args=(client, upstream), daemon=True).start()
        pump(upstream, client)

    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


options = io.TlsContextOptions.create_client_with_mtls_from_path("pump-7.pem", "pump-7.key")
options.override_default_trust_store_from_path(None, os.environ["CA"])
endpoint = iot.describe_endpoint(endpointType="iot:CredentialProvider")["endpointAddress"]
provider = auth.AwsCredentialsProvider.new_x509(
    endpoint=endpoint, thing_name="pump-7", role_alias="reader", tls_ctx=io.ClientTlsContext(options),
    http_proxy_options=crt_http.HttpProxyOptions("127.0.0.1", proxy(), connection_type=crt_http.HttpProxyConnectionType.Tunneling))
got = provider.get_credentials().result(30)
by_crt = boto3.Session(got.access_key_id, got.secret_access_key, got.session_token)
assert by_crt.client("sts").get_caller_identity()["Arn"] == identity["Arn"]

# AssumeRole by the account's operator
assumed = sts.assume_role(RoleArn=ROLE, RoleSessionName="ci@host")
assert assumed["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/reader/ci@host"
c = assumed["Credentials"]
mine = boto3.Session(c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
assert mine.client("sts").get_caller_identity()["UserId"] == assumed["AssumedRoleUser"]["AssumedRoleId"]
refused("AccessDeniedException", mine.client("iot").list_things)
refused("ValidationError", sts.assume_role, RoleArn="arn:aws:iam::111111111111:role/reader", RoleSessionName="ci")
refused("ValidationError", sts.assume_role, RoleArn=ROLE, RoleSessionName="a b")
refused("ValidationError", sts.assume_role, RoleArn=ROLE, RoleSessionName="ci", Policy="{}")
refused("ValidationError", sts.assume_role, RoleArn=ROLE, RoleSessionName="ci", DurationSeconds=43201)

# The alias goes, and what was given out by it; the same name again is another alias
s3.head_object(Bucket="lake", Key="by-device/a")
iot.delete_role_alias(roleAlias="reader")
refused("InvalidToken", s3.get_object, Bucket="lake", Key="by-device/a")
iot.create_role_alias(roleAlias="reader", roleArn=ROLE)
refused("InvalidToken", s3.get_object, Bucket="lake", Key="by-device/a")
s3 = session(credentials()[1]["credentials"]).client("s3", config=S3)
s3.get_object(Bucket="lake", Key="by-device/a")
# And so with the certificate, for what is being sent when it is revoked as for what is asked later
boto3.client("s3", config=S3).delete_bucket_policy(Bucket="lake")
sending = []
for number, (part, name) in enumerate([({}, "put_object"), ({"PartNumber": 1}, "upload_part")]):
    if part:
        part["UploadId"] = s3.create_multipart_upload(Bucket="lake", Key="by-device/1")["UploadId"]
    url = urllib.parse.urlsplit(s3.generate_presigned_url(name, {"Bucket": "lake", "Key": f"by-device/{number}", **part}))
    wire = client.HTTPConnection(url.netloc)
    wire.putrequest("PUT", f"{url.path}?{url.query}")
    wire.putheader("Content-Length", "200000")
    wire.endheaders()
    wire.send(b"x" * 100_000)
    sending.append(wire)
s3.head_object(Bucket="lake", Key="by-device/a")
iot.update_certificate(certificateId=pump7["certificateId"], newStatus="REVOKED")
for wire in sending:
    wire.send(b"x" * 100_000)
    answer = wire.getresponse()
    assert (answer.status, b"InvalidToken" in answer.read()) == (400, True), answer.status
keys = [o["Key"] for o in boto3.client("s3", config=S3).list_objects_v2(Bucket="lake", Prefix="by-device/")["Contents"]]
assert "by-device/0" not in keys, keys
refused("InvalidToken", s3.get_object, Bucket="lake", Key="by-device/a")
assert says(credentials()) == (403, "Access Denied")
mine.client("s3", config=S3).get_object(Bucket="lake", Key="by-device/a")
