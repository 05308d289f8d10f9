//! `native`: the crate's own protocol, for those who own both ends. Its specification is [`redial_v1`](crate::redial_v1).
//!
//! Every message has a position in its session, each way: one number acknowledges all before it, rides on heartbeats, and
//! says after a lost connection where to go on. Ids stay, as what is left when a session is forgotten.

mod read;
mod write;

use alloc::string::ToString;
use alloc::vec;
use serde::{Deserialize, Serialize};

use super::{Capabilities, Content, Dialect, Handshake, Login, Preset, Side, Signal, Span};
use crate::config::{AuthenticationPolicy, Config, CredentialSource, Limits};
use crate::error::{Malformed, Unencodable};
use crate::frame::Frame;
use crate::secret::Secret;

/// The dialect of the crate's own protocol; it has no settings.
///
/// Text only: binary content is the application's to encode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedialV1 {}

impl RedialV1 {
    /// The WebSocket subprotocol (RFC 6455 §1.9) under which both ends speak it.
    pub const SUBPROTOCOL: &'static str = "redial.v1";
}

impl Preset {
    /// The crate's own protocol with [`Config::default`], except that a credential is not asked for: the one held is sent,
    /// where there is one.
    ///
    /// ```
    /// use redial::{Action, Instant, Preset, Seed, Session};
    /// let mut session = Session::new(Preset::native(), Seed::from(7_u64));
    /// session.open(Instant::ORIGIN);
    /// let connect = std::iter::from_fn(|| session.poll_action()).find_map(|action| match action {
    ///     Action::Connect { handshake, .. } => Some(handshake),
    ///     _ => None,
    /// });
    /// assert_eq!(connect.unwrap().subprotocols, ["redial.v1"]);
    /// ```
    ///
    /// Both ends in one process, and a connection that breaks in between:
    ///
    /// ```
    /// use redial::{Action, ConnectionId, Event, Instant, Peer, Preset, Seed, SendError, Session, Status};
    /// use redial::config::PeerPolicy;
    ///
    /// let now = Instant::ORIGIN;
    /// let mut session = Session::new(Preset::native(), Seed::from(1_u64));
    /// let mut peer = Peer::new(Preset::native(), PeerPolicy::default(), Seed::from(2_u64));
    ///
    /// /// Carries frames until nobody has anything to say; what the server is shown comes back.
    /// fn talk(session: &mut Session, peer: &mut Peer, (client, server): (ConnectionId, ConnectionId)) -> Vec<String> {
    ///     let (now, mut shown) = (session.now(), Vec::new());
    ///     loop {
    ///         match (session.poll_action(), peer.poll_action()) {
    ///             (None, None) => return shown,
    ///             (up, down) => {
    ///                 if let Some(Action::Send { frame, .. }) = up {
    ///                     peer.handle(now, Event::FrameIn { connection: server, frame });
    ///                 }
    ///                 match down {
    ///                     // What it still says on a connection that is over goes nowhere.
    ///                     Some(Action::Send { connection, frame, .. }) if connection == server => {
    ///                         session.handle(now, Event::FrameIn { connection: client, frame });
    ///                     }
    ///                     Some(Action::Deliver(message)) => shown.extend(message.body.as_text().map(str::to_owned)),
    ///                     _ => {}
    ///                 }
    ///             }
    ///         }
    ///     }
    /// }
    ///
    /// session.open(now);
    /// let mut line = (ConnectionId::new(1), peer.accept(now));
    /// session.handle(now, Event::Opened { connection: line.0 });
    /// assert_eq!(talk(&mut session, &mut peer, line), [""; 0]);
    ///
    /// // This message is lost with its connection, and goes out again on the next one.
    /// let id = session.send(now, "hello")?;
    /// while session.poll_action().is_some() {}
    /// session.handle(now, Event::Closed { connection: line.0, code: None, reason: String::new() });
    /// let later = session.next_deadline().unwrap().at;
    /// session.handle(later, Event::Tick);
    /// line = (ConnectionId::new(2), peer.accept(later));
    /// session.handle(later, Event::Opened { connection: line.0 });
    /// assert_eq!(talk(&mut session, &mut peer, line), ["hello"]);
    /// assert_eq!(session.status(&id), Some(Status::Accepted));
    /// # Ok::<(), SendError>(())
    /// ```
    pub fn native() -> Self {
        let defaults = Config::default();
        let authentication =
            AuthenticationPolicy { credential: CredentialSource::Optional, ..defaults.authentication.clone() };
        Self::unchecked(RedialV1 {}, Config { authentication, ..defaults })
    }
}

impl Dialect for RedialV1 {
    fn name(&self) -> &'static str {
        "native"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().login(Login::Hello).receipts().acks().sequenced()
    }

    fn decode(&self, _reader: Side, frame: &Frame, limits: &Limits) -> Result<Signal<Span>, Malformed> {
        match frame {
            // The socket answers pings by itself (RFC 6455 §5.5.2).
            Frame::Ping(_) | Frame::Pong(_) => Ok(Signal::Ignored),
            Frame::Binary(_) => Err(Malformed::UnexpectedBinary),
            Frame::Text(text) => read::signal(text, limits),
        }
    }

    fn encode(&self, _writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        write::frame(signal)
    }

    fn renews_login(&self) -> bool {
        true
    }

    fn handshake(&self, _credential: Option<&Secret>) -> Handshake {
        Handshake { subprotocols: vec![Self::SUBPROTOCOL.to_string()], ..Handshake::default() }
    }
}
