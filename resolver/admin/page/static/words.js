// Numbers, times and states in words.

import { el, say } from "./dom.js";

let ahead = 0; // seconds that the server's clock is ahead of this one

export function setClock(epoch) {
  ahead = epoch - Date.now() / 1000;
}

export const now = () => Date.now() / 1000 + ahead;

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function latency(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.001) return `${round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${round(seconds * 1e3)} ms`;
  return `${round(seconds)} s`;
}

const round = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

export function rate(value) {
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export const whole = (value) => value.toLocaleString("en-US");

export const percent = (part) => (part === null || part === undefined ? "–" : `${(100 * part).toFixed(1)} %`);

export const many = (count, one, more = `${one}s`) => `${whole(count)} ${count === 1 ? one : more}`;

export function clock(epoch) {
  return new Date(epoch * 1000).toLocaleTimeString("en-GB");
}

// A time that is shown as its distance and kept so.
export function age(className = "") {
  const node = el("time", { class: `age ${className}`.trim() });
  return {
    node,
    set(epoch, before = "", after = "") {
      if (epoch === null || epoch === undefined) {
        node.removeAttribute("data-epoch");
        say(node, "");
        return;
      }
      Object.assign(node.dataset, { epoch, before, after });
      node.title = new Date(epoch * 1000).toLocaleString("en-GB");
      tell(node);
    },
  };
}

function tell(node) {
  const { epoch, before, after } = node.dataset;
  say(node, `${before}${duration(Math.abs(now() - Number(epoch)))}${after}`);
}

export function grow() {
  for (const node of document.querySelectorAll("time[data-epoch]")) tell(node);
}

// Each state has a sign as well as a colour.
const SIGNS = {
  up: "●", down: "✕", damped: "~", draining: "◐", maintenance: "■",
  unknown: "?", unproven: "○", unchecked: "·", suspect: "!",
};

export function chip(state = "unknown") {
  const sign = el("span", { "aria-hidden": "true", class: "sign" });
  const word = el("span");
  const node = el("span", { class: "chip" }, sign, word);
  const set = (name, text = name) => {
    node.dataset.state = name;
    say(sign, SIGNS[name] ?? "·");
    say(word, text);
  };
  set(state);
  return { node, set };
}

// How a service is answered, where that is not as usual.
export function answered({ mode, tiers }) {
  const from = tiers.map((tier) => (tier.percent === 100 ? tier.region : `${tier.percent} % ${tier.region}`));
  return [MODES[mode] ?? "", from.length ? `answered from ${from.join(", ")}` : ""].filter(Boolean).join(" · ");
}

const MODES = {
  "normal": "",
  "panic": "panic: too few are up, so all are served",
  "fail-open": "nothing is up: all are served all the same",
  "fail-closed": "nothing is up: clients get SERVFAIL",
  "empty": "nothing is up: clients get NODATA",
};
