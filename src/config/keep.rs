//! The objects of one kind: those that are read, and those that stay because they could not be.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::problem::Problems;

/// Objects by name while a file is read.
pub(super) struct Keeper<'a, T> {
    /// Those that were in effect before.
    previous: Option<&'a BTreeMap<String, Arc<T>>>,
    objects: BTreeMap<String, Arc<T>>,
}

impl<'a, T> Keeper<'a, T> {
    pub(super) fn new(previous: Option<&'a BTreeMap<String, Arc<T>>>) -> Self {
        Self {
            previous,
            objects: BTreeMap::new(),
        }
    }

    /// Whether there was an object of this name before.
    pub(super) fn had(&self, name: &str) -> bool {
        self.previous.is_some_and(|before| before.contains_key(name))
    }

    /// Reads an object. If that fails, the one of its name from before stays, as the problems then
    /// say. Tells whether there is an object now.
    pub(super) fn read(&mut self, name: &str, problems: &mut Problems, read: impl FnOnce(&mut Problems) -> Option<T>) -> bool {
        let mark = problems.mark();
        if let Some(object) = read(problems) {
            self.objects.insert(name.to_owned(), Arc::new(object));
            return true;
        }
        let kept = self.keep(name);
        if kept {
            problems.keep_since(mark);
        }
        kept
    }

    /// Keeps the object of this name from before, unless it was read again; tells whether there
    /// was one.
    pub(super) fn keep(&mut self, name: &str) -> bool {
        let Some(before) = self.previous.and_then(|previous| previous.get(name)) else {
            return false;
        };
        let entry = self.objects.entry(name.to_owned());
        entry.or_insert_with(|| Arc::clone(before));
        true
    }

    pub(super) fn into_objects(self) -> BTreeMap<String, Arc<T>> {
        self.objects
    }
}
