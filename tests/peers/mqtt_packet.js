// mqtt_packet.js read: reads packets, each a line of hexadecimal digits, and prints for each the
// fields that mqtt-packet's parser finds, as fields.c prints them; of one that is refused, why.
//
// mqtt_packet.js generate SEED ROUNDS: writes ROUNDS random valid packets of each type, one a line:
// the bytes of mqtt-packet's generator in hexadecimal, a blank, and the fields as they were set.
//
// It runs in the folder that mqtt-packet is installed in.
'use strict'

const fs = require('fs')
const path = require('path')
const mqtt = require(path.join(process.cwd(), 'node_modules', 'mqtt-packet'))

const TYPES = ['CONNECT', 'CONNACK', 'PUBLISH', 'PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP',
  'SUBSCRIBE', 'SUBACK', 'UNSUBSCRIBE', 'UNSUBACK', 'PINGREQ', 'PINGRESP', 'DISCONNECT']
const LONGEST = 65535

// ---- mqtt-packet's objects and our fields -------------------------------------------------------

function hex (value) {
  return Buffer.from(value).toString('hex')
}

function hexOrNull (value) {
  return value === undefined || value === null ? null : hex(value)
}

// Of what the parser gives; the same function tells what was given to the generator.
const FIELDS = {
  CONNECT: (p) => ({
    keep_alive: p.keepalive,
    clean_session: p.clean,
    client_id: hex(p.clientId),
    will_qos: p.will ? p.will.qos : null,
    will_retain: p.will ? p.will.retain : null,
    will_topic: p.will ? hex(p.will.topic) : null,
    will_message: p.will ? hex(p.will.payload) : null,
    user_name: hexOrNull(p.username),
    password: hexOrNull(p.password)
  }),
  CONNACK: (p) => ({ session_present: p.sessionPresent, return_code: p.returnCode }),
  PUBLISH: (p) => ({
    qos: p.qos,
    dup: p.dup,
    retain: p.retain,
    packet_id: p.messageId === undefined ? null : p.messageId,
    topic: hex(p.topic),
    payload: hex(p.payload)
  }),
  SUBSCRIBE: (p) => ({
    packet_id: p.messageId,
    subscriptions: p.subscriptions.map((s) => [hex(s.topic), s.qos])
  }),
  SUBACK: (p) => ({ packet_id: p.messageId, return_codes: p.granted }),
  UNSUBSCRIBE: (p) => ({ packet_id: p.messageId, filters: p.unsubscriptions.map(hex) }),
  PINGREQ: () => ({}),
  PINGRESP: () => ({}),
  DISCONNECT: () => ({})
}
for (const type of ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'UNSUBACK']) {
  FIELDS[type] = (p) => ({ packet_id: p.messageId })
}

function fields (packet) {
  const type = packet.cmd.toUpperCase()
  return Object.assign({ type }, FIELDS[type](packet))
}

// ---- read ---------------------------------------------------------------------------------------

// One packet and no more is in the bytes, or it is refused.
function read (bytes) {
  const parser = mqtt.parser({ protocolVersion: 4 })
  const found = []
  let refused = null

  parser.on('packet', (packet) => found.push(packet))
  parser.on('error', (error) => { refused = error.message })
  const left = parser.parse(bytes)
  if (refused !== null || found.length !== 1 || left !== 0) {
    return { refused: refused || `${found.length} packets found, ${left} bytes left` }
  }
  const result = Object.assign(fields(found[0]), { remaining_length: found[0].length })
  if (found[0].cmd === 'connect') {
    Object.assign(result, {
      protocol_name: found[0].protocolId,
      protocol_level: found[0].protocolVersion
    })
  }
  return result
}

function readAll () {
  const lines = fs.readFileSync(0, 'latin1').split('\n').filter((line) => line !== '')

  for (const line of lines) console.log(JSON.stringify(read(Buffer.from(line, 'hex'))))
}

// ---- generate -----------------------------------------------------------------------------------

let state

// mulberry32
function below (limit) {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return Math.floor(((t ^ (t >>> 14)) >>> 0) / 0x100000000 * limit)
}

function between (first, last) {
  return first + below(last - first + 1)
}

function flip () {
  return below(2) === 1
}

// The first round is of the shortest packets, the second of the longest strings.
function randomLength (round, minimum) {
  const kind = below(40)

  if (round === 0) return minimum
  if (round === 1) return LONGEST
  if (kind < 4) return minimum
  if (kind < 36) return minimum + below(25)
  return kind < 39 ? between(60, 400) : between(2000, 18000)
}

