//! Stories of one session, and random histories of several.
use bytes::Bytes;
use sekisho_types::MessageProperties;

use super::*;
use crate::session::Waiting;

const HOUR_S: u32 = 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn client(name: &str) -> ClientId {
    ClientId::parse(name).unwrap()
}

fn filter(text: &str) -> TopicFilter {
    TopicFilter::parse(text).unwrap()
}

fn message(payload: &'static str) -> Message {
    Message { topic: "a/b".into(), payload: payload.into(), properties: MessageProperties::default() }
}

fn addressed(session: SessionId) -> Addressee {
    Addressee { session, qos: QoS::AtLeastOnce, retain: false, subscriptions: Box::default() }
}

const AT_LEAST_ONCE: Grant = Grant::at(QoS::AtLeastOnce);

impl Sessions {
    fn applied(&mut self, events: impl IntoIterator<Item = Event>) -> usize {
        events.into_iter().map(|event| self.apply(&event)).count()
    }

    fn connects(&mut self, name: &str, clean_start: bool, expiry_s: u32, now: i64) -> Option<Seat> {
        let client_id = &client(name);
        let hello =
            Hello { client_id, protocol_version: ProtocolVersion::V5, either_version: false, clean_start, expiry_s };
        let (events, seat) = self.connect(hello, &Limits::default(), at(now)).unwrap();
        self.applied(events);
        seat
    }

    fn subscribes(&mut self, seat: &Seat, to: &str) -> Result<usize, SessionFull> {
        let events = self.subscribe(seat, &filter(to), AT_LEAST_ONCE, &Limits::default())?;
        Ok(self.applied(events))
    }

    fn queues(&mut self, payload: &'static str, to: &[Addressee]) {
        let (event, full) = self.queue(message(payload), to, &Limits::default());
        assert_eq!(full, []);
        self.applied(event);
    }

    fn waits(&self, session: SessionId) -> Vec<(u16, &[u8])> {
        let waiting = self.get(session).unwrap().after(0);
        waiting.map(|(_, waiting)| (waiting.identifier.number(), waiting.message.payload.as_ref())).collect()
    }
}

fn identifiers(numbers: &[u16]) -> Vec<PacketIdentifier> {
    numbers.iter().map(|&number| PacketIdentifier::new(number).unwrap()).collect()
}

#[test]
fn a_session_is_begun_resumed_and_ended_as_connect_says() {
    let mut sessions = Sessions::default();
    assert_eq!(sessions.connects("a", false, 0, 0), None, "nothing to keep");
    let first = sessions.connects("a", false, HOUR_S, 0).unwrap();
    assert!(!first.is_present);
    sessions.subscribes(&first, "a/#").unwrap();
    sessions.applied(sessions.leave(&first, HOUR_S, 0, at(10)));

    let again = sessions.connects("a", false, HOUR_S, 20).unwrap();
    assert!(again.is_present && again.session == first.session);
    assert_eq!(sessions.get(again.session).unwrap().subscriptions().count(), 1);
    assert!(sessions.leave(&first, 0, 0, at(30)).is_empty(), "the older connection has no say any more");

    let anew = sessions.connects("a", true, HOUR_S, 40).unwrap();
    assert!(!anew.is_present && anew.session != first.session);
    assert!(sessions.get(first.session).is_none(), "[MQTT-3.1.2-4]");

    let client_id = &client("a");
    let other = Hello {
        client_id,
        protocol_version: ProtocolVersion::V311,
        either_version: false,
        clean_start: false,
        expiry_s: HOUR_S,
    };
    let by_the_standard = sessions.connect(Hello { either_version: true, ..other }, &Limits::default(), at(50));
    assert!(by_the_standard.unwrap().1.unwrap().is_present, "[MQTT-3.1.2-5]");
    let (events, seat) = sessions.connect(other, &Limits::default(), at(50)).unwrap();
    assert!(!seat.unwrap().is_present && events[0] == Event::Ended { session: anew.session }, "the other version");
    sessions.applied(events);
    sessions.connects("a", true, 0, 60);
    assert_eq!(sessions.iter().count(), 0);
}

