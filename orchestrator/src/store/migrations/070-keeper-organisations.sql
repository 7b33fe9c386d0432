-- Several organisations in one keeper: each has workflows and runs of its own, and a name is one's own business. What was there is the pool's.
ALTER TABLE keeper_workflows ADD COLUMN organisation text NOT NULL DEFAULT 'pool';
ALTER TABLE keeper_workflows DROP CONSTRAINT keeper_workflows_name_key;
ALTER TABLE keeper_workflows ADD UNIQUE (organisation, name);
ALTER TABLE keeper_runs ADD COLUMN organisation text NOT NULL DEFAULT 'pool';
