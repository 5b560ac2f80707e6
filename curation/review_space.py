"""Tells whether a review Space keeps its answers when it restarts, from what the Hub says about the Space."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from curation.costs import hardware_line
from curation.errors import AuthError, MissingError
from curation.hub import hub_errors
from curation.review.transport import SPACES, space_names

if TYPE_CHECKING:
    from huggingface_hub import HfApi, SpaceRuntime, Volume

SNAPSHOTS = "/data/reviews/"
"""Where the Space of spaces/argilla writes snapshots of its database."""
_SNAPSHOT = re.compile(r"reviews-\d{12}-[0-9a-f]{64}\.sqlite3")

ADVICE = (
    "Run `curation deploy argilla`, which gives the Space a bucket and a start script that writes snapshots to it, and "
    "`curation refresh` every hour: what was synced comes back with `curation restore`, and nothing else does."
)


@dataclass(frozen=True, slots=True)
class KeptData:
    """Where a Space keeps its answers, as a sentence; whether that outlives a restart; its hardware if known."""

    sentence: str
    safe: bool
    hardware: str | None = None

    @property
    def costs(self) -> tuple[str, ...]:
        """A sentence about the hardware and its price; none if the hardware is not known."""
        return (hardware_line(self.hardware),) if self.hardware else ()


def kept_data(api: HfApi, api_url: str) -> KeptData:
    """Return whether the answers in the Space at this address outlive a restart. Errors as in `hub.hub_errors`."""
    space = _space_at(api, api_url)
    if space is None:
        return KeptData(
            f"The Hub shows no Space at {api_url} to this token, so whether a restart loses its data is not known. "
            f"{ADVICE}",
            safe=False,
        )
    with hub_errors(api, space):
        runtime = api.get_space_runtime(space)
        sentence, safe = _storage(api, space, runtime)
    hardware = runtime.hardware or runtime.requested_hardware
    return KeptData(sentence, safe, hardware=None if hardware is None else str(getattr(hardware, "value", hardware)))


def _storage(api: HfApi, space: str, runtime: SpaceRuntime) -> tuple[str, bool]:
    volume = _volume(runtime)
    if volume is None and runtime.storage:
        # The storage of before 2026, which some Spaces still have, is a disk at /data.
        return f"{space} keeps its data in its persistent storage ({runtime.storage})", True
    if volume is None:
        return (
            f"{space} has no persistent storage: a restart loses its accounts, its records and all answers that were "
            f"not synced. {ADVICE}",
            False,
        )
    newest = _newest_snapshot(api, volume)
    if newest is None:
        return (
            f"The bucket {volume.source} of {space} has no snapshot to start from: nobody used the Space yet, or it is "
            f"not started by the script of spaces/argilla. {ADVICE}",
            False,
        )
    return f"{space} can start from a snapshot in the bucket {volume.source}, {newest}", True


def _newest_snapshot(api: HfApi, volume: Volume) -> str | None:
    """Return the name and time of the newest snapshot in a bucket, None if there is none."""
    inside = SNAPSHOTS.removeprefix(f"{volume.mount_path.rstrip('/')}/")
    prefix = f"{volume.path.strip('/')}/{inside}" if volume.path else inside
    files = [
        file
        for file in api.list_bucket_tree(volume.source, prefix=prefix.rstrip("/"), recursive=True)
        if file.type == "file" and _SNAPSHOT.fullmatch(file.path.rpartition("/")[2])
    ]
    if not files:
        return None
    newest = max(files, key=lambda file: file.path)
    written = f" of {newest.uploaded_at:%Y-%m-%d %H:%M} UTC" if newest.uploaded_at else ""
    return f"number {int(newest.path.rpartition('/')[2].split('-')[1])}{written}"


def _space_at(api: HfApi, api_url: str) -> str | None:
    """Return the name of the Space that answers at an address, None if the token may see no such Space."""
    subdomain = (urlsplit(api_url).hostname or "").removesuffix(SPACES)
    for name in space_names(api_url):
        try:
            with hub_errors(api, name):
                info = api.space_info(name)
        except (AuthError, MissingError):
            continue
        # Two Spaces may have names that differ only in where the owner's ends. Each has a subdomain of its own.
        if info.subdomain in {None, subdomain}:
            return str(info.id)
    return None


def _volume(runtime: SpaceRuntime) -> Volume | None:
    """Return the volume that outlives a restart and holds the snapshots: a writable bucket at /data, or above it."""
    for volume in runtime.volumes or ():
        holds_snapshots = SNAPSHOTS.startswith(f"{volume.mount_path.rstrip('/')}/")
        if volume.type == "bucket" and holds_snapshots and not volume.read_only:
            return volume
    return None
