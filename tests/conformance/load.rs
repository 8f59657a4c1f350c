//! Reading cases: files of JSON lines, as they are stored here, or folders of one JSON file each, as they were recorded.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::case::{Amendment, Case, Direction, Entry, Tls};

/// A case, or why it cannot be read.
pub type Loaded = Result<Case, Unreadable>;

/// Lines of a log, with their times.
type Log = Vec<(f64, String)>;

/// A case that cannot be read.
#[derive(Debug, Clone)]
pub struct Unreadable {
    pub id: String,
    pub reason: String,
}

/// Reads every case below a folder: `AREA.jsonl` files and `AREA/NAME.json` files.
pub fn cases(folder: &Path, amendments: &[Amendment]) -> Result<Vec<Loaded>, String> {
    let mut cases = recorded(folder)?;
    for case in cases.iter_mut().flatten() {
        amendments
            .iter()
            .for_each(|amendment| amendment.amend(case));
    }
    Ok(cases)
}

fn recorded(folder: &Path) -> Result<Vec<Loaded>, String> {
    let mut cases = Vec::new();
    for path in sorted(folder)? {
        if path.is_dir() {
            let files = sorted(&path)?;
            let files = files.into_iter().filter(|file| has_extension(file, "json"));
            cases.extend(files.filter_map(|file| recording(&stem(&path), &file)));
        } else if has_extension(&path, "jsonl") {
            cases.extend(compact(&path)?);
        }
    }
    Ok(cases)
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension()
        .is_some_and(|extension| extension == wanted)
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// One file of a recorder. Files without observations, such as lists of cases, are none.
fn recording(area: &str, path: &Path) -> Option<Loaded> {
    let name = stem(path);
    let unreadable = |reason: String| Unreadable {
        id: format!("{area}/{name}"),
        reason,
    };
    let case = fs::read_to_string(path)
        .map_err(|error| unreadable(error.to_string()))
        .and_then(|text| undamaged(&text).map_err(unreadable));
    let mut value = match case {
        Ok(value) => value,
        Err(unreadable) => return Some(Err(unreadable)),
    };
    let members = value.as_object_mut()?;
    let observed = members.remove("observed")?;
    let log = members.remove("log").unwrap_or_default();
    let case = serde_json::from_value(observed)
        .map_err(|error| error.to_string())
        .and_then(|observed| assembled(area, &name, members, observed, lines_of_log(&log)));
    Some(case.map_err(unreadable))
}

/// The JSON of a recording. One that is damaged near its end counts up to the damage: its last members are remarks.
fn undamaged(text: &str) -> Result<Value, String> {
    let error = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let before: usize = text
        .lines()
        .take(error.line() - 1)
        .map(|line| line.len() + 1)
        .sum();
    let good = text.get(..before).unwrap_or_default();
    let end = ["\n },\n", "\n ],\n"]
        .iter()
        .filter_map(|end| good.rfind(end))
        .max();
    let good = end.and_then(|end| good.get(..end + 3)).unwrap_or_default();
    serde_json::from_str(&format!("{good}\n}}")).map_err(|_| error.to_string())
}

fn lines_of_log(log: &Value) -> Log {
    let lines = log.as_array().map(Vec::as_slice).unwrap_or_default();
    lines
        .iter()
        .filter_map(|line| Some((line["t_ms"].as_f64()?, line["raw"].as_str()?.to_owned())))
        .collect()
}

/// One file of JSON lines: the texts that have names, then for each case its line and the lines of what was observed.
fn compact(path: &Path) -> Result<Vec<Loaded>, String> {
    let area = stem(path);
    let said =
        |line: usize, error: &dyn std::fmt::Display| format!("{}:{line}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| said(0, &error))?;
    let mut texts = HashMap::new();
    let mut cases: Vec<(Value, Vec<Entry>, Log)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut value: Value =
            serde_json::from_str(line).map_err(|error| said(index + 1, &error))?;
        if let Some(Value::Object(named)) = value.get("texts") {
            texts = named
                .iter()
                .filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())))
                .collect();
            continue;
        }
        expand(&mut value, &texts);
        if value.get("case").is_some() {
            cases.push((value, Vec::new(), Vec::new()));
            continue;
        }
        let Some((_, observed, log)) = cases.last_mut() else {
            return Err(said(index + 1, &"an observation before the first case"));
        };
        if let Some(raw) = value["log"].as_str() {
            log.push((value["t"].as_f64().unwrap_or_default(), raw.to_owned()));
        } else {
            observed.push(serde_json::from_value(value).map_err(|error| said(index + 1, &error))?);
        }
    }
    let cases = cases.into_iter().map(|(mut value, observed, log)| {
        let name = value["case"].as_str().unwrap_or_default().to_owned();
        let members = value.as_object_mut().ok_or("no object");
        let case = members
            .map_err(str::to_owned)
            .and_then(|members| assembled(&area, &name, members, observed, log));
        case.map_err(|reason| Unreadable {
            id: format!("{area}/{name}"),
            reason,
        })
    });
    Ok(cases.collect())
}

