"""The roles of generators as a verdict, for records that neither people nor a judge decided (`accept_roles = true`)."""

from __future__ import annotations

from collections.abc import Sequence

from curation.types import AnswerRole, Drop, Verdict

SCORES: dict[AnswerRole | None, float | None] = {"chosen": 1.0, "rejected": 0.0, None: None}


def role_verdict(record_id: str, roles: Sequence[AnswerRole | None]) -> Verdict | Drop:
    """Return 1 for an answer of the role "chosen", 0 for "rejected", null for one whose generator has no role.

    The reason of a drop is "no_roles": a record that shows several answers needs one of each role.

    The verdict has no reviewers, no agreement, no edits, and `label_source = "role"`.
    """
    known = set(roles) - {None}
    if len(known) < min(2, len(roles)):
        return Drop(id=record_id, reason="no_roles")
    return Verdict(scores=tuple(SCORES[role] for role in roles), reviewers=0, agreement=None, label_source="role")
