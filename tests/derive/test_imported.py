"""Labels that answers came with decide where they may and nobody else did, and are compared with what people say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.config import Config, parse_config
from curation.types import CandidateSet
from tests.derive.stores import EVERY, Store, chosen, derived, make_config, published, question
from tests.rows import make_prompt

pytestmark = pytest.mark.slow


def config_with(**labels: Any) -> Config:
    values = make_config(publish={"formats": EVERY}).model_dump(mode="json", exclude_unset=True)
    del values["generators"]
    judge = {"judge": {"model_id": "acme/judge"}} if labels.get("judge_fallback") else {}
    prompts = {"type": "preferences", "repo_id": "acme/pairs"}
    return parse_config({**values, "prompts": prompts, "labels": {"resolver": "majority", **labels}, **judge})


def labelled(candidate_set: CandidateSet, *scores: float | None) -> CandidateSet:
    candidates = zip(candidate_set.candidates, scores, strict=True)
    changed = tuple(candidate.model_copy(update={"imported": score}) for candidate, score in candidates)
    return candidate_set.model_copy(update={"candidates": changed})


def add(store: Store, *scores: float | None, preference: str | None = None, number: int = 0, **given: Any) -> None:
    """Add a set whose first answer and second answer came with these labels."""
    store.add(preference, prompt=make_prompt(question(number)), **given)
    store.sets[-1] = labelled(store.sets[-1], *scores)


@pytest.mark.parametrize(
    ("preference", "ratings", "labels", "expected"),
    [
        (None, (None, None), {"accept_imported": True}, ("0: Answer 1.", "0: Answer 0.", "imported")),
        (None, (5.0, 1.0), {"accept_imported": True}, ("0: Answer 1.", "0: Answer 0.", "imported")),
        (
            None,
            (5.0, 1.0),
            {"accept_imported": True, "judge_fallback": True},
            ("0: Answer 0.", "0: Answer 1.", "judge"),
        ),
        (
            None,
            (None, 1.0),
            {"accept_imported": True, "judge_fallback": True},
            ("0: Answer 1.", "0: Answer 0.", "imported"),
        ),
        (None, (None, None), {}, None),
    ],
)
def test_a_label_of_the_source_decides_only_where_it_may_and_nobody_else_did(
    tmp_path: Path, preference: str | None, ratings: Any, labels: dict[str, Any], expected: tuple[str, ...] | None
) -> None:
    store = Store()
    add(store, 0.0, 1.0, preference=preference, ratings=ratings)
    result = derived(store, tmp_path, config_with(**labels))
    rows = published(tmp_path / "out", "dpo")
    assert [(*chosen(row), row["label_source"]) for row in rows] == ([expected] if expected else [])
    assert dict(result.tally.label_sources) == ({expected[2]: 1} if expected else {})
    assert result.imported is None
    [raw] = published(tmp_path / "out", "raw")
    assert {candidate["text"]: candidate["imported"] for candidate in raw["candidates"]} == {
        "0: Answer 0.": 0.0,
        "0: Answer 1.": 1.0,
    }


def test_a_record_without_labels_is_not_decided_by_them(tmp_path: Path) -> None:
    store = Store()
    add(store, None, 1.0)
    assert dict(derived(store, tmp_path, config_with(accept_imported=True)).tally.unresolved) == {
        "no_imported_label": 1
    }


def test_people_are_compared_with_the_source_where_both_prefer_an_answer(tmp_path: Path) -> None:
    store = Store()
    # The page of each record has its own order: "a" is the answer that stands first on it.
    for number, preference in enumerate(["a", "a", "b", "both_good"]):
        store.add(preference, prompt=make_prompt(question(number)))
        record, candidate_set = store.records[-1], store.sets[-1]
        first_is_first = record.candidates[0] == candidate_set.candidates[0].id
        store.sets[-1] = labelled(candidate_set, *((1.0, 0.0) if first_is_first else (0.0, 1.0)))
    imported = derived(store, tmp_path, config_with()).imported
    assert imported is not None
    # The source prefers what stands first: people agree on two records, not on the third, and see a tie in the fourth.
    assert imported.share.value == pytest.approx(2 / 3)
    assert (imported.share.count, imported.undecided) == (3, 1)
    # Wilson's interval of 2 of 3, from a table.
    assert imported.share.low == pytest.approx(0.2077, abs=1e-4)
    assert imported.share.high == pytest.approx(0.9385, abs=1e-4)
    [difference] = imported.differing
    assert (difference.record_id, difference.imported, difference.scores) == (
        store.records[2].id,
        (1.0, 0.0),
        (0.0, 1.0),
    )
    assert difference.prompt == question(2)
