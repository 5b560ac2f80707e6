"""Loads the tokenizer, with its chat template, of the model that will be trained: from a folder or from the Hub."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from curation.errors import ConfigError, MissingError
from curation.hub import DEFAULT_ENDPOINT, connect, hub_errors
from curation.patience import BYTES_PER_SECOND, Service, in_time

FILES = ("*.json", "*.jinja", "*.model", "*.txt")
"""The files of a model's repo that make up its tokenizer."""


def load_tokenizer(name: str, *, endpoint: str = DEFAULT_ENDPOINT, token: str | None = None) -> Any:
    """Return the transformers tokenizer in a folder, or of a model on the Hub ("owner/name" or "owner/name@revision").

    Raises ConfigError if `transformers` is not installed or the tokenizer has no chat template, MissingError if there
    is no such tokenizer, and the errors of `curation.hub.hub_errors`.
    """
    folder = Path(name) if name and Path(name).is_dir() else _download(name, endpoint=endpoint, token=token)
    tokenizer = _load(folder, name)
    if tokenizer.chat_template is None:
        raise ConfigError(
            f"The tokenizer {name} has no chat template, so it cannot turn a conversation into text.",
            remedy="Name the instruction-tuned model that you will train.",
        )
    return tokenizer


def _download(repo_id: str, *, endpoint: str, token: str | None) -> Path:
    """Download a repo's tokenizer files and return their folder.

    AutoTokenizer could download them too, but only from the Hub that HF_ENDPOINT named when it was imported.
    """
    name, _, revision = repo_id.partition("@")
    if name.count("/") != 1 or name.startswith((".", "/")):
        raise MissingError(
            f"There is no tokenizer {repo_id!r}: it is neither a folder nor the name of a model on the Hub.",
            remedy="Name a folder, or owner/name.",
        )
    api = connect(endpoint, token)
    with hub_errors(api, name):
        info = api.model_info(name, revision=revision or None, files_metadata=True)
        files = [file for file in info.siblings or () if any(fnmatch(file.rfilename, form) for form in FILES)]
        # Xet, which downloads large files, has no timeout.
        folder = in_time(
            Service(f"the Hub at {endpoint}"),
            lambda: api.snapshot_download(name, revision=info.sha, allow_patterns=list(FILES)),
            more_seconds=sum(file.size or 0 for file in files) / BYTES_PER_SECOND,
        )
    return Path(folder)


def _load(folder: Path, name: str) -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise ConfigError(
            "Tokenizers need `transformers`, which is not installed.",
            remedy="Install it with: pip install 'curation[train]'",
        ) from error
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MissingError(
            f"{name} has no tokenizer that `transformers` can read: {error}", remedy="Name another tokenizer."
        ) from error
