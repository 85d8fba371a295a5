//! Verification of balances: compares each node's totals on the chain, in the ledger and over HTTP, to the lamport.

use serde_json::Value;
use solana_pubkey::Pubkey;

use crate::HarnessError;
use crate::api::Api;
use crate::chain::ChainClient;
use crate::ledger_file::LedgerFile;
use crate::sample_nodes::{ExpectedBalance, SampleNode};

/// A node's balance as reported by one source. Amounts are lamports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Address of the wallet account, or `None` if it does not exist.
    pub wallet: Option<String>,
    /// Total rewards earned, or `None` if the source is the chain, which does not store it.
    pub earned: Option<u64>,
    /// Total credited to the wallet account.
    pub credited: u64,
    /// Total paid out to the node's destination.
    pub paid: u64,
    /// Lamports held by the wallet account, including rent; 0 if it does not exist.
    pub wallet_lamports: u64,
    /// Last transaction that credited or paid the node, if the source stores it.
    pub signature: Option<String>,
    /// Reason why a due payout is held, if the source stores it.
    pub hold_reason: Option<String>,
}

/// The sources of a network's balances.
pub struct BalanceSources<'a> {
    /// Client of the cluster that the network is on.
    pub chain: &'a ChainClient,
    /// The ledger's database file.
    pub ledger: &'a LedgerFile,
    /// The HTTP API, or `None` if the ledger has no Worker.
    pub api: Option<&'a Api>,
    /// Address of the network, from which those of its other accounts are derived.
    pub network: Pubkey,
}

/// A node's balance as reported by every source.
#[derive(Clone, Debug)]
pub struct NodeBalances {
    /// The node's id in the ledger.
    pub node: String,
    /// Totals of the finalized wallet account.
    pub chain: Balance,
    /// Totals that the ledger recorded, and the wallet as it last mirrored it.
    pub ledger: Balance,
    /// Balance reported by the API, or `None` if the ledger has no Worker.
    pub http: Option<Balance>,
    /// Sums of the reward rows in the ledger.
    pub rewards: RewardSums,
}

/// Sums of a node's reward rows by status, in lamports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewardSums {
    /// Rewards that are not part of a batch yet.
    pub pending: u64,
    /// Rewards in a batch that is not final yet.
    pub batched: u64,
    /// Rewards credited on the chain.
    pub confirmed: u64,
    /// Reason why pending rewards are held, if any.
    pub hold_reason: Option<String>,
}

