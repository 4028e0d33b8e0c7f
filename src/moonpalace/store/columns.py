"""The columns of an exchange and of what was said in it, in the order in which they are handed over (see `rows`)."""

EXCHANGE = (
    "uid", "state", "requested_at", "method", "target", "path", "query", "endpoint", "route", "peer",
    "status", "reason", "model", "stream", "chatcmpl", "request_id", "user_id", "group_id", "server_timing",
    "request_content_type", "client_request_id", "content_type",
    "ttft_ns", "tpot_ns", "tokens_per_second", "latency_ns", "usage", "cached_tokens", "finish_reason",
    "failure_stage", "failure_kind", "failure_message", "failure_raw", "flags", "findings",
    "delivered_status",
)  # fmt: skip

CONTENT = (
    "asked_start", "asked_headers", "asked_body", "asked_length", "asked_sha256",
    "sent_start", "sent_headers", "sent_body", "sent_length", "sent_sha256",
    "told_start", "told_headers", "told_body", "told_length", "told_sha256",
    "delivered_start", "delivered_headers", "delivered_body", "delivered_length", "delivered_sha256",
    "request_text", "answer_text", "upstream", "timeline", "attempts", "interim", "extras",
)  # fmt: skip
