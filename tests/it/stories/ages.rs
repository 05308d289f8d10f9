//! Ages: a machine's sleep counts, and only for what was there when it slept.

use redial::{Duration, Event, Instant, Seed, Session, Status};

use crate::support::Story;

const HOUR: u64 = 3_600_000;

/// A session whose machine has slept for an hour.
fn slept(change: impl FnOnce(&mut redial::Config)) -> Story {
    let mut story = Story::uni_app_with(change);
    story.event(Event::Woke { asleep: Duration::from_millis(HOUR) }).clock(HOUR);
    story
}

#[test]
fn a_message_lives_its_whole_time_however_long_the_machine_had_slept_before_it_was_taken() {
    let mut story = slept(|_| {});
    let id = story.send_for("soon over", 5_000);
    assert_eq!(story.deadline().map(|deadline| deadline.at.as_millis()), Some(HOUR + 5_000));
    story.wait(4_999);
    assert_eq!(story.session.status(&id), Some(Status::Queued));
    story.wait(1);
    assert_eq!(story.seen().statuses(&id), [Status::Queued, Status::NotSent]);
}

#[test]
fn what_is_over_by_the_time_the_socket_opens_is_not_sent_after_a_sleep_either() {
    let mut story = slept(|_| {});
    story.open();
    let id = story.send_for("soon over", 1_000);
    // Nobody has looked at the clock in between.
    story.sleep(1_000).opened();
    let seen = story.seen();
    assert_eq!((seen.statuses(&id), seen.messages()), (vec![Status::Queued, Status::NotSent], Vec::<String>::new()));
}

#[test]
fn the_age_of_a_copy_begins_when_it_is_sent_and_goes_on_while_the_machine_sleeps() {
    let window = |config: &mut redial::Config| config.outbox.dedup_window = Some(Duration::from_secs(60));
    for (asleep, again) in [(0, 1), (59_000, 0)] {
        let mut story = slept(window);
        story.ready();
        let id = story.send("hello");
        story.closed(None).event(Event::Woke { asleep: Duration::from_millis(asleep) });
        story.wait_for_connect();
        story.wait(1_000);
        story.seen();
        story.opened();
        let seen = story.seen();
        assert_eq!(seen.messages().len(), again, "{asleep} ms asleep");
        assert_eq!(seen.statuses(&id).contains(&Status::Unconfirmed), again == 0, "{asleep} ms asleep");
    }
}

#[test]
fn a_process_that_was_away_for_ever_finds_everything_old_and_new_messages_young() {
    let mut story = Story::uni_app_with(|config| config.outbox.dedup_window = Some(Duration::from_secs(60)));
    story.ready();
    let sent = story.send("sent");
    story.closed(1006);
    let mortal = story.send_for("soon over", 1_000_000);
    story.restart(u64::MAX);
    assert_eq!(story.session.status(&mortal), Some(Status::NotSent), "its time is over");
    story.back();
    assert_eq!(story.session.status(&sent), Some(Status::Unconfirmed), "the server has forgotten it");
    // From here on ages and times count as ever.
    let aged = story.send("aged");
    let lived = story.send_for("lives", 90_000);
    story.closed(1006).wait(61_000);
    while story.state() != redial::State::Ready {
        story.open().opened();
    }
    assert_eq!(story.session.status(&aged), Some(Status::Unconfirmed), "61 s are more than the server remembers");
    story.wait(29_000);
    assert_eq!(story.session.status(&lived), Some(Status::Unconfirmed), "and 90 s are its time");
}

#[test]
fn every_sleep_without_end_makes_what_was_there_old() {
    let mut story = Story::uni_app_with(|config| config.outbox.dedup_window = Some(Duration::from_secs(60)));
    story.ready();
    for sleep in 0..6 {
        let sent = story.send("sent");
        let mortal = story.send_for("soon over", 1_000_000);
        let kept = story.send("kept");
        story.closed(1006);
        let young = story.send("young");
        story.event(Event::Woke { asleep: Duration::MAX });
        assert_eq!(story.session.status(&mortal), Some(Status::Unconfirmed), "{sleep}");
        let after = story.send("after the sleep");
        story.wait_for_connect();
        story.opened();
        for old in [&sent, &kept] {
            assert_eq!(story.session.status(old), Some(Status::Unconfirmed), "{sleep}");
        }
        for new in [&young, &after] {
            assert_eq!(story.session.status(new), Some(Status::Sent), "{sleep}");
            story.text(&format!(r#"{{"type":"RECEIPT","clientMessageId":"{new}"}}"#));
        }
    }
}

#[test]
fn ages_go_on_in_a_process_whose_clock_begins_later_than_the_one_before() {
    const LATE: u64 = 1_000_000_000;
    let mut story = Story::uni_app();
    story.send_for("lives a minute", 60_000);
    story.wait(1_000).tick();
    let (preset, mut records) = (story.session.preset().clone(), story.session.snapshot());
    for (process, left) in [(1_u64, 58_000), (2, 57_000)] {
        let (now, away, seed) = (Instant::from_millis(LATE), Duration::from_millis(1_000), Seed::from(process));
        let session = Session::restore(preset.clone(), now, records, away, seed).expect("it is sound");
        assert_eq!(session.next_deadline().map(|deadline| deadline.at.as_millis()), Some(LATE + left));
        records = session.snapshot();
    }
}
