// page.js - puts the page together: figures, mouse, keys, search, and the self-check that tests read.

const errors = [];
function report(error) {
  errors.push(String(error?.message ?? error));
  const warning = document.getElementById("warning");
  warning.hidden = false;
  warning.textContent = `This page has a fault: ${errors[0]}`;
  writeCheck();
}
window.addEventListener("error", (event) => report(event.error ?? event.message));

const element = (id) => document.getElementById(id);
let model, view, painter, details, pending = false;

function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; drawNow(); });
}
function drawNow() {
  const begun = performance.now();
  painter.lanes(element("lanes"));
  painter.overview(element("overview"));
  painter.milliseconds = performance.now() - begun;
}

function writeCheck() {
  const check = { errors };
  if (model) Object.assign(check, {
    records: model.data.records, switches: model.count.switches, forced: model.count.forced,
    wakeups: model.count.wakeups, forks: model.count.forks, faults: model.count.faults,
    signals: model.count.signals, tasks: model.tasks.length, lanes: model.lanes.length,
    processes: model.processes.length, cpus: model.cpuNumbers.length, lost: model.data.lost,
    slicesDrawn: painter?.drawn ?? 0, names: [...new Set(model.tasks.map((task) => task.name))],
    loadMs: Math.round(model.loadMs ?? 0), drawMs: Math.round(painter?.milliseconds ?? 0),
    runNs: model.tasks.reduce((sum, task) => sum + task.ran, 0),
  });
  element("self-check").textContent = JSON.stringify(check).replace(/</g, "\\u003c");
}

function showFigures() {
  const { count } = model, user = model.processes.filter((task) => task.parent || task.marks.length);
  const first = model.tasks.find((task) => task.marks.some((row) => model.kind(row) === KIND.EXEC)) ?? model.tasks[0];
  const delays = model.tasks.reduce((sum, task) => sum + task.delays, 0);
  const average = delays ? model.tasks.reduce((sum, task) => sum + task.delaySum, 0) / delays : 0;
  const plural = (n, word, more = `${word}s`) => [number(n), n === 1 ? word : more];
  const figures = [[duration(model.end - model.start), "long"], plural(model.cpuNumbers.length, "CPU"),
    plural(user.length, "process", "processes"), plural(count.switches, "switch", "switches"),
    [number(count.forced), "forced"], plural(count.wakeups, "wake-up")];
  if (delays) figures.push([duration(average), "from wake-up to CPU on average"]);
  if (model.worst) figures.push([duration(model.worst.delay), "at most"]);
  if (count.faults) figures.push(plural(count.faults, "page fault"));
  if (count.signals) figures.push(plural(count.signals, "signal"));
  const list = element("figures");
  for (const [value, words] of figures) {
    const figure = document.createElement("span"), bold = document.createElement("b");
    bold.textContent = value;
    figure.append(bold, ` ${words}`);
    if (words === "at most") {
      figure.style.cursor = "pointer";
      figure.title = `${model.worst.task.label} at ${moment(model.worst.time)}: click to go there`;
      figure.addEventListener("click", () => jump(model.worst.task, model.worst.time, model.worst.delay * 12));
    }
    list.append(figure);
  }
  const loss = document.createElement("span");
  loss.textContent = model.data.lost ? "" : "nothing lost";
  loss.className = "good";
  list.append(loss);
  if (model.data.lost) {
    element("warning").hidden = false;
    element("warning").textContent = `${number(model.data.lost)} events were lost: figures are too low, and ` +
      "what lies around a gap (hatched) may be wrong.";
  }
  element("title").textContent = first ? first.name : "Vitrine";
  element("title").title = "recorded with vitrine";
  document.title = `${first ? first.name : "run"} - Vitrine timeline`;
  model.busy = model.cpuNumbers.map((cpu) => {
    const slices = model.cpus[cpu];
    let busy = 0;
    for (let i = 0; i < slices.count; i++) if (slices.what[i] >= 0) busy += slices.end[i] - slices.start[i];
    return busy / Math.max(1, model.end - model.start);
  });
}

