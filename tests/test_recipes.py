"""The recipes as files to start from: what is filled in, and that the package brings them."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from curation.config import parse_config
from curation.errors import ConfigError, CurationError, MissingError, RefusedError
from curation.linting.safety import coverage
from curation.recipes import load_recipe, load_recipes
from curation.stages.init import init
from curation.stages.recipes import recipes

ROOT = Path(__file__).parent.parent
NAMES = sorted(path.stem for path in (ROOT / "pipelines").glob("*.toml"))


def test_every_file_of_pipelines_is_a_recipe_with_a_sentence() -> None:
    assert list(recipes().recipes) == NAMES
    assert recipes().recipes["haiku_kto"] == (
        "Haiku by three open models, thumbs up or down by a community that signs in with Hugging Face, and KTO on the "
        "Hub."
    )
    for summary in recipes().recipes.values():
        assert summary[0].isupper()
        assert summary.endswith(".")
        assert len(summary) < 200


@pytest.mark.parametrize("recipe", NAMES)
def test_a_filled_recipe_differs_in_names_alone(recipe: str) -> None:
    chosen = load_recipe(recipe)
    filled = chosen.filled(name="mine", owner="ann", file="a/b.toml")
    ours, theirs = tomllib.loads(chosen.text), tomllib.loads(filled)
    assert theirs.pop("name") == "mine"
    assert theirs["publish"].pop("repo_id") == "ann/mine"
    assert theirs["store"].pop("repo_id") == "ann/mine-store"
    ours.pop("name")
    assert [ours[section].pop("repo_id").partition("/")[0] for section in ("publish", "store")] == ["acme"] * 2
    assert theirs == ours
    assert f"pipelines/{recipe}.toml" not in filled
    assert "curation check a/b.toml" in filled
    # Comments stay.
    assert filled.count("#") == chosen.text.count("#")


def test_init_writes_a_file_that_is_valid_and_says_what_is_next(tmp_path: Path) -> None:
    path = tmp_path / "new" / "haiku.toml"
    report = init("haiku_kto", name="verse", owner="ann", path=path)
    config = parse_config(tomllib.loads(path.read_text()))
    assert (config.name, config.publish.repo_id, config.store.repo_id) == ("verse", "ann/verse", "ann/verse-store")
    assert report.lines[0].startswith(f"Wrote {path}: Haiku by three open models")
    assert "ann/verse-store" in report.lines[1]
    assert report.next_verb == "check"


def test_init_brings_the_prompts_that_a_recipe_names_and_overwrites_none(tmp_path: Path) -> None:
    path = tmp_path / "boundaries.toml"
    report = init("safety", owner="ann", path=path)
    prompts = tmp_path / "safety_prompts.jsonl"
    assert report.files == (str(prompts),)
    assert f"Wrote {prompts}, which it names: change it, or name a file of yours." in report.lines
    assert prompts.read_bytes() == (ROOT / "pipelines" / "safety_prompts.jsonl").read_bytes()
    assert init("haiku_kto", path=tmp_path / "haiku.toml").files == ()
    prompts.write_text("mine")
    with pytest.raises(RefusedError, match=r"safety_prompts\.jsonl is there already, and stays as it is"):
        init("safety", path=tmp_path / "other.toml")
    assert (prompts.read_text(), (tmp_path / "other.toml").exists()) == ("mine", False)


def test_the_prompts_of_safety_cover_the_checklist_and_each_harmful_one_has_its_twin() -> None:
    lines = (ROOT / "pipelines" / "safety_prompts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len({row["prompt"] for row in rows}) == len(rows) == 80
    harmful = {row["prompt"]: row["category"] for row in rows if row["category"] not in ("benign", "edge_case")}
    assert {row["twin_of"]: row["subcategory"] for row in rows if row["category"] == "benign"} == harmful
    counts = Counter(row["category"] for row in rows)
    subcategories = Counter((row["category"], row["subcategory"]) for row in rows)
    spread = coverage(counts, subcategories)
    assert (spread.total, spread.benign) == (46, 34)
    assert {(share.state, share.missing) for share in spread.shares} == {("within", ())}


def test_init_without_names_keeps_those_of_the_recipe_and_says_what_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report = init("preference")
    assert Path("helpful.toml").read_text().startswith("# Prompts of Dolly")
    assert "Change acme in it to your name on the Hub." in report.lines


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("precious")
    with pytest.raises(RefusedError, match=r"mine\.toml is there already, and stays as it is\. Name another --output"):
        init("preference", path=path)
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("recipe", "names", "kind", "sentence"),
    [
        ("haikus", {}, MissingError, "There is no recipe 'haikus'; there are "),
        ("../preference", {}, MissingError, "There is no recipe '../preference'"),
        ("preference", {"name": "a b"}, ConfigError, "must be 1 to 64 letters"),
        ("preference", {"owner": "a/b"}, ConfigError, "must be owner/name"),
        ("preference", {"name": 'a"\nx = "b'}, CurationError, ""),
    ],
)
def test_what_makes_no_file_is_refused_in_a_sentence(
    tmp_path: Path, recipe: str, names: dict[str, str], kind: type[CurationError], sentence: str
) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises(kind) as raised:
        init(recipe, path=path, **names)
    assert sentence in str(raised.value)
    assert not path.exists()


def test_the_wheel_brings_the_recipes() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"]["pipelines"] == "curation/pipelines"
    assert list(load_recipes()) == NAMES
