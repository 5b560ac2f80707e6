"""A store that people have reviewed for twelve days, and the dashboard of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from curation.config import Config
from curation.derive import derive
from curation.generation import settings_of
from curation.serving.dashboard import Dashboard
from curation.serving.gathering import _sample, dashboard_of
from curation.store import Snapshot
from curation.types import Response
from tests.derive.stores import SERVICES, Store, make_config, make_response
from tests.rows import SETTINGS, make_prompt

DAYS = 12
TEXTS = (
    "Say the name back at once, tie it to something you see, and use it once more when you leave.",
    "This is common: names mean nothing by themselves. You could try to concentrate.",
    "I do not know.",
)
QUESTIONS = (
    "How do I remember the names of people I have just met?",
    "What should I cook for eight people, two of whom eat no meat?",
    "Why does my bicycle make a noise when I brake?",
    "How can I sleep better before a long journey?",
)
MODELS = ("large", "medium", "small")
STRENGTH = (0.8, 0.5, 0.2)
"""How good each model is: who is shown two answers mostly prefers that of the better model."""


def config_of() -> Config:
    """Return the config of the store: a judge, and two answers for each record."""
    judge = {"type": "ultrafeedback", "model_id": "acme/judge"}
    return make_config(judge=judge, review={"min_submitted": 2}, publish={"test_size": 0})


def reviewed_store(now: datetime, *, records: int = 200, answered: int = 150) -> Store:
    """Return the store; 150 of its 200 records have two answers, of three reviewers, over the days before `now`."""
    rng, store = Random(4), Store()
    store.settings = {SETTINGS: settings_of(config_of().models)}
    for number in range(records):
        texts = [f"{text} ({number})" for text in TEXTS]
        places = rng.sample(range(3), 2)
        asked = make_prompt(f"{QUESTIONS[number % len(QUESTIONS)]} ({number})")
        candidate_set = store.add_set(
            *texts, prompt=asked, ratings=[5.0 if rng.random() < good else 2.0 for good in STRENGTH]
        )
        named = zip(candidate_set.candidates, MODELS, strict=True)
        candidates = tuple(candidate.model_copy(update={"generator": name}) for candidate, name in named)
        candidate_set = store.sets[-1] = candidate_set.model_copy(update={"candidates": candidates})
        record = store.show(candidate_set, *places)
        if number >= answered:
            continue
        likes = STRENGTH[places[0]] - STRENGTH[places[1]]
        at = now - timedelta(days=DAYS * (1 - number / answered))
        for reviewer in rng.sample(["nadia", "bob", "eva"], 2):
            # They learn to agree.
            doubt = 0.9 * (1 - number / answered) + 0.3
            preference = "a" if likes + rng.uniform(-doubt, doubt) > 0 else "b"
            response = make_response(record, preference, reviewer)
            store.responses.append(response.model_copy(update={"updated_at": at, "inserted_at": at}))
    return store


def dashboard_in(folder: Path, store: Store, config: Config) -> Dashboard:
    """Return the dashboard of a store, with ten of its rows."""
    snapshot: Snapshot = store.written(folder / "store")
    rows = folder / "rows"
    derived = derive(config, snapshot, SERVICES, folder=rows)
    name, sample = _sample(config, derived, rows)
    return dashboard_of(config, snapshot, derived, sample_of=name, sample=sample)


def at(day: int, hour: int = 12) -> datetime:
    """Return an hour of a day of January 2026."""
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def given(response: Response, moment: datetime) -> Response:
    """Return a response that was given at this moment."""
    return response.model_copy(update={"inserted_at": moment, "updated_at": moment})
