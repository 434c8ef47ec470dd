import { createConfig } from "ponder";
import { parseAbi } from "viem";

export default createConfig({
  database: { kind: "postgres", connectionString: process.env.DATABASE_URL },
  chains: { bench: { id: 424242, rpc: process.env.BENCH_RPC } },
  contracts: {
    Token: {
      chain: "bench",
      abi: parseAbi(["event Transfer(address indexed from, address indexed to, uint256 value)"]),
      startBlock: 0,
      endBlock: Number(process.env.BENCH_LAST),
    },
  },
});
