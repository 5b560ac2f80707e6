"""Nothing shrinks in silence: publish says how many rows there were and are, and why; a dry run says it before."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.hub import connect
from curation.local import Stack
from curation.local.reviewers import Fields, simulate_reviewers
from tests.configs import write_config
from tests.conftest import CommandLine

pytestmark = pytest.mark.stack


def agree(fields: Fields) -> str:
    return "a"


def disagree_on_four(fields: Fields) -> str:
    return "b" if any(f"Question {number}:" in str(fields["prompt"]) for number in range(4)) else "a"


def test_a_publish_of_fewer_rows_says_why_and_a_dry_run_says_it_before(cli: CommandLine, stack: Stack) -> None:
    name = "shrinking"
    path = write_config(cli.folder, name)
    config = str(path)
    cli.json("generate", config)
    cli.json("push", config)
    rules = {"simulated-one": agree, "simulated-two": agree, "simulated-three": disagree_on_four}
    simulate_reviewers(stack.argilla, workspace="argilla", dataset=name, rules=rules)
    cli.json("sync", config)
    first = cli.json("publish", config, "--dry-run")
    assert (first["published"], first["rows"], first["row_counts"]) == (False, {"dpo": 6, "kto": 12}, None)
    assert first["changes"]["dpo"] == {"comes": 6, "goes": 0, "changes": 0}
    assert len(first["examples"]) == 10
    assert not connect(stack.hub.url, stack.hub.token).repo_exists(f"acme/{name}", repo_type="dataset")
    assert cli.json("publish", config)["row_counts"] is None

    path.write_text(Path(config).read_text() + '\n[labels]\nresolver = "unanimous"\n', encoding="utf-8")
    before = connect(stack.hub.url, stack.hub.token).dataset_info(f"acme/{name}").sha
    dry = cli.json("publish", config, "--dry-run")
    sentence = "dpo 6 -> 2, kto 12 -> 4, because resolver is unanimous, min_reviewers is 2: 4 not_unanimous."
    assert dry["row_counts"] == sentence
    # Two rows are there as before, but for the agreement of their reviewers, which is what it was.
    assert dry["changes"] == {
        "dpo": {"comes": 0, "goes": 4, "changes": 0},
        "kto": {"comes": 0, "goes": 8, "changes": 0},
    }
    assert {(example["config"], example["kind"]) for example in dry["examples"]} == {("dpo", "goes"), ("kto", "goes")}
    assert len(dry["examples"]) == 10
    shown = cli.run("publish", config, "--dry-run").stdout
    assert f"Against what is published: {sentence}" in shown
    assert "goes    dpo    Question" in shown
    assert connect(stack.hub.url, stack.hub.token).dataset_info(f"acme/{name}").sha == before

    said = " ".join(cli.error("publish", config).split())
    assert (
        "acme/shrinking would lose 4 of 6 rows of dpo (66.7 %) and 8 of 12 rows of kto (66.7 %), more than the 5 % of "
        f"max_shrink under [publish]: {sentence} Nothing was published."
    ) in said
    assert "`--allow-shrink`" in said
    assert dry["refused"] is not None
    assert dry["refused"] in said
    assert f"Without `--allow-shrink` it is refused: {dry['refused']}" in shown
    assert connect(stack.hub.url, stack.hub.token).dataset_info(f"acme/{name}").sha == before

    assert f"Since the last publish: {sentence}" in cli.run("publish", config, "--allow-shrink").stdout
    assert cli.json("publish", config)["row_counts"] is None
    after = cli.json("publish", config, "--dry-run")
    assert (after["row_counts"], after["examples"], after["refused"]) == (None, [], None)
    # The rows of one prompt may always go, and so may what `max_shrink` allows.
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("[publish]\n", '[publish]\nmax_shrink = 0.5\nformats = ["dpo"]\n'), encoding="utf-8")
    assert "4 of 4 rows of kto (100 %), more than the 50 % of max_shrink" in cli.error("publish", config)
