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


def _together(given: Sequence[Sequence[str]]) -> JsonValue:
    reviewers = len(given)
    if all(len(values) == 1 and values[0].isdecimal() for values in given):
        return {"rating": round(fmean(int(values[0]) for values in given), 9), "reviewers": reviewers}
    counts = Counter(value for values in given for value in values)
    return {"shares": {name: counts[name] / reviewers for name in sorted(counts)}, "reviewers": reviewers}
