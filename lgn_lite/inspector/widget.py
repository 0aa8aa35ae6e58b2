"""The inspector: what one or two models predict for a query, with the video, the map, and the effect of the sentence.

An anywidget: this file holds its state and computes on demand, `model_view.py` says what is drawn, `widget.js` draws
it. It runs in JupyterLab and in a Voilà page; each `Inspector` is a state of its own.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any

import anywidget
import torch
import traitlets
from IPython import get_ipython

from lgn_lite.analysis.predictions import ListedPredictions, listed_predictions, split_predictions
from lgn_lite.annotations import Query, duration_note
from lgn_lite.checkpoint import Checkpoint
from lgn_lite.data_sets import DataSet, DataSetMissing, find_data_set
from lgn_lite.errors import InputError
from lgn_lite.figures.style import small_png
from lgn_lite.inspector.model_view import (
    FAILURES,
    ComparedModel,
    encoders,
    failure,
    open_models,
    prediction_columns,
    read_video,
    table,
)
from lgn_lite.inspector.picture import draw_picture
from lgn_lite.inspector.upload import LIMIT, PART, Upload
from lgn_lite.moments import best_iou
from lgn_lite.prediction import foreign_video, unknown_words
from lgn_lite.support.words import find_words
from lgn_lite.text import tokenize
from lgn_lite.video.encoder import FrameEncoder
from lgn_lite.video.encoder_names import load_encoder
from lgn_lite.video.frames import probe
from lgn_lite.video.playable import playable

OWN = -1  # the number of the reader's own video and sentence; the queries of the split are 0, 1, …


class _Stopped(Exception):
    """The predictions for the split are no longer needed."""


def _read(sentence: str) -> tuple[list[str], str]:
    """The words of a sentence; without any, the reason."""
    try:
        return tokenize(sentence), ""
    except InputError as error:
        return [], str(error) if sentence.strip() else "Type a sentence."


def _is_watched() -> bool:
    """Whether somebody's front end runs the present cell, and not papermill or nbconvert.

    A front end can ask the reader for input, and says so with each cell.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and bool(kernel.get_parent("shell").get("content", {}).get("allow_stdin"))


