//! The Worker's settings: variables and secrets, validated when they are used.
//!
//! A missing or invalid setting affects only what depends on it. The error names the setting and says how to fix it.
//! No error message and no `Debug` output contains the value of a secret or the RPC URL, which can include an access
//! token.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde_json::json;
use settlement::client::NetworkId;
use sha2::{Digest, Sha256};
use solana_pubkey::Pubkey;
use subtle::ConstantTimeEq;
use williw_relay::chain::throttle::DEFAULT_REQUESTS_PER_SECOND;
use williw_relay::engine::{EngineConfig, FormatChoice, NetworkRef};
use williw_relay::ledger::retention::DEFAULT_RETENTION_DAYS;
use williw_relay::signer::SecretKey;
use williw_relay::transaction::Format;
use williw_relay::types::{RewardRate, RewardRateError};
use worker::Url;

use crate::web::error::{ApiError, ErrorCode};

/// The raw value of a setting in the environment.
#[derive(Clone)]
pub(crate) enum Setting {
    Missing,
    /// A value that is not a string.
    NotText,
    Text(String),
}

/// Why a setting cannot be used. Never contains the setting's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingError {
    pub setting: &'static str,
    /// Whether the setting is missing, as opposed to invalid.
    pub missing: bool,
    /// What is wrong and how to fix it.
    pub problem: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl SettingError {
    /// The code that the API reports.
    pub(crate) fn code(&self) -> ErrorCode {
        if self.missing { ErrorCode::SettingMissing } else { ErrorCode::SettingInvalid }
    }
}

impl From<SettingError> for ApiError {
    fn from(error: SettingError) -> Self {
        Self::new(error.code(), error.to_string()).with_details(json!({ "setting": error.setting }))
    }
}

const ADMIN_KEY: &str = "WILLIW_ADMIN_KEY";
const LAMPORTS_PER_SCORE: &str = "LAMPORTS_PER_SCORE";
const MAX_COMPUTE_UNIT_PRICE: &str = "MAX_COMPUTE_UNIT_PRICE";
const MAX_FEES_PER_SETTLEMENT: &str = "MAX_FEES_PER_SETTLEMENT";
const MAX_PRIORITY_FEE: &str = "MAX_PRIORITY_FEE";
const MAX_RPC_REQUESTS_PER_SECOND: &str = "MAX_RPC_REQUESTS_PER_SECOND";
const NETWORK: &str = "NETWORK";
const NETWORK_ADMIN: &str = "NETWORK_ADMIN";
const NETWORK_CREATOR: &str = "NETWORK_CREATOR";
const PRIVATE_KEY: &str = "SOLANA_PRIVATE_KEY";
const RETENTION_DAYS: &str = "RETENTION_DAYS";
const RPC_URL: &str = "SOLANA_RPC_URL";
const TRANSACTION_FORMAT: &str = "TRANSACTION_FORMAT";

/// The minimum length of an admin key: 32 hexadecimal characters are 128 bits. A shorter key could be guessed.
const MIN_ADMIN_KEY_BYTES: usize = 32;

/// The key that grants every scope, for setting up a deployment before it has API keys. Only its hash is kept.
#[derive(Clone)]
pub(crate) struct AdminKey([u8; 32]);

impl AdminKey {
    /// Whether `presented` is this key, compared in constant time.
    pub(crate) fn matches(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        self.0.ct_eq(&presented).into()
    }
}

/// The settings of the settlement engine.
pub(crate) struct SettlementSettings {
    /// The settler's key.
    pub key: SecretKey,
    /// The URLs of the RPC nodes, at least one. They can contain access tokens.
    pub rpc_urls: Vec<String>,
    /// How many requests each of them is sent in any second, at most.
    pub requests_per_second: NonZeroU32,
    pub engine: EngineConfig,
    /// How long everything is kept of a settlement after it was closed.
    pub retention_days: u32,
}

/// The settings as read from the environment. Each is validated when it is requested.
#[derive(Clone)]
pub(crate) struct Settings {
    admin_key: Setting,
    lamports_per_score: Setting,
    max_compute_unit_price: Setting,
    max_fees_per_settlement: Setting,
    max_priority_fee: Setting,
    max_rpc_requests_per_second: Setting,
    network: Setting,
    network_admin: Setting,
    network_creator: Setting,
    private_key: Setting,
    retention_days: Setting,
    rpc_url: Setting,
    transaction_format: Setting,
}

