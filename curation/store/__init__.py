"""The two repos of a curation on the Hub: the private store and the published dataset."""

from curation.store.manifest import Manifest, PromptsRead, ReviewedDataset, Settings
from curation.store.published import MANIFEST, PublishedDataset
from curation.store.repo import Change, HubRepo
from curation.store.store import CANDIDATE_SETS, NOT_SHOWN, RECORDS, RESPONSES, Reviews, Snapshot, Store

__all__ = [
    "CANDIDATE_SETS",
    "MANIFEST",
    "NOT_SHOWN",
    "RECORDS",
    "RESPONSES",
    "Change",
    "HubRepo",
    "Manifest",
    "PromptsRead",
    "PublishedDataset",
    "ReviewedDataset",
    "Reviews",
    "Settings",
    "Snapshot",
    "Store",
]
