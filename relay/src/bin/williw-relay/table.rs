//! Tables on a terminal.

use std::fmt;

/// Rows of texts in aligned columns, below a line of headings.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Which columns hold numbers and are aligned to the right.
    numeric: Vec<bool>,
}

impl Table {
    /// A table with these headings. Those that begin with '#' are of numbers.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self {
            rows: vec![headings.iter().map(|heading| heading.trim_start_matches('#').to_owned()).collect()],
            numeric: headings.iter().map(|heading| heading.starts_with('#')).collect(),
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether it has no rows but the headings.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.numeric.len()).map(width).collect();
        for (position, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for ((cell, width), numeric) in row.iter().zip(&widths).zip(&self.numeric) {
                let width = *width;
                line.push_str(&if *numeric { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") });
            }
            let end = if position == 0 { "" } else { "\n" };
            write!(f, "{end}{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_aligned_to_the_left_and_numbers_to_the_right() {
        let mut table = Table::new(&["NODE", "#LAMPORTS", "CAUSE"]);
        assert!(table.is_empty());
        table.row(["a".to_owned(), "5".to_owned(), "closed".to_owned()]);
        table.row(["node-2".to_owned(), "1500000000".to_owned(), "x".to_owned()]);
        let lines = ["NODE      LAMPORTS  CAUSE", "a                5  closed", "node-2  1500000000  x"];
        assert_eq!(table.to_string(), lines.join("\n"));
    }
}
