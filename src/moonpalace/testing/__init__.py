"""Public fakes and builders: an API server of plain sockets, a client of plain sockets, and the program itself."""
