//! The wire that two services share: `ping` and `pong` as texts, and every other text is a message.
//!
//! Both words count only where they are the whole text, letter for letter. Pings and pongs of the WebSocket layer mean
//! nothing here: a page in a browser never sees them, and the socket answers them by itself (RFC 6455 §5.5.2).

use alloc::borrow::ToOwned;

use crate::dialect::{Payload, Side, Signal};
use crate::error::{Malformed, Unencodable};
use crate::frame::Frame;

const PING: &str = "ping";
const PONG: &str = "pong";

pub(super) fn decode(reader: Side, frame: &Frame) -> Result<Signal<'_>, Malformed> {
    match (frame, reader) {
        (Frame::Text(text), Side::Client) if text == PONG => Ok(Signal::HeartbeatReply),
        (Frame::Text(text), Side::Server) if text == PING => Ok(Signal::Heartbeat),
        (Frame::Text(_), _) => Ok(Signal::Message { id: None, body: Payload::Whole }),
        (Frame::Binary(_), _) => Err(Malformed::UnexpectedBinary),
        (Frame::Ping(_) | Frame::Pong(_), _) => Ok(Signal::Ignored),
    }
}

pub(super) fn encode(writer: Side, signal: &Signal<'_>) -> Result<Frame, Unencodable> {
    match (signal, writer) {
        (Signal::Heartbeat, Side::Client) => Ok(Frame::text(PING)),
        (Signal::HeartbeatReply, Side::Server) => Ok(Frame::text(PONG)),
        (Signal::Message { body: Payload::Text(PING), .. }, Side::Client)
        | (Signal::Message { body: Payload::Text(PONG), .. }, Side::Server) => Err(Unencodable::Reserved),
        (Signal::Message { body: Payload::Text(text), .. }, _) => Ok(Frame::text((*text).to_owned())),
        (Signal::Message { body: Payload::Binary(_), .. }, _) => Err(Unencodable::Binary),
        _ => Err(Unencodable::NoWord),
    }
}
