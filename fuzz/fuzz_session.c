/* A client and a server in memory, made of encode and decode, with a pipe each way. The input says
 * who publishes what at which QoS, how many bytes arrive when, where the connection is lost and
 * which byte arrives changed.
 *
 * Properties: whatever arrives, nothing is read or written out of bounds, and a state has an end. As
 * long as no byte is changed, no packet is refused, and when all is delivered both sides have the
 * same messages: at QoS 2 each exactly once, at QoS 1 at least once, at QoS 0 at most once; each
 * exactly once if no connection was lost (4.3.1 to 4.3.3). */
#include "fuzz.h"

enum {
    MESSAGES = 24, /* that one side may publish in a run */
    PIPE = 2048,   /* bytes on their way */
    ACTIONS = 200, /* in a run */
    PAYLOAD = 40   /* bytes of the longest */
};

enum state {
    UNUSED = 0,
    PUBLISHED, /* waits for PUBACK or PUBREC */
    RELEASED,  /* waits for PUBCOMP */
    DONE
};

struct message {
    enum state state;
    uint8_t qos;
    bool retain;
    unsigned received; /* how often the other side has got it */
};

struct pipe {
    uint8_t bytes[PIPE];
    size_t length;  /* written */
    size_t arrived; /* of these, what the receiver sees */
};

/* One side. Messages have the packet id of their index and 1. */
struct peer {
    bool is_client;
    bool is_connected;
    unsigned subscribes; /* requests that are not answered */
    struct message messages[MESSAGES];
    size_t count;
    bool seen[MESSAGES]; /* packet ids of the other side at QoS 2, between PUBLISH and PUBREL */
    struct pipe in;
};

struct run {
    struct peer client;
    struct peer server;
    bool is_corrupted;
    bool was_lost;
};

static const char *topic_of(const struct peer *sender, size_t index)
{
    static const char *const topics[2][2] = {{"to/client", "$SYS/\xCE\xBB"},
                                             {"to/server", "a/b/c/d/e/f/g/h/i/j"}};

    return topics[sender->is_client ? 1 : 0][index % 2];
}

/* Fills `payload`: its length and bytes tell one message from another. */
static size_t payload_of(const struct peer *sender, size_t index, uint8_t *payload)
{
    const size_t length = 2 + index % (PAYLOAD - 1);
    size_t i;

    payload[0] = (uint8_t)index;
    payload[1] = sender->is_client ? 'c' : 's';
    for (i = 2; i < length; i++)
        payload[i] = (uint8_t)(index * 7 + i);
    return length;
}

static struct peer *other_of(struct run *run, const struct peer *peer)
{
    return peer == &run->client ? &run->server : &run->client;
}

/* A connection is gone: what is on its way is lost, what is kept is kept. */
static void lose_connection(struct run *run)
{
    run->client.in.length = run->client.in.arrived = 0;
    run->server.in.length = run->server.in.arrived = 0;
    run->client.is_connected = run->server.is_connected = false;
    run->client.subscribes = 0;
    run->was_lost = true;
}

/* False if there is no room for it now. */
static bool send_packet(struct run *run, struct peer *from, const struct mqtt_packet *packet)
{
    struct pipe *pipe = &other_of(run, from)->in;
    const int32_t size =
        mqtt_encode(pipe->bytes + pipe->length, sizeof pipe->bytes - pipe->length, packet);

    FUZZ_CHECK(size > 0 || size == MQTT_ERROR_BUFFER_TOO_SMALL);
    if (size < 0)
        return false;
    pipe->length += (size_t)size;
    return true;
}

/* An answer that finds no room would have to wait; here the connection is given up instead. */
static void answer(struct run *run, struct peer *from, enum mqtt_packet_type type,
                   uint16_t packet_id)
{
    struct mqtt_packet packet;

    memset(&packet, 0, sizeof packet);
    packet.type = type;
    packet.as.ack.packet_id = packet_id;
    if (!send_packet(run, from, &packet))
        lose_connection(run);
}

