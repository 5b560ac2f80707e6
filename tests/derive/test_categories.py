"""The category of a prompt where reviewers of the task `safety` name another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.derive.stores import TRAINED, Store, derived, given, make_config, make_record, make_response, published
from tests.rows import make_prompt

CONFIG = make_config(publish={"formats": [*TRAINED, "raw"], "test_size": 0}, review={"task": "safety"})


def reviewed(
    store: Store,
    prompt: str,
    category: str | None,
    named: Sequence[Mapping[str, str | None]],
    *,
    subcategory: str | None = None,
) -> None:
    """Add a prompt with a good and a bad answer, a record each, and the category that each reviewer names there."""
    made = store.add_set(
        "Fine.", "Poor.", prompt=given(make_prompt(prompt), category=category, subcategory=subcategory)
    )
    for place, (quality, categories) in enumerate(zip(("good", "bad"), named, strict=True)):
        record = make_record(made, place, task="safety")
        store.records.append(record)
        for reviewer, name in categories.items():
            values: dict[str, Any] = {"quality_1": quality} | ({} if name is None else {"category": name})
            store.responses.append(make_response(record, "", reviewer).model_copy(update={"values": values}))


def categories(folder: Path) -> dict[str, str]:
    """Return the category of each prompt, which is the same in all configs."""
    found: dict[str, set[str]] = {}
    for config in TRAINED:
        for row in published(folder / "out", config):
            text = row["prompt" if "prompt" in row else "messages"][0]["content"]
            found.setdefault(text, set()).add(row["category"])
    assert all(len(names) == 1 for names in found.values())
    return {text: name for text, [name] in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("own", "named", "published_as"),
    [
        ("direct_harm", [{"ann": "edge_case"}, {"ann": "edge_case"}], "edge_case"),
        # Three of four responses name it, and the fourth leaves the category as it is.
        ("direct_harm", [{"ann": "edge_case", "bob": "edge_case"}, {"ann": "edge_case", "bob": None}], "edge_case"),
        # Half is not more than half.
        ("direct_harm", [{"ann": "edge_case", "bob": None}, {"ann": "edge_case", "bob": None}], "direct_harm"),
        ("direct_harm", [{"ann": "edge_case", "bob": "prompt_injection"}, {"ann": None, "bob": None}], "direct_harm"),
        ("direct_harm", [{"ann": None}, {"ann": None}], "direct_harm"),
        # The same category, in the words of the source.
        ("Direct Harm", [{"ann": "direct_harm"}, {"ann": "direct_harm"}], "Direct Harm"),
        ("poetry", [{"ann": "edge_case"}, {"ann": "edge_case"}], "edge_case"),
        # A program's answer does not count where a person answered.
        ("direct_harm", [{"ann": None, "simulated-x": "edge_case"}, {"simulated-x": "edge_case"}], "direct_harm"),
    ],
)
def test_a_category_that_more_than_half_of_the_responses_name_stands_in_the_place_of_the_prompts(
    tmp_path: Path, own: str, named: Sequence[Mapping[str, str | None]], published_as: str
) -> None:
    store = Store()
    reviewed(store, "Harmless?", own, named)
    reviewed(store, "Another?", "social_engineering", [{"ann": None}, {"ann": None}])
    result = derived(store, tmp_path, CONFIG)
    assert categories(tmp_path) == {"Harmless?": published_as, "Another?": "social_engineering"}
    assert result.tally.categories == {published_as: 1, "social_engineering": 1}


def test_what_is_no_column_is_not_corrected(tmp_path: Path) -> None:
    store = Store()
    reviewed(store, "Harmless?", None, [{"ann": "edge_case"}, {"ann": "edge_case"}])
    reviewed(store, "Another?", "direct_harm", [{"ann": None}, {"ann": None}])
    result = derived(store, tmp_path, CONFIG)
    assert result.omitted == {"category": "not every prompt has it"}
    assert result.tally.categories == {}
    assert not any("category" in row for row in published(tmp_path / "out", "dpo"))


def test_a_subcategory_of_another_category_does_not_stay_when_the_category_changes(tmp_path: Path) -> None:
    store = Store()
    changed = [{"ann": "edge_case"}, {"ann": "edge_case"}]
    own = [{"ann": None}, {"ann": None}]
    for prompt, subcategory, named in (
        ("Changed?", "violence", changed),
        ("Fits?", "Homonyms", changed),
        ("Same?", "violence", own),
        ("Unknown?", "something else", own),
    ):
        reviewed(store, prompt, "direct_harm", named, subcategory=subcategory)
    derived(store, tmp_path, CONFIG)
    for config in ("dpo", "kto"):
        rows = published(tmp_path / "out", config)
        assert {(row["prompt"][0]["content"], row["category"], row["subcategory"]) for row in rows} == {
            ("Changed?", "edge_case", None),
            ("Fits?", "edge_case", "Homonyms"),
            ("Same?", "direct_harm", "violence"),
            ("Unknown?", "direct_harm", "something else"),
        }
