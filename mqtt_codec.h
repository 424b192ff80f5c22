/* SPDX-License-Identifier: MIT
 *
 * mqtt_codec.h: encodes and decodes MQTT 3.1.1 packets, all fourteen types, in both directions.
 *
 * Every function is pure: no I/O, no allocation, no state, no globals, no clock. A decoder refuses
 * every packet that the standard calls malformed. It reports the rule that the packet breaks and
 * where the offending field begins. An encoder refuses to write such a packet. It reports the rule,
 * but neither the byte nor which of many filters breaks it. Section numbers and tags such as
 * [MQTT-3.1.2-22] refer to the OASIS Standard "MQTT Version 3.1.1" of 29 October 2014.
 *
 * A client decodes a stream with this loop. `bytes` holds the `length` bytes received so far:
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
 *     // otherwise keep the bytes from `used` on, append what arrives next, and call again;
 *     // if the buffer is full already, the packet is too large for it
 *
 * These rules hold for every function:
 *
 *   Result   Decoders and encoders return an int32_t. Above 0 it is the number of bytes consumed or
 *            written. Below 0 it is an enum mqtt_status. It is never 0.
 *   Bounds   No byte is read or written outside what the caller passes.
 *   Decode   Nothing is copied. Strings and payloads point into the caller's bytes and are valid as
 *            long as those are. After an error only packet->error_offset is meaningful. After
 *            MQTT_PACKET_INCOMPLETE nothing in the packet is.
 *   Encode   On an error, no byte of the buffer is touched. Two mistakes are easy to make:
 *            - A NULL buffer asks for the size: the encoder checks the packet and returns the size
 *              that it would write, whatever the capacity. Check the result of malloc first.
 *            - The buffer must not overlap anything that the packet points to. A decoded packet
 *              points into the bytes that it was decoded from, so encode it into another buffer.
 *   Empty    A pointer with length 0 is never followed and may be NULL. With any other length it
 *            must be valid; only the payload of a PUBLISH is checked for NULL.
 *   Order    If a packet breaks several rules, decoders and encoders report the first in the order
 *            of its bytes.
 *
 * Sections: CONFIGURATION, TYPES, DECODE, ENCODE, STRINGS AND TOPICS, EXPLANATIONS, END OF THE
 * INTERFACE, and then the implementation by sections of the standard; packet types that share code
 * stand together.
 */
#if !defined(MQTT_CODEC_SINGLE_HEADER_H)
#define MQTT_CODEC_SINGLE_HEADER_H

/* ---------------------------------------------------------------------------------------------
 * CONFIGURATION
 *
 * A plain #include is enough: every function is static, and each file gets its own copy of what it
 * calls. There is one other mode, which is smaller for a program of several files. Define
 * MQTT_CODEC_DECLARE_ONLY before each #include to get declarations only, and define
 * MQTT_CODEC_IMPLEMENTATION before one more #include, in one C file, to get the one external
 * definition. To link only the functions that are called, compile that file with
 * -ffunction-sections -fdata-sections and link with --gc-sections. The plain mode needs no options
 * for this.
 *
 * MQTT_CODEC_SIMD: define it as 0 to force portable code. Otherwise GCC and clang use the vectors
 * that their options allow, but not with -Os; other compilers get portable code. Results do not
 * depend on it.
 *
 * MQTT_CODEC_MEMCPY: the memcpy of <string.h>. A target without that header defines its own.
 * ------------------------------------------------------------------------------------------- */

/* Semantic versioning. MQTT_CODEC_VERSION is one number, for #if. */
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

/* The values of MQTT_CODEC_SIMD */
#define MQTT_CODEC_SIMD_NONE 0 /* portable code */
#define MQTT_CODEC_SIMD_SSE2 1 /* x86 */
#define MQTT_CODEC_SIMD_NEON 2 /* little-endian AArch64 */
#define MQTT_CODEC_SIMD_AVX2 3 /* x86 */

#if !defined(MQTT_CODEC_SIMD)
#if !defined(__GNUC__) || defined(__OPTIMIZE_SIZE__)
#define MQTT_CODEC_SIMD MQTT_CODEC_SIMD_NONE
#elif defined(__AVX2__) && __STDC_HOSTED__ /* immintrin.h includes stdlib.h */
#define MQTT_CODEC_SIMD MQTT_CODEC_SIMD_AVX2
#elif defined(__SSE2__) && __STDC_HOSTED__
#define MQTT_CODEC_SIMD MQTT_CODEC_SIMD_SSE2
#elif defined(__AARCH64EL__) && defined(__ARM_NEON)
#define MQTT_CODEC_SIMD MQTT_CODEC_SIMD_NEON
#else
#define MQTT_CODEC_SIMD MQTT_CODEC_SIMD_NONE
#endif
#endif

#if MQTT_CODEC_SIMD < MQTT_CODEC_SIMD_NONE || MQTT_CODEC_SIMD > MQTT_CODEC_SIMD_AVX2
#error "MQTT_CODEC_SIMD must be 0, 1, 2 or 3"
#endif

#if defined(MQTT_CODEC_DECLARE_ONLY) || defined(MQTT_CODEC_IMPLEMENTATION)
#define MQTT_CODEC_EXTERNAL
#define MQTTI_API extern
#elif defined(__GNUC__)
#define MQTTI_API __attribute__((__unused__)) static
#else
#define MQTTI_API static inline
#endif

#if defined(__cplusplus)
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------
 * TYPES
 *
 * Start every struct with = {0}, in C++ with {}: what you do not set is then 0, empty or absent.
 * ------------------------------------------------------------------------------------------- */

#define MQTT_REMAINING_LENGTH_MAX 268435455u /* 2.2.3; the fixed header adds at most 5 bytes */
#define MQTT_STRING_LENGTH_MAX    65535u     /* bytes; a will message and a password too [1.5.3] */

/* Packet types, Table 2.1 [2.2.1]. The values 0 and 15 are reserved. */
enum mqtt_packet_type {
    MQTT_CONNECT = 1,      /* client to server: opens a connection [3.1] */
    MQTT_CONNACK = 2,      /* server to client: answers CONNECT [3.2] */
    MQTT_PUBLISH = 3,      /* both ways: an application message [3.3] */
    MQTT_PUBACK = 4,       /* both ways: answers PUBLISH at QoS 1 [3.4] */
    MQTT_PUBREC = 5,       /* both ways: answers PUBLISH at QoS 2 [3.5] */
    MQTT_PUBREL = 6,       /* both ways: answers PUBREC [3.6] */
    MQTT_PUBCOMP = 7,      /* both ways: answers PUBREL [3.7] */
    MQTT_SUBSCRIBE = 8,    /* client to server: asks for subscriptions [3.8] */
    MQTT_SUBACK = 9,       /* server to client: answers SUBSCRIBE [3.9] */
    MQTT_UNSUBSCRIBE = 10, /* client to server: ends subscriptions [3.10] */
    MQTT_UNSUBACK = 11,    /* server to client: answers UNSUBSCRIBE [3.11] */
    MQTT_PINGREQ = 12,     /* client to server: the client is alive [3.12] */
    MQTT_PINGRESP = 13,    /* server to client: answers PINGREQ [3.13] */
    MQTT_DISCONNECT = 14   /* client to server: ends the connection; no will [3.14] */
};

/* Return codes of a CONNACK, Table 3.1 [3.2.2.3] */
enum mqtt_connack_code {
    MQTT_CONNACK_CODE_ACCEPTED = 0,                      /* the connection is accepted */
    MQTT_CONNACK_CODE_REFUSED_PROTOCOL_VERSION = 1,      /* protocol level not supported */
    MQTT_CONNACK_CODE_REFUSED_IDENTIFIER = 2,            /* client identifier not allowed */
    MQTT_CONNACK_CODE_REFUSED_SERVER_UNAVAILABLE = 3,    /* MQTT service unavailable */
    MQTT_CONNACK_CODE_REFUSED_USER_NAME_OR_PASSWORD = 4, /* user name or password malformed */
    MQTT_CONNACK_CODE_REFUSED_NOT_AUTHORIZED = 5         /* client not authorized to connect */
};

/* Return codes of a SUBACK, one for each topic filter [3.9.3] */
enum mqtt_suback_code {
    MQTT_SUBACK_CODE_QOS_0 = 0,     /* granted, at most QoS 0 */
    MQTT_SUBACK_CODE_QOS_1 = 1,     /* granted, at most QoS 1 */
    MQTT_SUBACK_CODE_QOS_2 = 2,     /* granted, at most QoS 2 */
    MQTT_SUBACK_CODE_FAILURE = 0x80 /* the subscription failed */
};

/* Every result below 0. The numbers never change; later versions may add some. Each line says which
 * functions return the status, what it means, and the clause of the standard:
 *
 *     D  mqtt_decode, mqtt_decode_from_client, mqtt_decode_from_server
 *     H  mqtt_decode_fixed_header
 *     P  mqtt_decode_publish_header and the mqtt_publish_set functions
 *     E  encoders
 *
 * Decoders return MQTT_ERROR_PACKET_TOO_LARGE only where size_t has 16 bits:
 * mqtt_decode_publish_header if it cannot count the payload, the others if it cannot count the
 * packet. */
enum mqtt_status {
    /*                                              who  meaning                          clause  */
    MQTT_PACKET_INCOMPLETE = -1,                 /* DHP  needs more bytes                         */
    MQTT_ERROR_BUFFER_TOO_SMALL = -2,            /*    E capacity below the size                  */
    MQTT_ERROR_PACKET_TOO_LARGE = -3,            /* D PE remaining length too large         2.2.3 */
    MQTT_ERROR_RESERVED_TYPE = -4,               /* DH E packet type not 1 to 14            2.2.1 */
    MQTT_ERROR_TYPE = -5,                        /*   P  packet type is not PUBLISH         2.2.1 */
    MQTT_ERROR_DIRECTION = -6,                   /* D    this side may not send it          2.2.1 */
    MQTT_ERROR_FLAGS = -7,                       /* DH   fixed header flags          MQTT-2.2.2-1 */
    MQTT_ERROR_REMAINING_LENGTH = -8,            /* DHP  malformed or impossible            2.2.3 */
    MQTT_ERROR_TRAILING_BYTES = -9,              /* D    after the last CONNECT field       3.1.3 */
    MQTT_ERROR_FIELD_PAST_END = -10,             /* D PE field longer than the packet       1.5.3 */
    MQTT_ERROR_FIELD_TOO_LONG = -11,             /*    E field above 65,535 bytes           1.5.3 */
    MQTT_ERROR_ILL_FORMED_UTF8 = -12,            /* D PE                             MQTT-1.5.3-1 */
    MQTT_ERROR_NULL_CHARACTER = -13,             /* D PE U+0000 in a string          MQTT-1.5.3-2 */
    MQTT_ERROR_PACKET_ID_MISSING = -14,          /* D P  at QoS 1 or 2               MQTT-2.3.1-1 */
    MQTT_ERROR_PACKET_ID_ZERO = -15,             /* D PE                             MQTT-2.3.1-1 */
    MQTT_ERROR_PACKET_ID_AT_QOS_0 = -16,         /*   P  set_packet_id at QoS 0      MQTT-2.3.1-5 */
    MQTT_ERROR_PROTOCOL_NAME = -17,              /* D    not "MQTT"                  MQTT-3.1.2-1 */
    MQTT_ERROR_PROTOCOL_LEVEL = -18,             /* D    not 4                       MQTT-3.1.2-2 */
    MQTT_ERROR_CONNECT_RESERVED_FLAG = -19,      /* D    not 0                       MQTT-3.1.2-3 */
    MQTT_ERROR_WILL_QOS_WITHOUT_WILL = -20,      /* D    no will, will QoS not 0    MQTT-3.1.2-13 */
    MQTT_ERROR_WILL_RETAIN_WITHOUT_WILL = -21,   /* D    no will, will retain 1     MQTT-3.1.2-15 */
    MQTT_ERROR_WILL_QOS = -22,                   /* D  E will QoS not 0, 1 or 2     MQTT-3.1.2-14 */
    MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME = -23, /* D  E                            MQTT-3.1.2-22 */
    MQTT_ERROR_CLIENT_ID = -24,                  /* D  E empty, no clean session     MQTT-3.1.3-7 */
    MQTT_ERROR_WILL_MISSING = -25,               /* D    will topic or message       MQTT-3.1.2-9 */
    MQTT_ERROR_USER_NAME_MISSING = -26,          /* D                               MQTT-3.1.2-19 */
    MQTT_ERROR_PASSWORD_MISSING = -27,           /* D                               MQTT-3.1.2-21 */
    MQTT_ERROR_CONNACK_FLAGS = -28,              /* D    reserved bits not 0              3.2.2.1 */
    MQTT_ERROR_SESSION_PRESENT = -29,            /* D  E 1, but connection refused   MQTT-3.2.2-4 */
    MQTT_ERROR_CONNECT_RETURN_CODE = -30,        /* D  E above 5                          3.2.2.3 */
    MQTT_ERROR_DUP = -31,                        /* DHPE DUP 1 at QoS 0              MQTT-3.3.1-2 */
    MQTT_ERROR_QOS = -32,                        /* DHPE QoS not 0, 1 or 2           MQTT-3.3.1-4 */
    MQTT_ERROR_SUBSCRIBE_NO_FILTER = -33,        /* D  E                             MQTT-3.8.3-3 */
    MQTT_ERROR_REQUESTED_QOS_MISSING = -34,      /* D  E after a topic filter               3.8.3 */
    MQTT_ERROR_REQUESTED_QOS = -35,              /* D  E not 0, 1 or 2               MQTT-3.8.3-4 */
    MQTT_ERROR_SUBACK_NO_RETURN_CODE = -36,      /* D  E                                    3.9.3 */
    MQTT_ERROR_SUBACK_RETURN_CODE = -37,         /* D  E not 0, 1, 2 or 0x80         MQTT-3.9.3-2 */
    MQTT_ERROR_UNSUBSCRIBE_NO_FILTER = -38,      /* D  E                            MQTT-3.10.3-2 */
    MQTT_ERROR_TOPIC_EMPTY = -39,                /* D PE topic name or filter        MQTT-4.7.3-1 */
    MQTT_ERROR_TOPIC_NAME_WILDCARD = -40,        /* D PE # or + in a topic name      MQTT-4.7.1-1 */
    MQTT_ERROR_FILTER_MULTI_LEVEL = -41,         /* D  E # misplaced                 MQTT-4.7.1-2 */
    MQTT_ERROR_FILTER_SINGLE_LEVEL = -42,        /* D  E + misplaced                 MQTT-4.7.1-3 */
    MQTT_ERROR_PAYLOAD_MISSING = -43             /*    E payload has a length, data is NULL       */
};

