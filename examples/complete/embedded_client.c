/* SPDX-License-Identifier: MIT
 *
 * embedded_client.c: the MQTT 3.1.1 client of a small device. It has two buffers of fixed size, no
 * heap and no call that waits: a main loop calls client_step, which sends and receives what it can
 * and returns. Messages of any size pass through the buffers in pieces.
 *
 *     cc -o embedded_client examples/complete/embedded_client.c
 *     ./embedded_client 127.0.0.1 1883 --subscribe 'sensors/#' --topic sensors/1 --message 21.5
 *
 * To copy it, take mqtt_codec.h, network.h and program.h too, and change the path of mqtt_codec.h.
 * The client itself, down to THE PORT, needs only mqtt_codec.h. docs/embedded_client.md says how to
 * compile it for a Cortex-M0. A port to POSIX sockets and a main come after it. They need network.h
 * and program.h. -ffreestanding or -DEMBEDDED_CLIENT_ONLY leaves them out.
 */
#if __STDC_HOSTED__ && !defined(EMBEDDED_CLIENT_ONLY)
#define CLIENT_HAS_MAIN
#define _POSIX_C_SOURCE 200809L
#endif

#include "../../mqtt_codec.h"

/* ---------------------------------------------------------------------------------------------
 * The interface of the client
 * ------------------------------------------------------------------------------------------- */

/* The size of each of the two buffers, in bytes. A packet must fit into a buffer. A PUBLISH must
 * fit without its payload. */
#if !defined(CLIENT_BUFFER_SIZE)
#define CLIENT_BUFFER_SIZE 256
#endif

/* How many QoS 2 messages may wait for the server's PUBREL. If the server sends more, the client
 * closes the connection; after a reconnect the server sends them again. */
#if !defined(CLIENT_RECEIVED_MAX)
#define CLIENT_RECEIVED_MAX 32
#endif

#define CLIENT_ANSWER_SIZE  4u /* bytes of a PUBACK, PUBREC or PUBCOMP */
#define CLIENT_ANSWERS_SIZE (8u * CLIENT_ANSWER_SIZE)

enum client_state {
    CLIENT_CLOSED,     /* the port must close its connection, open another and call client_open */
    CLIENT_CONNECTING, /* waiting for the CONNACK */
    CLIENT_CONNECTED,
    CLIENT_CLOSING /* sending the DISCONNECT */
};

/* Why a connection has ended; in brackets, the meaning of client.detail. */
enum client_end {
    CLIENT_NOT_ENDED,
    CLIENT_DISCONNECTED,       /* client_disconnect was called */
    CLIENT_GONE,               /* `send` or `recv` returned -1 */
    CLIENT_SILENT,             /* the server received or sent nothing for too long */
    CLIENT_REFUSED,            /* the CONNACK refuses (its return code) */
    CLIENT_NOT_SUBSCRIBED,     /* the SUBACK refuses a subscription (its index, from 0) */
    CLIENT_MALFORMED,          /* the server sent a malformed packet (an mqtt_status) */
    CLIENT_VIOLATION,          /* the server sent a packet at the wrong time (its type) */
    CLIENT_TOO_LARGE,          /* a packet or a topic does not fit into `in` (the packet's type) */
    CLIENT_TOO_MANY,           /* too many QoS 2 messages are in flight */
    CLIENT_WRONG_CONFIGURATION /* CONNECT or SUBSCRIBE cannot be encoded (an mqtt_status) */
};

/* It must live as long as the client. */
struct client_config {
    struct mqtt_connect connect;
    const struct mqtt_subscription *subscriptions;
    size_t subscription_count;
    uint32_t timeout; /* milliseconds, for an answer of the server */

    /* The functions of the port. They return the number of bytes, 0 if they would have to wait, or
     * -1 if the connection is gone. */
    int32_t (*send)(void *context, const uint8_t *bytes, size_t length);
    int32_t (*recv)(void *context, uint8_t *bytes, size_t capacity);

    /* Gets a piece of a message. publish->payload.length is the length of the whole payload, and
     * publish->payload.data is NULL. The pieces come in order. The last one ends at that length. A
     * piece at offset 0 begins a new message. If the message before is incomplete, its connection
     * was lost. */
    void (*on_message)(void *context, const struct mqtt_publish *publish, size_t offset,
                       struct mqtt_bytes piece);

    /* Writes a piece of the payload to `bytes`, for a message that was published without data. */
    void (*read_payload)(void *context, size_t offset, uint8_t *bytes, size_t length);

    void *context;
};

enum client_message_state {
    MESSAGE_NONE,
    MESSAGE_DUE,
    MESSAGE_BEGUN,       /* its header and message_offset bytes of its payload went to `out` */
    MESSAGE_SENT,        /* all of it went to `out`; at QoS 1 and 2 it waits for an answer */
    MESSAGE_RELEASE_DUE, /* its PUBREC has come */
    MESSAGE_RELEASED     /* its PUBREL is sent; it waits for the PUBCOMP */
};

