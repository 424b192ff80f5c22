/* SPDX-License-Identifier: MIT
 *
 * hex_text.h: reads bytes from hexadecimal text in the usual forms. mqtt_inspect.c uses it. A program
 * includes program.h before it includes this file.
 *
 *   plain  c000, c0 00, c0:00, 0xc0, 0x00, \xc0\x00. A text in quotes that has a backslash is read
 *          as characters and escapes: b'\x10\x0c\x00\x04MQTT'.
 *   dump   the output of xxd, hexdump -C, od -tx1, Wireshark or mqtt_inspect. The offset, and the
 *          text after the bytes, are skipped. A line `*` means more lines like the one before it.
 *   array  an array of C, or the output of xxd -i: 0xc0, 192 or 'M', in braces. Text outside of the
 *          braces is skipped.
 *
 * Comments begin with # or //, or are C comments. The first line with bytes decides which form the
 * text has. A line that is wrong gives no bytes.
 */
#if !defined(HEX_TEXT_H)
#define HEX_TEXT_H

#define HEX_LINE_MAX   256u        /* bytes of a line of a dump that can be repeated */
#define HEX_REPEAT_MAX 0x10000000u /* the most bytes that a line `*` can repeat */

#define HEX_FAULT_DIGIT  "This is not a hexadecimal digit"
#define HEX_FAULT_PAIR   "The second digit of a byte is missing"
#define HEX_FAULT_LARGE  "This number is larger than 255"
#define HEX_FAULT_OFFSET "This offset does not fit the lines before it"
#define HEX_FAULT_STAR   "Lines are left out here; make the dump with the option -v"

enum hex_form {
    HEX_UNKNOWN,
    HEX_PLAIN,
    HEX_DUMP,
    HEX_ARRAY
};

/* It starts as {0}. */
struct hex_text {
    struct buffer unread; /* text that is not read yet */
    size_t searched;      /* the number of its characters without a line end */
    enum hex_form form;
    bool in_comment;            /* of C */
    bool in_braces;             /* of an array */
    bool repeats;               /* the line before was `*` */
    uint8_t last[HEX_LINE_MAX]; /* the bytes of the last line of a dump */
    size_t last_count;          /* 0: there are none, or too many */
    uint64_t next_offset;       /* offset of the byte after them */
    unsigned long line;         /* the number of the line that was read last */
    size_t column;              /* of a fault in it, from 1 */
    const char *fault;
};

/* A line without the blanks at its end */
struct hex_line {
    const uint8_t *text;
    size_t length;
    size_t at; /* of the next character */
};

/* The character `distance` after the next one; -1 after the end */
static int peek(const struct hex_line *line, size_t distance)
{
    return line->at + distance < line->length ? line->text[line->at + distance] : -1;
}

/* -1: not a digit. Unlike isxdigit it does not depend on the locale. */
static int digit_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static size_t count_digits(const struct hex_line *line)
{
    size_t count = 0;

    while (digit_value(peek(line, count)) >= 0)
        count++;
    return count;
}

