//! What a session says about itself: its sentences and its numbers.

use redial::config::{Acknowledge, Guarantee, Limit, MeasuredFrom, Resend, Reset};
use redial::error::ConfigError;
use redial::{Config, Duration, Preset, TransportError};

use crate::support::Story;

#[test]
fn a_session_explains_itself_in_one_sentence() {
    let mut story = Story::uni_app();
    let explain = |story: &Story| story.session.explain().to_string();
    assert_eq!(explain(&story), "idle");
    story.open();
    assert_eq!(explain(&story), "connecting, attempt 0; waiting for the attempt to open until 10000 ms");
    story.send("hello");
    story.opened();
    assert_eq!(
        explain(&story),
        "ready, with 1 message unsettled; waiting for a sign of life, before the link is suspected until 10000 ms"
    );
    story.send("again");
    story.errored(TransportError::Io);
    let at = story.deadline().expect("it waits").at;
    assert_eq!(
        explain(&story),
        format!(
            "waiting, attempt 1, because the connection failed (reading or writing failed), with 2 messages unsettled; waiting for the next attempt until {at}"
        )
    );
    story.close();
    assert_eq!(explain(&story), "stopped, because the application closed");
}

#[test]
fn bounds_follow_from_the_configuration() {
    let mut config = Config::default();
    assert_eq!(config.bounds().outbound, Guarantee::OnceWhileServerRemembers);
    assert_eq!(config.bounds().inbound, Guarantee::OnceAmong(4_096));
    config.outbox.dedup_window = Some(Duration::from_secs(120));
    assert_eq!(config.bounds().outbound, Guarantee::OnceWithin(Duration::from_secs(120)));
    config.outbox.resend = Resend::Never;
    assert_eq!(config.bounds().outbound, Guarantee::AtMostOnce);
    config.heartbeat.every = Duration::from_secs(10);
    assert_eq!(config.bounds().notice_dead_link, Some(Duration::from_secs(18)));
    config.heartbeat.suspicion = None;
    assert_eq!(config.bounds().notice_dead_link, Some(Duration::from_secs(25)));
    config.heartbeat.dead_after = None;
    assert_eq!(config.bounds().notice_dead_link, None);
    let memory = config.bounds().memory_bytes;
    config.outbox.bytes = Limit::new(8 << 20);
    assert_eq!(config.bounds().memory_bytes, memory + (4 << 20));
}

#[test]
fn a_window_shorter_than_what_the_server_repeats_is_refused_and_promises_less() {
    let mut config = Config::default();
    config.inbox.server_keeps = Some(4_000);
    assert_eq!(config.bounds().inbound, Guarantee::OnceInOrder(4_000));
    config.inbox.acknowledge = Acknowledge::OnCall;
    assert_eq!(config.check(), Err(ConfigError::Window { window: 4_096, needed: 4_000 + 256 }));
    assert_eq!(config.bounds().inbound, Guarantee::OnceAmong(4_096), "what cannot be kept is not promised");
    config.inbox.window = Limit::new(4_255);
    assert_eq!(config.check(), Err(ConfigError::Window { window: 4_255, needed: 4_256 }), "one is missing");
    config.inbox.window = Limit::new(4_256);
    assert_eq!(config.check(), Ok(()));
    let changes = serde_json::json!({"inbox": {"server_keeps": 60, "window": 16}});
    let refused = Preset::named("uni_app", &changes).expect_err("60 repeats do not fit into a window of 16");
    assert_eq!(
        refused.to_string(),
        "the configuration does not hold: the inbox remembers 16 ids and must remember 60: all that the server keeps and all that may wait"
    );
}

#[test]
fn the_bound_on_connects_is_reached_by_the_worst_server_and_never_passed() {
    for (base, from) in [(0, MeasuredFrom::Failure), (300, MeasuredFrom::Attempt), (2_000, MeasuredFrom::Failure)] {
        let mut story = Story::plain_with(|config| {
            config.reconnect.jitter = redial::config::Jitter::None;
            config.reconnect.first = redial::config::FirstDelay::all(Duration::ZERO);
            config.reconnect.again.base = Duration::from_millis(base);
            config.reconnect.from = from;
        });
        let bound = story.session.preset().config().bounds().connects_in_120_s as usize;
        story.open();
        while story.now() <= 120_000 {
            story.opened().closed(None).wait_for_connect();
        }
        let connects = story.connects.iter().filter(|at| **at <= 120_000).count();
        assert_eq!(connects, bound, "base {base}");
    }
}

