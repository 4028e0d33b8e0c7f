"""Everything behind the traffic: takes the journal in, understands it, stores it, and tells of it."""
