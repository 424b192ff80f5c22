/* SPDX-License-Identifier: MIT
 *
 * mqtt_codec.h: encodes and decodes MQTT 3.1.1 and MQTT 5.0 packets, all types, in both directions.
 *
 * Every function depends only on its arguments and writes only where they point: no I/O, no
 * allocation, no global state, no clock. A decoder refuses every packet that the standard calls
 * malformed. It reports the rule that the packet breaks and where the offending field begins. An
 * encoder refuses to write such a packet. It reports the rule, but neither the byte nor which of
 * many filters breaks it. Section numbers and tags such as [MQTT-3.1.2-22] refer to the OASIS
 * Standard "MQTT Version 3.1.1" of 29 October 2014. In the parts from "BEGIN MQTT 5.0" to "END MQTT
 * 5.0" they refer to "MQTT Version 5.0" of 7 March 2019. Names with mqtt_v5_ are of MQTT 5.0. All
 * others are of MQTT 3.1.1 or shared by both versions.
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
 *   Empty    A pointer with length 0 is never dereferenced and may be NULL. With any other length
 *            it must be valid; only the payload of a PUBLISH is checked for NULL.
 *   Order    If a packet breaks several rules, decoders and encoders report the first in the order
 *            of its bytes.
 *
 * Sections: CONFIGURATION, TYPES, DECODE, ENCODE, STRINGS AND TOPICS, EXPLANATIONS, the same for
 * MQTT 5.0, END OF THE INTERFACE, and then the implementation by sections of the standard, first of
 * MQTT 3.1.1, then of MQTT 5.0; packet types that share code stand together.
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
 * -ffunction-sections -fdata-sections and link with -Wl,--gc-sections. The plain mode needs no
 * options for this.
 *
 * MQTT_CODEC_SIMD: define it as 0 to force portable code. Otherwise GCC and clang use the SIMD
 * instructions that their options allow, but not with -Os; other compilers get portable code.
 * Results do not depend on it.
 *
 * MQTT_CODEC_MEMCPY: the memcpy of <string.h>. A target without that header defines its own.
 * ------------------------------------------------------------------------------------------- */

/* Semantic versioning. MQTT_CODEC_VERSION is one number, for #if. */
#define MQTT_CODEC_VERSION_MAJOR 0
#define MQTT_CODEC_VERSION_MINOR 3
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
 * Start every struct that you encode with = {0}, in C++ with {}: what you do not set is then 0,
 * empty or absent. Structs that the codec fills in, such as struct mqtt_packet, need no initializer.
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
    MQTT_ERROR_PAYLOAD_MISSING = -43,            /*    E payload has a length, data is NULL       */
    /* BEGIN MQTT 5.0 */
    MQTT_ERROR_INTEGER_NOT_SHORTEST = -44,  /* DHPE more bytes than needed        MQTT-1.5.5-1 */
    MQTT_ERROR_INTEGER_TOO_LONG = -45,      /* D PE the fourth byte is not the last      1.5.5 */
    MQTT_ERROR_PROPERTIES_MISSING = -46,    /* D P  no whole property length      MQTT-2.2.2-1 */
    MQTT_ERROR_PROPERTIES_PAST_END = -47,   /* D P  longer than the packet             2.2.2.1 */
    MQTT_ERROR_PROPERTY_ID = -48,           /* D PE unknown, or not in this packet     2.2.2.2 */
    MQTT_ERROR_PROPERTY_DIRECTION = -49,    /* D  E not from this side                 2.2.2.2 */
    MQTT_ERROR_PROPERTY_CUT = -50,          /* D PE longer than the properties         2.2.2.2 */
    MQTT_ERROR_PROPERTY_TWICE = -51,        /* D PE allowed only once                    2.2.2 */
    MQTT_ERROR_PROPERTY_VALUE = -52,        /* D PE number out of its range              2.2.2 */
    MQTT_ERROR_TOPIC_ALIAS_ZERO = -53,      /* D PE topic alias 0                 MQTT-3.3.2-8 */
    MQTT_ERROR_TOPIC_MISSING = -54,         /* D PE no topic and no topic alias        3.3.2.1 */
    MQTT_ERROR_AUTHENTICATION_METHOD = -55, /* D  E missing                               4.12 */
    MQTT_ERROR_REASON_CODE = -56,           /* D  E not of this packet or side             2.4 */
    MQTT_ERROR_SUBSCRIPTION_OPTIONS = -57,  /* D  E reserved bits not 0           MQTT-3.8.3-5 */
    MQTT_ERROR_RETAIN_HANDLING = -58,       /* D  E not 0, 1 or 2                      3.8.3.1 */
    MQTT_ERROR_NO_LOCAL_SHARED = -59,       /* D  E shared, no local 1            MQTT-3.8.3-4 */
    MQTT_ERROR_SHARE_NAME = -60             /* D  E $share/... of another form           4.8.2 */
    /* END MQTT 5.0 */
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
    uint32_t error_offset; /* after an error: offset, from the `bytes` given to the decoder, of the
                              field that breaks the rule, or of where a missing field belongs. In a
                              stream, add the bytes used before. A string begins at its length. */
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
 * say where the error is. */
MQTTI_API int32_t mqtt_decode_fixed_header(struct mqtt_fixed_header *header, const void *bytes,
                                           size_t length);

/* Decodes a PUBLISH of which only the bytes before the payload need to be there, so that a large
 * payload streams through a small buffer. Sets `payload.length` to the length of the whole payload
 * and `payload.data` to NULL. Returns the number of bytes before the payload, or any status with a
 * P except MQTT_ERROR_PACKET_ID_AT_QOS_0 [3.3]. It does not say where the error is. */
MQTTI_API int32_t mqtt_decode_publish_header(struct mqtt_publish *publish, const void *bytes,
                                             size_t length);

/* Decodes a remaining length of 1 to 4 bytes. Longer encodings than necessary (`80 00`) are
 * accepted. Returns the number of bytes, MQTT_PACKET_INCOMPLETE, or MQTT_ERROR_REMAINING_LENGTH if
 * the fourth byte has its continuation bit set [2.2.3]. */
MQTTI_API int32_t mqtt_decode_remaining_length(uint32_t *value, const void *bytes, size_t length);

/* Iterate over a list, in its order. Start with *position = 0, do not change it between calls, and
 * call until the result is false; then *out is unchanged. They read decoded packets and a sender's
 * array alike. In a payload that no decoder has checked they stay in bounds, and stop at an entry
 * that runs past the end of the payload [3.8.3, 3.10.3]. */
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

/* Encodes everything before the payload of a PUBLISH, and returns its size [3.3]: for writev, and
 * for one payload that is sent to many subscribers. `payload.length` counts in the remaining
 * length, `payload.data` is not read. Statuses: as mqtt_encode_publish, without
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

/* Makes a string from a NUL-terminated C string, without the NUL. Copies nothing, checks nothing. */
MQTTI_API struct mqtt_string mqtt_string_from(const char *text);

/* Makes binary data from `length` bytes at `data`. Copies nothing. */
MQTTI_API struct mqtt_bytes mqtt_bytes_from(const void *data, size_t length);

/* ---------------------------------------------------------------------------------------------
 * EXPLANATIONS
 * ------------------------------------------------------------------------------------------- */

/* Returns one plain sentence for a status, or for any other number. Never NULL. */
MQTTI_API const char *mqtt_status_message(int32_t status);

/* Returns the statement of the standard that the status reports ("MQTT-3.1.2-22"), or for a rule
 * without a numbered statement the section ("2.2.3"). Returns "" for MQTT_PACKET_INCOMPLETE,
 * MQTT_ERROR_BUFFER_TOO_SMALL and MQTT_ERROR_PAYLOAD_MISSING, which break no rule, and for numbers
 * that are not a status. Never NULL. */
MQTTI_API const char *mqtt_status_clause(int32_t status);

/* Returns "CONNECT" and so on, as in Table 2.1, and "Reserved" for any other value [2.2.1]. */
MQTTI_API const char *mqtt_packet_type_name(enum mqtt_packet_type type);

/* Returns the CONNACK code that a server must send for a refused CONNECT before it closes the
 * connection, 1 [MQTT-3.1.2-2] or 2 [MQTT-3.1.3-8]. Returns -1 if it closes without a CONNACK
 * [MQTT-3.1.4-1]. */
MQTTI_API int32_t mqtt_connack_code_for(int32_t status);

/* BEGIN MQTT 5.0 */

/* ---------------------------------------------------------------------------------------------
 * MQTT 5.0: TYPES
 *
 * Both versions share what stands above of results, statuses, strings, topic names and matching,
 * and mqtt_encode_pingreq and mqtt_encode_pingresp.
 *
 * The CONNECT decides the version of a connection. A server for both versions asks
 * mqtt_decode_protocol_level about the first packet. A client that gets MQTT_ERROR_PROTOCOL_LEVEL
 * for the CONNACK talks to a server of 3.1.1.
 * ------------------------------------------------------------------------------------------- */

/* Packet types, Table 2-1 [2.1.2]. The value 0 is reserved. */
enum mqtt_v5_packet_type {
    MQTT_V5_CONNECT = 1,      /* client to server: opens a connection [3.1] */
    MQTT_V5_CONNACK = 2,      /* server to client: answers CONNECT [3.2] */
    MQTT_V5_PUBLISH = 3,      /* both ways: an application message [3.3] */
    MQTT_V5_PUBACK = 4,       /* both ways: answers PUBLISH at QoS 1 [3.4] */
    MQTT_V5_PUBREC = 5,       /* both ways: answers PUBLISH at QoS 2 [3.5] */
    MQTT_V5_PUBREL = 6,       /* both ways: answers PUBREC [3.6] */
    MQTT_V5_PUBCOMP = 7,      /* both ways: answers PUBREL [3.7] */
    MQTT_V5_SUBSCRIBE = 8,    /* client to server: asks for subscriptions [3.8] */
    MQTT_V5_SUBACK = 9,       /* server to client: answers SUBSCRIBE [3.9] */
    MQTT_V5_UNSUBSCRIBE = 10, /* client to server: ends subscriptions [3.10] */
    MQTT_V5_UNSUBACK = 11,    /* server to client: answers UNSUBSCRIBE [3.11] */
    MQTT_V5_PINGREQ = 12,     /* client to server: the client is alive [3.12] */
    MQTT_V5_PINGRESP = 13,    /* server to client: answers PINGREQ [3.13] */
    MQTT_V5_DISCONNECT = 14,  /* both ways: ends the connection [3.14] */
    MQTT_V5_AUTH = 15         /* both ways: a step of the authentication [3.15] */
};

/* Properties, Table 2-4: the member of `as` that each has, and what it means [2.2.2.2] */
enum mqtt_v5_property_id {
    MQTT_V5_PROPERTY_PAYLOAD_FORMAT_INDICATOR = 0x01,     /* number: 1 if the payload is UTF-8 */
    MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL = 0x02,      /* number: seconds */
    MQTT_V5_PROPERTY_CONTENT_TYPE = 0x03,                 /* string */
    MQTT_V5_PROPERTY_RESPONSE_TOPIC = 0x08,               /* string: a topic name */
    MQTT_V5_PROPERTY_CORRELATION_DATA = 0x09,             /* bytes */
    MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER = 0x0B,      /* number: 1 to 268,435,455; any number of
                                                             them in a PUBLISH from a server */
    MQTT_V5_PROPERTY_SESSION_EXPIRY_INTERVAL = 0x11,      /* number: seconds */
    MQTT_V5_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER = 0x12,   /* string */
    MQTT_V5_PROPERTY_SERVER_KEEP_ALIVE = 0x13,            /* number: 16 bits, seconds */
    MQTT_V5_PROPERTY_AUTHENTICATION_METHOD = 0x15,        /* string */
    MQTT_V5_PROPERTY_AUTHENTICATION_DATA = 0x16,          /* bytes */
    MQTT_V5_PROPERTY_REQUEST_PROBLEM_INFORMATION = 0x17,  /* number: 0 or 1 */
    MQTT_V5_PROPERTY_WILL_DELAY_INTERVAL = 0x18,          /* number: seconds */
    MQTT_V5_PROPERTY_REQUEST_RESPONSE_INFORMATION = 0x19, /* number: 0 or 1 */
    MQTT_V5_PROPERTY_RESPONSE_INFORMATION = 0x1A,         /* string */
    MQTT_V5_PROPERTY_SERVER_REFERENCE = 0x1C,             /* string */
    MQTT_V5_PROPERTY_REASON_STRING = 0x1F,                /* string */
    MQTT_V5_PROPERTY_RECEIVE_MAXIMUM = 0x21,              /* number: 1 to 65,535 */
    MQTT_V5_PROPERTY_TOPIC_ALIAS_MAXIMUM = 0x22,          /* number: 16 bits */
    MQTT_V5_PROPERTY_TOPIC_ALIAS = 0x23,                  /* number: 1 to 65,535 */
    MQTT_V5_PROPERTY_MAXIMUM_QOS = 0x24,                  /* number: 0 or 1 */
    MQTT_V5_PROPERTY_RETAIN_AVAILABLE = 0x25,             /* number: 0 or 1 */
    MQTT_V5_PROPERTY_USER_PROPERTY = 0x26,                /* pair; any number of them */
    MQTT_V5_PROPERTY_MAXIMUM_PACKET_SIZE = 0x27,          /* number: bytes, not 0 */
    MQTT_V5_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28,    /* number: 0 or 1 */
    MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIERS_AVAILABLE = 0x29, /* number: 0 or 1 */
    MQTT_V5_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE = 0x2A       /* number: 0 or 1 */
};

/* Reason codes, Table 2-6, and the packets that have them [2.4]. 0x80 and above mean failure.
 * PUBACK stands for PUBREC too, and PUBREL for PUBCOMP. */
enum mqtt_v5_reason_code {
    MQTT_V5_REASON_SUCCESS = 0x00,              /* CONNACK, PUBACK, PUBREL, UNSUBACK, AUTH */
    MQTT_V5_REASON_NORMAL_DISCONNECTION = 0x00, /* DISCONNECT */
    MQTT_V5_REASON_GRANTED_QOS_0 = 0x00,        /* SUBACK */
    MQTT_V5_REASON_GRANTED_QOS_1 = 0x01,        /* SUBACK */
    MQTT_V5_REASON_GRANTED_QOS_2 = 0x02,        /* SUBACK */
    MQTT_V5_REASON_DISCONNECT_WITH_WILL_MESSAGE = 0x04,  /* DISCONNECT from a client */
    MQTT_V5_REASON_NO_MATCHING_SUBSCRIBERS = 0x10,       /* PUBACK from a server */
    MQTT_V5_REASON_NO_SUBSCRIPTION_EXISTED = 0x11,       /* UNSUBACK */
    MQTT_V5_REASON_CONTINUE_AUTHENTICATION = 0x18,       /* AUTH */
    MQTT_V5_REASON_RE_AUTHENTICATE = 0x19,               /* AUTH from a client */
    MQTT_V5_REASON_UNSPECIFIED_ERROR = 0x80,             /* CONNACK, PUBACK, SUBACK, UNSUBACK,
                                                             DISCONNECT */
    MQTT_V5_REASON_MALFORMED_PACKET = 0x81,              /* CONNACK, DISCONNECT */
    MQTT_V5_REASON_PROTOCOL_ERROR = 0x82,                /* CONNACK, DISCONNECT */
    MQTT_V5_REASON_IMPLEMENTATION_SPECIFIC_ERROR = 0x83, /* as 0x80 */
    MQTT_V5_REASON_UNSUPPORTED_PROTOCOL_VERSION = 0x84,  /* CONNACK */
    MQTT_V5_REASON_CLIENT_IDENTIFIER_NOT_VALID = 0x85,   /* CONNACK */
    MQTT_V5_REASON_BAD_USER_NAME_OR_PASSWORD = 0x86,     /* CONNACK */
    MQTT_V5_REASON_NOT_AUTHORIZED = 0x87,                /* as 0x80; DISCONNECT from a server */
    MQTT_V5_REASON_SERVER_UNAVAILABLE = 0x88,            /* CONNACK */
    MQTT_V5_REASON_SERVER_BUSY = 0x89,                   /* CONNACK, DISCONNECT from a server */
    MQTT_V5_REASON_BANNED = 0x8A,                        /* CONNACK */
    MQTT_V5_REASON_SERVER_SHUTTING_DOWN = 0x8B,          /* DISCONNECT from a server */
    MQTT_V5_REASON_BAD_AUTHENTICATION_METHOD = 0x8C,     /* CONNACK, DISCONNECT */
    MQTT_V5_REASON_KEEP_ALIVE_TIMEOUT = 0x8D,            /* DISCONNECT from a server */
    MQTT_V5_REASON_SESSION_TAKEN_OVER = 0x8E,            /* DISCONNECT from a server */
    MQTT_V5_REASON_TOPIC_FILTER_INVALID = 0x8F,          /* SUBACK, UNSUBACK, DISCONNECT from a
                                                             server */
    MQTT_V5_REASON_TOPIC_NAME_INVALID = 0x90,            /* CONNACK, PUBACK, DISCONNECT */
    MQTT_V5_REASON_PACKET_IDENTIFIER_IN_USE = 0x91,      /* PUBACK, SUBACK, UNSUBACK */
    MQTT_V5_REASON_PACKET_IDENTIFIER_NOT_FOUND = 0x92,   /* PUBREL */
    MQTT_V5_REASON_RECEIVE_MAXIMUM_EXCEEDED = 0x93,      /* DISCONNECT */
    MQTT_V5_REASON_TOPIC_ALIAS_INVALID = 0x94,           /* DISCONNECT */
    MQTT_V5_REASON_PACKET_TOO_LARGE = 0x95,              /* CONNACK, DISCONNECT */
    MQTT_V5_REASON_MESSAGE_RATE_TOO_HIGH = 0x96,         /* DISCONNECT */
    MQTT_V5_REASON_QUOTA_EXCEEDED = 0x97,                /* CONNACK, PUBACK, SUBACK, DISCONNECT */
    MQTT_V5_REASON_ADMINISTRATIVE_ACTION = 0x98,         /* DISCONNECT */
    MQTT_V5_REASON_PAYLOAD_FORMAT_INVALID = 0x99,        /* CONNACK, PUBACK, DISCONNECT */
    MQTT_V5_REASON_RETAIN_NOT_SUPPORTED = 0x9A,          /* CONNACK, DISCONNECT from a server */
    MQTT_V5_REASON_QOS_NOT_SUPPORTED = 0x9B,             /* CONNACK, DISCONNECT */
    MQTT_V5_REASON_USE_ANOTHER_SERVER = 0x9C,            /* CONNACK, DISCONNECT from a server */
    MQTT_V5_REASON_SERVER_MOVED = 0x9D,                  /* CONNACK, DISCONNECT from a server */
    MQTT_V5_REASON_SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E, /* SUBACK, DISCONNECT from a server */
    MQTT_V5_REASON_CONNECTION_RATE_EXCEEDED = 0x9F, /* CONNACK, DISCONNECT from a server */
    MQTT_V5_REASON_MAXIMUM_CONNECT_TIME = 0xA0,     /* DISCONNECT from a server */
    MQTT_V5_REASON_SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1, /* as 0x9E */
    MQTT_V5_REASON_WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2    /* as 0x9E */
};

/* The fixed header: the beginning of every packet [2.1.1]. */
struct mqtt_v5_fixed_header {
    uint32_t remaining_length;     /* number of bytes that follow the fixed header [2.1.4] */
    enum mqtt_v5_packet_type type; /* packet type [2.1.2] */
    uint8_t flags;                 /* bits 3 to 0 of the first byte [2.1.3] */
};

/* A pair of strings: the value of a user property [1.5.7]. */
struct mqtt_v5_pair {
    struct mqtt_string name;  /* may be empty; several pairs can have the same name */
    struct mqtt_string value; /* may be empty */
};

/* A property: an identifier and its value [2.2.2.2]. */
struct mqtt_v5_property {
    uint8_t id; /* enum mqtt_v5_property_id; says which member of `as` is set */
    union {
        struct mqtt_v5_pair pair;  /* user property */
        struct mqtt_string string; /* text */
        struct mqtt_bytes bytes;   /* binary data */
        uint32_t number;           /* any other value */
    } as;                          /* value; Table 2-4 says of what type */
};

/* The bit of a property in `without`. No list of properties can hold two of the same bit. */
#define MQTT_V5_WITHOUT(property_id) ((uint32_t)1 << (property_id) % 31)

/* The properties of a packet or a will [2.2.2]. mqtt_v5_next_property and mqtt_v5_find_property
 * read both a sender's and a decoded packet.
 *
 * An encoder writes the properties in `encoded`, except those that `without` names, and then those
 * in `list`. So a server forwards what it has received without copying it, leaves out the topic
 * alias, which belongs to one connection [3.3.2.3.4], and adds a message expiry interval of its own
 * [MQTT-3.3.2-6]. `encoded` is checked as by a decoder. Of a property that is left out only the
 * identifier is checked, and where its value ends. Only properties that the packet can have can be
 * left out, and from a PUBLISH those of a will, so that a will is published without its will delay
 * interval. */
