-- Breaches that this pool convicted operators of, and what became of each on the chain. Amounts: atomic USDC. Times: *_ms since 1970,
-- *_until Unix seconds of the chain.
CREATE TABLE disputes (
  id bigserial PRIMARY KEY,
  vault text NOT NULL,
  accused text NOT NULL,
  reason text NOT NULL CHECK (reason IN ('wrong-output', 'broken-receipts', 'withheld', 'false-witness')),
  request_id text NOT NULL,
  -- of the payer who was harmed; null where nobody paid
  session_id text,
  evidence_sha256 text NOT NULL,
  evidence_path text NOT NULL,
  state text NOT NULL CHECK (state IN ('recorded', 'accusing', 'open', 'decided', 'settled', 'closed')),
  -- why it is not on the chain, or what is still owed
  note text,
  -- decimal; null where the accused has no stake
  coalition_id text,
  -- before which the chain holds nothing of it
  from_block bigint,
  -- the contract's number, decimal
  dispute text,
  accuser text,
  bond_atomic numeric(39, 0) NOT NULL DEFAULT 0,
  respond_until bigint,
  vote_until bigint,
  quorum integer,
  guilty_votes integer NOT NULL DEFAULT 0,
  innocent_votes integer NOT NULL DEFAULT 0,
  verdict text CHECK (verdict IN ('guilty', 'innocent', 'undecided')),
  -- what the keeper was asked, so that the same is asked under the same key
  run jsonb,
  slashed_atomic numeric(39, 0),
  payer_atomic numeric(39, 0),
  accuser_atomic numeric(39, 0),
  members_atomic numeric(39, 0),
  treasury_atomic numeric(39, 0),
  transactions jsonb NOT NULL DEFAULT '[]',
  attempts integer NOT NULL DEFAULT 0,
  next_at_ms bigint NOT NULL,
  last_error text,
  created_at_ms bigint NOT NULL,
  updated_at_ms bigint NOT NULL,
  -- one breach is one dispute, however often it is reported
  UNIQUE (vault, accused, evidence_sha256),
  UNIQUE (vault, accused, request_id, reason)
);
CREATE INDEX disputes_unfinished ON disputes (vault, next_at_ms) WHERE state NOT IN ('recorded', 'closed');
CREATE INDEX disputes_by_session ON disputes (session_id) WHERE session_id IS NOT NULL;
