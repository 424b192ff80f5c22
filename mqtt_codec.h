/* SPDX-License-Identifier: MIT
 *
 * mqtt_codec.h: encodes and decodes the packets of MQTT 3.1.1, all fourteen types, both ways.
 *
 * Every function is pure: no I/O, no allocation, no state, no global, no clock. A decoder refuses
 * every packet that the standard calls malformed, says which rule it breaks and at which byte; an
 * encoder refuses to write one. Section numbers and tags such as [MQTT-3.1.2-22] are those of the
 * OASIS Standard "MQTT Version 3.1.1" of 29 October 2014.
 *
 * A stream is decoded by a loop, here a client's, with `length` bytes received so far:
 *
 *     struct mqtt_packet packet;
 *     size_t used = 0;
 *     int32_t n;
 *     while ((n = mqtt_decode_from_server(&packet, bytes + used, length - used)) > 0) {
 *         used += (size_t)n;
 *         if (packet.type == MQTT_PUBLISH)
 *             handle(packet.as.publish.topic, packet.as.publish.payload);
 *     }
 *     if (n != MQTT_INCOMPLETE)
 *         fprintf(stderr, "%s [%s]\n", mqtt_status_message(n), mqtt_status_clause(n));
 *     // otherwise keep the bytes from `used` on, receive more after them and call again
 *
 * Contracts, said once:
 *
 *   Result   Decoders and encoders return an int32_t: above 0 the bytes consumed or written; else an
 *            enum mqtt_status: MQTT_INCOMPLETE or an error. 0 is never returned.
 *   Bounds   Not one byte outside of what the caller passes is read or written.
 *   Decode   Nothing is copied: strings and payloads point into the caller's bytes and live as long
 *            as they do. After an error only packet->error_offset is meaningful.
 *   Encode   A buffer that is too small, or a packet that breaks a rule, is an error, and not one
 *            byte of the buffer is touched. With a NULL buffer the packet is checked and the size
 *            returned that would be written, whatever the capacity. The buffer does not overlap
 *            what the packet points to.
 *   Empty    A pointer whose length is 0 is never followed and may be NULL; any other points to
 *            that many bytes.
 *   Order    A packet that breaks several rules is reported for the first, in the order of its
 *            bytes, by decoders and encoders alike.
 *
 * Sections: CONFIGURATION, TYPES, DECODE, ENCODE, STRINGS AND TOPICS, EXPLANATIONS, and after the
 * END OF THE INTERFACE the implementation in the order of the standard.
 */
#if !defined(MQTT_CODEC_H)
#define MQTT_CODEC_H

/* ---------------------------------------------------------------------------------------------
 * CONFIGURATION
 *
 * A plain #include needs nothing: every function is `static inline`. Where that is not wanted,
 * define MQTT_CODEC_DECLARE_ONLY before each #include, and in one C file define
 * MQTT_CODEC_IMPLEMENTATION before a further #include: it holds the one external definition. To link
 * no more of that than is called, compile it with -ffunction-sections and -fdata-sections, and link
 * with --gc-sections; the plain way leaves out what is not called by itself.
 *
 * MQTT_CODEC_SIMD: define it as 0 to force portable code. Left alone, it is set to what is used:
 * 0 portable code, 1 SSE2, 2 NEON of little-endian AArch64, 3 AVX2. No result depends on it.
 *
 * MQTT_CODEC_MEMCPY: memcpy of <string.h>; a target without that header defines it to its own.
 * ------------------------------------------------------------------------------------------- */

#define MQTT_CODEC_VERSION_MAJOR 0
#define MQTT_CODEC_VERSION_MINOR 1
#define MQTT_CODEC_VERSION_PATCH 0
#define MQTT_CODEC_VERSION                                                                         \
    (MQTT_CODEC_VERSION_MAJOR * 1000000L + MQTT_CODEC_VERSION_MINOR * 1000L +                      \
     MQTT_CODEC_VERSION_PATCH)

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(MQTT_CODEC_MEMCPY)
#include <string.h>
#define MQTT_CODEC_MEMCPY memcpy
#endif

#if !defined(MQTT_CODEC_SIMD)
#if defined(__AVX2__) && defined(__GNUC__) && __STDC_HOSTED__ /* immintrin.h wants stdlib.h */
#define MQTT_CODEC_SIMD 3
#elif defined(__SSE2__) && defined(__GNUC__) && __STDC_HOSTED__
#define MQTT_CODEC_SIMD 1
#elif defined(__AARCH64EL__) && defined(__ARM_NEON) && defined(__GNUC__)
#define MQTT_CODEC_SIMD 2
#else
#define MQTT_CODEC_SIMD 0
#endif
#endif

#if MQTT_CODEC_SIMD < 0 || MQTT_CODEC_SIMD > 3
#error "MQTT_CODEC_SIMD is 0, 1, 2 or 3"
#endif

#if defined(MQTT_CODEC_DECLARE_ONLY) || defined(MQTT_CODEC_IMPLEMENTATION)
#define MQTT_CODEC_EXTERNAL
#define MQTTI_API extern
#else
#define MQTTI_API static inline
#endif

#if defined(__cplusplus)
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------
 * TYPES
 * ------------------------------------------------------------------------------------------- */

#define MQTT_REMAINING_LENGTH_MAX 268435455u /* 2.2.3; a whole packet has at most 5 bytes more */
#define MQTT_STRING_LENGTH_MAX    65535u     /* 1.5.3 */

/* 2.2.1, Table 2.1. The values 0 and 15 are reserved. */
enum mqtt_packet_type {
    MQTT_CONNECT = 1,
    MQTT_CONNACK = 2,
    MQTT_PUBLISH = 3,
    MQTT_PUBACK = 4,
    MQTT_PUBREC = 5,
    MQTT_PUBREL = 6,
    MQTT_PUBCOMP = 7,
    MQTT_SUBSCRIBE = 8,
    MQTT_SUBACK = 9,
    MQTT_UNSUBSCRIBE = 10,
    MQTT_UNSUBACK = 11,
    MQTT_PINGREQ = 12,
    MQTT_PINGRESP = 13,
    MQTT_DISCONNECT = 14
};

/* 3.2.2.3, Table 3.1 */
enum mqtt_connect_return_code {
    MQTT_CONNECTION_ACCEPTED = 0,
    MQTT_CONNECTION_REFUSED_PROTOCOL_VERSION = 1,
    MQTT_CONNECTION_REFUSED_IDENTIFIER = 2,
    MQTT_CONNECTION_REFUSED_SERVER_UNAVAILABLE = 3,
    MQTT_CONNECTION_REFUSED_USER_NAME_OR_PASSWORD = 4,
    MQTT_CONNECTION_REFUSED_NOT_AUTHORIZED = 5
};

/* 3.9.3: a SUBACK holds the granted QoS, or this */
#define MQTT_SUBACK_FAILURE 0x80

/* What a call answers when it is not a number of bytes, and the rule that this reports. The letters
 * say who can: D a decoder, H of those mqtt_decode_fixed_header too, E an encoder, S one of the two
 * mqtt_publish_set functions. The numbers never change.
 *
 * MQTT_ERROR_PACKET_TOO_LARGE comes from decoders where size_t has 16 bits alone: for a packet, or
 * from those that need no payload for a payload, that it cannot count. */
enum mqtt_status {
    MQTT_INCOMPLETE = -1,                        /* DH S a valid beginning; more bytes           */
    MQTT_ERROR_BUFFER_TOO_SMALL = -2,            /*   E  capacity below the size                 */
    MQTT_ERROR_PACKET_TOO_LARGE = -3,            /* D ES remaining length, see above       2.2.3 */
    MQTT_ERROR_RESERVED_TYPE = -4,               /* DHE  0 or 15                           2.2.1 */
    MQTT_ERROR_TYPE = -5,                        /* D  S not a PUBLISH                     2.2.1 */
    MQTT_ERROR_DIRECTION = -6,                   /* D    not from this side                2.2.1 */
    MQTT_ERROR_FLAGS = -7,                       /* DH   not the type's             MQTT-2.2.2-1 */
    MQTT_ERROR_REMAINING_LENGTH = -8,            /* DH S malformed, or impossible           2.2.3 */
    MQTT_ERROR_TRAILING_BYTES = -9,              /* D    after a CONNECT's last field      3.1.3 */
    MQTT_ERROR_FIELD_PAST_END = -10,             /* D ES longer than the packet            1.5.3 */
    MQTT_ERROR_FIELD_TOO_LONG = -11,             /*   E  above 65,535 bytes                1.5.3 */
    MQTT_ERROR_ILL_FORMED_UTF8 = -12,            /* D ES                            MQTT-1.5.3-1 */
    MQTT_ERROR_NULL_CHARACTER = -13,             /* D ES U+0000                     MQTT-1.5.3-2 */
    MQTT_ERROR_PACKET_ID_MISSING = -14,          /* D  S at QoS 1 or 2              MQTT-2.3.1-1 */
    MQTT_ERROR_PACKET_ID_ZERO = -15,             /* D ES                            MQTT-2.3.1-1 */
    MQTT_ERROR_PACKET_ID_AT_QOS_0 = -16,         /*    S                            MQTT-2.3.1-5 */
    MQTT_ERROR_PROTOCOL_NAME = -17,              /* D    not "MQTT"                 MQTT-3.1.2-1 */
    MQTT_ERROR_PROTOCOL_LEVEL = -18,             /* D    not 4                      MQTT-3.1.2-2 */
    MQTT_ERROR_CONNECT_RESERVED_FLAG = -19,      /* D                               MQTT-3.1.2-3 */
    MQTT_ERROR_WILL_QOS_WITHOUT_WILL = -20,      /* D                              MQTT-3.1.2-13 */
    MQTT_ERROR_WILL_RETAIN_WITHOUT_WILL = -21,   /* D                              MQTT-3.1.2-15 */
    MQTT_ERROR_WILL_QOS = -22,                   /* D E  3                         MQTT-3.1.2-14 */
    MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME = -23, /* D E                            MQTT-3.1.2-22 */
    MQTT_ERROR_CLIENT_ID = -24,                  /* D E  empty, no clean session    MQTT-3.1.3-7 */
    MQTT_ERROR_WILL_MISSING = -25,               /* D    topic or message           MQTT-3.1.2-9 */
    MQTT_ERROR_USER_NAME_MISSING = -26,          /* D                              MQTT-3.1.2-19 */
    MQTT_ERROR_PASSWORD_MISSING = -27,           /* D                              MQTT-3.1.2-21 */
    MQTT_ERROR_CONNACK_FLAGS = -28,              /* D    reserved bits                   3.2.2.1 */
    MQTT_ERROR_SESSION_PRESENT = -29,            /* D E  though refused             MQTT-3.2.2-4 */
    MQTT_ERROR_CONNECT_RETURN_CODE = -30,        /* D E  above 5                         3.2.2.3 */
    MQTT_ERROR_DUP = -31,                        /* DHES at QoS 0                   MQTT-3.3.1-2 */
    MQTT_ERROR_QOS = -32,                        /* DHES 3                          MQTT-3.3.1-4 */
    MQTT_ERROR_SUBSCRIBE_NO_FILTER = -33,        /* D E                             MQTT-3.8.3-3 */
    MQTT_ERROR_REQUESTED_QOS_MISSING = -34,      /* D E                                    3.8.3 */
    MQTT_ERROR_REQUESTED_QOS = -35,              /* D E  above 2                    MQTT-3.8.3-4 */
    MQTT_ERROR_SUBACK_NO_RETURN_CODE = -36,      /* D E                                    3.9.3 */
    MQTT_ERROR_SUBACK_RETURN_CODE = -37,         /* D E  not 0, 1, 2, 0x80          MQTT-3.9.3-2 */
    MQTT_ERROR_UNSUBSCRIBE_NO_FILTER = -38,      /* D E                            MQTT-3.10.3-2 */
    MQTT_ERROR_TOPIC_EMPTY = -39,                /* D ES a name or a filter         MQTT-4.7.3-1 */
    MQTT_ERROR_TOPIC_NAME_WILDCARD = -40,        /* D ES '#' or '+'                 MQTT-4.7.1-1 */
    MQTT_ERROR_FILTER_MULTI_LEVEL = -41,         /* D E  '#' misplaced              MQTT-4.7.1-2 */
    MQTT_ERROR_FILTER_SINGLE_LEVEL = -42         /* D E  '+' misplaced              MQTT-4.7.1-3 */
};

/* 1.5.3: UTF-8, `length` bytes, not NUL-terminated */
struct mqtt_string {
    const char *data;
    size_t length;
};

struct mqtt_bytes {
    const uint8_t *data;
    size_t length;
};

