"""The process of the local Hub: `python -m curation.local.hub --data DIR --port N --users FILE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvicorn

from curation.errors import CurationError
from curation.local.hub.accounts import read_accounts
from curation.local.hub.app import build_app
from curation.local.process import HOST, exit_with_parent


def main() -> int:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m curation.local.hub", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder for repositories and content")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument("--users", type=Path, required=True, help="JSON file: token -> {name, orgs, role}")
    arguments = parser.parse_args()
    exit_with_parent()
    try:
        app = build_app(arguments.data, read_accounts(arguments.users))
    except CurationError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    # No access log: upload addresses carry a ticket.
    uvicorn.run(app, host=HOST, port=arguments.port, access_log=False, log_level="warning", timeout_graceful_shutdown=3)
    return 0


if __name__ == "__main__":
    sys.exit(main())
