/**
 * The OCSP responder of OpenSSL, asked and answering in files: what it says is what a real responder says,
 * and it listens nowhere.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Credential } from '../../src/demo/certificates.ts'

export function hasOpenSsl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export interface OpenSslResponder {
  /** What it answers by, from now on. */
  know(good: readonly Credential[], revoked: readonly Credential[]): void
  answer(request: Buffer): Buffer
}

/**
 * @param ca PEM of the authority.
 * @param signer Whom it signs as.
 */
export function createResponder(
  folder: string,
  ca: string,
  signer: Pick<Credential, 'certificate' | 'key'>,
): OpenSslResponder {
  const path = (name: string) => join(folder, `ocsp-${name}`)
  writeFileSync(path('ca.pem'), ca)
  writeFileSync(path('signer.pem'), signer.certificate)
  writeFileSync(path('signer.key'), signer.key)
  return {
    know: (good, revoked) => {
      const line = (status: string, when: string, { serialNumber }: Credential) =>
        `${status}\t391231000000Z\t${when}\t${serialNumber.toUpperCase()}\tunknown\t/CN=client\n`
      const lines = [
        ...good.map((one) => line('V', '', one)),
        ...revoked.map((one) => line('R', '260101000000Z', one)),
      ]
      writeFileSync(path('index.txt'), lines.join(''))
    },
    answer: (request) => {
      writeFileSync(path('request.der'), request)
      const files = ['-index', path('index.txt'), '-CA', path('ca.pem'), '-rsigner']
      const signing = [path('signer.pem'), '-rkey', path('signer.key'), '-nmin', '5']
      const through = ['-reqin', path('request.der'), '-respout', path('response.der')]
      execFileSync('openssl', ['ocsp', ...files, ...signing, ...through], { stdio: 'ignore' })
      return readFileSync(path('response.der'))
    },
  }
}
