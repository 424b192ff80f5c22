// page.js: the page itself. It shows what the codec reports. It does not decode or check packets.

// ---- Versions of MQTT -------------------------------------------------------------------------

// `anchors` has the anchors of headings in the OASIS document. A section without an anchor has the link of
// the section that it is in.
const VERSIONS = {
    [V311]: {
        name: "3.1.1",
        document: "https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html",
        anchors: {
            "1.5.3": "_Toc398718016", "2.2": "_Toc398718020", "2.2.1": "_Toc398718021", "2.2.2": "_Toc398718022",
            "2.2.3": "_Toc398718023", "2.3.1": "_Toc398718025", "3.1.2": "_Toc398718030", "3.1.3": "_Toc398718031",
            "3.1.4": "_Toc398718032", "3.2.2": "_Toc398718035", "3.3.1": "_Toc398718038", "3.3.2": "_Toc398718039",
            "3.3.3": "_Toc398718040", "3.8.2": "_Toc398718065", "3.8.3": "_Toc398718066", "3.9.2": "_Toc398718070",
            "3.9.3": "_Toc398718071", "3.10.2": "_Toc398718074", "3.10.3": "_Toc398718075", "4.7.1": "_Toc398718107",
            "4.7.3": "_Toc398718109",
        },
    },
    [V5]: {
        name: "5.0",
        document: "https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html",
        anchors: {
            "1.5.4": "_Toc3901010", "1.5.5": "_Toc3901011", "2.1.1": "_Toc3901021", "2.1.2": "_Toc3901022",
            "2.1.3": "_Toc3901023", "2.1.4": "_Toc3901024", "2.2.1": "_Toc3901026", "2.2.2": "_Toc3901027",
            "2.2.2.1": "_Toc3901028", "2.2.2.2": "_Toc3901029", "2.3": "_Toc3901030", "2.4": "_Toc3901031",
            "3.1.2": "_Toc3901035", "3.1.2.1": "_Toc3901036", "3.1.2.2": "_Toc3901037", "3.1.2.3": "_Toc3901038",
            "3.1.2.4": "_Toc3901039", "3.1.2.5": "_Toc3901040", "3.1.2.6": "_Toc3901041", "3.1.2.7": "_Toc3901042",
            "3.1.2.8": "_Toc3901043", "3.1.2.9": "_Toc3901044", "3.1.2.10": "_Toc3901045", "3.1.2.11": "_Toc3901046",
            "3.1.2.11.10": "_Toc3901056", "3.1.3": "_Toc3901058", "3.1.3.1": "_Toc3901059", "3.1.3.2": "_Toc3901060",
            "3.1.3.3": "_Toc3901069", "3.1.3.4": "_Toc3901070", "3.1.3.5": "_Toc3901071", "3.1.3.6": "_Toc3901072",
            "3.2.2": "_Toc3901076", "3.2.2.1": "_Toc3901077", "3.2.2.1.1": "_Toc3901078", "3.2.2.2": "_Toc3901079",
            "3.2.2.3": "_Toc3901080", "3.3.1": "_Toc3901101", "3.3.1.1": "_Toc3901102", "3.3.1.2": "_Toc3901103",
            "3.3.1.3": "_Toc3901104", "3.3.2": "_Toc3901106", "3.3.2.1": "_Toc3901107", "3.3.2.2": "_Toc3901108",
            "3.3.2.3": "_Toc3901109", "3.3.3": "_Toc3901119", "3.3.4": "_Toc3901120", "3.4.2": "_Toc3901123",
            "3.4.2.2": "_Toc3901125", "3.5.2": "_Toc3901133", "3.5.2.2": "_Toc3901135", "3.6.1": "_Toc3901142",
            "3.6.2": "_Toc3901143", "3.6.2.2": "_Toc3901145", "3.7.2": "_Toc3901153", "3.7.2.2": "_Toc3901155",
            "3.8.1": "_Toc3901162", "3.8.2.1": "_Toc3901164", "3.8.3": "_Toc3901168", "3.8.3.1": "_Toc3901169",
            "3.9.2.1": "_Toc3901174", "3.9.3": "_Toc3901178", "3.10.1": "_Toc3901180", "3.10.2.1": "_Toc3901182",
            "3.10.3": "_Toc3901185", "3.11.2.1": "_Toc3901190", "3.11.3": "_Toc3901194", "3.14.1": "_Toc3901206",
            "3.14.2": "_Toc3901207", "3.14.2.1": "_Toc3901208", "3.14.2.2": "_Toc3901209", "3.15.1": "_Toc3901218",
            "3.15.2": "_Toc3901219", "3.15.2.1": "_Toc3901220", "3.15.2.2": "_Toc3901221",
            "3.15.2.2.2": "_Toc3901223", "4.7": "_Toc3901241", "4.7.1": "_Toc3901242", "4.7.3": "_Toc3901247", "4.8.2": "_Toc3901250",
            "4.12": "_Toc3901256",
        },
    },
};

// The link to a section ("3.1.2.10") or a statement ("MQTT-3.1.2-22").
function standardLink(codec, clause) {
    const { document, anchors } = VERSIONS[codec.version];
    let section = clause.replace(/^MQTT-|-\d+$/g, "");
    while (section !== "" && !(section in anchors))
        section = section.replace(/\.?\d+$/, "");
    return document + (section === "" ? "" : "#" + anchors[section]);
}

// ---- Elements ---------------------------------------------------------------------------------

function find(id) {
    return document.getElementById(id);
}

function element(tag, className = "", ...content) {
    const made = document.createElement(tag);
    if (className !== "")
        made.className = className;
    made.append(...content);
    return made;
}

function button(text, onClick) {
    const made = element("button", "", text);
    made.type = "button";
    made.addEventListener("click", onClick);
    return made;
}

function sectionLink(codec, clause, text = clause) {
    const link = element("a", "section", text);
    link.href = standardLink(codec, clause);
    link.target = "_blank";
    link.rel = "noreferrer";
    return link;
}

function plural(count, word) {
    return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}

function clamp(value, least, most) {
    return Math.max(least, Math.min(value, most));
}

// ---- Long lists -------------------------------------------------------------------------------

const SHORT_LIST = 200; // rows; a shorter list has all its rows in the document
const TALLEST = 8e6; // pixels; browsers cannot scroll much more

// A box that scrolls through rows of one height. A long list has only its visible rows in the document.
class VirtualList {
    constructor(box, makeRow) {
        this.box = box;
        this.makeRow = makeRow;
        this.count = 0;
        this.spacer = element("div");
        this.rows = element("div", "rows");
        this.spacer.role = this.rows.role = "presentation";
        this.spacer.append(this.rows);
        box.append(this.spacer);
        box.addEventListener("scroll", () => this.draw());
        new ResizeObserver(() => this.draw()).observe(box);
    }

