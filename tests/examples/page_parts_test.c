/* The tables of examples/page/page.c against the codec: every packet of packets.txt and packets_v5.txt,
 * and every beginning of one. Each is in an exact-size block, so that sanitizers see one byte too many. */
/* NOLINTNEXTLINE(bugprone-suspicious-include): its tables are private */
#include "../../examples/page/page.c"
#include "corpus.h"

#define MOST_PARTS 256

/* The corpus of each version */
static struct {
    enum version version;
    const struct corpus_case *cases;
    size_t count;
} corpora[] = {{VERSION_3_1_1, NULL, 0}, {VERSION_5_0, NULL, 0}};

/* The parts follow each other and are all bytes, bits are bits of the byte before them. */
static void assert_covered(const char *name, const struct part *parts, uint32_t count,
                           uint32_t length)
{
    uint32_t end = 0;
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (is_bits(parts[i].field)) {
            ck_assert_msg(i > 0 && parts[i].offset + 1 == end && parts[i].length == 1, "%s", name);
            continue;
        }
        ck_assert_msg(parts[i].offset == end, "%s: part %u begins at %u, not at %u", name,
                      (unsigned)i, (unsigned)parts[i].offset, (unsigned)end);
        end += parts[i].length;
    }
    ck_assert_msg(end == length, "%s: %u bytes of %u", name, (unsigned)end, (unsigned)length);
}

static uint32_t count_state(const struct part *parts, uint32_t count, enum state state)
{
    uint32_t found = 0;
    uint32_t i;

    for (i = 0; i < count; i++)
        found += parts[i].state == state;
    return found;
}

/* The bad part is where the decoder says, and only bytes that are not read are after it. */
static void assert_marked(const char *name, const struct part *parts, uint32_t count,
                          uint32_t offset)
{
    uint32_t i = 0;

    ck_assert_msg(count_state(parts, count, STATE_BAD) == 1, "%s", name);
    while (parts[i].state != STATE_BAD)
        i++;
    ck_assert_msg(parts[i].offset == offset, "%s: %u, not %u", name, (unsigned)parts[i].offset,
                  (unsigned)offset);
    for (i++; i < count; i++)
        ck_assert_msg(is_bits(parts[i].field) || parts[i].state == STATE_NOT_READ, "%s", name);
    ck_assert_msg(count_state(parts, count, STATE_CUT) == 0, "%s", name);
}

/* The fields of a case of the corpus are as its verdict says. */
static void check_case(enum version version, const struct corpus_case *item)
{
    static struct part parts[MOST_PARTS];
    const struct test_block block = test_copy(item->bytes.bytes, item->bytes.length);
    const struct record record = inspect(block.bytes, (uint32_t)block.length, SIDE_EITHER, version);
    const bool is_refused = record.status < MQTT_PACKET_INCOMPLETE;
    uint32_t count;

    ck_assert_msg(record.status == item->status, "%s", item->name);
    count = page_parts(version, block.bytes, record.size, record.status,
                       is_refused ? record.error_offset : UINT32_MAX, parts, MOST_PARTS);
    assert_covered(item->name, parts, count, record.size);
    if (item->status == 0) {
        ck_assert_msg(record.size == block.length && record.total == block.length, "%s",
                      item->name);
        ck_assert_msg(count_state(parts, count, STATE_GOOD) == count, "%s", item->name);
    } else if (item->status == MQTT_PACKET_INCOMPLETE) {
        ck_assert_msg(count_state(parts, count, STATE_BAD) == 0, "%s", item->name);
    } else {
        assert_marked(item->name, parts, count, item->offset);
        for (count--; parts[count].state != STATE_BAD; count--)
            ;
        if (item->status == MQTT_ERROR_AUTHENTICATION_METHOD)
            ck_assert_uint_eq(parts[count].field->bits, MQTT_V5_PROPERTY_AUTHENTICATION_METHOD);
    }
    test_free(block);
}

START_TEST(parts_of_the_corpus)
{
    size_t i;

    for (i = 0; i < corpora[_i].count; i++) {
        if (corpora[_i].cases[i].has_bytes)
            check_case(corpora[_i].version, &corpora[_i].cases[i]);
    }
}
END_TEST

