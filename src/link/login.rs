//! Credentials and logins: which credential is held, when the host is asked for one, and how far a login has come.
//!
//! 1. A credential that the server refused is dropped.
//! 2. Under [`CredentialSource::Asked`] the host is asked anew for every attempt and every challenge.

use alloc::string::String;

use crate::config::CredentialSource;
use crate::secret::Secret;

/// Credential of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Credentials {
    held: Option<Secret>,
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
    pub(super) fn held(&self) -> Option<&Secret> {
        self.held.as_ref()
    }

    pub(super) fn hold(&mut self, value: Secret) {
        self.held = Some(value);
    }

    pub(super) fn drop_held(&mut self) {
        self.held = None;
    }

    /// Whether the host must be asked for a credential first.
    pub(super) fn must_ask(&self, source: CredentialSource) -> bool {
        match source {
            CredentialSource::Optional => false,
            CredentialSource::Held => self.held.is_none(),
            CredentialSource::Asked => true,
        }
    }
}
