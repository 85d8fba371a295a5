//! Wording of log messages.

use std::fmt::Display;

/// Formats a count with its noun: "1 batch", "2 nodes".
pub(super) fn plural<N: PartialEq + From<u8> + Display>(count: N, noun: &str) -> String {
    let ending = match noun {
        _ if count == N::from(1) => "",
        _ if noun.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{count} {noun}{ending}")
}

/// Whether two texts are the same but for the numbers in them.
pub(super) fn differ_only_in_numbers(one: &str, other: &str) -> bool {
    let words = |text: &str| text.chars().filter(|char| !char.is_ascii_digit()).collect::<String>();
    words(one) == words(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_agrees_with_its_count() {
        let texts = [plural(0_u64, "node"), plural(1_u64, "node"), plural(1_u64, "batch"), plural(2_u64, "batch")];
        assert_eq!(texts, ["0 nodes", "1 node", "1 batch", "2 batches"]);
    }

    #[test]
    fn texts_with_other_numbers_say_the_same_and_texts_with_other_words_do_not() {
        assert!(differ_only_in_numbers("at slot 99, behind slot 1234", "at slot 100, behind slot 9"));
        assert!(!differ_only_in_numbers("at slot 99", "at height 99"));
    }
}