/* The byte that the next two digits give, or -1 */
static int next_byte(const struct hex_line *line)
{
    const int high = digit_value(peek(line, 0));
    const int low = digit_value(peek(line, 1));

    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool is_blank(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t skip_blanks(struct hex_line *line)
{
    const size_t begin = line->at;

    while (is_blank(peek(line, 0)))
        line->at++;
    return line->at - begin;
}

static bool refuse_line(struct hex_text *text, const struct hex_line *line, const char *fault)
{
    text->fault = fault;
    text->column = line->at + 1;
    return false;
}

/* There is room: a line gives at most as many bytes as it has characters. */
static void add_byte(struct buffer *bytes, int value)
{
    bytes->bytes[bytes->end] = (uint8_t)value;
    bytes->end++;
}

/* ---------------------------------------------------------------------------------------------
 * Dumps
 * ------------------------------------------------------------------------------------------- */

/* The number of digits of the offset at the beginning of the line, or 0. Digits with a colon and
 * a blank after them are an offset. Others may be bytes: so the first offset of a text must begin
 * with 00, as no packet does, or have eight digits and two blanks after it. A byte or the text
 * column must come next. */
static size_t offset_digits(const struct hex_text *text, const struct hex_line *line)
{
    const size_t digits = count_digits(line);
    struct hex_line rest = *line;
    size_t blanks;

    if (digits < 4 || digits > 16)
        return 0;
    if (text->form == HEX_DUMP || (peek(line, digits) == ':' && is_blank(peek(line, digits + 1))))
        return digits;
    rest.at += digits;
    blanks = skip_blanks(&rest);
    if (text->form == HEX_PLAIN || blanks == 0 ||
        (count_digits(&rest) != 2 && peek(&rest, 0) != '|'))
        return 0;
    return next_byte(line) == 0 || (digits >= 8 && blanks >= 2) ? digits : 0;
}

/* Appends the bytes of the lines that `*` replaces. */
static bool repeat_lines(struct hex_text *text, const struct hex_line *line, uint64_t offset,
                         struct buffer *bytes)
{
    text->repeats = false;
    if (offset < text->next_offset || offset - text->next_offset > HEX_REPEAT_MAX ||
        (offset - text->next_offset) % text->last_count != 0)
        return refuse_line(text, line, HEX_FAULT_OFFSET);
    for (; text->next_offset < offset; text->next_offset += text->last_count)
        if (!buffer_append(bytes, text->last, text->last_count))
            return refuse_line(text, line, strerror(errno));
    return true;
}

/* Reads the bytes of a line. A | ends them. So do two blanks or more, except two blanks between the
 * eighth byte and the ninth. Only xxd writes bytes without a blank between them. */
static bool read_dump_bytes(struct hex_text *text, struct hex_line *line, bool is_xxd,
                            struct buffer *bytes)
{
    const size_t begin = bytes->end;

    for (;;) {
        const size_t blanks = skip_blanks(line);
        const size_t count = bytes->end - begin;
        const bool is_middle = !is_xxd && count == 8 && blanks == 2 && count_digits(line) == 2;
        if (peek(line, 0) < 0 || peek(line, 0) == '|' || (count > 0 && blanks > 1 && !is_middle))
            break;
        if (next_byte(line) < 0 || (count > 0 && blanks == 0 && !is_xxd))
            return refuse_line(text, line, HEX_FAULT_DIGIT);
        add_byte(bytes, next_byte(line));
        line->at += 2;
    }
    text->last_count = bytes->end - begin;
    if (text->last_count > HEX_LINE_MAX)
        text->last_count = 0;
    if (text->last_count > 0)
        memcpy(text->last, bytes->bytes + begin, text->last_count);
    text->next_offset += bytes->end - begin;
    return true;
}

static bool read_dump_line(struct hex_text *text, struct hex_line *line, size_t digits,
                           struct buffer *bytes)
{
    uint64_t offset = 0;
    size_t i;

    for (i = 0; i < digits; i++)
        offset = offset * 16 + (uint64_t)digit_value(peek(line, i));
    if (text->repeats && !repeat_lines(text, line, offset, bytes))
        return false;
    if (peek(line, digits) < 0 && offset != text->next_offset) /* the last line has no bytes */
        return refuse_line(text, line, HEX_FAULT_OFFSET);
    if (!buffer_reserve(bytes, line->length))
        return refuse_line(text, line, strerror(errno));
    text->form = HEX_DUMP;
    text->next_offset = offset;
    line->at += digits;
    if (peek(line, 0) != ':')
        return read_dump_bytes(text, line, false, bytes);
    line->at++;
    return read_dump_bytes(text, line, true, bytes);
}

/* A line without an offset: `*`, a comment, or mqtt_inspect's mark below a byte. */
static bool read_line_between(struct hex_text *text, const struct hex_line *line)
{
    size_t marks = 0;

    while (peek(line, marks) == '^')
        marks++;
    if (peek(line, marks) < 0 || peek(line, 0) == '#')
        return true;
    if (peek(line, 0) != '*')
        return refuse_line(text, line, HEX_FAULT_OFFSET);
    text->repeats = text->last_count > 0;
    return text->repeats || refuse_line(text, line, HEX_FAULT_STAR);
}

/* ---------------------------------------------------------------------------------------------
 * Plain text and arrays
 * ------------------------------------------------------------------------------------------- */

/* Reads an escape that C and Python have. Returns its byte, or -1 if it is wrong. */
static int read_escape(struct hex_line *line)
{
    static const char letters[] = "tnr0\"'\\";
    static const char values[] = "\t\n\r\0\"'\\";
    const int c = peek(line, 1);
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    int value = -1;

    line->at += 2;
    if (c == 'x') {
        value = next_byte(line);
        line->at += 2; /* its digits */
    } else if (letter != NULL && !(c == '0' && digit_value(peek(line, 0)) >= 0)) {
        value = (uint8_t)values[letter - letters];
    }
    return value;
}

/* True if the text from this quote to the next one on the line is characters, not digits. */
static bool quotes_characters(const struct hex_text *text, const struct hex_line *line)
{
    const int quote = peek(line, 0);
    bool has_escape = false;
    size_t i = 1;

    for (; peek(line, i) != quote; i++) {
        if (peek(line, i) < 0)
            return false;
        if (peek(line, i) == '\\') {
            has_escape = true;
            i++;
        }
    }
    return has_escape || (text->in_braces && quote == '\'');
}

static bool read_escaped_byte(struct hex_text *text, struct hex_line *line, struct buffer *bytes)
{
    const struct hex_line before = *line;
    const int value = read_escape(line);

    if (value < 0)
        return refuse_line(text, &before, HEX_FAULT_DIGIT);
    add_byte(bytes, value);
    return true;
}

static bool read_quoted(struct hex_text *text, struct hex_line *line, struct buffer *bytes)
{
    const int quote = peek(line, 0);
    bool is_good = true;

    line->at++;
    while (is_good && peek(line, 0) != quote) {
        if (peek(line, 0) == '\\') {
            is_good = read_escaped_byte(text, line, bytes);
        } else {
            add_byte(bytes, peek(line, 0));
            line->at++;
        }
    }
    line->at++;
    return is_good;
}

/* A number of C: 0xc0, or 192 */
static bool read_element(struct hex_text *text, struct hex_line *line, bool is_hex,
                         struct buffer *bytes)
{
    struct hex_line begin = *line;
    const int base = is_hex ? 16 : 10;
    int value = 0;

    while (digit_value(peek(line, 0)) >= 0 && digit_value(peek(line, 0)) < base && value < 256) {
        value = value * base + digit_value(peek(line, 0));
        line->at++;
    }
    if (line->at == begin.at)
        return refuse_line(text, line, HEX_FAULT_DIGIT);
    begin.at -= is_hex ? 2 : 0;
    if (value > 255)
        return refuse_line(text, &begin, HEX_FAULT_LARGE);
    add_byte(bytes, value);
    return true;
}

/* Digits, with or without 0x before them. After 0x, one digit is also a byte. */
static bool read_number(struct hex_text *text, struct hex_line *line, struct buffer *bytes)
{
    const bool is_prefixed = peek(line, 0) == '0' && (peek(line, 1) | 0x20) == 'x';

    line->at += is_prefixed ? 2 : 0;
    if (text->in_braces || (is_prefixed && count_digits(line) == 1))
        return read_element(text, line, is_prefixed, bytes);
    if (digit_value(peek(line, 0)) < 0)
        return refuse_line(text, line, HEX_FAULT_DIGIT);
    while (next_byte(line) >= 0) {
        add_byte(bytes, next_byte(line));
        line->at += 2;
    }
    if (digit_value(peek(line, 0)) < 0)
        return true;
    line->at++;
    return refuse_line(text, line, HEX_FAULT_PAIR);
}

static void skip_comment(struct hex_text *text, struct hex_line *line)
{
    while (line->at < line->length && (peek(line, 0) != '*' || peek(line, 1) != '/'))
        line->at++;
    text->in_comment = line->at == line->length;
    line->at += text->in_comment ? 0 : 2;
}

static bool is_quote(int c)
{
    return c == '"' || c == '\'';
}

/* True if there is a brace outside of quotes. */
static bool begins_array(const struct hex_line *line)
{
    size_t i = 0;

    while (peek(line, i) >= 0 && peek(line, i) != '{' && !is_quote(peek(line, i)))
        i++;
    return peek(line, i) == '{';
}

static bool read_plain_line(struct hex_text *text, struct hex_line *line, struct buffer *bytes)
{
    bool is_good = true;

    if (!buffer_reserve(bytes, line->length))
        return refuse_line(text, line, strerror(errno));
    if (line->length > 1 && line->text[line->length - 1] == '\\' &&
        is_blank(line->text[line->length - 2])) /* the next line of C belongs to this one */
        line->length--;
    if (text->form == HEX_UNKNOWN && begins_array(line))
        text->form = HEX_ARRAY;
    while (is_good && line->at < line->length) {
        const int c = peek(line, 0);
        const int next = peek(line, 1);
        const bool is_outside = text->form == HEX_ARRAY && !text->in_braces;
        if (text->in_comment || (c == '/' && next == '*')) {
            line->at += text->in_comment ? 0 : 2;
            skip_comment(text, line);
        } else if (c == '#' || (c == '/' && next == '/')) {
            break;
        } else if (text->form == HEX_ARRAY && (c == '{' || c == '}')) {
            text->in_braces = c == '{';
            line->at++;
        } else if (is_quote(c) && !is_outside && quotes_characters(text, line)) {
            is_good = read_quoted(text, line, bytes);
        } else if (is_outside || is_blank(c) || c == ',' || c == ':' ||
                   (!text->in_braces &&
                    (is_quote(c) ||
                     (c == 'b' && is_quote(next))))) { /* as Python writes bytes: b'' */
            line->at++;
        } else if (c == '\\' && next == 'x') {
            is_good = read_escaped_byte(text, line, bytes);
        } else {
            is_good = read_number(text, line, bytes);
        }
    }
    return is_good;
}

/* ---------------------------------------------------------------------------------------------
 * Lines
 * ------------------------------------------------------------------------------------------- */

static bool read_hex_line(struct hex_text *text, struct hex_line *line, struct buffer *bytes)
{
    const size_t before = buffer_length(bytes);
    size_t digits = 0;
    bool is_good;

    text->line++;
    while (line->length > 0 && is_blank(line->text[line->length - 1]))
        line->length--;
    skip_blanks(line);
    if (line->at == line->length)
        return true;
    if (!text->in_comment && text->form != HEX_ARRAY)
        digits = offset_digits(text, line);
    if (digits > 0)
        is_good = read_dump_line(text, line, digits, bytes);
    else if (text->form == HEX_DUMP)
        is_good = read_line_between(text, line);
    else
        is_good = read_plain_line(text, line, bytes);
    if (!is_good)
        bytes->end = bytes->begin + before;
    else if (text->form == HEX_UNKNOWN && buffer_length(bytes) > before)
        text->form = HEX_PLAIN;
    return is_good;
}

/* Reads the lines in `unread` and appends their bytes. At the end of the input the last line needs
 * no line end. If it returns false, text->fault says why. */
static bool read_hex(struct hex_text *text, struct buffer *bytes, bool is_end)
{
    struct buffer *unread = &text->unread;

    for (;;) {
        const size_t length = buffer_length(unread);
        struct hex_line line = {buffer_front(unread), length, 0};
        const uint8_t *end = NULL;
        if (length > text->searched)
            end =
                (const uint8_t *)memchr(line.text + text->searched, '\n', length - text->searched);
        text->searched = end == NULL ? length : 0;
        if (end == NULL && (!is_end || length == 0))
            return true;
        line.length = end == NULL ? length : (size_t)(end - line.text);
        if (!read_hex_line(text, &line, bytes))
            return false;
        text->searched = 0;
        buffer_drop(unread, end == NULL ? length : (size_t)(end - line.text) + 1);
    }
}

#endif
