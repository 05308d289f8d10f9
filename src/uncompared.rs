//! Values that do not count in comparisons and hashes.

use core::hash::{Hash, Hasher};
use core::ops::{Deref, DerefMut};

/// Value that equals every other value of its type, so that a type which holds it can derive comparison and hash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uncompared<T>(T);

impl<T> PartialEq for Uncompared<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Uncompared<T> {}

impl<T> Hash for Uncompared<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl<T> Deref for Uncompared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Uncompared<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
