/* 4.7 Topic names and topic filters: which are valid, which match. */
#include "paths.h"
#include "support.h"

#include <pthread.h>

struct topic_case {
    const char *topic; /* for test_parse */
    bool name;
    bool filter;
};

static const struct topic_case topics[] = {
    {"", false, false}, /* [MQTT-4.7.3-1] */
    {"'a'", true, true},
    {"' '", true, true},
    {"'Accounts payable'", true, true},
    {"'/'", true, true},
    {"'//'", true, true},
    {"'$'", true, true},
    {"'$SYS/#'", false, true},
    {"'#'", false, true},
    {"'/#'", false, true},
    {"'##'", false, false}, /* [MQTT-4.7.1-2] */
    {"'#/'", false, false},
    {"'a#'", false, false},
    {"'a/#'", false, true},
    {"'a/#b'", false, false},
    {"'a/#/'", false, false},
    {"'sport/tennis/#'", false, true},
    {"'sport/tennis#'", false, false},
    {"'sport/tennis/#/ranking'", false, false},
    {"'+'", false, true}, /* [MQTT-4.7.1-3] */
    {"'+/+'", false, true},
    {"'/+/'", false, true},
    {"'++'", false, false},
    {"'+a'", false, false},
    {"'a+'", false, false},
    {"'a/+b/c'", false, false},
    {"'a/b+/c'", false, false},
    {"'+/tennis/#'", false, true},
    {"'sport+'", false, false},
    {"'sport/+/player1'", false, true},
    {"'+#'", false, false},
    {"'#+'", false, false},
    {"'+/#'", false, true},
    {"'a' 00", false, false}, /* [MQTT-4.7.3-2] */
    {"'a/' C3", false, false},
    {"E697A5 '/' C3A9", true, true},
    {"E697A5 '/+/' C3A9 '/#'", false, true},
    {"E697A5 '+'", false, false},
    {"'+' C3A9", false, false},
    {"61*65535", true, true}, /* [MQTT-4.7.3-3] */
    {"61*65536", false, false},
    {"2F*65535", true, true},
    {"2F*65533 '/+'", false, true},
    {"2F*65533 '/#'", false, true},
    {"2F*65534 'a#'", false, false},
};

START_TEST(validity)
{
    const struct topic_case *test = &topics[_i];
    const struct test_block parsed = test_parse(test->topic);
    const struct test_block block = test_copy_before_guard(parsed.bytes, parsed.length);
    const struct mqtt_string topic = {(const char *)block.bytes, block.length};

    ck_assert_msg(default_path.topic_name_is_valid(topic) == test->name, "%s", test->topic);
    ck_assert_msg(default_path.topic_filter_is_valid(topic) == test->filter, "%s", test->topic);
    ck_assert_msg(portable_path.topic_name_is_valid(topic) == test->name, "%s", test->topic);
    ck_assert_msg(portable_path.topic_filter_is_valid(topic) == test->filter, "%s", test->topic);
    test_free(block);
    test_free(parsed);
}
END_TEST

/* 4.7.1 and 1.5.3 for ASCII, a character at a time. */
static bool filter_is_valid(const uint8_t *filter, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        const bool is_wildcard = filter[i] == '+' || filter[i] == '#';
        if (filter[i] == 0 || (is_wildcard && i > 0 && filter[i - 1] != '/') ||
            (filter[i] == '+' && i + 1 < length && filter[i + 1] != '/') ||
            (filter[i] == '#' && i + 1 < length))
            return false;
    }
    return length > 0;
}

/* Filters of `_i` characters: the letter a, and at one place four characters of every kind.
 * They stand before a page that may not be read, and after one. */
