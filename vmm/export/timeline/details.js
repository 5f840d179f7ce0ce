// details.js - what is known of the thing under the pointer, in words. Names come from the guest: they
// reach the page as text only, never as markup.

class Details {
  constructor(model, view) {
    this.model = model;
    this.view = view;
  }

  // The thing at a point: { task, slice, row, cpu, time, x }.
  at(x, y) {
    const { model, view } = this, hit = view.hit(y);
    if (x < GUTTER && !hit.task) return null;
    const time = view.time(x), found = { x, time, task: null, slice: -1, row: -1, cpu: -1 };
    const near = (3 / view.plot) * view.length;
    if (hit.task) {
      found.task = hit.task;
      if (x < GUTTER) return found;
      found.row = this.markNear(hit.task, time, (6 / view.plot) * view.length);
      found.slice = this.sliceNear(hit.task.slices, time, near);
      return found;
    }
    if (hit.cpu === undefined || hit.cpu >= model.cpuNumbers.length) return found;
    found.cpu = model.cpuNumbers[hit.cpu];
    const slices = model.cpus[found.cpu], i = this.sliceNear(slices, time, near);
    found.cpuSlice = i;
    if (i >= 0 && slices.what[i] >= 0) {
      found.task = model.tasks[slices.what[i]];
      found.slice = found.task.slices.at(slices.start[i]);
    }
    return found;
  }
  sliceNear(slices, time, near) {
    const i = slices.at(time);
    if (i >= 0) return i;
    const after = slices.find(time);
    if (after < slices.count && slices.start[after] - time < near) return after;
    return after > 0 && time - slices.end[after - 1] < near ? after - 1 : -1;
  }
  markNear(task, time, near) {
    const { model } = this;
    let best = -1, least = near;
    for (let i = lowerBound(task.marks, (row) => model.time[row] < time - near); i < task.marks.length; i++) {
      const away = Math.abs(model.time[task.marks[i]] - time);
      if (model.time[task.marks[i]] > time + near) break;
      // Faults are many and small: any other event beside one is meant.
      const weight = model.kind(task.marks[i]) === KIND.FAULT ? away + near / 2 : away;
      if (weight < least) { least = weight; best = task.marks[i]; }
    }
    return best;
  }

  nameOf(tid, time) {
    const task = this.model.byTid.get(tid);
    return task ? `${task.nameAt(time)}/${tid}` : `${tid}`;
  }
  who(task, time) { return `${task.nameAt(time)}/${task.tid}`; }

  // One event as a sentence; a switch is told as the task `toward` sees it that gets the CPU.
  event(row, toward) {
    const { model } = this, time = model.time[row];
    const tid = model.value(row, 3), a = model.value(row, 4), b = model.value(row, 5), c = model.value(row, 6);
    const address = (value) => (typeof value === "string" ? value : `0x${value.toString(16)}`);
    switch (model.kind(row)) {
      case KIND.SWITCH: {
        const why = model.text(c), cpu = model.cpuOf(row);
        if (toward && a === toward.tid)
          return `runs on CPU ${cpu}${tid ? `, after ${this.nameOf(tid, time)}: ${why}` : ", which was idle"}`;
        return `${why}; CPU ${cpu} ${a ? `goes to ${this.nameOf(a, time)}` : "is idle"}`;
      }
      case KIND.WAKEUP: return `woken ${tid ? `by ${this.nameOf(tid, time)}` : "from an interrupt"} for CPU ${b}`;
      case KIND.FORK: return `forks ${this.nameOf(a, time)}${model.byTid.get(tid)?.group === b ? ", a thread" : ""}`;
      case KIND.EXEC: return `executes ${this.nameOf(tid, time)}`;
      case KIND.EXIT: return `ends: ${model.text(a)}${b ? "" : " (its other threads go on)"}`;
      case KIND.REAP: return `noticed by ${this.nameOf(b, time)}: ${model.text(c)}`;
      case KIND.SIGNAL: return `signal ${b} ${model.text(c)}${tid ? `, by ${this.nameOf(tid, time)}` : ""}`;
      case KIND.FAULT: return `page fault at ${address(a)}: ${model.text(c)} (rip ${address(b)})`;
      case KIND.EXCEPTION: return `exception ${a} at ${address(b)}: signal ${model.text(c)}`;
      case KIND.UNKNOWN_CALL: return `system call ${a} does not exist`;
      case KIND.COMM: return `is now called ${this.nameOf(tid, time)}`;
      case KIND.STOP: return `stopped by ${model.text(b)}`;
      case KIND.MARK: return `mark ${address(a)} ${address(b)} ${address(c)}`;
      case KIND.LOSS: return `${number(a)} events of CPU ${model.cpuOf(row)} were lost here`;
      default: return "an event";
    }
  }

