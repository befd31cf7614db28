// Why a client gets an answer.

import { get } from "./api.js";
import { $, el, show } from "./dom.js";

export function wire() {
  $("explain").addEventListener("submit", async (event) => {
    event.preventDefault();
    const out = $("explained");
    const asked = { name: $("explain-name").value.trim(), type: $("explain-type").value.trim().toUpperCase(), client: $("explain-client").value.trim() };
    try {
      const { lines } = await get("api/v1/page/explain", asked);
      out.replaceChildren(el("pre", { text: lines.join("\n") }));
    } catch (error) {
      out.replaceChildren(el("p", { class: "error", text: error.message }));
    }
    show(out, true);
  });
}
