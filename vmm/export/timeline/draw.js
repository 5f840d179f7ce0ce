// draw.js - the canvas. What is narrower than a pixel is added up per pixel and drawn as shares of the
// lane's height, so that a frame costs what the screen has, not what the trace has.

const ARROWS_MAX = 2500;

class Painter {
  constructor(model, view) {
    this.model = model;
    this.view = view;
    this.hits = new Set(); // tasks that the search found: the others fade
    this.arrows = true;
    this.hover = null;
    this.kept = null;
    this.overviewCache = null;
    this.drawn = 0;
    model.processes.forEach((process, i) => { process.hue = (245 + i * 137.508) % 360; });
    this.readTheme();
  }

  readTheme() {
    const style = getComputedStyle(document.documentElement), css = (name) => style.getPropertyValue(name).trim();
    this.theme = {};
    for (const name of ["paper", "lane", "rule", "ink", "soft", "faint", "panel", "accent", "danger", "ready",
      "blocked", "stopped", "zombie", "idle", "wake", "fork", "fault", "signal", "exec", "good", "on-task"])
      this.theme[name] = css(`--${name}`);
    const saturation = css("--saturation"), lightness = css("--lightness");
    for (const process of this.model.processes)
      process.colour = `oklch(${lightness} ${saturation} ${process.hue.toFixed(1)})`;
    this.overviewCache = null;
  }
  colour(task) { return (task.leader ?? task).colour ?? this.theme.accent; }
  faded(task) { return this.hits.size > 0 && !this.hits.has(task); }

  prepare(canvas) {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const to = canvas.getContext("2d");
    to.setTransform(ratio, 0, 0, ratio, 0, 0);
    to.clearRect(0, 0, width, height);
    return to;
  }

  // Calls wide(i, x0, x1) for slices of a pixel and more, and narrow(x, sums) for each pixel of others.
  each(slices, from, to, scale, left, bins, wide, narrow) {
    let pixel = -1, used = false;
    const sums = new Float64Array(bins.size), flush = () => {
      if (used) narrow(left + pixel, sums);
      sums.fill(0);
      used = false;
    };
    for (let i = slices.find(from); i < slices.count && slices.start[i] < to; i++) {
      const x0 = Math.max(0, (slices.start[i] - from) * scale);
      const x1 = (Math.min(slices.end[i], to) - from) * scale;
      this.drawn++;
      if (x1 - x0 >= 1) {
        if (used) flush();
        wide(i, left + x0, left + x1);
        pixel = -1;
        continue;
      }
      const at = Math.floor(x0);
      if (at !== pixel) { flush(); pixel = at; }
      used = true;
      bins.add(sums, slices.what[i], x1 - x0);
    }
    flush();
  }

  // One CPU: sums = [busy, longest, whose + 3].
  cpuLane(to, slices, from, until, scale, left, top, height, labels) {
    const tasks = this.model.tasks, paint = (task, x, y, width, tall) => {
      to.globalAlpha = this.faded(task) ? 0.18 : 1;
      to.fillStyle = this.colour(task);
      to.fillRect(x, y, width, tall);
    };
    const bins = { size: 3, add(sums, what, width) {
      if (what < 0) return;
      sums[0] += width;
      if (width > sums[1]) { sums[1] = width; sums[2] = what; }
    } };
    this.each(slices, from, until, scale, left, bins, (i, x0, x1) => {
      const what = slices.what[i];
      if (what === UNKNOWN_TASK) { this.hatch(to, x0, top, x1 - x0, height, this.theme.danger); return; }
      if (what < 0) return;
      const task = tasks[what];
      paint(task, x0, top, Math.max(1, x1 - x0 - (x1 - x0 > 3 ? 0.5 : 0)), height);
      if (labels && x1 - x0 > 30) this.label(to, task.nameAt(slices.start[i]) + "/" + task.tid, x0 + 4,
        top + height / 2, x1 - x0 - 7, this.theme["on-task"]);
    }, (x, sums) => {
      if (sums[0] <= 0) return;
      const tall = Math.max(1, height * Math.min(1, sums[0]));
      paint(tasks[sums[2]], x, top + height - tall, 1, tall);
    });
    to.globalAlpha = 1;
  }

