/* SPDX-License-Identifier: MIT
 *
 * small.h: what small_client.c and small_broker.c share. They work with the packets of MQTT 5.0 and
 * also speak MQTT 3.1.1: this file converts. `level` is the protocol level of the connection: 4 is
 * 3.1.1, 5 is 5.0 [3.1.2.2]. Include mqtt_codec.h before this file.
 *
 * In a packet that is converted from 3.1.1, everything that only 5.0 has is 0 or empty, which means
 * the same. In a packet that is converted to 3.1.1, it is left out. */
#if !defined(SMALL_H)
#define SMALL_H

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

/* Converts a decoded packet of 3.1.1. Both versions give the packet types the same numbers. Without
 * user name and password, which neither program reads. */
static inline struct mqtt_v5_packet packet_from_old(const struct mqtt_packet *old)
{
    struct mqtt_v5_packet packet = {.type = (enum mqtt_v5_packet_type)old->type};
    if (old->type == MQTT_CONNECT) {
        packet.as.connect.keep_alive = old->as.connect.keep_alive;
        packet.as.connect.clean_start = old->as.connect.clean_session;
        packet.as.connect.client_id = old->as.connect.client_id;
        packet.as.connect.has_will = old->as.connect.has_will;
        packet.as.connect.will.qos = old->as.connect.will.qos;
        packet.as.connect.will.retain = old->as.connect.will.retain;
        packet.as.connect.will.topic = old->as.connect.will.topic;
        packet.as.connect.will.payload = old->as.connect.will.message;
    } else if (old->type == MQTT_CONNACK) {
        packet.as.connack.session_present = old->as.connack.session_present;
        packet.as.connack.reason_code = old->as.connack.return_code; /* 1 to 5 are of 3.1.1 only */
    } else if (old->type == MQTT_PUBLISH) {
        packet.as.publish.packet_id = old->as.publish.packet_id;
        packet.as.publish.qos = old->as.publish.qos;
        packet.as.publish.dup = old->as.publish.dup;
        packet.as.publish.retain = old->as.publish.retain;
        packet.as.publish.topic = old->as.publish.topic;
        packet.as.publish.payload = old->as.publish.payload;
    } else if (old->type == MQTT_SUBSCRIBE) { /* the QoS is a byte of subscription options, too */
        packet.as.subscribe.packet_id = old->as.subscribe.packet_id;
        packet.as.subscribe.count = old->as.subscribe.count;
        packet.as.subscribe.encoded = old->as.subscribe.encoded;
    } else if (old->type == MQTT_SUBACK) {
        packet.as.suback.packet_id = old->as.suback.packet_id;
        packet.as.suback.count = old->as.suback.count;
        packet.as.suback.reason_codes = old->as.suback.return_codes;
    } else if (old->type == MQTT_UNSUBSCRIBE) {
        packet.as.unsubscribe.packet_id = old->as.unsubscribe.packet_id;
        packet.as.unsubscribe.count = old->as.unsubscribe.count;
        packet.as.unsubscribe.encoded = old->as.unsubscribe.encoded;
    } else if (old->type >= MQTT_PUBACK && old->type <= MQTT_PUBCOMP) {
        packet.as.ack.packet_id = old->as.ack.packet_id;
    }
    return packet;
}

static inline struct mqtt_connect connect_to_old(const struct mqtt_v5_connect *connect)
{
    struct mqtt_connect old = {0};
    old.keep_alive = connect->keep_alive;
    old.clean_session = connect->clean_start;
    old.client_id = connect->client_id;
    old.has_will = connect->has_will;
    old.will.qos = connect->will.qos;
    old.will.retain = connect->will.retain;
    old.will.topic = connect->will.topic;
    old.will.message = connect->will.payload;
    old.has_user_name = connect->has_user_name;
    old.user_name = connect->user_name;
    old.has_password = connect->has_password;
    old.password = connect->password;
    return old;
}

