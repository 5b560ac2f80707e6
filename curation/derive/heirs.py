"""Which candidate set of a prompt counts where several sets hold the same answers, and whose ratings these are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from curation.store import Settings


class RatedSet(NamedTuple):
    """A candidate set of a prompt: where it stands, the hash of its settings, its answers and those with a rating."""

    position: int
    settings: str
    answers: frozenset[int]
    rated: frozenset[int]


class Decision(NamedTuple):
    """Whose ratings count where judges of several configurations were asked about the same answers.

    `judges` names those that count; `is_present` is whether they are the present configuration's. `also` are those
    that rated the answers too, `silent` those that were asked and gave no rating.
    """

    judges: str
    is_present: bool
    also: str
    silent: str

    def line(self, prompts: str) -> str:
        """Return the decision as a sentence; `prompts` says on how many prompts."""
        whose = "as configured" if self.is_present else "of an earlier configuration"
        others = [f"{self.also} rated them too"] if self.also else []
        others += [f"{self.silent} gave none"] if self.silent else []
        return f"On {prompts} the ratings of {self.judges} ({whose}) decide: {', '.join(others)}."


def heirs_of(sets: Sequence[RatedSet], settings: str) -> list[int]:
    """Return for each set of a prompt, oldest first, the position of the set that it is replaced by, or its own.

    That is the newest that has all its answers. Of sets with the same answers the one with the most ratings counts,
    then one of the present `settings`, then the newest; and a set is never replaced by one that lacks ratings which
    its own answers have. So a judge that is down or cannot be read takes nothing away from the judge before.
    """
    best = _best(sets, settings)
    heirs = []
    for rated_set in sets:
        rated = best[rated_set.answers].rated
        heirs.append(
            next(heir for answers, heir in best.items() if rated_set.answers <= answers and rated <= heir.rated)
        )
    return [heir.position for heir in heirs]


def _best(sets: Sequence[RatedSet], settings: str) -> dict[frozenset[int], RatedSet]:
    """Of each group of sets with the same answers the one that counts; first the group that has the newest set."""
    best: dict[frozenset[int], RatedSet] = {}
    for rated_set in reversed(sets):
        known = best.get(rated_set.answers, rated_set)
        best[rated_set.answers] = max(known, rated_set, key=lambda candidate: _rank(candidate, settings))
    return best


def _rank(rated_set: RatedSet, settings: str) -> tuple[int, bool, int]:
    return len(rated_set.rated), rated_set.settings == settings, rated_set.position


def decisions(sets: Sequence[RatedSet], settings: str, known: Mapping[str, Settings]) -> Iterator[Decision]:
    """Yield whose ratings count, for each group of sets with the same answers that several judges were asked about.

    `known` are the options of models by the hash of the settings. A judge that gave nothing before another gave
    something is not named.
    """
    for answers, best in _best(sets, settings).items():
        judges = _judges(best.settings, known)
        others = {
            rated_set.settings: rated_set
            for rated_set in sets
            if rated_set.answers == answers and _judges(rated_set.settings, known) not in ({}, judges)
        }
        also = [_named(_judges(other.settings, known), judges) for other in others.values() if other.rated]
        silent = [
            _named(_judges(other.settings, known), judges)
            for other in others.values()
            if not other.rated and (other.position > best.position or other.settings == settings)
        ]
        if best.rated and (also or silent):
            yield Decision(_named(judges, {}), best.settings == settings, " and ".join(also), " and ".join(silent))


def _judges(settings: str, known: Mapping[str, Settings]) -> Settings:
    """The options of the judges of these settings, by stage."""
    return {stage: options for stage, options in known.get(settings, {}).items() if stage.startswith("judge ")}


def _named(judges: Settings, others: Settings) -> str:
    """The names of judges; one that differs from another of its name in options alone is told from that."""
    names = []
    for stage, options in judges.items():
        name, model = stage.removeprefix("judge "), str(options.get("model_id"))
        same = stage in others and others[stage].get("model_id") == options.get("model_id")
        names.append(f"{name}{'' if name == model else f' ({model})'}{' with other options' if same else ''}")
    return " and ".join(names) or "a judge"
