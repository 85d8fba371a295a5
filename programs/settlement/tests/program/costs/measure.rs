//! Measures payments by the program, and plain transfers for comparison, in the same runtime.

use anchor_lang::prelude::{AccountMeta, Pubkey};
use litesvm::LiteSVM;
use settlement::client::{SettleEntry, payout_ix, payout_tokens_ix};
use settlement::rules::{MAX_CREDIT_ENTRIES, MAX_SETTLE_ENTRIES, MAX_TOKEN_SETTLE_ENTRIES};
use settlement::state::{ClosedNode, Network, NodeWallet, Treasury};
use solana_instruction::Instruction;
use solana_sdk_ids::bpf_loader;
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;
use spl_token_2022_interface::instruction as token;

use super::page::Table;
use crate::common::{
    DECIMALS, Extension, ProgramFixture, SOL, TOKEN, TRANSFER_FEE, TokenFixture, TokenProgram, program_bytes,
};
use crate::worst_case::{MAX_PAYOUT_ENTRIES, full_batches};

/// The measured numbers of recipients: one, ten, and the maximum of a `settle` or `payout` in tokens, of a `payout` in
/// SOL, of a `settle` in SOL, and of a `credit`.
const RECIPIENTS: [usize; 6] =
    [1, 10, MAX_TOKEN_SETTLE_ENTRIES, MAX_PAYOUT_ENTRIES, MAX_SETTLE_ENTRIES, MAX_CREDIT_ENTRIES];

/// The rates of rent, in lamports per byte, that Solana's clusters have or are scheduled to have.
const RENT_RATES: [u64; 6] = [6_960, 6_333, 5_080, 2_575, 1_322, 696];

/// The discriminators of p-token's `Batch`, and of the `Transfer`s in it.
const BATCH: u8 = 255;
const TRANSFER: u8 = 3;

/// All tables of the page.
pub(crate) fn all() -> Vec<Table> {
    let mut sol = Vec::new();
    let mut add = |name: &str, cells| sol.push((name.to_owned(), cells));
    add("`credit`", row(MAX_CREDIT_ENTRIES, credit_sol));
    add("`settle`", row(MAX_SETTLE_ENTRIES, settle_sol));
    add("`payout`", row(MAX_PAYOUT_ENTRIES, payout_sol));
    add("direct System transfers", row(MAX_CREDIT_ENTRIES, direct_sol));

    let mut tokens = Vec::new();
    let mut add = |name: &str, cells| tokens.push((name.to_owned(), cells));
    add("`credit`", row(MAX_CREDIT_ENTRIES, |n| credit_tokens(Mint::PToken, n)));
    for mint in Mint::ALL {
        let name = mint.name();
        add(&format!("`settle`, {name}"), row(MAX_TOKEN_SETTLE_ENTRIES, |n| settle_tokens(mint, n)));
        add(&format!("`payout`, {name}"), row(MAX_TOKEN_SETTLE_ENTRIES, |n| payout_tokens(mint, n)));
        // Direct transfers don't depend on whether p-token has `batch`.
        if !matches!(mint, Mint::PTokenWithoutBatch) {
            let name = format!("direct `TransferChecked`, {name}");
            add(&name, row(MAX_TOKEN_SETTLE_ENTRIES, |n| direct_tokens(mint, n)));
        }
        if matches!(mint, Mint::PToken) {
            add("direct `batch`, p-token", row(MAX_TOKEN_SETTLE_ENTRIES, direct_p_token_batch));
        }
    }

    let columns: Vec<_> = RECIPIENTS.iter().map(usize::to_string).collect();
    let header = |first| [first].into_iter().chain(columns.iter().map(String::as_str)).collect::<Vec<_>>();
    vec![
        Table::new(SOL_TEXT, &header("SOL: CU per recipient at"), sol),
        Table::new(
            WORST_TEXT,
            &["SOL: CU per entry of a full batch", "entries", "usual", "irregular", "worst", "bound"],
            worst(),
        ),
        Table::new(TOKEN_TEXT, &header("tokens: CU per recipient at"), tokens),
        Table::new(RENT_TEXT, &["lamports per byte", "node", "closed node", "network and treasury"], rents()),
        Table::new(SIZE_TEXT, &["what", "bytes"], sizes()),
    ]
}

const SOL_TEXT: &str = "## Costs per recipient

The program's tests, `cargo test -p settlement --test program costs`, measure these figures and fail if one of them is \
exceeded by more than 5%. Run the command with `WILLIW_WRITE_COSTS=1` to update this section.

