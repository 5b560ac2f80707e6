"""Roles decide what neither people nor a judge decided, if they may; questions about documents bring their places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.card.derived_facts import document_coverage
from curation.card.facts import DocumentCoverage
from curation.config import Config, parse_config
from curation.types import Passage, Prompt
from tests.derive.stores import EVERY, Store, chosen, derived, given, make_config, published, question
from tests.rows import make_prompt


def config_with(**labels: Any) -> Config:
    """The usual config, whose generator g1 is the better one by its role."""
    values = make_config(publish={"formats": EVERY}).model_dump(mode="json", exclude_unset=True)
    roles = [
        {"model_id": "acme/g0", "name": "g0", "role": "rejected"},
        {"model_id": "acme/g1", "name": "g1", "role": "chosen"},
    ]
    judge = {"judge": {"model_id": "acme/judge"}} if labels.get("judge_fallback") else {}
    return parse_config({**values, "generators": roles, "labels": {"resolver": "majority", **labels}, **judge})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preference", "ratings", "labels", "expected"),
    [
        (None, (None, None), {"accept_roles": True}, ("0: Answer 1.", "0: Answer 0.", "role")),
        (None, (5.0, 1.0), {"accept_roles": True}, ("0: Answer 1.", "0: Answer 0.", "role")),
        (None, (5.0, 1.0), {"accept_roles": True, "judge_fallback": True}, ("0: Answer 0.", "0: Answer 1.", "judge")),
        (None, (None, 1.0), {"accept_roles": True, "judge_fallback": True}, ("0: Answer 1.", "0: Answer 0.", "role")),
        (None, (None, None), {}, None),
    ],
)
def test_a_role_decides_only_where_it_may_and_nobody_else_did(
    tmp_path: Path, preference: str | None, ratings: Any, labels: dict[str, Any], expected: tuple[str, ...] | None
) -> None:
    store = Store()
    store.add(prompt=make_prompt(question(0)), ratings=ratings)
    result = derived(store, tmp_path, config_with(**labels))
    rows = published(tmp_path / "out", "dpo")
    assert [(*chosen(row), row["label_source"]) for row in rows] == ([expected] if expected else [])
    assert dict(result.tally.label_sources) == ({expected[2]: 1} if expected else {})
    assert all(row["reviewers"] == 0 and row["agreement"] is None for row in rows)


@pytest.mark.slow
def test_what_a_person_said_comes_before_a_role(tmp_path: Path) -> None:
    store = Store()
    for number, preference in enumerate(["a", "b"]):
        store.add(preference, prompt=make_prompt(question(number)))
    derived(store, tmp_path, config_with(accept_roles=True))
    rows = published(tmp_path / "out", "dpo")
    assert {row["label_source"] for row in rows} == {"human"}
    # The first candidate on the page won once, and the second once.
    by_id = {record.id: record for record in store.records}
    for row in rows:
        [record_id] = row["record_ids"]
        [response] = [response for response in store.responses if response.record_id == record_id]
        shown = by_id[record_id].candidates
        place = 0 if response.values["preference"] == "a" else 1
        [candidate] = [c for s in store.sets for c in s.candidates if c.id == shown[place]]
        assert row["chosen"][0]["content"] == candidate.text


def about_document(number: int, answer: tuple[int, int] | None) -> Prompt:
    start, end = answer or (None, None)
    passage = Passage(
        document_id=f"d{number}",
        source=f"{number}.md",
        part=2,
        parts=4,
        start=10,
        end=90,
        answer_start=start,
        answer_end=end,
        language_name="English",
    )
    return given(make_prompt(question(number))).model_copy(update={"document": "x" * 80, "passage": passage})


@pytest.mark.slow
def test_a_question_about_a_document_brings_its_place_along(tmp_path: Path) -> None:
    store = Store()
    for number, answer in enumerate([(20, 30), None]):
        store.add("a", prompt=about_document(number, answer))
    result = derived(store, tmp_path)
    assert result.omitted == {}
    for name in ("dpo", "kto", "sft", "reward"):
        rows = {row["document_source"]: row for row in published(tmp_path / "out", name)}
        columns = ("document_id", "part", "parts", "part_start", "part_end", "answer_start", "answer_end", "answerable")
        assert [rows["0.md"][column] for column in columns] == ["d0", 2, 4, 10, 90, 20, 30, True]
        assert [rows["1.md"][column] for column in columns] == ["d1", 2, 4, 10, 90, None, None, True]
        assert not any("document" in row or "language_name" in row for row in rows.values())
    # Of two documents of four parts one part each has a question, and one of the questions names its answer.
    covered = document_coverage(result.tally)
    assert covered == DocumentCoverage(documents=2, parts=8, covered=2, questions=2, grounded=1, unanswerable=0)
    assert covered.line == (
        "2 questions with rows, about 2 documents: they cover 25 % of 8 parts. Of those with an answer, 50 % name it."
    )


@pytest.mark.slow
def test_places_in_documents_are_left_out_where_not_every_prompt_has_one(tmp_path: Path) -> None:
    store = Store()
    store.add("a", prompt=about_document(0, None))
    store.add("a", prompt=make_prompt(question(1)))
    result = derived(store, tmp_path)
    assert result.omitted == {"passage": "not every prompt has it"}
    assert document_coverage(result.tally) is None
    assert not any("part" in row for row in published(tmp_path / "out", "dpo"))
