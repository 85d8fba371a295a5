//! Addresses in JSON: base58 text or null (for `#[serde(with = …)]`).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use solana_pubkey::Pubkey;

pub(super) fn serialize<S: Serializer>(address: &Option<Pubkey>, serializer: S) -> Result<S::Ok, S::Error> {
    address.map(|address| address.to_string()).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pubkey>, D::Error> {
    Option::<String>::deserialize(deserializer)?
        .map(|text| text.parse().map_err(|_| D::Error::custom(format!("'{text}' is not an address in base58"))))
        .transpose()
}
