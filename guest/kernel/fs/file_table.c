/*
 * kernel/fs/file_table.c - tables of descriptors. See file_table.h for the structure, its locks and
 * lifetime.
 */
#include "kernel/fs/file_table.h"

#include "arch/cpu.h"
#include "arch/layout.h"
#include "kernel/fs/file_lock.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/mm/failing.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"
#include "kernel/process/process.h"

static struct object_cache table_cache = OBJECT_CACHE_INIT("file_table", struct file_table);

uint32_t file_table_limit(void)
{
    uint64_t limit = READ_ONCE(current->process->rlimits[RLIMIT_NOFILE].soft);
    return limit < FILE_TABLE_MAX ? (uint32_t)limit : FILE_TABLE_MAX;
}

static void table_use_inline(struct file_table *table)
{
    table->capacity = FILE_TABLE_INLINE;
    table->files = table->inline_files;
    table->open = table->inline_open;
    table->close_on_exec = table->inline_close_on_exec;
    table->inline_open[0] = 0;
    table->inline_close_on_exec[0] = 0;
}

struct file_table *file_table_create(void)
{
    struct file_table *table = object_cache_allocate(&table_cache);
    if (!table)
        return NULL;
    table->references = 1;
    table->lowest_free = 0;
    spin_init(&table->lock, RANK_FILE_TABLE);
    table_use_inline(table);
    return table;
}

/* One block for a larger table's three arrays, bit sets first. */
static size_t block_bytes(size_t capacity)
{
    return capacity / 8 * 2 + capacity * sizeof(struct file *);
}

static unsigned block_order(uint32_t capacity)
{
    unsigned order = 0;
    while ((PAGE_SIZE << order) < block_bytes(capacity))
        order++;
    return order;
}

static void *block_allocate(uint32_t capacity)
{
    if (block_bytes(capacity) <= PAGE_SIZE)
        return kmalloc(block_bytes(capacity));
    phys_t block = frame_allocate(FRAME_KERNEL, block_order(capacity), 0);
    return block ? phys_to_virt(block) : NULL;
}

static void block_free(void *block, uint32_t capacity)
{
    if (block_bytes(capacity) <= PAGE_SIZE)
        kfree(block);
    else
        frame_release(virt_to_phys(block));
}

/* Moves the content into the block; the old block, if any, goes to the caller. Lock held, or not
 * shared yet. */
static void *table_use_block(struct file_table *table, void *block, uint32_t capacity)
{
    uint64_t *open = block;
    uint64_t *close_on_exec = open + capacity / 64;
    struct file **files = (struct file **)(close_on_exec + capacity / 64);
    size_t words = table->capacity / 64;

    memcpy(open, table->open, words * 8);
    memset(open + words, 0, (capacity / 64 - words) * 8);
    memcpy(close_on_exec, table->close_on_exec, words * 8);
    memset(close_on_exec + words, 0, (capacity / 64 - words) * 8);
    memcpy(files, table->files, table->capacity * sizeof(files[0]));

    void *old = table->files == table->inline_files ? NULL : table->open;
    table->open = open;
    table->close_on_exec = close_on_exec;
    table->files = files;
    table->capacity = capacity;
    return old;
}

/* Makes room for descriptor `fd` (below FILE_TABLE_MAX). Called and returns with the lock held;
 * drops it. */
static int table_grow(struct file_table *table, uint32_t fd)
{
    uint32_t capacity = table->capacity;
    while (capacity <= fd)
        capacity *= 2;
    spin_unlock(&table->lock);
    void *block = block_allocate(capacity);
    spin_lock(&table->lock);
    if (!block)
        return -ENOMEM;
    uint32_t old_capacity = table->capacity;
    void *unused = block;
    if (old_capacity < capacity)
        unused = table_use_block(table, block, capacity);
    else
        old_capacity = capacity; /* another thread grew it meanwhile */
    if (unused) {
        spin_unlock(&table->lock);
        block_free(unused, old_capacity);
        spin_lock(&table->lock);
    }
    return 0;
}

static inline void mark_open(struct file_table *table, uint32_t fd, struct file *file,
                             bool close_on_exec)
{
    uint64_t bit = 1ull << (fd % 64);

    table->files[fd] = file;
    if (close_on_exec)
        table->close_on_exec[fd / 64] |= bit;
    else
        table->close_on_exec[fd / 64] &= ~bit;
    table->open[fd / 64] |= bit;
}

static inline void mark_closed(struct file_table *table, uint32_t fd)
{
    table->open[fd / 64] &= ~(1ull << (fd % 64));
    if (fd < table->lowest_free)
        table->lowest_free = fd;
}

/* Lowest free descriptor >= from, perhaps one beyond the capacity. Lock held. */
static uint32_t find_free(const struct file_table *table, uint32_t from)
{
    uint32_t fd = from > table->lowest_free ? from : table->lowest_free;
    while (fd < table->capacity) {
        uint64_t unused = ~table->open[fd / 64] >> (fd % 64);
        if (unused)
            return fd + (uint32_t)__builtin_ctzll(unused);
        fd = (fd / 64 + 1) * 64;
    }
    return fd;
}