  taskLane(to, task, top) {
    const view = this.view, slices = task.slices, theme = this.theme, colour = this.colour(task);
    const middle = top + LANE / 2, bar = LANE - 7, y = top + 3.5;
    const bins = { size: 6, add(sums, what, width) { sums[what] += width; } };
    to.globalAlpha = this.faded(task) ? 0.22 : 1;
    this.each(slices, view.from, view.to, view.plot / view.length, GUTTER, bins, (i, x0, x1) => {
      const width = x1 - x0;
      switch (slices.what[i]) {
        case STATE.RUNNING:
          to.fillStyle = colour;
          to.fillRect(x0, y, width, bar);
          if (width > 52 && this.model.cpuNumbers.length > 1)
            this.label(to, `CPU ${this.model.cpuOf(slices.cause[i])}`, x0 + 4, middle, width - 6, theme["on-task"]);
          break;
        case STATE.READY:
          to.fillStyle = theme.ready;
          to.fillRect(x0, middle - 3.5, width, 7);
          break;
        case STATE.BLOCKED:
          to.fillStyle = theme.blocked;
          to.fillRect(x0, middle - 1, width, 2);
          if (width > 60) this.reason(to, i, task, x0, middle, width);
          break;
        case STATE.STOPPED:
          this.hatch(to, x0, middle - 4, width, 8, theme.stopped);
          break;
        case STATE.ZOMBIE:
          to.fillStyle = theme.zombie;
          for (let x = x0; x < x1; x += 5) to.fillRect(x, middle - 1, Math.min(2.5, x1 - x), 2);
          break;
        default:
          this.hatch(to, x0, middle - 2, width, 4, theme.faint);
      }
    }, (x, sums) => {
      let base = y + bar;
      for (const [state, paint] of [[STATE.RUNNING, colour], [STATE.READY, theme.ready], [STATE.STOPPED, theme.stopped]]) {
        if (sums[state] <= 0) continue;
        const tall = Math.max(1, bar * Math.min(1, sums[state]));
        to.fillStyle = paint;
        to.fillRect(x, base - tall, 1, tall);
        base -= tall;
      }
      if (sums[STATE.BLOCKED] + sums[STATE.ZOMBIE] > 0) {
        to.fillStyle = theme.blocked;
        to.fillRect(x, middle - 1, 1, 2);
      }
    });
    to.globalAlpha = 1;
  }

  // Why a task is blocked, on its line.
  reason(to, i, task, x, middle, width) {
    const row = task.slices.cause[i];
    if (row < 0 || this.model.kind(row) !== KIND.SWITCH) return;
    const words = this.model.text(this.model.value(row, 6));
    const fitting = this.clip(words, width - 16, 5.6);
    if (fitting.length < Math.min(5, words.length)) return;
    to.font = "10px system-ui, 'Liberation Sans', sans-serif";
    const wide = to.measureText(fitting).width;
    const left = Math.max(x, GUTTER) + 6;
    to.fillStyle = this.theme.paper;
    to.fillRect(left - 3, middle - 6, wide + 6, 12);
    to.fillStyle = this.theme.soft;
    to.textBaseline = "middle";
    to.fillText(fitting, left, middle + 0.5);
  }

  clip(words, width, letter) {
    const fits = Math.floor(width / letter);
    return words.length <= fits ? words : fits > 2 ? `${words.slice(0, fits - 1)}…` : "";
  }
  label(to, words, x, y, width, colour) {
    const fitting = this.clip(words, width, 6.1);
    if (!fitting) return;
    to.font = "11px system-ui, 'Liberation Sans', sans-serif";
    to.textBaseline = "middle";
    to.fillStyle = colour;
    to.fillText(fitting, x, y + 0.5);
  }
  hatch(to, x, y, width, height, colour) {
    to.save();
    to.beginPath();
    to.rect(x, y, width, height);
    to.clip();
    to.globalAlpha *= 0.25;
    to.fillStyle = colour;
    to.fillRect(x, y, width, height);
    to.globalAlpha *= 4;
    to.strokeStyle = colour;
    to.lineWidth = 1.2;
    to.beginPath();
    const first = Math.max(x, 0), last = Math.min(x + width, this.view.width);
    for (let at = Math.floor(first / 6) * 6 - height; at < last; at += 6) {
      to.moveTo(at, y + height);
      to.lineTo(at + height, y);
    }
    to.stroke();
    to.restore();
  }

