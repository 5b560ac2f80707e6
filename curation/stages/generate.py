"""generate: prompts -> candidate sets in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from curation.config import Config, Services
from curation.errors import MissingError
from curation.generation import cache_file, generate_candidate_sets, settings_id
from curation.stages.report import Report, counted, reasons
from curation.stages.services import open_store
from curation.store import PromptsRead, Store
from curation.types import CandidateSet, Prompt

SETS_PER_COMMIT = 500
MIN_SUCCESS = 0.95
TEMPORARY = frozenset({"timeout", "connection_lost", "rate_limited", "http_500", "http_502", "http_503", "http_504"})

Progress = Callable[[int, int, int], None]
"""Called with prompts done, prompts failed and prompts in all."""


class GenerateReport(Report):
    """What `generate` did. prompts = dropped + already + made + failed."""

    source: str
    prompts: int
    dropped: dict[str, int]
    already: int
    made: int
    failed: int
    failures: dict[str, int]
    store: str
    commit: str | None

    @property
    def exit_code(self) -> int:
        """0 if at least 95 % of the prompts asked got a candidate set; else 3 if trying again may help, else 1."""
        asked = self.made + self.failed
        if not asked or self.made / asked >= MIN_SUCCESS:
            return 0
        return 3 if all(reason.rpartition(" ")[2] in TEMPORARY for reason in self.failures) else 1

    @property
    def lines(self) -> tuple[str, ...]:
        """Counts, then reasons where there are any."""
        lines = [
            f"{counted(self.prompts, 'prompt')} of {self.source}: {self.made:,} new candidate sets, "
            f"{self.already:,} there already, {self.failed:,} failed, {sum(self.dropped.values()):,} dropped. "
            f"Store: {self.store}."
        ]
        if self.dropped:
            lines.append(f"Dropped prompts: {reasons(self.dropped)}.")
        if self.failures:
            lines.append(f"Failed requests and ratings: {reasons(self.failures)}.")
        return tuple(lines)

    @property
    def next_verb(self) -> str | None:
        """Push what there is to review."""
        return "push" if self.made + self.already else None


def generate(
    config: Config,
    *,
    services: Services | None = None,
    progress: Progress = lambda done, failed, total: None,
    use_cache: bool = True,
) -> GenerateReport:
    """Ask every generator and the judge about every prompt that has no candidate set yet, and store the answers.

    What is finished is stored even if the run is interrupted, and every reply is in the request cache before it is
    used, so that no request is paid for twice; `use_cache=False` asks anew. Raises AuthError, MissingError or
    TemporaryError before anything is paid for if the prompts, the store or an endpoint cannot be reached.
    """
    services = services or Services.from_environment()
    source = config.prompts.resolve(endpoint=services.hub_endpoint, token=services.hub_token)
    store = open_store(config, services)
    store.create()
    reader = _Reader(config, services, source, done=_done(store, settings_id(config.generators, config.judge)))
    writer = _Writer(store, reader, progress)
    try:
        generate_candidate_sets(
            config.name,
            reader.prompts(),
            generators=config.generators,
            judge=config.judge,
            finished=writer.add,
            cache=cache_file() if use_cache else None,
        )
    finally:
        writer.flush()
    return GenerateReport(
        source=source,
        prompts=reader.read,
        dropped=dict(reader.dropped),
        already=reader.already,
        made=writer.made,
        failed=writer.failed,
        failures=dict(writer.failures),
        store=config.store.repo_id,
        commit=writer.commit,
    )


class _Reader:
    """Reads the prompts once, and counts what becomes of each."""

    def __init__(self, config: Config, services: Services, source: str, *, done: set[str]) -> None:
        self._rows = config.prompts.load(source, endpoint=services.hub_endpoint, token=services.hub_token)
        self._done = done
        self.source = source
        self.read = self.already = self.asked = 0
        self.dropped: Counter[str] = Counter()

    def prompts(self) -> Iterator[Prompt]:
        for found in self._rows:
            self.read += 1
            if not isinstance(found, Prompt):
                self.dropped[found.reason] += 1
            elif found.id in self._done:
                self.already += 1
            else:
                self.asked += 1
                yield found


class _Writer:
    """Commits finished sets as they come, many at a time."""

    def __init__(self, store: Store, reader: _Reader, progress: Progress) -> None:
        self._store = store
        self._reader = reader
        self._progress = progress
        self._waiting: list[CandidateSet] = []
        self.made = self.failed = 0
        self.failures: Counter[str] = Counter()
        self.commit: str | None = None

    def add(self, candidate_set: CandidateSet) -> None:
        self._waiting.append(candidate_set)
        self.failures.update(f"{failure.stage} {failure.reason}" for failure in candidate_set.failures)
        if candidate_set.reviewable:
            self.made += 1
        else:
            self.failed += 1
        self._progress(self.made + self.failed, self.failed, self._reader.asked)
        if len(self._waiting) >= SETS_PER_COMMIT:
            self.flush()

    def flush(self) -> None:
        if not self._reader.read:
            return
        read = PromptsRead(
            source=self._reader.source, read=self._reader.read, dropped=dict(sorted(self._reader.dropped.items()))
        )
        self.commit = self._store.add_candidate_sets(self._waiting, prompts=read) or self.commit
        self._waiting.clear()


def _done(store: Store, settings: str) -> set[str]:
    """The prompts that need no asking: with these settings they have a reviewable set already."""
    try:
        sets = store.snapshot().current_sets(settings)
    except MissingError:
        return set()
    return {prompt for prompt, candidate_set in sets.items() if candidate_set.reviewable}
