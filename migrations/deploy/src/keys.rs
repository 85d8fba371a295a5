//! The keys that sign, loaded from where the configuration says they are.

use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use williw_relay::signer::SecretKey;

use crate::cluster::Kind;
use crate::config::{Configuration, KeyError, KeySource};
use crate::failure::Failure;
use crate::state::{Kept, State};

/// The keys that sign.
pub struct Keys {
    payer: Keypair,
    upgrade_authority: Option<SecretKey>,
    admin: Option<SecretKey>,
    program: Option<SecretKey>,
}

impl Keys {
    /// Loads the keys of the configuration. On a local cluster the payer's is made, and kept unless it is a `dry_run`,
    /// where the configuration names none.
    ///
    /// # Errors
    /// [`Failure::Key`] and [`Failure::State`].
    pub fn load(configuration: &Configuration, cluster: Kind, state: &State, dry_run: bool) -> Result<Self, Failure> {
        let entries = &configuration.keys;
        let load = |role: &'static str, entry: &Option<String>| -> Result<Option<SecretKey>, KeyError> {
            entry.as_ref().map(|text| KeySource::parse(role, text, configuration.folder())?.load(role)).transpose()
        };
        let payer = match load("keys.payer", &entries.payer)? {
            Some(key) => key.keypair().insecure_clone(),
            None if cluster == Kind::Local => match state.find(Kept::LocalPayer)? {
                Some(key) => key,
                None => {
                    let key = Keypair::new();
                    if !dry_run {
                        state.keep(Kept::LocalPayer, &key)?;
                    }
                    key
                }
            },
            None => return Err(KeyError::Missing { role: "keys.payer" }.into()),
        };
        Ok(Self {
            payer,
            upgrade_authority: load("keys.upgrade_authority", &entries.upgrade_authority)?,
            admin: load("keys.admin", &entries.admin)?,
            program: load("program.keypair", &configuration.program.keypair)?,
        })
    }

    /// Who pays.
    pub fn payer(&self) -> Pubkey {
        self.payer.pubkey()
    }

    /// Who may upgrade the program: the payer, where nobody else is named.
    pub fn upgrade_authority(&self) -> Pubkey {
        self.or_payer(&self.upgrade_authority)
    }

    /// Who creates the network: the payer, where nobody else is named.
    pub fn admin(&self) -> Pubkey {
        self.or_payer(&self.admin)
    }

    /// Whose key the program's is.
    pub fn program(&self) -> Option<Pubkey> {
        self.program.as_ref().map(|key| key.keypair().pubkey())
    }

    fn or_payer(&self, key: &Option<SecretKey>) -> Pubkey {
        key.as_ref().map_or_else(|| self.payer.pubkey(), |key| key.keypair().pubkey())
    }

    /// All of them, the payer's first.
    pub fn all(&self) -> Vec<&Keypair> {
        let others = [&self.upgrade_authority, &self.admin, &self.program];
        [&self.payer].into_iter().chain(others.into_iter().flatten().map(SecretKey::keypair)).collect()
    }
}
