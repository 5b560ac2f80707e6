r"""The commands of plain mathematics. A formula is only rendered if it has no others.

All others are refused, so that a command that draws, colours, moves, enlarges, hides, links or defines commands
(`\rule`, `\color`, `\kern`, `\Huge`, `\phantom`, `\href`, `\def`) needs no name here. The names are those of KaTeX
0.16, which Argilla 2.8 renders formulas with: its symbols, and those of its functions and macros that lay out what they
are given in the flow of the text.
"""

from __future__ import annotations

RELATIONS = """
approx approxeq asymp backepsilon backsim backsimeq because between blacktriangleleft blacktriangleright bowtie bumpeq
Bumpeq circeq circlearrowleft circlearrowright cong curlyeqprec curlyeqsucc curvearrowleft curvearrowright
dashleftarrow dashrightarrow dashv Doteq doteq doteqdot Downarrow downarrow downdownarrows downharpoonleft
downharpoonright eqcirc eqsim eqslantgtr eqslantless equiv fallingdotseq frown ge geq geqq geqslant gets gg ggg gggtr
gnapprox gneq gneqq gnsim gt gtrapprox gtreqless gtreqqless gtrless gtrsim hookleftarrow hookrightarrow imageof in
Join le leadsto leftarrow Leftarrow leftarrowtail leftharpoondown leftharpoonup leftleftarrows leftrightarrow
Leftrightarrow leftrightarrows leftrightharpoons leftrightsquigarrow leq leqq leqslant lessapprox lesseqgtr lesseqqgtr
lessgtr lesssim ll Lleftarrow lll llless lnapprox lneq lneqq lnsim Longleftarrow longleftarrow longleftrightarrow
Longleftrightarrow longmapsto longrightarrow Longrightarrow looparrowleft looparrowright Lsh lt mapsto mid models
multimap ncong nearrow ngeq ngtr ni nleftarrow nLeftarrow nleftrightarrow nLeftrightarrow nleq nless nmid nparallel
nprec npreceq nrightarrow nRightarrow nsim nsubseteq nsucc nsucceq nsupseteq ntriangleleft ntrianglelefteq
ntriangleright ntrianglerighteq nVdash nVDash nvdash nvDash nwarrow origof owns parallel perp pitchfork prec
precapprox preccurlyeq preceq precnapprox precneqq precnsim precsim propto restriction rightarrow Rightarrow
rightarrowtail rightharpoondown rightharpoonup rightleftarrows rightleftharpoons rightrightarrows rightsquigarrow
risingdotseq Rrightarrow Rsh searrow shortmid shortparallel sim simeq smallfrown smallsmile smile sqsubset sqsubseteq
sqsupset sqsupseteq Subset subset subseteq subseteqq subsetneq subsetneqq succ succapprox succcurlyeq succeq
succnapprox succneqq succnsim succsim Supset supset supseteq supseteqq supsetneq supsetneqq swarrow therefore
thickapprox thicksim to trianglelefteq triangleq trianglerighteq twoheadleftarrow twoheadrightarrow Uparrow uparrow
Updownarrow updownarrow upharpoonleft upharpoonright upuparrows varpropto vartriangle vartriangleleft vartriangleright
vdash Vdash vDash Vvdash
"""
"""Relations and arrows."""

OPERATORS = """
amalg And ast barwedge bigcap bigcirc bigcup bigodot bigoplus bigotimes bigsqcup bigtriangledown bigtriangleup
biguplus bigvee bigwedge boxdot boxminus boxplus boxtimes bullet cap Cap cdot cdotp centerdot circ circledast
circledcirc circleddash coprod Cup cup curlyvee curlywedge dagger ddagger ddots diamond div divideontimes dotplus
doublebarwedge doublecap doublecup gtrdot iiint iint int intercal intop land langle lbrace lbrack lceil ldotp ldots
leftthreetimes lessdot lfloor lgroup lhd lmoustache lor lparen ltimes lvert lVert mathellipsis mp odot oiiint oiint
oint ominus oplus oslash otimes pm prod rangle rbrace rbrack rceil rfloor rgroup rhd rightthreetimes rmoustache rparen
rtimes rvert rVert setminus smallint smallsetminus sqcap sqcup star sum times triangleleft triangleright unlhd unrhd
uplus vee veebar wedge wr
"""
"""Binary and large operators, delimiters, dots."""

