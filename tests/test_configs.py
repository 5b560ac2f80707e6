"""The configs that tests write: names are handed out once, since the tests of a worker share one stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.configs import write_config


def test_a_name_is_for_the_tests_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/a.py::test_first (call)")
    write_config(tmp_path, "taken-once")
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/a.py::test_second (call)")
    write_config(tmp_path, "taken-once")
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "tests/b.py::test_third (call)")
    with pytest.raises(AssertionError, match=r"'taken-once' is that of tests/a\.py: give the one of tests/b\.py"):
        write_config(tmp_path, "taken-once")
    write_config(tmp_path, "not-taken")
