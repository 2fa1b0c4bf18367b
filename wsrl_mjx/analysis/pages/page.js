"use strict";
// Draws the charts of the page as SVG. A drag chooses the steps to look at, in all charts of a world.

// -- arithmetic, without a page --

// Round numbers between low and high, about as many as asked for.
function ticks(low, high, count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((size) => size >= rough * 0.999);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) found.push(Number((n * step).toPrecision(12)));
  return found;
}

// Powers of ten between low and high, and where there are fewer than two, round numbers.
function logTicks(low, high) {
  const found = [];
  for (let n = Math.ceil(Math.log10(low) - 1e-9); 10 ** n <= high * (1 + 1e-9); n++) found.push(Number((10 ** n).toPrecision(6)));
  const every = Math.ceil(found.length / 6);
  return found.length >= 2 ? found.filter((_, i) => i % every === 0) : ticks(low, high, 4).filter((value) => value > 0);
}

// A number as people read it on an axis.
function short(value) {
  const size = Math.abs(value), digits = (number) => String(Number(number.toPrecision(4)));
  if (size >= 1e9 || (size > 0 && size < 1e-3)) return value.toExponential(1).replace(".0e", "e").replace("e+", "e");
  if (size >= 1e6) return digits(value / 1e6) + "M";
  return size >= 1e3 ? digits(value / 1e3) + "k" : digits(value);
}

// Steps before the switch have a width of their own.
const place = (step, before) => (step < 0 ? step * before : step);
const stepAt = (x, before) => (x < 0 && before > 0 ? x / before : x);

// The lowest and the highest value that is drawn between two places; null where there is none.
function extent(series, from, to, before, log) {
  let low = Infinity, high = -Infinity;
  for (const one of series) {
    for (const values of [one.mean, one.low, one.high, ...one.seeds]) {
      values.forEach((value, i) => {
        const x = place(one.at[i], before);
        if (value === null || x < from || x > to || (log && value <= 0)) return;
        low = Math.min(low, value);
        high = Math.max(high, value);
      });
    }
  }
  return low > high ? null : [low, high];
}

// The same with some room around it.
function roomy([low, high], log) {
  if (log) return [low / 1.3, high * 1.3];
  const room = 0.05 * (high - low) || 0.05 * Math.abs(high) || 1;
  return [low - room, high + room];
}

// Points as an SVG path, with a gap where there is no number.
function path(xs, ys) {
  let drawn = "", down = false;
  ys.forEach((y, i) => {
    if (y !== null) drawn += (down ? "L" : "M") + xs[i].toFixed(1) + " " + y.toFixed(1);
    down = y !== null;
  });
  return drawn;
}

// The index of the number that is nearest.
const nearest = (numbers, x) => numbers.reduce((best, n, i) => (Math.abs(n - x) < Math.abs(numbers[best] - x) ? i : best), 0);

// A part of a range, enlarged around its middle, inside the whole.
function scaled([from, to], whole, factor) {
  const width = Math.min((to - from) * factor, whole[1] - whole[0]), middle = (from + to) / 2;
  const start = Math.min(Math.max(middle - width / 2, whole[0]), whole[1] - width);
  return [start, start + width];
}

// -- the page --

const LEFT = 46, RIGHT = 18, TOP = 18, BOTTOM = 34;

