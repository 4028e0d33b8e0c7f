"""The append-only file between the traffic and the librarian: see `records` for its shape on disk."""
