"""Snapshots of the review Space's database: whole or skipped, only after changes, and the newest one is the start."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from spaces.argilla.snapshots import SnapshotError, Writer, list_snapshots, restore_database

SCRIPT = Path(__file__).parents[2] / "spaces" / "argilla" / "snapshots.py"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "local" / "argilla.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bucket" / "reviews"


@pytest.fixture
def writer(database: Path, folder: Path) -> Iterator[Writer]:
    with closing(Writer(database, folder, keep=3)) as open_writer:
        answer(database, 0)
        yield open_writer


def answer(database: Path, *numbers: int) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS answers (number INTEGER)")
        connection.executemany("INSERT INTO answers VALUES (?)", [(number,) for number in numbers])


def answers(database: Path) -> list[int]:
    with closing(sqlite3.connect(database)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM answers ORDER BY number")]


def lose_the_disk(database: Path) -> None:
    for path in database.parent.iterdir():
        path.unlink()


def test_a_start_has_what_the_newest_snapshot_has(writer: Writer, database: Path, folder: Path) -> None:
    assert writer.write()
    answer(database, 1)
    assert writer.write()
    answer(database, 2)
    lose_the_disk(database)
    snapshot = restore_database(database, folder)
    assert snapshot is not None
    assert snapshot.number == 2
    assert answers(database) == [0, 1]


def test_a_first_start_has_nothing_to_start_from(database: Path, folder: Path) -> None:
    assert restore_database(database, folder) is None
    assert not database.exists()


def test_nothing_is_written_when_nothing_changed(writer: Writer, database: Path, folder: Path) -> None:
    assert [writer.write(), writer.write(), writer.write()] == [True, False, False]
    answer(database, 1)
    assert [writer.write(), writer.write()] == [True, False]
    assert [snapshot.number for snapshot in list_snapshots(folder)] == [2, 1]


def test_a_start_without_a_change_writes_no_snapshot(writer: Writer, database: Path, folder: Path) -> None:
    writer.write()
    writer.close()
    lose_the_disk(database)
    restore_database(database, folder)
    with closing(Writer(database, folder)) as second:
        assert not second.write()
    assert len(list_snapshots(folder)) == 1


def test_the_name_of_a_snapshot_has_its_checksum_and_it_is_a_database(
    writer: Writer, database: Path, folder: Path
) -> None:
    writer.write()
    (path,) = folder.iterdir()
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f"reviews-000000000001-{checksum}.sqlite3"
    assert answers(path) == [0]


def test_only_the_last_few_are_kept(writer: Writer, database: Path, folder: Path) -> None:
    for number in range(1, 7):
        answer(database, number)
        writer.write()
    assert [snapshot.number for snapshot in list_snapshots(folder)] == [6, 5, 4]


@pytest.mark.parametrize("damage", ["torn", "empty", "flipped"])
def test_a_damaged_snapshot_is_skipped_with_a_sentence(
    damage: str, writer: Writer, database: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer.write()
    answer(database, 1)
    writer.write()
    newest = list_snapshots(folder)[0].path
    content = newest.read_bytes()
    middle = len(content) // 2
    newest.write_bytes(
        {
            "torn": content[:middle],
            "empty": b"",
            "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        }[damage]
    )
    lose_the_disk(database)
    snapshot = restore_database(database, folder)
    assert snapshot is not None
    assert snapshot.number == 1
    assert answers(database) == [0]
    assert "Snapshot 2 is torn or damaged; the one before it is tried" in capsys.readouterr().err


def test_a_file_with_the_right_checksum_that_is_no_database_is_skipped(
    writer: Writer, database: Path, folder: Path
) -> None:
    writer.write()
    text = b"This is no database." * 500
    (folder / f"reviews-000000000002-{hashlib.sha256(text).hexdigest()}.sqlite3").write_bytes(text)
    lose_the_disk(database)
    snapshot = restore_database(database, folder)
    assert snapshot is not None
    assert snapshot.number == 1


def test_an_empty_argilla_is_not_started_in_the_place_of_damaged_snapshots(
    writer: Writer, database: Path, folder: Path
) -> None:
    writer.write()
    (path,) = folder.iterdir()
    path.write_bytes(b"")
    lose_the_disk(database)
    with pytest.raises(SnapshotError, match=r"All 1 snapshots in .* are damaged, so Argilla is not started"):
        restore_database(database, folder)
    assert path.exists()
    assert not database.exists()


def test_half_a_write_is_no_snapshot_and_is_removed(writer: Writer, database: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    half = folder / f"partial-reviews-000000000001-{'0' * 64}.sqlite3"
    half.write_bytes(b"half")
    assert list_snapshots(folder) == []
    writer.write()
    assert not half.exists()


def test_a_container_that_kept_its_disk_goes_on_with_it(writer: Writer, database: Path, folder: Path) -> None:
    writer.write()
    answer(database, 1)
    assert restore_database(database, folder) is None
    assert answers(database) == [0, 1]


def test_a_disk_that_is_older_than_the_snapshots_is_set_aside(
    writer: Writer, database: Path, folder: Path, tmp_path: Path
) -> None:
    writer.write()
    elsewhere = tmp_path / "elsewhere" / "argilla.db"
    restore_database(elsewhere, folder)
    with closing(Writer(elsewhere, folder)) as other:
        answer(elsewhere, 1)
        other.write()
    writer.close()
    snapshot = restore_database(database, folder)
    assert snapshot is not None
    assert snapshot.number == 2
    assert answers(database) == [0, 1]
    assert answers(database.with_name("argilla.db.before")) == [0]


def test_a_damaged_disk_is_set_aside(writer: Writer, database: Path, folder: Path) -> None:
    writer.write()
    writer.close()
    content = database.read_bytes()
    database.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    assert restore_database(database, folder) is not None
    assert answers(database) == [0]


def test_snapshots_are_consistent_while_somebody_writes(writer: Writer, database: Path, folder: Path) -> None:
    """Each transaction adds a pair, so a whole number of pairs is in each snapshot."""
    done = threading.Event()

    def keep_answering() -> None:
        number = 1
        while not done.is_set():
            answer(database, number, -number)
            number += 1

    thread = threading.Thread(target=keep_answering)
    thread.start()
    try:
        for _ in range(10):
            writer.write()
            numbers = answers(list_snapshots(folder)[0].path)
            assert sum(numbers) == 0
            assert len(numbers) % 2 == 1
    finally:
        done.set()
        thread.join()


def test_a_folder_that_cannot_be_written_is_said_and_tried_again(
    writer: Writer, database: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.parent.mkdir()
    folder.write_text("a file is in the way")
    assert not writer.write()
    assert "NO SNAPSHOT was written" in capsys.readouterr().err
    folder.unlink()
    assert writer.write()


@contextmanager
def serve(database: Path, folder: Path, program: str, *, seconds: float = 3600) -> Iterator[subprocess.Popen[str]]:
    """Run a program under the script, as the Space does. It has the path of the database as its argument."""
    options = ["--database", str(database), "--snapshots", str(folder), "--seconds", str(seconds)]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *options, "--", sys.executable, "-c", program, str(database)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        # Nothing is left to wait for, unless a test failed.
        process.terminate()
        process.communicate()


ANSWERS_AT_THE_END = """
import signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.executescript("CREATE TABLE answers (number INTEGER); INSERT INTO answers VALUES (1)")
def end(*_):
    connection.executescript("INSERT INTO answers VALUES (2)")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("serving", flush=True)
