"""The wishes of the command line for a Space, and the report of `deploy`."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import Field

from curation.report import Report


class DeployReport(Report):
    """What `deploy` did, or with `rehearsal` would do: the calls of huggingface_hub, without the values of secrets.

    - `url` is where the Space answers, null in a rehearsal.
    - `costs` says which plan and hardware the Space takes, and what they cost.
    - `accounts` are the reviewers whose accounts were created now.
    - `made` has the secrets that nobody else knows, by their names: {"ARGILLA_API_KEY": "..."}.
    """

    space: str
    url: str | None
    rehearsal: bool
    calls: tuple[str, ...]
    costs: tuple[str, ...]
    access: str
    accounts: tuple[str, ...] = ()
    made: dict[str, str] = Field(default_factory=dict, repr=False)

    @property
    def lines(self) -> tuple[str, ...]:
        """The calls, and where the Space is."""
        if self.rehearsal:
            return (*self.costs, *(self.calls or (f"{self.space} is as it should be: no calls.",)), self.access)
        done = f"{len(self.calls)} calls changed it." if self.calls else "Nothing had to be changed."
        made = [f"New accounts: {', '.join(self.accounts)}."] if self.accounts else []
        return (f"{self.space} answers at {self.url}. {done}", self.access, *made)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that was made and is kept nowhere but in the Space: its name in your environment, and its value."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of the command line for a Space. Those that are left out follow from the config and the account."""

    space: str | None = None
    orgs: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    anyone: bool = False
    hardware: str | None = None
