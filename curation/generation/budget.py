"""The cap on what a curation may cost: no row is begun that could go beyond it."""

from __future__ import annotations

from collections.abc import Iterable

from curation.generation.estimates import Estimate, most_per_request
from curation.generation.meter import Amount, Meter
from curation.generation.options import Budget, UltraFeedbackJudge

MAX_PAID_ATTEMPTS = 3
"""Tries at a reply that comes and is paid for, but is of no use (empty, broken JSON)."""


class BudgetGate:
    """Says whether one more row may be begun: not if it, and those in flight, might cost more than is left.

    The first row goes alone, if all that its models may be given and may write (every byte of the longest prompt a
    token) is there for it. Then, in every stage, a row may cost what the dearest request so far did; a judge may be
    asked twice, and a model that gave replies of no use may be paid MAX_PAID_ATTEMPTS times for each. So the budget is
    passed only if a later request is dearer than all before it, or the first of no use, and by no more than that.
    `spent` is what earlier runs used, `uncounted` how many of their replies came without token counts (each is taken
    to have cost what a reply is expected to), and `paid` those of their requests that may be asked again, and come from
    the cache.
    """

    def __init__(
        self,
        budget: Budget,
        meter: Meter,
        *,
        estimate: Estimate,
        longest_prompt: int,
        spent: Amount,
        paid: Iterable[str] = (),
        uncounted: int = 0,
    ) -> None:
        self.closed = False
        self._budget = budget
        self._stages = meter.stages
        models = [stage.endpoint for stage in meter.stages]
        self._most = [Amount(*most) for most in most_per_request(models, longest_prompt=longest_prompt)]
        known = frozenset(paid)
        for stage, expected in zip(meter.stages, estimate.stages, strict=True):
            stage.counted_before = known
            stage.assumed = Amount(expected.each_cost or 0.0, expected.each)
        dearest = Amount(*(max(part) for part in zip(*(stage.assumed for stage in meter.stages), strict=True)))
        self._spent = Amount(spent.usd + uncounted * dearest.usd, spent.tokens + uncounted * dearest.tokens)

    @property
    def used(self) -> Amount:
        """What was used so far, in earlier runs and in this one."""
        return _sum([self._spent, *(stage.used for stage in self._stages)])

    @property
    def row(self) -> Amount:
        """What one row may cost, as far as is known."""
        amounts = []
        for stage, most in zip(self._stages, self._most, strict=True):
            amount = stage.dearest if stage.dearest.tokens else most
            times = stage.endpoint.requests * (2 if isinstance(stage.endpoint, UltraFeedbackJudge) else 1)
            times *= MAX_PAID_ATTEMPTS if stage.useless else 1
            amounts.append(Amount(times * amount.usd, times * amount.tokens))
        return _sum(amounts)

    def room(self, in_flight: int) -> bool:
        """Whether another row may be begun while so many are in flight."""
        if in_flight and not all(stage.dearest.tokens or stage.failed for stage in self._stages):
            return False
        row, used = self.row, self.used
        usd, tokens = used.usd + (in_flight + 1) * row.usd, used.tokens + (in_flight + 1) * row.tokens
        fits = (self._budget.money is None or usd <= self._budget.money) and (
            self._budget.tokens is None or tokens <= self._budget.tokens
        )
        self.closed = not fits and not in_flight
        return fits


def _sum(amounts: Iterable[Amount]) -> Amount:
    listed = list(amounts)
    return Amount(sum(amount.usd for amount in listed), sum(amount.tokens for amount in listed))