  // A sign at (x, y) for an event: shape and colour say which kind.
  mark(to, kind, x, y, good) {
    const theme = this.theme;
    to.beginPath();
    switch (kind) {
      case KIND.EXEC:
        to.fillStyle = theme.exec;
        to.moveTo(x, y - 5.5); to.lineTo(x + 5, y); to.lineTo(x, y + 5.5); to.lineTo(x - 5, y);
        break;
      case KIND.EXIT:
        to.fillStyle = good ? theme.good : theme.danger;
        to.rect(x - 4, y - 4, 8, 8);
        break;
      case KIND.SIGNAL: case KIND.STOP:
        to.fillStyle = theme.signal;
        to.moveTo(x - 5, y - 5); to.lineTo(x + 5, y - 5); to.lineTo(x, y + 4);
        break;
      case KIND.EXCEPTION: case KIND.UNKNOWN_CALL:
        to.fillStyle = theme.danger;
        to.arc(x, y, 4.5, 0, 7);
        break;
      case KIND.FAULT:
        to.fillStyle = theme.fault;
        to.rect(x - 0.5, y + 4, 1.5, 5);
        to.fill();
        return;
      case KIND.FORK:
        to.fillStyle = theme.fork;
        to.arc(x, y, 3.2, 0, 7);
        break;
      default:
        to.fillStyle = theme.soft;
        to.arc(x, y, 3, 0, 7);
    }
    to.fill();
    to.strokeStyle = theme.paper;
    to.lineWidth = 1;
    to.stroke();
  }
  marks(to, task, top) {
    const model = this.model, view = this.view, y = top + LANE / 2, last = {};
    to.globalAlpha = this.faded(task) ? 0.22 : 1;
    for (let i = lowerBound(task.marks, (row) => model.time[row] < view.from); i < task.marks.length; i++) {
      const row = task.marks[i], time = model.time[row], kind = model.kind(row);
      if (time > view.to) break;
      const x = view.x(time), apart = kind === KIND.FAULT ? 2 : 5;
      if (x - (last[kind] ?? -99) < apart) continue; // one sign stands for its neighbours
      last[kind] = x;
      this.mark(to, kind, x, y, kind !== KIND.EXIT || model.value(row, 6) === 0);
    }
    to.globalAlpha = 1;
  }

  links(to) {
    const model = this.model, view = this.view, links = model.links;
    const first = lowerBound(links, (link) => link.time < view.from);
    const end = lowerBound(links, (link) => link.time <= view.to);
    this.hiddenArrows = end - first > ARROWS_MAX ? end - first : 0;
    if (!this.arrows || this.hiddenArrows) return;
    const focus = this.kept?.task ?? this.hover?.task;
    for (let i = first; i < end; i++) {
      const { from, to: target, time, kind } = links[i];
      if (this.hits.size && !this.hits.has(from) && !this.hits.has(target)) continue;
      const x = view.x(time), end = view.laneTop(target) + LANE / 2;
      const start = from ? view.laneTop(from) + LANE / 2 : end - 9;
      if (Math.max(start, end) < view.tasksTop || Math.min(start, end) > view.height || from === target) continue;
      const down = end >= start ? 1 : -1, tip = end - down * 4;
      const colour = kind === KIND.FORK ? this.theme.fork : this.theme.wake;
      to.globalAlpha = !focus || focus === from || focus === target ? 0.85 : 0.25;
      to.strokeStyle = to.fillStyle = colour;
      to.lineWidth = kind === KIND.FORK ? 1.6 : 1;
      to.beginPath();
      to.moveTo(x, start);
      to.lineTo(x, tip - down * 3);
      to.stroke();
      to.beginPath();
      to.moveTo(x, tip);
      to.lineTo(x - 3, tip - down * 5);
      to.lineTo(x + 3, tip - down * 5);
      to.fill();
    }
    to.globalAlpha = 1;
  }