struct mqtt_v5_properties {
    const struct mqtt_v5_property *list; /* a sender's array; NULL when decoded */
    size_t count;                        /* number of properties in `list`; 0 when decoded */
    struct mqtt_bytes encoded;           /* properties as received, without their length */
    uint32_t without;                    /* sum of MQTT_V5_WITHOUT(...), different ones */
};

/* A will: the message that the server publishes if the connection ends without a normal DISCONNECT
 * [3.1.2.5]. */
struct mqtt_v5_will {
    uint8_t qos;                          /* 0, 1 or 2 [3.1.2.6] */
    bool retain;                          /* true: the server retains the message [3.1.2.7] */
    struct mqtt_string topic;             /* topic name [3.1.3.3] */
    struct mqtt_bytes payload;            /* payload [3.1.3.4] */
    struct mqtt_v5_properties properties; /* will properties [3.1.3.2] */
};

/* A CONNECT: it opens a connection [3.1]. Where a has_ member is false, encoders ignore the field
 * and decoders leave it unset. To send a field, set its has_ member. */
struct mqtt_v5_connect {
    uint16_t keep_alive; /* longest time between packets in seconds; 0: off [3.1.2.10] */
    bool clean_start;    /* true: the server discards the session [3.1.2.4] */
    bool has_will;       /* true: there is a will [3.1.2.5] */
    bool has_user_name;  /* true: there is a user name [3.1.2.8] */
    bool has_password;   /* true: there is a password; needs no user name [3.1.2.9] */
    struct mqtt_v5_properties properties; /* CONNECT properties [3.1.2.11] */
    struct mqtt_string client_id;         /* client identifier; the server may allow an empty one
                                             [3.1.3.1] */
    struct mqtt_string user_name;         /* user name, if has_user_name [3.1.3.5] */
    struct mqtt_bytes password;           /* password, if has_password [3.1.3.6] */
    struct mqtt_v5_will will;             /* will, if has_will [3.1.2.5] */
};

/* A CONNACK: it answers a CONNECT [3.2]. */
struct mqtt_v5_connack {
    bool session_present;                 /* true: the server has kept the session [3.2.2.1.1] */
    uint8_t reason_code;                  /* enum mqtt_v5_reason_code [3.2.2.2] */
    struct mqtt_v5_properties properties; /* CONNACK properties [3.2.2.3] */
};

/* A PUBLISH: it carries an application message [3.3]. */
struct mqtt_v5_publish {
    uint16_t packet_id;        /* not 0; at QoS 0 encoders ignore it, decoders set 0 [3.3.2.2] */
    uint8_t qos;               /* 0, 1 or 2 [3.3.1.2] */
    bool dup;                  /* true: sent before, perhaps; false at QoS 0 [3.3.1.1] */
    bool retain;               /* true: to be retained, or was retained [3.3.1.3] */
    struct mqtt_string topic;  /* topic name; empty: the topic alias stands for it [3.3.2.1] */
    struct mqtt_bytes payload; /* application message [3.3.3] */
    struct mqtt_v5_properties properties; /* PUBLISH properties [3.3.2.3] */
};

/* An acknowledgement: PUBACK, PUBREC, PUBREL or PUBCOMP [3.4 to 3.7]. */
struct mqtt_v5_ack {
    uint16_t packet_id;  /* that of the packet which it acknowledges; not 0 [2.2.1] */
    uint8_t reason_code; /* enum mqtt_v5_reason_code [3.4.2.1 and so on] */
    struct mqtt_v5_properties properties; /* properties [3.4.2.2 and so on] */
};

/* A subscription: one entry of a SUBSCRIBE [3.8.3]. The order of the members never changes. */
struct mqtt_v5_subscription {
    struct mqtt_string filter; /* topic filter, or $share/NAME/FILTER [4.7, 4.8.2] */
    uint8_t qos;               /* most QoS that is wanted: 0, 1 or 2 [3.8.3.1] */
    bool no_local;             /* true: not what the client itself publishes; false if shared */
    bool retain_as_published;  /* true: forwarded with the RETAIN flag of the publisher */
    uint8_t retain_handling;   /* retained messages: 0 sent, 1 sent if it is new, 2 not sent */
};

/* A SUBSCRIBE: it asks for subscriptions [3.8]. mqtt_v5_next_subscription reads both a sender's
 * and a decoded packet. */
struct mqtt_v5_subscribe {
    uint16_t packet_id;                               /* not 0 [2.2.1] */
    const struct mqtt_v5_subscription *subscriptions; /* a sender's array; NULL when decoded */
    size_t count;                                     /* number of subscriptions, not 0 */
    struct mqtt_bytes encoded;            /* payload as received, when decoded [3.8.3] */
    struct mqtt_v5_properties properties; /* SUBSCRIBE properties [3.8.2.1] */
};

/* An UNSUBSCRIBE: it ends subscriptions [3.10]. mqtt_v5_next_filter reads both a sender's and a
 * decoded packet. */
struct mqtt_v5_unsubscribe {
    uint16_t packet_id;                   /* not 0 [2.2.1] */
    const struct mqtt_string *filters;    /* a sender's array; NULL when decoded [3.10.3] */
    size_t count;                         /* number of topic filters, not 0 */
    struct mqtt_bytes encoded;            /* payload as received, when decoded [3.10.3] */
    struct mqtt_v5_properties properties; /* UNSUBSCRIBE properties [3.10.2.1] */
};

/* A SUBACK or UNSUBACK: it answers a SUBSCRIBE or UNSUBSCRIBE [3.9, 3.11]. */
struct mqtt_v5_suback {
    uint16_t packet_id;          /* that of the packet which it acknowledges; not 0 [2.2.1] */
    const uint8_t *reason_codes; /* array of enum mqtt_v5_reason_code [3.9.3, 3.11.3] */
    size_t count;                /* number of reason codes, not 0 */
    struct mqtt_v5_properties properties; /* properties [3.9.2.1, 3.11.2.1] */
};

/* A DISCONNECT, which ends the connection, or an AUTH, a step of the authentication [3.14, 3.15].
 * */
struct mqtt_v5_disconnect {
    uint8_t reason_code;                  /* enum mqtt_v5_reason_code [3.14.2.1, 3.15.2.1] */
    struct mqtt_v5_properties properties; /* properties [3.14.2.2, 3.15.2.2] */
};

/* A packet of any type, and where it breaks a rule. */
struct mqtt_v5_packet {
    uint32_t error_offset; /* after an error: offset, from the `bytes` given to the decoder, of the
                              field that breaks the rule, or of where a missing field belongs. In a
                              stream, add the bytes used before. A string, and a list of properties,
                              begins at its length. An error within a property is reported at the
                              identifier of the property. */
    enum mqtt_v5_packet_type type; /* says which member of `as` is set. After an error: the type in
                                      the first byte, even if that is the reserved 0. */
    union {
        struct mqtt_v5_connect connect;         /* CONNECT */
        struct mqtt_v5_connack connack;         /* CONNACK */
        struct mqtt_v5_publish publish;         /* PUBLISH */
        struct mqtt_v5_ack ack;                 /* PUBACK, PUBREC, PUBREL, PUBCOMP */
        struct mqtt_v5_subscribe subscribe;     /* SUBSCRIBE */
        struct mqtt_v5_suback suback;           /* SUBACK */
        struct mqtt_v5_suback unsuback;         /* UNSUBACK */
        struct mqtt_v5_unsubscribe unsubscribe; /* UNSUBSCRIBE */
        struct mqtt_v5_disconnect disconnect;   /* DISCONNECT */
        struct mqtt_v5_disconnect auth;         /* AUTH */
    } as;                                       /* PINGREQ and PINGRESP have no member */
};

/* ---------------------------------------------------------------------------------------------
 * MQTT 5.0: DECODE
 *
 * In enum mqtt_status the letters stand for the functions of 5.0 too: D for mqtt_v5_decode,
 * mqtt_v5_decode_from_client and mqtt_v5_decode_from_server, H for mqtt_v5_decode_fixed_header, P
 * for mqtt_v5_decode_publish_header and the mqtt_v5_publish_set functions, E for encoders. The
 * differences:
 *
 *   - PASSWORD_WITHOUT_USER_NAME, CLIENT_ID, CONNECT_RETURN_CODE and SUBACK_RETURN_CODE are never
 *     returned: 5.0 has no such rule, or MQTT_ERROR_REASON_CODE stands for it.
 *   - MQTT_ERROR_PROTOCOL_LEVEL also reports the CONNACK of a 3.1.1 server, as soon as its first
 *     two bytes are there. So it is an H too.
 *   - MQTT_ERROR_TRAILING_BYTES also reports bytes after the properties of a packet that has no
 *     payload.
 *   - MQTT_ERROR_SUBACK_NO_RETURN_CODE is UNSUBACK's too.
 * ------------------------------------------------------------------------------------------- */

/* Reads the protocol level of a CONNECT, whatever its version: 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is
 * MQTT 5.0. Only the bytes up to the level need to be there. Returns their number;
 * MQTT_PACKET_INCOMPLETE; MQTT_ERROR_TYPE if it is another packet, MQTT_ERROR_FLAGS,
 * MQTT_ERROR_REMAINING_LENGTH or MQTT_ERROR_PROTOCOL_NAME if it is no CONNECT of any version
 * [3.1.2.2]. */
MQTTI_API int32_t mqtt_decode_protocol_level(uint8_t *level, const void *bytes, size_t length);

/* Decodes any packet, from either side: for inspectors, tests and proxies. It takes what one of the
 * two sides may send. Returns the size of the packet, MQTT_PACKET_INCOMPLETE, or any status with a
 * D except MQTT_ERROR_DIRECTION [3]. */
MQTTI_API int32_t mqtt_v5_decode(struct mqtt_v5_packet *packet, const void *bytes, size_t length);

/* For servers: as mqtt_v5_decode, but takes only what clients may send. A type is refused with
 * MQTT_ERROR_DIRECTION, a property with MQTT_ERROR_PROPERTY_DIRECTION, a reason code with
 * MQTT_ERROR_REASON_CODE [2.1.2, 3.3.4, Tables 3-10 and 3-11]. */
MQTTI_API int32_t mqtt_v5_decode_from_client(struct mqtt_v5_packet *packet, const void *bytes,
                                             size_t length);

/* For clients: as mqtt_v5_decode, but takes only what servers may send, with the same statuses
 * [2.1.2, 3.14.2.2.2, Tables 3-10 and 3-11]. */
MQTTI_API int32_t mqtt_v5_decode_from_server(struct mqtt_v5_packet *packet, const void *bytes,
                                             size_t length);

/* Decodes and checks only the fixed header, so that a caller can limit the size of a packet before
 * buffering it. Returns the size of the header, 2 to 5, or any status with an H [2.1]. It does not
 * say where the error is. */
MQTTI_API int32_t mqtt_v5_decode_fixed_header(struct mqtt_v5_fixed_header *header,
                                              const void *bytes, size_t length);

/* Decodes a PUBLISH of which only the bytes before the payload need to be there, so that a large
 * payload streams through a small buffer. Sets `payload.length` to the length of the whole payload
 * and `payload.data` to NULL. Returns the number of bytes before the payload, or any status with a
 * P except MQTT_ERROR_PACKET_ID_AT_QOS_0 [3.3]. It does not say where the error is. It does not
 * know the side: a server has to refuse a subscription identifier from a client by itself
 * [MQTT-3.3.4-6]. */
MQTTI_API int32_t mqtt_v5_decode_publish_header(struct mqtt_v5_publish *publish, const void *bytes,
                                                size_t length);

/* Decodes a variable byte integer of 1 to 4 bytes. Returns the number of bytes,
 * MQTT_PACKET_INCOMPLETE, MQTT_ERROR_INTEGER_TOO_LONG if the fourth byte has its continuation bit
 * set, or MQTT_ERROR_INTEGER_NOT_SHORTEST [1.5.5]. */
MQTTI_API int32_t mqtt_v5_decode_integer(uint32_t *value, const void *bytes, size_t length);

/* Iterate over a list, in its order. Start with *position = 0 and call until the result is false.
 * They read decoded packets and a sender's array alike, properties in both too. They stay in bounds
 * and come to an end even in bytes that no decoder has checked [2.2.2, 3.8.3, 3.10.3]. */
MQTTI_API bool mqtt_v5_next_property(const struct mqtt_v5_properties *properties, size_t *position,
                                     struct mqtt_v5_property *out);
MQTTI_API bool mqtt_v5_next_subscription(const struct mqtt_v5_subscribe *subscribe,
                                         size_t *position, struct mqtt_v5_subscription *out);
MQTTI_API bool mqtt_v5_next_filter(const struct mqtt_v5_unsubscribe *unsubscribe, size_t *position,
                                   struct mqtt_string *out);

/* Finds the first property of an identifier. If there is none, returns false and leaves *out as it
 * is, so it can hold the default [2.2.2]. */
MQTTI_API bool mqtt_v5_find_property(const struct mqtt_v5_properties *properties,
                                     enum mqtt_v5_property_id id, struct mqtt_v5_property *out);

/* ---------------------------------------------------------------------------------------------
 * MQTT 5.0: ENCODE
 *
 * As above: every encoder returns the number of bytes written, or with a NULL buffer the number it
 * would write, which is what a maximum packet size is compared with; MQTT_ERROR_BUFFER_TOO_SMALL; or
 * the status of the first rule that the packet breaks. They write the shortest form of a packet.
 * Encoders do not know the side, and refuse only what neither side may send.
 *
 * "Statuses" lists those without MQTT_ERROR_. For properties and strings every encoder may also
 * return PACKET_TOO_LARGE, PROPERTY_ID, PROPERTY_TWICE, PROPERTY_VALUE, FIELD_TOO_LONG,
 * ILL_FORMED_UTF8 and NULL_CHARACTER, and if `encoded` is not empty PROPERTY_CUT, INTEGER_TOO_LONG
 * and INTEGER_NOT_SHORTEST.
 * ------------------------------------------------------------------------------------------- */

/* Encodes any packet, also a decoded one: that gives a packet of the same fields in the shortest
 * form. Use another buffer than the one it was decoded from. Returns the size, or any status with
 * an E. A type other than 1 to 15 is RESERVED_TYPE [3]. */
MQTTI_API int32_t mqtt_v5_encode(void *buffer, size_t capacity,
                                 const struct mqtt_v5_packet *packet);

/* Encodes a CONNECT [3.1]. Statuses: WILL_QOS, AUTHENTICATION_METHOD; for the will topic and a
 * response topic also TOPIC_EMPTY, TOPIC_NAME_WILDCARD. */
MQTTI_API int32_t mqtt_v5_encode_connect(void *buffer, size_t capacity,
                                         const struct mqtt_v5_connect *connect);

/* Encodes a CONNACK [3.2]. Statuses: SESSION_PRESENT, REASON_CODE. */
MQTTI_API int32_t mqtt_v5_encode_connack(void *buffer, size_t capacity,
                                         const struct mqtt_v5_connack *connack);

/* Encodes a PUBLISH [3.3]. Statuses: QOS, DUP, TOPIC_EMPTY (a response topic),
 * TOPIC_NAME_WILDCARD, PACKET_ID_ZERO, TOPIC_ALIAS_ZERO, TOPIC_MISSING, PAYLOAD_MISSING. */
MQTTI_API int32_t mqtt_v5_encode_publish(void *buffer, size_t capacity,
                                         const struct mqtt_v5_publish *publish);

/* Encodes everything before the payload of a PUBLISH, and returns its size [3.3]: for writev, and
 * for one payload that is sent to many subscribers. `payload.length` counts in the remaining
 * length, `payload.data` is not read. Statuses: as mqtt_v5_encode_publish, without
 * PAYLOAD_MISSING. */
MQTTI_API int32_t mqtt_v5_encode_publish_header(void *buffer, size_t capacity,
                                                const struct mqtt_v5_publish *publish);

/* Encode an acknowledgement, of 4 bytes if it has neither reason code nor properties [3.4 to 3.7].
 * Statuses: PACKET_ID_ZERO, REASON_CODE. */
MQTTI_API int32_t mqtt_v5_encode_puback(void *buffer, size_t capacity,
                                        const struct mqtt_v5_ack *ack);
MQTTI_API int32_t mqtt_v5_encode_pubrec(void *buffer, size_t capacity,
                                        const struct mqtt_v5_ack *ack);
MQTTI_API int32_t mqtt_v5_encode_pubrel(void *buffer, size_t capacity,
                                        const struct mqtt_v5_ack *ack);
MQTTI_API int32_t mqtt_v5_encode_pubcomp(void *buffer, size_t capacity,
                                         const struct mqtt_v5_ack *ack);

/* Encodes a SUBSCRIBE from a sender's array [3.8]. Statuses: PACKET_ID_ZERO, SUBSCRIBE_NO_FILTER,
 * TOPIC_EMPTY, SHARE_NAME, FILTER_MULTI_LEVEL, FILTER_SINGLE_LEVEL, REQUESTED_QOS,
 * RETAIN_HANDLING, NO_LOCAL_SHARED. A decoded packet has no array and is SUBSCRIBE_NO_FILTER; use
 * mqtt_v5_encode for it. */
MQTTI_API int32_t mqtt_v5_encode_subscribe(void *buffer, size_t capacity,
                                           const struct mqtt_v5_subscribe *subscribe);

/* Encodes a SUBACK [3.9]. Statuses: PACKET_ID_ZERO, SUBACK_NO_RETURN_CODE, REASON_CODE. */
MQTTI_API int32_t mqtt_v5_encode_suback(void *buffer, size_t capacity,
                                        const struct mqtt_v5_suback *suback);

/* Encodes an UNSUBSCRIBE from a sender's array [3.10]. Statuses: PACKET_ID_ZERO,
 * UNSUBSCRIBE_NO_FILTER, TOPIC_EMPTY, SHARE_NAME, FILTER_MULTI_LEVEL, FILTER_SINGLE_LEVEL. A
 * decoded packet has no array and is UNSUBSCRIBE_NO_FILTER; use mqtt_v5_encode for it. */
MQTTI_API int32_t mqtt_v5_encode_unsubscribe(void *buffer, size_t capacity,
                                             const struct mqtt_v5_unsubscribe *unsubscribe);

/* Encodes an UNSUBACK [3.11]. Statuses: PACKET_ID_ZERO, SUBACK_NO_RETURN_CODE, REASON_CODE. */
MQTTI_API int32_t mqtt_v5_encode_unsuback(void *buffer, size_t capacity,
                                          const struct mqtt_v5_suback *unsuback);

/* Encodes a DISCONNECT [3.14]. Statuses: REASON_CODE; PROPERTY_DIRECTION if only a client may send
 * one of the reason code and the session expiry interval, and only a server the other. */
MQTTI_API int32_t mqtt_v5_encode_disconnect(void *buffer, size_t capacity,
                                            const struct mqtt_v5_disconnect *disconnect);

/* Encodes an AUTH [3.15]. Statuses: REASON_CODE, AUTHENTICATION_METHOD. */
MQTTI_API int32_t mqtt_v5_encode_auth(void *buffer, size_t capacity,
                                      const struct mqtt_v5_disconnect *auth);

/* Encodes one property, to build `encoded` from [2.2.2.2]. It knows no packet. Statuses:
 * PROPERTY_ID if the identifier is unknown, PROPERTY_VALUE, TOPIC_ALIAS_ZERO, FIELD_TOO_LONG,
 * ILL_FORMED_UTF8, NULL_CHARACTER, TOPIC_EMPTY, TOPIC_NAME_WILDCARD. */
MQTTI_API int32_t mqtt_v5_encode_property(void *buffer, size_t capacity,
                                          const struct mqtt_v5_property *property);

/* Change an encoded PUBLISH in place. Only the bytes before the payload need to be there. Set the
 * DUP flag to send it again [MQTT-3.3.1-1], set or clear RETAIN to forward it [MQTT-3.3.1-12]
 * [MQTT-3.3.1-13], set the packet id for the next receiver [3.3.2.2]. Return the number of bytes
 * before the payload, or any status with a P and no change. At QoS 0 setting DUP is MQTT_ERROR_DUP
 * (clearing it succeeds), and setting the packet id is MQTT_ERROR_PACKET_ID_AT_QOS_0. A packet id
 * of 0 is MQTT_ERROR_PACKET_ID_ZERO. */
MQTTI_API int32_t mqtt_v5_publish_set_dup(void *bytes, size_t length, bool dup);
MQTTI_API int32_t mqtt_v5_publish_set_retain(void *bytes, size_t length, bool retain);
MQTTI_API int32_t mqtt_v5_publish_set_packet_id(void *bytes, size_t length, uint16_t packet_id);

/* ---------------------------------------------------------------------------------------------
 * MQTT 5.0: TOPICS, PAYLOADS, EXPLANATIONS
 * ------------------------------------------------------------------------------------------- */

/* True if the string is valid, not empty, and each wildcard is in its place [4.7]. A filter that
 * begins with $share/ must be that of a shared subscription [4.8.2]. */
MQTTI_API bool mqtt_v5_topic_filter_is_valid(struct mqtt_string filter);

