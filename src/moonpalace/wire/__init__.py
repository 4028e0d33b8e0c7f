"""Bytes ⇄ data, without I/O: everything here is fed values and returns values, and no input makes it raise."""
