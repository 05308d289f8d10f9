//! A service whose frames are lines of words.

use redial::config::Limits;
use redial::dialect::{
    Bye, Capabilities, CloseAdvice, Content, Dialect, Handshake, HeartbeatSignal, LeaveSignal, Login, MessageSignal,
    ReceiptSignal, Side, Signal, Span,
};
use redial::error::{ConfigError, Malformed, PresetError, Unencodable};
use redial::journal::Header;
use redial::{Body, Config, Duration, Frame, MessageId, Preset, Secret};
use serde_json::{Value, json};

const TALK: Capabilities = Capabilities::new().login(Login::Handshake).receipts().acks();

/// A service whose frames are lines of words.
///
/// | line | what it says |
/// |---|---|
/// | `BEAT`, `BACK` | a heartbeat, and its answer |
/// | `SAY id text` | a message |
/// | `OK id`, `NO id code` | the message is taken, or refused |
/// | `GOT id`, `SEEN id` | the message is on the receiver's device, or was read there |
/// | `NEWS text` | something that is no message |
/// | `OUT text` | the account is connected elsewhere |
/// | `BYE code reconnect resume ms` | the connection ends |
/// | `# text` | nothing |
///
/// An id that is a number is written `#7`, so a text that begins like that is no id here, and neither is one with a
/// space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talk {
    room: String,
}

impl Talk {
    /// The dialect of one room, which stands in the URL.
    pub fn new(room: &str) -> Self {
        Self { room: room.to_owned() }
    }

    /// This dialect with a configuration.
    pub fn preset(self, config: Config) -> Result<Preset, ConfigError> {
        Preset::new(self, config)
    }

    /// The preset that stands at the head of a journal.
    pub fn preset_of(header: &Header) -> Result<Preset, PresetError> {
        if header.preset != "talk" {
            return Err(PresetError::Unknown { known: "talk".to_owned() });
        }
        let mut config = header.config.clone();
        let settings = config.as_object_mut().and_then(|fields| fields.remove("preset"));
        let room = settings
            .as_ref()
            .and_then(|settings| settings["room"].as_str())
            .ok_or_else(|| PresetError::Missing { preset: "talk".to_owned(), setting: "room".to_owned() })?;
        let config =
            serde_json::from_value(config).map_err(|error| PresetError::Invalid { problem: error.to_string() })?;
        Ok(Self::new(room).preset(config)?)
    }
}

impl Dialect for Talk {
    fn name(&self) -> &'static str {
        "talk"
    }

    fn capabilities(&self) -> Capabilities {
        TALK
    }

    fn decode(&self, _: Side, frame: &Frame, limits: &Limits) -> Result<Signal<Span>, Malformed> {
        match frame {
            Frame::Text(text) => read(text, limits),
            Frame::Binary(_) => Err(Malformed::UnexpectedBinary),
            Frame::Ping(_) | Frame::Pong(_) => Ok(Signal::Ignored),
        }
    }

    fn encode(&self, _: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match signal {
            Signal::Heartbeat(HeartbeatSignal::Ask) => Ok(Frame::text("BEAT")),
            Signal::Heartbeat(HeartbeatSignal::Reply) => Ok(Frame::text("BACK")),
            Signal::Message(MessageSignal { id: Some(id), content, .. }) => {
                Ok(Frame::text(format!("SAY {} {}", word(id)?, line(*content)?)))
            }
            Signal::Receipt(receipt) => write_receipt(receipt).map(Frame::text),
            Signal::Notice(content) => Ok(Frame::text(format!("NEWS {}", line(*content)?))),
            Signal::Leave(LeaveSignal::Kick { content, .. }) => Ok(Frame::text(format!("OUT {}", line(*content)?))),
            Signal::Leave(LeaveSignal::Bye(bye)) => {
                let Bye { code, reconnect, resume, after, .. } = bye;
                Ok(Frame::text(format!("BYE {code} {reconnect} {resume} {}", after.as_millis())))
            }
            Signal::Ignored => Ok(Frame::text("# ")),
            _ => Err(Unencodable::NoWord),
        }
    }

    fn handshake(&self, credential: Option<&Secret>) -> Handshake {
        let mut handshake = Handshake::default();
        let token = credential.map(|token| format!("&as={}", escaped(token.reveal()))).unwrap_or_default();
        handshake.query = Some(format!("room={}{token}", escaped(&self.room)));
        handshake.subprotocols.push("talk".to_owned());
        handshake
    }

    fn on_close(&self, code: u16, reason: &str) -> CloseAdvice {
        let wait = reason.strip_prefix("wait ").and_then(|wait| wait.parse().ok());
        match (code, wait) {
            (4001, _) => CloseAdvice::Stop,
            (4000, Some(wait)) => CloseAdvice::Retry { after: Duration::from_millis(wait) },
            _ => CloseAdvice::AsConfigured,
        }
    }

    fn settings(&self) -> Value {
        json!({"room": self.room})
    }
}

