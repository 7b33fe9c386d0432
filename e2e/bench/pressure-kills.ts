/**
 * The pressure bench's third part: a node of a ring is killed (SIGKILL, by its process id) while an answer streams, and the client waits for
 * the next piece. With a standby that holds the dead one's slice already; and
 * without one, where the node itself starts anew with its slice on disk.
 */
import type { ChildProcess } from 'node:child_process'
import path from 'node:path'
import { type RunningOrchestrator, startOrchestrator } from '@computepool/orchestrator/serve.ts'
import { endProcess } from '../harness/end-process.ts'
import { followPeers } from '../harness/follow-peers.ts'
import { spawnNode } from '../harness/node-processes.ts'
import { gapsMs, streamAnswer } from '../harness/stream-answer.ts'
import { type BenchRow, benchRow } from './bench-report.ts'
import type { PressureSetting } from './pressure.ts'

const stages = 2
/** The node dies when so many pieces have come. */
const piecesBefore = 12
const maxTokens = 64

export async function measureKills(setting: PressureSetting): Promise<BenchRow[]> {
  const { packDir, folder, isQuick } = setting
  const warm = await killAgain({
    packDir,
    dataDir: path.join(folder, 'warm'),
    nodes: stages + 1,
    trials: isQuick ? 2 : 50,
  })
  const cold = await killAgain({ packDir, dataDir: path.join(folder, 'cold'), nodes: stages, trials: isQuick ? 1 : 10 })
  return [
    benchRow('a node killed, warm standby: silence', 'ms', warm, { atMost: 2000 }),
    benchRow('… the longest', 'ms', [Math.max(...warm)], { atMost: 5000 }),
    benchRow('a node killed, no standby, its slice on disk: the longest silence', 'ms', [Math.max(...cold)], {
      atMost: 10_000,
    }),
    benchRow('… the median', 'ms', cold),
  ]
}

interface KillOrder {
  readonly packDir: string
  readonly dataDir: string
  readonly nodes: number
  readonly trials: number
}

/** The longest silence of each trial's answer; one that ended with an error was silent for ever. Throws where a text differs. */
async function killAgain({ packDir, dataDir, nodes, trials }: KillOrder): Promise<number[]> {
  const orchestrator = await startOrchestrator({
    port: 0,
    packDir,
    minSeats: stages,
    maxSeats: stages,
    pageFolder: null,
  })
  const pool = openNodes(orchestrator, dataDir)
  try {
    for (let index = 0; index < nodes; index++) await pool.start(index)
    await pool.untilPrepared(nodes)
    const ask = (onPiece?: (pieces: number) => void) =>
      streamAnswer({
        url: orchestrator.url,
        path: '/v1/completions',
        body: { model: orchestrator.model, prompt: 'the quick brown fox', max_tokens: maxTokens },
        ...(onPiece === undefined ? {} : { onPiece }),
      })
    const { text } = await ask()
    const silences: number[] = []
    for (let trial = 1; trial <= trials; trial++) {
      await pool.untilPrepared(nodes)
      const seat = pool.coveredSeat() ?? trial % stages
      let startAgain = (): void => {}
      const answer = await ask(pieces => {
        if (pieces !== piecesBefore) return
        startAgain = pool.kill(seat)
        // Where a standby takes over, a starting process would only take its core.
        if (nodes === stages) startAgain()
      })
      if (nodes > stages) startAgain()
      const silence = Math.max(...gapsMs(answer.arrivalsMs))
      if (answer.errorCode !== null) {
        console.error(`trial ${trial} of ${trials}, seat ${seat}: the answer ended with ${answer.errorCode}`)
        silences.push(Number.POSITIVE_INFINITY)
        continue
      }
      if (answer.text !== text) throw new Error(`Trial ${trial}: the answer is another: ${answer.text}`)
      console.error(`trial ${trial} of ${trials}, seat ${seat}: ${silence.toFixed(0)} ms of silence`)
      silences.push(silence)
    }
    return silences
  } finally {
    await pool.close()
    await orchestrator.close()
  }
}

interface Nodes {
  /** Starts a node on its folder, and resolves when the desk knows it. */
  start(index: number): Promise<void>
  /** So many nodes hold a slice: those of the ring, which is ready, and its standbys. */
  untilPrepared(count: number): Promise<void>
  /** The seat that a standby could take over now; null where there is none. */
  coveredSeat(): number | null
  /** Kills who has the seat; returns what starts it anew, with what it has on disk. */
  kill(seat: number): () => void
  close(): Promise<void>
}

function openNodes({ url, desk }: RunningOrchestrator, dataDir: string): Nodes {
  const peers = followPeers(desk)
  /** By wallet, which is the folder's. */
  const indexOf = new Map<string, number>()
  const children = new Map<number, ChildProcess>()
  const walletOf = (peer: string): string => peer.slice(0, 42)
  const spawn = (index: number): void => {
    children.set(index, spawnNode({ url, dataDir: path.join(dataDir, String(index)) }))
  }
  return {
    async start(index) {
      const joined = peers.next()
      spawn(index)
      indexOf.set(walletOf(await joined), index)
    },
    untilPrepared: count => peers.untilPrepared(count),
    coveredSeat: () => {
      const standbys = (desk.snapshot().rings ?? []).flatMap(ring => ring.standbys)
      return standbys.find(({ isReady }) => isReady)?.seat ?? null
    },
    kill(seat) {
      const index = indexOf.get(walletOf(desk.snapshot().seats[seat]!.peer))!
      children.get(index)!.kill('SIGKILL')
      return () => spawn(index)
    },
    async close() {
      await Promise.all([...children.values()].map(endProcess))
    },
  }
}
