//! What a dialect can say: the facts that link and delivery need about it, in one value.

/// What a dialect can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// How a connection becomes ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Login {
    /// By being open.
    None,
    /// By being open; the credential travels in the handshake.
    Handshake,
    /// By answering the server's challenge.
    Challenge,
    /// By answering the server's challenge and hearing `LoginAccepted`.
    ConfirmedChallenge,
    /// By saying [`Hello`](crate::Signal::Hello), with the credential in it, and hearing
    /// [`Welcome`](crate::Signal::Welcome).
    Hello,
}
