//! A service with a word for everything a model has to predict, spelt so that anybody can write its frames down.

use redial::{
    Capabilities, Dialect, Echo, Frame, Limits, Login, Malformed, MessageId, Payload, Side, Signal, Unencodable,
};

/// What the server says.
#[derive(Clone, Debug)]
pub(super) enum Word {
    Receipt(MessageId),
    Refusal(MessageId, u32),
    Delivered(MessageId),
    Read(MessageId),
    /// A message of ours comes back, as a push under another id.
    Echo(MessageId, MessageId, String),
    Push(MessageId, String),
    /// Something for the application that nobody acknowledges.
    Notice(String),
    Pong,
    Noise,
}

impl Word {
    pub(super) fn frame(&self) -> Frame {
        Frame::text(match self {
            Self::Receipt(id) => format!("got {id}"),
            Self::Refusal(id, code) => format!("no {id} {code}"),
            Self::Delivered(id) => format!("device {id}"),
            Self::Read(id) => format!("seen {id}"),
            Self::Echo(id, push, body) => format!("echo {id} {push} {body}"),
            Self::Push(id, body) => format!("push {id} {body}"),
            Self::Notice(body) => format!("notice {body}"),
            Self::Pong => "pong".to_owned(),
            Self::Noise => "?".to_owned(),
        })
    }
}

/// The service: whether it confirms what it gets, and whether it understands a refusal.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) receipts: bool,
    pub(super) refusals: bool,
}

impl Dialect for Post {
    fn name(&self) -> &'static str {
        "post"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            login: Login::None,
            receipts: self.receipts,
            acks: true,
            early_delivery: false,
            sequenced: false,
        }
    }

    fn decode<'a>(&self, _: Side, frame: &'a Frame, _: &Limits) -> Result<Signal<'a>, Malformed> {
        let text = frame.as_text().ok_or(Malformed::UnexpectedBinary)?;
        let mut parts = text.splitn(4, ' ');
        let [word, first, second, third] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let id = MessageId::from(first);
        Ok(match word {
            "got" => Signal::Ack { id, echo: None },
            "no" => Signal::Nack { id, code: second.parse().unwrap_or_default() },
            "device" => Signal::Delivered { id },
            "seen" => Signal::Read { id },
            "echo" => Signal::Ack { id, echo: Some(Echo { id: second.into(), body: Payload::Text(third) }) },
            "push" => Signal::Message { id: Some(id), body: Payload::Text(second) },
            "notice" => Signal::Notice { body: Payload::Text(first) },
            "pong" => Signal::HeartbeatReply,
            _ => return Err(Malformed::NotAnObject),
        })
    }

    fn encode(&self, _: Side, signal: &Signal<'_>) -> Result<Frame, Unencodable> {
        Ok(Frame::text(match signal {
            Signal::Heartbeat => "ping".to_owned(),
            Signal::Message { id: Some(id), body: Payload::Text(text) } => format!("send {id} {text}"),
            Signal::Message { body: Payload::Binary(_), .. } => return Err(Unencodable::Binary),
            Signal::Ack { id, .. } => format!("have {id}"),
            Signal::Nack { id, .. } if self.refusals => format!("never {id}"),
            _ => return Err(Unencodable::NoWord),
        }))
    }
}
