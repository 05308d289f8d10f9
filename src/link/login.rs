//! Credentials and logins: which credential is held, which of them the server was told, and how far a login has come.
//!
//! 1. A refusal concerns the credential that the server was told and has not accepted, and never a newer one.
//! 2. Under [`CredentialSource::Asked`] the host is asked anew for every attempt and every challenge.
//! 3. Once a credential was given, no attempt goes without one.

use alloc::string::String;

use crate::config::{CredentialSource, Unauthorized};
use crate::event::CredentialFailure;
use crate::excerpt::without;
use crate::secret::Secret;

/// Credentials of one session. Their numbers count from 1, and 0 stands for no credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Credentials {
    /// Newest credential, until it is void.
    held: Option<Secret>,
    /// Number of the newest credential.
    newest: u64,
    /// Number of the credential that the server was told last.
    told: u64,
    /// Credential of that number, which the server's words may repeat.
    last: Option<Secret>,
    /// Number of the first credential that the server was told and has not accepted.
    unanswered: Option<u64>,
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

/// Progress of the login on one connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LoginStep {
    /// No challenge has arrived.
    Unasked,
    /// The host was asked for the credential; the proof carries `reference` back to the server.
    Asked { reference: Option<String> },
    /// The hello or the proof was sent, or the dialect has no login.
    Answered,
}

impl Credentials {
    pub(super) fn hold(&mut self, value: Secret) {
        self.newest = self.newest.saturating_add(1);
        self.held = Some(value);
    }

    /// Takes the credential that the server is told now.
    pub(super) fn tell(&mut self) -> Option<Secret> {
        self.told = if self.held.is_some() { self.newest } else { 0 };
        self.unanswered.get_or_insert(self.told);
        self.last.clone_from(&self.held);
        self.held.clone()
    }

    /// Notes that the server has accepted what it was told so far, or that what it is told next is the first.
    pub(super) fn on_accepted(&mut self) {
        self.unanswered = None;
    }

    /// Whether the server was not told the credential that is held.
    pub(super) fn is_untold(&self) -> bool {
        self.held.is_some() && self.told < self.newest
    }

    /// Handles the server's refusal; returns whether another attempt can help. Under [`Unauthorized::Stop`] the
    /// credential that the refusal concerns is void.
    pub(super) fn on_refused(&mut self, policy: Unauthorized) -> bool {
        if policy == Unauthorized::Stop {
            self.void(self.unanswered.unwrap_or(self.told));
        }
        policy == Unauthorized::Retry || self.held.is_some()
    }

    /// Handles the host's word that there is no credential: one that is refused is void as after the server's refusal,
    /// and one that has run out is not told again where the host can be asked for another.
    pub(super) fn on_failed(&mut self, failure: CredentialFailure, source: CredentialSource, policy: Unauthorized) {
        let expired = failure == CredentialFailure::Expired && source != CredentialSource::Optional;
        if expired || (failure != CredentialFailure::Unavailable && policy == Unauthorized::Stop) {
            // Where the server was told none, the host speaks of the one that it gave.
            let told = if self.told == 0 { self.newest } else { self.told };
            self.void(self.unanswered.filter(|number| *number > 0).unwrap_or(told));
        }
    }

    fn void(&mut self, number: u64) {
        self.held.take_if(|_| number == self.newest);
    }

    /// Whether a credential was given, and none is held.
    pub(super) fn is_void(&self) -> bool {
        self.held.is_none() && self.newest > 0
    }

    pub(super) fn supply(&self, source: CredentialSource) -> Supply {
        match source {
            CredentialSource::Asked => Supply::Ask,
            CredentialSource::Held if self.held.is_none() => Supply::Ask,
            CredentialSource::Optional if self.is_void() => Supply::Void,
            CredentialSource::Optional | CredentialSource::Held => Supply::Held,
        }
    }

    /// Returns a text of the server or the host without the credentials that it may repeat.
    pub(super) fn mask(&self, text: &str) -> String {
        let mut known = [self.held.as_ref(), self.last.as_ref()];
        // One of them may be a part of the other.
        known.sort_by_key(|credential| credential.map_or(0, |credential| credential.reveal().len()));
        let [short, long] = known;
        without(&without(text, long), short)
    }
}