/* Takes the topic filter of a shared subscription, $share/NAME/FILTER, apart: true, with NAME and
 * FILTER. For any other: false, with an empty name and the filter itself, so *matched is always
 * what mqtt_topic_matches needs [4.8.2]. Works on valid filters; any other is only read in bounds.
 * */
MQTTI_API bool mqtt_v5_shared_filter(struct mqtt_string filter, struct mqtt_string *share_name,
                                     struct mqtt_string *matched);

/* True if the payload is well-formed UTF-8 of any length. U+0000 is allowed [3.3.2.3.2]. */
MQTTI_API bool mqtt_v5_payload_is_utf8(struct mqtt_bytes payload);

/* Returns one plain sentence for a status, or for any other number. Never NULL. */
MQTTI_API const char *mqtt_v5_status_message(int32_t status);

/* Returns the statement of the standard that the status reports in a packet of this type
 * ("MQTT-3.3.2-8"), or the section if it has no number ("3.3.2.3"). Some statuses stand for other
 * statements in other packets; if that of the packet is not known, `type` may be any other value.
 * Returns "" where no rule of 5.0 is broken, for MQTT_ERROR_TYPE, and for numbers that are not a
 * status. Never NULL. */
MQTTI_API const char *mqtt_v5_status_clause(int32_t status, enum mqtt_v5_packet_type type);

/* Returns the reason code for a packet that was refused, to send before the connection is closed:
 * 0x81, 0x82, 0x84, 0x94 or 0x95. A server sends it in the CONNACK to a refused CONNECT, both sides
 * later in a DISCONNECT. Only a CONNACK can have 0x84 and only a DISCONNECT 0x94; where the packet
 * cannot have the code, send 0x82 or only close [4.13, MQTT-3.14.0-1]. Returns -1 for statuses that
 * break no rule. */
MQTTI_API int32_t mqtt_v5_reason_code_for(int32_t status);

/* Return the name in Table 2-1, 2-6 or 2-4, and "Reserved" for any other value. 0x00 is "Success",
 * but "Normal disconnection" in a DISCONNECT and "Granted QoS 0" in a SUBACK [2.1.2, 2.4, 2.2.2.2].
 * */
MQTTI_API const char *mqtt_v5_packet_type_name(enum mqtt_v5_packet_type type);
MQTTI_API const char *mqtt_v5_reason_code_name(uint8_t code, enum mqtt_v5_packet_type type);
MQTTI_API const char *mqtt_v5_property_name(enum mqtt_v5_property_id id);

/* END MQTT 5.0 */

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

/* BEGIN MQTT 5.0 */

/* ============================================================================================
 * MQTT 5.0. From here to "END MQTT 5.0" sections and tags are those of its standard.
 * 1.5 Data representations, 4.8.2 shared subscriptions
 * ========================================================================================== */

MQTTI_API int32_t mqtt_v5_decode_integer(uint32_t *value, const void *bytes, size_t length)
{
    const uint8_t *const digits = (const uint8_t *)bytes;
    uint32_t integer = 0;
    const int32_t size = mqtt_decode_remaining_length(&integer, bytes, length);

    if (size == MQTT_ERROR_REMAINING_LENGTH)
        return MQTT_ERROR_INTEGER_TOO_LONG; /* 1.5.5 */
    if (size > 1 && digits[size - 1] == 0)
        return MQTT_ERROR_INTEGER_NOT_SHORTEST; /* [MQTT-1.5.5-1] */
    if (size > 0)
        *value = integer;
    return size;
}

MQTTI_API bool mqtt_v5_payload_is_utf8(struct mqtt_bytes payload)
{
    const uint8_t *const s = payload.data;
    const size_t length = payload.length;
    size_t i = 0;

    /*@ loop invariant 0 <= i <= length;
        loop assigns i;
        loop variant length - i; */
    while (i < length) {
        size_t next = i + 1; /* after U+0000, which is allowed */
        if (s[i] >= 0x80) {
            next = mqtti_skip_characters(s, length, i, 0);
            if (next == i)
                next = i + mqtti_sequence_size(s + i, length - i);
        } else if (s[i] > 0) {
            next = mqtti_skip_plain(s, length, i, 0);
        }
        if (next == i)
            return false;
        i = next;
    }
    return true;
}

enum {
    MQTTI_V5_SHARE_SIZE = 7 /* of "$share/" */
};

/* Where FILTER begins in $share/NAME/FILTER; MQTTI_V5_SHARE_SIZE if a filter that begins with
 * "$share/" has not this form, and 0 for any other filter. */
MQTTI_SHARED size_t mqtti_v5_matched_part(struct mqtt_string filter)
{
    static const char prefix[MQTTI_V5_SHARE_SIZE] = {'$', 's', 'h', 'a', 'r', 'e', '/'};
    size_t i = 0;

    /*@ loop invariant 0 <= i <= MQTTI_V5_SHARE_SIZE && i <= filter.length;
        loop assigns i;
        loop variant MQTTI_V5_SHARE_SIZE - i; */
    while (i < MQTTI_V5_SHARE_SIZE && i < filter.length && filter.data[i] == prefix[i])
        i++;
    if (i < MQTTI_V5_SHARE_SIZE)
        return 0;
    /*@ loop invariant MQTTI_V5_SHARE_SIZE <= i <= filter.length;
        loop assigns i;
        loop variant filter.length - i; */
    while (i < filter.length && filter.data[i] != '/' && filter.data[i] != '+' &&
           filter.data[i] != '#')
        i++;
    if (i == MQTTI_V5_SHARE_SIZE || filter.length - i < 2 || filter.data[i] != '/')
        return MQTTI_V5_SHARE_SIZE;
    return i + 1;
}

MQTTI_API bool mqtt_v5_shared_filter(struct mqtt_string filter, struct mqtt_string *share_name,
                                     struct mqtt_string *matched)
{
    const size_t start = mqtti_v5_matched_part(filter);

    share_name->data = filter.data;
    share_name->length = 0;
    *matched = filter;
    if (start <= MQTTI_V5_SHARE_SIZE)
        return false;
    share_name->data += MQTTI_V5_SHARE_SIZE;
    share_name->length = start - MQTTI_V5_SHARE_SIZE - 1;
    matched->data += start;
    matched->length -= start;
    return true;
}

/* Checks a topic filter of at most 65,535 bytes. Returns a status, or 1 if it is a shared one. */
MQTTI_ASIDE int32_t mqtti_v5_check_filter(struct mqtt_string filter)
{
    const uint8_t *const s = (const uint8_t *)filter.data;
    const size_t start = mqtti_v5_matched_part(filter);
    int32_t status;

    if (start == 0)
        return mqtti_check_string(s, filter.length, MQTTI_TOPIC_FILTER);
    status = mqtti_check_string(s, filter.length, MQTTI_STRING);
    if (status == 0 && start == MQTTI_V5_SHARE_SIZE)
        status = MQTT_ERROR_SHARE_NAME; /* [MQTT-4.8.2-1] [MQTT-4.8.2-2] */
    if (status == 0)
        status = mqtti_check_string(s + start, filter.length - start, MQTTI_TOPIC_FILTER);
    return status < 0 ? status : 1;
}

MQTTI_ENTRY bool mqtt_v5_topic_filter_is_valid(struct mqtt_string filter)
{
    return !mqtti_is_too_long(filter.length) && mqtti_v5_check_filter(filter) >= 0;
}

/* ============================================================================================
 * 2.1 Fixed header
 * ========================================================================================== */

/* Table 2-1 (sides) and Table 2-2 (flags), with the least remaining lengths of chapter 3, for every
 * type but PUBLISH. The bits are those of mqtti_type_rules. 0 stands for the reserved type. */
static inline unsigned mqtti_v5_type_rules(unsigned type)
{
    static const uint8_t rules[16] = {
        0,
        MQTTI_CLIENT | MQTTI_LENGTH_1 * 12,               /* CONNECT, of 3.1.1 too */
        MQTTI_SERVER | MQTTI_LENGTH_1 * 3,                /* CONNACK */
        0,                                                /* PUBLISH: its rules depend on its QoS */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_LENGTH_1 * 2, /* PUBACK */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_LENGTH_1 * 2, /* PUBREC */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_LENGTH_1 * 2 | MQTTI_FLAG_1, /* PUBREL [MQTT-3.6.1-1] */
        MQTTI_CLIENT | MQTTI_SERVER | MQTTI_LENGTH_1 * 2,                /* PUBCOMP */
        MQTTI_CLIENT | MQTTI_LENGTH_1 * 3 | MQTTI_FLAG_1, /* SUBSCRIBE [MQTT-3.8.1-1] */
        MQTTI_SERVER | MQTTI_LENGTH_1 * 3,                /* SUBACK */
        MQTTI_CLIENT | MQTTI_LENGTH_1 * 3 | MQTTI_FLAG_1, /* UNSUBSCRIBE [MQTT-3.10.1-1] */
        MQTTI_SERVER | MQTTI_LENGTH_1 * 3,                /* UNSUBACK */
        MQTTI_CLIENT | MQTTI_EXACT,                       /* PINGREQ */
        MQTTI_SERVER | MQTTI_EXACT,                       /* PINGRESP */
        MQTTI_CLIENT | MQTTI_SERVER,                      /* DISCONNECT [MQTT-3.14.1-1] */
        MQTTI_CLIENT | MQTTI_SERVER,                      /* AUTH [MQTT-3.15.1-1] */
    };
    return rules[type];
}

/* Decodes the fixed header of a packet that `senders` may send: MQTTI_CLIENT, MQTTI_SERVER or both.
 * At least one byte is there. Sets the type even if it returns an error. */
MQTTI_INLINE int32_t mqtti_v5_read_fixed_header(struct mqtt_v5_fixed_header *header,
                                                const uint8_t *bytes, size_t length,
                                                unsigned senders)
{
    const unsigned type = bytes[0] / 16u;
    unsigned rules = MQTTI_LENGTH_1 * 3;
    uint32_t least;
    int32_t size;

    header->type = (enum mqtt_v5_packet_type)type;
    header->flags = bytes[0] % 16;
    if (type == MQTT_V5_PUBLISH) {
        const int32_t status = mqtti_check_publish_flags(header->flags);
        if (status < 0) /* [MQTT-3.3.1-2] [MQTT-3.3.1-4] */
            return status;
        if (mqtti_publish_qos(header->flags) != 0)
            rules += MQTTI_LENGTH_1 * 2; /* packet id */
    } else {
        rules = mqtti_v5_type_rules(type);
        if ((rules & senders) == 0) /* Table 2-1 */
            return rules == 0 ? MQTT_ERROR_RESERVED_TYPE : MQTT_ERROR_DIRECTION;
        if (header->flags != (rules & MQTTI_FLAG_1))
            return MQTT_ERROR_FLAGS; /* [MQTT-2.1.3-1] */
    }
    if (length > 1 && bytes[1] < 128) { /* the usual case: one byte */
        header->remaining_length = bytes[1];
        size = 2;
    } else {
        size = mqtt_decode_remaining_length(&header->remaining_length, bytes + 1, length - 1);
        if (size < 0)
            return size;
        if (bytes[size] == 0)
            return MQTT_ERROR_INTEGER_NOT_SHORTEST; /* [MQTT-1.5.5-1] */
        size++;
    }
    if (type == MQTT_V5_CONNACK && header->remaining_length == 2)
        return MQTT_ERROR_PROTOCOL_LEVEL; /* a CONNACK of 3.1.1 */
    least = rules / MQTTI_LENGTH_1;
    if (header->remaining_length < least ||
        (header->remaining_length > least && (rules & MQTTI_EXACT) != 0))
        return MQTT_ERROR_REMAINING_LENGTH; /* 2.1.4 */
    return size;
}

MQTTI_API int32_t mqtt_v5_decode_fixed_header(struct mqtt_v5_fixed_header *header,
                                              const void *bytes, size_t length)
{
    if (length == 0)
        return MQTT_PACKET_INCOMPLETE;
    return mqtti_v5_read_fixed_header(header, (const uint8_t *)bytes, length,
                                      MQTTI_CLIENT | MQTTI_SERVER);
}

/* ============================================================================================
 * 2.2.2 Properties
 * ========================================================================================== */

/* Types of value. Below MQTTI_V5_BINARY they are numbers. */
enum {
    MQTTI_V5_BYTE = 1, /* 0 or 1: no property has another value */
    MQTTI_V5_TWO_BYTES = 2,
    MQTTI_V5_FOUR_BYTES = 4,
    MQTTI_V5_INTEGER = 5, /* variable byte integer */
    MQTTI_V5_BINARY = 6,
    MQTTI_V5_STRING = 7,
    MQTTI_V5_TOPIC = 8,
    MQTTI_V5_PAIR = 9
};

/* Where properties are allowed. The number of the bit is one less than the packet type. A will has
 * the number of PINGRESP, which has no properties. */
enum {
    MQTTI_V5_WILL = MQTT_V5_PINGRESP,
    MQTTI_V5_IN_WILL = 1 << (MQTTI_V5_WILL - 1),
    MQTTI_V5_IN_CONNECT = 1 << (MQTT_V5_CONNECT - 1),
    MQTTI_V5_IN_CONNACK = 1 << (MQTT_V5_CONNACK - 1),
    MQTTI_V5_IN_PUBLISH = 1 << (MQTT_V5_PUBLISH - 1),
    MQTTI_V5_IN_SUBSCRIBE = 1 << (MQTT_V5_SUBSCRIBE - 1),
    MQTTI_V5_IN_DISCONNECT = 1 << (MQTT_V5_DISCONNECT - 1),
    MQTTI_V5_IN_AUTH = 1 << (MQTT_V5_AUTH - 1),
    MQTTI_V5_IN_MESSAGE = MQTTI_V5_IN_PUBLISH | MQTTI_V5_IN_WILL,
    MQTTI_V5_IN_CONNECTION = MQTTI_V5_IN_CONNECT | MQTTI_V5_IN_CONNACK,
    MQTTI_V5_IN_LOGIN = MQTTI_V5_IN_CONNECTION | MQTTI_V5_IN_AUTH,
    MQTTI_V5_IN_ANSWERS = MQTTI_V5_IN_CONNACK | 1 << (MQTT_V5_PUBACK - 1) |
                          1 << (MQTT_V5_PUBREC - 1) | 1 << (MQTT_V5_PUBREL - 1) |
                          1 << (MQTT_V5_PUBCOMP - 1) | 1 << (MQTT_V5_SUBACK - 1) |
                          1 << (MQTT_V5_UNSUBACK - 1) | MQTTI_V5_IN_DISCONNECT | MQTTI_V5_IN_AUTH,
    MQTTI_V5_IN_ALL = MQTTI_V5_IN_ANSWERS | MQTTI_V5_IN_MESSAGE | MQTTI_V5_IN_CONNECT |
                      MQTTI_V5_IN_SUBSCRIBE | 1 << (MQTT_V5_UNSUBSCRIBE - 1)
};

/* A rule of Table 2-4 has these parts, from its lowest bit on: where the property is allowed
 * (MQTTI_V5_IN_), the number of its bit in `without`, MQTTI_V5_NOT_ZERO if its value cannot be 0, and
 * the type of its value. */
#define MQTTI_V5_BIT_1    ((uint32_t)0x8000)
#define MQTTI_V5_NOT_ZERO ((uint32_t)0x100000)
#define MQTTI_V5_TYPE_1   ((uint32_t)0x200000)
#define MQTTI_V5_RULE(id, where, type)                                                             \
    ((where) + MQTTI_V5_BIT_1 * ((id) % 31) + MQTTI_V5_TYPE_1 * (type))

/* Table 2-4, by identifier. 0 stands for those that it does not have. */
MQTTI_SHARED uint32_t mqtti_v5_rule(unsigned id)
{
    static const uint32_t rules[] = {
        0,                                                       /* 0x00 */
        MQTTI_V5_RULE(0x01, MQTTI_V5_IN_MESSAGE, MQTTI_V5_BYTE), /* Payload Format Indicator */
        MQTTI_V5_RULE(0x02, MQTTI_V5_IN_MESSAGE, MQTTI_V5_FOUR_BYTES), /* Message Expiry Interval */
        MQTTI_V5_RULE(0x03, MQTTI_V5_IN_MESSAGE, MQTTI_V5_STRING),     /* Content Type */
        0,
        0,
        0,
        0,                                                         /* 0x04 to 0x07 */
        MQTTI_V5_RULE(0x08, MQTTI_V5_IN_MESSAGE, MQTTI_V5_TOPIC),  /* Response Topic */
        MQTTI_V5_RULE(0x09, MQTTI_V5_IN_MESSAGE, MQTTI_V5_BINARY), /* Correlation Data */
        0,                                                         /* 0x0A */
        MQTTI_V5_RULE(0x0B, MQTTI_V5_IN_PUBLISH | MQTTI_V5_IN_SUBSCRIBE | MQTTI_V5_NOT_ZERO,
                      MQTTI_V5_INTEGER), /* Subscription Identifier */
        0,
        0,
        0,
        0,
        0, /* 0x0C to 0x10 */
        MQTTI_V5_RULE(0x11, MQTTI_V5_IN_CONNECTION | MQTTI_V5_IN_DISCONNECT,
                      MQTTI_V5_FOUR_BYTES),                        /* Session Expiry Interval */
        MQTTI_V5_RULE(0x12, MQTTI_V5_IN_CONNACK, MQTTI_V5_STRING), /* Assigned Client Identifier */
        MQTTI_V5_RULE(0x13, MQTTI_V5_IN_CONNACK, MQTTI_V5_TWO_BYTES), /* Server Keep Alive */
        0,                                                            /* 0x14 */
        MQTTI_V5_RULE(0x15, MQTTI_V5_IN_LOGIN, MQTTI_V5_STRING),      /* Authentication Method */
        MQTTI_V5_RULE(0x16, MQTTI_V5_IN_LOGIN, MQTTI_V5_BINARY),      /* Authentication Data */
        MQTTI_V5_RULE(0x17, MQTTI_V5_IN_CONNECT, MQTTI_V5_BYTE), /* Request Problem Information */
        MQTTI_V5_RULE(0x18, MQTTI_V5_IN_WILL, MQTTI_V5_FOUR_BYTES), /* Will Delay Interval */
        MQTTI_V5_RULE(0x19, MQTTI_V5_IN_CONNECT, MQTTI_V5_BYTE), /* Request Response Information */
        MQTTI_V5_RULE(0x1A, MQTTI_V5_IN_CONNACK, MQTTI_V5_STRING), /* Response Information */
        0,                                                         /* 0x1B */
        MQTTI_V5_RULE(0x1C, MQTTI_V5_IN_CONNACK | MQTTI_V5_IN_DISCONNECT,
                      MQTTI_V5_STRING), /* Server Reference */
        0,
        0,                                                         /* 0x1D to 0x1E */
        MQTTI_V5_RULE(0x1F, MQTTI_V5_IN_ANSWERS, MQTTI_V5_STRING), /* Reason String */
        0,                                                         /* 0x20 */
        MQTTI_V5_RULE(0x21, MQTTI_V5_IN_CONNECTION | MQTTI_V5_NOT_ZERO,
                      MQTTI_V5_TWO_BYTES),                               /* Receive Maximum */
        MQTTI_V5_RULE(0x22, MQTTI_V5_IN_CONNECTION, MQTTI_V5_TWO_BYTES), /* Topic Alias Maximum */
        MQTTI_V5_RULE(0x23, MQTTI_V5_IN_PUBLISH | MQTTI_V5_NOT_ZERO,
                      MQTTI_V5_TWO_BYTES),                       /* Topic Alias */
        MQTTI_V5_RULE(0x24, MQTTI_V5_IN_CONNACK, MQTTI_V5_BYTE), /* Maximum QoS */
        MQTTI_V5_RULE(0x25, MQTTI_V5_IN_CONNACK, MQTTI_V5_BYTE), /* Retain Available */
        MQTTI_V5_RULE(0x26, MQTTI_V5_IN_ALL, MQTTI_V5_PAIR),     /* User Property */
        MQTTI_V5_RULE(0x27, MQTTI_V5_IN_CONNECTION | MQTTI_V5_NOT_ZERO,
                      MQTTI_V5_FOUR_BYTES), /* Maximum Packet Size */
        MQTTI_V5_RULE(0x28, MQTTI_V5_IN_CONNACK,
                      MQTTI_V5_BYTE), /* Wildcard Subscription Available */
        MQTTI_V5_RULE(0x29, MQTTI_V5_IN_CONNACK,
                      MQTTI_V5_BYTE), /* Subscription Identifier Available */
        MQTTI_V5_RULE(0x2A, MQTTI_V5_IN_CONNACK, MQTTI_V5_BYTE), /* Shared Subscription Available */
    };
    return id < sizeof rules / sizeof rules[0] ? rules[id] : 0;
}

/* The type of value; 0 if there is no such property. */
static inline unsigned mqtti_v5_type(uint32_t rule)
{
    return (unsigned)(rule / MQTTI_V5_TYPE_1);
}

/* A function of its own: its contract gives the proof the value for each number. */
static inline uint32_t mqtti_v5_numbered_bit(uint32_t number)
{
    return (uint32_t)1 << number;
}