/* 2.2; `flags` are bits 3 to 0 of the first byte */
struct mqtt_fixed_header {
    uint32_t remaining_length;
    enum mqtt_packet_type type;
    uint8_t flags;
};

/* 3.1.2.5 to 3.1.2.7, 3.1.3.2, 3.1.3.3 */
struct mqtt_will {
    uint8_t qos;
    bool retain;
    struct mqtt_string topic;
    struct mqtt_bytes message;
};

/* 3.1. What a has_ member says is not there is not looked at by an encoder, and not to be by the
 * receiver of a decoded packet. */
struct mqtt_connect {
    uint16_t keep_alive; /* seconds; 0 is no keep alive */
    bool clean_session;
    bool has_will;
    bool has_user_name;
    bool has_password;
    struct mqtt_will will;
    struct mqtt_string client_id;
    struct mqtt_string user_name;
    struct mqtt_bytes password;
};

/* 3.2 */
struct mqtt_connack {
    bool session_present;
    uint8_t return_code; /* enum mqtt_connect_return_code */
};

/* 3.3. At QoS 0 the packet id is not looked at by an encoder, and 0 from a decoder. */
struct mqtt_publish {
    uint16_t packet_id;
    uint8_t qos;
    bool dup;
    bool retain;
    struct mqtt_string topic;
    struct mqtt_bytes payload;
};

/* PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK: 3.4 to 3.7, 3.11 */
struct mqtt_ack {
    uint16_t packet_id;
};

struct mqtt_subscription {
    struct mqtt_string filter;
    uint8_t qos;
};

/* 3.8. A sender sets `subscriptions`, an array of `count`; a decoder sets it to NULL and `encoded`
 * to the payload as received. mqtt_next_subscription reads either. */
struct mqtt_subscribe {
    const struct mqtt_subscription *subscriptions;
    size_t count;
    struct mqtt_bytes encoded;
    uint16_t packet_id;
};

/* 3.9: `count` bytes, each 0, 1, 2 or MQTT_SUBACK_FAILURE */
struct mqtt_suback {
    const uint8_t *return_codes;
    size_t count;
    uint16_t packet_id;
};

/* 3.10. A sender sets `filters`, an array of `count`; a decoder sets it to NULL and `encoded` to
 * the payload as received. mqtt_next_filter reads either. */
struct mqtt_unsubscribe {
    const struct mqtt_string *filters;
    size_t count;
    struct mqtt_bytes encoded;
    uint16_t packet_id;
};

/* PINGREQ, PINGRESP and DISCONNECT have no member in `as`. */
struct mqtt_packet {
    uint32_t error_offset; /* after an error: index of the first byte of the field that breaks the
                              rule (a string begins at its length), or where a missing one belongs */
    enum mqtt_packet_type type;
    union {
        struct mqtt_connect connect;
        struct mqtt_connack connack;
        struct mqtt_publish publish;
        struct mqtt_ack ack;
        struct mqtt_subscribe subscribe;
        struct mqtt_suback suback;
        struct mqtt_unsubscribe unsubscribe;
    } as;
};

/* ---------------------------------------------------------------------------------------------
 * DECODE
 *
 * One call decodes the first packet of `bytes` and leaves those after it alone. What the fixed
 * header shows to be wrong is an error at once; the rest is checked when all of it is there, so
 * that feeding a packet byte by byte costs no more than feeding it whole.
 * ------------------------------------------------------------------------------------------- */

/* Decodes any packet of chapter 3, from either side: an inspector, a test, a proxy. Returns the
 * size of the packet, MQTT_INCOMPLETE, or a status with a D, save MQTT_ERROR_TYPE and
 * MQTT_ERROR_DIRECTION. */
MQTTI_API int32_t mqtt_decode(struct mqtt_packet *packet, const void *bytes, size_t length);

/* What a server calls: as mqtt_decode, and a type that Table 2.1 (2.2.1) does not let a client send
 * is MQTT_ERROR_DIRECTION. */
MQTTI_API int32_t mqtt_decode_from_client(struct mqtt_packet *packet, const void *bytes,
                                          size_t length);

/* What a client calls: as mqtt_decode, and a type that Table 2.1 (2.2.1) does not let a server send
 * is MQTT_ERROR_DIRECTION. */
MQTTI_API int32_t mqtt_decode_from_server(struct mqtt_packet *packet, const void *bytes,
                                          size_t length);

/* 2.2: decodes and checks the fixed header alone, to bound a packet before buffering it. Returns
 * the header's own size, 2 to 5, MQTT_INCOMPLETE, or a status with an H. */
MQTTI_API int32_t mqtt_decode_fixed_header(struct mqtt_fixed_header *header, const void *bytes,
                                           size_t length);

/* 3.3: decodes a PUBLISH of which nothing but the bytes before the payload needs to be there, so
 * that a large payload streams through a small buffer. `payload.length` is that of the whole
 * payload, `payload.data` is NULL. Returns where the payload starts, or the statuses that mqtt_decode
 * has for a PUBLISH; a first byte of any other type is MQTT_ERROR_TYPE. */
MQTTI_API int32_t mqtt_decode_publish_header(struct mqtt_publish *publish, const void *bytes,
                                             size_t length);

/* 2.2.3: decodes a remaining length of 1 to 4 bytes; more of them than the value needs are taken.
 * Returns their number, MQTT_INCOMPLETE, or MQTT_ERROR_REMAINING_LENGTH if the fourth announces a
 * fifth. */
MQTTI_API int32_t mqtt_decode_remaining_length(uint32_t *value, const void *bytes, size_t length);

/* 3.8.3, 3.10.3: give the subscriptions, the filters, one by one, in their order: start with
 * *position = 0 and call until false. They take a decoded packet and a sender's array, and stay in
 * bounds even of a payload that no decoder has checked. */
MQTTI_API bool mqtt_next_subscription(const struct mqtt_subscribe *subscribe, size_t *position,
                                      struct mqtt_subscription *out);
MQTTI_API bool mqtt_next_filter(const struct mqtt_unsubscribe *unsubscribe, size_t *position,
                                struct mqtt_string *out);

/* ---------------------------------------------------------------------------------------------
 * ENCODE
 *
 * Every encoder returns the bytes written, or, with `buffer` NULL, the bytes it would write; else
 * MQTT_ERROR_BUFFER_TOO_SMALL if they are more than `capacity`, or the status of a rule, which are
 * listed without MQTT_ERROR_. What an encoder writes, the decoders accept.
 * ------------------------------------------------------------------------------------------- */

/* Encodes any packet, a decoded one included, which gives back the bytes it was decoded from (with
 * the shortest remaining length). Returns the size, or a status with an E; a type other than 1 to
 * 14 is MQTT_ERROR_RESERVED_TYPE. */
MQTTI_API int32_t mqtt_encode(void *buffer, size_t capacity, const struct mqtt_packet *packet);

/* 3.1: FIELD_TOO_LONG, ILL_FORMED_UTF8, NULL_CHARACTER, WILL_QOS, PASSWORD_WITHOUT_USER_NAME,
 * CLIENT_ID; of the will topic TOPIC_EMPTY and TOPIC_NAME_WILDCARD. */
MQTTI_API int32_t mqtt_encode_connect(void *buffer, size_t capacity,
                                      const struct mqtt_connect *connect);

/* 3.2, always 4 bytes: SESSION_PRESENT, CONNECT_RETURN_CODE. */
MQTTI_API int32_t mqtt_encode_connack(void *buffer, size_t capacity,
                                      const struct mqtt_connack *connack);

/* 3.3: QOS, DUP, PACKET_TOO_LARGE, TOPIC_EMPTY, FIELD_TOO_LONG, ILL_FORMED_UTF8, NULL_CHARACTER,
 * TOPIC_NAME_WILDCARD, PACKET_ID_ZERO. */
MQTTI_API int32_t mqtt_encode_publish(void *buffer, size_t capacity,
                                      const struct mqtt_publish *publish);

/* 3.3: writes everything before the payload, whose length counts but whose data is not looked at,
 * and returns the size of that: for writev, and for one payload sent to many. Statuses as above. */
MQTTI_API int32_t mqtt_encode_publish_header(void *buffer, size_t capacity,
                                             const struct mqtt_publish *publish);

/* 3.4 to 3.7 and 3.11, always 4 bytes: PACKET_ID_ZERO. */
MQTTI_API int32_t mqtt_encode_puback(void *buffer, size_t capacity, uint16_t packet_id);
MQTTI_API int32_t mqtt_encode_pubrec(void *buffer, size_t capacity, uint16_t packet_id);
MQTTI_API int32_t mqtt_encode_pubrel(void *buffer, size_t capacity, uint16_t packet_id);
MQTTI_API int32_t mqtt_encode_pubcomp(void *buffer, size_t capacity, uint16_t packet_id);
MQTTI_API int32_t mqtt_encode_unsuback(void *buffer, size_t capacity, uint16_t packet_id);

/* 3.8, of a sender's array (a decoded list has none): PACKET_TOO_LARGE, PACKET_ID_ZERO,
 * SUBSCRIBE_NO_FILTER, TOPIC_EMPTY, FIELD_TOO_LONG, ILL_FORMED_UTF8, NULL_CHARACTER,
 * FILTER_MULTI_LEVEL, FILTER_SINGLE_LEVEL, REQUESTED_QOS. */
MQTTI_API int32_t mqtt_encode_subscribe(void *buffer, size_t capacity,
                                        const struct mqtt_subscribe *subscribe);

/* 3.9: PACKET_TOO_LARGE, PACKET_ID_ZERO, SUBACK_NO_RETURN_CODE, SUBACK_RETURN_CODE. */
MQTTI_API int32_t mqtt_encode_suback(void *buffer, size_t capacity,
                                     const struct mqtt_suback *suback);

/* 3.10, of a sender's array (a decoded list has none): PACKET_TOO_LARGE, PACKET_ID_ZERO,
 * UNSUBSCRIBE_NO_FILTER, TOPIC_EMPTY, FIELD_TOO_LONG, ILL_FORMED_UTF8, NULL_CHARACTER,
 * FILTER_MULTI_LEVEL, FILTER_SINGLE_LEVEL. */
MQTTI_API int32_t mqtt_encode_unsubscribe(void *buffer, size_t capacity,
                                          const struct mqtt_unsubscribe *unsubscribe);

/* 3.12 to 3.14, always 2 bytes. */
MQTTI_API int32_t mqtt_encode_pingreq(void *buffer, size_t capacity);
MQTTI_API int32_t mqtt_encode_pingresp(void *buffer, size_t capacity);
MQTTI_API int32_t mqtt_encode_disconnect(void *buffer, size_t capacity);

/* 2.2.3, 1 to 4 bytes: PACKET_TOO_LARGE above MQTT_REMAINING_LENGTH_MAX. */
MQTTI_API int32_t mqtt_encode_remaining_length(void *buffer, size_t capacity, uint32_t value);

/* Change an encoded PUBLISH in place, of which nothing but the bytes before the payload needs to be
 * there: the DUP flag for a re-delivery (3.3.1.1), the packet id for the next receiver (3.3.2.2).
 * Return where the payload starts, or a status of mqtt_decode_publish_header, and then nothing is
 * changed. At QoS 0, where neither can be set: MQTT_ERROR_DUP (clearing is no error) and
 * MQTT_ERROR_PACKET_ID_AT_QOS_0. A packet id of 0 is MQTT_ERROR_PACKET_ID_ZERO. */
MQTTI_API int32_t mqtt_publish_set_dup(void *bytes, size_t length, bool dup);
MQTTI_API int32_t mqtt_publish_set_packet_id(void *bytes, size_t length, uint16_t packet_id);

/* ---------------------------------------------------------------------------------------------
 * STRINGS AND TOPICS
 * ------------------------------------------------------------------------------------------- */

/* 1.5.3: well-formed UTF-8 without U+0000, at most 65,535 bytes; empty is valid. */
MQTTI_API bool mqtt_string_is_valid(struct mqtt_string string);

/* 1.5.3: whether a valid string holds what it SHOULD NOT, and for which a receiver MAY close the
 * connection: a control character (U+0001 to U+001F, U+007F to U+009F) or a non-character. */
MQTTI_API bool mqtt_string_has_discouraged(struct mqtt_string string);

/* 4.7: a valid string, not empty, in which no wildcard stands (a name), or none out of place (a
 * filter). */
MQTTI_API bool mqtt_topic_name_is_valid(struct mqtt_string name);
MQTTI_API bool mqtt_topic_filter_is_valid(struct mqtt_string filter);

/* 4.7: whether a valid filter matches a valid name; topics that begin with $ included (4.7.2). The
 * time is linear in the length of the name, the stack constant. */
