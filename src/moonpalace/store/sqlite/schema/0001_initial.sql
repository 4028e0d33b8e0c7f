-- Version 1. Only what SQLite 3.40 understands: people open this file with the program of their system.

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    pid INTEGER NOT NULL,
    started_at INTEGER,                 -- of the process, in the clock ticks of its system
    boot_id TEXT,
    version TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    base_url TEXT NOT NULL,
    position_segment INTEGER NOT NULL,  -- everything before this has been taken in
    position_offset INTEGER NOT NULL,
    low_segment INTEGER NOT NULL,       -- the oldest arrival that was still open then
    low_offset INTEGER NOT NULL,
    lost_records INTEGER NOT NULL DEFAULT 0,
    lost_bytes INTEGER NOT NULL DEFAULT 0,
    accepted INTEGER,
    ended_at INTEGER
) STRICT;

CREATE TABLE exchanges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER REFERENCES runs (id),
    uid BLOB NOT NULL,
    state TEXT NOT NULL,
    requested_at INTEGER NOT NULL,      -- UTC, nanoseconds since the epoch
    method TEXT NOT NULL,
    target TEXT,                        -- NULL: path, with ? and query where there is a query
    path TEXT NOT NULL,
    query TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    route TEXT NOT NULL,
    peer TEXT NOT NULL,
    status INTEGER,
    reason TEXT NOT NULL,
    model TEXT,
    stream INTEGER NOT NULL,
    chatcmpl TEXT,
    request_id TEXT,
    user_id TEXT,
    group_id TEXT,
    server_timing REAL,
    request_content_type TEXT,
    content_type TEXT,
    ttft_ns INTEGER,
    tpot_ns INTEGER,
    tokens_per_second REAL,
    latency_ns INTEGER,
    usage TEXT,
    cached_tokens INTEGER,
    finish_reason TEXT,
    failure_stage TEXT,
    failure_kind TEXT,
    failure_message TEXT,
    failure_raw BLOB,
    flags TEXT,                         -- a JSON array, NULL for none
    category TEXT
) STRICT;

CREATE UNIQUE INDEX exchanges_uid ON exchanges (uid);
CREATE INDEX exchanges_chatcmpl ON exchanges (chatcmpl) WHERE chatcmpl IS NOT NULL;
CREATE INDEX exchanges_request_id ON exchanges (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX exchanges_in_flight ON exchanges (run) WHERE state = 'in_flight';

CREATE TABLE contents (
    exchange_id INTEGER PRIMARY KEY REFERENCES exchanges (id),
    asked_start BLOB,
    asked_headers BLOB,                 -- `Name: value` lines, each ended by CRLF
    asked_body BLOB,
    asked_length INTEGER,               -- what the wire carried, in bytes
    asked_sha256 BLOB,
    sent_start BLOB,                    -- NULL: nothing was sent
    sent_headers BLOB,
    sent_body BLOB,                     -- NULL: as asked
    sent_length INTEGER,
    sent_sha256 BLOB,
    told_start BLOB,                    -- NULL: no answer came
    told_headers BLOB,
    told_body BLOB,
    told_length INTEGER,
    told_sha256 BLOB,
    delivered_start BLOB,               -- NULL: nothing was delivered
    delivered_headers BLOB,
    delivered_body BLOB,                -- NULL: as told, up to delivered_length
    delivered_length INTEGER,
    delivered_sha256 BLOB,
    upstream TEXT,                      -- JSON, as the next two
    timeline BLOB,                      -- MessagePack: code, nanoseconds after the arrival, size; repeated
    attempts TEXT,
    interim TEXT,
    extras BLOB                         -- MessagePack, by side: tail, trailers, redactions, decoded_from
) STRICT;

CREATE TABLE tags (
    exchange_id INTEGER NOT NULL REFERENCES exchanges (id),
    tag TEXT NOT NULL,
    PRIMARY KEY (exchange_id, tag)
) STRICT, WITHOUT ROWID;
