//! Dialect `native`: the protocol `redial.v1` of this crate, specified in [`redial_v1`](crate::redial_v1).
//!
//! `native` suits hosts that own both ends. Every message has a sequence number in its session and direction. One
//! cumulative ack confirms all messages up to a sequence number, travels on heartbeats too, and tells after a lost
//! connection which messages to send again. Ids name messages beyond a session that was forgotten.

mod read;
mod write;

/// Greatest length of a session's name and of a message id, in bytes.
const NAME: u64 = super::LONGEST_SID;
/// Greatest length of a session's token, in bytes.
const TOKEN: u64 = super::LONGEST_TOKEN;
/// Greatest number of refusals in one frame, equal to the greatest window of unacknowledged messages.
const REFUSALS: usize = 65_536;
/// Greatest number of the protocol; for a time it means for ever.
const MOST: u64 = MessageId::MAX_NUMBER;

use alloc::string::ToString;
use alloc::vec;
use serde::{Deserialize, Serialize};

use super::{Capabilities, CloseAdvice, Content, Dialect, Handshake, Login, Preset, Side, Signal, Span};
use crate::config::{AuthenticationPolicy, Config, CredentialSource, Limits};
use crate::error::{Malformed, Unencodable};
use crate::frame::Frame;
use crate::id::MessageId;
use crate::secret::Secret;

/// Dialect of the protocol `redial.v1`, without settings. Its name is `native`.
///
/// The protocol has text frames only: a binary body is refused as [`Unencodable::Binary`], and the application encodes
/// bytes as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RedialV1 {}

impl RedialV1 {
    /// The WebSocket subprotocol that the client offers and the server selects (RFC 6455 §1.9).
    pub const SUBPROTOCOL: &'static str = "redial.v1";
}

impl Preset {
    /// Returns the preset `native`: the protocol `redial.v1` with [`Config::default`], except that the credential is
    /// optional: the session sends the credential that it holds, and asks for none.
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
    /// This example has both ends in one process, and the connection between them breaks:
    ///
    /// ```
    /// use redial::{Action, ConnectionId, Event, Instant, Peer, Preset, Seed, SendError, Session, Status};
    /// use redial::config::PeerPolicy;
    ///
    /// let now = Instant::ORIGIN;
    /// let mut session = Session::new(Preset::native(), Seed::from(1_u64));
    /// let mut peer = Peer::new(Preset::native(), PeerPolicy::default(), Seed::from(2_u64));
    ///
    /// /// Carries frames until both ends are silent, and returns the texts that the server delivers.
    /// fn talk(session: &mut Session, peer: &mut Peer, (client, server): (ConnectionId, ConnectionId)) -> Vec<String> {
    ///     let (now, mut delivered) = (session.now(), Vec::new());
    ///     loop {
    ///         match (session.poll_action(), peer.poll_action()) {
    ///             (None, None) => return delivered,
    ///             (up, down) => {
    ///                 if let Some(Action::Send { frame, .. }) = up {
    ///                     peer.handle(now, Event::FrameIn { connection: server, frame });
    ///                 }
    ///                 match down {
    ///                     // A frame for an earlier connection is dropped.
    ///                     Some(Action::Send { connection, frame, .. }) if connection == server => {
    ///                         session.handle(now, Event::FrameIn { connection: client, frame });
    ///                     }
    ///                     Some(Action::Deliver(message)) => {
    ///                         delivered.extend(message.body.as_text().map(str::to_owned));
    ///                     }
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
    /// // This message is lost with its connection, and is sent again on the next connection.
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

    fn on_close(&self, code: u16, _reason: &str) -> CloseAdvice {
        match code {
            // Refused, or replaced by another connection of the same client.
            4403 | 4408 => CloseAdvice::Stop,
            _ => CloseAdvice::AsConfigured,
        }
    }

    fn renews_login(&self) -> bool {
        true
    }

    fn handshake(&self, _credential: Option<&Secret>) -> Handshake {
        Handshake { subprotocols: vec![Self::SUBPROTOCOL.to_string()], ..Handshake::default() }
    }
}
