"""Decides when failed requests end a run, because the key, the model or the endpoint is at fault, not the prompts."""

from __future__ import annotations

import os
import re

from curation.errors import AuthError, CurationError, MissingError, ServiceError, TemporaryError
from curation.generation.budget import MAX_PAID_ATTEMPTS
from curation.generation.endpoint_options import Endpoint, is_hugging_face
from curation.generation.refusals import SYSTEM_ROLE, RequestFailed
from curation.hub import DEFAULT_ENDPOINT
from curation.types import FOR_GOOD, ONLY_REASONING

FEW = 5
"""So many requests in a row that are refused, for a reason that does not lie in their prompts, end a run."""

MANY = 50
"""So many useless replies in a row end a run, if the model has answered before in this run (otherwise FEW do)."""

OUTAGE = 10
"""So many requests in a row that fail after all their attempts end a run."""

OF_THE_KEY = frozenset({"unauthorized", "payment_required"})
"""Reasons that never lie in a prompt, even if the model answered before."""

OF_THE_REQUEST = frozenset({"http_400", "http_422", SYSTEM_ROLE})
"""Reasons that may lie in how a request looks: another one to the same model may be answered."""

CUT_SHORT = re.compile(r"output limit was reached|higher max_tokens|higher max_completion_tokens")
"""What services say of a model that thinks first and used up the only token that it was allowed: it did answer."""


class Endings:
    """Counts failures in a row at one endpoint, and returns the error that ends the run.

    A refusal counts only while the model has not answered in this run; after that the prompt is at fault. With
    `asks_again`, a reply that is nothing but thoughts does not count, because the next request allows more tokens.
    """

    def __init__(self, endpoint: Endpoint, *, name: str, url: str, asks_again: bool = False) -> None:
        self._endpoint = endpoint
        self._name = name
        self._url = url
        self._asks_again = asks_again
        self._has_answered = False
        self._refused_in_a_row = self._exhausted_in_a_row = self._useless_in_a_row = 0

    def answered(self) -> None:
        """Count an answer: all counts of failures in a row start again from zero."""
        self._has_answered = True
        self._refused_in_a_row = self._exhausted_in_a_row = self._useless_in_a_row = 0

    def failed(self, failed: RequestFailed, *, before: bool = False) -> CurationError | None:
        """Count a request that was given up; return the error that ends the run, None if the run goes on.

        `before` is whether the same request failed in an earlier run too, so that its prompt may be at fault.
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
        """Return the error of a single request that failed, None if the model replied at all.

        None too if only this request was refused (see `doubt_of_one`), because others may look different.
        """
        if failed.paid or failed.reason in FOR_GOOD | {ONLY_REASONING} | OF_THE_REQUEST:
            return None
        if failed.retry:
            return TemporaryError(
                f"The endpoint of {self._name} at {self._url} did not answer a request of one token "
                f"({_reason(failed)}).",
                remedy="Run the command again when the endpoint works.",
            )
        return self._refusal(failed, "a request of one token")

    def doubt_of_one(self, failed: RequestFailed) -> str | None:
        """Return why a single request was refused, if that says nothing of others; None if the model replied at all.

        Some models take only requests of one kind: judges and guards those with their template.
        """
        if failed.reason not in OF_THE_REQUEST or CUT_SHORT.search((failed.detail or "").lower()):
            return None
        return _reason(failed)

    def _outage(self, failed: RequestFailed) -> TemporaryError:
        return TemporaryError(
            f"{OUTAGE} requests to {self._name} in a row failed after all their attempts, the last with "
            f"{_reason(failed)}.",
            remedy="Run the command again when the endpoint works; all answers so far are kept.",
        )

    def _useless(self, failed: RequestFailed) -> ServiceError:
        return ServiceError(
            f"The endpoint of {self._name} at {self._url} gave {self._useless_in_a_row} replies in a row that cannot "
            f"be used ({_reason(failed)}), and each was paid for up to {MAX_PAID_ATTEMPTS} times.",
            remedy="Look at the model and its options in the config file with `curation generate --preview 1`.",
        )

    def _refusal(self, failed: RequestFailed, what: str = f"{FEW} requests in a row") -> CurationError:
        reason = failed.reason
        if reason in {"unauthorized", "forbidden"}:
            return self.key_refused(_reason(failed))
        if reason == "not_found":
            return MissingError(
                f"The endpoint of {self._name} at {self._url} has no model {self._endpoint.model_id!r}, or there is no "
                f"endpoint{_quoted(failed)}.",
                remedy="Correct model_id, provider or base_url in the config file.",
            )
        if reason == "payment_required":
            return ServiceError(
                f"The endpoint of {self._name} at {self._url} wants payment first: the credits are used up"
                f"{_quoted(failed)}.",
                remedy="Add credits at https://huggingface.co/settings/billing, or set bill_to to who pays.",
            )
        return ServiceError(
            f"The endpoint of {self._name} at {self._url} refused {what} ({_reason(failed)}).",
            remedy="Check the model's options in the config file; `send` leaves out or renames parameters.",
        )

    def key_refused(self, answer: str) -> AuthError:
        """Return the error for a key that the endpoint refuses."""
        return AuthError(
            f"The endpoint of {self._name} at {self._url} refused the key ({answer}).",
            remedy=self._key_remedy(),
        )

    def _key_remedy(self) -> str:
        variable = self._endpoint.api_key_env
        if variable is None and not is_hugging_face(self._url, os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT):
            return "Set api_key_env to the variable that holds its key; HF_TOKEN is not sent there."
        return f"Set {variable or 'HF_TOKEN'} to a key that may use it."


def _reason(failed: RequestFailed) -> str:
    return failed.reason if failed.detail is None else f"{failed.reason}: {failed.detail.rstrip('.')}"


def _quoted(failed: RequestFailed) -> str:
    return "" if failed.detail is None else f' ("{failed.detail}")'
