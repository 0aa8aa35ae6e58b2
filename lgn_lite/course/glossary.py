"""The course's words: what each means, its symbol or unit, and the notebook that introduces it.

Notebook 00b shows them as a table. Where the inspector explains the same word, both use the same text, and a test
compares them.
"""

import html
from dataclasses import dataclass

from lgn_lite.support.files import notebook_number, project_root


@dataclass(frozen=True)
class Term:
    """What a word means, its symbol or unit if it has one, and the number of the notebook that introduces it."""

    meaning: str
    symbol: str
    notebook: str


GLOSSARY: dict[str, Term] = {
    # the task
    "query": Term("A sentence and the video that it asks about.", "S", "00"),
    "moment": Term("A part of a video: a start and an end.", "seconds", "00"),
    "ground truth": Term("The moment that the data set gives for the sentence: start and end, in seconds.", "", "00"),
    "prediction": Term("The moment that a model gives for a query: the candidate with the highest score.", "M", "00"),
    "clip": Term("One of N equal parts of a video, the unit of length on the map.", "N of them", "00"),
    "candidate": Term(
        "A moment that the model can predict. The video is cut into N clips of equal length; a candidate starts with "
        "one clip and ends with the same or a later one.",
        "V_i, P of them",
        "00",
    ),
    "2D temporal map": Term(
        "The candidates as a square: a row for each first clip, a column for each last one. Called *the map*.",
        "N × N",
        "00",
    ),
    "score": Term(
        "How well the model expects a candidate to match the sentence, from 0 to 1. In training it is drawn towards "
        "the IoU target.",
        "0 to 1",
        "00",
    ),
    "IoU": Term(
        "Intersection over union (IoU): the time that two moments share, divided by the time that they cover together. "
        "1 means the same moment, 0 that they do not overlap.",
        "o, 0 to 1",
        "00",
    ),
    "ceiling": Term(
        "The highest R@n that any model can reach: the share of queries that some candidate comes close enough to.",
        "percent",
        "00",
    ),
    "best constant interval": Term(
        "The one interval that hits most training queries, predicted for every query: what a model has to beat.",
        "",
        "00",
    ),
    # the data
    "annotation": Term("A line of a data set: video, start, end and sentence, as people have written it.", "", "01"),
    "split": Term("A part of a data set: train to learn from, val to choose by, test to report.", "", "01"),
    "span": Term("A moment as fractions of its video.", "0 to 1", "01"),
    "tag": Term("What Toy-STA knows of a sentence and no model sees: its kind, who does what.", "", "01"),
    "kind": Term("What has to be understood to find the moment: attribute, temporal, ordinal and others.", "", "01"),
    # the video
    "container": Term("The file around a video's streams, such as MP4.", "", "02"),
    "key frame": Term("A frame that is stored whole, and with which decoding can begin.", "", "02"),
    "time stamp": Term("When a frame is shown, counted in ticks of the stream's time base.", "pts", "02"),
    "rate": Term("How many frames, or rows of features, there are per second.", "Hz", "02"),
    # the features
    "feature": Term("A row of numbers that a network computes for a frame or a few frames.", "D wide", "02b"),
    "channel": Term("One of the numbers that the network holds for each frame, clip or candidate.", "C or D", "02b"),
    "fc6, fc7": Term(
        "The first two fully connected layers of VGG16. fc6 is stored before its ReLU, fc7 after it.", "", "02b"
    ),
    "concept": Term(
        "One of the words that Toy-STA's frame network was taught: a colour, a shape, an activity.", "", "02b"
    ),
    "probe": Term("A linear classifier that shows what can be read from a layer.", "", "02b"),
    "AUC": Term("The chance that a frame with the concept has a higher value than one without it.", "percent", "02b"),
    "step": Term(
        "One of the T rows that a video's features are averaged to before the model is given them.", "T of them", "02b"
    ),
    # the sentence
    "word vector": Term("The numbers that stand for a word; learned, or taken from GloVe.", "w_i", "03"),
    "unknown word": Term(
        "A word that was not in the model's vocabulary, underlined with waves. The model has no vector for it.",
        "",
        "03",
    ),
    "sentence feature": Term("The vector that the model makes of a whole sentence, its last LSTM state.", "f_s", "03"),
    # the map
    "scale": Term(
        "How many of the longer candidates are left out, from 2D-TAN: their starts and lengths in steps.", "", "04"
    ),
    "pooling": Term("A candidate's feature from those of its clips: the maximum of each channel.", "", "04"),
    # early modulation, fusion and map convolution, late guidance
    "early modulation": Term(
        "The sentence strengthens some channels of the frames' features and weakens others, before there is a map.",
        "eq. 2",
        "05",
    ),
    "unit": Term("One place at which early modulation acts; the paper has two.", "", "05"),
    "gate": Term(
        "The factor by which early modulation multiplies a channel of the frames' features. At 1 nothing changes.",
        "W_M f_s",
        "05",
    ),
    "fusion": Term(
        "Where sentence and candidates meet: both projected, multiplied channel by channel, normalised.", "", "06"
    ),
    "map convolution": Term(
        "A convolution over the map: a candidate is given its neighbours in start and end.", "k × k", "06"
    ),
    "late guidance": Term(
        "The sentence raises some channels of the map and lowers others, before the scores are computed.", "eq. 3", "07"
    ),
    "module": Term(
        "One place at which late guidance acts, after a layer of the map convolution; the paper has six.", "k", "07"
    ),
    "α": Term(
        "The factor by which late guidance multiplies a channel of the map. At 1 the channel stays as it is; above 1 "
        "it is raised, below 1 lowered.",
        "W_M′ f_s",
        "07",
    ),
    # loss and metrics
    "label": Term(
        "What the score is trained towards: 0 for a low IoU with the ground truth, 1 for a high one, rising in "
        "between.",
        "y, eq. 4; the inspector's *IoU target*",
        "08",
    ),
    "t_min, t_max": Term("The IoU at which the target begins to rise, and that at which it reaches 1.", "0 to 1", "08"),
    "NMS": Term(
        "Non-maximum suppression: a candidate that overlaps a better one too much is removed, so that the predictions "
        "are not the same moment again and again.",
        "",
        "08",
    ),
    "R@n": Term(
        "The share of queries for which one of the first n predictions has an IoU above m; R1@0.5 for n = 1, m = 0.5.",
        "percent",
        "08",
    ),
    "mIoU": Term("The mean IoU of the first predictions.", "percent", "00"),
    # training and comparing
    "preset": Term("The settings of a model for one data set, with the source of each.", "LGNConfig", "04"),
    "profile": Term(
        "How much a notebook computes: smoke proves that it runs, cpu is the course's, gpu the paper's size.", "", "00"
    ),
    "baseline": Term(
        "The model to compare with; in the course one without early modulation and late guidance. The sentence reaches "
        "it only where it is combined with the map.",
        "2D-TAN",
        "00",
    ),
    "variant": Term("The model with some of its parts: full (LGN), baseline, early, late, blind.", "", "09"),
    "recipe": Term("A variant, a data set's settings and a seed: all that a training depends on.", "", "09"),
    "checkpoint": Term("A folder that holds a trained model: weights, settings, vocabulary.", "", "00"),
    "seed": Term(
        "The number that random draws begin with; another seed is another training of the same model.", "", "09"
    ),
    "row": Term("One line of the ablation study: a variant with its settings, trained over several seeds.", "", "10"),
    "interval": Term(
        "Where the true value probably lies, from the spread over seeds or queries; *open* if it includes 0.",
        "95 %",
        "10",
    ),
}