function showLegend() {
  const legend = element("legend"), theme = painter.theme;
  legend.replaceChildren();
  const bar = (colour, height) => (to) => { to.fillStyle = colour; to.fillRect(1, 7 - height / 2, 20, height); };
  const mark = (kind, good) => (to) => painter.mark(to, kind, 11, kind === KIND.FAULT ? 0 : 7, good);
  const items = [["running", bar(model.processes.at(-1)?.colour ?? theme.accent, 13)], ["ready", bar(theme.ready, 7)],
    ["blocked", bar(theme.blocked, 2)],
    ["stopped", (to) => painter.hatch(to, 1, 3, 20, 8, theme.stopped)],
    ["zombie", (to) => { to.fillStyle = theme.zombie; for (let x = 1; x < 20; x += 5) to.fillRect(x, 6, 2.5, 2); }],
    ["wake-up", (to) => { to.strokeStyle = to.fillStyle = theme.wake; to.fillRect(10.5, 0, 1, 9);
      to.beginPath(); to.moveTo(11, 13); to.lineTo(8, 8); to.lineTo(14, 8); to.fill(); }],
    ["fork", mark(KIND.FORK)], ["exec", mark(KIND.EXEC)], ["exit", mark(KIND.EXIT, true)], ["signal", mark(KIND.SIGNAL)],
    ["fault", mark(KIND.FAULT)]];
  for (const [words, paint] of items) {
    const item = document.createElement("span"), canvas = document.createElement("canvas");
    item.append(canvas, words);
    legend.append(item);
    canvas.width = 44;
    canvas.height = 28;
    const to = canvas.getContext("2d");
    to.scale(2, 2);
    paint(to);
  }
}

function jump(task, time, length) {
  if (length) view.set(time - length * 0.7, time + length * 0.3);
  view.show(task, time);
  keep({ task, time, x: view.x(time), row: -1, cpu: -1, slice: task.slices.at(time - 1) });
}

// ---- what is pointed at, and what is kept ----

function point(found, x, y) {
  painter.hover = found;
  const tip = element("tip"), lines = found ? details.lines(found) : [];
  tip.hidden = !lines.length || x < 0;
  if (!tip.hidden) {
    details.fill(tip, found);
    const stage = element("stage"), wide = tip.offsetWidth, tall = tip.offsetHeight;
    tip.style.left = `${x + 16 + wide > stage.clientWidth ? Math.max(4, x - wide - 12) : x + 16}px`;
    tip.style.top = `${y + 18 + tall > stage.clientHeight ? Math.max(4, y - tall - 10) : y + 18}px`;
  }
  redraw();
}
function keep(found) {
  painter.kept = found?.task ? found : null;
  const buttons = painter.kept ? [["‹", "Slice before (p)", () => walk(-1)], ["›", "Next slice (n)", () => walk(1)],
    ["zoom", "Show this slice (Enter)", zoomToKept]] : [];
  if (!found) element("details").textContent = "Point at something; click to keep it here.";
  else details.fill(element("details"), found, buttons);
  redraw();
}
function walk(step) {
  const kept = painter.kept;
  if (!kept) return;
  const slices = kept.task.slices, slice = Math.max(0, Math.min(slices.count - 1, kept.slice + step));
  if (!slices.count) return;
  view.show(kept.task, slices.start[slice]);
  keep({ ...kept, slice, row: -1, time: slices.start[slice] });
}
function zoomToKept() {
  const kept = painter.kept;
  if (!kept || kept.slice < 0) return;
  const { start, end } = kept.task.slices, length = Math.max(50, end[kept.slice] - start[kept.slice]);
  view.set(start[kept.slice] - length * 0.4, end[kept.slice] + length * 0.4);
  redraw();
}

// ---- search ----

let found = [], foundAt = -1;
function search() {
  found = model.search(element("search").value);
  foundAt = -1;
  painter.hits = new Set(found);
  element("found").textContent = element("search").value.trim() ? String(found.length) : "";
  if (found.length) view.show(found[0]);
  redraw();
}
function nextFound(step) {
  if (!found.length) return;
  foundAt = (foundAt + step + found.length) % found.length;
  const task = found[foundAt];
  element("found").textContent = `${foundAt + 1}/${found.length}`;
  const length = Math.max(200, task.gone - task.born);
  view.set(task.born - length * 0.1, task.gone + length * 0.1);
  view.show(task);
  keep({ task, time: task.born, x: 0, row: -1, cpu: -1, slice: -1 });
}

// ---- mouse and keys ----

