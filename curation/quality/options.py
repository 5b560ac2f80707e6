"""The `[quality]` section: which checks are on, and their bounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt, field_validator, model_validator

from curation.quality.filters import Filter
from curation.quality.language import LANGUAGES
from curation.quality.presets import PRESET, PRESET_NGRAM, preset
from curation.section import Section

NGRAM = 13
"""The default number of words in a row that a prompt shares with a benchmark that it is in (Brown et al. 2020)."""


class Quality(Section):
    """`[quality]`: which checks drop something, and their bounds.

    Out of the box only what is certainly wrong is dropped: empty answers, and pairs of identical ones. All else is off,
    because on some data each of these is right: a refusal where one is wanted, a name in a letter, a short answer.
    """

    near_duplicates: Annotated[float, Field(ge=0.5, le=1)] | None = None
    """Drop a prompt that is at least this similar to an earlier one: 0.5 to 1."""
    benchmarks: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Drop a prompt that is in one of these: files, folders, `owner/name[:config[:split]][@revision]`, or the usual
    ones at once: `preset:reward`, `preset:chat`."""
    ngram: Annotated[StrictInt, Field(ge=5, le=50)] = NGRAM
    """A prompt is in a benchmark if they share so many words in a row: 5 to 50. With those of a preset 7."""
    languages: tuple[str, ...] = ()
    """Keep only prompts in these languages, such as "en". If the list is empty, all are kept."""
    pii: StrictBool = False
    """`true`: drop prompts and answers with personal data."""
    refusals: StrictBool = False
    """`true`: drop answers that refuse."""
    ai_tells: StrictBool = False
    """`true`: drop answers that say that an AI wrote them."""
    truncated: StrictBool = False
    """`true`: drop answers that were cut off."""
    max_length_ratio: Annotated[float, Field(ge=1)] | None = None
    """Drop a pair if one answer is more than so many times as long as the other: 1 or more."""
    max_tokens: Annotated[StrictInt, Field(ge=1)] | None = None
    """Drop a prompt that has more tokens, alone or with its answer. Needs `tokenizer`."""
    tokenizer: Annotated[str, Field(min_length=1)] | None = None
    """The tokenizer that counts the tokens: a folder, or `owner/name[@revision]`. Needs `max_tokens`."""

    @field_validator("benchmarks")
    @classmethod
    def _presets_exist(cls, benchmarks: tuple[str, ...]) -> tuple[str, ...]:
        for source in benchmarks:
            preset(source)
        return benchmarks

    @field_validator("languages")
    @classmethod
    def _known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(languages) - LANGUAGES)
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no language code that the detector knows; English is 'en'")
        return languages

    @model_validator(mode="after")
    def _tokens_are_of_a_tokenizer(self) -> Quality:
        if (self.max_tokens is None) != (self.tokenizer is None):
            present, missing = ("max_tokens", "tokenizer") if self.tokenizer is None else ("tokenizer", "max_tokens")
            raise ValueError(f"{present} needs {missing}: tokens are those of the model that will be trained")
        return self

    @property
    def presets(self) -> tuple[str, ...]:
        """The entries of `benchmarks` that are presets, such as "preset:chat"."""
        return tuple(source for source in self.benchmarks if source.startswith(PRESET))

    @property
    def own_benchmarks(self) -> tuple[str, ...]:
        """The entries of `benchmarks` that are files, folders and datasets."""
        return tuple(source for source in self.benchmarks if not source.startswith(PRESET))

    def lines(self, filters: Sequence[Filter] = ()) -> tuple[str, ...]:
        """Return every check with its state in words, one a line: "answers: refusal: off"."""
        tokens = (
            f"more than {self.max_tokens} tokens of {_public_name(self.tokenizer)}"
            if self.max_tokens is not None and self.tokenizer is not None
            else None
        )
        ratio = (
            f"one answer over {self.max_length_ratio:g} times as long" if self.max_length_ratio is not None else None
        )
        benchmarks = " or ".join(
            f"{ngram} words in a row of {', '.join(map(_public_name, sources))}"
            for ngram, sources in ((self.ngram, self.own_benchmarks), (PRESET_NGRAM, self.presets))
            if sources
        )
        states = {
            "prompts: near_duplicate": f"similarity {self.near_duplicates:g} or more" if self.near_duplicates else None,
            "prompts: contaminated": benchmarks or None,
            "prompts: language": f"not {', '.join(self.languages)}" if self.languages else None,
            "prompts and answers: pii": "e-mail, phone, card and like numbers" if self.pii else None,
            "prompts and answers: too_long": tokens,
            "answers: empty": "nothing to read",
            "answers: refusal": "says that it will not or cannot" if self.refusals else None,
            "answers: ai_tell": "says that an AI wrote it" if self.ai_tells else None,
            "answers: model_name": "introduces itself by a model's name" if self.ai_tells else None,
            "answers: truncated": "cut off" if self.truncated else None,
            "pairs: identical": "the same text twice",
            "pairs: length_ratio": ratio,
        }
        states |= {f"{rule.on}: {rule.reason}": rule.fault for rule in filters}
        return tuple(f"{name}: {'off' if state is None else f'dropped if {state}'}" for name, state in states.items())

    def summary(self, filters: Sequence[Filter] = ()) -> str:
        """Return which checks are on and which are off, in one sentence."""
        names = [(line.split(": ")[1], line.endswith(": off")) for line in self.lines(filters)]
        on, off = ([name for name, is_off in names if is_off is state] for state in (False, True))
        return f"Checks: {', '.join(on)}" + (f"; off: {', '.join(off)}." if off else ".")


def _public_name(source: str) -> str:
    """Return the name of a benchmark or tokenizer for the public: of a file or folder only the name, not the path."""
    return Path(source).name if Path(source).exists() else source