/* All of the client's state. Set it to {0}, then set `config`; only the client changes the rest. The
 * part that the standard calls the Session (4.1) outlives a connection. */
struct client {
    const struct client_config *config;
    enum client_state state;
    enum client_end end;
    int32_t detail;

    uint32_t now; /* all times are in milliseconds of the device's clock, which may wrap */
    uint32_t asked_at;
    uint32_t sent_at;
    uint32_t moved_at;
    uint32_t received_at;
    bool awaits_answer; /* to the CONNECT or the PINGREQ sent at asked_at */
    bool wants_disconnect;

    uint8_t in[CLIENT_BUFFER_SIZE];
    size_t in_length;
    struct mqtt_publish streamed; /* a PUBLISH larger than `in`; its topic is in `in` */
    size_t streamed_header;       /* bytes before its payload; 0: no packet is streamed */
    size_t streamed_offset;

    uint8_t out[CLIENT_BUFFER_SIZE];
    size_t out_length;
    size_t out_sent;
    uint8_t answers[CLIENT_ANSWERS_SIZE]; /* waiting for room in `out` */
    size_t answers_length;

    struct mqtt_publish message;
    enum client_message_state message_state;
    size_t message_offset;
    uint16_t received[CLIENT_RECEIVED_MAX]; /* packet ids that wait for PUBREL; 0: a free place */
    uint16_t last_id;
    uint16_t subscribe_id; /* of a SUBSCRIBE that is not answered, or 0 */
    bool is_subscribed;
};

/* Call it when the port has opened a connection. The first packet is CONNECT. */
void client_open(struct client *client, uint32_t now);

/* Does what can be done now, with at most one `recv` and one `send`. */
enum client_state client_step(struct client *client, uint32_t now);

/* True if the next step has something to send. */
bool client_has_output(const struct client *client);

/* Publishes a message, now or when connected. When it is sent (QoS 0) or completely acknowledged
 * (QoS 1 and 2), client->message_state is MESSAGE_NONE again. Topic and payload must live until
 * then. If the payload has a length but no data, read_payload provides it. Returns the size of the
 * packet without its payload, 0 if another message is in flight, or an mqtt_status. */
int32_t client_publish(struct client *client, const struct mqtt_publish *message);

void client_disconnect(struct client *client);

/* ---------------------------------------------------------------------------------------------
 * Helpers
 * ------------------------------------------------------------------------------------------- */

static void end_connection(struct client *client, enum client_end end, int32_t detail)
{
    client->state = CLIENT_CLOSED;
    client->end = end;
    client->detail = detail;
}

static bool has_elapsed(const struct client *client, uint32_t since, uint32_t duration)
{
    return client->now - since >= duration; /* correct even if the clock has wrapped */
}

static void remove_received(struct client *client, size_t from, size_t count)
{
    size_t i;

    client->in_length -= count;
    for (i = from; i < client->in_length; i++)
        client->in[i] = client->in[i + count];
}

/* Returns an id that no packet in flight has [MQTT-2.3.1-2], and that is not 0 [MQTT-2.3.1-1]. */
static uint16_t new_packet_id(struct client *client)
{
    do {
        client->last_id++;
    } while (
        client->last_id == 0 || client->last_id == client->subscribe_id ||
        (client->message_state != MESSAGE_NONE && client->last_id == client->message.packet_id));
    return client->last_id;
}

/* The place of `packet_id` in client->received, or NULL. For 0 it is a free place. */
static uint16_t *find_received(struct client *client, uint16_t packet_id)
{
    size_t i;

    for (i = 0; i < CLIENT_RECEIVED_MAX; i++)
        if (client->received[i] == packet_id)
            return &client->received[i];
    return NULL;
}

/* ---------------------------------------------------------------------------------------------
 * Sending: the next packet is encoded when `out` is empty, so that nothing gets between the pieces
 * of a payload
 * ------------------------------------------------------------------------------------------- */

static void put_payload(struct client *client)
{
    const struct mqtt_bytes payload = client->message.payload;
    const size_t left = payload.length - client->message_offset;
    const size_t room = sizeof client->out - client->out_length;
    const size_t count = left < room ? left : room;
    uint8_t *to = client->out + client->out_length;

    if (count > 0 && payload.data != NULL)
        MQTT_CODEC_MEMCPY(to, payload.data + client->message_offset, count);
    else if (count > 0)
        client->config->read_payload(client->config->context, client->message_offset, to, count);
    client->out_length += count;
    client->message_offset += count;
    if (count == left) /* unacknowledged until the answer comes [MQTT-4.3.2-1] [MQTT-4.3.3-1] */
        client->message_state = MESSAGE_SENT;
}

