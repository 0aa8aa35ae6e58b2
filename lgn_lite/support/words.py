"""What a word is: Unicode's word rules (UAX #29) as English sentences need them. No torch: the readers use it too."""

import unicodedata

import regex

MOST_WORDS, MOST_LETTERS = 1000, 20_000  # of one sentence; the longest of the field have some 100 words
LETTER = regex.compile(r"[\p{L}\p{N}]")  # or digit: without one there is no word

# The modifier apostrophe and Hebrew's geresh too; U+00B4 here, since NFKC makes a blank and an accent of it
_APOSTROPHES = str.maketrans("‘’ʼ`´＇׳", "'''''''")
# What has no shape of its own: soft hyphens, joiners, marks of direction, variants. Between words a zero-width space.
_IGNORABLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}--\u200b]", regex.V1)
# The scripts without blanks, of which UAX #29 makes a word of each sign; and not Thai's and its like, which it leaves
# to dictionaries: there only what is written apart comes apart
_SIGN = r"[\p{L}&&\p{Word_Break=Other}--\p{Line_Break=Complex_Context}]"
_KATAKANA = r"[\p{L}&&\p{Word_Break=Katakana}]"
_MARKS = r"[\p{Mn}\p{Mc}]*"  # accents, points, vowel signs: they belong to the letter before them
_LETTERS = rf"(?:[[\p{{L}}\p{{N}}]--{_SIGN}--{_KATAKANA}]{_MARKS})+"
# Apostrophes stay inside words, as do Catalan's l·l and Hebrew's gershayim
_WORD = regex.compile(
    rf"{_LETTERS}(?:(?:'|(?<=\p{{L}}{_MARKS})[·‧״](?=\p{{L}})){_LETTERS})*|(?:{_KATAKANA}{_MARKS})+|{_SIGN}{_MARKS}",
    regex.V1,
)
_GERSHAYIM = regex.compile(r"(?<=\p{Hebrew}[\p{Mn}]*)\"(?=\p{Hebrew})")
_ASCII_WORD = regex.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")


def find_words(sentence: str) -> list[str]:
    """The words of a sentence in lower case, an empty list if there are none.

    Letters with their marks and digits make words, apostrophes stay inside them, everything else separates and is
    dropped.
    """
    if sentence.isascii():  # the same rules, ten times as fast
        return _ASCII_WORD.findall(sentence.translate(_APOSTROPHES).lower())
    return _WORD.findall(_folded(sentence))


def _folded(sentence: str) -> str:
    """One spelling for what reads the same: capitals, composed and decomposed accents, ligatures, full width.

    Unicode's NFKC_Casefold. Capitals first: lower-casing may leave a letter and a mark that normalisation then orders
    (İ), and normalisation may make new capitals (℡), which is why both come twice.
    """
    folded = unicodedata.normalize("NFD", sentence.translate(_APOSTROPHES))
    for _ in range(2):
        folded = unicodedata.normalize("NFKC", _IGNORABLE.sub("", folded.casefold()))
    return _GERSHAYIM.sub("״", folded.translate(_APOSTROPHES))
