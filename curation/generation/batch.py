"""Requests as batch files, and their results: what `engine = "batch"` does in place of sending requests.

    batches/helpful/
        manifest.json                what was asked, where, and which requests failed
        requests/0001-small.jsonl    requests, to be sent as a batch; each file is for one model
        results/                     put result files here, under any name
        results/read/                result files that were read

A request's `custom_id` is its key in the request cache, so a reply that comes through a batch is the same as one that
comes at once. Nothing in the files is secret but what the prompts say.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pydantic import Field, ValidationError

from curation.errors import DataError, ServiceError
from curation.generation.batch_lines import (
    LONGEST_LINE,
    MOST_BYTES,
    MOST_REQUESTS,
    Result,
    read_result,
    request_line,
)
from curation.generation.batch_report import BatchReport
from curation.generation.cache import BATCH, RequestCache, Wasted
from curation.generation.completion import Completion
from curation.generation.options import Models
from curation.generation.refusals import RequestFailed, Tokens
from curation.types import CandidateSet, Row


class NotAnsweredYet(Exception):
    """A request waits for the result of a batch. Its row goes no further in this run."""


class BatchFile(Row):
    """A file of requests: the stage and the model that it is for, where that model answers, and how many there are."""

    file: str
    stage: str
    model_id: str
    address: str
    requests: int


class Failed(Row):
    """Why a request has no reply, as the service's result says."""

    failure: str
    detail: str | None = None


class Manifest(Row):
    """`asked` has the position in `files` of the file with each request; `failed` those whose result is an error.

    A request that failed leaves both when its failure is stored, so that it is asked again.
    """

    name: str
    files: tuple[BatchFile, ...] = ()
    asked: dict[str, int] = Field(default_factory=dict)
    failed: dict[str, Failed] = Field(default_factory=dict)


