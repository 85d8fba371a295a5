-- The schema of the ledger, for both SQLite and D1.
--
-- Times are in Unix milliseconds. Amounts are INTEGER with a CHECK, in base units of the asset that the network pays in: lamports,
-- or the smallest unit of a mint. Only fees and the balances of wallet accounts are lamports in every network. Amounts of
-- rewards are never updated: a correction is a new row. Integers are bound as text with CAST(?1 AS INTEGER) and read with CAST(column AS TEXT).

-- What the ledger is bound to: the cluster (by its genesis hash), the program, the network and its asset. Written once and
-- checked by every run, so that a ledger is never settled on another cluster.
CREATE TABLE ledger_binding (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE nodes (
    id                     TEXT PRIMARY KEY,
    address                TEXT,     -- the owner's Solana address, base58; NULL until it is set
    public_key             TEXT,     -- the node's Ed25519 public key, base58
    registered_at          INTEGER NOT NULL,
    last_active_at         INTEGER NOT NULL,
    status                 TEXT    NOT NULL CHECK (status IN ('active', 'inactive', 'suspended')),
    capabilities           TEXT    NOT NULL CHECK (json_valid(capabilities)),
    total_compute_score    INTEGER NOT NULL DEFAULT 0 CHECK (total_compute_score >= 0),
    total_rewards_lamports INTEGER NOT NULL DEFAULT 0 CHECK (total_rewards_lamports >= 0),
    contribution_count     INTEGER NOT NULL DEFAULT 0 CHECK (contribution_count >= 0),
    created_at             INTEGER NOT NULL,
    updated_at             INTEGER NOT NULL
) STRICT;

-- A task is created with its first contribution.
CREATE TABLE tasks (
    id         TEXT PRIMARY KEY,
    name       TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('open', 'closed')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE contributions (
    id                  TEXT PRIMARY KEY,   -- chosen by the client; a repeated id denotes the same contribution
    node_id             TEXT    NOT NULL REFERENCES nodes (id),
    task_id             TEXT    NOT NULL REFERENCES tasks (id),
    compute_score       INTEGER NOT NULL CHECK (compute_score > 0),
    duration_seconds    INTEGER NOT NULL CHECK (duration_seconds >= 0),
    samples_processed   INTEGER NOT NULL CHECK (samples_processed >= 0),
    gpu_usage_percent   REAL,
    cpu_usage_percent   REAL,
    memory_used_mb      INTEGER,
    network_upload_mb   INTEGER,
    network_download_mb INTEGER,
    timestamp           INTEGER NOT NULL,   -- when the work was done, as reported
    content_hash        TEXT    NOT NULL,   -- SHA-256 of the report; distinguishes a repeated report from a conflicting one
    created_at          INTEGER NOT NULL
) STRICT;
CREATE INDEX contributions_by_node ON contributions (node_id, timestamp);

-- node_total_lamports is the running total of the node's rewards up to and including the row. A reward is credited
-- on-chain if and only if the wallet account's credited_total has reached that total by transactions that this ledger has
-- signed (payables.signed_lamports); the total can also lie within a reward, of which a part is credited then. A correction records what the
-- chain has credited without a reward in this ledger, once an operator has accepted it; it comes before the node's pending
-- rewards, whose running totals grow by its amount.
CREATE TABLE rewards (
    sequence              INTEGER PRIMARY KEY AUTOINCREMENT,
    id                    TEXT    NOT NULL UNIQUE,
    node_id               TEXT    NOT NULL REFERENCES nodes (id),
    contribution_id       TEXT    UNIQUE REFERENCES contributions (id),
    kind                  TEXT    NOT NULL DEFAULT 'reward' CHECK (kind IN ('reward', 'correction')),
    amount_lamports       INTEGER NOT NULL CHECK (amount_lamports > 0),
    node_total_lamports   INTEGER NOT NULL CHECK (node_total_lamports >= amount_lamports),
    period                TEXT    NOT NULL,  -- the UTC day the reward was earned, YYYY-MM-DD
    reason                TEXT    NOT NULL,  -- 'contribution', or the reason given by an operator
    status                TEXT    NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'batched', 'confirmed')),
    batch_id              INTEGER REFERENCES batches (id),
    transaction_signature TEXT,
    distributed_at        INTEGER,
    created_at            INTEGER NOT NULL,
    UNIQUE (node_id, node_total_lamports),
    CHECK ((status = 'pending') = (batch_id IS NULL) OR status = 'confirmed'),
    CHECK ((status = 'confirmed') = (distributed_at IS NOT NULL)),
    CHECK (kind = 'reward' OR (status = 'confirmed' AND contribution_id IS NULL AND batch_id IS NULL))
) STRICT;
-- Partial indexes are used only by statements that repeat their condition literally. These two depend on distributed_at, which
-- is NULL until a reward is confirmed, because an update of the status would otherwise write them again.
CREATE INDEX rewards_open ON rewards (node_id, node_total_lamports) WHERE distributed_at IS NULL;
CREATE INDEX rewards_open_by_sequence ON rewards (sequence) WHERE distributed_at IS NULL;

