"""The server: what may come in, and what browsers are told."""
