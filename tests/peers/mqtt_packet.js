// mqtt_packet.js VERSION read: reads packets, each a line of hexadecimal digits, and prints for each
// the fields that mqtt-packet's parser finds, as fields.c prints them; of one that is refused, why.
//
// mqtt_packet.js VERSION generate SEED ROUNDS: writes ROUNDS random valid packets of each type, one a
// line: the bytes of mqtt-packet's generator in hexadecimal, a blank, and the fields as they were set.
//
// VERSION is 3.1.1 or 5.0. It runs in the folder that mqtt-packet is installed in.
'use strict'

const fs = require('fs')
const path = require('path')
const mqtt = require(path.join(process.cwd(), 'node_modules', 'mqtt-packet'))

const [version, command, ...numbers] = process.argv.slice(2)
const isV5 = version === '5.0'
const LEVEL = isV5 ? 5 : 4
const TYPES = ['CONNECT', 'CONNACK', 'PUBLISH', 'PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP',
  'SUBSCRIBE', 'SUBACK', 'UNSUBSCRIBE', 'UNSUBACK', 'PINGREQ', 'PINGRESP', 'DISCONNECT']
if (isV5) TYPES.push('AUTH')
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
    [isV5 ? 'clean_start' : 'clean_session']: p.clean,
    client_id: hex(p.clientId),
    will_qos: p.will ? p.will.qos : null,
    will_retain: p.will ? p.will.retain : null,
    will_topic: p.will ? hex(p.will.topic) : null,
    [isV5 ? 'will_payload' : 'will_message']: p.will ? hex(p.will.payload) : null,
    user_name: hexOrNull(p.username),
    password: hexOrNull(p.password)
  }),
  CONNACK: (p) => isV5
    ? { session_present: p.sessionPresent, reason_code: p.reasonCode }
    : { session_present: p.sessionPresent, return_code: p.returnCode },
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
    subscriptions: p.subscriptions.map((s) => isV5
      ? [hex(s.topic), s.qos, s.nl, s.rap, s.rh]
      : [hex(s.topic), s.qos])
  }),
  SUBACK: (p) => ({ packet_id: p.messageId, [isV5 ? 'reason_codes' : 'return_codes']: p.granted }),
  UNSUBSCRIBE: (p) => ({ packet_id: p.messageId, filters: p.unsubscriptions.map(hex) }),
  UNSUBACK: (p) => isV5
    ? { packet_id: p.messageId, reason_codes: p.granted }
    : { packet_id: p.messageId },
  PINGREQ: () => ({}),
  PINGRESP: () => ({}),
  DISCONNECT: (p) => isV5 ? { reason_code: p.reasonCode } : {},
  AUTH: (p) => ({ reason_code: p.reasonCode })
}
for (const type of ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP']) {
  FIELDS[type] = (p) => isV5
    ? { packet_id: p.messageId, reason_code: p.reasonCode }
    : { packet_id: p.messageId }
}

// Table 2-4 of MQTT 5.0: mqtt-packet's name of a property, its identifier, its kind, and the packets
// that it can be in.
const PROPERTIES = [
  ['payloadFormatIndicator', 0x01, 'flag', 'PUBLISH will'],
  ['messageExpiryInterval', 0x02, 'int32', 'PUBLISH will'],
  ['contentType', 0x03, 'text', 'PUBLISH will'],
  ['responseTopic', 0x08, 'topic', 'PUBLISH will'],
  ['correlationData', 0x09, 'bytes', 'PUBLISH will'],
  ['subscriptionIdentifier', 0x0b, 'variable', 'PUBLISH SUBSCRIBE'],
  ['sessionExpiryInterval', 0x11, 'int32', 'CONNECT CONNACK DISCONNECT'],
  ['assignedClientIdentifier', 0x12, 'text', 'CONNACK'],
  ['serverKeepAlive', 0x13, 'int16', 'CONNACK'],
  ['authenticationMethod', 0x15, 'text', 'CONNECT CONNACK AUTH'],
  ['authenticationData', 0x16, 'bytes', 'CONNECT CONNACK AUTH'],
  ['requestProblemInformation', 0x17, 'flag', 'CONNECT'],
  ['willDelayInterval', 0x18, 'int32', 'will'],
  ['requestResponseInformation', 0x19, 'flag', 'CONNECT'],
  ['responseInformation', 0x1a, 'text', 'CONNACK'],
  ['serverReference', 0x1c, 'text', 'CONNACK DISCONNECT'],
  ['reasonString', 0x1f, 'text',
    'CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH'],
  ['receiveMaximum', 0x21, 'int16, not 0', 'CONNECT CONNACK'],
  ['topicAliasMaximum', 0x22, 'int16', 'CONNECT CONNACK'],
  ['topicAlias', 0x23, 'int16, not 0', 'PUBLISH'],
  ['maximumQoS', 0x24, '0 or 1', 'CONNACK'],
  ['retainAvailable', 0x25, 'flag', 'CONNACK'],
  ['userProperties', 0x26, 'pairs', 'CONNECT CONNACK PUBLISH will PUBACK PUBREC PUBREL PUBCOMP ' +
    'SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT AUTH'],
  ['maximumPacketSize', 0x27, 'int32, not 0', 'CONNECT CONNACK'],
  ['wildcardSubscriptionAvailable', 0x28, 'flag', 'CONNACK'],
  ['subscriptionIdentifiersAvailable', 0x29, 'flag', 'CONNACK'],
  ['sharedSubscriptionAvailable', 0x2a, 'flag', 'CONNACK']
]
const IDENTIFIERS = Object.fromEntries(PROPERTIES)

