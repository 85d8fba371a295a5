//! Branch prediction hints, by which the compiler assigns registers to the common path. Each entry of a
//! batch passes about forty checks that nearly always hold.

/// Returns `condition`, which is almost always `false`.
#[inline(always)]
pub(crate) fn unlikely(condition: bool) -> bool {
    if condition {
        cold();
    }
    condition
}

/// Marks the branch that calls it as rarely taken.
#[cold]
fn cold() {}