/* A beginning has the same fields as the whole packet, and at most the last one is cut. */
static void check_beginnings(enum version version, const struct corpus_case *item)
{
    static struct part parts[MOST_PARTS];
    static struct part whole[MOST_PARTS];
    uint32_t length;

    page_parts(version, item->bytes.bytes, (uint32_t)item->bytes.length, 0, UINT32_MAX, whole,
               MOST_PARTS);
    for (length = 1; length < item->bytes.length; length++) {
        const struct test_block block = test_copy(item->bytes.bytes, length);
        const struct record record = inspect(block.bytes, length, SIDE_EITHER, version);
        const uint32_t count =
            page_parts(version, block.bytes, length, 0, UINT32_MAX, parts, MOST_PARTS);
        uint32_t k;
        ck_assert_msg(record.status == MQTT_PACKET_INCOMPLETE && record.size == length, "%s",
                      item->name);
        assert_covered(item->name, parts, count, length);
        ck_assert_msg(count_state(parts, count - 1, STATE_GOOD) == count - 1, "%s", item->name);
        for (k = 0; k < count; k++)
            ck_assert_msg(parts[k].field == whole[k].field, "%s: part %u", item->name, (unsigned)k);
        test_free(block);
    }
}

START_TEST(parts_of_beginnings)
{
    size_t i;

    for (i = 0; i < corpora[_i].count; i++) {
        const struct corpus_case *item = &corpora[_i].cases[i];
        if (item->status == 0 && item->bytes.length <= 100)
            check_beginnings(corpora[_i].version, item);
    }
}
END_TEST

START_TEST(no_more_parts_than_wanted)
{
    const struct test_block block = test_parse("82 0E 0001 0001'a' 00 0001'b' 01 0001'c' 02");
    uint32_t most;

    for (most = 0; most < 14; most++) {
        struct part *parts = calloc(most, sizeof *parts);
        ck_assert_uint_eq(page_parts(VERSION_3_1_1, block.bytes, 16, 0, UINT32_MAX, parts, most),
                          most < 11 ? most : 11);
        free(parts);
    }
    test_free(block);
}
END_TEST

START_TEST(packets_after_a_refused_one)
{
    /* An impossible topic, whose end is known; PINGREQ; flags, after which nothing is known */
    const struct test_block block = test_parse("30 04 0002'a#' | C0 00 | C1 00 D0 00");
    struct record records[4];

    ck_assert_uint_eq(page_index(block.bytes, 12, 0, SIDE_EITHER, VERSION_3_1_1, false, records, 4),
                      3);
    ck_assert_int_eq(records[0].status, MQTT_ERROR_TOPIC_NAME_WILDCARD);
    ck_assert_uint_eq(records[0].error_offset, 2);
    ck_assert_uint_eq(records[0].size, 6);
    ck_assert_int_eq(records[1].status, 0);
    ck_assert_uint_eq(records[1].offset, 6);
    ck_assert_int_eq(records[2].status, MQTT_ERROR_FLAGS);
    ck_assert_uint_eq(records[2].size, 4);
    ck_assert_uint_eq(records[2].total, 0);
    ck_assert_uint_eq(page_index(block.bytes, 12, 6, SIDE_SERVER, VERSION_3_1_1, false, records, 1),
                      1);
    ck_assert_int_eq(records[0].status, MQTT_ERROR_DIRECTION);
    ck_assert_uint_eq(records[0].size, 2);
    test_free(block);
}
END_TEST

START_TEST(no_more_parts_of_properties_than_wanted)
{
    /* 3 of the first byte, 2 lengths, 5 fields of which 2 are properties, the payload */
    const struct test_block block = test_parse("30 0E 0001'a' 09 23 0001 03 0003'b/c' 'x'");
    uint32_t most;

    for (most = 0; most < 14; most++) {
        struct part *parts = calloc(most, sizeof *parts);
        ck_assert_uint_eq(page_parts(VERSION_5_0, block.bytes, (uint32_t)block.length, 0,
                                     UINT32_MAX, parts, most),
                          most < 11 ? most : 11);
        free(parts);
    }
    test_free(block);
}
END_TEST

