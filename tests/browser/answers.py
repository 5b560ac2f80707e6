"""Answers for the browser: what tries to hide, cover or push away the one beside it, and what must be shown well."""

from __future__ import annotations

HOSTILE = {
    "rule": r"$$\rule{200em}{60em}$$",
    "white rule": r"$\color{#fafafa}\rule[-30em]{200em}{60em}$",
    "rule in parentheses": r"\(\rule{200em}{60em}\)",
    "rule in brackets": r"\[ \rule{200em}{60em} \]",
    "coloured box": r"$\colorbox{white}{\Huge\rule{90em}{0em} x}$",
    "raised": r"$\raisebox{-20em}{\fcolorbox{black}{black}{$\rule{90em}{20em}$}}$",
    "kerned": r"$\kern-60em\blacksquare\blacksquare\hspace{-60em}\text{covered}$",
    "lapped": r"$\mathllap{\blacksquare\blacksquare\blacksquare}\rlap{\blacksquare\blacksquare}$",
    "smashed": r"$\smash{\begin{matrix}\blacksquare\\\blacksquare\\\blacksquare\\\blacksquare\end{matrix}}$",
    "defined": r"$\def\x{\rule{200em}{60em}}\x$ and $\newcommand{\y}{\rule{200em}{60em}}\y$",
    "rows moved": r"$$\begin{matrix}\blacksquare\\[-40em]\blacksquare\\[80em]\blacksquare\end{matrix}$$",
    "huge": r"$\Huge\Huge HUGE$",
    "style": r"$\htmlStyle{position:fixed;inset:0;background:black}{x}$ $\htmlClass{modal}{x}$",
    "image": r"$\includegraphics[height=90em,width=90em]{https://tracker.example/x.png}$",
    "link": r"$\href{https://tracker.example}{x}$ $\url{https://tracker.example}$",
    "long tag": rf"$$x \tag{{{'covered ' * 40}}}$$",
    "long formula": f"$${'x+' * 700}x$$",
    "many negative spaces": "$x" + r"\!" * 900 + r"\blacksquare$",
    "high formula": "$" + "x^{" * 400 + "x" + "}" * 400 + "$",
    "deep formula": "$" + r"\sqrt{" * 400 + "x" + "}" * 400 + "$",
    "deep without braces": "$" + r"\hat" * 700 + "x$",
    "columns that are none": r"$\begin{array}\arg_{x} y\end{array}$ $$\begin{alignat}{cc}x\end{alignat}$$",
    "combining marks": "Z" + "\u0335\u0336\u0337\u0338\u0300\u0301\u0302\u0303\u0320\u0321\u0322\u0323" * 300,
    "combining marks in a formula": "$Z" + "\u0338\u0300\u0301\u0302\u0303\u0320\u0321\u0322" * 100 + "$",
    "long word": "covered" * 900,
    "long word in code": f"`{'covered' * 900}`\n\n```\n{'covered' * 900}\n```",
    "wide table": "|covered" * 200 + "|\n" + "|-" * 200 + "|\n" + "|covered" * 200 + "|",
    "deep quotes": ">" * 4000 + " deep",
    "deep lists": "- " * 4000 + "deep",
    "deep numbers": "1. " * 3000 + "deep",
    "style tag": "<style>body{display:none}</style>",
    "style behind code": "a `~~b~~ c` ~~`d~~ <style>body{display:none}</style>`",
    "style in a fence that is none": "- a\n   ~~~\n# b\n   ~~~\n<style>body{display:none}</style>",
    "style behind a definition": "[a\n\n```\n]: b\n\n<style>body{display:none}</style>\n```",
    "style behind dashes": "a\n~~~\nb\n---\n<style>body{display:none}</style>\n~~~",
    "hidden by a definition": "[all of this\nwould vanish]: http://a.b/",
    "element": '<div style="position:fixed;inset:0;background:white;z-index:99999">x</div>',
    "right to left override": "\u202ecovered " * 200,
}
"""Each stands where an answer stands, before some words that must stay to be read."""

MATHEMATICS = r"""
The energy is \(E = mc^2\), the \(n\)-th term (\( a_n \)) and -- as \(a<b\) -- $c_{1}$ are small; \(-3\) is not.

\[
\int_0^1 x^2\,dx = \frac{1}{3}
\]

Then:
\begin{align}
a &= b + c \\
  &= \sqrt{d_1 \cdot d_2}
\end{align}

1. First: $$\mathbb{P}(X \le 1) = \binom{n}{k}$$
2. Then \[ f(x) = \begin{cases} 1 & x > 0 \\ 0 & \text{else} \end{cases} \]

$$
\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}
$$

The answer is $\boxed{42}$. It costs $5 and not $10.
"""
FORMULAS = 12

AS_WRITTEN = r"""
An image ![x](https://tracker.example/y.png), an entity &lt; and &amp;, a tag <b>, a list\[1\].

[1]: https://a.example/reference

The `<b>` tag, `![x](y)`, `$HOME` and `\(x\)` are code:

```html
<div class="a">&lt; ![x](y) $x$ \(y\)</div>
```

    <p>$indented$</p>

Here is a file:
```yaml
---
title: <i>x</i>
---
```
The end.
"""
SEEN = (
    "An image ![x](https://tracker.example/y.png), an entity &lt; and &amp;, a tag <b>, a list[1].",
    "[1]: https://a.example/reference",
    "The <b> tag, ![x](y), $HOME and \\(x\\) are code:",
)
CODE = (
    "<b>",
    "![x](y)",
    "$HOME",
    "\\(x\\)",
    '<div class="a">&lt; ![x](y) $x$ \\(y\\)</div>',
    "<p>$indented$</p>",
    "---\ntitle: <i>x</i>\n---",
)

RIGHT_TO_LEFT = r"""
השורה `f(x) = [1, 2];` מגדירה פונקציה קצרה שמחזירה את התוצאה, ואז אפשר לקרוא לה.

```python
def f(x): return {"a": [1, 2]}  # (!)
```

הנוסחה היא \(a - b = c + 1\), וזה הסוף של ההסבר הקצר הזה.

1. כך כותבים את הצעד הראשון:

   ```sh
   ls -l | grep "(x)";
   ```

2. וזה הצעד השני.
"""
