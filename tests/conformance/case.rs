//! A recorded case: what was configured, what was done, what Asterisk did.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Configuration files by name; `None` for one that does not exist.
pub type Files = BTreeMap<String, Option<String>>;

/// A case.
#[derive(Debug, Clone)]
pub struct Case {
    /// The folder that it was recorded in, such as `reload`.
    pub area: String,
    pub name: String,
    pub files: Files,
    /// Files that were written in the middle, in the order of the steps that have their labels.
    pub changes: Vec<Change>,
    /// What the recorder did, in words, with the time.
    pub steps: Vec<(f64, String)>,
    pub observed: Vec<Entry>,
    /// Asterisk's log of what channels did in the dialplan.
    pub dialplan: Vec<(f64, String)>,
    /// What it is about, in words.
    pub about: String,
    /// What its servers show and want, if they speak TLS.
    pub tls: Option<Tls>,
}

/// What a server that speaks TLS shows and wants.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The name of its certificate.
    pub certificate: String,
    /// Clients have to show a certificate of the authority.
    pub demands_certificate: bool,
}

impl Tls {
    /// What a recording says of its server: a file, with remarks, and what the case is about.
    pub fn recorded(certificate: &str, about: &str) -> Option<Self> {
        let file = certificate.split(' ').next()?;
        let certificate = file.strip_suffix(".pem")?.to_owned();
        Some(Self {
            certificate,
            demands_certificate: about.contains("demands a client certificate"),
        })
    }
}

/// Files that a step wrote.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Change {
    pub label: String,
    #[serde(flatten)]
    pub files: Files,
}

/// One thing that was observed.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Entry {
    /// Milliseconds since the case began. Summaries of repeated runs have none.
    #[serde(alias = "t_ms")]
    pub t: Option<f64>,
    #[serde(default)]
    pub dir: Direction,
    #[serde(default = "text")]
    pub kind: String,
    /// The text as it was sent; hexadecimal for the payload of a control frame.
    #[serde(default)]
    pub raw: String,
    /// The length of a text that was cut.
    pub raw_len: Option<usize>,
    /// The bytes of a text that is not UTF-8, hexadecimal.
    pub raw_hex: Option<String>,
    pub conn: Option<u32>,
    pub port: Option<u16>,
    /// The code of a Close.
    pub code: Option<u16>,
    /// A command line.
    pub cmd: Option<String>,
    pub took_ms: Option<f64>,
    /// A request over HTTP.
    pub request: Option<String>,
    pub status: Option<u16>,
    /// An application that connects to Asterisk.
    pub name: Option<String>,
    pub opcode: Option<u8>,
}

/// Who told whom.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Direction {
    ToServer,
    ToAsterisk,
    Command,
    Http,
    FromInbound,
    ToInbound,
    /// What says nothing of it.
    #[default]
    Unknown,
}

impl From<String> for Direction {
    fn from(text: String) -> Self {
        match text.as_str() {
            ">" | "asterisk->server" => Self::ToServer,
            "<" | "server->asterisk" => Self::ToAsterisk,
            "cli" => Self::Command,
            "http" => Self::Http,
            "inbound-client" => Self::FromInbound,
            "asterisk->inbound-client" => Self::ToInbound,
            _ => Self::Unknown,
        }
    }
}

/// What a recording does not tell: it has its files as they were at the end, and the changes of some cases in words only.
#[derive(Debug, Clone, Deserialize)]
pub struct Amendment {
    /// Its name, or a pattern.
    case: String,
    /// Files that the recording leaves out.
    #[serde(default)]
    files: Files,
    /// What is to be replaced in the recorded files to get those at the beginning.
    #[serde(default)]
    before: Replacements,
    /// The same for the files that a step wrote, by its words; nothing to replace for the recorded ones.
    #[serde(default)]
    writes: BTreeMap<String, Replacements>,
}

/// Texts and what they are replaced by, by file.
type Replacements = BTreeMap<String, Vec<(String, String)>>;

impl Amendment {
    /// Completes the case that it is for.
    pub fn amend(&self, case: &mut Case) {
        if !fits(&self.case, &case.id()) {
            return;
        }
        let mut recorded = std::mem::take(&mut case.files);
        recorded.extend(self.files.clone());
        for (_, words) in &case.steps {
            if let Some(replacements) = self.writes.get(words) {
                case.changes.push(Change {
                    label: words.clone(),
                    files: replaced(&recorded, replacements),
                });
            }
        }
        case.files = replaced(&recorded, &self.before);
    }
}

fn replaced(files: &Files, replacements: &Replacements) -> Files {
    let mut files = files.clone();
    for (name, pairs) in replacements {
        for (old, new) in pairs {
            if let Some(Some(text)) = files.get_mut(name) {
                *text = text.replace(old, new);
            }
        }
    }
    files
}

impl Case {
    /// `area/name`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.area, self.name)
    }

    /// When the recorder stopped Asterisk. What follows is none of the case's business.
    pub fn end(&self) -> f64 {
        self.steps
            .iter()
            .find(|(_, text)| text.starts_with("case ends"))
            .map_or(f64::INFINITY, |(t, _)| *t)
    }
}

impl Entry {
    /// When it began, if it took a while.
    pub fn begin(&self) -> f64 {
        self.at() - self.took_ms.unwrap_or_default()
    }

    /// When it was over.
    pub fn at(&self) -> f64 {
        self.t.unwrap_or_default()
    }
}

fn text() -> String {
    "text".to_owned()
}

/// Whether a name fits a pattern, in which `*` stands for anything.
pub fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(name) = name.strip_prefix(start) else {
        return false;
    };
    (0..=name.len())
        .filter(|at| name.is_char_boundary(*at))
        .any(|at| fits(rest, &name[at..]))
}
