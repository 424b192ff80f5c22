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
 *     if (n != MQTT_PACKET_INCOMPLETE)
 *         fprintf(stderr, "%s [%s]\n", mqtt_status_message(n), mqtt_status_clause(n));
 *     // otherwise keep the bytes from `used` on, receive more after them and call again
 *
 * Contracts, said once:
 *
 *   Result   Decoders and encoders return an int32_t: above 0 the bytes consumed or written; else an
 *            enum mqtt_status: MQTT_PACKET_INCOMPLETE or an error. 0 is never returned.
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
#if !defined(MQTT_CODEC_SINGLE_HEADER_H)
#define MQTT_CODEC_SINGLE_HEADER_H

/* ---------------------------------------------------------------------------------------------
 * CONFIGURATION
 *
 * A plain #include needs nothing: every function is `static inline`. Where that is not wanted,
 * define MQTT_CODEC_DECLARE_ONLY before each #include, and in one C file define
 * MQTT_CODEC_IMPLEMENTATION before a further #include: it holds the one external definition. To link
 * no more of that than is called, compile it with -ffunction-sections and -fdata-sections, and link
 * with --gc-sections; the plain way leaves out what is not called by itself.
 *
 * MQTT_CODEC_SIMD: define it as 0 to force portable code. Left alone, it is set to what is used: 0
 * portable code, as under -Os, 1 SSE2, 2 NEON of little-endian AArch64, 3 AVX2. No result depends on
 * it.
 *
 * MQTT_CODEC_MEMCPY: memcpy of <string.h>; a target without that header defines it to its own.
 * ------------------------------------------------------------------------------------------- */

/* Semantic versioning; MQTT_CODEC_VERSION is one number, for #if. */
#define MQTT_CODEC_VERSION_MAJOR 0
#define MQTT_CODEC_VERSION_MINOR 2
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
#if !defined(__GNUC__) || defined(__OPTIMIZE_SIZE__)
#define MQTT_CODEC_SIMD 0
#elif defined(__AVX2__) && __STDC_HOSTED__ /* immintrin.h wants stdlib.h */
#define MQTT_CODEC_SIMD 3
#elif defined(__SSE2__) && __STDC_HOSTED__
#define MQTT_CODEC_SIMD 1
#elif defined(__AARCH64EL__) && defined(__ARM_NEON)
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
    MQTT_CONNECT = 1,      /* 3.1 */
    MQTT_CONNACK = 2,      /* 3.2 */
    MQTT_PUBLISH = 3,      /* 3.3 */
    MQTT_PUBACK = 4,       /* 3.4 */
    MQTT_PUBREC = 5,       /* 3.5 */
    MQTT_PUBREL = 6,       /* 3.6 */
    MQTT_PUBCOMP = 7,      /* 3.7 */
    MQTT_SUBSCRIBE = 8,    /* 3.8 */
    MQTT_SUBACK = 9,       /* 3.9 */
    MQTT_UNSUBSCRIBE = 10, /* 3.10 */
    MQTT_UNSUBACK = 11,    /* 3.11 */
    MQTT_PINGREQ = 12,     /* 3.12 */
    MQTT_PINGRESP = 13,    /* 3.13 */
    MQTT_DISCONNECT = 14   /* 3.14 */
};

/* 3.2.2.3, Table 3.1 */
enum mqtt_connack_code {
    MQTT_CONNACK_CODE_ACCEPTED = 0,                      /* the only one that is no refusal */
    MQTT_CONNACK_CODE_REFUSED_PROTOCOL_VERSION = 1,      /* the protocol level is not supported */
    MQTT_CONNACK_CODE_REFUSED_IDENTIFIER = 2,            /* the client id is not allowed */
    MQTT_CONNACK_CODE_REFUSED_SERVER_UNAVAILABLE = 3,    /* the service is unavailable */
    MQTT_CONNACK_CODE_REFUSED_USER_NAME_OR_PASSWORD = 4, /* they are malformed */
    MQTT_CONNACK_CODE_REFUSED_NOT_AUTHORIZED = 5         /* the client may not connect */
};

/* 3.9.3: the granted QoS, or a failure */
enum mqtt_suback_code {
    MQTT_SUBACK_CODE_QOS_0 = 0,     /* the subscription is granted with QoS 0 */
    MQTT_SUBACK_CODE_QOS_1 = 1,     /* with QoS 1 at most */
    MQTT_SUBACK_CODE_QOS_2 = 2,     /* with QoS 2 at most */
    MQTT_SUBACK_CODE_FAILURE = 0x80 /* it is refused */
};

/* What a call answers when it is not a number of bytes, and the rule that this reports. The letters
 * say who can: D a decoder, H of those mqtt_decode_fixed_header too, E an encoder, S one of the two
 * mqtt_publish_set functions. The numbers never change.
 *
 * MQTT_ERROR_PACKET_TOO_LARGE comes from decoders where size_t has 16 bits alone: for a packet, or
 * from those that need no payload for a payload, that it cannot count. */
enum mqtt_status {
    MQTT_PACKET_INCOMPLETE = -1,                 /* DH S a valid beginning; more bytes           */
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
    MQTT_ERROR_FILTER_SINGLE_LEVEL = -42,        /* D E  '+' misplaced              MQTT-4.7.1-3 */
    MQTT_ERROR_PAYLOAD_MISSING = -43             /*   E  payload.data is NULL                    */
};

/* 1.5.3: a string */
struct mqtt_string {
    const char *data; /* UTF-8, not NUL-terminated */
    size_t length;    /* in bytes */
};

/* A payload, a password, a will message: any bytes */
struct mqtt_bytes {
    const uint8_t *data; /* not NUL-terminated */
    size_t length;       /* in bytes */
};

/* 2.2 */
struct mqtt_fixed_header {
    uint32_t remaining_length;  /* 2.2.3: the bytes that follow the fixed header */
    enum mqtt_packet_type type; /* 2.2.1 */
    uint8_t flags;              /* 2.2.2: bits 3 to 0 of the first byte */
};

/* 3.1.2.5 to 3.1.2.7: a will */
struct mqtt_will {
    uint8_t qos;               /* 3.1.2.6 */
    bool retain;               /* 3.1.2.7 */
    struct mqtt_string topic;  /* 3.1.3.2 */
    struct mqtt_bytes message; /* 3.1.3.3 */
};

/* 3.1. What a has_ member says is not there is not looked at by an encoder, and not to be by the
 * receiver of a decoded packet. */
struct mqtt_connect {
    uint16_t keep_alive;          /* 3.1.2.10: seconds; 0 is no keep alive */
    bool clean_session;           /* 3.1.2.4 */
    bool has_will;                /* 3.1.2.5 */
    bool has_user_name;           /* 3.1.2.8 */
    bool has_password;            /* 3.1.2.9 */
    struct mqtt_will will;        /* if has_will */
    struct mqtt_string client_id; /* 3.1.3.1 */
    struct mqtt_string user_name; /* 3.1.3.4, if has_user_name */
    struct mqtt_bytes password;   /* 3.1.3.5, if has_password */
};

/* 3.2 */
struct mqtt_connack {
    bool session_present; /* 3.2.2.2 */
    uint8_t return_code;  /* 3.2.2.3: enum mqtt_connack_code */
};

/* 3.3. At QoS 0 the packet id is not looked at by an encoder, and 0 from a decoder. */
struct mqtt_publish {
    uint16_t packet_id;        /* 3.3.2.2 */
    uint8_t qos;               /* 3.3.1.2 */
    bool dup;                  /* 3.3.1.1 */
    bool retain;               /* 3.3.1.3 */
    struct mqtt_string topic;  /* 3.3.2.1 */
    struct mqtt_bytes payload; /* 3.3.3 */
};

/* PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK: 3.4 to 3.7, 3.11 */
struct mqtt_ack {
    uint16_t packet_id; /* 2.3.1 */
};

/* 3.8.3 */
struct mqtt_subscription {
    struct mqtt_string filter; /* 4.7 */
    uint8_t qos;               /* 3.8.3: the QoS requested */
};

/* 3.8. A sender sets `subscriptions`, an array of `count`; a decoder sets it to NULL and `encoded`
 * to the payload as received. mqtt_next_subscription reads either. */
struct mqtt_subscribe {
    const struct mqtt_subscription *subscriptions; /* a sender's */
    size_t count;                                  /* of subscriptions, at least 1 */
    struct mqtt_bytes encoded;                     /* a decoder's */
    uint16_t packet_id;                            /* 3.8.2 */
};

/* 3.9: `count` bytes, each 0, 1, 2 or MQTT_SUBACK_CODE_FAILURE */
struct mqtt_suback {
    const uint8_t *return_codes; /* 3.9.3 */
    size_t count;                /* of return codes, at least 1 */
    uint16_t packet_id;          /* 3.9.2 */
};

/* 3.10. A sender sets `filters`, an array of `count`; a decoder sets it to NULL and `encoded` to
 * the payload as received. mqtt_next_filter reads either. */
struct mqtt_unsubscribe {
    const struct mqtt_string *filters; /* a sender's */
    size_t count;                      /* of filters, at least 1 */
    struct mqtt_bytes encoded;         /* a decoder's */
    uint16_t packet_id;                /* 3.10.2 */
};

/* Any packet */
struct mqtt_packet {
    uint32_t error_offset; /* after an error: index of the first byte of the field that breaks the
                              rule (a string begins at its length), or where a missing one belongs */
    enum mqtt_packet_type type; /* which member of `as` there is */
    union {
        struct mqtt_connect connect;         /* CONNECT */
        struct mqtt_connack connack;         /* CONNACK */
        struct mqtt_publish publish;         /* PUBLISH */
        struct mqtt_ack ack;                 /* PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK */
        struct mqtt_subscribe subscribe;     /* SUBSCRIBE */
        struct mqtt_suback suback;           /* SUBACK */
        struct mqtt_unsubscribe unsubscribe; /* UNSUBSCRIBE */
    } as;                                    /* none for PINGREQ, PINGRESP, DISCONNECT */
};

/* ---------------------------------------------------------------------------------------------
 * DECODE
 *
 * One call decodes the first packet of `bytes` and leaves those after it alone. What the fixed
 * header shows to be wrong is an error at once; the rest is checked when all of it is there, so
 * that feeding a packet byte by byte costs no more than feeding it whole.
 * ------------------------------------------------------------------------------------------- */

/* Decodes any packet of chapter 3, from either side: an inspector, a test, a proxy. Returns the
 * size of the packet, MQTT_PACKET_INCOMPLETE, or a status with a D, save MQTT_ERROR_TYPE and
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
 * the header's own size, 2 to 5, MQTT_PACKET_INCOMPLETE, or a status with an H. */
MQTTI_API int32_t mqtt_decode_fixed_header(struct mqtt_fixed_header *header, const void *bytes,
                                           size_t length);

/* 3.3: decodes a PUBLISH of which nothing but the bytes before the payload needs to be there, so
 * that a large payload streams through a small buffer. `payload.length` is that of the whole
 * payload, `payload.data` is NULL. Returns where the payload starts, or the statuses that mqtt_decode
 * has for a PUBLISH; a first byte of any other type is MQTT_ERROR_TYPE. */
