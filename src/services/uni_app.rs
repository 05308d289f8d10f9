//! Service `uni_app`: an IM client on uni-app with ids, echoes as receipts, and acknowledged pushes.
//!
//! Words on the wire: `{"key":"heartbeat"}` (heartbeat), `{"key":"message"}` (message of the client),
//! `{"key":"message_ack"}` (ack of a push), `{"type":"MESSAGE"}` (push, and the echo that confirms a message) and
//! `{"type":"RECEIPT"}` (the receiver has the message).
//!
//! The rules of the service's document, by their numbers, and their place in this preset:
//!
//! * S000-1: the token goes into the URL as `?token=..`. It is the last credential given with `credential`, and is read
//!   anew for each attempt.
//! * S000-2, S000-3: nothing is sent at open; a heartbeat goes out every 5,000 ms from open, on a fixed grid.
//! * S000-4, S000-5: a heartbeat needs no reply; a heartbeat that cannot be written is a lost connection.
//! * S000-6 to S000-9: a failed heartbeat, an error or a close leads to one reconnect 5,000 ms later, without limit.
//!   The document lets a later trigger replace a pending timer; here an error and a close of one connection are one
//!   loss, so there is never a second trigger, and a wait that has begun keeps its end.
//! * S000-12: every frame that is a JSON object is delivered whole, whatever its type; the echo of a message of this
//!   session is a receipt.
//! * S000-13: callbacks by key belong to the host: a small table fed by `Deliver`, which outlives every connection.
//! * S000-14, S000-18: a message that cannot be written is `NotSent`, without any other effect; `resend` keeps its id.
//! * S000-16, S000-17: the echo is `Accepted`, and the receiver's receipt is `Delivered`.
//! * S000-19 to S000-21: a push of type `MESSAGE` is acknowledged each time it comes, and delivered once.
//!
//! The document does not name the fields of its frames; [`UniAppWords`] holds the names as settings.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::document;
use super::query::percent_encoded;
use crate::config::{
    Backoff, Config, Deliver, FirstDelay, HeartbeatSchedule, Limits, Liveness, MeasuredFrom, WhileDown,
};
use crate::dialect::{
    Capabilities, Content, Dialect, Handshake, HeartbeatSignal, Login, MessageSignal, ReceiptSignal, Side, Signal,
    Span, json,
};
use crate::error::{Malformed, Unencodable};
use crate::{Duration, Frame, MessageId, Preset, Secret};

const HEARTBEAT: &str = r#"{"key":"heartbeat","data":{}}"#;

/// Dialect of the service `uni_app`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct UniApp {
    /// The names of keys, types and fields on the wire.
    pub words: UniAppWords,
}

/// Names on the wire that the document leaves open; the defaults are a consistent guess.
///
/// | frame | default spelling |
/// |---|---|
/// | message | `{"key":"message","data":{"clientMessageId":"c1","content":".."}}` |
/// | echo, which confirms a message | `{"type":"MESSAGE","messageId":"m1","clientMessageId":"c1","content":".."}` |
/// | push | `{"type":"MESSAGE","messageId":"m1","content":".."}` |
/// | ack of a push | `{"key":"message_ack","data":{"messageId":"m1"}}` |
/// | receipt of the receiver | `{"type":"RECEIPT","clientMessageId":"c1"}` |
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct UniAppWords {
    /// The key of a message. Default `message`.
    pub message: Cow<'static, str>,
    /// The key of an ack. Default `message_ack`.
    pub ack: Cow<'static, str>,
    /// The type of a push. Default `MESSAGE`.
    pub push: Cow<'static, str>,
    /// The type of a receipt of the receiver. Default `RECEIPT`.
    pub receipt: Cow<'static, str>,
    /// The field with the id of a push. Default `messageId`.
    pub message_id: Cow<'static, str>,
    /// The field with the id that the sender gave. Default `clientMessageId`.
    pub client_message_id: Cow<'static, str>,
    /// The field with the content. Default `content`.
    pub content: Cow<'static, str>,
}

impl Default for UniAppWords {
    fn default() -> Self {
        Self {
            message: Cow::Borrowed("message"),
            ack: Cow::Borrowed("message_ack"),
            push: Cow::Borrowed("MESSAGE"),
            receipt: Cow::Borrowed("RECEIPT"),
            message_id: Cow::Borrowed("messageId"),
            client_message_id: Cow::Borrowed("clientMessageId"),
            content: Cow::Borrowed("content"),
        }
    }
}

