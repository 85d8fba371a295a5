//! The asset of a network that pays in tokens.

use anchor_lang::prelude::Pubkey;

/// The mint that a network pays in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenAsset {
    /// Address of the mint.
    pub mint: Pubkey,
    /// The mint's token program: [`SPL_TOKEN_ID`](super::SPL_TOKEN_ID) or
    /// [`TOKEN_2022_ID`](super::TOKEN_2022_ID).
    pub token_program: Pubkey,
}
