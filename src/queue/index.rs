//! From a message's id to its place in a line.
//!
//! 1. Ids that count up, as those of most who mint them do, are kept in the order in which they came: to add one is to compare it
//!    with the last, and the number it ends in says where it stands.
//! 2. The others are kept in a tree, so that no choice of ids makes a look-up slower than its logarithm.
//! 3. What it holds follows from the line, so it takes no part in comparing or hashing states.

use core::hash::{Hash, Hasher};

use alloc::collections::{BTreeMap, VecDeque};

use crate::id::MessageId;

/// Places by id.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Each id is greater than all before it. The first and the last have a place.
    rising: VecDeque<(MessageId, Option<u64>)>,
    /// Those in between that have none any more; half of them all at most.
    gaps: usize,
    others: BTreeMap<MessageId, u64>,
}

/// Room that is kept, however little of it is used.
const ROOM: usize = 32;

impl Index {
    /// The place of an id.
    pub(super) fn get(&self, id: &MessageId) -> Option<u64> {
        match self.position(id).and_then(|at| self.rising.get(at)) {
            Some((_, place @ Some(_))) => *place,
            _ => self.others.get(id).copied(),
        }
    }

    /// Adds the place of an id that has none.
    pub(super) fn insert(&mut self, id: MessageId, place: u64) {
        if self.rising.back().is_none_or(|(last, _)| *last < id) {
            self.rising.push_back((id, Some(place)));
        } else {
            self.others.insert(id, place);
        }
    }

    /// Removes the place of an id.
    pub(super) fn remove(&mut self, id: &MessageId) {
        match self.position(id).and_then(|at| self.rising.get_mut(at)) {
            Some((_, place @ Some(_))) => {
                *place = None;
                self.gaps += 1;
                self.close_gaps();
            }
            _ => {
                self.others.remove(id);
            }
        }
    }

    fn close_gaps(&mut self) {
        while self.rising.front().is_some_and(|(_, place)| place.is_none()) {
            self.rising.pop_front();
            self.gaps -= 1;
        }
        while self.rising.back().is_some_and(|(_, place)| place.is_none()) {
            self.rising.pop_back();
            self.gaps -= 1;
        }
        if self.gaps > self.rising.len() / 2 {
            self.rising.retain(|(_, place)| place.is_some());
            self.gaps = 0;
        }
        if self.rising.capacity() > ROOM.max(self.rising.len() * 4) {
            self.rising.shrink_to(self.rising.len() * 2);
        }
    }

    /// Where an id stands among the rising ones.
    fn position(&self, id: &MessageId) -> Option<usize> {
        let (first, _) = self.rising.front()?;
        if first == id {
            return Some(0);
        }
        if self.rising.back().is_none_or(|(last, _)| last < id) {
            return None;
        }
        let guess = id.tail().checked_sub(first.tail()).and_then(|steps| usize::try_from(steps).ok());
        match guess.filter(|at| self.rising.get(*at).is_some_and(|(there, _)| there == id)) {
            None => self.rising.binary_search_by(|(there, _)| there.cmp(id)).ok(),
            found => found,
        }
    }
}

impl PartialEq for Index {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Index {}

impl Hash for Index {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