MQTTI_API bool mqtt_topic_matches(struct mqtt_string filter, struct mqtt_string name);

/* A NUL-terminated C string, without its NUL. Nothing is copied, nothing checked. */
MQTTI_API struct mqtt_string mqtt_string_from(const char *text);

/* ---------------------------------------------------------------------------------------------
 * EXPLANATIONS
 * ------------------------------------------------------------------------------------------- */

/* One plain sentence for a status, or for any other number. Never NULL. */
MQTTI_API const char *mqtt_status_message(int32_t status);

/* The statement that a status reports, "MQTT-3.1.2-22", or where it has no number the section,
 * "2.2.3"; "" for MQTT_INCOMPLETE and MQTT_ERROR_BUFFER_TOO_SMALL, which break no rule, and for
 * any number that is no status. Never NULL. */
MQTTI_API const char *mqtt_status_clause(int32_t status);

/* "CONNECT" and so on, as in Table 2.1; "Reserved" for any other value. */
MQTTI_API const char *mqtt_packet_type_name(enum mqtt_packet_type type);

/* The return code of the CONNACK that a server must answer to a refused CONNECT before it closes
 * the connection, 1 [MQTT-3.1.2-2] or 2 [MQTT-3.1.3-8], or -1: it closes without [MQTT-3.1.4-1]. */
MQTTI_API int32_t mqtt_connack_code_for(int32_t status);

#if defined(__cplusplus)
}
#endif

#undef MQTTI_API

/* ============================================================================================
 * END OF THE INTERFACE
 * ========================================================================================== */

#elif defined(MQTT_CODEC_IMPLEMENTATION) && !defined(MQTT_CODEC_EXTERNAL)
#error "mqtt_codec.h is in already as static inline: define MQTT_CODEC_DECLARE_ONLY before that"
#endif

#if !defined(MQTT_CODEC_IMPLEMENTED) &&                                                            \
    (defined(MQTT_CODEC_IMPLEMENTATION) || !defined(MQTT_CODEC_EXTERNAL))
#define MQTT_CODEC_IMPLEMENTED

#if defined(MQTT_CODEC_EXTERNAL)
#define MQTTI_API
#elif defined(__GNUC__) /* clang and clangd, when they open this file itself, call it unused */
#define MQTTI_API __attribute__((unused)) static inline
#else
#define MQTTI_API static inline
#endif

/* Inlined into callers, some functions make GCC warn there of what cannot happen: of 16-byte loads
 * from shorter arrays, of reading bytes or members that are not yet written. They stay out of line,
 * below thin wrappers that convert the caller's void pointer. */
#if defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(__clang__) &&                           \
    !defined(MQTT_CODEC_EXTERNAL)
#define MQTTI_OUT_OF_LINE __attribute__((noinline, noclone, unused)) static
#else
#define MQTTI_OUT_OF_LINE static inline
#endif

#if MQTT_CODEC_SIMD == 1
#include <emmintrin.h>
#elif MQTT_CODEC_SIMD == 2
#include <arm_neon.h>
#elif MQTT_CODEC_SIMD == 3
#include <immintrin.h>
#endif

#if defined(__cplusplus)
extern "C" {
#endif

/* Names of the implementation begin with mqtti_ and are not for use outside of it. Inside, a
 * status of 0 means that no rule is broken. */

/* ============================================================================================
 * CURSORS
 * ========================================================================================== */

/* What is left of a packet to read. A read that fails leaves the reader at the field that failed:
 * this is how error_offset is known. */
struct mqtti_reader {
    const uint8_t *at;
    size_t left;
};

static inline void mqtti_skip(struct mqtti_reader *reader, size_t count)
{
    reader->at += count;
    reader->left -= count;
}

/* 1.5.2: big-endian */
static inline uint16_t mqtti_get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] * 256u + at[1]);
}

/* The put functions write at a place whose room has been compared with the capacity, and return
 * the place after. */
static inline uint8_t *mqtti_put_u8(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)value;
    return at + 1;
}

static inline uint8_t *mqtti_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value / 256u);
    at[1] = (uint8_t)(value % 256u);
    return at + 2;
}

static inline uint8_t *mqtti_put_bytes(uint8_t *at, const void *data, size_t length)
{
    if (length > 0) /* memcpy does not take NULL, not even for 0 bytes */
        MQTT_CODEC_MEMCPY(at, data, length);
    return at + length;
}

/* A string, or binary data, of at most 65,535 bytes, preceded by its two-byte length. */
static inline uint8_t *mqtti_put_field(uint8_t *at, const void *data, size_t length)
{
    return mqtti_put_bytes(mqtti_put_u16(at, (uint16_t)length), data, length);
}

/* Adds to a remaining length; false if it would become too large. */
static inline bool mqtti_add(uint32_t *remaining_length, size_t count)
{
    if (count > MQTT_REMAINING_LENGTH_MAX - *remaining_length)
        return false;
    *remaining_length += (uint32_t)count;
    return true;
}

/* ============================================================================================
 * 1.5.3 UTF-8 encoded strings, 4.7 topic names and topic filters
 * ========================================================================================== */

enum mqtti_kind {
    MQTTI_STRING,
    MQTTI_TOPIC_NAME,
    MQTTI_TOPIC_FILTER
};

/* The size, 2 to 4, of the well-formed sequence at `s` that is not ASCII, or 0: there is none.
 * Table 3-7 of the Unicode Standard, `left` > 0. [MQTT-1.5.3-1] */
static inline size_t mqtti_sequence_size(const uint8_t *s, size_t left)
{
    const uint8_t lead = s[0];
    const size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    size_t i;

    if (lead < 0xC2 || lead > 0xF4 || left < size)
        return 0;
    for (i = 1; i < size; i++) {
        if (s[i] < 0x80 || s[i] > 0xBF)
            return 0;
    }
    if (lead == 0xE0 && s[1] < 0xA0) /* below U+0800 */
        return 0;
    if (lead == 0xED && s[1] > 0x9F) /* surrogates, U+D800 to U+DFFF */
        return 0;
    if (lead == 0xF0 && s[1] < 0x90) /* below U+10000 */
        return 0;
    if (lead == 0xF4 && s[1] > 0x8F) /* above U+10FFFF */
        return 0;
    return size;
}

/* Defined in the last section. Of the bytes of `s`, how many from the first on are ASCII above
 * `low`; equal those of `other`; are not '/'. */
static inline size_t mqtti_plain_length(const uint8_t *s, size_t length, uint8_t low);
static inline size_t mqtti_common_length(const uint8_t *s, const uint8_t *other, size_t length);
static inline size_t mqtti_level_length(const uint8_t *s, size_t length);

/* Defined there too. A character begins at s[i], after well-formed ones: passes over some well-formed
 * characters above `low`, or none, and returns where the last of them begins, or `i`. */
static inline size_t mqtti_skip_characters(const uint8_t *s, size_t length, size_t i, uint8_t low);

/* The wildcard at s[i] of a topic filter: a whole level, '#' the last one. */
static inline int32_t mqtti_check_wildcard(const uint8_t *s, size_t length, size_t i)
{
    const bool opens_level = i == 0 || s[i - 1] == '/';
    const bool is_last = i + 1 == length;

    if (opens_level && (is_last || (s[i] == '+' && s[i + 1] == '/')))
        return 0;
    if (s[i] == '#')
        return MQTT_ERROR_FILTER_MULTI_LEVEL; /* [MQTT-4.7.1-2] */
    return MQTT_ERROR_FILTER_SINGLE_LEVEL;    /* [MQTT-4.7.1-3] */
}

/* What a two-byte length cannot express. */
static inline bool mqtti_is_too_long(size_t length)
{
#if SIZE_MAX > 0xFFFF
    return length > MQTT_STRING_LENGTH_MAX;
#else
    (void)length;
    return false;
#endif
}

/* One walk over a string checks all that its kind asks for; what is before s[i] is plain. */
MQTTI_OUT_OF_LINE int32_t mqtti_walk_string(const uint8_t *s, size_t length, size_t i,
                                            enum mqtti_kind kind)
{
    const uint8_t low = kind == MQTTI_STRING ? 0 : '+';

    while (i < length) {
        if (s[i] >= 0x80) {
            i = mqtti_skip_characters(s, length, i, low);
            if (s[i] >= 0x80) {
                const size_t size = mqtti_sequence_size(s + i, length - i);
                if (size == 0)
                    return MQTT_ERROR_ILL_FORMED_UTF8; /* [MQTT-1.5.3-1] */
                i += size;
            }
        } else if (s[i] == 0) {
            return MQTT_ERROR_NULL_CHARACTER; /* [MQTT-1.5.3-2] [MQTT-4.7.3-2] */
        } else if (s[i] > low) {
            i += mqtti_plain_length(s + i, length - i, low);
        } else {
            if (s[i] == '#' || s[i] == '+') {
                const int32_t status = kind == MQTTI_TOPIC_NAME
                                           ? MQTT_ERROR_TOPIC_NAME_WILDCARD /* [MQTT-4.7.1-1] */
                                           : mqtti_check_wildcard(s, length, i);
                if (status < 0) /* [MQTT-3.3.2-2] */
                    return status;
            }
            i++;
        }
    }
    return 0;
}

/* A string of at most 65,535 bytes. Most are plain: ASCII, in which '#' and '+', and in any string
 * U+0000, are the characters to look at. */
MQTTI_OUT_OF_LINE int32_t mqtti_check_string(const uint8_t *s, size_t length, enum mqtti_kind kind)
{
    size_t plain;

    if (length == 0)
        return kind == MQTTI_STRING ? 0 : MQTT_ERROR_TOPIC_EMPTY; /* [MQTT-4.7.3-1] */
    plain = mqtti_plain_length(s, length, kind == MQTTI_STRING ? 0 : '+');
    return plain == length ? 0 : mqtti_walk_string(s, length, plain, kind);
}

static inline int32_t mqtti_check_text(struct mqtt_string string, enum mqtti_kind kind)
{
    if (mqtti_is_too_long(string.length))
        return MQTT_ERROR_FIELD_TOO_LONG; /* 1.5.3 [MQTT-4.7.3-3] */
    return mqtti_check_string((const uint8_t *)string.data, string.length, kind);
}

/* Reads binary data preceded by its two-byte length. */
static inline int32_t mqtti_read_bytes(struct mqtti_reader *reader, struct mqtt_bytes *bytes)
{
    if (reader->left < 2)
        return MQTT_ERROR_FIELD_PAST_END; /* 1.5.3 */
    bytes->length = mqtti_get_u16(reader->at);
    if (bytes->length > reader->left - 2)
        return MQTT_ERROR_FIELD_PAST_END; /* 1.5.3 */
    bytes->data = reader->at + 2;
    mqtti_skip(reader, 2 + bytes->length);
    return 0;
}

static inline int32_t mqtti_read_string(struct mqtti_reader *reader, enum mqtti_kind kind,
                                        struct mqtt_string *string)
{
    struct mqtti_reader rest = *reader;
    struct mqtt_bytes bytes;
    int32_t status = mqtti_read_bytes(&rest, &bytes);

    if (status >= 0)
        status = mqtti_check_string(bytes.data, bytes.length, kind);
    if (status < 0)
        return status;
    string->data = (const char *)bytes.data;
    string->length = bytes.length;
    *reader = rest;
    return 0;
}

MQTTI_API bool mqtt_string_is_valid(struct mqtt_string string)
{
    return mqtti_check_text(string, MQTTI_STRING) == 0;
}

MQTTI_API bool mqtt_topic_name_is_valid(struct mqtt_string name)
{
    return mqtti_check_text(name, MQTTI_TOPIC_NAME) == 0;
}

MQTTI_API bool mqtt_topic_filter_is_valid(struct mqtt_string filter)
{
    return mqtti_check_text(filter, MQTTI_TOPIC_FILTER) == 0;
}

MQTTI_API bool mqtt_string_has_discouraged(struct mqtt_string string)
{
    const uint8_t *s = (const uint8_t *)string.data;
    size_t left = string.length;

    while (left > 0) {
        const size_t size = s[0] < 0x80 ? 1 : mqtti_sequence_size(s, left);
        switch (size) {
        case 1:
            if (s[0] < 0x20 || s[0] == 0x7F) /* control characters */
                return true;
            break;
        case 2:
            if (s[0] == 0xC2 && s[1] < 0xA0) /* U+0080 to U+009F, control characters */
                return true;
            break;
        case 3:
            if (s[0] == 0xEF && s[1] == 0xB7 && s[2] >= 0x90 && s[2] <= 0xAF) /* U+FDD0 to FDEF */
                return true;
            if (s[0] == 0xEF && s[1] == 0xBF && s[2] >= 0xBE) /* U+FFFE, U+FFFF */
                return true;
            break;
        case 4:
            if (s[1] % 16 == 15 && s[2] == 0xBF && s[3] >= 0xBE) /* the last two of a plane */
                return true;
            break;
        default: /* not a valid string */
            return false;
        }
        s += size;
        left -= size;
    }
    return false;
}

