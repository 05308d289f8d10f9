//! The configurations that are drawn: every preset as its document has it, and dialects under settings of every kind.

use std::num::NonZeroU32;

use redial::config::{
    Acknowledge, Backoff, Budget, CloseCodes, CredentialSource, DeadAfter, DeadLink, Deliver, Durability, EarlyCap,
    FirstDelay, HeartbeatSchedule, Jitter, Limit, Liveness, MeasuredFrom, OnFailure, PeerPolicy, Probe, Rate, Resend,
    Reset, SendFailure, Suspicion, Unauthorized, WhileDown,
};
use redial::dialect::Login;
use redial::{Config, Duration, Preset};

use super::dice::Dice;
use super::swarm::Swarm;
use super::terse::Terse;

/// A preset that is drawn so often, in so many; its settings are its document's, or drawn too.
struct World {
    name: &'static str,
    share: u64,
    settings: Settings,
    preset: fn() -> Preset,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Settings {
    Documented,
    Drawn,
}

/// A further dialect is a further line.
const WORLDS: [World; 12] = [
    World { name: "uni_app words", share: 40, settings: Settings::Drawn, preset: Preset::uni_app },
    World { name: "terse", share: 16, settings: Settings::Drawn, preset: || terse(Login::Handshake) },
    World {
        name: "terse with a login",
        share: 8,
        settings: Settings::Drawn,
        preset: || terse(Login::ConfirmedChallenge),
    },
    World { name: "terse first", share: 4, settings: Settings::Drawn, preset: || terse(Login::First) },
    World { name: "terse greeted", share: 4, settings: Settings::Drawn, preset: || terse(Login::Greeted) },
    World { name: "native", share: 30, settings: Settings::Drawn, preset: Preset::native },
    World { name: "plain", share: 12, settings: Settings::Drawn, preset: Preset::plain },
    World { name: "uni_app", share: 4, settings: Settings::Documented, preset: Preset::uni_app },
    World { name: "vue_polling", share: 4, settings: Settings::Documented, preset: Preset::vue_polling },
    World { name: "wechat", share: 4, settings: Settings::Documented, preset: Preset::wechat },
    World { name: "live_chat", share: 2, settings: Settings::Documented, preset: live_chat },
    World { name: "react_im", share: 2, settings: Settings::Documented, preset: Preset::react_im },
];

/// What is drawn, by the name under which it is counted.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    WORLDS.iter().map(|world| world.name)
}

fn terse(login: Login) -> Preset {
    Terse::preset(login, Config::default())
}

fn live_chat() -> Preset {
    Preset::live_chat(1, 9_527).unwrap_or_else(|problem| panic!("{problem}"))
}

/// Both ends of one run.
pub(crate) struct Ends {
    pub(crate) name: &'static str,
    pub(crate) client: Preset,
    pub(crate) server: Preset,
    pub(crate) policy: PeerPolicy,
}

/// Draws both ends, in one world or in any.
pub(crate) fn draw(dice: &mut Dice, swarm: &Swarm, only: Option<&'static str>) -> Ends {
    let mut left = dice.below(WORLDS.iter().map(|world| world.share).sum());
    let drawn = WORLDS.iter().find(|world| match left.checked_sub(world.share) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    });
    let named = only.and_then(|name| WORLDS.iter().find(|world| world.name == name));
    let world = named.or(drawn).unwrap_or(&WORLDS[0]);
    let mut client = (world.preset)();
    let unacknowledged = dice.between(1, 64);
    if world.settings == Settings::Drawn {
        let mut config = Config::default();
        heartbeat(dice, &mut config);
        reconnect(dice, &mut config);
        outbox(dice, &mut config, swarm);
        config.durability = if dice.percent(40) { Durability::WriteAhead } else { Durability::Off };
        if config.durability == Durability::WriteAhead {
            // The oracle does not know which place a failure has that was told at a restore; the models do.
            config.outbox.on_failure = OnFailure::Continue;
        }
        inbox(dice, &mut config, unacknowledged, swarm);
        rest(dice, &mut config);
        if client.dialect().capabilities().login == Login::None {
            config.authentication.credential = CredentialSource::Held;
        }
        client = client.with_config(config).expect("it is sound");
    }
    let mut config = Config::default();
    config.outbox.in_flight = Limit::new(unacknowledged);
    // What a server with positions gives up after so many lost connections is told to its application, which here wants
    // all to arrive.
    config.outbox.quarantine = None;
    config.outbox.unwritten_bytes = Limit::new(dice.one_of(&[1, 200, 2_000, 8_000]));
    if swarm.has("slow receipt") {
        config.inbox.acknowledge = Acknowledge::OnCall;
        config.inbox.pending = Limit::new(10_000);
    }
    let push_again = seconds(dice.between(5, 30));
    let mut policy = PeerPolicy::default();
    // Where nothing goes wrong, an answer takes less than that, and no push goes out twice.
    let hasty = dice.percent(10) && !swarm.is_quiet();
    policy.push_again = Some(if hasty { Duration::from_millis(200) } else { push_again });
    // Drawn without a roll of its own, so that what is drawn behind it stays.
    policy.durability = if unacknowledged % 2 == 0 { Durability::WriteAhead } else { Durability::Off };
    // What the server asks of its clients, where the dialect has a field for it.
    policy.heartbeat = dice.one_of(&[None, None, Some(Duration::ZERO), Some(seconds(7)), Some(seconds(60))]);
    // A client that is kept busy and has nothing to acknowledge says nothing, which is no sign of death.
    let listens = client.config().heartbeat.liveness == Liveness::AnyFrame && !client.dialect().capabilities().acks;
    policy.silence = policy.silence.filter(|_| !listens);
    let server = client.clone().with_config(config).expect("it is sound");
    Ends { name: world.name, client, server, policy }
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// A time that is zero, and one that never ends, each now and then.
fn edge(dice: &mut Dice, usual: Duration) -> Duration {
    match dice.below(20) {
        0 => Duration::ZERO,
        1 => Duration::MAX,
        _ => usual,
    }
}