class Inspector(anywidget.AnyWidget):
    """Inspect a checkpoint's predictions, alone or with a baseline's.

    checkpoint, baseline: folders, or checkpoints loaded with `load_checkpoint`. baseline=None takes
    ../../baseline/best of a checkpoint in …/VARIANT/best if there is one; False takes none.
    data: a data set, or a name of the catalogue; None: the one that the checkpoint was trained on. It is found as
    `data_sets.find_data_set` finds it, below `root` and in `size` if they are given. video, sentence: a video file and
    free text, with a data set or instead of it (data=None); encoder: the frame encoder for it, or its name
    (`load_encoder`), if the checkpoint has none of its own (`prediction.frame_encoder`).
    query: the number of the query in the split that is shown first; −1 is the reader's own video.
    listed: a file of predictions of anybody's model for the split (`jsonl.py`), drawn over time next to the models'.
    live: whether there is a front end that shows widgets; None finds out. Where there is none, as in a notebook that
    papermill or nbconvert executes, the inspector is displayed as a picture.

    `query`, `sentence` and `split` may be set at any time, from here or in the page; `view` then holds what is drawn
    (see `ComparedModel.view`): its `ground_truth` is that of the sentence as edited, None unless a query of the video
    has these words. `look_into("late" | "early" | "words")` returns what a tab draws, and `choose_video` shows another
    video of the reader's own. Raises InputError for a checkpoint or a video that cannot be read, an unknown data set
    or split, and a query that is not in the split; what can be shown without something is shown, and the page says
    what is missing.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")

    query = traitlets.Int(0).tag(sync=True)
    sentence = traitlets.Unicode("").tag(sync=True)  # as edited
    split = traitlets.Unicode("test").tag(sync=True)
    # written here, read by the page
    setup = traitlets.Dict().tag(sync=True)  # title, splits, compared models, notices
    table = traitlets.Dict().tag(sync=True)  # columns of the split that no model changes
    predictions = traitlets.Dict().tag(sync=True)  # columns of the predictions, and their progress
    view = traitlets.Dict().tag(sync=True)  # the query that is shown, its map and its predictions
    video = traitlets.Dict().tag(sync=True)  # the bytes of its video
    late = traitlets.Dict().tag(sync=True)  # the tabs, computed when the page asks for them
    early = traitlets.Dict().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    upload = traitlets.Dict().tag(sync=True)  # of a video file that is chosen in the page: how far it has come
    own_page = traitlets.Bool(False).tag(sync=True)  # whether the browser's page is the inspector's alone

    def __init__(
        self,
        checkpoint: Checkpoint | str | Path,
        data: DataSet | str | None = None,
        *,
        baseline: Checkpoint | str | Path | bool | None = None,
        split: str = "test",
        video: str | Path | None = None,
        sentence: str | None = None,
        query: int | None = None,
        encoder: FrameEncoder | str | Path | None = None,
        size: str = "",
        root: str | Path | None = None,
        live: bool | None = None,
        listed: str | Path | None = None,
    ) -> None:
        self._live = _is_watched() if live is None else live
        self._stop, self._predicting = Event(), None
        self._models, self._notices = open_models(checkpoint, baseline)
        if isinstance(encoder, str | Path):
            encoder = load_encoder(encoder, self._models[0].checkpoint.about.layer)
        self._encoder = encoder
        self._video: Path | None = None  # the reader's own
        self._own: Query | None = None
        self._upload: Upload | None = None  # the file that a page is sending, until it is the reader's own video
        self._ready: tuple[float, list] | None = None  # what was read from it
        self._kept: Upload | None = None  # the file of the reader's own video, if a page has sent it
        if video is not None:
            self._take_video(Path(video), *self._read_video(Path(video)), sentence or "")
        self._data = self._open_data(data, size, root)
        self._file, self._file_split = listed, split
        self._listed: ListedPredictions | None = None
        self._queries: list[Query] = []
        self._number = 0  # of the last view: work for an older one is not done
        # Threads of their own explain, prepare videos, read the reader's own, and predict for the split: the kernel
        # stays free.
        self._pools = {name: ThreadPoolExecutor(1, f"inspector-{name}") for name in ("explain", "video", "upload")}
        self._jobs: list[Future] = []
        self._open_split(split)
        if query is None:
            query = OWN if self._own is not None else 0
        if query != OWN or self._own is not None:
            self._query_of(query)  # raises if there is none
        start = sentence if query != OWN and sentence else self._original(query)
        super().__init__(query=query, split=split, sentence=start, setup=self._setup(), table=table(self._queries))
        self.view = self._draw()
        self.predictions = {"progress": None, "message": ""} | prediction_columns(self._models)
        self.observe(self._on_query, "query")
        self.observe(self._on_split, "split")
        self.observe(lambda _: self._refresh(), "sentence")
        self.on_msg(self._on_message)
        self._show_video()
        self._predict_split()

    def open(self) -> None:
        """Connect to the front end, if there is one: without, a notebook would keep all that is sent, videos too."""
        if self._live:
            super().open()

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget, if a front end can show it, and a picture for those that cannot, such as a saved page's."""
        shown = "a video" if self.query == OWN else f"query {self.query} of {self.setup['title']}, {self.split}"
        command = f"lgn-lite inspect {self._models[0].checkpoint.folder}"
        caption = f"A picture of the inspector: {shown}. Run this cell in JupyterLab, or `{command}`, for the live one."
        data, about = {"text/plain": caption}, {}
        moments = {model.name: model.checkpoint.model.moments for model in self._models}
        # the inspector's own page has the process that it is served by, and need not wait for a picture
        if not self.own_page and (figure := draw_picture(self.view, moments, caption)) is not None:
            alt = f"{caption} Predictions of {' and '.join(moments)} for “{self.sentence}” over time, and their maps."
            data["image/png"], about["image/png"] = small_png(figure), {"alt": alt}
        if self._live:
            data |= {name: value for name, value in super()._repr_mimebundle_(**options)[0].items() if name not in data}
        return data, about

    # -- what is inspected --------------------------------------------------------------------------------------

    def _open_data(self, data: DataSet | str | None, size: str, root: str | Path | None) -> DataSet | None:
        if isinstance(data, DataSet):
            return data
        if data is None and self._own is not None:
            return None
        try:
            return find_data_set(data or "", size, root, checkpoint=self._models[0].checkpoint)
        except DataSetMissing as error:
            if data is not None:
                raise
            self._notices.append(f"{error}; a video of your own needs none")
        return None

    def _open_split(self, split: str) -> None:
        if self._data is not None:
            self._queries = list(self._data.queries(split))
            for model in self._models:
                model.open_split(self._data, split)
            self._listed = None
            if self._file is not None and split == self._file_split:  # of the other splits it says nothing
                self._listed = listed_predictions(self._file, self._queries)

    def _query_of(self, number: int) -> Query | None:
        if number == OWN and self._own is not None:
            return self._own
        if not self._queries and number in (0, OWN):
            return None
        if not 0 <= number < len(self._queries):
            raise InputError(f"query {number}: the split {self.split!r} has the queries 0 to {len(self._queries) - 1}")
        return self._queries[number]

    def _original(self, number: int) -> str:
        query = self._query_of(number)
        return "" if query is None else query.sentence

    @traitlets.validate("query")
    def _check_query(self, proposal):
        self._query_of(proposal.value)
        return proposal.value

    @traitlets.validate("split")
    def _check_split(self, proposal):
        if self._data is not None:
            self._data.queries(proposal.value)  # raises for an unknown one
        return proposal.value

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the page sets; what is not available, such as a split whose file is gone, is reported there."""
        before = {name: getattr(self, name) for name in ("query", "split", "sentence")}
        try:
            super().set_state(sync_data)
        except (InputError, OSError) as error:
            self._trait_values.update(before)  # traitlets itself undoes only what its own kind of error refuses
            self.view = self.view | {"message": failure(error)}
            self.send_state([*before])

    def _setup(self) -> dict[str, Any]:
        data, first = self._data, self._models[0].checkpoint
        notices = list(self._notices)
        for model in self._models:
            name = model.checkpoint.about.data_set
            if data is not None and name != data.name:
                notices.append(
                    f"{model.name} was trained on {model.checkpoint.about.world}, not on {data.title}: "
                    "it may know neither the words nor the pictures."
                )
        words = first.vocabulary.words[2:]  # without padding and <unk>
        return {
            "title": data.title if data is not None else (self._own.video if self._own else "no data"),
            "splits": [] if data is None else list(data.splits),
            "own": None if self._own is None else self._own.video,
            "upload": {"limit": LIMIT, "part": PART},
            "models": [model.setup() for model in self._models],
            "notices": notices,
            "words": words if len(words) <= 2000 else [],  # suggestions: GloVe's most frequent words would be too many
        }

    # -- the view: small, and at once ---------------------------------------------------------------------------

    def _draw(self) -> dict[str, Any]:
        self._number += 1
        number, query, sentence = self.query, self._query_of(self.query), self.sentence
        view: dict[str, Any] = {"number": self._number, "query": number, "sentence": sentence, "message": ""}
        if query is None:
            message = "There is no query to show: choose a video, or open a data set."
            return view | {"message": message, "original": "", "tokens": [], "models": []}
        tokens, message = _read(sentence)
        asking = self._asking(number, query, tokens)  # whose ground truth is that of the sentence as edited
        ground_truth = None if asking is None else self._queries[asking].windows
        view |= {
            "original": query.sentence, "video": query.video, "duration": query.duration, "ground_truth": ground_truth,
            "original_ground_truth": query.windows if number != OWN and asking is None else None,
            "asked_by": OWN if asking in (None, number) else asking,
            "kind": query.tags.get("kind", ""), "tokens": tokens, "unknown": [], "unknown_note": "", "models": [],
            "notices": self._foreign() if number == OWN else [], "listed": self._listed_for(number, ground_truth),
        }  # fmt: skip
        if not tokens:
            return view | {"message": message}
        first = self._models[0].checkpoint
        view["unknown"] = first.vocabulary.unknown(sentence)
        view["unknown_note"] = unknown_words(first, view["unknown"])
        view["models"] = [model.view(number, sentence, query.duration, ground_truth) for model in self._models]
        return view

    def _listed_for(self, number: int, ground_truth: list[tuple[float, float]] | None) -> dict[str, Any] | None:
        """The predictions of the file for a query, of its original sentence; None without a file."""
        if self._listed is None or number == OWN:
            return None
        windows = torch.tensor([ground_truth]) if ground_truth else None
        rows = [
            {
                "start": start, "end": end, "score": score,
                "iou": None if windows is None else best_iou(torch.tensor([[[start, end]]]), windows).item(),
            }
            for start, end, score in self._listed.first(number)
        ]  # fmt: skip
        return {"name": self._listed.name, "predictions": rows}

    def _foreign(self) -> list[str]:
        """What to know of the reader's own video: which models were trained on something else."""
        return list(dict.fromkeys(filter(None, (foreign_video(m.checkpoint, self._video) for m in self._models))))

    def _asking(self, number: int, query: Query, tokens: list[str]) -> int | None:
        """The number of the query of this video that has these words: the one that is shown, or another; else None."""
        if number == OWN:
            return None
        if tokens == find_words(query.sentence):
            return number
        same = (n for n, other in enumerate(self._queries) if other.video == query.video)
        return next((n for n in same if tokens and find_words(self._queries[n].sentence) == tokens), None)

    def _refresh(self) -> None:
        self.view = self._draw()
        self._show_video()

    def _on_query(self, change) -> None:
        original = self._original(change.new)
        if self.sentence == original:
            self._refresh()
        else:
            self.sentence = original  # which refreshes

    def _on_split(self, change) -> None:
        self._stop_predicting()
        self._open_split(change.new)
        self.table = table(self._queries)
        self.predictions = {"progress": None, "message": ""} | prediction_columns(self._models)
        if self.query == 0:
            self._on_query(traitlets.Bunch(new=0))
        else:
            self.query = 0
        self._predict_split()

    # -- the tabs: on demand, in a thread of their own ------------------------------------------------------------

    def look_into(self, tab: str) -> dict[str, Any]:
        """What a tab draws of the query that is shown: {"number", "models": one dictionary per model}.

        Raises InputError for an unknown tab.
        """
        if tab not in ("late", "early", "words"):
            raise InputError(f"no tab {tab!r}: choose late, early or words")
        return self._explain(tab, self.view["number"], self.query, self.sentence)

    def _explain(self, tab: str, number: int, query: int, sentence: str) -> dict[str, Any]:
        drawn = getattr(self, tab)
        if drawn.get("number") == number or number != self._number:
            return drawn
        drawn_models = []
        for model in self._models if self.view["models"] else []:
            try:
                drawn_models.append(getattr(model, tab)(query, sentence))
            except FAILURES as error:
                drawn_models.append({"message": failure(error)})
        drawn = {"number": number, "models": drawn_models}
        if number == self._number:  # else the page shows another view
            setattr(self, tab, drawn)
        return drawn

    def _on_message(self, _widget, message, buffers) -> None:
        """The page wants a tab of its view, sends a video, or has the predictions for the split stop or resume."""
        if message.get("want") in ("late", "early", "words") and message.get("number") == self._number:
            self._submit("explain", self._explain, message["want"], self._number, self.query, self.sentence)
        elif "upload" in message:
            self._on_upload(message, buffers)
        elif message.get("predictions") == "stop":
            self._stop.set()
        elif message.get("predictions") == "start":
            self._predict_split()

    def _submit(self, pool: str, work, *given) -> None:
        self._jobs = [job for job in self._jobs if not job.done()] + [self._pools[pool].submit(work, *given)]

    def wait(self) -> None:
        """Wait until nothing is being prepared any more: the video, the requested tabs, the predictions for the split.

        Raises what went wrong there.
        """
        for job in list(self._jobs):
            job.result()
        if self._predicting is not None:
            self._predicting.join()

    # -- the video ------------------------------------------------------------------------------------------------

    def _show_video(self) -> None:
        name = self.view.get("video")
        if name is None or self.video.get("name") == name:
            return
        if self.query == OWN:
            path = missing = self._video
        else:
            path, missing = self._data.video(name), self._data.folder / self._data.video_path.format(name=name)
        if path is None or not path.is_file():
            self.video = {"name": name, "message": f"There is no video file {missing}: the rest is shown without it."}
            return
        self.video = {"name": name, "message": "", "loading": True}
        self._submit("video", self._load_video, name, path, self.view["duration"])

    def _load_video(self, name: str, path: Path, duration: float) -> None:
        if name != self.video.get("name"):  # the page shows another video
            return
        try:
            kept = self._kept  # a copy of a file that a visitor has sent goes with it
            content, mime = playable(path, folder=kept.folder if kept is not None and kept.path == path else None)
            note = duration_note(duration, probe(path).duration) or ""
            video = {"name": name, "message": "", "note": note, "data": content, "mime": mime}
        except FAILURES as error:
            video = {"name": name, "message": failure(error).replace(str(path), name)}
        if name == self.video.get("name"):
            self.video = video

    # -- a video of the reader's own -------------------------------------------------------------------------------

    def choose_video(self, video: str | Path, sentence: str = "") -> None:
        """Show a video file, as query −1, with a sentence or with none yet. Raises InputError if it cannot be read."""
        self._take_video(Path(video), *self._read_video(Path(video)), sentence)
        self._show_own()

    def _read_video(self, path: Path) -> tuple[float, list]:
        """The duration of a video file in seconds, and what `read_video` finds in it."""
        if path.exists() and not path.is_file():  # a pipe would be waited for without end
            raise InputError(f"{path}: a folder, a device or a pipe, not a video file")
        return probe(path).duration, read_video(self._models, path, self._encoder)

    def _take_video(self, path: Path, duration: float, found: list, sentence: str, name: str = "") -> None:
        self._video = path
        self._own = Query(name or path.name, sentence.strip(), 0.0, 0.0, duration)
        for model, features in zip(self._models, found, strict=True):
            model.take_video(features)

    def _show_own(self) -> None:
        self.setup = self._setup()
        self.video = {}  # another file may have the same name
        if self.query != OWN:
            self.query = OWN
        elif self.sentence != self._own.sentence:
            self.sentence = self._own.sentence
        else:
            self._refresh()

    def _on_upload(self, message: dict[str, Any], buffers: list) -> None:
        """A page sends a video file in parts: `upload` says how far it has come, and asks for the next one."""
        step, upload = message["upload"], self._upload
        try:
            if step == "begin":
                self._drop_upload()
                refusals = encoders(self._models, self._encoder)
                if all(isinstance(refusal, str) for refusal in refusals):
                    raise InputError(" ".join(map(str, refusals)))
                self._upload = Upload(message.get("number"), message.get("name"), message.get("size"))
                self._say_upload(self._upload, "receiving")
            elif upload is None or message.get("number") != upload.number:  # it was given up
                return
            elif step == "part":
                upload.add(message.get("at"), buffers[0] if buffers else b"")
                self._say_upload(upload, "reading" if upload.complete else "receiving")
                if upload.complete:
                    self._submit("upload", self._read_upload, upload)
            elif step == "cancel":
                self._drop_upload()
                self.upload = {}
            elif step == "show" and self._ready is not None:
                edited = self.query == OWN or self.sentence != self._original(self.query)
                before, self._kept, self._upload = self._kept, upload, None
                self._take_video(upload.path, *self._ready, self.sentence if edited else "", upload.name)
                self._show_own()
                self._say_upload(upload, "shown")
                if before is not None:
                    before.close()
        except FAILURES as error:
            self._drop_upload()
            self.upload = {"number": message.get("number"), "state": "failed", "message": failure(error)}

    def _read_upload(self, upload: Upload) -> None:
        """Read the video that has arrived; the page then asks to show it: the view changes in one thread only."""
        try:
            ready = self._read_video(upload.path)
        except FAILURES as error:
            if upload is self._upload:
                self._drop_upload()
                message = failure(error).replace(str(upload.path), upload.name)
                self.upload = {"number": upload.number, "state": "failed", "message": message}
            return
        if upload is self._upload:
            self._ready = ready
            self._say_upload(upload, "ready")

    def _say_upload(self, upload: Upload, state: str) -> None:
        self.upload = {"number": upload.number, "state": state, "name": upload.name, "received": upload.received}

    def _drop_upload(self) -> None:
        upload, self._upload, self._ready = self._upload, None, None
        if upload is not None:
            upload.close()

    # -- the predictions for the whole split ----------------------------------------------------------------------

    def _predict_split(self) -> None:
        waiting = [model for model in self._models if model.predictions is None and not model.message]
        if self._data is None or not waiting or (self._predicting is not None and self._predicting.is_alive()):
            return
        self._stop = Event()
        self._predicting = Thread(target=self._predict, args=(waiting, self.split, self._stop), daemon=True)
        self._predicting.start()

    def _predict(self, models: list[ComparedModel], split: str, stop: Event) -> None:
        def on_progress(share: float, message: str) -> None:
            if stop.is_set():
                raise _Stopped
            self.predictions = self.predictions | {"progress": share, "message": message}

        try:
            for i, model in enumerate(models):
                message = f"{model.name} predicts for {len(self._queries):,} queries"
                found = split_predictions(
                    model.checkpoint, self._data, split,
                    on_progress=lambda share, i=i, message=message: on_progress((i + share) / len(models), message),
                )  # fmt: skip
                if stop.is_set():
                    raise _Stopped
                model.predictions = found
                self.predictions = {"progress": (i + 1) / len(models), "message": ""} | prediction_columns(self._models)
            self.predictions = self.predictions | {"progress": None, "message": ""}
        except _Stopped:
            self.predictions = self.predictions | {"progress": None, "message": "stopped"}
        except FAILURES as error:  # shown in the page: nobody sees a thread's traceback
            self.predictions = self.predictions | {"progress": None, "message": failure(error)}

    def _stop_predicting(self) -> None:
        self._stop.set()
        if self._predicting is not None:
            self._predicting.join()

    def close(self) -> None:
        """Take the widget away and end the work for it."""
        if hasattr(self, "_stop"):  # also called where __init__ raised
            self._stop.set()
        for pool in getattr(self, "_pools", {}).values():
            pool.shutdown(wait=False, cancel_futures=True)
        for upload in (getattr(self, "_upload", None), getattr(self, "_kept", None)):
            if upload is not None:
                upload.close()
        super().close()
