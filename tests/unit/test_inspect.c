// SOURCES: guest/kernel/observe/describe.c guest/kernel/lib/rbtree.c tests/unit/kernel_guest*.c
// tests/unit/host/kernel.c vmm/inspect/*.c vmm/base/error.c
/*
 * Do the readers of the kernel's objects say what stands in its memory, in a guest made of the
 * kernel's own structures?
 */
#include "kernel/net/socket.h"
#include "kernel/token/logon_session.h"
#include "kernel/token/token_object.h"
#include "tests/unit/inspect_fixture.h"

INSPECT_SUITE(inspect);

/* ---- mappings ---- */

static struct address_space *make_mapped_task(int32_t tid)
{
    struct address_space *space = kernel_guest_space(&kg);
    struct dentry *bin = kernel_guest_dentry(&kg, kg.root, "bin", S_IFDIR | 0755);
    struct dentry *program = kernel_guest_dentry(&kg, bin, "pro\ngram", S_IFREG | 0755);
    struct file *file = kernel_guest_file(&kg, program, O_RDONLY);

    kernel_guest_task(&kg, kernel_guest_process(&kg, tid, NULL), tid, "mapped", space, NULL);
    kernel_guest_vma(&kg, space, 0x7ffffffde000, 0x7ffffffff000, VMA_READ | VMA_WRITE | VMA_STACK,
                     NULL);
    kernel_guest_vma(&kg, space, 0x400000, 0x402000, VMA_READ | VMA_EXECUTE, file);
    kernel_guest_vma(&kg, space, 0x402000, 0x403000, VMA_READ | VMA_SHARED, file)->file_offset =
        0x2000;
    kernel_guest_vma(&kg, space, 0x500000, 0x600000, VMA_READ | VMA_WRITE | VMA_HEAP, NULL);
    return space;
}

/* Every mapping in order, with its file by name and no name's bytes that could drive a terminal? */
Test(inspect, mappings)
{
    struct vt_vma *vmas;
    size_t count;

    make_mapped_task(7);
    struct vt_task task = task_of(7);
    require_ok(vt_guest_vmas(&kg.guest, &task, &vmas, &count));
    cr_assert_eq(count, 4);
    cr_expect_eq(vmas[0].start, 0x400000);
    cr_expect_eq(vmas[0].flags, VMA_READ | VMA_EXECUTE);
    cr_expect_str_eq(vmas[0].name, "/bin/pro\\012gram");
    cr_expect_eq(vmas[1].file_offset, 0x2000);
    cr_expect_eq(vmas[1].device, 0x20);
    cr_expect_str_eq(vmas[2].name, "[heap]");
    cr_expect_str_eq(vmas[3].name, "[stack]");
    cr_expect_eq(vmas[3].end, 0x7ffffffff000);
    free(vmas);
}

Test(inspect, address_spaces)
{
    struct vt_address_space *spaces;
    struct vt_vma *vmas;
    size_t count;
    struct address_space *space = make_mapped_task(7);

    space->brk_start = 0x500000;
    kernel_guest_space(&kg);
    require_ok(vt_guest_address_spaces(&kg.guest, &spaces, &count));
    cr_assert_eq(count, 2);
    cr_expect_eq(spaces[0].vma_count, 4);
    cr_expect_eq(spaces[0].page_table, space->root);
    cr_expect_eq(spaces[0].brk_start, 0x500000);
    cr_expect_eq(spaces[0].references, 1);
    require_ok(vt_guest_space_vmas(&kg.guest, &spaces[0], &vmas, &count));
    cr_expect_eq(count, 4);
    free(vmas);
    require_ok(vt_guest_space_vmas(&kg.guest, &spaces[1], &vmas, &count));
    cr_expect_eq(count, 0);
    free(vmas);
    spaces[0].id++;
    expect_code(vt_guest_space_vmas(&kg.guest, &spaces[0], &vmas, &count), VT_ERROR_NOT_FOUND);
    free(spaces);
}

