/*
 * vmm/image/cache.h - finished images by content, in the user's cache directory.
 *
 * An image appears under its key in one step (rename), so readers never see half of one and
 * builders need no lock. The directory is kept below IMAGE_CACHE_BYTES_MAX by removing what was not
 * used for longest.
 */
#ifndef VITRINE_IMAGE_CACHE_H
#define VITRINE_IMAGE_CACHE_H

#include "vmm/include/vitrine.h"

#define IMAGE_CACHE_BYTES_MAX (4ull << 30)

/* An open descriptor of the cached image, or -1. Marks it as used. */
int image_cache_find(const char *key);

/*
 * A new empty file to build into. *ret_temporary is its path (free()), NULL if no cache directory
 * can be used: then the file is anonymous memory and stays uncached.
 */
struct vt_error *image_cache_begin(int *ret_fd, char **ret_temporary);
/* Puts a finished file in its place; failing to is no error, the descriptor works either way. */
void image_cache_commit(const char *temporary, const char *key);
void image_cache_abandon(const char *temporary);

#endif
