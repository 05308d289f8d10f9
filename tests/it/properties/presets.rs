//! The configurations under which everything arbitrary is tried: every preset as it is, with the defaults, tight,
//! hasty, suspicious, and with all times zero or endless.

use std::num::NonZeroU32;

use redial::config::{
    Acknowledge, Backoff, CredentialSource, DeadLink, Durability, FirstDelay, Jitter, Limit, MeasuredFrom, Rate, Reset,
    SendFailure, Suspicion, Unauthorized, WhileDown,
};
use redial::dialect::Login;
use redial::services::Service;
use redial::{Config, Duration, Preset};

/// The preset of a service, under its sample settings.
pub(crate) fn of(service: &Service) -> Preset {
    service.sample().unwrap_or_else(|problem| panic!("{}: {problem}", service.name))
}

/// Every preset under each kind of configuration.
pub(crate) fn all() -> Vec<Preset> {
    let variants = |service| {
        let preset = || of(service);
        let tight = tight(&preset());
        [
            preset(),
            preset().with_config(Config::default()).expect("it is sound"),
            preset().with_config(stored(tight.clone())).expect("it is sound"),
            preset().with_config(tight.clone()).expect("it is sound"),
            preset().with_config(stored(Config::default())).expect("it is sound"),
            preset().with_config(hasty()).expect("it is sound"),
            preset().with_config(suspicious(&tight)).expect("it is sound"),
            preset().with_config(timed(&tight, Duration::ZERO)).expect("it is sound"),
            preset().with_config(timed(&tight, Duration::MAX)).expect("it is sound"),
        ]
    };
    Service::all().iter().flat_map(variants).collect()
}

/// Every limit so low that arbitrary inputs meet it, and a new credential for every attempt where there is a login.
fn tight(of: &Preset) -> Config {
    let second = Duration::from_secs(1);
    let mut config = Config::default();
    config.heartbeat = of.config().heartbeat.clone();
    if of.dialect().capabilities().login != Login::None {
        config.authentication.credential = CredentialSource::Asked;
    }
    config.authentication.unauthorized = Unauthorized::Retry;
    config.reconnect.stable = second;
    config.reconnect.max = Some(3);
    config.reconnect.reset = Reset::OnOpen;
    config.reconnect.from = MeasuredFrom::Attempt;
    config.close.dead = DeadLink::Close { code: Some(3000) };
    config.outbox.messages = Limit::new(6);
    config.outbox.bytes = Limit::new(60);
    config.outbox.in_flight = Limit::new(2);
    config.outbox.receipt_timeout = Some(second);
    config.outbox.quarantine = NonZeroU32::new(2);
    config.outbox.dedup_window = Some(Duration::from_secs(60));
    config.outbox.time_to_live = Some(Duration::from_secs(100));
    config.outbox.remembered = Limit::new(3);
    config.inbox.window = Limit::new(2);
    config.inbox.acknowledge = Acknowledge::OnCall;
    config.inbox.pending = Limit::new(2);
    config.fallback.loop_time = Some(second);
    config.fallback.after_failures = NonZeroU32::new(1);
    config.limits.frame_bytes = Limit::new(400);
    config.limits.message_bytes = Limit::new(40);
    config.limits.malformed = NonZeroU32::new(2);
    config
}

/// The same, storing before it acts.
fn stored(mut config: Config) -> Config {
    config.durability = Durability::WriteAhead;
    config
}

/// No delay anywhere, and nothing that waits.
fn hasty() -> Config {
    let zero = Duration::ZERO;
    let mut config = Config::default();
    config.heartbeat.every = Duration::from_millis(7);
    config.reconnect.first = FirstDelay::all(zero);
    config.reconnect.first.heartbeat_failed = None;
    config.reconnect.again = Backoff::constant(zero);
    config.reconnect.jitter = Jitter::None;
    config.outbox.send_failure = SendFailure::Tell;
    config.outbox.while_down = WhileDown::Refuse;
    config.outbox.resend = redial::config::Resend::Never;
    config.close.timeout = zero;
    config
}

/// Every silence and every unanswered message is suspicious at once.
fn suspicious(tight: &Config) -> Config {
    let mut config = tight.clone();
    let mut suspicion = Suspicion::default();
    suspicion.after = Duration::ZERO;
    config.heartbeat.suspicion = Some(suspicion);
    config.heartbeat.unanswered = Some(Duration::ZERO);
    config
}

/// The same with every time that there is set to one.
pub(crate) fn timed(of: &Config, span: Duration) -> Config {
    let mut config = of.clone();
    config.heartbeat.suspicion = Some(Suspicion::default());
    config.heartbeat.unanswered = Some(span);
    config.outbox.rate = Some(Rate::new(1, span));
    let mut value = serde_json::to_value(&config).expect("a configuration is an object");
    let changed = set_times(&mut value, span.as_millis());
    assert!(changed > 20, "only {changed} times were found");
    serde_json::from_value(value).expect("only times were changed")
}

/// Sets whatever is named as a time; gives how many there were.
fn set_times(value: &mut serde_json::Value, millis: u64) -> usize {
    let serde_json::Value::Object(fields) = value else { return 0 };
    let set = |(name, field): (&String, &mut serde_json::Value)| {
        if name.ends_with("_ms") {
            *field = millis.into();
            1
        } else {
            set_times(field, millis)
        }
    };
    fields.iter_mut().map(set).sum()
}
