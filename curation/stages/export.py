"""export: writes the rows that `publish` would publish to a folder on this machine."""

from __future__ import annotations

import filecmp
import os
import re
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
from curation.stages.push import with_records
from curation.tokenizer import load_tokenizer
from curation.wording import counted, counts_by_name, reasons

UNFINISHED = ".unfinished"
SHARD = re.compile(r"[a-z]+/[a-z]+-[0-9a-f]{16}\.parquet")
"""The path of a file that `export` writes, as in dpo/train-0123456789abcdef.parquet."""


class ExportReport(Report):
    """What `export` wrote.

    `rows` counts rows by config, `dropped` what gave no row, by config and reason. `files` are paths relative to the
    folder. `omitted` says, by column, why a column that the prompts have is left out. `already` says that an earlier
    export had written the very same files, as if it was killed when it was done.
    """

    folder: str
    chat_template: str | None
    rows: dict[str, int]
    dropped: dict[str, dict[str, int]]
    omitted: dict[str, str]
    files: tuple[str, ...]
    already: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """The numbers of rows, where they are, and the reasons for missing ones."""
        rows = counts_by_name(self.rows)
        template = f" with the chat template of {self.chat_template}" if self.chat_template else ""
        files = counted(len(self.files), "file")
        lines = [f"Wrote {rows} rows{template} to {self.folder} ({files})."]
        if self.already:
            lines = [f"{rows} rows{template} are in {self.folder} already ({files}): nothing was written."]
        lines += [f"Left out of {name}: {reasons(dropped)}." for name, dropped in self.dropped.items() if dropped]
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
    """Write the rows that `publish` would publish into `folder`, in a folder for each config. Nothing is uploaded.

    `template` is a tokenizer (a folder, or "owner/name" on the Hub) whose chat template turns conversations into
    strings. `watch` is called with the number of segments of the store that are done, and of all. If the folder holds
    the very same files, nothing is written. Raises RefusedError if it holds others or cannot be written, or if no
    record gives a row; MissingError if the store or the tokenizer does not exist.
    """
    services = services or Services.from_environment()
    _refuse_unless_free(folder)
    render = None
    if template is not None:
        tokenizer = load_tokenizer(template, endpoint=services.hub_endpoint, token=services.hub_token)
        render = chat_template(tokenizer)
    snapshot = with_records(config, services, open_store(config, services))
    with scratch_folder() as derived_in:
        derived = derive(config, snapshot, services, folder=derived_in, render=render, watch=watch)
        if derived.is_empty:
            raise RefusedError(
                f"No row to write from {counted(derived.records, 'record')} "
                f"({reasons(derived.tally.unresolved) or 'none decided'}).",
                remedy="Review in Argilla, then run `curation sync`.",
            )
        already = _holds(folder, derived_in)
        if not already:
            _copy(derived_in, folder)
    return ExportReport(
        folder=str(folder),
        chat_template=template,
        rows=derived.row_counts,
        dropped=derived.dropped_rows,
        omitted=dict(derived.omitted),
        files=tuple(shard.path for shard in derived.tally.shards),
        already=already,
    )


def _holds(folder: Path, source: Path) -> bool:
    """Return whether the files of `source` are in `folder`, and no others.

    Raises RefusedError if there are others that no unfinished export left.
    """
    if not folder.is_dir() or _unfinished(folder) is not None or not any(folder.iterdir()):
        return False
    ours = _files(source)
    if _files(folder) == ours and all(filecmp.cmp(source / path, folder / path, shallow=False) for path in ours):
        return True
    raise _not_empty(folder)


def _copy(source: Path, folder: Path) -> None:
    """Copy all files of `source` to `folder`. Raises RefusedError if the system refuses that.

    Until all are there, the file UNFINISHED lists them. So if we are killed, the next `export` knows which files in the
    folder are ours, and replaces them.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in _unfinished(folder) or ():
            path.unlink(missing_ok=True)
        (folder / UNFINISHED).write_text("\n".join(sorted(_files(source))), encoding="utf-8")
        shutil.copytree(source, folder, dirs_exist_ok=True)
        (folder / UNFINISHED).unlink()
    except OSError as error:
        # shutil.Error is an OSError without a strerror: it holds a list of the files that could not be copied.
        why = error.strerror or "not all files could be written"
        raise RefusedError(f"{folder} cannot be written: {why}.", remedy="Name a new folder with --folder.") from error


def _unfinished(folder: Path) -> list[Path] | None:
    """Return the files that an export that was killed may have left in its folder; None if it holds other files too."""
    if not (folder / UNFINISHED).is_file():
        return None
    listed = (folder / UNFINISHED).read_text(encoding="utf-8").splitlines()
    present = _files(folder)
    return [folder / path for path in present & set(listed)] if present <= {UNFINISHED, *listed} else None


def _files(folder: Path) -> set[str]:
    """Return the paths of all files in a folder, relative to it. A link counts as a file."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


def _refuse_unless_free(folder: Path) -> None:
    """Raise RefusedError if a folder holds what no export left there, or cannot be created."""
    # `lexists` is also true for a link whose target does not exist: no folder can be created there either.
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        why = f"{nearest} is not a folder."
    elif not _accepts_a_folder(nearest):
        why = f"{nearest} cannot be written to."
    elif nearest == folder and _unfinished(folder) is None and not _looks_exported(folder):
        raise _not_empty(folder)
    else:
        return
    raise RefusedError(why, remedy="Name a new folder with --folder.")


def _looks_exported(folder: Path) -> bool:
    """Whether a folder is empty, or has only files with the names that an export gives them."""
    files = _files(folder)
    return all(map(SHARD.fullmatch, files)) and (bool(files) or not any(folder.iterdir()))


def _not_empty(folder: Path) -> RefusedError:
    return RefusedError(f"{folder} is not empty.", remedy="Name a new folder with --folder.")


def _accepts_a_folder(folder: Path) -> bool:
    """Whether a folder can be created in `folder`. It is tried, because permissions do not tell (as in /proc)."""
    try:
        with tempfile.TemporaryDirectory(dir=folder):
            return True
    except OSError:
        return False
