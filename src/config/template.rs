//! What is in and after the brackets of a section: `[name](template)`, `[name](!)`, `[name](+)`;
//! and `+=`.

use super::Source;
use super::dialect::{Block, Setting, blocks};
use super::include::{Includer, Part};
use super::lines::Flaw;
use super::problem::{Origin, Problems, shown};
use std::collections::{HashMap, HashSet};

/// How many bytes sections may inherit in all. A large template that very many sections name would
/// otherwise take all memory.
const INHERITED: usize = 256 << 20;

impl Setting {
    /// What it takes, roughly.
    fn bytes(&self) -> usize {
        const REST: usize = 128;
        REST + self.key.len() + self.value.len()
    }
}

/// A section with everything in it, what it inherits first.
#[derive(Clone)]
pub(super) struct Section {
    pub(super) name: String,
    /// Where its header stands.
    pub(super) origin: Origin,
    /// `[name](!)`: only there to be inherited from.
    pub(super) template: bool,
    pub(super) settings: Vec<Setting>,
    /// The name has bytes that are not UTF-8.
    pub(super) flaw: Flaw,
    /// It stands in the optional file, or in what that includes.
    pub(super) appended: bool,
}

impl Section {
    /// The setting that says what the section is: of several the first one counts, as with Asterisk.
    pub(super) fn kind(&self) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == "type")
    }
}

/// Reads a part of the configuration, and another one, if there is any, as if appended to it.
pub(super) fn sections(source: &Source<'_>, name: &str, more: Option<&str>, problems: &mut Problems) -> (Part, Vec<Section>) {
    let mut includer = Includer::new(source, problems);
    let part = includer.part(name);
    if let Some(more) = more {
        includer.append();
        includer.part(more);
    }
    let lines = includer.into_lines();
    let sections = join(blocks(lines, &part.path, problems), problems);
    (part, sections)
}

/// Does what the headers ask: templates inherited, additions added.
fn join(blocks: Vec<Block>, problems: &mut Problems) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    // The latest section of each name: it is what a template or an addition means.
    let mut latest: HashMap<String, usize> = HashMap::new();
    let mut inherited = 0;
    // The names that sections have inherited from.
    let mut used = HashSet::new();
    for Block { header, settings } in blocks {
        let name = header.name.clone();
        let mut template = false;
        let mut target = None;
        let mut settings_before = Vec::new();
        for option in &header.options {
            let refused = if option == "!" {
                template = true;
                continue;
            } else if option == "+" {
                target = latest.get(&name).copied();
                match target {
                    Some(_) => continue,
                    None => "there is no section of this name above to add to; remove the (+)",
                }
            } else if let Some(source) = latest.get(option).and_then(|at| sections.get(*at)) {
                used.insert(option.clone());
                // Once it is too much, it need not be counted any further, either.
                if inherited <= INHERITED {
                    inherited += source.settings.iter().map(Setting::bytes).sum::<usize>();
                }
                if inherited <= INHERITED {
                    settings_before.extend(source.settings.iter().cloned());
                    continue;
                }
                "the sections inherit too much; give large templates to fewer sections"
            } else {
                let message = format!(
                    "there is no section {} above to inherit from; mend its name or add it",
                    shown(option),
                );
                problems.refuse(header.origin.error(message).of(&name, ""));
                continue;
            };
            problems.refuse(header.origin.error(refused).of(&name, ""));
        }
        let settings = settings_before.into_iter().chain(settings);
        match target.and_then(|at| sections.get_mut(at)) {
            Some(section) => section.settings.extend(settings),
            None => {
                latest.insert(name.clone(), sections.len());
                sections.push(Section {
                    name,
                    origin: header.origin,
                    template,
                    settings: settings.collect(),
                    flaw: header.flaw,
                    appended: header.appended,
                });
            }
        }
    }
    for section in &mut sections {
        if section.template && !used.contains(&section.name) {
            let message = "no section inherits from this template, so it has no effect; \
                           remove the (!), or name it in the brackets of a section";
            problems.add(section.origin.warning(message).of(&section.name, ""));
        }
        append(&mut section.settings);
    }
    sections
}

