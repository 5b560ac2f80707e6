"""Creates a Space and keeps it as it should be: only what differs is changed, so a second run changes nothing."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import httpx2

from curation.costs import FREE, PLAN
from curation.errors import MissingError, PaymentError, RefusedError, ServiceError, TemporaryError
from curation.hub import hub_errors
from curation.hub_client import read_by

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import SpaceInfo

HIDDEN = "..."
"""Stands for the value of a secret where calls are printed."""
POLL_SECONDS, ANSWER_SECONDS = 2.0, 10.0
SETTLE_SECONDS = 60.0
"""For so many seconds after a change the Hub may still give the state of a Space before it: without files, or
failed."""
ENDED = frozenset({"NO_APP_FILE", "CONFIG_ERROR", "BUILD_ERROR", "RUNTIME_ERROR", "STOPPED", "PAUSED", "DELETING"})
"""The stages in which a Space does not start by itself."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of a Space. `value` is called only if the Space has none of this name yet."""

    name: str
    value: Callable[[], str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Space:
    """What a Space should be. `bucket` is mounted at /data; without `hardware` a Space keeps what it has.

    A variable that is empty is one that the Space should not have. Files that match `replaced`, such as "*.whl", are
    removed unless they are among `files`. With `renewed` secrets that the Space has are set again.
    """

    repo_id: str
    files: Mapping[str, bytes] = field(repr=False)
    variables: Mapping[str, str]
    secrets: tuple[Secret, ...]
    health: str
    bucket: str | None = None
    hardware: str | None = None
    replaced: str | None = None
    renewed: bool = False


class Calls:
    """Makes calls of huggingface_hub's client that change something, and notes each as a line of Python.

    In a rehearsal they are only noted. The values of secrets are never part of a note.
    """

    def __init__(self, api: HfApi, *, rehearsal: bool) -> None:
        self.api = api
        self.rehearsal = rehearsal
        self.lines: list[str] = []
        self._to_pause: str | None = None

    def pause_before_a_change(self, repo_id: str) -> None:
        """Pause a Space before the next call, if there is one."""
        self._to_pause = repo_id

    def make(self, method: str, *arguments: Any, shown: tuple[Any, ...] | None = None, **options: Any) -> None:
        """Make a call; `shown` stands in the note for the arguments."""
        paused, self._to_pause = self._to_pause, None
        if paused is not None:
            self.make("pause_space", paused)
        parts = [repr(value) for value in (arguments if shown is None else shown)]
        self.lines.append(f"{method}({', '.join([*parts, *(f'{name}={_short(v)}' for name, v in options.items())])})")
        if not self.rehearsal:
            getattr(self.api, method)(*arguments, **options)

    def set_secret(self, repo_id: str, secret: Secret) -> None:
        """Set a secret, whose value is asked for only now."""
        value = HIDDEN if self.rehearsal else secret.value()
        self.make("add_space_secret", repo_id, secret.name, value, shown=(repo_id, secret.name, HIDDEN))


def set_up(calls: Calls, space: Space) -> None:
    """Create a Space or change it to what it should be. Secrets that it has are kept, because nobody can compare them.

    A Space with a bucket is paused before the first change and restarted after the last, because the Hub starts the new
    container while people still answer in the old one: the new one would start from a snapshot without these answers.

    Raises PaymentError, which says which plan it takes and what costs nothing, if the Hub wants to be paid,
    RefusedError if there is another Space of this name; other errors as in `hub.hub_errors`.
    """
    try:
        with hub_errors(calls.api, space.repo_id):
            info = find_space(calls.api, space.repo_id)
            _require_ours(space, info)
            if space.bucket is not None and not _has_bucket(calls.api, space.bucket):
                calls.make("create_bucket", space.bucket, private=True, exist_ok=True)
            paused = info is not None and _stage(calls.api, space) == "PAUSED"
            try:
                if info is None:
                    _create(calls, space)
                else:
                    if space.bucket is not None and not paused and _has_started(info):
                        calls.pause_before_a_change(space.repo_id)
                    _change_machine(calls, space)
                _set_values(calls, space, exists=info is not None)
                _upload(calls, space, info)
            finally:
                # After an error too: people shall go on, and the next run makes up for the rest.
                if paused or any(line.startswith("pause_space(") for line in calls.lines):
                    calls.make("restart_space", space.repo_id)
    except PaymentError as error:
        raise PaymentError(error.message, remedy=f"{PLAN} {FREE}") from error


def _require_ours(space: Space, info: SpaceInfo | None) -> None:
    """Raise RefusedError if there is a Space of the name that is for something else, by the tags of its card."""
    files = {file.rfilename for file in (info.siblings if info is not None else None) or ()}
    if info is not None and files - {".gitattributes"} and "curation" not in (info.tags or ()):
        raise RefusedError(
            f"There is a Space {space.repo_id}, and it is none of a curation: its card has not the tag `curation`.",
            remedy="Name another one with --space, or delete that one.",
        )


def _has_started(info: SpaceInfo) -> bool:
    """Whether a Space has what it needs to run: an earlier `deploy` may have been interrupted before that."""
    return any(file.rfilename == "Dockerfile" for file in info.siblings or ())


def find_space(api: HfApi, repo_id: str) -> SpaceInfo | None:
    """Return what the Hub says about a Space and its files, None if there is none."""
    try:
        with hub_errors(api, repo_id):
            return api.space_info(repo_id, files_metadata=True)
    except MissingError:
        return None


def wait_until_up(api: HfApi, space: Space, *, seconds: float, changed: bool) -> str:
    """Wait until a Space answers, and return its address.

    If the Space was `changed` just now, the Hub may give its earlier state for a while. Raises ServiceError with
    the address of its log if it ended, TemporaryError if it does not answer in time.
    """
    began = time.monotonic()
    page = f"{api.endpoint}/spaces/{space.repo_id}"
    while True:
        waited = time.monotonic() - began
        with hub_errors(api, space.repo_id):
            stage = _stage(api, space)
            host = api.space_info(space.repo_id).host
        if stage in ENDED and (waited > SETTLE_SECONDS or not changed):
            raise ServiceError(
                f"The Space {space.repo_id} does not run: it is {stage}.",
                remedy=f"Its log is at {page}?logs=container. Restart a paused one at {page}/settings.",
            )
        # A request wakes a Space that sleeps.
        if stage in {"RUNNING", "SLEEPING"} and host is not None and _answers(f"{host}{space.health}"):
            return host
        if waited > seconds:
            raise TemporaryError(
                f"The Space {space.repo_id} does not answer after {seconds:.0f} s: it is {stage}.",
                remedy=f"Its log is at {page}?logs=container. Run the command again: it goes on waiting.",
            )
        time.sleep(min(POLL_SECONDS, max(0.0, seconds - waited)))


def _stage(api: HfApi, space: Space) -> str:
    stage = api.get_space_runtime(space.repo_id).stage
    return str(getattr(stage, "value", stage))


def _create(calls: Calls, space: Space) -> None:
    volumes: dict[str, Any] = {"space_volumes": _volumes(space)} if space.bucket is not None else {}
    calls.make(
        "create_repo",
        space.repo_id,
        repo_type="space",
        space_sdk="docker",
        space_hardware=space.hardware or "cpu-basic",
        private=False,
        exist_ok=True,
        **volumes,
    )


def _change_machine(calls: Calls, space: Space) -> None:
    """Mount the bucket and change the hardware of a Space that exists, if they differ. Other volumes stay."""
    runtime = calls.api.get_space_runtime(space.repo_id)
    others = [volume for volume in runtime.volumes or [] if volume.mount_path.rstrip("/") != "/data"]
    wanted = [*others, *_volumes(space)]
    if space.bucket is not None and _plain(wanted) != _plain(runtime.volumes or []):
        calls.make("set_space_volumes", space.repo_id, volumes=wanted)
    if space.hardware is not None and space.hardware not in {runtime.requested_hardware, runtime.hardware}:
        calls.make("request_space_hardware", space.repo_id, space.hardware)


def _set_values(calls: Calls, space: Space, *, exists: bool) -> None:
    variables = calls.api.get_space_variables(space.repo_id) if exists else {}
    for name, value in space.variables.items():
        if value and (name not in variables or variables[name].value != value):
            calls.make("add_space_variable", space.repo_id, name, value)
        elif not value and name in variables:
            calls.make("delete_space_variable", space.repo_id, name)
    secrets = calls.api.get_space_secrets(space.repo_id) if exists else {}
    for secret in space.secrets:
        if space.renewed or secret.name not in secrets:
            calls.set_secret(space.repo_id, secret)


def _upload(calls: Calls, space: Space, info: SpaceInfo | None) -> None:
    """Upload the files that differ from those that the Space has, and remove older ones, in one commit."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    present = {file.rfilename: file for file in (info.siblings if info is not None else None) or ()}
    changed = {name: content for name, content in space.files.items() if not _is_same(content, present.get(name))}
    old = [name for name in present if name not in space.files and fnmatch(name, space.replaced or "")]
    if changed or old:
        added = [CommitOperationAdd(name, content) for name, content in changed.items()]
        calls.make(
            "create_commit",
            space.repo_id,
            operations=[*added, *(CommitOperationDelete(name) for name in old)],
            commit_message=f"Update {', '.join([*changed, *old])}",
            repo_type="space",
        )


def _is_same(content: bytes, file: Any) -> bool:
    """Whether a file on the Hub has this content: git's name of it, or the SHA-256 of a large one."""
    if file is None:
        return False
    if file.lfs is not None:
        return bool(file.lfs.sha256 == hashlib.sha256(content).hexdigest())
    blob = b"blob %d\0%b" % (len(content), content)
    return bool(file.blob_id == hashlib.sha1(blob, usedforsecurity=False).hexdigest())


def _has_bucket(api: HfApi, bucket: str) -> bool:
    try:
        with hub_errors(api, bucket):
            api.bucket_info(bucket)
    except MissingError:
        return False
    return True


def _volumes(space: Space) -> list[Any]:
    from huggingface_hub import Volume

    return [Volume(type="bucket", source=space.bucket, mount_path="/data")] if space.bucket is not None else []


def _plain(volumes: list[Any]) -> list[tuple[str, str, str, bool]]:
    return sorted((v.type, v.source, v.mount_path.rstrip("/"), bool(v.read_only)) for v in volumes)


def _short(value: Any) -> str:
    """Return a value as it stands in a note: a file is its name, a volume where it is mounted."""
    if isinstance(value, list):
        return f"[{', '.join(_short(item) for item in value)}]"
    if hasattr(value, "path_in_repo"):
        return repr(value.path_in_repo)
    return repr(value.to_uri() if hasattr(value, "to_uri") else value)


def _answers(url: str) -> bool:
    """Whether a GET of an address is answered with 200 and JSON, not with the page of a Space that still starts."""
    deadline = time.monotonic() + ANSWER_SECONDS
    try:
        with httpx2.stream("GET", url, timeout=ANSWER_SECONDS, follow_redirects=True) as response:
            read_by(response, deadline)
        return response.status_code == httpx2.codes.OK and isinstance(response.json(), dict)
    except (httpx2.TransportError, ValueError):
        return False
