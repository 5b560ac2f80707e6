"""Which of two models gave the better answer is counted for each prompt, by who decided."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.derive.stores import Store, derived, make_config, make_response


@pytest.mark.slow
def test_two_answers_to_a_prompt_are_a_duel_of_their_models(tmp_path: Path) -> None:
    store = Store()
    for preference in ("a", "a", "b", "both_good"):
        store.add(preference)
    store.add("a", edit="A better text of a person.")
    undecided = store.add("a", "b")
    programs = store.add()
    store.responses.append(make_response(programs, "b", "simulated-one"))
    assert undecided.id != programs.id
    duels = derived(store, tmp_path).tally.duels
    assert duels == {
        ("human", "g0", "g1", 1): 3,
        ("human", "g0", "g1", -1): 1,
        ("human", "g0", "g1", 0): 1,
        ("simulated", "g0", "g1", -1): 1,
    }


@pytest.mark.slow
def test_answers_that_were_shown_one_by_one_are_duels_too(tmp_path: Path) -> None:
    store = Store()
    for qualities in (("good", "bad"), ("good", "good")):
        candidate_set = store.add_set("One.", f"Two {len(store.sets)}.", "Three, which nobody saw.")
        for place, quality in enumerate(qualities):
            store.show(candidate_set, place, task="binary", answers={"ann": quality})
    duels = derived(store, tmp_path, make_config(review={"task": "binary"})).tally.duels
    assert duels == {("human", "g0", "g1", 1): 1, ("human", "g0", "g1", 0): 1}
