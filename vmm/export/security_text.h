/* vmm/export/security_text.h - what happens to tokens in words. */
#ifndef VITRINE_EXPORT_SECURITY_TEXT_H
#define VITRINE_EXPORT_SECURITY_TEXT_H

#include <stdio.h>

#include "vmm/include/vitrine.h"

/* A record of type TRACE_SECURITY, without time, CPU, task and end of line. */
void security_text_write(FILE *out, const struct vt_trace *trace,
                         const struct trace_record *record);

#endif
