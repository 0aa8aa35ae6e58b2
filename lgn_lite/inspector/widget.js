// The inspector's page: draws what inspector.py sends, and sends back which query, which sentence, which tab.
//
// A plain ES module for anywidget: no build step, no library, nothing from the network. Text that comes from data is
// only ever set as text (`node` below makes text nodes), never as HTML. Numbers come as bytes: see `floats` and `ints`.
// Times are seconds; a map cell (i, j) is the moment from the start of clip i to the end of clip j.

const VIRIDIS = ("#440154 #48186a #472d7b #424086 #3b528b #33638d #2c728e #26828e #21918c #1fa088 #28ae80 #3fbc73 " +
  "#5ec962 #84d44b #addc30 #d8e219 #fde725").split(" ").map(rgb);
const DIVERGING = "#b35a00 #e69f00 #f6d9a0 #ffffff #a6cbe3 #0072b2 #003f66".split(" ").map(rgb); // orange – white – blue
const TABS = [["late", "Late guidance"], ["early", "Early modulation"], ["words", "Words"], ["queries", "Queries"]];
const WIDE = 1100; // pixels of the inspector from which the list of queries is next to map and video
const KINDS = ["ours", "baseline"]; // of the two models, as the style sheet calls them
const ROW = { one: 30, two: 46 }; // pixels, the height of a table row with a line of the sentence, or with two
const PRINTED = 200; // rows of the table that are printed at most
// What the terms and controls of the page mean: in the help, and where they stand.
const TERMS = {
  "Query": "A sentence and a video. The model searches the video for the moment that the sentence describes. Queries are counted from 0.",
  "Split": "A part of the data set. Models learn from train; their settings are chosen on val; test is for the result that is reported. Toy-STA's test-composition holds combinations that train never shows.",
  "Ground truth": "The moment that the data set gives for the sentence: start and end, in seconds.",
  "Candidate": "A moment that the model can predict. The video is cut into N clips of equal length; a candidate starts with one clip and ends with the same or a later one.",
  "Score": "How well the model expects a candidate to match the sentence, from 0 to 1. In training it is drawn towards the IoU target.",
  "Prediction": "One of the candidates with the highest scores. Number 1, the star, is the model's answer; the others are its next choices.",
  "NMS": "Non-maximum suppression: a candidate that overlaps a better one too much is removed, so that the predictions are not the same moment again and again.",
  "Temporal IoU": "Intersection over union (IoU): the time that two moments share, divided by the time that they cover together. 1 means the same moment, 0 that they do not overlap.",
  "IoU target": "What the score is trained towards: 0 for a low IoU with the ground truth, 1 for a high one, rising in between.",
  "Map": "The 2D temporal map: a cell for each candidate. Its row is the start of the candidate, its column the end. Nothing is below the diagonal, because a moment cannot end before it starts.",
  "Error and difference": "What the map can show besides scores: how far each score is from its IoU target, and the score of the first model minus that of the second.",
  "Timeline": "The ground truth and the predictions of each model as bars over the time of the video. A click plays one.",
  "Baseline": "The model to compare with; in the course one without early modulation and late guidance. The sentence reaches it only where it is combined with the map.",
  "Disagreement": "1 minus the IoU of the two models' first predictions: 0 if both predict the same moment, 1 if the two do not overlap.",
  "Late guidance": "The sentence raises some channels of the map and lowers others, before the scores are computed.",
  "α (alpha)": "The factor by which late guidance multiplies a channel of the map. Only its size next to the other α counts: a channel is raised or lowered against the mean α.",
  "Early modulation": "The sentence strengthens some channels of the frames' features and weakens others, before there is a map.",
  "Gate": "The factor by which early modulation multiplies a channel of the frames' features. At 1 nothing changes.",
  "Channel and weight": "A channel is one of the numbers that the network holds for each frame or cell. The weight of a channel of the map says how much it adds to the score.",
  "Module and unit": "Late guidance acts in several modules, one after another; early modulation in units.",
  "Words": "Each word is left out in turn, to see how the score of the prediction changes and what is predicted instead.",
  "Queries": "All sentences of the split: search, filter, sort, and choose the one to look at.",
  "Kind of sentence": "How the data set sorts its sentences, where it does: by what has to be understood to find the moment.",
  "Kinds of mistakes": "The report names them by how a prediction misses in time: too long, too short, shifted, or elsewhere.",
  "Unknown word": "A word that was not in the model's vocabulary, underlined with waves. The model has no vector for it.",
};
const KEYS = [
  ["n, p or → ←", "next and previous query, in the order of the list"],
  ["/", "search the list of queries"],
  ["↑ ↓, Page Up, Page Down, Home, End, Enter", "in the list: move, and open a query"],
  ["arrows, Enter, Home", "on a map: move over the cells, play one, go to the first prediction"],
  ["+ − 0", "on a map: zoom in, zoom out, whole map"],
  ["← → Home End", "on the tabs: the next explanation"],
  ["?", "this help"],
  ["Escape", "close help or tour"],
];
let pages = 0; // for ids that are unique in a notebook with several inspectors

// -- small helpers -------------------------------------------------------------------------------------------------

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** An element with attributes, handlers (functions) and children; strings become text nodes, so data stays text. */
function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Bytes as numbers; copied, because a view need not begin at a multiple of four. */
function floats(bytes) {
  return bytes ? new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)) : null;
}
function ints(bytes) {
  return bytes ? new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)) : null;
}

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const seconds = (x) => x.toFixed(1);
const span = (start, end) => `${seconds(start)} – ${seconds(end)} s`;
const signed = (x, digits = 2) => {
  const size = Math.abs(x).toFixed(digits);
  return Number(size) ? (x < 0 ? "−" : "+") + size : size;
};
const plain = (x, digits = 2) => (x < 0 ? "−" : "") + Math.abs(x).toFixed(digits);
/** A score as text: small ones with more digits, so that they can be told apart. */
const written = (score, digits = 2) => (score >= 0.001 ? score.toFixed(score < 0.1 ? 3 : digits) : score > 0 ? "< 0.001" : "0");
/** How many digits tell changes apart of which the largest is `most`. */
const digitsOf = (most) => (most >= 0.1 ? 2 : most >= 0.01 ? 3 : 4);
const largest = (values) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);

function colour(palette, share) {
  const at = clamp(share, 0, 1) * (palette.length - 1);
  const low = Math.min(Math.floor(at), palette.length - 2);
  return palette[low].map((c, k) => Math.round(c + (at - low) * (palette[low + 1][k] - c)));
}

function later(work, wait) {
  let timer = null;
  const run = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), wait);
  };
  run.now = (...given) => {
    clearTimeout(timer);
    work(...given);
  };
  return run;
}

/** Round steps for an axis: the times of the ticks between two times. */
function ticks(low, high, count) {
  const raw = (high - low) / count || 1;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * size).find((s) => s >= raw);
  const found = [];
  for (let t = Math.ceil(low / step) * step; t <= high + 1e-9; t += step) found.push(+t.toFixed(6));
  return found;
}

/** A scale of the values' own width: the palette, the two ends, and how a value is written. Scores have `Maps.scoreScale`. */
function scaleOf(values, diverging) {
  if (diverging) {
    const most = Math.max(...values.map(largest), 1e-6);
    return { palette: DIVERGING, low: -most, high: most, write: signed };
  }
  let [low, high] = [Infinity, -Infinity];
  for (const list of values) for (const v of list) [low, high] = [Math.min(low, v), Math.max(high, v)];
  if (low >= 0 && high <= 1) low = 0;
  return { palette: VIRIDIS, low, high: Math.max(high, low + 1e-6), write: plain };
}

// -- geometry of one model's candidates ------------------------------------------------------------------------------

class Geometry {
  constructor(model) {
    this.N = model.N;
    this.starts = ints(model.starts);
    this.ends = ints(model.ends);
    this.number = new Int32Array(model.N * model.N).fill(-1); // of the candidate in a cell, −1 if there is none
    this.starts.forEach((start, p) => (this.number[start * model.N + this.ends[p]] = p));
  }

  same(other) {
    return this.N === other.N && this.starts.length === other.starts.length &&
      this.starts.every((s, p) => s === other.starts[p] && this.ends[p] === other.ends[p]);
  }

  /** An N×N picture: a pixel a cell; cells without a candidate, or all without values, stay clear, so that the hatch behind them shows. */
  picture(values, scale, canvas = document.createElement("canvas"), impossible = null) {
    const N = this.N;
    canvas.width = canvas.height = N;
    const context = canvas.getContext("2d");
    const image = context.createImageData(N, N);
    for (let i = 0; i < N; i++) {
      for (let j = 0; j < N; j++) {
        const p = this.number[i * N + j];
        let c = null;
        if (p >= 0 && values) c = colour(scale.palette, (values[p] - scale.low) / (scale.high - scale.low));
        else if (j < i) c = impossible;
        if (c) image.data.set([c[0], c[1], c[2], 255], 4 * (i * N + j));
      }
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }
}

// -- the page ---------------------------------------------------------------------------------------------------------

class Page {
  constructor(model, el) {
    this.model = model;
    this.id = `lgn-${++pages}`;
    this.live = node("div", { class: "lgn-live", "aria-live": "polite", role: "status" });
    this.tip = node("div", { class: "lgn-tip", "aria-hidden": "true", hidden: true });
    this.alone = model.get("own_page"); // whether the page and its address are the inspector's, not a notebook's
    this.root = node("div", {
      class: "lgn", role: this.alone ? "main" : "region", "aria-label": "Inspector", tabindex: "-1",
      "data-lm-suppress-shortcuts": "true", // JupyterLab would take n, p, + and the arrows for itself
      keydown: (event) => this.key(event),
    });
    this.readSetup();
    // an explanation of thousands of candidates takes seconds to minutes without a GPU: only who asks shall wait for it
    this.large = this.models.some((model) => model.P > 1000);
    this.tab = this.large ? "" : "late";
    this.chooser = new VideoChooser(this);
    this.notices = new Notices(this);
    this.player = new Player(this);
    this.sentence = new SentenceEditor(this);
    this.timeline = new Timeline(this);
    this.maps = new Maps(this);
    this.views = { late: new LateTab(this), early: new EarlyTab(this), words: new WordsTab(this), queries: new QueriesTab(this) };
    this.want = later(() => this.askForTab(), this.large ? 500 : 60);
    this.address = this.alone ? new Address(this) : null;
    this.help = new Help(this);
    this.list = node("aside", { class: "lgn-list", "aria-label": "Queries", hidden: true });
    this.root.append(
      this.header(), this.help.invitation, this.address?.note ?? "", this.notices.root,
      this.desk = node("div", { class: "lgn-desk" }, this.list, node("div", { class: "lgn-work" },
        this.sentence.root, node("div", { class: "lgn-main" }, this.player.root, this.maps.root), this.timeline.root, this.tabs())),
      this.help.root, this.tip, this.live);
    el.append(this.root);
    this.listeners = [
      ["change:setup", () => this.showSetup()], ["change:upload", () => this.chooser.proceed()], ["change:view", () => this.showView()], ["change:video", () => this.player.load()],
      ["change:table", () => this.views.queries.load()], ["change:predictions", () => this.views.queries.loadPredictions()],
      ...["late", "early", "words"].map((tab) => [`change:${tab}`, () => this.showTab(tab)]),
    ];
    for (const [event, work] of this.listeners) model.on(event, work);
    // canvases do not follow the theme by themselves
    this.recoloured = () => requestAnimationFrame(() => {
      const colours = this.colour("ink") + this.colour("paper");
      if (colours === this.colours) return;
      this.colours = colours;
      this.redraw();
    });
    this.themes = new MutationObserver(this.recoloured);
    this.themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
    this.media = matchMedia("(prefers-color-scheme: dark)");
    this.media.addEventListener("change", this.recoloured);
    this.repaint = later(() => this.paint(), 50);
    this.sizes = new ResizeObserver(([{ contentRect }]) => this.resize(contentRect.width));
    this.sizes.observe(this.root);
    this.printed = false;
    this.paper = matchMedia("print"); // which Chromium changes too late for another layout, and tests without an event before it
    this.printing = (event) => this.print(event.type === "beforeprint" || this.paper.matches);
    this.paper.addEventListener("change", this.printing);
    for (const event of ["beforeprint", "afterprint"]) addEventListener(event, this.printing);
    this.views.queries.load();
    this.player.load();
    this.showView();
    this.address?.read(location.hash);
  }

