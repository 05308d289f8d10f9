//! A service with a word for everything a model has to predict, spelt so that anybody can write its frames down.

use redial::config::Limits;
use redial::dialect::{
    Capabilities, Content, Dialect, HeartbeatSignal, Login, MessageSignal, ReceiptSignal, Side, Signal, Span,
};
use redial::error::{Malformed, Unencodable};
use redial::{Frame, MessageId};

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
        let mut capabilities = Capabilities::new().login(Login::Handshake).acks();
        capabilities.receipts = self.receipts;
        capabilities
    }

    fn decode(&self, _: Side, frame: &Frame, _: &Limits) -> Result<Signal<Span>, Malformed> {
        let text = frame.as_text().ok_or(Malformed::UnexpectedBinary)?;
        let mut parts = text.splitn(4, ' ');
        let [word, first, second, third] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let from = |before: &[&str], part: &str| {
            let start = before.iter().map(|word| word.len() + 1).sum();
            Span::new(start..start + part.len())
        };
        let id = MessageId::from(first);
        Ok(match word {
            "got" => Signal::accepted(id),
            "no" => Signal::rejected(id, second.parse().unwrap_or_default()),
            "device" => Signal::delivered(id),
            "seen" => Signal::read(id),
            "echo" => Signal::echoed(id, second.into(), from(&[word, first, second], third)),
            "push" => Signal::message(Some(id), from(&[word, first], second)),
            "notice" => Signal::Notice(from(&[word], first)),
            "pong" => Signal::heartbeat_reply(),
            _ => return Err(Malformed::NotAnObject),
        })
    }

    fn encode(&self, _: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        Ok(Frame::text(match signal {
            Signal::Heartbeat(HeartbeatSignal::Ask) => "ping".to_owned(),
            Signal::Message(MessageSignal { id: Some(id), content: Content::Text(text), .. }) => {
                format!("send {id} {text}")
            }
            Signal::Message(MessageSignal { content: Content::Binary(_), .. }) => return Err(Unencodable::Binary),
            Signal::Receipt(ReceiptSignal::Accepted { id, .. }) => format!("have {id}"),
            Signal::Receipt(ReceiptSignal::Rejected { id, .. }) if self.refusals => format!("never {id}"),
            _ => return Err(Unencodable::NoWord),
        }))
    }
}
