/*
 * exec.c - a process gets a new program.
 *
 * Everything that can fail happens while the old program is still whole: the new address space is made beside
 * the old one, with segments, stack and strings in it. Then the other threads are sent away (that may fail
 * too, if somebody ends the process meanwhile), and from the point of no return on there are only assignments.
 */
#include "arch/machine.h"
#include "arch/page_table.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/lib/print.h"
#include "kernel/lib/string.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/trace.h"
#include "kernel/process/elf.h"
#include "kernel/process/exec_strings.h"
#include "kernel/process/internal.h"
#include "kernel/syscall/syscall.h"

#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_EMPTY_PATH 0x1000

#define SCRIPT_DEPTH_MAX 5    /* interpreters that are scripts themselves; then ELOOP, as on Linux */
#define SCRIPT_LINE_BYTES 256 /* BINPRM_BUF_SIZE of execve(2) */
#define HEADER_BYTES 1024     /* the file header and, nearly always, all program headers */

/* Layout, as on Linux x86-64 (Documentation/arch/x86/x86_64/mm.rst, and ELF_ET_DYN_BASE = 2/3 of the user half). */
#define PIE_BASE 0x555555554000ull
#define STACK_RANDOM_PAGES 0x3fffffull
#define MMAP_RANDOM_PAGES 0xfffffffull
#define BRK_RANDOM_PAGES 0x2000ull
#define STACK_GAP_MIN (128ull << 20)
#define STACK_GAP_MAX (USER_END / 6 * 5)
#define STACK_GUARD_GAP (256 * PAGE_SIZE)
#define STACK_INITIAL_BYTES (128ull << 10)

enum auxiliary_type {
    AT_NULL = 0,
    AT_PHDR = 3,
    AT_PHENT = 4,
    AT_PHNUM = 5,
    AT_PAGESZ = 6,
    AT_BASE = 7,
    AT_FLAGS = 8,
    AT_ENTRY = 9,
    AT_UID = 11,
    AT_EUID = 12,
    AT_GID = 13,
    AT_EGID = 14,
    AT_PLATFORM = 15,
    AT_HWCAP = 16,
    AT_CLKTCK = 17,
    AT_SECURE = 23,
    AT_RANDOM = 25,
    AT_HWCAP2 = 26,
    AT_EXECFN = 31,
    AT_MINSIGSTKSZ = 51,
};
#define AUXILIARY_COUNT 20u
#define RANDOM_BYTES 16u
#define SIGNAL_FRAME_BYTES 440u

/* A program on its way in. */
struct loading {
    struct address_space *space;
    struct file *file;
    struct elf_image image;
    uint64_t bias;
    uint64_t interpreter_bias; /* 0 = no interpreter */
    uint64_t start;            /* first instruction */
    uint64_t stack_pointer;
    uint32_t euid, egid;
    bool secure;
};

static uint64_t random_pages(uint64_t mask)
{
    uint64_t value;
    if (!aslr_enabled)
        return 0;
    random_bytes(&value, sizeof(value));
    return (value & mask) << PAGE_SHIFT;
}

/* ---- ELF ---- */

static int read_exactly(struct file *file, void *buffer, size_t bytes, uint64_t offset)
{
    ssize_t got = file_read_at(file, buffer, bytes, offset);
    if (got < 0)
        return (int)got;
    return (size_t)got == bytes ? 0 : -ENOEXEC;
}

/* `start` holds the first `size` bytes of the file. */
static int read_elf(struct file *file, const uint8_t *start, size_t size, struct elf_image *image)
{
    int error = elf_parse_header(start, size, image);
    if (error)
        return error;
    size_t table_bytes = (size_t)image->program_header_count * ELF_PROGRAM_HEADER_BYTES;
    if (image->program_headers_offset <= size && table_bytes <= size - image->program_headers_offset)
        return elf_parse_programs(start + image->program_headers_offset, image);
    void *table = kmalloc(table_bytes);
    if (!table)
        return -ENOMEM;
    error = read_exactly(file, table, table_bytes, image->program_headers_offset);
    if (!error)
        error = elf_parse_programs(table, image);
    kfree(table);
    return error;
}

