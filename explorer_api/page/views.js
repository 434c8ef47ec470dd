// One view a thing: block, transaction, address, token.

import { get, maybe } from "./api.js";
import {
  about, addressLink, blockLink, card, empty, ether, facts, finality, h, number, short, status, tokenLink, transactionLink, units,
  when,
} from "./dom.js";

const ROWS = 25;

export async function block(name) {
  const { data } = await get(`blocks/${encodeURIComponent(name)}`);
  return {
    title: `Block ${number(data.number)}`,
    element: h("div", {},
      h("h1", {}, `Block ${number(data.number)}`),
      card("Summary", null, facts([
        ["Hash", "hash", h("span", { class: "hash" }, data.hash)],
        ["Parent", "parent_hash", data.number > 0 ? h("a", { class: "hash", href: `#/block/${data.number - 1}` }, data.parent_hash) : data.parent_hash],
        ["Time", "timestamp", [when(data.timestamp), ` · ${new Date(data.timestamp).toUTCString()}`].map(text)],
        ["Finality", "final", finality(data.final)],
        ["Proposer", "miner", addressLink(data.miner, true)],
        data.round !== null && data.round !== undefined && ["Round", "round", number(data.round)],
        ["Transactions", "transaction_count", number(data.transaction_count)],
        ["Logs", "log_count", number(data.log_count)],
        ["Gas used", "gas_used", `${number(data.gas_used)} of ${number(data.gas_limit)}`],
        ["Base fee", "base_fee_per_gas", data.base_fee_per_gas === null ? "none" : `${number(data.base_fee_per_gas)} wei`],
        ["Size", "size", `${number(data.size)} bytes`],
        data.next_number && ["Next", "next_number", blockLink(data.next_number)],
      ])),
      await table("Transactions", `blocks/${data.number}/transactions`, without(transactionColumns, "Block", "Time"))),
  };
}

export async function transaction(hash) {
  const { data } = await get(`transactions/${encodeURIComponent(hash)}`);
  const said = data.error?.reason ?? data.error?.name ?? data.revert_reason;
  return {
    title: `Transaction ${short(data.hash)}`,
    element: h("div", {},
      h("h1", {}, "Transaction", h("small", { class: "hash" }, data.hash)),
      card("Summary", null, facts([
        ["Status", "status", data.state === "pending" ? h("span", { class: "mark-quiet" }, "not indexed yet") : status(data.status)],
        said && ["Reason", "revert_reason", said],
        ["Block", "block_number", data.block_number === null ? "none yet" : blockLink(data.block_number)],
        data.timestamp && ["Time", "timestamp", when(data.timestamp)],
        data.final !== undefined && ["Finality", "final", finality(data.final)],
        ["From", "from_address", addressLink(data.from_address, true)],
        data.to_address ? ["To", "to_address", addressLink(data.to_address, true)]
          : ["Creates", "contract_address", addressLink(data.contract_address ?? null, true)],
        ["Value", "value", ether(data.value)],
        data.fee && ["Fee", "fee", ether(data.fee)],
        ["Gas", "gas_used", `${number(data.gas_used)} of ${number(data.gas_limit)}`],
        ["Nonce", "nonce", number(data.nonce)],
        (data.call?.name || data.method || data.selector) && ["Method", "method", data.call?.signature ?? data.call?.name ?? data.method ?? data.selector],
        data.call?.arguments && ["Arguments", "arguments", h("pre", { tabindex: 0, role: "region", "aria-label": "Arguments" }, JSON.stringify(data.call.arguments, null, 2))],
        data.input && data.input !== "0x" && ["Input", "input", h("pre", { tabindex: 0, role: "region", "aria-label": "Input" }, data.input)],
      ])),
      data.token_transfers?.length ? card("Token transfers", null, grid("Token transfers", data.token_transfers, transferColumns)) : null,
      data.logs?.length ? card("Logs", null, grid("Logs", data.logs, logColumns)) : null),
  };
}

export async function address(name) {
  const path = `addresses/${encodeURIComponent(name)}`;
  const { data } = await get(path);
  const counted = data.counters ?? {};
  return {
    title: `Address ${short(data.address)}`,
    element: h("div", {},
      h("h1", {}, data.is_contract ? "Contract" : "Address", h("small", { class: "hash" }, data.address)),
      card(data.label ?? "Summary", data.seen === false ? "no indexed block names it" : null, facts([
        ["Balance", "balance", data.native ? ether(data.native.balance) : "not asked yet"],
        ["Transactions", "transactions", number(counted.transactions)],
        ["Token transfers", "token_transfers", number(counted.token_transfers)],
        ["First block", "first_block", data.first_block === null ? "none" : blockLink(data.first_block)],
        ["Last block", "last_block", data.last_block === null ? "none" : blockLink(data.last_block)],
        data.creation && ["Created by", "creator", addressLink(data.creation.creator, true)],
        data.creation?.transaction_hash && ["Created in", "creation_transaction", transactionLink(data.creation.transaction_hash)],
        data.proxy && ["Proxy of", "proxy", addressLink(data.proxy.implementation ?? data.proxy.target, true)],
        data.token && ["Token", "token", tokenLink(data.address, data.token.symbol ?? "token")],
      ])),
      await table("Transactions", `${path}/transactions`, transactionColumns),
      await table("Tokens held", `${path}/tokens`, heldColumns),
      await table("Token transfers", `${path}/token-transfers`, transferColumns)),
  };
}

