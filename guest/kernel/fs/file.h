/*
 * kernel/fs/file.h - open files (descriptions), tables of descriptors, and the per-process view of
 * the tree.
 */
#ifndef KERNEL_FS_FILE_H
#define KERNEL_FS_FILE_H

#include "kernel/fs/io_buffer.h"
#include "kernel/lib/types.h"
#include "kernel/sync/mutex.h"
#include "kernel/sync/refcount.h"

struct boot_info;
struct dentry;
struct file;
struct inode;
struct mount;
struct epoll_item;
struct poll_table;
struct proc_text;
struct pid_namespace;
struct task;
struct vma;

/* O_* of the Linux ABI. */
#define O_RDONLY    0
#define O_WRONLY    1
#define O_RDWR      2
#define O_ACCMODE   3
#define O_CREAT     0100
#define O_EXCL      0200
#define O_NOCTTY    0400
#define O_TRUNC     01000
#define O_APPEND    02000
#define O_NONBLOCK  04000
#define O_DIRECT    040000
#define O_ASYNC     020000
#define O_LARGEFILE 0100000
#define O_DIRECTORY 0200000
#define O_NOFOLLOW  0400000
#define O_CLOEXEC   02000000
#define O_PATH      010000000

/* Every operation may be NULL: the caller then returns the error in brackets. All may sleep. */
struct file_operations {
    /* Bytes, or -errno. *position is advanced by the caller's lock holder; NULL for streams. */
    ssize_t (*read)(struct file *file, struct io_buffer *buffer, uint64_t *position);  /* EINVAL */
    ssize_t (*write)(struct file *file, struct io_buffer *buffer, uint64_t *position); /* EINVAL */
    int64_t (*seek)(struct file *file, int64_t offset, int whence);                    /* ESPIPE */
    /* Fills directory entries; see fs/readdir.h. */
    int (*read_directory)(struct file *file, void *context);                  /* ENOTDIR */
    int64_t (*ioctl)(struct file *file, uint32_t command, uint64_t argument); /* ENOTTY */
    /* Current POLL* bits; registers with the table if that is not NULL (fs/poll.h). */
    uint32_t (*poll)(struct file *file, struct poll_table *table); /* always ready */
    /*
     * The frame that holds page `index`, with a reference taken for the caller; allocated if need
     * be when `write`. *ret = 0 and success: a hole, maps as a zero page. -ENXIO beyond the end.
     */
    int (*get_page)(struct file *file, uint64_t index, bool write, phys_t *ret); /* ENODEV */
    /*
     * For mapping neighbours of a faulting page: ret[i] = the frame of page index + i with a
     * reference taken, if it is in memory already (image pages are), else 0. Beyond the end: 0.
     * NULL: get_page is asked for each.
     */
    void (*get_present_pages)(struct file *file, uint64_t index, unsigned count, phys_t *ret);
    /*
     * A mapping with VMA_COUNTED came into being, under its space's lock; or has gone, under that
     * lock only if it was not the file's last. Both NULL for files that are never mapped so.
     */
    void (*mapping_added)(struct file *file);
    void (*mapping_gone)(struct file *file);
    int (*sync)(struct file *file);     /* ok */
    void (*release)(struct file *file); /* last reference is going */
    /* Its own lines in /proc/PID/fdinfo, with the numbers of that /proc's namespace; may be NULL. */
    void (*show_details)(struct file *file, struct proc_text *text,
                         const struct pid_namespace *namespace);
    const char
        *kind; /* of files without a name, for /proc/PID/fd: "pipe", "anon_inode:[eventfd]" ... */
};

struct file {
    uint32_t references;
    uint32_t flags;        /* O_*; F_SETFL changes APPEND and NONBLOCK */
    struct inode *inode;   /* counted */
    struct dentry *dentry; /* counted; NULL for pipes and other nameless files */
    struct mount *mount;   /* counted; NULL where there is no place */
    const struct file_operations *operations;
    void *private_data;
    uint64_t position;              /* position_lock */
    struct mutex position_lock;     /* RANK_FILE_POSITION */
    int32_t owner_pid;              /* F_SETOWN; a group if negative */
    uint8_t owner_signal;           /* F_SETSIG; 0 = SIGIO */
    bool owner_is_thread;           /* F_OWNER_TID */
    uint32_t owner_uid, owner_euid; /* who chose the owner, if there is one */
    uint32_t held;                  /* enum file_hold; set by open before the file is shared */
    struct epoll_item *epoll_items; /* watchers; fs/epoll.c */
};

/* What the last file_put() gives back to the inode's `writers` count. */
enum file_hold {
    FILE_HOLDS_WRITER = 1u << 0,       /* open() raised inode->writers: lower it */
    FILE_DENIES_WRITERS = 1u << 1,     /* file_open_executable() lowered inode->writers: raise it */
    FILE_HOLDS_MOUNT_WRITER = 1u << 2, /* mount_want_write() was called */
    FILE_IS_ASYNC = 1u << 4,           /* async.h knows it, or did; set at any time */
    FILE_HAS_LEASE = 1u << 5,          /* lease.h knows it, or did; set at any time */
    FILE_HOLDS_TREE = 1u << 3,         /* of detached mounts: mount/handles.c */
};