/* A string: UTF-8 text [1.5.3]. */
struct mqtt_string {
    const char *data; /* not NUL-terminated */
    size_t length;    /* in bytes */
};

/* Binary data: a payload, a password or a will message. */
struct mqtt_bytes {
    const uint8_t *data; /* may contain any bytes */
    size_t length;       /* in bytes */
};

/* The fixed header: the beginning of every packet [2.2]. */
struct mqtt_fixed_header {
    uint32_t remaining_length;  /* number of bytes that follow the fixed header [2.2.3] */
    enum mqtt_packet_type type; /* packet type [2.2.1] */
    uint8_t flags;              /* bits 3 to 0 of the first byte [2.2.2] */
};

/* A will: the message that the server publishes if the connection ends without a DISCONNECT
 * [3.1.2.5]. */
struct mqtt_will {
    uint8_t qos;               /* 0, 1 or 2 [3.1.2.6] */
    bool retain;               /* true: the server retains the message [3.1.2.7] */
    struct mqtt_string topic;  /* topic name [3.1.3.2] */
    struct mqtt_bytes message; /* payload [3.1.3.3] */
};

/* A CONNECT: it opens a connection [3.1]. Where a has_ member is false, encoders ignore the field and
 * decoders leave it unset. To send a field, set its has_ member. */
struct mqtt_connect {
    uint16_t keep_alive;          /* longest time between packets in seconds; 0: off [3.1.2.10] */
    bool clean_session;           /* true: the server discards the session [3.1.2.4] */
    bool has_will;                /* true: there is a will [3.1.2.5] */
    bool has_user_name;           /* true: there is a user name [3.1.2.8] */
    bool has_password;            /* true: there is a password; needs a user name [3.1.2.9] */
    struct mqtt_will will;        /* only if has_will is true [3.1.2.5] */
    struct mqtt_string client_id; /* client identifier; empty only with clean_session [3.1.3.1] */
    struct mqtt_string user_name; /* only if has_user_name is true [3.1.3.4] */
    struct mqtt_bytes password;   /* only if has_password is true [3.1.3.5] */
};

/* A CONNACK: it answers a CONNECT [3.2]. */
struct mqtt_connack {
    bool session_present; /* true: the server has stored session state [3.2.2.2] */
    uint8_t return_code;  /* enum mqtt_connack_code [3.2.2.3] */
};

/* A PUBLISH: it carries an application message [3.3]. */
struct mqtt_publish {
    uint16_t packet_id;        /* not 0; ignored at QoS 0, where decoders set 0 [3.3.2.2] */
    uint8_t qos;               /* 0, 1 or 2 [3.3.1.2] */
    bool dup;                  /* true: may repeat an earlier attempt; not at QoS 0 [3.3.1.1] */
    bool retain;               /* to a server: retain it; from a server: was retained [3.3.1.3] */
    struct mqtt_string topic;  /* topic name, without wildcards [3.3.2.1] */
    struct mqtt_bytes payload; /* application message [3.3.3] */
};

/* A packet that has only a packet id: PUBACK, PUBREC, PUBREL, PUBCOMP or UNSUBACK [3.4 to 3.7,
 * 3.11]. */
struct mqtt_ack {
    uint16_t packet_id; /* packet id of the packet that it acknowledges; not 0 [2.3.1] */
};

/* A subscription: one entry of a SUBSCRIBE [3.8.3]. */
struct mqtt_subscription {
    struct mqtt_string filter; /* topic filter [4.7] */
    uint8_t qos;               /* requested QoS: 0, 1 or 2 [3.8.3] */
};

/* A SUBSCRIBE: it asks for subscriptions [3.8]. mqtt_next_subscription reads both a sender's and a
 * decoded packet. */
struct mqtt_subscribe {
    const struct mqtt_subscription *subscriptions; /* a sender's array; NULL when decoded [3.8.3] */
    size_t count;                                  /* number of entries, not 0; also when decoded */
    struct mqtt_bytes encoded;                     /* payload as received, when decoded [3.8.3] */
    uint16_t packet_id;                            /* not 0 [3.8.2] */
};

/* A SUBACK: it answers a SUBSCRIBE [3.9]. */
struct mqtt_suback {
    const uint8_t *return_codes; /* array of enum mqtt_suback_code [3.9.3] */
    size_t count;                /* number of return codes, not 0 */
    uint16_t packet_id;          /* that of the SUBSCRIBE; not 0 [3.9.2] */
};

/* An UNSUBSCRIBE: it ends subscriptions [3.10]. mqtt_next_filter reads both a sender's and a decoded
 * packet. */
struct mqtt_unsubscribe {
    const struct mqtt_string *filters; /* a sender's array; NULL when decoded [3.10.3] */
    size_t count;                      /* number of topic filters, not 0 */
    struct mqtt_bytes encoded;         /* payload as received, when decoded [3.10.3] */
    uint16_t packet_id;                /* not 0 [3.10.2] */
};

/* A packet of any type. */
struct mqtt_packet {
    uint32_t error_offset; /* after an error: index of the first byte of the field that breaks the
                              rule, or of where a missing field belongs. For a string it is the
                              first byte of its length. */
    enum mqtt_packet_type type; /* says which member of `as` is set */
    union {
        struct mqtt_connect connect;         /* CONNECT */
        struct mqtt_connack connack;         /* CONNACK */
        struct mqtt_publish publish;         /* PUBLISH */
        struct mqtt_ack ack;                 /* PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK */
        struct mqtt_subscribe subscribe;     /* SUBSCRIBE */
        struct mqtt_suback suback;           /* SUBACK */
        struct mqtt_unsubscribe unsubscribe; /* UNSUBSCRIBE */
    } as;                                    /* PINGREQ, PINGRESP and DISCONNECT have no member */
};

/* ---------------------------------------------------------------------------------------------
 * DECODE
 *
 * One call decodes the first packet of `bytes` and ignores the bytes after it. An error that the
 * fixed header reveals is reported at once. The rest is checked when all of the packet is there, so
 * feeding a packet byte by byte takes linear time.
 * ------------------------------------------------------------------------------------------- */

/* Decodes any packet, from either side: for inspectors, tests and proxies. Returns the size of the
 * packet, MQTT_PACKET_INCOMPLETE, or any status with a D except MQTT_ERROR_DIRECTION [3]. */
MQTTI_API int32_t mqtt_decode(struct mqtt_packet *packet, const void *bytes, size_t length);

/* Decodes a packet from a client, for servers: as mqtt_decode, but refuses a type that clients may
 * not send with MQTT_ERROR_DIRECTION [2.2.1, Table 2.1]. */
MQTTI_API int32_t mqtt_decode_from_client(struct mqtt_packet *packet, const void *bytes,
                                          size_t length);

/* Decodes a packet from a server, for clients: as mqtt_decode, but refuses a type that servers may
 * not send with MQTT_ERROR_DIRECTION [2.2.1, Table 2.1]. */
MQTTI_API int32_t mqtt_decode_from_server(struct mqtt_packet *packet, const void *bytes,
                                          size_t length);

/* Decodes and checks only the fixed header, so that a caller can limit the size of a packet before
 * buffering it. Returns the size of the header, 2 to 5, or any status with an H [2.2]. It does not
 * say where an error lies. */
MQTTI_API int32_t mqtt_decode_fixed_header(struct mqtt_fixed_header *header, const void *bytes,
                                           size_t length);

/* Decodes a PUBLISH of which only the bytes before the payload need to be there, so that a large
 * payload streams through a small buffer. Sets `payload.length` to the length of the whole payload
 * and `payload.data` to NULL. Returns the number of bytes before the payload, or any status with a
 * P except MQTT_ERROR_PACKET_ID_AT_QOS_0 [3.3]. It does not say where an error lies. */
MQTTI_API int32_t mqtt_decode_publish_header(struct mqtt_publish *publish, const void *bytes,
                                             size_t length);

/* Decodes a remaining length of 1 to 4 bytes. Longer encodings than necessary (`80 00`) are
 * accepted. Returns the number of bytes, MQTT_PACKET_INCOMPLETE, or MQTT_ERROR_REMAINING_LENGTH if
 * the fourth byte announces a fifth [2.2.3]. */
MQTTI_API int32_t mqtt_decode_remaining_length(uint32_t *value, const void *bytes, size_t length);

/* Give the entries of a list one by one, in order. Start with *position = 0, do not change it
 * between calls, and call until the result is false; then *out is unchanged. They read decoded
 * packets and a sender's array alike. In a payload that no decoder has checked they stay in bounds,
 * and end at an entry that runs past its end [3.8.3, 3.10.3]. */
MQTTI_API bool mqtt_next_subscription(const struct mqtt_subscribe *subscribe, size_t *position,
                                      struct mqtt_subscription *out);
MQTTI_API bool mqtt_next_filter(const struct mqtt_unsubscribe *unsubscribe, size_t *position,
                                struct mqtt_string *out);

/* ---------------------------------------------------------------------------------------------
 * ENCODE
 *
 * Every encoder returns the number of bytes written, or with a NULL buffer the number it would
 * write; MQTT_ERROR_BUFFER_TOO_SMALL if that is more than `capacity`; or the status of the first
 * rule that the packet breaks. "Statuses" lists those, without MQTT_ERROR_.
 * ------------------------------------------------------------------------------------------- */

/* Encodes any packet, also a decoded one: that gives the bytes it was decoded from, with the
 * shortest remaining length. Use another buffer than the one it was decoded from. A server that
 * forwards a PUBLISH clears `dup` and `retain` first [MQTT-3.3.1-3] [MQTT-3.3.1-9]. Returns the
 * size, or any status with an E [3]. */
MQTTI_API int32_t mqtt_encode(void *buffer, size_t capacity, const struct mqtt_packet *packet);

/* Encodes a CONNECT [3.1]. Statuses: FIELD_TOO_LONG, ILL_FORMED_UTF8, NULL_CHARACTER, WILL_QOS,
 * PASSWORD_WITHOUT_USER_NAME, CLIENT_ID; for the will topic also TOPIC_EMPTY, TOPIC_NAME_WILDCARD. */
MQTTI_API int32_t mqtt_encode_connect(void *buffer, size_t capacity,
                                      const struct mqtt_connect *connect);

/* Encodes a CONNACK, always 4 bytes [3.2]. Statuses: SESSION_PRESENT, CONNECT_RETURN_CODE. */
MQTTI_API int32_t mqtt_encode_connack(void *buffer, size_t capacity,
                                      const struct mqtt_connack *connack);

/* Encodes a PUBLISH [3.3]. Statuses: QOS, DUP, PACKET_TOO_LARGE, TOPIC_EMPTY, FIELD_TOO_LONG,
 * ILL_FORMED_UTF8, NULL_CHARACTER, TOPIC_NAME_WILDCARD, PACKET_ID_ZERO, PAYLOAD_MISSING. */
MQTTI_API int32_t mqtt_encode_publish(void *buffer, size_t capacity,
                                      const struct mqtt_publish *publish);

/* Encodes only what stands before the payload of a PUBLISH, and returns the size of that [3.3]: for
 * writev, and for one payload that is sent to many subscribers. `payload.length` counts in the
 * remaining length, `payload.data` is not read. Statuses: as mqtt_encode_publish, without
 * PAYLOAD_MISSING. */
MQTTI_API int32_t mqtt_encode_publish_header(void *buffer, size_t capacity,
                                             const struct mqtt_publish *publish);

/* Encode a packet that has only a packet id, always 4 bytes [3.4 to 3.7, 3.11]. Statuses:
 * PACKET_ID_ZERO. */
MQTTI_API int32_t mqtt_encode_puback(void *buffer, size_t capacity, uint16_t packet_id);
MQTTI_API int32_t mqtt_encode_pubrec(void *buffer, size_t capacity, uint16_t packet_id);
MQTTI_API int32_t mqtt_encode_pubrel(void *buffer, size_t capacity, uint16_t packet_id);
MQTTI_API int32_t mqtt_encode_pubcomp(void *buffer, size_t capacity, uint16_t packet_id);
MQTTI_API int32_t mqtt_encode_unsuback(void *buffer, size_t capacity, uint16_t packet_id);

/* Encodes a SUBSCRIBE from a sender's array [3.8]. Statuses: PACKET_TOO_LARGE, PACKET_ID_ZERO,
 * SUBSCRIBE_NO_FILTER, TOPIC_EMPTY, FIELD_TOO_LONG, ILL_FORMED_UTF8, NULL_CHARACTER,
 * FILTER_MULTI_LEVEL, FILTER_SINGLE_LEVEL, REQUESTED_QOS. A decoded packet has no array and is
 * SUBSCRIBE_NO_FILTER; use mqtt_encode for it. */
