//! The adapter over real sockets. Nothing is asserted about times: each wait has a generous end.

#[path = "../../tungstenite/tests/server/mod.rs"]
mod server;

use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use redial::config::{CredentialSource, Limit};
use redial::host::{JournalWriter, RecordedSession, Target, WaitFor};
use redial::journal::Call;
use redial::{Action, Config, Outgoing, Preset, Seed, SendError, Session, State, Status, TransportError};
use redial_blocking::{Client, Options, Sent, tcp_to};
use server::{
    BAD_FRAMES, ILLEGAL_CLOSE, LONG, answer_to, black_hole, echo, http_head, relay, serve, serve_at, serve_tcp,
    serve_token,
};

fn session() -> Session {
    Session::new(Preset::plain(), Seed::from_bytes([7; 16]))
}

fn wait_for_the_second_connection(client: &Client) {
    let is_second = |state| state == State::Ready && client.look(|session| session.stats().connects == 2);
    assert_eq!(client.wait_for_state(LONG, is_second), State::Ready);
}

#[test]
fn a_message_settles_its_echo_arrives_and_the_end_has_a_summary() {
    let url = serve(|_, socket| echo(socket));
    let (client, mut messages, thread) = Options::new(&url).unwrap().start(session()).unwrap();
    let sent = client.send("hello").unwrap();
    assert_eq!(sent.settled_within(LONG).ok(), Some(Status::Sent));
    assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some("hello"));
    assert_eq!(client.state(), State::Ready);
    client.close();
    let summary = thread.join().unwrap();
    assert_eq!((summary.stats.connects, summary.stats.delivered), (1, 1));
    assert!(summary.explanation.contains("the application closed"), "{}", summary.explanation);
    assert_eq!(client.state(), State::Stopped);
    assert_eq!(client.send("too late").err(), Some(SendError::Stopped));
    assert!(messages.next().is_none());
}

#[test]
fn a_server_that_is_gone_and_comes_back_gets_what_was_queued() {
    let first = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = |listener: &TcpListener| format!("ws://{}/", listener.local_addr().unwrap());
    let place = Arc::new(Mutex::new(url(&first)));
    let options = {
        let place = Arc::clone(&place);
        Options::new(&url(&first)).unwrap().target(move |_| place.lock().unwrap().parse::<Target>().unwrap())
    };
    let (end, ended) = channel::<()>();
    let ended = Mutex::new(ended);
    serve_at(first, 1, move |_, stream| {
        let _socket = tungstenite::accept(stream).unwrap();
        let _ = ended.lock().unwrap().recv();
    });
    let (client, mut messages, _thread) = options.start(session()).unwrap();
    assert_eq!(client.wait_for_state(LONG, |state| state == State::Ready), State::Ready);
    drop(end);
    let state = client.wait_for_state(LONG, |state| state != State::Ready);
    assert!(matches!(state, State::Waiting | State::Connecting), "{state:?}");
    let sent = client.send("are you there?").unwrap();
    let again = TcpListener::bind("127.0.0.1:0").unwrap();
    *place.lock().unwrap() = url(&again);
    serve_at(again, 1, |_, stream| echo(tungstenite::accept(stream).unwrap()));
    assert_eq!(sent.settled_within(LONG).ok(), Some(Status::Sent));
    assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some("are you there?"));
    assert_eq!(client.look(|session| session.stats().connects), 2);
}

