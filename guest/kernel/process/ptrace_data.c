/*
 * ptrace_data.c - what a tracer reads and changes of a stopped tracee: memory, registers, the signal
 * it stopped for (ptrace(2)). User memory is copied outside of all locks; a tracee that was killed
 * meanwhile is ESRCH.
 */
#include "kernel/process/ptrace_data.h"

#include "arch/user_access.h"
#include "arch/user_registers.h"
#include "kernel/fs/io_buffer.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/internal.h"

#define PTRACE_PEEKTEXT         1
#define PTRACE_PEEKDATA         2
#define PTRACE_PEEKUSER         3
#define PTRACE_POKETEXT         4
#define PTRACE_POKEDATA         5
#define PTRACE_POKEUSER         6
#define PTRACE_GETREGS          12
#define PTRACE_SETREGS          13
#define PTRACE_GETFPREGS        14
#define PTRACE_SETFPREGS        15
#define PTRACE_GETEVENTMSG      0x4201
#define PTRACE_GETSIGINFO       0x4202
#define PTRACE_PEEKSIGINFO      0x4209
#define PEEKSIGINFO_SHARED      1u /* of the process instead of the thread */
#define PTRACE_SETSIGINFO       0x4203
#define PTRACE_GETREGSET        0x4204
#define PTRACE_SETREGSET        0x4205
#define PTRACE_GETSIGMASK       0x420a
#define PTRACE_SETSIGMASK       0x420b
#define PTRACE_GET_SYSCALL_INFO 0x420e
#define NT_PRSTATUS             1
#define NT_FPREGSET             2
#define NT_X86_XSTATE           0x202
#define AUDIT_ARCH_X86_64       0xc000003eu
#define FXSAVE_BYTES            512u
#define ERRNO_MAX               4095u

/* ---- what needs the tracee to be stopped, for as long as it takes ---- */

static struct task *hold_stopped(struct tracee *tracee)
{
    spin_lock(&family_lock);
    if (tracee->stopped && tracee->tracer == current->process && tracee->task)
        return tracee->task;
    spin_unlock(&family_lock);
    return NULL;
}

static void drop_stopped(void)
{
    spin_unlock(&family_lock);
}

/* ---- memory ---- */

static int64_t access_word(struct tracee *tracee, uint64_t address, uint64_t *word, bool write)
{
    struct address_space *space = NULL;
    struct task *task = hold_stopped(tracee);
    if (!task)
        return -ESRCH;
    space = task_address_space_get(task);
    drop_stopped();
    if (!space)
        return -EIO;
    ssize_t done = address_space_access_forced(space, address, word, sizeof(*word), write);
    address_space_put(space);
    return done == (ssize_t)sizeof(*word) ? 0 : -EIO;
}

static int64_t peek(struct tracee *tracee, uint64_t address, uint64_t result)
{
    uint64_t word;
    int64_t error = access_word(tracee, address, &word, false);
    return error ? error : put_user(word, result);
}

/* ---- registers ---- */

static int64_t registers_get(struct tracee *tracee, struct user_registers *ret)
{
    struct task *task = hold_stopped(tracee);
    if (!task)
        return -ESRCH;
    user_registers_get(task, ret);
    drop_stopped();
    if (tracee->stepping)
        ret->rflags &= ~RFLAGS_TRAP; /* ours, not the program's */
    return 0;
}

static int64_t registers_set(struct tracee *tracee, const struct user_registers *registers)
{
    struct task *task = hold_stopped(tracee);
    if (!task)
        return -ESRCH;
    int error = user_registers_set(task, registers);
    if (tracee->stepping)
        arch_task_frame(&task->arch)->rflags |= RFLAGS_TRAP;
    drop_stopped();
    return error;
}

