//! What a dialect can say: the facts that link and delivery need about it, in one value.

/// What a dialect can say; nothing, and no login, until it is added.
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
    /// How a connection becomes ready.
    pub login: Login,
    /// Whether the server confirms messages, so that `Accepted` exists; without it `Sent` settles.
    pub receipts: bool,
    /// Whether messages that arrive are acknowledged.
    pub acks: bool,
    /// Whether the application gets what arrives before the login is done.
    pub early_delivery: bool,
    /// Whether every message has a position in its session, so that one number acknowledges all before it and the session
    /// goes on where it was on the next connection. Needs [`Login::Hello`].
    pub sequenced: bool,
}

impl Capabilities {
    /// Nothing, and no login.
    pub const fn new() -> Self {
        Self { login: Login::None, receipts: false, acks: false, early_delivery: false, sequenced: false }
    }

    /// With this login.
    #[must_use]
    pub const fn login(self, login: Login) -> Self {
        Self { login, ..self }
    }

    /// With messages that the server confirms.
    #[must_use]
    pub const fn receipts(self) -> Self {
        Self { receipts: true, ..self }
    }

    /// With messages that are acknowledged here.
    #[must_use]
    pub const fn acks(self) -> Self {
        Self { acks: true, ..self }
    }

    /// With messages that are delivered before the login is done.
    #[must_use]
    pub const fn early_delivery(self) -> Self {
        Self { early_delivery: true, ..self }
    }

    /// With a position for every message.
    #[must_use]
    pub const fn sequenced(self) -> Self {
        Self { sequenced: true, ..self }
    }
}

/// How a connection becomes ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Login {
    /// By being open.
    #[default]
    None,
    /// By being open; the credential travels in the handshake.
    Handshake,
    /// By answering the server's challenge.
    Challenge,
    /// By answering the server's challenge and hearing `LoginAccepted`.
    ConfirmedChallenge,
    /// By saying [`Hello`](crate::dialect::Signal::Hello), with the credential in it, and hearing
    /// [`Welcome`](crate::dialect::Signal::Welcome).
    Hello,
}
