"""Accounts of an Argilla server, and who of them may answer in a workspace."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from curation.errors import AuthError
from curation.types import Row

if TYPE_CHECKING:
    from curation.review.argilla import ArgillaReview

OWNER = "owner"


class NewAccount(Row):
    """An account that was created, and its password, which is kept nowhere."""

    username: str
    password: str = Field(repr=False)

    @property
    def line(self) -> str:
        """The account for whoever hands out the passwords."""
        return f"New account {self.username}, password {self.password}"


@dataclass(frozen=True, slots=True)
class User:
    """An account of the server. `role` is "owner", "admin" or "annotator"; owners may answer in every workspace."""

    id: str
    username: str
    role: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Who was let into the workspace: the accounts that are `new`, and the names of those that were there already."""

    new: tuple[NewAccount, ...]
    former: tuple[str, ...]


def require_owner(review: ArgillaReview, verb: str) -> None:
    """Raise AuthError unless our key is an owner's: others may not create accounts and workspaces."""
    with review.errors():
        me = get(review, "/api/v1/me")
        if me["role"] != OWNER:
            raise AuthError(
                f"`curation {verb}` needs an owner's key of Argilla at {review.api_url}, and ARGILLA_API_KEY is that "
                f"of {me['username']!r}, who has the role {me['role']!r}: only owners may create accounts and "
                "workspaces, and say who belongs to one.",
                remedy="Set ARGILLA_API_KEY to an owner's key.",
            )


def create_workspace(review: ArgillaReview) -> bool:
    """Create the workspace unless it exists; return whether it was created."""
    with review.errors():
        names = {workspace["name"] for workspace in get(review, "/api/v1/me/workspaces")["items"]}
        if review.workspace in names:
            return False
        _post(review, "/api/v1/workspaces", {"name": review.workspace})
        return True


def all_users(review: ArgillaReview) -> dict[str, User]:
    """Return every account of the server by its username. Only an owner's key may list them."""
    with review.errors():
        return _users(get(review, "/api/v1/users")["items"])


def members(review: ArgillaReview) -> dict[str, User]:
    """Return the accounts that are members of the workspace, by username. Owners are only among them if they joined."""
    with review.errors():
        return _users(get(review, f"{_workspace_path(review)}/users")["items"])


def other_workspaces(review: ArgillaReview, user: User) -> tuple[str, ...]:
    """Return the names of the other workspaces that an account belongs to. An owner belongs to all."""
    with review.errors():
        workspaces = get(review, f"/api/v1/users/{user.id}/workspaces")["items"]
        return tuple(sorted({str(workspace["name"]) for workspace in workspaces} - {review.workspace}))


def join(
    review: ArgillaReview, usernames: Iterable[str], *, tell: Callable[[NewAccount], None] = lambda account: None
) -> Joined:
    """Let everybody into the workspace, and create the accounts that are missing as annotators. Owners are in already.

    `tell` is called with each new account right after it was created: nobody else knows the password. Whoever is a
    member stays one, so a second call changes nothing.
    """
    known, present = all_users(review), members(review)
    new: list[NewAccount] = []
    former: list[str] = []
    for username in usernames:
        user = known.get(username)
        if user is None:
            user, account = create_account(review, username)
            tell(account)
            new.append(account)
        elif username in present or user.role == OWNER:
            continue
        else:
            former.append(username)
        add_member(review, user)
    return Joined(tuple(new), tuple(former))


def create_account(review: ArgillaReview, username: str) -> tuple[User, NewAccount]:
    """Create an annotator with a new password. The account is not a member of the workspace yet.

    It gets a new id. With its former id, a sync before its responses are written would take them for withdrawn.
    """
    password = secrets.token_urlsafe(12)
    body = {"username": username, "first_name": username, "role": "annotator", "password": password}
    with review.errors():
        user = _user(_post(review, "/api/v1/users", body))
    return user, NewAccount(username=username, password=password)


def add_member(review: ArgillaReview, user: User) -> None:
    """Let an account answer in the workspace. It must not be a member yet."""
    with review.errors():
        _post(review, f"{_workspace_path(review)}/users", {"user_id": user.id})


def remove_member(review: ArgillaReview, user: User) -> None:
    """Let an account answer in the workspace no more. The account stays, and its responses stay in Argilla."""
    with review.errors():
        review.http.delete(f"{_workspace_path(review)}/users/{user.id}").raise_for_status()


def get(review: ArgillaReview, path: str, params: dict[str, Any] | None = None) -> Any:
    """Return what Argilla answers. Call it inside `review.errors()`."""
    answer = review.http.get(path, params=params)
    answer.raise_for_status()
    return answer.json()


def _post(review: ArgillaReview, path: str, body: Mapping[str, Any]) -> Any:
    answer = review.http.post(path, json=body)
    answer.raise_for_status()
    return answer.json()


def _workspace_path(review: ArgillaReview) -> str:
    return f"/api/v1/workspaces/{review.workspace_id()}"


def _users(items: Collection[Mapping[str, Any]]) -> dict[str, User]:
    return {user.username: user for user in map(_user, items)}


def _user(item: Mapping[str, Any]) -> User:
    return User(id=str(item["id"]), username=str(item["username"]), role=str(item["role"]))