    setCount(count) {
        this.count = count;
        this.rows.replaceChildren(...(count > 0 ? [this.makeRow(0)] : []));
        this.rowHeight = this.rows.firstElementChild?.getBoundingClientRect().height || 1;
        this.height = Math.min(count * this.rowHeight, TALLEST);
        this.spacer.style.height = `${this.height}px`;
        this.box.scrollTop = 0;
        this.draw(true);
    }

    // The number of rows that fit. It may have a fraction, because a row may be cut.
    get room() {
        return Math.min(this.box.clientHeight / this.rowHeight, this.count);
    }

    // The row at the upper edge of the box. A list that is too tall scrolls faster than its rows.
    get top() {
        return this.box.scrollTop * this.rowsInPixel;
    }

    scrollTo(row) {
        this.box.scrollTop = clamp(row, 0, this.count - this.room) / this.rowsInPixel;
        this.draw();
    }

    get rowsInPixel() {
        const pixels = this.height - this.box.clientHeight;
        return this.height < TALLEST || pixels <= 0 ? 1 / this.rowHeight : (this.count - this.room) / pixels;
    }

    // Scrolls as little as needed to show a row, and its neighbours.
    reveal(row) {
        if (row - 1 < this.top)
            this.scrollTo(row - 1);
        else if (row + 2 > this.top + this.room)
            this.scrollTo(row + 2 - this.room);
    }

    // Makes the rows that are visible, unless they are there already.
    draw(anew = false) {
        const all = this.count <= SHORT_LIST;
        const first = all ? 0 : Math.max(Math.floor(this.top) - 10, 0);
        const last = all ? this.count : Math.min(Math.ceil(this.top + this.room) + 10, this.count);
        if (!anew && first === this.first && last === this.last && this.height < TALLEST)
            return;
        this.first = first;
        this.last = last;
        this.rows.replaceChildren(...Array.from({ length: last - first }, (_, i) => this.makeRow(first + i)));
        const above = this.height < TALLEST ? first * this.rowHeight
            : this.box.scrollTop - (this.top - first) * this.rowHeight;
        this.rows.style.transform = `translateY(${above}px)`;
    }
}

// A list with one selected row. The mouse or the keyboard selects it.
class ListBox extends VirtualList {
    // `onSelect` is called with the index of the row; `onSide` with -1 for the left arrow, 1 for the right.
    constructor(box, fillRow, onSelect, onSide) {
        super(box, (i) => this.makeOption(i, fillRow));
        this.onSelect = onSelect;
        this.onSide = onSide;
        this.selected = -1;
        box.role = "listbox";
        box.tabIndex = 0;
        box.addEventListener("keydown", (event) => this.onKey(event));
        box.addEventListener("click", (event) => this.onClick(event));
    }

    makeOption(i, fillRow) {
        const row = element("div", "row");
        row.role = "option";
        row.id = `${this.box.id}-${i}`;
        row.dataset.row = i;
        row.ariaSelected = i === this.selected;
        row.ariaPosInSet = i + 1;
        row.ariaSetSize = this.count;
        fillRow(row, i);
        return row;
    }

    setCount(count) {
        this.selected = -1;
        this.box.removeAttribute("aria-activedescendant");
        super.setCount(count);
    }

    select(i) {
        const before = find(`${this.box.id}-${this.selected}`);
        if (before !== null)
            before.ariaSelected = "false";
        this.selected = i;
        this.reveal(i);
        find(`${this.box.id}-${i}`).ariaSelected = "true";
        this.box.setAttribute("aria-activedescendant", `${this.box.id}-${i}`);
        this.onSelect(i);
    }

    onClick(event) {
        const row = event.target.closest("[data-row]");
        if (row !== null)
            this.select(Number(row.dataset.row));
    }

    onKey(event) {
        const page = Math.max(Math.floor(this.room) - 1, 1);
        const steps = {
            ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity,
        };
        const sides = { ArrowLeft: -1, ArrowRight: 1 };
        if (event.key in steps && this.count > 0)
            this.select(clamp(this.selected + steps[event.key], 0, this.count - 1));
        else if (event.key in sides)
            this.onSide(sides[event.key]);
        else
            return;
        event.preventDefault();
    }
}

// ---- Values -----------------------------------------------------------------------------------

const SHORT_VALUE = 100; // bytes of a value that a row shows
const LONG_VALUE = 4096; // bytes that the selected field shows

// The beginning of bytes as text, cut between characters.
function preview(bytes, most) {
    let length = Math.min(bytes.length, most);
    while (length > 0 && length < bytes.length && length > most - 4 && (bytes[length] & 0xc0) === 0x80)
        length--;
    return `"${escapeText(bytes.subarray(0, length))}"${length < bytes.length ? "…" : ""}`;
}

// The content of a part: its bytes without the identifier of a property and the length of a string.
function content(part, bytes) {
    const start = Math.min(prefixLength(part.field), part.length);
    return bytes.subarray(part.offset + start, part.offset + part.length);
}

function prefixLength({ isProperty, kind }) {
    return (isProperty ? 1 : 0) + (kind === STRING || kind === BINARY ? 2 : 0);
}

// The two strings of a pair.
function pairContent(part, bytes) {
    const pair = content(part, bytes);
    const end = 2 + pair[0] * 256 + pair[1];
    return [pair.subarray(2, end), pair.subarray(end + 2)];
}

function isText(field) {
    return field.kind === STRING || field.kind === BINARY || field.kind === REST;
}

function isBits(part) {
    return part.field.kind === TYPE || part.field.kind === BITS;
}

function valueText(codec, part, bytes, most) {
    const { field, value } = part;
    if (part.length === 0 && part.state === BAD)
        return "missing";
    switch (field.kind) {
    case FLAGS:
        return value.toString(2).padStart(8, "0").replace(/^..../, "$& ");
    case TYPE:
        return `${value} (${codec.layouts[value].name})`;
    case STRING:
        return preview(content(part, bytes), most);
    case PAIR:
        return part.state === CUT ? "" : pairContent(part, bytes).map((text) => preview(text, most)).join(": ");
    case REASON:
        return part.state === CUT ? "" : codeText(field, value);
    case BINARY:
    case REST:
        return `${plural(content(part, bytes).length, "byte")} ${preview(content(part, bytes), most)}`;
    default:
        return part.state === CUT ? "" : value + meaningText(field, value);
    }
}

