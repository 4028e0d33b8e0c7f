"""Tools that run at the API: the official formulas, and web search."""
