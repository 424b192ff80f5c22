// text.js: bytes from text, and text from bytes.

// An error in a text of the user. The message says where.
class TextError extends Error {}

// Bytes that grow.
class ByteList {
    constructor() {
        this.bytes = new Uint8Array(256);
        this.length = 0;
    }

    reserve(count) {
        if (this.length + count <= this.bytes.length)
            return;
        const larger = new Uint8Array(2 * (this.length + count));
        larger.set(this.bytes);
        this.bytes = larger;
    }

    // Adds the bytes of an even number of hexadecimal digits.
    addDigits(digits) {
        this.reserve(digits.length / 2);
        for (let i = 0; i < digits.length; i += 2)
            this.bytes[this.length++] = digit(digits, i) * 16 + digit(digits, i + 1);
    }

    add(bytes) {
        this.reserve(bytes.length);
        this.bytes.set(bytes, this.length);
        this.length += bytes.length;
    }

    // Adds its own last `count` bytes again.
    repeat(count) {
        this.reserve(count);
        this.bytes.copyWithin(this.length, this.length - count, this.length);
        this.length += count;
    }

    take() {
        return this.bytes.slice(0, this.length);
    }
}

function digit(text, i) {
    const code = text.charCodeAt(i) | 0x20; // 0 to 9 have this bit already
    return code < 0x3a ? code - 0x30 : code - 0x57;
}

// ---- Hexadecimal ------------------------------------------------------------------------------

// Lines of a dump begin with an offset. xxd writes a colon after it. od writes seven octal digits, an odd
// number, so they cannot be bytes. hexdump, Wireshark and mqtt_inspect write two blanks after it. An offset
// of 0 needs one blank: no packet begins with 0. `begins` is tried on the first line, `offset` on each.
const DUMPS = [
    {
        begins: /^\s*[0-9a-f]{4,16}:(?=\s|$)/i, offset: /^\s*([0-9a-f]{4,16}):(?=\s|$)/i, radix: 16,
        group: /[0-9a-f]+/iy, middle: 0,
    },
    {
        begins: /^\s*[0-7]{7}(?=\s|$)/, offset: /^\s*([0-7]{7,15})(?=\s|$)/, radix: 8,
        group: /[0-9a-f]{2}(?![0-9a-f])/iy, middle: 0,
    },
    {
        begins: /^\s*(?:[0-9a-f]{4,16}(?: {2}|\t)|0{4,16}\s)\s*[0-9a-f]{2}(?:\s|$)/i,
        offset: /^\s*([0-9a-f]{4,16})(?=\s|$)/i, radix: 16,
        group: /[0-9a-f]{2}(?![0-9a-f])/iy, middle: 8,
    },
];
const DUMP_LINE_BYTES = 16;

// Reads bytes in the usual forms: digits with or without blanks, colons and commas between the bytes,
// 0x or \x before them, C arrays, and dumps, whose offsets and text columns are not bytes. It throws
// a TextError if the text is not hexadecimal.
function readHex(text) {
    const lines = text.split(/\r\n|\r|\n/);
    const first = lines.find((line) => line.trim() !== "" && !line.trim().startsWith("#"));
    const dump = DUMPS.find((dump) => first !== undefined && dump.begins.test(first));
    return dump === undefined ? readPlainHex(text) : readDump(lines, dump);
}

function isHex(text) {
    try {
        return readHex(text).length > 0;
    } catch {
        return false;
    }
}

function fault(line, column, what) {
    return new TextError(`Line ${line}, column ${column}: ${what}.`);
}

function notADigit(line, index, number) {
    const character = String.fromCodePoint(line.codePointAt(index));
    return fault(number, index + 1, `${JSON.stringify(character)} is not a hexadecimal digit`);
}

