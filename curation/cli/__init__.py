"""The command line: arguments, rendering, and errors as sentences."""

from curation.cli.app import main

__all__ = ["main"]
