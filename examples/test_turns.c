/*
 * test_turns.c - a test that watches the scheduler from outside: two programs share one processor,
 * and neither falls behind. docs/write-a-test.md explains it.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <vitrine.h>

#define PROGRAM     2 /* process 1 is the kernel's own init, 2 the program that we start */
#define TURNS       60
#define DEADLINE_MS 30000

/* Every call of the library that can fail says why, in one sentence. */
static void must(struct vt_error *error)
{
    if (error)
        cr_assert_fail("%s", vt_error_message(error));
}

/* A machine with one processor, held before the first instruction of the two spinners. */
static struct vt_machine *start_machine(enum vt_accel backend)
{
    static const char *const argv[] = {SPINNERS, NULL};
    struct vt_machine *machine;
    struct vt_options options;
    struct vt_stop start;
    struct vt_host host;

    must(vt_host_probe(false, &host));
    if (backend == VT_ACCEL_KVM ? !host.kvm_usable : !host.qemu_present)
        cr_skip_test("this host cannot do %s", vt_accel_name(backend));
    vt_options_init(&options);
    options.argv = argv;
    options.accel = backend;
    options.trace = true;
    options.trace_lossless = true; /* the guest waits for us: no event is missed */
    options.hold_at_start = true;
    must(vt_machine_create(&options, &machine));
    must(vt_machine_start(machine));
    must(vt_guest_ready(vt_machine_guest(machine), DEADLINE_MS));
    must(vt_guest_wait_stop(vt_machine_guest(machine), DEADLINE_MS, &start));
    return machine;
}

/* Each test runs on both backends. */
static struct criterion_test_params backends(void)
{
    static enum vt_accel both[] = {VT_ACCEL_QEMU, VT_ACCEL_KVM};

    return cr_make_param_array(enum vt_accel, both, 2);
}

ParameterizedTestParameters(turns, nobody_falls_behind)
{
    return backends();
}

/* After every turn: has either spinner had more of the processor than the other, by more than two
 * of the longest turns? */
ParameterizedTest(enum vt_accel *backend, turns, nobody_falls_behind)
{
    struct vt_machine *machine = start_machine(*backend);
    struct vt_guest *guest = vt_machine_guest(machine);
    uint64_t parent_had = 0, child_had = 0, longest = 0;
    struct trace_record event;
    struct vt_trace *trace;
    int32_t child = 0;

    must(vt_trace_open(guest, false, &trace));
    must(vt_guest_resume(guest));
    for (unsigned turns = 0; turns < TURNS;) {
        must(vt_trace_next(trace, DEADLINE_MS, &event));
        if (event.type == TRACE_FORK && event.tid == PROGRAM)
            child = (int32_t)event.arg[0];
        if (event.type != TRACE_SWITCH || !child)
            continue;

        int32_t previous = (int32_t)event.arg[0]; /* who leaves the processor ... */
        uint64_t ran = event.arg[3];              /* ... and the TSC cycles that it had it */
        if (previous != PROGRAM && previous != child)
            continue;
        turns++;
        if (ran > longest)
            longest = ran;
        if (previous == PROGRAM)
            parent_had += ran;
        else
            child_had += ran;

        uint64_t ahead = parent_had > child_had ? parent_had - child_had : child_had - parent_had;
        cr_assert(ahead <= 2 * longest,
                  "turn %u: the parent had %lu cycles, the child %lu; no turn was longer than %lu",
                  turns, (unsigned long)parent_had, (unsigned long)child_had,
                  (unsigned long)longest);
    }
    vt_trace_close(trace);
    vt_machine_destroy(machine); /* ends it: the spinners never would */
}

ParameterizedTestParameters(turns, who_waits_is_ready)
{
    return backends();
}

/* When the parent gets the processor back: is it the only one that runs, and does the child wait
 * for nothing but its turn? */
ParameterizedTest(enum vt_accel *backend, turns, who_waits_is_ready)
{
    struct vt_machine *machine = start_machine(*backend);
    struct vt_guest *guest = vt_machine_guest(machine);
    struct glass_filter to_parent = vt_filter(TRACE_SWITCH);
    struct vt_task parent, child;
    struct vt_stop stop;
    int filter;

    to_parent.arg_mask = 1; /* argument 0 counts: ... */
    to_parent.arg_and[0] = 0xffffffffull << 32;
    to_parent.arg_value[0] = (uint64_t)PROGRAM << 32; /* ... its upper half is who comes */
    to_parent.skip = 10;
    must(vt_guest_stop_on(guest, &to_parent, &filter));
    must(vt_guest_resume(guest));
    must(vt_guest_wait_stop(guest, DEADLINE_MS, &stop));

    /* The world stands still, inside that switch. */
    must(vt_guest_task(guest, PROGRAM, &parent));
    must(vt_guest_task(guest, (int32_t)stop.event.arg[0], &child));
    cr_expect(parent.state == TASK_RUNNING, "the parent is %s", vt_task_state_name(parent.state));
    cr_expect(child.state == TASK_READY, "the child is %s", vt_task_state_name(child.state));
    cr_expect(child.ppid == PROGRAM, "%d left the processor, whose parent is %d", child.tid,
              child.ppid);
    vt_machine_destroy(machine);
}
