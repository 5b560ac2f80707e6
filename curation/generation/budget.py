"""The budget of a curation: no row is started that could exceed it."""

from __future__ import annotations

from collections.abc import Iterable

from curation.generation.estimates import Estimate, most_per_request
from curation.generation.judge_options import Judge
from curation.generation.meter import Amount, Meter
from curation.generation.options import Budget

MAX_PAID_ATTEMPTS = 3
"""How often a request is sent whose replies come and are paid for, but cannot be used (empty, broken JSON)."""


class BudgetGate:
    """Decides whether another row may be started: not if it, and the rows in flight, might cost more than is left.

    - The first row runs alone. It is started if the budget allows for the most that it may cost: every byte of the
      longest prompt is a token, and each model writes as much as it may.
    - Later rows are assumed to cost, in each stage, as much as the most expensive request so far. A judge counts twice,
      because it may be asked again. A model that gave useless replies counts MAX_PAID_ATTEMPTS times.
    - So the budget is exceeded only if a request costs more than all before it, or is the first with useless replies,
      and only by that difference.

    `spent` is what earlier runs used. `uncounted` is the number of their replies without token counts; each is assumed
    to have cost what a reply is expected to cost. `paid` are requests of earlier runs that may be asked again: their
    replies come from the cache.
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
        """What was used so far, in this run and in earlier ones."""
        return _sum([self._spent, *(stage.used for stage in self._stages)])

    @property
    def row(self) -> Amount:
        """What a row may cost, as far as we know by now."""
        amounts = []
        for stage, most in zip(self._stages, self._most, strict=True):
            amount = stage.dearest if stage.dearest.tokens else most
            times = stage.endpoint.requests * (2 if isinstance(stage.endpoint, Judge) else 1)
            times *= MAX_PAID_ATTEMPTS if stage.useless else 1
            amounts.append(Amount(times * amount.usd, times * amount.tokens))
        return _sum(amounts)

    def room(self, in_flight: int) -> bool:
        """Whether another row may be started while so many are in flight."""
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
