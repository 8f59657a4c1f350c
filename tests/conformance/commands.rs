//! Commands: what the library prints is compared with what Asterisk printed.

use std::time::Instant;

use super::compare::different;
use super::normal::recorded_timeouts;
use super::replay::{Replay, SOON};
use super::story::{Command, Compare, Run};
use super::terminal;

impl Replay<'_> {
    /// Runs a command and compares what it prints.
    pub fn command(&mut self, command: &Command) {
        if let Some(message) = self.refused.clone().filter(|_| command.run == Run::Library) {
            let output = &command.output;
            let problem = format!("Asterisk has connections, but not loaded: {message}\n{output}");
            let shown = terminal::has_rows(output);
            return self.problems.extend(shown.then_some(problem));
        }
        // What explains that nothing is started is looked at before anything could be.
        let explained = (command.compare == Compare::Started)
            .then(|| terminal::explained(&self.asterisk, command))
            .flatten();
        let (recorded, rules) = self.refusals.applied(command);
        let deadline = Instant::now() + self.patience() / 3;
        loop {
            let output = self.shown(terminal::run(&self.asterisk, command));
            let (expected, output) = match &command.compare {
                Compare::Whole => (recorded.clone(), output),
                Compare::Contains(texts) if texts.iter().all(|text| output.contains(text)) => {
                    return;
                }
                Compare::Contains(texts) => (texts.join("\n"), output),
                Compare::As(words) => {
                    let other = terminal::list(&self.asterisk, &words.join(" "));
                    (self.shown(other), output)
                }
                Compare::Started => {
                    let added = |line: &&str| {
                        let begin = explained.as_deref();
                        !begin.is_some_and(|begin| line.starts_with(begin))
                    };
                    let lines = output.split_inclusive('\n').filter(added);
                    (recorded.clone(), lines.collect())
                }
            };
            if output == expected {
                self.met.extend(rules);
                let vain = explained.map(|_| "starting in vain".to_owned());
                return self.met.extend(vain);
            }
            if !command.shows || Instant::now() > deadline {
                let what = format!("the output of '{}'", command.line);
                return self.problems.extend(different(&what, &expected, &output));
            }
            // Until something happens, or a timer of the library's may have run out.
            self.network.pause(SOON);
        }
    }

    /// What was printed, as it would have been recorded.
    fn shown(&self, output: String) -> String {
        recorded_timeouts(&self.network.ports.recorded(&output))
    }
}
