"""What `moonpalace demo` runs: a user's program on the OpenAI SDK, and the scenarios that answer it."""