Test(inspect, task_that_ended_has_no_mappings)
{
    struct vt_vma *vmas;
    size_t count;

    make_mapped_task(7);
    kernel_guest_task(&kg, kernel_guest_process(&kg, 8, NULL), 8, "thread", NULL, NULL);
    struct vt_task task = task_of(7), kernel_thread = task_of(8);
    task.id++;
    expect_code(vt_guest_vmas(&kg.guest, &task, &vmas, &count), VT_ERROR_NOT_FOUND);
    expect_code(vt_guest_vmas(&kg.guest, &kernel_thread, &vmas, &count), VT_ERROR_NOT_FOUND);
}

/* A tree that contains itself, overlaps, leaves memory, or is a list 1000 deep: corrupt, at once?
 */
Test(inspect, broken_trees)
{
    struct vt_vma *vmas;
    size_t count;
    struct address_space *space = make_mapped_task(7);
    struct vt_task task = task_of(7);
    struct rb_node *root = space->vmas.root, *left = root->left;

    kg.guest.patience_limit_us = 1000;
    root->left = root;
    expect_code(vt_guest_vmas(&kg.guest, &task, &vmas, &count), VT_ERROR_CORRUPT);
    root->left = left;
    rb_entry(root, struct vma, node)->end += 1ull << 46;
    expect_code(vt_guest_vmas(&kg.guest, &task, &vmas, &count), VT_ERROR_CORRUPT);
    rb_entry(root, struct vma, node)->end -= 1ull << 46;
    root->right = (void *)8;
    expect_code(vt_guest_vmas(&kg.guest, &task, &vmas, &count), VT_ERROR_CORRUPT);
    root->right = NULL;
    require_ok(vt_guest_vmas(&kg.guest, &task, &vmas, &count));
    free(vmas);
    for (unsigned i = 0; i < 1000; i++) {
        struct vma *vma = kernel_guest_allocate(&kg, sizeof(*vma));

        vma->node.left = space->vmas.root;
        space->vmas.root = &vma->node;
    }
    expect_code(vt_guest_vmas(&kg.guest, &task, &vmas, &count), VT_ERROR_CORRUPT);
}

/* A path without end: a dentry that hangs on itself by two steps. */
Test(inspect, path_without_end)
{
    struct vt_file *files;
    size_t count;
    struct dentry *a = kernel_guest_dentry(&kg, kg.root, "a", S_IFDIR);
    struct dentry *b = kernel_guest_dentry(&kg, a, "b", S_IFREG);
    struct file_table *table = kernel_guest_files(&kg);

    a->parent = b;
    kg.guest.patience_limit_us = 1000;
    kernel_guest_open(table, 0, kernel_guest_file(&kg, b, O_RDONLY));
    kernel_guest_task(&kg, kernel_guest_process(&kg, 7, NULL), 7, "x", NULL, table);
    struct vt_task task = task_of(7);
    expect_code(vt_guest_files(&kg.guest, &task, &files, &count), VT_ERROR_CORRUPT);
}

/* ---- files ---- */

