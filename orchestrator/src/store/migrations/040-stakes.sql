-- Stakes under way: terms that were offered, what their parties signed, and which coalition they became. What lies on the chain is read there.

CREATE TABLE stake_terms (
  -- what every party signs, and what the registry knows the terms by
  terms_hash text PRIMARY KEY,
  registry text NOT NULL,
  vault text NOT NULL,
  -- null until a proposal is seen on the chain
  coalition_id text,
  version integer NOT NULL,
  -- offered: not all have signed · signed: on the way to the chain · proposed: lies there, with all stakes · active: in force, or was ·
  -- over: came to nothing
  state text NOT NULL CHECK (state IN ('offered', 'signed', 'proposed', 'active', 'over')),
  terms jsonb NOT NULL,
  -- carry signatures; erased once the terms are active or over
  consents jsonb NOT NULL DEFAULT '[]',
  -- of the order that goes with the activation
  units_epoch integer,
  attempts integer NOT NULL DEFAULT 0,
  next_at_ms bigint NOT NULL DEFAULT 0,
  last_error text,
  -- nothing of its coalition is left to look after
  is_closed boolean NOT NULL DEFAULT false,
  made_at_ms bigint NOT NULL
);
CREATE INDEX stake_terms_open ON stake_terms (registry, vault) WHERE NOT is_closed;

-- Words of parties that leave; each is erased once the chain has it, or when its party is back.
CREATE TABLE stake_leaves (
  registry text NOT NULL,
  coalition_id text NOT NULL,
  operator text NOT NULL,
  version integer NOT NULL,
  signature text NOT NULL,
  made_at_ms bigint NOT NULL,
  PRIMARY KEY (registry, coalition_id, operator)
);

-- Test money that an operator was given for its stake, once.
CREATE TABLE stake_gifts (
  chain_id bigint NOT NULL,
  operator text NOT NULL,
  amount_atomic numeric(39, 0) NOT NULL,
  -- null until it was seen in a block
  hash text,
  at_ms bigint NOT NULL,
  PRIMARY KEY (chain_id, operator)
);

-- Found guilty in some coalition of the registry: never offered terms again.
CREATE TABLE stake_guilty (
  registry text NOT NULL,
  operator text NOT NULL,
  coalition_id text NOT NULL,
  PRIMARY KEY (registry, operator)
);
