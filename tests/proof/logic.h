/* What loop annotations in the header speak of. */

/*@ // What the filters from `i` on take in a packet.
    logic integer mqtti_list_size{L}(struct mqtt_subscription *subscriptions,
                                     struct mqtt_string *filters, integer count, integer i) =
      i >= count ? 0 :
      (subscriptions != \null ? 3 + subscriptions[i].filter.length : 2 + filters[i].length) +
      \max(0, mqtti_list_size(subscriptions, filters, count, i + 1)); */