Test(inspect, open_files)
{
    struct vt_file *files;
    size_t count;
    struct file_table *table = kernel_guest_files(&kg);
    struct dentry *tmp = kernel_guest_dentry(&kg, kg.root, "tmp", S_IFDIR);
    struct dentry *gone = kernel_guest_dentry(&kg, tmp, "gone", S_IFREG);
    struct file *file = kernel_guest_file(&kg, gone, O_RDWR | O_APPEND), *ends[2];
    struct pipe *pipe = kernel_guest_pipe(&kg, &ends[0], &ends[1]);

    gone->deleted = true;
    file->position = 77;
    file->references = 2;
    pipe->ends.head = 12;
    pipe->ends.tail = 2;
    kernel_guest_open(table, 0, ends[0]);
    kernel_guest_open(table, 1, file);
    kernel_guest_open(table, 63, file);
    table->close_on_exec[0] = 1ull << 63;
    kernel_guest_task(&kg, kernel_guest_process(&kg, 7, NULL), 7, "x", NULL, table);
    struct vt_task task = task_of(7);
    require_ok(vt_guest_files(&kg.guest, &task, &files, &count));
    cr_assert_eq(count, 3);
    cr_expect_eq(files[0].kind, VT_FILE_PIPE);
    cr_expect_eq(files[0].pipe_bytes, 10);
    cr_expect_eq(files[0].object, (uint64_t)pipe);
    cr_expect(strncmp(files[0].name, "pipe:[", 6) == 0, "%s", files[0].name);
    cr_expect_str_eq(files[1].name, "/tmp/gone (deleted)");
    cr_expect_eq(files[1].position, 77);
    cr_expect_eq(files[1].references, 2);
    cr_expect_eq(files[1].flags, O_RDWR | O_APPEND);
    cr_expect_eq(files[2].fd, 63);
    cr_expect(files[2].close_on_exec && !files[1].close_on_exec);
    cr_expect_eq(files[2].address, files[1].address);
    free(files);
    table->capacity = 1u << 20;
    kg.guest.patience_limit_us = 1000;
    expect_code(vt_guest_files(&kg.guest, &task, &files, &count), VT_ERROR_CORRUPT);
}

/* ---- processes ---- */

Test(inspect, processes_with_threads_and_children)
{
    struct vt_process *processes;
    size_t count;
    struct process *init = kernel_guest_process(&kg, 1, NULL);
    struct process *b = kernel_guest_process(&kg, 9, init), *a = kernel_guest_process(&kg, 5, init);

    kernel_guest_task(&kg, init, 1, "init", NULL, NULL);
    kernel_guest_task(&kg, a, 6, "worker", NULL, NULL);
    kernel_guest_task(&kg, a, 5, "leader", NULL, NULL);
    b->zombie = true;
    b->exit_status = 7 << 8;
    a->rlimits[RLIMIT_NOFILE] = (struct rlimit){64, UINT64_MAX};
    require_ok(vt_guest_processes(&kg.guest, &processes, &count));
    cr_assert_eq(count, 3);
    cr_expect_eq(processes[0].pid, 1);
    cr_assert_eq(processes[0].child_count, 2);
    cr_expect(processes[0].children[0] == 5 && processes[0].children[1] == 9);
    cr_expect_eq(processes[1].ppid, 1);
    cr_expect_eq(processes[1].parent_id, processes[0].id);
    cr_expect_str_eq(processes[1].comm, "leader");
    cr_assert_eq(processes[1].thread_count, 2);
    cr_expect(processes[1].threads[0] == 5 && processes[1].threads[1] == 6);
    cr_expect_eq(processes[1].limits[RLIMIT_NOFILE].soft, 64);
    cr_expect_eq(processes[1].limits[RLIMIT_NOFILE].hard, UINT64_MAX);
    cr_expect(processes[2].zombie && processes[2].exit_status == 7 << 8);
    cr_expect_eq(processes[2].thread_count, 0);
    cr_expect_eq(processes[2].guid[0], 9);
    free(processes);
}

/* ---- queues and locks ---- */