impl Preset {
    /// Returns the preset `uni_app`, with the timings of the document and the default [`UniAppWords`].
    ///
    /// Resending, queueing and an inbound deadline are off, and are switched on in the configuration. This dialect with
    /// `Config::default()` is a chat that loses no message while the server recognises repeats.
    ///
    /// Promises with `Config::default()`, and their limits:
    ///
    /// * Outbound, no message is lost and none is shown twice, while the server recognises the id of a message that it
    ///   has seen. A server that forgot its ids shows a resent message twice. `outbox.dedup_window` holds the time for
    ///   which the server remembers ids: an older message becomes `Unconfirmed` instead, and the machine's sleep counts
    ///   as time.
    /// * Outbound, `Accepted` means that the server confirmed the message, not that the server stored it before.
    /// * Inbound, no message is shown twice among the last `inbox.window` ids, and none at all where
    ///   `inbox.server_keeps` is known and the window is at least as long. A server that repeats out of order, or
    ///   repeats more than it promised, is not covered.
    /// * Inbound, no message is lost while the server repeats every push that is not acknowledged. The document's
    ///   server repeats a push only once: a message of which both copies are lost is lost unnoticed, and fetching the
    ///   history after a reconnect repairs that.
    pub fn uni_app() -> Self {
        Self::unchecked(UniApp::default(), config())
    }
}

fn config() -> Config {
    let five = Duration::from_secs(5);
    let mut config = document::config(WhileDown::Refuse);
    config.heartbeat.every = five;
    config.heartbeat.at_ready = false;
    config.heartbeat.schedule = HeartbeatSchedule::Grid;
    config.heartbeat.liveness = Liveness::Reply;
    config.heartbeat.dead_after = None;
    config.heartbeat.suspicion = None;
    config.heartbeat.unanswered = None;
    config.heartbeat.probe = None;
    config.reconnect.first = FirstDelay::all(five);
    config.reconnect.again = Backoff::constant(five);
    config.reconnect.from = MeasuredFrom::Failure;
    config.inbox.deliver = Deliver::Frame;
    config
}

