/* The core test of MQTT 5.0: the cases of packets_v5.txt of up to 64 bytes, or as many of them as the
 * machine has room for, properties of each type by their values, and shared filters. C99 and C++11; no C library. */
#include "port.h"

#include "mqtt_codec.h"

#include "core_v5_cases.h"
#define CORE_PACKET struct mqtt_v5_packet
#define CORE_DECODE mqtt_v5_decode
#define CORE_ENCODE mqtt_v5_encode
#include "core.h"

#define CHECK_FIELD(holds) check("field", __LINE__, holds)

static struct mqtt_v5_packet given;
static struct mqtt_v5_property list[6];

/* Numbers of which an int of 16 bits holds only a part, and fields that are not aligned. */
static void check_properties(void)
{
    static const char expected[] = "\x30\x21\0\1a\x1B\2\x80\1\2\3\x23\xFF\1\x0B\xFF\xFF\xFF\x7F\1\1"
                                   "\x09\0\2\0\xFF\x26\0\1n\0\1v x";
    static const uint8_t correlation[] = {0, 0xFF};
    const size_t length = sizeof expected - 1;
    struct mqtt_v5_publish *publish = &given.as.publish;
    static struct mqtt_v5_property property;
    size_t position = 0;
    size_t i;

    list[0].id = MQTT_V5_PROPERTY_MESSAGE_EXPIRY_INTERVAL;
    list[0].as.number = 0x80010203;
    list[1].id = MQTT_V5_PROPERTY_TOPIC_ALIAS;
    list[1].as.number = 0xFF01;
    list[2].id = MQTT_V5_PROPERTY_SUBSCRIPTION_IDENTIFIER;
    list[2].as.number = 0x0FFFFFFF;
    list[3].id = MQTT_V5_PROPERTY_PAYLOAD_FORMAT_INDICATOR;
    list[3].as.number = 1;
    list[4].id = MQTT_V5_PROPERTY_CORRELATION_DATA;
    list[4].as.bytes = mqtt_bytes_from(correlation, 2);
    list[5].id = MQTT_V5_PROPERTY_USER_PROPERTY;
    list[5].as.pair.name = mqtt_string_from("n");
    list[5].as.pair.value = mqtt_string_from("v");
    given.type = MQTT_V5_PUBLISH;
    publish->topic = mqtt_string_from("a");
    publish->payload = mqtt_bytes_from(" x", 2);
    publish->properties.list = list;
    publish->properties.count = 6;
    CHECK_FIELD(mqtt_v5_encode(output, sizeof output, &given) == (int32_t)length);
    CHECK_FIELD(same_bytes(output, (const uint8_t *)expected, length));
    CHECK_FIELD(mqtt_v5_decode(&packet, output, length) == (int32_t)length);
    for (i = 0; i < 6; i++) {
        CHECK_FIELD(mqtt_v5_next_property(&packet.as.publish.properties, &position, &property));
        CHECK_FIELD(property.id == list[i].id);
        if (i < 4)
            CHECK_FIELD(property.as.number == list[i].as.number);
    }
    CHECK_FIELD(same_text(property.as.pair.name, "n") && same_text(property.as.pair.value, "v"));
    CHECK_FIELD(!mqtt_v5_next_property(&packet.as.publish.properties, &position, &property));
    CHECK_FIELD(mqtt_v5_find_property(&packet.as.publish.properties,
                                      MQTT_V5_PROPERTY_CORRELATION_DATA, &property));
    CHECK_FIELD(property.as.bytes.length == 2 && property.as.bytes.data[1] == 0xFF);
}

static void check_others(void)
{
    static const uint8_t connect[] = {0x10, 0x0D, 0, 4, 'M', 'Q', 'T', 'T', 5};
    struct mqtt_string name;
    struct mqtt_string matched;
    uint8_t level = 0;

    CHECK_FIELD(mqtt_decode_protocol_level(&level, connect, sizeof connect) == 9 && level == 5);
    CHECK_FIELD(mqtt_v5_shared_filter(mqtt_string_from("$share/g/a/+"), &name, &matched));
    CHECK_FIELD(same_text(name, "g") && same_text(matched, "a/+"));
    CHECK_FIELD(!mqtt_v5_topic_filter_is_valid(mqtt_string_from("$share//a")));
    port_copy(input, "\xC3\xA9", 2);
    CHECK_FIELD(mqtt_v5_payload_is_utf8(mqtt_bytes_from(input, 2)));
    CHECK_FIELD(!mqtt_v5_payload_is_utf8(mqtt_bytes_from(input, 1)));
    CHECK_FIELD(mqtt_v5_reason_code_for(MQTT_ERROR_TOPIC_ALIAS_ZERO) == 0x94);
    CHECK_FIELD(same_text(
        mqtt_string_from(mqtt_v5_status_clause(MQTT_ERROR_TOPIC_ALIAS_ZERO, MQTT_V5_PUBLISH)),
        "MQTT-3.3.2-8"));
}

int core_test(void)
{
    check_cases();
    check_properties();
    check_others();
    return report();
}
