/* requests.h - serving what other CPUs ask of this one (requests.c, tlb.c). */
#ifndef ARCH_X86_64_REQUESTS_H
#define ARCH_X86_64_REQUESTS_H

void requests_serve(void);
void tlb_serve_flush(void);

#endif