class Batches:
    """The batch files of one curation. It must be used by one run at a time."""

    def __init__(self, folder: Path, models: Models, *, name: str) -> None:
        """Read the manifest, if there is one. Raises DataError if it cannot be read or is of another curation."""
        self.folder = folder
        self._models = models
        self._manifest = _read_manifest(folder / "manifest.json", name)
        self._needed: set[str] = set()
        self._settled: set[str] = set()
        self._outgoing: dict[str, _Outgoing] = {}
        self._new: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._report = BatchReport(
            folder=str(folder),
            written={},
            waiting=0,
            read=(),
            replies=0,
            useless=0,
            errors=0,
            tokens=0,
            cost=0.0,
            unknown=0,
            doubled=0,
            unreadable=(),
        )
        for part in (folder / "requests").glob(".*.part"):
            # A run that was interrupted wrote it, and nobody was told of it.
            part.unlink()

    def read_results(self, cache: Path) -> None:
        """Write the replies in result files to the request cache, and note the errors.

        The files are moved when all of this is on disk. Raises DataError if no line of the files is about a request of
        this curation, ServiceError if something cannot be written.
        """
        results = self.folder / "results"
        files = sorted(file for file in results.glob("*") if file.is_file() and not file.name.startswith("."))
        if not files:
            return
        reading = _Reading(self._manifest, self._models)
        with RequestCache(cache) as opened:
            for file in files:
                reading.read(file, opened)
            opened.flush()
        if not reading.ours:
            raise DataError(
                f"No line of {', '.join(map(str, files))} is a result of a request of this curation"
                f"{': ' + reading.unreadable[0] if reading.unreadable else ''}.",
                remedy=f"Put the files there that came back for the batches in {self.folder / 'requests'}.",
            )
        self._save(failed={**self._manifest.failed, **reading.failed})
        (results / "read").mkdir(mode=0o700, exist_ok=True)
        for file in files:
            file.rename(_free(results / "read" / file.name))
        self._report = self._report.model_copy(update={"read": tuple(file.name for file in files), **reading.counts})

    def waiting(self, cache: Path) -> Counter[str]:
        """Return how many requests of each stage were written and have neither a reply in the cache nor an error."""
        counts: Counter[str] = Counter()
        with RequestCache(cache) as opened:
            for key, position in self._manifest.asked.items():
                if key not in self._manifest.failed and opened.get(key) is None:
                    counts[self._manifest.files[position].stage] += 1
        return counts

    def failure(self, key: str) -> dict[str, Any] | None:
        """Return the facts of a request whose result is an error, null if there is none."""
        failed = self._manifest.failed.get(key)
        return None if failed is None else {name: value for name, value in failed if value is not None}

    def ask(self, stage: str, key: str, body: dict[str, Any], *, address: str) -> None:
        """Write a request to a file, unless it waits for a result already. Raises ServiceError if that fails."""
        self._needed.add(key)
        if key in self._manifest.asked or key in self._new:
            return
        self._new[key] = stage
        self._addresses[stage] = address
        try:
            if stage not in self._outgoing:
                self._outgoing[stage] = _Outgoing(self.folder / "requests", stage)
            self._outgoing[stage].write(key, request_line(key, body))
        except OSError as error:
            raise self._unwritable(error) from error

    def settle(self, candidate_set: CandidateSet) -> None:
        """Note that the failures of a finished set are stored, so that their requests may be asked again."""
        self._settled.update(failure.request for failure in candidate_set.failures if failure.request is not None)

    def write(self) -> None:
        """Give the new files their names, and note their requests. Raises ServiceError if that fails."""
        asked = {key: position for key, position in self._manifest.asked.items() if not self._again(key)}
        failed = {key: failure for key, failure in self._manifest.failed.items() if not self._again(key)}
        files = list(self._manifest.files)
        written = {}
        try:
            for stage, outgoing in self._outgoing.items():
                for part, keys in outgoing.parts():
                    name = f"{len(files) + 1:04}-{_file_name(stage)}.jsonl"
                    part.rename(self.folder / "requests" / name)
                    asked |= dict.fromkeys(keys, len(files))
                    files.append(
                        BatchFile(
                            file=name,
                            stage=stage,
                            model_id=self._models.stages[stage].model_id,
                            address=self._addresses[stage],
                            requests=len(keys),
                        )
                    )
                    written[name] = len(keys)
        except OSError as error:
            raise self._unwritable(error) from error
        self._save(files=tuple(files), asked=asked, failed=failed)
        (self.folder / "results").mkdir(mode=0o700, exist_ok=True)
        self._report = self._report.model_copy(update={"written": written, "waiting": len(self._needed)})

    def close(self) -> None:
        """Remove what was not given a name, because the run ended early."""
        for outgoing in self._outgoing.values():
            outgoing.discard()

    @property
    def report(self) -> BatchReport:
        """What was read and written in this run."""
        return self._report

    def _again(self, key: str) -> bool:
        return key in self._settled and key in self._manifest.failed

    def _save(self, **changes: Any) -> None:
        self._manifest = self._manifest.model_copy(update=changes)
        path = self.folder / "manifest.json"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _private(path.with_suffix(".part")) as file:
                file.write(self._manifest.model_dump_json().encode())
                file.flush()
                os.fsync(file.fileno())
            path.with_suffix(".part").replace(path)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> ServiceError:
        return ServiceError(
            f"The batch files in {self.folder} cannot be written: {error.strerror}.",
            remedy="Make room on the disk, or run the command in a folder that you may write to.",
        )


class Lane:
    """The requests of one stage to the batch files."""

    def __init__(self, batches: Batches, stage: str) -> None:
        self._batches = batches
        self._stage = stage

    def failure(self, key: str) -> dict[str, Any] | None:
        """Return the facts of a request whose result is an error, null if there is none."""
        return self._batches.failure(key)

    def ask(self, key: str, body: dict[str, Any], *, address: str) -> None:
        """Write a request to a file, unless it waits for a result already."""
        self._batches.ask(self._stage, key, body, address=address)


