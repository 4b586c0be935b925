"""Stored sessions through awscrt's MQTT 5 client, as the AWS IoT Device SDK v2 uses it: rejoin, and what waited."""
import os
import queue

from awscrt import mqtt5
from awsiot import mqtt5_client_builder


def client(rejoin):
    heard, connected, stopped = queue.Queue(), queue.Queue(), queue.Queue()
    c = mqtt5_client_builder.mtls_from_path(
        endpoint="localhost",
        port=int(os.environ["MQTT_PORT"]),
        cert_filepath="pump-7.pem",
        pri_key_filepath="pump-7.key",
        ca_filepath=os.environ["CA"],
        client_id="pump-7",
        session_behavior=mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS if rejoin else mqtt5.ClientSessionBehaviorType.CLEAN,
        session_expiry_interval_sec=600,
        on_publish_received=lambda data: heard.put(data.publish_packet),
        on_lifecycle_connection_success=lambda data: connected.put(data.connack_packet),
        on_lifecycle_stopped=lambda data: stopped.put(data),
    )
    c.start()
    connack = connected.get(timeout=30)
    return c, heard, stopped, connack


def stop(c, stopped):
    c.stop(mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.NORMAL_DISCONNECTION))
    stopped.get(timeout=30)


c, heard, stopped, connack = client(rejoin=False)
assert not connack.session_present and connack.session_expiry_interval_sec == 600
subscription = mqtt5.Subscription(topic_filter="shared/sdk", qos=mqtt5.QoS.AT_LEAST_ONCE)
assert c.subscribe(mqtt5.SubscribePacket(subscriptions=[subscription])).result(30).reason_codes[0] == 1
stop(c, stopped)
os.system(
    "mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-8.pem --key pump-8.key -i pump-8 -q 1 -t shared/sdk -m waited"
)
c, heard, stopped, connack = client(rejoin=True)
assert connack.session_present
assert heard.get(timeout=30).payload == b"waited"
stop(c, stopped)
print("ok")
