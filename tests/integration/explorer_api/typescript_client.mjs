// The TypeScript client between two programs: node typescript_client.mjs <built folder> <base URL> <path of ws or "">.
// Each line read is a command, [name, …arguments]; each line written is what a command, a stream or an example said.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [built, baseUrl, ws] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(`${built}/${path}`).href);
const client = await load("node_modules/@pend/explorer-client/dist/index.js");
const { answered, createExplorer, deprecationOf, openStream, ProblemError, rows } = client;
const WebSocket = ws ? createRequire(import.meta.url)(ws).WebSocket : globalThis.WebSocket;
if (ws) delete globalThis.WebSocket; // so that only the one that is given can be used

const explorer = createExplorer({ baseUrl });
const say = (...said) => process.stdout.write(`${JSON.stringify(said)}\n`);
const blocks = (limit) =>
  rows((cursor) => answered(explorer.GET("/api/v1/blocks", { params: { query: { limit, cursor } } })));
let stream;
let iterator;

const commands = {
  open(options) {
    stream = openStream({
      baseUrl,
      ...(ws ? { WebSocket } : {}),
      ...options,
      onMessage: (message) => say("message", message, stream?.position ?? null),
      onState: (state) => say("state", state),
    });
  },
  subscribe: (...channels) => stream.subscribe(...channels),
  unsubscribe: (...channels) => stream.unsubscribe(...channels),
  position: () => say("position", stream.position),
  close: () => stream.close(),
  async pages(limit) {
    const all = [];
    for await (const block of blocks(limit)) all.push(block);
    say("pages", all);
  },
  begin(limit) {
    iterator = blocks(limit);
  },
  async next() {
    say("next", (await iterator.next()).value ?? null);
  },
  async get(path, params, headers) {
    const { response, data } = await explorer.GET(path, { params, headers });
    say("get", response.status, response.headers.get("ETag"), data ?? null);
  },
  async answered(path, params) {
    say("answered", await answered(explorer.GET(path, { params })));
  },
  deprecation: (url, headers) => say("deprecation", deprecationOf(url, new Headers(headers)) ?? null),
  async totals(address) {
    const { totals } = await load("examples/paging.js");
    const { sent, received } = await totals(baseUrl, address);
    say("totals", String(sent), String(received));
  },
  async latest() {
    const { latestBlocks } = await load("examples/latest-blocks.js");
    globalThis.WebSocket ??= WebSocket; // the example is a browser's
    stream = await latestBlocks(baseUrl, (shown) => say("latest", shown));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...given] = JSON.parse(line);
  try {
    await commands[name](...given);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    say("problem", error.problem, error.retryAfterSeconds ?? null, error.message);
  }
}
stream?.close();
