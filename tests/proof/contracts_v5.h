/* Contracts of the part for MQTT 5.0, with the predicates of contracts.h. */

/*@ predicate is_v5_status(integer status) = MQTT_ERROR_SHARE_NAME <= status < 0;
    predicate is_v5_checked(integer status) = MQTT_ERROR_SHARE_NAME <= status <= 0;
*/

/* 1.5 Data representations, 4.8.2 shared subscriptions */

/*@ requires \valid(value) && readable((uint8_t *)bytes, length);
    assigns *value;
    exits \false;
    ensures 1 <= \result <= 4 || is_v5_status(\result);
    ensures \result <= length;
    ensures \result > 0 ==> *value <= MQTT_REMAINING_LENGTH_MAX;
    ensures \result > 0 ==> *value == remaining_length((uint8_t *)bytes, \result);
    ensures \result == MQTT_PACKET_INCOMPLETE ==> length < 4;
*/
int32_t mqtt_v5_decode_integer(uint32_t *value, const void *bytes, size_t length);

/*@ requires readable(payload.data, payload.length);
    assigns \nothing;
    exits \false;
    ensures is_bool(\result);
*/
bool mqtt_v5_payload_is_utf8(struct mqtt_bytes payload);

/*@ requires readable((uint8_t *)filter.data, filter.length);
    assigns \nothing;
    exits \false;
    ensures \result == 0 || \result == 7 <= filter.length || 9 <= \result < filter.length;
*/
static inline size_t mqtti_v5_matched_part(struct mqtt_string filter);

/*@ requires readable((uint8_t *)filter.data, filter.length);
    requires \valid(share_name) && \valid(matched) && \separated(share_name, matched);
    assigns *share_name, *matched;
    exits \false;
    ensures is_bool(\result);
    ensures string_within(share_name, (uint8_t *)filter.data, filter.length);
    ensures string_within(matched, (uint8_t *)filter.data, filter.length);
    ensures \result != 0 ==> 0 < share_name->length && 0 < matched->length;
    ensures \result == 0 ==> share_name->length == 0 && matched->length == filter.length;
*/
bool mqtt_v5_shared_filter(struct mqtt_string filter, struct mqtt_string *share_name,
                           struct mqtt_string *matched);

/*@ requires readable((uint8_t *)filter.data, filter.length);
    assigns \nothing;
    exits \false;
    ensures is_v5_checked(\result) || \result == 1;
*/
static inline int32_t mqtti_v5_check_filter(struct mqtt_string filter);

/*@ requires readable((uint8_t *)filter.data, filter.length);
    assigns \nothing;
    exits \false;
    ensures is_bool(\result);
*/
bool mqtt_v5_topic_filter_is_valid(struct mqtt_string filter);

/* 2.1 Fixed header */

/*@ predicate v5_is_ack(integer type) = MQTT_V5_PUBACK <= type <= MQTT_V5_PUBCOMP;
    predicate v5_only_client(integer type) =
      type == MQTT_V5_CONNECT || type == MQTT_V5_SUBSCRIBE || type == MQTT_V5_UNSUBSCRIBE ||
      type == MQTT_V5_PINGREQ;
    predicate v5_only_server(integer type) =
      type == MQTT_V5_CONNACK || type == MQTT_V5_SUBACK || type == MQTT_V5_UNSUBACK ||
      type == MQTT_V5_PINGRESP;
    // The least remaining length.
    logic integer v5_least(integer type) =
      type == MQTT_V5_CONNECT ? 12 : MQTT_V5_PUBACK <= type <= MQTT_V5_PUBCOMP ? 2 :
      type >= MQTT_V5_PINGREQ ? 0 : 3;
*/

/*@ requires type < 16;
    assigns \nothing;
    exits \false;
    ensures \result <= 255;
    ensures \result == 0 <==> type == 0 || type == MQTT_V5_PUBLISH;
    ensures type != 0 && type != MQTT_V5_PUBLISH ==> \result / MQTTI_LENGTH_1 == v5_least(type);
    ensures type == MQTT_V5_CONNECT ==> (\result & MQTTI_SERVER) == 0;
    ensures type == MQTT_V5_SUBSCRIBE ==> (\result & MQTTI_SERVER) == 0;
    ensures type == MQTT_V5_UNSUBSCRIBE ==> (\result & MQTTI_SERVER) == 0;
    ensures type == MQTT_V5_PINGREQ ==> (\result & MQTTI_SERVER) == 0;
    ensures type == MQTT_V5_CONNECT ==> (\result & MQTTI_CLIENT) != 0;
    ensures type == MQTT_V5_SUBSCRIBE ==> (\result & MQTTI_CLIENT) != 0;
    ensures type == MQTT_V5_UNSUBSCRIBE ==> (\result & MQTTI_CLIENT) != 0;
    ensures type == MQTT_V5_CONNACK ==> (\result & MQTTI_CLIENT) == 0;
    ensures type == MQTT_V5_SUBACK ==> (\result & MQTTI_CLIENT) == 0;
    ensures type == MQTT_V5_UNSUBACK ==> (\result & MQTTI_CLIENT) == 0;
    ensures type == MQTT_V5_PINGRESP ==> (\result & MQTTI_CLIENT) == 0;
    ensures type == MQTT_V5_PINGREQ ==> (\result & MQTTI_EXACT) != 0;
    ensures type == MQTT_V5_PINGRESP ==> (\result & MQTTI_EXACT) != 0;
*/
static inline unsigned mqtti_v5_type_rules(unsigned type);

/*@ predicate is_v5_header{L}(struct mqtt_v5_fixed_header *header) =
      MQTT_V5_CONNECT <= header->type <= MQTT_V5_AUTH &&
      header->flags <= 15 &&
      v5_least(header->type) <= header->remaining_length <= MQTT_REMAINING_LENGTH_MAX &&
      (header->type == MQTT_V5_PUBLISH ==>
       header->flags / MQTTI_PUBLISH_QOS_1 % 4 != 3);
*/

/*@ requires \valid(header) && readable(bytes, length) && length > 0;
    requires \separated(header, bytes + (0 .. length - 1));
    assigns header->type, header->flags, header->remaining_length;
    exits \false;
    ensures 2 <= \result <= 5 || is_v5_status(\result);
    ensures \result <= length;
    ensures header->type == bytes[0] / 16;
    ensures \result > 0 ==> is_v5_header(header);
    ensures \result > 0 ==> header->flags == bytes[0] % 16;
    ensures \result > 0 && senders == MQTTI_CLIENT ==> !v5_only_server(header->type);
    ensures \result > 0 && senders == MQTTI_SERVER ==> !v5_only_client(header->type);
*/
static inline int32_t mqtti_v5_read_fixed_header(struct mqtt_v5_fixed_header *header,
                                                 const uint8_t *bytes, size_t length,
                                                 unsigned senders);

/*@ requires \valid(header) && readable((uint8_t *)bytes, length);
    requires \separated(header, (uint8_t *)bytes + (0 .. length - 1));
    assigns header->type, header->flags, header->remaining_length;
    exits \false;
    ensures 2 <= \result <= 5 || is_v5_status(\result);
    ensures \result <= length;
    ensures \result > 0 ==> is_v5_header(header);
    ensures \result > 0 ==> header->type == ((uint8_t *)bytes)[0] / 16;
    ensures \result > 0 ==> header->flags == ((uint8_t *)bytes)[0] % 16;
*/
int32_t mqtt_v5_decode_fixed_header(struct mqtt_v5_fixed_header *header, const void *bytes,
                                    size_t length);

/* 2.2.2 Properties */

/*@ // Table 2-4: the type of value of each identifier. 0 stands for those that it does not have.
    logic integer v5_type(integer id) =
      id == 0x01 || id == 0x17 || id == 0x19 || id == 0x24 || id == 0x25 || 0x28 <= id <= 0x2A
        ? MQTTI_V5_BYTE :
      id == 0x13 || 0x21 <= id <= 0x23 ? MQTTI_V5_TWO_BYTES :
      id == 0x02 || id == 0x11 || id == 0x18 || id == 0x27 ? MQTTI_V5_FOUR_BYTES :
      id == 0x0B ? MQTTI_V5_INTEGER :
      id == 0x09 || id == 0x16 ? MQTTI_V5_BINARY :
      id == 0x03 || id == 0x12 || id == 0x15 || id == 0x1A || id == 0x1C || id == 0x1F
        ? MQTTI_V5_STRING :
      id == 0x08 ? MQTTI_V5_TOPIC :
      id == 0x26 ? MQTTI_V5_PAIR : 0;
    predicate is_v5_type(integer type) =
      MQTTI_V5_BYTE <= type <= MQTTI_V5_TWO_BYTES ||
      MQTTI_V5_FOUR_BYTES <= type <= MQTTI_V5_PAIR;
    // Of a rule in the table.
    logic integer v5_type_of(integer rule) = rule / 0x200000;
    predicate has_v5_bit(integer rule) = rule / 0x8000 % 32 <= 30;
    predicate is_v5_rule(integer rule, integer id) =
      v5_type_of(rule) == v5_type(id) && (rule == 0 <==> v5_type(id) == 0) && has_v5_bit(rule);
*/

/*@ assigns \nothing;
    exits \false;
    ensures is_v5_rule(\result, id);
*/
static inline uint32_t mqtti_v5_rule(unsigned id);

/*@ assigns \nothing;
    exits \false;
    ensures \result == v5_type_of(rule);
*/
static inline unsigned mqtti_v5_type(uint32_t rule);

/*@ predicate is_v5_place(integer packet) = MQTT_V5_CONNECT <= packet <= MQTT_V5_AUTH;
    predicate is_v5_list{L}(struct mqtti_v5_list *list) = list->seen <= INT32_MAX;
*/

