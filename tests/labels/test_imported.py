"""Labels that answers came with: as verdicts, and against what people say."""

from __future__ import annotations

import pytest

from curation.labels import agrees, imported_verdict
from curation.labels.imported import imported_lines
from curation.review_statistics import Difference, ImportedAgreement, Measure
from curation.types import Drop, Scores, Verdict


@pytest.mark.parametrize("scores", [(1.0, 0.0), (0.5, 0.5), (1.0, None, 0.25), (0.0,)])
def test_labels_are_scores_of_nobody(scores: Scores) -> None:
    verdict = imported_verdict("r", scores)
    assert verdict == Verdict(scores=scores, reviewers=0, agreement=None, label_source="imported")


@pytest.mark.parametrize("scores", [(None, None), (1.0, None), (None,)])
def test_without_labels_there_is_no_verdict(scores: Scores) -> None:
    assert imported_verdict("r", scores) == Drop(id="r", reason="no_imported_label")


@pytest.mark.parametrize(
    ("imported", "scores", "expected"),
    [
        ((1.0, 0.0), (1.0, 0.0), True),
        ((1.0, 0.0), (0.25, 0.75), False),
        ((2 / 3, 1 / 3), (1.0, 0.0), True),
        ((1.0, 0.0), (1.0, 1.0), None),
        ((0.5, 0.5), (1.0, 0.0), None),
        ((1.0, None), (1.0, 0.0), None),
        ((1.0, 0.5, 0.0), (0.75, 0.25, 0.5), True),
        ((1.0, 0.5, 0.0), (0.0, 0.25, 0.5), False),
        ((1.0,), (1.0,), True),
        ((1.0,), (0.25,), False),
        ((1.0,), (0.5,), None),
        ((None,), (1.0,), None),
    ],
)
def test_people_agree_with_the_source_if_both_prefer_the_same(
    imported: Scores, scores: Scores, expected: bool | None
) -> None:
    assert agrees(imported, scores) is expected


def test_the_lines_say_how_often_and_where_not() -> None:
    differing = tuple(
        Difference(record_id=f"r{number}", prompt="Why?\n" + "x" * 100, imported=(1.0, 0.0), scores=(0.0, 1.0))
        for number in range(3)
    )
    share = Measure(value=0.25, low=0.05, high=0.7, count=4)
    lines = list(imported_lines(ImportedAgreement(share=share, undecided=2, differing=differing), records=2))
    assert lines == [
        "People agree with the labels of the source on 25 % of 4 records (5 % to 70 %); 2 more without a preference.",
        f"  not on r0: Why? {'x' * 72}...",
        f"  not on r1: Why? {'x' * 72}...",
        "  and 1 more (`--format json` lists all).",
    ]
    unknown = ImportedAgreement(share=Measure(value=None, reason="nobody prefers"), undecided=2, differing=())
    assert list(imported_lines(unknown, records=2)) == [
        "How far people agree with the labels of the source is not known: nobody prefers; 2 more without a preference."
    ]
