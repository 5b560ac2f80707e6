"""deploy argilla: the review Space, with durable reviews and a sign-in that is closed to strangers."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import closing

from curation.config import Config, Services
from curation.costs import PLAN, hardware_line
from curation.deploy.access import Access, access_of, asking_account, card_with_access, oauth_file
from curation.deploy.folders import space_files
from curation.deploy.report import DeployReport, NewSecret, Wishes
from curation.deploy.spaces import Calls, Secret, Space, find_space, set_up, wait_until_up
from curation.errors import RefusedError
from curation.review.accounts import create_workspace, join
from curation.services import open_review

WAIT_SECONDS = 900.0
HEALTH = "/api/v1/status"


def deploy_argilla(
    config: Config,
    wishes: Wishes,
    *,
    services: Services,
    password: str | None = None,
    rehearsal: bool = False,
    wait_seconds: float = WAIT_SECONDS,
    tell: Callable[[NewSecret], None] = lambda secret: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> DeployReport:
    """Create the review Space of a config, or change it to what it should be, and wait until it answers.

    ARGILLA_API_KEY and `password` become the owner's key and password. What is not given is made, and `tell` is called
    with it right before the Space gets it. `say` is called with a sentence about the costs before the first call.
    Raises AuthError without a token, PaymentError if the account has no plan for it, RefusedError if accounts are to be
    created in a Space whose key is not known.
    """
    account = asking_account(services)
    api, my_name = account.api, account.name
    repo_id = wishes.space or f"{config.store.repo_id.partition('/')[0]}/{config.name}-review"
    access = access_of(wishes, repo_id, account)
    costs = (PLAN, hardware_line(wishes.hardware))
    if not rehearsal:
        for line in costs:
            say(line)
    exists = find_space(api, repo_id) is not None
    reviewers = tuple(user for user in access.users if user != my_name)
    if reviewers and exists and services.argilla_api_key is None:
        raise RefusedError(
            f"{repo_id} exists, and ARGILLA_API_KEY is not set, so the accounts of {', '.join(reviewers)} cannot be "
            "looked at.",
            remedy="Export the key that the Space was created with.",
        )
    keys = _Keys(services.argilla_api_key, password, tell)
    space = _space(config, repo_id, owner=my_name, access=access, hardware=wishes.hardware, keys=keys)
    calls = Calls(api, rehearsal=rehearsal)
    set_up(calls, space)
    report = DeployReport(
        space=repo_id, url=None, rehearsal=rehearsal, calls=tuple(calls.lines), costs=costs, access=access.sentence
    )
    if rehearsal:
        return report
    say(f"Waiting until {repo_id} answers; the first time that takes some minutes.")
    url = wait_until_up(api, space, seconds=wait_seconds, changed=bool(calls.lines))
    new_services = services.model_copy(update={"argilla_api_url": url, "argilla_api_key": keys.api_key})
    accounts = _create_accounts(config, new_services, reviewers, tell) if reviewers else ()
    return report.model_copy(update={"url": url, "accounts": accounts})


class _Keys:
    """The owner's key and password: those that were given, or new ones, which are told when they are asked for."""

    def __init__(self, api_key: str | None, password: str | None, tell: Callable[[NewSecret], None]) -> None:
        self.api_key = api_key
        self._password = password
        self._tell = tell

    def key(self) -> str:
        if self.api_key is None:
            self.api_key = f"{secrets.token_urlsafe(36)}.argilla"
            self._tell(NewSecret("ARGILLA_API_KEY", self.api_key))
        return self.api_key

    def password(self) -> str:
        if self._password is None:
            self._password = secrets.token_urlsafe(12)
            self._tell(NewSecret("ARGILLA_PASSWORD", self._password))
        return self._password


def _space(config: Config, repo_id: str, *, owner: str, access: Access, hardware: str | None, keys: _Keys) -> Space:
    files = space_files("argilla")
    files[".oauth.yaml"] = oauth_file(access, config.review.workspace)
    files["README.md"] = card_with_access(files["README.md"], access)
    return Space(
        repo_id=repo_id,
        files=files,
        variables={"USERNAME": owner, "WORKSPACE": config.review.workspace},
        secrets=(
            Secret("API_KEY", keys.key),
            Secret("PASSWORD", keys.password),
            # Without it everybody has to sign in again after a restart. Nobody needs to know it.
            Secret("ARGILLA_AUTH_SECRET_KEY", lambda: secrets.token_hex(32)),
        ),
        health=HEALTH,
        bucket=f"{repo_id}-data",
        hardware=hardware,
    )


def _create_accounts(
    config: Config, services: Services, names: tuple[str, ...], tell: Callable[[NewSecret], None]
) -> tuple[str, ...]:
    """Create the accounts that are missing, and let all of them into the workspace; return the names of new ones."""
    with closing(open_review(config, services)) as review:
        create_workspace(review)
        joined = join(
            review,
            names,
            tell=lambda account: tell(NewSecret(f"the password of {account.username}", account.password)),
        )
    return tuple(account.username for account in joined.new)
