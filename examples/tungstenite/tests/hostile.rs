//! Peers that mean harm, over byte streams in memory.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;

use redial::host::Target;
use redial::{
    Action, ConnectionId, Duration, Event, Frame, Instant, Preset, Purpose, Seed, Session, State, TransportError,
};
use redial_tungstenite::{Opening, Socket, request};
use tungstenite::handshake::derive_accept_key;

/// What the peer sends, and what it takes.
#[derive(Default)]
struct Peer {
    sends: Vec<u8>,
    /// Sent again and again behind that.
    repeats: Vec<u8>,
    taken: Vec<u8>,
    /// Fails every write.
    write: Option<io::ErrorKind>,
    /// Bytes that are taken before a write has to wait.
    room: Option<usize>,
    /// Calls that a signal interrupts.
    signals: usize,
    read: usize,
}

impl Peer {
    fn interrupts(&mut self) -> io::Result<()> {
        if self.signals == 0 {
            return Ok(());
        }
        self.signals -= 1;
        Err(io::ErrorKind::Interrupted.into())
    }
}

#[derive(Clone, Default)]
struct Stream(Rc<RefCell<Peer>>);

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let peer = &mut *self.0.borrow_mut();
        peer.interrupts()?;
        if peer.sends.is_empty() {
            peer.sends.clone_from(&peer.repeats);
        }
        if peer.sends.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        assert!(peer.read < 8 << 20, "one turn reads for ever");
        let count = buf.len().min(peer.sends.len());
        buf.get_mut(..count).ok_or(io::ErrorKind::Other)?.copy_from_slice(&peer.sends[..count]);
        peer.sends.drain(..count);
        peer.read += count;
        Ok(count)
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut peer = self.0.borrow_mut();
        peer.interrupts()?;
        if let Some(kind) = peer.write {
            return Err(kind.into());
        }
        let count = buf.len().min(peer.room.unwrap_or(usize::MAX));
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        peer.room = peer.room.map(|room| room - count);
        peer.taken.write(&buf[..count])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const CONNECTION: ConnectionId = ConnectionId::new(1);

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn open() -> (Socket<Stream>, Rc<RefCell<Peer>>) {
    let stream = Stream::default();
    let peer = Rc::clone(&stream.0);
    let target: Target = "ws://server/".parse().expect("a URL");
    let (_, request) = request(&target, &Preset::plain().dialect().handshake(None), false).expect("a request");
    let mut opening = Opening::new(request, stream);
    assert!(opening.turn(CONNECTION).is_none());
    let asked = String::from_utf8(std::mem::take(&mut peer.borrow_mut().taken)).expect("a text");
    let key = asked.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    peer.borrow_mut().sends = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    )
    .into_bytes();
    let (socket, _) = opening.turn(CONNECTION).expect("an answer").expect("a WebSocket");
    (socket, peer)
}

fn send(socket: &mut Socket<Stream>, bytes: usize) {
    let frame = Frame::text("x".repeat(bytes));
    socket.perform(Action::Send { connection: CONNECTION, frame, purpose: Purpose::Heartbeat });
}

#[test]
fn the_answer_to_the_handshake_is_no_frame_that_arrives() {
    let (mut socket, _peer) = open();
    assert_eq!(socket.turn(at(0), true), []);
}

#[test]
fn empty_fragments_without_end_leave_the_loop_its_turns() {
    let (mut socket, peer) = open();
    (peer.borrow_mut().sends, peer.borrow_mut().repeats) = (vec![0x01, 0], vec![0; 4 << 10]);
    for turn in 0..3 {
        peer.borrow_mut().read = 0;
        // The loop comes back at once: the byte stream may not say again that there is more.
        assert_eq!(socket.turn(at(turn), true), [Event::Arriving { connection: CONNECTION }]);
    }
    send(&mut socket, 1);
    peer.borrow_mut().read = 0;
    assert!(socket.turn(at(4), true).contains(&Event::Written { connection: CONNECTION, frames: 1 }));
}

#[test]
fn pings_whose_pongs_nobody_reads_take_no_memory() {
    let (mut socket, peer) = open();
    let ping = [[0x89, 125].as_slice(), &[7; 125]].concat();
    peer.borrow_mut().repeats = ping.repeat(100);
    peer.borrow_mut().write = Some(io::ErrorKind::WouldBlock);
    let turns = (0..10_000).take_while(|turn| {
        peer.borrow_mut().read = 0;
        !socket.turn(at(*turn), true).is_empty()
    });
    assert!(turns.count() < 100, "reading stops");
    // The peer reads again: so does the socket.
    peer.borrow_mut().write = None;
    assert_eq!(socket.turn(at(10_000), true), [Event::Arriving { connection: CONNECTION }]);
    let pongs = peer.borrow().taken.len();
    assert!((64 << 10..80 << 10).contains(&pongs), "{pongs} bytes");
    assert!(matches!(socket.turn(at(10_001), true)[..], [Event::FrameIn { .. }, ..]));
}