/// Puts the texts in the place of their names.
fn expand(value: &mut Value, texts: &HashMap<String, String>) {
    match value {
        Value::String(text) if text.contains('⟦') => {
            let mut output = String::new();
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once('⟦') {
                let (name, after) = after.split_once('⟧').unwrap_or((after, ""));
                output.push_str(before);
                output.push_str(texts.get(name).map_or("", String::as_str));
                rest = after;
            }
            output.push_str(rest);
            *text = output;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| expand(item, texts)),
        Value::Object(members) => members.values_mut().for_each(|item| expand(item, texts)),
        _ => {}
    }
}

fn assembled(
    area: &str,
    name: &str,
    members: &mut Map<String, Value>,
    mut observed: Vec<Entry>,
    log: Log,
) -> Result<Case, String> {
    let mut take = |member: &str| members.remove(member).unwrap_or_default();
    let files = match take("config") {
        Value::Null => Value::Object(Map::new()),
        files => files,
    };
    let changes = match take("config_changes") {
        Value::Null => Value::Array(Vec::new()),
        changes => changes,
    };
    let (files, changes) = (
        serde_json::from_value(files),
        serde_json::from_value(changes),
    );
    let steps = steps(&take("steps"));
    let mut words = |member: &str| take(member).as_str().unwrap_or_default().to_owned();
    let (about, certificate) = (words("what"), words("server_certificate"));
    name_accepts(&mut observed);
    Ok(Case {
        area: area.to_owned(),
        name: name.to_owned(),
        files: files.map_err(|error| error.to_string())?,
        changes: changes.map_err(|error| error.to_string())?,
        steps,
        observed,
        dialplan: log,
        tls: Tls::recorded(&certificate, &about),
        about,
    })
}

/// `[[t, words]]` or `[{"t_ms": t, "do": words}]`.
fn steps(value: &Value) -> Vec<(f64, String)> {
    let steps = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let step = |step: &Value| {
        let t = step.get(0).or_else(|| step.get("t_ms"))?.as_f64()?;
        let words = step.get(1).or_else(|| step.get("do"))?.as_str()?;
        Some((t, words.to_owned()))
    };
    steps.iter().filter_map(step).collect()
}

/// The right answer to the random key of an upgrade request is told by name, as it is another one in each replay.
fn name_accepts(observed: &mut [Entry]) {
    let mut accepts = HashMap::new();
    for entry in observed {
        if entry.dir == Direction::ToServer && entry.kind == "http-request" {
            let key = entry
                .raw
                .lines()
                .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
            accepts.extend(key.map(|key| (entry.conn, derive_accept_key(key.trim().as_bytes()))));
        } else if let Some(accept) = accepts.get(&entry.conn)
            && entry.kind.starts_with("http-response")
        {
            entry.raw = entry.raw.replace(accept, "<accept>");
        }
    }
}
