/* The table of examples/page/page.c against the codec: every packet of packets.txt, and every beginning
 * of one. Each is in an exact-size block, so that sanitizers see one byte too many. */
/* NOLINTNEXTLINE(bugprone-suspicious-include): its table is private */
#include "../../examples/page/page.c"
#include "corpus.h"

#define MOST_PARTS 256

static const struct corpus_case *cases;
static size_t case_count;

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

START_TEST(parts_of_the_corpus)
{
    static struct part parts[MOST_PARTS];
    size_t i;

    for (i = 0; i < case_count; i++) {
        const struct corpus_case *item = &cases[i];
        struct test_block block;
        struct record record;
        uint32_t count;
        if (!item->has_bytes)
            continue;
        block = test_copy(item->bytes.bytes, item->bytes.length);
        record = inspect(block.bytes, (uint32_t)block.length, SIDE_EITHER);
        ck_assert_msg(record.status == item->status, "%s", item->name);
        count =
            v311_parts(block.bytes, record.size,
                       record.status < MQTT_PACKET_INCOMPLETE ? record.error_offset : UINT32_MAX,
                       parts, MOST_PARTS);
        assert_covered(item->name, parts, count, record.size);
        if (item->status == 0) {
            ck_assert_msg(record.size == block.length && record.total == block.length, "%s",
                          item->name);
            ck_assert_msg(count_state(parts, count, STATE_GOOD) == count, "%s", item->name);
        } else if (item->status == MQTT_PACKET_INCOMPLETE) {
            ck_assert_msg(count_state(parts, count, STATE_BAD) == 0, "%s", item->name);
        } else {
            assert_marked(item->name, parts, count, item->offset);
        }
        test_free(block);
    }
}
END_TEST

/* A beginning has the same fields as the whole packet, and at most the last one is cut. */
START_TEST(parts_of_beginnings)
{
    static struct part parts[MOST_PARTS];
    static struct part whole[MOST_PARTS];
    size_t i;

    for (i = 0; i < case_count; i++) {
        const struct corpus_case *item = &cases[i];
        uint32_t length;
        if (item->status != 0 || item->bytes.length > 100)
            continue;
        v311_parts(item->bytes.bytes, (uint32_t)item->bytes.length, UINT32_MAX, whole, MOST_PARTS);
        for (length = 1; length < item->bytes.length; length++) {
            const struct test_block block = test_copy(item->bytes.bytes, length);
            const struct record record = inspect(block.bytes, length, SIDE_EITHER);
            const uint32_t count = v311_parts(block.bytes, length, UINT32_MAX, parts, MOST_PARTS);
            uint32_t k;
            ck_assert_msg(record.status == MQTT_PACKET_INCOMPLETE && record.size == length, "%s",
                          item->name);
            assert_covered(item->name, parts, count, length);
            ck_assert_msg(count_state(parts, count - 1, STATE_GOOD) == count - 1, "%s", item->name);
            for (k = 0; k < count; k++)
                ck_assert_msg(parts[k].field == whole[k].field, "%s: %s, not %s", item->name,
                              parts[k].field->name, whole[k].field->name);
            test_free(block);
        }
    }
}
END_TEST

START_TEST(no_more_parts_than_wanted)
{
    const struct test_block block = test_parse("82 0E 0001 0001'a' 00 0001'b' 01 0001'c' 02");
    uint32_t most;

    for (most = 0; most < 14; most++) {
        struct part *parts = calloc(most, sizeof *parts);
        ck_assert_uint_eq(v311_parts(block.bytes, 16, UINT32_MAX, parts, most),
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

    ck_assert_uint_eq(v311_index(block.bytes, 12, 0, SIDE_EITHER, records, 4), 3);
    ck_assert_int_eq(records[0].status, MQTT_ERROR_TOPIC_NAME_WILDCARD);
    ck_assert_uint_eq(records[0].error_offset, 2);
    ck_assert_uint_eq(records[0].size, 6);
    ck_assert_int_eq(records[1].status, 0);
    ck_assert_uint_eq(records[1].offset, 6);
    ck_assert_int_eq(records[2].status, MQTT_ERROR_FLAGS);
    ck_assert_uint_eq(records[2].size, 4);
    ck_assert_uint_eq(records[2].total, 0);
    ck_assert_uint_eq(v311_index(block.bytes, 12, 6, SIDE_SERVER, records, 1), 1);
    ck_assert_int_eq(records[0].status, MQTT_ERROR_DIRECTION);
    ck_assert_uint_eq(records[0].size, 2);
    test_free(block);
}
END_TEST

START_TEST(layouts_have_the_codecs_names)
{
    uint32_t type;

    for (type = 0; type < 16; type++)
        ck_assert_str_eq(v311_layouts()[type].name,
                         mqtt_packet_type_name((enum mqtt_packet_type)type));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page");
    TCase *tests = tcase_create("page");

    cases = corpus_read(CORPUS, &case_count);
    tcase_add_test(tests, parts_of_the_corpus);
    tcase_add_test(tests, parts_of_beginnings);
    tcase_add_test(tests, no_more_parts_than_wanted);
    tcase_add_test(tests, packets_after_a_refused_one);
    tcase_add_test(tests, layouts_have_the_codecs_names);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
