//! Heartbeats that cannot be sent, are not answered, or come from the server alone: what was not sent is not
//! unanswered.

use redial::config::{DeadAfter, HeartbeatPolicy, Limits, Liveness, Suspicion};
use redial::dialect::{
    Capabilities, Content, Dialect, HeartbeatFrame, Heartbeats, MessageSignal, Plain, Side, Signal, Span,
};
use redial::error::{ConfigError, Malformed, Unencodable};
use redial::{Action, Cause, Config, Duration, Event, Frame, HostProfile, Preset, Purpose, State, Status};

use crate::support::Story;

/// Texts are messages; the server's heartbeat is `?`, its answer `!`, and `.` is a heartbeat of the client where it has
/// one.
#[derive(Debug)]
struct Quiet {
    heartbeats: Heartbeats,
    speaks: bool,
}

impl Dialect for Quiet {
    fn name(&self) -> &'static str {
        "quiet"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().heartbeats(self.heartbeats)
    }

    fn decode(&self, _: Side, frame: &Frame, _: &Limits) -> Result<Signal<Span>, Malformed> {
        Ok(match frame.as_text() {
            Some("?") => Signal::heartbeat(),
            Some(_) => Signal::message(None, Span::WHOLE),
            None => Signal::Ignored,
        })
    }

    fn encode(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match signal {
            Signal::Message(MessageSignal { content: Content::Text(text), .. }) => Ok(Frame::text((*text).to_owned())),
            signal if *signal == Signal::heartbeat_reply() => Ok(Frame::text("!")),
            signal if *signal == Signal::heartbeat() && writer == Side::Client && self.speaks => Ok(Frame::text(".")),
            _ => Err(Unencodable::NoWord),
        }
    }
}

fn quiet(heartbeats: Heartbeats, speaks: bool) -> Story {
    let mut story =
        Story::new(Preset::new(Quiet { heartbeats, speaks }, Config::default()).expect("the dialect says what it has"));
    story.ready().seen();
    story
}

fn causes(story: &mut Story) -> Vec<Cause> {
    story.seen().losses().iter().map(|loss| loss.0).collect()
}

/// Everything that makes a session ask: time, messages, a hint, and a late tick.
fn provoke(story: &mut Story) {
    story.wait(300_000);
    for _ in 0..20 {
        story.send("anybody?");
        story.wait(1_000);
    }
    story.event(Event::Online).wait(60_000);
    story.event(Event::Woke { asleep: Duration::from_secs(600) }).wait(60_000);
    story.sleep(600_000).tick().wait(300_000);
}

fn without_pings(preset: Preset) -> Story {
    let mut story = Story::new(preset);
    story.event(Event::Host { profile: HostProfile::new().without_pings() });
    story.ready();
    story
}

#[test]
fn a_dialect_without_a_word_for_its_heartbeat_keeps_a_silent_link() {
    for heartbeats in [Heartbeats::IfEncoded, Heartbeats::None] {
        let mut story = quiet(heartbeats, false);
        assert_eq!(story.session.bounds().notice_dead_link, None);
        assert_eq!(story.session.bounds().notice_dead_link_under_traffic, None);
        provoke(&mut story);
        assert_eq!((causes(&mut story), story.state()), (vec![], State::Ready));
        assert_eq!(story.session.stats().heartbeats, 0, "nothing was sent, so nothing is counted");
    }
}

#[test]
fn a_declared_heartbeat_that_cannot_be_encoded_is_refused() {
    for heartbeats in [Heartbeats::Asks, Heartbeats::Tells] {
        let refused = Preset::new(Quiet { heartbeats, speaks: false }, Config::default());
        assert_eq!(refused.expect_err("there is no word for it"), ConfigError::Heartbeat);
        assert!(Preset::new(Quiet { heartbeats, speaks: true }, Config::default()).is_ok());
    }
}

#[test]
fn a_client_that_only_answers_takes_a_server_for_dead_that_was_not_heard_for_so_long() {
    let mut story = quiet(Heartbeats::Answers, true);
    assert_eq!(story.session.bounds().notice_dead_link, Some(Duration::from_secs(55)));
    for _ in 0..20 {
        story.wait(25_000).text("?");
    }
    let seen = story.seen();
    let answers = seen.count(|action| matches!(action, Action::Send { purpose: Purpose::HeartbeatReply, .. }));
    assert_eq!((answers, seen.beats()), (20, 0), "every heartbeat is answered, and the client sends none");
    story.event(Event::Online).wait(54_999);
    assert_eq!(story.state(), State::Ready);
    story.wait(1);
    assert_eq!(causes(&mut story), [Cause::Dead]);
}

