/** Messages of the live stream (docs/streams.md). `type` tells them apart. */
import type { components } from "./schema.js";

type Schemas = components["schemas"];

export type Channel = "blocks" | "transactions" | "reorgs" | "stats" | `address:${string}` | `token:${string}`;

/** Where a row of the outbox stands. */
interface Placed {
  /** The number of the commit that this tells of; `meta.sequence` of the API counts the same. */
  sequence: number;
  /** Tells a row from one of another history with the same number. */
  stamp: number | null;
}

interface News<Type extends string, Name extends Channel, Data> extends Placed {
  type: Type;
  channel: Name;
  data: Data;
}

interface Range {
  from_block: number;
  to_block: number;
}

/** What was stored at once. A list is null where there was too much to tell: the API has it. */
export interface BlocksTold extends Range {
  transaction_count: number | null;
  log_count: number | null;
  /** Lowest first. */
  blocks: Schemas["BlockSummary"][] | null;
}

export interface TransactionsTold extends Range {
  transaction_count: number | null;
  transactions: Schemas["TransactionSummary"][] | null;
  /** The API has more of this row. */
  more: boolean;
}

/** A transfer as the event says it; amounts and ids are decimal text. */
export interface TransferTold {
  block_number: number;
  log_index: number;
  batch_index: number;
  transaction_index: number;
  transaction_hash: string;
  token: string;
  standard: "ERC-20" | "ERC-721" | "ERC-1155";
  operator: string | null;
  from_address: string;
  to_address: string;
  token_id: string | null;
  amount: string;
}

/** Something is to be read again from the API. */
interface Changed extends Range {
  change: "native_balances" | "contract_codes" | "token_metadata" | "abi";
}

export type AddressTold =
  | (Range & {
      change: "blocks" | "range";
      transactions: Schemas["TransactionSummary"][] | null;
      token_transfers: TransferTold[] | null;
      more: boolean;
    })
  | Changed;

export type TokenTold =
  | (Range & { change: "blocks" | "range"; token_transfers: TransferTold[] | null; more: boolean })
  | Changed;

/** Pace and load of the last 100 blocks. */
export interface StatsTold {
  sequence: number;
  head_number: number | null;
  head_hash: string | null;
  finalized_number: number | null;
  head_timestamp: string | null;
  blocks: number;
  transactions: number | null;
  block_interval_s: number | null;
  transactions_per_second: number | null;
  gas_used_ratio: number | null;
}

/** Take back what lies above `ancestor_number`; the new branch follows as news. */
export interface ReorgTold {
  ancestor_number: number;
  ancestor_hash: string;
  old_head_number: number;
  old_head_hash: string;
  depth: number;
  transactions_removed: number;
  /** Hashes from the old head down, 1,000 at most. */
  removed_blocks: string[];
}

export type BlocksMessage = News<"blocks", "blocks", BlocksTold>;
export type TransactionsMessage = News<"transactions", "transactions", TransactionsTold>;
export type AddressMessage = News<"address", `address:${string}`, AddressTold>;
export type TokenMessage = News<"token", `token:${string}`, TokenTold>;
export type StatsMessage = News<"stats", "stats", StatsTold>;

export interface ReorgMessage extends Placed {
  type: "reorg";
  data: ReorgTold;
}

/** Read what you show from the API anew, until its `meta.sequence` is at least `sequence`; nothing after is missing. */
export interface ResyncMessage extends Placed {
  type: "resync";
  reason: "not_there" | "too_far_behind" | "ahead" | "other_history";
  detail: string;
  history: string;
}

export interface SubscribedMessage extends Placed {
  type: "subscribed";
  channels: Channel[];
  history: string;
}

export interface UnsubscribedMessage extends Placed {
  type: "unsubscribed";
  channels: Channel[];
}

export interface HeartbeatMessage extends Placed {
  type: "heartbeat";
  time: string;
}

/** The server ends; the stream connects again by itself. */
export interface ClosingMessage extends Placed {
  type: "closing";
  detail: string;
}

export interface ErrorMessage extends Placed {
  type: "error";
  error: "bad_message" | "unknown_channel" | "too_many_channels" | "too_slow" | "gone";
  detail: string;
}

export type StreamMessage =
  | BlocksMessage
  | TransactionsMessage
  | AddressMessage
  | TokenMessage
  | StatsMessage
  | ReorgMessage
  | ResyncMessage
  | SubscribedMessage
  | UnsubscribedMessage
  | HeartbeatMessage
  | ClosingMessage
  | ErrorMessage;
