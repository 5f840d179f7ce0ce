/*
 * template.c - template_ready(): a prepared process waits in the kernel, and spawn makes copies of
 * it (spawn_call.c). In each copy the call returns once; in the template only a signal ends it.
 * See template.h.
 */
#include "kernel/process/template.h"

#include "kernel/fs/file_table.h"
#include "kernel/mm/object_cache.h"
#include "kernel/process/internal.h"
#include "kernel/security/default_descriptor.h"
#include "kernel/syscall/syscall.h"
#include "shared/spawn.h"

int template_get(int pidfd, struct template **ret)
{
    struct process *process;
    int error = pidfd_process_get(pidfd, NULL, &process);
    if (error)
        return error;
    if (!process_may_take_from(process, PROCESS_VM_READ | PROCESS_DUP_HANDLE)) {
        error = -EPERM;
    } else {
        spin_lock(&family_lock);
        struct template *template = process->template;
        if (template)
            template->users++;
        else
            error = process->task_count ? -EAGAIN : -ESRCH;
        spin_unlock(&family_lock);
        *ret = template;
    }
    process_put(process);
    return error;
}

void template_put(struct template *template)
{
    spin_lock(&family_lock);
    if (--template->users == 0 && template->leaving)
        wake_up_all(&template->waiters); /* under the lock: it may be freed after */
    spin_unlock(&family_lock);
}

/* Does not come back before a signal does. */
static int be_copied(struct template *template, int announce_fd)
{
    struct process *process = template->process;
    spin_lock(&family_lock);
    process->template = template;
    spin_unlock(&family_lock);
    if (announce_fd >= 0)
        file_table_close(announce_fd); /* whoever reads from its other end hears of it */
    int error = wait_event(&template->waiters, WAIT_TEMPLATE, (uint64_t)process->pid,
                           WAIT_INTERRUPTIBLE, 0, false);
    spin_lock(&family_lock);
    process->template = NULL;
    template->leaving = true;
    spin_unlock(&family_lock);
    wait_event(&template->waiters, WAIT_TEMPLATE, (uint64_t)process->pid, WAIT_HARD, 0,
               READ_ONCE(template->users) == 0);
    /* The last user wakes us with the lock held: once we have had it, it is done. */
    spin_lock(&family_lock);
    spin_unlock(&family_lock);
    return error;
}

SYSCALL3(template_ready, uint64_t, buffer, size_t, bytes, int, announce_fd)
{
    struct task *self = current;
    uint8_t last = 0;
    if (bytes > SPAWN_MESSAGE_MAX)
        return -EINVAL;
    /* Memory that cannot be written is found here, and not in every copy. */
    if (bytes && (clear_user(buffer, 1) || copy_to_user(buffer + bytes - 1, &last, 1)))
        return -EFAULT;
    if (READ_ONCE(self->process->task_count) != 1)
        return -EBUSY; /* a copy would have one thread, and the locks of all */
    if (announce_fd >= 0) {
        struct file *file = file_table_find(announce_fd);
        if (!file)
            return -EBADF;
        file_put(file);
    }
    struct template *template = kzalloc(sizeof(*template));
    if (!template)
        return -ENOMEM;
    template->task = self;
    template->process = self->process;
    template->buffer = buffer;
    template->bytes = bytes;
    wait_queue_init(&template->waiters);
    int error = arch_user_state_save(&template->state);
    if (!error) {
        error = be_copied(template, announce_fd);
        arch_user_state_drop(&template->state);
    }
    kfree(template);
    return error;
}
