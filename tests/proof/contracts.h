/* What stands in many contracts. */
/* clang-format off */
#undef false /* else it replaces that of \false in a macro */
#define PURE \
    assigns \nothing; \
    exits \false;
#define WRITES_PACKET \
    assigns ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1]; \
    exits \false; \
    ensures encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
#define ENCODES(size) \
    requires writable((uint8_t *)buffer, capacity); \
    WRITES_PACKET \
    ensures \result > 0 ==> \result == size;
#define DECODES_PACKET \
    requires \valid(packet) && readable((uint8_t *)bytes, length); \
    requires \separated(packet, (uint8_t *)bytes + (0 .. length - 1)); \
    assigns *packet; \
    exits \false; \
    ensures 0 < \result <= length || is_status(\result); \
    ensures \result < 0 && \result != MQTT_PACKET_INCOMPLETE ==> packet->error_offset <= length; \
    ensures \result > 0 ==> packet_within(packet, (uint8_t *)bytes, \result);
/* clang-format on */

/*@ predicate readable{L}(uint8_t *p, integer n) =
      \object_pointer(p) && \valid_read(p + (0 .. n - 1));
    predicate within{L}(uint8_t *p, integer n, uint8_t *bytes, integer length) =
      \base_addr(p) == \base_addr(bytes) && 0 <= p - bytes <= length - n;
    // What has been read is at the end of what was there.
    predicate advanced{L1, L2}(struct mqtti_reader *reader) =
      \at(reader->left, L2) <= \at(reader->left, L1) &&
      \at(reader->at, L2) == \at(reader->at, L1) + (\at(reader->left, L1) - \at(reader->left, L2));
    predicate is_bool(integer b) = b == 0 || b == 1;
    predicate is_status(integer status) = MQTT_ERROR_PAYLOAD_MISSING <= status < 0;
    predicate is_checked(integer status) = MQTT_ERROR_FILTER_SINGLE_LEVEL <= status <= 0;
*/

/*@ requires \valid((uint8_t *)to + (0 .. count - 1));
    requires \valid_read((uint8_t *)from + (0 .. count - 1));
    requires \separated((uint8_t *)to + (0 .. count - 1), (uint8_t *)from + (0 .. count - 1));
    assigns ((uint8_t *)to)[0 .. count - 1] \from ((uint8_t *)from)[0 .. count - 1];
    assigns \result \from to;
    exits \false;
    ensures \result == to;
*/
void *proof_memcpy(void *to, const void *from, size_t count);

/* Cursors */

/*@ requires \valid(reader);
    requires readable(reader->at, reader->left);
    requires count <= reader->left;
    assigns reader->at, reader->left;
    exits \false;
    ensures reader->at == \old(reader->at) + count;
    ensures reader->left == \old(reader->left) - count;
*/
static inline void mqtti_skip(struct mqtti_reader *reader, size_t count);

/*@ requires \valid_read(at + (0 .. 1));
    PURE
    ensures \result == (at[0] << 8 | at[1]);
    ensures \result <= 0xFFFF;
*/
static inline uint16_t mqtti_get_u16(const uint8_t *at);

/*@ PURE
    ensures \result == (is_set != 0 ? flag : 0);
*/
static inline unsigned mqtti_flag(bool is_set, unsigned flag);

/*@ requires \valid(at);
    requires value <= 255;
    assigns at[0];
    assigns \result \from at;
    exits \false;
    ensures \result == at + 1;
    ensures at[0] == value;
*/
static inline uint8_t *mqtti_put_u8(uint8_t *at, unsigned value);

/*@ requires \valid(at + (0 .. 1));
    assigns at[0 .. 1];
    assigns \result \from at;
    exits \false;
    ensures \result == at + 2;
    ensures at[0] == value / 256 && at[1] == value % 256;
*/
static inline uint8_t *mqtti_put_u16(uint8_t *at, uint16_t value);

/*@ requires \object_pointer(at) && \valid(at + (0 .. length - 1));
    requires \valid_read((uint8_t *)data + (0 .. length - 1));
    requires \separated(at + (0 .. length - 1), (uint8_t *)data + (0 .. length - 1));
    assigns at[0 .. length - 1];
    assigns \result \from at;
    exits \false;
    ensures \result == at + length;
*/
static inline uint8_t *mqtti_put_bytes(uint8_t *at, const void *data, size_t length);

/* 1.5.3 UTF-8 encoded strings, 4.7 topic names and topic filters */

/*@ requires left > 0 && readable(s, left);
    PURE
    ensures \result == 0 || 2 <= \result <= 4;
    ensures \result <= left;
*/
static inline size_t mqtti_sequence_size(const uint8_t *s, size_t left);

/*@ requires readable(s, length) && readable(other, length);
    PURE
    ensures \result <= length;
*/
static inline size_t mqtti_common_length(const uint8_t *s, const uint8_t *other, size_t length);

/*@ requires readable(s, length);
    PURE
    ensures \result <= length;
*/
static inline size_t mqtti_level_length(const uint8_t *s, size_t length);

/*@ requires readable(s, length) && i < length;
    PURE
    ensures i < \result <= length;
*/
static inline size_t mqtti_skip_plain(const uint8_t *s, size_t length, size_t i, uint8_t low);

/*@ requires readable(s, length) && i < length;
    PURE
    ensures i <= \result <= length;
*/
static inline size_t mqtti_skip_characters(const uint8_t *s, size_t length, size_t i, uint8_t low);

/*@ requires readable(s, length);
    PURE
    ensures \result <= length;
*/
static inline size_t mqtti_left_to_check(const uint8_t *s, size_t length, uint8_t low);

/*@ requires readable(s, length);
    PURE
    ensures is_bool(\result);
*/
static inline bool mqtti_is_valid_filter(const uint8_t *s, size_t length);

/*@ requires \valid(to + (0 .. length - 1)) && \valid_read(from + (0 .. length - 1));
    assigns to[0 .. length - 1];
    exits \false;
    ensures is_bool(\result);
*/
static inline bool mqtti_copy_short(uint8_t *to, const uint8_t *from, size_t length);

/*@ requires readable(s, length) && i < length;
    requires s[i] == '#' || s[i] == '+';
    PURE
    ensures is_checked(\result);
*/
static inline int32_t mqtti_check_wildcard(const uint8_t *s, size_t length, size_t i);

/*@ PURE
    ensures \result <==> length > MQTT_STRING_LENGTH_MAX;
*/
static inline bool mqtti_is_too_long(size_t length);

/*@ PURE
    ensures \result == (kind == MQTTI_STRING ? 0 : '+');
*/
static inline uint8_t mqtti_low(enum mqtti_kind kind);

/*@ requires readable(s, length) && i <= length;
    PURE
    ensures is_checked(\result);
    ensures \result == 0 && kind != MQTTI_STRING ==> length > 0;
*/
static inline int32_t mqtti_walk_string(const uint8_t *s, size_t length, size_t i,
                                        enum mqtti_kind kind);

/*@ requires readable(s, length);
    PURE
    ensures is_checked(\result);
*/
static inline int32_t mqtti_check_string(const uint8_t *s, size_t length, enum mqtti_kind kind);

/*@ requires readable(data, length);
    PURE
    ensures is_checked(\result);
    ensures \result == 0 ==> length <= MQTT_STRING_LENGTH_MAX;
*/
static inline int32_t mqtti_check_field(const uint8_t *data, size_t length, enum mqtti_kind kind);

/*@ requires \valid(reader) && \valid(field) && \separated(reader, field);
    requires readable(reader->at, reader->left);
    requires is_checked(missing) && missing < 0;
    assigns reader->at, reader->left, field->data, field->length;
    exits \false;
    ensures is_checked(\result);
    ensures \result == 0 ==> field->data == \old(reader->at) + 2;
    ensures \result == 0 ==> field->length <= MQTT_STRING_LENGTH_MAX;
    ensures \result == 0 ==> reader->left == \old(reader->left) - 2 - field->length;
    ensures \result < 0 ==> reader->left == \old(reader->left);
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
*/
static inline int32_t mqtti_read_field(struct mqtti_reader *reader, enum mqtti_kind kind,
                                       int32_t missing, struct mqtt_bytes *field);

/*@ PURE
    ensures (uint8_t *)\result.data == field.data && \result.length == field.length;
*/
static inline struct mqtt_string mqtti_string_of(struct mqtt_bytes field);

/*@ requires readable((uint8_t *)string.data, string.length);
    PURE
    ensures is_bool(\result);
*/
bool mqtt_string_is_valid(struct mqtt_string string);

/*@ requires readable((uint8_t *)name.data, name.length);
    PURE
    ensures is_bool(\result);
*/
bool mqtt_topic_name_is_valid(struct mqtt_string name);

