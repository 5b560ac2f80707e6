"""The two repos of a curation on the Hub: the private store and the published dataset."""

from typing import TYPE_CHECKING

from curation.late import late_names
from curation.store.manifest import LastSync, Manifest, PromptsRead, ReviewedDataset, Settings
from curation.store.published import MANIFEST, PublishedDataset
from curation.store.repo import Change, HubRepo

if TYPE_CHECKING:
    from curation.store.snapshot import (
        CANDIDATE_SETS,
        ESCALATED_RECORDS,
        GOLD,
        LEFT_TO_JUDGE,
        NOT_SHOWN,
        QUESTION_SETS,
        RECORDS,
        RESPONSES,
        Snapshot,
    )
    from curation.store.store import Reviews, Store
else:
    __getattr__ = late_names(
        __name__,
        {
            "snapshot": (
                "CANDIDATE_SETS ESCALATED_RECORDS GOLD LEFT_TO_JUDGE NOT_SHOWN QUESTION_SETS RECORDS RESPONSES Snapshot"
            ),
            "store": "Reviews Store",
        },
    )

__all__ = [
    "CANDIDATE_SETS",
    "ESCALATED_RECORDS",
    "GOLD",
    "LEFT_TO_JUDGE",
    "MANIFEST",
    "NOT_SHOWN",
    "QUESTION_SETS",
    "RECORDS",
    "RESPONSES",
    "Change",
    "HubRepo",
    "LastSync",
    "Manifest",
    "PromptsRead",
    "PublishedDataset",
    "ReviewedDataset",
    "Reviews",
    "Settings",
    "Snapshot",
    "Store",
]
