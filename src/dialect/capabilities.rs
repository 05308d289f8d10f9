//! Capabilities of a dialect: the facts that link and delivery need about a service, in one value.

/// Capabilities of a dialect: the kind of its login, and which confirmations its service has.
///
/// [`Capabilities::new`] has no login and no confirmation; each method adds one capability.
///
/// ```
/// use redial::dialect::{Capabilities, Login};
/// const CHAT: Capabilities = Capabilities::new().login(Login::Handshake).receipts().acks();
/// assert!(CHAT.receipts && CHAT.acks && !CHAT.sequenced);
/// assert_eq!(Capabilities::new(), Capabilities::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none follows from the others")]
pub struct Capabilities {
    /// The kind of login that makes a connection ready. Default [`Login::None`].
    pub login: Login,
    /// Whether the server confirms the client's messages. Without receipts no message becomes `Accepted`, and `Sent`
    /// settles a message. Default `false`.
    pub receipts: bool,
    /// Whether the client acknowledges the server's messages. Default `false`.
    pub acks: bool,
    /// Whether messages that arrive before the login is done are delivered. Default `false`: until
    /// then every signal that is not about the login is ignored.
    pub early_delivery: bool,
    /// Whether every message has a sequence number in its session, so that one cumulative ack confirms all messages up
    /// to it, and the next connection resumes the session. Needs [`Login::Hello`]. Default `false`.
    pub sequenced: bool,
    /// Whether a second copy of a message must not follow on the same connection (MQTT 5 §4.4). Default `false`: the
    /// user may send a message again by hand at any time.
    pub no_repeats: bool,
}

impl Capabilities {
    /// Returns capabilities without a login and without confirmations, like [`Default`].
    pub const fn new() -> Self {
        Self {
            login: Login::None,
            receipts: false,
            acks: false,
            early_delivery: false,
            sequenced: false,
            no_repeats: false,
        }
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

    /// Adds sequence numbers: every message has one, and a session can be resumed.
    #[must_use]
    pub const fn sequenced(self) -> Self {
        Self { sequenced: true, ..self }
    }
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
    /// The client sends [`SequenceSignal::Hello`] with the credential in it, and is ready when
    /// [`SequenceSignal::Welcome`] arrives.
    ///
    /// [`SequenceSignal::Hello`]: crate::dialect::SequenceSignal::Hello
    /// [`SequenceSignal::Welcome`]: crate::dialect::SequenceSignal::Welcome
    Hello,
}