static int map_fixed(struct address_space *space, uint64_t address, uint64_t bytes, uint32_t flags, struct file *file,
                     uint64_t file_offset, uint64_t file_bytes)
{
    struct map_request request = {
        .address = address,
        .bytes = bytes,
        .flags = flags,
        .fixed = true,
        .file = file,
        .file_offset = file_offset,
        .file_bytes = file_bytes,
    };
    int64_t result = address_space_map(space, &request);
    return result < 0 ? (int)result : 0;
}

static int map_segment(struct address_space *space, struct file *file, const struct elf_segment *segment, uint64_t bias)
{
    uint32_t flags = (segment->flags & ELF_READ ? VMA_READ : 0) | (segment->flags & ELF_WRITE ? VMA_WRITE : 0) |
                     (segment->flags & ELF_EXECUTE ? VMA_EXECUTE : 0);
    uint64_t in_page = segment->address & (PAGE_SIZE - 1);
    uint64_t start = segment->address - in_page + bias;
    uint64_t end = align_up(segment->address + segment->bytes, PAGE_SIZE) + bias;
    uint64_t file_end = start;
    if (segment->file_bytes) {
        uint64_t file_bytes = in_page + segment->file_bytes;
        file_end = start + align_up(file_bytes, PAGE_SIZE);
        /* Without a zero tail the last page shows the file as it is; with one, it must not. */
        bool tail = segment->bytes > segment->file_bytes;
        int error = map_fixed(space, start, file_end - start, flags, file, segment->file_offset - in_page,
                              tail ? file_bytes : UINT64_MAX);
        if (error)
            return error;
    }
    return end > file_end ? map_fixed(space, file_end, end - file_end, flags, NULL, 0, 0) : 0;
}

static int map_image(struct address_space *space, struct file *file, const struct elf_image *image, uint64_t bias)
{
    if (!elf_fits(image, bias))
        return -ENOEXEC;
    for (unsigned i = 0; i < image->segment_count; i++) {
        int error = map_segment(space, file, &image->segments[i], bias);
        if (error)
            return error;
    }
    return 0;
}

static void note_ranges(struct loading *loading)
{
    struct address_space *space = loading->space;
    space->code_start = UINT64_MAX;
    for (unsigned i = 0; i < loading->image.segment_count; i++) {
        const struct elf_segment *segment = &loading->image.segments[i];
        uint64_t start = segment->address + loading->bias, end = start + segment->file_bytes;
        if (start < space->code_start)
            space->code_start = start;
        if (segment->flags & ELF_EXECUTE && end > space->code_end)
            space->code_end = end;
        if (start > space->data_start)
            space->data_start = start;
        if (end > space->data_end)
            space->data_end = end;
    }
}

/* A bias for an image that ends below `top` when it lies as high as possible. */
static uint64_t bias_below(const struct elf_image *image, uint64_t top)
{
    return align_down(top - (image->high - image->low), image->alignment) - image->low;
}

static int load_interpreter(struct loading *loading)
{
    const struct elf_image *program = &loading->image;
    struct elf_image *image = NULL;
    struct file *file = NULL;
    uint8_t *buffer = kmalloc(ELF_INTERPRETER_MAX);
    if (!buffer)
        return -ENOMEM;
    int error = read_exactly(loading->file, buffer, program->interpreter_bytes, program->interpreter_offset);
    if (!error && buffer[program->interpreter_bytes - 1] != '\0')
        error = -ENOEXEC;
    if (!error)
        error = file_open_executable(AT_FDCWD, (char *)buffer, 0, &file);
    if (!error) {
        image = kmalloc(sizeof(*image));
        ssize_t got = image ? file_read_at(file, buffer, HEADER_BYTES, 0) : -ENOMEM;
        error = got < 0 ? (int)got : read_elf(file, buffer, (size_t)got, image);
        if (error == -ENOEXEC)
            error = -EIO; /* execve(2): ELIBBAD and friends; Linux says EIO for a broken one */
    }
    if (!error) {
        uint64_t bias = 0;
        if (image->position_independent) {
            if (image->high - image->low > loading->space->mmap_top / 2)
                error = -ENOMEM;
            else
                bias = bias_below(image, loading->space->mmap_top);
        }
        if (!error)
            error = map_image(loading->space, file, image, bias);
        loading->interpreter_bias = bias;
        loading->start = image->entry + bias;
    }
    kfree(image);
    if (file)
        file_put(file);
    kfree(buffer);
    return error;
}