/* Encodes for either version. For 3.1.1 not UNSUBSCRIBE, and at most eight subscriptions, which have
 * to be in a sender's array. */
static inline int32_t encode_packet(uint8_t level, void *buffer, size_t capacity,
                                    const struct mqtt_v5_packet *packet)
{
    struct mqtt_packet old = {.type = (enum mqtt_packet_type)packet->type};
    struct mqtt_subscription subscriptions[8];
    if (level >= 5)
        return mqtt_v5_encode(buffer, capacity, packet);
    if (packet->type == MQTT_V5_CONNECT) {
        old.as.connect = connect_to_old(&packet->as.connect);
    } else if (packet->type == MQTT_V5_SUBSCRIBE) {
        if (packet->as.subscribe.count > 8)
            return MQTT_ERROR_PACKET_TOO_LARGE;
        for (size_t i = 0; i < packet->as.subscribe.count; i++) {
            subscriptions[i].filter = packet->as.subscribe.subscriptions[i].filter;
            subscriptions[i].qos = packet->as.subscribe.subscriptions[i].qos;
        }
        old.as.subscribe.packet_id = packet->as.subscribe.packet_id;
        old.as.subscribe.subscriptions = subscriptions;
        old.as.subscribe.count = packet->as.subscribe.count;
    } else if (packet->type == MQTT_V5_CONNACK) {
        old.as.connack.session_present = packet->as.connack.session_present;
        old.as.connack.return_code = packet->as.connack.reason_code;
    } else if (packet->type == MQTT_V5_PUBLISH) {
        old.as.publish.packet_id = packet->as.publish.packet_id;
        old.as.publish.qos = packet->as.publish.qos;
        old.as.publish.dup = packet->as.publish.dup;
        old.as.publish.retain = packet->as.publish.retain;
        old.as.publish.topic = packet->as.publish.topic;
        old.as.publish.payload = packet->as.publish.payload;
    } else if (packet->type == MQTT_V5_SUBACK) {
        old.as.suback.packet_id = packet->as.suback.packet_id;
        old.as.suback.count = packet->as.suback.count;
        old.as.suback.return_codes = packet->as.suback.reason_codes;
    } else if (packet->type == MQTT_V5_UNSUBACK) {
        old.as.ack.packet_id = packet->as.unsuback.packet_id;
    } else if (packet->type >= MQTT_V5_PUBACK && packet->type <= MQTT_V5_PUBCOMP) {
        old.as.ack.packet_id = packet->as.ack.packet_id;
    }
    return mqtt_encode(buffer, capacity, &old);
}

/* Decodes a packet of a client. Sets *level, 0 before, from the CONNECT, which comes first. */
static inline int32_t decode_from_client(uint8_t *level, struct mqtt_v5_packet *packet,
                                         const void *bytes, size_t length)
{
    struct mqtt_packet old = {0};
    if (*level == 0 && mqtt_decode_protocol_level(level, bytes, length) == MQTT_PACKET_INCOMPLETE)
        return MQTT_PACKET_INCOMPLETE;
    if (*level >= 5)
        return mqtt_v5_decode_from_client(packet, bytes, length);
    const int32_t size = mqtt_decode_from_client(&old, bytes, length);
    if (size > 0)
        *packet = packet_from_old(&old);
    return size;
}

/* Decodes a packet of a server. */
static inline int32_t decode_from_server(uint8_t level, struct mqtt_v5_packet *packet,
                                         const void *bytes, size_t length)
{
    struct mqtt_packet old = {0};
    if (level >= 5)
        return mqtt_v5_decode_from_server(packet, bytes, length);
    const int32_t size = mqtt_decode_from_server(&old, bytes, length);
    if (size > 0)
        *packet = packet_from_old(&old);
    return size;
}

/* Returns the value of a property, or `otherwise` if the packet does not have it. */
static inline uint32_t number_of(const struct mqtt_v5_properties *properties,
                                 enum mqtt_v5_property_id id, uint32_t otherwise)
{
    struct mqtt_v5_property property = {.as.number = otherwise};
    mqtt_v5_find_property(properties, id, &property);
    return property.as.number;
}