/* Neither is empty. A wildcard, which no name has, ends what they have in common. */
MQTTI_OUT_OF_LINE bool mqtti_topic_matches(const uint8_t *filter, size_t filter_length,
                                           const uint8_t *name, size_t name_length)
{
    for (;;) {
        const size_t common = mqtti_common_length(
            filter, name, filter_length < name_length ? filter_length : name_length);
        filter += common;
        filter_length -= common;
        name += common;
        name_length -= common;
        if (filter_length == 0)
            return name_length == 0;
        if (filter[0] == '#')
            return true; /* 4.7.1.2 */
        if (filter[0] == '+') {
            const size_t level = mqtti_level_length(name, name_length); /* 4.7.1.3 */
            name += level;
            name_length -= level;
            filter++;
            filter_length--;
        } else { /* 4.7.1.2: "/#" matches the parent level too; else they differ [MQTT-4.7.3-4] */
            return name_length == 0 && filter_length == 2 && filter[0] == '/' && filter[1] == '#';
        }
    }
}

MQTTI_API bool mqtt_topic_matches(struct mqtt_string filter, struct mqtt_string name)
{
    if (filter.length == 0 || name.length == 0)
        return false;
    if (name.data[0] == '$' && filter.data[0] != '$')
        return false; /* [MQTT-4.7.2-1] */
    if (filter.data[0] == '#')
        return true; /* 4.7.1.2 */
    return mqtti_topic_matches((const uint8_t *)filter.data, filter.length,
                               (const uint8_t *)name.data, name.length);
}

MQTTI_API struct mqtt_string mqtt_string_from(const char *text)
{
    struct mqtt_string string;

    string.data = text;
    string.length = 0;
    while (text[string.length] != '\0')
        string.length++;
    return string;
}

/* ============================================================================================
 * 2.2 Fixed header
 * ========================================================================================== */

/* The bits of mqtti_type_rules. */
enum {
    MQTTI_LENGTH = 0x0F, /* the remaining length: the least, or with MQTTI_EXACT the only one */
    MQTTI_EXACT = 0x10,
    MQTTI_FLAG_1 = 0x20, /* bit 1 of the flags is 1 */
    MQTTI_CLIENT = 0x40, /* a client may send it */
    MQTTI_SERVER = 0x80  /* a server may send it */
};

/* Table 2.1 (who sends it) and Table 2.2 (flags), and the remaining lengths of chapter 3, as bits;
 * 0 is a reserved type. A PUBLISH has flags, and a least length, that depend on its QoS. */
static inline uint8_t mqtti_type_rules(uint8_t type)
{
    static const uint8_t rules[16] = {
        0,
        MQTTI_CLIENT | 12,                              /* CONNECT: an empty client id */
        MQTTI_SERVER | MQTTI_EXACT | 2,                 /* CONNACK */
        MQTTI_CLIENT | MQTTI_SERVER,                    /* PUBLISH */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_EXACT | 2,  /* PUBACK */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_EXACT | 2,  /* PUBREC */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_EXACT | 2 | /* PUBREL */
            MQTTI_FLAG_1,                               /* [MQTT-3.6.1-1] */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_EXACT | 2,  /* PUBCOMP */
        MQTTI_CLIENT | 2 | MQTTI_FLAG_1,                /* SUBSCRIBE [MQTT-3.8.1-1] */
        MQTTI_SERVER | 2,                               /* SUBACK */
        MQTTI_CLIENT | 2 | MQTTI_FLAG_1,                /* UNSUBSCRIBE [MQTT-3.10.1-1] */
        MQTTI_SERVER | MQTTI_EXACT | 2,                 /* UNSUBACK */
        MQTTI_CLIENT | MQTTI_EXACT,                     /* PINGREQ */
        MQTTI_SERVER | MQTTI_EXACT,                     /* PINGRESP */
        MQTTI_CLIENT | MQTTI_EXACT,                     /* DISCONNECT [MQTT-3.14.1-1] */
        0,
    };
    return rules[type];
}

/* 3.3.1: bits 3 to 0 of the first byte of a PUBLISH. */
static inline uint8_t mqtti_publish_qos(uint8_t flags)
{
    return (flags / 2u) % 4u;
}

static inline bool mqtti_publish_dup(uint8_t flags)
{
    return (flags & 8) != 0;
}

static inline int32_t mqtti_check_publish_flags(unsigned qos, bool dup)
{
    if (qos > 2)
        return MQTT_ERROR_QOS; /* [MQTT-3.3.1-4] */
    if (dup && qos == 0)
        return MQTT_ERROR_DUP; /* [MQTT-3.3.1-2] */
    return 0;
}

MQTTI_API int32_t mqtt_decode_remaining_length(uint32_t *value, const void *bytes, size_t length)
{
    const uint8_t *digits = (const uint8_t *)bytes;
    uint32_t sum = 0;
    uint32_t multiplier = 1;
    uint8_t i;

    if (length > 0 && digits[0] < 128) { /* most are of one byte */
        *value = digits[0];
        return 1;
    }
    for (i = 0; i < 4; i++) {
        if (i == length)
            return MQTT_INCOMPLETE;
        sum += digits[i] % 128u * multiplier;
        if (digits[i] < 128) {
            *value = sum;
            return i + 1;
        }
        multiplier *= 128;
    }
    return MQTT_ERROR_REMAINING_LENGTH; /* 2.2.3 */
}

/* The fixed header of a packet from one of `senders`, MQTTI_CLIENT, MQTTI_SERVER or both. */
static inline int32_t mqtti_read_fixed_header(struct mqtt_fixed_header *header,
                                              const uint8_t *bytes, size_t length, unsigned senders)
{
    uint8_t type;
    uint8_t rules;
    uint32_t least;
    int32_t size;

    if (length == 0)
        return MQTT_INCOMPLETE;
    type = bytes[0] / 16;
    header->type = (enum mqtt_packet_type)type;
    header->flags = bytes[0] % 16;
    rules = mqtti_type_rules(type);
    if ((rules & senders) == 0) /* Table 2.1 */
        return rules == 0 ? MQTT_ERROR_RESERVED_TYPE : MQTT_ERROR_DIRECTION;
    least = rules & MQTTI_LENGTH;
    if (type == MQTT_PUBLISH) {
        const uint8_t qos = mqtti_publish_qos(header->flags);
        const int32_t status = mqtti_check_publish_flags(qos, mqtti_publish_dup(header->flags));
        if (status < 0)
            return status;
        least = qos == 0 ? 2 : 4;
    } else if (header->flags != ((rules & MQTTI_FLAG_1) != 0 ? 2 : 0)) {
        return MQTT_ERROR_FLAGS; /* [MQTT-2.2.2-1] [MQTT-2.2.2-2] */
    }
    size = mqtt_decode_remaining_length(&header->remaining_length, bytes + 1, length - 1);
    if (size < 0)
        return size;
    if (header->remaining_length != least &&
        (header->remaining_length < least || (rules & MQTTI_EXACT) != 0))
        return MQTT_ERROR_REMAINING_LENGTH; /* 2.2.3 */
    return size + 1;
}

MQTTI_API int32_t mqtt_decode_fixed_header(struct mqtt_fixed_header *header, const void *bytes,
                                           size_t length)
{
    return mqtti_read_fixed_header(header, (const uint8_t *)bytes, length,
                                   MQTTI_CLIENT | MQTTI_SERVER);
}

/* 2.2.3: 1 to 4 */
static inline uint8_t mqtti_remaining_length_size(uint32_t value)
{
    if (value < 128)
        return 1;
    if (value < 16384)
        return 2;
    return value < 2097152 ? 3 : 4;
}

static inline uint8_t *mqtti_put_remaining_length(uint8_t *at, uint32_t value)
{
    while (value >= 128) {
        at = mqtti_put_u8(at, (uint8_t)(value % 128u + 128u));
        value /= 128;
    }
    return mqtti_put_u8(at, (uint8_t)value);
}

MQTTI_API int32_t mqtt_encode_remaining_length(void *buffer, size_t capacity, uint32_t value)
{
    const uint8_t size = mqtti_remaining_length_size(value);

    if (value > MQTT_REMAINING_LENGTH_MAX)
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
    if (buffer == NULL)
        return size;
    if (capacity < size)
        return MQTT_ERROR_BUFFER_TOO_SMALL;
    mqtti_put_remaining_length((uint8_t *)buffer, value);
    return size;
}

/* Where a checked packet begins to be written: compares its size with the capacity, writes the
 * fixed header and returns where the body goes, or NULL when nothing is to be written. *result is
 * what the encoder returns. `payload_elsewhere` counts in the remaining length alone. */
static inline uint8_t *mqtti_begin_packet(int32_t *result, void *buffer, size_t capacity,
                                          unsigned first_byte, uint32_t remaining_length,
                                          uint32_t payload_elsewhere)
{
    const uint32_t size =
        1u + mqtti_remaining_length_size(remaining_length) + (remaining_length - payload_elsewhere);

    *result = (int32_t)size;
    if (buffer == NULL)
        return NULL;
    if (capacity < size) {
        *result = MQTT_ERROR_BUFFER_TOO_SMALL;
        return NULL;
    }
    return mqtti_put_remaining_length(mqtti_put_u8((uint8_t *)buffer, first_byte),
                                      remaining_length);
}

/* ============================================================================================
 * 2.3.1 Packet identifier
 * ========================================================================================== */

static inline int32_t mqtti_read_packet_id(struct mqtti_reader *reader, uint16_t *packet_id)
{
    if (reader->left < 2)
        return MQTT_ERROR_PACKET_ID_MISSING; /* [MQTT-2.3.1-1] */
    *packet_id = mqtti_get_u16(reader->at);
    if (*packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1], and what acknowledges it */
    mqtti_skip(reader, 2);
    return 0;
}

/* ============================================================================================
 * 3.1 CONNECT
 * ========================================================================================== */

/* 3.1.2.3, Figure 3.4 */
enum {
    MQTTI_CONNECT_RESERVED = 0x01,
    MQTTI_CONNECT_CLEAN_SESSION = 0x02,
    MQTTI_CONNECT_WILL = 0x04,
    MQTTI_CONNECT_WILL_QOS_1 = 0x08,
    MQTTI_CONNECT_WILL_QOS = 0x18,
    MQTTI_CONNECT_WILL_RETAIN = 0x20,
    MQTTI_CONNECT_PASSWORD = 0x40,
    MQTTI_CONNECT_USER_NAME = 0x80
};

static inline int32_t mqtti_check_connect_flags(unsigned flags)
{
    if ((flags & MQTTI_CONNECT_RESERVED) != 0)
        return MQTT_ERROR_CONNECT_RESERVED_FLAG; /* [MQTT-3.1.2-3] */
    if ((flags & MQTTI_CONNECT_WILL) == 0) {     /* [MQTT-3.1.2-11] */
        if ((flags & MQTTI_CONNECT_WILL_QOS) != 0)
            return MQTT_ERROR_WILL_QOS_WITHOUT_WILL; /* [MQTT-3.1.2-13] */
        if ((flags & MQTTI_CONNECT_WILL_RETAIN) != 0)
            return MQTT_ERROR_WILL_RETAIN_WITHOUT_WILL; /* [MQTT-3.1.2-15] */
    }
    if ((flags & MQTTI_CONNECT_WILL_QOS) == MQTTI_CONNECT_WILL_QOS)
        return MQTT_ERROR_WILL_QOS; /* [MQTT-3.1.2-14] */
    if ((flags & MQTTI_CONNECT_PASSWORD) != 0 && (flags & MQTTI_CONNECT_USER_NAME) == 0)
        return MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME; /* [MQTT-3.1.2-22] */
    return 0;
}

/* 3.1.2: the variable header, whose 10 bytes the least remaining length promises. */
static inline int32_t mqtti_read_connect_header(struct mqtti_reader *reader,
                                                struct mqtt_connect *connect)
{
    static const uint8_t protocol_name[6] = {0, 4, 'M', 'Q', 'T', 'T'};
    uint8_t flags;
    int32_t status;
    size_t i;