The figures are the compute units of one v1 transaction, divided by the number of recipients, in steady state: every node \
has been paid before, so its wallet account has totals and its destination exists. No entry is skipped, every `settle` \
credits and pays every node, and the event is included. \"Direct\" means without the program, for comparison: one \
transfer per recipient from the payer's own account, in one transaction.";

const TOKEN_TEXT: &str = "The costs in a network that pays in tokens. `batch` is p-token's instruction for several transfers \
in one call; the program uses it if the token program has it. The rows \"p-token without `batch`\" are the same p-token, \
called with one `TransferChecked` per recipient.";

const WORST_TEXT: &str = "The owner of a node can make its entry dearer, for example by choosing another destination or by \
giving it data, also after the batch was simulated. The figures are the compute units of a full batch, divided by the \
number of its entries: the usual ones from above, those with a closed wallet or a destination with data as the first entry \
(the accounts are then located one by one), the most over everything that owners can do \
(`tests/program/worst_case.rs`), and the bound that the crate publishes (`settlement::rules::compute_units`), which the \
relay uses as the limit of its transactions.";

const RENT_TEXT: &str = "The rent of accounts in lamports. The rate is not the program's but the cluster's, and it moves: \
Solana lowers it in steps, from 6960 to 696 lamports per byte, and may raise it again. `solana rent 0` prints 128 times the \
rate that a cluster has now. The rent of a node is paid when the node is registered. All but that of the closed node returns \
to the treasury when the node is closed, and that of the closed node to the admin after the network was closed. In a network \
that pays in tokens, the treasury's token account comes on top.";

const SIZE_TEXT: &str = "The sizes of a node's account and of the program.";

/// The tenths of CU per recipient, for each number of recipients that fits.
fn row(most: usize, measure: impl Fn(usize) -> u64) -> Vec<Option<u64>> {
    let per_recipient = |count: usize| (measure(count) * 10).div_ceil(count as u64);
    RECIPIENTS.iter().map(|count| (*count <= most).then(|| per_recipient(*count))).collect()
}

/// The usual and the worst cost of an entry of a full batch, and the published bound.
fn worst() -> Vec<(String, Vec<Option<u64>>)> {
    let [credit, settle, payout] = full_batches();
    let row = |name: &str, (entries, worst, bound): (usize, u64, u64), usual: u64, irregular: Option<u64>| {
        let per_entry = |units: u64| Some((units * 10).div_ceil(entries as u64));
        let figures = vec![
            Some(entries as u64 * 10),
            per_entry(usual),
            irregular.and_then(per_entry),
            per_entry(worst),
            per_entry(bound),
        ];
        (name.to_owned(), figures)
    };
    vec![
        row("`credit`", credit, credit_sol(credit.0), Some(irregular_credit_sol(credit.0))),
        row("`settle`", settle, settle_sol(settle.0), Some(irregular_settle_sol(settle.0))),
        row("`payout`", payout, payout_sol(payout.0), None),
    ]
}

fn rents() -> Vec<(String, Vec<Option<u64>>)> {
    let mut fixture = ProgramFixture::without_network(LiteSVM::new());
    RENT_RATES
        .iter()
        .map(|rate| {
            fixture.set_rent_rate(*rate);
            let rent = |size| fixture.rent(size);
            let rents = [rent(NodeWallet::SIZE), rent(ClosedNode::SIZE), rent(Network::SIZE) + rent(Treasury::SIZE)];
            (rate.to_string(), rents.map(|lamports| Some(lamports * 10)).to_vec())
        })
        .collect()
}

fn sizes() -> Vec<(String, Vec<Option<u64>>)> {
    let figure = |name: &str, bytes: usize| (name.to_owned(), vec![Some(bytes as u64 * 10)]);
    vec![figure("a node's account", NodeWallet::SIZE), figure("settlement.so", program_bytes().len())]
}

/// A network with nodes that have been paid 1 SOL each.
fn paid_sol(count: usize) -> (ProgramFixture, Vec<SettleEntry>) {
    let mut fixture = ProgramFixture::new();
    let nodes = fixture.register_nodes(count);
    let entries: Vec<_> = nodes.iter().map(|node| node.entry(2 * SOL)).collect();
    for node in &nodes {
        fixture.settle(&[node.entry(SOL)]);
    }
    fixture.set_surplus(1_000 * SOL);
    (fixture, entries)
}

fn credit_sol(count: usize) -> u64 {
    let (mut fixture, entries) = paid_sol(count);
    let entries: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
    let batch = fixture.credit(&entries);
    assert_eq!(batch.event.credited, count as u64 * SOL);
    batch.compute_units
}