signal.pause()
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_writes_what_was_answered_until_then(number: signal.Signals, database: Path, folder: Path) -> None:
    with serve(database, folder, ANSWERS_AT_THE_END) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        process.send_signal(number)
        _, log = process.communicate()
    assert process.returncode == 0
    assert "The last snapshot is written." in log
    lose_the_disk(database)
    restore_database(database, folder)
    assert answers(database) == [1, 2]


@pytest.mark.slow
def test_the_end_of_the_command_is_the_end_with_its_exit_code_and_a_snapshot(database: Path, folder: Path) -> None:
    program = (
        "import sqlite3, sys\nsqlite3.connect(sys.argv[1]).executescript("
        "'CREATE TABLE answers (number INTEGER); INSERT INTO answers VALUES (7)')\nsys.exit(5)"
    )
    with serve(database, folder, program) as process:
        process.communicate()
    assert process.returncode == 5
    assert answers(list_snapshots(folder)[0].path) == [7]


@pytest.mark.slow
def test_while_it_runs_a_snapshot_follows_each_change(database: Path, folder: Path) -> None:
    with serve(database, folder, ANSWERS_AT_THE_END, seconds=0.05) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        # The first snapshot may be older than the table.
        while newest_size(folder) < 2 * PAGE:
            time.sleep(0.01)
        answer(database, 9)
        while answers(list_snapshots(folder)[0].path) != [1, 9]:
            time.sleep(0.01)


PAGE = 4096
"""The size of an empty database. A table takes another page."""


def newest_size(folder: Path) -> int:
    return max((snapshot.path.stat().st_size for snapshot in list_snapshots(folder)), default=0)


@pytest.mark.slow
def test_a_start_that_finds_only_damaged_snapshots_ends_with_the_sentence(database: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / f"reviews-000000000001-{'0' * 64}.sqlite3").write_bytes(b"")
    with serve(database, folder, "print('started')") as process:
        output, log = process.communicate()
    assert (process.returncode, output) == (1, "")
    assert "`curation restore` then puts back what was synced" in log


def test_a_link_is_no_snapshot(writer: Writer, database: Path, folder: Path, tmp_path: Path) -> None:
    answer(database, 1)
    assert writer.write()
    [whole] = list_snapshots(folder)
    # Somebody's file, under a name that says it is whole and newer.
    other = tmp_path / "other.sqlite3"
    answer(other, 666)
    checksum = hashlib.sha256(other.read_bytes()).hexdigest()
    (folder / f"reviews-{99:012d}-{checksum}.sqlite3").symlink_to(other)
    lose_the_disk(database)
    assert restore_database(database, folder) == whole
    assert answers(database) == [0, 1]
