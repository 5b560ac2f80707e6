"""What `curation.ids` makes of one text, made of a whole column of texts."""

from __future__ import annotations

from hashlib import sha256

from curation import ids
from curation.frames import pl

BLANKS = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"
"""What `str.strip` takes away from texts of ASCII."""


def normalised(texts: pl.Series) -> pl.Series:
    """Return what `ids.normalise` gives for each text; most texts, of ASCII alone, are not looked at one by one."""
    simple = (texts.str.len_bytes() == texts.str.len_chars()) & ~texts.str.contains("\r", literal=True)
    stripped = texts.str.strip_chars(BLANKS)
    if simple.all():
        return stripped
    others = pl.Series([ids.normalise(text) for text in texts.filter(~simple).to_list()], dtype=pl.String)
    return stripped.scatter((~simple).arg_true(), others)


def row_ids(config: str, prompts: pl.Series, *candidates: pl.Series) -> pl.Series:
    """Return what `ids.row_id` gives for each row: the config, its prompt and the candidates in it."""
    joined = map('","'.join, zip(*(column.to_list() for column in (prompts, *candidates)), strict=True))
    # What `ids.row_id` does, written out: half of the time went into calls.
    rows = [sha256(f'["row","{config}","{identifiers}"]'.encode()).hexdigest()[: ids.LENGTH] for identifiers in joined]
    return pl.Series(rows, dtype=pl.String)


def unit_intervals(kind: str, identifiers: pl.Series) -> pl.Series:
    """Return what `ids.unit_interval` gives for each id."""
    hashes = [ids.hash_of_ids(kind, identifier) for identifier in identifiers.to_list()]
    numbers = pl.Series(hashes, dtype=pl.String).str.to_integer(base=16, dtype=pl.UInt64)
    return numbers.cast(pl.Float64) / 16.0**ids.LENGTH
