/*
 * kernel/fs/tty/job_control.c - whose terminal it is: the session that controls it, the process
 * group in the foreground, and what happens to the others when they read or write (credentials(7),
 * termios(3), "job control" in tty_ioctl(4)). All of it is guarded by family_lock.
 */
#include "arch/cpu.h"
#include "arch/user_access.h"
#include "kernel/fs/tty/tty.h"
#include "kernel/lib/errno.h"
#include "kernel/namespace/pid_namespace.h"
#include "kernel/process/process.h"

static bool leads_session(const struct process *process)
{
    return process->session == process->pid;
}

void tty_make_controlling_locked(struct tty *tty, struct process *leader)
{
    tty->session = leader->session;
    tty->foreground_group = leader->group;
    leader->tty = tty;
}

void tty_make_controlling(struct tty *tty, struct process *session_leader)
{
    if (!tty)
        return;
    spin_lock(&family_lock);
    tty_make_controlling_locked(tty, session_leader);
    spin_unlock(&family_lock);
}

/* Every process of the session loses the terminal. family_lock held. */
static void session_lose(int32_t session)
{
    struct process *first = session_first(session);

    for (struct process *process = first; process;) {
        process->tty = NULL;
        process = session_next(process);
        if (process == first)
            break;
    }
}

/* Does the tty's other side still exist? A pty's may go while files are open on it. */
static bool hung_up(struct tty *tty)
{
    return tty->driver->hold && tty->driver->output_ended(tty);
}

int tty_may_control_locked(struct tty *tty)
{
    if (hung_up(tty))
        return -EIO;
    return tty->session ? -EPERM : 0;
}

void tty_hang_up(struct tty *tty)
{
    spin_lock(&family_lock);
    int32_t session = tty->session;
    struct process *first = session ? session_first(session) : NULL, *leader = NULL;
    for (struct process *process = first; process && !leader;) {
        if (leads_session(process))
            leader = process;
        process = session_next(process);
        if (process == first)
            break;
    }
    if (session)
        session_lose(session);
    if (leader) {
        leader->lost_foreground_group = tty->foreground_group;
        signal_send_process(leader, SIGHUP, NULL);
        signal_send_process(leader, SIGCONT, NULL);
    }
    tty->session = 0;
    tty->foreground_group = 0;
    spin_unlock(&family_lock);
    spin_lock(&tty->lock);
    tty->read = tty->committed = tty->head;
    spin_unlock(&tty->lock);
    wake_up_all(&tty->read_waiters);
    wake_up_all(&tty->write_waiters);
}

void tty_adopt(struct tty *tty, const struct file *file)
{
    struct process *process = current->process;

    if (file->flags & O_NOCTTY || !leads_session(process) || READ_ONCE(process->tty) ||
        !file_readable(file))
        return;
    spin_lock(&family_lock);
    if (!process->tty && !tty->session && !hung_up(tty))
        tty_make_controlling_locked(tty, process);
    spin_unlock(&family_lock);
}

void tty_disassociate(struct process *session_leader)
{
    int32_t group = 0;

    spin_lock(&family_lock);
    struct tty *tty = session_leader->tty;
    if (!tty)
        group = session_leader->lost_foreground_group;
    session_leader->lost_foreground_group = 0;
    if (tty && leads_session(session_leader)) {
        session_lose(session_leader->session);
        session_leader->tty = NULL;
        if (tty->session == session_leader->session) {
            group = tty->foreground_group;
            tty->session = 0;
            tty->foreground_group = 0;
        }
    }
    spin_unlock(&family_lock);
    if (group > 0) {
        signal_send_group(group, SIGHUP, NULL);
        signal_send_group(group, SIGCONT, NULL);
    }
}

void tty_signal_foreground(struct tty *tty, int signal)
{
    int32_t group = READ_ONCE(tty->foreground_group);

    if (group > 0)
        signal_send_group(group, signal, NULL);
}

