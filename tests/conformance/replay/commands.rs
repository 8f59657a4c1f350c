//! Commands: what the library prints is compared with what Asterisk printed.

use std::time::Instant;

use super::{Replay, SOON};
use crate::story::{Command, Compare};
use crate::support::library::Library;
use crate::timeline::only_shows;
use crate::{compare, patience, terminal};

impl Replay<'_> {
    /// Runs a command and compares what it prints.
    pub(super) fn command(&mut self, command: &Command) {
        if let Some(message) = &self.refused
            && terminal::is_the_librarys(&command.line)
        {
            if terminal::has_rows(&command.output) {
                let problem = format!(
                    "Asterisk has connections, but the load was refused: {message}\n{}",
                    command.output
                );
                self.problems.push(problem);
            }
            return;
        }
        let handle = self.library.as_ref().map(Library::handle);
        let run = |line: &str| {
            terminal::run(handle, &self.asterisk, line).map(|output| {
                let output = self.ports.recorded(&output);
                patience::recorded(&output)
            })
        };
        // What explains that nothing is started is looked at before anything could be.
        let explained =
            (command.compare == Compare::Started).then(|| terminal::explained(&command.line, run));
        let deadline = Instant::now() + self.patience() / 3;
        loop {
            let Some(mut output) = run(&command.line) else {
                return;
            };
            let (mut expected, rules) = self.refusals.applied(&command.line, &command.output);
            expected = terminal::comparable(&command.line, &expected);
            match &command.compare {
                Compare::Whole => {}
                Compare::FirstLine => {
                    output = first_line(&output);
                    expected = first_line(&expected);
                }
                Compare::Beginning if output.starts_with(&expected) => {
                    output.truncate(expected.len())
                }
                Compare::Beginning => {}
                Compare::Contains(texts) if texts.iter().all(|text| output.contains(text)) => {
                    return;
                }
                Compare::Contains(texts) => expected = texts.join("\n"),
                Compare::As(other) => expected = run(other).unwrap_or_default(),
                Compare::Started => {
                    if let Some(Some(begin)) = &explained {
                        self.met.insert("starting in vain".to_owned());
                        output = output
                            .split_inclusive('\n')
                            .filter(|line| !line.starts_with(begin))
                            .collect();
                    }
                }
            }
            if output == expected {
                self.met.extend(rules);
                return;
            }
            if !only_shows(&command.line) || Instant::now() > deadline {
                self.problems
                    .push(compare::outputs(&command.line, &expected, &output));
                return;
            }
            // Until something happens, or a timer of the library's may have run out.
            self.network.wait(SOON, |_| false);
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
