/*
 * Can the world be stopped and released many times without a hang? CPU 0 raises the stop epoch and rings
 * 'S'; every other CPU sees the new epoch, notes it as parked and rings 'P'; each goes on when the host has
 * raised resume_epoch that far. After as many rounds as STOPS_PHYS says: 'D'.
 */
#include "tests/machine/kernel/start.inc"
test_main:
    apic_enable
    call start_others
    movq STOPS_PHYS, %r12
1:  movq glass + GLASS_STOP_EPOCH_OFFSET, %rbx
    incq %rbx
    movq %rbx, glass + GLASS_STOP_EPOCH_OFFSET
    ring 'S'
2:  pause
    cmpq %rbx, glass + GLASS_RESUME_EPOCH_OFFSET
    jb 2b
    cmpq %r12, %rbx
    jb 1b
    ring 'D'
    jmp sleep_for_ever
test_other:
    movl %edi, %r13d
    imull $GLASS_CPU_STRIDE, %r13d
    addl $glass_cpus + GLASS_CPU_PARKED_EPOCH_OFFSET, %r13d
    apic_enable
    movl $1, %eax
    lock xaddl %eax, online
3:  pause
    movq glass + GLASS_STOP_EPOCH_OFFSET, %rbx
    cmpq (%r13), %rbx
    je 3b
    movq %rbx, (%r13)
    ring 'P'
4:  pause
    cmpq %rbx, glass + GLASS_RESUME_EPOCH_OFFSET
    jb 4b
    jmp 3b
#include "tests/machine/kernel/cpus.inc"
#include "tests/machine/kernel/finish.inc"
