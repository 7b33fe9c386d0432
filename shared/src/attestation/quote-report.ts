/**
 * Reads out of a DCAP quote what policy asks for: kind of TEE, debug bit, measurements, report data. It checks no signature: what it reads is
 * worth something only where somebody else did. Offsets: Intel's TDX DCAP quote format (versions 4 and 5) and SGX's (version 3).
 */
import { bytesToHex } from '@noble/hashes/utils.js'

export type QuoteReport =
  | {
      readonly tee: 'tdx'
      readonly isDebug: boolean
      readonly reportData: Uint8Array
      readonly measurements: Readonly<Record<'mrtd' | 'rtmr0' | 'rtmr1' | 'rtmr2' | 'rtmr3', string>>
    }
  | {
      readonly tee: 'sgx'
      readonly isDebug: boolean
      readonly reportData: Uint8Array
      readonly measurements: Readonly<Record<'mrenclave' | 'mrsigner', string>>
    }

const headerBytes = 48
const tdxTee = 0x81

/** Null where the bytes are no quote of a version that we know. */
export function readQuote(quote: Uint8Array): QuoteReport | null {
  if (quote.length < headerBytes + 6) return null
  const view = new DataView(quote.buffer, quote.byteOffset, quote.byteLength)
  const version = view.getUint16(0, true)
  const tee = view.getUint32(4, true)
  if (tee === tdxTee && version === 4) return readTd(quote.subarray(headerBytes))
  // Version 5 puts the body's kind (2) and size (4) before it; 2 and 3 are a TD's of TDX 1.0 and 1.5.
  const body = view.getUint16(headerBytes, true)
  if (tee === tdxTee && version === 5 && (body === 2 || body === 3)) return readTd(quote.subarray(headerBytes + 6))
  if (tee === 0 && version === 3) return readEnclave(quote.subarray(headerBytes))
  return null
}

function readTd(body: Uint8Array): QuoteReport | null {
  if (body.length < 584) return null
  const register = (at: number) => bytesToHex(body.subarray(at, at + 48))
  return {
    tee: 'tdx',
    // The whole first byte of the attributes is "TD under debug".
    isDebug: body[120] !== 0,
    reportData: body.subarray(520, 584),
    measurements: {
      mrtd: register(136),
      rtmr0: register(328),
      rtmr1: register(376),
      rtmr2: register(424),
      rtmr3: register(472),
    },
  }
}

function readEnclave(body: Uint8Array): QuoteReport | null {
  if (body.length < 384) return null
  return {
    tee: 'sgx',
    isDebug: ((body[48] ?? 0) & 2) !== 0,
    reportData: body.subarray(320, 384),
    measurements: { mrenclave: bytesToHex(body.subarray(64, 96)), mrsigner: bytesToHex(body.subarray(128, 160)) },
  }
}
