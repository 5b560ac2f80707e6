"""The config kto: thresholds, the order that a sequential trainer needs, and the weights that TRL asks for."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from curation import ids
from curation.export import KtoWeights, completions_of, kto_order, repeats, suggested_weights, undecided, unpaired_table
from curation.schema import arrow_schema
from curation.types import HUMAN_EDIT, UnpairedPreferenceRow
from tests.rows import (
    RECORD_ID,
    Record,
    make_annotation,
    make_candidate,
    make_columns,
    make_prompt,
    make_resolved,
    make_verdict,
)

PROMPT = make_prompt()
ONE, TWO = (make_candidate(PROMPT, f"Text {name}.", generator=name) for name in ("one", "two"))


def test_of_equal_completions_the_first_is_a_row_and_with_both_labels_none() -> None:
    keys = ["a", "b", "a", "c", "b", "b", "d"]
    labels = [True, True, True, False, False, True, False]
    assert repeats(keys, labels) == [None, "both_labels", "stands_twice", None, "both_labels", "both_labels", None]
    assert repeats([], []) == []


class Label(NamedTuple):
    """What the order of a row depends on."""

    row_id: str
    prompt_id: str
    true: bool


def labels(prompts: int, *, true: int = 1, false: int = 1) -> list[Label]:
    """Return this many true and false rows for each of so many prompts."""
    return labels_of([(true, false)] * prompts)


def labels_of(counts: Iterable[tuple[int, int]]) -> list[Label]:
    """Return the rows of one prompt for each pair: how many are true, how many false."""
    return [
        Label(ids.row_id("kto", prompt, str(position)), prompt, position < true)
        for number, (true, false) in enumerate(counts)
        for prompt in [make_prompt(f"Question {number}").id]
        for position in range(true + false)
    ]


def ordered(rows: list[Label]) -> list[Label]:
    columns = [*zip(*rows, strict=True)] or [(), (), ()]
    kinds = (pa.string(), pa.string(), pa.bool_())
    return [rows[place] for place in kto_order(*map(pa.array, columns, kinds))]


def found(
    *scores: float | None, edits: tuple[str, ...] = (), agreement: float | None = None
) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of a record with these scores, which Ann reviewed, and how many answers are undecided."""
    said = [make_annotation("ann", 0.0, 1.0, edit=edits[0] if edits else None)]
    record = Record(make_verdict(*scores, edits=edits, agreement=agreement), (ONE, TWO)[: len(scores)], said)
    resolved = make_resolved(record)
    columns = make_columns(record, pseudonyms={"ann": "ANN"})
    table = unpaired_table(completions_of(resolved), columns)
    return table.to_pylist(), len(undecided(resolved))


def test_a_row_says_everything_about_its_completion() -> None:
    rows, _ = found(0.25, 1.0, agreement=0.5)
    assert rows[0] == {
        "id": ids.row_id("kto", RECORD_ID, ONE.id),
        "prompt": [{"role": "user", "content": "Why is the sky blue?"}],
        "completion": [{"role": "assistant", "content": "Text one."}],
        "label": False,
        "prompt_id": PROMPT.id,
        "record_id": RECORD_ID,
        "score": 0.25,
        "model": "acme/one",
        "reviewers": 1,
        "agreement": 0.5,
        "label_source": "human",
        "source": "acme/prompts@abc",
        "language": None,
        "annotations": [{"reviewer": "ANN", "scores": [0.0], "status": "submitted"}],
    }
    assert (rows[1]["label"], rows[1]["annotations"][0]["scores"]) == (True, [1.0])


def test_the_columns_are_those_of_the_type_and_no_more_with_rows_and_without() -> None:
    record = Record(make_verdict(1.0, 0.0), (ONE, TWO))
    for records in ([], [record]):
        resolved = make_resolved(*records)
        table = unpaired_table(completions_of(resolved), make_columns(*records))
        assert (table.num_rows, table.schema) == (2 * len(records), arrow_schema(UnpairedPreferenceRow))


def test_no_column_is_one_that_a_trainer_reads_as_something_else() -> None:
    traps = {"messages", "margin", "image", "images", "tools", "chat_template_kwargs", "chosen", "rejected"}
    assert not traps & set(UnpairedPreferenceRow.model_fields)


@pytest.mark.parametrize(("score", "label"), [(1.0, True), (0.51, True), (0.49, False), (0.0, False)])
def test_above_a_half_is_true_and_below_is_false(score: float, label: bool) -> None:
    [row], between = found(score)
    assert row["label"] is label
    assert between == 0


def test_exactly_a_half_is_no_row_but_is_counted() -> None:
    [row], between = found(0.5, 1.0)
    assert row["completion"][0]["content"] == "Text two."
    assert between == 1


def test_an_answer_that_nothing_is_known_of_is_neither_a_row_nor_undecided() -> None:
    rows, between = found(None, 1.0)
    assert (len(rows), between) == (1, 0)


@pytest.mark.parametrize("scores", [(1.0, 1.0), (0.0, 0.0)])
def test_both_good_and_both_bad_are_two_rows_with_the_same_label(scores: tuple[float, float]) -> None:
    assert [row["label"] for row in found(*scores)[0]] == [bool(scores[0])] * 2


