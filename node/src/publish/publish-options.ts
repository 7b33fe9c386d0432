/** The options of `computepool publish`, which `computepool pack --publish 0g` takes too. Data only. */

export const publishOptions = {
  chain: { type: 'string', default: 'embedded' },
  rpc: { type: 'string' },
  storage: { type: 'string' },
  gateway: { type: 'string', multiple: true },
  first: { type: 'boolean', default: false },
  yes: { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
  data: { type: 'string' },
} as const

export interface PublishValues {
  readonly chain: string
  readonly rpc?: string | undefined
  readonly storage?: string | undefined
  readonly gateway?: readonly string[] | undefined
  readonly first: boolean
  readonly yes: boolean
  readonly 'dry-run': boolean
  readonly data?: string | undefined
  readonly json: boolean
}
