//! Decoding of events from the data of inner instructions or, for [`BatchSettled`], from logs.
//!
//! An event is only authentic in a successful transaction, in an inner instruction of [`crate::ID`] or a log of its own.
//! The program rejects such calls from anyone but itself.

use anchor_lang::event::EVENT_IX_TAG_LE;
use anchor_lang::{AnchorDeserialize, Discriminator};

use super::log::logged_data;
use crate::events::*;

/// Decodes exactly this event. `None` if the data is anything else, or has trailing bytes.
fn read<T: AnchorDeserialize + Discriminator>(data: &[u8]) -> Option<T> {
    read_untagged(data.strip_prefix(EVENT_IX_TAG_LE)?)
}

/// The same for data without the tag of a self-call.
fn read_untagged<T: AnchorDeserialize + Discriminator>(data: &[u8]) -> Option<T> {
    T::try_from_slice(data.strip_prefix(T::DISCRIMINATOR)?).ok()
}

impl BatchSettled {
    /// The batches that a transaction executed, in order, from its log messages. The runtime may have truncated the log.
    pub fn from_logs(logs: &[String]) -> Vec<Self> {
        logged_data(logs).iter().filter_map(|data| read_untagged(data)).collect()
    }
}

macro_rules! decode_cpi {
    ($($event:ident),+ $(,)?) => {$(
        impl $event {
            /// Decodes the event from the data of an inner instruction of this program. `None` if
            /// the data is something else.
            pub fn decode_cpi(data: &[u8]) -> Option<Self> {
                read(data)
            }
        }
    )+};
}

decode_cpi!(
    AdminChanged,
    AdminProposed,
    ClaimPaid,
    ClosedNetworkSwept,
    DestinationChanged,
    Funded,
    GuardianChanged,
    LamportsRecovered,
    Migrated,
    NetworkClosed,
    NetworkCreated,
    NetworkMint,
    NetworkUpdated,
    NodeClosed,
    NodeRegistered,
    NodeReopened,
    PaidOut,
    Paused,
    PendingSetAside,
    RentSwept,
    RentToppedUp,
    SettlerChanged,
    SurplusWithdrawn,
    ThresholdChanged,
    TokensRecovered,
    Unpaused,
    Withdrawn,
);

#[cfg(test)]
mod tests {
    use anchor_lang::Event;
    use anchor_lang::prelude::Pubkey;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::rules::SkipReason;

    fn event() -> BatchSettled {
        BatchSettled {
            network: Pubkey::new_from_array([1; 32]),
            batch_id: 2,
            sequence: 3,
            records_root: [4; 32],
            n: 60,
            credited: 5,
            paid: 6,
            credit_skips: 1 << 59 | 1 << 1,
            payout_skips: 1 << 1 | 1,
            reasons: vec![2, 5, 17, 18],
        }
    }

    fn paid_out() -> PaidOut {
        PaidOut { network: Pubkey::new_from_array([1; 32]), n: 2, paid: 3, skips: 1, reasons: vec![24] }
    }

    fn data(event: &PaidOut) -> Vec<u8> {
        [EVENT_IX_TAG_LE, &event.data()].concat()
    }

    #[test]
    fn an_event_is_decoded() {
        assert_eq!(PaidOut::decode_cpi(&data(&paid_out())), Some(paid_out()));
    }

    #[test]
    fn any_other_data_is_not_an_event() {
        let good = data(&paid_out());
        assert_eq!(PaidOut::decode_cpi(&[]), None);
        assert_eq!(PaidOut::decode_cpi(&good[..good.len() - 1]), None);
        assert_eq!(PaidOut::decode_cpi(&good[1..]), None);
        assert_eq!(PaidOut::decode_cpi(&good[8..]), None);
        assert_eq!(PaidOut::decode_cpi(&[good.as_slice(), &[0]].concat()), None);
        assert_eq!(Paused::decode_cpi(&good), None);
    }

    #[test]
    fn batches_are_decoded_from_the_logs_of_a_transaction() {
        let second = BatchSettled { sequence: 4, ..event() };
        let line = |data: &[u8]| format!("Program data: {}", STANDARD.encode(data));
        let logs = [
            format!("Program {} invoke [1]", crate::ID),
            line(&event().data()),
            line(&data(&paid_out())),
            line(&second.data()),
            format!("Program {} success", crate::ID),
        ];
        assert_eq!(BatchSettled::from_logs(&logs), [event(), second]);
    }

    #[test]
    fn each_set_bit_has_its_own_reason() {
        let event = event();
        assert_eq!(event.credit_skip_reason(0), None);
        assert_eq!(event.credit_skip_reason(1), Some(SkipReason::PerNodeCap));
        assert_eq!(event.credit_skip_reason(59), Some(SkipReason::InvalidWallet));
        assert_eq!(event.payout_skip_reason(0), Some(SkipReason::DestinationMismatch));
        assert_eq!(event.payout_skip_reason(1), Some(SkipReason::DestinationNotRentExempt));
        assert_eq!(event.payout_skip_reason(2), None);
        assert_eq!(event.credit_skip_reason(64), None);
        assert_eq!(event.payout_skip_reason(usize::MAX), None);
    }

    #[test]
    fn missing_or_unknown_reasons_are_none_but_the_bit_is_set() {
        let event = BatchSettled { reasons: vec![99], ..event() };
        assert_eq!(event.credit_skip_reason(1), None);
        assert_eq!(event.credit_skip_reason(59), None);
        assert_eq!(event.payout_skip_reason(0), None);
        assert_ne!(event.credit_skips & 1 << 1, 0);
    }
}
