//! Slot map: keeps items in the order of their slots, and finds each item by its slot or by its id.
//!
//! 1. Slots rise, and a slot never belongs to a second item.
//! 2. Removing an item leaves a gap. Gaps are closed before they outnumber the items: one removal moves no other item,
//!    and the map does not grow without end.
//! 3. Ids that rise with their slots, as ids with a counter do, are found by their order: a new id is compared with the
//!    last rising id, and the number at the end of an id predicts its index.
//! 4. All other ids are kept in a tree. No choice of ids makes a look-up slower than the square of the logarithm of the
//!    map's length; that is the cost where ids rise in other steps than slots and other ids stand between them.
//! 5. Two maps are equal when their items, slots and ends are equal; gaps do not count.

use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};

use crate::id::MessageId;

/// Item that has an id.
pub(crate) trait HasId {
    fn id(&self) -> &MessageId;
}

impl HasId for MessageId {
    fn id(&self) -> &MessageId {
        self
    }
}

/// Items in the order of their slots; the map allocates nothing before its first item.
#[derive(Clone, Debug)]
pub(crate) struct SlotMap<T>(Option<Box<Content<T>>>);

/// Content of a map. The first and the last cell are never gaps.
#[derive(Clone, Debug)]
struct Content<T> {
    /// Slots of the cells, in a list of their own so that a search by slot reads slots only.
    slots: VecDeque<u64>,
    cells: VecDeque<Cell<T>>,
    /// Number of cells that are gaps.
    gaps: usize,
    /// Slots of the cells, gaps included, whose ids are greater than all earlier ids in this list.
    rising: VecDeque<u64>,
    /// Slots of all other items, by id.
    others: BTreeMap<MessageId, u64>,
    /// Slot of the next item to be pushed.
    end: u64,
}

#[derive(Clone, Debug)]
enum Cell<T> {
    Item(T),
    /// Id of the removed item.
    Gap(MessageId),
}

/// Capacity that is kept, however few cells there are.
const MIN_CAPACITY: usize = 32;

impl<T: HasId> SlotMap<T> {
    /// Slot of the next item to be pushed.
    pub(crate) fn end(&self) -> u64 {
        self.0.as_ref().map_or(0, |content| content.end)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |content| content.cells.len() - content.gaps)
    }

    /// Returns all items with their slots, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.iter_from(0)
    }

    /// Returns the first item and its slot.
    #[inline]
    pub(crate) fn first(&self) -> Option<(u64, &T)> {
        let content = self.0.as_ref()?;
        Some((*content.slots.front()?, content.cells.front()?.item()?))
    }

    /// Returns all items in this slot or a later slot, in order.
    pub(crate) fn iter_from(&self, slot: u64) -> impl Iterator<Item = (u64, &T)> {
        self.0.iter().flat_map(move |content| {
            let start = content.index_of(slot).unwrap_or_else(|index| index);
            let cells = content.slots.range(start..).zip(content.cells.range(start..));
            cells.filter_map(|(slot, cell)| Some((*slot, cell.item()?)))
        })
    }

    pub(crate) fn get(&self, slot: u64) -> Option<&T> {
        self.0.as_ref()?.cell(slot)?.item()
    }

    pub(crate) fn get_mut(&mut self, slot: u64) -> Option<&mut T> {
        let content = self.0.as_mut()?;
        let index = content.index_of(slot).ok()?;
        match content.cells.get_mut(index)? {
            Cell::Item(item) => Some(item),
            Cell::Gap(_) => None,
        }
    }

    /// Finds the item with an id; returns its slot and the item.
    pub(crate) fn find(&self, id: &MessageId) -> Option<(u64, &T)> {
        let content = self.0.as_ref()?;
        let rising = content.find_rising(id).and_then(|(slot, cell)| Some((slot, cell.item()?)));
        rising.or_else(|| content.others.get(id).and_then(|slot| Some((*slot, self.get(*slot)?))))
    }

    /// Slot of the item with an id.
    pub(crate) fn slot_of(&self, id: &MessageId) -> Option<u64> {
        self.find(id).map(|(slot, _)| slot)
    }

    /// Adds an item at the end; its id must not be in the map.
    pub(crate) fn push(&mut self, item: T) {
        self.insert(self.end(), item);
    }

    /// Adds an item at the end, or puts it back into the slot that it had; its id must not be in the map.
    pub(crate) fn insert(&mut self, slot: u64, item: T) {
        let content = self.0.get_or_insert_with(Content::boxed);
        if slot < content.end { content.put_back(slot, item) } else { content.push(slot, item) }
    }

    pub(crate) fn remove(&mut self, slot: u64) -> Option<T> {
        let content = self.0.as_mut()?;
        match content.index_of(slot).ok()? {
            0 => content.pop_first().map(|(_, item)| item),
            index => content.remove(index),
        }
    }

    /// Removes the item with the lowest slot.
    pub(crate) fn pop_first(&mut self) -> Option<(u64, T)> {
        self.0.as_mut()?.pop_first()
    }
}

