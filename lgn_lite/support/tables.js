// A click on a column's name sorts by it, another one the other way; cells that hold nothing come last
for (const table of document.querySelectorAll("table.sorts")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  for (const [n, head] of heads.entries()) head.firstElementChild.onclick = () => {
    const sign = head.ariaSort === "ascending" ? -1 : 1;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const text = (row) => row.cells[n].textContent, number = (row) => Number(row.cells[n].dataset.n ?? NaN);
    const compare = (a, b) => number(a) - number(b) || text(a).localeCompare(text(b), undefined, { numeric: true });
    body.append(...[...body.rows].sort((a, b) => !text(a) - !text(b) || sign * compare(a, b)));
  };
}
