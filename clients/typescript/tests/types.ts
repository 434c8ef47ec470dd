/** What must not compile. Were a type `any`, its `@ts-expect-error` would expect in vain, and that is an error. */
import { answered, createExplorer, openStream, rows, type StreamMessage } from "@pend/explorer-client";

const explorer = createExplorer({ baseUrl: "" });

export async function mistakes(): Promise<void> {
  // @ts-expect-error there is no such path
  await explorer.GET("/api/v1/block");
  // @ts-expect-error a path's parameter is left out
  await explorer.GET("/api/v1/blocks/{block}");
  // @ts-expect-error a limit is a number
  await explorer.GET("/api/v1/blocks", { params: { query: { limit: "25" } } });
  // @ts-expect-error there is no such parameter
  await explorer.GET("/api/v1/blocks", { params: { query: { page: 2 } } });
  // @ts-expect-error the API is read only
  await explorer.POST("/api/v1/blocks");

  const block = await answered(explorer.GET("/api/v1/blocks/{block}", { params: { path: { block: "latest" } } }));
  // @ts-expect-error a block has a number, not a height
  void block.data.height;
  // @ts-expect-error no base fee before London: it may be null
  void block.data.base_fee_per_gas.length;

  const call = await explorer.GET("/api/v1/transactions", { params: { query: {} } });
  // @ts-expect-error there is no data before it is known that there is no error
  void call.data.data;
  // @ts-expect-error what may be left out of a problem may be undefined
  void call.error?.restart_block.toFixed();
  for (const transaction of call.data?.data ?? []) {
    // @ts-expect-error wei are text: a number would lose some
    const wei: number = transaction.value;
    // @ts-expect-error text is not multiplied
    void (transaction.value * 2);
    // @ts-expect-error and not mixed with BigInt
    void (transaction.value * 2n);
    void wei;
  }

  // @ts-expect-error a block by its number is no list
  void rows(() => answered(explorer.GET("/api/v1/blocks/{block}", { params: { path: { block: "1" } } })));
}

export function wrongChannels(): void {
  // @ts-expect-error there is no such channel
  openStream({ baseUrl: "", channels: ["block"], onMessage: () => undefined });
  // @ts-expect-error nobody would hear it
  openStream({ baseUrl: "", channels: ["blocks"] });
}

export function wrongMessages(message: StreamMessage): void {
  // @ts-expect-error not every message is about blocks
  void message.data.blocks;
  if (message.type === "blocks") {
    // @ts-expect-error many blocks at once are not listed
    void message.data.blocks.length;
    // @ts-expect-error blocks are not taken back by blocks
    void message.data.removed_blocks;
  }
  if (message.type === "address" && message.data.change === "abi") {
    // @ts-expect-error only blocks bring transactions
    void message.data.transactions;
  }
  // @ts-expect-error there is no such message
  if (message.type === "retraction") void message;
}

/** Every type of message is known here: a new one makes this an error. */
export function all(message: StreamMessage): string {
  switch (message.type) {
    case "blocks":
    case "transactions":
    case "address":
    case "token":
    case "stats":
      return message.channel;
    case "reorg":
      return message.data.ancestor_hash;
    case "resync":
      return message.reason;
    case "subscribed":
    case "unsubscribed":
      return message.channels.join();
    case "heartbeat":
      return message.time;
    case "closing":
    case "error":
      return message.detail;
    default:
      return message satisfies never;
  }
}
