"""awsiotsdk, MQTT 3.1.1 and 5: over WebSocket with SigV4, and with a certificate on the port where ALPN chooses, as on AWS's 443."""
import os
import queue

from awscrt import auth, mqtt, mqtt5
from awsiot import mqtt5_client_builder, mqtt_connection_builder

ALPN_HOST, ALPN_PORT = os.environ["ALPN"].rsplit(":", 1)
CREDENTIALS = auth.AwsCredentialsProvider.new_static(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
SIGNED = dict(region=os.environ["AWS_REGION"], credentials_provider=CREDENTIALS, ca_filepath=os.environ["CA"])
CERTIFIED = dict(cert_filepath="pump-7.pem", pri_key_filepath="pump-7.key", ca_filepath=os.environ["CA"])


def three(connection, topic):
    heard = queue.Queue()
    connection.connect().result(30)
    future, _ = connection.subscribe(topic, mqtt.QoS.AT_LEAST_ONCE, lambda topic, payload, **rest: heard.put((topic, payload)))
    assert future.result(30)["qos"] == mqtt.QoS.AT_LEAST_ONCE
    for payload in b"one", b"x" * 100_000:  # the second is more than one frame
        future, _ = connection.publish(topic, payload, mqtt.QoS.AT_LEAST_ONCE)
        future.result(30)
        assert heard.get(timeout=30) == (topic, payload)
    connection.disconnect().result(30)


def five(build, topic, **arguments):
    events = queue.Queue()
    client = build(
        on_publish_received=lambda data: events.put(("publish", data.publish_packet)),
        on_lifecycle_connection_success=lambda data: events.put(("connected", data)),
        on_lifecycle_connection_failure=lambda data: events.put(("failed", data.exception)),
        on_lifecycle_stopped=lambda data: events.put(("stopped", data)), **arguments)
    client.start()
    kind, data = events.get(timeout=30)
    assert kind == "connected", data
    suback = client.subscribe(mqtt5.SubscribePacket([mqtt5.Subscription(topic, mqtt5.QoS.AT_LEAST_ONCE)])).result(30)
    assert suback.reason_codes == [mqtt5.SubackReasonCode.GRANTED_QOS_1]
    client.publish(mqtt5.PublishPacket(topic=topic, payload=b"two", qos=mqtt5.QoS.AT_LEAST_ONCE)).result(30)
    kind, packet = events.get(timeout=30)
    assert kind == "publish" and (packet.topic, bytes(packet.payload)) == (topic, b"two")
    client.stop()
    assert events.get(timeout=30)[0] == "stopped"


# Signed: the APIs' port, and the devices'. An operator may use any topic.
for host, port in ("localhost", os.environ["API_PORT"]), (ALPN_HOST, ALPN_PORT):
    where = dict(endpoint=host, port=int(port))
    three(mqtt_connection_builder.websockets_with_default_aws_signing(
        client_id="console-3", clean_session=True, keep_alive_secs=30, **where, **SIGNED), "anything/goes")
    five(mqtt5_client_builder.websockets_with_default_aws_signing, "anything/goes", client_id="console-5", **where, **SIGNED)

# A certificate: the builders offer x-amzn-mqtt-ca by themselves on port 443 alone.
if ALPN_PORT == "443":
    where = dict(endpoint=ALPN_HOST, client_id="pump-7")
    three(mqtt_connection_builder.mtls_from_path(clean_session=True, keep_alive_secs=30, **where, **CERTIFIED), "factory/pump-7/a")
    five(mqtt5_client_builder.mtls_from_path, "factory/pump-7/a", **where, **CERTIFIED)
print("ok")