#[test]
fn a_panic_in_the_loop_is_told_to_all_who_wait() {
    // A server that takes the connection and says nothing, so that messages wait, until it is told to go.
    let (go, gone) = channel::<()>();
    let gone = Mutex::new(gone);
    let port = serve_tcp(move |_, _stream| {
        let _ = gone.lock().unwrap().recv();
    });
    // The loop hears of the end, and writes it down.
    let journal = JournalWriter::new(|line| {
        assert!(!line.contains(r#""event":{"type":"errored""#), "a bug of the application's own");
        true
    });
    let session = RecordedSession::new(Preset::plain(), Seed::from_bytes([7; 16]), Some(journal));
    let options = Options::new(&format!("ws://127.0.0.1:{port}/")).unwrap();
    let (client, mut messages, thread) = options.start(session).unwrap();
    let (waiting, last) = (client.send("waits").unwrap(), client.send("waits").unwrap());
    assert_eq!(last.marked_within(WaitFor::Read, Duration::ZERO), None);
    go.send(()).unwrap();
    assert_eq!(last.marked_within(WaitFor::Read, LONG), Some(Status::Unconfirmed));
    assert_eq!(waiting.settled_within(LONG).ok(), Some(Status::Unconfirmed));
    assert!(thread.join().is_err());
    assert_eq!(last.marked(WaitFor::Read), Status::Unconfirmed);
    assert!(messages.next().is_none());
    assert_eq!(client.send("too late").err(), Some(SendError::Stopped));
    assert_eq!(client.state(), State::Stopped);
    assert_eq!(client.wait_for_state(LONG, |state| state == State::Ready), State::Stopped);
}

#[test]
fn an_observer_that_never_returns_holds_up_neither_messages_nor_the_end() {
    let (release, held) = channel::<()>();
    let heard = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&heard);
    let options = Options::new(&serve(|_, socket| echo(socket))).unwrap().trace(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        let _ = held.recv();
    });
    let (client, mut messages, thread) = options.start(session()).unwrap();
    for number in 0..20 {
        let sent = client.send(number.to_string()).unwrap();
        assert_eq!(sent.settled_within(LONG).ok(), Some(Status::Sent));
        assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some(number.to_string().as_str()));
    }
    client.close();
    assert_eq!(thread.join().unwrap().stats.delivered, 20);
    assert_eq!(heard.load(Ordering::Relaxed), 1);
    drop(release);
    // At least the states, and three actions a message.
    while client.missed() < 60 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(heard.load(Ordering::Relaxed), 1, "what nobody waits for any more is counted, and not told");
}

#[test]
fn an_observer_hears_everything_before_the_end() {
    let (tell, heard) = channel();
    let options = Options::new(&serve(|_, socket| echo(socket))).unwrap();
    let options = options.trace(move |_, action| tell.send(action.clone()).unwrap());
    let (client, _messages, thread) = options.start(session()).unwrap();
    client.send("hello").unwrap().settled();
    client.close();
    thread.join().unwrap();
    let last = heard.try_iter().last();
    assert!(matches!(last, Some(Action::State { state: State::Stopped, .. })), "{last:?}");
    assert_eq!(client.missed(), 0);
}

#[test]
fn an_observer_that_panics_hears_no_more_and_the_session_goes_on() {
    let options = Options::new(&serve(|_, socket| echo(socket))).unwrap();
    let options = options.trace(|_, _| panic!("a bug of the application's own"));
    let (client, mut messages, thread) = options.start(session()).unwrap();
    client.send("hello").unwrap();
    assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some("hello"));
    client.close();
    thread.join().unwrap();
    assert!(client.missed() > 0);
}

#[test]
fn an_observer_can_drop_the_last_client() {
    let (give, given) = channel::<(Client, Sent)>();
    let options = Options::new(&serve(|_, socket| echo(socket))).unwrap().trace(move |_, action| {
        if matches!(action, Action::State { state: State::Ready, .. }) {
            drop(given.recv().unwrap());
        }
    });
    let (client, _messages, thread) = options.start(session()).unwrap();
    let sent = client.send("hello").unwrap();
    give.send((client, sent)).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_closure_that_panics_is_a_failed_attempt() {
    let url = serve(|_, socket| echo(socket));
    for place in 0..3 {
        let target: Target = url.parse().unwrap();
        let fails = move |at, attempt| assert!(place != at || attempt > 0, "a bug of the application's own");
        let dials = AtomicU32::new(0);
        let options = Options::new(&url).unwrap().request(move |attempt, _| fails(0, attempt));
        let options = options.connect(move |target| {
            fails(1, dials.fetch_add(1, Ordering::Relaxed));
            Ok(Box::new(redial_blocking::tcp(target.host(), target.port(), 64 << 10)?))
        });
        let options = options.target(move |attempt| {
            fails(2, attempt);
            target.clone()
        });
        let (client, mut messages, _thread) = options.start(session()).unwrap();
        client.send("the second attempt").unwrap();
        assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some("the second attempt"));
        assert_eq!(client.look(|session| session.stats().failures.get(&TransportError::Other).copied()), Some(1));
    }
}

