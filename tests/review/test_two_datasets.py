"""The dataset of all records and that of the adjudicators are read as one, and each may be there without the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from curation.errors import RefusedError
from curation.local import Stack
from curation.review import PairwiseTask
from curation.review.datasets import ReviewDatasets, together
from tests.review.datasets import Dataset

pytestmark = pytest.mark.stack


@pytest.fixture
def first(stack: Stack) -> Iterator[Dataset]:
    with closing(Dataset(stack, 2)) as dataset:
        yield dataset


@pytest.fixture
def second(stack: Stack) -> Iterator[Dataset]:
    with closing(Dataset(stack)) as dataset:
        dataset.add("again")
        yield dataset


def test_both_datasets_are_read_as_one(stack: Stack, first: Dataset, second: Dataset) -> None:
    copy, *_ = first.items()
    [again] = second.items()
    with first.review(stack.argilla.url) as review:
        both = ReviewDatasets(PairwiseTask(), review, review.beside(second.name), answered=False)
        before = both.activity()
        first.answer(copy["id"])
        between = both.activity()
        second.answer(again["id"])
        assert len({before, between, both.activity()}) == 3
        pulled = together(*both.pull())
        assert sorted(map(str, pulled.records.values())) == ["again", "r0", "r1"]
        assert {(answer.dataset_id, answer.server_record_id) for answer in pulled.answers} == {
            (first.id, copy["id"]),
            (second.id, again["id"]),
        }
        # A webhook names a record of either dataset: of the first only those are read, the second is read whole.
        for named, records in (([again["id"]], {"again"}), ([copy["id"], again["id"]], {"r0", "again"})):
            pulled = together(*both.pull(named))
            assert (pulled.whole, set(pulled.records.values())) == (False, records)
        alone = ReviewDatasets(PairwiseTask(), review, None, answered=False)
        assert alone.pull([again["id"]])[0].whole is True


def test_a_second_dataset_may_only_be_missing_or_empty_as_long_as_nobody_answered_there(
    stack: Stack, first: Dataset, second: Dataset
) -> None:
    second.delete(second.items()[0]["id"])
    with first.review(stack.argilla.url) as review:
        for name, words in ((second.name, "holds no records"), (f"{second.name}-gone", "does not exist")):
            beside = review.beside(name)
            assert ReviewDatasets(PairwiseTask(), review, beside, answered=False).pull()[1] is None
            with pytest.raises(RefusedError, match=f"{name}.* {words}"):
                ReviewDatasets(PairwiseTask(), review, beside, answered=True).pull()


def test_settings_of_the_second_dataset_that_were_changed_are_refused_with_the_difference(
    stack: Stack, first: Dataset, second: Dataset
) -> None:
    with first.review(stack.argilla.url) as review:
        beside = review.beside(second.name)
        ReviewDatasets(PairwiseTask(layout="fields"), review, beside, answered=False).check()
        with pytest.raises(RefusedError, match=f"{second.name}.*min_submitted is 1, expected 2"):
            ReviewDatasets(PairwiseTask(layout="fields", adjudicators=2), review, beside, answered=False).check()