static int load_elf(struct loading *loading)
{
    struct address_space *space = loading->space;
    struct elf_image *image = &loading->image;
    uint64_t stack_limit = process_limit(current->process, RLIMIT_STACK);
    uint64_t gap = min(stack_limit, STACK_GAP_MAX) + STACK_GUARD_GAP;
    uint64_t stack_random = STACK_RANDOM_PAGES << PAGE_SHIFT;

    space->stack_top = USER_END - random_pages(STACK_RANDOM_PAGES);
    space->stack_limit_bytes = stack_limit;
    gap = max(gap + (aslr_enabled ? stack_random : 0), STACK_GAP_MIN);
    space->mmap_top = align_down(USER_END - min(gap, STACK_GAP_MAX) - random_pages(MMAP_RANDOM_PAGES), PAGE_SIZE);

    if (image->position_independent) {
        if (image->high - image->low > space->mmap_top / 2)
            return -ENOMEM;
        if (image->interpreter_bytes)
            loading->bias = align_up(PIE_BASE + random_pages(MMAP_RANDOM_PAGES), image->alignment) - image->low;
        else
            loading->bias = bias_below(image, space->mmap_top);
    }
    int error = map_image(space, loading->file, image, loading->bias);
    if (error)
        return error;
    note_ranges(loading);
    loading->start = image->entry + loading->bias;

    /* A static PIE lies among the mappings, where the heap would have no room: it gets one elsewhere. */
    uint64_t heap = image->position_independent && !image->interpreter_bytes ? PIE_BASE : image->high + loading->bias;
    space->brk_start = space->brk_end = heap + random_pages(BRK_RANDOM_PAGES - 1);
    return image->interpreter_bytes ? load_interpreter(loading) : 0;
}

/* ---- the stack that the program starts with (psABI, 3.4.1) ---- */

static unsigned fill_auxiliary(uint64_t *to, const struct loading *loading, uint64_t name, uint64_t platform,
                               uint64_t random)
{
    const struct credentials *c = &current->process->credentials;
    const struct elf_image *image = &loading->image;
    const uint64_t vector[][2] = {
        {AT_HWCAP, arch_hwcap()},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, 100},
        {AT_PHDR, image->program_headers ? image->program_headers + loading->bias : 0},
        {AT_PHENT, ELF_PROGRAM_HEADER_BYTES},
        {AT_PHNUM, image->program_header_count},
        {AT_BASE, loading->interpreter_bias},
        {AT_FLAGS, 0},
        {AT_ENTRY, image->entry + loading->bias},
        {AT_UID, c->uid},
        {AT_EUID, loading->euid},
        {AT_GID, c->gid},
        {AT_EGID, loading->egid},
        {AT_SECURE, loading->secure},
        {AT_RANDOM, random},
        {AT_HWCAP2, arch_hwcap2()},
        {AT_EXECFN, name},
        {AT_PLATFORM, platform},
        {AT_MINSIGSTKSZ, SIGNAL_FRAME_BYTES + 128 + 64 + fpu_frame_bytes()},
        {AT_NULL, 0},
    };
    _Static_assert(ARRAY_COUNT(vector) == AUXILIARY_COUNT, "room for the vector");
    memcpy(to, vector, sizeof(vector));
    return ARRAY_COUNT(vector) * 2;
}

static int write_space(struct address_space *space, uint64_t address, const void *bytes, size_t count)
{
    ssize_t written = address_space_access(space, address, (void *)bytes, count, true);
    if (written < 0)
        return (int)written;
    return (size_t)written == count ? 0 : -ENOMEM;
}

