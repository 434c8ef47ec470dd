/** Every block down to a number, although the network may replace its newest ones while they are read. */
import { answered, createExplorer, ProblemError, rows, type Schemas } from "@pend/explorer-client";

export async function blocksDownTo(baseUrl: string, lowest: number): Promise<Map<number, Schemas["BlockSummary"]>> {
  const explorer = createExplorer({ baseUrl });
  const blocks = new Map<number, Schemas["BlockSummary"]>();
  for (;;) {
    try {
      const all = rows((cursor) =>
        answered(explorer.GET("/api/v1/blocks", { params: { query: { limit: 500, cursor } } })),
      );
      for await (const block of all) {
        if (block.number < lowest) return blocks;
        blocks.set(block.number, block);
      }
      return blocks;
    } catch (error) {
      if (!(error instanceof ProblemError) || error.problem.status !== 409) throw error;
      // What was above is another branch now; what is at or below still stands.
      const stands = error.problem.restart_block ?? -1;
      for (const number of blocks.keys()) if (number > stands) blocks.delete(number);
    }
  }
}
