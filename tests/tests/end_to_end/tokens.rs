//! Networks that pay in tokens, on a real cluster with its own token programs.

use serde_json::Value;
use settlement::client::{SPL_TOKEN_ID, TOKEN_2022_ID, treasury_token_address};
use solana_pubkey::Pubkey;
use williw_tests::balances::NodeBalances;
use williw_tests::chain::ChainClient;
use williw_tests::process::run_to_success;
use williw_tests::sample_nodes::{NodeKind, RewardParameters, SampleNode};

use crate::fixture::{NetworkFixture, OrFail, SqliteNetworkFixture, localnet, mixed_nodes};
use crate::mint::Mint;

/// What the admin transfers to the treasury, in base units.
const FUNDS: u64 = 100_000_000;

/// The transfer fee of the mint that has one, in basis points.
const FEE_BASIS_POINTS: u64 = 100;

/// Why a node whose owner has no token account is held.
const NO_ACCOUNT: &str = "token_account_invalid";

/// What is withheld of a transfer, as Token-2022 computes it.
fn fee(amount: u64) -> u64 {
    (amount * FEE_BASIS_POINTS).div_ceil(10_000)
}

/// A network that pays in a mint.
struct TokenNetwork<'a> {
    chain: &'a ChainClient,
    network: Pubkey,
    mint: &'a Mint,
}

impl TokenNetwork<'_> {
    /// Asserts that every source agrees about every node, that every owner has `received` of what was paid, and that the treasury
    /// has the rest of `funded`.
    #[track_caller]
    fn assert_settled(
        &self,
        nodes: &[SampleNode],
        balances: &[NodeBalances],
        funded: u64,
        received: impl Fn(u64) -> u64,
    ) {
        let Self { chain, network, mint } = *self;
        let (mut credited, mut paid) = (0, 0);
        for (node, balances) in nodes.iter().zip(balances) {
            let mismatches = balances.mismatches(node.expected);
            assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
            let held = mint.held_by(chain, &node.address).unwrap_or(0);
            assert_eq!(held, received(node.expected.paid), "{}", node.id);
            (credited, paid) = (credited + node.expected.credited, paid + node.expected.paid);
        }
        let treasury = chain.treasury(&network).or_fail().expect("the treasury");
        assert_eq!((treasury.credited, treasury.paid, treasury.funded), (credited, paid, funded));
        let vault = treasury_token_address(&network, &mint.asset);
        assert_eq!(chain.tokens(&vault).or_fail(), Some(funded - paid));
    }
}

/// Three nodes that are due for a payout, and one that is not.
fn sample_nodes(parameters: RewardParameters) -> Vec<SampleNode> {
    mixed_nodes(parameters, &[(NodeKind::Paid, 3), (NodeKind::BelowThreshold, 1)])
}

#[test]
fn a_network_that_pays_in_tokens_is_settled_by_the_worker_and_by_the_relay() {
    let mint = Mint::create(&ChainClient::new(localnet().url()), SPL_TOKEN_ID, None);
    let mut network = NetworkFixture::with_options("tokens-worker", |options| {
        (options.mint, options.treasury_lamports) = (Some(mint.asset.mint), 0);
    });
    let mut nodes = sample_nodes(network.parameters);
    // The third node's owner has no token account yet.
    let owners = [(network.relay_cli.admin(), FUNDS), (nodes[0].address, 0), (nodes[1].address, 0)];
    mint.issue(&network.chain, &owners);
    network.relay_cli.fund(FUNDS).or_fail();
    network.register_and_report(&mut nodes);

    network.settle(&mut nodes);
    nodes[2].expected.paid = 0;
    let assert_settled = |network: &NetworkFixture, nodes: &[SampleNode]| {
        let tokens = TokenNetwork { chain: &network.chain, network: network.address(), mint: &mint };
        let balances = network.node_balances(nodes).or_fail();
        tokens.assert_settled(nodes, &balances, FUNDS, |paid| paid);
        let is_held = |balances: &NodeBalances| balances.hold_reason().map(|reason| reason.starts_with(NO_ACCOUNT));
        balances.iter().map(is_held).collect::<Vec<_>>()
    };
    assert_eq!(assert_settled(&network, &nodes), [None, None, Some(true), None]);

    mint.issue(&network.chain, &[(nodes[2].address, 0)]);
    let parameters = network.parameters;
    for node in &mut nodes[..3] {
        node.work(parameters.destination_minimum_lamports / parameters.lamports_per_score);
        node.report(network.worker.api(), parameters).or_fail();
    }
    run_to_success(network.relay_cli.run_once(&network.ledger_location())).or_fail();
    for node in &mut nodes {
        node.expect_settlement(parameters);
    }
    assert_eq!(nodes[2].expected.paid, nodes[2].expected.earned);
    assert_eq!(assert_settled(&network, &nodes), [None, None, None, None]);
}

#[test]
fn a_network_that_pays_in_tokens_with_a_transfer_fee_is_settled_and_proven() {
    let mint = Mint::create(&ChainClient::new(localnet().url()), TOKEN_2022_ID, Some(FEE_BASIS_POINTS as u16));
    let network = SqliteNetworkFixture::unfunded("tokens-fee", localnet().url(), Some(mint.asset.mint));
    let mut nodes = sample_nodes(network.parameters);
    let chain = &network.chain;
    let owners: Vec<_> = nodes[..3].iter().map(|node| (node.address, 0)).collect();
    mint.issue(chain, &owners);
    mint.issue(chain, &[(network.relay_cli.admin(), FUNDS)]);
    network.relay_cli.fund(FUNDS).or_fail();
    network.register_and_report(&mut nodes);

    let json = |arguments: &[&str]| -> Value {
        let output = run_to_success(network.command(arguments)).or_fail();
        serde_json::from_slice(&output.stdout).or_fail()
    };
    assert_eq!(json(&["--json", "doctor"])["errors"], 0);
    run_to_success(network.relay_cli.run_once(&network.ledger_location)).or_fail();
    for node in &mut nodes {
        node.expect_settlement(network.parameters);
    }
    let tokens = TokenNetwork { chain, network: network.relay_cli.network(), mint: &mint };
    tokens.assert_settled(&nodes, &network.node_balances(&nodes), FUNDS - fee(FUNDS), |paid| paid - fee(paid));

    // Books and receipts are in base units of the mint.
    run_to_success(network.command(&["reconcile"])).or_fail();
    let reward = network.ledger.rows("SELECT id FROM rewards ORDER BY sequence LIMIT 1", None).or_fail();
    let reward = reward[0][0].as_deref().expect("a reward");
    let receipt = network.directory.join("receipt.json");
    std::fs::write(&receipt, run_to_success(network.command(&["receipt", reward])).or_fail().stdout).or_fail();
    let verified = json(&["--json", "verify", &receipt.display().to_string()]);
    assert!(verified.to_string().contains(&mint.asset.mint.to_string()), "{verified}");
}