function add(parent, name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

const ink = (color) => (color ? { style: "--c:" + color } : {});

class Chart {
  constructor(figure, data, world, hidden) {
    Object.assign(this, { figure, data, world, hidden, limits: null });
    this.plot = figure.querySelector(".plot");
    this.readout = figure.querySelector(".readout");
    // All charts of a world have the same steps, so that what is above each other belongs together.
    const places = data.series.flatMap((one) => [one.at[0], one.at[one.at.length - 1]]).map((step) => place(step, data.before));
    world.whole = [Math.min(world.whole[0], ...places), Math.max(world.whole[1], ...places)];
    this.svg = add(this.plot, "svg", { role: "img", tabindex: 0, "aria-label": figure.dataset.text });
    const buttons = [["+", "zoom in", 0.5], ["\u2212", "zoom out", 2], ["all", "show all", Infinity]];
    for (const [text, name, factor] of buttons) {
      const button = document.createElement("button");
      Object.assign(button, { textContent: text, title: name, type: "button" });
      button.setAttribute("aria-label", name + ": " + figure.querySelector("figcaption span").textContent);
      button.addEventListener("click", () => this.zoom(factor));
      figure.querySelector("figcaption").append(button);
    }
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  get whole() { return this.world.whole; }
  get view() { return this.world.view || this.whole; }
  get visible() { return this.data.series.filter((one) => !this.hidden.has(one.label)); }

  look(view, limits = null) {
    this.world.view = view;
    for (const chart of this.world.charts) {
      chart.limits = chart === this ? limits : null;
      chart.draw();
    }
  }

  zoom(factor) { this.look(factor === Infinity ? null : scaled(this.view, this.whole, factor)); }

  // Where a step and a value are, in pixels, and back.
  scales() {
    const { data } = this, [from, to] = this.view;
    const width = this.plot.clientWidth, height = this.plot.clientHeight;
    const seen = extent(this.visible, from, to, data.before, data.log);
    const whole = !this.world.view && data.limits;
    const [low, high] = this.limits || whole || (seen ? roomy(seen, data.log) : data.log ? [0.1, 1] : [0, 1]);
    const bend = data.log ? Math.log10 : (value) => value, unbend = data.log ? (value) => 10 ** value : (value) => value;
    const across = (width - LEFT - RIGHT) / (to - from), up = (height - TOP - BOTTOM) / (bend(high) - bend(low));
    return {
      width, height, from, to, low, high,
      X: (step) => LEFT + (place(step, data.before) - from) * across,
      Y: (value) => (value === null || (data.log && value <= 0) ? null : height - BOTTOM - (bend(value) - bend(low)) * up),
      placeAt: (x) => Math.min(Math.max(from + (x - LEFT) / across, from), to),
      valueAt: (y) => unbend(bend(low) + (height - BOTTOM - y) / up),
    };
  }

  draw() {
    const { svg, data } = this, s = (this.s = this.scales());
    if (s.width < LEFT + RIGHT + 20) return;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${s.width} ${s.height}`);
    const id = "clip" + this.figure.dataset.chart;
    const clip = add(add(svg, "defs", {}), "clipPath", { id });
    add(clip, "rect", { x: LEFT, y: TOP, width: s.width - LEFT - RIGHT, height: s.height - TOP - BOTTOM });
    this.axes(s);
    const inside = add(svg, "g", { "clip-path": `url(#${id})` });
    for (const one of this.visible) this.curve(inside, one, s);
    for (const mark of data.levels) {
      const y = s.Y(mark.at);
      add(inside, "line", { class: "level ink", x1: LEFT, x2: s.width, y1: y, y2: y });
      add(inside, "text", { x: s.width - RIGHT - 3, y: y - 3, "text-anchor": "end" }, mark.text);
    }
    this.marks(inside, s);
  }

  axes(s) {
    const { svg, data } = this, bottom = s.height - BOTTOM;
    for (const value of data.log ? logTicks(s.low, s.high) : ticks(s.low, s.high, 5)) {
      const y = s.Y(value);
      if (y === null || y < TOP - 1 || y > bottom + 1) continue;
      add(svg, "line", { class: "rule", x1: LEFT, x2: s.width - RIGHT, y1: y, y2: y });
      add(svg, "text", { x: LEFT - 5, y: y + 4, "text-anchor": "end" }, short(value));
    }
    const count = Math.max(2, Math.floor((s.width - LEFT) / 90)), after = [Math.max(s.from, 0), s.to];
    const steps = s.to > 0 ? ticks(after[0], after[1], count) : [];
    if (s.from < 0) steps.push(...ticks(stepAt(s.from, data.before), stepAt(Math.min(s.to, 0), data.before), 1).filter((n) => n < 0 && (s.to < 0 || s.X(0) - s.X(n) > 30)));
    for (const step of steps) {
      add(svg, "text", { x: s.X(step), y: bottom + 14, "text-anchor": "middle" }, short(step));
      add(svg, "line", { class: "rule", x1: s.X(step), x2: s.X(step), y1: bottom, y2: bottom + 4 });
    }
    const title = data.before ? "gradient steps before the switch, environment steps after" : "environment steps since the switch";
    add(svg, "text", { x: s.width / 2, y: s.height - 4, "text-anchor": "middle" }, title);
  }

  curve(inside, one, s) {
    const xs = one.at.map(s.X), of = (values) => path(xs, values.map(s.Y));
    if (one.low.length) {
      let run = [];
      const close = () => {
        const points = [...run.map((i) => [xs[i], s.Y(one.high[i])]), ...run.reverse().map((i) => [xs[i], s.Y(one.low[i])])];
        if (points.length > 2) add(inside, "polygon", { class: "band ink", ...ink(one.color), points: points.map((p) => p.map((n) => n.toFixed(1)).join(",")).join(" ") });
        run = [];
      };
      one.low.forEach((value, i) => (s.Y(value) === null || s.Y(one.high[i]) === null ? close() : run.push(i)));
      close();
    }
    for (const values of one.seeds) add(inside, "path", { class: "seed ink", ...ink(one.color), d: of(values) });
    const dashes = { "--": { "stroke-dasharray": "7 4" }, ":": { "stroke-dasharray": "2 3" } }[one.line] || {};
    add(inside, "path", { class: "line ink", ...ink(one.color), ...dashes, d: of(one.mean) });
    if (one.at.length <= 60) {
      one.mean.forEach((value, i) => {
        if (s.Y(value) !== null) add(inside, "circle", { class: "dot ink", ...ink(one.color), cx: xs[i], cy: s.Y(value), r: 2.5 });
      });
    }
  }

  marks(inside, s) {
    let free = LEFT;
    for (const mark of this.data.steps) {
      const x = s.X(mark.at);
      if (x < LEFT - 1 || x > s.width - RIGHT + 1) continue;
      const line = add(inside, "line", { class: "mark ink", ...ink(mark.color), x1: x, x2: x, y1: TOP, y2: s.height - BOTTOM });
      add(line, "title", {}, mark.text);
      const width = 6 * mark.text.length, at = Math.max(free, Math.min(x - 2, s.width - width));
      if (mark.color || at + width > s.width) continue;
      add(this.svg, "text", { x: at, y: TOP - 5 }, mark.text);
      free = at + width + 6;
    }
  }

  // -- what a person does --

  listen() {
    const { svg } = this;
    let start = null;
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const box = ([x, y]) => {
      const both = Math.abs(y - start[1]) > 24, s = this.s;
      const left = Math.max(LEFT, Math.min(x, start[0])), right = Math.min(s.width - RIGHT, Math.max(x, start[0]));
      const top = both ? Math.max(TOP, Math.min(y, start[1])) : TOP, end = both ? Math.min(s.height - BOTTOM, Math.max(y, start[1])) : s.height - BOTTOM;
      return { both, left, right, top, end };
    };
    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      start = at(event);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      this.tell(at(event)[0]);
      svg.querySelector(".chosen")?.remove();
      if (!start) return;
      const b = box(at(event));
      add(svg, "rect", { class: "chosen", x: b.left, y: b.top, width: Math.max(0, b.right - b.left), height: Math.max(0, b.end - b.top) });
    });
    svg.addEventListener("pointerup", (event) => {
      if (!start) return;
      const b = box(at(event)), s = this.s;
      start = null;
      svg.querySelector(".chosen")?.remove();
      if (b.right - b.left > 8) this.look([s.placeAt(b.left), s.placeAt(b.right)], b.both ? [s.valueAt(b.end), s.valueAt(b.top)] : null);
      else this.tell(at(event)[0]);
    });
    svg.addEventListener("pointercancel", () => {
      start = null;
      svg.querySelector(".chosen")?.remove();
    });
    svg.addEventListener("pointerleave", () => svg.querySelector(".guide")?.remove());
    svg.addEventListener("dblclick", () => this.zoom(Infinity));
    svg.addEventListener("keydown", (event) => {
      const [from, to] = this.view, shift = 0.2 * (to - from);
      const move = (by) => this.look(scaled([from + by, to + by], this.whole, 1));
      const does = { "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), 0: () => this.zoom(Infinity),
        ArrowLeft: () => move(-shift), ArrowRight: () => move(shift) }[event.key];
      if (!does || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      does();
    });
  }

  // Says the values at the step under a place.
  tell(x) {
    const { svg, data, s } = this, wanted = s.placeAt(x);
    svg.querySelector(".guide")?.remove();
    const found = this.visible.map((one) => {
      const i = nearest(one.at.map((step) => place(step, data.before)), wanted);
      return { one, i, away: Math.abs(place(one.at[i], data.before) - wanted) };
    });
    if (!found.length) return;
    const closest = found.reduce((best, next) => (next.away < best.away ? next : best));
    const step = closest.one.at[closest.i];
    const lines = found.filter(({ one, i }) => one.at[i] === step && one.mean[i] !== null).map(({ one, i }) => {
      const interval = one.low.length ? ` [${short(one.low[i])}, ${short(one.high[i])}]` : "";
      return `${one.label}${one.line === ":" ? ", measured" : ""} ${short(one.mean[i])}${interval}`;
    });
    this.readout.textContent = `step ${step.toLocaleString("en")}: ${lines.join("; ") || "not measured"}`;
    add(svg, "line", { class: "guide", x1: s.X(step), x2: s.X(step), y1: TOP, y2: s.height - BOTTOM });
  }
}

function begin() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const hidden = new Set(), worlds = {}, charts = [];
  for (const figure of document.querySelectorAll("figure.chart")) {
    const world = (worlds[figure.dataset.world] ||= { view: null, whole: [0, 1], charts: [] });
    const chart = new Chart(figure, data[Number(figure.dataset.chart)], world, hidden);
    world.charts.push(chart);
    charts.push(chart);
  }
  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const label = button.dataset.label;
      if (!hidden.delete(label)) hidden.add(label);
      button.setAttribute("aria-pressed", String(!hidden.has(label)));
      for (const chart of charts) chart.draw();
    });
  }
}

if (typeof module === "undefined") begin();
else module.exports = { ticks, logTicks, short, place, stepAt, extent, roomy, path, nearest, scaled };
