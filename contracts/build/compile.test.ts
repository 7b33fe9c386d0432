import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { artifactOf, compileContracts } from './compile.ts'
import { onceAcross } from './compile-lock.ts'

const contractsDir = path.resolve(import.meta.dirname, '..')
let folder = ''

beforeEach(async () => {
  await mkdir(path.join(contractsDir, 'dist'), { recursive: true })
  folder = path.relative(contractsDir, await mkdtemp(path.join(contractsDir, 'dist', 'compile-test-')))
})

afterEach(() => rm(path.join(contractsDir, folder), { recursive: true }))

const source = (name: string, text: string): Promise<void> =>
  writeFile(path.join(contractsDir, folder, name), `// SPDX-License-Identifier: MIT\npragma solidity ^0.8.28;\n${text}`)

test('a contract comes with its ABI and code, imports resolved from beside it and from node_modules', async () => {
  await source('Base.sol', 'contract Base { uint256 public answer = 42; }')
  await source(
    'Top.sol',
    'import {Base} from "./Base.sol";\nimport {\n  Ownable\n} from "@openzeppelin/contracts/access/Ownable.sol";\ncontract Top is Base, Ownable(msg.sender) {}',
  )
  const { abi, bytecode, deployedBytecode, source: file } = await artifactOf('Top', [folder])
  expect(file).toBe(`${folder}/Top.sol`)
  expect(abi.flatMap(item => (item.type === 'function' ? [item.name] : []))).toContain('answer')
  expect(bytecode).toContain(deployedBytecode.slice(2, 40))
})

test('an error names the file and the line', async () => {
  await source('Broken.sol', 'contract Broken {\n  function f() public { unknownName(); }\n}')
  await expect(compileContracts([folder])).rejects.toMatchObject({
    code: 'bug_contract_invalid',
    message: expect.stringContaining(`${folder}/Broken.sol:4:25`),
  })
})

test('an import that leads nowhere says who wanted it', async () => {
  await source('Lost.sol', 'import "@openzeppelin/contracts/Nowhere.sol";\ncontract Lost {}')
  await expect(compileContracts([folder])).rejects.toMatchObject({
    message: `${folder}/Lost.sol imports @openzeppelin/contracts/Nowhere.sol, which cannot be read.`,
  })
})

test('processes that want the same at once compile it once, and a dead one’s lock holds nobody up', async () => {
  const lockFile = path.join(contractsDir, folder, 'lock')
  // No process has the highest id there is.
  await writeFile(lockFile, String(2 ** 22 - 1))
  let made = 0
  let result: string | undefined
  const want = (): Promise<string> =>
    onceAcross({
      lockFile,
      done: async () => result,
      async make() {
        made++
        await new Promise(resolve => setImmediate(resolve))
        result = 'bytes'
        return result
      },
    })
  expect(await Promise.all([want(), want(), want()])).toEqual(['bytes', 'bytes', 'bytes'])
  expect(made).toBe(1)
})

test('a failed compilation leaves no lock behind', async () => {
  const lockFile = path.join(contractsDir, folder, 'lock')
  const done = async (): Promise<string | undefined> => undefined
  const fails = (): Promise<string> => Promise.reject(new Error('no'))
  await expect(onceAcross({ lockFile, done, make: fails })).rejects.toThrow('no')
  expect(await onceAcross({ lockFile, done, make: async () => 'bytes' })).toBe('bytes')
})

test('an unknown contract is refused with the names there are', async () => {
  await source('Known.sol', 'contract Known {}')
  await expect(artifactOf('Unknown', [folder])).rejects.toMatchObject({ remedy: 'Known are: Known.' })
})
