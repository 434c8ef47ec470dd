/** What an address sent and received, summed over all its pages. Amounts are text: BigInt keeps every wei. */
import { answered, createExplorer, rows } from "@pend/explorer-client";

export async function totals(baseUrl: string, address: string): Promise<{ sent: bigint; received: bigint }> {
  const explorer = createExplorer({ baseUrl });
  let sent = 0n;
  let received = 0n;
  const transactions = rows((cursor) =>
    answered(
      explorer.GET("/api/v1/addresses/{address}/transactions", {
        params: { path: { address }, query: { limit: 1000, cursor } },
      }),
    ),
  );
  for await (const transaction of transactions) {
    if (transaction.status === "failed") continue;
    if (transaction.from_address === address.toLowerCase()) sent += BigInt(transaction.value);
    if (transaction.to_address === address.toLowerCase()) received += BigInt(transaction.value);
  }
  return { sent, received };
}
