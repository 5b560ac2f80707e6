"""Texts that would run something, or break the page, if any of it reached a browser as it is."""

from __future__ import annotations

RAN = "top.report"
"""A function of the page that says what ran."""

HOSTILE_PAGES = {
    "script": f"</script><script>{RAN}('script')</script>",
    "script in code": f"```html\n</script><script>{RAN}('code')</script>\n```",
    "comment and script": f"<!--<script>{RAN}('comment')</script>",
    "image": f"<img src=x onerror=\"{RAN}('image')\">",
    "image in Markdown": f'![x](x"onerror="{RAN}("markdown"))',
    "data image": f"![x](data:image/svg+xml,<svg onload=\"{RAN}('svg')\">)",
    "svg": f"<svg onload=\"{RAN}('svg')\"><script>{RAN}('in svg')</script></svg>",
    "frame": f"<iframe srcdoc=\"<script>{RAN}('frame')</script>\"></iframe>",
    "details": f"<details open ontoggle=\"{RAN}('details')\"><summary>x</summary></details>",
    "links": (
        f"[link](javascript:{RAN}('a')) [link](JaVaScRiPt:{RAN}('b')) "
        f"[link](data:text/html,<script>{RAN}('c')</script>) [link](&#106;avascript:{RAN}('d')) "
        f"[link](java\tscript:{RAN}('e')) <javascript:{RAN}('f')>"
    ),
    "fence": f"```html\" onmouseover=\"{RAN}('fence')\nx\n```",
    "title": f'[link](https://a.example "x\\" onmouseover=\\"{RAN}(\'title\')")',
    "formula in a link": '[link](https://a.example/$x^2$ "$y^2$") `$z$`',
    "formula": f"$\\text{{<img src=x onerror={RAN}('formula')>}}$ \\href{{javascript:{RAN}('href')}}{{x}}",
    "style": "<style>* { display: none !important }</style>",
    "broken": "</div></main></template></body></html><table><tr><td><p><b><i>",
    "replaced": "$' $& $` $$ $1 $<x> #TEMPLATE# #RECORD_OBJECT#",
    "braces": "{{record.fields}} {{{json record}}} {{#each this}} ${record} <%= x %>",
    "noncharacters": "\ufdd0script>\ufdd1'\ufdd4" + "0\ufdd4 \x00 \u2028 \u2029",
    "long word": "x" * 50_000,
    "spaces": "\u00a0\u200b\u202e\u2066 covered",
}
