//! The memory of a session: what it holds of the heap after each input, counted by the allocator.

use redial::journal::{Call, Input};
use redial::{Body, Session};

use crate::oracle::{apply, drain};
use crate::sim::{Figures, MEMORY, Run, bounds_without_stable_connections};

/// Plays a run's processes again and counts what their sessions hold, beside what their configuration promises.
///
/// Whatever an input brings is allocated within the count, and what comes out of it is dropped within it; what remains
/// after each is the session's own.
pub(crate) fn measure(run: &Run, figures: &mut Figures) {
    for chapter in run.chapters() {
        let promised = bounds_without_stable_connections(chapter.session.preset()).memory_bytes;
        let (mut session, mut held, mut most) = (None, 0, 0);
        held += allocation_counter::measure(|| session = chapter.begin()).bytes_current;
        let Some(session): &mut Option<Session> = &mut session else { continue };
        for input in &chapter.inputs {
            let change = allocation_counter::measure(|| {
                apply(session, roomy(input.clone()));
                drop(drain(session));
            });
            held += change.bytes_current;
            most = most.max(held);
        }
        figures.measure(MEMORY, u64::try_from(most).unwrap_or_default(), promised);
    }
}

/// The input as a program hands it over: its bodies have room to spare, which a copy of an input has lost.
fn roomy(mut input: Input) -> Input {
    if let Input::Call { call: Call::Send { body: Body::Text(text), .. }, .. } = &mut input {
        text.reserve_exact(64 << 10);
    }
    input
}
