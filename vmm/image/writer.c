/*
 * vmm/image/writer.c - the tree in memory, data blocks, and the metadata at the end of an EROFS image.
 *
 * Layout of the file: superblock | data of files and links in the order they came | directories | inodes. The
 * inode area is last because its size is known last; the superblock says where it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "vmm/image/erofs_format.h"
#include "vmm/image/writer.h"

struct image_child {
    char *name;
    struct image_inode *inode;
};

struct image_inode {
    struct image_attributes attributes;
    uint64_t size;
    uint32_t start;     /* first data block */
    uint32_t links;     /* names; directories: 2 + subdirectories */
    uint64_t nid;
    struct image_inode *parent; /* of a directory */
    struct image_child *children; /* sorted by name */
    size_t child_count, child_room;
};

struct image_link_target {
    char *text;
    uint32_t block;
};

static struct vt_error *no_memory(void)
{
    return vt_error_create(VT_ERROR_MEMORY, "out of memory while building the root image");
}

static struct vt_error *write_at(int fd, const void *data, size_t bytes, uint64_t offset)
{
    const uint8_t *at = data;

    while (bytes > 0) {
        ssize_t done = pwrite(fd, at, bytes, (off_t)offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return vt_error_system(done < 0 ? errno : ENOSPC, "cannot write the root image");
        at += done;
        offset += (uint64_t)done;
        bytes -= (size_t)done;
    }
    return NULL;
}

static uint32_t blocks_of(uint64_t bytes)
{
    return (uint32_t)((bytes + EROFS_BLOCK - 1) / EROFS_BLOCK);
}

static struct image_inode *new_inode(struct image_writer *writer, const struct image_attributes *attributes)
{
    if (writer->inode_count == writer->inode_room) {
        size_t room = writer->inode_room ? writer->inode_room * 2 : 512;
        struct image_inode **larger = realloc(writer->inodes, room * sizeof(*larger));

        if (!larger)
            return NULL;
        writer->inodes = larger;
        writer->inode_room = room;
    }
    struct image_inode *inode = calloc(1, sizeof(*inode));
    if (!inode)
        return NULL;
    inode->attributes = *attributes;
    writer->inodes[writer->inode_count++] = inode;
    return inode;
}

/* Where `name` is or would be among the children. */
static size_t child_place(const struct image_inode *directory, const char *name, bool *ret_found)
{
    size_t low = 0, high = directory->child_count;

    *ret_found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(directory->children[middle].name, name);

        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void drop_name(struct image_inode *inode)
{
    if (S_ISDIR(inode->attributes.mode)) {
        if (inode->parent)
            inode->parent->links--;
        inode->parent = NULL;
        inode->links = 0;
    } else {
        inode->links--;
    }
}

/* Gives `inode` a name in `directory`; an older holder of the name loses it. */
static struct vt_error *set_child(struct image_inode *directory, const char *name, struct image_inode *inode)
{
    bool found;
    size_t place = child_place(directory, name, &found);

    if (found) {
        drop_name(directory->children[place].inode);
        directory->children[place].inode = inode;
    } else {
        if (directory->child_count == directory->child_room) {
            size_t room = directory->child_room ? directory->child_room * 2 : 8;
            struct image_child *larger = realloc(directory->children, room * sizeof(*larger));

            if (!larger)
                return no_memory();
            directory->children = larger;
            directory->child_room = room;
        }
        char *copy = strdup(name);
        if (!copy)
            return no_memory();
        memmove(&directory->children[place + 1], &directory->children[place],
                (directory->child_count - place) * sizeof(*directory->children));
        directory->children[place] = (struct image_child){.name = copy, .inode = inode};
        directory->child_count++;
    }
    if (S_ISDIR(inode->attributes.mode)) {
        inode->parent = directory;
        inode->links += 2;
        directory->links++;
    } else {
        inode->links++;
    }
    return NULL;
}

/*
 * Splits off the next component of *path into name. Returns its length, 0 at the end, -1 for one that cannot be
 * in an image.
 */
static int next_component(const char **path, char name[EROFS_NAME_MAX + 1])
{
    for (;;) {
        while (**path == '/')
            (*path)++;
        size_t length = strcspn(*path, "/");
        if (length == 1 && **path == '.') {
            (*path)++;
            continue;
        }
        if (length > EROFS_NAME_MAX || (length == 2 && strncmp(*path, "..", 2) == 0))
            return -1;
        memcpy(name, *path, length);
        name[length] = '\0';
        *path += length;
        return (int)length;
    }
}

/* The directory that `path`'s last component is in (made if missing), and that component ("" for the root). */
static struct vt_error *find_parent(struct image_writer *writer, const char *path, struct image_inode **ret,
                                    char last[EROFS_NAME_MAX + 1])
{
    static const struct image_attributes implied = {.mode = S_IFDIR | 0755};
    struct image_inode *directory = writer->root;
    const char *rest = path;
    int length = next_component(&rest, last);

    while (length > 0) {
        char following[EROFS_NAME_MAX + 1];
        int following_length = next_component(&rest, following);
        bool found;

        if (following_length <= 0) {
            length = following_length;
            break;
        }
        size_t place = child_place(directory, last, &found);
        if (found && S_ISDIR(directory->children[place].inode->attributes.mode)) {
            directory = directory->children[place].inode;
        } else if (found) {
            return vt_error_create(VT_ERROR_FORMAT,
                                   "the rootfs has '%s' below something that is not a directory", path);
        } else {
            struct image_inode *made = new_inode(writer, &implied);
            struct vt_error *error = made ? set_child(directory, last, made) : no_memory();

            if (error)
                return error;
            directory = made;
        }
        memcpy(last, following, (size_t)following_length + 1);
        length = following_length;
    }
    if (length < 0)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the rootfs has a path that cannot be in an image ('..' or too long): '%s'",
                               path);
    *ret = directory;
    return NULL;
}

/* Many links have the same text (every busybox applet): they share one block. */
static struct vt_error *store_target(struct image_writer *writer, struct image_inode *inode, const char *text)
{
    size_t length = strlen(text);

