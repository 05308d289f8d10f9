//! Log of a room: which of its records the present input has touched, and whether the host has to store that soon.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;

/// Numbers of touched records; nothing is kept where nobody stores changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Log(Option<Box<Entries>>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Entries {
    numbers: BTreeSet<u64>,
    /// Numbers of a second kind of records, which change quietly.
    quiet_numbers: BTreeSet<u64>,
    loud: bool,
}

impl Log {
    /// Creates a log that keeps what is touched, or one that does not.
    pub(crate) fn new(keeps: bool) -> Self {
        Self(keeps.then(Box::default))
    }

    /// Notes a change that begins a new version.
    #[inline]
    pub(crate) fn touch(&mut self, number: u64) {
        if let Some(entries) = &mut self.0 {
            entries.numbers.insert(number);
            entries.loud = true;
        }
    }

    /// Notes a change that goes with the next version, whichever change begins that.
    #[inline]
    pub(crate) fn touch_quietly(&mut self, number: u64) {
        if let Some(entries) = &mut self.0 {
            entries.numbers.insert(number);
        }
    }

    /// Forgets a change of a record that no store has, and that is gone.
    pub(crate) fn forget(&mut self, number: u64) {
        if let Some(entries) = &mut self.0 {
            entries.numbers.remove(&number);
        }
    }

    /// Notes a change of a record of the second kind, which goes with the next version.
    #[inline]
    pub(crate) fn touch_second(&mut self, number: u64) {
        if let Some(entries) = &mut self.0 {
            entries.quiet_numbers.insert(number);
        }
    }

    /// Numbers of the touched records of the second kind, in order.
    pub(crate) fn second_numbers(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|entries| entries.quiet_numbers.iter().copied())
    }

    /// Notes a change to a record that is always compared.
    pub(crate) fn call(&mut self) {
        if let Some(entries) = &mut self.0 {
            entries.loud = true;
        }
    }

    /// Whether a change begins a new version.
    pub(crate) fn is_loud(&self) -> bool {
        self.0.as_ref().is_some_and(|entries| entries.loud)
    }

    /// Numbers of the touched records, in order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|entries| entries.numbers.iter().copied())
    }

    /// Forgets all changes, because they are announced.
    pub(crate) fn clear(&mut self) {
        if let Some(entries) = &mut self.0 {
            entries.numbers.clear();
            entries.quiet_numbers.clear();
            entries.loud = false;
        }
    }
}
