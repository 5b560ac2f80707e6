"""The configs dpo and reward: which answers stand against which, what is dropped, who said what under a pseudonym."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from curation import ids
from curation.export import pairs_of, preference_table, without_pair
from curation.export.dpo import PairsPerPrompt
from curation.schema import arrow_schema
from curation.types import HUMAN_EDIT, Annotation, Candidate, PreferenceRow, Verdict
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
ONE, TWO, THREE = (make_candidate(PROMPT, f"Text {name}.", generator=name) for name in ("one", "two", "three"))
EDIT_ID = ids.candidate_id(PROMPT.id, HUMAN_EDIT, "Ann's text.")
ANN = make_annotation("ann", 0.0, 1.0, edit="Ann's text.")


class Found:
    """What a verdict gives: pairs or the reason for none, and their rows."""

    def __init__(
        self,
        verdict: Verdict,
        candidates: Sequence[Candidate],
        annotations: Sequence[Annotation] = (),
        *,
        min_gap: float = 0.25,
        pairs: PairsPerPrompt = "best-worst",
    ) -> None:
        record = Record(verdict, candidates, annotations)
        self.resolved = make_resolved(record)
        self.pairs = pairs_of(self.resolved, min_gap=min_gap, pairs=pairs)
        self.reason = without_pair(self.pairs).get(0)
        pseudonyms = {one.reviewer: f"reviewer-{one.reviewer[::-1]}" for one in annotations}
        self.columns = make_columns(record, pseudonyms=pseudonyms)

    @property
    def said(self) -> list[tuple[str, str]]:
        texts = self.columns.texts.to_pylist()
        sides = [self.resolved.row[answers].tolist() for answers in self.pairs.answers]
        return [(texts[chosen], texts[rejected]) for chosen, rejected in zip(*sides, strict=True)]

    def table(self, **options: Any) -> Any:
        return preference_table(self.pairs, self.columns, **options)

    def row(self, **options: Any) -> dict[str, Any]:
        [row] = self.table(**options).to_pylist()
        return dict(row)


def test_a_row_says_everything_about_its_pair() -> None:
    verdict = make_verdict(0.0, 1.0, agreement=0.75)
    assert Found(verdict, (ONE, TWO), [make_annotation("ann", 0.0, 1.0)]).row() == {
        "id": ids.row_id("dpo", RECORD_ID, TWO.id, ONE.id),
        "prompt": [{"role": "user", "content": "Why is the sky blue?"}],
        "chosen": [{"role": "assistant", "content": "Text two."}],
        "rejected": [{"role": "assistant", "content": "Text one."}],
        "prompt_id": PROMPT.id,
        "record_id": RECORD_ID,
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
        "annotations": [{"reviewer": "reviewer-nna", "scores": [1.0, 0.0], "status": "submitted"}],
    }


def test_the_columns_are_those_of_the_type_and_no_more_with_rows_and_without() -> None:
    found = Found(make_verdict(0.0, 1.0), (ONE, TWO))
    empty = preference_table(pairs_of(make_resolved(), min_gap=0.25), make_columns())
    assert found.table().schema == empty.schema == arrow_schema(PreferenceRow)
    assert empty.num_rows == 0


def test_no_column_is_one_that_a_trainer_reads_as_something_else() -> None:
    traps = {"messages", "label", "margin", "image", "images", "tools", "chat_template_kwargs", "completion"}
    assert not traps & set(PreferenceRow.model_fields)


def test_the_margin_is_there_only_if_asked_for_and_is_the_gap() -> None:
    found = Found(make_verdict(0.25, 1.0), (ONE, TWO))
    assert "margin" not in found.row(config="reward")
    row = found.row(config="reward", margin=True)
    assert row["margin"] == row["score_gap"] == 0.75
    assert found.table(margin=True).schema.field("margin").nullable is False


def test_the_same_pair_has_another_id_in_reward_and_all_else_the_same() -> None:
    found = Found(make_verdict(0.0, 1.0), (ONE, TWO))
    dpo, reward = found.row(), found.row(config="reward")
    assert reward.pop("id") == ids.row_id("reward", dpo["record_id"], TWO.id, ONE.id) != dpo.pop("id")
    assert dpo == reward


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
    assert Found(make_verdict(*scores), (ONE, THREE, TWO)).said == [texts]


def test_which_of_two_equals_is_taken_depends_on_their_ids_alone() -> None:
    for scores in ((1.0, 1.0, 0.0), (1.0, 0.0, 0.0)):
        forth = Found(make_verdict(*scores), (ONE, TWO, THREE))
        back = Found(make_verdict(*reversed(scores)), (THREE, TWO, ONE))
        assert forth.said == back.said


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
    ],
)
@pytest.mark.parametrize("pairs", ["best-worst", "all"])
def test_scores_closer_than_the_gap_and_ties_are_dropped(
    scores: tuple[float, float], min_gap: float, reason: str | None, pairs: PairsPerPrompt
) -> None:
    found = Found(make_verdict(*scores), (ONE, TWO), min_gap=min_gap, pairs=pairs)
    assert found.reason == reason
    assert len(found.said) == (reason is None)


def test_all_pairs_are_those_that_are_far_enough_apart_each_once_and_the_better_first() -> None:
    found = Found(make_verdict(0.5, 1.0, 0.4), (ONE, TWO, THREE), pairs="all", min_gap=0.2)
    assert sorted(found.said) == [("Text two.", "Text one."), ("Text two.", "Text three.")]
    assert [row["score_gap"] for row in found.table().to_pylist()] == [0.5, 0.6]
    every = Found(make_verdict(0.5, 1.0, 0.4), (ONE, TWO, THREE), pairs="all", min_gap=0.0)
    assert sorted(every.said) == [
        ("Text one.", "Text three."),
        ("Text two.", "Text one."),
        ("Text two.", "Text three."),
    ]
    assert len({row["id"] for row in every.table().to_pylist()}) == 3


def test_all_pairs_leave_out_the_ties_among_them() -> None:
    found = Found(make_verdict(1.0, 1.0, 0.0), (ONE, TWO, THREE), pairs="all")
    assert sorted(found.said) == [("Text one.", "Text three."), ("Text two.", "Text three.")]


def test_an_edit_wins_over_the_candidate_it_ties_with() -> None:
    for scores, candidates in (((1.0, 0.0), (ONE, TWO)), ((0.0, 1.0), (TWO, ONE))):
        found = Found(make_verdict(*scores, edits=["Ann's text."]), candidates, [ANN])
        assert found.said == [("Ann's text.", "Text two.")]


def test_an_edit_of_two_good_or_two_bad_answers_gives_the_row_that_they_alone_could_not() -> None:
    bad = Found(make_verdict(0.0, 0.0, edits=["Ann's text."]), (ONE, TWO), [ANN])
    assert bad.said[0][0] == "Ann's text."
    good = Found(make_verdict(1.0, 1.0, edits=["Ann's text."]), (ONE, TWO), [ANN])
    assert good.reason == "tie"


def test_an_edit_stands_against_every_worse_candidate_and_is_never_rejected() -> None:
    found = Found(make_verdict(0.5, 0.0, edits=["Ann's text."]), (ONE, TWO), [ANN], pairs="all")
    assert sorted(found.said) == [
        ("Ann's text.", "Text one."),
        ("Ann's text.", "Text two."),
        ("Text one.", "Text two."),
    ]


def test_the_row_of_an_edit_says_whose_it_is() -> None:
    found = Found(make_verdict(0.0, 1.0, edits=["Ann's text."]), (ONE, TWO), [ANN])
    row = found.row()
    assert row["id"] == ids.row_id("dpo", row["record_id"], EDIT_ID, ONE.id)
    assert (row["chosen_model"], row["rejected_model"], row["chosen_score"]) == (HUMAN_EDIT, "acme/one", 1.0)


def published(
    *said: Annotation, candidates: tuple[Candidate, ...] = (ONE, TWO), edits: Sequence[str] = ()
) -> list[tuple[object, ...]]:
    row = Found(make_verdict(0.0, 1.0, edits=edits), candidates, said).row()
    return [(entry["reviewer"], entry["scores"], entry["status"]) for entry in row["annotations"]]


def test_annotations_are_aligned_with_chosen_and_rejected_and_sorted_by_pseudonym() -> None:
    assert published(make_annotation("ann", 0.0, 1.0), make_annotation("eva", 1.0, 0.0)) == [
        ("reviewer-ave", [0.0, 1.0], "submitted"),
        ("reviewer-nna", [1.0, 0.0], "submitted"),
    ]


def test_drafts_and_discards_are_published_without_scores() -> None:
    said = (make_annotation("ann", 0.0, 1.0), make_annotation("bob", status="discarded"))
    assert published(*said)[0] == ("reviewer-bob", [None, None], "discarded")


def test_only_its_authors_score_an_edit() -> None:
    said = (
        make_annotation("ann", 0.0, 1.0, edit=" Ann's text. "),
        make_annotation("bob", 1.0, 0.0, edit="Ann's text.\r\n"),
        make_annotation("eva", 0.0, 1.0, edit="Another text."),
    )
    assert published(*said, edits=["Ann's text."]) == [
        ("reviewer-ave", [None, 0.0], "submitted"),
        ("reviewer-bob", [1.0, 1.0], "submitted"),
        ("reviewer-nna", [1.0, 0.0], "submitted"),
    ]


def test_a_record_that_nobody_answered_has_no_annotations() -> None:
    assert published() == []


def test_no_username_is_in_a_row() -> None:
    name = "ann-the-annotator"
    found = Found(make_verdict(1.0, 0.0), (ONE, TWO), [make_annotation(name, 1.0, 0.0)])
    columns = replace(found.columns, pseudonyms={name: ids.pseudonym("key", name)})
    assert name not in str(preference_table(found.pairs, columns).to_pylist())


def test_rows_of_several_prompts_have_each_their_own() -> None:
    prompts = [make_prompt(f"Question {number}?") for number in range(3)]
    candidates = [
        [make_candidate(prompt, f"{prompt.id} {name}", generator=name) for name in "ab"] for prompt in prompts
    ]
    records = [
        Record(make_verdict(1.0, 0.0), shown, [make_annotation(name, 1.0, 0.0)], prompt.id, prompt)
        for prompt, shown, name in zip(prompts, candidates, ("ann", "bob", "eva"), strict=True)
    ]
    pairs = pairs_of(make_resolved(*records), min_gap=0.25).where([2, 1, 0])
    columns = make_columns(
        *records, languages=["en", None, "de"], pseudonyms={name: name.upper() for name in ("ann", "bob", "eva")}
    )
    rows = preference_table(pairs, columns).to_pylist()
    assert [(row["prompt"][0]["content"], row["prompt_id"], row["language"]) for row in rows] == [
        ("Question 2?", prompts[2].id, "de"),
        ("Question 1?", prompts[1].id, None),
        ("Question 0?", prompts[0].id, "en"),
    ]
    assert [(row["chosen"][0]["content"], row["annotations"][0]["reviewer"]) for row in rows] == [
        (f"{prompts[2].id} a", "EVA"),
        (f"{prompts[1].id} a", "BOB"),
        (f"{prompts[0].id} a", "ANN"),
    ]
