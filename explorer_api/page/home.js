// The first view: what happens now.

import { maybe } from "./api.js";
import { bars, uptime } from "./charts.js";
import {
  about, addressLink, blockLink, card, empty, h, isZero, number, short, status, transactionLink, when,
} from "./dom.js";

const SHOWN = 10;
const HOURS = 48;
const VALIDATORS = 8;
const TOTALS_EVERY_MS = 15000;

export async function home() {
  const blocks = new Latest("blocks", (block) => block.number, blockRow);
  const transactions = new Latest("transactions", (one) => one.block_number, transactionRow);
  const tiles = h("dl", { class: "tiles card", "aria-label": "The network now" });
  const charts = h("div", { class: "columns" });
  const [firstBlocks, firstTransactions] = await Promise.all([
    maybe(`blocks?limit=${SHOWN}`), maybe(`transactions?limit=${SHOWN}`),
  ]);
  if (firstBlocks) blocks.show([...firstBlocks.data].reverse(), false);
  if (firstTransactions) transactions.show([...firstTransactions.data].reverse(), false);
  let figures = firstBlocks ? fromBlocks(firstBlocks) : {};
  fill(tiles, figures);
  let totalsAt = 0;
  const totals = async () => {
    if (Date.now() - totalsAt < TOTALS_EVERY_MS) return;
    totalsAt = Date.now();
    const answer = await maybe("network/stats");
    if (answer) fill(tiles, figures = { ...figures, ...fromStats(answer.data) });
  };
  totals();
  drawCharts(charts);

  return {
    title: "Pend explorer",
    element: h("div", {},
      h("h1", { class: "hidden" }, "Latest blocks and transactions"), tiles,
      h("div", { class: "columns" },
        card("Latest blocks", null, blocks.list), card("Latest transactions", null, transactions.list)),
      charts),
    hear(message) {
      if (message.type === "blocks" && message.data.blocks) blocks.show(message.data.blocks, true);
      if (message.type === "blocks" && !message.data.blocks) reload(blocks, transactions);
      if (message.type === "transactions" && message.data.transactions) transactions.show(message.data.transactions, true);
      if (message.type === "stats") fill(tiles, figures = { ...figures, ...fromStream(message.data) });
      totals();
      if (message.type === "reorg") {
        blocks.cut(message.data.ancestor_number);
        transactions.cut(message.data.ancestor_number);
      }
      if (message.type === "resync") reload(blocks, transactions);
    },
  };
}

async function reload(...lists) {
  for (const list of lists) {
    const answer = await maybe(`${list.path}?limit=${SHOWN}`);
    if (!answer) continue;
    list.cut(-1);
    list.show([...answer.data].reverse(), false);
  }
}

class Latest {
  constructor(path, blockOf, row) {
    this.path = path;
    this.blockOf = blockOf;
    this.row = row;
    this.list = h("ol", { class: "rows", "data-list": path });
    this.list.append(h("li", {}, h("span", { class: "under" }, "Nothing yet.")));
    this.shown = new Map();
  }

  // In the order of the chain: the newest comes last and ends on top.
  show(things, fresh) {
    for (const thing of things) {
      if (this.shown.has(thing.hash)) continue;
      if (this.shown.size === 0) this.list.replaceChildren();
      const row = this.row(thing);
      row.dataset.hash = thing.hash;
      if (fresh) row.classList.add("fresh");
      this.list.prepend(row);
      this.shown.set(thing.hash, { block: this.blockOf(thing), row });
    }
    while (this.shown.size > SHOWN) {
      const [oldest, { row }] = this.shown.entries().next().value;
      row.remove();
      this.shown.delete(oldest);
    }
  }

  // What a reorg took back goes.
  cut(ancestor) {
    for (const [hash, { block, row }] of this.shown) {
      if (block > ancestor) {
        row.remove();
        this.shown.delete(hash);
      }
    }
  }
}

