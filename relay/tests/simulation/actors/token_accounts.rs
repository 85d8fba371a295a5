//! What owners do to the token accounts to which they are paid, and what the issuer of the mint does to everybody's.

use settlement::client::{TOKEN_2022_ID, TokenAsset, treasury_token_address};
use solana_account::ReadableAccount as _;
use solana_instruction::Instruction;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use spl_token_2022_interface::extension::{ExtensionType, StateWithExtensions, memo_transfer};
use spl_token_2022_interface::instruction as token;
use spl_token_2022_interface::state;

use super::Action;
use crate::random::Stream;
use crate::scenario::{Actors, Node};
use crate::token_programs::{create_associated_account, freeze, thaw};
use crate::world::World;

/// Something that happens to a token account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenAction {
    /// Anybody creates the owner's token account.
    Open,
    /// The owner moves all tokens to the spare address, and closes the token account.
    Close,
    /// The owner gives the token account to the spare address. The owner of a Token-2022 account cannot be changed.
    GiveAway,
    /// The spare address gives it back.
    GiveBack,
    /// The owner of a Token-2022 account wants transfers to have a memo.
    RequireMemos,
    WaiveMemos,
    Freeze,
    Thaw,
    /// The issuer freezes the token account of the treasury.
    FreezeTreasury,
    ThawTreasury,
}

impl TokenAction {
    /// What owners do.
    pub(super) const OF_OWNERS: [Self; 6] =
        [Self::Open, Self::Close, Self::GiveAway, Self::GiveBack, Self::RequireMemos, Self::WaiveMemos];

    /// What issuers do.
    pub(super) const OF_ISSUERS: [Self; 5] =
        [Self::Freeze, Self::Freeze, Self::Thaw, Self::FreezeTreasury, Self::ThawTreasury];
}

/// Changes the owner of a token account.
fn give(mint: &TokenAsset, account: &Pubkey, from: &Pubkey, to: &Pubkey) -> Instruction {
    let kind = token::AuthorityType::AccountOwner;
    token::set_authority(&mint.token_program, account, Some(to), kind, from, &[]).expect("an instruction")
}

impl World {
    /// Something happens to the token account of a node's owner, or to the treasury's.
    pub(super) fn act_on_token_account(&self, action: TokenAction, node: &Node) {
        let Some(mint) = self.scenario.asset.mint() else { return };
        let (admin, network) = (self.keys.admin.pubkey(), self.keys.network().address());
        let [account, spare] = [node.owner, node.spare].map(|owner| self.scenario.asset.default_destination(&owner));
        let program = &mint.token_program;
        let vault = treasury_token_address(&network, &mint);
        let (actor, instructions) = match action {
            TokenAction::Open => ("stranger", vec![create_associated_account(&admin, &node.owner, &mint)]),
            TokenAction::Close => {
                let close = token::close_account(program, &account, &node.owner, &node.owner, &[]);
                let mut instructions = vec![create_associated_account(&admin, &node.spare, &mint)];
                instructions.extend(self.moving_all(&mint, &account, &spare, &node.owner));
                instructions.push(close.expect("an instruction"));
                ("owner", instructions)
            }
            TokenAction::GiveAway => ("owner", vec![give(&mint, &account, &node.owner, &node.spare)]),
            TokenAction::GiveBack => ("owner", vec![give(&mint, &account, &node.spare, &node.owner)]),
            TokenAction::RequireMemos if *program == TOKEN_2022_ID => {
                let kinds = [ExtensionType::MemoTransfer];
                let grow = token::reallocate(program, &account, &admin, &node.owner, &[], &kinds);
                let demand =
                    memo_transfer::instruction::enable_required_transfer_memos(program, &account, &node.owner, &[]);
                ("owner", vec![grow.expect("an instruction"), demand.expect("an instruction")])
            }
            TokenAction::WaiveMemos if *program == TOKEN_2022_ID => {
                let waive =
                    memo_transfer::instruction::disable_required_transfer_memos(program, &account, &node.owner, &[]);
                ("owner", vec![waive.expect("an instruction")])
            }
            TokenAction::RequireMemos | TokenAction::WaiveMemos => return,
            TokenAction::Freeze => ("issuer", vec![freeze(&admin, &mint, &account)]),
            TokenAction::Thaw => ("issuer", vec![thaw(&admin, &mint, &account)]),
            TokenAction::FreezeTreasury => ("issuer", vec![freeze(&admin, &mint, &vault)]),
            TokenAction::ThawTreasury => ("issuer", vec![thaw(&admin, &mint, &vault)]),
        };
        self.submit_all(actor, Action::Token(action), &instructions);
    }

    /// Moves all tokens from one account to another, as far as they can be moved: what is withheld stays.
    fn moving_all(&self, mint: &TokenAsset, from: &Pubkey, to: &Pubkey, owner: &Pubkey) -> Option<Instruction> {
        let cluster = self.cluster.borrow();
        let state = cluster.blocks[cluster.tip].state.borrow();
        let data = |address| state.accounts_db().get_account_ref(address).map(|account| account.data().to_vec());
        let decimals = StateWithExtensions::<state::Mint>::unpack(&data(&mint.mint)?).ok()?.base.decimals;
        let amount = StateWithExtensions::<state::Account>::unpack(&data(from)?).ok()?.base.amount;
        let TokenAsset { mint, token_program } = mint;
        (amount > 0).then(|| {
            token::transfer_checked(token_program, from, mint, to, owner, &[], amount, decimals)
                .expect("an instruction")
        })
    }

    /// What has happened to token accounts before the relays start: some cannot be paid to, or pay.
    pub(crate) fn spoil_token_accounts(&self) {
        /// The chance of each account, per 1,000.
        const SPOILED: u64 = 300;

        let Actors { owners, issuer, .. } = self.scenario.actors;
        for node in self.nodes() {
            let spoiled =
                [(owners, TokenAction::GiveAway), (owners, TokenAction::RequireMemos), (issuer, TokenAction::Freeze)];
            for (_, action) in spoiled.into_iter().filter(|(enabled, _)| *enabled) {
                if self.chance(Stream::Actors, SPOILED) {
                    self.act_on_token_account(action, node);
                }
            }
        }
        if issuer && self.chance(Stream::Actors, SPOILED) {
            self.act_on_token_account(TokenAction::FreezeTreasury, &self.nodes()[0]);
        }
    }

    /// The owners' token accounts are theirs and can be paid to, as far as they exist, and the treasury's can pay.
    pub(crate) fn put_token_accounts_right(&self) {
        if self.scenario.asset.mint().is_none() {
            return;
        }
        let actors = self.scenario.actors;
        for node in self.nodes() {
            let act = |enabled: bool, action| {
                if enabled {
                    self.act_on_token_account(action, node);
                }
            };
            act(actors.issuer, TokenAction::Thaw);
            act(actors.owners, TokenAction::GiveBack);
            act(actors.owners, TokenAction::WaiveMemos);
        }
        if actors.issuer {
            self.act_on_token_account(TokenAction::ThawTreasury, &self.nodes()[0]);
        }
    }

    /// Every owner gets a token account.
    pub(crate) fn open_token_accounts(&self) {
        for node in self.nodes() {
            self.act_on_token_account(TokenAction::Open, node);
        }
    }
}
