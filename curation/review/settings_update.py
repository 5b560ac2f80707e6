"""Changes the settings of an Argilla dataset that do not change what an answer means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from curation.review.record_writing import MOST_RECORDS
from curation.review.shares import SHARE, share_of
from curation.review.spec import TaskSpec


def update_guidelines(http: httpx.Client, dataset_id: str, task: TaskSpec) -> None:
    """Set the guidelines and `min_submitted` to those of `task`."""
    distribution = {"strategy": "overlap", "min_submitted": task.min_submitted}
    body = {"guidelines": task.guidelines.strip() or None, "distribution": distribution}
    http.patch(f"/api/v1/datasets/{dataset_id}", json=body).raise_for_status()


def update_pages(http: httpx.Client, fields: Iterable[Mapping[str, Any]], task: TaskSpec) -> None:
    """Set the pages of the card to those of `task`. `fields` are those of the dataset, as Argilla's API gives them."""
    templates = {field.name: field.template for field in task.fields if field.template is not None}
    for field in fields:
        if field["name"] in templates and field["settings"]["type"] == "custom":
            settings = {**field["settings"], "template": templates[field["name"]]}
            http.patch(f"/api/v1/fields/{field['id']}", json={"settings": settings}).raise_for_status()


def update_shares(
    http: httpx.Client,
    dataset_id: str,
    properties: Iterable[Mapping[str, Any]],
    records: Iterable[Mapping[str, Any]],
) -> None:
    """Let reviewers filter by the share. `properties` are the metadata of the dataset, as Argilla's API gives them.

    If the share is not among them it is added, and each of `records` that is ours gets its share.
    """
    share = next((part for part in properties if part["name"] == SHARE), None)
    if share is not None:
        visible = {"visible_for_annotators": True}
        http.patch(f"/api/v1/metadata-properties/{share['id']}", json=visible).raise_for_status()
        return
    added = {"name": SHARE, "title": "Share", "settings": {"type": "terms"}, "visible_for_annotators": True}
    http.post(f"/api/v1/datasets/{dataset_id}/metadata-properties", json=added).raise_for_status()
    items = [
        {"id": record["id"], "metadata": {SHARE: share_of(record["external_id"])}}
        for record in records
        if record["external_id"] is not None
    ]
    for start in range(0, len(items), MOST_RECORDS):
        body = {"items": items[start : start + MOST_RECORDS]}
        http.put(f"/api/v1/datasets/{dataset_id}/records/bulk", json=body).raise_for_status()