/// A time that is zero now and then.
fn perhaps_none(dice: &mut Dice, usual: Duration) -> Duration {
    if dice.percent(8) { Duration::ZERO } else { usual }
}

/// Suspicions of all kinds, in a third of the worlds.
fn suspicion(dice: &mut Dice) -> Option<Suspicion> {
    let mut suspicion = Suspicion::default();
    suspicion.heartbeats = NonZeroU32::new(dice.count(1, 3)).unwrap_or(NonZeroU32::MIN);
    suspicion.after = edge(dice, seconds(3));
    suspicion.wait = seconds(dice.between(2, 8));
    dice.percent(33).then_some(suspicion)
}

fn heartbeat(dice: &mut Dice, config: &mut Config) {
    let policy = &mut config.heartbeat;
    policy.every = seconds(dice.between(8, 30));
    policy.at_ready = dice.percent(30);
    policy.schedule = dice.one_of(&[
        HeartbeatSchedule::SinceLife,
        HeartbeatSchedule::SinceLife,
        HeartbeatSchedule::Grid,
        HeartbeatSchedule::LockStep,
    ]);
    policy.liveness = dice.one_of(&[Liveness::AnyFrame, Liveness::AnyFrame, Liveness::Reply]);
    let grace = seconds(dice.between(2, 8));
    policy.dead_after = DeadAfter::after(dice.count(1, 3), grace);
    let late = edge(dice, seconds(5));
    policy.probe = dice.percent(80).then(|| Probe::new(late, seconds(dice.between(2, 8))));
    policy.suspicion = suspicion(dice);
    let unanswered = edge(dice, seconds(10));
    policy.unanswered = dice.percent(90).then_some(unanswered);
}

fn reconnect(dice: &mut Dice, config: &mut Config) {
    let policy = &mut config.reconnect;
    let first = Duration::from_millis(dice.between(0, 1_000));
    policy.first = FirstDelay::all(perhaps_none(dice, first));
    policy.first.heartbeat_failed = dice.percent(80).then_some(seconds(1));
    if dice.percent(10) {
        policy.first.closed = None;
    }
    let base = Duration::from_millis(dice.between(250, 3_000));
    let base = perhaps_none(dice, base);
    policy.again = Backoff::new(base, dice.between(100, 300), seconds(dice.between(5, 60)));
    policy.from = dice.one_of(&[MeasuredFrom::Failure, MeasuredFrom::Failure, MeasuredFrom::Attempt]);
    policy.jitter = dice.one_of(&[Jitter::Equal, Jitter::Equal, Jitter::None]);
    policy.attempt_timeout = Some(seconds(dice.between(4, 15)));
    policy.max = dice.percent(15).then(|| dice.count(3, 10));
    policy.reset = dice.one_of(&[Reset::OnStable, Reset::OnStable, Reset::OnOpen, Reset::Never]);
    let stable = seconds(dice.between(5, 60));
    policy.stable = edge(dice, stable);
    policy.early = dice.percent(50).then(|| EarlyCap::new(seconds(dice.between(1, 5)), seconds(dice.between(5, 60))));
    policy.budget = dice.percent(15).then(|| Budget::new(dice.between(10, 60), seconds(120)));
    policy.repeated = dice.percent(15).then(|| seconds(dice.between(5, 30)));
}

