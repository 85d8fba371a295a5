-- The ledger. One file of statements that SQLite and D1 both run.
--
-- Times are Unix milliseconds. Money is INTEGER lamports with a CHECK. Nothing is updated away: a correction is a
-- new row. Integers are bound as text with CAST(?1 AS INTEGER) and read with CAST(column AS TEXT).

-- What this ledger belongs to (cluster genesis, program, network): written once, and checked by every run, so that a
-- ledger is never settled against another chain.
CREATE TABLE ledger_binding (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE nodes (
    id                     TEXT PRIMARY KEY,
    address                TEXT,     -- the owner's Solana address, base58; NULL until the node names one
    public_key             TEXT,     -- the node's Ed25519 key, base58
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

-- A task comes into being with the first contribution to it.
CREATE TABLE tasks (
    id         TEXT PRIMARY KEY,
    name       TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('open', 'closed')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE contributions (
    id                  TEXT PRIMARY KEY,   -- chosen by whoever reports: the same id is the same contribution
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
    content_hash        TEXT    NOT NULL,   -- SHA-256 of the report: tells a repeated report from a conflicting one
    created_at          INTEGER NOT NULL
) STRICT;
CREATE INDEX contributions_by_node ON contributions (node_id, timestamp);

-- Rewards of a node form a running total: node_total_lamports is what the node has earned in its life up to and
-- with this row. A row is on the chain exactly when the wallet account's credited_total has reached it.
CREATE TABLE rewards (
    sequence              INTEGER PRIMARY KEY AUTOINCREMENT,
    id                    TEXT    NOT NULL UNIQUE,
    node_id               TEXT    NOT NULL REFERENCES nodes (id),
    contribution_id       TEXT    UNIQUE REFERENCES contributions (id),
    amount_lamports       INTEGER NOT NULL CHECK (amount_lamports > 0),
    node_total_lamports   INTEGER NOT NULL CHECK (node_total_lamports >= amount_lamports),
    period                TEXT    NOT NULL,  -- the UTC day that it was earned on, YYYY-MM-DD
    reason                TEXT    NOT NULL,  -- 'contribution' or what an operator wrote
    status                TEXT    NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'batched', 'confirmed')),
    hold_reason           TEXT,              -- why a pending row was not credited in the last settlement
    batch_id              INTEGER REFERENCES batches (id),
    transaction_signature TEXT,
    distributed_at        INTEGER,
    created_at            INTEGER NOT NULL,
    UNIQUE (node_id, node_total_lamports),
    CHECK ((status = 'pending') = (batch_id IS NULL) OR status = 'confirmed'),
    CHECK ((status = 'confirmed') = (distributed_at IS NOT NULL))
) STRICT;
CREATE INDEX rewards_open ON rewards (node_id, sequence) WHERE status <> 'confirmed';
CREATE INDEX rewards_open_by_sequence ON rewards (sequence) WHERE status <> 'confirmed';
CREATE INDEX rewards_by_batch ON rewards (batch_id) WHERE batch_id IS NOT NULL;

-- The chain's wallet accounts as last read: a mirror, never a source.
CREATE TABLE wallets (
    node_id                            TEXT PRIMARY KEY REFERENCES nodes (id),
    wallet_address                     TEXT    NOT NULL,  -- the wallet account (PDA), base58
    owner                              TEXT    NOT NULL,
    destination                        TEXT    NOT NULL,
    sol_balance_lamports               INTEGER NOT NULL CHECK (sol_balance_lamports >= 0), -- of the wallet account
    credited_lamports                  INTEGER NOT NULL CHECK (credited_lamports >= 0),
    pending_rewards_lamports           INTEGER NOT NULL CHECK (pending_rewards_lamports >= 0),
    total_rewards_distributed_lamports INTEGER NOT NULL CHECK (total_rewards_distributed_lamports >= 0),
    threshold_lamports                 INTEGER NOT NULL CHECK (threshold_lamports >= 0),
    oldest_unpaid_at                   INTEGER,           -- when its oldest unpaid credit was made; NULL when nothing is pending
    hold_reason                        TEXT,              -- why a due payout was not made
    last_signature                     TEXT,              -- the last finalized transaction that credited or paid it
    last_slot                          INTEGER NOT NULL,  -- the finalized slot of this reading
    last_updated_at                    INTEGER NOT NULL
) STRICT;

-- The chain's treasury as last read: one row, a mirror.
CREATE TABLE treasury (
    address                  TEXT PRIMARY KEY,
    balance_lamports         INTEGER NOT NULL CHECK (balance_lamports >= 0),
    credited_total_lamports  INTEGER NOT NULL CHECK (credited_total_lamports >= 0),
    paid_total_lamports      INTEGER NOT NULL CHECK (paid_total_lamports >= 0),
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
    error             TEXT
) STRICT;
-- One settlement at a time.
CREATE UNIQUE INDEX settlements_one_open ON settlements (state) WHERE state = 'open';

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
    id            INTEGER PRIMARY KEY AUTOINCREMENT,  -- the batch_id of the program's event
    settlement_id INTEGER NOT NULL REFERENCES settlements (id),
    kind          TEXT    NOT NULL CHECK (kind IN ('register', 'credit', 'settle')),
    state         TEXT    NOT NULL CHECK (state IN ('planned', 'confirmed', 'failed', 'split', 'review')),
    format        TEXT    NOT NULL CHECK (format IN ('v0', 'v1')),
    entry_count   INTEGER NOT NULL CHECK (entry_count > 0),
    records_root  TEXT    NOT NULL,  -- hex; zeros for 'register'
    signature     TEXT,              -- of the attempt that landed
    reason        TEXT,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX batches_by_settlement ON batches (settlement_id, state);

CREATE TABLE batch_entries (
    batch_id         INTEGER NOT NULL REFERENCES batches (id),
    position         INTEGER NOT NULL CHECK (position >= 0),
    node_id          TEXT    NOT NULL REFERENCES nodes (id),
    wallet_address   TEXT    NOT NULL,
    owner            TEXT    NOT NULL,
    destination      TEXT    NOT NULL,
    credited_before_lamports INTEGER NOT NULL CHECK (credited_before_lamports >= 0),
    paid_before_lamports     INTEGER NOT NULL CHECK (paid_before_lamports >= 0),
    target_lamports  INTEGER NOT NULL CHECK (target_lamports >= 0),
    outcome          TEXT    CHECK (outcome IN ('credited', 'skipped', 'registered', 'evicted')),
    credit_skip      TEXT,
    payout_skip      TEXT,
    PRIMARY KEY (batch_id, position),
    UNIQUE (batch_id, node_id)
) STRICT, WITHOUT ROWID;

-- Which reward records a batch's Merkle root covers, in the order of its leaves. Append-only.
CREATE TABLE batch_records (
    batch_id   INTEGER NOT NULL REFERENCES batches (id),
    leaf_index INTEGER NOT NULL CHECK (leaf_index >= 0),
    reward_sequence INTEGER NOT NULL REFERENCES rewards (sequence),
    PRIMARY KEY (batch_id, leaf_index)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    id                      INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id                INTEGER NOT NULL REFERENCES batches (id),
    number                  INTEGER NOT NULL CHECK (number > 0),  -- 1 for a batch's first
    state                   TEXT    NOT NULL CHECK (state IN ('planned', 'signed', 'sent', 'landed', 'finalized', 'failed', 'expired', 'unknown', 'review')),
    version                 INTEGER NOT NULL DEFAULT 1,  -- counts the transitions: the compare in compare-and-set
    signature               TEXT    UNIQUE,
    transaction_base64      TEXT,                        -- the signed bytes: what is resent, byte for byte
    last_valid_block_height INTEGER,
    compute_unit_limit         INTEGER NOT NULL,
    loaded_accounts_data_limit INTEGER NOT NULL,         -- bytes
    compute_unit_price         INTEGER NOT NULL,         -- micro-lamports
    priority_fee_lamports      INTEGER NOT NULL CHECK (priority_fee_lamports >= 0),
    slot                    INTEGER,
    fee_lamports            INTEGER CHECK (fee_lamports >= 0),
    unknown_polls           INTEGER NOT NULL DEFAULT 0,  -- how often its fate could not be told: bounded, then review
    sent_at                 INTEGER,                     -- when the bytes were last handed to a node
    error                   TEXT,
    created_at              INTEGER NOT NULL,
    updated_at              INTEGER NOT NULL,
    UNIQUE (batch_id, number),
    CHECK (state IN ('planned', 'failed') OR (signature IS NOT NULL AND transaction_base64 IS NOT NULL AND last_valid_block_height IS NOT NULL))
) STRICT;
-- One live attempt per batch: a second payment of the same batch cannot even be written down.
CREATE UNIQUE INDEX attempts_one_live ON attempts (batch_id) WHERE state IN ('planned', 'signed', 'sent', 'landed', 'unknown', 'review');
CREATE INDEX attempts_by_batch ON attempts (batch_id, number);

-- Who may write for a settlement now. fencing_token grows with every new holder.
CREATE TABLE leases (
    name          TEXT PRIMARY KEY,
    holder        TEXT    NOT NULL,
    fencing_token INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT;

-- Preconditions of an atomic batch: a statement inserts whether the condition holds, the named CHECK refuses the
-- whole batch when it does not, and the batch deletes the row at its end.
CREATE TABLE preconditions (
    lease_held         INTEGER CONSTRAINT lease_held CHECK (lease_held = 1),
    state_unchanged    INTEGER CONSTRAINT state_unchanged CHECK (state_unchanged = 1),
    totals_fit         INTEGER CONSTRAINT totals_fit CHECK (totals_fit = 1),
    node_not_suspended INTEGER CONSTRAINT node_not_suspended CHECK (node_not_suspended = 1),
    task_open          INTEGER CONSTRAINT task_open CHECK (task_open = 1)
) STRICT;

CREATE TABLE idempotency_keys (
    key          TEXT NOT NULL,
    operation    TEXT NOT NULL,   -- the method and path that it was used with
    request_hash TEXT NOT NULL,   -- SHA-256 of the body, hex
    status       INTEGER NOT NULL,
    response     TEXT NOT NULL CHECK (json_valid(response)),
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (key, operation)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    key_hash   TEXT NOT NULL UNIQUE,  -- SHA-256 of the key, hex; the key itself is shown once and never stored
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