/*@ requires \valid(list) && is_v5_place(packet);
    assigns *list;
    exits \false;
    ensures is_v5_list(list) && list->length == 0;
*/
static inline void mqtti_v5_begin_list(struct mqtti_v5_list *list, unsigned packet,
                                       unsigned senders);

/* Its value in each case: no prover finds a bound of 1 << number. */
/* clang-format off */
#define V5_BIT(n)  ensures number == n ==> \result == 1 << (n);
#define V5_BITS(n) V5_BIT(n) V5_BIT(n + 1) V5_BIT(n + 2) V5_BIT(n + 3)
/* clang-format on */

/*@ requires number < 32;
    assigns \nothing;
    exits \false;
    V5_BITS(0) V5_BITS(4) V5_BITS(8) V5_BITS(12)
    V5_BITS(16) V5_BITS(20) V5_BITS(24) V5_BITS(28)
*/
static inline uint32_t mqtti_v5_numbered_bit(uint32_t number);

/*@ requires has_v5_bit(rule);
    assigns \nothing;
    exits \false;
    ensures 0 < \result <= 0x40000000;
*/
static inline uint32_t mqtti_v5_bit(uint32_t rule);

/*@ assigns \nothing;
    exits \false;
    ensures is_v5_checked(\result);
*/
static inline int32_t mqtti_v5_check_again(uint32_t place, uint32_t refused, uint32_t bit);

/*@ requires \valid(list) && is_v5_list(list) && has_v5_bit(rule);
    assigns list->seen;
    exits \false;
    ensures is_v5_checked(\result) && list->seen <= INT32_MAX;
    ensures \result == 0 ==> rule != 0;
*/
static inline int32_t mqtti_v5_check_rule(struct mqtti_v5_list *list, uint32_t rule);

/*@ predicate v5_number_fits(integer type, integer number) =
      (type == MQTTI_V5_BYTE ==> number <= 1) &&
      (type == MQTTI_V5_INTEGER ==> number <= MQTT_REMAINING_LENGTH_MAX);
*/

/*@ assigns \nothing;
    exits \false;
    ensures is_v5_checked(\result);
    ensures \result == 0 ==> v5_number_fits(v5_type_of(rule), number);
*/
static inline int32_t mqtti_v5_check_number(uint32_t rule, uint32_t number);

/*@ predicate v5_value_within{L}(struct mqtt_v5_property *property, integer type, uint8_t *bytes,
                                 integer length) =
      (type == MQTTI_V5_BINARY ==> bytes_within(&property->as.bytes, bytes, length)) &&
      (type == MQTTI_V5_STRING || type == MQTTI_V5_TOPIC ==>
       string_within(&property->as.string, bytes, length)) &&
      (type == MQTTI_V5_PAIR ==>
       string_within(&property->as.pair.name, bytes, length) &&
       string_within(&property->as.pair.value, bytes, length));
    predicate v5_value_readable{L}(struct mqtt_v5_property *property, integer type) =
      (type == MQTTI_V5_BINARY ==> bytes_readable(&property->as.bytes)) &&
      (type == MQTTI_V5_STRING || type == MQTTI_V5_TOPIC ==>
       string_readable(&property->as.string)) &&
      (type == MQTTI_V5_PAIR ==>
       string_readable(&property->as.pair.name) && string_readable(&property->as.pair.value));
    predicate v5_value_fits{L}(struct mqtt_v5_property *property, integer type) =
      v5_number_fits(type, property->as.number) &&
      (type == MQTTI_V5_BINARY ==> property->as.bytes.length <= MQTT_STRING_LENGTH_MAX) &&
      (type == MQTTI_V5_STRING || type == MQTTI_V5_TOPIC ==>
       property->as.string.length <= MQTT_STRING_LENGTH_MAX) &&
      (type == MQTTI_V5_PAIR ==>
       property->as.pair.name.length <= MQTT_STRING_LENGTH_MAX &&
       property->as.pair.value.length <= MQTT_STRING_LENGTH_MAX);
*/

/*@ requires \valid(reader) && \valid(string) && \separated(reader, string);
    requires readable(reader->at, reader->left);
    assigns reader->at, reader->left, *string;
    exits \false;
    ensures is_bool(\result);
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result != 0 ==> string_within(string, \old(reader->at), \old(reader->left));
    ensures \result != 0 ==> string_readable(string);
*/
static inline bool mqtti_v5_read_whole(struct mqtti_reader *reader, struct mqtt_string *string);

/*@ requires \valid(reader) && \valid(number) && \separated(reader, number);
    requires readable(reader->at, reader->left);
    requires is_v5_type(type) && type <= MQTTI_V5_INTEGER;
    assigns reader->at, reader->left, *number;
    exits \false;
    ensures is_v5_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
*/
static inline int32_t mqtti_v5_read_number(struct mqtti_reader *reader, unsigned type,
                                           uint32_t *number);

/*@ requires \valid(reader) && \valid(property) && \separated(reader, property);
    requires readable(reader->at, reader->left) && is_v5_type(type);
    assigns reader->at, reader->left, property->as;
    exits \false;
    ensures is_v5_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result == 0 ==>
            v5_value_within(property, type, \old(reader->at), \old(reader->left));
    ensures \result == 0 ==> v5_value_readable(property, type);
*/
static inline int32_t mqtti_v5_read_value(struct mqtti_reader *reader, unsigned type,
                                          struct mqtt_v5_property *property);

/*@ requires \valid(writer) && writer->at == \null && writer->status == 0;
    requires \valid_read(property) && v5_value_readable(property, v5_type_of(rule));
    requires is_v5_type(v5_type_of(rule)) && \separated(writer, property);
    assigns writer->at, writer->length, writer->status;
    exits \false;
    ensures is_v5_checked(writer->status) && writer->at == \null;
    ensures writer->status == 0 ==> v5_value_fits(property, v5_type_of(rule));
*/
static inline void mqtti_v5_write_value(struct mqtti_writer *writer,
                                        const struct mqtt_v5_property *property, uint32_t rule);

/*@ requires \valid(reader) && \object_pointer((uint8_t *)to) && \object_pointer(reader->at);
    requires \base_addr(reader->at) == \base_addr((uint8_t *)to);
    requires 0 <= reader->at - (uint8_t *)to <= UINT32_MAX;
    requires reader->at - (uint8_t *)to <= SIZE_MAX - reader->left;
    assigns reader->at, reader->left;
    exits \false;
    ensures reader->at == (uint8_t *)to;
    ensures reader->left == \old(reader->left) + (\old(reader->at) - (uint8_t *)to);
*/
static inline void mqtti_v5_back(struct mqtti_reader *reader, const void *to);

/*@ requires has_v5_bit(rule);
    assigns \nothing;
    exits \false;
    ensures is_bool(\result);
    ensures \result != 0 ==> rule != 0;
*/
static inline bool mqtti_v5_is_left_out(uint32_t rule, uint32_t place, uint32_t without);

/*@ requires \valid(reader) && \valid(list) && \separated(reader, list);
    requires readable(reader->at, reader->left) && is_v5_list(list);
    requires 0 < reader->left <= MQTT_REMAINING_LENGTH_MAX;
    assigns reader->at, reader->left, list->seen, list->length;
    exits \false;
    ensures is_v5_checked(\result) && list->seen <= INT32_MAX;
    ensures cases: advanced{Pre, Post}(reader);
    ensures \result == 0 ==> reader->left < \old(reader->left);
*/
static inline int32_t mqtti_v5_check_property(struct mqtti_reader *reader,
                                              struct mqtti_v5_list *list, uint32_t without);

/*@ requires \valid(reader) && \valid(list) && \separated(reader, list);
    requires readable(reader->at, reader->left) && is_v5_list(list);
    requires reader->left <= MQTT_REMAINING_LENGTH_MAX;
    assigns reader->at, reader->left, list->seen, list->length;
    exits \false;
    ensures is_v5_checked(\result) && list->seen <= INT32_MAX;
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result == 0 ==> reader->left == 0;
*/
static inline int32_t mqtti_v5_check_properties(struct mqtti_reader *reader,
                                                struct mqtti_v5_list *list, uint32_t without);

/*@ requires \valid(properties);
    assigns *properties;
    exits \false;
    ensures properties->list == \null && properties->count == 0 && properties->without == 0;
    ensures properties->encoded.data == encoded && properties->encoded.length == length;
*/
static inline void mqtti_v5_set_properties(struct mqtt_v5_properties *properties,
                                           const uint8_t *encoded, size_t length);

/*@ predicate v5_properties_within{L}(struct mqtt_v5_properties *properties, uint8_t *bytes,
                                      integer length) =
      properties->list == \null && properties->count == 0 && properties->without == 0 &&
      (properties->encoded.length > 0 ==> bytes_within(&properties->encoded, bytes, length));
    predicate v5_can_read{L}(struct mqtti_reader *reader, struct mqtt_v5_properties *properties) =
      \valid(reader) && \valid(properties) && \separated(reader, properties) &&
      readable(reader->at, reader->left) &&
      \separated(properties, reader->at + (0 .. reader->left - 1));
*/