LETTERS = """
AE ae aleph alpha angle backprime backslash beta beth bigstar blacklozenge blacksquare blacktriangle blacktriangledown
bot Box checkmark chi circledR circledS clubsuit complement dag daleth ddag degree delta Delta diagdown diagup Diamond
diamondsuit digamma ell emptyset epsilon eta eth exists Finv flat forall Game gamma Gamma gimel hbar heartsuit hslash
i Im infty iota j kappa Lambda lambda lbrack ldots lnot lozenge maltese mathsterling measuredangle mho mu nabla
natural neg nexists nu o O OE oe Omega omega omicron P partial Phi phi pi Pi pounds prime psi Psi rbrack Re rho S
sharp sigma Sigma spadesuit sphericalangle square ss surd tau textasciicircum textasciitilde textbackslash textbar
textbardbl textbraceleft textbraceright textdagger textdaggerdbl textdegree textdollar textellipsis textemdash
textendash textgreater textless textquotedblleft textquotedblright textquoteleft textquoteright textsterling
textunderscore Theta theta top triangle triangledown upsilon Upsilon varepsilon varkappa varnothing varphi varpi
varrho varsigma vartheta varvdots Vert vert wp Xi xi yen zeta
"""
"""Letters and signs, in formulas and in the text within them."""

FUNCTIONS = """
arccos arcctg arcsin arctan arctg arg argmax argmin bmod ch cos cosec cosh cot cotg coth csc ctg cth deg det dim exp gcd
hom inf injlim ker lg lim liminf limsup ln log max min mod plim pmod pod Pr projlim sec sh sin sinh sup tan tanh tg th
varinjlim varliminf varlimsup varprojlim operatorname operatornamewithlimits
"""
"""Named functions."""

LAYOUT = """
frac dfrac tfrac cfrac binom dbinom tbinom sqrt overset underset stackrel substack overbrace underbrace overline
underline left right middle big Big bigg Bigg bigl Bigl biggl Biggl bigr Bigr biggr Biggr bigm Bigm biggm Biggm limits
nolimits displaystyle textstyle scriptstyle scriptscriptstyle mathop mathbin mathrel mathord mathopen mathclose
mathpunct mathinner over choose atop boxed begin end hline hdashline nonumber notag not cancel bcancel xcancel
quad qquad enspace thinspace medspace thickspace
xleftarrow xrightarrow xLeftarrow xRightarrow xleftrightarrow xLeftrightarrow xhookleftarrow xhookrightarrow xmapsto
xrightleftharpoons xlongequal
"""
"""What puts its arguments above, below or beside each other, at the usual sizes."""

ACCENTS = """
acute grave ddot dddot ddddot tilde bar breve check hat vec dot mathring widecheck widehat widetilde overrightarrow
overleftarrow overleftrightarrow underrightarrow underleftarrow underleftrightarrow utilde underbar
"""
"""Marks on a letter or an expression."""

FONTS = """
mathrm mathit mathbf mathnormal mathbb mathcal mathfrak mathscr mathsf mathtt Bbb bold boldsymbol bm frak rm sf tt bf it
cal text textrm textsf texttt textnormal textbf textmd textit textup emph
"""
"""Alphabets, and text within a formula."""

MACROS = """
alef aleph Alpha Beta Bra bra Braket braket bull cdots Chi colon colonapprox coloneq coloneqq colonequals Coloneqq
colonsim copyright dblcolon diamonds dots dotsb dotsc dotsi dotsm dotso doublecap empty Epsilon eqcolon eqqcolon
equalscolon Eta exist Ket ket iff image imath implies impliedby infin Iota isin jmath Kappa KaTeX lang larr LaTeX lBrace
llbracket llcorner lrcorner lvertneqq gvertneqq Mu N natnums ne neq ngeqq ngeqslant ni nleqq nleqslant notin notni
nshortmid nshortparallel nsubseteqq nsupseteqq Nu Omicron plusmn R rang rarr ratio rBrace real Reals reals Rho rrbracket
sdot Set set sub sube supe Tau TeX thetasym ulcorner urcorner varDelta varGamma varLambda varOmega varPhi varPi varPsi
varsubsetneq varsubsetneqq varSigma varsupsetneq varsupsetneqq varTheta varUpsilon varXi vcentcolon vdots weierp Z Zeta
"""
"""KaTeX's macros for signs."""

NESTING = frozenset(" ".join((LAYOUT, ACCENTS, FONTS)).split())
"""What takes an argument without braces too: a long row of these is as deep as it is long."""

SIGNS = frozenset("\\,;:>! {}|#&$%_'`^~=.\"")
"""Commands of one character: spaces, braces, signs and accents."""

COMMANDS = SIGNS | NESTING | frozenset(" ".join((RELATIONS, OPERATORS, LETTERS, FUNCTIONS, MACROS)).split())
"""Every name that may follow a backslash."""

MATRICES = """
array matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix subarray cases dcases rcases drcases
aligned alignedat gathered split
"""
"""Environments within a formula."""

DISPLAYED = frozenset({f"{name}{star}" for name in ("align", "alignat", "gather", "equation") for star in ("", "*")})
"""Environments that are formulas by themselves, without dollars around them."""

ENVIRONMENTS = DISPLAYED | frozenset(MATRICES.split())
"""What may follow `\\begin`."""
