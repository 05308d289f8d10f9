//! What one of the systems says as a server: words in, words out. Sockets and bad days are the server's.

use std::path::PathBuf;

use redial::{Frame, Instant};

use super::hub::Hub;
use super::live_chat::LiveChat;
use super::talk::Talk;
use super::vue_polling::VuePolling;

/// The number of a connection, never used again.
pub(crate) type Member = u64;

/// A system's server, for all of its connections.
pub(crate) trait Service: Send {
    /// A socket is open; the query is that of its URL.
    fn on_open(&mut self, now: Instant, member: Member, query: &str, out: &mut Replies);

    /// A text has arrived.
    fn on_text(&mut self, now: Instant, member: Member, text: &str, out: &mut Replies);

    /// A socket is gone.
    fn on_gone(&mut self, now: Instant, member: Member, out: &mut Replies);

    /// The operator has something to say to everybody.
    fn announce(&mut self, now: Instant, text: &str, out: &mut Replies);

    /// How a member hears that its account is connected elsewhere. Most have no word for it and close.
    fn kick(&mut self, member: Member, out: &mut Replies) {
        out.0.push(Reply::Close { member, code: 4500, reason: "connected elsewhere".into() });
    }

    /// Some time has passed.
    fn on_tick(&mut self, _now: Instant, _out: &mut Replies) {}

    /// The answer to a plain HTTP GET, as JSON.
    fn http(&mut self, _target: &str) -> Option<String> {
        None
    }

    /// How many messages it has stored, where it stores any.
    fn stored(&self) -> Option<usize> {
        None
    }

    /// Whether a client without a login is turned away in the handshake. The others are left waiting for a question.
    fn refuses_in_the_handshake(&self) -> bool {
        true
    }
}

/// What a service wants done.
#[derive(Debug, Default)]
pub(crate) struct Replies(pub(crate) Vec<Reply>);

#[derive(Debug)]
pub(crate) enum Reply {
    /// A frame; `push` where it brings a message of somebody else's.
    Send {
        member: Member,
        frame: Frame,
        push: bool,
    },
    Close {
        member: Member,
        code: u16,
        reason: String,
    },
    Drop {
        member: Member,
    },
    /// A line for the operator.
    Say(String),
}

impl Replies {
    pub(crate) fn send(&mut self, member: Member, text: impl Into<String>) {
        self.0.push(Reply::Send { member, frame: Frame::text(text.into()), push: false });
    }

    pub(crate) fn push(&mut self, member: Member, text: impl Into<String>) {
        self.0.push(Reply::Send { member, frame: Frame::text(text.into()), push: true });
    }

    pub(crate) fn say(&mut self, line: impl Into<String>) {
        self.0.push(Reply::Say(line.into()));
    }
}

/// What a service may need to begin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// The file in which the chat hub keeps its messages; without one it forgets them with the process.
    pub(crate) store: Option<PathBuf>,
    /// The key with which the live chat checks logins; without one it lets everybody in.
    pub(crate) key: Option<String>,
}

/// A server of one of the presets.
type Make = fn(Settings) -> Result<Box<dyn Service>, String>;

/// The servers by the names of their presets.
const SERVERS: [(&str, Make); 6] = [
    ("plain", |_| Ok(Box::new(Talk::default()))),
    ("uni_app", |settings| Ok(Box::new(Hub::new(settings.store)?))),
    ("react_im", |_| Ok(Box::new(Talk::with_ping()))),
    ("vue_polling", |_| Ok(Box::new(VuePolling::default()))),
    ("wechat", |_| Ok(Box::new(Talk::with_ping()))),
    ("live_chat", |settings| Ok(Box::new(LiveChat::new(settings.key)))),
];

/// The names of the presets that have a server here.
pub(crate) fn names() -> String {
    SERVERS.map(|(name, _)| name).join(", ")
}

/// The server of the preset of this name.
pub(crate) fn named(preset: &str, settings: Settings) -> Result<Box<dyn Service>, String> {
    let known = SERVERS.iter().find(|(name, _)| *name == preset);
    let (_, make) = known.ok_or_else(|| format!("there is no server for `{preset}`; there are: {}", names()))?;
    make(settings)
}

/// Who connects, by the URL: `token=`, `fuid=`, `name=`, or what follows the first `&` where nothing has a name.
pub(crate) fn name_in(query: &str) -> Option<String> {
    let part = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
    let name = part("token").or_else(|| part("fuid")).or_else(|| part("name"));
    let name = name.or_else(|| query.split_once('&').map(|(_, user)| user).filter(|user| !user.contains('=')))?;
    let name: String = decoded(name).chars().filter(|c| !c.is_control()).take(24).collect();
    (!name.is_empty()).then_some(name)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        if let (b'%', Some(byte)) = (first, hex) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