impl<T> Default for SlotMap<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: HasId + PartialEq> PartialEq for SlotMap<T> {
    fn eq(&self, other: &Self) -> bool {
        self.end() == other.end() && self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: HasId + Eq> Eq for SlotMap<T> {}

impl<T: HasId + Hash> Hash for SlotMap<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.end(), self.len()).hash(state);
        self.iter().for_each(|item| item.hash(state));
    }
}

impl<T: HasId> Cell<T> {
    fn item(&self) -> Option<&T> {
        match self {
            Self::Item(item) => Some(item),
            Self::Gap(_) => None,
        }
    }

    fn id(&self) -> &MessageId {
        match self {
            Self::Item(item) => item.id(),
            Self::Gap(id) => id,
        }
    }
}

impl<T: HasId> Content<T> {
    fn boxed() -> Box<Self> {
        Box::new(Self {
            slots: VecDeque::new(),
            cells: VecDeque::new(),
            gaps: 0,
            rising: VecDeque::new(),
            others: BTreeMap::new(),
            end: 0,
        })
    }

    fn cell(&self, slot: u64) -> Option<&Cell<T>> {
        self.cells.get(self.index_of(slot).ok()?)
    }

    /// Finds the cell with an id in `rising`; returns its slot and the cell.
    fn find_rising(&self, id: &MessageId) -> Option<(u64, &Cell<T>)> {
        let cell_at = |slot: u64| Some((slot, self.cell(slot)?));
        let first = cell_at(*self.rising.front()?)?;
        if first.1.id() == id {
            return Some(first);
        }
        let last = cell_at(*self.rising.back()?)?;
        match last.1.id().cmp(id) {
            Ordering::Less => return None,
            Ordering::Equal => return Some(last),
            Ordering::Greater => {}
        }
        let nth = |n: usize| cell_at(*self.rising.get(n)?);
        let guess = id.tail().checked_sub(first.1.id().tail()).and_then(|steps| usize::try_from(steps).ok());
        if let Some(found) = guess.and_then(nth).filter(|(_, cell)| cell.id() == id) {
            return Some(found);
        }
        let compare = |slot: &u64| self.cell(*slot).map_or(Ordering::Less, |cell| cell.id().cmp(id));
        nth(self.rising.binary_search_by(compare).ok()?)
    }

    fn push(&mut self, slot: u64, item: T) {
        self.end = slot.saturating_add(1);
        self.add_id(slot, item.id());
        self.slots.push_back(slot);
        self.cells.push_back(Cell::Item(item));
    }

    #[inline(never)]
    fn put_back(&mut self, slot: u64, item: T) {
        match self.index_of(slot) {
            Ok(index) => {
                // The slot of a gap stays in `rising`, so only an id of the tree has to be added again.
                if self.rising.binary_search(&slot).is_err() {
                    self.others.insert(item.id().clone(), slot);
                }
                if let Some(cell) = self.cells.get_mut(index) {
                    self.gaps -= usize::from(cell.item().is_none());
                    *cell = Cell::Item(item);
                }
            }
            Err(index) => {
                self.add_id(slot, item.id());
                self.slots.insert(index, slot);
                self.cells.insert(index, Cell::Item(item));
            }
        }
    }

    fn add_id(&mut self, slot: u64, id: &MessageId) {
        let rises = match self.rising.back() {
            Some(last) => *last < slot && self.cell(*last).is_some_and(|cell| cell.id() < id),
            None => true,
        };
        if rises {
            self.rising.push_back(slot);
        } else {
            self.others.insert(id.clone(), slot);
        }
    }

    /// Removes an item behind the first.
    #[inline(never)]
    fn remove(&mut self, index: usize) -> Option<T> {
        let cell = self.cells.get_mut(index)?;
        let gap = Cell::Gap(cell.item()?.id().clone());
        let Cell::Item(item) = core::mem::replace(cell, gap) else { return None };
        self.gaps += 1;
        self.others.remove(item.id());
        self.close_gaps();
        Some(item)
    }

