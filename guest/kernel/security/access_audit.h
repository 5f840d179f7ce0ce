/*
 * kernel/security/access_audit.h - what is to be told of a decision, once it is final.
 * Pure: any context, no locks; telling is the caller's part.
 */
#ifndef KERNEL_SECURITY_ACCESS_AUDIT_H
#define KERNEL_SECURITY_ACCESS_AUDIT_H

#include "kernel/security/access_evaluate.h"
#include "kernel/security/central_policy.h"

/*
 * Fills the audit part of `result`, whose desired, granted and allowed are final, from the object's
 * SACL, those of the central rules, and the token's audit policy; sets staging_mismatch if the
 * staged lists would have told something else.
 */
void access_audit(const struct access_evaluation *own, const struct central_rules *rules,
                  struct access_result *result);

/* Which privileges gave bits that were asked for, and whether those stayed. */
void access_audit_privileges(const struct access_evaluation *own,
                             const struct access_rights *rights, struct access_result *result);

#endif