/* MQTT_V5_WITHOUT of the property. */
static inline uint32_t mqtti_v5_bit(uint32_t rule)
{
    return mqtti_v5_numbered_bit(rule / MQTTI_V5_BIT_1 % 32);
}

/* A list of properties: what it can have, and what is known of it so far. */
struct mqtti_v5_list {
    uint32_t place;   /* MQTTI_V5_IN_ of the packet or the will */
    uint32_t refused; /* MQTT_V5_WITHOUT of one that the packet can have, but not from this side */
    uint32_t seen;    /* MQTT_V5_WITHOUT of each property that is there, and of the refused one */
    uint32_t length;  /* what an encoder has measured */
};

/* `packet` is a packet type or MQTTI_V5_WILL, `senders` the sides that may send it. */
MQTTI_SHARED void mqtti_v5_begin_list(struct mqtti_v5_list *list, unsigned packet, unsigned senders)
{
    list->place = (uint32_t)1 << (packet - 1);
    list->refused = 0;
    if (packet == MQTT_V5_PUBLISH && senders == MQTTI_CLIENT)
        list->refused = MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER);
    if (packet == MQTT_V5_DISCONNECT && senders == MQTTI_SERVER)
        list->refused = MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_SESSION_EXPIRY_INTERVAL);
    list->seen = list->refused;
    list->length = 0;
}

/* Checks a property that is there already, or is refused. */
MQTTI_ASIDE int32_t mqtti_v5_check_again(uint32_t place, uint32_t refused, uint32_t bit)
{
    if (bit == refused)
        return MQTT_ERROR_PROPERTY_DIRECTION; /* [MQTT-3.3.4-6] [MQTT-3.14.2-2] */
    if (bit == MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_USER_PROPERTY) ||
        (bit == MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER) &&
         place == (uint32_t)MQTTI_V5_IN_PUBLISH)) /* 3.3.2.3.8 */
        return 0;
    return MQTT_ERROR_PROPERTY_TWICE; /* 3.1.2.11.2 and so on */
}

/* Checks that the packet can have a property, from this side, and for the first time. */
MQTTI_SHARED int32_t mqtti_v5_check_rule(struct mqtti_v5_list *list, uint32_t rule)
{
    const uint32_t bit = mqtti_v5_bit(rule);

    if ((rule & list->place) == 0)
        return MQTT_ERROR_PROPERTY_ID; /* 2.2.2.2 */
    if ((list->seen & bit) != 0)
        return mqtti_v5_check_again(list->place, list->refused, bit);
    /*@ assert (list->seen | bit) <= INT32_MAX; */
    list->seen |= bit;
    return 0;
}

MQTTI_SHARED int32_t mqtti_v5_check_number(uint32_t rule, uint32_t number)
{
    uint32_t most = MQTT_REMAINING_LENGTH_MAX; /* of a variable byte integer */

    if (number == 0 && (rule & MQTTI_V5_NOT_ZERO) != 0)
        return rule == mqtti_v5_rule(MQTT_V5_PROPERTY_TOPIC_ALIAS)
                   ? MQTT_ERROR_TOPIC_ALIAS_ZERO /* [MQTT-3.3.2-8] */
                   : MQTT_ERROR_PROPERTY_VALUE;
    if (mqtti_v5_type(rule) == MQTTI_V5_FOUR_BYTES)
        most = UINT32_MAX;
    else if (mqtti_v5_type(rule) == MQTTI_V5_TWO_BYTES)
        most = 65535;
    else if (mqtti_v5_type(rule) == MQTTI_V5_BYTE)
        most = 1;
    return number > most ? MQTT_ERROR_PROPERTY_VALUE : 0;
}

/* Reads a string up to its end, and checks no more. False if it is cut. */
MQTTI_SHARED bool mqtti_v5_read_whole(struct mqtti_reader *reader, struct mqtt_string *string)
{
    size_t length;

    if (reader->left < 2)
        return false;
    length = mqtti_get_u16(reader->at);
    mqtti_skip(reader, 2);
    if (length > reader->left)
        return false;
    string->data = (const char *)reader->at;
    string->length = length;
    mqtti_skip(reader, length);
    return true;
}

static inline int32_t mqtti_v5_read_number(struct mqtti_reader *reader, unsigned type,
                                           uint32_t *number)
{
    if (type == MQTTI_V5_INTEGER) {
        const int32_t size = mqtt_decode_remaining_length(number, reader->at, reader->left);
        if (size == MQTT_ERROR_REMAINING_LENGTH)
            return MQTT_ERROR_INTEGER_TOO_LONG; /* 1.5.5 */
        if (size < 0)
            return MQTT_ERROR_PROPERTY_CUT;
        mqtti_skip(reader, (size_t)size);
        return 0;
    }
    if (reader->left < type)
        return MQTT_ERROR_PROPERTY_CUT;
    if (type == MQTTI_V5_BYTE)
        *number = reader->at[0];
    else if (type == MQTTI_V5_TWO_BYTES)
        *number = mqtti_get_u16(reader->at);
    else
        *number = (uint32_t)reader->at[0] << 24 | (uint32_t)reader->at[1] << 16 |
                  (uint32_t)reader->at[2] << 8 | reader->at[3];
    mqtti_skip(reader, type);
    return 0;
}

/* Reads the value of a property up to its end, and checks no more. */
MQTTI_SHARED int32_t mqtti_v5_read_value(struct mqtti_reader *reader, unsigned type,
                                         struct mqtt_v5_property *property)
{
    if (type < MQTTI_V5_BINARY)
        return mqtti_v5_read_number(reader, type, &property->as.number);
    if (type == MQTTI_V5_PAIR)
        return mqtti_v5_read_whole(reader, &property->as.pair.name) &&
                       mqtti_v5_read_whole(reader, &property->as.pair.value)
                   ? 0
                   : MQTT_ERROR_PROPERTY_CUT;
    if (!mqtti_v5_read_whole(reader, &property->as.string))
        return MQTT_ERROR_PROPERTY_CUT;
    if (type == MQTTI_V5_BINARY)
        property->as.bytes = mqtt_bytes_from(property->as.string.data, property->as.string.length);
    return 0;
}

static inline void mqtti_v5_write_number(struct mqtti_writer *writer, uint32_t number,
                                         uint32_t rule)
{
    const unsigned type = mqtti_v5_type(rule);

    if (writer->at == NULL) {
        if (writer->status == 0)
            writer->status = mqtti_v5_check_number(rule, number);
        mqtti_measure(writer, type == MQTTI_V5_INTEGER ? mqtti_remaining_length_size(number) : type,
                      0);
    } else if (type == MQTTI_V5_BYTE) {
        writer->at = mqtti_put_u8(writer->at, (unsigned)number);
    } else if (type == MQTTI_V5_INTEGER) {
        writer->at = mqtti_put_remaining_length(writer->at, number);
    } else {
        if (type == MQTTI_V5_FOUR_BYTES)
            writer->at = mqtti_put_u16(writer->at, (uint16_t)(number / 65536));
        writer->at = mqtti_put_u16(writer->at, (uint16_t)(number % 65536));
    }
}

/* Writes the value of a property, or while the writer measures checks it and adds its size. */
MQTTI_SHARED void mqtti_v5_write_value(struct mqtti_writer *writer,
                                       const struct mqtt_v5_property *property, uint32_t rule)
{
    const unsigned type = mqtti_v5_type(rule);

    if (type < MQTTI_V5_BINARY) {
        mqtti_v5_write_number(writer, property->as.number, rule);
        return;
    }
    if (type == MQTTI_V5_PAIR) {
        mqtti_write_field(writer, property->as.pair.name.data, property->as.pair.name.length,
                          MQTTI_STRING);
        mqtti_write_field(writer, property->as.pair.value.data, property->as.pair.value.length,
                          MQTTI_STRING); /* [MQTT-1.5.7-1] */
    } else if (type == MQTTI_V5_BINARY) {
        mqtti_write_field(writer, property->as.bytes.data, property->as.bytes.length, MQTTI_BINARY);
    } else if (type == MQTTI_V5_TOPIC) {
        mqtti_write_field(writer, property->as.string.data, property->as.string.length,
                          MQTTI_TOPIC_NAME); /* [MQTT-3.3.2-13] [MQTT-3.3.2-14] */
    } else {
        mqtti_write_field(writer, property->as.string.data, property->as.string.length,
                          MQTTI_STRING); /* [MQTT-3.3.2-19] and so on */
    }
}

/* Goes back to a place that has been read. */
static inline void mqtti_v5_back(struct mqtti_reader *reader, const void *to)
{
    reader->left += (size_t)(reader->at - (const uint8_t *)to);
    reader->at = (const uint8_t *)to;
}

MQTTI_INLINE bool mqtti_v5_is_left_out(uint32_t rule, uint32_t place, uint32_t without)
{
    if (place == (uint32_t)MQTTI_V5_IN_PUBLISH) /* a will that is published has others */
        place = (uint32_t)MQTTI_V5_IN_MESSAGE;
    return without != 0 && (rule & place) != 0 && (without & mqtti_v5_bit(rule)) != 0;
}

/* Checks the property at the start of `reader`. An error leaves `reader` there. Takes what is left out
 * from the length of the list. */
MQTTI_INLINE int32_t mqtti_v5_check_property(struct mqtti_reader *reader,
                                             struct mqtti_v5_list *list, uint32_t without)
{
    const uint8_t *const start = reader->at;
    const uint32_t rule = mqtti_v5_rule(start[0]);
    const unsigned type = mqtti_v5_type(rule);
    const bool is_left_out = mqtti_v5_is_left_out(rule, list->place, without);
    struct mqtt_v5_property property;
    int32_t status = 0;

    property.as.pair.name.data = NULL; /* else GCC warns falsely */
    property.as.pair.name.length = 0;
    property.as.pair.value = property.as.pair.name;
    if (!is_left_out)
        status = mqtti_v5_check_rule(list, rule);
    mqtti_skip(reader, 1);
    if (status == 0)
        status = mqtti_v5_read_value(reader, type, &property);
    if (is_left_out) {
        list->length -= (uint32_t)(reader->at - start);
    } else if (status == 0 && type == MQTTI_V5_INTEGER && reader->at[-1] == 0 &&
               reader->at - start > 2) {
        status = MQTT_ERROR_INTEGER_NOT_SHORTEST; /* [MQTT-1.5.5-1] */
    } else if (status == 0) {
        struct mqtti_writer writer = {NULL, 0, 0};
        mqtti_v5_write_value(&writer, &property, rule);
        status = writer.status;
    }
    /*@ assert reader->at - start == \at(reader->left, Pre) - reader->left; */
    if (status != 0)
        mqtti_v5_back(reader, start);
    return status;
}

/* Checks properties up to the end of `reader`. */
MQTTI_SHARED int32_t mqtti_v5_check_properties(struct mqtti_reader *reader,
                                               struct mqtti_v5_list *list, uint32_t without)
{
    /*@ loop invariant reader->left <= \at(reader->left, Pre) && reader->at ==
          \at(reader->at, Pre) + (\at(reader->left, Pre) - reader->left);
        loop invariant list->seen <= INT32_MAX;
        loop assigns reader->at, reader->left, list->seen, list->length;
        loop variant reader->left; */
    while (reader->left > 0) {
        const int32_t status = mqtti_v5_check_property(reader, list, without);
        if (status != 0)
            return status;
    }
    return 0;
}

/* Properties as a decoder gives them. */
static inline void mqtti_v5_set_properties(struct mqtt_v5_properties *properties,
                                           const uint8_t *encoded, size_t length)
{
    properties->list = NULL;
    properties->count = 0;
    properties->encoded.data = encoded;
    properties->encoded.length = length;
    properties->without = 0;
}

/* Reads a property length and the properties. Returns `seen` of the list, or a status. */
MQTTI_INLINE int32_t mqtti_v5_read_list(struct mqtti_reader *reader, unsigned packet,
                                        unsigned senders, struct mqtt_v5_properties *properties)
{
    struct mqtti_v5_list list;
    struct mqtti_reader inner;
    /* the usual case: one byte */
    const bool is_short = !MQTTI_FOR_SIZE && reader->left > 0 && reader->at[0] < 128;
    uint32_t length = 0;
    int32_t result = 1;

    if (is_short)
        length = reader->at[0];
    else
        result = mqtt_v5_decode_integer(&length, reader->at, reader->left);
    if (result < 0)
        return result == MQTT_PACKET_INCOMPLETE ? MQTT_ERROR_PROPERTIES_MISSING /* [MQTT-2.2.2-1] */
                                                : result;
    if (length > reader->left - (size_t)result)
        return MQTT_ERROR_PROPERTIES_PAST_END; /* 2.2.2.1 */
    inner.at = reader->at + result;
    inner.left = (size_t)length;
    mqtti_v5_set_properties(properties, inner.at, inner.left);
    mqtti_v5_begin_list(&list, packet, senders);
    result = mqtti_v5_check_properties(&inner, &list, 0);
    mqtti_skip(reader, (size_t)(inner.at - reader->at));
    return result < 0 ? result : (int32_t)list.seen;
}

MQTTI_ASIDE int32_t mqtti_v5_read_some_properties(struct mqtti_reader *reader, unsigned packet,
                                                  unsigned senders,
                                                  struct mqtt_v5_properties *properties)
{
    return mqtti_v5_read_list(reader, packet, senders, properties);
}

/* As mqtti_v5_read_list, for packets that seldom have properties. */
MQTTI_INLINE int32_t mqtti_v5_read_properties(struct mqtti_reader *reader, unsigned packet,
                                              unsigned senders,
                                              struct mqtt_v5_properties *properties)
{
    struct mqtti_reader copy = {reader->at, reader->left}; /* the caller's can be in registers */
    struct mqtti_reader *const chosen = MQTTI_FOR_SIZE ? reader : &copy;
    int32_t result = 0;

    if (!MQTTI_FOR_SIZE && copy.left > 0 && copy.at[0] == 0) {
        mqtti_skip(&copy, 1);
        mqtti_v5_set_properties(properties, NULL, 0);
    } else {
        result = mqtti_v5_read_some_properties(chosen, packet, senders, properties);
    }
    reader->at = chosen->at;
    reader->left = chosen->left;
    return result;
}

MQTTI_ENTRY bool mqtt_v5_next_property(const struct mqtt_v5_properties *properties,
                                       size_t *position, struct mqtt_v5_property *out)
{
    const struct mqtt_bytes encoded = properties->encoded;

    /*@ loop invariant *position == \at(*position, Pre) ||
          \at(*position, Pre) < *position <= encoded.length;
        loop assigns *position, *out;
        loop variant encoded.length - *position; */
    while (*position < encoded.length) {
        struct mqtti_reader reader = {encoded.data + *position, encoded.length - *position};
        const uint8_t id = reader.at[0];
        const uint32_t rule = mqtti_v5_rule(id);
        const unsigned type = mqtti_v5_type(rule);

        mqtti_skip(&reader, 1);
        if (type == 0 || mqtti_v5_read_value(&reader, type, out) < 0)
            return false;
        *position = encoded.length - reader.left;
        out->id = id;
        if ((properties->without & mqtti_v5_bit(rule)) == 0)
            return true;
    }
    if (*position - encoded.length >= properties->count)
        return false;
    *out = properties->list[*position - encoded.length];
    *position += 1;
    return true;
}

MQTTI_API bool mqtt_v5_find_property(const struct mqtt_v5_properties *properties,
                                     enum mqtt_v5_property_id id, struct mqtt_v5_property *out)
{
    struct mqtt_v5_property property;
    size_t position = 0;

    /*@ loop invariant position <= properties->encoded.length + properties->count;
        loop assigns position, property;
        loop variant properties->encoded.length + properties->count - position; */
    while (mqtt_v5_next_property(properties, &position, &property)) {
        if (property.id == id) {
            *out = property;
            return true;
        }
    }
    return false;
}

/* Writes a property that has been checked. */
MQTTI_SHARED void mqtti_v5_put_property(struct mqtti_writer *writer,
                                        const struct mqtt_v5_property *property)
{
    writer->at = mqtti_put_u8(writer->at, property->id);
    mqtti_v5_write_value(writer, property, mqtti_v5_rule(property->id));
}

MQTTI_ENTRY int32_t mqtt_v5_encode_property(void *buffer, size_t capacity,
                                            const struct mqtt_v5_property *property)
{
    const uint32_t rule = mqtti_v5_rule(property->id);
    struct mqtti_writer writer = {NULL, 1, 0};

    if (rule == 0)
        return MQTT_ERROR_PROPERTY_ID; /* 2.2.2.2 */
    mqtti_v5_write_value(&writer, property, rule);
    if (writer.status < 0)
        return writer.status;
    if (buffer != NULL) {
        if (capacity < writer.length)
            return MQTT_ERROR_BUFFER_TOO_SMALL;
        writer.at = (uint8_t *)buffer;
        mqtti_v5_put_property(&writer, property);
    }
    return (int32_t)writer.length;
}

/* Checks the properties of a received packet and measures those that are not left out. */
MQTTI_ASIDE int32_t mqtti_v5_measure_received(struct mqtti_v5_list *list,
                                              const struct mqtt_v5_properties *properties)
{
    struct mqtti_reader reader = {properties->encoded.data, properties->encoded.length};
    const uint32_t most = MQTT_REMAINING_LENGTH_MAX;

    if (reader.left > most) {
        list->length = most + 1;
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.1.4 */
    }
    list->length = (uint32_t)reader.left;
    return mqtti_v5_check_properties(&reader, list, properties->without);
}

/* Checks properties and measures them. `status` is that of the fields before them. Returns that of
 * the first field or property that breaks a rule. */
MQTTI_INLINE int32_t mqtti_v5_measure_list(struct mqtti_v5_list *list,
                                           const struct mqtt_v5_properties *properties,
                                           int32_t status)
{
    const struct mqtt_v5_property *property = properties->list;
    size_t left;
    struct mqtti_writer writer = {NULL, 0, status};

    if (MQTTI_FOR_SIZE || properties->encoded.length > 0) {
        struct mqtti_v5_list copy = *list; /* the caller's can then be in registers */
        const int32_t result = mqtti_v5_measure_received(MQTTI_FOR_SIZE ? list : &copy, properties);
        if (!MQTTI_FOR_SIZE)
            *list = copy;
        if (writer.status == 0)
            writer.status = result;
        writer.length = list->length;
    }
    for (left = properties->count; left > 0; left--, property++) {
        const uint32_t rule = mqtti_v5_rule(property->id);
        if (writer.status == 0)
            writer.status = mqtti_v5_check_rule(list, rule);
        writer.length++; /* identifier */
        mqtti_v5_write_value(&writer, property, rule);
    }
    list->length = writer.length;
    return writer.status;
}

/* Writes properties that have been checked, received ones first, without their length. */
MQTTI_ASIDE uint8_t *mqtti_v5_put_received(uint8_t *at, const struct mqtt_v5_properties *properties)
{
    struct mqtti_writer writer = {at, 0, 0};
    struct mqtt_v5_property property;
    size_t position = 0;

    if (!MQTTI_FOR_SIZE && properties->without == 0) {
        position = properties->encoded.length;
        writer.at = mqtti_put_bytes(at, properties->encoded.data, position);
    }
    property.as.pair.name.data = NULL; /* else GCC warns falsely */
    property.as.pair.name.length = 0;
    property.as.pair.value = property.as.pair.name;
    while (mqtt_v5_next_property(properties, &position, &property))
        mqtti_v5_put_property(&writer, &property);
    return writer.at;
}

/* Writes properties that have been checked, without their length. Most are not received ones. */
MQTTI_SHARED uint8_t *mqtti_v5_put_list(uint8_t *at, const struct mqtt_v5_properties *properties)
{
    const struct mqtt_v5_property *property = properties->list;
    size_t left;
    struct mqtti_writer writer = {at, 0, 0};

    if (MQTTI_FOR_SIZE || properties->encoded.length > 0)
        return mqtti_v5_put_received(at, properties);
    for (left = properties->count; left > 0; left--)
        mqtti_v5_put_property(&writer, property++);
    return writer.at;
}

/* mqtti_v5_measure_list and mqtti_v5_put_list, out of line. */
MQTTI_ASIDE int32_t mqtti_v5_measure_some(struct mqtti_v5_list *list,
                                          const struct mqtt_v5_properties *properties,
                                          int32_t status)
{
    return mqtti_v5_measure_list(list, properties, status);
}

MQTTI_ASIDE uint8_t *mqtti_v5_put_some(uint8_t *at, const struct mqtt_v5_properties *properties)
{
    return mqtti_v5_put_list(at, properties);
}

/* Writes properties with their length, or while the writer measures checks them and adds their
 * size. `is_inlined` is true for packets that often have properties. */
