-- Version 2: what repeats itself is stored once; the earlier program's table can be read again, as a view.

CREATE TABLE fragments (
    id INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL,              -- of data, 64 bits: finds, does not prove
    codec INTEGER NOT NULL,             -- 0: data as it is, 1: zstd, 2: zstd against the text to read
    data BLOB NOT NULL
) STRICT;

CREATE INDEX fragments_hash ON fragments (hash);

CREATE TABLE nodes (
    id INTEGER PRIMARY KEY,             -- a chain of fragments: that of the parent, then this one
    parent INTEGER NOT NULL,            -- 0: none
    fragment INTEGER NOT NULL REFERENCES fragments (id)
) STRICT;

CREATE UNIQUE INDEX nodes_parent ON nodes (parent, fragment);

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counters (name, value) VALUES ('sweeps', 0); -- how often rows were deleted: what was known of ids is void

ALTER TABLE exchanges ADD COLUMN client_request_id TEXT;
ALTER TABLE contents RENAME TO contents_1;

-- *_head, *_body, *_text, upstream: pieces, a JSON array; -n is fragment n, n the chain that ends at node n, a text
-- itself. Joined, they are the bytes.
CREATE TABLE contents (
    exchange_id INTEGER PRIMARY KEY REFERENCES exchanges (id),
    asked_head TEXT,
    asked_body TEXT,
    asked_length INTEGER,               -- what the wire carried, in bytes
    asked_sha256 BLOB,                  -- NULL: of the body as kept, or unknown where not all was kept
    sent_head TEXT,                     -- NULL: nothing was sent
    sent_body TEXT,                     -- NULL: as asked
    sent_length INTEGER,
    sent_sha256 BLOB,
    told_head TEXT,                     -- NULL: no answer came
    told_body TEXT,
    told_length INTEGER,
    told_sha256 BLOB,
    delivered_head TEXT,                -- NULL: nothing was delivered
    delivered_body TEXT,                -- NULL: as told, up to delivered_length
    delivered_length INTEGER,
    delivered_sha256 BLOB,
    request_text TEXT,                  -- the body to read, where the one on the wire is encoded
    answer_text TEXT,                   -- likewise, or the answer that the events of a stream add up to
    upstream TEXT,
    timeline BLOB,                      -- code, nanoseconds after the arrival, size; repeated: see store/timeline.py
    attempts TEXT,                      -- JSON
    interim TEXT,                       -- JSON
    extras BLOB                         -- MessagePack, by side: tail, trailers, redactions, decoded_from
) STRICT;

CREATE VIEW moonshot_requests AS
SELECT
    e.id AS id,
    e.method AS request_method,
    e.path AS request_path,
    e.query AS request_query,
    e.request_content_type AS request_content_type,
    e.client_request_id AS request_id,
    e.chatcmpl AS moonshot_id,
    e.group_id AS moonshot_gid,
    e.user_id AS moonshot_uid,
    e.request_id AS moonshot_request_id,
    CASE WHEN e.server_timing = CAST(e.server_timing AS INTEGER) THEN CAST(e.server_timing AS INTEGER)
         ELSE e.server_timing END AS moonshot_server_timing,
    e.status AS response_status_code,
    e.content_type AS response_content_type,
    (SELECT nullif(CAST(substr(head, instr(head, x'0d0a') + 2) AS TEXT), '') FROM (
        SELECT CAST(group_concat(part, '') AS BLOB) AS head FROM ( -- octets: a start line may be no UTF-8
            SELECT CASE p.type WHEN 'text' THEN p.value ELSE CAST(s.data AS TEXT) END AS part
            FROM json_each(coalesce(c.sent_head, c.asked_head)) p LEFT JOIN fragments s ON p.type = 'integer' AND s.id = -p.value
            WHERE s.data IS NULL OR lower(CAST(substr(s.data, 1, 14) AS TEXT)) <> 'authorization:'
            ORDER BY p.key
        )
    )) AS request_header,
    (
        SELECT CAST(group_concat(data, '') AS TEXT) FROM (
            WITH RECURSIVE walk (place, depth, parent, fragment, text) AS (
                SELECT p.key, 0, coalesce(n.parent, 0),
                    CASE p.type WHEN 'integer' THEN coalesce(n.fragment, -p.value) END,
                    CASE p.type WHEN 'text' THEN p.value END
                FROM json_each(coalesce(c.request_text, c.sent_body, c.asked_body)) p
                LEFT JOIN nodes n ON p.type = 'integer' AND n.id = p.value
                UNION ALL
                SELECT w.place, w.depth + 1, n.parent, n.fragment, NULL FROM walk w
                JOIN nodes n ON n.id = w.parent AND n.parent < n.id
            )
            SELECT coalesce(w.text, s.data) AS data FROM walk w LEFT JOIN fragments s ON s.id = w.fragment
            ORDER BY w.place, w.depth DESC
        )
    ) AS request_body,
    (SELECT nullif(CAST(substr(head, instr(head, x'0d0a') + 2) AS TEXT), '') FROM (
        SELECT CAST(group_concat(part, '') AS BLOB) AS head FROM ( -- octets: a start line may be no UTF-8
            SELECT CASE p.type WHEN 'text' THEN p.value ELSE CAST(s.data AS TEXT) END AS part
            FROM json_each(c.told_head) p LEFT JOIN fragments s ON p.type = 'integer' AND s.id = -p.value
            ORDER BY p.key
        )
    )) AS response_header,
    (
        SELECT CAST(group_concat(data, '') AS TEXT) FROM (
            WITH RECURSIVE walk (place, depth, parent, fragment, text) AS (
                SELECT p.key, 0, coalesce(n.parent, 0),
                    CASE p.type WHEN 'integer' THEN coalesce(n.fragment, -p.value) END,
                    CASE p.type WHEN 'text' THEN p.value END
                FROM json_each(coalesce(c.answer_text, c.told_body)) p
                LEFT JOIN nodes n ON p.type = 'integer' AND n.id = p.value
                UNION ALL
                SELECT w.place, w.depth + 1, n.parent, n.fragment, NULL FROM walk w
                JOIN nodes n ON n.id = w.parent AND n.parent < n.id
            )
            SELECT coalesce(w.text, s.data) AS data FROM walk w LEFT JOIN fragments s ON s.id = w.fragment
            ORDER BY w.place, w.depth DESC
        )
    ) AS response_body,
    CASE WHEN e.failure_kind = 'imported' THEN e.failure_message
         ELSE e.failure_stage || ': ' || e.failure_kind || coalesce(': ' || nullif(e.failure_message, ''), '')
    END AS error,
    CAST(round(e.ttft_ns / 1000000.0) AS INTEGER) AS response_ttft,
    CAST(round(e.tpot_ns / 1000000.0) AS INTEGER) AS response_tpot,
    e.tokens_per_second AS response_otps,
    e.latency_ns AS latency,
    nullif(e.endpoint, '') AS endpoint,
    strftime('%Y-%m-%d %H:%M:%S', e.requested_at / 1000000000, 'unixepoch', 'localtime') AS created_at
FROM exchanges e LEFT JOIN contents c ON c.exchange_id = e.id;
