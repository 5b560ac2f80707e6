from __future__ import annotations

import pytest

from curation.review.shown.formulas import is_plain


@pytest.mark.parametrize(
    "formula",
    [
        *(
            "x",
            "E = mc^2",
            "a_{ij} \\le \\sum_{k=1}^n b_k",
            "\\frac{1}{2}\\sqrt[3]{x}",
            "\\left( \\frac{a}{b} \\right]",
        ),
        *(
            "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
            "\\text{if } x \\in \\mathbb{R}",
            "\\vec{v} \\cdot \\hat{\\imath}",
        ),
        *(
            "\\int_0^\\infty e^{-x^2}\\,dx",
            "\\lim_{x \\to 0} \\operatorname*{argmax}_\\theta",
            "50\\% \\& \\$5",
            "\\boxed{42}",
        ),
        *(
            "\\begin{align*} a &= b \\\\ &= c \\tag{1} \\end{align*}",
            "\\begin{array}{c|c} a & b \\\\ \\hline \\end{array}",
        ),
        *(
            "\\begin{array}[t]{|l:cr|}a\\end{array}",
            "\\begin{alignat}{2}a &= b\\end{alignat}",
            "\\sum_{\\substack{i\\\\j}}",
        ),
        *(
            "A \\xrightarrow{f} B \\implies C",
            "\\neg p \\lor q",
            "\\Big( x \\Big)",
            "\\ddot x, \\overline{AB}, \\binom nk",
            "\u03b1 + \u2211",
        ),
    ],
)
def test_plain_mathematics_is_rendered(formula: str) -> None:
    assert is_plain(formula)


@pytest.mark.parametrize(
    "formula",
    [
        *(
            "\\rule{9em}{9em}",
            "\\color{red}x",
            "\\textcolor{white}{x}",
            "\\colorbox{white}{x}",
            "\\fcolorbox{red}{red}{x}",
        ),
        *(
            "\\kern9em",
            "\\mkern9mu",
            "\\hskip9em",
            "\\hspace{9em}",
            "\\hspace*{9em}",
            "\\raisebox{9em}{x}",
            "\\moveleft 9em x",
        ),
        *(
            "\\href{http://a}{x}",
            "\\url{http://a}",
            "\\includegraphics{http://a}",
            "\\htmlClass{a}{x}",
            "\\htmlStyle{a}{x}",
        ),
        *("\\Huge x", "\\huge x", "\\LARGE x", "\\tiny x", "\\llap{x}", "\\rlap{x}", "\\mathclap{x}", "\\smash{x}"),
        *(
            "\\phantom{x}",
            "\\hphantom{x}",
            "\\vphantom{x}",
            "\\def\\a{x}",
            "\\gdef\\a{x}",
            "\\newcommand{\\a}{x}",
            "\\let\\a=b",
        ),
        *(
            "\\char65",
            "\\verb|x|",
            "\\genfrac{}{}{9em}{}{x}{y}",
            "x \\above 9em y",
            "\\unknown",
            "\\tag{a long covering text}",
        ),
        *(
            "\\begin{matrix}a\\\\[-9em]b\\end{matrix}",
            "\\begin{matrix}a\\\\ [9em]b\\end{matrix}",
            "\\begin{unknown}x\\end{unknown}",
        ),
        *("x % hidden", "#1", "\\text{$x$}", "`x`", "{x", "x}", "\\left( x", "\\end{matrix}", "\\begin x"),
        *("\\begin{array}x\\end{array}", "\\begin{array}{\\arg}x\\end{array}", "\\begin{alignat}{cc}x\\end{alignat}"),
        *(
            "\\begin{alignedat}x\\end{alignedat}",
            "\\begin{subarray}{x}x\\end{subarray}",
            "\\begin{array}{@{x}c}x\\end{array}",
        ),
        *("{" * 13 + "}" * 13, "\\hat" * 7 + " x", "\\sqrt[" * 13 + "]" * 13, "\\!" * 9, "x" * 3001),
        *("x\u0301", "x\u202e", "x\u2060", "x\ty", "a\n> b"),
    ],
)
def test_what_draws_colours_moves_enlarges_hides_links_or_nests_is_refused(formula: str) -> None:
    assert not is_plain(formula)
