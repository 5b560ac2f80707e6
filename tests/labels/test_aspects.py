"""What responses say of the aspects of one answer, taken together."""

from __future__ import annotations

from curation.labels import aspects_of_answer


def test_ratings_of_an_aspect_are_their_mean() -> None:
    said = [(1, {"honesty_1": ("5",), "honesty_2": ("1",)}), (2, {"honesty_1": ("1",), "honesty_2": ("4",)})]
    assert aspects_of_answer(said) == {"honesty": {"rating": 4.5, "reviewers": 2}}
    thirds = [(1, {"depth_1": (rating,)}) for rating in ("1", "2", "2")]
    assert aspects_of_answer(thirds) == {"depth": {"rating": 1.666666667, "reviewers": 3}}


def test_choices_are_shares_of_the_reviewers_who_were_asked() -> None:
    said: list[tuple[int, dict[str, tuple[str, ...]]]] = [
        (1, {"criteria_1": ("brief", "clear")}),
        (1, {"criteria_1": ("clear",)}),
        (1, {"criteria_1": ()}),
        (1, {}),
    ]
    shares = {"brief": 1 / 3, "clear": 2 / 3}
    assert aspects_of_answer(said) == {"criteria": {"shares": shares, "reviewers": 3}}


def test_what_is_said_of_the_record_or_of_another_answer_is_not_said_of_this_one() -> None:
    said = [(1, {"category": ("edge_case",), "honesty_2": ("3",), "honesty_11": ("3",), "reason": ("Because 1_1",)})]
    assert aspects_of_answer(said) == {}
    assert aspects_of_answer([]) == {}
