#define _POSIX_C_SOURCE 200809L

#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "encode_by_type.h"

void die(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    putc('\n', stderr);
    exit(1);
}

void stream_limit_time(unsigned seconds)
{
    alarm(seconds);
}

static struct sockaddr_in address_of(unsigned long port)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    return address;
}

static void open_on(struct stream *stream, int socket, bool is_v5, bool is_server)
{
    memset(stream, 0, sizeof *stream);
    stream->socket = socket;
    stream->is_v5 = is_v5;
    stream->is_server = is_server;
}

void stream_connect(struct stream *stream, bool is_v5, unsigned long port)
{
    const struct sockaddr_in address = address_of(port);
    const int client = socket(AF_INET, SOCK_STREAM, 0);

    if (client < 0 || connect(client, (const struct sockaddr *)&address, sizeof address) != 0)
        die("no connection to port %lu: %s", port, strerror(errno));
    open_on(stream, client, is_v5, false);
}

void stream_accept(struct stream *stream, bool is_v5)
{
    struct sockaddr_in address = address_of(0);
    socklen_t size = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    int server;

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 1) != 0 || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        die("no port to listen on: %s", strerror(errno));
    printf("port %u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    server = accept(listener, NULL, NULL);
    if (server < 0)
        die("no client: %s", strerror(errno));
    close(listener);
    open_on(stream, server, is_v5, true);
}

void stream_send_bytes(struct stream *stream, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t n = send(stream->socket, bytes, length, MSG_NOSIGNAL);

        if (n <= 0)
            die("nothing can be sent: %s", strerror(errno));
        bytes += n;
        length -= (size_t)n;
    }
}

static int32_t encode(const struct stream *stream, void *buffer, size_t capacity,
                      const void *packet)
{
    return stream->is_v5 ? v5_encode_by_type(buffer, capacity, packet)
                         : encode_by_type(buffer, capacity, packet);
}

void stream_send(struct stream *stream, const void *packet)
{
    const int32_t size = encode(stream, NULL, 0, packet);
    uint8_t *bytes;

    if (size <= 0)
        die("a packet cannot be encoded: %s", mqtt_v5_status_message(size));
    bytes = malloc((size_t)size);
    if (bytes == NULL)
        die("no memory");
    if (encode(stream, bytes, (size_t)size, packet) != size)
        die("a packet is not of the size announced: type %u", (unsigned)bytes[0] / 16);
    stream_send_bytes(stream, bytes, (size_t)size);
    free(bytes);
}

static int32_t decode_v5(const struct stream *stream, struct mqtt_v5_packet *packet)
{
    const int32_t size =
        (stream->is_server ? mqtt_v5_decode_from_client
                           : mqtt_v5_decode_from_server)(packet, stream->bytes, stream->used);

    if (size < MQTT_PACKET_INCOMPLETE)
        die("what was received is refused, byte %lu: %s [%s]", (unsigned long)packet->error_offset,
            mqtt_v5_status_message(size), mqtt_v5_status_clause(size, packet->type));
    return size;
}

static int32_t decode(const struct stream *stream, struct mqtt_packet *packet)
{
    const int32_t size = (stream->is_server ? mqtt_decode_from_client : mqtt_decode_from_server)(
        packet, stream->bytes, stream->used);

    if (size < MQTT_PACKET_INCOMPLETE)
        die("what was received is refused, byte %lu: %s [%s]", (unsigned long)packet->error_offset,
            mqtt_status_message(size), mqtt_status_clause(size));
    return size;
}

/* False: the other side has closed the connection. */
static bool receive_more(struct stream *stream)
{
    ssize_t n;

    if (stream->used == stream->capacity) {
        stream->capacity = stream->capacity * 2 + 256;
        stream->bytes = realloc(stream->bytes, stream->capacity);
        if (stream->bytes == NULL)
            die("no memory");
    }
    n = recv(stream->socket, stream->bytes + stream->used, stream->capacity - stream->used, 0);
    /* One that closes with bytes unread resets the connection. */
    if (n < 0 && errno != ECONNRESET)
        die("nothing can be received: %s", strerror(errno));
    if (n <= 0)
        return false;
    stream->used += (size_t)n;
    return true;
}

size_t stream_receive(struct stream *stream, void *packet, const uint8_t **bytes)
{
    int32_t size;

    if (stream->taken > 0)
        memmove(stream->bytes, stream->bytes + stream->taken, stream->used - stream->taken);
    stream->used -= stream->taken;
    stream->taken = 0;
    while ((size = stream->is_v5 ? decode_v5(stream, packet) : decode(stream, packet)) ==
           MQTT_PACKET_INCOMPLETE) {
        if (!receive_more(stream)) {
            if (stream->used > 0)
                die("the connection ends within a packet");
            return 0;
        }
    }
    stream->taken = (size_t)size;
    *bytes = stream->bytes;
    return stream->taken;
}

void stream_close(struct stream *stream)
{
    close(stream->socket);
    free(stream->bytes);
    memset(stream, 0, sizeof *stream);
}
