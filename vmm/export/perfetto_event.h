/*
 * vmm/export/perfetto_event.h - one ftrace event as Perfetto's message, with all that it points to.
 */
#ifndef VITRINE_EXPORT_PERFETTO_EVENT_H
#define VITRINE_EXPORT_PERFETTO_EVENT_H

#include "vmm/export/ftrace_event.h"
#include "vmm/export/perfetto.pb-c.h"

struct perfetto_event {
    struct ftrace_event source; /* set first: the messages' texts are its texts */
    Perfetto__Protos__FtraceEvent message;
    /* The message inside: one of these. */
    union {
        ProtobufCMessage base;
        Perfetto__Protos__SchedSwitchFtraceEvent sched_switch;
        Perfetto__Protos__SchedWakeupFtraceEvent sched_wakeup;
        Perfetto__Protos__TaskNewtaskFtraceEvent task_newtask;
        Perfetto__Protos__TaskRenameFtraceEvent task_rename;
        Perfetto__Protos__SchedProcessExecFtraceEvent sched_process_exec;
        Perfetto__Protos__SchedProcessExitFtraceEvent sched_process_exit;
        Perfetto__Protos__SchedProcessForkFtraceEvent sched_process_fork;
        Perfetto__Protos__SchedProcessFreeFtraceEvent sched_process_free;
        Perfetto__Protos__SignalDeliverFtraceEvent signal_deliver;
        Perfetto__Protos__SignalGenerateFtraceEvent signal_generate;
        Perfetto__Protos__SysEnterFtraceEvent sys_enter;
        Perfetto__Protos__SysExitFtraceEvent sys_exit;
        Perfetto__Protos__SchedMigrateTaskFtraceEvent sched_migrate_task;
        Perfetto__Protos__GenericFtraceEvent generic;
    } body;
    Perfetto__Protos__GenericFtraceEvent__Field fields[FTRACE_FIELDS_MAX]; /* of a generic one */
    Perfetto__Protos__GenericFtraceEvent__Field *field_list[FTRACE_FIELDS_MAX];
};

/* Makes event->message from event->source. It points into *event, which must stay in place. */
void perfetto_event_make(struct perfetto_event *event, uint64_t ns, int32_t tid);

#endif