/* Gives back what a file held (enum file_hold), or what was to be held by one that was not made. */
void file_let_go(struct mount *mount, struct inode *inode, uint32_t held);
void file_get(struct file *file);
void file_put(struct file *file);
/* Positioned read into kernel memory: bytes or -errno. */
ssize_t file_read_at(struct file *file, void *buffer, size_t bytes, uint64_t position);
ssize_t file_write_at(struct file *file, const void *buffer, size_t bytes, uint64_t position);
static inline bool file_readable(const struct file *file)
{
    return !(file->flags &
             (O_PATH | O_WRONLY)); /* O_ACCMODE itself (3) means neither, as on Linux */
}
static inline bool file_writable(const struct file *file)
{
    return !(file->flags & O_PATH) && ((file->flags + 1) & O_RDWR);
}
/* A file without `seek` is a stream: it has no position, and pread() on it is ESPIPE. */
static inline bool file_is_stream(const struct file *file)
{
    return !file->operations->seek;
}
/* A seek operation for files whose end is `end` bytes: SEEK_SET, SEEK_CUR, SEEK_END. Position lock
 * held. */
int64_t file_seek_within(struct file *file, int64_t offset, int whence, uint64_t end);
#define SEEK_SET  0
#define SEEK_CUR  1
#define SEEK_END  2
#define SEEK_DATA 3
#define SEEK_HOLE 4
uint64_t file_size(const struct file *file);
/* MADV_REMOVE: the range becomes a hole; the size stays. 0, or -errno as of fallocate(2). */
int file_punch_hole(struct file *file, uint64_t offset, uint64_t bytes);
/* A mapping was made; a page of a shared one is about to be written. Times, without the inode's lock. */
void file_mapped(struct file *file);
void file_page_written(struct file *file);
/* The page of a mapping; see file_operations.get_page. */
int file_get_page(struct file *file, uint64_t index, bool write, phys_t *ret);
/* Absolute path as seen from the current root, into the buffer; its length, or -errno. */
ssize_t file_path(struct file *file, char *buffer, size_t size);

/* ---- descriptor tables (fs/file_table.c): shared by CLONE_FILES ---- */

struct file_table;
struct file_table *file_table_create(void);
struct file_table *file_table_duplicate(struct file_table *source); /* fork */
void file_table_get(struct file_table *table);
void file_table_put(struct file_table *table);
void file_table_close_on_exec(struct file_table *table);
/* A counted reference to the file behind fd of the current task, or NULL. */
struct file *file_table_find(int fd);
struct file *file_table_find_in(struct file_table *table, int fd); /* for /proc */
/* Lowest free descriptor >= from; takes over the reference on success. fd or -EMFILE / -ENOMEM. */
int file_table_install(struct file *file, int from, bool close_on_exec);
/*
 * Two descriptors for a call that writes them to a program (int32_t[2] at `address`). Takes over both
 * references, also when it fails: -EMFILE, -ENOMEM, -EFAULT; then neither descriptor is left.
 */
int file_table_install_pair(struct file *const files[2], bool close_on_exec, uint64_t address);
int file_table_close(int fd);
/*
 * The same without touching the count when the current task is the table's only user: nobody can
 * close it under us then. Give it back with file_return() before returning to user mode; never keep
 * it.
 */
struct file *file_borrow(int fd, bool *ret_counted);
static inline void file_return(struct file *file, bool counted)
{
    if (unlikely(counted))
        file_put(file);
}
/* Makes fd mean `file` (dup2): takes over the reference on success, closes what was there. fd or
 * -EBADF, -ENOMEM. */
int file_table_replace(struct file *file, int fd, bool close_on_exec);
/* The smallest open fd >= from of a table, or -1; for /proc/PID/fd. */
int file_table_next(struct file_table *table, int from);

/* ---- cwd, root, umask (fs/fs_context.c): shared by CLONE_FS ---- */

struct fs_context;
struct fs_context *fs_context_create(void); /* at the root of the tree */
struct fs_context *fs_context_duplicate(struct fs_context *source);
void fs_context_get(struct fs_context *context);
void fs_context_put(struct fs_context *context);
int fs_context_set_cwd(const char *path); /* kernel string; current task */

/* ---- for the rest of the kernel (fs/open.c) ---- */

/* Opens by kernel path, relative to the current task's cwd. */
int file_open(const char *path, uint32_t flags, uint32_t mode, struct file **ret);
/* For exec: a regular file with execute permission that nobody has open for writing. */
int file_open_executable(int directory_fd, const char *path, uint32_t at_flags, struct file **ret);
/* May the current task access the inode so (bits 4 read, 2 write, 1 execute)? 0 or -EACCES. */
int inode_permission(const struct inode *inode, uint32_t mask);
/* set-user-ID and set-group-ID bits and owner, for exec. */
void file_set_id_bits(const struct file *file, uint32_t *ret_mode, uint32_t *ret_uid,
                      uint32_t *ret_gid);

/* Boot: mounts the image with the writable layer, /proc and /dev; opens fds 0, 1, 2 of the first
 * program. */
void fs_init(const struct boot_info *boot);
int fs_open_standard_streams(struct file_table *table);
/* Only 1 and 2, for a program that the host starts later. */
int fs_open_output_streams(struct file_table *table);

/* From the console's interrupt side (mailbox, kick): input bytes arrived or output room appeared.
 */
void console_host_notified(void);
void console_set_window(uint16_t rows, uint16_t columns);

#endif
