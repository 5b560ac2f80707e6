"""DPO rows: best against worst, what is dropped, and who said what under a pseudonym."""

from __future__ import annotations

import pytest

from curation import ids
from curation.export import preference_row
from curation.types import HUMAN_EDIT, Annotation, Candidate, Drop, PreferenceRow, Verdict
from tests.rows import make_annotation, make_candidate, make_prompt, make_verdict

PROMPT = make_prompt()
ONE, TWO, THREE = (make_candidate(PROMPT, f"Text {name}.", generator=name) for name in ("one", "two", "three"))
EDIT = make_candidate(PROMPT, "Ann's text.", generator=HUMAN_EDIT).model_copy(update={"model": HUMAN_EDIT})


def pseudonym(reviewer: str) -> str:
    return f"reviewer-{reviewer[::-1]}"


def row(verdict: Verdict, *, min_gap: float = 0.25) -> PreferenceRow | Drop:
    return preference_row(verdict, min_gap=min_gap, pseudonym=pseudonym)


def pair(verdict: Verdict, *, min_gap: float = 0.25) -> tuple[str, str]:
    found = row(verdict, min_gap=min_gap)
    assert isinstance(found, PreferenceRow), found
    return found.chosen[0].content, found.rejected[0].content


def test_a_row_says_everything_about_its_pair() -> None:
    verdict = make_verdict((ONE, 0.0), (TWO, 1.0), annotations=[make_annotation("ann", 0.0, 1.0)], agreement=0.75)
    found = row(verdict)
    assert isinstance(found, PreferenceRow)
    assert found.model_dump() == {
        "id": ids.row_id("dpo", verdict.record_id, TWO.id, ONE.id),
        "prompt": ({"role": "user", "content": "Why is the sky blue?"},),
        "chosen": ({"role": "assistant", "content": "Text two."},),
        "rejected": ({"role": "assistant", "content": "Text one."},),
        "prompt_id": PROMPT.id,
        "record_id": verdict.record_id,
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
        "annotations": ({"reviewer": "reviewer-nna", "scores": (1.0, 0.0), "status": "submitted"},),
    }


def test_no_column_is_one_that_a_trainer_reads_as_something_else() -> None:
    traps = {"messages", "label", "margin", "image", "images", "tools", "chat_template_kwargs", "completion"}
    assert not traps & set(PreferenceRow.model_fields)


@pytest.mark.parametrize(
    ("scores", "texts"),
    [
        ((1.0, 0.0, 0.5), ("Text one.", "Text three.")),
        ((0.2, 0.9, 0.1), ("Text three.", "Text two.")),
        ((0.9, 0.2, 1.0), ("Text two.", "Text three.")),
    ],
)
def test_the_best_stands_against_the_worst(scores: tuple[float, float, float], texts: tuple[str, str]) -> None:
    assert pair(make_verdict(*zip((ONE, THREE, TWO), scores, strict=True))) == texts


def test_which_of_two_equals_is_chosen_depends_on_their_ids_alone() -> None:
    forth = pair(make_verdict((ONE, 1.0), (TWO, 1.0), (THREE, 0.0)))
    back = pair(make_verdict((THREE, 0.0), (TWO, 1.0), (ONE, 1.0)))
    assert forth == back


@pytest.mark.parametrize(
    ("scores", "min_gap", "dropped"),
    [
        ((0.5, 0.25), 0.25, False),
        ((0.5, 0.26), 0.25, True),
        ((1.0, 1.0), 0.25, True),
        ((0.0, 0.0), 0.25, True),
        ((0.5, 0.5), 0.0, True),
        ((0.5, 0.49), 0.0, False),
        ((1.0, 0.0), 1.0, False),
    ],
)
def test_scores_closer_than_the_gap_and_ties_are_dropped(
    scores: tuple[float, float], min_gap: float, dropped: bool
) -> None:
    verdict = make_verdict((ONE, scores[0]), (TWO, scores[1]))
    found = row(verdict, min_gap=min_gap)
    assert isinstance(found, Drop) is dropped
    if dropped:
        assert found == Drop(id=verdict.record_id, reason="gap")


@pytest.mark.parametrize("same", ["Text one.", " Text one.\r\n"])
def test_two_texts_that_are_the_same_are_no_pair(same: str) -> None:
    verdict = make_verdict((ONE, 1.0), (make_candidate(PROMPT, same, generator="two"), 0.0))
    assert row(verdict) == Drop(id=verdict.record_id, reason="identical")


def test_an_edit_wins_over_the_candidate_it_ties_with() -> None:
    assert pair(make_verdict((ONE, 1.0), (TWO, 0.0), (EDIT, 1.0))) == ("Ann's text.", "Text two.")
    assert pair(make_verdict((EDIT, 1.0), (TWO, 0.0), (ONE, 1.0))) == ("Ann's text.", "Text two.")


def test_an_edit_of_two_good_or_two_bad_answers_gives_the_row_that_they_alone_could_not() -> None:
    assert pair(make_verdict((ONE, 0.0), (TWO, 0.0), (EDIT, 1.0)))[0] == "Ann's text."
    good = row(make_verdict((ONE, 1.0), (TWO, 1.0), (EDIT, 1.0)))
    assert isinstance(good, Drop)
    assert good.reason == "gap"


def published(*said: Annotation, candidates: tuple[Candidate, ...] = (ONE, TWO)) -> list[tuple[object, ...]]:
    scores = [*zip(candidates, (0.0, 1.0), strict=False), *((extra, 1.0) for extra in candidates[2:])]
    found = row(make_verdict(*scores, annotations=said))
    assert isinstance(found, PreferenceRow)
    return [(entry.reviewer, entry.scores, entry.status) for entry in found.annotations]


def test_annotations_are_aligned_with_chosen_and_rejected_and_sorted_by_pseudonym() -> None:
    assert published(make_annotation("ann", 0.0, 1.0), make_annotation("eva", 1.0, 0.0)) == [
        ("reviewer-ave", (0.0, 1.0), "submitted"),
        ("reviewer-nna", (1.0, 0.0), "submitted"),
    ]


def test_drafts_and_discards_are_published_without_scores() -> None:
    said = (make_annotation("ann", 0.0, 1.0), make_annotation("bob", status="discarded"))
    assert published(*said)[0] == ("reviewer-bob", (None, None), "discarded")


def test_only_its_author_scores_an_edit() -> None:
    said = (make_annotation("ann", 0.0, 1.0, edit=" Ann's text. "), make_annotation("eva", 0.0, 1.0))
    assert published(*said, candidates=(ONE, TWO, EDIT)) == [
        ("reviewer-ave", (None, 0.0), "submitted"),
        ("reviewer-nna", (1.0, 0.0), "submitted"),
    ]


def test_no_username_is_in_a_row() -> None:
    verdict = make_verdict((ONE, 1.0), (TWO, 0.0), annotations=[make_annotation("ann-the-annotator", 1.0, 0.0)])
    found = preference_row(verdict, min_gap=0.25, pseudonym=lambda name: ids.pseudonym("key", name))
    assert isinstance(found, PreferenceRow)
    assert "ann-the-annotator" not in found.model_dump_json()