/* True early enough for the keep alive [MQTT-3.1.2-23]. A device that sends often but receives
 * nothing also sends PINGREQ: the server may be gone. */
static bool ping_is_due(const struct client *client)
{
    const uint32_t keep_alive = client->config->connect.keep_alive; /* seconds */
    const uint32_t interval = keep_alive * 750u;                    /* three quarters of it */

    return interval > 0 && !client->awaits_answer &&
           (has_elapsed(client, client->sent_at, interval) ||
            has_elapsed(client, client->received_at, interval));
}

static bool subscribe_is_due(const struct client *client)
{
    return !client->is_subscribed && client->subscribe_id == 0 &&
           client->config->subscription_count > 0; /* [MQTT-3.8.3-3] */
}

static int32_t encode_subscribe(struct client *client)
{
    struct mqtt_subscribe subscribe = {0};

    client->subscribe_id = new_packet_id(client);
    subscribe.packet_id = client->subscribe_id;
    subscribe.subscriptions = client->config->subscriptions;
    subscribe.count = client->config->subscription_count;
    return mqtt_encode_subscribe(client->out, sizeof client->out, &subscribe);
}

static int32_t encode_next(struct client *client)
{
    uint8_t *const out = client->out;
    const size_t capacity = sizeof client->out;
    int32_t size = 0;

    if (client->answers_length > 0) { /* in their order [MQTT-4.6.0-2] [MQTT-4.6.0-3] */
        MQTT_CODEC_MEMCPY(out, client->answers, client->answers_length);
        size = (int32_t)client->answers_length;
        client->answers_length = 0;
    } else if (client->wants_disconnect) { /* the last packet [MQTT-3.14.4-2] */
        size = mqtt_encode_disconnect(out, capacity);
        client->state = CLIENT_CLOSING;
    } else if (ping_is_due(client)) {
        size = mqtt_encode_pingreq(out, capacity);
        client->awaits_answer = true;
        client->asked_at = client->now;
    } else if (subscribe_is_due(client)) {
        size = encode_subscribe(client);
    } else if (client->message_state == MESSAGE_DUE) {
        size = mqtt_encode_publish_header(out, capacity, &client->message);
        client->message_state = MESSAGE_BEGUN;
        client->message_offset = 0;
    } else if (client->message_state == MESSAGE_RELEASE_DUE) {
        /* After the PUBREC, PUBREL is sent again, not PUBLISH [MQTT-4.3.3-1]. */
        size = mqtt_encode_pubrel(out, capacity, client->message.packet_id);
        client->message_state = MESSAGE_RELEASED;
    }
    return size;
}

static void put_next(struct client *client)
{
    int32_t size = 0;

    if (client->state == CLIENT_CONNECTED && client->message_state != MESSAGE_BEGUN)
        size = encode_next(client);
    if (size < 0)
        end_connection(client, CLIENT_WRONG_CONFIGURATION, size);
    else
        client->out_length = (size_t)size;
    if (client->state == CLIENT_CONNECTED && client->message_state == MESSAGE_BEGUN)
        put_payload(client);
}

static void send_some(struct client *client)
{
    int32_t count;

    if (client->out_length == 0) {
        put_next(client);
        client->moved_at = client->now;
    }
    if (client->out_length == 0 || client->state == CLIENT_CLOSED)
        return;
    count = client->config->send(client->config->context, client->out + client->out_sent,
                                 client->out_length - client->out_sent);
    if (count < 0) {
        end_connection(client, CLIENT_GONE, 0);
        return;
    }
    if (count > 0)
        client->moved_at = client->now;
    client->out_sent += (size_t)count;
    if (client->out_sent < client->out_length)
        return;
    client->out_length = 0;
    client->out_sent = 0;
    client->sent_at = client->now;
    if (client->message_state == MESSAGE_SENT && client->message.qos == 0)
        client->message_state = MESSAGE_NONE;
    if (client->state == CLIENT_CLOSING) /* now the port closes it [MQTT-3.14.4-1] */
        end_connection(client, CLIENT_DISCONNECTED, 0);
}

/* ---------------------------------------------------------------------------------------------
 * Packets of the server
 * ------------------------------------------------------------------------------------------- */

static void answer(struct client *client, uint16_t packet_id,
                   int32_t (*encode)(void *buffer, size_t capacity, uint16_t packet_id))
{
    const int32_t size = encode(client->answers + client->answers_length,
                                sizeof client->answers - client->answers_length, packet_id);

    if (size > 0) /* always: take_one checked that there is room */
        client->answers_length += (size_t)size;
}

/* False for a QoS 2 message that was delivered before [MQTT-4.3.3-2]. */
static bool is_new(struct client *client, const struct mqtt_publish *publish)
{
    return publish->qos < 2 || find_received(client, publish->packet_id) == NULL;
}

