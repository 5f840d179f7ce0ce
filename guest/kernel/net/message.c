/*
 * kernel/net/message.c - messages: memory for them, on the sender's account, and copying in and
 * out. See message.h.
 */
#include "kernel/net/message.h"

#include "kernel/lib/string.h"
#include "kernel/mm/object_cache.h"
#include "kernel/observe/mutant.h"

static void free_memory(struct message *message)
{
    while (message->more) {
        struct message_piece *piece = message->more;
        message->more = piece->next;
        kfree(piece);
    }
    kfree(message);
}

/* Pieces for what the first page has no room for. */
static bool add_pieces(struct message *message, uint32_t bytes)
{
    struct message_piece **last = &message->more;

    for (uint32_t done = 0; done < bytes; done += sizeof((*last)->data)) {
        struct message_piece *piece = kmalloc(sizeof(*piece));
        if (!piece)
            return false;
        piece->next = NULL;
        *last = piece;
        last = &piece->next;
        message->charge += sizeof(*piece);
    }
    return true;
}

struct message *message_create(struct socket *sender, uint32_t bytes)
{
    uint32_t first = min(bytes, (uint32_t)MESSAGE_FIRST_BYTES);
    struct message *message = kmalloc(sizeof(*message) + first);

    if (!message)
        return NULL;
    memset(message, 0, sizeof(*message));
    list_init(&message->link);
    message->bytes = bytes;
    message->charge = (uint32_t)sizeof(*message) + first;
    if (!add_pieces(message, bytes - first)) {
        free_memory(message);
        return NULL;
    }
    socket_get(sender);
    message->sender = sender;
    __atomic_fetch_add(&sender->charged, message->charge, __ATOMIC_RELAXED);
    return message;
}

void message_free(struct message *message)
{
    struct socket *sender = message->sender;
    uint32_t charge = MUTANT_EVERY(SOCKET_CHARGE_KEPT, 4) ? 0 : message->charge;
    uint32_t left = __atomic_sub_fetch(&sender->charged, charge, __ATOMIC_SEQ_CST);

    rights_drop(message->rights);
    free_memory(message);
    if (left <= READ_ONCE(sender->send_limit) / 4)
        wake_up_all(&sender->write_waiters);
    if (MUTANT(SOCKET_SENDER_KEPT))
        return;
    socket_put(sender);
}

int message_fill(struct message *message, struct io_buffer *buffer)
{
    size_t piece = min((size_t)message->bytes, MESSAGE_FIRST_BYTES), left = message->bytes - piece;

    if (io_copy_from(buffer, message->data, piece) < piece)
        return -EFAULT;
    for (struct message_piece *more = message->more; more; more = more->next) {
        piece = min(left, sizeof(more->data));
        if (io_copy_from(buffer, more->data, piece) < piece)
            return -EFAULT;
        left -= piece;
    }
    return 0;
}

size_t message_copy(const struct message *message, struct io_buffer *buffer, uint32_t from,
                    size_t bytes)
{
    const uint8_t *data = message->data;
    size_t here = min((size_t)message->bytes, MESSAGE_FIRST_BYTES), done = 0;
    const struct message_piece *more = message->more;

    for (;;) {
        if (from < here) {
            size_t piece = min(here - from, bytes - done);
            size_t copied = io_copy_to(buffer, data + from, piece);
            done += copied;
            if (copied < piece || done == bytes)
                return done;
            from = 0;
        } else {
            from -= (uint32_t)here;
        }
        if (!more)
            return done;
        data = more->data;
        here = sizeof(more->data);
        more = more->next;
    }
}

void message_queue(struct socket *socket, struct message *message)
{
    list_push_back(&socket->queue, &message->link);
    if (!MUTANT(SOCKET_BYTES_UNCOUNTED))
        socket->queued_bytes += message->bytes;
    WRITE_ONCE(socket->message_count, socket->message_count + 1);
}

void message_unqueue(struct socket *socket, struct message *message)
{
    list_remove(&message->link);
    socket->queued_bytes -= message->bytes - message->taken;
    WRITE_ONCE(socket->message_count, socket->message_count - 1);
}
