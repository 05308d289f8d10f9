//! redial-tokio and redial-blocking over real sockets on loopback, under a fast clock, with the demo's relay to break
//! them.

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::channel;

use redial::journal::{Call, Output, Player};
use redial::{Action, Cause, Preset, Seed, Session, State};

mod crowd;
#[path = "../../../examples/demo/main.rs"]
#[allow(dead_code, reason = "the demo is a whole program; the tests use its parts and not its main")]
pub(crate) mod demo;
mod doors;
mod frames;
mod guest;
mod layers;
mod restart;
mod rough;

use demo::client::Client;
use demo::clock::Clock;
use demo::hub::Hub;
use demo::options::{Dialect, Options};
use demo::score::NAMES;
use guest::{BOTH, Guest, PATIENCE, Pair, call, chat, recorded, serve, wait_refused};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_is_replaced_and_nothing_is_lost_or_shown_twice() {
    for adapter in BOTH {
        // Slow enough that on a busy machine the cut is noticed before a receipt is overdue.
        let Pair { relay, a, b, .. } = chat(adapter, &Dialect::UniApp.preset(), 2);
        a.say(0, 20);
        relay.cut();
        a.say(20, 40);
        b.assert_shown(0, 40);
        assert!(matches!(a.wait_lost(), Cause::Closed | Cause::Errored));
        a.wait_ready();
        b.say(0, 5);
        a.assert_shown(0, 5);
        a.assert_ends_well(40);
        b.assert_ends_well(5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_holds_messages_up_and_loses_none() {
    // The next heartbeat is far away, and unanswered messages bring none: only the receipts are missed.
    let preset = Dialect::UniApp.preset().configure(|config| {
        config.heartbeat.every = redial::Duration::from_secs(60);
        config.heartbeat.unanswered = None;
    });
    let preset = preset.expect("it is sound");
    for adapter in BOTH {
        let Pair { relay, a, b, .. } = chat(adapter, &preset, 20);
        relay.stall(true);
        a.say(0, 20);
        // 20 s of the session's time without a receipt, and it looks for another connection.
        assert_eq!(a.wait_lost(), Cause::ReceiptOverdue);
        relay.stall(false);
        a.wait_ready();
        a.say(20, 30);
        b.assert_shown(0, 30);
        a.assert_ends_well(30);
        b.assert_ends_well(0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_link_is_noticed_by_its_silence() {
    for adapter in BOTH {
        let Pair { relay, a, b: _b, .. } = chat(adapter, &Dialect::UniApp.preset(), 30);
        relay.half_open();
        assert_eq!(a.wait_lost(), Cause::Dead);
        a.wait_ready();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_dials_are_tried_again_until_one_is_taken() {
    for adapter in BOTH {
        // Slow enough that on a busy machine a dial is refused before its time is up.
        let Pair { relay, a, b, .. } = chat(adapter, &Dialect::UniApp.preset(), 5);
        relay.refuse(true);
        wait_refused(relay.addr());
        relay.cut();
        a.wait_lost();
        assert_eq!(a.wait_lost(), Cause::Errored);
        assert_eq!(a.wait_lost(), Cause::Errored);
        relay.refuse(false);
        a.say(0, 3);
        b.assert_shown(0, 3);
        a.assert_ends_well(3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_stops_the_session_until_it_is_opened_with_a_better_one() {
    for adapter in BOTH {
        let (clock, preset) = (Clock::new(1), Dialect::UniApp.preset());
        let hub = Hub::start(&[NAMES], clock, &preset, || Seed::from(1_u64)).expect("loopback has a port");
        let guest = Guest::enter(adapter, &format!("ws://{}/", hub.addr()), clock, preset, "nobody");
        let cause = guest.wait(|action| match action {
            Action::State { state: State::Stopped, cause, .. } => Some(*cause),
            _ => None,
        });
        assert_eq!(cause, Some(Cause::Unauthorized));
        call(&guest.client, Call::Credential { connection: None, value: NAMES[0].into() });
        call(&guest.client, Call::Open);
        guest.wait_ready();
    }
}

#[test]
fn a_dial_that_is_never_answered_is_dropped_and_made_again() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    for adapter in BOTH {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
        let url = format!("ws://{}/", listener.local_addr().expect("it has an address"));
        let guest = Guest::enter(adapter, &url, Clock::new(20), Preset::plain(), "");
        let (mut first, _) = listener.accept().expect("the first dial");
        assert_eq!(guest.wait_lost(), Cause::AttemptTimeout);
        first.set_read_timeout(Some(PATIENCE)).expect("a socket");
        // The whole request, and then the end: the session's `Abort` has dropped the socket.
        let mut request = Vec::new();
        first.read_to_end(&mut request).expect("the end of the dial, not a time-out");
        assert!(request.starts_with(b"GET / HTTP/1.1\r\n"));
        listener.accept().expect("the second dial");
    }
}

#[test]
fn what_another_thread_sends_leaves_at_once() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    for adapter in BOTH {
        let (tell, heard) = channel();
        let url = serve(move |mut socket| drop(tell.send(socket.read().expect("a message").into_text())));
        let guest = Guest::enter(adapter, &url, Clock::new(1), Preset::plain(), "");
        guest.wait_ready();
        // The loop now waits for its first heartbeat, 25 s away; only a wake-up gets the message out before.
        let Guest { client, .. } = guest;
        let client = Arc::new(client);
        let other = Arc::clone(&client);
        std::thread::spawn(move || other.send("hello".to_owned())).join().expect("it ends").expect("it is taken");
        let text = heard.recv_timeout(PATIENCE).expect("the message leaves").expect("it is text");
        assert_eq!(text.as_str(), "hello");
    }
}

#[test]
fn a_ping_is_answered_while_nothing_else_moves() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    for adapter in BOTH {
        let (tell, heard) = channel();
        let url = serve(move |mut socket| {
            socket.send(tungstenite::Message::Ping("here?".into())).expect("it is written");
            drop(tell.send(socket.read()));
        });
        let _guest = Guest::enter(adapter, &url, Clock::new(1), Preset::plain(), "");
        let answer = heard.recv_timeout(PATIENCE).expect("an answer").expect("a frame");
        assert_eq!(answer, tungstenite::Message::Pong("here?".into()));
    }
}

#[test]
fn a_write_that_stalls_stops_no_timer() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    for adapter in BOTH {
        let (done, over) = channel::<()>();
        // The server reads nothing at all until the test is over.
        let url = serve(move |socket| {
            let _ = over.recv();
            drop(socket);
        });
        // No heartbeats: only the session's limit for writes is left to end this.
        let preset = Preset::plain().configure(|config| {
            config.heartbeat.every = redial::Duration::from_secs(1_000_000);
            config.reconnect.attempt_timeout = None;
        });
        let preset = preset.expect("it is sound");
        let guest = Guest::enter(adapter, &url, Clock::new(20), preset, "");
        guest.wait_ready();
        // 3 MB: the outbox has room for them, and the kernel has not where nobody reads.
        for _ in 0..50 {
            guest.client.send("x".repeat(60_000)).expect("the outbox has room");
        }
        assert_eq!(guest.wait_lost(), Cause::WriteStalled);
        drop(done);
    }
}

#[test]
fn the_journal_of_a_run_over_sockets_gives_the_same_actions_again() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    for adapter in BOTH {
        let url = serve(|mut socket| {
            for _ in 0..3 {
                let message = socket.read().expect("a message");
                socket.send(message).expect("it is written");
            }
        });
        let (session, journal) = recorded();
        let ((act, actions), (show, shown)) = (channel(), channel());
        let observer = move |action: &Action| drop(act.send(action.clone()));
        let screen = move |message: &redial::Message| drop(show.send(message.clone()));
        let client = Client::start(adapter, &url, session, Clock::new(1), observer, screen);
        let client = client.expect("loopback has room");
        for text in ["one", "two", "three"] {
            client.send(text.to_owned()).expect("the outbox has room");
            shown.recv_timeout(PATIENCE).expect("the echo");
        }
        client.close();
        let mut heard = Vec::new();
        while !matches!(heard.last(), Some(Action::State { state: State::Stopped, .. })) {
            heard.push(actions.recv_timeout(PATIENCE).expect("the session ends"));
        }
        let mut player = Player::new(Session::new(Preset::plain(), Seed::from(1_u64)));
        let outputs = journal.try_iter().flat_map(|line| player.play(&line));
        let again = outputs.filter_map(|output| match output {
            Output::Action { action: Action::Deliver(_), .. } => None,
            Output::Action { action, .. } => Some(action),
            _ => None,
        });
        assert_eq!(again.collect::<Vec<_>>(), heard);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_run_of_the_demo_loses_nothing() {
    let run = |adapter, dialect| {
        demo::run(Options { messages: 60, faults: 9, adapter, dialect, quiet: true, ..Options::new(11) })
    };
    let (a, b) = (run(BOTH[0], Dialect::UniApp), run(BOTH[1], Dialect::UniApp));
    let (c, d) = (run(BOTH[0], Dialect::RedialV1), run(BOTH[1], Dialect::RedialV1));
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    for report in [a, b, c, d] {
        let report = report.expect("loopback has ports");
        assert_eq!(report.losses(), Vec::<String>::new(), "{report}");
        assert_eq!((report.shown(0), report.shown(1)), (60, 60));
    }
}