MQTTI_API int32_t mqtt_decode_publish_header(struct mqtt_publish *publish, const void *bytes,
                                             size_t length);

/* 2.2.3: decodes a remaining length of 1 to 4 bytes; more of them than the value needs are taken.
 * Returns their number, MQTT_PACKET_INCOMPLETE, or MQTT_ERROR_REMAINING_LENGTH if the fourth announces a
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
 * TOPIC_NAME_WILDCARD, PACKET_ID_ZERO, and PAYLOAD_MISSING for a NULL payload with a length. */
MQTTI_API int32_t mqtt_encode_publish(void *buffer, size_t capacity,
                                      const struct mqtt_publish *publish);

/* 3.3: writes everything before the payload, whose length counts but whose data is not looked at,
 * and returns the size of that: for writev, and for one payload sent to many. Statuses as above, but
 * for PAYLOAD_MISSING. */
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
 * there: the DUP flag for a re-delivery (3.3.1.1), RETAIN, which a server clears when it forwards
 * [MQTT-3.3.1-9], the packet id for the next receiver (3.3.2.2).
 * Return where the payload starts, or a status of mqtt_decode_publish_header, and then nothing is
 * changed. At QoS 0, where neither can be set: MQTT_ERROR_DUP (clearing is no error) and
 * MQTT_ERROR_PACKET_ID_AT_QOS_0. A packet id of 0 is MQTT_ERROR_PACKET_ID_ZERO. */
MQTTI_API int32_t mqtt_publish_set_dup(void *bytes, size_t length, bool dup);
MQTTI_API int32_t mqtt_publish_set_retain(void *bytes, size_t length, bool retain);
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

/* Whether two strings have the same bytes [MQTT-4.7.3-4]. */
MQTTI_API bool mqtt_string_equals(struct mqtt_string a, struct mqtt_string b);

/* A NUL-terminated C string, without its NUL. Nothing is copied, nothing checked. */
MQTTI_API struct mqtt_string mqtt_string_from(const char *text);

/* `length` bytes at `data`. Nothing is copied. */
MQTTI_API struct mqtt_bytes mqtt_bytes_from(const void *data, size_t length);

/* ---------------------------------------------------------------------------------------------
 * EXPLANATIONS
 * ------------------------------------------------------------------------------------------- */

/* One plain sentence for a status, or for any other number. Never NULL. */
MQTTI_API const char *mqtt_status_message(int32_t status);

/* The statement that a status reports, "MQTT-3.1.2-22", or where it has no number the section,
 * "2.2.3"; "" for MQTT_PACKET_INCOMPLETE, MQTT_ERROR_BUFFER_TOO_SMALL and MQTT_ERROR_PAYLOAD_MISSING,
 * which break no rule, and for any number that is no status. Never NULL. */
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

/* Inlined into callers, or made for what they pass, some functions make GCC warn there of what cannot
 * happen: of 16-byte loads from shorter arrays, of writes behind what the capacity allows, of reading
 * members that are not yet written. These stay as they are, below thin wrappers that convert the
 * caller's void pointer. */
#if !defined(__GNUC__) || !defined(__OPTIMIZE__) || defined(__clang__) ||                          \
    defined(MQTT_CODEC_EXTERNAL)
#define MQTTI_OUT_OF_LINE static inline
#elif __GNUC__ >= 8
#define MQTTI_OUT_OF_LINE __attribute__((noipa, unused)) static
#else
#define MQTTI_OUT_OF_LINE __attribute__((noinline, noclone, unused)) static
#endif

/* Speed comes first, under -Os size. MQTTI_APART is for what most packets do without: for speed it is
 * not inlined, so that it costs them no registers. MQTTI_INLINED is for what many functions call: for
 * size it is not inlined. Otherwise the compiler decides. */
#if defined(__GNUC__) && defined(__OPTIMIZE_SIZE__)
#define MQTTI_APART   static inline
#define MQTTI_INLINED __attribute__((noinline, unused)) static
#elif defined(__GNUC__) && defined(__OPTIMIZE__)
#define MQTTI_APART   MQTTI_OUT_OF_LINE
#define MQTTI_INLINED __attribute__((always_inline)) static inline
#else
#define MQTTI_APART   static inline
#define MQTTI_INLINED static inline
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
    return (uint16_t)((unsigned)at[0] << 8 | at[1]);
}