impl BalanceSources<'_> {
    /// Reads the balance of `node` from every source.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn node_balances(&self, node: &SampleNode) -> Result<NodeBalances, HarnessError> {
        let chain = self.on_chain(node)?;
        let node = node.id.as_str();
        Ok(NodeBalances {
            node: node.to_owned(),
            chain,
            ledger: self.in_ledger(node)?,
            http: self.api.map(|api| over_http(api, node)).transpose()?,
            rewards: self.reward_sums(node)?,
        })
    }

    /// Describes every balance that differs from the expected one. Returns an empty list if all balances match.
    ///
    /// Verifies the balances of each node in all sources, the balance of its destination, the treasury's totals against
    /// the sums over all nodes, and the treasury's balance against its totals. `nodes` must be all nodes of the network.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn mismatches(&self, nodes: &[SampleNode]) -> Result<Vec<String>, HarnessError> {
        let mut found = Vec::new();
        let (mut credited, mut paid) = (0, 0);
        for node in nodes {
            let balances = self.node_balances(node)?;
            found.extend(balances.mismatches(node.expected));
            credited += balances.chain.credited;
            paid += balances.chain.paid;
            let (actual, expected) = (self.chain.balance(&node.address)?, node.expected.paid + node.other_lamports);
            if actual != expected {
                let (id, address) = (&node.id, node.address);
                found.push(format!("{id}: destination {address}: expected {expected} lamports, found {actual}"));
            }
        }
        let Some(treasury) = self.chain.treasury(&self.network)? else {
            found.push("the treasury does not exist on the chain".to_owned());
            return Ok(found);
        };
        if (treasury.credited, treasury.paid) != (credited, paid) {
            found.push(format!(
                "treasury totals: {} credited and {} paid, but the nodes' totals are {credited} and {paid}",
                treasury.credited, treasury.paid
            ));
        }
        let rent = self.chain.rent_minimum(settlement::state::Treasury::SIZE)?;
        let (actual, expected) = (treasury.lamports, rent + treasury.funded - treasury.credited);
        if actual != expected {
            found.push(format!("treasury balance: expected {expected} lamports, found {actual}"));
        }
        Ok(found)
    }

    fn on_chain(&self, node: &SampleNode) -> Result<Balance, HarnessError> {
        Ok(self.chain.wallet(&self.network, &node.id, &node.address)?.map_or_else(Balance::default, |wallet| Balance {
            wallet: Some(wallet.address.to_string()),
            credited: wallet.credited,
            paid: wallet.paid,
            wallet_lamports: wallet.lamports,
            ..Balance::default()
        }))
    }

    fn in_ledger(&self, node: &str) -> Result<Balance, HarnessError> {
        let earned = self.ledger.number("SELECT total_rewards_lamports FROM nodes WHERE id = ?1", Some(node))?;
        let rows = self.ledger.rows(
            "SELECT wallet_address, credited_lamports, total_rewards_distributed_lamports, sol_balance_lamports, \
                    last_signature, hold_reason, pending_rewards_lamports \
             FROM wallets WHERE node_id = ?1",
            Some(node),
        )?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(Balance { earned: Some(earned), ..Balance::default() });
        };
        let unexpected_row = || HarnessError::Unexpected(format!("unexpected wallet row of {node}: {row:?}"));
        let [wallet, credited, paid, wallet_lamports, signature, hold_reason, pending] = row.as_slice() else {
            return Err(unexpected_row());
        };
        let number = |column: &Option<String>| {
            column.as_deref().and_then(|text| text.parse::<u64>().ok()).ok_or_else(unexpected_row)
        };
        let (credited, paid, pending) = (number(credited)?, number(paid)?, number(pending)?);
        if credited.checked_sub(paid) != Some(pending) {
            return Err(HarnessError::Unexpected(format!(
                "the ledger has {pending} lamports pending for {node}, but {credited} credited and {paid} paid"
            )));
        }
        Ok(Balance {
            wallet: wallet.clone(),
            earned: Some(earned),
            credited,
            paid,
            wallet_lamports: number(wallet_lamports)?,
            signature: signature.clone(),
            hold_reason: hold_reason.clone(),
        })
    }

    fn reward_sums(&self, node: &str) -> Result<RewardSums, HarnessError> {
        let sum = |status: &str| {
            self.ledger.number(
                &format!(
                    "SELECT COALESCE(SUM(amount_lamports), 0) FROM rewards WHERE node_id = ?1 AND status = '{status}'"
                ),
                Some(node),
            )
        };
        let held = "SELECT hold_reason FROM payables WHERE node_id = ?1 AND next_sequence IS NOT NULL";
        let hold_reason = self.ledger.rows(held, Some(node))?.into_iter().flatten().next().flatten();
        Ok(RewardSums { pending: sum("pending")?, batched: sum("batched")?, confirmed: sum("confirmed")?, hold_reason })
    }
}

fn over_http(api: &Api, node: &str) -> Result<Balance, HarnessError> {
    let balance = api.get(&format!("/v1/rewards/balance/{node}"))?.data()?;
    let text = |field: &str| balance.get(field).and_then(Value::as_str).map(str::to_owned);
    Ok(Balance {
        wallet: text("wallet_address"),
        earned: Some(lamports(&balance, "earned_lamports")?),
        credited: lamports(&balance, "credited_lamports")?,
        paid: lamports(&balance, "total_rewards_distributed_lamports")?,
        wallet_lamports: lamports(&balance, "sol_balance_lamports")?,
        signature: text("last_signature"),
        hold_reason: text("hold_reason"),
    })
}

impl NodeBalances {
    /// Reason why the node is not credited or paid, according to the ledger.
    pub fn hold_reason(&self) -> Option<&str> {
        self.ledger.hold_reason.as_deref().or(self.rewards.hold_reason.as_deref())
    }

