/*
 * vmm/machine/qemu_machine.c - the operations of the QEMU backend.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/base/clock.h"
#include "vmm/base/file.h"
#include "vmm/machine/host.h"
#include "vmm/machine/qemu_machine.h"

#define START_LIMIT_MS 20000
#define LAPIC_TIMER_HZ 1000000000ull /* QEMU's LAPIC counts nanoseconds of virtual time */
#define ICOUNT_TSC_KHZ 1000000ull /* shift=0: one instruction is one nanosecond is one TSC tick */

static struct qemu_machine *qemu_of(struct machine *machine)
{
    return (struct qemu_machine *)machine;
}

struct qemu_debug *qemu_debug_of(struct machine *base)
{
    struct qemu_machine *machine = qemu_of(base);

    machine->debug.qmp = &machine->qmp;
    machine->debug.fd = machine->process.gdb_fd;
    return &machine->debug;
}

static void qemu_stop(struct machine *base)
{
    struct qemu_machine *machine = qemu_of(base);

    pthread_mutex_lock(&machine->lock);
    machine->stopping = true;
    if (machine->joining) {
        while (!machine->joined)
            pthread_cond_wait(&machine->changed, &machine->lock);
        pthread_mutex_unlock(&machine->lock);
        return;
    }
    machine->joining = true;
    pthread_mutex_unlock(&machine->lock);

    /* Both threads see the end of their streams, also if QEMU itself is hung; the monitor reaps it.
     */
    if (machine->process.qmp_fd >= 0)
        shutdown(machine->process.qmp_fd, SHUT_RDWR);
    if (machine->process.bell_fd >= 0)
        shutdown(machine->process.bell_fd, SHUT_RDWR);
    if (machine->process.gdb_fd >= 0)
        shutdown(machine->process.gdb_fd, SHUT_RDWR); /* a debugger sees it too */
    if (machine->has_bell)
        pthread_join(machine->bell, NULL);
    if (machine->has_monitor)
        pthread_join(machine->monitor, NULL);
    pthread_mutex_lock(&machine->lock);
    machine->joined = true;
    pthread_cond_broadcast(&machine->changed);
    pthread_mutex_unlock(&machine->lock);
}

static void qemu_destroy(struct machine *base)
{
    struct qemu_machine *machine = qemu_of(base);

    qemu_debug_deinit(&machine->debug);
    qemu_process_close(&machine->process);
    if (machine->has_monitor)
        qmp_deinit(&machine->qmp);
    vt_error_destroy(machine->start_error);
    pthread_cond_destroy(&machine->changed);
    pthread_mutex_destroy(&machine->lock);
    free(machine);
}

static struct vt_error *qemu_create(const struct machine *arguments, struct machine **ret)
{
    struct boot_info *boot = arguments->boot;
    struct qemu_machine *machine;
    struct vt_error *error;
    struct vt_host host;

    error = vt_host_probe(false, &host);
    if (error)
        return error;
    if (!host.qemu_present)
        return vt_error_create(VT_ERROR_BACKEND,
                               "QEMU (qemu-system-x86_64) is not installed: install Debian's "
                               "qemu-system-x86, or choose '--accel kvm'");
    machine = calloc(1, sizeof(*machine));
    if (!machine)
        return vt_error_create(VT_ERROR_MEMORY, "out of memory");
    machine->base = *arguments;
    machine->process = (struct qemu_process){0, -1, -1, -1, -1, -1};
    memcpy(machine->program, host.qemu_path, sizeof(machine->program));
    pthread_mutex_init(&machine->lock, NULL);
    pthread_cond_init(&machine->changed, NULL);

    boot->flags |= BOOT_FLAG_KICK_SERIAL | BOOT_FLAG_FPU_ON_DEMAND;
    boot->cpu_features = host.qemu_cpu_features;
    boot->tsc_khz = arguments->config.icount ? ICOUNT_TSC_KHZ : host.tsc_khz;
    boot->lapic_timer_hz = LAPIC_TIMER_HZ;
    boot->wall_tsc = 0; /* the guest's TSC at entry belongs to wall_ns */

    error = qemu_start_threads(machine);
    if (error) {
        qemu_stop(&machine->base);
        qemu_destroy(&machine->base);
        return error;
    }
    *ret = &machine->base;
    return NULL;
}

static bool wait_for_greeting(struct qmp *qmp)
{
    const struct timespec deadline = clock_deadline(START_LIMIT_MS);
    bool greeted;

    pthread_mutex_lock(&qmp->lock);
    while (!qmp->greeted && !qmp->closed)
        if (clock_wait(&qmp->answered, &qmp->lock, &deadline) == ETIMEDOUT)
            break;
    greeted = qmp->greeted;
    pthread_mutex_unlock(&qmp->lock);
    return greeted;
}

