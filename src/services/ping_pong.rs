//! Wire of the services `react_im` and `wechat`: the texts `ping` and `pong`, and every other text as a message.
//!
//! A text is a heartbeat only if the whole text is `ping` or `pong`, letter for letter. Pings and pongs of the
//! WebSocket layer are ignored: a page in a browser never sees them, and the socket answers pings by itself (RFC 6455
//! §5.5.2).

use alloc::borrow::ToOwned;

use crate::Frame;
use crate::dialect::{Content, HeartbeatSignal, MessageSignal, Side, Signal, Span};
use crate::error::{Malformed, Unencodable};

const PING: &str = "ping";
const PONG: &str = "pong";

pub(super) fn decode(reader: Side, frame: &Frame) -> Result<Signal<Span>, Malformed> {
    match (frame, reader) {
        (Frame::Text(text), Side::Client) if text == PONG => Ok(Signal::heartbeat_reply()),
        (Frame::Text(text), Side::Server) if text == PING => Ok(Signal::heartbeat()),
        (Frame::Text(_), _) => Ok(Signal::message(None, Span::WHOLE)),
        (Frame::Binary(_), _) => Err(Malformed::UnexpectedBinary),
        (Frame::Ping(_) | Frame::Pong(_), _) => Ok(Signal::Ignored),
    }
}

pub(super) fn encode(writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
    match (signal, writer) {
        (Signal::Heartbeat(HeartbeatSignal::Ask), Side::Client) => Ok(Frame::text(PING)),
        (Signal::Heartbeat(HeartbeatSignal::Reply), Side::Server) => Ok(Frame::text(PONG)),
        (Signal::Message(MessageSignal { content: Content::Text(PING), .. }), Side::Client)
        | (Signal::Message(MessageSignal { content: Content::Text(PONG), .. }), Side::Server) => {
            Err(Unencodable::Reserved)
        }
        (Signal::Message(MessageSignal { content: Content::Text(text), .. }), _) => Ok(Frame::text((*text).to_owned())),
        (Signal::Message(MessageSignal { content: Content::Binary(_), .. }), _) => Err(Unencodable::Binary),
        _ => Err(Unencodable::NoWord),
    }
}
