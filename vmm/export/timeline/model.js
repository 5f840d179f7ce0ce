// model.js - from the rows of events to lanes: what every CPU and every task did, and when.
//
// A row is seven numbers (timeline.c writes them): nanoseconds since the row before, CPU, kind, task,
// and three values that depend on the kind. Lanes hold slices as parallel arrays, in order of time.

const KIND = {
  SWITCH: 1, WAKEUP: 2, FORK: 3, EXEC: 4, EXIT: 5, REAP: 6, SIGNAL: 7, FAULT: 8, UNKNOWN_CALL: 11,
  MIGRATE: 12, MARK: 13, EXCEPTION: 14, COMM: 15, STOP: 16, NAME: 100, LOSS: 101,
};
const STATE = { UNKNOWN: 0, RUNNING: 1, READY: 2, BLOCKED: 3, STOPPED: 4, ZOMBIE: 5 };
const STATE_WORDS = ["not known", "running", "ready, waits for a CPU", "blocked", "stopped", "zombie"];
const COLUMNS = 7;
const IDLE = -1, UNKNOWN_TASK = -2; // instead of a task's index on a CPU

class Slices {
  constructor() {
    this.start = [];
    this.end = [];
    this.what = []; // STATE of a task; index of the task on a CPU
    this.cause = []; // row that began it, -1 = what was found at the start
    this.effect = []; // row that ended it, -1 = the end of the trace
  }
  get count() { return this.start.length; }
  get open() { return this.count > 0 && this.end[this.count - 1] === Infinity; }
  get last() { return this.count ? this.what[this.count - 1] : undefined; }
  begin(time, what, row) {
    this.finish(time, row);
    this.start.push(time);
    this.end.push(Infinity);
    this.what.push(what);
    this.cause.push(row);
    this.effect.push(-1);
  }
  finish(time, row) {
    if (!this.open) return;
    const i = this.count - 1;
    this.end[i] = Math.max(time, this.start[i]);
    this.effect[i] = row;
  }
  // The first slice that ends after `time`.
  find(time) {
    let low = 0, high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.end[middle] > time) high = middle; else low = middle + 1;
    }
    return low;
  }
  at(time) {
    const i = this.find(time);
    return i < this.count && this.start[i] <= time ? i : -1;
  }
}

class Task {
  constructor(index, tid, group, parent, time) {
    Object.assign(this, { index, tid, group, parent, born: time, gone: Infinity });
    this.names = [{ time, name: parent ? parent.name : "?" }];
    this.leader = this;
    this.children = [];
    this.threads = [];
    this.slices = new Slices();
    this.marks = []; // rows of events that this lane shows
    this.readySince = -1;
    this.woken = false;
    this.ran = this.waited = this.delaySum = this.delayMax = this.delays = 0;
    this.own = this.forced = 0;
    this.status = "";
  }
  get name() { return this.names[this.names.length - 1].name; }
  get label() { return `${this.name}/${this.tid}`; }
  nameAt(time) {
    let found = this.names[0].name;
    for (const entry of this.names) if (entry.time <= time) found = entry.name;
    return found;
  }
}

class Model {
  constructor(data) {
    this.data = data;
    this.rows = data.rows;
    this.rowCount = Math.floor(data.rows.length / COLUMNS);
    this.time = new Float64Array(this.rowCount);
    this.tasks = [];
    this.byTid = new Map();
    this.cpus = []; // Slices by CPU
    this.running = []; // task by CPU
    this.links = []; // arrows: { time, from, to, kind, row }
    this.count = { switches: 0, forced: 0, wakeups: 0, forks: 0, faults: 0, signals: 0 };
    this.worst = null; // the longest way from a wake-up to a CPU: { task, delay, time }
    this.losses = []; // { cpu, from, to, lost }
    this.lastTime = []; // by CPU, for the gaps
    this.start = 0;
    this.end = 0;
    this.read();
    this.order();
  }

  text(number) { return this.data.strings[number] ?? "?"; }
  value(row, column) { return this.rows[row * COLUMNS + column]; }
  kind(row) { return this.rows[row * COLUMNS + 2]; }
  cpuOf(row) { return this.rows[row * COLUMNS + 1]; }

