"""Make lgn_lite/course/fonts/STIXTwoMath.woff2, the characters of mathematics of STIX Two Math (fonts/OFL.txt).

    npm pack @fontsource/stix-two-math && tar -xzf fontsource-stix-two-math-*.tgz
    uv run --no-project --with fonttools --with brotli .ci/math_font.py \\
        package/files/stix-two-math-latin-400-normal.woff2
"""

import sys
from pathlib import Path

from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter, parse_unicodes
from fontTools.ttLib import TTFont

OUT = Path(__file__).resolve().parents[1] / "lgn_lite" / "course" / "fonts" / "STIXTwoMath.woff2"
CHARACTERS = """20-7E, A0-FF, 131, 237, 2C6-2C7, 2D8-2DD, 300-30C, 332, 338, 391-3C9, 3D1, 3D5-3D6, 3F0-3F1, 3F5,
2000-206F, 20D6-20D7, 2102-2135, 2190-21D9, 2200-22FF, 2308-230B, 239B-23B6, 23DC-23DF, 27E8-27EF, 2A00-2A06,
2A7D-2A7E, 1D400-1D503, 1D538-1D56B, 1D6A4-1D6A5, 1D6A8-1D755, 1D7CE-1D7E1"""
PRIME, SCALE, LOWER = "minute", 1.4, 440


def enlarge_prime(font: TTFont) -> None:
    """Draw ′ as TeX does in a superscript: this edition lacks the glyph that browsers would choose there."""
    pen, (width, left) = TTGlyphPen(None), font["hmtx"][PRIME]
    font.getGlyphSet()[PRIME].draw(TransformPen(pen, (SCALE, 0, 0, SCALE, 0, -LOWER)))
    font["glyf"][PRIME] = pen.glyph()
    font["hmtx"][PRIME] = (round(SCALE * width), round(SCALE * left))


def main() -> None:
    font = TTFont(sys.argv[1])
    enlarge_prime(font)
    subsetter = Subsetter(Options(flavor="woff2", hinting=False))
    subsetter.populate(unicodes=parse_unicodes(CHARACTERS.replace(",", " ")))
    subsetter.subset(font)
    font.flavor = "woff2"
    font.save(OUT)


if __name__ == "__main__":
    main()
