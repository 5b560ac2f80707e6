"""What `push` says of gold."""

from __future__ import annotations

from curation.gold import PushedGold


def gold(**counts: int) -> PushedGold:
    nothing = dict.fromkeys(("records", "added", "waiting", "lacking", "retired", "calibration"), 0)
    return PushedGold(**nothing | counts, min_submitted=2)


def test_without_gold_nothing_is_said() -> None:
    assert not list(gold().lines(records=100, added=100))


def test_it_says_how_many_there_are_and_what_is_missing() -> None:
    lines = list(gold(records=3, added=2, lacking=1, retired=1, calibration=2).lines(records=60, added=20))
    assert lines == [
        "3 gold records among them (5 %), 2 new, 1 whose line is gone were removed.",
        "The first 2 are gold for everyone who opens this link: without it Argilla shows each reviewer an order of "
        "their own. It shows a record to 2 reviewers (min_submitted under [review]).",
        "The gold file is short of 1 line for the gold_share under [review].",
    ]


def test_gold_that_comes_alone_is_told_apart_by_its_time() -> None:
    alone, among = gold(records=3, added=2), gold(records=3, added=2)
    assert "the time at which they came tells them apart" in list(alone.lines(records=60, added=2))[-1]
    assert len(list(among.lines(records=60, added=3))) == 1
