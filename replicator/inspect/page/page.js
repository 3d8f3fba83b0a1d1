"use strict";
document.documentElement.classList.add("js");
const field = (id) => document.getElementById(id);
const columns = [...document.querySelectorAll(".matrix thead th")].slice(1);
const rows = [...document.querySelectorAll(".matrix tbody tr")];
const sources = [...document.querySelectorAll("details")]; // in the order of the columns

// matcher returns a function that reports whether a text has all words of a field.
function matcher(id) {
  const words = field(id).value.toLowerCase().split(/\s+/).filter(Boolean);
  return (text) => words.every((word) => text.toLowerCase().includes(word));
}

// apply shows the sources and namespaces that are asked for, and of these the ones that have a target in the state.
function apply() {
  const isSource = matcher("source"), isNamespace = matcher("namespace"), letter = field("state").value;
  const wanted = sources.map((s) => isSource(s.dataset.source)), found = wanted.map(() => false);
  columns.forEach((th, i) => { th.hidden = !wanted[i]; });
  for (const row of rows) {
    const [head, ...cells] = row.cells, named = isNamespace(head.textContent);
    row.hidden = true;
    cells.forEach((cell, i) => {
      if (cell.hidden === wanted[i]) cell.hidden = !wanted[i];
      if (!named || !wanted[i] || !cell.textContent || !cell.textContent.includes(letter)) return;
      row.hidden = false;
      found[i] = true;
    });
  }
  const all = !letter && !field("namespace").value.trim();
  sources.forEach((s, i) => {
    s.hidden = !wanted[i] || !(all || found[i]);
    for (const row of s.querySelectorAll("tbody tr")) {
      row.hidden = !isNamespace(row.dataset.namespace) || !row.dataset.letter.includes(letter);
    }
  });
  field("shown").value = `Namespaces: ${rows.filter((r) => !r.hidden).length}, ` +
    `sources: ${sources.filter((s) => !s.hidden).length}`;
}

for (const id of ["namespace", "source", "state"]) field(id).addEventListener("input", apply);
apply();
