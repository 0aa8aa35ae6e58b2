// Colours: as the system's until the reader chooses; the page's head has read `choice` and made the first decision
const root = document.documentElement;
const themeButton = document.getElementById("theme");
const COLOURS = { light: "☀ Light", dark: "☾ Dark" };

function showTheme() {
  const system = systemDark.matches ? "dark" : "light";
  const opposite = system === "dark" ? "light" : "dark";
  root.dataset.theme = choice ?? system;
  const next = { null: opposite, [opposite]: system, [system]: null }[choice];  // so that the first click is seen
  themeButton.textContent = COLOURS[choice] ?? "◐ Auto";
  themeButton.title = `Colours: ${choice ?? `as the system (${system})`}. Click for ${next ?? "those of the system"}.`;
  themeButton.onclick = () => {
    choice = next;
    try {
      if (next) localStorage.setItem("theme", next);
      else localStorage.removeItem("theme");
    } catch { /* a page opened as a file may not */ }
    showTheme();
  };
}
systemDark.onchange = showTheme;
showTheme();

// The two navigations: columns of a wide page, else popovers
const notebooks = document.getElementById("notebooks");
const contents = document.getElementById("contents");
function showCurrent(nav) {  // in its own box: scrollIntoView would scroll the page too
  const current = nav.querySelector("[aria-current]");
  if (!current) return;
  const box = nav.getBoundingClientRect(), link = current.getBoundingClientRect();
  if (link.top < box.top || link.bottom > box.bottom) nav.scrollTop += link.top - box.top - box.height / 3;
}
for (const nav of [notebooks, contents].filter(Boolean)) {
  nav.addEventListener("toggle", () => showCurrent(nav));
  nav.addEventListener("click", (event) => {
    if (event.target.closest("a") && nav.matches(":popover-open")) nav.hidePopover();
  });
}
showCurrent(notebooks);

// The current section: the last heading above a line, which moves down to the page's end along with the reader
if (contents) {
  const links = [...contents.querySelectorAll("a")];
  const headings = links.map((link) => document.getElementById(link.getAttribute("href").slice(1)));
  let pending = false;
  const mark = () => {
    pending = false;
    const left = root.scrollHeight - scrollY - innerHeight;
    const line = Math.max(innerHeight / 4, innerHeight - left);
    const tops = headings.map((heading) => heading.getBoundingClientRect().top);
    const target = headings.findIndex((heading) => location.hash === `#${heading.id}`);
    // A section that was jumped to; near the page's end it need not reach the top
    const jumped = tops[target] >= 0 && tops[target] < (left < 2 ? innerHeight : innerHeight / 4);
    const current = jumped ? target : tops.findLastIndex((top) => top < line);
    for (const link of links) link.removeAttribute("aria-current");
    links[current]?.setAttribute("aria-current", "true");
    showCurrent(contents);
  };
  const soon = () => { if (!pending) { pending = true; requestAnimationFrame(mark); } };
  addEventListener("hashchange", soon);
  addEventListener("scroll", soon, { passive: true });
  addEventListener("resize", soon);
  mark();
}

