/**
 * The inside of the SDK’s thread, in plain JavaScript: a thread has no loader for TypeScript. Orders come one after the other; what it says
 * is `SdkWord` of sdk-thread.ts. The SDK’s CommonJS build lacks a dependency, so it is imported as a module.
 */
import { parentPort } from 'node:worker_threads'
import * as sdk from '@0gfoundation/0g-ts-sdk'
import { ethers } from 'ethers'

for (const name of ['log', 'info', 'debug', 'warn', 'error']) console[name] = () => {}
const post = (word, moved) => parentPort.postMessage(word, moved)
const lineOf = thrown =>
  String(thrown?.message || thrown)
    .split('\n', 1)[0]
    .slice(0, 300)
let pollMs = 1000
// The SDK looks once a second, by a constant of its own; at one's own machine that is mostly waiting.
const wait = globalThis.setTimeout
globalThis.setTimeout = (run, ms, ...given) => wait(run, ms === 1000 ? pollMs : ms, ...given)
const sleep = milliseconds => new Promise(resolve => wait(resolve, milliseconds))

let onRecorded = () => {}

/**
 * Tells what it signed, and sends it only once that is written down: killed in between, the same bytes are sent again. The SDK takes the
 * contract from a node and the price from that contract's market: only what the order allows is signed.
 */
class RecordingWallet extends ethers.Wallet {
  constructor({ privateKey, flow, mostWei }, provider) {
    super(privateKey, provider)
    this.flow = flow
    this.mostWei = mostWei
  }

  async sendTransaction(given) {
    const [to, value] = [String(given.to), BigInt(given.value ?? 0)]
    if (this.flow !== null && to.toLowerCase() !== this.flow.toLowerCase()) {
      throw new Error(`A node names ${to} as the contract to pay at, and not ${this.flow}: nothing was sent.`)
    }
    if (value > this.mostWei) {
      throw new Error(`${value} wei are asked, and at most ${this.mostWei} are paid for it: nothing was sent.`)
    }
    const transaction = await this.populateTransaction(given)
    delete transaction.from
    const signed = await this.signTransaction(transaction)
    const recorded = new Promise(resolve => {
      onRecorded = resolve
    })
    post({ submitting: { hash: ethers.keccak256(signed), signed } })
    await recorded
    return this.provider.broadcastTransaction(signed)
  }
}

/**
 * Waits until a node knows what was paid for earlier; returns early where that transaction can never come: it is missing where its number
 * is taken, for so long that no node that merely lags behind another is meant.
 */
async function awaitPaid(provider, infoOf, { hash, signed }, lostAfterMs) {
  let lostSince = null
  while ((await infoOf()) === null) {
    const receipt = await provider.getTransactionReceipt(hash)
    if (receipt !== null && receipt.status !== 1) return
    if (receipt === null && (await provider.getTransaction(hash)) === null) {
      try {
        await provider.broadcastTransaction(signed)
      } catch (thrown) {
        if (thrown?.code === 'INSUFFICIENT_FUNDS') throw thrown
        const isTaken = thrown?.code === 'NONCE_EXPIRED' || /nonce too low/i.test(lineOf(thrown))
        lostSince = isTaken ? (lostSince ?? performance.now()) : null
        if (isTaken && performance.now() - lostSince >= lostAfterMs) return
      }
    } else lostSince = null
    post({ said: 'An earlier submission is not known to the node yet.' })
    await sleep(Math.min(pollMs, 500))
  }
}

async function upload(order) {
  const provider = new ethers.JsonRpcProvider(order.rpcUrl)
  const indexer = new sdk.Indexer(order.indexerUrl)
  const [nodes, noNodes] = await indexer.selectNodes(1)
  if (noNodes) return { failed: lineOf(noNodes) }
  const infoOf = () => nodes[0].getFileInfo(order.root, false)
  // Paid for already: else the SDK would pay again.
  if (order.submitted) await awaitPaid(provider, infoOf, order.submitted, order.lostAfterMs)
  const onProgress = text => post({ said: lineOf(text) })
  const [told, failure] = await indexer.upload(
    new sdk.MemData(order.bytes),
    order.rpcUrl,
    new RecordingWallet(order, provider),
    // skipTx: no second payment where a node knows the file, whatever is missing of it.
    { skipTx: true, skipIfFinalized: true, finalityRequired: true, onProgress },
    { Retries: 3, Interval: 1, MaxGasPrice: 0, TooManyDataRetries: 5 },
    order.gasPriceWei === undefined ? undefined : { gasPrice: order.gasPriceWei, gasLimit: 0n },
  )
  if (failure) return { failed: lineOf(failure) }
  const info = await infoOf()
  if (info === null) return { failed: 'The node forgot the file at once.' }
  return { stored: { root: told.rootHash, sizeBytes: info.tx.size, isFinal: info.finalized } }
}

async function download(order) {
  const indexer = new sdk.Indexer(order.indexerUrl)
  const locations = await indexer.getFileLocations(order.root)
  if (locations.length === 0) return { missing: true }
  const info = await new sdk.StorageNode(locations[0].url).getFileInfo(order.root, true)
  if (info === null) return { missing: true }
  // Before a node that lies can have us fetch without end.
  if (info.tx.size !== order.sizeBytes) return { otherSize: info.tx.size }
  const [blob, failure] = await indexer.downloadToBlob(order.root)
  if (failure) return { failed: lineOf(failure) }
  return { bytes: await blob.arrayBuffer() }
}

parentPort.on('message', order => {
  if (order === 'recorded') return onRecorded()
  pollMs = order.pollMs ?? 1000
  const work = order.kind === 'upload' ? upload(order) : download(order)
  return work.then(
    word => post(word, word.bytes ? [word.bytes] : []),
    thrown => post({ failed: lineOf(thrown) }),
  )
})