    if (length == 0 || length >= EROFS_BLOCK)
        return vt_error_create(VT_ERROR_FORMAT, "the rootfs has a symbolic link of %zu bytes: 1 to %u can be",
                               length, EROFS_BLOCK - 1);
    inode->size = length;
    for (size_t i = writer->target_count; i-- > 0;) {
        if (strcmp(writer->targets[i].text, text) == 0) {
            inode->start = writer->targets[i].block;
            return NULL;
        }
        if (writer->target_count - i > 64)
            break; /* a long search costs more than a block */
    }
    if (writer->target_count == writer->target_room) {
        size_t room = writer->target_room ? writer->target_room * 2 : 64;
        struct image_link_target *larger = realloc(writer->targets, room * sizeof(*larger));

        if (!larger)
            return no_memory();
        writer->targets = larger;
        writer->target_room = room;
    }
    char *copy = strdup(text);
    if (!copy)
        return no_memory();
    inode->start = writer->next_block++;
    writer->targets[writer->target_count++] =
        (struct image_link_target){.text = copy, .block = inode->start};
    return write_at(writer->fd, text, length, (uint64_t)inode->start * EROFS_BLOCK);
}

static void close_file(struct image_writer *writer)
{
    if (!writer->open_file)
        return;
    writer->next_block = writer->open_file->start + blocks_of(writer->open_file->size);
    writer->open_file = NULL;
}

struct vt_error *image_writer_reopen(struct image_writer *writer, struct image_inode *inode)
{
    close_file(writer);
    inode->start = writer->next_block;
    inode->size = 0;
    writer->open_file = inode;
    return NULL;
}

struct vt_error *image_writer_init(struct image_writer *writer, int fd)
{
    static const struct image_attributes root = {.mode = S_IFDIR | 0755};

    *writer = (struct image_writer){.fd = fd, .next_block = 1};
    writer->root = new_inode(writer, &root);
    if (!writer->root)
        return no_memory();
    writer->root->links = 2;
    return NULL;
}

struct vt_error *image_writer_add(struct image_writer *writer, const char *path,
                                  const struct image_attributes *attributes, const char *target,
                                  struct image_inode **ret)
{
    char name[EROFS_NAME_MAX + 1];
    struct image_inode *directory, *inode = NULL;
    struct vt_error *error = find_parent(writer, path, &directory, name);

    if (error)
        return error;
    close_file(writer);
    if (name[0] == '\0') {
        if (S_ISDIR(attributes->mode))
            writer->root->attributes = *attributes;
        if (ret)
            *ret = writer->root;
        return NULL;
    }
    if (S_ISDIR(attributes->mode)) {
        bool found;
        size_t place = child_place(directory, name, &found);

        /* A directory that is there already keeps its children and takes the attributes. */
        if (found && S_ISDIR(directory->children[place].inode->attributes.mode))
            inode = directory->children[place].inode;
    }
    if (inode) {
        inode->attributes = *attributes;
    } else {
        inode = new_inode(writer, attributes);
        if (!inode)
            return no_memory();
        error = set_child(directory, name, inode);
    }
    if (!error && S_ISLNK(attributes->mode))
        error = store_target(writer, inode, target ? target : "");
    if (!error && S_ISREG(attributes->mode))
        error = image_writer_reopen(writer, inode);
    if (!error && ret)
        *ret = inode;
    return error;
}

struct vt_error *image_writer_append(struct image_writer *writer, const void *data, size_t bytes)
{
    struct image_inode *inode = writer->open_file;