#[test]
fn a_session_expires_when_its_time_is_over_and_not_while_it_is_connected() {
    let mut sessions = Sessions::default();
    let seat = sessions.connects("a", true, 100, 0).unwrap();
    let forever = sessions.connects("b", true, u32::MAX, 0).unwrap();
    assert!(sessions.expired(at(1_000)).is_empty(), "connected");
    sessions.applied(sessions.leave(&seat, 100, 0, at(1_000)));
    sessions.applied(sessions.leave(&forever, u32::MAX, 0, at(1_000)));
    assert!(sessions.expired(at(1_099)).is_empty());
    assert_eq!(sessions.expired(at(1_100)), [Event::Ended { session: seat.session }]);
    // Nobody looked yet, and its client is back: too late all the same.
    assert!(!sessions.connects("a", false, 100, 1_100).unwrap().is_present);
    assert!(sessions.expired(at(i64::MAX / 2_000)).is_empty(), "resumed, and for ever");
    let seat = sessions.connects("a", false, 0, 1_200).unwrap();
    assert!(seat.is_present);
    assert_eq!(sessions.leave(&seat, 0, 0, at(1_300)), [Event::Ended { session: seat.session }]);
}

#[test]
fn what_waits_keeps_its_order_and_identifier_until_it_is_acknowledged() {
    let mut sessions = Sessions::default();
    let seat = sessions.connects("a", true, HOUR_S, 0).unwrap();
    let session = seat.session;
    for payload in ["one", "two", "three"] {
        sessions.queues(payload, &[addressed(session)]);
    }
    assert_eq!(sessions.waits(session), [(1, &b"one"[..]), (2, b"two"), (3, b"three")]);
    sessions.applied(sessions.acknowledge(&seat, &identifiers(&[2, 2, 9])));
    assert!(sessions.acknowledge(&seat, &identifiers(&[2])).is_empty());
    sessions.applied(sessions.leave(&seat, HOUR_S, 3, at(1)));
    sessions.connects("a", false, HOUR_S, 2).unwrap();
    assert_eq!(sessions.waits(session), [(1, &b"one"[..]), (3, b"three")]);
    assert_eq!(sessions.get(session).unwrap().sent(), 3);
    let seat = sessions.connects("a", false, HOUR_S, 3).unwrap();
    assert_eq!(sessions.get(session).unwrap().sent(), 3, "taken over: all that waits may have been sent");
    sessions.queues("four", &[addressed(session), addressed(session)]);
    assert_eq!(sessions.waits(session)[2..], [(4, &b"four"[..]), (5, b"four")], "once by itself, once in a group");
    sessions.applied(sessions.acknowledge(&seat, &identifiers(&[1, 3, 4, 5])));
    assert_eq!((sessions.bytes, sessions.get(session).unwrap().bytes), (0, 0));
}

/// [MQTT-2.2.1-4].
#[test]
fn an_identifier_is_not_given_twice_at_a_time() {
    let mut sessions = Sessions::default();
    let seat = sessions.connects("a", true, HOUR_S, 0).unwrap();
    sessions.queues("kept", &[addressed(seat.session)]);
    for _ in 0..65_534 {
        sessions.queues("passes", &[addressed(seat.session)]);
        let passed = sessions.waits(seat.session)[1].0;
        sessions.applied(sessions.acknowledge(&seat, &identifiers(&[passed])));
    }
    sessions.queues("next", &[addressed(seat.session)]);
    assert_eq!(sessions.waits(seat.session), [(1, &b"kept"[..]), (2, b"next")]);
}

