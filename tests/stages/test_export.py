"""What `export` refuses before it does any work, and what it says of what it left out."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from curation.errors import MissingError, RefusedError, TemporaryError
from curation.stages.export import _copy, export
from tests.derive.stores import SERVICES, Store, make_config, published, question
from tests.rows import make_prompt

TOOLS = json.dumps([{"type": "function"}])


def make_obstacles(folder: Path) -> None:
    """Make a file, a link to nowhere and a folder that holds something."""
    (folder / "file").write_text("x")
    (folder / "link").symlink_to(folder / "nowhere")
    (folder / "full").mkdir()
    (folder / "full" / "file").write_text("x")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("file", "file is not a folder"),
        ("file/below/it", "file is not a folder"),
        ("link", "link is not a folder"),
        ("link/below/it", "link is not a folder"),
        ("full", "full is not empty"),
    ],
)
def test_a_folder_that_cannot_be_created_is_refused_before_the_hub_is_asked(
    tmp_path: Path, name: str, why: str
) -> None:
    make_obstacles(tmp_path)
    with pytest.raises(RefusedError) as caught:
        export(make_config(), tmp_path / name, services=SERVICES)
    assert str(caught.value) == f"{tmp_path}/{why}. Name a new folder with --folder."


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs Linux")
def test_a_folder_in_proc_is_refused_before_the_hub_is_asked() -> None:
    with pytest.raises(RefusedError) as caught:
        export(make_config(), Path("/proc/nowhere/below"), services=SERVICES)
    assert str(caught.value) == "/proc cannot be written to. Name a new folder with --folder."


def test_a_name_that_the_system_refuses_gives_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(RefusedError, match=r"cannot be written: File name too long\. Name a new folder"):
        _copy(tmp_path / "source", tmp_path / ("x" * 300))


def killed_export(folder: Path, *files: str) -> None:
    """Make what an export leaves that was killed when it had written one of two files."""
    (folder / "dpo").mkdir(parents=True)
    (folder / ".unfinished").write_text("dpo/train-old.parquet\ndpo/test-old.parquet")
    for path in ("dpo/train-old.parquet", *files):
        (folder / path).write_bytes(b"half")


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_what_a_killed_export_left_is_replaced(tmp_path: Path) -> None:
    killed_export(tmp_path / "new")
    with pytest.raises(TemporaryError):
        export(make_config(), tmp_path / "new", services=SERVICES)
    (tmp_path / "source" / "dpo").mkdir(parents=True)
    (tmp_path / "source" / "dpo" / "train-new.parquet").write_bytes(b"whole")
    _copy(tmp_path / "source", tmp_path / "new")
    files = {str(path.relative_to(tmp_path / "new")) for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert files == {"dpo/train-new.parquet"}


def test_beside_what_a_killed_export_left_nothing_of_others_is_deleted(tmp_path: Path) -> None:
    killed_export(tmp_path, "notes.txt")
    with pytest.raises(RefusedError, match="is not empty"):
        export(make_config(), tmp_path, services=SERVICES)
    assert (tmp_path / "notes.txt").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", ["", "new", "full/new/below"])
def test_an_empty_folder_and_a_new_one_are_accepted(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    make_obstacles(tmp_path)
    # There is no Hub: that it is asked for the store says that the folder was taken.
    with pytest.raises(TemporaryError):
        export(make_config(), tmp_path / (name or "empty"), services=SERVICES)


@pytest.mark.parametrize("name", ["", " "])
def test_a_tokenizer_without_a_name_is_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingError, match=rf"There is no tokenizer '{name}': .* Name a folder, or owner/name"):
        export(make_config(), tmp_path / "new", template=name, services=SERVICES)


def test_columns_that_are_left_out_are_named_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    for number, tools in enumerate([TOOLS, None]):
        store.add("a", prompt=make_prompt(question(number)).model_copy(update={"tools": tools, "category": "sums"}))
    snapshot = store.written(tmp_path / "store")
    opened = SimpleNamespace(snapshot=lambda: snapshot)
    monkeypatch.setattr(import_module("curation.stages.export"), "open_store", lambda config, services: opened)
    report = export(make_config(), tmp_path / "out", services=SERVICES)
    assert report.omitted == {"tools": "not every prompt has it"}
    assert "No column 'tools': not every prompt has it." in report.lines
    rows = published(tmp_path / "out", "dpo")
    assert [(row["category"], "tools" in row) for row in rows] == [("sums", False)] * 2


@pytest.mark.slow
def test_an_export_that_was_killed_when_it_was_done_ends_well_when_it_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    store.add("a", prompt=make_prompt(question(1)))
    first = store.written(tmp_path / "store")
    opened = SimpleNamespace(snapshot=lambda: first)
    monkeypatch.setattr(import_module("curation.stages.export"), "open_store", lambda config, services: opened)
    folder = tmp_path / "out"
    written = export(make_config(), folder, services=SERVICES)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = export(make_config(), folder, services=SERVICES)
    assert (written.already, again.already) == (False, True)
    assert (again.rows, again.files) == (written.rows, written.files)
    assert again.lines[0].startswith("1 dpo")
    assert "already (" in again.lines[0]
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    # Rows that came since are others, and what somebody exported is not replaced.
    store.add("b", prompt=make_prompt(question(2)))
    more = store.written(tmp_path / "later")
    opened.snapshot = lambda: more
    with pytest.raises(RefusedError, match="out is not empty"):
        export(make_config(), folder, services=SERVICES)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.slow
@pytest.mark.parametrize("change", ["damaged", "missing", "more", "link"])
def test_files_that_differ_from_those_of_an_export_are_kept(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    store.add("a", prompt=make_prompt(question(1)))
    snapshot = store.written(tmp_path / "store")
    opened = SimpleNamespace(snapshot=lambda: snapshot)
    monkeypatch.setattr(import_module("curation.stages.export"), "open_store", lambda config, services: opened)
    folder = tmp_path / "out"
    path = folder / export(make_config(), folder, services=SERVICES).files[0]
    if change == "damaged":
        path.write_bytes(b"x" * path.stat().st_size)
    elif change == "missing":
        path.rename(path.with_name("train-0123456789abcdef.parquet"))
    elif change == "more":
        (path.parent / "train-0123456789abcdef.parquet").write_bytes(b"x")
    else:
        (folder / "link").symlink_to(tmp_path)
    with pytest.raises(RefusedError, match="is not empty"):
        export(make_config(), folder, services=SERVICES)