/*@ requires v5_can_read(reader, properties) && is_v5_place(packet);
    assigns reader->at, reader->left, *properties;
    exits \false;
    ensures cases: is_v5_status(\result) || \result >= 0;
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result >= 0 ==>
            v5_properties_within(properties, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_list(struct mqtti_reader *reader, unsigned packet,
                                         unsigned senders, struct mqtt_v5_properties *properties);

/*@ requires v5_can_read(reader, properties) && is_v5_place(packet);
    assigns reader->at, reader->left, *properties;
    exits \false;
    ensures is_v5_status(\result) || \result >= 0;
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result >= 0 ==>
            v5_properties_within(properties, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_some_properties(struct mqtti_reader *reader, unsigned packet,
                                                    unsigned senders,
                                                    struct mqtt_v5_properties *properties);

/*@ requires v5_can_read(reader, properties) && is_v5_place(packet);
    assigns reader->at, reader->left, *properties;
    exits \false;
    ensures is_v5_status(\result) || \result >= 0;
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result >= 0 ==>
            v5_properties_within(properties, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_properties(struct mqtti_reader *reader, unsigned packet,
                                               unsigned senders,
                                               struct mqtt_v5_properties *properties);

/*@ predicate v5_properties_readable{L}(struct mqtt_v5_properties *properties) =
      \valid_read(properties) && bytes_readable(&properties->encoded) &&
      \object_pointer(properties->list) &&
      properties->encoded.length + properties->count <= SIZE_MAX &&
      (properties->count > 0 ==> \valid_read(properties->list + (0 .. properties->count - 1)));
*/

/*@ requires v5_properties_readable(properties) && \valid(position) && \valid(out);
    requires \separated(position, out);
    requires \separated(properties, position);
    requires \separated(properties, out);
    assigns *position, *out;
    exits \false;
    ensures is_bool(\result);
    ensures cases: \old(*position) <= *position;
    ensures cases: \result != 0 ==>
            \old(*position) < *position <= \old(properties->encoded.length) + \old(properties->count);
    ensures cases: \result != 0 && *position <= \old(properties->encoded.length) ==>
            is_v5_type(v5_type(out->id)) &&
            v5_value_within(out, v5_type(out->id), \old(properties->encoded.data),
                            \old(properties->encoded.length));
    ensures cases: \old(*position) >= \old(properties->encoded.length) ==>
            (\result != 0 <==>
             \old(*position) < \old(properties->encoded.length) + \old(properties->count));
    ensures cases: \result != 0 && \old(*position) >= \old(properties->encoded.length) ==>
            *position == \old(*position) + 1;
*/
bool mqtt_v5_next_property(const struct mqtt_v5_properties *properties, size_t *position,
                           struct mqtt_v5_property *out);

/*@ requires v5_properties_readable(properties) && \valid(out);
    requires \separated(properties, out);
    assigns *out;
    exits \false;
    ensures is_bool(\result);
*/
bool mqtt_v5_find_property(const struct mqtt_v5_properties *properties, enum mqtt_v5_property_id id,
                           struct mqtt_v5_property *out);

/* 2.4 Reason codes */

/*@ assigns \nothing;
    exits \false;
    ensures \result <= 43;
*/
static inline unsigned mqtti_v5_code_row(unsigned code);

/*@ requires is_v5_place(packet);
    assigns \nothing;
    exits \false;
    ensures \result <= MQTTI_CLIENT + MQTTI_SERVER;
*/
static inline unsigned mqtti_v5_code_senders(unsigned packet, unsigned code);

/*@ requires v5_can_read(reader, properties) && is_v5_place(packet);
    requires \valid(reason_code) && \separated(reason_code, properties);
    requires \separated(reason_code, reader);
    requires \separated(reason_code, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, *reason_code, *properties;
    exits \false;
    ensures is_v5_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result == 0 ==>
            v5_properties_within(properties, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_reason(struct mqtti_reader *reader, unsigned packet,
                                           unsigned senders, uint8_t *reason_code,
                                           struct mqtt_v5_properties *properties);

/* What decoders share */

/*@ requires \valid(reader) && \valid(string) && \separated(reader, string);
    requires readable(reader->at, reader->left);
    requires is_checked(missing) && missing < 0;
    assigns reader->at, reader->left, *string;
    exits \false;
    ensures is_checked(\result);
    ensures \result == 0 ==> (uint8_t *)string->data == \old(reader->at) + 2;
    ensures \result == 0 ==> string->length <= MQTT_STRING_LENGTH_MAX;
    ensures \result == 0 ==> reader->left == \old(reader->left) - 2 - string->length;
    ensures \result < 0 ==> reader->left == \old(reader->left);
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
*/
static inline int32_t mqtti_v5_read_string(struct mqtti_reader *reader, enum mqtti_kind kind,
                                           int32_t missing, struct mqtt_string *string);

/* Begins to decode. */

/*@ requires \valid(packet) && \valid(body) && \separated(packet, body);
    requires readable(bytes, length);
    requires \separated(packet, bytes + (0 .. length - 1));
    requires \separated(body, bytes + (0 .. length - 1));
    assigns packet->error_offset, packet->type, *body;
    exits \false;
    ensures 2 <= \result <= 5 || is_v5_status(\result);
    ensures \result < 0 && \result != MQTT_PACKET_INCOMPLETE ==> packet->error_offset <= length;
    ensures \result > 0 ==> body->at == bytes + \result && \result + body->left <= length;
    ensures \result > 0 ==> body->left <= MQTT_REMAINING_LENGTH_MAX;
    ensures \result > 0 ==> MQTT_V5_CONNECT <= packet->type <= MQTT_V5_AUTH;
    ensures \result > 0 ==> v5_least(packet->type) <= body->left;
    ensures \result > 0 && packet->type == MQTT_V5_PUBLISH ==>
            bytes[0] / MQTTI_PUBLISH_QOS_1 % 4 != 3;
    ensures \result > 0 && senders == MQTTI_CLIENT ==> !v5_only_server(packet->type);
    ensures \result > 0 && senders == MQTTI_SERVER ==> !v5_only_client(packet->type);
*/
static inline int32_t mqtti_v5_begin_decode(struct mqtt_v5_packet *packet,
                                            struct mqtti_reader *body, const uint8_t *bytes,
                                            size_t length, unsigned senders);

/*@ requires \valid(packet) && \valid_read(reader);
    requires reader->left <= size <= MQTT_REMAINING_LENGTH_MAX + 5;
    assigns packet->error_offset;
    exits \false;
    ensures status >= 0 ==> \result == size;
    ensures status < 0 ==> \result == status;
    ensures status < 0 ==> packet->error_offset == size - reader->left;
*/
static inline int32_t mqtti_v5_end_decode(struct mqtt_v5_packet *packet,
                                          const struct mqtti_reader *reader, size_t size,
                                          int32_t status);

/* 3.1 CONNECT */

/*@ requires \valid(level) && readable((uint8_t *)bytes, length);
    assigns *level;
    exits \false;
    ensures is_v5_status(\result) || 8 <= \result <= 14;
    ensures \result <= length;
*/
int32_t mqtt_decode_protocol_level(uint8_t *level, const void *bytes, size_t length);

/* The fields of a CONNECT. An ensures for each is easier to prove than one for all. */
/* clang-format off */
#define V5_CONNECT_WITHIN(decoded, connect, bytes, length) \
    ensures cases: decoded ==> v5_connect_flags(connect) && (connect)->will.qos <= 2; \
    ensures cases: decoded ==> v5_properties_within(&(connect)->properties, bytes, length); \
    ensures cases: decoded ==> string_within(&(connect)->client_id, bytes, length); \
    ensures cases: decoded && (connect)->has_will != 0 ==> \
            v5_properties_within(&(connect)->will.properties, bytes, length); \
    ensures cases: decoded && (connect)->has_will != 0 ==> \
            string_within(&(connect)->will.topic, bytes, length); \
    ensures cases: decoded && (connect)->has_will != 0 ==> \
            bytes_within(&(connect)->will.payload, bytes, length); \
    ensures cases: decoded && (connect)->has_user_name != 0 ==> \
            string_within(&(connect)->user_name, bytes, length); \
    ensures cases: decoded && (connect)->has_password != 0 ==> \
            bytes_within(&(connect)->password, bytes, length);
/* clang-format on */

/*@ predicate v5_connect_flags{L}(struct mqtt_v5_connect *connect) =
      is_bool(connect->clean_start) && is_bool(connect->has_will) &&
      is_bool(connect->has_user_name) && is_bool(connect->has_password) &&
      is_bool(connect->will.retain);
    // The byte before the body is there too, the last of the fixed header.
    predicate v5_is_body{L}(struct mqtti_reader *body) =
      \valid(body) && readable(body->at, body->left) &&
      readable(body->at - 1, body->left + 1) && body->left <= MQTT_REMAINING_LENGTH_MAX;
*/

/*@ requires v5_is_body(reader) && reader->left >= 12;
    requires \valid(connect) && \separated(reader, connect);
    requires \separated(connect, reader->at - 1 + (0 .. reader->left));
    assigns reader->at, reader->left, connect->keep_alive, connect->clean_start,
            connect->has_will, connect->has_user_name, connect->has_password,
            connect->will.qos, connect->will.retain;
    exits \false;
    ensures is_checked(\result);
    ensures reader->left <= \old(reader->left) + 1;
    ensures \object_pointer(reader->at);
    ensures \base_addr(reader->at) == \base_addr(\old(reader->at));
    ensures \result == 0 ==> advanced{Pre, Post}(reader) && readable(reader->at, reader->left);
    ensures \result == 0 ==> reader->left == \old(reader->left) - 10;
    ensures cases: \result == 0 ==> v5_connect_flags(connect);
    ensures cases: \result == 0 ==> connect->will.qos <= 2;
*/
static inline int32_t mqtti_v5_read_connect_header(struct mqtti_reader *reader,
                                                   struct mqtt_v5_connect *connect);

/*@ assigns \nothing;
    exits \false;
    ensures is_bool(\result);
*/
static inline bool mqtti_v5_lacks_method(uint32_t seen);

