//! What the presets that follow a document have in common: nothing that their documents do not ask for is switched on.

use crate::config::{
    AuthenticationPolicy, CloseCodes, ClosePolicy, Config, CredentialSource, Jitter, Limit, Limits, OutboxPolicy,
    ReconnectPolicy, Resend, Reset, SendFailure, Unauthorized, WhileDown,
};

/// No time-outs, no jitter, no limits on attempts, no resending, every failure an ordinary one: a base for a document's own timings.
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
            // The safety floor counts for itself, so a server that opens and drops is not hammered all the same.
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