static int64_t peek_user(struct tracee *tracee, uint64_t address, uint64_t result)
{
    struct user_registers registers;
    uint64_t word = 0;
    if (address % 8 || address > USER_AREA_BYTES - 8)
        return -EIO;
    int64_t error = registers_get(tracee, &registers);
    if (error)
        return error;
    if (address < sizeof(registers))
        memcpy(&word, (const char *)&registers + address, sizeof(word));
    return put_user(word, result);
}

static int64_t poke_user(struct tracee *tracee, uint64_t address, uint64_t word)
{
    struct user_registers registers;
    if (address % 8 || address > USER_AREA_BYTES - 8)
        return -EIO;
    if (address >= sizeof(registers)) /* no hardware breakpoints; what switches them off is fine */
        return address >= USER_DEBUG_REGISTERS && !word ? 0 : -EIO;
    int64_t error = registers_get(tracee, &registers);
    if (error)
        return error;
    memcpy((char *)&registers + address, &word, sizeof(word));
    return registers_set(tracee, &registers);
}

static void export_vectors(struct task *task, void *context)
{
    user_vector_get(task, context);
}

struct vector_import {
    const void *buffer;
    size_t bytes;
    int error;
};

static void import_vectors(struct task *task, void *context)
{
    struct vector_import *import = context;
    import->error = user_vector_set(task, import->buffer, import->bytes);
}

/* The vector state at rest. */
static int64_t vectors(struct tracee *tracee, void (*look)(struct task *, void *), void *context)
{
    for (;;) {
        struct task *task = hold_stopped(tracee);
        if (!task)
            return -ESRCH;
        bool done = task_look_at_rest(task, look, context);
        drop_stopped();
        if (done)
            return 0;
        cpu_serve_requests(); /* it is still on its way to sleep */
    }
}

static int64_t vectors_get(struct tracee *tracee, uint64_t address, size_t bytes)
{
    void *buffer = kzalloc(user_vector_bytes());
    if (!buffer)
        return -ENOMEM;
    int64_t error = vectors(tracee, export_vectors, buffer);
    if (!error && copy_to_user(address, buffer, min(bytes, user_vector_bytes())))
        error = -EFAULT;
    kfree(buffer);
    return error;
}

static int64_t vectors_set(struct tracee *tracee, uint64_t address, size_t bytes)
{
    struct vector_import import = {.bytes = min(bytes, user_vector_bytes())};
    void *buffer = kzalloc(user_vector_bytes());
    if (!buffer)
        return -ENOMEM;
    import.buffer = buffer;
    int64_t error = bytes < FXSAVE_BYTES ? -EINVAL : 0;
    if (!error && copy_from_user(buffer, address, import.bytes))
        error = -EFAULT;
    if (!error)
        error = vectors(tracee, import_vectors, &import);
    kfree(buffer);
    return error ? error : import.error;
}

static int64_t general_get(struct tracee *tracee, uint64_t address, size_t bytes)
{
    struct user_registers registers;
    int64_t error = registers_get(tracee, &registers);
    if (!error && copy_to_user(address, &registers, min(bytes, (size_t)sizeof(registers))))
        error = -EFAULT;
    return error;
}

static int64_t general_set(struct tracee *tracee, uint64_t address, size_t bytes)
{
    struct user_registers registers;
    int64_t error = registers_get(tracee, &registers);
    if (!error && copy_from_user(&registers, address, min(bytes, (size_t)sizeof(registers))))
        error = -EFAULT;
    return error ? error : registers_set(tracee, &registers);
}

