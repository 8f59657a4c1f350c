//! What has to hold, and what is known to find out whether it does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::network::Wire;
use super::outages::Outages;
use super::sequences::Sequences;
use crate::engine::snapshot::Snapshot;
use crate::session::StandbyView;

/// What is known of a run.
#[derive(Default)]
pub(super) struct Oracle {
    pub(super) violations: Vec<String>,
    /// Of each event that was offered, whether it was taken, and how often it has arrived.
    events: Vec<Event>,
    websockets: Vec<Websocket>,
    sequences: Sequences,
    /// By the session and the application, the first and the last event that arrived over each of its websockets.
    arrived: BTreeMap<(String, String), BTreeMap<usize, (usize, usize)>>,
    /// Answers to requests that have arrived, by the websocket.
    answers: BTreeSet<(usize, String)>,
    /// Since when a channel is in an application, as the host sees it; and when it left.
    inside: BTreeMap<(String, String), Instant>,
    left: BTreeMap<(String, String), Instant>,
    /// Starts that are under way, by the channel.
    starts: BTreeMap<String, Start>,
    pub(super) starts_begun: u64,
    pub(super) outages: Outages,
    /// For how long callbacks of the host have blocked.
    blocked: Duration,
    /// The channel of each value that was evaluated.
    expanded: Vec<String>,
}

struct Event {
    taken: Taken,
    /// Over a websocket that had not been on standby. If one that had been is lost before it was heard of, the event comes again,
    /// over another one.
    arrived: bool,
    /// The websockets over which it has arrived.
    over: Vec<usize>,
}

impl Event {
    fn has_arrived(&self) -> bool {
        !self.over.is_empty()
    }
}

/// What came of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is under way: the event may arrive before its offer has returned.
    Offered,
    /// It was queued.
    Queued,
    /// It was dropped and counted.
    Dropped,
    /// There was no session for it.
    Nowhere,
}

struct Websocket {
    session: String,
    wire: Wire,
    opened: Instant,
    /// It was open without an application, and one of a call came later.
    has_waited: bool,
    /// Applications, each with the id of the numbers of its events.
    registered: BTreeMap<String, String>,
    /// Whether an event has come over it.
    has_told: bool,
}

struct Start {
    /// The application that it is to enter, and the channel's name.
    app: String,
    name: String,
    began: Instant,
    blocked_before: Duration,
    /// The host was asked to register the application for it.
    is_registering: bool,
    /// For how long calls of the host have blocked that it has made itself, as far as one can tell.
    held_up: Duration,
    /// Since when, and for how long it was held up before.
    cancelled: Option<(Instant, Duration)>,
    /// `stasis_failed` came before the success.
    has_failed: bool,
}

impl Start {
    /// Whether it may have made this call. Before it has registered its application, somebody else ends what was registered
    /// before.
    fn may_wait_for(&self, outages: &Outages, channel: &str, call: &str, app: &str) -> bool {
        if call == "expand" {
            return app == channel;
        }
        let is_its = self.may_come_into(outages, app) || self.app.split(':').next() == Some(app);
        let is_of_connection = !app.contains(':');
        call.starts_with("app_") && is_its && (is_of_connection || call != "app_unregister" || self.is_registering)
    }

    /// Whether it may come to this application: its own, a fallback's, or one of the call's own of either.
    fn may_come_into(&self, outages: &Outages, application: &str) -> bool {
        let name = application.split_once(':').map(|(_, name)| name);
        let is_its_own = name.is_none_or(|name| name == self.name);
        application == self.app || (is_its_own && outages.may_enter(&self.app, application))
    }
}

/// What a start may take at most, but for what the host keeps it waiting.
const START: Duration = Duration::from_secs(20);
/// What a channel that has hung up may still be waited for, but for what the host keeps its own start waiting: nothing waits
/// for what others have to do with the host.
const CANCELLED: Duration = Duration::from_millis(50);
/// How long before a call of the host what it tells of may have been decided, but for what the host blocks.
const DECIDED: Duration = Duration::from_millis(50);

impl Oracle {
    pub(super) fn violated(&mut self, what: String) {
        self.violations.push(what);
    }

