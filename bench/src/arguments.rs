// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use std::path::PathBuf;

use lexopt::prelude::*;

use crate::Result;
use crate::instructions::Check;
use crate::page::Run;
use crate::probes::Probe;

const USAGE: &str = "usage: ariws-bench run --library FILE --page FILE [--quick] [--only NAME]...
       ariws-bench instructions --library FILE --recorded FILE --page FILE [--write]";

pub enum Arguments {
    /// Measures everything and writes the page.
    Run(Run),
    /// Counts instructions and compares them with those that were recorded.
    Instructions(Check),
    /// The application's process.
    Application,
    /// One measurement's process.
    Probe(Box<Probe>),
}

impl Arguments {
    pub fn read() -> Result<Self> {
        let mut parser = lexopt::Parser::from_env();
        let command: String = match parser.next()? {
            Some(Value(command)) => command.parse()?,
            _ => return Err(USAGE.into()),
        };
        match command.as_str() {
            "application" => return Ok(Self::Application),
            "probe" => {
                let probe: String = parser.value()?.parse()?;
                return Ok(Self::Probe(Box::new(serde_json::from_str(&probe)?)));
            }
            "run" | "instructions" => {}
            _ => return Err(USAGE.into()),
        }
        let (mut library, mut page, mut recorded) = (None, None, None);
        let (mut quick, mut write, mut only) = (false, false, Vec::new());
        while let Some(argument) = parser.next()? {
            match argument {
                Long("library") => library = Some(PathBuf::from(parser.value()?)),
                Long("page") => page = Some(PathBuf::from(parser.value()?)),
                Long("recorded") => recorded = Some(PathBuf::from(parser.value()?)),
                Long("quick") => quick = true,
                Long("write") => write = true,
                Long("only") => only.push(parser.value()?.parse()?),
                other => return Err(format!("{}\n{USAGE}", other.unexpected()).into()),
            }
        }
        let library = std::fs::canonicalize(library.ok_or(USAGE)?)?;
        let page = page.ok_or(USAGE)?;
        if command == "run" {
            Ok(Self::Run(Run {
                library,
                page,
                quick,
                only,
            }))
        } else {
            let recorded = recorded.ok_or(USAGE)?;
            Ok(Self::Instructions(Check {
                library,
                recorded,
                write,
                page,
            }))
        }
    }
}