/*@ requires readable((uint8_t *)filter.data, filter.length);
    PURE
    ensures is_bool(\result);
*/
bool mqtt_topic_filter_is_valid(struct mqtt_string filter);

/*@ requires readable((uint8_t *)string.data, string.length);
    PURE
    ensures is_bool(\result);
*/
bool mqtt_string_has_discouraged(struct mqtt_string string);

/*@ requires readable(filter, filter_left) && readable(name, name_left);
    PURE
    ensures is_bool(\result);
*/
static inline bool mqtti_levels_match(const uint8_t *filter, size_t filter_left,
                                      const uint8_t *name, size_t name_left);

/*@ requires readable((uint8_t *)filter.data, filter.length);
    requires readable((uint8_t *)name.data, name.length);
    PURE
    ensures is_bool(\result);
*/
bool mqtt_topic_matches(struct mqtt_string filter, struct mqtt_string name);

/*@ requires \exists integer n; 0 <= n < SIZE_MAX && \valid_read(text + (0 .. n)) && text[n] == 0;
    PURE
    ensures \result.data == text;
    ensures text[\result.length] == 0;
    ensures \forall integer i; 0 <= i < \result.length ==> text[i] != 0;
*/
struct mqtt_string mqtt_string_from(const char *text);

/*@ requires readable((uint8_t *)a.data, a.length) && readable((uint8_t *)b.data, b.length);
    PURE
    ensures is_bool(\result);
*/
bool mqtt_string_equals(struct mqtt_string a, struct mqtt_string b);

/*@ PURE
    ensures \result.data == (uint8_t *)data && \result.length == length;
*/
struct mqtt_bytes mqtt_bytes_from(const void *data, size_t length);

/* Words */

/*@ requires \valid_read(at + (0 .. 3));
    PURE
*/
static inline uint64_t mqtti_get_u32(const uint8_t *at);

/*@ requires \valid_read(at + (0 .. 7));
    PURE
*/
static inline uint64_t mqtti_get_u64(const uint8_t *at);

/*@ PURE
    ensures is_bool(\result);
*/
static inline bool mqtti_is_plain_word(uint64_t bytes, uint8_t low);

/*@ PURE
    ensures \result <==> low < byte < 0x80;
*/
static inline bool mqtti_is_plain_byte(uint8_t byte, uint8_t low);

/*@ requires readable(s, length) && length <= 32;
    PURE
    ensures is_bool(\result);
    ensures length == 0 ==> \result == 0;
*/
static inline bool mqtti_is_plain_short(const uint8_t *s, size_t length, uint8_t low);

/* 2.2 Fixed header */

/*@ // Table 2.1
    predicate from_client(integer type) =
      type != MQTT_CONNACK && type != MQTT_SUBACK && type != MQTT_UNSUBACK &&
      type != MQTT_PINGRESP;
    predicate from_server(integer type) =
      type != MQTT_CONNECT && type != MQTT_SUBSCRIBE && type != MQTT_UNSUBSCRIBE &&
      type != MQTT_PINGREQ && type != MQTT_DISCONNECT;
*/

/*@ requires type < 16;
    PURE
    ensures \result <= 255;
    ensures \result == 0 <==> type == 0 || type == MQTT_PUBLISH || type == 15;
    ensures type == MQTT_CONNECT ==> \result / MQTTI_LENGTH_1 == 12;
    ensures type != MQTT_CONNECT && type != MQTT_PUBLISH && 0 < type < MQTT_PINGREQ ==>
            \result / MQTTI_LENGTH_1 == 2;
    ensures type >= MQTT_PINGREQ ==> \result / MQTTI_LENGTH_1 == 0;
    ensures type == MQTT_CONNACK ==> (\result & MQTTI_EXACT) != 0;
    ensures type == MQTT_PUBACK ==> (\result & MQTTI_EXACT) != 0;
    ensures type == MQTT_PUBREC ==> (\result & MQTTI_EXACT) != 0;
    ensures type == MQTT_PUBREL ==> (\result & MQTTI_EXACT) != 0;
    ensures type == MQTT_PUBCOMP ==> (\result & MQTTI_EXACT) != 0;
    ensures type == MQTT_UNSUBACK ==> (\result & MQTTI_EXACT) != 0;
    ensures type == MQTT_PINGREQ ==> (\result & MQTTI_EXACT) != 0;
    ensures type == MQTT_PINGRESP ==> (\result & MQTTI_EXACT) != 0;
    ensures type == MQTT_DISCONNECT ==> (\result & MQTTI_EXACT) != 0;
    ensures type == MQTT_CONNACK ==> (\result & MQTTI_CLIENT) == 0;
    ensures type == MQTT_SUBACK ==> (\result & MQTTI_CLIENT) == 0;
    ensures type == MQTT_UNSUBACK ==> (\result & MQTTI_CLIENT) == 0;
    ensures type == MQTT_PINGRESP ==> (\result & MQTTI_CLIENT) == 0;
    ensures type == MQTT_CONNECT ==> (\result & MQTTI_SERVER) == 0;
    ensures type == MQTT_SUBSCRIBE ==> (\result & MQTTI_SERVER) == 0;
    ensures type == MQTT_UNSUBSCRIBE ==> (\result & MQTTI_SERVER) == 0;
    ensures type == MQTT_PINGREQ ==> (\result & MQTTI_SERVER) == 0;
    ensures type == MQTT_DISCONNECT ==> (\result & MQTTI_SERVER) == 0;
*/
static inline unsigned mqtti_type_rules(unsigned type);

/*@ PURE
    ensures \result == flags / MQTTI_PUBLISH_QOS_1 % 4;
*/
static inline uint8_t mqtti_publish_qos(unsigned flags);

/*@ PURE
    ensures is_checked(\result);
    ensures \result == 0 ==> flags / MQTTI_PUBLISH_QOS_1 % 4 != 3;
*/
static inline int32_t mqtti_check_publish_flags(uint8_t flags);

/*@ logic integer remaining_length{L}(uint8_t *d, integer size) =
      joined(d, size - 1, d[size - 1]);
*/

/*@ requires \valid(value) && readable((uint8_t *)bytes, length);
    assigns *value;
    exits \false;
    ensures 1 <= \result <= 4 || \result == MQTT_PACKET_INCOMPLETE || \result == MQTT_ERROR_REMAINING_LENGTH;
    ensures \result <= length;
    ensures \result > 0 ==> *value <= MQTT_REMAINING_LENGTH_MAX;
    ensures \result > 0 ==> *value == remaining_length((uint8_t *)bytes, \result);
    ensures \forall integer k; 0 <= k < \result - 1 ==> ((uint8_t *)bytes)[k] >= 128;
    ensures \result > 0 ==> ((uint8_t *)bytes)[\result - 1] < 128;
    ensures \result < 0 ==>
            \forall integer k; 0 <= k < 4 && k < length ==> ((uint8_t *)bytes)[k] >= 128;
    ensures \result == MQTT_PACKET_INCOMPLETE ==> length < 4;
    ensures \result == MQTT_ERROR_REMAINING_LENGTH ==> length >= 4;
*/
int32_t mqtt_decode_remaining_length(uint32_t *value, const void *bytes, size_t length);

/*@ predicate is_header{L}(struct mqtt_fixed_header *header) =
      MQTT_CONNECT <= header->type <= MQTT_DISCONNECT &&
      header->flags <= 15 &&
      header->remaining_length <= MQTT_REMAINING_LENGTH_MAX &&
      (header->type == MQTT_PUBLISH ==>
       header->flags / MQTTI_PUBLISH_QOS_1 % 4 != 3) &&
      (header->type == MQTT_CONNECT ==> header->remaining_length >= 12) &&
      (header->type == MQTT_CONNACK || MQTT_PUBACK <= header->type <= MQTT_PUBCOMP ||
       header->type == MQTT_UNSUBACK ==> header->remaining_length == 2) &&
      (header->type >= MQTT_PINGREQ ==> header->remaining_length == 0) &&
      (header->type < MQTT_PINGREQ ==> header->remaining_length >= 2);
*/

/*@ requires \valid(header) && readable(bytes, length);
    requires \separated(header, bytes + (0 .. length - 1));
    assigns header->type, header->flags, header->remaining_length;
    exits \false;
    ensures 2 <= \result <= 5 || is_status(\result);
    ensures \result <= length;
    ensures \result > 0 ==> is_header(header);
    ensures \result > 0 ==> header->type == bytes[0] / 16 && header->flags == bytes[0] % 16;
    ensures \result < 0 && \result != MQTT_PACKET_INCOMPLETE ==> length > 0;
    ensures \result > 0 && senders == MQTTI_CLIENT ==> from_client(header->type);
    ensures \result > 0 && senders == MQTTI_SERVER ==> from_server(header->type);
*/
static inline int32_t mqtti_read_fixed_header(struct mqtt_fixed_header *header,
                                              const uint8_t *bytes, size_t length,
                                              unsigned senders);

