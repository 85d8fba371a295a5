//! The contact for security reports, embedded in the program's binary as a
//! [security.txt](https://github.com/neodyme-labs/solana-security-txt), where explorers look for it.
//!
//! Two environment variables, read when the program is built, describe the deployment:
//!
//! | variable | field | example |
//! |---|---|---|
//! | `WILLIW_SECURITY_CONTACT` | `contacts`: a comma-separated list of `type:value`, where the type is `email`, `link`, `discord`, `telegram`, `twitter` or `other` | `email:security@example.com` |
//! | `WILLIW_SOURCE_CODE` | `source_code` and `project_url`: a URL | `https://example.com/williw` |
//!
//! If a variable is unset or empty, the text says that the operator has not set one.

use solana_security_txt::{SECURITY_TXT_BEGIN, SECURITY_TXT_END};

/// The text, as explorers parse it.
#[cfg_attr(target_os = "solana", unsafe(link_section = ".security.txt"))]
#[unsafe(no_mangle)]
static SECURITY_TXT: &str = match core::str::from_utf8(&BYTES) {
    Ok(text) => text,
    Err(_) => "",
};

const CONTACTS: &str = or(option_env!("WILLIW_SECURITY_CONTACT"), "other:the operator has not set a contact");
const SOURCE_CODE: &str = or(option_env!("WILLIW_SOURCE_CODE"), "the operator has not set a URL");
const POLICY: &str =
    "Report vulnerabilities privately to the contact. For the scope, see the source code's SECURITY.md";

const PARTS: &[&str] = &[
    SECURITY_TXT_BEGIN,
    "name\0Williw settlement\0project_url\0",
    SOURCE_CODE,
    "\0contacts\0",
    CONTACTS,
    "\0policy\0",
    POLICY,
    "\0preferred_languages\0en\0source_code\0",
    SOURCE_CODE,
    "\0",
    SECURITY_TXT_END,
];

const BYTES: [u8; total_len(PARTS)] = join(PARTS);

const fn or(value: Option<&'static str>, default: &'static str) -> &'static str {
    match value {
        Some(value) if !value.is_empty() => value,
        _ => default,
    }
}

const fn total_len(mut parts: &[&str]) -> usize {
    let mut len = 0;
    while let Some((part, rest)) = parts.split_first() {
        len += part.len();
        parts = rest;
    }
    len
}

const fn join<const N: usize>(mut parts: &[&str]) -> [u8; N] {
    let mut joined = [0; N];
    let mut free = joined.as_mut_slice();
    while let Some((part, rest)) = parts.split_first() {
        #[expect(clippy::mem_replace_with_default, reason = "`mem::take` is not const")]
        let (head, tail) = core::mem::replace(&mut free, &mut []).split_at_mut(part.len());
        head.copy_from_slice(part.as_bytes());
        free = tail;
        parts = rest;
    }
    joined
}

/// Keeps the text in the binary: the linker drops what nothing uses.
#[inline(always)]
pub(crate) fn keep() {
    core::hint::black_box(SECURITY_TXT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_every_required_field() {
        keep();
        let parsed = solana_security_txt::find_and_parse(SECURITY_TXT.as_bytes()).expect("a security.txt");
        assert_eq!(parsed.name, "Williw settlement");
        assert_eq!(parsed.project_url, SOURCE_CODE);
        assert_eq!(parsed.source_code.as_deref(), Some(SOURCE_CODE));
        assert_eq!(parsed.policy, POLICY);
        assert_eq!(parsed.contacts.len(), CONTACTS.split(',').count());
    }

    #[test]
    fn an_unset_or_empty_setting_says_so() {
        assert_eq!(or(None, "not set"), "not set");
        assert_eq!(or(Some(""), "not set"), "not set");
        assert_eq!(or(Some("email:security@example.com"), "not set"), "email:security@example.com");
    }
}
