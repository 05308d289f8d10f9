//! The adapter over real sockets. Nothing is asserted about times: each wait has a generous end.

#[path = "../../tungstenite/tests/server/mod.rs"]
mod server;

use std::future::Future;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use futures_util::{FutureExt as _, StreamExt as _};
use redial::config::{CredentialSource, Limit};
use redial::host::{JournalWriter, RecordedSession, Target, WaitFor};
use redial::journal::Call;
use redial::{Action, Config, Outgoing, Preset, Seed, SendError, Session, State, Status, TransportError};
use redial_tokio::{Client, Io, Messages, Options, Sent, tcp_to};
use server::{
    BAD_FRAMES, ILLEGAL_CLOSE, LONG, answer_to, black_hole, echo, http_head, relay, serve, serve_at, serve_tcp,
    serve_token,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn session() -> Session {
    Session::new(Preset::plain(), Seed::from_bytes([7; 16]))
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, work).await.unwrap()
}

async fn next(messages: &mut Messages) -> String {
    soon(messages.next()).await.unwrap().body.as_text().unwrap().to_owned()
}

async fn state(client: &Client, is_it: impl FnMut(&State) -> bool) -> State {
    *soon(client.state().wait_for(is_it)).await.unwrap()
}

async fn wait_for_the_second_connection(client: &Client) {
    let is_second = |state: &State| *state == State::Ready && client.look(|session| session.stats().connects == 2);
    state(client, is_second).await;
}

#[tokio::test]
async fn a_message_settles_its_echo_arrives_and_the_end_has_a_summary() {
    let url = serve(|_, socket| echo(socket));
    let (client, mut messages, task) = Options::new(&url).unwrap().start(session());
    let sent = client.send("hello").unwrap();
    assert_eq!(soon(sent.settled()).await, Status::Sent);
    assert_eq!(next(&mut messages).await, "hello");
    client.close();
    let summary = soon(task).await.unwrap();
    assert_eq!((summary.stats.connects, summary.stats.delivered), (1, 1));
    assert!(summary.explanation.contains("the application closed"), "{}", summary.explanation);
    assert_eq!(client.send("too late").err(), Some(SendError::Stopped));
    assert!(soon(messages.next()).await.is_none());
}

#[tokio::test]
async fn a_server_that_is_gone_and_comes_back_gets_what_was_queued() {
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
    let (client, mut messages, _task) = options.start(session());
    state(&client, |state| *state == State::Ready).await;
    drop(end);
    state(&client, |state| *state != State::Ready).await;
    let sent = client.send("are you there?").unwrap();
    let again = TcpListener::bind("127.0.0.1:0").unwrap();
    *place.lock().unwrap() = url(&again);
    serve_at(again, 1, |_, stream| echo(tungstenite::accept(stream).unwrap()));
    assert_eq!(soon(sent.settled()).await, Status::Sent);
    assert_eq!(next(&mut messages).await, "are you there?");
}

#[tokio::test]
async fn a_panic_in_the_loop_is_told_to_all_who_wait() {
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
    let (client, mut messages, task) = Options::new(&format!("ws://127.0.0.1:{port}/")).unwrap().start(session);
    let (waiting, last) = (client.send("waits").unwrap(), client.send("waits").unwrap());
    assert_eq!(last.marked(WaitFor::Read).now_or_never(), None);
    go.send(()).unwrap();
    assert_eq!(soon(last.marked(WaitFor::Read)).await, Status::Unconfirmed);
    assert_eq!(soon(waiting.settled()).await, Status::Unconfirmed);
    assert_eq!(soon(last.marked(WaitFor::Read)).await, Status::Unconfirmed);
    assert!(soon(messages.next()).await.is_none());
    assert!(soon(task).await.unwrap_err().is_panic());
    assert_eq!(client.send("too late").err(), Some(SendError::Stopped));
    assert_eq!(*client.state().borrow(), State::Stopped);
    assert!(client.state().wait_for(|state| *state == State::Ready).await.is_err());
}