class _Reading:
    """Counts what result files hold while it is written to the cache."""

    def __init__(self, manifest: Manifest, models: Models) -> None:
        self._manifest = manifest
        self._models = models
        self.failed: dict[str, Failed] = {}
        self.unreadable: list[str] = []
        self.ours = 0
        self._cost: float | None = 0.0
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, Any]:
        names = ("replies", "useless", "tokens", "unknown", "doubled")
        return {
            **{name: self._counts[name] for name in names},
            "errors": len(self.failed),
            "cost": self._cost,
            "unreadable": tuple(self.unreadable),
        }

    def read(self, file: Path, cache: RequestCache) -> None:
        number = 0
        try:
            for number, line in _numbered(file):
                try:
                    result = read_result(line)
                except ValueError as error:
                    self.unreadable.append(f"line {number} of {file.name} {error}")
                    continue
                self._take(result, line, cache)
        except OSError as error:
            raise ServiceError(f"{file} cannot be read: {error.strerror}.", remedy="Make it readable.") from error
        if not number:
            self.unreadable.append(f"{file.name} is empty")

    def _take(self, result: Result, line: bytes, cache: RequestCache) -> None:
        position = self._manifest.asked.get(result.key)
        if position is None:
            self._counts["unknown"] += 1
            return
        self.ours += 1
        written = self._manifest.files[position]
        if cache.get(result.key) is not None:
            self._counts["doubled"] += 1
        elif isinstance(result.outcome, Completion):
            cache.put(result.key, _facts(result.outcome), model=written.model_id)
            self.failed.pop(result.key, None)
            self._pay("replies", written, Tokens(result.outcome.input_tokens, result.outcome.output_tokens))
        elif result.key in self.failed:
            self._counts["doubled"] += 1
        else:
            self._fail(result.key, result.outcome, line, written, cache)

    def _fail(self, key: str, failed: RequestFailed, line: bytes, written: BatchFile, cache: RequestCache) -> None:
        self.failed[key] = Failed(failure=failed.reason, detail=failed.detail)
        if not failed.paid:
            return
        # The id follows from the line, so that a file that is read twice was paid for once.
        wasted = Wasted(f"{BATCH}{hashlib.sha256(line).hexdigest()[:32]}", failed.tokens)
        if wasted.id not in {known.id for known in cache.wasted(key)}:
            cache.waste(key, wasted)
            self._pay("useless", written, failed.tokens)

    def _pay(self, count: str, written: BatchFile, tokens: Tokens) -> None:
        self._counts[count] += 1
        self._counts["tokens"] += (tokens.input or 0) + (tokens.output or 0)
        options = self._models.stages.get(written.stage)
        cost = options.cost(*tokens, batch=True) if options is not None else None
        self._cost = None if self._cost is None or cost is None else self._cost + cost


class _Outgoing:
    """The new files of one stage. A file is full when a service would accept no more."""

    def __init__(self, folder: Path, stage: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._stage = stage
        self._file: IO[bytes] | None = None
        self._bytes = 0
        self._parts: list[tuple[Path, list[str]]] = []

    def write(self, key: str, line: bytes) -> None:
        if self._file is None or len(self._parts[-1][1]) == MOST_REQUESTS or self._bytes + len(line) > MOST_BYTES:
            self._next()
        assert self._file is not None
        self._file.write(line)
        self._bytes += len(line)
        self._parts[-1][1].append(key)

    def parts(self) -> list[tuple[Path, list[str]]]:
        """Close the files, and return each with the keys of its requests."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
        return self._parts

    def discard(self) -> None:
        for part, _ in self.parts():
            part.unlink(missing_ok=True)

    def _next(self) -> None:
        self.parts()
        part = self._folder / f".{_file_name(self._stage)}-{len(self._parts)}.part"
        self._file, self._bytes = _private(part), 0
        self._parts.append((part, []))


def _facts(reply: Completion) -> dict[str, Any]:
    """Return what the cache keeps of a reply. A batch does not say how long a reply took."""
    facts: dict[str, Any] = {
        "generation": reply.text,
        "finish_reason": reply.finish_reason,
        "input_tokens": reply.input_tokens,
        "output_tokens": reply.output_tokens,
        "batch": True,
    }
    return facts if reply.thinking is None else {**facts, "thinking": reply.thinking}


def _read_manifest(path: Path, name: str) -> Manifest:
    remedy = f"Move the folder {path.parent} away; the request cache keeps all replies that were read."
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Manifest(name=name)
    except (OSError, ValidationError) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}).", remedy=remedy) from error
    if manifest.name != name:
        raise DataError(f"{path} is of the curation {manifest.name!r}, not of {name!r}.", remedy=remedy)
    return manifest


def _numbered(file: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file that are not blank, with their numbers. Of a line that is too long only a part."""
    with file.open("rb") as lines:
        number = 0
        while line := lines.readline(LONGEST_LINE + 1):
            number += 1
            rest = line
            while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
                rest = lines.readline(LONGEST_LINE + 1)
            if line.strip():
                yield number, line


def _file_name(stage: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", stage.partition(" ")[2]).strip("-.")[:60] or "requests"


def _free(path: Path) -> Path:
    """Return a path that no file has: the given one, or one with a number."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def _private(path: Path) -> IO[bytes]:
    """Open a file that only its owner may read, and empty it."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
