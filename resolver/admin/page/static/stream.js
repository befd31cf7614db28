// Server-sent events, read by fetch, since EventSource can send no token.

import { Problem, get, open } from "./api.js";

const SILENCE = 25_000; // ms without a word until the connection is given up
const SLOWEST = 15_000; // ms between two tries

// `tell(name, facts)` for each event, `state(word, problem)` for each change of the connection.
export function follow(tell, state) {
  let leaving = null;
  let pause = 500;
  let timer = 0;

  async function run() {
    clearTimeout(timer);
    leaving?.abort();
    const mine = (leaving = new AbortController());
    try {
      const response = await open("api/v1/stream", { signal: mine.signal });
      state("live");
      pause = 500;
      await read(response.body, mine, tell);
      again(mine, 200);
    } catch (error) {
      if (mine !== leaving || mine.gone) return;
      if (error instanceof Problem && error.status === 503) await once(mine, error);
      else if (error instanceof Problem && error.status < 500) state("refused", error);
      else {
        state("lost", error);
        again(mine, pause);
        pause = Math.min(2 * pause, SLOWEST);
      }
    }
  }

  // There are streams enough: look from time to time.
  async function once(mine, why) {
    state("polling", why);
    try {
      for (const [name, facts] of Object.entries(await get("api/v1/page/overview"))) tell(name, facts);
    } catch { /* the next try says it */ }
    again(mine, 10_000);
  }

  function again(mine, after) {
    if (mine === leaving && !mine.gone) timer = setTimeout(run, after);
  }

  function stop() {
    clearTimeout(timer);
    if (leaving) leaving.gone = true;
    leaving?.abort();
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stop(); // nobody looks
      state("paused");
    } else run();
  });
  run();
  return run;
}

async function read(body, mine, tell) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const silence = setTimeout(() => mine.abort(), SILENCE);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    const events = (kept + value).split("\n\n");
    kept = events.pop();
    for (const text of events) {
      const [, name, data] = /^event: (\S+)\ndata: (.*)$/s.exec(text) ?? [];
      if (name) tell(name, JSON.parse(data));
    }
  }
}