/* Called before a message is delivered. Without a place for its packet id, a QoS 2 message would be
 * delivered a second time when the server sends it again. */
static bool can_accept(struct client *client, const struct mqtt_publish *publish)
{
    if (!is_new(client, publish) || publish->qos < 2 || find_received(client, 0) != NULL)
        return true;
    end_connection(client, CLIENT_TOO_MANY, 0); /* a transient error [MQTT-4.8.0-2] */
    return false;
}

static void deliver(struct client *client, const struct mqtt_publish *publish, size_t offset,
                    struct mqtt_bytes piece)
{
    struct mqtt_publish whole = *publish;

    whole.payload.data = NULL;
    if (is_new(client, publish))
        client->config->on_message(client->config->context, &whole, offset, piece);
}

/* Called when all of the message is delivered. Every message is acknowledged [MQTT-4.5.0-2], as its
 * QoS requires [MQTT-3.3.4-1], with its packet id [MQTT-2.3.1-6]. */
static void acknowledge(struct client *client, const struct mqtt_publish *publish)
{
    if (publish->qos == 1)
        answer(client, publish->packet_id, mqtt_encode_puback); /* [MQTT-4.3.2-2] */
    if (publish->qos == 2) {
        if (is_new(client, publish))
            *find_received(client, 0) = publish->packet_id;
        answer(client, publish->packet_id, mqtt_encode_pubrec); /* [MQTT-4.3.3-2] */
    }
}

/* An unknown packet id is answered too: the device may have been reset. */
static void handle_pubrel(struct client *client, uint16_t packet_id)
{
    uint16_t *place = find_received(client, packet_id);

    if (place != NULL)
        *place = 0; /* a PUBLISH with this id is now a new message [MQTT-4.3.3-2] */
    answer(client, packet_id, mqtt_encode_pubcomp);
}

/* Handles PUBACK, PUBREC and PUBCOMP. A type that the message does not wait for ends the connection
 * [MQTT-4.8.0-1]. Ignores another packet id: it may belong to a message that was sent before the
 * device was reset. Answers a second PUBREC with PUBREL. */
static void handle_acknowledgement(struct client *client, enum mqtt_packet_type type,
                                   uint16_t packet_id)
{
    const struct mqtt_publish *message = &client->message;
    const enum client_message_state state = client->message_state;
    const bool is_released = state == MESSAGE_RELEASE_DUE || state == MESSAGE_RELEASED;
    const bool waits = message->qos > 0 && (state == MESSAGE_SENT || is_released);

    if (!waits || packet_id != message->packet_id)
        return;
    if (message->qos == 1 ? type == MQTT_PUBACK : is_released && type == MQTT_PUBCOMP)
        client->message_state = MESSAGE_NONE; /* the packet id is free again [MQTT-2.3.1-3] */
    else if (message->qos == 2 && type == MQTT_PUBREC)
        client->message_state = MESSAGE_RELEASE_DUE;
    else
        end_connection(client, CLIENT_VIOLATION, (int32_t)type);
}

/* The server has no session. With clean session 1 it never has one [MQTT-3.1.2-6]. A message in
 * flight is published as a new one. */
static void discard_session(struct client *client)
{
    size_t i;

    for (i = 0; i < CLIENT_RECEIVED_MAX; i++)
        client->received[i] = 0;
    client->is_subscribed = false;
    client->message.dup = false;
    if (client->message_state == MESSAGE_RELEASE_DUE)
        client->message_state = MESSAGE_DUE;
}

static void handle_connack(struct client *client, const struct mqtt_connack *connack)
{
    if (connack->return_code != MQTT_CONNACK_CODE_ACCEPTED) {
        end_connection(client, CLIENT_REFUSED, connack->return_code);
    } else if (connack->session_present && client->config->connect.clean_session) {
        end_connection(client, CLIENT_VIOLATION, MQTT_CONNACK); /* [MQTT-3.2.2-1] */
    } else {
        client->state = CLIENT_CONNECTED;
        client->awaits_answer = false;
        if (!connack->session_present)
            discard_session(client);
    }
}

/* A SUBACK has the packet id of its SUBSCRIBE [MQTT-3.8.4-2] and a return code for each of the
 * subscriptions [MQTT-3.8.4-5]. */
static void handle_suback(struct client *client, const struct mqtt_suback *suback)
{
    size_t i;

    if (client->subscribe_id == 0 || suback->packet_id != client->subscribe_id ||
        suback->count != client->config->subscription_count) {
        end_connection(client, CLIENT_VIOLATION, MQTT_SUBACK);
        return;
    }
    client->subscribe_id = 0;
    client->is_subscribed = true;
    for (i = 0; i < suback->count; i++)
        if (suback->return_codes[i] == MQTT_SUBACK_CODE_FAILURE) {
            client->is_subscribed = false;
            end_connection(client, CLIENT_NOT_SUBSCRIBED, (int32_t)i);
            return;
        }
}