#[test]
fn a_credential_whose_closure_panics_is_unavailable() {
    let options = Options::new(&serve(|_, socket| echo(socket))).unwrap();
    let options = options.credential(|_| panic!("a bug of the application's own"));
    let (write, lines) = channel();
    let journal = JournalWriter::new(move |line| write.send(line.to_owned()).is_ok());
    let asks = |config: &mut Config| config.authentication.credential = CredentialSource::Asked;
    let preset = Preset::native().configure(asks).unwrap();
    let session = RecordedSession::new(preset, Seed::from_bytes([7; 16]), Some(journal));
    let (_client, _messages, _thread) = options.start(session).unwrap();
    let told = std::iter::from_fn(|| lines.recv_timeout(LONG).ok())
        .find(|line| line.contains(r#""type":"credential_failed""#));
    assert!(told.unwrap().contains("unavailable"));
}

#[test]
fn all_who_wait_for_a_message_are_told_and_whoever_leaves_takes_nobody_along() {
    let (client, _messages, _thread) =
        Options::new(&serve(|_, socket| echo(socket))).unwrap().start(session()).unwrap();
    client.call(Call::Hold).unwrap();
    let sent = client.send("held").unwrap();
    assert_eq!(sent.marked_within(WaitFor::Read, Duration::ZERO), None);
    // Another thread takes the message back, before or while this one waits.
    let (other, id) = (client.clone(), sent.id.clone());
    let cancel = thread::spawn(move || other.call(Call::Cancel { id }).unwrap());
    let waits = [sent.marked_within(WaitFor::Read, LONG), sent.marked_within(WaitFor::Delivered, LONG)];
    cancel.join().unwrap();
    assert_eq!(waits, [Some(Status::Cancelled); 2]);
    assert_eq!(sent.settled_within(LONG).ok(), Some(Status::Cancelled));
}

#[test]
fn an_old_message_that_is_dropped_leaves_the_later_one_under_its_id_alone() {
    let preset = Preset::plain().configure(|config| config.outbox.remembered = Limit::new(0)).unwrap();
    let session = Session::new(preset, Seed::from_bytes([7; 16]));
    let options = Options::new(&serve(|_, socket| echo(socket))).unwrap();
    let (client, mut messages, _thread) = options.start(session).unwrap();
    let old = client.send(Outgoing::from("one").id("m1")).unwrap();
    assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some("one"));
    client.call(Call::Hold).unwrap();
    let new = client.send(Outgoing::from("two").id("m1")).unwrap();
    drop(old);
    client.call(Call::Release).unwrap();
    assert_eq!(new.settled_within(LONG).ok(), Some(Status::Sent));
}

#[test]
fn a_session_that_has_delivered_before_is_read_on() {
    let url = serve(|_, mut socket| {
        for number in 0..50 {
            socket.send(tungstenite::Message::text(number.to_string())).unwrap();
        }
        echo(socket);
    });
    let options = Options::new(&url).unwrap();
    let (client, mut messages, _thread) = options.start(server::with_a_past(100, 8)).unwrap();
    for number in 0..50 {
        assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some(number.to_string().as_str()));
    }
    assert_eq!(client.look(|session| session.stats().delivered), 150);
}