START_TEST(filters_of_every_length)
{
    static const uint8_t kinds[] = {'a', '/', '+', '#', 0};
    const size_t length = (size_t)_i;
    const size_t count = length < 4 ? length : 4;
    size_t places[3] = {0, 0, 0};
    struct test_block blocks[2];
    unsigned choice;
    size_t n;

    places[1] = (length - count) / 2;
    places[2] = length - count;
    blocks[0] = test_copy_before_guard(test_letters, length);
    blocks[1] = test_copy_behind_guard(test_letters, length);
    for (choice = 0; choice < 625; choice++) { /* 5 to the power of 4 */
        for (n = 0; n < 6; n++) {
            uint8_t *const bytes = blocks[n % 2].bytes;
            const struct mqtt_string filter = {(const char *)bytes, length};
            size_t rest = choice;
            size_t i;
            for (i = 0; i < count; i++) {
                bytes[places[n / 2] + i] = kinds[rest % sizeof kinds];
                rest /= sizeof kinds;
            }
            ck_assert_msg(
                default_path.topic_filter_is_valid(filter) == filter_is_valid(bytes, length) &&
                    portable_path.topic_filter_is_valid(filter) == filter_is_valid(bytes, length),
                "%u characters, choice %u at %u", (unsigned)length, choice,
                (unsigned)places[n / 2]);
            memset(bytes + places[n / 2], 'a', count);
        }
    }
    test_free(blocks[0]);
    test_free(blocks[1]);
}
END_TEST

struct match_case {
    const char *filter;
    const char *name;
    bool matches;
};

static const struct match_case matches[] = {
    /* 4.7.1.2 */
    {"'sport/tennis/player1/#'", "'sport/tennis/player1'", true},
    {"'sport/tennis/player1/#'", "'sport/tennis/player1/ranking'", true},
    {"'sport/tennis/player1/#'", "'sport/tennis/player1/score/wimbledon'", true},
    {"'sport/tennis/player1/#'", "'sport/tennis/player2'", false},
    {"'sport/tennis/player1/#'", "'sport/tennis/player11'", false},
    {"'sport/tennis/player1/#'", "'sport/tennis'", false},
    {"'sport/#'", "'sport'", true},
    {"'sport/#'", "'sport/'", true},
    {"'sport/#'", "'sports'", false},
    {"'sport/#'", "'spor'", false},
    {"'#'", "'a'", true},
    {"'#'", "'/'", true},
    {"'#'", "'a/b/c'", true},
    {"'/#'", "'/'", true},
    {"'/#'", "'/a'", true},
    {"'/#'", "'a'", false},
    {"'a//#'", "'a'", false},
    {"'a//#'", "'a/'", true},
    {"'+/#'", "'a'", true},
    {"'+/#'", "'/'", true},
    {"'+/+/#'", "'a'", false},
    {"'+/+/#'", "'a/b'", true},
    {"'a/+/#'", "'a'", false},
    /* 4.7.1.3 */
    {"'sport/tennis/+'", "'sport/tennis/player1'", true},
    {"'sport/tennis/+'", "'sport/tennis/player2'", true},
    {"'sport/tennis/+'", "'sport/tennis/player1/ranking'", false},
    {"'sport/+'", "'sport'", false},
    {"'sport/+'", "'sport/'", true},
    {"'+/+'", "'/finance'", true},
    {"'/+'", "'/finance'", true},
    {"'+'", "'/finance'", false},
    {"'+'", "'finance'", true},
    {"'+/tennis/#'", "'sport/tennis'", true},
    {"'+/tennis/#'", "'sport/tennis/x/y'", true},
    {"'+/tennis/#'", "'sport/golf'", false},
    {"'sport/+/player1'", "'sport/tennis/player1'", true},
    {"'sport/+/player1'", "'sport//player1'", true},
    {"'sport/+/player1'", "'sport/player1'", false},
    {"'+/'", "'a/'", true},
    {"'+/'", "'a'", false},
    {"'+//+'", "'//'", true},
    {"'+/b'", "'a'", false},
    /* 4.7.2 */
    {"'#'", "'$SYS/monitor/Clients'", false},
    {"'#'", "'$'", false},
    {"'+'", "'$'", false},
    {"'+/monitor/Clients'", "'$SYS/monitor/Clients'", false},
    {"'$SYS/#'", "'$SYS/monitor/Clients'", true},
    {"'$SYS/#'", "'$SYS'", true},
    {"'$SYS/monitor/+'", "'$SYS/monitor/Clients'", true},
    {"'$/+'", "'$/a'", true},
    {"'$'", "'$'", true},
    {"'a/#'", "'a/$SYS'", true},
    {"'a/+'", "'a/$'", true},
    {"'+/+'", "'/$'", true},
    {"'/#'", "'$SYS'", false},
    /* 4.7.3 */
    {"'ACCOUNTS'", "'Accounts'", false},
    {"'Accounts payable'", "'Accounts payable'", true},
    {"'/finance'", "'finance'", false},
    {"'finance'", "'finance/'", false},
    {"'finance/'", "'finance'", false},
    {"'a/b'", "'a'", false},
    {"'a'", "'a/b'", false},
    {"E697A5 '/+'", "E697A5 '/' C3A9", true},
    {"E697A5", "E69781", false},
    {"'+'", "E697A5", true},
    {"'+/x'", "E697A5 '/x'", true},
    {"'e' CC81", "C3A9", false},  /* [MQTT-4.7.3-4]: not normalized */
    {"EFBBBF 'a'", "'a'", false}, /* [MQTT-1.5.3-3] */
    /* 65,535 bytes */
    {"2F*65535", "2F*65535", true},
    {"2F*65535", "2F*65534", false},
    {"2F*65534", "2F*65535", false},
    {"2F*65533 '/#'", "2F*65535", true},
    {"2F*65532 '/+'", "2F*65533 61*2", true},
    {"61*65535", "61*65534 'b'", false},
    {"'+'", "61*65535", true},
    /* Neither is valid: in bounds all the same. */
    {"''", "''", false},
    {"''", "'a'", false},
    {"'a'", "''", false},
};

