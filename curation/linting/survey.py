"""Reads all rows of a dataset and keeps what `lint` needs: counts, the first rows of each fault, hashes of texts."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from curation import labels
from curation.categories import category_of, subcategory_of
from curation.dataset_rows import SourceRow, Split
from curation.errors import DataError
from curation.ids import normalise
from curation.linting.findings import Bounds, row_faults
from curation.linting.lengths import row_tokens
from curation.linting.safety import counted_as
from curation.preferences.examples import REFUSED_LAYOUTS, Example, Layout, text_of
from curation.preferences.layouts import read_example
from curation.quality.duplicates import near_duplicate_leaders
from curation.quality.language import detect_language
from curation.quality.pii import redacted
from curation.quality.tokens import TokenCounter
from curation.review_statistics import LengthBias

EXAMPLES = 3
"""So many example rows are kept for each fault."""

PROMPT_EXCERPT, ANSWER_EXCERPT = 40, 60
READ_FOR_EXCERPT = 2000
HALF = 0.5
FEWEST_SORTED = 8
"""Labels are sorted only if there are so many rows of each: by chance, 1 of 6,435 orders of 8 and 8 rows is sorted."""
MEANT = frozenset({("reward", "column_margin")})
"""Columns that are fine in a config with this name: RewardTrainer uses a margin."""


@dataclass(slots=True)
class Tally:
    """The number of rows with one fault, and (place, excerpt) of the first of them."""

    count: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class _SplitTally:
    """Counts of one split that show a fault only when its last row was read."""

    first_layout: Layout | None = None
    labels: Counter[bool] = field(default_factory=Counter)
    last_label: bool | None = None
    label_changes: Tally = field(default_factory=Tally)
    without_kwargs: Tally = field(default_factory=Tally)
    has_kwargs: bool = False

    def faults(self) -> Iterator[tuple[str, Tally]]:
        """Yield (name of the fault, its rows)."""
        if self.label_changes.count == 1 and min(self.labels.values()) >= FEWEST_SORTED:
            yield "sorted_by_label", Tally(self.labels.total(), self.label_changes.examples)
        # If only some rows have this key, `datasets` reads it as null in the others.
        if self.has_kwargs and self.without_kwargs.count:
            yield "null_chat_template_kwargs", self.without_kwargs


class Survey:
    """Reads splits one after the other, "train" first in each config, and keeps what the report needs.

    Two prompts with at least the Jaccard similarity `near_duplicates` count as near-duplicates. Tokens are counted if
    there is a `counter`.
    """

    def __init__(self, bounds: Bounds, *, near_duplicates: float, counter: TokenCounter | None = None) -> None:
        self.bounds = bounds
        self.near_duplicates = near_duplicates
        self.counter = counter
        self.rows = 0
        self.layouts: dict[tuple[str, str], Counter[str]] = {}
        self.languages: Counter[str] = Counter()
        self.labels: Counter[bool] = Counter()
        self.categories: Counter[str] = Counter()
        self.subcategories: Counter[tuple[str, str]] = Counter()
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self._prompts: set[int] = set()
        self._first_rows = array("Q")
        self._rows_seen: defaultdict[str, set[int]] = defaultdict(set)
        self._prompts_of_kind: defaultdict[str, defaultdict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        self._chosen_lengths, self._rejected_lengths = array("Q"), array("Q")
        # A score contradicts a label only on a scale from 0 to 1, which is known only after the last row.
        self._label_scores = Tally()
        self._beyond_one = False

    @property
    def prompts(self) -> int:
        """The number of different prompts."""
        return len(self._prompts)

    def read(self, splits: Sequence[Split]) -> None:
        """Read every row of the splits, in order. A few near-duplicates are read a second time, for excerpts."""
        # Prompts go to the search for near-duplicates as they are read, so that no texts are kept in memory.
        leaders = near_duplicate_leaders(self._new_prompts(splits), threshold=self.near_duplicates)
        near = [row for place, row in enumerate(self._first_rows) if leaders[place] != place]
        if near:
            self._tallies["near_duplicate"] = Tally(len(near), list(_examples_at(splits, near[:EXAMPLES])))

    def _new_prompts(self, splits: Sequence[Split]) -> Iterator[str]:
        """Read every row, and yield each new prompt that is nothing but text."""
        for split in splits:
            self.layouts[split.config, split.name] = Counter()
            split_tally = _SplitTally()
            for row in split.rows():
                prompts = self.prompts
                example = self._look(row, split, split_tally)
                self.rows += 1
                if example is not None and self.prompts > prompts and _is_text(example):
                    self._first_rows.append(self.rows - 1)
                    yield _compared(example)
            for name, tally in split_tally.faults():
                _merge(self._tallies[name], tally)

    def _look(self, row: SourceRow, split: Split, split_tally: _SplitTally) -> Example | None:
        layouts = self.layouts[split.config, split.name]
        try:
            example = _read(row)
        except DataError as error:
            fault = "row_too_large" if row.too_large else "unreadable"
            layouts[fault] += 1
            self._count(fault, row.where, _excerpt(str(error), ANSWER_EXCERPT))
            return None
        layouts[example.layout] += 1
        names = [*row_faults(example, self.bounds), *self._among_others(example, split, split_tally)]
        names += self._token_faults(example, row)
        for name in dict.fromkeys(names):
            if (split.config, name) in MEANT:
                continue
            self._count(name, row.where, example)
        self._measure(example, row.where)
        _look_in_split(split_tally, example, row)
        return example

    def _token_faults(self, example: Example, row: SourceRow) -> list[str]:
        if self.counter is None or row.values is None or example.layout in REFUSED_LAYOUTS:
            return []
        try:
            return ["too_long"] if row_tokens(self.counter, row.values) > self.bounds.max_length else []
        except DataError:
            return ["template_refuses"]

    def tallies(self) -> dict[str, Tally]:
        """Return the rows of each fault, by its name."""
        tallies = dict(self._tallies)
        if self._label_scores.count and not self._beyond_one:
            pairs = tallies.get("score_contradicts", Tally())
            examples = [*pairs.examples, *self._label_scores.examples][:EXAMPLES]
            tallies["score_contradicts"] = Tally(pairs.count + self._label_scores.count, examples)
        return tallies

    def length_bias(self) -> LengthBias | None:
        """Return how often the longer answer is chosen; None without pairs."""
        return labels.length_bias(self._chosen_lengths, self._rejected_lengths) if self._chosen_lengths else None

    def _among_others(self, example: Example, split: Split, split_tally: _SplitTally) -> list[str]:
        """Return the faults of a row that depend on the rows before it."""
        prompt = _hash(*chain.from_iterable(example.prompt or ()), example.media)
        faults = self._repeats(example, prompt, config=split.config)
        if example.layout not in REFUSED_LAYOUTS:
            split_tally.first_layout = split_tally.first_layout or example.layout
            faults += ["mixed_layouts"] if example.layout != split_tally.first_layout else []
        if not example.prompt:
            return faults
        if self._is_in_another_split(prompt, split):
            faults.append("prompt_in_two_splits")
        if prompt not in self._prompts:
            self._prompts.add(prompt)
            self._categorise(example)
        return faults

    def _is_in_another_split(self, prompt: int, split: Split) -> bool:
        """Whether a prompt is in a split of another kind too. ("train_sft" and "train_prefs" are of the same kind.)"""
        of_config = self._prompts_of_kind[split.config]
        kind = next((kind for kind in ("train", "test") if split.name.startswith(kind)), split.name)
        of_config[kind].add(prompt)
        return any(prompt in prompts for other_kind, prompts in of_config.items() if other_kind != kind)

    def _repeats(self, example: Example, prompt: int, *, config: str) -> list[str]:
        same, opposite = _row_hashes(example, prompt)
        # The same pairs may be in several configs, for several trainers. They are measured once.
        if not any(same in rows for rows in self._rows_seen.values()):
            self._measure_lengths(example)
        known_rows = self._rows_seen[config]
        faults = [name for name, key in (("duplicate", same), ("contradiction", opposite)) if key in known_rows]
        # Two equal answers are their own opposite.
        if same == opposite and "contradiction" in faults:
            faults.remove("contradiction")
        known_rows.add(same)
        return faults

    def _categorise(self, example: Example) -> None:
        category = category_of(example.category)
        self.categories[counted_as(example.category)] += 1
        subcategory = subcategory_of(category, example.subcategory) if category is not None else None
        if category is not None and subcategory is not None:
            self.subcategories[category, subcategory] += 1

    def _measure_lengths(self, example: Example) -> None:
        # A call of a tool has no length in characters.
        if example.chosen is not None and example.rejected is not None and not any(example.attachments):
            self._chosen_lengths.append(len(example.chosen))
            self._rejected_lengths.append(len(example.rejected))

    def _measure(self, example: Example, where: str) -> None:
        text = example.prompt[-1].content if example.prompt else example.answers[0]
        self.languages[detect_language(text) or "unknown"] += 1
        if example.label is None:
            return
        self.labels[example.label] += 1
        if example.score is not None:
            self._beyond_one = self._beyond_one or not 0 <= example.score <= 1
            if example.score != HALF and (example.score > HALF) != example.label:
                _add(self._label_scores, where, _row_excerpt(example, "score_contradicts"))

    def _count(self, name: str, where: str, evidence: Example | str) -> None:
        if isinstance(evidence, str):
            _add(self._tallies[name], where, evidence)
        else:
            _add_example(self._tallies[name], where, evidence, name)


def _examples_at(splits: Sequence[Split], numbers: Sequence[int]) -> Iterator[tuple[str, str]]:
    """Yield (place, excerpt) of the rows with these numbers, which are sorted and count from 0."""
    rows = enumerate(islice(chain.from_iterable(split.rows() for split in splits), numbers[-1] + 1))
    for number, row in rows:
        if number in numbers:
            yield row.where, _row_excerpt(_read(row), "near_duplicate")


def _look_in_split(split_tally: _SplitTally, example: Example, row: SourceRow) -> None:
    if row.values is not None and "chat_template_kwargs" in row.values:
        split_tally.has_kwargs = True
    else:
        _add_example(split_tally.without_kwargs, row.where, example, "null_chat_template_kwargs")
    if example.label is None:
        return
    split_tally.labels[example.label] += 1
    if split_tally.last_label not in (None, example.label):
        _add_example(split_tally.label_changes, row.where, example, "sorted_by_label")
    split_tally.last_label = example.label


def _is_text(example: Example) -> bool:
    """Whether a prompt is nothing but text. Prompts with images are not compared by their words."""
    return not example.media and not any(turn.attachments for turn in example.prompt or ())


def _compared(example: Example) -> str:
    """Return the text by which a prompt is compared: without system messages, because many prompts share these."""
    spoken = [turn for turn in example.prompt or () if turn.role != "system"]
    return text_of(spoken) if spoken else example.prompt_text


def _merge(tally: Tally, more: Tally) -> None:
    tally.count += more.count
    tally.examples = [*tally.examples, *more.examples][:EXAMPLES]


def _add_example(tally: Tally, where: str, example: Example, check: str) -> None:
    # Making an excerpt includes a search for personal data, so it is only made if it is kept.
    _add(tally, where, _row_excerpt(example, check) if len(tally.examples) < EXAMPLES else "")


def _add(tally: Tally, where: str, excerpt: str) -> None:
    tally.count += 1
    if len(tally.examples) < EXAMPLES:
        tally.examples.append((where, excerpt))


def _read(row: SourceRow) -> Example:
    if row.values is None:
        raise DataError(row.reason)
    return read_example(row.values)


def _row_hashes(example: Example, prompt: int) -> tuple[int, int]:
    """Return the hash of a row, and the hash of a row that says the opposite about the same answers."""
    answers = [_hash(text, attachment) for text, attachment in zip(example.answers, example.attachments, strict=True)]
    if example.paired:
        return hash((prompt, *answers)), hash((prompt, *reversed(answers)))
    opposite = None if example.label is None else not example.label
    return hash((prompt, str(example.label), *answers)), hash((prompt, str(opposite), *answers))


def _hash(*texts: str) -> int:
    """Return a 64-bit hash of the normalised texts. Their lengths are hashed too: ("ab", "c") is not ("a", "bc")."""
    digest = hashlib.blake2b(digest_size=8)
    for text in texts:
        encoded = normalise(text).encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return int.from_bytes(digest.digest(), "little")


def _row_excerpt(example: Example, check: str) -> str:
    """Return the beginnings of the prompt and of the answer that a check is about, on one line."""
    answer = example.unwanted if check == "rejected_refuses" else example.wanted
    text = example.answers[0] if answer is None else answer
    prompt = example.prompt[-1].content if example.prompt else ""
    return f"{_excerpt(prompt, PROMPT_EXCERPT)} -> {_excerpt(text, ANSWER_EXCERPT)}"


def _excerpt(text: str, length: int) -> str:
    """Return the beginning of a text on one line, without personal data and terminal escapes.

    Personal data is replaced before the text is cut, because half of an e-mail address would not be recognised.
    """
    plain = "".join(character if character.isprintable() else " " for character in redacted(text[:READ_FOR_EXCERPT]))
    line = " ".join(plain.split())
    return line if len(line) <= length else line[: length - 3] + "..."
