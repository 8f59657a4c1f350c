//! The channels that are in applications of a persistent session, where they are to leave when it has been down for too long.
//! `members` knows those of a per-call session, whose end depends on them; here only who is inside counts.

use std::collections::BTreeMap;

/// A channel in an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// The application.
    pub application: String,
    /// The channel's id.
    pub channel: String,
}

/// Where it is, as the host's `stasis_start` and `stasis_end` and its own events tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `stasis_start` succeeded; StasisStart is still to come.
    Expected,
    /// StasisStart was offered.
    Inside,
    /// StasisEnd was offered, or another channel has taken its place: it is on its way out, or with another application.
    Away,
    /// It was told to leave.
    Told,
}

#[derive(Debug)]
struct Member {
    place: Place,
    /// It had a `stasis_start`, so that a `stasis_end` will come.
    called: bool,
}

/// The channels by application and id.
#[derive(Debug, Default)]
pub(super) struct Inside {
    members: BTreeMap<(String, String), Member>,
}

impl Inside {
    /// `stasis_start` succeeded.
    pub(super) fn entered(&mut self, application: &str, channel: &str) {
        let member = Member {
            place: Place::Expected,
            called: true,
        };
        self.members.insert(key(application, channel), member);
    }

    /// StasisStart was offered. Where the channel has taken the place of another by a transfer, it names that one.
    pub(super) fn started(&mut self, application: &str, channel: &str, replaced: Option<&str>) {
        let member = self.members.entry(key(application, channel)).or_insert(Member {
            place: Place::Inside,
            called: false,
        });
        if member.place != Place::Told {
            member.place = Place::Inside;
        }
        // Without a start of its own it goes on in the Stasis of the one that it replaces. Otherwise that one leaves by itself.
        if !member.called
            && let Some(replaced) = replaced
        {
            self.ended(application, replaced);
        }
    }

    /// StasisEnd was offered.
    pub(super) fn ended(&mut self, application: &str, channel: &str) {
        let key = key(application, channel);
        match self.members.get_mut(&key) {
            // It has been here before, and this is the end of that.
            Some(member) if member.place == Place::Expected => {}
            Some(member) if member.called => member.place = Place::Away,
            _ => drop(self.members.remove(&key)),
        }
    }

    /// `stasis_end` was called.
    pub(super) fn left(&mut self, application: &str, channel: &str) {
        self.members.remove(&key(application, channel));
    }

    /// The session has given the application up.
    pub(super) fn forget(&mut self, application: &str) {
        self.members.retain(|(app, _), _| app != application);
    }

    pub(super) fn clear(&mut self) {
        self.members.clear();
    }

    /// Whether somebody is inside who was not told to leave.
    pub(super) fn has_any(&self) -> bool {
        self.members.values().any(Member::is_inside)
    }

    /// Those that are inside, each once.
    pub(super) fn tell(&mut self) -> Vec<Stay> {
        let inside = self.members.iter_mut().filter(|(_, member)| member.is_inside());
        let told = inside.map(|((application, channel), member)| {
            member.place = Place::Told;
            Stay {
                application: application.clone(),
                channel: channel.clone(),
            }
        });
        told.collect()
    }
}

impl Member {
    fn is_inside(&self) -> bool {
        matches!(self.place, Place::Expected | Place::Inside)
    }
}

fn key(application: &str, channel: &str) -> (String, String) {
    (application.to_owned(), channel.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(inside: &mut Inside) -> Vec<(String, String)> {
        let stays = inside.tell().into_iter();
        stays.map(|stay| (stay.application, stay.channel)).collect()
    }

    fn inside(channels: &[&str]) -> Inside {
        let mut inside = Inside::default();
        for channel in channels {
            inside.entered("a", channel);
        }
        inside
    }

    #[test]
    fn those_that_have_left_are_not_inside_and_the_others_are_told_once() {
        let mut inside = inside(&["1", "2"]);
        inside.entered("b", "1");
        inside.left("a", "1");
        assert!(inside.has_any());
        assert_eq!(told(&mut inside), [key("a", "2"), key("b", "1")]);
        inside.started("a", "2", None);
        assert!(!inside.has_any());
        assert_eq!(told(&mut inside), []);
    }

    #[test]
    fn a_channel_that_was_moved_away_is_inside_again_when_it_comes_back() {
        let mut inside = inside(&["1"]);
        inside.started("a", "1", None);
        inside.ended("a", "1");
        assert!(!inside.has_any());
        inside.started("a", "1", None);
        assert_eq!(told(&mut inside), [key("a", "1")]);
    }

    #[test]
    fn a_stasis_end_of_an_earlier_stay_means_nothing() {
        let mut inside = inside(&["1"]);
        inside.ended("a", "1");
        assert!(inside.has_any());
    }

    #[test]
    fn one_that_was_moved_here_is_inside_from_its_stasis_start_to_its_stasis_end() {
        let mut inside = inside(&[]);
        inside.started("a", "1", None);
        assert!(inside.has_any());
        inside.ended("a", "1");
        assert!(inside.members.is_empty());
    }

    #[test]
    fn one_that_has_taken_the_place_of_another_is_inside_in_its_place() {
        let mut inside = inside(&["1"]);
        inside.started("a", "1", None);
        inside.started("a", "2", Some("1"));
        assert_eq!(told(&mut inside), [key("a", "2")]);
        inside.left("a", "1");
        inside.ended("a", "2");
        assert!(inside.members.is_empty());
    }
}
