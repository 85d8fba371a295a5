//! The section of docs/BENCHMARKS.md that contains the costs.

use std::path::PathBuf;

/// The path of the page, relative to the root of the repository.
pub(crate) const PATH: &str = "docs/BENCHMARKS.md";

const BEGIN: &str = "<!-- costs:begin -->\n";
const END: &str = "<!-- costs:end -->\n";

/// The content of a cell without a figure.
const NOTHING: &str = "-";

/// A table of named rows of figures. Figures are in tenths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// The text above the table.
    text: String,
    header: Vec<String>,
    rows: Vec<(String, Vec<Option<u64>>)>,
}

/// One figure of a table.
#[derive(Debug)]
pub(crate) struct Figure {
    /// The first cell of the table's header.
    pub(crate) table: String,
    pub(crate) row: String,
    pub(crate) column: String,
    pub(crate) tenths: u64,
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}, {}", self.table, self.row, self.column)
    }
}

impl Table {
    pub(crate) fn new(text: &str, header: &[&str], rows: Vec<(String, Vec<Option<u64>>)>) -> Self {
        Self { text: text.to_owned(), header: header.iter().copied().map(String::from).collect(), rows }
    }

    pub(crate) fn figures(&self) -> Vec<Figure> {
        let columns = &self.header[1..];
        let cells = self.rows.iter().flat_map(|(row, cells)| cells.iter().zip(columns).map(move |it| (row, it)));
        cells
            .filter_map(|(row, (cell, column))| {
                let table = self.header[0].clone();
                Some(Figure { table, row: row.clone(), column: column.clone(), tenths: (*cell)? })
            })
            .collect()
    }

    fn markdown(&self) -> String {
        let mut lines = vec![self.header.clone()];
        for (name, cells) in &self.rows {
            let cells = cells.iter().map(|cell| cell.map_or(NOTHING.to_owned(), tenths));
            lines.push([name.clone()].into_iter().chain(cells).collect());
        }
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
        let widths: Vec<_> = (0..self.header.len()).map(width).collect();
        let mut text = String::new();
        for (i, line) in lines.iter().enumerate() {
            let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            text += &format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
            if i == 0 {
                let rules = widths.iter().enumerate().map(|(column, width)| {
                    if column == 0 { "-".repeat(width + 2) } else { "-".repeat(width + 1) + ":" }
                });
                text += &format!("|{}|\n", rules.collect::<Vec<_>>().join("|"));
            }
        }
        format!("{}\n\n{text}", self.text)
    }

    /// The tables in a text, without the text around them.
    fn read_all(text: &str) -> Vec<Self> {
        let mut tables: Vec<Self> = Vec::new();
        let mut is_inside = false;
        for line in text.lines() {
            let Some(cells) = line.strip_prefix('|') else {
                is_inside = false;
                continue;
            };
            let cells: Vec<_> = cells.trim_end_matches('|').split('|').map(str::trim).collect();
            if !is_inside {
                tables.push(Self::new("", &cells, vec![]));
                is_inside = true;
            } else if !cells[0].starts_with('-') {
                let figures = cells[1..].iter().map(|cell| read_tenths(cell)).collect();
                tables.last_mut().expect("the table has a header").rows.push((cells[0].to_owned(), figures));
            }
        }
        tables
    }
}

/// Formats tenths as a decimal number, or as an integer if it is one.
pub(crate) fn tenths(tenths: u64) -> String {
    match tenths % 10 {
        0 => (tenths / 10).to_string(),
        tenth => format!("{}.{tenth}", tenths / 10),
    }
}

fn read_tenths(cell: &str) -> Option<u64> {
    if cell == NOTHING {
        return None;
    }
    let (whole, tenth) = cell.split_once('.').unwrap_or((cell, "0"));
    let read = |digits: &str| digits.parse::<u64>().unwrap_or_else(|_| panic!("{cell:?} in {PATH} is not a figure"));
    Some(read(whole) * 10 + read(tenth))
}

/// The page, split around the section.
pub(crate) struct Page {
    before: String,
    section: String,
    after: String,
}

impl Page {
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(file()).expect("the page can be read");
        Self::split(&text)
    }

    /// Splits a page. If it has no section yet, the section is added at the end.
    fn split(text: &str) -> Self {
        let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
            let (section, after) = rest.split_once(END)?;
            Some((before, section, after))
        });
        let (before, section, after) = parts.unwrap_or((text, "", ""));
        Self { before: before.to_owned(), section: section.to_owned(), after: after.to_owned() }
    }

    pub(crate) fn committed(&self) -> Vec<Table> {
        Table::read_all(&self.section)
    }

    pub(crate) fn write(&mut self, tables: &[Table]) {
        let body: Vec<_> = tables.iter().map(Table::markdown).collect();
        self.section = body.join("\n");
        let Self { before, section, after } = self;
        std::fs::write(file(), format!("{before}{BEGIN}{section}{END}{after}")).expect("the page can be written");
    }
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(PATH)
}

#[test]
fn a_table_can_be_parsed_after_rendering() {
    let rows = vec![("credit".into(), vec![Some(12_345), None]), ("settle".into(), vec![Some(20_000), Some(7)])];
    let table = Table::new("", &["CU per recipient at", "1", "60"], rows);
    let text = format!("before\n{BEGIN}{}{END}after\n", table.markdown());
    let page = Page::split(&text);
    assert_eq!(page.committed(), [table]);
    assert_eq!((page.before.as_str(), page.after.as_str()), ("before\n", "after\n"));
}
