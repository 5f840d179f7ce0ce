// SOURCES: guest/kernel/observe/describe.c guest/kernel/lib/rbtree.c tests/unit/kernel_guest*.c
// tests/unit/host/kernel.c vmm/inspect/*.c vmm/base/error.c
/*
 * Who waits for whom, and who is deadlocked: is it what the objects in a guest's memory say?
 */
#include "kernel/net/socket.h"
#include "tests/unit/inspect_fixture.h"

INSPECT_SUITE(inspect_waits);

static struct vt_wait *waits;
static size_t wait_count;

static void read_waits(void)
{
    free(waits);
    require_ok(vt_guest_waits(&kg.guest, &waits, &wait_count));
}

static const struct vt_wait *wait_of(int32_t tid)
{
    for (size_t i = 0; i < wait_count; i++)
        if (waits[i].tid == tid)
            return &waits[i];
    cr_assert_fail("task %d does not wait", tid);
    return NULL;
}

/* Two processes that read from each other's pipe are a deadlock; with a third that holds a writing
 * end and runs they are not. */
Test(inspect_waits, pipes_in_a_circle)
{
    struct file_table *files[3];
    struct file *ends[2][2];
    struct task *a = make_process(5, NULL, &files[0]), *b = make_process(6, NULL, &files[1]);
    struct pipe *first = kernel_guest_pipe(&kg, &ends[0][0], &ends[0][1]);
    struct pipe *second = kernel_guest_pipe(&kg, &ends[1][0], &ends[1][1]);

    kernel_guest_open(files[0], 0, ends[0][0]);
    kernel_guest_open(files[0], 1, ends[1][1]);
    kernel_guest_open(files[1], 0, ends[1][0]);
    kernel_guest_open(files[1], 1, ends[0][1]);
    kernel_guest_block(a, WAIT_PIPE_READ, first);
    kernel_guest_block(b, WAIT_PIPE_READ, second);
    read_waits();
    cr_assert_eq(wait_count, 2);
    cr_expect(wait_of(5)->dead && wait_of(6)->dead);
    cr_assert_eq(wait_of(5)->waker_count, 1);
    cr_expect_eq(wait_of(5)->wakers[0], 6);
    cr_assert_eq(wait_of(6)->cycle_count, 2);
    cr_expect(wait_of(6)->cycle[0] == 5 && wait_of(6)->cycle[1] == 6);

    struct task *third = make_process(7, NULL, &files[2]);
    kernel_guest_open(files[2], 9, ends[0][1]);
    read_waits();
    cr_expect(!wait_of(5)->dead && !wait_of(6)->dead);
    cr_expect_eq(wait_of(5)->waker_count, 2);
    /* It sleeps for a while: still it will come back. */
    kernel_guest_sleep(&kg, third, 0, 5000);
    read_waits();
    cr_expect(!wait_of(5)->dead);
    cr_expect_eq(wait_of(7)->deadline_ns, 5000);
    /* It waits for ever, and for them: all three are lost, and it is in no circle. */
    third->sleep_timer.active = false;
    kernel_guest_open(files[2], 0, ends[0][0]);
    kernel_guest_block(third, WAIT_PIPE_READ, first);
    read_waits();
    cr_expect(wait_of(5)->dead && wait_of(6)->dead && wait_of(7)->dead);
}

/* Nobody holds the other end but the reader itself: it waits for itself, in no circle. */
Test(inspect_waits, reader_of_its_own_pipe)
{
    struct file_table *files;
    struct file *ends[2];
    struct task *task = make_process(5, NULL, &files);
    struct pipe *pipe = kernel_guest_pipe(&kg, &ends[0], &ends[1]);

    kernel_guest_open(files, 0, ends[0]);
    kernel_guest_open(files, 1, ends[1]);
    kernel_guest_block(task, WAIT_PIPE_READ, pipe);
    read_waits();
    cr_expect(wait_of(5)->dead);
    cr_expect_eq(wait_of(5)->cycle_count, 0);
    cr_expect_eq(wait_of(5)->waker_count, 0);
}

/* The words of two mutexes name each other's waiter; glibc's layout in the second. */
Test(inspect_waits, futexes_in_a_circle)
{
    struct file_table *files;
    struct task *main_thread = make_process(5, NULL, &files);
    struct address_space *space = main_thread->address_space;
    struct task *a = kernel_guest_task(&kg, main_thread->process, 6, "a", space, files);
    struct task *b = kernel_guest_task(&kg, main_thread->process, 7, "b", space, files);
    uint32_t *words = (uint32_t *)kernel_guest_user_page(&kg, space, 0x10000);

    words[0] = 0x80000000u | 7;
    words[4] = 2;
    words[6] = 6;
    words[8] = 6; /* pthread_join(a) */
    a->clear_child_tid = 0x10020;
    kernel_guest_futex_wait(&kg, a, 0x10000);
    kernel_guest_futex_wait(&kg, b, 0x10010);
    kernel_guest_futex_wait(&kg, main_thread, 0x10020);
    read_waits();
    cr_expect(wait_of(6)->dead && wait_of(7)->dead && wait_of(5)->dead);
    cr_expect_eq(wait_of(6)->wakers[0], 7);
    cr_expect_eq(wait_of(7)->wakers[0], 6);
    cr_expect_str_eq(wait_of(5)->who, "is the thread that has to end");
    cr_expect_eq(wait_of(5)->wakers[0], 6);
    cr_assert_eq(wait_of(5)->cycle_count, 2);
    cr_expect_eq(wait_of(5)->cycle[0], 6);
    cr_expect_eq(wait_of(6)->futex_value, 0x80000007u);
    cr_expect_eq(wait_of(6)->futex_word, 0x10000);
    /* A word that names nobody: anyone who shares the memory can change it. */
    words[0] = 3;
    kernel_guest_task(&kg, main_thread->process, 8, "c", space, files);
    read_waits();
    cr_expect(!wait_of(6)->dead && !wait_of(7)->dead);
    cr_expect_eq(wait_of(6)->waker_count, 3);
}

