//! Every setting, changed.

use core::num::NonZeroU32;

use redial::config::{
    Acknowledge, AuthenticationPolicy, Backoff, Budget, CloseCodes, ClosePolicy, CodeRange, CredentialSource,
    DeadAfter, DeadLink, Deliver, Durability, EarlyCap, FallbackPolicy, FirstDelay, HeartbeatPolicy, HeartbeatSchedule,
    InboxPolicy, Jitter, Limit, Limits, Liveness, MeasuredFrom, OnFailure, OutboxPolicy, PeerPolicy, Probe, Rate,
    ReconnectPolicy, Resend, Reset, SendFailure, Suspicion, Unauthorized, WhileDown,
};
use redial::{Config, Duration};

/// A configuration in which no setting has its default.
pub fn all() -> Config {
    let mut config = Config::default();
    authentication(&mut config.authentication);
    heartbeat(&mut config.heartbeat);
    reconnect(&mut config.reconnect);
    close(&mut config.close);
    outbox(&mut config.outbox);
    inbox(&mut config.inbox);
    config.durability = Durability::WriteAhead;
    fallback(&mut config.fallback);
    limits(&mut config.limits);
    config
}

/// The same for an accepting side.
pub fn all_of_a_peer() -> PeerPolicy {
    let mut policy = PeerPolicy::default();
    policy.push_again = Some(Duration::from_secs(4));
    policy.copies = NonZeroU32::new(6);
    policy.silence = Some(Duration::from_secs(40));
    policy.durability = Durability::WriteAhead;
    policy.lifetime = Duration::from_secs(600);
    policy.dedup = Duration::from_secs(300);
    policy.quarantine = NonZeroU32::new(7);
    policy.heartbeat = Some(Duration::from_secs(20));
    policy
}

fn authentication(policy: &mut AuthenticationPolicy) {
    policy.credential = CredentialSource::Asked;
    policy.timeout = Some(Duration::from_secs(4));
    policy.unauthorized = Unauthorized::Retry;
}

fn heartbeat(policy: &mut HeartbeatPolicy) {
    policy.every = Duration::from_secs(7);
    policy.at_ready = true;
    policy.schedule = HeartbeatSchedule::Grid;
    policy.liveness = Liveness::Reply;
    policy.dead_after = DeadAfter::after(4, Duration::from_secs(2));
    let mut suspicion = Suspicion::default();
    suspicion.heartbeats = NonZeroU32::MIN.saturating_add(1);
    suspicion.after = Duration::from_secs(1);
    suspicion.wait = Duration::from_secs(2);
    policy.suspicion = Some(suspicion);
    policy.unanswered = Some(Duration::from_secs(7));
    policy.probe = Some(Probe::new(Duration::from_secs(3), Duration::from_secs(4)));
}

fn reconnect(policy: &mut ReconnectPolicy) {
    policy.first = FirstDelay::all(Duration::from_millis(300));
    policy.first.closed = Some(Duration::from_millis(700));
    policy.again = Backoff::new(Duration::from_secs(2), 150, Duration::from_secs(30));
    policy.from = MeasuredFrom::Attempt;
    policy.jitter = Jitter::None;
    policy.attempt_timeout = Some(Duration::from_secs(6));
    policy.max = Some(3);
    policy.reset = Reset::Never;
    policy.stable = Duration::from_secs(20);
    policy.early = Some(EarlyCap::new(Duration::from_secs(3), Duration::from_secs(20)));
    policy.budget = Some(Budget::new(1_000, Duration::from_secs(86_400)));
    policy.repeated = Some(Duration::from_secs(300));
}

fn close(policy: &mut ClosePolicy) {
    policy.timeout = Duration::from_secs(1);
    policy.code = Some(3001);
    policy.dead = DeadLink::Close { code: Some(4002) };
    policy.codes = CloseCodes::RetryAll;
    policy.stop = vec![CodeRange::Range(4500, 4999)];
    policy.credential = vec![4401.into()];
    policy.retry = vec![1008.into(), 1013.into()];
}

fn outbox(policy: &mut OutboxPolicy) {
    policy.messages = Limit::new(4);
    policy.bytes = Limit::new(1_500);
    policy.in_flight = Limit::new(3);
    policy.while_down = WhileDown::Refuse;
    policy.resend = Resend::Never;
    policy.receipt_timeout = Some(Duration::from_secs(9));
    policy.quarantine = NonZeroU32::new(5);
    policy.send_failure = SendFailure::Tell;
    policy.on_failure = OnFailure::Hold;
    policy.dedup_window = Some(Duration::from_secs(3_600));
    policy.time_to_live = Some(Duration::from_secs(60));
    policy.remembered = Limit::new(64);
    policy.unwritten_bytes = Limit::new(32 << 10);
    policy.rate = Some(Rate::new(10, Duration::from_secs(1)).burst(20));
}

fn inbox(policy: &mut InboxPolicy) {
    policy.window = Limit::new(16);
    policy.server_keeps = Some(8);
    policy.acknowledge = Acknowledge::OnCall;
    policy.pending = Limit::new(2);
    policy.deliver = Deliver::Frame;
}

fn fallback(policy: &mut FallbackPolicy) {
    policy.loop_time = Some(Duration::from_secs(15));
    policy.after_failures = NonZeroU32::new(2);
    policy.down_every = Duration::from_secs(20);
}

fn limits(limits: &mut Limits) {
    limits.frame_bytes = Limit::new(4_096);
    limits.message_bytes = Limit::new(1_024);
    limits.id_bytes = Limit::new(64);
    limits.depth = Limit::new(8);
    limits.malformed = NonZeroU32::new(3);
    limits.frame_time = Duration::from_secs(60);
    limits.write_stall = Duration::from_secs(15);
    limits.read_pause = Duration::from_secs(30);
}
