"""Computes the responses that the store should have after a pull: no answer is lost, and withdrawn ones are removed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from curation.errors import RefusedError, TemporaryError
from curation.review.pulled import Accounts, Pulled
from curation.types import SIMULATED_PREFIX, Response
from curation.wording import counted

Responses = dict[tuple[str, str], Response]
"""Responses by (record id, reviewer)."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged responses, and how they differ from the stored ones.

    - `set_back`: how many of the pulled responses are older than the stored ones, by Argilla's own times: the server
      was set back to an older copy of its data.
    - `foreign`: the number of answers to records that are not ours.
    - `ignored`: the number of answers of accounts that are to be forgotten; `forgotten`: that of their stored
      responses.
    - `renamed`: the present username by the former one.
    - `gone`: the number of responses of each reviewer who is no longer in the workspace.
    - `second_accounts`: the number of stored responses of each reviewer who answers from another account now, such as
      one of the same name on another server. Both count as one person.
    """

    responses: Responses
    added: int
    changed: int
    withdrawn: int
    set_back: int
    foreign: int
    ignored: int
    forgotten: int
    renamed: dict[str, str]
    gone: dict[str, int]
    second_accounts: dict[str, int]


def merge_responses(
    stored: Mapping[tuple[str, str], Response],
    pulled: Pulled,
    *,
    known: Collection[str],
    forgotten: Collection[str] = (),
) -> Merged:
    """Return the stored responses, updated with what was pulled from Argilla.

    - A stored response counts as withdrawn if its record (the same copy) and its author's account still exist, but the
      answer does not.
    - It stays if its record was deleted or pushed again, if the dataset was created again, or if the account is gone.
    - A reviewer is identified by the id of the account, and on another server by the username.

    `known` are the ids of our records, `forgotten` the ids of accounts whose answers are left out. Raises RefusedError
    or TemporaryError if it is not known who gave an answer, RefusedError if the account of a program was given the name
    of a person.
    """
    remembered = [response for response in stored.values() if response.server_user_id not in forgotten]
    renamed = _renamed(remembered, pulled.accounts)
    before = _with_present_names(remembered, pulled.accounts, renamed)
    ours, foreign, ignored = _incoming(pulled, before, known=known, forgotten=forgotten)
    remaining = _not_withdrawn(before, pulled)
    news = {
        key: response for key, response in ours.items() if key not in remaining or _replaces(response, remaining[key])
    }
    merged = {**remaining, **news}
    return Merged(
        responses=merged,
        added=sum(key not in before for key in news),
        changed=sum(key in before and _content(before[key]) != _content(response) for key, response in news.items()),
        withdrawn=sum(key not in merged for key in before),
        set_back=sum(key in before and _is_older(response, before[key]) for key, response in news.items()),
        foreign=foreign,
        ignored=ignored,
        forgotten=len(stored) - len(remembered),
        renamed=renamed,
        gone=_gone(merged, pulled.accounts),
        second_accounts=_second_accounts(before, news),
    )


def under_present_names(stored: Collection[Response], accounts: Accounts) -> Responses:
    """Return stored responses under the present usernames of their authors' accounts; errors as `merge_responses`."""
    return _with_present_names(stored, accounts, _renamed(stored, accounts))


