//! Text for a terminal.

pub(super) use crate::text::visible as shown;

/// Appends `cell` and blanks up to `width` bytes, then one more blank. Asterisk counts bytes too, and never cuts
/// (recorded).
fn push_cell(output: &mut String, cell: &str, width: usize) {
    output.push_str(cell);
    output.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.len()) + 1));
}

/// Appends a line of a table: each cell but the last one padded to the width of its column.
pub(super) fn push_row<const COLUMNS: usize>(output: &mut String, widths: [usize; COLUMNS], cells: [&str; COLUMNS]) {
    if let Some((last, padded)) = cells.split_last() {
        padded
            .iter()
            .zip(widths)
            .for_each(|(cell, width)| push_cell(output, cell, width));
        output.push_str(last);
    }
    output.push('\n');
}

/// Appends the line of dashes below the heading of a table.
pub(super) fn push_dashes<const COLUMNS: usize>(output: &mut String, widths: [usize; COLUMNS]) {
    let dashes = widths.map(|width| "-".repeat(width));
    push_row(output, widths, dashes.each_ref().map(String::as_str));
}

/// Appends `label =`, padded to Asterisk's column of values (recorded), and the value.
pub(super) fn push_setting(output: &mut String, label: &str, value: &str) {
    push_cell(output, &format!("{label} ="), 24);
    output.push_str(&shown(value));
    output.push('\n');
}

/// A boolean as Asterisk shows it.
pub(super) fn yes_or_no(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_padded_by_bytes_and_never_cut() {
        let mut output = String::new();
        push_cell(&mut output, "é", 4);
        push_cell(&mut output, "longer", 4);
        assert_eq!(output, "é   longer ");
    }
}
