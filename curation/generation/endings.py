"""When failed requests end a run: not the prompts are at fault then, but the key, the model or the endpoint."""

from __future__ import annotations

import os

from curation.errors import AuthError, CurationError, MissingError, ServiceError, TemporaryError
from curation.generation.budget import MAX_PAID_ATTEMPTS
from curation.generation.options import Endpoint, is_hugging_face
from curation.generation.refusals import RequestFailed
from curation.hub import DEFAULT_ENDPOINT
from curation.types import FOR_GOOD, ONLY_REASONING

FEW = 5
"""So many requests refused in a row for a reason that is not of their prompts end a run."""

MANY = 50
"""So many replies in a row that are paid for and of no use end a run of a model that has answered in it."""

OUTAGE = 10
"""So many requests in a row that failed after all their attempts end a run."""

OF_THE_KEY = frozenset({"unauthorized", "payment_required"})
"""Reasons that no prompt can give, whether or not the model answered before."""


class Endings:
    """Counts what fails in a row at one endpoint, and says with which error that ends the run.

    A refusal counts only as long as the model has not answered in this run: afterwards it lies in the prompt. With
    `asks_again`, a reply of nothing but thought does not count: the next request gives more room.
    """

    def __init__(self, endpoint: Endpoint, *, name: str, url: str, asks_again: bool = False) -> None:
        self._endpoint = endpoint
        self._name = name
        self._url = url
        self._asks_again = asks_again
        self._has_answered = False
        self._refused_in_a_row = self._exhausted_in_a_row = self._useless_in_a_row = 0

    def answered(self) -> None:
        """Count an answer: nothing failed in a row any more."""
        self._has_answered = True
        self._refused_in_a_row = self._exhausted_in_a_row = self._useless_in_a_row = 0

    def failed(self, failed: RequestFailed, *, before: bool = False) -> CurationError | None:
        """Count a request that was given up; return the error that ends the run if it is time for that.

        `before` says that an earlier run had the same failure with the same request: it may lie in the prompt.
        """
        of_the_key = failed.reason in OF_THE_KEY
        if failed.reason in FOR_GOOD or (before and not of_the_key and (failed.paid or not failed.retry)):
            return None
        if failed.reason == ONLY_REASONING and self._asks_again:
            return None
        if failed.paid:
            self._useless_in_a_row += 1
            return self._useless(failed) if self._useless_in_a_row >= (MANY if self._has_answered else FEW) else None
        if failed.retry:
            self._exhausted_in_a_row += 1
            return self._outage(failed) if self._exhausted_in_a_row >= OUTAGE else None
        if self._has_answered and not of_the_key:
            return None
        self._refused_in_a_row += 1
        return self._refusal(failed) if self._refused_in_a_row >= FEW else None

    def of_one(self, failed: RequestFailed) -> CurationError | None:
        """Return the error of a single request that failed; None if the model answered, be it nothing to read."""
        if failed.paid or failed.reason in FOR_GOOD | {ONLY_REASONING}:
            return None
        if failed.retry:
            return TemporaryError(
                f"The endpoint of {self._name} at {self._url} did not answer a request of one token "
                f"({_reason(failed)}).",
                remedy="Run the command again when it is well.",
            )
        return self._refusal(failed, "a request of one token")

    def _outage(self, failed: RequestFailed) -> TemporaryError:
        return TemporaryError(
            f"{OUTAGE} requests to {self._name} in a row failed after all their attempts, the last with "
            f"{_reason(failed)}.",
            remedy="Run the command again when the endpoint is well; what was answered is kept.",
        )

    def _useless(self, failed: RequestFailed) -> ServiceError:
        return ServiceError(
            f"The endpoint of {self._name} at {self._url} gave {self._useless_in_a_row} replies in a row that are of "
            f"no use ({_reason(failed)}), and each was paid for up to {MAX_PAID_ATTEMPTS} times.",
            remedy="Look at the model and its options in the config file with `curation generate --preview 1`.",
        )

    def _refusal(self, failed: RequestFailed, what: str = f"{FEW} requests in a row") -> CurationError:
        reason = failed.reason
        if reason in {"unauthorized", "forbidden"}:
            return self.key_refused(_reason(failed))
        if reason == "not_found":
            return MissingError(
                f"The endpoint of {self._name} at {self._url} has no model {self._endpoint.model_id!r}, or is none"
                f"{_quoted(failed)}.",
                remedy="Correct model_id, provider or base_url in the config file.",
            )
        if reason == "payment_required":
            return ServiceError(
                f"The endpoint of {self._name} at {self._url} wants to be paid first: the credits are used up"
                f"{_quoted(failed)}.",
                remedy="Add credits at https://huggingface.co/settings/billing, or name who pays in bill_to.",
            )
        return ServiceError(
            f"The endpoint of {self._name} at {self._url} refused {what} ({_reason(failed)}).",
            remedy="Look at the model's options in the config file; `send` leaves parameters out or renames them.",
        )

    def key_refused(self, answer: str) -> AuthError:
        """Return the error of a key that the endpoint does not take."""
        return AuthError(
            f"The endpoint of {self._name} at {self._url} refused the key ({answer}).",
            remedy=self._key_remedy(),
        )

    def _key_remedy(self) -> str:
        variable = self._endpoint.api_key_env
        if variable is None and not is_hugging_face(self._url, os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT):
            return "Name the variable that holds its key in api_key_env; HF_TOKEN is not sent there."
        return f"Set {variable or 'HF_TOKEN'} to a key that may use it."


def _reason(failed: RequestFailed) -> str:
    return failed.reason if failed.detail is None else f"{failed.reason}: {failed.detail.rstrip('.')}"


def _quoted(failed: RequestFailed) -> str:
    return "" if failed.detail is None else f' ("{failed.detail}")'
