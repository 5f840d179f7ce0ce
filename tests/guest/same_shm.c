/*
 * tests/guest/same_shm.c - System V shared memory (shmget(2), shmop(2), shmctl(2)): segments, rights,
 * attachments over fork, exec and exit, removal, and what /proc/sysvipc says, as a list of lines that
 * must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/same.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#define PAGE ((size_t)PAGE_BYTES)
#define KEY  ((key_t)0x56495401)

static struct shmid_ds status(int id)
{
    struct shmid_ds status;

    memset(&status, 0, sizeof status);
    if (shmctl(id, IPC_STAT, &status))
        show("IPC_STAT", -1);
    return status;
}

static const char *who(pid_t pid)
{
    return pid == getpid() ? "me" : pid == 0 ? "nobody" : "another";
}

static void tell(const char *what, int id)
{
    struct shmid_ds now = status(id);

    say("%s: %lu attached, mode %o, creator %s, last %s, attached %d detached %d changed %d", what,
        (unsigned long)now.shm_nattch, now.shm_perm.mode, who(now.shm_cpid), who(now.shm_lpid),
        now.shm_atime != 0, now.shm_dtime != 0, now.shm_ctime != 0);
}

/* The address, or NULL after a line. */
static char *attach(const char *what, int id, const void *address, int flags)
{
    char *place = shmat(id, address, flags);

    if (place == (char *)-1) {
        show(what, -1);
        return NULL;
    }
    say("%s: attached", what);
    return place;
}

/* ---- making ---- */

static void making(void)
{
    int id = shmget(KEY, 3 * PAGE, IPC_CREAT | IPC_EXCL | 0640);

    show_good("make", id);
    show("again", shmget(KEY, PAGE, IPC_CREAT | IPC_EXCL | 0600));
    say("found: %d", shmget(KEY, PAGE, 0) == id);
    say("found of any size: %d", shmget(KEY, 0, 0) == id);
    show("too large", shmget(KEY, 3 * PAGE + 1, IPC_CREAT));
    show("no such key", shmget(KEY + 1, PAGE, 0));
    show("size 0", shmget(IPC_PRIVATE, 0, 0600));
    show("size -1", shmget(IPC_PRIVATE, (size_t)-1, 0600));
    show("size beyond all", shmget(IPC_PRIVATE, (size_t)1 << 62, 0600));
    tell("new", id);
    say("size %lu", (unsigned long)status(id).shm_segsz);
    say("key %#x uid %d gid %d", status(id).shm_perm.__key, status(id).shm_perm.uid == getuid(),
        status(id).shm_perm.cgid == getgid());
    show("remove", shmctl(id, IPC_RMID, NULL));
    show("removed again", shmctl(id, IPC_RMID, NULL));
    show("gone", shmget(KEY, PAGE, 0));
    show("attach the gone", shmat(id, NULL, 0) == (void *)-1 ? -1 : 0);
    int other = shmget(IPC_PRIVATE, PAGE, 0);
    say("private: another id %d", other != id);
    tell("without rights", other);
    shmctl(other, IPC_RMID, NULL);
}

static void misuse(void)
{
    struct shmid_ds status;
    int id = shmget(IPC_PRIVATE, PAGE, 0600);

    show("negative id", shmctl(-1, IPC_STAT, &status));
    show("no such id", shmctl(id + 32768, IPC_STAT, &status));
    show("unknown command", shmctl(id, 77, &status));
    show("negative command", shmctl(id, -1, &status));
    show("status nowhere", shmctl(id, IPC_STAT, (void *)16));
    show("set nowhere", shmctl(id, IPC_SET, (void *)16));
    status = (struct shmid_ds){.shm_perm = {.uid = (uid_t)-1}};
    show("set nobody", shmctl(id, IPC_SET, &status));
    show("attach id -1", shmat(-1, NULL, 0) == (void *)-1 ? -1 : 0);
    show("attach odd", shmat(id, (void *)0x10000010, 0) == (void *)-1 ? -1 : 0);
    show("attach REMAP nowhere", shmat(id, NULL, SHM_REMAP) == (void *)-1 ? -1 : 0);
    show("attach RND REMAP at 0", shmat(id, (void *)5, SHM_RND | SHM_REMAP) == (void *)-1 ? -1 : 0);
    show("attach beyond", shmat(id, (void *)-PAGE, 0) == (void *)-1 ? -1 : 0);
    show("attach in the kernel", shmat(id, (void *)(1ul << 62), 0) == (void *)-1 ? -1 : 0);
    show("detach nothing", shmdt((void *)0x10000000));
    show("detach odd", shmdt((void *)0x10000001));
    char *other = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show("detach another mapping", shmdt(other));
    show("attach over it", shmat(id, other, 0) == (void *)-1 ? -1 : 0);
    show("attach over it, REMAP", shmat(id, other, SHM_REMAP) == other ? 0 : -1);
    show("detach it", shmdt(other));
    shmctl(id, IPC_RMID, NULL);
}

