"""The only importer of Polars, because the import changes what Ctrl-C does, and this file changes it back.

Polars installs its own handler of SIGINT, with which the system restarts the calls that the signal interrupts
(SA_RESTART). Python does not restart them (PEP 475). With Polars' handler, KeyboardInterrupt would be raised only after
the call returns by itself, so Ctrl-C would not end a command that waits for a hanging service.
"""

import signal

import polars as pl

signal.siginterrupt(signal.SIGINT, True)

Schema = dict[str, pl.DataType | type[pl.DataType]]
"""The types of the columns of a data frame, by their names."""

__all__ = ["Schema", "pl"]
