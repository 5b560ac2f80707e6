"""Sums that must close: what went into a step is what came out of it, and each gap is named with ids.

    prompts of the source   100 = 88 asked + 10 duplicate + 2 empty
    records to answer        85 = 84 in Argilla
                              1 not in Argilla (0123...)            <- a gap: the sum does not close

Each function compares two collections of ids that were read from different places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Set

from pydantic import Field

from curation.types import Drop, Prompt, Response, Row
from curation.wording import reasons

NAMED = 20
"""A gap holds so many ids."""
NAMED_IN_LINE = 3


class Gap(Row):
    """Things that are not where they should be: what is wrong, how many, the first ids, and what mends it."""

    what: str
    count: int
    ids: tuple[str, ...]
    remedy: str

    @property
    def line(self) -> str:
        """The gap as a sentence, with three ids at most."""
        more = ", ..." if self.count > NAMED_IN_LINE else ""
        return f"{self.count:,} {self.what} ({', '.join(self.ids[:NAMED_IN_LINE])}{more}). {self.remedy}"


class Balance(Row):
    """One sum: `total` things, and by reason what became of them. It closes if there are no gaps.

    `unknown` says why the sum could not be made, null if it could.
    """

    name: str
    total: int = 0
    parts: dict[str, int] = Field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    unknown: str | None = None

    @property
    def closes(self) -> bool:
        """Whether everything is accounted for."""
        return not self.gaps and self.unknown is None

    @property
    def lines(self) -> Iterator[str]:
        """The sum on one line, and a line for each gap."""
        if self.unknown is not None:
            yield f"FAIL  {self.name}: cannot be checked. {self.unknown}"
            return
        parts = reasons(self.parts).replace(", ", " + ") or "0"
        yield f"{'ok  ' if self.closes else 'FAIL'}  {self.name}: {self.total:,} = {parts}"
        yield from (f"        {gap.line}" for gap in self.gaps)


def prompt_balance(rows: Iterable[Prompt | Drop], *, asked: Set[str], dropped: Mapping[str, str]) -> Balance:
    """Compare the rows of the source with the prompts in the store: `asked`, and `dropped` with the reason by id."""
    total, parts, missing = 0, Counter[str](), []
    for row in rows:
        total += 1
        if isinstance(row, Drop):
            parts[row.reason] += 1
        elif row.id in asked:
            parts["asked"] += 1
        elif row.id in dropped:
            parts[dropped[row.id]] += 1
        else:
            missing.append(row.id)
    gaps = _gaps("not asked yet", missing, "Run `curation generate`.")
    return Balance(name="prompts of the source", total=total, parts=parts, gaps=gaps)


def answer_balance(answered: Collection[str], failures: Mapping[str, str]) -> Balance:
    """Count the prompts that were asked: those with enough answers, and the others by what first went wrong."""
    parts = Counter({"answered": len(answered)}) + Counter(failures.values())
    return Balance(name="prompts asked", total=len(answered) + len(failures), parts=parts)


def shown_balance(set_ids: Iterable[str], *, shown: Set[str], not_shown: Mapping[str, str]) -> Balance:
    """Compare the present candidate sets with those that records show, and those that `push` left out by reason."""
    parts, missing = Counter[str](), []
    for set_id in set_ids:
        if set_id in shown:
            parts["shown"] += 1
        elif set_id in not_shown:
            parts[not_shown[set_id]] += 1
        else:
            missing.append(set_id)
    return Balance(
        name="candidate sets",
        total=parts.total() + len(missing),
        parts=parts,
        gaps=_gaps("neither shown to reviewers nor left out", missing, "Run `curation push`."),
    )


def record_balance(
    pushed: Set[str], *, in_argilla: Set[str], name: str = "records to answer", remedy: str = "Run `curation push`."
) -> Balance:
    """Compare the records of the store that wait for answers with those in a dataset of Argilla."""
    return Balance(
        name=name,
        total=len(pushed),
        parts={"in Argilla": len(pushed & in_argilla)},
        gaps=(
            *_gaps("not in Argilla", pushed - in_argilla, remedy),
            *_gaps(
                "in Argilla, and not among the store's",
                in_argilla - pushed,
                "They were added by somebody else, or retired: look at them in Argilla.",
            ),
        ),
    )


def response_balance(
    stored: Mapping[tuple[str, str], Response],
    now: Mapping[tuple[str, str], Response],
    *,
    on_server: Set[tuple[str, str]],
    gold: Set[str] = frozenset(),
) -> Balance:
    """Compare the responses of the store with what a sync would leave there `now`.

    `on_server` has the ids of record and account of every answer in Argilla: other responses are kept although their
    record or their author's account is gone. `gold` has the ids of gold records.
    """
    unchanged = [key for key, response in stored.items() if key in now and _content(now[key]) == _content(response)]
    present = [key for key in unchanged if (stored[key].server_record_id, stored[key].server_user_id) in on_server]
    to_gold = sum(record_id in gold for record_id, _ in present)
    changed = [record_id for record_id, _ in sorted(stored.keys() - set(unchanged))]
    added = [record_id for record_id, _ in sorted(now.keys() - stored.keys())]
    return Balance(
        name="responses",
        total=len(stored),
        parts={
            "in Argilla": len(present) - to_gold,
            **({"to gold records in Argilla": to_gold} if to_gold else {}),
            "kept": len(unchanged) - len(present),
        },
        gaps=(
            *_gaps("changed or withdrawn in Argilla since the last sync", changed, "Run `curation sync`."),
            *_gaps("given in Argilla since the last sync", added, "Run `curation sync`."),
        ),
    )


def row_balance(config: str, sets: Iterable[Mapping[str, object]]) -> Balance:
    """Count the candidate sets by what they give for one config: rows, or the reason why there are none.

    `sets` have `set_id`, `rows`, whether the set has a row of this config, and `dropped`, the reasons as in `raw`.
    """
    parts, missing = Counter[str](), []
    for candidate_set in sets:
        reason = "with rows" if candidate_set["rows"] else _reason(config, candidate_set["dropped"])
        if reason is None:
            missing.append(str(candidate_set["set_id"]))
        else:
            parts[reason] += 1
    gaps = _gaps("without a row and without a reason", missing, "This is a defect of curation: please report it.")
    return Balance(name=f"sets for {config}", total=parts.total() + len(missing), parts=parts, gaps=gaps)


def published_balance(config: str, derived: Set[str], *, published: Set[str], remedy: str) -> Balance:
    """Compare the ids of the rows that the store gives with those that are published."""
    return Balance(
        name=f"rows of {config}",
        total=len(derived),
        parts={"published": len(derived & published)},
        gaps=(
            *_gaps("not published", derived - published, remedy),
            *_gaps("published, and no longer given by the store", published - derived, remedy),
        ),
    )


def _reason(config: str, dropped: object) -> str | None:
    """Return why a set has no row of a config, such as "tie": the reasons of other configs begin with their names."""
    assert isinstance(dropped, list)
    of_config = [reason.removeprefix(f"{config}:") for reason in dropped if reason.startswith(f"{config}:")]
    of_all = [reason for reason in dropped if ":" not in reason]
    return next(iter([*of_config, *of_all]), None)


def _gaps(what: str, ids: Collection[str], remedy: str) -> tuple[Gap, ...]:
    """Return a gap if there are any ids; those of a set are sorted."""
    if not ids:
        return ()
    named = sorted(ids) if isinstance(ids, Set) else list(ids)
    return (Gap(what=what, count=len(ids), ids=tuple(named[:NAMED]), remedy=remedy),)


def _content(response: Response) -> tuple[object, ...]:
    return response.status, sorted(response.values.items(), key=lambda item: item[0])