/*@ requires \valid(header) && readable((uint8_t *)bytes, length);
    requires \separated(header, (uint8_t *)bytes + (0 .. length - 1));
    assigns header->type, header->flags, header->remaining_length;
    exits \false;
    ensures 2 <= \result <= 5 || is_status(\result);
    ensures \result <= length;
    ensures \result > 0 ==> is_header(header);
    ensures \result > 0 ==> header->type == ((uint8_t *)bytes)[0] / 16;
    ensures \result > 0 ==> header->flags == ((uint8_t *)bytes)[0] % 16;
*/
int32_t mqtt_decode_fixed_header(struct mqtt_fixed_header *header, const void *bytes,
                                 size_t length);

/*@ PURE
    ensures \result == size_of_length(value);
*/
static inline uint32_t mqtti_remaining_length_size(uint32_t value);

/*@ requires value <= MQTT_REMAINING_LENGTH_MAX;
    requires \valid(at + (0 .. size_of_length(value) - 1));
    assigns at[0 .. size_of_length(value) - 1];
    assigns \result \from at;
    exits \false;
    ensures \result == at + size_of_length(value);
    ensures remaining_length(at, size_of_length(value)) == value;
    ensures \forall integer k; 0 <= k < size_of_length(value) - 1 ==> at[k] >= 128;
    ensures at[size_of_length(value) - 1] < 128;
*/
static inline uint8_t *mqtti_put_remaining_length(uint8_t *at, uint32_t value);

/*@ predicate writable{L}(uint8_t *buffer, integer capacity) =
      buffer == \null || \valid(buffer + (0 .. capacity - 1));
    logic integer room(uint8_t *buffer, integer capacity) = buffer == \null ? 0 : capacity;
    predicate unwritten{L1, L2}(uint8_t *buffer, integer first, integer capacity) =
      \forall integer i; first <= i < capacity ==>
        \at(buffer[i], L1) == \at(buffer[i], L2);
    // What every encoder promises of its result.
    predicate encoded{L1, L2}(uint8_t *buffer, integer capacity, integer result) =
      (result > 0 || is_status(result)) &&
      (buffer != \null ==> result <= capacity) &&
      (buffer != \null ==> unwritten{L1, L2}(buffer, \max(result, 0), capacity));
*/

/*@ requires writable((uint8_t *)buffer, capacity);
    WRITES_PACKET
    ensures \result > 0 ==> \result == size_of_length(value);
    ensures \result > 0 && buffer != \null ==> remaining_length((uint8_t *)buffer, \result) == value;
    ensures \result > 0 && buffer != \null ==>
            \forall integer k; 0 <= k < \result - 1 ==> ((uint8_t *)buffer)[k] >= 128;
    ensures \result > 0 && buffer != \null ==> ((uint8_t *)buffer)[\result - 1] < 128;
    ensures value <= MQTT_REMAINING_LENGTH_MAX &&
            (buffer == \null || capacity >= size_of_length(value)) ==> \result > 0;
*/
int32_t mqtt_encode_remaining_length(void *buffer, size_t capacity, uint32_t value);

/*@ requires writable((uint8_t *)buffer, capacity);
    requires first_byte <= 255;
    requires body <= 0xFFFF;
    WRITES_PACKET
    ensures \result > 0 ==> \result == 4;
*/
static inline int32_t mqtti_encode_short(void *buffer, size_t capacity, unsigned first_byte,
                                         unsigned body);

/*@ requires writable((uint8_t *)buffer, capacity);
    requires first_byte <= 255;
    WRITES_PACKET
    ensures \result > 0 ==> \result == 2;
*/
static inline int32_t mqtti_encode_empty(void *buffer, size_t capacity, unsigned first_byte);

/*@ requires \valid(writer) && prefix <= 2;
    assigns writer->length;
    exits \false;
    ensures \old(writer->length) <= MQTT_REMAINING_LENGTH_MAX ==> \old(writer->length) <= writer->length;
    ensures writer->length <= MQTT_REMAINING_LENGTH_MAX ==>
            writer->length == \old(writer->length) + prefix + count;
    ensures \old(writer->length) + prefix + count <= MQTT_REMAINING_LENGTH_MAX ==>
            writer->length == \old(writer->length) + prefix + count;
    ensures writer->length <= 2 * MQTT_REMAINING_LENGTH_MAX + 2;
*/
static inline void mqtti_measure(struct mqtti_writer *writer, uint32_t prefix, size_t count);

/*@ // The bytes that a pass over `n` bytes writes: none while it measures.
    logic integer written(uint8_t *at, integer n) = at == \null ? 0 : n;
*/

/*@ requires \valid(writer);
    requires is_checked(writer->status);
    requires readable((uint8_t *)data, length);
    requires writer->at != \null ==>
             length <= MQTT_STRING_LENGTH_MAX && \valid(writer->at + (0 .. 1 + length));
    requires writer->at != \null ==>
             \separated(writer->at + (0 .. 1 + length), (uint8_t *)data + (0 .. length - 1));
    requires \separated(writer, writer->at + (0 .. written(writer->at, 2 + length) - 1));
    assigns writer->at, writer->length, writer->status, writer->at[0 .. written(writer->at, 2 + length) - 1];
    exits \false;
    ensures is_checked(writer->status);
    behavior measures:
      assumes writer->at == \null;
      ensures writer->at == \null;
      ensures \old(writer->status) < 0 ==> writer->status == \old(writer->status);
      ensures \old(writer->status) == 0 && writer->status == 0 ==>
              length <= MQTT_STRING_LENGTH_MAX;
      ensures writer->length <= MQTT_REMAINING_LENGTH_MAX ==>
              writer->length == \old(writer->length) + 2 + length;
      ensures \old(writer->length) + 2 + length <= MQTT_REMAINING_LENGTH_MAX ==>
              writer->length == \old(writer->length) + 2 + length;
    behavior writes:
      assumes writer->at != \null;
      ensures writer->at == \old(writer->at) + 2 + length;
      ensures writer->length == \old(writer->length) && writer->status == \old(writer->status);
    complete behaviors;
    disjoint behaviors;
*/
static inline void mqtti_write_field(struct mqtti_writer *writer, const void *data, size_t length,
                                     enum mqtti_kind kind);

/*@ requires \valid(writer) && writer->at == \null;
    requires is_status(writer->status) || writer->status >= 0;
    requires writable((uint8_t *)buffer, capacity);
    requires \separated(writer, (uint8_t *)buffer + (0 .. room((uint8_t *)buffer, capacity) - 1));
    requires first_byte <= 255;
    requires writer->length <= MQTT_REMAINING_LENGTH_MAX ==> elsewhere <= writer->length;
    assigns writer->at, ((uint8_t *)buffer)[0 .. room((uint8_t *)buffer, capacity) - 1];
    exits \false;
    ensures encoded{Pre, Post}((uint8_t *)buffer, capacity, \result);
    ensures \result > 0 ==> writer->status >= 0 && writer->length <= MQTT_REMAINING_LENGTH_MAX;
    ensures \result > 0 ==>
            \result == 1 + size_of_length(writer->length) + writer->length - elsewhere;
    ensures \result > 0 && buffer != \null ==>
            writer->at == (uint8_t *)buffer + 1 + size_of_length(writer->length);
    ensures \result < 0 || buffer == \null ==> writer->at == \null;
*/
static inline int32_t mqtti_begin_packet(struct mqtti_writer *writer, void *buffer, size_t capacity,
                                         unsigned first_byte, uint32_t elsewhere);

/* 2.3.1 Packet identifier */

/*@ requires \valid(reader) && \valid(packet_id);
    requires readable(reader->at, reader->left) && reader->left >= 2;
    requires \separated(reader, packet_id);
    assigns reader->at, reader->left, *packet_id;
    exits \false;
    ensures \result == 0 || \result == MQTT_ERROR_PACKET_ID_ZERO;
    ensures \result == 0 <==> *packet_id != 0;
    ensures \result == 0 ==> reader->at == \old(reader->at) + 2;
    ensures \result == 0 ==> reader->left == \old(reader->left) - 2;
    ensures \result < 0 ==> reader->left == \old(reader->left);
    ensures advanced{Pre, Post}(reader);
*/
static inline int32_t mqtti_read_packet_id(struct mqtti_reader *reader, uint16_t *packet_id);

/* 3 Any packet */

