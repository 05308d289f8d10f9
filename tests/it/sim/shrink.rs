//! A failing seed made small: first without the kinds of faults it fails without, then without the inputs.

use redial::journal::{Header, Input};
use redial::{Instant, Preset};

use super::client::Chapter;
use super::swarm::FAULTS;
use super::{Order, play};
use crate::oracle::{apply, drain};

/// Judgements that shrinking may take.
const BUDGET: u32 = 3_000;

/// A seed that failed, as small as it could be made.
pub(crate) struct Broken {
    pub(crate) order: Order,
    pub(crate) reason: String,
    /// What the session was told, as lines that `examples/replay` plays.
    pub(crate) journal: String,
    /// How many inputs that are, and how many there were.
    pub(crate) inputs: usize,
    pub(crate) of: usize,
}

/// Shrinks a failing order; nothing where it does not fail.
pub(crate) fn shrink(order: &Order) -> Option<Broken> {
    let mut order = order.clone();
    let mut least = play(&order).err()?;
    for kind in FAULTS.into_iter().filter(|kind| !order.without.contains(kind)).collect::<Vec<_>>() {
        order.without.push(kind);
        match play(&order) {
            Err(failed) => least = failed,
            Ok(_) => drop(order.without.pop()),
        }
    }
    let (run, mut reason) = *least;
    let chapter = run.last_chapter()?;
    let mut inputs = chapter.inputs.clone();
    let of = inputs.len();
    // What only the end of a run shows, no single input does; its journal stays whole.
    if let Some((at, _)) = judge(chapter, &inputs) {
        inputs.truncate(at + 1);
        inputs = fewer(inputs, |inputs| judge(chapter, inputs).is_some());
        reason = judge(chapter, &inputs)?.1;
    }
    let journal = journal(chapter, &inputs);
    Some(Broken { order, reason, journal, inputs: inputs.len(), of })
}

/// Plays inputs to the session as it was at the beginning, the oracle judging; gives the first input that breaks a
/// rule.
fn judge(chapter: &Chapter, inputs: &[Input]) -> Option<(usize, String)> {
    let (mut session, mut oracle) = (chapter.session.clone(), chapter.oracle.clone());
    for (at, input) in inputs.iter().enumerate() {
        oracle.before(&session, input);
        apply(&mut session, input.clone());
        let actions = drain(&mut session);
        if let Err(violation) = oracle.after(&session, &actions) {
            return Some((at, violation.to_string()));
        }
    }
    None
}

/// Leaves out ever smaller pieces as long as it still fails (Zeller and Hildebrandt, 2002).
pub(crate) fn fewer<T: Clone>(mut all: Vec<T>, fails: impl Fn(&[T]) -> bool) -> Vec<T> {
    let (mut piece, mut budget) = (all.len() / 2, BUDGET);
    while piece > 0 {
        let (mut at, before) = (0, all.len());
        while at < all.len() && budget > 0 {
            budget -= 1;
            let rest = [&all[..at], &all[(at + piece).min(all.len())..]].concat();
            if fails(&rest) {
                all = rest;
            } else {
                at += piece;
            }
        }
        if all.len() == before || piece > 1 {
            piece /= 2;
        }
    }
    all
}

/// The inputs as lines, with the header that makes the same session.
pub(crate) fn journal(chapter: &Chapter, inputs: &[Input]) -> String {
    let header = header(chapter);
    std::iter::once(&header).chain(inputs).map(|input| input.to_line() + "\n").collect()
}

fn header(chapter: &Chapter) -> Input {
    let preset: &Preset = chapter.session.preset();
    let header = Header::new(preset, chapter.seed);
    Input::Header(match &chapter.restored {
        Some((snapshot, away)) => header.restored(Instant::ORIGIN, snapshot.clone(), *away),
        None => header,
    })
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { order, reason, journal, inputs, of } = self;
        writeln!(f, "{journal}\nseed {} failed: {reason}", order.seed)?;
        writeln!(f, "above are {inputs} of its {of} inputs; repeat it with")?;
        write!(f, "cargo run --release --example soak -- --start {} --seeds 1", order.seed)?;
        if order.thorough {
            f.write_str(" --thorough")?;
        }
        if order.canary {
            f.write_str(" --canary")?;
        }
        if let Some(world) = order.world {
            write!(f, " --world '{world}'")?;
        }
        if !order.without.is_empty() {
            write!(f, " --without '{}'", order.without.join(","))?;
        }
        Ok(())
    }
}
