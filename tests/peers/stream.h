/* A connection over TCP on which packets go to and fro. Whatever is not as it should be ends the
 * program with a message and status 1. */
#ifndef TESTS_PEERS_STREAM_H
#define TESTS_PEERS_STREAM_H

#include "mqtt_codec.h"

#if defined(__GNUC__)
#define FORMAT_OF_PRINTF __attribute__((format(printf, 1, 2), noreturn))
#else
#define FORMAT_OF_PRINTF
#endif

struct stream {
    int socket;
    bool is_v5;     /* a packet is a struct mqtt_v5_packet, not a struct mqtt_packet */
    bool is_server; /* a client sends what is received */
    uint8_t *bytes;
    size_t capacity;
    size_t used;  /* bytes received */
    size_t taken; /* of them, those of packets given out */
};

void die(const char *format, ...) FORMAT_OF_PRINTF;

/* Ends the program after so many seconds, come what may. */
void stream_limit_time(unsigned seconds);

/* To a port of 127.0.0.1. */
void stream_connect(struct stream *stream, bool is_v5, unsigned long port);

/* Waits for one client on a free port of 127.0.0.1, of which it first prints "port NUMBER". */
void stream_accept(struct stream *stream, bool is_v5);

void stream_send_bytes(struct stream *stream, const uint8_t *bytes, size_t length);
void stream_send(struct stream *stream, const void *packet);

/* Returns the size of the next packet, which starts at *bytes and is there until the next call, or
 * 0 when the other side has closed the connection. */
size_t stream_receive(struct stream *stream, void *packet, const uint8_t **bytes);

void stream_close(struct stream *stream);

#endif
