"""What is pushed where a later judge said nothing of answers that people were shown already."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.config import Config
from curation.stages.push import records_to_show
from curation.types import CandidateSet, ReviewRecord
from tests.rows import make_prompt, make_set
from tests.stages.stores import SERVICES, make_config, make_snapshot


def record_of(config: Config, candidate_set: CandidateSet) -> ReviewRecord:
    record = config.review.record(candidate_set)
    assert isinstance(record, ReviewRecord)
    return record


@pytest.mark.parametrize("settings", ["0" * 16, "f" * 16])
def test_a_set_without_ratings_is_no_second_record_of_answers_that_were_rated_and_shown(
    tmp_path: Path, settings: str
) -> None:
    config = make_config()
    for number in range(8):
        prompt = make_prompt(f"Question {number}?")
        rated = make_set(prompt, (1.0, 3.0, 5.0))
        shown = record_of(config, rated)
        silent = make_set(prompt, (None, None, None), settings=settings)
        assert silent.id != rated.id
        folder = tmp_path / str(number)
        snapshot = make_snapshot(folder, [[rated], [silent]], [[shown]])
        records, skipped = records_to_show(config, SERVICES, snapshot, [silent])
        assert records == [shown]
        assert not skipped


def test_a_set_that_another_judge_rated_shows_what_that_judge_tells_apart(tmp_path: Path) -> None:
    config = make_config()
    rated = make_set(ratings=(1.0, 3.0, 5.0))
    other = make_set(ratings=(5.0, 1.0, 3.0), settings="f" * 16)
    snapshot = make_snapshot(tmp_path, [[rated], [other]], [[record_of(config, rated)]])
    [record], _ = records_to_show(config, SERVICES, snapshot, [other])
    assert {*record.candidates} == {other.candidates[0].id, other.candidates[1].id}
