"""What to do next, in every state that a curation can be in; tests/flows/test_status.py walks through them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from curation import ids
from curation.card.derived_facts import refusal_coverage
from curation.types import Message, Prompt
from tests.derive.stores import SERVICES, Store, given, make_config, question
from tests.rows import make_prompt

STATUS = import_module("curation.stages.status")
AWAY = {"argilla": "Argilla does not answer.", "waiting": None}
PUSHED = {"records": 6, "rows": {"dpo": 0, "kto": 0}, "review_url": "http://127.0.0.1/dataset"}
ANSWERED = {**PUSHED, "responses": {"submitted": 6}, "rows": {"dpo": 6, "kto": 12}}
PUBLISHED = {**ANSWERED, "published": True, "up_to_date": True}


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        ({}, "generate"),
        ({"candidate_sets": 2, "failed": 2}, "generate"),
        ({"candidate_sets": 6, "to_push": 6}, "push"),
        (PUSHED, None),
        ({**PUSHED, "waiting": 3}, "sync"),
        ({**PUSHED, "waiting": 3, "to_push": 1}, "push"),
        (ANSWERED, "publish"),
        ({**ANSWERED, "waiting": 1}, "sync"),
        ({**PUSHED, "rows": {"dpo": 0, "raw": 6}}, None),
        ({**PUSHED, "rows": {"raw": 6}}, "publish"),
        ({**ANSWERED, "rows": {"dpo": 0}, "refused": "dawid-skene has too little to learn from."}, None),
        (PUBLISHED, None),
        ({**PUBLISHED, "waiting": 2}, "sync"),
        ({**PUBLISHED, "up_to_date": False}, "publish"),
        ({**PUBLISHED, "settings_changed": "Settings changed."}, "generate"),
        ({**PUBLISHED, "settings_changed": "Settings changed.", "waiting": 1}, "sync"),
        ({**PUBLISHED, "review_url": None, "to_push": 6}, "push"),
        ({**PUBLISHED, **AWAY}, "check"),
        ({**PUBLISHED, **AWAY, "to_push": 2}, "check"),
        ({**ANSWERED, **AWAY}, "publish"),
        ({**PUBLISHED, **AWAY, "needs_review": False}, None),
        ({**ANSWERED, **AWAY, "needs_review": False}, "publish"),
        ({**PUBLISHED, **AWAY, "needs_review": False, "settings_changed": "Settings changed."}, "generate"),
    ],
)
def test_the_next_step_follows_from_the_state(state: dict[str, Any], verb: str | None) -> None:
    nothing = STATUS._empty(make_config())
    assert nothing.model_copy(update=state).next_verb == verb


def test_status_works_with_too_few_answers_for_the_resolver(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    store.add("b", "b")
    config = make_config(labels={"resolver": "dawid-skene"})
    derived, refused = STATUS._derived(config, store.written(tmp_path), SERVICES)
    assert derived.records == 2
    assert refused.startswith("dawid-skene has too little to learn from: 1 records with two or more answers")


def test_status_says_which_category_of_refusal_data_lacks_how_many_before_anything_is_published(tmp_path: Path) -> None:
    store = Store()
    for number, category in enumerate(["direct_harm", "direct_harm", "Edge cases", "poetry"]):
        store.add("a", prompt=given(make_prompt(question(number)), category=category))
    derived, refused = STATUS._derived(make_config(), store.written(tmp_path), SERVICES)
    spread = refusal_coverage(derived.tally.categories, minimum=100)
    assert refused is None
    assert spread is not None
    # The lowest shares of 100 prompts, without those that are there.
    report = STATUS._empty(make_config()).model_copy(update={"coverage": spread})
    lacking = {line.split()[0]: line.rpartition("lacks ")[2] for line in report.lines if "lacks" in line}
    assert lacking == {
        "direct_harm": "23",
        "prompt_injection": "15",
        "social_engineering": "15",
        "gradual_escalation": "10",
        "edge_case": "19",
    }
    assert "Safety coverage: 4 prompts, 1 of them in no category." in report.lines


@pytest.mark.slow
def test_sets_that_need_no_people_count_before_they_are_pushed_and_nothing_is_stored(tmp_path: Path) -> None:
    store = Store()
    for number in range(3):
        store.add(prompt=make_prompt(question(number)), ratings=(5.0, 1.0))
    store.records.clear()
    snapshot = store.written(tmp_path)
    judged: dict[str, Any] = {"judge": {"model_id": "acme/judge"}, "labels": {"judge_fallback": True}}
    derived, _ = STATUS._derived(make_config(**judged), snapshot, SERVICES)
    assert (derived.records, derived.tally.verdicts, derived.rows("dpo")) == (3, 3, 3)
    # People decide: what nobody was shown is no row.
    derived, _ = STATUS._derived(make_config(), snapshot, SERVICES)
    assert (derived.records, derived.rows("dpo")) == (0, 0)
    assert not snapshot.records


def test_rows_that_trl_would_misread_are_refused_although_no_shards_are_written(tmp_path: Path) -> None:
    store = Store()
    turns = (Message(role="user", content="Why is the sky blue?"), Message(role="assistant", content="Because"))
    store.add("a", prompt=Prompt(id=ids.prompt_id(turns), messages=turns, source="acme/prompts@abc"))
    snapshot = store.written(tmp_path)
    told = [STATUS._derived(make_config(), snapshot, SERVICES, shards=shards)[1] for shards in (False, True)]
    assert told[0].startswith(
        "TRL would not train on these rows as they are meant: dpo has 1 rows whose prompt does not"
    )
    assert told[0] == told[1]


def test_shards_are_made_to_be_compared_with_those_that_are_published_and_else_not(tmp_path: Path) -> None:
    store = Store()
    store.add("a")
    snapshot = store.written(tmp_path)
    (counted, _), (made, _) = (
        STATUS._derived(make_config(), snapshot, SERVICES, shards=shards) for shards in (False, True)
    )
    assert (counted.tally.shards, counted.row_counts) == ([], {"dpo": 1, "kto": 2})
    assert sum(shard.rows for shard in made.tally.shards) == 3
    assert made.row_counts == counted.row_counts