    if (!inode)
        return vt_error_create(VT_ERROR_ARGUMENT, "data for the root image without a file that takes them");
    if ((uint64_t)inode->start * EROFS_BLOCK + inode->size + bytes > (uint64_t)UINT32_MAX * EROFS_BLOCK)
        return vt_error_create(VT_ERROR_FORMAT, "the rootfs is too large for one image (16 TiB)");
    struct vt_error *error =
        write_at(writer->fd, data, bytes, (uint64_t)inode->start * EROFS_BLOCK + inode->size);
    inode->size += bytes;
    return error;
}

struct vt_error *image_writer_link(struct image_writer *writer, const char *path, struct image_inode *inode)
{
    char name[EROFS_NAME_MAX + 1];
    struct image_inode *directory;
    struct vt_error *error = find_parent(writer, path, &directory, name);

    if (error)
        return error;
    if (S_ISDIR(inode->attributes.mode) || name[0] == '\0')
        return vt_error_create(VT_ERROR_FORMAT, "the rootfs has a hard link to a directory: '%s'", path);
    return set_child(directory, name, inode);
}

struct vt_error *image_writer_link_path(struct image_writer *writer, const char *path, const char *existing,
                                        struct image_inode **ret)
{
    char name[EROFS_NAME_MAX + 1];
    struct image_inode *directory;
    bool found = false;
    struct vt_error *error = find_parent(writer, existing, &directory, name);

    if (error)
        return error;
    size_t place = child_place(directory, name, &found);
    if (!found)
        return vt_error_create(VT_ERROR_FORMAT, "the rootfs has a hard link '%s' to '%s', which is not there",
                               path, existing);
    *ret = directory->children[place].inode;
    return image_writer_link(writer, path, *ret);
}

void image_writer_deinit(struct image_writer *writer)
{
    for (size_t i = 0; i < writer->inode_count; i++) {
        for (size_t j = 0; j < writer->inodes[i]->child_count; j++)
            free(writer->inodes[i]->children[j].name);
        free(writer->inodes[i]->children);
        free(writer->inodes[i]);
    }
    for (size_t i = 0; i < writer->target_count; i++)
        free(writer->targets[i].text);
    free(writer->targets);
    free(writer->inodes);
    *writer = (struct image_writer){.fd = -1};
}

/* ---- finishing: numbers, directories, inodes, superblock ---- */

static enum erofs_entry_type entry_type(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return EROFS_REGULAR;
    case S_IFDIR:
        return EROFS_DIRECTORY;
    case S_IFCHR:
        return EROFS_CHARACTER;
    case S_IFBLK:
        return EROFS_BLOCK_DEVICE;
    case S_IFIFO:
        return EROFS_FIFO;
    case S_IFSOCK:
        return EROFS_SOCKET;
    case S_IFLNK:
        return EROFS_SYMLINK;
    default:
        return EROFS_UNKNOWN;
    }
}

/* The entries of a directory in the order of their names, "." and ".." among them. */
struct entry_list {
    const char **names;
    const struct image_inode **inodes;
    size_t count;
};

static bool entry_list_init(struct entry_list *list, const struct image_inode *directory)
{
    static const char *const own[2] = {".", ".."};
    const struct image_inode *own_inodes[2] = {directory, directory->parent ? directory->parent : directory};
    size_t total = directory->child_count + 2, next_own = 0, next_child = 0;

    list->names = malloc(total * sizeof(*list->names));
    list->inodes = malloc(total * sizeof(*list->inodes));
    list->count = total;
    if (!list->names || !list->inodes)
        return false;
    for (size_t i = 0; i < total; i++) {
        const struct image_child *child =
            next_child < directory->child_count ? &directory->children[next_child] : NULL;

        if (next_own < 2 && (!child || strcmp(own[next_own], child->name) < 0)) {
            list->names[i] = own[next_own];
            list->inodes[i] = own_inodes[next_own++];
        } else {
            list->names[i] = child->name;
            list->inodes[i] = child->inode;
            next_child++;
        }
    }
    return true;
}

static void entry_list_deinit(struct entry_list *list)
{
    free(list->names);
    free(list->inodes);
}