MQTTI_SHARED void mqtti_v5_write_properties(struct mqtti_writer *writer, struct mqtti_v5_list *list,
                                            const struct mqtt_v5_properties *properties,
                                            bool is_inlined)
{
    const bool is_list = MQTTI_FOR_SIZE || is_inlined;

    if (writer->at != NULL) {
        writer->at = mqtti_put_remaining_length(writer->at, list->length);
        if (list->length > 0)
            writer->at = is_list ? mqtti_v5_put_list(writer->at, properties)
                                 : mqtti_v5_put_some(writer->at, properties);
        return;
    }
    if (MQTTI_FOR_SIZE || properties->encoded.length + properties->count > 0) {
        writer->status = is_list ? mqtti_v5_measure_list(list, properties, writer->status)
                                 : mqtti_v5_measure_some(list, properties, writer->status);
    }
    mqtti_measure(writer, mqtti_remaining_length_size(list->length) + list->length, 0);
}

/* ============================================================================================
 * 2.4 Reason codes
 * ========================================================================================== */

/* Packets with reason codes. The number of the bit is one less than the packet type. In a
 * DISCONNECT and an AUTH it stands for a server; a client has those of PINGREQ and PINGRESP. */
enum {
    MQTTI_V5_OF_CONNACK = 1 << (MQTT_V5_CONNACK - 1),
    MQTTI_V5_OF_PUBACK = 1 << (MQTT_V5_PUBACK - 1) | 1 << (MQTT_V5_PUBREC - 1),
    MQTTI_V5_OF_PUBREL = 1 << (MQTT_V5_PUBREL - 1) | 1 << (MQTT_V5_PUBCOMP - 1),
    MQTTI_V5_OF_SUBACK = 1 << (MQTT_V5_SUBACK - 1),
    MQTTI_V5_OF_UNSUBACK = 1 << (MQTT_V5_UNSUBACK - 1),
    MQTTI_V5_OF_SERVER = 1 << (MQTT_V5_DISCONNECT - 1),
    MQTTI_V5_OF_CLIENT = 1 << (MQTT_V5_PINGREQ - 1),
    MQTTI_V5_OF_BOTH = MQTTI_V5_OF_SERVER | MQTTI_V5_OF_CLIENT,
    MQTTI_V5_OF_SERVER_AUTH = 1 << (MQTT_V5_AUTH - 1),
    MQTTI_V5_OF_CLIENT_AUTH = 1 << (MQTT_V5_PINGRESP - 1),
    MQTTI_V5_OF_REQUESTS =
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_PUBACK | MQTTI_V5_OF_SUBACK | MQTTI_V5_OF_UNSUBACK
};

/* The row of a reason code in Table 2-6. 3 stands for those that it does not have, like 0x03. */
static inline unsigned mqtti_v5_code_row(unsigned code)
{
    if (code >= 0x80)
        return code <= 0xA2 ? code - 0x80 + 9 : 3;
    if (code == 0x10 || code == 0x11)
        return code - 0x10 + 5;
    if (code == 0x18 || code == 0x19)
        return code - 0x18 + 7;
    return code <= 0x04 ? code : 3;
}

/* The sides that may send this reason code in this packet: MQTTI_CLIENT, MQTTI_SERVER, both, or 0.
 * Table 2-6, with the sides of Tables 3-4, 3-5, 3-10 and 3-11. */
MQTTI_SHARED unsigned mqtti_v5_code_senders(unsigned packet, unsigned code)
{
    static const uint16_t rows[] = {
        MQTTI_V5_OF_REQUESTS | MQTTI_V5_OF_PUBREL | MQTTI_V5_OF_BOTH |
            MQTTI_V5_OF_SERVER_AUTH,                       /* 0x00 */
        MQTTI_V5_OF_SUBACK,                                /* 0x01 */
        MQTTI_V5_OF_SUBACK,                                /* 0x02 */
        0,                                                 /* any other */
        MQTTI_V5_OF_CLIENT,                                /* 0x04 */
        MQTTI_V5_OF_PUBACK,                                /* 0x10, from a server */
        MQTTI_V5_OF_UNSUBACK,                              /* 0x11 */
        MQTTI_V5_OF_SERVER_AUTH | MQTTI_V5_OF_CLIENT_AUTH, /* 0x18 */
        MQTTI_V5_OF_CLIENT_AUTH,                           /* 0x19 */
        MQTTI_V5_OF_REQUESTS | MQTTI_V5_OF_BOTH,           /* 0x80 */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_BOTH,            /* 0x81 */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_BOTH,            /* 0x82 */
        MQTTI_V5_OF_REQUESTS | MQTTI_V5_OF_BOTH,           /* 0x83 */
        MQTTI_V5_OF_CONNACK,                               /* 0x84 */
        MQTTI_V5_OF_CONNACK,                               /* 0x85 */
        MQTTI_V5_OF_CONNACK,                               /* 0x86 */
        MQTTI_V5_OF_REQUESTS | MQTTI_V5_OF_SERVER,         /* 0x87 */
        MQTTI_V5_OF_CONNACK,                               /* 0x88 */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_SERVER,          /* 0x89 */
        MQTTI_V5_OF_CONNACK,                               /* 0x8A */
        MQTTI_V5_OF_SERVER,                                /* 0x8B */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_BOTH,            /* 0x8C, not in Table 3-10 */
        MQTTI_V5_OF_SERVER,                                /* 0x8D */
        MQTTI_V5_OF_SERVER,                                /* 0x8E */
        MQTTI_V5_OF_SUBACK | MQTTI_V5_OF_UNSUBACK | MQTTI_V5_OF_SERVER,                   /* 0x8F */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_PUBACK | MQTTI_V5_OF_BOTH,                      /* 0x90 */
        MQTTI_V5_OF_PUBACK | MQTTI_V5_OF_SUBACK | MQTTI_V5_OF_UNSUBACK,                   /* 0x91 */
        MQTTI_V5_OF_PUBREL,                                                               /* 0x92 */
        MQTTI_V5_OF_BOTH,                                                                 /* 0x93 */
        MQTTI_V5_OF_BOTH,                                                                 /* 0x94 */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_BOTH,                                           /* 0x95 */
        MQTTI_V5_OF_BOTH,                                                                 /* 0x96 */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_PUBACK | MQTTI_V5_OF_SUBACK | MQTTI_V5_OF_BOTH, /* 0x97 */
        MQTTI_V5_OF_BOTH,                                                                 /* 0x98 */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_PUBACK | MQTTI_V5_OF_BOTH,                      /* 0x99 */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_SERVER,                                         /* 0x9A */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_BOTH,   /* 0x9B, from a client too: 3.3.4 */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_SERVER, /* 0x9C */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_SERVER, /* 0x9D */
        MQTTI_V5_OF_SUBACK | MQTTI_V5_OF_SERVER,  /* 0x9E */
        MQTTI_V5_OF_CONNACK | MQTTI_V5_OF_SERVER, /* 0x9F */
        MQTTI_V5_OF_SERVER,                       /* 0xA0 */
        MQTTI_V5_OF_SUBACK | MQTTI_V5_OF_SERVER,  /* 0xA1 */
        MQTTI_V5_OF_SUBACK | MQTTI_V5_OF_SERVER,  /* 0xA2 */
    };
    const unsigned row = rows[mqtti_v5_code_row(code)];
    const unsigned client = packet < MQTT_V5_DISCONNECT ? packet : packet - 2;
    unsigned senders = 0;

    if ((row >> (packet - 1) & 1) != 0)
        senders += MQTTI_SERVER;
    if ((row >> (client - 1) & 1) != 0 &&
        code != MQTT_V5_REASON_NO_MATCHING_SUBSCRIBERS) /* Tables 3-4 and 3-5 */
        senders += MQTTI_CLIENT;
    return senders;
}

/* Reads the rest of a packet that ends with a reason code and properties. Where both or the
 * properties are left out, they are 0x00 and none [3.4.2.1, 3.4.2.2.1, 3.14.2.1, 3.14.2.2.1,
 * 3.15.2.1]. */
MQTTI_ASIDE int32_t mqtti_v5_read_reason(struct mqtti_reader *reader, unsigned packet,
                                         unsigned senders, uint8_t *reason_code,
                                         struct mqtt_v5_properties *properties)
{
    int32_t result;

    *reason_code = reader->left == 0 ? 0 : reader->at[0];
    senders &= mqtti_v5_code_senders(packet, *reason_code);
    if (senders == 0)
        return MQTT_ERROR_REASON_CODE; /* [MQTT-3.2.2-8] [MQTT-3.4.2-1] and so on */
    mqtti_v5_set_properties(properties, NULL, 0);
    if (reader->left == 0)
        return 0;
    mqtti_skip(reader, 1);
    if (reader->left == 0 && packet != MQTT_V5_AUTH)
        return 0;
    result = mqtti_v5_read_properties(reader, packet, senders, properties);
    if (result < 0)
        return result;
    if (packet == MQTT_V5_AUTH && (*reason_code != 0 || properties->encoded.length > 0) &&
        ((uint32_t)result & MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_AUTHENTICATION_METHOD)) == 0)
        return MQTT_ERROR_AUTHENTICATION_METHOD;             /* [MQTT-4.12.0-5] 3.15.2.2.2 */
    return reader->left > 0 ? MQTT_ERROR_TRAILING_BYTES : 0; /* Table 2-5 */
}

/* Encodes a CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT or AUTH. `before` is what stands
 * before the reason code: the connect acknowledge flags, a packet id, or nothing. */
MQTTI_SHARED int32_t mqtti_v5_encode_reason(void *buffer, size_t capacity, unsigned first_byte,
                                            unsigned before, uint8_t reason_code,
                                            const struct mqtt_v5_properties *properties)
{
    const unsigned packet = first_byte / 16;
    const bool has_flags = packet == MQTT_V5_CONNACK;
    const bool has_id = packet >= MQTT_V5_PUBACK && packet <= MQTT_V5_PUBCOMP;
    const unsigned senders = mqtti_v5_code_senders(packet, reason_code);
    struct mqtti_v5_list list;
    struct mqtti_writer writer = {NULL, 0, 0};
    bool has_code;
    bool has_properties;
    int32_t result;

    mqtti_v5_begin_list(&list, packet, senders);
    if (has_id && before == 0)
        writer.status = MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.2.1-5] */
    else if (has_flags && before != 0 && reason_code != 0)
        writer.status = MQTT_ERROR_SESSION_PRESENT; /* [MQTT-3.2.2-6] */
    else if (senders == 0)
        writer.status = MQTT_ERROR_REASON_CODE; /* [MQTT-3.2.2-8] [MQTT-3.4.2-1] and so on */
    mqtti_v5_write_properties(&writer, &list, properties, false);
    has_properties = has_flags || list.length > 0;
    has_code = has_properties || reason_code != 0;
    if (!has_properties) /* the shortest form */
        writer.length = 0;
    if (writer.status == 0 && packet == MQTT_V5_AUTH && has_code &&
        (list.seen & MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_AUTHENTICATION_METHOD)) == 0)
        writer.status = MQTT_ERROR_AUTHENTICATION_METHOD; /* [MQTT-4.12.0-5] 3.15.2.2.2 */
    writer.length += (has_flags ? 1u : 0u) + (has_id ? 2u : 0u) + (has_code ? 1u : 0u);
    result = mqtti_begin_packet(&writer, buffer, capacity, first_byte, 0);
    if (writer.at != NULL) {
        if (has_flags)
            writer.at = mqtti_put_u8(writer.at, before);
        if (has_id)
            writer.at = mqtti_put_u16(writer.at, (uint16_t)before);
        if (has_code)
            writer.at = mqtti_put_u8(writer.at, reason_code);
        if (has_properties)
            mqtti_v5_write_properties(&writer, &list, properties, false);
    }
    return result;
}

/* ============================================================================================
 * What decoders share
 * ========================================================================================== */

MQTTI_SHARED int32_t mqtti_v5_read_string(struct mqtti_reader *reader, enum mqtti_kind kind,
                                          int32_t missing, struct mqtt_string *string)
{
    struct mqtt_bytes field = {NULL, 0};
    const int32_t status = mqtti_read_field(reader, kind, missing, &field);

    *string = mqtti_string_of(field);
    return status;
}

/* Begins to decode a packet, as mqtti_begin_decode does. Sets the type even if it returns an error.
 * */
MQTTI_INLINE int32_t mqtti_v5_begin_decode(struct mqtt_v5_packet *packet, struct mqtti_reader *body,
                                           const uint8_t *bytes, size_t length, unsigned senders)
{
    struct mqtt_v5_fixed_header header;
    int32_t size;

    if (length == 0)
        return MQTT_PACKET_INCOMPLETE;
    size = mqtti_v5_read_fixed_header(&header, bytes, length, senders);
    packet->type = header.type;
    if (size < 0) { /* a rule of the first byte, or of the remaining length */
        packet->error_offset = size == MQTT_ERROR_INTEGER_NOT_SHORTEST ||
                                       size == MQTT_ERROR_REMAINING_LENGTH ||
                                       size == MQTT_ERROR_PROTOCOL_LEVEL
                                   ? 1
                                   : 0;
        return size;
    }
#if SIZE_MAX < 0xFFFFFFFF
    if (header.remaining_length > SIZE_MAX - (size_t)size) {
        packet->error_offset = 1;
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.1.4 */
    }
#endif
    body->at = bytes + size;
    body->left = (size_t)header.remaining_length;
    return length - (size_t)size < body->left ? MQTT_PACKET_INCOMPLETE : size;
}

/* Ends the decoding of a packet of `size` bytes, as mqtti_end_decode does. */
static inline int32_t mqtti_v5_end_decode(struct mqtt_v5_packet *packet,
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

MQTTI_API int32_t mqtt_decode_protocol_level(uint8_t *level, const void *bytes, size_t length)
{
    const uint8_t *at = (const uint8_t *)bytes;
    const char *name = "MQTT";
    uint32_t remaining_length = 0;
    size_t name_length;
    size_t start;
    size_t i;
    int32_t size;

    if (length == 0)
        return MQTT_PACKET_INCOMPLETE;
    if (at[0] / 16 != MQTT_CONNECT)
        return MQTT_ERROR_TYPE; /* 2.1.2 */
    if (at[0] % 16 != 0)
        return MQTT_ERROR_FLAGS; /* [MQTT-2.1.3-1] */
    size = mqtt_decode_remaining_length(&remaining_length, at + 1, length - 1);
    if (size < 0)
        return size;
    if (remaining_length < 2)
        return MQTT_ERROR_REMAINING_LENGTH; /* 2.1.4 */
    start = 1 + (size_t)size + 2;
    if (length < start)
        return MQTT_PACKET_INCOMPLETE;
    name_length = mqtti_get_u16(at + start - 2);
    if (remaining_length - 2 <= name_length)
        return MQTT_ERROR_REMAINING_LENGTH; /* 2.1.4 */
    if (name_length == 6)
        name = "MQIsdp"; /* of MQTT 3.1 */
    else if (name_length != 4)
        return MQTT_ERROR_PROTOCOL_NAME; /* [MQTT-3.1.2-1] */
    /*@ loop invariant 0 <= i <= name_length;
        loop assigns i;
        loop variant name_length - i; */
    for (i = 0; i < name_length && i < length - start; i++) {
        if (at[start + i] != (uint8_t)name[i])
            return MQTT_ERROR_PROTOCOL_NAME; /* [MQTT-3.1.2-1] */
    }
    if (length - start <= name_length)
        return MQTT_PACKET_INCOMPLETE;
    *level = at[start + name_length];
    return (int32_t)(start + name_length) + 1;
}

/* Reads the variable header up to the properties. The least remaining length promises its bytes. */
static inline int32_t mqtti_v5_read_connect_header(struct mqtti_reader *reader,
                                                   struct mqtt_v5_connect *connect)
{
    const uint8_t *const name = reader->at;
    const bool is_too_short = reader->left == MQTTI_CONNECT_HEADER_SIZE + 2;
    unsigned flags;
    int32_t status;

    if (mqtti_get_u16(name) != 4 || mqtti_get_u16(name + 2) != 'M' * 256 + 'Q' ||
        mqtti_get_u16(name + 4) != 'T' * 256 + 'T')
        return MQTT_ERROR_PROTOCOL_NAME; /* [MQTT-3.1.2-1] */
    mqtti_skip(reader, 6);
    if (reader->at[0] != 5)
        return MQTT_ERROR_PROTOCOL_LEVEL; /* [MQTT-3.1.2-2] */
    if (is_too_short) {                   /* for a property length and a client id */
        mqtti_v5_back(reader, name - 1);
        return MQTT_ERROR_REMAINING_LENGTH; /* 2.1.4 */
    }
    mqtti_skip(reader, 1);
    flags = reader->at[0];
    /* The rules are those of 3.1.1, except that a password needs no user name [3.1.2.9]. So the
     * highest bit is set. */
    status = mqtti_check_connect_flags(flags % MQTTI_CONNECT_USER_NAME + MQTTI_CONNECT_USER_NAME);
    if (status < 0) /* [MQTT-3.1.2-3] [MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13] */
        return status;
    connect->clean_start = (flags & MQTTI_CONNECT_CLEAN_SESSION) != 0;
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

/* True if the properties of a CONNECT have authentication data without a method. */
static inline bool mqtti_v5_lacks_method(uint32_t seen)
{
    return (seen & MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_AUTHENTICATION_DATA)) != 0 &&
           (seen & MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_AUTHENTICATION_METHOD)) == 0;
}

static inline int32_t mqtti_v5_read_will(struct mqtti_reader *reader, struct mqtt_v5_will *will)
{
    int32_t status =
        mqtti_v5_read_properties(reader, MQTTI_V5_WILL, MQTTI_CLIENT, &will->properties);

    if (status < 0) /* 3.1.3.2 */
        return status;
    status = mqtti_v5_read_string(reader, MQTTI_TOPIC_NAME, MQTT_ERROR_WILL_MISSING, &will->topic);
    if (status < 0) /* [MQTT-3.1.3-11] */
        return status;
    return mqtti_read_field(reader, MQTTI_BINARY, MQTT_ERROR_WILL_MISSING,
                            &will->payload); /* 3.1.3.4 */
}

/* The fields of the payload stand in this order [MQTT-3.1.3-1]. */
static inline int32_t mqtti_v5_read_connect_fields(struct mqtti_reader *reader,
                                                   struct mqtt_v5_connect *connect)
{
    int32_t status = mqtti_v5_read_connect_header(reader, connect);

    if (status == 0)
        status = mqtti_v5_read_list(reader, MQTT_V5_CONNECT, MQTTI_CLIENT, &connect->properties);
    if (status < 0)
        return status;
    if (mqtti_v5_lacks_method((uint32_t)status))
        return MQTT_ERROR_AUTHENTICATION_METHOD; /* 3.1.2.11.10 */
    /*@ assert reader->at == \at(reader->at, Pre) + (\at(reader->left, Pre) - reader->left); */
    status =
        mqtti_v5_read_string(reader, MQTTI_STRING, MQTT_ERROR_FIELD_PAST_END, &connect->client_id);
    /*@ assert reader->at == \at(reader->at, Pre) + (\at(reader->left, Pre) - reader->left); */
    if (status == 0 && connect->has_will) /* [MQTT-3.1.3-3] [MQTT-3.1.3-4] [MQTT-3.1.2-9] */
        status = mqtti_v5_read_will(reader, &connect->will);
    if (status == 0 && connect->has_user_name) /* [MQTT-3.1.2-17] [MQTT-3.1.3-12] */
        status = mqtti_v5_read_string(reader, MQTTI_STRING, MQTT_ERROR_USER_NAME_MISSING,
                                      &connect->user_name);
    if (status == 0 && connect->has_password) /* [MQTT-3.1.2-19] 3.1.3.6 */
        status =
            mqtti_read_field(reader, MQTTI_BINARY, MQTT_ERROR_PASSWORD_MISSING, &connect->password);
    if (status < 0)
        return status;
    /* No flag announces what is left [MQTT-3.1.2-16] [MQTT-3.1.2-18]. */
    return reader->left > 0 ? MQTT_ERROR_TRAILING_BYTES : 0; /* 3.1.3 */
}

MQTTI_ASIDE int32_t mqtti_v5_decode_connect(struct mqtt_v5_packet *packet, struct mqtti_reader body,
                                            size_t size)
{
    const int32_t status = mqtti_v5_read_connect_fields(&body, &packet->as.connect);

    return mqtti_v5_end_decode(packet, &body, size, status);
}

/* The connect flags of a packet that has been checked. */
static inline unsigned mqtti_v5_connect_flags(const struct mqtt_v5_connect *connect)
{
    unsigned flags = mqtti_flag(connect->clean_start, MQTTI_CONNECT_CLEAN_SESSION) +
                     mqtti_flag(connect->has_password, MQTTI_CONNECT_PASSWORD) +
                     mqtti_flag(connect->has_user_name, MQTTI_CONNECT_USER_NAME);

    if (connect->has_will)
        flags += MQTTI_CONNECT_WILL + connect->will.qos * (unsigned)MQTTI_CONNECT_WILL_QOS_1 +
                 mqtti_flag(connect->will.retain, MQTTI_CONNECT_WILL_RETAIN);
    return flags;
}

