/* Starts every struct of MQTT 3.1.1 with = {0} and calls every function of it; linked to tests/header/implementation.c where
 * MQTT_CODEC_DECLARE_ONLY is given, alone where it is not, and with a second file like it. */
#include "mqtt_codec.h"

int call_every_function(void);

int call_every_function(void)
{
    uint8_t bytes[64];
    struct mqtt_packet packet = {0};
    struct mqtt_fixed_header header = {0};
    struct mqtt_connect connect = {0};
    struct mqtt_connack connack = {0};
    struct mqtt_publish publish = {0};
    struct mqtt_subscribe subscribe = {0};
    struct mqtt_subscription subscription = {{NULL, 0}, 0};
    struct mqtt_suback suback = {0};
    struct mqtt_unsubscribe unsubscribe = {0};
    struct mqtt_string text = mqtt_string_from("a/b");
    uint32_t value = 0;
    size_t position = 0;
    const uint8_t code = 0;
    int faults = 0;

    faults += mqtt_encode_pingreq(bytes, 64) != 2;
    faults += mqtt_encode_pingresp(bytes, 64) != 2;
    faults += mqtt_encode_disconnect(bytes, 64) != 2;
    faults += mqtt_encode_pubrec(bytes, 64, 1) != 4;
    faults += mqtt_encode_pubrel(bytes, 64, 1) != 4;
    faults += mqtt_encode_pubcomp(bytes, 64, 1) != 4;
    faults += mqtt_encode_unsuback(bytes, 64, 1) != 4;
    faults += mqtt_encode_remaining_length(bytes, 64, 128) != 2;
    faults += mqtt_decode_remaining_length(&value, bytes, 2) != 2 || value != 128;
    connect.clean_session = true;
    faults += mqtt_encode_connect(bytes, 64, &connect) != 14;
    faults += mqtt_decode_from_client(&packet, bytes, 64) != 14;
    faults += mqtt_encode_connack(bytes, 64, &connack) != 4;
    faults += mqtt_decode_from_server(&packet, bytes, 64) != 4;
    faults += mqtt_encode_puback(bytes, 64, 1) != 4;
    faults += mqtt_decode_fixed_header(&header, bytes, 64) != 2;
    publish.topic = text;
    publish.qos = 1;
    publish.packet_id = 1;
    faults += mqtt_encode_publish(bytes, 64, &publish) != 9;
    faults += mqtt_encode_publish_header(bytes, 64, &publish) != 9;
    faults += mqtt_publish_set_dup(bytes, 64, true) != 9;
    faults += mqtt_publish_set_retain(bytes, 64, true) != 9;
    faults += mqtt_publish_set_packet_id(bytes, 64, 2) != 9;
    faults += mqtt_decode_publish_header(&publish, bytes, 64) != 9 || publish.packet_id != 2;
    faults += mqtt_decode(&packet, bytes, 64) != 9;
    faults += mqtt_encode(bytes, 64, &packet) != 9;
    subscribe.packet_id = 1;
    subscribe.count = 1;
    subscription.filter = text;
    subscribe.subscriptions = &subscription;
    faults += mqtt_encode_subscribe(bytes, 64, &subscribe) != 10;
    faults += !mqtt_next_subscription(&subscribe, &position, &subscription);
    suback.packet_id = 1;
    suback.count = 1;
    suback.return_codes = &code;
    faults += mqtt_encode_suback(bytes, 64, &suback) != 5;
    unsubscribe.packet_id = 1;
    unsubscribe.count = 1;
    unsubscribe.filters = &text;
    faults += mqtt_encode_unsubscribe(bytes, 64, &unsubscribe) != 9;
    position = 0;
    faults += !mqtt_next_filter(&unsubscribe, &position, &text);
    faults += !mqtt_string_is_valid(text) + !mqtt_topic_name_is_valid(text);
    faults += !mqtt_topic_filter_is_valid(text) + !mqtt_topic_matches(text, text);
    faults += mqtt_string_has_discouraged(text) + !mqtt_string_equals(text, text);
    faults += mqtt_bytes_from(bytes, 2).length != 2;
    faults += mqtt_status_message(MQTT_PACKET_INCOMPLETE)[0] == '\0';
    faults += mqtt_status_clause(MQTT_ERROR_QOS)[0] == '\0';
    faults += mqtt_packet_type_name(MQTT_CONNECT)[0] != 'C';
    faults += mqtt_connack_code_for(MQTT_ERROR_CLIENT_ID) != 2;
    return faults;
}
