"""What `check` prints of its findings."""

from __future__ import annotations

from curation.stages.check import CheckReport, Finding


def test_a_finding_is_a_line_and_its_details_are_lines_below_it() -> None:
    report = CheckReport(
        findings=(
            Finding(
                subject="quality", ok=True, message="they are", details=("prompts: pii: off", "pairs: identical: on")
            ),
            Finding(subject="token", ok=False, message="HF_TOKEN is not set."),
        )
    )
    assert report.lines == (
        "ok    quality: they are",
        "        prompts: pii: off",
        "        pairs: identical: on",
        "FAIL  token: HF_TOKEN is not set.",
    )
    assert report.exit_code == 1
