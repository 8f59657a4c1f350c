//! `include/ariws.h` is what cbindgen makes of the sources, and agrees with the library.

use std::path::Path;
use std::{env, fs};

const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/ariws.h");

fn generated() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).expect("cbindgen.toml");
    let bindings = cbindgen::Builder::new()
        .with_src(folder.join("src/ffi/mod.rs"))
        .with_config(config)
        .generate()
        .expect("a header");
    let mut header = Vec::new();
    bindings.write(&mut header);
    let header = String::from_utf8(header).expect("UTF-8");
    with_function_types(&with_initializers(&in_words_of_c(&with_parentheses(&header))))
}

/// Without headings that mean something to readers of Rust only, and without the promise under them that the rules at the
/// top of the header ask of all; what else stands there stays.
fn in_words_of_c(header: &str) -> String {
    const PROMISE: &str = "// Pointers are NULL or valid for what they stand for";
    let text: String = header
        .replace(&format!("//\n// # Safety\n{PROMISE}.\n"), "")
        .replace(&format!("{PROMISE}; "), "// ")
        .split_inclusive('\n')
        .filter(|line| line.trim() != "// # Safety")
        .collect();
    text.replace("\n\n\n\n", "\n\n")
}

/// With an initializer of each structure that begins with its size and that a host fills in.
fn with_initializers(header: &str) -> String {
    const VERSION: &str = "#define ARIWS_VERSION ";
    let (before, rest) = header.split_once(VERSION).expect("the version");
    let (version, after) = rest.split_once('\n').expect("its line");
    let mut text = String::from("// Initializers: everything absent but the size.\n");
    for (name, structure) in [
        ("HOST", "ariws_host"),
        ("OPTIONS", "ariws_options"),
        ("INBOUND", "ariws_inbound"),
        ("TRUSTED_EVENT", "ariws_trusted_event"),
        ("CLI_COMMAND", "ariws_cli_command"),
    ] {
        let begin = format!("typedef struct {structure} {{\n");
        let (_, fields) = header.split_once(&begin).expect(structure);
        let (fields, _) = fields.split_once("\n}").expect(structure);
        let is_field = |line: &&str| line.ends_with(';') && !line.trim_start().starts_with("//");
        let fields = fields.lines().filter(is_field).skip(1);
        let absent = fields.map(|field| match field.contains('*') || field.contains("_callback ") {
            true => "NULL",
            false => "0",
        });
        let absent = absent.collect::<Vec<_>>().join(", ");
        text.push_str(&format!(
            "#define ARIWS_{name}_INIT \\\n    {{sizeof({structure}), {absent}}}\n"
        ));
    }
    format!("{before}\n{VERSION}{version}\n\n{text}\n{}", after.trim_start())
}

/// Negative numbers in parentheses, so that they are one operand wherever a macro stands.
fn with_parentheses(header: &str) -> String {
    let mut parenthesized = String::with_capacity(header.len());
    for line in header.split_inclusive('\n') {
        match line.trim_end().rsplit_once(" -") {
            Some((name, number)) if line.starts_with("#define ARIWS_") => {
                parenthesized.push_str(&format!("{name} (-{number})\n"));
            }
            _ => parenthesized.push_str(line),
        }
    }
    parenthesized
}

/// With a type for each function, and a list of them, for hosts that look them up with dlsym.
fn with_function_types(header: &str) -> String {
    const END: &str = "#ifdef __cplusplus\n}  // extern";
    let (before, end) = header.rsplit_once(END).expect("the end");
    let mut list = Vec::new();
    let mut types = String::new();
    for name in exports() {
        let short = name.strip_prefix("ariws_").expect("the prefix");
        list.push(format!("FUNCTION({short})"));
        types.push_str(&function_type(before, &name));
    }
    let list = list.join(" \\\n    ");
    format!(
        "{before}// Calls FUNCTION with the name of each function, without `ariws_`: for a host that finds them with dlsym.\n\
         #define ARIWS_FUNCTIONS(FUNCTION) \\\n    {list}\n\n\
         // Pointers to the functions.\n{types}\n{END}{end}"
    )
}

