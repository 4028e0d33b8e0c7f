"""The errors of the API: each with its status, its type and the form of its message.

1. A row of `FORMS` is one error. Its `message` is a template; `older` are the wordings of earlier years, newest first.
2. Nothing here decides. Who finds a fault makes a `Violation` with `violate`; who serves renders its `body`, who
   diagnoses compares what came with the rows.
3. `surface` says where a row is met: `platform` (api.moonshot.*), `coding` (api.kimi.com/coding), `tools`
   (/v1/tools/*), `gateway` (in front of all of them; its body is not JSON).

Source: platform.kimi.ai API errors page (2026-09), help center error codes (2026-07), platform.moonshot.cn documents
(2024-03, 2026-02), Kimi Code error reference (2026-09), texts quoted in public issue trackers (2024 to 2026).
"""

from __future__ import annotations

from dataclasses import dataclass

CONTENT_FILTER = "content_filter"
INVALID = "invalid_request_error"
LIMIT = "rate_limit_reached_error"
QUOTA = "exceeded_current_quota_error"


@dataclass(frozen=True, slots=True)
class Form:
    """One error. `type` is empty where the API names none; `older`: (last year it was seen, template)."""

    name: str
    status: int
    type: str
    message: str
    surface: str = "platform"
    older: tuple[tuple[str, str], ...] = ()

    def template(self, year: str) -> str:
        """The wording of that year."""
        return next((text for last, text in reversed(self.older) if year <= last), self.message)


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with a request, as the API says it. `at`: where in the request, as a JSON path (`messages[2]`)."""

    form: Form
    message: str
    at: str = ""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.form.status

    def body(self) -> dict[str, object]:
        """The answer's JSON value. Shape: `{"error": {"message", "type"}}`."""
        return {"error": {"message": self.message, "type": self.form.type}}


