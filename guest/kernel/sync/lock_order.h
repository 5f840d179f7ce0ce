/*
 * kernel/sync/lock_order.h - the one written order of all locks.
 *
 * A task may take a lock only if its rank is higher than that of every lock it holds already; two
 * locks of one rank only where the comment says in which order. Spinlocks are checked per CPU,
 * mutexes per task, in builds with KERNEL_DEBUG. A mutex may not be taken while a spinlock is held
 * (it may sleep).
 */
#ifndef KERNEL_SYNC_LOCK_ORDER_H
#define KERNEL_SYNC_LOCK_ORDER_H

enum lock_rank {
    /* mutexes */
    RANK_EXEC = 5,          /* process: one exec or coredump at a time */
    RANK_MOUNT_CONTEXT = 9, /* a file system in the making (fsopen) */
    RANK_RENAME = 10,       /* file system tree: rename */
    RANK_INODE =
        15, /* inode content and directory entries; two: parent before child, else by address */
    RANK_ASYNC = 16,       /* (never with the next) who owns open files, and which have O_ASYNC */
    RANK_EPOLL_LINKS = 16, /* which epoll instances watch which files */
    RANK_CLOCK_SET = 16,   /* (never with those) the wall clock is being set */
    RANK_EPOLL_OUTER = 17, /* interest list of an epoll instance that watches another */
    RANK_EPOLL = 18,       /* interest list of any other epoll instance */
    RANK_FIFO_TABLE = 19,  /* which named pipes are open */
    RANK_CLOCK_FOLLOWERS = 19, /* (never with the former) timer files that follow the wall clock */
    RANK_LEASE = 14,           /* all leases of files */
    RANK_RIGHTS = 13,          /* descriptors on their way in messages */
    RANK_SOCKET = 21,          /* socket; two: net/socket.h */
    RANK_PIPE = 20,            /* pipe buffer; two (tee): by address */
    RANK_TTY = 22,
    RANK_FILE_POSITION = 12,
    RANK_IPC = 36,           /* one kind of System V IPC object, of one namespace; two: none */
    RANK_ADDRESS_SPACE = 40, /* vmas and page tables; two (fork): parent before child */
    RANK_PAGE_MAP = 45,      /* frames of a file */

    /* spinlocks */
    RANK_FAMILY = 60,         /* PID table, process tree, groups, sessions */
    RANK_SIGNAL = 65,         /* pending signals and dispositions of a process */
    RANK_SIGNAL_ACTIONS = 66, /* dispositions */
    RANK_TASK_PARTS = 67,     /* process: its threads' pointers to shared parts */
    RANK_USER_COUNT = 67,     /* (never with the other) what each user has queued */
    RANK_FUTEX_PI = 68,       /* who owns futexes with priority inheritance */
    RANK_FUTEX = 69,          /* futex hash bucket; two (requeue): by address */
    RANK_FILE_LOCKS = 69, /* (never with a futex bucket) advisory locks of files (fcntl, flock) */
    RANK_FILE_TABLE = 70,
    RANK_SHARED_MEMORY = 71,     /* (never with the next two) who is attached to segments */
    RANK_SOCKET_NAMES = 71,      /* which sockets have which addresses */
    RANK_SOCKET_WATCH = 71,      /* (never with the other) who waits for room elsewhere */
    RANK_NOTIFY = 71,            /* (never with those) watches of files, and what they were told */
    RANK_DENTRY = 72,            /* children of a dentry; two: parent before child */
    RANK_MOUNT_TABLE = 73,       /* what covers what; mounts of a file system */
    RANK_FS_CONTEXT = 74,        /* cwd, root, umask */
    RANK_PTY_TABLE = 75,         /* numbers of pseudo-terminals, and who has them open */
    RANK_TERMINAL = 76,          /* line discipline of a tty */
    RANK_WAIT_QUEUE = 80,        /* two: none */
    RANK_EPOLL_READY = 81,       /* ready list of an epoll instance; taken by waiter.notify */
    RANK_EPOLL_QUEUE = 82,       /* wait queue of an epoll instance that watches no other one */
    RANK_EPOLL_OUTER_READY = 83, /* the same two of an instance that does */
    RANK_EPOLL_OUTER_QUEUE = 84,
    RANK_ADJUSTMENT = 84,     /* (never with an epoll's) what adjtimex(2) keeps */
    RANK_TIMER = 85,          /* timers of one CPU */
    RANK_ASYNC_RAISED = 86,   /* files with O_ASYNC that a wake-up reached */
    RANK_RUN_QUEUE = 90,      /* two: by CPU index */
    RANK_LOGON_SESSION = 91,  /* all logon sessions, and when one ends */
    RANK_TOKEN = 92,          /* what a token says */
    RANK_PID_NUMBERS = 93,    /* numbers in PID namespaces */
    RANK_NAMESPACE_LIST = 94, /* all namespaces */
    RANK_SLOT_TABLE = 95,
    RANK_SLAB = 96,
    RANK_KERNEL_MAP = 97, /* the kernel's own page tables; takes frames for them */
    RANK_FRAMES = 98,     /* frame allocator */
    RANK_CHANNEL = 100,
    RANK_LOG = 105,
};

#endif
