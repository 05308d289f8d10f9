//! Base configuration of the presets that follow a document: features that no document asks for are off.

use crate::config::{
    CloseCodes, Config, CredentialSource, Jitter, Limit, Resend, Reset, SendFailure, Unauthorized, WhileDown,
};

/// Returns a configuration without timeouts, jitter, limits on attempts, resending and final close codes.
///
/// Each preset sets the timings of its document on top.
pub(super) fn config(while_down: WhileDown) -> Config {
    let mut config = Config::default();
    config.authentication.credential = CredentialSource::Optional;
    config.authentication.timeout = None;
    config.authentication.unauthorized = Unauthorized::Retry;
    config.reconnect.early = None;
    config.reconnect.jitter = Jitter::None;
    config.reconnect.attempt_timeout = None;
    config.reconnect.max = None;
    // The safety floor has a count of its own, so a server that opens and drops is not hammered.
    config.reconnect.reset = Reset::OnOpen;
    config.close.codes = CloseCodes::RetryAll;
    config.outbox.in_flight = Limit::new(65_536);
    config.outbox.while_down = while_down;
    config.outbox.resend = Resend::Never;
    config.outbox.receipt_timeout = None;
    config.outbox.quarantine = None;
    config.outbox.send_failure = SendFailure::Tell;
    config.limits.malformed = None;
    config
}
