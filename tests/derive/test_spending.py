"""What a store cost: a request that is in several sets was paid for once, and an unknown price is no zero."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from curation import ids
from curation.derive.spending import USAGE_COLUMNS, Spending, spending, usage_frame
from curation.store import CANDIDATE_SETS
from curation.types import CandidateSet, Usage
from tests.derive.stores import make_snapshot
from tests.rows import make_prompt, make_set


def used(request: str, *, tokens: tuple[int | None, int | None] = (10, 5), cost: float | None = 0.25) -> Usage:
    return Usage(
        request=ids.content_hash("request", request),
        stage="generate",
        generator="g0",
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cost=cost,
    )


def spent(folder: Path, *files: Sequence[Sequence[Usage]]) -> Spending:
    """Return what a store of these files cost, each a list of the usages of one set after the other."""
    sets: list[list[CandidateSet]] = [
        [
            make_set(make_prompt(f"{file} {row}")).model_copy(update={"usage": tuple(usage)})
            for row, usage in enumerate(of_file)
        ]
        for file, of_file in enumerate(files)
    ]
    tables = make_snapshot(folder, sets).tables(CANDIDATE_SETS, USAGE_COLUMNS)
    return spending(usage_frame(table["usage"]) for _, table in tables)


def test_nothing_costs_nothing(tmp_path: Path) -> None:
    nothing = Spending(requests=0, tokens=0, cost=0.0, known_cost=0.0)
    assert spent(tmp_path) == spent(tmp_path, []) == spent(tmp_path, [[], []], [[]]) == nothing


def test_requests_tokens_and_costs_are_added_up_over_sets_and_files(tmp_path: Path) -> None:
    total = spent(tmp_path, [[used("a"), used("b", tokens=(1, 2), cost=0.5)], []], [[used("c", cost=0.0)]])
    assert total == Spending(requests=3, tokens=15 + 3 + 15, cost=0.75, known_cost=0.75)


def test_a_request_in_several_sets_was_paid_for_once(tmp_path: Path) -> None:
    total = spent(tmp_path, [[used("a"), used("b")], [used("a")]], [[used("b"), used("a"), used("c")]])
    assert total == Spending(requests=3, tokens=45, cost=0.75, known_cost=0.75)


def test_an_unknown_price_makes_the_cost_unknown_and_leaves_what_is_known(tmp_path: Path) -> None:
    total = spent(tmp_path, [[used("a"), used("b", cost=None)], [used("c")]])
    assert total == Spending(requests=3, tokens=45, cost=None, known_cost=0.5)


def test_a_count_that_a_server_did_not_give_is_no_token(tmp_path: Path) -> None:
    total = spent(
        tmp_path, [[used("a", tokens=(None, 5)), used("b", tokens=(10, None)), used("c", tokens=(None, None))]]
    )
    assert total.tokens == 15


@pytest.mark.parametrize(("cost", "rows", "each"), [(1.5, 3, 0.5), (1.5, 0, None), (None, 3, None), (0.0, 3, 0.0)])
def test_the_cost_of_a_row_is_null_without_rows_or_prices(cost: float | None, rows: int, each: float | None) -> None:
    assert Spending(requests=1, tokens=1, cost=cost, known_cost=1.5).per_row(rows) == each
