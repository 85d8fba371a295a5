//! The Worker's settings: variables and secrets, checked where they are needed.
//!
//! A missing or wrong setting stops only what needs it, and says which one it is and what to do. No error and no
//! `Debug` output holds a secret's value, and neither does the RPC URL's: it can contain an access token.

use std::fmt;

use serde_json::json;
use settlement::client::NetworkId;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use williw_relay::engine::{EngineConfig, FormatChoice};
use williw_relay::signer::SecretKey;
use williw_relay::transaction::Format;
use williw_relay::types::{RewardRate, RewardRateError};
use worker::Url;

use crate::web::error::{ApiError, ErrorCode};

/// What the environment holds under a name.
#[derive(Clone)]
pub enum Setting {
    /// Nothing.
    Missing,
    /// Something that is no text.
    NotText,
    /// A text.
    Text(String),
}

/// Why a setting cannot be used. Never holds its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// Its name.
    pub setting: &'static str,
    /// Whether it is not there at all.
    pub missing: bool,
    /// What is wrong with it and what to do.
    pub problem: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl SettingError {
    /// The code that clients see.
    pub fn code(&self) -> ErrorCode {
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
const NETWORK: &str = "NETWORK";
const PRIVATE_KEY: &str = "SOLANA_PRIVATE_KEY";
const RPC_URL: &str = "SOLANA_RPC_URL";
const TRANSACTION_FORMAT: &str = "TRANSACTION_FORMAT";

/// A shorter admin key could be guessed: 32 characters of hex are 128 bits.
const MIN_ADMIN_KEY_BYTES: usize = 32;

/// The key that opens everything: for the first steps, before there are others. Held as its hash.
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

impl AdminKey {
    /// Whether `presented` is this key. Takes as long for a nearly right key as for a wrong one.
    pub fn matches(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        self.0.ct_eq(&presented).into()
    }
}

/// What a settlement needs from the settings.
pub struct SettlementSettings {
    /// The settler's key.
    pub key: SecretKey,
    /// Where the RPC node is. Can contain an access token.
    pub rpc_url: String,
    /// The engine's settings.
    pub engine: EngineConfig,
}

/// The settings as they were found. Nothing is checked before it is asked for.
#[derive(Clone)]
pub struct Settings {
    admin_key: Setting,
    lamports_per_score: Setting,
    max_compute_unit_price: Setting,
    network: Setting,
    private_key: Setting,
    rpc_url: Setting,
    transaction_format: Setting,
}

impl Settings {
    /// Reads the settings from `environment`.
    pub fn read(environment: impl Fn(&str) -> Setting) -> Self {
        Self {
            admin_key: environment(ADMIN_KEY),
            lamports_per_score: environment(LAMPORTS_PER_SCORE),
            max_compute_unit_price: environment(MAX_COMPUTE_UNIT_PRICE),
            network: environment(NETWORK),
            private_key: environment(PRIVATE_KEY),
            rpc_url: environment(RPC_URL),
            transaction_format: environment(TRANSACTION_FORMAT),
        }
    }

    /// The admin key.
    ///
    /// # Errors
    /// When it is missing, or too short to be safe.
    pub fn admin_key(&self) -> Result<AdminKey, SettingError> {
        let key = secret(ADMIN_KEY, &self.admin_key)?.trim();
        if key.len() < MIN_ADMIN_KEY_BYTES {
            let problem = format!(
                "shorter than {MIN_ADMIN_KEY_BYTES} characters; make one with 'openssl rand -hex 32' and set it with \
                 'wrangler secret put {ADMIN_KEY}'"
            );
            return Err(invalid(ADMIN_KEY, problem));
        }
        Ok(AdminKey(Sha256::digest(key.as_bytes()).into()))
    }

    /// What one point of a contribution's score earns.
    ///
    /// # Errors
    /// When it is missing, no amount, or zero.
    pub fn reward_rate(&self) -> Result<RewardRate, SettingError> {
        let text = variable(LAMPORTS_PER_SCORE, &self.lamports_per_score)?;
        text.trim().parse().map_err(|error: RewardRateError| invalid(LAMPORTS_PER_SCORE, error.to_string()))
    }

    /// What a settlement needs. `holder` names the runner for the lease.
    ///
    /// # Errors
    /// The first setting that is missing or wrong.
    pub fn settlement(&self, holder: &str) -> Result<SettlementSettings, SettingError> {
        let key = secret(PRIVATE_KEY, &self.private_key)?;
        let key = SecretKey::parse(key).map_err(|error| invalid(PRIVATE_KEY, error.to_string()))?;

        let rpc_url = variable(RPC_URL, &self.rpc_url)?.trim();
        // The parser's reason does not repeat the URL.
        let url = Url::parse(rpc_url).map_err(|error| invalid(RPC_URL, format!("this is no URL ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid(RPC_URL, "the URL has to start with http:// or https://".to_owned()));
        }

        let name = variable(NETWORK, &self.network)?.trim();
        let network = NetworkId::from_name(name).map_err(|error| invalid(NETWORK, error.to_string()))?;

        let mut engine = EngineConfig::new(network, holder.to_owned());
        if let Some(price) = optional(MAX_COMPUTE_UNIT_PRICE, &self.max_compute_unit_price)? {
            engine.max_compute_unit_price = price.trim().parse().map_err(|_| {
                invalid(MAX_COMPUTE_UNIT_PRICE, "has to be a whole number of micro-lamports".to_owned())
            })?;
        }
        engine.format = match optional(TRANSACTION_FORMAT, &self.transaction_format)?.map(str::trim) {
            None | Some("auto") => FormatChoice::Auto,
            Some("v0") => FormatChoice::Only(Format::V0),
            Some("v1") => FormatChoice::Only(Format::V1),
            Some(_) => return Err(invalid(TRANSACTION_FORMAT, "has to be auto, v0 or v1".to_owned())),
        };
        Ok(SettlementSettings { key, rpc_url: rpc_url.to_owned(), engine })
    }
}

fn invalid(setting: &'static str, problem: String) -> SettingError {
    SettingError { setting, missing: false, problem }
}

fn optional<'a>(setting: &'static str, value: &'a Setting) -> Result<Option<&'a str>, SettingError> {
    match value {
        Setting::Text(text) if text.trim().is_empty() => Ok(None),
        Setting::Text(text) => Ok(Some(text)),
        Setting::Missing => Ok(None),
        Setting::NotText => Err(invalid(setting, "has to be a text: put it in quotes".to_owned())),
    }
}

fn variable<'a>(setting: &'static str, value: &'a Setting) -> Result<&'a str, SettingError> {
    optional(setting, value)?.ok_or_else(|| SettingError {
        setting,
        missing: true,
        problem: "is not set; set it in wrangler.jsonc under 'vars'".to_owned(),
    })
}

fn secret<'a>(setting: &'static str, value: &'a Setting) -> Result<&'a str, SettingError> {
    optional(setting, value)?.ok_or_else(|| SettingError {
        setting,
        missing: true,
        problem: format!("is not set; set it with 'wrangler secret put {setting}'"),
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

    fn complete(private_key: &str) -> [(&str, &str); 4] {
        [
            (PRIVATE_KEY, private_key),
            (RPC_URL, "https://rpc.example/?token=tsecret"),
            (NETWORK, "main"),
            (LAMPORTS_PER_SCORE, "1000"),
        ]
    }

    fn error_of(values: &[(&str, &str)]) -> SettingError {
        match settings(values).settlement("test") {
            Ok(_) => panic!("{values:?} were accepted"),
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
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = format!("{:?}", Keypair::new().to_bytes());
        for name in [PRIVATE_KEY, RPC_URL, NETWORK] {
            let values: Vec<_> = complete(&text).into_iter().filter(|(key, _)| *key != name).collect();
            let error = error_of(&values);
            assert_eq!((error.setting, error.code()), (name, ErrorCode::SettingMissing));
            let values: Vec<_> = values.into_iter().chain([(name, " ")]).collect();
            assert_eq!(error_of(&values).code(), ErrorCode::SettingMissing, "an empty {name}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_no_value_is_repeated() {
        let keypair = Keypair::new();
        let text = format!("{:?}", keypair.to_bytes());
        for (name, value) in [
            (PRIVATE_KEY, "tsecret"),
            (PRIVATE_KEY, "[1,2,3]"),
            (RPC_URL, "tsecret"),
            (RPC_URL, "ftp://tsecret.example"),
            (NETWORK, "Not A Name"),
            (MAX_COMPUTE_UNIT_PRICE, "cheap"),
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
    fn a_setting_that_is_no_text_is_refused() {
        let settings = Settings::read(|_| Setting::NotText);
        assert_eq!(settings.admin_key().map(|_| ()).unwrap_err().code(), ErrorCode::SettingInvalid);
        assert_eq!(settings.reward_rate().unwrap_err().code(), ErrorCode::SettingInvalid);
    }

    #[test]
    fn an_admin_key_that_could_be_guessed_is_refused() {
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
    fn a_score_earns_more_than_nothing() {
        let rate = settings(&[(LAMPORTS_PER_SCORE, "1000")]).reward_rate().unwrap();
        assert_eq!(rate.reward(2).unwrap().get(), 2000);
        for wrong in ["0", "-1", "1.5", "9223372036854775808", "much"] {
            let error = settings(&[(LAMPORTS_PER_SCORE, wrong)]).reward_rate().unwrap_err();
            assert_eq!(error.code(), ErrorCode::SettingInvalid, "{wrong}");
        }
    }
}
