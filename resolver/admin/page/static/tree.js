// Environments, regions and services: counts at first, what is opened is asked for, page by page.

import { get } from "./api.js";
import { parts } from "./charts.js";
import { $, el, keyed, say, show } from "./dom.js";
import { endpointList } from "./endpoints.js";
import { answered, many, whole } from "./words.js";

const opened = new Set(); // pages that are open: each has `refresh`
const total = (states) => Object.values(states).reduce((sum, count) => sum + count, 0);

export function learn(tree) {
  keyed($("tree"), tree, (one) => one.environment, environment);
}

export async function refresh() {
  for (const page of opened) if (page.node.isConnected) await page.refresh();
}

function environment(first) {
  const line = summaryLine(first.environment === "-" ? "shared" : first.environment);
  const regions = el("div", { class: "regions" });
  const node = el("details", { class: "environment", open: true }, line.node, regions);
  const update = (one) => {
    const states = {};
    let services = 0;
    let failing = 0;
    for (const region of one.regions) {
      services += region.services;
      failing += region.failing;
      for (const [state, count] of Object.entries(region.states)) states[state] = (states[state] ?? 0) + count;
    }
    line.set(states, many(services, "service"), failing ? `${whole(failing)} failing` : "");
    keyed(regions, one.regions, (item) => item.region, (item) => region(first.environment, item));
  };
  return { node, update };
}

function region(environmentName, first) {
  const line = summaryLine(first.region === "-" ? "no region" : first.region);
  const services = page({ environment: environmentName, region: first.region });
  const node = el("details", { class: "region" }, line.node, services.node);
  node.addEventListener("toggle", () => services.open(node.open));
  const update = (one) => line.set(one.states, many(one.services, "service"), one.failing ? `${whole(one.failing)} failing` : "");
  return { node, update };
}

function summaryLine(text) {
  const name = el("span", { class: "name", text });
  const count = el("span", { class: "count quiet" });
  const failing = el("span", { class: "failing" });
  const bar = parts();
  const up = el("span", { class: "up number" });
  const node = el("summary", {}, name, count, failing, bar.node, up);
  const set = (states, counted, wrong) => {
    const all = total(states);
    bar.set(states);
    say(up, all ? `${whole(states.up ?? 0)} / ${whole(all)} up` : "no services");
    say(count, counted);
    say(failing, wrong);
  };
  return { node, set };
}

// The services that a search finds, fifty at a time.
function page(search) {
  const list = el("ul", { class: "rows" });
  const note = el("p", { class: "quiet", role: "status" });
  const more = el("button", { type: "button", class: "link", hidden: true });
  const node = el("div", { class: "page" }, list, note, more);
  let pages = 1;
  let isOpen = false;
  let asked = 0;

  async function refresh() {
    if (!isOpen) return;
    const mine = (asked += 1);
    const found = [];
    let count = 0;
    try {
      for (let number = 0; number < pages; number += 1) {
        const told = await get("api/v1/page/services", { ...search, offset: number ? found.length : "" });
        if (mine !== asked) return;
        found.push(...told.services);
        count = told.total;
        if (!told.services.length) break;
      }
    } catch (error) {
      say(note, error.message);
      return;
    }
    keyed(list, found, (one) => one.service, (one) => service(one, nameIn(one, search)));
    say(note, count ? (count > found.length ? `${whole(found.length)} of ${whole(count)} services` : "") : "No service is so.");
    show(more, count > found.length);
    say(more, `Show ${Math.min(50, count - found.length)} more`);
  }

  more.addEventListener("click", () => {
    pages += 1;
    refresh();
  });
  const made = { node, refresh, open };
  function open(is) {
    isOpen = is;
    if (is) {
      opened.add(made);
      if (!list.childElementCount) say(note, "Loading…");
      refresh();
    } else opened.delete(made);
  }
  return made;
}

// Below its region, a service needs no more than its own name.
function nameIn({ service: name }, { environment: above, region: below }) {
  const rest = `.${above}.${below}`;
  return above && name.endsWith(rest) ? name.slice(0, -rest.length) : name;
}

function service(first, name) {
  const line = summaryLine(name);
  const mode = el("p", { class: "mode" });
  const endpoints = endpointList();
  const place = el("p", { class: "place quiet small" });
  const node = el("li", {}, el("details", { class: "row" }, line.node, mode, endpoints.node, place));
  const update = (one) => {
    const failed = (one.states.down ?? 0) + (one.states.damped ?? 0);
    const held = (one.states.draining ?? 0) + (one.states.maintenance ?? 0);
    const words = [failed ? `${failed} down` : "", held ? `${held} held out` : ""].filter(Boolean).join(", ");
    line.set(one.states, one.states.unproven ? "unproven" : "", words);
    say(mode, answered(one));
    show(mode, mode.textContent !== "");
    endpoints.update(one.endpoints);
    say(place, `${one.place ?? ""}${one.more ? ` · and ${many(one.more, "more endpoint")}` : ""}`);
  };
  return { node, update };
}

// ---- search: takes the place of the tree

let found = null;
let typing = 0;

function search() {
  const text = $("search-text").value.trim();
  const state = $("search-state").value;
  if (found) found.open(false);
  found = null;
  show($("tree"), !(text || state));
  show($("found"), Boolean(text || state));
  if (!(text || state)) return;
  found = page({ text, state });
  $("found").replaceChildren(found.node);
  found.open(true);
}

export function searchFor(state) {
  $("search-text").value = "";
  $("search-state").value = state;
  search();
  $("tree-title").scrollIntoView({ block: "start" });
  $("search-text").focus({ preventScroll: true });
}

export function wire() {
  $("search").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  $("search-text").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(search, 200);
  });
  $("search-state").addEventListener("change", search);
}
