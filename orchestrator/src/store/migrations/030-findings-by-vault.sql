-- One database may serve the vaults of several models: what is found of one says nothing of another.
ALTER TABLE findings ADD COLUMN vault text;
UPDATE findings SET vault = (SELECT vault FROM sessions WHERE sessions.id = findings.session_id);
-- What is still so is found again at the next check, under its vault.
UPDATE findings SET status = 'repaired' WHERE status = 'open';
DROP INDEX findings_open_once;
CREATE UNIQUE INDEX findings_open_once ON findings (vault, trouble) WHERE status = 'open';
-- Kept for each vault from now on; the next check makes them anew.
DELETE FROM ledger_facts WHERE key IN ('last-check', 'scanned-block');
