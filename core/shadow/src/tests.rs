//! What the service promises of its documents, statement by statement.
use expect_test::{Expect, expect};
use sekisho_types::{ShadowId, ShadowName, ThingName, Timestamp};
use serde_json::{Map, Value, json};

use super::*;

fn id(thing: &str, name: Option<&str>) -> ShadowId {
    ShadowId { thing: ThingName::parse(thing).unwrap(), name: name.map(|name| ShadowName::parse(name).unwrap()) }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// Updates a shadow; answers what is told, or the refusal.
fn update(shadows: &mut Shadows, shadow: &ShadowId, payload: &str, seconds: i64) -> Result<Told, Value> {
    let update = Update::parse(payload.as_bytes()).map_err(|rejected| rejected.document())?;
    let (event, told) = shadows.update(shadow, &update, at(seconds)).map_err(|rejected| rejected.document())?;
    shadows.apply(&event);
    Ok(told)
}

fn delete(shadows: &mut Shadows, shadow: &ShadowId, seconds: i64) {
    let (event, _) = shadows.delete(shadow, b"", at(seconds)).unwrap();
    shadows.apply(&event);
}

/// One shadow, updated by one payload after the other, a second apart; what the last one tells, and the whole of it then.
fn check(payloads: &[&str], expected: &Expect) {
    let (mut shadows, shadow, mut last) = (Shadows::default(), id("pump-7", None), None);
    for (seconds, payload) in (1..).zip(payloads) {
        last = Some(update(&mut shadows, &shadow, payload, seconds));
    }
    let mut lines = match last.unwrap() {
        Ok(Told { accepted, delta, documents }) => {
            let delta = delta.map_or("none".to_owned(), |delta| delta.to_string());
            vec![format!("accepted {accepted}"), format!("delta {delta}"), format!("documents {documents}")]
        }
        Err(rejected) => vec![format!("rejected {rejected}")],
    };
    lines.push(format!("get {}", shadows.get(&shadow, at(99)).unwrap_or_default()));
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn an_update_tells_what_it_said_what_differs_and_what_was_before() {
    check(
        &[
            r#"{"state":{"reported":{"color":{"r":255,"g":255,"b":0}}}}"#,
            r#"{"state":{"desired":{"color":{"r":10},"engine":"ON","list":[1,{"a":2}]}},"clientToken":"t-1","version":1}"#,
        ],
        &expect![[r#"
            accepted {"state":{"desired":{"color":{"r":10},"engine":"ON","list":[1,{"a":2}]}},"metadata":{"desired":{"color":{"r":{"timestamp":2}},"engine":{"timestamp":2},"list":[{"timestamp":2},{"a":{"timestamp":2}}]}},"version":2,"timestamp":2,"clientToken":"t-1"}
            delta {"version":2,"timestamp":2,"state":{"color":{"r":10},"engine":"ON","list":[1,{"a":2}]},"metadata":{"color":{"r":{"timestamp":2}},"engine":{"timestamp":2},"list":[{"timestamp":2},{"a":{"timestamp":2}}]},"clientToken":"t-1"}
            documents {"previous":{"state":{"reported":{"color":{"b":0,"g":255,"r":255}}},"metadata":{"reported":{"color":{"b":{"timestamp":1},"g":{"timestamp":1},"r":{"timestamp":1}}}},"version":1},"current":{"state":{"desired":{"color":{"r":10},"engine":"ON","list":[1,{"a":2}]},"reported":{"color":{"b":0,"g":255,"r":255}}},"metadata":{"desired":{"color":{"r":{"timestamp":2}},"engine":{"timestamp":2},"list":[{"timestamp":2},{"a":{"timestamp":2}}]},"reported":{"color":{"b":{"timestamp":1},"g":{"timestamp":1},"r":{"timestamp":1}}}},"version":2},"timestamp":2,"clientToken":"t-1"}
            get {"state":{"desired":{"color":{"r":10},"engine":"ON","list":[1,{"a":2}]},"reported":{"color":{"b":0,"g":255,"r":255}},"delta":{"color":{"r":10},"engine":"ON","list":[1,{"a":2}]}},"metadata":{"desired":{"color":{"r":{"timestamp":2}},"engine":{"timestamp":2},"list":[{"timestamp":2},{"a":{"timestamp":2}}]},"reported":{"color":{"b":{"timestamp":1},"g":{"timestamp":1},"r":{"timestamp":1}}}},"version":2,"timestamp":99}"#]],
    );
}

#[test]
fn null_removes_a_member_and_a_section_and_arrays_are_replaced_whole() {
    check(
        &[
            r#"{"state":{"desired":{"a":{"b":1,"c":2},"l":[1,2,3]},"reported":{"a":{"b":1,"c":2},"l":[1,2,3]}}}"#,
            r#"{"state":{"desired":{"a":{"b":null},"l":[4]},"reported":null}}"#,
        ],
        &expect![[r#"
            accepted {"state":{"desired":{"a":{"b":null},"l":[4]},"reported":null},"metadata":{"desired":{"l":[{"timestamp":2}]}},"version":2,"timestamp":2}
            delta {"version":2,"timestamp":2,"state":{"a":{"c":2},"l":[4]},"metadata":{"a":{"c":{"timestamp":1}},"l":[{"timestamp":2}]}}
            documents {"previous":{"state":{"desired":{"a":{"b":1,"c":2},"l":[1,2,3]},"reported":{"a":{"b":1,"c":2},"l":[1,2,3]}},"metadata":{"desired":{"a":{"b":{"timestamp":1},"c":{"timestamp":1}},"l":[{"timestamp":1},{"timestamp":1},{"timestamp":1}]},"reported":{"a":{"b":{"timestamp":1},"c":{"timestamp":1}},"l":[{"timestamp":1},{"timestamp":1},{"timestamp":1}]}},"version":1},"current":{"state":{"desired":{"a":{"c":2},"l":[4]}},"metadata":{"desired":{"a":{"c":{"timestamp":1}},"l":[{"timestamp":2}]}},"version":2},"timestamp":2}
            get {"state":{"desired":{"a":{"c":2},"l":[4]},"delta":{"a":{"c":2},"l":[4]}},"metadata":{"desired":{"a":{"c":{"timestamp":1}},"l":[{"timestamp":2}]}},"version":2,"timestamp":99}"#]],
    );
    // Nothing is left; the shadow is there, and says so.
    check(
        &[r#"{"state":{"desired":{"a":1}}}"#, r#"{"state":{"desired":null}}"#],
        &expect![[r#"
            accepted {"state":{"desired":null},"metadata":{},"version":2,"timestamp":2}
            delta none
            documents {"previous":{"state":{"desired":{"a":1}},"metadata":{"desired":{"a":{"timestamp":1}}},"version":1},"current":{"state":{},"metadata":{},"version":2},"timestamp":2}
            get {"state":{},"metadata":{},"version":2,"timestamp":99}"#]],
    );
}

#[test]
fn a_number_is_the_same_however_it_is_written_and_only_desired_members_count() {
    check(
        &[
            r#"{"state":{"desired":{"a":20,"b":[1,{"x":1,"y":2}],"c":{}},"reported":{"a":20.0,"b":[1.0,{"y":2,"x":1}],"c":{"d":1},"e":1}}}"#,
        ],
        &expect![[r#"
            accepted {"state":{"desired":{"a":20,"b":[1,{"x":1,"y":2}],"c":{}},"reported":{"a":20.0,"b":[1.0,{"y":2,"x":1}],"c":{"d":1},"e":1}},"metadata":{"desired":{"a":{"timestamp":1},"b":[{"timestamp":1},{"x":{"timestamp":1},"y":{"timestamp":1}}],"c":{}},"reported":{"a":{"timestamp":1},"b":[{"timestamp":1},{"x":{"timestamp":1},"y":{"timestamp":1}}],"c":{"d":{"timestamp":1}},"e":{"timestamp":1}}},"version":1,"timestamp":1}
            delta none
            documents {"current":{"state":{"desired":{"a":20,"b":[1,{"x":1,"y":2}],"c":{}},"reported":{"a":20.0,"b":[1.0,{"x":1,"y":2}],"c":{"d":1},"e":1}},"metadata":{"desired":{"a":{"timestamp":1},"b":[{"timestamp":1},{"x":{"timestamp":1},"y":{"timestamp":1}}],"c":{}},"reported":{"a":{"timestamp":1},"b":[{"timestamp":1},{"x":{"timestamp":1},"y":{"timestamp":1}}],"c":{"d":{"timestamp":1}},"e":{"timestamp":1}}},"version":1},"timestamp":1}
            get {"state":{"desired":{"a":20,"b":[1,{"x":1,"y":2}],"c":{}},"reported":{"a":20.0,"b":[1.0,{"x":1,"y":2}],"c":{"d":1},"e":1}},"metadata":{"desired":{"a":{"timestamp":1},"b":[{"timestamp":1},{"x":{"timestamp":1},"y":{"timestamp":1}}],"c":{}},"reported":{"a":{"timestamp":1},"b":[{"timestamp":1},{"x":{"timestamp":1},"y":{"timestamp":1}}],"c":{"d":{"timestamp":1}},"e":{"timestamp":1}}},"version":1,"timestamp":99}"#]],
    );
}

type Refusal = (&'static str, Vec<u8>, Option<(u16, &'static str)>);

#[test]
fn what_is_no_update_is_refused_in_the_services_words() {
    let nested = |levels: usize| {
        let inside = r#"{"a":"#.repeat(levels);
        format!(r#"{{"state":{{"desired":{inside}1{}}}}}"#, "}".repeat(levels))
    };
    let sized =
        |bytes: usize| format!(r#"{{"state":{{"reported":{{"a":"{}"}}}}}}"#, "x".repeat(bytes - r#"{"a":""}"#.len()));
    let token = |bytes: usize| format!(r#"{{"state":{{}},"clientToken":"{}"}}"#, "é".repeat(bytes / 2));
    #[rustfmt::skip] // iot dev guide                               payload                                                     code, message
    let table: &[Refusal] = &[
        ("error messages: 400",                      b"".to_vec(),                                                Some((400, "Invalid JSON"))),
        ("error messages: 400",                      b"{".to_vec(),                                               Some((400, "Invalid JSON"))),
        ("error messages: 400",                      b"[]".to_vec(),                                              Some((400, "Invalid JSON"))),
        ("error messages: 400",                      br#"{"state":{"desired":{"a":1e999}}}"#.to_vec(),            Some((400, "Invalid JSON"))),
        ("error messages: 415",                      b"{\"state\":{\"desired\":{\"a\":\"\xFF\"}}}".to_vec(),      Some((415, "Unsupported documented encoding; supported encoding is UTF-8"))),
        ("error messages: 400",                      b"{}".to_vec(),                                              Some((400, "Missing required node: state"))),
        ("error messages: 400",                      br#"{"state":null}"#.to_vec(),                               Some((400, "Missing required node: state"))),
        ("error messages: 400",                      br#"{"state":[]}"#.to_vec(),                                 Some((400, "State node must be an object"))),
        ("error messages: 400",                      br#"{"state":{"desired":1}}"#.to_vec(),                      Some((400, "Desired node must be an object"))),
        ("error messages: 400",                      br#"{"state":{"reported":"x"}}"#.to_vec(),                   Some((400, "Reported node must be an object"))),
        ("error messages: 400",                      br#"{"state":{"delta":{}}}"#.to_vec(),                       Some((400, "State contains an invalid node"))),
        ("arrays: no null",                          br#"{"state":{"desired":{"a":[1,null]}}}"#.to_vec(),         Some((400, "State contains an invalid node"))),
        ("arrays: null in an object in one",         br#"{"state":{"desired":{"a":[{"b":null}]}}}"#.to_vec(),     None),
        ("error messages: 400",                      br#"{"state":{},"version":-1}"#.to_vec(),                    Some((400, "Invalid version"))),
        ("error messages: 400",                      br#"{"state":{},"version":"1"}"#.to_vec(),                   Some((400, "Invalid version"))),
        ("error messages: 400",                      br#"{"state":{},"version":1.5}"#.to_vec(),                   Some((400, "Invalid version"))),
        ("error messages: 400",                      br#"{"state":{},"clientToken":1}"#.to_vec(),                 Some((400, "Invalid clientToken"))),
        ("quotas: a token has at most 64 bytes",     token(66).into_bytes(),                                      Some((400, "Invalid clientToken"))),
        ("quotas: a token has at most 64 bytes",     token(64).into_bytes(),                                      None),
        ("quotas: five levels below a section",      nested(6).into_bytes(),                                      None),
        ("quotas: five levels below a section",      nested(7).into_bytes(),                                      Some((400, "JSON contains too many levels of nesting; maximum is 6"))),
        ("quotas: five levels below a section",      nested(300).into_bytes(),                                    Some((400, "Invalid JSON"))),
        ("quotas: a state document has 8 KB",        sized(STATE_BYTES_MAX).into_bytes(),                         None),
        ("quotas: a state document has 8 KB",        sized(STATE_BYTES_MAX + 1).into_bytes(),                     Some((413, "The payload exceeds the maximum size allowed"))),
        ("device-shadow-document: other properties", br#"{"state":{},"metadata":{"x":1},"timestamp":5}"#.to_vec(), None),
    ];
    for (source, payload, expected) in table {
        let found = Update::parse(payload).err().map(|rejected| (rejected.error.code(), rejected.error.to_string()));
        let payload = String::from_utf8_lossy(&payload[..payload.len().min(80)]).into_owned();
        assert_eq!(found, expected.map(|(code, message)| (code, message.to_owned())), "{source}: {payload}");
    }
    let rejected = Update::parse(br#"{"clientToken":"mine"}"#).unwrap_err().document();
    assert_eq!(rejected, json!({"code": 400, "message": "Missing required node: state", "clientToken": "mine"}));
}

#[test]
fn a_version_that_is_not_the_last_one_conflicts_and_versions_go_on_after_a_deletion() {
    let (mut shadows, shadow) = (Shadows::default(), id("pump-7", Some("settings")));
    let versioned =
        |version: u64| format!(r#"{{"state":{{"desired":{{"a":{version}}}}},"version":{version},"clientToken":"c"}}"#);
    let conflict = Err(json!({"code": 409, "message": "Version conflict", "clientToken": "c"}));
    assert_eq!(update(&mut shadows, &shadow, &versioned(1), 1), conflict);
    assert!(update(&mut shadows, &shadow, &versioned(0), 1).is_ok());
    assert_eq!(update(&mut shadows, &shadow, &versioned(0), 1), conflict);
    assert!(update(&mut shadows, &shadow, &versioned(1), 1).is_ok());
    let missing =
        |shadows: &Shadows| shadows.handle_get(&shadow, b"{\"clientToken\":\"g\"}", at(5)).unwrap_err().document();
    let (event, obituary) = shadows.delete(&shadow, br#"{"clientToken":"d"}"#, at(10)).unwrap();
    assert_eq!(obituary, json!({"version": 2, "timestamp": 10, "clientToken": "d"}));
    shadows.apply(&event);
    assert_eq!(
        missing(&shadows),
        json!({"code": 404, "message": "No shadow exists with name: 'settings'", "clientToken": "g"})
    );
    assert_eq!(shadows.delete(&shadow, b"not JSON", at(10)).unwrap_err().error.code(), 404);
    assert_eq!(
        shadows.get(&id("pump-7", None), at(5)).unwrap_err().to_string(),
        "No shadow exists with name: 'pump-7'"
    );
    assert_eq!(shadows.handle_get(&shadow, b"x", at(5)).unwrap_err().error, ShadowError::InvalidJson);
    // Its version is remembered for two days, over a restart too.
    let mut shadows = folded(&shadows);
    assert_eq!(update(&mut shadows, &shadow, &versioned(0), 11), conflict);
    let mut later = shadows.clone();
    let told = update(&mut shadows, &shadow, &versioned(2), 11).unwrap();
    assert_eq!((&told.accepted["version"], told.documents.get("previous")), (&json!(3), None));
    let two_days = i64::try_from(REMEMBERED.as_secs()).unwrap();
    assert_eq!(update(&mut later, &shadow, &versioned(0), 9 + two_days), conflict);
    assert_eq!(update(&mut later, &shadow, &versioned(0), 10 + two_days).unwrap().accepted["version"], 1);
}

#[test]
fn deleted_shadows_are_forgotten_when_their_time_has_come_or_they_are_too_many() {
    let mut shadows = Shadows::default();
    for number in 0..=DELETED_MAX {
        let shadow = id(&format!("t{number}"), None);
        shadows.apply(&Event::Deleted { shadow, version: 7, at: at(number as i64 % 100) });
    }
    assert_eq!((shadows.snapshot().len(), shadows.clone().snapshot().len()), (DELETED_MAX, DELETED_MAX));
    let late = at(50 + i64::try_from(REMEMBERED.as_secs()).unwrap());
    shadows.apply(&Event::Deleted { shadow: id("last", None), version: 1, at: late });
    assert_eq!(shadows.snapshot().len(), 49 * DELETED_MAX / 100 + 1);
}

#[test]
fn a_state_that_grows_beyond_8_kb_is_refused_and_stays_as_it_was() {
    let (mut shadows, shadow) = (Shadows::default(), id("pump-7", None));
    let half = |name: &str| format!(r#"{{"state":{{"desired":{{"{name}":"{}"}}}}}}"#, "x".repeat(STATE_BYTES_MAX / 2));
    update(&mut shadows, &shadow, &half("a"), 1).unwrap();
    assert_eq!(update(&mut shadows, &shadow, &half("b"), 2).unwrap_err()["code"], 413);
    update(&mut shadows, &shadow, &half("a"), 3).unwrap();
    assert_eq!(shadows.get(&shadow, at(3)).unwrap()["version"], 2);
}

#[test]
fn an_account_has_so_many_shadows_and_no_more() {
    let mut shadows = Shadows::default();
    let kept = |bytes| {
        let mut one = Shadow::default();
        one.update(&Map::from_iter([("desired".to_owned(), json!({ "a": "x".repeat(bytes) }))]), 1, at(1));
        std::sync::Arc::new(one)
    };
    let large = kept(8_000);
    let many = BYTES_MAX / large.weight();
    for number in 0..many {
        shadows.apply(&Event::Kept { shadow: id(&number.to_string(), None), is: large.clone() });
    }
    let payload = format!(r#"{{"state":{{"desired":{{"a":"{}"}}}}}}"#, "x".repeat(8_000));
    let full = json!({"code": 429, "message": "The account's shadows are as many or as large as they may be"});
    assert_eq!(update(&mut shadows, &id("new", None), &payload, 1), Err(full));
    // What there is may change, and what shrinks makes room.
    update(&mut shadows, &id("7", None), &payload, 1).unwrap();
    delete(&mut shadows, &id("7", None), 1);
    update(&mut shadows, &id("new", None), &payload, 1).unwrap();
}

#[test]
fn names_are_listed_by_thing_in_order() {
    let mut shadows = Shadows::default();
    for (thing, name) in
        [("a", Some("z")), ("b", None), ("b", Some("y")), ("b", Some("$x")), ("b", Some("w")), ("b-2", Some("v"))]
    {
        update(&mut shadows, &id(thing, name), r#"{"state":{}}"#, 1).unwrap();
    }
    let thing = ThingName::parse("b").unwrap();
    let names = |after: Option<&str>| {
        let after = after.map(|name| ShadowName::parse(name).unwrap());
        shadows.names(&thing, after.as_ref()).map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["$x", "w", "y"]);
    assert_eq!(names(Some("w")), ["y"]);
    assert_eq!(shadows.names(&ThingName::parse("nobody").unwrap(), None).count(), 0);
}

#[test]
fn topics() {
    use Method::{Delete, Get, Update};
    #[rustfmt::skip] // iot dev guide                     topic                                                what it is
    let table: &[(&str, &str, Option<ShadowTopic>)] = &[
        ("device-shadow-mqtt: /get",               "$aws/things/t/shadow/get",                         Some(ShadowTopic::Call(Get, id("t", None)))),
        ("device-shadow-mqtt: /update",            "$aws/things/t/shadow/name/n/update",               Some(ShadowTopic::Call(Update, id("t", Some("n"))))),
        ("device-shadow-mqtt: /delete",            "$aws/things/a:b/shadow/delete",                    Some(ShadowTopic::Call(Delete, id("a:b", None)))),
        ("a shadow called name",                   "$aws/things/t/shadow/name/name/get",               Some(ShadowTopic::Call(Get, id("t", Some("name"))))),
        ("device-shadow-mqtt: /get/accepted",      "$aws/things/t/shadow/get/accepted",                Some(ShadowTopic::Reply)),
        ("device-shadow-mqtt: /update/delta",      "$aws/things/t/shadow/name/n/update/delta",         Some(ShadowTopic::Reply)),
        ("device-shadow-mqtt: /update/documents",  "$aws/things/t/shadow/update/documents",            Some(ShadowTopic::Reply)),
        ("no such answer",                         "$aws/things/t/shadow/get/delta",                   Some(ShadowTopic::Unknown)),
        ("no such answer",                         "$aws/things/t/shadow/update/accepted/x",           Some(ShadowTopic::Unknown)),
        ("no such request",                        "$aws/things/t/shadow/put",                         Some(ShadowTopic::Unknown)),
        ("no such request",                        "$aws/things/t/shadow/name/n",                      Some(ShadowTopic::Unknown)),
        ("no such request",                        "$aws/things/t/shadow",                             Some(ShadowTopic::Unknown)),
        ("iot-data: ShadowName pattern",           "$aws/things/t/shadow/name/a.b/get",                Some(ShadowTopic::Unknown)),
        ("iot: ThingName pattern",                 "$aws/things/a b/shadow/get",                       Some(ShadowTopic::Unknown)),
        ("another topic",                          "$aws/things/t/shadows/get",                        None),
        ("another topic",                          "$aws/things/t/jobs/get",                           None),
        ("another topic",                          "things/t/shadow/get",                              None),
    ];
    for (source, topic, expected) in table {
        assert_eq!(ShadowTopic::parse(topic), *expected, "{source}: {topic}");
        if let Some(ShadowTopic::Call(method, shadow)) = expected {
            assert_eq!(method.topic(shadow), *topic);
        }
    }
}

/// What is left after a restart: the snapshot, written and read.
fn folded(shadows: &Shadows) -> Shadows {
    let json = serde_json::to_string(&shadows.snapshot()).unwrap();
    let events: Vec<Event> = serde_json::from_str(&json).unwrap();
    let mut again = Shadows::default();
    events.iter().for_each(|event| again.apply(event));
    again
}

#[test]
fn ten_thousand_shadows_fold_again_from_their_snapshot() {
    let mut shadows = Shadows::default();
    for number in 0..10_000 {
        // A state that another start reads otherwise would be another state: seventeen digits each.
        let exact = (number as f64 / 7.0).sqrt() * 1e-12;
        let state = json!({ "desired": { "n": number, "t": exact }, "reported": { "n": 0, "l": [1, 2, { "x": [] }] } });
        let payload = json!({ "state": state }).to_string();
        update(&mut shadows, &id(&format!("t{}", number / 10), Some(&number.to_string())), &payload, number).unwrap();
    }
    delete(&mut shadows, &id("t7", Some("77")), 77);
    let again = folded(&shadows);
    assert_eq!((again.snapshot(), again.snapshot().len()), (shadows.snapshot(), 10_000));
}

/// What stands around a leaf weighs too, and takes no more than its place: this was 1.6 MB once, and counted as 32 KB.
#[test]
fn a_shadow_weighs_every_object_in_it() {
    let leaf = r#"{"":{"":{"":{"":1}}}}"#;
    let leaves = (STATE_BYTES_MAX - 30) / (leaf.len() + 1);
    let payload = format!(r#"{{"state":{{"reported":{{"a":[{}]}}}}}}"#, vec![leaf; leaves].join(","));
    let (mut shadows, shadow) = (Shadows::default(), id("pump-7", None));
    update(&mut shadows, &shadow, &payload, 1).unwrap();
    let Event::Kept { is, .. } = &shadows.snapshot()[0] else { panic!("a shadow") };
    let place = size_of::<(Box<str>, crate::tree::Node)>();
    assert!(is.weight() >= leaves * 4 * place, "{leaves} leaves in four objects each: {}", is.weight());
    assert!(is.weight() <= leaves * 5 * (place + 16) + 1_024, "{}", is.weight());
}

#[test]
fn a_snapshot_of_an_earlier_version_is_read() {
    let kept = r#"{"desired":{"o":{"o":{"b":{"v":[true,7]}}},"a":{"a":[{"v":["x",7]},{"v":[1.5,8]}]}},
        "version":3,"state_bytes":38,"leaves":3}"#;
    let is: Shadow = serde_json::from_str(kept).unwrap();
    let mut shadows = Shadows::default();
    shadows.apply(&Event::Kept { shadow: id("pump-7", None), is: is.clone().into() });
    let state = &shadows.get(&id("pump-7", None), at(9)).unwrap()["state"]["desired"];
    assert_eq!(*state, json!({ "a": ["x", 1.5], "o": { "b": true } }));
    let again = serde_json::to_value(&is).unwrap();
    assert_eq!(again["desired"], serde_json::from_str::<Value>(kept).unwrap()["desired"]);
}

/// JSON out of nothing but bytes: small alphabets, so that both sides often say the same.
fn value(bytes: &mut impl Iterator<Item = u8>, level: usize) -> Value {
    let byte = bytes.next().unwrap_or_default();
    match byte % 8 {
        0 if level > 0 => Value::Null,
        1 => json!(byte > 128),
        2 => json!(["x", "y"][usize::from(byte) / 128]),
        3 => json!(0.1 + f64::from(byte / 64)),
        4 if level < 4 => (0..byte / 64).map(|_| value(bytes, 0)).filter(|value| !value.is_null()).collect(),
        5..8 if level < 4 => {
            let members =
                (0..byte / 32).map(|_| (["a", "b", "c"][usize::from(bytes.next().unwrap_or_default()) % 3], ()));
            members
                .collect::<Vec<_>>()
                .into_iter()
                .map(|(name, ())| (name.to_owned(), value(bytes, level + 1)))
                .collect()
        }
        _ => json!(byte / 100),
    }
}

fn object(bytes: &mut impl Iterator<Item = u8>) -> Map<String, Value> {
    ["a", "b", "c"].into_iter().map(|name| (name.to_owned(), value(bytes, 1))).collect()
}

/// The members of objects by their paths; everything else is one value.
fn paths(value: &Value, path: &str, into: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| paths(value, &format!("{path}/{name}"), into))
        }
        other => into.push((path.to_owned(), other.clone())),
    }
}

fn numbers_alike(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Number(one), Value::Number(two)) => one.as_f64() == two.as_f64(),
        (Value::Array(one), Value::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| numbers_alike(one, two))
        }
        (Value::Object(one), Value::Object(two)) => {
            one.len() == two.len()
                && one.iter().all(|(name, one)| two.get(name).is_some_and(|two| numbers_alike(one, two)))
        }
        (one, two) => one == two,
    }
}

#[test]
fn a_delta_is_every_desired_value_that_is_not_reported_and_events_fold_the_same() {
    bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
        let mut bytes = bytes.iter().copied();
        let (mut shadows, shadow) = (Shadows::default(), id("t", None));
        let mut replayed = Shadows::default();
        for seconds in 1..4 {
            let state = json!({ "desired": object(&mut bytes), "reported": object(&mut bytes) });
            let payload = json!({ "state": state }).to_string();
            let Ok(parsed) = Update::parse(payload.as_bytes()) else { return };
            let (event, told) = shadows.update(&shadow, &parsed, at(seconds)).unwrap();
            shadows.apply(&event);
            replayed.apply(&serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap());
            let current = &told.documents["current"]["state"];
            let reported = current.get("reported").cloned().unwrap_or_else(|| json!({}));
            let (mut expected, mut found) = (Vec::new(), Vec::new());
            paths(current.get("desired").unwrap_or(&json!({})), "", &mut expected);
            expected.retain(|(path, value)| !reported.pointer(path).is_some_and(|other| numbers_alike(value, other)));
            told.delta.iter().for_each(|delta| paths(&delta["state"], "", &mut found));
            assert_eq!(found, expected, "{current}");
            // The metadata has a time wherever the state has a value.
            let times = told.documents["current"]["metadata"].to_string().matches("timestamp").count();
            assert_eq!(times, leaves(current), "{current}");
        }
        assert_eq!(replayed.snapshot(), shadows.snapshot());
        assert_eq!(folded(&shadows).snapshot(), shadows.snapshot());
    });
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Object(members) => members.values().map(leaves).sum(),
        _ => 1,
    }
}

#[test]
fn nothing_a_peer_sends_panics_and_what_is_taken_is_within_its_limits() {
    bolero::check!(name = "shadow_update").for_each(|bytes: &[u8]| {
        let (mut shadows, shadow) = (Shadows::default(), id("t", None));
        let _ = (shadows.handle_get(&shadow, bytes, at(1)), shadows.delete(&shadow, bytes, at(1)));
        for seconds in 1..3 {
            let Ok(update) = Update::parse(bytes) else { return };
            let Ok((event, told)) = shadows.update(&shadow, &update, at(seconds)) else { return };
            shadows.apply(&event);
            assert!(told.documents["current"]["state"].to_string().len() <= STATE_BYTES_MAX + 32);
            assert_eq!(folded(&shadows).snapshot(), shadows.snapshot());
        }
    });
}
