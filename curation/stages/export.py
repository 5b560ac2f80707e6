"""export: responses in the store -> Parquet files on this machine, as they would be published or as strings."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from curation.config import Config, Services
from curation.derive import Watch, derive
from curation.errors import RefusedError
from curation.export import chat_template
from curation.report import Report
from curation.scratch import scratch_folder
from curation.services import open_store
from curation.tokenizer import load_tokenizer
from curation.wording import counted, reasons


class ExportReport(Report):
    """What `export` wrote: rows by config, files by path relative to the folder.

    `omitted` says why a column that prompts bring along is not there.
    """

    folder: str
    chat_template: str | None
    rows: dict[str, int]
    dropped: dict[str, dict[str, int]]
    omitted: dict[str, str]
    files: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """Counts, where the files are, and every reason for a row that is not there."""
        rows = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        template = f" with the chat template of {self.chat_template}" if self.chat_template else ""
        lines = [f"Wrote {rows} rows{template} to {self.folder} ({counted(len(self.files), 'file')})."]
        lines += [f"No {name} row: {reasons(dropped)}." for name, dropped in self.dropped.items() if dropped]
        lines += [f"No column {name!r}: {why}." for name, why in self.omitted.items()]
        return tuple(lines)


def export(
    config: Config,
    folder: Path,
    *,
    template: str | None = None,
    services: Services | None = None,
    watch: Watch = lambda done, total: None,
) -> ExportReport:
    """Write what `publish` would publish into `folder`, a folder per config; nothing leaves this machine.

    `template` is a tokenizer (a folder, or "owner/name" on the Hub) whose chat template turns conversations into
    strings. Raises RefusedError if the folder holds something or cannot be made, or no record gives a row, MissingError
    without a store or such a tokenizer.
    """
    services = services or Services.from_environment()
    _refuse_unless_free(folder)
    render = None
    if template is not None:
        tokenizer = load_tokenizer(template, endpoint=services.hub_endpoint, token=services.hub_token)
        render = chat_template(tokenizer)
    snapshot = open_store(config, services).snapshot()
    with scratch_folder() as derived_in:
        derived = derive(config, snapshot, services, folder=derived_in, render=render, watch=watch)
        # Prompts that nobody decided on have rows of `raw`: those are nothing to train on.
        if not any(map(derived.rows, set(config.publish.formats) - {"raw"} or {"raw"})):
            raise RefusedError(
                f"No row to write from {counted(derived.records, 'record')} "
                f"({reasons(derived.tally.unresolved) or 'none decided'}).",
                remedy="Review in Argilla, then run `curation sync`.",
            )
        _copy(derived_in, folder)
    return ExportReport(
        folder=str(folder),
        chat_template=template,
        rows={name: derived.rows(name) for name in config.publish.formats},
        dropped={name: dict(derived.tally.dropped[name]) for name in config.publish.formats},
        omitted=dict(derived.omitted),
        files=tuple(shard.path for shard in derived.tally.shards),
    )


def _copy(source: Path, folder: Path) -> None:
    """Copy what was derived to `folder`; RefusedError if the system does not let us, whatever it promised before."""
    try:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    except OSError as error:
        # shutil.Error, one of them, holds a list of what could not be copied.
        why = error.strerror or "not all files could be written"
        raise RefusedError(f"{folder} cannot be written: {why}.", remedy="Name a new folder with --folder.") from error


def _refuse_unless_free(folder: Path) -> None:
    """Raise RefusedError if a folder holds something, or could not be made where it is to be."""
    # Not `exists`: a link to nowhere is there too.
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not there.is_dir():
        why = f"{there} is not a folder."
    elif not _takes_a_folder(there):
        why = f"{there} cannot be written to."
    elif there == folder and any(folder.iterdir()):
        why = f"{folder} is not empty."
    else:
        return
    raise RefusedError(why, remedy="Name a new folder with --folder.")


def _takes_a_folder(folder: Path) -> bool:
    """Whether one can be made in it: to be sure it is tried, because permissions do not tell all (/proc takes none)."""
    try:
        with tempfile.TemporaryDirectory(dir=folder):
            return True
    except OSError:
        return False
