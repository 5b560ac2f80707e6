"""Answers with equal scores, or scores too close to each other: what gives a row, and what a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.derive.stores import (
    EVERY,
    TRAINED,
    Store,
    chosen,
    derived,
    make_config,
    published,
)
from tests.rows import SETTINGS

pytestmark = pytest.mark.slow


def test_a_tie_is_for_kto_only_or_for_nothing(tmp_path: Path) -> None:
    store = Store()
    store.add("both_good")
    kept = derived(store, tmp_path / "kto-only")
    assert {name: kept.rows(name) for name in TRAINED} == {"dpo": 0, "kto": 2, "reward": 0, "sft": 0}
    assert {name: dict(kept.tally.dropped[name]) for name in TRAINED} == {
        "dpo": {"tie": 1}, "reward": {"tie": 1}, "sft": {"tie": 1}, "kto": {},
    }  # fmt: skip
    dropped = derived(store, tmp_path / "drop", make_config(publish={"formats": EVERY}, labels={"ties": "drop"}))
    assert {name: dropped.rows(name) for name in TRAINED} == dict.fromkeys(TRAINED, 0)
    assert {name: dict(dropped.tally.dropped[name]) for name in TRAINED} == {name: {"tie": 1} for name in TRAINED}
    assert (dropped.tally.verdicts, dropped.rows("raw")) == (1, 1)


def test_an_edit_of_a_tie_is_learnt_from_and_sft_has_lost_nothing(tmp_path: Path) -> None:
    store = Store()
    store.add("both_good", edit="Better.")
    result = derived(store, tmp_path)
    assert {name: dict(result.tally.dropped[name]) for name in ("dpo", "sft")} == {"dpo": {"tie": 1}, "sft": {}}
    assert [row["messages"][-1]["content"] for row in published(tmp_path / "out", "sft")] == ["Better."]


@pytest.mark.parametrize("resolver", ["majority", "mean", "unanimous", "dawid-skene"])
def test_both_good_and_an_edit_is_a_tie_whatever_the_resolver(tmp_path: Path, resolver: str) -> None:
    store = Store()
    for _ in range(10):
        store.add(*["both_good"] * 3, edit="Better.")
        store.add(*"aaa")
        store.add(*"bbb")
    options = {"resolver": resolver, "ties": "drop", **({"force": True} if resolver == "dawid-skene" else {})}
    config = make_config(publish={"formats": ["dpo", "kto", "raw"], "min_gap": 0, "test_size": 0}, labels=options)
    result = derived(store, tmp_path, config)
    assert {name: dict(result.tally.dropped[name]) for name in ("dpo", "kto")} == {
        "dpo": {"tie": 10},
        "kto": {"tie": 10},
    }
    assert (result.rows("dpo"), result.rows("kto")) == (20, 40)


def test_an_edit_of_a_tie_is_no_tie(tmp_path: Path) -> None:
    store = Store()
    store.add("both_bad", texts=["One.", "Two."], edit="One!")
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY}, labels={"ties": "drop"}))
    [dpo], [sft] = (published(tmp_path / "out", name) for name in ("dpo", "sft"))
    assert chosen(dpo)[0] == sft["messages"][-1]["content"] == "One!"
    assert sft["edit_similarity"] == pytest.approx(0.75)
    assert {row["label"] for row in published(tmp_path / "out", "kto")} == {True, False}
    assert result.tally.models == {("g0", "acme/g0", SETTINGS): 1, ("g1", "acme/g1", SETTINGS): 1}
    [raw] = published(tmp_path / "out", "raw")
    assert raw["candidates"][-1]["edit_of"] == store.sets[0].candidates[0].id


def test_what_a_record_is_dropped_for_is_its_only_reason(tmp_path: Path) -> None:
    store = Store()
    store.add("a", "b")
    config = make_config(publish={"formats": EVERY}, labels={"resolver": "mean", "ties": "drop"})
    result = derived(store, tmp_path, config)
    assert {name: dict(result.tally.dropped[name]) for name in TRAINED} == {name: {"tie": 1} for name in TRAINED}


def test_the_margin_is_in_reward_if_it_is_asked_for(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    derived(store, tmp_path, make_config(publish={"formats": EVERY, "margin": True}))
    assert published(tmp_path / "out", "reward")[0]["margin"] == 1.0
    assert "margin" not in published(tmp_path / "out", "dpo")[0]


def test_a_gap_that_is_too_small_is_a_reason(tmp_path: Path) -> None:
    store = Store()
    store.add("a", "a", "both_good")
    config = make_config(publish={"formats": EVERY, "min_gap": 0.7}, labels={"resolver": "mean"})
    result = derived(store, tmp_path, config)
    assert {name: dict(result.tally.dropped[name]) for name in TRAINED} == {
        "dpo": {"gap": 1}, "reward": {"gap": 1}, "sft": {"gap": 1}, "kto": {},
    }  # fmt: skip
    assert [row["agreement"] for row in published(tmp_path / "out", "kto")] == [pytest.approx(2 / 3)] * 2


def test_a_gap_is_what_it_looks_like_in_decimals(tmp_path: Path) -> None:
    store = Store()
    # 3 of 5 against 2 of 5: 0.6 - 0.4 is 0.19999999999999996.
    store.add("a", "a", "a", "b", "b")
    config = make_config(publish={"formats": EVERY, "min_gap": 0.2}, labels={"resolver": "mean"})
    derived(store, tmp_path, config)
    assert [row["score_gap"] for row in published(tmp_path / "out", "dpo")] == [0.2]


def test_an_answer_of_exactly_a_half_is_undecided_in_kto(tmp_path: Path) -> None:
    store = Store()
    store.add("both_good", "b")
    result = derived(store, tmp_path, make_config(publish={"formats": EVERY}, labels={"resolver": "mean"}))
    assert (result.rows("kto"), dict(result.tally.dropped["kto"])) == (1, {"undecided": 1})


def best_and_worst(folder: Path, store: Store) -> tuple[str, str]:
    derived(store, folder, make_config(publish={"formats": EVERY}, labels={"resolver": "mean"}))
    [row] = published(folder / "out", "dpo")
    return chosen(row)


@pytest.mark.parametrize(
    ("ratings", "best"),
    [
        ((4.0, 2.0), "One."),
        ((2.0, 4.0), "Two."),
        # No rating counts as 3, the middle of the scale.
        ((None, 2.0), "One."),
        ((None, 4.0), "Two."),
        ((4.0, None), "One."),
        ((2.0, None), "Two."),
    ],
)
def test_of_equally_good_answers_that_with_the_higher_rating_is_chosen(
    tmp_path: Path, ratings: tuple[float | None, float | None], best: str
) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.", "Bad.", ratings=(*ratings, 5.0))
    store.show(candidate_set, 0, 2, answers={"ann": "a"})
    store.show(candidate_set, 1, 2, answers={"ann": "a"})
    assert best_and_worst(tmp_path, store) == (best, "Bad.")


@pytest.mark.parametrize(
    ("ratings", "worst"), [((4.0, 2.0), "Two."), ((2.0, 4.0), "One."), ((None, 2.0), "Two."), ((None, 4.0), "One.")]
)
def test_of_equally_bad_answers_that_with_the_lower_rating_is_rejected(
    tmp_path: Path, ratings: tuple[float | None, float | None], worst: str
) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.", "Good.", ratings=(*ratings, 1.0))
    store.show(candidate_set, 2, 0, answers={"ann": "a"})
    store.show(candidate_set, 2, 1, answers={"ann": "a"})
    assert best_and_worst(tmp_path, store) == ("Good.", worst)


def test_of_equally_scored_and_rated_answers_the_ids_decide(tmp_path: Path) -> None:
    store = Store()
    candidate_set = store.add_set("One.", "Two.", "Bad.", "Worse.")
    for places in ((0, 2), (1, 3)):
        store.show(candidate_set, *places, answers={"ann": "a"})
    one, two, bad, worse = candidate_set.candidates
    best = max(one, two, key=lambda candidate: candidate.id)
    worst = min(bad, worse, key=lambda candidate: candidate.id)
    assert best_and_worst(tmp_path, store) == (best.text, worst.text)


def test_an_edit_is_chosen_before_an_equally_good_answer_whatever_the_rating(tmp_path: Path) -> None:
    store = Store()
    store.add("a", texts=["Good.", "Bad."], ratings=(5.0, 1.0), edit="Good!")
    assert best_and_worst(tmp_path, store) == ("Good!", "Bad.")
