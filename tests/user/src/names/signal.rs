//! Signals by their names.

use redial::dialect::{AckCarrier, HeartbeatSignal, LeaveSignal, LoginSignal, ReceiptSignal, SequenceSignal, Signal};

/// The name of a signal: its family, and what it is there.
pub fn signal<C>(signal: &Signal<C>) -> Option<(&'static str, &'static str)> {
    Some(match signal {
        Signal::Heartbeat(heartbeat) => ("heartbeat", heartbeat_signal(*heartbeat)),
        Signal::Login(login) => ("login", login_signal(login)?),
        Signal::Message(_) => ("message", "message"),
        Signal::Receipt(receipt) => ("receipt", receipt_signal(receipt)?),
        Signal::Sequence(sequence) => ("sequence", sequence_signal(sequence)?),
        Signal::Leave(leave) => ("leave", leave_signal(leave)?),
        Signal::Notice(_) => ("notice", "notice"),
        Signal::Ignored => ("ignored", "ignored"),
        _ => return None,
    })
}

fn heartbeat_signal(signal: HeartbeatSignal) -> &'static str {
    match signal {
        HeartbeatSignal::Ask => "ask",
        HeartbeatSignal::Reply => "reply",
    }
}

fn ack_carrier(carrier: AckCarrier) -> &'static str {
    match carrier {
        AckCarrier::Alone => "ack",
        AckCarrier::Heartbeat => "ack on a heartbeat",
        AckCarrier::HeartbeatReply => "ack on the answer to a heartbeat",
    }
}

fn login_signal<C>(signal: &LoginSignal<C>) -> Option<&'static str> {
    Some(match signal {
        LoginSignal::Challenge { .. } => "challenge",
        LoginSignal::Proof { .. } => "proof",
        LoginSignal::First { .. } => "first",
        LoginSignal::Accepted { .. } => "accepted",
        LoginSignal::Refused { .. } => "refused",
        _ => return None,
    })
}

fn receipt_signal<C>(signal: &ReceiptSignal<C>) -> Option<&'static str> {
    Some(match signal {
        ReceiptSignal::Accepted { .. } => "accepted",
        ReceiptSignal::Rejected { .. } => "rejected",
        ReceiptSignal::Delivered { .. } => "delivered",
        ReceiptSignal::Read { .. } => "read",
        _ => return None,
    })
}

fn sequence_signal<C>(signal: &SequenceSignal<C>) -> Option<&'static str> {
    Some(match signal {
        SequenceSignal::Hello(_) => "hello",
        SequenceSignal::Welcome(_) => "welcome",
        SequenceSignal::Message { .. } => "message",
        SequenceSignal::Ack { carrier, .. } => ack_carrier(*carrier),
        _ => return None,
    })
}

fn leave_signal<C>(signal: &LeaveSignal<C>) -> Option<&'static str> {
    Some(match signal {
        LeaveSignal::Kick { .. } => "kick",
        LeaveSignal::Bye(_) => "bye",
        _ => return None,
    })
}