static int64_t register_set(struct tracee *tracee, uint64_t kind, uint64_t address, bool set)
{
    struct io_segment vector;
    size_t size = kind == NT_PRSTATUS   ? sizeof(struct user_registers)
                  : kind == NT_FPREGSET ? FXSAVE_BYTES
                  : kind == NT_X86_XSTATE && user_vector_bytes() > FXSAVE_BYTES
                      ? user_vector_bytes()
                      : 0;
    if (get_user(vector, address))
        return -EFAULT;
    if (kind == NT_X86_XSTATE && !size)
        return -ENODEV; /* a CPU without XSAVE */
    if (!size || vector.bytes % 8)
        return -EINVAL;
    vector.bytes = min(vector.bytes, size);
    int64_t error;
    if (kind == NT_PRSTATUS)
        error = set ? general_set(tracee, vector.address, vector.bytes)
                    : general_get(tracee, vector.address, vector.bytes);
    else
        error = set ? vectors_set(tracee, vector.address, vector.bytes)
                    : vectors_get(tracee, vector.address, vector.bytes);
    return !error && put_user(vector, address) ? -EFAULT : error;
}

/* ---- the stop ---- */

static int64_t signal_info(struct tracee *tracee, uint64_t address, bool set)
{
    struct linux_siginfo info = {};
    if (set && copy_from_user(&info, address, sizeof(info)))
        return -EFAULT;
    struct task *task = hold_stopped(tracee);
    if (!task)
        return -ESRCH;
    bool is_group_stop = tracee->status >> 8 == PTRACE_EVENT_STOP && tracee->seized &&
                         (tracee->status & 0x7f) != SIGTRAP;
    if (set)
        tracee->info = info;
    else
        info = tracee->info;
    drop_stopped();
    if (is_group_stop)
        return -EINVAL;
    return set ? 0 : copy_to_user(address, &info, sizeof(info));
}

struct linux_peeksiginfo {
    uint64_t first;
    uint32_t flags;
    int32_t count;
};

/* Signal number `index` of a queue of the tracee's: 1, or 0 if there is none, or -ESRCH. */
static int64_t queued_signal(struct tracee *tracee, bool shared, uint64_t index,
                             struct linux_siginfo *ret)
{
    struct task *task = hold_stopped(tracee);
    if (!task)
        return -ESRCH;
    struct process *process = task->process;
    struct pending_signal *entry;
    int64_t found = 0;
    spin_lock(&process->signal_lock);
    list_for_each(entry, shared ? &process->pending_queue : &task->pending_queue, link)
    {
        if (index--)
            continue;
        memset(ret, 0, sizeof(*ret));
        memcpy(ret, &entry->info, SIGINFO_BYTES);
        found = 1;
        break;
    }
    spin_unlock(&process->signal_lock);
    drop_stopped();
    return found;
}

/* How many were copied; an error counts only if it was none. One at a time: user memory may be far
 * away, and is not touched under a lock. */
static int64_t peek_signals(struct tracee *tracee, uint64_t arguments, uint64_t address)
{
    struct linux_peeksiginfo wanted;
    struct linux_siginfo info;
    int64_t result = 0;
    int32_t copied = 0;
    if (copy_from_user(&wanted, arguments, sizeof(wanted)))
        return -EFAULT;
    if ((wanted.flags & ~PEEKSIGINFO_SHARED) || wanted.count < 0)
        return -EINVAL;
    for (; copied < wanted.count && wanted.first <= UINT64_MAX - (uint64_t)copied; copied++) {
        result = queued_signal(tracee, wanted.flags & PEEKSIGINFO_SHARED,
                               wanted.first + (uint64_t)copied, &info);
        if (result > 0)
            result = copy_to_user(address + (uint64_t)copied * sizeof(info), &info, sizeof(info))
                         ? -EFAULT
                         : 1;
        if (result <= 0)
            break;
    }
    return copied ? copied : min(result, (int64_t)0);
}

static int64_t signal_mask(struct tracee *tracee, uint64_t bytes, uint64_t address, bool set)
{
    uint64_t mask = 0;
    if (bytes != sizeof(mask))
        return -EINVAL;
    if (set && get_user(mask, address))
        return -EFAULT;
    struct task *task = hold_stopped(tracee);
    if (!task)
        return -ESRCH;
    spin_lock(&task->process->signal_lock);
    if (set) {
        task->blocked.bits = mask & ~SIGNALS_UNBLOCKABLE;
        task_add_work(task, TASK_WORK_SIGNAL);
    } else {
        mask = task->blocked.bits;
    }
    spin_unlock(&task->process->signal_lock);
    drop_stopped();
    return set ? 0 : put_user(mask, address);
}