static struct test_block guarded(const char *text)
{
    const struct test_block parsed = test_parse(text);
    const struct test_block block = test_copy_before_guard(parsed.bytes, parsed.length);

    test_free(parsed);
    return block;
}

START_TEST(matching)
{
    const struct match_case *test = &matches[_i];
    const struct test_block filter = guarded(test->filter);
    const struct test_block name = guarded(test->name);
    const struct mqtt_string filter_text = {(const char *)filter.bytes, filter.length};
    const struct mqtt_string name_text = {(const char *)name.bytes, name.length};

    ck_assert_msg(mqtt_topic_matches(filter_text, name_text) == test->matches, "%s and %s",
                  test->filter, test->name);
    test_free(filter);
    test_free(name);
}
END_TEST

/* 4.7 level by level, as the standard words it; the obvious and slow way. */
static bool levels_match(const char *filter, const char *name)
{
    const size_t filter_level = strcspn(filter, "/");
    const size_t name_level = strcspn(name, "/");

    if (strcmp(filter, "#") == 0)
        return true;
    if (strncmp(filter, "+", filter_level) != 0 || filter_level != 1) {
        if (filter_level != name_level || strncmp(filter, name, name_level) != 0)
            return false;
    }
    if (filter[filter_level] == '\0')
        return name[name_level] == '\0';
    if (name[name_level] == '\0')
        return strcmp(filter + filter_level, "/#") == 0;
    return levels_match(filter + filter_level + 1, name + name_level + 1);
}

static bool plainly_matches(const char *filter, const char *name)
{
    if (name[0] == '$' && (filter[0] == '+' || filter[0] == '#'))
        return false;
    return levels_match(filter, name);
}

/* The text of up to `length` characters of `alphabet` with that number; false: there is none. */
static bool numbered_text(char *text, size_t length, const char *alphabet, unsigned long number)
{
    const unsigned long letters = (unsigned long)strlen(alphabet);
    size_t i;

    for (i = 0; i < length; i++) {
        const unsigned long letter = number % (letters + 1);
        number /= letters + 1;
        if (letter == 0)
            break;
        text[i] = alphabet[letter - 1];
    }
    text[i] = '\0';
    return number == 0;
}

static unsigned long power(unsigned long base, size_t exponent)
{
    return exponent == 0 ? 1 : base * power(base, exponent - 1);
}

/* Levels of every length up to 100, which a wildcard stands for or not; at the end of their blocks. */
START_TEST(levels_of_every_length)
{
    size_t length;

    for (length = 0; length <= 100; length++) {
        char text[103];
        struct test_block name;
        struct mqtt_string whole;
        struct mqtt_string filter = {text, length + 2};
        memset(text, 'a', length);
        text[length] = '/';
        text[length + 1] = 'b';
        name = test_copy_before_guard(text, length + 2);
        whole.data = (const char *)name.bytes;
        whole.length = name.length;
        ck_assert(default_path.topic_matches(mqtt_string_from("+/b"), whole));
        ck_assert(!default_path.topic_matches(mqtt_string_from("+/a"), whole));
        ck_assert(!default_path.topic_matches(mqtt_string_from("+"), whole));
        ck_assert(default_path.topic_matches(mqtt_string_from("+/#"), whole));
        ck_assert(default_path.topic_matches(filter, whole));
        text[length + 1] = '+';
        ck_assert(default_path.topic_matches(filter, whole));
        text[length + 1] = 'c';
        ck_assert(!default_path.topic_matches(filter, whole));
        test_free(name);
    }
}
END_TEST

