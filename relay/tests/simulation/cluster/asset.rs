//! What the network pays in, and how much of it an account holds.

use litesvm::LiteSVM;
use settlement::client::{TokenAsset, associated_token_address};
use solana_account::{Account, ReadableAccount as _};
use solana_pubkey::Pubkey;
use spl_token_2022_interface::extension::transfer_fee::TransferFeeAmount;
use spl_token_2022_interface::extension::{BaseStateWithExtensions as _, StateWithExtensions};
use spl_token_2022_interface::state;

use crate::random::Random;
use crate::token_programs::TokenProgram;

/// The address of the mint.
const MINT: Pubkey = Pubkey::new_from_array([4; 32]);

/// The offset of the owner's address in a token account, and that of the amount behind it.
const OWNER: usize = 32;
const AMOUNT: usize = 64;

/// The asset of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asset {
    Sol,
    /// The tokens of a mint.
    Tokens {
        program: TokenProgram,
        /// Whether transfers cost a fee, which the recipient's account withholds.
        has_fee: bool,
    },
}

impl Asset {
    /// Some kind of tokens.
    pub(crate) fn tokens(random: &mut Random) -> Self {
        let program = *random.pick(&TokenProgram::ALL);
        Self::Tokens { program, has_fee: program == TokenProgram::Token2022 && random.chance(500) }
    }

    /// The mint, which the admin issues; `None` for SOL.
    pub(crate) fn mint(self) -> Option<TokenAsset> {
        match self {
            Self::Sol => None,
            Self::Tokens { program, .. } => Some(TokenAsset { mint: MINT, token_program: program.id() }),
        }
    }

    /// Where a node's payouts go unless its owner chooses another destination.
    pub(crate) fn default_destination(self, owner: &Pubkey) -> Pubkey {
        self.mint().map_or(*owner, |mint| associated_token_address(owner, &mint))
    }

    /// What an account holds: lamports, or base units of the mint including those that are withheld.
    pub(crate) fn held(self, svm: &LiteSVM, address: &Pubkey) -> u64 {
        let Some(account) = svm.accounts_db().get_account_ref(address) else { return 0 };
        match self {
            Self::Sol => account.lamports(),
            Self::Tokens { program, .. } if *account.owner() == program.id() => {
                let unpacked = StateWithExtensions::<state::Account>::unpack(account.data()).expect("a token account");
                let withheld = unpacked.get_extension::<TransferFeeAmount>();
                unpacked.base.amount + withheld.map_or(0, |fee| u64::from(fee.withheld_amount))
            }
            Self::Tokens { .. } => 0,
        }
    }

    /// Creates the associated token account of `owner`, as a copy of that of `model`, without tokens.
    pub(crate) fn open_token_account(self, svm: &mut LiteSVM, model: &Pubkey, owner: &Pubkey) {
        let Account { mut data, lamports, owner: program, .. } =
            svm.get_account(&self.default_destination(model)).expect("the model has a token account");
        data[OWNER..AMOUNT].copy_from_slice(owner.as_ref());
        data[AMOUNT..AMOUNT + 8].fill(0);
        let account = Account { lamports, data, owner: program, rent_epoch: u64::MAX, ..Account::default() };
        svm.set_account(self.default_destination(owner), account).expect("the account is written");
    }
}