  destroy() {
    for (const [event, work] of this.listeners) this.model.off(event, work);
    this.paper.removeEventListener("change", this.printing);
    for (const event of ["beforeprint", "afterprint"]) removeEventListener(event, this.printing);
    this.themes.disconnect();
    this.sizes.disconnect();
    this.views.queries.sizes.disconnect();
    this.media.removeEventListener("change", this.recoloured);
    this.player.destroy();
    this.address?.destroy();
  }

  readSetup() {
    this.setup = this.model.get("setup");
    this.models = this.setup.models;
    this.geometries = this.models.map((model) => new Geometry(model));
    this.comparable = this.models.length === 2 && this.geometries[0].same(this.geometries[1]);
  }

  /** Of the setup only the reader's own video changes. */
  showSetup() {
    this.setup = this.model.get("setup");
    this.root.querySelector(".lgn-title").textContent = this.setup.title;
    this.chooser.show();
  }

  /** A colour of the style sheet as canvas understands it. */
  colour(name) {
    this.live.style.color = `var(--lgn-${name})`;
    const found = getComputedStyle(this.live).color;
    this.live.style.color = "";
    return found;
  }

  /** The same as red, green and blue, for a picture made of pixels. */
  pixels(name) {
    const context = document.createElement("canvas").getContext("2d");
    context.fillStyle = this.colour(name);
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data;
  }

  /** A heading: of the inspector (0), of a part of it (1), of a group in that (2); in a notebook it is itself a part. */
  heading(depth, ...children) {
    return node(`h${depth + (this.alone ? 1 : 3)}`, { class: ["lgn-title", "lgn-part", "lgn-group"][depth] }, ...children);
  }

  say(text) {
    this.live.textContent = text;
  }

  header() {
    const { title, splits } = this.setup;
    this.where = node("span", { class: "lgn-where" });
    this.split = node("select", {
      "aria-label": "Split of the data set", title: TERMS.Split,
      change: () => this.set("split", this.split.value),
    }, splits.map((split) => node("option", { value: split }, split)));
    const step = (label, sign, by, keys) => node("button", {
      type: "button", class: "lgn-button", title: `${label} (${keys})`, "aria-label": label, click: () => this.step(by),
    }, sign);
    return node("div", { class: "lgn-bar" },
      this.heading(0, title),
      splits.length ? this.split : null,
      splits.length ? node("span", { class: "lgn-steps" }, step("Previous query", "◀", -1, "← or p"), this.where, step("Next query", "▶", 1, "→ or n")) : null,
      this.chooser.root,
      node("span", { class: "lgn-models" }, this.models.map((model, k) => node("span", {
        class: "lgn-model", title: `trained on ${model.trained_on}; ${model.P} candidates, N = ${model.N}, C = ${model.C}`,
      }, swatch(KINDS[k]), model.name, node("small", {}, model.epoch ? ` epoch ${model.epoch}` : "")))),
      this.help.button);
  }

  tabs() {
    this.buttons = new Map(TABS.map(([name, label]) => [name, node("button", {
      type: "button", role: "tab", id: `${this.id}-tab-${name}`, title: TERMS[label], click: () => this.select(name),
      keydown: (event) => {
        const names = TABS.map(([other]) => other).filter((other) => !this.buttons.get(other).hidden);
        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        const at = names.indexOf(name);
        const to = event.key === "Home" ? 0 : event.key === "End" ? names.length - 1 : by ? (at + by + names.length) % names.length : -1;
        if (to < 0) return;
        event.preventDefault();
        event.stopPropagation(); // else the page would step to the next query
        this.select(names[to]);
        this.buttons.get(names[to]).focus();
      },
    }, label)]));
    this.unasked = node("p", { class: "lgn-panel lgn-note" }, "A map of this size takes a while to explain: choose what to look into.");
    this.panels = node("div", {}, this.unasked, TABS.map(([name]) => this.views[name].root));
    for (const [name] of TABS) this.views[name].root.id = `${this.id}-panel-${name}`;
    return node("section", { class: "lgn-tabs", "aria-label": "Explanations" },
      node("div", { role: "tablist", "aria-label": "What to inspect" }, [...this.buttons.values()]), this.panels);
  }

  select(name) {
    this.tab = name;
    this.unasked.hidden = Boolean(name);
    const first = name || TABS[0][0]; // the keyboard's way in where none is selected
    for (const [other, button] of this.buttons) {
      const panel = this.views[other].root;
      const aside = other === "queries" && this.wide;
      button.hidden = other === "queries" && (this.wide || !this.setup.splits.length);
      button.setAttribute("aria-selected", other === name);
      button.tabIndex = other === first ? 0 : -1;
      if (aside) for (const attribute of ["role", "aria-labelledby"]) panel.removeAttribute(attribute);
      else {
        button.setAttribute("aria-controls", panel.id);
        panel.setAttribute("role", "tabpanel");
        panel.setAttribute("aria-labelledby", button.id);
      }
      panel.hidden = other !== name && !aside;
    }
    this.want();
    if (name) this.views[name].show();
    this.address?.write();
  }

  /** The list of queries is next to map and video where there is room for it, else a tab. */
  arrange(wide) {
    if (wide === this.wide) return;
    this.wide = wide;
    this.root.classList.toggle("lgn-wide", wide);
    this.list.hidden = !wide;
    (wide ? this.list : this.panels).append(this.views.queries.root);
    if (wide && this.tab === "queries") this.select(this.large ? "" : "late");
    else this.select(!wide && !this.tab && this.setup.splits.length ? "queries" : this.tab);
    this.views.queries.show();
  }

  /** Heights follow from widths in the style sheet alone: what is drawn never changes a size, so no drawing sets off another. */
  resize(width) {
    if (width === this.width) return;
    this.width = width;
    if (!width) return; // it is hidden
    this.arrange(width >= WIDE && this.setup.splits.length > 0);
    this.repaint();
  }

  set(name, value) {
    if (name !== "sentence") this.address?.leave();
    this.model.set(name, value);
    this.model.save_changes();
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, canvas, video, dialog, [role=grid]")) return;
    const by = { ArrowLeft: -1, p: -1, ArrowRight: 1, n: 1 }[event.key];
    if (by) this.step(by);
    else if (event.key === "?") this.help.open();
    else if (event.key === "/" && this.setup.splits.length) {
      if (!this.wide) this.select("queries");
      this.views.queries.text.focus();
    } else return;
    event.preventDefault();
  }

  /** The next query in the order of the table. */
  step(by) {
    const to = this.views.queries.neighbour(this.model.get("query"), by);
    if (to !== null) this.set("query", to);
  }

  showView() {
    const view = this.model.get("view");
    const before = this.view;
    this.view = view;
    this.drawn = (view.models ?? []).map((model) => ({
      ...model, scores: floats(model.scores), iou: floats(model.iou), target: floats(model.target), dropped: ints(model.dropped),
    }));
    const count = this.model.get("table").count ?? 0;
    this.split.value = this.model.get("split");
    this.where.textContent = view.query < 0 ? "your video" : `query ${view.query} (0 – ${count - 1})`;
    this.notices.show();
    this.sentence.show();
    this.timeline.show();
    this.maps.show();
    this.player.showName();
    this.views.queries.mark();
    for (const [tab] of TABS) this.views[tab].root.classList.toggle("lgn-stale", this.stale(tab));
    this.want();
    if (!before) return;
    this.say(this.summary(view));
    this.address?.pursue();
  }

  summary(view) {
    const lines = this.drawn.map((model, k) => {
      if (!model.predictions?.length) return `${this.models[k].name} has no prediction`;
      if (model.notice) return `${this.models[k].name}: ${model.notice.replace(/\.$/, "")}`;
      const { start, end, iou } = model.predictions[0];
      return `${this.models[k].name} predicts ${seconds(start)} to ${seconds(end)} seconds` + (iou === null ? "" : `, IoU ${iou.toFixed(2)}`);
    });
    return `${view.query < 0 ? "Your video" : `Query ${view.query}`}: ${view.sentence.replace(/\.$/, "")}. ${view.message || lines.join("; ")}.`;
  }

  stale(tab) {
    return tab !== "queries" && this.model.get(tab).number !== this.view.number;
  }

  /** The tabs are computed on demand: only the one that is looked at, only for the sentence that is shown. */
  askForTab() {
    if (!this.view || !this.tab || this.tab === "queries") return;
    if (this.stale(this.tab)) {
      this.views[this.tab].wait();
      this.model.send({ want: this.tab, number: this.view.number });
    } else {
      this.showTab(this.tab);
      this.views[this.tab].paint(); // it may have been drawn while it was hidden, or the page was wider
    }
  }

  showTab(tab) {
    if (!this.view || this.stale(tab)) return;
    const view = this.views[tab];
    if (view.number === this.view.number) return;
    view.number = this.view.number;
    view.root.classList.remove("lgn-stale");
    view.draw(this.model.get(tab).models);
  }

  /** Draw again what depends on the theme's colours. */
  redraw() {
    for (const tab of ["late", "early", "words"]) {
      if (this.view && !this.stale(tab)) this.views[tab].draw(this.model.get(tab).models);
    }
    this.paint();
  }

  /** Draw again what depends on the width. */
  paint() {
    this.maps.draw();
    for (const view of Object.values(this.views)) view.paint();
  }

  /** Paper is light, has the list last, and holds the rows that a window would have to be scrolled for. */
  print(begins) {
    if (begins === this.printed) return this.paint(); // paper has another width
    this.printed = begins;
    this.root.classList.toggle("lgn-printed", begins);
    if (begins) this.desk.append(this.list);
    else this.desk.prepend(this.list);
    this.redraw();
    this.views.queries.mark(); // moving the list has scrolled it to its top
  }

  playMoment(start, end, what) {
    this.player.play(start, end);
    this.say(`Playing ${what ?? "the moment"}, ${seconds(start)} to ${seconds(end)} seconds`);
  }

  /** Follows the video: the playheads of timeline and maps. */
  tick(time) {
    this.timeline.tick(time);
    this.maps.tick(time);
  }

  showTip(event, lines) {
    this.tip.replaceChildren(...lines.map((line) => node("div", {}, line)));
    this.tip.hidden = false;
    const box = this.root.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left + 14, event.clientY - box.top + 14];
    this.tip.style.left = `${Math.min(x, box.width - this.tip.offsetWidth - 4)}px`;
    this.tip.style.top = `${y + this.tip.offsetHeight > box.height ? y - this.tip.offsetHeight - 28 : y}px`;
  }

  hideTip() {
    this.tip.hidden = true;
  }
}

function swatch(kind) {
  return node("span", { class: `lgn-swatch lgn-${kind}`, "aria-hidden": "true" });
}

// -- the address ----------------------------------------------------------------------------------------------------

/**
 * The state in the page's address, #query=12&split=test&tab=early&sentence=…: a reload or a shared link shows the same,
 * and back and forward go through the queries. A fragment is not sent to the server.
 */
class Address {
  constructor(page) {
    this.page = page;
    this.steps = []; // [trait, value] still to be taken on the way to what the address asks for
    this.arriving = false; // whether the kernel has not yet drawn the last of them
    this.wrong = []; // what it names that is not there
    this.note = node("p", { class: "lgn-notice", role: "alert", hidden: true });
    this.write = later(() => this.put(), 200);
    this.changed = (event) => this.read(new URL(event.newURL).hash);
    addEventListener("hashchange", this.changed);
  }

  destroy() {
    removeEventListener("hashchange", this.changed);
  }

