/* SPDX-License-Identifier: MIT
 *
 * embedded_client.c: the MQTT 3.1.1 client of a small device. Two buffers of fixed size, no heap,
 * no call that waits: a main loop calls client_step, which sends and receives what it can and
 * returns. Messages of any size pass through the buffers in pieces.
 *
 * The client, down to THE PORT, includes nothing but mqtt_codec.h. docs/embedded_client.md says how
 * to compile it for a Cortex-M0. Below it stands a port to POSIX sockets with a main, which
 * -ffreestanding leaves out, and so does -DEMBEDDED_CLIENT_ONLY:
 *
 *     cc -o embedded_client examples/complete/embedded_client.c
 *     ./embedded_client 127.0.0.1 1883 --subscribe 'sensors/#' --topic sensors/1 --message 21.5
 */
#if __STDC_HOSTED__ && !defined(EMBEDDED_CLIENT_ONLY)
#define CLIENT_HAS_MAIN
#define _POSIX_C_SOURCE 200809L
#endif

#include "../../mqtt_codec.h"

/* ---------------------------------------------------------------------------------------------
 * The interface of the client
 * ------------------------------------------------------------------------------------------- */

/* Of each of the two buffers, in bytes. What is no PUBLISH, and the topic of a PUBLISH, must fit */
#if !defined(CLIENT_BUFFER_SIZE)
#define CLIENT_BUFFER_SIZE 256
#endif

/* QoS 2 messages received of which the server has not sent the PUBREL yet. A server that has more
 * of them in flight is left, and after a reconnect it sends again. */
#if !defined(CLIENT_RECEIVED_MAX)
#define CLIENT_RECEIVED_MAX 32
#endif

#define CLIENT_ANSWER_SIZE  4u /* of a PUBACK, PUBREC or PUBCOMP */
#define CLIENT_ANSWERS_SIZE (8u * CLIENT_ANSWER_SIZE)

enum client_state {
    CLIENT_CLOSED,     /* the port closes its connection, opens another, calls client_open */
    CLIENT_CONNECTING, /* the CONNACK is awaited */
    CLIENT_CONNECTED,
    CLIENT_CLOSING /* the DISCONNECT is on its way */
};

/* Why a connection has ended, and what client.detail then is. */
enum client_end {
    CLIENT_NOT_ENDED,
    CLIENT_DISCONNECTED,       /* as client_disconnect wished */
    CLIENT_GONE,               /* `send` or `recv` said so */
    CLIENT_SILENT,             /* the server took or sent nothing for too long */
    CLIENT_REFUSED,            /* the CONNACK said so; its return code */
    CLIENT_NOT_SUBSCRIBED,     /* the SUBACK said so; which subscription, from 0 */
    CLIENT_MALFORMED,          /* the server sent a malformed packet; an mqtt_status */
    CLIENT_VIOLATION,          /* the server sent what it may not send then; the packet's type */
    CLIENT_TOO_LARGE,          /* a packet, or the topic of a PUBLISH; the packet's type */
    CLIENT_TOO_MANY,           /* QoS 2 messages in flight */
    CLIENT_WRONG_CONFIGURATION /* CONNECT or SUBSCRIBE cannot be encoded; an mqtt_status */
};

/* What the device decides; it outlives the client. */
struct client_config {
    struct mqtt_connect connect;
    const struct mqtt_subscription *subscriptions;
    size_t subscription_count;
    uint32_t timeout; /* milliseconds in which a server that lives answers */

    /* The port: returns the number of bytes, 0 if it would have to wait, or -1: the connection is
     * gone. */
    int32_t (*send)(void *context, const uint8_t *bytes, size_t length);
    int32_t (*recv)(void *context, uint8_t *bytes, size_t capacity);

    /* A piece of a message; publish->payload.length is that of the whole, its data NULL. The pieces
     * come in order, the last one ends at that length; offset 0 begins a message, even if the one
     * before was not completed, which happens when a connection is lost. */
    void (*on_message)(void *context, const struct mqtt_publish *publish, size_t offset,
                       struct mqtt_bytes piece);

