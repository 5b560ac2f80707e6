"""Publishing as a proposal, versions, and an earlier version put back: with the real client of the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.community import DiscussionComment

from curation.hub import connect
from curation.local import Stack
from tests.conftest import CommandLine
from tests.flows.test_loop import always, pushed, review

pytestmark = pytest.mark.stack


def hub(stack: Stack) -> HfApi:
    return connect(stack.hub.url, stack.hub.token)


def head(stack: Stack, repo: str, revision: str = "main") -> str:
    return str(hub(stack).dataset_info(repo, revision=revision).sha)


def tags(stack: Stack, repo: str) -> dict[str, str]:
    return {tag.name: tag.target_commit for tag in hub(stack).list_repo_refs(repo, repo_type="dataset").tags}


def tree(stack: Stack, repo: str, revision: str = "main") -> dict[str, str]:
    entries = hub(stack).list_repo_tree(repo, repo_type="dataset", revision=revision, recursive=True)
    return {entry.path: str(entry.blob_id) for entry in entries if hasattr(entry, "blob_id")}


def card(stack: Stack, folder: Path, repo: str, revision: str = "main") -> str:
    path = hub(stack).hf_hub_download(repo, "README.md", repo_type="dataset", revision=revision, cache_dir=folder / "c")
    return Path(path).read_text(encoding="utf-8")


def requests(stack: Stack, repo: str) -> dict[int, str]:
    """The status of each pull request."""
    return {found.num: str(found.status) for found in hub(stack).get_repo_discussions(repo, repo_type="dataset")}


def description(stack: Stack, repo: str, num: int) -> str:
    events = hub(stack).get_discussion_details(repo, num, repo_type="dataset").events
    return next(event.content for event in events if isinstance(event, DiscussionComment))


def change(config: str, old: str, new: str) -> None:
    text = Path(config).read_text(encoding="utf-8")
    assert old in text
    Path(config).write_text(text.replace(old, new), encoding="utf-8")


def open_sums(report: dict[str, Any]) -> list[str]:
    return [gap["remedy"] for balance in report["balances"] for gap in balance["gaps"]]


def test_rows_are_proposed_merged_and_proposed_again(cli: CommandLine, stack: Stack) -> None:
    name, repo = "proposed", "acme/proposed"
    config = pushed(cli, name)
    review(stack, name, **{"simulated-one": always("a"), "simulated-two": always("a")})
    cli.json("sync", config)
    change(config, "[publish]\n", '[publish]\nmode = "pull-request"\nmin_rows = 7\nmin_reviewers = 2\n')

    # The first proposal is of a repo that has nothing; main stays so.
    dry = cli.json("publish", config, "--dry-run")
    assert (dry["proposes"], len(dry["failed_gates"])) == (True, 1)
    first = cli.json("publish", config)
    url = f"{stack.hub.url}/datasets/{repo}/discussions/1"
    assert (first["commit"], first["proposal"], first["proposed_now"]) == (None, url, True)
    assert [gate.partition(".")[0] for gate in first["failed_gates"]] == [
        "dpo has 6 rows, fewer than the 7 of min_rows"
    ]
    assert set(tree(stack, repo)) == {".gitattributes"}
    text = description(stack, repo, 1)
    assert "**dpo**: +6 rows, -0 withdrawn, 0 changed." in text
    assert "- dpo has 6 rows, fewer than the 7 of min_rows." in text
    assert text.count("    comes   ") == 10

    # The same again opens nothing, and says where the proposal is.
    proposed = head(stack, repo, "refs/pr/1")
    assert cli.json("publish", config)["proposed_now"] is False
    assert "Nothing new: 6 dpo, 12 kto rows are proposed" in cli.run("publish", config).stdout
    assert head(stack, repo, "refs/pr/1") == proposed
    status = cli.json("status", config)
    assert (status["published"], status["proposal"], status["proposed"]) == (False, url, True)
    assert set(open_sums(cli.json("verify", config, exit_code=1))) == {f"Merge the proposal at {url}."}

    # What changed since stands in the same proposal, with a description that is true.
    change(config, "min_rows = 7\n", "")
    assert cli.json("publish", config)["failed_gates"] == []
    assert head(stack, repo, "refs/pr/1") == proposed
    assert "All gates of `[publish]` passed." in description(stack, repo, 1)
    change(config, "[publish]\n", '[publish]\nlicense = "mit"\n')
    assert cli.json("publish", config)["proposed_now"] is True
    assert head(stack, repo, "refs/pr/1") != proposed
    assert requests(stack, repo) == {1: "open"}

    hub(stack).merge_pull_request(repo, 1, repo_type="dataset")
    merged = head(stack, repo)
    after = cli.json("publish", config)
    assert (after["proposal"], after["commit"], head(stack, repo)) == (None, None, merged)
    assert tags(stack, repo) == {"publish-1": merged}
    assert cli.json("verify", config)["temporary"] is False
    status = cli.json("status", config)
    assert (status["up_to_date"], status["proposal"]) == (True, None)
    assert "published by commit" in cli.run("explain", config, "Question 1:").stdout

    # A proposal that takes away much says so, against main. One whose main has moved is replaced.
    change(config, "[publish]\n", '[publish]\nformats = ["dpo"]\n')
    assert cli.json("publish", config)["proposal"].endswith("/2")
    assert "would lose 12 of 12 rows of kto (100 %)" in description(stack, repo, 2)
    add = [CommitOperationAdd("NOTES.md", b"Hello")]
    hub(stack).create_commit(repo, add, commit_message="Add notes", repo_type="dataset")
    assert cli.json("publish", config)["proposal"].endswith("/3")
    assert requests(stack, repo) == {1: "merged", 2: "closed", 3: "open"}
    # What is published is right again: the proposal is closed.
    change(config, 'formats = ["dpo"]\n', "")
    assert cli.json("publish", config)["proposal"] is None
    assert requests(stack, repo)[3] == "closed"


def test_each_publish_is_tagged_and_an_earlier_version_can_be_put_back(cli: CommandLine, stack: Stack) -> None:
    name, repo = "versions", "acme/versions"
    config = pushed(cli, name)
    review(stack, name, **{"simulated-one": always("a"), "simulated-two": always("a")})
    cli.json("refresh", config)
    change(config, "[publish]\n", "[publish]\nmin_reviewers = 3\n")
    change(config, "min_reviewers = 3\n", 'min_reviewers = 3\nlicense = "mit"\n')
    refused = " ".join(cli.error("publish", config).split())
    assert "2 reviewers answered, fewer than the 3 of min_reviewers under [publish]." in refused
    assert set(tags(stack, repo)) == {"publish-1"}
    change(config, "min_reviewers = 3\n", 'formats = ["dpo"]\n')
    cli.json("publish", config, "--allow-shrink")
    assert set(tags(stack, repo)) == {"publish-1", "publish-2"}
    assert f"[publish-1](https://huggingface.co/datasets/{repo}/tree/publish-1)" in card(stack, cli.folder, repo)
    assert cli.json("publish", config)["commit"] is None
    second = head(stack, repo)
    assert tags(stack, repo)["publish-2"] == second

    # A tag that was not made, because the command was killed, is made by the next run.
    hub(stack).delete_tag(repo, tag="publish-2", repo_type="dataset")
    assert cli.json("publish", config)["commit"] is None
    assert tags(stack, repo)["publish-2"] == second

    wrong = " ".join(cli.error("publish", config, "--to", "publish1").split())
    assert "has no tag 'publish1'. Did you mean publish-1? There are publish-2, publish-1." in wrong
    dry = cli.json("publish", config, "--to", "publish-1", "--dry-run")
    assert (dry["changes"]["kto"], dry["commit"]) == ({"comes": 12, "goes": 0, "changes": 0}, None)
    assert dry["other_files"] == ["README.md", "curation.json", "images/funnel.svg"]
    assert head(stack, repo) == second

    back = cli.json("publish", config, "--to", "publish-1")
    assert head(stack, repo) == back["commit"] != second
    assert tree(stack, repo) == tree(stack, repo, "publish-1")
    assert "Nothing new" in cli.run("publish", config, "--to", "publish-1").stdout
    # A schedule leaves it so; a person may publish again, and a new version follows.
    assert "was put back in the place of publish-2" in cli.run("refresh", config).stdout
    assert head(stack, repo) == back["commit"]
    assert "Against what is published: kto 12 -> 0" in cli.run("publish", config, "--dry-run").stdout
    cli.json("publish", config, "--allow-shrink")
    assert set(tags(stack, repo)) == {"publish-1", "publish-2", "publish-3"}
    assert f"[publish-1](https://huggingface.co/datasets/{repo}/tree/publish-1)" in card(stack, cli.folder, repo)
    assert cli.json("refresh", config)["held"] is None