    /// Describes every difference from `expected` and between the sources. Returns an empty list if there is none.
    pub fn mismatches(&self, expected: ExpectedBalance) -> Vec<String> {
        let mut found = Vec::new();
        let mut check = |what: String, actual: u64, expected: u64| {
            if actual != expected {
                found.push(format!("{}: {what}: expected {expected} lamports, found {actual}", self.node));
            }
        };
        let mirrors: Vec<(&str, &Balance)> =
            [("ledger", &self.ledger)].into_iter().chain(self.http.iter().map(|http| ("HTTP", http))).collect();
        for (source, balance) in [("chain", &self.chain)].iter().chain(&mirrors) {
            check(format!("credited ({source})"), balance.credited, expected.credited);
            check(format!("paid ({source})"), balance.paid, expected.paid);
        }
        for (source, balance) in &mirrors {
            check(format!("earned ({source})"), balance.earned.unwrap_or_default(), expected.earned);
            check(format!("wallet account ({source})"), balance.wallet_lamports, self.chain.wallet_lamports);
        }
        check("sum of confirmed rewards".to_owned(), self.rewards.confirmed, expected.credited);
        check("sum of pending rewards".to_owned(), self.rewards.pending, expected.earned - expected.credited);
        check("sum of batched rewards".to_owned(), self.rewards.batched, 0);
        for (source, balance) in &mirrors {
            if balance.wallet != self.chain.wallet {
                let (actual, expected) = (&balance.wallet, &self.chain.wallet);
                let node = &self.node;
                found.push(format!("{node}: wallet address: {actual:?} ({source}), but {expected:?} (chain)"));
            }
            if balance.signature != self.ledger.signature {
                let (actual, expected) = (&balance.signature, &self.ledger.signature);
                found.push(format!("{}: signature: {actual:?} ({source}), but {expected:?} (ledger)", self.node));
            }
        }
        if expected.credited > 0 && self.ledger.signature.is_none() {
            found.push(format!("{}: credited, but the ledger has no signature", self.node));
        }
        found
    }
}

/// Reads an amount from a JSON object, where amounts are decimal strings.
///
/// # Errors
/// [`HarnessError::Unexpected`] if the field is missing or is not a decimal string.
fn lamports(object: &Value, field: &str) -> Result<u64, HarnessError> {
    object
        .get(field)
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| HarnessError::Unexpected(format!("'{field}' is not a decimal string in {object}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: ExpectedBalance = ExpectedBalance { earned: 500, credited: 300, paid: 100 };

    fn matching() -> NodeBalances {
        let chain = Balance {
            wallet: Some("wallet".to_owned()),
            credited: 300,
            paid: 100,
            wallet_lamports: 1_200,
            ..Balance::default()
        };
        let ledger = Balance { earned: Some(500), signature: Some("signature".to_owned()), ..chain.clone() };
        NodeBalances {
            node: "node".to_owned(),
            chain,
            http: Some(ledger.clone()),
            ledger,
            rewards: RewardSums { pending: 200, batched: 0, confirmed: 300, hold_reason: None },
        }
    }

    #[test]
    fn matching_sources_have_no_mismatches() {
        assert_eq!(matching().mismatches(EXPECTED), Vec::<String>::new());
    }

    #[test]
    fn a_difference_of_one_lamport_in_any_source_is_a_mismatch() {
        let changes: Vec<fn(&mut NodeBalances)> = vec![
            |it| it.chain.credited += 1,
            |it| it.chain.paid -= 1,
            |it| it.chain.wallet_lamports += 1,
            |it| it.ledger.earned = Some(501),
            |it| it.ledger.credited -= 1,
            |it| it.ledger.paid += 1,
            |it| it.ledger.wallet_lamports -= 1,
            |it| it.rewards.pending += 1,
            |it| it.rewards.batched += 1,
            |it| it.rewards.confirmed -= 1,
            |it| http(it).earned = None,
            |it| http(it).credited += 1,
            |it| http(it).paid -= 1,
            |it| http(it).wallet_lamports += 1,
            |it| http(it).signature = None,
            |it| http(it).wallet = None,
            |it| it.ledger.wallet = Some("other".to_owned()),
            |it| it.chain.wallet = None,
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut balances = matching();
            change(&mut balances);
            assert!(!balances.mismatches(EXPECTED).is_empty(), "change {index} was not detected");
        }
    }

    fn http(balances: &mut NodeBalances) -> &mut Balance {
        balances.http.as_mut().expect("a balance over HTTP")
    }
}
