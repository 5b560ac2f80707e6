"""The page of a card, joined from its files."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

SCRIPTS = ("differences.js", "card.js")


@cache
def template() -> str:
    """Return the template of the custom field: one text that fetches nothing."""
    folder = files(__package__)
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in ("card.html", "card.css", *SCRIPTS)}
    return joined(html=texts["card.html"], css=texts["card.css"], script="".join(texts[name] for name in SCRIPTS))


def joined(*, html: str, css: str, script: str) -> str:
    """Return a page of these parts, under a policy by which only this script runs and nothing is fetched.

    Argilla puts the template in its place with JavaScript's `replace`, which reads "$$" as a dollar.
    """
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; form-action 'none'"
    page = (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}; base-uri \'none\'">\n'
        f'<style class="card">\n{css}</style>\n{html}<script>{script}</script>\n'
    )
    return page.replace("$", "$$")