function meaningText(field, value) {
    return field.meanings.has(value) ? ` (${field.meanings.get(value)})` : "";
}

// A reason code, or a return code of 3.1.1.
function codeText(field, code) {
    return (field.kind === REASON ? "0x" + toHex([code]) : code) + meaningText(field, code);
}

function placeText(offset, length) {
    if (length === 0)
        return `at byte ${offset}`;
    return length === 1 ? `byte ${offset}` : `bytes ${offset} to ${offset + length - 1}`;
}

const STATE_TEXTS = {
    [GOOD]: "", [BAD]: "breaks the rule", [CUT]: "the stream ends within it", [NOT_READ]: "after the error",
};

// ---- The bytes and fields of one packet -------------------------------------------------------

class PacketView {
    // `title` names it for a screen reader. `onLeave` is called for the left arrow in the list of fields.
    constructor(root, title, onLeave) {
        const dump = element("div", "dump list");
        dump.role = "group";
        dump.tabIndex = 0;
        dump.ariaLabel = `${title}: bytes`;
        this.detail = element("div", "detail");
        const fields = element("div", "fields list");
        fields.id = `${root.id}-fields`;
        fields.ariaLabel = `${title}: fields`;
        root.append(dump, this.detail, fields);
        this.bytes = new Uint8Array();
        this.parts = [];
        this.dump = new VirtualList(dump, (i) => this.makeLine(i));
        this.fields = new ListBox(fields, (row, i) => this.fillRow(row, i), (i) => this.onSelect(i),
            (side) => side < 0 && onLeave());
        this.listen(dump, fields);
        new ResizeObserver(() => this.layOut()).observe(dump);
    }

    listen(dump, fields) {
        const partOf = (event) => event.target.closest("[data-part]")?.dataset.part;
        for (const box of [dump, fields]) {
            box.addEventListener("pointerover", (event) => this.point(partOf(event) ?? this.fields.selected));
            box.addEventListener("pointerleave", () => this.point(this.fields.selected));
        }
        dump.addEventListener("click", (event) => {
            if (partOf(event) !== undefined)
                this.fields.select(Number(partOf(event)));
        });
    }

    // `base` is the offset of the packet in the stream.
    show(codec, bytes, parts, base) {
        this.codec = codec;
        this.bytes = bytes;
        this.parts = parts;
        this.base = base;
        this.nameBytes();
        this.columns = 0;
        this.layOut();
        this.fields.setCount(parts.length);
        if (parts.length > 0)
            this.fields.select(Math.max(parts.findIndex((part) => part.state === BAD), 0));
    }

    // Numbers the parts. `owners` has the parts with bytes of their own. Bits have none.
    nameBytes() {
        this.owners = [];
        this.parts.forEach((part, i) => {
            if (!isBits(part))
                this.owners.push(i);
            part.owner = this.owners.length - 1;
        });
    }

    // Chooses the number of bytes in a line by the room for it.
    layOut() {
        const columns = this.dump.box.clientWidth > this.dumpWidth(16) ? 16 : 8;
        if (columns === this.columns || this.parts.length === 0)
            return;
        this.columns = columns;
        this.dump.setCount(Math.ceil((this.bytes.length + (this.isMissing() ? 1 : 0)) / columns));
    }

    // The width of a line with this many bytes: offset, bytes, characters, margins.
    dumpWidth(columns) {
        const probe = element("span", "", "0".repeat(4 * columns + 12));
        this.dump.box.append(probe);
        const width = probe.offsetWidth;
        probe.remove();
        return width;
    }

    // True if a field is missing at the end of the packet.
    isMissing() {
        const last = this.parts[this.owners.at(-1)];
        return last.state === BAD && last.length === 0;
    }

    // The number of the owner of a byte.
    ownerAt(offset) {
        let low = 0, high = this.owners.length;
        while (high - low > 1) {
            const middle = (low + high) >> 1;
            if (this.parts[this.owners[middle]].offset <= offset)
                low = middle;
            else
                high = middle;
        }
        return low;
    }

    makeLine(line) {
        const start = line * this.columns;
        const end = Math.min(start + this.columns, this.bytes.length);
        const row = element("div", "row", element("span", "offset", String(this.base + start)));
        for (let i = start; i < end; i++)
            row.append(this.makeByte(i));
        if (end < start + this.columns && this.isMissing())
            row.append(this.markByte(element("span", "byte", "··"), this.owners.length - 1));
        const room = this.columns - (row.childElementCount - 1);
        row.append(element("span", "", " ".repeat(3 * room)), element("span", "characters", this.characters(start, end)));
        return row;
    }

    makeByte(offset) {
        const owner = this.ownerAt(offset);
        const part = this.parts[this.owners[owner]];
        const byte = element("span", "byte", this.bytes[offset].toString(16).padStart(2, "0"));
        byte.classList.toggle("prefix", offset < part.offset + prefixLength(part.field));
        return this.markByte(byte, owner);
    }

    markByte(byte, owner) {
        byte.classList.add(this.colour(owner));
        byte.classList.toggle("pointed", owner === this.pointed);
        byte.dataset.part = this.owners[owner];
        return byte;
    }

    colour(owner) {
        const { state } = this.parts[this.owners[owner]];
        return state === BAD ? "bad" : state === NOT_READ ? "not-read" : `c${owner % 8}`;
    }

    characters(start, end) {
        return Array.from(this.bytes.subarray(start, end), (byte) =>
            byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".").join("");
    }

    fillRow(row, i) {
        const part = this.parts[i];
        const swatch = element("span", `swatch ${this.colour(part.owner)}`, part.state === BAD ? "!" : "");
        swatch.ariaHidden = "true";
        row.dataset.part = i;
        row.classList.toggle("is-bits", isBits(part));
        row.append(swatch, element("span", "name", part.field.name),
            element("span", "value about", valueText(this.codec, part, this.bytes, SHORT_VALUE)),
            element("span", "where", [STATE_TEXTS[part.state], this.place(part)].filter(Boolean).join(", ")));
    }

    place(part) {
        if (!isBits(part))
            return placeText(this.base + part.offset, part.length);
        const bits = part.field.bits.toString(2).padStart(8, "0");
        const high = 7 - bits.indexOf("1"), low = 7 - bits.lastIndexOf("1");
        return high === low ? `bit ${high}` : `bits ${high} to ${low}`;
    }

    onSelect(i) {
        this.point(i);
        this.dump.reveal(Math.floor(this.parts[i].offset / this.columns));
    }