    for (i = 0; i < 6; i++) {
        if (reader->at[i] != protocol_name[i])
            return MQTT_ERROR_PROTOCOL_NAME; /* [MQTT-3.1.2-1] */
    }
    mqtti_skip(reader, 6);
    if (reader->at[0] != 4)
        return MQTT_ERROR_PROTOCOL_LEVEL; /* [MQTT-3.1.2-2] */
    mqtti_skip(reader, 1);
    flags = reader->at[0];
    status = mqtti_check_connect_flags(flags);
    if (status < 0)
        return status;
    connect->clean_session = (flags & MQTTI_CONNECT_CLEAN_SESSION) != 0;
    connect->has_will = (flags & MQTTI_CONNECT_WILL) != 0;
    connect->will.qos = (uint8_t)((flags & MQTTI_CONNECT_WILL_QOS) / MQTTI_CONNECT_WILL_QOS_1);
    connect->will.retain = (flags & MQTTI_CONNECT_WILL_RETAIN) != 0;
    connect->has_password = (flags & MQTTI_CONNECT_PASSWORD) != 0;
    connect->has_user_name = (flags & MQTTI_CONNECT_USER_NAME) != 0;
    mqtti_skip(reader, 1);
    connect->keep_alive = mqtti_get_u16(reader->at);
    mqtti_skip(reader, 2);
    return 0;
}

/* 3.1.3.2, 3.1.3.3 */
static inline int32_t mqtti_read_will(struct mqtti_reader *reader, struct mqtt_will *will)
{
    int32_t status;

    if (reader->left == 0)
        return MQTT_ERROR_WILL_MISSING;                                 /* [MQTT-3.1.2-9] */
    status = mqtti_read_string(reader, MQTTI_TOPIC_NAME, &will->topic); /* [MQTT-3.1.3-10] */
    if (status < 0)
        return status;
    if (reader->left == 0)
        return MQTT_ERROR_WILL_MISSING; /* [MQTT-3.1.2-9] */
    return mqtti_read_bytes(reader, &will->message);
}

/* An empty client id asks for a clean session. */
static inline bool mqtti_client_id_fits(struct mqtt_string client_id, bool clean_session)
{
    return client_id.length > 0 || clean_session; /* [MQTT-3.1.3-7] [MQTT-3.1.3-8] */
}

/* The fields of the payload stand in this order [MQTT-3.1.3-1]. What is left after them, because
 * its flag is 0 [MQTT-3.1.2-11] [MQTT-3.1.2-18] [MQTT-3.1.2-20], is found by mqtti_end_decode. */
static inline int32_t mqtti_read_connect(struct mqtti_reader *reader, struct mqtt_connect *connect)
{
    struct mqtti_reader client_id;
    int32_t status = mqtti_read_connect_header(reader, connect);

    if (status < 0)
        return status;
    client_id = *reader;
    status = mqtti_read_string(reader, MQTTI_STRING, &connect->client_id);
    if (status < 0) /* [MQTT-3.1.3-3] [MQTT-3.1.3-4] */
        return status;
    if (!mqtti_client_id_fits(connect->client_id, connect->clean_session)) {
        *reader = client_id;
        return MQTT_ERROR_CLIENT_ID;
    }
    if (connect->has_will) {
        status = mqtti_read_will(reader, &connect->will);
        if (status < 0)
            return status;
    }
    if (connect->has_user_name) {
        if (reader->left == 0)
            return MQTT_ERROR_USER_NAME_MISSING;                               /* [MQTT-3.1.2-19] */
        status = mqtti_read_string(reader, MQTTI_STRING, &connect->user_name); /* [MQTT-3.1.3-11] */
        if (status < 0)
            return status;
    }
    if (connect->has_password) {
        if (reader->left == 0)
            return MQTT_ERROR_PASSWORD_MISSING; /* [MQTT-3.1.2-21] */
        return mqtti_read_bytes(reader, &connect->password);
    }
    return 0;
}

/* The connect flags of what a sender wants; a will QoS above 3 as 3, which is refused. */
static inline unsigned mqtti_connect_flags(const struct mqtt_connect *connect)
{
    unsigned flags = 0;

    if (connect->clean_session)
        flags |= MQTTI_CONNECT_CLEAN_SESSION;
    if (connect->has_will) {
        flags |= MQTTI_CONNECT_WILL;
        flags |= (connect->will.qos < 3 ? connect->will.qos : 3u) * MQTTI_CONNECT_WILL_QOS_1;
        if (connect->will.retain)
            flags |= MQTTI_CONNECT_WILL_RETAIN;
    }
    if (connect->has_password)
        flags |= MQTTI_CONNECT_PASSWORD;
    if (connect->has_user_name)
        flags |= MQTTI_CONNECT_USER_NAME;
    return flags;
}

/* Checks the payload and gives its length. */
static inline int32_t mqtti_measure_connect(uint32_t *length, const struct mqtt_connect *connect)
{
    uint32_t sum = 2;
    int32_t status = mqtti_check_text(connect->client_id, MQTTI_STRING); /* [MQTT-3.1.3-4] */

    if (status < 0)
        return status;
    if (!mqtti_client_id_fits(connect->client_id, connect->clean_session))
        return MQTT_ERROR_CLIENT_ID;
    sum += (uint32_t)connect->client_id.length;
    if (connect->has_will) {
        status = mqtti_check_text(connect->will.topic, MQTTI_TOPIC_NAME); /* [MQTT-3.1.3-10] */
        if (status < 0)
            return status;
        if (mqtti_is_too_long(connect->will.message.length))
            return MQTT_ERROR_FIELD_TOO_LONG; /* 3.1.3.3 */
        sum += 2 + (uint32_t)connect->will.topic.length;
        sum += 2 + (uint32_t)connect->will.message.length;
    }
    if (connect->has_user_name) {
        status = mqtti_check_text(connect->user_name, MQTTI_STRING); /* [MQTT-3.1.3-11] */
        if (status < 0)
            return status;
        sum += 2 + (uint32_t)connect->user_name.length;
    }
    if (connect->has_password) {
        if (mqtti_is_too_long(connect->password.length))
            return MQTT_ERROR_FIELD_TOO_LONG; /* 3.1.3.5 */
        sum += 2 + (uint32_t)connect->password.length;
    }
    *length = sum;
    return 0;
}

MQTTI_API int32_t mqtt_encode_connect(void *buffer, size_t capacity,
                                      const struct mqtt_connect *connect)
{
    const unsigned flags = mqtti_connect_flags(connect);
    uint32_t payload_length = 0;
    uint8_t *at;
    int32_t result = mqtti_check_connect_flags(flags);

    if (result >= 0)
        result = mqtti_measure_connect(&payload_length, connect);
    if (result < 0)
        return result;
    at = mqtti_begin_packet(&result, buffer, capacity, MQTT_CONNECT * 16, 10 + payload_length, 0);
    if (at == NULL)
        return result;
    at = mqtti_put_field(at, "MQTT", 4);
    at = mqtti_put_u8(at, 4);
    at = mqtti_put_u8(at, flags);
    at = mqtti_put_u16(at, connect->keep_alive);
    at = mqtti_put_field(at, connect->client_id.data, connect->client_id.length);
    if (connect->has_will) {
        at = mqtti_put_field(at, connect->will.topic.data, connect->will.topic.length);
        at = mqtti_put_field(at, connect->will.message.data, connect->will.message.length);
    }
    if (connect->has_user_name)
        at = mqtti_put_field(at, connect->user_name.data, connect->user_name.length);
    if (connect->has_password)
        mqtti_put_field(at, connect->password.data, connect->password.length);
    return result;
}

/* ============================================================================================
 * 3.2 CONNACK
 * ========================================================================================== */

static inline int32_t mqtti_read_connack(struct mqtti_reader *reader, struct mqtt_connack *connack)
{
    const uint8_t flags = reader->at[0]; /* its remaining length is 2 */
    const uint8_t return_code = reader->at[1];

    if (flags > 1)
        return MQTT_ERROR_CONNACK_FLAGS; /* 3.2.2.1 */
    if (flags == 1 && return_code != 0)
        return MQTT_ERROR_SESSION_PRESENT; /* [MQTT-3.2.2-4] */
    mqtti_skip(reader, 1);
    if (return_code > 5)
        return MQTT_ERROR_CONNECT_RETURN_CODE; /* 3.2.2.3, Table 3.1 */
    mqtti_skip(reader, 1);
    connack->session_present = flags == 1;
    connack->return_code = return_code;
    return 0;
}

MQTTI_API int32_t mqtt_encode_connack(void *buffer, size_t capacity,
                                      const struct mqtt_connack *connack)
{
    uint8_t *at;
    int32_t result;

    if (connack->session_present && connack->return_code != 0)
        return MQTT_ERROR_SESSION_PRESENT; /* [MQTT-3.2.2-4] */
    if (connack->return_code > 5)
        return MQTT_ERROR_CONNECT_RETURN_CODE; /* 3.2.2.3, Table 3.1 */
    at = mqtti_begin_packet(&result, buffer, capacity, MQTT_CONNACK * 16, 2, 0);
    if (at != NULL)
        mqtti_put_u8(mqtti_put_u8(at, connack->session_present ? 1 : 0), connack->return_code);
    return result;
}

/* ============================================================================================
 * 3.3 PUBLISH
 * ========================================================================================== */

/* 3.3.2: the variable header. The reader is left at the payload. */
static inline int32_t mqtti_read_publish_header(struct mqtti_reader *reader, uint8_t flags,
                                                struct mqtt_publish *publish)
{
    const uint8_t qos = mqtti_publish_qos(flags);
    const int32_t status = mqtti_read_string(reader, MQTTI_TOPIC_NAME, &publish->topic);

    if (status < 0) /* [MQTT-3.3.2-1] [MQTT-3.3.2-2] */
        return status;
    publish->qos = qos;
    publish->dup = mqtti_publish_dup(flags);
    publish->retain = flags % 2 != 0;
    publish->packet_id = 0;
    return qos == 0 ? 0 : mqtti_read_packet_id(reader, &publish->packet_id); /* [MQTT-2.3.1-5] */
}

static inline int32_t mqtti_read_publish(struct mqtti_reader *reader, uint8_t flags,
                                         struct mqtt_publish *publish)
{
    const int32_t status = mqtti_read_publish_header(reader, flags, publish);

    if (status < 0)
        return status;
    publish->payload.data = reader->at;
    publish->payload.length = reader->left;
    mqtti_skip(reader, reader->left);
    return 0;
}

MQTTI_OUT_OF_LINE int32_t mqtti_decode_publish_header(struct mqtt_publish *publish,
                                                      const uint8_t *bytes, size_t length)
{
    struct mqtt_fixed_header header;
    struct mqtti_reader reader;
    uint32_t needed;
    uint32_t payload_length;
    int32_t size;
    int32_t status;

    if (length > 0 && bytes[0] / 16 != MQTT_PUBLISH)
        return MQTT_ERROR_TYPE; /* 2.2.1 */
    size = mqtt_decode_fixed_header(&header, bytes, length);
    if (size < 0)
        return size;
    reader.at = bytes + size;
    reader.left = length - (size_t)size;
    if (reader.left < 2)
        return MQTT_INCOMPLETE;
    needed = 2u + (uint32_t)mqtti_get_u16(reader.at);
    if (needed > header.remaining_length)
        return MQTT_ERROR_FIELD_PAST_END; /* 1.5.3 */
    if (mqtti_publish_qos(header.flags) > 0)
        needed += 2;
    if (needed > header.remaining_length) /* the packet id is missing */
        needed = header.remaining_length;
    if (reader.left < needed)
        return MQTT_INCOMPLETE;
    reader.left = (size_t)needed;
    status = mqtti_read_publish_header(&reader, header.flags, publish);
    if (status < 0)
        return status;
    payload_length = header.remaining_length - needed;
#if SIZE_MAX < 0xFFFFFFFF
    if (payload_length > SIZE_MAX)
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
#endif
    publish->payload.data = NULL;
    publish->payload.length = (size_t)payload_length;
    return size + (int32_t)needed;
}

MQTTI_API int32_t mqtt_decode_publish_header(struct mqtt_publish *publish, const void *bytes,
                                             size_t length)
{
    return mqtti_decode_publish_header(publish, (const uint8_t *)bytes, length);
}

/* Checks a PUBLISH and writes it up to its payload; *at is where the payload goes, or NULL when
 * nothing is to be written. `payload_elsewhere` is what of it the caller does not write. */
