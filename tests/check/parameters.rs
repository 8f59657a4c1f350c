//! The document of the parameters.

use std::{env, fs};

use crate::check;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/parameters.md");

/// With ARIWS_WRITE_PARAMETERS set, the file is written instead.
#[test]
fn the_document_of_the_parameters_is_up_to_date() {
    let (text, status) = check(&["--parameters"]);
    assert_eq!(status, 0);
    if env::var_os("ARIWS_WRITE_PARAMETERS").is_some() {
        fs::write(DOCUMENT, &text).expect("the document");
    }
    assert!(
        fs::read_to_string(DOCUMENT).expect("the document") == text,
        "docs/parameters.md is not what the table says; `make parameters` writes it anew"
    );
}
