// view.js - what part of the run is shown, where every lane lies, and the words for times.

const GUTTER = 196, AXIS = 24, GAP = 9, LANE = 22, MARGIN = 12;

function duration(ns) {
  const size = Math.abs(ns);
  if (size < 1e3) return `${Math.round(ns)} ns`;
  const [unit, word] = size < 1e6 ? [1e3, "µs"] : size < 1e9 ? [1e6, "ms"] : [1e9, "s"];
  const value = ns / unit;
  return `${value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0)} ${word}`;
}
// A place in time, exact: milliseconds since the machine's start.
function moment(ns) {
  return `${(ns / 1e6).toFixed(6).replace(/(\.\d{3})(\d{3})$/, "$1 $2")} ms`;
}
function number(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, " ");
}

class View {
  constructor(model) {
    this.model = model;
    this.scroll = 0; // pixels, of the tasks' part
    this.width = this.height = 100;
    this.fit();
  }
  get length() { return this.to - this.from; }
  get plot() { return Math.max(10, this.width - GUTTER - MARGIN); }
  fit() {
    const pad = Math.max(1, (this.model.end - this.model.start) * 0.004);
    this.from = this.model.start - pad;
    this.to = this.model.end + pad;
    this.least = this.from;
    this.most = this.to;
  }
  x(time) { return GUTTER + ((time - this.from) / this.length) * this.plot; }
  time(x) { return this.from + ((x - GUTTER) / this.plot) * this.length; }

  set(from, to) {
    const whole = this.most - this.least;
    const length = Math.min(whole, Math.max(20, to - from)); // not below 20 ns
    from = Math.min(Math.max(from, this.least), this.most - length);
    this.from = from;
    this.to = from + length;
  }
  zoom(factor, x) {
    const center = this.time(Math.max(GUTTER, x)), before = center - this.from;
    const length = Math.max(20, this.length * factor);
    const from = center - before * (length / this.length);
    this.set(from, from + length);
  }
  pan(pixels) {
    const time = (pixels / this.plot) * this.length;
    this.set(this.from + time, this.to + time);
  }

  layout(width, height) {
    this.width = width;
    this.height = height;
    const cpus = this.model.cpuNumbers.length;
    this.cpuHeight = Math.max(7, Math.min(26, Math.floor((height * 0.4) / Math.max(1, cpus))));
    this.tasksTop = AXIS + cpus * this.cpuHeight + GAP;
    this.scrollTo(this.scroll);
  }
  scrollTo(pixels) {
    const room = this.model.lanes.length * LANE + 8 - (this.height - this.tasksTop);
    this.scroll = Math.max(0, Math.min(pixels, room));
  }
  cpuTop(position) { return AXIS + position * this.cpuHeight; }
  laneTop(task) { return this.tasksTop + task.lane * LANE - this.scroll; }

  // The lane under a point: { cpu: position } or { task } or nothing.
  hit(y) {
    if (y < AXIS) return {};
    if (y < this.tasksTop - GAP) return { cpu: Math.floor((y - AXIS) / this.cpuHeight) };
    if (y < this.tasksTop) return {};
    return { task: this.model.lanes[Math.floor((y - this.tasksTop + this.scroll) / LANE)] };
  }

  // Brings a task's lane, and a time if one is given, into sight.
  show(task, time) {
    const top = task.lane * LANE, room = this.height - this.tasksTop;
    if (top < this.scroll || top + LANE > this.scroll + room) this.scrollTo(top - room / 2);
    if (time === undefined || (time >= this.from && time <= this.to)) return;
    this.set(time - this.length / 2, time + this.length / 2);
  }
}
