//! The spots of a line, and the ways to find one.
//!
//! 1. Ids that count up, as those of most who mint them do, stand in the order of their places: to add one is to compare it with the
//!    last, and the number it ends in says where it stands.
//! 2. The others are kept in a tree. So no choice of ids makes a look-up slower than the square of the line's logarithm, which it takes
//!    where ids rise in other steps than places do and others stand between them.

use core::cmp::Ordering;

use alloc::collections::{BTreeMap, VecDeque};

use super::queue::HasId;
use crate::id::MessageId;

/// What stands in line, by place. The first and the last spot are no gaps.
#[derive(Clone, Debug)]
pub(super) struct Spots<T> {
    /// The places, which rise; apart from what stands there, so that this is moved as it is.
    unacked: VecDeque<u64>,
    line: VecDeque<Spot<T>>,
    gaps: usize,
    /// The places of those whose ids are greater than all before them here, gaps included.
    rising: VecDeque<u64>,
    /// The places of the others, without gaps.
    others: BTreeMap<MessageId, u64>,
    /// The next place.
    end: u64,
}

#[derive(Clone, Debug)]
enum Spot<T> {
    Thing(T),
    /// A gap, and the id that stood there.
    Gap(MessageId),
}

/// Room that is kept, however little of it is used.
const ROOM: usize = 32;

impl<T> Default for Spots<T> {
    fn default() -> Self {
        Self {
            unacked: VecDeque::new(),
            line: VecDeque::new(),
            gaps: 0,
            rising: VecDeque::new(),
            others: BTreeMap::new(),
            end: 0,
        }
    }
}

impl<T: HasId> Spot<T> {
    fn thing(&self) -> Option<&T> {
        match self {
            Self::Thing(thing) => Some(thing),
            Self::Gap(_) => None,
        }
    }

    fn id(&self) -> &MessageId {
        match self {
            Self::Thing(thing) => thing.id(),
            Self::Gap(id) => id,
        }
    }
}

impl<T: HasId> Spots<T> {
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn len(&self) -> usize {
        self.line.len() - self.gaps
    }

    pub(super) fn is_empty(&self) -> bool {
        self.line.len() == self.gaps
    }

    pub(super) fn iter_from(&self, slot: u64) -> impl Iterator<Item = (u64, &T)> {
        let start = match self.unacked.front() {
            Some(first) if slot > *first => self.position(slot).unwrap_or_else(|at| at),
            _ => 0,
        };
        let spots = self.unacked.range(start..).zip(self.line.range(start..));
        spots.filter_map(|(slot, spot)| Some((*slot, spot.thing()?)))
    }

    pub(super) fn first(&self) -> Option<(u64, &T)> {
        Some((*self.unacked.front()?, self.line.front()?.thing()?))
    }

    pub(super) fn get(&self, slot: u64) -> Option<&T> {
        self.spot(slot)?.thing()
    }

    pub(super) fn get_mut(&mut self, slot: u64) -> Option<&mut T> {
        let at = self.position(slot).ok()?;
        match self.line.get_mut(at)? {
            Spot::Thing(thing) => Some(thing),
            Spot::Gap(_) => None,
        }
    }

    /// Where the thing under an id stands.
    pub(super) fn slot_of(&self, id: &MessageId) -> Option<u64> {
        let risen = self.risen(id).filter(|(_, spot)| spot.thing().is_some());
        risen.map(|(slot, _)| slot).or_else(|| self.others.get(id).copied())
    }

    pub(super) fn push(&mut self, thing: T) -> u64 {
        let slot = self.end;
        self.end += 1;
        self.enlist(slot, thing.id());
        self.unacked.push_back(slot);
        self.line.push_back(Spot::Thing(thing));
        slot
    }

    pub(super) fn put_back(&mut self, slot: u64, thing: T) {
        self.end = self.end.max(slot.saturating_add(1));
        match self.position(slot) {
            // The gap it left: it rises, or not, as it did.
            Ok(at) => {
                if self.rising.binary_search(&slot).is_err() {
                    self.others.insert(thing.id().clone(), slot);
                }
                if let Some(spot) = self.line.get_mut(at) {
                    self.gaps -= usize::from(spot.thing().is_none());
                    *spot = Spot::Thing(thing);
                }
            }
            Err(at) => {
                self.enlist(slot, thing.id());
                self.unacked.insert(at, slot);
                self.line.insert(at, Spot::Thing(thing));
            }
        }
    }

