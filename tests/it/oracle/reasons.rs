//! Rules about the reasons of losses: what the host or the server said comes back with the loss, and with no other.

use redial::journal::Input;
use redial::{Action, Cause, Event, Failure, Reason, Session, State, TransportError};

use super::{Step, Verdict, rule};

pub(super) fn judge(session: &Session, step: &Step, actions: &[Action]) -> Verdict {
    let told: Vec<(Cause, &Reason)> = actions.iter().filter_map(loss).collect();
    for (cause, reason) in &told {
        // The reason of what ended before is told where an outage is given up or its next attempt is moved.
        let quiet = matches!(
            cause,
            Cause::Dead
                | Cause::AttemptTimeout
                | Cause::AuthenticationTimeout
                | Cause::ReceiptOverdue
                | Cause::WriteStalled
                | Cause::ReadPaused
                | Cause::Renewed
        );
        rule!(!quiet || reason.is_empty(), "a loss that nobody gave a reason for, {cause:?}, has one: {reason:?}");
    }
    let Input::Event { event, .. } = &step.input else { return Ok(()) };
    if step.stale.is_some() {
        return Ok(());
    }
    match event {
        Event::Errored { failure, .. } => {
            let same = |reason: &Reason| is_of(reason, failure);
            rule!(told.iter().any(|(_, reason)| same(reason)), "{failure:?} was not told: {actions:?}");
            let last = session.stats().last_failure.as_deref();
            let counted = last.is_some_and(|last| (last.cause, last.status) == (failure.cause, failure.status));
            rule!(counted, "{failure:?} was not counted: {last:?}");
            if failure.cause == TransportError::Permanent {
                rule!(session.state() == State::Stopped, "after {failure:?} the session is {}", session.state());
            }
        }
        Event::Closed { code, .. } => {
            // By three codes a host says that no close frame gave one; the others that no close frame may carry break
            // the protocol.
            let legal = |code: u16| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            let protocol = |reason: &Reason| {
                reason.failure.as_ref().is_some_and(|failure| failure.cause == TransportError::Protocol)
            };
            let same = |reason: &Reason| match *code {
                None | Some(1005 | 1006 | 1015) => reason.code.is_none() && reason.failure.is_none(),
                Some(code) if legal(code) => reason.code == Some(code.into()),
                Some(_) => protocol(reason),
            };
            rule!(told.iter().any(|(_, reason)| same(reason)), "the code {code:?} was not told: {actions:?}");
        }
        _ => {}
    }
    Ok(())
}

/// The cause and the reason of a loss or an end.
fn loss(action: &Action) -> Option<(Cause, &Reason)> {
    match action {
        Action::State { cause: Some(cause), reason, .. } | Action::ScheduleReconnect { cause, reason, .. } => {
            Some((*cause, reason))
        }
        _ => None,
    }
}

/// Whether a reason is this failure, with a detail that is bounded and on one line.
fn is_of(reason: &Reason, failure: &Failure) -> bool {
    match &reason.failure {
        Some(told) => {
            let detail = told.detail.len() <= 256 && !told.detail.contains(char::is_control);
            let rest =
                (told.cause, told.status, told.retry_after) == (failure.cause, failure.status, failure.retry_after);
            detail && rest && (failure.detail.is_empty() == told.detail.is_empty())
        }
        None => *failure == Failure::default(),
    }
}
