// What has happened, the newest first.

import { $, el, keyed, show } from "./dom.js";
import { age, chip } from "./words.js";

const FEW = 12;
const SIGNS = {
  normal: "up", drain: "draining", accepted: "up", refused: "down", lost: "down",
  answers: "up", frozen: "suspect", thawed: "up", hung: "suspect", working: "up",
};

let known = [];
let most = FEW;

export function learn({ events }) {
  known = events;
  render();
}

function render() {
  show($("no-events"), known.length === 0);
  keyed($("events"), known.slice(0, most), (event) => event.id, row);
  show($("more-events"), known.length > most);
}

function row(event) {
  const state = chip();
  const word = event.word ?? event.kind;
  state.set(SIGNS[word] ?? word, word);
  const time = age("quiet small");
  time.set(event.at, "", " ago");
  const problems = event.problems.length ? el("pre", { text: event.problems.join("\n") }) : null;
  const where = event.environment ? el("span", { class: "quiet small", text: event.environment === "-" ? "shared" : event.environment }) : null;
  const node = el("li", {}, el("span", { class: "line-of" }, state.node, where, time.node), el("span", { text: event.text }), problems);
  return { node, update() {} };
}

export function wire() {
  $("more-events").addEventListener("click", () => {
    most = Infinity;
    render();
  });
}
