//! A dialect for tests that has a word for everything a session can hear and say: `msg m1 hello`, `ack m1`, `nack m1 7`.

use redial::{
    Capabilities, Config, Dialect, Frame, Handshake, Limits, Login, Malformed, MessageId, Payload, Preset, Secret,
    Side, Signal, Unencodable,
};

/// A dialect for tests that has a word for everything.
#[derive(Debug)]
pub(crate) struct Terse {
    login: Login,
}

impl Terse {
    /// The dialect whose connections become ready in this way.
    pub(crate) fn preset(login: Login, config: Config) -> Preset {
        Preset::new(Self { login }, config)
    }
}

impl Dialect for Terse {
    fn name(&self) -> &'static str {
        "terse"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { login: self.login, receipts: true, acks: true, early_delivery: false, sequenced: false }
    }

    fn handshake(&self, credential: Option<&Secret>) -> Handshake {
        let query = credential.map(|token| format!("token={}", token.reveal()));
        Handshake { query, ..Handshake::default() }
    }

    fn decode<'a>(&self, _: Side, frame: &'a Frame, limits: &Limits) -> Result<Signal<'a>, Malformed> {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Binary(_) => return Err(Malformed::UnexpectedBinary),
            Frame::Ping(_) | Frame::Pong(_) => return Ok(Signal::Ignored),
        };
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
        let id = || match MessageId::from(first) {
            id if (1..=limits.id_bytes.get()).contains(&(first.len() as u64)) => Ok(id),
            _ => Err(Malformed::BadId { field: "id".to_owned(), limit: limits.id_bytes.get() }),
        };
        Ok(match word {
            "beat" => Signal::Heartbeat,
            "alive" => Signal::HeartbeatReply,
            "msg" => Signal::Message { id: Some(id()?), body: Payload::Text(second) },
            "ack" => Signal::Ack { id: id()?, echo: None },
            "nack" => Signal::Nack { id: id()?, code: second.parse().unwrap_or_default() },
            "delivered" => Signal::Delivered { id: id()? },
            "read" => Signal::Read { id: id()? },
            "who" => Signal::Challenge { challenge: Some(Payload::Text(rest)), reference: None },
            "me" => Signal::Login { credential: Secret::new(rest), reference: None },
            "welcome" => Signal::LoginAccepted,
            "refused" => Signal::Refused { code: first.parse().unwrap_or_default() },
            "kick" => Signal::Kick { body: Payload::Text(rest) },
            "notice" => Signal::Notice { body: Payload::Text(rest) },
            _ => return Err(Malformed::Missing { field: "word".to_owned() }),
        })
    }

    fn encode(&self, _: Side, signal: &Signal<'_>) -> Result<Frame, Unencodable> {
        let text = match signal {
            Signal::Heartbeat => "beat".to_owned(),
            Signal::HeartbeatReply => "alive".to_owned(),
            Signal::Message { id: Some(id), body: Payload::Text(body) } => format!("msg {id} {body}"),
            Signal::Message { body: Payload::Binary(_), .. } => return Err(Unencodable::Binary),
            Signal::Ack { id, echo: None } => format!("ack {id}"),
            Signal::Nack { id, code } => format!("nack {id} {code}"),
            Signal::Delivered { id } => format!("delivered {id}"),
            Signal::Read { id } => format!("read {id}"),
            Signal::Challenge { challenge: Some(Payload::Text(seed)), .. } => format!("who {seed}"),
            Signal::Login { credential, .. } => format!("me {}", credential.reveal()),
            Signal::LoginAccepted => "welcome".to_owned(),
            Signal::Refused { code } => format!("refused {code}"),
            Signal::Kick { body: Payload::Text(body) } => format!("kick {body}"),
            Signal::Notice { body: Payload::Text(body) } => format!("notice {body}"),
            _ => return Err(Unencodable::NoWord),
        };
        Ok(Frame::text(text))
    }
}
