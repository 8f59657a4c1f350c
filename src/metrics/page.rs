//! The text format: families, samples and escapes (OpenMetrics 1.0.0, "Text format").

use std::fmt::{Display, Write as _};

use crate::histogram::Distribution;

/// What a family of metrics is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Info,
    Gauge,
    Counter,
    Histogram,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }

    /// What the name of a sample has that the name of its family has not.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Info => "_info",
            Self::Gauge | Self::Histogram => "",
            Self::Counter => "_total",
        }
    }
}

/// The text as it grows. Writing to a String cannot fail, so results of `write!` are dropped.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    /// Begins a family. A unit has to be the end of its name.
    pub(super) fn family(&mut self, name: &str, kind: Kind, unit: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE ariws_{name} {}", kind.as_str());
        if !unit.is_empty() {
            let _ = writeln!(self.0, "# UNIT ariws_{name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP ariws_{name} {help}.");
    }

    /// Adds a sample to the family that was begun last.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "ariws_{name}");
        for (index, (label, text)) in labels.iter().enumerate() {
            let separator = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{separator}{label}=\"{}\"", escaped(text));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }

    /// Adds a distribution of times to the family of histograms that was begun last.
    pub(super) fn distribution(&mut self, name: &str, labels: &[(&str, &str)], distribution: &Distribution) {
        let mut all = 0;
        for (bound, count) in &distribution.buckets {
            let bound = match bound.is_finite() {
                // The specification wants a number of this type to be seen as one.
                true => format!("{bound:?}"),
                false => "+Inf".to_owned(),
            };
            let labels = [labels, &[("le", &bound)]].concat();
            self.sample(&format!("{name}_bucket"), &labels, count);
            all = *count;
        }
        self.sample(&format!("{name}_count"), labels, all);
        self.sample(&format!("{name}_sum"), labels, distribution.sum);
    }

    /// A family of one gauge without labels.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: usize) {
        self.family(name, Kind::Gauge, "", help);
        self.sample(name, &[], value);
    }

    /// A family of one counter without labels.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, Kind::Counter, "", help);
        self.sample(&format!("{name}_total"), &[], value);
    }

    /// The whole text.
    pub(super) fn finished(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

/// A label's value as the format wants it: backslashes, quotes and line feeds escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
