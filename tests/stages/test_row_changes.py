"""Nothing shrinks in silence: counts before and after with the reason, and which rows come, go or change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from curation.stages.row_changes import Basis, ConfigChange, RowChange, config_changes, mixed, row_counts

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


def assistant(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def pair(number: int, chosen: str, rejected: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{number}-{chosen}-{rejected}",
        "prompt": [{"role": "user", "content": f"Question\n{number}?"}],
        "chosen": assistant(chosen),
        "rejected": assistant(rejected),
        "prompt_id": f"p{number}",
        "split": "train",
        "reviewers": 1,
        **more,
    }


def test_rows_that_come_go_and_change_are_told_apart() -> None:
    before = [pair(1, "a", "b"), pair(2, "a", "b"), pair(3, "a", "b"), pair(4, "a", "b")]
    now = [pair(1, "a", "b"), pair(2, "b", "a"), pair(3, "a", "b", reviewers=2, split="test"), pair(5, "c\x1b[2J", "d")]
    change, groups = config_changes("dpo", lambda: before, lambda: now)
    assert change == ConfigChange(comes=1, goes=1, changes=2)
    assert [example.line for example in mixed(groups)] == [
        "goes    dpo    Question 4?: chosen 'a', rejected 'b'",
        "changes dpo    Question 2?: chosen and rejected change places, chosen 'b', rejected 'a'",
        "comes   dpo    Question 5?: chosen 'c [2J', rejected 'd'",
        "changes dpo    Question 3?: split train -> test, reviewers 1 -> 2",
    ]


def test_a_label_that_turns_is_a_change_and_a_long_answer_is_cut() -> None:
    row = {"id": "k", "prompt": [{"role": "user", "content": "Q"}], "completion": assistant("x" * 500), "label": True}
    change, [goes, changes, comes] = config_changes("kto", lambda: [row], lambda: [{**row, "label": False}])
    assert change == ConfigChange(comes=0, goes=0, changes=1)
    assert (goes, comes) == ([], [])
    assert [one.what for one in changes] == ["label true -> false"]
    _, [_, _, comes] = config_changes("kto", lambda: [], lambda: [row])
    assert [one.what for one in comes] == [f"completion '{'x' * 27}...', label true"]


def test_ten_examples_are_shown_of_all_kinds_and_configs() -> None:
    rows = [pair(number, "a", "b") for number in range(30)]
    change, groups = config_changes("dpo", lambda: rows[:20], lambda: rows[15:])
    assert change == ConfigChange(comes=10, goes=15, changes=0)
    kinds = [example.kind for example in mixed(groups)]
    assert kinds == ["goes", "comes"] * 5
    one = RowChange(config="kto", kind="comes", id="k", prompt="", what="")
    assert len(mixed([*groups, [one]])) == 10
    assert one in mixed([*groups, [one]])
