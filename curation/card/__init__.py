"""The card of a published dataset: what it says as values, as text and as pictures, and its known limits."""

from curation.card.card import card_files
from curation.card.facts import CardFacts

__all__ = ["CardFacts", "card_files"]
