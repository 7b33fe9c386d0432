-- Who shared the ring when the breach was done, so that it is accused where these are paid for it; and on which registry.
ALTER TABLE disputes
  -- wallets, lower case
  ADD COLUMN members jsonb NOT NULL DEFAULT '[]',
  -- null: before this was written down, that of the pool
  ADD COLUMN registry text;