static int build_stack(struct loading *loading, const char *path, struct exec_strings *strings)
{
    static const char platform_name[] = "x86_64";
    struct address_space *space = loading->space;
    uint8_t random[RANDOM_BYTES];

    size_t name_at = strings->used;
    int error = exec_strings_append(strings, path, strlen(path) + 1);
    size_t platform_at = strings->used;
    if (!error)
        error = exec_strings_append(strings, platform_name, sizeof(platform_name));
    random_bytes(random, sizeof(random));
    size_t random_at = strings->used;
    if (!error)
        error = exec_strings_append(strings, random, sizeof(random));
    if (error)
        return error;

    size_t words = 1 + strings->argument_count + 1 + strings->environment_count + 1 + 2 * AUXILIARY_COUNT;
    uint64_t strings_start = align_down(space->stack_top - sizeof(uint64_t) - strings->used, 16ul);
    uint64_t vector_start = align_down(strings_start - words * sizeof(uint64_t), 16ul);
    uint64_t bytes = align_up(space->stack_top - vector_start + STACK_INITIAL_BYTES, PAGE_SIZE);
    uint32_t flags = VMA_READ | VMA_WRITE | VMA_GROWS_DOWN | VMA_STACK;
    if (loading->image.executable_stack)
        flags |= VMA_EXECUTE;
    error = map_fixed(space, space->stack_top - bytes, bytes, flags, NULL, 0, 0);
    if (error)
        return error;

    /* The vector is built in one piece; a small one on our own stack. */
    uint64_t few[128], *vector = few;
    phys_t many = 0;
    if (words > ARRAY_COUNT(few)) {
        unsigned order = 0;
        while ((PAGE_SIZE << order) < words * sizeof(uint64_t))
            order++;
        many = frame_allocate(FRAME_KERNEL, order, 0);
        if (!many)
            return -ENOMEM;
        vector = phys_to_virt(many);
    }
    size_t next = 0, offset = 0;
    vector[next++] = strings->argument_count;
    space->argument_start = strings_start;
    for (uint32_t i = 0; i < strings->argument_count; i++) {
        vector[next++] = strings_start + offset;
        offset += strlen(strings->block + offset) + 1;
    }
    vector[next++] = 0;
    space->argument_end = space->environment_start = strings_start + offset;
    for (uint32_t i = 0; i < strings->environment_count; i++) {
        vector[next++] = strings_start + offset;
        offset += strlen(strings->block + offset) + 1;
    }
    vector[next++] = 0;
    space->environment_end = strings_start + offset;
    unsigned auxiliary_words = fill_auxiliary(&vector[next], loading, strings_start + name_at,
                                              strings_start + platform_at, strings_start + random_at);
    _Static_assert(sizeof(space->auxv) >= AUXILIARY_COUNT * 2 * sizeof(uint64_t), "room for the vector");
    memcpy(space->auxv, &vector[next], auxiliary_words * sizeof(uint64_t));
    error = write_space(space, strings_start, strings->block, strings->used);
    if (!error)
        error = write_space(space, vector_start, vector, words * sizeof(uint64_t));
    if (many)
        frame_release(many);
    loading->stack_pointer = vector_start;
    return error;
}

/* ---- the change ---- */

/* Sends every other thread away and takes the leader's place if need be. -EAGAIN: the process ends instead. */
static int become_only_thread(struct task *task)
{
    struct process *process = task->process;
    spin_lock(&process->signal_lock);
    if (process->exiting || process->exec_task) {
        spin_unlock(&process->signal_lock);
        return -EAGAIN;
    }
    if (likely(process->task_count == 1 && process->leader == task)) {
        spin_unlock(&process->signal_lock);
        return 0;
    }
    process->exec_task = task;
    process_kill_threads_signal_locked(process, task);
    spin_unlock(&process->signal_lock);
    int error = wait_event(&process->thread_events, WAIT_EXIT, (uint64_t)process->pid, WAIT_KILLABLE, 0,
                           READ_ONCE(process->task_count) == 1);

    struct task *old = NULL;
    spin_lock(&family_lock);
    spin_lock(&process->signal_lock);
    process->exec_task = NULL;
    if (!error && process->leader != task) {
        /* The leader is a zombie now; its tid is the pid, and the program keeps its pid. */
        old = process->leader;
        list_remove(&old->thread_link);
        process_account_thread_locked(process, old);
        task->exit_signal = old->exit_signal;
        pid_drop_task_locked(task->tid);
        pid_set_task_locked(process->pid, task);
        object_write_begin(&task->object);
        task->tid = process->pid;
        object_write_end(&task->object);
        process->leader = task;
    }
    spin_unlock(&process->signal_lock);
    spin_unlock(&family_lock);
    if (old)
        task_put(old);
    return error ? -EAGAIN : 0;
}