function wireMouse() {
  const canvas = element("lanes");
  let drag = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const [x] = place(event), lines = event.deltaMode === 1 ? 16 : 1;
    if (x < GUTTER || event.altKey) view.scrollTo(view.scroll + event.deltaY * lines);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
      view.pan((event.deltaX || event.deltaY) * lines);
    else view.zoom(Math.exp(event.deltaY * lines * 0.0016), x);
    redraw();
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const [x, y] = place(event);
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    drag = { x, y, startX: x, moved: false, range: event.shiftKey || (y < AXIS && x > GUTTER) };
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    if (!drag) { point(details.at(x, y), x, y); return; }
    if (Math.abs(x - drag.startX) + Math.abs(y - drag.y) > 3) drag.moved = true;
    if (drag.range) {
      painter.range = [Math.max(GUTTER, drag.startX), Math.max(GUTTER, x)];
    } else if (drag.moved) {
      canvas.style.cursor = "grabbing";
      view.pan(drag.x - x);
      view.scrollTo(view.scroll + drag.y - y);
      [drag.x, drag.y] = [x, y];
    }
    point(null, -1, -1);
  });
  const release = (event) => {
    if (!drag) return;
    const [x, y] = place(event), range = painter.range;
    if (drag.range && range && Math.abs(range[1] - range[0]) > 4)
      view.set(view.time(Math.min(...range)), view.time(Math.max(...range)));
    else if (!drag.moved) keep(details.at(x, y));
    painter.range = null;
    drag = null;
    canvas.style.cursor = "default";
    redraw();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", () => { drag = painter.range = null; redraw(); });
  canvas.addEventListener("pointerleave", () => { if (!drag) point(null, -1, -1); });
  canvas.addEventListener("dblclick", (event) => { keep(details.at(...place(event))); zoomToKept(); });

  const overview = element("overview");
  let from = null;
  const time = (event) => view.least + ((event.clientX - overview.getBoundingClientRect().left - GUTTER) /
    view.plot) * (view.most - view.least);
  overview.addEventListener("pointerdown", (event) => { from = time(event); overview.setPointerCapture(event.pointerId); });
  overview.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const to = time(event);
    view.set(Math.min(from, to), Math.max(from, to));
    redraw();
  });
  overview.addEventListener("pointerup", (event) => {
    const to = time(event), least = (view.most - view.least) * 0.004;
    if (Math.abs(to - from) < least) view.set(to - view.length / 2, to + view.length / 2);
    from = null;
    redraw();
  });
}

const KEYS = [
  ["wheel, + −, w s", "zoom, around the pointer"], ["drag, ← →, a d", "move in time (Shift: faster)"],
  ["↑ ↓, wheel on names", "scroll the tasks"], ["Shift-drag, drag the axis", "measure a time and zoom to it"],
  ["double click, Enter", "zoom to a slice"], ["n, p", "next, previous slice of the kept task"],
  ["/", "search by name or pid; Enter jumps to the next, Shift-Enter back"], ["0, Home", "the whole run"],
  ["r", "arrows on and off"], ["Esc", "let go of search and slice"],
];
function wireKeys() {
  for (const [keys, words] of KEYS) {
    const row = element("key-table").insertRow();
    row.insertCell().textContent = keys;
    row.insertCell().textContent = words;
  }
  const box = element("search");
  box.addEventListener("input", search);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") nextFound(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") { box.value = ""; search(); element("lanes").focus(); }
    event.stopPropagation();
  });
  const middle = () => painter.hover?.x ?? GUTTER + view.plot / 2;
  const fast = (event) => (event.shiftKey ? 4 : 1);
  const acts = {
    "+": () => view.zoom(0.7, middle()), "=": () => view.zoom(0.7, middle()), "-": () => view.zoom(1.43, middle()),
    w: () => view.zoom(0.7, middle()), s: () => view.zoom(1.43, middle()),
    ArrowLeft: (event) => view.pan(-60 * fast(event)), ArrowRight: (event) => view.pan(60 * fast(event)),
    a: (event) => view.pan(-60 * fast(event)), d: (event) => view.pan(60 * fast(event)),
    ArrowUp: () => view.scrollTo(view.scroll - 2 * LANE), ArrowDown: () => view.scrollTo(view.scroll + 2 * LANE),
    PageUp: () => view.scrollTo(view.scroll - 20 * LANE), PageDown: () => view.scrollTo(view.scroll + 20 * LANE),
    0: () => view.fit(), Home: () => view.fit(), n: () => walk(1), p: () => walk(-1), Enter: zoomToKept, r: toggleArrows,
    "/": () => box.focus(), "?": () => element("keys").showModal(),
    Escape: () => { box.value = ""; search(); keep(null); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || element("keys").open) return;
    const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || event.target.tagName === "BUTTON") return;
    event.preventDefault();
    act(event);
    redraw();
  });
  element("fit").addEventListener("click", () => { view.fit(); redraw(); });
  element("arrows").addEventListener("click", toggleArrows);
  element("help").addEventListener("click", () => element("keys").showModal());
}
function toggleArrows() {
  painter.arrows = !painter.arrows;
  element("arrows").setAttribute("aria-pressed", String(painter.arrows));
  redraw();
}

try {
  const begun = performance.now();
  model = new Model(JSON.parse(element("trace").textContent));
  model.loadMs = performance.now() - begun;
  view = new View(model);
  painter = new Painter(model, view);
  details = new Details(model, view);
  showFigures();
  showLegend();
  wireMouse();
  wireKeys();
  window.addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    painter.readTheme();
    showLegend();
    redraw();
  });
  drawNow();
  writeCheck();
} catch (error) {
  report(error);
  throw error;
}
