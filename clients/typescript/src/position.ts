/** How far a client has heard: after a break it goes on there. */
import type { Channel, StreamMessage } from "./messages.js";

/** Plain JSON: it may be kept beside the data that it belongs to. */
export interface StreamPosition {
  /** The last sequence of each channel. */
  channels: Partial<Record<Channel, number>>;
  /** Which database told it. */
  history?: string;
  /** Of the last row, where the server said it. */
  last?: { sequence: number; stamp: number };
}

/** Moves the channels that a message speaks for. Returns whether the message is for this client at all. */
export function advance(position: StreamPosition, wanted: ReadonlySet<Channel>, message: StreamMessage): boolean {
  const { channels } = position;
  switch (message.type) {
    case "error":
    case "closing":
      return true;
    case "unsubscribed":
      for (const channel of message.channels) delete channels[channel];
      return true;
    case "blocks":
    case "transactions":
    case "address":
    case "token":
    case "stats":
      if (channels[message.channel] === undefined) return false;
      channels[message.channel] = message.sequence;
      break;
    case "subscribed":
      for (const channel of message.channels) if (wanted.has(channel)) channels[channel] = message.sequence;
      moveAll(channels, message.sequence);
      position.history = message.history;
      break;
    case "resync":
      position.history = message.history;
      moveAll(channels, message.sequence);
      break;
    default:
      moveAll(channels, message.sequence);
  }
  if (message.stamp === null) delete position.last;
  else position.last = { sequence: message.sequence, stamp: message.stamp };
  return true;
}

/** What a new connection sends first: go on, and listen to what was not confirmed yet. */
export function requests(position: StreamPosition, wanted: ReadonlySet<Channel>): object[] {
  const known = Object.entries(position.channels);
  const fresh = [...wanted].filter((channel) => position.channels[channel] === undefined);
  const out: object[] = [];
  if (known.length > 0) {
    const { history, last } = position;
    const together = last !== undefined && known.every(([, sequence]) => sequence === last.sequence);
    out.push({
      resume: {
        positions: Object.fromEntries(known),
        ...(history === undefined ? {} : { history }),
        ...(together ? { stamp: last.stamp } : {}),
      },
    });
  }
  if (fresh.length > 0) out.push({ subscribe: fresh });
  return out;
}

function moveAll(channels: StreamPosition["channels"], sequence: number): void {
  for (const channel of Object.keys(channels) as Channel[]) channels[channel] = sequence;
}
