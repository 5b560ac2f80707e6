"""A Hugging Face Hub on 127.0.0.1 that unmodified huggingface_hub, datasets and distilabel clients accept.

Repositories of all three kinds, private ones and tokens included; commits, branches, tags; uploads through git, LFS
and Xet. It has no discussions, pull requests, Xet downloads, search index or garbage collection.
"""

from curation.local.hub.accounts import Account
from curation.local.hub.process import HubServer

__all__ = ["Account", "HubServer"]