impl Settings {
    /// Reads all settings from `environment`.
    pub(crate) fn read(environment: impl Fn(&str) -> Setting) -> Self {
        Self {
            admin_key: environment(ADMIN_KEY),
            lamports_per_score: environment(LAMPORTS_PER_SCORE),
            max_compute_unit_price: environment(MAX_COMPUTE_UNIT_PRICE),
            max_fees_per_settlement: environment(MAX_FEES_PER_SETTLEMENT),
            max_priority_fee: environment(MAX_PRIORITY_FEE),
            max_rpc_requests_per_second: environment(MAX_RPC_REQUESTS_PER_SECOND),
            network: environment(NETWORK),
            network_admin: environment(NETWORK_ADMIN),
            network_creator: environment(NETWORK_CREATOR),
            private_key: environment(PRIVATE_KEY),
            retention_days: environment(RETENTION_DAYS),
            rpc_url: environment(RPC_URL),
            transaction_format: environment(TRANSACTION_FORMAT),
        }
    }

    /// The admin key.
    ///
    /// # Errors
    /// If the key is missing or too short.
    pub(crate) fn admin_key(&self) -> Result<AdminKey, SettingError> {
        let key = secret(ADMIN_KEY, &self.admin_key)?.trim();
        if key.len() < MIN_ADMIN_KEY_BYTES {
            let problem = format!(
                "shorter than {MIN_ADMIN_KEY_BYTES} characters: generate one with 'openssl rand -hex 32' and set it \
                 with 'wrangler secret put {ADMIN_KEY}'"
            );
            return Err(invalid(ADMIN_KEY, problem));
        }
        Ok(AdminKey(Sha256::digest(key.as_bytes()).into()))
    }

    /// The reward per point of a contribution's compute score.
    ///
    /// # Errors
    /// If the rate is missing, not a valid amount, or zero.
    pub(crate) fn reward_rate(&self) -> Result<RewardRate, SettingError> {
        let text = variable(LAMPORTS_PER_SCORE, &self.lamports_per_score)?;
        text.trim().parse().map_err(|error: RewardRateError| invalid(LAMPORTS_PER_SCORE, error.to_string()))
    }

    /// The settings of the settlement engine, with `holder` as the lease holder's name.
    ///
    /// # Errors
    /// The first setting that is missing or invalid.
    pub(crate) fn settlement(&self, holder: &str) -> Result<SettlementSettings, SettingError> {
        let key = secret(PRIVATE_KEY, &self.private_key)?;
        let key = SecretKey::parse(key).map_err(|error| invalid(PRIVATE_KEY, error.to_string()))?;

        let rpc_urls: Vec<String> =
            variable(RPC_URL, &self.rpc_url)?.split(',').map(|url| url.trim().to_owned()).collect();
        for rpc_url in &rpc_urls {
            // The parser's error message does not contain the URL.
            let url = Url::parse(rpc_url).map_err(|error| {
                invalid(RPC_URL, format!("not a valid URL ({error}): it must start with https:// or http://"))
            })?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(invalid(RPC_URL, "must start with https:// or http://".to_owned()));
            }
        }

        // Named twice, one node would pass for the two that must agree about money.
        if rpc_urls.iter().map(|url| url.trim_end_matches('/')).collect::<BTreeSet<_>>().len() < rpc_urls.len() {
            return Err(invalid(RPC_URL, "names the same RPC node twice: name each node once".to_owned()));
        }

        let requests_per_second =
            whole_number(MAX_RPC_REQUESTS_PER_SECOND, &self.max_rpc_requests_per_second, "requests, at least 1")?
                .unwrap_or(DEFAULT_REQUESTS_PER_SECOND);

        let name = variable(NETWORK, &self.network)?.trim();
        let id = NetworkId::from_name(name).map_err(|error| invalid(NETWORK, error.to_string()))?;
        let creator = address(NETWORK_CREATOR, variable(NETWORK_CREATOR, &self.network_creator)?)?;
        let admin = optional(NETWORK_ADMIN, &self.network_admin)?;
        let admin = admin.map(|text| address(NETWORK_ADMIN, text)).transpose()?;
        let network = NetworkRef::new(id, creator, admin);

        let mut engine = EngineConfig::new(network, holder.to_owned());
        if let Some(price) = whole_number(MAX_COMPUTE_UNIT_PRICE, &self.max_compute_unit_price, "micro-lamports")? {
            engine.max_compute_unit_price = price;
        }
        if let Some(lamports) = whole_number(MAX_PRIORITY_FEE, &self.max_priority_fee, "lamports")? {
            engine.max_priority_fee_lamports = lamports;
        }
        engine.max_fees_lamports = whole_number(MAX_FEES_PER_SETTLEMENT, &self.max_fees_per_settlement, "lamports")?;
        engine.format = match optional(TRANSACTION_FORMAT, &self.transaction_format)?.map(str::trim) {
            None | Some("auto") => FormatChoice::Auto,
            Some("v0") => FormatChoice::Only(Format::V0),
            Some("v1") => FormatChoice::Only(Format::V1),
            Some(_) => return Err(invalid(TRANSACTION_FORMAT, "must be auto, v0 or v1".to_owned())),
        };
        let retention_days =
            whole_number(RETENTION_DAYS, &self.retention_days, "days")?.unwrap_or(DEFAULT_RETENTION_DAYS);
        Ok(SettlementSettings { key, rpc_urls, requests_per_second, engine, retention_days })
    }
}

