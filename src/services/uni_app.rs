//! `uni_app`: an IM client on uni-app. Messages carry an id of the client's, their echo confirms them, pushes are acknowledged.
//!
//! What this preset does, by the numbers of its document:
//!
//! * S000-1 the token goes into the URL as `?token=..`: the one last given with `credential`, read anew for each connect;
//! * S000-2, S000-3 nothing is sent at open; a heartbeat every 5,000 ms from open, moved by nothing;
//! * S000-4, S000-5 a heartbeat needs no answer; one that cannot be written means a lost connection;
//! * S000-6 to S000-9 a failed heartbeat, an error or a close: one reconnect 5,000 ms later, without limit. The document lets a
//!   later trigger replace a timer that is pending; here error and close belong to one connection and are one loss, so there
//!   is never a second trigger, and a wait that has begun keeps its end;
//! * S000-12 every frame that is a JSON object is delivered whole, of whatever type; the echo of an own message is a receipt;
//! * S000-13 callbacks by key are the host's: a small table fed by `Deliver`, which outlives every connection;
//! * S000-14, S000-18 a message that cannot be written is `NotSent` and changes nothing else; `resend` keeps its id;
//! * S000-16, S000-17 the echo is `Accepted`, the receiver's receipt is `Delivered`;
//! * S000-19, S000-20 every push of type `MESSAGE` is acknowledged each time it comes, and shown once (S000-21).
//!
//! The document does not give the names of the fields; [`UniAppWords`] has them, as settings.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::document;
use super::query::percent_encoded;
use crate::config::{
    Backoff, Config, Deliver, FirstDelay, HeartbeatPolicy, HeartbeatSchedule, InboxPolicy, Limits, Liveness,
    MeasuredFrom, ReconnectPolicy, WhileDown,
};
use crate::dialect::{
    Capabilities, Content, Dialect, Handshake, HeartbeatSignal, Login, MessageSignal, ReceiptSignal, Side, Signal,
    Span, json,
};
use crate::error::{Malformed, Unencodable};
use crate::{Duration, Frame, MessageId, Preset, Secret};

const HEARTBEAT: &str = r#"{"key":"heartbeat","data":{}}"#;

/// The dialect of the uni-app IM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UniApp {
    /// The names on the wire.
    pub words: UniAppWords,
}

/// The names on the wire that the document leaves open; the defaults are a guess that hangs together.
///
/// | frame | default spelling |
/// |---|---|
/// | message | `{"key":"message","data":{"clientMessageId":"c1","content":".."}}` |
/// | its echo, which confirms it | `{"type":"MESSAGE","messageId":"m1","clientMessageId":"c1","content":".."}` |
/// | push | `{"type":"MESSAGE","messageId":"m1","content":".."}` |
/// | acknowledgement of a push | `{"key":"message_ack","data":{"messageId":"m1"}}` |
/// | the receiver's receipt | `{"type":"RECEIPT","clientMessageId":"c1"}` |
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UniAppWords {
    /// The key of a message. Default `message`.
    pub message: Cow<'static, str>,
    /// The key of an acknowledgement. Default `message_ack`.
    pub ack: Cow<'static, str>,
    /// The type of a push. Default `MESSAGE`.
    pub push: Cow<'static, str>,
    /// The type of a receiver's receipt. Default `RECEIPT`.
    pub receipt: Cow<'static, str>,
    /// The field of a push's id. Default `messageId`.
    pub message_id: Cow<'static, str>,
    /// The field of the sender's id. Default `clientMessageId`.
    pub client_message_id: Cow<'static, str>,
    /// The field of the content. Default `content`.
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
    /// The uni-app IM, as its document has it.
    ///
    /// Resending, queueing and an inbound deadline are switched on by changing the configuration; `Config::default()` with
    /// these words is a chat that loses nothing while the server recognises repeats.
    ///
    /// With `Config::default()` this is promised, and this is not:
    ///
    /// | direction | promised | not promised |
    /// |---|---|---|
    /// | out | Nothing lost, nothing shown twice, while the server recognises the id of a message it has seen. | A server that forgot its ids shows twice what is sent again. `outbox.dedup_window` says how long it remembers: what is older then becomes `Unconfirmed`, the machine's sleep counted. |
    /// | out | `Accepted` means that the server said so. | That the server stored it before it said so. |
    /// | in | Nothing shown twice among the last `inbox.window` ids; with `inbox.server_keeps` known and the window at least as long, nothing at all. | A server that repeats out of order, or more than it said. |
    /// | in | Nothing lost, while the server pushes again what is not acknowledged. | The document's server pushes again only once: both copies lost is a message lost, told to nobody here. Fetching the history after a reconnect is the repair. |
    pub fn uni_app() -> Self {
        Self::unchecked(UniApp::default(), config())
    }
}

