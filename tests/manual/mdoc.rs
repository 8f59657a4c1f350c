//! Text as comments and Markdown have it, in the language of manual pages (mdoc).

/// What mandoc asks a line of the source to be at most.
const WIDTH: usize = 80;

/// Paragraphs, lists and code between fences.
pub fn page(text: &str) -> String {
    let mut page = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            page.push_str(".Pp\n");
        } else if line.starts_with("```") {
            let code: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            page.push_str(&literal(&code.join("\n")));
            lines.next_if(|line| line.is_empty());
        } else {
            let mut block = vec![line];
            while let Some(more) = lines.next_if(|line| !line.is_empty() && !line.starts_with("```")) {
                block.push(more);
            }
            page.push_str(&paragraph(&block));
        }
    }
    // A list and a display have a distance of their own.
    page.replace(".Pp\n.Bd", ".Bd")
        .replace(".Pp\n.Bl", ".Bl")
        .replace(".Pp\n.Pp\n", ".Pp\n")
}

/// Lines without an empty one among them: running text, items that begin with a dash, or both.
fn paragraph(lines: &[&str]) -> String {
    let mut text = String::new();
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        let into = match line.trim_start().strip_prefix("- ") {
            Some(item) => {
                items.push(item.to_owned());
                continue;
            }
            None => items.last_mut().unwrap_or(&mut text),
        };
        if !into.is_empty() {
            into.push(' ');
        }
        into.push_str(line.trim());
    }
    let mut page = sentences(&text);
    if !items.is_empty() {
        let items: String = items.iter().map(|item| format!(".It\n{}", sentences(item))).collect();
        page.push_str(&format!(".Bl -dash\n{items}.El\n"));
    }
    page
}

/// Code as it stands.
pub fn literal(code: &str) -> String {
    let lines: String = code.lines().map(|line| format!("{}\n", guarded(&escaped(line)))).collect();
    format!(".Bd -literal\n{lines}.Ed\n")
}

/// Running text, each sentence on lines of its own, with code between backticks in bold.
pub fn sentences(text: &str) -> String {
    // Blanks inside code do not part words, so that a font begins and ends on one line.
    const BLANK: &str = "\u{a0}";
    let parts = without_links(text);
    let parts = parts.split('`').enumerate().map(|(number, part)| match number % 2 {
        0 => escaped(part),
        _ => format!("\\fB{}\\fR", escaped(part).replace(' ', BLANK)),
    });
    let mut page = String::new();
    let mut line = String::new();
    let mut end = |line: &mut String| {
        page.push_str(&guarded(&line.replace(BLANK, "\\ ")));
        page.push('\n');
        line.clear();
    };
    // As mandoc would have the names of functions.
    let parts = parts.map(|part| part.replace("fork()", "\\fBfork\\fR()"));
    for word in parts.collect::<String>().split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            end(&mut line);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if ends_sentence(word) {
            end(&mut line);
        }
    }
    if !line.is_empty() {
        end(&mut line);
    }
    page
}

/// Not so the dots of `e.g.`.
fn ends_sentence(word: &str) -> bool {
    let bare = word.trim_end_matches([')', '"']);
    bare.ends_with(['.', '?', '!']) && !bare.ends_with("e.g.")
}

/// Without the addresses of links, which no page can follow.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        match link
            .split_once("](")
            .and_then(|(shown, after)| Some((shown, after.split_once(')')?.1)))
        {
            Some((shown, after)) if !shown.contains(']') => {
                plain.push_str(shown);
                rest = after;
            }
            _ => {
                plain.push('[');
                rest = link;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// What has another meaning to the formatter, or another look than in a program.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            '`' => escaped.push_str("\\(ga"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// With a capital letter at its beginning and a period at its end.
pub fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    let period = (!text.ends_with('.')).then_some('.');
    first.into_iter().chain(characters).chain(period).collect()
}

/// A line that begins with a dot or an apostrophe is not text to the formatter.
fn guarded(line: &str) -> String {
    match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line.to_owned(),
    }
}

#[test]
fn sentences_have_lines_of_their_own_and_code_is_bold() {
    let page = sentences("It is `a b`, see [there](x.md#y). As [1] says, e.g. twice. 'So'");
    assert_eq!(page, "It is \\fBa\\ b\\fR, see there.\nAs [1] says, e.g. twice.\n\\&'So'\n");
}

#[test]
fn no_line_of_running_text_is_too_long() {
    let page = sentences(&"`code of some length` and words, ".repeat(40));
    assert!(page.lines().all(|line| line.len() <= WIDTH), "{page}");
    assert!(page.lines().count() > 10);
}

#[test]
fn dashes_are_lists_and_fences_displays() {
    let text = "Two:\n\n- one,\n  in two lines\n- two\n\n```\n.x \\\n```\nend";
    assert_eq!(
        page(text),
        "Two:\n.Bl -dash\n.It\none, in two lines\n.It\ntwo\n.El\n.Bd -literal\n\\&.x \\e\n.Ed\nend\n"
    );
}