/// The type of a pointer to a function that the header declares.
fn function_type(header: &str, name: &str) -> String {
    let parenthesis = format!("{name}(");
    let mut declarations = header.match_indices(&parenthesis).filter_map(|(place, _)| {
        let line = header.get(..place)?.rfind('\n')? + 1;
        let result = header.get(line..place)?;
        // Nothing but a type stands before it, as in no comment.
        let is_type = result.ends_with([' ', '*']) && !result.contains("//");
        let (parameters, _) = header.get(place + parenthesis.len()..)?.split_once(");")?;
        is_type.then_some((result.trim_end(), parameters))
    });
    let (result, parameters) = declarations.next().expect(name);
    let blank = if result.ends_with('*') { "" } else { " " };
    let mut text = format!("typedef {result}{blank}(*{name}_function)(");
    let mut column = text.len();
    for (index, parameter) in parameters.split(',').enumerate() {
        let parameter = parameter.split_whitespace().collect::<Vec<_>>().join(" ");
        let comma = if index == 0 { "" } else { "," };
        if column + parameter.len() > 110 {
            text.push_str(&format!("{comma}\n    {parameter}"));
            column = 4 + parameter.len();
        } else {
            let blank = if index == 0 { "" } else { " " };
            text.push_str(&format!("{comma}{blank}{parameter}"));
            column += parameter.len() + 2;
        }
    }
    text.push_str(");\n");
    text
}

/// The names of the functions that the library exports.
fn exports() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/include/ariws.exports");
    let listed = fs::read_to_string(path).expect("the list of exports");
    listed.lines().map(str::to_owned).collect()
}

/// With ARIWS_WRITE_HEADER set, the file is written instead.
#[test]
fn the_header_is_up_to_date() {
    let header = generated();
    if env::var_os("ARIWS_WRITE_HEADER").is_some() {
        fs::write(HEADER, &header).expect("the header");
    }
    let checked_in = fs::read_to_string(HEADER).expect("the header");
    assert!(
        header == checked_in,
        "include/ariws.h is not what the sources say; `make header` writes it anew"
    );
}

#[test]
fn the_version_of_the_header_is_the_packages() {
    let version = format!("#define ARIWS_VERSION \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(generated().contains(&version), "cbindgen.toml must say {version}");
}

#[test]
fn the_abi_version_is_part_of_the_soname() {
    let build = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs")).expect("build.rs");
    let soname = format!("const ABI_VERSION: u32 = {};", ariws::ffi::ARIWS_ABI_VERSION);
    assert!(build.contains(&soname), "build.rs must say {soname}");
}

/// The library's file is named with its version, and found by its SONAME.
#[test]
fn the_abi_version_is_the_major_version() {
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    assert_eq!(ariws::ffi::ARIWS_ABI_VERSION.to_string(), major, "see docs/abi-stability.md");
}

/// A panic that left an exported function would end the host.
#[test]
fn every_exported_function_is_guarded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi");
    let mut exports = 0;
    for entry in fs::read_dir(folder).expect("src/ffi") {
        let source = fs::read_to_string(entry.expect("an entry").path()).expect("a source");
        for function in source.split("#[unsafe(no_mangle)]").skip(1) {
            let body = function.split("\n}\n").next().unwrap_or_default();
            assert!(body.contains("guard"), "not guarded: {body}");
            exports += 1;
        }
    }
    assert_eq!(exports, self::exports().len());
}

#[test]
fn numbers_below_zero_stand_in_parentheses() {
    let header = generated();
    let negative: Vec<_> = header
        .lines()
        .filter(|line| line.starts_with("#define ") && line.contains('-'))
        .collect();
    assert!(negative.contains(&"#define ARIWS_ERROR_NULL (-1)"));
    assert!(negative.iter().all(|line| line.ends_with(')')), "{negative:#?}");
}

#[test]
fn no_line_is_longer_than_a_screen_is_wide() {
    let header = generated();
    let long: Vec<_> = header.lines().filter(|line| line.len() > 120).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_exported_function_has_a_type_and_stands_in_the_list() {
    let header = generated();
    for name in exports() {
        let its_type = format!("(*{name}_function)(");
        assert_eq!(header.matches(&its_type).count(), 1, "{name}");
        let short = name.strip_prefix("ariws_").expect("the prefix");
        assert!(header.contains(&format!("    FUNCTION({short})")), "{name}");
    }
}
