/* packets_reader: reads packets, each a line of hexadecimal digits, and prints for each what
 * mqtt_encode writes of the packet that mqtt_decode has found, a blank, and its fields; of one that
 * is refused, the reason. */
#include <stdlib.h>
#include <string.h>

#include "fields.h"

static void die(const char *message)
{
    fprintf(stderr, "packets_reader: %s\n", message);
    exit(1);
}

/* The value of a digit, or -1. */
static int digit(int c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c == '\0' ? NULL : strchr(digits, c);

    return found == NULL ? -1 : (int)(found - digits);
}

/* One line into *bytes, which grows; false at the end of the input. */
static bool read_line(uint8_t **bytes, size_t *capacity, size_t *length)
{
    int first;

    *length = 0;
    while ((first = getchar()) != '\n') {
        int second;

        if (first == EOF && *length == 0)
            return false;
        second = getchar();
        if (digit(first) < 0 || digit(second) < 0)
            die("the input is not lines of pairs of hexadecimal digits");
        if (*length == *capacity) {
            *capacity = *capacity * 2 + 64;
            *bytes = realloc(*bytes, *capacity);
            if (*bytes == NULL)
                die("no memory");
        }
        (*bytes)[(*length)++] = (uint8_t)(digit(first) << 4 | digit(second));
    }
    return true;
}

static void print_packet(const uint8_t *bytes, size_t length)
{
    struct mqtt_packet packet;
    const int32_t used = mqtt_decode(&packet, bytes, length);
    int32_t size;
    uint8_t *again;

    if (used <= 0 || (size_t)used != length) {
        printf("refused: %d of %lu: %s\n", (int)used, (unsigned long)length,
               used > 0 ? "not the whole line" : mqtt_status_message(used));
        return;
    }
    size = mqtt_encode(NULL, 0, &packet);
    again = malloc(size > 0 ? (size_t)size : 1);
    if (again == NULL)
        die("no memory");
    if (size <= 0 || mqtt_encode(again, (size_t)size, &packet) != size) {
        printf("not encoded: %s\n", mqtt_status_message(size));
    } else {
        fields_print_hex(stdout, again, (size_t)size);
        putchar(' ');
        fields_print(stdout, &packet);
        putchar('\n');
    }
    free(again);
}

int main(void)
{
    uint8_t *bytes = NULL;
    size_t capacity = 0;
    size_t length;

    while (read_line(&bytes, &capacity, &length))
        print_packet(bytes, length);
    free(bytes);
    return fflush(stdout) == 0 ? 0 : 1;
}
