// What the page changes: states of endpoints, and a reload. Each is one request of the API.

import { endpointPath, get, hasToken, send, setToken } from "./api.js";
import { $, say, show } from "./dom.js";
import { clock } from "./words.js";

const WORDS = {
  drain: ["Drain", "Takes it out of answers. Who holds its address may go on using it until the TTL has passed."],
  maintenance: ["Maintain", "Takes it out of answers; it is served in no case, even if nothing else is up."],
};

let chosen = null;
let quiet = 0;

export function tellUser(text, isBad = false) {
  const said = $("said");
  said.dataset.bad = isBad;
  say(said, text);
  show(said, true);
  clearTimeout(quiet);
  quiet = setTimeout(() => show(said, false), isBad ? 20_000 : 7_000);
}

export function ask(state, id) {
  chosen = { state, id };
  const [word, what] = WORDS[state];
  say($("state-title"), `${word} ${id}`);
  say($("state-what"), what);
  say($("state-submit"), word);
  show($("state-error"), false);
  $("state-reason").value = "";
  $("state-for").value = "";
  $("state-dialog").showModal();
}

async function change() {
  const { state, id } = chosen;
  const body = { state, reason: $("state-reason").value };
  if ($("state-for").value) body.for = $("state-for").value;
  $("state-submit").disabled = true;
  try {
    const told = await send("PUT", endpointPath(id), body);
    $("state-dialog").close();
    tellUser(`${id} is ${state === "drain" ? "draining" : "in maintenance"}${told.note ? `; ${told.note}` : ""}`);
  } catch (error) {
    say($("state-error"), error.message);
    show($("state-error"), true);
  } finally {
    $("state-submit").disabled = false;
  }
}

export async function resume(id, button) {
  button.disabled = true;
  try {
    const told = await send("PUT", endpointPath(id), { state: "normal" });
    tellUser(`${id} is resumed${told.note ? `; ${told.note}` : ""}`);
  } catch (error) {
    tellUser(error.message, true);
  } finally {
    button.disabled = false;
  }
}

async function reload() {
  const button = $("reload");
  button.disabled = true;
  try {
    const told = await send("POST", "api/v1/reload");
    const warnings = told.warnings.length ? `, ${told.warnings.length} warnings` : "";
    tellUser(`Generation ${told.generation} is served since ${clock(Date.now() / 1000)}${warnings}`);
  } catch (error) {
    tellUser(error.message, true);
  } finally {
    button.disabled = false;
  }
}

export function wire(restart) {
  $("state-form").addEventListener("submit", (event) => {
    event.preventDefault();
    change();
  });
  $("state-cancel").addEventListener("click", () => $("state-dialog").close());
  $("reload").addEventListener("click", reload);
  $("token").addEventListener("click", () => {
    $("token-text").value = "";
    $("token-dialog").showModal();
  });
  const use = (text) => {
    setToken(text);
    $("token-text").value = "";
    $("token-dialog").close();
    $("token").dataset.used = hasToken();
    restart();
  };
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    use($("token-text").value.trim());
  });
  $("token-forget").addEventListener("click", () => use(""));
  $("token-cancel").addEventListener("click", () => $("token-dialog").close());
}

export { get };
