/*
 * bench/snapshot_bench.c - how long it takes to save, restore and fork a booted machine: a shell
 * that waits for input, 128 MiB. `snapshot_bench ROUNDS [kvm|qemu]...`
 *
 * "to running" is until vt_machine_start() has returned: the CPUs' threads are there, and the
 * guest's clock goes. "to answer" is until the kernel has answered a command, so the guest has
 * taken an interrupt and run. Times of all rounds go into the distribution; none is thrown away.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/include/vitrine.h"

#define ROUNDS_MAX 1000

enum measure { SAVE, RESTORE, RUNNING, ANSWER, FORKED, FORK_RUNNING, MEASURES };

static const char *const names[MEASURES] = {
    [SAVE] = "save",
    [RESTORE] = "restore, not started",
    [RUNNING] = "restore to running",
    [ANSWER] = "restore to answer",
    [FORKED] = "fork, not started",
    [FORK_RUNNING] = "fork to running",
};

static double times[MEASURES][ROUNDS_MAX];

static void must(struct vt_error *error, const char *what)
{
    if (!error)
        return;
    fprintf(stderr, "snapshot_bench: %s: %s\n", what, vt_error_message(error));
    exit(1);
}

static double since(uint64_t start)
{
    return (double)(clock_monotonic_ns() - start) / 1e6;
}

static void await_input(struct vt_machine *machine)
{
    for (unsigned i = 0; i < 20000; i++) {
        struct vt_task task = {0};

        vt_error_destroy(vt_guest_task(vt_machine_guest(machine), 2, &task));
        if (task.state == TASK_BLOCKED && task.wait_kind == WAIT_CONSOLE_INPUT)
            return;
        usleep(1000);
    }
    fprintf(stderr, "snapshot_bench: the guest's program does not wait for input\n");
    exit(1);
}

/* `streams`: the copies' standard input stays open. Without one the program would end at once, and
 * its machine with it, perhaps before the answer. */
static void measure(struct vt_machine *machine, const char *path, unsigned round,
                    const struct vt_options *streams)
{
    struct vt_machine *copy;
    const uint64_t arguments[4] = {1};
    int64_t answer;
    uint64_t start = clock_monotonic_ns();

    must(vt_machine_save(machine, path), "save");
    times[SAVE][round] = since(start);

    start = clock_monotonic_ns();
    must(vt_machine_restore(path, streams, &copy), "restore");
    times[RESTORE][round] = since(start);
    must(vt_machine_start(copy), "start");
    times[RUNNING][round] = since(start);
    must(vt_guest_command(vt_machine_guest(copy), MAILBOX_PING, arguments, &answer), "ping");
    times[ANSWER][round] = since(start);
    vt_machine_destroy(copy);

    start = clock_monotonic_ns();
    must(vt_fork(machine, streams, &copy), "fork");
    times[FORKED][round] = since(start);
    must(vt_machine_start(copy), "start");
    times[FORK_RUNNING][round] = since(start);
    vt_machine_destroy(copy);
}

static int by_value(const void *a, const void *b)
{
    const double *left = a, *right = b;

    return *left < *right ? -1 : *left > *right;
}

static void print(enum vt_accel accel, unsigned cpus, unsigned rounds)
{
    for (unsigned i = 0; i < MEASURES; i++) {
        double *all = times[i], sum = 0;

        qsort(all, rounds, sizeof(*all), by_value);
        for (unsigned round = 0; round < rounds; round++)
            sum += all[round];
        printf("%-4s %u CPU%s  %-21s %7.2f %7.2f %7.2f %7.2f %7.2f %7.2f\n", vt_accel_name(accel),
               cpus, cpus == 1 ? " " : "s", names[i], all[0], all[rounds / 4], all[rounds / 2],
               sum / rounds, all[rounds * 3 / 4], all[rounds - 1]);
    }
}

static void run(enum vt_accel accel, unsigned cpus, unsigned rounds)
{
    static const char *const arguments[] = {"/bin/busybox", "cat", NULL};
    struct vt_options options, streams;
    struct vt_machine *machine;
    char path[64];
    int input[2];

    if (pipe(input) != 0) {
        perror("snapshot_bench: pipe");
        exit(1);
    }
    snprintf(path, sizeof(path), "/tmp/snapshot-bench-%d", (int)getpid());
    vt_options_init(&options);
    options.accel = accel;
    options.cpus = cpus;
    options.argv = arguments;
    options.stdin_fd = input[0];
    vt_options_init(&streams);
    streams.stdin_fd = input[0];
    must(vt_machine_create(&options, &machine), "create");
    must(vt_machine_start(machine), "start");
    must(vt_guest_ready(vt_machine_guest(machine), 60000), "ready");
    await_input(machine);
    for (unsigned round = 0; round < rounds; round++)
        measure(machine, path, round, &streams);
    print(accel, cpus, rounds);
    vt_machine_destroy(machine);
    unlink(path);
    close(input[0]);
    close(input[1]);
}

int main(int count, char **arguments)
{
    unsigned rounds = count > 1 ? (unsigned)atoi(arguments[1]) : 100;
    struct vt_host host;

    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "snapshot_bench: 1 to %d rounds\n", ROUNDS_MAX);
        return 1;
    }
    must(vt_host_probe(false, &host), "probe");
    printf("%s, TSC %lu kHz; KVM %s, %.1f ns per kernel instruction; QEMU %s; %u rounds; ms\n"
           "%-35s %7s %7s %7s %7s %7s %7s\n",
           host.cpu_model, (unsigned long)host.tsc_khz, vt_verdict_name(host.verdict),
           host.kvm_ring0_ns, host.qemu_version, rounds, "", "min", "q1", "median", "mean", "q3",
           "max");
    for (enum vt_accel accel = VT_ACCEL_KVM; accel <= VT_ACCEL_QEMU; accel++) {
        bool wanted = count <= 2;

        for (int i = 2; i < count; i++)
            wanted |= strcmp(arguments[i], vt_accel_name(accel)) == 0;
        if (wanted && (accel == VT_ACCEL_KVM ? host.kvm_usable : host.qemu_present))
            for (unsigned cpus = 1; cpus <= 2; cpus++)
                run(accel, cpus, rounds);
    }
    return 0;
}
