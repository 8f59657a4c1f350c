//! Who waits for the host's word on whether an application is registered, by the application's name: what the host says is out
//! of date if the application was given up meanwhile.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The applications that somebody asks the host for.
#[derive(Debug, Default)]
pub(super) struct Questions(Mutex<HashMap<String, Asked>>);

#[derive(Debug, Default)]
struct Asked {
    waiting: usize,
    /// How often it was given up meanwhile.
    given_up: usize,
}

/// One who waits.
#[derive(Debug)]
pub(super) struct Question<'a> {
    questions: &'a Questions,
    app: &'a str,
    given_up: usize,
}

impl Questions {
    /// Before the host is asked.
    pub(super) fn ask<'a>(&'a self, app: &'a str) -> Question<'a> {
        let mut questions = self.lock();
        let asked = questions.entry(app.to_owned()).or_default();
        asked.waiting += 1;
        Question {
            questions: self,
            app,
            given_up: asked.given_up,
        }
    }

    /// An application is nobody's of ours any more, behind the end of its registration.
    pub(super) fn given_up(&self, app: &str) {
        if let Some(asked) = self.lock().get_mut(app) {
            asked.given_up += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Question<'_> {
    pub(super) fn is_outdated(&self) -> bool {
        let questions = self.questions.lock();
        questions.get(self.app).is_some_and(|asked| asked.given_up != self.given_up)
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        let mut questions = self.questions.lock();
        if let Some(asked) = questions.get_mut(self.app) {
            asked.waiting -= 1;
            if asked.waiting == 0 {
                questions.remove(self.app);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_outdated_by_its_own_application_only() {
        let questions = Questions::default();
        let (one, other) = (questions.ask("one"), questions.ask("other"));
        questions.given_up("one");
        assert!(one.is_outdated() && !other.is_outdated());
        assert!(!questions.ask("one").is_outdated());
        drop((one, other));
        assert!(questions.lock().is_empty());
    }
}
