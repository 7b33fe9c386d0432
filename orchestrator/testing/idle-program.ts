/** A program that does nothing but hold a connection to a test, which sees by it whether the program still runs. */
import { connect } from 'node:net'

const { IDLE_PROGRAM_PORT, COMPUTEPOOL_AUDITOR_KEYS = '' } = process.env
const socket = connect(Number(IDLE_PROGRAM_PORT), '127.0.0.1')
socket.write(JSON.stringify({ args: process.argv.slice(2), keys: COMPUTEPOOL_AUDITOR_KEYS.split(' ').length }))
setInterval(() => {}, 60_000)
