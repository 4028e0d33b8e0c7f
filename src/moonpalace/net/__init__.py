"""Sockets: the only package that sees asyncio transports and ssl."""
