-- Every signed transaction of our keys, stored before it is broadcast: after a crash it is handed in again, never signed anew.

CREATE TABLE signer_transactions (
  hash text PRIMARY KEY,
  chain_id bigint NOT NULL,
  address text NOT NULL,
  nonce bigint NOT NULL,
  raw text NOT NULL,
  recipient text NOT NULL,
  -- signed: may still be mined · mined: in a block · gone: another one has its nonce, or its chain is no more
  status text NOT NULL CHECK (status IN ('signed', 'mined', 'gone')),
  created_at_ms bigint NOT NULL
);
CREATE INDEX signer_transactions_open ON signer_transactions (chain_id, address, nonce) WHERE status = 'signed';
