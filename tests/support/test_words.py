"""Words of every script: marks stay with their letters, what reads the same is the same, English is as it was."""

import json
import random
import re
import unicodedata

import pytest

from lgn_lite.annotations import read_activitynet, read_charades_sta
from lgn_lite.errors import InputError
from lgn_lite.text import Vocabulary, tokenize

ACUTE, CEDILLA, DOT = "\u0301", "\u0327", "\u0307"
SHY, ZWSP, ZWNJ, ZWJ, WJ, BOM, LRM, RLM, VS16, CGJ = "\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\ufe0f\u034f"


@pytest.mark.parametrize(
    "sentence",
    [
        "एक आदमी दरवाज़ा खोलता है",  # Hindi: vowel signs, a nukta, viramas
        "একজন মানুষ দরজা খোলে",  # Bengali
        "ஒரு மனிதன் கதவைத் திறக்கிறான்",  # Tamil
        "ഒരാൾ വാതിൽ തുറക്കുന്നു",  # Malayalam
        "يَفْتَحُ الرَّجُلُ البَابَ",  # Arabic with points
        "הָאִישׁ פּוֹתֵחַ אֶת הַדֶּלֶת",  # Hebrew with points
        "ọkùnrin ń ṣí ilẹ̀kùn",  # Yoruba: no composed letter for some
        "người đàn ông mở cửa",  # Vietnamese
        "ຜູ້ຊາຍ ເປີດ ປະຕູ",  # Lao
        "ผู้ชาย เปิด ประตู",  # Thai, written apart
        "មនុស្ស បើក ទ្វារ",  # Khmer
        "לא כולם אוכלים",
    ],
)
def test_marks_stay_with_their_letters(sentence):
    words = tokenize(sentence)
    assert words == [unicodedata.normalize("NFKC", word) for word in sentence.split()]
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert tokenize(unicodedata.normalize(form, sentence)) == words
    assert tokenize(f"«{sentence}»!") == words


def test_words_that_differ_in_a_mark_are_different():
    for one, other in [("कल", "काल"), ("किताब", "कताब"), ("كَتَبَ", "كُتِبَ"), ("ọ̀wọ̀", "ọ̀wọ́"), ("שָׁר", "שִׁר")]:
        assert len(tokenize(f"{one} {other}")) == len(set(tokenize(f"{one} {other}"))) == 2


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        (f"co{SHY}oper{SHY}ate", ["cooperate"]),
        (f"{BOM}{RLM}open{WJ}s{LRM} a{VS16} d{CGJ}oor", ["opens", "a", "door"]),
        (f"می{ZWNJ}خواهم میخواهم", ["میخواهم", "میخواهم"]),
        (f"क्{ZWJ}ष क्ष", ["क्ष", "क्ष"]),
        (f"ผู้ชาย{ZWSP}เปิด", ["ผู้ชาย", "เปิด"]),  # between words, where no blank is written
        (f"don{SHY}'t don'{WJ}t", ["don't", "don't"]),
        (f"press 1{VS16}\u20e3 👍🏽 now", ["press", "1", "now"]),
    ],
)
def test_what_has_no_shape_makes_no_difference(sentence, words):
    assert tokenize(sentence) == words


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("İstanbul", [f"i{DOT}stanbul"]),
        (f"I{DOT}stanbul", [f"i{DOT}stanbul"]),
        ("İZMİR'de", [f"i{DOT}zmi{DOT}r'de"]),
        ("STRASSE Straße STRAẞE", ["strasse"] * 3),
        ("ΟΔΥΣΣΕΎΣ Οδυσσεύς", ["οδυσσεύσ"] * 2),
        ("ǅ Ǆ ǆ", ["dž"] * 3),
        (f"ﬁ ℡ ｶﾞ Ｆｕｌｌ c{ACUTE}{CEDILLA} c{CEDILLA}{ACUTE}", ["fi", "tel", "ガ", "full", "ḉ", "ḉ"]),
        ("ŉ ʼn", ["n", "n"]),
    ],
)
def test_capitals_and_forms_of_one_letter_are_one(sentence, words):
    assert tokenize(sentence) == words
    assert tokenize(" ".join(words)) == words


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("col·lecció · fi", ["col·lecció", "fi"]),
        ('צה"ל צה״ל ג׳ירפה "דלת"', ["צה״ל", "צה״ל", "ג'ירפה", "דלת"]),
        (
            "人がドアを開ける",
            ["人", "が", "ドア", "を", "開", "け", "る"],
        ),  # UAX #29: without a dictionary, sign by sign
        ("남자가 문을 연다", ["남자가", "문을", "연다"]),
        ("3·5 м'ята", ["3", "5", "м'ята"]),
    ],
)
def test_words_are_those_of_unicode(sentence, words):
    assert tokenize(sentence) == words


