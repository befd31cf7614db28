// Elements. Text comes in as text and nothing else: nothing here can make markup of it.

export const $ = (id) => document.getElementById(id);

export function el(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "text") made.textContent = value;
    else if (name === "on") for (const [type, act] of Object.entries(value)) made.addEventListener(type, act);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, options = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(options)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, is) {
  if (element.hidden === is) element.hidden = !is;
}

// One child for each item, by key: those that stay are updated where they are, so that neither
// focus nor what was opened is lost. `make` gives {node, update}.
export function keyed(parent, items, keyOf, make) {
  const before = parent.parts ?? new Map();
  const now = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (now.has(key)) continue;
    const part = before.get(key) ?? make(item);
    part.update(item);
    now.set(key, part);
  }
  for (const [key, part] of before) if (!now.has(key)) part.node.remove();
  let place = parent.firstElementChild;
  for (const part of now.values()) {
    if (part.node === place) place = place.nextElementSibling;
    else parent.insertBefore(part.node, place);
  }
  parent.parts = now;
}