static bool send_publish(struct run *run, struct peer *from, size_t index, bool dup)
{
    const struct message *message = &from->messages[index];
    uint8_t payload[PAYLOAD + 1];
    struct mqtt_packet packet;

    memset(&packet, 0, sizeof packet);
    packet.type = MQTT_PUBLISH;
    packet.as.publish.topic = mqtt_string_from(topic_of(from, index));
    packet.as.publish.payload.data = payload;
    packet.as.publish.payload.length = payload_of(from, index, payload);
    packet.as.publish.qos = message->qos;
    packet.as.publish.retain = message->retain;
    packet.as.publish.dup = dup;
    packet.as.publish.packet_id = (uint16_t)(index + 1);
    return send_packet(run, from, &packet);
}

static void publish(struct run *run, struct peer *from, uint8_t choice)
{
    struct message *message = &from->messages[from->count];

    if (from->count == MESSAGES || !from->is_connected)
        return;
    message->qos = choice % 3;
    message->retain = choice >= 128;
    if (!send_publish(run, from, from->count, false))
        return;
    message->state = message->qos == 0 ? DONE : PUBLISHED;
    from->count++;
}

/* 4.4: what is not acknowledged is sent again, in its order. */
static void send_again(struct run *run, struct peer *from)
{
    size_t i;

    for (i = 0; i < from->count && from->is_connected; i++) {
        if (from->messages[i].state == PUBLISHED && !send_publish(run, from, i, true))
            lose_connection(run);
        else if (from->messages[i].state == RELEASED)
            answer(run, from, MQTT_PUBREL, (uint16_t)(i + 1));
    }
}

static void connect(struct run *run)
{
    struct mqtt_packet packet;

    if (run->client.is_connected || run->client.in.length > 0 || run->server.in.length > 0)
        return;
    memset(&packet, 0, sizeof packet);
    packet.type = MQTT_CONNECT;
    packet.as.connect.client_id = mqtt_string_from("client");
    packet.as.connect.keep_alive = 60;
    send_packet(run, &run->client, &packet);
}

static void subscribe(struct run *run)
{
    static const struct mqtt_subscription wanted[] = {{{"to/+", 4}, 2}, {{"$SYS/#", 6}, 1}};
    struct mqtt_packet packet;

    if (!run->client.is_connected)
        return;
    memset(&packet, 0, sizeof packet);
    packet.type = MQTT_SUBSCRIBE;
    packet.as.subscribe.packet_id = 100;
    packet.as.subscribe.subscriptions = wanted;
    packet.as.subscribe.count = 2;
    if (send_packet(run, &run->client, &packet))
        run->client.subscribes++;
}

static void unsubscribe(struct run *run)
{
    static const struct mqtt_string given_up[] = {{"to/+", 4}};
    struct mqtt_packet packet;

    if (!run->client.is_connected)
        return;
    memset(&packet, 0, sizeof packet);
    packet.type = MQTT_UNSUBSCRIBE;
    packet.as.unsubscribe.packet_id = 101;
    packet.as.unsubscribe.filters = given_up;
    packet.as.unsubscribe.count = 1;
    if (send_packet(run, &run->client, &packet))
        run->client.subscribes++;
}

static void ping(struct run *run)
{
    if (run->client.is_connected)
        answer(run, &run->client, MQTT_PINGREQ, 0);
}

static void receive_connect(struct run *run, struct peer *server)
{
    struct mqtt_packet packet;

    memset(&packet, 0, sizeof packet);
    packet.type = MQTT_CONNACK;
    packet.as.connack.session_present = run->was_lost;
    server->is_connected = true;
    if (send_packet(run, server, &packet))
        send_again(run, server);
    else
        lose_connection(run);
}

