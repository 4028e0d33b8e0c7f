-- Version 3: what the rules say of an exchange; what a client got instead; what the transforms want to know again.

ALTER TABLE exchanges ADD COLUMN findings TEXT; -- a JSON array of objects, NULL for none
ALTER TABLE exchanges ADD COLUMN delivered_status INTEGER; -- NULL: as status

CREATE TABLE kept (
    name TEXT NOT NULL,                 -- of the transform
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    kept_at INTEGER NOT NULL,           -- UTC, nanoseconds since the epoch
    PRIMARY KEY (name, key)
) WITHOUT ROWID, STRICT;
