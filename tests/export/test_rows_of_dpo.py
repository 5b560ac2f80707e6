"""The configs dpo and reward: which answers stand against which, what is dropped, who said what under a pseudonym."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from curation import ids
from curation.export import PairExporter, PairsPerPrompt, ScoredSets, published_table, with_answers
from curation.published_rows import PreferenceRow
from curation.schema import arrow_schema
from curation.types import HUMAN_EDIT, Annotation, Candidate, Drop, LabelSource, Verdict
from tests.rows import RECORD_ID, make_annotation, make_candidate, make_prompt, make_verdict
from tests.scored_sets import Record, make_scored, no_faults, published, reasons

PROMPT = make_prompt()
ONE, TWO, THREE = (make_candidate(PROMPT, f"Text {name}.", generator=name) for name in ("one", "two", "three"))
EDIT_ID = ids.candidate_id(PROMPT.id, HUMAN_EDIT, "Ann's text.")
ANN = make_annotation("ann", 0.0, 1.0, edit="Ann's text.")


def exporter(
    min_gap: float = 0.25,
    pairs: PairsPerPrompt = "best-worst",
    *,
    margin: bool = False,
    faults: Callable[[pl.Series, pl.Series], pl.Series] = no_faults,
) -> PairExporter:
    return PairExporter("reward" if margin else "dpo", min_gap, faults, pairs, margin)


def scored_record(
    verdict: Verdict | Drop,
    candidates: Sequence[Candidate] = (ONE, TWO),
    annotations: Sequence[Annotation] = (),
    **options: Any,
) -> ScoredSets:
    return make_scored(Record(verdict, candidates, annotations), **options)


def texts_of(table: pa.Table) -> list[tuple[str, str]]:
    """Return the texts of chosen and rejected of each row."""
    return [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in table.to_pylist()]


def paired(scored: ScoredSets, **options: Any) -> list[tuple[str, str]]:
    return texts_of(published(exporter(**options), scored))


def row_of(scored: ScoredSets, pairs: PairExporter | None = None) -> Mapping[str, Any]:
    [row] = published(pairs or exporter(), scored).to_pylist()
    return dict(row)


def test_a_row_says_everything_about_its_pair() -> None:
    verdict = make_verdict(0.0, 1.0, agreement=0.75)
    assert row_of(scored_record(verdict, annotations=[make_annotation("ann", 0.0, 1.0)])) == {
        "id": ids.row_id("dpo", PROMPT.id, TWO.id, ONE.id),
        "prompt": [{"role": "user", "content": "Why is the sky blue?"}],
        "chosen": [{"role": "assistant", "content": "Text two."}],
        "rejected": [{"role": "assistant", "content": "Text one."}],
        "prompt_id": PROMPT.id,
        "record_ids": [RECORD_ID],
        "chosen_score": 1.0,
        "rejected_score": 0.0,
        "score_gap": 1.0,
        "chosen_model": "acme/two",
        "rejected_model": "acme/one",
        "reviewers": 1,
        "agreement": 0.75,
        "label_source": "human",
        "source": "acme/prompts@abc",
        "language": None,
        "annotations": [{"reviewer": "NNA", "scores": [1.0, 0.0], "status": "submitted"}],
    }


def test_the_columns_are_those_of_the_type_and_no_more_with_rows_and_without() -> None:
    table = published(exporter(), scored_record(make_verdict(0.0, 1.0)))
    empty = published(exporter(), scored_record(make_verdict(1.0, 1.0)))
    nothing = published(exporter(), scored_record(Drop(id="r", reason="unreviewed")))
    assert table.schema == empty.schema == nothing.schema == arrow_schema(PreferenceRow)
    assert (empty.num_rows, nothing.num_rows) == (0, 0)


def test_no_column_is_one_that_a_trainer_reads_as_something_else() -> None:
    traps = {"messages", "label", "margin", "image", "images", "tools", "chat_template_kwargs", "completion"}
    assert not traps & set(PreferenceRow.model_fields)


def test_the_margin_is_there_only_if_asked_for_and_is_the_gap() -> None:
    scored = scored_record(make_verdict(0.25, 1.0))
    reward = exporter(margin=True)
    assert "margin" not in row_of(scored, replace(reward, margin=False))
    row = row_of(scored, reward)
    assert row["margin"] == row["score_gap"] == 0.75
    assert published(reward, scored).schema.field("margin").nullable is False


def test_the_same_pair_has_another_id_in_reward_and_all_else_the_same() -> None:
    scored = scored_record(make_verdict(0.0, 1.0))
    dpo, reward = (dict(row_of(scored, replace(exporter(), name=name))) for name in ("dpo", "reward"))
    assert reward.pop("id") == ids.row_id("reward", PROMPT.id, TWO.id, ONE.id) != dpo.pop("id")
    assert dpo == reward


def test_the_id_of_a_row_does_not_depend_on_which_record_or_set_gave_it() -> None:
    first = scored_record(make_verdict(0.0, 1.0))
    second = make_scored(Record(make_verdict(1.0, 0.0), (TWO, ONE), id="another", set_name="another"))
    assert row_of(first)["id"] == row_of(second)["id"]


@pytest.mark.parametrize(
    ("scores", "texts"),
    [
        ((1.0, 0.0, 0.5), ("Text one.", "Text three.")),
        ((0.2, 0.9, 0.1), ("Text three.", "Text two.")),
        ((0.9, 0.2, 1.0), ("Text two.", "Text three.")),
        ((None, 0.2, 1.0), ("Text two.", "Text three.")),
        ((1.0, None, 0.5), ("Text one.", "Text two.")),
    ],
)
def test_the_best_stands_against_the_worst(scores: tuple[float | None, ...], texts: tuple[str, str]) -> None:
    assert paired(scored_record(make_verdict(*scores), (ONE, THREE, TWO))) == [texts]


@pytest.mark.slow
def test_which_of_two_equals_is_taken_depends_on_their_ids_and_not_on_their_places() -> None:
    # The greater id is the better answer.
    low, high = sorted((ONE, TWO), key=lambda candidate: candidate.id)
    for shown in ((low, high, THREE), (high, low, THREE)):
        assert paired(scored_record(make_verdict(1.0, 1.0, 0.0), shown)) == [(high.text, "Text three.")]
        assert paired(scored_record(make_verdict(0.0, 0.0, 1.0), shown)) == [("Text three.", low.text)]


@pytest.mark.slow
@pytest.mark.parametrize("ratings", [(5.0, 4.0), (4.0, None), (None, 2.0), (2.0, 1.0)])
def test_of_two_equals_the_one_that_the_judge_rated_higher_is_better(ratings: tuple[float | None, ...]) -> None:
    for high, low in ((ONE, TWO), (TWO, ONE)):
        shown = [
            *(
                candidate.model_copy(update={"rating": rating})
                for candidate, rating in zip((high, low), ratings, strict=True)
            ),
            THREE,
        ]
        assert paired(scored_record(make_verdict(1.0, 1.0, 0.0), shown)) == [(high.text, "Text three.")]
        assert paired(scored_record(make_verdict(0.0, 0.0, 1.0), shown)) == [("Text three.", low.text)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scores", "min_gap", "reason"),
    [
        ((0.5, 0.25), 0.25, None),
        ((0.5, 0.26), 0.25, "gap"),
        ((1.0, 1.0), 0.25, "tie"),
        ((0.0, 0.0), 0.25, "tie"),
        ((0.5, 0.5), 0.0, "tie"),
        ((0.5, 0.49), 0.0, None),
        ((1.0, 0.0), 1.0, None),
        ((0.99, 0.0), 1.0, "gap"),
        # 0.6 - 0.4 is 0.19999999999999996.
        ((0.6, 0.4), 0.2, None),
        ((None, 0.4), 0.2, "one_score"),
        ((1.0, None), 0.0, "one_score"),
    ],
)
@pytest.mark.parametrize("pairs", ["best-worst", "all"])
def test_scores_closer_than_the_gap_and_ties_are_dropped(
    scores: tuple[float | None, ...], min_gap: float, reason: str | None, pairs: PairsPerPrompt
) -> None:
    scored, chosen = scored_record(make_verdict(*scores)), exporter(min_gap, pairs)
    assert reasons(chosen, scored) == ([] if reason is None else [(0, reason)])
    assert published(chosen, scored).num_rows == (reason is None)


def test_a_set_without_a_score_is_not_counted_among_those_that_gave_no_pair() -> None:
    dropped = Record(Drop(id="r", reason="draw"), (ONE, TWO))
    tie = Record(make_verdict(1.0, 1.0), (ONE, TWO), prompt=make_prompt("Other?"))
    assert reasons(exporter(), make_scored(dropped, tie)) == [(1, "tie")]


def test_all_pairs_are_those_that_are_far_enough_apart_each_once_and_the_better_first() -> None:
    scored = scored_record(make_verdict(0.5, 1.0, 0.4), (ONE, TWO, THREE))
    table = published(exporter(0.2, "all"), scored)
    assert sorted(zip(texts_of(table), table["score_gap"].to_pylist(), strict=True)) == [
        (("Text two.", "Text one."), 0.5),
        (("Text two.", "Text three."), 0.6),
    ]
    every = published(exporter(0.0, "all"), scored)
    assert sorted(texts_of(every)) == [
        ("Text one.", "Text three."),
        ("Text two.", "Text one."),
        ("Text two.", "Text three."),
    ]
    assert len(set(every["id"].to_pylist())) == 3


def test_all_pairs_leave_out_the_ties_among_them() -> None:
    scored = scored_record(make_verdict(1.0, 1.0, 0.0), (ONE, TWO, THREE))
    assert sorted(paired(scored, pairs="all")) == [("Text one.", "Text three."), ("Text two.", "Text three.")]
    assert reasons(exporter(pairs="all"), scored) == []


def test_an_edit_wins_over_the_candidate_it_ties_with() -> None:
    for scores, candidates in (((1.0, 0.0), (ONE, TWO)), ((0.0, 1.0), (TWO, ONE))):
        # However well the judge rated that.
        rated = [candidate.model_copy(update={"rating": 5.0}) for candidate in candidates]
        scored = scored_record(make_verdict(*scores, edits=["Ann's text."]), rated, [ANN])
        assert paired(scored) == [("Ann's text.", "Text two.")]


def test_an_edit_of_two_bad_answers_gives_the_row_that_they_alone_could_not_and_one_of_two_good_none() -> None:
    bad = scored_record(make_verdict(0.0, 0.0, edits=["Ann's text."]), annotations=[ANN])
    assert paired(bad)[0][0] == "Ann's text."
    good = scored_record(make_verdict(1.0, 1.0, edits=["Ann's text."]), annotations=[ANN])
    assert paired(good, min_gap=0.0) == []
    assert reasons(exporter(0.0), good) == [(0, "tie")]


def test_an_edit_stands_against_every_worse_candidate_and_is_never_rejected() -> None:
    scored = scored_record(make_verdict(0.5, 0.0, edits=["Ann's text."]), annotations=[ANN])
    assert sorted(paired(scored, pairs="all")) == [
        ("Ann's text.", "Text one."),
        ("Ann's text.", "Text two."),
        ("Text one.", "Text two."),
    ]


def test_the_row_of_an_edit_says_whose_it_is() -> None:
    row = row_of(scored_record(make_verdict(0.0, 1.0, edits=["Ann's text."]), annotations=[ANN]))
    assert row["id"] == ids.row_id("dpo", PROMPT.id, EDIT_ID, ONE.id)
    assert (row["chosen_model"], row["rejected_model"], row["chosen_score"]) == (HUMAN_EDIT, "acme/one", 1.0)


@pytest.mark.parametrize("pairs", ["best-worst", "all"])
def test_a_faulty_edit_falls_out_alone_and_the_sound_pair_beneath_it_stays(pairs: PairsPerPrompt) -> None:
    verdict = make_verdict(0.0, 1.0, edits=["Ann's text."])
    scored = scored_record(verdict, annotations=[ANN], faults={"Ann's text.": "pii"})
    assert paired(scored, pairs=pairs) == [("Text two.", "Text one.")]


@pytest.mark.parametrize("scores", [(0.0, 0.0), (1.0, 1.0), (0.0, None)])
def test_where_a_faulty_edit_leaves_no_pair_its_fault_is_why(scores: tuple[float | None, ...]) -> None:
    verdict = make_verdict(*scores, edits=["Ann's text."])
    scored = scored_record(verdict, annotations=[ANN], faults={"Ann's text.": "pii"})
    assert paired(scored) == []
    assert reasons(exporter(), scored) == [(0, "pii")]


@pytest.mark.slow
def test_a_chosen_answer_passes_the_checks_of_good_examples_and_a_rejected_one_those_of_bad_ones() -> None:
    scored = scored_record(make_verdict(0.0, 1.0), faults={"Text one.": "refusal"})
    assert paired(scored) == [("Text two.", "Text one.")]
    good_refused, bad_personal = {"Text two.": "refusal"}, {"Text one.": "pii"}
    for of_good, of_bad, reason in (
        (good_refused, {}, "refusal"),
        (bad_personal, bad_personal, "pii"),
        (good_refused, bad_personal, "refusal"),
    ):
        scored = scored_record(make_verdict(0.0, 1.0), faults=of_good, faults_if_rejected=of_bad)
        assert paired(scored) == []
        assert reasons(exporter(), scored) == [(0, reason)]


def test_a_pair_passes_the_checks_of_pairs() -> None:
    def faults(chosen: pl.Series, rejected: pl.Series) -> pl.Series:
        is_long = (chosen == "Text two.") & (rejected == "Text three.")
        return pl.Series(["length_ratio" if long else None for long in is_long], dtype=pl.String)

    scored = scored_record(make_verdict(0.5, 1.0, 0.0), (ONE, TWO, THREE))
    assert sorted(paired(scored, pairs="all", faults=faults)) == [
        ("Text one.", "Text three."),
        ("Text two.", "Text one."),
    ]
    assert reasons(exporter(pairs="all", faults=faults), scored) == [(0, "length_ratio")]
    assert reasons(exporter(faults=faults), scored) == [(0, "length_ratio")]


def test_a_pair_of_two_sets_of_its_prompt_stands_in_the_later_one_alone() -> None:
    old = Record(make_verdict(1.0, 0.0), (ONE, TWO), id="old", set_name="old")
    new = Record(make_verdict(1.0, 0.0), (ONE, TWO), id="new", set_name="new")
    scored = make_scored(old, new)
    assert published(exporter(), scored)["record_ids"].to_pylist() == [["old", "new"]]
    assert reasons(exporter(), scored) == [(0, "stands_twice")]
    assert exporter().rows(scored).frame["set_no"].to_list() == [1]
    wider = Record(make_verdict(1.0, 0.0, 0.5), (ONE, TWO, THREE), id="wider", set_name="wider")
    assert sorted(paired(make_scored(old, wider), pairs="all")) == [
        ("Text one.", "Text three."),
        ("Text one.", "Text two."),
        ("Text three.", "Text two."),
    ]


def test_the_same_pair_of_two_prompts_is_two_rows() -> None:
    other = make_prompt("Other?")
    records = [Record(make_verdict(1.0, 0.0), (ONE, TWO), prompt=prompt) for prompt in (PROMPT, other)]
    table = published(exporter(), make_scored(*records))
    assert table["prompt_id"].to_pylist() == [PROMPT.id, other.id]
    assert len(set(table["id"].to_pylist())) == 2


def thumbs(*verdicts: Verdict, names: Sequence[str] = ("first", "second")) -> ScoredSets:
    """Return the scored set of two records that show one completion each, which Ann and Bob, then Ann and Eva saw."""
    annotations = [
        [make_annotation("bob", 1.0), make_annotation("ann", 0.0)],
        [make_annotation("eva", 0.0), make_annotation("ann", 0.0), make_annotation("joe", status="draft")],
    ]
    records = zip(verdicts, (ONE, TWO), annotations, names, strict=True)
    return make_scored(*(Record(verdict, [shown], by, id=name) for verdict, shown, by, name in records))


def test_answers_of_two_records_of_a_set_are_a_pair_that_follows_both() -> None:
    first, second = (make_verdict(score, reviewers=2, agreement=0.5) for score in (1.0, 0.0))
    row = row_of(thumbs(first, second))
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("Text one.", "Text two.")
    assert row["record_ids"] == ["first", "second"]
    # Ann answered twice, and Joe's draft does not count.
    assert (row["reviewers"], row["agreement"], row["label_source"]) == (3, 0.5, "human")
    assert row["annotations"] == [
        {"reviewer": "AVE", "scores": [None, 0.0], "status": "submitted"},
        {"reviewer": "BOB", "scores": [1.0, None], "status": "submitted"},
        {"reviewer": "EOJ", "scores": [None, None], "status": "draft"},
        {"reviewer": "NNA", "scores": [0.0, None], "status": "submitted"},
        {"reviewer": "NNA", "scores": [None, 0.0], "status": "submitted"},
    ]


@pytest.mark.parametrize(
    ("of_first", "of_second", "agreement"),
    [
        # (2 x 1 + 6 x 0.5) / 8
        ((2, 1.0), (6, 0.5), 0.625),
        ((2, 1.0), (1, None), 1.0),
        ((1, None), (4, 0.75), 0.75),
        ((1, None), (1, None), None),
    ],
)
def test_the_agreement_of_several_records_is_their_mean_by_how_many_people_answered(
    of_first: tuple[int, float | None], of_second: tuple[int, float | None], agreement: float | None
) -> None:
    verdicts = [
        make_verdict(score, reviewers=people, agreement=share)
        for score, (people, share) in ((1.0, of_first), (0.0, of_second))
    ]
    assert row_of(thumbs(*verdicts))["agreement"] == agreement


@pytest.mark.parametrize(
    ("of_first", "of_second", "expected"),
    [
        ("human", "human", "human"),
        ("human", "simulated", "simulated"),
        ("judge", "simulated", "judge"),
        ("judge", "human", "judge"),
    ],
)
def test_a_row_is_labelled_by_the_lesser_of_those_whom_it_needs(
    of_first: LabelSource, of_second: LabelSource, expected: LabelSource
) -> None:
    verdicts = make_verdict(1.0, label_source=of_first), make_verdict(0.0, label_source=of_second)
    assert row_of(thumbs(*verdicts))["label_source"] == expected


def annotations_of(*annotations: Annotation, edits: Sequence[str] = ()) -> list[tuple[str, list[float | None], str]]:
    row = row_of(scored_record(make_verdict(0.0, 1.0, edits=edits), annotations=annotations))
    return [(entry["reviewer"], entry["scores"], entry["status"]) for entry in row["annotations"]]


def test_annotations_are_aligned_with_chosen_and_rejected_and_sorted_by_pseudonym() -> None:
    assert annotations_of(make_annotation("ann", 0.0, 1.0), make_annotation("eva", 1.0, 0.0)) == [
        ("AVE", [0.0, 1.0], "submitted"),
        ("NNA", [1.0, 0.0], "submitted"),
    ]


def test_drafts_and_discards_are_published_without_scores_and_do_not_count() -> None:
    annotations = (
        make_annotation("ann", 0.0, 1.0),
        make_annotation("bob", status="discarded"),
        make_annotation("joe", status="draft"),
    )
    assert annotations_of(*annotations)[:2] == [("BOB", [None, None], "discarded"), ("EOJ", [None, None], "draft")]
    assert row_of(scored_record(make_verdict(0.0, 1.0), annotations=annotations))["reviewers"] == 1


def test_only_its_authors_score_an_edit() -> None:
    annotations = (
        make_annotation("ann", 0.0, 1.0, edit=" Ann's text. "),
        make_annotation("bob", 1.0, 0.0, edit="Ann's text.\r\n"),
        make_annotation("eva", 0.0, 1.0, edit="Another text."),
    )
    assert annotations_of(*annotations, edits=["Ann's text."]) == [
        ("AVE", [None, 0.0], "submitted"),
        ("BOB", [1.0, 1.0], "submitted"),
        ("NNA", [1.0, 0.0], "submitted"),
    ]


def test_a_record_that_nobody_answered_has_no_annotations() -> None:
    judged = make_verdict(0.0, 1.0, reviewers=0, label_source="judge")
    row = row_of(scored_record(judged))
    assert (row["annotations"], row["reviewers"], row["label_source"]) == ([], 0, "judge")


def test_no_username_is_in_a_row() -> None:
    name = "ann-the-annotator"
    annotations = [make_annotation(name, 1.0, 0.0, edit="Better.")]
    table = published(exporter(), scored_record(make_verdict(1.0, 0.0, edits=["Better."]), annotations=annotations))
    assert table.num_rows == 1
    assert name not in str(table.to_pylist())


def test_rows_of_several_prompts_have_each_their_own_in_the_order_that_is_given() -> None:
    prompts = [make_prompt(f"Question {number}?") for number in range(3)]
    records = [
        Record(
            make_verdict(1.0, 0.0),
            [make_candidate(prompt, f"{prompt.id} {side}", generator=side) for side in "ab"],
            [make_annotation(name, 1.0, 0.0)],
            id=f"of-{name}",
            prompt=prompt,
        )
        for prompt, name in zip(prompts, ("ann", "bob", "eva"), strict=True)
    ]
    scored = make_scored(*records, languages=["en", None, "de"])
    rows = with_answers(exporter(), exporter().rows(scored).frame, scored).reverse()
    table = published_table(exporter(), rows, extras={}, thinking=False).to_pylist()
    assert [(row["prompt"][0]["content"], row["prompt_id"], row["language"]) for row in table] == [
        ("Question 2?", prompts[2].id, "de"),
        ("Question 1?", prompts[1].id, None),
        ("Question 0?", prompts[0].id, "en"),
    ]
    assert [(row["chosen"][0]["content"], row["record_ids"], row["annotations"][0]["reviewer"]) for row in table] == [
        (f"{prompts[2].id} a", ["of-eva"], "AVE"),
        (f"{prompts[1].id} a", ["of-bob"], "BOB"),
        (f"{prompts[0].id} a", ["of-ann"], "NNA"),
    ]
