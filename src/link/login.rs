//! Credentials and logins: which credential is held, which of them the server was told, and how far a login has come.
//!
//! 1. A refusal concerns the credential that the server was told and has not accepted, and never a newer one.
//! 2. Under [`CredentialSource::Asked`] the host is asked anew for every attempt and every challenge.
//! 3. Once a credential was given, no attempt goes without one.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;

use crate::config::{CredentialSource, Unauthorized};
use crate::event::CredentialFailure;
use crate::excerpt::without;
use crate::secret::Secret;

/// Credentials of one session; `None` until the first one is given, so that a session without any is small.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Credentials(Option<Box<Given>>);

/// Credentials that were given. Their numbers count from 1, and 0 stands for no credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Given {
    /// Newest credential, until it is void.
    held: Option<Secret>,
    /// Number of the newest credential.
    newest: u32,
    /// Number of the credential that the server was told last.
    told: u32,
    /// Credential that the server was told and that is held no longer; the server's words may repeat it.
    last: Option<Box<Secret>>,
    /// Number of the first credential that the server was told and has not accepted.
    unanswered: Option<u32>,
}

/// Whether an attempt has the credential that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Supply {
    /// The attempt takes what is held; that is nothing where none was ever given.
    Held,
    /// The host is asked first.
    Ask,
    /// The only credential was refused, and nobody is asked for another.
    Void,
}

/// Reference of a challenge, as it was written. Boxed where it is kept, since few sessions ever have one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reference(pub(super) Box<str>);

/// Progress of the login on one connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LoginStep {
    /// No challenge has arrived.
    Unasked,
    /// The host was asked for the credential; the proof carries `reference` back to the server.
    Asked { reference: Option<Box<Reference>> },
    /// The hello, the first signal or the proof was sent, a greeting is awaited, or the dialect has no login.
    Answered,
}

impl Credentials {
    pub(super) fn hold(&mut self, value: Secret) {
        let given = self.0.get_or_insert_default();
        if given.told == given.newest {
            given.void(given.newest);
        }
        given.newest = given.newest.saturating_add(1);
        given.held = Some(value.fit());
    }

    /// Takes the credential that the server is told now.
    pub(super) fn tell(&mut self) -> Option<Secret> {
        let given = self.0.as_mut()?;
        given.told = if given.held.is_some() { given.newest } else { 0 };
        given.unanswered.get_or_insert(given.told);
        given.held.clone()
    }

    /// Notes that the server has accepted what it was told so far, or that what it is told next is the first.
    pub(super) fn on_accepted(&mut self) {
        if let Some(given) = &mut self.0 {
            given.unanswered = None;
        }
    }

    /// Whether the server was not told the credential that is held.
    pub(super) fn is_untold(&self) -> bool {
        self.0.as_ref().is_some_and(|given| given.held.is_some() && given.told < given.newest)
    }

    /// Handles the server's refusal; returns whether another attempt can help. Under [`Unauthorized::Stop`] the
    /// credential that the refusal concerns is void.
    pub(super) fn on_refused(&mut self, policy: Unauthorized) -> bool {
        match &mut self.0 {
            _ if policy == Unauthorized::Retry => true,
            Some(given) => {
                given.void(given.unanswered.unwrap_or(given.told));
                given.held.is_some()
            }
            None => false,
        }
    }

    /// Handles the host's word that there is no credential: one that is refused is void as after the server's refusal,
    /// and one that has run out is not told again where the host can be asked for another.
    pub(super) fn on_failed(&mut self, failure: CredentialFailure, source: CredentialSource, policy: Unauthorized) {
        let expired = failure == CredentialFailure::Expired && source != CredentialSource::Optional;
        let voids = expired || (failure != CredentialFailure::Unavailable && policy == Unauthorized::Stop);
        if let Some(given) = self.0.as_mut().filter(|_| voids) {
            // Where the server was told none, the host speaks of the one that it gave.
            let told = if given.told == 0 { given.newest } else { given.told };
            given.void(given.unanswered.filter(|number| *number > 0).unwrap_or(told));
        }
    }

    /// Whether a credential was given, and none is held.
    pub(super) fn is_void(&self) -> bool {
        self.0.as_ref().is_some_and(|given| given.held.is_none())
    }

    pub(super) fn supply(&self, source: CredentialSource) -> Supply {
        match source {
            CredentialSource::Asked => Supply::Ask,
            CredentialSource::Held if self.0.is_none() || self.is_void() => Supply::Ask,
            CredentialSource::Optional if self.is_void() => Supply::Void,
            CredentialSource::Optional | CredentialSource::Held => Supply::Held,
        }
    }

    /// Returns a text of the server or the host without the credentials that it may repeat.
    pub(super) fn mask(&self, text: &str) -> String {
        let Some(given) = &self.0 else { return text.to_owned() };
        let mut known = [given.held.as_ref(), given.last.as_deref()];
        // One of them may be a part of the other.
        known.sort_by_key(|credential| credential.map_or(0, |credential| credential.reveal().len()));
        let [short, long] = known;
        without(&without(text, long), short)
    }
}

impl Given {
    fn void(&mut self, number: u32) {
        if let Some(void) = self.held.take_if(|_| number == self.newest) {
            self.last = Some(Box::new(void));
        }
    }
}
