"""Variations of prompts: asks for those that are missing, stores the replies, and puts them behind their prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from curation.config import Config, Services
from curation.documents import Reply
from curation.errors import DataError
from curation.generation import Estimate, Models, PromptSpool, estimate, spooled
from curation.prompts import FilePrompts, HubPrompts, ListPrompts
from curation.runs.asking import AskedReport, ListKind, Requests, Watch, stored_replies
from curation.store import Snapshot, Store
from curation.types import Drop, Prompt
from curation.variations import (
    VariationModel,
    checked_variations,
    complaint,
    is_readable,
    stand_ins,
    variation_request,
)
from curation.wording import counted, reasons

VARIATIONS = ListKind("variations", is_readable, complaint)


class VariationReport(AskedReport):
    """What became of variations. `expected` variations were asked for, of the `prompts` of the source.

    `variations` passed the checks; the others are in `missing` by reason.
    """

    prompts: int = 0
    expected: int = 0
    variations: int = 0
    missing: dict[str, int] = Field(default_factory=dict)

    @property
    def expected_line(self) -> str:
        """The number of prompts to expect, as a sentence."""
        return (
            f"{counted(self.prompts, 'prompt')} + {counted(self.expected, 'variation')} = "
            f"{counted(self.prompts + self.expected, 'prompt')} expected, from "
            f"{counted(self.requests, 'request')} for variations."
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """How many prompts were expected, and how many variations there are."""
        lines = [self.expected_line]
        if self.left:
            lines.append(f"Stopped at the budget: {counted(self.left, 'request')} for variations not sent.")
        if self.variations:
            others = f"; the others: {reasons(self.missing)}" if self.missing else ""
            lines.append(f"Variations: {self.variations:,} of {self.expected:,}{others}.")
        return tuple(lines)


@dataclass
class Variations:
    """The prompts of a source, the requests for variations of them (for each entry of [[vary]]), and the replies.

    `prompts_read` are on disk, and `dropped` are the rows of the source that are no prompts.
    """

    config: Config
    prompts_read: PromptSpool
    dropped: tuple[Drop, ...]
    requests: tuple[Requests, ...]
    replies: dict[str, Reply]

    def prompts(self) -> Iterator[Prompt | Drop]:
        """Yield every prompt, followed by its variations, and a Drop for every row and variation that is no prompt."""
        yield from self.dropped
        yield from checked_variations(self.prompts_read.read, self.config.vary, self.replies)

    @property
    def is_complete(self) -> bool:
        """Whether every request has a reply."""
        return all(requests.is_complete for requests in self.requests)

    def expected_prompts(self, done: frozenset[str] = frozenset()) -> Iterator[Prompt]:
        """Yield the prompts that are still to be answered, and a stand-in for each that is still to be written."""
        for prompt in self.prompts():
            if isinstance(prompt, Prompt) and prompt.id not in done:
                yield prompt
        missing = {request.prompt.id for requests in self.requests for request in requests.missing()}
        for prompt in self.prompts_read.read():
            for model in self.config.vary:
                request_id = variation_request(prompt, model).id
                if request_id in missing:
                    missing.remove(request_id)
                    yield from stand_ins(prompt, model)

    def estimate(self, *, cache: Path | None, done: frozenset[str] = frozenset()) -> Estimate:
        """Return what is still to be asked, for variations and for the answers; `done` have their answers."""
        with spooled(self.expected_prompts(done)) as spool:
            answers = estimate(spool, self.config.models, cache=cache)
        stages = [
            stage
            for requests in self.requests
            for stage in requests.stages((request.prompt for request in requests.missing()), cache=cache)
        ]
        return Estimate(rows=answers.rows, stages=(*stages, *answers.stages))

    def ask(
        self,
        store: Store | None,
        *,
        watch: Watch = lambda meter: nullcontext(),
        cache: Path | None,
        most: int | None = None,
    ) -> None:
        """Ask every model for the variations that are missing (for `most` of them, in whole requests).

        A request whose reply cannot be read is sent once more. All replies go to the store, if one is given.
        """
        for requests in self.requests:
            requests.ask_for(requests.first_missing(most), store, watch=watch, cache=cache)

    def report(self) -> VariationReport:
        """Return what became of the variations."""
        outcomes = list(checked_variations(self.prompts_read.read, self.config.vary, self.replies))
        missing = Counter(outcome.reason for outcome in outcomes if isinstance(outcome, Drop))
        return VariationReport(
            prompts=self.prompts_read.prompts,
            expected=len(outcomes) - self.prompts_read.prompts,
            variations=len(outcomes) - self.prompts_read.prompts - missing.total(),
            missing=dict(sorted(missing.items())),
            **_together([requests.payment() for requests in self.requests]),
        )


@contextmanager
def opened_variations(
    config: Config, services: Services, source: str, snapshot: Snapshot | None
) -> Iterator[Variations]:
    """Read the prompts of a config, and yield the requests for variations with the replies of the store.

    Raises DataError if an entry of [[vary]] names a category that no prompt has, and what the source raises.
    """
    assert isinstance(config.prompts, HubPrompts | FilePrompts | ListPrompts)
    rows = config.prompts.load(source, endpoint=services.hub_endpoint, token=services.hub_token)
    dropped: list[Drop] = []
    categories: Counter[str | None] = Counter()

    def prompts() -> Iterator[Prompt]:
        for row in rows:
            if isinstance(row, Prompt):
                categories[row.category] += 1
                yield row
            else:
                dropped.append(row)

    with ExitStack() as stack:
        read = stack.enter_context(spooled(prompts()))
        _require_categories(config, source, categories)
        replies = stored_replies(snapshot)
        requests = tuple(stack.enter_context(_requests(config, model, read, replies)) for model in config.vary)
        yield Variations(config, read, tuple(dropped), requests, replies)


@contextmanager
def _requests(
    config: Config, model: VariationModel, read: PromptSpool, replies: dict[str, Reply]
) -> Iterator[Requests]:
    """Write the requests of an entry of [[vary]] to disk. A prompt that stands twice is varied once."""
    numbers: dict[str, int] = {}

    def prompts() -> Iterator[Prompt]:
        for prompt in read.read():
            request = variation_request(prompt, model)
            if model.varies(prompt) and request.id not in numbers:
                numbers[request.id] = model.n
                yield request

    with spooled(prompts()) as spool:
        models = Models(generators=(model.generator,))
        yield Requests(config=config, models=models, kind=VARIATIONS, spool=spool, numbers=numbers, replies=replies)


def _require_categories(config: Config, source: str, categories: Counter[str | None]) -> None:
    for model in config.vary:
        unknown = [category for category in model.categories or () if category not in categories]
        if unknown:
            known = ", ".join(sorted(repr(category) for category in categories if category is not None))
            raise DataError(
                f"[[vary]] {model.name!r} names the category {unknown[0]!r}, and no prompt of {source} has it; "
                f"there are: {known or 'none'}.",
                remedy="Correct `categories` under [[vary]], or `category_column` under [prompts].",
            )


def _together(payments: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what several models were asked for and paid; an unknown cost makes the sum unknown."""
    together = {
        name: sum(payment[name] for payment in payments) for name in payments[0] if name not in {"failures", "cost"}
    }
    costs = [payment["cost"] for payment in payments]
    failures = tuple(failure for payment in payments for failure in payment["failures"])
    return {**together, "failures": failures, "cost": None if None in costs else sum(costs)}