#[test]
fn a_close_code_that_arrived_counts_before_a_write_that_failed() {
    let (mut socket, peer) = open();
    peer.borrow_mut().write = Some(io::ErrorKind::BrokenPipe);
    peer.borrow_mut().sends = vec![0x88, 2, 0x0F, 0xA1];
    send(&mut socket, 60_000);
    let closed = Event::Closed { connection: CONNECTION, code: Some(4001), reason: String::new() };
    assert_eq!(socket.turn(at(0), true), [closed]);
}

#[test]
fn a_write_that_failed_is_the_last_event_even_where_the_next_one_would_not_fail() {
    let (mut socket, peer) = open();
    peer.borrow_mut().write = Some(io::ErrorKind::BrokenPipe);
    send(&mut socket, 60_000);
    peer.borrow_mut().sends = [0x81, 1, b'a'].repeat(40);
    let first = socket.turn(at(0), true);
    peer.borrow_mut().write = None;
    assert!(first.iter().all(|event| matches!(event, Event::FrameIn { .. })) && first.len() == 32);
    let second = socket.turn(at(0), true);
    let Some((Event::Errored { failure, .. }, frames)) = second.split_last() else { panic!("{second:?}") };
    assert_eq!((failure.cause, frames.len()), (TransportError::Io, 8));
}

#[test]
fn each_frame_counts_as_written_with_its_last_byte_though_the_buffer_is_never_empty() {
    let (mut socket, peer) = open();
    // 100 bytes of payload, 2 of head and 4 of mask.
    for _ in 0..50 {
        send(&mut socket, 100);
    }
    peer.borrow_mut().taken.clear();
    let mut told = Vec::new();
    for second in 0..10 {
        // A ping of the peer in the middle: its pong is nobody's frame.
        peer.borrow_mut().sends = if second == 4 { vec![0x89, 0] } else { Vec::new() };
        peer.borrow_mut().room = Some(500);
        let events = socket.turn(at(second * 1_000), true);
        let written = |event: &Event| if let Event::Written { frames, .. } = event { Some(*frames) } else { None };
        told.extend(events.iter().find_map(written));
        assert_eq!(peer.borrow().taken.len() as u64, (second + 1) * 500);
    }
    // The place of the pong is behind the frames that were there before it.
    assert_eq!(told, (1..=10).map(|second| second * 500 / 106).collect::<Vec<u64>>());
}

#[test]
fn a_link_on_which_bytes_leave_all_the_time_is_not_given_up() {
    let (mut socket, peer) = open();
    let preset = Preset::plain().configure(|config| config.heartbeat.every = Duration::from_secs(1_000_000));
    let mut session = Session::new(preset.expect("it is sound"), Seed::from_bytes([7; 16]));
    session.open(at(0));
    let begins = |connection| [Event::Written { connection, frames: 0 }, Event::Opened { connection }];
    begins(CONNECTION).into_iter().for_each(|event| session.handle(at(0), event));
    // Ten minutes at 300 bytes a second, and always more to be sent than the link takes; the peer lives.
    for second in 1..=600 {
        while session.unsettled() < 100 {
            session.send(at(second * 1_000), "x".repeat(100)).expect("there is room");
        }
        while let Some(action) = session.poll_action() {
            socket.perform(action);
        }
        peer.borrow_mut().room = Some(300);
        peer.borrow_mut().sends = vec![0x81, 1, b'a'];
        for event in socket.turn(at(second * 1_000), true) {
            session.handle(at(second * 1_000), event);
        }
        session.handle(at(second * 1_000), Event::Tick);
        assert_eq!(session.state(), State::Ready, "after {second} s");
    }
    assert_eq!(session.stats().connects, 1);
}

#[test]
fn a_call_that_a_signal_interrupts_goes_on() {
    let (mut socket, peer) = open();
    send(&mut socket, 10);
    peer.borrow_mut().sends = vec![0x81, 1, b'a'];
    peer.borrow_mut().signals = 2;
    let events = socket.turn(at(0), true);
    assert!(matches!(events[..], [Event::FrameIn { .. }, Event::Written { frames: 1, .. }]), "{events:?}");
    send(&mut socket, 10);
    peer.borrow_mut().signals = 2;
    assert_eq!(socket.turn(at(1), false), [Event::Written { connection: CONNECTION, frames: 2 }]);
}
