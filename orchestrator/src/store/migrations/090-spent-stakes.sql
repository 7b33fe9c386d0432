-- Wallets that signed a stake and had it no more when it was to be drawn: nobody is asked for a stake beside them until then.
CREATE TABLE stake_spenders (
  registry text NOT NULL,
  -- lower case
  operator text NOT NULL,
  -- lately, one after the other
  times integer NOT NULL,
  until_ms bigint NOT NULL,
  PRIMARY KEY (registry, operator)
);