impl Dialect for UniApp {
    fn name(&self) -> &'static str {
        "uni_app"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().login(Login::Handshake).receipts().acks()
    }

    fn decode(&self, reader: Side, frame: &Frame, limits: &Limits) -> Result<Signal<Span>, Malformed> {
        match (frame, reader) {
            (Frame::Ping(_), _) => Ok(Signal::heartbeat()),
            (Frame::Pong(_), _) => Ok(Signal::heartbeat_reply()),
            (_, Side::Client) => self.decode_push(json::text(frame)?, limits),
            (_, Side::Server) => self.decode_request(json::text(frame)?, limits),
        }
    }

    fn encode(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match writer {
            Side::Client => self.encode_request(signal),
            Side::Server => self.encode_push(signal),
        }
    }

    fn handshake(&self, credential: Option<&Secret>) -> Handshake {
        let query = credential.map(|token| format!("token={}", percent_encoded(token.reveal())));
        Handshake::default().query(query)
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl UniApp {
    /// Decodes a frame of the server: an object with a `type`.
    fn decode_push(&self, text: &str, limits: &Limits) -> Result<Signal<Span>, Malformed> {
        let words = &self.words;
        let names = ["type", &*words.message_id, &*words.client_message_id, &*words.content];
        let [kind, push, mine, content] = json::fields(text, names, limits)?;
        let whole = Signal::Notice(Span::WHOLE);
        let Some(kind) = kind else { return Ok(whole) };
        if !kind.written().starts_with('"') {
            return Err(json::missing("type"));
        }
        let content = content.map_or(Span::WHOLE, json::Field::span);
        if kind.is(&words.push) {
            let push = match push {
                Some(raw) => Some(raw.id(&words.message_id, limits)?),
                None => None,
            };
            match (mine, push) {
                (Some(mine), Some(push)) => {
                    Ok(Signal::echoed(mine.id(&words.client_message_id, limits)?, push, content))
                }
                (Some(mine), None) => Ok(Signal::accepted(mine.id(&words.client_message_id, limits)?)),
                (None, Some(id)) => Ok(Signal::message(Some(id), content)),
                (None, None) => Err(json::missing(&words.message_id)),
            }
        } else if kind.is(&words.receipt) {
            Ok(Signal::delivered(json::required(mine, &words.client_message_id)?.id(&words.client_message_id, limits)?))
        } else {
            Ok(whole)
        }
    }

    /// Decodes a frame of the client: an object with a `key` and `data`.
    fn decode_request(&self, text: &str, limits: &Limits) -> Result<Signal<Span>, Malformed> {
        let words = &self.words;
        let [key, data] = json::fields(text, ["key", "data"], limits)?;
        let is = |word: &str| key.is_some_and(|key| key.is(word));
        let names = [&*words.message_id, &*words.client_message_id, &*words.content];
        if is("heartbeat") {
            return Ok(Signal::heartbeat());
        }
        if !is(&words.message) && !is(&words.ack) {
            return Ok(Signal::Notice(Span::WHOLE));
        }
        let data = data.ok_or_else(|| json::missing("data"))?;
        let [push, mine, content] = data.fields(names, limits)?;
        if is(&words.ack) {
            return Ok(Signal::accepted(json::required(push, &words.message_id)?.id(&words.message_id, limits)?));
        }
        let id = Some(json::required(mine, &words.client_message_id)?.id(&words.client_message_id, limits)?);
        let content = content.ok_or_else(|| json::missing(&words.content))?;
        Ok(Signal::message(id, content.span()))
    }

    fn encode_request(&self, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        let words = &self.words;
        Ok(Frame::text(match signal {
            Signal::Heartbeat(HeartbeatSignal::Ask) => return Ok(Frame::text(HEARTBEAT)),
            Signal::Message(MessageSignal { id: Some(id), content, .. }) => {
                json::Object::with_capacity(words.message_len(id, *content))
                    .text("key", &words.message)
                    .try_object("data", |data| {
                        write_content(data.id(&words.client_message_id, id), &words.content, *content)
                    })?
                    .finish()
            }
            Signal::Receipt(ReceiptSignal::Accepted { id, echo: None, .. }) => {
                json::Object::with_capacity(words.ack_len(id))
                    .text("key", &words.ack)
                    .object("data", |data| data.id(&words.message_id, id))
                    .finish()
            }
            _ => return Err(Unencodable::NoWord),
        }))
    }

    fn encode_push(&self, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        let words = &self.words;
        let mut object = json::Object::with_capacity(match signal {
            Signal::Message(MessageSignal { id: Some(id), content, .. }) => words.push_len(id, *content),
            Signal::Receipt(ReceiptSignal::Accepted { id, echo: Some(echo), .. }) => {
                words.push_len(&echo.id, echo.content) + words.receipt_len(id)
            }
            Signal::Receipt(ReceiptSignal::Accepted { id, .. } | ReceiptSignal::Delivered { id, .. }) => {
                words.receipt_len(id)
            }
            _ => 0,
        });
        match signal {
            Signal::Message(MessageSignal { id: Some(id), content, .. }) => {
                write_content(object.text("type", &words.push).id(&words.message_id, id), &words.content, *content)?
            }
            Signal::Receipt(ReceiptSignal::Accepted { id, echo: None, .. }) => {
                object.text("type", &words.push).id(&words.client_message_id, id)
            }
            Signal::Receipt(ReceiptSignal::Accepted { id, echo: Some(echo), .. }) => {
                object.text("type", &words.push).id(&words.message_id, &echo.id).id(&words.client_message_id, id);
                write_content(&mut object, &words.content, echo.content)?
            }
            // An unsolicited pong is a one-way heartbeat (RFC 6455 §5.5.3): a sign of life that needs no reply.
            Signal::Heartbeat(HeartbeatSignal::Reply) => return Ok(Frame::Pong(Vec::new())),
            Signal::Heartbeat(HeartbeatSignal::Ask) => return Ok(Frame::Ping(Vec::new())),
            Signal::Receipt(ReceiptSignal::Delivered { id, .. }) => {
                object.text("type", &words.receipt).id(&words.client_message_id, id)
            }
            _ => return Err(Unencodable::NoWord),
        };
        Ok(Frame::text(object.finish()))
    }
}

/// Lengths of frames whose texts need no escape, in bytes: a buffer of exactly this length wastes no memory.
impl UniAppWords {
    fn message_len(&self, id: &MessageId, content: Content<'_>) -> usize {
        let names = self.message.len() + self.client_message_id.len() + self.content.len();
        r#"{"key":"","data":{"":"","":""}}"#.len() + names + id.wire_len() + length(content)
    }

    fn ack_len(&self, id: &MessageId) -> usize {
        r#"{"key":"","data":{"":""}}"#.len() + self.ack.len() + self.message_id.len() + id.wire_len()
    }

    fn push_len(&self, id: &MessageId, content: Content<'_>) -> usize {
        let names = self.push.len() + self.message_id.len() + self.content.len();
        r#"{"type":"","":"","":""}"#.len() + names + id.wire_len() + length(content)
    }

    fn receipt_len(&self, id: &MessageId) -> usize {
        let kind = self.push.len().max(self.receipt.len());
        r#"{"type":"","":""}"#.len() + kind + self.client_message_id.len() + id.wire_len()
    }
}

fn length(content: Content<'_>) -> usize {
    match content {
        Content::Text(text) => json::room(text),
        Content::Json(json) => json.len(),
        Content::Binary(_) => 0,
    }
}

fn write_content<'o>(
    object: &'o mut json::Object,
    name: &str,
    content: Content<'_>,
) -> Result<&'o mut json::Object, Unencodable> {
    match content {
        Content::Text(text) => Ok(object.text(name, text)),
        Content::Json(json) => Ok(object.json(name, json)),
        Content::Binary(_) => Err(Unencodable::Binary),
    }
}
