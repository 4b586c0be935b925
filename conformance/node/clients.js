// The `mqtt` package in MQTT 3.1.1 and 5 over mutual TLS: publish, subscribe, retained, shared, will, and a session that is resumed.
const fs = require("fs");
const assert = require("assert");
const mqtt = require(process.env.NODE_MQTT);

const open = (name, version, more = {}) =>
  mqtt.connectAsync({
    host: "localhost", port: Number(process.env.MQTT_PORT), protocol: "mqtts", protocolVersion: version, clientId: name,
    ca: fs.readFileSync(process.env.CA), cert: fs.readFileSync(`${name}.pem`), key: fs.readFileSync(`${name}.key`),
    reconnectPeriod: 0, ...more,
  });

// The next message of a client, which must come.
const next = (client) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("nothing came")), 30000);
    client.once("message", (topic, payload, packet) => { clearTimeout(timer); resolve({ topic, text: payload.toString(), packet }); });
  });

// Messages that come before the application listens are kept by this, from the connection on.
const queued = (options) => {
  const waiting = [];
  const client = mqtt.connect(options);
  client.on("message", (topic, payload) => waiting.push(`${topic} ${payload}`));
  return { client, waiting };
};

const until = async (what, ask) => {
  for (let tries = 0; tries < 600; tries++) {
    if (ask()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain: ${what}`);
};

(async () => {
  for (const version of [4, 5]) {
    const says = await open("pump-8", version);
    const hears = await open("pump-7", version, {
      will: { topic: "shared/node/will", payload: "gone", qos: 1, retain: false },
    });
    await says.publishAsync("shared/node/kept", `kept by ${version}`, { qos: 1, retain: true });
    let heard = next(hears);
    const granted = await hears.subscribeAsync("shared/node/kept", { qos: 1 });
    assert.equal(granted[0].qos, 1);
    const kept = await heard;
    assert.deepEqual([kept.text, kept.packet.retain], [`kept by ${version}`, true]);
    await hears.subscribeAsync("shared/node/live", { qos: 1 });
    heard = next(hears);
    await says.publishAsync("shared/node/live", "live", { qos: 1 });
    assert.equal((await heard).packet.retain, false);
    await hears.unsubscribeAsync("shared/node/kept");
    await assert.rejects(hears.subscribeAsync("forbidden/x", { qos: 1 }), "what no policy allows is refused");

    // A will, of a client that goes without a word.
    await says.subscribeAsync("shared/node/will", { qos: 1 });
    const last = next(says);
    hears.stream.destroy();
    assert.equal((await last).text, "gone");

    // A session, and what came meanwhile.
    const session = { clean: false, properties: version === 5 ? { sessionExpiryInterval: 600 } : undefined };
    const stays = await open("pump-7", version, session);
    await stays.subscribeAsync("shared/node/queue", { qos: 1 });
    await stays.endAsync();
    for (const n of [1, 2, 3]) await says.publishAsync("shared/node/queue", `${n}`, { qos: 1 });
    const { client, waiting } = queued({
      host: "localhost", port: Number(process.env.MQTT_PORT), protocol: "mqtts", protocolVersion: version, clientId: "pump-7",
      ca: fs.readFileSync(process.env.CA), cert: fs.readFileSync("pump-7.pem"), key: fs.readFileSync("pump-7.key"),
      reconnectPeriod: 0, ...session,
    });
    let present;
    client.on("connect", (connack) => { present = connack.sessionPresent; });
    await until("three messages", () => waiting.length === 3);
    assert.deepEqual(waiting, [1, 2, 3].map((n) => `shared/node/queue ${n}`));
    assert.equal(present, true);

    // A group of one.
    await client.subscribeAsync("$share/team/shared/node/jobs", { qos: 1 });
    await says.publishAsync("shared/node/jobs", "job", { qos: 1 });
    await until("the job", () => waiting.includes("shared/node/jobs job"));
    await client.endAsync();
    await says.endAsync();
    await (await open("pump-7", version, { clean: true })).endAsync();
  }
  console.log("ok");
  process.exit(0);
})().catch((error) => { console.error(error); process.exit(1); });
