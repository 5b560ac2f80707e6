"""Changed settings: what asking again would change and cost is said first, and the old answers can be kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation import Services, generate, load_config
from curation.errors import RefusedError
from curation.local import Stack
from curation.local.inference import ScriptedServer
from curation.runs.settings_change import SettingsChange
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.running import chats, stored
from tests.terminal import on_a_terminal

pytestmark = pytest.mark.stack

PRICED = "price_in = 1000\nprice_out = 2000"
CHANGE = "Settings changed (warm: temperature 1.0 -> 0.9): 6 prompts that have answers "


def changed(cli: CommandLine, name: str) -> Path:
    """Generate six prompts, then change the temperature of one generator in the config, and return its file."""
    config = write_config(cli.folder, name, every=PRICED)
    assert cli.json("generate", str(config))["made"] == 6
    config.write_text(config.read_text().replace("temperature = 1.0", "temperature = 0.9"))
    return config


def test_a_program_is_refused_and_told_what_would_be_asked_again_and_what_it_costs(
    cli: CommandLine, scripted: ScriptedServer
) -> None:
    config = str(changed(cli, "unasked"))
    paid = len(chats(scripted))
    said = cli.error("generate", config)
    assert f"Nothing was asked. {CHANGE}would be asked again, with " in said
    assert "$" in said
    assert "--yes" in said
    assert "--only-missing" in said
    assert len(chats(scripted)) == paid


def test_with_yes_prompts_are_asked_again_and_the_change_is_an_event(
    cli: CommandLine, scripted: ScriptedServer
) -> None:
    config = str(changed(cli, "asked-again"))
    done = cli.run("generate", config, "--yes")
    assert done.returncode == 0, done.stderr
    assert f"{CHANGE}are asked again, with " in done.stderr
    assert "6 new candidate sets, 0 there already" in done.stdout
    assert cli.json("generate", config)["already"] == 6


def test_only_missing_asks_prompts_without_answers_and_push_shows_all(
    cli: CommandLine, scripted: ScriptedServer, stack: Stack
) -> None:
    config = changed(cli, "kept")
    with (cli.folder / "prompts.jsonl").open("a") as file:
        file.write('{"instruction": "A new one?"}\n')
    paid = len(chats(scripted))
    report = cli.json("generate", str(config), "--only-missing")
    assert (report["made"], report["already"], report["estimate"]["rows"]) == (1, 6, 1)
    assert len(chats(scripted)) == paid + 3
    status = cli.json("status", str(config))
    assert (status["candidate_sets"], status["failed"]) == (7, 0)

    assert cli.json("push", str(config))["records"] == 7
    shown = [record.set_id for record in stored(stack, "kept").records.values()]
    assert len(shown) == len(set(shown)) == 7
    # Nothing is left to be asked, however often.
    assert cli.json("generate", str(config), "--only-missing")["already"] == 7
    assert len(chats(scripted)) == paid + 3


def test_on_a_terminal_no_keeps_the_answers_and_yes_asks_again(cli: CommandLine, scripted: ScriptedServer) -> None:
    config = str(changed(cli, "declined"))
    paid = len(chats(scripted))
    code, said = on_a_terminal(cli, "generate", config, types="n\n")
    assert code == 0, said
    assert f"{CHANGE}are asked again" in " ".join(said.split())
    assert "0 new candidate sets, 6 there already" in " ".join(said.split())
    assert len(chats(scripted)) == paid
    code, said = on_a_terminal(cli, "generate", config, types="y\n")
    assert code == 0, said
    assert "6 new candidate sets, 0 there already" in " ".join(said.split())
    # The other generator's answers are in the cache.
    assert len(chats(scripted)) == paid + 12


def test_going_back_to_earlier_settings_asks_nothing(cli: CommandLine, scripted: ScriptedServer) -> None:
    config = changed(cli, "back")
    cli.json("generate", str(config), "--yes")
    config.write_text(config.read_text().replace("temperature = 0.9", "temperature = 1.0"))
    paid = len(chats(scripted))
    assert cli.json("generate", str(config))["already"] == 6
    assert len(chats(scripted)) == paid


def test_a_script_chooses_with_ask_again(
    cli: CommandLine, scripted: ScriptedServer, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(changed(cli, "script"))
    services = Services.from_environment(stack.settings())
    for name, value in {**cli.settings, "CURATION_CACHE": str(cli.folder / "cache")}.items():
        monkeypatch.setenv(name, value)
    paid = len(chats(scripted))
    with pytest.raises(RefusedError, match="would be asked again"):
        generate(config, services=services)
    assert generate(config, services=services, ask_again=False).already == 6
    assert len(chats(scripted)) == paid
    told: list[SettingsChange] = []

    def ask_again(change: SettingsChange) -> bool:
        told.append(change)
        return True

    assert generate(config, services=services, ask_again=ask_again).made == 6
    [change] = told
    assert (change.prompts, change.differences) == (6, ("warm: temperature 1.0 -> 0.9",))