  read(hash) {
    const given = Object.fromEntries(new URLSearchParams(hash.slice(1)));
    const { page } = this;
    const { splits } = page.setup;
    const tabs = TABS.map(([name]) => name);
    page.sentence.whole.blur(); // what is typed there stays, else, as long as it is typed
    this.at = null; // the first state after this one takes its entry in the history
    this.arriving = true;
    if (given.tab !== undefined && !tabs.includes(given.tab)) this.wrong.push(`tab=${given.tab} (there are ${tabs.join(", ")})`);
    else if (given.tab !== undefined && given.tab !== page.tab && !(given.tab === "queries" && page.wide)) page.select(given.tab);
    if (given.split !== undefined && !splits.includes(given.split)) {
      this.wrong.push(`split=${given.split} (there are ${splits.join(", ") || "none"})`);
      this.steps = [["query", 0]];
    } else {
      const { query = given.split === undefined ? undefined : "0", split, sentence } = given;
      this.steps = [["split", split], ["query", query]].filter(([, value]) => value !== undefined);
      if (this.steps.length || sentence !== undefined) this.steps.push(["sentence", sentence]);
    }
    this.pursue();
  }

  /** The next step, each once the kernel has drawn the view after the one before. */
  pursue() {
    const { page, page: { model } } = this;
    while (this.steps.length) {
      const [name, given] = this.steps.shift();
      let value = given;
      if (name === "query") value = this.number(given);
      if (name === "sentence") value ??= page.view.original;
      if (model.get(name) === value) continue;
      page.set(name, value);
      return;
    }
    this.arriving = false;
    if (this.wrong.length) this.say();
    else if (this.said !== this.now) this.note.hidden = true;
    if (this.at === null) this.write.now(); // before another query would take this one's entry
    else this.write();
  }

  /** The number of a query that there is; what was given instead is remembered as wrong, and what depended on it dropped. */
  number(given) {
    const { setup, model } = this.page;
    const count = model.get("table").count ?? 0;
    const query = /^-?\d+$/.test(given) ? Number(given) : NaN;
    if ((query >= 0 && query < Math.max(count, 1)) || (query === -1 && setup.own)) return query;
    this.wrong.push(query === -1 ? "query=-1 (this page has no video of your own)" : `query=${given} (there are 0 to ${count - 1})`);
    this.steps = [];
    return setup.own && !count ? -1 : 0;
  }

  /** Query and split: another one is another entry in the history. */
  get now() {
    return `${this.page.view.query} ${this.page.model.get("split")}`;
  }

  say() {
    this.said = this.now;
    const instead = this.wrong.every((text) => text.startsWith("tab=")) ? "" : " The first query is shown instead.";
    this.note.textContent = `This page's address names what is not there: ${this.wrong.join("; ")}.${instead}`;
    this.note.hidden = false;
    this.wrong = [];
  }

  /** Before another query or split: what was edited within the last moment belongs to this one's entry. */
  leave() {
    if (this.page.view && this.at !== null) this.write.now();
  }

  put() {
    const { view, tab, model, setup } = this.page;
    if (this.arriving) return; // at what the address asks for: till then it stays as it is
    const state = new URLSearchParams({ query: view.query });
    if (setup.splits.length) state.set("split", model.get("split"));
    if (tab) state.set("tab", tab);
    if (view.sentence !== view.original) state.set("sentence", view.sentence);
    const moved = this.at !== null && this.at !== this.now;
    this.at = this.now;
    if (`#${state}` !== location.hash) {
      history[moved ? "pushState" : "replaceState"](null, "", `${location.pathname}${location.search}#${state}`);
    }
  }
}

// -- help and tour ----------------------------------------------------------------------------------------------------

class Help {
  constructor(page) {
    this.page = page;
    this.button = node("button", {
      type: "button", class: "lgn-button lgn-help-button", "aria-label": "Help: terms and controls", title: "Help: terms and controls (?)",
      click: () => this.open(),
    }, "?");
    const close = node("button", { type: "button", class: "lgn-button", autofocus: true, click: () => this.dialog.close() }, "Close");
    const tour = node("button", { type: "button", class: "lgn-button", click: () => this.start() }, "Show me around");
    const title = page.heading(1, "Help");
    title.id = `${page.id}-help`;
    const listed = (rows, kind) => node("dl", { class: "lgn-terms" }, rows.flatMap(([name, text]) => [node("dt", {}, node(kind, {}, name)), node("dd", {}, text)]));
    this.dialog = node("dialog", { class: "lgn-help", "aria-labelledby": title.id },
      node("div", { class: "lgn-line lgn-help-top" }, title, tour, close),
      node("div", { class: "lgn-help-text", tabindex: "0", role: "group", "aria-label": "Terms and keys" },
        node("p", {}, "Choose a query, see which moment the model predicts for its sentence, and look into why. " +
          "Change a word of the sentence, and everything is computed for the new one."),
        page.heading(2, "Terms"), listed(Object.entries(TERMS), "span"), page.heading(2, "Keys"), listed(KEYS, "kbd")));
    this.step = node("dialog", { class: "lgn-step", "aria-label": "Tour", keydown: (event) => this.key(event) });
    this.root = node("div", {}, this.dialog, this.step);
    this.invitation = node("div", { class: "lgn-notice lgn-line", role: "group", "aria-label": "Tour", hidden: !page.alone || Help.known() },
      node("span", {}, "New here? A tour shows what is where, in a minute."),
      node("button", { type: "button", class: "lgn-button", click: () => this.start() }, "Show me around"),
      node("button", { type: "button", class: "lgn-button", click: () => this.dismiss() }, "No, thanks"));
  }

  /** Whether this browser has shown or declined the tour; where it stores nothing, it is not offered again and again. */
  static known() {
    try {
      return localStorage.getItem("lgn-tour") !== null;
    } catch {
      return true;
    }
  }

  open() {
    if (!this.dialog.open && !this.step.open) this.dialog.showModal();
  }

  dismiss() {
    this.invitation.hidden = true;
    try {
      localStorage.setItem("lgn-tour", "known");
    } catch {
      // then it is as if it were known
    }
  }

  stops() {
    const { page } = this;
    return [
      ["The list of queries", "Search, filter and sort all sentences of the split. A click opens one; n and p step through them.",
        page.wide ? page.list : page.buttons.get("queries")],
      ["The sentence", "What the model is asked to find. Type another one, or replace and leave out single words: all is computed again.", page.sentence.root],
      ["The video", "The moment is to be found in it. Clicks on maps, bars and frames play it from there.", page.player.root],
      ["The map", "A cell for each candidate moment: down is its start, right its end, colour its score. The square is the ground truth, the star the first prediction.", page.maps.root],
      ["The timeline", "Ground truth and predictions as bars over the video's time, with score and IoU.", page.timeline.root],
      ["Explanations", "How the sentence changes the map (late guidance) and the frames (early modulation), and what each word contributes. The ? at the top explains every term.",
        page.buttons.get("late").parentElement],
    ].filter(([, , target]) => !target.hidden);
  }

  start() {
    this.dialog.close();
    this.dismiss();
    this.page.root.scrollIntoView();
    this.before = this.page.root.contains(document.activeElement) ? document.activeElement : this.button;
    this.go(0);
  }

  go(at) {
    const stops = this.stops();
    this.target?.classList.remove("lgn-toured");
    this.target = null;
    if (at < 0 || at >= stops.length) {
      this.step.close();
      this.before.isConnected && !this.before.closest("[hidden]") ? this.before.focus() : this.button.focus();
      return;
    }
    const [title, text, target] = stops[at];
    this.at = at;
    this.target = target;
    target.classList.add("lgn-toured");
    target.scrollIntoView({ block: "nearest" });
    const button = (label, to) => node("button", { type: "button", class: "lgn-button", click: () => this.go(to) }, label);
    const next = button(at + 1 < stops.length ? "Next" : "Done", at + 1);
    this.step.replaceChildren(
      node("p", {}, node("strong", {}, title), node("small", {}, ` ${at + 1} of ${stops.length}`)), node("p", {}, text),
      node("div", { class: "lgn-line" }, next, at ? button("Back", at - 1) : null, at + 1 < stops.length ? button("Skip", stops.length) : null));
    if (!this.step.open) this.step.show();
    const [page, box] = [this.page.root.getBoundingClientRect(), target.getBoundingClientRect()];
    const left = clamp(box.left - page.left, 0, page.width - this.step.offsetWidth);
    // below what it explains; where there is no room, above it, or within it
    const height = this.step.offsetHeight, least = window.innerHeight - height - 8;
    const top = box.bottom + 8 <= least ? box.bottom + 8 : box.top > height + 8 ? Math.min(box.top - height - 8, least) : least;
    this.step.style.left = `${left}px`;
    this.step.style.top = `${top - page.top}px`;
    next.focus({ preventScroll: true });
  }

  key(event) {
    event.stopPropagation(); // n and p do not belong to the queries here
    if (event.key === "Escape") this.go(-1);
  }
}

// -- the sentence: each word may be replaced or left out ---------------------------------------------------------------

class SentenceEditor {
  constructor(page) {
    this.page = page;
    this.words = []; // {original, text, out}
    this.whole = node("input", {
      type: "text", class: "lgn-whole", "aria-label": "Sentence", spellcheck: "false",
      input: () => this.ask(this.whole.value), keydown: (event) => event.key === "Enter" && this.ask.now(this.whole.value),
    });
    this.restore = node("button", {
      type: "button", class: "lgn-button", click: () => this.ask.now(this.page.view.original),
    }, "Restore");
    this.list = node("ol", { class: "lgn-words", "aria-label": "Words of the sentence; each can be replaced or left out" });
    this.note = node("p", { class: "lgn-note" });
    this.known = node("datalist", { id: `${page.id}-known` }, page.setup.words.map((word) => node("option", { value: word })));
    this.ask = later((sentence) => {
      this.sent = sentence;
      page.set("sentence", sentence);
    }, 150);
    this.root = node("section", { class: "lgn-sentence", "aria-label": "Sentence" },
      node("div", { class: "lgn-line" }, this.whole, this.restore), this.list, this.note, this.known);
  }

  show() {
    const view = this.page.view;
    // what is being typed stays, unless it was about another query
    if (document.activeElement !== this.whole || view.query !== this.query) this.whole.value = view.sentence;
    // what was typed into the words stays as it is; a sentence from elsewhere gets new words
    if (view.sentence !== this.last || view.query !== this.query) {
      this.words = view.tokens.map((token) => ({ original: token, text: token, out: false }));
      this.last = this.base = view.sentence;
      this.query = view.query;
      this.list.replaceChildren(...this.words.map((word) => this.chip(word)));
    }
    const unknown = new Set(view.unknown);
    for (const word of this.words) {
      const strange = unknown.has(word.text.toLowerCase());
      word.root.classList.toggle("lgn-unknown", strange);
      word.root.classList.toggle("lgn-changed", word.text !== word.original);
      word.input.title = strange ? "the model has no vector for this word" : "";
    }
    this.restore.disabled = view.sentence === view.original;
    const notes = [view.message];
    if (view.unknown_note) notes.push(view.unknown_note);
    if (!this.restore.disabled && view.query >= 0 && view.original) notes.push(`Original sentence: “${view.original}”`);
    if (view.original_ground_truth) notes.push("The ground truth shown is the original sentence’s: there is no IoU for this one");
    if (view.asked_by >= 0) notes.push(`Query ${view.asked_by} asks this of the same video: the ground truth is that query’s`);
    this.note.textContent = notes.filter(Boolean).join(" · ");
  }

  chip(word) {
    const fit = () => (word.input.style.width = `${Math.max(word.input.value.length, 2) + 0.5}ch`);
    word.input = node("input", {
      type: "text", value: word.text, "aria-label": `Word: ${word.original}`, list: `${this.page.id}-known`, spellcheck: "false",
      input: () => {
        word.text = word.input.value.trim();
        fit();
        this.changed();
      },
      keydown: (event) => event.key === "Enter" && this.changed(true),
    });
    word.button = node("button", {
      type: "button", "aria-pressed": "false", "aria-label": `Leave out: ${word.original}`, title: "Leave this word out",
      click: () => this.leaveOut(word),
    }, "×");
    word.root = node("li", { class: "lgn-word" }, word.input, word.button);
    fit();
    return word.root;
  }

  leaveOut(word) {
    word.out = !word.out;
    word.root.classList.toggle("lgn-out", word.out);
    word.button.setAttribute("aria-pressed", word.out);
    word.button.textContent = word.out ? "+" : "×";
    word.button.title = word.out ? "Put this word back" : "Leave this word out";
    this.changed(true);
  }

