/* What the loop annotations of the header name. */

/*@ // What the filters from `i` on take in a packet.
    logic integer mqtti_list_size{L}(struct mqtt_subscription *subscriptions,
                                     struct mqtt_string *filters, integer count, integer i) =
      i >= count ? 0 :
      (subscriptions != \null ? 3 + subscriptions[i].filter.length : 2 + filters[i].length) +
      \max(0, mqtti_list_size(subscriptions, filters, count, i + 1));
    predicate filters_short{L}(struct mqtt_subscription *subscriptions,
                               struct mqtt_string *filters, integer count) =
      \forall integer k; 0 <= k < count ==>
        (subscriptions != \null ? subscriptions[k].filter.length
                                : filters[k].length) <= MQTT_STRING_LENGTH_MAX;

    // 2.2.3: the number whose `count` lowest digits to base 128 are at `d`, the rest is `above`.
    logic integer joined{L}(uint8_t *d, integer count, integer above) =
      count == 0 ? above :
      count == 1 ? above * 128 + d[0] % 128 :
      count == 2 ? (above * 128 + d[1] % 128) * 128 + d[0] % 128 :
                   ((above * 128 + d[2] % 128) * 128 + d[1] % 128) * 128 + d[0] % 128;
    logic integer size_of_length(integer value) =
      value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : value < 268435456 ? 4 : 5;
    // The lowest digits of `value` stand from `first` to `at`, the rest is `above`.
    predicate taken{L}(uint8_t *first, uint8_t *at, integer value, integer above) =
      (at == first && value == above) ||
      (at == first + 1 && 0 < above && value == joined(first, 1, above)) ||
      (at == first + 2 && 0 < above && value == joined(first, 2, above)) ||
      (at == first + 3 && 0 < above && value == joined(first, 3, above)); */

/* Of mqtti_write_list: what its pass over the list has done before entry i. */
#define LIST_SIZE_FROM(i)                                                                          \
    mqtti_list_size(\at(list->subscriptions, Pre), \at(list->filters, Pre), list->count, i)
#define LIST_WRITTEN  (LIST_SIZE_FROM(0) - LIST_SIZE_FROM(i))
#define LIST_MEASURED (LIST_WRITTEN - (list->subscriptions != \null ? i : 0))
#define LIST_SHORT    filters_short(list->subscriptions, list->filters, i)
#define LIST_ROOM     (\at(writer->at, Pre) == \null ? 0 : LIST_SIZE_FROM(0))
#define LIST_UNCHANGED                                                                             \
    (list->subscriptions == \at(list->subscriptions, Pre) &&                                       \
     list->filters == \at(list->filters, Pre))
