"""Whether a review Space keeps its data, as the Hub's API tells it: asked of the local Hub with the real client."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi, SpaceHardware, Volume

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


def write_snapshots(stack: Stack, *numbers: int) -> None:
    """Put snapshots into the bucket, as the start script of the Space does that mounts it."""
    connect(stack.hub.url, stack.hub.token).create_bucket("acme/review-data", private=True, exist_ok=True)
    folder = stack.hub.bucket_folder("acme/review-data") / "reviews"
    folder.mkdir(exist_ok=True)
    for number in numbers:
        (folder / f"reviews-{number:012d}-{'0' * 64}.sqlite3").write_bytes(b"")


def test_a_space_whose_bucket_has_snapshots_can_start_from_the_newest(stack: Stack) -> None:
    write_snapshots(stack, 9, 10)
    kept = kept_data(*space(stack, "kept-reviews", bucket("/data")))
    assert kept.sentence.startswith(
        "acme/kept-reviews can start from a snapshot in the bucket acme/review-data, number 10"
    )
    assert (kept.safe, kept.hardware) == (True, "cpu-basic")


def test_what_the_hardware_of_a_space_costs_is_said(stack: Stack) -> None:
    api, url = space(stack, "paid-reviews")
    assert kept_data(api, url).costs[0].endswith(": free of charge.")
    api.request_space_hardware("acme/paid-reviews", SpaceHardware.CPU_UPGRADE)
    # 730 hours of $0.03
    assert kept_data(api, url).costs[0].endswith(": $0.03 an hour, $22 in a month without a pause.")
    assert kept_data(api, "https://somebody-else-s.hf.space").costs == ()


def test_a_bucket_without_a_snapshot_is_warned_of(stack: Stack) -> None:
    api, url = space(stack, "new-reviews", Volume(type="bucket", source="acme/new-data", mount_path="/data"))
    api.create_bucket("acme/new-data", private=True)
    (stack.hub.bucket_folder("acme/new-data") / "notes.txt").write_text("no snapshot")
    kept = kept_data(api, url)
    assert not kept.safe
    assert kept.sentence.startswith("The bucket acme/new-data of acme/new-reviews has no snapshot to start from")


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
    kept = kept_data(*space(stack, f"{name}-reviews", *volumes))
    assert not kept.safe
    assert kept.sentence.startswith(f"acme/{name}-reviews has no persistent storage: a restart loses its accounts")
    assert "`curation restore`" in kept.sentence


def test_what_the_token_may_not_see_is_said_to_be_unknown(stack: Stack) -> None:
    api, _ = space(stack, "seen-reviews")
    kept = kept_data(api, "https://somebody-else-s.hf.space")
    assert not kept.safe
    assert "whether a restart loses its data is not known" in kept.sentence


def test_mounting_a_bucket_afterwards_is_seen(stack: Stack) -> None:
    api, url = space(stack, "late-reviews")
    write_snapshots(stack, 1)
    assert not kept_data(api, url).safe
    api.set_space_volumes("acme/late-reviews", volumes=[bucket("/data")])
    assert kept_data(api, url).safe


def test_a_warning_is_a_line_of_its_own_and_no_failure() -> None:
    report = CheckReport(findings=(Finding(subject="space", ok=True, warning=True, message="no storage"),))
    assert (report.exit_code, report.lines) == (0, ("WARN  space: no storage",))
