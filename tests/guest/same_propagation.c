/*
 * tests/guest/same_propagation.c - shared, private, slave and unbindable mounts, mount namespaces
 * and pivot_root, as a list of lines that must be the same on Linux.
 */
#define _GNU_SOURCE
#include "tests/guest/mounts.h"

static void tmpfs(const char *name)
{
    if (mount("t", name, "tmpfs", 0, "size=4k"))
        fail(name);
}

static void bind(const char *from, const char *to)
{
    if (mount(from, to, NULL, MS_BIND, NULL))
        fail(to);
}

static void set(const char *name, unsigned long type)
{
    if (mount(NULL, name, NULL, type, NULL))
        fail(name);
}

static void gone(const char *name)
{
    char line[100];

    snprintf(line, sizeof line, "umount %s", name);
    show(line, umount2(name, 0));
}

static void peers(void)
{
    make("a");
    make("b");
    make("c");
    tmpfs("a");
    set("a", MS_SHARED);
    make("a/in");
    make("a/in/deep");
    bind("a", "b");
    bind("a/in", "c");
    show_tree("peers");
    tmpfs("a/in");
    show_tree("mounted in one");
    make("b/in/x");
    look("a/in/x");
    tmpfs("b/in/x");
    show_tree("and in that");
    gone("a/in/x");
    gone("b/in");
    show_tree("unmounted in the other");
    tmpfs("c/deep");
    show_tree("mounted in the smaller one");
    look("a/in/deep");
    gone("a/in/deep");
    set("b", MS_PRIVATE);
    tmpfs("a/in");
    show_tree("one became private");
    gone("a/in");
    gone("c");
    gone("b");
    set("a", MS_PRIVATE);
    show_tree("the last one");
}

static void slaves(void)
{
    set("a", MS_SHARED);
    bind("a", "b");
    set("b", MS_SLAVE);
    bind("b", "c");
    show_tree("slaves");
    tmpfs("a/in");
    show_tree("the master's mount");
    tmpfs("b/in");
    show_tree("over it");
    gone("b/in");
    gone("a/in");
    show_tree("none");
    tmpfs("b/in");
    show_tree("the slave's mount");
    gone("b/in");
    set("b", MS_SHARED);
    bind("b", "c");
    show_tree("a shared slave, and its peer");
    tmpfs("a/in");
    show_tree("mounted in the master");
    gone("a/in");
    tmpfs("c/in");
    show_tree("mounted in the slave's peer");
    gone("c/in");
    set("c", MS_SLAVE);
    show_tree("a slave of the slave");
    tmpfs("a/in");
    show_tree("through both");
    gone("a/in");
    set("b", MS_PRIVATE);
    show_tree("the middle one left");
    tmpfs("a/in");
    show_tree("past it");
    gone("a/in");
    gone("c");
    gone("c");
    gone("b");
    set("a", MS_PRIVATE);
}

static void unbindable(void)
{
    set("a", MS_UNBINDABLE);
    try_mount("bind the unbindable", "a", "b", NULL, MS_BIND, NULL);
    set("a", MS_PRIVATE);
    tmpfs("a/in");
    set("a/in", MS_UNBINDABLE);
    try_mount("bind around it", "a", "b", NULL, MS_BIND | MS_REC, NULL);
    show_tree("without it");
    set("b", MS_SHARED);
    make("b/other");
    try_mount("move it into a shared one", "a/in", "b/other", NULL, MS_MOVE, NULL);
    gone("b");
    set("a", MS_SHARED);
    try_mount("move out of a shared one", "a/in", "b", NULL, MS_MOVE, NULL);
    set("a", MS_PRIVATE);
    try_mount("move", "a/in", "b", NULL, MS_MOVE, NULL);
    show_tree("moved");
    gone("b");
}

static void moved(void)
{
    set("a", MS_SHARED);
    bind("a", "b");
    tmpfs("c");
    make("c/x");
    tmpfs("c/x");
    try_mount("a tree into a shared one", "c", "a/in", NULL, MS_MOVE, NULL);
    show_tree("moved");
    show("busy by what is in it", umount2("a/in", 0));
    int fd = open("b/in/x", O_RDONLY | O_DIRECTORY);
    show("busy in the other", umount2("a/in/x", 0));
    show("detached", umount2("a/in", MNT_DETACH));
    close(fd);
    show_tree("detached in both");
    try_mount("recursively", "a", "a/in", NULL, MS_BIND | MS_REC, NULL);
    show_tree("bound into itself");
    show("detached", umount2("a/in", MNT_DETACH));
    set(".", MS_REC | MS_SHARED);
    show_tree("all shared");
    set(".", MS_REC | MS_SLAVE);
    show_tree("all slaves");
    set(".", MS_REC | MS_PRIVATE);
    show_tree("all private");
    gone("b");
    gone("a");
}

/* ---- namespaces ---- */

static int to_parent[2], to_child[2];

static void wait_for(int fd)
{
    char byte;

    if (read(fd, &byte, 1) != 1)
        fail("the other side");
}