struct linux_syscall_info {
    uint8_t op, padding[3];
    uint32_t architecture;
    uint64_t rip, rsp;
    union {
        struct {
            uint64_t number, arguments[6];
        } entry;
        struct {
            int64_t result;
            uint8_t is_error;
        } exit;
    };
};

static int64_t syscall_info(struct tracee *tracee, uint64_t bytes, uint64_t address)
{
    struct linux_syscall_info info = {.architecture = AUDIT_ARCH_X86_64};
    size_t size = offsetof(struct linux_syscall_info, entry);
    struct task *task = hold_stopped(tracee);
    if (!task)
        return -ESRCH;
    const struct trap_frame *frame = arch_task_frame(&task->arch);
    info.op = tracee->place;
    info.rip = frame->rip;
    info.rsp = frame->rsp;
    if (info.op == PTRACE_AT_ENTRY) {
        info.entry.number = frame->original_rax;
        const uint64_t arguments[6] = {frame->rdi, frame->rsi, frame->rdx,
                                       frame->r10, frame->r8,  frame->r9};
        memcpy(info.entry.arguments, arguments, sizeof(arguments));
        size += sizeof(info.entry);
    } else if (info.op == PTRACE_AT_EXIT) {
        info.exit.result = (int64_t)frame->rax;
        info.exit.is_error = frame->rax > UINT64_MAX - ERRNO_MAX;
        size += offsetof(__typeof__(info.exit), is_error) + 1;
    }
    drop_stopped();
    if (copy_to_user(address, &info, min((uint64_t)size, bytes)))
        return -EFAULT;
    return (int64_t)size;
}

static int64_t event_message(struct tracee *tracee, uint64_t address)
{
    if (!hold_stopped(tracee))
        return -ESRCH;
    uint64_t message = tracee->message;
    drop_stopped();
    return put_user(message, address);
}

/* NOLINTBEGIN(readability-suspicious-call-argument): which of the two is an address is the request's
 * choice */
int64_t ptrace_data(struct tracee *tracee, int64_t request, uint64_t address, uint64_t data)
{
    switch (request) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return peek(tracee, address, data);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return access_word(tracee, address, &data, true);
    case PTRACE_PEEKUSER:
        return peek_user(tracee, address, data);
    case PTRACE_POKEUSER:
        return poke_user(tracee, address, data);
    case PTRACE_GETREGS:
        return general_get(tracee, data, UINT64_MAX);
    case PTRACE_SETREGS:
        return general_set(tracee, data, UINT64_MAX);
    case PTRACE_GETFPREGS:
        return vectors_get(tracee, data, FXSAVE_BYTES);
    case PTRACE_SETFPREGS:
        return vectors_set(tracee, data, FXSAVE_BYTES);
    case PTRACE_GETREGSET:
        return register_set(tracee, address, data, false);
    case PTRACE_SETREGSET:
        return register_set(tracee, address, data, true);
    case PTRACE_GETEVENTMSG:
        return event_message(tracee, data);
    case PTRACE_GETSIGINFO:
        return signal_info(tracee, data, false);
    case PTRACE_SETSIGINFO:
        return signal_info(tracee, data, true);
    case PTRACE_PEEKSIGINFO:
        return peek_signals(tracee, address, data);
    case PTRACE_GETSIGMASK:
        return signal_mask(tracee, address, data, false);
    case PTRACE_SETSIGMASK:
        return signal_mask(tracee, address, data, true);
    case PTRACE_GET_SYSCALL_INFO:
        return syscall_info(tracee, address, data);
    default:
        return -EIO;
    }
}
/* NOLINTEND(readability-suspicious-call-argument) */
