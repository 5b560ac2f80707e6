"""What `generate` asks the user before it spends money."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curation.cli.output import Output
from curation.errors import RefusedError

if TYPE_CHECKING:
    from curation.generation import Estimate
    from curation.runs.consent import AskAgain, Confirm
    from curation.runs.settings_change import SettingsChange


def cost_consent(out: Output, *, yes: bool) -> Confirm:
    """Return the function that prints the estimate, and asks whether to go on if it is above `confirm_above`.

    With `yes` nothing is asked. If nobody is there to answer, the answer is no.
    """

    def confirm(estimate: Estimate, above: bool) -> bool:
        out.event("estimate", estimate.model_dump(), lines=[f"Estimate: {estimate.line}"])
        if not above or yes or not out.can_ask:
            return not above or yes
        if not out.confirm("Go on?"):
            raise RefusedError("Nothing was asked and nothing is to be paid: you said no.")
        return True

    return confirm


def settings_consent(out: Output, *, yes: bool) -> AskAgain:
    """Return the function that asks whether prompts with answers of other settings are asked again.

    With `yes` they are. If nobody is there to answer, the run is refused.
    """
    from curation.runs.consent import refuse_to_ask_again

    def ask_again(change: SettingsChange) -> bool:
        if not yes and not out.can_ask:
            return refuse_to_ask_again(change)
        out.event("settings_changed", change.model_dump(), lines=[change.line])
        return yes or out.confirm("Ask them again? No keeps their answers and asks the others only.")

    return ask_again