Test(inspect, run_queue_timers_locks)
{
    struct vt_run_queue *queue;
    struct vt_timer *timers;
    struct vt_lock *locks;
    size_t count;
    bool family = false, waited = false;

    kernel_guest_populate(&kg);
    kg.family_lock->taken = 1;
    kg.family_lock->rank = RANK_FAMILY;
    require_ok(vt_guest_run_queue(&kg.guest, 0, &queue));
    cr_expect(queue->idle);
    cr_expect_eq(queue->queued_count, queue->length);
    cr_assert_geq(queue->queued_count, 2);
    cr_expect_lt(queue->queued[0].deadline, queue->queued[1].deadline);
    cr_expect_str_eq(queue->queued[0].comm, "third");
    free(queue);
    expect_code(vt_guest_run_queue(&kg.guest, 2, &queue), VT_ERROR_NOT_FOUND);

    require_ok(vt_guest_timers(&kg.guest, 0, &timers, &count));
    cr_assert_eq(count, 2);
    cr_expect_eq(timers[0].deadline_ns, 1000);
    cr_expect_eq(timers[0].use, VT_TIMER_SLEEP);
    cr_expect_eq(timers[0].tid, 7);
    free(timers);
    require_ok(vt_guest_timers(&kg.guest, 1, &timers, &count));
    cr_expect_eq(count, 0);

    require_ok(vt_guest_locks(&kg.guest, &locks, &count));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(locks[i].name, "family_lock") == 0)
            family =
                locks[i].kind == VT_LOCK_SPIN && locks[i].taken && locks[i].rank == RANK_FAMILY;
        if (locks[i].kind == VT_LOCK_MUTEX && locks[i].waiters == 1)
            waited = locks[i].waited && strncmp(locks[i].name, "address_space 1", 15) == 0;
    }
    cr_expect(family && waited);
    free(locks);
}

/* A queue whose lock is held while the guest runs is half changed; in a stopped world it is what
 * there is. */
Test(inspect, locked_queue_is_busy_unless_stopped)
{
    struct vt_run_queue *queue;

    kg.guest.patience_limit_us = 1000;
    kg.run_queues[0].lock.taken = 1;
    expect_code(vt_guest_run_queue(&kg.guest, 0, &queue), VT_ERROR_BUSY);
    kg.glass->stop.epoch = 1;
    require_ok(vt_guest_run_queue(&kg.guest, 0, &queue));
    free(queue);
}

/* ---- frames ---- */

/* The rules of mm/frame.h: fixed ranges, blocks, what was never touched, holes. */
Test(inspect, frames)
{
    struct vt_frame *frames;
    size_t count;

    kg.memory.ram[0].bytes = kg.guest.memory.ram[0].bytes = 1024 * 4096 - 8192;
    kg.ranges[0] = (struct fixed_range){2, 5, FRAME_IMAGE};
    kg.frames[3] = (struct frame){.references = 4, .kind = FRAME_IMAGE};
    kg.frames[100] = (struct frame){.references = 1, .kind = FRAME_KERNEL, .order = 2};
    kg.frames[101] = (struct frame){.references = 9, .kind = FRAME_FILE};
    require_ok(vt_guest_frames(&kg.guest, &frames, &count));
    cr_assert_eq(count, 1024);
    cr_expect(frames[2].kind == FRAME_IMAGE && frames[2].references == 1);
    cr_expect_eq(frames[3].references, 4);
    cr_expect_eq(frames[5].kind, FRAME_FREE);
    cr_expect_eq(frames[100].state, VT_FRAME_HEAD);
    cr_expect(frames[103].state == VT_FRAME_INSIDE && frames[103].kind == FRAME_KERNEL);
    cr_expect_eq(frames[101].references, 1);
    cr_expect_eq(frames[104].state, VT_FRAME_UNTOUCHED);
    cr_expect_eq(frames[1023].state, VT_FRAME_HOLE);
    cr_expect_eq(frames[1021].phys, 1021 * 4096);
    free(frames);
}

/* ---- sockets ---- */

static struct vt_socket *sockets;
static size_t socket_count;

static void read_sockets(int32_t tid)
{
    struct vt_task task = task_of(tid);

    free(sockets);
    require_ok(vt_guest_sockets(&kg.guest, &task, &sockets, &socket_count));
}

/* Names with bytes that could drive a terminal, a peer in another process, one that nobody has
 * accepted, one that is closed. */