fn settle_sol(count: usize) -> u64 {
    let (mut fixture, entries) = paid_sol(count);
    let batch = fixture.settle(&entries);
    assert_eq!((batch.event.credited, batch.event.paid), (count as u64 * SOL, count as u64 * SOL));
    batch.compute_units
}

#[test]
fn a_batch_never_costs_more_than_one_with_more_entries() {
    let (fixture, entries) = paid_sol(MAX_CREDIT_ENTRIES);
    let credits: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
    let costs: Vec<_> = (1..=MAX_CREDIT_ENTRIES).map(|n| fixture.fork().credit(&credits[..n]).compute_units).collect();
    assert!(costs.is_sorted(), "credit: {costs:?}");
    let costs: Vec<_> = (1..=MAX_SETTLE_ENTRIES).map(|n| fixture.fork().settle(&entries[..n]).compute_units).collect();
    assert!(costs.is_sorted(), "settle: {costs:?}");
}

/// A credit whose first wallet is closed.
fn irregular_credit_sol(count: usize) -> u64 {
    let (mut fixture, entries) = paid_sol(count);
    let entries: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
    let mut closed = fixture.svm.get_account(&entries[0].0).expect("the wallet");
    closed.data = vec![0; ClosedNode::SIZE];
    fixture.set_account(&entries[0].0, closed);
    let batch = fixture.credit(&entries);
    assert_eq!(batch.event.credited, (count as u64 - 1) * SOL);
    batch.compute_units
}

/// A settle whose first destination has data.
fn irregular_settle_sol(count: usize) -> u64 {
    let (mut fixture, entries) = paid_sol(count);
    let mut destination = fixture.svm.get_account(&entries[0].destination).expect("the destination");
    destination.data = vec![0; 1];
    fixture.set_account(&entries[0].destination, destination);
    let batch = fixture.settle(&entries);
    assert_eq!(batch.event.credited, count as u64 * SOL);
    batch.compute_units
}

fn payout_sol(count: usize) -> u64 {
    let (mut fixture, entries) = paid_sol(count);
    let credits: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
    fixture.credit(&credits);
    let pairs: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.destination)).collect();
    let ix = payout_ix(fixture.network, &pairs);
    let units = compute_units(&mut fixture, &[ix]);
    assert_eq!(fixture.treasury_state().paid_total, 2 * count as u64 * SOL);
    units
}

fn direct_sol(count: usize) -> u64 {
    let (mut fixture, entries) = paid_sol(count);
    let settler = fixture.settler.pubkey();
    fixture.airdrop(&settler, 100 * SOL);
    let transfers: Vec<_> = entries.iter().map(|entry| transfer(&settler, &entry.destination, SOL)).collect();
    let units = compute_units(&mut fixture, &transfers);
    assert!(entries.iter().all(|entry| fixture.lamports(&entry.destination) == 2 * SOL));
    units
}

/// The compute units of a v1 transaction whose fee the settler pays.
fn compute_units(fixture: &mut ProgramFixture, instructions: &[Instruction]) -> u64 {
    let settler = fixture.settler.insecure_clone();
    if fixture.lamports(&settler.pubkey()) < SOL {
        fixture.airdrop(&settler.pubkey(), SOL);
    }
    match fixture.send_v1(instructions, &settler) {
        Ok(meta) => meta.compute_units_consumed,
        Err(failed) => panic!("{:?}\n{}", failed.err, failed.meta.pretty_logs()),
    }
}

/// The mints that are measured, named after their token programs.
#[derive(Clone, Copy)]
enum Mint {
    PToken,
    PTokenWithoutBatch,
    SplToken,
    Token2022,
    Token2022WithFee,
}

impl Mint {
    const ALL: [Self; 5] =
        [Self::PToken, Self::PTokenWithoutBatch, Self::SplToken, Self::Token2022, Self::Token2022WithFee];

    fn name(self) -> &'static str {
        match self {
            Self::PToken => "p-token",
            Self::PTokenWithoutBatch => "p-token without `batch`",
            Self::SplToken => "SPL Token before p-token",
            Self::Token2022 => "Token-2022",
            Self::Token2022WithFee => "Token-2022 with a transfer fee",
        }
    }

    fn fixture(self) -> TokenFixture {
        let (program, runtime) = match self {
            Self::PToken => (TokenProgram::PToken, TokenProgram::PToken.runtime()),
            Self::PTokenWithoutBatch => (TokenProgram::PToken, p_token_without_batch()),
            Self::SplToken => (TokenProgram::SplToken, TokenProgram::SplToken.runtime()),
            Self::Token2022 | Self::Token2022WithFee => (TokenProgram::Token2022, TokenProgram::Token2022.runtime()),
        };
        let extensions: &[Extension] = if matches!(self, Self::Token2022WithFee) { &[TRANSFER_FEE] } else { &[] };
        TokenFixture::on_runtime(runtime, program, extensions, |_| {})
    }
}

