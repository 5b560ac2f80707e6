"""Argilla in one process. This package runs in argilla-server's own environment and imports nothing of ours."""