fn invalid(setting: &'static str, problem: String) -> SettingError {
    SettingError { setting, missing: false, problem }
}

fn address(setting: &'static str, text: &str) -> Result<Pubkey, SettingError> {
    text.trim().parse().map_err(|_| invalid(setting, "not a valid address: expected 32 bytes in base58".to_owned()))
}

fn optional<'a>(setting: &'static str, value: &'a Setting) -> Result<Option<&'a str>, SettingError> {
    match value {
        Setting::Text(text) if text.trim().is_empty() => Ok(None),
        Setting::Text(text) => Ok(Some(text)),
        Setting::Missing => Ok(None),
        Setting::NotText => Err(invalid(setting, "must be a string: put it in quotes".to_owned())),
    }
}

/// A number of `unit`, if the setting is there.
fn whole_number<T: FromStr>(setting: &'static str, value: &Setting, unit: &str) -> Result<Option<T>, SettingError> {
    let parse = |text: &str| {
        text.trim().parse().map_err(|_| invalid(setting, format!("must be a whole number of {unit}, in quotes")))
    };
    optional(setting, value)?.map(parse).transpose()
}

fn variable<'a>(setting: &'static str, value: &'a Setting) -> Result<&'a str, SettingError> {
    optional(setting, value)?.ok_or_else(|| SettingError {
        setting,
        missing: true,
        problem: "not set: set it in wrangler.jsonc under 'vars'".to_owned(),
    })
}

fn secret<'a>(setting: &'static str, value: &'a Setting) -> Result<&'a str, SettingError> {
    optional(setting, value)?.ok_or_else(|| SettingError {
        setting,
        missing: true,
        problem: format!("not set: set it with 'wrangler secret put {setting}'"),
    })
}

#[cfg(test)]
mod tests {
    use solana_keypair::Keypair;
    use solana_signer::Signer as _;
    use williw_relay::signer::Signer as _;

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn settings(values: &[(&str, &str)]) -> Settings {
        Settings::read(|name| {
            let value = values.iter().find(|(key, _)| *key == name);
            value.map_or(Setting::Missing, |(_, value)| Setting::Text((*value).to_owned()))
        })
    }

    const CREATOR: Pubkey = Pubkey::new_from_array([7; 32]);

    fn complete(private_key: &str) -> [(&str, &str); 5] {
        [
            (PRIVATE_KEY, private_key),
            (RPC_URL, "https://rpc.example/?token=tsecret"),
            (NETWORK, "main"),
            (NETWORK_CREATOR, "US517G5965aydkZ46HS38QLi7UQiSojurfbQfKCELFx"),
            (LAMPORTS_PER_SCORE, "1000"),
        ]
    }

    fn error_of(values: &[(&str, &str)]) -> SettingError {
        match settings(values).settlement("test") {
            Ok(_) => panic!("the settings were accepted: {values:?}"),
            Err(error) => error,
        }
    }

    #[test]
    fn a_complete_set_of_settings_is_accepted() {
        let keypair = Keypair::new();
        let text = format!("{:?}", keypair.to_bytes());
        let found = settings(&complete(&text)).settlement("test").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(found.key.address(), keypair.pubkey());
        assert_eq!(found.engine.holder, "test");
        assert_eq!(found.engine.format, FormatChoice::Auto);
        assert_eq!((found.engine.network.creator, found.engine.network.admin), (CREATOR, CREATOR));
    }

    #[test]
    fn the_expected_admin_can_be_another_key_than_the_creator() {
        let text = format!("{:?}", Keypair::new().to_bytes());
        let admin = Keypair::new().pubkey();
        let values: Vec<_> = complete(&text).to_vec();
        let admin_text = admin.to_string();
        let values: Vec<_> = values.into_iter().chain([(NETWORK_ADMIN, admin_text.as_str())]).collect();
        let found = settings(&values).settlement("test").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((found.engine.network.creator, found.engine.network.admin), (CREATOR, admin));
    }

