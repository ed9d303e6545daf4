// kafkajs as a program: see ../README.md for what it takes and prints.
'use strict'

const readline = require('readline')
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')

// Of the four codecs kafkajs brings gzip; this one is its own plug-in.
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')

const [what, broker, topic, last] = process.argv.slice(2)
const kafka = new Kafka({ clientId: 'kafkajs', brokers: [broker], logLevel: logLevel.ERROR })
const show = (message) => process.stdout.write(`${message.key}:${message.value}\n`)

async function lines() {
  const found = []
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const at = line.indexOf(':')
    found.push({ key: line.slice(0, at), value: line.slice(at + 1) })
  }
  return found
}

async function produce() {
  const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  await producer.send({ topic, messages: await lines(), acks: -1, compression: codecs[last] })
  await producer.disconnect()
}

// kafkajs reads by groups only, so `consume` is a group of its own.
async function member(groupId, onMessage) {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 10000, heartbeatInterval: 500, maxWaitTimeInMs: 500 })
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) fail(payload.error)
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => onMessage(message) })
  return consumer
}

async function consume() {
  let left = Number(last)
  let done
  const all = new Promise((resolve) => (done = resolve))
  const consumer = await member(`reader-${process.pid}-${Date.now()}`, (message) => {
    if (left > 0) show(message)
    if (--left === 0) done()
  })
  await all
  await consumer.disconnect()
}

async function group() {
  const consumer = await member(last, show)
  await new Promise((resolve) => process.stdin.on('end', resolve).resume())
  await consumer.disconnect()
}

function fail(error) {
  console.error('kafkajs:', error)
  process.exit(1)
}

const program = { produce, consume, group }[what]
program().then(() => process.exit(0), fail)
