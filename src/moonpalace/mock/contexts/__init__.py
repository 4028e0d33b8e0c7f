"""What of a prompt need not be read again: explicit caches, and prefixes that repeat."""