#[test]
fn the_last_client_that_is_dropped_closes_the_session() {
    let url = serve(|_, socket| echo(socket));
    let (client, _messages, thread) = Options::new(&url).unwrap().start(session()).unwrap();
    let (weak, other) = (client.downgrade(), client.clone());
    drop(client);
    assert!(weak.upgrade().is_some());
    other.send("still open").unwrap().settled();
    drop(other);
    assert_eq!(thread.join().unwrap().stats.connects, 1);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_server_that_stops_reading_fills_the_outbox_and_loses_nothing() {
    let (go_on, wait) = channel::<()>();
    let (count, counted) = channel();
    let (wait, count) = (Mutex::new(wait), Mutex::new(count));
    let url = serve(move |_, mut socket| {
        let _ = wait.lock().unwrap().recv();
        while let Ok(message) = socket.read() {
            if message.is_binary() && count.lock().unwrap().send(message.into_data()).is_err() {
                return;
            }
        }
    });
    let preset = Preset::plain().configure(|config| config.outbox.messages = Limit::new(50)).unwrap();
    let session = Session::new(preset, Seed::from_bytes([7; 16]));
    let (client, _messages, thread) = Options::new(&url).unwrap().start(session).unwrap();
    // What the kernels on both sides hold is some megabytes; the rest has to stay here, or is refused.
    let (mut taken, mut refused) = (0_u32, 0);
    while refused < 100 && taken < 20_000 {
        let mut body = vec![0; 60_000];
        body[..4].copy_from_slice(&taken.to_be_bytes());
        match client.send(body) {
            Ok(_) => (taken, refused) = (taken + 1, 0),
            Err(SendError::Full { limit: 50 }) => {
                refused += 1;
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
        assert!(client.look(Session::unsettled) <= 50);
    }
    assert_eq!(refused, 100, "{taken} messages of 60 kB were taken, and nobody reads");
    go_on.send(()).unwrap();
    for number in 0..taken {
        assert_eq!(counted.recv_timeout(LONG).unwrap()[..4], number.to_be_bytes());
    }
    client.close();
    assert_eq!(thread.join().unwrap().stats.connects, 1);
}

#[test]
fn an_application_that_takes_nothing_holds_the_server_back() {
    const MESSAGES: u32 = 200;
    let url = serve(|_, mut socket| {
        for number in 0..MESSAGES {
            socket.send(tungstenite::Message::text(number.to_string())).unwrap();
        }
        echo(socket);
    });
    let preset = Preset::plain().configure(|config| config.inbox.pending = Limit::new(8)).unwrap();
    let session = Session::new(preset, Seed::from_bytes([7; 16]));
    let (client, mut messages, _thread) = Options::new(&url).unwrap().start(session).unwrap();
    for number in 0..MESSAGES {
        assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some(number.to_string().as_str()));
        // A turn of 32 frames may have begun before the limit was reached.
        let delivered = client.look(|session| session.stats().delivered);
        assert!(delivered <= u64::from(number) + 1 + 8 + 32, "{delivered} at {number}");
    }
    // An application that listens no more holds nobody back.
    drop(messages);
    for number in 0..100 {
        client.send(number.to_string()).unwrap().settled();
    }
    while client.look(|session| session.stats().delivered) < u64::from(MESSAGES) + 100 {
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_close_code_that_must_not_be_sent_is_no_reason_to_stop() {
    let url = serve(|number, mut socket| match number {
        0 => drop(socket.get_mut().write_all(&ILLEGAL_CLOSE)),
        _ => echo(socket),
    });
    let (client, mut messages, _thread) = Options::new(&url).unwrap().start(session()).unwrap();
    wait_for_the_second_connection(&client);
    client.send("again").unwrap();
    assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some("again"));
    assert_eq!(client.look(|session| session.stats().failures.get(&TransportError::Protocol).copied()), Some(1));
}

#[test]
fn a_frame_that_breaks_the_rules_is_answered_with_its_code() {
    for (frame, code) in BAD_FRAMES {
        let (tell, answered) = channel();
        let tell = Mutex::new(tell);
        let url = serve(move |number, socket| match number {
            0 => tell.lock().unwrap().send(answer_to(socket, frame)).unwrap(),
            _ => echo(socket),
        });
        let (client, mut messages, _thread) = Options::new(&url).unwrap().start(session()).unwrap();
        assert_eq!(answered.recv_timeout(LONG).unwrap(), Some(code));
        wait_for_the_second_connection(&client);
        client.send("again").unwrap();
        assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some("again"));
    }
}

#[test]
fn the_request_is_the_applications_and_the_response_is_shown() {
    let url = serve_token();
    let options = Options::new(&url).unwrap().request(|attempt, request| {
        request.headers_mut().insert("x-token", format!("attempt {attempt}").parse().unwrap());
    });
    let session = Session::new(Preset::native(), Seed::from_bytes([7; 16]));
    let (client, _messages, _thread) = options.start(session).unwrap();
    client.wait_for_state(LONG, |state| state == State::Authenticating || state == State::Ready);
    let response = client.response().unwrap();
    assert_eq!(response.headers()["x-seen"], "attempt 0");
    assert_eq!(response.headers()["sec-websocket-protocol"], "redial.v1");
}

#[test]
fn a_connect_proxy_carries_a_session() {
    let url = serve(|_, socket| echo(socket));
    let proxy = serve_tcp(|_, mut stream| {
        let head = http_head(&mut stream);
        let place = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
        let server = TcpStream::connect(place).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        relay(&stream, &server);
    });
    let options = Options::new(&url).unwrap().connect(move |target| {
        let mut stream = TcpStream::connect(("127.0.0.1", proxy))?;
        write!(stream, "CONNECT {0}:{1} HTTP/1.1\r\nHost: {0}:{1}\r\n\r\n", target.host(), target.port())?;
        if !http_head(&mut stream).starts_with("HTTP/1.1 200 ") {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        stream.set_nonblocking(true)?;
        Ok(Box::new(mio::net::TcpStream::from_std(stream)))
    });
    let (client, mut messages, _thread) = options.start(session()).unwrap();
    client.send("through the proxy").unwrap();
    assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some("through the proxy"));
}

#[cfg(unix)]
#[test]
fn a_unix_socket_carries_a_session() {
    use std::os::unix::net::{UnixListener, UnixStream};
    let path = std::env::temp_dir().join(format!("redial-blocking-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || echo(tungstenite::accept(listener.accept().unwrap().0).unwrap()));
    let place = path.clone();
    let options = Options::new("ws://localhost/").unwrap().connect(move |_| {
        let stream = UnixStream::connect(&place)?;
        stream.set_nonblocking(true)?;
        Ok(Box::new(mio::net::UnixStream::from_std(stream)))
    });
    let (client, mut messages, _thread) = options.start(session()).unwrap();
    client.send("without a port").unwrap();
    assert_eq!(messages.recv_timeout(LONG).unwrap().body.as_text(), Some("without a port"));
    let _ = std::fs::remove_file(&path);
}

#[test]
fn a_dial_that_never_answers_does_not_hold_up_the_end() {
    let (_hang, hangs) = channel::<()>();
    let hangs = Mutex::new(hangs);
    let options = Options::new("ws://127.0.0.1:9/").unwrap().connect(move |_| {
        let _ = hangs.lock().unwrap().recv();
        Err(io::ErrorKind::TimedOut.into())
    });
    let (client, messages, thread) = options.start(session()).unwrap();
    client.wait_for_state(LONG, |state| state == State::Connecting);
    drop((client, messages));
    assert_eq!(thread.join().unwrap().stats.ready, 0);
}

#[test]
fn an_address_that_swallows_everything_does_not_keep_the_next_from_being_tried() {
    let (black_hole, _queued) = black_hole();
    let live = TcpListener::bind("127.0.0.1:0").unwrap();
    let live = live.local_addr().unwrap();
    let stream = tcp_to([black_hole, live], 64 << 10).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), live);
}
