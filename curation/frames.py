"""Polars, which is imported here and nowhere else, because its import changes what Ctrl-C does.

Polars takes over SIGINT so that a query can be interrupted, and asks the system to restart calls that the signal breaks
off (SA_RESTART). Python does not (PEP 475): it could not raise KeyboardInterrupt then before the call returns by
itself, and whoever waits for a hanging service would press Ctrl-C in vain.
"""

import signal

import polars as pl

signal.siginterrupt(signal.SIGINT, True)

__all__ = ["pl"]
