/*
 * vmm/cli/wait.c - `vitrine wait`: who waits for what, who could end it, and which tasks nobody can
 * wake any more.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/json.h"

static void print_wait(const struct vt_wait *wait)
{
    printf("%7d %-16s %-14s %s\n", wait->tid, wait->comm, vt_wait_kind_name(wait->kind),
           wait->what ? wait->what : "");
    if (wait->who && *wait->who) {
        printf("%8s%s:", "", wait->who);
        if (!wait->waker_count)
            printf(" nobody%s", wait->open ? " so far" : "");
        for (size_t i = 0; i < wait->waker_count; i++)
            printf(" %d", wait->wakers[i]);
        printf("%s\n", wait->more_wakers ? " ..." : "");
    }
    if (wait->deadline_ns)
        printf("%8sends by itself at %.6f s\n", "", (double)wait->deadline_ns / 1e9);
}

static bool same_cycle(const struct vt_wait *a, const struct vt_wait *b)
{
    return a->cycle_count == b->cycle_count &&
           memcmp(a->cycle, b->cycle, a->cycle_count * sizeof(*a->cycle)) == 0;
}

static const struct vt_wait *find_wait(const struct vt_wait *waits, size_t count, int32_t tid)
{
    for (size_t i = 0; i < count; i++)
        if (waits[i].tid == tid)
            return &waits[i];
    return NULL;
}

/* "DEADLOCK: 5 (a) waits for 6 (b) [futex ...], 6 (b) waits for 5 (a) [...]" */
static void print_cycle(const struct vt_wait *waits, size_t count, const struct vt_wait *of)
{
    printf("\nDEADLOCK of %zu:\n", of->cycle_count);
    for (size_t i = 0; i < of->cycle_count; i++) {
        int32_t tid = of->cycle[i], next = of->cycle[(i + 1) % of->cycle_count];
        const struct vt_wait *wait = find_wait(waits, count, tid);

        printf("  %d%s%s%s waits for %d: %s\n", tid, wait ? " (" : "", wait ? wait->comm : "",
               wait ? ")" : "", next, wait && wait->what ? wait->what : "?");
    }
}

/* Each circle once; then who hangs without being in one. */
static void print_dead(const struct vt_wait *waits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool printed = !waits[i].dead || !waits[i].cycle_count;

        for (size_t j = 0; j < i && !printed; j++)
            printed = waits[j].dead && waits[j].cycle_count && same_cycle(&waits[i], &waits[j]);
        if (!printed)
            print_cycle(waits, count, &waits[i]);
    }
    for (size_t i = 0; i < count; i++) {
        const struct vt_wait *wait = &waits[i];
        bool inside = false;

        for (size_t j = 0; j < wait->cycle_count; j++)
            inside = inside || wait->cycle[j] == wait->tid;
        if (!wait->dead || inside)
            continue;
        if (wait->cycle_count)
            printf("%d (%s) hangs on the deadlock of %d\n", wait->tid, wait->comm, wait->cycle[0]);
        else
            printf("%d (%s) hangs: nobody is left who could end its wait\n", wait->tid, wait->comm);
    }
}

static json_t *tids_json(const int32_t *tids, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(tids[i]));
    return list;
}

static json_t *wait_json(const struct vt_wait *wait)
{
    json_t *result =
        json_pack("{s:i,s:i,s:s,s:s,s:o,s:o,s:o,s:b,s:o,s:b,s:b,s:o}", "tid", wait->tid, "pid",
                  wait->pid, "comm", wait->comm, "kind", vt_wait_kind_name(wait->kind), "object",
                  json_word(wait->object), "what", json_text(wait->what), "wakers",
                  tids_json(wait->wakers, wait->waker_count), "more_wakers", wait->more_wakers,
                  "who", json_text(wait->who), "open", wait->open, "dead", wait->dead, "cycle",
                  tids_json(wait->cycle, wait->cycle_count));

    if (wait->deadline_ns)
        json_object_set_new(result, "deadline_ns", json_word(wait->deadline_ns));
    if (wait->kind == WAIT_FUTEX)
        json_object_set_new(
            result, "futex",
            json_pack("{s:o,s:o,s:I}", "address_space_id", json_word(wait->futex_space_id), "word",
                      json_word(wait->futex_word), "value", (json_int_t)wait->futex_value));
    return result;
}

int cli_wait(int argc, char **argv)
{
    struct look_options options;
    struct vt_guest *guest;
    struct vt_wait *waits;
    size_t count;

    cli_parse_look(argc, argv,
                   "Show who waits for what in a running machine, who could end each wait, and "
                   "which tasks are deadlocked: nobody who is left could wake them.",
                   &options);
    struct vt_error *error = cli_look_at(&options, &guest);
    if (error)
        return cli_fail(error);
    error = vt_guest_waits(guest, &waits, &count);
    vt_guest_detach(guest);
    if (error)
        return cli_fail(error);
    if (options.json) {
        json_t *list = json_array();

        for (size_t i = 0; i < count; i++)
            json_array_append_new(list, wait_json(&waits[i]));
        json_print(list);
    } else {
        printf("%7s %-16s %-14s %s\n", "TID", "NAME", "WAITS FOR", "WHAT");
        for (size_t i = 0; i < count; i++)
            print_wait(&waits[i]);
        print_dead(waits, count);
    }
    free(waits);
    return 0;
}
