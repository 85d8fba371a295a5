//! Shifts a process's wall clock, for fault injection: a library to be preloaded (`LD_PRELOAD`). The environment variable
//! `WILLIW_CLOCK_OFFSET` names a file with the shift in milliseconds, which is read at each call. The monotonic clocks are
//! not changed.

use std::ffi::{c_int, c_void};

use libc::{CLOCK_REALTIME, CLOCK_REALTIME_COARSE, SYS_clock_gettime, clockid_t, syscall, time_t, timespec, timeval};

const NANOSECONDS_PER_SECOND: i64 = 1_000_000_000;

/// The shift in nanoseconds; 0 if there is no such file.
fn offset_ns() -> i64 {
    let file = std::env::var_os("WILLIW_CLOCK_OFFSET");
    let text = file.and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse::<i64>().ok()).unwrap_or(0).saturating_mul(1_000_000)
}

/// Replaces libc's function of this name.
///
/// # Safety
/// As libc's: `time` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: the caller's promise is the system call's condition.
    let result = unsafe { syscall(SYS_clock_gettime, clock, time) };
    if result == 0 && matches!(clock, CLOCK_REALTIME | CLOCK_REALTIME_COARSE) {
        // SAFETY: the system call has written to it.
        let time = unsafe { &mut *time };
        let shifted = (time.tv_sec.saturating_mul(NANOSECONDS_PER_SECOND))
            .saturating_add(time.tv_nsec)
            .saturating_add(offset_ns());
        time.tv_sec = shifted.div_euclid(NANOSECONDS_PER_SECOND);
        time.tv_nsec = shifted.rem_euclid(NANOSECONDS_PER_SECOND);
    }
    if result == 0 { 0 } else { -1 }
}

/// The shifted wall clock.
fn now() -> timespec {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for a write.
    unsafe { clock_gettime(CLOCK_REALTIME, &raw mut time) };
    time
}

/// Replaces libc's function of this name.
///
/// # Safety
/// As libc's: `time` is null or valid for a write. The time zone is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut timeval, _zone: *mut c_void) -> c_int {
    let now = now();
    if !time.is_null() {
        // SAFETY: the caller's promise.
        unsafe { time.write(timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1_000 }) };
    }
    0
}

/// Replaces libc's function of this name.
///
/// # Safety
/// As libc's: `seconds` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(seconds: *mut time_t) -> time_t {
    let now = now();
    if !seconds.is_null() {
        // SAFETY: the caller's promise.
        unsafe { seconds.write(now.tv_sec) };
    }
    now.tv_sec
}
