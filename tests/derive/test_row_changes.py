"""Which rows come, go or change between two versions of a dataset, with examples."""

from __future__ import annotations

from typing import Any

from curation.derive.row_changes import ConfigChange, RowChange, config_changes, mixed


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


def test_rows_that_come_go_and_change_are_counted_apart() -> None:
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


def test_a_changed_label_is_a_change_and_a_long_answer_is_cut() -> None:
    row = {"id": "k", "prompt": [{"role": "user", "content": "Q"}], "completion": assistant("x" * 500), "label": True}
    change, [goes, changes, comes] = config_changes("kto", lambda: [row], lambda: [{**row, "label": False}])
    assert change == ConfigChange(comes=0, goes=0, changes=1)
    assert (goes, comes) == ([], [])
    assert [change.what for change in changes] == ["label true -> false"]
    _, [_, _, comes] = config_changes("kto", lambda: [], lambda: [row])
    assert [change.what for change in comes] == [f"completion '{'x' * 27}...', label true"]


def test_ten_examples_are_shown_of_all_kinds_and_configs() -> None:
    rows = [pair(number, "a", "b") for number in range(30)]
    change, groups = config_changes("dpo", lambda: rows[:20], lambda: rows[15:])
    assert change == ConfigChange(comes=10, goes=15, changes=0)
    kinds = [example.kind for example in mixed(groups)]
    assert kinds == ["goes", "comes"] * 5
    one = RowChange(config="kto", kind="comes", id="k", prompt="", what="")
    assert len(mixed([*groups, [one]])) == 10
    assert one in mixed([*groups, [one]])
