// A service's endpoints, one row each.

import { ask, resume } from "./actions.js";
import { observations } from "./charts.js";
import { el, keyed, say, show } from "./dom.js";
import { age, chip, clock, now } from "./words.js";

let mayChange = false;

export function allowChanges(is) {
  mayChange = is;
  document.body.dataset.may = is;
}

export function endpointList() {
  const node = el("ul", { class: "endpoints" });
  return { node, update: (endpoints) => keyed(node, endpoints, (endpoint) => endpoint.id, row) };
}

function row(endpoint) {
  const { id } = endpoint;
  const state = chip();
  const name = el("span", { class: "name" });
  const addresses = el("span", { class: "addresses" });
  const details = el("ul", { class: "details" });
  const button = (text, act) => el("button", { type: "button", class: "quiet-button", text, "aria-label": `${text} ${id}`, on: { click: act } });
  const drain = button("Drain", () => ask("drain", id));
  const maintain = button("Maintain", () => ask("maintenance", id));
  const back = button("Resume", (event) => resume(id, event.currentTarget));
  const buttons = el("span", { class: "actions" }, drain, maintain, back);
  const node = el("li", { class: "endpoint" }, state.node, el("span", { class: "who" }, name, addresses), details, buttons);
  const update = (now) => {
    node.dataset.state = now.effective;
    state.set(now.effective);
    say(name, now.label);
    say(addresses, addressesOf(now));
    keyed(details, now.addresses, (one) => one.address, (one) => detail(one));
    for (const part of details.parts.values()) part.tell(now);
    const isHeld = now.override !== null;
    show(drain, now.override?.state !== "drain");
    show(maintain, now.override?.state !== "maintenance");
    show(back, isHeld || now.effective === "damped");
  };
  return { node, update };
}

// An endpoint without a name of its own is called by its address.
function addressesOf(endpoint) {
  const [first] = endpoint.addresses;
  const isNamedSo = endpoint.addresses.length === 1 && first.address.replaceAll(/[.:]/g, "-") === endpoint.label;
  return isNamedSo ? "" : endpoint.addresses.map((one) => one.address).join("  ");
}

function detail() {
  const real = el("span", { class: "real" });
  const reason = el("span", { class: "reason" });
  const since = age("since");
  const drawn = observations();
  const seen = age("seen quiet");
  const node = el("li", {}, el("span", { class: "text" }, real, reason, since.node), el("span", { class: "seen-part" }, drawn.node, seen.node));
  let address = null;
  return {
    node,
    update: (one) => (address = one),
    tell(endpoint) {
      const several = endpoint.addresses.length > 1;
      say(real, several ? `${address.address}: ` : "");
      say(reason, reasonOf(endpoint, address));
      since.set(address.since, "for ");
      drawn.set(address.recent);
      show(drawn.node, address.recent.length > 0);
      seen.set(address.seen, address.overdue ? "overdue, seen " : "seen ", " ago");
    },
  };
}

// What is said and by whom; then what checks say, where that is something else.
function reasonOf(endpoint, address) {
  const found = [];
  const { override, declared } = endpoint;
  if (override) {
    let text = override.state === "drain" ? "drained" : "in maintenance";
    text += ` by ${override.by}${override.reason ? `: ${override.reason}` : ""}`;
    if (override.until) text += `, until ${clock(override.until)}`;
    found.push(text);
  } else if (declared) found.push(`the zone file says ${declared}`);
  if (address.effective === "draining" || address.effective === "maintenance") {
    if (address.safe_at && address.safe_at > now()) found.push(`safe to stop at ${clock(address.safe_at)}`);
    else if (!address.served) found.push("safe to stop");
  }
  if (found.length) found.push(`checks: ${address.real === "unchecked" ? "none" : address.reason}`);
  else found.push(address.reason);
  if (address.served && ["down", "damped"].includes(address.effective)) found.push("served all the same");
  if (address.tenths < 10) found.push(`slow start: ${address.tenths * 10} % of its weight`);
  return found.join(" · ");
}
