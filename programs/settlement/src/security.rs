//! Whom to tell about a weakness, in the program's own bytes (<https://github.com/neodyme-labs/solana-security-txt>),
//! where explorers look for it.

use solana_security_txt::security_txt;

security_txt! {
    name: "Williw settlement",
    project_url: "https://github.com/williw/williw",
    contacts: "link:https://github.com/williw/williw/security/advisories/new",
    policy: "https://github.com/williw/williw/blob/main/SECURITY.md",
    preferred_languages: "en",
    source_code: "https://github.com/williw/williw"
}

/// Keeps the text in the binary: the linker drops what nothing uses.
#[inline(always)]
pub(crate) fn keep() {
    core::hint::black_box(SECURITY_TXT);
}
