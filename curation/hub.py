"""The one way to the Hugging Face Hub: a client that retries, and its errors translated into ours.

huggingface_hub takes a third of a second to load, so functions import it: `curation.config` needs the default address
from here, and nothing else.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from json import JSONDecodeError
from typing import TYPE_CHECKING

from curation.errors import (
    AuthError,
    ConfigError,
    CurationError,
    DataError,
    MissingError,
    PaymentError,
    ServiceError,
    TemporaryError,
)

if TYPE_CHECKING:
    from huggingface_hub import HfApi

DEFAULT_ENDPOINT = "https://huggingface.co"
MESSAGE_CHARACTERS = 300
"""Of a longer error message of the client, only so many characters are shown."""
OUTSIDE = ("Invalid filename", "Invalid pointer path", "embedded null byte")
"""How the errors begin that the client raises for the name of a file that cannot be in a folder, such as `../x`."""


@cache
def connect(endpoint: str, token: str | None) -> HfApi:
    """Return a client of the Hub at `endpoint`. Without a `token` it sends none, even if the machine has one stored."""
    from huggingface_hub import HfApi, set_client_factory
    from huggingface_hub.utils._http import hf_request_event_hook
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from curation.hub_client import TIMEOUT, PatientClient

    # We show progress ourselves, and huggingface_hub's own client has no timeout.
    disable_progress_bars()
    set_client_factory(
        lambda: PatientClient(event_hooks={"request": [hf_request_event_hook]}, follow_redirects=True, timeout=TIMEOUT)
    )
    return HfApi(endpoint=endpoint, token=token or False)


def require_endpoint(endpoint: str) -> None:
    """Raise ConfigError if `datasets` reads from another Hub than `endpoint`.

    `datasets` reads HF_ENDPOINT once, when it is imported, and ignores later changes.
    """
    import datasets

    if endpoint != datasets.config.HF_ENDPOINT:
        raise ConfigError(
            f"HF_ENDPOINT is {endpoint}, but it was {datasets.config.HF_ENDPOINT} when `datasets` was imported, "
            "which still uses that address.",
            remedy="Set HF_ENDPOINT before the process starts.",
        )


@contextmanager
def hub_errors(api: HfApi, repo_id: str) -> Iterator[None]:
    """Translate the errors that the Hub's client raises inside the block.

    They become AuthError, MissingError, ServiceError or TemporaryError, with a sentence about `repo_id`; DataError for
    the name of a file that leads out of a folder, such as `../x`.
    """
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        yield
    except CurationError:
        raise
    except HfHubHTTPError as error:
        raise _translate(error, api, repo_id) from error
    except (JSONDecodeError, TypeError, KeyError, IndexError, AttributeError) as error:
        if not _comes_from_the_client(error):
            raise
        raise TemporaryError(
            f"The answer of the Hub at {api.endpoint} about {repo_id} cannot be read "
            f"({type(error).__name__}: {_first_line(error)[:MESSAGE_CHARACTERS]}).",
            remedy="Run the command again later, and check that HF_ENDPOINT is the address of a Hub.",
        ) from error
    except ValueError as error:
        if not str(error).startswith(OUTSIDE):
            raise
        raise DataError(
            f"{repo_id} on {api.endpoint} has a file with a name that is not allowed; it was not downloaded: "
            f"{_first_line(error)[:MESSAGE_CHARACTERS]}",
            remedy="Rename the file in the repo, or delete it.",
        ) from error
    except (httpx2.TransportError, LocalEntryNotFoundError, ConnectionError, TimeoutError) as error:
        raise TemporaryError(
            f"The Hub at {api.endpoint} did not answer ({type(error).__name__}).",
            remedy="Run the command again, and check that HF_ENDPOINT is the address of a Hub.",
        ) from error


def _translate(error: Exception, api: HfApi, repo_id: str) -> ServiceError:
    from huggingface_hub.errors import (
        BucketNotFoundError,
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    assert isinstance(error, HfHubHTTPError)
    status = error.response.status_code
    anonymous = api.token is False
    if isinstance(error, GatedRepoError):
        return AuthError(
            f"{repo_id} is gated, and HF_TOKEN has no access to it.", remedy=f"Ask for access at {api.endpoint}."
        )
    if isinstance(error, RevisionNotFoundError | EntryNotFoundError):
        return MissingError(f"{repo_id} on {api.endpoint} has no such revision or file: {_first_line(error)}")
    if isinstance(error, RepositoryNotFoundError) and anonymous:
        return AuthError(
            f"{repo_id} does not exist on {api.endpoint} or is private, and HF_TOKEN is not set.",
            remedy="Set HF_TOKEN to a token that may read it.",
        )
    if isinstance(error, BucketNotFoundError) or (isinstance(error, RepositoryNotFoundError) and status != 401):
        return MissingError(
            f"{repo_id} does not exist on {api.endpoint}, or HF_TOKEN may not see it.",
            remedy="Correct the name in the config file, or use another token.",
        )
    if status == 402:
        return PaymentError(
            f"{api.endpoint} wants a paid plan or credit for {repo_id} (402): "
            f"{_first_line(error)[:MESSAGE_CHARACTERS]}",
            remedy=f"Look at {api.endpoint}/pricing and {api.endpoint}/settings/billing.",
        )
    if status in {401, 403}:
        reason = "HF_TOKEN is not set" if anonymous else f"HF_TOKEN was refused ({status})"
        return AuthError(
            f"{api.endpoint} gave no access to {repo_id}: {reason}.",
            remedy="Set HF_TOKEN to a token that has access; publishing needs a write token.",
        )
    if status in {408, 409, 412, 429} or status >= 500:
        return TemporaryError(
            f"The Hub at {api.endpoint} answered {status} about {repo_id}.", remedy="Run the command again later."
        )
    return ServiceError(f"The Hub at {api.endpoint} answered {status} about {repo_id}: {_first_line(error)}")


def _comes_from_the_client(error: Exception) -> bool:
    """Whether an error was raised inside huggingface_hub, which failed to parse an answer, and not by our own code."""
    if isinstance(error, JSONDecodeError):
        return True
    modules = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(module.partition(".")[0] == "huggingface_hub" for module in modules)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
