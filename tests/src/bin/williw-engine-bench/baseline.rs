//! What a settlement costs at least, as a baseline: plain statements that write the same rows, and building and signing.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::json;
use settlement::client::{BatchHeader, credit_ix};
use solana_hash::Hash;
use williw_relay::signer::{SecretKey, Signer as _};
use williw_relay::transaction::{Budget, Format};

use crate::world::{
    CREDITED_BEFORE, NOW_MS, REWARD_LAMPORTS, WALLET_RENT, int, network, node_id, owner, settler, wallet,
};
use crate::{BenchError, process};

const NODES_PER_BATCH: u64 = 60;
const BATCHES_PER_COMMIT: u64 = 50;

/// Writes the rows of credits: planned in one transaction, signed in the next, confirmed in a third one, per 50 batches of
/// 60 nodes. With numbers as parameters, without reading anything.
pub(crate) fn bare(file: &Path, nodes: u64, rewards: u64) -> Result<(), BenchError> {
    let mut connection = Connection::open(file)?;
    connection.set_prepared_statement_cache_capacity(100);
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update(None, "wal_autocheckpoint", 16_384)?;
    let (start, processor) = (process::now(), process::processor_time()?);
    let transaction = connection.transaction()?;
    transaction.execute(
        "INSERT INTO settlements (trigger, state, step, started_at, updated_at) VALUES ('bare', 'open', 'plan', ?1, ?1)",
        [NOW_MS],
    )?;
    transaction.commit()?;
    let signature = "1".repeat(88);
    let bytes = "A".repeat(4_000);
    let total = CREDITED_BEFORE + rewards * REWARD_LAMPORTS;
    let nodes_per_commit = NODES_PER_BATCH * BATCHES_PER_COMMIT;
    for first in (0..nodes).step_by(usize::try_from(nodes_per_commit).map_err(BenchError::other)?) {
        let wave = first..nodes.min(first + nodes_per_commit);
        let batch_of = |index: u64| index / NODES_PER_BATCH + 1;
        let batches = batch_of(wave.start)..=batch_of(wave.end - 1);
        let transaction = connection.transaction()?;
        {
            let mut insert_batch = transaction.prepare_cached(
                "INSERT INTO batches (id, settlement_id, kind, state, format, entry_count, records_root, created_at,
                    updated_at) VALUES (?1, 1, 'credit', 'planned', 'v1', 60, ?2, ?3, ?3)",
            )?;
            let mut insert_entry = transaction.prepare_cached(
                "INSERT INTO batch_entries (batch_id, position, node_id, wallet_address, owner, destination,
                    target_lamports) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
            )?;
            let mut insert_record = transaction.prepare_cached(
                "INSERT INTO batch_records (batch_id, leaf_index, reward_sequence) VALUES (?1, ?2, ?3)",
            )?;
            let mut assign = transaction
                .prepare_cached("UPDATE rewards SET status = 'batched', batch_id = ?2 WHERE sequence = ?1")?;
            for batch in batches.clone() {
                insert_batch.execute(params![int(batch), "0".repeat(64), NOW_MS])?;
            }
            for index in wave.clone() {
                let (batch, position) = (batch_of(index), index % NODES_PER_BATCH);
                let (wallet, owner) = (wallet(index).to_string(), owner(index).to_string());
                insert_entry.execute(params![int(batch), int(position), node_id(index), wallet, owner, int(total)])?;
                for round in 1..=rewards {
                    let sequence = 1 + round * nodes + index;
                    insert_record.execute(params![int(batch), int(position * rewards + round - 1), int(sequence)])?;
                    assign.execute(params![int(sequence), int(batch)])?;
                }
            }
        }
        transaction.commit()?;
        let transaction = connection.transaction()?;
        {
            let mut sign = transaction.prepare_cached(
                "INSERT INTO attempts (batch_id, number, state, signature, transaction_base64, last_valid_block_height,
                    compute_unit_limit, loaded_accounts_data_limit, compute_unit_price, priority_fee_lamports,
                    created_at, updated_at) VALUES (?1, 1, 'signed', ?1 || ?2, ?3, 1, 1, 1, 0, 0, ?4, ?4)",
            )?;
            for batch in batches.clone() {
                sign.execute(params![int(batch), signature, bytes, NOW_MS])?;
            }
            let mut raise =
                transaction.prepare_cached("UPDATE payables SET signed_lamports = ?2 WHERE node_id = ?1")?;
            for index in wave.clone() {
                raise.execute(params![node_id(index), int(total)])?;
            }
        }
        transaction.commit()?;
        let transaction = connection.transaction()?;
        {
            let mut confirm_batch =
                transaction.prepare_cached("UPDATE batches SET state = 'confirmed', signature = ?2 WHERE id = ?1")?;
            let mut finalize = transaction
                .prepare_cached("UPDATE attempts SET state = 'finalized', version = 3, slot = 1 WHERE batch_id = ?1")?;
            for batch in batches {
                confirm_batch.execute(params![int(batch), signature])?;
                finalize.execute([int(batch)])?;
            }
            let mut confirm = transaction.prepare_cached(
                "UPDATE rewards SET status = 'confirmed', transaction_signature = ?2, distributed_at = ?3
                 WHERE sequence = ?1",
            )?;
            let mut update_wallet = transaction.prepare_cached(
                "UPDATE wallets SET sol_balance_lamports = ?2, credited_lamports = ?3, pending_rewards_lamports = ?4,
                    oldest_unpaid_at = ?5, last_signature = ?6, last_slot = 1, last_updated_at = ?5
                 WHERE node_id = ?1",
            )?;
            let mut update_payable =
                transaction.prepare_cached("UPDATE payables SET next_sequence = NULL WHERE node_id = ?1")?;
            for index in wave {
                for round in 1..=rewards {
                    confirm.execute(params![int(1 + round * nodes + index), signature, NOW_MS])?;
                }
                let (id, pending) = (node_id(index), total - CREDITED_BEFORE);
                update_wallet.execute(params![
                    id,
                    int(WALLET_RENT + pending),
                    int(total),
                    int(pending),
                    NOW_MS,
                    signature
                ])?;
                update_payable.execute([id])?;
            }
        }
        transaction.commit()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let processor = process::processor_time()?.saturating_sub(processor).as_secs_f64();
    println!(
        "{}",
        json!({
            "measurement": "bare",
            "processor_seconds": (processor * 1_000.0).round() / 1_000.0,
            "nodes_per_processor_second": (nodes as f64 / processor).round(),
            "nodes": nodes,
            "rewards_per_node": rewards,
            "seconds": (seconds * 1_000.0).round() / 1_000.0,
            "nodes_per_second": (nodes as f64 / seconds).round(),
        })
    );
    Ok(())
}

