/* kernel/observe/done.h - the end of the machine, in order. */
#ifndef KERNEL_OBSERVE_DONE_H
#define KERNEL_OBSERVE_DONE_H

#include <stdint.h>

/* The first program has ended with this wait status: tells the host and halts every CPU. */
_Noreturn void machine_done(uint32_t wait_status);

#endif