/*@ requires \valid(reader) && \valid(will) && \separated(reader, will);
    requires readable(reader->at, reader->left);
    requires \separated(will, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, will->topic, will->payload, will->properties;
    exits \false;
    ensures is_v5_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result == 0 ==>
            v5_properties_within(&will->properties, \old(reader->at), \old(reader->left));
    ensures \result == 0 ==>
            string_within(&will->topic, \old(reader->at), \old(reader->left));
    ensures \result == 0 ==>
            bytes_within(&will->payload, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_will(struct mqtti_reader *reader, struct mqtt_v5_will *will);

/*@ requires v5_is_body(reader) && reader->left >= 12;
    requires \valid(connect) && \separated(reader, connect);
    requires \separated(connect, reader->at - 1 + (0 .. reader->left));
    assigns reader->at, reader->left, *connect;
    exits \false;
    ensures is_v5_checked(\result);
    ensures reader->left <= \old(reader->left) + 1;
    ensures \object_pointer(reader->at);
    ensures \base_addr(reader->at) == \base_addr(\old(reader->at));
    ensures \result == 0 ==> reader->left == 0;
    V5_CONNECT_WITHIN(\result == 0, connect, \old(reader->at), \old(reader->left))
*/
static inline int32_t mqtti_v5_read_connect_fields(struct mqtti_reader *reader,
                                                   struct mqtt_v5_connect *connect);

/*@ requires \valid(packet) && body.left >= 12;
    requires readable(body.at - 1, body.left + 1) && body.left <= MQTT_REMAINING_LENGTH_MAX;
    requires \separated(packet, body.at - 1 + (0 .. body.left));
    requires body.left + 2 <= size <= MQTT_REMAINING_LENGTH_MAX + 5;
    assigns packet->error_offset, packet->as.connect;
    exits \false;
    ensures \result == size || is_v5_status(\result);
    ensures \result < 0 ==> packet->error_offset <= size;
    V5_CONNECT_WITHIN(\result > 0, &packet->as.connect, body.at, body.left)
*/
static inline int32_t mqtti_v5_decode_connect(struct mqtt_v5_packet *packet,
                                              struct mqtti_reader body, size_t size);

/* 3.2 CONNACK */

/*@ requires \valid(reader) && readable(reader->at, reader->left) && reader->left >= 2;
    requires \valid(connack) && \separated(reader, connack);
    requires \separated(connack, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, *connack;
    exits \false;
    ensures is_v5_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures \result == 0 ==> is_bool(connack->session_present);
    ensures \result == 0 ==>
            v5_properties_within(&connack->properties, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_connack(struct mqtti_reader *reader,
                                            struct mqtt_v5_connack *connack);

/* 3.3 PUBLISH */

/*@ requires \valid(publish) && flags <= 255;
    assigns publish->qos, publish->dup, publish->retain;
    exits \false;
    ensures publish->qos == flags / MQTTI_PUBLISH_QOS_1 % 4;
    ensures is_bool(publish->dup) && is_bool(publish->retain);
*/
static inline void mqtti_v5_set_publish_flags(struct mqtt_v5_publish *publish, unsigned flags);

/*@ // The topic name stands before what is left.
    predicate v5_topic_before{L}(struct mqtt_v5_publish *publish, uint8_t *at) =
      \object_pointer((uint8_t *)publish->topic.data - 2) &&
      \base_addr(at) == \base_addr((uint8_t *)publish->topic.data - 2) &&
      2 <= at - ((uint8_t *)publish->topic.data - 2) <= MQTT_REMAINING_LENGTH_MAX + 5;
*/

/*@ requires \valid(reader) && \valid_read(publish) && \separated(reader, publish);
    requires \object_pointer(reader->at);
    requires publish->topic.length == 0 ==> v5_topic_before(publish, reader->at);
    requires reader->left <= MQTT_REMAINING_LENGTH_MAX;
    assigns reader->at, reader->left;
    exits \false;
    ensures is_bool(\result);
    ensures \result == 0 ==> reader->at == \old(reader->at) && reader->left == \old(reader->left);
    ensures \result != 0 ==> publish->topic.length == 0;
    ensures \result != 0 ==> reader->at == (uint8_t *)publish->topic.data - 2;
    ensures \result != 0 ==> reader->left == \old(reader->left) +
            (\old(reader->at) - ((uint8_t *)publish->topic.data - 2));
*/
static inline bool mqtti_v5_lacks_topic(struct mqtti_reader *reader,
                                        const struct mqtt_v5_publish *publish, uint32_t seen);

/* The fields of a PUBLISH. */
/* clang-format off */
#define V5_PUBLISH_WITHIN(decoded, publish, bytes, length) \
    ensures cases: decoded ==> (publish)->qos <= 2; \
    ensures cases: decoded ==> is_bool((publish)->dup) && is_bool((publish)->retain); \
    ensures cases: decoded ==> ((publish)->packet_id == 0 <==> (publish)->qos == 0); \
    ensures cases: decoded ==> v5_properties_within(&(publish)->properties, bytes, length); \
    ensures cases: decoded ==> string_within(&(publish)->topic, bytes, length); \
    ensures cases: decoded ==> bytes_within(&(publish)->payload, bytes, length);
/* clang-format on */

/*@ requires \valid(reader) && readable(reader->at, reader->left);
    requires 2 <= reader->left <= MQTT_REMAINING_LENGTH_MAX;
    requires \valid(publish) && \separated(reader, publish);
    requires \separated(publish, reader->at + (0 .. reader->left - 1));
    requires flags <= 255 && flags / MQTTI_PUBLISH_QOS_1 % 4 != 3;
    assigns reader->at, reader->left, *publish;
    exits \false;
    ensures is_v5_checked(\result);
    ensures cases: advanced{Pre, Post}(reader);
    V5_PUBLISH_WITHIN(\result == 0, publish, \old(reader->at), \old(reader->left))
    ensures cases: \result == 0 ==> (uint8_t *)publish->topic.data == \old(reader->at) + 2;
    ensures cases: \result == 0 && publish->qos > 0 ==>
            4 + publish->topic.length <= \old(reader->left);
*/
static inline int32_t mqtti_v5_read_publish(struct mqtti_reader *reader,
                                            struct mqtt_v5_publish *publish, unsigned flags,
                                            unsigned senders);

/*@ requires \valid(packet) && readable(body.at, body.left);
    requires \separated(packet, body.at + (0 .. body.left - 1));
    requires body.left <= MQTT_REMAINING_LENGTH_MAX;
    requires body.left + 2 <= size <= MQTT_REMAINING_LENGTH_MAX + 5;
    requires packet->as.publish.topic.length == 0 ==>
             v5_topic_before(&packet->as.publish, body.at) && body.left +
               (body.at - ((uint8_t *)packet->as.publish.topic.data - 2)) <= size;
    assigns packet->error_offset, packet->as.publish.payload, packet->as.publish.properties;
    exits \false;
    ensures \result == size || is_v5_status(\result);
    ensures \result < 0 ==> packet->error_offset <= size;
    ensures \result > 0 ==>
            v5_properties_within(&packet->as.publish.properties, body.at, body.left);
    ensures \result > 0 ==> bytes_within(&packet->as.publish.payload, body.at, body.left);
*/
static inline int32_t mqtti_v5_end_publish(struct mqtt_v5_packet *packet, struct mqtti_reader body,
                                           size_t size, unsigned senders);

/*@ requires \valid(body) && readable(bytes, length) && length >= 4;
    requires \separated(body, bytes + (0 .. length - 1));
    assigns *body;
    exits \false;
    ensures \result <= length;
    ensures \result != 0 ==> body->left <= MQTT_REMAINING_LENGTH_MAX;
    ensures \result != 0 ==> body->left + 2 <= \result <= body->left + 5;
    ensures \result != 0 ==> body->at == bytes + (\result - body->left);
*/
static inline uint32_t mqtti_v5_begin_usual(struct mqtti_reader *body, const uint8_t *bytes,
                                            size_t length);

/*@ requires \valid(reader) && readable(reader->at, reader->left) && 3 <= reader->left;
    requires \valid(publish) && \separated(reader, publish);
    requires \separated(publish, reader->at + (0 .. reader->left - 1));
    requires flags <= 255 && flags / MQTTI_PUBLISH_QOS_1 % 4 != 3;
    assigns *reader, publish->qos, publish->dup, publish->retain, publish->packet_id,
            publish->topic;
    exits \false;
    ensures is_bool(\result) && advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result != 0 ==> publish->qos <= 2;
    ensures \result != 0 ==> is_bool(publish->dup) && is_bool(publish->retain);
    ensures \result != 0 ==> (publish->packet_id == 0 <==> publish->qos == 0);
    ensures \result != 0 ==> (uint8_t *)publish->topic.data == \old(reader->at) + 2;
    ensures \result != 0 ==> reader->left + 2 + publish->topic.length <= \old(reader->left);
*/
static inline bool mqtti_v5_read_usual_publish(struct mqtti_reader *reader,
                                               struct mqtt_v5_publish *publish, unsigned flags);

/*@ requires \valid(packet) && readable(bytes, length) && length >= 4;
    requires \separated(packet, bytes + (0 .. length - 1));
    assigns packet->error_offset, packet->type, packet->as.publish;
    exits \false;
    ensures 0 <= \result <= length || is_v5_status(\result);
    ensures \result < 0 ==> packet->error_offset <= length;
    ensures \result > 0 ==> packet->type == MQTT_V5_PUBLISH;
    V5_PUBLISH_WITHIN(\result > 0, &packet->as.publish, bytes, \result)
*/
static inline int32_t mqtti_v5_decode_usual_publish(struct mqtt_v5_packet *packet,
                                                    const uint8_t *bytes, size_t length,
                                                    unsigned senders);

/*@ requires \valid_read(reader) && \valid_read(header);
    requires readable(reader->at, reader->left);
    requires 2 <= reader->left <= header->remaining_length <= MQTT_REMAINING_LENGTH_MAX;
    assigns \nothing;
    exits \false;
    ensures 2 <= \result;
*/
static inline uint32_t mqtti_v5_size_before_payload(const struct mqtti_reader *reader,
                                                    const struct mqtt_v5_fixed_header *header,
                                                    uint16_t topic_length);

