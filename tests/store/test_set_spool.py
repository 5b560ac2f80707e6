"""Candidate sets in a file are read back as they were, in any order."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.store.set_spool import SetSpool
from tests.rows import make_prompt, make_set


def test_sets_are_read_back_in_any_order_and_the_last_of_an_id_counts(tmp_path: Path) -> None:
    sets = [make_set(make_prompt(f"Which tree is number {number}? Die Föhre 🌲"), (1.5, None)) for number in range(3)]
    later = sets[0].model_copy(update={"settings": "later"})
    with SetSpool(tmp_path) as spool:
        assert list(spool.adding(sets)) == sets
        assert spool[sets[2].id] == sets[2]
        spool.add(later)
        assert [spool[sets[1].id], spool[sets[0].id]] == [sets[1], later]
        assert sets[1].id in spool
        assert "unknown" not in spool
        with pytest.raises(KeyError):
            _ = spool["unknown"]
