"""Starts Argilla from the newest snapshot of its database, and writes snapshots while it runs and when it stops.

    python snapshots.py --database LOCAL/argilla.db --snapshots /data/reviews -- COMMAND ...

The database is on the local disk, which a Space loses when it restarts. A bucket that is mounted there is no place for
a live SQLite file: it has no locks, and what is written reaches it seconds later. So every minute in which something
changed, and at the end, SQLite copies the database (a consistent copy, while people go on answering), and the copy is
written into the folder of snapshots. A snapshot is one file, and its name has its number and its checksum:

    reviews-000000000042-<SHA-256 of the file>.sqlite3

A file that was torn or damaged on its way therefore gives itself away, and the snapshot before it is used. This script
runs inside Argilla's image, so it needs nothing but Python's standard library.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60.0
KEEP = 5
STOP_SECONDS = 5.0
"""How long the command may take to end. Docker kills a container ten seconds after it asked it to stop."""
BLOCK = 1 << 20
NAME = re.compile(r"reviews-(\d{12})-([0-9a-f]{64})\.sqlite3")
PARTIAL = "partial-"
CONTAINED = ".snapshot"


class SnapshotError(Exception):
    """A sentence about what is wrong with the snapshots or the database, and what to do."""


@dataclass(frozen=True)
class Snapshot:
    """A file in the folder of snapshots."""

    path: Path
    number: int
    checksum: str


def list_snapshots(folder: Path) -> list[Snapshot]:
    """Return the snapshots in a folder, the newest first. Whether they are whole is not looked at.

    A link is none: it could lead to any file, and what it leads to would be restored and served.
    """
    files = [path for path in folder.iterdir() if path.is_file() and not path.is_symlink()] if folder.is_dir() else []
    names = [(path, NAME.fullmatch(path.name)) for path in files]
    snapshots = [Snapshot(path, int(name[1]), name[2]) for path, name in names if name]
    return sorted(snapshots, key=lambda snapshot: (snapshot.number, snapshot.checksum), reverse=True)


def restore_database(database: Path, folder: Path) -> Snapshot | None:
    """Write the newest whole snapshot to `database`; return it, or None if what is there is to be used.

    What is there is used if it is whole and contains the newest snapshot, as after a restart of a container that kept
    its disk. Otherwise it is renamed and kept. Raises SnapshotError if there are snapshots and none is whole.
    """
    snapshots = list_snapshots(folder)
    if database.exists():
        if _contained(database) >= (snapshots[0].number if snapshots else 0) and _is_whole(database):
            return None
        _set_aside(database)
    for snapshot in snapshots:
        if _copied(snapshot, database):
            database.with_suffix(CONTAINED).write_text(str(snapshot.number))
            return snapshot
    if snapshots:
        raise SnapshotError(
            f"All {len(snapshots)} snapshots in {folder} are damaged, so Argilla is not started: it would be empty. "
            "Move them to another folder to start with an empty Argilla; `curation restore` then puts back what was "
            "synced."
        )
    return None


def write_snapshot(connection: sqlite3.Connection, database: Path, folder: Path, *, keep: int = KEEP) -> bool:
    """Write a snapshot of the connected database and remove older ones than the `keep` newest.

    Returns False, and writes nothing, if the newest snapshot has the same content. Raises OSError or sqlite3.Error if
    it cannot be written; the earlier snapshots are untouched then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copy = database.with_name(f"{database.name}.copy")
    copy.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(copy)) as target:
            connection.backup(target)
        checksum = _checksum(copy)
        snapshots = list_snapshots(folder)
        if snapshots and snapshots[0].checksum == checksum:
            return False
        number = snapshots[0].number + 1 if snapshots else 1
        _put(copy, folder / f"reviews-{number:012d}-{checksum}.sqlite3")
    finally:
        copy.unlink(missing_ok=True)
    database.with_suffix(CONTAINED).write_text(str(number))
    for old in list_snapshots(folder)[keep:]:
        old.path.unlink(missing_ok=True)
    return True


def _put(copy: Path, path: Path) -> None:
    """Write a file completely or not at all: under another name, onto the disk, and then under its own."""
    for leftover in path.parent.glob(f"{PARTIAL}*"):
        leftover.unlink(missing_ok=True)
    partial = path.with_name(f"{PARTIAL}{path.name}")
    with copy.open("rb") as source, partial.open("wb") as target:
        shutil.copyfileobj(source, target, BLOCK)
        target.flush()
        os.fsync(target.fileno())
    partial.replace(path)


def _copied(snapshot: Snapshot, database: Path) -> bool:
    """Copy a snapshot to the place of the database; return whether it is whole."""
    partial = database.with_name(f"{database.name}.partial")
    database.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(snapshot.path, partial)
        if _checksum(partial) != snapshot.checksum or not _is_whole(partial):
            say(f"Snapshot {snapshot.number} is torn or damaged; the one before it is tried ({snapshot.path.name}).")
            return False
        partial.replace(database)
    except OSError as error:
        say(f"Snapshot {snapshot.number} cannot be read ({error.strerror}); the one before it is tried.")
        return False
    finally:
        for leftover in (partial, *_log_files(partial)):
            leftover.unlink(missing_ok=True)
    return True


