"""Commands for gdb on a Vitrine machine: `vitrine gdb` loads them. They read the kernel's own structures by
its symbols, so they work on a running machine and on a core file alike.

  vt-ps          the tasks
  vt-current     what each CPU runs
  vt-files PID   the open files of a task
"""
import gdb

STATES = ("unused", "created", "ready", "running", "blocked", "blocked-hard", "stopped", "zombie", "dead")
WAITS = ("", "pipe read", "pipe write", "child", "futex", "sleep", "poll", "signal", "console input",
         "console output", "kernel mutex", "vfork", "kernel work", "file lock", "socket", "event", "thread exit")
FLAG_IDLE = 2
IDLE_THREAD = 1000000000
LIMIT = 65536  # of anything that is followed from link to link: memory may be damaged


def symbol(name):
    """A variable of the kernel, whichever program's symbols gdb looks at first."""
    found = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if found is None:
        raise gdb.GdbError("no symbol '%s': load the kernel's (file .../vitrine-kernel)" % name)
    return found.value()


def pointer_to(type_name):
    return gdb.lookup_type(type_name).pointer()


def text(array):
    return array.string(errors="replace", length=int(array.type.sizeof)).split("\0")[0]


def tasks():
    """Every task's struct, in the order of their slots."""
    slots = symbol("task_slots")["glass"]
    per_chunk, stride = int(slots["slots_per_chunk"]), int(slots["stride"])
    task = pointer_to("struct task")
    for index in range(min(int(slots["high_water"]), LIMIT)):
        chunk = int(slots["chunks"][index // per_chunk])
        entry = gdb.Value(chunk + index % per_chunk * stride).cast(task).dereference()
        if int(entry["object"]["id"]) and (int(entry["tid"]) or int(entry["flags"]) & FLAG_IDLE):
            yield entry


def find_task(tid):
    for task in tasks():
        if int(task["tid"]) == tid and not int(task["flags"]) & FLAG_IDLE:
            return task
    raise gdb.GdbError("there is no task %d (vt-ps lists them)" % tid)


def name_of(task):
    return "idle/%d" % int(task["cpu"]) if int(task["flags"]) & FLAG_IDLE else text(task["comm"])


def thread_of(task):
    return IDLE_THREAD + int(task["cpu"]) if int(task["flags"]) & FLAG_IDLE else int(task["tid"])


def word(words, index):
    return words[index] if index < len(words) else "?"


def state_of(task):
    state = word(STATES, int(task["state"]))
    return "%s (%s)" % (state, word(WAITS, int(task["wait_kind"]))) if state.startswith("blocked") else state


class Ps(gdb.Command):
    """vt-ps: the tasks of the guest."""

    def __init__(self):
        super().__init__("vt-ps", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        print("%10s %6s %3s %-16s %-20s %-26s %s" % ("THREAD", "PID", "CPU", "NAME", "STRUCT TASK", "STATE",
                                                     "WAITS ON"))
        for task in tasks():
            waits = int(task["wait_object"]) if state_of(task).startswith("blocked") else 0
            print("%10d %6d %3d %-16s %#-20x %-26s %s" %
                  (thread_of(task), int(task["tgid"]), int(task["cpu"]), name_of(task), int(task.address),
                   state_of(task), "%#x" % waits if waits else ""))


class Current(gdb.Command):
    """vt-current: the task that each CPU runs."""

    def __init__(self):
        super().__init__("vt-current", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        glass = symbol("glass")
        task = pointer_to("struct task")
        for index in range(int(glass["cpu_count"])):
            address = int(glass["cpus"]) + index * int(glass["cpu_stride"])
            cpu = gdb.Value(address).cast(pointer_to("struct glass_cpu")).dereference()
            if int(cpu["online"]) and int(cpu["running"]):
                running = cpu["running"].cast(task).dereference()
                print("CPU %d: thread %d, %s, struct task %#x" %
                      (index, thread_of(running), name_of(running), int(running.address)))


def path_of(entry, mount):
    """The names from a dentry, seen through a mount, up to the root of all mounts."""
    names = []
    for _ in range(4096):
        if int(mount) and int(mount["root"]) == int(entry):
            if int(mount["parent"]) == int(mount):
                break
            entry, mount = mount["mountpoint"], mount["parent"]
            continue
        if int(entry["parent"]) == int(entry):
            break
        names.append(entry["name"].string(errors="replace", length=int(entry["name_length"])))
        entry = entry["parent"]
    return "/" + "/".join(reversed(names))


class Files(gdb.Command):
    """vt-files PID: the open files of a task: descriptor, struct file, name or kind."""

    def __init__(self):
        super().__init__("vt-files", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        if not argument.strip().isdigit():
            raise gdb.GdbError("vt-files PID: whose files?")
        table = find_task(int(argument))["files"]
        if not int(table):
            raise gdb.GdbError("task %s has no files" % argument)
        for index in range(min(int(table["capacity"]), LIMIT)):
            if not int(table["open"][index // 64]) >> index % 64 & 1:
                continue
            file = table["files"][index]
            if int(file["dentry"]):
                what = path_of(file["dentry"], file["mount"])
            elif int(file["operations"]) and int(file["operations"]["kind"]):
                what = file["operations"]["kind"].string(errors="replace")
            else:
                what = "?"
            print("%4d  struct file %#x  %s" % (index, int(file), what))


Ps()
Current()
Files()