static inline int32_t mqtti_put_publish(uint8_t **at, void *buffer, size_t capacity,
                                        const struct mqtt_publish *publish,
                                        size_t payload_elsewhere)
{
    uint32_t remaining_length = publish->qos == 0 ? 2 : 4;
    int32_t result = mqtti_check_publish_flags(publish->qos, publish->dup);

    *at = NULL;
    if (result < 0)
        return result;
    if (!mqtti_add(&remaining_length, publish->topic.length) ||
        !mqtti_add(&remaining_length, publish->payload.length))
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
    result = mqtti_check_text(publish->topic, MQTTI_TOPIC_NAME);
    if (result < 0) /* [MQTT-3.3.2-1] [MQTT-3.3.2-2] */
        return result;
    if (publish->qos > 0 && publish->packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] */
    *at = mqtti_begin_packet(&result, buffer, capacity,
                             MQTT_PUBLISH * 16 + (publish->dup ? 8u : 0u) + publish->qos * 2u +
                                 (publish->retain ? 1u : 0u),
                             remaining_length, (uint32_t)payload_elsewhere);
    if (*at != NULL) {
        *at = mqtti_put_field(*at, publish->topic.data, publish->topic.length);
        if (publish->qos > 0) /* [MQTT-2.3.1-5] */
            *at = mqtti_put_u16(*at, publish->packet_id);
    }
    return result;
}

MQTTI_API int32_t mqtt_encode_publish_header(void *buffer, size_t capacity,
                                             const struct mqtt_publish *publish)
{
    uint8_t *at;

    return mqtti_put_publish(&at, buffer, capacity, publish, publish->payload.length);
}

MQTTI_API int32_t mqtt_encode_publish(void *buffer, size_t capacity,
                                      const struct mqtt_publish *publish)
{
    uint8_t *at;
    const int32_t result = mqtti_put_publish(&at, buffer, capacity, publish, 0);

    if (at != NULL)
        mqtti_put_bytes(at, publish->payload.data, publish->payload.length);
    return result;
}

MQTTI_API int32_t mqtt_publish_set_dup(void *bytes, size_t length, bool dup)
{
    uint8_t *first_byte = (uint8_t *)bytes;
    struct mqtt_publish publish;
    const int32_t size = mqtt_decode_publish_header(&publish, bytes, length);

    if (size < 0)
        return size;
    if (dup && publish.qos == 0)
        return MQTT_ERROR_DUP; /* [MQTT-3.3.1-2] */
    *first_byte = (uint8_t)((*first_byte & 0xF7) | (dup ? 8 : 0));
    return size;
}

MQTTI_API int32_t mqtt_publish_set_packet_id(void *bytes, size_t length, uint16_t packet_id)
{
    struct mqtt_publish publish;
    const int32_t size = mqtt_decode_publish_header(&publish, bytes, length);

    if (size < 0)
        return size;
    if (publish.qos == 0)
        return MQTT_ERROR_PACKET_ID_AT_QOS_0; /* [MQTT-2.3.1-5] */
    if (packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] */
    mqtti_put_u16((uint8_t *)bytes + size - 2, packet_id);
    return size;
}

/* ============================================================================================
 * 3.4 PUBACK, 3.5 PUBREC, 3.6 PUBREL, 3.7 PUBCOMP, 3.11 UNSUBACK
 * ========================================================================================== */

/* Their body is a packet id, which mqtti_read_packet_id decodes. */
static inline int32_t mqtti_encode_ack(void *buffer, size_t capacity, unsigned first_byte,
                                       uint16_t packet_id)
{
    uint8_t *at;
    int32_t result;

    if (packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] [MQTT-2.3.1-6] [MQTT-2.3.1-7] */
    at = mqtti_begin_packet(&result, buffer, capacity, first_byte, 2, 0);
    if (at != NULL)
        mqtti_put_u16(at, packet_id);
    return result;
}

MQTTI_API int32_t mqtt_encode_puback(void *buffer, size_t capacity, uint16_t packet_id)
{
    return mqtti_encode_ack(buffer, capacity, MQTT_PUBACK * 16, packet_id);
}

MQTTI_API int32_t mqtt_encode_pubrec(void *buffer, size_t capacity, uint16_t packet_id)
{
    return mqtti_encode_ack(buffer, capacity, MQTT_PUBREC * 16, packet_id);
}

MQTTI_API int32_t mqtt_encode_pubrel(void *buffer, size_t capacity, uint16_t packet_id)
{
    return mqtti_encode_ack(buffer, capacity, MQTT_PUBREL * 16 + 2, packet_id); /* [MQTT-3.6.1-1] */
}

MQTTI_API int32_t mqtt_encode_pubcomp(void *buffer, size_t capacity, uint16_t packet_id)
{
    return mqtti_encode_ack(buffer, capacity, MQTT_PUBCOMP * 16, packet_id);
}

MQTTI_API int32_t mqtt_encode_unsuback(void *buffer, size_t capacity, uint16_t packet_id)
{
    return mqtti_encode_ack(buffer, capacity, MQTT_UNSUBACK * 16, packet_id);
}

/* ============================================================================================
 * 3.8 SUBSCRIBE
 * ========================================================================================== */

/* 3.8.3: the payload, to the end of the packet. Counts the subscriptions. */
static inline int32_t mqtti_read_subscriptions(struct mqtti_reader *reader, size_t *count)
{
    *count = 0;
    if (reader->left == 0)
        return MQTT_ERROR_SUBSCRIBE_NO_FILTER; /* [MQTT-3.8.3-3] */
    while (reader->left > 0) {
        struct mqtt_string filter;
        const int32_t status = mqtti_read_string(reader, MQTTI_TOPIC_FILTER, &filter);
        if (status < 0) /* [MQTT-3.8.3-1] */
            return status;
        if (reader->left == 0)
            return MQTT_ERROR_REQUESTED_QOS_MISSING; /* 3.8.3 */
        if (reader->at[0] > 2)
            return MQTT_ERROR_REQUESTED_QOS; /* [MQTT-3.8.3-4] */
        mqtti_skip(reader, 1);
        *count += 1;
    }
    return 0;
}

static inline int32_t mqtti_read_subscribe(struct mqtti_reader *reader,
                                           struct mqtt_subscribe *subscribe)
{
    const int32_t status = mqtti_read_packet_id(reader, &subscribe->packet_id);

    if (status < 0)
        return status;
    subscribe->subscriptions = NULL;
    subscribe->encoded.data = reader->at;
    subscribe->encoded.length = reader->left;
    return mqtti_read_subscriptions(reader, &subscribe->count);
}

MQTTI_API bool mqtt_next_subscription(const struct mqtt_subscribe *subscribe, size_t *position,
                                      struct mqtt_subscription *out)
{
    struct mqtti_reader reader;
    struct mqtt_bytes filter;

    if (subscribe->subscriptions != NULL) {
        if (*position >= subscribe->count)
            return false;
        *out = subscribe->subscriptions[*position];
        *position += 1;
        return true;
    }
    if (*position >= subscribe->encoded.length)
        return false;
    reader.at = subscribe->encoded.data + *position;
    reader.left = subscribe->encoded.length - *position;
    if (mqtti_read_bytes(&reader, &filter) != 0 || reader.left == 0)
        return false;
    out->filter.data = (const char *)filter.data;
    out->filter.length = filter.length;
    out->qos = reader.at[0];
    *position += 2 + filter.length + 1;
    return true;
}

/* Checks a sender's array and gives the remaining length. */
static inline int32_t mqtti_measure_subscribe(uint32_t *remaining_length,
                                              const struct mqtt_subscribe *subscribe)
{
    const struct mqtt_subscription *subscriptions = subscribe->subscriptions;
    const size_t count = subscriptions == NULL ? 0 : subscribe->count;
    size_t i;

    *remaining_length = 2;
    for (i = 0; i < count; i++) {
        if (!mqtti_add(remaining_length, subscriptions[i].filter.length) ||
            !mqtti_add(remaining_length, 3))
            return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
    }
    if (subscribe->packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] */
    if (count == 0)
        return MQTT_ERROR_SUBSCRIBE_NO_FILTER; /* [MQTT-3.8.3-3] */
    for (i = 0; i < count; i++) {
        const int32_t status = mqtti_check_text(subscriptions[i].filter, MQTTI_TOPIC_FILTER);
        if (status < 0) /* [MQTT-3.8.3-1] */
            return status;
        if (subscriptions[i].qos > 2)
            return MQTT_ERROR_REQUESTED_QOS; /* [MQTT-3.8.3-4] */
    }
    return 0;
}

MQTTI_API int32_t mqtt_encode_subscribe(void *buffer, size_t capacity,
                                        const struct mqtt_subscribe *subscribe)
{
    uint32_t remaining_length;
    uint8_t *at;
    size_t i;
    int32_t result = mqtti_measure_subscribe(&remaining_length, subscribe);

    if (result < 0)
        return result;
    at = mqtti_begin_packet(&result, buffer, capacity, MQTT_SUBSCRIBE * 16 + 2, remaining_length,
                            0); /* [MQTT-3.8.1-1] */
    if (at == NULL)
        return result;
    at = mqtti_put_u16(at, subscribe->packet_id);
    for (i = 0; i < subscribe->count; i++) {
        const struct mqtt_subscription *subscription = &subscribe->subscriptions[i];
        at = mqtti_put_field(at, subscription->filter.data, subscription->filter.length);
        at = mqtti_put_u8(at, subscription->qos);
    }
    return result;
}

/* ============================================================================================
 * 3.9 SUBACK
 * ========================================================================================== */

static inline int32_t mqtti_check_suback_code(uint8_t return_code)
{
    if (return_code > 2 && return_code != MQTT_SUBACK_FAILURE)
        return MQTT_ERROR_SUBACK_RETURN_CODE; /* [MQTT-3.9.3-2] */
    return 0;
}

static inline int32_t mqtti_read_suback(struct mqtti_reader *reader, struct mqtt_suback *suback)
{
    int32_t status = mqtti_read_packet_id(reader, &suback->packet_id);

    if (status < 0)
        return status;
    if (reader->left == 0)
        return MQTT_ERROR_SUBACK_NO_RETURN_CODE; /* 3.9.3 [MQTT-3.8.4-5] */
    suback->return_codes = reader->at;
    suback->count = reader->left;
    while (reader->left > 0) {
        status = mqtti_check_suback_code(reader->at[0]);
        if (status < 0)
            return status;
        mqtti_skip(reader, 1);
    }
    return 0;
}

MQTTI_API int32_t mqtt_encode_suback(void *buffer, size_t capacity,
                                     const struct mqtt_suback *suback)
{
    uint32_t remaining_length = 2;
    uint8_t *at;
    size_t i;
    int32_t result;

    if (!mqtti_add(&remaining_length, suback->count))
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
    if (suback->packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-7] */
    if (suback->count == 0)
        return MQTT_ERROR_SUBACK_NO_RETURN_CODE; /* 3.9.3 [MQTT-3.8.4-5] */
    for (i = 0; i < suback->count; i++) {
        result = mqtti_check_suback_code(suback->return_codes[i]);
        if (result < 0)
            return result;
    }
    at = mqtti_begin_packet(&result, buffer, capacity, MQTT_SUBACK * 16, remaining_length, 0);
    if (at != NULL)
        mqtti_put_bytes(mqtti_put_u16(at, suback->packet_id), suback->return_codes, suback->count);
    return result;
}

/* ============================================================================================
 * 3.10 UNSUBSCRIBE
 * ========================================================================================== */

/* 3.10.3: the payload, to the end of the packet. Counts the filters. */
static inline int32_t mqtti_read_filters(struct mqtti_reader *reader, size_t *count)
{
    *count = 0;
    if (reader->left == 0)
        return MQTT_ERROR_UNSUBSCRIBE_NO_FILTER; /* [MQTT-3.10.3-2] */
    while (reader->left > 0) {
        struct mqtt_string filter;
        const int32_t status = mqtti_read_string(reader, MQTTI_TOPIC_FILTER, &filter);
        if (status < 0) /* [MQTT-3.10.3-1] */
            return status;
        *count += 1;
    }
    return 0;
}

static inline int32_t mqtti_read_unsubscribe(struct mqtti_reader *reader,
                                             struct mqtt_unsubscribe *unsubscribe)
{
    const int32_t status = mqtti_read_packet_id(reader, &unsubscribe->packet_id);

    if (status < 0)
        return status;
    unsubscribe->filters = NULL;
    unsubscribe->encoded.data = reader->at;
    unsubscribe->encoded.length = reader->left;
    return mqtti_read_filters(reader, &unsubscribe->count);
}

MQTTI_API bool mqtt_next_filter(const struct mqtt_unsubscribe *unsubscribe, size_t *position,
                                struct mqtt_string *out)
{
    struct mqtti_reader reader;
    struct mqtt_bytes filter;

    if (unsubscribe->filters != NULL) {
        if (*position >= unsubscribe->count)
            return false;
        *out = unsubscribe->filters[*position];
        *position += 1;
        return true;
    }
    if (*position >= unsubscribe->encoded.length)
        return false;
    reader.at = unsubscribe->encoded.data + *position;
    reader.left = unsubscribe->encoded.length - *position;
    if (mqtti_read_bytes(&reader, &filter) != 0)
        return false;
    out->data = (const char *)filter.data;
    out->length = filter.length;
    *position += 2 + filter.length;
    return true;
}