#[test]
fn a_full_session_keeps_what_it_has() {
    let mut sessions = Sessions::default();
    let full = sessions.connects("a", true, HOUR_S, 0).unwrap().session;
    let other = sessions.connects("b", true, HOUR_S, 0).unwrap().session;
    let limits = Limits { messages_per_session: 2, ..Limits::default() };
    for _ in 0..2 {
        sessions.applied(sessions.queue(message("x"), &[addressed(full)], &limits).0);
    }
    let (event, without_room) = sessions.queue(message("y"), &[addressed(full), addressed(other)], &limits);
    assert_eq!(without_room, [full]);
    sessions.applied(event);
    assert_eq!((sessions.waits(full).len(), sessions.waits(other).len()), (2, 1));
    for limits in [
        Limits { bytes_per_session: sessions.get(full).unwrap().bytes, ..Limits::default() },
        Limits { bytes: sessions.bytes, ..Limits::default() },
    ] {
        assert_eq!(sessions.queue(message("y"), &[addressed(full)], &limits), (None, vec![full]));
    }
    // User properties without a letter, and a message's place in every session, weigh what they take.
    let user_properties = vec![(String::new(), String::new()); 26_000];
    let properties = MessageProperties { user_properties, ..MessageProperties::default() };
    let wordy = Message { properties, ..message("x") };
    let limits = Limits { bytes_per_session: 1024 * 1024, ..Limits::default() };
    assert_eq!(sessions.queue(wordy, &[addressed(other)], &limits), (None, vec![other]));
    let limits = Limits { bytes: sessions.bytes + message("y").bytes() + place_bytes(&[]), ..Limits::default() };
    let (event, without_room) = sessions.queue(message("y"), &[addressed(full), addressed(other)], &limits);
    assert_eq!((event.is_some(), without_room), (true, vec![other]));
    // So do the names of the subscriptions it is for, of each time it is for the same session.
    let named = |count: u32| Addressee { subscriptions: (0..count).collect(), ..addressed(other) };
    let room = sessions.get(other).unwrap().weight() + 2 * (message("y").bytes() + place_bytes(&[]));
    for (names, more, is_taken) in [([0, 0], 0, 2), ([9, 0], 0, 1), ([9, 0], 48, 2), ([0, 9], 47, 1)] {
        let limits = Limits { bytes_per_session: room + more, ..Limits::default() };
        let (event, without_room) = sessions.queue(message("y"), &names.map(named), &limits);
        let Some(Event::Queued { to, .. }) = event else { panic!("{names:?}") };
        assert_eq!((to.len(), without_room.len()), (is_taken, 2 - is_taken), "{names:?}");
    }
    let limits = Limits { sessions: 2, ..Limits::default() };
    for (name, is_let_in) in [("c", false), ("a", true)] {
        let client_id = &client(name);
        let hello = Hello {
            client_id,
            protocol_version: ProtocolVersion::V5,
            either_version: false,
            clean_start: false,
            expiry_s: HOUR_S,
        };
        assert_eq!(sessions.connect(hello, &limits, at(0)).is_ok(), is_let_in);
    }
}

#[test]
fn quality_two_goes_both_ways() {
    let mut sessions = Sessions::default();
    let seat = sessions.connects("a", true, HOUR_S, 0).unwrap();
    let [one, two] = identifiers(&[1, 2])[..] else { unreachable!() };
    sessions.queues("qos 1", &[addressed(seat.session)]);
    sessions.queues("qos 2", &[Addressee { qos: QoS::ExactlyOnce, ..addressed(seat.session) }]);
    assert!(sessions.receive(&seat, one).is_empty(), "PUBREC for QoS 1");
    assert_eq!(sessions.applied(sessions.receive(&seat, two)), 1);
    assert!(sessions.receive(&seat, two).is_empty(), "known");
    assert_eq!(sessions.applied(sessions.take(&seat, one)), 1);
    assert!(sessions.take(&seat, one).is_empty(), "the same message again");
    assert_eq!(sessions.get(seat.session).unwrap().taken().collect::<Vec<_>>(), [one]);
    assert_eq!(sessions.applied(sessions.release(&seat, one)), 1);
    assert!(sessions.release(&seat, one).is_empty());
    assert!(sessions.get(seat.session).unwrap().after(1).all(|(_, waiting)| waiting.received));
}

