//! Service `live_chat`: the IM of a chat vendor, whose server begins the login with a challenge.
//!
//! Words on the wire: `{"cmd":"auth1"}` (challenge), `{"cmd":"auth2"}` (proof), `{"cmd":"wd_heartbeat"}` (heartbeat,
//! and its echo as the heartbeat reply), `{"cmd":"conn_close"}` (kick), and any frame with a `result.message`
//! (message). Heartbeats go in lock-step, and an outage has three attempts.
//!
//! The rules of the service's document, by their numbers, and their place in this preset:
//!
//! * S004-1: the session is the core, and this file is the vendor; another vendor is another dialect.
//! * S004-2: without a room or a user there is no preset but [`PresetError::Missing`]. Both ids keep their JSON type.
//! * S004-3: the seven events of the document are actions here; the table below names them.
//! * S004-4, S004-17: an open connection ends the outage and resets the attempt counter.
//! * S004-5: a frame that is no JSON object is reported and dropped.
//! * S004-6: nothing is sent before the server's `auth1`. Then `auth2` goes out with the `msg_id` of `auth1`, and a
//!   heartbeat at once. A repeated `auth1` is answered again, and the heartbeat starts anew (O004-2). No timeout waits
//!   for `auth1`.
//! * S004-7, S004-8: `{"cmd":"wd_heartbeat"}` goes out every 2,000 ms, each only if the heartbeat before it was echoed;
//!   otherwise heartbeats stop. With `heartbeat.dead_after` a missing echo means a dead link instead (O004-1).
//! * S004-9: `conn_close` is `Kicked` with the whole frame. The connection closes without a code, for good (B004-7).
//! * S004-10: any other frame with a `result.message` is delivered, before the login too; the content is the value of
//!   `result`. All other frames are ignored.
//! * S004-11, S004-12: an error or a close starts the attempts; both of one connection count as one loss. The
//!   document's window of 500 ms is not needed, because every event names its connection.
//! * S004-13, S004-14: attempts begin 0, 5,000 and 10,000 ms after the loss, and each is dropped for the next. `GaveUp`
//!   follows after 15,000 ms; the document's page calls it the event `reconnect` (B004-10). A new `open` starts over
//!   (O004-3).
//! * S004-15: `send` is refused while the connection is not ready; a body goes out unchanged.
//! * S004-16: a close by the user is final.
//!
//! The document does not define a heartbeat that cannot be written; here such a heartbeat is an ordinary error.
//!
//! | the document's event | the action |
//! |---|---|
//! | `connect` | `State` with `authenticating`: the socket is open |
//! | `reconnect` | `GaveUp` |
//! | `connect_other_place` | `Kicked` |
//! | `message` | `Deliver` |
//! | `heartbeat` | `Alive` |
//! | `close` | `State` with the cause `closed`, the code and the reason |
//! | `error` | `State` with the cause `errored` |

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::ToString;
use serde::{Deserialize, Serialize};

use super::{ServiceId, document};
use crate::config::{
    Backoff, Config, CredentialSource, DeadLink, FirstDelay, HeartbeatSchedule, Limits, Liveness, MeasuredFrom,
    WhileDown,
};
use crate::dialect::{
    Capabilities, Content, Dialect, HeartbeatSignal, LeaveSignal, Login, LoginSignal, MessageSignal, Side, Signal,
    Span, json,
};
use crate::error::{Malformed, PresetError, Unencodable};
use crate::{Duration, Frame, Preset, Secret};

const NAME: &str = "live_chat";
const HEARTBEAT: &str = r#"{"cmd":"wd_heartbeat"}"#;

/// Dialect of the service `live_chat`, for one user in one room; [`LiveChatSettings`] makes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "LiveChatSettings")]
pub struct LiveChat {
    room_id: ServiceId,
    user_id: ServiceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Secret>,
}

/// Settings of [`LiveChat`], complete or not; `LiveChat::try_from` fails with [`PresetError::Missing`] where the room
/// or the user is missing or empty.
///
/// ```
/// use redial::error::PresetError;
/// use redial::services::{LiveChat, LiveChatSettings};
/// let mut settings = LiveChatSettings::default();
/// settings.room_id = Some(1.into());
/// assert!(matches!(LiveChat::try_from(settings), Err(PresetError::Missing { setting, .. }) if setting == "user_id"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LiveChatSettings {
    /// The room, on the wire as `livechat_<room_id>`. Needed.
    pub room_id: Option<ServiceId>,
    /// The user, on the wire in its own JSON type. Needed.
    pub user_id: Option<ServiceId>,
    /// The key of the vendor. With a key the host answers every challenge: `NeedCredential` brings the seed, and the
    /// answer is md5(seed + key) in hexadecimal. Default `None`: the session answers with an empty text by itself.
    pub key: Option<Secret>,
}

