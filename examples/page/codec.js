// codec.js: calls mqtt_codec.h and page.c, which are WebAssembly. build.py joins the JavaScript files to
// one module.

// enum version, enum kind, enum state and enum side of page.c
const V311 = 4, V5 = 5;
const FLAGS = 0, TYPE = 1, BITS = 2, BYTE = 3, NUMBER = 4, LENGTH = 5, STRING = 6, BINARY = 7, REST = 8;
const REASON = 9, PROPERTIES = 10, LONG = 11, INTEGER = 12, PAIR = 13;
const GOOD = 0, BAD = 1, CUT = 2, NOT_READ = 3;
const SIDES = { client: 0, server: 1, either: 2 };

const MQTT_CONNECT = 1, MQTT_DISCONNECT = 14;
const INCOMPLETE = -1, PROPERTY_ID = -48;
const NOWHERE = 0xffffffff; // UINT32_MAX: no offset, no member

// Sizes of the structs of page.c, in words of four bytes
const FIELD_WORDS = 7, LAYOUT_WORDS = 5, RECORD_WORDS = 6, PART_WORDS = 5, INPUT_WORDS = 3;
const MEMORY_PER_INPUT = 16; // bytes, see page_encode

// The functions of page.c, and their memory.
class Module {
    constructor(exports) {
        this.memory = exports.memory;
        this.scratch = (exports.__heap_base.value + 7) & ~7;
        this.call = (name, ...values) => exports["page_" + name](...values);
    }

    // Makes room for `size` bytes after __heap_base. Each call of the codec starts there again.
    reserve(size) {
        const missing = this.scratch + size - this.memory.buffer.byteLength;
        if (missing > 0)
            this.memory.grow(Math.ceil(missing / 65536));
    }

    words(address, count) {
        return new Uint32Array(this.memory.buffer, address, count);
    }

    // Copies bytes to the scratch memory. Returns the address after them, a multiple of 4.
    put(bytes, address = this.scratch) {
        new Uint8Array(this.memory.buffer, address, bytes.length).set(bytes);
        return (address + bytes.length + 3) & ~3;
    }

    text(address) {
        const bytes = new Uint8Array(this.memory.buffer, address);
        return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
    }

    // The packets of a stream, see records. If `version` is 0, each CONNECT says the version of the packets
    // from it on.
    index(bytes, side, version) {
        const chunk = 4096;
        const records = new Records();
        this.reserve(bytes.length + 8 + chunk * RECORD_WORDS * 4);
        const address = this.put(bytes);
        let last = version || V311;
        for (let offset = 0; offset < bytes.length;) {
            const count = this.call("index", this.scratch, bytes.length, offset, SIDES[side], last, version !== 0,
                address, chunk);
            records.append(this.words(address, count * RECORD_WORDS));
            offset = records.end;
            last = records.get(records.count - 1).version;
        }
        return records;
    }
}

// One version of MQTT.
class Codec extends Module {
    constructor(exports, version) {
        super(exports);
        this.version = version;
        this.fields = new Map(); // by address
        this.layouts = this.readLayouts();
        this.properties = this.readProperties();
    }

    readLayouts() {
        const words = this.words(this.call("layouts", this.version), 16 * LAYOUT_WORDS);
        return Array.from({ length: 16 }, (_, type) => {
            const [name, address, count, list] = words.subarray(type * LAYOUT_WORDS);
            const fields = [];
            for (let i = 0; i < count; i++)
                fields.push(this.field(address + i * FIELD_WORDS * 4, type));
            return { name: this.text(name), fields, list };
        });
    }

    readProperties() {
        const properties = [];
        for (let address; (address = this.call("property", properties.length)) !== 0;)
            properties.push(this.field(address));
        return properties;
    }

    field(address, type) {
        if (!this.fields.has(address))
            this.fields.set(address, this.readField(address, type));
        return this.fields.get(address);
    }

    // `bits` of a property is its identifier.
    readField(address, type) {
        const [name, section, kind, bits, when, member, meanings] = this.words(address, FIELD_WORDS);
        const isProperty = name === 0;
        return {
            name: this.text(isProperty ? this.call("property_name", bits) : name),
            section: this.text(section), kind, bits, when, isProperty,
            hasMember: isProperty || member !== NOWHERE,
            meanings: kind === REASON ? this.reasonCodes(type) : this.readMeanings(meanings),
        };
    }