function blockRow(block) {
  return h("li", {},
    h("span", { class: "first" }, blockLink(block.number)), h("span", { class: "side" }, when(block.timestamp)),
    h("span", { class: "under" }, isZero(block.miner) ? h("span", { class: "hash" }, short(block.hash)) : ["by ", addressLink(block.miner)]),
    h("span", { class: "side" }, `${number(block.transaction_count)} txs · ${load(block)}`));
}

function load(block) {
  return block.gas_limit ? `${((100 * block.gas_used) / block.gas_limit).toFixed(1)} % gas` : "";
}

function transactionRow(one) {
  const to = one.to_address ?? one.contract_address;
  return h("li", {},
    h("span", { class: "first" }, transactionLink(one.hash)), h("span", { class: "side" }, when(one.timestamp)),
    h("span", { class: "under" }, addressLink(one.from_address), one.to_address ? " → " : " creates ", addressLink(to)),
    h("span", { class: "side" },
      one.status === "failed" ? status(one.status) : one.value === "0" ? one.method ?? one.selector ?? about("0") : about(one.value)));
}

function fromBlocks({ data, meta }) {
  const times = data.map((block) => Date.parse(block.timestamp) / 1000);
  const span = times.length > 1 ? times[0] - times.at(-1) : 0;
  return {
    head: meta.block_number, final: meta.finalized_number,
    interval: times.length > 1 ? span / (times.length - 1) : null,
    rate: span ? data.slice(0, -1).reduce((sum, block) => sum + block.transaction_count, 0) / span : null,
  };
}

const fromStats = (data) => ({
  transactions: data.total?.transactions ?? null, addresses: data.total?.new_addresses ?? null,
});

const fromStream = (data) => ({
  head: data.head_number, final: data.finalized_number, interval: data.block_interval_s, rate: data.transactions_per_second,
});

function fill(tiles, figures) {
  const rounded = (value, unit, places) => (typeof value === "number" ? `${value.toFixed(places)}${unit}` : "–");
  const entries = [
    ["Newest block", "head", number(figures.head)],
    ["Final up to", "final", figures.final === null || figures.final === undefined ? "not known" : number(figures.final)],
    ["Between blocks", "interval", rounded(figures.interval, " s", 1)],
    ["Transactions a second", "rate", rounded(figures.rate, "", 2)],
    typeof figures.transactions === "number" && ["Transactions", "transactions", number(figures.transactions)],
    typeof figures.addresses === "number" && ["Addresses", "addresses", number(figures.addresses)],
  ];
  tiles.replaceChildren(...entries.filter(Boolean).map(([label, field, value]) => h("div", {},
    h("dt", {}, label), h("dd", { "data-figure": field }, value))));
}

async function drawCharts(into) {
  const [activity, validators] = await Promise.all([
    maybe("network/charts/transactions?interval=hour"), maybe("validators"),
  ]);
  const points = series(activity?.data).slice(-HOURS);
  if (points.length) {
    into.append(card("Transactions by hour", "UTC; the last hour is not over", bars(points, "Transactions by hour")));
  }
  const named = listed(validators?.data);
  const rows = await Promise.all(named.slice(0, VALIDATORS).map(async (address) => {
    const answer = await maybe(`validators/${address}/uptime?interval=hour`);
    return { address, points: (answer?.data?.points ?? []).slice(-HOURS) };
  }));
  const seen = rows.filter((row) => row.points.length);
  if (seen.length) into.append(card("Validators", `blocks sealed, last ${HOURS} hours`, uptime(seen)));
  if (!into.children.length) into.append(card("Charts", null, empty("There are no figures by hour yet.")));
}

function series(data) {
  return (data?.points ?? []).map((point) => {
    const value = Number(point.value ?? 0);
    const at = new Date(point.time);
    const hour = `${String(at.getUTCHours()).padStart(2, "0")}:00`;
    return { value, label: hour, title: `${at.toISOString().slice(0, 10)} ${hour} UTC` };
  });
}

function listed(data) {
  const validators = Array.isArray(data) ? data : data?.validators ?? [];
  return validators.map((one) => (typeof one === "string" ? one : one.address)).filter(Boolean);
}
