-- What a feed listed when it answered well for the first time: a summary may stand for it.
ALTER TABLE core.pending_entry ADD COLUMN first_poll BOOLEAN DEFAULT false;
COMMENT ON COLUMN core.pending_entry.first_poll IS 'Listed in the first poll of its feed that went well.';
