//! A line of things under ids: in order of their places, and each found by its place or by its id.
//!
//! 1. Places rise and are never used for another thing.
//! 2. Removing one leaves a gap, and gaps are closed before they are more than what is left: so nothing moves for one removal,
//!    and nothing grows without end.
//! 3. Lines are equal when what stands in them is; gaps do not count.

use core::hash::{Hash, Hasher};

use alloc::boxed::Box;

use super::spots::Spots;
use crate::id::MessageId;

/// Something with an id.
pub(crate) trait HasId {
    fn id(&self) -> &MessageId;
}

/// Things in line; nothing is taken from the heap before the first.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T>(Option<Box<Spots<T>>>);

impl<T: HasId> Queue<T> {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    /// The place of the next thing that comes.
    pub(crate) fn end(&self) -> u64 {
        self.0.as_ref().map_or(0, |spots| spots.end())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |spots| spots.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|spots| spots.is_empty())
    }

    /// Everything with its place, in order, from a place on.
    pub(crate) fn iter_from(&self, slot: u64) -> impl Iterator<Item = (u64, &T)> {
        self.0.iter().flat_map(move |spots| spots.iter_from(slot))
    }

    /// Everything with its place, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.iter_from(0)
    }

    /// The first in line.
    pub(crate) fn first(&self) -> Option<(u64, &T)> {
        self.0.as_ref()?.first()
    }

    /// Where the thing under an id stands.
    pub(crate) fn slot_of(&self, id: &MessageId) -> Option<u64> {
        self.0.as_ref()?.slot_of(id)
    }

    pub(crate) fn get(&self, slot: u64) -> Option<&T> {
        self.0.as_ref()?.get(slot)
    }

    pub(crate) fn get_mut(&mut self, slot: u64) -> Option<&mut T> {
        self.0.as_mut()?.get_mut(slot)
    }

    /// Adds a thing, whose id has no place, at the end.
    pub(crate) fn push(&mut self, thing: T) -> u64 {
        self.0.get_or_insert_with(Box::default).push(thing)
    }

    /// Puts a thing, whose id has no place, back where it stood.
    pub(crate) fn put_back(&mut self, slot: u64, thing: T) {
        self.0.get_or_insert_with(Box::default).put_back(slot, thing);
    }

    /// Takes a thing out of the line.
    pub(crate) fn remove(&mut self, slot: u64) -> Option<T> {
        self.0.as_mut()?.remove(slot)
    }

    /// Forgets the first in line; `false` where there is none.
    pub(crate) fn forget_first(&mut self) -> bool {
        self.0.as_mut().is_some_and(|spots| spots.forget_first())
    }
}

impl<T: HasId + PartialEq> PartialEq for Queue<T> {
    fn eq(&self, other: &Self) -> bool {
        self.end() == other.end() && self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: HasId + Eq> Eq for Queue<T> {}

impl<T: HasId + Hash> Hash for Queue<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.end(), self.len()).hash(state);
        self.iter().for_each(|item| item.hash(state));
    }
}
