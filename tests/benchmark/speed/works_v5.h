/* What works.c and works_v5.c have from each other. */
#if !defined(WORKS_V5_H)
#define WORKS_V5_H

#include "works.h"

#include "mqtt_codec.h"

#define STREAM         100u
#define PROPERTIES_MAX 10000u

/* Of works.c. Ends the program if something does not hold. */
#define MUST(condition) must(condition, #condition)
void must(bool holds, const char *what);

/* Ends the program if nothing was encoded. */
size_t size_of(int32_t encoded);

extern uint8_t *out;
extern size_t out_size;
extern uint8_t *grown;
extern struct mqtt_v5_packet *v5_decoded;
extern struct mqtt_v5_property v5_list[3];
extern struct mqtt_v5_publish v5_publish;
extern struct mqtt_v5_publish v5_publish_alias;
extern struct mqtt_v5_publish v5_publish_list;
extern struct mqtt_v5_ack v5_puback;
extern struct mqtt_v5_ack v5_puback_reason;
extern struct mqtt_suback suback;
extern struct mqtt_connack connack;

/* Of works_v5.c: the stream, and the curves over the number of properties. */
extern uint8_t v5_stream_bytes[];
extern size_t v5_stream_length;
extern size_t v5_stream_lengths[];

void v5_fill_stream(void);
int32_t v5_decode_stream(void);
int32_t v5_encode_stream(void);

void prepare_properties(uint32_t units);
int32_t v5_decode_properties(void);
int32_t v5_encode_properties(void);
int32_t v5_forward_properties(void);
int32_t v5_next_property(void);
int32_t v5_find_property_in_vain(void);

#endif
