/*
 * vmm/image/writer.c - building the tree in memory and writing the data of files and links as they
 * come.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/base/file.h"
#include "vmm/image/inode.h"

struct image_link_target {
    char *text;
    uint32_t block;
};

struct vt_error *image_writer_no_memory(void)
{
    return vt_error_create(VT_ERROR_MEMORY, "out of memory while building the root image");
}

struct vt_error *image_writer_write(const struct image_writer *writer, const void *data,
                                    size_t bytes, uint64_t offset)
{
    if (!file_write_all_at(writer->fd, data, bytes, offset))
        return vt_error_system(errno, "cannot write the root image");
    return NULL;
}

static struct image_inode *new_inode(struct image_writer *writer,
                                     const struct image_attributes *attributes)
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
static struct vt_error *set_child(struct image_inode *directory, const char *name,
                                  struct image_inode *inode)
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
                return image_writer_no_memory();
            directory->children = larger;
            directory->child_room = room;
        }
        char *copy = strdup(name);
        if (!copy)
            return image_writer_no_memory();
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
 * Splits off the next component of *path into name. Returns its length, 0 at the end, -1 for one
 * that cannot be in an image.
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

/* The directory that `path`'s last component is in (made if missing), and that component ("" for
 * the root). */
static struct vt_error *find_parent(struct image_writer *writer, const char *path,
                                    struct image_inode **ret, char last[EROFS_NAME_MAX + 1])
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
                                   "the rootfs has '%s' below something that is not a directory",
                                   path);
        } else {
            struct image_inode *made = new_inode(writer, &implied);
            struct vt_error *error =
                made ? set_child(directory, last, made) : image_writer_no_memory();

            if (error)
                return error;
            directory = made;
        }
        memcpy(last, following, (size_t)following_length + 1);
        length = following_length;
    }
    if (length < 0)
        return vt_error_create(
            VT_ERROR_FORMAT,
            "the rootfs has a path that cannot be in an image ('..' or too long): '%s'", path);
    *ret = directory;
    return NULL;
}

/* Many links have the same text (every busybox applet): they share one block. */
static struct vt_error *store_target(struct image_writer *writer, struct image_inode *inode,
                                     const char *text)
{
    size_t length = strlen(text);

    if (length == 0 || length >= EROFS_BLOCK)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the rootfs has a symbolic link of %zu bytes: 1 to %u can be",
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
            return image_writer_no_memory();
        writer->targets = larger;
        writer->target_room = room;
    }
    char *copy = strdup(text);
    if (!copy)
        return image_writer_no_memory();
    inode->start = writer->next_block++;
    writer->targets[writer->target_count++] =
        (struct image_link_target){.text = copy, .block = inode->start};
    return image_writer_write(writer, text, length, (uint64_t)inode->start * EROFS_BLOCK);
}

void image_writer_close_file(struct image_writer *writer)
{
    if (!writer->open_file)
        return;
    writer->next_block = writer->open_file->start + image_blocks_of(writer->open_file->size);
    writer->open_file = NULL;
}

struct vt_error *image_writer_reopen(struct image_writer *writer, struct image_inode *inode)
{
    image_writer_close_file(writer);
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
        return image_writer_no_memory();
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
    image_writer_close_file(writer);
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
            return image_writer_no_memory();
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
        return vt_error_create(VT_ERROR_ARGUMENT,
                               "data for the root image without a file that takes them");
    if ((uint64_t)inode->start * EROFS_BLOCK + inode->size + bytes >
        (uint64_t)UINT32_MAX * EROFS_BLOCK)
        return vt_error_create(VT_ERROR_FORMAT, "the rootfs is too large for one image (16 TiB)");
    struct vt_error *error =
        image_writer_write(writer, data, bytes, (uint64_t)inode->start * EROFS_BLOCK + inode->size);
    inode->size += bytes;
    return error;
}

struct vt_error *image_writer_link(struct image_writer *writer, const char *path,
                                   struct image_inode *inode)
{
    char name[EROFS_NAME_MAX + 1];
    struct image_inode *directory;
    struct vt_error *error = find_parent(writer, path, &directory, name);

    if (error)
        return error;
    if (S_ISDIR(inode->attributes.mode) || name[0] == '\0')
        return vt_error_create(VT_ERROR_FORMAT, "the rootfs has a hard link to a directory: '%s'",
                               path);
    return set_child(directory, name, inode);
}

struct vt_error *image_writer_link_path(struct image_writer *writer, const char *path,
                                        const char *existing, struct image_inode **ret)
{
    char name[EROFS_NAME_MAX + 1];
    struct image_inode *directory;
    bool found = false;
    struct vt_error *error = find_parent(writer, existing, &directory, name);

    if (error)
        return error;
    size_t place = child_place(directory, name, &found);
    if (!found)
        return vt_error_create(VT_ERROR_FORMAT,
                               "the rootfs has a hard link '%s' to '%s', which is not there", path,
                               existing);
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
