"""Whether an Argilla server was set back to an older copy of its data, as when a Space starts from its snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from curation.review.merge import Merged
from curation.review.pulled import Pulled
from curation.types import Response
from curation.wording import counted

FEWEST_NEWEST = 3
"""So many responses, the newest of all, are hardly taken back by chance."""


def sign_of_an_older_copy(
    stored: Mapping[tuple[str, str], Response], merged: Merged, pulled: Pulled, *, seen_activity: datetime | None
) -> str | None:
    """Return in words what shows that the server was set back and lost answers; None if nothing does.

    `stored` are the responses before the pull, `merged` what it made of them, and `seen_activity` is the time of the
    last activity in the dataset that the last sync saw. Argilla's times of a response and of a dataset never go back
    by what people do. After a restart from an older copy people go on, and then only the answers that are gone tell:
    they are the newest that were seen.
    """
    if merged.set_back:
        return f"it has an older state of {counted(merged.set_back, 'response')}"
    lost = [
        response
        for key, response in stored.items()
        if key not in merged.responses and response.reviewer not in merged.renamed
    ]
    # What was forgotten and what was renamed is not there either, and was not withdrawn.
    if not lost or len(lost) != merged.withdrawn:
        return None
    lacks = f"it lacks {counted(len(lost), 'response')}"
    if seen_activity is not None and pulled.last_activity_at is not None and pulled.last_activity_at < seen_activity:
        return (
            f"{lacks}, and its last activity was at {pulled.last_activity_at:%Y-%m-%d %H:%M:%S}, before that of "
            f"{seen_activity:%Y-%m-%d %H:%M:%S} (UTC) which the last sync saw"
        )
    if len(lost) >= FEWEST_NEWEST and _are_newest(lost, stored, pulled.dataset_id):
        return f"{lacks}, and they are the newest that the last sync saw"
    return None


def _are_newest(lost: list[Response], stored: Mapping[tuple[str, str], Response], dataset_id: str) -> bool:
    """Whether all other stored responses of the dataset are older than those that were lost."""
    keys = {(response.record_id, response.reviewer) for response in lost}
    others = [r.updated_at for key, r in stored.items() if key not in keys and r.dataset_id == dataset_id]
    times = [response.updated_at for response in lost]
    if not others or None in times or None in others:
        return False
    return min(time for time in times if time) > max(time for time in others if time)
