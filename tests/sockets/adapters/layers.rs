//! A byte stream of the application's own under the WebSocket, and what is said where a dial does not get that far.

use redial::{Action, Preset, Seed, Session};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::mpsc::channel;
use std::task::{Context, Poll, ready};
use std::thread;

use futures_util::StreamExt as _;
use redial::journal::Call;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::demo::client::Client;
use super::demo::clock::Clock;
use super::demo::options::Adapter;
use super::demo::relay::bind;
use super::guest::{BOTH, PATIENCE, call, recorded};

/// Changes every byte on its way.
struct Cipher<S>(S);

fn turned(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0x5A).collect()
}

impl<S: Read> Read for Cipher<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        let plain = turned(&buffer[..read]);
        buffer[..read].copy_from_slice(&plain);
        Ok(read)
    }
}

impl<S: Write> Write for Cipher<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&turned(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cipher<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.0).poll_read(cx, buffer))?;
        let plain = turned(&buffer.filled()[before..]);
        buffer.filled_mut()[before..].copy_from_slice(&plain);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cipher<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &turned(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// An echo server that understands the cipher only, for one connection after the other.
fn secret_echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    let url = format!("wss://{}/", listener.local_addr().expect("it has an address"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut socket = tungstenite::accept(Cipher(stream)).expect("a WebSocket under the cipher");
            while let Ok(message) = socket.read() {
                if message.is_text() && socket.send(message).is_err() {
                    break;
                }
            }
        }
    });
    url
}

fn session() -> Session {
    Session::new(Preset::plain(), Seed::from(7_u64))
}

#[test]
fn a_layer_between_tcp_and_websocket_carries_every_byte_of_every_connection() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    for adapter in BOTH {
        let (show, shown) = channel();
        let url = secret_echo();
        let client = match adapter {
            Adapter::Blocking => {
                let options = redial_blocking::Options::new(&url).expect("a URL").connect(|target| {
                    assert_eq!(target.host(), "127.0.0.1");
                    let tcp = redial_blocking::tcp(target.host(), target.port(), 64 << 10)?;
                    let layered = redial_blocking::Layered { stream: Cipher(tcp), source: |cipher| &mut cipher.0 };
                    Ok(Box::new(layered) as Box<dyn redial_blocking::Io>)
                });
                let (client, messages, _) = options.start(session()).expect("loopback has room");
                thread::spawn(move || messages.into_iter().for_each(|message| drop(show.send(message.body))));
                Client::Blocking(client)
            }
            Adapter::Tokio => {
                let options = redial_tokio::Options::new(&url).expect("a URL").connect(|target| async move {
                    assert_eq!(target.host(), "127.0.0.1");
                    let tcp = redial_tokio::tcp(target.host(), target.port(), 64 << 10).await?;
                    Ok(Box::new(Cipher(tcp)) as Box<dyn redial_tokio::Io>)
                });
                let (client, mut messages, _) = options.start(session());
                runtime.spawn(async move {
                    while let Some(message) = messages.next().await {
                        drop(show.send(message.body));
                    }
                });
                Client::Tokio(client)
            }
        };
        for number in 0..4 {
            if number == 2 {
                call(&client, Call::ReconnectNow);
            }
            let text = format!("{number}{}", "x".repeat(number * 20_000));
            client.send(text.clone()).expect("the outbox has room");
            let echo = shown.recv_timeout(PATIENCE).expect("the echo");
            assert_eq!(echo.as_text(), Some(&*text), "{adapter:?}");
        }
        assert_eq!(client.look(|session| session.stats().connects), 2);
        client.close();
    }
}

/// Dials once, and says with which word the adapter tells the session how that went.
fn failure(adapter: Adapter, url: &str) -> String {
    let ((session, journal), (act, actions)) = (recorded(), channel());
    let observer = move |action: &Action| drop(act.send(action.clone()));
    let client = Client::start(adapter, url, session, Clock::new(1), observer, |_| {});
    let _client = client.expect("loopback has room");
    loop {
        match actions.recv_timeout(PATIENCE).expect("the dial fails") {
            Action::ScheduleReconnect { .. } | Action::State { state: redial::State::Stopped, .. } => break,
            _ => {}
        }
    }
    let mut lines = journal.try_iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok());
    let cause = lines.find_map(|line| line["event"]["cause"].as_str().map(str::to_owned));
    cause.expect("the failure is in the journal")
}

#[test]
fn what_keeps_a_dial_from_its_handshake_is_told_apart() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    // Taken, so that nobody else gets it, and not listened at.
    let port = bind(([127, 0, 0, 1], 0).into()).expect("loopback has a port");
    let deaf = port.local_addr().expect("it has an address");
    // A label of a name has 63 letters at most, so nobody has to ask a server about this one.
    let nameless = format!("ws://{}.invalid/", "x".repeat(64));
    for adapter in BOTH {
        assert_eq!(failure(adapter, &nameless), "dns", "{adapter:?}");
        assert_eq!(failure(adapter, &format!("ws://{deaf}/")), "refused", "{adapter:?}");
        // Nobody talks in the clear to a server that was meant to be talked to over TLS.
        assert_eq!(failure(adapter, "wss://127.0.0.1/"), "permanent", "{adapter:?}");
        let nonsense = Client::start(adapter, "no address at all", session(), Clock::new(1), |_| {}, |_| {});
        assert!(nonsense.is_err(), "{adapter:?}: a URL that can never work is refused at the start");
    }
}
