//! The channels of the PBX: they enter and leave applications, are moved and replaced.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::actors;
use super::oracle::Taken;
pub(super) use super::shared::Pbx;
use super::shared::{Channel, Simulation};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::protocol::Trusted;

/// The id of a channel. One that was destroyed has another the next time, and the same name.
fn id(simulation: &Simulation, channel: usize) -> String {
    let life = simulation.pbx(|pbx| pbx.channels[channel].life);
    format!("id{channel}.{life}")
}

pub(super) fn name(channel: usize) -> String {
    format!("PJSIP/{channel}")
}

/// Offers an event.
pub(super) fn event(simulation: &Simulation, engine: &Arc<Engine>, app: &str, kind: &str, channel: &str) {
    offer(simulation, engine, app, kind, channel, None);
}

/// The same, of a channel that may have replaced another; whether somebody has the application.
fn offer(simulation: &Simulation, engine: &Arc<Engine>, app: &str, kind: &str, channel: &str, replaced: Option<&str>) -> bool {
    let number = simulation.oracle(|oracle| oracle.offers());
    let more = replaced.map(|id| format!(r#","replace_channel":{{"id":"{id}"}}"#));
    let more = more.unwrap_or_default();
    let json = format!(r#"{{"type":"{kind}","n":{number},"channel":{{"id":"{channel}"}}{more}}}"#);
    let json = json.as_bytes();
    let outcome = match number % 2 {
        0 => engine.event(app, json),
        _ => engine.event_trusted(
            app,
            &Trusted {
                json,
                kind,
                channel: Some(channel),
                replaced,
                ..Trusted::default()
            },
        ),
    };
    simulation.note(format_args!("event {number} {kind} of {channel} for {app}: {outcome:?}"));
    let taken = match &outcome {
        Ok(()) => Taken::Queued,
        Err(Error::Full | Error::TooLarge(_)) => Taken::Dropped,
        Err(_) => Taken::Nowhere,
    };
    simulation.oracle(|oracle| oracle.offered(number, taken));
    !matches!(outcome, Err(Error::NotFound(text)) if text.starts_with("no connection serves"))
}

impl Pbx {
    /// A channel enters Stasis.
    pub(super) fn start(simulation: &Arc<Simulation>, engine: &Arc<Engine>, channel: usize, app: &str, blocking: bool) {
        let state = simulation.pbx(|pbx| pbx.channels[channel].clone());
        let (id, name, app) = (id(simulation, channel), name(channel), app.to_owned());
        let busy = state.stasis.is_some() || state.place.is_some();
        if busy || simulation.oracle(|oracle| oracle.is_starting(&id)) {
            return;
        }
        simulation.note(format_args!("start of {id} in {app}"));
        simulation.oracle(|oracle| oracle.begins(&id, &app, &name));
        let its = Arc::clone(simulation);
        let asked = app.clone();
        let started = move |outcome| Self::started(&its, channel, &asked, outcome);
        if blocking {
            let (engine, its) = (Arc::clone(engine), Arc::clone(simulation));
            let job = Box::new(move || started(engine.stasis_start(&app, &id, &name)));
            simulation.runtime.spawn(async move {
                if actors::perform(job).await {
                    its.oracle(|oracle| oracle.violated("a start panicked".into()));
                }
            });
        } else if let Err(error) = engine.stasis_start_async(&app, &id, &name, started) {
            Self::started(simulation, channel, &app, Err(error));
        }
    }

    fn started(simulation: &Arc<Simulation>, channel: usize, app: &str, outcome: Result<String>) {
        let id = id(simulation, channel);
        simulation.note(format_args!("start of {id}: {outcome:?}"));
        if let Err(Error::Down(reason)) = &outcome {
            Self::turned_away(simulation, app, reason);
        }
        let outcome = outcome.map_err(|error| error.to_string());
        let told = match &outcome {
            Ok(application) => Ok(application.as_str()),
            Err(reason) => Err(reason.as_str()),
        };
        let is_inside = simulation.oracle(|oracle| oracle.started(&id, told));
        let Ok(application) = outcome else { return };
        let Some(engine) = simulation.engine() else {
            return;
        };
        simulation.pbx(|pbx| {
            let channel = &mut pbx.channels[channel];
            channel.stasis = Some(application.clone());
            channel.place = is_inside.then(|| application.clone());
        });
        if !is_inside {
            return Self::leave(simulation, channel);
        }
        let mut dice = simulation.dice("start");
        let time = dice.pick(&[0, 0, 5, 40]);
        let its = Arc::clone(simulation);
        simulation.runtime.spawn(async move {
            sleep(Duration::from_millis(time)).await;
            let is_the_same = self::id(&its, channel) == id;
            let is_there = is_the_same
                && its.pbx(|pbx| {
                    let channel = &pbx.channels[channel];
                    channel.place.as_deref() == Some(&application) && !channel.is_leaving && !channel.is_told
                });
            if is_there {
                its.pbx(|pbx| pbx.channels[channel].is_told = true);
                event(&its, &engine, &application, "StasisStart", &id);
            }
        });
    }

    /// A channel was turned away: nobody serves its application. A server may find out a moment later.
    fn turned_away(simulation: &Arc<Simulation>, app: &str, reason: &str) {
        let websockets = simulation.oracle(|oracle| oracle.outages.failed(app, reason, oracle.blocked()));
        let websockets = match websockets {
            Ok(websockets) => websockets,
            Err(wrong) => return simulation.oracle(|oracle| oracle.violated(wrong)),
        };
        let (its, reason) = (Arc::clone(simulation), reason.to_owned());
        simulation.runtime.spawn(async move {
            sleep(Duration::from_secs(1)).await;
            its.oracle(|oracle| {
                if oracle.outages.are_open(&websockets) {
                    oracle.violated(format!(
                        "a channel was turned away, and websockets {websockets:?} are open: {reason}"
                    ));
                }
            });
        });
    }

    /// Whether the start of a channel is under way.
    pub(super) fn is_starting(simulation: &Simulation, channel: usize) -> bool {
        let id = id(simulation, channel);
        simulation.oracle(|oracle| oracle.is_starting(&id))
    }

    /// A channel hangs up.
    pub(super) fn hang_up(simulation: &Arc<Simulation>, engine: &Arc<Engine>, channel: usize) {
        let id = id(simulation, channel);
        if simulation.oracle(|oracle| oracle.is_starting(&id)) {
            let cancelled = engine.stasis_cancel(&id);
            // Before the start has begun, and when its outcome is on the way, it comes to nothing.
            if cancelled.is_ok() {
                simulation.oracle(|oracle| oracle.cancelled(&id));
            }
            return simulation.note(format_args!("{id} hangs up: {cancelled:?}"));
        }
        Self::leave(simulation, channel);
    }

    /// The session of a channel has ended.
    pub(super) fn failed(simulation: &Arc<Simulation>, id: &str, application: &str) {
        let channels = simulation.pbx(|pbx| pbx.channels.clone());
        let channel = (0..channels.len())
            .find(|channel| self::id(simulation, *channel) == id && channels[*channel].place.as_deref() == Some(application));
        if let Some(channel) = channel {
            Self::leave(simulation, channel);
        }
    }

    /// A channel leaves the application that it is in, and Stasis.
    fn leave(simulation: &Arc<Simulation>, channel: usize) {
        let left = simulation.pbx(|pbx| {
            let channel = &mut pbx.channels[channel];
            let is_there = channel.stasis.is_some() || channel.place.is_some();
            (is_there && !channel.is_leaving).then(|| {
                channel.is_leaving = true;
                channel.clone()
            })
        });
        let (Some(left), Some(engine)) = (left, simulation.engine()) else {
            return;
        };
        let (stasis, place, is_told) = (left.stasis, left.place, left.is_told);
        let id = id(simulation, channel);
        let its = Arc::clone(simulation);
        let mut dice = simulation.dice("leave");
        let pause = Duration::from_millis(dice.pick(&[0, 1, 20, 500, 2000]));
        let returns_first = dice.chance(40);
        let is_silent = returns_first && stasis == place && dice.chance(15);
        // A host may tell of it later than it happens.
        let is_told_late = !is_told && returns_first && dice.chance(30);
        let is_destroyed = dice.chance(60);
        let end = {
            let (its, engine, id, place) = (its.clone(), engine.clone(), id.clone(), place.clone());
            let has_returned = returns_first && stasis == place;
            move || {
                let Some(place) = place.as_ref().filter(|_| is_told || is_told_late) else {
                    return;
                };
                let is_back = has_returned
                    && its.pbx(|pbx| {
                        let channel = &pbx.channels[channel];
                        channel.stasis.is_some() || channel.place.is_some()
                    });
                if !has_returned {
                    its.oracle(|oracle| oracle.leaves(&id, place));
                }
                // Nothing of its last time comes behind what is said of this one.
                if is_told_late && !is_back {
                    event(&its, &engine, place, "StasisStart", &id);
                }
                if (!is_silent || is_told_late) && !is_back {
                    event(&its, &engine, place, "StasisEnd", &id);
                }
            }
        };
        let returns = {
            let (its, engine, id) = (its.clone(), engine.clone(), id.clone());
            move || {
                if let Some(stasis) = &stasis {
                    its.note(format_args!("Stasis of {id} in {stasis} returns"));
                    its.oracle(|oracle| oracle.leaves(&id, stasis));
                    engine.stasis_end(stasis, &id);
                }
                // It may come back at once.
                its.pbx(|pbx| {
                    let life = pbx.channels[channel].life + u32::from(is_destroyed);
                    pbx.channels[channel] = Channel {
                        life,
                        ..Channel::default()
                    };
                });
            }
        };
        simulation.runtime.spawn(async move {
            if returns_first {
                returns();
                sleep(pause).await;
                end();
            } else {
                end();
                sleep(pause).await;
                returns();
            }
            if let Some(place) = place.filter(|_| is_destroyed) {
                event(&its, &engine, &place, "ChannelDestroyed", &id);
            }
        });
    }

    /// A channel goes to the application that another one has started; to its own if that is itself.
    pub(super) fn go(simulation: &Arc<Simulation>, engine: &Arc<Engine>, channel: usize, to: usize) {
        let (state, target) = simulation.pbx(|pbx| {
            let target = pbx.channels[to].stasis.clone();
            (pbx.channels[channel].clone(), target)
        });
        let (Some(place), Some(target)) = (state.place, target) else {
            return;
        };
        if state.is_leaving || !state.is_told || place == target {
            return;
        }
        let id = id(simulation, channel);
        simulation.oracle(|oracle| oracle.leaves(&id, &place));
        event(simulation, engine, &place, "StasisEnd", &id);
        if offer(simulation, engine, &target, "StasisStart", &id, None) {
            simulation.oracle(|oracle| oracle.enters(&id, &target));
            simulation.pbx(|pbx| pbx.channels[channel].place = Some(target));
        } else {
            simulation.pbx(|pbx| pbx.channels[channel].place = None);
            Self::leave(simulation, channel);
        }
    }

    /// A channel takes the place of another, which leaves.
    pub(super) fn replace(simulation: &Arc<Simulation>, engine: &Arc<Engine>, old: usize, new: usize) {
        let channels = simulation.pbx(|pbx| pbx.channels.clone());
        let (before, after) = (&channels[old], &channels[new]);
        let busy = after.stasis.is_some() || after.place.is_some();
        let (old_id, new_id) = (id(simulation, old), id(simulation, new));
        let starts = simulation.oracle(|oracle| oracle.is_starting(&new_id));
        let Some(place) = before.place.clone() else {
            return;
        };
        if busy || starts || old == new || before.is_leaving || !before.is_told {
            return;
        }
        let was_inside = simulation.oracle(|oracle| oracle.is_inside(&old_id, &place));
        if offer(simulation, engine, &place, "StasisStart", &new_id, Some(&old_id)) {
            if was_inside {
                simulation.oracle(|oracle| {
                    oracle.enters(&new_id, &place);
                    oracle.leaves(&old_id, &place);
                });
            }
            simulation.pbx(|pbx| {
                let channel = &mut pbx.channels[new];
                (channel.place, channel.is_told) = (Some(place), true);
            });
        }
        Self::leave(simulation, old);
    }
}