def _is_whole(database: Path) -> bool:
    try:
        with closing(sqlite3.connect(database)) as connection:
            rows = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error:
        return False
    return rows == [("ok",)]


def _set_aside(database: Path) -> None:
    """Rename a database that is damaged or older than the snapshots, with its log."""
    say(f"{database} is damaged or older than the newest snapshot. It is kept as {database.name}.before.")
    for path in (database, *_log_files(database)):
        if path.exists():
            path.replace(path.with_name(path.name.replace(database.name, f"{database.name}.before", 1)))


def _log_files(database: Path) -> tuple[Path, ...]:
    return tuple(database.with_name(database.name + end) for end in ("-wal", "-shm", "-journal"))


def _contained(database: Path) -> int:
    """Return the number of the newest snapshot that is known to be contained in the database, 0 if none is."""
    try:
        return int(database.with_suffix(CONTAINED).read_text())
    except (OSError, ValueError):
        return 0


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


class Writer:
    """Writes a snapshot whenever the database changed since the last one."""

    def __init__(self, database: Path, folder: Path, *, keep: int = KEEP) -> None:
        self._database, self._folder, self._keep = database, folder, keep
        database.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(database, timeout=30.0)
        # With a write-ahead log nobody who answers waits for a snapshot.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._written: int | None = None

    def write(self) -> bool:
        """Write a snapshot if something changed; return whether one was written.

        If it cannot be written, that is said, and the next call tries again.
        """
        # A number that changes with every change that another connection commits.
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._written:
            return False
        try:
            written = write_snapshot(self._connection, self._database, self._folder, keep=self._keep)
        except (OSError, sqlite3.Error) as error:
            say(f"NO SNAPSHOT was written to {self._folder}: {error}. It is tried again.")
            return False
        # What changed while the snapshot was written is for the next one: the version is that from before.
        self._written = version
        return written

    def close(self) -> None:
        """Close the connection to the database."""
        self._connection.close()


class Command:
    """The command that serves Argilla, in a process group of its own."""

    def __init__(self, arguments: list[str]) -> None:
        self._process = subprocess.Popen(arguments, start_new_session=True)
        self.exit_code: int | None = None

    def reap(self) -> None:
        """Collect processes that ended. As the first process of a container this one inherits those of others."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._process.pid:
                    code = os.waitstatus_to_exitcode(status)
                    self.exit_code = self._process.returncode = 128 - code if code < 0 else code

    def signal(self, number: int) -> bool:
        """Send a signal to all processes of the group (0: to none); return whether there are any."""
        self.reap()
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        return True

    def end(self) -> None:
        """Ask the group to end, and wait for that, but not for long."""
        deadline = time.monotonic() + STOP_SECONDS
        self.signal(signal.SIGTERM)
        while self.signal(0) and time.monotonic() < deadline:
            time.sleep(0.05)


def run(arguments: list[str], writer: Writer, *, seconds: float) -> int:
    """Run a command until it ends or this process is told to; return the exit code. Snapshots are written meanwhile."""
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    command = Command(arguments)
    told, tick = False, time.monotonic() + seconds
    while command.exit_code is None and not told:
        if select.select([woken], [], [], max(0.0, tick - time.monotonic()))[0]:
            told = bool({signal.SIGTERM, signal.SIGINT} & set(os.read(woken, 4096)))
            command.reap()
        if time.monotonic() >= tick:
            writer.write()
            tick = max(tick + seconds, time.monotonic())
    command.end()
    if writer.write():
        say("The last snapshot is written.")
    command.signal(signal.SIGKILL)
    return 0 if told or command.exit_code is None else command.exit_code


def say(sentence: str) -> None:
    """Write a line into the log of the Space."""
    print(f"snapshots: {sentence}", file=sys.stderr, flush=True)


def main() -> int:
    """Start from the newest snapshot, then run the command; return its exit code, or 1 if there is no way to start."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", type=Path, required=True, help="the SQLite file, on the local disk")
    parser.add_argument("--snapshots", type=Path, required=True, help="the folder for snapshots, which outlives it")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how often to look for changes")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    arguments = parser.parse_args()
    os.umask(0o077)
    try:
        snapshot = restore_database(arguments.database, arguments.snapshots)
    except SnapshotError as error:
        say(str(error))
        return 1
    if snapshot is not None:
        say(f"The database is that of snapshot {snapshot.number}.")
    writer = Writer(arguments.database, arguments.snapshots)
    try:
        return run(arguments.command, writer, seconds=arguments.seconds)
    finally:
        writer.close()


if __name__ == "__main__":
    sys.exit(main())
