"""The files that a scheduled refresh runs, in a folder of the store: the config with its files, and the package."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from curation.deploy.folders import CONFIG, carried_files
from curation.deploy.wheel import pack_wheel
from curation.errors import MissingError
from curation.hub import hub_errors

if TYPE_CHECKING:
    from huggingface_hub import HfApi

FOLDER = "schedule"
"""The folder of the store. Each schedule of the curation runs what is in it."""
INSTALL = "python -m pip install --quiet --disable-pip-version-check"


def schedule_files(config: Path, *, package: str | None) -> dict[str, bytes]:
    """Return the files by their paths in the store. Without the address of a `package` they include a wheel of ours."""
    carried = carried_files(config)
    if package is None:
        wheel = pack_wheel()
        carried[wheel.name] = wheel.content
    return {f"{FOLDER}/{name}": content for name, content in carried.items()}


def put(api: HfApi, store: str, files: Mapping[str, bytes]) -> str | None:
    """Make the folder of the store hold these files and no others; return the commit, None if it did already.

    Raises MissingError if there is no store yet; other errors as in `hub.hub_errors`.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    try:
        with hub_errors(api, store):
            before = api.dataset_info(store).sha
            present = [
                path for path in api.list_repo_files(store, repo_type="dataset") if path.startswith(f"{FOLDER}/")
            ]
    except MissingError as error:
        raise MissingError(error.message, remedy="Run `curation generate` first: it creates the store.") from error
    operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
        *(CommitOperationAdd(path, content) for path, content in files.items()),
        *(CommitOperationDelete(path) for path in present if path not in files),
    ]
    with hub_errors(api, store):
        # huggingface_hub leaves out files that are there with the same content, and makes no commit without a change.
        commit = api.create_commit(
            store, operations, commit_message="What scheduled refreshes run", repo_type="dataset"
        )
    return None if commit.oid == before else commit.oid


def remove(api: HfApi, store: str) -> bool:
    """Remove the folder from the store; return whether there was one. Errors as in `hub.hub_errors`."""
    from huggingface_hub import CommitOperationDelete

    with hub_errors(api, store):
        if not any(path.startswith(f"{FOLDER}/") for path in api.list_repo_files(store, repo_type="dataset")):
            return False
        operations = [CommitOperationDelete(f"{FOLDER}/", is_folder=True)]
        api.create_commit(store, operations, commit_message="No scheduled refreshes any more", repo_type="dataset")
    return True


def script(store: str, *, package: str | None) -> str:
    """Return the shell script that a schedule runs. It takes HF_TOKEN and Argilla's keys from its environment."""
    wheel = f"{FOLDER}/*.whl" if package is None else shlex.quote(package)
    return "\n".join(
        (
            "set -eu",
            f"{INSTALL} huggingface_hub",
            f"hf download {shlex.quote(store)} --repo-type dataset --include '{FOLDER}/*' --local-dir . --quiet",
            f"{INSTALL} {wheel}",
            f"cd {FOLDER}",
            f"exec python -m curation refresh {CONFIG}",
        )
    )
