//! What has to hold of the numbers of events (`delivery = at_least_once`): whoever keeps the highest one handles each event
//! that arrives once, and in order.

use std::collections::BTreeMap;

/// The numbers that have arrived, by their id and the application.
#[derive(Default)]
pub(super) struct Sequences(BTreeMap<(String, String), Sequence>);

#[derive(Default)]
struct Sequence {
    /// The event of each number.
    events: BTreeMap<u64, usize>,
    /// The last number that came over each websocket.
    last: BTreeMap<usize, u64>,
}

impl Sequences {
    /// An event has arrived; whether it had before. Gives what is wrong with that.
    pub(super) fn arrived(
        &mut self,
        key: (String, String),
        websocket: usize,
        event: usize,
        number: u64,
        is_repeat: bool,
    ) -> impl Iterator<Item = &'static str> + use<> {
        let is_without_id = key.0.is_empty();
        let its = self.0.entry(key).or_default();
        let highest = its.events.keys().next_back().copied().unwrap_or_default();
        let is_newest = its.last.keys().all(|other| *other <= websocket);
        let before = its.last.insert(websocket, number);
        let known = its.events.insert(number, event);
        let older = its
            .events
            .range(..number)
            .next_back()
            .is_some_and(|(_, other)| *other >= event);
        let newer = its
            .events
            .range(number + 1..)
            .next()
            .is_some_and(|(_, other)| *other <= event);
        let faults = [
            (is_without_id, "has no id of its numbers"),
            (
                before.is_some_and(|before| before >= number),
                "comes again on the same websocket",
            ),
            (known.is_some_and(|known| known != event), "has the number of another event"),
            (is_repeat && known.is_none(), "has had another number"),
            (older || newer, "has no number in the order of the events"),
            // On an older one a server may still read what was on the way.
            (!is_repeat && is_newest && number <= highest, "would be taken for a repeat"),
        ];
        faults.into_iter().filter_map(|(is_wrong, what)| is_wrong.then_some(what))
    }
}
