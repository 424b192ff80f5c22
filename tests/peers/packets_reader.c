/* packets_reader [5.0]: reads packets of MQTT 3.1.1, or of 5.0, each a line of hexadecimal digits,
 * and prints for each what mqtt_encode writes of the packet that mqtt_decode has found, a blank, and
 * its fields; of one that is refused, the reason.
 *
 * Of 5.0 the encoder of the type gets lists, as a sender makes them. */
#include <stdlib.h>
#include <string.h>

#include "../../fuzz/writer.h"
#include "encode_by_type.h"
#include "fields.h"

static void die(const char *message)
{
    fprintf(stderr, "packets_reader: %s\n", message);
    exit(1);
}

/* The value of a digit, or -1. */
static int digit(int c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c == '\0' ? NULL : strchr(digits, c);

    return found == NULL ? -1 : (int)(found - digits);
}

/* One line into *bytes, which grows; false at the end of the input. */
static bool read_line(uint8_t **bytes, size_t *capacity, size_t *length)
{
    int first;

    *length = 0;
    while ((first = getchar()) != '\n') {
        int second;

        if (first == EOF && *length == 0)
            return false;
        second = getchar();
        if (digit(first) < 0 || digit(second) < 0)
            die("the input is not lines of pairs of hexadecimal digits");
        if (*length == *capacity) {
            *capacity = *capacity * 2 + 64;
            *bytes = realloc(*bytes, *capacity);
            if (*bytes == NULL)
                die("no memory");
        }
        (*bytes)[(*length)++] = (uint8_t)(digit(first) << 4 | digit(second));
    }
    return true;
}

static bool is_v5;

union packet {
    struct mqtt_packet v3;
    struct mqtt_v5_packet v5;
};

static int32_t encode(void *buffer, size_t capacity, const union packet *packet)
{
    return is_v5 ? v5_encode_by_type(buffer, capacity, &packet->v5)
                 : mqtt_encode(buffer, capacity, &packet->v3);
}

static void *allocate(size_t count, size_t size)
{
    void *taken = calloc(count + 1, size);

    if (taken == NULL)
        die("no memory");
    return taken;
}

/* The lists of one packet: its properties, and those of its will or its filters. */
static void *lists[2];
static size_t list_count;

static void *make_place(size_t count, size_t size)
{
    return lists[list_count++] = allocate(count, size);
}

/* The decoded properties as a sender has them: a list. There are more bytes than properties. */
static void make_list(struct mqtt_v5_properties *properties)
{
    const struct mqtt_v5_properties decoded = *properties;
    struct mqtt_v5_property *list = make_place(decoded.encoded.length, sizeof *list);
    size_t position = 0;

    memset(properties, 0, sizeof *properties);
    while (mqtt_v5_next_property(&decoded, &position, &list[properties->count]))
        properties->count++;
    properties->list = list;
}

static void make_subscriptions(struct mqtt_v5_subscribe *subscribe)
{
    struct mqtt_v5_subscription *list = make_place(subscribe->count, sizeof *list);
    size_t position = 0;
    size_t i = 0;

    while (mqtt_v5_next_subscription(subscribe, &position, &list[i]))
        i++;
    subscribe->subscriptions = list;
}

static void make_filters(struct mqtt_v5_unsubscribe *unsubscribe)
{
    struct mqtt_string *list = make_place(unsubscribe->count, sizeof *list);
    size_t position = 0;
    size_t i = 0;

    while (mqtt_v5_next_filter(unsubscribe, &position, &list[i]))
        i++;
    unsubscribe->filters = list;
}

/* A decoded packet as a sender fills it in. */
static void make_senders(struct mqtt_v5_packet *packet)
{
    struct mqtt_v5_properties *const properties = mqtt_write_v5_properties_of(packet);

    if (properties != NULL)
        make_list(properties);
    if (packet->type == MQTT_V5_CONNECT && packet->as.connect.has_will)
        make_list(&packet->as.connect.will.properties);
    if (packet->type == MQTT_V5_SUBSCRIBE)
        make_subscriptions(&packet->as.subscribe);
    if (packet->type == MQTT_V5_UNSUBSCRIBE)
        make_filters(&packet->as.unsubscribe);
}

static void print_again(const union packet *packet)
{
    const int32_t size = encode(NULL, 0, packet);
    uint8_t *again = allocate(size > 0 ? (size_t)size : 0, 1);

    if (size <= 0 || encode(again, (size_t)size, packet) != size) {
        printf("not encoded: %s\n", mqtt_v5_status_message(size));
    } else {
        fields_print_hex(stdout, again, (size_t)size);
        putchar(' ');
        if (is_v5)
            fields_v5_print(stdout, &packet->v5);
        else
            fields_print(stdout, &packet->v3);
        putchar('\n');
    }
    free(again);
}

static void print_packet(const uint8_t *bytes, size_t length)
{
    union packet packet;
    const int32_t used =
        is_v5 ? mqtt_v5_decode(&packet.v5, bytes, length) : mqtt_decode(&packet.v3, bytes, length);

    if (used <= 0 || (size_t)used != length) {
        printf("refused: %d of %lu: %s\n", (int)used, (unsigned long)length,
               used > 0 ? "not the whole line" : mqtt_v5_status_message(used));
        return;
    }
    if (is_v5)
        make_senders(&packet.v5);
    print_again(&packet);
    while (list_count > 0)
        free(lists[--list_count]);
}

int main(int argc, char **argv)
{
    uint8_t *bytes = NULL;
    size_t capacity = 0;
    size_t length;

    is_v5 = argc == 2 && strcmp(argv[1], "5.0") == 0;
    if (argc > 2 || (argc == 2 && !is_v5))
        die("usage: packets_reader [5.0]");
    while (read_line(&bytes, &capacity, &length))
        print_packet(bytes, length);
    free(bytes);
    return fflush(stdout) == 0 ? 0 : 1;
}
