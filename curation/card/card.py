"""The files of the card: README.md and its pictures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from curation.card.facts import CardFacts
from curation.card.pictures import funnel_svg, lengths_svg
from curation.card.text import render_card
from curation.store.published import CARD, FUNNEL, LENGTHS


def card_files(
    facts: CardFacts, paths: Mapping[str, Sequence[str]], *, present: Collection[str] = ()
) -> dict[str, bytes]:
    """Return README.md and its pictures by path. The same facts always give the same bytes. See `render_card`."""
    pictures = {FUNNEL: funnel_svg(facts.funnel)}
    if facts.lengths is not None:
        pictures[LENGTHS] = lengths_svg(facts.lengths)
    return {CARD: render_card(facts, paths, present=present).encode(), **pictures}