/// p-token, but owned by the loader of the program that it replaced. The program under test mistakes
/// it for that program, which has no `batch`.
fn p_token_without_batch() -> LiteSVM {
    let mut svm = TokenProgram::PToken.runtime();
    let id = TokenProgram::PToken.id();
    let program = svm.get_account(&id).expect("p-token exists");
    let held_at = Pubkey::new_from_array(program.data[4..36].try_into().expect("an address"));
    // The upgradeable loader's metadata takes 45 bytes before the program.
    let bytes = svm.get_account(&held_at).expect("the program data of p-token exists").data.split_off(45);
    svm.add_program_with_loader(id, &bytes, bpf_loader::ID).expect("p-token loads");
    svm
}

/// A network with nodes that have been paid 1 token each.
fn paid_tokens(mint: Mint, count: usize) -> (TokenFixture, Vec<SettleEntry>) {
    let mut fixture = mint.fixture();
    let payees = fixture.register_payees(count);
    for payee in &payees {
        fixture.settle(&[payee.entry(TOKEN)]);
    }
    let entries = payees.iter().map(|payee| payee.entry(2 * TOKEN)).collect();
    (fixture, entries)
}

fn credit_tokens(mint: Mint, count: usize) -> u64 {
    let (mut fixture, entries) = paid_tokens(mint, count);
    let entries: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
    let batch = fixture.credit(&entries);
    assert_eq!(batch.event.credited, count as u64 * TOKEN);
    batch.compute_units
}

fn settle_tokens(mint: Mint, count: usize) -> u64 {
    let (mut fixture, entries) = paid_tokens(mint, count);
    let batch = fixture.settle(&entries);
    assert_eq!((batch.event.credited, batch.event.paid), (count as u64 * TOKEN, count as u64 * TOKEN));
    batch.compute_units
}

fn payout_tokens(mint: Mint, count: usize) -> u64 {
    let (mut fixture, entries) = paid_tokens(mint, count);
    let credits: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.target)).collect();
    fixture.credit(&credits);
    let pairs: Vec<_> = entries.iter().map(|entry| (entry.wallet, entry.destination)).collect();
    let ix = payout_tokens_ix(fixture.network, &fixture.asset, &pairs);
    let units = compute_units(&mut fixture, &[ix]);
    assert_eq!(fixture.treasury_state().paid_total, 2 * count as u64 * TOKEN);
    units
}

/// A token account of the settler with 100 tokens.
fn settler_token_account(fixture: &mut TokenFixture) -> Pubkey {
    let (settler, asset) = (fixture.settler.pubkey(), fixture.asset);
    let from = fixture.create_associated_account(&settler, &asset);
    fixture.mint_to(&asset, &from, 100 * TOKEN);
    from
}

fn direct_tokens(mint: Mint, count: usize) -> u64 {
    let (mut fixture, entries) = paid_tokens(mint, count);
    let (from, settler, asset) = (settler_token_account(&mut fixture), fixture.settler.pubkey(), fixture.asset);
    let id = asset.token_program;
    let transfer = |entry: &SettleEntry| {
        token::transfer_checked(&id, &from, &asset.mint, &entry.destination, &settler, &[], TOKEN, DECIMALS)
            .expect("the instruction is valid")
    };
    let transfers: Vec<_> = entries.iter().map(transfer).collect();
    let units = compute_units(&mut fixture, &transfers);
    assert_eq!(fixture.token_balance(&from), (100 - count as u64) * TOKEN);
    units
}

fn direct_p_token_batch(count: usize) -> u64 {
    let (mut fixture, entries) = paid_tokens(Mint::PToken, count);
    let (from, settler) = (settler_token_account(&mut fixture), fixture.settler.pubkey());
    let one = [[3, 9, TRANSFER].as_slice(), &TOKEN.to_le_bytes()].concat();
    let triple = |entry: &SettleEntry| {
        let to = AccountMeta::new(entry.destination, false);
        [AccountMeta::new(from, false), to, AccountMeta::new_readonly(settler, true)]
    };
    let batch = Instruction {
        program_id: fixture.asset.token_program,
        accounts: entries.iter().flat_map(triple).collect(),
        data: [vec![BATCH], one.repeat(count)].concat(),
    };
    let units = compute_units(&mut fixture, &[batch]);
    assert!(entries.iter().all(|entry| fixture.token_balance(&entry.destination) == 2 * TOKEN));
    units
}
