-- Who voted in a dispute, and from which wallet each vote was sent.
ALTER TABLE disputes ADD COLUMN votes jsonb NOT NULL DEFAULT '[]';