static void handle_packet(struct client *client, const struct mqtt_packet *packet)
{
    const struct mqtt_publish *publish = &packet->as.publish;

    if ((client->state == CLIENT_CONNECTING) != (packet->type == MQTT_CONNACK)) {
        end_connection(client, CLIENT_VIOLATION, (int32_t)packet->type); /* [MQTT-3.2.0-1] */
        return;
    }
    switch (packet->type) {
    case MQTT_CONNACK:
        handle_connack(client, &packet->as.connack);
        break;
    case MQTT_PUBLISH:
        if (can_accept(client, publish)) {
            deliver(client, publish, 0, publish->payload);
            acknowledge(client, publish);
        }
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
        handle_acknowledgement(client, packet->type, packet->as.ack.packet_id);
        break;
    case MQTT_PUBREL:
        handle_pubrel(client, packet->as.ack.packet_id);
        break;
    case MQTT_SUBACK:
        handle_suback(client, &packet->as.suback);
        break;
    case MQTT_PINGRESP:
        client->awaits_answer = false;
        break;
    default: /* an UNSUBACK without an UNSUBSCRIBE */
        end_connection(client, CLIENT_VIOLATION, (int32_t)packet->type);
        break;
    }
}

/* ---------------------------------------------------------------------------------------------
 * Receiving: small packets whole, a large PUBLISH in pieces
 * ------------------------------------------------------------------------------------------- */

/* Begins to stream a PUBLISH that is larger than `in`. The part before its payload must be smaller
 * than `in`. Returns false if more bytes must come first, or if the packet is too large. */
static bool begin_streaming(struct client *client)
{
    struct mqtt_fixed_header fixed;
    int32_t size = mqtt_decode_fixed_header(&fixed, client->in, client->in_length);

    if (size < 0 || fixed.remaining_length <= sizeof client->in - (size_t)size)
        return false; /* it will fit */
    if (fixed.type != MQTT_PUBLISH || client->state != CLIENT_CONNECTED) {
        end_connection(client, CLIENT_TOO_LARGE, (int32_t)fixed.type);
        return false;
    }
    size = mqtt_decode_publish_header(&client->streamed, client->in, client->in_length);
    if (size == MQTT_PACKET_INCOMPLETE || size == (int32_t)sizeof client->in) {
        if (client->in_length == sizeof client->in)
            end_connection(client, CLIENT_TOO_LARGE, (int32_t)fixed.type);
        return false;
    }
    if (size < 0) {
        end_connection(client, CLIENT_MALFORMED, size); /* [MQTT-4.8.0-1] */
        return false;
    }
    client->streamed_header = (size_t)size;
    client->streamed_offset = 0;
    return can_accept(client, &client->streamed);
}

/* The part before the payload stays at the front of `in`, because on_message gets the topic. The
 * pieces of the payload are received after it. */
static bool take_piece(struct client *client)
{
    const size_t left = client->streamed.payload.length - client->streamed_offset;
    struct mqtt_bytes piece;

    piece.data = client->in + client->streamed_header;
    piece.length = client->in_length - client->streamed_header;
    if (piece.length == 0)
        return false;
    if (piece.length > left)
        piece.length = left;
    deliver(client, &client->streamed, client->streamed_offset, piece);
    remove_received(client, client->streamed_header, piece.length);
    client->streamed_offset += piece.length;
    if (piece.length == left) {
        acknowledge(client, &client->streamed);
        remove_received(client, 0, client->streamed_header);
        client->streamed_header = 0;
    }
    return true;
}

/* Takes one packet or piece of a payload. Returns false if bytes are missing, or if there is no
 * room for an answer. Then the server has to wait. */
static bool take_one(struct client *client)
{
    struct mqtt_packet packet;
    int32_t size;

    if (sizeof client->answers - client->answers_length < CLIENT_ANSWER_SIZE)
        return false;
    if (client->streamed_header > 0)
        return take_piece(client);
    size = mqtt_decode_from_server(&packet, client->in, client->in_length);
    if (size == MQTT_PACKET_INCOMPLETE)
        return begin_streaming(client);
    if (size < 0) { /* flags [MQTT-2.2.2-2] [MQTT-3.3.1-4], strings [MQTT-1.5.3-1] and so on */
        end_connection(client, CLIENT_MALFORMED, size); /* [MQTT-4.8.0-1] */
        return false;
    }
    handle_packet(client, &packet);
    remove_received(client, 0, (size_t)size);
    return true;
}

