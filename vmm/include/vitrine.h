/*
 * vitrine.h - libvitrine: start a Vitrine machine, look into it, stop it, judge it.
 *
 * All of it; each part of vitrine/ can be included alone.
 *
 * Errors: functions that can fail return struct vt_error *, NULL for success; the caller frees it
 * with vt_error_destroy(). An error has a code to branch on and one sentence for a person.
 * Out-parameters come last and are written only on success.
 * Threads: one thread at a time per object, unless a function says otherwise.
 */
#ifndef VITRINE_H
#define VITRINE_H

#include "vitrine/error.h"
#include "vitrine/version.h"

/* the host, a machine of one's own, any machine by name */
#include "vitrine/guest.h"
#include "vitrine/host.h"
#include "vitrine/machine.h"
#include "vitrine/snapshot.h"

/* what is in it */
#include "vitrine/counters.h"
#include "vitrine/fields.h"
#include "vitrine/files.h"
#include "vitrine/locks.h"
#include "vitrine/memory.h"
#include "vitrine/namespaces.h"
#include "vitrine/processes.h"
#include "vitrine/queues.h"
#include "vitrine/sockets.h"
#include "vitrine/spaces.h"
#include "vitrine/tasks.h"
#include "vitrine/tokens.h"
#include "vitrine/waits.h"

/* what happens in it, and making things happen */
#include "vitrine/act.h"
#include "vitrine/audit.h"
#include "vitrine/export.h"
#include "vitrine/stop.h"
#include "vitrine/trace.h"

#endif
