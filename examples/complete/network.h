/* SPDX-License-Identifier: MIT
 *
 * network.h: the clock, signals and sockets, for the programs of this folder. It needs POSIX, and it
 * includes program.h.
 */
#if !defined(NETWORK_H)
#define NETWORK_H

#include "program.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

/* ---------------------------------------------------------------------------------------------
 * Time and signals
 * ------------------------------------------------------------------------------------------- */

/* The time of a clock that nobody sets. */
static inline int64_t milliseconds(void)
{
    struct timespec time = {0};

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static inline bool set_nonblocking(int file)
{
    const int flags = fcntl(file, F_GETFL);

    return flags >= 0 && fcntl(file, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Reading end and writing end. A signal handler can reach a global variable only. */
static int signal_pipe[2] = {-1, -1};

static inline void handle_signal(int number)
{
    const int error = errno;

    (void)number;
    (void)!write(signal_pipe[1], "", 1); /* if the pipe is full, it is readable already */
    errno = error;
}

/* From here on SIGINT and SIGTERM make signal_pipe[0] readable, and poll can wait for that. If the
 * handler only set a flag, a signal could come after the flag is read and before poll is called. */
static inline bool watch_signals(void)
{
    struct sigaction action = {0};

    action.sa_handler = handle_signal;
    sigemptyset(&action.sa_mask);
    return pipe(signal_pipe) == 0 && set_nonblocking(signal_pipe[1]) &&
           sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0;
}

/* Makes write return an error if nobody reads the pipe or socket. */
static inline void ignore_broken_pipes(void)
{
    struct sigaction action = {0};

    action.sa_handler = SIG_IGN;
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
}

/* ---------------------------------------------------------------------------------------------
 * Sockets: TCP keeps the order of the bytes and loses none [MQTT-7.1.1-1] [MQTT-7.1.2-1]
 * ------------------------------------------------------------------------------------------- */

/* True if a call on a non-blocking socket has failed for good. */
static inline bool is_lost(ssize_t count)
{
    return count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
}

/* Sends what the socket accepts now. Returns false if the other side is gone. */
static inline bool buffer_send(struct buffer *buffer, int socket)
{
    const ssize_t count = send(socket, buffer_front(buffer), buffer_length(buffer), 0);

    if (count > 0)
        buffer_drop(buffer, (size_t)count);
    return !is_lost(count);
}

/* Receives what has come, at most `size` bytes. There must be room for them. Returns false if the
 * other side has closed or is gone. */
static inline bool buffer_receive(struct buffer *buffer, int socket, size_t size)
{
    const ssize_t count = recv(socket, buffer->bytes + buffer->end, size, 0);

    if (count > 0)
        buffer->end += (size_t)count;
    return count != 0 && !is_lost(count);
}

/* Returns NULL, with an explanation, if there is no such address. */
static inline struct addrinfo *look_up(const char *host, const char *port, int flags)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *found = NULL;
    const int error = getaddrinfo(host, port, &hints, &found);

    if (error == 0)
        return found;
    complain("%s, port %s: %s", host, port, gai_strerror(error));
    return NULL;
}

/* Without this a small packet could wait for the acknowledgement of the bytes before it. */
static inline void send_at_once(int socket)
{
    const int on = 1;

    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Begins to connect and does not wait. Returns -1 and sets errno if that fails. */
static inline int connect_to(const struct addrinfo *address)
{
    const int file = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    int error;

    if (file < 0)
        return -1;
    send_at_once(file);
    if (set_nonblocking(file) &&
        (connect(file, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS))
        return file;
    error = errno;
    close(file);
    errno = error;
    return -1;
}

/* How a connection that connect_to began has ended: 0, or an errno. */
static inline int connect_error(int socket)
{
    int error = 0;
    socklen_t size = sizeof error;

    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

/* Returns -1, with an explanation, if it cannot listen there. */
static inline int listen_at(const char *host, const char *port)
{
    struct addrinfo *address = look_up(host, port, AI_PASSIVE);
    const int on = 1;
    int file;

    if (address == NULL)
        return -1;
    file = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (file < 0 || setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(file, address->ai_addr, address->ai_addrlen) != 0 || listen(file, SOMAXCONN) != 0 ||
        !set_nonblocking(file)) {
        complain("%s, port %s: %s", host, port, strerror(errno));
        if (file >= 0)
            close(file);
        file = -1;
    }
    freeaddrinfo(address);
    return file;
}

#define ACCEPT_PAUSE 1000 /* milliseconds, if must_pause_accepting */

/* An address as text: host, separator, port. */
static inline void name_address(char *text, size_t size, const struct sockaddr *address,
                                socklen_t length, const char *separator)
{
    char host[64];
    char port[8];

    if (getnameinfo(address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(text, size, "%s%s%s", host, separator, port);
    else
        snprintf(text, size, "unknown");
}

/* Accepts a waiting connection and writes the address of its other side to `name`, unless `size` is
 * 0. Returns its socket, which does not block, or -1 if there is none. */
static inline int accept_client(int listener, char *name, size_t size)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr *address = (struct sockaddr *)&storage;
    socklen_t length = sizeof storage;
    const int file = accept(listener, address, &length);

    if (file < 0)
        return -1;
    name_address(name, size, address, length, ":");
    send_at_once(file);
    if (set_nonblocking(file))
        return file;
    close(file);
    return -1;
}

/* True if accept failed because too many files are open. Then the program must pause: poll would
 * report the connection again at once. */
static inline bool must_pause_accepting(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
}

/* The address that a socket listens at; its port may have been chosen for it. */
static inline void name_listener(char *text, size_t size, int listener, const char *separator)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr *address = (struct sockaddr *)&storage;
    socklen_t length = sizeof storage;

    if (getsockname(listener, address, &length) != 0)
        length = 0;
    name_address(text, size, address, length, separator);
}

#endif