  task(tid, time) {
    let task = this.byTid.get(tid);
    if (!task) task = this.add(tid, tid, null, time);
    return task;
  }
  add(tid, group, parent, time) {
    const task = new Task(this.tasks.length, tid, group || tid, parent, time);
    this.tasks.push(task);
    this.byTid.set(tid, task);
    return task;
  }
  cpu(number) {
    if (!this.cpus[number]) this.cpus[number] = new Slices();
    return this.cpus[number];
  }

  read() {
    let now = 0;
    for (let row = 0; row < this.rowCount; row++) {
      now += this.rows[row * COLUMNS];
      this.time[row] = now;
      if (row === 0) this.start = this.end = now;
      if (now > this.end) this.end = now;
      if (now < this.start) this.start = now;
      this.step(row, now);
    }
    // Between CPUs the order of a live trace may be a little off; the lists below are searched by time.
    this.links.sort((one, other) => one.time - other.time);
    for (const task of this.tasks) task.marks.sort((one, other) => this.time[one] - this.time[other]);
    const finish = this.end;
    for (const cpu of this.cpus) if (cpu) cpu.finish(finish, -1);
    for (const task of this.tasks) {
      if (task.slices.open) this.account(task, finish);
      task.slices.finish(finish, -1);
      if (task.gone === Infinity) task.alive = true;
      task.gone = Math.min(task.gone, finish);
    }
  }

  step(row, now) {
    const at = row * COLUMNS, rows = this.rows;
    const cpu = rows[at + 1], kind = rows[at + 2], tid = rows[at + 3];
    const a = rows[at + 4], b = rows[at + 5], c = rows[at + 6];
    if (kind === KIND.NAME) return this.takeName(now, tid, a, b);
    if (kind === KIND.LOSS) return this.takeLoss(row, now, cpu, a);
    this.lastTime[cpu] = now;
    const lane = this.cpu(cpu);
    const self = tid ? this.task(tid, now) : null;
    // Whoever writes an event runs: that is known even before the CPU's first switch.
    if (!lane.open) this.run(row, now, cpu, self);
    switch (kind) {
      case KIND.SWITCH: this.takeSwitch(row, now, cpu, self, a, b); return;
      case KIND.WAKEUP: this.takeWakeup(row, now, self, a); return;
      case KIND.FORK: {
        const child = this.add(a, b, self, now);
        if (self && self.group === b) {
          child.leader = self.leader;
          self.leader.threads.push(child);
        } else if (self) {
          self.leader.children.push(child);
        }
        this.count.forks++;
        this.become(child, STATE.READY, row, now);
        child.readySince = now;
        this.links.push({ time: now, from: self, to: child, kind, row });
        break;
      }
      case KIND.EXIT:
        if (self) self.status = this.text(a);
        break;
      case KIND.REAP: {
        const zombie = this.byTid.get(a);
        if (zombie && zombie.slices.last === STATE.ZOMBIE) {
          zombie.slices.finish(now, row);
          zombie.gone = now;
        }
        return;
      }
      case KIND.SIGNAL: {
        this.count.signals++;
        const target = this.byTid.get(a);
        if (target) target.marks.push(row);
        return;
      }
      case KIND.FAULT: this.count.faults++; break;
      case KIND.MIGRATE: return;
      default: break;
    }
    if (self) self.marks.push(row);
  }

  takeName(now, tid, group, name) {
    const task = this.task(tid, now), words = this.text(name);
    if (group && task.group !== group) {
      task.group = group;
      const leader = this.byTid.get(group);
      if (leader && leader !== task && task.leader === task) {
        task.leader = leader;
        leader.threads.push(task);
      }
    }
    if (task.name === "?" && task.names.length === 1) task.names[0].name = words;
    else if (task.name !== words) task.names.push({ time: now, name: words });
  }

  // Nothing is known of the CPU between the last record and this one, nor of who ran on it.
  takeLoss(row, now, cpu, lost) {
    const before = this.lastTime[cpu] ?? now, task = this.running[cpu], lane = this.cpu(cpu);
    this.losses.push({ cpu, from: before, to: now, lost });
    lane.begin(before, UNKNOWN_TASK, row);
    lane.finish(now, row);
    if (task) this.become(task, STATE.UNKNOWN, row, before);
    this.running[cpu] = null;
  }

