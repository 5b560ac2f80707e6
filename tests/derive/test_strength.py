"""By how much an answer is better: grades as scores, as the column `strength`, and as HelpSteer3 has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.config import Config
from curation.labels import MeanResolver
from curation.review.pairwise import STRENGTHS
from tests.derive.stores import EVERY, Store, chosen, derived, make_config, published, rows_of

JUDGE = {"type": "ultrafeedback", "model_id": "j"}


def graded(**sections: dict[str, Any]) -> Config:
    defaults: dict[str, dict[str, Any]] = {"review": {"scale": 7}, "publish": {"formats": EVERY, "min_gap": 0.1}}
    return make_config(**{**defaults, **sections})


def pair(tmp_path: Path, *preferences: str, **options: Any) -> dict[str, Any]:
    """Return the only row of dpo of a record that is answered so."""
    store = Store()
    store.add(*preferences, **options)
    derived(store, tmp_path, graded())
    [row] = published(tmp_path / "out", "dpo")
    return row


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preferences", "first_chosen", "scores", "gap", "strength"),
    [
        (["a_slightly"], True, (2 / 3, 1 / 3), 1 / 3, 1.0),
        (["b_clearly"], False, (5 / 6, 1 / 6), 2 / 3, 2.0),
        (["a_much", "a_slightly"], True, (5 / 6, 1 / 6), 2 / 3, 2.0),
        # 3 and -1 are 1 in the mean.
        (["a_much", "b_slightly"], True, (2 / 3, 1 / 3), 1 / 3, 1.0),
        (["b_much", "b_much", "same"], False, (5 / 6, 1 / 6), 2 / 3, 2.0),
        # Who calls both bad says nothing of how much better one is: (5/6 + 0) / 2 and (1/6 + 0) / 2.
        (["a_clearly", "both_bad"], True, (5 / 12, 1 / 12), 1 / 3, 2.0),
    ],
)
def test_a_pair_has_the_mean_strength_and_a_third_of_it_is_the_gap_unless_both_are_bad(
    tmp_path: Path,
    preferences: list[str],
    first_chosen: bool,
    scores: tuple[float, float],
    gap: float,
    strength: float,
) -> None:
    row = pair(tmp_path, *preferences)
    assert chosen(row) == (("0: Answer 0.", "0: Answer 1.") if first_chosen else ("0: Answer 1.", "0: Answer 0."))
    assert (row["chosen_score"], row["rejected_score"]) == pytest.approx(scores)
    assert row["score_gap"] == pytest.approx(gap)
    assert row["strength"] == pytest.approx(strength)
    if "both_bad" not in preferences:
        assert row["strength"] == pytest.approx(3 * row["score_gap"])


def test_the_margin_of_reward_carries_the_strength(tmp_path: Path) -> None:
    store = Store()
    store.add("a_slightly")
    store.add("a_much")
    derived(store, tmp_path, graded(publish={"formats": ["reward"], "margin": True}))
    rows = published(tmp_path / "out", "reward")
    assert sorted((round(row["margin"], 6), row["strength"]) for row in rows) == [(0.333333, 1.0), (1.0, 3.0)]


@pytest.mark.slow
def test_raw_has_the_strength_of_each_response_for_the_first_of_what_was_shown(tmp_path: Path) -> None:
    store = Store()
    record = store.add("b_clearly", "same", "both_bad")
    derived(store, tmp_path, graded())
    [raw] = rows_of(tmp_path)["raw"]
    entries = raw["annotations"]
    assert sorted((entry["strength"] for entry in entries), key=str) == [-2, 0, None]
    assert {tuple(entry["shown"]) for entry in entries} == {record.candidates}


@pytest.mark.slow
def test_a_pair_that_nobody_graded_has_no_strength(tmp_path: Path) -> None:
    # An answer on the scale of four, from before the scale was changed; an edit; the judge's ratings.
    assert pair(tmp_path / "four", "a")["strength"] is None
    assert pair(tmp_path / "edit", "a_slightly", edit="Better.")["strength"] is None
    store = Store()
    store.add(ratings=(5.0, 1.0))
    config = graded(judge=JUDGE, labels={"judge_fallback": True})
    derived(store, tmp_path / "judge", config)
    assert [row["strength"] for row in published(tmp_path / "judge" / "out", "dpo")] == [None]


@pytest.mark.slow
def test_on_the_scale_of_four_there_is_no_column_for_it(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    store.add("a_slightly")
    derived(store, tmp_path, make_config(publish={"formats": EVERY, "min_gap": 0.1}))
    rows = published(tmp_path / "out", "dpo")
    assert len(rows) == 2
    assert not [row for row in rows if "strength" in row]


@pytest.mark.slow
def test_slightly_better_is_good_and_bad_to_kto_and_about_the_same_is_neither(tmp_path: Path) -> None:
    store = Store()
    store.add("a_slightly")
    store.add("same")
    result = derived(store, tmp_path, graded())
    labels = {row["completion"][0]["content"]: row["label"] for row in published(tmp_path / "out", "kto")}
    assert labels == {"0: Answer 0.": True, "0: Answer 1.": False}
    assert dict(result.tally.dropped["kto"]) == {"undecided": 2}


def test_graded_answers_have_an_order_and_their_mean_is_the_default() -> None:
    assert isinstance(make_config(review={"scale": 7}).labels, MeanResolver)
    assert isinstance(make_config(review={"scale": 7}, labels={"ties": "drop"}).labels, MeanResolver)


HELPSTEER3: list[dict[str, Any]] = [
    {"individual_preference": [{"score": -3}, {"score": -2}, {"score": -2}], "overall_preference": -2},
    {"individual_preference": [{"score": 1}, {"score": 2}, {"score": 2}], "overall_preference": 2},
    {"individual_preference": [{"score": 3}, {"score": 3}], "overall_preference": 3},
    {"individual_preference": [{"score": -1}, {"score": 0}, {"score": 1}], "overall_preference": 0},
    {"individual_preference": [{"score": 1}, {"score": 0}, {"score": 0}], "overall_preference": 0},
    {"individual_preference": [{"score": -1}, {"score": -1}, {"score": 1}], "overall_preference": 0},
    {"individual_preference": [{"score": -1}], "overall_preference": -1},
]
"""Made-up rows in the layout of HelpSteer3's preferences (hf.co/datasets/nvidia/HelpSteer3): up to three annotators
each give a whole number from -3 (response 1 is much better) over 0 (about the same) to 3 (response 2 is much better).
The overall preference is their mean, rounded (arXiv 2505.11475, 2410.01257)."""


@pytest.mark.slow
def test_the_overall_preference_of_helpsteer3_follows_from_the_individual_ones(tmp_path: Path) -> None:
    answers = {strength: answer for answer, strength in STRENGTHS.items()}
    store = Store()
    for row in HELPSTEER3:
        # Response 1 is A, and a positive strength says that A is better.
        store.add(*(answers[-one["score"]] for one in row["individual_preference"]))
    derived(store, tmp_path, graded())
    expected = {record.set_id: row["overall_preference"] for record, row in zip(store.records, HELPSTEER3, strict=True)}
    scores = {
        row["set_id"]: [candidate["score"] for candidate in row["candidates"]] for row in rows_of(tmp_path)["raw"]
    }
    assert {set_id: round(3 * (second - first)) for set_id, (first, second) in scores.items()} == expected
    # And so do the rows of dpo that there are.
    of_prompt = {one.prompt.id: (one, expected[one.id]) for one in store.sets}
    rows = published(tmp_path / "out", "dpo")
    assert len(rows) == 6
    for row in rows:
        candidate_set, overall = of_prompt[row["prompt_id"]]
        first_is_chosen = row["chosen"][0]["content"] == candidate_set.candidates[0].text
        assert round(row["strength"]) == (-overall if first_is_chosen else overall)
