//! The comparison that everything here is for: each node's money on the chain, in the ledger and over HTTP, to the
//! lamport.

use serde_json::Value;

use crate::HarnessError;
use crate::api::Api;
use crate::chain::Witness;
use crate::ledger_file::LedgerFile;
use crate::sample::{Expected, SampleNode};

/// Where a node's money is, by one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The wallet account; `None` when there is none.
    pub wallet: Option<String>,
    /// All that the node earned; the chain does not know it.
    pub earned: Option<u64>,
    /// All that was credited to its wallet account.
    pub credited: u64,
    /// All that its destination was paid.
    pub paid: u64,
    /// The lamports in the wallet account.
    pub wallet_lamports: u64,
    /// The last transaction that credited or paid it, by the ledger.
    pub signature: Option<String>,
    /// Why a due payout was not made, by the ledger.
    pub hold_reason: Option<String>,
}

/// The sources that are compared.
pub struct Sources<'a> {
    /// The chain.
    pub chain: &'a Witness,
    /// The ledger's file.
    pub ledger: &'a LedgerFile,
    /// The HTTP API, where a Worker stands before the ledger.
    pub api: Option<&'a Api>,
    /// The network's name.
    pub network: &'a str,
}

/// A node's money by every source.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The node.
    pub node: String,
    /// On the chain.
    pub chain: Position,
    /// In the ledger.
    pub ledger: Position,
    /// Over HTTP, where a Worker stands before the ledger.
    pub http: Option<Position>,
    /// In the ledger, rewards by their status.
    pub rewards: RewardSums,
}

/// The lamports of a node's reward rows by their status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewardSums {
    /// Waiting.
    pub pending: u64,
    /// In a batch that is under way.
    pub batched: u64,
    /// Credited on the chain.
    pub confirmed: u64,
    /// Why those that wait do, where there is a reason.
    pub hold_reason: Option<String>,
}

impl Sources<'_> {
    /// Reads where the money of `node` is.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn statement(&self, node: &str) -> Result<Statement, HarnessError> {
        Ok(Statement {
            node: node.to_owned(),
            chain: self.on_chain(node)?,
            ledger: self.in_ledger(node)?,
            http: self.api.map(|api| over_http(api, node)).transpose()?,
            rewards: self.reward_sums(node)?,
        })
    }

    /// What is not where it should be, in sentences; nothing when every lamport is.
    ///
    /// Compares each node by all sources, what its address holds, the treasury's books with the nodes', and the
    /// treasury's balance with its books. `nodes` must be all nodes of the network.
    ///
    /// # Errors
    /// See [`HarnessError`].
    pub fn audit(&self, nodes: &[SampleNode]) -> Result<Vec<String>, HarnessError> {
        let mut found = Vec::new();
        let (mut credited, mut paid) = (0, 0);
        for node in nodes {
            let statement = self.statement(&node.id)?;
            found.extend(statement.mismatches(node.expected));
            credited += statement.chain.credited;
            paid += statement.chain.paid;
            let (holds, should) = (self.chain.balance(&node.address)?, node.expected.paid + node.given_lamports);
            if holds != should {
                let address = node.address;
                found.push(format!(
                    "{}: its address {address} holds {holds} lamports and should hold {should}",
                    node.id
                ));
            }
        }
        let Some(treasury) = self.chain.treasury(self.network)? else {
            found.push("there is no treasury on the chain".to_owned());
            return Ok(found);
        };
        if (treasury.credited, treasury.paid) != (credited, paid) {
            found.push(format!(
                "the treasury's books say {} credited and {} paid, the nodes' {credited} and {paid}",
                treasury.credited, treasury.paid
            ));
        }
        let rent = self.chain.rent_minimum(settlement::state::Treasury::SIZE)?;
        let should = rent + treasury.funded - treasury.credited;
        if treasury.lamports != should {
            found.push(format!("the treasury holds {} lamports and should hold {should}", treasury.lamports));
        }
        Ok(found)
    }

    fn on_chain(&self, node: &str) -> Result<Position, HarnessError> {
        Ok(self.chain.wallet(self.network, node)?.map_or_else(Position::default, |wallet| Position {
            wallet: Some(wallet.address.to_string()),
            credited: wallet.credited,
            paid: wallet.paid,
            wallet_lamports: wallet.lamports,
            ..Position::default()
        }))
    }

    fn in_ledger(&self, node: &str) -> Result<Position, HarnessError> {
        let earned = self.ledger.number("SELECT total_rewards_lamports FROM nodes WHERE id = ?1", Some(node))?;
        let rows = self.ledger.rows(
            "SELECT wallet_address, credited_lamports, total_rewards_distributed_lamports, sol_balance_lamports, \
                    last_signature, hold_reason, pending_rewards_lamports \
             FROM wallets WHERE node_id = ?1",
            Some(node),
        )?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(Position { earned: Some(earned), ..Position::default() });
        };
        let number = |column: usize| -> Result<u64, HarnessError> {
            row[column].as_deref().and_then(|text| text.parse().ok()).ok_or_else(|| {
                HarnessError::Unexpected(format!(
                    "the ledger has {:?} in column {column} of {node}'s wallet",
                    row[column]
                ))
            })
        };
        let (credited, paid, pending) = (number(1)?, number(2)?, number(6)?);
        if credited.checked_sub(paid) != Some(pending) {
            return Err(HarnessError::Unexpected(format!(
                "the ledger has {pending} lamports pending for {node}, but {credited} credited and {paid} paid"
            )));
        }
        Ok(Position {
            wallet: row[0].clone(),
            earned: Some(earned),
            credited,
            paid,
            wallet_lamports: number(3)?,
            signature: row[4].clone(),
            hold_reason: row[5].clone(),
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
        let held = "SELECT hold_reason FROM rewards WHERE node_id = ?1 AND hold_reason IS NOT NULL LIMIT 1";
        let hold_reason = self.ledger.rows(held, Some(node))?.into_iter().flatten().next().flatten();
        Ok(RewardSums { pending: sum("pending")?, batched: sum("batched")?, confirmed: sum("confirmed")?, hold_reason })
    }
}

