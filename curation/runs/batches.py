"""The batch files of a run with `engine = "batch"`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curation.config import Config
from curation.errors import RefusedError
from curation.generation.batch import Batches

FOLDER = Path("batches")
"""The folder of batch files, in the folder in which the command runs: `batches/helpful` for the curation `helpful`."""


@contextmanager
def opened_batches(config: Config, cache: Path | None) -> Iterator[Batches | None]:
    """Read the results of batches into the request cache, and yield the batch files; null with other engines.

    Files that were begun and not finished when the block ends are removed. Raises RefusedError without a cache, because
    the results could not be kept.
    """
    if config.generate.engine != "batch":
        yield None
        return
    if cache is None:
        raise RefusedError(
            'engine = "batch" keeps the results of batches in the request cache, and this run has none.',
            remedy="Leave out --no-cache (in Python: use_cache=True).",
        )
    batches = Batches(FOLDER / config.name, config.models, name=config.name)
    batches.read_results(cache)
    try:
        yield batches
    finally:
        batches.close()
