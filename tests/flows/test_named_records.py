"""A sync reads only the records that webhooks or Argilla's list of responses name, and misses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from curation.config import Services, load_config
from curation.local import Stack
from curation.stages.sync import SyncReport, sync
from tests.between import Between
from tests.conftest import CommandLine
from tests.flows.running import stored
from tests.flows.test_loop import always, answers, argilla, dataset_id, pushed, review

pytestmark = pytest.mark.stack
NAME = "named"


def test_only_records_that_are_named_or_listed_are_read_and_nothing_is_missed(cli: CommandLine, stack: Stack) -> None:
    path = pushed(cli, NAME)
    review(stack, NAME, ann=always("a"), bob=always("a"))
    config = load_config(cli.folder / f"{NAME}.toml")
    services = Services.from_environment(stack.settings())
    assert path.endswith(f"{NAME}.toml")

    def synced(*changed: str, **options: Any) -> SyncReport:
        return sync(config, services=services, changed=changed, **options)

    def responses() -> int:
        return len(stored(stack, NAME).responses)

    with argilla(stack) as http:
        given = {(item["record_id"], item["user_id"]): item for item in answers(http, NAME)}
        records = sorted({record for record, _ in given})
        of_first = [item for (record, _), item in given.items() if record == records[0]]
        [second, *_] = [item for (record, _), item in given.items() if record == records[1]]

        def change(response: dict[str, Any], preference: str = "b") -> None:
            body = {"status": "submitted", "values": {"preference": {"value": preference}}}
            http.put(f"/responses/{response['id']}", json=body).raise_for_status()

        # Nothing was ever read, so what was named is not enough.
        first = synced(records[0])
        assert (first.read_records, first.added) == (None, 12)
        # Of three changes one is told of by name; a withdrawn answer is one too.
        change(of_first[0])
        http.delete(f"/responses/{of_first[1]['id']}").raise_for_status()
        change(second)
        report = synced(records[0])
        assert (report.read_records, report.changed, report.withdrawn, report.responses) == (1, 1, 1, 11)
        assert (report.missing_records, report.absent, report.commit is not None) == ((), 0, True)
        assert "1 record read in" in report.lines[0]
        assert responses() == 11
        # The change that nobody told of is there with the next sync, which asks which responses changed.
        listed = sync(config, services=services)
        assert (listed.read_records, listed.changed, listed.withdrawn, listed.missing_records) == (1, 1, 0, ())
        assert not sync(config, services=services).read_all
        # What is not a record of the dataset, or no id at all, does not help: the list does.
        for strange, preference in (("0b7c9d3e-0000-4000-8000-000000000000", "a"), ("no-id", "b")):
            change(second, preference)
            assert synced(records[0], strange).read_records == 1

        # A plain Argilla has no list, and after `full_every` hours everything is read in any case.
        def without_list(request: str) -> str | None:
            return "/api/v1/no-such-route" if "/curation/responses" in request else None

        change(second, "a")
        with Between(stack.argilla.url, without_list) as proxy:
            plain = Services.from_environment({**stack.settings(), "ARGILLA_API_URL": proxy.url})
            report = sync(config, services=plain)
        assert (report.read_records, report.changed) == (None, 1)
        change(second, "b")
        report = sync(config, services=services, read_all=True)
        assert (report.read_records, report.changed) == (None, 1)
        change(second, "a")
        often = config.model_copy(update={"review": config.review.model_copy(update={"full_every": 0.0})})
        report = sync(often, services=services)
        assert (report.read_records, report.changed) == (None, 1)
        # If nothing happened, nothing is read, whatever is named.
        assert not synced(records[0]).read_all
        # A dataset that stands in place of the one that was read before is read whole.
        http.delete(f"/datasets/{dataset_id(http, NAME)}").raise_for_status()
        cli.json("restore", path)
        [item, *_] = answers(http, NAME)
        assert synced(item["record_id"]).read_records is None
        assert responses() == 11
