//! Applications: whose each one is, its registration with the host, its dialplan context.
//!
//! Nothing else registers one or gives it up. A session only tells its connection of it.

use std::collections::{BTreeMap, HashMap};
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

use super::questions::Questions;
use crate::host::{ContextState, Failed, Registration};
use crate::session::{Context, Session};

/// The applications of an instance. No lock is held while the host is called.
pub(super) struct Applications {
    context: Arc<Context>,
    /// Read by every event.
    claims: RwLock<HashMap<Arc<str>, Claims>>,
    dialplan: Mutex<BTreeMap<String, DialplanContext>>,
    questions: Questions,
}

/// Who has an application.
pub(super) enum Owner {
    /// Nobody, or somebody of ours who has given it up.
    Nobody,
    Ours(Arc<Session>),
    SomebodyElse,
    /// The host has it registered, or had it for one of ours who has given it up since.
    Unclear,
}

/// Who has an application, and who asks for it; nobody only while the host has still to register or unregister what was given up.
#[derive(Default)]
struct Claims {
    /// The first has it: its events go there. The others ask the host for it: whoever is given it ends the claims of those
    /// before it, and whoever is refused it leaves them alone.
    sessions: Vec<Arc<Session>>,
    /// Registrations and their ends that the host is at.
    under_way: usize,
    /// The host has registered it for us, so that the last one of them has to end that.
    is_registered: bool,
}

impl Claims {
    fn position(&self, session: &Arc<Session>) -> Option<usize> {
        self.sessions.iter().position(|claiming| Arc::ptr_eq(claiming, session))
    }

    fn is_used(&self) -> bool {
        !self.sessions.is_empty() || self.under_way > 0
    }

    /// Whether nobody else has it or asks for it.
    fn are_only_of(&self, session: &Arc<Session>) -> bool {
        matches!(self.sessions.as_slice(), [only] if Arc::ptr_eq(only, session))
    }
}

/// The dialplan context of an application.
#[derive(Default)]
struct DialplanContext {
    /// The connections that have the application: one, but for a moment.
    users: Vec<String>,
    /// The host made it for us, so that it is ours to destroy.
    is_ours: bool,
}

impl Applications {
    pub(super) fn new(context: &Arc<Context>) -> Self {
        Self {
            context: Arc::clone(context),
            claims: RwLock::default(),
            dialplan: Mutex::default(),
            questions: Questions::default(),
        }
    }

    /// Who has an application, as the host says and we know.
    pub(super) async fn owner(&self, app: &str) -> Owner {
        let question = self.questions.ask(app);
        if !self.context.calls.app_is_registered(app).await {
            return Owner::Nobody;
        }
        let claims = self.claims.read().unwrap_or_else(PoisonError::into_inner);
        let sessions = claims.get(app).map(|of_app| &of_app.sessions);
        match sessions.map(|sessions| sessions.first()) {
            Some(Some(session)) => Owner::Ours(Arc::clone(session)),
            Some(None) => Owner::Nobody,
            None if question.is_outdated() => Owner::Unclear,
            None => Owner::SomebodyElse,
        }
    }

    /// The session of an application, and the application's shared name.
    pub(super) fn find(&self, app: &str) -> Option<(Arc<str>, Arc<Session>)> {
        let claims = self.claims.read().unwrap_or_else(PoisonError::into_inner);
        let (name, of_app) = claims.get_key_value(app)?;
        Some((Arc::clone(name), Arc::clone(of_app.sessions.first()?)))
    }

    /// The applications that a session has or asks for, sorted.
    pub(super) fn of(&self, session: &Arc<Session>) -> Vec<String> {
        let claims = self.claims.read().unwrap_or_else(PoisonError::into_inner);
        let its = claims.iter().filter(|(_, of_app)| of_app.position(session).is_some());
        let mut apps: Vec<_> = its.map(|(app, _)| app.to_string()).collect();
        apps.sort_unstable();
        apps
    }

    /// Has the application registered for a session, and the session announce it. Its events go to the session from the
    /// beginning, unless another one has it: to that one until the host has registered it. Whoever gives the application up
    /// meanwhile need not wait: then the registration is undone.
    ///
    /// # Errors
    /// The host did not register it.
    pub(super) async fn register(&self, session: &Arc<Session>, app: &str) -> Result<Registration, Failed> {
        self.claim(app, session);
        let registration = self.ask_to_register(session, app).await;
        match registration {
            Ok(_) => self.registered(session, app).await,
            // Somebody who asked at the same time may have succeeded.
            Err(Failed) => self.leave(session, app).await,
        }
        self.settled(app);
        registration
    }

    /// The host has registered the application for a session.
    async fn registered(&self, session: &Arc<Session>, app: &str) {
        let before = self.change(app, |claims| {
            let claims = claims.filter(|claims| !claims.sessions.is_empty())?;
            claims.is_registered = true;
            // None if another one was given it since, or still asks for it.
            let position = claims.position(session);
            Some(position.map(|position| claims.sessions.drain(..position).collect::<Vec<_>>()))
        });
        match before {
            Some(Some(before)) => {
                before.iter().for_each(|before| before.withdraw(app));
                session.announce(app);
            }
            Some(None) => {}
            None => self.context.calls.app_unregister(app).await,
        }
    }

    /// The same for an application of a persistent connection, of which operators hear what has come of it. Events wait for the
    /// ApplicationRegistered.
    pub(super) async fn register_configured(&self, session: &Arc<Session>, app: &str) {
        session.hold(app);
        let log = &self.context.log;
        match self.register(session, app).await {
            Ok(Registration::New) => {}
            Ok(Registration::Replaced) => log.notice(
                session.id(),
                format_args!("application {app} was registered by somebody else and is taken over"),
            ),
            Err(Failed) => {
                session.withdraw(app);
                log.error(
                    session.id(),
                    format_args!("the PBX did not register application {app}; its calls and events go elsewhere"),
                );
            }
        }
    }