#[tokio::test]
async fn a_task_that_is_aborted_is_told_to_all_who_wait() {
    let port = serve_tcp(|_, mut stream| drop(io::Read::read_to_end(&mut stream, &mut Vec::new())));
    let (client, mut messages, task) = Options::new(&format!("ws://127.0.0.1:{port}/")).unwrap().start(session());
    let sent = client.send("waits").unwrap();
    task.abort();
    assert_eq!(soon(sent.settled()).await, Status::Unconfirmed);
    assert!(soon(messages.next()).await.is_none());
    assert_eq!(*client.state().borrow(), State::Stopped);
    assert_eq!(client.send("too late").err(), Some(SendError::Stopped));
}

#[tokio::test]
async fn an_observer_that_never_returns_holds_up_neither_messages_nor_the_end() {
    let (release, held) = channel::<()>();
    let heard = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&heard);
    let options = Options::new(&serve(|_, socket| echo(socket))).unwrap().trace(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        let _ = held.recv();
    });
    let (client, mut messages, task) = options.start(session());
    for number in 0..20 {
        let sent = client.send(number.to_string()).unwrap();
        assert_eq!(soon(sent.settled()).await, Status::Sent);
        assert_eq!(next(&mut messages).await, number.to_string());
    }
    client.close();
    assert_eq!(soon(task).await.unwrap().stats.delivered, 20);
    assert_eq!(heard.load(Ordering::Relaxed), 1);
    drop(release);
    // At least the states, and three actions a message.
    soon(async {
        while client.missed() < 60 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    })
    .await;
    assert_eq!(heard.load(Ordering::Relaxed), 1, "what nobody waits for any more is counted, and not told");
}

#[tokio::test]
async fn an_observer_hears_everything_before_the_end() {
    let (tell, heard) = channel();
    let options = Options::new(&serve(|_, socket| echo(socket))).unwrap();
    let (client, _messages, task) = options.trace(move |_, action| tell.send(action.clone()).unwrap()).start(session());
    soon(client.send("hello").unwrap().settled()).await;
    client.close();
    soon(task).await.unwrap();
    let last = heard.try_iter().last();
    assert!(matches!(last, Some(Action::State { state: State::Stopped, .. })), "{last:?}");
    assert_eq!(client.missed(), 0);
}

#[tokio::test]
async fn an_observer_that_panics_hears_no_more_and_the_session_goes_on() {
    let options = Options::new(&serve(|_, socket| echo(socket))).unwrap();
    let options = options.trace(|_, _| panic!("a bug of the application's own"));
    let (client, mut messages, task) = options.start(session());
    client.send("hello").unwrap();
    assert_eq!(next(&mut messages).await, "hello");
    client.close();
    soon(task).await.unwrap();
    assert!(client.missed() > 0);
}

#[tokio::test]
async fn an_observer_can_drop_the_last_client() {
    let (give, given) = channel::<(Client, Sent)>();
    let options = Options::new(&serve(|_, socket| echo(socket))).unwrap().trace(move |_, action| {
        if matches!(action, Action::State { state: State::Ready, .. }) {
            drop(given.recv().unwrap());
        }
    });
    let (client, _messages, task) = options.start(session());
    let sent = client.send("hello").unwrap();
    give.send((client, sent)).unwrap();
    soon(task).await.unwrap();
}

#[tokio::test]
async fn a_closure_that_panics_is_a_failed_attempt() {
    let url = serve(|_, socket| echo(socket));
    for place in 0..3 {
        let target: Target = url.parse().unwrap();
        let fails = move |at, attempt| assert!(place != at || attempt > 0, "a bug of the application's own");
        let dials = AtomicU64::new(0);
        let options = Options::new(&url).unwrap().request(move |attempt, _| fails(0, attempt));
        let options = options.connect(move |target| {
            let attempt = u32::try_from(dials.fetch_add(1, Ordering::Relaxed)).unwrap();
            async move {
                fails(1, attempt);
                Ok(Box::new(redial_tokio::tcp(target.host(), target.port(), 64 << 10).await?) as Box<dyn Io>)
            }
        });
        let options = options.target(move |attempt| {
            fails(2, attempt);
            target.clone()
        });
        let (client, mut messages, _task) = options.start(session());
        client.send("the second attempt").unwrap();
        assert_eq!(next(&mut messages).await, "the second attempt");
        assert_eq!(client.look(|session| session.stats().failures.get(&TransportError::Other).copied()), Some(1));
    }
}