/*@ requires \valid(publish) && readable((uint8_t *)bytes, length);
    requires \separated(publish, (uint8_t *)bytes + (0 .. length - 1));
    assigns *publish;
    exits \false;
    ensures \result > 0 || is_v5_status(\result);
    ensures \result <= length;
    ensures \result > 0 ==>
            publish->qos <= 2 && is_bool(publish->dup) && is_bool(publish->retain);
    ensures \result > 0 ==> string_within(&publish->topic, (uint8_t *)bytes, \result);
    ensures \result > 0 ==>
            v5_properties_within(&publish->properties, (uint8_t *)bytes, \result);
    ensures \result > 0 ==> publish->payload.data == \null;
    ensures \result > 0 ==> publish->payload.length <= MQTT_REMAINING_LENGTH_MAX;
    ensures \result > 0 && publish->qos > 0 ==> publish->topic.length + 2 +
            ((uint8_t *)publish->topic.data - (uint8_t *)bytes) <= \result;
*/
int32_t mqtt_v5_decode_publish_header(struct mqtt_v5_publish *publish, const void *bytes,
                                      size_t length);

/*@ requires \object_pointer((uint8_t *)bytes) && \valid((uint8_t *)bytes + (0 .. length - 1));
    requires is_bool(dup);
    assigns ((uint8_t *)bytes)[0];
    exits \false;
    ensures \result > 0 || is_v5_status(\result);
    ensures \result <= length;
    ensures \result < 0 && length > 0 ==> ((uint8_t *)bytes)[0] == \old(((uint8_t *)bytes)[0]);
*/
int32_t mqtt_v5_publish_set_dup(void *bytes, size_t length, bool dup);

/*@ requires \object_pointer((uint8_t *)bytes) && \valid((uint8_t *)bytes + (0 .. length - 1));
    requires is_bool(retain);
    assigns ((uint8_t *)bytes)[0];
    exits \false;
    ensures \result > 0 || is_v5_status(\result);
    ensures \result <= length;
    ensures \result < 0 && length > 0 ==> ((uint8_t *)bytes)[0] == \old(((uint8_t *)bytes)[0]);
*/
int32_t mqtt_v5_publish_set_retain(void *bytes, size_t length, bool retain);

/*@ requires \object_pointer((uint8_t *)bytes) && \valid((uint8_t *)bytes + (0 .. length - 1));
    assigns ((uint8_t *)bytes)[0 .. length - 1];
    exits \false;
    ensures \result > 0 || is_v5_status(\result);
    ensures \result <= length;
    ensures \result < 0 ==> unwritten{Pre, Post}((uint8_t *)bytes, 0, length);
    ensures \result > 0 ==> unwritten{Pre, Post}((uint8_t *)bytes, \result, length);
*/
int32_t mqtt_v5_publish_set_packet_id(void *bytes, size_t length, uint16_t packet_id);

/* 3.4 PUBACK, 3.5 PUBREC, 3.6 PUBREL, 3.7 PUBCOMP */

/*@ requires \valid(reader) && readable(reader->at, reader->left) && reader->left >= 2;
    requires \valid(ack) && \separated(reader, ack) && is_v5_place(packet);
    requires \separated(ack, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, *ack;
    exits \false;
    ensures is_v5_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures \result == 0 ==> ack->packet_id != 0;
    ensures \result == 0 ==>
            v5_properties_within(&ack->properties, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_ack(struct mqtti_reader *reader, unsigned packet,
                                        unsigned senders, struct mqtt_v5_ack *ack);

/*@ requires \valid(packet) && readable(bytes, length) && length >= 4;
    requires \separated(packet, bytes + (0 .. length - 1));
    requires MQTT_V5_PUBACK * 16 <= bytes[0] < MQTT_V5_SUBSCRIBE * 16;
    assigns packet->type, packet->as.ack;
    exits \false;
    ensures 0 <= \result <= 5 && \result <= length;
    ensures \result > 0 ==> packet->type == bytes[0] / 16;
    ensures \result > 0 ==> packet->as.ack.packet_id != 0;
    ensures \result > 0 ==> v5_properties_within(&packet->as.ack.properties, bytes, \result);
*/
static inline int32_t mqtti_v5_decode_usual_ack(struct mqtt_v5_packet *packet, const uint8_t *bytes,
                                                size_t length, unsigned senders);

/* 3.8 SUBSCRIBE, 3.10 UNSUBSCRIBE, 3.9 SUBACK, 3.11 UNSUBACK */

/*@ requires options <= 255 && is_bool(is_shared);
    assigns \nothing;
    exits \false;
    ensures is_v5_checked(\result);
*/
static inline int32_t mqtti_v5_check_options(unsigned options, bool is_shared);

/*@ requires \valid(reader) && readable(reader->at, reader->left);
    requires reader->left <= MQTT_REMAINING_LENGTH_MAX;
    assigns reader->at, reader->left;
    exits \false;
    ensures \result > 0 || is_v5_status(\result);
    ensures advanced{Pre, Post}(reader);
    ensures \result > 0 ==> reader->left == 0 && 2 * \result <= \old(reader->left);
*/
static inline int32_t mqtti_v5_read_filters(struct mqtti_reader *reader, unsigned packet);

/*@ requires \valid(reader) && readable(reader->at, reader->left) && is_v5_place(packet);
    assigns reader->at, reader->left;
    exits \false;
    ensures is_v5_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures \result == 0 ==> \old(reader->left) > 0;
*/
static inline int32_t mqtti_v5_read_codes(struct mqtti_reader *reader, unsigned packet);

/*@ requires v5_can_read(reader, properties) && is_v5_place(packet) && reader->left >= 2;
    requires \valid(packet_id) && \separated(packet_id, properties);
    requires \separated(packet_id, reader);
    requires \separated(packet_id, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, *packet_id, *properties;
    exits \false;
    ensures is_v5_status(\result) || \result >= 0;
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result >= 0 ==> *packet_id != 0;
    ensures \result >= 0 ==>
            v5_properties_within(properties, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_list_header(struct mqtti_reader *reader, unsigned packet,
                                                uint16_t *packet_id,
                                                struct mqtt_v5_properties *properties);

/*@ predicate v5_subscribe_within{L}(struct mqtt_v5_subscribe *subscribe, uint8_t *bytes,
                                     integer length) =
      subscribe->packet_id != 0 && subscribe->subscriptions == \null &&
      0 < 2 * subscribe->count <= subscribe->encoded.length &&
      v5_properties_within(&subscribe->properties, bytes, length) &&
      bytes_within(&subscribe->encoded, bytes, length);
    predicate v5_unsubscribe_within{L}(struct mqtt_v5_unsubscribe *unsubscribe, uint8_t *bytes,
                                       integer length) =
      unsubscribe->packet_id != 0 && unsubscribe->filters == \null &&
      0 < 2 * unsubscribe->count <= unsubscribe->encoded.length &&
      v5_properties_within(&unsubscribe->properties, bytes, length) &&
      bytes_within(&unsubscribe->encoded, bytes, length);
    predicate v5_suback_within{L}(struct mqtt_v5_suback *suback, uint8_t *bytes,
                                  integer length) =
      suback->packet_id != 0 && suback->count > 0 &&
      v5_properties_within(&suback->properties, bytes, length) &&
      within((uint8_t *)suback->reason_codes, suback->count, bytes, length);
*/

/*@ requires \valid(reader) && readable(reader->at, reader->left);
    requires 2 <= reader->left <= MQTT_REMAINING_LENGTH_MAX;
    requires \valid(subscribe) && \separated(reader, subscribe);
    requires \separated(subscribe, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, *subscribe;
    exits \false;
    ensures \result > 0 || is_v5_status(\result);
    ensures advanced{Pre, Post}(reader);
    ensures \result > 0 ==>
            v5_subscribe_within(subscribe, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_subscribe(struct mqtti_reader *reader,
                                              struct mqtt_v5_subscribe *subscribe);

/*@ requires \valid(reader) && readable(reader->at, reader->left);
    requires 2 <= reader->left <= MQTT_REMAINING_LENGTH_MAX;
    requires \valid(unsubscribe) && \separated(reader, unsubscribe);
    requires \separated(unsubscribe, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, *unsubscribe;
    exits \false;
    ensures \result > 0 || is_v5_status(\result);
    ensures advanced{Pre, Post}(reader);
    ensures \result > 0 ==>
            v5_unsubscribe_within(unsubscribe, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_unsubscribe(struct mqtti_reader *reader,
                                                struct mqtt_v5_unsubscribe *unsubscribe);

/*@ requires \valid(reader) && readable(reader->at, reader->left) && reader->left >= 2;
    requires \valid(suback) && \separated(reader, suback) && is_v5_place(packet);
    requires \separated(suback, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, *suback;
    exits \false;
    ensures is_v5_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures \result == 0 ==> v5_suback_within(suback, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_suback(struct mqtti_reader *reader, unsigned packet,
                                           struct mqtt_v5_suback *suback);

/*@ requires \valid_read(subscribe) && \valid(position) && \valid(out);
    requires \separated(position, out);
    requires \separated(subscribe, position);
    requires \separated(subscribe, out);
    requires subscribe->subscriptions != \null ==>
             \valid_read(subscribe->subscriptions + (0 .. subscribe->count - 1));
    requires \object_pointer(subscribe->subscriptions);
    requires subscribe->subscriptions != \null ==>
             \forall integer i; 0 <= i < subscribe->count ==>
               \object_pointer(subscribe->subscriptions[i].filter.data);
    requires subscribe->subscriptions == \null ==> bytes_readable(&subscribe->encoded);
    assigns *position, *out;
    exits \false;
    ensures is_bool(\result);
    ensures cases: \result == 0 ==> *position == \old(*position);
    ensures cases: \result != 0 ==> \old(*position) < *position;
    ensures cases: \result != 0 && \old(subscribe->subscriptions) != \null ==>
            *position == \old(*position) + 1 <= \old(subscribe->count);
    ensures cases: \old(subscribe->subscriptions) != \null ==>
            (\result != 0 <==> \old(*position) < \old(subscribe->count));
    ensures cases: \result != 0 && \old(subscribe->subscriptions) == \null ==>
            *position <= \old(subscribe->encoded.length);
    ensures cases: \result != 0 && \old(subscribe->subscriptions) == \null ==>
            string_within(&out->filter, \old(subscribe->encoded.data), \old(subscribe->encoded.length));
    ensures cases: \result != 0 && \old(subscribe->subscriptions) == \null ==>
            is_bool(out->no_local) && is_bool(out->retain_as_published);
*/
bool mqtt_v5_next_subscription(const struct mqtt_v5_subscribe *subscribe, size_t *position,
                               struct mqtt_v5_subscription *out);