/* The properties and the fields of the payload, in this order [MQTT-3.1.3-1]. */
MQTTI_SHARED void mqtti_v5_write_connect(struct mqtti_writer *writer,
                                         const struct mqtt_v5_connect *connect,
                                         struct mqtti_v5_list *list,
                                         struct mqtti_v5_list *will_list)
{
    mqtti_v5_write_properties(writer, list, &connect->properties, false);
    if (writer->status == 0 && mqtti_v5_lacks_method(list->seen))
        writer->status = MQTT_ERROR_AUTHENTICATION_METHOD; /* 3.1.2.11.10 */
    mqtti_write_field(writer, connect->client_id.data, connect->client_id.length,
                      MQTTI_STRING); /* [MQTT-3.1.3-4] */
    if (connect->has_will) {
        mqtti_v5_write_properties(writer, will_list, &connect->will.properties, false);
        mqtti_write_field(writer, connect->will.topic.data, connect->will.topic.length,
                          MQTTI_TOPIC_NAME); /* [MQTT-3.1.3-11] */
        mqtti_write_field(writer, connect->will.payload.data, connect->will.payload.length,
                          MQTTI_BINARY); /* 3.1.3.4 */
    }
    if (connect->has_user_name)
        mqtti_write_field(writer, connect->user_name.data, connect->user_name.length,
                          MQTTI_STRING); /* [MQTT-3.1.3-12] */
    if (connect->has_password)
        mqtti_write_field(writer, connect->password.data, connect->password.length,
                          MQTTI_BINARY); /* 3.1.3.6 */
}

MQTTI_ENTRY int32_t mqtt_v5_encode_connect(void *buffer, size_t capacity,
                                           const struct mqtt_v5_connect *connect)
{
    static const uint8_t name_and_version[7] = {0, 4, 'M', 'Q', 'T', 'T', 5}; /* 3.1.2.1, 3.1.2.2 */
    struct mqtti_v5_list list;
    struct mqtti_v5_list will_list;
    struct mqtti_writer writer = {NULL, MQTTI_CONNECT_HEADER_SIZE, 0};
    int32_t result;

    mqtti_v5_begin_list(&will_list, MQTTI_V5_WILL, MQTTI_CLIENT);
    mqtti_v5_begin_list(&list, MQTT_V5_CONNECT, MQTTI_CLIENT);
    if (connect->has_will && connect->will.qos > 2)
        writer.status = MQTT_ERROR_WILL_QOS; /* [MQTT-3.1.2-12] */
    mqtti_v5_write_connect(&writer, connect, &list, &will_list);
    result = mqtti_begin_packet(&writer, buffer, capacity, MQTT_V5_CONNECT * 16, 0);
    if (writer.at != NULL) {
        writer.at = mqtti_put_bytes(writer.at, name_and_version, sizeof name_and_version);
        writer.at = mqtti_put_u8(writer.at, mqtti_v5_connect_flags(connect));
        writer.at = mqtti_put_u16(writer.at, connect->keep_alive);
        mqtti_v5_write_connect(&writer, connect, &list, &will_list);
    }
    return result;
}

/* ============================================================================================
 * 3.2 CONNACK
 * ========================================================================================== */

/* The least remaining length promises the flags and the reason code. */
static inline int32_t mqtti_v5_read_connack(struct mqtti_reader *reader,
                                            struct mqtt_v5_connack *connack)
{
    const uint8_t flags = reader->at[0];

    if (flags > 1)
        return MQTT_ERROR_CONNACK_FLAGS; /* [MQTT-3.2.2-1] */
    if (flags == 1 && reader->at[1] != 0)
        return MQTT_ERROR_SESSION_PRESENT; /* [MQTT-3.2.2-6] */
    connack->session_present = flags == 1;
    mqtti_skip(reader, 1);
    return mqtti_v5_read_reason(reader, MQTT_V5_CONNACK, MQTTI_SERVER, &connack->reason_code,
                                &connack->properties);
}

MQTTI_API int32_t mqtt_v5_encode_connack(void *buffer, size_t capacity,
                                         const struct mqtt_v5_connack *connack)
{
    return mqtti_v5_encode_reason(buffer, capacity, MQTT_V5_CONNACK * 16, connack->session_present,
                                  connack->reason_code, &connack->properties);
}

/* ============================================================================================
 * 3.3 PUBLISH
 * ========================================================================================== */

static inline void mqtti_v5_set_publish_flags(struct mqtt_v5_publish *publish, unsigned flags)
{
    publish->qos = mqtti_publish_qos(flags);
    publish->dup = (flags & MQTTI_PUBLISH_DUP) != 0;
    publish->retain = (flags & MQTTI_PUBLISH_RETAIN) != 0;
}

/* True if there is neither a topic name nor a topic alias. Goes back to the topic name. */
static inline bool mqtti_v5_lacks_topic(struct mqtti_reader *reader,
                                        const struct mqtt_v5_publish *publish, uint32_t seen)
{
    if (publish->topic.length > 0 || (seen & MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_TOPIC_ALIAS)) != 0)
        return false;
    mqtti_v5_back(reader, publish->topic.data - 2);
    return true;
}

/* Reads a PUBLISH. */
MQTTI_ASIDE int32_t mqtti_v5_read_publish(struct mqtti_reader *reader,
                                          struct mqtt_v5_publish *publish, unsigned flags,
                                          unsigned senders)
{
    /* The topic name can be empty. The least remaining length promises its length. */
    const enum mqtti_kind kind = mqtti_get_u16(reader->at) == 0 ? MQTTI_BINARY : MQTTI_TOPIC_NAME;
    int32_t status = mqtti_v5_read_string(reader, kind, MQTT_ERROR_FIELD_PAST_END, &publish->topic);

    mqtti_v5_set_publish_flags(publish, flags);
    publish->packet_id = 0;
    if (status == 0 && publish->qos > 0)
        status = reader->left < 2 ? MQTT_ERROR_PACKET_ID_MISSING /* 2.2.1 */
                                  : mqtti_read_packet_id(reader, &publish->packet_id);
    if (status < 0) /* [MQTT-3.3.2-1] [MQTT-3.3.2-2] [MQTT-2.2.1-3] [MQTT-2.2.1-4] */
        return status;
    /*@ assert reader->at == \at(reader->at, Pre) + (\at(reader->left, Pre) - reader->left); */
    status = mqtti_v5_read_properties(reader, MQTT_V5_PUBLISH, senders, &publish->properties);
    if (status < 0)
        return status;
    /*@ assert reader->at == \at(reader->at, Pre) + (\at(reader->left, Pre) - reader->left); */
    publish->payload.data = reader->at;
    publish->payload.length = reader->left;
    return mqtti_v5_lacks_topic(reader, publish, (uint32_t)status) ? MQTT_ERROR_TOPIC_MISSING
                                                                   : 0; /* 3.3.2.1 */
}

/* Decodes a PUBLISH from its properties on. */
MQTTI_ASIDE int32_t mqtti_v5_end_publish(struct mqtt_v5_packet *packet, struct mqtti_reader body,
                                         size_t size, unsigned senders)
{
    struct mqtt_v5_publish *const publish = &packet->as.publish;
    int32_t result = mqtti_v5_read_list(&body, MQTT_V5_PUBLISH, senders, &publish->properties);

    publish->payload.data = body.at;
    publish->payload.length = body.left;
    if (result >= 0 && mqtti_v5_lacks_topic(&body, publish, (uint32_t)result))
        result = MQTT_ERROR_TOPIC_MISSING; /* 3.3.2.1 */
    return mqtti_v5_end_decode(packet, &body, size, result);
}

/* Reads the remaining length of a packet. `length` is at least 4. Returns the size of the packet, or
 * 0 if the remaining length is wrong or the packet has not arrived whole. */
MQTTI_INLINE uint32_t mqtti_v5_begin_usual(struct mqtti_reader *body, const uint8_t *bytes,
                                           size_t length)
{
    uint32_t remaining_length = bytes[1];
    int32_t size = 1;

    if (bytes[1] >= 128 && bytes[2] > 0 && bytes[2] < 128) {
        remaining_length = remaining_length - 128 + bytes[2] * (uint32_t)128; /* 1.5.5 */
        size = 2;
    } else if (bytes[1] >= 128) {
        size = mqtt_v5_decode_integer(&remaining_length, bytes + 1, length - 1);
        if (size < 0)
            return 0;
    }
    body->at = bytes + 1 + size;
    body->left = (size_t)remaining_length;
    return length - 1 - (size_t)size < remaining_length ? 0 : 1 + (uint32_t)size + remaining_length;
}

/* Reads a usual PUBLISH up to its properties. False if the general decoder has to decide. */
MQTTI_INLINE bool mqtti_v5_read_usual_publish(struct mqtti_reader *reader,
                                              struct mqtt_v5_publish *publish, unsigned flags)
{
    const size_t topic_length = mqtti_get_u16(reader->at);

    mqtti_v5_set_publish_flags(publish, flags);
    mqtti_skip(reader, 2);
    if (topic_length > reader->left ||
        (topic_length > 0 &&
         mqtti_left_to_check(reader->at, topic_length, mqtti_low(MQTTI_TOPIC_NAME)) != 0))
        return false;
    publish->topic.data = (const char *)reader->at;
    publish->topic.length = topic_length;
    mqtti_skip(reader, topic_length);
    publish->packet_id = 0;
    if (mqtti_publish_qos(flags) != 0) {
        if (reader->left < 3) /* also for the property length */
            return false;
        publish->packet_id = mqtti_get_u16(reader->at);
        if (publish->packet_id == 0)
            return false;
        mqtti_skip(reader, 2);
    }
    return true;
}

/* The usual PUBLISH: it has arrived whole, and its topic name is plain or empty. */
MQTTI_INLINE int32_t mqtti_v5_decode_usual_publish(struct mqtt_v5_packet *packet,
                                                   const uint8_t *bytes, size_t length,
                                                   unsigned senders)
{
    struct mqtt_v5_publish *const publish = &packet->as.publish;
    const unsigned flags = bytes[0] % 16;
    struct mqtti_reader reader = {NULL, 0};
    const uint32_t size = mqtti_v5_begin_usual(&reader, bytes, length);

    if (size == 0 || reader.left < 3 || mqtti_check_publish_flags((uint8_t)flags) != 0)
        return 0;
    packet->type = MQTT_V5_PUBLISH;
    if (!mqtti_v5_read_usual_publish(&reader, publish, flags))
        return 0;
    if (publish->topic.length == 0 || reader.left == 0 || reader.at[0] != 0)
        return mqtti_v5_end_publish(packet, reader, (size_t)size, senders);
    mqtti_skip(&reader, 1);
    mqtti_v5_set_properties(&publish->properties, NULL, 0);
    publish->payload.data = reader.at;
    publish->payload.length = reader.left;
    return (int32_t)size;
}

/* Returns how many bytes of a PUBLISH stand between its fixed header and its payload, or UINT32_MAX if
 * too few bytes have arrived to say. `reader` has those that have arrived, after the fixed header. */
static inline uint32_t mqtti_v5_size_before_payload(const struct mqtti_reader *reader,
                                                    const struct mqtt_v5_fixed_header *header,
                                                    uint16_t topic_length)
{
    uint32_t needed = 2u + (uint32_t)topic_length;
    uint32_t list_length = 0;
    int32_t size;

    if (mqtti_publish_qos(header->flags) != 0)
        needed += 2;
    if (needed >= header->remaining_length) /* the packet id or the property length is missing */
        return header->remaining_length;
    if (reader->left <= needed)
        return UINT32_MAX;
    size =
        mqtt_v5_decode_integer(&list_length, reader->at + needed, (size_t)(reader->left - needed));
    if (size == MQTT_PACKET_INCOMPLETE && reader->left < header->remaining_length)
        return UINT32_MAX;
    if (size < 0 || list_length > header->remaining_length - needed - (uint32_t)size)
        return (uint32_t)reader->left; /* mqtti_v5_read_publish refuses the property length */
    /*@ assert needed + size + list_length <= header->remaining_length; */
    return needed + (uint32_t)size + list_length;
}

MQTTI_ENTRY int32_t mqtt_v5_decode_publish_header(struct mqtt_v5_publish *publish,
                                                  const void *bytes, size_t length)
{
    const uint8_t *const at = (const uint8_t *)bytes;
    struct mqtt_v5_fixed_header header;
    struct mqtti_reader reader;
    uint16_t topic_length;
    uint32_t needed;
    uint32_t payload_length;
    int32_t size;
    int32_t status;

    if (length > 0 && at[0] / 16 != MQTT_V5_PUBLISH)
        return MQTT_ERROR_TYPE; /* 2.1.2 */
    size = mqtt_v5_decode_fixed_header(&header, bytes, length);
    if (size < 0)
        return size;
    reader.at = at + size;
    reader.left = length - (size_t)size;
    if (reader.left > header.remaining_length)
        reader.left = (size_t)header.remaining_length;
    if (reader.left < 2)
        return MQTT_PACKET_INCOMPLETE;
    topic_length = mqtti_get_u16(reader.at);
    if (2u + (uint32_t)topic_length > header.remaining_length)
        return MQTT_ERROR_FIELD_PAST_END; /* 1.5.4 */
    needed = mqtti_v5_size_before_payload(&reader, &header, topic_length);
    if (reader.left < needed)
        return MQTT_PACKET_INCOMPLETE;
    reader.left = (size_t)needed;
    status = mqtti_v5_read_publish(&reader, publish, header.flags, MQTTI_CLIENT | MQTTI_SERVER);
    if (status < 0)
        return status;
    payload_length = header.remaining_length - needed;
#if SIZE_MAX < 0xFFFFFFFF
    if (payload_length > SIZE_MAX)
        return MQTT_ERROR_PACKET_TOO_LARGE; /* 2.1.4 */
#endif
    publish->payload.data = NULL;
    publish->payload.length = (size_t)payload_length;
    return size + (int32_t)needed;
}

/* `elsewhere` is 0, or the length of a payload that is not written here. */
MQTTI_SHARED int32_t mqtti_v5_write_publish(void *buffer, size_t capacity,
                                            const struct mqtt_v5_publish *publish, size_t elsewhere)
{
    unsigned flags;
    const struct mqtt_string *const topic = &publish->topic;
    const struct mqtt_bytes *const payload = &publish->payload;
    struct mqtti_v5_list list;
    struct mqtti_writer writer = {NULL, publish->qos == 0 ? 0u : 2u, 0};
    int32_t result;

    mqtti_v5_begin_list(&list, MQTT_V5_PUBLISH, MQTTI_CLIENT | MQTTI_SERVER);
    if (publish->qos > 2)
        return MQTT_ERROR_QOS; /* [MQTT-3.3.1-4] */
    if (publish->qos == 0 && publish->dup)
        return MQTT_ERROR_DUP; /* [MQTT-3.3.1-2] */
    if (topic->length == 0)
        mqtti_measure(&writer, 2, 0);
    else
        mqtti_write_field(&writer, topic->data, topic->length,
                          MQTTI_TOPIC_NAME); /* [MQTT-3.3.2-1] */
    if (writer.status == 0 && publish->qos > 0 && publish->packet_id == 0)
        writer.status = MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.2.1-3] [MQTT-2.2.1-4] */
    mqtti_v5_write_properties(&writer, &list, &publish->properties, true);
    if (writer.status == 0 && topic->length == 0 &&
        (list.seen & MQTT_V5_WITHOUT(MQTT_V5_PROPERTY_TOPIC_ALIAS)) == 0)
        writer.status = MQTT_ERROR_TOPIC_MISSING; /* 3.3.2.1 */
    mqtti_measure(&writer, 0, payload->length);
    if (writer.status == 0 && payload->data == NULL && elsewhere < payload->length)
        writer.status = MQTT_ERROR_PAYLOAD_MISSING;
    flags = mqtti_flag(publish->dup, MQTTI_PUBLISH_DUP) +
            publish->qos * (unsigned)MQTTI_PUBLISH_QOS_1 +
            mqtti_flag(publish->retain, MQTTI_PUBLISH_RETAIN);
    result = mqtti_begin_packet(&writer, buffer, capacity, MQTT_V5_PUBLISH * 16 + flags,
                                (uint32_t)elsewhere);
    if (writer.at != NULL) {
        mqtti_write_field(&writer, topic->data, topic->length, MQTTI_BINARY);
        if (publish->qos > 0) /* [MQTT-2.2.1-2] */
            writer.at = mqtti_put_u16(writer.at, publish->packet_id);
        mqtti_v5_write_properties(&writer, &list, &publish->properties, true);
        if (elsewhere < payload->length)
            mqtti_put_bytes(writer.at, payload->data, payload->length);
    }
    return result;
}

MQTTI_ENTRY int32_t mqtt_v5_encode_publish(void *buffer, size_t capacity,
                                           const struct mqtt_v5_publish *publish)
{
    return mqtti_v5_write_publish(buffer, capacity, publish, 0);
}

MQTTI_ENTRY int32_t mqtt_v5_encode_publish_header(void *buffer, size_t capacity,
                                                  const struct mqtt_v5_publish *publish)
{
    return mqtti_v5_write_publish(buffer, capacity, publish, publish->payload.length);
}

MQTTI_API int32_t mqtt_v5_publish_set_dup(void *bytes, size_t length, bool dup)
{
    uint8_t *const first_byte = (uint8_t *)bytes;
    struct mqtt_v5_publish publish;
    const int32_t size = mqtt_v5_decode_publish_header(&publish, bytes, length);

    if (size < 0)
        return size;
    if (dup && publish.qos == 0)
        return MQTT_ERROR_DUP; /* [MQTT-3.3.1-2] */
    if (publish.dup != dup)
        *first_byte ^= MQTTI_PUBLISH_DUP;
    return size;
}

MQTTI_API int32_t mqtt_v5_publish_set_retain(void *bytes, size_t length, bool retain)
{
    uint8_t *const first_byte = (uint8_t *)bytes;
    struct mqtt_v5_publish publish;
    const int32_t size = mqtt_v5_decode_publish_header(&publish, bytes, length);

    if (size < 0)
        return size;
    if (publish.retain != retain)
        *first_byte ^= MQTTI_PUBLISH_RETAIN;
    return size;
}

MQTTI_API int32_t mqtt_v5_publish_set_packet_id(void *bytes, size_t length, uint16_t packet_id)
{
    uint8_t *const at = (uint8_t *)bytes;
    struct mqtt_v5_publish publish;
    const int32_t size = mqtt_v5_decode_publish_header(&publish, bytes, length);

    if (size < 0)
        return size;
    if (publish.qos == 0)
        return MQTT_ERROR_PACKET_ID_AT_QOS_0; /* [MQTT-2.2.1-2] */
    if (packet_id == 0)
        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.2.1-3] [MQTT-2.2.1-4] */
    mqtti_put_u16(at + ((const uint8_t *)publish.topic.data - at) + publish.topic.length,
                  packet_id);
    return size;
}

/* ============================================================================================
 * 3.4 PUBACK, 3.5 PUBREC, 3.6 PUBREL, 3.7 PUBCOMP
 * ========================================================================================== */

static inline int32_t mqtti_v5_read_ack(struct mqtti_reader *reader, unsigned packet,
                                        unsigned senders, struct mqtt_v5_ack *ack)
{
    const int32_t status = mqtti_read_packet_id(reader, &ack->packet_id);

    if (status < 0) /* [MQTT-2.2.1-5] */
        return status;
    return mqtti_v5_read_reason(reader, packet, senders, &ack->reason_code, &ack->properties);
}

/* The usual acknowledgement, without properties: four bytes, or five with a reason code. Its first
 * byte is that of an acknowledgement. */
MQTTI_INLINE int32_t mqtti_v5_decode_usual_ack(struct mqtt_v5_packet *packet, const uint8_t *bytes,
                                               size_t length, unsigned senders)
{
    struct mqtt_v5_ack *const ack = &packet->as.ack;
    const unsigned type = bytes[0] / 16u;
    const bool has_code = bytes[1] != 2;

    if (has_code && (bytes[1] != 3 || length < 5))
        return 0;
    packet->type = (enum mqtt_v5_packet_type)type;
    ack->packet_id = mqtti_get_u16(bytes + 2);
    ack->reason_code = has_code ? bytes[4] : 0;
    mqtti_v5_set_properties(&ack->properties, NULL, 0);
    if (ack->packet_id == 0 ||
        (has_code && (mqtti_v5_code_senders(type, ack->reason_code) & senders) == 0))
        return 0;
    return has_code ? 5 : 4;
}

/* Most acknowledgements have no more than 3.1.1's. */
MQTTI_SHARED int32_t mqtti_v5_encode_ack(void *buffer, size_t capacity, unsigned first_byte,
                                         const struct mqtt_v5_ack *ack)
{
    if (!MQTTI_FOR_SIZE && ack->reason_code == 0 && ack->properties.count == 0 &&
        ack->properties.encoded.length == 0)
        return mqtti_encode_ack(buffer, capacity, first_byte, ack->packet_id);
    return mqtti_v5_encode_reason(buffer, capacity, first_byte, ack->packet_id, ack->reason_code,
                                  &ack->properties);
}

MQTTI_API int32_t mqtt_v5_encode_puback(void *buffer, size_t capacity,
                                        const struct mqtt_v5_ack *ack)
{
    return mqtti_v5_encode_ack(buffer, capacity, MQTT_V5_PUBACK * 16, ack);
}