/*@ requires \valid(packet) && \valid_read(reader);
    requires reader->left <= size <= MQTT_REMAINING_LENGTH_MAX + 5;
    assigns packet->error_offset;
    exits \false;
    ensures status >= 0 ==> \result == size;
    ensures status < 0 ==> \result == status;
    ensures status < 0 ==> packet->error_offset == size - reader->left;
*/
static inline int32_t mqtti_end_decode(struct mqtt_packet *packet,
                                       const struct mqtti_reader *reader, size_t size,
                                       int32_t status);

/* 3.1 CONNECT */

/*@ PURE
    ensures \result == flags / MQTTI_CONNECT_WILL_QOS_1 % 4;
*/
static inline uint8_t mqtti_will_qos(unsigned flags);

/*@ PURE
    ensures is_checked(\result);
    ensures \result == 0 ==> flags / MQTTI_CONNECT_WILL_QOS_1 % 4 != 3;
*/
static inline int32_t mqtti_check_connect_flags(unsigned flags);

/*@ predicate string_within{L}(struct mqtt_string *string, uint8_t *bytes, integer length) =
      within((uint8_t *)string->data, string->length, bytes, length);
    predicate bytes_within{L}(struct mqtt_bytes *field, uint8_t *bytes, integer length) =
      within((uint8_t *)field->data, field->length, bytes, length);
    predicate connect_flags{L}(struct mqtt_connect *connect) =
      is_bool(connect->clean_session) && is_bool(connect->has_will) &&
      is_bool(connect->has_user_name) && is_bool(connect->has_password) &&
      is_bool(connect->will.retain);
    predicate connect_within{L}(struct mqtt_connect *connect, uint8_t *bytes, integer length) =
      connect_flags(connect) &&
      string_within(&connect->client_id, bytes, length) &&
      (connect->has_will != 0 ==> string_within(&connect->will.topic, bytes, length)) &&
      (connect->has_will != 0 ==> bytes_within(&connect->will.message, bytes, length)) &&
      (connect->has_user_name != 0 ==> string_within(&connect->user_name, bytes, length)) &&
      (connect->has_password != 0 ==> bytes_within(&connect->password, bytes, length));
*/

/*@ requires \valid(reader) && \valid(connect) && \separated(reader, connect);
    requires readable(reader->at, reader->left) && reader->left >= 10;
    requires \separated(connect, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, connect->keep_alive, connect->clean_session,
            connect->has_will, connect->has_user_name, connect->has_password,
            connect->will.qos, connect->will.retain;
    exits \false;
    ensures is_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result == 0 ==> reader->left == \old(reader->left) - 10;
    ensures \result == 0 ==> connect_flags(connect) && connect->will.qos <= 2;
*/
static inline int32_t mqtti_read_connect_header(struct mqtti_reader *reader,
                                                struct mqtt_connect *connect);

/*@ requires is_bool(clean_session);
    PURE
    ensures is_bool(\result);
    ensures \result != 0 <==> client_id.length > 0 || clean_session != 0;
*/
static inline bool mqtti_client_id_is_allowed(struct mqtt_string client_id, bool clean_session);

/*@ requires \valid(reader) && \valid(will) && \separated(reader, will);
    requires readable(reader->at, reader->left);
    requires \separated(will, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, will->topic, will->message.data, will->message.length;
    exits \false;
    ensures is_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result == 0 ==>
            string_within(&will->topic, \old(reader->at), \old(reader->left));
    ensures \result == 0 ==>
            bytes_within(&will->message, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_read_will(struct mqtti_reader *reader, struct mqtt_will *will);

/*@ requires \valid(reader) && \valid(connect) && \separated(reader, connect);
    requires readable(reader->at, reader->left) && connect_flags(connect);
    requires \separated(connect, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, connect->user_name, connect->password.data, connect->password.length;
    exits \false;
    ensures is_checked(\result);
    ensures reader->left <= \old(reader->left);
    ensures \result == 0 && connect->has_user_name != 0 ==>
            string_within(&connect->user_name, \old(reader->at), \old(reader->left));
    ensures \result == 0 && connect->has_password != 0 ==>
            bytes_within(&connect->password, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_read_credentials(struct mqtti_reader *reader,
                                             struct mqtt_connect *connect);

/*@ requires \valid(reader) && \valid(connect) && \separated(reader, connect);
    requires readable(reader->at, reader->left) && reader->left >= 10;
    requires \separated(connect, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, *connect;
    exits \false;
    ensures is_checked(\result);
    ensures reader->left <= \old(reader->left);
    ensures \result == 0 ==> reader->left == 0;
    ensures \result == 0 ==> connect_flags(connect) && connect->will.qos <= 2;
    ensures client_id: \result == 0 ==>
            string_within(&connect->client_id, \old(reader->at), \old(reader->left));
    ensures will_topic: \result == 0 && connect->has_will != 0 ==>
            string_within(&connect->will.topic, \old(reader->at), \old(reader->left));
    ensures will_message: \result == 0 && connect->has_will != 0 ==>
            bytes_within(&connect->will.message, \old(reader->at), \old(reader->left));
    ensures user_name: \result == 0 && connect->has_user_name != 0 ==>
            string_within(&connect->user_name, \old(reader->at), \old(reader->left));
    ensures password: \result == 0 && connect->has_password != 0 ==>
            bytes_within(&connect->password, \old(reader->at), \old(reader->left));
*/
static inline int32_t mqtti_read_connect(struct mqtti_reader *reader, struct mqtt_connect *connect);

/*@ // The `left` bytes at `at` are the body of a packet of `size` bytes.
    predicate is_body{L}(struct mqtt_packet *packet, uint8_t *at, integer left, integer size) =
      \valid(packet) && readable(at, left) && left + 2 <= size <= left + 5 &&
      size <= MQTT_REMAINING_LENGTH_MAX + 5 && \separated(packet, at + (0 .. left - 1));
    // What every decoder promises of its result.
    predicate decoded{L}(struct mqtt_packet *packet, integer size, integer result) =
      (result > 0 ==> result == size) && (result <= 0 ==> is_status(result)) &&
      (is_status(result) && result != MQTT_PACKET_INCOMPLETE ==> packet->error_offset <= size);
*/

/*@ requires is_body(packet, body.at, body.left, size) && body.left >= 10;
    assigns packet->error_offset, packet->as.connect;
    exits \false;
    ensures decoded(packet, size, \result);
    ensures \result > 0 ==> connect_within(&packet->as.connect, body.at, body.left);
    ensures \result > 0 ==> packet->as.connect.will.qos <= 2;
*/
static inline int32_t mqtti_decode_connect(struct mqtt_packet *packet, struct mqtti_reader body,
                                           size_t size);

/*@ requires \valid_read(connect) && connect_flags(connect);
    requires connect->has_will != 0 ==> connect->will.qos <= 2;
    PURE
    ensures \result <= 255;
*/
static inline unsigned mqtti_connect_flags(const struct mqtt_connect *connect);

/*@ predicate string_readable{L}(struct mqtt_string *string) =
      readable((uint8_t *)string->data, string->length);
    predicate bytes_readable{L}(struct mqtt_bytes *field) =
      readable((uint8_t *)field->data, field->length);
    predicate connect_readable{L}(struct mqtt_connect *connect) =
      \valid_read(connect) && connect_flags(connect) &&
      string_readable(&connect->client_id) &&
      (connect->has_will != 0 ==> string_readable(&connect->will.topic)) &&
      (connect->has_will != 0 ==> bytes_readable(&connect->will.message)) &&
      (connect->has_user_name != 0 ==> string_readable(&connect->user_name)) &&
      (connect->has_password != 0 ==> bytes_readable(&connect->password));
    // `size` bytes at `at` do not overlap what is written there.
    predicate string_apart{L}(uint8_t *at, integer size, struct mqtt_string *string) =
      \separated(at + (0 .. size - 1), (uint8_t *)string->data + (0 .. string->length - 1));
    predicate bytes_apart{L}(uint8_t *at, integer size, struct mqtt_bytes *field) =
      \separated(at + (0 .. size - 1), (uint8_t *)field->data + (0 .. field->length - 1));
    predicate connect_apart{L}(uint8_t *at, integer size, struct mqtt_connect *connect) =
      \separated(at + (0 .. size - 1), connect) &&
      string_apart(at, size, &connect->client_id) &&
      (connect->has_will != 0 ==> string_apart(at, size, &connect->will.topic)) &&
      (connect->has_will != 0 ==> bytes_apart(at, size, &connect->will.message)) &&
      (connect->has_user_name != 0 ==> string_apart(at, size, &connect->user_name)) &&
      (connect->has_password != 0 ==> bytes_apart(at, size, &connect->password));
    predicate connect_short{L}(struct mqtt_connect *connect) =
      connect->client_id.length <= MQTT_STRING_LENGTH_MAX &&
      (connect->has_will != 0 ==> connect->will.topic.length <= MQTT_STRING_LENGTH_MAX) &&
      (connect->has_will != 0 ==> connect->will.message.length <= MQTT_STRING_LENGTH_MAX) &&
      (connect->has_user_name != 0 ==> connect->user_name.length <= MQTT_STRING_LENGTH_MAX) &&
      (connect->has_password != 0 ==> connect->password.length <= MQTT_STRING_LENGTH_MAX);
    logic integer connect_payload{L}(struct mqtt_connect *connect) =
      2 + connect->client_id.length +
      (connect->has_will != 0
         ? 4 + connect->will.topic.length + connect->will.message.length : 0) +
      (connect->has_user_name != 0 ? 2 + connect->user_name.length : 0) +
      (connect->has_password != 0 ? 2 + connect->password.length : 0);
*/