static void receive_subscribe(struct run *run, struct peer *server,
                              const struct mqtt_subscribe *request)
{
    uint8_t codes[4];
    struct mqtt_subscription entry;
    struct mqtt_packet packet;
    size_t position = 0;

    memset(&packet, 0, sizeof packet);
    packet.type = MQTT_SUBACK;
    packet.as.suback.packet_id = request->packet_id;
    packet.as.suback.return_codes = codes;
    while (packet.as.suback.count < sizeof codes &&
           mqtt_next_subscription(request, &position, &entry))
        codes[packet.as.suback.count++] = entry.qos;
    if (!send_packet(run, server, &packet))
        lose_connection(run);
}

/* Which message of the other side this is; MESSAGES: none, which only a changed byte brings about. */
static size_t find_message(struct run *run, const struct peer *sender,
                           const struct mqtt_publish *received)
{
    uint8_t payload[PAYLOAD + 1];
    struct mqtt_bytes expected;
    const size_t index = received->payload.length > 0 ? received->payload.data[0] : MESSAGES;

    if (run->is_corrupted && index >= sender->count)
        return MESSAGES;
    FUZZ_CHECK(index < sender->count);
    expected.data = payload;
    expected.length = payload_of(sender, index, payload);
    if (!run->is_corrupted) {
        FUZZ_CHECK(fuzz_same_bytes(received->payload, expected));
        FUZZ_CHECK(fuzz_same_string(received->topic, mqtt_string_from(topic_of(sender, index))));
        FUZZ_CHECK(received->qos == sender->messages[index].qos);
        FUZZ_CHECK(received->retain == sender->messages[index].retain);
        FUZZ_CHECK(received->packet_id == (received->qos > 0 ? index + 1 : 0));
    }
    return index;
}

static void receive_publish(struct run *run, struct peer *to, const struct mqtt_publish *received)
{
    struct peer *sender = other_of(run, to);
    const size_t index = find_message(run, sender, received);

    if (index == MESSAGES)
        return;
    if (received->qos < 2 || !to->seen[index])
        sender->messages[index].received++;
    if (received->qos == 2)
        to->seen[index] = true;
    if (received->qos > 0)
        answer(run, to, received->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, received->packet_id);
}

static void receive_ack(struct run *run, struct peer *to, enum mqtt_packet_type type,
                        uint16_t packet_id)
{
    struct message *message;

    if (packet_id > MESSAGES) {
        FUZZ_CHECK(run->is_corrupted);
        return;
    }
    message = &to->messages[packet_id - 1];
    if (type == MQTT_PUBREL) {
        to->seen[packet_id - 1] = false;
        answer(run, to, MQTT_PUBCOMP, packet_id);
    } else if (type == MQTT_PUBREC) {
        message->state = RELEASED;
        answer(run, to, MQTT_PUBREL, packet_id);
    } else {
        message->state = DONE;
    }
}

static void receive_packet(struct run *run, struct peer *to, const struct mqtt_packet *packet)
{
    switch (packet->type) {
    case MQTT_CONNECT:
        receive_connect(run, to);
        break;
    case MQTT_CONNACK:
        to->is_connected = true;
        send_again(run, to);
        break;
    case MQTT_PUBLISH:
        receive_publish(run, to, &packet->as.publish);
        break;
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        receive_ack(run, to, packet->type, packet->as.ack.packet_id);
        break;
    case MQTT_SUBSCRIBE:
        receive_subscribe(run, to, &packet->as.subscribe);
        break;
    case MQTT_UNSUBSCRIBE:
        answer(run, to, MQTT_UNSUBACK, packet->as.unsubscribe.packet_id);
        break;
    case MQTT_SUBACK:
        FUZZ_CHECK(run->is_corrupted || packet->as.suback.count == 2);
        to->subscribes--;
        break;
    case MQTT_UNSUBACK:
        to->subscribes--;
        break;
    case MQTT_PINGREQ:
        answer(run, to, MQTT_PINGRESP, 0);
        break;
    case MQTT_DISCONNECT:
        lose_connection(run);
        break;
    default:
        break;
    }
}

