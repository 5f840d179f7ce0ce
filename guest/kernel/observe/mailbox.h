/* kernel/observe/mailbox.h - the host kicked: commands, channels, changed filters. */
#ifndef KERNEL_OBSERVE_MAILBOX_H
#define KERNEL_OBSERVE_MAILBOX_H

/* Interrupt context, first CPU, no locks held. */
void mailbox_kicked(void);

#endif