/*@ requires \valid(writer) && is_checked(writer->status);
    requires connect_readable(connect) && \separated(writer, connect);
    requires writer->at != \null ==> connect_short(connect) &&
             \valid(writer->at + (0 .. connect_payload(connect) - 1)) &&
             writer->status == 0 &&
             connect_apart(writer->at, connect_payload(connect), connect);
    requires \separated(writer, writer->at + (0 .. written(writer->at, connect_payload(connect)) - 1));
    assigns writer->at, writer->length, writer->status, writer->at[0 .. written(writer->at, connect_payload(connect)) - 1];
    exits \false;
    ensures is_checked(writer->status);
    behavior measures:
      assumes writer->at == \null;
      ensures writer->at == \null;
      ensures \old(writer->status) < 0 ==> writer->status < 0;
      ensures writer->status == 0 ==> connect_short(connect);
      ensures writer->length <= MQTT_REMAINING_LENGTH_MAX ==>
              writer->length == \old(writer->length) + connect_payload(connect);
    behavior writes:
      assumes writer->at != \null;
      ensures writer->at == \old(writer->at) + connect_payload(connect);
    complete behaviors;
    disjoint behaviors;
*/
static inline void mqtti_write_connect(struct mqtti_writer *writer,
                                       const struct mqtt_connect *connect);

/*@ logic integer packet_size(integer remaining) = 1 + size_of_length(remaining) + remaining;
*/

/*@ requires writable((uint8_t *)buffer, capacity) && connect_readable(connect);
    requires connect_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), connect);
    WRITES_PACKET
    ensures \result > 0 ==> \result == packet_size(10 + connect_payload(connect));
*/
int32_t mqtt_encode_connect(void *buffer, size_t capacity, const struct mqtt_connect *connect);

/* 3.2 CONNACK */

/*@ PURE
    ensures \result != 0 <==> return_code <= (flags == 0 ? 5 : 0) && flags <= 1;
*/
static inline bool mqtti_is_valid_connack(uint8_t flags, uint8_t return_code);

/*@ requires is_body(packet, body, 2, size);
    assigns packet->error_offset, packet->as.connack;
    exits \false;
    ensures decoded(packet, size, \result);
    ensures \result > 0 ==> is_bool(packet->as.connack.session_present);
    ensures \result > 0 ==> packet->as.connack.return_code <= 5;
    ensures \result > 0 ==> packet->as.connack.session_present == body[0];
    ensures \result > 0 ==> packet->as.connack.return_code == body[1];
*/
static inline int32_t mqtti_decode_connack(struct mqtt_packet *packet, const uint8_t *body,
                                           size_t size);

/*@ requires writable((uint8_t *)buffer, capacity);
    requires \valid_read(connack) && is_bool(connack->session_present);
    WRITES_PACKET
    ensures \result > 0 ==> \result == 4;
*/
int32_t mqtt_encode_connack(void *buffer, size_t capacity, const struct mqtt_connack *connack);

/* 3.3 PUBLISH */

/*@ requires \valid(reader) && \valid(publish) && \separated(reader, publish);
    requires readable(reader->at, reader->left);
    requires \separated(publish, reader->at + (0 .. reader->left - 1));
    assigns reader->at, reader->left, publish->topic, publish->packet_id;
    exits \false;
    ensures is_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures readable(reader->at, reader->left);
    ensures \result == 0 ==> (publish->packet_id == 0 <==> publish->qos == 0);
    ensures \result == 0 ==> (uint8_t *)publish->topic.data == \old(reader->at) + 2;
    ensures \result == 0 ==> publish->topic.length <= MQTT_STRING_LENGTH_MAX;
    ensures \result == 0 ==> reader->left ==
            \old(reader->left) - 2 - publish->topic.length - (publish->qos == 0 ? 0 : 2);
    ensures \result == 0 ==> \old(reader->left) >= (publish->qos == 0 ? 2 : 4);
*/
static inline int32_t mqtti_read_publish_header(struct mqtti_reader *reader,
                                                struct mqtt_publish *publish);

/*@ requires \valid(publish) && flags <= 255;
    assigns publish->qos, publish->dup, publish->retain;
    exits \false;
    ensures publish->qos == flags / MQTTI_PUBLISH_QOS_1 % 4;
    ensures is_bool(publish->dup) && is_bool(publish->retain);
*/
static inline void mqtti_set_publish_flags(struct mqtt_publish *publish, unsigned flags);

/*@ predicate publish_within{L}(struct mqtt_publish *publish, uint8_t *bytes, integer length) =
      publish->qos <= 2 && is_bool(publish->dup) && is_bool(publish->retain) &&
      (publish->packet_id == 0 <==> publish->qos == 0) &&
      string_within(&publish->topic, bytes, length) &&
      bytes_within(&publish->payload, bytes, length);
*/

/*@ requires is_body(packet, body.at, body.left, size);
    requires flags <= 255 && flags / MQTTI_PUBLISH_QOS_1 % 4 != 3;
    assigns packet->error_offset, packet->as.publish;
    exits \false;
    ensures decoded(packet, size, \result);
    ensures \result > 0 ==> publish_within(&packet->as.publish, body.at, body.left);
*/
static inline int32_t mqtti_decode_publish(struct mqtt_packet *packet, struct mqtti_reader body,
                                           size_t size, unsigned flags);

/*@ requires \valid(packet) && readable(bytes, length) && length >= 4;
    requires \separated(packet, bytes + (0 .. length - 1));
    assigns packet->type, packet->as.publish;
    exits \false;
    ensures 0 <= \result <= length;
    ensures \result > 0 ==> packet->type == MQTT_PUBLISH;
    ensures \result > 0 ==> packet->as.publish.qos <= 2;
    ensures \result > 0 ==> is_bool(packet->as.publish.dup) && is_bool(packet->as.publish.retain);
    ensures \result > 0 ==> (packet->as.publish.packet_id == 0 <==> packet->as.publish.qos == 0);
    ensures \result > 0 ==> string_within(&packet->as.publish.topic, bytes, \result);
    ensures \result > 0 ==> bytes_within(&packet->as.publish.payload, bytes, \result);
*/
static inline int32_t mqtti_decode_usual_publish(struct mqtt_packet *packet, const uint8_t *bytes,
                                                 size_t length);

/*@ requires \valid(publish) && readable((uint8_t *)bytes, length);
    requires \separated(publish, (uint8_t *)bytes + (0 .. length - 1));
    assigns *publish;
    exits \false;
    ensures \result > 0 || is_status(\result);
    ensures \result <= length;
    ensures \result > 0 ==>
            publish->qos <= 2 && is_bool(publish->dup) && is_bool(publish->retain);
    ensures \result > 0 ==> string_within(&publish->topic, (uint8_t *)bytes, \result);
    ensures \result > 0 ==> publish->payload.data == \null;
    ensures \result > 0 ==> publish->payload.length <= MQTT_REMAINING_LENGTH_MAX;
    ensures \result > 0 ==> \result >= (publish->qos == 0 ? 4 : 6);
*/
int32_t mqtt_decode_publish_header(struct mqtt_publish *publish, const void *bytes, size_t length);

/*@ logic integer publish_remaining{L}(struct mqtt_publish *publish) =
      2 + publish->topic.length + (publish->qos == 0 ? 0 : 2) + publish->payload.length;
    predicate publish_readable{L}(struct mqtt_publish *publish) =
      \valid_read(publish) && is_bool(publish->dup) && is_bool(publish->retain) &&
      string_readable(&publish->topic);
    predicate publish_apart{L}(uint8_t *at, integer size, struct mqtt_publish *publish) =
      \separated(at + (0 .. size - 1), publish) && string_apart(at, size, &publish->topic);
*/

