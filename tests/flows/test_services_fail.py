"""Services that fail in the middle: a temporary error with exit code 3, and the same command later ends well."""

from __future__ import annotations

import pytest

from curation.local import Stack
from tests.configs import write_config
from tests.conftest import CommandLine

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("status", [500, 0])
def test_an_upload_that_breaks_off_is_a_temporary_problem(cli: CommandLine, stack: Stack, status: int) -> None:
    config = str(write_config(cli.folder, f"upload-{status}"))
    stack.hub.fail(r"/v1/(xorbs|shards)", status=status, count=1000)
    try:
        cli.error("generate", config, exit_code=3, HF_XET_CLIENT_RETRY_MAX_ATTEMPTS="1")
    finally:
        stack.hub.clear_faults()
    assert cli.json("generate", config)["made"] == 6


def test_two_failures_of_the_hub_are_survived_by_waiting(cli: CommandLine, stack: Stack) -> None:
    config = str(write_config(cli.folder, "waited-out"))
    stack.hub.fail(r"/api/datasets/acme/waited-out-store/commit", status=503, count=2)
    assert cli.json("generate", config)["made"] == 6