/// Builds and signs credits of 60 nodes for about two seconds.
pub(crate) fn sign() -> Result<(), BenchError> {
    const DURATION: Duration = Duration::from_secs(2);

    let network = network()?.address();
    let signer = SecretKey::parse(&settler().to_base58_string()).map_err(BenchError::other)?;
    let payer = signer.address();
    let entries: Vec<_> = (0..NODES_PER_BATCH).map(|index| (wallet(index), index + 1)).collect();
    let budget = Budget { compute_unit_price: 1, ..Budget::WIDEST };
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(BenchError::other)?;
    let (start, processor, mut batches) = (process::now(), process::processor_time()?, 0_u64);
    while start.elapsed() < DURATION {
        let header = BatchHeader { batch_id: batches, records_root: [1; 32] };
        let instruction = credit_ix(payer, network, header, &entries);
        let unsigned = Format::V1
            .build(&payer, &[instruction], &budget, Hash::new_from_array([2; 32]))
            .map_err(BenchError::other)?;
        let signature = runtime.block_on(signer.sign(&unsigned.message_bytes())).map_err(BenchError::other)?;
        std::hint::black_box(unsigned.signed(signature).map_err(BenchError::other)?);
        batches += 1;
    }
    let seconds = process::processor_time()?.saturating_sub(processor).as_secs_f64();
    println!(
        "{}",
        json!({
            "measurement": "sign",
            "batches": batches,
            "nodes_per_second_per_core": ((batches * NODES_PER_BATCH) as f64 / seconds).round(),
        })
    );
    Ok(())
}
