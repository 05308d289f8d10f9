//! `live_chat`: a chat vendor's IM. The server asks first, heartbeats go in lock-step, three tries and no more.
//!
//! What this preset does, by the numbers of its document:
//!
//! * S004-1 the session is the core and this file the vendor: another vendor is another dialect;
//! * S004-2 without a room or a user there is no preset, but a [`PresetError::Missing`]; both ids keep their JSON type;
//! * S004-3 its seven events are actions here: the table below says which;
//! * S004-4, S004-17 an open connection ends the round of tries and sets their count back;
//! * S004-5 a frame that is no JSON object is reported and dropped;
//! * S004-6 nothing is sent before the server's `auth1`; then `auth2` with its `msg_id`, and a heartbeat at once. `auth1`
//!   again is answered again, and the heartbeat starts anew with it (O004-2). No time-out waits for `auth1`;
//! * S004-7, S004-8 `{"cmd":"wd_heartbeat"}` every 2,000 ms, each only if the one before was echoed; otherwise the heartbeat falls
//!   silent and stays so. With `heartbeat.dead_after` a missing echo means a dead link instead (O004-1);
//! * S004-9 `conn_close` is `Kicked` with the whole frame: closed without a code, and final (B004-7);
//! * S004-10 any other frame with a `result.message` is delivered, before the login too: the value of `result`. The rest is ignored;
//! * S004-11, S004-12 an error or a close starts the tries; both of one connection are one loss, exactly. The document's
//!   window of 500 ms is not needed for that: every event names its connection;
//! * S004-13, S004-14 tries at once, 5,000 and 10,000 ms after the loss, each dropped for the next; 15,000 ms after it `GaveUp`,
//!   which the document's page knows as the event `reconnect` (B004-10). A new `open` starts anew (O004-3);
//! * S004-15 `send` is refused while the connection is not ready; what is sent goes out as it was given;
//! * S004-16 a close by the user is final.
//!
//! The document leaves open what a heartbeat that cannot be written means; here it is an error like any other.
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
    AuthenticationPolicy, Backoff, ClosePolicy, Config, CredentialSource, DeadLink, FirstDelay, HeartbeatPolicy,
    HeartbeatSchedule, Limits, Liveness, MeasuredFrom, ReconnectPolicy, WhileDown,
};
use crate::dialect::{
    Capabilities, Content, Dialect, HeartbeatSignal, LeaveSignal, Login, LoginSignal, MessageSignal, Side, Signal,
    Span, json,
};
use crate::error::{Malformed, PresetError, Unencodable};
use crate::{Duration, Frame, Preset, Secret};

const NAME: &str = "live_chat";
const HEARTBEAT: &str = r#"{"cmd":"wd_heartbeat"}"#;

/// The dialect of the live chat.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "LiveChatSettings")]
pub struct LiveChat {
    room_id: ServiceId,
    user_id: ServiceId,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Secret>,
}

/// What [`LiveChat`] is made of, complete or not; the serde form of its settings.
///
/// ```
/// use redial::error::PresetError;
/// use redial::services::{LiveChat, LiveChatSettings};
/// let settings = LiveChatSettings { room_id: Some(1.into()), ..LiveChatSettings::default() };
/// assert!(matches!(LiveChat::try_from(settings), Err(PresetError::Missing { setting, .. }) if setting == "user_id"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiveChatSettings {
    /// The room; the wire has it as `livechat_<room_id>`.
    pub room_id: Option<ServiceId>,
    /// The user, on the wire in the JSON type it has here.
    pub user_id: Option<ServiceId>,
    /// Where there is one, every challenge is the host's to answer: `NeedCredential` brings the seed, and the answer is
    /// md5(seed + key) in hexadecimal. Without one the answer is empty and needs nobody.
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
    /// The key that the settings gave, for a host that answers the challenge.
    pub fn key(&self) -> Option<&Secret> {
        self.key.as_ref()
    }
}

impl Preset {
    /// The live chat, as its document has it, for a user in a room; an empty text names neither.
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
    let document = document::config(WhileDown::Refuse);
    let credential = if has_key { CredentialSource::Asked } else { CredentialSource::Optional };
    Config {
        authentication: AuthenticationPolicy { credential, ..document.authentication },
        heartbeat: HeartbeatPolicy {
            every: two,
            at_ready: true,
            schedule: HeartbeatSchedule::LockStep,
            liveness: Liveness::Reply,
            dead_after: None,
            suspicion: None,
            probe: None,
        },
        reconnect: ReconnectPolicy {
            first: FirstDelay::all(Duration::ZERO),
            again: Backoff::constant(five),
            from: MeasuredFrom::Attempt,
            attempt_timeout: Some(five),
            max: Some(3),
            ..document.reconnect
        },
        close: ClosePolicy { code: None, dead: DeadLink::Close { code: None }, ..document.close },
        ..document
    }
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
            Signal::Login(LoginSignal::Proof { credential, reference }) => {
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
            Signal::Login(LoginSignal::Challenge { challenge, reference: Some(Content::Json(reference)) }) => {
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
            // The content of a kick is its whole frame.
            Signal::Leave(LeaveSignal::Kick { content: Content::Text(text) }) => {
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
                // Only what the client delivers is a message to it.
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

/// What the client says; all but heartbeat and answer is the application's, JSON or not.
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

/// The fields of a value that may be no object, and has none then.
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