    /// Has an application registered with other settings.
    pub(super) async fn register_anew(&self, session: &Arc<Session>, app: &str) {
        let is_ours = self.find(app).is_some_and(|(_, owner)| Arc::ptr_eq(&owner, session));
        if !is_ours {
            // The host did not register it before.
            return self.register_configured(session, app).await;
        }
        if self.ask_to_register(session, app).await == Ok(Registration::New) {
            // It had been lost, so the application has not heard of it from the host.
            session.announce(app);
        }
    }

    /// Has the registration ended of an application that is about to be registered again.
    pub(super) async fn suspend(&self, session: &Arc<Session>, app: &str) {
        self.end_registration(session, app).await;
        session.suspend(app);
    }

    /// Gives the application up, and lets the session tell its connection.
    pub(super) async fn unregister(&self, session: &Arc<Session>, app: &str) {
        self.leave(session, app).await;
        session.withdraw(app);
    }

    /// Gives the application up without a word to the connection.
    pub(super) async fn leave(&self, session: &Arc<Session>, app: &str) {
        // While the host ends a registration, a channel that enters may have had it made again.
        while !self.take(app, session) {
            self.end_registration(session, app).await;
        }
    }

    /// Not if another session has the application by now or asks for it: this one may have gone on while its connection was
    /// invalid.
    async fn end_registration(&self, session: &Arc<Session>, app: &str) {
        let was_registered = self.change(app, |claims| {
            let ours = claims.filter(|claims| claims.is_registered && claims.are_only_of(session));
            ours.is_some_and(|claims| {
                claims.under_way += 1;
                take(&mut claims.is_registered)
            })
        });
        if was_registered {
            self.context.calls.app_unregister(app).await;
            self.settled(app);
        }
    }

    /// Has the context of an application made, for a connection that has it.
    pub(super) async fn create_context(&self, connection: &str, app: &str) {
        let name = context_name(app);
        let state = self.context.calls.context_create(&name, app).await;
        let mut dialplan = self.dialplan();
        let context = dialplan.entry(app.to_owned()).or_default();
        if !context.users.iter().any(|user| user == connection) {
            context.users.reserve_exact(1);
            context.users.push(connection.to_owned());
        }
        context.is_ours |= state == Ok(ContextState::Created);
        drop(dialplan);
        if state.is_err() {
            self.context.log.warning(
                "",
                format_args!("the PBX did not create the dialplan context {name}; calls reach {app} by Stasis({app}) only"),
            );
        }
    }

    /// Has the context of an application destroyed that a connection gives up, unless another one has it now.
    pub(super) async fn destroy_context(&self, connection: &str, app: &str) {
        let is_unused = {
            let mut dialplan = self.dialplan();
            let Some(context) = dialplan.get_mut(app) else {
                return;
            };
            context.users.retain(|user| user != connection);
            let is_unused = context.users.is_empty();
            let unused = if is_unused { dialplan.remove(app) } else { None };
            unused.is_some_and(|context| context.is_ours)
        };
        if is_unused {
            self.context.calls.context_destroy(&context_name(app)).await;
        }
    }

    async fn ask_to_register(&self, session: &Session, app: &str) -> Result<Registration, Failed> {
        let subscribe_all = session.settings().subscribe_all;
        self.context.calls.app_register(app, subscribe_all).await
    }

    /// The session has the application from now on, or asks whoever has it. A registration begins.
    fn claim(&self, app: &str, session: &Arc<Session>) {
        let mut claims = self.claims();
        let of_app = claims.entry(app.into()).or_default();
        of_app.under_way += 1;
        if of_app.position(session).is_none() {
            of_app.sessions.push(Arc::clone(session));
        }
    }

    /// The session has the application no more and does not ask for it; false if it is registered for nobody else.
    fn take(&self, app: &str, session: &Arc<Session>) -> bool {
        let mut claims = self.claims();
        let Some(of_app) = claims.get_mut(app) else {
            return true;
        };
        // Somebody has to end what was registered.
        if of_app.is_registered && of_app.are_only_of(session) {
            return false;
        }
        if let Some(position) = of_app.position(session) {
            of_app.sessions.remove(position);
            self.forget_unless_used(&mut claims, app);
        }
        true
    }

    /// The host has registered an application, or ended that.
    fn settled(&self, app: &str) {
        let mut claims = self.claims();
        if let Some(of_app) = claims.get_mut(app) {
            of_app.under_way -= 1;
            self.forget_unless_used(&mut claims, app);
        }
    }

    /// What is nobody's of ours is forgotten, in one step with what the host has said of it before.
    fn forget_unless_used(&self, claims: &mut HashMap<Arc<str>, Claims>, app: &str) {
        if claims.get(app).is_some_and(|of_app| !of_app.is_used()) {
            claims.remove(app);
            self.questions.given_up(app);
        }
    }

    fn change<R>(&self, app: &str, change: impl FnOnce(Option<&mut Claims>) -> R) -> R {
        change(self.claims().get_mut(app))
    }

    fn claims(&self) -> RwLockWriteGuard<'_, HashMap<Arc<str>, Claims>> {
        self.claims.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many applications belong to somebody, and how many have a context that somebody uses.
    #[cfg(test)]
    pub(super) fn count(&self) -> (usize, usize) {
        (self.claims().len(), self.dialplan().len())
    }

    fn dialplan(&self) -> MutexGuard<'_, BTreeMap<String, DialplanContext>> {
        self.dialplan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn context_name(app: &str) -> String {
    format!("stasis-{app}")
}