export async function token(name) {
  const path = `tokens/${encodeURIComponent(name)}`;
  const { data } = await get(path);
  const said = data.metadata ?? {};
  const places = said.decimals ?? 0;
  const items = (data.standards ?? []).some((one) => one.standard !== "ERC-20") ? null : "Item";
  return {
    title: said.name ?? `Token ${short(data.address)}`,
    element: h("div", {},
      h("h1", {}, said.name ?? "Token", said.symbol ? ` (${said.symbol})` : "", h("small", { class: "hash" }, data.address)),
      card("Summary", null, facts([
        ["Contract", "address", addressLink(data.address, true)],
        ["Symbol", "symbol", said.symbol ?? "not said"],
        ["Supply, as it says", "total_supply", said.total_supply ? units(said.total_supply, places) : "not said"],
        ["Decimals", "decimals", said.decimals === null || said.decimals === undefined ? "not said" : number(said.decimals)],
        ...(data.standards ?? []).flatMap((one) => [
          [`${one.standard} holders`, "holder_count", number(one.holder_count)],
          [`${one.standard} transfers`, "transfer_count", number(one.transfer_count)],
        ]),
      ])),
      await table("Largest holders", `${path}/holders`, without(holderColumns(places), items), 10),
      await table("Transfers", `${path}/transfers`, without(transferColumns, "Token", items), 10)),
  };
}

const transactionColumns = [
  ["Transaction", (one) => transactionLink(one.hash)],
  ["Method", (one) => one.method ?? one.selector ?? "–"],
  ["Block", (one) => blockLink(one.block_number)],
  ["From", (one) => addressLink(one.from_address)],
  ["To", (one) => (one.to_address ? addressLink(one.to_address) : h("span", {}, "creates ", addressLink(one.contract_address)))],
  ["Value", (one) => about(one.value), "number"],
  ["Status", (one) => status(one.status)],
  ["Time", (one) => when(one.timestamp)],
];

const transferColumns = [
  ["Transaction", (one) => transactionLink(one.transaction_hash)],
  ["Token", (one) => tokenLink(one.token.address, one.token.symbol)],
  ["From", (one) => addressLink(one.from_address ?? one.counterparty)],
  ["To", (one) => addressLink(one.to_address)],
  ["Amount", (one) => units(one.amount, one.token?.decimals ?? 0), "number"],
  ["Item", (one) => (one.token_id === null || one.token_id === undefined ? "–" : short(one.token_id, 12, 4))],
  ["Block", (one) => blockLink(one.block_number)],
];

const heldColumns = [
  ["Token", (one) => tokenLink(one.token.address, one.token.symbol)],
  ["Standard", (one) => one.standard],
  ["Item", (one) => (one.token_id === null ? "–" : short(one.token_id, 12, 4))],
  ["Balance", (one) => units(one.balance, one.token.decimals ?? 0), "number"],
];

const holderColumns = (places) => [
  ["Holder", (one) => addressLink(one.holder)],
  ["Item", (one) => (one.token_id === null ? "–" : short(one.token_id, 12, 4))],
  ["Balance", (one) => units(one.balance, places), "number"],
  ["Share", (one) => (typeof one.share === "number" ? `${(100 * one.share).toFixed(2)} %` : "–"), "number"],
];

const logColumns = [
  ["Index", (one) => number(one.log_index)],
  ["Contract", (one) => addressLink(one.address)],
  ["Event", (one) => one.event?.name ?? "not known"],
  ["Arguments", (one) => h("span", { class: "hash" }, one.event?.arguments ? short(JSON.stringify(one.event.arguments), 90, 4) : short(one.topics[0], 14, 6))],
];

function without(columns, ...labels) {
  return columns.filter(([label]) => !labels.includes(label));
}

function text(part) {
  return typeof part === "string" ? document.createTextNode(part) : part;
}

function grid(title, rows, columns) {
  const body = h("tbody", {}, rows.map((row) => tableRow(row, columns)));
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, h("table", {},
    h("thead", {}, h("tr", {}, columns.map(([label, , kind]) => h("th", { scope: "col", class: kind }, label)))), body));
}

function tableRow(row, columns) {
  return h("tr", { "data-row": row.hash ?? row.transaction_hash ?? row.holder },
    columns.map(([, cell, kind]) => h("td", { class: kind }, cell(row))));
}

// A list of the API with a button for its next page; nothing where the API does not have it.
async function table(title, path, columns, limit = ROWS) {
  const first = await maybe(`${path}?limit=${limit}`);
  if (!first) return null;
  if (!first.data.length) return card(title, null, empty("None."));
  const list = grid(title, first.data, columns);
  const more = h("div", { class: "more" });
  let next = first.page?.next;
  const button = h("button", { type: "button", click: async () => {
    const page = await maybe(`${path}?limit=${limit}&cursor=${encodeURIComponent(next)}`);
    list.querySelector("tbody").append(...(page?.data ?? []).map((row) => tableRow(row, columns)));
    next = page?.page?.next;
    if (!next) more.remove();
  } }, "More");
  more.append(button);
  return card(title, null, list, next ? more : null);
}
