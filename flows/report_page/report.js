"use strict";
(() => {
  const key = (row, n) => {
    const cell = row.cells[n];
    return cell.dataset.sort ?? cell.textContent.trim();
  };
  const compare = (a, b) => {
    const x = Number(a), y = Number(b);
    if (a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    if ((a === "") !== (b === "")) return a === "" ? -1 : 1;
    return a.localeCompare(b);
  };
  for (const table of document.querySelectorAll("table")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, n) => {
      head.querySelector("button").addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending" ||
          (head.getAttribute("aria-sort") === "none" && table.tBodies[0].rows[0]?.cells[n].classList.contains("n"));
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => compare(key(a, n), key(b, n)) * (down ? -1 : 1));
        table.tBodies[0].append(...rows);
      });
    });
  }
  for (const input of document.querySelectorAll("input[data-table]")) {
    const table = document.getElementById(input.dataset.table);
    input.addEventListener("input", () => {
      const wanted = input.value.toLowerCase();
      for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
  }
  const source = document.getElementById("specs");
  if (!source || !window.vegaEmbed) return;
  const specs = JSON.parse(source.textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paper = window.matchMedia("print");
  const draw = () => {
    const ink = dark.matches && !paper.matches ? "#d5d8dc" : "#333333";
    const line = dark.matches && !paper.matches ? "#3a3f45" : "#dddddd";
    const config = {
      view: { stroke: "transparent" },
      axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line },
      legend: { labelColor: ink, titleColor: ink, orient: "bottom", columns: 4 },
      font: "system-ui, sans-serif",
    };
    for (const place of document.querySelectorAll("[data-chart]")) {
      window.vegaEmbed(place, specs[place.dataset.chart], { actions: false, ast: true, renderer: "svg", config })
        .catch((error) => { place.textContent = "This chart could not be drawn: " + error.message; });
    }
  };
  draw();
  dark.addEventListener("change", draw);
})();
