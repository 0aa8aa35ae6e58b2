// plotly's figures: the data are in a script element behind each box. A figure is as wide as there is room, and on paper
// it is a picture. plotly's own bar offers to upload a figure to its company's server; the course offers no such thing.
const config = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "" };
for (const box of document.querySelectorAll("div.plotly")) {
  const { data, layout } = JSON.parse(box.nextElementSibling.textContent);
  const paper = Object.assign(new Image(), { className: "paper", alt: box.getAttribute("aria-label") });
  const { width = 800, height = 450 } = layout;
  box.after(paper);
  Plotly.newPlot(box, data, { ...layout, width: undefined, autosize: true }, config)
    .then(() => Plotly.toImage(box, { format: "svg", width, height }))
    .then((picture) => { paper.src = picture; });
}

// What is wider than its box scrolls there, by the keyboard too
const KINDS = { PRE: "code or output", TABLE: "table", DIV: "formula" };
const scrolling = new ResizeObserver((entries) => entries.forEach(({ target: box }) => {
  const wide = box.scrollWidth > box.clientWidth;
  const kind = KINDS[(box.firstElementChild?.tagName === "TABLE" ? box.firstElementChild : box).tagName];
  for (const [name, value] of Object.entries({ tabindex: "0", role: "group", "aria-label": `${kind}, scrolls` })) {
    if (wide) box.setAttribute(name, value);
    else box.removeAttribute(name);
  }
}));
for (const box of document.querySelectorAll("pre, .scrolls")) scrolling.observe(box);
