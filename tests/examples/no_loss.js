// no_loss.js pub PORT TOPIC QOS COUNT: npm's mqtt publishes the numbers from 1 to COUNT, as fast as it
// can, and ends when all are acknowledged.
//
// no_loss.js sub PORT TOPIC QOS COUNT: it prints COUNT payloads that it receives, a line each.
//
// no_loss.js both PORT TOPIC QOS COUNT: two clients publish COUNT numbers to each other; the program
// ends when each has received them in order.
//
// It runs in the folder that mqtt is installed in.
'use strict'

const path = require('path')
const mqtt = require(path.join(process.cwd(), 'node_modules', 'mqtt'))

const [command, port, topic, qosText, countText] = process.argv.slice(2)
const qos = Number(qosText)
const count = Number(countText)

function fail (error) {
  console.error(`no_loss.js: ${error}`)
  process.exit(1)
}

function connect (then) {
  const client = mqtt.connect({ host: '127.0.0.1', port: Number(port), protocolVersion: 4, reconnectPeriod: 0 })
  client.on('error', fail)
  client.once('connect', () => then(client))
  return client
}

function publishAll (client, to, then) {
  let left = count
  for (let i = 1; i <= count; i++) {
    client.publish(to, String(i), { qos }, (error) => {
      if (error) fail(error)
      if (--left === 0) then()
    })
  }
}

function subscribe (client, from, receive, then) {
  client.on('message', (_, payload) => receive(payload))
  client.subscribe(from, { qos }, (error, granted) => {
    if (error || granted[0].qos !== qos) fail(error || 'not granted')
    then()
  })
}

if (command === 'pub') {
  connect((client) => publishAll(client, topic, () => client.end()))
} else if (command === 'sub') {
  let got = 0
  connect((client) => subscribe(client, topic, (payload) => {
    process.stdout.write(`${payload}\n`)
    if (++got === count) client.end()
  }, () => {}))
} else {
  let ready = 0
  let open = 4 // what each has to receive, and to have acknowledged
  const clients = [0, 1].map((own) => connect((client) => {
    let last = 0
    const finish = () => { if (--open === 0) clients.forEach((c) => c.end()) }
    subscribe(client, `${topic}/${own}`, (payload) => {
      if (Number(payload) !== ++last) fail(`${payload} instead of ${last}`)
      if (last === count) finish()
    }, () => {
      client.finish = finish
      if (++ready === 2) clients.forEach((c, i) => publishAll(c, `${topic}/${1 - i}`, c.finish))
    })
  }))
}