  axis(to) {
    const view = this.view, theme = this.theme, step = niceStep(view.length / (view.plot / 110));
    to.font = "11px system-ui, 'Liberation Sans', sans-serif";
    to.textBaseline = "middle";
    const digits = Math.max(0, Math.min(6, Math.ceil(6 - Math.log10(step) - 1e-9)));
    for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step) {
      const x = Math.round(view.x(time)) + 0.5;
      to.fillStyle = theme.rule;
      to.fillRect(x - 0.5, AXIS - 5, 1, view.height - AXIS + 5);
      to.fillStyle = theme.soft;
      if (x < view.width - 50) to.fillText(`${(time / 1e6).toFixed(digits)} ms`, x + 3, AXIS / 2);
    }
  }

  gutter(to) {
    const { model, view, theme } = this;
    to.fillStyle = theme.paper;
    to.fillRect(0, 0, GUTTER, view.height);
    model.cpuNumbers.forEach((number, position) => {
      const y = view.cpuTop(position) + view.cpuHeight / 2;
      if (view.cpuHeight >= 11 || position % 2 === 0) this.label(to, `CPU ${number}`, 14, y, 80, theme.ink);
      const busy = model.busy[position];
      to.textAlign = "right";
      if (view.cpuHeight >= 11) this.label(to, `${Math.round(busy * 100)} %`, GUTTER - 10, y, 60, theme.soft);
      to.textAlign = "left";
    });
    to.save();
    to.beginPath();
    to.rect(0, view.tasksTop - 2, GUTTER, view.height);
    to.clip();
    const focus = this.kept?.task ?? this.hover?.task;
    for (const task of this.visible()) {
      const top = view.laneTop(task), middle = top + LANE / 2, indent = 14 + Math.min(task.depth, 6) * 11;
      if (this.hits.has(task) || task === focus) {
        to.fillStyle = theme.accent;
        to.globalAlpha = this.hits.has(task) ? 0.22 : 0.1;
        to.fillRect(0, top, GUTTER, LANE);
        to.globalAlpha = 1;
      }
      to.globalAlpha = this.faded(task) ? 0.4 : 1;
      to.fillStyle = this.colour(task);
      if (task.isThread) to.fillRect(indent - 6, middle - 1, 6, 2);
      else to.fillRect(indent - 8, middle - 4, 8, 8);
      this.label(to, task.name, indent + 6, middle, GUTTER - indent - 52, task.isThread ? theme.soft : theme.ink);
      to.textAlign = "right";
      this.label(to, String(task.tid), GUTTER - 10, middle, 70, theme.soft);
      to.textAlign = "left";
      to.globalAlpha = 1;
    }
    to.restore();
    to.fillStyle = theme.rule;
    to.fillRect(GUTTER - 1, 0, 1, view.height);
    to.fillRect(0, AXIS - 1, view.width, 1);
    to.fillRect(0, view.tasksTop - Math.ceil(GAP / 2), view.width, 1);
  }

  visible() {
    const view = this.view, first = Math.max(0, Math.floor(view.scroll / LANE));
    return this.model.lanes.slice(first, first + Math.ceil((view.height - view.tasksTop) / LANE) + 1);
  }

  lanes(canvas) {
    const { model, view, theme } = this, to = this.prepare(canvas);
    this.drawn = 0;
    view.layout(canvas.clientWidth, canvas.clientHeight);
    to.fillStyle = theme.paper;
    to.fillRect(0, 0, view.width, view.height);
    model.cpuNumbers.forEach((_, position) => {
      to.fillStyle = theme.idle;
      to.fillRect(GUTTER, view.cpuTop(position) + 2, view.plot, view.cpuHeight - 3);
    });
    const rows = this.visible();
    rows.forEach((task) => {
      if (task.lane % 2) return;
      to.fillStyle = theme.lane;
      to.fillRect(GUTTER, Math.max(view.laneTop(task), view.tasksTop), view.width, LANE);
    });
    this.axis(to);
    to.save();
    to.beginPath();
    to.rect(GUTTER, AXIS, view.plot, view.height);
    to.clip();
    const scale = view.plot / view.length;
    model.cpuNumbers.forEach((number, position) => this.cpuLane(to, model.cpus[number], view.from, view.to, scale,
      GUTTER, view.cpuTop(position) + 2, view.cpuHeight - 3, view.cpuHeight >= 13));
    to.beginPath();
    to.rect(GUTTER, view.tasksTop - 3, view.plot, view.height);
    to.clip();
    for (const task of rows) this.taskLane(to, task, view.laneTop(task));
    this.links(to);
    for (const task of rows) this.marks(to, task, view.laneTop(task));
    this.outline(to);
    to.restore();
    this.gutter(to);
    this.cursor(to);
  }

  // The slice that is kept.
  outline(to) {
    const kept = this.kept;
    if (!kept?.task || kept.slice < 0) return;
    const slices = kept.task.slices, x0 = this.view.x(slices.start[kept.slice]);
    const x1 = this.view.x(slices.end[kept.slice]);
    to.strokeStyle = this.theme.ink;
    to.lineWidth = 1.5;
    to.strokeRect(x0 - 1, this.view.laneTop(kept.task) + 2, Math.max(3, x1 - x0 + 2), LANE - 4);
  }
  cursor(to) {
    const { hover, view, theme } = this;
    if (this.range) {
      const [x0, x1] = this.range;
      to.fillStyle = theme.accent;
      to.globalAlpha = 0.15;
      to.fillRect(Math.min(x0, x1), AXIS, Math.abs(x1 - x0), view.height);
      to.globalAlpha = 1;
      this.label(to, duration(Math.abs(view.time(x1) - view.time(x0))), Math.min(x0, x1) + 6, AXIS + 10, 200, theme.ink);
    }
    if (hover && hover.x > GUTTER) {
      to.fillStyle = theme.ink;
      to.globalAlpha = 0.25;
      to.fillRect(Math.round(hover.x), AXIS - 5, 1, view.height);
      to.globalAlpha = 1;
    }
    if (!this.hiddenArrows || !this.arrows) return;
    const words = `${number(this.hiddenArrows)} arrows here: zoom in to see them`;
    to.font = "11px system-ui, 'Liberation Sans', sans-serif";
    const wide = to.measureText(words).width + 16;
    to.fillStyle = theme.panel;
    to.globalAlpha = 0.92;
    to.fillRect(view.width - wide - MARGIN, view.height - 26, wide, 20);
    to.globalAlpha = 1;
    this.label(to, words, view.width - wide - MARGIN + 8, view.height - 16, 500, theme.soft);
  }

  overview(canvas) {
    const { model, view, theme } = this, to = this.prepare(canvas);
    const width = canvas.clientWidth, height = canvas.clientHeight;
    const key = `${width}x${height}x${window.devicePixelRatio}x${[...this.hits].map((task) => task.index)}`;
    if (!this.overviewCache || this.overviewKey !== key) {
      const cache = document.createElement("canvas");
      cache.width = canvas.width;
      cache.height = canvas.height;
      const inner = cache.getContext("2d"), ratio = window.devicePixelRatio || 1;
      inner.scale(ratio, ratio);
      inner.fillStyle = theme.paper;
      inner.fillRect(0, 0, width, height);
      const count = model.cpuNumbers.length, tall = (height - 12) / Math.max(1, count);
      const scale = view.plot / (view.most - view.least);
      model.cpuNumbers.forEach((number, position) => {
        inner.fillStyle = theme.idle;
        inner.fillRect(GUTTER, 6 + position * tall, view.plot, Math.max(1, tall - 1));
        this.cpuLane(inner, model.cpus[number], view.least, view.most, scale, GUTTER, 6 + position * tall,
          Math.max(1, tall - 1), false);
      });
      for (const loss of model.losses) {
        inner.fillStyle = theme.danger;
        inner.fillRect(GUTTER + (loss.to - view.least) * scale, 0, 2, height);
      }
      inner.textBaseline = "middle";
      this.label(inner, "whole run", 14, height / 2, 100, theme.soft);
      inner.textAlign = "right";
      this.label(inner, duration(model.end - model.start), GUTTER - 10, height / 2, 100, theme.ink);
      this.overviewCache = cache;
      this.overviewKey = key;
    }
    to.drawImage(this.overviewCache, 0, 0, width, height);
    const scale = view.plot / (view.most - view.least);
    const x0 = GUTTER + (view.from - view.least) * scale, x1 = GUTTER + (view.to - view.least) * scale;
    to.fillStyle = theme.paper;
    to.globalAlpha = 0.66;
    to.fillRect(GUTTER, 0, x0 - GUTTER, height);
    to.fillRect(x1, 0, GUTTER + view.plot - x1, height);
    to.globalAlpha = 1;
    to.strokeStyle = theme.accent;
    to.lineWidth = 1.5;
    to.strokeRect(x0, 2.5, Math.max(3, x1 - x0), height - 5);
  }
}

// The first index of a list, sorted so that `before` is true and then false, at which it is false.
function lowerBound(list, before) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(list[middle])) low = middle + 1; else high = middle;
  }
  return low;
}
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? power * 10;
}