    // Shows a field and its bytes.
    point(i) {
        const part = this.parts[i];
        if (part === undefined)
            return;
        this.pointed = part.owner;
        for (const byte of this.dump.rows.querySelectorAll(".byte"))
            byte.classList.toggle("pointed", byte.dataset.part === String(this.owners[part.owner]));
        for (const row of this.fields.rows.children)
            row.classList.toggle("pointed", row.dataset.part === String(i));
        this.detail.replaceChildren(this.detailTitle(part),
            element("p", "fixed", valueText(this.codec, part, this.bytes, LONG_VALUE)));
    }

    detailTitle(part) {
        const title = element("p", "", element("strong", "", part.field.name));
        if (part.field.section !== "")
            title.append(" ", sectionLink(this.codec, part.field.section, `section ${part.field.section}`));
        title.append(", ", this.place(part));
        if (isBits(part))
            title.append(` of ${placeText(this.base + part.offset, 1)}`);
        if (part.state !== GOOD)
            title.append(", ", element("strong", part.state === BAD ? "refused" : "", STATE_TEXTS[part.state]));
        return title;
    }
}

// ---- Reading ----------------------------------------------------------------------------------

// The first bytes, as hexadecimal, of streams that are often taken for MQTT. No packet begins so.
const HINTS = [
    [/^(d4c3b2a1|a1b2c3d4|4d3cb2a1|a1b23c4d|0a0d0d0a)/, "This is a capture file. Open it with Wireshark, choose " +
        "Follow TCP Stream, one direction and Raw, and paste that here."],
    [/^1[56]03/, "This is TLS: the packets are encrypted."],
    // GET, HEAD, POST, PUT, OPTIONS, CONNECT, an answer, HTTP/2
    [/^(47455420|4845414420|504f535420|50555420|4f5054494f4e5320|434f4e4e45435420|485454502f|505249202a20)/,
        "This is HTTP, not MQTT. With WebSockets the packets begin after the answer to the upgrade, inside of frames."],
];
const LONGEST_LINK = 16384; // bytes
const LARGEST_EDITED = 262144; // bytes
const MOST_EDITED = 400; // fields

class Reader {
    // `codecs` has the codec of each version.
    constructor(module, codecs, onEdit) {
        this.module = module;
        this.codecs = codecs;
        this.onEdit = onEdit;
        this.bytes = new Uint8Array();
        this.packets = new ListBox(find("packets"), (row, i) => this.fillRow(row, i), (i) => this.showPacket(i),
            (side) => side > 0 && this.view.fields.box.focus());
        this.view = new PacketView(find("packet"), "Packet", () => this.packets.box.focus());
        this.listen();
        this.showExamples();
        this.readFragment();
    }

    listen() {
        find("text").addEventListener("input", () => this.readText());
        find("notation").addEventListener("change", () => this.readText());
        find("side").addEventListener("change", () => this.inspect());
        find("version").addEventListener("change", () => this.inspect());
        find("input").addEventListener("submit", (event) => event.preventDefault());
        find("file").addEventListener("change", (event) => this.readFile(event.target.files[0]));
        find("next-refused").addEventListener("click", () => this.selectRefused());
        find("edit").addEventListener("click", () => this.edit());
        window.addEventListener("hashchange", () => this.readFragment());
        this.listenForDrops(document.body);
    }

    listenForDrops(body) {
        const mark = (event, on) => {
            event.preventDefault();
            body.classList.toggle("dropping", on);
        };
        body.addEventListener("dragover", (event) => mark(event, true));
        body.addEventListener("dragleave", (event) => mark(event, false));
        body.addEventListener("drop", (event) => {
            mark(event, false);
            const file = event.dataTransfer.files[0];
            const text = event.dataTransfer.getData("text");
            if (file !== undefined)
                this.readFile(file);
            else if (text !== "")
                this.setText(text);
        });
    }

    get side() {
        return document.querySelector("#side :checked").value;
    }

    set side(side) {
        document.querySelector(`#side [value="${side}"]`).checked = true;
    }

    // 0: each CONNECT says the version of the packets from it on.
    get version() {
        return Number(document.querySelector("#version :checked").value);
    }

    set version(version) {
        document.querySelector(`#version [value="${version}"]`).checked = true;
    }

    setText(text, notation = "hex") {
        document.querySelector(`#notation [value="${notation}"]`).checked = true;
        find("text").value = text;
        this.readText();
    }

    readText() {
        const text = find("text").value;
        const read = document.querySelector("#notation :checked").value === "hex" ? readHex : readBase64;
        this.attempt(() => this.setBytes(read(text), ""));
    }

    // A file has bytes or hexadecimal text. A hexadecimal text is never a packet.
    async readFile(file) {
        if (file === undefined)
            return;
        const bytes = new Uint8Array(await file.arrayBuffer());
        const text = new TextDecoder().decode(bytes);
        find("file").value = "";
        if (isHex(text)) {
            this.setText(text);
            return;
        }
        find("text").value = "";
        this.attempt(() => this.setBytes(bytes, `${file.name}: `));
    }

    // The fragment of the address: bytes=c000&from=client, and version=5.0 if that was chosen
    readFragment() {
        const fragment = new URLSearchParams(location.hash.slice(1));
        if (!fragment.has("bytes"))
            return;
        this.side = fragment.get("from") in SIDES ? fragment.get("from") : "either";
        this.version = Object.keys(VERSIONS).find((version) => VERSIONS[version].name === fragment.get("version")) ?? 0;
        this.setText(fragment.get("bytes"));
    }

    // Shows why there are no results.
    attempt(action) {
        let fault = "";
        try {
            action();
        } catch (error) {
            if (!(error instanceof TextError || error instanceof RangeError))
                throw error;
            fault = error instanceof TextError ? error.message : "This browser has no memory for so many bytes.";
            this.setBytes(new Uint8Array(), "");
        }
        find("fault").textContent = fault;
        find("text").ariaInvalid = String(fault !== "");
    }

    setBytes(bytes, source) {
        this.bytes = bytes;
        this.source = source;
        this.inspect();
    }

    inspect() {
        this.records = this.module.index(this.bytes, this.side, this.version);
        this.refused = [];
        for (let i = 0; i < this.records.count; i++) {
            if (this.records.status(i) !== 0)
                this.refused.push(i);
        }
        find("results").hidden = this.records.count === 0;
        this.showSummary();
        this.showLink();
        this.packets.setCount(this.records.count);
        if (this.records.count > 0)
            this.packets.select(this.refused[0] ?? 0);
    }

