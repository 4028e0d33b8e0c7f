"""What the answers of the known APIs say: one module per shape, each reading whole bodies and stream events."""
