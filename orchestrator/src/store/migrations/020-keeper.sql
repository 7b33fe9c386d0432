-- The embedded keeper: workflows, runs, their steps and transactions, and the single-use tokens of callbacks.
-- JSON stands in text columns: it is told as it was written, to the byte, so that digests of it hold.

CREATE TABLE keeper_definitions (
  digest text PRIMARY KEY,
  definition text NOT NULL
);

CREATE TABLE keeper_workflows (
  id text PRIMARY KEY,
  name text NOT NULL UNIQUE,
  description text NOT NULL,
  digest text NOT NULL REFERENCES keeper_definitions,
  enabled boolean NOT NULL,
  created_at_ms bigint NOT NULL,
  updated_at_ms bigint NOT NULL
);

CREATE TABLE keeper_runs (
  id text PRIMARY KEY,
  workflow_id text NOT NULL,
  digest text NOT NULL REFERENCES keeper_definitions,
  started_by text NOT NULL,
  status text NOT NULL,
  input text NOT NULL,
  output text,
  error text,
  is_cancelling boolean NOT NULL DEFAULT false,
  created_at_ms bigint NOT NULL,
  completed_at_ms bigint
);
CREATE INDEX keeper_runs_by_workflow ON keeper_runs (workflow_id, created_at_ms DESC);
CREATE INDEX keeper_runs_unfinished ON keeper_runs (created_at_ms) WHERE completed_at_ms IS NULL;

CREATE TABLE keeper_keys (
  workflow_id text NOT NULL,
  idempotency_key text NOT NULL,
  body_digest text NOT NULL,
  run_id text NOT NULL,
  created_at_ms bigint NOT NULL,
  PRIMARY KEY (workflow_id, idempotency_key)
);

CREATE TABLE keeper_steps (
  seq bigserial PRIMARY KEY,
  run_id text NOT NULL REFERENCES keeper_runs ON DELETE CASCADE,
  node_id text NOT NULL,
  -- Position in a loop; -1 outside one.
  iteration integer NOT NULL,
  node_name text NOT NULL,
  node_type text NOT NULL,
  status text NOT NULL,
  input text,
  output text,
  error text,
  started_at_ms bigint NOT NULL,
  completed_at_ms bigint,
  UNIQUE (run_id, node_id, iteration)
);

CREATE TABLE keeper_transactions (
  seq bigserial PRIMARY KEY,
  run_id text NOT NULL REFERENCES keeper_runs ON DELETE CASCADE,
  node_id text NOT NULL,
  iteration integer NOT NULL,
  node_name text NOT NULL,
  chain_id bigint NOT NULL,
  hash text NOT NULL,
  nonce bigint NOT NULL,
  raw text NOT NULL,
  receipt_status text,
  block_number bigint,
  gas_used text,
  created_at_ms bigint NOT NULL,
  UNIQUE (run_id, hash)
);

CREATE TABLE keeper_callback_tokens (
  token_hash text PRIMARY KEY,
  outbox_id text NOT NULL,
  transition text NOT NULL,
  expires_at_ms bigint NOT NULL,
  used_at_ms bigint
);