    #[test]
    fn fees_requests_and_retention_can_be_limited() {
        let text = format!("{:?}", Keypair::new().to_bytes());
        let found = |more: &[(&str, &str)]| {
            let values = [&complete(&text)[..], more].concat();
            let found = settings(&values).settlement("test").unwrap_or_else(|error| panic!("{error}"));
            let engine = found.engine;
            let fees = (engine.max_compute_unit_price, engine.max_priority_fee_lamports, engine.max_fees_lamports);
            (fees, found.retention_days, found.requests_per_second.get())
        };
        assert_eq!(found(&[]), ((1_000_000, 200_000, None), 30, 50));
        let limits = [
            (MAX_COMPUTE_UNIT_PRICE, "1"),
            (MAX_PRIORITY_FEE, " 2 "),
            (MAX_FEES_PER_SETTLEMENT, "3"),
            (RETENTION_DAYS, "4"),
            (MAX_RPC_REQUESTS_PER_SECOND, "5"),
        ];
        assert_eq!(found(&limits), ((1, 2, Some(3)), 4, 5));
    }

    #[test]
    fn a_missing_setting_is_named() {
        let text = format!("{:?}", Keypair::new().to_bytes());
        for name in [PRIVATE_KEY, RPC_URL, NETWORK, NETWORK_CREATOR] {
            let values: Vec<_> = complete(&text).into_iter().filter(|(key, _)| *key != name).collect();
            let error = error_of(&values);
            assert_eq!((error.setting, error.code()), (name, ErrorCode::SettingMissing));
            let values: Vec<_> = values.into_iter().chain([(name, " ")]).collect();
            assert_eq!(error_of(&values).code(), ErrorCode::SettingMissing, "an empty {name}");
        }
    }

    #[test]
    fn an_invalid_setting_is_named_without_its_value() {
        let keypair = Keypair::new();
        let text = format!("{:?}", keypair.to_bytes());
        for (name, value) in [
            (PRIVATE_KEY, "tsecret"),
            (PRIVATE_KEY, "[1,2,3]"),
            (RPC_URL, "tsecret"),
            (RPC_URL, "ftp://tsecret.example"),
            (RPC_URL, "https://tsecret.example, https://tsecret.example/"),
            (NETWORK, "Not A Name"),
            (NETWORK_CREATOR, "main"),
            (NETWORK_ADMIN, "main"),
            (MAX_COMPUTE_UNIT_PRICE, "cheap"),
            (MAX_PRIORITY_FEE, "-1"),
            (MAX_FEES_PER_SETTLEMENT, "0.1"),
            (RETENTION_DAYS, "forever"),
            (MAX_RPC_REQUESTS_PER_SECOND, "0"),
            (TRANSACTION_FORMAT, "v7"),
        ] {
            let mut values = complete(&text).to_vec();
            values.retain(|(key, _)| *key != name);
            values.push((name, value));
            let error = error_of(&values);
            assert_eq!((error.setting, error.code()), (name, ErrorCode::SettingInvalid), "{value}");
            assert!(!error.to_string().contains("tsecret"), "{error}");
        }
    }

    #[test]
    fn a_setting_that_is_not_a_string_is_rejected() {
        let settings = Settings::read(|_| Setting::NotText);
        assert_eq!(settings.admin_key().map(|_| ()).unwrap_err().code(), ErrorCode::SettingInvalid);
        assert_eq!(settings.reward_rate().unwrap_err().code(), ErrorCode::SettingInvalid);
    }

    #[test]
    fn a_short_admin_key_is_rejected() {
        assert_eq!(settings(&[]).admin_key().map(|_| ()).unwrap_err().code(), ErrorCode::SettingMissing);
        let short = settings(&[(ADMIN_KEY, &KEY[1..])]).admin_key().map(|_| ()).unwrap_err();
        assert_eq!(short.code(), ErrorCode::SettingInvalid);
        assert!(!short.to_string().contains(&KEY[1..9]));
    }

    #[test]
    fn only_the_admin_key_itself_matches() {
        let key = settings(&[(ADMIN_KEY, KEY)]).admin_key().unwrap_or_else(|error| panic!("{error}"));
        assert!(key.matches(KEY));
        for wrong in ["", &KEY[1..], "0123456789abcdef0123456789abcdeF", "0123456789abcdef0123456789abcdef "] {
            assert!(!key.matches(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_reward_rate_must_be_a_positive_amount() {
        let rate = settings(&[(LAMPORTS_PER_SCORE, "1000")]).reward_rate().unwrap();
        assert_eq!(rate.reward(2).unwrap().get(), 2000);
        for wrong in ["0", "-1", "1.5", "9223372036854775808", "much"] {
            let error = settings(&[(LAMPORTS_PER_SCORE, wrong)]).reward_rate().unwrap_err();
            assert_eq!(error.code(), ErrorCode::SettingInvalid, "{wrong}");
        }
    }
}
