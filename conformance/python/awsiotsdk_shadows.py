"""awsiotsdk's iotshadow, both clients, over MQTT 3.1.1 and 5: get, update, delete, delta and documents, classic and named."""
import concurrent.futures
import os
import queue

from awscrt import mqtt, mqtt5, mqtt_request_response
from awsiot import ServiceStreamOptions, V2ServiceException, iotshadow, mqtt5_client_builder, mqtt_connection_builder

PORT = int(os.environ["MQTT_PORT"])
QOS = mqtt.QoS.AT_LEAST_ONCE
COMMON = {"cert_filepath": "pump-7.pem", "pri_key_filepath": "pump-7.key", "ca_filepath": os.environ["CA"], "endpoint": "localhost", "port": PORT, "client_id": "pump-7"}


def mqtt3():
    connection = mqtt_connection_builder.mtls_from_path(clean_session=True, keep_alive_secs=30, **COMMON)
    connection.connect().result(30)
    return connection, lambda: connection.disconnect().result(30)


def mqtt_5():
    connected, stopped = concurrent.futures.Future(), concurrent.futures.Future()
    client = mqtt5_client_builder.mtls_from_path(
        on_lifecycle_connection_success=lambda data: connected.done() or connected.set_result(data),
        on_lifecycle_connection_failure=lambda data: connected.done() or connected.set_exception(data.exception),
        on_lifecycle_stopped=stopped.set_result, **COMMON)
    client.start()
    connected.result(30)
    return client, lambda: (client.stop(), stopped.result(30))


def one(connection):
    """IotShadowClient: subscribes and publishes by itself."""
    client = iotshadow.IotShadowClient(connection)
    heard = queue.Queue()
    for operation in ("get", "update", "delete"):
        words = operation.capitalize()
        subscription = getattr(iotshadow, f"{words}ShadowSubscriptionRequest")(thing_name="pump-7")
        for outcome in ("accepted", "rejected"):
            subscribe = getattr(client, f"subscribe_to_{operation}_shadow_{outcome}")
            subscribe(subscription, QOS, lambda answer, kind=f"{operation} {outcome}": heard.put((kind, answer)))[0].result(30)
    client.subscribe_to_shadow_delta_updated_events(
        iotshadow.ShadowDeltaUpdatedSubscriptionRequest(thing_name="pump-7"), QOS, lambda event: heard.put(("delta", event)))[0].result(30)
    client.subscribe_to_shadow_updated_events(
        iotshadow.ShadowUpdatedSubscriptionRequest(thing_name="pump-7"), QOS, lambda event: heard.put(("documents", event)))[0].result(30)

    def next(kind):
        found, answer = heard.get(timeout=30)
        assert found == kind, (found, kind, answer)
        return answer

    client.publish_get_shadow(iotshadow.GetShadowRequest(thing_name="pump-7", client_token="a"), QOS).result(30)
    error = next("get rejected")
    assert (error.code, error.message, error.client_token) == (404, "No shadow exists with name: 'pump-7'", "a")
    state = iotshadow.ShadowState(desired={"color": "red"}, reported={"color": "blue"})
    client.publish_update_shadow(iotshadow.UpdateShadowRequest(thing_name="pump-7", state=state, client_token="b"), QOS).result(30)
    accepted = next("update accepted")
    assert (accepted.state.desired, accepted.client_token) == ({"color": "red"}, "b")
    assert next("delta").state == {"color": "red"}
    assert next("documents").current.state.reported == {"color": "blue"}
    client.publish_get_shadow(iotshadow.GetShadowRequest(thing_name="pump-7"), QOS).result(30)
    got = next("get accepted")
    assert (got.state.delta, got.version) == ({"color": "red"}, accepted.version)
    # The SDK's way to take a section away
    state = iotshadow.ShadowState(desired=None, desired_is_nullable=True)
    client.publish_update_shadow(iotshadow.UpdateShadowRequest(thing_name="pump-7", state=state, version=got.version), QOS).result(30)
    next("update accepted")
    documents = next("documents")
    assert (documents.previous.state.desired, documents.current.state.desired) == ({"color": "red"}, None)
    client.publish_update_shadow(iotshadow.UpdateShadowRequest(thing_name="pump-7", state=state, version=got.version), QOS).result(30)
    assert next("update rejected").code == 409
    client.publish_delete_shadow(iotshadow.DeleteShadowRequest(thing_name="pump-7"), QOS).result(30)
    assert next("delete accepted").version == got.version + 1


