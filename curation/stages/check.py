"""check: whether everything that a curation needs is there, before anything is paid for or written."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from curation.config import Config, Services
from curation.errors import AuthError, CurationError, TemporaryError
from curation.generation import check_endpoint
from curation.hub import connect, hub_errors
from curation.quality import answer_checks
from curation.stages.report import Report
from curation.stages.services import open_review


class Finding(BaseModel):
    """One thing that was looked at: fine, or what is wrong and what mends it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str
    ok: bool
    message: str
    temporary: bool = False


class CheckReport(Report):
    """What `check` found."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 if all is well, 3 if only temporary faults were found, else 1."""
        faults = [finding for finding in self.findings if not finding.ok]
        if not faults:
            return 0
        return 3 if all(fault.temporary for fault in faults) else 1

    @property
    def lines(self) -> tuple[str, ...]:
        """One line per finding."""
        return tuple(
            f"{'ok  ' if finding.ok else 'FAIL'}  {finding.subject}: {finding.message}" for finding in self.findings
        )

    @property
    def next_verb(self) -> str | None:
        """Generate, if nothing stands in the way."""
        return "generate" if self.exit_code == 0 else None


def check(config: Config, *, services: Services | None = None) -> CheckReport:
    """Look at prompts, token, endpoints and Argilla; nothing is changed, and no fault hides another."""
    services = services or Services.from_environment()
    findings = [
        Finding(subject="config", ok=True, message=f"{config.name}: {len(config.generators)} generators"),
        _look("quality", lambda: _checks(config, services)),
        _look("prompts", lambda: config.prompts.resolve(endpoint=services.hub_endpoint, token=services.hub_token)),
        _look("token", lambda: _may_write(config, services)),
    ]
    for stage, options in config.models.stages.items():
        findings.append(_look(config.models.labels[stage], lambda o=options: check_endpoint(o, name=o.name)))  # type: ignore[misc]
    findings.append(_look("argilla", lambda: _argilla(config, services)))
    return CheckReport(findings=tuple(findings))


def _look(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject=subject, ok=True, message=look())
    except CurationError as error:
        return Finding(subject=subject, ok=False, message=str(error), temporary=isinstance(error, TemporaryError))


def _checks(config: Config, services: Services) -> str:
    """What is dropped and what is not, after everything that the checks need was read."""
    config.quality.prompt_checks(endpoint=services.hub_endpoint, token=services.hub_token)
    answer_checks(config.quality, endpoint=services.hub_endpoint, token=services.hub_token)
    return "".join(f"\n        {line}" for line in config.quality.lines()).lstrip()


def _may_write(config: Config, services: Services) -> str:
    if services.hub_token is None:
        raise AuthError("HF_TOKEN is not set.", remedy="Set it to a write token.")
    api = connect(services.hub_endpoint, services.hub_token)
    with hub_errors(api, "your account"):
        me = api.whoami()
    name = str(me["name"])
    role = str(me.get("auth", {}).get("accessToken", {}).get("role", "unknown"))
    if role == "read":
        raise AuthError(f"The token of {name} may only read.", remedy="Set HF_TOKEN to a write token.")
    namespaces = {name, *(str(org["name"]) for org in me.get("orgs", []))}
    for repo_id in (config.store.repo_id, config.publish.repo_id):
        owner = repo_id.partition("/")[0]
        if owner not in namespaces:
            raise AuthError(
                f"{name} may not write to {owner} ({repo_id}).",
                remedy=f"Use one of {', '.join(sorted(namespaces))}, or another token.",
            )
    return f"{name} may write ({role} token) to {config.store.repo_id} and {config.publish.repo_id}"


def _argilla(config: Config, services: Services) -> str:
    review = open_review(config, services)
    if review.find() is None:
        return f"answers; {config.review.workspace}/{config.review_dataset} will be created"
    review.check(config.review.settings())
    return f"answers; {config.review.workspace}/{config.review_dataset} has this task's settings"