    showSummary() {
        const incomplete = this.records.count > 0 && this.records.status(this.records.count - 1) === INCOMPLETE;
        const refused = this.refused.length - (incomplete ? 1 : 0);
        const parts = [plural(this.bytes.length, "byte"), plural(this.records.count, "packet")];
        if (refused > 0)
            parts.push(`${refused.toLocaleString("en")} refused`);
        if (incomplete)
            parts.push("the last one is incomplete");
        find("summary").textContent = this.records.count === 0 ? "" : `${this.source}${parts.join(", ")}.`;
        find("next-refused").hidden = this.refused.length === 0;
    }

    showLink() {
        const link = find("link");
        link.hidden = this.bytes.length > LONGEST_LINK;
        if (!link.hidden)
            link.href = `#bytes=${toHex(this.bytes)}&from=${this.side}` +
                (this.version === 0 ? "" : `&version=${VERSIONS[this.version].name}`);
    }

    packetBytes(record) {
        return this.bytes.subarray(record.offset, record.offset + record.size);
    }

    isRefused(record) {
        return record.status !== 0 && record.status !== INCOMPLETE;
    }

    codecOf(record) {
        return this.codecs[record.version];
    }

    partsOf(record, most) {
        const rule = this.isRefused(record) ? [record.status, record.errorOffset] : [undefined, undefined];
        return this.codecOf(record).parts(this.packetBytes(record), ...rule, most);
    }

    typeOf(record) {
        return this.bytes[record.offset] >> 4;
    }

    nameOf(record) {
        return this.codecOf(record).layouts[this.typeOf(record)].name;
    }

    fillRow(row, i) {
        const record = this.records.get(i);
        row.classList.toggle("refused", this.isRefused(record));
        row.append(element("span", "offset", String(record.offset)),
            element("span", "type", this.nameOf(record)),
            element("span", "size", plural(record.size, "byte")), element("span", "about", this.about(record)));
    }

    // The text of a packet's row: the values of its fields, or why it has none.
    about(record) {
        const codec = this.codecOf(record);
        if (record.status !== 0)
            return (this.isRefused(record) ? "Refused: " : "Incomplete: ") + codec.message(record.status);
        const bytes = this.packetBytes(record);
        const parts = this.partsOf(record, 24).filter((part) => part.field.hasMember && !isBits(part)
            && part.field.kind !== PROPERTIES);
        const hasName = ({ field }) => field.isProperty || !isText(field);
        return [
            ...parts.filter((part) => !hasName(part)).map((part) => valueText(codec, part, bytes, SHORT_VALUE)),
            ...parts.filter(hasName).map((part) => `${part.field.name} ${valueText(codec, part, bytes, SHORT_VALUE)}`),
        ].join(", ");
    }

    selectRefused() {
        const next = this.refused.find((i) => i > this.packets.selected) ?? this.refused[0];
        this.packets.select(next);
    }

    showPacket(i) {
        const record = this.records.get(i);
        const parts = this.partsOf(record);
        this.record = record;
        this.parts = parts;
        find("packet-title").textContent = `${this.nameOf(record)}, ${placeText(record.offset, record.size)}`;
        find("verdict").className = record.status === 0 ? "" : this.isRefused(record) ? "is-refused" : "is-incomplete";
        find("verdict").replaceChildren(...this.verdict(record, parts));
        find("edit").hidden = record.status !== 0 || record.size > LARGEST_EDITED || parts.length > MOST_EDITED;
        this.view.show(this.codecOf(record), this.packetBytes(record), parts, record.offset);
    }

    verdict(record, parts) {
        if (record.status === 0)
            return [element("p", "", record.version === V311 ? "Valid." : "Valid in MQTT 5.0.")];
        if (!this.isRefused(record)) {
            const needed = record.total === 0 ? "The fixed header is incomplete."
                : `It needs ${plural(record.total, "byte")}, ${record.size.toLocaleString("en")} are there.`;
            return [element("p", "", `Incomplete: the stream ends within this packet. ${needed}`)];
        }
        return [
            this.ruleText(record, parts), ...this.hint(record), ...this.answerText(record), ...this.nextText(record),
        ];
    }

    // Says what a stream is, if it is not MQTT.
    hint(record) {
        const beginning = toHex(this.bytes.subarray(0, 8));
        const hint = record.offset === 0 ? HINTS.find(([pattern]) => pattern.test(beginning)) : undefined;
        return hint === undefined ? [] : [element("p", "", hint[1])];
    }

    ruleText(record, parts) {
        const codec = this.codecOf(record);
        const clause = codec.clause(record.status, this.typeOf(record));
        const bad = parts.find((part) => part.state === BAD);
        const at = record.offset + record.errorOffset;
        const where = bad.length > 0 ? `The field begins at byte ${at}: `
            : record.errorOffset < record.size ? `Before byte ${at} it is missing: `
                : `The packet ends at byte ${at}, where it is missing: `;
        return element("p", "", element("strong", "refused", `Refused: ${codec.message(record.status)}`), " [",
            sectionLink(codec, clause), `] ${where}${bad.field.name}.`);
    }

    // Says what a server does with a refused CONNECT, and in MQTT 5.0 what both sides do with any other packet.
    answerText(record) {
        const codec = this.codecOf(record);
        const isConnect = this.typeOf(record) === MQTT_CONNECT;
        if (isConnect ? this.side === "server" : record.version === V311)
            return [];
        const receiver = isConnect ? "A server" : "The receiver";
        const answer = codec.answer(record.status, this.typeOf(record));
        if (answer === null && record.version === V311)
            return [element("p", "", "A server closes the connection without a CONNACK [",
                sectionLink(codec, "MQTT-3.1.4-1"), "].")];
        if (answer === null)
            return [element("p", "", `${receiver} closes the connection.`)];
        const { name, fields } = codec.layouts[answer[0] >> 4];
        const field = fields.find(({ kind }) => kind === REASON) ?? fields.at(-1);
        const code = answer[name === "DISCONNECT" ? 2 : 3];
        return [element("p", "", `${receiver} answers with a ${name}, `, element("span", "fixed", toHex(answer, " ")),
            `: ${field.kind === REASON ? "reason" : "return"} code ${codeText(field, code)}. Then it closes the connection.`)];
    }

    nextText(record) {
        const end = record.offset + record.size;
        if (record.total === 0 && record.size > 1)
            return [element("p", "", "Where this packet ends is not known, so no packet is read after it.")];
        if (end < this.bytes.length)
            return [element("p", "", `The next packet begins at byte ${end}.`)];
        return [];
    }

    edit() {
        this.onEdit(this.record.version, this.typeOf(this.record), this.packetBytes(this.record), this.parts);
    }

    showExamples() {
        for (const [name, side, text, version] of EXAMPLES) {
            find("examples").append(element("li", "", button(name, () => {
                this.side = side;
                this.version = version;
                this.setText(text);
            })));
        }
    }
}