SAME_AS_INSPECTOR = {  # the glossary's word → the inspector's
    "ground truth": "Ground truth",
    "candidate": "Candidate",
    "score": "Score",
    "IoU": "Temporal IoU",
    "label": "IoU target",
    "NMS": "NMS",
    "late guidance": "Late guidance",
    "α": "α (alpha)",
    "early modulation": "Early modulation",
    "gate": "Gate",
    "baseline": "Baseline",
    "unknown word": "Unknown word",
}


def glossary_table(links: bool = True) -> str:
    """The glossary as HTML: a table with a search field, whose columns sort by a click on their heading.

    Args:
        links: whether a notebook's number leads to the notebook in the same folder.

    Returns:
        HTML that also reads without JavaScript: then it is a plain table in alphabetical order.
    """
    files = {notebook_number(path): path.name for path in (project_root() / "notebooks").glob("[!.]*.ipynb")}
    rows = []
    for word, term in sorted(GLOSSARY.items(), key=lambda pair: pair[0].lower()):
        number = html.escape(term.notebook)
        if links and term.notebook in files:
            number = f'<a href="{files[term.notebook]}">{number}</a>'
        cells = [
            f"<b>{html.escape(word)}</b>",
            html.escape(term.meaning).replace("*", ""),
            html.escape(term.symbol).replace("*", ""),
            number,
        ]
        rows.append("<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>")
    heads = "".join(
        f'<th style="text-align:left"><button type="button" style="{_PLAIN}" onclick="{_SORT.format(column=k)}">'
        f"{name}</button></th>"
        for k, name in enumerate(("word", "meaning", "symbol or unit", "notebook"))
    )
    field = (
        f'<input type="search" placeholder="search the glossary" aria-label="search the glossary" oninput="{_SEARCH}">'
    )
    body = "\n".join(rows)
    return f"<div>{field}<table><thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"


_PLAIN = "border:0;padding:0;background:none;font:inherit;color:inherit;cursor:pointer"  # a button that looks like text
# Handlers within the elements: a page keeps these where it drops a notebook's scripts
_SEARCH = (
    "for (const row of this.parentNode.querySelectorAll('tbody tr')) "
    "row.hidden = !row.textContent.toLowerCase().includes(this.value.toLowerCase())"
)
_SORT = (
    "const body = this.closest('table').tBodies[0], up = this.dataset.up = this.dataset.up === '1' ? '0' : '1'; "
    "body.append(...[...body.rows].sort((a, b) => (up === '1' ? 1 : -1) * "
    "a.cells[{column}].textContent.localeCompare(b.cells[{column}].textContent)))"
)
