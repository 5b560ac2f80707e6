"""Roles as verdicts: the better and the worse answer as they were meant, and nothing where that is not known."""

from __future__ import annotations

import pytest

from curation.labels import role_verdict
from curation.types import AnswerRole, Drop, Verdict


@pytest.mark.parametrize(
    ("roles", "scores"),
    [
        (("chosen", "rejected"), (1.0, 0.0)),
        (("rejected", None, "chosen", "chosen"), (0.0, None, 1.0, 1.0)),
        (("rejected",), (0.0,)),
    ],
)
def test_roles_score_answers(roles: tuple[AnswerRole | None, ...], scores: tuple[float | None, ...]) -> None:
    assert role_verdict("r", roles) == Verdict(scores=scores, reviewers=0, agreement=None, label_source="role")


@pytest.mark.parametrize("roles", [("chosen", "chosen"), ("rejected", None), (None, None), (None,)])
def test_answers_of_one_role_are_no_pair(roles: tuple[AnswerRole | None, ...]) -> None:
    assert role_verdict("r", roles) == Drop(id="r", reason="no_roles")
