//! A dialect for tests that has a word for everything a session can hear and say: `msg m1 hello`, `ack m1`,
//! `nack m1 7`.

use redial::config::{CredentialSource, Limits};
use redial::dialect::{
    Again, Capabilities, Content, Dialect, Greeting, Handshake, HeartbeatSignal, LeaveSignal, Login, LoginSignal,
    MessageSignal, ReceiptSignal, Side, Signal, Span,
};
use redial::error::{Malformed, Unencodable};
use redial::{Config, Duration, Frame, MessageId, Preset, Secret};

/// A dialect for tests that has a word for everything.
#[derive(Debug)]
pub(crate) struct Terse {
    login: Login,
}

impl Terse {
    /// The dialect whose connections become ready in this way.
    pub(crate) fn preset(login: Login, mut config: Config) -> Preset {
        // Where there is no login, there is nothing to ask for.
        if login == Login::None {
            config.authentication.credential = CredentialSource::Held;
        }
        Preset::new(Self { login }, config).expect("it is sound")
    }
}

impl Dialect for Terse {
    fn name(&self) -> &'static str {
        "terse"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().login(self.login).receipts().acks()
    }

    fn handshake(&self, credential: Option<&Secret>) -> Handshake {
        let mut handshake = Handshake::default();
        handshake.query = credential.map(|token| format!("token={}", token.reveal()));
        handshake
    }

    fn decode(&self, _: Side, frame: &Frame, limits: &Limits) -> Result<Signal<Span>, Malformed> {
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
            "beat" => Signal::heartbeat(),
            "alive" => Signal::heartbeat_reply(),
            "msg" => Signal::message(Some(id()?), Span::rest(text, second)),
            "ack" => Signal::accepted(id()?),
            "nack" => Signal::rejected(id()?, second.parse().unwrap_or_default()),
            "delivered" => Signal::delivered(id()?),
            "read" => Signal::read(id()?),
            "who" => Signal::challenge(Some(Span::rest(text, rest)), None),
            "me" => Signal::proof(Secret::new(rest), None),
            "hi" => Signal::login_first((!rest.is_empty()).then(|| Secret::new(rest))),
            "welcome" if rest.is_empty() => Signal::login_accepted(),
            "welcome" => {
                let every = first.parse().map(Duration::from_millis).unwrap_or_default();
                Signal::greeting(Greeting::default().heartbeat(every).content(Span::rest(text, second)))
            }
            "refused" if second.is_empty() => Signal::login_refused(first.parse().unwrap_or_default()),
            "refused" => {
                let why = Some(Span::rest(text, second));
                Signal::login_refused_with(first.parse().unwrap_or_default(), why, Again::default())
            }
            "never" => Signal::login_refused_with(0, None, Again::Never),
            "later" => {
                let after = Duration::from_millis(first.parse().unwrap_or_default());
                Signal::login_refused_with(0, None, Again::Later { after })
            }
            "kick" => Signal::kick(Span::rest(text, rest)),
            "notice" => Signal::Notice(Span::rest(text, rest)),
            _ => return Err(Malformed::Missing { field: "word".to_owned() }),
        })
    }

    fn encode(&self, _: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        let text = match signal {
            Signal::Heartbeat(HeartbeatSignal::Ask) => "beat".to_owned(),
            Signal::Heartbeat(HeartbeatSignal::Reply) => "alive".to_owned(),
            Signal::Message(MessageSignal { id: Some(id), content: Content::Text(body), .. }) => {
                format!("msg {id} {body}")
            }
            Signal::Message(MessageSignal { content: Content::Binary(_), .. }) => return Err(Unencodable::Binary),
            Signal::Receipt(ReceiptSignal::Accepted { id, echo: None, .. }) => format!("ack {id}"),
            Signal::Receipt(ReceiptSignal::Rejected { id, code, .. }) => format!("nack {id} {code}"),
            Signal::Receipt(ReceiptSignal::Delivered { id, .. }) => format!("delivered {id}"),
            Signal::Receipt(ReceiptSignal::Read { id, .. }) => format!("read {id}"),
            Signal::Login(LoginSignal::Challenge { challenge: Some(Content::Text(seed)), .. }) => format!("who {seed}"),
            Signal::Login(LoginSignal::Proof { credential, .. }) => format!("me {}", credential.reveal()),
            Signal::Login(LoginSignal::First { credential, .. }) => {
                let token = credential.as_ref().map(|token| format!(" {}", token.reveal())).unwrap_or_default();
                format!("hi{token}")
            }
            // A server that greets has something to say.
            Signal::Login(LoginSignal::Accepted { .. }) if self.login == Login::Greeted => {
                "welcome 7000 news".to_owned()
            }
            Signal::Login(LoginSignal::Accepted { greeting: None, .. }) => "welcome".to_owned(),
            Signal::Login(LoginSignal::Refused { code, content: Some(Content::Text(why)), .. }) => {
                format!("refused {code} {why}")
            }
            Signal::Login(LoginSignal::Refused { code, content: None, .. }) => format!("refused {code}"),
            Signal::Leave(LeaveSignal::Kick { content: Content::Text(body), .. }) => format!("kick {body}"),
            Signal::Notice(Content::Text(body)) => format!("notice {body}"),
            _ => return Err(Unencodable::NoWord),
        };
        Ok(Frame::text(text))
    }
}