// ---- Writing ----------------------------------------------------------------------------------

// The fields of a new packet. Other numbers are 1, other texts are empty, other flags and codes are 0.
const DEFAULTS = {
    "Client Identifier": "kitchen", "Clean Session": 1, "Keep Alive": 60, "Topic Name": "sensors/kitchen", "Payload": "21.5",
    "Topic Filter": "sensors/+", "Will Topic": "sensors/kitchen/state", "Will Message": "gone", "User Name": "user",
    "Password": "secret", "Connect Return code": 0, "Return Code": 0, "Clean Start": 1, "Will Payload": "gone",
    "Response Topic": "sensors/kitchen/answer",
};

function isFlag(field) {
    return field.kind === BITS && (field.bits & (field.bits - 1)) === 0;
}

function lowestBit(bits) {
    return bits & -bits;
}

function largestNumber(field) {
    if (field.isProperty)
        return 0xffffffff; // the codec says which of these it takes
    return field.kind === BITS ? field.bits / lowestBit(field.bits) : field.kind === NUMBER ? 65535 : 255;
}

// Fields that depend on a flag come last, so that the flag does not move.
function inFormOrder(controls) {
    const isAnnounced = ({ field }) => field.when !== 0;
    return [...controls.filter((control) => !isAnnounced(control)), ...controls.filter(isAnnounced)];
}

// The control of one field of the form.
class Control {
    static count = 0;

    constructor(codec, field, value) {
        const id = `field-${Control.count++}`;
        this.codec = codec;
        this.field = field;
        this.input = element("input");
        this.input.id = id;
        this.input.type = isFlag(field) ? "checkbox" : isText(field) ? "text" : "number";
        this.input.autocomplete = "off";
        this.input.spellcheck = false;
        this.input.autocapitalize = "none";
        this.meaning = element("output");
        this.meaning.htmlFor = id;
        if (this.input.type === "number") {
            this.input.min = 0;
            this.input.max = largestNumber(field);
        }
        this.inputs = [this.input];
        this.setValue(value);
        this.row = this.makeRow(id);
    }

    makeRow(id) {
        const label = element("label", "", this.field.name);
        label.htmlFor = id;
        const heading = element("span", "", label, " ", sectionLink(this.codec, this.field.section));
        return element("div", "control", heading, this.input, this.meaning);
    }

    setValue(value) {
        if (isFlag(this.field))
            this.input.checked = value !== 0;
        else
            this.input.value = value;
    }

    // The number of the field, or its bytes.
    read() {
        this.input.ariaInvalid = "true";
        const value = isFlag(this.field) ? Number(this.input.checked) : isText(this.field) ? this.readText() : this.readNumber();
        this.input.ariaInvalid = "false";
        this.meaning.textContent = this.field.meanings.get(value) ?? "";
        return value;
    }

    readText() {
        try {
            return unescapeText(this.input.value);
        } catch (error) {
            throw new TextError(`${this.field.name}: ${error.message}`);
        }
    }

    readNumber() {
        const value = this.input.value === "" ? NaN : Number(this.input.value);
        const largest = largestNumber(this.field);
        if (!Number.isInteger(value) || value < 0 || value > largest)
            throw new TextError(`${this.field.name}: this is not a number from 0 to ${largest}.`);
        return value;
    }

    // A field that is not there is 0 or empty.
    get absent() {
        return isText(this.field) ? new Uint8Array() : 0;
    }
}

// The properties of a packet or a will. `field` is their length. Each of its items is a property.
class PropertyList {
    // `isAllowed` says whether the packet or will can have a property.
    constructor(codec, field, isAllowed, onChange) {
        this.codec = codec;
        this.field = field;
        this.onChange = onChange;
        this.items = [];
        const name = field.name.replace("Property Length", "Properties");
        this.choice = this.makeChoice(isAllowed);
        this.choice.ariaLabel = `Property to add to the ${name}`;
        this.box = element("div");
        this.addButton = button("Add property", () => {
            const item = this.addDefault(codec.properties[this.choice.value]);
            onChange();
            item.inputs[0].focus();
        });
        this.row = element("fieldset", "entry", element("legend", "", name, " ", sectionLink(codec, field.section)),
            this.box, element("p", "", this.choice, " ", this.addButton));
    }

    makeChoice(isAllowed) {
        const allowed = element("optgroup"), others = element("optgroup");
        allowed.label = "Allowed here";
        others.label = "Refused here";
        this.codec.properties.forEach((property, i) =>
            (isAllowed(property) ? allowed : others).append(new Option(property.name, i)));
        return element("select", "", allowed, others);
    }

    addDefault(field) {
        const value = DEFAULTS[field.name] ?? (isText(field) ? "" : 1);
        return this.add(field, field.kind === PAIR ? ["", ""] : [value]);
    }

    // Adds the property of a packet that was read.
    addPart(part, bytes) {
        const { field, value } = part;
        this.add(field, field.kind === PAIR ? pairContent(part, bytes).map(escapeText)
            : [isText(field) ? escapeText(content(part, bytes)) : value]);
    }

    // A pair has two values.
    add(field, values) {
        const fields = field.kind !== PAIR ? [field]
            : ["name", "value"].map((half) => ({ ...field, kind: STRING, name: `${field.name} ${half}` }));
        const controls = fields.map((half, i) => new Control(this.codec, half, values[i]));
        const remove = button("Remove", () => {
            this.items.splice(this.items.indexOf(item), 1);
            row.remove();
            this.onChange();
            this.addButton.focus();
        });
        remove.ariaLabel = `Remove ${field.name}`;
        const row = element("div", "property", element("div", "", ...controls.map((control) => control.row)), remove);
        const item = { field, controls, inputs: controls.map((control) => control.input) };
        this.items.push(item);
        this.box.append(row);
        return item;
    }

    // The inputs, as page_encode wants them.
    read() {
        return [this.items.length, ...this.items.flatMap(({ field, controls }) =>
            [field.bits, ...controls.map((control) => control.read())])];
    }

    // No properties.
    get absent() {
        return 0;
    }
}

class Writer {
    // `onInspect` is called with the version and the bytes, as hexadecimal.
    constructor(codecs, onInspect) {
        this.codecs = codecs;
        this.view = new PacketView(find("written-packet"), "Written packet", () => find("type").focus());
        find("written-version").addEventListener("change", () => {
            const type = Number(find("type").value);
            this.setVersion(Number(find("written-version").value));
            this.setType(this.codec.layouts[type].name === "Reserved" ? MQTT_DISCONNECT : type);
        });
        find("type").addEventListener("change", () => this.setType(Number(find("type").value)));
        find("form").addEventListener("input", () => this.update());
        find("form").addEventListener("focusin", () => this.showFocused());
        find("form").addEventListener("submit", (event) => event.preventDefault());
        find("inspect-written").addEventListener("click", () => onInspect(this.codec.version, find("written-hex").value));
        this.setVersion(V311);
        this.setType(3);
    }