  // Lines of [text, class].
  lines(found) {
    const lines = [];
    if (!found) return lines;
    if (found.cpu >= 0) this.cpuLines(found, lines);
    if (found.task) this.taskLines(found, lines);
    if (!lines.length) lines.push([moment(found.time), "soft"]);
    return lines;
  }
  cpuLines(found, lines) {
    const slices = this.model.cpus[found.cpu], i = found.cpuSlice;
    if (i < 0 || found.task) {
      if (i < 0) lines.push([`CPU ${found.cpu}`, "bold"], ["nothing recorded", "soft"]);
      return;
    }
    const words = slices.what[i] === UNKNOWN_TASK ? "events lost: nothing is known" : "idle";
    lines.push([`CPU ${found.cpu}: ${words}`, "bold"],
      [`${duration(slices.end[i] - slices.start[i])}, from ${moment(slices.start[i])}`, "soft"]);
  }
  taskLines(found, lines) {
    const { model } = this, { task, slice, row } = found, slices = task.slices;
    const begun = slice >= 0 ? slices.start[slice] : task.born;
    const thread = task.isThread ? `, a thread of ${this.who(task.leader, begun)}` : "";
    lines.push([this.who(task, slice >= 0 ? Math.max(begun, found.time) : Infinity) + thread, "bold"]);
    if (row >= 0) lines.push([`${moment(model.time[row])}: ${this.event(row)}`, ""]);
    if (slice < 0) {
      lines.push([this.life(task), ""]);
      return;
    }
    const state = slices.what[slice], cause = slices.cause[slice], effect = slices.effect[slice];
    const length = slices.end[slice] - begun;
    let words = STATE_WORDS[state];
    if (state === STATE.RUNNING && cause >= 0) words += ` on CPU ${model.cpuOf(cause)}`;
    if (state === STATE.BLOCKED && cause >= 0) words += `: ${model.text(model.value(cause, 6))}`;
    lines.push([`${words} for ${duration(length)}`, ""]);
    lines.push([`${moment(begun)} to ${moment(slices.end[slice])}`, "soft"]);
    if (state === STATE.READY && cause >= 0) lines.push([`since: ${this.event(cause)}`, "soft"]);
    if (state === STATE.RUNNING && slice > 0 && slices.what[slice - 1] === STATE.READY) {
      const before = slices.cause[slice - 1];
      const why = before >= 0 && model.kind(before) === KIND.WAKEUP ? this.event(before) : "had waited for a CPU";
      lines.push([`${why}, ${duration(slices.end[slice - 1] - slices.start[slice - 1])} before`, "soft"]);
    }
    lines.push([effect >= 0 ? `then: ${this.event(effect, task)}` : "until the end of the trace", "soft"]);
  }
  life(task) {
    const parts = [`ran ${duration(task.ran)}`, `waited ${duration(task.waited)} for a CPU`,
      `${number(task.own)} + ${number(task.forced)} switches (own + forced)`];
    if (task.delays) parts.push(`wake-up to CPU: ${duration(task.delaySum / task.delays)} on average, ` +
      `${duration(task.delayMax)} at most`);
    if (task.status) parts.push(task.status);
    return parts.join("; ");
  }

  fill(element, found, buttons) {
    element.replaceChildren();
    for (const [words, kind] of this.lines(found)) {
      const line = document.createElement(kind === "bold" ? "b" : "div");
      line.textContent = words;
      if (kind === "soft") line.className = "soft";
      element.append(line);
    }
    for (const [words, title, act] of buttons ?? []) {
      const button = document.createElement("button");
      button.textContent = words;
      button.title = title;
      button.addEventListener("click", act);
      element.append(button);
    }
  }
}
