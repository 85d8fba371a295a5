//! Parsing and formatting of timestamps: ISO 8601 and HTTP dates.

use chrono::{DateTime, SecondsFormat, Utc};
use http::HeaderMap;
use http::header::DATE;

/// The request header that carries the time at which the client sent the request, in Unix milliseconds.
pub const REQUEST_START_TIME_HEADER: &str = "x-request-start-time";

/// Why a timestamp cannot be parsed or formatted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The text does not have the named format.
    #[error("not a valid {0}")]
    Format(&'static str),
    /// The timestamp, in Unix milliseconds, is outside the supported range of years.
    #[error("the timestamp {0} ms is out of range")]
    OutOfRange(i64),
}

/// Parses and formats timestamps, which are in Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct TimestampUtils;

impl TimestampUtils {
    /// The time at which the client claims to have sent the request: `X-Request-Start-Time` if it is valid, otherwise
    /// `Date`. `None` if neither is valid. The result is only a hint, see
    /// [`WorkersClock::set_timestamp`](super::WorkersClock::set_timestamp).
    pub fn extract_from_headers(headers: &HeaderMap) -> Option<i64> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let start_ms = text(REQUEST_START_TIME_HEADER)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok());
        start_ms.or_else(|| text(DATE.as_str()).and_then(|text| Self::parse_http_date(text).ok()))
    }

    /// Formats a timestamp as ISO 8601 in UTC with milliseconds, such as `2023-11-14T22:13:20.999Z`.
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`] if the timestamp is more than about 262,000 years from now.
    pub fn format_iso8601(timestamp_ms: i64) -> Result<String, TimestampError> {
        DateTime::<Utc>::from_timestamp_millis(timestamp_ms)
            .map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true))
            .ok_or(TimestampError::OutOfRange(timestamp_ms))
    }

    /// Parses an ISO 8601 timestamp as profiled by RFC 3339, with any offset, and truncates it to milliseconds.
    ///
    /// # Errors
    /// [`TimestampError::Format`] if the text is not such a timestamp.
    pub fn parse_iso8601(text: &str) -> Result<i64, TimestampError> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| time.timestamp_millis())
            .map_err(|_| TimestampError::Format("ISO 8601 timestamp (example: 2023-11-14T22:13:20.999Z)"))
    }

    /// Parses an HTTP date in any of its three formats (RFC 9110, section 5.6.7).
    ///
    /// # Errors
    /// [`TimestampError::Format`] if the text is not an HTTP date, or the date is before 1970.
    pub fn parse_http_date(text: &str) -> Result<i64, TimestampError> {
        let error = || TimestampError::Format("HTTP date (example: Tue, 14 Nov 2023 22:13:20 GMT)");
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
    fn the_start_time_header_takes_precedence_over_the_date() {
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
    fn iso_8601_timestamps_round_trip() {
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
    fn http_dates_are_parsed_in_all_three_formats() {
        for text in ["Tue, 14 Nov 2023 22:13:20 GMT", "Tuesday, 14-Nov-23 22:13:20 GMT", "Tue Nov 14 22:13:20 2023"] {
            assert_eq!(TimestampUtils::parse_http_date(text).unwrap(), 1_700_000_000_000, "{text}");
        }
        for text in ["", "Tue, 14 Nov 2023 22:13:20", "Tue, 31 Feb 2023 22:13:20 GMT", "Thu, 01 Jan 1960 00:00:00 GMT"]
        {
            assert!(TimestampUtils::parse_http_date(text).is_err(), "{text}");
        }
    }
}
