//! Frames as they come over a real socket: torn and glued together, and some that break the rules.

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;

use redial::{Cause, Preset, Session, State};
use tungstenite::Message;

use super::demo::clock::Clock;
use super::doors::{SWITCHING, assert_ended, request};
use super::guest::{BOTH, Guest, PATIENCE};

/// A frame as a server writes it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(u8::try_from(length).expect("it is small")),
        length @ 126..65_536 => {
            frame.push(126);
            frame.extend(u16::try_from(length).expect("it is small").to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

#[test]
fn frames_that_are_split_and_merged_anywhere_are_the_same_frames() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    let (long, longer) = ("l".repeat(300), "m".repeat(70_000));
    let mut bytes = Vec::new();
    let mut texts = Vec::new();
    // An empty text, one with letters of two, three and four bytes, and lengths of each spelling.
    for text in ["", "a", "\u{e4}\u{20ac}\u{1f600}", &*long, &*longer] {
        bytes.extend(frame(0x81, text.as_bytes()));
        texts.push(text.to_owned());
    }
    // A text in three fragments, torn within a letter, with a ping and a pong between them.
    let smile = "\u{1f600}".as_bytes();
    for (first, payload) in
        [(0x01, &smile[..2]), (0x89, b"here?"), (0x00, &smile[2..3]), (0x8A, b""), (0x80, &smile[3..])]
    {
        bytes.extend(frame(first, payload));
    }
    texts.push("\u{1f600}".to_owned());
    for adapter in BOTH {
        for size in [1, 2, 3, 5, 127, 4_096, usize::MAX] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
            let url = format!("ws://{}/", listener.local_addr().expect("it has an address"));
            let guest = Guest::enter(adapter, &url, Clock::new(1), Preset::plain(), "");
            let (mut stream, _) = listener.accept().expect("the dial");
            stream.set_nodelay(true).expect("a socket");
            let key = request(&mut stream).expect("a request");
            // The answer to the handshake and the first frames share a packet, where there is room for both. (Where it
            // comes in more than 64 packets, tungstenite takes it for an attack.)
            let mut all = SWITCHING.replace("KEY", &key).into_bytes();
            if size < 5 {
                stream.write_all(&std::mem::take(&mut all)).expect("it is read");
            }
            // One byte at a time is slow, and the longest text has nothing new to say about it.
            let skipped = if size == 1 { frame(0x81, longer.as_bytes()) } else { Vec::new() };
            all.extend(without(&bytes, &skipped));
            // A handshake in more than 64 reads is taken for an attack, so its pieces are not the smallest.
            let head = size.max(8).min(all.len());
            let (first, rest) = all.split_at(head * (SWITCHING.len() / head));
            for part in first.chunks(head).chain(rest.chunks(size.min(all.len()))) {
                stream.write_all(part).expect("it is read");
            }
            for text in texts.iter().filter(|text| size > 1 || **text != longer) {
                let shown = guest.shown.recv_timeout(PATIENCE).expect("the text arrives");
                assert!(
                    shown.as_text() == Some(text),
                    "{adapter:?}, {size} bytes at a time: {:.40} is not {text:.40}",
                    format!("{shown:?}")
                );
            }
            assert_eq!(guest.client.look(Session::state), State::Ready);
        }
    }
}

/// The bytes without a part of them.
fn without(bytes: &[u8], part: &[u8]) -> Vec<u8> {
    let at = bytes.windows(part.len().max(1)).position(|window| window == part);
    at.map_or(bytes.to_vec(), |at| [&bytes[..at], &bytes[at + part.len()..]].concat())
}

#[test]
fn a_frame_against_the_rules_ends_the_connection_and_what_came_before_it_is_shown() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    let huge = [&[0x81, 127][..], &(1_u64 << 62).to_be_bytes()].concat();
    let against: [(&str, Vec<u8>); 9] = [
        ("a reserved bit", vec![0xC1, 0x01, b'x']),
        ("an unknown opcode", vec![0x83, 0x00]),
        ("masked, as only clients do", vec![0x81, 0x81, 1, 2, 3, 4, b'x']),
        ("a ping that is too long", frame(0x89, &[0; 126])),
        ("a ping in fragments", vec![0x09, 0x00]),
        ("the end of nothing", vec![0x80, 0x00]),
        ("a text that is none", frame(0x81, b"\xFF\xFE")),
        ("a length that nobody has room for", huge),
        ("a close with half a code", vec![0x88, 0x01, 0x03]),
    ];
    for adapter in BOTH {
        for (what, bytes) in &against {
            let (tell, heard) = channel();
            let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
            let url = format!("ws://{}/", listener.local_addr().expect("it has an address"));
            let bytes = bytes.clone();
            thread::spawn(move || {
                let (first, _) = listener.accept().expect("the first dial");
                let mut first = tungstenite::accept(first).expect("a WebSocket");
                first.send(Message::text("before")).expect("it is written");
                first.get_mut().write_all(&bytes).expect("it is written");
                let (second, _) = listener.accept().expect("the second dial");
                let mut second = tungstenite::accept(second).expect("a WebSocket");
                second.send(Message::text("after")).expect("it is written");
                drop(tell.send((first, second)));
            });
            let guest = Guest::enter(adapter, &url, Clock::new(10), Preset::plain(), "");
            for text in ["before", "after"] {
                let shown = guest.shown.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{text}: {what}"));
                assert_eq!(shown.as_text(), Some(text), "{what}");
            }
            let cause = guest.wait_lost();
            assert!(matches!(cause, Cause::Errored | Cause::Closed), "{what}: {cause:?}");
            let (mut first, _second) = heard.recv_timeout(PATIENCE).expect("both were met");
            assert_ended(&mut first);
        }
    }
}