MQTTI_API int32_t mqtt_encode_subscribe(void *buffer, size_t capacity,
                                        const struct mqtt_subscribe *subscribe);

/* Encodes a SUBACK [3.9]. Statuses: PACKET_TOO_LARGE, PACKET_ID_ZERO, SUBACK_NO_RETURN_CODE,
 * SUBACK_RETURN_CODE. */
MQTTI_API int32_t mqtt_encode_suback(void *buffer, size_t capacity,
                                     const struct mqtt_suback *suback);

/* Encodes an UNSUBSCRIBE from a sender's array [3.10]. Statuses: PACKET_TOO_LARGE, PACKET_ID_ZERO,
 * UNSUBSCRIBE_NO_FILTER, TOPIC_EMPTY, FIELD_TOO_LONG, ILL_FORMED_UTF8, NULL_CHARACTER,
 * FILTER_MULTI_LEVEL, FILTER_SINGLE_LEVEL. A decoded packet has no array and is
 * UNSUBSCRIBE_NO_FILTER; use mqtt_encode for it. */
MQTTI_API int32_t mqtt_encode_unsubscribe(void *buffer, size_t capacity,
                                          const struct mqtt_unsubscribe *unsubscribe);

/* Encode a packet that has no fields, always 2 bytes [3.12 to 3.14]. */
MQTTI_API int32_t mqtt_encode_pingreq(void *buffer, size_t capacity);
MQTTI_API int32_t mqtt_encode_pingresp(void *buffer, size_t capacity);
MQTTI_API int32_t mqtt_encode_disconnect(void *buffer, size_t capacity);

/* Encodes a remaining length, 1 to 4 bytes [2.2.3]. Statuses: PACKET_TOO_LARGE above
 * MQTT_REMAINING_LENGTH_MAX. */
MQTTI_API int32_t mqtt_encode_remaining_length(void *buffer, size_t capacity, uint32_t value);

/* Change an encoded, valid PUBLISH in place. Only the bytes before the payload need to be there. To
 * send it again, set DUP [MQTT-3.3.1-1]. To forward it to a subscriber, clear DUP [MQTT-3.3.1-3]
 * and RETAIN [MQTT-3.3.1-9] and set that subscriber's packet id. Return the number of bytes before
 * the payload, or any status with a P and no change. At QoS 0 setting DUP is MQTT_ERROR_DUP
 * (clearing it succeeds), and setting the packet id is MQTT_ERROR_PACKET_ID_AT_QOS_0. A packet id
 * of 0, given or already in the packet, is MQTT_ERROR_PACKET_ID_ZERO. */
MQTTI_API int32_t mqtt_publish_set_dup(void *bytes, size_t length, bool dup);
MQTTI_API int32_t mqtt_publish_set_retain(void *bytes, size_t length, bool retain);
MQTTI_API int32_t mqtt_publish_set_packet_id(void *bytes, size_t length, uint16_t packet_id);

/* ---------------------------------------------------------------------------------------------
 * STRINGS AND TOPICS
 * ------------------------------------------------------------------------------------------- */

/* True if the string is well-formed UTF-8 without U+0000 and has at most 65,535 bytes. An empty
 * string is valid [1.5.3]. */
MQTTI_API bool mqtt_string_is_valid(struct mqtt_string string);

/* True if a valid string contains a control character (U+0001 to U+001F, U+007F to U+009F) or a
 * non-character. Senders SHOULD NOT send these; a receiver MAY close the connection [1.5.3]. */
MQTTI_API bool mqtt_string_has_discouraged(struct mqtt_string string);

/* True if the string is valid, not empty, and contains no wildcard [4.7]. */
MQTTI_API bool mqtt_topic_name_is_valid(struct mqtt_string name);

/* True if the string is valid, not empty, and each wildcard is in its place [4.7]. */
MQTTI_API bool mqtt_topic_filter_is_valid(struct mqtt_string filter);

/* True if a valid topic filter matches a valid topic name [4.7]. A filter that begins with a
 * wildcard does not match a name that begins with $ [MQTT-4.7.2-1]. Takes linear time and constant
 * stack. */
MQTTI_API bool mqtt_topic_matches(struct mqtt_string filter, struct mqtt_string name);

/* True if both strings have the same bytes [MQTT-4.7.3-4]. */
MQTTI_API bool mqtt_string_equals(struct mqtt_string a, struct mqtt_string b);

/* Makes a string of a NUL-terminated C string, without the NUL. Copies nothing, checks nothing. */
MQTTI_API struct mqtt_string mqtt_string_from(const char *text);

/* Makes binary data of `length` bytes at `data`. Copies nothing. */
MQTTI_API struct mqtt_bytes mqtt_bytes_from(const void *data, size_t length);

/* ---------------------------------------------------------------------------------------------
 * EXPLANATIONS
 * ------------------------------------------------------------------------------------------- */

/* Returns one plain sentence for a status, or for any other number. Never NULL. */
MQTTI_API const char *mqtt_status_message(int32_t status);

/* Returns the statement of the standard that the status reports ("MQTT-3.1.2-22"), or for a rule
 * without a numbered statement the section ("2.2.3"). Returns "" for MQTT_PACKET_INCOMPLETE,
 * MQTT_ERROR_BUFFER_TOO_SMALL and MQTT_ERROR_PAYLOAD_MISSING, which break no rule, and for numbers
 * that are no status. Never NULL. */
MQTTI_API const char *mqtt_status_clause(int32_t status);

/* Returns "CONNECT" and so on, as in Table 2.1, and "Reserved" for any other value [2.2.1]. */
MQTTI_API const char *mqtt_packet_type_name(enum mqtt_packet_type type);

/* Returns the CONNACK code that a server must send for a refused CONNECT before it closes the
 * connection, 1 [MQTT-3.1.2-2] or 2 [MQTT-3.1.3-8]. Returns -1 if it closes without a CONNACK
 * [MQTT-3.1.4-1]. */
MQTTI_API int32_t mqtt_connack_code_for(int32_t status);

#if defined(__cplusplus)
}
#endif

#undef MQTTI_API

/* ============================================================================================
 * END OF THE INTERFACE
 * ========================================================================================== */

#elif defined(MQTT_CODEC_IMPLEMENTATION) && !defined(MQTT_CODEC_EXTERNAL)
#error "mqtt_codec.h is included above as static functions; define MQTT_CODEC_DECLARE_ONLY there"
#endif

#if !defined(MQTT_CODEC_IMPLEMENTED) &&                                                            \
    (defined(MQTT_CODEC_IMPLEMENTATION) || !defined(MQTT_CODEC_EXTERNAL))
#define MQTT_CODEC_IMPLEMENTED

/* How functions are compiled. GCC and clang get these attributes when they optimize:
 *
 *                 purpose                               for speed        for size (-Os)
 *   MQTTI_INLINE  most packets pass through it          inlined          the compiler decides
 *   MQTTI_SHARED  more than one function calls it       inlined in each  one copy
 *   MQTTI_ASIDE   the usual case does not need it, or   out of line      the compiler decides
 *                 it is too large to copy
 *   MQTTI_API     public function, small                the compiler decides
 *   MQTTI_ENTRY   public function, larger               out of line      the compiler decides
 *   MQTTI_ALONE   mqtt_encode, the largest              out of line      out of line
 *
 * "Out of line" has a second reason. Inlined or cloned into a caller, these functions make GCC warn
 * falsely, for example of 16-byte loads from shorter arrays. In the mode of
 * MQTT_CODEC_IMPLEMENTATION the last three are plain external functions. */
#if defined(__clang__)
#define MQTTI_OUT_OF_LINE __attribute__((__noinline__, __unused__)) static
#elif defined(__GNUC__) && __GNUC__ >= 8
#define MQTTI_OUT_OF_LINE __attribute__((__noipa__, __unused__)) static
#elif defined(__GNUC__)
#define MQTTI_OUT_OF_LINE __attribute__((__noinline__, __noclone__, __unused__)) static
#endif

#if defined(__GNUC__) && defined(__OPTIMIZE_SIZE__)
#define MQTTI_FOR_SIZE true
#define MQTTI_INLINE   static inline
#define MQTTI_SHARED   __attribute__((__noinline__, __unused__)) static
#define MQTTI_ASIDE    static inline
#elif defined(__GNUC__) && defined(__OPTIMIZE__)
#define MQTTI_FOR_SIZE (SIZE_MAX == 0xFFFF) /* words of 8 bytes are slow there */
#define MQTTI_INLINE   __attribute__((__always_inline__)) static inline
#define MQTTI_SHARED   MQTTI_INLINE
#define MQTTI_ASIDE    MQTTI_OUT_OF_LINE
#else
#define MQTTI_FOR_SIZE (SIZE_MAX == 0xFFFF) /* words of 8 bytes are slow there */
#define MQTTI_INLINE   static inline
#define MQTTI_SHARED   static inline
#define MQTTI_ASIDE    static inline
#endif

#if defined(MQTT_CODEC_EXTERNAL)
#define MQTTI_API
#define MQTTI_ENTRY
#define MQTTI_ALONE
#elif defined(__GNUC__) /* unused: clang warns when it compiles this file by itself */
#define MQTTI_API   __attribute__((__unused__)) static inline
#define MQTTI_ENTRY __attribute__((__unused__)) MQTTI_ASIDE
#if defined(__OPTIMIZE__)
#define MQTTI_ALONE MQTTI_OUT_OF_LINE
#else
#define MQTTI_ALONE MQTTI_API
#endif
#else
#define MQTTI_API   static inline
#define MQTTI_ENTRY static inline
#define MQTTI_ALONE static inline
#endif

#if MQTT_CODEC_SIMD == MQTT_CODEC_SIMD_SSE2
#include <emmintrin.h>
#elif MQTT_CODEC_SIMD == MQTT_CODEC_SIMD_NEON
#include <arm_neon.h>
#elif MQTT_CODEC_SIMD == MQTT_CODEC_SIMD_AVX2
#include <immintrin.h>
#endif

#if defined(__cplusplus)
extern "C" {
#endif

/* Names that begin with mqtti_ or MQTTI_ are internal. In internal functions a status of 0 means
 * that no rule is broken. Comments that begin with @ are annotations for the proof (docs/proof.md). */

/* ============================================================================================
 * 1.5 Data representations, 4.7 topic names and topic filters
 * ========================================================================================== */

/* A big-endian number of two bytes [1.5.2]. */
static inline uint16_t mqtti_get_u16(const uint8_t *at)
{
    return (uint16_t)((unsigned)at[0] << 8 | at[1]);
}

enum mqtti_kind {
    MQTTI_BINARY,
    MQTTI_STRING,
    MQTTI_TOPIC_NAME,
    MQTTI_TOPIC_FILTER
};

/* A byte is plain if it is ASCII above this value: it needs no further check. */
static inline uint8_t mqtti_low(enum mqtti_kind kind)
{
    return kind == MQTTI_STRING ? 0 : '+';
}

/* The next seven functions work on blocks of bytes. The last section defines them, once for vectors
 * and once in portable code. */

/* Skips plain blocks at the start of a string. Returns the number of bytes that are left to check:
 * 0 if all are plain. */
MQTTI_INLINE size_t mqtti_left_to_check(const uint8_t *s, size_t length, uint8_t low);

/* True if one look proves that a topic filter is valid. False proves nothing. */
MQTTI_INLINE bool mqtti_is_valid_filter(const uint8_t *s, size_t length);

/* s[i] is plain. Passes over it and perhaps more plain bytes. Returns the index of the next byte. */
static inline size_t mqtti_skip_plain(const uint8_t *s, size_t length, size_t i, uint8_t low);

/* s[i] begins a character that is not ASCII. Passes over well-formed characters, perhaps none.
 * Returns the index of the next byte. */
static inline size_t mqtti_skip_characters(const uint8_t *s, size_t length, size_t i, uint8_t low);

/* Copies 8 to 64 bytes without a call. Returns false and does nothing for other lengths. */
MQTTI_INLINE bool mqtti_copy_short(uint8_t *to, const uint8_t *from, size_t length);

/* Length of the common prefix. */
static inline size_t mqtti_common_length(const uint8_t *s, const uint8_t *other, size_t length);

/* Length up to the next '/'. */
static inline size_t mqtti_level_length(const uint8_t *s, size_t length);

/* Size of the well-formed UTF-8 sequence at `s` that is not ASCII, 2 to 4 bytes, or 0 if there is
 * none. `left` is above 0. Table 3-7 of the Unicode Standard [MQTT-1.5.3-1]. */
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
    if ((lead == 0xE0 && s[1] < 0xA0) || /* below U+0800 */
        (lead == 0xED && s[1] > 0x9F) || /* a surrogate, U+D800 to U+DFFF */
        (lead == 0xF0 && s[1] < 0x90) || /* below U+10000 */
        (lead == 0xF4 && s[1] > 0x8F))   /* above U+10FFFF */
        return 0;
    return size;
}

/* Checks the wildcard s[i] of a topic filter: it is a whole level, and '#' is the last level. */
static inline int32_t mqtti_check_wildcard(const uint8_t *s, size_t length, size_t i)
{
    const bool begins_level = i == 0 || s[i - 1] == '/';
    const bool is_last = i + 1 == length;
    const bool ends_level = is_last || (s[i] == '+' && s[i + 1] == '/');

    if (begins_level && ends_level)
        return 0;
    return s[i] == '#' ? MQTT_ERROR_FILTER_MULTI_LEVEL   /* [MQTT-4.7.1-2] */
                       : MQTT_ERROR_FILTER_SINGLE_LEVEL; /* [MQTT-4.7.1-3] */
}