/*@ requires \valid_read(unsubscribe) && \valid(position) && \valid(out);
    requires \separated(position, out);
    requires \separated(unsubscribe, position);
    requires \separated(unsubscribe, out);
    requires unsubscribe->filters != \null ==>
             \valid_read(unsubscribe->filters + (0 .. unsubscribe->count - 1));
    requires \object_pointer(unsubscribe->filters);
    requires unsubscribe->filters != \null ==>
             \forall integer i; 0 <= i < unsubscribe->count ==>
               \object_pointer(unsubscribe->filters[i].data);
    requires unsubscribe->filters == \null ==> bytes_readable(&unsubscribe->encoded);
    assigns *position, *out;
    exits \false;
    ensures is_bool(\result);
    ensures \result == 0 ==> *position == \old(*position);
    ensures \result != 0 ==> \old(*position) < *position;
    ensures \result != 0 && unsubscribe->filters != \null ==>
            *position == \old(*position) + 1 <= unsubscribe->count;
    ensures unsubscribe->filters != \null ==>
            (\result != 0 <==> \old(*position) < unsubscribe->count);
    ensures \result != 0 && unsubscribe->filters == \null ==>
            *position <= unsubscribe->encoded.length;
    ensures \result != 0 && unsubscribe->filters == \null ==>
            string_within(out, unsubscribe->encoded.data, unsubscribe->encoded.length);
*/
bool mqtt_v5_next_filter(const struct mqtt_v5_unsubscribe *unsubscribe, size_t *position,
                         struct mqtt_string *out);

/* 3.14 DISCONNECT, 3.15 AUTH */

/*@ requires \valid(reader) && readable(reader->at, reader->left);
    requires \valid(disconnect) && \separated(reader, disconnect) && is_v5_place(packet);
    requires \separated(disconnect, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, *disconnect;
    exits \false;
    ensures is_v5_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures \result == 0 ==>
            v5_properties_within(&disconnect->properties, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_v5_read_disconnect(struct mqtti_reader *reader, unsigned packet,
                                               unsigned senders,
                                               struct mqtt_v5_disconnect *disconnect);

/* Any packet */

/* The fields of the packet, by its type. An ensures for each type is easier to prove than one for all. */
/* clang-format off */
#define V5_PACKET_WITHIN(decoded, bytes, length) \
    ensures cases: decoded ==> MQTT_V5_CONNECT <= packet->type <= MQTT_V5_AUTH; \
    V5_CONNECT_WITHIN(decoded && packet->type == MQTT_V5_CONNECT, &packet->as.connect, bytes, \
                      length) \
    ensures cases: decoded && packet->type == MQTT_V5_CONNACK ==> \
            is_bool(packet->as.connack.session_present) && \
            v5_properties_within(&packet->as.connack.properties, bytes, length); \
    V5_PUBLISH_WITHIN(decoded && packet->type == MQTT_V5_PUBLISH, &packet->as.publish, bytes, \
                      length) \
    ensures cases: decoded && v5_is_ack(packet->type) ==> packet->as.ack.packet_id != 0; \
    ensures cases: decoded && v5_is_ack(packet->type) ==> \
            v5_properties_within(&packet->as.ack.properties, bytes, length); \
    ensures cases: decoded && packet->type == MQTT_V5_SUBSCRIBE ==> \
            v5_subscribe_within(&packet->as.subscribe, bytes, length); \
    ensures cases: decoded && packet->type == MQTT_V5_SUBACK ==> \
            v5_suback_within(&packet->as.suback, bytes, length); \
    ensures cases: decoded && packet->type == MQTT_V5_UNSUBSCRIBE ==> \
            v5_unsubscribe_within(&packet->as.unsubscribe, bytes, length); \
    ensures cases: decoded && packet->type == MQTT_V5_UNSUBACK ==> \
            v5_suback_within(&packet->as.unsuback, bytes, length); \
    ensures cases: decoded && packet->type == MQTT_V5_DISCONNECT ==> \
            v5_properties_within(&packet->as.disconnect.properties, bytes, length); \
    ensures cases: decoded && packet->type == MQTT_V5_AUTH ==> \
            v5_properties_within(&packet->as.auth.properties, bytes, length);
/* clang-format on */

/*@ predicate v5_can_decode{L}(struct mqtt_v5_packet *packet, struct mqtti_reader *body,
                               integer flags) =
      \valid(packet) && \separated(packet, body) && v5_is_body(body) &&
      MQTT_V5_CONNECT <= packet->type <= MQTT_V5_AUTH &&
      \separated(packet, body->at - 1 + (0 .. body->left)) &&
      v5_least(packet->type) <= body->left && 0 <= flags <= 255 &&
      (packet->type == MQTT_V5_PUBLISH ==> flags / MQTTI_PUBLISH_QOS_1 % 4 != 3);
*/

/*@ requires \valid(packet) && readable(bytes, length);
    requires \separated(packet, bytes + (0 .. length - 1));
    assigns packet->error_offset, packet->type, packet->as.connect;
    exits \false;
    ensures 0 <= \result <= length || is_v5_status(\result);
    ensures \result < 0 ==> packet->error_offset <= length;
    ensures \result > 0 ==> packet->type == MQTT_V5_CONNECT;
    V5_CONNECT_WITHIN(\result > 0, &packet->as.connect, bytes, \result)
*/
static inline int32_t mqtti_v5_decode_usual_connect(struct mqtt_v5_packet *packet,
                                                    const uint8_t *bytes, size_t length);

/*@ requires \valid(packet) && readable(bytes, length);
    requires \separated(packet, bytes + (0 .. length - 1));
    assigns packet->error_offset, packet->type, packet->as;
    exits \false;
    ensures 0 <= \result <= length || is_v5_status(\result);
    ensures \result < 0 ==> packet->error_offset <= length;
    V5_PACKET_WITHIN(\result > 0, bytes, \result)
*/
static inline int32_t mqtti_v5_decode_usual(struct mqtt_v5_packet *packet, const uint8_t *bytes,
                                            size_t length, unsigned senders);

/*@ requires \valid(packet) && readable(bytes, length);
    requires \separated(packet, bytes + (0 .. length - 1));
    assigns packet->error_offset, packet->type, packet->as;
    exits \false;
    ensures 0 <= \result <= length || is_v5_status(\result);
    ensures \result < 0 ==> packet->error_offset <= length;
    V5_PACKET_WITHIN(\result > 0, bytes, \result)
*/
static inline int32_t mqtti_v5_decode_usual_from_client(struct mqtt_v5_packet *packet,
                                                        const uint8_t *bytes, size_t length,
                                                        unsigned senders);

/*@ requires v5_can_decode(packet, body, flags);
    requires !v5_only_client(packet->type) || packet->type == MQTT_V5_PINGREQ;
    requires !v5_only_server(packet->type) || packet->type == MQTT_V5_PINGRESP;
    assigns body->at, body->left, packet->as;
    exits \false;
    ensures \result >= 0 || is_v5_status(\result);
    ensures body->left <= \old(body->left) + 1;
    V5_PACKET_WITHIN(\result >= 0, \old(body->at), \old(body->left))
*/
static inline int32_t mqtti_v5_read_from_both(struct mqtt_v5_packet *packet,
                                              struct mqtti_reader *body, unsigned flags,
                                              unsigned senders);

/*@ requires v5_can_decode(packet, body, flags);
    requires !v5_only_server(packet->type) || packet->type == MQTT_V5_PINGRESP;
    requires packet->type != MQTT_V5_CONNECT;
    assigns body->at, body->left, packet->as;
    exits \false;
    ensures \result >= 0 || is_v5_status(\result);
    ensures body->left <= \old(body->left) + 1;
    V5_PACKET_WITHIN(\result >= 0, \old(body->at), \old(body->left))
*/
static inline int32_t mqtti_v5_read_from_client(struct mqtt_v5_packet *packet,
                                                struct mqtti_reader *body, unsigned flags,
                                                unsigned senders);

/*@ requires v5_can_decode(packet, body, flags);
    requires !v5_only_client(packet->type) || packet->type == MQTT_V5_PINGREQ;
    assigns body->at, body->left, packet->as;
    exits \false;
    ensures \result >= 0 || is_v5_status(\result);
    ensures body->left <= \old(body->left) + 1;
    V5_PACKET_WITHIN(\result >= 0, \old(body->at), \old(body->left))
*/
static inline int32_t mqtti_v5_read_from_server(struct mqtt_v5_packet *packet,
                                                struct mqtti_reader *body, unsigned flags,
                                                unsigned senders);

