// What is wrong, the worst first.

import { endpointList } from "./endpoints.js";
import { $, el, keyed, say, show } from "./dom.js";
import { answered, chip, many, whole } from "./words.js";

const FAILING = ["out", "failing"];
const known = { wrong: null, server: null, upstreams: [], tree: [], hello: null, refused: null };
let search = () => {};

export function wire(startSearch) {
  search = startSearch;
}

export function learn(name, facts) {
  known[name] = name === "upstreams" ? facts.upstreams : facts;
  if (known.wrong && known.server && known.hello) render();
}

function render() {
  const { wrong } = known;
  const said = sentences();
  const failing = wrong.services.filter((one) => FAILING.includes(one.rank));
  const held = wrong.services.filter((one) => !FAILING.includes(one.rank));
  const { out = 0, failing: some = 0 } = wrong.counts;
  const count = out + some + said.length;
  const section = $("wrong");
  section.dataset.state = count ? (out ? "out" : "failing") : "fine";
  say($("wrong-title"), count ? `${many(count, "thing")} ${count === 1 ? "is" : "are"} wrong` : "Nothing is wrong");
  document.title = count ? `(${whole(count)}) Sightline` : "Sightline";
  say($("wrong-summary"), summary(out, some, wrong.counts));
  keyed($("sentences"), said, (one) => one.text, sentence);
  keyed($("failing"), failing, (one) => one.service, service);
  keyed($("held"), held, (one) => one.service, service);
  show($("held-part"), held.length > 0);
  show($("failing-more"), wrong.more > 0);
  if (wrong.more > 0 && $("failing-more").dataset.count !== String(wrong.more)) {
    $("failing-more").dataset.count = wrong.more;
    const all = el("button", { type: "button", class: "link", text: "show them all", on: { click: () => search("failing") } });
    $("failing-more").replaceChildren(`and ${many(wrong.more, "more service")}: `, all);
  }
  unproven();
}

function sentences() {
  const texts = [...known.server.degraded];
  for (const worker of known.server.workers) {
    if (!worker.up && !texts.some((text) => text.includes(`worker ${worker.worker}`))) texts.push(`worker ${worker.worker} does not answer`);
  }
  if (known.hello.environments !== null) {
    for (const one of known.upstreams) if (!one.up) texts.push(`upstream ${one.upstream} of ${one.environment} does not answer`);
  }
  const said = texts.map((text) => ({ state: "suspect", word: "degraded", text, problems: [] }));
  if (known.refused) said.unshift({ ...known.refused, state: "down", word: "refused" });
  return said;
}

function sentence({ state, word, text, problems }) {
  const list = problems.length ? el("pre", { text: problems.join("\n") }) : null;
  return { node: el("li", {}, chipOf(state, word), el("span", { text }), list), update() {} };
}

function chipOf(state, text) {
  const made = chip();
  made.set(state, text);
  return made.node;
}

function summary(out, some, counts) {
  const states = {};
  let services = 0;
  let endpoints = 0;
  for (const { regions } of known.tree) {
    for (const region of regions) {
      services += region.services;
      endpoints += region.endpoints;
      for (const [state, count] of Object.entries(region.states)) states[state] = (states[state] ?? 0) + count;
    }
  }
  const found = [];
  if (out) found.push(`${many(out, "service")} with nothing up`);
  if (some) found.push(`${many(some, "service")} with less than all`);
  const held = (counts["all-held"] ?? 0) + (counts.held ?? 0);
  if (held) found.push(`${many(held, "service")} held out on purpose`);
  found.push(`${whole(states.up ?? 0)} of ${many(endpoints, "endpoint")} of ${many(services, "service")} up`);
  return found.join(" · ");
}

// Told in one line: at home, where nothing answers checks, it is everything.
function unproven() {
  const count = known.tree.flatMap((one) => one.regions).reduce((sum, region) => sum + region.unproven, 0);
  let line = $("unproven");
  if (!line) {
    line = el("p", { id: "unproven", class: "more" });
    $("read-only").before(line);
  }
  show(line, count > 0);
  if (!count || line.dataset.count === String(count)) return;
  line.dataset.count = count;
  const all = el("button", { type: "button", class: "link", text: "show them", on: { click: () => search("unproven") } });
  line.replaceChildren(chipOf("unproven"), ` ${many(count, "service")} none of whose endpoints ever passed a check: served as if unchecked. `, all);
}

function service(first) {
  const state = chip();
  const mode = el("span", { class: "mode" });
  const place = el("span", { class: "place quiet" });
  const endpoints = endpointList();
  const more = el("p", { class: "more" });
  const node = el("li", { class: "service" },
    el("div", { class: "title" }, state.node, el("strong", { text: first.service }), mode, place), endpoints.node, more);
  const update = (one) => {
    node.dataset.rank = one.rank;
    const total = Object.values(one.states).reduce((sum, count) => sum + count, 0);
    state.set(...headline(one, total));
    say(mode, answered(one));
    say(place, one.place ?? "");
    endpoints.update(one.endpoints);
    show(more, one.more > 0);
    say(more, `and ${many(one.more, "more endpoint")}`);
  };
  return { node, update };
}

function headline({ rank, states }, total) {
  const failed = (states.down ?? 0) + (states.damped ?? 0);
  const held = (states.draining ?? 0) + (states.maintenance ?? 0);
  if (rank === "out") return ["down", total === 1 ? "down" : `nothing of ${total} up`];
  if (rank === "failing") return ["suspect", `${failed} of ${total} ${states.down ? "down" : "damped"}`];
  return [states.draining ? "draining" : "maintenance", `${held} of ${total} out`];
}