/* Each CONNECT says the version of what follows it, unless the version is fixed. */
START_TEST(the_connect_says_the_version)
{
    const struct test_block block =
        test_parse("30 03 0001'a' | 10 0E 0004'MQTT' 05 02 0000 00 0001'c' | 30 04 0001'a' 00"
                   "10 0D 0004'MQTT' 04 02 0000 0001'c' | 30 03 0001'a'"
                   "10 0D 0004'MQTT' 06 02 0000 00 0000 | E0 00");
    static const struct {
        enum version version;
        bool is_fixed;
        uint32_t versions[7];
        int32_t statuses[7];
    } table[] = {
        {VERSION_3_1_1,
         false,
         {4, 5, 5, 4, 4, 5, 5},
         {0, 0, 0, 0, 0, MQTT_ERROR_PROTOCOL_LEVEL, 0}},
        {VERSION_3_1_1,
         true,
         {4, 4, 4, 4, 4, 4, 4},
         {0, MQTT_ERROR_PROTOCOL_LEVEL, 0, 0, 0, MQTT_ERROR_PROTOCOL_LEVEL, 0}},
        {VERSION_5_0,
         true,
         {5, 5, 5, 5, 5, 5, 5},
         {MQTT_ERROR_PROPERTIES_MISSING, 0, 0, MQTT_ERROR_PROTOCOL_LEVEL,
          MQTT_ERROR_PROPERTIES_MISSING, MQTT_ERROR_PROTOCOL_LEVEL, 0}},
    };
    struct record records[8];
    size_t i, k;

    for (i = 0; i < sizeof table / sizeof table[0]; i++) {
        ck_assert_uint_eq(page_index(block.bytes, (uint32_t)block.length, 0, SIDE_EITHER,
                                     table[i].version, table[i].is_fixed, records, 8),
                          7);
        for (k = 0; k < 7; k++) {
            ck_assert_uint_eq(records[k].version, table[i].versions[k]);
            ck_assert_int_eq(records[k].status, table[i].statuses[k]);
        }
    }
    test_free(block);
}
END_TEST

/* Of each identifier a value of the kind in the table has the length that the decoder reads. */
START_TEST(properties_have_the_codecs_kinds)
{
    static const uint8_t zeros[16] = {0};
    uint32_t known = 0;
    uint32_t id;

    for (id = 0; id < 256; id++) {
        const struct field *field = find_property(id);
        uint8_t bytes[16] = {(uint8_t)id};
        struct mqtt_v5_properties list = {0};
        struct mqtt_v5_property property;
        size_t position = 0;
        list.encoded = mqtt_bytes_from(bytes, sizeof bytes);
        ck_assert_int_eq(is_property(field), mqtt_v5_next_property(&list, &position, &property));
        if (!is_property(field))
            continue;
        ck_assert_uint_eq(page_property(known)->bits, id);
        ck_assert_str_ne(page_property_name(id), "Reserved");
        ck_assert_uint_eq(position, 1 + value_length(field->kind, zeros, sizeof zeros));
        known++;
    }
    ck_assert_uint_eq(known, 27);
    ck_assert_ptr_null(page_property(known));
}
END_TEST

START_TEST(layouts_have_the_codecs_names)
{
    uint32_t type;

    for (type = 0; type < 16; type++) {
        ck_assert_str_eq(page_layouts(VERSION_3_1_1)[type].name,
                         mqtt_packet_type_name((enum mqtt_packet_type)type));
        ck_assert_str_eq(page_layouts(VERSION_5_0)[type].name,
                         mqtt_v5_packet_type_name((enum mqtt_v5_packet_type)type));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page");
    TCase *tests = tcase_create("page");

    corpora[0].cases = corpus_read(CORPUS, &corpora[0].count);
    corpora[1].cases = corpus_v5_read(CORPUS_V5, &corpora[1].count);
    tcase_add_loop_test(tests, parts_of_the_corpus, 0, 2);
    tcase_add_loop_test(tests, parts_of_beginnings, 0, 2);
    tcase_add_test(tests, no_more_parts_than_wanted);
    tcase_add_test(tests, no_more_parts_of_properties_than_wanted);
    tcase_add_test(tests, packets_after_a_refused_one);
    tcase_add_test(tests, the_connect_says_the_version);
    tcase_add_test(tests, properties_have_the_codecs_kinds);
    tcase_add_test(tests, layouts_have_the_codecs_names);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