    pub(super) fn offers(&mut self) -> usize {
        self.events.push(Event {
            taken: Taken::Offered,
            arrived: false,
            over: Vec::new(),
        });
        self.events.len() - 1
    }

    pub(super) fn offered(&mut self, number: usize, taken: Taken) {
        let event = &mut self.events[number];
        event.taken = taken;
        if event.has_arrived() && matches!(taken, Taken::Nowhere | Taken::Dropped) {
            self.violated(format!("event {number} arrived, and was refused: {taken:?}"));
        }
    }

    /// Gives the number of the websocket.
    pub(super) fn opened(&mut self, session: String, wire: Wire) -> usize {
        self.websockets.push(Websocket {
            session,
            wire,
            opened: Instant::now(),
            has_waited: false,
            registered: BTreeMap::new(),
            has_told: false,
        });
        self.websockets.len() - 1
    }

    /// Once more if somebody else had it meanwhile.
    pub(super) fn registered(&mut self, websocket: usize, app: &str, sequence_id: &str) {
        let websocket = &mut self.websockets[websocket];
        websocket.has_waited |= app.contains(':') && websocket.opened < Instant::now();
        websocket.registered.insert(app.to_owned(), sequence_id.to_owned());
    }

    /// ApplicationResumed comes ahead of all events.
    pub(super) fn resumed(&mut self, websocket: usize, app: &str) {
        let on = &self.websockets[websocket];
        if on.has_told || !on.registered.contains_key(app) {
            self.violated(format!("ApplicationResumed of {app} out of place on websocket {websocket}"));
        }
    }

    pub(super) fn unregistered(&mut self, websocket: usize, app: &str) {
        if self.websockets[websocket].registered.remove(app).is_none() {
            self.violated(format!("ApplicationUnregistered of {app} unasked on websocket {websocket}"));
        }
    }

    pub(super) fn arrived(&mut self, websocket: usize, app: &str, number: usize, sequence: Option<u64>) {
        let Some(event) = self.events.get_mut(number) else {
            return self.violated(format!("event {number} arrived and was never offered"));
        };
        let refused = matches!(event.taken, Taken::Nowhere | Taken::Dropped);
        let is_repeat = event.has_arrived();
        let is_again = match self.websockets[websocket].has_waited {
            true => event.over.contains(&websocket),
            false => std::mem::replace(&mut event.arrived, true),
        };
        if !event.over.contains(&websocket) {
            event.over.push(websocket);
        }
        // Sent again at all it is only when the one before has ended.
        let open = event.over.iter().filter(|other| !self.websockets[**other].wire.is_left());
        if is_again && sequence.is_none() || refused || open.count() > 1 {
            self.violated(format!("event {number} arrived twice or was refused"));
        }
        let on = &mut self.websockets[websocket];
        on.has_told = true;
        let Some(sequence_id) = on.registered.get(app).cloned() else {
            return self.violated(format!(
                "event {number} of {app} without ApplicationRegistered on websocket {websocket}"
            ));
        };
        if let Some(sequence) = sequence {
            let key = (sequence_id, app.to_owned());
            let faults = self.sequences.arrived(key, websocket, number, sequence, is_repeat);
            let faults =
                faults.map(|fault| format!("event {number} of {app}, number {sequence}, {fault} (websocket {websocket})"));
            return self.violations.extend(faults);
        }
        let key = (self.websockets[websocket].session.clone(), app.to_owned());
        let arrived = self.arrived.entry(key).or_default();
        // A server may still read what was on the way when its next websocket is open.
        let is_late = arrived.iter().any(|(other, (first, last))| {
            if *other <= websocket {
                *last >= number
            } else {
                *first <= number
            }
        });
        arrived.entry(websocket).or_insert((number, number)).1 = number;
        if is_late {
            self.violated(format!(
                "event {number} of {app} arrived out of order over websocket {websocket}"
            ));
        }
    }

    pub(super) fn answered(&mut self, websocket: usize, request: &str) {
        if !self.answers.insert((websocket, request.to_owned())) {
            self.violated(format!("request {request} was answered twice"));
        }
    }