    reasonCodes(type) {
        const codes = Array.from({ length: 256 }, (_, code) => code);
        const nameOf = (code) => this.text(this.call("reason_code_name", code, type));
        return new Map(codes.map((code) => [code, nameOf(code)]).filter(([, name]) => name !== "Reserved"));
    }

    readMeanings(address) {
        const meanings = new Map();
        for (; address !== 0; address += 8) {
            const [value, text] = this.words(address, 2);
            if (text === 0)
                break;
            meanings.set(value, this.text(text));
        }
        return meanings;
    }

    // The fields in the bytes of a packet, at most `most`. `status` and `stop` say which rule a refused packet
    // breaks, and where.
    parts(bytes, status = 0, stop = NOWHERE, most = Infinity) {
        for (let capacity = Math.min(most, 64);; capacity *= 8) {
            this.reserve(bytes.length + 8 + capacity * PART_WORDS * 4);
            const address = this.put(bytes);
            const count = this.call("parts", this.version, this.scratch, bytes.length, status, stop, address, capacity);
            if (count < capacity || count >= most)
                return this.readParts(this.words(address, count * PART_WORDS));
        }
    }

    readParts(words) {
        const parts = [];
        for (let i = 0; i < words.length; i += PART_WORDS) {
            const [field, offset, length, value, state] = words.subarray(i, i + PART_WORDS);
            parts.push({ field: this.field(field), offset, length, value, state });
        }
        return parts;
    }

    // Encodes a packet. `inputs` are numbers or Uint8Arrays, as page_encode wants them. Returns the bytes,
    // or the status of the rule that the packet breaks.
    encode(type, inputs, entryCount) {
        const data = inputs.reduce((sum, input) => sum + (typeof input === "number" ? 0 : input.length + 4), 0);
        const memory = this.scratch + inputs.length * INPUT_WORDS * 4;
        const start = memory + inputs.length * MEMORY_PER_INPUT;
        this.reserve(start - this.scratch + 2 * data + 8 * inputs.length + 64);
        const buffer = this.putInputs(inputs, start);
        const capacity = this.memory.buffer.byteLength - buffer;
        const size = this.call("encode", this.version, type, this.scratch, memory, entryCount, buffer, capacity);
        return size < 0 ? size : new Uint8Array(this.memory.buffer, buffer, size).slice();
    }

    putInputs(inputs, address) {
        const words = this.words(this.scratch, inputs.length * INPUT_WORDS);
        inputs.forEach((input, i) => {
            const isNumber = typeof input === "number";
            words.set(isNumber ? [input, 0, 0] : [0, input.length, address], i * INPUT_WORDS);
            if (!isNumber)
                address = this.put(input, address);
        });
        return address;
    }

    // The answer to a packet that is refused with this status, or null if there is none.
    answer(status, type) {
        this.reserve(8);
        const size = this.call("answer", this.version, status, type, this.scratch);
        return size < 0 ? null : new Uint8Array(this.memory.buffer, this.scratch, size).slice();
    }

    message(status) {
        return this.text(this.call("message", this.version, status));
    }

    clause(status, type) {
        return this.text(this.call("clause", this.version, status, type));
    }
}

// An array of struct record that grows.
class Records {
    constructor() {
        this.words = new Uint32Array(64 * RECORD_WORDS);
        this.count = 0;
    }

    append(words) {
        const used = this.count * RECORD_WORDS;
        if (used + words.length > this.words.length) {
            const larger = new Uint32Array(2 * (used + words.length));
            larger.set(this.words);
            this.words = larger;
        }
        this.words.set(words, used);
        this.count += words.length / RECORD_WORDS;
    }

    get(i) {
        const [offset, size, status, errorOffset, total, version] = this.words.subarray(i * RECORD_WORDS);
        return { offset, size, status: status | 0, errorOffset, total, version };
    }

    // Where the last one ends in the stream.
    get end() {
        const [offset, size] = this.words.subarray((this.count - 1) * RECORD_WORDS);
        return offset + size;
    }

    status(i) {
        return this.words[i * RECORD_WORDS + 2] | 0;
    }
}
