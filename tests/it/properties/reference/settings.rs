//! The configurations that are drawn: everything small, so that every limit is met.

use std::num::NonZeroU32;

use proptest::prelude::*;
use redial::config::{
    Acknowledge, Backoff, CredentialSource, DeadAfter, Durability, FirstDelay, HeartbeatPolicy, Jitter, Limit,
    OnFailure, Probe, Resend, SendFailure, WhileDown,
};
use redial::{Config, Duration, Preset};

use super::words::Post;

/// What the models are told of a configuration, times in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) out: Out,
    pub(super) inn: Inn,
    pub(super) stores: bool,
    /// How long the answer to a question out of turn may take, where one is asked.
    pub(super) probe: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Out {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) longest: usize,
    pub(super) in_flight: usize,
    pub(super) remembered: usize,
    pub(super) while_down: WhileDown,
    pub(super) resend: Resend,
    pub(super) send_failure: SendFailure,
    pub(super) on_failure: OnFailure,
    pub(super) receipts: bool,
    pub(super) receipt_timeout: Option<u64>,
    pub(super) quarantine: Option<u32>,
    pub(super) dedup: Option<u64>,
    pub(super) time_to_live: Option<u64>,
}

impl Out {
    pub(super) fn queues(&self) -> bool {
        self.while_down == WhileDown::Queue
    }

    pub(super) fn resends(&self) -> bool {
        self.resend == Resend::NextConnection
    }

    pub(super) fn holds(&self) -> bool {
        self.on_failure == OnFailure::Hold
    }

    pub(super) fn tells(&self) -> bool {
        self.send_failure == SendFailure::Tell
    }
}

#[derive(Clone, Debug)]
pub(super) struct Inn {
    pub(super) window: usize,
    pub(super) pending: usize,
    pub(super) on_call: bool,
    pub(super) refusals: bool,
}

/// How long a lost connection is waited for; other spans are drawn so that they are over just then.
const WAIT: u64 = 500;

/// Longer than any run.
const NEVER: Duration = Duration::from_secs(1 << 40);

impl Settings {
    pub(super) fn preset(&self) -> Preset {
        let ms = Duration::from_millis;
        let mut config = Config::default();
        quiet(&mut config.heartbeat, self.probe);
        config.authentication.credential = CredentialSource::Optional;
        config.reconnect.first = FirstDelay::all(ms(WAIT));
        config.reconnect.again = Backoff::constant(ms(WAIT));
        config.reconnect.jitter = Jitter::None;
        config.reconnect.attempt_timeout = None;
        // Whoever was heard is believed, so that waits stay short.
        config.reconnect.stable = Duration::ZERO;
        config.limits.malformed = None;
        config.limits.message_bytes = Limit::new(self.out.longest as u64);
        config.limits.id_bytes = Limit::new(ID_BYTES as u64);
        config.durability = if self.stores { Durability::WriteAhead } else { Durability::Off };
        let (out, inn) = (&self.out, &self.inn);
        config.outbox.messages = Limit::new(out.messages as u64);
        config.outbox.bytes = Limit::new(out.bytes as u64);
        config.outbox.in_flight = Limit::new(out.in_flight as u64);
        config.outbox.remembered = Limit::new(out.remembered as u64);
        config.outbox.while_down = out.while_down;
        config.outbox.resend = out.resend;
        config.outbox.send_failure = out.send_failure;
        config.outbox.on_failure = out.on_failure;
        config.outbox.receipt_timeout = out.receipt_timeout.map(ms);
        config.outbox.quarantine = out.quarantine.and_then(NonZeroU32::new);
        config.outbox.dedup_window = out.dedup.map(ms);
        config.outbox.time_to_live = out.time_to_live.map(ms);
        config.inbox.window = Limit::new(inn.window as u64);
        config.inbox.pending = Limit::new(inn.pending as u64);
        config.inbox.acknowledge = if inn.on_call { Acknowledge::OnCall } else { Acknowledge::OnDelivery };
        Preset::new(Post { receipts: out.receipts, refusals: inn.refusals }, config).expect("it is sound")
    }
}

pub(super) const ID_BYTES: usize = 40;

/// No heartbeat but the one that is asked out of turn: what a link does by itself is not what is asked about here.
fn quiet(policy: &mut HeartbeatPolicy, probe: Option<u64>) {
    policy.every = NEVER;
    policy.dead_after = DeadAfter::after(1, NEVER);
    (policy.suspicion, policy.unanswered) = (None, None);
    policy.probe = probe.map(|wait| Probe::new(NEVER, Duration::from_millis(wait)));
}

pub(super) fn settings() -> impl Strategy<Value = Settings> {
    let probe = prop::option::weighted(0.4, Just(2_000_u64));
    (out(), inn(), prop::bool::weighted(0.35), probe).prop_map(|(out, inn, stores, probe)| Settings {
        out,
        inn,
        stores,
        probe,
    })
}

fn out() -> impl Strategy<Value = Out> {
    let room = (1..=6_usize, 6..=30_usize, 5..=12_usize, 1..=4_usize, 0..=5_usize);
    let manners = (
        prop_oneof![4 => Just(WhileDown::Queue), 1 => Just(WhileDown::Refuse)],
        prop_oneof![3 => Just(Resend::NextConnection), 1 => Just(Resend::Never)],
        prop_oneof![3 => Just(SendFailure::EndLink), 2 => Just(SendFailure::Tell)],
        prop_oneof![3 => Just(OnFailure::Continue), 1 => Just(OnFailure::Hold)],
        prop::bool::weighted(0.7),
    );
    let spans = (
        prop::option::weighted(0.6, prop::sample::select(vec![800, 3_000])),
        prop::option::weighted(0.5, 1..=3_u32),
        prop::option::weighted(0.4, prop::sample::select(vec![WAIT, 2 * WAIT, 2_000])),
        prop::option::weighted(0.3, prop::sample::select(vec![WAIT, 4_000])),
    );
    (room, manners, spans).prop_map(|(room, manners, spans)| {
        let (messages, bytes, longest, in_flight, remembered) = room;
        let (while_down, resend, send_failure, on_failure, receipts) = manners;
        let (receipt_timeout, quarantine, dedup, time_to_live) = spans;
        Out {
            messages,
            bytes,
            longest,
            in_flight,
            remembered,
            while_down,
            resend,
            send_failure,
            on_failure,
            receipts,
            receipt_timeout,
            quarantine,
            dedup,
            time_to_live,
        }
    })
}

fn inn() -> impl Strategy<Value = Inn> {
    (1..=4_usize, 1..=3_usize, any::<bool>(), any::<bool>()).prop_map(|(window, pending, on_call, refusals)| Inn {
        window,
        pending,
        on_call,
        refusals,
    })
}