    /// What was offered, counted and arrived, when nothing waits any more.
    pub(super) fn account(&mut self, snapshot: &Snapshot) {
        let totals = &snapshot.totals;
        let count = |of: &dyn Fn(&Event) -> bool| self.events.iter().filter(|event| of(event)).count() as u64;
        let offered = count(&|event| event.taken != Taken::Nowhere);
        let arrived = count(&|event| event.arrived);
        let arrived_at_all = count(&Event::has_arrived);
        let (mut queued, mut unproven) = (0, 0);
        for session in &snapshot.sessions {
            use crate::engine::snapshot::SessionKind::{PerCall, Persistent};
            if let Persistent(view) | PerCall { view, .. } = &session.kind {
                queued += view.queued_messages as u64;
                unproven += view.unproven_events as u64;
            }
        }
        let (sent, dropped) = (totals.events_sent, totals.events_dropped());
        let text = format!(
            "{offered} events offered ({} counted), {sent} sent, {dropped} dropped, {queued} queued, {unproven} unproven, {arrived} arrived, {} unconfirmed",
            totals.events_offered, totals.messages_unconfirmed
        );
        if offered != totals.events_offered || offered != sent + dropped + queued {
            self.violated(format!("the events do not add up: {text}"));
        }
        if arrived > sent || sent.saturating_sub(arrived_at_all) > totals.messages_unconfirmed + unproven {
            self.violated(format!("events are lost without a word: {text}"));
        }
    }

    pub(super) fn begins(&mut self, channel: &str, app: &str, name: &str) {
        self.starts_begun += 1;
        let start = Start {
            app: app.to_owned(),
            name: name.to_owned(),
            began: Instant::now(),
            blocked_before: self.blocked,
            is_registering: false,
            held_up: Duration::ZERO,
            cancelled: None,
            has_failed: false,
        };
        self.starts.insert(channel.to_owned(), start);
    }

    /// For how long callbacks of the host have blocked.
    pub(super) fn blocked(&self) -> Duration {
        self.blocked
    }

    /// The host is called for an application, if it is for one.
    pub(super) fn called(&mut self, call: &str, app: &str) {
        let outages = &self.outages;
        let starts = self.starts.values_mut().filter(|_| app.contains(':'));
        let registering = starts.filter(|start| start.may_come_into(outages, app));
        registering.for_each(|start| start.is_registering |= call == "app_register");
    }

    /// The host evaluates an expression for a channel, once a start; gives a value that no other start gets.
    pub(super) fn expands(&mut self, channel: &str) -> usize {
        self.expanded.push(channel.to_owned());
        self.expanded.len() - 1
    }

    /// A server is told of a call: of the channel, and a value that was evaluated for one. Who looks whether it answers has
    /// none.
    pub(super) fn told_of_call(&mut self, server: &str, told: &str) {
        if told == "test test test" {
            return;
        }
        // Those of a connection have its name with a number behind it.
        let its = server.split('-').next();
        let of = |number: &str| self.expanded.get(number.parse::<usize>().ok()?);
        let parts: Vec<&str> = told.split(' ').collect();
        let is_right = matches!(parts[..], [connection, channel, number]
            if Some(connection) == its && of(number).is_some_and(|expanded| expanded == channel));
        if !is_right {
            self.violated(format!("server {server} is told of a call that is not: {told}"));
        }
    }

    /// A call of the host has blocked for so long.
    pub(super) fn has_blocked(&mut self, call: &str, app: &str, time: Duration) {
        self.blocked += time;
        let outages = &self.outages;
        let starts = self.starts.iter_mut();
        let waiting = starts.filter(|(channel, start)| start.may_wait_for(outages, channel, call, app));
        waiting.for_each(|(_, start)| start.held_up += time);
    }

    pub(super) fn is_starting(&self, channel: &str) -> bool {
        self.starts.contains_key(channel)
    }

    pub(super) fn cancelled(&mut self, channel: &str) {
        if let Some(start) = self.starts.get_mut(channel) {
            start.cancelled.get_or_insert((Instant::now(), start.held_up));
        }
    }