#[test]
fn a_machine_that_slept_gives_a_server_that_is_only_heard_its_time_again() {
    let mut story = quiet(Heartbeats::Answers, false);
    story.wait(30_000).sleep(3_600_000).tick().wait(54_999);
    assert_eq!(story.state(), State::Ready);
    story.wait(1);
    assert_eq!(causes(&mut story), [Cause::Dead]);
}

#[test]
fn heartbeats_that_are_told_go_out_and_only_silence_is_judged() {
    let mut story = quiet(Heartbeats::Tells, true);
    for _ in 0..100 {
        story.wait(10_000).text("?");
    }
    assert_eq!((story.seen().beats(), story.state()), (40, State::Ready), "one in 25 s, whatever is heard");
    story.wait(55_000);
    assert_eq!(causes(&mut story), [Cause::Dead]);
}

#[test]
fn a_host_without_pings_listens_and_no_silence_ends_its_link() {
    let mut story = without_pings(Preset::plain());
    assert_eq!(story.session.bounds().notice_dead_link, None);
    provoke(&mut story);
    assert_eq!((causes(&mut story), story.connects.len()), (vec![], 1));
    assert_eq!(story.session.stats().heartbeats, 0);
}

#[test]
fn a_host_may_say_late_that_it_cannot_send_pings() {
    let mut story = Story::plain();
    story.ready().wait(28_000);
    assert!(story.session.explain().probing, "two pings went out that the host has dropped");
    story.event(Event::Host { profile: HostProfile::new().without_pings() });
    assert!(!story.session.explain().probing);
    provoke(&mut story);
    assert_eq!((causes(&mut story), story.connects.len()), (vec![], 1));
    story.event(Event::Host { profile: HostProfile::new() }).wait(33_000);
    assert_eq!(causes(&mut story), [Cause::Dead], "a host that can ask finds out");
}

#[test]
fn a_host_without_pings_sends_the_text_that_is_set_for_it() {
    let mut plain = Plain::default();
    plain.heartbeats = HeartbeatFrame::PingOrText { heartbeat: "are you there?".into(), reply: "yes".into() };
    let preset = || Preset::new(plain.clone(), Config::default()).expect("it is sound");
    let mut story = without_pings(preset());
    let beat = Frame::text("are you there?");
    for _ in 0..10 {
        story.wait(25_000).text("yes");
    }
    let seen = story.seen();
    assert_eq!((seen.beats(), seen.delivered().len()), (10, 0));
    assert!(seen.all().iter().any(|action| matches!(action, Action::Send { frame, .. } if *frame == beat)));
    story.wait(33_000);
    assert_eq!(causes(&mut story), [Cause::Dead], "it asks, so silence is judged");

    let mut able = Story::new(preset());
    able.ready().wait(25_000);
    assert!(able.seen().all().iter().any(|action| matches!(action, Action::Send { frame: Frame::Ping(_), .. })));
    able.frame(Frame::Ping(vec![1])).text("are you there?");
    let seen = able.seen();
    let answers = seen.count(|action| matches!(action, Action::Send { purpose: Purpose::HeartbeatReply, .. }));
    assert_eq!(answers, 1, "the socket answers the ping, the session the text");
}

#[test]
fn a_socket_that_takes_no_heartbeat_is_noticed_although_the_failure_is_only_reported() {
    let mut story = Story::plain_with(|config| config.reconnect.first.heartbeat_failed = None);
    story.ready();
    while story.state() == State::Ready && story.now() < 600_000 {
        let due = story.deadline().expect("heartbeats go on");
        story.wait(due.at.as_millis() - story.now());
        if story.state() == State::Ready {
            story.send_failed(Purpose::Heartbeat);
        }
    }
    assert_eq!((causes(&mut story), story.now()), (vec![Cause::Dead], 33_000));
}