fn over_http(api: &Api, node: &str) -> Result<Position, HarnessError> {
    let balance = api.get(&format!("/v1/rewards/balance/{node}"))?.data()?;
    let text = |field: &str| balance[field].as_str().map(str::to_owned);
    Ok(Position {
        wallet: text("wallet_address"),
        earned: Some(lamports(&balance, "earned_lamports")?),
        credited: lamports(&balance, "credited_lamports")?,
        paid: lamports(&balance, "total_rewards_distributed_lamports")?,
        wallet_lamports: lamports(&balance, "sol_balance_lamports")?,
        signature: text("last_signature"),
        hold_reason: text("hold_reason"),
    })
}

impl Statement {
    /// Why the node has not been credited or paid, by the ledger.
    pub fn hold_reason(&self) -> Option<&str> {
        self.ledger.hold_reason.as_deref().or(self.rewards.hold_reason.as_deref())
    }

    /// What is not as it should be; nothing when all sources say `expected`.
    pub fn mismatches(&self, expected: Expected) -> Vec<String> {
        let mut found = Vec::new();
        let mut check = |what: String, is: u64, should: u64| {
            if is != should {
                found.push(format!("{}: {what} is {is} lamports and should be {should}", self.node));
            }
        };
        let mirrors: Vec<(&str, &Position)> =
            [("the ledger", &self.ledger)].into_iter().chain(self.http.iter().map(|http| ("HTTP", http))).collect();
        for (source, position) in [("the chain", &self.chain)].iter().chain(&mirrors) {
            check(format!("credited by {source}"), position.credited, expected.credited);
            check(format!("paid by {source}"), position.paid, expected.paid);
        }
        for (source, position) in &mirrors {
            check(format!("earned by {source}"), position.earned.unwrap_or_default(), expected.earned);
            let balance = format!("the wallet account's balance by {source}");
            check(balance, position.wallet_lamports, self.chain.wallet_lamports);
        }
        check("the sum of confirmed rewards".to_owned(), self.rewards.confirmed, expected.credited);
        check("the sum of pending rewards".to_owned(), self.rewards.pending, expected.earned - expected.credited);
        check("the sum of rewards still in a batch".to_owned(), self.rewards.batched, 0);
        for (source, position) in &mirrors {
            if position.wallet != self.chain.wallet {
                let (is, should) = (&position.wallet, &self.chain.wallet);
                found.push(format!("{}: the wallet account by {source} is {is:?}, on the chain {should:?}", self.node));
            }
            if position.signature != self.ledger.signature {
                let (is, should) = (&position.signature, &self.ledger.signature);
                found.push(format!("{}: the signature by {source} is {is:?}, by the ledger {should:?}", self.node));
            }
        }
        if expected.credited > 0 && self.ledger.signature.is_none() {
            found.push(format!("{}: was credited, but no signature is told", self.node));
        }
        found
    }
}

/// An amount in a JSON answer: a decimal string.
///
/// # Errors
/// [`HarnessError::Unexpected`] when it is missing or something else.
pub fn lamports(object: &Value, field: &str) -> Result<u64, HarnessError> {
    object[field]
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| HarnessError::Unexpected(format!("'{field}' should be a decimal string in {object}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected = Expected { earned: 500, credited: 300, paid: 100 };

    fn agreed() -> Statement {
        let chain = Position {
            wallet: Some("wallet".to_owned()),
            credited: 300,
            paid: 100,
            wallet_lamports: 1_200,
            ..Position::default()
        };
        let ledger = Position { earned: Some(500), signature: Some("signature".to_owned()), ..chain.clone() };
        Statement {
            node: "node".to_owned(),
            chain,
            http: Some(ledger.clone()),
            ledger,
            rewards: RewardSums { pending: 200, batched: 0, confirmed: 300, hold_reason: None },
        }
    }

    #[test]
    fn sources_that_agree_are_not_complained_about() {
        assert_eq!(agreed().mismatches(EXPECTED), Vec::<String>::new());
    }

    #[test]
    fn a_single_lamport_is_seen_wherever_it_is() {
        let changes: Vec<fn(&mut Statement)> = vec![
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
            let mut statement = agreed();
            change(&mut statement);
            assert!(!statement.mismatches(EXPECTED).is_empty(), "change {index} was not seen");
        }
    }

    fn http(statement: &mut Statement) -> &mut Position {
        statement.http.as_mut().expect("an answer over HTTP")
    }
}
