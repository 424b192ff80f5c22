# SPDX-License-Identifier: MIT
"""What prove.py does otherwise for one function than for the others. A function's own entries are
in its hash, so that an entry for one function does not let all be proved again."""

# Functions with goals that take more than SECONDS, and of which CVC4 finds more.
SLOW = [
    "mqtti_read_connect",
    "mqtti_write_connect",
    "mqtt_encode_connect",
    "mqtti_write_publish",
    "mqtti_write_list",
    "mqtti_encode_list",
    "mqtti_v5_check_property",
    "mqtti_v5_decode_usual_publish",
    "mqtt_v5_decode_from_client",
    "mqtt_v5_decode_from_server",
    "mqtt_v5_decode",
]
# WP's strategies: goals about the bits of a sum need a range for each bit.
BITS = "wp:bitrange,wp:bitshift,wp:split"
STRATEGIES = {
    "mqtti_get_u16": BITS,
    "mqtti_v5_check_rule": BITS,
}
# A property that is proved case by case.
WITH_CASES = {"mqtti_write_list": "at"}
WITH_CASES |= dict.fromkeys((
    "mqtti_v5_check_property",
    "mqtti_v5_read_list",
    "mqtt_v5_next_property",
    "mqtti_v5_read_connect_header",
    "mqtti_v5_read_connect_fields",
    "mqtti_v5_read_publish",
    "mqtti_v5_decode_usual_publish",
    "mqtt_v5_next_subscription",
    "mqtt_v5_decode",
    "mqtt_v5_decode_from_client",
    "mqtt_v5_decode_from_server",
), "cases")
# Conversions to a smaller unsigned type are defined. Here they lose bits, or a prover cannot tell
# that they do not; elsewhere it is proved that they do not.
LOSSY = {
    "mqtti_decode_filters": "the count of a list that is refused, and then means nothing",
    "mqtt_publish_set_dup": "a byte with one bit flipped",
    "mqtt_publish_set_retain": "a byte with one bit flipped",
    "mqtti_write_publish": "the size of a payload that is too large, and is then not used",
    "mqtt_decode_protocol_level": "a character of a constant name",
    "mqtti_v5_read_subscribe": "the count of a list that is refused, and then means nothing",
    "mqtt_v5_publish_set_dup": "a byte with one bit flipped",
    "mqtt_v5_publish_set_retain": "a byte with one bit flipped",
    "mqtti_v5_read_unsubscribe": "the count of a list that is refused, and then means nothing",
}
# Goals that no prover finds: docs/proof.md says what stands in the way.
LITERAL = "WP does not know of a pointer in a constant table that it is one to a string"
UNPROVED = {
    "mqtt_status_message: assert_rte_pointer_value": LITERAL,
    "mqtt_status_clause: assert_rte_pointer_value": LITERAL,
    "mqtt_packet_type_name: assert_rte_pointer_value": LITERAL,
    "mqtt_v5_status_message: assert_rte_pointer_value": LITERAL,
    "mqtt_v5_status_clause: assert_rte_pointer_value": LITERAL,
    "mqtt_v5_status_clause: assert_rte_pointer_value_2": LITERAL,
}
# Functions that are not proved yet. What is proved of others assumes the contracts of these.
NOT_YET = [
    "mqtti_v5_write_number",
    "mqtti_v5_write_value",
    "mqtti_v5_put_property",
    "mqtt_v5_encode_property",
    "mqtti_v5_measure_received",
    "mqtti_v5_measure_list",
    "mqtti_v5_put_received",
    "mqtti_v5_put_list",
    "mqtti_v5_measure_some",
    "mqtti_v5_put_some",
    "mqtti_v5_write_properties",
    "mqtti_v5_encode_reason",
    "mqtti_v5_read_connect_fields",
    "mqtti_v5_write_connect",
    "mqtt_v5_encode_connect",
    "mqtti_v5_write_publish",
    "mqtti_v5_write_filters",
    "mqtti_v5_encode_filters",
    "mqtti_v5_encode_payload",
    "mqtti_v5_name",
    "mqtt_v5_reason_code_name",
    "mqtt_v5_property_name",
]

# (what is broken, the line, the broken line, the function whose goals are proved again)
BROKEN = [
    ("a sequence may end behind the string", "lead > 0xF4 || left < size)",
     "lead > 0xF4 || left + 1 < size)", "mqtti_sequence_size"),
    ("a field may end behind the packet", "if (field->length > reader->left - 2)",
     "if (field->length > reader->left)", "mqtti_read_field"),
    ("four bytes into a buffer of three", "if (capacity < 4)", "if (capacity < 3)",
     "mqtti_encode_short"),
    ("a number of two bytes, one of them wrong", "at[0] = (uint8_t)(value / 256u);",
     "at[0] = (uint8_t)(value / 128u);", "mqtti_put_u16"),
    ("a loop that does not end", "            filter_left--;\n", "", "mqtti_levels_match"),
    ("a string of a property may end behind the packet", "    if (length > reader->left)\n",
     "    if (length > reader->left + 1)\n", "mqtti_v5_read_whole"),
    ("a reason code without a row", "return code <= 0xA2 ?", "return code <= 0xA3 ?",
     "mqtti_v5_code_row"),
]


def of(function):
    """What the proof of this function depends on."""
    return repr((function in SLOW, STRATEGIES.get(function), WITH_CASES.get(function),
                 function in LOSSY, sorted(u for u in UNPROVED if u.split(":")[0] == function)))