#[test]
fn a_server_that_was_stopped_knows_that_nobody_is_connected() {
    let mut sessions = Sessions::default();
    let stays = sessions.connects("stays", true, HOUR_S, 0).unwrap();
    let goes = sessions.connects("goes", true, HOUR_S, 0).unwrap();
    sessions.applied(sessions.leave(&goes, HOUR_S, 0, at(1)));
    let goes = sessions.connects("goes", false, 0, 2).unwrap();
    sessions.queues("sent, perhaps", &[addressed(stays.session)]);
    let events = sessions.recover(at(10));
    sessions.applied(events);
    assert!(sessions.get(goes.session).is_none(), "it was to end with its connection");
    let known = sessions.get(stays.session).unwrap();
    assert!(!known.is_connected() && known.sent() == known.last());
    assert!(sessions.recover(at(11)).is_empty());
    assert_eq!(sessions.expired(at(10 + i64::from(HOUR_S))).len(), 1);
}

/// One step of a history out of three random bytes; what comes of it.
fn step(
    sessions: &Sessions,
    seats: &mut HashMap<u8, Seat>,
    now: &mut i64,
    (choice, who, number): (u8, u8, u8),
) -> Vec<Event> {
    *now += 1;
    let (who, number) = (who % 4, number % 5 + 1);
    let identifier = PacketIdentifier::new(number.into()).unwrap();
    let seat = seats.get(&who).copied();
    let seated = |act: &dyn Fn(&Seat) -> Vec<Event>| seat.as_ref().map_or(Vec::new(), act);
    match choice % 11 {
        0 | 1 => {
            let client_id = &client(&who.to_string());
            let (clean_start, expiry_s) = (number.is_multiple_of(2), if number > 2 { 20 } else { 0 });
            let hello = Hello {
                client_id,
                protocol_version: ProtocolVersion::V5,
                either_version: false,
                clean_start,
                expiry_s,
            };
            let (events, seat) = sessions.connect(hello, &Limits::default(), at(*now)).unwrap();
            seats.remove(&who);
            seats.extend(seat.map(|seat| (who, seat)));
            events
        }
        2 => {
            seats.remove(&who);
            seated(&|seat| sessions.leave(seat, 20, sessions.last_message, at(*now)))
        }
        3 => seated(&|seat| {
            sessions.subscribe(seat, &filter(&number.to_string()), AT_LEAST_ONCE, &Limits::default()).unwrap()
        }),
        4 => seated(&|seat| sessions.unsubscribe(seat, &[filter(&number.to_string())])),
        5 => seated(&|seat| sessions.acknowledge(seat, &[identifier])),
        6 => seated(&|seat| sessions.receive(seat, identifier)),
        7 => seated(&|seat| sessions.take(seat, identifier)),
        8 => seated(&|seat| sessions.release(seat, identifier)),
        9 => {
            let known = |who: u8| sessions.by_client.get(&client(&(who % 4).to_string())).copied();
            let qos = |n: u8| if n.is_multiple_of(2) { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
            let names = |n: u8| (0..u32::from(n % 3)).collect();
            let addressee =
                |n| Some(Addressee { qos: qos(n), subscriptions: names(n), ..addressed(known(who.wrapping_add(n))?) });
            let to = (0..number).filter_map(addressee);
            sessions.queue(message("payload"), &to.collect::<Vec<_>>(), &Limits::default()).0.into_iter().collect()
        }
        _ => {
            *now += i64::from(number) * 5;
            sessions.expired(at(*now))
        }
    }
}

/// Whatever happens: what is journaled folds to the same, from the first event and from a snapshot; nothing is counted that is not
/// there; and no identifier stands for two messages.
#[test]
fn every_history_folds_to_the_same() {
    bolero::check!().with_type::<Vec<(u8, u8, u8)>>().for_each(|steps| {
        let (mut sessions, mut journal) = (Sessions::default(), Vec::new());
        let (mut seats, mut now) = (HashMap::new(), 0);
        for bytes in steps {
            let events = step(&sessions, &mut seats, &mut now, *bytes);
            events.iter().for_each(|event| sessions.apply(event));
            journal.extend(events);
        }
        let json = serde_json::to_string(&journal).unwrap();
        let mut replayed = Sessions::default();
        replayed.applied(serde_json::from_str::<Vec<Event>>(&json).unwrap());
        assert_eq!(replayed.snapshot(), sessions.snapshot());
        let mut from_snapshot = Sessions::default();
        from_snapshot.applied(sessions.snapshot());
        assert_eq!(from_snapshot.snapshot(), sessions.snapshot());
        assert_eq!(from_snapshot.deadlines, sessions.deadlines);
        let (mut distinct, mut places): (HashMap<*const Message, usize>, usize) = (HashMap::new(), 0);
        for (_, known) in sessions.iter() {
            let mut seen = BTreeSet::new();
            for (_, waiting) in known.after(0) {
                assert!(seen.insert(waiting.identifier));
                distinct.insert(Arc::as_ptr(&waiting.message), waiting.message.bytes());
                places += place_bytes(&waiting.subscriptions);
            }
            let weigh = |(_, waiting): (u64, &Waiting)| waiting.message.bytes() + place_bytes(&waiting.subscriptions);
            assert_eq!(known.bytes, known.after(0).map(weigh).sum::<usize>());
            let filters = known.subscriptions().map(|(filter, _)| filter.subscription_bytes());
            assert_eq!(known.subscription_bytes, filters.sum::<usize>());
        }
        assert_eq!(sessions.bytes, distinct.values().sum::<usize>() + places);
        assert_eq!(from_snapshot.bytes, sessions.bytes);
    });
}

#[test]
fn a_message_for_many_is_there_once_before_and_after_a_restart() {
    let mut sessions = Sessions::default();
    let many: Vec<_> =
        (0..100).map(|n| sessions.connects(&n.to_string(), true, HOUR_S, 0).unwrap().session).map(addressed).collect();
    let payload = Bytes::from(vec![7; 1_000]);
    let (event, _) = sessions.queue(Message { payload, ..message("") }, &many, &Limits::default());
    sessions.applied(event);
    let mut again = Sessions::default();
    again.applied(sessions.snapshot());
    let once = 1_000 + 100 * place_bytes(&[]);
    assert!((once..once + 500).contains(&sessions.bytes));
    assert_eq!(again.bytes, sessions.bytes);
}

/// Five hundred filters of 60,000 bytes were 93 MB a session once.
#[test]
fn what_a_session_subscribes_to_weighs_with_what_waits_for_it() {
    let mut sessions = Sessions::default();
    let seat = sessions.connects("a", true, HOUR_S, 0).unwrap();
    let long = |number: usize| format!("{number}/{}{}", "x/".repeat(120), "y".repeat(60_000));
    let held = (0..500).take_while(|number| sessions.subscribes(&seat, &long(*number)).is_ok()).count();
    assert_eq!(held, Limits::default().bytes_per_session / filter(&long(100)).subscription_bytes());
    assert_eq!(sessions.subscribes(&seat, &long(0)), Ok(0), "that one it has");
    let payload = Bytes::from(vec![7; 192 * 1024]);
    let (event, full) =
        sessions.queue(Message { payload, ..message("") }, &[addressed(seat.session)], &Limits::default());
    assert_eq!((event.is_some(), full), (false, vec![seat.session]), "and messages find no room");
    sessions.applied(sessions.unsubscribe(&seat, &[filter(&long(0))]));
    assert_eq!(sessions.subscribes(&seat, &long(500)), Ok(1));
}

/// As of old, when a message was for one name at most.
#[test]
fn names_of_subscriptions_are_read_as_they_were_written() {
    for (written, read) in [("", &[][..]), (r#","subscription":7"#, &[7]), (r#","subscriptions":[7,9]"#, &[7, 9])] {
        let json = format!(r#"{{"session":1,"number":2,"identifier":3,"qos":1{written}}}"#);
        let receiver: Receiver = serde_json::from_str(&json).unwrap();
        assert_eq!(*receiver.subscriptions, *read, "{json}");
        assert_eq!(serde_json::from_str::<Receiver>(&serde_json::to_string(&receiver).unwrap()).unwrap(), receiver);
    }
}