MQTTI_API int32_t mqtt_v5_encode_pubrec(void *buffer, size_t capacity,
                                        const struct mqtt_v5_ack *ack)
{
    return mqtti_v5_encode_ack(buffer, capacity, MQTT_V5_PUBREC * 16, ack);
}

MQTTI_API int32_t mqtt_v5_encode_pubrel(void *buffer, size_t capacity,
                                        const struct mqtt_v5_ack *ack)
{
    return mqtti_v5_encode_ack(buffer, capacity, MQTT_V5_PUBREL * 16 + MQTTI_FLAG_1,
                               ack); /* [MQTT-3.6.1-1] */
}

MQTTI_API int32_t mqtt_v5_encode_pubcomp(void *buffer, size_t capacity,
                                         const struct mqtt_v5_ack *ack)
{
    return mqtti_v5_encode_ack(buffer, capacity, MQTT_V5_PUBCOMP * 16, ack);
}

/* ============================================================================================
 * 3.8 SUBSCRIBE, 3.10 UNSUBSCRIBE, 3.9 SUBACK, 3.11 UNSUBACK: a packet id, properties and a list
 * ========================================================================================== */

/* Subscription Options [3.8.3.1, Figure 3-20] */
enum {
    MQTTI_V5_OPTIONS_NO_LOCAL = 0x04,
    MQTTI_V5_OPTIONS_RETAIN_AS_PUBLISHED = 0x08,
    MQTTI_V5_OPTIONS_RETAIN_HANDLING_1 = 0x10,
    MQTTI_V5_OPTIONS_RESERVED = 0xC0
};

static inline int32_t mqtti_v5_check_options(unsigned options, bool is_shared)
{
    if ((options & MQTTI_V5_OPTIONS_RESERVED) != 0)
        return MQTT_ERROR_SUBSCRIPTION_OPTIONS; /* [MQTT-3.8.3-5] */
    if (options % 4 == 3)
        return MQTT_ERROR_REQUESTED_QOS; /* 3.8.3.1 */
    if (options / MQTTI_V5_OPTIONS_RETAIN_HANDLING_1 == 3)
        return MQTT_ERROR_RETAIN_HANDLING; /* 3.8.3.1 */
    if ((options & MQTTI_V5_OPTIONS_NO_LOCAL) != 0 && is_shared)
        return MQTT_ERROR_NO_LOCAL_SHARED; /* [MQTT-3.8.3-4] */
    return 0;
}

/* Reads the topic filters up to the end of the packet. In a SUBSCRIBE subscription options follow
 * each. Returns their number or a status [3.8.3, 3.10.3]. */
MQTTI_ASIDE int32_t mqtti_v5_read_filters(struct mqtti_reader *reader, unsigned packet)
{
    int32_t count = 0;

    /*@ loop invariant count >= 0;
        loop invariant 2 * count + reader->left <= \at(reader->left, LoopEntry);
        loop invariant reader->at + reader->left == \at(reader->at + reader->left, LoopEntry);
        loop assigns count, reader->at, reader->left;
        loop variant reader->left; */
    do {
        struct mqtt_string filter;
        int32_t status = mqtti_v5_read_string(
            reader, MQTTI_BINARY, mqtti_no_filter((enum mqtt_packet_type)packet), &filter);
        if (status < 0) /* [MQTT-3.8.3-2] [MQTT-3.10.3-2] */
            return status;
        status = mqtti_v5_check_filter(filter);
        if (status < 0) { /* [MQTT-3.8.3-1] [MQTT-3.10.3-1] */
            mqtti_v5_back(reader, filter.data - 2);
            return status;
        }
        if (packet == MQTT_V5_SUBSCRIBE) {
            if (reader->left == 0)
                return MQTT_ERROR_REQUESTED_QOS_MISSING; /* 3.8.3 */
            status = mqtti_v5_check_options(reader->at[0], status > 0);
            if (status < 0)
                return status;
            mqtti_skip(reader, 1);
        }
        count++;
    } while (reader->left > 0);
    return count;
}

/* Reads the reason codes up to the end of the packet [3.9.3, 3.11.3]. */
static inline int32_t mqtti_v5_read_codes(struct mqtti_reader *reader, unsigned packet)
{
    if (reader->left == 0)
        return MQTT_ERROR_SUBACK_NO_RETURN_CODE; /* Table 2-5 [MQTT-3.8.4-6] */
    /*@ loop invariant reader->left <= \at(reader->left, LoopEntry);
        loop invariant reader->at + reader->left == \at(reader->at + reader->left, LoopEntry);
        loop assigns reader->at, reader->left;
        loop variant reader->left; */
    while (reader->left > 0) {
        if (mqtti_v5_code_senders(packet, reader->at[0]) == 0)
            return MQTT_ERROR_REASON_CODE; /* [MQTT-3.9.3-2] [MQTT-3.11.3-2] */
        mqtti_skip(reader, 1);
    }
    return 0;
}

/* Reads the packet id and the properties of the four packets [3.8.2, 3.9.2, 3.10.2, 3.11.2]. */
static inline int32_t mqtti_v5_read_list_header(struct mqtti_reader *reader, unsigned packet,
                                                uint16_t *packet_id,
                                                struct mqtt_v5_properties *properties)
{
    const int32_t status = mqtti_read_packet_id(reader, packet_id);

    if (status < 0) /* [MQTT-2.2.1-3] [MQTT-2.2.1-6] */
        return status;
    return mqtti_v5_read_properties(reader, packet, MQTTI_CLIENT | MQTTI_SERVER, properties);
}

static inline int32_t mqtti_v5_read_subscribe(struct mqtti_reader *reader,
                                              struct mqtt_v5_subscribe *subscribe)
{
    int32_t result = mqtti_v5_read_list_header(reader, MQTT_V5_SUBSCRIBE, &subscribe->packet_id,
                                               &subscribe->properties);

    if (result < 0)
        return result;
    subscribe->subscriptions = NULL;
    subscribe->encoded.data = reader->at;
    subscribe->encoded.length = reader->left;
    result = mqtti_v5_read_filters(reader, MQTT_V5_SUBSCRIBE);
    subscribe->count = (size_t)result;
    return result;
}

static inline int32_t mqtti_v5_read_unsubscribe(struct mqtti_reader *reader,
                                                struct mqtt_v5_unsubscribe *unsubscribe)
{
    int32_t result = mqtti_v5_read_list_header(reader, MQTT_V5_UNSUBSCRIBE, &unsubscribe->packet_id,
                                               &unsubscribe->properties);

    if (result < 0)
        return result;
    unsubscribe->filters = NULL;
    unsubscribe->encoded.data = reader->at;
    unsubscribe->encoded.length = reader->left;
    result = mqtti_v5_read_filters(reader, MQTT_V5_UNSUBSCRIBE);
    unsubscribe->count = (size_t)result;
    return result;
}

static inline int32_t mqtti_v5_read_suback(struct mqtti_reader *reader, unsigned packet,
                                           struct mqtt_v5_suback *suback)
{
    const int32_t status =
        mqtti_v5_read_list_header(reader, packet, &suback->packet_id, &suback->properties);

    if (status < 0)
        return status;
    suback->reason_codes = reader->at;
    suback->count = reader->left;
    return mqtti_v5_read_codes(reader, packet);
}

MQTTI_API bool mqtt_v5_next_subscription(const struct mqtt_v5_subscribe *subscribe,
                                         size_t *position, struct mqtt_v5_subscription *out)
{
    unsigned option_bits;

    if (subscribe->subscriptions != NULL) {
        if (*position >= subscribe->count)
            return false;
        *out = subscribe->subscriptions[*position];
        *position += 1;
        return true;
    }
    if (!mqtti_next_encoded(subscribe->encoded, position, 1, &out->filter))
        return false;
    option_bits = subscribe->encoded.data[*position - 1];
    out->qos = option_bits % 4;
    out->no_local = (option_bits & MQTTI_V5_OPTIONS_NO_LOCAL) != 0;
    out->retain_as_published = (option_bits & MQTTI_V5_OPTIONS_RETAIN_AS_PUBLISHED) != 0;
    out->retain_handling = option_bits / MQTTI_V5_OPTIONS_RETAIN_HANDLING_1 % 4;
    return true;
}

MQTTI_API bool mqtt_v5_next_filter(const struct mqtt_v5_unsubscribe *unsubscribe, size_t *position,
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

/* A sender's packet: `subscriptions` in a SUBSCRIBE, `filters` in an UNSUBSCRIBE. */
struct mqtti_v5_filters {
    unsigned packet;
    uint16_t packet_id;
    size_t count;
    const struct mqtt_v5_subscription *subscriptions;
    const struct mqtt_string *filters;
    const struct mqtt_v5_properties *properties;
};

/* Subscription Options. What is too large is 3, which is never valid. */
static inline unsigned mqtti_v5_options(const struct mqtt_v5_subscription *subscription)
{
    const unsigned qos = subscription->qos;
    const unsigned retain_handling = subscription->retain_handling;

    return (qos < 3 ? qos : 3) + mqtti_flag(subscription->no_local, MQTTI_V5_OPTIONS_NO_LOCAL) +
           mqtti_flag(subscription->retain_as_published, MQTTI_V5_OPTIONS_RETAIN_AS_PUBLISHED) +
           (retain_handling < 3 ? retain_handling : 3) * MQTTI_V5_OPTIONS_RETAIN_HANDLING_1;
}

MQTTI_SHARED void mqtti_v5_write_filters(struct mqtti_writer *writer,
                                         const struct mqtti_v5_filters *list)
{
    size_t i;

    for (i = 0; i < list->count; i++) {
        const bool has_options = list->packet == MQTT_V5_SUBSCRIBE;
        const struct mqtt_string filter =
            has_options ? list->subscriptions[i].filter : list->filters[i];
        const unsigned option_bits = has_options ? mqtti_v5_options(&list->subscriptions[i]) : 0;
        mqtti_write_field(writer, filter.data, filter.length, MQTTI_BINARY);
        if (writer->at == NULL && writer->status == 0) {
            writer->status = mqtti_v5_check_filter(filter); /* [MQTT-3.8.3-1] [MQTT-3.10.3-1] */
            if (writer->status >= 0)
                writer->status = mqtti_v5_check_options(option_bits, writer->status > 0);
        }
        if (writer->at != NULL && has_options)
            writer->at = mqtti_put_u8(writer->at, option_bits);
    }
}

MQTTI_SHARED int32_t mqtti_v5_encode_filters(void *buffer, size_t capacity,
                                             const struct mqtti_v5_filters *filters)
{
    struct mqtti_v5_list list;
    struct mqtti_writer writer = {NULL, MQTTI_PACKET_ID_SIZE, 0};
    int32_t result;

    mqtti_v5_begin_list(&list, filters->packet, MQTTI_CLIENT);
    if (filters->packet_id == 0)
        writer.status = MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.2.1-3] */
    mqtti_v5_write_properties(&writer, &list, filters->properties, false);
    if (writer.status == 0 && filters->count == 0)
        writer.status = mqtti_no_filter((enum mqtt_packet_type)filters->packet);
    mqtti_v5_write_filters(&writer, filters);
    if (filters->packet == MQTT_V5_SUBSCRIBE)
        mqtti_measure(&writer, 0, filters->count); /* subscription options each */
    result = mqtti_begin_packet(&writer, buffer, capacity, filters->packet * 16 + MQTTI_FLAG_1,
                                0); /* [MQTT-3.8.1-1] [MQTT-3.10.1-1] */
    if (writer.at != NULL) {
        writer.at = mqtti_put_u16(writer.at, filters->packet_id);
        mqtti_v5_write_properties(&writer, &list, filters->properties, false);
        mqtti_v5_write_filters(&writer, filters);
    }
    return result;
}

MQTTI_ENTRY int32_t mqtt_v5_encode_subscribe(void *buffer, size_t capacity,
                                             const struct mqtt_v5_subscribe *subscribe)
{
    const struct mqtti_v5_filters filters = {MQTT_V5_SUBSCRIBE,
                                             subscribe->packet_id,
                                             subscribe->subscriptions == NULL ? 0
                                                                              : subscribe->count,
                                             subscribe->subscriptions,
                                             NULL,
                                             &subscribe->properties};

    return mqtti_v5_encode_filters(buffer, capacity, &filters);
}

MQTTI_ENTRY int32_t mqtt_v5_encode_unsubscribe(void *buffer, size_t capacity,
                                               const struct mqtt_v5_unsubscribe *unsubscribe)
{
    const struct mqtti_v5_filters filters = {MQTT_V5_UNSUBSCRIBE,
                                             unsubscribe->packet_id,
                                             unsubscribe->filters == NULL ? 0 : unsubscribe->count,
                                             NULL,
                                             unsubscribe->filters,
                                             &unsubscribe->properties};

    return mqtti_v5_encode_filters(buffer, capacity, &filters);
}

/* Encodes a packet whose payload exists as bytes: a SUBACK or UNSUBACK, or a decoded SUBSCRIBE or
 * UNSUBSCRIBE. The decoder's functions check it. */
MQTTI_SHARED int32_t mqtti_v5_encode_payload(void *buffer, size_t capacity, unsigned packet,
                                             uint16_t packet_id,
                                             const struct mqtt_v5_properties *properties,
                                             const uint8_t *payload, size_t length)
{
    const bool has_codes = packet == MQTT_V5_SUBACK || packet == MQTT_V5_UNSUBACK;
    struct mqtti_v5_list list;
    struct mqtti_writer writer = {NULL, MQTTI_PACKET_ID_SIZE, 0};
    struct mqtti_reader reader = {payload, length};
    int32_t result;

    mqtti_v5_begin_list(&list, packet, MQTTI_CLIENT | MQTTI_SERVER);
    if (packet_id == 0)
        writer.status = MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.2.1-3] [MQTT-2.2.1-6] */
    mqtti_v5_write_properties(&writer, &list, properties, false);
    mqtti_measure(&writer, 0, length);
    if (writer.status == 0 && writer.length <= MQTT_REMAINING_LENGTH_MAX)
        writer.status = has_codes ? mqtti_v5_read_codes(&reader, packet)
                                  : mqtti_v5_read_filters(&reader, packet);
    result = mqtti_begin_packet(&writer, buffer, capacity,
                                packet * 16 + (has_codes ? 0u : (unsigned)MQTTI_FLAG_1),
                                0); /* [MQTT-3.8.1-1] [MQTT-3.10.1-1] */
    if (writer.at != NULL) {
        writer.at = mqtti_put_u16(writer.at, packet_id);
        mqtti_v5_write_properties(&writer, &list, properties, false);
        mqtti_put_bytes(writer.at, payload, length);
    }
    return result;
}

MQTTI_ENTRY int32_t mqtt_v5_encode_suback(void *buffer, size_t capacity,
                                          const struct mqtt_v5_suback *suback)
{
    return mqtti_v5_encode_payload(buffer, capacity, MQTT_V5_SUBACK, suback->packet_id,
                                   &suback->properties, suback->reason_codes, suback->count);
}

MQTTI_ENTRY int32_t mqtt_v5_encode_unsuback(void *buffer, size_t capacity,
                                            const struct mqtt_v5_suback *unsuback)
{
    return mqtti_v5_encode_payload(buffer, capacity, MQTT_V5_UNSUBACK, unsuback->packet_id,
                                   &unsuback->properties, unsuback->reason_codes, unsuback->count);
}

/* ============================================================================================
 * 3.14 DISCONNECT, 3.15 AUTH
 * ========================================================================================== */

MQTTI_API int32_t mqtt_v5_encode_disconnect(void *buffer, size_t capacity,
                                            const struct mqtt_v5_disconnect *disconnect)
{
    return mqtti_v5_encode_reason(buffer, capacity, MQTT_V5_DISCONNECT * 16, 0,
                                  disconnect->reason_code, &disconnect->properties);
}

MQTTI_API int32_t mqtt_v5_encode_auth(void *buffer, size_t capacity,
                                      const struct mqtt_v5_disconnect *auth)
{
    return mqtti_v5_encode_reason(buffer, capacity, MQTT_V5_AUTH * 16, 0, auth->reason_code,
                                  &auth->properties);
}

/* DISCONNECT or AUTH. */
static inline int32_t mqtti_v5_read_disconnect(struct mqtti_reader *reader, unsigned packet,
                                               unsigned senders,
                                               struct mqtt_v5_disconnect *disconnect)
{
    return mqtti_v5_read_reason(reader, packet, senders, &disconnect->reason_code,
                                &disconnect->properties);
}

/* ============================================================================================
 * Any packet
 * ========================================================================================== */

/* Decodes the most frequent packets by a short path. Returns 0 if the general decoder has to decide. */
MQTTI_INLINE int32_t mqtti_v5_decode_usual(struct mqtt_v5_packet *packet, const uint8_t *bytes,
                                           size_t length, unsigned senders)
{
    if (MQTTI_FOR_SIZE || length < 4)
        return 0;
    if (bytes[0] / 16 == MQTT_V5_PUBLISH)
        return mqtti_v5_decode_usual_publish(packet, bytes, length, senders);
    switch (bytes[0]) {
    case MQTT_V5_PUBACK * 16:
    case MQTT_V5_PUBREC * 16:
    case MQTT_V5_PUBREL * 16 + MQTTI_FLAG_1:
    case MQTT_V5_PUBCOMP * 16:
        return mqtti_v5_decode_usual_ack(packet, bytes, length, senders);
    default:
        return 0;
    }
}

/* Decodes a CONNECT that has arrived whole and whose remaining length has one or two bytes. Returns 0
 * if the general decoder has to decide. */
MQTTI_INLINE int32_t mqtti_v5_decode_usual_connect(struct mqtt_v5_packet *packet,
                                                   const uint8_t *bytes, size_t length)
{
    struct mqtti_reader body = {NULL, 0};
    uint32_t size;

    if (MQTTI_FOR_SIZE || length < 4 || bytes[0] != MQTT_V5_CONNECT * 16 ||
        (bytes[1] >= 128 && bytes[2] >= 128))
        return 0;
    size = mqtti_v5_begin_usual(&body, bytes, length);
    if (size == 0 || body.left < MQTTI_CONNECT_HEADER_SIZE + 2)
        return 0;
    packet->type = MQTT_V5_CONNECT;
    return mqtti_v5_decode_connect(packet, body, (size_t)size);
}

/* As mqtti_v5_decode_usual, and decodes a CONNECT too. */
MQTTI_INLINE int32_t mqtti_v5_decode_usual_from_client(struct mqtt_v5_packet *packet,
                                                       const uint8_t *bytes, size_t length,
                                                       unsigned senders)
{
    const int32_t result = mqtti_v5_decode_usual_connect(packet, bytes, length);

    return result != 0 ? result : mqtti_v5_decode_usual(packet, bytes, length, senders);
}

/* What both sides send. */
MQTTI_INLINE int32_t mqtti_v5_read_from_both(struct mqtt_v5_packet *packet,
                                             struct mqtti_reader *body, unsigned flags,
                                             unsigned senders)
{
    switch (packet->type) {
    case MQTT_V5_PUBLISH:
        return mqtti_v5_read_publish(body, &packet->as.publish, flags, senders);
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBREL:
    case MQTT_V5_PUBCOMP:
        return mqtti_v5_read_ack(body, packet->type, senders, &packet->as.ack);
    case MQTT_V5_DISCONNECT:
        return mqtti_v5_read_disconnect(body, packet->type, senders, &packet->as.disconnect);
    case MQTT_V5_AUTH:
        return mqtti_v5_read_disconnect(body, packet->type, senders, &packet->as.auth);
    default: /* PINGREQ, PINGRESP */
        return 0;
    }
}

/* What a client sends, except CONNECT. */
MQTTI_INLINE int32_t mqtti_v5_read_from_client(struct mqtt_v5_packet *packet,
                                               struct mqtti_reader *body, unsigned flags,
                                               unsigned senders)
{
    switch (packet->type) {
    case MQTT_V5_SUBSCRIBE:
        return mqtti_v5_read_subscribe(body, &packet->as.subscribe);
    case MQTT_V5_UNSUBSCRIBE:
        return mqtti_v5_read_unsubscribe(body, &packet->as.unsubscribe);
    default:
        break;
    }
    return mqtti_v5_read_from_both(packet, body, flags, senders);
}

MQTTI_INLINE int32_t mqtti_v5_read_from_server(struct mqtt_v5_packet *packet,
                                               struct mqtti_reader *body, unsigned flags,
                                               unsigned senders)
{
    switch (packet->type) {
    case MQTT_V5_CONNACK:
        return mqtti_v5_read_connack(body, &packet->as.connack);
    case MQTT_V5_SUBACK:
        return mqtti_v5_read_suback(body, packet->type, &packet->as.suback);
    case MQTT_V5_UNSUBACK:
        return mqtti_v5_read_suback(body, packet->type, &packet->as.unsuback);
    default:
        break;
    }
    return mqtti_v5_read_from_both(packet, body, flags, senders);
}