/* A table that other processes share is left to them. */
static int own_files(struct task *task)
{
    struct file_table *shared = task->files;
    if (READ_ONCE(shared->references) == 1)
        return 0;
    struct file_table *own = file_table_duplicate(shared);
    if (!own)
        return -ENOMEM;
    spin_lock(&task->process->parts_lock);
    task->files = own;
    spin_unlock(&task->process->parts_lock);
    file_table_put(shared);
    return 0;
}

static int own_actions(struct process *process)
{
    struct signal_actions *shared = process->actions;
    if (READ_ONCE(shared->references) == 1)
        return 0;
    struct signal_actions *own = signal_actions_duplicate(shared, false);
    if (!own)
        return -ENOMEM;
    spin_lock(&process->signal_lock);
    process->actions = current->actions = own;
    spin_unlock(&process->signal_lock);
    signal_actions_put(shared);
    return 0;
}

/* Handlers are gone with the old program; what is ignored stays ignored (execve(2)). */
static void reset_signals(struct task *task)
{
    struct process *process = task->process;
    struct signal_actions *actions = process->actions;
    spin_lock(&process->signal_lock);
    spin_lock(&actions->lock);
    actions->set.bits = actions->ignored.bits;
    actions->caught.bits = 0;
    for (uint64_t left = actions->ignored.bits; left; left &= left - 1)
        actions->action[__builtin_ctzll(left)] = (struct signal_action){.handler = SIG_IGN};
    spin_unlock(&actions->lock);
    spin_unlock(&process->signal_lock);
    task->alternate_stack = task->alternate_stack_bytes = 0;
    task->alternate_stack_flags = 2; /* SS_DISABLE */
    task->restart = NULL;
}

static void replace_memory(struct task *task, struct address_space *space)
{
    struct process *process = task->process;
    struct address_space *old = task->address_space;
    if (old)
        task_release_memory_promises(task);
    task->robust_list = 0;
    task->clear_child_tid = task->set_child_tid = 0;
    task->rseq_area = 0;
    spin_lock(&process->parts_lock);
    task->address_space = space;
    spin_unlock(&process->parts_lock);
    address_space_activate(space);
    process_vfork_done(task);
    if (old) {
        process->max_resident = max(process->max_resident, old->max_resident);
        address_space_put(old);
    }
}

static void take_ids(struct process *process, const struct loading *loading)
{
    struct credentials *c = &process->credentials;
    spin_lock(&process->signal_lock);
    process->dumpable = !loading->secure;
    c->euid = c->suid = c->fsuid = loading->euid;
    c->egid = c->sgid = c->fsgid = loading->egid;
    process->keep_capabilities = false;
    spin_unlock(&process->signal_lock);
}

/* From here on nothing fails. */
static void become_program(struct loading *loading, const char *path)
{
    struct task *task = current;
    struct process *process = task->process;

    replace_memory(task, loading->space);
    loading->space = NULL;
    file_table_close_on_exec(task->files);
    reset_signals(task);
    take_ids(process, loading);
    if (loading->secure)
        task->parent_death_signal = 0;
    process->did_exec = true;
    task->flags &= ~TASK_FORKED_NO_EXEC;
    task->exit_signal = SIGCHLD;

    const char *name = path;
    for (const char *at = path; *at; at++) {
        if (*at == '/')
            name = at + 1;
    }
    task_set_comm(task, name);
    uint64_t comm[2];
    memcpy(comm, task->comm, sizeof(comm));
    trace_event(TRACE_EXEC, comm[0], comm[1], loading->file->inode ? loading->file->inode->number : 0, 0);
    arch_task_start_user(task, loading->start, loading->stack_pointer);
}

static void effective_ids(struct loading *loading)
{
    struct process *process = current->process;
    const struct credentials *c = &process->credentials;
    uint32_t mode, uid, gid;
    loading->euid = c->euid;
    loading->egid = c->egid;
    file_set_id_bits(loading->file, &mode, &uid, &gid);
    if (!process->no_new_privileges) {
        if (mode & S_ISUID)
            loading->euid = uid;
        if (mode & S_ISGID)
            loading->egid = gid;
    }
    loading->secure = loading->euid != c->uid || loading->egid != c->gid;
}