/* Fills one block with as many entries as fit from `first` on; returns how many, and the bytes used. */
static size_t fill_block(uint8_t block[EROFS_BLOCK], const struct entry_list *list, size_t first,
                         size_t *ret_bytes)
{
    size_t count = 0, names = 0;

    while (first + count < list->count) {
        size_t length = strlen(list->names[first + count]);

        if ((count + 1) * sizeof(struct erofs_entry) + names + length > EROFS_BLOCK)
            break;
        names += length;
        count++;
    }
    memset(block, 0, EROFS_BLOCK);
    size_t offset = count * sizeof(struct erofs_entry);
    for (size_t i = 0; i < count; i++) {
        const char *name = list->names[first + i];
        struct erofs_entry entry = {
            .nid = list->inodes[first + i]->nid,
            .name_offset = (uint16_t)offset,
            .type = (uint8_t)entry_type(list->inodes[first + i]->attributes.mode),
        };

        memcpy(block + i * sizeof(entry), &entry, sizeof(entry));
        memcpy(block + offset, name, strlen(name));
        offset += strlen(name);
    }
    *ret_bytes = offset;
    return count;
}

static struct vt_error *write_directory(struct image_writer *writer, struct image_inode *directory)
{
    struct entry_list list;
    uint8_t block[EROFS_BLOCK];
    struct vt_error *error = NULL;

    if (!entry_list_init(&list, directory))
        error = no_memory();
    directory->start = writer->next_block;
    directory->size = 0;
    for (size_t first = 0; !error && first < list.count;) {
        size_t bytes;

        first += fill_block(block, &list, first, &bytes);
        error = write_at(writer->fd, block, EROFS_BLOCK, (uint64_t)writer->next_block * EROFS_BLOCK);
        writer->next_block++;
        directory->size += first < list.count ? EROFS_BLOCK : bytes;
    }
    entry_list_deinit(&list);
    return error;
}

static uint32_t device_number(uint64_t rdev)
{
    uint32_t major_number = major(rdev), minor_number = minor(rdev);

    return (minor_number & 0xff) | (major_number << 8) | ((minor_number & ~0xffu) << 12);
}

static struct erofs_inode disk_inode(const struct image_inode *inode, uint32_t number)
{
    const struct image_attributes *attributes = &inode->attributes;
    bool device = S_ISCHR(attributes->mode) || S_ISBLK(attributes->mode);

    return (struct erofs_inode){
        .format = EROFS_FORMAT_EXTENDED | EROFS_LAYOUT_PLAIN << EROFS_LAYOUT_SHIFT,
        .mode = (uint16_t)attributes->mode,
        .size = inode->size,
        .start = device ? device_number(attributes->rdev) : inode->size ? inode->start : 0,
        .number = number,
        .uid = attributes->uid,
        .gid = attributes->gid,
        .mtime = (uint64_t)attributes->mtime,
        .mtime_nsec = attributes->mtime_nsec,
        .link_count = inode->links,
    };
}

struct vt_error *image_writer_finish(struct image_writer *writer)
{
    struct vt_error *error = NULL;
    uint64_t live = 0;

    close_file(writer);
    for (size_t i = 0; i < writer->inode_count; i++)
        if (writer->inodes[i]->links) /* replaced ones have no name any more */
            writer->inodes[i]->nid = live++ * (sizeof(struct erofs_inode) / EROFS_NID_UNIT);
    for (size_t i = 0; i < writer->inode_count && !error; i++)
        if (writer->inodes[i]->links && S_ISDIR(writer->inodes[i]->attributes.mode))
            error = write_directory(writer, writer->inodes[i]);
    if (error)
        return error;

    uint32_t meta_block = writer->next_block;
    struct erofs_inode *table = calloc(live, sizeof(*table));
    if (!table)
        return no_memory();
    for (size_t i = 0, next = 0; i < writer->inode_count; i++)
        if (writer->inodes[i]->links) {
            table[next] = disk_inode(writer->inodes[i], (uint32_t)next + 1);
            next++;
        }
    error = write_at(writer->fd, table, live * sizeof(*table), (uint64_t)meta_block * EROFS_BLOCK);
    free(table);
    if (error)
        return error;
    uint32_t blocks = meta_block + blocks_of(live * sizeof(struct erofs_inode));
    if (ftruncate(writer->fd, (off_t)blocks * EROFS_BLOCK) != 0)
        return vt_error_system(errno, "cannot set the size of the root image");

    struct erofs_super super = {
        .magic = EROFS_MAGIC,
        .block_bits = EROFS_BLOCK_BITS,
        .root_nid = 0,
        .inode_count = live,
        .blocks = blocks,
        .meta_block = meta_block,
        .volume_name = "vitrine",
    };
    /* Last, so that a file without it was never finished. */
    return write_at(writer->fd, &super, sizeof(super), EROFS_SUPER_OFFSET);
}
