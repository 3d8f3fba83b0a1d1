"use strict";
document.documentElement.classList.add("js");
const text = document.getElementById("search"), state = document.getElementById("state");
function apply() {
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean), wanted = state.value;
  for (const row of document.querySelectorAll("[data-text]")) {
    const has = words.every((w) => row.dataset.text.toLowerCase().includes(w));
    const in_ = !wanted || row.dataset.states.split(" ").includes(wanted);
    row.classList.toggle("hide", !(has && in_));
  }
}
text.addEventListener("input", apply);
state.addEventListener("change", apply);
