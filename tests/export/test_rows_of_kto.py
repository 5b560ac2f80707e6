"""KTO rows: thresholds, the order that a sequential trainer needs, and the weights that TRL asks for."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

import pytest

from curation import ids
from curation.export import KtoWeights, kto_order, suggested_weights, unpaired_rows
from curation.types import Drop, UnpairedPreferenceRow
from tests.rows import make_annotation, make_candidate, make_prompt, make_verdict

PROMPT = make_prompt()
ONE, TWO = (make_candidate(PROMPT, f"Text {name}.", generator=name) for name in ("one", "two"))


def rows(prompts: int, *, true: int = 1, false: int = 1) -> list[UnpairedPreferenceRow]:
    """Return this many true and false rows for each of so many prompts."""
    return rows_of([(true, false)] * prompts)


def rows_of(labels: Iterable[tuple[int, int]]) -> list[UnpairedPreferenceRow]:
    """Return the rows of one prompt for each pair: how many are true, how many false."""
    made = []
    for number, (true, false) in enumerate(labels):
        prompt = make_prompt(f"Question {number}")
        scores = [
            (make_candidate(prompt, f"Answer {position}.", generator=f"g{position}"), float(position < true))
            for position in range(true + false)
        ]
        made += [
            row
            for row in unpaired_rows(make_verdict(*scores, prompt=prompt), pseudonym=str)
            if isinstance(row, UnpairedPreferenceRow)
        ]
    return made


def test_a_row_says_everything_about_its_completion() -> None:
    verdict = make_verdict((ONE, 0.25), (TWO, 1.0), annotations=[make_annotation("ann", 0.0, 1.0)], agreement=0.5)
    found = list(unpaired_rows(verdict, pseudonym=str.upper))
    assert isinstance(found[0], UnpairedPreferenceRow)
    assert found[0].model_dump() == {
        "id": ids.row_id("kto", verdict.record_id, ONE.id),
        "prompt": ({"role": "user", "content": "Why is the sky blue?"},),
        "completion": ({"role": "assistant", "content": "Text one."},),
        "label": False,
        "prompt_id": PROMPT.id,
        "record_id": verdict.record_id,
        "score": 0.25,
        "model": "acme/one",
        "reviewers": 1,
        "agreement": 0.5,
        "label_source": "human",
        "source": "acme/prompts@abc",
        "language": None,
        "annotations": ({"reviewer": "ANN", "scores": (0.0,), "status": "submitted"},),
    }


def test_no_column_is_one_that_a_trainer_reads_as_something_else() -> None:
    traps = {"messages", "margin", "image", "images", "tools", "chat_template_kwargs", "chosen", "rejected"}
    assert not traps & set(UnpairedPreferenceRow.model_fields)


@pytest.mark.parametrize(("score", "label"), [(1.0, True), (0.51, True), (0.49, False), (0.0, False)])
def test_above_a_half_is_true_and_below_is_false(score: float, label: bool) -> None:
    [row] = unpaired_rows(make_verdict((ONE, score)), pseudonym=str)
    assert isinstance(row, UnpairedPreferenceRow)
    assert row.label is label


def test_exactly_a_half_is_no_row() -> None:
    undecided, decided = unpaired_rows(make_verdict((ONE, 0.5), (TWO, 1.0)), pseudonym=str)
    assert undecided == Drop(id=ONE.id, reason="undecided")
    assert isinstance(decided, UnpairedPreferenceRow)


@pytest.mark.parametrize("scores", [(1.0, 1.0), (0.0, 0.0)])
def test_both_good_and_both_bad_are_two_rows_with_the_same_label(scores: tuple[float, float]) -> None:
    found = list(unpaired_rows(make_verdict((ONE, scores[0]), (TWO, scores[1])), pseudonym=str))
    assert [row.label for row in found if isinstance(row, UnpairedPreferenceRow)] == [bool(scores[0])] * 2


def test_ordering_loses_and_doubles_nothing() -> None:
    for prompts, true, false in ((0, 1, 1), (1, 1, 0), (7, 2, 1), (5, 0, 3)):
        made = rows(prompts, true=true, false=false)
        assert sorted(row.id for row in kto_order(made)) == sorted(row.id for row in made)


def test_the_order_depends_on_the_rows_and_not_on_how_they_came() -> None:
    made = rows(40, true=2, false=1)
    mixed = random.Random(1).sample(made, len(made))
    assert kto_order(mixed) == kto_order(made)


def test_the_order_is_not_that_of_the_source() -> None:
    made = rows(40)
    assert [row.prompt_id for row in kto_order(made)] != [row.prompt_id for row in made]


@pytest.mark.parametrize(("true", "false"), [(1, 1), (2, 1), (1, 3)])
def test_every_stretch_holds_the_labels_in_the_proportion_of_the_whole(true: int, false: int) -> None:
    labels = [row.label for row in kto_order(rows(60, true=true, false=false))]
    window = 4 * (true + false)
    for start in range(len(labels) - window):
        assert abs(labels[start : start + window].count(True) - 4 * true) <= 1


@pytest.mark.parametrize(("true", "false"), [(1, 1), (2, 0), (2, 1), (1, 2)])
def test_the_rows_of_one_prompt_are_far_apart(true: int, false: int) -> None:
    ordered = kto_order(rows(50, true=true, false=false))
    assert smallest_gap(ordered) >= len(ordered) // 8


def test_the_rows_of_one_prompt_are_far_apart_when_answers_of_all_kinds_meet() -> None:
    kinds = [(1, 1), (1, 1), (1, 1), (2, 0), (0, 2), (2, 1), (1, 2)]
    for seed in range(10):
        ordered = kto_order(rows_of(random.Random(seed).choices(kinds, k=100)))
        assert smallest_gap(ordered) >= len(ordered) // 8


def smallest_gap(ordered: list[UnpairedPreferenceRow]) -> int:
    """Return the least number of rows from one row of a prompt to the next of it."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(ordered):
        places.setdefault(row.prompt_id, []).append(place)
    return min(later - earlier for found in places.values() for earlier, later in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("true", "false", "weights"),
    [
        (100, 100, (1.0, 1.0)),
        (50, 100, (2.0, 1.0)),
        (30, 100, (3.3333, 1.0)),
        (120, 100, (1.0, 1.0)),
        (133, 100, (1.0, 1.0)),
        (134, 100, (1.0, 1.34)),
        (200, 100, (1.0, 2.0)),
        (1, 1, (1.0, 1.0)),
    ],
)
def test_the_suggested_weights_balance_the_labels(true: int, false: int, weights: tuple[float, float]) -> None:
    assert suggested_weights(true, false) == KtoWeights(*weights)


def test_the_suggested_weights_keep_trls_rule_for_any_counts() -> None:
    # TRL: desirable_weight x desirable to undesirable_weight x undesirable lies between 1:1 and 4:3.
    for true, false in itertools.product(range(1, 60), range(1, 60)):
        weights = suggested_weights(true, false)
        assert weights.desirable is not None
        assert weights.undesirable is not None
        ratio = weights.desirable * true / (weights.undesirable * false)
        assert 1 - 1e-3 <= ratio <= 4 / 3 + 1e-3
        assert 1.0 in (weights.desirable, weights.undesirable)


@pytest.mark.parametrize(("true", "false"), [(0, 0), (5, 0), (0, 5)])
def test_no_weight_mends_a_missing_label(true: int, false: int) -> None:
    assert suggested_weights(true, false) == KtoWeights(None, None)
