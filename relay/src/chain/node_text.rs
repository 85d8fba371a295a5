//! Text that an RPC node has sent, as it can be stored and shown.

/// How many characters of it are kept: enough for every message of Agave's RPC nodes.
const MAX_CHARS: usize = 500;

/// The text without control characters, which could change what a terminal shows, and cut after [`MAX_CHARS`] characters: a response
/// can have megabytes, and what a node says of itself is kept in the ledger and in logs.
pub(super) fn shown(text: &str) -> String {
    let mut characters = text.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char });
    let mut shown: String = characters.by_ref().take(MAX_CHARS).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_node_is_bounded_and_moves_no_cursor() {
        assert_eq!(shown("Blockhash not found"), "Blockhash not found");
        assert_eq!(shown("a\u{1b}[2J\r\nb"), "a\u{fffd}[2J\u{fffd}\u{fffd}b");
        assert_eq!(shown(&"ü".repeat(MAX_CHARS)), "ü".repeat(MAX_CHARS));
        assert_eq!(shown(&"ü".repeat(8 << 20)), "ü".repeat(MAX_CHARS) + "…");
    }
}
