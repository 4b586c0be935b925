"""awsiotsdk: the MQTT 3.1.1 connection and the MQTT 5 client, as its samples use them."""
import os
import queue

from awscrt import mqtt, mqtt5
from awsiot import mqtt5_client_builder, mqtt_connection_builder

COMMON = dict(endpoint="localhost", port=int(os.environ["MQTT_PORT"]), cert_filepath="pump-7.pem",
              pri_key_filepath="pump-7.key", ca_filepath=os.environ["CA"], client_id="pump-7")

# 3.1.1
heard = queue.Queue()
connection = mqtt_connection_builder.mtls_from_path(clean_session=True, keep_alive_secs=30, **COMMON)
connection.connect().result(30)
future, _ = connection.subscribe("factory/pump-7/a", mqtt.QoS.AT_LEAST_ONCE, lambda topic, payload, **rest: heard.put((topic, payload)))
assert future.result(30)["qos"] == mqtt.QoS.AT_LEAST_ONCE
future, _ = connection.publish("factory/pump-7/a", b"one", mqtt.QoS.AT_LEAST_ONCE)
future.result(30)
assert heard.get(timeout=30) == ("factory/pump-7/a", b"one")
connection.disconnect().result(30)

# 5
events = queue.Queue()
client = mqtt5_client_builder.mtls_from_path(
    on_publish_received=lambda data: events.put(("publish", data.publish_packet)),
    on_lifecycle_connection_success=lambda data: events.put(("connected", data)),
    on_lifecycle_stopped=lambda data: events.put(("stopped", data)),
    topic_aliasing_options=mqtt5.TopicAliasingOptions(
        outbound_behavior=mqtt5.OutboundTopicAliasBehaviorType.LRU, outbound_cache_max_size=4,
        inbound_behavior=mqtt5.InboundTopicAliasBehaviorType.ENABLED, inbound_cache_max_size=4), **COMMON)
client.start()
kind, data = events.get(timeout=30)
assert kind == "connected"
settings = data.negotiated_settings
assert settings.maximum_qos == mqtt5.QoS.AT_LEAST_ONCE and settings.subscription_identifiers_available is False
suback = client.subscribe(mqtt5.SubscribePacket([mqtt5.Subscription("factory/pump-7/#", mqtt5.QoS.AT_LEAST_ONCE),
                                                 mqtt5.Subscription("elsewhere/#", mqtt5.QoS.AT_LEAST_ONCE)])).result(30)
assert suback.reason_codes == [mqtt5.SubackReasonCode.GRANTED_QOS_1, mqtt5.SubackReasonCode.NOT_AUTHORIZED]
ack = client.publish(mqtt5.PublishPacket(topic="factory/pump-7/b", payload=b"two", qos=mqtt5.QoS.AT_LEAST_ONCE)).result(30)
assert ack.puback.reason_code == mqtt5.PubackReasonCode.SUCCESS
kind, packet = events.get(timeout=30)
assert kind == "publish" and (packet.topic, bytes(packet.payload)) == ("factory/pump-7/b", b"two")
ack = client.publish(mqtt5.PublishPacket(topic="elsewhere/b", payload=b"no", qos=mqtt5.QoS.AT_LEAST_ONCE)).result(30)
assert ack.puback.reason_code == mqtt5.PubackReasonCode.NOT_AUTHORIZED
# Aliases both ways: fewer than there are topics.
aliases = settings.topic_alias_maximum_to_server, settings.topic_alias_maximum_to_client
assert aliases == (8, 4)
for n in range(30):
    topic, payload = f"factory/pump-7/alias/{n % 6}", str(n).encode()
    client.publish(mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)).result(30)
    kind, packet = events.get(timeout=30)
    assert kind == "publish" and (packet.topic, bytes(packet.payload)) == (topic, payload), (kind, packet)
client.stop()
assert events.get(timeout=30)[0] == "stopped"
print("ok")
