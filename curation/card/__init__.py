"""The card of a published dataset: its facts, its text, its pictures, and the known limits of the data."""

from curation.card.card import card_files
from curation.card.facts import CardFacts

__all__ = ["CardFacts", "card_files"]
