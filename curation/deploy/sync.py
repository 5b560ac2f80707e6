"""deploy sync: the Space that refreshes when reviewers answered, and shows how far they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from curation.config import Services, load_config
from curation.costs import PLAN, hardware_line
from curation.deploy.access import Access, access_of, asking_account
from curation.deploy.folders import carried_files, space_files
from curation.deploy.report import DeployReport, Wishes
from curation.deploy.spaces import Calls, Secret, Space, set_up, wait_until_up
from curation.deploy.wheel import Wheel, pack_wheel
from curation.errors import ConfigError
from curation.hub import DEFAULT_ENDPOINT
from curation.review.webhooks import PATH, register_webhook

WAIT_SECONDS = 900.0
HEALTH = "/health"


def deploy_sync(
    config: Path,
    wishes: Wishes,
    *,
    wheel: Path | None = None,
    services: Services,
    admins: tuple[str, ...] = (),
    token: str | None = None,
    renew: bool = False,
    rehearsal: bool = False,
    wait_seconds: float = WAIT_SECONDS,
    say: Callable[[str], None] = lambda sentence: None,
) -> DeployReport:
    """Create the sync Space of a config, or change it to what it should be, and register its webhook.

    The Space gets HF_TOKEN and ARGILLA_API_KEY as secrets, and `token` for programs if there is one; with `renew` it
    gets them again. If no `admins` are named, the account of HF_TOKEN is the admin. Without `wheel` the Space installs
    the package that runs here. Raises ConfigError if Argilla's address or key is not set, if everybody should be let
    in, or if `wheel` is no wheel, and the errors of `deploy_argilla`.
    """
    if services.argilla_api_url is None or services.argilla_api_key is None:
        raise ConfigError(
            "ARGILLA_API_URL and ARGILLA_API_KEY are not both set, and the Space needs them.",
            remedy="Export those of the review Space, which `curation deploy argilla` prints.",
        )
    if wishes.anyone:
        raise ConfigError("The page of the sync Space is not for everybody.", remedy="Use --org or --user.")
    if wheel is not None and (wheel.suffix != ".whl" or not wheel.is_file()):
        raise ConfigError(f"{wheel} is no wheel.", remedy="Without --package, the package that runs here is installed.")
    package = pack_wheel() if wheel is None else Wheel(wheel.name, wheel.read_bytes())
    loaded, account = load_config(config), asking_account(services)
    repo_id = wishes.space or f"{loaded.store.repo_id.partition('/')[0]}/{loaded.name}-sync"
    access = access_of(wishes, repo_id, account)
    costs = (PLAN, hardware_line(wishes.hardware))
    if not rehearsal:
        for line in costs:
            say(line)
    space = Space(
        repo_id=repo_id,
        files={**space_files("sync"), **carried_files(config), package.name: package.content},
        variables=_variables(services, access, admins or (account.name,)),
        secrets=_secrets(services, token),
        health=HEALTH,
        hardware=wishes.hardware,
        replaced="*.whl",
        renewed=renew,
    )
    calls = Calls(account.api, rehearsal=rehearsal)
    set_up(calls, space)
    report = DeployReport(
        space=repo_id, url=None, rehearsal=rehearsal, calls=tuple(calls.lines), costs=costs, access=access.sentence
    )
    if rehearsal:
        return report
    say(f"Waiting until {repo_id} answers; the first time that takes some minutes.")
    url = wait_until_up(account.api, space, seconds=wait_seconds, changed=bool(calls.lines))
    # The server registers the webhook too, whenever Argilla lost it. If the key may not, it is said here at once.
    register_webhook(api_url=services.argilla_api_url, api_key=services.argilla_api_key, url=f"{url}{PATH}")
    return report.model_copy(update={"url": url})


def _variables(services: Services, access: Access, admins: tuple[str, ...]) -> dict[str, str]:
    variables = {
        "ARGILLA_API_URL": services.argilla_api_url or "",
        "CURATION_SERVE_ORGS": " ".join(access.orgs),
        "CURATION_SERVE_USERS": " ".join(access.users),
        "CURATION_SERVE_ADMINS": " ".join(admins),
    }
    if services.hub_endpoint != DEFAULT_ENDPOINT:
        variables["HF_ENDPOINT"] = services.hub_endpoint
    return variables


def _secrets(services: Services, token: str | None) -> tuple[Secret, ...]:
    given = {
        "HF_TOKEN": services.hub_token,
        "ARGILLA_API_KEY": services.argilla_api_key,
        "CURATION_SERVE_TOKEN": token,
    }
    return tuple(Secret(name, partial(str, value)) for name, value in given.items() if value is not None)
