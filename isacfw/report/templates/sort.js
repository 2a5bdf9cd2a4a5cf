for (const table of document.querySelectorAll("table.isacfw-table:has(thead button):not([data-ready])")) {
  table.dataset.ready = "";
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const order = (one, other) => {
      const [a, b] = [one, other].map(row => row.cells[column]);
      if (!("key" in a.dataset)) return sign * a.textContent.localeCompare(b.textContent, undefined, {numeric: true});
      // Missing numbers stay at the end.
      if (!a.dataset.key || !b.dataset.key) return !a.dataset.key - !b.dataset.key;
      return sign * (a.dataset.key - b.dataset.key);
    };
    body.append(...[...body.rows].sort(order));
  }));
}
