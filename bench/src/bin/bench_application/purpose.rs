// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a connection is for, as the path of its URI says.

use std::str::FromStr;

use crate::Failure;

pub(crate) enum Purpose {
    Count { events: u64 },
    Stall,
    Ping { count: usize, window: usize },
    Calls(Treatment),
}

/// What becomes of a call.
#[derive(Clone, Copy)]
pub(crate) enum Treatment {
    Hold,
    Continue,
    AnswerAndHangUp,
}

impl Purpose {
    /// From the target of the upgrade request, such as `/count?events=5`.
    pub(crate) fn from_target(target: &str) -> Result<Self, Failure> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        match path {
            "/count" => Ok(Self::Count {
                events: number(query, "events")?,
            }),
            "/stall" => Ok(Self::Stall),
            "/ping" => Ok(Self::Ping {
                count: number(query, "count")?,
                window: number(query, "window")?,
            }),
            "/hold" => Ok(Self::Calls(Treatment::Hold)),
            "/continue" => Ok(Self::Calls(Treatment::Continue)),
            "/calls" => Ok(Self::Calls(Treatment::AnswerAndHangUp)),
            _ => Err(format!("nothing is known of {path}").into()),
        }
    }
}

fn number<T: FromStr>(query: &str, name: &str) -> Result<T, Failure> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .and_then(|(_, value)| value.parse().ok())
        .ok_or_else(|| format!("no number {name} in {query}").into())
}
