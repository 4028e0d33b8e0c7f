"""The law of chat requests: what the API takes, what it refuses, and with which words.

`chat` judges; the other modules are its stages, one each, in the order of `Profile.law_order`:

    shape      JSON types, required fields, the model
    sampling   temperature, top_p, n, penalties, stop, lengths
    thinking   `thinking` and `reasoning_effort`
    messages   contents, parts, `partial`; `pairing` has tool calls and their results
    tools      definitions and `tool_choice`
    format     `response_format`
    filter     nothing of ours
    length     prompt and answer against the context

`messages_api` and `responses_api` give the chat request that says the same. `reading` and `ask` are what they share.
"""
