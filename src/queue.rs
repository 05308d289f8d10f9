//! A line of things under ids: in order of their places, and each found by its place or by its id.
//!
//! 1. Places rise and are never used for another thing.
//! 2. Removing one leaves a gap, and gaps are closed before they are more than what is left: so nothing moves for one removal,
//!    and nothing grows without end.
//! 3. Lines are equal when what stands in them is; gaps do not count.

mod index;

use core::hash::{Hash, Hasher};

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::id::MessageId;
use index::Index;

/// Something with an id.
pub(crate) trait Named {
    fn id(&self) -> &MessageId;
}

/// Things in line; nothing is taken from the heap before the first.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T>(Option<Box<Spots<T>>>);

#[derive(Clone, Debug)]
struct Spots<T> {
    /// By place. The first and the last are no gaps.
    line: VecDeque<Spot<T>>,
    gaps: usize,
    index: Index,
    /// The next place.
    end: u64,
}

#[derive(Clone, Debug)]
struct Spot<T> {
    place: u64,
    thing: Option<T>,
}

/// Room that is kept, however little of it is used.
const ROOM: usize = 32;

impl<T: Named> Queue<T> {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    /// The place of the next thing that comes.
    pub(crate) fn end(&self) -> u64 {
        self.0.as_ref().map_or(0, |spots| spots.end)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |spots| spots.line.len() - spots.gaps)
    }

    /// Everything with its place, in order, from a place on.
    pub(crate) fn iter_from(&self, place: u64) -> impl Iterator<Item = (u64, &T)> {
        self.0.iter().flat_map(move |spots| spots.iter_from(place))
    }

    /// Everything with its place, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.iter_from(0)
    }

    /// The first in line.
    pub(crate) fn first(&self) -> Option<(u64, &T)> {
        let spot = self.0.as_ref()?.line.front()?;
        Some((spot.place, spot.thing.as_ref()?))
    }

    /// Where the thing under an id stands.
    pub(crate) fn place(&self, id: &MessageId) -> Option<u64> {
        self.0.as_ref()?.index.get(id)
    }

    pub(crate) fn get(&self, place: u64) -> Option<&T> {
        let spots = self.0.as_ref()?;
        spots.line.get(spots.position(place).ok()?)?.thing.as_ref()
    }

    pub(crate) fn get_mut(&mut self, place: u64) -> Option<&mut T> {
        let spots = self.0.as_mut()?;
        let at = spots.position(place).ok()?;
        spots.line.get_mut(at)?.thing.as_mut()
    }

    /// Adds a thing, whose id has no place, at the end.
    pub(crate) fn push(&mut self, thing: T) -> u64 {
        let spots = self.0.get_or_insert_with(|| Box::new(Spots::new()));
        let place = spots.end;
        spots.end += 1;
        spots.index.insert(thing.id().clone(), place);
        spots.line.push_back(Spot { place, thing: Some(thing) });
        place
    }

    /// Puts a thing, whose id has no place, back where it stood.
    pub(crate) fn put_back(&mut self, place: u64, thing: T) {
        let spots = self.0.get_or_insert_with(|| Box::new(Spots::new()));
        spots.end = spots.end.max(place.saturating_add(1));
        spots.index.insert(thing.id().clone(), place);
        match spots.position(place) {
            Ok(at) => {
                if let Some(spot) = spots.line.get_mut(at) {
                    spots.gaps -= usize::from(spot.thing.is_none());
                    spot.thing = Some(thing);
                }
            }
            Err(at) => spots.line.insert(at, Spot { place, thing: Some(thing) }),
        }
    }

    /// Takes a thing out of the line.
    pub(crate) fn remove(&mut self, place: u64) -> Option<T> {
        let spots = self.0.as_mut()?;
        let at = spots.position(place).ok()?;
        let thing = spots.line.get_mut(at)?.thing.take()?;
        spots.index.remove(thing.id());
        spots.gaps += 1;
        spots.close_gaps();
        Some(thing)
    }

    /// Takes the first out of the line.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let (place, _) = self.first()?;
        self.remove(place)
    }
}

impl<T> Spots<T> {
    fn new() -> Self {
        Self { line: VecDeque::new(), gaps: 0, index: Index::default(), end: 0 }
    }

    fn iter_from(&self, place: u64) -> impl Iterator<Item = (u64, &T)> {
        let start = match self.line.front() {
            Some(first) if place > first.place => self.position(place).unwrap_or_else(|at| at),
            _ => 0,
        };
        self.line.range(start..).filter_map(|spot| Some((spot.place, spot.thing.as_ref()?)))
    }

    fn close_gaps(&mut self) {
        while self.line.front().is_some_and(|spot| spot.thing.is_none()) {
            self.line.pop_front();
            self.gaps -= 1;
        }
        while self.line.back().is_some_and(|spot| spot.thing.is_none()) {
            self.line.pop_back();
            self.gaps -= 1;
        }
        if self.gaps > self.line.len() / 2 {
            self.line.retain(|spot| spot.thing.is_some());
            self.gaps = 0;
        }
        if self.line.capacity() > ROOM.max(self.line.len() * 4) {
            self.line.shrink_to(self.line.len() * 2);
        }
    }

    /// Where a place stands, or would: as far from the first as it is higher, less what was closed up in between.
    fn position(&self, place: u64) -> Result<usize, usize> {
        let first = self.line.front().ok_or(0_usize)?.place;
        let guess = place.checked_sub(first).and_then(|steps| usize::try_from(steps).ok()).ok_or(0_usize)?;
        match self.line.get(guess) {
            Some(spot) if spot.place == place => Ok(guess),
            _ => self.line.binary_search_by_key(&place, |spot| spot.place),
        }
    }
}

impl<T: Named + PartialEq> PartialEq for Queue<T> {
    fn eq(&self, other: &Self) -> bool {
        self.end() == other.end() && self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: Named + Eq> Eq for Queue<T> {}

impl<T: Named + Hash> Hash for Queue<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.end(), self.len()).hash(state);
        self.iter().for_each(|item| item.hash(state));
    }
}
