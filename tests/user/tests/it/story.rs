//! A conversation over two sockets, with a dialect of one's own at both ends.

use redial::config::PeerPolicy;
use redial::error::ReceiptError;
use redial::journal::{Call, Header, Input, LineError};
use redial::{Cause, Config, Duration, Event, Preset, Seed, State, Status, Timer};
use redial_user::{Desk, Host, Talk, replay};

fn preset() -> Preset {
    let mut config = Config::default();
    config.heartbeat.every = Duration::from_secs(10);
    Talk::new("the lobby").preset(config).expect("the configuration is sound")
}

fn pair() -> (Host, Desk) {
    let mut host = Host::new(preset(), Seed::from_bytes([7; 16]));
    host.call(Call::Credential { connection: None, value: "token".into() });
    (host, Desk::new(preset(), PeerPolicy::default(), Seed::from_bytes([8; 16])))
}

/// A message that is confirmed, one that the socket takes with it, and one whose confirmation it takes.
fn told() -> (Host, Desk) {
    let (mut host, mut desk) = pair();
    host.call(Call::Open);
    host.clock(20);
    desk.open(&mut host);
    host.clock(100);
    assert_eq!(host.send("c1", "hello"), None);
    assert_eq!(desk.carry(&mut host), ["> SAY c1 hello", "< OK c1"]);

    host.clock(1_000);
    host.send("c2", "are you there?");
    desk.carry_up_only(&mut host);
    host.send("c3", "hello?");
    host.clock(1_100);
    desk.cut(&mut host);
    (host, desk)
}

#[test]
fn what_the_socket_took_with_it_is_sent_again_and_shown_once() {
    let (mut host, mut desk) = told();
    assert_eq!(host.screen.statuses_of("c1"), [Status::Queued, Status::Sent, Status::Accepted]);
    assert_eq!(host.screen.statuses_of("c2"), [Status::Queued, Status::Sent]);
    assert_eq!(host.session().unsettled(), 2);
    assert_eq!(host.screen.states.last(), Some(&(State::Waiting, Some(Cause::Closed))));

    let push = desk.push(host.now(), "while you were away").expect("there is room");
    assert_eq!(host.wait().map(|deadline| deadline.timer), Some(Timer::Reconnect));
    desk.open(&mut host);
    let carried = desk.carry(&mut host);
    assert_eq!(carried[..2], ["> SAY c2 are you there?", "> SAY c3 hello?"]);
    assert!(carried.contains(&format!("< SAY {push} while you were away")), "{carried:?}");
    assert!(carried.contains(&format!("> OK {push}")), "{carried:?}");

    assert_eq!(desk.screen.texts(), ["hello", "are you there?", "hello?"]);
    assert_eq!(desk.peer.stats().duplicates, 1);
    assert_eq!(host.screen.texts(), ["while you were away"]);
    assert_eq!(host.screen.statuses_of("c2").last(), Some(&Status::Accepted));
    assert_eq!(host.screen.statuses_of("c3").last(), Some(&Status::Accepted));
    assert_eq!((host.session().unsettled(), desk.peer.unacknowledged()), (0, 0));
    assert_eq!((host.session().stats().resent, host.session().stats().losses[&Cause::Closed]), (2, 1));
    let attempts: Vec<u32> = host.screen.dialled.iter().map(|(_, attempt, _)| *attempt).collect();
    assert_eq!(attempts, [0, 1]);
}

#[test]
fn the_room_and_the_credential_stand_in_the_handshake() {
    let (mut host, _) = pair();
    host.call(Call::Open);
    let (_, _, handshake) = &host.screen.dialled[0];
    assert_eq!(handshake.query.as_deref(), Some("room=the%20lobby&as=token"));
    assert_eq!(handshake.subprotocols, ["talk"]);
}

#[test]
fn a_silent_link_is_asked_and_answers_and_marks_only_rise() {
    let (mut host, mut desk) = told();
    host.wait();
    desk.open(&mut host);
    desk.carry(&mut host);
    assert_eq!(host.wait().map(|deadline| deadline.timer), Some(Timer::Heartbeat));
    assert_eq!(desk.carry(&mut host), ["> BEAT", "< BACK"]);
    assert_eq!(host.screen.round_trips.len(), 1);

    desk.peer.read(host.now(), "c1".into()).expect("it was delivered");
    desk.peer.delivered(host.now(), "c1".into()).expect("it was delivered");
    assert_eq!(desk.peer.read(host.now(), "c9".into()), Err(ReceiptError::Unknown));
    assert_eq!(desk.carry(&mut host), ["< SEEN c1", "< GOT c1"]);
    assert_eq!(host.screen.statuses_of("c1").last(), Some(&Status::Read));
}

#[test]
fn the_last_word_of_the_server_says_how_long_to_stay_away() {
    let (mut host, mut desk) = told();
    host.wait();
    desk.open(&mut host);
    desk.carry(&mut host);
    let connection = host.connection().expect("there is one");
    let before = host.now();
    host.event(Event::Closed { connection, code: Some(4000), reason: "wait 60000".to_owned() });
    let (at, ..) = host.screen.planned.last().expect("another attempt is planned");
    assert!(at.since(before) >= Duration::from_secs(60), "{at}");

    host.wait();
    desk.open(&mut host);
    let connection = host.connection().expect("there is one");
    host.event(Event::Closed { connection, code: Some(4001), reason: String::new() });
    assert_eq!(host.screen.states.last(), Some(&(State::Stopped, Some(Cause::Terminal))));
}

#[test]
fn a_journal_plays_again_to_the_same_lines() {
    let (mut host, mut desk) = told();
    host.wait();
    desk.open(&mut host);
    desk.carry(&mut host);
    host.call(Call::Close { code: None, reason: String::new() });
    let connection = host.connection().expect("there is one");
    host.event(Event::Closed { connection, code: Some(1000), reason: String::new() });
    assert_eq!(host.session().state(), State::Stopped);

    assert!(host.journal.len() > 10 && host.answers.len() > 30, "hardly a line was written");
    assert_eq!(replay(&host.journal).expect("the header names this dialect"), host.answers);
    let shorter: Vec<String> = host.journal.iter().filter(|line| !line.contains("hello?")).cloned().collect();
    assert_ne!(replay(&shorter).expect("the header is there"), host.answers);
}

#[test]
fn the_header_of_a_journal_makes_the_same_preset_again() {
    let (host, _) = pair();
    let Ok(Input::Header(header)) = Input::from_line(&host.journal[0]) else { panic!("the first line is a header") };
    assert_eq!(Talk::preset_of(&header).as_ref(), Ok(host.session().preset()));
    assert!(matches!(header.session(), Err(LineError::Preset(_))), "the registry knows the crate's own services only");
    let other = Header::new(&Preset::plain(), Seed::from(1_u64));
    assert!(Talk::preset_of(&other).is_err());
    assert_eq!(replay(&[]), Err(LineError::Kind));
}