def before(sentence: str) -> list[str]:
    """The rule of the first versions: vocabularies and published figures were made with it."""
    plain = unicodedata.normalize("NFKC", sentence.translate(str.maketrans("‘’ʼ`´＇", "''''''"))).lower()
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", plain)


def test_english_is_what_it_was():
    letters = "abcXYZ 019 '’-–—“”.,;:!?/()½é É à ü ç ñ œ Æ…•°€£™ﬁ_&%#@\t\n\u00a0"
    chance = random.Random(0)
    for _ in range(5000):
        sentence = "a" + "".join(chance.choices(letters, k=chance.randint(1, 20)))
        assert tokenize(sentence) == before(sentence)


def test_the_words_of_the_real_sentences_are_what_they_were(shared):
    lines = shared("data/charades-sta/charades_sta_train.txt").read_text(encoding="utf-8").splitlines()
    sentences = [line.partition("##")[2] for line in lines]
    for video in json.loads(shared("data/tacos/val.json").read_text(encoding="utf-8")).values():
        sentences += video["sentences"]
    sentences = [sentence for sentence in sentences if before(sentence)]
    assert len(sentences) > 16_000
    for sentence in sentences:
        assert tokenize(sentence) == before(sentence)


# ── Bounds ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("word " * 10**6, "5,000,000 characters"),
        ("é " * 10**6, "2,000,000 characters"),
        ("a-" * 1500, "1,500 words"),
        ("人" * 1200, "1,200 words"),
        ("a" + f"{ACUTE}\u0323" * 10**5, "200,001 characters"),  # to order the marks would take hours
    ],
)
def test_a_sentence_without_end_is_refused_and_the_bound_named(sentence, found):
    with pytest.raises(InputError, match=rf"has {found}; one may have 1,000 words and 20,000 characters") as error:
        Vocabulary(["a"]).encode(sentence)
    assert len(str(error.value)) < 300 and "\n" not in str(error.value)
    assert len(tokenize("word " * 1000)) == 1000


def test_readers_name_the_position_of_a_sentence_without_end(tmp_path):
    (tmp_path / "lines.txt").write_text("A 0 1##He sits.\nA 0 1##" + "word " * 10**5 + "\n", encoding="utf-8")
    (tmp_path / "videos.csv").write_text("id,length\nA,10\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"lines\.txt:2: the sentence 'word .*….* one may have .* 1,000 words"):
        read_charades_sta(tmp_path / "lines.txt", tmp_path / "videos.csv")
    entry = {"duration": 10, "timestamps": [[0, 1]], "sentences": ["a," * 1001]}
    (tmp_path / "v.json").write_text(json.dumps({"v": entry}), encoding="utf-8")
    with pytest.raises(InputError, match=r"v\.json, video 'v', pair 1: the sentence 'a,a,.* 1,000 words") as error:
        read_activitynet(tmp_path / "v.json")
    assert len(str(error.value)) < 400


def test_a_long_word_without_letters_is_quoted_short():
    with pytest.raises(InputError, match=r"the sentence '\.\.\..*….* has no words") as error:
        tokenize("." * 19_999)
    assert len(str(error.value)) < 200
