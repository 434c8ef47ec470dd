// Small charts, drawn as SVG, with the same figures as text for those who do not see them.

import { addressLink, h, number, svg } from "./dom.js";

const WIDTH = 640;
const HEIGHT = 190;
const LEFT = 44;
const BOTTOM = 24;

export function bars(points, label) {
  const most = Math.max(1, ...points.map((point) => point.value));
  const top = nice(most);
  const wide = (WIDTH - LEFT) / points.length;
  const tall = HEIGHT - BOTTOM - 10;
  const y = (value) => 10 + tall - (tall * value) / top;
  const ticks = [0, top / 2, top].map((value) => svg("g", {},
    svg("line", { class: "axis", x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value) }),
    svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, compact(value))));
  const every = Math.max(1, Math.ceil(points.length / 6));
  const marks = points.map((point, place) => (place % every ? null
    : svg("text", { x: LEFT + wide * (place + 0.5), y: HEIGHT - 6, "text-anchor": "middle" }, point.label)));
  const drawn = points.map((point, place) => svg("rect", {
    class: place === points.length - 1 ? "partial" : null, x: LEFT + wide * place + wide * 0.12, y: y(point.value),
    width: wide * 0.76, height: Math.max(point.value ? 1.5 : 0, 10 + tall - y(point.value)), rx: Math.min(3, wide * 0.2),
  }, svg("title", {}, `${point.title}: ${number(point.value)}`)));
  const total = points.reduce((sum, point) => sum + point.value, 0);
  return svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
    "aria-label": `${label}: ${number(total)} in ${points.length} hours, at most ${number(most)} in one.` },
  ticks, svg("g", { class: "bars" }, drawn), marks);
}

// One row a validator: a cell for each hour, coloured by the share of blocks that it sealed.
export function uptime(rows) {
  return h("ul", { class: "uptime" }, rows.map(({ address, points }) => {
    const sealed = points.reduce((sum, point) => sum + point.blocks_sealed, 0);
    const due = points.reduce((sum, point) => sum + point.blocks_in_set, 0);
    const share = due ? `${((100 * sealed) / due).toFixed(1)} % sealed` : "no blocks in the set";
    const missed = points.reduce((sum, point) => sum + point.proposals_missed, 0);
    return h("li", {},
      h("div", { class: "line" }, addressLink(address), h("span", {}, `${share}, ${number(missed)} missed`)),
      svg("svg", { viewBox: `0 0 ${points.length || 1} 1`, preserveAspectRatio: "none", role: "img",
        "aria-label": `${address}: ${share} in ${points.length} hours` },
      points.map((point, place) => svg("rect", { class: shade(point), x: place + 0.04, width: 0.92, y: 0, height: 1 },
        svg("title", {}, `${point.time}: ${point.blocks_sealed} of ${point.blocks_in_set} blocks sealed`)))));
  }));
}

function shade(point) {
  const share = point.blocks_in_set ? point.blocks_sealed / point.blocks_in_set : 1;
  // Three of four seals make a healthy block: a share of two thirds is no fault.
  return share >= 0.95 ? "cell-full" : share >= 0.5 ? "cell-most" : "cell-low";
}

function nice(value) {
  const scale = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((step) => step * scale).find((step) => step >= value);
}

function compact(value) {
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
}
