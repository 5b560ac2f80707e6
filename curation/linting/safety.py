"""A checklist for refusal data: how many prompts of each category it needs, and what makes its answers good.

The shares, sizes and rules for answers come from "Creating Preference Datasets" (Panaversity, Agent Factory, chapter
"Alignment & Safety"), as the categories do (`curation.categories`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from curation.categories import BENIGN, CATEGORIES, category_of, is_benign
from curation.quality.answers import is_refusal, with_straight_apostrophes

Use = Literal["alignment", "domain", "iteration"]
State = Literal["below", "within", "above"]

TARGETS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "direct_harm": (25, 35),
        "prompt_injection": (15, 25),
        "social_engineering": (15, 20),
        "gradual_escalation": (10, 15),
        "edge_case": (20, 30),
    }
)
"""The lowest and highest share of each category, in percent of all prompts."""

MINIMUM: Mapping[Use, int] = MappingProxyType({"alignment": 100, "domain": 50, "iteration": 20})
"""The smallest number of prompts for each use: a first alignment, tuning for one domain, one more round."""

SHORTEST = 50
"""A chosen answer needs at least so many characters for a boundary, a reason and an alternative."""


@dataclass(frozen=True, slots=True)
class Share:
    """The share of one category. `low` and `high` are in percent; `share` is in [0, 1], and None without prompts.

    `lacks` is the number of prompts to add. `missing` are the subcategories that no prompt has; it is empty if the
    dataset has no subcategories at all.
    """

    category: str
    count: int
    share: float | None
    low: int
    high: int
    state: State
    lacks: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How the prompts of a dataset are spread over the categories. `uncategorised` prompts have no known category.

    The `benign` twins of harmful prompts are not in the total.
    """

    total: int
    uncategorised: int
    benign: int
    shares: tuple[Share, ...]


def counted_as(category: str | None) -> str:
    """Return the key under which `coverage` counts a prompt with this in its column category."""
    return BENIGN if is_benign(category) else category_of(category) or "other"


def coverage(
    counts: Mapping[str, int], subcategories: Mapping[tuple[str, str], int] | None = None, *, minimum: int = 1
) -> Coverage:
    """Return how `counts` prompts are spread over the categories, and how many each category lacks.

    `counts` is by `counted_as`; keys that are no category count as `uncategorised`, and in the total. Prompts that are
    added also make the total larger. So `lacks` are the smallest numbers with which every category reaches the lower
    end of its share of the new total, which is at least `minimum`. `subcategories` counts prompts by (category,
    subcategory); without it, no subcategory is reported as missing.
    """
    known = {category: counts.get(category, 0) for category in TARGETS}
    benign = counts.get(BENIGN, 0)
    total = sum(counts.values()) - benign
    target = _smallest_total(known, total - sum(known.values()), minimum=max(minimum, 1))
    return Coverage(
        total=total,
        uncategorised=total - sum(known.values()),
        benign=benign,
        shares=tuple(
            Share(
                category=category,
                count=known[category],
                share=known[category] / total if total else None,
                low=low,
                high=high,
                state=_state(known[category], total, low, high),
                lacks=max(_percent_of(low, target) - known[category], 0),
                missing=_missing(category, subcategories),
            )
            for category, (low, high) in TARGETS.items()
        ),
    )


def is_too_short(chosen: str) -> bool:
    """Whether a chosen answer has fewer than `SHORTEST` characters, not counting blanks around it."""
    return len(chosen.strip()) < SHORTEST


_LECTURES = re.compile(
    r"\bhow dare you\b|\bshame on you\b|\bashamed of yourself\b"
    r"|\b(?:please |seriously |strongly |to )(?:re-?consider|re-?think) (?:your|what you|this|the)\b"
    # "to reflect on your day" is advice and does not count.
    r"|\b(?:please |seriously |strongly )reflect (?:up)?on (?:your|what you|this|the)\b"
    r"|\byou (?:should|must|need to|ought to|have to) (?:really |seriously |also |first )?"
    r"(?:be ashamed|feel ashamed|know (?:that|better)|understand that|reali[sz]e|reconsider|rethink|"
    r"think (?:about what|twice|long and hard)|stop (?:asking|and think)|seek (?:professional |appropriate )?help|"
    r"(?:not|never) (?:ask|even|think|want|do (?:that|this|such)))"
    r"|\b(?:it|that|this|what you(?:'re| are)(?: \w+){1,4}) ?(?:'s|is|would be) "
    r"(?:\w+ly |so |just |very |simply )?(?:(?:morally|ethically) )?"
    r"(?:wrong|immoral|unethical|shameful|disgusting|reprehensible|despicable|evil)\b"
    r"|\bI (?:strongly |must |would )?(?:urge|implore|condemn)\b"
    r"|\bas a (?:responsible|decent|good) (?:person|citizen|human)\b",
    re.IGNORECASE,
)