  changed(now = false) {
    const same = this.words.every((word) => !word.out && word.text === word.original);
    const sentence = same ? this.base : this.words.filter((word) => !word.out && word.text).map((word) => word.text).join(" ");
    this.last = sentence;
    (now ? this.ask.now : this.ask)(sentence);
  }
}

// -- the video -------------------------------------------------------------------------------------------------------

class Player {
  constructor(page) {
    this.page = page;
    this.time = 0;
    this.until = null; // where a moment that plays ends
    this.video = node("video", {
      controls: true, playsinline: true, preload: "auto", "aria-label": "Video",
      play: () => this.run(), seeked: () => this.tick(), timeupdate: () => this.tick(), error: () => this.failed(),
    });
    this.video.muted = true;
    this.name = node("span", { class: "lgn-name" });
    this.note = node("p", { class: "lgn-notice", role: "status", hidden: true });
    this.root = node("section", { class: "lgn-video", "aria-label": "Video" }, this.video, this.note, this.name);
  }

  load() {
    const file = this.page.model.get("video");
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = file.data ? URL.createObjectURL(new Blob([file.data], { type: file.mime })) : null;
    this.until = null;
    if (this.url) this.video.src = this.url;
    else this.video.removeAttribute("src");
    this.video.hidden = Boolean(file.message) || !file.name;
    this.note.textContent = file.loading ? "The video is being prepared for this browser …" : file.message || file.note || "";
    this.note.hidden = !this.note.textContent;
    this.page.views?.early.thumbnails();
  }

  failed() {
    if (!this.url) return; // a source that was taken away is no error
    this.note.textContent = "This browser cannot play the video; the rest works without it.";
    this.note.hidden = false;
  }

  showName() {
    const { video, duration } = this.page.view;
    this.name.textContent = video ? `${video} · ${seconds(duration)} s` : "";
    if (video !== this.shown) {
      this.shown = video;
      this.time = 0;
      this.page.tick(0);
    }
  }

  play(start, end) {
    this.until = end;
    this.time = start;
    if (this.url) {
      this.video.currentTime = start;
      this.video.play().catch(() => {}); // a pause meanwhile is no error
    }
    this.page.tick(start);
  }

  seek(time) {
    this.until = null;
    this.time = time;
    if (this.url) this.video.currentTime = time;
    this.page.tick(time);
  }

  run() {
    this.tick();
    if (!this.video.paused) requestAnimationFrame(() => this.run());
  }

  tick() {
    if (!this.url) return;
    this.time = this.video.currentTime;
    if (this.until !== null && this.time >= this.until && !this.video.seeking) {
      this.until = null;
      this.video.pause();
    }
    this.page.tick(this.time);
  }

  destroy() {
    this.video.pause();
    if (this.url) URL.revokeObjectURL(this.url);
  }
}

// -- the timeline ------------------------------------------------------------------------------------------------------

const ORIGINAL = "ground truth of the original sentence"; // not of the edited one, whose own nobody knows

class Timeline {
  constructor(page) {
    this.page = page;
    this.rows = node("div", { class: "lgn-rows" });
    this.head = node("div", { class: "lgn-head", "aria-hidden": "true" });
    this.axis = node("div", { class: "lgn-axis", "aria-hidden": "true" });
    this.root = node("section", { class: "lgn-timeline", "aria-label": "Timeline" }, this.rows);
  }

  show() {
    const { duration, ground_truth: groundTruth, original_ground_truth: original } = this.page.view;
    this.rows.replaceChildren();
    if (!duration) return;
    groundTruth?.forEach((window) => this.row("ground-truth", "ground truth", ...window, "", "ground truth"));
    original?.forEach((window) => this.row("original", "original’s", ...window, "", ORIGINAL));
    this.page.drawn.forEach((model, k) => {
      const name = this.page.models[k].name;
      (model.predictions ?? []).forEach(({ start, end, score, iou }, n) => {
        const shown = written(score) + (iou === null ? "" : ` · IoU ${iou.toFixed(2)}`);
        this.row(KINDS[k], n ? `${n + 1}` : `${name} 1`, start, end, shown, `prediction ${n + 1} of ${name}, score ${shown}`);
      });
    });
    const { listed } = this.page.view; // of a file: a model that is not here
    listed?.predictions.forEach(({ start, end, score, iou }, n) => {
      const shown = written(score) + (iou === null ? "" : ` · IoU ${iou.toFixed(2)}`);
      this.row("listed", n ? `${n + 1}` : "the file’s 1", start, end, shown, `prediction ${n + 1} of ${listed.name}, score ${shown}`);
    });
    this.axis.replaceChildren(...ticks(0, duration, 6).map((t) => node("span", { style: `left:${(100 * t) / duration}%` }, `${t} s`)));
    this.rows.append(node("div", { class: "lgn-row" }, node("span"), node("div", {
      class: "lgn-track lgn-scrub",
      pointerdown: (event) => {
        const box = event.currentTarget.getBoundingClientRect();
        this.page.player.seek(clamp((event.clientX - box.left) / box.width, 0, 1) * duration);
      },
    }, this.axis, this.head), node("span")));
    this.tick(this.page.player.time);
  }

  row(kind, label, start, end, shown, what) {
    const { duration } = this.page.view;
    const bar = node("button", {
      type: "button", class: `lgn-bar-moment lgn-${kind}`,
      style: `left:${(100 * start) / duration}%;width:${(100 * (end - start)) / duration}%`,
      title: `${what}: ${span(start, end)}`, "aria-label": `Play ${what}: ${seconds(start)} to ${seconds(end)} seconds`,
      click: () => this.page.playMoment(start, end, what),
    });
    this.rows.append(node("div", { class: "lgn-row" },
      node("span", { class: "lgn-label" }, label), node("div", { class: "lgn-track" }, bar),
      node("span", { class: "lgn-values" }, shown || span(start, end))));
  }

  tick(time) {
    const { duration } = this.page.view ?? {};
    if (duration) this.head.style.left = `${clamp((100 * time) / duration, 0, 100)}%`;
  }
}

// -- the maps ------------------------------------------------------------------------------------------------------------

class Maps {
  constructor(page) {
    this.page = page;
    this.lens = { x: 0, y: 0, size: 1 }; // the part that is shown, fractions of the map; all maps share it
    this.cursor = null; // [i, j] as fractions, so that maps of different N share it too
    this.maps = page.models.map((_, k) => new MapView(this, k));
    this.mode = node("select", { "aria-label": "What the map shows", title: `${TERMS.Map}\n\nScore: ${TERMS.Score}`, change: () => this.show() },
      [["scores", "score"], ["target", "IoU target"], ["iou", "IoU with the ground truth"], ["error", "error: |score − IoU target|"],
        ["difference", "difference of the two models"]].map(([value, label]) => node("option", { value }, label)));
    const button = (label, sign, work) => node("button", { type: "button", class: "lgn-button", "aria-label": label, title: label, click: work }, sign);
    this.stretch = node("input", { type: "checkbox", change: () => [this.show(), this.page.redraw()] });
    this.bar = node("div", { class: "lgn-colours", role: "img" });
    this.low = node("span");
    this.high = node("span");
    const mark = (sign, text, kind = "", what = null) => node("span", { class: "lgn-mark", title: what }, node("b", { class: kind, "aria-hidden": "true" }, sign), text);
    this.original = mark("┆", ORIGINAL);
    this.root = node("section", { class: "lgn-maps", "aria-label": "2D temporal map" },
      node("div", { class: "lgn-line" }, node("label", {}, "Map: ", this.mode),
        button("Zoom in (+)", "+", () => this.zoom(0.6)), button("Zoom out (−)", "−", () => this.zoom(1 / 0.6)),
        button("Whole map (0)", "⤢", () => this.zoom(Infinity)),
        node("label", { title: "Colours from 0 to the highest score that is shown, instead of 0 to 1" }, this.stretch, " stretch the colours")),
      node("div", { class: "lgn-pair" }, this.maps.map((map) => map.root)),
      (this.legend = node("div", { class: "lgn-scale" }, this.low, this.bar, this.high)),
      node("div", { class: "lgn-legend" }, mark("☐", "ground truth", "lgn-ground-truth-mark", TERMS["Ground truth"]), this.original,
        mark("★", "first prediction", "", TERMS.Prediction), mark("②", "further predictions", "", TERMS.Prediction), mark("×", "removed by NMS", "", TERMS.NMS),
        mark("", "no candidate", "lgn-hatch", TERMS.Candidate), mark("", "end before start", "lgn-pale", TERMS.Map)));
  }

  /** The values that each map shows in the mode that is chosen; null if there are none. */
  values() {
    const drawn = this.page.drawn;
    if (this.mode.value === "difference") {
      return [drawn[0].scores.map((score, p) => score - drawn[1].scores[p])];
    }
    return drawn.map((model) => {
      if (!model.scores) return null;
      return this.mode.value === "error" ? model.scores.map((score, p) => Math.abs(score - model.target[p])) : model[this.mode.value];
    });
  }

  show() {
    const { drawn, view, comparable } = this.page;
    const both = comparable && drawn.every((model) => model.scores) && drawn.length === 2;
    for (const option of this.mode.options) {
      const needsGroundTruth = ["iou", "target", "error"].includes(option.value);
      option.disabled = option.value === "difference" ? !both : needsGroundTruth && !view.ground_truth;
    }
    if (this.mode.selectedOptions[0].disabled) this.mode.value = "scores";
    const values = this.values();
    const diverging = this.mode.value === "difference";
    const stretched = this.mode.value === "scores" && this.stretch.checked;
    this.stretch.disabled = this.mode.value !== "scores";
    this.scale = diverging ? scaleOf(values, true) : this.scoreScale(values.filter(Boolean), stretched);
    this.bar.style.background = `linear-gradient(to right, ${this.scale.palette.map((c) => `rgb(${c})`).join(", ")})`;
    const { low, high } = this.scale;
    const [ours, theirs] = this.page.models.map((model) => model.name);
    this.low.textContent = diverging ? `${theirs} higher ${signed(low, digitsOf(high))}` : "0";
    this.high.textContent = diverging ? `${signed(high, digitsOf(high))} ${ours} higher` : stretched ? `${written(high)}, the highest score here` : "1";
    this.original.hidden = !view.original_ground_truth;
    this.legend.hidden = !values.some(Boolean);
    this.bar.setAttribute("aria-label", `Colours from ${this.low.textContent} to ${this.high.textContent}`);
    this.maps.forEach((map, k) => map.show(values[k] ?? null, diverging));
    this.draw();
  }

  /** The scale of scores and of what else lies between 0 and 1, the same for every query unless it is stretched. */
  scoreScale(lists, stretched = this.stretch.checked) {
    const high = stretched ? Math.max(...lists.map(largest), 1e-6) : 1;
    return { palette: VIRIDIS, low: 0, high, write: written };
  }

  zoom(factor, at = this.cursor ?? [this.lens.y + this.lens.size / 2, this.lens.x + this.lens.size / 2]) {
    const { lens } = this;
    const least = Math.min(1, 4 / Math.max(...this.page.geometries.map((geometry) => geometry.N)));
    const size = clamp(lens.size * factor, least, 1);
    const [y, x] = at; // stays where it is on the screen
    lens.x = clamp(x - ((x - lens.x) / lens.size) * size, 0, 1 - size);
    lens.y = clamp(y - ((y - lens.y) / lens.size) * size, 0, 1 - size);
    lens.size = size;
    this.draw();
  }

  draw() {
    for (const map of this.maps) map.draw();
  }

  tick() {
    for (const map of this.maps) map.overlay();
  }
}

const LEFT = 44, BOTTOM = 36, TOP = 8, RIGHT = 10; // pixels around a map

