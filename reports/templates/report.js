"use strict";
(function () {
  function value(row, column) {
    var cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
  }
  function compare(a, b, sign) {
    if (typeof a === "number" && typeof b === "number") {
      // what has no number comes last, whichever way the others go
      return isNaN(a) || isNaN(b) ? isNaN(a) - isNaN(b) : sign * (a - b);
    }
    return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
  }
  function sortBy(table, heading) {
    var falling = heading.getAttribute("aria-sort") === "ascending";
    table.querySelectorAll("thead th[aria-sort]").forEach(function (th) { th.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    // each metric is sorted for itself, below its own heading
    Array.from(table.tBodies).forEach(function (body) {
      Array.from(body.rows).slice(1)
        .map(function (row, place) { return { row: row, key: value(row, heading.cellIndex), place: place }; })
        .sort(function (a, b) { return compare(a.key, b.key, falling ? -1 : 1) || a.place - b.place; })
        .forEach(function (entry) { body.appendChild(entry.row); });
    });
  }
  document.querySelectorAll("table.rows").forEach(function (table) {
    table.querySelectorAll("thead th[data-sort]").forEach(function (heading) {
      var button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", function () { sortBy(table, heading); });
    });
  });
  var tools = document.querySelector(".tools");
  if (tools) {
    var text = tools.querySelector("input"), verdict = tools.querySelector("select"), said = tools.querySelector("output");
    var models = Array.from(document.querySelectorAll("#rows details.model"));
    var folded = models.map(function (model) { return !model.open; });
    var filter = function () {
      var wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean), shown = 0, all = 0;
      var active = wanted.length > 0 || verdict.value !== "";
      models.forEach(function (model, place) {
        var name = model.querySelector("summary b").textContent.toLowerCase() + " ", before = shown;
        model.querySelectorAll("tbody tr:not(.g)").forEach(function (row) {
          var content = active ? name + row.textContent.toLowerCase() : "";
          var verdicts = (row.dataset.v || row.cells[0].dataset.v).split(" ");
          var fits = (!verdict.value || verdicts.includes(verdict.value)) &&
            wanted.every(function (word) { return content.includes(word); });
          row.hidden = !fits;
          all += 1;
          shown += fits ? 1 : 0;
        });
        model.querySelectorAll("tbody").forEach(function (body) {
          body.hidden = !Array.from(body.rows).some(function (row) { return !row.hidden && row.className !== "g"; });
        });
        model.querySelectorAll("table").forEach(function (table) {
          table.hidden = Array.from(table.tBodies).every(function (body) { return body.hidden; });
        });
        model.hidden = active && shown === before;
        model.open = active || !folded[place];
      });
      said.textContent = shown + " of " + all + " rows";
    };
    tools.addEventListener("input", filter);
    tools.addEventListener("submit", function (event) { event.preventDefault(); });
    tools.hidden = false;
    filter();
  }
  function reveal() {
    var target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    var closed = target && target.closest("details:not([open])");
    if (target && target.closest("[hidden]") && tools) { tools.reset(); filter(); }
    if (closed) { closed.open = true; target.scrollIntoView(); }
  }
  window.addEventListener("hashchange", reveal);
  reveal();
})();