static inline unsigned mqtti_flag(bool is_set, unsigned flag)
{
    return is_set ? flag : 0;
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

/* ============================================================================================
 * 1.5.3 UTF-8 encoded strings, 4.7 topic names and topic filters
 * ========================================================================================== */

enum mqtti_kind {
    MQTTI_BINARY,
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
    /*@ loop invariant 1 <= i <= size;
        loop assigns i;
        loop variant size - i; */
    for (i = 1; i < size; i++) {
        if (s[i] < 0x80 || s[i] > 0xBF)
            return 0;
    }
    if (lead == (s[1] < 0xA0 ? 0xE0 : 0xED)) /* below U+0800; surrogates, U+D800 to U+DFFF */
        return 0;
    if (lead == (s[1] < 0x90 ? 0xF0 : 0xF4)) /* below U+10000; above U+10FFFF */
        return 0;
    return size;
}

/* Defined in the last section, for blocks of bytes. Of the bytes of `s`, how many from the first on
 * equal those of `other`; are not '/'. */
static inline size_t mqtti_common_length(const uint8_t *s, const uint8_t *other, size_t length);
static inline size_t mqtti_level_length(const uint8_t *s, size_t length);

/* Defined there too. With s[i] the first byte of a character, what is before it checked: pass over
 * some characters above `low`, at least s[i] if it is ASCII, and return where the next one begins. */
static inline size_t mqtti_skip_ascii(const uint8_t *s, size_t length, size_t i, uint8_t low);
static inline size_t mqtti_skip_characters(const uint8_t *s, size_t length, size_t i, uint8_t low);

/* Defined there too. Whether it is seen without a walk that a string or topic name is valid, as of
 * ASCII it is; and a topic filter. */
static inline bool mqtti_is_plain(const uint8_t *s, size_t length, uint8_t low);
static inline bool mqtti_is_plain_filter(const uint8_t *s, size_t length);

/* The byte s[i], '#' or '+', of a topic filter: a whole level, '#' the last one. */
static inline int32_t mqtti_check_wildcard(const uint8_t *s, size_t length, size_t i)
{
    const bool opens_level = i == 0 || s[i - 1] == '/';
    const bool is_last = i + 1 == length;

    if (opens_level && (is_last || (s[i] == '+' && s[i + 1] == '/')))
        return 0;
    return s[i] == '#' ? MQTT_ERROR_FILTER_MULTI_LEVEL   /* [MQTT-4.7.1-2] */
                       : MQTT_ERROR_FILTER_SINGLE_LEVEL; /* [MQTT-4.7.1-3] */
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

/* ASCII above this is plain: there is nothing to look for. */
static inline uint8_t mqtti_low(enum mqtti_kind kind)
{
    return kind == MQTTI_STRING ? 0 : '+';
}

/* One walk over a string of at most 65,535 bytes checks all that its kind asks for. */
MQTTI_APART int32_t mqtti_walk_string(const uint8_t *s, size_t length, enum mqtti_kind kind)
{
    const uint8_t low = mqtti_low(kind);
    size_t i = 0;

    if (length == 0 && kind != MQTTI_STRING)
        return MQTT_ERROR_TOPIC_EMPTY; /* [MQTT-4.7.3-1] */
    /*@ loop invariant 0 <= i <= length;
        loop assigns i;
        loop variant length - i; */
    while (i < length) {
        if (s[i] >= 0x80) {
            const size_t next = mqtti_skip_characters(s, length, i, low);
            const size_t size = next > i ? next - i : mqtti_sequence_size(s + i, length - i);
            if (size == 0)
                return MQTT_ERROR_ILL_FORMED_UTF8; /* [MQTT-1.5.3-1] */
            i += size;
        } else if (s[i] > low) {
            i = mqtti_skip_ascii(s, length, i, low);
        } else if (s[i] == 0) {
            return MQTT_ERROR_NULL_CHARACTER; /* [MQTT-1.5.3-2] [MQTT-4.7.3-2] */
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

MQTTI_INLINED int32_t mqtti_check_string(const uint8_t *s, size_t length, enum mqtti_kind kind)
{
    const bool is_plain = kind == MQTTI_TOPIC_FILTER ? mqtti_is_plain_filter(s, length)
                                                     : mqtti_is_plain(s, length, mqtti_low(kind));

    return is_plain ? 0 : mqtti_walk_string(s, length, kind);
}

static inline int32_t mqtti_check_field(const uint8_t *data, size_t length, enum mqtti_kind kind)
{
    if (mqtti_is_too_long(length))
        return MQTT_ERROR_FIELD_TOO_LONG; /* 1.5.3 [MQTT-4.7.3-3] */
    return kind == MQTTI_BINARY ? 0 : mqtti_check_string(data, length, kind);
}

/* Reads a string, or binary data, preceded by its two-byte length; where the packet has ended before
 * it, that is the error `missing`. */
MQTTI_INLINED int32_t mqtti_read_field(struct mqtti_reader *reader, enum mqtti_kind kind,
                                       int32_t missing, struct mqtt_bytes *field)
{
    if (reader->left < 2)
        return reader->left == 0 ? missing : MQTT_ERROR_FIELD_PAST_END; /* 1.5.3 */
    field->length = mqtti_get_u16(reader->at);
    if (field->length > reader->left - 2)
        return MQTT_ERROR_FIELD_PAST_END; /* 1.5.3 */
    field->data = reader->at + 2;
    if (kind != MQTTI_BINARY) {
        const int32_t status = mqtti_check_string(field->data, field->length, kind);
        if (status < 0)
            return status;
    }
    mqtti_skip(reader, 2 + field->length);
    return 0;
}

static inline struct mqtt_string mqtti_string_of(struct mqtt_bytes field)
{
    struct mqtt_string string;

    string.data = (const char *)field.data;
    string.length = field.length;
    return string;
}

MQTTI_INLINED bool mqtti_is_valid(const uint8_t *s, size_t length, enum mqtti_kind kind)
{
    return mqtti_check_field(s, length, kind) == 0;
}

MQTTI_APART bool mqtti_string_is_valid(const uint8_t *s, size_t length)
{
    return mqtti_is_valid(s, length, MQTTI_STRING);
}

MQTTI_API bool mqtt_string_is_valid(struct mqtt_string string)
{
    return mqtti_string_is_valid((const uint8_t *)string.data, string.length);
}

MQTTI_APART bool mqtti_topic_name_is_valid(const uint8_t *s, size_t length)
{
    return mqtti_is_valid(s, length, MQTTI_TOPIC_NAME);
}

MQTTI_API bool mqtt_topic_name_is_valid(struct mqtt_string name)
{
    return mqtti_topic_name_is_valid((const uint8_t *)name.data, name.length);
}

MQTTI_APART bool mqtti_topic_filter_is_valid(const uint8_t *s, size_t length)
{
    return mqtti_is_valid(s, length, MQTTI_TOPIC_FILTER);
}

MQTTI_API bool mqtt_topic_filter_is_valid(struct mqtt_string filter)
{
    return mqtti_topic_filter_is_valid((const uint8_t *)filter.data, filter.length);
}

MQTTI_API bool mqtt_string_has_discouraged(struct mqtt_string string)
{
    const uint8_t *s = (const uint8_t *)string.data;
    size_t left = string.length;

    /*@ loop invariant left <= \at(left, LoopEntry);
        loop invariant s == \at(s, LoopEntry) + (\at(left, LoopEntry) - left);
        loop assigns s, left;
        loop variant left; */
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
MQTTI_APART bool mqtti_topic_matches(const uint8_t *filter, size_t filter_length,
                                     const uint8_t *name, size_t name_length)
{
    /*@ loop invariant filter_length <= \at(filter_length, LoopEntry);
        loop invariant name_length <= \at(name_length, LoopEntry);
        loop invariant filter + filter_length == \at(filter + filter_length, LoopEntry);
        loop invariant name + name_length == \at(name + name_length, LoopEntry);
        loop assigns filter, filter_length, name, name_length;
        loop variant filter_length; */
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
    /*@ loop invariant \forall integer i; 0 <= i < string.length ==> text[i] != 0;
        loop assigns string.length;
        loop variant SIZE_MAX - string.length; */
    while (text[string.length] != '\0')
        string.length++;
    return string;
}

MQTTI_OUT_OF_LINE bool mqtti_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
    return mqtti_common_length(a, b, length) == length;
}

MQTTI_API bool mqtt_string_equals(struct mqtt_string a, struct mqtt_string b)
{
    return a.length == b.length &&
           mqtti_equal((const uint8_t *)a.data, (const uint8_t *)b.data, a.length);
}

MQTTI_API struct mqtt_bytes mqtt_bytes_from(const void *data, size_t length)
{
    struct mqtt_bytes bytes;

    bytes.data = (const uint8_t *)data;
    bytes.length = length;
    return bytes;
}

/* ============================================================================================
 * 2.2 Fixed header
 * ========================================================================================== */

/* The bits of mqtti_type_rules. Above them stands the remaining length, the least, or the only one,
 * in units of MQTTI_LENGTH_1. */
enum {
    MQTTI_EXACT = 0x01,
    MQTTI_FLAG_1 = 0x02, /* where it is in the fixed header: bit 1 of the flags is 1 */
    MQTTI_CLIENT = 0x04, /* a client may send it */
    MQTTI_SERVER = 0x08, /* a server may send it */
    MQTTI_LENGTH_1 = 0x10
};

/* Table 2.1 (who sends it) and Table 2.2 (flags), and the remaining lengths of chapter 3, as bits, of
 * all types but PUBLISH; 0 is a reserved type. */
static inline unsigned mqtti_type_rules(unsigned type)
{
    static const uint8_t rules[16] = {
        0,
        MQTTI_CLIENT | MQTTI_LENGTH_1 * 12,              /* CONNECT: an empty client id */
        MQTTI_SERVER | MQTTI_EXACT | MQTTI_LENGTH_1 * 2, /* CONNACK */
        0,                                               /* PUBLISH: its rules depend on its QoS */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_EXACT | MQTTI_LENGTH_1 * 2,  /* PUBACK */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_EXACT | MQTTI_LENGTH_1 * 2,  /* PUBREC */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_EXACT | MQTTI_LENGTH_1 * 2 | /* PUBREL */
            MQTTI_FLAG_1,                                                /* [MQTT-3.6.1-1] */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_EXACT | MQTTI_LENGTH_1 * 2,  /* PUBCOMP */
        MQTTI_CLIENT | MQTTI_LENGTH_1 * 2 | MQTTI_FLAG_1, /* SUBSCRIBE [MQTT-3.8.1-1] */
        MQTTI_SERVER | MQTTI_LENGTH_1 * 2,                /* SUBACK */
        MQTTI_CLIENT | MQTTI_LENGTH_1 * 2 | MQTTI_FLAG_1, /* UNSUBSCRIBE [MQTT-3.10.1-1] */
        MQTTI_SERVER | MQTTI_EXACT | MQTTI_LENGTH_1 * 2,  /* UNSUBACK */
        MQTTI_CLIENT | MQTTI_EXACT,                       /* PINGREQ */
        MQTTI_SERVER | MQTTI_EXACT,                       /* PINGRESP */
        MQTTI_CLIENT | MQTTI_EXACT,                       /* DISCONNECT [MQTT-3.14.1-1] */
        0,
    };
    return rules[type];
}

/* 3.3.1: bits 3 to 0 of the first byte of a PUBLISH. */
enum {
    MQTTI_PUBLISH_RETAIN = 0x01,
    MQTTI_PUBLISH_QOS_1 = 0x02,
    MQTTI_PUBLISH_DUP = 0x08
};

static inline uint8_t mqtti_publish_qos(uint8_t flags)
{
    return flags / MQTTI_PUBLISH_QOS_1 % 4;
}

static inline int32_t mqtti_check_publish_flags(uint8_t flags)
{
    if (mqtti_publish_qos(flags) == 3)
        return MQTT_ERROR_QOS; /* [MQTT-3.3.1-4] */
    if (mqtti_publish_qos(flags) == 0 && (flags & MQTTI_PUBLISH_DUP) != 0)
        return MQTT_ERROR_DUP; /* [MQTT-3.3.1-2] */
    return 0;
}

MQTTI_API int32_t mqtt_decode_remaining_length(uint32_t *value, const void *bytes, size_t length)
{
    const uint8_t *digits = (const uint8_t *)bytes;
    uint32_t sum;
    size_t last;
    size_t i;

    /*@ loop invariant 0 <= last <= 4 && last <= length;
        loop invariant \forall integer k; 0 <= k < last ==> digits[k] >= 128;
        loop assigns last;
        loop variant 4 - last; */
    for (last = 0; last < 4; last++) {
        if (last == length)
            return MQTT_PACKET_INCOMPLETE;
        if (digits[last] < 128) {
            sum = digits[last];
            /*@ loop invariant 0 <= i <= last;
                loop invariant i == last ==> sum == digits[i];
                loop invariant i == last - 1 ==> sum == digits[i + 1] * 128 + digits[i] % 128;
                loop invariant i == last - 2 ==>
                  sum == (digits[i + 2] * 128 + digits[i + 1] % 128) * 128 + digits[i] % 128;
                loop invariant i == last - 3 ==>
                  sum == ((digits[i + 3] * 128 + digits[i + 2] % 128) * 128 + digits[i + 1] % 128)
                         * 128 + digits[i] % 128;
                loop assigns i, sum;
                loop variant i; */
            for (i = last; i > 0; i--)
                sum = sum * 128 + digits[i - 1] % 128u;
            *value = sum;
            return (int32_t)last + 1;
        }
    }
    return MQTT_ERROR_REMAINING_LENGTH; /* 2.2.3 */
}

/* The fixed header of a packet from one of `senders`, MQTTI_CLIENT, MQTTI_SERVER or both. */
static inline int32_t mqtti_read_fixed_header(struct mqtt_fixed_header *header,
                                              const uint8_t *bytes, size_t length, unsigned senders)
{
    unsigned type;
    unsigned rules = MQTTI_LENGTH_1 * 2;
    uint32_t least;
    int32_t size;

    if (length == 0)
        return MQTT_PACKET_INCOMPLETE;
    type = bytes[0] / 16u;
    header->type = (enum mqtt_packet_type)type;
    header->flags = bytes[0] % 16;
    if (type == MQTT_PUBLISH) {
        const int32_t status = mqtti_check_publish_flags(header->flags);
        if (status < 0)
            return status;
        if (mqtti_publish_qos(header->flags) != 0)
            rules += MQTTI_LENGTH_1 * 2; /* the packet id */
    } else {
        rules = mqtti_type_rules(type);
        if ((rules & senders) == 0) /* Table 2.1 */
            return rules == 0 ? MQTT_ERROR_RESERVED_TYPE : MQTT_ERROR_DIRECTION;
        if (header->flags != (rules & MQTTI_FLAG_1))
            return MQTT_ERROR_FLAGS; /* [MQTT-2.2.2-1] [MQTT-2.2.2-2] */
    }
    if (length > 1 && bytes[1] < 128) { /* most are of one byte */
        header->remaining_length = bytes[1];
        size = 1;
    } else {
        size = mqtt_decode_remaining_length(&header->remaining_length, bytes + 1, length - 1);
        if (size < 0)
            return size;
    }
    least = rules / MQTTI_LENGTH_1;
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
static inline uint32_t mqtti_remaining_length_size(uint32_t value)
{
    uint32_t size = 1;

    /*@ loop invariant (size == 1 && value == \at(value, LoopEntry)) ||
                         (size == 2 && value == \at(value, LoopEntry) / 128 > 0) ||
                         (size == 3 && value == \at(value, LoopEntry) / 16384 > 0) ||
                         (size == 4 && value == \at(value, LoopEntry) / 2097152 > 0) ||
                         (size == 5 && value == \at(value, LoopEntry) / 268435456 > 0);
        loop assigns size, value;
        loop variant value; */
    for (; value >= 128; value /= 128)
        size++;
    return size;
}

static inline uint8_t *mqtti_put_remaining_length(uint8_t *at, uint32_t value)
{
    /*@ loop invariant
          (at == \at(at, Pre) && value == \at(value, Pre)) ||
          (at == \at(at, Pre) + 1 && 0 < value && \at(value, Pre) == value * 128 + at[-1] % 128) ||
          (at == \at(at, Pre) + 2 && 0 < value &&
           \at(value, Pre) == (value * 128 + at[-1] % 128) * 128 + at[-2] % 128) ||
          (at == \at(at, Pre) + 3 && 0 < value &&
           \at(value, Pre) == ((value * 128 + at[-1] % 128) * 128 + at[-2] % 128) * 128
                              + at[-3] % 128);
        loop invariant \forall integer k; \at(at, Pre) <= at + k < at ==> at[k] >= 128;
        loop assigns at, value,
            \at(at, Pre)[0 .. (\at(value, Pre) < 16384 ? 0 : \at(value, Pre) < 2097152 ? 1 : 2)];
        loop variant value; */
    while (value >= 128) {
        at = mqtti_put_u8(at, (uint8_t)(value % 128u + 128u));
        value /= 128;
    }
    return mqtti_put_u8(at, (uint8_t)value);
}

MQTTI_API int32_t mqtt_encode_remaining_length(void *buffer, size_t capacity, uint32_t value)
{
    const uint32_t size = mqtti_remaining_length_size(value);

    if (value > MQTT_REMAINING_LENGTH_MAX)
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
    if (buffer == NULL)
        return (int32_t)size;
    if (capacity < size)
        return MQTT_ERROR_BUFFER_TOO_SMALL;
    mqtti_put_remaining_length((uint8_t *)buffer, value);
    return (int32_t)size;
}

/* CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP and UNSUBACK: a body of two bytes. */
static inline int32_t mqtti_encode_short(uint8_t *buffer, size_t capacity, unsigned first_byte,
                                         unsigned body)
{
    if (buffer != NULL) {
        if (capacity < 4)
            return MQTT_ERROR_BUFFER_TOO_SMALL;
        mqtti_put_u16(mqtti_put_u8(mqtti_put_u8(buffer, first_byte), 2), (uint16_t)body);
    }
    return 4;
}

/* PINGREQ, PINGRESP and DISCONNECT: no body. */
MQTTI_INLINED int32_t mqtti_encode_empty(uint8_t *buffer, size_t capacity, unsigned first_byte)
{
    if (buffer != NULL) {
        if (capacity < 2)
            return MQTT_ERROR_BUFFER_TOO_SMALL;
        mqtti_put_u8(mqtti_put_u8(buffer, first_byte), 0);
    }
    return 2;
}

/* The body of a packet is walked over twice, field by field, by the same function: while `at` is NULL
 * it is measured and checked, then it is written to there. */
struct mqtti_writer {
    uint8_t *at;
    uint32_t length; /* what has been measured */
    int32_t status;  /* of the first field that breaks a rule */
};

/* Adds to the length, which above MQTT_REMAINING_LENGTH_MAX need not be exact. */
static inline void mqtti_measure(struct mqtti_writer *writer, uint32_t prefix, size_t count)
{
    const uint32_t too_many = MQTT_REMAINING_LENGTH_MAX + 1;

    if (writer->length < too_many)
        writer->length += prefix + (count < too_many ? (uint32_t)count : too_many);
}

/* A string, or binary data, preceded by its two-byte length. */
MQTTI_INLINED void mqtti_write_field(struct mqtti_writer *writer, const void *data, size_t length,
                                     enum mqtti_kind kind)
{
    if (writer->at != NULL) {
        writer->at = mqtti_put_bytes(mqtti_put_u16(writer->at, (uint16_t)length), data, length);
        return;
    }
    mqtti_measure(writer, 2, length);
    if (writer->status == 0)
        writer->status = mqtti_check_field((const uint8_t *)data, length, kind);
}

/* Begins to write a packet whose body has been measured: compares its size with the capacity and
 * writes the fixed header. Returns the size, without what of the body is `elsewhere`, or an error. */
MQTTI_INLINED int32_t mqtti_begin_packet(struct mqtti_writer *writer, uint8_t *buffer,
                                         size_t capacity, unsigned first_byte, uint32_t elsewhere)
{
    const uint32_t size =
        1u + mqtti_remaining_length_size(writer->length) + writer->length - elsewhere;

    if (writer->length > MQTT_REMAINING_LENGTH_MAX)
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
    if (writer->status < 0)
        return writer->status;
    if (buffer != NULL) {
        if (capacity < size)
            return MQTT_ERROR_BUFFER_TOO_SMALL;
        writer->at = mqtti_put_remaining_length(mqtti_put_u8(buffer, first_byte), writer->length);
    }
    return (int32_t)size;
}

static inline struct mqtti_writer mqtti_measuring(uint32_t length)
{
    struct mqtti_writer writer;

    writer.at = NULL;
    writer.length = length;
    writer.status = 0;
    return writer;
}

/* ============================================================================================
 * 2.3.1 Packet identifier
 * ========================================================================================== */

/* Where there are two bytes left. */
static inline int32_t mqtti_read_packet_id(struct mqtti_reader *reader, uint16_t *packet_id)
{
    *packet_id = mqtti_get_u16(reader->at);
    if (*packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1], and what acknowledges it */
    mqtti_skip(reader, 2);
    return 0;
}

/* ============================================================================================
 * 3 Any packet: what the decoders share
 * ========================================================================================== */

/* What is left of a packet behind its fixed header, which has been read. */
static inline struct mqtti_reader mqtti_body_of(const uint8_t *bytes, size_t header_size,
                                                size_t size)
{
    struct mqtti_reader reader;

    reader.at = bytes + header_size;
    reader.left = size - header_size;
    return reader;
}

/* Ends the decoding of a packet of `size` bytes, whose rest is with the reader. */
static inline int32_t mqtti_end_decode(struct mqtt_packet *packet,
                                       const struct mqtti_reader *reader, size_t size,
                                       int32_t status)
{
    if (status >= 0)
        return (int32_t)size;
    packet->error_offset = (uint32_t)(size - reader->left);
    return status;
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
    MQTTI_CONNECT_WILL_RETAIN = 0x20,
    MQTTI_CONNECT_PASSWORD = 0x40,
    MQTTI_CONNECT_USER_NAME = 0x80
};

static inline uint8_t mqtti_will_qos(uint8_t flags)
{
    return flags / MQTTI_CONNECT_WILL_QOS_1 % 4;
}

static inline int32_t mqtti_check_connect_flags(uint8_t flags)
{
    if ((flags & MQTTI_CONNECT_RESERVED) != 0)
        return MQTT_ERROR_CONNECT_RESERVED_FLAG; /* [MQTT-3.1.2-3] */
    if ((flags & MQTTI_CONNECT_WILL) == 0) {     /* [MQTT-3.1.2-11] */
        if (mqtti_will_qos(flags) != 0)
            return MQTT_ERROR_WILL_QOS_WITHOUT_WILL; /* [MQTT-3.1.2-13] */
        if ((flags & MQTTI_CONNECT_WILL_RETAIN) != 0)
            return MQTT_ERROR_WILL_RETAIN_WITHOUT_WILL; /* [MQTT-3.1.2-15] */
    }
    if (mqtti_will_qos(flags) == 3)
        return MQTT_ERROR_WILL_QOS; /* [MQTT-3.1.2-14] */
    if ((flags & MQTTI_CONNECT_PASSWORD) != 0 && (flags & MQTTI_CONNECT_USER_NAME) == 0)
        return MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME; /* [MQTT-3.1.2-22] */
    return 0;
}

/* 3.1.2.1: a string. */
static inline const uint8_t *mqtti_protocol_name(void)
{
    static const uint8_t protocol_name[6] = {0, 4, 'M', 'Q', 'T', 'T'};

    return protocol_name;
}

/* 3.1.2: the variable header, whose 10 bytes the least remaining length promises. */
static inline int32_t mqtti_read_connect_header(struct mqtti_reader *reader,
                                                struct mqtt_connect *connect)
{
    const uint8_t *const protocol_name = mqtti_protocol_name();
    uint8_t flags;
    int32_t status;
    size_t i;

    /*@ loop invariant 0 <= i <= 6;
        loop assigns i;
        loop variant 6 - i; */
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
    connect->will.qos = mqtti_will_qos(flags);
    connect->will.retain = (flags & MQTTI_CONNECT_WILL_RETAIN) != 0;
    connect->has_password = (flags & MQTTI_CONNECT_PASSWORD) != 0;
    connect->has_user_name = (flags & MQTTI_CONNECT_USER_NAME) != 0;
    mqtti_skip(reader, 1);
    connect->keep_alive = mqtti_get_u16(reader->at);
    mqtti_skip(reader, 2);
    return 0;
}

/* An empty client id asks for a clean session. */
static inline bool mqtti_client_id_fits(struct mqtt_string client_id, bool clean_session)
{
    return client_id.length > 0 || clean_session; /* [MQTT-3.1.3-7] [MQTT-3.1.3-8] */
}

static inline int32_t mqtti_read_will(struct mqtti_reader *reader, struct mqtt_will *will)
{
    struct mqtt_bytes field;
    const int32_t status =
        mqtti_read_field(reader, MQTTI_TOPIC_NAME, MQTT_ERROR_WILL_MISSING, &field);

    if (status < 0) /* [MQTT-3.1.3-10] */
        return status;
    will->topic.data = (const char *)field.data;
    will->topic.length = field.length;
    return mqtti_read_field(reader, MQTTI_BINARY, MQTT_ERROR_WILL_MISSING,
                            &will->message); /* 3.1.3.3 */
}

static inline int32_t mqtti_read_credentials(struct mqtti_reader *reader,
                                             struct mqtt_connect *connect)
{
    struct mqtt_bytes field;

    if (connect->has_user_name) { /* [MQTT-3.1.2-19] */
        const int32_t status =
            mqtti_read_field(reader, MQTTI_STRING, MQTT_ERROR_USER_NAME_MISSING, &field);
        if (status < 0) /* [MQTT-3.1.3-11] */
            return status;
        connect->user_name.data = (const char *)field.data;
        connect->user_name.length = field.length;
    }
    if (connect->has_password) { /* [MQTT-3.1.2-21] */
        return mqtti_read_field(reader, MQTTI_BINARY, MQTT_ERROR_PASSWORD_MISSING,
                                &connect->password); /* 3.1.3.5 */
    }
    return 0;
}

/* The fields of the payload stand in this order [MQTT-3.1.3-1]. */
static inline int32_t mqtti_read_connect(struct mqtti_reader *reader, struct mqtt_connect *connect)
{
    struct mqtt_bytes field;
    int32_t status = mqtti_read_connect_header(reader, connect);

    if (status < 0)
        return status;
    status = mqtti_read_field(reader, MQTTI_STRING, MQTT_ERROR_FIELD_PAST_END, &field);
    if (status < 0) /* [MQTT-3.1.3-3] [MQTT-3.1.3-4] */
        return status;
    connect->client_id.data = (const char *)field.data;
    connect->client_id.length = field.length;
    if (!mqtti_client_id_fits(connect->client_id, connect->clean_session)) {
        reader->at -= 2; /* back to its length, which is 0 */
        reader->left += 2;
        return MQTT_ERROR_CLIENT_ID;
    }
    if (connect->has_will) { /* [MQTT-3.1.2-9] */
        status = mqtti_read_will(reader, &connect->will);
        if (status < 0)
            return status;
    }
    status = mqtti_read_credentials(reader, connect);
    if (status < 0)
        return status;
    /* What is left has no flag [MQTT-3.1.2-11] [MQTT-3.1.2-18] [MQTT-3.1.2-20]. */
    return reader->left > 0 ? MQTT_ERROR_TRAILING_BYTES : 0; /* 3.1.3 */
}

MQTTI_APART int32_t mqtti_decode_connect(struct mqtt_packet *packet, const uint8_t *bytes,
                                         size_t header_size, size_t size)
{
    struct mqtti_reader reader = mqtti_body_of(bytes, header_size, size);
    const int32_t status = mqtti_read_connect(&reader, &packet->as.connect);

    return mqtti_end_decode(packet, &reader, size, status);
}

/* The connect flags of what a sender wants, which has been checked. */
static inline unsigned mqtti_connect_flags(const struct mqtt_connect *connect)
{
    unsigned flags = mqtti_flag(connect->clean_session, MQTTI_CONNECT_CLEAN_SESSION) +
                     mqtti_flag(connect->has_password, MQTTI_CONNECT_PASSWORD) +
                     mqtti_flag(connect->has_user_name, MQTTI_CONNECT_USER_NAME);

    if (connect->has_will)
        flags += MQTTI_CONNECT_WILL + connect->will.qos * (unsigned)MQTTI_CONNECT_WILL_QOS_1 +
                 mqtti_flag(connect->will.retain, MQTTI_CONNECT_WILL_RETAIN);
    return flags;
}

/* 3.1.3: the payload, in this order [MQTT-3.1.3-1]. */
MQTTI_INLINED void mqtti_write_connect(struct mqtti_writer *writer,
                                       const struct mqtt_connect *connect)
{
    mqtti_write_field(writer, connect->client_id.data, connect->client_id.length,
                      MQTTI_STRING); /* [MQTT-3.1.3-4] */
    if (writer->status == 0 && !mqtti_client_id_fits(connect->client_id, connect->clean_session))
        writer->status = MQTT_ERROR_CLIENT_ID;
    if (connect->has_will) {
        mqtti_write_field(writer, connect->will.topic.data, connect->will.topic.length,
                          MQTTI_TOPIC_NAME); /* [MQTT-3.1.3-10] */
        mqtti_write_field(writer, connect->will.message.data, connect->will.message.length,
                          MQTTI_BINARY); /* 3.1.3.3 */
    }
    if (connect->has_user_name)
        mqtti_write_field(writer, connect->user_name.data, connect->user_name.length,
                          MQTTI_STRING); /* [MQTT-3.1.3-11] */
    if (connect->has_password)
        mqtti_write_field(writer, connect->password.data, connect->password.length,
                          MQTTI_BINARY); /* 3.1.3.5 */
}

MQTTI_APART int32_t mqtti_encode_connect(uint8_t *buffer, size_t capacity,
                                         const struct mqtt_connect *connect)
{
    struct mqtti_writer writer = mqtti_measuring(10);
    int32_t result;

    if (connect->has_will && connect->will.qos > 2)
        return MQTT_ERROR_WILL_QOS; /* [MQTT-3.1.2-14] */
    if (connect->has_password && !connect->has_user_name)
        return MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME; /* [MQTT-3.1.2-22] */
    mqtti_write_connect(&writer, connect);
    if (writer.status < 0) /* before a length that only a field too long can cause */
        return writer.status;
    result = mqtti_begin_packet(&writer, buffer, capacity, MQTT_CONNECT * 16, 0);
    if (writer.at != NULL) {
        writer.at = mqtti_put_bytes(writer.at, mqtti_protocol_name(), 6);
        writer.at = mqtti_put_u8(mqtti_put_u8(writer.at, 4), mqtti_connect_flags(connect));
        writer.at = mqtti_put_u16(writer.at, connect->keep_alive);
        mqtti_write_connect(&writer, connect);
    }
    return result;
}

MQTTI_API int32_t mqtt_encode_connect(void *buffer, size_t capacity,
                                      const struct mqtt_connect *connect)
{
    return mqtti_encode_connect((uint8_t *)buffer, capacity, connect);
}

/* ============================================================================================
 * 3.2 CONNACK
 * ========================================================================================== */

MQTTI_APART int32_t mqtti_decode_connack(struct mqtt_packet *packet, const uint8_t *bytes,
                                         size_t header_size)
{
    const uint8_t flags = bytes[header_size];
    const uint8_t return_code = bytes[header_size + 1];

    packet->error_offset = (uint32_t)header_size;
    if (flags > 1)
        return MQTT_ERROR_CONNACK_FLAGS; /* 3.2.2.1 */
    if (flags == 1 && return_code != 0)
        return MQTT_ERROR_SESSION_PRESENT; /* [MQTT-3.2.2-4] */
    packet->error_offset = (uint32_t)header_size + 1;
    if (return_code > 5)
        return MQTT_ERROR_CONNECT_RETURN_CODE; /* 3.2.2.3, Table 3.1 */
    packet->as.connack.session_present = flags == 1;
    packet->as.connack.return_code = return_code;
    return (int32_t)header_size + 2;
}

MQTTI_API int32_t mqtt_encode_connack(void *buffer, size_t capacity,
                                      const struct mqtt_connack *connack)
{
    if (connack->session_present && connack->return_code != 0)
        return MQTT_ERROR_SESSION_PRESENT; /* [MQTT-3.2.2-4] */
    if (connack->return_code > 5)
        return MQTT_ERROR_CONNECT_RETURN_CODE; /* 3.2.2.3, Table 3.1 */
    return mqtti_encode_short((uint8_t *)buffer, capacity, MQTT_CONNACK * 16,
                              (connack->session_present ? 256u : 0u) + connack->return_code);
}

/* ============================================================================================
 * 3.3 PUBLISH
 * ========================================================================================== */

/* 3.3.2: what is behind the topic name, up to the payload. */
static inline int32_t mqtti_read_behind_topic(struct mqtti_reader *reader, uint8_t flags,
                                              struct mqtt_publish *publish)
{
    publish->qos = mqtti_publish_qos(flags);
    publish->dup = (flags & MQTTI_PUBLISH_DUP) != 0;
    publish->retain = (flags & MQTTI_PUBLISH_RETAIN) != 0;
    publish->packet_id = 0;
    if (publish->qos == 0)
        return 0; /* [MQTT-2.3.1-5] */
    if (reader->left < 2)
        return MQTT_ERROR_PACKET_ID_MISSING; /* [MQTT-2.3.1-1] */
    return mqtti_read_packet_id(reader, &publish->packet_id);
}

/* 3.3.2: the variable header. The reader is left at the payload. */
static inline int32_t mqtti_read_publish_header(struct mqtti_reader *reader, uint8_t flags,
                                                struct mqtt_publish *publish)
{
    struct mqtt_bytes topic;
    const int32_t status =
        mqtti_read_field(reader, MQTTI_TOPIC_NAME, MQTT_ERROR_FIELD_PAST_END, &topic);

    if (status < 0) /* [MQTT-3.3.2-1] [MQTT-3.3.2-2] */
        return status;
    publish->topic = mqtti_string_of(topic);
    return mqtti_read_behind_topic(reader, flags, publish);
}

static inline int32_t mqtti_end_publish(struct mqtt_packet *packet,
                                        const struct mqtti_reader *reader, size_t size,
                                        int32_t status)
{
    packet->as.publish.payload.data = reader->at;
    packet->as.publish.payload.length = reader->left;
    return mqtti_end_decode(packet, reader, size, status);
}

MQTTI_APART int32_t mqtti_decode_any_publish(struct mqtt_packet *packet, const uint8_t *bytes,
                                             size_t header_size, size_t size)
{
    struct mqtti_reader reader = mqtti_body_of(bytes, header_size, size);
    const int32_t status = mqtti_read_publish_header(&reader, bytes[0] % 16, &packet->as.publish);

    return mqtti_end_publish(packet, &reader, size, status);
}

/* As mqtti_decode_any_publish, which is for what this does not find valid at once. */
static inline int32_t mqtti_decode_publish(struct mqtt_packet *packet, const uint8_t *bytes,
                                           size_t header_size, size_t size)
{
    struct mqtti_reader reader = mqtti_body_of(bytes, header_size, size);
    struct mqtt_bytes topic;

    if (MQTT_CODEC_SIMD == 0 ||
        mqtti_read_field(&reader, MQTTI_BINARY, MQTT_ERROR_FIELD_PAST_END, &topic) < 0 ||
        !mqtti_is_plain(topic.data, topic.length, '+'))
        return mqtti_decode_any_publish(packet, bytes, header_size, size);
    packet->as.publish.topic = mqtti_string_of(topic);
    return mqtti_end_publish(packet, &reader, size,
                             mqtti_read_behind_topic(&reader, bytes[0] % 16, &packet->as.publish));
}

MQTTI_APART int32_t mqtti_decode_publish_header(struct mqtt_publish *publish, const uint8_t *bytes,
                                                size_t length)
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
        return MQTT_PACKET_INCOMPLETE;
    needed = 2u + (uint32_t)mqtti_get_u16(reader.at);
    if (needed > header.remaining_length)
        return MQTT_ERROR_FIELD_PAST_END; /* 1.5.3 */
    if (mqtti_publish_qos(header.flags) != 0)
        needed += 2;
    if (needed > header.remaining_length) /* the packet id is missing */
        needed = header.remaining_length;
    if (reader.left < needed)
        return MQTT_PACKET_INCOMPLETE;
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

/* The payload, or none of it, is `elsewhere`: not written here, and no part of the result. */
MQTTI_INLINED int32_t mqtti_write_publish(uint8_t *buffer, size_t capacity,
                                          const struct mqtt_publish *publish, size_t elsewhere)
{
    const unsigned flags = mqtti_flag(publish->dup, MQTTI_PUBLISH_DUP) +
                           publish->qos * (unsigned)MQTTI_PUBLISH_QOS_1 +
                           mqtti_flag(publish->retain, MQTTI_PUBLISH_RETAIN);
    const struct mqtt_string topic = publish->topic;
    struct mqtti_writer writer = mqtti_measuring(publish->qos == 0 ? 0 : 2);
    int32_t result;

    if (publish->qos > 2)
        return MQTT_ERROR_QOS; /* [MQTT-3.3.1-4] */
    if (publish->qos == 0 && publish->dup)
        return MQTT_ERROR_DUP;                                              /* [MQTT-3.3.1-2] */
    mqtti_write_field(&writer, topic.data, topic.length, MQTTI_TOPIC_NAME); /* [MQTT-3.3.2-1] */
    mqtti_measure(&writer, 0, publish->payload.length);
    if (writer.status == 0 && publish->qos > 0 && publish->packet_id == 0)
        writer.status = MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] */
    if (writer.status == 0 && elsewhere < publish->payload.length && publish->payload.data == NULL)
        writer.status = MQTT_ERROR_PAYLOAD_MISSING;
    result = mqtti_begin_packet(&writer, buffer, capacity, MQTT_PUBLISH * 16 + flags,
                                (uint32_t)elsewhere);
    if (writer.at != NULL) {
        mqtti_write_field(&writer, topic.data, topic.length, MQTTI_TOPIC_NAME);
        if (publish->qos > 0) /* [MQTT-2.3.1-5] */
            writer.at = mqtti_put_u16(writer.at, publish->packet_id);
        if (elsewhere < publish->payload.length)
            mqtti_put_bytes(writer.at, publish->payload.data, publish->payload.length);
    }
    return result;
}

MQTTI_APART int32_t mqtti_encode_publish_header(uint8_t *buffer, size_t capacity,
                                                const struct mqtt_publish *publish)
{
    return mqtti_write_publish(buffer, capacity, publish, publish->payload.length);
}

MQTTI_API int32_t mqtt_encode_publish_header(void *buffer, size_t capacity,
                                             const struct mqtt_publish *publish)
{
    return mqtti_encode_publish_header((uint8_t *)buffer, capacity, publish);
}

MQTTI_APART int32_t mqtti_encode_publish(uint8_t *buffer, size_t capacity,
                                         const struct mqtt_publish *publish)
{
    return mqtti_write_publish(buffer, capacity, publish, 0);
}

MQTTI_API int32_t mqtt_encode_publish(void *buffer, size_t capacity,
                                      const struct mqtt_publish *publish)
{
    return mqtti_encode_publish((uint8_t *)buffer, capacity, publish);
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
    *first_byte = (uint8_t)((*first_byte & ~MQTTI_PUBLISH_DUP) | (dup ? MQTTI_PUBLISH_DUP : 0));
    return size;
}

MQTTI_API int32_t mqtt_publish_set_retain(void *bytes, size_t length, bool retain)
{
    uint8_t *first_byte = (uint8_t *)bytes;
    struct mqtt_publish publish;
    const int32_t size = mqtt_decode_publish_header(&publish, bytes, length);

    if (size < 0)
        return size;
    *first_byte =
        (uint8_t)((*first_byte & ~MQTTI_PUBLISH_RETAIN) | (retain ? MQTTI_PUBLISH_RETAIN : 0));
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

/* Their body is a packet id and no more. */
static inline bool mqtti_is_ack(enum mqtt_packet_type type)
{
    return (type >= MQTT_PUBACK && type <= MQTT_PUBCOMP) || type == MQTT_UNSUBACK;
}

static inline int32_t mqtti_decode_ack(struct mqtt_packet *packet, const uint8_t *bytes,
                                       size_t header_size)
{
    const uint16_t packet_id = mqtti_get_u16(bytes + header_size);

    packet->as.ack.packet_id = packet_id;
    if (packet_id == 0) {
        packet->error_offset = (uint32_t)header_size;
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-6] [MQTT-2.3.1-7] */
    }
    return (int32_t)header_size + 2;
}

MQTTI_INLINED int32_t mqtti_encode_ack(void *buffer, size_t capacity, unsigned first_byte,
                                       uint16_t packet_id)
{
    if (packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] [MQTT-2.3.1-6] [MQTT-2.3.1-7] */
    return mqtti_encode_short((uint8_t *)buffer, capacity, first_byte, packet_id);
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
 * 3.8 SUBSCRIBE, 3.10 UNSUBSCRIBE: lists of topic filters
 * ========================================================================================== */

static inline int32_t mqtti_no_filter(enum mqtt_packet_type type)
{
    return type == MQTT_SUBSCRIBE ? MQTT_ERROR_SUBSCRIBE_NO_FILTER    /* [MQTT-3.8.3-3] */
                                  : MQTT_ERROR_UNSUBSCRIBE_NO_FILTER; /* [MQTT-3.10.3-2] */
}

/* 3.8.3, 3.10.3: the payload, to the end of the packet. In a SUBSCRIBE a requested QoS follows each
 * filter. Returns the number of filters, or an error. */
static inline int32_t mqtti_read_filters(struct mqtti_reader *reader, enum mqtt_packet_type type)
{
    int32_t count = 0;

    /*@ loop invariant count >= 0;
        loop invariant 2 * count + reader->left <= \at(reader->left, LoopEntry);
        loop invariant reader->at + reader->left == \at(reader->at + reader->left, LoopEntry);
        loop assigns count, reader->at, reader->left;
        loop variant reader->left; */
    do {
        struct mqtt_bytes filter;
        const int32_t status =
            mqtti_read_field(reader, MQTTI_TOPIC_FILTER, mqtti_no_filter(type), &filter);
        if (status < 0) /* [MQTT-3.8.3-1] [MQTT-3.10.3-1] */
            return status;
        if (type == MQTT_SUBSCRIBE) {
            if (reader->left == 0)
                return MQTT_ERROR_REQUESTED_QOS_MISSING; /* 3.8.3 */
            if (reader->at[0] > 2)
                return MQTT_ERROR_REQUESTED_QOS; /* [MQTT-3.8.3-4] */
            mqtti_skip(reader, 1);
        }
        count++;
    } while (reader->left > 0);
    return count;
}

MQTTI_APART int32_t mqtti_decode_filters(struct mqtt_packet *packet, const uint8_t *bytes,
                                         size_t header_size, size_t size)
{
    struct mqtti_reader reader = mqtti_body_of(bytes, header_size, size);
    uint16_t packet_id;
    struct mqtt_bytes encoded;
    int32_t result = mqtti_read_packet_id(&reader, &packet_id);

    encoded.data = reader.at;
    encoded.length = reader.left;
    if (result >= 0)
        result = mqtti_read_filters(&reader, packet->type);
    if (packet->type == MQTT_SUBSCRIBE) {
        packet->as.subscribe.packet_id = packet_id;
        packet->as.subscribe.subscriptions = NULL;
        packet->as.subscribe.count = (size_t)result;
        packet->as.subscribe.encoded = encoded;
    } else {
        packet->as.unsubscribe.packet_id = packet_id;
        packet->as.unsubscribe.filters = NULL;
        packet->as.unsubscribe.count = (size_t)result;
        packet->as.unsubscribe.encoded = encoded;
    }
    return mqtti_end_decode(packet, &reader, size, result);
}

/* The filter at *position of a payload, if `behind` further bytes are there behind it. */
static inline bool mqtti_next_encoded(struct mqtt_bytes encoded, size_t *position, size_t behind,
                                      struct mqtt_string *filter)
{
    struct mqtti_reader reader;
    struct mqtt_bytes bytes;

    if (*position >= encoded.length)
        return false;
    reader.at = encoded.data + *position;
    reader.left = encoded.length - *position;
    if (mqtti_read_field(&reader, MQTTI_BINARY, MQTT_ERROR_FIELD_PAST_END, &bytes) != 0 ||
        reader.left < behind)
        return false;
    *filter = mqtti_string_of(bytes);
    *position += 2 + bytes.length + behind;
    return true;
}

MQTTI_API bool mqtt_next_subscription(const struct mqtt_subscribe *subscribe, size_t *position,
                                      struct mqtt_subscription *out)
{
    if (subscribe->subscriptions != NULL) {
        if (*position >= subscribe->count)
            return false;
        *out = subscribe->subscriptions[*position];
        *position += 1;
        return true;
    }
    if (!mqtti_next_encoded(subscribe->encoded, position, 1, &out->filter))
        return false;
    out->qos = subscribe->encoded.data[*position - 1];
    return true;
}

MQTTI_API bool mqtt_next_filter(const struct mqtt_unsubscribe *unsubscribe, size_t *position,
                                struct mqtt_string *out)
{
    if (unsubscribe->filters != NULL) {
        if (*position >= unsubscribe->count)
            return false;
        *out = unsubscribe->filters[*position];
        *position += 1;
        return true;
    }
    return mqtti_next_encoded(unsubscribe->encoded, position, 0, out);
}

/* A sender's array, `subscriptions` or `filters` by the type; the other is NULL. */
struct mqtti_list {
    enum mqtt_packet_type type;
    uint16_t packet_id;
    size_t count;
    const struct mqtt_subscription *subscriptions;
    const struct mqtt_string *filters;
};

static inline const struct mqtt_string *mqtti_filter_at(const struct mqtti_list *list, size_t i)
{
    return list->subscriptions != NULL ? &list->subscriptions[i].filter : &list->filters[i];
}

MQTTI_INLINED void mqtti_write_list(struct mqtti_writer *writer, const struct mqtti_list *list)
{
    size_t i;

    /*@ loop invariant 0 <= i <= list->count;
        loop invariant list->subscriptions == \at(list->subscriptions, Pre) &&
                       list->filters == \at(list->filters, Pre);
        loop invariant writer->at == \null <==> \at(writer->at, Pre) == \null;
        loop invariant MQTT_ERROR_FILTER_SINGLE_LEVEL <= writer->status <= 0;
        loop invariant
          mqtti_list_size(\at(list->subscriptions, Pre), \at(list->filters, Pre), list->count, i) <=
          mqtti_list_size(\at(list->subscriptions, Pre), \at(list->filters, Pre), list->count, 0);
        loop invariant at: writer->at != \null ==> writer->status == 0 &&
          writer->at == \at(writer->at, Pre) +
          (mqtti_list_size(\at(list->subscriptions, Pre), \at(list->filters, Pre), list->count, 0) -
           mqtti_list_size(\at(list->subscriptions, Pre), \at(list->filters, Pre), list->count, i));
        loop invariant writer->at == \null && writer->length <= MQTT_REMAINING_LENGTH_MAX ==>
          writer->length == \at(writer->length, Pre) +
          mqtti_list_size(\at(list->subscriptions, Pre), \at(list->filters, Pre), list->count, 0) -
          mqtti_list_size(\at(list->subscriptions, Pre), \at(list->filters, Pre), list->count, i) -
          (list->subscriptions != \null ? i : 0);
        loop invariant writer->at == \null && writer->status == 0 ==>
          \forall integer k; 0 <= k < i ==>
            (list->subscriptions != \null ? list->subscriptions[k].filter.length
                                          : list->filters[k].length) <= MQTT_STRING_LENGTH_MAX;
        loop assigns i, writer->at, writer->length, writer->status,
          \at(writer->at, Pre)[0 .. (\at(writer->at, Pre) == \null ? 0 :
            mqtti_list_size(\at(list->subscriptions, Pre), \at(list->filters, Pre), list->count, 0)) - 1];
        loop variant list->count - i; */
    for (i = 0; i < list->count; i++) {
        const struct mqtt_string *filter = mqtti_filter_at(list, i);
        mqtti_write_field(writer, filter->data, filter->length,
                          MQTTI_TOPIC_FILTER); /* [MQTT-3.8.3-1] [MQTT-3.10.3-1] */
        if (list->subscriptions != NULL) {
            const uint8_t qos = list->subscriptions[i].qos;
            if (writer->at != NULL)
                writer->at = mqtti_put_u8(writer->at, qos);
            else if (writer->status == 0 && qos > 2)
                writer->status = MQTT_ERROR_REQUESTED_QOS; /* [MQTT-3.8.3-4] */
        }
    }
}

MQTTI_INLINED int32_t mqtti_encode_list(uint8_t *buffer, size_t capacity,
                                        const struct mqtti_list *list)
{
    struct mqtti_writer writer = mqtti_measuring(2);
    int32_t result;

    mqtti_write_list(&writer, list);
    if (list->subscriptions != NULL) /* a requested QoS each */
        mqtti_measure(&writer, 0, list->count);
    if (list->packet_id == 0)
        writer.status = MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] */
    else if (list->count == 0)
        writer.status = mqtti_no_filter(list->type);
    result = mqtti_begin_packet(&writer, buffer, capacity, (unsigned)list->type * 16 + 2,
                                0); /* [MQTT-3.8.1-1] [MQTT-3.10.1-1] */
    if (writer.at != NULL) {
        writer.at = mqtti_put_u16(writer.at, list->packet_id);
        mqtti_write_list(&writer, list);
    }
    return result;
}

MQTTI_APART int32_t mqtti_encode_subscribe(uint8_t *buffer, size_t capacity,
                                           const struct mqtt_subscribe *subscribe)
{
    struct mqtti_list list;

    list.type = MQTT_SUBSCRIBE;
    list.packet_id = subscribe->packet_id;
    list.subscriptions = subscribe->subscriptions;
    list.count = list.subscriptions == NULL ? 0 : subscribe->count;
    list.filters = NULL;
    return mqtti_encode_list(buffer, capacity, &list);
}

MQTTI_API int32_t mqtt_encode_subscribe(void *buffer, size_t capacity,
                                        const struct mqtt_subscribe *subscribe)
{
    return mqtti_encode_subscribe((uint8_t *)buffer, capacity, subscribe);
}

MQTTI_APART int32_t mqtti_encode_unsubscribe(uint8_t *buffer, size_t capacity,
                                             const struct mqtt_unsubscribe *unsubscribe)
{
    struct mqtti_list list;

    list.type = MQTT_UNSUBSCRIBE;
    list.packet_id = unsubscribe->packet_id;
    list.subscriptions = NULL;
    list.filters = unsubscribe->filters;
    list.count = list.filters == NULL ? 0 : unsubscribe->count;
    return mqtti_encode_list(buffer, capacity, &list);
}

MQTTI_API int32_t mqtt_encode_unsubscribe(void *buffer, size_t capacity,
                                          const struct mqtt_unsubscribe *unsubscribe)
{
    return mqtti_encode_unsubscribe((uint8_t *)buffer, capacity, unsubscribe);
}

/* ============================================================================================
 * 3.9 SUBACK
 * ========================================================================================== */

/* 3.9.3: the payload, to the end of the packet. */
static inline int32_t mqtti_read_return_codes(struct mqtti_reader *reader)
{
    if (reader->left == 0)
        return MQTT_ERROR_SUBACK_NO_RETURN_CODE; /* 3.9.3 [MQTT-3.8.4-5] */
    /*@ loop invariant reader->left <= \at(reader->left, LoopEntry);
        loop invariant reader->at + reader->left == \at(reader->at + reader->left, LoopEntry);
        loop assigns reader->at, reader->left;
        loop variant reader->left; */
    while (reader->left > 0) {
        if (reader->at[0] > 2 && reader->at[0] != MQTT_SUBACK_CODE_FAILURE)
            return MQTT_ERROR_SUBACK_RETURN_CODE; /* [MQTT-3.9.3-2] */
        mqtti_skip(reader, 1);
    }
    return 0;
}

/* A SUBACK, or a decoded SUBSCRIBE or UNSUBSCRIBE: a packet id, and a payload that is checked as by
 * the decoder and copied. */
MQTTI_INLINED int32_t mqtti_encode_payload(uint8_t *buffer, size_t capacity,
                                           enum mqtt_packet_type type, uint16_t packet_id,
                                           const uint8_t *payload, size_t length)
{
    struct mqtti_writer writer = mqtti_measuring(2);
    struct mqtti_reader reader;
    unsigned first_byte = (unsigned)type * 16;
    int32_t result;

    reader.at = payload;
    reader.left = length;
    mqtti_measure(&writer, 0, length);
    if (packet_id == 0)
        writer.status = MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] [MQTT-2.3.1-7] */
    else if (writer.length <= MQTT_REMAINING_LENGTH_MAX)
        writer.status = type == MQTT_SUBACK ? mqtti_read_return_codes(&reader)
                                            : mqtti_read_filters(&reader, type);
    if (type != MQTT_SUBACK)
        first_byte += 2; /* [MQTT-3.8.1-1] [MQTT-3.10.1-1] */
    result = mqtti_begin_packet(&writer, buffer, capacity, first_byte, 0);
    if (writer.at != NULL)
        mqtti_put_bytes(mqtti_put_u16(writer.at, packet_id), payload, length);
    return result;
}

MQTTI_APART int32_t mqtti_decode_suback(struct mqtt_packet *packet, const uint8_t *bytes,
                                        size_t header_size, size_t size)
{
    struct mqtti_reader reader = mqtti_body_of(bytes, header_size, size);
    int32_t status = mqtti_read_packet_id(&reader, &packet->as.suback.packet_id);

    packet->as.suback.return_codes = reader.at;
    packet->as.suback.count = reader.left;
    if (status >= 0)
        status = mqtti_read_return_codes(&reader);
    return mqtti_end_decode(packet, &reader, size, status);
}

MQTTI_APART int32_t mqtti_encode_suback(uint8_t *buffer, size_t capacity,
                                        const struct mqtt_suback *suback)
{
    return mqtti_encode_payload(buffer, capacity, MQTT_SUBACK, suback->packet_id,
                                suback->return_codes, suback->count);
}

MQTTI_API int32_t mqtt_encode_suback(void *buffer, size_t capacity,
                                     const struct mqtt_suback *suback)
{
    return mqtti_encode_suback((uint8_t *)buffer, capacity, suback);
}

/* ============================================================================================
 * 3.12 PINGREQ, 3.13 PINGRESP, 3.14 DISCONNECT: nothing but a fixed header
 * ========================================================================================== */

MQTTI_API int32_t mqtt_encode_pingreq(void *buffer, size_t capacity)
{
    return mqtti_encode_empty((uint8_t *)buffer, capacity, MQTT_PINGREQ * 16);
}

MQTTI_API int32_t mqtt_encode_pingresp(void *buffer, size_t capacity)
{
    return mqtti_encode_empty((uint8_t *)buffer, capacity, MQTT_PINGRESP * 16);
}

MQTTI_API int32_t mqtt_encode_disconnect(void *buffer, size_t capacity)
{
    return mqtti_encode_empty((uint8_t *)buffer, capacity, MQTT_DISCONNECT * 16);
}

/* ============================================================================================
 * 3 Any packet
 * ========================================================================================== */

/* Reads the fixed header and waits for the rest. Returns the header's size, and that of the packet,
 * MQTT_PACKET_INCOMPLETE or an error. */
static inline int32_t mqtti_begin_decode(struct mqtt_packet *packet, size_t *size,
                                         const uint8_t *bytes, size_t length, unsigned senders)
{
    struct mqtt_fixed_header header;
    const int32_t result = mqtti_read_fixed_header(&header, bytes, length, senders);

    if (result < 0) {
        packet->error_offset = result == MQTT_ERROR_REMAINING_LENGTH ? 1 : 0;
        return result;
    }
#if SIZE_MAX < 0xFFFFFFFF
    if (header.remaining_length > SIZE_MAX - (size_t)result) {
        packet->error_offset = 1;
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
    }
#endif
    packet->type = header.type;
    *size = (size_t)result + (size_t)header.remaining_length;
    return length < *size ? MQTT_PACKET_INCOMPLETE : result;
}

MQTTI_APART int32_t mqtti_decode(struct mqtt_packet *packet, const uint8_t *bytes, size_t length)
{
    size_t size;
    const int32_t header_size =
        mqtti_begin_decode(packet, &size, bytes, length, MQTTI_CLIENT | MQTTI_SERVER);

    if (header_size < 0)
        return header_size;
    if (packet->type == MQTT_PUBLISH)
        return mqtti_decode_publish(packet, bytes, (size_t)header_size, size);
    if (mqtti_is_ack(packet->type))
        return mqtti_decode_ack(packet, bytes, (size_t)header_size);
    switch (packet->type) {
    case MQTT_CONNECT:
        return mqtti_decode_connect(packet, bytes, (size_t)header_size, size);
    case MQTT_CONNACK:
        return mqtti_decode_connack(packet, bytes, (size_t)header_size);
    case MQTT_SUBSCRIBE:
    case MQTT_UNSUBSCRIBE:
        return mqtti_decode_filters(packet, bytes, (size_t)header_size, size);
    case MQTT_SUBACK:
        return mqtti_decode_suback(packet, bytes, (size_t)header_size, size);
    default:
        return (int32_t)size;
    }
}

MQTTI_API int32_t mqtt_decode(struct mqtt_packet *packet, const void *bytes, size_t length)
{
    return mqtti_decode(packet, (const uint8_t *)bytes, length);
}

MQTTI_APART int32_t mqtti_decode_from_client(struct mqtt_packet *packet, const uint8_t *bytes,
                                             size_t length)
{
    size_t size;
    const int32_t header_size = mqtti_begin_decode(packet, &size, bytes, length, MQTTI_CLIENT);

    if (header_size < 0)
        return header_size;
    if (packet->type == MQTT_PUBLISH)
        return mqtti_decode_publish(packet, bytes, (size_t)header_size, size);
    if (mqtti_is_ack(packet->type))
        return mqtti_decode_ack(packet, bytes, (size_t)header_size);
    switch (packet->type) {
    case MQTT_CONNECT:
        return mqtti_decode_connect(packet, bytes, (size_t)header_size, size);
    case MQTT_SUBSCRIBE:
    case MQTT_UNSUBSCRIBE:
        return mqtti_decode_filters(packet, bytes, (size_t)header_size, size);
    default:
        return (int32_t)size;
    }
}

MQTTI_API int32_t mqtt_decode_from_client(struct mqtt_packet *packet, const void *bytes,
                                          size_t length)
{
    return mqtti_decode_from_client(packet, (const uint8_t *)bytes, length);
}

MQTTI_APART int32_t mqtti_decode_from_server(struct mqtt_packet *packet, const uint8_t *bytes,
                                             size_t length)
{
    size_t size;
    const int32_t header_size = mqtti_begin_decode(packet, &size, bytes, length, MQTTI_SERVER);

    if (header_size < 0)
        return header_size;
    if (packet->type == MQTT_PUBLISH)
        return mqtti_decode_publish(packet, bytes, (size_t)header_size, size);
    if (mqtti_is_ack(packet->type))
        return mqtti_decode_ack(packet, bytes, (size_t)header_size);
    switch (packet->type) {
    case MQTT_CONNACK:
        return mqtti_decode_connack(packet, bytes, (size_t)header_size);
    case MQTT_SUBACK:
        return mqtti_decode_suback(packet, bytes, (size_t)header_size, size);
    default:
        return (int32_t)size;
    }
}

MQTTI_API int32_t mqtt_decode_from_server(struct mqtt_packet *packet, const void *bytes,
                                          size_t length)
{
    return mqtti_decode_from_server(packet, (const uint8_t *)bytes, length);
}

MQTTI_OUT_OF_LINE int32_t mqtti_encode(uint8_t *buffer, size_t capacity,
                                       const struct mqtt_packet *packet)
{
    const struct mqtt_subscribe *subscribe = &packet->as.subscribe;
    const struct mqtt_unsubscribe *unsubscribe = &packet->as.unsubscribe;
    const unsigned first_byte = (unsigned)packet->type * 16;

    switch (packet->type) {
    case MQTT_CONNECT:
        return mqtti_encode_connect(buffer, capacity, &packet->as.connect);
    case MQTT_CONNACK:
        return mqtt_encode_connack(buffer, capacity, &packet->as.connack);
    case MQTT_PUBLISH:
        return mqtti_encode_publish(buffer, capacity, &packet->as.publish);
    case MQTT_PUBREL:
        return mqtt_encode_pubrel(buffer, capacity, packet->as.ack.packet_id);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        return mqtti_encode_ack(buffer, capacity, first_byte, packet->as.ack.packet_id);
    case MQTT_SUBSCRIBE:
        if (subscribe->subscriptions == NULL)
            return mqtti_encode_payload(buffer, capacity, packet->type, subscribe->packet_id,
                                        subscribe->encoded.data, subscribe->encoded.length);
        return mqtti_encode_subscribe(buffer, capacity, subscribe);
    case MQTT_SUBACK:
        return mqtti_encode_suback(buffer, capacity, &packet->as.suback);
    case MQTT_UNSUBSCRIBE:
        if (unsubscribe->filters == NULL)
            return mqtti_encode_payload(buffer, capacity, packet->type, unsubscribe->packet_id,
                                        unsubscribe->encoded.data, unsubscribe->encoded.length);
        return mqtti_encode_unsubscribe(buffer, capacity, unsubscribe);
    case MQTT_PINGREQ:
    case MQTT_PINGRESP:
    case MQTT_DISCONNECT:
        return mqtti_encode_empty(buffer, capacity, first_byte);
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
        {"", "The payload has a length, but its data is NULL."},
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
        return MQTT_CONNACK_CODE_REFUSED_PROTOCOL_VERSION; /* [MQTT-3.1.2-2] */
    if (status == MQTT_ERROR_CLIENT_ID)
        return MQTT_CONNACK_CODE_REFUSED_IDENTIFIER; /* [MQTT-3.1.3-8] */
    return -1;                                       /* [MQTT-3.1.4-1] */
}

/* ============================================================================================
 * Blocks of bytes: SSE2, NEON, AVX2, portable
 * ========================================================================================== */

#if MQTT_CODEC_SIMD != 0

#define MQTTI_BLOCK ((size_t)16)
#if MQTT_CODEC_SIMD == 3
#define MQTTI_WIDE ((size_t)32)
#else
#define MQTTI_WIDE ((size_t)16)
#endif

/* Vectors of GCC and of those that follow it; compared, each of their bytes is 0 or -1. Bytes are
 * signed here: those that are not ASCII are below 0, 0x80 is -128. */
typedef int8_t mqtti_block __attribute__((vector_size(MQTTI_BLOCK)));
typedef int8_t mqtti_wide __attribute__((vector_size(MQTTI_WIDE)));

/* Which of the 16 bytes of a compared block are 0: a bit for each, the first one lowest. */
static inline uint32_t mqtti_zeros(mqtti_block bytes)
{
#if MQTT_CODEC_SIMD != 2
    return (uint32_t)_mm_movemask_epi8((__m128i)bytes) ^ 0xFFFF;
#else
    static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bits = vbicq_u8(vld1q_u8(places), vreinterpretq_u8_s8(bytes));
    const uint8x16_t pairs = vpaddq_u8(bits, bits);
    const uint8x16_t fours = vpaddq_u8(pairs, pairs);

    return vgetq_lane_u16(vreinterpretq_u16_u8(vpaddq_u8(fours, fours)), 0);
#endif
}

/* Whether no byte of a compared vector is 0. */
static inline bool mqtti_all(mqtti_wide bytes)
{
#if MQTT_CODEC_SIMD == 1
    return _mm_movemask_epi8((__m128i)bytes) == 0xFFFF;
#elif MQTT_CODEC_SIMD == 2
    return vminvq_u8(vreinterpretq_u8_s8(bytes)) == 0xFF;
#else
    return _mm256_movemask_epi8((__m256i)bytes) == -1;
#endif
}

static inline mqtti_wide mqtti_load_wide(const uint8_t *s)
{
    mqtti_wide bytes;

    __builtin_memcpy(&bytes, s, sizeof bytes);
    return bytes;
}

static inline mqtti_block mqtti_load(const uint8_t *s)
{
    mqtti_block bytes;

    __builtin_memcpy(&bytes, s, sizeof bytes);
    return bytes;
}

/* The 8 bytes at `s` and the 8 at `t`. */
static inline mqtti_block mqtti_load_halves(const uint8_t *s, const uint8_t *t)
{
    uint64_t halves[2];
    mqtti_block bytes;

    __builtin_memcpy(&halves[0], s, sizeof halves[0]);
    __builtin_memcpy(&halves[1], t, sizeof halves[1]);
    __builtin_memcpy(&bytes, halves, sizeof bytes);
    return bytes;
}

/* Which of 8 to 64 bytes are not ASCII above `low`: a bit for each, the first one lowest. Blocks may
 * overlap, here and below: none reaches beyond the string. */
static inline uint64_t mqtti_specials(const uint8_t *s, size_t length, int8_t low)
{
    uint64_t specials = 0;
    size_t i;

    if (length < MQTTI_BLOCK) {
        const uint32_t halves = mqtti_zeros(mqtti_load_halves(s, s + length - 8) > low);
        return halves % 256 | (uint64_t)(halves >> 8) << (length - 8);
    }
    for (i = 0; i < length - MQTTI_BLOCK; i += MQTTI_BLOCK)
        specials |= (uint64_t)mqtti_zeros(mqtti_load(s + i) > low) << i;
    i = length - MQTTI_BLOCK;
    return specials | (uint64_t)mqtti_zeros(mqtti_load(s + i) > low) << i;
}

/* Whether the bytes at `s`, after at least two others of well-formed characters, are sequences of up
 * to three bytes, or ASCII above `low`, as far as they go. What is not so may be well-formed
 * nevertheless: the caller then looks at it by itself. */
static inline bool mqtti_is_well_formed(const uint8_t *s, uint8_t low)
{
    const mqtti_wide bytes = mqtti_load_wide(s);
    const mqtti_wide before = mqtti_load_wide(s - 1);
    const mqtti_wide before_that = mqtti_load_wide(s - 2);
    const mqtti_wide is_continuation = bytes < -64; /* below 0xC0 */
    /* After C2 to EF a byte, after E0 to EF two. What follows F0 is not looked at. */
    const mqtti_wide continues = ((before ^ -128) > 0x3F) | ((before_that ^ -128) > 0x5F);
    const mqtti_wide is_wrong = (is_continuation ^ continues) |
                                ((before == -32) & (bytes < -96)) | /* E0: below U+0800 */
                                ((before == -19) & (bytes > -97)) | /* ED: surrogates */
                                ((bytes & -2) == -64);              /* C0, C1: below U+0080 */

    return mqtti_all(((bytes > (int8_t)low) | (bytes < -16)) & ~is_wrong); /* no F0 to FF */
}

#endif

static inline bool mqtti_is_plain(const uint8_t *s, size_t length, uint8_t low)
{
#if MQTT_CODEC_SIMD != 0
    const int8_t above = (int8_t)low;

    if (length < 8 || length > 64)
        return false;
    if (length < MQTTI_BLOCK)
        return mqtti_zeros(mqtti_load_halves(s, s + length - 8) > above) == 0;
    if (length <= 2 * MQTTI_BLOCK)
        return mqtti_zeros((mqtti_load(s) > above) &
                           (mqtti_load(s + length - MQTTI_BLOCK) > above)) == 0;
    return mqtti_zeros((mqtti_load(s) > above) & (mqtti_load(s + MQTTI_BLOCK) > above) &
                       (mqtti_load(s + length - 2 * MQTTI_BLOCK) > above) &
                       (mqtti_load(s + length - MQTTI_BLOCK) > above)) == 0;
#else
    (void)s;
    (void)length;
    (void)low;
    return false;
#endif
}

static inline bool mqtti_is_plain_filter(const uint8_t *s, size_t length)
{
#if MQTT_CODEC_SIMD != 0
    uint64_t specials;

    if (length < 8 || length > 64)
        return false;
    for (specials = mqtti_specials(s, length, '+'); specials != 0; specials &= specials - 1) {
        const size_t i = (unsigned)__builtin_ctzll(specials);
        if ((s[i] != '+' && s[i] != '#') || mqtti_check_wildcard(s, length, i) != 0)
            return false;
    }
    return true;
#else
    (void)s;
    (void)length;
    return false;
#endif
}

static inline size_t mqtti_skip_ascii(const uint8_t *s, size_t length, size_t i, uint8_t low)
{
#if MQTT_CODEC_SIMD != 0
    const int8_t above = (int8_t)low;
    uint32_t specials;

    while (length - i >= 4 * MQTTI_WIDE &&
           mqtti_all((mqtti_load_wide(s + i) > above) &
                     (mqtti_load_wide(s + i + MQTTI_WIDE) > above) &
                     (mqtti_load_wide(s + i + 2 * MQTTI_WIDE) > above) &
                     (mqtti_load_wide(s + i + 3 * MQTTI_WIDE) > above)))
        i += 4 * MQTTI_WIDE;
    while (length - i >= MQTTI_BLOCK) {
        specials = mqtti_zeros(mqtti_load(s + i) > above);
        if (specials != 0)
            return i + (size_t)__builtin_ctz(specials);
        i += MQTTI_BLOCK;
    }
    if (length >= MQTTI_BLOCK) { /* the last block, without what is before s[i] */
        specials = mqtti_zeros(mqtti_load(s + length - MQTTI_BLOCK) > above);
        specials >>= MQTTI_BLOCK - (length - i);
        return specials == 0 ? length : i + (size_t)__builtin_ctz(specials);
    }
    return i + 1;
#else
    (void)s;
    (void)length;
    (void)low;
    return i + 1;
#endif
}

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
    if (s[i - 1] >= 0xC0) /* back to where a character begins that ends later */
        return i - 1;
    return s[i - 2] >= 0xE0 ? i - 2 : i;
#else
    (void)s;
    (void)length;
    (void)low;
    return i;
#endif
}

/* What two bytes of a run have in common: to be equal, or that the first one is not '/'. */
enum mqtti_run {
    MQTTI_COMMON,
    MQTTI_LEVEL
};

/* Inlined with a constant `run`. */
static inline size_t mqtti_run_length(enum mqtti_run run, const uint8_t *s, const uint8_t *other,
                                      size_t length)
{
    size_t i = 0;

#if MQTT_CODEC_SIMD != 0
    uint32_t outside;

    if (length >= MQTTI_BLOCK) {
        for (;;) {
            outside = mqtti_zeros(run == MQTTI_COMMON ? mqtti_load(s + i) == mqtti_load(other + i)
                                                      : mqtti_load(s + i) != '/');
            if (outside != 0)
                return i + (size_t)__builtin_ctz(outside);
            if (i == length - MQTTI_BLOCK)
                return length;
            i = i + 2 * MQTTI_BLOCK < length ? i + MQTTI_BLOCK : length - MQTTI_BLOCK;
        }
    }
    if (length >= 8) {
        const size_t last = length - 8;
        outside = mqtti_zeros(run == MQTTI_COMMON ? mqtti_load_halves(s, s + last) ==
                                                        mqtti_load_halves(other, other + last)
                                                  : mqtti_load_halves(s, s + last) != '/');
        if (outside == 0)
            return length;
        i = (size_t)__builtin_ctz(outside);
        return i < 8 ? i : last + i - 8;
    }
#endif
    /*@ loop invariant 0 <= i <= length;
        loop assigns i;
        loop variant length - i; */
    while (i < length && (run == MQTTI_COMMON ? s[i] == other[i] : s[i] != '/'))
        i++;
    return i;
}

static inline size_t mqtti_common_length(const uint8_t *s, const uint8_t *other, size_t length)
{
    return mqtti_run_length(MQTTI_COMMON, s, other, length);
}

static inline size_t mqtti_level_length(const uint8_t *s, size_t length)
{
    return mqtti_run_length(MQTTI_LEVEL, s, s, length);
}

#if defined(__cplusplus)
}
#endif

#undef MQTTI_API
#undef MQTTI_OUT_OF_LINE
#undef MQTTI_APART
#undef MQTTI_INLINED
#undef MQTTI_BLOCK
#undef MQTTI_WIDE

#endif /* MQTT_CODEC_IMPLEMENTED */
