"""A Hugging Face Hub on 127.0.0.1 that works with unmodified huggingface_hub, datasets and distilabel.

It has models, datasets and Spaces, private ones too; tokens; commits, branches, tags, discussions and pull requests;
uploads through git, LFS and Xet. It has no Xet downloads, search index or garbage collection.
"""

from curation.local.hub.accounts import Account
from curation.local.hub.process import HubServer

__all__ = ["Account", "HubServer"]
