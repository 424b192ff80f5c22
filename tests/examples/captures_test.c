/* Every recorded session: each packet decodes, and is encoded to the same bytes again. */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <dirent.h>
#include <stdio.h>

#if !defined(CAPTURES)
#error "CAPTURES names the folder of the captures"
#endif

typedef int32_t decode(struct mqtt_packet *packet, const void *bytes, size_t length);

struct seen {
    unsigned files;
    unsigned packets[16];
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

static void check_file(const char *name, decode *from_here, decode *from_there, struct seen *seen)
{
    const struct test_block block = read_file(name);
    size_t used = 0;

    while (used < block.length) {
        struct mqtt_packet packet;
        struct mqtt_packet other;
        const uint8_t *bytes = block.bytes + used;
        const int32_t size = from_here(&packet, bytes, block.length - used);
        ck_assert_msg(size > 0, "%s at %zu: %s", name, used, mqtt_status_message(size));
        ck_assert_int_eq(mqtt_decode(&other, bytes, block.length - used), size);
        if (packet.type == MQTT_CONNECT || packet.type == MQTT_CONNACK)
            ck_assert_int_eq(from_there(&other, bytes, block.length - used), MQTT_ERROR_DIRECTION);
        check_packet(name, &packet, bytes, size);
        seen->packets[packet.type]++;
        used += (size_t)size;
    }
    seen->files++;
    test_free(block);
}

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name);

    return length > strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

START_TEST(every_session_both_ways)
{
    struct seen client = {0, {0}};
    struct seen server = {0, {0}};
    DIR *folder = opendir(CAPTURES);
    const struct dirent *entry;
    int type;

    ck_assert_msg(folder != NULL, "%s cannot be opened", CAPTURES);
    while ((entry = readdir(folder)) != NULL) {
        if (ends_with(entry->d_name, ".client.bin"))
            check_file(entry->d_name, mqtt_decode_from_client, mqtt_decode_from_server, &client);
        else if (ends_with(entry->d_name, ".server.bin"))
            check_file(entry->d_name, mqtt_decode_from_server, mqtt_decode_from_client, &server);
        else
            ck_assert_msg(!ends_with(entry->d_name, ".bin"), "%s is of neither side",
                          entry->d_name);
    }
    closedir(folder);
    ck_assert_uint_gt(client.files, 0);
    ck_assert_uint_eq(client.files, server.files);
    for (type = MQTT_CONNECT; type <= MQTT_DISCONNECT; type++)
        ck_assert_msg(client.packets[type] + server.packets[type] > 0, "no capture has a %s",
                      mqtt_packet_type_name((enum mqtt_packet_type)type));
    for (type = MQTT_PUBLISH; type <= MQTT_PUBCOMP; type++)
        ck_assert_msg(client.packets[type] > 0 && server.packets[type] > 0,
                      "%s is not there both ways",
                      mqtt_packet_type_name((enum mqtt_packet_type)type));
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