    setVersion(version) {
        this.codec = this.codecs[version];
        find("written-version").value = version;
        find("type").replaceChildren();
        this.codec.layouts.forEach(({ name }, type) => {
            if (name !== "Reserved")
                find("type").append(new Option(name, type));
        });
    }

    // Makes the form of a packet type. `parts` has the parts of the packet to edit.
    setType(type, bytes, parts) {
        find("type").value = type;
        this.type = type;
        this.layout = this.codec.layouts[type];
        this.entries = [];
        const { fields, list } = this.layout;
        const known = parts?.filter((part) => part.field.hasMember);
        const inList = (part) => fields.indexOf(part.field) >= list;
        this.controls = this.makeControls(fields.slice(0, list), bytes, known?.filter((part) => !inList(part)));
        find("controls").replaceChildren(...inFormOrder(this.controls).map((control) => control.row));
        if (list < fields.length)
            this.makeList(fields.slice(list), bytes, known?.filter(inList));
        this.update();
    }

    // Controls for the fields that can be set. Without `parts` they get the default values.
    makeControls(fields, bytes, parts) {
        return fields.filter((field) => field.hasMember).map((field) => {
            if (field.kind === PROPERTIES)
                return this.makeProperties(field, bytes, parts ?? []);
            const part = parts?.find((part) => part.field === field);
            return new Control(this.codec, field, part === undefined ? this.defaultValue(field)
                : isText(field) ? escapeText(content(part, bytes)) : part.value);
        });
    }

    // The parts after the length of the properties, as far as they are properties.
    makeProperties(field, bytes, parts) {
        const list = new PropertyList(this.codec, field, (property) => this.canHave(field, property), () => this.update());
        const first = parts.findIndex((part) => part.field === field) + 1;
        for (let i = first; first > 0 && parts[i]?.field.isProperty; i++)
            list.addPart(parts[i], bytes);
        return list;
    }

    // Asks the codec whether the list can have the property. It reports errors in later bytes only if that is so.
    canHave(list, property) {
        const value = (field) => isText(field) ? new Uint8Array() : field.kind === REASON ? 0 : 1;
        const values = property.kind === PAIR ? [new Uint8Array(), new Uint8Array()] : [value(property)];
        const fields = this.layout.fields.slice(0, this.layout.list).filter((field) => field.hasMember);
        const inputs = fields.flatMap((field) => field.kind !== PROPERTIES ? value(field)
            : field === list ? [1, property.bits, ...values] : 0);
        return this.codec.encode(this.type, inputs, 0) !== PROPERTY_ID;
    }

    defaultValue(field) {
        return DEFAULTS[field.name] ?? (isText(field) ? "" : field.kind === NUMBER ? 1 : 0);
    }

    makeList(fields, bytes, parts) {
        this.list = element("div");
        this.list.id = "entries";
        this.add = button(`Add ${fields[0].name}`, () => {
            const controls = this.addEntry(fields);
            this.update();
            controls[0].input.focus();
        });
        find("controls").append(this.list, this.add);
        if (parts === undefined)
            this.addEntry(fields);
        const count = fields.filter((field) => field.hasMember).length;
        for (let i = 0; i < (parts?.length ?? 0); i += count)
            this.addEntry(fields, bytes, parts.slice(i, i + count));
    }

    addEntry(fields, bytes, parts) {
        const controls = this.makeControls(fields, bytes, parts);
        const entry = element("fieldset", "entry", element("legend"),
            ...controls.map((control) => control.row));
        entry.append(button("Remove", () => {
            this.entries.splice(this.entries.indexOf(controls), 1);
            entry.remove();
            this.update();
            this.add.focus();
        }));
        this.entries.push(controls);
        this.list.append(entry);
        return controls;
    }

    // The values of the form, as Codec.encode needs them.
    readInputs() {
        const flags = this.controls.reduce((sum, { field, input }) => sum |
            (field.kind !== BITS ? 0 : (isFlag(field) ? Number(input.checked) : Number(input.value)) * lowestBit(field.bits)), 0);
        for (const control of this.controls)
            control.row.hidden = control.field.when !== 0 && (control.field.when & flags) === 0;
        return [...this.controls, ...this.entries.flat()].flatMap((control) => control.row.hidden ? control.absent : control.read());
    }

    update() {
        document.querySelectorAll("#entries legend").forEach((legend, i) => {
            legend.textContent = `Entry ${i + 1}`;
        });
        try {
            this.showResult(this.codec.encode(this.type, this.readInputs(), this.entries.length));
        } catch (error) {
            if (!(error instanceof TextError))
                throw error;
            this.showRule(error.message);
        }
    }

    showResult(result) {
        if (typeof result === "number") {
            this.showRule(`${this.codec.message(result)} [`,
                sectionLink(this.codec, this.codec.clause(result, this.type)), "]");
            return;
        }
        this.showRule();
        find("written-title").textContent = `${this.layout.name}, ${plural(result.length, "byte")}`;
        find("written-hex").value = toHex(result, " ");
        this.view.show(this.codec, result, this.codec.parts(result), 0);
        this.showFocused();
    }

    // Marks the bytes of the field that has the focus.
    showFocused() {
        const controls = [...this.controls, ...this.entries.flat()].flatMap((control) => control.items ?? [control]);
        const focused = controls.find((control) => control.inputs.includes(document.activeElement));
        const alike = controls.filter((control) => control.field === focused?.field);
        const parts = this.view.parts.filter((part) => part.field === focused?.field);
        const part = parts[alike.indexOf(focused)];
        if (part !== undefined)
            this.view.fields.select(this.view.parts.indexOf(part));
    }

    // Shows the bytes, or the reason why there are none.
    showRule(...reason) {
        find("rule").replaceChildren(...reason);
        find("written").hidden = reason.length > 0;
    }
}

// ---- Examples ---------------------------------------------------------------------------------