    /* Writes a piece of the payload of a message that was published without data. */
    void (*read_payload)(void *context, size_t offset, uint8_t *bytes, size_t length);

    void *context;
};

enum client_message_state {
    MESSAGE_NONE,
    MESSAGE_DUE,
    MESSAGE_BEGUN,       /* its header is in `out`, of its payload message_offset bytes */
    MESSAGE_SENT,        /* so is all of it; QoS 0: it is to leave, else an answer is to come */
    MESSAGE_RELEASE_DUE, /* its PUBREC is here */
    MESSAGE_RELEASED     /* its PUBREL is sent, its PUBCOMP is awaited */
};

/* All of the client's state: zeroed, then `config` set. What the standard calls the Session (4.1)
 * outlasts a connection. Nothing here is to be changed from outside. */
struct client {
    const struct client_config *config;
    enum client_state state;
    enum client_end end;
    int32_t detail;

    uint32_t now; /* all times are milliseconds of the device's clock, which may wrap */
    uint32_t asked_at;
    uint32_t sent_at;
    uint32_t moved_at;
    uint32_t received_at;
    bool awaits_answer; /* to the CONNECT or the PINGREQ sent at asked_at */
    bool wants_disconnect;

    uint8_t in[CLIENT_BUFFER_SIZE];
    size_t in_length;
    struct mqtt_publish streamed; /* a PUBLISH larger than `in`, its topic is in `in` */
    size_t streamed_header;       /* its bytes before the payload, or 0: there is none */
    size_t streamed_offset;

    uint8_t out[CLIENT_BUFFER_SIZE];
    size_t out_length;
    size_t out_sent;
    uint8_t answers[CLIENT_ANSWERS_SIZE]; /* that wait for `out` */
    size_t answers_length;

    struct mqtt_publish message;
    enum client_message_state message_state;
    size_t message_offset;
    uint16_t received[CLIENT_RECEIVED_MAX]; /* packet ids, 0 where none is */
    uint16_t last_id;
    uint16_t subscribe_id; /* of the SUBSCRIBE on its way, or 0 */
    bool is_subscribed;
};

/* Begins with CONNECT on a connection that the port has opened. */
void client_open(struct client *client, uint32_t now);

/* Does what there is to do, at most one `recv` and one `send`. */
enum client_state client_step(struct client *client, uint32_t now);

/* Whether a step has something to send now, without waiting for the clock or the server. */
bool client_has_output(const struct client *client);

/* Publishes, now or when connected; client->message_state is MESSAGE_NONE again when that is done:
 * sent at QoS 0, acknowledged to the end at QoS 1 and 2. Until then topic and payload stay where
 * they are; a payload with a length but no data is asked from read_payload. Returns the size of the
 * packet without its payload, 0 if a message is in flight already, or an mqtt_status. */
int32_t client_publish(struct client *client, const struct mqtt_publish *message);

void client_disconnect(struct client *client);

/* ---------------------------------------------------------------------------------------------
 * Small things
 * ------------------------------------------------------------------------------------------- */

static void end_connection(struct client *client, enum client_end end, int32_t detail)
{
    client->state = CLIENT_CLOSED;
    client->end = end;
    client->detail = detail;
}

static bool has_elapsed(const struct client *client, uint32_t since, uint32_t duration)
{
    return client->now - since >= duration; /* right when the clock has wrapped, too */
}

static void remove_received(struct client *client, size_t from, size_t count)
{
    size_t i;

    client->in_length -= count;
    for (i = from; i < client->in_length; i++)
        client->in[i] = client->in[i + count];
}

/* An id that no packet in flight has [MQTT-2.3.1-2], and not 0 [MQTT-2.3.1-1]. */
static uint16_t new_packet_id(struct client *client)
{
    do {
        client->last_id++;
    } while (
        client->last_id == 0 || client->last_id == client->subscribe_id ||
        (client->message_state != MESSAGE_NONE && client->last_id == client->message.packet_id));
    return client->last_id;
}

