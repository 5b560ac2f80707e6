"""The tags of a published dataset."""

from __future__ import annotations

from curation.store.versions import Version, newer_tag, next_version, tags_like, version_of


def test_the_next_version_is_above_every_tag_also_above_those_that_were_put_back() -> None:
    assert next_version(None, ()) == Version("publish-1", None)
    assert next_version(Version("publish-9", "publish-8"), ["publish-9"]) == Version("publish-10", "publish-9")
    assert next_version(Version("publish-1", None), ["publish-3", "publish-1", "v7"]).name == "publish-4"
    # The tag of what is published was not made yet, or somebody removed it.
    assert next_version(Version("publish-2", "publish-1"), []) == Version("publish-3", "publish-2")


def test_a_version_is_read_from_the_manifest_or_is_unknown() -> None:
    assert version_of({"version": "publish-2", "previous": "publish-1"}) == Version("publish-2", "publish-1")
    assert version_of({"version": "publish-1", "previous": None}) == Version("publish-1", None)
    assert version_of({"version": "publish-1", "previous": "](http://x)"}) == Version("publish-1", None)
    for broken in (None, {}, {"version": 2}, {"version": "publish-0"}, {"version": "publish-1\n"}):
        assert version_of(broken) is None


def test_a_newer_tag_says_that_an_earlier_version_was_put_back() -> None:
    tags = ["publish-2", "publish-10", "v99"]
    assert newer_tag(Version("publish-2", None), tags) == "publish-10"
    assert newer_tag(Version("publish-10", "publish-2"), tags) is None
    assert newer_tag(Version("publish-11", "publish-10"), tags) is None
    assert newer_tag(None, tags) is None
    assert newer_tag(Version("publish-1", None), []) is None


def test_an_unknown_tag_names_the_nearest_and_the_newest() -> None:
    assert tags_like("publish-1", []) == "No version is tagged yet."
    assert tags_like("publish2", ["publish-1", "publish-2", "v1"]) == (
        "Did you mean publish-2? There are publish-2, publish-1."
    )
    twelve = [f"publish-{number}" for number in range(1, 13)]
    assert tags_like("v3", twelve) == f"There are {', '.join(reversed(twelve[2:]))} and 2 older."
