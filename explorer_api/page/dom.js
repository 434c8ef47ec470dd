// Elements and text. Nothing from the chain is ever read as HTML: it only becomes text.

const SKEW_S = 30; // clocks of validators and readers differ
const ZERO = /^0x0+$/;
const SVG = "http://www.w3.org/2000/svg";

export function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const whole = new Intl.NumberFormat("en");

export function number(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value.replace(/^-?\d+/, (digits) => whole.format(BigInt(digits)));
  return whole.format(value);
}

// Decimal text in the smallest unit, as decimal text in whole ones. Exact, whatever its size.
export function units(text, decimals) {
  if (text === null || text === undefined) return "–";
  const negative = text.startsWith("-");
  const digits = text.replace("-", "").padStart(decimals + 1, "0");
  const head = digits.slice(0, digits.length - decimals);
  const tail = decimals ? digits.slice(-decimals).replace(/0+$/, "") : "";
  return `${negative ? "-" : ""}${number(head)}${tail ? `.${tail}` : ""}`;
}

export function ether(wei) {
  return wei === null || wei === undefined ? "–" : `${units(wei, 18)} ETH`;
}

// Where there is little room: the rest is in the view of the thing itself.
export function about(wei) {
  const [whole_, part = ""] = ether(wei).replace(" ETH", "").split(".");
  const kept = part.slice(0, 4).replace(/0+$/, "");
  if (whole_ === "0" && part && !kept) return "< 0.0001 ETH";
  return `${whole_}${kept ? `.${kept}` : ""} ETH`;
}

export const isZero = (address) => ZERO.test(address ?? "");

export function short(hash, head = 10, tail = 6) {
  if (!hash) return "–";
  return hash.length > head + tail + 1 ? `${hash.slice(0, head)}…${hash.slice(-tail)}` : hash;
}

export function when(iso) {
  if (!iso) return h("span", {}, "–");
  const seconds = Math.round((Date.now() - Date.parse(iso)) / 1000);
  return h("time", { datetime: iso, title: new Date(iso).toUTCString() }, ago(seconds));
}

function ago(seconds) {
  const past = Math.abs(seconds);
  const said = past < 90 ? `${past} s` : past < 5400 ? `${Math.round(past / 60)} min`
    : past < 129600 ? `${Math.round(past / 3600)} h` : `${Math.round(past / 86400)} d`;
  if (past < SKEW_S && seconds < 1) return "now";
  return seconds < 0 ? `in ${said}` : `${said} ago`;
}

// Times that are shown grow older while one looks.
setInterval(() => {
  for (const time of document.querySelectorAll("time[datetime]")) {
    time.textContent = ago(Math.round((Date.now() - Date.parse(time.dateTime)) / 1000));
  }
}, 5000);

function link(view, name, text, label) {
  return name === null || name === undefined ? h("span", {}, "–")
    : h("a", { href: `#/${view}/${encodeURIComponent(name)}`, class: "hash", title: text === name ? null : name, "aria-label": label }, text);
}

export const blockLink = (number_, text) => link("block", number_, text ?? number(number_));
export const transactionLink = (hash, whole_ = false) => link("transaction", hash, whole_ ? hash : short(hash));
export const addressLink = (address, whole_ = false) => link("address", address, whole_ ? address : short(address, 8, 6));
export const tokenLink = (address, text) => link("token", address, text || short(address, 8, 6));

export function status(value) {
  if (value === "succeeded") return h("span", { class: "mark-good" }, "succeeded");
  if (value === "failed") return h("span", { class: "mark-bad" }, "failed");
  return h("span", { class: "mark-quiet" }, value ?? "no status");
}

export function finality(final) {
  return final ? h("span", { class: "mark-good" }, "final") : h("span", { class: "mark-quiet" }, "pending");
}

// A list of named facts; `field` is what the API calls it.
export function facts(entries) {
  return h("dl", { class: "facts" }, entries.filter(Boolean).map(([label, field, value]) => [
    h("dt", {}, label), h("dd", { "data-field": field }, value ?? "–"),
  ]));
}

export function card(title, note, ...body) {
  return h("section", { class: "card" },
    h("div", { class: "head" }, h("h2", {}, title), note ? h("p", {}, note) : null), ...body);
}

export function empty(text) {
  return h("p", { class: "empty" }, text);
}