function readDump(lines, dump) {
    const bytes = new ByteList();
    const last = { offset: 0, length: 0, repeats: false };
    lines.forEach((line, i) => {
        const trimmed = line.trim();
        if (trimmed === "*")
            last.repeats = true; // lines like the last one are left out
        else if (trimmed !== "" && !trimmed.startsWith("#") && !/^\^+$/.test(trimmed))
            readDumpLine(bytes, line, i + 1, dump, last);
    });
    if (last.repeats)
        throw new TextError(`After the "*" in the last line an offset is missing.`);
    return bytes.take();
}

function readDumpLine(bytes, line, number, dump, last) {
    const match = dump.offset.exec(line);
    if (match === null)
        throw fault(number, 1, "This line has no offset, unlike those before it");
    const offset = parseInt(match[1], dump.radix);
    if (last.repeats)
        repeatLastLine(bytes, offset, number, last);
    const before = bytes.length;
    readColumns(bytes, line, match[0].length, number, dump);
    last.offset = offset;
    last.length = bytes.length - before;
}

function repeatLastLine(bytes, offset, number, last) {
    let missing = offset - last.offset - last.length;
    if (last.length === 0 || missing <= 0 || missing % last.length !== 0 || missing > 1 << 28)
        throw fault(number, 1, `This offset does not fit the "*" before it`);
    for (; missing > 0; missing -= last.length)
        bytes.repeat(last.length);
    last.repeats = false;
}

// Adds the bytes of a line of a dump, from `index` on. A wide gap, or a |, ends them.
function readColumns(bytes, line, index, number, dump) {
    const start = bytes.length;
    for (;;) {
        const gap = /[ \t]*/y;
        gap.lastIndex = index;
        const width = gap.exec(line)[0].length;
        const count = bytes.length - start;
        index += width;
        if (index >= line.length || line[index] === "|" || endsColumns(count, width, dump))
            return;
        dump.group.lastIndex = index;
        const digits = dump.group.exec(line)?.[0];
        if (digits === undefined && /[0-9a-f]/i.test(line[index]))
            throw fault(number, index + 1, "Here two digits are a byte; larger numbers may be swapped");
        if (digits === undefined)
            throw notADigit(line, index, number);
        if (digits.length % 2 !== 0)
            throw fault(number, index + 1, "The second digit of a byte is missing");
        bytes.addDigits(digits);
        index += digits.length;
    }
}

function endsColumns(count, width, dump) {
    if (dump.middle !== 0 && count === DUMP_LINE_BYTES)
        return true;
    return count > 0 && width > (dump.middle !== 0 && count === dump.middle ? 2 : 1);
}