/* Where `packet_id` is among those received, or with 0 where there is a place for one. */
static uint16_t *find_received(struct client *client, uint16_t packet_id)
{
    size_t i;

    for (i = 0; i < CLIENT_RECEIVED_MAX; i++)
        if (client->received[i] == packet_id)
            return &client->received[i];
    return NULL;
}

/* ---------------------------------------------------------------------------------------------
 * Sending: what is due next is encoded when `out` is empty, so that nothing gets between the
 * pieces of a payload
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
    if (count == left) /* unacknowledged until the answer is here [MQTT-4.3.2-1] [MQTT-4.3.3-1] */
        client->message_state = MESSAGE_SENT;
}

/* Early enough that the interval between packets stays below the keep alive [MQTT-3.1.2-23]. Where
 * the device sends often but hears nothing, it asks as well: the server may be gone. */
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
    } else if (client->wants_disconnect) { /* nothing is sent after it [MQTT-3.14.4-2] */
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
        /* From the PUBREC on not PUBLISH but this is sent again [MQTT-4.3.3-1]. */
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
    if (client->state == CLIENT_CLOSING) /* and the port closes it [MQTT-3.14.4-1] */
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

    if (size > 0) /* always: take_one has seen that there is room */
        client->answers_length += (size_t)size;
}

/* Whether a message is to be delivered: one of QoS 2 only until it has been [MQTT-4.3.3-2]. */
static bool is_new(struct client *client, const struct mqtt_publish *publish)
{
    return publish->qos < 2 || find_received(client, publish->packet_id) == NULL;
}

/* Asked before anything of the message is delivered: without a place for its packet id it would be
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

/* Once all of it is delivered, whatever the device makes of it [MQTT-4.5.0-2], as Table 3.4 says
 * [MQTT-3.3.4-1], with its packet id [MQTT-2.3.1-6]. */
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

/* Even a packet id that is not known is answered: the device may have been reset. */
static void handle_pubrel(struct client *client, uint16_t packet_id)
{
    uint16_t *place = find_received(client, packet_id);

    if (place != NULL)
        *place = 0; /* from now on it is that of a new message [MQTT-4.3.3-2] */
    answer(client, packet_id, mqtt_encode_pubcomp);
}

/* PUBACK, PUBREC or PUBCOMP. One that the message does not wait for is passed over: it may belong
 * to what was sent before the device was reset. A PUBREC that comes again asks for PUBREL again. */
static void handle_acknowledgement(struct client *client, enum mqtt_packet_type type,
                                   uint16_t packet_id)
{
    const enum client_message_state state = client->message_state;
    const uint8_t qos = client->message.qos;

    if (packet_id != client->message.packet_id)
        return;
    if (type == MQTT_PUBREC && qos == 2 && (state == MESSAGE_SENT || state == MESSAGE_RELEASED))
        client->message_state = MESSAGE_RELEASE_DUE;
    else if ((type == MQTT_PUBACK && qos == 1 && state == MESSAGE_SENT) ||
             (type == MQTT_PUBCOMP && state == MESSAGE_RELEASED))
        client->message_state = MESSAGE_NONE; /* the packet id is free again [MQTT-2.3.1-3] */
}

/* The server has no session, as always with clean session 1 [MQTT-3.1.2-6]: what was in flight is a
 * new message to it. */
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
    default: /* an UNSUBACK, though there was no UNSUBSCRIBE */
        end_connection(client, CLIENT_VIOLATION, (int32_t)packet->type);
        break;
    }
}

/* ---------------------------------------------------------------------------------------------
 * Receiving: small packets whole, a large PUBLISH in pieces
 * ------------------------------------------------------------------------------------------- */

/* Begins to stream a packet that `in` cannot hold, if it is a PUBLISH whose header `in` can hold
 * with room for some payload. Returns false if more bytes must come first. */
