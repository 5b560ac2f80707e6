"""The functions of `curation.ids` for whole columns of texts or ids at once."""

from __future__ import annotations

from hashlib import sha256

from curation import ids
from curation.frames import pl

BLANKS = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"
"""The characters that `str.strip` removes from texts of ASCII."""


def normalised(texts: pl.Series) -> pl.Series:
    """Return `ids.normalise` of each text. Texts of ASCII, which most are, are all normalised at once."""
    simple = (texts.str.len_bytes() == texts.str.len_chars()) & ~texts.str.contains("\r", literal=True)
    stripped = texts.str.strip_chars(BLANKS)
    if simple.all():
        return stripped
    others = pl.Series([ids.normalise(text) for text in texts.filter(~simple).to_list()], dtype=pl.String)
    return stripped.scatter((~simple).arg_true(), others)


def row_ids(config: str, prompts: pl.Series, *candidates: pl.Series) -> pl.Series:
    """Return `ids.row_id` of each row, from the config, the ids of the prompts and those of the candidates."""
    return _hashes(f'row","{config}', prompts, *candidates).bin.encode("hex")


def unit_intervals(kind: str, identifiers: pl.Series) -> pl.Series:
    """Return `ids.unit_interval` of each id."""
    numbers = _hashes(kind, identifiers).bin.reinterpret(dtype=pl.UInt64, endianness="big")
    return numbers.cast(pl.Float64) / 16.0**ids.LENGTH


def _hashes(first: str, *identifiers: pl.Series) -> pl.Series:
    """Return `ids.hash_of_ids` of each row of identifiers, as bytes instead of hex digits."""
    listed = '","'.join([first, *["{}"] * len(identifiers)])
    texts = pl.select(pl.format(f'["{listed}"]', *identifiers)).to_series().cast(pl.Binary)
    return pl.Series([sha256(text).digest()[: ids.LENGTH // 2] for text in texts.to_list()], dtype=pl.Binary)
