"""What the flows share: other models behind the same command line, and what a server was asked and a store holds."""

from __future__ import annotations

from curation.hub import connect
from curation.local import Stack
from curation.local.inference import Request, ScriptedServer
from curation.store import Snapshot, Store
from curation.types import CandidateSet
from tests.conftest import CommandLine


def with_models(cli: CommandLine, server: ScriptedServer) -> CommandLine:
    """Return the command line with the models of this server."""
    return CommandLine({**cli.settings, "CURATION_INFERENCE_URL": server.url}, cli.folder)


def chats(server: ScriptedServer) -> list[Request]:
    """Return every chat request that has ended; to look which models there are is none."""
    return [exchange.request for exchange in server.requests if exchange.request.messages]


def stored(stack: Stack, name: str) -> Snapshot:
    """Return the store of the config that `write_config` made with this name."""
    return Store(connect(stack.hub.url, stack.hub.token), f"acme/{name}-store", name=name, min_candidates=2).snapshot()


def sets_by_question(snapshot: Snapshot) -> dict[str, CandidateSet]:
    """Return the candidate sets by the last message of their prompts; a prompt may only have one."""
    sets = list(snapshot.candidate_sets.values())
    found = {one.prompt.messages[-1].content: one for one in sets}
    assert len(found) == len(sets)
    return found
