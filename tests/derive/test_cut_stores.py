"""However a store is cut, and wherever its parts are derived, the rows and counts are the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from curation.derive import Derived, segments
from curation.derive.parallel import WORKERS
from curation.errors import DataError
from curation.types import Message
from tests.derive.stores import (
    Store,
    derived,
    make_config,
    question,
    rows_of,
    varied,
)

pytestmark = pytest.mark.slow


def counts(result: Derived) -> dict[str, Any]:
    tally = result.tally
    return {
        "rows": tally.rows,
        "unresolved": tally.unresolved,
        "dropped": dict(tally.dropped),
        "verdicts": tally.verdicts,
        "label_sources": tally.label_sources,
        "kto_labels": tally.kto_labels,
        "languages": tally.languages,
        "models": tally.models,
        "judges": tally.judges.statistics(),
        "disagreements": tally.disagreements,
        "lengths": sorted(tuple(map(int, row)) for part in tally.lengths for row in part),
        "choices": {source: sum(map(len, parts)) for source, parts in tally.choices.items()},
        "votes": {source: len(votes) for source, votes in result.votes.items()},
        "result": (result.asked, result.answered, result.failures, result.records, result.reviewers),
    }


def test_rows_and_counts_are_the_same_however_the_store_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = varied()
    whole = derived(store, tmp_path / "whole")
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", 16)
    monkeypatch.setattr(segments, "SMALLEST_SEGMENT", 1)
    seen: list[tuple[int, int]] = []
    parts = derived(store, tmp_path / "parts", files=5, watch=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 5) for done in range(1, 6)]
    assert len(parts.tally.shards) > len(whole.tally.shards)
    assert rows_of(tmp_path / "parts") == rows_of(tmp_path / "whole")
    assert counts(parts) == counts(whole)


class Watched:
    """Makes strings of prompts and remembers those; the second of the store may be an error."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.prompts: set[str] = set()

    def __call__(self, prompt: Sequence[Message], answer: Message, given: Mapping[str, Any]) -> tuple[str, str]:
        self.prompts.add(prompt[-1].content)
        if self.error is not None and prompt[-1].content == question(1):
            raise self.error
        return prompt[-1].content, answer.content


def interrupted(done: int, total: int) -> None:
    raise KeyboardInterrupt


def unwatched(done: int, total: int) -> None:
    pass


@pytest.mark.parametrize(
    ("error", "watch", "raised"),
    [(DataError("No."), unwatched, DataError), (None, interrupted, KeyboardInterrupt)],
    ids=["error", "interrupt"],
)
def test_nothing_goes_on_after_an_error_or_an_interrupt(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception | None,
    watch: Callable[[int, int], None],
    raised: type[BaseException],
) -> None:
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", 1)
    monkeypatch.setattr(segments, "SMALLEST_SEGMENT", 1)
    render = Watched(error)
    threads = set(threading.enumerate())
    with pytest.raises(raised) as caught:
        derived(varied(), tmp_path, make_config(publish={"test_size": 0.0}), render=render, watch=watch)
    assert caught.value.args == (error.args if error else ())
    # Threads of other tests may end meanwhile.
    assert threads.issuperset(threading.enumerate())
    # Four segments are begun before the first is asked for, and another whenever one is done.
    assert render.prompts <= {question(number) for number in range(2 * WORKERS + 2)}
    again = derived(varied(), tmp_path / "again", make_config())
    assert again.rows("dpo") > 0


def test_appending_leaves_the_shards_of_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LARGEST_SEGMENT", 16)
    monkeypatch.setattr(segments, "SMALLEST_SEGMENT", 4)
    store = varied()
    before = {shard.path for shard in derived(store, tmp_path / "before").tally.shards}
    for _ in range(3):
        store.add("a")
    after = {shard.path for shard in derived(store, tmp_path / "after").tally.shards}
    assert len(before & after) >= len(before) * 3 // 4
    assert not before >= after


def test_a_store_whose_only_record_was_retired_gives_no_rows(tmp_path: Path) -> None:
    store = Store()
    store.retired.append(store.add())
    assert not derived(store, tmp_path).tally.rows