class MapView {
  constructor(maps, k) {
    this.maps = maps;
    this.page = maps.page;
    this.k = k;
    this.geometry = this.page.geometries[k];
    this.title = node("figcaption");
    this.note = node("p", { class: "lgn-notice", hidden: true });
    this.below = node("canvas", { "aria-hidden": "true" }); // the map; the canvas above it has the playhead and the cursor
    this.canvas = node("canvas", {
      tabindex: "0", role: "application", "aria-roledescription": "map",
      "aria-label": `Map of ${this.page.models[k].name}. Arrow keys move over start and end, Enter plays, plus and minus zoom.`,
      pointerdown: (event) => (this.drag = { x: event.clientX, y: event.clientY, lens: { ...maps.lens }, moved: false }),
      pointermove: (event) => this.move(event),
      pointerup: (event) => this.up(event),
      pointerleave: () => {
        this.drag = null;
        this.page.hideTip();
        if (document.activeElement !== this.canvas) this.setCursor(null);
      },
      keydown: (event) => this.key(event),
      focus: () => maps.cursor || this.home(),
      blur: () => this.setCursor(null),
    });
    // the wheel belongs to the page until the map is chosen
    this.canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== this.canvas) return;
      event.preventDefault();
      maps.zoom(event.deltaY < 0 ? 0.8 : 1.25, this.at(event));
    }, { passive: false });
    this.root = node("figure", { class: "lgn-map" }, this.title, node("div", { class: "lgn-stack" }, this.below, this.canvas), this.note);
  }

  show(values, diverging) {
    const model = this.page.drawn[this.k];
    this.values = values;
    this.diverging = diverging;
    const names = this.page.models.map((other) => other.name);
    this.title.replaceChildren(...(diverging ? [`${names[0]} − ${names[1]}`] : [swatch(KINDS[this.k]), names[this.k]]));
    this.root.hidden = diverging && this.k === 1;
    const noticed = diverging ? this.page.drawn.map((other) => other.notice) : [model?.notice];
    const message = model?.message || (model ? noticed.filter(Boolean).join(" ") : this.page.view.message);
    this.note.textContent = message;
    this.note.hidden = !message;
    this.flags = new Map();
    model?.dropped?.forEach((p) => this.flags.set(p, "removed by NMS"));
    model?.predictions?.forEach((prediction, n) => this.flags.set(prediction.candidate, `prediction ${n + 1}`));
  }

  /** [y, x] of an event as fractions of the whole map. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const { lens } = this.maps;
    return [lens.y + ((event.clientY - box.top - TOP) / this.size) * lens.size, lens.x + ((event.clientX - box.left - LEFT) / this.size) * lens.size];
  }

  /** [i, j] of the cell at a position; null outside the possible half. */
  cell([y, x]) {
    const N = this.geometry.N;
    const [i, j] = [Math.floor(y * N), Math.floor(x * N)];
    return i >= 0 && j < N && i <= j ? [i, j] : null;
  }

  times([i, j]) {
    const step = this.page.view.duration / this.geometry.N;
    return [i * step, (j + 1) * step];
  }

  describe(cell) {
    const [start, end] = this.times(cell);
    const p = this.geometry.number[cell[0] * this.geometry.N + cell[1]];
    const lines = [span(start, end)];
    if (p < 0) return [...lines, "no candidate"];
    const { drawn, models } = this.page;
    const model = drawn[this.k];
    if (this.values && this.maps.mode.value !== "scores") lines.push(`${this.maps.mode.selectedOptions[0].label}: ${this.maps.scale.write(this.values[p], 3)}`);
    if (model?.scores) lines.push(`score of ${models[this.k].name}: ${written(model.scores[p], 3)}`);
    if (this.diverging) lines.push(`score of ${models[1].name}: ${written(drawn[1].scores[p], 3)}`);
    if (model?.iou) lines.push(`IoU with the ground truth: ${model.iou[p].toFixed(2)}`);
    if (this.flags.has(p)) lines.push(this.flags.get(p));
    return lines;
  }

  move(event) {
    const { drag, maps } = this;
    if (drag && maps.lens.size < 1) {
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (drag.moved || Math.hypot(dx, dy) > 4) {
        drag.moved = true;
        maps.lens.x = clamp(drag.lens.x - (dx / this.size) * maps.lens.size, 0, 1 - maps.lens.size);
        maps.lens.y = clamp(drag.lens.y - (dy / this.size) * maps.lens.size, 0, 1 - maps.lens.size);
        maps.draw();
        return;
      }
    }
    const cell = this.page.view.duration ? this.cell(this.at(event)) : null;
    this.setCursor(cell);
    if (cell) this.page.showTip(event, this.describe(cell));
    else this.page.hideTip();
  }

  up(event) {
    const dragged = this.drag?.moved;
    this.drag = null;
    const cell = this.page.view.duration ? this.cell(this.at(event)) : null;
    if (dragged || !cell) return;
    this.page.playMoment(...this.times(cell), "the moment of this cell");
  }

  setCursor(cell) {
    const N = this.geometry.N;
    this.maps.cursor = cell && [(cell[0] + 0.5) / N, (cell[1] + 0.5) / N];
    this.maps.tick();
  }

  home() {
    const first = this.page.drawn[this.k]?.predictions?.[0];
    const N = this.geometry.N;
    this.setCursor(first ? [this.geometry.starts[first.candidate], this.geometry.ends[first.candidate]] : [0, N - 1]);
  }

  key(event) {
    const { maps, geometry: { N } } = this;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    this.page.hideTip(); // it belongs to the mouse
    if (!maps.cursor) this.home();
    const cell = this.cell(maps.cursor) ?? [0, 0];
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const work = { "+": () => maps.zoom(0.6), "=": () => maps.zoom(0.6), "-": () => maps.zoom(1 / 0.6), 0: () => maps.zoom(Infinity), Home: () => this.home() }[event.key];
    if (by) {
      const to = [clamp(cell[0] + by[0], 0, N - 1), clamp(cell[1] + by[1], 0, N - 1)];
      if (to[0] > to[1]) to[by[0] ? 1 : 0] = to[by[0] ? 0 : 1]; // along the diagonal
      this.setCursor(to);
      this.follow();
      this.page.say(this.describe(to).join(", "));
    } else if (event.key === "Enter" || event.key === " ") this.page.playMoment(...this.times(cell), "the moment of this cell");
    else if (work) work();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Keep the cursor within the part that is shown. */
  follow() {
    const { lens, cursor: [y, x] } = this.maps;
    const half = 0.5 / this.geometry.N;
    lens.x = clamp(lens.x, x + half - lens.size, x - half);
    lens.y = clamp(lens.y, y + half - lens.size, y - half);
    this.maps.draw();
  }

  prepare(canvas) {
    const width = this.root.clientWidth;
    const scale = window.devicePixelRatio || 1;
    this.size = Math.max(40, width - LEFT - RIGHT);
    const height = this.size + TOP + BOTTOM;
    const context = canvas.getContext("2d");
    // many viewers of PDF lose what was drawn on a canvas after it was cleared: on paper it begins anew
    if (this.page.printed || canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    } else context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    return context;
  }

  /** Pixels of a position given as fractions of the map. */
  x(fraction) {
    return LEFT + ((fraction - this.maps.lens.x) / this.maps.lens.size) * this.size;
  }
  y(fraction) {
    return TOP + ((fraction - this.maps.lens.y) / this.maps.lens.size) * this.size;
  }

  draw() {
    if (this.root.hidden || !this.root.clientWidth) return;
    const { page, geometry: { N }, maps: { lens } } = this;
    const context = this.prepare(this.below);
    const { duration, ground_truth: groundTruth, original_ground_truth: original } = page.view;
    const model = page.drawn[this.k];
    const ink = page.colour("ink");
    context.save();
    context.beginPath();
    context.rect(LEFT, TOP, this.size, this.size);
    context.clip();
    if (this.values) hatch(context, page, this.size);
    this.image = this.geometry.picture(this.values, this.maps.scale, this.image, page.pixels("pale"));
    context.imageSmoothingEnabled = false;
    context.drawImage(this.image, lens.x * N, lens.y * N, lens.size * N, lens.size * N, LEFT, TOP, this.size, this.size);
    const cell = this.size / (N * lens.size);
    // a moment's position: a cell is centred at its exact start and end
    const position = (start, end) => [this.x(((end / duration) * N - 0.5) / N), this.y(((start / duration) * N + 0.5) / N)];
    const centre = (p) => [this.x((this.geometry.ends[p] + 0.5) / N), this.y((this.geometry.starts[p] + 0.5) / N)];
    if (!this.diverging) model?.dropped?.forEach((p) => cross(context, ...centre(p), clamp(cell / 4, 2, 6)));
    groundTruth?.forEach((window) => square(context, ...position(...window), Math.max(cell, 10), page.colour("ground-truth")));
    original?.forEach((window) => square(context, ...position(...window), Math.max(cell, 10), "#000", [4, 3]));
    if (this.diverging) {
      page.drawn.forEach((other, k) => {
        star(context, ...centre(other.predictions[0].candidate), 9);
        label(context, ...centre(other.predictions[0].candidate), page.models[k].name);
      });
    } else {
      model?.predictions?.slice().reverse().forEach((prediction, n) => {
        const rank = model.predictions.length - n;
        if (rank > 1) badge(context, ...centre(prediction.candidate), rank);
        else star(context, ...centre(prediction.candidate), 9);
      });
    }
    context.restore();
    context.strokeStyle = page.colour("line");
    context.strokeRect(LEFT - 0.5, TOP - 0.5, this.size + 1, this.size + 1);
    if (duration) this.axes(context, ink, duration);
    this.overlay();
  }

  axes(context, ink, duration) {
    const { geometry: { N }, maps: { lens } } = this;
    const step = duration / N;
    context.fillStyle = context.strokeStyle = ink;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    context.beginPath();
    for (const t of ticks((lens.x * N + 0.5) * step, ((lens.x + lens.size) * N + 0.5) * step, 6)) {
      const x = this.x((t / step - 0.5) / N);
      if (x < LEFT || x > LEFT + this.size) continue;
      context.moveTo(x, TOP + this.size);
      context.lineTo(x, TOP + this.size + 4);
      context.fillText(t, x, TOP + this.size + 15);
    }
    context.fillText("end (seconds)", LEFT + this.size / 2, TOP + this.size + 31);
    context.textAlign = "right";
    for (const t of ticks((lens.y * N - 0.5) * step, ((lens.y + lens.size) * N - 0.5) * step, 6)) {
      const y = this.y((t / step + 0.5) / N);
      if (y < TOP || y > TOP + this.size) continue;
      context.moveTo(LEFT - 4, y);
      context.lineTo(LEFT, y);
      context.fillText(t, LEFT - 7, y + 4);
    }
    context.stroke();
    context.save();
    context.translate(11, TOP + this.size / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText("start (seconds)", 0, 0);
    context.restore();
  }

  /** The playhead and the cursor, on their own canvas: they move all the time. */
  overlay() {
    if (this.root.hidden || !this.root.clientWidth || !this.size) return;
    const context = this.prepare(this.canvas);
    const { page, maps, geometry: { N } } = this;
    const { duration } = page.view;
    context.beginPath();
    context.rect(LEFT, TOP, this.size, this.size);
    context.clip();
    if (duration) {
      // moments that hold this instant start above the line and end right of it
      const t = clamp(page.player.time / duration, 0, 1);
      const [x, y] = [this.x(t - 0.5 / N), this.y(t + 0.5 / N)];
      for (const [width, style] of [[3, "#0008"], [1.5, "#fff"]]) {
        context.lineWidth = width;
        context.strokeStyle = style;
        context.setLineDash(width === 3 ? [] : [5, 3]);
        context.beginPath();
        context.moveTo(x, this.y(0));
        context.lineTo(x, y);
        context.lineTo(this.x(1), y);
        context.stroke();
      }
      context.setLineDash([]);
    }
    const cell = maps.cursor && this.cell(maps.cursor);
    if (cell) {
      const [x, y, size] = [this.x(cell[1] / N), this.y(cell[0] / N), this.size / (N * maps.lens.size)];
      for (const [width, style] of [[4, "#000"], [2, "#fff"]]) {
        context.lineWidth = width;
        context.strokeStyle = style;
        context.strokeRect(x, y, size, size);
      }
    }
  }
}

// marks on a map; each has a dark and a light rim, so that it shows on any colour

function hatch(context, page, size) {
  context.fillStyle = page.colour("hole");
  context.fillRect(LEFT, TOP, size, size);
  context.strokeStyle = page.colour("hatch");
  context.lineWidth = 1;
  context.beginPath();
  for (let at = 0; at < 2 * size; at += 8) {
    context.moveTo(LEFT + at, TOP);
    context.lineTo(LEFT + at - size, TOP + size);
  }
  context.stroke();
}

function outlined(context, draw) {
  for (const [width, style] of [[3.5, "#000"], [1.8, "#fff"]]) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.beginPath();
    draw();
    context.stroke();
  }
}

