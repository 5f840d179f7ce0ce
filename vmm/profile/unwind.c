/*
 * vmm/profile/unwind.c - see unwind.h.
 *
 * libdw follows call frame information where there is some (the kernel's .debug_frame, also through
 * its entries into the program; .eh_frame of programs and libraries) and frame pointers where there
 * is none. A stack that leads nowhere ends there: the frames found until then are right.
 */
#include <string.h>

#include "vmm/inspect/contexts.h"
#include "vmm/profile/unwind.h"

#define THREAD 1 /* libdw wants a number */

static pid_t next_thread(Dwfl *dwfl, void *context, void **thread_context)
{
    (void)dwfl;
    if (*thread_context)
        return 0;
    *thread_context = context;
    return THREAD;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *context, void **thread_context)
{
    (void)dwfl, (void)tid;
    *thread_context = context;
    return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret, void *context)
{
    const struct walk *walk = context;
    size_t got = 0;
    uint64_t word;

    (void)dwfl;
    vt_error_destroy(
        guest_read_virtual(walk->guest, walk->page_table, address, &word, sizeof(word), &got));
    *ret = word;
    return got == sizeof(word);
}

static bool set_registers(Dwfl_Thread *thread, void *context)
{
    const struct guest_registers *from = ((const struct walk *)context)->registers;
    /* DWARF's order: rax rdx rcx rbx rsi rdi rbp rsp r8..r15, the return address. */
    Dwarf_Word words[17] = {from->general[0], from->general[3], from->general[2], from->general[1],
                            from->general[4], from->general[5], from->general[6], from->general[7]};

    memcpy(&words[8], &from->general[8], 8 * sizeof(words[0]));
    words[16] = from->rip;
    return dwfl_thread_state_registers(thread, 0, 17, words);
}

static int take_frame(Dwfl_Frame *frame, void *context)
{
    struct unwound *ret = ((struct walk *)context)->ret;
    Dwarf_Addr address;
    bool activation;

    if (ret->count == UNWIND_FRAMES_MAX || !dwfl_frame_pc(frame, &address, &activation)) {
        ret->cut = true;
        return DWARF_CB_ABORT;
    }
    /* A return address may be the next function's first. */
    ret->addresses[ret->count++] = activation ? address : address - 1;
    return DWARF_CB_OK;
}

void unwind(struct vt_guest *guest, struct space *space, uint64_t page_table,
            const struct guest_registers *registers, struct unwound *ret)
{
    static const Dwfl_Thread_Callbacks callbacks = {.next_thread = next_thread,
                                                    .get_thread = get_thread,
                                                    .memory_read = read_memory,
                                                    .set_initial_registers = set_registers};

    const unsigned before = ret->count;

    ret->cut = false;
    if (space) {
        space->walk = (struct walk){
            .guest = guest, .page_table = page_table, .registers = registers, .ret = ret};
        if (!space->attached)
            space->attached =
                dwfl_attach_state(space->dwfl, NULL, THREAD, &callbacks, &space->walk);
        if (!space->attached ||
            dwfl_getthread_frames(space->dwfl, THREAD, take_frame, &space->walk))
            ret->cut = true;
    }
    if (ret->count == before && before < UNWIND_FRAMES_MAX) {
        ret->addresses[ret->count++] = registers->rip;
        ret->cut = true;
    }
}
