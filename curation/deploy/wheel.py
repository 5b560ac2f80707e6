"""The wheel of the package that runs here. It is on no index, so jobs and Spaces install it from a file.

The wheel is packed from the files of the installed package, also of a checkout, so that neither sources nor a build
tool are needed. Equal files give equal bytes. The layout is that of the Binary Distribution Format of the Python
Packaging User Guide.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from curation.errors import ConfigError

PACKAGE = "curation"
BROUGHT = ("pipelines", "spaces")
"""Folders that stand beside the package in a checkout, and inside of it when it is installed."""
LEFT_OUT = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache"})
LICENSE = "licenses/LICENSE"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the wheel, so that the time at which it is packed changes nothing."""
WHEEL = "Wheel-Version: 1.0\nGenerator: curation\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


class Wheel(NamedTuple):
    """A wheel: the name of its file, such as "curation-0.1.0-py3-none-any.whl", and its bytes."""

    name: str
    content: bytes


def pack_wheel() -> Wheel:
    """Return the wheel of the package that runs here. Raises ConfigError if the package was not installed."""
    installed = distribution(PACKAGE)
    metadata, entry_points = installed.read_text("METADATA"), installed.read_text("entry_points.txt")
    if metadata is None or entry_points is None:
        raise ConfigError("The package curation is not installed as a whole.", remedy="Run `pip install .` again.")
    information = f"{PACKAGE}-{installed.version}.dist-info"
    contents = dict(sorted(_package_files()))
    contents |= {
        f"{information}/METADATA": metadata.encode(),
        f"{information}/WHEEL": WHEEL.encode(),
        f"{information}/entry_points.txt": entry_points.encode(),
        f"{information}/{LICENSE}": (installed.read_text(LICENSE) or "").encode(),
    }
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in contents.items())
    contents[f"{information}/RECORD"] = f"{record}{information}/RECORD,,\n".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return Wheel(f"{PACKAGE}-{installed.version}-py3-none-any.whl", buffer.getvalue())


def _package_files() -> Iterator[tuple[str, bytes]]:
    root = files(PACKAGE)
    yield from _files(root, PACKAGE)
    for name in BROUGHT:
        if not (root / name).is_dir():
            yield from _files(root / ".." / name, f"{PACKAGE}/{name}")


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files below a folder by their paths in the wheel."""
    for entry in folder.iterdir():
        if entry.name in LEFT_OUT:
            continue
        if entry.is_dir():
            yield from _files(entry, f"{path}/{entry.name}")
        elif not entry.name.endswith((".pyc", ".pyo")):
            yield f"{path}/{entry.name}", entry.read_bytes()


def _digest(content: bytes) -> str:
    """Return the SHA-256 as RECORD has it: base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
