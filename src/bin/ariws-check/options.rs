//! What the command line asks for.

use std::path::PathBuf;

use ariws::config;
use lexopt::prelude::*;

/// For `--help`, and after a mistake.
pub(crate) const USAGE: &str = "\
usage: ariws-check [--connect] [--format text|json] FOLDER
       ariws-check --parameters

Reads ari.conf, ari_outbound.conf and websocket_client.conf in FOLDER as the library does.

  --connect        connects once to every server, and tells each stage with its time
  --format FORMAT  text (default) or json
  --parameters     lists every parameter, in Markdown

Exit status: 0 all is well; 1 something is refused or invalid; 2 the files, or these arguments, cannot be read;
3 a connection cannot be made.
";

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What to do.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) folder: PathBuf,
    pub(crate) format: Format,
    pub(crate) connect: bool,
}

impl Options {
    /// Or the text that is asked for instead.
    pub(crate) fn from_arguments() -> Result<Result<Self, String>, lexopt::Error> {
        let mut parser = lexopt::Parser::from_env();
        let (mut folder, mut format, mut connect) = (None, Format::Text, false);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("connect") => connect = true,
                Long("format") => {
                    format = match parser.value()?.to_str() {
                        Some("text") => Format::Text,
                        Some("json") => Format::Json,
                        _ => return Err("--format is text or json".into()),
                    }
                }
                Short('h') | Long("help") => return Ok(Err(USAGE.to_owned())),
                Long("parameters") => return Ok(Err(config::parameters())),
                Value(value) if folder.is_none() => folder = Some(PathBuf::from(value)),
                argument => return Err(argument.unexpected()),
            }
        }
        let folder = folder.ok_or("which folder?")?;
        Ok(Ok(Self { folder, format, connect }))
    }
}