static void receive_some(struct client *client)
{
    int32_t count = 0;

    if (client->in_length < sizeof client->in)
        count = client->config->recv(client->config->context, client->in + client->in_length,
                                     sizeof client->in - client->in_length);
    if (count < 0) {
        end_connection(client, CLIENT_GONE, 0);
        return;
    }
    if (count > 0)
        client->received_at = client->now;
    client->in_length += (size_t)count;
    while (client->state != CLIENT_CLOSED && take_one(client))
        ;
}

/* ---------------------------------------------------------------------------------------------
 * The functions of the interface
 * ------------------------------------------------------------------------------------------- */

/* A message that is not acknowledged is sent again, with its packet id [MQTT-4.4.0-1]. A PUBLISH
 * then has DUP 1 [MQTT-3.3.1-1]. At QoS 0 the server has received only a part of the message. */
static void requeue_message(struct client *client)
{
    if (client->message_state == MESSAGE_RELEASED)
        client->message_state = MESSAGE_RELEASE_DUE;
    if (client->message_state == MESSAGE_BEGUN || client->message_state == MESSAGE_SENT) {
        client->message.dup = client->message.qos > 0; /* [MQTT-3.3.1-2] */
        client->message_state = MESSAGE_DUE;
    }
}

/* CONNECT is the first packet [MQTT-3.1.0-1]. It is the same each time, with the client id of the
 * session [MQTT-3.1.3-2]. The state of the session stays as it is [MQTT-3.1.2-4] [MQTT-4.1.0-1]
 * [MQTT-4.1.0-2]. The encoder refuses an empty client id without clean session [MQTT-3.1.3-7], a
 * password without a user name [MQTT-3.1.2-22] and strings that are not UTF-8. */
void client_open(struct client *client, uint32_t now)
{
    const int32_t size =
        mqtt_encode_connect(client->out, sizeof client->out, &client->config->connect);

    client->state = CLIENT_CONNECTING;
    client->end = CLIENT_NOT_ENDED;
    client->now = now;
    client->asked_at = now;
    client->moved_at = now;
    client->received_at = now;
    client->awaits_answer = true;
    client->wants_disconnect = false;
    client->in_length = 0;
    client->streamed_header = 0;
    client->out_sent = 0;
    client->answers_length = 0;
    client->subscribe_id = 0;
    requeue_message(client);
    if (size < 0)
        end_connection(client, CLIENT_WRONG_CONFIGURATION, size);
    else
        client->out_length = (size_t)size;
}

/* True if the server does not answer (3.1.2.10, 3.2), or receives nothing. While bytes of a long
 * message arrive, the answer may come after them. */
static bool is_silent(const struct client *client)
{
    const uint32_t timeout = client->config->timeout;

    return (client->awaits_answer && has_elapsed(client, client->asked_at, timeout) &&
            has_elapsed(client, client->received_at, timeout)) ||
           (client->out_length > 0 && has_elapsed(client, client->moved_at, timeout));
}

enum client_state client_step(struct client *client, uint32_t now)
{
    client->now = now;
    if (client->state == CLIENT_CONNECTING || client->state == CLIENT_CONNECTED)
        receive_some(client);
    if (client->state != CLIENT_CLOSED)
        send_some(client);
    if (client->state != CLIENT_CLOSED && is_silent(client))
        end_connection(client, CLIENT_SILENT, 0);
    return client->state;
}

bool client_has_output(const struct client *client)
{
    if (client->state == CLIENT_CLOSED)
        return false;
    return client->out_length > 0 ||
           (client->state == CLIENT_CONNECTED &&
            (client->answers_length > 0 || client->wants_disconnect || subscribe_is_due(client) ||
             client->message_state == MESSAGE_DUE || client->message_state == MESSAGE_BEGUN ||
             client->message_state == MESSAGE_RELEASE_DUE));
}

int32_t client_publish(struct client *client, const struct mqtt_publish *message)
{
    struct mqtt_publish next = *message;
    int32_t size;

    if (client->message_state != MESSAGE_NONE)
        return 0;     /* one at a time keeps the order [MQTT-4.6.0-1] [MQTT-4.6.0-4] */
    next.dup = false; /* [MQTT-4.3.1-1] [MQTT-4.3.2-1] [MQTT-4.3.3-1] */
    next.packet_id = new_packet_id(client); /* not encoded at QoS 0 [MQTT-2.3.1-5] */
    size = mqtt_encode_publish_header(NULL, 0, &next);
    if (size > (int32_t)sizeof client->out)
        return MQTT_ERROR_BUFFER_TOO_SMALL;
    if (size > 0) {
        client->message = next;
        client->message_state = MESSAGE_DUE;
    }
    return size;
}

void client_disconnect(struct client *client)
{
    client->wants_disconnect = true;
}

/* ---------------------------------------------------------------------------------------------
 * THE PORT to POSIX sockets, and a main
 * ------------------------------------------------------------------------------------------- */
#if defined(CLIENT_HAS_MAIN)

#define PROGRAM "embedded_client"

#include "network.h"