impl TryFrom<LiveChatSettings> for LiveChat {
    type Error = PresetError;

    fn try_from(settings: LiveChatSettings) -> Result<Self, PresetError> {
        let needed = |id: Option<ServiceId>, setting: &str| {
            id.filter(|id| !id.is_empty())
                .ok_or_else(|| PresetError::Missing { preset: NAME.to_string(), setting: setting.to_string() })
        };
        let room_id = needed(settings.room_id, "room_id")?;
        Ok(Self { room_id, user_id: needed(settings.user_id, "user_id")?, key: settings.key })
    }
}

impl LiveChat {
    /// Returns the key of the settings, for a host that answers the challenge.
    pub fn key(&self) -> Option<&Secret> {
        self.key.as_ref()
    }
}

impl Preset {
    /// Returns the preset `live_chat` for a user in a room, with the timings of the document.
    ///
    /// Fails with [`PresetError::Missing`] where the room or the user is an empty text.
    ///
    /// ```
    /// use redial::Preset;
    /// assert!(Preset::live_chat(1, 9527).is_ok());
    /// assert!(Preset::live_chat("", 9527).is_err());
    /// ```
    pub fn live_chat(room_id: impl Into<ServiceId>, user_id: impl Into<ServiceId>) -> Result<Self, PresetError> {
        let settings =
            LiveChatSettings { room_id: Some(room_id.into()), user_id: Some(user_id.into()), ..Default::default() };
        LiveChat::try_from(settings).map(Self::from)
    }
}

impl From<LiveChat> for Preset {
    fn from(chat: LiveChat) -> Self {
        let config = config(chat.key.is_some());
        Self::unchecked(chat, config)
    }
}

fn config(has_key: bool) -> Config {
    let (two, five) = (Duration::from_secs(2), Duration::from_secs(5));
    let mut config = document::config(WhileDown::Refuse);
    if has_key {
        config.authentication.credential = CredentialSource::Asked;
    }
    config.heartbeat.every = two;
    config.heartbeat.at_ready = true;
    config.heartbeat.schedule = HeartbeatSchedule::LockStep;
    config.heartbeat.liveness = Liveness::Reply;
    config.heartbeat.dead_after = None;
    config.heartbeat.suspicion = None;
    config.heartbeat.unanswered = None;
    config.heartbeat.probe = None;
    config.reconnect.first = FirstDelay::all(Duration::ZERO);
    config.reconnect.again = Backoff::constant(five);
    config.reconnect.from = MeasuredFrom::Attempt;
    config.reconnect.attempt_timeout = Some(five);
    config.reconnect.max = Some(3);
    config.close.code = None;
    config.close.dead = DeadLink::Close { code: None };
    config
}

