"""A publish says how the numbers of rows changed, and why there are fewer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from curation.derive.basis import Basis, row_counts

CHECKS = ["prompts: pii: off", "answers: refusal: off"]


def basis(dpo: int, kto: int, *, records: int = 12, unresolved: Mapping[str, int] = {}, **options: Any) -> Basis:
    return Basis(
        rows={"dpo": dpo, "kto": kto},
        records=records,
        options={"resolver": "majority", "min_gap": 0.25, "checks": [*CHECKS], **options},
        unresolved=dict(unresolved),
        dropped={"dpo": {"no_gap": 1}, "kto": {}},
    )


BEFORE = basis(9, 24, unresolved={"unreviewed": 2})


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        (basis(9, 24), None),
        (basis(12, 25), "dpo 9 -> 12, kto 24 -> 25."),
        (
            basis(1, 6, unresolved={"unreviewed": 2, "not_unanimous": 8}, resolver="unanimous"),
            "dpo 9 -> 1, kto 24 -> 6, because resolver is unanimous: 8 not_unanimous.",
        ),
        (basis(8, 24, unresolved={"unreviewed": 3}), "dpo 9 -> 8, because of 1 unreviewed."),
        (basis(8, 26, unresolved={"unreviewed": 3}), "dpo 9 -> 8, kto 24 -> 26, because of 1 unreviewed."),
        (basis(8, 22, records=11), "dpo 9 -> 8, kto 24 -> 22, because of 11 records in place of 12."),
        (basis(8, 24), "dpo 9 -> 8, because answers changed."),
        (
            basis(8, 24, checks=["prompts: pii: off", "answers: refusal: dropped if it refuses"]),
            "dpo 9 -> 8, because checks is answers: refusal: dropped if it refuses.",
        ),
        (
            basis(9, 24, formats=["dpo"]).model_copy(update={"rows": {"dpo": 9}}),
            "kto 24 -> 0, because formats is dpo.",
        ),
    ],
    ids=["same", "more", "resolver", "unreviewed", "one of two", "records", "answers", "checks", "format"],
)
def test_the_numbers_of_rows_come_with_the_reason_why_there_are_fewer(now: Basis, sentence: str | None) -> None:
    assert row_counts(BEFORE, now) == sentence


def test_the_reasons_of_a_config_count_only_where_it_shrinks() -> None:
    now = basis(8, 24).model_copy(update={"dropped": {"dpo": {"no_gap": 2}, "kto": {"half": 5}}})
    assert row_counts(BEFORE, now) == "dpo 9 -> 8, because of 1 no_gap."
