// Draws each figure from the numbers in its page. Nothing is computed here: no estimate, no interval, no error.

import { areaY, cell, dot, line, lineY, link, plot, ruleX, ruleY, text } from "@observablehq/plot";

const INK = "currentColor";
const FAINT = "var(--line)";
const BLUE = "var(--series-1)";
const ORANGE = "var(--series-2)";
const SERIES = Array.from({ length: 9 }, (_, index) => `var(--series-${index + 1})`);
const MINUS = "\u2212";

const kinds = { intervals, series, curve, frontier, mechanisms, shrinking, columns, ranks, matrix };

export function drawFigures(root) {
  const figures = root.matches?.("figure[data-kind]") ? [root] : root.querySelectorAll("figure[data-kind]");
  for (const figure of figures) draw(figure);
}

export function redrawAll() {
  drawFigures(document.body);
}

// Move the mark of every curve that a slider governs to the slider's place, from the points that the page holds.
export function markCurves(slider, value) {
  for (const figure of document.querySelectorAll("figure[data-kind=curve]")) {
    const data = read(figure);
    if (data.slider !== slider) continue;
    const point = data.points.find((candidate) => Math.abs(candidate.x - value) < 1e-9 * Math.abs(value) + 1e-12);
    if (point) draw(figure, { ...data, here: point });
  }
}

function read(figure) {
  return JSON.parse(figure.querySelector("script[type='application/json']").textContent);
}

function draw(figure, data = read(figure)) {
  const box = figure.querySelector(".plot");
  const width = Math.max(260, Math.min(960, box.clientWidth || 640));
  const drawing = kinds[figure.dataset.kind](data, width);
  for (const style of drawing.querySelectorAll("style")) style.remove(); // inline styles are not allowed; app.css has the two rules
  drawing.setAttribute("aria-hidden", "true"); // the box around it carries the sentence, the table the numbers
  box.replaceChildren(drawing);
}

const shared = (width) => ({ width, style: { background: "none", fontFamily: "inherit", fontSize: "13px", overflow: "visible" } });

function percent(value) {
  const shown = Math.abs(value) < 1e-12 ? 0 : value;
  return `${shown < 0 ? MINUS : ""}${Number(Math.abs(shown).toPrecision(6))} %`;
}

// plain: the numbers are shown as they are; else they are shares, shown in percent.
function intervals({ rows, floor, plain: asTheyAre = false }, width) {
  const narrow = width < 520;
  const scale = (share) => (share === null || asTheyAre ? share : 100 * share);
  const scaled = rows.map((row) => ({
    ...row,
    estimate: scale(row.estimate),
    low: scale(row.low),
    high: scale(row.high),
    lowInner: scale(row.lowInner),
    highInner: scale(row.highInner),
    post: scale(row.post),
  }));
  const inner = scaled.filter((row) => row.lowInner !== null);
  const longest = Math.max(...rows.map((row) => Array.from(row.item).length));
  const marginLeft = Math.min(narrow ? 110 : 200, 20 + 7.5 * Math.min(longest, 26));
  const left = Math.min(0, ...scaled.map((row) => row.low));
  const right = Math.max(...scaled.map((row) => row.high));
  const processed = scaled.filter((row) => row.post !== null);
  return plot({
    ...shared(width),
    height: 46 + 24 * rows.length,
    marginLeft,
    marginRight: 66,
    marginTop: 30,
    marginBottom: 12,
    x: { domain: [left, right], axis: "top", label: null, tickFormat: asTheyAre ? plain : percent, ticks: narrow ? 4 : 7, tickSize: 0, grid: true },
    y: { domain: scaled.map((row) => row.item), label: null, tickSize: 0, tickFormat: shortened, type: "band", padding: 0.2 },
    marks: [
      ruleX([0], { stroke: INK, strokeOpacity: 0.55 }),
      ...(floor === null ? [] : [ruleX([scale(floor)], { stroke: INK, strokeOpacity: 0.5, strokeDasharray: "2,4" })]),
      link(scaled, { x1: "low", x2: "high", y1: "item", y2: "item", stroke: BLUE, strokeWidth: 1.5, strokeOpacity: 0.75 }),
      link(inner, { x1: "lowInner", x2: "highInner", y1: "item", y2: "item", stroke: BLUE, strokeWidth: 5, strokeOpacity: 0.45, strokeLinecap: "round" }),
      dot(processed, { x: "post", y: "item", stroke: ORANGE, fill: "var(--ground)", r: 4.5, strokeWidth: 1.75, symbol: "diamond" }),
      dot(scaled, { x: "estimate", y: "item", fill: (row) => (row.clear ? BLUE : "var(--ground)"), stroke: BLUE, strokeWidth: 1.5, r: 3.5, title: "text" }),
      text(scaled, { x: right, y: "item", text: "label", textAnchor: "start", dx: 10, fill: INK, fontVariant: "tabular-nums" }),
    ],
  });
}