static bool begin_streaming(struct client *client)
{
    struct mqtt_fixed_header fixed;
    int32_t size = mqtt_decode_fixed_header(&fixed, client->in, client->in_length);

    if (size < 0 || fixed.remaining_length <= sizeof client->in - (size_t)size)
        return false; /* it will be whole */
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

/* The header stays at the front of `in`, for the sake of the topic; the payload comes and goes
 * behind it. */
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

/* Returns false if there is nothing to take yet: bytes are missing, or room for an answer, and then
 * the server waits too. */
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
    if (size < 0) { /* flags [MQTT-2.2.2-2] [MQTT-3.3.1-4], strings [MQTT-1.5.3-1] and more */
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
    while (client->state != CLIENT_CLOSED && take_one(client)) {
        /* the next one */
    }
}

/* ---------------------------------------------------------------------------------------------
 * What the main loop calls
 * ------------------------------------------------------------------------------------------- */

/* What is not acknowledged is sent again, under its packet id [MQTT-4.4.0-1] and, a PUBLISH, with
 * DUP [MQTT-3.3.1-1]. At QoS 0 it is a message of which the server has no more than a part. */
static void requeue_message(struct client *client)
{
    if (client->message_state == MESSAGE_RELEASED)
        client->message_state = MESSAGE_RELEASE_DUE;
    if (client->message_state == MESSAGE_BEGUN || client->message_state == MESSAGE_SENT) {
        client->message.dup = client->message.qos > 0; /* [MQTT-3.3.1-2] */
        client->message_state = MESSAGE_DUE;
    }
}

/* CONNECT is the first packet [MQTT-3.1.0-1]. The same configuration makes it each time, so the
 * client id is that of the session [MQTT-3.1.3-2], whose state is not touched here [MQTT-3.1.2-4]
 * [MQTT-4.1.0-1] [MQTT-4.1.0-2]. The encoder refuses an empty one without clean session
 * [MQTT-3.1.3-7], a password without a user name [MQTT-3.1.2-22] and strings that are not UTF-8. */
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

/* Gives up on a server that does not answer (3.1.2.10, 3.2), or takes nothing of what is sent. One
 * that is in the middle of a long message lives. */
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
        return 0;     /* one at a time keeps every order [MQTT-4.6.0-1] [MQTT-4.6.0-4] */
    next.dup = false; /* [MQTT-4.3.1-1] [MQTT-4.3.2-1] [MQTT-4.3.3-1] */
    next.packet_id = new_packet_id(client); /* that QoS 0 does not use [MQTT-2.3.1-5] */
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

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RETRY_PAUSE    200  /* milliseconds */
#define PREVIEW_LENGTH 40   /* bytes of a message that are shown */
#define TIMEOUT        5000 /* milliseconds */

static const char usage[] =
    "Usage: embedded_client HOST PORT [OPTION VALUE]...\n"
    "Publishes a message to an MQTT 3.1.1 server, or receives messages, as a small device would.\n"
    "\n"
    "  --id ID           the client id, \"embedded\" if not given\n"
    "  --subscribe FILTER\n"
    "  --subscribe-qos N what is asked for, 2 if not given\n"
    "  --topic TOPIC     publish to it, once\n"
    "  --message TEXT    this, or\n"
    "  --size BYTES      so many bytes of a pattern, made piece by piece\n"
    "  --qos N           of what is published, 1 if not given\n"
    "  --messages N      end when so many have come, 1 with --subscribe if not given, and what\n"
    "                    is published is acknowledged\n"
    "  --seconds N       end then in any case, 10 if not given\n"
    "  --keep-alive N    seconds, 60 if not given\n"
    "  --help            print this and exit\n"
    "\n"
    "The exit status is 0 if all of that has happened, 1 if not, 3 if the options are wrong or if\n"
    "HOST is not known or if the output fails.\n";

/* What the program exits with. */
enum {
    ALL_IS_WELL = 0,
    NOT_DONE = 1,
    FAILED = 3
};

struct options {
    const char *id;
    const char *filter;
    const char *topic;
    const char *message;
    unsigned long subscribe_qos;
    unsigned long size;
    unsigned long qos;
    unsigned long messages;
    unsigned long seconds;
    unsigned long keep_alive;
};

/* The context of the client's callbacks. */
struct host {
    struct addrinfo *server;
    int socket;             /* -1: none */
    unsigned long messages; /* that have come */
    uint32_t crc;           /* of the message that is coming */
    char preview[PREVIEW_LENGTH];
};

static uint32_t milliseconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint32_t)time.tv_sec * 1000u + (uint32_t)(time.tv_nsec / 1000000);
}