  run(row, now, cpu, task) {
    this.cpu(cpu).begin(now, task ? task.index : IDLE, row);
    this.running[cpu] = task;
    if (task && task.slices.last !== STATE.RUNNING) this.become(task, STATE.RUNNING, row, now);
  }

  // Adds up the time in the task's open slice.
  account(task, now) {
    const slices = task.slices, i = slices.count - 1;
    if (!slices.open) return;
    const time = Math.max(0, now - slices.start[i]);
    if (slices.what[i] === STATE.RUNNING) task.ran += time;
    if (slices.what[i] === STATE.READY) task.waited += time;
  }

  become(task, state, row, now) {
    this.account(task, now);
    task.slices.begin(now, state, row);
  }

  takeSwitch(row, now, cpu, previous, nextTid, packed) {
    const state = this.data.states[packed & 0xff], reason = (packed >> 8) & 0xff;
    this.count.switches++;
    const forced = ["slice over", "preempted"].includes(this.data.reasons[reason]);
    if (forced) this.count.forced++;
    if (previous) {
      if (forced) previous.forced++; else previous.own++;
      if (state === "zombie" && previous.tid !== previous.group) {
        this.account(previous, now); // a thread leaves nothing behind
        previous.slices.finish(now, row);
        previous.gone = now;
      } else if (state === "dead") {
        this.account(previous, now);
        previous.slices.finish(now, row);
        previous.gone = now;
      } else {
        const next = { zombie: STATE.ZOMBIE, stopped: STATE.STOPPED, blocked: STATE.BLOCKED,
          "blocked-hard": STATE.BLOCKED }[state] ?? STATE.READY;
        this.become(previous, next, row, now);
        previous.readySince = now;
        previous.woken = false;
      }
    }
    const next = nextTid ? this.task(nextTid, now) : null;
    if (next && next.woken) {
      const delay = Math.max(0, now - next.readySince);
      next.delays++;
      next.delaySum += delay;
      next.delayMax = Math.max(next.delayMax, delay);
      if (!this.worst || delay > this.worst.delay) this.worst = { task: next, delay, time: now };
    }
    if (next) next.woken = false;
    this.run(row, now, cpu, next);
  }

  takeWakeup(row, now, waker, tid) {
    this.count.wakeups++;
    const task = this.task(tid, now);
    this.links.push({ time: now, from: waker, to: task, kind: KIND.WAKEUP, row });
    if (task.slices.last === STATE.RUNNING && task.slices.open) return;
    this.become(task, STATE.READY, row, now);
    task.readySince = now;
    task.woken = true;
  }

  // Parents before children, threads behind their process; what has no parent comes first.
  order() {
    this.lanes = [];
    const seen = new Set(), stack = [];
    const place = (task, depth) => {
      if (seen.has(task)) return;
      seen.add(task);
      task.depth = depth;
      this.lanes.push(task);
      for (const thread of task.threads) {
        if (seen.has(thread)) continue;
        seen.add(thread);
        thread.depth = depth + 1;
        thread.isThread = true;
        this.lanes.push(thread);
      }
      for (let i = task.children.length; i-- > 0;) stack.push([task.children[i], depth + 1]);
    };
    for (const root of this.tasks) {
      if (root.parent || root.leader !== root) continue;
      stack.push([root, 0]);
      while (stack.length) place(...stack.pop());
    }
    for (const task of this.tasks) place(task, 0);
    this.lanes.forEach((task, i) => { task.lane = i; });
    this.processes = this.tasks.filter((task) => task.leader === task);
    this.cpuNumbers = [];
    this.cpus.forEach((lane, number) => { if (lane) this.cpuNumbers.push(number); });
  }

  // Tasks by part of any name they had, or by exact thread or process number.
  search(words) {
    const wanted = words.trim().toLowerCase();
    if (!wanted) return [];
    if (/^[0-9]+$/.test(wanted)) {
      const number = Number(wanted);
      const exact = this.lanes.filter((task) => task.tid === number || task.group === number);
      if (exact.length) return exact;
    }
    return this.lanes.filter((task) =>
      task.names.some((entry) => entry.name.toLowerCase().includes(wanted)) ||
      task.label.toLowerCase() === wanted);
  }
}