def _renamed(stored: Collection[Response], accounts: Accounts) -> dict[str, str]:
    """Return the present username of each reviewer whose account was renamed, by the former username."""
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
    """Return the stored responses under the present usernames, including those of accounts of an earlier server.

    An account that no longer exists belongs to the same person as an account with the same name. If a response to the
    same record exists under the present name already, the response stays under the former name. Raises RefusedError if
    there is one under that name too.
    """
    here = [response for response in stored if response.server_user_id in accounts.usernames]
    elsewhere = [response for response in stored if response.server_user_id not in accounts.usernames]
    responses = _by_key(_called(response, accounts.usernames[response.server_user_id]) for response in here)
    # Reviewers who keep their names come first, so that nobody takes a name from them.
    for response in sorted(elsewhere, key=lambda response: response.reviewer in renamed):
        present = _called(response, renamed.get(response.reviewer, response.reviewer))
        free = [choice for choice in (present, response) if (choice.record_id, choice.reviewer) not in responses]
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
    """Return the pulled answers to our records, the number of answers to other records, and that of ignored answers."""
    usernames = pulled.accounts.usernames
    # If an account cannot be listed and somebody else has its name now, it must have been renamed.
    present_names = set(usernames.values())
    names = {
        response.server_user_id: response.reviewer
        for response in before.values()
        if response.reviewer not in present_names
    }
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
                # Checked already, when it was read from the server or from the store.
                Response.model_construct(
                    record_id=record_id,
                    reviewer=names[answer.server_user_id],
                    status=answer.status,
                    values=answer.values,
                    dataset_id=answer.dataset_id,
                    server_record_id=answer.server_record_id,
                    server_user_id=answer.server_user_id,
                    inserted_at=answer.inserted_at,
                    updated_at=answer.updated_at,
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
        f"Argilla holds answers of {counted(len(accounts), 'account')} that are not in the "
        f"workspace ({', '.join(accounts)}): ARGILLA_API_KEY may not see their names, and without a name nobody knows "
        "whether a person answered or a program.",
        remedy="Run `curation sync` once with an owner's key: the store remembers the names.",
    )


def _not_withdrawn(before: Responses, pulled: Pulled) -> Responses:
    """Return all responses except withdrawn ones: their record and their author's account still exist, they do not."""
    answered = {(answer.server_record_id, answer.server_user_id) for answer in pulled.answers}
    return {
        key: response
        for key, response in before.items()
        if response.server_record_id not in pulled.records
        or response.server_user_id not in pulled.accounts.usernames
        or (response.server_record_id, response.server_user_id) in answered
    }


def _replaces(response: Response, stored: Response) -> bool:
    """Whether a pulled response replaces a stored one of the same reviewer to the same record.

    The same response always does, in its present state. A response on another copy of the record, or from another
    account, is a new one: it replaces a submitted response only if it was submitted itself.
    """
    return _is_same(response, stored) or response.status == "submitted" or stored.status != "submitted"


def _is_older(response: Response, stored: Response) -> bool:
    """Whether a pulled response is an earlier state of the stored one, by Argilla's own times."""
    if response.updated_at is None or stored.updated_at is None:
        return False
    return _is_same(response, stored) and response.updated_at < stored.updated_at


def _is_same(response: Response, other: Response) -> bool:
    """Whether two responses are of the same account to the same copy of a record."""
    return (response.server_record_id, response.server_user_id) == (other.server_record_id, other.server_user_id)


def _gone(responses: Responses, accounts: Accounts) -> dict[str, int]:
    present = {accounts.usernames[user_id] for user_id in accounts.members}
    gone: dict[str, int] = {}
    for _, reviewer in sorted(responses):
        if reviewer not in present:
            gone[reviewer] = gone.get(reviewer, 0) + 1
    return gone


def _second_accounts(before: Responses, news: Responses) -> dict[str, int]:
    """Return the number of responses from before of each reviewer whose account is new to them in `news`."""
    accounts: dict[str, set[str]] = {}
    answers: dict[str, int] = {}
    for response in before.values():
        accounts.setdefault(response.reviewer, set()).add(response.server_user_id)
        answers[response.reviewer] = answers.get(response.reviewer, 0) + 1
    return {
        response.reviewer: answers[response.reviewer]
        for response in news.values()
        if response.reviewer in accounts and response.server_user_id not in accounts[response.reviewer]
    }


def _by_key(responses: Iterable[Response]) -> Responses:
    return {(response.record_id, response.reviewer): response for response in responses}


def _called(response: Response, reviewer: str) -> Response:
    return response if response.reviewer == reviewer else response.model_copy(update={"reviewer": reviewer})


def _content(response: Response) -> tuple[object, ...]:
    return response.status, sorted(response.values.items(), key=lambda item: item[0])