/* Makes the message of a will, for a session that ends with its connection: then there is no delay.
 * Without a will, its topic is empty. */
static inline struct mqtt_v5_publish publish_of_will(const struct mqtt_v5_connect *connect)
{
    struct mqtt_v5_publish publish = {0};
    if (connect->has_will) {
        publish.packet_id = 1; /* any: each receiver gets its own */
        publish.qos = connect->will.qos;
        publish.retain = connect->will.retain;
        publish.topic = connect->will.topic;
        publish.payload = connect->will.payload;
        publish.properties = connect->will.properties;
        publish.properties.without = MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_WILL_DELAY_INTERVAL);
    }
    return publish;
}

/* The code with which a server answers a packet that it refuses, or 0 for none. */
static inline uint8_t refusal_code(uint8_t level, int32_t status)
{
    const int32_t code =
        level >= 5 ? mqtt_v5_reason_code_for(status) : mqtt_connack_code_for(status);
    return code > 0 ? (uint8_t)code : 0;
}

/* A return code or a reason code in words. */
static inline const char *code_name(uint8_t level, uint8_t code, enum mqtt_v5_packet_type type)
{
    static const char *const refusals[] = {"accepted",    "wrong version",     "bad client id",
                                           "unavailable", "bad user/password", "not authorized"};
    if (level >= 5)
        return mqtt_v5_reason_code_name(code, type);
    return type == MQTT_V5_CONNACK && code <= 5 ? refusals[code] : "Failure";
}

/* A status in the words, and by the clause, of the version. `type` counts only in 5.0. */
static inline const char *status_message(uint8_t level, int32_t status)
{
    return level >= 5 ? mqtt_v5_status_message(status) : mqtt_status_message(status);
}

static inline const char *status_clause(uint8_t level, int32_t status,
                                        enum mqtt_v5_packet_type type)
{
    return level >= 5 ? mqtt_v5_status_clause(status, type) : mqtt_status_clause(status);
}

/* True if the server refuses something: then *what it refuses and *why, in words. */
static inline bool is_refusal(uint8_t level, const struct mqtt_v5_packet *packet, const char **what,
                              const char **why)
{
    uint8_t code = 0; /* 0x80 and above, and in a CONNACK 1 to 5 too, mean failure */
    if (packet->type == MQTT_V5_CONNACK) {
        *what = "The server refused the connection:";
        code = packet->as.connack.reason_code;
    } else if (packet->type == MQTT_V5_DISCONNECT) {
        *what = "The server ends the connection:";
        code = packet->as.disconnect.reason_code;
    } else if (packet->type == MQTT_V5_PUBACK) {
        *what = "The server refused the message:";
        code = packet->as.ack.reason_code;
    } else if (packet->type == MQTT_V5_SUBACK) {
        *what = "The server refused a subscription:";
        for (size_t i = 0; i < packet->as.suback.count && code < 0x80; i++)
            code = packet->as.suback.reason_codes[i];
    }
    *why = code_name(level, code, packet->type);
    return code >= 0x80 || (packet->type == MQTT_V5_CONNACK && code > 0) ||
           packet->type == MQTT_V5_DISCONNECT;
}

/* Returns a connected socket, or -1. */
static inline int connect_to(const char *host, const char *port)
{
    struct addrinfo *addresses = NULL;
    struct addrinfo hints = {0};
    int connected = -1;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, port, &hints, &addresses) != 0)
        return -1;
    for (struct addrinfo *a = addresses; a != NULL && connected < 0; a = a->ai_next) {
        connected = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (connected >= 0 && connect(connected, a->ai_addr, a->ai_addrlen) != 0) {
            close(connected);
            connected = -1;
        }
    }
    freeaddrinfo(addresses);
    return connected;
}

#endif