#[test]
fn suspicion_never_makes_the_notice_of_a_dead_link_slower() {
    let secs = Duration::from_secs;
    let noticed = |suspicion: Option<Suspicion>, life, chatter: bool| {
        let mut story = Story::plain_with(|config| {
            config.heartbeat.every = secs(3);
            config.heartbeat.dead_after = DeadAfter::after(2, secs(1));
            config.heartbeat.suspicion = suspicion;
            config.heartbeat.liveness = life;
        });
        story.ready();
        while story.state() == State::Ready && story.now() < 60_000 {
            story.wait(500);
            if chatter && story.state() == State::Ready {
                story.text("no reply");
            }
        }
        (story.now(), story.session.bounds().notice_dead_link)
    };
    assert_eq!(noticed(Some(Suspicion::default()), Liveness::AnyFrame, false), (7_000, Some(secs(7))));
    let mut hasty = Suspicion::default();
    hasty.after = Duration::ZERO;
    for chatter in [false, true] {
        for suspicion in [Suspicion::default(), hasty] {
            let (with, bound) = noticed(Some(suspicion), Liveness::Reply, chatter);
            let (without, _) = noticed(None, Liveness::Reply, chatter);
            assert!(with <= without && without == 7_000, "{with} ms with suspicion, {without} ms without");
            assert!(chatter || Some(Duration::from_millis(with)) <= bound, "{with} ms, {bound:?}");
        }
    }
}

#[test]
fn a_reply_behind_a_long_frame_is_late_where_only_replies_are_life() {
    // Bytes of an unfinished frame are life exactly where any frame is.
    for (life, lives) in [(Liveness::AnyFrame, true), (Liveness::Reply, false)] {
        let mut story = Story::plain_with(|config| config.heartbeat.liveness = life);
        story.ready();
        for _ in 0..90 {
            if story.state() == State::Ready {
                story.arriving().wait(1_000);
            }
        }
        assert_eq!(story.state() == State::Ready, lives, "{life:?}");
    }
}

/// Sends a short message ten times a second to a server that is gone; says when it asked and when it noticed.
fn half_open(mut story: Story) -> (u64, u64) {
    let begin = story.now();
    let mut asked = None;
    while story.state() == State::Ready {
        let _ = story.try_send("anybody?");
        story.wait(100);
        let seen = story.seen();
        if seen.count(|action| matches!(action, Action::Suspected { .. })) > 0 {
            asked.get_or_insert(story.now() - begin);
        }
        assert!(story.now() - begin < 120_000, "nobody notices");
    }
    (asked.expect("a probe goes first"), story.now() - begin)
}

#[test]
fn a_half_open_link_is_noticed_within_15_s_of_constant_traffic_in_every_dialect_with_a_heartbeat() {
    for service in redial::services::Service::all() {
        let preset = service.sample().expect("the sample is complete");
        let mut heartbeat = HeartbeatPolicy::default();
        if service.name == "native" || service.name == "plain" {
            assert_eq!(preset.config().heartbeat, heartbeat, "it is as it comes");
        }
        // A heartbeat of the schedule would be faster, and hide the one that is asked for.
        heartbeat.suspicion = None;
        let preset = preset
            .configure(|config| {
                config.heartbeat = heartbeat;
                config.outbox.receipt_timeout = None;
            })
            .expect("it is sound");
        let mut story = Story::new(preset);
        story.credential("token");
        story.open().opened();
        match service.name {
            "native" => drop(story.text(
                r#"{"type":"welcome","sid":"s","token":"t","ttl_ms":60000,"resumed":false,"win_msgs":256,"win_bytes":99999,"frame_max":9999}"#,
            )),
            "live_chat" => drop(
                story.text(r#"{"cmd":"auth1","msg_id":17,"result":{"seed":"s33d"}}"#).credential("token"),
            ),
            _ => {}
        }
        assert_eq!(story.state(), State::Ready, "{}", service.name);
        assert_eq!(half_open(story), (10_000, 15_000), "{}", service.name);
    }
}

#[test]
fn offlines_doubt_ends_by_itself_where_there_is_no_word_for_a_question() {
    for heartbeats in [Heartbeats::IfEncoded, Heartbeats::Answers, Heartbeats::None] {
        let mut story = quiet(heartbeats, false);
        story.event(Event::Offline);
        let id = story.send("what can wait waits");
        story.wait(4_999);
        assert_eq!(story.session.status(&id), Some(Status::Queued), "{heartbeats:?}");
        story.wait(1);
        assert_eq!((story.session.status(&id), story.state()), (Some(Status::Sent), State::Ready), "{heartbeats:?}");
    }
}