#[tokio::test]
async fn a_credential_whose_closure_panics_is_unavailable() {
    for within in [false, true] {
        let options = Options::new(&serve(|_, socket| echo(socket))).unwrap().credential(move |_| {
            assert!(within, "a bug of the application's own");
            async { panic!("a bug of the application's own") }
        });
        let (write, lines) = channel();
        let journal = JournalWriter::new(move |line| write.send(line.to_owned()).is_ok());
        let asks = |config: &mut Config| config.authentication.credential = CredentialSource::Asked;
        let preset = Preset::native().configure(asks).unwrap();
        let session = RecordedSession::new(preset, Seed::from_bytes([7; 16]), Some(journal));
        let (_client, _messages, _task) = options.start(session);
        let is_told = move || lines.iter().find(|line| line.contains(r#""type":"credential_failed""#));
        let told = soon(tokio::task::spawn_blocking(is_told)).await.unwrap();
        assert!(told.unwrap().contains("unavailable"));
    }
}

#[tokio::test]
async fn all_who_wait_for_a_message_are_told_and_whoever_leaves_takes_nobody_along() {
    let (client, _messages, _task) = Options::new(&serve(|_, socket| echo(socket))).unwrap().start(session());
    client.call(Call::Hold).unwrap();
    let sent = client.send("held").unwrap();
    assert_eq!(sent.marked(WaitFor::Read).now_or_never(), None);
    let cancel = async { client.call(Call::Cancel { id: sent.id.clone() }).unwrap() };
    let waits = async { tokio::join!(sent.marked(WaitFor::Read), sent.marked(WaitFor::Read), cancel) };
    let (first, second, ()) = soon(waits).await;
    assert_eq!((first, second), (Status::Cancelled, Status::Cancelled));
    assert_eq!(soon(sent.settled()).await, Status::Cancelled);
}

#[tokio::test]
async fn an_old_message_that_is_dropped_leaves_the_later_one_under_its_id_alone() {
    let preset = Preset::plain().configure(|config| config.outbox.remembered = Limit::new(0)).unwrap();
    let session = Session::new(preset, Seed::from_bytes([7; 16]));
    let (client, mut messages, _task) = Options::new(&serve(|_, socket| echo(socket))).unwrap().start(session);
    let old = client.send(Outgoing::from("one").id("m1")).unwrap();
    assert_eq!(next(&mut messages).await, "one");
    client.call(Call::Hold).unwrap();
    let new = client.send(Outgoing::from("two").id("m1")).unwrap();
    drop(old);
    client.call(Call::Release).unwrap();
    assert_eq!(soon(new.settled()).await, Status::Sent);
}

#[tokio::test]
async fn a_session_that_has_delivered_before_is_read_on() {
    let url = serve(|_, mut socket| {
        for number in 0..50 {
            socket.send(tungstenite::Message::text(number.to_string())).unwrap();
        }
        echo(socket);
    });
    let (client, mut messages, _task) = Options::new(&url).unwrap().start(server::with_a_past(100, 8));
    for number in 0..50 {
        assert_eq!(next(&mut messages).await, number.to_string());
    }
    assert_eq!(client.look(|session| session.stats().delivered), 150);
}

#[tokio::test]
async fn the_last_client_that_is_dropped_closes_the_session() {
    let url = serve(|_, socket| echo(socket));
    let (client, _messages, task) = Options::new(&url).unwrap().start(session());
    let (weak, other) = (client.downgrade(), client.clone());
    drop(client);
    assert!(weak.upgrade().is_some());
    soon(other.send("still open").unwrap().settled()).await;
    drop(other);
    assert_eq!(soon(task).await.unwrap().stats.connects, 1);
    assert!(weak.upgrade().is_none());
}

#[tokio::test]
async fn a_server_that_stops_reading_fills_the_outbox_and_loses_nothing() {
    let (go_on, wait) = channel::<()>();
    let (count, mut counted) = tokio::sync::mpsc::unbounded_channel();
    let wait = Mutex::new(wait);
    let url = serve(move |_, mut socket| {
        let _ = wait.lock().unwrap().recv();
        while let Ok(message) = socket.read() {
            if message.is_binary() && count.send(message.into_data()).is_err() {
                return;
            }
        }
    });
    let preset = Preset::plain().configure(|config| config.outbox.messages = Limit::new(50)).unwrap();
    let session = Session::new(preset, Seed::from_bytes([7; 16]));
    let (client, _messages, task) = Options::new(&url).unwrap().start(session);
    // What the kernels on both sides hold is some megabytes; the rest has to stay here, or is refused.
    let (mut taken, mut refused) = (0_u32, 0);
    while refused < 100 && taken < 20_000 {
        let mut body = vec![0; 60_000];
        body[..4].copy_from_slice(&taken.to_be_bytes());
        match client.send(body) {
            Ok(_) => (taken, refused) = (taken + 1, 0),
            Err(SendError::Full { limit: 50 }) => {
                refused += 1;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(client.look(Session::unsettled) <= 50);
    }
    assert_eq!(refused, 100, "{taken} messages of 60 kB were taken, and nobody reads");
    go_on.send(()).unwrap();
    for number in 0..taken {
        assert_eq!(soon(counted.recv()).await.unwrap()[..4], number.to_be_bytes());
    }
    client.close();
    assert_eq!(soon(task).await.unwrap().stats.connects, 1);
}

#[tokio::test]
async fn an_application_that_takes_nothing_holds_the_server_back() {
    const MESSAGES: u64 = 200;
    let url = serve(|_, mut socket| {
        for number in 0..MESSAGES {
            socket.send(tungstenite::Message::text(number.to_string())).unwrap();
        }
        echo(socket);
    });
    let preset = Preset::plain().configure(|config| config.inbox.pending = Limit::new(8)).unwrap();
    let session = Session::new(preset, Seed::from_bytes([7; 16]));
    let (client, mut messages, _task) = Options::new(&url).unwrap().start(session);
    let delivered = || client.look(|session| session.stats().delivered);
    for number in 0..MESSAGES {
        assert_eq!(next(&mut messages).await, number.to_string());
        // A turn of 32 frames may have begun before the limit was reached.
        assert!(delivered() <= number + 1 + 8 + 32, "{} at {number}", delivered());
    }
    // An application that listens no more holds nobody back.
    drop(messages);
    for number in 0..100 {
        soon(client.send(number.to_string()).unwrap().settled()).await;
    }
    soon(async {
        while delivered() < MESSAGES + 100 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn waits_for_a_mark_that_are_dropped_give_their_places_back() {
    let (client, _messages, _task) = Options::new(&serve(|_, socket| echo(socket))).unwrap().start(session());
    state(&client, |state| *state == State::Ready).await;
    for number in 0..1_100 {
        let sent = client.send(format!("{number}")).unwrap();
        assert_eq!(sent.marked(WaitFor::Read).now_or_never(), None, "wait {number}");
        soon(sent.settled()).await;
    }
}

#[tokio::test]
async fn a_close_code_that_must_not_be_sent_is_no_reason_to_stop() {
    let url = serve(|number, mut socket| match number {
        0 => drop(socket.get_mut().write_all(&ILLEGAL_CLOSE)),
        _ => echo(socket),
    });
    let (client, mut messages, _task) = Options::new(&url).unwrap().start(session());
    wait_for_the_second_connection(&client).await;
    client.send("again").unwrap();
    assert_eq!(next(&mut messages).await, "again");
    assert_eq!(client.look(|session| session.stats().failures.get(&TransportError::Protocol).copied()), Some(1));
}

#[tokio::test]
async fn a_frame_that_breaks_the_rules_is_answered_with_its_code() {
    for (frame, code) in BAD_FRAMES {
        let (tell, mut answered) = tokio::sync::mpsc::unbounded_channel();
        let url = serve(move |number, socket| match number {
            0 => tell.send(answer_to(socket, frame)).unwrap(),
            _ => echo(socket),
        });
        let (client, mut messages, _task) = Options::new(&url).unwrap().start(session());
        assert_eq!(soon(answered.recv()).await.unwrap(), Some(code));
        wait_for_the_second_connection(&client).await;
        client.send("again").unwrap();
        assert_eq!(next(&mut messages).await, "again");
    }
}

#[tokio::test]
async fn the_request_is_the_applications_and_the_response_is_shown() {
    let url = serve_token();
    let options = Options::new(&url).unwrap().request(|attempt, request| {
        request.headers_mut().insert("x-token", format!("attempt {attempt}").parse().unwrap());
    });
    let session = Session::new(Preset::native(), Seed::from_bytes([7; 16]));
    let (client, _messages, _task) = options.start(session);
    let response = soon(client.response().wait_for(Option::is_some)).await.unwrap().clone().unwrap();
    assert_eq!(response.headers()["x-seen"], "attempt 0");
    assert_eq!(response.headers()["sec-websocket-protocol"], "redial.v1");
}

#[tokio::test]
async fn a_connect_proxy_carries_a_session() {
    let url = serve(|_, socket| echo(socket));
    let proxy = serve_tcp(|_, mut stream| {
        let head = http_head(&mut stream);
        let place = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
        let server = std::net::TcpStream::connect(place).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        relay(&stream, &server);
    });
    let options = Options::new(&url).unwrap().connect(move |target| async move {
        let mut stream = TcpStream::connect(("127.0.0.1", proxy)).await?;
        let place = format!("{}:{}", target.host(), target.port());
        stream.write_all(format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n").as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        if !head.starts_with(b"HTTP/1.1 200 ") {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(Box::new(stream) as Box<dyn Io>)
    });
    let (client, mut messages, _task) = options.start(session());
    client.send("through the proxy").unwrap();
    assert_eq!(next(&mut messages).await, "through the proxy");
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_carries_a_session() {
    use std::os::unix::net::UnixListener;
    let path = std::env::temp_dir().join(format!("redial-tokio-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || echo(tungstenite::accept(listener.accept().unwrap().0).unwrap()));
    let place = path.clone();
    let options = Options::new("ws://localhost/").unwrap().connect(move |_| {
        let place = place.clone();
        async move { Ok(Box::new(tokio::net::UnixStream::connect(place).await?) as Box<dyn Io>) }
    });
    let (client, mut messages, _task) = options.start(session());
    client.send("without a port").unwrap();
    assert_eq!(next(&mut messages).await, "without a port");
    let _ = std::fs::remove_file(&path);
}

#[tokio::test]
async fn a_dial_that_never_answers_does_not_hold_up_the_end() {
    let options = Options::new("ws://127.0.0.1:9/").unwrap().connect(|_| std::future::pending());
    let (client, messages, task) = options.start(session());
    state(&client, |state| *state == State::Connecting).await;
    drop((client, messages));
    assert_eq!(soon(task).await.unwrap().stats.ready, 0);
}

#[tokio::test]
async fn an_address_that_swallows_everything_does_not_keep_the_next_from_being_tried() {
    let (black_hole, _queued) = black_hole();
    let live = TcpListener::bind("127.0.0.1:0").unwrap();
    let live = live.local_addr().unwrap();
    let stream = soon(tcp_to([black_hole, live], 64 << 10)).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), live);
}
