"""The texts on which a text model is compared with the trained one, beside real ones.

They are what translations of a vectoriser are known to get wrong: letters beyond ASCII, composed and not, scripts
without spaces, apostrophes, tokens of one character, markup, signs outside of the basic plane, nothing at all, and far
too much. Words of the vocabulary are among them in other cases and between signs, so that they are found and counted.
"""

# ruff: noqa: RUF001  letters that look like others are the point

from collections.abc import Sequence

STRANGE = (
    "",
    " ",
    "\n\t \u00a0\u2003",
    "a b c I x 1 7",
    "café naïve façade Ærøskøbing Straße œuvre",
    "cafe\u0301 nai\u0308ve A\u030angstro\u0308m",
    "İstanbul ISTANBUL ıstanbul ǅ ﬁnal ＦＵＬＬ ｗｉｄｔｈ Ⅷ ½ №",
    "Привет, мир! Это очень хороший фильм; а тот плохой.",
    "これはとても良い映画です。 全然面白くない 这部电影很好看 한국어 문장입니다",
    "مرحبا بالعالم هذا فيلم جيد",
    "नमस्ते दुनिया यह अच्छी फिल्म है",
    "don't won't it's rock'n'roll o’clock l'été ‘quoted’",
    "<b>bold</b> <br/> <p class='x'>text &amp; more &nbsp; &#39;</p> <script>alert(1)</script>",
    "snake_case kebab-case CamelCase x_1 __init__ 3.14 1,000 50% $9.99 #tag @user a.b.c e-mail@example.com",
    "🙂👍🏽 👩‍👩‍👧 ❤️ so good🙂bad",
    "zero\u200dwidth soft\u00adhyphen no\u2060break right\u200fto\u200eleft",
    "UPPER lower MiXeD",
    "line\r\nbreak\ttab\x0bvertical\x1cfile\x85next\u2028line",
    "\x00control\x07bell\x7f",
    "word " * 2000,
    "x" * 20_000,
    "y " * 5000,
)

MAX_TERMS = 60


def adversarial_texts(terms: Sequence[str], real: Sequence[str]) -> list[str]:
    """Texts made of strange signs, of some of the vocabulary's `terms`, and of the `real` ones."""
    chosen = sorted(terms)[:: max(1, -(-len(terms) // MAX_TERMS))]
    made = [
        f"{term} {term.upper()} {term.title()} {term}'s <i>{term}</i> «{term}» {term}\u0301 {term}_{term} {term}🙂"
        for term in chosen
    ]
    turned = [change(text) for text in real[:20] for change in (str.upper, str.title, _spaced, _tagged)]
    return [*STRANGE, *made, " ".join(chosen * 20), *turned]


def _spaced(text: str) -> str:
    return "  ".join(text.split()).join(("\u00a0", "\n"))


def _tagged(text: str) -> str:
    return "".join(f"<b>{word}</b>" for word in text.split())