bool file_table_is_full(void)
{
    struct file_table *table = current->files;

    spin_lock(&table->lock);
    bool full = find_free(table, 0) >= file_table_limit();
    spin_unlock(&table->lock);
    return full;
}

int file_table_install(struct file *file, int from, bool close_on_exec)
{
    struct file_table *table = current->files;
    uint32_t limit = file_table_limit();
    int result;

    if (from < 0)
        return -EINVAL;
    if (allocation_fails(GLASS_FAIL_DESCRIPTORS))
        return -EMFILE;
    spin_lock(&table->lock);
    for (;;) {
        uint32_t fd = find_free(table, (uint32_t)from);
        if (fd >= limit) {
            result = -EMFILE;
            break;
        }
        if (fd < table->capacity) {
            if ((uint32_t)from <= table->lowest_free)
                table->lowest_free = fd + 1;
            mark_open(table, fd, file, close_on_exec);
            result = (int)fd;
            break;
        }
        result = table_grow(table, fd);
        if (result)
            break;
    }
    spin_unlock(&table->lock);
    return result;
}

int file_table_install_pair(struct file *const files[2], bool close_on_exec, uint64_t address)
{
    int32_t fds[2];

    fds[0] = file_table_install(files[0], 0, close_on_exec);
    if (fds[0] < 0) {
        file_put(files[0]);
        file_put(files[1]);
        return fds[0];
    }
    fds[1] = file_table_install(files[1], 0, close_on_exec);
    if (fds[1] < 0) {
        file_table_close(fds[0]);
        file_put(files[1]);
        return fds[1];
    }
    if (copy_to_user(address, fds, sizeof(fds))) {
        file_table_close(fds[0]);
        file_table_close(fds[1]);
        return -EFAULT;
    }
    return 0;
}

int file_table_install_first(struct file_table *table, int fd, struct file *file)
{
    mark_open(table, (uint32_t)fd, file, false);
    if ((uint32_t)fd == table->lowest_free)
        table->lowest_free++;
    return 0;
}

int file_table_install_at(struct file_table *table, int fd, struct file *file, bool close_on_exec,
                          uint32_t limit)
{
    int error = 0;
    if ((uint32_t)fd >= min(limit, FILE_TABLE_MAX))
        return -EBADF;
    spin_lock(&table->lock);
    while ((uint32_t)fd >= table->capacity && !error)
        error = table_grow(table, (uint32_t)fd);
    if (!error && file_table_at(table, fd))
        error = -EEXIST;
    if (!error) {
        file_get(file);
        mark_open(table, (uint32_t)fd, file, close_on_exec);
        while (file_table_at(table, (int)table->lowest_free))
            table->lowest_free++;
    }
    spin_unlock(&table->lock);
    return error;
}

int file_table_fill_from(struct file_table *table, struct file_table *source)
{
    int error = 0;
    for (int fd = file_table_next(source, 0); fd >= 0 && !error;
         fd = file_table_next(source, fd + 1)) {
        spin_lock(&source->lock);
        struct file *file = file_table_at(source, fd);
        bool marked = file && source->close_on_exec[fd / 64] >> (fd % 64) & 1;
        if (file)
            file_get(file);
        spin_unlock(&source->lock);
        if (!file)
            continue;
        error = file_table_install_at(table, fd, file, marked, FILE_TABLE_MAX);
        if (error == -EEXIST)
            error = 0;
        file_put(file);
    }
    return error;
}

int file_table_replace(struct file *file, int fd, bool close_on_exec)
{
    struct file_table *table = current->files;
    struct file *old;

    if ((uint32_t)fd >= file_table_limit())
        return -EBADF;
    spin_lock(&table->lock);
    while ((uint32_t)fd >= table->capacity) {
        int error = table_grow(table, (uint32_t)fd);
        if (error) {
            spin_unlock(&table->lock);
            return error;
        }
    }
    old = file_table_at(table, fd);
    mark_open(table, (uint32_t)fd, file, close_on_exec);
    spin_unlock(&table->lock);
    if (old) {
        file_locks_drop_owner(old, table);
        file_put(old);
    }
    return fd;
}

int file_table_close(int fd)
{
    struct file_table *table = current->files;

    spin_lock(&table->lock);
    struct file *file = file_table_at(table, fd);
    if (file)
        mark_closed(table, (uint32_t)fd);
    spin_unlock(&table->lock);
    if (!file)
        return -EBADF;
    file_locks_drop_owner(file, table);
    file_put(file);
    return 0;
}

static __attribute__((noinline)) struct file *borrow_shared(struct file_table *table, int fd,
                                                            bool *ret_counted)
{
    struct file *file = file_table_find_in(table, fd);
    *ret_counted = file != NULL;
    return file;
}

struct file *file_borrow(int fd, bool *ret_counted)
{
    struct file_table *table = current->files;

    if (unlikely(!file_table_is_private(table)))
        return borrow_shared(table, fd, ret_counted);
    *ret_counted = false;
    return file_table_at(table, fd);
}

