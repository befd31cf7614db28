// The page: events come in, each part takes what is its own.

import * as actions from "./actions.js";
import { $, say, show } from "./dom.js";
import { allowChanges } from "./endpoints.js";
import * as explain from "./explain.js";
import * as happened from "./happened.js";
import { follow } from "./stream.js";
import * as traffic from "./traffic.js";
import * as tree from "./tree.js";
import { grow, setClock } from "./words.js";
import * as wrong from "./wrong.js";

const REFRESH = 5_000; // ms until what is open is looked at again
let refreshing = 0;

const parts = {
  beat: ({ now }) => setClock(now),
  hello: learnHello,
  server: learnServer,
  wrong: (facts) => wrong.learn("wrong", facts),
  tree(facts) {
    tree.learn(facts);
    wrong.learn("tree", facts);
    refreshSoon(300);
  },
  upstreams(facts) {
    traffic.learnUpstreams(facts);
    wrong.learn("upstreams", facts);
  },
  figures: traffic.learnFigures,
  history: traffic.learnHistory,
  happened(facts) {
    happened.learn(facts);
    wrong.learn("refused", facts.refused);
  },
};

function learnHello(hello) {
  allowChanges(hello.override === null);
  show($("read-only"), hello.override !== null);
  say($("read-only"), hello.override === null ? "" : `Read only: ${hello.override}.`);
  show($("reload"), hello.reload === null);
  say($("token"), hello.token === null ? "Token" : `Token: ${hello.token}`);
  wrong.learn("hello", hello);
}

function learnServer(server) {
  say($("domain"), server.domain.replace(/\.$/, ""));
  say($("generation"), server.generation === null ? "" : `generation ${server.generation}`);
  say($("version"), `version ${server.version}`);
  wrong.learn("server", server);
}

const STATES = {
  live: "live",
  lost: "no connection",
  polling: "every 10 s",
  paused: "paused",
  refused: "refused",
};

function learnConnection(state, problem) {
  $("live").dataset.state = state;
  say($("live"), STATES[state]);
  document.body.dataset.stale = state === "lost";
  show($("refused"), state === "refused");
  if (state === "refused") say($("refused"), `${problem.message}. A token may open it.`);
}

function refreshSoon(after = REFRESH) {
  clearTimeout(refreshing);
  refreshing = setTimeout(async () => {
    try {
      if (!document.hidden) await tree.refresh();
    } finally {
      refreshSoon();
    }
  }, after);
}

traffic.wire();
happened.wire();
tree.wire();
explain.wire();
wrong.wire(tree.searchFor);
const restart = follow((name, facts) => parts[name]?.(facts), learnConnection);
actions.wire(restart);
setInterval(grow, 1000);
refreshSoon();