function cross(context, x, y, r) {
  outlined(context, () => {
    context.moveTo(x - r, y - r);
    context.lineTo(x + r, y + r);
    context.moveTo(x + r, y - r);
    context.lineTo(x - r, y + r);
  });
}

function square(context, x, y, side, style, dashes = []) {
  for (const [width, line, pattern] of [[5, "#fff", []], [3, style, dashes]]) {
    context.lineWidth = width;
    context.strokeStyle = line;
    context.setLineDash(pattern);
    context.strokeRect(x - side / 2, y - side / 2, side, side);
  }
  context.setLineDash([]);
}

function star(context, x, y, r) {
  context.beginPath();
  for (let k = 0; k < 10; k++) {
    const [radius, angle] = [k % 2 ? r * 0.45 : r, (k * Math.PI) / 5 - Math.PI / 2];
    context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  context.closePath();
  context.fillStyle = "#fff";
  context.strokeStyle = "#000";
  context.lineWidth = 1.5;
  context.fill();
  context.stroke();
}

function badge(context, x, y, rank) {
  context.beginPath();
  context.arc(x, y, 7.5, 0, 2 * Math.PI);
  context.fillStyle = "#fff";
  context.strokeStyle = "#000";
  context.lineWidth = 1;
  context.fill();
  context.stroke();
  context.fillStyle = "#000";
  context.font = "bold 11px system-ui, sans-serif";
  context.textAlign = "center";
  context.fillText(rank, x, y + 4);
}

function label(context, x, y, text) {
  context.font = "bold 11px system-ui, sans-serif";
  context.textAlign = "left";
  context.lineWidth = 3;
  context.strokeStyle = "#fff";
  context.strokeText(text, x + 11, y + 4);
  context.fillStyle = "#000";
  context.fillText(text, x + 11, y + 4);
}

// -- what the tabs are made of -------------------------------------------------------------------------------------------

/** A tab with a section for each model; what a model lacks is said instead. */
class SideTab {
  constructor(page, explanation) {
    this.page = page;
    this.body = node("div", { class: "lgn-compared" });
    this.missing = node("div");
    this.waiting = node("p", { class: "lgn-note", role: "status" });
    this.root = node("div", { class: "lgn-panel", tabindex: "0" }, node("p", { class: "lgn-explained" }, explanation), this.waiting, this.missing, this.body);
  }

  /** What is below, if anything, is of the sentence before, and pale. */
  wait() {
    const { sentence, models } = this.page.view;
    this.waiting.textContent = models.length ? `Being computed for “${sentence}” …${this.page.large ? " That may take a minute without a GPU." : ""}` : "";
  }

  show() {}

  draw(models) {
    const { page } = this;
    this.waiting.textContent = "";
    this.body.replaceChildren(...models.map((model, k) => model.message ? null : node("section", { class: "lgn-compared-model" },
      page.heading(1, swatch(KINDS[k]), page.models[k].name), this.section(model, k))).filter(Boolean));
    this.missing.replaceChildren(...models.filter((model) => model.message).map((model) => node("p", { class: "lgn-notice" }, model.message)));
    if (!models.length) this.body.append(node("p", { class: "lgn-note" }, page.view.message));
    this.paint();
  }

  /** Draw what depends on the width. */
  paint() {
    for (const chart of this.body.querySelectorAll(".lgn-chart")) chart.paint();
  }
}

/** A small map without axes; hovering shows the cell, a click plays it. */
function smallMap(page, k, values, scale, caption, marks = []) {
  const geometry = page.geometries[k];
  const { N } = geometry;
  const what = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const [i, j] = [Math.floor(((event.clientY - box.top) / box.height) * N), Math.floor(((event.clientX - box.left) / box.width) * N)];
    const step = page.view.duration / N;
    return i <= j && i >= 0 && j < N ? { start: i * step, end: (j + 1) * step, p: geometry.number[i * N + j] } : null;
  };
  const canvas = geometry.picture(values, scale, undefined, page.pixels("pale"));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", caption);
  const stack = node("div", {
    class: "lgn-small lgn-hatch",
    pointermove: (event) => {
      const cell = what(event);
      if (!cell) return page.hideTip();
      page.showTip(event, [span(cell.start, cell.end), cell.p < 0 ? "no candidate" : `${scale.write(values[cell.p], 3)}`]);
    },
    pointerleave: () => page.hideTip(),
    click: (event) => {
      const cell = what(event);
      if (cell) page.playMoment(cell.start, cell.end, "the moment of this cell");
    },
  }, canvas, marks.map(({ p, sign, kind }) => node("span", {
    class: `lgn-on-map ${kind ?? ""}`, "aria-hidden": "true",
    style: `left:${(100 * (geometry.ends[p] + 0.5)) / N}%;top:${(100 * (geometry.starts[p] + 0.5)) / N}%`,
  }, sign)));
  return node("figure", { class: "lgn-card" }, stack, node("figcaption", {}, caption.split("\n").map((line) => node("div", {}, line))));
}

/** Bars around a reference value; `marked` ones are coloured, hatched and named. Wide data share pixels: the largest shows. */
function bars(page, values, { reference = 0, marked = [], what, write = plain, name }) {
  const height = 120;
  const canvas = node("canvas", { role: "img", "aria-label": what });
  const holder = node("div", { class: "lgn-chart" }, canvas);
  const low = Math.min(reference, ...values), high = Math.max(reference, ...values);
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return clamp(Math.floor(((event.clientX - box.left - 40) / (box.width - 48)) * values.length), 0, values.length - 1);
  };
  canvas.addEventListener("pointermove", (event) => page.showTip(event, [name(at(event)), write(values[at(event)], 3)]));
  canvas.addEventListener("pointerleave", () => page.hideTip());
  holder.paint = () => {
    const width = holder.clientWidth;
    if (!width) return; // it is not in the page, or hidden
    const scale = window.devicePixelRatio || 1;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    const [left, right, top, bottom] = [40, width - 8, 16, height - 8];
    const y = (value) => bottom - ((value - low) / (high - low || 1)) * (bottom - top);
    const each = (right - left) / values.length;
    const ink = page.colour("ink"), guide = page.colour("guide"), quiet = page.colour("quiet");
    context.font = "11px system-ui, sans-serif";
    const chosen = new Map(marked.map((mark) => [mark.at, mark]));
    values.forEach((value, n) => {
      context.fillStyle = chosen.has(n) ? guide : quiet;
      const w = Math.max(each - (each > 3 ? 1 : 0), 1);
      context.fillRect(left + n * each, Math.min(y(value), y(reference)), chosen.has(n) ? Math.max(w, 2) : w, Math.max(Math.abs(y(value) - y(reference)), 1));
    });
    context.fillStyle = ink;
    context.textAlign = "center";
    let last = -Infinity;
    for (const mark of [...marked].sort((a, b) => a.at - b.at)) {
      const x = left + (mark.at + 0.5) * each;
      const half = context.measureText(mark.text).width / 2 + 2;
      if (x - half < last) continue; // names that would overlap; the tip has them all
      last = x + half;
      const value = values[mark.at];
      context.fillText(mark.text, x, value >= reference ? y(value) - 3 : Math.min(y(value) + 11, height - 1));
    }
    context.textAlign = "right";
    for (const value of new Set([low, reference, high])) {
      if (value !== reference && Math.abs(y(value) - y(reference)) < 12) continue;
      context.fillText(write(value, 2), left - 5, y(value) + 4);
    }
    context.strokeStyle = ink;
    context.beginPath();
    context.moveTo(left, Math.round(y(reference)) + 0.5);
    context.lineTo(right, Math.round(y(reference)) + 0.5);
    context.stroke();
  };
  return holder;
}

/** Channels × frames as a picture; `values` is row-major. */
function heat(page, values, rows, scale, caption, duration) {
  const T = values.length / rows.length;
  const canvas = node("canvas", { role: "img", "aria-label": caption, width: T, height: rows.length });
  const context = canvas.getContext("2d");
  values.forEach((value, n) => {
    context.fillStyle = `rgb(${colour(scale.palette, (value - scale.low) / (scale.high - scale.low))})`;
    context.fillRect(n % T, Math.floor(n / T), 1, 1);
  });
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const t = clamp(Math.floor(((event.clientX - box.left) / box.width) * T), 0, T - 1);
    return [clamp(Math.floor(((event.clientY - box.top) / box.height) * rows.length), 0, rows.length - 1), t];
  };
  canvas.addEventListener("pointermove", (event) => {
    const [row, t] = at(event);
    page.showTip(event, [`channel ${rows[row]}, ${seconds(((t + 0.5) * duration) / T)} s`, scale.write(values[row * T + t], 3)]);
  });
  canvas.addEventListener("pointerleave", () => page.hideTip());
  canvas.addEventListener("click", (event) => page.player.seek(((at(event)[1] + 0.5) * duration) / T));
  return node("figure", { class: "lgn-heat" }, node("figcaption", {}, caption),
    node("div", { class: "lgn-heat-grid" }, node("div", { class: "lgn-heat-rows", "aria-hidden": "true" }, rows.map((row) => node("span", {}, row))), canvas));
}

// -- late guidance ---------------------------------------------------------------------------------------------------------

class LateTab extends SideTab {
  constructor(page) {
    super(page, "Late guidance multiplies every channel of the map by α, which the sentence sets; a factor that all α share cancels in the norm (eq. 3).");
  }

  section(model, k) {
    const { page } = this;
    const setup = page.models[k];
    const alpha = floats(model.alpha);
    const marked = [...model.raised, ...model.lowered].map(({ channel }) => ({ at: channel, text: channel }));
    const all = floats(model.steps);
    const steps = Array.from({ length: all.length / setup.P }, (_, n) => all.subarray(n * setup.P, (n + 1) * setup.P));
    const changes = steps.slice(1).map((step, n) => step.map((score, p) => score - steps[n][p]));
    const scale = page.maps.scoreScale(steps), changeScale = scaleOf(changes.length ? changes : [[0]], true);
    const digits = digitsOf(changeScale.high);
    const best = (scores) => scores.reduce((found, score, p) => (score > scores[found] ? p : found), 0);
    const drawn = page.drawn[k];
    const bestSpan = (scores) => {
      const p = best(scores), step = page.view.duration / setup.N, { starts, ends } = page.geometries[k];
      return span(starts[p] * step, (ends[p] + 1) * step) + (drawn.iou ? `\nIoU ${drawn.iou[p].toFixed(2)}` : "");
    };
    const star = (scores) => [{ p: best(scores), sign: "★" }];
    const channels = (list, sign) => list.map(({ channel, alpha: a, weight, map }) => smallMap(page, k, floats(map), scaleOf([floats(map)]),
      `${sign} channel ${channel} · α ${plain(a)}\nweight ${signed(weight, 3)}\n${plain(Math.min(...floats(map)))} to ${plain(Math.max(...floats(map)))}`, star(drawn.scores)));
    const group = (title, cards) => node("div", {}, page.heading(2, title), node("div", { class: "lgn-cards" }, cards));
    return [
      page.heading(2, "α over the channels, with the ones raised and lowered most"),
      bars(page, Array.from(alpha), { reference: 1, marked, what: `α of ${alpha.length} channels`, name: (n) => `channel ${n}` }),
      node("div", { class: "lgn-groups" },
        group(`Scores where only the first 0 … ${steps.length - 1} modules depend on the sentence; the others get the mean α`, steps.map((step, n) =>
          smallMap(page, k, step, scale, `${n} module${n === 1 ? "" : "s"}\n${bestSpan(step)}`, star(step)))),
        group(`What each step changed (blue: higher, orange: lower; at most ±${changeScale.high.toFixed(digits)})`, changes.map((change, n) =>
          smallMap(page, k, change, changeScale, `module ${n + 1}\n${signed(Math.min(...change), digits)} to ${signed(Math.max(...change), digits)}`, star(steps[n + 1])))),
        group("Raised most, each channel's map; its weight says how it counts in the score", channels(model.raised, "▲")),
        group("Lowered most", channels(model.lowered, "▼"))),
    ];
  }
}

