"""Which split rows are in: that of their prompt and of all prompts like it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from curation import ids
from curation.types import DroppedPrompt, Message, Prompt
from tests.derive.stores import (
    EVERY,
    Store,
    derived,
    make_config,
    published,
    question,
    varied,
)
from tests.rows import make_prompt


def splits(folder: Path, config: str = "kto") -> dict[str, set[str]]:
    """Return the splits that each prompt is in."""
    result: dict[str, set[str]] = {}
    for split in ("train", "test"):
        for row in published(folder / "out", config, split):
            result.setdefault(row["prompt"][-1]["content"], set()).add(split)
    return result


@pytest.mark.slow
def test_no_prompt_is_in_two_splits_and_near_duplicates_share_one(tmp_path: Path) -> None:
    store = Store()
    asked = []
    dropped = []
    for number in range(30):
        asked.append([question(number), f"{question(number)} please", f"{question(number)}?!"])
        for text in asked[-1]:
            store.add("a", prompt=make_prompt(text))
        unasked = make_prompt(f"{question(number)}!")
        dropped.append(DroppedPrompt(id=unasked.id, prompt=unasked, reason="near_duplicate"))
    derived(store, tmp_path, make_config(publish={"formats": EVERY, "test_size": 0.5}), dropped=dropped)
    for config in ("dpo", "kto", "reward", "raw"):
        result = splits(tmp_path, config)
        assert all(len(names) == 1 for names in result.values())
        assert {name for names in result.values() for name in names} == {"train", "test"}
        for number, alike in enumerate(asked):
            also = [f"{question(number)}!"] if config == "raw" else []
            assert len(set.union(*(result[text] for text in (*alike, *also)))) == 1


@pytest.mark.slow
def test_a_dropped_prompt_moves_no_other_from_one_split_to_another(tmp_path: Path) -> None:
    store, dropped, asked = Store(), [], []
    for number in range(30):
        words = [f"{number}x{place}" for place in range(40)]
        between = make_prompt(" ".join([*words[:36], "a", "b", "c", "d"]))
        # It is near two prompts (0.81) that are not near each other (0.65).
        asked.append([" ".join(words), " ".join(["e", "f", "g", "h", *words[4:36], "a", "b", "c", "d"])])
        for text in asked[-1]:
            store.add("a", prompt=make_prompt(text))
        dropped.append(DroppedPrompt(id=between.id, prompt=between, reason="near_duplicate"))
    config = make_config(publish={"formats": EVERY, "test_size": 0.5})
    derived(store, tmp_path / "without", config)
    derived(store, tmp_path / "with", config, dropped=dropped)
    without = splits(tmp_path / "without")
    assert splits(tmp_path / "with") == without
    assert any(without[asked_prompt] != without[other] for asked_prompt, other in asked)
    raw = splits(tmp_path / "with", "raw")
    assert all(
        raw[dropped_prompt.prompt.messages[-1].content] == raw[first]
        for dropped_prompt, (first, _) in zip(dropped, asked, strict=True)
    )


@pytest.mark.slow
def test_conversations_are_compared_without_what_the_system_says(tmp_path: Path) -> None:
    rules = " ".join(f"Rule {number}: be kind." for number in range(40))
    store, alike = Store(), []
    for number in range(30):
        turns = (
            Message(role="system", content=f"{rules} {number}"),
            Message(role="user", content=question(number)),
            Message(role="assistant", content="Go on."),
            Message(role="user", content="And then?"),
        )
        prompts = [Prompt(id=ids.prompt_id(messages), messages=messages, source="s") for messages in (turns, turns[1:])]
        alike.append([prompt.id for prompt in prompts])
        for prompt in prompts:
            store.add("a", prompt=prompt)
    derived(store, tmp_path, make_config(publish={"test_size": 0.5}))
    in_test = {row["prompt_id"] for row in published(tmp_path / "out", "dpo", "test")}
    # What all have in common is the system's: with it all would be one prompt, without it some are elsewhere.
    assert {whole in in_test for whole, _ in alike} == {True, False}
    assert all((whole in in_test) == (without_system in in_test) for whole, without_system in alike)


@pytest.mark.slow
def test_without_a_test_size_all_is_train(tmp_path: Path) -> None:
    result = derived(varied(), tmp_path, make_config(publish={"formats": EVERY, "test_size": 0}))
    assert {split for _, split in result.tally.rows} == {"train"}


@pytest.mark.slow
def test_kto_labels_are_those_of_the_train_split(tmp_path: Path) -> None:
    result = derived(varied(), tmp_path, make_config(publish={"formats": EVERY, "test_size": 0.3}))
    train = Counter(row["label"] for row in published(tmp_path / "out", "kto", "train"))
    assert result.tally.kto_labels == train
    assert result.rows("kto") > train.total()
