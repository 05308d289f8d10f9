//! Base configuration of the presets that follow a document: features that no document asks for are off.

use crate::config::{
    AuthenticationPolicy, CloseCodes, ClosePolicy, Config, CredentialSource, Jitter, Limit, Limits, OutboxPolicy,
    ReconnectPolicy, Resend, Reset, SendFailure, Unauthorized, WhileDown,
};

/// Returns a configuration without timeouts, jitter, limits on attempts, resending and final close codes.
///
/// Each preset sets the timings of its document on top.
pub(super) fn config(while_down: WhileDown) -> Config {
    let defaults = Config::default();
    Config {
        authentication: AuthenticationPolicy {
            credential: CredentialSource::Optional,
            timeout: None,
            unauthorized: Unauthorized::Retry,
        },
        reconnect: ReconnectPolicy {
            jitter: Jitter::None,
            attempt_timeout: None,
            max: None,
            // The safety floor has a count of its own, so a server that opens and drops is not hammered.
            reset: Reset::OnOpen,
            ..defaults.reconnect
        },
        close: ClosePolicy { codes: CloseCodes::RetryAll, ..defaults.close },
        outbox: OutboxPolicy {
            in_flight: Limit::new(65_536),
            while_down,
            resend: Resend::Never,
            receipt_timeout: None,
            quarantine: None,
            send_failure: SendFailure::Tell,
            ..defaults.outbox
        },
        limits: Limits { malformed: None, ..defaults.limits },
        ..defaults
    }
}