#include <poll.h>

#define RETRY_PAUSE    200  /* milliseconds */
#define PREVIEW_LENGTH 40   /* bytes of a message that are printed */
#define TIMEOUT        5000 /* milliseconds */

static struct {
    const char *id;
    const char *filter;
    const char *topic;
    const char *message;
    uint32_t size;
    uint32_t qos;
    uint32_t messages;
    uint32_t seconds;
    uint32_t keep_alive;
} options = {.id = "embedded", .qos = 1, .messages = 1, .seconds = 10, .keep_alive = 60};

static const struct option known_options[] = {
    {"--id ID", TEXT, &options.id, 0, 0, "the client id"},
    {"--subscribe FILTER", TEXT, &options.filter, 0, 0, "subscribe to it, at QoS 2"},
    {"--topic TOPIC", TEXT, &options.topic, 0, 0, "publish to it, once"},
    {"--message TEXT", TEXT, &options.message, 0, 0, "publish this text"},
    {"--size BYTES", NUMBER, &options.size, 0, MQTT_REMAINING_LENGTH_MAX,
     "or this many bytes of a pattern, made piece by piece"},
    {"--qos N", NUMBER, &options.qos, 0, 2, "the QoS of the published message"},
    {"--messages N", NUMBER, &options.messages, 0, INT32_MAX,
     "with --subscribe: end when this many messages have arrived and\n"
     "                             the published message is acknowledged"},
    {"--seconds N", NUMBER, &options.seconds, 0, 1000000, "end after this time in any case"},
    {"--keep-alive SECONDS", NUMBER, &options.keep_alive, 0, UINT16_MAX, "keep alive; 0: none"},
};

static const struct command_line command_line = {
    "Usage: embedded_client HOST PORT [OPTION VALUE]...\n"
    "Publishes a message to an MQTT 3.1.1 server, or receives messages, as a small device "
    "would.\n\n",
    "\nThe exit status is 0 if all of that has happened, 1 if not, 3 if the options are wrong, "
    "HOST\nis unknown or the output fails.\n",
    known_options,
    sizeof known_options / sizeof known_options[0],
};

/* The exit statuses of the program. */
enum {
    ALL_IS_WELL = 0,
    NOT_DONE = 1,
    FAILED = 3
};

/* The context of the client's callbacks. */
struct host {
    struct addrinfo *server;
    int socket;        /* -1: none */
    uint32_t messages; /* received so far */
    uint32_t crc;      /* of the message that is arriving */
    char preview[PREVIEW_LENGTH];
};

/* The clock of a device often has 32 bits, and wraps. */
static uint32_t device_time(void)
{
    return (uint32_t)milliseconds();
}

/* Some systems report ENOTCONN while a connection is being made. */
static int32_t port_result(ssize_t count)
{
    if (count >= 0)
        return (int32_t)count;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOTCONN)
        return 0;
    return -1;
}

static int32_t port_send(void *context, const uint8_t *bytes, size_t length)
{
    const struct host *host = (const struct host *)context;

    return port_result(send(host->socket, bytes, length, 0));
}

static int32_t port_recv(void *context, uint8_t *bytes, size_t capacity)
{
    const struct host *host = (const struct host *)context;
    const ssize_t count = recv(host->socket, bytes, capacity, 0);

    return count == 0 ? -1 : port_result(count);
}

static uint32_t crc32_with(uint32_t crc, uint8_t byte)
{
    int bit;

    crc = ~crc ^ byte;
    for (bit = 0; bit < 8; bit++)
        crc = crc / 2 ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
    return ~crc;
}

/* Prints the beginning, without bytes that could control a terminal. */
static void print_message(void *context, const struct mqtt_publish *publish, size_t offset,
                          struct mqtt_bytes piece)
{
    struct host *host = (struct host *)context;
    const size_t length = publish->payload.length;
    size_t i;

    if (offset == 0)
        host->crc = 0;
    for (i = 0; i < piece.length; i++) {
        const uint8_t byte = piece.data[i];
        host->crc = crc32_with(host->crc, byte);
        if (offset + i < PREVIEW_LENGTH)
            host->preview[offset + i] = (char)(byte >= 0x20 && byte < 0x7F ? byte : '.');
    }
    if (offset + piece.length < length)
        return;
    host->messages++;
    printf("message: QoS %d, %zu bytes, CRC-32 %08" PRIx32 ", %.*s\n", publish->qos, length,
           host->crc, (int)(length < PREVIEW_LENGTH ? length : PREVIEW_LENGTH), host->preview);
}

/* A pattern instead of a sensor or a file. Their data may be larger than the RAM. */
static void read_pattern(void *context, size_t offset, uint8_t *bytes, size_t length)
{
    size_t i;

    (void)context;
    for (i = 0; i < length; i++)
        bytes[i] = (uint8_t)('a' + (offset + i) % 26);
}