/* ---- scripts ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/*
 * `#! interpreter [argument]`: rewrites the arguments and opens the interpreter, which takes *file's place.
 * `line` holds `size` bytes from the start of the file, and room for a NUL behind them.
 */
static int follow_script(struct file **file, char *line, size_t size, const char *path, struct exec_strings *strings)
{
    size_t end = 2;
    while (end < size && line[end] != '\n' && line[end] != '\0')
        end++;
    bool cut = end == size && size == SCRIPT_LINE_BYTES;
    size_t start = 2;
    while (start < end && is_blank(line[start]))
        start++;
    size_t name_end = start;
    while (name_end < end && !is_blank(line[name_end]))
        name_end++;
    /* A name that may go on beyond what was read is not a name. */
    if (start == end || (cut && name_end == end))
        return -ENOEXEC;
    size_t argument = name_end;
    while (argument < end && is_blank(line[argument]))
        argument++;
    while (end > argument && is_blank(line[end - 1]))
        end--;
    line[name_end] = '\0';
    size_t name_bytes = name_end - start + 1, argument_bytes = end > argument ? end - argument + 1 : 0;
    size_t path_bytes = strlen(path) + 1, bytes = name_bytes + argument_bytes + path_bytes;
    if (argument_bytes)
        line[end] = '\0';
    char *text = kmalloc(bytes);
    if (!text)
        return -ENOMEM;
    memcpy(text, line + start, name_bytes);
    memcpy(text + name_bytes, line + argument, argument_bytes);
    memcpy(text + name_bytes + argument_bytes, path, path_bytes);
    int error = exec_strings_replace_first(strings, text, bytes, argument_bytes ? 3 : 2);
    kfree(text);
    if (error)
        return error;
    struct file *interpreter;
    error = file_open_executable(AT_FDCWD, line + start, 0, &interpreter);
    if (error)
        return error;
    file_put(*file);
    *file = interpreter;
    return 0;
}

/* ---- all of it ---- */

/* The first bytes of the file, and what becomes of a script: 0 with an ELF file in *file and its image read. */
static int identify(struct file **file, const char *path, struct exec_strings *strings, struct elf_image *image)
{
    union {
        uint8_t bytes[HEADER_BYTES];
        char line[SCRIPT_LINE_BYTES + 1];
    } start;
    char *script = NULL; /* path of the interpreter, for a script below a script */
    int error;
    for (unsigned depth = 0;; depth++) {
        if (depth > SCRIPT_DEPTH_MAX) {
            error = -ELOOP;
            break;
        }
        ssize_t got = file_read_at(*file, start.bytes, sizeof(start.bytes), 0);
        if (got < 2 || start.bytes[0] != '#' || start.bytes[1] != '!') {
            error = got < 0 ? (int)got : read_elf(*file, start.bytes, (size_t)got, image);
            break;
        }
        error = follow_script(file, start.line, min((size_t)got, (size_t)SCRIPT_LINE_BYTES), script ? script : path,
                              strings);
        if (error)
            break;
        kfree(script);
        script = kstrdup(strings->block); /* argument 0 is now the interpreter */
        if (!script) {
            error = -ENOMEM;
            break;
        }
    }
    kfree(script);
    return error;
}

/* Takes over the reference to the file. */
static int exec_file(struct file *file, const char *path, struct exec_strings *strings)
{
    struct task *task = current;
    struct loading *loading = kzalloc(sizeof(*loading));
    if (!loading) {
        file_put(file);
        return -ENOMEM;
    }
    int error = identify(&file, path, strings, &loading->image);
    loading->file = file;
    if (error)
        goto out;
    effective_ids(loading);
    error = -ENOMEM;
    loading->space = address_space_create();
    if (!loading->space)
        goto out;
    error = load_elf(loading);
    if (!error)
        error = build_stack(loading, path, strings);
    if (!error)
        error = become_only_thread(task);
    if (!error)
        error = own_files(task);
    if (!error)
        error = own_actions(task->process);
    if (error)
        goto out;
    file_get(file);
    loading->space->executable = file;
    become_program(loading, path);
out:
    if (loading->space)
        address_space_put(loading->space);
    file_put(loading->file);
    kfree(loading);
    return error;
}

