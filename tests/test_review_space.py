"""Whether a review Space keeps its data, as the Hub's API tells it: asked of the local Hub with the real client."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi, Volume

from curation.hub import connect
from curation.local import Stack
from curation.review_space import kept_data
from curation.stages.check import CheckReport, Finding

pytestmark = pytest.mark.stack


def space(stack: Stack, name: str, *volumes: Volume) -> tuple[HfApi, str]:
    """Create a Space with these volumes; return a client, and the address at which the Hub would serve it."""
    api = connect(stack.hub.url, stack.hub.token)
    repo_id = f"acme/{name}"
    api.create_repo(
        repo_id, repo_type="space", space_sdk="docker", space_volumes=list(volumes) or None, private=True, exist_ok=True
    )
    return api, f"https://acme-{name}.hf.space"


def bucket(mount_path: str, *, read_only: bool = False) -> Volume:
    return Volume(type="bucket", source="acme/review-data", mount_path=mount_path, read_only=read_only)


def test_a_space_with_a_writable_bucket_at_its_data_keeps_them(stack: Stack) -> None:
    assert kept_data(*space(stack, "kept-reviews", bucket("/data"))) == (
        "acme/kept-reviews keeps its data in the bucket acme/review-data, mounted at /data",
        True,
    )


@pytest.mark.parametrize(
    ("name", "volumes"),
    [
        ("bare", []),
        ("read-only", [bucket("/data", read_only=True)]),
        ("elsewhere", [bucket("/data-old"), bucket("/data/argilla/cache")]),
        ("model", [Volume(type="model", source="acme/small", mount_path="/data")]),
    ],
)
def test_a_space_that_loses_its_data_at_a_restart_is_warned_of(name: str, volumes: list[Volume], stack: Stack) -> None:
    sentence, safe = kept_data(*space(stack, f"{name}-reviews", *volumes))
    assert not safe
    assert sentence.startswith(f"acme/{name}-reviews has no persistent storage: a restart loses its accounts")
    assert "`curation restore`" in sentence


def test_what_the_token_may_not_see_is_said_to_be_unknown(stack: Stack) -> None:
    api, _ = space(stack, "seen-reviews")
    sentence, safe = kept_data(api, "https://somebody-else-s.hf.space")
    assert not safe
    assert "whether a restart loses its data is not known" in sentence


def test_mounting_a_bucket_afterwards_is_seen(stack: Stack) -> None:
    api, url = space(stack, "late-reviews")
    assert not kept_data(api, url)[1]
    api.set_space_volumes("acme/late-reviews", volumes=[bucket("/data")])
    assert kept_data(api, url)[1]


def test_a_warning_is_a_line_of_its_own_and_no_failure() -> None:
    report = CheckReport(findings=(Finding(subject="space", ok=True, warning=True, message="no storage"),))
    assert (report.exit_code, report.lines) == (0, ("WARN  space: no storage",))