/* All filters of up to six characters of "a/+#$" against all names of up to six of "a/$". */
START_TEST(matching_as_a_plain_matcher)
{
    const unsigned long filter_count = power(6, 6);
    const unsigned long name_count = power(4, 6);
    unsigned long tested = 0;
    unsigned long f;
    unsigned long n;
    char filter[8];
    char name[8];

    for (f = 1; f < filter_count; f++) {
        if (!numbered_text(filter, 6, "a/+#$", f) ||
            !mqtt_topic_filter_is_valid(mqtt_string_from(filter)))
            continue;
        for (n = 1; n < name_count; n++) {
            if (!numbered_text(name, 6, "a/$", n))
                continue;
            tested++;
            if (mqtt_topic_matches(mqtt_string_from(filter), mqtt_string_from(name)) !=
                plainly_matches(filter, name))
                ck_abort_msg("%s and %s", filter, name);
        }
    }
    ck_assert_uint_gt(tested, 1000000);
}
END_TEST

struct long_pair {
    struct mqtt_string filter;
    struct mqtt_string name;
    bool matches;
};

/* Calls for which a matcher that goes back over the name would need hours, on a stack on which one
 * that calls itself for each level would not fit: what is shown is that both stay small. */
static void *match_long_pairs(void *pairs)
{
    struct long_pair *pair;

    for (pair = pairs; pair->filter.length > 0; pair++) {
        unsigned i;
        for (i = 0; i < 300; i++) {
            if (mqtt_topic_matches(pair->filter, pair->name) != pair->matches)
                return pair;
        }
    }
    return NULL;
}

START_TEST(matching_takes_linear_time_and_constant_stack)
{
    const struct test_block slashes = test_parse("2F*65535");
    const struct test_block pluses = test_parse("2B*65535");
    const struct test_block hash = test_parse("2F*65534 '#'");
    const struct test_block letters = test_parse("61*65534 'b'");
    struct long_pair pairs[] = {
        {{(char *)slashes.bytes, 65535}, {(char *)slashes.bytes, 65535}, true},
        {{(char *)pluses.bytes, 65535}, {(char *)slashes.bytes, 32767}, true},
        {{(char *)pluses.bytes, 65535}, {(char *)slashes.bytes, 30000}, false},
        {{(char *)hash.bytes, 65535}, {(char *)slashes.bytes, 65535}, true},
        {{(char *)hash.bytes, 65535}, {(char *)slashes.bytes, 65533}, true},
        {{(char *)letters.bytes, 65535}, {test_letters, 65535}, false},
        {{(char *)pluses.bytes, 1}, {test_letters, 65535}, true},
        {{NULL, 0}, {NULL, 0}, false},
    };
    pthread_attr_t small_stack;
    pthread_t thread;
    void *failed = pairs;
    size_t i;

    for (i = 1; i < pluses.length; i += 2)
        pluses.bytes[i] = '/'; /* +/+/ ... /+ */
    ck_assert_int_eq(pthread_attr_init(&small_stack), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&small_stack, 131072), 0);
    ck_assert_int_eq(pthread_create(&thread, &small_stack, match_long_pairs, pairs), 0);
    ck_assert_int_eq(pthread_join(thread, &failed), 0);
    ck_assert_msg(failed == NULL, "pair %d", (int)((const struct long_pair *)failed - pairs));
    test_free(slashes);
    test_free(pluses);
    test_free(hash);
    test_free(letters);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("topics");
    TCase *tests = tcase_create("topics");

    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, validity, 0, COUNT(topics));
    tcase_add_loop_test(tests, filters_of_every_length, 1, 140);
    tcase_add_loop_test(tests, matching, 0, COUNT(matches));
    tcase_add_test(tests, levels_of_every_length);
    tcase_add_test(tests, matching_as_a_plain_matcher);
    tcase_add_test(tests, matching_takes_linear_time_and_constant_stack);
    suite_add_tcase(suite, tests);
    return test_main(suite);
}
