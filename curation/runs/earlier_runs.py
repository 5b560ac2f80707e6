"""What a new run has to know about earlier ones: what they paid, and which of their requests failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from curation.config import Config
from curation.derive.spending import FAILURE_COLUMNS, USAGE_COLUMNS, Spending, failed_requests, spending, usage_frame
from curation.generation import Amount, BudgetGate, Estimate, Meter, Models, PromptSpool, settings_id
from curation.store import CANDIDATE_SETS, QUESTION_SETS, Snapshot

ASKED = (QUESTION_SETS, CANDIDATE_SETS)
"""The tables of a store that say what models were asked and what was paid."""


def budget_gate(
    config: Config, models: Models, snapshot: Snapshot | None, spool: PromptSpool, *, meter: Meter, expected: Estimate
) -> BudgetGate | None:
    """Return the gate that keeps a run, which asks `models` about the prompts of a spool, within `generate.budget`.

    None if the config has no budget, or nothing is to be asked.
    """
    if config.generate.budget is None or not expected.rows:
        return None
    spent = _spending(snapshot)
    templates = [models.template(options) or "" for options in models.stages.values()]
    return BudgetGate(
        config.generate.budget,
        meter,
        estimate=expected,
        longest_prompt=spool.longest + max(len(template.encode()) for template in templates),
        spent=Amount(spent.known_cost, spent.tokens),
        uncounted=spent.uncounted,
        paid=_paid_and_asked_again(config, models, snapshot),
    )


def requests_failed_before(snapshot: Snapshot | None) -> frozenset[str]:
    """Return the hashes of the requests that failed in earlier runs: their prompts may be the cause."""
    return failed_requests(_tables(snapshot, FAILURE_COLUMNS))


def _spending(snapshot: Snapshot | None) -> Spending:
    return spending(usage_frame(table["usage"]) for table in _tables(snapshot, USAGE_COLUMNS))


def _tables(snapshot: Snapshot | None, columns: Sequence[str]) -> Iterator[Any]:
    """Yield the columns of each file that says what models were asked."""
    for name in ASKED if snapshot is not None else ():
        assert snapshot is not None
        yield from (table for _, table in snapshot.tables(name, columns))


def _paid_and_asked_again(config: Config, models: Models, snapshot: Snapshot | None) -> Iterator[str]:
    """Yield the paid requests of sets that are incomplete or have other settings, because they may be sent again."""
    settings = settings_id(models)
    for candidate_set in snapshot.each_candidate_set() if snapshot else ():
        if candidate_set.settings != settings or not candidate_set.came_through(config.review.min_candidates):
            yield from (usage.request for usage in candidate_set.usage)
