// SPDX-License-Identifier: MIT OR Apache-2.0
//! What many values come to.

use serde::{Deserialize, Serialize};

/// The middle and the ends of many values, in the unit they came in.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Spread {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let at = |share: f64| -> f64 {
            let last = values.len().saturating_sub(1);
            let index = (last as f64 * share).round() as usize;
            values.get(index).copied().unwrap_or_default() as f64
        };
        Self {
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

/// The middle one of a few rounds.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