// Code: a button that copies it, and one that unfolds what is long
const FOLDED = 25;  // lines

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {  // not allowed, or not there: a page that is neither local nor https
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

function button(className, text, onclick) {
  return Object.assign(document.createElement("button"), { type: "button", className, textContent: text, onclick });
}

for (const pre of document.querySelectorAll("main pre")) {
  const text = pre.textContent.replace(/\n$/, "");
  const lines = text.split("\n").length, isOutput = pre.closest(".outputs");
  if (isOutput && lines <= FOLDED) continue;
  const box = document.createElement("div");
  box.className = "copyable";
  pre.replaceWith(box);
  box.append(pre);
  if (!isOutput) {
    const copying = button("copy", "Copy", async () => {
      copying.textContent = (await copy(text)) ? "Copied" : "Not allowed";
      setTimeout(() => { copying.textContent = "Copy"; }, 2000);
    });
    box.append(copying);
  }
  if (lines > FOLDED) {
    const fold = (folded) => {
      pre.classList.toggle("folded", folded);
      folding.setAttribute("aria-expanded", !folded);
      folding.textContent = folded ? `Show all ${lines} lines` : "Show less";
    };
    const folding = button("fold", "", () => fold(!pre.classList.contains("folded")));
    fold(true);
    box.append(folding);
  }
}

// The search. Of each section, its heading, prose and code are lists of words; a hit has every word that was typed.
// Phrases come first, then whole words and beginnings of words, each in headings, prose and code; then parts of words.
const FIELDS = { heading: 3, prose: 2, code: 1, page: 0.5 };
const WHOLE = 6, START = 4, PART = 1;  // a part in a heading is less than a beginning in code
const SHOWN = 20;
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const wordsOf = (text) => [...text.matchAll(/[\p{L}\p{N}\p{M}]+/gu)]
  .map(({ 0: found, index }) => ({ word: plain(found), at: index, end: index + found.length }));
const kind = (word, typed) => word === typed ? WHOLE : word.startsWith(typed) ? START : word.includes(typed) ? PART : 0;

function phraseAt(words, typed) {  // where all that was typed is in a row; the last word may be unfinished
  return words.findIndex((_, i) => typed.every((each, j) => {
    const found = kind(words[i + j]?.word ?? "", each);
    return found === WHOLE || (found === START && j === typed.length - 1);
  }));
}

function match(section, typed) {
  section.words ??= Object.fromEntries(Object.keys(FIELDS).map((name) => [name, wordsOf(section[name])]));
  const kinds = typed.map(() => 0);  // of each typed word the best in the section
  const points = typed.map(() => 0);
  let phrase = 0, count = 0, shown = "prose", most = 0;
  for (const [name, weight] of Object.entries(FIELDS)) {
    const words = section.words[name];
    let here = 0;
    typed.forEach((each, i) => {
      const best = words.reduce((most, { word }) => Math.max(most, kind(word, each)), 0);
      kinds[i] = Math.max(kinds[i], best);
      points[i] = Math.max(points[i], best * weight);
      here += best;
    });
    const row = typed.length > 1 && name !== "page" && phraseAt(words, typed) >= 0;
    if (row) phrase = Math.max(phrase, weight);
    if (name === "prose" || name === "code") {
      const value = here + 100 * row;
      if (value > most) [most, shown] = [value, name];
      count += words.filter(({ word }) => typed.some((each) => kind(word, each) >= START)).length;
    }
  }
  if (!kinds.every(Boolean)) return null;
  const heading = section.words.heading;  // among equals: one that begins with it, a page's title, a short one
  const covered = heading.filter(({ word }) => typed.some((each) => kind(word, each) >= START)).length;
  const score = 100 * phrase + points.reduce((a, b) => a + b) + (phraseAt(heading, typed) === 0)
    + (covered > 0 && section.heading === section.page) + covered / (heading.length || 1) + Math.min(count, 99) / 1000;
  return { section, score, kinds, shown };
}

function isHit(words, typed, { kinds }) {  // which of a text's words to mark: of each typed word the best that is there
  const best = typed.map((each) => words.reduce((most, { word }) => Math.max(most, kind(word, each)), 0));
  const counts = best.map((found, i) => found > PART || (found === PART && kinds[i] === PART));
  return ({ word }) => typed.some((each, i) => counts[i] && kind(word, each) === best[i]);
}

function snippet(hit, typed) {  // around the phrase, else around the first word to be marked
  const text = hit.section[hit.shown], words = hit.section.words[hit.shown];
  const phrase = phraseAt(words, typed);
  const first = phrase >= 0 ? phrase : Math.max(0, words.findIndex(isHit(words, typed, hit)));
  const from = words[Math.max(0, first - 8)]?.at ?? 0;
  const to = words[Math.min(words.length - 1, first + 20)]?.end ?? 0;
  return (from > 0 ? "… " : "") + text.slice(from, to) + (to < text.trimEnd().length ? " …" : "");
}

function marked(element, text, hit, typed) {  // text nodes and <mark> of whole words, never HTML from a notebook
  const words = wordsOf(text);
  let done = 0;
  for (const { at, end } of words.filter(isHit(words, typed, hit))) {
    const mark = Object.assign(document.createElement("mark"), { textContent: text.slice(at, end) });
    element.append(text.slice(done, at), mark);
    done = end;
  }
  element.append(text.slice(done));
  return element;
}

const field = document.getElementById("search");
const found = document.getElementById("found");
const list = document.getElementById("hits");
const said = found.querySelector("[role=status]");
let active = -1;  // of the hits, the one that the arrows have reached

function activate(i) {
  list.children[active]?.setAttribute("aria-selected", "false");
  active = i;
  const option = list.children[i];
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) field.setAttribute("aria-activedescendant", option.id);
  else field.removeAttribute("aria-activedescendant");
}

function showList(yes) {
  found.hidden = !yes;
  field.setAttribute("aria-expanded", yes && list.children.length > 0);
  if (!yes) activate(-1);
}

function search() {
  const typed = wordsOf(field.value).map(({ word }) => word);
  const hits = typed.length ? INDEX.map((section) => match(section, typed)).filter(Boolean) : [];
  hits.sort((a, b) => b.score - a.score);
  activate(-1);
  list.replaceChildren(...hits.slice(0, SHOWN).map((hit, i) => {
    const { heading, page, url } = hit.section;
    const option = Object.assign(document.createElement("a"), { id: `hit-${i}`, href: url, tabIndex: -1 });
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    const part = (name, text) => marked(document.createElement(name), text, hit, typed);
    option.append(part("b", heading), ...(heading === page ? [] : [" ", part("i", page)]));
    option.append(part(hit.shown === "code" ? "code" : "small", snippet(hit, typed)));
    return option;
  }));
  list.hidden = !hits.length;
  said.textContent = !hits.length ? "nothing found" : hits.length > SHOWN
    ? `the first ${SHOWN} of ${hits.length} sections` : `${hits.length} section${hits.length > 1 ? "s" : ""}`;
  showList(field.value.trim() !== "");
}

field.oninput = search;
field.onfocus = () => { if (field.value.trim()) search(); };
field.onkeydown = (event) => {
  const count = list.children.length;
  if (event.key === "Escape") {
    if (found.hidden) field.blur();
    showList(false);
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count) {
    if (found.hidden) search();
    else if (event.key === "ArrowDown") activate((active + 1) % count);
    else activate(active > 0 ? active - 1 : count - 1);
  } else return;
  event.preventDefault();
};
document.getElementById("searching").onsubmit = (event) => {
  event.preventDefault();
  list.children[Math.max(active, 0)]?.click();
};
list.onclick = () => { showList(false); field.blur(); };
found.onmousedown = (event) => event.preventDefault();  // the field keeps its focus, the list stays until the click
field.onblur = () => showList(false);
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing) return;
  event.preventDefault();
  field.focus();
  field.select();
});
