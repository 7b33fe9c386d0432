import { chmod, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { privateKeyToAddress } from 'viem/accounts'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openNodeKey } from './open-node-key.ts'
import { readKeystore } from './read-keystore.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'key-'))
})
afterEach(() => rm(dataDir, { recursive: true }))

// The test vectors of the Web3 Secret Storage definition (ethereum.org, "Web3 secret storage definition").
const secret = '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d'
const password = 'testpassword'
const withPbkdf2 = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
    ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
    kdf: 'pbkdf2',
    kdfparams: {
      c: 262144,
      dklen: 32,
      prf: 'hmac-sha256',
      salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
    },
    mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
  },
  id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
  version: 3,
}
const withScrypt = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
    ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
    kdf: 'scrypt',
    kdfparams: {
      dklen: 32,
      n: 262144,
      p: 8,
      r: 1,
      salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
    },
    mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
  },
  id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
  version: 3,
}

describe('a keystore file', () => {
  it.each([
    ['pbkdf2', withPbkdf2],
    ['scrypt', withScrypt],
  ])('is opened by its password alone (%s)', async (_, keystore) => {
    const text = JSON.stringify(keystore)
    expect(await readKeystore(text, password)).toBe(secret)
    await expect(readKeystore(text, 'another')).rejects.toMatchObject({
      code: 'input_invalid',
      message: 'The password does not open the keystore file.',
    })
  })

  it('is refused by the field that is wrong, without its value', async () => {
    const costly = structuredClone(withScrypt)
    costly.crypto.kdfparams.n = 2 ** 30
    await expect(readKeystore(JSON.stringify(costly), password)).rejects.toThrow('scrypt is not readable: n is missing')
    await expect(readKeystore('{"private": "0x77"}', password)).rejects.toThrow('version is missing')
    await expect(readKeystore('no json', password)).rejects.toMatchObject({ code: 'input_invalid' })
  })

  it('takes its password from a file, or from the environment', async () => {
    const keystorePath = join(dataDir, 'keystore.json')
    const passwordFile = join(dataDir, 'password')
    await writeFile(keystorePath, JSON.stringify(withPbkdf2))
    await writeFile(passwordFile, `${password}\n`)
    const byFile = await openNodeKey({ dataDir, keystorePath, passwordFile, env: {} })
    const env = { COMPUTEPOOL_KEYSTORE_PASSWORD: password }
    const byEnv = await openNodeKey({ dataDir, keystorePath, env })
    expect([byFile.address, byEnv.address]).toEqual(Array(2).fill(privateKeyToAddress(secret).toLowerCase()))
    await expect(openNodeKey({ dataDir, keystorePath, env: {} })).rejects.toThrow('needs a password')
  })
})

describe('without a keystore', () => {
  it('takes the key of the environment, and repeats no bad one', async () => {
    const key = await openNodeKey({ dataDir, env: { COMPUTEPOOL_NODE_KEY: secret.slice(2) } })
    expect(key.address).toBe(privateKeyToAddress(secret).toLowerCase())
    const bad = openNodeKey({ dataDir, env: { COMPUTEPOOL_NODE_KEY: `${secret}77` } })
    await expect(bad).rejects.toMatchObject({ code: 'input_invalid' })
    expect(JSON.stringify(await bad.catch(error => error.toJSON()))).not.toContain(secret.slice(4, 20))
  })

  it('makes a key once, for its owner’s eyes alone', async () => {
    const first = await openNodeKey({ dataDir, env: {} })
    const path = join(dataDir, 'node.key')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await chmod(path, 0o644)
    expect((await openNodeKey({ dataDir, env: {} })).address).toBe(first.address)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(first.source).not.toContain((await readFile(path, 'utf8')).trim().slice(2))
  })

  it('makes a new one for an empty file, as a crash may leave it, and says so', async () => {
    const path = join(dataDir, 'node.key')
    await writeFile(path, '', { mode: 0o600 })
    const notices: string[] = []
    const key = await openNodeKey({ dataDir, env: {}, onNotice: text => notices.push(text) })
    expect(notices).toEqual([expect.stringContaining(`${path} was empty`)])
    expect((await openNodeKey({ dataDir, env: {} })).address).toBe(key.address)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('two that start at once agree on one, and leave nothing beside it', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => openNodeKey({ dataDir, env: {} })))
    expect(new Set(keys.map(({ address }) => address)).size).toBe(1)
    expect(await readdir(dataDir)).toEqual(['node.key'])
  })

  it('has no name before it is written: whoever is killed over it leaves none', async () => {
    const handle = await open(join(dataDir, 'other'), 'w')
    const write = vi.spyOn(Object.getPrototypeOf(handle), 'writeFile').mockRejectedValue(new Error('killed'))
    await handle.close()
    try {
      await expect(openNodeKey({ dataDir, env: {} })).rejects.toThrow('killed')
    } finally {
      write.mockRestore()
    }
    expect(await readdir(dataDir)).toEqual(['other'])
  })
})