Test(inspect_waits, flocks_in_a_circle)
{
    struct file_table *files[2];
    struct task *a = make_process(5, NULL, &files[0]), *b = make_process(6, NULL, &files[1]);
    struct dentry *first = kernel_guest_dentry(&kg, kg.root, "first", S_IFREG);
    struct dentry *second = kernel_guest_dentry(&kg, kg.root, "second", S_IFREG);
    struct file *held[2] = {kernel_guest_file(&kg, first, O_RDWR),
                            kernel_guest_file(&kg, second, O_RDWR)};

    kernel_guest_open(files[0], 0, held[0]);
    kernel_guest_open(files[0], 1, kernel_guest_file(&kg, second, O_RDWR));
    kernel_guest_open(files[1], 0, held[1]);
    kernel_guest_flock(&kg, held[0]);
    kernel_guest_flock(&kg, held[1]);
    kernel_guest_block(a, WAIT_FILE_LOCK, second->inode);
    read_waits();
    cr_expect_not(wait_of(5)->dead);
    cr_expect_eq(wait_of(5)->wakers[0], 6);
    cr_expect_str_eq(wait_of(5)->what, "/second");
    kernel_guest_block(b, WAIT_FILE_LOCK, first->inode);
    read_waits();
    cr_expect(wait_of(5)->dead && wait_of(6)->dead);
    cr_expect_eq(wait_of(5)->cycle_count, 2);
}

/* A parent that waits for a child that waits for the parent's bytes. */
Test(inspect_waits, parent_and_child)
{
    struct file_table *files[2];
    struct file *ends[2];
    struct task *parent = make_process(5, NULL, &files[0]);
    struct task *child = make_process(6, parent->process, &files[1]);
    struct pipe *pipe = kernel_guest_pipe(&kg, &ends[0], &ends[1]);

    kernel_guest_open(files[0], 1, ends[1]);
    kernel_guest_open(files[1], 0, ends[0]);
    kernel_guest_block(parent, WAIT_CHILD, NULL);
    kernel_guest_block(child, WAIT_PIPE_READ, pipe);
    read_waits();
    cr_expect(wait_of(5)->dead && wait_of(6)->dead);
    cr_expect_eq(wait_of(5)->cycle_count, 2);
    parent->process->alarm.active = true; /* SIGALRM will end the wait */
    read_waits();
    cr_expect(!wait_of(5)->dead && !wait_of(6)->dead);
}

/* Each wants to hear from the other first. A thread of one that runs could shut the socket down:
 * then nobody is dead, but it is not among those who have the other end. */
Test(inspect_waits, sockets_in_a_circle)
{
    struct file_table *files[2];
    struct file *file[2];
    struct task *a = make_process(5, NULL, &files[0]), *b = make_process(6, NULL, &files[1]);
    struct socket *one = kernel_guest_socket(&kg, SOCK_STREAM, &file[0]);
    struct socket *other = kernel_guest_socket(&kg, SOCK_STREAM, &file[1]);

    one->peer = other;
    other->peer = one;
    one->state = other->state = SOCKET_CONNECTED;
    kernel_guest_open(files[0], 3, file[0]);
    kernel_guest_open(files[1], 3, file[1]);
    kernel_guest_wait_at(&kg, a, one, &one->read_waiters);
    kernel_guest_wait_at(&kg, b, other, &other->write_waiters);
    read_waits();
    cr_expect(wait_of(5)->dead && wait_of(6)->dead);
    cr_expect_eq(wait_of(5)->cycle_count, 2);
    cr_expect_str_eq(wait_of(5)->what, "stream socket, to receive");
    cr_expect_str_eq(wait_of(6)->what, "stream socket, to send");
    cr_assert_eq(wait_of(5)->waker_count, 1);
    cr_expect_eq(wait_of(5)->wakers[0], 6);

    kernel_guest_task(&kg, a->process, 7, "thread", a->address_space, files[0]);
    read_waits();
    cr_expect(!wait_of(5)->dead && !wait_of(6)->dead);
    cr_expect_eq(wait_of(5)->waker_count, 1);
    /* The other end is on its way in a message: whoever gets it can write. */
    kernel_guest_block(a->process->leader, WAIT_SOCKET, one);
    one->in_flight = 1;
    read_waits();
    cr_expect(wait_of(5)->open && wait_of(6)->open);
}