def test_an_edit_is_a_true_row_that_its_author_scored() -> None:
    edit = found(0.0, 0.0, edits=("Ann's text.",))[0][-1]
    assert edit["id"] == ids.row_id("kto", edit["record_id"], ids.candidate_id(PROMPT.id, HUMAN_EDIT, "Ann's text."))
    assert (edit["label"], edit["score"], edit["model"]) == (True, 1.0, HUMAN_EDIT)
    assert edit["completion"] == [{"role": "assistant", "content": "Ann's text."}]
    assert edit["annotations"] == [{"reviewer": "ANN", "scores": [1.0], "status": "submitted"}]


def test_each_edit_of_a_record_is_scored_by_its_own_author() -> None:
    said = [make_annotation(name, 0.0, 0.0, edit=f"By {name}.") for name in ("ann", "bob")]
    record = Record(make_verdict(0.0, 0.0, edits=["By ann.", "By bob."]), (ONE, TWO), said)
    columns = make_columns(record, pseudonyms={"ann": "ANN", "bob": "BOB"})
    rows = unpaired_table(completions_of(make_resolved(record)), columns).to_pylist()
    scores = {row["completion"][0]["content"]: [one["scores"] for one in row["annotations"]] for row in rows}
    assert scores == {
        "Text one.": [[0.0], [0.0]],
        "Text two.": [[0.0], [0.0]],
        "By ann.": [[1.0], [None]],
        "By bob.": [[None], [1.0]],
    }


def test_rows_stay_in_the_order_that_is_given() -> None:
    record = Record(make_verdict(1.0, 0.0), (ONE, TWO))
    resolved, columns = make_resolved(record), make_columns(record)
    completions = completions_of(resolved)
    forth, back = (unpaired_table(completions.where(order), columns).to_pylist() for order in ([0, 1], [1, 0]))
    assert forth == back[::-1]


def test_ordering_loses_and_doubles_nothing() -> None:
    for prompts, true, false in ((0, 1, 1), (1, 1, 0), (7, 2, 1), (5, 0, 3)):
        made = labels(prompts, true=true, false=false)
        assert sorted(ordered(made)) == sorted(made)


def test_the_order_depends_on_the_rows_and_not_on_how_they_came() -> None:
    made = labels(40, true=2, false=1)
    for seed in range(5):
        assert ordered(random.Random(seed).sample(made, len(made))) == ordered(made)


def test_the_order_is_not_that_of_the_source() -> None:
    made = labels(40)
    assert [row.prompt_id for row in ordered(made)] != [row.prompt_id for row in made]


@pytest.mark.parametrize(("true", "false"), [(1, 1), (2, 1), (1, 3)])
def test_every_stretch_holds_the_labels_in_the_proportion_of_the_whole(true: int, false: int) -> None:
    found = [row.true for row in ordered(labels(60, true=true, false=false))]
    window = 4 * (true + false)
    for start in range(len(found) - window):
        assert abs(found[start : start + window].count(True) - 4 * true) <= 1


@pytest.mark.parametrize(("true", "false"), [(1, 1), (2, 0), (2, 1), (1, 2)])
def test_the_rows_of_one_prompt_are_far_apart(true: int, false: int) -> None:
    rows = ordered(labels(50, true=true, false=false))
    assert smallest_gap(rows) >= len(rows) // 8


def test_the_rows_of_one_prompt_are_far_apart_when_answers_of_all_kinds_meet() -> None:
    kinds = [(1, 1), (1, 1), (1, 1), (2, 0), (0, 2), (2, 1), (1, 2)]
    for seed in range(10):
        rows = ordered(labels_of(random.Random(seed).choices(kinds, k=100)))
        assert smallest_gap(rows) >= len(rows) // 8


@pytest.mark.slow
@pytest.mark.parametrize(("prompts", "batch"), [(20, 4), (40, 8), (300, 8)])
def test_no_batch_has_a_prompt_twice_where_prompts_are_few(prompts: int, batch: int) -> None:
    # A third row of a prompt is an edit; most rows are true.
    kinds = [(1, 1), (1, 1), (2, 0), (0, 2), (1, 0), (2, 1), (2, 1), (3, 0)]
    for seed in range(50):
        made = labels_of(random.Random(seed).choices(kinds, k=prompts))
        rows = ordered(made)
        assert sorted(rows) == sorted(made)
        batches = [[row.prompt_id for row in rows[start : start + batch]] for start in range(0, len(rows), batch)]
        assert [len(set(found)) for found in batches] == [len(found) for found in batches]
        share = sum(row.true for row in rows) / len(rows)
        assert all(
            abs(sum(row.true for row in rows[start : start + batch]) - batch * share) <= 1.5
            for start in range(len(rows) - batch)
        )


def test_a_prompt_with_most_of_the_rows_is_spread_as_far_as_it_goes() -> None:
    prompts = [row.prompt_id for row in ordered(labels_of([(12, 0), *[(1, 1)] * 6]))]
    most = max(prompts, key=prompts.count)
    assert [prompts[start : start + 8].count(most) for start in (0, 8, 16)] == [4, 4, 4]


def smallest_gap(rows: list[Label]) -> int:
    """Return the least number of rows from one row of a prompt to the next of it."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
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