static void copy_complaint(struct qemu_machine *machine, char text[QEMU_COMPLAINT_BYTES])
{
    pthread_mutex_lock(&machine->lock);
    memcpy(text, machine->complaint, QEMU_COMPLAINT_BYTES);
    pthread_mutex_unlock(&machine->lock);
    for (size_t end = strlen(text); end > 0 && text[end - 1] == '\n'; end--)
        text[end - 1] = 0;
}

/* Waits until QEMU takes commands. */
static struct vt_error *greet(struct qemu_machine *machine)
{
    char complaint[QEMU_COMPLAINT_BYTES];

    if (wait_for_greeting(&machine->qmp))
        return qmp_execute(&machine->qmp, "qmp_capabilities", NULL, NULL);
    copy_complaint(machine, complaint);
    return vt_error_create(VT_ERROR_BACKEND, "QEMU does not start%s%s", complaint[0] ? ": " : "",
                           complaint);
}

static struct vt_error *qemu_start(struct machine *base)
{
    struct qemu_machine *machine = qemu_of(base);
    struct vt_error *error = base->config.restores ? NULL : greet(machine);

    if (error)
        return error;
    /* QEMU took its time to come up: the guest's wall clock starts now. */
    if (!base->config.icount && !base->config.restores)
        base->boot->wall_ns = clock_ns(CLOCK_REALTIME);
    error = qmp_execute(&machine->qmp, "cont", NULL, NULL);
    /* A guest may end the machine before the answer comes: it did start, and its end is reported as
     * any other. */
    if (error && vt_error_code(error) == VT_ERROR_GONE) {
        vt_error_destroy(error);
        error = NULL;
    }
    return error;
}

static void qemu_kick(struct machine *base)
{
    struct qemu_machine *machine = qemu_of(base);
    int waiting = 0;

    /* A byte that QEMU has not taken yet will interrupt the guest later than now: one is enough. */
    if (ioctl(machine->process.kick_fd, SIOCOUTQ, &waiting) == 0 && waiting > 0)
        return;
    (void)send(machine->process.kick_fd, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void qemu_release(struct machine *base)
{
    (void)base; /* the guest polls resume_epoch */
}

static struct vt_error *qemu_pause(struct machine *base)
{
    return qmp_execute(&qemu_of(base)->qmp, "stop", NULL, NULL);
}

static struct vt_error *qemu_resume(struct machine *base)
{
    return qmp_execute(&qemu_of(base)->qmp, "cont", NULL, NULL);
}

static struct vt_error *qemu_registers(struct machine *base, unsigned cpu,
                                       struct machine_registers *ret)
{
    return qemu_read_registers(&qemu_of(base)->qmp, cpu, ret);
}

static struct vt_error *qemu_save(struct machine *base, struct machine_state *ret)
{
    return qemu_save_state(&qemu_of(base)->qmp, ret);
}

static struct vt_error *qemu_load(struct machine *base, const struct machine_state *state)
{
    struct qemu_machine *machine = qemu_of(base);
    char complaint[QEMU_COMPLAINT_BYTES];
    struct vt_error *error = greet(machine);

    if (error)
        return error;
    error = qemu_load_state(&machine->qmp, state);
    if (!error)
        return NULL;
    qemu_stop(base); /* what it had to say is read to the end */
    copy_complaint(machine, complaint);
    struct vt_error *told = vt_error_create(
        VT_ERROR_FORMAT,
        "QEMU does not take the snapshot's state: it is damaged, or was saved by another version "
        "of QEMU (%s)",
        complaint[0] ? complaint : vt_error_message(error));
    vt_error_destroy(error);
    return told;
}

static bool qemu_stats(struct machine *base, unsigned cpu, struct machine_cpu_stats *ret)
{
    /* The doorbell does not tell which CPU rang: all are counted for the first. */
    memset(ret, 0, sizeof(*ret));
    if (cpu == 0)
        ret->exits[MACHINE_EXIT_DOORBELL] = qemu_of(base)->bells;
    return true;
}

const struct machine_backend machine_backend_qemu = {
    .name = "qemu",
    .create = qemu_create,
    .start = qemu_start,
    .kick = qemu_kick,
    .release = qemu_release,
    .pause = qemu_pause,
    .resume = qemu_resume,
    .registers = qemu_registers,
    .save = qemu_save,
    .load = qemu_load,
    .stop = qemu_stop,
    .destroy = qemu_destroy,
    .stats = qemu_stats,
    .debugger = &qemu_debugger,
};