/*@ requires writable((uint8_t *)buffer, capacity) && publish_readable(publish);
    requires publish_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), publish);
    requires elsewhere == 0 || elsewhere == publish->payload.length;
    requires elsewhere < publish->payload.length ==> bytes_readable(&publish->payload);
    requires elsewhere < publish->payload.length ==>
             bytes_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), &publish->payload);
    WRITES_PACKET
    ensures \result > 0 ==> \result == packet_size(publish_remaining(publish)) - elsewhere;
*/
static inline int32_t mqtti_write_publish(void *buffer, size_t capacity,
                                          const struct mqtt_publish *publish, size_t elsewhere);

/*@ requires writable((uint8_t *)buffer, capacity) && publish_readable(publish);
    requires publish_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), publish);
    WRITES_PACKET
    ensures \result > 0 ==>
            \result == packet_size(publish_remaining(publish)) - publish->payload.length;
*/
int32_t mqtt_encode_publish_header(void *buffer, size_t capacity,
                                   const struct mqtt_publish *publish);

/*@ requires writable((uint8_t *)buffer, capacity) && publish_readable(publish);
    requires bytes_readable(&publish->payload);
    requires publish_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), publish);
    requires bytes_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), &publish->payload);
    WRITES_PACKET
    ensures \result > 0 ==> \result == packet_size(publish_remaining(publish));
*/
int32_t mqtt_encode_publish(void *buffer, size_t capacity, const struct mqtt_publish *publish);

/*@ requires \object_pointer((uint8_t *)bytes) && \valid((uint8_t *)bytes + (0 .. length - 1));
    requires is_bool(dup);
    assigns ((uint8_t *)bytes)[0];
    exits \false;
    ensures \result > 0 || is_status(\result);
    ensures \result <= length;
    ensures \result < 0 && length > 0 ==> ((uint8_t *)bytes)[0] == \old(((uint8_t *)bytes)[0]);
*/
int32_t mqtt_publish_set_dup(void *bytes, size_t length, bool dup);

/*@ requires \object_pointer((uint8_t *)bytes) && \valid((uint8_t *)bytes + (0 .. length - 1));
    requires is_bool(retain);
    assigns ((uint8_t *)bytes)[0];
    exits \false;
    ensures \result > 0 || is_status(\result);
    ensures \result <= length;
    ensures \result < 0 && length > 0 ==> ((uint8_t *)bytes)[0] == \old(((uint8_t *)bytes)[0]);
*/
int32_t mqtt_publish_set_retain(void *bytes, size_t length, bool retain);

/*@ requires \object_pointer((uint8_t *)bytes) && \valid((uint8_t *)bytes + (0 .. length - 1));
    assigns ((uint8_t *)bytes)[0 .. length - 1];
    exits \false;
    ensures \result > 0 || is_status(\result);
    ensures \result <= length;
    ensures \result < 0 ==> unwritten{Pre, Post}((uint8_t *)bytes, 0, length);
    ensures \result > 0 ==> unwritten{Pre, Post}((uint8_t *)bytes, 0, \result - 2);
    ensures \result > 0 ==> unwritten{Pre, Post}((uint8_t *)bytes, \result, length);
*/
int32_t mqtt_publish_set_packet_id(void *bytes, size_t length, uint16_t packet_id);

/* 3.4 to 3.7, 3.11 */

/*@ PURE
    ensures \result <==> MQTT_PUBACK <= type <= MQTT_PUBCOMP || type == MQTT_UNSUBACK;
*/
static inline bool mqtti_is_ack(enum mqtt_packet_type type);

/*@ requires is_body(packet, body, 2, size);
    assigns packet->error_offset, packet->as.ack;
    exits \false;
    ensures decoded(packet, size, \result);
    ensures \result > 0 ==> packet->as.ack.packet_id != 0;
*/
static inline int32_t mqtti_decode_ack(struct mqtt_packet *packet, const uint8_t *body,
                                       size_t size);

/*@ requires writable((uint8_t *)buffer, capacity);
    requires first_byte <= 255;
    WRITES_PACKET
    ensures \result > 0 ==> \result == 4;
*/
static inline int32_t mqtti_encode_ack(void *buffer, size_t capacity, unsigned first_byte,
                                       uint16_t packet_id);

/*@ ENCODES(4) */
int32_t mqtt_encode_puback(void *buffer, size_t capacity, uint16_t packet_id);

/*@ ENCODES(4) */
int32_t mqtt_encode_pubrec(void *buffer, size_t capacity, uint16_t packet_id);

/*@ ENCODES(4) */
int32_t mqtt_encode_pubrel(void *buffer, size_t capacity, uint16_t packet_id);

/*@ ENCODES(4) */
int32_t mqtt_encode_pubcomp(void *buffer, size_t capacity, uint16_t packet_id);

/*@ ENCODES(4) */
int32_t mqtt_encode_unsuback(void *buffer, size_t capacity, uint16_t packet_id);

/*@ ENCODES(2) */
int32_t mqtt_encode_pingreq(void *buffer, size_t capacity);

/*@ ENCODES(2) */
int32_t mqtt_encode_pingresp(void *buffer, size_t capacity);

/*@ ENCODES(2) */
int32_t mqtt_encode_disconnect(void *buffer, size_t capacity);

/* 3.8 SUBSCRIBE, 3.10 UNSUBSCRIBE */

/*@ PURE
    ensures is_checked(\result) && \result < 0;
*/
static inline int32_t mqtti_no_filter(enum mqtt_packet_type type);

/*@ requires \valid(reader) && readable(reader->at, reader->left);
    requires reader->left <= MQTT_REMAINING_LENGTH_MAX + 5;
    assigns reader->at, reader->left;
    exits \false;
    ensures \result > 0 || is_status(\result);
    ensures advanced{Pre, Post}(reader);
    ensures \result > 0 ==> reader->left == 0 && 2 * \result <= \old(reader->left);
*/
static inline int32_t mqtti_read_filters(struct mqtti_reader *reader, enum mqtt_packet_type type);

/*@ predicate subscribe_within{L}(struct mqtt_subscribe *subscribe, uint8_t *bytes,
                                  integer length) =
      subscribe->packet_id != 0 && subscribe->subscriptions == \null &&
      0 < 2 * subscribe->count <= subscribe->encoded.length &&
      bytes_within(&subscribe->encoded, bytes, length);
    predicate unsubscribe_within{L}(struct mqtt_unsubscribe *unsubscribe, uint8_t *bytes,
                                    integer length) =
      unsubscribe->packet_id != 0 && unsubscribe->filters == \null &&
      0 < 2 * unsubscribe->count <= unsubscribe->encoded.length &&
      bytes_within(&unsubscribe->encoded, bytes, length);
*/

/*@ requires is_body(packet, body.at, body.left, size) && body.left >= 2;
    requires packet->type == MQTT_SUBSCRIBE || packet->type == MQTT_UNSUBSCRIBE;
    assigns packet->error_offset, packet->as.subscribe, packet->as.unsubscribe;
    exits \false;
    ensures decoded(packet, size, \result);
    ensures \result > 0 && packet->type == MQTT_SUBSCRIBE ==>
            subscribe_within(&packet->as.subscribe, body.at, body.left);
    ensures \result > 0 && packet->type == MQTT_UNSUBSCRIBE ==>
            unsubscribe_within(&packet->as.unsubscribe, body.at, body.left);
*/
static inline int32_t mqtti_decode_filters(struct mqtt_packet *packet, struct mqtti_reader body,
                                           size_t size);

/*@ requires readable(encoded.data, encoded.length) && suffix <= 1;
    requires \valid(position) && \valid(filter) && \separated(position, filter);
    assigns *position, *filter;
    exits \false;
    ensures is_bool(\result);
    ensures \result == 0 ==> *position == \old(*position);
    ensures \result != 0 ==>
            \old(*position) + 2 + suffix + filter->length == *position <= encoded.length;
    ensures \result != 0 ==> (uint8_t *)filter->data == encoded.data + \old(*position) + 2;
*/
static inline bool mqtti_next_encoded(struct mqtt_bytes encoded, size_t *position, size_t suffix,
                                      struct mqtt_string *filter);

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
    ensures \result == 0 ==> *position == \old(*position);
    ensures \result != 0 ==> \old(*position) < *position;
    ensures \result != 0 && subscribe->subscriptions != \null ==>
            *position == \old(*position) + 1 <= subscribe->count;
    ensures subscribe->subscriptions != \null ==>
            (\result != 0 <==> \old(*position) < subscribe->count);
    ensures \result != 0 && subscribe->subscriptions == \null ==>
            *position <= subscribe->encoded.length;
    ensures \result != 0 && subscribe->subscriptions == \null ==>
            string_within(&out->filter, subscribe->encoded.data, subscribe->encoded.length);
