"""Which candidate set counts where several hold the same answers, and what is said of whose ratings those are."""

from __future__ import annotations

import pytest

from curation.derive.heirs import Decision, RatedSet, decisions, heirs_of
from curation.store import Settings


def a_set(position: int, settings: str, *answers: int, rated: tuple[int, ...] = ()) -> RatedSet:
    return RatedSet(position, settings, frozenset(answers), frozenset(rated))


BOTH = (1, 2)


@pytest.mark.parametrize(
    ("sets", "heirs"),
    [
        # The newest that has all answers.
        ([a_set(3, "s", 1), a_set(5, "s", 1, 2), a_set(9, "s", 1, 2, 3)], [9, 9, 9]),
        ([a_set(3, "s", 1, 2), a_set(5, "s", 1, 3)], [3, 5]),
        ([a_set(3, "old", 1, 2, rated=BOTH), a_set(5, "new", 1, 2, rated=BOTH)], [5, 5]),
        # A judge that was down, or read one answer of two, takes nothing away from the judge before.
        ([a_set(3, "old", 1, 2, rated=BOTH), a_set(5, "new", 1, 2)], [3, 3]),
        ([a_set(3, "old", 1, 2, rated=BOTH), a_set(5, "new", 1, 2, rated=(1,))], [3, 3]),
        ([a_set(3, "old", 1, 2, rated=BOTH), a_set(5, "new", 1, 2), a_set(7, "newer", 1, 2, rated=BOTH)], [7, 7, 7]),
        # Nor does a set with an answer more that nobody rated.
        ([a_set(3, "old", 1, 2, rated=BOTH), a_set(5, "new", 1, 2, 3)], [3, 5]),
        ([a_set(3, "old", 1, 2, rated=BOTH), a_set(5, "new", 1, 2, 3, rated=(1, 2, 3))], [5, 5]),
        ([a_set(3, "old", 1, 2), a_set(5, "new", 1, 2, 3)], [5, 5]),
        # The configuration returned to the judge before.
        ([a_set(3, "now", 1, 2, rated=BOTH), a_set(5, "between", 1, 2, rated=BOTH)], [3, 3]),
        ([a_set(3, "now", 1, 2), a_set(5, "between", 1, 2, rated=BOTH)], [5, 5]),
    ],
)
def test_the_heir_of_a_set(sets: list[RatedSet], heirs: list[int]) -> None:
    assert heirs_of(sets, "now") == heirs
    # What counts is its own heir.
    by_position = dict(zip((rated_set.position for rated_set in sets), heirs, strict=True))
    assert {by_position[heir] for heir in heirs} == set(heirs)


KNOWN: dict[str, Settings] = {
    "first": {"generate g": {"model_id": "g"}, "judge careful": {"model_id": "acme/a"}},
    "second": {"generate g": {"model_id": "g"}, "judge acme/b": {"model_id": "acme/b"}},
    "warm": {"judge careful": {"model_id": "acme/a", "temperature": 1.0}},
    "reasoning": {"generate g": {"model_id": "g", "keep_reasoning": True}, "judge careful": {"model_id": "acme/a"}},
    "without": {"generate g": {"model_id": "g"}},
}


@pytest.mark.parametrize(
    ("sets", "now", "line"),
    [
        (
            [a_set(3, "first", 1, 2, rated=BOTH), a_set(5, "second", 1, 2, rated=BOTH)],
            "second",
            "On 2 prompts the ratings of acme/b (as configured) decide: careful (acme/a) rated them too.",
        ),
        (
            [a_set(3, "first", 1, 2, rated=BOTH), a_set(5, "second", 1, 2, rated=BOTH)],
            "first",
            "On 2 prompts the ratings of careful (acme/a) (as configured) decide: acme/b rated them too.",
        ),
        (
            [a_set(3, "first", 1, 2, rated=BOTH), a_set(5, "second", 1, 2)],
            "second",
            "On 2 prompts the ratings of careful (acme/a) (of an earlier configuration) decide: acme/b gave none.",
        ),
        (
            [a_set(3, "first", 1, 2, rated=BOTH), a_set(5, "warm", 1, 2, rated=BOTH)],
            "warm",
            "On 2 prompts the ratings of careful (acme/a) (as configured) decide: "
            "careful (acme/a) with other options rated them too.",
        ),
    ],
)
def test_whose_ratings_decide_is_a_sentence(sets: list[RatedSet], now: str, line: str) -> None:
    [decision] = decisions(sets, now, KNOWN)
    assert decision.line("2 prompts") == line


@pytest.mark.parametrize(
    "sets",
    [
        [a_set(3, "first", 1, 2, rated=BOTH)],
        [a_set(3, "first", 1, 2), a_set(5, "second", 1, 2)],
        # The earlier judge gave nothing, or there was none, or the judge is the same.
        [a_set(3, "first", 1, 2), a_set(5, "second", 1, 2, rated=BOTH)],
        [a_set(3, "first", 1, 2, rated=BOTH), a_set(5, "without", 1, 2)],
        [a_set(3, "first", 1, 2, rated=BOTH), a_set(5, "reasoning", 1, 2, rated=BOTH)],
        # Other answers.
        [a_set(3, "first", 1, 2, rated=BOTH), a_set(5, "second", 1, 3, rated=(1, 3))],
    ],
)
def test_where_only_one_judge_spoke_nothing_is_said(sets: list[RatedSet]) -> None:
    assert list(decisions(sets, "second", KNOWN)) == []


def test_decisions_of_the_same_judges_are_the_same() -> None:
    sets = [a_set(3, "first", 1, 2, rated=BOTH), a_set(5, "second", 1, 2, rated=BOTH)]
    again = [rated_set._replace(position=rated_set.position + 10) for rated_set in sets]
    assert [*decisions(sets, "second", KNOWN)] == [*decisions(again, "second", KNOWN)]
    assert [*decisions(sets, "second", KNOWN)] == [Decision("acme/b", True, "careful (acme/a)", "")]