function each (value) {
  return Array.isArray(value) ? value : [value]
}

// The values of a property as fields.c prints them. That of user properties is an object.
function values (name, value) {
  if (name === 'userProperties') {
    return Object.keys(value).flatMap((key) => each(value[key]).map((v) => [hex(key), hexOrNull(v)]))
  }
  return each(value).map((v) => v === null || typeof v === 'number' || typeof v === 'boolean' ? Number(v) : hex(v))
}

function properties (object) {
  return Object.entries(object || {}).flatMap(([name, value]) =>
    values(name, value).map((v) => [IDENTIFIERS[name], v]))
}

function fields (packet) {
  const type = packet.cmd.toUpperCase()
  const result = Object.assign({ type }, FIELDS[type](packet))

  if (isV5 && !type.startsWith('PING')) result.properties = properties(packet.properties)
  if (isV5 && type === 'CONNECT') {
    result.will_properties = packet.will ? properties(packet.will.properties) : null
  }
  return result
}

// ---- read ---------------------------------------------------------------------------------------

// One packet and no more is in the bytes, or it is refused.
function read (bytes) {
  const parser = mqtt.parser({ protocolVersion: LEVEL })
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

// A topic, some of whose levels are made wildcards (4.7.1). In MQTT 5.0 it can be that of a shared
// subscription (4.8.2).
function randomFilter (round) {
  return (isV5 && round > 1 && below(4) === 0 ? '$share/group/' : '') + randomLevels(round)
}

function randomLevels (round) {
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
  const packet = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: LEVEL }
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
    if (isV5) packet.will.properties = randomProperties('will', round)
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

function randomSubscription (round) {
  const subscription = { topic: randomFilter(round), qos: below(3) }

  if (isV5) {
    const nl = !subscription.topic.startsWith('$share/') && flip() // [MQTT-3.8.3-4]
    Object.assign(subscription, { nl, rap: flip(), rh: below(3) })
  }
  return subscription
}

function randomCodes (round, codes) {
  const code = () => codes[below(codes.length)]
  const longer = Array.from({ length: between(100, 300) }, code)

  return round > 1 && flip() ? longer : several(round, 20000, code)
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
    subscriptions: several(round, 3, () => randomSubscription(round))
  }),
  SUBACK: (round) => ({
    cmd: 'suback',
    messageId: messageId(),
    granted: randomCodes(round, isV5 ? REASON_CODES.SUBACK : [0, 1, 2, 0x80])
  }),
  UNSUBSCRIBE: (round) => ({
    cmd: 'unsubscribe',
    messageId: messageId(),
    unsubscriptions: several(round, 3, () => randomFilter(round))
  })
}

// ---- generate: MQTT 5.0

