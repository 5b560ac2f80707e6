"""The Hub as a store: atomic commits, the tables of a curation, the published dataset and its card."""

from curation.store.card import CardFacts, card_files
from curation.store.manifest import Manifest, PromptsRead, ReviewedDataset, Settings
from curation.store.published import MANIFEST, PublishedDataset
from curation.store.repo import Change, HubRepo
from curation.store.store import CANDIDATE_SETS, RECORDS, RESPONSES, Reviews, Snapshot, Store

__all__ = [
    "CANDIDATE_SETS",
    "MANIFEST",
    "RECORDS",
    "RESPONSES",
    "CardFacts",
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
    "card_files",
]
