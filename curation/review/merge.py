"""What the store should hold after a pull: nothing that people decided is lost, and nothing they took back is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from curation.errors import RefusedError, TemporaryError
from curation.review.pulled import Accounts, Pulled
from curation.types import SIMULATED_PREFIX, Response

Responses = dict[tuple[str, str], Response]
"""Responses by (record id, reviewer)."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged responses, and how they differ from the stored ones.

    `foreign` counts the answers to records that are not ours, `ignored` those of accounts that are to be forgotten,
    `forgotten` the stored responses of such accounts. `renamed` has the present username by the former one, `gone` the
    number of responses of each reviewer who is in the workspace no more.
    """

    responses: Responses
    added: int
    changed: int
    withdrawn: int
    foreign: int
    ignored: int
    forgotten: int
    renamed: dict[str, str]
    gone: dict[str, int]


def merge_responses(
    stored: Mapping[tuple[str, str], Response],
    pulled: Pulled,
    *,
    known: Collection[str],
    forgotten: Collection[str] = (),
) -> Merged:
    """Return the stored responses brought up to date with what was pulled from Argilla.

    A stored response was withdrawn if the very record that held it is still there, its author's account too, and the
    answer is not. A response stays if its record was deleted or pushed anew, if the dataset was created anew, and if
    the account is gone. A reviewer is known by the account's id, whatever it is called now, and by the username where
    the account is another one. `known` are the ids of our records, `forgotten` the accounts whose answers are left out.

    Raises RefusedError or TemporaryError if it is not known whose an answer is, and RefusedError if a program's
    account was given a person's name.
    """
    remembered = [response for response in stored.values() if response.server_user_id not in forgotten]
    renamed = _renamed(remembered, pulled.accounts)
    before = _with_present_names(remembered, pulled.accounts, renamed)
    ours, foreign, ignored = _incoming(pulled, before, known=known, forgotten=forgotten)
    kept = _not_withdrawn(before, pulled)
    news = {key: response for key, response in ours.items() if key not in kept or _replaces(response, kept[key])}
    merged = {**kept, **news}
    return Merged(
        responses=merged,
        added=sum(key not in before for key in news),
        changed=sum(key in before and _content(before[key]) != _content(response) for key, response in news.items()),
        withdrawn=sum(key not in merged for key in before),
        foreign=foreign,
        ignored=ignored,
        forgotten=len(stored) - len(remembered),
        renamed=renamed,
        gone=_gone(merged, pulled.accounts),
    )


def _renamed(stored: Collection[Response], accounts: Accounts) -> dict[str, str]:
    """The present username of each reviewer whose account has another one now."""
    names = {response.server_user_id: response.reviewer for response in stored}
    renamed = {
        former: accounts.usernames[user_id]
        for user_id, former in names.items()
        if accounts.usernames.get(user_id, former) != former
    }
    for former, present in renamed.items():
        if former.startswith(SIMULATED_PREFIX) and not present.startswith(SIMULATED_PREFIX):
            raise RefusedError(
                f"The account {former!r} is called {present!r} now: what a program answered would be published as a "
                "person's.",
                remedy=f"Give it a name that begins with {SIMULATED_PREFIX!r} again, or run `curation sync` with "
                f"`--forget {former}`.",
            )
    return renamed


def _with_present_names(stored: Collection[Response], accounts: Accounts, renamed: Mapping[str, str]) -> Responses:
    """The stored responses under present usernames, those of accounts of a former server too.

    An account that is not there was the same person's if it had the same name. Where the present name is taken by an
    answer to the same record, the response stays under the former one. RefusedError if that is taken too.
    """
    here = [response for response in stored if response.server_user_id in accounts.usernames]
    elsewhere = [response for response in stored if response.server_user_id not in accounts.usernames]
    responses = _by_key(_called(response, accounts.usernames[response.server_user_id]) for response in here)
    # Those who keep their names come first: no name is taken from them.
    for response in sorted(elsewhere, key=lambda response: response.reviewer in renamed):
        present = _called(response, renamed.get(response.reviewer, response.reviewer))
        free = [each for each in (present, response) if (each.record_id, each.reviewer) not in responses]
        if not free:
            raise RefusedError(
                f"An account was given the name {response.reviewer!r}, and another reviewer of that name answered the "
                f"same records, {response.record_id} among them: one's answers would take the place of the other's.",
                remedy=f"Give the account another name, or run `curation sync` with `--forget {response.reviewer}`.",
            )
        responses[free[0].record_id, free[0].reviewer] = free[0]
    return responses


def _incoming(
    pulled: Pulled, before: Responses, *, known: Collection[str], forgotten: Collection[str]
) -> tuple[Responses, int, int]:
    """The pulled answers to our records, the number of those to others, and of those by forgotten accounts."""
    usernames = pulled.accounts.usernames
    # Who cannot be seen and whose name somebody else has now is called otherwise by now.
    taken = set(usernames.values())
    names = {each.server_user_id: each.reviewer for each in before.values() if each.reviewer not in taken}
    names.update(usernames)
    responses: list[Response] = []
    unknown: set[str] = set()
    foreign = ignored = 0
    for answer in pulled.answers:
        record_id = pulled.records[answer.server_record_id]
        if record_id is None or record_id not in known:
            foreign += 1
        elif answer.server_user_id in forgotten:
            ignored += 1
        elif answer.server_user_id not in names:
            unknown.add(answer.server_user_id)
        else:
            responses.append(
                Response(
                    record_id=record_id,
                    reviewer=names[answer.server_user_id],
                    status=answer.status,
                    values=answer.values,
                    dataset_id=pulled.dataset_id,
                    server_record_id=answer.server_record_id,
                    server_user_id=answer.server_user_id,
                )
            )
    if unknown:
        raise _nameless(sorted(unknown), everybody=pulled.accounts.everybody)
    return _by_key(responses), foreign, ignored


def _nameless(accounts: list[str], *, everybody: bool) -> RefusedError | TemporaryError:
    if everybody:
        return TemporaryError(
            f"The account {accounts[0]} was deleted in Argilla while its answers were read.",
            remedy="Run `curation sync` again.",
        )
    return RefusedError(
        f"Argilla holds answers of {len(accounts)} account{'s' if len(accounts) > 1 else ''} that are not in the "
        f"workspace ({', '.join(accounts)}): ARGILLA_API_KEY may not see their names, and without a name nobody knows "
        "whether a person answered or a program.",
        remedy="Run `curation sync` once with an owner's key: the store remembers the names.",
    )


def _not_withdrawn(before: Responses, pulled: Pulled) -> Responses:
    """All responses but those whose record is still there, and their author's account too, while they are not."""
    answered = {(answer.server_record_id, answer.server_user_id) for answer in pulled.answers}
    return {
        key: response
        for key, response in before.items()
        if response.server_record_id not in pulled.records
        or response.server_user_id not in pulled.accounts.usernames
        or (response.server_record_id, response.server_user_id) in answered
    }


def _replaces(response: Response, stored: Response) -> bool:
    """Whether a pulled response takes the place of a stored one of the same reviewer to the same record.

    It does if it is the same one, as it is now. One on another copy of the record, or from another account, is a new
    one: only if it was submitted does it take the place of one that was.
    """
    same = (response.server_record_id, response.server_user_id) == (stored.server_record_id, stored.server_user_id)
    return same or response.status == "submitted" or stored.status != "submitted"


def _gone(responses: Responses, accounts: Accounts) -> dict[str, int]:
    present = {accounts.usernames[user_id] for user_id in accounts.members}
    gone: dict[str, int] = {}
    for _, reviewer in sorted(responses):
        if reviewer not in present:
            gone[reviewer] = gone.get(reviewer, 0) + 1
    return gone


def _by_key(responses: Iterable[Response]) -> Responses:
    return {(response.record_id, response.reviewer): response for response in responses}


def _called(response: Response, reviewer: str) -> Response:
    return response if response.reviewer == reviewer else response.model_copy(update={"reviewer": reviewer})


def _content(response: Response) -> tuple[object, ...]:
    return response.status, sorted(response.values.items(), key=lambda item: item[0])
