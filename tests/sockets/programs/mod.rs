//! All five presets over real sockets: the servers of `examples/serve`, the adapter redial-blocking, and a clock
//! that runs many times as fast as the wall's, for both sides alike. A busy machine makes the wall's milliseconds many
//! here, so nothing is asked of spans that the machine decides, only of those that the session does.

mod closed;
mod kept;
mod page;
#[path = "../../../examples/chat/poll.rs"]
mod poll;
mod python;
#[path = "../../../examples/serve/main.rs"]
#[allow(dead_code, reason = "a whole program; the tests use its server and not its command line")]
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time;

use redial::journal::Call;
use redial::{Action, Cause, Config, PollCause, Preset, SendError, Session, State, Status};
use serde_json::json;

use page::Page;
use serve::fault::Fault;
use serve::server::{Options, Server};
use serve::service::{self, Settings};

/// Where a silent link is noticed after minutes.
const FAST: u32 = 60;
/// Where an attempt has little time to succeed.
const SLOW: u32 = 25;
/// What does not happen within this much of the wall's time does not happen, however busy the machine.
const PATIENCE: time::Duration = time::Duration::from_secs(180);

/// What a client sees of a server that drops its sockets: a reset where a frame was still on its way, an end where none
/// was.
const CUT: [Cause; 2] = [Cause::Closed, Cause::Errored];

fn listen(preset: &str, speed: u32, addr: SocketAddr, fault: Fault, settings: &Settings) -> Server {
    let begun = time::Instant::now();
    loop {
        let service = service::named(preset, settings.clone()).expect("there is a server for every preset");
        let options = Options { addr, fault, speed, frames: false, say: Box::new(|_| {}) };
        match Server::start(service, options) {
            Ok(server) => return server,
            // A port that was used a moment ago may take a moment.
            Err(error) => assert!(begun.elapsed() < PATIENCE, "no server at {addr}: {error}"),
        }
        std::thread::sleep(time::Duration::from_millis(20));
    }
}

fn listen_anywhere(preset: &str, speed: u32, fault: Fault) -> Server {
    listen(preset, speed, SocketAddr::from(([127, 0, 0, 1], 0)), fault, &Settings::default())
}

/// A wait as it is seen a little after it has begun.
fn is_about(millis: u64, wanted: u64) -> bool {
    (wanted / 5..=wanted).contains(&millis)
}

fn named(name: &str, changes: &serde_json::Value) -> Preset {
    Preset::named(name, changes).expect("a preset by its name")
}

#[test]
fn react_im_leaves_a_server_that_says_nothing_for_a_minute_and_is_back_at_once() {
    let server = listen_anywhere("react_im", FAST, Fault::None);
    let [mut ana, mut ben] = ["ana", "ben"].map(|name| {
        Page::open(named("react_im", &json!({"preset": {"fuid": name}})), FAST, server.addr(), "", "unused")
    });
    ana.until_ready();
    ben.until_ready();
    ana.until_alive();
    // An answer shows that the server knows of him; that the socket is open does not.
    ben.until_alive();
    let id = ana.say("good morning");
    ana.until_status(&id, Status::Sent);
    ben.until_delivered("ana: good morning");

    server.set_fault(Fault::Silent);
    let wait = ana.until_lost(&[Cause::Dead]);
    server.set_fault(Fault::None);
    assert!(wait <= 250, "waits {wait} ms");
    ana.until_ready();
    ana.until_alive();
}

