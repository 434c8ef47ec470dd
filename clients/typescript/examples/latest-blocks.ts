/** The latest blocks, live: read once, then kept up to date by the stream; reorgs take blocks back. */
import { answered, createExplorer, openStream, type Schemas, type Stream } from "@pend/explorer-client";

type Block = Schemas["BlockSummary"];

const SHOWN = 10;

/** Calls `show` with the newest blocks, newest first, whenever they change. `close()` ends it. */
export async function latestBlocks(baseUrl: string, show: (blocks: Block[]) => void): Promise<Stream> {
  const explorer = createExplorer({ baseUrl });
  let blocks: Block[] = [];

  async function read(atLeast: number): Promise<number> {
    for (;;) {
      const page = await answered(explorer.GET("/api/v1/blocks", { params: { query: { limit: SHOWN } } }));
      if (page.meta.sequence >= atLeast) {
        take(page.data);
        return page.meta.sequence;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** By number: what is read and what is told overlap. */
  function take(fresh: Block[]): void {
    const byNumber = new Map([...blocks, ...fresh].map((block) => [block.number, block]));
    blocks = [...byNumber.values()].sort((a, b) => b.number - a.number).slice(0, SHOWN);
    show(blocks);
  }

  const sequence = await read(0);
  return openStream({
    baseUrl,
    channels: ["blocks"],
    after: sequence,
    onMessage(message) {
      switch (message.type) {
        case "blocks":
          if (message.data.blocks === null) void read(message.sequence); // too many at once to be told
          else take(message.data.blocks);
          break;
        case "reorg":
          blocks = blocks.filter((block) => block.number <= message.data.ancestor_number);
          show(blocks);
          break;
        case "resync":
          blocks = [];
          void read(message.sequence);
          break;
      }
    },
  });
}