    /// A start has ended; whether the channel is in the application that it gave.
    pub(super) fn started(&mut self, channel: &str, outcome: Result<&str, &str>) -> bool {
        let Some(start) = self.starts.remove(channel) else {
            self.violated(format!("the start of {channel} ended twice"));
            return false;
        };
        self.in_time(channel, &start);
        match outcome {
            Err("") | Ok("") => self.violated(format!("{channel} got neither a name nor a reason")),
            Err(reason) if start.has_failed => {
                self.violated(format!("{channel} got stasis_failed for a start that failed: {reason}"))
            }
            Ok(application) if !start.may_come_into(&self.outages, application) => self.violated(format!(
                "{channel} asked for {} and is in {application}, which is no fallback of it",
                start.app
            )),
            Ok(application) if !start.has_failed => self.enters(channel, application),
            _ => {}
        }
        outcome.is_ok() && !start.has_failed
    }

    /// The starts that are under way are not late.
    pub(super) fn starts_are_in_time(&mut self) {
        let starts = std::mem::take(&mut self.starts);
        for (channel, start) in &starts {
            self.in_time(channel, start);
        }
        self.starts = starts;
    }

    fn in_time(&mut self, channel: &str, start: &Start) {
        let (blocked, now) = (self.blocked, Instant::now());
        let mut late = now - start.began > START + (blocked - start.blocked_before);
        if let Some((time, before)) = start.cancelled {
            late |= now - time > CANCELLED + (start.held_up - before);
        }
        if late {
            self.violated(format!(
                "the start of {channel} took {:?}, and {:?} since it hung up",
                now - start.began,
                start.cancelled.map(|(time, _)| now - time)
            ));
        }
    }

    /// A channel is in an application: its start succeeded, or its StasisStart was offered.
    pub(super) fn enters(&mut self, channel: &str, application: &str) {
        let key = (application.to_owned(), channel.to_owned());
        self.left.remove(&key);
        self.inside.insert(key, Instant::now());
    }

    /// A channel is in it no more: its StasisEnd is offered, or Stasis has returned.
    pub(super) fn leaves(&mut self, channel: &str, application: &str) {
        let key = (application.to_owned(), channel.to_owned());
        if self.inside.remove(&key).is_some() {
            self.left.insert(key, Instant::now());
        }
    }

    pub(super) fn is_inside(&self, channel: &str, application: &str) -> bool {
        let key = (application.to_owned(), channel.to_owned());
        self.inside.contains_key(&key)
    }

    /// The host is told that the session of a channel has ended.
    pub(super) fn fails(&mut self, channel: &str, application: &str) {
        let key = (application.to_owned(), channel.to_owned());
        if !self.outages.may_have_to_leave(application) {
            self.violated(format!("stasis_failed for {channel}, which may stay in {application}"));
        }
        if self.inside.remove(&key).is_some() {
            return;
        }
        let is_coming = |start: &Start| !start.has_failed && start.may_come_into(&self.outages, application);
        if self.starts.get(channel).is_some_and(is_coming) {
            if let Some(start) = self.starts.get_mut(channel) {
                start.has_failed = true;
            }
            return;
        }
        // It may have left since that was decided.
        let left = self.left.remove(&key);
        if left.is_none_or(|time| time.elapsed() > DECIDED + self.blocked) {
            self.violated(format!(
                "stasis_failed for {channel}, which is not in {application} (left {:?} ago)",
                left.map(|time| time.elapsed())
            ));
        }
    }

    /// Of connections that are to wait for calls there are never too many, and enough where there are sockets for all, but for
    /// those that are being replaced; and they are where calls go.
    pub(super) fn standbys_are_there(&mut self, connection: &str, standbys: &StandbyView, are_scarce: bool) {
        let StandbyView {
            open, elsewhere, wanted, ..
        } = *standbys;
        if open > wanted || !are_scarce && (wanted - open > (wanted / 4).max(1) || elsewhere > 0) {
            self.violated(format!(
                "{connection} has {open} connections on standby of {wanted}, {elsewhere} of them elsewhere"
            ));
        }
    }

    /// Each channel that is inside an application of a call has a session.
    pub(super) fn sessions_are_there(&mut self, applications: &BTreeSet<String>) {
        let lost: Vec<_> = self
            .inside
            .keys()
            .filter(|(application, _)| application.contains(':') && !applications.contains(application))
            .cloned()
            .collect();
        for (application, channel) in lost {
            self.violated(format!(
                "{channel} is in {application}, which has no session any more, and was not told"
            ));
        }
    }
}