/* Is the current process in the background of its own terminal? Its group if so, else 0. */
static int32_t background_group(struct tty *tty)
{
    struct process *process = current->process;
    int32_t foreground = READ_ONCE(tty->foreground_group);

    if (READ_ONCE(process->tty) != tty || !foreground || process->group == foreground)
        return 0;
    return process->group;
}

static bool orphaned(int32_t group)
{
    spin_lock(&family_lock);
    bool result = group_is_orphaned(group);
    spin_unlock(&family_lock);
    return result;
}

int tty_check_background_read(struct tty *tty)
{
    int32_t group = background_group(tty);

    if (likely(!group))
        return 0;
    if (signal_blocked_or_ignored(SIGTTIN) || orphaned(group))
        return -EIO;
    signal_send_group(group, SIGTTIN, NULL);
    return -ERESTARTSYS;
}

int tty_check_change(struct tty *tty, bool only_if_tostop)
{
    if (only_if_tostop && !(READ_ONCE(tty->termios.lflag) & TOSTOP))
        return 0;
    int32_t group = background_group(tty);
    if (likely(!group) || signal_blocked_or_ignored(SIGTTOU))
        return 0;
    if (orphaned(group))
        return -EIO;
    signal_send_group(group, SIGTTOU, NULL);
    return -ERESTARTSYS;
}

/* ---- the calls ---- */

static int64_t set_foreground(struct tty *tty, uint64_t address)
{
    struct process *process = current->process;
    int32_t group;

    int64_t result = tty_check_change(tty, false);
    if (result == -EIO)
        return -ENOTTY;
    if (result)
        return result;
    if (READ_ONCE(process->tty) != tty)
        return -ENOTTY;
    if (get_user(group, address))
        return -EFAULT;
    if (group < 0)
        return -EINVAL;
    group = pid_meant(group);
    spin_lock(&family_lock);
    struct process *member = group_first(group);
    if (process->tty != tty || tty->session != process->session)
        result = -ENOTTY;
    else if (!member)
        result = -ESRCH;
    else if (member->session != process->session)
        result = -EPERM;
    else
        tty->foreground_group = group;
    spin_unlock(&family_lock);
    return result;
}

static int64_t take_terminal(struct tty *tty, struct file *file, uint64_t steal)
{
    struct process *process = current->process;
    bool root = process_has_capability(process, CAP_SYS_ADMIN);
    int64_t result = 0;

    spin_lock(&family_lock);
    if (hung_up(tty)) {
        result = -EIO;
    } else if (leads_session(process) && process->tty == tty && tty->session == process->session) {
        /* it is ours already */
    } else if (!leads_session(process) || process->tty) {
        result = -EPERM;
    } else if (tty->session && !(steal == 1 && root)) {
        result = -EPERM;
    } else if (!file_readable(file) && !root) {
        result = -EPERM;
    } else {
        if (tty->session)
            session_lose(tty->session);
        tty_make_controlling_locked(tty, process);
    }
    spin_unlock(&family_lock);
    return result;
}

static int64_t give_up_terminal(struct tty *tty)
{
    struct process *process = current->process;

    if (READ_ONCE(process->tty) != tty)
        return -ENOTTY;
    if (leads_session(process)) {
        tty_disassociate(process);
        return 0;
    }
    spin_lock(&family_lock);
    process->tty = NULL;
    spin_unlock(&family_lock);
    return 0;
}

int64_t tty_job_ioctl(struct tty *tty, struct file *file, uint32_t command, uint64_t argument)
{
    int32_t value;

    switch (command) {
    case TIOCSCTTY:
        return take_terminal(tty, file, argument);
    case TIOCNOTTY:
        return give_up_terminal(tty);
    case TIOCSPGRP:
        return set_foreground(tty, argument);
    case TIOCGPGRP:
        if (READ_ONCE(current->process->tty) != tty)
            return -ENOTTY;
        value = pid_seen(READ_ONCE(tty->foreground_group));
        return put_user(value, argument);
    case TIOCGSID:
        value = READ_ONCE(tty->session);
        if (READ_ONCE(current->process->tty) != tty || !value)
            return -ENOTTY;
        value = pid_seen(value);
        return put_user(value, argument);
    }
    return -ENOTTY;
}
