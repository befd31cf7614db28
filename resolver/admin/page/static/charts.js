// Small drawings. What they show is also said in words.

import { say, svg } from "./dom.js";
import { latency, many } from "./words.js";

const SLOTS = 30;
const STEP = 4;
const HEIGHT = 18;

// The last observations of a target: what passed is as high as it took long, what failed is full.
export function observations() {
  const title = svg("title");
  const node = svg("svg", { class: "observations", viewBox: `0 0 ${SLOTS * STEP} ${HEIGHT}`, role: "img" }, title);
  const bars = [];
  let drawn = null;
  return {
    node,
    set(recent) {
      const text = recent.join();
      if (text === drawn) return;
      drawn = text;
      while (bars.length < recent.length) {
        bars.push(svg("rect", { width: STEP - 1 }));
        node.append(bars.at(-1));
      }
      while (bars.length > recent.length) bars.pop().remove();
      recent.forEach((tenths, index) => draw(bars[index], tenths, SLOTS - recent.length + index));
      const failed = recent.filter((tenths) => tenths < 0).length;
      const last = recent.at(-1);
      say(title, recent.length
        ? `Of the last ${many(recent.length, "observation")} ${failed ? `${failed} failed` : "all passed"}; the last took ${latency(Math.abs(last) / 1e4)}`
        : "No observations");
    },
  };
}

function draw(bar, tenths, slot) {
  const height = tenths < 0 ? HEIGHT : Math.min(HEIGHT - 4, Math.max(2, 3 * Math.log10(Math.abs(tenths) + 1)));
  bar.setAttribute("x", slot * STEP);
  bar.setAttribute("y", HEIGHT - height);
  bar.setAttribute("height", height);
  bar.setAttribute("class", tenths < 0 ? "failed" : "passed");
}

// A line over the last minutes.
export function line() {
  const path = svg("polyline", { "vector-effect": "non-scaling-stroke" });
  const node = svg("svg", { class: "line", viewBox: "0 0 90 24", preserveAspectRatio: "none", "aria-hidden": "true" }, path);
  return {
    node,
    set(values) {
      const known = values.filter((value) => value !== null);
      const most = Math.max(...known, 1e-9);
      const points = [];
      values.forEach((value, index) => {
        if (value !== null) points.push(`${90 - values.length + index + 1},${(23 - (21 * value) / most).toFixed(1)}`);
      });
      path.setAttribute("points", points.length > 1 ? points.join(" ") : "");
    },
  };
}

const ORDER = ["up", "unproven", "unknown", "maintenance", "draining", "damped", "down"];

// States as parts of a bar.
export function parts() {
  const node = svg("svg", { class: "parts", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" });
  let drawn = null;
  return {
    node,
    set(states) {
      const total = Object.values(states).reduce((sum, count) => sum + count, 0);
      const text = JSON.stringify(states);
      if (text === drawn) return;
      drawn = text;
      node.replaceChildren();
      let x = 0;
      for (const state of ORDER) {
        if (!states[state]) continue;
        // What there is can be seen, however little it is.
        const width = Math.max(2, (100 * states[state]) / total);
        node.append(svg("rect", { x: Math.min(x, 100 - width), width, height: 6, class: `of-${state}` }));
        x += (100 * states[state]) / total;
      }
    },
  };
}
