"""What an Argilla dataset held when it was read, in values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from curation.types import Status


@dataclass(frozen=True, slots=True)
class Answer:
    """One response as Argilla has it: in which dataset, to which of its records, from which account, and when."""

    dataset_id: str
    server_record_id: str
    server_user_id: str
    status: Status
    values: dict[str, JsonValue]
    inserted_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of an Argilla server that our key may see.

    `usernames` has the username of each by its id, `members` the ids of those who may answer: the members of the
    workspace, and owners. `everybody` says that there are no others: only an owner's key sees all accounts.
    """

    usernames: Mapping[str, str]
    members: frozenset[str]
    everybody: bool


@dataclass(frozen=True, slots=True)
class Pulled:
    """Everything that an Argilla dataset holds, or with `whole` false some of its records with all their answers.

    - `began_at`: when the reading began
    - `records`: the external id of each record by the server's own id: ours is the external id, null is somebody else's
    - `last_activity_at`: when somebody answered last, as Argilla says; it was read after `answers`
    - `read`: how many records were read; null if all were. Of the others the server's list says that they have the
      answers that the store has.
    - `accounts`: they were read after `answers`, so whose account is among them could have been seen to answer
    """

    began_at: datetime
    dataset_id: str
    guidelines: str
    records: Mapping[str, str | None]
    answers: tuple[Answer, ...]
    accounts: Accounts
    whole: bool = True
    read: int | None = None
    last_activity_at: datetime | None = None