*/
bool mqtt_next_subscription(const struct mqtt_subscribe *subscribe, size_t *position,
                            struct mqtt_subscription *out);

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
bool mqtt_next_filter(const struct mqtt_unsubscribe *unsubscribe, size_t *position,
                      struct mqtt_string *out);

/*@ predicate subscriptions_readable{L}(struct mqtt_subscription *subscriptions, integer count) =
      \object_pointer(subscriptions) && \valid_read(subscriptions + (0 .. count - 1)) &&
      \forall integer i; 0 <= i < count ==> string_readable(&subscriptions[i].filter);
    predicate filters_readable{L}(struct mqtt_string *filters, integer count) =
      \object_pointer(filters) && \valid_read(filters + (0 .. count - 1)) &&
      \forall integer i; 0 <= i < count ==> string_readable(&filters[i]);
    predicate subscriptions_apart{L}(uint8_t *at, integer size,
                                     struct mqtt_subscription *subscriptions, integer count) =
      \separated(at + (0 .. size - 1), subscriptions + (0 .. count - 1)) &&
      \forall integer i; 0 <= i < count ==> string_apart(at, size, &subscriptions[i].filter);
    predicate filters_apart{L}(uint8_t *at, integer size, struct mqtt_string *filters,
                               integer count) =
      \separated(at + (0 .. size - 1), filters + (0 .. count - 1)) &&
      \forall integer i; 0 <= i < count ==> string_apart(at, size, &filters[i]);
    predicate list_readable{L}(struct mqtti_list *list) =
      \valid_read(list) && \object_pointer(list->subscriptions) && \object_pointer(list->filters) &&
      (list->subscriptions != \null ==> subscriptions_readable(list->subscriptions, list->count)) &&
      (list->subscriptions == \null ==> filters_readable(list->filters, list->count));
    predicate list_typed{L}(struct mqtti_list *list) =
      list->count > 0 ==> (list->type == MQTT_SUBSCRIBE <==> list->subscriptions != \null);
    predicate list_apart{L}(uint8_t *at, integer size, struct mqtti_list *list) =
      \separated(at + (0 .. size - 1), list) &&
      (list->subscriptions != \null ==>
       subscriptions_apart(at, size, list->subscriptions, list->count)) &&
      (list->subscriptions == \null ==> filters_apart(at, size, list->filters, list->count));
    predicate list_short{L}(struct mqtti_list *list) =
      \forall integer i; 0 <= i < list->count ==>
        (list->subscriptions != \null ? list->subscriptions[i].filter.length
                                      : list->filters[i].length) <= MQTT_STRING_LENGTH_MAX;
    logic integer list_size{L}(struct mqtti_list *list) =
      mqtti_list_size(list->subscriptions, list->filters, list->count, 0);
*/

/*@ requires \valid_read(list) && list_typed(list) && i < list->count;
    requires list->subscriptions != \null ==>
             \valid_read(list->subscriptions + (0 .. list->count - 1));
    requires list->subscriptions == \null ==> \valid_read(list->filters + (0 .. list->count - 1));
    PURE
    ensures list->subscriptions != \null ==> \result.data == list->subscriptions[i].filter.data;
    ensures list->subscriptions != \null ==> \result.length == list->subscriptions[i].filter.length;
    ensures list->subscriptions == \null ==> \result.data == list->filters[i].data;
    ensures list->subscriptions == \null ==> \result.length == list->filters[i].length;
    ensures mqtti_list_size(list->subscriptions, list->filters, list->count, i) ==
            (list->subscriptions != \null ? 3 : 2) + \result.length +
            mqtti_list_size(list->subscriptions, list->filters, list->count, i + 1);
    ensures 0 <= mqtti_list_size(list->subscriptions, list->filters, list->count, i + 1);
*/
static inline struct mqtt_string mqtti_filter_at(const struct mqtti_list *list, size_t i);

/*@ requires \valid(writer) && is_checked(writer->status);
    requires list_readable(list) && list_typed(list) && \separated(writer, list);
    requires list->subscriptions != \null ==>
             \separated(writer, list->subscriptions + (0 .. list->count - 1));
    requires list->subscriptions == \null ==>
             \separated(writer, list->filters + (0 .. list->count - 1));
    requires writer->at != \null ==> list_short(list) && writer->status == 0 &&
             \valid(writer->at + (0 .. list_size(list) - 1)) &&
             list_apart(writer->at, list_size(list), list);
    requires \separated(writer, writer->at + (0 .. written(writer->at, list_size(list)) - 1));
    assigns writer->at, writer->length, writer->status, writer->at[0 .. written(writer->at, list_size(list)) - 1];
    exits \false;
    ensures is_checked(writer->status);
    ensures \old(writer->at) == \null ==> writer->at == \null;
    ensures \old(writer->at) == \null && writer->status == 0 ==> list_short(list);
    ensures 0 <= list_size(list);
    ensures \old(writer->at) == \null && writer->length <= MQTT_REMAINING_LENGTH_MAX ==>
            writer->length == \old(writer->length) + list_size(list) -
                              (list->subscriptions != \null ? list->count : 0);
    ensures \old(writer->at) != \null ==> writer->at == \old(writer->at) + list_size(list);
*/
static inline void mqtti_write_list(struct mqtti_writer *writer, const struct mqtti_list *list);

/*@ requires writable((uint8_t *)buffer, capacity) && list_readable(list);
    requires list_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), list);
    requires list->type == MQTT_SUBSCRIBE || list->type == MQTT_UNSUBSCRIBE;
    requires list_typed(list);
    WRITES_PACKET
    ensures \result > 0 ==> \result == packet_size(2 + list_size(list));
    ensures \result > 0 ==> list->count > 0;
*/
static inline int32_t mqtti_encode_list(void *buffer, size_t capacity,
                                        const struct mqtti_list *list);

/*@ requires writable((uint8_t *)buffer, capacity) && \valid_read(subscribe);
    requires subscribe->subscriptions != \null ==>
             subscriptions_readable(subscribe->subscriptions, subscribe->count);
    requires subscribe->subscriptions != \null ==>
             subscriptions_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), subscribe->subscriptions,
                                 subscribe->count);
    requires \separated((uint8_t *)buffer + (0 .. room((uint8_t *)buffer, capacity) - 1), subscribe);
    WRITES_PACKET
    ensures \result > 0 ==> \result == packet_size(2 + mqtti_list_size(subscribe->subscriptions, \null, subscribe->count, 0));
*/
int32_t mqtt_encode_subscribe(void *buffer, size_t capacity,
                              const struct mqtt_subscribe *subscribe);

/*@ requires writable((uint8_t *)buffer, capacity) && \valid_read(unsubscribe);
    requires unsubscribe->filters != \null ==>
             filters_readable(unsubscribe->filters, unsubscribe->count);
    requires unsubscribe->filters != \null ==>
             filters_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), unsubscribe->filters,
                           unsubscribe->count);
    requires \separated((uint8_t *)buffer + (0 .. room((uint8_t *)buffer, capacity) - 1), unsubscribe);
    WRITES_PACKET
    ensures \result > 0 ==> \result == packet_size(2 + mqtti_list_size(\null, unsubscribe->filters, unsubscribe->count, 0));
*/
int32_t mqtt_encode_unsubscribe(void *buffer, size_t capacity,
                                const struct mqtt_unsubscribe *unsubscribe);

/* 3.9 SUBACK */

/*@ requires \valid(reader) && readable(reader->at, reader->left);
    assigns reader->at, reader->left;
    exits \false;
    ensures is_checked(\result);
    ensures advanced{Pre, Post}(reader);
    ensures \result == 0 ==> \old(reader->left) > 0;
*/
static inline int32_t mqtti_read_return_codes(struct mqtti_reader *reader);

/*@ requires writable((uint8_t *)buffer, capacity) && readable(payload, length);
    requires type == MQTT_SUBSCRIBE || type == MQTT_SUBACK || type == MQTT_UNSUBSCRIBE;
    requires \separated((uint8_t *)buffer + (0 .. room((uint8_t *)buffer, capacity) - 1), payload + (0 .. length - 1));
    WRITES_PACKET
    ensures \result > 0 ==> \result == packet_size(2 + length);
*/
static inline int32_t mqtti_encode_payload(void *buffer, size_t capacity,
                                           enum mqtt_packet_type type, uint16_t packet_id,
                                           const uint8_t *payload, size_t length);

/*@ predicate suback_within{L}(struct mqtt_suback *suback, uint8_t *bytes, integer length) =
      suback->packet_id != 0 && suback->count > 0 &&
      within((uint8_t *)suback->return_codes, suback->count, bytes, length);
*/

