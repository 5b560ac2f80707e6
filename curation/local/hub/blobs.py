"""Content on disk. Files are named by their content: blobs by their sha256, xorbs by their Xet hash.

A file is written under a temporary name and renamed when it is complete, so every file under its real name is complete.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO


@dataclass(frozen=True, slots=True)
class Blob:
    """The name and size of stored content."""

    sha256: str
    size: int


@dataclass(slots=True)
class _Draft:
    """A file that is being written, and the hash of what was written so far."""

    path: Path
    file: IO[bytes]
    size: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def write(self, data: bytes) -> None:
        self.file.write(data)
        self.digest.update(data)
        self.size += len(data)

    @property
    def blob(self) -> Blob:
        return Blob(self.digest.hexdigest(), self.size)


class Blobs:
    """The two folders of content. They are created if missing, and drafts of a server that was killed are removed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._drafts = folder / "drafts"
        self._blobs = folder / "blobs"
        self._xorbs = folder / "xorbs"
        shutil.rmtree(self._drafts, ignore_errors=True)
        for path in (self._drafts, self._blobs, self._xorbs):
            path.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Return the path of the blob with this hash, whether it exists or not."""
        return self._blobs / sha256[:2] / sha256

    def xorb_path(self, xorb: str) -> Path:
        """Return the path of the xorb with this hash, whether it exists or not."""
        return self._xorbs / xorb[:2] / xorb

    def keep(self, pieces: Iterable[bytes], *, expected: str | None = None) -> Blob:
        """Store the pieces as one blob. Raises ValueError if `expected` is given and is not their sha256."""
        with self._draft() as draft:
            for piece in pieces:
                draft.write(piece)
            return self._settle(draft, expected)

    async def receive(self, pieces: AsyncIterable[bytes], *, expected: str) -> Blob:
        """Store what a client sends as one blob. Raises ValueError if its sha256 is not `expected`."""
        with self._draft() as draft:
            async for piece in pieces:
                draft.write(piece)
            return self._settle(draft, expected)

    @contextmanager
    def receive_xorb(self, xorb: str) -> Iterator[IO[bytes]]:
        """Yield a file to write to. It becomes the xorb if the block ends without an exception."""
        with self._draft() as draft:
            yield draft.file
            draft.file.flush()
            self._rename(draft, self.xorb_path(xorb))

    def _settle(self, draft: _Draft, expected: str | None) -> Blob:
        blob = draft.blob
        if expected is not None and blob.sha256 != expected:
            raise ValueError(f"The content has the sha256 {blob.sha256}, not {expected}.")
        draft.file.flush()
        self._rename(draft, self.path(blob.sha256))
        return blob

    @contextmanager
    def _draft(self) -> Iterator[_Draft]:
        with tempfile.NamedTemporaryFile(dir=self._drafts, delete=False) as file:
            draft = _Draft(Path(file.name), file.file)
            try:
                yield draft
            finally:
                draft.path.unlink(missing_ok=True)

    @staticmethod
    def _rename(draft: _Draft, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        draft.path.replace(path)