def two(connection):
    """IotShadowClientV2: a future for each request, a stream for what is told."""
    options = mqtt_request_response.ClientOptions(max_request_response_subscriptions=6, max_streaming_subscriptions=4, operation_timeout_in_seconds=30)
    client = iotshadow.IotShadowClientV2(connection, options)

    def rejected(code, future):
        try:
            future.result(60)
        except V2ServiceException as error:
            assert error.modeled_error.code == code, error.modeled_error
            return error.modeled_error
        raise AssertionError(f"{code} expected")

    def stream(create, request):
        events, open_ = queue.Queue(), concurrent.futures.Future()

        def status(event):
            if event.type == mqtt_request_response.SubscriptionStatusEventType.SUBSCRIPTION_ESTABLISHED and not open_.done():
                open_.set_result(True)

        operation = create(request, ServiceStreamOptions(incoming_event_listener=events.put, subscription_status_listener=status))
        operation.open()
        open_.result(30)
        return events, operation

    name = {"thing_name": "pump-7", "shadow_name": "sdk"}
    deltas, one_ = stream(client.create_named_shadow_delta_updated_stream, iotshadow.NamedShadowDeltaUpdatedSubscriptionRequest(**name))
    documents, two_ = stream(client.create_named_shadow_updated_stream, iotshadow.NamedShadowUpdatedSubscriptionRequest(**name))
    error = rejected(404, client.get_named_shadow(iotshadow.GetNamedShadowRequest(**name)))
    assert error.message == "No shadow exists with name: 'sdk'"
    state = iotshadow.ShadowState(desired={"color": "red"}, reported={"color": "blue"})
    updated = client.update_named_shadow(iotshadow.UpdateNamedShadowRequest(state=state, **name)).result(60)
    assert updated.state.desired == {"color": "red"}
    assert deltas.get(timeout=30).state == {"color": "red"}
    assert documents.get(timeout=30).current.version == updated.version
    got = client.get_named_shadow(iotshadow.GetNamedShadowRequest(**name)).result(60)
    assert (got.state.delta, got.version) == ({"color": "red"}, updated.version)
    rejected(409, client.update_named_shadow(iotshadow.UpdateNamedShadowRequest(state=state, version=updated.version + 1, **name)))
    rejected(413, client.update_named_shadow(iotshadow.UpdateNamedShadowRequest(state=iotshadow.ShadowState(desired={"a": "x" * 9000}), **name)))
    # A delta comes as long as there is one
    state = iotshadow.ShadowState(reported={"speed": 1})
    client.update_named_shadow(iotshadow.UpdateNamedShadowRequest(state=state, version=updated.version, **name)).result(60)
    assert deltas.get(timeout=30).state == {"color": "red"}
    assert client.delete_named_shadow(iotshadow.DeleteNamedShadowRequest(**name)).result(60).version == updated.version + 1
    # The classic one beside it
    request = iotshadow.UpdateShadowRequest(thing_name="pump-7", state=iotshadow.ShadowState(reported={"a": 1}))
    assert client.update_shadow(request).result(60).state.reported == {"a": 1}
    assert client.delete_shadow(iotshadow.DeleteShadowRequest(thing_name="pump-7")).result(60).version
    rejected(404, client.delete_shadow(iotshadow.DeleteShadowRequest(thing_name="pump-7")))
    del one_, two_


for connect in (mqtt3, mqtt_5):
    for client in (one, two):
        if (connect, client) == (mqtt_5, one):
            # The older client takes a connection of MQTT 5 through an adapter of the SDK's.
            connection, close = mqtt_5()
            one(connection.new_connection())
            close()
            continue
        connection, close = connect()
        client(connection)
        close()
print("ok")