-- One row per node that has ever had a pending reward: what a settlement needs to find its nodes without reading rewards. A node
-- without rewards has one if it is held because ledger and chain disagree. Rows are in the order in which nodes had their first
-- reward, not in that of their ids: nodes that are settled together then share pages.
CREATE TABLE payables (
    node_id         TEXT NOT NULL PRIMARY KEY REFERENCES nodes (id),
    next_sequence   INTEGER,                     -- the node's oldest unconfirmed reward; NULL if all are confirmed
    signed_lamports INTEGER NOT NULL DEFAULT 0 CHECK (signed_lamports >= 0), -- the highest total ever signed for the node
    hold_reason     TEXT,                        -- why the last settlement did not credit its pending rewards
    held_since      INTEGER,                     -- since when they are held for this reason; kept while they are tried again
    retry_at        INTEGER NOT NULL DEFAULT 0,  -- when a settlement tries again; 0 unless the node is held
    CHECK ((hold_reason IS NULL) = (retry_at = 0))
) STRICT;
CREATE INDEX payables_due ON payables (retry_at, next_sequence) WHERE next_sequence IS NOT NULL;
CREATE INDEX payables_held ON payables (hold_reason, node_id) WHERE hold_reason IS NOT NULL;
-- What was held and is not at present: at the end of a settlement, held_since is forgotten.
CREATE INDEX payables_tried_again ON payables (node_id) WHERE held_since IS NOT NULL AND hold_reason IS NULL;

-- A cache of the on-chain wallet accounts as last read. The chain is authoritative.
CREATE TABLE wallets (
    node_id                            TEXT PRIMARY KEY REFERENCES nodes (id),
    wallet_address                     TEXT    NOT NULL,  -- the wallet account (PDA), base58
    owner                              TEXT    NOT NULL,
    destination                        TEXT    NOT NULL,
    destination_source                 TEXT    NOT NULL CHECK (destination_source IN ('default', 'owner', 'admin')), -- who chose it
    sol_balance_lamports               INTEGER NOT NULL CHECK (sol_balance_lamports >= 0), -- of the wallet account, in lamports
    credited_lamports                  INTEGER NOT NULL CHECK (credited_lamports >= 0),
    pending_rewards_lamports           INTEGER NOT NULL CHECK (pending_rewards_lamports >= 0),
    total_rewards_distributed_lamports INTEGER NOT NULL CHECK (total_rewards_distributed_lamports >= 0),
    threshold_lamports                 INTEGER NOT NULL CHECK (threshold_lamports >= 0),
    oldest_unpaid_at                   INTEGER,           -- the time of the oldest unpaid credit; NULL if nothing is pending
    hold_reason                        TEXT,              -- why a due payout was not made
    held_since                         INTEGER,           -- since when it is held for this reason; kept while it is tried again
    retry_at                           INTEGER NOT NULL DEFAULT 0, -- when a settlement tries again; 0 unless the payout is held
    last_signature                     TEXT,              -- the last finalized transaction that credited or paid the node
    last_slot                          INTEGER NOT NULL,  -- the finalized slot at which the account was read
    last_updated_at                    INTEGER NOT NULL,
    CHECK ((hold_reason IS NULL) = (retry_at = 0))
) STRICT;
CREATE INDEX wallets_due_by_amount ON wallets (retry_at, node_id)
    WHERE pending_rewards_lamports > 0 AND pending_rewards_lamports >= threshold_lamports;