/*@ requires \valid(packet) && readable((uint8_t *)bytes, length);
    requires \separated(packet, (uint8_t *)bytes + (0 .. length - 1));
    assigns *packet;
    exits \false;
    ensures 0 < \result <= length || is_v5_status(\result);
    ensures \result < 0 && \result != MQTT_PACKET_INCOMPLETE ==> packet->error_offset <= length;
    V5_PACKET_WITHIN(\result > 0, (uint8_t *)bytes, \result)
*/
int32_t mqtt_v5_decode(struct mqtt_v5_packet *packet, const void *bytes, size_t length);

/*@ requires \valid(packet) && readable((uint8_t *)bytes, length);
    requires \separated(packet, (uint8_t *)bytes + (0 .. length - 1));
    assigns *packet;
    exits \false;
    ensures 0 < \result <= length || is_v5_status(\result);
    ensures cases: \result < 0 && \result != MQTT_PACKET_INCOMPLETE ==>
            packet->error_offset <= length;
    V5_PACKET_WITHIN(\result > 0, (uint8_t *)bytes, \result)
*/
int32_t mqtt_v5_decode_from_client(struct mqtt_v5_packet *packet, const void *bytes, size_t length);

/*@ requires \valid(packet) && readable((uint8_t *)bytes, length);
    requires \separated(packet, (uint8_t *)bytes + (0 .. length - 1));
    assigns *packet;
    exits \false;
    ensures 0 < \result <= length || is_v5_status(\result);
    ensures \result < 0 && \result != MQTT_PACKET_INCOMPLETE ==> packet->error_offset <= length;
    V5_PACKET_WITHIN(\result > 0, (uint8_t *)bytes, \result)
*/
int32_t mqtt_v5_decode_from_server(struct mqtt_v5_packet *packet, const void *bytes, size_t length);

/* What encoders share */

/*@ predicate v5_property_readable{L}(struct mqtt_v5_property *property) =
      \valid_read(property) && v5_value_readable(property, v5_type(property->id));
    predicate v5_property_apart{L}(uint8_t *at, integer size, struct mqtt_v5_property *property) =
      \separated(at + (0 .. size - 1), property) &&
      (v5_type(property->id) == MQTTI_V5_BINARY ==>
       bytes_apart(at, size, &property->as.bytes)) &&
      (v5_type(property->id) == MQTTI_V5_STRING || v5_type(property->id) == MQTTI_V5_TOPIC ==>
       string_apart(at, size, &property->as.string)) &&
      (v5_type(property->id) == MQTTI_V5_PAIR ==>
       string_apart(at, size, &property->as.pair.name) &&
       string_apart(at, size, &property->as.pair.value));
    predicate v5_entries_readable{L}(struct mqtt_v5_properties *properties) =
      v5_properties_readable(properties) &&
      \forall integer k; 0 <= k < properties->count ==>
        v5_property_readable(properties->list + k);
    predicate v5_properties_apart{L}(uint8_t *at, integer size,
                                     struct mqtt_v5_properties *properties) =
      \separated(at + (0 .. size - 1), properties) &&
      bytes_apart(at, size, &properties->encoded) &&
      \separated(at + (0 .. size - 1), properties->list + (0 .. properties->count - 1)) &&
      \forall integer k; 0 <= k < properties->count ==>
        v5_property_apart(at, size, properties->list + k);
    // What every encoder promises of its result.
    predicate v5_encoded{L1, L2}(uint8_t *buffer, integer capacity, integer result) =
      (result > 0 || is_v5_status(result)) &&
      (buffer != \null ==> result <= capacity) &&
      (buffer != \null ==> unwritten{L1, L2}(buffer, \max(result, 0), capacity));
    predicate v5_can_encode{L}(uint8_t *buffer, integer capacity,
                               struct mqtt_v5_properties *properties) =
      writable(buffer, capacity) && v5_entries_readable(properties) &&
      v5_properties_apart(buffer, room(buffer, capacity), properties);
*/

/*@ requires v5_can_encode((uint8_t *)buffer, capacity, properties);
    requires first_byte <= 255 && is_v5_place(first_byte / 16) && before <= 0xFFFF;
    requires first_byte / 16 == MQTT_V5_CONNACK ==> before <= 1;
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
static inline int32_t mqtti_v5_encode_reason(void *buffer, size_t capacity, unsigned first_byte,
                                             unsigned before, uint8_t reason_code,
                                             const struct mqtt_v5_properties *properties);

/*@ requires \valid_read(connack) && is_bool(connack->session_present);
    requires v5_can_encode((uint8_t *)buffer, capacity, &connack->properties);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_connack(void *buffer, size_t capacity,
                               const struct mqtt_v5_connack *connack);

/*@ requires \valid_read(ack) && first_byte <= 255 && v5_is_ack(first_byte / 16);
    requires v5_can_encode((uint8_t *)buffer, capacity, &ack->properties);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
static inline int32_t mqtti_v5_encode_ack(void *buffer, size_t capacity, unsigned first_byte,
                                          const struct mqtt_v5_ack *ack);

/*@ requires \valid_read(ack) && v5_can_encode((uint8_t *)buffer, capacity, &ack->properties);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_puback(void *buffer, size_t capacity, const struct mqtt_v5_ack *ack);

/*@ requires \valid_read(ack) && v5_can_encode((uint8_t *)buffer, capacity, &ack->properties);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_pubrec(void *buffer, size_t capacity, const struct mqtt_v5_ack *ack);

/*@ requires \valid_read(ack) && v5_can_encode((uint8_t *)buffer, capacity, &ack->properties);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_pubrel(void *buffer, size_t capacity, const struct mqtt_v5_ack *ack);

/*@ requires \valid_read(ack) && v5_can_encode((uint8_t *)buffer, capacity, &ack->properties);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_pubcomp(void *buffer, size_t capacity, const struct mqtt_v5_ack *ack);

/*@ requires \valid_read(disconnect);
    requires v5_can_encode((uint8_t *)buffer, capacity, &disconnect->properties);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_disconnect(void *buffer, size_t capacity,
                                  const struct mqtt_v5_disconnect *disconnect);

/*@ requires \valid_read(auth);
    requires v5_can_encode((uint8_t *)buffer, capacity, &auth->properties);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_auth(void *buffer, size_t capacity, const struct mqtt_v5_disconnect *auth);

/*@ requires v5_can_encode((uint8_t *)buffer, capacity, properties);
    requires packet == MQTT_V5_SUBSCRIBE || packet == MQTT_V5_SUBACK ||
             packet == MQTT_V5_UNSUBSCRIBE || packet == MQTT_V5_UNSUBACK;
    requires readable(payload, length);
    requires \separated((uint8_t *)buffer + (0 .. room((uint8_t *)buffer, capacity) - 1),
                        payload + (0 .. length - 1));
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
static inline int32_t mqtti_v5_encode_payload(void *buffer, size_t capacity, unsigned packet,
                                              uint16_t packet_id,
                                              const struct mqtt_v5_properties *properties,
                                              const uint8_t *payload, size_t length);

/*@ requires \valid_read(suback);
    requires v5_can_encode((uint8_t *)buffer, capacity, &suback->properties);
    requires readable(suback->reason_codes, suback->count);
    requires \separated((uint8_t *)buffer + (0 .. room((uint8_t *)buffer, capacity) - 1),
                        suback->reason_codes + (0 .. suback->count - 1));
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_suback(void *buffer, size_t capacity, const struct mqtt_v5_suback *suback);

/*@ requires \valid_read(unsuback);
    requires v5_can_encode((uint8_t *)buffer, capacity, &unsuback->properties);
    requires readable(unsuback->reason_codes, unsuback->count);
    requires \separated((uint8_t *)buffer + (0 .. room((uint8_t *)buffer, capacity) - 1),
                        unsuback->reason_codes + (0 .. unsuback->count - 1));
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_unsuback(void *buffer, size_t capacity,
                                const struct mqtt_v5_suback *unsuback);

/*@ requires \valid_read(connect) && v5_connect_flags(connect);
    requires connect->has_will != 0 ==> connect->will.qos <= 2;
    assigns \nothing;
    exits \false;
    ensures \result <= 255;
*/
static inline unsigned mqtti_v5_connect_flags(const struct mqtt_v5_connect *connect);

/*@ requires \valid_read(subscription);
    requires is_bool(subscription->no_local) && is_bool(subscription->retain_as_published);
    assigns \nothing;
    exits \false;
    ensures \result <= 255;
*/
static inline unsigned mqtti_v5_options(const struct mqtt_v5_subscription *subscription);

/* Encoders of packets with other members. Those that write them are not proved yet. */

/*@ predicate v5_publish_readable{L}(struct mqtt_v5_publish *publish) =
      \valid_read(publish) && is_bool(publish->dup) && is_bool(publish->retain) &&
      string_readable(&publish->topic);
    predicate v5_publish_apart{L}(uint8_t *at, integer size, struct mqtt_v5_publish *publish) =
      \separated(at + (0 .. size - 1), publish) && string_apart(at, size, &publish->topic);
*/