// -- early modulation --------------------------------------------------------------------------------------------------------

class EarlyTab extends SideTab {
  constructor(page) {
    super(page, "Early modulation multiplies every channel of the frame features by a gate, which the sentence sets; a gate of 1 changes nothing (eq. 2).");
  }

  section(model, k) {
    const { page } = this;
    const { duration } = page.view;
    return model.units.map((unit, n) => {
      const gate = Array.from(floats(unit.gate));
      const moved = Array.from(floats(unit.moved));
      const [before, after] = [floats(unit.before), floats(unit.after)];
      const scale = scaleOf([before, after], true);
      const order = moved.map((_, t) => t).sort((a, b) => moved[b] - moved[a]);
      const most = order.slice(0, 4).sort((a, b) => a - b);
      const time = (t) => ((t + 0.5) * duration) / unit.T;
      const marked = unit.channels.map((channel) => ({ at: channel, text: channel }));
      return node("section", { class: "lgn-unit" },
        page.heading(2, `Unit ${n + 1} of ${model.units.length}: gates, with the channels that change most over this video`),
        bars(page, gate, { reference: 1, marked, what: `Gates of ${gate.length} channels, unit ${n + 1}`, name: (c) => `channel ${c}` }),
        unit.shift ? [page.heading(2, "Shift"), bars(page, Array.from(floats(unit.shift)), { marked, what: `Shifts, unit ${n + 1}`, name: (c) => `channel ${c}` })] : null,
        node("div", { class: "lgn-heats" },
          heat(page, before, unit.channels, scale, "Their features before the unit, over time", duration),
          heat(page, after, unit.channels, scale, `After it (both: blue +${scale.high.toFixed(1)}, orange −${scale.high.toFixed(1)})`, duration)),
        page.heading(2, "How far each frame moves, ‖after − before‖ / ‖before‖"),
        bars(page, moved, {
          marked: most.map((t) => ({ at: t, text: `${seconds(time(t))} s` })), what: `How far each of ${unit.T} frames moves, unit ${n + 1}`,
          name: (t) => `${seconds(time(t))} s`,
        }),
        node("div", { class: "lgn-frames" }, most.map((t) => node("button", {
          type: "button", class: "lgn-frame", "data-time": time(t), "aria-label": `Show the frame at ${seconds(time(t))} seconds, moved by ${moved[t].toFixed(2)}`,
          click: () => page.player.seek(time(t)),
        }, this.picture(`${k} ${n} ${t}`), node("span", {}, `${seconds(time(t))} s · moved ${moved[t].toFixed(2)}`)))));
    });
  }

  draw(models) {
    super.draw(models);
    this.thumbnails();
  }

  show() {
    super.show();
    this.thumbnails();
  }

  /** The canvas of a frame, with its picture if it was taken before: another theme or width needs no other. */
  picture(name) {
    const { video } = this.page.view;
    if (this.pictures?.video !== video) this.pictures = { video };
    return (this.pictures[name] ??= node("canvas", { width: 96, height: 72, "aria-hidden": "true" }));
  }

  /** Pictures of the frames that move most, taken from a second video element that nobody sees. */
  async thumbnails() {
    const { view, model, player: { url } } = this.page;
    const frames = [...this.body.querySelectorAll(".lgn-frame:has(canvas:not([data-taken]))")];
    if (!url || !frames.length || model.get("video").name !== view.video || this.root.hidden) return;
    const run = (this.run = (this.run ?? 0) + 1);
    const video = node("video", { src: url, preload: "auto" });
    video.muted = true;
    const once = (event) => new Promise((done, failed) => {
      video.addEventListener(event, done, { once: true });
      video.addEventListener("error", failed, { once: true });
    });
    try {
      await once("loadeddata");
      for (const frame of frames) {
        video.currentTime = Number(frame.dataset.time);
        await once("seeked");
        if (run !== this.run) return;
        const canvas = frame.querySelector("canvas");
        canvas.height = Math.round((canvas.width * video.videoHeight) / video.videoWidth);
        canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
        canvas.dataset.taken = "";
      }
    } catch {
      // without pictures the buttons still show the times
    } finally {
      video.removeAttribute("src");
      video.load(); // gives the decoder back
    }
  }
}

// -- words -------------------------------------------------------------------------------------------------------------------

class WordsTab extends SideTab {
  constructor(page) {
    super(page, "Each word left out in turn: how the score of the whole sentence's prediction changes, and what is predicted then. " +
      "Above, any word can be replaced or left out for good.");
  }

  section(model, k) {
    const { page } = this;
    const { duration, ground_truth: groundTruth } = page.view;
    if (!model.effects.length) return node("p", { class: "lgn-note" }, "A sentence of one word has nothing to leave out.");
    const most = Math.max(...model.effects.map((effect) => Math.abs(effect.change)), 1e-6);
    const whole = page.drawn[k].predictions[0], digits = digitsOf(most);
    const overlap = (start, end) => Math.max(...groundTruth.map(([first, last]) => {
      const both = Math.max(0, Math.min(end, last) - Math.max(start, first));
      return both / (Math.max(end, last) - Math.min(start, first));
    }));
    return node("table", { class: "lgn-effects" },
      node("thead", {}, node("tr", {}, ["without", "change of the score", "prediction then (≠: another)", groundTruth ? "IoU (whole sentence’s)" : null].map((name, c) => name && node("th", { scope: "col", colspan: c === 1 && "2" }, name)))),
      node("tbody", {},
        node("tr", {}, node("th", { scope: "row" }, "nothing"), node("td", { class: "lgn-number" }, written(whole.score)), node("td"),
          node("td", {}, span(whole.start, whole.end)), groundTruth ? node("td", { class: "lgn-number" }, whole.iou.toFixed(2)) : null),
        model.effects.map(({ word, change, prediction }) => {
          const [start, end] = prediction.map((fraction) => fraction * duration);
          const other = Math.abs(start - whole.start) + Math.abs(end - whole.end) > 1e-3;
          return node("tr", {}, node("th", { scope: "row" }, word), node("td", { class: "lgn-number" }, signed(change, digits)),
            node("td", { class: "lgn-change" }, node("div", {
              class: change < 0 ? "lgn-less" : "lgn-more",
              style: `width:${(50 * Math.abs(change)) / most}%;${change < 0 ? "right" : "left"}:50%`,
            })),
            node("td", {}, node("button", {
              type: "button", class: "lgn-link", "aria-label": `Play the prediction without ${word}`,
              click: () => page.playMoment(start, end, `the prediction without “${word}”`),
            }, span(start, end)), other ? node("span", { title: "another prediction than the whole sentence's" }, " ≠") : ""),
            groundTruth ? node("td", { class: "lgn-number" }, overlap(start, end).toFixed(2)) : null);
        })));
  }
}

// -- all queries of the split: only the rows that can be seen are in the page ---------------------------------------------------

class QueriesTab {
  constructor(page) {
    this.page = page;
    this.sort = { column: "number", down: false };
    this.order = new Int32Array(0);
    this.active = 0; // the row that the keyboard is on
    this.pool = [];
    const redo = later(() => this.filter(), 80);
    const field = (key, label, attributes) => {
      this[key] = node("input", { "aria-label": label, input: () => redo(), ...attributes });
      return this[key];
    };
    const number = (key, label, step, max) => field(key, label, { type: "number", step, min: 0, max, class: "lgn-small-number" });
    this.kind = node("select", { "aria-label": "Caption kind", change: () => this.filter() });
    const range = (label, key, step, max) => node("span", { class: "lgn-range" }, label, number(`${key}Low`, `${label}, at least`, step, max), "–", number(`${key}High`, `${label}, at most`, step, max));
    this.iouModel = node("select", { "aria-label": "IoU of which model", change: () => this.filter() },
      page.models.map((model, k) => node("option", { value: k }, `IoU of ${model.name}`)));
    const folded = node("details", { class: "lgn-folded" }, (this.summary = node("summary")), node("div", { class: "lgn-filters" },
      this.kind, range("length, s", "length", 1, null),
      node("span", { class: "lgn-range" }, this.iouModel, number("iouLow", "IoU, at least", 0.1, 1), "–", number("iouHigh", "IoU, at most", 0.1, 1)),
      page.models.length > 1 ? node("span", { class: "lgn-range" }, "disagreement ≥", number("apart", "Disagreement, at least", 0.1, 1)) : null));
    this.filters = node("search", { "aria-label": "Filter the queries" },
      node("div", { class: "lgn-line" }, field("text", "Words in the sentence or the video's name", { type: "search", placeholder: "words or video", class: "lgn-find" }),
        node("button", { type: "button", class: "lgn-button", click: () => this.clear() }, "Clear")), folded);
    this.status = node("span", { class: "lgn-note", role: "status" });
    this.bar = node("progress", { max: 1, hidden: true, "aria-label": "Predictions for the split" });
    this.stop = node("button", { type: "button", class: "lgn-button", hidden: true, click: () => page.model.send({ predictions: this.running ? "stop" : "start" }) }, "Stop");
    const share = (key, label, what, value) => ({
      key, label, what, width: 78, value: (n) => value(n) ?? -1, text: (n) => value(n)?.toFixed(2) ?? "–", number: true, bar: (n) => value(n) ?? 0,
    });
    // widths in pixels; the sentence takes what is left, and what does not fit is scrolled to, head and rows together
    this.columns = [
      { key: "number", label: "#", what: "The query's number, counted from 0", width: 52, value: (n) => n, text: (n) => `${n}`, number: true },
      { key: "sentence", label: "sentence", what: TERMS.Query, width: 150, value: (n) => this.data.sentence[n], text: (n) => this.data.sentence[n] },
      ...page.models.map((model, k) => share(`iou${k}`, `IoU ${model.name}`, `IoU of the first prediction of ${model.name}. ${TERMS["Temporal IoU"]}`, (n) => this.ious[k]?.[n])),
      ...(page.models.length > 1 ? [share("apart", "disagree", TERMS.Disagreement, (n) => this.disagreement?.[n])] : []),
      { key: "start", label: "moment, s", what: TERMS["Ground truth"], width: 104, value: (n) => this.data.start[n], text: (n) => `${seconds(this.data.start[n])} – ${seconds(this.data.end[n])}`, number: true },
      { key: "length", label: "length", what: "Length of the ground truth, in seconds", width: 66, value: (n) => this.data.length[n], text: (n) => seconds(this.data.length[n]), number: true },
      { key: "words", label: "words", what: "Number of words of the sentence", width: 62, value: (n) => this.data.words[n], text: (n) => `${this.data.words[n]}`, number: true },
      { key: "kind", label: "kind", what: TERMS["Kind of sentence"], width: 92, value: (n) => this.data.kind[n], text: (n) => this.data.kind[n] },
    ];
    this.heads = this.columns.map((column) => node("div", { role: "columnheader", class: column.number ? "lgn-number" : "" },
      node("button", { type: "button", title: `${column.what}\n\nClick to sort.`, click: () => this.sortBy(column.key) }, column.label, node("span", { "aria-hidden": "true" }))));
    this.head = node("div", { role: "row", class: "lgn-table-head", "aria-rowindex": "1" }, this.heads);
    this.tall = node("div", { class: "lgn-tall", role: "rowgroup" });
    this.grid = node("div", {
      class: "lgn-table", role: "grid", tabindex: "0", "aria-label": "Queries of the split; Enter opens one",
      keydown: (event) => this.key(event), scroll: () => this.render(),
    }, node("div", { role: "rowgroup", class: "lgn-table-top" }, this.head), this.tall);
    this.cut = node("p", { class: "lgn-note", hidden: true }, `The first ${PRINTED} of these queries are printed.`);
    this.root = node("div", { class: "lgn-panel lgn-queries" }, this.filters, node("div", { class: "lgn-line" }, this.status, this.bar, this.stop), this.grid, this.cut);
    this.row = ROW.one;
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(this.grid);
  }

