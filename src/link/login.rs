//! Credentials: held, asked for, refused; in the handshake and in answer to a challenge.

use alloc::borrow::ToOwned;

use super::loss::DisconnectReason;
use super::phase::{LoginStep, Phase};
use super::{Link, LinkEvent};
use crate::action::{Action, Purpose};
use crate::config::CredentialSource;
use crate::context::Context;
use crate::dialect::{Login, Payload, Signal};
use crate::event::CredentialFailure;
use crate::id::ConnectionId;
use crate::secret::Secret;
use crate::state::Cause;
use crate::time::Duration;

impl Link {
    /// Whether the host must be asked before anything can be proved.
    pub(super) fn must_ask(&self, cx: &Context<'_>) -> bool {
        match cx.config.authentication.credential {
            CredentialSource::Optional => false,
            CredentialSource::Held => self.credential.is_none(),
            CredentialSource::Asked => true,
        }
    }

    /// The host has a credential: for the one who waits for it, and for later.
    pub(crate) fn credential(&mut self, cx: &mut Context<'_>, value: Secret) -> Option<LinkEvent> {
        self.credential = Some(value);
        match &mut self.phase {
            Phase::Preparing { connection, .. } => {
                let connection = *connection;
                self.dial(cx, connection);
                Some(LinkEvent::Moved)
            }
            Phase::Authenticating { connection, login, .. } | Phase::Ready { connection, login, .. } => {
                let connection = *connection;
                match core::mem::replace(login, LoginStep::Answered) {
                    LoginStep::Credential { reference } => self.answer(cx, connection, reference.as_deref()),
                    other => {
                        *login = other;
                        self.renew_login(cx, connection);
                        None
                    }
                }
            }
            _ => None,
        }
    }

    /// Tells the server of a new credential before the old one runs out, where the service has a word for that.
    fn renew_login(&self, cx: &mut Context<'_>, connection: ConnectionId) {
        if let (true, true, Some(credential)) = (self.is_ready(), cx.dialect.renews_login(), self.credential.clone()) {
            cx.send_signal(connection, &Signal::Login { credential, reference: None }, Purpose::Auth);
        }
    }

    /// The host has none.
    pub(crate) fn credential_failed(&mut self, cx: &mut Context<'_>, why: CredentialFailure) -> Option<LinkEvent> {
        if why != CredentialFailure::Unavailable {
            self.credential = None;
        }
        let waited_for = match &self.phase {
            Phase::Preparing { .. } => true,
            Phase::Authenticating { login, .. } | Phase::Ready { login, .. } => {
                matches!(login, LoginStep::Credential { .. })
            }
            _ => false,
        };
        match (waited_for, why) {
            (false, _) => None,
            (true, CredentialFailure::Refused) => Some(self.refuse(cx)),
            (true, CredentialFailure::Expired | CredentialFailure::Unavailable) => {
                Some(self.lose(cx, Cause::CredentialUnavailable, DisconnectReason::default()))
            }
        }
    }

    /// The server asks who we are.
    pub(super) fn on_challenge(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        challenge: Option<Payload<'_>>,
        reference: Option<&str>,
    ) -> Option<LinkEvent> {
        if !self.must_ask(cx) {
            return self.answer(cx, connection, reference);
        }
        if let Phase::Authenticating { login, .. } | Phase::Ready { login, .. } = &mut self.phase {
            *login = LoginStep::Credential { reference: reference.map(ToOwned::to_owned) };
        }
        let challenge = challenge.and_then(|payload| payload.to_body()?.as_text().map(ToOwned::to_owned));
        cx.push(Action::NeedCredential { connection, challenge });
        None
    }

    /// Sends the proof; where nobody confirms it, the connection is ready by that, again if it was before.
    fn answer(&mut self, cx: &mut Context<'_>, connection: ConnectionId, reference: Option<&str>) -> Option<LinkEvent> {
        let credential = self.credential.clone().unwrap_or_else(|| Secret::new(""));
        cx.send_signal(connection, &Signal::Login { credential, reference }, Purpose::Auth);
        if cx.dialect.capabilities().login == Login::Challenge {
            return Some(self.ready(cx, connection, None));
        }
        if let Phase::Authenticating { login, .. } = &mut self.phase {
            *login = LoginStep::Answered;
        }
        None
    }

    /// The server lets us in.
    pub(crate) fn on_welcome(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        every: Option<Duration>,
    ) -> Option<LinkEvent> {
        self.awaits_welcome().then(|| self.ready(cx, connection, every))
    }

    /// Whether the server has been told who is there, and has not answered.
    pub(crate) fn awaits_welcome(&self) -> bool {
        matches!(self.phase, Phase::Authenticating { login: LoginStep::Answered, .. })
    }

    /// The credential for a hello.
    pub(crate) fn held_credential(&self) -> Option<&Secret> {
        self.credential.as_ref()
    }

    /// The account is refused: stop, and keep the messages until `open` or `close`.
    pub(super) fn refuse(&mut self, cx: &mut Context<'_>) -> LinkEvent {
        self.credential = None;
        if let Some(connection) = self.phase.connection() {
            cx.push(Action::Abort { connection });
        }
        self.stop(cx, Cause::Unauthorized, None);
        LinkEvent::Refused
    }
}
