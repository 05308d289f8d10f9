//! Ids that are found again: in the dedup window, in the outbox, and among settled messages.

use std::collections::VecDeque;

use redial::config::Limit;
use redial::{MessageId, Status};

use crate::support::Story;

/// Numbers that look random, the same in every run.
fn numbers(below: u64) -> impl Iterator<Item = u64> {
    let mut state = 7_u64;
    std::iter::from_fn(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some((state >> 33) % below)
    })
}

#[test]
fn the_dedup_window_tells_repeats_as_a_plain_list_of_the_last_ids_would() {
    const WINDOW: usize = 50;
    let mut story = Story::uni_app_with(|config| config.inbox.window = Limit::new(WINDOW as u64));
    story.ready().seen();
    let mut last = VecDeque::new();
    for (step, number) in numbers(80).take(5_000).enumerate() {
        // Numbers and texts alike: 7 and "7" are two ids.
        let id = if number % 3 == 0 { number.to_string() } else { format!("\"{}\"", number / 2) };
        story.text(&format!(r#"{{"type":"MESSAGE","messageId":{id},"content":"{step}"}}"#));
        let seen = story.seen();
        if last.contains(&id) {
            assert!(seen.delivered().is_empty(), "{id} at step {step} is a repeat");
        } else {
            assert_eq!(seen.delivered(), [step.to_string()], "{id} at step {step} is new");
            last.push_back(id);
            if last.len() > WINDOW {
                last.pop_front();
            }
        }
    }
    assert!(story.session.stats().duplicates > 1_000);
    assert!(story.session.stats().forgotten > 1_000);
}

#[test]
fn receipts_in_any_order_settle_each_message_once_and_the_last_are_remembered() {
    let mut story = Story::uni_app_with(|config| {
        config.outbox.in_flight = Limit::new(1_000);
        config.outbox.remembered = Limit::new(100);
    });
    story.ready().seen();
    let mut waiting: Vec<MessageId> = (0..600)
        .map(
            |number| {
                if number % 2 == 0 { story.send("minted") } else { story.send_id("chosen", &format!("c{number}")) }
            },
        )
        .collect();
    story.seen();
    let mut order = Vec::new();
    for number in numbers(u64::from(u32::MAX)).take(600) {
        let at = usize::try_from(number).expect("it is below 2^32") % waiting.len();
        let id = waiting.swap_remove(at);
        assert_eq!(story.session.status(&id), Some(Status::Sent));
        let mut told = Vec::new();
        for _ in 0..2 {
            story.text(&format!(r#"{{"type":"MESSAGE","clientMessageId":"{id}"}}"#));
        }
        told.extend(story.seen().statuses(&id));
        assert_eq!(told, [Status::Accepted]);
        order.push(id);
    }
    assert_eq!(story.session.unsettled(), 0);
    let (forgotten, remembered) = order.split_at(500);
    assert!(forgotten.iter().all(|id| story.session.status(id).is_none()));
    assert!(remembered.iter().all(|id| story.session.status(id) == Some(Status::Accepted)));
}

#[test]
fn ids_of_any_length_are_read_back_as_they_were_written_and_those_that_count_up_rise() {
    let texts: Vec<String> = (0..80).map(|length| "\u{e9}x".repeat(length)).collect();
    for text in &texts {
        let id = MessageId::from(text.as_str());
        assert_eq!(id.as_text(), Some(text.as_str()));
        assert_eq!(id, MessageId::from(text.clone()));
        assert_eq!((id.to_string(), id.wire_len()), (text.clone(), text.len()));
    }
    for prefix in ["", "m", "0123456789abcdef-", "a prefix that is longer than thirty bytes is, "] {
        let rising = (0..2_000).map(|number| MessageId::from(format!("{prefix}{number}")));
        assert!(rising.collect::<Vec<_>>().is_sorted());
    }
    assert!(MessageId::from(u64::MAX) < MessageId::from(""));
    assert!(MessageId::from("b") > MessageId::from("a") && MessageId::from("b") < MessageId::from("aa"));
}