/* ---- attachments ---- */

static int shared_id;
static char *shared;

static int write_and_tell(void)
{
    shared[1] = 'c';
    tell("in the child", shared_id);
    show("child detaches", shmdt(shared));
    tell("in the child, detached", shared_id);
    return 0;
}

static int leave_attached(void)
{
    return shared[0];
}

static int run_another(void)
{
    execl("/proc/self/exe", "same_shm", "attached?", (char *)NULL);
    return 1;
}

static void attachments(void)
{
    int id = shared_id = shmget(IPC_PRIVATE, 3 * PAGE, 0600);
    char *first = attach("first", id, NULL, 0), *second = attach("second", id, NULL, SHM_RDONLY);

    shared = first;
    first[0] = 'p';
    say("the same memory: %c", second[0]);
    tell("twice", id);
    show("write to the second, mprotect", mprotect(second, PAGE, PROT_READ | PROT_WRITE));
    show("read only", mprotect(first + PAGE, PAGE, PROT_READ));
    tell("in parts", id);
    show("as before", mprotect(first + PAGE, PAGE, PROT_READ | PROT_WRITE));
    tell("not joined", id);
    show("detach the middle", shmdt(first + PAGE));
    show_end("child", spawn(write_and_tell));
    say("the child wrote: %c", first[1]);
    tell("after the child", id);
    show_end("child", spawn(leave_attached));
    tell("after a child that did not detach", id);
    show_end("program", spawn(run_another));
    tell("after another program", id);
    show("unmap a page", munmap(second + PAGE, PAGE));
    tell("with a hole", id);
    show("detach what is left", shmdt(second));
    tell("one left", id);
    char *moved = mremap(first, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    say("grown: %d", moved != MAP_FAILED);
    tell("grown", id);
    munmap(moved, 2 * PAGE);
    show("detach", shmdt(first));
    show("detach again", shmdt(first));
    tell("none left", id);
    char *place = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(place, 4 * PAGE);
    say("rounded: %d", attach("at", id, place + 17, SHM_RND) == place);
    say("contents stay: %c%c", place[0], place[1]);
    shmdt(place);
    char *runs = attach("to execute", id, NULL, SHM_EXEC);
    runs[0] = (char)0xc3;
    ((void (*)(void))(uintptr_t)runs)();
    shmdt(runs);
    shmctl(id, IPC_RMID, NULL);
}

static void not_copied(void)
{
    int id = shared_id = shmget(IPC_PRIVATE, PAGE, 0600);
    char *place = attach("not for children", id, NULL, 0);

    madvise(place, PAGE, MADV_DONTFORK);
    pid_t child = fork();
    if (child == 0) {
        tell("not in the child", id);
        _exit(0);
    }
    show_end("child", child);
    tell("still one", id);
    shmctl(id, IPC_RMID, NULL);
    tell("removed, attached", id);
    show("no key any more", status(id).shm_perm.__key);
    char *again = attach("attach the removed", id, NULL, 0);
    shmdt(again);
    place[0] = 'x';
    say("still there: %c", place[0]);
    show("last one", shmdt(place));
    struct shmid_ds now;
    show("gone", shmctl(id, IPC_STAT, &now));
}

static int removed_id;

static int attach_and_die(void)
{
    attach("will end", removed_id, NULL, 0);
    shmctl(removed_id, IPC_RMID, NULL);
    kill(getpid(), SIGKILL);
    return 0;
}

static void last_one_dies(void)
{
    struct shmid_ds now;

    removed_id = shmget(IPC_PRIVATE, PAGE, 0600);
    show_end("child", spawn(attach_and_die));
    show("gone with it", shmctl(removed_id, IPC_STAT, &now));
}

/* ---- rights ---- */

static int as_another_user(void)
{
    struct shmid_ds now, wanted;

    if (setgid(1000) || setuid(1000))
        fail("setuid");
    show("read", shmctl(shared_id, IPC_STAT, &now));
    show("by place", shmctl(shared_id & 0x7fff, SHM_STAT, &now) < 0 ? -1 : 0);
    show("by place, any", shmctl(shared_id & 0x7fff, SHM_STAT_ANY, &now) < 0 ? -1 : 0);
    show("attach to read", shmat(shared_id, NULL, SHM_RDONLY) == (void *)-1 ? -1 : 0);
    show("attach to write", shmat(shared_id, NULL, 0) == (void *)-1 ? -1 : 0);
    show("attach to execute", shmat(shared_id, NULL, SHM_RDONLY | SHM_EXEC) == (void *)-1 ? -1 : 0);
    memset(&wanted, 0, sizeof wanted);
    show("set", shmctl(shared_id, IPC_SET, &wanted));
    show("remove", shmctl(shared_id, IPC_RMID, NULL));
    show("lock", shmctl(shared_id, SHM_LOCK, NULL));
    show("find", shmget(KEY, PAGE, 0) == shared_id ? 0 : -1);
    show("find to read", shmget(KEY, PAGE, 0444) == shared_id ? 0 : -1);
    show("find to write", shmget(KEY, PAGE, 0666) == shared_id ? 0 : -1);
    return 0;
}

static void rights(void)
{
    struct shmid_ds wanted;

    for (unsigned mode = 0; mode < 8; mode += 2) {
        shared_id = shmget(KEY, PAGE, IPC_CREAT | 0700 | (int)mode);
        say("others may %o", mode);
        show_end("child", spawn(as_another_user));
        shmctl(shared_id, IPC_RMID, NULL);
    }
    shared_id = shmget(KEY, PAGE, IPC_CREAT | 0770);
    wanted = status(shared_id);
    wanted.shm_perm.gid = 1000;
    wanted.shm_perm.mode = 07740;
    show("to the group", shmctl(shared_id, IPC_SET, &wanted));
    say("mode %o", status(shared_id).shm_perm.mode);
    show_end("child", spawn(as_another_user));
    wanted.shm_perm.uid = 1000;
    show("to the user", shmctl(shared_id, IPC_SET, &wanted));
    show("lock", shmctl(shared_id, SHM_LOCK, NULL));
    say("mode %o", status(shared_id).shm_perm.mode);
    show("unlock", shmctl(shared_id, SHM_UNLOCK, NULL));
    show_end("child", spawn(as_another_user));
    show("gave it back", status(shared_id).shm_perm.uid);
    shmctl(shared_id, IPC_RMID, NULL);
}

/* ---- limits and lists ---- */

static void print_file(const char *path, int line)
{
    char text[4096];
    int fd = open(path, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    close(fd);
    if (got < 0) {
        show(path, -1);
        return;
    }
    text[got] = '\0';
    char *at = text;
    while (line-- && at)
        at = (at = strchr(at, '\n')) ? at + 1 : NULL;
    if (at)
        at[strcspn(at, "\n")] = '\0';
    say("%s: %s", path, at ? at : "(nothing)");
}

static void lists(void)
{
    struct shminfo limits;
    struct shm_info usage;
    int id = shmget(IPC_PRIVATE, 5 * PAGE, 0600);

    say("limits: %d", shmctl(0, IPC_INFO, (struct shmid_ds *)&limits) >= 0);
    say("%lu %lu %lu %lu %lu", limits.shmmax, limits.shmmin, limits.shmmni, limits.shmseg,
        limits.shmall);
    char *place = attach("attach", id, NULL, 0);
    struct shm_info before;
    shmctl(0, SHM_INFO, (struct shmid_ds *)&before);
    place[0] = place[3 * PAGE] = 1;
    say("usage: %d", shmctl(0, SHM_INFO, (struct shmid_ds *)&usage) >= 0);
    say("%d %lu pages, %lu more in memory", usage.used_ids >= 1, usage.shm_tot - before.shm_tot,
        usage.shm_rss - before.shm_rss);
    print_file("/proc/sysvipc/shm", 0);
    print_file("/proc/sys/kernel/shmmax", 0);
    print_file("/proc/sys/kernel/shmall", 0);
    print_file("/proc/sys/kernel/shmmni", 0);
    print_file("/proc/sys/kernel/shm_rmid_forced", 0);
    shmdt(place);
    shmctl(id, IPC_RMID, NULL);
}

/* Ids: places are taken in turns, and come back with another sequence number. */
static void ids(void)
{
    for (int i = 0; i < 70; i++) {
        int id = shmget(IPC_PRIVATE, PAGE, 0600);

        if (i % 10 == 0 || i > 60)
            say("id %d", id);
        if (i % 7)
            shmctl(id, IPC_RMID, NULL);
    }
}

/* Two processes that add to one counter. */
static int count_up(void)
{
    int *counter = (int *)shared;

    for (int i = 0; i < 20000; i++)
        __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
    return 0;
}

static void together(void)
{
    int id = shmget(IPC_PRIVATE, PAGE, 0600);

    shared = attach("together", id, NULL, 0);
    shmctl(id, IPC_RMID, NULL);
    pid_t one = spawn(count_up), two = spawn(count_up);
    show_end("one", one);
    show_end("two", two);
    show("counted", *(int *)shared);
    shmdt(shared);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        say("the new program: %s", argv[1]);
        return 0;
    }
    unshare(CLONE_NEWIPC); /* nobody else's objects, where that is possible */
    making();
    misuse();
    attachments();
    not_copied();
    last_one_dies();
    rights();
    lists();
    ids();
    together();
    return 0;
}