/* Strings may fill a quarter of the stack that the program may have (execve(2)), within what we can hold. */
static size_t strings_limit(void)
{
    uint64_t quarter = process_limit(current->process, RLIMIT_STACK) / 4;
    return min(max(quarter, 32 * PAGE_SIZE), 2ul << 20);
}

static int64_t exec_user(int directory_fd, uint64_t path_address, uint64_t arguments, uint64_t environment, int flags)
{
    struct exec_strings strings;
    struct file *file;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    char *path = kmalloc(PATH_MAX);
    if (!path)
        return -ENOMEM;
    ssize_t length = string_from_user(path, path_address, PATH_MAX);
    int error = length < 0 ? (int)length : exec_strings_init(&strings, strings_limit());
    if (error) {
        kfree(path);
        return error;
    }
    if (!length && !(flags & AT_EMPTY_PATH))
        error = -ENOENT;
    if (!error)
        error = exec_strings_append_user(&strings, arguments, &strings.argument_count);
    if (!error)
        error = exec_strings_append_user(&strings, environment, &strings.environment_count);
    if (!error && !strings.argument_count) {
        /* A program always has a name (Linux since 5.18), even an empty one. */
        error = exec_strings_replace_first(&strings, "", 1, 1);
    }
    if (!error)
        error = file_open_executable(directory_fd, path, (uint32_t)flags, &file);
    if (!error) {
        if (directory_fd != AT_FDCWD && path[0] != '/') {
            /* The name by which the program, or its interpreter, finds it again (execveat(2)). */
            char *relative = kstrdup(path);
            if (relative)
                snprintf(path, PATH_MAX, "/dev/fd/%d%s%s", directory_fd, *relative ? "/" : "", relative);
            kfree(relative);
        }
        error = exec_file(file, path, &strings);
    }
    exec_strings_deinit(&strings);
    kfree(path);
    return error;
}

SYSCALL3(execve, uint64_t, path, uint64_t, arguments, uint64_t, environment)
{
    return exec_user(AT_FDCWD, path, arguments, environment, 0);
}

SYSCALL5(execveat, int, directory_fd, uint64_t, path, uint64_t, arguments, uint64_t, environment, int, flags)
{
    return exec_user(directory_fd, path, arguments, environment, flags);
}

static int append_array(struct exec_strings *strings, char *const *array, uint32_t *count)
{
    for (; array && *array; array++, ++*count) {
        int error = exec_strings_append(strings, *array, strlen(*array) + 1);
        if (error)
            return error;
    }
    return 0;
}

int process_exec(struct file *program, const char *path, char *const *argv, char *const *envp)
{
    struct exec_strings strings;
    int error = exec_strings_init(&strings, strings_limit());
    if (error)
        return error;
    error = append_array(&strings, argv, &strings.argument_count);
    if (!error)
        error = append_array(&strings, envp, &strings.environment_count);
    if (!error) {
        file_get(program);
        error = exec_file(program, path, &strings);
    }
    exec_strings_deinit(&strings);
    return error;
}

static int append_packed(struct exec_strings *strings, const char *text, uint32_t count)
{
    int error = 0;
    for (; count && !error; count--) {
        size_t bytes = strlen(text) + 1;
        error = exec_strings_append(strings, text, bytes);
        text += bytes;
    }
    return error;
}

int process_exec_boot(const char *path, const char *arguments, uint32_t argument_count, const char *environment,
                      uint32_t environment_count)
{
    struct exec_strings strings;
    struct file *file;
    int error = exec_strings_init(&strings, strings_limit());
    if (error)
        return error;
    strings.argument_count = argument_count;
    strings.environment_count = environment_count;
    error = append_packed(&strings, arguments, argument_count);
    if (!error)
        error = append_packed(&strings, environment, environment_count);
    if (!error)
        error = file_open_executable(AT_FDCWD, path, 0, &file);
    if (!error)
        error = exec_file(file, path, &strings);
    exec_strings_deinit(&strings);
    return error;
}
