"""Batches: files of requests that are answered one by one."""
