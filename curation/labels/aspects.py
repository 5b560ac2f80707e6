"""What reviewers said of one answer besides its score: ratings of aspects, and what they ticked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from pydantic import JsonValue

Labels = Mapping[str, Sequence[str]]
"""The labels of an annotation; a label of the second answer on the page has a name such as "honesty_2"."""


def aspects_of_answer(responses: Iterable[tuple[int, Labels]]) -> dict[str, JsonValue]:
    """Return what all responses say of one answer by aspect, in the layout of UltraFeedback's `annotations`.

    `responses` have the place at which each response saw the answer, from 1, and the labels of the response. Of an
    aspect that is rated it is the mean rating, of a question with several choices the share of reviewers who made each:
    {"honesty": {"rating": 4.5, "reviewers": 2}, "criteria": {"shares": {"brief_reason": 0.5}, "reviewers": 2}}. A
    choice that nobody made is not named.
    """
    given: defaultdict[str, list[Sequence[str]]] = defaultdict(list)
    for place, labels in responses:
        for question, values in labels.items():
            name, _, number = question.rpartition("_")
            if name and number == str(place):
                given[name].append(values)
    return {name: _together(given[name]) for name in sorted(given)}


CHOICES = {"a": 1, "tie": 0, "b": -1}
CHOICE = "aspect_"
"""The label of a choice between two answers by an aspect begins so: {"aspect_honesty": ["a"]}."""


def ways_by_aspect(labels: Labels) -> dict[str, int]:
    """Return which of the first two answers of a page a response prefers by each aspect that it says something of.

    1 is the first, -1 the second, 0 neither. {"aspect_honesty": ["tie"], "depth_1": ["4"], "depth_2": ["2"]} gives
    {"depth": 1, "honesty": 0}: a choice between both, and a rating of each.
    """
    ways = {}
    for question, values in sorted(labels.items()):
        aspect = question.removeprefix(CHOICE)
        if aspect != question and len(values) == 1 and values[0] in CHOICES:
            ways[aspect] = CHOICES[values[0]]
        elif question.endswith("_1"):
            aspect = question.removesuffix("_1")
            first, second = _rated(values), _rated(labels.get(f"{aspect}_2", ()))
            if first is not None and second is not None:
                ways[aspect] = (first > second) - (first < second)
    return ways


def _rated(values: Sequence[str]) -> int | None:
    """The rating that a label is, null if it is none."""
    return int(values[0]) if len(values) == 1 and values[0].isdecimal() else None


def _together(given: Sequence[Sequence[str]]) -> JsonValue:
    reviewers = len(given)
    if all(len(values) == 1 and values[0].isdecimal() for values in given):
        return {"rating": round(fmean(int(values[0]) for values in given), 9), "reviewers": reviewers}
    counts = Counter(value for values in given for value in values)
    return {"shares": {name: counts[name] / reviewers for name in sorted(counts)}, "reviewers": reviewers}