MQTTI_ENTRY int32_t mqtt_v5_decode(struct mqtt_v5_packet *packet, const void *bytes, size_t length)
{
    const unsigned senders = MQTTI_CLIENT | MQTTI_SERVER;
    const uint8_t *const at = (const uint8_t *)bytes;
    struct mqtti_reader body;
    int32_t result = mqtti_v5_decode_usual_from_client(packet, at, length, senders);
    size_t size;

    if (result != 0)
        return result;
    result = mqtti_v5_begin_decode(packet, &body, at, length, senders);
    if (result < 0)
        return result;
    size = (size_t)result + body.left;
    /*@ assert body.left + 2 <= size <= length; */
    if (packet->type == MQTT_V5_CONNECT)
        return mqtti_v5_decode_connect(packet, body, size);
    if ((mqtti_v5_type_rules(packet->type) & MQTTI_CLIENT) != 0)
        result = mqtti_v5_read_from_client(packet, &body, at[0], senders);
    else
        result = mqtti_v5_read_from_server(packet, &body, at[0], senders);
    return mqtti_v5_end_decode(packet, &body, size, result);
}

MQTTI_ENTRY int32_t mqtt_v5_decode_from_client(struct mqtt_v5_packet *packet, const void *bytes,
                                               size_t length)
{
    const uint8_t *const at = (const uint8_t *)bytes;
    struct mqtti_reader body;
    int32_t result = mqtti_v5_decode_usual_from_client(packet, at, length, MQTTI_CLIENT);
    size_t size;

    if (result != 0)
        return result;
    result = mqtti_v5_begin_decode(packet, &body, at, length, MQTTI_CLIENT);
    if (result < 0)
        return result;
    size = (size_t)result + body.left;
    /*@ assert body.left + 2 <= size <= length; */
    if (packet->type == MQTT_V5_CONNECT)
        return mqtti_v5_decode_connect(packet, body, size);
    result = mqtti_v5_read_from_client(packet, &body, at[0], MQTTI_CLIENT);
    return mqtti_v5_end_decode(packet, &body, size, result);
}

MQTTI_ENTRY int32_t mqtt_v5_decode_from_server(struct mqtt_v5_packet *packet, const void *bytes,
                                               size_t length)
{
    const uint8_t *const at = (const uint8_t *)bytes;
    struct mqtti_reader body;
    int32_t result = mqtti_v5_decode_usual(packet, at, length, MQTTI_SERVER);
    size_t size;

    if (result != 0)
        return result;
    result = mqtti_v5_begin_decode(packet, &body, at, length, MQTTI_SERVER);
    if (result < 0)
        return result;
    size = (size_t)result + body.left;
    result = mqtti_v5_read_from_server(packet, &body, at[0], MQTTI_SERVER);
    return mqtti_v5_end_decode(packet, &body, size, result);
}

MQTTI_ALONE int32_t mqtt_v5_encode(void *buffer, size_t capacity,
                                   const struct mqtt_v5_packet *packet)
{
    const struct mqtt_v5_subscribe *const subscribe = &packet->as.subscribe;
    const struct mqtt_v5_unsubscribe *const unsubscribe = &packet->as.unsubscribe;
    const unsigned first_byte = (unsigned)packet->type * 16;

    switch (packet->type) {
    case MQTT_V5_CONNECT:
        return mqtt_v5_encode_connect(buffer, capacity, &packet->as.connect);
    case MQTT_V5_CONNACK:
        return mqtt_v5_encode_connack(buffer, capacity, &packet->as.connack);
    case MQTT_V5_PUBLISH:
        return mqtt_v5_encode_publish(buffer, capacity, &packet->as.publish);
    case MQTT_V5_PUBREL:
        return mqtt_v5_encode_pubrel(buffer, capacity, &packet->as.ack);
    case MQTT_V5_PUBACK:
    case MQTT_V5_PUBREC:
    case MQTT_V5_PUBCOMP:
        return mqtti_v5_encode_ack(buffer, capacity, first_byte, &packet->as.ack);
    case MQTT_V5_SUBSCRIBE:
        if (subscribe->subscriptions == NULL)
            return mqtti_v5_encode_payload(buffer, capacity, MQTT_V5_SUBSCRIBE,
                                           subscribe->packet_id, &subscribe->properties,
                                           subscribe->encoded.data, subscribe->encoded.length);
        return mqtt_v5_encode_subscribe(buffer, capacity, subscribe);
    case MQTT_V5_SUBACK:
        return mqtt_v5_encode_suback(buffer, capacity, &packet->as.suback);
    case MQTT_V5_UNSUBSCRIBE:
        if (unsubscribe->filters == NULL)
            return mqtti_v5_encode_payload(buffer, capacity, MQTT_V5_UNSUBSCRIBE,
                                           unsubscribe->packet_id, &unsubscribe->properties,
                                           unsubscribe->encoded.data, unsubscribe->encoded.length);
        return mqtt_v5_encode_unsubscribe(buffer, capacity, unsubscribe);
    case MQTT_V5_UNSUBACK:
        return mqtt_v5_encode_unsuback(buffer, capacity, &packet->as.unsuback);
    case MQTT_V5_PINGREQ:
    case MQTT_V5_PINGRESP:
        return mqtti_encode_empty(buffer, capacity, first_byte);
    case MQTT_V5_DISCONNECT:
        return mqtt_v5_encode_disconnect(buffer, capacity, &packet->as.disconnect);
    case MQTT_V5_AUTH:
        return mqtt_v5_encode_auth(buffer, capacity, &packet->as.auth);
    default:
        return MQTT_ERROR_RESERVED_TYPE; /* Table 2-1 */
    }
}

/* ============================================================================================
 * Explanations
 * ========================================================================================== */

struct mqtti_v5_explanation {
    int16_t reason_code; /* the answer, or -1 */
    const char *clause;
    const char *message;
};

static inline const struct mqtti_v5_explanation *mqtti_v5_explain(int32_t status)
{
    static const struct mqtti_v5_explanation explanations[] = {
        /*   0 */ {-1, "", "No error."},
        /*  -1 */ {-1, "", "More bytes are needed."},
        /*  -2 */ {-1, "", "The buffer is smaller than the packet."},
        /*  -3 */ {0x95, "2.1.4", "The packet is too large for its length, or for this machine."},
        /*  -4 */ {0x81, "2.1.2", "The packet type is not one of 1 to 15; 0 is reserved."},
        /*  -5 */ {-1, "", "The packet is of another type."},
        /*  -6 */ {0x82, "2.1.2", "This side may not send packets of this type."},
        /*  -7 */ {0x81, "MQTT-2.1.3-1", "The fixed header flags are not those of this type."},
        /*  -8 */ {0x81, "2.1.4", "The remaining length is not possible for this packet."},
        /*  -9 */ {0x81, "2.3", "Bytes follow the last field that the packet can have."},
        /* -10 */ {0x81, "1.5.4", "A field runs past the end of the packet."},
        /* -11 */ {-1, "1.5.4", "A field is longer than 65,535 bytes."},
        /* -12 */ {0x81, "MQTT-1.5.4-1", "A string is not well-formed UTF-8."},
        /* -13 */ {0x81, "MQTT-1.5.4-2", "A string contains the null character U+0000."},
        /* -14 */ {0x81, "2.2.1", "The packet identifier is missing."},
        /* -15 */ {0x82, "MQTT-2.2.1-3", "The packet identifier is 0."},
        /* -16 */ {-1, "MQTT-2.2.1-2", "A PUBLISH at QoS 0 has no packet identifier."},
        /* -17 */ {0x84, "MQTT-3.1.2-1", "The protocol name is not MQTT."},
        /* -18 */ {0x84, "MQTT-3.1.2-2", "The protocol version is not 5, which is MQTT 5.0."},
        /* -19 */ {0x81, "MQTT-3.1.2-3", "The reserved connect flag is not 0."},
        /* -20 */ {0x82, "MQTT-3.1.2-11", "The will QoS is not 0, but there is no will."},
        /* -21 */ {0x82, "MQTT-3.1.2-13", "The will retain flag is 1, but there is no will."},
        /* -22 */ {0x81, "MQTT-3.1.2-12", "The will QoS is not 0, 1 or 2."},
        /* -23 */ {-1, "", "A password needs no user name in MQTT 5.0."},
        /* -24 */ {-1, "", "A client identifier can be empty in MQTT 5.0."},
        /* -25 */
        {0x81, "MQTT-3.1.2-9", "The will flag is 1, but the topic or payload is missing."},
        /* -26 */ {0x81, "MQTT-3.1.2-17", "The user name flag is 1, but the user name is missing."},
        /* -27 */ {0x81, "MQTT-3.1.2-19", "The password flag is 1, but the password is missing."},
        /* -28 */ {0x81, "MQTT-3.2.2-1", "A reserved connect acknowledge flag is not 0."},
        /* -29 */ {0x82, "MQTT-3.2.2-6", "The session is present, but the connection is refused."},
        /* -30 */ {-1, "", "A CONNACK of MQTT 5.0 has a reason code."},
        /* -31 */ {0x82, "MQTT-3.3.1-2", "The DUP flag is 1 at QoS 0."},
        /* -32 */ {0x81, "MQTT-3.3.1-4", "The QoS is not 0, 1 or 2."},
        /* -33 */ {0x82, "MQTT-3.8.3-2", "The SUBSCRIBE has no topic filter."},
        /* -34 */ {0x81, "3.8.3", "The subscription options after a topic filter are missing."},
        /* -35 */ {0x82, "3.8.3.1", "The maximum QoS of a subscription is not 0, 1 or 2."},
        /* -36 */ {0x81, "2.3", "The SUBACK or UNSUBACK has no reason code."},
        /* -37 */ {-1, "", "A SUBACK of MQTT 5.0 has reason codes."},
        /* -38 */ {0x82, "MQTT-3.10.3-2", "The UNSUBSCRIBE has no topic filter."},
        /* -39 */ {0x82, "MQTT-4.7.3-1", "A topic name or topic filter is empty."},
        /* -40 */ {0x82, "MQTT-4.7.0-1", "A topic name contains a wildcard."},
        /* -41 */ {0x82, "MQTT-4.7.1-1", "The wildcard # is not the whole last level."},
        /* -42 */ {0x82, "MQTT-4.7.1-2", "The wildcard + is not a whole level."},
        /* -43 */ {-1, "", "The payload has a length, but its data is NULL."},
        /* -44 */ {0x81, "MQTT-1.5.5-1", "A variable byte integer has more bytes than it needs."},
        /* -45 */ {0x81, "1.5.5", "A variable byte integer has more than four bytes."},
        /* -46 */ {0x81, "MQTT-2.2.2-1", "The property length is missing."},
        /* -47 */ {0x81, "2.2.2.1", "The properties run past the end of the packet."},
        /* -48 */ {0x81, "2.2.2.2", "A property is unknown, or not allowed in this packet."},
        /* -49 */ {0x82, "2.2.2.2", "A property is not allowed from this side."},
        /* -50 */ {0x81, "2.2.2.2", "A property runs past the end of the properties."},
        /* -51 */ {0x82, "2.2.2", "A property is there twice that is allowed only once."},
        /* -52 */ {0x82, "2.2.2", "The number of a property is out of its range."},
        /* -53 */ {0x94, "MQTT-3.3.2-8", "The topic alias is 0."},
        /* -54 */ {0x82, "3.3.2.1", "There is neither a topic name nor a topic alias."},
        /* -55 */ {0x82, "4.12", "The authentication method is missing."},
        /* -56 */ {0x82, "2.4", "The reason code is not one of this packet from this side."},
        /* -57 */ {0x81, "MQTT-3.8.3-5", "A reserved bit of the subscription options is not 0."},
        /* -58 */ {0x82, "3.8.3.1", "The retain handling of a subscription is not 0, 1 or 2."},
        /* -59 */ {0x82, "MQTT-3.8.3-4", "The no local option of a shared subscription is 1."},
        /* -60 */ {0x82, "4.8.2", "A filter begins with $share/, but is not $share/NAME/FILTER."},
        /* any other */ {-1, "", "This number is not a status."},
    };
    const int32_t last = (int32_t)(sizeof explanations / sizeof explanations[0]) - 1;

    if (status >= 0)
        return &explanations[0];
    return &explanations[status > -last ? -status : last];
}

MQTTI_API const char *mqtt_v5_status_message(int32_t status)
{
    return mqtti_v5_explain(status)->message;
}

MQTTI_API int32_t mqtt_v5_reason_code_for(int32_t status)
{
    return mqtti_v5_explain(status)->reason_code;
}

/* A rule that is another statement in this packet. */
struct mqtti_v5_clause {
    int32_t status;
    enum mqtt_v5_packet_type type;
    const char *clause;
};

/* The row that is about this status in this packet, or `count` if none is. */
static inline unsigned mqtti_v5_clause_row(const struct mqtti_v5_clause *rows, unsigned count,
                                           int32_t status, enum mqtt_v5_packet_type type)
{
    unsigned i = 0;

    /*@ loop invariant 0 <= i <= count;
        loop assigns i;
        loop variant count - i; */
    while (i < count && (rows[i].status != status || rows[i].type != type))
        i++;
    return i;
}

MQTTI_API const char *mqtt_v5_status_clause(int32_t status, enum mqtt_v5_packet_type type)
{
    static const struct mqtti_v5_clause clauses[] = {
        {MQTT_ERROR_FLAGS, MQTT_V5_PUBREL, "MQTT-3.6.1-1"},
        {MQTT_ERROR_FLAGS, MQTT_V5_SUBSCRIBE, "MQTT-3.8.1-1"},
        {MQTT_ERROR_FLAGS, MQTT_V5_UNSUBSCRIBE, "MQTT-3.10.1-1"},
        {MQTT_ERROR_FLAGS, MQTT_V5_DISCONNECT, "MQTT-3.14.1-1"},
        {MQTT_ERROR_FLAGS, MQTT_V5_AUTH, "MQTT-3.15.1-1"},
        {MQTT_ERROR_TRAILING_BYTES, MQTT_V5_CONNECT, "3.1.3"},
        {MQTT_ERROR_PACKET_ID_ZERO, MQTT_V5_PUBACK, "MQTT-2.2.1-5"},
        {MQTT_ERROR_PACKET_ID_ZERO, MQTT_V5_PUBREC, "MQTT-2.2.1-5"},
        {MQTT_ERROR_PACKET_ID_ZERO, MQTT_V5_PUBREL, "MQTT-2.2.1-5"},
        {MQTT_ERROR_PACKET_ID_ZERO, MQTT_V5_PUBCOMP, "MQTT-2.2.1-5"},
        {MQTT_ERROR_PACKET_ID_ZERO, MQTT_V5_SUBACK, "MQTT-2.2.1-6"},
        {MQTT_ERROR_PACKET_ID_ZERO, MQTT_V5_UNSUBACK, "MQTT-2.2.1-6"},
        {MQTT_ERROR_SUBACK_NO_RETURN_CODE, MQTT_V5_SUBACK, "3.9.3"},
        {MQTT_ERROR_SUBACK_NO_RETURN_CODE, MQTT_V5_UNSUBACK, "3.11.3"},
        {MQTT_ERROR_PROPERTY_DIRECTION, MQTT_V5_PUBLISH, "MQTT-3.3.4-6"},
        {MQTT_ERROR_PROPERTY_DIRECTION, MQTT_V5_DISCONNECT, "MQTT-3.14.2-2"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_CONNECT, "3.1.2.11"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_CONNACK, "3.2.2.3"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_PUBLISH, "3.3.2.3"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_PUBACK, "3.4.2.2"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_PUBREC, "3.5.2.2"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_PUBREL, "3.6.2.2"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_PUBCOMP, "3.7.2.2"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_SUBSCRIBE, "3.8.2.1"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_SUBACK, "3.9.2.1"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_UNSUBSCRIBE, "3.10.2.1"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_UNSUBACK, "3.11.2.1"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_DISCONNECT, "3.14.2.2"},
        {MQTT_ERROR_PROPERTY_TWICE, MQTT_V5_AUTH, "3.15.2.2"},
        {MQTT_ERROR_AUTHENTICATION_METHOD, MQTT_V5_CONNECT, "3.1.2.11.10"},
        {MQTT_ERROR_AUTHENTICATION_METHOD, MQTT_V5_AUTH, "3.15.2.2.2"},
        {MQTT_ERROR_REASON_CODE, MQTT_V5_CONNACK, "MQTT-3.2.2-8"},
        {MQTT_ERROR_REASON_CODE, MQTT_V5_PUBACK, "MQTT-3.4.2-1"},
        {MQTT_ERROR_REASON_CODE, MQTT_V5_PUBREC, "MQTT-3.5.2-1"},
        {MQTT_ERROR_REASON_CODE, MQTT_V5_PUBREL, "MQTT-3.6.2-1"},
        {MQTT_ERROR_REASON_CODE, MQTT_V5_PUBCOMP, "MQTT-3.7.2-1"},
        {MQTT_ERROR_REASON_CODE, MQTT_V5_SUBACK, "MQTT-3.9.3-2"},
        {MQTT_ERROR_REASON_CODE, MQTT_V5_UNSUBACK, "MQTT-3.11.3-2"},
        {MQTT_ERROR_REASON_CODE, MQTT_V5_DISCONNECT, "MQTT-3.14.2-1"},
        {MQTT_ERROR_REASON_CODE, MQTT_V5_AUTH, "MQTT-3.15.2-1"},
    };
    /* The rows of PROPERTY_TWICE are those of PROPERTY_VALUE too. */
    const int32_t wanted = status == MQTT_ERROR_PROPERTY_VALUE ? MQTT_ERROR_PROPERTY_TWICE : status;
    const unsigned count = sizeof clauses / sizeof clauses[0];
    const unsigned row = mqtti_v5_clause_row(clauses, count, wanted, type);

    return row < count ? clauses[row].clause : mqtti_v5_explain(status)->clause;
}

MQTTI_API const char *mqtt_v5_packet_type_name(enum mqtt_v5_packet_type type)
{
    if (type == MQTT_V5_AUTH)
        return "AUTH";
    return mqtt_packet_type_name((enum mqtt_packet_type)type);
}

/* The name at an index of names, each with a NUL after it. */
static inline const char *mqtti_v5_name(const char *names, unsigned index)
{
    for (; index > 0; index--) {
        while (*names != '\0')
            names++;
        names++;
    }
    return names;
}

MQTTI_API const char *mqtt_v5_reason_code_name(uint8_t code, enum mqtt_v5_packet_type type)
{
    static const char names[] =
        "Success\0Granted QoS 1\0Granted QoS 2\0Reserved\0Disconnect with Will Message\0"
        "No matching subscribers\0No subscription existed\0Continue authentication\0"
        "Re-authenticate\0Unspecified error\0Malformed Packet\0Protocol Error\0"
        "Implementation specific error\0Unsupported Protocol Version\0"
        "Client Identifier not valid\0Bad User Name or Password\0Not authorized\0"
        "Server unavailable\0Server busy\0Banned\0Server shutting down\0"
        "Bad authentication method\0Keep Alive timeout\0Session taken over\0"
        "Topic Filter invalid\0Topic Name invalid\0Packet Identifier in use\0"
        "Packet Identifier not found\0Receive Maximum exceeded\0Topic Alias invalid\0"
        "Packet too large\0Message rate too high\0Quota exceeded\0Administrative action\0"
        "Payload format invalid\0Retain not supported\0QoS not supported\0Use another server\0"
        "Server moved\0Shared Subscriptions not supported\0Connection rate exceeded\0"
        "Maximum connect time\0Subscription Identifiers not supported\0"
        "Wildcard Subscriptions not supported";

    if (code == 0 && type == MQTT_V5_DISCONNECT)
        return "Normal disconnection";
    if (code == 0 && type == MQTT_V5_SUBACK)
        return "Granted QoS 0";
    return mqtti_v5_name(names, mqtti_v5_code_row(code));
}

MQTTI_API const char *mqtt_v5_property_name(enum mqtt_v5_property_id id)
{
    static const char names[] = /* by identifier */
        "Reserved\0Payload Format Indicator\0Message Expiry Interval\0Content Type\0\0\0\0\0"
        "Response Topic\0Correlation Data\0\0Subscription Identifier\0\0\0\0\0\0"
        "Session Expiry Interval\0Assigned Client Identifier\0Server Keep Alive\0\0"
        "Authentication Method\0Authentication Data\0Request Problem Information\0"
        "Will Delay Interval\0Request Response Information\0Response Information\0\0"
        "Server Reference\0\0\0Reason String\0\0Receive Maximum\0Topic Alias Maximum\0"
        "Topic Alias\0Maximum QoS\0Retain Available\0User Property\0Maximum Packet Size\0"
        "Wildcard Subscription Available\0Subscription Identifier Available\0"
        "Shared Subscription Available";
    const bool is_known = mqtti_v5_rule((unsigned)id) != 0;

    return mqtti_v5_name(names, is_known ? (unsigned)id : 0);
}

#undef MQTTI_V5_TYPE_1
#undef MQTTI_V5_BIT_1
#undef MQTTI_V5_NOT_ZERO
#undef MQTTI_V5_RULE

/* END MQTT 5.0 */

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
