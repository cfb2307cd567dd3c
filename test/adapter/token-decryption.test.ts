import { generateKeyPairSync } from 'node:crypto'
import { CompactEncrypt } from 'jose'
import { expect, test } from 'vitest'
import { OwnDecryption } from '../../src/adapter/token-decryption.ts'

const HEADER = { alg: 'ECDH-ES+A256KW', enc: 'A256GCM' }
const HINT = { ...HEADER, kid: undefined }

/** A token for a key of this resource, and what decrypts with that key. */
async function open() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const decryption = new OwnDecryption({
    keys: [{ text, keyId: undefined }],
    algorithms: ['ECDH-ES+A256KW'],
    content: ['A256GCM'],
  })
  const encrypt = (signed: string) =>
    new CompactEncrypt(Buffer.from(signed)).setProtectedHeader(HEADER).encrypt(publicKey)
  return { decryption, encrypt }
}

test('RFC 9068 §4: a token that many bring at once is decrypted once, and another for itself', async () => {
  const { decryption, encrypt } = await open()
  const [token, other] = [await encrypt('signed'), await encrypt('other')]
  const opened = Array.from({ length: 100 }, () => decryption.decrypt(token, HINT))
  expect(new Set(opened).size).toBe(1)
  expect(await decryption.decrypt(other, HINT)).toBe('other')
  expect(await opened[0]).toBe('signed')
  // What was decrypted is not kept here.
  const again = decryption.decrypt(token, HINT)
  expect(again).not.toBe(opened[0])
  expect(await again).toBe('signed')
})

test('RFC 9068 §4: one that no key opens is refused to all who bring it', async () => {
  const [{ decryption }, { encrypt }] = [await open(), await open()]
  const token = await encrypt('signed')
  const opened = [decryption.decrypt(token, HINT), decryption.decrypt(token, HINT)]
  for (const one of opened) expect(await one).toMatchObject({ reason: 'token_decryption_failed' })
})