/* ENOTCONN is what some systems say while a connection is being made. */
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

    return port_result(send(host->socket, bytes, length, MSG_NOSIGNAL));
}

static int32_t port_recv(void *context, uint8_t *bytes, size_t capacity)
{
    const struct host *host = (const struct host *)context;
    const ssize_t count = recv(host->socket, bytes, capacity, 0);

    return count == 0 ? -1 : port_result(count);
}

/* Does not wait. Returns -1, with an explanation, if no connection can be begun. */
static int port_connect(const struct addrinfo *address)
{
    const int file = socket(address->ai_family, address->ai_socktype, address->ai_protocol);

    if (file >= 0 && fcntl(file, F_SETFL, O_NONBLOCK) == 0 &&
        (connect(file, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS))
        return file;
    fprintf(stderr, "embedded_client: connecting: %s.\n", strerror(errno));
    if (file >= 0)
        close(file);
    return -1;
}

static uint32_t crc32_with(uint32_t crc, uint8_t byte)
{
    int bit;

    crc = ~crc ^ byte;
    for (bit = 0; bit < 8; bit++)
        crc = crc / 2 ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
    return ~crc;
}

/* Shows the beginning, without what could command a terminal. */
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

/* Stands for a sensor's memory or a file, which need not fit into RAM. */
static void read_pattern(void *context, size_t offset, uint8_t *bytes, size_t length)
{
    size_t i;

    (void)context;
    for (i = 0; i < length; i++)
        bytes[i] = (uint8_t)('a' + (offset + i) % 26);
}

/* What an option `name value` sets: `text`, or `number` if its value is at most `largest`. */
struct option {
    const char *name;
    const char **text;
    unsigned long *number;
    unsigned long largest;
};

static bool set_option(const struct option *option, const char *value)
{
    unsigned long number;
    char *end;

    if (option->text != NULL) {
        *option->text = value;
        return true;
    }
    errno = 0;
    number = strtoul(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
        number > option->largest) { /* strtoul would take a sign and white space */
        fprintf(stderr, "embedded_client: %s %s: The value is a number from 0 to %lu.\n",
                option->name, value, option->largest);
        return false;
    }
    *option->number = number;
    return true;
}

static bool parse_options(struct options *options, int count, char **arguments)
{
    const struct option known[] = {
        {"--id", &options->id, NULL, 0},
        {"--subscribe", &options->filter, NULL, 0},
        {"--topic", &options->topic, NULL, 0},
        {"--message", &options->message, NULL, 0},
        {"--subscribe-qos", NULL, &options->subscribe_qos, 2},
        {"--size", NULL, &options->size, MQTT_REMAINING_LENGTH_MAX},
        {"--qos", NULL, &options->qos, 2},
        {"--messages", NULL, &options->messages, INT32_MAX},
        {"--seconds", NULL, &options->seconds, 1000000},
        {"--keep-alive", NULL, &options->keep_alive, UINT16_MAX},
    };
    const size_t known_count = sizeof known / sizeof known[0];
    int i;

    for (i = 0; i < count; i += 2) {
        size_t k = 0;
        while (k < known_count && strcmp(known[k].name, arguments[i]) != 0)
            k++;
        if (k == known_count || i + 1 == count) {
            fprintf(stderr, "embedded_client: %s %s; --help says more.\n", arguments[i],
                    k == known_count ? "is no option here" : "needs a value");
            return false;
        }
        if (!set_option(&known[k], arguments[i + 1]))
            return false;
    }
    if (options->filter == NULL)
        options->messages = 0;
    return true;
}

static int32_t publish_message(struct client *client, const struct options *options)
{
    struct mqtt_publish publish = {0};

    if (options->topic == NULL)
        return 0;
    publish.topic = mqtt_string_from(options->topic);
    publish.qos = (uint8_t)options->qos;
    publish.payload.length = options->size;
    if (options->message != NULL) {
        publish.payload.data = (const uint8_t *)options->message;
        publish.payload.length = strlen(options->message);
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
        "the options make no packet, status",
    }; /* in the order of enum client_end */

    printf("closed: %s (%d)\n", reasons[client->end], (int)client->detail);
}

/* One turn of the main loop; a device would sleep until an interrupt where this polls. */
static void turn(struct client *client, struct host *host)
{
    const enum client_state before = client->state;
    const bool was_subscribed = client->is_subscribed;
    struct pollfd wait = {.fd = host->socket, .events = POLLIN};

    if (before == CLIENT_CLOSED) {
        if (host->socket >= 0)
            close(host->socket);
        host->socket = port_connect(host->server);
        if (host->socket >= 0)
            client_open(client, milliseconds());
        else
            poll(NULL, 0, RETRY_PAUSE);
        return;
    }
    if (client_has_output(client))
        wait.events |= POLLOUT;
    poll(&wait, 1, 50);
    client_step(client, milliseconds());
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

/* Whether all that the options ask for has happened within their time. */
static bool run(struct client *client, struct host *host, const struct options *options)
{
    const uint32_t start = milliseconds();
    const uint32_t duration = (uint32_t)options->seconds * 1000u;
    bool is_done = false;

    while (client->end != CLIENT_DISCONNECTED && client->end != CLIENT_WRONG_CONFIGURATION &&
           milliseconds() - start < duration) {
        turn(client, host);
        is_done = client->message_state == MESSAGE_NONE && host->messages >= options->messages;
        if (is_done && client->state == CLIENT_CONNECTED)
            client_disconnect(client);
    }
    return is_done;
}

/* Where standard input, output or error is closed, the socket would take its place and get what is
 * printed. What takes it instead fails when it is used. */
static bool occupy_standard_files(void)
{
    int file;

    for (file = STDIN_FILENO; file <= STDERR_FILENO; file++)
        if (fcntl(file, F_GETFD) < 0 &&
            open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY) != file)
            return false;
    return true;
}

/* Returns the exit status. */
static int run_client(struct host *host, const struct options *options)
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
    config.connect.client_id = mqtt_string_from(options->id);
    config.connect.keep_alive = (uint16_t)options->keep_alive;
    config.subscriptions = &subscription;
    config.subscription_count = options->filter != NULL;
    subscription.filter = mqtt_string_from(options->filter != NULL ? options->filter : "");
    subscription.qos = (uint8_t)options->subscribe_qos;
    status = publish_message(&client, options);
    if (status < 0) {
        fprintf(stderr, "embedded_client: %s\n", mqtt_status_message(status));
        return FAILED;
    }
    is_done = run(&client, host, options);
    if (host->socket >= 0)
        close(host->socket);
    return is_done ? ALL_IS_WELL : NOT_DONE;
}

int main(int argc, char **argv)
{
    struct options options = {.id = "embedded",
                              .subscribe_qos = 2,
                              .qos = 1,
                              .messages = 1,
                              .seconds = 10,
                              .keep_alive = 60};
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct host host = {.socket = -1};
    int result = ALL_IS_WELL;

    if (!occupy_standard_files())
        return FAILED;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
    } else if (argc < 3) {
        fputs("embedded_client: HOST and PORT are needed; --help says more.\n", stderr);
        return FAILED;
    } else if (!parse_options(&options, argc - 3, argv + 3)) {
        return FAILED;
    } else {
        const int error = getaddrinfo(argv[1], argv[2], &hints, &host.server);
        if (error != 0) {
            fprintf(stderr, "embedded_client: %s, port %s: %s.\n", argv[1], argv[2],
                    gai_strerror(error));
            return FAILED;
        }
        result = run_client(&host, &options);
        freeaddrinfo(host.server);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("embedded_client: Standard output has failed.\n", stderr);
        return FAILED;
    }
    return result;
}

#endif
