// How much is asked and how fast it is answered; and how the upstreams do.

import { line } from "./charts.js";
import { $, el, keyed, say, show } from "./dom.js";
import { chip, duration, latency, many, percent, rate } from "./words.js";

const TILES = [
  ["rate", "Queries per second", rate],
  ["hit_rate", "Cache hit rate", percent],
  ["p50", "Median time", latency],
  ["p99", "99th percentile", latency],
];

const tiles = TILES.map(([key, title, words]) => {
  const value = el("dd", { text: "–" });
  const drawn = line();
  return { key, words, value, drawn, node: el("div", {}, el("dt", { text: title }), value, drawn.node) };
});

export function wire() {
  $("tiles").append(...tiles.map((tile) => tile.node));
}

export function learnFigures(figures) {
  if (!figures.all) return;
  say($("traffic-window"), figures.is_since_start ? "since the start" : `last ${duration(figures.seconds)}`);
  for (const { key, words, value } of tiles) {
    const is = figures.all[key];
    say(value, is === null ? "–" : words(is));
  }
  if (figures.looked !== looked && figures.last.length) points.push(...figures.last);
  looked = figures.looked;
  draw();
  keyed($("traffic"), figures.environments, (one) => one.environment, trafficRow);
}

// What came in each of the last seconds; the server tells it once, then it goes on here.
let points = [];
let looked = null;

export function learnHistory(history) {
  points = history.points;
  draw();
}

function draw() {
  points = points.slice(-90);
  tiles.forEach(({ drawn }, index) => drawn.set(points.map((point) => point[index])));
}

function trafficRow(first) {
  const cells = TILES.map(() => el("td", { class: "number" }));
  const node = el("tr", {}, el("th", { scope: "row", text: first.environment }), ...cells);
  const update = (one) => TILES.forEach(([key, , words], index) => say(cells[index], one[key] === null ? "–" : words(one[key])));
  return { node, update };
}

export function learnUpstreams({ upstreams }) {
  show($("no-upstreams"), upstreams.length === 0);
  const sorted = [...upstreams].sort((a, b) => Number(a.up) - Number(b.up));
  keyed($("upstreams"), sorted, (one) => `${one.environment} ${one.upstream}`, upstream);
}

function upstream(first) {
  const state = chip();
  const time = el("span", { class: "number" });
  const about = el("span", { class: "quiet small about" });
  const node = el("li", {}, state.node, el("span", { class: "name", text: first.upstream }), el("span", { class: "quiet", text: first.environment }), time, about);
  const update = (one) => {
    state.set(one.up ? (one.suspect ? "suspect" : "up") : "down", one.up && one.suspect ? "late" : one.up ? "up" : "down");
    say(time, one.latency === null ? "" : latency(one.latency));
    const failures = Object.entries(one.failures).map(([reason, count]) => `${count} ${reason}`).join(", ");
    say(about, [many(one.replies, "reply", "replies"), failures].filter(Boolean).join(" · "));
  };
  return { node, update };
}
