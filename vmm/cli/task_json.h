/* vmm/cli/task_json.h - a task as a JSON object; the names are part of the command's contract. */
#ifndef VITRINE_CLI_TASK_JSON_H
#define VITRINE_CLI_TASK_JSON_H

#include <jansson.h>

#include "vmm/include/vitrine.h"

json_t *task_json(const struct vt_task *task);

#endif
