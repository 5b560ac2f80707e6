"""What the store should hold after a pull: nothing that people decided is lost, and nothing they took back is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from curation.types import Response

Responses = dict[tuple[str, str], Response]


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged responses, and what the pull changed in the stored ones."""

    responses: Responses
    added: int
    changed: int
    withdrawn: int
    foreign: int


def merge_responses(
    stored: Mapping[tuple[str, str], Response],
    pulled: Iterable[Response],
    *,
    dataset_id: str,
    present: Collection[str],
    known: Collection[str],
) -> Merged:
    """Return the stored responses brought up to date with those pulled from the Argilla dataset `dataset_id`.

    A stored response that is missing from the pull was withdrawn only if it came from this very dataset and its record
    (`present`) is still there; answers from a dataset that was since created anew are kept. Responses to records that
    are not ours (not in `known`) are left out and counted as foreign.
    """
    incoming = {(response.record_id, response.reviewer): response for response in pulled}
    ours = {key: response for key, response in incoming.items() if response.record_id in known}
    kept = {
        key: response
        for key, response in stored.items()
        if response.dataset_id != dataset_id or response.record_id not in present
    }
    merged = {**kept, **ours}
    return Merged(
        responses=merged,
        added=sum(key not in stored for key in ours),
        changed=sum(key in stored and _said(stored[key]) != _said(response) for key, response in ours.items()),
        withdrawn=sum(key not in merged for key in stored),
        foreign=len(incoming) - len(ours),
    )


def _said(response: Response) -> tuple[object, ...]:
    return response.status, sorted(response.values.items(), key=lambda item: item[0])
