//! The events that the program emits as logs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The data that this program logged in a transaction, in order.
///
/// Only entries of this program's own invocations count: any other program in the transaction can write the same text
/// to the log. The runtime may have truncated the log.
pub(super) fn logged_data(logs: &[String]) -> Vec<Vec<u8>> {
    let own = crate::ID.to_string();
    // The programs being executed, outermost first.
    let mut stack: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for line in logs {
        let Some(text) = line.strip_prefix("Program ") else { continue };
        // What follows here is written by programs, which can imitate every other line.
        if text.starts_with("log: ") {
            continue;
        }
        if let Some(data) = text.strip_prefix("data: ") {
            if stack.last() == Some(&own.as_str()) {
                found.extend(STANDARD.decode(data));
            }
        } else if let Some((program, depth)) = invocation(text) {
            stack.truncate(depth.saturating_sub(1));
            stack.push(program);
        } else if let Some((program, _)) = text.split_once(' ').filter(|(_, rest)| is_end(rest)) {
            if stack.last() == Some(&program) {
                stack.pop();
            }
        }
    }
    found
}

/// The program and the depth of an invocation: `<program> invoke [<depth>]`.
fn invocation(text: &str) -> Option<(&str, usize)> {
    let (program, depth) = text.strip_suffix(']')?.split_once(" invoke [")?;
    Some((program, depth.parse().ok()?))
}

fn is_end(text: &str) -> bool {
    text == "success" || text.starts_with("failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: &str = "11111111111111111111111111111111";

    fn logs(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| line.replace("OWN", &crate::ID.to_string()).replace("OTHER", OTHER)).collect()
    }

    #[test]
    fn data_logged_by_the_program_is_found_in_order() {
        let logs = logs(&[
            "Program OWN invoke [1]",
            "Program log: Instruction: Credit",
            "Program data: AQI=",
            "Program OTHER invoke [2]",
            "Program OTHER success",
            "Program data: Aw==",
            "Program OWN consumed 5000 of 200000 compute units",
            "Program OWN success",
        ]);
        assert_eq!(logged_data(&logs), [vec![1, 2], vec![3]]);
    }

    #[test]
    fn data_logged_by_any_other_program_is_ignored() {
        for lines in [
            vec!["Program OTHER invoke [1]", "Program data: AQI=", "Program OTHER success"],
            vec!["Program OWN invoke [1]", "Program OTHER invoke [2]", "Program data: AQI=", "Program OTHER success"],
            vec!["Program OWN invoke [1]", "Program OWN success", "Program data: AQI="],
            vec!["Program OWN invoke [1]", "Program OWN failed: custom program error: 0x1", "Program data: AQI="],
            vec!["Program log: Program OWN invoke [1]", "Program data: AQI="],
            vec!["Program OWN invoke [1]", "Program log: Program data: AQI="],
            vec!["Program data: AQI="],
        ] {
            assert_eq!(logged_data(&logs(&lines)), Vec::<Vec<u8>>::new(), "{lines:?}");
        }
    }

    #[test]
    fn text_that_a_called_program_logs_does_not_make_its_data_look_like_the_programs() {
        let logs = logs(&[
            "Program OWN invoke [1]",
            "Program OTHER invoke [2]",
            "Program log: invoke [2]",
            "Program log: failed",
            "Program data: AQI=",
            "Program log: OTHER success",
            "Program data: AQI=",
            "Program OTHER success",
            "Program OWN success",
        ]);
        assert_eq!(logged_data(&logs), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn truncated_or_malformed_logs_lose_only_what_is_missing() {
        let logs = logs(&["Program OWN invoke [1]", "Program data: ?", "Program data: AQI=", "Log truncated"]);
        assert_eq!(logged_data(&logs), [vec![1, 2]]);
    }
}