function shortened(item) {
  const letters = Array.from(item);
  return letters.length > 26 ? `${letters.slice(0, 25).join("")}…` : item;
}

function series({ points }, width) {
  const rows = points.map((row) => ({ ...row, at: new Date(row.start), estimate: 100 * row.estimate, low: 100 * row.low, high: 100 * row.high }));
  const names = [...new Set(rows.map((row) => row.item))];
  const colour = (row) => SERIES[names.indexOf(row.item) % SERIES.length];
  const last = names.map((name) => rows.filter((row) => row.item === name).at(-1));
  const ends = apart(last, (row) => row.estimate, (Math.max(...rows.map((r) => r.high)) - Math.min(0, ...rows.map((r) => r.low))) / 15);
  return plot({
    ...shared(width),
    height: 280,
    marginLeft: 54,
    marginRight: Math.min(150, 24 + 8 * Math.max(...names.map((name) => Math.min(18, Array.from(name).length)))),
    marginTop: 16,
    x: { type: "utc", label: null, ticks: width < 520 ? 3 : 6, tickSize: 0 },
    y: { domain: [Math.min(0, ...rows.map((row) => row.low)), Math.max(...rows.map((row) => row.high))], label: null, tickFormat: percent, ticks: 5, tickSize: 0, grid: true },
    marks: [
      ruleY([0], { stroke: INK, strokeOpacity: 0.55 }),
      areaY(rows, { x: "at", y1: "low", y2: "high", z: "item", fill: colour, fillOpacity: 0.16 }),
      lineY(rows, { x: "at", y: "estimate", z: "item", stroke: colour, strokeWidth: 2 }),
      dot(rows, { x: "at", y: "estimate", fill: colour, r: 2.5, title: "text" }),
      text(ends, { x: (end) => end.row.at, y: "place", text: (end) => shortened(end.row.item), fill: (end) => colour(end.row), textAnchor: "start", dx: 10, fontWeight: 600 }),
    ],
  });
}

// Labels at the ends of lines, moved apart where they would cover one another.
function apart(rows, value, gap) {
  const sorted = rows.map((row) => ({ row, place: value(row) })).sort((a, b) => a.place - b.place);
  for (let i = 1; i < sorted.length; i += 1) sorted[i].place = Math.max(sorted[i].place, sorted[i - 1].place + gap);
  return sorted;
}

const BIG = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

function short(value) {
  for (const [size, unit] of BIG) if (value >= size) return `${Number((value / size).toPrecision(3))} ${unit}`;
  return String(Number(value.toPrecision(3)));
}

