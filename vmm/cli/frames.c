/*
 * vmm/cli/frames.c - `vitrine frames`: what the machine's memory is used for, counted frame by
 * frame.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"

#define KINDS 8 /* one more than there are, for what is none of them */

struct kind_sum {
    uint64_t frames, shared, references;
};

static void count_frames(const struct vt_frame *frames, size_t count, struct kind_sum sums[KINDS])
{
    for (size_t i = 0; i < count; i++) {
        const struct vt_frame *frame = &frames[i];

        if (frame->state == VT_FRAME_HOLE)
            continue;
        struct kind_sum *sum = &sums[frame->kind < KINDS ? frame->kind : KINDS - 1];
        sum->frames++;
        sum->shared += frame->references > 1;
        sum->references += frame->references;
    }
}

int cli_frames(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct vt_frame *frames;
    size_t count;
    struct kind_sum sums[KINDS] = {{0}};

    cli_parse_look(argc, argv,
                   "Count a running machine's frames of memory (4 KiB each) by what they are used "
                   "for. Shared: referred to more than once.",
                   &options);
    struct vt_error *error = cli_look_at(&options, &guest);
    if (error)
        return cli_fail(error);
    error = vt_guest_frames(guest, &frames, &count);
    vt_guest_detach(guest);
    if (error)
        return cli_fail(error);
    count_frames(frames, count, sums);
    free(frames);
    json_t *list = options.json ? json_array() : NULL;
    if (!list)
        printf("%-12s %10s %10s %10s %12s\n", "KIND", "FRAMES", "KIB", "SHARED", "REFERENCES");
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        const struct kind_sum *sum = &sums[kind];

        if (!sum->frames)
            continue;
        if (list)
            json_array_append_new(
                list, json_pack("{s:s,s:I,s:I,s:I}", "kind", vt_frame_kind_name(kind), "frames",
                                (json_int_t)sum->frames, "shared", (json_int_t)sum->shared,
                                "references", (json_int_t)sum->references));
        else
            printf("%-12s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %12" PRIu64 "\n",
                   vt_frame_kind_name(kind), sum->frames, sum->frames * 4, sum->shared,
                   sum->references);
    }
    if (list)
        json_print(list);
    return 0;
}