#[test]
fn vue_polling_fetches_what_the_socket_does_not_bring() {
    let server = listen_anywhere("vue_polling", FAST, Fault::None);
    let url = format!("ws://{}/socket", server.addr());
    let polls = json!({"fallback": {"loop_time_ms": 20_000}});
    let mut page = Page::open(named("vue_polling", &polls), FAST, server.addr(), "?name=ana", "unused");
    page.until_ready();
    page.until_alive();
    server.announce("the first");
    page.until_delivered(r#"{"changed":"messages"}"#);
    page.until("a pull", |action| *action == Action::Poll { cause: PollCause::Push });
    assert_eq!(poll::messages(&url, 0).expect("the endpoint answers").messages, ["the first"]);

    server.set_fault(Fault::Silent);
    server.announce("the second, of which the socket says nothing");
    page.until("a poll", |action| *action == Action::Poll { cause: PollCause::Silence });
    let news = poll::messages(&url, 1).expect("the endpoint answers while the socket is silent");
    assert_eq!((news.total, news.messages.len()), (2, 1));
    let wait = page.until_lost(&[Cause::Dead]);
    server.set_fault(Fault::None);
    assert!(is_about(wait, 5_000), "waits {wait} ms");
    page.until_ready();
    page.until_alive();
    server.announce("the third");
    page.until("a pull", |action| *action == Action::Poll { cause: PollCause::Push });
}

#[test]
fn wechat_is_turned_away_let_in_left_hanging_and_back_after_five_seconds() {
    let server = listen_anywhere("wechat", SLOW, Fault::NoAuth);
    let [mut ana, mut ben] = ["ana", "ben"].map(|name| {
        let preset = named("wechat", &json!({"preset": {"task_id": 7, "user_id": name}}));
        Page::open(preset, SLOW, server.addr(), "", "unused")
    });
    ana.until_lost(&[Cause::Errored]);
    server.set_fault(Fault::None);
    ana.until_ready();
    ben.until_ready();
    ana.until_alive();
    // An answer shows that the server knows of him; that the socket is open does not.
    ben.until_alive();
    ana.say("good morning");
    ben.until_delivered("ana: good morning");

    server.set_fault(Fault::HalfOpen);
    let wait = ana.until_lost(&[Cause::Dead]);
    assert!(is_about(wait, 5_000), "waits {wait} ms");
    ana.until_ready();
    server.set_fault(Fault::None);
    ana.until_alive();
}

#[test]
fn live_chat_answers_the_challenge_survives_a_cut_and_obeys_a_kick() {
    let settings = Settings { key: Some("k".into()), ..Settings::default() };
    let server = listen("live_chat", SLOW, SocketAddr::from(([127, 0, 0, 1], 0)), Fault::None, &settings);
    let preset = |user: &str| named("live_chat", &json!({"preset": {"room_id": 1, "user_id": user, "key": "k"}}));
    let [mut ana, mut ben] = ["ana", "ben"].map(|user| Page::open(preset(user), SLOW, server.addr(), "", "unused"));
    ana.until_ready();
    ben.until_ready();
    ana.until_alive();
    // An answer shows that the server knows of him; that the socket is open does not.
    ben.until_alive();
    ana.say("good morning");
    ben.until_delivered("good morning");

    server.cut();
    let wait = ana.until_lost(&CUT);
    assert!(wait <= 250, "waits {wait} ms");
    ana.until_ready();
    ana.until_alive();

    let mut elsewhere = Page::open(preset("ana"), SLOW, server.addr(), "", "unused");
    elsewhere.until_ready();
    ana.until("a kick", |action| matches!(action, Action::Kicked { .. }));
    ana.until("the end", |action| matches!(action, Action::State { state: State::Stopped, .. }));
    assert_eq!(ana.client.send("hello?").err(), Some(SendError::Stopped));

    drop(server);
    elsewhere.until_lost(&CUT);
    let mut tries = 0;
    let (gave_up, _) = elsewhere.until("giving up", |action| {
        tries += u32::from(matches!(action, Action::Connect { .. }));
        matches!(action, Action::GaveUp { .. })
    });
    assert_eq!(tries, 3);
    let first = elsewhere.log.iter().rev().filter(|(_, action)| matches!(action, Action::Connect { .. })).nth(2);
    let span = first.map(|(at, _)| gave_up.since(*at).as_millis());
    assert!(span.is_some_and(|span| span >= 14_000), "gave up {span:?} ms after the first try");
}

/// A file that is gone when the test is.
struct TempFile(PathBuf);

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn uni_app_with_the_default_configuration_loses_nothing_when_the_server_is_killed() {
    let file = TempFile(std::env::temp_dir().join(format!("redial-hub-{}.jsonl", std::process::id())));
    let settings = Settings { store: Some(file.0.clone()), ..Settings::default() };
    let server = listen("uni_app", SLOW, SocketAddr::from(([127, 0, 0, 1], 0)), Fault::Duplicates, &settings);
    let addr = server.addr();
    let preset = || Preset::uni_app().with_config(Config::default()).expect("it is sound");
    let mut ana = Page::open(preset(), SLOW, addr, "", "ana");
    ana.until_ready();
    let first = ana.say("one");
    ana.until_status(&first, Status::Accepted);

    // Ben has never been here when the server dies for the first time.
    drop(server);
    ana.until_lost(&CUT);
    let second = ana.say("two");
    let server = listen("uni_app", SLOW, addr, Fault::Duplicates, &settings);
    ana.until_status(&second, Status::Accepted);
    let mut ben = Page::open(preset(), SLOW, addr, "", "ben");
    ben.until_delivered("ana: two");
    ana.until_status(&second, Status::Delivered);

    let third = ana.say("three");
    drop(server);
    let answer = ben.say("four, said to nobody yet");
    let server = listen("uni_app", SLOW, addr, Fault::None, &settings);
    ben.until_status(&answer, Status::Delivered);
    ana.until_delivered("ben: four");
    if ana.client.look(|session| session.status(&third)) != Some(Status::Delivered) {
        ana.until_status(&third, Status::Delivered);
    }
    ana.until_alive();
    server.announce("that was all");
    ben.until_delivered("that was all");
    assert_eq!(ben.delivered(), ["ana: one", "ana: two", "ana: three", "operator: that was all"]);
    assert_eq!(ana.delivered(), ["ben: four, said to nobody yet"]);
    assert_eq!(ana.client.look(Session::unsettled), 0);
}

#[test]
fn uni_app_as_documented_beats_every_five_seconds_and_is_back_five_after_a_close() {
    let server = listen_anywhere("uni_app", SLOW, Fault::None);
    let mut page = Page::open(Preset::uni_app(), SLOW, server.addr(), "", "ana");
    page.until_ready();
    let id = page.say("good morning");
    page.until_status(&id, Status::Accepted);
    let beat = |action: &Action| matches!(action, Action::Send { purpose: redial::Purpose::Heartbeat, .. });
    page.until("a heartbeat", beat);
    server.cut();
    let wait = page.until_lost(&CUT);
    assert_eq!(page.client.send("down").err(), Some(SendError::NotReady));
    assert!(is_about(wait, 5_000), "waits {wait} ms");
    page.until_ready();
}

#[test]
fn a_killed_hub_tells_afterwards_what_had_reached_whom() {
    let file = TempFile(std::env::temp_dir().join(format!("redial-receipts-{}.jsonl", std::process::id())));
    let settings = Settings { store: Some(file.0.clone()), ..Settings::default() };
    let lines = [
        r#"{"taken":{"from":"ana","id":"c1","text":"one"}}"#,
        r#"{"reached":{"push":"ana/c1","user":"ben"}}"#,
        r#"{"taken":{"from":"ana","id":"c2","te"#,
    ];
    std::fs::write(&file.0, lines.join("\n")).expect("there is room for a file");
    let server = listen("uni_app", SLOW, SocketAddr::from(([127, 0, 0, 1], 0)), Fault::None, &settings);
    let mut ana = Page::open(
        Preset::uni_app().with_config(Config::default()).expect("it is sound"),
        SLOW,
        server.addr(),
        "",
        "ana",
    );
    // What the hub tells of its own accord has come before this answer, and has met a client that said nothing yet.
    ana.until_alive();
    for (text, id, last) in [("one", "c1", Status::Delivered), ("two", "c2", Status::Accepted)] {
        let call = Call::Send { body: text.into(), id: Some(id.into()), time_to_live: None, once: false };
        ana.client.call(call).expect("the session takes it");
        ana.until_status(&id.into(), last);
    }
    let mut ben = Page::open(
        Preset::uni_app().with_config(Config::default()).expect("it is sound"),
        SLOW,
        server.addr(),
        "",
        "ben",
    );
    ben.until_delivered("ana: two");
    assert_eq!(ben.delivered(), ["ana: two"], "what he had before is not told again");
}