function decades(low, high, steps) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const step of steps) {
      const tick = Number((step * 10 ** power).toPrecision(12));
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

const extent = (values) => [Math.min(...values), Math.max(...values)];

function logAxis(values, label, wide) {
  const [low, high] = extent(values);
  const domain = low === high ? [low / 2, high * 2] : [low, high];
  const steps = domain[1] / domain[0] > 100 || !wide ? [1] : [1, 2, 5];
  return { type: "log", domain, ticks: decades(...domain, steps), tickFormat: short, label, tickSize: 0, grid: true, labelArrow: "none", labelAnchor: "center" };
}

function curve({ points, here, target, xLabel, yLabel }, width) {
  const label = `±${Number(here.y.toPrecision(2))} points`;
  const right = Math.log(here.x / points[0].x) > 0.7 * Math.log(points.at(-1).x / points[0].x);
  return plot({
    ...shared(width),
    height: 300,
    marginLeft: 58,
    marginRight: 18,
    marginBottom: 46,
    marginTop: 20,
    x: logAxis([...points.map((point) => point.x), here.x], xLabel, width > 420),
    y: { ...logAxis([...points.map((point) => point.y), here.y, target], yLabel, true), labelAnchor: "top" },
    marks: [
      ruleY([target], { stroke: ORANGE, strokeDasharray: "5,4" }),
      text([target], { y: (value) => value, text: () => "target", frameAnchor: "left", dx: 4, dy: -8, fill: ORANGE, fontWeight: 600 }),
      line(points, { x: "x", y: "y", stroke: BLUE, strokeWidth: 2 }),
      ruleX([here.x], { stroke: INK, strokeOpacity: 0.4, strokeDasharray: "2,4" }),
      dot([here], { x: "x", y: "y", fill: BLUE, r: 5.5, stroke: "var(--ground)", strokeWidth: 2 }),
      text([here], { x: "x", y: "y", text: () => label, dx: right ? -11 : 11, dy: -13, textAnchor: right ? "end" : "start", fill: INK, fontWeight: 600, stroke: "var(--ground)", strokeWidth: 4 }),
    ],
  });
}

function frontier({ points, xLabel, yLabel }, width) {
  const best = points.filter((point) => point.frontier).sort((a, b) => a.x - b.x);
  const [low, high] = extent(points.map((point) => point.x));
  const stretched = { ...logAxis([low / 1.5, high * 1.5], xLabel, width > 420) };
  const heights = extent(points.map((point) => point.y));
  const y = { ...logAxis([heights[0] / 2.5, heights[1] * 2.5], yLabel, false), tickFormat: percent };
  const named = placed(points, stretched.domain, y.domain, width, 340);
  return plot({
    ...shared(width),
    height: 340,
    marginLeft: 70,
    marginRight: 24,
    marginBottom: 46,
    marginTop: 24,
    x: stretched,
    y: { ...y, labelAnchor: "top" },
    marks: [
      line(best, { x: "x", y: "y", curve: "step-after", stroke: BLUE, strokeOpacity: 0.6, strokeWidth: 1.5 }),
      dot(points, { x: "x", y: "y", r: 5, fill: (point) => (point.frontier ? BLUE : "var(--ground)"), stroke: (point) => (point.usable ? BLUE : "var(--quiet)"), strokeWidth: 1.75, title: "text" }),
      ...named.map((point) =>
        text([point], { x: "x", y: "y", text: "name", dx: point.end ? -9 : 9, dy: point.shift, textAnchor: point.end ? "end" : "start", fill: point.usable ? INK : "var(--quiet)", fontSize: 12, stroke: "var(--ground)", strokeWidth: 3 }),
      ),
    ],
  });
}

// Where each label goes: beside its dot, and up or down as far as it must to cover no other label.
function placed(points, xDomain, yDomain, width, height) {
  const across = (point) => (Math.log(point.x / xDomain[0]) / Math.log(xDomain[1] / xDomain[0])) * (width - 94);
  const down = (point) => (1 - Math.log(point.y / yDomain[0]) / Math.log(yDomain[1] / yDomain[0])) * (height - 70);
  const taken = [];
  return [...points]
    .sort((a, b) => down(a) - down(b))
    .map((point) => {
      const size = 6.6 * point.name.length;
      const end = across(point) + size + 12 > width - 84;
      const left = end ? across(point) - 9 - size : across(point) + 9;
      const free = (shift) =>
        taken.every((box) => left > box.right || left + size < box.left || Math.abs(down(point) + shift - box.middle) > 14);
      const shift = [0, -14, 14, -28, 28, -42, 42, -56, 56].find(free) ?? 0;
      taken.push({ left, right: left + size, middle: down(point) + shift });
      return { ...point, end, shift };
    });
}

function mechanisms({ lines, dots, here }, width) {
  const names = [...new Set(lines.map((row) => row.mechanism))];
  const colour = (row) => SERIES[names.indexOf(row.mechanism) % SERIES.length];
  const cap = 12;
  const last = names.map((name) => lines.filter((row) => row.mechanism === name && row.y <= cap).at(-1)).filter(Boolean);
  const ends = apart(last, (row) => Math.log(row.y), Math.log(cap) / 17);
  const wide = width > 560;
  const x = extent(lines.map((row) => row.x));
  return plot({
    ...shared(width),
    height: 380,
    marginLeft: 44,
    marginRight: wide ? 190 : 20,
    marginBottom: 46,
    marginTop: 24,
    x: { type: "log", domain: [Math.min(x[0], here), Math.max(x[1], here)], ticks: [0.25, 0.5, 1, 2, 4, 6], tickFormat: String, label: "privacy loss ε", tickSize: 0, grid: true, labelArrow: "none", labelAnchor: "center" },
    y: { type: "log", domain: [0.94, cap], ticks: [1, 1.5, 2, 3, 5, 10], tickFormat: String, label: "error over optimum", tickSize: 0, grid: true, labelArrow: "none", labelAnchor: "top" },
    marks: [
      ruleY([1], { stroke: INK, strokeOpacity: 0.55 }),
      ruleX([here], { stroke: INK, strokeOpacity: 0.4, strokeDasharray: "2,4" }),
      line(lines, { x: "x", y: "y", z: "mechanism", stroke: colour, strokeWidth: 2, clip: true }),
      dot(dots.filter((row) => row.y <= cap), { x: "x", y: "y", stroke: colour, fill: "var(--ground)", r: 4.5, strokeWidth: 2, title: (row) => `${row.mechanism}, measured: ${row.y.toFixed(3)}` }),
      ...(wide ? [text(ends, { x: (end) => end.row.x, y: (end) => Math.exp(end.place), text: (end) => end.row.mechanism, fill: (end) => colour(end.row), textAnchor: "start", dx: 10, fontWeight: 600, fontSize: 12 })] : []),
    ],
    ...(wide ? {} : { color: { legend: false } }),
  });
}

function shrinking({ points }, width) {
  return plot({
    ...shared(width),
    height: 220,
    marginLeft: 52,
    marginRight: 24,
    marginBottom: 44,
    marginTop: 20,
    x: { domain: [0, Math.max(...points.map((point) => point.x))], label: "reports", labelArrow: "none", labelAnchor: "center", tickFormat: short, ticks: 5, tickSize: 0 },
    y: { domain: [0, Math.max(...points.map((point) => point.y))], label: "points wide", labelArrow: "none", labelAnchor: "top", ticks: 4, tickSize: 0, grid: true },
    marks: [
      line(points, { x: "x", y: "y", stroke: BLUE, strokeWidth: 2 }),
      dot(points.slice(-1), { x: "x", y: "y", fill: BLUE, r: 5, stroke: "var(--ground)", strokeWidth: 2 }),
    ],
  });
}

// Lines of an analysis: each with a name and its own x and y. With many of them, as from many starts, they are thin and unnamed.
function columns({ lines, xLabel, yLabel, logX, logY }, width) {
  const rows = lines.flatMap(({ name, x, y }) => x.map((at, index) => ({ name, x: at, y: y[index] }))).filter((row) => usable(row, logX, logY));
  const names = lines.map((entry) => entry.name);
  const many = names.length > SERIES.length;
  const colour = (row) => (many ? BLUE : SERIES[names.indexOf(row.name)]);
  const last = names.map((name) => rows.filter((row) => row.name === name).at(-1)).filter(Boolean);
  const labelled = names.length > 1 && !many && width > 480;
  const heights = extent(rows.map((row) => row.y));
  const gap = (logY ? Math.log(heights[1] / heights[0]) : heights[1] - heights[0]) / 15;
  const ends = apart(last, (row) => (logY ? Math.log(row.y) : row.y), gap);
  const axis = (log, values, label) =>
    log ? logAxis(values, label, true) : { domain: padded(extent(values)), label, tickSize: 0, grid: true, labelArrow: "none", ticks: 5, tickFormat: plain };
  return plot({
    ...shared(width),
    height: 320,
    marginLeft: 62,
    marginRight: labelled ? 130 : 20,
    marginBottom: 46,
    marginTop: 24,
    x: { ...axis(logX, rows.map((row) => row.x), xLabel), labelAnchor: "center" },
    y: { ...axis(logY, rows.map((row) => row.y), yLabel), labelAnchor: "top" },
    marks: [
      line(rows, { x: "x", y: "y", z: "name", stroke: colour, strokeWidth: many ? 1 : 2, strokeOpacity: many ? 0.5 : 1 }),
      ...(many ? [dot(last, { x: "x", y: "y", fill: ORANGE, r: 3.5, fillOpacity: 0.8 })] : []),
      ...(!many && rows.length <= 60 * names.length ? [dot(rows, { x: "x", y: "y", fill: colour, r: 2.5 })] : []),
      ...(labelled ? [text(ends, { x: (end) => end.row.x, y: (end) => (logY ? Math.exp(end.place) : end.place), text: (end) => end.row.name, fill: (end) => colour(end.row), textAnchor: "start", dx: 8, fontWeight: 600, fontSize: 12 })] : []),
    ],
  });
}

// From the best to the worst rank that an item may have, with its place by estimate.
function ranks({ rows }, width) {
  const longest = Math.max(...rows.map((row) => Array.from(row.item).length));
  const furthest = Math.max(...rows.map((row) => row.high));
  const log = furthest > 200;
  return plot({
    ...shared(width),
    height: 46 + 24 * rows.length,
    marginLeft: Math.min(width < 520 ? 110 : 200, 20 + 7.5 * Math.min(longest, 26)),
    marginRight: 24,
    marginTop: 30,
    marginBottom: 12,
    x: { ...(log ? { type: "log", ticks: decades(1, furthest, [1]) } : { ticks: 7 }), domain: [log ? 1 : 0.5, furthest], axis: "top", label: null, tickFormat: short, tickSize: 0, grid: true },
    y: { domain: rows.map((row) => row.item), label: null, tickSize: 0, tickFormat: shortened, type: "band", padding: 0.2 },
    marks: [
      link(rows, { x1: "low", x2: "high", y1: "item", y2: "item", stroke: BLUE, strokeWidth: 7, strokeOpacity: 0.35, strokeLinecap: "round" }),
      dot(rows, { x: "place", y: "item", fill: BLUE, r: 3.5, title: (row) => `${row.item}: place ${row.place}, ranks ${row.low} to ${row.high}` }),
    ],
  });
}

// A matrix as cells: the sign is the colour, the size how full it is.
function matrix({ cells, xLabel, yLabel }, width) {
  const largest = Math.max(...cells.map((row) => Math.abs(row.value))) || 1;
  const across = new Set(cells.map((row) => row.column)).size;
  const down = new Set(cells.map((row) => row.row)).size;
  const side = Math.min(48, (Math.min(width, 560) - 70) / across);
  return plot({
    ...shared(width),
    width: 70 + side * across,
    height: 66 + side * down,
    marginLeft: 50,
    marginRight: 20,
    marginTop: 24,
    marginBottom: 42,
    x: { type: "band", label: xLabel, labelAnchor: "center", labelArrow: "none", tickSize: 0, padding: 0.04, ...(across > 20 ? { ticks: [] } : {}) },
    y: { type: "band", label: yLabel, labelAnchor: "top", labelArrow: "none", tickSize: 0, padding: 0.04, ...(down > 20 ? { ticks: [] } : {}) },
    marks: [
      cell(cells, { x: "column", y: "row", fill: (row) => (row.value < 0 ? ORANGE : BLUE), fillOpacity: (row) => Math.abs(row.value) / largest, stroke: FAINT, title: "text" }),
    ],
  });
}

const usable = (row, logX, logY) => Number.isFinite(row.x) && Number.isFinite(row.y) && (!logX || row.x > 0) && (!logY || row.y > 0);
const padded = ([low, high]) => (low === high ? [low - 1, high + 1] : [low, high]);
const plain = (value) => `${value < 0 ? MINUS : ""}${short(Math.abs(value))}`;
