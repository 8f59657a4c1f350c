//! Which session an application's events belong to.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::session::Session;

/// Read by every event, written when an application is registered or unregistered.
#[derive(Default)]
pub(super) struct Routes(RwLock<HashMap<Arc<str>, Arc<Session>>>);

impl Routes {
    /// The session of an application, and the application's shared name.
    pub(super) fn find(&self, application: &str) -> Option<(Arc<str>, Arc<Session>)> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get_key_value(application)
            .map(|(name, session)| (Arc::clone(name), Arc::clone(session)))
    }

    /// Events of the application go to the session from now on.
    pub(super) fn set(&self, application: &str, session: &Arc<Session>) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(application.into(), Arc::clone(session));
    }

    /// Whether events of the application go to the session.
    pub(super) fn lead_to(&self, application: &str, session: &Arc<Session>) -> bool {
        self.find(application)
            .is_some_and(|(_, current)| Arc::ptr_eq(&current, session))
    }

    /// Events of the application go nowhere from now on, if they went to this session.
    pub(super) fn clear(&self, application: &str, session: &Arc<Session>) {
        let mut routes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if routes
            .get(application)
            .is_some_and(|current| Arc::ptr_eq(current, session))
        {
            routes.remove(application);
        }
    }
}