    fn pop_first(&mut self) -> Option<(u64, T)> {
        let Cell::Item(item) = self.cells.pop_front()? else { return None };
        let slot = self.slots.pop_front()?;
        if self.rising.front() == Some(&slot) {
            self.rising.pop_front();
        } else {
            self.others.remove(item.id());
        }
        self.close_gaps();
        Some((slot, item))
    }

    fn close_gaps(&mut self) {
        if self.gaps > 0 {
            self.close_gaps_at_ends();
        }
        if self.gaps > self.cells.len() / 2 {
            self.close_all_gaps();
        }
        if self.cells.capacity() > MIN_CAPACITY.max(self.cells.len() * 4) {
            self.cells.shrink_to(self.cells.len() * 2);
            self.slots.shrink_to(self.cells.len() * 2);
            self.rising.shrink_to(self.cells.len() * 2);
        }
    }

    fn close_gaps_at_ends(&mut self) {
        while let Some(Cell::Gap(_)) = self.cells.front() {
            if self.rising.front() == self.slots.front() {
                self.rising.pop_front();
            }
            self.slots.pop_front();
            self.cells.pop_front();
            self.gaps -= 1;
        }
        while let Some(Cell::Gap(_)) = self.cells.back() {
            if self.rising.back() == self.slots.back() {
                self.rising.pop_back();
            }
            self.slots.pop_back();
            self.cells.pop_back();
            self.gaps -= 1;
        }
    }

    fn close_all_gaps(&mut self) {
        let mut rising = core::mem::take(&mut self.rising);
        rising.retain(|slot| self.cell(*slot).is_some_and(|cell| cell.item().is_some()));
        self.rising = rising;
        let mut is_item = self.cells.iter().map(|cell| cell.item().is_some());
        self.slots.retain(|_| is_item.next() == Some(true));
        self.cells.retain(|cell| cell.item().is_some());
        self.gaps = 0;
    }

