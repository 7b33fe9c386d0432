-- What the harmed session owed when it was accused over, and until when that is waited for to stand on the vault; null: not looked at yet.
ALTER TABLE disputes ADD COLUMN due jsonb;
