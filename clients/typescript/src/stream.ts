/**
 * The live stream: what is committed, as it is committed, without loss across breaks (docs/streams.md).
 *
 * A connection that breaks or falls silent is opened anew, and goes on after the last message that was handed over.
 */
import type { Channel, StreamMessage } from "./messages.js";
import { advance, requests, type StreamPosition } from "./position.js";
import { streamUrl, type Socket, type SocketConstructor } from "./socket.js";

export type StreamState =
  | "connecting"
  /** What is committed comes at once. */
  | "live"
  /** There is no connection; it is tried again by itself. */
  | "waiting"
  /** Over: by `close()`, or because the server refused what was asked for, which an `error` message says. */
  | "closed";

export interface StreamOptions {
  /** Where the API is, as for `createExplorer`; "" is the page's own origin. */
  baseUrl: string;
  channels: Iterable<Channel>;
  /** Is given each message once, in the order of commits; `reorg` and `resync` are among them. */
  onMessage: (message: StreamMessage) => void;
  onState?: (state: StreamState) => void;
  /**
   * Where to begin. A number: `meta.sequence` of what was read from the API, so that nothing between is missed.
   * A position: that of an earlier stream. Without it: what is committed from now on.
   */
  after?: number | StreamPosition;
  /** Needed where there is no global `WebSocket`, as in Node 20: `import WebSocket from "ws"`. */
  WebSocket?: SocketConstructor;
  /** Silence after which a connection counts as broken; the server is silent for 20 s at most by default. */
  silenceMs?: number;
  /** The longest pause before it is tried again. Each is of random length, so that clients do not return at once. */
  pauseMaxMs?: number;
}

const SILENCE_MS = 45_000;
const PAUSE_FIRST_MS = 500;
const PAUSE_MAX_MS = 30_000;
const CONNECT_WITHIN_MS = 10_000;

export function openStream(options: StreamOptions): Stream {
  return new Stream(options);
}

export class Stream {
  readonly #options: StreamOptions;
  readonly #open: SocketConstructor;
  readonly #url: string;
  readonly #wanted: Set<Channel>;
  readonly #position: StreamPosition;
  #socket: Socket | undefined;
  #isOpen = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #state: StreamState = "connecting";

  constructor(options: StreamOptions) {
    const open = options.WebSocket ?? (globalThis as { WebSocket?: SocketConstructor }).WebSocket;
    if (open === undefined) throw new TypeError("there is no global WebSocket; pass one as options.WebSocket");
    this.#options = options;
    this.#open = open;
    this.#url = streamUrl(options.baseUrl);
    this.#wanted = new Set([...options.channels].map(spelled));
    this.#position = begun(options.after, this.#wanted);
    this.#connect();
  }

  get state(): StreamState {
    return this.#state;
  }

  /** How far everything was handed over, the message that is just being handled included. JSON: keep it as it is. */
  get position(): StreamPosition {
    return structuredClone(this.#position);
  }

  /** Listen to more. What was committed after the `sequence` of the `subscribed` message will come. */
  subscribe(...channels: Channel[]): void {
    const fresh = channels.map(spelled).filter((channel) => !this.#wanted.has(channel));
    for (const channel of fresh) this.#wanted.add(channel);
    if (fresh.length > 0) this.#send({ subscribe: fresh });
  }

  /** Nothing more of these channels is handed over. */
  unsubscribe(...channels: Channel[]): void {
    const gone = channels.map(spelled).filter((channel) => this.#wanted.delete(channel));
    for (const channel of gone) delete this.#position.channels[channel];
    if (gone.length > 0) this.#send({ unsubscribe: gone });
  }

  /** End it: nothing is handed over any more. */
  close(): void {
    this.#leave();
    this.#say("closed");
  }

  #connect(): void {
    this.#say("connecting");
    if (this.#state === "closed") return;
    const socket = new this.#open(this.#url);
    this.#socket = socket;
    this.#after(CONNECT_WITHIN_MS, () => this.#break());
    // A socket that was given up may still speak.
    const mine = (act: () => void) => () => {
      if (this.#socket === socket) act();
    };
    socket.addEventListener("open", mine(() => {
      this.#isOpen = true;
      this.#watch();
      for (const request of requests(this.#position, this.#wanted)) this.#send(request);
    }));
    socket.addEventListener("message", (event) => {
      if (this.#socket === socket) this.#hear(JSON.parse(String(event.data)) as StreamMessage);
    });
    socket.addEventListener("close", mine(() => this.#break()));
    socket.addEventListener("error", mine(() => this.#break()));
  }

  #hear(message: StreamMessage): void {
    this.#watch();
    if (!advance(this.#position, this.#wanted, message)) return;
    const refused = message.type === "error" && message.error !== "too_slow";
    if (refused) this.#leave(); // asked again, it would be refused again
    if (message.type === "subscribed") {
      this.#failures = 0;
      this.#say("live");
    }
    try {
      this.#options.onMessage(message);
    } finally {
      if (refused) this.#say("closed");
    }
  }

  #break(): void {
    this.#leave();
    const { pauseMaxMs = PAUSE_MAX_MS } = this.#options;
    const pause = Math.min(pauseMaxMs, PAUSE_FIRST_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    this.#say("waiting");
    if (this.#state === "waiting") this.#after(pause * (0.5 + Math.random() / 2), () => this.#connect());
  }

  #leave(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#isOpen = false;
    socket?.close();
  }

  #watch(): void {
    this.#after(this.#options.silenceMs ?? SILENCE_MS, () => this.#break());
  }

  #after(milliseconds: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, milliseconds);
  }

  #send(request: object): void {
    if (this.#isOpen) this.#socket?.send(JSON.stringify(request));
  }

  #say(state: StreamState): void {
    if (this.#state === state || this.#state === "closed") return;
    this.#state = state;
    this.#options.onState?.(state);
  }
}

/** Channels as the server names them. */
function spelled(channel: Channel): Channel {
  return channel.toLowerCase() as Channel;
}

function begun(after: StreamOptions["after"], wanted: ReadonlySet<Channel>): StreamPosition {
  if (after === undefined) return { channels: {} };
  if (typeof after === "number") {
    return { channels: Object.fromEntries([...wanted].map((channel) => [channel, after])) };
  }
  const { channels, ...rest } = structuredClone(after);
  const kept = (Object.entries(channels) as [Channel, number][]).filter(([channel]) => wanted.has(channel));
  return { ...rest, channels: Object.fromEntries(kept) };
}
