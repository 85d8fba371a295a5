//! Decoding of events from the data of inner instructions.
//!
//! An event is only authentic in an inner instruction of [`crate::ID`] in a successful transaction. The
//! program rejects such calls from anyone but itself.

use anchor_lang::event::EVENT_IX_TAG_LE;
use anchor_lang::{AnchorDeserialize, Discriminator};

use crate::events::*;

/// Decodes exactly this event. `None` if the data is anything else, or has trailing bytes.
fn read<T: AnchorDeserialize + Discriminator>(data: &[u8]) -> Option<T> {
    let fields = data.strip_prefix(EVENT_IX_TAG_LE)?.strip_prefix(T::DISCRIMINATOR)?;
    T::try_from_slice(fields).ok()
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
    BatchSettled,
    DestinationChanged,
    Funded,
    GuardianChanged,
    Migrated,
    NetworkCreated,
    NetworkMint,
    NetworkUpdated,
    NodeClosed,
    NodeRegistered,
    NodeReopened,
    PaidOut,
    Paused,
    SettlerChanged,
    SurplusWithdrawn,
    ThresholdChanged,
    Unpaused,
    Withdrawn,
);

#[cfg(test)]
mod tests {
    use anchor_lang::Event;
    use anchor_lang::prelude::Pubkey;

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

    fn data(event: &BatchSettled) -> Vec<u8> {
        [EVENT_IX_TAG_LE, &event.data()].concat()
    }

    #[test]
    fn an_event_is_decoded() {
        assert_eq!(BatchSettled::decode_cpi(&data(&event())), Some(event()));
    }

    #[test]
    fn any_other_data_is_not_an_event() {
        let good = data(&event());
        assert_eq!(BatchSettled::decode_cpi(&[]), None);
        assert_eq!(BatchSettled::decode_cpi(&good[..good.len() - 1]), None);
        assert_eq!(BatchSettled::decode_cpi(&good[1..]), None);
        assert_eq!(BatchSettled::decode_cpi(&[good.as_slice(), &[0]].concat()), None);
        assert_eq!(Paused::decode_cpi(&good), None);
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
