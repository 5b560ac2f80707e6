"""What a stage gives back: facts, one line for people, and the next command."""

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


def counted(number: int, noun: str) -> str:
    """Return "1 row", "2 rows", "1,000 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def reasons(dropped: dict[str, int]) -> str:
    """Return "2 duplicate, 1 empty", the most frequent first; "" if there are none."""
    ordered = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {reason}" for reason, count in ordered)