  load() {
    const table = this.page.model.get("table");
    const [start, end] = [floats(table.start) ?? [], floats(table.end) ?? []];
    this.data = { ...table, start, end, length: Array.from(end, (e, n) => e - start[n]), words: ints(table.words) ?? [] };
    this.count = table.count ?? 0;
    this.lower = Array.from({ length: this.count }, (_, n) => `${table.sentence[n]} ${table.video[n]}`.toLowerCase());
    const kinds = [...new Set(table.kind ?? [])].filter(Boolean).sort();
    this.kind.replaceChildren(node("option", { value: "" }, "all kinds"), ...kinds.map((kind) => node("option", { value: kind }, kind)));
    this.kind.hidden = !kinds.length;
    this.columns.find((column) => column.key === "kind").hidden = !kinds.length;
    this.loadPredictions();
  }

  loadPredictions() {
    const predictions = this.page.model.get("predictions");
    this.ious = (predictions.models ?? []).map((model) => model && floats(model.iou));
    this.disagreement = floats(predictions.disagreement);
    this.running = typeof predictions.progress === "number";
    this.bar.hidden = !this.running;
    if (this.running) this.bar.value = predictions.progress;
    this.stop.hidden = !this.running && predictions.message !== "stopped";
    this.stop.textContent = this.running ? "Stop" : "Resume";
    this.message = predictions.message ?? "";
    this.filter();
  }

  clear() {
    for (const input of this.filters.querySelectorAll("input")) input.value = "";
    this.kind.value = "";
    this.filter();
  }

  filter() {
    const text = this.text.value.trim().toLowerCase();
    const limit = (input, otherwise) => (input && input.value !== "" ? Number(input.value) : otherwise);
    const iou = this.ious[Number(this.iouModel.value)];
    const bounds = [
      [this.data.length, limit(this.lengthLow, -Infinity), limit(this.lengthHigh, Infinity)],
      [iou, limit(this.iouLow, -Infinity), limit(this.iouHigh, Infinity)],
      [this.disagreement, limit(this.apart, -Infinity), Infinity],
    ].filter(([values, low, high]) => values && (low > -Infinity || high < Infinity));
    const inUse = bounds.length + (this.kind.value !== "");
    this.summary.textContent = inUse ? `More filters (${inUse} in use)` : "More filters";
    const found = [];
    for (let n = 0; n < this.count; n++) {
      if (text && !this.lower[n].includes(text)) continue;
      if (this.kind.value && this.data.kind[n] !== this.kind.value) continue;
      if (bounds.every(([values, low, high]) => values[n] >= low - 1e-6 && values[n] <= high + 1e-6)) found.push(n);
    }
    const { value } = this.columns.find((column) => column.key === this.sort.column);
    const keys = new Map(found.map((n) => [n, value(n)]));
    const sign = this.sort.down ? -1 : 1;
    found.sort((a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      return x === y ? a - b : sign * (x < y ? -1 : 1);
    });
    this.order = Int32Array.from(found);
    this.position = new Map(found.map((n, row) => [n, row]));
    this.status.textContent = `${found.length.toLocaleString("en")} of ${this.count.toLocaleString("en")} queries${this.message ? ` · ${this.message}` : ""}`;
    this.grid.setAttribute("aria-rowcount", found.length + 1);
    this.active = clamp(this.active, 0, Math.max(found.length - 1, 0));
    this.heads.forEach((head, c) => {
      const here = this.columns[c].key === this.sort.column;
      head.setAttribute("aria-sort", here ? (this.sort.down ? "descending" : "ascending") : "none");
      head.querySelector("span").textContent = here ? (this.sort.down ? " ▼" : " ▲") : "";
      head.hidden = Boolean(this.columns[c].hidden);
    });
    const columns = this.columns.filter((column) => !column.hidden);
    this.grid.style.setProperty("--lgn-columns", columns.map(({ key, width }) => (key === "sentence" ? `minmax(${width}px, 1fr)` : `${width}px`)).join(" "));
    this.grid.style.setProperty("--lgn-least", `${columns.reduce((sum, { width }) => sum + width, 0)}px`);
    this.render();
  }

  sortBy(key) {
    this.sort = { column: key, down: this.sort.column === key ? !this.sort.down : false };
    this.filter();
  }

  /** Pixels of the grid that rows can be seen in. */
  get sight() {
    return this.grid.clientHeight - this.head.offsetHeight;
  }

  paint() {
    this.render();
  }

  /** Where the table is narrow, a sentence gets two lines. */
  fit() {
    const row = this.grid.clientWidth < 700 ? ROW.two : ROW.one;
    if (row === this.row) return this.render();
    this.row = row;
    this.grid.style.setProperty("--lgn-row", `${row}px`);
    this.grid.classList.toggle("lgn-two-lines", row === ROW.two);
    this.mark();
  }

  /** Put the rows in sight into the rows that there are, and make more only where the window has grown. */
  render() {
    if (this.root.hidden || !this.data) return;
    const { printed } = this.page;
    const first = printed ? 0 : Math.max(0, Math.floor(this.grid.scrollTop / this.row) - 3);
    const room = printed ? PRINTED : Math.ceil(this.sight / this.row) + 6;
    const needed = clamp(this.order.length - first, 0, room);
    this.tall.style.height = `${(printed ? needed : this.order.length) * this.row}px`;
    this.cut.hidden = !printed || needed === this.order.length;
    if (this.pool.length > 2 * room) this.pool.splice(room).forEach((row) => row.remove()); // after printing
    while (this.pool.length < needed) {
      const row = node("div", { role: "row", class: "lgn-table-row" }, this.columns.map((column) => node("div", { role: "gridcell", class: column.number ? "lgn-number" : "" }, column.key === "sentence" ? node("span") : null)));
      row.addEventListener("click", () => this.open(row.position));
      this.pool.push(row);
      this.tall.append(row);
    }
    const shown = this.page.view?.query;
    this.pool.forEach((row, r) => {
      row.hidden = r >= needed;
      if (row.hidden) return;
      const position = first + r, n = this.order[position];
      row.position = position;
      row.id = `${this.page.id}-row-${position}`;
      row.style.transform = `translateY(${position * this.row}px)`;
      row.setAttribute("aria-rowindex", position + 2);
      row.setAttribute("aria-selected", n === shown);
      row.classList.toggle("lgn-active", position === this.active);
      this.columns.forEach((column, c) => {
        const cell = row.children[c];
        cell.hidden = Boolean(column.hidden);
        const text = column.text(n);
        if (column.key === "sentence") {
          cell.title = text;
          cell.firstChild.textContent = text;
        } else cell.textContent = column.key === "number" && n === shown ? `▶ ${text}` : text;
        if (column.bar) cell.style.setProperty("--lgn-share", `${100 * column.bar(n)}%`);
        cell.classList.toggle("lgn-share", Boolean(column.bar));
      });
    });
    if (this.active >= first && this.active < first + needed) this.grid.setAttribute("aria-activedescendant", `${this.page.id}-row-${this.active}`);
    else this.grid.removeAttribute("aria-activedescendant"); // that row is not in the page
  }

  show() {
    this.mark();
  }

  /** Show the query of the page among the rows. */
  mark() {
    const row = this.position?.get(this.page.view?.query);
    if (row !== undefined) this.goTo(row);
    else this.render();
  }

  goTo(row) {
    this.active = row;
    const { scrollTop } = this.grid;
    if (row * this.row < scrollTop) this.grid.scrollTop = row * this.row;
    else if ((row + 1) * this.row > scrollTop + this.sight) this.grid.scrollTop = (row + 1) * this.row - this.sight;
    this.render();
  }

  open(row) {
    this.goTo(row);
    this.page.set("query", this.order[row]);
  }

  key(event) {
    if (event.target !== this.grid) return; // the heads are buttons
    const page = Math.max(1, Math.floor(this.sight / this.row) - 1);
    const by = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity }[event.key];
    if (by !== undefined) this.goTo(clamp(this.active + by, 0, Math.max(this.order.length - 1, 0)));
    else if (event.key === "Enter" || event.key === " ") this.order.length && this.open(this.active);
    else if (event.key === "n" || event.key === "p") this.page.step(event.key === "n" ? 1 : -1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The query after (or before) one in the order of the table; null at its ends. */
  neighbour(query, by) {
    if (!this.order.length) return null;
    const row = this.position.get(query);
    if (row === undefined) return this.order[0];
    return this.order[row + by] ?? null;
  }
}

// -- a video of one's own, and what to know before believing a prediction -----------------------------------------------------

class Notices {
  constructor(page) {
    this.page = page;
    this.list = node("div");
    this.root = node("div", { role: "note", "aria-label": "Notices", class: "lgn-notices" }, page.chooser.status, this.list);
  }

  show() {
    const notices = [...this.page.setup.notices, ...(this.page.view.notices ?? [])];
    this.list.replaceChildren(...notices.map((notice) => node("p", { class: "lgn-notice" }, notice)));
  }
}

/** A file of the visitor's goes to the process in parts; `upload` says how many bytes are there, which asks for the next part. */
class VideoChooser {
  constructor(page) {
    this.page = page;
    this.own = node("button", { type: "button", class: "lgn-button", click: () => page.set("query", -1) }, "Your video");
    this.input = node("input", {
      type: "file", accept: "video/*,.mkv,.avi", change: () => {
        this.send(this.input.files[0]);
        this.input.value = ""; // so that the same file can be chosen again
      },
    });
    this.root = node("span", { class: "lgn-chooser" }, this.own, node("label", {
      class: "lgn-button lgn-file", title: `Or drop a file on the inspector; at most ${page.setup.upload.limit / 1e6} MB`,
    }, this.input, "Choose a video …"));
    this.text = node("span");
    this.bar = node("progress", { "aria-label": "The video file on its way" });
    this.stop = node("button", { type: "button", class: "lgn-button", click: () => this.end("", Boolean(this.file)) }, "Cancel");
    this.status = node("p", { class: "lgn-notice lgn-upload", role: "status", hidden: true }, this.text, this.bar, this.stop);
    const dropped = (event) => event.dataTransfer?.types.includes("Files");
    for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
      page.root.addEventListener(type, (event) => {
        if (!dropped(event)) return;
        event.preventDefault();
        page.root.classList.toggle("lgn-drop", type === "dragenter" || type === "dragover");
        if (type === "drop") this.send(event.dataTransfer.files[0]);
      });
    }
    this.show();
  }

  show() {
    this.own.hidden = !this.page.setup.own || !this.page.setup.splits.length;
  }

  send(file) {
    if (!file) return;
    if (this.file) this.end("", true);
    const { limit } = this.page.setup.upload;
    const size = `${(file.size / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
    if (file.size > limit) return this.end(`${file.name} has ${size}, of at most ${limit / 1e6} MB: cut it or make it smaller.`);
    this.file = file;
    this.number = Math.random().toString(36).slice(2);
    this.tell(`${file.name}: being sent …`, 0);
    this.page.model.send({ upload: "begin", number: this.number, name: file.name, size: file.size });
  }

  /** What the process says of the file. */
  async proceed() {
    const { number, state, received, message } = this.page.model.get("upload");
    const { file } = this;
    if (!file || number !== this.number) return;
    if (state === "failed") this.end(message);
    else if (state === "reading") this.tell(`${file.name}: its pictures are being read …`, null);
    else if (state === "ready") this.page.model.send({ upload: "show", number });
    else if (state === "shown") {
      this.end("");
      this.page.sentence.whole.focus();
    } else if (state === "receiving") {
      this.tell(`${file.name}: ${Math.floor((100 * received) / file.size)} % sent …`, received / file.size);
      try {
        const part = await file.slice(received, received + this.page.setup.upload.part).arrayBuffer();
        if (this.file === file) this.page.model.send({ upload: "part", number, at: received }, undefined, [part]);
      } catch {
        if (this.file === file) this.end(`${file.name} cannot be read; choose it again.`, true);
      }
    }
  }

  tell(text, share) {
    this.text.textContent = text;
    this.bar.hidden = share === undefined;
    this.stop.textContent = share === undefined ? "Dismiss" : "Cancel";
    if (typeof share === "number") this.bar.value = share;
    else this.bar.removeAttribute("value"); // at work, for an unknown time
    this.status.hidden = !text;
  }

  end(text, cancel = false) {
    if (cancel) this.page.model.send({ upload: "cancel", number: this.number });
    this.file = null;
    this.tell(text);
  }
}

export default {
  render({ model, el }) {
    const page = new Page(model, el);
    return () => page.destroy();
  },
};
