"""The glossary: every word is found where it says, and the inspector explains it in the same words."""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup

from lgn_lite.course.glossary import GLOSSARY, SAME_AS_INSPECTOR, glossary_table
from lgn_lite.support.files import notebook_number, project_root

NOTEBOOKS = {notebook_number(path): path for path in (project_root() / "notebooks").glob("[!.]*.ipynb")}


def prose(number: str) -> str:
    cells = nbformat.read(NOTEBOOKS[number], 4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown").lower()


@pytest.mark.parametrize("word", GLOSSARY)
def test_a_word_s_notebook_exists_and_mentions_it(word):
    text = prose(GLOSSARY[word].notebook)
    for part in word.lower().split(", "):
        assert re.search(rf"(?<!\w){re.escape(part)}", text), part


def test_the_inspector_says_the_same():
    source = (project_root() / "lgn_lite" / "inspector" / "widget.js").read_text(encoding="utf-8")
    terms = dict(re.findall(r'^  "([^"]+)": "(.*)",$', source, flags=re.MULTILINE))
    assert len(terms) > 20
    for word, theirs in SAME_AS_INSPECTOR.items():
        assert GLOSSARY[word].meaning == terms[theirs], word
    known = {word.lower() for word in GLOSSARY} | {word.lower() for word in SAME_AS_INSPECTOR.values()}
    own = {"query", "split", "prediction", "kind of sentence"}  # with the inspector's own ways of showing them
    assert {term.lower() for term in terms} & known - own <= {word.lower() for word in SAME_AS_INSPECTOR.values()}


def test_every_word_is_explained_once_and_briefly():
    assert {"profile", "preset", "unit", "module", "gate", "α", "IoU", "candidate", "NMS", "R@n", "row"} <= set(
        GLOSSARY
    )
    assert len({word.lower() for word in GLOSSARY}) == len(GLOSSARY)
    for word, term in GLOSSARY.items():
        assert 20 < len(term.meaning) < 200 and term.meaning.endswith("."), word


def test_the_table_holds_all_words_in_order_and_leads_to_their_notebooks():
    soup = BeautifulSoup(glossary_table(), "html.parser")
    rows = [[cell.get_text() for cell in row.find_all("td")] for row in soup.select("tbody tr")]
    assert [row[0] for row in rows] == sorted(GLOSSARY, key=str.lower)
    assert all(row[3] == GLOSSARY[row[0]].notebook for row in rows)
    links = {link.get_text(): link["href"] for link in soup.find_all("a")}
    assert links == {number: NOTEBOOKS[number].name for number in {term.notebook for term in GLOSSARY.values()}}
    assert not BeautifulSoup(glossary_table(links=False), "html.parser").find_all("a")
    assert not soup.find_all("script")
