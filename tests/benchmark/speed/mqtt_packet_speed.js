// mqtt_packet_speed.js PROTOCOL_VERSION: reads packets, each a line of hexadecimal digits, and prints
// the nanoseconds that mqtt-packet takes to decode and to encode one of them: the least of many
// repeats of all, after a warm-up.
//
// It runs in the folder that mqtt-packet is installed in.
'use strict'

const assert = require('assert')
const fs = require('fs')
const path = require('path')
const mqtt = require(path.join(process.cwd(), 'node_modules', 'mqtt-packet'))

const VERSION = Number(process.argv[2])
const WARM_UP = 2000
const REPEATS = 5000

const encoded = fs.readFileSync(0, 'latin1').split('\n').filter((line) => line !== '')
  .map((line) => Buffer.from(line, 'hex'))
const stream = Buffer.concat(encoded)

const packets = []
const parser = mqtt.parser({ protocolVersion: VERSION })
parser.on('packet', (packet) => packets.push(packet))

function decode () {
  packets.length = 0
  parser.parse(stream)
  return packets.length === encoded.length
}

assert(decode())
const given = packets.slice()

// Of 5.0 it writes more bytes than needed: it does not leave out a reason code of 0.
const written = Buffer.concat(given.map((packet) => mqtt.generate(packet, { protocolVersion: VERSION })))
if (VERSION === 4) assert.deepStrictEqual(written, stream)

function encode () {
  let length = 0
  for (const packet of given) length += mqtt.generate(packet, { protocolVersion: VERSION }).length
  return length === written.length
}

function nanoseconds (work) {
  let least = Infinity

  for (let i = 0; i < WARM_UP + REPEATS; i++) {
    const start = process.hrtime.bigint()
    const right = work()
    const taken = Number(process.hrtime.bigint() - start)
    if (!right) throw new Error(`${work.name} has gone wrong`)
    if (i >= WARM_UP) least = Math.min(least, taken)
  }
  return (least / encoded.length).toFixed(2)
}

console.log(`decode_stream\t${nanoseconds(decode)}`)
console.log(`encode_stream\t${nanoseconds(encode)}`)
console.log(`node\t${process.version}`)
