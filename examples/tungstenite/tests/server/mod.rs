//! Servers on loopback for the tests of the adapters: each connection has a thread of its own, and a number.

#![allow(dead_code, reason = "each test needs some of it")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use redial::config::Limit;
use redial::{Action, Event, Frame, Preset, Seed, Session, State};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::{Message, WebSocket};

/// Long enough for any machine; nothing is asserted about times.
pub const LONG: Duration = Duration::from_secs(60);

/// Frames that break the rules of RFC 6455, each with the code that §7.1.7 and §7.4.1 ask for: an opcode that is
/// reserved, a text that is not UTF-8, and the head of a frame of 1 GiB.
pub const BAD_FRAMES: [(&[u8], u16); 3] =
    [(&[0x83, 0x00], 1002), (&[0x81, 0x01, 0xff], 1007), (&[0x82, 0x7f, 0, 0, 0, 0, 0x40, 0, 0, 0], 1009)];

/// A close frame with the code 1005, which must not be sent.
pub const ILLEGAL_CLOSE: [u8; 4] = [0x88, 0x02, 0x03, 0xed];

/// Serves TCP, for the life of the test. Returns the port.
pub fn serve_tcp(each: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    serve_at(listener, usize::MAX, each);
    port
}

/// Serves as many connections as that, and then no longer listens.
pub fn serve_at(listener: TcpListener, most: usize, each: impl Fn(usize, TcpStream) + Send + Sync + 'static) {
    let each = Arc::new(each);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate().take(most) {
            let each = Arc::clone(&each);
            thread::spawn(move || each(number, stream));
        }
    });
}

/// Serves WebSockets, for the life of the test. Returns the URL.
pub fn serve(each: impl Fn(usize, WebSocket<TcpStream>) + Send + Sync + 'static) -> String {
    let port = serve_tcp(move |number, stream| {
        if let Ok(socket) = tungstenite::accept(stream) {
            each(number, socket);
        }
    });
    format!("ws://127.0.0.1:{port}/")
}

/// Serves WebSockets whose requests have a header `x-token`; the response says it as `x-seen`, and selects `redial.v1`.
#[allow(clippy::result_large_err, reason = "the type is tungstenite's")]
pub fn serve_token() -> String {
    let port = serve_tcp(|_, stream| {
        let answer = |request: &Request, mut response: Response| {
            response.headers_mut().insert("x-seen", request.headers()["x-token"].clone());
            response.headers_mut().insert("sec-websocket-protocol", "redial.v1".parse().unwrap());
            Ok(response)
        };
        if let Ok(socket) = tungstenite::accept_hdr(stream, answer) {
            echo(socket);
        }
    });
    format!("ws://127.0.0.1:{port}/")
}

/// Serves echoes over TLS. Returns the URL, and the certificate that a client has to trust.
#[cfg(feature = "rustls")]
pub fn serve_tls() -> (String, rustls::pki_types::CertificateDer<'static>) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = own.cert.der().clone();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![certificate.clone()], key.into()).unwrap());
    let port = serve_tcp(move |_, stream| {
        let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        if let Ok(socket) = tungstenite::accept(rustls::StreamOwned::new(tls, stream)) {
            echo(socket);
        }
    });
    (format!("wss://localhost:{port}/"), certificate)
}

/// Says everything again, until the connection is over.
pub fn echo(mut socket: WebSocket<impl std::io::Read + std::io::Write>) {
    while let Ok(message) = socket.read() {
        let is_said = matches!(message, Message::Text(_) | Message::Binary(_));
        if is_said && socket.send(message).is_err() {
            return;
        }
    }
}

/// Writes bytes past the WebSocket, and returns the code of the close frame that is the answer.
pub fn answer_to(mut socket: WebSocket<TcpStream>, bytes: &[u8]) -> Option<u16> {
    socket.get_mut().write_all(bytes).unwrap();
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

/// Reads the head of an HTTP request, and not a byte more.
pub fn http_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Carries bytes both ways, until one side ends.
pub fn relay(one: &TcpStream, other: &TcpStream) {
    let (mut from, mut to) = (one.try_clone().unwrap(), other.try_clone().unwrap());
    let back = thread::spawn(move || std::io::copy(&mut from, &mut to).is_ok());
    let (mut from, mut to) = (other.try_clone().unwrap(), one.try_clone().unwrap());
    let _ = std::io::copy(&mut from, &mut to);
    let _ = one.shutdown(std::net::Shutdown::Both);
    let _ = other.shutdown(std::net::Shutdown::Both);
    let _ = back.join();
}

/// A closed session of `plain` that has delivered so many messages, and holds `pending` of them at most.
pub fn with_a_past(messages: u64, pending: u64) -> Session {
    let preset = Preset::plain().configure(|config| config.inbox.pending = Limit::new(pending)).unwrap();
    let (mut session, now) = (Session::new(preset, Seed::from_bytes([7; 16])), redial::Instant::ORIGIN);
    session.open(now);
    while let Some(action) = session.poll_action() {
        let Action::Connect { connection, .. } = action else { continue };
        session.handle(now, Event::Opened { connection });
        for _ in 0..messages {
            session.handle(now, Event::FrameIn { connection, frame: Frame::text("old") });
        }
        session.handle(now, Event::Closed { connection, code: Some(1000), reason: String::new() });
        session.close(now);
    }
    assert_eq!((session.stats().delivered, session.state()), (messages, State::Stopped));
    session
}

/// How many threads and descriptors this process has; zero where the system does not tell.
pub fn held() -> [usize; 2] {
    ["/proc/self/task", "/proc/self/fd"].map(|folder| std::fs::read_dir(folder).map_or(0, Iterator::count))
}

/// Waits until the process has no more threads and descriptors than before.
pub fn wait_until_given_back(before: [usize; 2]) -> [usize; 2] {
    let begun = std::time::Instant::now();
    loop {
        let now = held();
        if now.iter().zip(before).all(|(now, before)| *now <= before) {
            return now;
        }
        assert!(begun.elapsed() < LONG, "[threads, descriptors] were {before:?}, and are {now:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// An address at which a dial neither succeeds nor fails, as long as what is returned is kept: a listener whose queue
/// is full. Where a system answers all the same, it refuses.
pub fn black_hole() -> (SocketAddr, Vec<TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let fills = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
    let mut queued: Vec<_> = std::iter::from_fn(fills).take(16).collect();
    queued.push(socket.into());
    (address, queued)
}