/*@ requires is_body(packet, body.at, body.left, size) && body.left >= 2;
    assigns packet->error_offset, packet->as.suback;
    exits \false;
    ensures decoded(packet, size, \result);
    ensures \result > 0 ==> suback_within(&packet->as.suback, body.at, body.left);
*/
static inline int32_t mqtti_decode_suback(struct mqtt_packet *packet, struct mqtti_reader body,
                                          size_t size);

/*@ requires writable((uint8_t *)buffer, capacity) && \valid_read(suback);
    requires readable(suback->return_codes, suback->count);
    requires \separated((uint8_t *)buffer + (0 .. room((uint8_t *)buffer, capacity) - 1),
                        suback->return_codes + (0 .. suback->count - 1));
    WRITES_PACKET
    ensures \result > 0 ==> \result == packet_size(2 + suback->count);
*/
int32_t mqtt_encode_suback(void *buffer, size_t capacity, const struct mqtt_suback *suback);

/* 3 Any packet */

/*@ predicate is_ack(integer type) =
      MQTT_PUBACK <= type <= MQTT_PUBCOMP || type == MQTT_UNSUBACK;
    predicate packet_within{L}(struct mqtt_packet *packet, uint8_t *bytes, integer length) =
      MQTT_CONNECT <= packet->type <= MQTT_DISCONNECT &&
      (packet->type == MQTT_CONNECT ==> connect_within(&packet->as.connect, bytes, length)) &&
      (packet->type == MQTT_PUBLISH ==> publish_within(&packet->as.publish, bytes, length)) &&
      (packet->type == MQTT_SUBSCRIBE ==>
       subscribe_within(&packet->as.subscribe, bytes, length)) &&
      (packet->type == MQTT_SUBACK ==> suback_within(&packet->as.suback, bytes, length)) &&
      (packet->type == MQTT_UNSUBSCRIBE ==>
       unsubscribe_within(&packet->as.unsubscribe, bytes, length)) &&
      (is_ack(packet->type) ==> packet->as.ack.packet_id != 0) &&
      (packet->type == MQTT_CONNACK ==>
       is_bool(packet->as.connack.session_present) && packet->as.connack.return_code <= 5);
*/

/*@ requires \valid(packet) && \valid(body) && \separated(packet, body);
    requires readable(bytes, length);
    requires \separated(packet, bytes + (0 .. length - 1));
    requires \separated(body, bytes + (0 .. length - 1));
    assigns packet->error_offset, packet->type, *body;
    exits \false;
    ensures 2 <= \result <= 5 || is_status(\result);
    ensures \result < 0 && \result != MQTT_PACKET_INCOMPLETE ==> packet->error_offset <= length;
    ensures \result > 0 ==> body->at == bytes + \result && \result + body->left <= length;
    ensures \result > 0 ==> body->left <= MQTT_REMAINING_LENGTH_MAX;
    ensures \result > 0 ==> MQTT_CONNECT <= packet->type <= MQTT_DISCONNECT;
    ensures \result > 0 && packet->type == MQTT_CONNECT ==> body->left >= 12;
    ensures \result > 0 && packet->type < MQTT_PINGREQ ==> body->left >= 2;
    ensures \result > 0 && (packet->type == MQTT_CONNACK || is_ack(packet->type)) ==>
            body->left == 2;
    ensures \result > 0 && packet->type == MQTT_PUBLISH ==>
            bytes[0] / MQTTI_PUBLISH_QOS_1 % 4 != 3;
    ensures \result > 0 && senders == MQTTI_CLIENT ==> from_client(packet->type);
    ensures \result > 0 && senders == MQTTI_SERVER ==> from_server(packet->type);
*/
static inline int32_t mqtti_begin_decode(struct mqtt_packet *packet, struct mqtti_reader *body,
                                         const uint8_t *bytes, size_t length, unsigned senders);

/*@ requires \valid(packet) && readable(bytes, 4);
    requires \separated(packet, bytes + (0 .. 3));
    assigns packet->error_offset, packet->type, packet->as.ack, packet->as.connack;
    exits \false;
    ensures \result <= 0 || \result == 4;
    ensures \result > 0 ==> packet_within(packet, bytes, 4);
*/
static inline int32_t mqtti_decode_usual_short(struct mqtt_packet *packet, const uint8_t *bytes,
                                               unsigned senders);

/*@ requires \valid(packet) && readable(bytes, length);
    requires \separated(packet, bytes + (0 .. length - 1));
    assigns *packet;
    exits \false;
    ensures \result <= length;
    ensures \result > 0 ==> packet_within(packet, bytes, \result);
*/
static inline int32_t mqtti_decode_usual(struct mqtt_packet *packet, const uint8_t *bytes,
                                         size_t length, unsigned senders);

/*@ DECODES_PACKET */
int32_t mqtt_decode(struct mqtt_packet *packet, const void *bytes, size_t length);

/*@ DECODES_PACKET */
int32_t mqtt_decode_from_client(struct mqtt_packet *packet, const void *bytes, size_t length);

/*@ DECODES_PACKET */
int32_t mqtt_decode_from_server(struct mqtt_packet *packet, const void *bytes, size_t length);

/*@ predicate packet_readable{L}(struct mqtt_packet *packet) =
      \valid_read(packet) &&
      (packet->type == MQTT_CONNECT ==> connect_readable(&packet->as.connect)) &&
      (packet->type == MQTT_CONNACK ==> is_bool(packet->as.connack.session_present)) &&
      (packet->type == MQTT_PUBLISH ==> publish_readable(&packet->as.publish) &&
                                        bytes_readable(&packet->as.publish.payload)) &&
      (packet->type == MQTT_SUBSCRIBE ==>
       (packet->as.subscribe.subscriptions != \null
          ? subscriptions_readable(packet->as.subscribe.subscriptions,
                                   packet->as.subscribe.count)
          : bytes_readable(&packet->as.subscribe.encoded))) &&
      (packet->type == MQTT_SUBACK ==>
       readable(packet->as.suback.return_codes, packet->as.suback.count)) &&
      (packet->type == MQTT_UNSUBSCRIBE ==>
       (packet->as.unsubscribe.filters != \null
          ? filters_readable(packet->as.unsubscribe.filters, packet->as.unsubscribe.count)
          : bytes_readable(&packet->as.unsubscribe.encoded)));
    predicate packet_apart{L}(uint8_t *at, integer size, struct mqtt_packet *packet) =
      \separated(at + (0 .. size - 1), packet) &&
      (packet->type == MQTT_CONNECT ==> connect_apart(at, size, &packet->as.connect)) &&
      (packet->type == MQTT_PUBLISH ==> publish_apart(at, size, &packet->as.publish) &&
                                        bytes_apart(at, size, &packet->as.publish.payload)) &&
      (packet->type == MQTT_SUBSCRIBE ==>
       (packet->as.subscribe.subscriptions != \null
          ? subscriptions_apart(at, size, packet->as.subscribe.subscriptions,
                                packet->as.subscribe.count)
          : bytes_apart(at, size, &packet->as.subscribe.encoded))) &&
      (packet->type == MQTT_SUBACK ==>
       \separated(at + (0 .. size - 1), packet->as.suback.return_codes +
                  (0 .. packet->as.suback.count - 1))) &&
      (packet->type == MQTT_UNSUBSCRIBE ==>
       (packet->as.unsubscribe.filters != \null
          ? filters_apart(at, size, packet->as.unsubscribe.filters,
                          packet->as.unsubscribe.count)
          : bytes_apart(at, size, &packet->as.unsubscribe.encoded)));
*/

/*@ requires writable((uint8_t *)buffer, capacity) && packet_readable(packet);
    requires packet_apart((uint8_t *)buffer, room((uint8_t *)buffer, capacity), packet);
    WRITES_PACKET
*/
int32_t mqtt_encode(void *buffer, size_t capacity, const struct mqtt_packet *packet);

/* Explanations */

/*@ PURE
    ensures \valid_read(\result);
*/
static inline const struct mqtti_explanation *mqtti_explain(int32_t status);

/*@ PURE
*/
const char *mqtt_status_message(int32_t status);

/*@ PURE
*/
const char *mqtt_status_clause(int32_t status);

/*@ PURE
*/
const char *mqtt_packet_type_name(enum mqtt_packet_type type);

/*@ PURE
    ensures \result == 1 || \result == 2 || \result == -1;
*/
int32_t mqtt_connack_code_for(int32_t status);

/* 2.2.3: what is encoded is decoded again. */

/*@ requires value <= MQTT_REMAINING_LENGTH_MAX;
    PURE
    ensures \result == value;
*/
static uint32_t proof_remaining_length(uint32_t value);

/*@ requires 0 < value < 1;
    PURE
    ensures \result == value;
*/
static uint32_t proof_contradiction(uint32_t value);