    /// Index of the cell with a slot, or the index at which such a cell would be inserted.
    fn index_of(&self, slot: u64) -> Result<usize, usize> {
        // Where no gap was closed, the distance from the first slot is the index.
        let first = self.slots.front().ok_or(0_usize)?;
        let guess = slot.checked_sub(*first).and_then(|steps| usize::try_from(steps).ok()).ok_or(0_usize)?;
        match self.slots.get(guess) {
            Some(found) if *found == slot => Ok(guess),
            _ => self.slots.binary_search(&slot),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::{Content, SlotMap};
    use crate::id::MessageId;
    use crate::rng::{Rng, Seed};

    /// Creates a map with these ids in the slots from 0 on.
    fn map(ids: &[&str]) -> SlotMap<MessageId> {
        let mut map = SlotMap::default();
        for id in ids {
            map.push(MessageId::from(*id));
        }
        map
    }

    fn slot(map: &SlotMap<MessageId>, id: &str) -> Option<u64> {
        map.slot_of(&MessageId::from(id))
    }

    /// Numbers of cells, gaps, rising ids and other ids of a map.
    fn counts(map: &SlotMap<MessageId>) -> [usize; 4] {
        let counts = |map: &Content<_>| [map.cells.len(), map.gaps, map.rising.len(), map.others.len()];
        map.0.as_deref().map_or([0; 4], counts)
    }

    #[test]
    fn a_removed_item_leaves_a_gap_and_the_others_keep_their_slots() {
        let mut map = map(&["a1", "a2", "a3", "a4", "a5"]);
        assert_eq!(map.remove(2), Some(MessageId::from("a3")));
        assert_eq!((counts(&map), map.len(), map.end()), ([5, 1, 5, 0], 4, 5));
        assert_eq!((map.get(2), slot(&map, "a3")), (None, None));
        assert!(map.get_mut(2).is_none() && map.remove(2).is_none());
        assert_eq!((slot(&map, "a2"), slot(&map, "a4")), (Some(1), Some(3)));
        assert!(map.iter_from(2).map(|(slot, _)| slot).eq([3, 4]));
    }

    #[test]
    fn gaps_at_the_ends_are_closed_at_once_and_all_before_they_are_the_majority() {
        let mut map = map(&["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"]);
        map.remove(1);
        map.pop_first();
        assert_eq!((counts(&map), map.iter().next()), ([6, 0, 6, 0], Some((2, &MessageId::from("a3")))));
        map.remove(6);
        map.remove(7);
        assert_eq!(counts(&map), [4, 0, 4, 0]);
        map.push(MessageId::from("a9"));
        map.remove(3);
        map.remove(5);
        assert_eq!(counts(&map), [5, 2, 5, 0]);
        map.remove(4);
        assert_eq!((counts(&map), slot(&map, "a9"), map.end()), ([2, 0, 2, 0], Some(8), 9));
    }

    #[test]
    fn ids_that_rise_need_no_tree_and_the_others_stand_in_it() {
        let ids = ["a1", "z1", "a2", "z5", "b1", "z9"];
        let mut map = map(&ids);
        assert_eq!(counts(&map), [6, 0, 4, 2]);
        assert!(ids.iter().zip(0..).all(|(id, expected)| slot(&map, id) == Some(expected)));
        assert_eq!((slot(&map, "a0"), slot(&map, "z6"), slot(&map, "zz")), (None, None, None));
        map.remove(2);
        map.remove(3);
        assert_eq!(counts(&map), [6, 2, 4, 1]);
        // The gap of "z5" stays among the rising ids while the id itself has a new slot.
        map.push(MessageId::from("z5"));
        map.push(MessageId::from("a2"));
        assert_eq!((slot(&map, "z5"), slot(&map, "a2"), counts(&map)), (Some(6), Some(7), [8, 2, 4, 3]));
    }

    #[test]
    fn an_item_is_put_back_into_its_gap_or_to_where_its_gap_was_closed() {
        let ids = ["a1", "a2", "a0", "a3", "a4"];
        let before = map(&ids);
        for gone in [[1, 2], [2, 3], [0, 1], [3, 4], [4, 0]] {
            let mut map = before.clone();
            for (slot, item) in gone.map(|slot| (slot, map.remove(slot).unwrap_or(MessageId::from("?")))) {
                map.insert(slot, item);
            }
            assert_eq!(map, before, "{gone:?}");
            assert!(ids.iter().all(|id| slot(&map, id) == slot(&before, id)), "{gone:?}");
        }
    }

    #[test]
    fn gaps_do_not_count_for_equality_and_slots_and_ends_do() {
        let mut gap = map(&["a1", "a2", "a3"]);
        gap.remove(1);
        let mut closed = gap.clone();
        closed.0.iter_mut().for_each(|content| content.close_all_gaps());
        assert_ne!(counts(&gap), counts(&closed));
        assert_eq!(gap, closed);
        assert_ne!(gap, map(&["a1", "a3"]), "the slots differ");
        gap.push(MessageId::from("a4"));
        gap.remove(3);
        assert!(gap.iter().eq(closed.iter()));
        assert_ne!(gap, closed, "the ends differ");
    }

    #[test]
    fn nothing_is_taken_from_the_heap_before_the_first_item_and_room_is_given_back() {
        let mut map: SlotMap<MessageId> = SlotMap::default();
        assert!(map.0.is_none());
        (0..1_000_u64).for_each(|number| map.push(MessageId::from(number)));
        (0..990).for_each(|_| drop(map.pop_first()));
        let room = |map: &Content<_>| map.cells.capacity() + map.slots.capacity() + map.rising.capacity();
        assert!(map.0.as_deref().map(room).is_some_and(|room| room <= 3 * 64));
    }

    #[test]
    fn the_map_does_what_a_sorted_list_does() {
        let mut rng = Rng::new(Seed::from(7_u64));
        for _ in 0..200 {
            let (mut map, mut list, mut removed) = (SlotMap::default(), Vec::new(), Vec::new());
            for step in 0..60 {
                let id = MessageId::from(format!("m{}", step * rng.within(1, 2)));
                match rng.within(0, 9) {
                    0..=3 if map.slot_of(&id).is_none() => {
                        list.push((map.end(), id.clone()));
                        map.push(id);
                    }
                    4..=6 if !list.is_empty() => {
                        let index = usize::try_from(rng.within(0, list.len() as u64 - 1)).unwrap_or(0);
                        let (slot, id) = list.remove(index);
                        assert_eq!(map.remove(slot).as_ref(), Some(&id));
                        removed.push((slot, id));
                    }
                    7 if !list.is_empty() => assert_eq!(map.pop_first(), Some(list.remove(0))),
                    8.. => {
                        if let Some((slot, id)) = removed.pop().filter(|(_, id)| map.slot_of(id).is_none()) {
                            map.insert(slot, id.clone());
                            list.push((slot, id));
                            list.sort();
                        }
                    }
                    _ => {}
                }
                assert!(map.iter().eq(list.iter().map(|(slot, id)| (*slot, id))));
                assert!(list.iter().all(|(slot, id)| map.find(id) == Some((*slot, id)) && map.get(*slot) == Some(id)));
                let listed = |id| list.iter().find(|(_, listed)| listed == id).map(|(slot, _)| *slot);
                assert!(removed.iter().all(|(slot, id)| map.slot_of(id) == listed(id) && map.get(*slot).is_none()));
            }
        }
    }
}