fn config() -> Config {
    let five = Duration::from_secs(5);
    let document = document::config(WhileDown::Refuse);
    Config {
        heartbeat: HeartbeatPolicy {
            every: five,
            at_ready: false,
            schedule: HeartbeatSchedule::Grid,
            liveness: Liveness::Reply,
            dead_after: None,
            suspicion: None,
            probe: None,
        },
        reconnect: ReconnectPolicy {
            first: FirstDelay::all(five),
            again: Backoff::constant(five),
            from: MeasuredFrom::Failure,
            ..document.reconnect
        },
        inbox: InboxPolicy { deliver: Deliver::Frame, ..document.inbox },
        ..document
    }
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
        Handshake { query, ..Handshake::default() }
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl UniApp {
    /// What the server says: objects with a `type`.
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

    /// What the client says: objects with a `key` and `data`.
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
            Signal::Message(MessageSignal { id: Some(id), content }) => {
                json::Object::with_capacity(words.message_len(id, *content))
                    .text("key", &words.message)
                    .try_object("data", |data| {
                        write_content(data.id(&words.client_message_id, id), &words.content, *content)
                    })?
                    .finish()
            }
            Signal::Receipt(ReceiptSignal::Accepted { id, echo: None }) => {
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
            Signal::Message(MessageSignal { id: Some(id), content }) => words.push_len(id, *content),
            Signal::Receipt(ReceiptSignal::Accepted { id, echo: Some(echo) }) => {
                words.push_len(&echo.id, echo.content) + words.receipt_len(id)
            }
            Signal::Receipt(ReceiptSignal::Accepted { id, .. } | ReceiptSignal::Delivered { id }) => {
                words.receipt_len(id)
            }
            _ => 0,
        });
        match signal {
            Signal::Message(MessageSignal { id: Some(id), content }) => {
                write_content(object.text("type", &words.push).id(&words.message_id, id), &words.content, *content)?
            }
            Signal::Receipt(ReceiptSignal::Accepted { id, echo: None }) => {
                object.text("type", &words.push).id(&words.client_message_id, id)
            }
            Signal::Receipt(ReceiptSignal::Accepted { id, echo: Some(echo) }) => {
                object.text("type", &words.push).id(&words.message_id, &echo.id).id(&words.client_message_id, id);
                write_content(&mut object, &words.content, echo.content)?
            }
            // A pong nobody asked for is a heartbeat one way (RFC 6455 §5.5.3): life for those who look, nothing for the rest.
            Signal::Heartbeat(HeartbeatSignal::Reply) => return Ok(Frame::Pong(Vec::new())),
            Signal::Heartbeat(HeartbeatSignal::Ask) => return Ok(Frame::Ping(Vec::new())),
            Signal::Receipt(ReceiptSignal::Delivered { id }) => {
                object.text("type", &words.receipt).id(&words.client_message_id, id)
            }
            _ => return Err(Unencodable::NoWord),
        };
        Ok(Frame::text(object.finish()))
    }
}

/// Bytes of frames whose texts need no escape: to hosts that share buffers, one that is full is worth more than one that is not.
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