/* Checks a sender's array and gives the remaining length. */
static inline int32_t mqtti_measure_unsubscribe(uint32_t *remaining_length,
                                                const struct mqtt_unsubscribe *unsubscribe)
{
    const struct mqtt_string *filters = unsubscribe->filters;
    const size_t count = filters == NULL ? 0 : unsubscribe->count;
    size_t i;

    *remaining_length = 2;
    for (i = 0; i < count; i++) {
        if (!mqtti_add(remaining_length, filters[i].length) || !mqtti_add(remaining_length, 2))
            return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
    }
    if (unsubscribe->packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] */
    if (count == 0)
        return MQTT_ERROR_UNSUBSCRIBE_NO_FILTER; /* [MQTT-3.10.3-2] */
    for (i = 0; i < count; i++) {
        const int32_t status = mqtti_check_text(filters[i], MQTTI_TOPIC_FILTER);
        if (status < 0) /* [MQTT-3.10.3-1] */
            return status;
    }
    return 0;
}

MQTTI_API int32_t mqtt_encode_unsubscribe(void *buffer, size_t capacity,
                                          const struct mqtt_unsubscribe *unsubscribe)
{
    uint32_t remaining_length;
    uint8_t *at;
    size_t i;
    int32_t result = mqtti_measure_unsubscribe(&remaining_length, unsubscribe);

    if (result < 0)
        return result;
    at = mqtti_begin_packet(&result, buffer, capacity, MQTT_UNSUBSCRIBE * 16 + 2, remaining_length,
                            0); /* [MQTT-3.10.1-1] */
    if (at == NULL)
        return result;
    at = mqtti_put_u16(at, unsubscribe->packet_id);
    for (i = 0; i < unsubscribe->count; i++)
        at = mqtti_put_field(at, unsubscribe->filters[i].data, unsubscribe->filters[i].length);
    return result;
}

/* ============================================================================================
 * 3.12 PINGREQ, 3.13 PINGRESP, 3.14 DISCONNECT: nothing but a fixed header
 * ========================================================================================== */

static inline int32_t mqtti_encode_empty(void *buffer, size_t capacity, unsigned first_byte)
{
    int32_t result;

    mqtti_begin_packet(&result, buffer, capacity, first_byte, 0, 0);
    return result;
}

MQTTI_API int32_t mqtt_encode_pingreq(void *buffer, size_t capacity)
{
    return mqtti_encode_empty(buffer, capacity, MQTT_PINGREQ * 16);
}

MQTTI_API int32_t mqtt_encode_pingresp(void *buffer, size_t capacity)
{
    return mqtti_encode_empty(buffer, capacity, MQTT_PINGRESP * 16);
}

MQTTI_API int32_t mqtt_encode_disconnect(void *buffer, size_t capacity)
{
    return mqtti_encode_empty(buffer, capacity, MQTT_DISCONNECT * 16);
}

/* ============================================================================================
 * 3 Any packet
 * ========================================================================================== */

/* Reads the fixed header and waits for the rest: the size of the packet, whose body the reader then
 * holds, MQTT_INCOMPLETE or an error. */
static inline int32_t mqtti_begin_decode(struct mqtt_packet *packet, struct mqtti_reader *body,
                                         const uint8_t *bytes, size_t length, unsigned senders)
{
    struct mqtt_fixed_header header;
    const int32_t size = mqtti_read_fixed_header(&header, bytes, length, senders);

    packet->error_offset = size == MQTT_ERROR_REMAINING_LENGTH ? 1 : 0;
    if (size < 0)
        return size;
#if SIZE_MAX < 0xFFFFFFFF
    if (header.remaining_length > SIZE_MAX - (size_t)size) {
        packet->error_offset = 1;
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
    }
#endif
    if (length - (size_t)size < header.remaining_length)
        return MQTT_INCOMPLETE;
    packet->type = header.type;
    body->at = bytes + size;
    body->left = (size_t)header.remaining_length;
    return size + (int32_t)header.remaining_length;
}

static inline int32_t mqtti_end_decode(struct mqtt_packet *packet, const struct mqtti_reader *body,
                                       int32_t size, int32_t status)
{
    if (status >= 0 && body->left > 0)
        status = MQTT_ERROR_TRAILING_BYTES; /* 3.1.3 */
    if (status >= 0)
        return size;
    packet->error_offset = (uint32_t)size - (uint32_t)body->left;
    return status;
}

/* What the three decoders share: PUBLISH, the types whose body is a packet id, and those that have
 * no body. */
static inline int32_t mqtti_read_common(struct mqtti_reader *body, struct mqtt_packet *packet,
                                        uint8_t first_byte)
{
    switch (packet->type) {
    case MQTT_PUBLISH:
        return mqtti_read_publish(body, first_byte % 16, &packet->as.publish);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        return mqtti_read_packet_id(body, &packet->as.ack.packet_id);
    default:
        return 0;
    }
}

MQTTI_OUT_OF_LINE int32_t mqtti_decode(struct mqtt_packet *packet, const uint8_t *bytes,
                                       size_t length)
{
    struct mqtti_reader body;
    int32_t status;
    const int32_t size =
        mqtti_begin_decode(packet, &body, bytes, length, MQTTI_CLIENT | MQTTI_SERVER);

    if (size < 0)
        return size;
    switch (packet->type) {
    case MQTT_CONNECT:
        status = mqtti_read_connect(&body, &packet->as.connect);
        break;
    case MQTT_CONNACK:
        status = mqtti_read_connack(&body, &packet->as.connack);
        break;
    case MQTT_SUBSCRIBE:
        status = mqtti_read_subscribe(&body, &packet->as.subscribe);
        break;
    case MQTT_SUBACK:
        status = mqtti_read_suback(&body, &packet->as.suback);
        break;
    case MQTT_UNSUBSCRIBE:
        status = mqtti_read_unsubscribe(&body, &packet->as.unsubscribe);
        break;
    default:
        status = mqtti_read_common(&body, packet, bytes[0]);
    }
    return mqtti_end_decode(packet, &body, size, status);
}

MQTTI_API int32_t mqtt_decode(struct mqtt_packet *packet, const void *bytes, size_t length)
{
    return mqtti_decode(packet, (const uint8_t *)bytes, length);
}

MQTTI_OUT_OF_LINE int32_t mqtti_decode_from_client(struct mqtt_packet *packet, const uint8_t *bytes,
                                                   size_t length)
{
    struct mqtti_reader body;
    int32_t status;
    const int32_t size = mqtti_begin_decode(packet, &body, bytes, length, MQTTI_CLIENT);

    if (size < 0)
        return size;
    switch (packet->type) {
    case MQTT_CONNECT:
        status = mqtti_read_connect(&body, &packet->as.connect);
        break;
    case MQTT_SUBSCRIBE:
        status = mqtti_read_subscribe(&body, &packet->as.subscribe);
        break;
    case MQTT_UNSUBSCRIBE:
        status = mqtti_read_unsubscribe(&body, &packet->as.unsubscribe);
        break;
    default:
        status = mqtti_read_common(&body, packet, bytes[0]);
    }
    return mqtti_end_decode(packet, &body, size, status);
}

MQTTI_API int32_t mqtt_decode_from_client(struct mqtt_packet *packet, const void *bytes,
                                          size_t length)
{
    return mqtti_decode_from_client(packet, (const uint8_t *)bytes, length);
}

MQTTI_OUT_OF_LINE int32_t mqtti_decode_from_server(struct mqtt_packet *packet, const uint8_t *bytes,
                                                   size_t length)
{
    struct mqtti_reader body;
    int32_t status;
    const int32_t size = mqtti_begin_decode(packet, &body, bytes, length, MQTTI_SERVER);

    if (size < 0)
        return size;
    switch (packet->type) {
    case MQTT_CONNACK:
        status = mqtti_read_connack(&body, &packet->as.connack);
        break;
    case MQTT_SUBACK:
        status = mqtti_read_suback(&body, &packet->as.suback);
        break;
    default:
        status = mqtti_read_common(&body, packet, bytes[0]);
    }
    return mqtti_end_decode(packet, &body, size, status);
}

MQTTI_API int32_t mqtt_decode_from_server(struct mqtt_packet *packet, const void *bytes,
                                          size_t length)
{
    return mqtti_decode_from_server(packet, (const uint8_t *)bytes, length);
}

/* A decoded list: its payload is checked as by the decoder and copied. */
static inline int32_t mqtti_encode_list(void *buffer, size_t capacity, enum mqtt_packet_type type,
                                        uint16_t packet_id, struct mqtt_bytes encoded)
{
    struct mqtti_reader reader;
    uint32_t remaining_length = 2;
    size_t count;
    uint8_t *at;
    int32_t result;

    reader.at = encoded.data;
    reader.left = encoded.length;
    if (!mqtti_add(&remaining_length, encoded.length))
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
    if (packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] */
    result = type == MQTT_SUBSCRIBE ? mqtti_read_subscriptions(&reader, &count)
                                    : mqtti_read_filters(&reader, &count);
    if (result < 0)
        return result;
    at = mqtti_begin_packet(&result, buffer, capacity, (unsigned)type * 16 + 2, remaining_length,
                            0); /* [MQTT-3.8.1-1] [MQTT-3.10.1-1] */
    if (at != NULL)
        mqtti_put_bytes(mqtti_put_u16(at, packet_id), encoded.data, encoded.length);
    return result;
}

MQTTI_OUT_OF_LINE int32_t mqtti_encode(uint8_t *buffer, size_t capacity,
                                       const struct mqtt_packet *packet)
{
    const struct mqtt_subscribe *subscribe = &packet->as.subscribe;
    const struct mqtt_unsubscribe *unsubscribe = &packet->as.unsubscribe;

    switch (packet->type) {
    case MQTT_CONNECT:
        return mqtt_encode_connect(buffer, capacity, &packet->as.connect);
    case MQTT_CONNACK:
        return mqtt_encode_connack(buffer, capacity, &packet->as.connack);
    case MQTT_PUBLISH:
        return mqtt_encode_publish(buffer, capacity, &packet->as.publish);
    case MQTT_PUBREL:
        return mqtt_encode_pubrel(buffer, capacity, packet->as.ack.packet_id);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        return mqtti_encode_ack(buffer, capacity, (unsigned)packet->type * 16,
                                packet->as.ack.packet_id);
    case MQTT_SUBSCRIBE:
        if (subscribe->subscriptions == NULL)
            return mqtti_encode_list(buffer, capacity, packet->type, subscribe->packet_id,
                                     subscribe->encoded);
        return mqtt_encode_subscribe(buffer, capacity, subscribe);
    case MQTT_SUBACK:
        return mqtt_encode_suback(buffer, capacity, &packet->as.suback);
    case MQTT_UNSUBSCRIBE:
        if (unsubscribe->filters == NULL)
            return mqtti_encode_list(buffer, capacity, packet->type, unsubscribe->packet_id,
                                     unsubscribe->encoded);
        return mqtt_encode_unsubscribe(buffer, capacity, unsubscribe);
    case MQTT_PINGREQ:
    case MQTT_PINGRESP:
    case MQTT_DISCONNECT:
        return mqtti_encode_empty(buffer, capacity, (unsigned)packet->type * 16);
    default:
        return MQTT_ERROR_RESERVED_TYPE; /* Table 2.1 */
    }
}

MQTTI_API int32_t mqtt_encode(void *buffer, size_t capacity, const struct mqtt_packet *packet)
{
    return mqtti_encode((uint8_t *)buffer, capacity, packet);
}

/* ============================================================================================
 * Explanations
 * ========================================================================================== */

struct mqtti_explanation {
    const char *clause;
    const char *message;
};