impl Dialect for LiveChat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().login(Login::Challenge).early_delivery()
    }

    fn decode(&self, reader: Side, frame: &Frame, limits: &Limits) -> Result<Signal<Span>, Malformed> {
        match (frame, reader) {
            (Frame::Ping(_) | Frame::Pong(_), _) => Ok(Signal::Ignored),
            (_, Side::Client) => self.decode_push(json::text(frame)?, limits),
            (_, Side::Server) => decode_request(json::text(frame)?, limits),
        }
    }

    fn encode(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match writer {
            Side::Client => self.encode_request(signal),
            Side::Server => self.encode_push(signal),
        }
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl LiveChat {
    fn decode_push(&self, text: &str, limits: &Limits) -> Result<Signal<Span>, Malformed> {
        let [cmd, msg_id, result] = json::fields(text, ["cmd", "msg_id", "result"], limits)?;
        let is = |word: &str| cmd.is_some_and(|cmd| cmd.is(word));
        if is("wd_heartbeat") {
            return Ok(Signal::heartbeat_reply());
        }
        if is("conn_close") {
            return Ok(Signal::kick(Span::WHOLE));
        }
        if is("auth1") {
            let [seed] = inner(result, ["seed"], limits)?;
            if self.key.is_some() && seed.is_none() {
                return Err(json::missing("seed"));
            }
            let reference = json::required(msg_id, "msg_id")?.reference("msg_id", limits)?;
            return Ok(Signal::challenge(seed.map(json::Field::span), Some(reference)));
        }
        let [message] = inner(result, ["message"], limits)?;
        Ok(match (result, message) {
            (Some(result), Some(message)) if message.is_truthy() => Signal::message(None, result.span()),
            _ => Signal::Ignored,
        })
    }

    fn encode_request(&self, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match signal {
            Signal::Heartbeat(HeartbeatSignal::Ask) => Ok(Frame::text(HEARTBEAT)),
            Signal::Login(LoginSignal::Proof { credential, reference, .. }) => {
                let mut object = json::Object::with_capacity(128);
                if let Some(Content::Json(reference)) = reference {
                    object.json("msg_id", reference);
                }
                object.text("cmd", "auth2").text("authCode", credential.reveal());
                object.text("room_id", &format!("livechat_{}", self.room_id));
                match &self.user_id {
                    ServiceId::Text(user) => object.text("userId", user),
                    ServiceId::Number(user) => object.json("userId", &user.to_string()),
                };
                Ok(Frame::text(object.finish()))
            }
            Signal::Message(MessageSignal { content: Content::Text(text), .. }) => {
                match decode_request(text, &json::widest_limits()) {
                    Ok(Signal::Heartbeat(_) | Signal::Login(_)) => Err(Unencodable::Reserved),
                    _ => Ok(Frame::text((*text).to_owned())),
                }
            }
            Signal::Message(MessageSignal { content: Content::Binary(_), .. }) => Err(Unencodable::Binary),
            _ => Err(Unencodable::NoWord),
        }
    }

    fn encode_push(&self, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match signal {
            Signal::Heartbeat(HeartbeatSignal::Reply) => Ok(Frame::text(HEARTBEAT)),
            Signal::Login(LoginSignal::Challenge { challenge, reference: Some(Content::Json(reference)), .. }) => {
                let mut object = json::Object::with_capacity(64);
                object.text("cmd", "auth1").json("msg_id", reference);
                match challenge {
                    Some(Content::Text(seed)) => object.object("result", |result| result.text("seed", seed)),
                    Some(Content::Json(seed)) => object.object("result", |result| result.json("seed", seed)),
                    Some(Content::Binary(_)) => return Err(Unencodable::NoWord),
                    None => &mut object,
                };
                Ok(Frame::text(object.finish()))
            }
            // The content of a kick is the whole frame.
            Signal::Leave(LeaveSignal::Kick { content: Content::Text(text), .. }) => {
                match self.decode_push(text, &json::widest_limits()) {
                    Ok(Signal::Leave(_)) => Ok(Frame::text((*text).to_owned())),
                    _ => Err(Unencodable::NoWord),
                }
            }
            Signal::Message(MessageSignal { content: Content::Text(result) | Content::Json(result), .. }) => {
                let tight = result.starts_with('{') && result.ends_with('}');
                let text = json::Object::with_capacity(32 + result.len())
                    .text("cmd", "message")
                    .json("result", if tight { result } else { "null" })
                    .finish();
                // A result that the client would not deliver cannot be a message.
                let read = self.decode_push(&text, &json::widest_limits());
                let frame = Frame::text(text);
                match read {
                    Ok(Signal::Message(read)) if read.content.content(&frame) == Content::Json(result) => Ok(frame),
                    _ => Err(Unencodable::NoWord),
                }
            }
            Signal::Message(MessageSignal { content: Content::Binary(_), .. }) => Err(Unencodable::Binary),
            _ => Err(Unencodable::NoWord),
        }
    }
}

/// Decodes a text of the client: a heartbeat, a proof, or else a message, JSON or not.
fn decode_request(text: &str, limits: &Limits) -> Result<Signal<Span>, Malformed> {
    let [cmd, msg_id, code] = match json::fields(text, ["cmd", "msg_id", "authCode"], limits) {
        Ok(fields) => fields,
        Err(error @ Malformed::TooDeep { .. }) => return Err(error),
        Err(_) => return Ok(Signal::message(None, Span::WHOLE)),
    };
    let is = |word: &str| cmd.is_some_and(|cmd| cmd.is(word));
    if is("wd_heartbeat") {
        Ok(Signal::heartbeat())
    } else if is("auth2") {
        let credential = Secret::new(code.and_then(json::Field::string).unwrap_or_default());
        Ok(Signal::proof(credential, msg_id.map(json::Field::span_as_written)))
    } else {
        Ok(Signal::message(None, Span::WHOLE))
    }
}

/// Reads the named fields of a value; a value that is no object has no fields.
fn inner<'a, const N: usize>(
    value: Option<json::Field<'a>>,
    names: [&str; N],
    limits: &Limits,
) -> Result<[Option<json::Field<'a>>; N], Malformed> {
    match value {
        Some(value) if value.written().starts_with('{') => value.fields(names, limits),
        _ => Ok([None; N]),
    }
}
