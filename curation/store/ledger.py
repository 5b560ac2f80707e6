"""The ledger of responses: every version that a sync saw, oldest first (see `types.ResponseVersion`).

A response that changes gives one more version, and so does one that is withdrawn. So the store can tell what people
answered at any time, and a withdrawn answer is a fact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from curation.types import Response, ResponseVersion

Responses = Mapping[tuple[str, str], Response]
"""Responses by (record id, reviewer)."""


def present(versions: Iterable[ResponseVersion]) -> dict[tuple[str, str], Response]:
    """Return the responses that are there after all versions, by (record id, reviewer)."""
    latest = {(version.record_id, version.reviewer): version for version in versions}
    return {key: version.response for key, version in latest.items() if version.ended is None}


def new_versions(
    before: Responses, after: Responses, *, renamed: Mapping[str, str], synced_at: datetime
) -> list[ResponseVersion]:
    """Return the versions that lead from the responses before a sync to those after it.

    `renamed` has the present username of each reviewer by the former one.
    """

    def ended(response: Response) -> ResponseVersion:
        other_name = (response.record_id, renamed.get(response.reviewer, response.reviewer))
        reason = "renamed" if other_name in after else "withdrawn"
        return ResponseVersion(**dict(response), synced_at=synced_at, ended=reason)

    ended_versions = [ended(before[key]) for key in sorted(before.keys() - after.keys())]
    changed = [key for key in sorted(after) if before.get(key) != after[key]]
    # What is a Response needs no check, which would take most of the time of the first sync of many responses.
    return ended_versions + [
        ResponseVersion.model_construct(**dict(after[key]), synced_at=synced_at) for key in changed
    ]


def without(versions: Sequence[ResponseVersion], accounts: Collection[str]) -> list[ResponseVersion]:
    """Return the versions that are not of these accounts."""
    return [version for version in versions if version.server_user_id not in accounts]