// As in packets_writer.c: any character but U+0000 and the surrogates, the edges more often.
const EDGES = [0x1, 0x1f, 0x7f, 0x80, 0x9f, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfdd0, 0xfeff, 0xfffe,
  0xffff, 0x10000, 0x10ffff]

function randomCharacter () {
  switch (below(14)) {
    case 0: return EDGES[below(EDGES.length)]
    case 1: return between(0x80, 0x7ff)
    case 2: return between(0x800, 0xd7ff)
    case 3: return between(0xe000, 0xffff)
    case 4: return between(0x10000, 0x10ffff)
    case 5: return 0x2f
    default: return between(0x20, 0x7e)
  }
}

function randomText (round, minimum) {
  const length = randomLength(round, minimum)
  let text = ''
  let used = 0

  while (used < length) {
    let character = String.fromCodePoint(randomCharacter())
    if (used + Buffer.byteLength(character) > length) character = 'x'
    text += character
    used += Buffer.byteLength(character)
  }
  return text
}

function randomBytes (length) {
  return Buffer.from(Array.from({ length }, () => below(256)))
}

function randomTopic (round) {
  return randomText(round, 1).replace(/[#+]/g, '-')
}

// A topic, some of whose levels are made wildcards (4.7.1).
function randomFilter (round) {
  const ofOneByte = (level) => Buffer.byteLength(level) === 1
  const levels = randomTopic(round).split('/')
    .map((level) => ofOneByte(level) && flip() ? '+' : level)

  if (ofOneByte(levels[levels.length - 1]) && flip()) levels[levels.length - 1] = '#'
  return levels.join('/')
}

function several (round, longest, make) {
  const length = round === 0 ? 1 : round === 1 ? longest : between(1, 9)

  return Array.from({ length }, make)
}

function messageId () {
  const edges = [1, 127, 128, 255, 256, 65280, 65535]

  return flip() ? edges[below(edges.length)] : between(1, 65535)
}

function randomConnect (round) {
  const packet = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4 }
  const all = round === 1
  const some = () => all || (round > 0 && flip())

  packet.clientId = randomText(round, 0)
  packet.clean = packet.clientId === '' || flip() // [MQTT-3.1.3-7]
  packet.keepalive = round === 0 ? 0 : below(65536)
  if (some()) {
    packet.will = {
      topic: randomTopic(round),
      payload: randomBytes(randomLength(round, 0)),
      qos: below(3),
      retain: flip()
    }
  }
  if (some()) packet.username = randomText(round, 0)
  if (packet.username !== undefined && some()) {
    packet.password = randomBytes(randomLength(round, 0))
  }
  return packet
}

function randomPublish (round) {
  const packet = {
    cmd: 'publish',
    qos: below(3),
    retain: flip(),
    topic: randomTopic(round),
    payload: randomBytes(randomLength(round, 0))
  }
  packet.dup = packet.qos > 0 && flip() // [MQTT-3.3.1-2]
  if (packet.qos > 0) packet.messageId = messageId()
  return packet
}

const MAKERS = {
  CONNECT: randomConnect,
  CONNACK: (round) => {
    const returnCode = round % 6

    // [MQTT-3.2.2-4]
    return { cmd: 'connack', returnCode, sessionPresent: returnCode === 0 && flip() }
  },
  PUBLISH: randomPublish,
  SUBSCRIBE: (round) => ({
    cmd: 'subscribe',
    messageId: messageId(),
    subscriptions: several(round, 3, () => ({ topic: randomFilter(round), qos: below(3) }))
  }),
  SUBACK: (round) => {
    const code = () => [0, 1, 2, 0x80][below(4)]
    const longer = Array.from({ length: between(100, 300) }, code)

    return {
      cmd: 'suback',
      messageId: messageId(),
      granted: round > 1 && flip() ? longer : several(round, 20000, code)
    }
  },
  UNSUBSCRIBE: (round) => ({
    cmd: 'unsubscribe',
    messageId: messageId(),
    unsubscriptions: several(round, 3, () => randomFilter(round))
  })
}

function generateAll (seed, rounds) {
  state = seed
  for (let round = 0; round < rounds; round++) {
    for (const type of TYPES) {
      const cmd = type.toLowerCase()
      const make = MAKERS[type] || (() => ({ cmd, messageId: messageId() }))
      const packet = make(round)
      console.log(`${mqtt.generate(packet).toString('hex')} ${JSON.stringify(fields(packet))}`)
    }
  }
}

// -------------------------------------------------------------------------------------------------

const [command, ...numbers] = process.argv.slice(2)
if (command === 'read') readAll()
else if (command === 'generate') generateAll(Number(numbers[0]), Number(numbers[1]))
else throw new Error('usage: mqtt_packet.js read | mqtt_packet.js generate SEED ROUNDS')
