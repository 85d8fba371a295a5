//! Times as text: ISO 8601 and the dates of HTTP.

use chrono::{DateTime, SecondsFormat, Utc};
use http::HeaderMap;
use http::header::DATE;

/// The request header in which a client says when it sent the request, in Unix milliseconds.
pub const REQUEST_START_TIME_HEADER: &str = "x-request-start-time";

/// Why a text is no time, or a time no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// It does not have the format.
    #[error("this is no {0}")]
    Format(&'static str),
    /// It lies outside the years that the calendar covers.
    #[error("the time {0} ms is outside the calendar")]
    OutOfRange(i64),
}

/// Reads and writes times. All of them are Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct TimestampUtils;

impl TimestampUtils {
    /// When the client says that it sent the request: `X-Request-Start-Time` in milliseconds, else `Date`. `None`
    /// when there is neither or it cannot be read. A hint from outside, see
    /// [`WorkersClock::set_timestamp`](super::WorkersClock::set_timestamp).
    pub fn extract_from_headers(headers: &HeaderMap) -> Option<i64> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let start_ms = text(REQUEST_START_TIME_HEADER)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok());
        start_ms.or_else(|| text(DATE.as_str()).and_then(|text| Self::parse_http_date(text).ok()))
    }

    /// The time in UTC as ISO 8601 with milliseconds, `2023-11-14T22:13:20.999Z`.
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`] some 262,000 years from now or before.
    pub fn format_iso8601(timestamp_ms: i64) -> Result<String, TimestampError> {
        DateTime::<Utc>::from_timestamp_millis(timestamp_ms)
            .map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
            .ok_or(TimestampError::OutOfRange(timestamp_ms))
    }

    /// Reads a time in ISO 8601 as RFC 3339 profiles it, with any offset. What is finer than a millisecond is cut.
    ///
    /// # Errors
    /// [`TimestampError::Format`] when the text is none.
    pub fn parse_iso8601(text: &str) -> Result<i64, TimestampError> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| time.timestamp_millis())
            .map_err(|_| TimestampError::Format("ISO 8601 time (2023-11-14T22:13:20.999Z)"))
    }

    /// Reads a date of an HTTP header in any of its three formats (RFC 9110, section 5.6.7).
    ///
    /// # Errors
    /// [`TimestampError::Format`] when the text is none, or it is before 1970.
    pub fn parse_http_date(text: &str) -> Result<i64, TimestampError> {
        let error = || TimestampError::Format("HTTP date (Tue, 14 Nov 2023 22:13:20 GMT)");
        let date: httpdate::HttpDate = text.parse().map_err(|_| error())?;
        let since_1970 =
            std::time::SystemTime::from(date).duration_since(std::time::UNIX_EPOCH).map_err(|_| error())?;
        i64::try_from(since_1970.as_millis()).map_err(|_| error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[(&'static str, &'static str)]) -> HeaderMap {
        values.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect::<HeaderMap>()
    }

    #[test]
    fn the_clients_own_start_time_goes_before_the_date() {
        let date = ("date", "Tue, 14 Nov 2023 22:13:20 GMT");
        for (values, expected) in [
            (&[][..], None),
            (&[date], Some(1_700_000_000_000)),
            (&[("x-request-start-time", "1700000000999"), date], Some(1_700_000_000_999)),
            (&[("x-request-start-time", "soon"), date], Some(1_700_000_000_000)),
            (&[("x-request-start-time", "-1")], None),
            (&[("x-request-start-time", "")], None),
            (&[("x-request-start-time", "99999999999999999999")], None),
            (&[("date", "yesterday")], None),
        ] {
            assert_eq!(TimestampUtils::extract_from_headers(&headers(values)), expected, "{values:?}");
        }
    }

    #[test]
    fn iso_8601_is_read_as_it_is_written() {
        for (timestamp_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (1_700_000_000_999, "2023-11-14T22:13:20.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        ] {
            assert_eq!(TimestampUtils::format_iso8601(timestamp_ms).unwrap(), text);
            assert_eq!(TimestampUtils::parse_iso8601(text).unwrap(), timestamp_ms);
        }
        assert_eq!(TimestampUtils::parse_iso8601("2023-11-14T23:13:20.9999+01:00").unwrap(), 1_700_000_000_999);
        assert_eq!(TimestampUtils::format_iso8601(i64::MAX), Err(TimestampError::OutOfRange(i64::MAX)));
        for text in ["", "2023-11-14", "2023-02-30T00:00:00Z", "1700000000", "2023-11-14T22:13:20"] {
            assert!(TimestampUtils::parse_iso8601(text).is_err(), "{text}");
        }
    }

    #[test]
    fn all_three_formats_of_an_http_date_are_read() {
        for text in ["Tue, 14 Nov 2023 22:13:20 GMT", "Tuesday, 14-Nov-23 22:13:20 GMT", "Tue Nov 14 22:13:20 2023"] {
            assert_eq!(TimestampUtils::parse_http_date(text).unwrap(), 1_700_000_000_000, "{text}");
        }
        for text in ["", "Tue, 14 Nov 2023 22:13:20", "Tue, 31 Feb 2023 22:13:20 GMT", "Thu, 01 Jan 1960 00:00:00 GMT"]
        {
            assert!(TimestampUtils::parse_http_date(text).is_err(), "{text}");
        }
    }
}
