// Light or dark: the reader's choice, else the system's
const root = document.documentElement;
const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
root.dataset.theme = remembered() || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
document.getElementById("theme").onclick = () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* a page opened as a file may not */ }
};

// The search: sections that hold every word, those with words in their heading first
const field = document.getElementById("search");
const found = document.getElementById("found");
const plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
for (const section of INDEX) {
  section.head = plain(section.heading + " " + section.page);
  section.all = section.head + " " + plain(section.text);
}

function search(query) {
  const words = plain(query).split(/\s+/).filter(Boolean);
  const hits = INDEX.filter((section) => words.every((word) => section.all.includes(word)));
  const weight = (section) => words.reduce((sum, word) =>
    sum + 20 * section.head.includes(word) + Math.min(section.all.split(word).length - 1, 10), 0);
  return hits.map((section) => [weight(section), section]).sort((a, b) => b[0] - a[0]).slice(0, 20)
    .map(([, section]) => [section, snippet(section.text, words)]);
}

function snippet(text, words) {
  const at = Math.max(0, plain(text).indexOf(words[0]));
  const from = Math.max(0, at - 60);
  return (from ? "… " : "") + text.slice(from, at + 140) + " …";
}

function marked(element, text, words) {  // text nodes and <mark>, never HTML from a notebook
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  for (const part of text.split(new RegExp(`(${escaped})`, "gi"))) {
    const isWord = words.includes(plain(part));
    const node = isWord ? document.createElement("mark") : document.createTextNode(part);
    if (isWord) node.textContent = part;
    element.append(node);
  }
}

field.oninput = () => {
  const words = plain(field.value).split(/\s+/).filter(Boolean);
  found.replaceChildren();
  found.hidden = !words.length;
  if (!words.length) return;
  const hits = search(field.value);
  for (const [section, text] of hits) {
    const link = document.createElement("a");
    link.href = section.url;
    marked(link, `${section.page} · ${section.heading}`, words);
    const small = document.createElement("small");
    marked(small, text, words);
    link.append(small);
    link.onclick = () => { found.hidden = true; };
    found.append(link);
  }
  if (!hits.length) found.append(Object.assign(document.createElement("p"), { textContent: "nothing found" }));
};
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement.tagName !== "INPUT") { event.preventDefault(); field.focus(); }
  if (event.key === "Escape") { found.hidden = true; field.blur(); }
});
document.addEventListener("click", (event) => {
  if (!found.contains(event.target) && event.target !== field) found.hidden = true;
});
