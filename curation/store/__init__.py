"""The Hub as a store: atomic commits, the tables of a curation, the published dataset and its card."""

from curation.store.card import CardFacts, render_card
from curation.store.manifest import Manifest, PromptsRead, ReviewedDataset
from curation.store.published import PublishedDataset
from curation.store.repo import Change, HubRepo
from curation.store.store import Snapshot, Store

__all__ = [
    "CardFacts",
    "Change",
    "HubRepo",
    "Manifest",
    "PromptsRead",
    "PublishedDataset",
    "ReviewedDataset",
    "Snapshot",
    "Store",
    "render_card",
]
