//! The manual pages in `docs/man`: what the sources know stands in them as the sources say it.

mod header;
mod mdoc;
mod parameters;

use std::collections::BTreeSet;
use std::{env, fs};

use ariws::cli::COMMANDS;
use header::Item;

const TOP: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    fs::read_to_string(format!("{TOP}/{path}")).expect(path)
}

/// Compares what stands in a page between the lines that frame a generated part. With ARIWS_WRITE_MANUAL set, it is written
/// instead.
fn compare(name: &str, part: &str, generated: &str) {
    assert!(generated.lines().count() > 2, "nothing was found for {part}");
    let path = format!("docs/man/{name}");
    let begin = format!(".\\\" Generated, {part}: `make man` writes it anew.\n");
    let end = format!(".\\\" End of {part}.\n");
    let page = read(&path);
    let (before, rest) = page.split_once(&begin).expect(part);
    let (found, after) = rest.split_once(&end).expect(part);
    if env::var_os("ARIWS_WRITE_MANUAL").is_some() {
        fs::write(format!("{TOP}/{path}"), format!("{before}{begin}{generated}{end}{after}")).expect("the page");
    } else {
        assert!(
            found == generated,
            "{path}, {part}, is not what the sources say; `make man` writes it anew"
        );
    }
}

#[test]
fn the_page_of_the_configuration_has_every_parameter() {
    compare("ariws.conf.5", "parameters", &parameters::lists());
}

#[test]
fn the_page_of_the_library_is_what_the_header_says() {
    const PAGE: &str = "libariws.3";
    let header = read("include/ariws.h");
    let items = header::items(&header);
    let each = |kind: fn(&Item) -> bool, write: fn(&Item) -> String| -> String {
        items.iter().filter(|item| kind(item)).map(write).collect()
    };
    let constants = |results: bool| -> String {
        let is_result = |item: &Item| item.name() == "ARIWS_OK" || item.name().starts_with("ARIWS_ERROR_");
        let constants = items.iter().filter(|item| item.is_constant() && is_result(item) == results);
        let list: String = constants.map(Item::in_list).collect();
        format!(".Bl -tag -width Ds\n{list}.El\n")
    };
    let functions: Vec<_> = items.iter().filter(|item| item.is_function()).collect();
    let names: Vec<_> = functions.iter().map(|item| format!(".Nm {}", item.name())).collect();
    compare(PAGE, "names", &format!("{}\n", names.join(" ,\n")));
    compare(PAGE, "synopsis", &each(Item::is_function, Item::prototype));
    compare(PAGE, "rules", &header::rules(&header));
    compare(PAGE, "functions", &each(Item::is_function, Item::described));
    compare(PAGE, "callbacks", &each(Item::is_callback, Item::described));
    compare(PAGE, "structures", &each(Item::is_structure, Item::fields));
    compare(PAGE, "results", &constants(true));
    compare(PAGE, "constants", &constants(false));

    let exported: BTreeSet<_> = read("include/ariws.exports").lines().map(str::to_owned).collect();
    assert_eq!(
        functions.iter().map(|item| item.name().to_owned()).collect::<BTreeSet<_>>(),
        exported
    );
}

/// The options that a text names, each as `word` finds them on a line.
fn options(text: &str, word: fn(&str) -> Option<&str>) -> BTreeSet<String> {
    text.lines().filter_map(word).map(str::to_owned).collect()
}

#[test]
fn the_page_of_ariws_check_has_the_options_of_its_help() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_ariws-check"))
        .arg("--help")
        .output()
        .expect("ariws-check");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let told = options(&help, |line| line.strip_prefix("  --")?.split(' ').next());
    assert!(told.len() >= 3, "{told:?}");
    let paged = options(&read("docs/man/ariws-check.1"), |line| {
        line.strip_prefix(".It Fl -")?.split(' ').next()
    });
    assert_eq!(paged, told);
}

#[test]
fn the_page_of_the_whole_has_every_command() {
    let commands: BTreeSet<_> = COMMANDS
        .iter()
        .map(|it| it.words.to_str().expect("ASCII").to_owned())
        .collect();
    let paged = options(&read("docs/man/ariws.7"), |line| {
        line.strip_prefix(".It Ic ")?
            .split(" Ar ")
            .next()
            .filter(|it| it.starts_with("ari "))
    });
    assert_eq!(paged, commands);
}

#[test]
fn the_page_of_the_whole_has_every_reason() {
    let reasons = (-40..0).map(|code| {
        // SAFETY: the function takes any number and returns static text.
        let reason = unsafe { std::ffi::CStr::from_ptr(ariws::ffi::ariws_result_reason(code)) };
        reason.to_str().expect("ASCII").to_owned()
    });
    let paged = options(&read("docs/man/ariws.7"), |line| line.strip_prefix(".It Ql "));
    assert_eq!(paged, reasons.collect::<BTreeSet<_>>());
}
