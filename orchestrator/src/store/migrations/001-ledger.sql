-- The money ledger. Amounts: *_atomic in USDC's 6 decimals, *_wei in the super token's 18. Times: *_ms since 1970, else seconds.

CREATE TABLE sessions (
  -- keccak256(abi.encode(payer, nonce)), as the vault counts it
  id text PRIMARY KEY,
  vault text NOT NULL,
  payer text NOT NULL,
  nonce text NOT NULL,
  origin text NOT NULL CHECK (origin IN ('session', 'request')),
  state text NOT NULL CHECK (state IN ('opening', 'open', 'streaming', 'closing', 'closed', 'refused')),
  cap_atomic numeric(39, 0) NOT NULL CHECK (cap_atomic > 0),
  price_per_second_atomic numeric(39, 0) NOT NULL CHECK (price_per_second_atomic >= 0),
  -- sum of the ended requests' costs
  settled_atomic numeric(39, 0) NOT NULL DEFAULT 0 CHECK (settled_atomic >= 0),
  running_requests integer NOT NULL DEFAULT 0 CHECK (running_requests >= 0),
  -- the last epoch given out; the vault takes only higher ones
  epoch integer NOT NULL DEFAULT 0,
  -- what the chain was last seen to do
  applied_epoch integer NOT NULL DEFAULT 0,
  rate_wei numeric(49, 0) NOT NULL DEFAULT 0,
  lease_until bigint,
  expires_at bigint NOT NULL,
  renew_at_ms bigint,
  -- carries a signature; erased once the session is open or refused
  voucher jsonb,
  valid_before bigint NOT NULL,
  refuse_reason text,
  close_reason text,
  -- the chain's last word, once closed
  due_atomic numeric(39, 0),
  refunded_atomic numeric(39, 0),
  created_at_ms bigint NOT NULL,
  updated_at_ms bigint NOT NULL,
  UNIQUE (payer, nonce),
  CHECK (settled_atomic <= cap_atomic)
);
CREATE INDEX sessions_by_state ON sessions (state);

CREATE TABLE requests (
  id text PRIMARY KEY,
  session_id text NOT NULL REFERENCES sessions (id),
  started_at_ms bigint NOT NULL,
  -- of a running request: as last written down, so that a crash charges no more than was seen
  metered_ms bigint NOT NULL DEFAULT 0,
  ended_at_ms bigint,
  cost_atomic numeric(39, 0) NOT NULL DEFAULT 0,
  tokens integer NOT NULL DEFAULT 0,
  stopped_by text
);
CREATE INDEX requests_by_session ON requests (session_id, started_at_ms);
CREATE INDEX requests_by_end ON requests (ended_at_ms);

CREATE TABLE session_events (
  session_id text NOT NULL REFERENCES sessions (id),
  seq integer NOT NULL,
  at_ms bigint NOT NULL,
  type text NOT NULL,
  data jsonb NOT NULL,
  PRIMARY KEY (session_id, seq)
);

CREATE FUNCTION refuse_history_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'session_events is append-only';
END
$$;
CREATE TRIGGER session_events_append_only BEFORE UPDATE OR DELETE ON session_events
  FOR EACH ROW EXECUTE FUNCTION refuse_history_change();

CREATE TABLE outbox (
  id bigserial PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('open', 'set', 'close', 'units')),
  -- a session's id, or the vault's address for units
  subject text NOT NULL,
  session_id text REFERENCES sessions (id),
  epoch integer NOT NULL,
  idempotency_key text NOT NULL UNIQUE,
  status text NOT NULL CHECK (status IN ('waiting', 'claimed', 'submitted', 'done', 'superseded', 'failed')),
  payload jsonb NOT NULL,
  -- what was really sent, with its lease
  sent jsonb,
  attempts integer NOT NULL DEFAULT 0,
  next_at_ms bigint NOT NULL,
  execution_id text,
  last_error text,
  created_at_ms bigint NOT NULL,
  done_at_ms bigint,
  UNIQUE (subject, kind, epoch)
);
CREATE INDEX outbox_unfinished ON outbox (status, next_at_ms) WHERE status IN ('waiting', 'claimed', 'submitted');
CREATE INDEX outbox_by_session ON outbox (session_id, epoch);

CREATE TABLE money_transactions (
  id bigserial PRIMARY KEY,
  session_id text REFERENCES sessions (id),
  kind text NOT NULL CHECK (kind IN ('open', 'set', 'close', 'units', 'reap')),
  hash text NOT NULL,
  block_number bigint,
  at_ms bigint,
  UNIQUE (hash, kind, session_id)
);
CREATE INDEX money_transactions_by_session ON money_transactions (session_id, id);

CREATE TABLE unit_sets (
  vault text NOT NULL,
  epoch integer NOT NULL,
  -- [{ "member": "0x…", "units": 500 }]
  members jsonb NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (vault, epoch)
);

CREATE TABLE findings (
  id bigserial PRIMARY KEY,
  at_ms bigint NOT NULL,
  status text NOT NULL CHECK (status IN ('ok', 'repaired', 'open')),
  law text NOT NULL CHECK (law IN ('rates', 'vouchers', 'refunds', 'outbox', 'reserve', 'chain', 'units')),
  message text NOT NULL,
  remedy text NOT NULL,
  session_id text,
  -- the same trouble seen again is the same row
  trouble text NOT NULL
);
CREATE UNIQUE INDEX findings_open_once ON findings (trouble) WHERE status = 'open';

CREATE TABLE ledger_facts (
  key text PRIMARY KEY,
  value jsonb NOT NULL
);
