"""Whether the Space in which people review keeps its data when it restarts, as far as the Hub says."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from curation.errors import AuthError, MissingError
from curation.hub import hub_errors
from curation.review.transport import SPACES, space_names

if TYPE_CHECKING:
    from huggingface_hub import HfApi, SpaceRuntime

DATA = "/data"
"""Where the Space of spaces/argilla keeps its database."""

ADVICE = (
    "Mount a storage bucket at /data as spaces/argilla/README.md shows, and run `curation sync` every hour: what was "
    "synced comes back with `curation restore`, and nothing else does."
)


def kept_data(api: HfApi, api_url: str) -> tuple[str, bool]:
    """Return a sentence about where the Space at this address keeps its data, and whether that outlives a restart.

    Errors as in `hub.hub_errors`.
    """
    space = _space_at(api, api_url)
    if space is None:
        return (
            f"The Hub shows no Space at {api_url} to this token, so whether a restart loses its data is not known. "
            f"{ADVICE}",
            False,
        )
    with hub_errors(api, space):
        runtime = api.get_space_runtime(space)
    bucket = _bucket(runtime)
    if bucket is not None:
        return f"{space} keeps its data in {bucket}", True
    return (
        f"{space} has no persistent storage: a restart loses its accounts, its records and all answers that were not "
        f"synced. {ADVICE}",
        False,
    )


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


def _bucket(runtime: SpaceRuntime) -> str | None:
    """Return what of a Space outlives a restart, None if nothing does: a writable bucket at /data, or above it."""
    for volume in runtime.volumes or ():
        holds_data = f"{DATA}/".startswith(f"{volume.mount_path.rstrip('/')}/")
        if volume.type == "bucket" and holds_data and not volume.read_only:
            return f"the bucket {volume.source}, mounted at {volume.mount_path}"
    # The storage of before 2026, which some Spaces still have, is always at /data.
    return f"its persistent storage ({runtime.storage})" if runtime.storage else None
