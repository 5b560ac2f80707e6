"""The config kto: thresholds, the order that a sequential trainer needs, and the weights that TRL asks for."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from typing import Any, NamedTuple

import polars as pl
import pytest

from curation import ids
from curation.export import (
    CompletionExporter,
    KtoWeights,
    ScoredSets,
    kto_order,
    published_table,
    suggested_weights,
    with_answers,
)
from curation.export.kto import repeats
from curation.published_rows import UnpairedPreferenceRow
from curation.schema import arrow_schema
from curation.types import HUMAN_EDIT, Candidate, Drop
from tests.rows import RECORD_ID, make_annotation, make_candidate, make_prompt, make_verdict
from tests.scored_sets import Record, make_scored, published, reasons

PROMPT = make_prompt()
ONE, TWO, THREE = (make_candidate(PROMPT, f"Text {name}.", generator=name) for name in ("one", "two", "three"))
KTO = CompletionExporter()


def test_of_equal_completions_the_best_is_a_row_and_with_both_labels_none() -> None:
    # The worst of a prompt comes first.
    answers = pl.DataFrame(
        {
            "prompt_no": [0, 0, 0, 0, 0, 0, 0, 1],
            "text": ["a", "b", " a\r\n", "c", "b", "b", "d", "c"],
            "label": [True, True, True, False, False, True, False, False],
        }
    )
    assert repeats(answers).to_list() == [
        "stands_twice",
        "both_labels",
        None,
        None,
        "both_labels",
        "both_labels",
        None,
        None,
    ]
    assert repeats(answers.clear()).to_list() == []


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
    schema = {"id": pl.String, "prompt_id": pl.String, "label": pl.Boolean}
    return [Label(*row) for row in kto_order(pl.DataFrame(rows, schema=schema, orient="row")).rows()]


def scored_record(*scores: float | None, edit: str | None = None, agreement: float | None = None) -> ScoredSets:
    """Return the scored set of a record with these scores, which Ann reviewed."""
    annotations = [make_annotation("ann", 0.0, 1.0, edit=edit)]
    verdict = make_verdict(*scores, edits=[edit] if edit else [], agreement=agreement)
    return make_scored(Record(verdict, (ONE, TWO)[: len(scores)], annotations))


def rows_of(scored: ScoredSets) -> dict[str, Any]:
    """Return the rows of scored sets by the text of their completion."""
    rows = published(KTO, scored).to_pylist()
    by_text = {row["completion"][0]["content"]: row for row in rows}
    assert len(by_text) == len(rows)
    return by_text


def labels_by_text(*records: Record, **options: Any) -> dict[str, bool]:
    return {text: row["label"] for text, row in rows_of(make_scored(*records, **options)).items()}


def test_a_row_says_everything_about_its_completion() -> None:
    rows = rows_of(scored_record(0.25, 1.0, agreement=0.5))
    assert rows["Text one."] == {
        "id": ids.row_id("kto", PROMPT.id, ONE.id),
        "prompt": [{"role": "user", "content": "Why is the sky blue?"}],
        "completion": [{"role": "assistant", "content": "Text one."}],
        "label": False,
        "prompt_id": PROMPT.id,
        "record_ids": [RECORD_ID],
        "score": 0.25,
        "model": "acme/one",
        "reviewers": 1,
        "agreement": 0.5,
        "label_source": "human",
        "source": "acme/prompts@abc",
        "language": None,
        "annotations": [{"reviewer": "NNA", "scores": [0.0], "status": "submitted"}],
    }
    assert (rows["Text two."]["label"], rows["Text two."]["annotations"][0]["scores"]) == (True, [1.0])


def test_the_columns_are_those_of_the_type_and_no_more_with_rows_and_without() -> None:
    for verdict, count in ((make_verdict(1.0, 0.0), 2), (Drop(id="r", reason="unreviewed"), 0)):
        table = published(KTO, make_scored(Record(verdict, (ONE, TWO))))
        assert (table.num_rows, table.schema) == (count, arrow_schema(UnpairedPreferenceRow))


def test_no_column_is_one_that_a_trainer_reads_as_something_else() -> None:
    traps = {"messages", "margin", "image", "images", "tools", "chat_template_kwargs", "chosen", "rejected"}
    assert not traps & set(UnpairedPreferenceRow.model_fields)


@pytest.mark.parametrize(("score", "label"), [(1.0, True), (0.51, True), (0.49, False), (0.0, False)])
def test_above_a_half_is_true_and_below_is_false(score: float, label: bool) -> None:
    scored = scored_record(score)
    assert rows_of(scored)["Text one."]["label"] is label
    assert reasons(KTO, scored) == []


def test_exactly_a_half_is_no_row_but_is_counted() -> None:
    scored = scored_record(0.5, 1.0)
    assert list(rows_of(scored)) == ["Text two."]
    assert reasons(KTO, scored) == [(0, "undecided")]
    assert reasons(KTO, scored_record(0.5, 0.5)) == [(0, "undecided"), (0, "undecided")]


def test_an_answer_that_nothing_is_known_of_is_neither_a_row_nor_undecided() -> None:
    scored = scored_record(None, 1.0)
    assert (list(rows_of(scored)), reasons(KTO, scored)) == (["Text two."], [])


@pytest.mark.parametrize("scores", [(1.0, 1.0), (0.0, 0.0)])
def test_both_good_and_both_bad_are_two_rows_with_the_same_label(scores: tuple[float, float]) -> None:
    assert [row["label"] for row in rows_of(scored_record(*scores)).values()] == [bool(scores[0])] * 2


def test_an_edit_is_a_true_row_that_its_author_scored() -> None:
    edit = rows_of(scored_record(0.0, 0.0, edit="Ann's text."))["Ann's text."]
    assert edit["id"] == ids.row_id("kto", PROMPT.id, ids.candidate_id(PROMPT.id, HUMAN_EDIT, "Ann's text."))
    assert (edit["label"], edit["score"], edit["model"]) == (True, 1.0, HUMAN_EDIT)
    assert edit["annotations"] == [{"reviewer": "NNA", "scores": [1.0], "status": "submitted"}]


def test_each_edit_of_a_record_is_scored_by_its_own_author() -> None:
    annotations = [make_annotation(name, 0.0, 0.0, edit=f"By {name}.") for name in ("ann", "bob")]
    verdict = make_verdict(0.0, 0.0, edits=["By ann.", "By bob."])
    rows = rows_of(make_scored(Record(verdict, (ONE, TWO), annotations)))
    # Bob is BOB and Ann is NNA.
    assert {text: [entry["scores"] for entry in row["annotations"]] for text, row in rows.items()} == {
        "Text one.": [[0.0], [0.0]],
        "Text two.": [[0.0], [0.0]],
        "By ann.": [[None], [1.0]],
        "By bob.": [[1.0], [None]],
    }


def pair(first: float | None, second: float | None, shown: tuple[Candidate, ...], **options: Any) -> Record:
    return Record(make_verdict(first, second, reviewers=options.pop("reviewers", 1)), shown, **options)


def test_a_completion_of_two_records_of_a_set_stands_once_with_the_label_that_all_answers_give() -> None:
    # Of three people, one says that the first answer is good.
    records = [
        pair(1.0, 0.0, (ONE, TWO), id="a", annotations=[make_annotation("ann", 1.0, 0.0)]),
        pair(
            0.0,
            1.0,
            (ONE, THREE),
            id="b",
            reviewers=2,
            annotations=[make_annotation("ann", 0.0, 1.0), make_annotation("bob", 0.0, 1.0)],
        ),
    ]
    rows = rows_of(make_scored(*records))
    assert {text: row["label"] for text, row in rows.items()} == {
        "Text one.": False,
        "Text two.": False,
        "Text three.": True,
    }
    row = rows["Text one."]
    assert row["score"] == pytest.approx(1 / 3)
    assert (row["record_ids"], row["reviewers"]) == (["a", "b"], 2)
    assert [(entry["reviewer"], entry["scores"]) for entry in row["annotations"]] == [
        ("BOB", [0.0]),
        ("NNA", [1.0]),
        ("NNA", [0.0]),
    ]
    # A row follows the records of its own answer alone.
    assert (rows["Text three."]["record_ids"], rows["Text three."]["reviewers"]) == (["b"], 2)


def test_people_decide_the_label_against_programs_and_the_judge() -> None:
    human = Record(make_verdict(0.0, 1.0), (ONE, TWO), id="human")
    judge = Record(make_verdict(1.0, 1.0, reviewers=0, label_source="judge"), (ONE, THREE), id="judge")
    rows = rows_of(make_scored(judge, human))
    assert {text: (row["label"], row["label_source"], row["record_ids"]) for text, row in rows.items()} == {
        "Text one.": (False, "human", ["human"]),
        "Text two.": (True, "human", ["human"]),
        "Text three.": (True, "judge", ["judge"]),
    }


def test_an_answer_of_several_sets_of_its_prompt_is_a_row_of_the_last() -> None:
    old = pair(1.0, 0.0, (ONE, TWO), id="old", set_name="old")
    new = pair(1.0, 0.0, (ONE, THREE), id="new", set_name="new")
    scored = make_scored(old, new)
    assert KTO.rows(scored).frame.join(scored.answers, left_on="completion", right_on="answer_no").select(
        "set_no", "text"
    ).rows() == [(0, "Text two."), (1, "Text three."), (1, "Text one.")]
    assert reasons(KTO, scored) == [(0, "answered_again")]
    assert rows_of(scored)["Text one."]["record_ids"] == ["old", "new"]


def test_a_later_set_that_gives_no_rows_at_all_takes_no_answer_from_an_earlier_one() -> None:
    old = pair(1.0, 0.0, (ONE, TWO), id="old", set_name="old")
    tie = pair(1.0, 1.0, (ONE, THREE), id="new", set_name="new")
    scored = make_scored(old, tie)
    kept = scored.answers.filter(pl.col("set_no") == 0)
    without = ScoredSets(scored.sets.head(1), kept, scored.records, scored.entries, scored.entry_scores)
    assert list(rows_of(without)) == ["Text two.", "Text one."]
    assert reasons(KTO, without) == []


def test_the_same_answer_to_two_prompts_is_two_rows() -> None:
    records = [pair(1.0, 0.0, (ONE, TWO), prompt=prompt) for prompt in (PROMPT, make_prompt("Other?"))]
    table = published(KTO, make_scored(*records))
    assert table.num_rows == len(set(table["id"].to_pylist())) == 4


def test_equal_texts_of_a_prompt_are_one_row_or_none() -> None:
    same = make_candidate(PROMPT, " Text one.\n", generator="three")
    once = make_scored(Record(make_verdict(0.75, 0.0, 1.0), (ONE, TWO, same)))
    assert {text: row["score"] for text, row in rows_of(once).items()} == {"Text two.": 0.0, " Text one.\n": 1.0}
    assert reasons(KTO, once) == [(0, "stands_twice")]
    both = make_scored(Record(make_verdict(1.0, 1.0, 0.0), (ONE, TWO, same)))
    assert list(rows_of(both)) == ["Text two."]
    assert reasons(KTO, both) == [(0, "both_labels"), (0, "both_labels")]


def test_of_equal_texts_of_two_sets_the_better_is_a_row() -> None:
    same = make_candidate(PROMPT, "Text one.", generator="three")
    old = pair(1.0, 0.0, (ONE, TWO), id="old", set_name="old")
    new = pair(0.75, 0.5, (same, THREE), id="new", set_name="new")
    rows = rows_of(make_scored(old, new))
    assert (rows["Text one."]["score"], rows["Text one."]["record_ids"]) == (1.0, ["old"])
    assert reasons(KTO, make_scored(old, new)) == [(1, "stands_twice"), (1, "undecided")]


def test_what_is_no_row_for_another_reason_takes_no_equal_text_away() -> None:
    same = make_candidate(PROMPT, "Text one. ", generator="three")
    record = Record(make_verdict(1.0, 0.0, 0.5), (ONE, TWO, same))
    assert labels_by_text(record) == {"Text one.": True, "Text two.": False}


def test_a_good_example_passes_more_checks_than_a_bad_one() -> None:
    record = pair(1.0, 0.0, (ONE, TWO))
    refusals = {"Text one.": "refusal", "Text two.": "refusal"}
    assert labels_by_text(record, faults=refusals) == {"Text two.": False}
    scored = make_scored(record, faults=refusals, faults_if_rejected={"Text two.": "pii"})
    assert rows_of(scored) == {}
    assert reasons(KTO, scored) == [(0, "pii"), (0, "refusal")]


def test_an_undecided_answer_is_held_to_no_check() -> None:
    scored = make_scored(Record(make_verdict(0.5), [ONE]), faults={"Text one.": "refusal"})
    assert reasons(KTO, scored) == [(0, "undecided")]


def test_an_answer_that_was_shown_alone_is_a_row() -> None:
    assert labels_by_text(Record(make_verdict(1.0), [ONE]), Record(make_verdict(0.0), [TWO])) == {
        "Text one.": True,
        "Text two.": False,
    }


def test_rows_stay_in_the_order_that_is_given() -> None:
    scored = make_scored(pair(1.0, 0.0, (ONE, TWO)))
    rows = with_answers(KTO, KTO.rows(scored).frame, scored)
    forth, back = (
        published_table(KTO, given, extras={}, thinking=False).to_pylist() for given in (rows, rows.reverse())
    )
    assert [row["label"] for row in forth] == [False, True]
    assert forth == back[::-1]


def test_ordering_loses_and_doubles_nothing() -> None:
    for prompts, true, false in ((0, 1, 1), (1, 1, 0), (7, 2, 1), (5, 0, 3)):
        labelled = labels(prompts, true=true, false=false)
        assert sorted(ordered(labelled)) == sorted(labelled)


def test_the_order_depends_on_the_rows_and_not_on_how_they_came() -> None:
    labelled = labels(40, true=2, false=1)
    for seed in range(5):
        assert ordered(random.Random(seed).sample(labelled, len(labelled))) == ordered(labelled)


def test_the_order_is_not_that_of_the_source() -> None:
    labelled = labels(40)
    assert [row.prompt_id for row in ordered(labelled)] != [row.prompt_id for row in labelled]


@pytest.mark.parametrize(("true", "false"), [(1, 1), (2, 1), (1, 3)])
def test_every_stretch_holds_the_labels_in_the_proportion_of_the_whole(true: int, false: int) -> None:
    label_list = [row.true for row in ordered(labels(60, true=true, false=false))]
    window = 4 * (true + false)
    for start in range(len(label_list) - window):
        assert abs(label_list[start : start + window].count(True) - 4 * true) <= 1


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
        labelled = labels_of(random.Random(seed).choices(kinds, k=prompts))
        rows = ordered(labelled)
        assert sorted(rows) == sorted(labelled)
        batches = [[row.prompt_id for row in rows[start : start + batch]] for start in range(0, len(rows), batch)]
        assert [len(set(members)) for members in batches] == [len(members) for members in batches]
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
    return min(later - earlier for of_prompt in places.values() for earlier, later in itertools.pairwise(of_prompt))


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
