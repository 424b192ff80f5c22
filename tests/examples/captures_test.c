/* Every recorded session: each packet decodes, and is encoded to the same bytes again. The names of
 * sessions of MQTT 5.0 begin with "v5-". */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <dirent.h>
#include <stdio.h>

#if !defined(CAPTURES)
#error "CAPTURES names the folder of the captures"
#endif

/* The decoders of both versions for what one side sends */
struct side {
    int32_t (*decode)(struct mqtt_packet *packet, const void *bytes, size_t length);
    int32_t (*v5_decode)(struct mqtt_v5_packet *packet, const void *bytes, size_t length);
};
static const struct side from_client = {mqtt_decode_from_client, mqtt_v5_decode_from_client};
static const struct side from_server = {mqtt_decode_from_server, mqtt_v5_decode_from_server};

/* By version, that of 5.0 second: how many files, and how many packets of each type, were seen. */
struct seen {
    unsigned files[2];
    unsigned packets[2][16];
};

static struct test_block read_file(const char *name)
{
    struct test_block block = {NULL, 0, NULL, 0};
    char path[1024];
    FILE *file;
    long size;

    ck_assert_int_lt(snprintf(path, sizeof path, "%s/%s", CAPTURES, name), (int)sizeof path);
    file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    ck_assert_int_gt(size, 0);
    rewind(file);
    block.length = (size_t)size;
    block.bytes = malloc(block.length);
    ck_assert_ptr_nonnull(block.bytes);
    ck_assert_uint_eq(fread(block.bytes, 1, block.length, file), block.length);
    ck_assert_int_eq(fclose(file), 0);
    return block;
}

static void check_packet(const char *name, const struct mqtt_packet *packet, const uint8_t *bytes,
                         int32_t size)
{
    const struct test_block again = test_copy(bytes, (size_t)size);
    struct mqtt_publish publish;
    int32_t header;

    ck_assert_int_eq(mqtt_encode(NULL, 0, packet), size);
    test_fill(again.bytes, again.length);
    ck_assert_int_eq(mqtt_encode(again.bytes, again.length, packet), size);
    test_assert_bytes(name, again.bytes, bytes, again.length);
    header = mqtt_decode_publish_header(&publish, bytes, (size_t)size);
    if (packet->type == MQTT_PUBLISH)
        ck_assert_uint_eq((size_t)header + publish.payload.length, (size_t)size);
    else
        ck_assert_int_eq(header, MQTT_ERROR_TYPE);
    test_free(again);
}

/* Returns the packet's size. */
static int32_t check_old(const char *name, const struct side *here, const struct side *there,
                         struct test_block rest, unsigned *packets)
{
    struct mqtt_packet packet;
    struct mqtt_packet other;
    const int32_t size = here->decode(&packet, rest.bytes, rest.length);

    ck_assert_msg(size > 0, "%s, %zu bytes before its end: %s", name, rest.length,
                  mqtt_status_message(size));
    ck_assert_int_eq(mqtt_decode(&other, rest.bytes, rest.length), size);
    if (packet.type == MQTT_CONNECT || packet.type == MQTT_CONNACK)
        ck_assert_int_eq(there->decode(&other, rest.bytes, rest.length), MQTT_ERROR_DIRECTION);
    check_packet(name, &packet, rest.bytes, size);
    packets[packet.type]++;
    return size;
}

static int32_t check_v5(const char *name, const struct side *here, const struct side *there,
                        struct test_block rest, unsigned *packets)
{
    struct mqtt_v5_packet packet;
    struct mqtt_v5_packet other;
    struct test_block again;
    const int32_t size = here->v5_decode(&packet, rest.bytes, rest.length);

    ck_assert_msg(size > 0, "%s, %zu bytes before its end: %s", name, rest.length,
                  mqtt_v5_status_message(size));
    ck_assert_int_eq(mqtt_v5_decode(&other, rest.bytes, rest.length), size);
    if (packet.type == MQTT_V5_CONNECT || packet.type == MQTT_V5_CONNACK)
        ck_assert_int_eq(there->v5_decode(&other, rest.bytes, rest.length), MQTT_ERROR_DIRECTION);
    again = test_copy(rest.bytes, (size_t)size);
    test_fill(again.bytes, again.length);
    ck_assert_int_eq(mqtt_v5_encode(again.bytes, again.length, &packet), size);
    test_assert_bytes(name, again.bytes, rest.bytes, again.length);
    test_free(again);
    packets[packet.type]++;
    return size;
}

static void check_file(const char *name, const struct side *here, const struct side *there,
                       struct seen *seen)
{
    const struct test_block block = read_file(name);
    const bool is_v5 = strncmp(name, "v5-", 3) == 0;
    struct test_block rest = block;
    uint8_t level;

    if (here == &from_client) {
        ck_assert_int_gt(mqtt_decode_protocol_level(&level, block.bytes, block.length), 0);
        ck_assert_uint_eq(level, is_v5 ? 5 : 4);
    }
    while (rest.length > 0) {
        const int32_t size =
            (is_v5 ? check_v5 : check_old)(name, here, there, rest, seen->packets[is_v5]);
        rest.bytes += size;
        rest.length -= (size_t)size;
    }
    seen->files[is_v5]++;
    test_free(block);
}

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name);

    return length > strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

START_TEST(every_session_both_ways)
{
    struct seen client = {{0}, {{0}}};
    struct seen server = {{0}, {{0}}};
    DIR *folder = opendir(CAPTURES);
    const struct dirent *entry;
    int version;
    int type;

    ck_assert_msg(folder != NULL, "%s cannot be opened", CAPTURES);
    while ((entry = readdir(folder)) != NULL) {
        if (ends_with(entry->d_name, ".client.bin"))
            check_file(entry->d_name, &from_client, &from_server, &client);
        else if (ends_with(entry->d_name, ".server.bin"))
            check_file(entry->d_name, &from_server, &from_client, &server);
        else
            ck_assert_msg(!ends_with(entry->d_name, ".bin"), "%s is of neither side",
                          entry->d_name);
    }
    closedir(folder);
    for (version = 0; version < 2; version++) {
        const unsigned *up = client.packets[version];
        const unsigned *down = server.packets[version];
        ck_assert_uint_gt(client.files[version], 0);
        ck_assert_uint_eq(client.files[version], server.files[version]);
        for (type = MQTT_CONNECT; type <= MQTT_DISCONNECT; type++) {
            const bool is_ping = type == MQTT_PINGREQ || type == MQTT_PINGRESP;
            ck_assert_msg(up[type] + down[type] > 0 || (version == 1 && is_ping),
                          "no capture has a %s",
                          mqtt_packet_type_name((enum mqtt_packet_type)type));
        }
        for (type = MQTT_PUBLISH; type <= MQTT_PUBCOMP; type++)
            ck_assert_msg(up[type] > 0 && down[type] > 0, "%s is not there both ways",
                          mqtt_packet_type_name((enum mqtt_packet_type)type));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("captures");
    TCase *tests = tcase_create("captures");

    tcase_add_test(tests, every_session_both_ways);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
