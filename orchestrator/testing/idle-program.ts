/** A program that does nothing but hold a connection to a test at the port of `--url`, which sees by it whether the program still runs. */
import { connect } from 'node:net'

const { COMPUTEPOOL_AUDITOR_KEYS = '' } = process.env
const args = process.argv.slice(2)
const { port } = new URL(args[args.indexOf('--url') + 1]!)
const socket = connect(Number(port), '127.0.0.1')
const environment = Object.keys(process.env)
socket.write(JSON.stringify({ args, keys: COMPUTEPOOL_AUDITOR_KEYS.split(' ').length, environment }))
setInterval(() => {}, 60_000)
