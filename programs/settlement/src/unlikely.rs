//! Telling the compiler which way a branch goes nearly always, so that it keeps the registers for
//! that one. A batch's entry passes some forty checks that all hold.

/// `condition`, which is nearly never true.
#[inline(always)]
pub(crate) fn unlikely(condition: bool) -> bool {
    if condition {
        cold();
    }
    condition
}

/// Marks the branch that calls it as one that is nearly never taken.
#[cold]
fn cold() {}