struct file *file_table_find_in(struct file_table *table, int fd)
{
    spin_lock(&table->lock);
    struct file *file = file_table_at(table, fd);
    if (file)
        file_get(file);
    spin_unlock(&table->lock);
    return file;
}

struct file *file_table_find(int fd)
{
    struct file_table *table = current->files;
    return table ? file_table_find_in(table, fd) : NULL;
}

int file_table_next(struct file_table *table, int from)
{
    int result = -1;

    if (from < 0)
        from = 0;
    spin_lock(&table->lock);
    for (uint32_t fd = (uint32_t)from; fd < table->capacity; fd = (fd / 64 + 1) * 64) {
        uint64_t used = table->open[fd / 64] >> (fd % 64);
        if (used) {
            result = (int)(fd + (uint32_t)__builtin_ctzll(used));
            break;
        }
    }
    spin_unlock(&table->lock);
    return result;
}

struct file_table *file_table_duplicate(struct file_table *source)
{
    struct file_table *table = file_table_create();
    void *block = NULL;

    if (!table)
        return NULL;
    spin_lock(&source->lock);
    while (source->capacity > table->capacity) {
        uint32_t capacity = source->capacity;
        spin_unlock(&source->lock);
        if (block)
            block_free(block, table->capacity);
        table_use_inline(table);
        block = block_allocate(capacity);
        if (!block) {
            object_cache_free(&table_cache, table);
            return NULL;
        }
        table_use_block(table, block, capacity);
        spin_lock(&source->lock);
    }
    for (uint32_t word = 0; word < source->capacity / 64; word++) {
        uint64_t bits = source->open[word];
        table->open[word] = bits;
        table->close_on_exec[word] = source->close_on_exec[word];
        for (; bits; bits &= bits - 1) {
            uint32_t fd = word * 64 + (uint32_t)__builtin_ctzll(bits);
            struct file *file = source->files[fd];
            file_get(file);
            table->files[fd] = file;
        }
    }
    table->lowest_free = source->lowest_free;
    spin_unlock(&source->lock);
    return table;
}

void file_table_get(struct file_table *table)
{
    reference_get(&table->references);
}

void file_table_put(struct file_table *table)
{
    if (!reference_put(&table->references))
        return;
    for (uint32_t word = 0; word < table->capacity / 64; word++) {
        for (uint64_t bits = table->open[word]; bits; bits &= bits - 1) {
            struct file *file = table->files[word * 64 + (uint32_t)__builtin_ctzll(bits)];
            file_locks_drop_owner(file, table);
            if (MUTANT_EVERY(FILE_LEAKED, 20))
                continue;
            file_put(file);
        }
        if (table->open[word])
            preemption_point();
    }
    if (table->files != table->inline_files)
        block_free(table->open, table->capacity);
    object_cache_free(&table_cache, table);
}

/* Takes the descriptor out of the table if it is still open (and, optionally, marked); then the
 * file. */
static void close_one(struct file_table *table, uint32_t fd, bool only_marked)
{
    spin_lock(&table->lock);
    struct file *file = file_table_at(table, (int)fd);
    if (file && only_marked && !(table->close_on_exec[fd / 64] >> (fd % 64) & 1))
        file = NULL;
    if (file)
        mark_closed(table, fd);
    spin_unlock(&table->lock);
    if (file) {
        file_locks_drop_owner(file, table);
        file_put(file);
    }
}

void file_table_close_on_exec(struct file_table *table)
{
    for (uint32_t word = 0; word < table->capacity / 64; word++) {
        uint64_t bits = table->open[word] & table->close_on_exec[word];
        for (; bits && !MUTANT_EVERY(EXEC_KEEPS_DESCRIPTOR, 3); bits &= bits - 1)
            close_one(table, word * 64 + (uint32_t)__builtin_ctzll(bits), true);
    }
}

void file_table_close_range(struct file_table *table, uint32_t first, uint32_t last, bool mark)
{
    uint32_t closed = 0;

    for (int fd = first > INT32_MAX ? -1 : file_table_next(table, (int)first);
         fd >= 0 && (uint32_t)fd <= last; fd = file_table_next(table, fd + 1)) {
        if (mark) {
            spin_lock(&table->lock);
            table->close_on_exec[fd / 64] |= 1ull << (fd % 64);
            spin_unlock(&table->lock);
        } else {
            close_one(table, (uint32_t)fd, false);
        }
        if (++closed % 64 == 0)
            preemption_point();
    }
}

int file_table_get_close_on_exec(int fd)
{
    struct file_table *table = current->files;
    int result = -EBADF;

    spin_lock(&table->lock);
    if (file_table_at(table, fd))
        result = (int)(table->close_on_exec[fd / 64] >> (fd % 64) & 1);
    spin_unlock(&table->lock);
    return result;
}

int file_table_set_close_on_exec(int fd, bool close_on_exec)
{
    struct file_table *table = current->files;
    int result = -EBADF;

    spin_lock(&table->lock);
    struct file *file = file_table_at(table, fd);
    if (file) {
        mark_open(table, (uint32_t)fd, file, close_on_exec);
        result = 0;
    }
    spin_unlock(&table->lock);
    return result;
}
