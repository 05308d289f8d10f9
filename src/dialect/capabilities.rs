//! Capabilities of a dialect: the facts that link and delivery need about a service, in one value.

use super::{Content, Dialect, Side, Signal};
use crate::config::{DeathProof, Role};
use crate::error::{ConfigError, Unencodable};
use crate::frame::Frame;
use crate::host_profile::HostProfile;

/// Capabilities of a dialect: the kind of its login, its heartbeats, and which confirmations its service has.
///
/// [`Capabilities::new`] has no login and no confirmation; each method adds one capability.
///
/// ```
/// use redial::dialect::{Capabilities, Heartbeats, Login};
/// const CHAT: Capabilities = Capabilities::new().login(Login::Handshake).receipts().acks();
/// assert!(CHAT.receipts && CHAT.acks && !CHAT.sequenced);
/// assert_eq!(CHAT.heartbeats(Heartbeats::Answers).heartbeats, Heartbeats::Answers);
/// assert_eq!(Capabilities::new(), Capabilities::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none follows from the others")]
pub struct Capabilities {
    /// The kind of login that makes a connection ready. Default [`Login::None`].
    pub login: Login,
    /// The heartbeats of the service. Default [`Heartbeats::IfEncoded`].
    pub heartbeats: Heartbeats,
    /// Whether the server confirms the client's messages. Without receipts no message becomes `Accepted`, and `Sent`
    /// settles a message. Default `false`.
    pub receipts: bool,
    /// Whether the client acknowledges the server's messages. Default `false`.
    pub acks: bool,
    /// Whether messages that arrive before the login is done are delivered. Default `false`: until
    /// then every signal that is not about the login is ignored.
    pub early_delivery: bool,
    /// Whether every message has a sequence number in its session, so that one cumulative ack confirms all messages up
    /// to it, and the next connection resumes the session. Needs [`Login::Hello`], receipts and acks. Default `false`.
    pub sequenced: bool,
    /// Whether a second copy of a message must not follow on the same connection (MQTT 5 §4.4). Default `false`: the
    /// user may send a message again by hand at any time. Sequence numbers need it: their messages go out again on a
    /// new connection alone.
    pub no_repeats: bool,
    /// The scope in which an id of the other end names one message. Default [`IdScope::Session`].
    pub id_scope: IdScope,
}

impl Capabilities {
    /// Returns capabilities without a login and without confirmations, like [`Default`].
    pub const fn new() -> Self {
        Self {
            login: Login::None,
            heartbeats: Heartbeats::IfEncoded,
            receipts: false,
            acks: false,
            early_delivery: false,
            sequenced: false,
            no_repeats: false,
            id_scope: IdScope::Session,
        }
    }

    /// Sets the heartbeats of the service.
    #[must_use]
    pub const fn heartbeats(self, heartbeats: Heartbeats) -> Self {
        Self { heartbeats, ..self }
    }

    /// Checks that no capability contradicts another; [`Preset::new`](crate::Preset::new) calls this check.
    ///
    /// Fails with [`ConfigError::Capabilities`], which names the rule.
    pub const fn check(self) -> Result<(), ConfigError> {
        let hello = matches!(self.login, Login::Hello);
        let rule = if self.sequenced && !hello {
            "sequence numbers need the login `Hello`, which names the session"
        } else if hello && !self.sequenced {
            "the login `Hello` needs sequence numbers, which its welcome begins"
        } else if self.sequenced && !(self.receipts && self.acks) {
            "sequence numbers need receipts and acks, because the cumulative ack is both"
        } else if self.sequenced && self.early_delivery {
            "sequence numbers begin with the login, so no message can come before it"
        } else if self.sequenced && !self.no_repeats {
            "sequence numbers allow no second copy of a message on one connection"
        } else {
            return Ok(());
        };
        Err(ConfigError::Capabilities { rule })
    }

    /// Sets the kind of login.
    #[must_use]
    pub const fn login(self, login: Login) -> Self {
        Self { login, ..self }
    }

    /// Adds receipts: the server confirms the client's messages.
    #[must_use]
    pub const fn receipts(self) -> Self {
        Self { receipts: true, ..self }
    }

    /// Adds acks: the client acknowledges the server's messages.
    #[must_use]
    pub const fn acks(self) -> Self {
        Self { acks: true, ..self }
    }

    /// Adds early delivery: messages that arrive before the login is done are delivered.
    #[must_use]
    pub const fn early_delivery(self) -> Self {
        Self { early_delivery: true, ..self }
    }

    /// Forbids a second copy of a message on the same connection.
    #[must_use]
    pub const fn no_repeats(self) -> Self {
        Self { no_repeats: true, ..self }
    }

    /// Adds sequence numbers: every message has one, and a session can be resumed. No second copy of a message follows
    /// on the same connection.
    #[must_use]
    pub const fn sequenced(self) -> Self {
        Self { sequenced: true, no_repeats: true, ..self }
    }

    /// Sets the scope in which an id of the other end names one message.
    #[must_use]
    pub const fn id_scope(self, id_scope: IdScope) -> Self {
        Self { id_scope, ..self }
    }
}