fn outbox(dice: &mut Dice, config: &mut Config, swarm: &Swarm) {
    let policy = &mut config.outbox;
    policy.in_flight = Limit::new(dice.between(1, 64));
    if dice.percent(30) {
        policy.messages = Limit::new(dice.between(2, 12));
    }
    if dice.percent(30) {
        policy.bytes = Limit::new(dice.between(100, 600));
    }
    if dice.percent(20) {
        policy.remembered = Limit::new(dice.between(2, 20));
    }
    policy.while_down = if dice.percent(10) { WhileDown::Refuse } else { WhileDown::Queue };
    policy.resend = if dice.percent(15) { Resend::Never } else { Resend::NextConnection };
    policy.receipt_timeout = dice.percent(90).then(|| seconds(dice.between(5, 40)));
    if dice.percent(3) {
        policy.receipt_timeout = Some(Duration::MAX);
    }
    policy.quarantine = NonZeroU32::new(dice.count(0, 3));
    policy.send_failure = if dice.percent(20) { SendFailure::Tell } else { SendFailure::EndLink };
    let dedup = seconds(dice.between(30, 300));
    let dedup = edge(dice, dedup);
    policy.dedup_window = dice.percent(20).then_some(dedup);
    policy.unwritten_bytes = Limit::new(dice.one_of(&[1, 200, 2_000, 8_000, 65_536]));
    let interval = Duration::from_millis(dice.between(100, 3_000));
    let interval = perhaps_none(dice, interval);
    let rate = Rate::new(dice.between(1, 5), interval).burst(dice.between(1, 5));
    policy.rate = dice.percent(20).then_some(rate).filter(|_| !swarm.is_quiet());
    let time_to_live = seconds(dice.between(20, 200));
    let time_to_live = if dice.percent(10) { Duration::MAX } else { time_to_live };
    policy.time_to_live = dice.percent(10).then_some(time_to_live);
    policy.on_failure = if dice.percent(15) { OnFailure::Hold } else { OnFailure::Continue };
}

/// A server that keeps at most so many pushes unacknowledged is safe with a window of that and `pending`, and no less.
fn inbox(dice: &mut Dice, config: &mut Config, unacknowledged: u64, swarm: &Swarm) {
    let policy = &mut config.inbox;
    let on_call = swarm.has("slow consumer") || swarm.has("refused push") || dice.percent(30);
    policy.acknowledge = if on_call { Acknowledge::OnCall } else { Acknowledge::OnDelivery };
    // Nobody is slow in peace, so nothing should have to come again.
    let pending = dice.between(1, 8);
    policy.pending = Limit::new(if swarm.is_quiet() { 64 } else { pending });
    // While storing is slow, answers beyond `pending` are left out, and what comes later overtakes them.
    let overtaking = if config.durability == Durability::WriteAhead { 64 } else { 0 };
    policy.window = Limit::new(unacknowledged + policy.pending.get() + overtaking + dice.below(3));
    policy.deliver = if dice.percent(10) { Deliver::Frame } else { Deliver::Content };
}

fn rest(dice: &mut Dice, config: &mut Config) {
    config.authentication.credential =
        dice.one_of(&[CredentialSource::Held, CredentialSource::Asked, CredentialSource::Asked]);
    config.authentication.timeout = Some(seconds(dice.between(4, 15)));
    config.authentication.unauthorized = dice.one_of(&[Unauthorized::Stop, Unauthorized::Retry]);
    let close = seconds(dice.between(1, 5));
    config.close.timeout = perhaps_none(dice, close);
    config.close.dead = dice.one_of(&[DeadLink::Abort, DeadLink::Close { code: Some(3_000) }]);
    config.close.codes = dice.one_of(&[CloseCodes::Classified, CloseCodes::RetryAll]);
    let loop_time = seconds(dice.between(10, 90));
    let loop_time = if dice.percent(10) { Duration::MAX } else { loop_time };
    config.fallback.loop_time = dice.percent(20).then_some(loop_time);
    config.fallback.after_failures = NonZeroU32::new(dice.count(0, 3)).filter(|_| dice.percent(20));
    config.limits.frame_time = seconds(dice.between(30, 120));
    config.limits.write_stall = seconds(dice.between(5, 40));
    config.limits.read_pause = seconds(dice.between(5, 60));
    // A frame whose time never ends and a stall that never does would hold a dead link for ever.
    match dice.below(20) {
        0 => config.limits.frame_time = Duration::MAX,
        1 => config.limits.write_stall = Duration::MAX,
        2 => config.limits.read_pause = Duration::MAX,
        _ => {}
    }
    config.limits.malformed = NonZeroU32::new(dice.count(0, 5));
}
