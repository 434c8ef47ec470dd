// The page: where the hash leads, what is new, and the search box.

import { Failed, get } from "./api.js";
import { blockLink, h, number } from "./dom.js";
import { home } from "./home.js";
import { follow } from "./live.js";
import * as views from "./views.js";

const VIEWS = { block: views.block, transaction: views.transaction, address: views.address, token: views.token };
const NOTICE_MS = 20000;

const content = document.getElementById("content");
const notice = document.getElementById("notice");
const query = document.getElementById("query");
let shown = { hear() {} };
let turn = 0;

async function show(focus = true) {
  const mine = ++turn;
  const [, view = "", name = ""] = location.hash.split("/").map(decodeURIComponent);
  content.setAttribute("aria-busy", "true");
  let made;
  try {
    made = view === "" ? await home() : view in VIEWS ? await VIEWS[view](name) : missing(view);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    made = failed(error);
  }
  if (mine !== turn) return; // somebody went on meanwhile
  shown = made;
  content.replaceChildren(made.element);
  content.removeAttribute("aria-busy");
  content.dataset.view = view || "home";
  document.title = view === "" ? made.title : `${made.title} · Pend explorer`;
  if (focus) {
    window.scrollTo(0, 0);
    content.focus({ preventScroll: true });
  }
}

function missing(view) {
  return { title: "Not found", element: h("h1", {}, "There is no such view", h("small", {}, view)) };
}

function failed(error) {
  return {
    title: error.title,
    element: h("section", { class: "card" },
      h("div", { class: "head" }, h("h1", { "data-problem": error.status }, error.title)),
      h("p", { class: "empty" }, error.message, " "),
      h("p", { class: "empty" }, h("button", { type: "button", class: "retry", click: () => show() }, "Try again"))),
  };
}

async function search(event) {
  event.preventDefault();
  const wanted = query.value.trim();
  if (!wanted) return;
  let found;
  try {
    found = (await get(`search?q=${encodeURIComponent(wanted)}`)).data;
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    display(failed(error));
    return;
  }
  const results = (found.results ?? []).map((result) => ({ ...result, at: placeOf(result) })).filter(({ at }) => at);
  const exact = results.find((result) => result.path === found.redirect);
  if (exact || results.length === 1) {
    query.value = "";
    const at = (exact ?? results[0]).at;
    if (location.hash === at) show();
    else location.hash = at;
    return;
  }
  display(listOf(wanted, results));
}

function display(made) {
  turn += 1;
  shown = { hear() {} };
  content.replaceChildren(made.element);
  content.dataset.view = "search";
  document.title = `${made.title} · Pend explorer`;
  content.focus();
}

function placeOf(result) {
  if (result.type === "block") return `#/block/${result.number}`;
  if (result.type === "transaction") return `#/transaction/${result.hash}`;
  if (result.type === "token") return `#/token/${result.address}`;
  if (result.type === "address") return `#/${result.is_token ? "token" : "address"}/${result.address}`;
  return result.address ? `#/address/${result.address}` : null;
}

function listOf(wanted, results) {
  return {
    title: `Search: ${wanted}`,
    element: h("section", { class: "card" },
      h("div", { class: "head" }, h("h1", {}, results.length ? `Results for ${wanted}` : `Nothing is found for ${wanted}`)),
      h("ul", { class: "rows" }, results.map((result) => h("li", {},
        h("a", { href: result.at, class: "hash" }, result.symbol ?? result.label ?? result.hash ?? result.address ?? number(result.number)),
        h("span", { class: "side" }, result.type), h("span", { class: "under hash" }, result.name ?? result.address ?? ""))))),
  };
}

let quiet = null;

function hear(message) {
  if (message.type === "reorg") {
    const { depth, ancestor_number: ancestor } = message.data;
    notice.replaceChildren(
      `A reorg replaced ${number(depth)} block${depth === 1 ? "" : "s"} above block `, blockLink(ancestor),
      ". What was shown of them is taken back.");
    notice.hidden = false;
    clearTimeout(quiet);
    quiet = setTimeout(() => { notice.hidden = true; }, NOTICE_MS);
    if (content.dataset.view !== "home") show(false);
  }
  shown.hear?.(message);
}

function say(state) {
  const words = { live: "live", polling: "every few seconds", away: "no answer" };
  document.getElementById("status").dataset.state = state;
  document.getElementById("status-text").textContent = words[state];
}

document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); content.focus(); });
document.getElementById("search").addEventListener("submit", search);
window.addEventListener("hashchange", () => show());
await show(false);
follow(hear, say);
