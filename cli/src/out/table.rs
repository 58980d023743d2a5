//! Tables: on a terminal, columns that matter least go first when there is no room; in a pipe nothing is cut.
use super::safe;

/// A column.
pub(crate) struct Column {
    /// Heading.
    title: &'static str,
    /// 0 stays always; the highest goes first.
    drop: u8,
    /// Coloured by its word.
    is_state: bool,
}

impl Column {
    /// A column that goes when there is no room for it; 0 stays.
    pub(crate) const fn new(title: &'static str, drop: u8) -> Self {
        Self { title, drop, is_state: false }
    }
    /// A column of states.
    pub(crate) const fn state(title: &'static str) -> Self {
        Self { title, drop: 0, is_state: true }
    }
}

/// A list for people.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table; each row has a cell for each column.
    pub(crate) fn new(columns: Vec<Column>, rows: Vec<Vec<String>>) -> Self {
        let rows = rows.into_iter().map(|row| row.iter().map(|cell| safe::line(cell)).collect()).collect();
        Self { columns, rows }
    }

    /// Whether it has no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Values with tabs between them.
    pub(crate) fn plain(&self) -> String {
        self.rows.iter().map(|row| format!("{}\n", row.join("\t"))).collect()
    }

    /// Aligned, with headings. `width` is that of the terminal; none: nothing is left out.
    pub(crate) fn for_people(&self, width: Option<usize>, colour: bool) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                self.rows
                    .iter()
                    .filter_map(|row| row.get(i))
                    .map(|cell| cell.chars().count())
                    .chain([column.title.len()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut shown: Vec<bool> = vec![true; self.columns.len()];
        let total = |shown: &[bool]| {
            widths.iter().zip(shown).filter(|(_, s)| **s).map(|(w, _)| w + 2).sum::<usize>().saturating_sub(2)
        };
        if let Some(width) = width {
            while total(&shown) > width {
                let least = self
                    .columns
                    .iter()
                    .enumerate()
                    .filter(|(i, column)| column.drop > 0 && shown.get(*i) == Some(&true))
                    .max_by_key(|(_, column)| column.drop)
                    .map(|(i, _)| i);
                match least.and_then(|i| shown.get_mut(i)) {
                    Some(flag) => *flag = false,
                    None => break,
                }
            }
        }
        let mut out = String::new();
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_uppercase()).collect();
        for (is_head, row) in std::iter::once((true, &titles)).chain(self.rows.iter().map(|row| (false, row)))
        {
            let mut line = String::new();
            for (((column, cell), width), shown) in self.columns.iter().zip(row).zip(&widths).zip(&shown) {
                if *shown {
                    let padding = " ".repeat(width.saturating_sub(cell.chars().count()) + 2);
                    let code = if is_head {
                        Some("1")
                    } else if column.is_state {
                        colour_of(cell)
                    } else {
                        None
                    };
                    match code.filter(|_| colour) {
                        Some(code) => line.push_str(&format!("\u{1b}[{code}m{cell}\u{1b}[0m{padding}")),
                        None => line.push_str(&format!("{cell}{padding}")),
                    }
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Colour of a state; never the only sign, the word stands there.
fn colour_of(word: &str) -> Option<&'static str> {
    match word {
        "active" | "approved" | "live" | "works" | "eligible" => Some("32"),
        "pending" | "scheduled" | "ending" | "revoking" | "intended" => Some("33"),
        "denied" | "lapsed" | "fails" | "overdue" => Some("31"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::new(
            vec![Column::new("Role", 0), Column::state("State"), Column::new("Purpose", 9)],
            vec![vec!["db-read".to_owned(), "active".to_owned(), "look into orders\u{1b}[31m".to_owned()]],
        )
    }

    #[test]
    fn columns_go_when_there_is_no_room() {
        assert_eq!(
            table().for_people(None, false),
            "ROLE     STATE   PURPOSE\ndb-read  active  look into orders[31m\n"
        );
        assert_eq!(table().for_people(Some(20), false), "ROLE     STATE\ndb-read  active\n");
        assert_eq!(
            table().for_people(Some(3), false),
            "ROLE     STATE\ndb-read  active\n",
            "what matters stays"
        );
    }

    #[test]
    fn plain_and_colour() {
        assert_eq!(table().plain(), "db-read\tactive\tlook into orders[31m\n");
        assert!(table().for_people(None, true).contains("\u{1b}[32mactive\u{1b}[0m"));
    }
}