-- First by retry_at: it is searched for those that are not held, by their age, and for those that are, by their time.
CREATE INDEX wallets_due_by_age ON wallets (retry_at, oldest_unpaid_at) WHERE oldest_unpaid_at IS NOT NULL;
CREATE INDEX wallets_tried_again ON wallets (node_id) WHERE held_since IS NOT NULL AND hold_reason IS NULL;

-- What a node is held for is over: the next settlement tries again, however long it was held.
CREATE TRIGGER holds_of_changed_nodes AFTER UPDATE OF address, status ON nodes
WHEN (OLD.address IS NULL AND NEW.address IS NOT NULL) OR (OLD.status = 'suspended' AND NEW.status <> 'suspended') BEGIN
    UPDATE payables SET hold_reason = NULL, held_since = NULL, retry_at = 0
        WHERE node_id = NEW.id AND hold_reason IN ('no_address', 'node_suspended');
    UPDATE wallets SET hold_reason = NULL, held_since = NULL, retry_at = 0
        WHERE node_id = NEW.id AND hold_reason IN ('no_address', 'node_suspended');
END;

-- A cache of the on-chain treasury as last read, in one row.
CREATE TABLE treasury (
    address                  TEXT PRIMARY KEY,
    balance_lamports         INTEGER NOT NULL CHECK (balance_lamports >= 0),
    credited_total_lamports  INTEGER NOT NULL CHECK (credited_total_lamports >= 0),
    paid_total_lamports      INTEGER NOT NULL CHECK (paid_total_lamports >= 0),
    -- The sum of wallets.credited_lamports, so that it need not be computed. It equals credited_total_lamports once all
    -- wallets are mirrored.
    mirrored_credited_lamports INTEGER NOT NULL DEFAULT 0,
    -- What an operator has accepted of the difference between the two: credited to wallet accounts of no node in this ledger.
    accepted_unknown_lamports INTEGER NOT NULL DEFAULT 0 CHECK (accepted_unknown_lamports >= 0),
    max_pending_age_ms       INTEGER NOT NULL CHECK (max_pending_age_ms >= 0),
    paused                   INTEGER NOT NULL CHECK (paused IN (0, 1)),
    last_slot                INTEGER NOT NULL,
    last_updated_at          INTEGER NOT NULL
) STRICT;

CREATE TABLE settlements (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    trigger           TEXT    NOT NULL,
    state             TEXT    NOT NULL CHECK (state IN ('open', 'done', 'failed')),
    step              TEXT    NOT NULL CHECK (step IN ('validate', 'sync', 'plan', 'simulate', 'submit', 'reconcile')),
    started_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    finished_at       INTEGER,
    credited_lamports INTEGER NOT NULL DEFAULT 0 CHECK (credited_lamports >= 0),
    paid_lamports     INTEGER NOT NULL DEFAULT 0 CHECK (paid_lamports >= 0),
    fees_lamports     INTEGER NOT NULL DEFAULT 0 CHECK (fees_lamports >= 0),
    error             TEXT,
    pruned            INTEGER NOT NULL DEFAULT 0 CHECK (pruned IN (0, 1)) -- 1: log lines and bytes of attempts were deleted
) STRICT;
CREATE INDEX settlements_unpruned ON settlements (finished_at) WHERE pruned = 0;
-- At most one settlement is open.
CREATE UNIQUE INDEX settlements_one_open ON settlements (state) WHERE state = 'open';

-- The nodes of the open settlement, chosen once. Empty while no settlement is open.
CREATE TABLE settlement_nodes (
    position INTEGER PRIMARY KEY,  -- the order in which the nodes are served: those with the oldest rewards first
    node_id  TEXT    NOT NULL REFERENCES nodes (id), -- so that a damaged ledger opens no settlement
    -- selected → read → planned, or held. If the wallet account has to be created first: selected → missing → registering
    -- → read, or held.
    state    TEXT    NOT NULL CHECK (state IN ('selected', 'missing', 'registering', 'read', 'planned', 'held'))
) STRICT;
CREATE INDEX settlement_nodes_by_state ON settlement_nodes (state);

