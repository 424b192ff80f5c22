/* A topic filter and a topic name.
 *
 * Property: what is a valid filter, what a valid name, and whether they match, is what 4.7 says, here
 * as a definition level by level that calls itself for the rest, to the header as it comes and to the
 * header with portable code alone.
 *
 * Of the first byte of the input, the lower seven bits are the length of the filter; if the upper one
 * is set, every byte after it is made one of a few characters that matter. */
#include "fuzz.h"
#include "paths.h"
#include "reference.h"

/* What stands before the first separator, and what after it; has_rest: there is one. */
struct levels {
    struct mqtt_string first;
    struct mqtt_string rest;
    bool has_rest;
};

static struct levels split(struct mqtt_string topic)
{
    struct levels levels;
    size_t i = 0;

    while (i < topic.length && topic.data[i] != '/')
        i++;
    levels.first.data = topic.data;
    levels.first.length = i;
    levels.has_rest = i < topic.length;
    levels.rest.data = levels.has_rest ? topic.data + i + 1 : NULL;
    levels.rest.length = levels.has_rest ? topic.length - i - 1 : 0;
    return levels;
}

static bool is_one(struct mqtt_string level, char character)
{
    return level.length == 1 && level.data[0] == character;
}

static bool has_wildcard(struct mqtt_string string)
{
    size_t i;

    for (i = 0; i < string.length; i++) {
        if (string.data[i] == '#' || string.data[i] == '+')
            return true;
    }
    return false;
}

/* 4.7.1: '#' is a level and the last; '+' is a level; no other level has either. */
static bool levels_are_valid(struct mqtt_string filter)
{
    const struct levels levels = split(filter);

    if (is_one(levels.first, '#'))
        return !levels.has_rest;
    if (!is_one(levels.first, '+') && has_wildcard(levels.first))
        return false;
    return !levels.has_rest || levels_are_valid(levels.rest);
}

static bool reference_name_is_valid(struct mqtt_string name)
{
    return reference_string_is_valid(name) && name.length > 0 && !has_wildcard(name);
}

static bool reference_filter_is_valid(struct mqtt_string filter)
{
    return reference_string_is_valid(filter) && filter.length > 0 && levels_are_valid(filter);
}

static bool levels_match(struct mqtt_string filter, struct mqtt_string name)
{
    const struct levels f = split(filter);
    const struct levels n = split(name);

    if (is_one(f.first, '#')) /* any number of levels */
        return true;
    if (!is_one(f.first, '+') && !fuzz_same_string(f.first, n.first))
        return false;
    if (f.has_rest && n.has_rest)
        return levels_match(f.rest, n.rest);
    if (f.has_rest) /* the name ends here: '#' matches the parent level too */
        return is_one(f.rest, '#');
    return !n.has_rest;
}

static bool reference_matches(struct mqtt_string filter, struct mqtt_string name)
{
    if (name.data[0] == '$' && (filter.data[0] == '#' || filter.data[0] == '+'))
        return false; /* [MQTT-4.7.2-1] */
    return levels_match(filter, name);
}

static void check_validity(struct mqtt_string string)
{
    const bool is_name = reference_name_is_valid(string);
    const bool is_filter = reference_filter_is_valid(string);

    FUZZ_CHECK(default_path.topic_name_is_valid(string) == is_name);
    FUZZ_CHECK(portable_path.topic_name_is_valid(string) == is_name);
    FUZZ_CHECK(default_path.topic_filter_is_valid(string) == is_filter);
    FUZZ_CHECK(portable_path.topic_filter_is_valid(string) == is_filter);
}

/* Of invalid ones the answer means nothing, but they are read within their bounds. */
static void check_match(struct mqtt_string filter, struct mqtt_string name)
{
    const bool by_default = default_path.topic_matches(filter, name);
    const bool by_portable = portable_path.topic_matches(filter, name);

    FUZZ_CHECK(by_default == by_portable);
    if (reference_filter_is_valid(filter) && reference_name_is_valid(name))
        FUZZ_CHECK(by_default == reference_matches(filter, name));
}

static struct mqtt_string as_string(struct fuzz_block block)
{
    struct mqtt_string string;

    string.data = (const char *)block.bytes;
    string.length = block.length;
    return string;
}

static struct fuzz_block topic_of(struct mqtt_bytes bytes, bool is_simple)
{
    static const char characters[8] = {'/', '+', '#', '$', 'a', 'b', 'a', '/'};
    const struct fuzz_block block = fuzz_copy(bytes.data, bytes.length);
    size_t i;

    for (i = 0; is_simple && i < block.length; i++)
        block.bytes[i] = (uint8_t)characters[block.bytes[i] % 8];
    return block;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input;
    struct fuzz_block filter;
    struct fuzz_block name;
    uint8_t first;

    if (size > 1024)
        return 0;
    input.at = data;
    input.left = size;
    first = fuzz_u8(&input);
    filter = topic_of(fuzz_take(&input, first & 0x7F), first >= 0x80);
    name = topic_of(fuzz_take(&input, input.left), first >= 0x80);
    check_validity(as_string(filter));
    check_validity(as_string(name));
    check_match(as_string(filter), as_string(name));
    check_match(as_string(name), as_string(filter));
    check_match(as_string(name), as_string(name));
    fuzz_free(filter);
    fuzz_free(name);
    return 0;
}
