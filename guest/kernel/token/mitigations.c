/*
 * kernel/token/mitigations.c - set_psb: a process is kept from something, for good. Bits are only added; a child
 * and the next program have them too. What cannot be enforced here is refused, never taken and forgotten.
 */
#include "arch/cpu.h"
#include "kernel/process/pidfd.h"
#include "kernel/syscall/syscall.h"
#include "kernel/token/process_gate.h"
#include "shared/token.h"

SYSCALL2(set_psb, int, pidfd, uint32_t, mitigations)
{
    struct process *process = current->process;
    if (mitigations & ~MITIGATIONS_ALL)
        return -EINVAL;
    int error = pidfd == -1 ? 0 : pidfd_process_get(pidfd, NULL, &process);
    if (error)
        return error;
    if (!process_allows(process, PROCESS_SET_INFORMATION, true))
        error = -EACCES;
    else if (mitigations & ~MITIGATIONS_ENFORCED)
        error = -EOPNOTSUPP;
    else
        __atomic_fetch_or(&process->mitigations, mitigations, __ATOMIC_SEQ_CST);
    if (pidfd != -1)
        process_put(process);
    return error;
}