CREATE TABLE settlement_steps (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    settlement_id INTEGER NOT NULL REFERENCES settlements (id),
    step          TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    level         TEXT    NOT NULL CHECK (level IN ('info', 'warn', 'error')),
    message       TEXT    NOT NULL
) STRICT;
CREATE INDEX settlement_steps_by_settlement ON settlement_steps (settlement_id, id);

CREATE TABLE batches (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,  -- batch_id in the program's events
    settlement_id INTEGER NOT NULL REFERENCES settlements (id),
    kind          TEXT    NOT NULL CHECK (kind IN ('register', 'credit', 'settle')),
    state         TEXT    NOT NULL CHECK (state IN ('planned', 'confirmed', 'failed', 'split', 'superseded')),
    format        TEXT    NOT NULL CHECK (format IN ('v0', 'v1')),
    entry_count   INTEGER NOT NULL CHECK (entry_count > 0),
    records_root  TEXT    NOT NULL,  -- Merkle root of the reward records, hex; zeros for 'register'
    signature     TEXT,              -- the signature of the attempt that landed
    reason        TEXT,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX batches_by_settlement ON batches (settlement_id, state);

CREATE TABLE batch_entries (
    batch_id                 INTEGER NOT NULL REFERENCES batches (id),
    position                 INTEGER NOT NULL CHECK (position >= 0),
    node_id                  TEXT    NOT NULL,  -- not a foreign key, which would need an index
    wallet_address           TEXT    NOT NULL,
    owner                    TEXT    NOT NULL,
    destination              TEXT    NOT NULL,
    target_lamports          INTEGER NOT NULL CHECK (target_lamports >= 0),
    outcome                  TEXT    CHECK (outcome IN ('credited', 'skipped', 'registered', 'evicted')),
    credit_skip              TEXT,
    payout_skip              TEXT,
    PRIMARY KEY (batch_id, position),
    UNIQUE (batch_id, node_id)
) STRICT, WITHOUT ROWID;

-- The reward records covered by a batch's Merkle root, in the order of the leaves. Append-only.
CREATE TABLE batch_records (
    batch_id        INTEGER NOT NULL REFERENCES batches (id),
    leaf_index      INTEGER NOT NULL CHECK (leaf_index >= 0),
    reward_sequence INTEGER NOT NULL REFERENCES rewards (sequence),
    PRIMARY KEY (batch_id, leaf_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX batch_records_by_reward ON batch_records (reward_sequence);

CREATE TABLE attempts (
    id                         INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id                   INTEGER NOT NULL REFERENCES batches (id),
    number                     INTEGER NOT NULL CHECK (number > 0),  -- the number within the batch, starting at 1
    state                      TEXT    NOT NULL CHECK (state IN ('planned', 'signed', 'sent', 'landed', 'finalized', 'failed', 'expired')),
    version                    INTEGER NOT NULL DEFAULT 1,  -- incremented by every transition, for compare-and-set
    signature                  TEXT    UNIQUE,
    transaction_base64         TEXT,                        -- the signed transaction; resends use exactly these bytes; deleted long after its end
    last_valid_block_height    INTEGER,
    compute_unit_limit         INTEGER NOT NULL,
    loaded_accounts_data_limit INTEGER NOT NULL,         -- bytes
    compute_unit_price         INTEGER NOT NULL,         -- micro-lamports per compute unit
    priority_fee_lamports      INTEGER NOT NULL CHECK (priority_fee_lamports >= 0),
    slot                       INTEGER,
    fee_lamports               INTEGER CHECK (fee_lamports >= 0),
    sent_at                    INTEGER,                     -- when the transaction was last sent
    finalized_seen_at          INTEGER,                     -- when it was first found in a finalized block, without its log
    error                      TEXT,
    created_at                 INTEGER NOT NULL,
    updated_at                 INTEGER NOT NULL,
    UNIQUE (batch_id, number),
    CHECK (state IN ('planned', 'failed') OR (signature IS NOT NULL AND last_valid_block_height IS NOT NULL)),
    CHECK (state IN ('planned', 'failed', 'finalized', 'expired') OR transaction_base64 IS NOT NULL)
) STRICT;
-- At most one live attempt per batch, so that a second payment for the same batch cannot be recorded.
CREATE UNIQUE INDEX attempts_one_live ON attempts (batch_id) WHERE state IN ('planned', 'signed', 'sent', 'landed');

-- Leases, which grant exclusive write access to one runner. Every new holder gets a higher fencing_token, without which
-- nothing can be written. All times are the database's, so that no runner's clock matters.
CREATE TABLE leases (
    name          TEXT PRIMARY KEY,
    holder        TEXT    NOT NULL,
    fencing_token INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT;

-- Address lookup tables of the settler's key. A transaction that changes one is recorded before it is sent.
CREATE TABLE lookup_tables (
    address       TEXT PRIMARY KEY,
    -- opening → open → closing → closed; rejected: the chain has another content than the ledger.
    state         TEXT    NOT NULL CHECK (state IN ('opening', 'open', 'rejected', 'closing', 'closed')),
    address_count INTEGER NOT NULL CHECK (address_count BETWEEN 0 AND 256), -- the addresses that the finalized table is known to have
    pending_signature               TEXT,     -- the transaction on the table whose outcome is open
    pending_last_valid_block_height INTEGER,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    CHECK ((pending_signature IS NULL) = (pending_last_valid_block_height IS NULL)),
    CHECK (state <> 'opening' OR address_count = 0)
) STRICT;
-- At most one transaction is open.
CREATE UNIQUE INDEX lookup_tables_one_pending ON lookup_tables ((pending_signature IS NULL)) WHERE pending_signature IS NOT NULL;
CREATE INDEX lookup_tables_with_room ON lookup_tables (address) WHERE state = 'open' AND address_count < 256;

-- What is written to the tables, recorded before it is sent. A position counts once it is below the table's address_count.
CREATE TABLE lookup_addresses (
    address       TEXT PRIMARY KEY,
    table_address TEXT    NOT NULL REFERENCES lookup_tables (address),
    position      INTEGER NOT NULL CHECK (position BETWEEN 0 AND 255),
    UNIQUE (table_address, position)
) STRICT, WITHOUT ROWID;

-- Preconditions of atomic batches. A statement inserts the result of a condition; if it is false, the named CHECK fails
-- and rolls back the batch. The last statement of the batch deletes the row.
CREATE TABLE preconditions (
    lease_held         INTEGER CONSTRAINT lease_held CHECK (lease_held = 1),
    state_unchanged    INTEGER CONSTRAINT state_unchanged CHECK (state_unchanged = 1),
    totals_fit         INTEGER CONSTRAINT totals_fit CHECK (totals_fit = 1),
    node_not_suspended INTEGER CONSTRAINT node_not_suspended CHECK (node_not_suspended = 1),
    task_open          INTEGER CONSTRAINT task_open CHECK (task_open = 1)
) STRICT;

CREATE TABLE idempotency_keys (
    key          TEXT NOT NULL,
    operation    TEXT NOT NULL,   -- the operation the key was used for, e.g. rewards.distribute
    request_hash TEXT NOT NULL,   -- SHA-256 of the request, hex
    status       INTEGER NOT NULL,
    response     TEXT NOT NULL CHECK (json_valid(response)),
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (key, operation)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);

CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    key_hash   TEXT NOT NULL UNIQUE,  -- SHA-256 of the key, hex; the key itself is never stored
    scopes     TEXT NOT NULL CHECK (json_valid(scopes)),
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE audit_log (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    details    TEXT    NOT NULL CHECK (json_valid(details))
) STRICT;
CREATE INDEX audit_log_by_subject ON audit_log (subject, id);

-- What metrics show of the whole ledger, in one row, so that no query has to add up a history. Kept by the triggers below, in
-- the transaction of every change. Amounts are split, because their sum over all nodes can exceed an INTEGER.
CREATE TABLE totals (
    id                   INTEGER PRIMARY KEY CHECK (id = 1),
    unconfirmed_rewards  INTEGER NOT NULL DEFAULT 0,
    unconfirmed_billions INTEGER NOT NULL DEFAULT 0,  -- the sum of amount_lamports / 1000000000 of unconfirmed rewards
    unconfirmed_rest     INTEGER NOT NULL DEFAULT 0,  -- the sum of amount_lamports % 1000000000 of unconfirmed rewards
    settlements_done     INTEGER NOT NULL DEFAULT 0,
    settlements_failed   INTEGER NOT NULL DEFAULT 0,
    fees_lamports        INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO totals (id) VALUES (1);

CREATE TRIGGER totals_of_new_rewards AFTER INSERT ON rewards WHEN NEW.status <> 'confirmed' BEGIN
    UPDATE totals SET unconfirmed_rewards = unconfirmed_rewards + 1,
        unconfirmed_billions = unconfirmed_billions + NEW.amount_lamports / 1000000000,
        unconfirmed_rest = unconfirmed_rest + NEW.amount_lamports % 1000000000
    WHERE id = 1;
END;

-- A reward has this time if and only if it is confirmed; its status changes more often.
CREATE TRIGGER totals_of_confirmed_rewards AFTER UPDATE OF distributed_at ON rewards
WHEN OLD.distributed_at IS NULL AND NEW.distributed_at IS NOT NULL BEGIN
    UPDATE totals SET unconfirmed_rewards = unconfirmed_rewards - 1,
        unconfirmed_billions = unconfirmed_billions - NEW.amount_lamports / 1000000000,
        unconfirmed_rest = unconfirmed_rest - NEW.amount_lamports % 1000000000
    WHERE id = 1;
END;

CREATE TRIGGER totals_of_closed_settlements AFTER UPDATE OF state ON settlements WHEN OLD.state <> NEW.state BEGIN
    UPDATE totals SET settlements_done = settlements_done + (NEW.state = 'done'),
        settlements_failed = settlements_failed + (NEW.state = 'failed')
    WHERE id = 1;
END;

CREATE TRIGGER totals_of_fees AFTER UPDATE OF fees_lamports ON settlements WHEN OLD.fees_lamports <> NEW.fees_lamports BEGIN
    UPDATE totals SET fees_lamports = fees_lamports + NEW.fees_lamports - OLD.fees_lamports WHERE id = 1;
END;

-- How many nodes are held, by the beginning of the reason: the text up to its first colon.
CREATE TABLE held_nodes (
    kind   TEXT    NOT NULL CHECK (kind IN ('rewards', 'payout')),
    reason TEXT    NOT NULL,
    nodes  INTEGER NOT NULL,
    PRIMARY KEY (kind, reason)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER held_nodes_of_payables AFTER UPDATE OF hold_reason ON payables
WHEN OLD.hold_reason IS NOT NEW.hold_reason BEGIN
    UPDATE held_nodes SET nodes = nodes - 1
        WHERE kind = 'rewards' AND reason = substr(OLD.hold_reason, 1, instr(OLD.hold_reason || ':', ':') - 1);
    INSERT INTO held_nodes (kind, reason, nodes)
        SELECT 'rewards', substr(NEW.hold_reason, 1, instr(NEW.hold_reason || ':', ':') - 1), 1
        WHERE NEW.hold_reason IS NOT NULL
        ON CONFLICT (kind, reason) DO UPDATE SET nodes = nodes + 1;
END;

-- An INSERT that ends as an update fires the trigger above instead.
CREATE TRIGGER held_nodes_of_new_payables AFTER INSERT ON payables WHEN NEW.hold_reason IS NOT NULL BEGIN
    INSERT INTO held_nodes (kind, reason, nodes)
        VALUES ('rewards', substr(NEW.hold_reason, 1, instr(NEW.hold_reason || ':', ':') - 1), 1)
        ON CONFLICT (kind, reason) DO UPDATE SET nodes = nodes + 1;
END;

CREATE TRIGGER held_nodes_of_wallets AFTER UPDATE OF hold_reason ON wallets
WHEN OLD.hold_reason IS NOT NEW.hold_reason BEGIN
    UPDATE held_nodes SET nodes = nodes - 1
        WHERE kind = 'payout' AND reason = substr(OLD.hold_reason, 1, instr(OLD.hold_reason || ':', ':') - 1);
    INSERT INTO held_nodes (kind, reason, nodes)
        SELECT 'payout', substr(NEW.hold_reason, 1, instr(NEW.hold_reason || ':', ':') - 1), 1
        WHERE NEW.hold_reason IS NOT NULL
        ON CONFLICT (kind, reason) DO UPDATE SET nodes = nodes + 1;
END;
