//! A network's terms and the final authorities, out of the configuration's words.

use serde::Deserialize;
use settlement::client::{CreateNetworkArgs, NameError, NetworkId};
use solana_pubkey::Pubkey;

/// `[network]`: amounts in base units (lamports for SOL).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkEntries {
    /// The network's name: 1 to 32 characters of a-z, 0-9 and '-'.
    pub name: String,
    /// "sol", or the address of a mint.
    pub asset: String,
    /// The address of the relay's key; the admin's when it is left out.
    pub settler: Option<String>,
    /// The address of the key that may pause; the admin's when it is left out.
    pub guardian: Option<String>,
    /// From how much pending on a node is paid out.
    pub default_threshold: u64,
    /// The most that one node can be credited in one batch.
    pub per_node_cap: u64,
    /// The most that one batch can credit.
    pub per_batch_cap: u64,
    /// The most that can be credited within the window.
    pub window_limit: u64,
    /// The length of the window in seconds.
    pub window_seconds: u64,
    /// After how many seconds a smaller amount is paid out as well, or "never".
    pub max_pending_age: Age,
}

/// Seconds, or never.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Age {
    /// Seconds.
    Seconds(u64),
    /// A word; only "never" is one.
    Word(String),
}

/// What a network pays in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset {
    /// Native SOL.
    Sol,
    /// The tokens of this mint.
    Mint(Pubkey),
}

/// Who may upgrade the program from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalAuthority {
    /// Whoever holds this key, or this multisig.
    Address(Pubkey),
    /// Nobody, ever.
    Nobody,
}

/// A network's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkTerms {
    /// Its name.
    pub id: NetworkId,
    /// What it pays in.
    pub asset: Asset,
    /// What it is created with.
    pub args: CreateNetworkArgs,
}

/// Why terms are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// The name is none.
    #[error("network.name: {0}")]
    Name(NameError),
    /// Not an address where one is needed.
    #[error("{entry} is no address: write 32 bytes in base58{alternative}")]
    Address {
        /// The entry. Its text is not repeated: it could be a key, put there by mistake.
        entry: &'static str,
        /// What else could stand there.
        alternative: &'static str,
    },
    /// A number that the program refuses.
    #[error("{entry} is 0: the program takes no network without it, write at least 1")]
    Zero {
        /// The entry.
        entry: &'static str,
    },
    /// A word where seconds or "never" are asked for.
    #[error("network.max_pending_age is '{0}': write a number of seconds, or \"never\"")]
    Age(String),
}

impl NetworkEntries {
    /// The terms, with `admin` in the roles that nobody is named for.
    ///
    /// # Errors
    /// See [`TermsError`].
    pub fn terms(&self, admin: Pubkey) -> Result<NetworkTerms, TermsError> {
        let id = NetworkId::from_name(&self.name).map_err(TermsError::Name)?;
        let role = |entry, text: &Option<String>| match text {
            Some(text) => address(entry, text, ""),
            None => Ok(admin),
        };
        let max_pending_age = match &self.max_pending_age {
            Age::Seconds(seconds) => *seconds,
            // What the program takes for never.
            Age::Word(word) if word == "never" => u64::MAX,
            Age::Word(word) => return Err(TermsError::Age(word.clone())),
        };
        let args = CreateNetworkArgs {
            id: id.0,
            settler: role("network.settler", &self.settler)?,
            guardian: role("network.guardian", &self.guardian)?,
            default_threshold: self.default_threshold,
            per_node_cap: self.per_node_cap,
            per_batch_cap: self.per_batch_cap,
            window_limit: self.window_limit,
            window_seconds: self.window_seconds,
            max_pending_age,
        };
        let zero = [
            ("network.default_threshold", args.default_threshold),
            ("network.per_node_cap", args.per_node_cap),
            ("network.per_batch_cap", args.per_batch_cap),
            ("network.window_limit", args.window_limit),
            ("network.window_seconds", args.window_seconds),
            ("network.max_pending_age", args.max_pending_age),
        ]
        .into_iter()
        .find(|(_, value)| *value == 0);
        if let Some((entry, _)) = zero {
            return Err(TermsError::Zero { entry });
        }
        let asset = match self.asset.as_str() {
            "sol" => Asset::Sol,
            mint => Asset::Mint(address("network.asset", mint, ", or \"sol\"")?),
        };
        Ok(NetworkTerms { id, asset, args })
    }
}

impl FinalAuthority {
    /// Reads an address, or "none".
    ///
    /// # Errors
    /// [`TermsError::Address`].
    pub fn parse(text: &str) -> Result<Self, TermsError> {
        match text {
            "none" => Ok(Self::Nobody),
            text => address("authorities.upgrade", text, ", or \"none\" for nobody ever").map(Self::Address),
        }
    }
}

/// Reads the address in `entry`; `alternative` says what else could stand there.
///
/// # Errors
/// [`TermsError::Address`], also for the default address, which nobody has the key of.
pub fn address(entry: &'static str, text: &str, alternative: &'static str) -> Result<Pubkey, TermsError> {
    let refused = || TermsError::Address { entry, alternative };
    text.parse().ok().filter(|address| *address != Pubkey::default()).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLER: Pubkey = Pubkey::new_from_array([5; 32]);
    const ADMIN: Pubkey = Pubkey::new_from_array([6; 32]);

    fn entries() -> NetworkEntries {
        NetworkEntries {
            name: "mine".to_owned(),
            asset: "sol".to_owned(),
            settler: Some(SETTLER.to_string()),
            guardian: None,
            default_threshold: 1,
            per_node_cap: 2,
            per_batch_cap: 3,
            window_limit: 4,
            window_seconds: 5,
            max_pending_age: Age::Seconds(6),
        }
    }

    #[test]
    fn a_role_without_a_name_is_the_admin_s() {
        let terms = entries().terms(ADMIN).unwrap();
        assert_eq!((terms.args.settler, terms.args.guardian, terms.asset), (SETTLER, ADMIN, Asset::Sol));
        assert_eq!(terms.args.max_pending_age, 6);
        let never = NetworkEntries { max_pending_age: Age::Word("never".to_owned()), ..entries() };
        assert_eq!(never.terms(ADMIN).unwrap().args.max_pending_age, u64::MAX);
    }

    #[test]
    fn terms_that_the_program_would_refuse_are_refused_before() {
        let error = |change: fn(&mut NetworkEntries)| {
            let mut entries = entries();
            change(&mut entries);
            entries.terms(ADMIN).unwrap_err().to_string()
        };
        assert!(error(|it| it.name = "Mine".to_owned()).contains("network.name"));
        assert!(error(|it| it.window_limit = 0).contains("network.window_limit is 0"));
        assert!(error(|it| it.asset = "usdc".to_owned()).contains("\"sol\""));
        assert!(error(|it| it.settler = Some(Pubkey::default().to_string())).contains("network.settler"));
        assert!(error(|it| it.max_pending_age = Age::Word("soon".to_owned())).contains("'soon'"));
    }

    #[test]
    fn the_final_upgrade_authority_is_an_address_or_nobody() {
        assert_eq!(FinalAuthority::parse("none"), Ok(FinalAuthority::Nobody));
        assert_eq!(FinalAuthority::parse(&ADMIN.to_string()), Ok(FinalAuthority::Address(ADMIN)));
        assert!(FinalAuthority::parse("nobody").unwrap_err().to_string().contains("\"none\""));
    }
}
