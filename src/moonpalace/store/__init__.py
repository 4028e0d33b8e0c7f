"""The record at rest. `base` is what every store can do; each store has a package of its own."""