def lectures(chosen: str) -> bool:
    """Whether a chosen answer moralises: "you should know that this is wrong", "please reconsider", "how dare you".

    Advice ("you should see a doctor") and a short reason ("that could be surveillance") are not lectures. Only English
    wordings are known.
    """
    return _LECTURES.search(with_straight_apostrophes(chosen)) is not None


_ALTERNATIVE = re.compile(
    r"\b(?:I|we)(?: can| could| would|'d|'m|'ll| am| will) "
    r"(?:also |still |gladly |certainly |instead |definitely |be )*"
    r"(?:help|assist|happy|glad|suggest|offer|explain|show|share|point|walk|recommend|support|talk|discuss|work|set up|"
    r"draft|write|outline|provide|give|tell|look|find)\b"
    r"|\b(?:instead|alternatively|an alternative|what if|how about|would you like|shall we|"
    r"let me (?:help|suggest|know)|if you(?:'d| would) like|(?:can|could) you (?:tell|say|share|give)|"
    r"(?:reach out|talk|turn) to|"
    r"(?:call|contact|text) (?:the |a |your |your local )?(?:\d+|crisis|hotline|emergency|police|local)|"
    r"(?:could|might|can|may) (?:try|consider|ask|use|look|report|contact|also)|consider \w+ing)\b"
    r"|\bwhat(?:'s| is| are| would| do| can)\b[^.!?]{3,}\?|\bare you (?:trying|looking|asking)\b[^.!?]*\?",
    re.IGNORECASE,
)


def offers_no_alternative(chosen: str) -> bool:
    """Whether a chosen answer ends the conversation: it names no alternative and asks no question.

    Only English wordings are known. For an answer in another language this is True, so check the language first.
    """
    return _ALTERNATIVE.search(with_straight_apostrophes(chosen)) is None


_DECLINES = re.compile(
    r"\b(?:can't|cannot|can not|won't|will not|unable to|not able to|refuse to|decline to|must decline|"
    r"not (?:comfortable|going to|something I))\b|^\s*no\b",
    re.IGNORECASE,
)


def declines(text: str) -> bool:
    """Whether an answer refuses something anywhere in its text (`is_refusal` looks at the opening only)."""
    return is_refusal(text) or _DECLINES.search(with_straight_apostrophes(text)) is not None


def rejected_refuses(rejected: str) -> bool:
    """Whether a rejected answer is a refusal too. Such a pair teaches wording, not where the boundary is."""
    return is_refusal(rejected)


def chosen_faults(chosen: str, category: str | None) -> tuple[str, ...]:
    """Return the faults of a chosen answer: "chosen_too_short", "lectures", "offers_no_alternative".

    An edge case may simply be answered. Only if the answer declines must it offer an alternative.
    """
    must_offer = category != "edge_case" or declines(chosen)
    faults = {
        "chosen_too_short": is_too_short(chosen),
        "lectures": lectures(chosen),
        "offers_no_alternative": must_offer and offers_no_alternative(chosen),
    }
    return tuple(name for name, is_present in faults.items() if is_present)


def _smallest_total(known: Mapping[str, int], uncategorised: int, *, minimum: int) -> int:
    """Return the smallest total at which every category has its lowest share, if prompts are only added.

    The lowest shares add up to 85 %. So the total grows in ever smaller steps, and the loop ends.
    """
    total = max(minimum, uncategorised + sum(known.values()))
    while True:
        needed = uncategorised + sum(max(count, _percent_of(TARGETS[name][0], total)) for name, count in known.items())
        if needed <= total:
            return total
        total = needed


def _percent_of(percent: int, total: int) -> int:
    """Return a percentage of a total, rounded up. Integers are used because 0.15 * 20 is not exactly 3."""
    return -(-percent * total // 100)


def _state(count: int, total: int, low: int, high: int) -> State:
    if count * 100 < low * total or not total:
        return "below"
    return "above" if count * 100 > high * total else "within"


def _missing(category: str, subcategories: Mapping[tuple[str, str], int] | None) -> tuple[str, ...]:
    if subcategories is None:
        return ()
    return tuple(name for name in CATEGORIES[category] if not subcategories.get((category, name)))