/* In the order of enum mqtt_status; the first stands for every other number. */
static inline const struct mqtti_explanation *mqtti_explain(int32_t status)
{
    static const struct mqtti_explanation explanations[] = {
        {"", "No error."},
        {"", "More bytes are needed."},
        {"", "The buffer is smaller than the packet."},
        {"2.2.3", "The packet is larger than a remaining length, or this machine, can express."},
        {"2.2.1", "The packet type is 0 or 15, which are reserved."},
        {"2.2.1", "The packet is not a PUBLISH."},
        {"2.2.1", "This side may not send packets of this type."},
        {"MQTT-2.2.2-1", "The reserved flags of the fixed header are not those of the type."},
        {"2.2.3",
         "The remaining length has more than four bytes, or is not possible for this packet."},
        {"3.1.3", "Bytes are left after the last field that the connect flags announce."},
        {"1.5.3", "A field runs past the end of the packet."},
        {"1.5.3", "A field is longer than 65,535 bytes."},
        {"MQTT-1.5.3-1", "A string is not well-formed UTF-8."},
        {"MQTT-1.5.3-2", "A string contains the null character U+0000."},
        {"MQTT-2.3.1-1", "The packet identifier is missing."},
        {"MQTT-2.3.1-1", "The packet identifier is 0."},
        {"MQTT-2.3.1-5", "A PUBLISH at QoS 0 has no packet identifier."},
        {"MQTT-3.1.2-1", "The protocol name is not MQTT."},
        {"MQTT-3.1.2-2", "The protocol level is not 4, that of MQTT 3.1.1."},
        {"MQTT-3.1.2-3", "The reserved connect flag is not 0."},
        {"MQTT-3.1.2-13", "The will QoS is not 0, but there is no will."},
        {"MQTT-3.1.2-15", "The will retain flag is 1, but there is no will."},
        {"MQTT-3.1.2-14", "The will QoS is 3."},
        {"MQTT-3.1.2-22", "There is a password without a user name."},
        {"MQTT-3.1.3-7", "The client identifier is empty, but the session is not a clean one."},
        {"MQTT-3.1.2-9", "The will flag is 1, but the will topic or the will message is missing."},
        {"MQTT-3.1.2-19", "The user name flag is 1, but the user name is missing."},
        {"MQTT-3.1.2-21", "The password flag is 1, but the password is missing."},
        {"3.2.2.1", "The reserved bits of the connect acknowledge flags are not 0."},
        {"MQTT-3.2.2-4", "The session present flag is 1, but the connection is refused."},
        {"3.2.2.3", "The connect return code is above 5, which is reserved."},
        {"MQTT-3.3.1-2", "The DUP flag is 1 at QoS 0."},
        {"MQTT-3.3.1-4", "The QoS is 3."},
        {"MQTT-3.8.3-3", "The SUBSCRIBE has no topic filter."},
        {"3.8.3", "The requested QoS after a topic filter is missing."},
        {"MQTT-3.8.3-4", "The requested QoS is not 0, 1 or 2."},
        {"3.9.3", "The SUBACK has no return code."},
        {"MQTT-3.9.3-2", "The SUBACK return code is not 0, 1, 2 or 128."},
        {"MQTT-3.10.3-2", "The UNSUBSCRIBE has no topic filter."},
        {"MQTT-4.7.3-1", "A topic name or topic filter is empty."},
        {"MQTT-4.7.1-1", "A topic name contains a wildcard."},
        {"MQTT-4.7.1-2", "The wildcard # is not a whole level, or not the last of the filter."},
        {"MQTT-4.7.1-3", "The wildcard + is not a whole level of the filter."},
        {"", "No status of this codec."},
    };
    const int32_t last = (int32_t)(sizeof explanations / sizeof explanations[0]) - 1;

    if (status >= 0)
        return &explanations[0];
    return &explanations[status > -last ? -status : last];
}

MQTTI_API const char *mqtt_status_message(int32_t status)
{
    return mqtti_explain(status)->message;
}

MQTTI_API const char *mqtt_status_clause(int32_t status)
{
    return mqtti_explain(status)->clause;
}

MQTTI_API const char *mqtt_packet_type_name(enum mqtt_packet_type type)
{
    static const char *const names[16] = {
        "Reserved", "CONNECT",  "CONNACK",    "PUBLISH",  "PUBACK",      "PUBREC",
        "PUBREL",   "PUBCOMP",  "SUBSCRIBE",  "SUBACK",   "UNSUBSCRIBE", "UNSUBACK",
        "PINGREQ",  "PINGRESP", "DISCONNECT", "Reserved",
    };
    const unsigned index = (unsigned)type;

    return names[index < 16 ? index : 0];
}

MQTTI_API int32_t mqtt_connack_code_for(int32_t status)
{
    if (status == MQTT_ERROR_PROTOCOL_LEVEL)
        return MQTT_CONNECTION_REFUSED_PROTOCOL_VERSION; /* [MQTT-3.1.2-2] */
    if (status == MQTT_ERROR_CLIENT_ID)
        return MQTT_CONNECTION_REFUSED_IDENTIFIER; /* [MQTT-3.1.3-8] */
    return -1;                                     /* [MQTT-3.1.4-1] */
}

/* ============================================================================================
 * Runs of bytes: portable, SSE2, NEON, AVX2
 * ========================================================================================== */

/* What a byte of a run is. */
enum mqtti_run {
    MQTTI_PLAIN,  /* ASCII above `low` */
    MQTTI_COMMON, /* that of the other string */
    MQTTI_LEVEL   /* not '/' */
};

static inline bool mqtti_runs(enum mqtti_run run, uint8_t byte, uint8_t other, uint8_t low)
{
    return run == MQTTI_PLAIN    ? byte > low && byte < 0x80
           : run == MQTTI_COMMON ? byte == other
                                 : byte != '/';
}

#if MQTT_CODEC_SIMD != 0

#define MQTTI_BLOCK ((size_t)16)
#if MQTT_CODEC_SIMD == 3
#define MQTTI_WIDE ((size_t)32)
#else
#define MQTTI_WIDE ((size_t)16)
#endif

/* Vectors of GCC and of those that follow it; compared, each of their bytes is 0 or -1. */
typedef int8_t mqtti_block __attribute__((vector_size(MQTTI_BLOCK)));
typedef int8_t mqtti_wide __attribute__((vector_size(MQTTI_WIDE)));

/* Which bytes of a compared block are 0: MQTTI_BITS for each, the first one lowest. */
#if MQTT_CODEC_SIMD == 2
#define MQTTI_BITS 4
static inline uint64_t mqtti_zeros(mqtti_block bytes)
{
    const uint16x8_t pairs = vreinterpretq_u16_s8(bytes);

    return ~vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(pairs, 4)), 0);
}
#else
#define MQTTI_BITS 1
static inline uint64_t mqtti_zeros(mqtti_block bytes)
{
    return (unsigned)_mm_movemask_epi8((__m128i)bytes) ^ 0xFFFF;
}
#endif

static inline size_t mqtti_first(uint64_t bits)
{
    return (size_t)__builtin_ctzll(bits) / MQTTI_BITS;
}

/* Whether no byte of a compared vector is 0. */
static inline bool mqtti_all(mqtti_wide bytes)
{
#if MQTT_CODEC_SIMD == 3
    return _mm256_movemask_epi8((__m256i)bytes) == -1;
#elif MQTT_CODEC_SIMD == 1
    return _mm_movemask_epi8((__m128i)bytes) == 0xFFFF;
#else
    return vminvq_u8(vreinterpretq_u8_s8(bytes)) == 0xFF;
#endif
}

static inline mqtti_wide mqtti_load_wide(const uint8_t *s)
{
    mqtti_wide bytes;

    __builtin_memcpy(&bytes, s, sizeof bytes);
    return bytes;
}

/* The 16 bytes at `s` and `t`, 8 from each. */
static inline mqtti_block mqtti_load(const uint8_t *s, const uint8_t *t)
{
    uint64_t halves[2];
    mqtti_block bytes;

    __builtin_memcpy(&halves[0], s, sizeof halves[0]);
    __builtin_memcpy(&halves[1], t, sizeof halves[1]);
    __builtin_memcpy(&bytes, halves, sizeof bytes);
    return bytes;
}

/* Which of the 16 bytes at s[i] and s[j], 8 from each, are not of the run. */
static inline uint64_t mqtti_outside(enum mqtti_run run, const uint8_t *s, const uint8_t *other,
                                     size_t i, size_t j, uint8_t low)
{
    const mqtti_block bytes = mqtti_load(s + i, s + j);

    if (run == MQTTI_PLAIN)
        return mqtti_zeros(bytes > (int8_t)low);
    if (run == MQTTI_COMMON)
        return mqtti_zeros(bytes == mqtti_load(other + i, other + j));
    return mqtti_zeros(bytes != '/');
}

#endif

/* Inlined with a constant `run`. The last block may overlap the one before, which is of the run. */
static inline size_t mqtti_run_length(enum mqtti_run run, const uint8_t *s, const uint8_t *other,
                                      size_t length, uint8_t low)
{
    size_t i = 0;

#if MQTT_CODEC_SIMD != 0
    uint64_t outside;

    if (length >= MQTTI_BLOCK) {
        for (; i < length - MQTTI_BLOCK; i += MQTTI_BLOCK) {
            outside = mqtti_outside(run, s, other, i, i + 8, low);
            if (outside != 0)
                return i + mqtti_first(outside);
        }
        i = length - MQTTI_BLOCK;
        outside = mqtti_outside(run, s, other, i, i + 8, low);
        return outside == 0 ? length : i + mqtti_first(outside);
    }
    if (length >= 8) {
        outside = mqtti_outside(run, s, other, 0, length - 8, low);
        if (outside == 0)
            return length;
        i = mqtti_first(outside);
        return i < 8 ? i : length - MQTTI_BLOCK + i;
    }
#endif
    while (i < length && mqtti_runs(run, s[i], run == MQTTI_COMMON ? other[i] : 0, low))
        i++;
    return i;
}

static inline size_t mqtti_plain_length(const uint8_t *s, size_t length, uint8_t low)
{
    size_t i = 0;

#if MQTT_CODEC_SIMD != 0
    const int8_t above = (int8_t)low;

    while (length - i >= 4 * MQTTI_WIDE &&
           mqtti_all((mqtti_load_wide(s + i) > above) &
                     (mqtti_load_wide(s + i + MQTTI_WIDE) > above) &
                     (mqtti_load_wide(s + i + 2 * MQTTI_WIDE) > above) &
                     (mqtti_load_wide(s + i + 3 * MQTTI_WIDE) > above)))
        i += 4 * MQTTI_WIDE;
#endif
    return i + mqtti_run_length(MQTTI_PLAIN, s + i, s, length - i, low);
}

static inline size_t mqtti_common_length(const uint8_t *s, const uint8_t *other, size_t length)
{
    return mqtti_run_length(MQTTI_COMMON, s, other, length, 0);
}

static inline size_t mqtti_level_length(const uint8_t *s, size_t length)
{
    return mqtti_run_length(MQTTI_LEVEL, s, s, length, 0);
}

#if MQTT_CODEC_SIMD != 0

/* Whether the bytes at `s`, after at least two others of well-formed characters, are sequences of up
 * to three bytes, or ASCII above `low`, as far as they go. What is not so may be well-formed
 * nevertheless: the caller then looks at it by itself. Bytes are signed here: 0x80 is -128. */
static inline bool mqtti_is_well_formed(const uint8_t *s, uint8_t low)
{
    const mqtti_wide bytes = mqtti_load_wide(s);
    const mqtti_wide before = mqtti_load_wide(s - 1);
    const mqtti_wide before_that = mqtti_load_wide(s - 2);
    const mqtti_wide is_continuation = bytes < -64; /* below 0xC0 */
    /* After C2 to EF a byte, after E0 to EF two. What follows F0 is not looked at. */
    const mqtti_wide continues = ((before ^ -128) > 0x3F) | ((before_that ^ -128) > 0x5F);
    const mqtti_wide is_below_A0 = bytes < -96;
    const mqtti_wide is_wrong =
        ((before == -32) & is_below_A0) |         /* E0: below U+0800 */
        ((before == -19) & ~is_below_A0) |        /* ED: surrogates */
        ((bytes & -2) == -64) |                   /* C0, C1: below U+0080 */
        ((bytes > -17) & (bytes <= (int8_t)low)); /* F0 to FF, and 0 to `low` */

    return mqtti_all((is_continuation == continues) & ~is_wrong);
}

#endif

static inline size_t mqtti_skip_characters(const uint8_t *s, size_t length, size_t i, uint8_t low)
{
#if MQTT_CODEC_SIMD != 0
    const size_t start = i;

    if (i < 2)
        return i;
    while (length - i >= MQTTI_WIDE && mqtti_is_well_formed(s + i, low))
        i += MQTTI_WIDE;
    if (i > start && length - i < MQTTI_WIDE && mqtti_is_well_formed(s + length - MQTTI_WIDE, low))
        i = length;
    if (i > start) { /* back to where the last character begins, which may end later */
        do
            i--;
        while (s[i] >= 0x80 && s[i] < 0xC0);
    }
#else
    (void)s;
    (void)length;
    (void)low;
#endif
    return i;
}

#if defined(__cplusplus)
}
#endif

#undef MQTTI_API
#undef MQTTI_OUT_OF_LINE
#undef MQTTI_BLOCK
#undef MQTTI_WIDE
#undef MQTTI_BITS

#endif /* MQTT_CODEC_IMPLEMENTED */