/* Checks a string of at most 65,535 bytes, whose first i bytes are plain. */
MQTTI_ASIDE int32_t mqtti_walk_string(const uint8_t *s, size_t length, size_t i,
                                      enum mqtti_kind kind)
{
    const uint8_t low = mqtti_low(kind);

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
            i = mqtti_skip_plain(s, length, i, low);
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

/* Checks a string of at most 65,535 bytes. Most strings need only one look. */
MQTTI_SHARED int32_t mqtti_check_string(const uint8_t *s, size_t length, enum mqtti_kind kind)
{
    size_t left;

    if (kind == MQTTI_TOPIC_FILTER)
        left = mqtti_is_valid_filter(s, length) ? 0 : length;
    else
        left = mqtti_left_to_check(s, length, mqtti_low(kind));
    return length > 0 && left == 0 ? 0 : mqtti_walk_string(s, length, length - left, kind);
}

/* True if a field is longer than its two-byte length can say [1.5.3]. */
static inline bool mqtti_is_too_long(size_t length)
{
#if SIZE_MAX > 0xFFFF
    return length > MQTT_STRING_LENGTH_MAX;
#else
    (void)length;
    return false;
#endif
}

MQTTI_INLINE int32_t mqtti_check_field(const uint8_t *data, size_t length, enum mqtti_kind kind)
{
    if (mqtti_is_too_long(length))
        return MQTT_ERROR_FIELD_TOO_LONG; /* 1.5.3 [MQTT-4.7.3-3] */
    return kind == MQTTI_BINARY ? 0 : mqtti_check_string(data, length, kind);
}

MQTTI_ENTRY bool mqtt_string_is_valid(struct mqtt_string string)
{
    return mqtti_check_field((const uint8_t *)string.data, string.length, MQTTI_STRING) == 0;
}

MQTTI_ENTRY bool mqtt_topic_name_is_valid(struct mqtt_string name)
{
    return mqtti_check_field((const uint8_t *)name.data, name.length, MQTTI_TOPIC_NAME) == 0;
}

MQTTI_ENTRY bool mqtt_topic_filter_is_valid(struct mqtt_string filter)
{
    return mqtti_check_field((const uint8_t *)filter.data, filter.length, MQTTI_TOPIC_FILTER) == 0;
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
            if (s[0] == 0xC2 && s[1] < 0xA0) /* control characters U+0080 to U+009F */
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

/* Matches from wildcard to wildcard. A name contains no wildcard, so the common prefix of the two
 * ends at or before the next wildcard of the filter. */
MQTTI_ASIDE bool mqtti_levels_match(const uint8_t *filter, size_t filter_left, const uint8_t *name,
                                    size_t name_left)
{
    /*@ loop invariant filter_left <= \at(filter_left, Pre) && name_left <= \at(name_left, Pre);
        loop invariant filter + filter_left == \at(filter + filter_left, Pre);
        loop invariant name + name_left == \at(name + name_left, Pre);
        loop assigns filter, filter_left, name, name_left;
        loop variant filter_left; */
    for (;;) {
        const size_t common =
            mqtti_common_length(filter, name, filter_left < name_left ? filter_left : name_left);
        filter += common;
        filter_left -= common;
        name += common;
        name_left -= common;
        if (filter_left == 0)
            return name_left == 0;
        if (filter[0] == '#')
            return true; /* 4.7.1.2 */
        if (filter[0] == '+') {
            const size_t level = mqtti_level_length(name, name_left); /* 4.7.1.3 */
            name += level;
            name_left -= level;
            filter++;
            filter_left--;
        } else { /* 4.7.1.2: "/#" also matches the parent level; otherwise no match [MQTT-4.7.3-4] */
            return name_left == 0 && filter_left == 2 && filter[0] == '/' && filter[1] == '#';
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
    return mqtti_levels_match((const uint8_t *)filter.data, filter.length,
                              (const uint8_t *)name.data, name.length);
}

MQTTI_ENTRY bool mqtt_string_equals(struct mqtt_string a, struct mqtt_string b)
{
    return a.length == b.length &&
           mqtti_common_length((const uint8_t *)a.data, (const uint8_t *)b.data, a.length) ==
               a.length;
}

static inline struct mqtt_string mqtti_string_of(struct mqtt_bytes bytes)
{
    const struct mqtt_string string = {(const char *)bytes.data, bytes.length};

    return string;
}

MQTTI_API struct mqtt_string mqtt_string_from(const char *text)
{
    struct mqtt_string string = {text, 0};

    /*@ loop invariant \forall integer i; 0 <= i < string.length ==> text[i] != 0;
        loop assigns string.length;
        loop variant SIZE_MAX - string.length; */
    while (text[string.length] != '\0')
        string.length++;
    return string;
}

MQTTI_API struct mqtt_bytes mqtt_bytes_from(const void *data, size_t length)
{
    const struct mqtt_bytes bytes = {(const uint8_t *)data, length};

    return bytes;
}

/* ============================================================================================
 * 2.2 Fixed header
 * ========================================================================================== */

/* Sizes in bytes [2.3.1, 3.8.3] */
enum {
    MQTTI_PACKET_ID_SIZE = 2,
    MQTTI_REQUESTED_QOS_SIZE = 1
};

/* The bits of mqtti_type_rules. The bits above them hold the least remaining length. */
enum {
    MQTTI_EXACT = 0x01,  /* the remaining length is exactly the least one */
    MQTTI_FLAG_1 = 0x02, /* bit 1 of the flags is 1; it is the same bit in the fixed header */
    MQTTI_CLIENT = 0x04, /* a client may send it */
    MQTTI_SERVER = 0x08, /* a server may send it */
    MQTTI_LENGTH_1 = 0x10
};

/* Table 2.1 (sides) and Table 2.2 (flags), with the remaining lengths of chapter 3, for every type
 * but PUBLISH. 0 stands for a reserved type. */
static inline unsigned mqtti_type_rules(unsigned type)
{
    static const uint8_t rules[16] = {
        0,
        MQTTI_CLIENT | MQTTI_LENGTH_1 * 12,              /* CONNECT, with an empty client id */
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

/* Flags of a PUBLISH: bits 3 to 0 of its first byte [3.3.1]. */
enum {
    MQTTI_PUBLISH_RETAIN = 0x01,
    MQTTI_PUBLISH_QOS_1 = 0x02,
    MQTTI_PUBLISH_DUP = 0x08
};

static inline uint8_t mqtti_publish_qos(unsigned flags)
{
    return (uint8_t)(flags / MQTTI_PUBLISH_QOS_1 % 4);
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
            /*@ loop invariant 0 <= i <= last && sum == joined(digits + i, last - i, digits[last]);
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

/* Decodes the fixed header of a packet that `senders` may send: MQTTI_CLIENT, MQTTI_SERVER or both. */
MQTTI_INLINE int32_t mqtti_read_fixed_header(struct mqtt_fixed_header *header, const uint8_t *bytes,
                                             size_t length, unsigned senders)
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
            rules += MQTTI_LENGTH_1 * 2; /* packet id */
    } else {
        rules = mqtti_type_rules(type);
        if ((rules & senders) == 0) /* Table 2.1 */
            return rules == 0 ? MQTT_ERROR_RESERVED_TYPE : MQTT_ERROR_DIRECTION;
        if (header->flags != (rules & MQTTI_FLAG_1))
            return MQTT_ERROR_FLAGS; /* [MQTT-2.2.2-1] [MQTT-2.2.2-2] */
    }
    if (length > 1 && bytes[1] < 128) { /* the usual case: one byte */
        header->remaining_length = bytes[1];
        size = 2;
    } else {
        size = mqtt_decode_remaining_length(&header->remaining_length, bytes + 1, length - 1);
        if (size < 0)
            return size;
        size++;
    }
    least = rules / MQTTI_LENGTH_1;
    if (header->remaining_length < least ||
        (header->remaining_length > least && (rules & MQTTI_EXACT) != 0))
        return MQTT_ERROR_REMAINING_LENGTH; /* 2.2.3 */
    return size;
}

MQTTI_API int32_t mqtt_decode_fixed_header(struct mqtt_fixed_header *header, const void *bytes,
                                           size_t length)
{
    return mqtti_read_fixed_header(header, (const uint8_t *)bytes, length,
                                   MQTTI_CLIENT | MQTTI_SERVER);
}

/* ============================================================================================
 * What decoders share
 * ========================================================================================== */

/* The bytes of a packet that are still to be read. A read that fails leaves the reader at the field
 * that failed, which gives error_offset. */
struct mqtti_reader {
    const uint8_t *at;
    size_t left;
};

static inline void mqtti_skip(struct mqtti_reader *reader, size_t count)
{
    reader->at += count;
    reader->left -= count;
}

/* Reads a packet id. At least two bytes are left. */
static inline int32_t mqtti_read_packet_id(struct mqtti_reader *reader, uint16_t *packet_id)
{
    *packet_id = mqtti_get_u16(reader->at);
    if (*packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] [MQTT-2.3.1-6] [MQTT-2.3.1-7] */
    mqtti_skip(reader, 2);
    return 0;
}

/* Reads a string or binary data with its two-byte length. If no byte is left, the status is
 * `missing`. */
MQTTI_SHARED int32_t mqtti_read_field(struct mqtti_reader *reader, enum mqtti_kind kind,
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

/* Begins to decode a packet: reads its fixed header, checks that the whole packet is there, and
 * sets `body` to what follows the fixed header. Returns the size of the fixed header or a status. */
MQTTI_INLINE int32_t mqtti_begin_decode(struct mqtt_packet *packet, struct mqtti_reader *body,
                                        const uint8_t *bytes, size_t length, unsigned senders)
{
    struct mqtt_fixed_header header;
    const int32_t size = mqtti_read_fixed_header(&header, bytes, length, senders);

    if (size < 0) {
        packet->error_offset = size == MQTT_ERROR_REMAINING_LENGTH ? 1 : 0;
        return size;
    }
    packet->type = header.type;
#if SIZE_MAX < 0xFFFFFFFF
    if (header.remaining_length > SIZE_MAX - (size_t)size) {
        packet->error_offset = 1;
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.2.3 */
    }
#endif
    body->at = bytes + size;
    body->left = (size_t)header.remaining_length;
    return length - (size_t)size < body->left ? MQTT_PACKET_INCOMPLETE : size;
}

/* Ends the decoding of a packet of `size` bytes: returns its size, or sets error_offset and returns
 * the status. */
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
 * What encoders share
 * ========================================================================================== */

/* The put functions write at a place and return the place after it. Encoders call them after they
 * have compared the size with the capacity. */
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
    if (!mqtti_copy_short(at, (const uint8_t *)data, length) && length > 0)
        MQTT_CODEC_MEMCPY(at, data, length); /* which must not get NULL, even for 0 bytes */
    return at + length;
}

static inline unsigned mqtti_flag(bool is_set, unsigned flag)
{
    return is_set ? flag : 0;
}

/* Size of an encoded remaining length: 1 to 4 bytes [2.2.3]. */
static inline uint32_t mqtti_remaining_length_size(uint32_t value)
{
    uint32_t size = 1;

    /*@ loop invariant size - 1 + size_of_length(value) == size_of_length(\at(value, Pre));
        loop assigns size, value;
        loop variant value; */
    for (; value >= 128; value /= 128)
        size++;
    return size;
}

static inline uint8_t *mqtti_put_remaining_length(uint8_t *at, uint32_t value)
{
    /*@ loop invariant taken(\at(at, Pre), at, \at(value, Pre), value);
        loop invariant at - \at(at, Pre) + size_of_length(value) == size_of_length(\at(value, Pre));
        loop invariant \forall integer k; 0 <= k < at - \at(at, Pre) ==> \at(at, Pre)[k] >= 128;
        loop assigns at, value, \at(at, Pre)[0 .. size_of_length(\at(value, Pre)) - 2];
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
    if (buffer != NULL) {
        if (capacity < size)
            return MQTT_ERROR_BUFFER_TOO_SMALL;
        mqtti_put_remaining_length((uint8_t *)buffer, value);
    }
    return (int32_t)size;
}

/* Encodes a packet whose body has two bytes: CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK. */
static inline int32_t mqtti_encode_short(void *buffer, size_t capacity, unsigned first_byte,
                                         unsigned body)
{
    uint8_t *at = (uint8_t *)buffer;

    if (at != NULL) {
        if (capacity < 4)
            return MQTT_ERROR_BUFFER_TOO_SMALL;
        at = mqtti_put_u8(at, first_byte);
        at = mqtti_put_u8(at, 2);
        mqtti_put_u16(at, (uint16_t)body);
    }
    return 4;
}

/* Encodes a packet without a body: PINGREQ, PINGRESP, DISCONNECT. */
MQTTI_SHARED int32_t mqtti_encode_empty(void *buffer, size_t capacity, unsigned first_byte)
{
    uint8_t *at = (uint8_t *)buffer;

    if (at != NULL) {
        if (capacity < 2)
            return MQTT_ERROR_BUFFER_TOO_SMALL;
        at = mqtti_put_u8(at, first_byte);
        mqtti_put_u8(at, 0);
    }
    return 2;
}

/* The other encoders pass twice over the fields of the body, with the same functions. While `at` is
 * NULL they measure and check the fields. Then they write them to `at`. */
struct mqtti_writer {
    uint8_t *at;
    uint32_t length; /* measured so far; above MQTT_REMAINING_LENGTH_MAX it need not be exact */
    int32_t status;  /* of the first field that breaks a rule */
};

/* Adds `prefix` + `count` bytes to the measured length. */
MQTTI_SHARED void mqtti_measure(struct mqtti_writer *writer, uint32_t prefix, size_t count)
{
    const uint32_t most = MQTT_REMAINING_LENGTH_MAX;

    if (writer->length > most || count > most)
        writer->length = most + 1;
    else
        writer->length += prefix + (uint32_t)count;
}

/* A string or binary data, with its two-byte length. */
MQTTI_SHARED void mqtti_write_field(struct mqtti_writer *writer, const void *data, size_t length,
                                    enum mqtti_kind kind)
{
    if (writer->at != NULL) {
        writer->at = mqtti_put_u16(writer->at, (uint16_t)length);
        writer->at = mqtti_put_bytes(writer->at, data, length);
        return;
    }
    if (writer->status == 0)
        writer->status = mqtti_check_field((const uint8_t *)data, length, kind);
    mqtti_measure(writer, 2, length);
}

/* Begins to write a packet whose body has been measured: compares its size with the capacity and
 * writes the fixed header. `elsewhere` bytes of the body are not written here. Returns the size
 * without those, or a status. */
MQTTI_SHARED int32_t mqtti_begin_packet(struct mqtti_writer *writer, void *buffer, size_t capacity,
                                        unsigned first_byte, uint32_t elsewhere)
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
        writer->at = mqtti_put_u8((uint8_t *)buffer, first_byte);
        writer->at = mqtti_put_remaining_length(writer->at, writer->length);
    }
    return (int32_t)size;
}

/* ============================================================================================
 * 3.1 CONNECT
 * ========================================================================================== */

/* Connect flags [3.1.2.3, Figure 3.4] */
enum {
    MQTTI_CONNECT_RESERVED = 0x01,
    MQTTI_CONNECT_CLEAN_SESSION = 0x02,
    MQTTI_CONNECT_WILL = 0x04,
    MQTTI_CONNECT_WILL_QOS_1 = 0x08,
    MQTTI_CONNECT_WILL_RETAIN = 0x20,
    MQTTI_CONNECT_PASSWORD = 0x40,
    MQTTI_CONNECT_USER_NAME = 0x80
};

/* Size of the variable header: protocol name, protocol level, connect flags, keep alive [3.1.2]. */
enum {
    MQTTI_CONNECT_HEADER_SIZE = 10
};

static inline uint8_t mqtti_will_qos(unsigned flags)
{
    return (uint8_t)(flags / MQTTI_CONNECT_WILL_QOS_1 % 4);
}

static inline int32_t mqtti_check_connect_flags(unsigned flags)
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

/* The least remaining length is 12, so the 10 bytes of the variable header are there. */
static inline int32_t mqtti_read_connect_header(struct mqtti_reader *reader,
                                                struct mqtt_connect *connect)
{
    const uint8_t *const name = reader->at;
    unsigned flags;
    int32_t status;

    if (name[0] != 0 || name[1] != 4 || name[2] != 'M' || name[3] != 'Q' || name[4] != 'T' ||
        name[5] != 'T')
        return MQTT_ERROR_PROTOCOL_NAME; /* [MQTT-3.1.2-1] */
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

/* An empty client id needs a clean session. */
static inline bool mqtti_client_id_is_allowed(struct mqtt_string client_id, bool clean_session)
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
    will->topic = mqtti_string_of(field);
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
        connect->user_name = mqtti_string_of(field);
    }
    if (connect->has_password) /* [MQTT-3.1.2-21] */
        return mqtti_read_field(reader, MQTTI_BINARY, MQTT_ERROR_PASSWORD_MISSING,
                                &connect->password); /* 3.1.3.5 */
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
    connect->client_id = mqtti_string_of(field);
    if (!mqtti_client_id_is_allowed(connect->client_id, connect->clean_session)) {
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
    /* No flag announces what is left [MQTT-3.1.2-11] [MQTT-3.1.2-18] [MQTT-3.1.2-20]. */
    return reader->left > 0 ? MQTT_ERROR_TRAILING_BYTES : 0; /* 3.1.3 */
}

MQTTI_ASIDE int32_t mqtti_decode_connect(struct mqtt_packet *packet, struct mqtti_reader body,
                                         size_t size)
{
    const int32_t status = mqtti_read_connect(&body, &packet->as.connect);

    return mqtti_end_decode(packet, &body, size, status);
}

/* The connect flags of a packet that has been checked. */
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

/* The fields of the payload, in this order [MQTT-3.1.3-1]. */
MQTTI_SHARED void mqtti_write_connect(struct mqtti_writer *writer,
                                      const struct mqtt_connect *connect)
{
    mqtti_write_field(writer, connect->client_id.data, connect->client_id.length,
                      MQTTI_STRING); /* [MQTT-3.1.3-4] */
    if (writer->status == 0 &&
        !mqtti_client_id_is_allowed(connect->client_id, connect->clean_session))
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

MQTTI_ENTRY int32_t mqtt_encode_connect(void *buffer, size_t capacity,
                                        const struct mqtt_connect *connect)
{
    static const uint8_t name_and_level[7] = {0, 4, 'M', 'Q', 'T', 'T', 4}; /* 3.1.2.1, 3.1.2.2 */
    struct mqtti_writer writer = {NULL, MQTTI_CONNECT_HEADER_SIZE, 0};
    int32_t result;

    if (connect->has_will && connect->will.qos > 2)
        return MQTT_ERROR_WILL_QOS; /* [MQTT-3.1.2-14] */
    if (connect->has_password && !connect->has_user_name)
        return MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME; /* [MQTT-3.1.2-22] */
    mqtti_write_connect(&writer, connect);
    if (writer.status < 0) /* FIELD_TOO_LONG, never PACKET_TOO_LARGE (docs/design.md) */
        return writer.status;
    result = mqtti_begin_packet(&writer, buffer, capacity, MQTT_CONNECT * 16, 0);
    if (writer.at != NULL) {
        writer.at = mqtti_put_bytes(writer.at, name_and_level, sizeof name_and_level);
        writer.at = mqtti_put_u8(writer.at, mqtti_connect_flags(connect));
        writer.at = mqtti_put_u16(writer.at, connect->keep_alive);
        mqtti_write_connect(&writer, connect);
    }
    return result;
}

/* ============================================================================================
 * 3.2 CONNACK
 * ========================================================================================== */

/* True if the connect acknowledge flags and the return code are valid. */
static inline bool mqtti_is_valid_connack(uint8_t flags, uint8_t return_code)
{
    return flags <= 1 && return_code <= (flags == 1 ? 0 : 5);
}

static inline int32_t mqtti_decode_connack(struct mqtt_packet *packet, const uint8_t *body,
                                           size_t size)
{
    const uint8_t flags = body[0];
    const uint8_t return_code = body[1];

    packet->as.connack.session_present = flags == 1;
    packet->as.connack.return_code = return_code;
    if (mqtti_is_valid_connack(flags, return_code))
        return (int32_t)size;
    packet->error_offset = (uint32_t)size - 2;
    if (flags > 1)
        return MQTT_ERROR_CONNACK_FLAGS; /* 3.2.2.1 */
    if (flags == 1)
        return MQTT_ERROR_SESSION_PRESENT; /* [MQTT-3.2.2-4] */
    packet->error_offset = (uint32_t)size - 1;
    return MQTT_ERROR_CONNECT_RETURN_CODE; /* 3.2.2.3, Table 3.1 */
}

MQTTI_API int32_t mqtt_encode_connack(void *buffer, size_t capacity,
                                      const struct mqtt_connack *connack)
{
    if (connack->session_present && connack->return_code != 0)
        return MQTT_ERROR_SESSION_PRESENT; /* [MQTT-3.2.2-4] */
    if (connack->return_code > 5)
        return MQTT_ERROR_CONNECT_RETURN_CODE; /* 3.2.2.3, Table 3.1 */
    return mqtti_encode_short(buffer, capacity, MQTT_CONNACK * 16,
                              (connack->session_present ? 256u : 0u) + connack->return_code);
}

/* ============================================================================================
 * 3.3 PUBLISH
 * ========================================================================================== */

/* Reads the variable header, after the flags have been set [3.3.2]. */
static inline int32_t mqtti_read_publish_header(struct mqtti_reader *reader,
                                                struct mqtt_publish *publish)
{
    struct mqtt_bytes topic;
    const int32_t status =
        mqtti_read_field(reader, MQTTI_TOPIC_NAME, MQTT_ERROR_FIELD_PAST_END, &topic);

    if (status < 0) /* [MQTT-3.3.2-1] [MQTT-3.3.2-2] */
        return status;
    publish->topic = mqtti_string_of(topic);
    publish->packet_id = 0;
    if (publish->qos == 0)
        return 0; /* [MQTT-2.3.1-5] */
    if (reader->left < 2)
        return MQTT_ERROR_PACKET_ID_MISSING; /* [MQTT-2.3.1-1] */
    return mqtti_read_packet_id(reader, &publish->packet_id);
}

static inline void mqtti_set_publish_flags(struct mqtt_publish *publish, unsigned flags)
{
    publish->qos = mqtti_publish_qos(flags);
    publish->dup = (flags & MQTTI_PUBLISH_DUP) != 0;
    publish->retain = (flags & MQTTI_PUBLISH_RETAIN) != 0;
}

MQTTI_ASIDE int32_t mqtti_decode_publish(struct mqtt_packet *packet, struct mqtti_reader body,
                                         size_t size, unsigned flags)
{
    struct mqtt_publish *const publish = &packet->as.publish;
    int32_t status;

    mqtti_set_publish_flags(publish, flags);
    status = mqtti_read_publish_header(&body, publish);
    publish->payload.data = body.at;
    publish->payload.length = body.left;
    return mqtti_end_decode(packet, &body, size, status);
}

/* The usual PUBLISH: it has arrived whole, and its topic name is plain. */
MQTTI_INLINE int32_t mqtti_decode_usual_publish(struct mqtt_packet *packet, const uint8_t *bytes,
                                                size_t length)
{
    struct mqtt_publish *const publish = &packet->as.publish;
    const uint8_t flags = bytes[0] % 16;
    struct mqtti_reader reader;
    uint32_t remaining_length = bytes[1];
    uint32_t header_size = 2;
    struct mqtt_bytes topic;

    if (length < 5 || mqtti_check_publish_flags(flags) != 0)
        return 0;
    if (bytes[1] >= 128) { /* 2.2.3: bit 7 announces another byte and is not part of the number */
        header_size = 3;
        remaining_length = remaining_length - 128 + bytes[2] * (uint32_t)128;
        if (bytes[2] >= 128) {
            header_size = 4;
            remaining_length = remaining_length - 16384 + bytes[3] * (uint32_t)16384;
            if (bytes[3] >= 128) {
                header_size = 5;
                remaining_length = remaining_length - 2097152 + bytes[4] * (uint32_t)2097152;
                if (bytes[4] >= 128)
                    return 0;
            }
        }
    }
    if (length < header_size + remaining_length || remaining_length < 2)
        return 0;
    reader.at = bytes + header_size;
    reader.left = (size_t)remaining_length;
    packet->type = MQTT_PUBLISH;
    mqtti_set_publish_flags(publish, flags);
    topic.length = mqtti_get_u16(reader.at);
    mqtti_skip(&reader, 2);
    if (topic.length == 0 || topic.length > reader.left ||
        mqtti_left_to_check(reader.at, topic.length, mqtti_low(MQTTI_TOPIC_NAME)) != 0)
        return 0;
    topic.data = reader.at;
    publish->topic = mqtti_string_of(topic);
    mqtti_skip(&reader, topic.length);
    publish->packet_id = 0;
    if (mqtti_publish_qos(flags) != 0) {
        if (reader.left < 2)
            return 0;
        publish->packet_id = mqtti_get_u16(reader.at);
        if (publish->packet_id == 0)
            return 0;
        mqtti_skip(&reader, 2);
    }
    publish->payload.data = reader.at;
    publish->payload.length = reader.left;
    return (int32_t)(reader.at - bytes) + (int32_t)reader.left;
}

MQTTI_ENTRY int32_t mqtt_decode_publish_header(struct mqtt_publish *publish, const void *bytes,
                                               size_t length)
{
    const uint8_t *const at = (const uint8_t *)bytes;
    struct mqtt_fixed_header header;
    struct mqtti_reader reader;
    uint32_t needed;
    uint32_t payload_length;
    int32_t size;
    int32_t status;

    if (length > 0 && at[0] / 16 != MQTT_PUBLISH)
        return MQTT_ERROR_TYPE; /* 2.2.1 */
    size = mqtt_decode_fixed_header(&header, bytes, length);
    if (size < 0)
        return size;
    reader.at = at + size;
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
    mqtti_set_publish_flags(publish, header.flags);
    status = mqtti_read_publish_header(&reader, publish);
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

/* `elsewhere` is 0, or the length of a payload that is not written here. */
MQTTI_SHARED int32_t mqtti_write_publish(void *buffer, size_t capacity,
                                         const struct mqtt_publish *publish, size_t elsewhere)
{
    const unsigned flags = mqtti_flag(publish->dup, MQTTI_PUBLISH_DUP) +
                           publish->qos * (unsigned)MQTTI_PUBLISH_QOS_1 +
                           mqtti_flag(publish->retain, MQTTI_PUBLISH_RETAIN);
    const struct mqtt_string topic = publish->topic;
    const struct mqtt_bytes payload = publish->payload;
    struct mqtti_writer writer = {NULL, publish->qos == 0 ? 0u : 2u, 0};
    int32_t result;

    if (publish->qos > 2)
        return MQTT_ERROR_QOS; /* [MQTT-3.3.1-4] */
    if (publish->qos == 0 && publish->dup)
        return MQTT_ERROR_DUP;                                              /* [MQTT-3.3.1-2] */
    mqtti_write_field(&writer, topic.data, topic.length, MQTTI_TOPIC_NAME); /* [MQTT-3.3.2-1] */
    mqtti_measure(&writer, 0, payload.length);
    if (writer.status == 0 && publish->qos > 0 && publish->packet_id == 0)
        writer.status = MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] */
    if (writer.status == 0 && payload.data == NULL && elsewhere < payload.length)
        writer.status = MQTT_ERROR_PAYLOAD_MISSING;
    result = mqtti_begin_packet(&writer, buffer, capacity, MQTT_PUBLISH * 16 + flags,
                                (uint32_t)elsewhere);
    if (writer.at != NULL) {
        mqtti_write_field(&writer, topic.data, topic.length, MQTTI_TOPIC_NAME);
        if (publish->qos > 0) /* [MQTT-2.3.1-5] */
            writer.at = mqtti_put_u16(writer.at, publish->packet_id);
        if (elsewhere < payload.length)
            mqtti_put_bytes(writer.at, payload.data, payload.length);
    }
    return result;
}

MQTTI_ENTRY int32_t mqtt_encode_publish(void *buffer, size_t capacity,
                                        const struct mqtt_publish *publish)
{
    return mqtti_write_publish(buffer, capacity, publish, 0);
}

MQTTI_ENTRY int32_t mqtt_encode_publish_header(void *buffer, size_t capacity,
                                               const struct mqtt_publish *publish)
{
    return mqtti_write_publish(buffer, capacity, publish, publish->payload.length);
}

MQTTI_API int32_t mqtt_publish_set_dup(void *bytes, size_t length, bool dup)
{
    uint8_t *const first_byte = (uint8_t *)bytes;
    struct mqtt_publish publish;
    const int32_t size = mqtt_decode_publish_header(&publish, bytes, length);

    if (size < 0)
        return size;
    if (dup && publish.qos == 0)
        return MQTT_ERROR_DUP; /* [MQTT-3.3.1-2] */
    if (publish.dup != dup)
        *first_byte ^= MQTTI_PUBLISH_DUP;
    return size;
}

MQTTI_API int32_t mqtt_publish_set_retain(void *bytes, size_t length, bool retain)
{
    uint8_t *const first_byte = (uint8_t *)bytes;
    struct mqtt_publish publish;
    const int32_t size = mqtt_decode_publish_header(&publish, bytes, length);

    if (size < 0)
        return size;
    if (publish.retain != retain)
        *first_byte ^= MQTTI_PUBLISH_RETAIN;
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
    mqtti_put_u16((uint8_t *)bytes + size - MQTTI_PACKET_ID_SIZE, packet_id);
    return size;
}

/* ============================================================================================
 * 3.4 PUBACK, 3.5 PUBREC, 3.6 PUBREL, 3.7 PUBCOMP, 3.11 UNSUBACK
 * ========================================================================================== */

/* True if the body is only a packet id. */
static inline bool mqtti_is_ack(enum mqtt_packet_type type)
{
    return (type >= MQTT_PUBACK && type <= MQTT_PUBCOMP) || type == MQTT_UNSUBACK;
}

static inline int32_t mqtti_decode_ack(struct mqtt_packet *packet, const uint8_t *body, size_t size)
{
    const uint16_t packet_id = mqtti_get_u16(body);

    packet->as.ack.packet_id = packet_id;
    if (packet_id == 0) {
        packet->error_offset = (uint32_t)size - 2;
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-6] [MQTT-2.3.1-7] */
    }
    return (int32_t)size;
}

MQTTI_SHARED int32_t mqtti_encode_ack(void *buffer, size_t capacity, unsigned first_byte,
                                      uint16_t packet_id)
{
    if (packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] [MQTT-2.3.1-6] [MQTT-2.3.1-7] */
    return mqtti_encode_short(buffer, capacity, first_byte, packet_id);
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
    return mqtti_encode_ack(buffer, capacity, MQTT_PUBREL * 16 + MQTTI_FLAG_1,
                            packet_id); /* [MQTT-3.6.1-1] */
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
 * 3.8 SUBSCRIBE, 3.10 UNSUBSCRIBE, 3.9 SUBACK: a packet id and a list
 * ========================================================================================== */

static inline int32_t mqtti_no_filter(enum mqtt_packet_type type)
{
    return type == MQTT_SUBSCRIBE ? MQTT_ERROR_SUBSCRIBE_NO_FILTER    /* [MQTT-3.8.3-3] */
                                  : MQTT_ERROR_UNSUBSCRIBE_NO_FILTER; /* [MQTT-3.10.3-2] */
}

/* Reads the topic filters up to the end of the packet. In a SUBSCRIBE a requested QoS follows each.
 * Returns their number or a status [3.8.3, 3.10.3]. */
MQTTI_SHARED int32_t mqtti_read_filters(struct mqtti_reader *reader, enum mqtt_packet_type type)
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

/* Reads the return codes up to the end of the packet [3.9.3]. */
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

MQTTI_ASIDE int32_t mqtti_decode_filters(struct mqtt_packet *packet, struct mqtti_reader body,
                                         size_t size)
{
    struct mqtt_subscribe *const subscribe = &packet->as.subscribe;
    struct mqtt_unsubscribe *const unsubscribe = &packet->as.unsubscribe;
    uint16_t packet_id;
    int32_t result = mqtti_read_packet_id(&body, &packet_id);
    const struct mqtt_bytes encoded = {body.at, body.left};

    if (packet->type == MQTT_SUBSCRIBE) {
        if (result == 0)
            result = mqtti_read_filters(&body, MQTT_SUBSCRIBE);
        subscribe->packet_id = packet_id;
        subscribe->subscriptions = NULL;
        subscribe->count = (size_t)result;
        subscribe->encoded = encoded;
    } else {
        if (result == 0)
            result = mqtti_read_filters(&body, MQTT_UNSUBSCRIBE);
        unsubscribe->packet_id = packet_id;
        unsubscribe->filters = NULL;
        unsubscribe->count = (size_t)result;
        unsubscribe->encoded = encoded;
    }
    return mqtti_end_decode(packet, &body, size, result);
}

MQTTI_ASIDE int32_t mqtti_decode_suback(struct mqtt_packet *packet, struct mqtti_reader body,
                                        size_t size)
{
    struct mqtt_suback *const suback = &packet->as.suback;
    int32_t status = mqtti_read_packet_id(&body, &suback->packet_id);

    suback->return_codes = body.at;
    suback->count = body.left;
    if (status == 0)
        status = mqtti_read_return_codes(&body);
    return mqtti_end_decode(packet, &body, size, status);
}

/* Reads the topic filter at *position of a payload and passes over it and `suffix` more bytes. */
static inline bool mqtti_next_encoded(struct mqtt_bytes encoded, size_t *position, size_t suffix,
                                      struct mqtt_string *filter)
{
    struct mqtti_reader reader;
    struct mqtt_bytes bytes;

    if (*position >= encoded.length)
        return false;
    reader.at = encoded.data + *position;
    reader.left = encoded.length - *position;
    if (mqtti_read_field(&reader, MQTTI_BINARY, MQTT_ERROR_FIELD_PAST_END, &bytes) != 0 ||
        reader.left < suffix)
        return false;
    *filter = mqtti_string_of(bytes);
    *position = encoded.length - reader.left + suffix;
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
    if (!mqtti_next_encoded(subscribe->encoded, position, MQTTI_REQUESTED_QOS_SIZE, &out->filter))
        return false;
    out->qos = subscribe->encoded.data[*position - MQTTI_REQUESTED_QOS_SIZE];
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

/* A sender's array: `subscriptions` in a SUBSCRIBE, `filters` in an UNSUBSCRIBE. */
struct mqtti_list {
    enum mqtt_packet_type type;
    uint16_t packet_id;
    size_t count;
    const struct mqtt_subscription *subscriptions;
    const struct mqtt_string *filters;
};

static inline struct mqtt_string mqtti_filter_at(const struct mqtti_list *list, size_t i)
{
    return list->type == MQTT_SUBSCRIBE ? list->subscriptions[i].filter : list->filters[i];
}

MQTTI_SHARED void mqtti_write_list(struct mqtti_writer *writer, const struct mqtti_list *list)
{
    size_t i;

    /*@ loop invariant 0 <= i <= list->count && LIST_UNCHANGED;
        loop invariant writer->at == \null <==> \at(writer->at, Pre) == \null;
        loop invariant MQTT_ERROR_FILTER_SINGLE_LEVEL <= writer->status <= 0 <= LIST_WRITTEN;
        loop invariant at: writer->at != \null ==> writer->status == 0 &&
          writer->at == \at(writer->at, Pre) + LIST_WRITTEN;
        loop invariant writer->at == \null && writer->length <= MQTT_REMAINING_LENGTH_MAX ==>
          writer->length == \at(writer->length, Pre) + LIST_MEASURED;
        loop invariant writer->at == \null && writer->status == 0 ==> LIST_SHORT;
        loop assigns i, writer->at, writer->length, writer->status,
          \at(writer->at, Pre)[0 .. LIST_ROOM - 1];
        loop variant list->count - i; */
    for (i = 0; i < list->count; i++) {
        const struct mqtt_string filter = mqtti_filter_at(list, i);
        mqtti_write_field(writer, filter.data, filter.length,
                          MQTTI_TOPIC_FILTER); /* [MQTT-3.8.3-1] [MQTT-3.10.3-1] */
        if (list->type == MQTT_SUBSCRIBE) {
            const uint8_t qos = list->subscriptions[i].qos;
            if (writer->at != NULL)
                writer->at = mqtti_put_u8(writer->at, qos);
            else if (qos > 2 && writer->status == 0)
                writer->status = MQTT_ERROR_REQUESTED_QOS; /* [MQTT-3.8.3-4] */
        }
    }
}

MQTTI_SHARED int32_t mqtti_encode_list(void *buffer, size_t capacity, const struct mqtti_list *list)
{
    struct mqtti_writer writer = {NULL, MQTTI_PACKET_ID_SIZE, 0};
    int32_t result;

    mqtti_write_list(&writer, list);
    if (list->type == MQTT_SUBSCRIBE)
        mqtti_measure(&writer, 0, list->count); /* a requested QoS each */
    if (list->packet_id == 0)
        writer.status = MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] */
    else if (list->count == 0)
        writer.status = mqtti_no_filter(list->type);
    result = mqtti_begin_packet(&writer, buffer, capacity, (unsigned)list->type * 16 + MQTTI_FLAG_1,
                                0); /* [MQTT-3.8.1-1] [MQTT-3.10.1-1] */
    if (writer.at != NULL) {
        writer.at = mqtti_put_u16(writer.at, list->packet_id);
        mqtti_write_list(&writer, list);
    }
    return result;
}

MQTTI_ENTRY int32_t mqtt_encode_subscribe(void *buffer, size_t capacity,
                                          const struct mqtt_subscribe *subscribe)
{
    const struct mqtti_list list = {MQTT_SUBSCRIBE, subscribe->packet_id,
                                    subscribe->subscriptions == NULL ? 0 : subscribe->count,
                                    subscribe->subscriptions, NULL};

    return mqtti_encode_list(buffer, capacity, &list);
}

MQTTI_ENTRY int32_t mqtt_encode_unsubscribe(void *buffer, size_t capacity,
                                            const struct mqtt_unsubscribe *unsubscribe)
{
    const struct mqtti_list list = {MQTT_UNSUBSCRIBE, unsubscribe->packet_id,
                                    unsubscribe->filters == NULL ? 0 : unsubscribe->count, NULL,
                                    unsubscribe->filters};

    return mqtti_encode_list(buffer, capacity, &list);
}

/* Encodes a packet whose payload exists as bytes: a SUBACK, or a decoded SUBSCRIBE or UNSUBSCRIBE.
 * The decoder's functions check it. */
MQTTI_SHARED int32_t mqtti_encode_payload(void *buffer, size_t capacity, enum mqtt_packet_type type,
                                          uint16_t packet_id, const uint8_t *payload, size_t length)
{
    struct mqtti_writer writer = {NULL, MQTTI_PACKET_ID_SIZE, 0};
    struct mqtti_reader reader = {payload, length};
    unsigned first_byte = (unsigned)type * 16;
    int32_t result;

    mqtti_measure(&writer, 0, length);
    if (packet_id == 0)
        writer.status = MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-1] [MQTT-2.3.1-7] */
    else if (writer.length <= MQTT_REMAINING_LENGTH_MAX)
        writer.status = type == MQTT_SUBACK ? mqtti_read_return_codes(&reader)
                                            : mqtti_read_filters(&reader, type);
    if (type != MQTT_SUBACK)
        first_byte += MQTTI_FLAG_1;
    result = mqtti_begin_packet(&writer, buffer, capacity, first_byte,
                                0); /* [MQTT-3.8.1-1] [MQTT-3.10.1-1] */
    if (writer.at != NULL) {
        writer.at = mqtti_put_u16(writer.at, packet_id);
        mqtti_put_bytes(writer.at, payload, length);
    }
    return result;
}

MQTTI_ENTRY int32_t mqtt_encode_suback(void *buffer, size_t capacity,
                                       const struct mqtt_suback *suback)
{
    return mqtti_encode_payload(buffer, capacity, MQTT_SUBACK, suback->packet_id,
                                suback->return_codes, suback->count);
}

/* ============================================================================================
 * 3.12 PINGREQ, 3.13 PINGRESP, 3.14 DISCONNECT: only a fixed header
 * ========================================================================================== */

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
 * Any packet
 * ========================================================================================== */

/* Four bytes: CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK. */
MQTTI_INLINE int32_t mqtti_decode_usual_short(struct mqtt_packet *packet, const uint8_t *bytes,
                                              unsigned senders)
{
    const enum mqtt_packet_type type = (enum mqtt_packet_type)(bytes[0] / 16);
    const unsigned rules = mqtti_type_rules(bytes[0] / 16u);
    const uint8_t flags = bytes[2];
    const uint8_t return_code = bytes[3];

    if ((rules & senders) == 0 || bytes[0] % 16u != (rules & MQTTI_FLAG_1))
        return 0;
    packet->type = type;
    if (mqtti_is_ack(type))
        return mqtti_decode_ack(packet, bytes + 2, 4);
    if (type == MQTT_CONNACK) {
        packet->as.connack.session_present = flags == 1;
        packet->as.connack.return_code = return_code;
        return mqtti_is_valid_connack(flags, return_code) ? 4 : 0;
    }
    return 0;
}

/* Decodes the most frequent packets by a short path. Returns the size of a valid packet. After any
 * other result the general decoder decides. */
MQTTI_INLINE int32_t mqtti_decode_usual(struct mqtt_packet *packet, const uint8_t *bytes,
                                        size_t length, unsigned senders)
{
    if (MQTTI_FOR_SIZE || length < 4)
        return 0;
    if (bytes[0] / 16 == MQTT_PUBLISH)
        return mqtti_decode_usual_publish(packet, bytes, length);
    return bytes[1] == 2 ? mqtti_decode_usual_short(packet, bytes, senders) : 0;
}

/* Each decoder names only the types that its sender may send, so that a program links no others. */

MQTTI_ENTRY int32_t mqtt_decode(struct mqtt_packet *packet, const void *bytes, size_t length)
{
    const uint8_t *const at = (const uint8_t *)bytes;
    struct mqtti_reader body;
    int32_t result = mqtti_decode_usual(packet, at, length, MQTTI_CLIENT | MQTTI_SERVER);
    size_t size;

    if (result > 0)
        return result;
    result = mqtti_begin_decode(packet, &body, at, length, MQTTI_CLIENT | MQTTI_SERVER);
    if (result < 0)
        return result;
    size = (size_t)result + body.left;
    switch (packet->type) {
    case MQTT_CONNECT:
        return mqtti_decode_connect(packet, body, size);
    case MQTT_CONNACK:
        return mqtti_decode_connack(packet, body.at, size);
    case MQTT_PUBLISH:
        return mqtti_decode_publish(packet, body, size, at[0]);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        return mqtti_decode_ack(packet, body.at, size);
    case MQTT_SUBSCRIBE:
    case MQTT_UNSUBSCRIBE:
        return mqtti_decode_filters(packet, body, size);
    case MQTT_SUBACK:
        return mqtti_decode_suback(packet, body, size);
    default: /* PINGREQ, PINGRESP, DISCONNECT */
        return (int32_t)size;
    }
}

MQTTI_ENTRY int32_t mqtt_decode_from_client(struct mqtt_packet *packet, const void *bytes,
                                            size_t length)
{
    const uint8_t *const at = (const uint8_t *)bytes;
    struct mqtti_reader body;
    int32_t result = mqtti_decode_usual(packet, at, length, MQTTI_CLIENT);
    size_t size;

    if (result > 0)
        return result;
    result = mqtti_begin_decode(packet, &body, at, length, MQTTI_CLIENT);
    if (result < 0)
        return result;
    size = (size_t)result + body.left;
    switch (packet->type) {
    case MQTT_CONNECT:
        return mqtti_decode_connect(packet, body, size);
    case MQTT_PUBLISH:
        return mqtti_decode_publish(packet, body, size, at[0]);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        return mqtti_decode_ack(packet, body.at, size);
    case MQTT_SUBSCRIBE:
    case MQTT_UNSUBSCRIBE:
        return mqtti_decode_filters(packet, body, size);
    default: /* PINGREQ, DISCONNECT */
        return (int32_t)size;
    }
}

MQTTI_ENTRY int32_t mqtt_decode_from_server(struct mqtt_packet *packet, const void *bytes,
                                            size_t length)
{
    const uint8_t *const at = (const uint8_t *)bytes;
    struct mqtti_reader body;
    int32_t result = mqtti_decode_usual(packet, at, length, MQTTI_SERVER);
    size_t size;

    if (result > 0)
        return result;
    result = mqtti_begin_decode(packet, &body, at, length, MQTTI_SERVER);
    if (result < 0)
        return result;
    size = (size_t)result + body.left;
    switch (packet->type) {
    case MQTT_CONNACK:
        return mqtti_decode_connack(packet, body.at, size);
    case MQTT_PUBLISH:
        return mqtti_decode_publish(packet, body, size, at[0]);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
    case MQTT_UNSUBACK:
        return mqtti_decode_ack(packet, body.at, size);
    case MQTT_SUBACK:
        return mqtti_decode_suback(packet, body, size);
    default: /* PINGRESP */
        return (int32_t)size;
    }
}

MQTTI_ALONE int32_t mqtt_encode(void *buffer, size_t capacity, const struct mqtt_packet *packet)
{
    const struct mqtt_subscribe *const subscribe = &packet->as.subscribe;
    const struct mqtt_unsubscribe *const unsubscribe = &packet->as.unsubscribe;
    const unsigned first_byte = (unsigned)packet->type * 16;

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
        return mqtti_encode_ack(buffer, capacity, first_byte, packet->as.ack.packet_id);
    case MQTT_SUBSCRIBE:
        if (subscribe->subscriptions == NULL)
            return mqtti_encode_payload(buffer, capacity, MQTT_SUBSCRIBE, subscribe->packet_id,
                                        subscribe->encoded.data, subscribe->encoded.length);
        return mqtt_encode_subscribe(buffer, capacity, subscribe);
    case MQTT_SUBACK:
        return mqtt_encode_suback(buffer, capacity, &packet->as.suback);
    case MQTT_UNSUBSCRIBE:
        if (unsubscribe->filters == NULL)
            return mqtti_encode_payload(buffer, capacity, MQTT_UNSUBSCRIBE, unsubscribe->packet_id,
                                        unsubscribe->encoded.data, unsubscribe->encoded.length);
        return mqtt_encode_unsubscribe(buffer, capacity, unsubscribe);
    case MQTT_PINGREQ:
    case MQTT_PINGRESP:
    case MQTT_DISCONNECT:
        return mqtti_encode_empty(buffer, capacity, first_byte);
    default:
        return MQTT_ERROR_RESERVED_TYPE; /* Table 2.1 */
    }
}

/* ============================================================================================
 * Explanations
 * ========================================================================================== */

struct mqtti_explanation {
    const char *clause;
    const char *message;
};

static inline const struct mqtti_explanation *mqtti_explain(int32_t status)
{
    static const struct mqtti_explanation explanations[] = {
        /*   0 */ {"", "No error."},
        /*  -1 */ {"", "More bytes are needed."},
        /*  -2 */ {"", "The buffer is smaller than the packet."},
        /*  -3 */ {"2.2.3", "The packet is too large for a remaining length, or for this machine."},
        /*  -4 */ {"2.2.1", "The packet type is not one of 1 to 14; the others are reserved."},
        /*  -5 */ {"2.2.1", "The packet is not a PUBLISH."},
        /*  -6 */ {"2.2.1", "This side may not send packets of this type."},
        /*  -7 */ {"MQTT-2.2.2-1", "The fixed header flags are not valid for this packet type."},
        /*  -8 */
        {"2.2.3",
         "The remaining length has more than four bytes, or is not possible for this packet."},
        /*  -9 */ {"3.1.3", "Bytes follow the last field that the connect flags announce."},
        /* -10 */ {"1.5.3", "A field runs past the end of the packet."},
        /* -11 */ {"1.5.3", "A field is longer than 65,535 bytes."},
        /* -12 */ {"MQTT-1.5.3-1", "A string is not well-formed UTF-8."},
        /* -13 */ {"MQTT-1.5.3-2", "A string contains the null character U+0000."},
        /* -14 */ {"MQTT-2.3.1-1", "The packet identifier is missing."},
        /* -15 */ {"MQTT-2.3.1-1", "The packet identifier is 0."},
        /* -16 */ {"MQTT-2.3.1-5", "A PUBLISH at QoS 0 has no packet identifier."},
        /* -17 */ {"MQTT-3.1.2-1", "The protocol name is not MQTT."},
        /* -18 */ {"MQTT-3.1.2-2", "The protocol level is not 4, which is MQTT 3.1.1."},
        /* -19 */ {"MQTT-3.1.2-3", "The reserved connect flag is not 0."},
        /* -20 */ {"MQTT-3.1.2-13", "The will QoS is not 0, but there is no will."},
        /* -21 */ {"MQTT-3.1.2-15", "The will retain flag is 1, but there is no will."},
        /* -22 */ {"MQTT-3.1.2-14", "The will QoS is not 0, 1 or 2."},
        /* -23 */ {"MQTT-3.1.2-22", "There is a password without a user name."},
        /* -24 */ {"MQTT-3.1.3-7", "The client identifier is empty, but clean session is 0."},
        /* -25 */ {"MQTT-3.1.2-9", "The will flag is 1, but the will topic or message is missing."},
        /* -26 */ {"MQTT-3.1.2-19", "The user name flag is 1, but the user name is missing."},
        /* -27 */ {"MQTT-3.1.2-21", "The password flag is 1, but the password is missing."},
        /* -28 */ {"3.2.2.1", "The reserved bits of the connect acknowledge flags are not 0."},
        /* -29 */ {"MQTT-3.2.2-4", "The session present flag is 1, but the connection is refused."},
        /* -30 */ {"3.2.2.3", "The connect return code is above 5; those codes are reserved."},
        /* -31 */ {"MQTT-3.3.1-2", "The DUP flag is 1 at QoS 0."},
        /* -32 */ {"MQTT-3.3.1-4", "The QoS is not 0, 1 or 2."},
        /* -33 */ {"MQTT-3.8.3-3", "The SUBSCRIBE has no topic filter."},
        /* -34 */ {"3.8.3", "The requested QoS after a topic filter is missing."},
        /* -35 */ {"MQTT-3.8.3-4", "The requested QoS is not 0, 1 or 2."},
        /* -36 */ {"3.9.3", "The SUBACK has no return code."},
        /* -37 */ {"MQTT-3.9.3-2", "The SUBACK return code is not 0, 1, 2 or 128."},
        /* -38 */ {"MQTT-3.10.3-2", "The UNSUBSCRIBE has no topic filter."},
        /* -39 */ {"MQTT-4.7.3-1", "A topic name or topic filter is empty."},
        /* -40 */ {"MQTT-4.7.1-1", "A topic name contains a wildcard."},
        /* -41 */ {"MQTT-4.7.1-2", "The wildcard # is not a whole level, or not the last level."},
        /* -42 */ {"MQTT-4.7.1-3", "The wildcard + is not a whole level."},
        /* -43 */ {"", "The payload has a length, but its data is NULL."},
        /* any other */ {"", "This number is not a status."},
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
 * Blocks of bytes
 * ========================================================================================== */

/* Four bytes, or eight, as one number of 64 bits. Compilers make one load of it. */
static inline uint64_t mqtti_get_u32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t mqtti_get_u64(const uint8_t *at)
{
    return mqtti_get_u32(at) | mqtti_get_u32(at + 4) << 32;
}

/* True if eight bytes are plain: bit 7 of each is 0, and still 0 after `low` + 1 is subtracted. */
static inline bool mqtti_is_plain_word(uint64_t bytes, uint8_t low)
{
    const uint64_t ones = 0x0101010101010101u;

    return ((bytes | (bytes - ones * (low + 1u))) & ones * 0x80) == 0;
}

static inline bool mqtti_is_plain_byte(uint8_t byte, uint8_t low)
{
    return byte > low && byte < 0x80;
}

/* True if a string of 1 to 32 bytes is plain; false for length 0. The words may overlap. */
MQTTI_INLINE bool mqtti_is_plain_short(const uint8_t *s, size_t length, uint8_t low)
{
    if (length > 16)
        return mqtti_is_plain_word(mqtti_get_u64(s), low) &&
               mqtti_is_plain_word(mqtti_get_u64(s + 8), low) &&
               mqtti_is_plain_word(mqtti_get_u64(s + length - 16), low) &&
               mqtti_is_plain_word(mqtti_get_u64(s + length - 8), low);
    if (length >= 8)
        return mqtti_is_plain_word(mqtti_get_u64(s), low) &&
               mqtti_is_plain_word(mqtti_get_u64(s + length - 8), low);
    if (length >= 4)
        return mqtti_is_plain_word(mqtti_get_u32(s) | mqtti_get_u32(s + length - 4) << 32, low);
    return length > 0 && mqtti_is_plain_byte(s[0], low) &&
           mqtti_is_plain_byte(s[length / 2], low) && mqtti_is_plain_byte(s[length - 1], low);
}

#if MQTT_CODEC_SIMD != MQTT_CODEC_SIMD_NONE

/* Vectors of GCC and clang. Bytes are signed, so those that are not ASCII are below 0. In the
 * result of a comparison each byte is 0 or -1. Vectors may overlap; none reaches outside the
 * string. */
#define MQTTI_BLOCK ((size_t)16)
#if MQTT_CODEC_SIMD == MQTT_CODEC_SIMD_AVX2
#define MQTTI_WIDE ((size_t)32)
#else
#define MQTTI_WIDE ((size_t)16)
#endif

typedef int8_t mqtti_block __attribute__((__vector_size__(MQTTI_BLOCK)));
typedef int8_t mqtti_wide __attribute__((__vector_size__(MQTTI_WIDE)));

static inline mqtti_block mqtti_load(const uint8_t *s)
{
    mqtti_block bytes;

    __builtin_memcpy(&bytes, s, sizeof bytes);
    return bytes;
}

static inline mqtti_wide mqtti_load_wide(const uint8_t *s)
{
    mqtti_wide bytes;

    __builtin_memcpy(&bytes, s, sizeof bytes);
    return bytes;
}

/* The 8 bytes at `s` and the 8 bytes at `t`. */
static inline mqtti_block mqtti_load_halves(const uint8_t *s, const uint8_t *t)
{
    uint64_t halves[2];
    mqtti_block bytes;

    __builtin_memcpy(&halves[0], s, sizeof halves[0]);
    __builtin_memcpy(&halves[1], t, sizeof halves[1]);
    __builtin_memcpy(&bytes, halves, sizeof bytes);
    return bytes;
}

/* Which of the 16 bytes of a comparison are 0: one bit for each, the first byte lowest. */
static inline uint32_t mqtti_zeros(mqtti_block bytes)
{
#if MQTT_CODEC_SIMD != MQTT_CODEC_SIMD_NEON
    return (uint32_t)_mm_movemask_epi8((__m128i)bytes) ^ 0xFFFF;
#else
    static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bits = vbicq_u8(vld1q_u8(places), vreinterpretq_u8_s8(bytes));
    const uint8x16_t pairs = vpaddq_u8(bits, bits);
    const uint8x16_t fours = vpaddq_u8(pairs, pairs);

    return vgetq_lane_u16(vreinterpretq_u16_u8(vpaddq_u8(fours, fours)), 0);
#endif
}

/* True if no byte of a comparison is 0. */
static inline bool mqtti_all(mqtti_wide bytes)
{
#if MQTT_CODEC_SIMD == MQTT_CODEC_SIMD_SSE2
    return _mm_movemask_epi8((__m128i)bytes) == 0xFFFF;
#elif MQTT_CODEC_SIMD == MQTT_CODEC_SIMD_NEON
    return vminvq_u8(vreinterpretq_u8_s8(bytes)) == 0xFF;
#else
    return _mm256_movemask_epi8((__m256i)bytes) == -1;
#endif
}

/* Compares one vector: plain bytes give -1. */
MQTTI_INLINE mqtti_wide mqtti_plain(const uint8_t *s, uint8_t low)
{
    return mqtti_load_wide(s) > (int8_t)low;
}

/* True if four vectors are plain. */
MQTTI_INLINE bool mqtti_are_plain(const uint8_t *s, uint8_t low)
{
    return mqtti_all(mqtti_plain(s, low) & mqtti_plain(s + MQTTI_WIDE, low) &
                     mqtti_plain(s + 2 * MQTTI_WIDE, low) & mqtti_plain(s + 3 * MQTTI_WIDE, low));
}

MQTTI_INLINE size_t mqtti_left_to_check(const uint8_t *s, size_t length, uint8_t low)
{
    const uint8_t *last;

    if (length < MQTTI_WIDE)
        return mqtti_is_plain_short(s, length, low) ? 0 : length;
    if (length <= 2 * MQTTI_WIDE)
        return mqtti_all(mqtti_plain(s, low) & mqtti_plain(s + length - MQTTI_WIDE, low)) ? 0
                                                                                          : length;
    if (length <= 4 * MQTTI_WIDE)
        return mqtti_all(mqtti_plain(s, low) & mqtti_plain(s + MQTTI_WIDE, low) &
                         mqtti_plain(s + length - 2 * MQTTI_WIDE, low) &
                         mqtti_plain(s + length - MQTTI_WIDE, low))
                   ? 0
                   : length;
    last = s + length - 4 * MQTTI_WIDE;
    for (; s < last; s += 4 * MQTTI_WIDE) {
        if (!mqtti_are_plain(s, low))
            return (size_t)(last - s) + 4 * MQTTI_WIDE;
    }
    return mqtti_are_plain(last, low) ? 0 : 4 * MQTTI_WIDE;
}

/* Which of 8 to 64 bytes are not plain: one bit for each, the first byte lowest. */
static inline uint64_t mqtti_specials(const uint8_t *s, size_t length, int8_t low)
{
    const size_t last = length - MQTTI_BLOCK;
    uint64_t specials;
    size_t i;

    if (length < MQTTI_BLOCK) {
        const uint32_t halves = mqtti_zeros(mqtti_load_halves(s, s + length - 8) > low);
        return halves % 256 | (uint64_t)(halves >> 8) << (length - 8);
    }
    specials = mqtti_zeros(mqtti_load(s) > low);
    for (i = MQTTI_BLOCK; i < last; i += MQTTI_BLOCK)
        specials |= (uint64_t)mqtti_zeros(mqtti_load(s + i) > low) << i;
    return specials | (uint64_t)mqtti_zeros(mqtti_load(s + last) > low) << last;
}

MQTTI_INLINE bool mqtti_is_valid_filter(const uint8_t *s, size_t length)
{
    const uint8_t low = mqtti_low(MQTTI_TOPIC_FILTER);
    uint64_t specials;

    if (length < 8 || length > 64)
        return length < 8 && mqtti_is_plain_short(s, length, low);
    specials = mqtti_specials(s, length, (int8_t)low);
    if (s[length - 1] == '#' && s[length - 2] == '/') /* valid; specials contains it */
        specials -= (uint64_t)1 << (length - 1);
    for (; specials != 0; specials &= specials - 1) {
        const size_t i = (size_t)__builtin_ctzll(specials);
        if (s[i] == '+' ? mqtti_check_wildcard(s, length, i) != 0
                        : s[i] == 0 || s[i] == '#' || s[i] >= 0x80)
            return false;
    }
    return true;
}

static inline size_t mqtti_skip_plain(const uint8_t *s, size_t length, size_t i, uint8_t low)
{
    const int8_t above = (int8_t)low;
    uint32_t specials;

    if (length < MQTTI_BLOCK)
        return i + 1;
    while (length - i >= 4 * MQTTI_WIDE && mqtti_are_plain(s + i, low))
        i += 4 * MQTTI_WIDE;
    while (length - i >= MQTTI_BLOCK) {
        specials = mqtti_zeros(mqtti_load(s + i) > above);
        if (specials != 0)
            return i + (size_t)__builtin_ctz(specials);
        i += MQTTI_BLOCK;
    }
    specials = mqtti_zeros(mqtti_load(s + length - MQTTI_BLOCK) > above);
    specials >>= MQTTI_BLOCK - (length - i); /* without what precedes s[i] */
    return specials == 0 ? length : i + (size_t)__builtin_ctz(specials);
}

/* True if the vector at `s` contains only plain bytes and well-formed sequences of two or three
 * bytes, as far as it goes. At least two bytes of well-formed characters precede it. False proves
 * nothing. */
static inline bool mqtti_is_well_formed(const uint8_t *s, uint8_t low)
{
    const mqtti_wide bytes = mqtti_load_wide(s);
    const mqtti_wide before = mqtti_load_wide(s - 1);
    const mqtti_wide before_that = mqtti_load_wide(s - 2);
    const mqtti_wide is_continuation = bytes < -64; /* below 0xC0 */
    /* A continuation byte follows C2 to EF, and a second one E0 to EF. */
    const mqtti_wide continues = ((before ^ -128) > 0x3F) | ((before_that ^ -128) > 0x5F);
    const mqtti_wide is_wrong = (is_continuation ^ continues) |
                                ((before == -32) & (bytes < -96)) | /* E0: below U+0800 */
                                ((before == -19) & (bytes > -97)) | /* ED: surrogates */
                                ((bytes & -2) == -64);              /* C0, C1: below U+0080 */

    return mqtti_all(((bytes > (int8_t)low) | (bytes < -16)) & ~is_wrong); /* no F0 to FF */
}

static inline size_t mqtti_skip_characters(const uint8_t *s, size_t length, size_t i, uint8_t low)
{
    const size_t start = i;

    if (i < 2)
        return i;
    while (length - i >= MQTTI_WIDE && mqtti_is_well_formed(s + i, low))
        i += MQTTI_WIDE;
    if (i > start && length - i < MQTTI_WIDE && mqtti_is_well_formed(s + length - MQTTI_WIDE, low))
        i = length;
    if (s[i - 1] >= 0xC0) /* back to the beginning of a character that ends later */
        return i - 1;
    return s[i - 2] >= 0xE0 ? i - 2 : i;
}

/* Where the block after the one at `i` begins. The last block ends with the string. */
static inline size_t mqtti_next_block(size_t length, size_t i)
{
    return i + 2 * MQTTI_BLOCK < length ? i + MQTTI_BLOCK : length - MQTTI_BLOCK;
}

static inline size_t mqtti_common_length(const uint8_t *s, const uint8_t *other, size_t length)
{
    size_t i = 0;
    uint32_t different;

    if (length >= MQTTI_BLOCK) {
        for (;;) {
            different = mqtti_zeros(mqtti_load(s + i) == mqtti_load(other + i));
            if (different != 0)
                return i + (size_t)__builtin_ctz(different);
            if (i == length - MQTTI_BLOCK)
                return length;
            i = mqtti_next_block(length, i);
        }
    }
    if (length >= 8) {
        const size_t last = length - 8;
        different =
            mqtti_zeros(mqtti_load_halves(s, s + last) == mqtti_load_halves(other, other + last));
        if (different == 0)
            return length;
        i = (size_t)__builtin_ctz(different);
        return i < 8 ? i : last + i - 8;
    }
    while (i < length && s[i] == other[i])
        i++;
    return i;
}

static inline size_t mqtti_level_length(const uint8_t *s, size_t length)
{
    size_t i = 0;
    uint32_t slashes;

    if (length >= MQTTI_BLOCK) {
        for (;;) {
            slashes = mqtti_zeros(mqtti_load(s + i) != '/');
            if (slashes != 0)
                return i + (size_t)__builtin_ctz(slashes);
            if (i == length - MQTTI_BLOCK)
                return length;
            i = mqtti_next_block(length, i);
        }
    }
    if (length >= 8) {
        const size_t last = length - 8;
        slashes = mqtti_zeros(mqtti_load_halves(s, s + last) != '/');
        if (slashes == 0)
            return length;
        i = (size_t)__builtin_ctz(slashes);
        return i < 8 ? i : last + i - 8;
    }
    while (i < length && s[i] != '/')
        i++;
    return i;
}

static inline void mqtti_copy_block(uint8_t *to, const uint8_t *from)
{
    __builtin_memcpy(to, from, MQTTI_BLOCK);
}

MQTTI_INLINE bool mqtti_copy_short(uint8_t *to, const uint8_t *from, size_t length)
{
    if (length < 8 || length > 4 * MQTTI_BLOCK)
        return false;
    if (length < MQTTI_BLOCK) {
        __builtin_memcpy(to, from, 8);
        __builtin_memcpy(to + length - 8, from + length - 8, 8);
        return true;
    }
    if (length > 2 * MQTTI_BLOCK) {
        mqtti_copy_block(to + MQTTI_BLOCK, from + MQTTI_BLOCK);
        mqtti_copy_block(to + length - 2 * MQTTI_BLOCK, from + length - 2 * MQTTI_BLOCK);
    }
    mqtti_copy_block(to, from);
    mqtti_copy_block(to + length - MQTTI_BLOCK, from + length - MQTTI_BLOCK);
    return true;
}

#else /* portable code */

MQTTI_INLINE size_t mqtti_left_to_check(const uint8_t *s, size_t length, uint8_t low)
{
    size_t i;

    if (MQTTI_FOR_SIZE)
        return length;
    if (length <= 32)
        return mqtti_is_plain_short(s, length, low) ? 0 : length;
    /*@ loop invariant 0 <= i < length;
        loop assigns i;
        loop variant length - i; */
    for (i = 0; length - i > 8; i += 8) {
        if (!mqtti_is_plain_word(mqtti_get_u64(s + i), low))
            return length - i;
    }
    return mqtti_is_plain_word(mqtti_get_u64(s + length - 8), low) ? 0 : 8;
}

MQTTI_INLINE bool mqtti_is_valid_filter(const uint8_t *s, size_t length)
{
    return length > 0 && mqtti_left_to_check(s, length, mqtti_low(MQTTI_TOPIC_FILTER)) == 0;
}

static inline size_t mqtti_skip_plain(const uint8_t *s, size_t length, size_t i, uint8_t low)
{
    if (!MQTTI_FOR_SIZE && length - i >= 8 && mqtti_is_plain_word(mqtti_get_u64(s + i), low))
        return i + 8;
    return i + 1;
}

static inline size_t mqtti_skip_characters(const uint8_t *s, size_t length, size_t i, uint8_t low)
{
    (void)s;
    (void)length;
    (void)low;
    return i;
}

static inline size_t mqtti_common_length(const uint8_t *s, const uint8_t *other, size_t length)
{
    size_t i = 0;

    /*@ loop invariant 0 <= i <= length;
        loop assigns i;
        loop variant length - i; */
    while (!MQTTI_FOR_SIZE && length - i >= 8 && mqtti_get_u64(s + i) == mqtti_get_u64(other + i))
        i += 8;
    /*@ loop invariant 0 <= i <= length;
        loop assigns i;
        loop variant length - i; */
    while (i < length && s[i] == other[i])
        i++;
    return i;
}

static inline size_t mqtti_level_length(const uint8_t *s, size_t length)
{
    size_t i = 0;

    /*@ loop invariant 0 <= i <= length;
        loop assigns i;
        loop variant length - i; */
    while (i < length && s[i] != '/')
        i++;
    return i;
}

MQTTI_INLINE bool mqtti_copy_short(uint8_t *to, const uint8_t *from, size_t length)
{
    (void)to;
    (void)from;
    (void)length;
    return false;
}

#endif

#if defined(__cplusplus)
}
#endif

#undef MQTTI_API
#undef MQTTI_ALONE
#undef MQTTI_ENTRY
#undef MQTTI_ASIDE
#undef MQTTI_SHARED
#undef MQTTI_INLINE
#undef MQTTI_OUT_OF_LINE
#undef MQTTI_FOR_SIZE
#undef MQTTI_BLOCK
#undef MQTTI_WIDE

#endif /* MQTT_CODEC_IMPLEMENTED */
