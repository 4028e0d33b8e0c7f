"""The traffic itself: who may ask, one exchange from end to end, start and stop. Knows no store, no rules, no page."""
