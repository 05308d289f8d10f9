//! From a step to the input that it stands for, in the state that it meets.

use redial::journal::Call;
use redial::{Body, ConnectionId, Duration, Event, MessageId, Purpose};

use super::host::Host;
use super::model::{Input, Over};
use super::settings::ID_BYTES;
use super::steps::{Id, Letter, Ours, What, Whose};
use super::words::Word;

impl Host {
    /// The input that a step stands for.
    pub(super) fn cast(&self, what: &What) -> Input {
        match what {
            What::Opened(whose) => Input::Opened(self.of(*whose)),
            What::Closed(whose, for_good) => Input::Closed(self.of(*whose), *for_good),
            What::Errored(whose, error) => Input::Errored(self.of(*whose), *error),
            What::Online => Input::Online,
            What::Woke(asleep) => Input::Woke(*asleep),
            What::HeartbeatFailed => Input::Failed(self.connection, Some(Purpose::Heartbeat)),
            What::AckFailed(push) => Input::Failed(self.connection, Some(Purpose::Ack { id: theirs(*push) })),
            What::Failed(whose, ours) => {
                Input::Failed(self.of(*whose), Some(Purpose::Message { id: self.ours(*ours) }))
            }
            other => match (self.word(other), self.call(other)) {
                (Some((whose, word)), _) => Input::Heard(self.of(whose), word),
                (None, Some(call)) => Input::Call(call),
                (None, None) => Input::Tick,
            },
        }
    }

    /// Whether a step is to bring a connection nearer: what needs one is worth little without.
    pub(super) fn leads_forward(&self, what: &What) -> bool {
        let whose = match what {
            What::Forward => return true,
            What::Failed(whose, _) => Some(*whose),
            What::HeartbeatFailed | What::AckFailed(_) => Some(Whose::Present),
            other => self.word(other).map(|(whose, _)| whose),
        };
        matches!(whose, Some(Whose::Present)) && self.model.link.ready.is_none()
    }

    pub(super) fn forward(&self) -> Input {
        let link = &self.model.link;
        match link.dialing {
            Some(connection) => Input::Opened(connection),
            None if link.ready.is_some() => Input::Tick,
            None if link.is_idle() || link.over != Over::No => Input::Call(Call::Open),
            None => Input::Tick,
        }
    }

    fn word(&self, what: &What) -> Option<(Whose, Word)> {
        let present = Whose::Present;
        Some(match what {
            What::Receipt(whose, ours) => (*whose, Word::Receipt(self.ours(*ours))),
            What::Refusal(ours) => (present, Word::Refusal(self.ours(*ours), 7)),
            What::Delivered(ours) => (present, Word::Delivered(self.ours(*ours))),
            What::Read(ours) => (present, Word::Read(self.ours(*ours))),
            What::Echo(ours, push) => (present, Word::Echo(self.ours(*ours), theirs(*push), "ours".to_owned())),
            What::Push(whose, push) => (*whose, Word::Push(theirs(*push), "theirs".to_owned())),
            What::Notice => (present, Word::Notice("news".to_owned())),
            What::Pong => (present, Word::Pong),
            What::Noise => (present, Word::Noise),
            _ => return None,
        })
    }

    fn call(&self, what: &What) -> Option<Call> {
        Some(match what {
            What::Open => Call::Open,
            What::Close => Call::Close { code: None, reason: String::new() },
            What::ReconnectNow => Call::ReconnectNow,
            What::Hold => Call::Hold,
            What::Release => Call::Release,
            What::Drain(within) => Call::Drain { within: Duration::from_millis(*within) },
            What::Send(letter) => self.send(letter),
            What::Resend(ours) => Call::Resend { id: self.ours(*ours) },
            What::Cancel(ours) => Call::Cancel { id: self.ours(*ours) },
            What::Abandon(ours) => Call::Abandon { id: self.ours(*ours) },
            What::Acknowledge(push) => Call::Acknowledge { id: theirs(*push) },
            What::Reject(push) => Call::Reject { id: theirs(*push) },
            _ => return None,
        })
    }

    fn send(&self, letter: &Letter) -> Call {
        let text = "x".repeat(letter.size);
        let id = match letter.id {
            Id::Minted | Id::Bytes => None,
            Id::Chosen(which) => Some(format!("own{which}")),
            Id::Forged => Some(
                self.model
                    .nonce
                    .iter()
                    .chain(&self.model.earlier)
                    .next()
                    .map_or("own".to_owned(), |nonce| format!("{nonce}-3")),
            ),
            Id::Unwritable => Some("x".repeat(letter.size % 2 * (ID_BYTES + 1))),
        };
        let body = if matches!(letter.id, Id::Bytes) { Body::from(text.into_bytes()) } else { Body::from(text) };
        let time_to_live = letter.ttl.map(Duration::from_millis);
        Call::Send { body, id: id.map(MessageId::from), time_to_live, once: letter.once }
    }

    fn ours(&self, ours: Ours) -> MessageId {
        let strange = || MessageId::from("strange");
        let (at, among) = match ours {
            Ours::Out(at) => (at, self.model.outbox.out()),
            Ours::Failed(at) => (at, self.model.outbox.failed()),
            Ours::Last(back) => return self.ids.iter().rev().nth(back.into()).cloned().unwrap_or_else(strange),
            Ours::Strange => return strange(),
        };
        match usize::from(at).checked_rem(among.len()) {
            Some(at) => among[at].clone(),
            None => self.ours(Ours::Last(at)),
        }
    }

    fn of(&self, whose: Whose) -> u64 {
        match whose {
            Whose::Present => self.connection,
            Whose::Previous => self.connection.saturating_sub(1),
        }
    }
}

fn theirs(push: u8) -> MessageId {
    MessageId::from(format!("push{push}"))
}

/// The event that a model knows as this input.
pub(super) fn event(input: &Input) -> Event {
    let connection = ConnectionId::new;
    match input {
        Input::Opened(of) => Event::Opened { connection: connection(*of) },
        Input::Heard(of, word) => Event::FrameIn { connection: connection(*of), frame: word.frame() },
        Input::Closed(of, for_good) => {
            let code = if *for_good { 1008 } else { 1006 };
            Event::Closed { connection: connection(*of), code: Some(code), reason: String::new() }
        }
        Input::Errored(of, error) => Event::errored(connection(*of), *error),
        Input::Failed(of, purpose) => Event::SendFailed { connection: connection(*of), purpose: purpose.clone() },
        Input::Online => Event::Online,
        Input::Woke(asleep) => Event::Woke { asleep: Duration::from_millis(*asleep) },
        Input::Tick | Input::Call(_) | Input::Restored => Event::Tick,
    }
}
