"""Use cases that the command line and the web page share. They take a store's reader and return plain data."""
