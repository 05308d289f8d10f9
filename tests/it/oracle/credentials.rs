//! Rules about credentials: no attempt forgets them, no refusal of an older one costs a newer one, and an answer names
//! its question.

use redial::config::Unauthorized;
use redial::dialect::Login;
use redial::journal::{Call, Input};
use redial::{Action, Cause, ConnectionId, Event, Purpose, Secret, Session, State, TransportError};

use super::{Step, Verdict, rule};

/// What the oracle has seen of credentials.
#[derive(Debug, Clone, Default)]
pub(super) struct Credentials {
    newest: Option<Secret>,
    /// How many were given, and how many of them when the server was told one last.
    given: u64,
    told: u64,
    /// The connection for which the host was asked.
    asking: Option<ConnectionId>,
}

impl Credentials {
    /// The connection of an answer to a question that is not open.
    pub(super) fn stale(&self, input: &Input) -> Option<ConnectionId> {
        match input {
            Input::Call { call: Call::Credential { connection, .. }, .. }
            | Input::Call { call: Call::CredentialFailed { connection, .. }, .. } => {
                connection.filter(|named| self.asking != Some(*named))
            }
            _ => None,
        }
    }

    pub(super) fn judge(&mut self, session: &Session, step: &Step, actions: &[Action]) -> Verdict {
        let told_before = self.told;
        if step.stale.is_none() {
            self.take_in(&step.input);
        }
        let dialect = session.preset().dialect();
        for action in actions {
            match action {
                Action::Connect { handshake, .. } => {
                    let carried = dialect.handshake(self.newest.as_ref());
                    let given = self.given;
                    // Where the credential goes into a later answer, or nowhere, a dial needs none.
                    let needed = matches!(dialect.capabilities().login, Login::Handshake | Login::Hello);
                    let fits = *handshake == carried || (!needed && *handshake == dialect.handshake(None));
                    rule!(fits, "{given} credentials were given, and a dial carries {handshake:?}");
                    (self.told, self.asking) = (self.given, None);
                }
                Action::Send { purpose: Purpose::Auth, .. } => self.told = self.given,
                Action::NeedCredential { connection, .. } => self.asking = Some(*connection),
                Action::State { state: State::Waiting | State::Stopped | State::Closing, .. } => self.asking = None,
                _ => {}
            }
        }
        self.refusals(session, step, told_before)
    }

    /// A refused handshake stops the session only where a login was refused and no newer credential is there.
    fn refusals(&self, session: &Session, step: &Step, told: u64) -> Verdict {
        let Input::Event { event: Event::Errored { failure, .. }, .. } = &step.input else { return Ok(()) };
        if step.stale.is_some() || failure.cause != TransportError::Unauthorized || step.state == State::Closing {
            return Ok(());
        }
        let retries = session.preset().config().authentication.unauthorized == Unauthorized::Retry;
        let without = session.preset().dialect().capabilities().login == Login::None;
        let refused = session.explain().cause == Some(Cause::Unauthorized);
        let newer = self.given > told && self.newest.is_some();
        rule!(!(refused && (retries || without || newer)), "stopped for a credential that was not refused");
        Ok(())
    }

    fn take_in(&mut self, input: &Input) {
        match input {
            Input::Call { call: Call::Credential { value, .. }, .. } => {
                (self.newest, self.asking) = (Some(value.clone()), None);
                self.given += 1;
            }
            Input::Call { call: Call::CredentialFailed { .. }, .. } => self.asking = None,
            _ => {}
        }
    }
}