#[test]
fn guarantees_read_as_sentences() {
    let texts = [
        Guarantee::AtMostOnce,
        Guarantee::OnceWhileServerRemembers,
        Guarantee::OnceWithin(Duration::from_secs(120)),
        Guarantee::OnceAmong(4_096),
        Guarantee::OnceInOrder(60),
        Guarantee::AtLeastOnce,
    ]
    .map(|guarantee| guarantee.to_string());
    assert!(texts[0].contains("at most once"));
    assert!(texts[2].contains("120 s"));
    assert!(texts[3].contains("4096"));
    assert!(texts[4].contains("at most 60 pushes"));
    assert!(texts[5].contains("shown again"));
    let mut config = Config::default();
    config.inbox.window = Limit::new(0);
    assert_eq!(config.bounds().inbound, Guarantee::AtLeastOnce);
}

#[test]
fn what_a_session_holds_is_bounded_by_each_of_its_limits() {
    let config = Config::default();
    let (id, memory) = (config.limits.id_bytes.get(), config.bounds().memory_bytes);
    let more = |change: fn(&mut Config)| {
        let mut larger = config.clone();
        change(&mut larger);
        larger.bounds().memory_bytes - memory
    };
    let entry = 512 + id;
    assert_eq!(more(|config| config.outbox.messages = Limit::new(1_001)), entry);
    assert_eq!(more(|config| config.outbox.remembered = Limit::new(1_025)), entry);
    assert_eq!(more(|config| config.inbox.window = Limit::new(4_097)), entry);
    assert_eq!(more(|config| config.inbox.pending = Limit::new(257)), 3 * entry);
    assert_eq!(more(|config| config.limits.frame_bytes = Limit::new((1 << 20) + 1)), 3);
    let entries = 1_000 + 1_024 + 4_096 + 3 * 256;
    assert_eq!(more(|config| config.limits.id_bytes = Limit::new(129)), entries);
    assert_eq!(memory, entries * entry + (4 << 20) + (3 << 20) + (16 << 10));
}

/// Connects within 120 s that a server provokes which lets every n-th connection be stable and drops the others at
/// once.
fn provoked(config: &Config, nth: usize, first: usize) -> usize {
    let mut story = Story::new(Preset::plain().with_config(config.clone()).expect("it is sound"));
    story.open();
    while story.now() <= 120_000 && story.state() != redial::State::Stopped {
        story.opened();
        if story.connects.len() % nth == first {
            // What arrives is what makes a connection stable; heartbeats have no time to come in between.
            story.sleep(config.reconnect.stable.as_millis());
        }
        // A message that was delivered resets the attempt counter as well, though not the floor.
        story.text("hello");
        story.closed(None);
        if story.state() == redial::State::Waiting {
            story.wait_for_connect();
        }
    }
    story.connects.iter().filter(|at| **at <= 120_000).count()
}

#[test]
fn a_server_that_now_and_then_lets_a_connection_be_stable_provokes_as_many_connects_as_promised_and_no_more() {
    for (first, base, stable, reset, reached, promised) in [
        (0, 2_000, 5_000, Reset::OnStable, 72, 73),
        (500, 1_000, 30_000, Reset::OnStable, 25, 28),
        (3_000, 20_000, 10_000, Reset::OnStable, 27, 27),
        (3_000, 20_000, 10_000, Reset::Never, 7, 7),
        (0, 2_000, 5_000, Reset::Never, 13, 13),
        (1_000, 5_000, 2_000, Reset::OnStable, 81, 81),
        (0, 500, 100, Reset::OnStable, 481, 481),
        (1_000, 1_000, 0, Reset::OnStable, 121, 121),
        (1_000, 5_000, 7_000, Reset::OnStable, 49, 49),
    ] {
        let mut config = Config::default();
        config.reconnect.jitter = redial::config::Jitter::None;
        config.reconnect.first = redial::config::FirstDelay::all(Duration::from_millis(first));
        config.reconnect.again.base = Duration::from_millis(base);
        config.reconnect.stable = Duration::from_millis(stable);
        config.reconnect.reset = reset;
        let servers = (1..=10).flat_map(|nth| (0..nth).map(move |first| (nth, first)));
        let most = servers.map(|(nth, first)| provoked(&config, nth, first)).max();
        let bound = config.bounds().connects_in_120_s_if_stable;
        assert_eq!((most, bound), (Some(reached), promised), "{first}, {base}, {stable}, {reset:?}");
        assert!(reached <= bound as usize);
    }
}