Test(inspect, sockets)
{
    struct file_table *files[2];
    struct file *file[4];

    make_process(5, NULL, &files[0]);
    make_process(6, NULL, &files[1]);
    struct socket *one = kernel_guest_socket(&kg, SOCK_STREAM, &file[0]);
    struct socket *other = kernel_guest_socket(&kg, SOCK_STREAM, &file[1]);
    struct socket *box = kernel_guest_socket(&kg, SOCK_DGRAM, &file[2]);
    struct socket *knocking = kernel_guest_socket(&kg, SOCK_STREAM, &file[3]);
    one->peer = other;
    other->peer = one;
    one->state = other->state = SOCKET_CONNECTED;
    one->shutdown = SHUTDOWN_SEND;
    kernel_guest_bind(&kg, other, "/a\033[2Jb", 8);
    kernel_guest_bind(&kg, box, "\0x\0y", 4);
    kernel_guest_open(files[0], 0, file[0]);
    kernel_guest_open(files[0], 3, file[2]);
    kernel_guest_open(files[1], 9, file[1]);
    kernel_guest_open(files[1], 4, file[1]);
    read_sockets(5);
    cr_assert_eq(socket_count, 2);
    cr_expect(sockets[0].fd == 0 && sockets[0].state == VT_SOCKET_CONNECTED && !sockets[0].name);
    cr_expect(sockets[0].sends_no_more && !sockets[0].receives_no_more);
    cr_expect_str_eq(sockets[0].peer_name, "/a\\033[2Jb");
    cr_expect(sockets[0].peer_pid == 6 && sockets[0].peer_fd == 4 && sockets[0].peer_holders == 2);
    cr_expect_str_eq(sockets[1].name, "@x\\000y");
    cr_expect(sockets[1].peer == 0 && sockets[1].peer_fd == -1);
    /* Not accepted; then closed. */
    one->peer = knocking;
    knocking->file = NULL;
    read_sockets(5);
    cr_expect(!sockets[0].peer_closed && !sockets[0].peer_inode && !sockets[0].peer_holders);
    knocking->dead = true;
    read_sockets(5);
    cr_expect(sockets[0].peer_closed);
    /* A peer that is no memory. */
    one->peer = (void *)0x1000;
    struct vt_task task = task_of(5);
    struct vt_socket *none;
    size_t count;
    kg.guest.patience_limit_us = 1000;
    expect_code(vt_guest_sockets(&kg.guest, &task, &none, &count), VT_ERROR_CORRUPT);
}

/* ---- tokens ---- */

/* Is a token what it says, and are those that have it named; and is one that says nothing corrupt? */
Test(inspect, tokens)
{
    struct process *process = kernel_guest_process(&kg, 7, NULL);
    struct token_object *token = kernel_guest_token(&kg, process);
    struct task *task = kernel_guest_task(&kg, process, 7, "x", NULL, NULL);
    struct vt_token *tokens;
    size_t count;

    task->impersonation = token;
    require_ok(vt_guest_tokens(&kg.guest, &tokens, &count));
    cr_assert_eq(count, 1);
    cr_expect_str_eq(tokens[0].user, "S-1-5-18");
    cr_expect_str_eq(tokens[0].groups, "S-1-5-32-544");
    cr_expect_str_eq(tokens[0].restricting, "");
    cr_expect(tokens[0].group_count == 1 && tokens[0].attributes[0] == GROUP_ENABLED);
    cr_expect(tokens[0].session == 1000 && tokens[0].logon_type == LOGON_BATCH);
    cr_expect(tokens[0].integrity == INTEGRITY_MEDIUM && !tokens[0].impersonation);
    cr_expect(tokens[0].pid_count == 1 && tokens[0].pids[0] == 7);
    cr_expect(tokens[0].tid_count == 1 && tokens[0].tids[0] == 7);
    free(tokens);
    kg.guest.patience_limit_us = 1000;
    token->state->token.groups[0].sid = (void *)0x1000;
    expect_code(vt_guest_tokens(&kg.guest, &tokens, &count), VT_ERROR_CORRUPT);
    token->state->token.subject.groups.count = 1u << 30;
    expect_code(vt_guest_tokens(&kg.guest, &tokens, &count), VT_ERROR_CORRUPT);
    token->state = NULL;
    expect_code(vt_guest_tokens(&kg.guest, &tokens, &count), VT_ERROR_CORRUPT);
}