static int32_t publish_message(struct client *client)
{
    struct mqtt_publish publish = {0};

    if (options.topic == NULL)
        return 0;
    publish.topic = mqtt_string_from(options.topic);
    publish.qos = (uint8_t)options.qos;
    publish.payload.length = options.size;
    if (options.message != NULL) {
        publish.payload.data = (const uint8_t *)options.message;
        publish.payload.length = strlen(options.message);
    }
    return client_publish(client, &publish);
}

static void report_end(const struct client *client)
{
    static const char *const reasons[] = {
        "not connected",
        "disconnected",
        "the connection is gone",
        "the server is silent",
        "the server refuses, return code",
        "the server refuses the subscription",
        "malformed, status",
        "not expected, type",
        "too large, type",
        "too many messages of QoS 2 in flight",
        "the options make an invalid packet, status",
    }; /* in the order of enum client_end */

    printf("closed: %s (%d)\n", reasons[client->end], (int)client->detail);
}

/* One turn of the main loop. A device would sleep until an interrupt instead of calling poll. */
static void turn(struct client *client, struct host *host)
{
    const enum client_state before = client->state;
    const bool was_subscribed = client->is_subscribed;
    struct pollfd wait = {.fd = host->socket, .events = POLLIN};

    if (before == CLIENT_CLOSED) {
        if (host->socket >= 0)
            close(host->socket);
        host->socket = connect_to(host->server);
        if (host->socket >= 0) {
            client_open(client, device_time());
        } else {
            complain("connecting: %s", strerror(errno));
            poll(NULL, 0, RETRY_PAUSE);
        }
        return;
    }
    if (client_has_output(client))
        wait.events |= POLLOUT;
    poll(&wait, 1, 50);
    client_step(client, device_time());
    if (before == CLIENT_CONNECTING && client->state == CLIENT_CONNECTED)
        puts("connected");
    if (!was_subscribed && client->is_subscribed)
        puts("subscribed");
    if (client->state == CLIENT_CLOSED) {
        report_end(client);
        if (client->end != CLIENT_DISCONNECTED)
            poll(NULL, 0, RETRY_PAUSE);
    }
}

/* Returns true if everything that the options ask for has happened in time. */
static bool run(struct client *client, struct host *host)
{
    const int64_t end = milliseconds() + (int64_t)options.seconds * 1000;
    bool is_done = false;

    while (client->end != CLIENT_DISCONNECTED && client->end != CLIENT_WRONG_CONFIGURATION &&
           milliseconds() < end) {
        turn(client, host);
        is_done = client->message_state == MESSAGE_NONE && host->messages >= options.messages;
        if (is_done && client->state == CLIENT_CONNECTED)
            client_disconnect(client);
    }
    return is_done;
}

/* Returns the exit status. */
static int run_client(struct host *host)
{
    struct mqtt_subscription subscription = {0};
    struct client_config config = {.timeout = TIMEOUT,
                                   .send = port_send,
                                   .recv = port_recv,
                                   .on_message = print_message,
                                   .read_payload = read_pattern};
    struct client client = {.config = &config};
    int32_t status;
    bool is_done;

    config.context = host;
    config.connect.client_id = mqtt_string_from(options.id);
    config.connect.keep_alive = (uint16_t)options.keep_alive;
    config.subscriptions = &subscription;
    config.subscription_count = options.filter != NULL;
    subscription.filter = mqtt_string_from(options.filter != NULL ? options.filter : "");
    subscription.qos = 2;
    status = publish_message(&client);
    if (status < 0) {
        fprintf(stderr, PROGRAM ": %s\n", mqtt_status_message(status));
        return FAILED;
    }
    is_done = run(&client, host);
    if (host->socket >= 0)
        close(host->socket);
    return is_done ? ALL_IS_WELL : NOT_DONE;
}

int main(int argc, char **argv)
{
    struct host host = {.socket = -1};
    const char *address[2] = {NULL, NULL}; /* HOST, PORT */
    enum parse_result parsed = REFUSED_ARGUMENTS;
    int result;

    if (occupy_standard_files())
        parsed = parse_arguments(&command_line, argc, argv, address, 2);
    if (parsed == ANSWERED)
        return ALL_IS_WELL;
    if (parsed == PARSED && address[1] == NULL)
        complain("HOST and PORT are needed; --help says more");
    if (parsed != PARSED || address[1] == NULL)
        return FAILED;
    if (options.filter == NULL)
        options.messages = 0;
    host.server = look_up(address[0], address[1], 0);
    if (host.server == NULL)
        return FAILED;
    setvbuf(stdout, NULL, _IOLBF, 0);
    ignore_broken_pipes();
    result = run_client(&host);
    freeaddrinfo(host.server);
    return flush_output() ? result : FAILED;
}

#endif