/// Does what `+=` asks: it adds to the last value of its key, after a blank, as with Asterisk.
fn append(settings: &mut Vec<Setting>) {
    if !settings.iter().any(|setting| setting.appended) {
        return;
    }
    let mut result: Vec<Setting> = Vec::with_capacity(settings.len());
    let mut latest: HashMap<String, usize> = HashMap::new();
    for setting in settings.drain(..) {
        let before = match setting.appended {
            true => latest.get(&setting.key).copied(),
            false => None,
        };
        match before.and_then(|at| result.get_mut(at)) {
            Some(before) => {
                before.value.push(' ');
                before.value.push_str(&setting.value);
                before.appended = true;
                // What is to be said of it is said where it was added to.
                before.origin = setting.origin;
                before.flaw = match before.flaw {
                    Flaw::None => setting.flaw,
                    flaw => flaw,
                };
            }
            None => {
                latest.insert(setting.key.clone(), result.len());
                result.push(Setting {
                    appended: false,
                    ..setting
                });
            }
        }
    }
    *settings = result;
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::config::lines::lines;

    /// The sections of a text, and its problems.
    pub(in super::super) fn read(text: &str) -> (Vec<Section>, Vec<String>) {
        let mut problems = Problems::default();
        let file: Arc<Path> = Path::new("a.conf").into();
        let lines = lines(&file, text.as_bytes(), &mut problems);
        let sections = join(blocks(lines, &file, &mut problems), &mut problems);
        let problems = problems.into_list(&file);
        (sections, problems.iter().map(ToString::to_string).collect())
    }

    /// The settings of the last section of a text without problems.
    fn settings(text: &str) -> Vec<(String, String)> {
        let (sections, problems) = read(text);
        assert_eq!(problems, Vec::<String>::new());
        let section = sections.into_iter().last().expect("a section");
        section
            .settings
            .into_iter()
            .map(|setting| (setting.key, setting.value))
            .collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn a_section_that_is_not_above_is_told_with_its_line() {
        for (text, expected) in [
            ("[s](t)", "a.conf:1: [s] there is no section t above"),
            ("[s](+)", "a.conf:1: [s] there is no section of this name"),
        ] {
            let (_, problems) = read(text);
            assert!(problems[0].starts_with(expected), "{problems:?}");
        }
    }

    #[test]
    fn an_addition_with_plus_joins_with_a_blank() {
        let text = "[s]\napps = a\napps += b\nApps+=c";
        assert_eq!(settings(text), [pair("apps", "a b c")]);
        assert_eq!(settings("[s]\napps += a"), [pair("apps", "a")]);
    }

    #[test]
    fn an_addition_with_plus_reaches_into_a_template() {
        let text = "[t](!)\napps = a\n[s](t)\napps += b";
        assert_eq!(settings(text), [pair("apps", "a b")]);
    }

    #[test]
    fn what_is_inherited_comes_first_and_in_order() {
        let text = "[t](!)\na = 1\n[u](!,t)\nb = 2\n[s](u,t)\nc = 3";
        let expected = [pair("a", "1"), pair("b", "2"), pair("a", "1"), pair("c", "3")];
        assert_eq!(settings(text), expected);
    }

    #[test]
    fn only_an_exclamation_mark_makes_a_template() {
        let (sections, _) = read("[t](!)\n[s](t)");
        let templates: Vec<bool> = sections.iter().map(|section| section.template).collect();
        assert_eq!(templates, [true, false]);
    }

    #[test]
    fn a_template_that_nothing_inherits_from_is_warned_of() {
        let (_, problems) = read("[t](!)\na = 1\n[u](!)\n[s](u)");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("no section inherits"), "{problems:?}");
    }

    #[test]
    fn a_section_is_added_to_with_plus_in_parentheses() {
        let (sections, problems) = read("[s]\na = 1\n[x]\n[s](+)\nb = 2");
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(sections.len(), 2);
        assert_eq!(sections[0].settings.len(), 2);
    }

    #[test]
    fn inheritance_cannot_take_all_memory() {
        let mut text = String::from("[t](!)\n");
        text.push_str(&"a = b\n".repeat(2000));
        text.push_str(&"[s](t)\n".repeat(2000));
        let (_, problems) = read(&text);
        assert!(problems[0].contains("inherit too much"), "{}", problems[0]);
    }
}