/// Scope of the ids of arriving messages: how long an id names one and the same message.
///
/// An acknowledgement always names the id that the message has on the present connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdScope {
    /// An id names one message on all connections, so a message that comes again on another connection is a repeat.
    #[default]
    Session,
    /// Ids count anew on each connection, as packet identifiers do in a clean session of MQTT (MQTT 5 §2.2.1).
    ///
    /// A message is compared with those of its own connection alone. With the connection the read markers end, and so
    /// do the messages that wait for [`acknowledge`](crate::Session::acknowledge): a call for one of them succeeds and
    /// sends nothing. Where an id is also free again within its connection, set `inbox.window` to 0. Dialects with
    /// sequence numbers have no use for this scope: their ids name messages beyond a session.
    Connection,
}

/// Kind of login: the step that makes an open connection ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Login {
    /// No login: an open connection is ready.
    #[default]
    None,
    /// No login after the opening: the credential travels in the opening handshake, and an open connection is ready.
    Handshake,
    /// The client answers the server's challenge, and is ready when the proof is sent.
    Challenge,
    /// The client answers the server's challenge, and is ready when [`LoginSignal::Accepted`] arrives.
    ///
    /// [`LoginSignal::Accepted`]: crate::dialect::LoginSignal::Accepted
    ConfirmedChallenge,
    /// The client says first who it is, with [`LoginSignal::First`], and is ready when [`LoginSignal::Accepted`]
    /// arrives.
    ///
    /// [`LoginSignal::First`]: crate::dialect::LoginSignal::First
    /// [`LoginSignal::Accepted`]: crate::dialect::LoginSignal::Accepted
    First,
    /// The server greets the client with [`LoginSignal::Accepted`], and the connection is ready then. A credential
    /// travels in the opening handshake.
    ///
    /// [`LoginSignal::Accepted`]: crate::dialect::LoginSignal::Accepted
    Greeted,
    /// The client sends [`SequenceSignal::Hello`] with the credential in it, and is ready when
    /// [`SequenceSignal::Welcome`] arrives.
    ///
    /// [`SequenceSignal::Hello`]: crate::dialect::SequenceSignal::Hello
    /// [`SequenceSignal::Welcome`]: crate::dialect::SequenceSignal::Welcome
    Hello,
}

impl Login {
    /// Whether an attempt needs the credential before it dials: the handshake or the first signal carries it.
    pub(crate) const fn is_told_at_once(self) -> bool {
        matches!(self, Self::Handshake | Self::Hello | Self::First | Self::Greeted)
    }
}

/// Heartbeats of a service: whether the client sends any, and whether the server answers them or sends its own.
///
/// A heartbeat of the server is answered in any case where the dialect encodes a reply for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Heartbeats {
    /// As [`Asks`](Heartbeats::Asks) where the dialect encodes a heartbeat of the client, else as
    /// [`None`](Heartbeats::None).
    #[default]
    IfEncoded,
    /// The client asks and the server answers: heartbeats that stay unanswered prove the link dead.
    /// [`Preset::new`](crate::Preset::new) refuses a dialect that does not encode the heartbeat.
    Asks,
    /// Each end sends heartbeats and answers none, as in STOMP 1.2. Nothing heard for `dead_after` proves the link
    /// dead, counted from the last byte.
    Tells,
    /// The server alone sends heartbeats, within `heartbeat.every` of each other. Nothing heard for `dead_after` proves
    /// the link dead, counted from the last byte.
    Answers,
    /// Neither end sends heartbeats: silence never ends a link.
    None,
}

/// Encodes a signal for this host: a ping or pong that it cannot send gives way to another frame of the dialect.
#[inline]
pub(crate) fn encode(
    dialect: &dyn Dialect,
    host: HostProfile,
    writer: Side,
    signal: &Signal<Content<'_>>,
) -> Result<Frame, Unencodable> {
    let frame = dialect.encode(writer, signal)?;
    if host.carries(&frame) { Ok(frame) } else { encode_slow(dialect, host, writer, signal) }
}

/// Slow path of `encode`, for a host that cannot send pings.
#[cold]
fn encode_slow(
    dialect: &dyn Dialect,
    host: HostProfile,
    writer: Side,
    signal: &Signal<Content<'_>>,
) -> Result<Frame, Unencodable> {
    dialect
        .encode_without_pings(writer, signal)
        .and_then(|frame| if host.carries(&frame) { Ok(frame) } else { Err(Unencodable::NoWord) })
}

/// Returns the role that the heartbeats of a dialect play on this host. A heartbeat that cannot be sent proves nothing,
/// and neither does one that the host would not see.
pub(crate) fn role(dialect: &dyn Dialect, host: HostProfile) -> Role {
    let heartbeats = dialect.capabilities().heartbeats;
    let sends = !matches!(heartbeats, Heartbeats::Answers | Heartbeats::None)
        && encode(dialect, host, Side::Client, &Signal::heartbeat()).is_ok();
    let hears = !dialect.encode(Side::Server, &Signal::heartbeat()).is_ok_and(|frame| !host.carries(&frame));
    let proof = match heartbeats {
        Heartbeats::IfEncoded | Heartbeats::Asks if sends => DeathProof::Unanswered,
        Heartbeats::Tells | Heartbeats::Answers if hears => DeathProof::Silence,
        _ => DeathProof::None,
    };
    Role { sends, proof }
}
