//! `include/ariws.h` in `libariws(3)`: its rules, and each thing that it declares with the comment above.

use crate::mdoc::{literal, page, sentence, sentences};

/// The comment above a declaration, without its slashes, and the declaration.
pub struct Item {
    comment: String,
    declaration: String,
}

/// Everything that the header declares with a comment, but for what is there for dlsym and for compilers.
pub fn items(header: &str) -> Vec<Item> {
    let (declarations, _) = header.split_once("\n// Calls FUNCTION").expect("the list of functions");
    let mut items = Vec::new();
    let (mut comment, mut declaration) = (String::new(), String::new());
    for line in declarations.lines() {
        let inside = !declaration.is_empty();
        match line.strip_prefix("//") {
            Some(text) if !inside => {
                comment.push_str(text.strip_prefix(' ').unwrap_or(text));
                comment.push('\n');
            }
            _ if !inside && (line.is_empty() || comment.is_empty()) => comment.clear(),
            _ => {
                declaration.push_str(line);
                declaration.push('\n');
                let complete = if declaration.starts_with('#') {
                    !line.ends_with('\\')
                } else if declaration.contains('{') {
                    line.starts_with('}')
                } else {
                    line.ends_with(';')
                };
                if complete {
                    let comment = std::mem::take(&mut comment);
                    let declaration = std::mem::take(&mut declaration);
                    items.push(Item { comment, declaration });
                }
            }
        }
    }
    // A comment above several macros.
    items.retain(|item| !(item.is_constant() && item.name().ends_with("_INIT")));
    items
}

/// The rules at the top of the header.
pub fn rules(header: &str) -> String {
    let (comment, _) = header.split_once("*/").expect("the comment at the top");
    let (_, rules) = comment
        .split_once("Rules that hold for every function:\n")
        .expect("the rules");
    let lines = rules.lines().map(|line| line.trim_start_matches(" *"));
    let text: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    page(text.join("\n").trim())
}

impl Item {
    /// The name of what is declared.
    pub fn name(&self) -> &str {
        let declaration = self.declaration.as_str();
        let name = if let Some(define) = declaration.strip_prefix("#define ") {
            define.split(' ').next()
        } else if let Some((_, callback)) = declaration.split_once("(*") {
            callback.split(')').next()
        } else if self.is_structure() {
            declaration
                .split(['{', ';', ' ', '\n'])
                .find(|word| word.starts_with("ariws_"))
        } else {
            declaration
                .split('(')
                .next()
                .and_then(|before| before.rsplit([' ', '*']).next())
        };
        name.expect(declaration).trim()
    }

    pub fn is_function(&self) -> bool {
        !self.declaration.starts_with('#') && !self.declaration.starts_with("typedef")
    }

    pub fn is_constant(&self) -> bool {
        self.declaration.starts_with('#')
    }

    pub fn is_callback(&self) -> bool {
        self.declaration.starts_with("typedef") && self.declaration.contains("(*")
    }

    pub fn is_structure(&self) -> bool {
        self.declaration.starts_with("typedef struct")
    }

    /// Of a function, for the synopsis.
    pub fn prototype(&self) -> String {
        let name = self.name();
        let (result, parameters) = self.declaration.split_once(&format!("{name}(")).expect(name);
        let (parameters, _) = parameters.split_once(");").expect(name);
        let parameters: String = parameters
            .split(',')
            .map(|it| format!(".Fa \"{}\"\n", it.split_whitespace().collect::<Vec<_>>().join(" ")))
            .collect();
        format!(".Ft {}\n.Fo {name}\n{parameters}.Fc\n", result.trim())
    }

    /// Of a function or a callback, its comment below its name.
    pub fn described(&self) -> String {
        let declaration = match self.is_callback() {
            true => literal(&self.declaration),
            false => String::new(),
        };
        format!(".Ss {}\n{declaration}{}", self.name(), commented(&self.comment))
    }

    /// Of a structure, its comment and its fields.
    pub fn fields(&self) -> String {
        let mut comment = String::new();
        let mut fields = String::new();
        for line in self.declaration.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("//") {
                comment.push_str(text.strip_prefix(' ').unwrap_or(text));
                comment.push('\n');
            } else if let Some(field) = line.strip_suffix(';').filter(|_| !line.starts_with('}')) {
                fields.push_str(&format!(".It Va \"{field}\"\n{}", page(comment.trim_end())));
                comment.clear();
            }
        }
        let fields = match fields.is_empty() {
            true => fields,
            false => format!(".Bl -tag -width Ds\n{fields}.El\n"),
        };
        format!(".Ss {}\n{}{fields}", self.name(), page(self.comment.trim_end()))
    }

    /// Of a constant, an item of a list.
    pub fn in_list(&self) -> String {
        let value = self.declaration.trim().rsplit(' ').next().unwrap_or_default();
        let value = value.trim_matches(['(', ')']).replace('-', "\\-");
        format!(".It Dv {} Pq {value}\n{}", self.name(), page(self.comment.trim_end()))
    }
}

/// A comment, its parameters as a list.
fn commented(comment: &str) -> String {
    let blocks = comment.trim_end().split("\n\n").map(|block| match block.starts_with('@') {
        true => parameters(block),
        false => page(block),
    });
    blocks.collect::<Vec<_>>().join(".Pp\n").replace(".Pp\n.B", ".B")
}

/// Lines that begin with `@param` or `@return`, and those that go on.
fn parameters(block: &str) -> String {
    let mut list = String::new();
    let mut result = String::new();
    for entry in block.split('@').skip(1) {
        let entry = entry.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(parameter) = entry.strip_prefix("param ") {
            let (name, about) = parameter.split_once(' ').expect(parameter);
            list.push_str(&format!(".It Fa {name}\n{}", sentences(&sentence(about))));
        } else {
            let (_, about) = entry.split_once(' ').expect(&entry);
            result = format!(".Pp\n{}", sentences(&sentence(&format!("returns {about}"))));
        }
    }
    match list.is_empty() {
        true => result.trim_start_matches(".Pp\n").to_owned(),
        false => format!(".Bl -tag -width Ds\n{list}.El\n{result}"),
    }
}