// A token is digits, perhaps after 0x or \x. Separators between tokens are skipped.
const TOKEN = /[\s,:;"'<>[\]-]*(?:(0x|\\x)?([0-9a-f]+))?/iy;

function readPlainHex(text) {
    const bytes = new ByteList();
    const array = arrayBody(text);
    const lines = joinDigits(array ?? withoutComments(text)).split(/\r\n|\r|\n/);
    const style = { prefix: array === null ? null : "0x" };
    lines.forEach((line, i) => readPlainLine(bytes, line.replace(/\\$/, ""), i + 1, style));
    return bytes.take();
}

// Replaces comments by blanks, so that lines and columns stay the same.
function withoutComments(text) {
    return text.replace(/#.*|\/\/.*|\/\*[^]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "));
}

// The text between the braces of a C array, or null if the text is no C array. The text before them is
// replaced by blanks, so that lines and columns stay the same.
function arrayBody(text) {
    const parts = /^([\w\s*=;[\]]*)\{([^{}]*)\}([\w\s*=;[\]]*)$/.exec(withoutComments(text));
    return parts === null ? null : parts[1].replace(/[^\n]/g, " ") + " " + parts[2];
}

// Joins lines that are only digits: some programs break a line within a byte.
function joinDigits(text) {
    return /^[0-9a-f\s]*$/i.test(text) && !/\S[ \t]+\S/.test(text) ? text.replace(/\s+/g, "") : text;
}

function readPlainLine(bytes, line, number, style) {
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < line.length;) {
        const [, prefix = "", digits] = TOKEN.exec(line);
        const end = TOKEN.lastIndex;
        if (digits === undefined && end < line.length)
            throw notADigit(line, end, number);
        if (digits === undefined)
            return;
        checkToken(prefix.toLowerCase(), digits, style, number, end - digits.length - prefix.length + 1);
        bytes.addDigits(prefix !== "" && digits.length === 1 ? "0" + digits : digits);
    }
}

function checkToken(prefix, digits, style, number, column) {
    style.prefix ??= prefix;
    if (prefix !== style.prefix)
        throw fault(number, column, `Some numbers have ${prefix || style.prefix} before them, others not`);
    if (digits.length % 2 !== 0 && (prefix === "" || digits.length > 1))
        throw fault(number, column + prefix.length, "The second digit of a byte is missing");
    if (prefix === "\\x" && digits.length > 2)
        throw fault(number, column, "\\x is followed by more than two digits");
}

// ---- Base64 -----------------------------------------------------------------------------------

// Reads base64 with the characters + and /, or - and _ for them, with or without = at the end.
function readBase64(text) {
    const compact = text.replace(/\s+/g, "").replace(/-/g, "+").replace(/_/g, "/");
    const digits = compact.replace(/={1,2}$/, "");
    const wrong = digits.search(/[^A-Za-z0-9+/]/);
    if (wrong >= 0)
        throw new TextError(`${JSON.stringify(digits[wrong])} is not a character of base64.`);
    if (digits.length % 4 === 1 || (compact.length > digits.length && compact.length % 4 !== 0))
        throw new TextError("Characters are missing at the end of the base64 text.");
    return Uint8Array.from(atob(digits), (character) => character.charCodeAt(0));
}

// ---- Bytes as text ----------------------------------------------------------------------------

function toHex(bytes, separator = "") {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(separator);
}

// Characters that would be invisible, would change the direction of the line, or begin an escape.
const HARMFUL =
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\\]/g;

function escapeCharacter(character) {
    const named = { "\n": "\\n", "\t": "\\t", "\\": "\\\\" };
    return named[character] ?? "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0");
}

// Bytes as text, in the notation that unescapeText reads. Bytes that are not UTF-8 become \xff.
function escapeText(bytes) {
    try {
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
        return text.replace(HARMFUL, escapeCharacter);
    } catch {
        return Array.from(bytes, escapeByte).join("");
    }
}

function escapeByte(byte) {
    if (byte < 0x20 || byte > 0x7e)
        return "\\x" + byte.toString(16).padStart(2, "0");
    return byte === 0x5c ? "\\\\" : String.fromCharCode(byte);
}

// The bytes of text with the escapes \n, \r, \t, \0, \\, \", \xff for a byte, \u202e for a character.
function unescapeText(text) {
    const pieces = /\\x([0-9A-Fa-f]{2})|((?:\\u[0-9A-Fa-f]{4}|\\[nrt0\\"]|[^\\]+)+)|\\/g;
    const bytes = new ByteList();
    for (const [, byte, characters] of text.matchAll(pieces)) {
        if (byte !== undefined)
            bytes.addDigits(byte);
        else if (characters !== undefined)
            bytes.add(encodeText(unescapeCharacters(characters)));
        else
            throw new TextError('After \\ must come x and two digits, u and four digits, or one of n r t 0 \\ ".');
    }
    return bytes.take();
}

function unescapeCharacters(text) {
    const named = { n: "\n", r: "\r", t: "\t", 0: "\0", "\\": "\\", '"': '"' };
    return text.replace(/\\(?:u(....)|(.))/g, (_, digits, name) =>
        digits === undefined ? named[name] : String.fromCharCode(parseInt(digits, 16)));
}

function encodeText(text) {
    if (/\p{Surrogate}/u.test(text))
        throw new TextError("Half of a surrogate pair is no character. Write its bytes with \\x.");
    return new TextEncoder().encode(text);
}