    pub(super) fn remove(&mut self, slot: u64) -> Option<T> {
        let at = self.position(slot).ok()?;
        if at == 0 {
            return self.pop();
        }
        let spot = self.line.get_mut(at)?;
        let gap = Spot::Gap(spot.thing()?.id().clone());
        let Spot::Thing(thing) = core::mem::replace(spot, gap) else { return None };
        self.gaps += 1;
        if !self.others.is_empty() {
            self.others.remove(thing.id());
        }
        self.close_gaps();
        Some(thing)
    }

    /// Forgets the first thing; `false` where there is none.
    pub(super) fn forget_first(&mut self) -> bool {
        match self.line.pop_front() {
            Some(Spot::Thing(thing)) => {
                self.delist_first(thing.id());
                true
            }
            _ => false,
        }
    }

    fn pop(&mut self) -> Option<T> {
        let Spot::Thing(thing) = self.line.pop_front()? else { return None };
        self.delist_first(thing.id());
        Some(thing)
    }

    /// What stood under this id on the first spot is gone.
    fn delist_first(&mut self, id: &MessageId) {
        let slot = self.unacked.pop_front();
        if self.rising.front() == slot.as_ref() {
            self.rising.pop_front();
        } else {
            self.others.remove(id);
        }
        self.close_gaps();
    }

    /// Remembers the place of an id that has none.
    fn enlist(&mut self, slot: u64, id: &MessageId) {
        let rises = match self.rising.back() {
            Some(last) => *last < slot && self.spot(*last).is_some_and(|spot| spot.id() < id),
            None => true,
        };
        if rises {
            self.rising.push_back(slot);
        } else {
            self.others.insert(id.clone(), slot);
        }
    }

    fn spot(&self, slot: u64) -> Option<&Spot<T>> {
        self.line.get(self.position(slot).ok()?)
    }

    /// The place and the spot of an id that rises; the spot may be a gap.
    fn risen(&self, id: &MessageId) -> Option<(u64, &Spot<T>)> {
        let at = |slot: u64| Some((slot, self.spot(slot)?));
        let first = at(*self.rising.front()?)?;
        if first.1.id() == id {
            return Some(first);
        }
        let last = at(*self.rising.back()?)?;
        match last.1.id().cmp(id) {
            Ordering::Less => return None,
            Ordering::Equal => return Some(last),
            Ordering::Greater => {}
        }
        let nth = |n: usize| at(*self.rising.get(n)?);
        let guess = id.tail().checked_sub(first.1.id().tail()).and_then(|steps| usize::try_from(steps).ok());
        if let Some(risen) = guess.and_then(nth).filter(|(_, spot)| spot.id() == id) {
            return Some(risen);
        }
        let compare = |slot: &u64| self.spot(*slot).map_or(Ordering::Less, |spot| spot.id().cmp(id));
        nth(self.rising.binary_search_by(compare).ok()?)
    }

    fn close_gaps(&mut self) {
        if self.gaps > 0 {
            self.close_ends();
        }
        if self.gaps > self.line.len() / 2 {
            self.close_all();
        }
        if self.line.capacity() > ROOM.max(self.line.len() * 4) {
            self.line.shrink_to(self.line.len() * 2);
            self.unacked.shrink_to(self.line.len() * 2);
            self.rising.shrink_to(self.line.len() * 2);
        }
    }

    fn close_ends(&mut self) {
        while let Some(Spot::Gap(_)) = self.line.front() {
            if self.rising.front() == self.unacked.front() {
                self.rising.pop_front();
            }
            self.unacked.pop_front();
            self.line.pop_front();
            self.gaps -= 1;
        }
        while let Some(Spot::Gap(_)) = self.line.back() {
            if self.rising.back() == self.unacked.back() {
                self.rising.pop_back();
            }
            self.unacked.pop_back();
            self.line.pop_back();
            self.gaps -= 1;
        }
    }

    fn close_all(&mut self) {
        let mut rising = core::mem::take(&mut self.rising);
        rising.retain(|slot| self.get(*slot).is_some());
        self.rising = rising;
        let mut stays = self.line.iter().map(|spot| spot.thing().is_some());
        self.unacked.retain(|_| stays.next() == Some(true));
        self.line.retain(|spot| spot.thing().is_some());
        self.gaps = 0;
    }

    /// Where a place stands, or would: as far from the first as it is higher, less what was closed up in between.
    fn position(&self, slot: u64) -> Result<usize, usize> {
        let first = self.unacked.front().ok_or(0_usize)?;
        let guess = slot.checked_sub(*first).and_then(|steps| usize::try_from(steps).ok()).ok_or(0_usize)?;
        match self.unacked.get(guess) {
            Some(there) if *there == slot => Ok(guess),
            _ => self.unacked.binary_search(&slot),
        }
    }
}
