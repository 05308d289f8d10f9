//! Servers that do not do what servers do: each of them costs an attempt or a connection, and a client that talks to a
//! good one afterwards has lost nothing.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration as Wall;

use redial::{Action, Cause, Preset, Seed, State};
use tungstenite::WebSocket;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::CloseFrame;

use super::demo::clock::Clock;
use super::demo::hub::Hub;
use super::demo::options::Dialect;
use super::demo::score::NAMES;
use super::guest::{BOTH, Guest, PATIENCE};

type Script = fn(TcpStream) -> io::Result<()>;

/// A door to the hub with a doorman before it: the first visitors get a script each, all later ones are shown in.
struct Door {
    addr: SocketAddr,
    visitors: Arc<AtomicUsize>,
}

impl Door {
    fn open(hub: SocketAddr, scripts: &'static [Script]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
        let addr = listener.local_addr().expect("it has an address");
        let visitors = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&visitors);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let script = scripts.get(count.fetch_add(1, Ordering::SeqCst)).copied();
                // What goes wrong between a visitor and a script is what the scripts are for.
                thread::spawn(move || match script {
                    Some(script) => script(stream),
                    None => show_in(&stream, hub),
                });
            }
        });
        Self { addr, visitors }
    }
}

fn show_in(visitor: &TcpStream, hub: SocketAddr) -> io::Result<()> {
    let hub = TcpStream::connect(hub)?;
    let (mut from, mut to) = (hub.try_clone()?, visitor.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        to.shutdown(Shutdown::Both)
    });
    io::copy(&mut &*visitor, &mut &hub)?;
    hub.shutdown(Shutdown::Both)
}

/// Reads the head of a request, and gives the key that its answer needs.
pub(super) fn request(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    Ok(derive_accept_key(key.unwrap_or_default().as_bytes()))
}

/// Says nothing more until the visitor leaves.
fn wait_for_end(stream: &mut TcpStream) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}

fn says(mut stream: TcpStream, answer: &str) -> io::Result<()> {
    let key = request(&mut stream)?;
    stream.write_all(answer.replace("KEY", &key).as_bytes())?;
    wait_for_end(&mut stream)
}

pub(super) const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: KEY\r\n\r\n";

/// A chat of two guests, the first of whom comes through a door with these scripts behind it.
fn gets_through(scripts: &'static [Script]) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    for (adapter, dialect) in BOTH.into_iter().zip(Dialect::ALL) {
        let clock = Clock::new(30);
        let mut seeds = (1_u64..).map(Seed::from);
        let hub = Hub::start(&[NAMES], clock, &dialect.preset(), || seeds.next().unwrap_or(Seed::from(0_u64)));
        let hub = hub.expect("loopback has a port");
        let door = Door::open(hub.addr(), scripts);
        let a = Guest::enter(adapter, &format!("ws://{}/", door.addr), clock, dialect.preset(), NAMES[0]);
        a.say(0, 5);
        let b = Guest::enter(adapter, &format!("ws://{}/", hub.addr()), clock, dialect.preset(), NAMES[1]);
        b.say(0, 5);
        b.assert_shown(0, 5);
        a.assert_shown(0, 5);
        a.assert_ends_well(5);
        b.assert_ends_well(5);
        assert!(door.visitors.load(Ordering::SeqCst) > scripts.len(), "not all of them were met");
    }
}

#[test]
fn a_server_that_says_something_else_than_a_handshake_is_tried_again() {
    gets_through(&[
        // Accepts, and closes at once.
        |stream| stream.shutdown(Shutdown::Both),
        |stream| says(stream, "SSH-2.0-OpenSSH_9.6\r\n"),
        |stream| says(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        // A key that answers another request.
        |stream| says(stream, &SWITCHING.replace("KEY", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
    ]);
}

#[test]
fn a_server_that_never_ends_its_handshake_is_left() {
    gets_through(&[
        |stream| says(stream, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upg"),
        // Headers for ever.
        |mut stream| {
            request(&mut stream)?;
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n")?;
            loop {
                stream.write_all(b"X-Patience: please\r\n")?;
                thread::sleep(Wall::from_millis(1));
            }
        },
    ]);
}

#[test]
fn a_server_that_opens_and_then_says_nothing_is_left_and_what_it_was_told_is_told_again() {
    gets_through(&[|stream| says(stream, SWITCHING)]);
}

#[test]
fn a_server_that_opens_and_hangs_up_is_tried_again() {
    gets_through(&[
        |mut stream| {
            let key = request(&mut stream)?;
            stream.write_all(SWITCHING.replace("KEY", &key).as_bytes())
        },
        |mut stream| {
            let key = request(&mut stream)?;
            stream.write_all(SWITCHING.replace("KEY", &key).as_bytes())?;
            // Half a head.
            stream.write_all(&[0x81])
        },
        |stream| {
            let mut socket = tungstenite::accept(stream).map_err(io::Error::other)?;
            socket.close(None).and_then(|()| socket.flush()).map_err(io::Error::other)
        },
    ]);
}

#[test]
fn a_server_that_closes_and_keeps_the_socket_is_left_and_the_socket_is_not() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    for adapter in BOTH {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
        let url = format!("ws://{}/", listener.local_addr().expect("it has an address"));
        let guest = Guest::enter(adapter, &url, Clock::new(5), Preset::plain(), "");
        let (first, _) = listener.accept().expect("the first dial");
        let mut first = tungstenite::accept(first).expect("a WebSocket");
        let away = CloseFrame { code: 1001.into(), reason: "going away".into() };
        first.close(Some(away)).and_then(|()| first.flush()).expect("it is written");
        assert_eq!(guest.wait_lost(), Cause::Closed);
        let (second, _) = listener.accept().expect("the second dial");
        let _second = tungstenite::accept(second).expect("a WebSocket");
        guest.wait_ready();
        assert_ended(&mut first);
    }
}

#[test]
fn a_server_that_never_finishes_the_close_handshake_is_waited_for_three_seconds_and_no_longer() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    for adapter in BOTH {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
        let url = format!("ws://{}/", listener.local_addr().expect("it has an address"));
        let guest = Guest::enter(adapter, &url, Clock::new(10), Preset::plain(), "");
        let (stream, _) = listener.accept().expect("the dial");
        let mut socket = tungstenite::accept(stream).expect("a WebSocket");
        guest.wait_ready();
        guest.client.close();
        guest.wait(|action| matches!(action, Action::Abort { .. }).then_some(()));
        guest.wait(|action| matches!(action, Action::State { state: State::Stopped, .. }).then_some(()));
        // Nothing of the server's was read or written since: the close frame is here, and then the end of the socket.
        socket.get_mut().set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut rest = Vec::new();
        socket.get_mut().read_to_end(&mut rest).expect("an end, not a time-out");
        assert_eq!(rest.first(), Some(&0x88), "a close frame");
    }
}

/// The other side has closed the socket, or reset it where something was unread.
pub(super) fn assert_ended(socket: &mut WebSocket<TcpStream>) {
    socket.get_mut().set_read_timeout(Some(PATIENCE)).expect("a socket");
    let ended = std::iter::repeat_with(|| socket.read()).take(10).find_map(Result::err);
    let timed_out = matches!(&ended, Some(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock);
    assert!(ended.is_some() && !timed_out, "the socket is still open: {ended:?}");
}