// Tables 3-1 and 3-4 to 3-11, and 0x8c in DISCONNECT (Table 2-6)
const REASON_CODES = {
  CONNACK: [0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95,
    0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f],
  PUBACK: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  PUBREC: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  PUBREL: [0x00, 0x92],
  PUBCOMP: [0x00, 0x92],
  SUBACK: [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
  UNSUBACK: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
  DISCONNECT: [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93,
    0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
  AUTH: [0x00, 0x18, 0x19]
}

function randomInteger (round, kind, largest) {
  const smallest = kind.endsWith('not 0') ? 1 : 0

  if (round < 2) return round === 0 ? smallest : largest
  return [smallest, largest, between(smallest, largest), between(1, 300)][below(4)]
}

// Several of one name stay together, since mqtt-packet has them in an object. The value of a name that
// comes again is not empty, because its parser forgets such a value.
function randomPairs (round) {
  const pairs = Object.create(null)
  const length = round === 1 ? 1 : between(1, 12)

  for (let i = 0; i < length; i++) {
    pairs[randomText(round, 0)] = below(4) > 0
      ? randomText(round, 0)
      : [randomText(round, 1), randomText(round, 1), randomText(round, 1)]
  }
  return pairs
}

function randomValue (round, kind) {
  switch (kind.split(',')[0]) {
    case 'flag': return flip()
    case '0 or 1': return below(2)
    case 'int16': return randomInteger(round, kind, 0xffff)
    case 'int32': return randomInteger(round, kind, 0xffffffff)
    case 'variable': return between(1, [0x7f, 0x3fff, 0x1fffff, 0xfffffff][below(4)])
    case 'text': return randomText(round, 0)
    case 'topic': return randomTopic(round)
    case 'bytes': return randomBytes(randomLength(round, 0))
    default: return randomPairs(round)
  }
}

// None in the first round, in the second all.
function randomProperties (place, round) {
  const result = {}
  const chance = below(10)
  const possible = PROPERTIES.filter(([, , , places]) => places.split(' ').includes(place))

  while (possible.length > 0) {
    const [name, , kind] = possible.splice(below(possible.length), 1)[0]
    if (round === 1 || (round > 1 && below(10) < chance)) result[name] = randomValue(round, kind)
  }
  return result
}

// What the rules for the packet and its properties together ask for.
function settle (packet, type, round) {
  const found = packet.properties

  if (type === 'AUTH') found.authenticationMethod ||= randomText(round, 0) // 3.15.2.2.2
  if (found.authenticationMethod === undefined) delete found.authenticationData // 3.1.2.11.10
  if (type === 'PUBLISH') {
    if (found.topicAlias && flip()) packet.topic = '' // 3.3.2.1
    // 3.3.4: one for each subscription
    if (found.subscriptionIdentifier && flip()) {
      found.subscriptionIdentifier = several(round, 3, () => between(1, 0xfffffff))
    }
  }
  // [MQTT-3.14.2-2], Table 3-10: these come from a client only.
  const ofClient = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]
  if (type === 'DISCONNECT' && !ofClient.includes(packet.reasonCode)) {
    delete found.sessionExpiryInterval
  }
}

function makeV5 (type, round) {
  const codes = REASON_CODES[type] || [0]
  const packet = MAKERS[type] ? MAKERS[type](round) : { cmd: type.toLowerCase() }

  if (type.startsWith('PING')) return packet
  if (/^PUB[ACR]/.test(type) || type === 'UNSUBACK') packet.messageId = messageId()
  if (type === 'UNSUBACK') packet.granted = randomCodes(round, codes)
  packet.reasonCode = codes[round % codes.length]
  if (type === 'CONNACK') packet.sessionPresent = packet.reasonCode === 0 && flip()
  packet.properties = randomProperties(type, round)
  settle(packet, type, round)
  // Without this, mqtt-packet writes an empty list of properties (3.4.2.2.1).
  if (Object.keys(packet.properties).length === 0) delete packet.properties
  return packet
}

// ----

function generateAll (seed, rounds) {
  state = seed
  for (let round = 0; round < rounds; round++) {
    for (const type of TYPES) {
      const cmd = type.toLowerCase()
      const make = MAKERS[type] || (() => ({ cmd, messageId: messageId() }))
      const packet = isV5 ? makeV5(type, round) : make(round)
      const bytes = mqtt.generate(packet, { protocolVersion: LEVEL })
      console.log(`${bytes.toString('hex')} ${JSON.stringify(fields(packet))}`)
    }
  }
}

// -------------------------------------------------------------------------------------------------

if (!isV5 && version !== '3.1.1') throw new Error('VERSION is 3.1.1 or 5.0')
else if (command === 'read') readAll()
else if (command === 'generate') generateAll(Number(numbers[0]), Number(numbers[1]))
else throw new Error('usage: mqtt_packet.js VERSION read | VERSION generate SEED ROUNDS')
