"""What a verb returns: fields for programs, sentences for people, and the next command."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Report(BaseModel):
    """The base of all reports. `lines` is for people; the fields are what `--format json` prints."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def exit_code(self) -> int:
        """0 done or nothing to do, 1 config, data or refusal, 3 temporary."""
        return 0

    @property
    def lines(self) -> tuple[str, ...]:
        """What happened, in sentences."""
        raise TypeError(f"{type(self).__name__} must say what happened.")

    @property
    def next_verb(self) -> str | None:
        """The verb to run next with the same config, if there is an obvious one."""
        return None