static void tell(int fd)
{
    if (write(fd, "", 1) != 1)
        fail("the other side");
}

static int in_namespace(void)
{
    char text[256];

    show("unshare", unshare(CLONE_NEWNS));
    say("where: %s", getcwd(text, sizeof text) ? text + strlen(base) : strerrorname_np(errno));
    show_tree("in the new namespace");
    tmpfs("b");
    make("b/mine");
    tmpfs("a/here");
    tell(to_parent[1]);
    wait_for(to_child[0]);
    look("a/there/x");
    look("c");
    show_tree("in the new namespace");
    show("set back", setns(open("outside", O_RDONLY), CLONE_NEWNS));
    say("where: %s", getcwd(text, sizeof text) ? text : strerrorname_np(errno));
    chdir(base);
    look("b/mine");
    return 0;
}

static void namespaces(void)
{
    tmpfs("a");
    set("a", MS_SHARED);
    make("a/here");
    make("a/there");
    touch("outside");
    set(".", MS_PRIVATE);
    try_mount("keep a namespace within itself", "/proc/self/ns/mnt", "outside", NULL, MS_BIND,
              NULL);
    try_mount("keep another kind", "/proc/self/ns/uts", "outside", NULL, MS_BIND, NULL);
    show("enter it", setns(open("outside", O_RDONLY), CLONE_NEWUTS));
    show("umount", umount2("outside", MNT_DETACH));
    if (unlink("outside") || symlink("/proc/self/ns/mnt", "outside"))
        fail("outside");
    if (pipe(to_parent) || pipe(to_child))
        fail("pipe");
    int own = open("/proc/self/ns/mnt", O_RDONLY);
    pid_t child = fork();
    if (child == 0) {
        char name[64];

        unlink("outside");
        snprintf(name, sizeof name, "/proc/self/fd/%d", own);
        if (symlink(name, "outside"))
            fail("outside");
        _exit(in_namespace());
    }
    wait_for(to_parent[0]);
    look("b/mine");
    look("a/here");
    tmpfs("a/there");
    touch("a/there/x");
    show_tree("outside");
    show("remove what is a mount point there", rmdir("b"));
    show("rename what is one", rename("c", "d"));
    tell(to_child[1]);
    show_end("the other", child);
    show_tree("outside");
    close(own);
    unlink("outside");
    gone("a/there");
    gone("a/here");
    gone("a");
    make("b");
    rename("d", "c");
}

/* ---- pivot_root ---- */

static int pivot(const char *fresh, const char *old)
{
    return (int)syscall(SYS_pivot_root, fresh, old);
}

static int in_pivoted(void)
{
    char text[256];

    if (unshare(CLONE_NEWNS))
        fail("unshare");
    set("/", MS_REC | MS_PRIVATE);
    tmpfs("a");
    make("a/old");
    make("a/sub");
    show("to what is no mount", pivot("b", "b"));
    show("old root not below", pivot("a", "b"));
    show("to nothing", pivot("missing", "a/old"));
    show("a file", pivot("/proc/self/status", "a"));
    show("the root itself", pivot("/", "/"));
    set("a", MS_SHARED);
    show("shared", pivot("a", "a/old"));
    set("a", MS_PRIVATE);
    tmpfs("a/sub");
    show("pivot", pivot("a", "a/old"));
    say("still there: %d", getcwd(text, sizeof text) && strcmp(text + 4, base) == 0);
    look("/sub");
    snprintf(text, sizeof text, "/old%s", base);
    show("the old root", access(text, F_OK));
    show("chdir", chdir("/"));
    show("umount the old root", umount2("/old", MNT_DETACH));
    show("proc", mkdir("/proc", 0755) || mount("p", "/proc", "proc", 0, NULL));
    snprintf(base, sizeof base, "/");
    show_tree("all that is left");
    return 0;
}

static int in_chroot(void)
{
    char text[256];

    tmpfs("a");
    make("a/jail");
    make("a/jail/proc");
    show("proc", mount("p", "a/jail/proc", "proc", 0, NULL));
    int out = open(".", O_RDONLY | O_DIRECTORY);
    show("chroot", chroot("a/jail"));
    say("where: %s", getcwd(text, sizeof text) ? text : strerrorname_np(errno));
    show("chdir", chdir("/"));
    show("up", chdir("../.."));
    say("where: %s", getcwd(text, sizeof text) ? text : strerrorname_np(errno));
    snprintf(base, sizeof base, "/");
    show_tree("what is seen");
    show("umount the root", umount2("/", MNT_DETACH));
    show("pivot", pivot("/", "/"));
    show("bind the root", mount("/", "/proc", NULL, MS_BIND, NULL));
    show_tree("over it");
    fchdir(out);
    show("escape", access("a/jail", F_OK));
    return 0;
}

int main(void)
{
    begin_mounts();
    peers();
    slaves();
    unbindable();
    moved();
    namespaces();
    show_end("pivot", spawn(in_pivoted));
    show_tree("after the pivot");
    show_end("chroot", spawn(in_chroot));
    show_tree("after the chroot");
    end_mounts();
    return 0;
}
