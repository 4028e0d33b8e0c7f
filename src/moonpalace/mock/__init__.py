"""The API server that pretends: answers, errors, limits and faults of the real one, on the developer's own machine."""
