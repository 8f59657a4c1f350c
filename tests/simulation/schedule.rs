//! What happens in one run: a list of steps that follows from the seed, and can be shortened.

use super::configuration::Change;
use super::dice::Dice;

pub(super) const CHANNELS: usize = 5;
/// Applications of connections of both types. Events are offered to any of them.
pub(super) const APPS: [&str; 6] = ["a0", "a1", "a2", "s0", "s1", "s2"];
/// The connections that there may be; each has a server of its own.
pub(super) const CONNECTIONS: [&str; 5] = ["p0", "p1", "p2", "c0", "c1"];

/// Sockets that are enough for everybody.
pub(super) const PLENTY: usize = 100;

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    /// What the host does besides what it should.
    pub(super) host: HostManners,
    /// What servers do, but for those of which a step says otherwise.
    pub(super) servers: Manners,
    /// Each with the milliseconds before it.
    pub(super) steps: Vec<(u64, Step)>,
    /// Whether everything settles before the end.
    pub(super) settles: bool,
    /// What the unloading may take.
    pub(super) grace: u64,
    /// How many the library may have.
    pub(super) sockets: usize,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HostManners {
    pub(super) blocks: bool,
    pub(super) fails: bool,
    pub(super) panics: bool,
    pub(super) calls_back: bool,
}

/// How a server treats those that connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manners {
    /// It does what it should.
    Good,
    /// And asks for something now and then.
    Asking,
    /// It does not accept.
    Refusing,
    /// It accepts, and ends the connection in one way or another.
    Ending,
    /// It does whatever it likes.
    Any,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Events of an application.
    Events(usize, u64),
    Start {
        channel: usize,
        app: usize,
        blocking: bool,
    },
    /// A channel enters the application that another one has started, by its own start.
    Join {
        channel: usize,
        to: usize,
        blocking: bool,
    },
    HangUp(usize),
    ChannelEvents(usize, u64),
    /// A channel goes to the application of another one, or back to its own.
    Move(usize, usize),
    /// A channel that has no start takes the place of another.
    Replace(usize, usize),
    Break(usize),
    /// For so many milliseconds nothing passes.
    Stall(usize, u64),
    Server(usize, Manners),
    Reload(Change),
    Begin(usize),
    ShutDown(usize),
    ShutDownCall(usize),
    ShutDownAll,
    Look,
    /// Somebody else registers an application, and leaves it.
    TakeOver(usize),
    GiveBack(usize),
}

impl Schedule {
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice::of(seed, "schedule", 0);
        let host = match dice.below(4) {
            0 => HostManners::default(),
            1 => HostManners {
                calls_back: true,
                ..HostManners::default()
            },
            2 => HostManners {
                blocks: true,
                calls_back: dice.chance(50),
                ..HostManners::default()
            },
            _ => HostManners {
                blocks: dice.chance(50),
                fails: dice.chance(50),
                panics: dice.chance(50),
                calls_back: dice.chance(50),
            },
        };
        use Manners::{Any, Asking, Ending, Good};
        let servers = dice.pick(&[Good, Good, Asking, Asking, Ending, Any, Any]);
        let count = 5 + dice.index(60);
        let slow = dice.pick(&[20, 100, 1000, 5000]);
        let mut steps = Vec::new();
        for _ in 0..count {
            let pause = match dice.below(3) {
                0 => 0,
                1 => dice.below(20),
                _ => dice.below(slow),
            };
            steps.push((pause, Step::any(&mut dice)));
        }
        Self {
            seed,
            host,
            servers,
            steps,
            settles: dice.chance(70),
            grace: dice.pick(&[0, 200, 5000]),
            sockets: dice.pick(&[5, PLENTY, PLENTY, PLENTY]),
        }
    }
}

impl Step {
    fn any(dice: &mut Dice) -> Self {
        let channel = dice.index(CHANNELS);
        let app = dice.index(APPS.len());
        let connection = dice.index(CONNECTIONS.len());
        match dice.below(100) {
            0..18 => Self::Events(app, 1 + dice.below(5)),
            18..20 => Self::Events(app, 1 + dice.below(200)),
            20..37 => Self::Start {
                channel,
                app: if dice.chance(75) { 3 + dice.index(3) } else { app },
                blocking: dice.chance(40),
            },
            37..40 => Self::Join {
                channel,
                to: dice.index(CHANNELS),
                blocking: dice.chance(40),
            },
            40..52 => Self::HangUp(channel),
            52..58 => Self::ChannelEvents(channel, 1 + dice.below(4)),
            58..63 => Self::Move(channel, dice.index(CHANNELS)),
            63..65 => Self::Replace(channel, dice.index(CHANNELS)),
            65..70 => Self::Break(connection),
            70..74 => Self::Stall(connection, dice.pick(&[5, 100, 1500, 20_000])),
            74..80 => Self::Server(
                connection,
                dice.pick(&[
                    Manners::Good,
                    Manners::Asking,
                    Manners::Refusing,
                    Manners::Ending,
                    Manners::Any,
                ]),
            ),
            80..89 => Self::Reload(Change::any(dice)),
            89..92 => Self::Begin(connection),
            92..94 => Self::ShutDown(connection),
            94..96 => Self::ShutDownCall(channel),
            96 => Self::ShutDownAll,
            97 => Self::Look,
            98 => Self::TakeOver(app),
            _ => Self::GiveBack(app),
        }
    }
}