# fmt: off
_ROWS = (
    # --- 400: the request
    Form("content_filter", 400, CONTENT_FILTER,
         "The request was rejected because it was considered high risk"),
    Form("invalid_request", 400, INVALID, "Invalid request: {details}"),
    Form("field_type", 400, INVALID,
         "Invalid request: the `{field}` field in the request (expected type {expected}) is illegal, and {got} is not "
         "acceptable"),
    Form("messages_empty", 400, INVALID, "Invalid request: messages must not be empty"),
    Form("input_too_long", 400, INVALID, "Input token length too long"),
    Form("context_exceeded", 400, INVALID,
         "Invalid request: Your request exceeded model token limit: {limit} (requested: {requested})",
         older=(("2025", "Invalid request: Your request exceeded model token limit: {limit}"),
                ("2024", "Invalid request: model max length exceeded, max length:{limit}"))),
    Form("fixed_parameter", 400, INVALID, "invalid {field}: only {value} is allowed for this model"),
    Form("fixed_thinking", 400, INVALID, "invalid thinking: only type=enabled is allowed for this model"),
    Form("thinking_and_effort", 400, INVALID, "cannot specify both 'thinking' and 'reasoning_effort'"),
    Form("tool_choice_thinking", 400, INVALID, "tool_choice '{choice}' is incompatible with thinking enabled"),
    Form("reasoning_missing", 400, INVALID,
         "thinking is enabled but reasoning_content is missing in assistant tool call message at index {index}"),
    Form("message_empty", 400, INVALID,
         "Invalid request: the message at position {index} with role '{role}' must not be empty"),
    Form("part_type", 400, INVALID,
         "Invalid request: the message at position {index} with role '{role}' contains an invalid part type: {part}"),
    Form("image_input", 400, INVALID, "Invalid request: Image input not supported for model {model}"),
    Form("text_empty", 400, INVALID, "text content is empty"),
    Form("tool_call_id", 400, INVALID, "tool_call_id not found",
         older=(("2025", "Invalid request: tool_call_id {id} is not found"),)),
    Form("unanswered", 400, INVALID,
         "Invalid request: an assistant message with 'tool_calls' must be followed by tool messages responding to each "
         "'tool_call_id'. The following tool_call_ids did not have response messages: {ids}"),
    Form("tool_type", 400, INVALID,
         "Invalid request: unknown tool type: {type}, currently only function and plugin are supported"),
    Form("function_name", 400, INVALID,
         "Invalid request: function name is invalid, must start with a letter and can contain letters, numbers, "
         "underscores, and dashes"),
    Form("function_duplicated", 400, INVALID, "function name {name} is duplicated"),
    Form("root_type", 400, INVALID,
         'tools.function.parameters.type is required and must be "object"'),
    Form("schema", 400, INVALID,
         "Invalid request: {field} is not a valid moonshot flavored json schema, details: {details}"),
    Form("tokenization", 400, INVALID, "Invalid request: tokenization failed"),
    Form("stop_too_many", 400, INVALID,
         "stop array too long. Expected an array with maximum length {limit}, but got {count}"),
    Form("top_logprobs", 400, INVALID, "Invalid request: logprobs must be set to true if top_logprobs is used"),
    Form("responses_effort", 400, INVALID, 'reasoning.effort value "{value}" is not supported'),
    Form("image_url", 400, INVALID, "unsupported image url"),
    Form("file_purpose", 400, INVALID, "Invalid purpose: only {allowed} accepted"),
    Form("file_too_large", 400, INVALID,
         "File size is too large, max file size is 100MB, please confirm and re-upload the file"),
    Form("file_empty", 400, INVALID, "File size is zero, please confirm and re-upload the file"),
    Form("file_count", 400, INVALID,
         "The number of files you have uploaded exceeded the max file count {limit}, please delete previous uploaded "
         "files"),
    Form("message_size", 400, "", "total message size {size} exceeds limit {limit}", "coding"),
    # --- 401, 402, 403: who asks
    Form("authentication", 401, "invalid_authentication_error", "Invalid Authentication"),
    Form("no_key", 401, "incorrect_api_key_error", "Incorrect API key provided"),
    Form("coding_key", 401, "", "The API Key appears to be invalid or may have expired. Please verify your "
         "credentials and try again.", "coding"),
    Form("membership", 402, "", "We're unable to verify your membership benefits at this time. Please ensure your "
         "membership is active.", "coding"),
    Form("not_open", 403, "permission_denied_error", "The API you are accessing is not open"),
    Form("other_user", 403, "permission_denied_error", "You are not allowed to get other user info"),
    Form("address", 403, "permission_denied_error", "Your IP is not allowed to access this organization"),
    Form("agents_only", 403, "access_terminated_error",
         "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, Claude Code, Roo Code, "
         "Kilo Code, etc.", "coding"),
    Form("terminated", 403, "access_terminated_error", "Access terminated", "coding"),
    Form("billing_cycle", 403, "access_terminated_error", "You've reached your usage limit for this billing cycle",
         "coding"),
    Form("coding_concurrency", 403, "access_terminated_error", "You've reached your concurrent request limit",
         "coding"),
    # --- 404: what is asked for
    Form("model", 404, "resource_not_found_error", "Not found the model {model} or Permission denied"),
    Form("method", 404, "resource_not_found_error", "method not found"),
    Form("missing", 404, "resource_not_found_error", "Not found the {what} {id}"),
    Form("formula", 404, "resource_not_found_error", "formula not found"),
    # --- 429: too much
    Form("overloaded", 429, "engine_overloaded_error", "The engine is currently overloaded, please try again later"),
    Form("suspended", 429, QUOTA,
         "Your account {org}<{ak}> is suspended, please check your plan and billing details"),
    Form("no_balance", 429, QUOTA,
         "Your account {org}<{ak}> is suspended due to insufficient balance, please recharge your account or check "
         "your plan and billing details",
         older=(("2024", "Your account {org}<{ak}> is suspended, please check your plan and billing details"),)),
    Form("token_quota", 429, QUOTA,
         "You exceeded your current token quota: <{org}> {credit}, please check your account balance"),
    Form("concurrency", 429, LIMIT,
         "Your account {org}<{ak}> request reached organization max concurrency: {limit}, please try again after "
         "{seconds} seconds",
         older=(("2025", "Your account {org}<{ak}> request reached max organization concurrency: {limit}, please try "
                 "again after {seconds} seconds"),
                ("2024", "Your account reached max request"))),
    Form("rpm", 429, LIMIT,
         "Your account {org}<{ak}> request reached organization max RPM: {limit}, please try again after {seconds} "
         "seconds"),
    Form("tpm", 429, LIMIT,
         "Your account {org}<{ak}> request reached organization TPM rate limit, current:{current}, limit:{limit}"),
    Form("tpd", 429, LIMIT,
         "Your account {org}<{ak}> request reached organization TPD rate limit, current:{current}, limit:{limit}"),
    Form("organization_limit", 429, LIMIT,
         "Organization Rate limit exceeded, please try again after {seconds} seconds"),
    Form("organization_gauge", 429, LIMIT, "Organization-level {gauge} limit reached"),
    Form("coding_busy", 429, "", "We're receiving too many requests at the moment. Please wait a moment and try again.",
         "coding"),
    Form("coding_period", 429, "", "You've reached your usage limit for this period.", "coding"),
    Form("coding_month", 429, "", "You've reached kimi monthly usage limit", "coding"),
    # --- 499, 5xx
    Form("client_closed", 499, "client_closed_request", "context canceled"),
    Form("extraction", 500, "server_error", "Failed to extract file: {details}"),
    Form("unexpected_output", 500, "unexpected_output", "invalid state transition"),
    Form("coding_rate_script", 500, "", "failed to evaluate rate limit script", "coding"),
    Form("coding_io", 500, "", "i/o timeout", "coding"),
    Form("coding_moderation", 500, "", "image_url:moderation request error", "coding"),
    Form("unavailable", 503, "server_unavailable", "The server is currently unavailable, please try again later"),
    Form("bad_gateway", 502, "", "502 Bad Gateway", "gateway"),
    Form("gateway_timeout", 504, "", "504 Gateway Time-out", "gateway"),
    # --- /v1/tools/*: its own vocabulary
    Form("tools_request", 400, "invalid_request", "{details}", "tools"),
    Form("tools_not_found", 404, "markdown_not_found", "markdown not found", "tools"),
    Form("tools_canceled", 408, "client_canceled", "client canceled the request", "tools"),
    Form("tools_limited", 429, "rate_limited", "project qps limit exceeded", "tools"),
    Form("tools_limiter", 429, "rate_limit_unavailable", "rate limit store unavailable", "tools"),
    Form("tools_internal", 500, "internal_error", "internal error", "tools"),
    Form("tools_upstream", 502, "upstream_failed", "upstream service failed", "tools"),
    Form("tools_timeout", 504, "timeout", "request timeout", "tools"),
)
# fmt: on
FORMS = {form.name: form for form in _ROWS}


def violate(name: str, /, year: str = "2026", at: str = "", **values: object) -> Violation:
    """The error of that name, worded as in that year. Raises: KeyError for a value that the template wants."""
    form = FORMS[name]
    return Violation(form, form.template(year).format_map(values), at)
