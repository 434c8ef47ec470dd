// What is new: over the stream, and by asking every few seconds where there is none.

import { get, maybe } from "./api.js";

const CHANNELS = ["blocks", "transactions", "reorgs", "stats"];
const SILENCE_MS = 45000;
const POLL_MS = 4000;
const TRIES_BEFORE_POLLING = 2;
const CONNECT_WITHIN_MS = 5000;

// `hear` is given messages of the stream; `say` one of live, polling, away.
export function follow(hear, say) {
  const positions = {};
  let history = null;
  let tries = 0;
  let silence = null;
  let polled = null;
  let head = null;

  function connect() {
    const url = new URL("api/v1/stream", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    const late = setTimeout(() => socket.close(), CONNECT_WITHIN_MS);
    socket.onopen = () => {
      clearTimeout(late);
      tries = 0;
      stopPolling();
      const resume = Object.keys(positions).length ? { resume: { positions, history } } : { subscribe: CHANNELS };
      socket.send(JSON.stringify(resume));
      say("live");
    };
    socket.onmessage = (event) => {
      clearTimeout(silence);
      silence = setTimeout(() => socket.close(), SILENCE_MS);
      take(JSON.parse(event.data));
    };
    socket.onclose = () => {
      clearTimeout(late);
      clearTimeout(silence);
      tries += 1;
      if (tries >= TRIES_BEFORE_POLLING) startPolling();
      setTimeout(connect, Math.min(15000, 300 * 2 ** tries));
    };
  }

  function take(message) {
    if (message.history) history = message.history;
    if (message.type === "error") return;
    if (message.channel) positions[message.channel] = message.sequence;
    else for (const channel of CHANNELS) positions[channel] = message.sequence;
    if (message.type === "blocks" && message.data.blocks?.length) head = message.data.blocks.at(-1);
    hear(message);
  }

  function startPolling() {
    if (polled !== null) return;
    const poll = async () => {
      try {
        const { data, meta } = await get("blocks?limit=10");
        const transactions = await maybe("transactions?limit=10");
        say("polling");
        if (head && data.some((block) => block.number === head.number && block.hash !== head.hash)) {
          hear({ type: "resync", sequence: meta.sequence, reason: "reorg" });
        }
        head = data[0] ?? head;
        hear({ type: "blocks", sequence: meta.sequence, data: { blocks: [...data].reverse() } });
        if (transactions) {
          hear({ type: "transactions", sequence: meta.sequence, data: { transactions: [...transactions.data].reverse() } });
        }
      } catch {
        say("away");
      }
    };
    poll();
    polled = setInterval(poll, POLL_MS);
  }

  function stopPolling() {
    clearInterval(polled);
    polled = null;
  }

  connect();
}
