/* SPDX-License-Identifier: MIT
 *
 * qos.h: the state of QoS 1 and 2 (4.3, 4.4, 4.6) that a client and a server keep for a session. No
 * I/O and no allocation. A program includes mqtt_codec.h and defines WINDOW_MAX, the messages that
 * may be in flight, before it includes this file.
 */
#if !defined(QOS_H)
#define QOS_H

/* ---------------------------------------------------------------------------------------------
 * The receiver: the packet ids of QoS 2 messages whose PUBREL has not come. Until it comes, a
 * PUBLISH with the same id is the same message [MQTT-4.3.3-2].
 * ------------------------------------------------------------------------------------------- */

/* It starts as {0}. */
struct id_set {
    size_t count;
    uint8_t bits[65536 / 8];
};

static inline bool id_set_has(const struct id_set *set, uint16_t id)
{
    return ((unsigned)set->bits[id / 8u] & 1u << id % 8u) != 0;
}

static inline void id_set_add(struct id_set *set, uint16_t id)
{
    if (id_set_has(set, id))
        return;
    set->bits[id / 8u] = (uint8_t)(set->bits[id / 8u] | 1u << id % 8u);
    set->count++;
}

static inline void id_set_remove(struct id_set *set, uint16_t id)
{
    if (!id_set_has(set, id))
        return;
    set->bits[id / 8u] = (uint8_t)(set->bits[id / 8u] & ~(1u << id % 8u));
    set->count--;
}

/* ---------------------------------------------------------------------------------------------
 * The sender: the messages in flight, sent and not yet acknowledged to the end
 * ------------------------------------------------------------------------------------------- */

struct in_flight {
    void *message; /* belongs to the program */
    uint16_t packet_id;
    uint8_t qos;
    bool is_due;  /* its PUBLISH, or PUBREL, must be sent on this connection */
    bool is_sent; /* its PUBLISH was sent before: the next one has DUP 1 */
};

/* The first `released` messages have had their PUBREC. They are in the order of the PUBRECs, and
 * so are their PUBRELs [MQTT-4.6.0-4]. The others are in the order of their PUBLISH packets
 * [MQTT-4.6.0-1] [MQTT-4.6.0-6]. It starts as {0}. */
struct window {
    struct in_flight messages[WINDOW_MAX];
    size_t count;
    size_t released;
    size_t due;
    uint16_t last_id;
};

/* The index of a message, or window->count if there is none with this id. */
static inline size_t window_find(const struct window *window, uint16_t packet_id)
{
    size_t i = 0;

    while (i < window->count && window->messages[i].packet_id != packet_id)
        i++;
    return i;
}

/* Adds a message that must be sent; the window must not be full. It gets a packet id that is not in
 * use and not 0 [MQTT-2.3.1-1] [MQTT-2.3.1-2] [MQTT-2.3.1-4]. */
static inline void window_add(struct window *window, void *message, uint8_t qos)
{
    struct in_flight added = {.message = message, .qos = qos, .is_due = true};

    do {
        window->last_id++;
    } while (window->last_id == 0 || window_find(window, window->last_id) < window->count);
    added.packet_id = window->last_id;
    window->messages[window->count] = added;
    window->count++;
    window->due++;
}

/* Removes a message. Its packet id is free again [MQTT-2.3.1-3]. Returns the program's message. */
static inline void *window_remove(struct window *window, size_t index)
{
    struct in_flight *removed = &window->messages[index];
    void *message = removed->message;

    if (removed->is_due)
        window->due--;
    if (index < window->released)
        window->released--;
    window->count--;
    memmove(removed, removed + 1, (window->count - index) * sizeof *removed);
    return message;
}

/* The next message to be sent on this connection, and its place, or NULL. The caller sends its
 * PUBREL if the place is below window->released, else its PUBLISH. */
static inline struct in_flight *window_next_due(struct window *window, size_t *index)
{
    size_t i = 0;

    if (window->due == 0)
        return NULL;
    while (!window->messages[i].is_due)
        i++;
    window->messages[i].is_due = false;
    window->due--;
    *index = i;
    return &window->messages[i];
}

/* A connection begins: everything in flight is sent again, with its packet id [MQTT-4.4.0-1]. If the
 * receiver has lost the session, these are new messages to it. */
static inline void window_resume(struct window *window, bool session_present)
{
    size_t i;

    for (i = 0; i < window->count; i++) {
        window->messages[i].is_due = true;
        if (!session_present)
            window->messages[i].is_sent = false;
    }
    window->due = window->count;
    if (!session_present)
        window->released = 0;
}

enum ack_result {
    ACK_DONE,     /* the message is removed from the window */
    ACK_RELEASED, /* by a PUBREC: its PUBREL is due */
    ACK_UNKNOWN,  /* no message in flight has this packet id */
    ACK_WRONG     /* the message does not wait for this type: a violation [MQTT-4.8.0-1] */
};

/* Takes a PUBACK, PUBREC or PUBCOMP. *message is the program's message if it is done or released. */
static inline enum ack_result window_acknowledge(struct window *window, enum mqtt_packet_type type,
                                                 uint16_t packet_id, void **message)
{
    const size_t index = window_find(window, packet_id);
    const bool is_released = index < window->released;
    struct in_flight found;

    if (index == window->count)
        return ACK_UNKNOWN;
    found = window->messages[index];
    *message = found.message;
    if (found.qos == 1 ? type == MQTT_PUBACK : is_released && type == MQTT_PUBCOMP) {
        window_remove(window, index); /* [MQTT-4.3.2-1] [MQTT-4.3.3-1] */
        return ACK_DONE;
    }
    if (found.qos != 2 || type != MQTT_PUBREC)
        return ACK_WRONG;
    if (!found.is_due)
        window->due++;
    found.is_due = true;
    if (!is_released) { /* it moves after the messages that were released before */
        memmove(&window->messages[window->released + 1], &window->messages[window->released],
                (index - window->released) * sizeof found);
        window->messages[window->released] = found;
        window->released++;
    } else { /* the receiver asks for the PUBREL again */
        window->messages[index].is_due = true;
    }
    return ACK_RELEASED;
}

#endif
