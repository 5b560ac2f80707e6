"""Polars, which is imported here and nowhere else, because its import changes what Ctrl-C does and how memory is kept.

Polars takes over SIGINT so that a query can be interrupted, and asks the system to restart calls that the signal breaks
off (SA_RESTART). Python does not (PEP 475): it could not raise KeyboardInterrupt then before the call returns by
itself, and whoever waits for a hanging service would press Ctrl-C in vain.

Its allocator (jemalloc) reads its options when Polars is imported. Polars has it give memory back after half a second;
then a derivation spends a tenth of its time on getting the same pages again. Two seconds take 50 MB more at 100,000
records. Whoever sets the variable keeps the value.
"""

import os
import signal

os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:2000,muzzy_decay_ms:-1")

import polars as pl

signal.siginterrupt(signal.SIGINT, True)

__all__ = ["pl"]