/* Takes the whole packets that have arrived, from a block of exactly their bytes. */
static void receive(struct run *run, struct peer *to)
{
    const struct fuzz_block block = fuzz_copy(to->in.bytes, to->in.arrived);
    struct mqtt_packet packet;
    size_t used = 0;
    int32_t n = 0;

    while (to->in.arrived > 0) {
        n = to->is_client
                ? mqtt_decode_from_server(&packet, block.bytes + used, block.length - used)
                : mqtt_decode_from_client(&packet, block.bytes + used, block.length - used);
        if (n <= 0)
            break;
        used += (size_t)n;
        to->in.length -= (size_t)n;
        to->in.arrived -= (size_t)n;
        memmove(to->in.bytes, to->in.bytes + n, to->in.length);
        receive_packet(run, to, &packet);
    }
    fuzz_free(block);
    if (n < 0 && n != MQTT_PACKET_INCOMPLETE) {
        FUZZ_CHECK(run->is_corrupted);
        lose_connection(run);
    }
}

static void deliver(struct run *run, struct peer *to, size_t count)
{
    const size_t waiting = to->in.length - to->in.arrived;

    to->in.arrived += count < waiting ? count : waiting;
    receive(run, to);
}

/* Changes one byte that has not arrived yet. */
static void corrupt(struct run *run, struct peer *to, struct fuzz_input *input)
{
    const size_t place = fuzz_u8(input);
    const uint8_t change = fuzz_u8(input);

    if (to->in.length - to->in.arrived > place && change != 0) {
        to->in.bytes[to->in.arrived + place] ^= change;
        run->is_corrupted = true;
    }
}

static void act(struct run *run, struct fuzz_input *input)
{
    const uint8_t action = fuzz_u8(input);
    struct peer *peer = action % 2 == 0 ? &run->client : &run->server;

    switch (action / 2 % 8) {
    case 0:
    case 1:
        publish(run, peer, fuzz_u8(input));
        break;
    case 2:
    case 3:
        deliver(run, peer, fuzz_u8(input));
        break;
    case 4:
        connect(run);
        break;
    case 5:
        if (action < 128)
            subscribe(run);
        else
            unsubscribe(run);
        break;
    case 6:
        ping(run);
        break;
    default:
        if (action < 64)
            lose_connection(run);
        else if (action >= 192)
            corrupt(run, peer, input);
    }
}

/* Until nothing is on its way; the bound is for states that changed bytes lead to. */
static void deliver_all(struct run *run)
{
    unsigned rounds;

    for (rounds = 0; rounds < 1000 && run->client.in.length + run->server.in.length > 0; rounds++) {
        deliver(run, &run->server, PIPE);
        deliver(run, &run->client, PIPE);
        if (run->is_corrupted) /* what waits for bytes that never come */
            return;
    }
    FUZZ_CHECK(rounds < 1000);
}

static void check_messages(const struct run *run, const struct peer *sender)
{
    size_t i;

    for (i = 0; i < sender->count; i++) {
        const struct message *message = &sender->messages[i];
        FUZZ_CHECK(message->state == DONE);
        if (message->qos == 2 || !run->was_lost)
            FUZZ_CHECK(message->received == 1);
        else if (message->qos == 1)
            FUZZ_CHECK(message->received >= 1);
        else
            FUZZ_CHECK(message->received <= 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run run;
    struct fuzz_input input;
    unsigned i;

    memset(&run, 0, sizeof run);
    run.client.is_client = true;
    input.at = data;
    input.left = size;
    connect(&run);
    for (i = 0; i < ACTIONS && input.left > 0; i++)
        act(&run, &input);
    for (i = 0; i < 4 && !run.is_corrupted; i++) { /* an answer without room costs a connection */
        deliver_all(&run);
        connect(&run);
    }
    if (!run.is_corrupted) {
        check_messages(&run, &run.client);
        check_messages(&run, &run.server);
        FUZZ_CHECK(run.client.subscribes == 0);
    }
    return 0;
}