// Name, sender, bytes, version if the bytes do not say it. A comment ends a packet.
const EXAMPLES = [
    ["A client's session", "client", `
10 13 00 04 4d 51 54 54 04 02 00 3c 00 07 6b 69 74 63 68 65 6e # CONNECT
82 0e 00 01 00 09 73 65 6e 73 6f 72 73 2f 2b 01 # SUBSCRIBE
32 17 00 0f 73 65 6e 73 6f 72 73 2f 6b 69 74 63 68 65 6e 00 02 32 31 2e 35 # PUBLISH
c0 00 # PINGREQ
e0 00 # DISCONNECT`],
    ["A server's answers", "server", `
20 02 00 00 # CONNACK
90 03 00 01 01 # SUBACK
40 02 00 02 # PUBACK
31 15 00 0f 73 65 6e 73 6f 72 73 2f 6b 69 74 63 68 65 6e 32 31 2e 35 # PUBLISH, retained
d0 00 # PINGRESP`],
    ["CONNECT with everything", "client", `
10 3e 00 04 4d 51 54 54 04 ee 00 3c 00 07 6b 69 74 63 68 65 6e 00 15 73 65 6e 73 6f 72 73 2f 6b 69 74
63 68 65 6e 2f 73 74 61 74 65 00 04 67 6f 6e 65 00 04 75 73 65 72 00 06 73 65 63 72 65 74`],
    ["A message at QoS 2", "either", `
34 09 00 03 61 2f 62 00 07 68 69 # PUBLISH
50 02 00 07 # PUBREC
62 02 00 07 # PUBREL
70 02 00 07 # PUBCOMP`],
    ["Text and bytes", "either", `
30 15 00 0d 74 65 6d 70 c3 a9 72 61 74 75 72 65 73 00 01 fe ff 0a fd
30 0f 00 05 63 61 66 c3 a9 e2 82 ac 20 f0 9f 98 80`],
    ["Subscriptions, one refused", "either", `
82 11 00 0a 00 05 61 2f 2b 2f 63 02 00 04 24 53 59 53 00 # SUBSCRIBE
90 04 00 0a 02 80 # SUBACK
a2 09 00 0b 00 05 61 2f 2b 2f 63 # UNSUBSCRIBE
b0 02 00 0b # UNSUBACK`],
    ["Wildcard in a topic name", "client", `
30 10 00 09 73 65 6e 73 6f 72 73 2f 23 68 65 6c 6c 6f
c0 00 # the packet after it`],
    ["A client's session, MQTT 5.0", "client", `
10 1c 00 04 4d 51 54 54 05 02 00 3c 08 11 00 00 0e 10 21 00 10 00 07 6b 69 74 63 68 65 6e # CONNECT
82 10 00 01 02 0b 07 00 08 6c 69 67 68 74 73 2f 2b 05 # SUBSCRIBE
32 37 00 0f 73 65 6e 73 6f 72 73 2f 6b 69 74 63 68 65 6e 00 02 1f 02 00 00 00 3c
03 00 0a 74 65 78 74 2f 70 6c 61 69 6e 23 00 01 26 00 04 75 6e 69 74 00 01 43 32 31 2e 35 # PUBLISH
30 0a 00 00 03 23 00 01 32 31 2e 36 # PUBLISH, with a topic alias
e0 01 04 # DISCONNECT`],
    ["A server's answers, MQTT 5.0", "server", `
20 10 00 00 0d 22 00 0a 12 00 04 6b 2d 31 37 13 00 1e # CONNACK
90 04 00 01 00 01 # SUBACK
40 03 00 02 10 # PUBACK
31 12 00 0b 6c 69 67 68 74 73 2f 68 61 6c 6c 02 0b 07 6f 6e # PUBLISH
e0 10 8b 0e 1f 00 0b 6d 61 69 6e 74 65 6e 61 6e 63 65 # DISCONNECT`, V5],
    ["A property twice", "client", `
10 1a 00 04 4d 51 54 54 05 02 00 3c 06 21 00 10 21 00 20 00 07 6b 69 74 63 68 65 6e`],
    ["CONNECT of MQTT 3.1", "client", `
10 15 00 06 4d 51 49 73 64 70 03 02 00 3c 00 07 6b 69 74 63 68 65 6e`],
    ["No client identifier", "client", `
10 0c 00 04 4d 51 54 54 04 00 00 3c 00 00`],
    ["Password without a user name", "client", `
10 1b 00 04 4d 51 54 54 04 42 00 3c 00 07 6b 69 74 63 68 65 6e 00 06 73 65 63 72 65 74`],
    ["Packet identifier 0", "client", `
82 08 00 00 00 03 61 2f 62 01
c0 00 # the packet after it`],
    ["QoS missing after a filter", "client", `
82 0d 00 01 00 03 61 2f 62 01 00 03 61 2f 63`],
    ["Not UTF-8", "either", `
30 09 00 05 63 61 66 e9 21 68 69`],
    ["A remaining length of five bytes", "either", `
c0 00
30 ff ff ff ff 7f`],
    ["CONNACK from a client", "client", `
20 02 00 00
c0 00`],
    ["HTTP on the MQTT port", "client", `
47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a`],
    ["The end is missing", "server", `
d0 00
30 15 00 0f 73 65 6e 73 6f 72 73 2f 6b 69`],
].map(([name, side, text, version = 0]) => [name, side, text.trim(), version]);

// ---- Start ------------------------------------------------------------------------------------

function selectTab(chosen) {
    for (const tab of document.querySelectorAll('[role="tab"]')) {
        const isChosen = tab === chosen;
        tab.ariaSelected = String(isChosen);
        tab.tabIndex = isChosen ? 0 : -1;
        find(tab.getAttribute("aria-controls")).hidden = !isChosen;
    }
}

function listenToTabs() {
    const tabs = [...document.querySelectorAll('[role="tab"]')];
    tabs.forEach((tab, i) => {
        tab.addEventListener("click", () => selectTab(tab));
        tab.addEventListener("keydown", (event) => {
            if (event.key !== "ArrowLeft" && event.key !== "ArrowRight")
                return;
            const next = tabs[(i + 1) % tabs.length];
            selectTab(next);
            next.focus();
        });
    });
}

async function start() {
    const wasm = readBase64(find("wasm").textContent);
    const { instance } = await WebAssembly.instantiate(wasm);
    const codecs = { [V311]: new Codec(instance.exports, V311), [V5]: new Codec(instance.exports, V5) };
    const writer = new Writer(codecs, (version, hex) => {
        selectTab(find("tab-read"));
        reader.version = version;
        reader.setText(hex);
        find("text").focus();
    });
    const reader = new Reader(new Module(instance.exports), codecs, (version, type, bytes, parts) => {
        selectTab(find("tab-write"));
        writer.setVersion(version);
        writer.setType(type, bytes, parts);
        find("type").focus();
    });
    find("standard").href = VERSIONS[V311].document;
    find("standard-5").href = VERSIONS[V5].document;
    listenToTabs();
}

await start();