/*@ requires v5_publish_readable(publish);
    requires v5_can_encode((uint8_t *)buffer, capacity, &publish->properties);
    requires v5_publish_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), publish);
    requires elsewhere == 0 || elsewhere == publish->payload.length;
    requires elsewhere < publish->payload.length ==> bytes_readable(&publish->payload);
    requires elsewhere < publish->payload.length ==>
             bytes_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), &publish->payload);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
static inline int32_t mqtti_v5_write_publish(void *buffer, size_t capacity,
                                             const struct mqtt_v5_publish *publish,
                                             size_t elsewhere);

/*@ requires v5_publish_readable(publish) && bytes_readable(&publish->payload);
    requires v5_can_encode((uint8_t *)buffer, capacity, &publish->properties);
    requires v5_publish_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), publish);
    requires bytes_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), &publish->payload);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_publish(void *buffer, size_t capacity,
                               const struct mqtt_v5_publish *publish);

/*@ requires v5_publish_readable(publish);
    requires v5_can_encode((uint8_t *)buffer, capacity, &publish->properties);
    requires v5_publish_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), publish);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_publish_header(void *buffer, size_t capacity,
                                      const struct mqtt_v5_publish *publish);

/*@ predicate v5_connect_readable{L}(struct mqtt_v5_connect *connect) =
      \valid_read(connect) && v5_connect_flags(connect) &&
      string_readable(&connect->client_id) &&
      (connect->has_will != 0 ==> string_readable(&connect->will.topic)) &&
      (connect->has_will != 0 ==> bytes_readable(&connect->will.payload)) &&
      (connect->has_user_name != 0 ==> string_readable(&connect->user_name)) &&
      (connect->has_password != 0 ==> bytes_readable(&connect->password));
    predicate v5_connect_apart{L}(uint8_t *at, integer size, struct mqtt_v5_connect *connect) =
      \separated(at + (0 .. size - 1), connect) &&
      string_apart(at, size, &connect->client_id) &&
      (connect->has_will != 0 ==> string_apart(at, size, &connect->will.topic)) &&
      (connect->has_will != 0 ==> bytes_apart(at, size, &connect->will.payload)) &&
      (connect->has_user_name != 0 ==> string_apart(at, size, &connect->user_name)) &&
      (connect->has_password != 0 ==> bytes_apart(at, size, &connect->password));
*/

/*@ requires v5_connect_readable(connect);
    requires v5_can_encode((uint8_t *)buffer, capacity, &connect->properties);
    requires connect->has_will != 0 ==>
             v5_can_encode((uint8_t *)buffer, capacity, &connect->will.properties);
    requires v5_connect_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), connect);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_connect(void *buffer, size_t capacity,
                               const struct mqtt_v5_connect *connect);

/*@ predicate v5_entries_of{L}(struct mqtt_v5_subscription *list, integer count) =
      \object_pointer(list) && \valid_read(list + (0 .. count - 1)) &&
      \forall integer i; 0 <= i < count ==>
        is_bool(list[i].no_local) && is_bool(list[i].retain_as_published) &&
        string_readable(&list[i].filter);
    predicate v5_entries_apart{L}(uint8_t *at, integer size, struct mqtt_v5_subscription *list,
                                  integer count) =
      \separated(at + (0 .. size - 1), list + (0 .. count - 1)) &&
      \forall integer i; 0 <= i < count ==> string_apart(at, size, &list[i].filter);
*/

/*@ requires \valid_read(filters);
    requires filters->packet == MQTT_V5_SUBSCRIBE || filters->packet == MQTT_V5_UNSUBSCRIBE;
    requires v5_can_encode((uint8_t *)buffer, capacity, filters->properties);
    requires filters->packet == MQTT_V5_SUBSCRIBE && filters->count > 0 ==>
             v5_entries_of(filters->subscriptions, filters->count) &&
             v5_entries_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity),
                              filters->subscriptions, filters->count);
    requires filters->packet == MQTT_V5_UNSUBSCRIBE && filters->count > 0 ==>
             filters_readable(filters->filters, filters->count) &&
             filters_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity),
                           filters->filters, filters->count);
    requires \separated((uint8_t *)buffer + (0 .. room((uint8_t *)buffer, capacity) - 1), filters);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
static inline int32_t mqtti_v5_encode_filters(void *buffer, size_t capacity,
                                              const struct mqtti_v5_filters *filters);

/*@ requires \valid_read(subscribe) && \object_pointer(subscribe->subscriptions);
    requires v5_can_encode((uint8_t *)buffer, capacity, &subscribe->properties);
    requires subscribe->subscriptions != \null ==>
             v5_entries_of(subscribe->subscriptions, subscribe->count) &&
             v5_entries_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity),
                              subscribe->subscriptions, subscribe->count);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_subscribe(void *buffer, size_t capacity,
                                 const struct mqtt_v5_subscribe *subscribe);

/*@ requires \valid_read(unsubscribe) && \object_pointer(unsubscribe->filters);
    requires v5_can_encode((uint8_t *)buffer, capacity, &unsubscribe->properties);
    requires unsubscribe->filters != \null ==>
             filters_readable(unsubscribe->filters, unsubscribe->count) &&
             filters_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity),
                           unsubscribe->filters, unsubscribe->count);
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
*/
int32_t mqtt_v5_encode_unsubscribe(void *buffer, size_t capacity,
                                   const struct mqtt_v5_unsubscribe *unsubscribe);

/* What the encoder of each type requires. */
/* clang-format off */
#define V5_BUFFER (uint8_t *)buffer, capacity
#define V5_ROOM   (uint8_t *)buffer, room((uint8_t *)buffer, capacity)
/* clang-format on */

/*@ requires \valid_read(packet) && writable(V5_BUFFER);
    requires packet->type == MQTT_V5_CONNECT ==>
             v5_connect_readable(&packet->as.connect) &&
             v5_can_encode(V5_BUFFER, &packet->as.connect.properties) &&
             v5_connect_apart(V5_ROOM, &packet->as.connect);
    requires packet->type == MQTT_V5_CONNECT && packet->as.connect.has_will != 0 ==>
             v5_can_encode(V5_BUFFER, &packet->as.connect.will.properties);
    requires packet->type == MQTT_V5_CONNACK ==>
             is_bool(packet->as.connack.session_present) &&
             v5_can_encode(V5_BUFFER, &packet->as.connack.properties);
    requires packet->type == MQTT_V5_PUBLISH ==>
             v5_publish_readable(&packet->as.publish) &&
             bytes_readable(&packet->as.publish.payload) &&
             v5_can_encode(V5_BUFFER, &packet->as.publish.properties) &&
             v5_publish_apart(V5_ROOM, &packet->as.publish) &&
             bytes_apart(V5_ROOM, &packet->as.publish.payload);
    requires v5_is_ack(packet->type) ==> v5_can_encode(V5_BUFFER, &packet->as.ack.properties);
    requires packet->type == MQTT_V5_SUBSCRIBE ==>
             \object_pointer(packet->as.subscribe.subscriptions) &&
             v5_can_encode(V5_BUFFER, &packet->as.subscribe.properties) &&
             (packet->as.subscribe.subscriptions != \null
                ? v5_entries_of(packet->as.subscribe.subscriptions, packet->as.subscribe.count) &&
                  v5_entries_apart(V5_ROOM, packet->as.subscribe.subscriptions,
                                   packet->as.subscribe.count)
                : bytes_readable(&packet->as.subscribe.encoded) &&
                  bytes_apart(V5_ROOM, &packet->as.subscribe.encoded));
    requires packet->type == MQTT_V5_SUBACK ==>
             v5_can_encode(V5_BUFFER, &packet->as.suback.properties) &&
             readable(packet->as.suback.reason_codes, packet->as.suback.count) &&
             \separated((uint8_t *)buffer + (0 .. room(V5_BUFFER) - 1),
                        packet->as.suback.reason_codes + (0 .. packet->as.suback.count - 1));
    requires packet->type == MQTT_V5_UNSUBSCRIBE ==>
             \object_pointer(packet->as.unsubscribe.filters) &&
             v5_can_encode(V5_BUFFER, &packet->as.unsubscribe.properties) &&
             (packet->as.unsubscribe.filters != \null
                ? filters_readable(packet->as.unsubscribe.filters,
                                   packet->as.unsubscribe.count) &&
                  filters_apart(V5_ROOM, packet->as.unsubscribe.filters,
                                packet->as.unsubscribe.count)
                : bytes_readable(&packet->as.unsubscribe.encoded) &&
                  bytes_apart(V5_ROOM, &packet->as.unsubscribe.encoded));
    requires packet->type == MQTT_V5_UNSUBACK ==>
             v5_can_encode(V5_BUFFER, &packet->as.unsuback.properties) &&
             readable(packet->as.unsuback.reason_codes, packet->as.unsuback.count) &&
             \separated((uint8_t *)buffer + (0 .. room(V5_BUFFER) - 1),
                        packet->as.unsuback.reason_codes + (0 .. packet->as.unsuback.count - 1));
    requires packet->type == MQTT_V5_DISCONNECT ==>
             v5_can_encode(V5_BUFFER, &packet->as.disconnect.properties);
    requires packet->type == MQTT_V5_AUTH ==>
             v5_can_encode(V5_BUFFER, &packet->as.auth.properties);
    assigns ((uint8_t *)buffer)[0 .. room(V5_BUFFER) - 1];
    exits \false;
    ensures v5_encoded{Pre, Post}(V5_BUFFER, \result);
*/
int32_t mqtt_v5_encode(void *buffer, size_t capacity, const struct mqtt_v5_packet *packet);

/* Explanations */

/*@ assigns \nothing;
    exits \false;
    ensures \valid_read(\result);
*/
static inline const struct mqtti_v5_explanation *mqtti_v5_explain(int32_t status);

/*@ assigns \nothing;
    exits \false;
*/
const char *mqtt_v5_status_message(int32_t status);

/*@ assigns \nothing;
    exits \false;
*/
int32_t mqtt_v5_reason_code_for(int32_t status);

/*@ requires \valid_read(rows + (0 .. count - 1));
    assigns \nothing;
    exits \false;
    ensures \result <= count;
*/
static inline unsigned mqtti_v5_clause_row(const struct mqtti_v5_clause *rows, unsigned count,
                                           int32_t status, enum mqtt_v5_packet_type type);

/*@ assigns \nothing;
    exits \false;
*/
const char *mqtt_v5_status_clause(int32_t status, enum mqtt_v5_packet_type type);

/*@ assigns \nothing;
    exits \false;
*/
const char *mqtt_v5_packet_type_name(enum mqtt_v5_packet_type type);