fn read(text: &str, limits: &Limits) -> Result<Signal<Span>, Malformed> {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
    match verb {
        "BEAT" => Ok(Signal::heartbeat()),
        "BACK" => Ok(Signal::heartbeat_reply()),
        "SAY" => Ok(Signal::message(Some(id(first, limits)?), Span::rest(text, second))),
        "OK" => Ok(Signal::accepted(id(first, limits)?)),
        "NO" => Ok(Signal::rejected(id(first, limits)?, number(second, "code")?)),
        "GOT" => Ok(Signal::delivered(id(first, limits)?)),
        "SEEN" => Ok(Signal::read(id(first, limits)?)),
        "NEWS" => Ok(Signal::Notice(Span::rest(text, rest))),
        "OUT" => Ok(Signal::kick(Span::rest(text, rest))),
        "BYE" => read_bye(first, second).map(Signal::bye),
        "#" => Ok(Signal::Ignored),
        _ => Err(missing("verb")),
    }
}

fn read_bye(code: &str, rest: &str) -> Result<Bye, Malformed> {
    let [reconnect, resume, after] = rest.split(' ').collect::<Vec<_>>()[..] else { return Err(missing("after")) };
    let bye = Bye::new(number(code, "code")?);
    let bye = bye.reconnect(reconnect == "true").resume(resume == "true");
    Ok(bye.after(Duration::from_millis(number(after, "after")?)))
}

fn id(word: &str, limits: &Limits) -> Result<MessageId, Malformed> {
    let limit = limits.id_bytes.get();
    let bad = || Malformed::BadId { field: "id".to_owned(), limit };
    if let Some(digits) = word.strip_prefix('#') {
        let number = digits.parse::<u64>().ok().filter(|number| *number <= MessageId::MAX_NUMBER);
        return number.map(MessageId::from).ok_or_else(bad);
    }
    if word.is_empty() || word.len() as u64 > limit { Err(bad()) } else { Ok(MessageId::from(word)) }
}

fn number<N: std::str::FromStr>(word: &str, field: &str) -> Result<N, Malformed> {
    word.parse().map_err(|_| Malformed::BadNumber { field: field.to_owned() })
}

fn missing(field: &str) -> Malformed {
    Malformed::Missing { field: field.to_owned() }
}

fn write_receipt(receipt: &ReceiptSignal<Content<'_>>) -> Result<String, Unencodable> {
    match receipt {
        ReceiptSignal::Accepted { id, echo: None, .. } => Ok(format!("OK {}", word(id)?)),
        ReceiptSignal::Rejected { id, code, .. } => Ok(format!("NO {} {code}", word(id)?)),
        ReceiptSignal::Delivered { id, .. } => Ok(format!("GOT {}", word(id)?)),
        ReceiptSignal::Read { id, .. } => Ok(format!("SEEN {}", word(id)?)),
        _ => Err(Unencodable::NoWord),
    }
}

fn word(id: &MessageId) -> Result<String, Unencodable> {
    match id.as_text() {
        None => Ok(format!("#{id}")),
        Some(text) if text.is_empty() || text.starts_with('#') || text.contains(' ') => Err(Unencodable::Reserved),
        Some(text) => Ok(text.to_owned()),
    }
}

fn line(content: Content<'_>) -> Result<String, Unencodable> {
    match content.to_body() {
        Body::Text(text) => Ok(text),
        Body::Binary { .. } => Err(Unencodable::Binary),
    }
}

fn escaped(text: &str) -> String {
    let spelled = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(spelled).collect()
}
