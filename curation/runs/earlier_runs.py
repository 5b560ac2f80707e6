"""What a new run has to know about earlier ones: what they paid, and which of their requests failed."""

from __future__ import annotations

from collections.abc import Iterator

from curation.config import Config
from curation.derive.spending import FAILURE_COLUMNS, USAGE_COLUMNS, Spending, failed_requests, spending, usage_frame
from curation.generation import Amount, BudgetGate, Estimate, Meter, PromptSpool, settings_id
from curation.store import CANDIDATE_SETS, Snapshot


def budget_gate(
    config: Config, snapshot: Snapshot | None, spool: PromptSpool, *, meter: Meter, expected: Estimate
) -> BudgetGate | None:
    """Return the gate that keeps a run within `generate.budget`.

    None if the config has no budget, or nothing is to be asked.
    """
    if config.generate.budget is None or not expected.rows:
        return None
    spent = _spending(snapshot)
    return BudgetGate(
        config.generate.budget,
        meter,
        estimate=expected,
        longest_prompt=spool.longest,
        spent=Amount(spent.known_cost, spent.tokens),
        uncounted=spent.uncounted,
        paid=_paid_and_asked_again(config, snapshot),
    )


def requests_failed_before(snapshot: Snapshot | None) -> frozenset[str]:
    """Return the hashes of the requests that failed in earlier runs: their prompts may be the cause."""
    return failed_requests(table for _, table in (snapshot.tables(CANDIDATE_SETS, FAILURE_COLUMNS) if snapshot else ()))


def _spending(snapshot: Snapshot | None) -> Spending:
    tables = snapshot.tables(CANDIDATE_SETS, USAGE_COLUMNS) if snapshot else ()
    return spending(usage_frame(table["usage"]) for _, table in tables)


def _paid_and_asked_again(config: Config, snapshot: Snapshot | None) -> Iterator[str]:
    """Yield the paid requests of sets that are incomplete or have other settings, because they may be sent again."""
    settings = settings_id(config.models)
    for candidate_set in snapshot.each_candidate_set() if snapshot else ():
        if candidate_set.settings != settings or not candidate_set.came_through(config.review.min_candidates):
            yield from (usage.request for usage in candidate_set.usage)
