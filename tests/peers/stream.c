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

static void open_on(struct stream *stream, int socket, stream_decode *decode)
{
    memset(stream, 0, sizeof *stream);
    stream->socket = socket;
    stream->decode = decode;
}

void stream_connect(struct stream *stream, unsigned long port)
{
    const struct sockaddr_in address = address_of(port);
    const int client = socket(AF_INET, SOCK_STREAM, 0);

    if (client < 0 || connect(client, (const struct sockaddr *)&address, sizeof address) != 0)
        die("no connection to port %lu: %s", port, strerror(errno));
    open_on(stream, client, mqtt_decode_from_server);
}

void stream_accept(struct stream *stream)
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
    open_on(stream, server, mqtt_decode_from_client);
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

void stream_send(struct stream *stream, const struct mqtt_packet *packet)
{
    const int32_t size = mqtt_encode(NULL, 0, packet);
    uint8_t *bytes;

    if (size <= 0)
        die("a %s cannot be encoded: %s", mqtt_packet_type_name(packet->type),
            mqtt_status_message(size));
    bytes = malloc((size_t)size);
    if (bytes == NULL)
        die("no memory");
    if (encode_by_type(bytes, (size_t)size, packet) != size)
        die("a %s is not of the size announced", mqtt_packet_type_name(packet->type));
    stream_send_bytes(stream, bytes, (size_t)size);
    free(bytes);
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

size_t stream_receive(struct stream *stream, struct mqtt_packet *packet, const uint8_t **bytes)
{
    int32_t size;

    if (stream->taken > 0)
        memmove(stream->bytes, stream->bytes + stream->taken, stream->used - stream->taken);
    stream->used -= stream->taken;
    stream->taken = 0;
    while ((size = stream->decode(packet, stream->bytes, stream->used)) == MQTT_PACKET_INCOMPLETE) {
        if (!receive_more(stream)) {
            if (stream->used > 0)
                die("the connection ends within a packet");
            return 0;
        }
    }
    if (size <= 0)
        die("what was received is refused, byte %lu: %s [%s]", (unsigned long)packet->error_offset,
            mqtt_status_message(size), mqtt_status_clause(size));
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
